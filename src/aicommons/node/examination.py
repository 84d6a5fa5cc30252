"""What an examination of a run works with: its records, its blobs, what was found, and how a mismatch gets its name.

Used by the ``verification`` modules only. What is checked, and in which order, is theirs.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Iterator, Mapping

from aicommons.domain import encoding, errors, events, ids
from aicommons.learning import evaluation, state
from aicommons.learning.secagg import layout
from aicommons.node import agent as agents
from aicommons.node import evidence, journal, verdict
from aicommons.protocol import cells as divisions
from aicommons.protocol import ports
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyingReader:
    """Somebody who may read the run's sums: problem owner or named auditor, or a participant that kept its key."""

    member_id: ids.MemberId
    secret: bytes = dataclasses.field(repr=False)
    """Scalar of the point in the run's terms, or the participant's epoch key; 32 bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Eyes:
    """What sees the sums of a run: a reader's key, or what one's own node kept of a run that it took part in."""

    reader: VerifyingReader | None = None
    """Opens every sum again."""
    kept: Mapping[int, journal.SumRecord] = dataclasses.field(default_factory=dict)
    """Round -> its sum as the node computed it; used for rounds that ``reader`` does not open."""


class Findings:
    """What was checked and how often, and what could not be checked; parts are named as in ``verdict.SENTENCES``."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._absent: dict[str, list[int | None]] = collections.defaultdict(list)
        self._gaps: list[verdict.Unchecked] = []
        self._consents: dict[int, list[bool]] = collections.defaultdict(list)
        self.rounds = 0
        """Unmasked rounds that were checked."""
        self.figures: evaluation.Metrics | None = None
        """Figures of the newest state that was judged, when the sums could be read."""
        self.agreed: state.State | None = None
        """The agreed state, when the sums could be read."""
        self.cases: list[verdict.Judged] = []
        """Accusations, judged again."""
        self.convictions: list[verdict.Conviction] = []
        """What each conviction rests on."""

    def passed(self, part: str, number: int = 1) -> None:
        """Count ``number`` things of a part that hold."""
        self._counts[part] += number

    def count(self, part: str) -> int:
        """Return how many things of a part hold."""
        return self._counts[part]

    def absent(self, kind: str, round_index: int | None) -> None:
        """Note a blob that the store does not have."""
        self._absent[kind].append(round_index)

    def gap(self, part: str, why: verdict.Why, words: str) -> None:
        """Note what could not be checked, once."""
        found = verdict.Unchecked(part, why, words)
        if found not in self._gaps:
            self._gaps.append(found)

    def committed(self, member_id: int, *, to_people: bool) -> None:
        """Note whether a header commits to a set of people who consented."""
        self._consents[member_id].append(to_people)

    def consented(self) -> tuple[verdict.Consented, ...]:
        """Return what the headers say of people's consents, by participant."""
        return tuple(
            verdict.Consented(member_id, len(said), sum(said)) for member_id, said in sorted(self._consents.items())
        )

    def checked(self) -> tuple[verdict.Checked, ...]:
        """Return what holds, in the order in which it is told."""
        return tuple(
            verdict.Checked(part, self._counts[part], text.format(count=self._counts[part]))
            for part, text in verdict.SENTENCES.items()
            if self._counts[part]
        )

    def unchecked(self) -> tuple[verdict.Unchecked, ...]:
        """Return what could not be checked."""
        absent = [
            verdict.Unchecked(part_of(kind), verdict.Why.NOT_IN_STORE, _absence(kind, rounds))
            for kind, rounds in self._absent.items()
        ]
        return (*self._gaps, *absent)

    def level(self) -> verdict.Level:
        """Return how far everything holds, if nothing that was checked failed."""
        if self.rounds == 0:
            return verdict.Level.NONE
        if self._counts["sums"] == self.rounds:
            return verdict.Level.SUMS
        if self._counts["sums"] + self._counts["kept_sums"] == self.rounds:
            return verdict.Level.KEPT_SUMS
        return verdict.Level.SIGNED if self._absent.keys() - verdict.PAPERS else verdict.Level.RECORD


