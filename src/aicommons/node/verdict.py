"""What a verification may claim: the parts that it checked, those that it could not, and the sentence that follows.

Filled by ``examination`` and ``verification``, told by the command line. The sentence says never more than the parts: a
record whose sums nobody opened is agreed and signed, but whether the model follows from it is open. What is checked, and
how, is elsewhere.
"""

import dataclasses
import enum
from collections.abc import Mapping


class Level(enum.Enum):
    """How far everything holds; the value is what JSON says."""

    NONE = "none"
    """Something does not match, or nothing was unmasked yet."""
    SIGNED = "signed"
    """Rosters, signatures, phases, certificates and commitments; not all bytes behind the digests were there."""
    RECORD = "record"
    """Also every byte that a digest names: headers, masked vectors, mask-sum documents, sealed mask sums."""
    KEPT_SUMS = "kept_sums"
    """Like ``SIGNED``; and every state follows from sums that one's own node kept, whatever else is still there."""
    SUMS = "sums"
    """Like ``RECORD``; also every sum and every state."""


class Why(enum.Enum):
    """Why a part could not be checked; the value is what JSON says."""

    NO_READER_KEY = "no_reader_key"
    """It is sealed to the run's readers."""
    NOT_IN_STORE = "not_in_store"
    """The store does not have its bytes: erased after the retention time, or lost."""
    NOT_YET = "not_yet"
    """The run has not come so far."""
    NOT_REVEALED = "not_revealed"
    """The attempt ended before anything of it was opened, and nothing of it was used."""
    NOT_GIVEN = "not_given"
    """The caller did not say what it has to be held against."""


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A part that holds."""

    part: str
    """Its name: small letters and underscores."""
    count: int
    """How many things of its kind were checked."""
    words: str
    """What was checked, in plain words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unchecked:
    """A part that could not be checked."""

    part: str
    """Its name: small letters and underscores."""
    why: Why
    words: str
    """What was not checked and why, in plain words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Consented:
    """What a participant's headers say of the people whose rows it used."""

    member_id: int
    """The participant."""
    headers: int
    """Headers of it that were there."""
    committed: int
    """How many of them commit to a set of people who had consented."""

    @property
    def words(self) -> str:
        """What that means, in plain words."""
        if self.committed == 0:
            return f"member {self.member_id}: no register of people's consents stands behind its contributions"
        return (
            f"member {self.member_id}: {self.committed} of {self.headers} contributions commit to a set of people who "
            "consented; an auditor at that site can open them (`commons consent audit`)"
        )


class Judgement(enum.Enum):
    """What came out when an accusation was judged again; the value is what JSON says."""

    PROVEN = "proven"
    """The evidence shows that the accused cheated."""
    FALSE = "false_accusation"
    """The evidence does not show it: whoever accused cheated."""
    NOTHING = "proves_nothing"
    """It is about another header than the ledger shows of the accused in that attempt: nobody is guilty of it."""
    GONE = "evidence_gone"
    """The store does not have the evidence, or what it is about, any more."""
    UNJUDGED = "not_judged"
    """This reader cannot judge it: terms or lengths are missing, or it has no public proof."""


IN_WORDS: Mapping[Judgement, str] = {
    Judgement.PROVEN: "proven: the evidence shows it, judged again here",
    Judgement.FALSE: "a false accusation: judged again here, the evidence does not show it",
    Judgement.NOTHING: "it is about another header than was sent in that attempt, and proves nothing against anybody",
    Judgement.GONE: "the evidence is not in the store any more (erased after the retention time?)",
    Judgement.UNJUDGED: "not judged by this reader",
}


class Charge(enum.Enum):
    """What a seat is accused of; the value is what JSON says."""

    BAD_BOX = "bad_box"
    FALSE_SUM = "false_sum"
    BAD_HEADER = "bad_header"
    BAD_DOCUMENT = "bad_document"
    NO_CASE = "no_case"
    """A verdict names nothing that is on record."""


