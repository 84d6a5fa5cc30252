"""What the ledger says happened: one frozen record per contract event, fields as in the interfaces (snake_case).

``ledger/events.py`` decodes logs into these; ``protocol/view.py`` folds them, ``protocol/coops.py`` those of one co-op's
own contracts. Their order is the ledger's.
"""

import dataclasses
import enum

from aicommons.domain import ids, messages, run


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where on the ledger an event stands; what is smaller came first."""

    block: int
    """Block number."""
    index: int
    """Log index within the block."""
    time: int
    """Block time in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What all events share."""

    at: Position


@dataclasses.dataclass(frozen=True, slots=True)
class MemberApplied(Event):
    """Somebody asks to be admitted."""

    applicant: ids.Address
    kind: int
    node_key: ids.Address
    reader_point: bytes
    credential: bytes
    profile: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class MemberAdmitted(Event):
    """A member got its number."""

    member_id: ids.MemberId
    account: ids.Address
    kind: int
    node_key: ids.Address
    credential: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class OfMember(Event):
    """What happened to one member."""

    member_id: ids.MemberId


@dataclasses.dataclass(frozen=True, slots=True)
class NodeKeySet(OfMember):
    """A member's node signs with another key from now on."""

    previous: ids.Address
    node_key: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class ReaderPointSet(OfMember):
    """Sums are sealed to another point from now on."""

    previous: bytes
    reader_point: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class ProfileSet(OfMember):
    """A member describes itself anew; the registrars admitted the profile of its application."""

    previous: bytes
    profile: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class MemberSuspended(OfMember):
    """A member may not act for now."""


@dataclasses.dataclass(frozen=True, slots=True)
class MemberReinstated(OfMember):
    """A suspended member may act again."""


@dataclasses.dataclass(frozen=True, slots=True)
class MemberLeft(OfMember):
    """A member left for good."""

    account: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class GuardianSet(OfMember):
    """A member named who may begin its recovery."""

    previous: ids.Address
    guardian: ids.Address
    """Zero = nobody but the registrars."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecoveryBegun(OfMember):
    """A membership is to change hands, unless its account vetoes."""

    previous: ids.Address
    account: ids.Address
    ripe_at: int
    """Block time in seconds from which anybody may finish it."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecoveryVetoed(OfMember):
    """The account still acts for its member and said so."""

    account: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class MemberRecovered(OfMember):
    """Another account acts for the member from now on."""

    previous: ids.Address
    account: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What of a UsePolicy the ledger itself enforces; fields in the ABI's order."""

    permitted: int
    """Bitmap of the purposes that consents may permit (``vocabulary.bits``)."""
    prohibited: int
    """Bitmap of the purposes that nothing permits; wins over ``permitted``."""
    commercial: bool
    """Whether consents may permit commercial use."""


@dataclasses.dataclass(frozen=True, slots=True)
class OfDataset(Event):
    """What happened to one dataset."""

    dataset_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetListed(OfDataset):
    """A holder listed a dataset."""

    owner: ids.MemberId
    card: ids.Digest
    policy: bytes
    rules: Rules
    free_commons: bool
    price: int
    """Per run, in the smallest unit of the ledger's money."""


