"""The money side of ``Problems`` in memory: awards that wait in the vault, who judges them, and what becomes of them.

Called by ``MemoryLedger``. Problems themselves, their reviews and contests are ``problems``'.
"""

from typing import Any

from aicommons.domain import encoding, ids, money_events, vote_events
from aicommons.ledger.memory import members, problems, vault
from aicommons.protocol import money, transitions

RESOLVE_SECONDS = 60 * 86400
"""After the last possible challenge the members have this long to decide, ``Problems.RESOLVE_SECONDS``."""
LATEST_DUE = 3650 * 86400
"""``Problems.LATEST_DUE``, in seconds."""
MOST_MILESTONES = 32
"""``Problems.MOST_MILESTONES``."""
State = money.AwardState


class Awards:
    """What lies on problems."""

    def __init__(self, stated: problems.Problems, named: members.Members, held: vault.Vault) -> None:
        self._problems = stated
        self._members = named
        self._vault = held
        self._book = stated.book

    def fund(self, problem_id: bytes, milestones: Any, token: ids.Address) -> None:
        """Put the caller's credit onto a problem, one award for each milestone."""
        payer = self._book.caller("ProblemsNotMember")
        if not self._problems.is_open(problem_id):
            raise transitions.Refusal("ProblemsNotOpen", problem_id)
        known = self._problems.known(problem_id)
        self._problems.check_purpose(known.stated.purpose)
        if not known.stated.judge:
            raise transitions.Refusal("ProblemsJudgeMissing", problem_id)
        if known.stated.judge == payer:
            raise transitions.Refusal("ProblemsConflict", payer)
        if not 0 < len(milestones) <= MOST_MILESTONES:
            raise transitions.Refusal("ProblemsMilestonesInvalid", len(milestones))
        first = len(known.awards)
        for place, (amount, due) in enumerate(milestones):
            self._check_milestone(known, (place, amount, due))
            self._lock((problem_id, first + place), payer, (token, amount), due)

    def judge(self, problem_id: bytes, award: int, solver: int) -> None:
        """Say as the judge who earned an award."""
        known = self._book.view.money.problems.get(problem_id)
        if known is None or not known.stated.judge or known.stated.judge != self._book.caller("ProblemsNotMember"):
            raise transitions.Refusal("ProblemsNotJudge", problem_id, self._book.sender)
        judged = self._award_in(problem_id, award, State.OPEN)
        if self._book.now() >= judged.funded.due:
            raise transitions.Refusal("ProblemsDuePassed", problem_id, award, judged.funded.due)
        self._problems.check_solver(known, solver)
        self._problems.check_revealed(problem_id, known, solver)
        window = judged.funded.expiry - judged.funded.due - RESOLVE_SECONDS
        self._book.tell(money_events.AwardJudged, problem_id, award, solver, self._book.now() + window)

    def challenge(self, problem_id: bytes, award: int, reason: bytes) -> None:
        """Object to a judgement, as owner, payer or auditor."""
        member_id = self._book.caller("ProblemsNotMember")
        known = self._award_in(problem_id, award, State.JUDGED)
        until = 0 if known.judged is None else known.judged.window_until
        if self._book.now() >= until:
            raise transitions.Refusal("ProblemsWindowOver", problem_id, award, until)
        owner = self._problems.known(problem_id).stated.owner
        is_auditor = self._members.has_role(member_id, vote_events.Role.AUDITOR)
        if member_id not in (owner, known.funded.payer) and not is_auditor:
            raise transitions.Refusal("ProblemsNoStanding", problem_id, award, self._book.sender)
        self._book.tell(money_events.AwardChallenged, problem_id, award, member_id, reason)

    def settle(self, problem_id: bytes, award: int) -> None:
        """Pay a judged award that nobody challenged in time."""
        known = self._award_in(problem_id, award, State.JUDGED)
        until = 0 if known.judged is None else known.judged.window_until
        if self._book.now() < until:
            raise transitions.Refusal("ProblemsWindowOpen", problem_id, award, until)
        self._pay(problem_id, award, known)

    def resolve(self, problem_id: bytes, award: int, pay: bool) -> None:
        """Decide about a challenged award, as the members' timelock."""
        self._book.check_timelock()
        known = self._award_in(problem_id, award, State.CHALLENGED)
        if pay:
            self._pay(problem_id, award, known)
            return
        self._book.tell(money_events.AwardRefunded, problem_id, award, known.funded.payer)
        self._vault.refund(known.funded.lock_id, "Problems")

    def refund(self, problem_id: bytes, award: int) -> None:
        """Give an award back: as the judge, or as anybody once it is due or expired."""
        made = self._vault.lock_of(lock_of(problem_id, award))
        is_expired = self._book.now() >= (0 if made is None else made.made.expiry)
        ended = self._waiting(problem_id, award) if is_expired else self._award_in(problem_id, award, State.OPEN)
        if self._book.now() < ended.funded.due and not self._is_judge(problem_id):
            raise transitions.Refusal("ProblemsNotDue", problem_id, award, ended.funded.due)
        self._book.tell(money_events.AwardRefunded, problem_id, award, ended.funded.payer)
        if is_expired:
            self._vault.expire(ended.funded.lock_id, "Problems")
        else:
            self._vault.refund(ended.funded.lock_id, "Problems")

    # --------------------------------------------------------------------------------------------------------- private

    def _check_milestone(self, known: money.ProblemView, milestone: tuple[int, int, int]) -> None:
        _, amount, due = milestone
        now = self._book.now()
        shown = 0 if known.contest is None else known.contest.reveal_until
        if not amount or due <= max(now, shown) or due > now + LATEST_DUE:
            raise transitions.Refusal("ProblemsMilestoneInvalid", *milestone)

    def _lock(self, award: tuple[bytes, int], payer: ids.MemberId, payment: tuple[ids.Address, int], due: int) -> None:
        rules = self._book.view.money.rules
        expiry = due + (0 if rules is None else rules.challenge_seconds) + RESOLVE_SECONDS
        lock_id = lock_of(*award)
        self._vault.lock(lock_id, payment, expiry, "Problems")
        self._book.tell(money_events.AwardFunded, *award, payer, lock_id, *payment, due, expiry)

    def _pay(self, problem_id: bytes, award: int, known: money.AwardView) -> None:
        solver = 0 if known.judged is None else known.judged.solver
        account = ids.Address(self._members.account_of(solver))
        self._book.tell(money_events.AwardPaid, problem_id, award, solver, account)
        self._vault.release(known.funded.lock_id, account, "Problems")

    def _award(self, problem_id: bytes, award: int) -> money.AwardView | None:
        known = self._book.view.money.problems.get(problem_id)
        return None if known is None else known.awards.get(award)

    def _award_in(self, problem_id: bytes, award: int, expected: money.AwardState) -> money.AwardView:
        known = self._award(problem_id, award)
        if known is None or known.state is not expected:
            state = State.NONE if known is None else known.state
            raise transitions.Refusal("ProblemsWrongAwardState", problem_id, award, int(state))
        return known

    def _waiting(self, problem_id: bytes, award: int) -> money.AwardView:
        known = self._award(problem_id, award)
        if known is None or known.state > State.CHALLENGED:
            state = State.NONE if known is None else known.state
            raise transitions.Refusal("ProblemsWrongAwardState", problem_id, award, int(state))
        return known

    def _is_judge(self, problem_id: bytes) -> bool:
        member_id = self._book.member_of(self._book.sender)
        known = self._book.view.money.problems.get(problem_id)
        return known is not None and self._book.is_active(member_id) and member_id == known.stated.judge


def lock_of(problem_id: bytes, award: int) -> bytes:
    """Return the vault's lock of an award, as ``Problems.lockOf`` has it."""
    return encoding.keccak(encoding.abi_encode(("string", "bytes32", "uint256"), ("award", problem_id, award)))
