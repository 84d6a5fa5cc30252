"""What the ledger says of money: credits, locks, bonds, and the problems with the awards that lie on them.

``view.py`` hands the events on and shows the outcome as its own; the command line and the portal read it. States that
change by time alone are derived here as the contracts derive them. What is in a document stands nowhere here. No I/O, no
clock.
"""

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

from aicommons.domain import encoding, events, ids, money_events


class ProblemState(enum.IntEnum):
    """Where a problem stands; the numbers are the contract's."""

    NONE = 0
    DRAFT = 1
    REVIEW = 2
    OPEN = 3
    CLOSED = 4


class AwardState(enum.IntEnum):
    """Where an award stands; the numbers are the contract's."""

    NONE = 0
    OPEN = 1
    JUDGED = 2
    CHALLENGED = 3
    PAID = 4
    REFUNDED = 5


class LockState(enum.IntEnum):
    """How a lock of the vault stands; the numbers are the contract's."""

    NONE = 0
    LOCKED = 1
    RELEASED = 2
    REFUNDED = 3
    EXPIRED = 4


class Step(enum.Enum):
    """What can be done about an award now."""

    JUDGE = "the judge may accept or reject"
    TAKE_BACK = "nobody earned it in time: anybody may refund it"
    CHALLENGE = "the judgement can be challenged"
    SETTLE = "nobody challenged the judgement: anybody may settle it"
    VOTE = "the judgement was challenged: the members decide"
    EXPIRE = "nobody decided in time: anybody may refund it"
    NOTHING = "it is over"


@dataclasses.dataclass(frozen=True, slots=True)
class LockView:
    """One lock of the vault."""

    made: money_events.LockMade
    """Whose money waits, how much, and until when."""
    state: LockState = LockState.LOCKED
    """Whether it still waits, or where it went."""


@dataclasses.dataclass(frozen=True, slots=True)
class AwardView:
    """Money for one step of a problem."""

    funded: money_events.AwardFunded
    """Who pays how much, and until when it can be earned."""
    state: AwardState = AwardState.OPEN
    """Where it stands; what time alone changes is ``step``'s."""
    judged: money_events.AwardJudged | None = None
    """Who earned it, once somebody said so."""
    challenged: money_events.AwardChallenged | None = None
    """Who objected, if somebody did."""

    def step(self, now: float) -> Step:
        """Return what can be done at ``now`` (block time in seconds)."""
        if self.state in (AwardState.PAID, AwardState.REFUNDED):
            return Step.NOTHING
        if now >= self.funded.expiry:
            return Step.EXPIRE
        if self.state is AwardState.CHALLENGED:
            return Step.VOTE
        if self.judged is not None:
            return Step.CHALLENGE if now < self.judged.window_until else Step.SETTLE
        return Step.JUDGE if now < self.funded.due else Step.TAKE_BACK

    def until(self, now: float) -> int | None:
        """Return the block time at which ``step`` changes by itself, ``None`` if it does not."""
        match self.step(now):
            case Step.JUDGE:
                return self.funded.due
            case Step.CHALLENGE if self.judged is not None:
                return self.judged.window_until
            case Step.TAKE_BACK | Step.SETTLE | Step.VOTE:
                return self.funded.expiry
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemView:
    """A problem with its money."""

    stated: events.ProblemStated
    """With the document that is in force."""
    contest: money_events.ContestStated | None = None
    """Its times, if it is one."""
    sent_back: money_events.ProblemSentBack | None = None
    """Who sent it back and why, until it is amended."""
    is_closed: bool = False
    """Whether its owner closed it."""
    awards: Mapping[int, AwardView] = dataclasses.field(default_factory=dict)
    """Number -> award."""
    commitments: Mapping[int, bytes] = dataclasses.field(default_factory=dict)
    """Member -> what it fixed."""
    submissions: Mapping[int, bytes] = dataclasses.field(default_factory=dict)
    """Member -> what it showed."""

    def state(self, now: float) -> ProblemState:
        """Return where it stands at ``now`` (block time in seconds)."""
        if self.is_closed:
            return ProblemState.CLOSED
        if self.sent_back is not None:
            return ProblemState.DRAFT
        return ProblemState.REVIEW if now < self.stated.review_until else ProblemState.OPEN

    def is_open(self, now: float) -> bool:
        """Return whether a run may be opened on it at ``now`` (block time in seconds)."""
        return self.state(now) is ProblemState.OPEN and now < self.stated.deadline