@dataclasses.dataclass(frozen=True, slots=True)
class VersionPublished(OfDataset):
    """A dataset has a new version; older ones stay in the record."""

    version: int
    card: ids.Digest
    policy: bytes
    rules: Rules
    free_commons: bool
    price: int
    """Per run, in the smallest unit of the ledger's money."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetSuspended(OfDataset):
    """A dataset cannot be used for now."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetResumed(OfDataset):
    """A suspended dataset can be used again."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetRetired(OfDataset):
    """A dataset will never be used again."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetEntrusted(OfDataset):
    """From now on only a body, such as a co-op's governor, gives the dataset's consents; earlier ones are over."""

    body: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetDischarged(OfDataset):
    """The body gave the dataset back to its owner."""

    body: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentTerms:
    """What a consent permits; fields in the ABI's order."""

    dataset_id: int
    purposes: int
    """Bitmap of the purposes (``vocabulary.bits``); never 0."""
    grantee: ids.MemberId
    """Solver that may use it; 0 = any."""
    problem: bytes
    """Problem it may be used for; zero = any."""
    commercial: bool
    """Whether commercial use is permitted too."""
    expiry: int
    """Block time in seconds at which it ends."""
    max_uses: int
    """Number of runs."""
    document: bytes
    """Digest of the consent record; zero when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentGiven(Event):
    """A holder permits a use."""

    consent_id: bytes
    dataset_id: int
    holder: ids.MemberId
    terms: ConsentTerms


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentRevoked(Event):
    """A holder took a permission back."""

    consent_id: bytes
    dataset_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentUsed(Event):
    """A run used a consent."""

    consent_id: bytes
    run_id: ids.RunId
    dataset_id: int
    uses: int
    """Uses so far, this one included."""
    price: int
    """What was agreed for it, in the smallest unit of the ledger's money; 0 for free commons."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemStated(Event):
    """A problem owner put a problem on the ledger."""

    problem_id: bytes
    owner: ids.MemberId
    judge: ids.MemberId | None
    """Who judges its awards; ``None`` = nothing can be funded."""
    document: ids.Digest
    purpose: bytes
    """keccak256 of the purpose code."""
    deadline: int
    """Block time after which no run may be opened on it."""
    review_until: int
    """Block time until which it can be sent back; it is open from then on."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunOpened(Event):
    """A solver opened a run; its id is the hash of its terms."""

    run_id: ids.RunId
    solver: ids.MemberId
    spec: run.RunSpec


@dataclasses.dataclass(frozen=True, slots=True)
class Enrolled(Event):
    """A member brought a dataset to a run."""

    run_id: ids.RunId
    member_id: ids.MemberId
    dataset_id: int
    version: int
    consent_id: bytes
    node_key: ids.Address
    absence: run.Absence
    exit_signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Brought(Event):
    """A member brought a further dataset to its seat."""

    run_id: ids.RunId
    member_id: ids.MemberId
    dataset_id: int
    version: int
    consent_id: bytes

    @property
    def part(self) -> tuple[int, int]:
        """Who brought which dataset."""
        return self.member_id, self.dataset_id


@dataclasses.dataclass(frozen=True, slots=True)
class LeftOut(Event):
    """A dataset is out of a seat that has others, because its consent is dead: its rows are in no sum of the run."""

    run_id: ids.RunId
    member_id: ids.MemberId
    dataset_id: int
    consent_id: bytes

    @property
    def part(self) -> tuple[int, int]:
        """Whose dataset, and which."""
        return self.member_id, self.dataset_id


@dataclasses.dataclass(frozen=True, slots=True)
class RosterFixed(Event):
    """Nobody joins any more."""

    run_id: ids.RunId
    roster: bytes
    member_ids: tuple[int, ...]
    """Ascending."""
    node_keys: tuple[ids.Address, ...]
    layout: int
    faults: int
    quorum: int


@dataclasses.dataclass(frozen=True, slots=True)
class Acked(Event):
    """A member published its epoch key."""

    run_id: ids.RunId
    member_id: ids.MemberId
    roster: bytes
    epoch: int
    point: bytes
    pok_r: bytes
    pok_z: bytes
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class CellsDrawn(Event):
    """The seats of a divided run are dealt into cells for good."""

    run_id: ids.RunId
    seed: bytes
    """Digest of the first epoch's committee."""
    cells: tuple[int, ...]
    """Bitmaps over the roster."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attempted(Event):
    """What the messages of one attempt share."""

    run_id: ids.RunId
    member_id: ids.MemberId
    round_index: int
    attempt: int
    sid: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Submitted(Attempted):
    """A masked vector is in the store."""

    header_digest: ids.Digest
    state_digest: bytes
    """The state that it starts from: the sid follows from it, and from run, round, attempt and keys."""
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Committed(Attempted):
    """A member holds all inputs and fixed its masks."""

    set_digest: bytes
    input_digest: bytes
    masks: bytes
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Revealed(Attempted):
    """A member's mask sums are in the store."""

    salt: bytes
    mine: bytes
    document: ids.Digest
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Resulted(Attempted):
    """A member's word on the round's state."""

    sum_digest: bytes
    state_digest: bytes
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class PhaseEntered(Event):
    """An attempt moved on; ``set_bits`` has bit i set for the i-th roster member in the participant set."""

    run_id: ids.RunId
    round_index: int
    attempt: int
    phase: run.Phase
    set_bits: int
    deadline: int