CHARGES: Mapping[Charge, str] = {
    Charge.BAD_BOX: "a box of seeds that does not fit its header",
    Charge.FALSE_SUM: "a false sum of masks",
    Charge.BAD_HEADER: "a header or masked vector that is bad for everybody",
    Charge.BAD_DOCUMENT: "a mask-sum document that is bad for everybody",
    Charge.NO_CASE: "something that is not on record",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """One accusation, judged again."""

    charge: Charge
    round_index: int
    attempt: int
    accuser: int | None
    """``None`` where the bytes are bad for everybody and nobody had to accuse."""
    accused: int
    digest: bytes
    """What verdicts on it name."""
    judgement: Judgement

    @property
    def words(self) -> str:
        """What came out, in plain words."""
        said = "" if self.accuser is None else f" by member {self.accuser}"
        where = f"round {self.round_index} attempt {self.attempt}"
        return f"{where}: member {self.accused}, accused{said} of {CHARGES[self.charge]}: {IN_WORDS[self.judgement]}"

    def against(self, member_id: int) -> Judgement:
        """Return what it says of one of the two: what is false is proven against whoever accused."""
        if member_id == self.accused:
            return self.judgement
        if member_id == self.accuser:
            return OTHER_SIDE.get(self.judgement, self.judgement)
        return Judgement.FALSE


OTHER_SIDE: Mapping[Judgement, Judgement] = {Judgement.PROVEN: Judgement.FALSE, Judgement.FALSE: Judgement.PROVEN}


@dataclasses.dataclass(frozen=True, slots=True)
class Conviction:
    """A seat that the ledger says cheated."""

    member_id: int
    verdicts: int
    """Seats that named it, each by a valid signature; 0 where two messages of its own convict it."""
    needed: int
    """How many are: f + 1."""
    judgement: Judgement

    @property
    def words(self) -> str:
        """What it rests on, in plain words."""
        on = f"{self.verdicts} signed verdicts where {self.needed} are needed"
        if not self.verdicts:
            on = "two different messages of its own"
        return f"member {self.member_id} is convicted by {on}; {IN_WORDS[self.judgement]}"


SENTENCES: Mapping[str, str] = {
    "terms": "terms: the run's id is their hash, and plan and purpose are those that they name",
    "roster": "roster ({count} members): its digest, keys and layout, computed again",
    "ack": "Acks ({count}): signature and proof of the key",
    "session_of_known_state": "sessions ({count}): each starts from exactly the state before it",
    "session": "sessions ({count}): all participants name the same one, from a state that is not known here",
    "submit": "Submits ({count}): signature",
    "commit": "Commits ({count}): signature, participant set and inputs",
    "certificate": "certificates ({count}): a quorum of Commits, one in every column, before anything was revealed",
    "header": "headers ({count}): digest, exact layout and proof of the one-time key",
    "masked_vector": "masked vectors ({count}): digest and the root in their header",
    "reveal": "Reveals ({count}): signature and opened commitment",
    "mask_sum_document": "mask-sum documents ({count}): digest, commitment, equal among the holders of a column",
    "sealed_mask_sum": "sealed mask sums ({count}): digest and length",
    "result": "Results ({count}): signature, one sum and one state",
    "complaint": "complaints ({count}): signature and session",
    "dispute": "disputes ({count}): signature and session",
    "verdict": "verdicts ({count}): signature, session, and that a seat of the run gave it on another",
    "cases": "accusations ({count}): judged again from their evidence",
    "convictions": "convictions ({count}): f + 1 signed verdicts, or two messages of its own, and in no later set",
    "waived": "Reveals not waited for ({count}): f + 1 signed verdicts of silence, another holder in every column",
    "exit": "exits on demand ({count}): signed, and of the round that was the last one then",
    "exit_in_advance": "exits signed in advance ({count}): used only after silence past the patience",
    "dropped": "seats whose consent is over ({count}): it was over when they were dropped",
    "set": "participant set ({count} members): one in the whole run, smaller only by exits, ended consents, convictions",
    "sums": "sums ({count}): opened, and the state after each computed again",
    "kept_sums": "sums that this home's node kept ({count}): the state after each computed again",
    "agreed": "agreed state: {count} members named it",
    "model": "registered model: the agreed state, the plan, and what each participant enrolled with",
    "shares": "shares ({count:,}): split as the run's terms say",
    "card": "model card: run, rounds, participants",
    "figures": "figures on the card: those of the sums",
    "papers": "papers beside the run ({count}): digest of problem, dataset cards and profiles",
}
"""Part -> how it is told; in the order in which it is told."""

PAPERS = ("problem statement", "dataset card", "profile")
"""Documents that the registries name: nothing of a run's agreement or arithmetic hangs on them."""

MEANINGS: Mapping[Level, str] = {
    Level.NONE: "This proves nothing about the run as a whole.",
    Level.SIGNED: (
        "This proves the agreement, as far as it is signed: who took part, what each one signed, and that a quorum had "
        "agreed before anything was revealed. It does not prove that the model follows from it: not all bytes behind "
        "the signatures were there to compute it again."
    ),
    Level.RECORD: (
        "This proves the agreement: who took part, what each one signed, over which masked vectors, and that a quorum "
        "had agreed before anything was revealed. It does not prove the arithmetic, that the model follows from the "
        "sums: only a reader's key opens them."
    ),
    Level.KEPT_SUMS: (
        "This proves the agreement, and that every state up to the model follows from the sums that this home's node "
        "kept when it took part. That these are the sums of the masked vectors is that node's word: only a reader's key "
        "opens them again."
    ),
    Level.SUMS: (
        "This proves the arithmetic and the agreement: who signed what, over which inputs, and that every sum and every "
        "state follows from them."
    ),
}
NOT_HONESTY = "It does not prove that inputs were honest."
EXCEPT = "What is listed as not checked is no part of it."


def meaning(level: Level, unchecked: tuple[Unchecked, ...]) -> str:
    """Return what a verification proves, and what it does not."""
    said = [MEANINGS[level]]
    if level is not Level.NONE:
        said.append(NOT_HONESTY)
        if unchecked:
            said.append(EXCEPT)
    return " ".join(said)