@dataclasses.dataclass(frozen=True, slots=True)
class Money:
    """All of it, at one block."""

    credits: Mapping[tuple[ids.Address, ids.Address], int] = dataclasses.field(default_factory=dict)
    """Account and token -> credit in the vault, none of them 0."""
    locks: Mapping[bytes, LockView] = dataclasses.field(default_factory=dict)
    """Lock id -> lock."""
    problems: Mapping[bytes, ProblemView] = dataclasses.field(default_factory=dict)
    """Problem id -> problem."""
    awards: Mapping[bytes, tuple[bytes, int]] = dataclasses.field(default_factory=dict)
    """Lock id -> problem id and number of its award."""
    bonds: Mapping[tuple[ids.RunId, int], money_events.BondTaken] = dataclasses.field(default_factory=dict)
    """Run and member -> the bond that is still locked."""
    rules: money_events.ProblemRulesSet | None = None
    """The rules for new problems and awards."""

    def credits_of(self, account: ids.Address) -> Mapping[ids.Address, int]:
        """Return token -> credit of an account."""
        return {token: amount for (holder, token), amount in self.credits.items() if holder == account}

    def locked_by(self, account: ids.Address) -> Mapping[bytes, LockView]:
        """Return lock id -> what waits in locks of an account."""
        return {
            lock_id: lock
            for lock_id, lock in self.locks.items()
            if lock.made.payer == account and lock.state is LockState.LOCKED
        }


def fold(money: Money, told: Iterable[events.Event]) -> Money:
    """Return ``money`` after events of this module's kinds and ``ProblemStated``, in ledger order.

    What is told of problems, awards or locks that were never made here is left out.
    """
    draft = _Draft(money)
    for event in told:
        draft.tell(event)
    return draft.frozen()


ENDED: Mapping[type[money_events.OfLock], LockState] = {
    money_events.LockReleased: LockState.RELEASED,
    money_events.LockRefunded: LockState.REFUNDED,
    money_events.LockExpired: LockState.EXPIRED,
}
"""Event -> how the lock ended."""