@dataclasses.dataclass(frozen=True, slots=True)
class RunStateChanged(Event):
    """The run as a whole moved on; ``missing`` is a bitmap over the roster."""

    run_id: ids.RunId
    state: run.RunState
    round_index: int
    reason: run.Reason
    missing: int
    deadline: int


@dataclasses.dataclass(frozen=True, slots=True)
class StateAgreed(Event):
    """A quorum named the same session, and with it the same state."""

    run_id: ids.RunId
    rounds_done: int
    """Position of the agreed state: what round ``rounds_done`` starts from."""
    sid: bytes
    """The session that the quorum named."""
    state_digest: bytes
    """As signed in Result; zero when the agreement came from Submits, whose sid binds it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Complained(Attempted):
    """A seat says that another sealed it a box that does not open."""

    accused_id: ids.MemberId
    header_digest: bytes
    evidence: bytes
    """SHA-256 of the evidence in the store."""
    signature: bytes

    @property
    def case(self) -> tuple[int, int]:
        """Who accuses whom."""
        return self.member_id, self.accused_id


@dataclasses.dataclass(frozen=True, slots=True)
class Disputed(Attempted):
    """A seat says that another revealed a false sum of masks."""

    accused_id: ids.MemberId
    cell: int
    """Cell of the sum, 0 where there is one."""
    column: int
    chunk: int
    """First chunk in which the two sums differ."""
    evidence: bytes
    """SHA-256 of the evidence in the store."""
    signature: bytes

    @property
    def case(self) -> tuple[int, int, int, int]:
        """Who accuses whom, of which sum: cell and column."""
        return self.member_id, self.accused_id, self.cell, self.column


@dataclasses.dataclass(frozen=True, slots=True)
class VerdictGiven(Attempted):
    """A seat checked a case itself and says who cheated, or who is silent."""

    case_digest: bytes
    """Evidence of the case; header digest or document where those bytes are bad; zero = silence."""
    guilty_id: ids.MemberId
    signature: bytes

    @property
    def case(self) -> tuple[int, int, bytes]:
        """Who judges whom, in which case."""
        return self.member_id, self.guilty_id, self.case_digest


@dataclasses.dataclass(frozen=True, slots=True)
class Waived(Attempted):
    """The round is unmasked without this seat's Reveal: f + 1 members say that it is silent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Convicted(Event):
    """f + 1 seats say that this one cheated: it is out of the run, and its bond is lost."""

    run_id: ids.RunId
    guilty_id: ids.MemberId
    case_digest: bytes
    """The case of the last verdict that was needed; zero where two messages of its own convict it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Equivocated(Event):
    """A seat signed two different messages of one kind on one sid."""

    run_id: ids.RunId
    guilty_id: ids.MemberId
    kind: messages.Kind
    round_index: int
    attempt: int
    sid: bytes
    first: messages.Signed
    second: messages.Signed


@dataclasses.dataclass(frozen=True, slots=True)
class Rotated(Event):
    """A new epoch of keys was asked for: Acks are due."""

    run_id: ids.RunId
    epoch: int
    """The new one, from 0."""
    deadline: int
    """Block time after which, and after the patience, the run ends without them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Exited(Event):
    """A member left the run by an exit that it signed."""

    run_id: ids.RunId
    member_id: ids.MemberId
    last_round: int
    signature: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped(Event):
    """A seat is out because its consent is dead; its node still keeps its part of the others' masks."""

    run_id: ids.RunId
    member_id: ids.MemberId
    consent_id: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Voided(Event):
    """Submits that named another state than the agreed one; they are in no set."""

    run_id: ids.RunId
    round_index: int
    attempt: int
    seats: int


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What one participant brought to a model."""

    member_id: ids.MemberId
    dataset_id: int
    version: int
    used_at: int
    """Block time in seconds at which its data were used last."""
    consent_id: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class ModelRegistered(Event):
    """A run's model was written down with its lineage."""

    run_id: ids.RunId
    registrant: ids.MemberId
    plan: ids.Digest
    card: ids.Digest
    state_digest: bytes
    licence: bytes
    """``encoding.licence_code`` of the licence in the run's terms."""
    rounds_done: int
    sources: tuple[Source, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class SharesGiven(Event):
    """A co-owner's part of a model, of 1,000,000."""

    run_id: ids.RunId
    member_id: ids.MemberId
    shares: int


class Wish(enum.IntEnum):
    """What the owner of a dataset asks of a model that used it."""

    RETRAIN = 0
    RETIRE = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Wished(Event):
    """The owner of a dataset in a model's lineage asks for something."""

    run_id: ids.RunId
    dataset_id: int
    wish: Wish
    document: bytes
    """Digest of the reason; zero when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class RegisterOpened(Event):
    """A dataset has a register of people's consents."""

    dataset_id: int
    owner: ids.MemberId


@dataclasses.dataclass(frozen=True, slots=True)
class RegisterPosted(Event):
    """All consents behind a dataset, and all that were taken back through the steward."""

    dataset_id: int
    root: bytes
    """Root over the leaves."""
    leaves: int
    """How many there are."""
    status: bytes
    """Root over the words of the status list."""


@dataclasses.dataclass(frozen=True, slots=True)
class LeafWithdrawn(Event):
    """A person took a consent back without the steward."""

    dataset_id: int
    index: int
    leaf: bytes
    """Hash of the leaf."""
    by: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class GuardianAttested(Event):
    """An organisation vouches for the guardian of a child."""

    guardianship_id: bytes
    attester: ids.MemberId
    guardian: ids.Address
    ward: bytes
    """Salted commitment to who the child is."""
    until: int
    """Block time in seconds at which it is over."""
    evidence: bytes
    """Digest of the evidence's record."""


@dataclasses.dataclass(frozen=True, slots=True)
class GuardianshipRevoked(Event):
    """The organisation does not vouch any more."""

    guardianship_id: bytes


class Answer(enum.IntEnum):
    """What an owner says to a request."""

    ASK_BACK = 0
    APPROVE = 1
    DENY = 2


@dataclasses.dataclass(frozen=True, slots=True)
class RequestAsked(Event):
    """A member asks for a dataset."""

    request_id: int
    dataset_id: int
    asker: ids.MemberId
    for_run: bytes
    """The run that it is for; zero when there is none yet."""
    document: ids.Digest
    """The request, sealed to the owner."""


@dataclasses.dataclass(frozen=True, slots=True)
class RequestAnswered(Event):
    """The owner answered."""

    request_id: int
    dataset_id: int
    answer: Answer
    document: ids.Digest
    """The words, sealed to the asker; zero for an approval without any."""


@dataclasses.dataclass(frozen=True, slots=True)
class RequestReplied(Event):
    """The asker replied to a question."""

    request_id: int
    document: ids.Digest


@dataclasses.dataclass(frozen=True, slots=True)
class RequestWithdrawn(Event):
    """The asker does not want it any more."""

    request_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class PersonAdmitted(Event):
    """Somebody has a place and a vote in a co-op."""

    person: ids.Address
    credential: bytes
    """Salted commitment to what proves who it is."""


@dataclasses.dataclass(frozen=True, slots=True)
class PersonLeft(Event):
    """Somebody has neither any more."""

    person: ids.Address
    credential: bytes


class Support(enum.IntEnum):
    """A vote in the commons or in a co-op, as OpenZeppelin's Governor counts it."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


@dataclasses.dataclass(frozen=True, slots=True)
class ProposalCreated(Event):
    """A member of the commons, or of a co-op, proposes calls in its name."""

    proposal_id: int
    proposer: ids.Address
    targets: tuple[ids.Address, ...]
    values: tuple[int, ...]
    signatures: tuple[str, ...]
    """Empty texts; calldata carries the selectors."""
    calldatas: tuple[bytes, ...]
    vote_start: int
    """Block time after which votes count; membership is that of this second."""
    vote_end: int
    """Last block time at which votes count."""
    description: str


@dataclasses.dataclass(frozen=True, slots=True)
class VoteCast(Event):
    """A member of the commons, or of a co-op, voted."""

    voter: ids.Address
    proposal_id: int
    support: Support
    weight: int
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class ProposalExecuted(Event):
    """What was carried was done."""

    proposal_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProposalCanceled(Event):
    """The proposer took the proposal back before the vote."""

    proposal_id: int