class Blobs:
    """The store, believed in nothing: bytes come back only if they are those of their digest."""

    def __init__(self, store: ports.Store, findings: Findings) -> None:
        self._store = store
        self._findings = findings

    def get(self, kind: str, digest: bytes, limit: int, round_index: int | None = None) -> bytes | None:
        """Return the bytes of ``digest``, or ``None`` when they are not there (any more), which is noted.

        Raises:
            errors.DigestMismatch: the store has other bytes.
            errors.StoreRefused: they are longer than ``limit``.
            errors.StoreUnreachable: the store does not answer.
        """
        try:
            data = self._store.get(digest, limit)
        except errors.BlobNotFound:
            self._findings.absent(kind, round_index)
            return None
        except errors.DigestMismatch as err:
            raise errors.DigestMismatch(
                f"the store has other bytes than this {kind}", expected=_shown(digest), got="another digest"
            ) from err
        got = ids.digest(data)
        if got != digest:
            raise errors.DigestMismatch(
                f"the store has other bytes than this {kind}", expected=_shown(digest), got=_shown(got)
            )
        return data


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A run under examination, its roster and keys already checked."""

    run_id: ids.RunId
    current: views.RunView
    place: encoding.Place
    roster: events.RosterFixed
    committees: Mapping[int, agents.Committee]
    """Epoch of keys -> who sums in it; there is always one of epoch 0."""
    terms: agents.RunDocuments | None
    """``None`` when the store has lost plan or terms."""
    eyes: Eyes
    blobs: Blobs
    findings: Findings
    cells: divisions.Cells = divisions.UNDIVIDED
    """Cells of the run, drawn again; none where it is not divided."""

    @property
    def layout(self) -> layout.Layout:
        """Layout of the first epoch: number, faults and quorum are those of all."""
        return self.committees[0].layout

    def committee(self, at: views.AttemptPlace) -> agents.Committee:
        """Return who sums at an attempt."""
        return self.committees[self.current.epoch_of(at)]


@dataclasses.dataclass(frozen=True, slots=True)
class KnownState:
    """The state that a round starts from, as far as it is known."""

    digest: bytes
    value: state.State | None
    """``None`` when only its digest is known: nobody opened the sums."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """One attempt under examination."""

    case: Case
    at: views.AttemptPlace
    seen: views.AttemptView
    signed: evidence.Evidence
    before: KnownState | None

    @property
    def where(self) -> str:
        """Name of the attempt in messages."""
        return f"round {self.at[0]} attempt {self.at[1]}"

    def of(self, member: int, record: str) -> str:
        """Return the name of a member's record in messages."""
        return f"{self.where}, {record} of member {member}"

    def get(self, kind: str, digest: bytes, limit: int) -> bytes | None:
        """Return a blob of this round, see ``Blobs.get``."""
        return self.case.blobs.get(kind, digest, limit, self.at[0])

    def find(self, kind: str, digest: bytes, limit: int) -> bytes | None:
        """Return a blob that a member named at will, or ``None`` where it cannot be had: gone, or longer than any such blob.

        Raises:
            errors.DigestMismatch: the store has other bytes.
        """
        try:
            return self.get(kind, digest, limit)
        except errors.StoreRefused:  # whoever signs a digest of anything must not stop a verification
            self.case.findings.absent(kind, self.at[0])
            return None


@contextlib.contextmanager
def naming(record: str) -> Iterator[None]:
    """Turn any expected error into the one that says which record does not match.

    Raises:
        errors.VerificationFailed: instead of every other permanent error; temporary ones pass.
    """
    try:
        yield
    except errors.VerificationFailed:
        raise
    except errors.AggregationRefused as err:
        member = f"member {err.member}" if err.member is not None else ""
        which = ", ".join(
            place for place in (record, member, err.which) if place and not record.endswith(f" of {place}")
        )
        raise errors.VerificationFailed(f"{err.message} ({err.reason})", which=which) from err
    except errors.PermanentError as err:
        which = record if err.which is None else f"{record}, {err.which}"
        raise errors.VerificationFailed(err.message, which=which, expected=err.expected, got=err.got) from err


def check_signatures(scene: Scene, sent_by: Mapping[int, evidence.Message]) -> None:
    """Check and count the messages of one kind; raises ``errors.AggregationRefused`` naming the member."""
    for member, sent in sent_by.items():
        record = type(evidence.signed_part(sent)).__name__
        if not scene.signed.is_signed_anywhere(member, sent):
            raise errors.AggregationRefused(
                f"a {record} is not signed by its member's key", reason=f"{record.lower()}-signature", member=member
            )
        scene.case.findings.passed(part_of(record))


def check_equal(message: str, *, which: str, expected: object, got: object) -> None:
    """Compare what must be equal; bytes are shown by their first eight.

    Raises:
        errors.VerificationFailed: they differ.
    """
    if expected != got:
        raise errors.VerificationFailed(message, which=which, expected=_shown(expected), got=_shown(got))


def part_of(kind: str) -> str:
    """Return the name of the part that is about blobs or messages of a kind."""
    return kind.lower().replace(" ", "_").replace("-", "_")


def out_since(current: views.RunView, member: int) -> events.Position | None:
    """Return where a member went out of the run, ``None`` while it is in."""
    ends = (current.exits.get(member), current.dropped.get(member), current.convicted.get(member))
    return min((end.at for end in ends if end is not None), default=None)


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()[:16] + "…" if value else "nothing"
    return value


def _absence(kind: str, rounds: list[int | None]) -> str:
    known = sorted({index for index in rounds if index is not None})
    where = "" if not known else f" of round {known[0]}"
    if len(known) > 1:
        where = f" of rounds {known[0]} to {known[-1]}"
    return f"{len(rounds)} {kind}{'s' if len(rounds) > 1 else ''}{where}: not in the store (erased after the retention time?)"