class _Draft:
    """The record while it is folded: each mapping is copied when it is first written to."""

    def __init__(self, money: Money) -> None:
        self._kept = money
        self._changed: dict[str, Any] = {}

    def frozen(self) -> Money:
        return dataclasses.replace(self._kept, **self._changed) if self._changed else self._kept

    def tell(self, event: events.Event) -> None:
        match event:
            case events.ProblemStated():
                self._mapping("problems")[event.problem_id] = ProblemView(event)
            case money_events.OfProblem():
                self._tell_problem(event)
            case money_events.CreditMoved():
                self._move(event)
            case money_events.OfLock():
                self._tell_lock(event)
            case money_events.BondTaken():
                self._mapping("bonds")[event.run_id, event.member_id] = event
            case money_events.BondGivenBack() | money_events.BondForfeited():
                self._mapping("bonds").pop((event.run_id, event.member_id), None)
            case money_events.ProblemRulesSet():
                self._changed["rules"] = event

    def _get(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._kept, name)

    def _mapping(self, name: str) -> dict[Any, Any]:
        if name not in self._changed:
            self._changed[name] = dict(getattr(self._kept, name))
        made: dict[Any, Any] = self._changed[name]
        return made

    def _tell_problem(self, event: money_events.OfProblem) -> None:
        known = self._get("problems").get(event.problem_id)
        if known is None:
            return
        if isinstance(event, money_events.AwardFunded):
            self._mapping("awards")[event.lock_id] = (event.problem_id, event.award)
        self._mapping("problems")[event.problem_id] = _problem_after(known, event)

    def _move(self, event: money_events.CreditMoved) -> None:
        held = self._mapping("credits")
        token = ids.Address((event.token_id & (2**160 - 1)).to_bytes(20, "big"))
        for account, change in ((event.sender, -event.amount), (event.receiver, event.amount)):
            if account == ids.NOBODY:
                continue
            left = held.pop((account, token), 0) + change
            if left:
                held[account, token] = left

    def _tell_lock(self, event: money_events.OfLock) -> None:
        if isinstance(event, money_events.LockMade):
            self._mapping("locks")[event.lock_id] = LockView(event)
            return
        known = self._get("locks").get(event.lock_id)
        if known is None:
            return
        state = ENDED[type(event)]
        self._mapping("locks")[event.lock_id] = dataclasses.replace(known, state=state)
        if state is LockState.EXPIRED:
            self._expired(event.lock_id)

    def _expired(self, lock_id: bytes) -> None:
        """Refund the award or bond behind a lock that expired: of what happens in the vault alone, no other contract tells."""
        problem_id, award = self._get("awards").get(lock_id, (b"", 0))
        known = self._get("problems").get(problem_id)
        if known is not None:
            self._mapping("problems")[problem_id] = _with_award(known, award, state=AwardState.REFUNDED)
        for seat in [seat for seat in self._get("bonds") if bond_lock(*seat) == lock_id]:
            self._mapping("bonds").pop(seat)


def bond_lock(run_id: bytes, member_id: int) -> bytes:
    """Return the vault's lock of a seat's bond, as ``Bonds.lockOf`` has it."""
    return encoding.keccak(encoding.abi_encode(("string", "bytes32", "uint256"), ("bond", run_id, member_id)))


def _problem_after(known: ProblemView, event: money_events.OfProblem) -> ProblemView:
    match event:
        case money_events.ContestStated():
            return dataclasses.replace(known, contest=event)
        case money_events.ProblemSentBack():
            return dataclasses.replace(known, sent_back=event)
        case money_events.ProblemAmended():
            return dataclasses.replace(known, sent_back=None, stated=amended(known.stated, event))
        case money_events.ProblemClosed():
            return dataclasses.replace(known, is_closed=True)
        case money_events.SubmissionCommitted():
            return dataclasses.replace(known, commitments={**known.commitments, event.member_id: event.commitment})
        case money_events.SubmissionRevealed():
            return dataclasses.replace(known, submissions={**known.submissions, event.member_id: event.submission})
        case money_events.OfAward():
            return _award_after(known, event)
    return known


def _award_after(known: ProblemView, event: money_events.OfAward) -> ProblemView:
    match event:
        case money_events.AwardFunded():
            return dataclasses.replace(known, awards={**known.awards, event.award: AwardView(event)})
        case money_events.AwardJudged():
            return _with_award(known, event.award, state=AwardState.JUDGED, judged=event)
        case money_events.AwardChallenged():
            return _with_award(known, event.award, state=AwardState.CHALLENGED, challenged=event)
        case money_events.AwardPaid():
            return _with_award(known, event.award, state=AwardState.PAID)
        case money_events.AwardRefunded():
            return _with_award(known, event.award, state=AwardState.REFUNDED)
    return known


def amended(stated: events.ProblemStated, event: money_events.ProblemAmended) -> events.ProblemStated:
    """Return a statement with the document that took the place of one that was sent back."""
    return dataclasses.replace(stated, document=event.document, review_until=event.review_until)


def _with_award(known: ProblemView, number: int, **changed: Any) -> ProblemView:
    award = known.awards.get(number)
    if award is None:
        return known
    return dataclasses.replace(known, awards={**known.awards, number: dataclasses.replace(award, **changed)})
