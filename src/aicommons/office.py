"""What a member does at its own desk: everything that its wallet signs, and what its operator confirms.

Problem, dataset, consent, plan, run: each function puts the long part into the store and the agreement on the ledger,
and returns the id that the ledger then knows. The command line, the demo and ``testing`` call it; nodes never do.
"""

import dataclasses
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from aicommons.domain import documents, encoding, errors, events, ids, messages, run, vocabulary
from aicommons.learning import recipe as recipes
from aicommons.node import journal
from aicommons.protocol import consents, coops, ports, registry
from aicommons.protocol import view as views

E = TypeVar("E")

DEFAULT_PURPOSE = "DUO:0000007"
"""Disease-specific research."""
ORGANISATION = 1
"""Membership kind of an organisation; 0 is a person."""


class Registry(Protocol):
    """A ledger client that acts with the member's wallet."""

    address: ids.Address

    @property
    def place(self) -> encoding.Place:
        """Chain and address of TrainingRuns."""

    def poll(self) -> Sequence[events.Event]:
        """Return new events."""

    def transact(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> None:
        """Send a call and wait until it is recorded; ``at`` is where a contract outside the deployment stands."""

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Return what a view function answers."""

    def call_data(self, contract: str, function: str, *values: object) -> bytes:
        """Return the bytes of a call that others will make."""

    def address_of(self, contract: str) -> ids.Address:
        """Return where a contract of the deployment stands."""

    def create(self, contract: str, *values: object) -> ids.Address:
        """Create one of the packaged contracts and return where it stands."""

    def history(self, contract: str, at: ids.Address) -> Sequence[events.Event]:
        """Return all events of a contract outside the deployment."""


class Desk:
    """One member's wallet, ledger and store."""

    def __init__(self, registry: Registry, store: ports.Store) -> None:
        self._registry = registry
        self._store = store
        self._view = views.LedgerView()

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""
        self._view = views.fold(self._view, self._registry.poll())
        return self._view

    def member_id(self) -> ids.MemberId:
        """Return this wallet's member id.

        Raises:
            errors.InputError: it was not admitted.
        """
        found = self.view().member_of_account(self._registry.address)
        if found is None:
            raise errors.InputError(
                "this wallet is not a member",
                which=ids.format_id(self._registry.address),
                next_step="run `commons member apply`, then ask a registrar to run `commons member admit`",
            )
        return found

    def apply(self, node_key: ids.Address, reader_point: bytes, credential: bytes, profile: bytes) -> None:
        """Ask to be admitted as an organisation."""
        self._registry.transact("Membership", "applyAs", ORGANISATION, node_key, reader_point, credential, profile)

    def admit(self, applicant: ids.Address) -> ids.MemberId | None:
        """Approve an application as a registrar; returns the member id once enough registrars have."""
        self._registry.transact("Membership", "admit", applicant)
        return self.view().member_of_account(applicant)

    def set_guardian(self, guardian: ids.Address | None) -> None:
        """Name who may begin the recovery of this membership: a second device, or somebody trusted; ``None`` = nobody."""
        self._registry.transact("Membership", "setGuardian", guardian or ids.Address(bytes(20)))

    def recover(self, member_id: ids.MemberId, account: ids.Address) -> registry.Recovery | None:
        """Ask, as its guardian or as a registrar, that another account acts for a member.

        Returns the recovery that its account may still veto, ``None`` while more registrars must agree.
        """
        self._registry.transact("Membership", "recover", member_id, account)
        return self.member(member_id).recovery

    def veto(self, member_id: ids.MemberId) -> None:
        """Stop a recovery of this wallet's own membership."""
        self._registry.transact("Membership", "veto", member_id)

    def finish_recovery(self, member_id: ids.MemberId) -> None:
        """Finish a recovery whose seven days are over."""
        self._registry.transact("Membership", "finishRecovery", member_id)

    def member(self, member_id: int) -> registry.MemberView:
        """Return a member.

        Raises:
            errors.InputError: there is none.
        """
        found = self.view().members.get(member_id)
        if found is None:
            raise errors.InputError(
                "no such member", which=f"member {member_id}", next_step="see `commons member list`"
            )
        return found

    def set_node_key(self, node_key: ids.Address) -> None:
        """Let another key sign for this member's node from now on; seats that were taken keep theirs."""
        self._registry.transact("Membership", "setNodeKey", node_key)

    def state_problem(self, problem: documents.Problem, deadline: int) -> bytes:
        """Put a problem on the ledger; ``deadline`` is a block time in seconds. Returns its id."""
        digest = ids.Digest(self._store.put(problem.encode()))
        self._registry.transact("Problems", "state", digest, deadline)
        return _newest(self.view().problems, owner=self.member_id(), document=digest).problem_id

    def publish_dataset(self, card: documents.DatasetCard, use: "Use | None" = None) -> int:
        """List a dataset by its card; the data itself goes nowhere. Returns its id."""
        digest = ids.Digest(self._store.put(card.encode()))
        self._registry.transact("DataRegistry", "list", digest, *(use or Use()).values())
        return _newest(self.view().datasets, owner=self.member_id(), card=digest).dataset_id

    def publish_version(self, dataset_id: int, card: documents.DatasetCard, use: "Use | None" = None) -> int:
        """Publish a new version of a dataset of one's own. Returns its number; runs that are under way keep theirs."""
        digest = ids.Digest(self._store.put(card.encode()))
        self._registry.transact("DataRegistry", "publishVersion", dataset_id, digest, *(use or Use()).values())
        return self.view().datasets[dataset_id].newest.version

    def suspend_dataset(self, dataset_id: int) -> None:
        """Take a dataset out of use for now; running runs lose it as well."""
        self._registry.transact("DataRegistry", "suspend", dataset_id)

    def resume_dataset(self, dataset_id: int) -> None:
        """Put a suspended dataset back into use."""
        self._registry.transact("DataRegistry", "resume", dataset_id)

    def retire_dataset(self, dataset_id: int) -> None:
        """Take a dataset out of use for good."""
        self._registry.transact("DataRegistry", "retire", dataset_id)

    def entrust(self, dataset_id: int, body: ids.Address) -> None:
        """Let only ``body``, such as a co-op's governor, give the consents of a dataset of one's own from now on."""
        self._registry.transact("DataRegistry", "entrust", dataset_id, body)

    def discharge(self, dataset_id: int) -> None:
        """Give a dataset back to its owner, as the body that it was entrusted to."""
        self._registry.transact("DataRegistry", "discharge", dataset_id)

    def give_consent(self, terms: events.ConsentTerms) -> bytes:
        """Permit a use of a dataset of one's own. Returns the consent's id."""
        self._registry.transact("DataRegistry", "give", dataclasses.astuple(terms))
        return _newest(self.view().consents, dataset_id=terms.dataset_id, terms=terms).consent_id

    def revoke_consent(self, consent_id: bytes) -> None:
        """Take a permission back, at once."""
        known = self.view()
        if consent_id not in known.consents:
            raise errors.InputError("no such consent", which=ids.format_id(consent_id))
        self._registry.transact("DataRegistry", "revoke", consent_id)

    # ------------------------------------------------------------------------- people's consents and their guardians

    @property
    def register_place(self) -> encoding.Place:
        """Where leaves and signed withdrawals are good: chain and ConsentRegister."""
        return encoding.Place(self._registry.place.chain_id, self._registry.address_of("ConsentRegister"))

    def open_register(self, dataset_id: int) -> None:
        """Open the register of people's consents behind a dataset of one's own, empty."""
        self._registry.transact("ConsentRegister", "open", dataset_id)

    def post_register(self, dataset_id: int, leaves: consents.Tree, status: consents.Tree) -> None:
        """Post a register as it is now: all consents ever entered, and the status list of those taken back."""
        self._registry.transact("ConsentRegister", "post", dataset_id, leaves.root, leaves.size, status.root)

    def withdraw_leaf(self, leaf: consents.Leaf, proof: Sequence[bytes]) -> None:
        """Take a consent back as its holder or a child's guardian; needs no membership and no steward."""
        self._registry.transact("ConsentRegister", "withdraw", dataclasses.astuple(leaf), list(proof))

    def withdraw_leaf_by_signature(
        self, leaf: consents.Leaf, proof: Sequence[bytes], *, deadline: int, by: ids.Address, signature: bytes
    ) -> None:
        """Send somebody's signed withdrawal (``consents.withdrawal_digest``); ``deadline`` is a block time in seconds."""
        values = (dataclasses.astuple(leaf), list(proof), deadline, by, signature)
        self._registry.transact("ConsentRegister", "withdrawBySignature", *values)

    def is_leaf_live(
        self, leaf: consents.Leaf, proof: Sequence[bytes], word: int, status_proof: Sequence[bytes]
    ) -> bool:
        """Return whether the ledger itself, shown both proofs, calls a consent live now."""
        values = (dataclasses.astuple(leaf), list(proof), word, list(status_proof))
        return self._registry.call("ConsentRegister", "isLive", *values) == (True,)

    def attest_guardian(self, ward: bytes, guardian: ids.Address, until: int, evidence: bytes) -> bytes:
        """Vouch as an organisation that ``guardian`` may consent for a child. Returns the guardianship's id.

        Args:
            ward: salted commitment to who the child is, 32 bytes.
            guardian: key of the guardian.
            until: block time in seconds at which it is over; the child's majority at the latest.
            evidence: digest of the record of what was seen, 32 bytes.
        """
        self._registry.transact("Guardianships", "attest", ward, guardian, until, evidence)
        wanted = {"attester": self.member_id(), "ward": ward, "guardian": guardian, "evidence": evidence}
        attested = {key: known.attested for key, known in self.view().guardianships.items()}
        return _newest(attested, **wanted).guardianship_id

    def revoke_guardian(self, guardianship_id: bytes) -> None:
        """Do not vouch any more; consents that rest on it are dead at once."""
        self._registry.transact("Guardianships", "revoke", guardianship_id)

    # --------------------------------------------------------------------------------------------- requests for data

    def ask(self, dataset_id: int, sealed: bytes, run_id: ids.RunId | None = None) -> int:
        """Ask for a dataset with a document sealed to its owner. Returns the request's id."""
        document = ids.Digest(self._store.put(sealed))
        self._registry.transact("Requests", "ask", dataset_id, run_id or bytes(32), document)
        asked = {key: known.asked for key, known in self.view().requests.items()}
        return _newest(asked, asker=self.member_id(), document=document).request_id

    def answer(self, request_id: int, answer: events.Answer, sealed: bytes | None = None) -> None:
        """Answer a request for a dataset of one's own; only an approval may go without a document sealed to the asker."""
        if sealed is None and answer is not events.Answer.APPROVE:
            raise errors.InputError(
                "a question or a denial needs its words",
                which=f"request {request_id}",
                next_step="say what is asked, or why it is denied",
            )
        document = bytes(32) if sealed is None else self._store.put(sealed)
        self._registry.transact("Requests", "answer", request_id, int(answer), document)

    def reply(self, request_id: int, sealed: bytes) -> None:
        """Reply to an owner's question with a document sealed to it."""
        self._registry.transact("Requests", "reply", request_id, self._store.put(sealed))

    def withdraw_request(self, request_id: int) -> None:
        """Take back a request that was not decided."""
        self._registry.transact("Requests", "withdraw", request_id)

    # --------------------------------------------------------------------------------------------------------- co-ops

    def found_coop(self, rules: coops.Rules) -> coops.Coop:
        """Create a co-op's roll and governor, bound to each other; this wallet is its steward."""
        members = self._registry.create("CoopMembers", rules.name, self._registry.address)
        terms = (rules.delay, rules.period, rules.percent, rules.minimum)
        governor = self._registry.create("CoopGovernor", members, *terms)
        self._registry.transact("CoopMembers", "bindGovernor", governor, at=members)
        return coops.Coop(members, governor)

    def coop(self, coop: coops.Coop) -> "CoopDesk":
        """Return the desk of a co-op in which this wallet is steward or has a vote."""
        return CoopDesk(self._registry, coop)

    def publish_plan(self, plan: documents.Plan) -> ids.Digest:
        """Put a plan into the store after checking that its recipe can be read. Returns its digest."""
        recipes.from_plan(dict(plan.recipe))
        return ids.Digest(self._store.put(plan.encode()))

    def open_run(self, offer: "Offer") -> ids.RunId:
        """Open a run as its solver. Returns its id.

        Raises:
            errors.InputError: the plan cannot be read, or the problem is unknown.
        """
        view = self.view()
        if offer.problem not in view.problems:
            raise errors.InputError("no such problem", which=ids.format_id(offer.problem))
        plan = documents.Plan.decode(self._store.get(offer.plan, encoding.MAX_DOCUMENT))
        made = recipes.from_plan(dict(plan.recipe))
        terms = ids.Digest(self._store.put(offer.terms.encode()))
        spec = offer.spec(self.member_id(), terms, made)
        self._registry.transact("TrainingRuns", "open", encoding.spec_values(spec))
        return encoding.run_id(spec)

    def enrol(self, run_id: ids.RunId, seat: "Seat", node: "NodeSigner | None" = None) -> None:
        """Bring a dataset to a run; ``Absence.EXIT`` needs the node's key for the exit signed in advance."""
        signed = b""
        if seat.absence is run.Absence.EXIT:
            if node is None:
                raise errors.InputError("an exit in advance needs the node's key", which="--absence exit")
            signed = node.sign(messages.Exit(run_id, self.member_id(), messages.ANY_ROUND))
        self._registry.transact(
            "TrainingRuns", "enrol", run_id, seat.dataset_id, seat.consent_id, int(seat.absence), signed
        )

    def close_roster(self, run_id: ids.RunId) -> events.RosterFixed:
        """Fix who takes part; only the solver may before the time is over.

        Raises:
            errors.InputError: fewer than three sites enrolled.
        """
        current = self.run(run_id)
        if current.state is run.RunState.ENROLLING:
            needed = max(run.FEWEST_PARTICIPANTS, current.spec.min_participants)
            view = self._view
            dead = [view.dead_since(seat.consent_id, view.time) for seat in current.enrolled.values()]
            if dead.count(None) < needed:
                raise errors.InputError(
                    "too few sites have enrolled",
                    which=ids.format_id(run_id),
                    expected=f"at least {needed}",
                    got=dead.count(None),
                    next_step="wait for more members to enrol; fewer than three can always be told apart",
                )
            self._registry.transact("TrainingRuns", "close", run_id)
        roster = self.run(run_id).roster
        if roster is None:
            raise errors.InputError("the run has no roster", which=ids.format_id(run_id))
        return roster

    def wish(self, run_id: ids.RunId, dataset_id: int, wish: events.Wish, document: bytes = bytes(32)) -> None:
        """Ask that a model which used a dataset of one's own be retrained without it or retired.

        Args:
            run_id: the model's run.
            dataset_id: a dataset of its lineage.
            wish: what is asked; it binds nobody, but stands beside the model for everybody to see.
            document: digest of the reason, zero when there is none.
        """
        self._registry.transact("ModelRegistry", "ask", run_id, dataset_id, int(wish), document)

    def cancel(self, run_id: ids.RunId) -> None:
        """End a run as its solver; what was agreed is kept."""
        self._registry.transact("TrainingRuns", "cancel", run_id)

    def run(self, run_id: ids.RunId) -> views.RunView:
        """Return a run.

        Raises:
            errors.InputError: the ledger knows no such run.
        """
        found = self.view().runs.get(run_id)
        if found is None:
            raise errors.InputError("no such run", which=ids.format_id(run_id), next_step="see `commons run list`")
        if encoding.run_id(found.spec) != run_id:
            raise errors.LedgerMismatch(
                "the ledger shows other terms than the run's id stands for", which=ids.format_id(run_id)
            )
        return found

    def pin(self, run_id: ids.RunId, *, may_overlap: bool = False) -> journal.Pin:
        """Return what there is to confirm of a run: its roster, and what this member brings to it.

        Raises:
            errors.InputError: there is no roster yet, or this member has no seat on it.
        """
        current, member_id = self.run(run_id), self.member_id()
        seat, roster = current.enrolled.get(member_id), current.roster
        if roster is None:
            raise errors.InputError(
                "the roster is not fixed yet", which=ids.format_id(run_id), next_step="wait until the solver closes it"
            )
        if seat is None or member_id not in roster.member_ids:
            raise errors.InputError(
                "this member has no seat in the run", which=ids.format_id(run_id), next_step="see `commons run show`"
            )
        return journal.Pin(
            roster=roster.roster,
            problem=current.spec.problem,
            dataset_id=seat.dataset_id,
            version=seat.version,
            consent_id=seat.consent_id,
            may_overlap=may_overlap,
        )


def _newest(known: Mapping[Any, E], **wanted: object) -> E:
    for each in reversed(tuple(known.values())):
        if all(getattr(each, name) == value for name, value in wanted.items()):
            return each
    raise errors.LedgerMismatch("the ledger recorded a call but does not show it", which=", ".join(wanted))


ANYTHING_BUT_BANNED = events.Rules(
    permitted=vocabulary.bits(
        [each.code for each in vocabulary.PURPOSES if each.code not in vocabulary.BANNED_PURPOSES], closed=False
    ),
    prohibited=0,
    commercial=False,
)
"""Rules that leave everything to the consents, but commercial use and what is banned."""


def consent(dataset_id: int, purposes: Iterable[str], expiry: int, *, max_uses: int = 1) -> events.ConsentTerms:
    """Return a consent to ``purposes`` and all below them, for any solver and problem, not commercial.

    Raises:
        errors.InputError: a purpose that the vocabulary does not know.
    """
    permitted = vocabulary.bits(purposes)
    return events.ConsentTerms(dataset_id, permitted, ids.MemberId(0), bytes(32), False, expiry, max_uses, bytes(32))


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What an owner lets the ledger hold every consent to."""

    policy: bytes = encoding.keccak(b"default deny; see consents")
    """Digest of the UsePolicy."""
    rules: events.Rules = ANYTHING_BUT_BANNED
    free_commons: bool = True
    price: int = 0
    """Per run, in the smallest unit of the ledger's money."""

    def values(self) -> tuple[object, ...]:
        """Return the contract's arguments after the card."""
        return (self.policy, dataclasses.astuple(self.rules), self.free_commons, self.price)


class CoopDesk:
    """One wallet in one data co-op: admits people as its steward, or proposes and votes as one of them."""

    def __init__(self, registry: Registry, coop: coops.Coop) -> None:
        self._registry = registry
        self._coop = coop

    @property
    def place(self) -> encoding.Place:
        """Where ballots are good: chain and governor."""
        return encoding.Place(self._registry.place.chain_id, self._coop.governor)

    def check(self) -> None:
        """Check that roll and governor belong together.

        Raises:
            errors.LedgerMismatch: they name others.
        """
        (token,) = self._ask("CoopGovernor", "token")
        (bound,) = self._ask("CoopMembers", "governor")
        named = (ids.parse_address(str(token)), ids.parse_address(str(bound)))
        if named != (self._coop.members, self._coop.governor):
            raise errors.LedgerMismatch("roll and governor do not belong together", which="the co-op")

    def view(self) -> coops.CoopView:
        """Return who is on the roll, what was proposed and how people voted."""
        told = [
            *self._registry.history("CoopMembers", self._coop.members),
            *self._registry.history("CoopGovernor", self._coop.governor),
        ]
        return coops.fold(told)

    def admit(self, people: Mapping[ids.Address, bytes]) -> None:
        """Admit people as the steward: key -> salted commitment to what proves who it is, up to 100 in one call."""
        self._act("CoopMembers", "admit", list(people), list(people.values()))

    def leave(self) -> None:
        """Give up this wallet's place."""
        self._act("CoopMembers", "leave")

    def propose(self, calls: Sequence["Call"], description: str) -> int:
        """Propose calls in the co-op's name. Returns the proposal's id."""
        targets, datas = [call.target for call in calls], [call.data for call in calls]
        values = [0] * len(calls)
        self._act("CoopGovernor", "propose", targets, values, datas, description)
        digest = encoding.keccak(description.encode())
        (proposal_id,) = self._ask("CoopGovernor", "getProposalId", targets, values, datas, digest)
        if not isinstance(proposal_id, int):
            raise errors.LedgerMismatch("the ledger's answer is no proposal", which="getProposalId")
        return proposal_id

    def propose_consent(self, terms: events.ConsentTerms, description: str) -> int:
        """Propose that the co-op permits a use of a dataset that is entrusted to it. Returns the proposal's id."""
        data = self._registry.call_data("DataRegistry", "give", dataclasses.astuple(terms))
        return self.propose([Call(self._registry.address_of("DataRegistry"), data)], description)

    def state(self, proposal_id: int) -> coops.ProposalState:
        """Return where a proposal stands now."""
        (state,) = self._ask("CoopGovernor", "state", proposal_id)
        return coops.ProposalState(int(str(state)))

    def vote(self, proposal_id: int, support: events.Support) -> None:
        """Vote with this wallet."""
        self._act("CoopGovernor", "castVote", proposal_id, int(support))

    def ballot(self, proposal_id: int, support: events.Support, voter: ids.Address) -> coops.Ballot:
        """Return what ``voter`` signs to vote without a transaction."""
        (nonce,) = self._ask("CoopGovernor", "nonces", voter)
        return coops.Ballot(proposal_id, support, voter, int(str(nonce)))

    def vote_by_signature(self, ballot: coops.Ballot, signature: bytes) -> None:
        """Send somebody's signed ballot."""
        values = (ballot.proposal_id, int(ballot.support), ballot.voter, signature)
        self._act("CoopGovernor", "castVoteBySig", *values)

    def execute(self, proposal_id: int) -> None:
        """Do what was carried; anybody may.

        Raises:
            errors.InputError: the co-op knows no such proposal.
        """
        found = self.view().proposals.get(proposal_id)
        if found is None:
            raise errors.InputError("no such proposal", which=f"proposal {proposal_id:#x}")
        created = found.created
        digest = encoding.keccak(created.description.encode())
        values = (list(created.targets), list(created.values), list(created.calldatas), digest)
        self._act("CoopGovernor", "execute", *values)

    def _act(self, contract: str, function: str, *values: object) -> None:
        self._registry.transact(contract, function, *values, at=self._at(contract))

    def _ask(self, contract: str, function: str, *values: object) -> tuple[object, ...]:
        return self._registry.call(contract, function, *values, at=self._at(contract))

    def _at(self, contract: str) -> ids.Address:
        return self._coop.members if contract == "CoopMembers" else self._coop.governor


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call of a proposal."""

    target: ids.Address
    """Contract that is called."""
    data: bytes
    """Function and arguments."""


class NodeSigner(Protocol):
    """Signs a run's messages with the node's key, once each."""

    def sign(self, message: messages.Message) -> bytes:
        """Return the signature."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """What a member brings to a run."""

    dataset_id: int
    consent_id: bytes
    absence: run.Absence = run.Absence.WAIT


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """What a solver offers."""

    problem: bytes
    """Problem id."""
    plan: ids.Digest
    terms: documents.RunTerms
    enrol_until: int
    """Block time in seconds after which anybody may close the roster."""
    min_participants: int = run.FEWEST_PARTICIPANTS
    max_participants: int = run.MOST_PARTICIPANTS
    max_attempts: int = 3
    phase_seconds: int = 60
    patience_seconds: int = 3600
    solver_shares: int = 100_000
    owner_shares: int = 100_000
    most_rounds: int | None = None
    """Cap on rounds, or ``None`` for what the plan needs at most."""
    commercial: bool = False
    """Whether the model is for commercial use."""
    price: int = 0
    """The most that is paid for one dataset, in the smallest unit of the ledger's money."""

    def spec(self, solver: ids.MemberId, terms: ids.Digest, made: recipes.Recipe) -> run.RunSpec:
        """Return the run's immutable terms, with a fresh salt."""
        rounds = made.most_rounds if self.most_rounds is None else min(self.most_rounds, made.most_rounds)
        return run.RunSpec(
            problem=self.problem,
            plan=self.plan,
            terms=terms,
            purpose=encoding.purpose_code(self.terms.purpose),
            solver=solver,
            rounds=rounds,
            min_participants=self.min_participants,
            max_participants=self.max_participants,
            layout=1,
            suite=1 if made.word_bits == 32 else 3,
            max_attempts=self.max_attempts,
            enrol_until=self.enrol_until,
            phase_seconds=self.phase_seconds,
            patience_seconds=self.patience_seconds,
            solver_shares=self.solver_shares,
            owner_shares=self.owner_shares,
            bond=0,
            commercial=self.commercial,
            price=self.price,
            salt=secrets.token_bytes(32),
        )
