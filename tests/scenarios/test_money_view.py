"""The folded view of money is what the contracts answer, after every act and as time alone passes."""

import dataclasses
import pathlib
import random
from collections.abc import Callable, Iterator

import pytest
from tests import honest_token

from aicommons import office, testing
from aicommons.domain import documents, encoding, errors, ids, run
from aicommons.protocol import money as moneys

PROBLEM = documents.Problem("t", "who", "decision", "why", ("3.4",), "auc", "none")
DAY = 86_400
OWNER, JUDGE, PAYER, SOLVER = range(4)


@dataclasses.dataclass
class Stage:
    """A commons of four members and a token, with one problem that has a judge."""

    commons: testing.Commons
    token: ids.Address
    problem: bytes

    def desk(self, member: int) -> office.Desk:
        """Return a member's desk."""
        return self.commons.members[member].desk

    @property
    def now(self) -> int:
        """The clock's second."""
        return int(self.commons.clock.now())

    def deposit(self, member: int, amount: int) -> None:
        """Give a member tokens and put them into the vault."""
        one = self.commons.members[member]
        honest_token.mint(one.registry, self.token, one.wallet.address, amount)
        one.desk.money.deposit(self.token, amount)

    def fund(self, amount: int, days: int) -> int:
        """Put one award onto the problem; return its number."""
        self.deposit(PAYER, amount)
        (number,) = self.desk(PAYER).money.fund(
            self.problem, [office.Milestone(amount, self.now + days * DAY)], self.token
        )
        return number


@pytest.fixture
def stage(tmp_path: pathlib.Path) -> Iterator[Stage]:
    """The stage of one test."""
    commons = testing.Commons(tmp_path)
    try:
        for name in ("owner", "judge", "payer", "solver"):
            commons.admit(name)
        token = honest_token.deploy(commons.members[0].registry)
        judge = commons.members[JUDGE].member_id
        until = int(commons.clock.now()) + 1000 * DAY
        problem = commons.members[OWNER].desk.state_problem(PROBLEM, until, judge=judge)
        yield Stage(commons, token, problem)
    finally:
        commons.close()


def check(stage: Stage) -> None:
    """Hold credits, locks, awards and the problem of the view against what the contracts answer."""
    registry = stage.commons.members[0].registry
    stage.commons.registrar.member(1)
    money = stage.desk(OWNER).view().money
    problem = money.problems[stage.problem]
    for member in stage.commons.members:
        (held,) = registry.call("Vault", "balanceOf", member.wallet.address, int.from_bytes(stage.token, "big"))
        assert money.credits.get((member.wallet.address, stage.token), 0) == held
    for number in problem.awards:
        (record,) = registry.call("Problems", "awardOf", stage.problem, number)
        assert isinstance(record, tuple)
        assert record[-1] == problem.awards[number].state
    for lock_id, lock in money.locks.items():
        (record,) = registry.call("Vault", "lockOf", lock_id)
        assert isinstance(record, tuple)
        assert record[2] == lock.state
    (record,) = registry.call("Problems", "problem", stage.problem)
    assert isinstance(record, tuple)
    assert record[-2] == problem.state(stage.now)
    assert record[-1] == len(problem.awards)


ACTS: tuple[Callable[[Stage, int], object], ...] = (
    lambda stage, number: stage.desk(JUDGE).money.accept(stage.problem, number, 4),
    lambda stage, number: stage.desk(PAYER).money.challenge(stage.problem, number, "no"),
    lambda stage, number: stage.desk(SOLVER).money.settle(stage.problem, number),
    lambda stage, number: stage.desk(JUDGE).money.refund(stage.problem, number),
    lambda stage, number: stage.desk(SOLVER).money.refund(stage.problem, number),
    lambda stage, number: stage.commons.members[SOLVER].registry.transact(
        "Vault", "expire", stage.desk(SOLVER).money.award(stage.problem, number).funded.lock_id
    ),
)
STEPS: tuple[frozenset[moneys.Step], ...] = (
    frozenset({moneys.Step.JUDGE}),
    frozenset({moneys.Step.CHALLENGE}),
    frozenset({moneys.Step.SETTLE}),
    frozenset({moneys.Step.JUDGE, moneys.Step.TAKE_BACK, moneys.Step.EXPIRE}),
    frozenset({moneys.Step.TAKE_BACK, moneys.Step.EXPIRE}),
    frozenset({moneys.Step.EXPIRE}),
)
"""The steps at which each of ``ACTS`` can be done."""


@pytest.mark.parametrize("seed", range(4))
def test_the_view_is_what_the_contracts_say(stage: Stage, seed: int) -> None:
    """Random acts at random times: what the view calls possible succeeds, all else is refused, and both agree after each."""
    draw = random.Random(seed)
    numbers = [stage.fund(draw.randrange(1, 10**9), draw.randrange(1, 40)) for _ in range(3)]
    for _ in range(25):
        stage.commons.clock.advance(draw.choice([60, DAY, 3 * DAY, 20 * DAY]))
        stage.deposit(OWNER, 1)  # a block, so that the view knows the time
        number, act = draw.choice(numbers), draw.randrange(len(ACTS))
        step = stage.desk(OWNER).money.award(stage.problem, number).step(stage.now)
        if step in STEPS[act]:
            ACTS[act](stage, number)
        else:
            with pytest.raises(errors.LedgerRefused):
                ACTS[act](stage, number)
        check(stage)


def test_money_ends_where_it_belongs(stage: Stage) -> None:
    """One award paid, one rejected, one expired in the vault alone: the view knows each, and whose money it is."""
    numbers = [stage.fund(amount, 10) for amount in (5, 7, 11)]
    stage.desk(JUDGE).money.accept(stage.problem, numbers[0], 4)
    stage.desk(JUDGE).money.refund(stage.problem, numbers[1])
    stage.commons.clock.advance(3 * DAY)
    stage.desk(OWNER).money.settle(stage.problem, numbers[0])
    lock_id = stage.desk(OWNER).money.award(stage.problem, numbers[2]).funded.lock_id
    stage.commons.clock.advance(80 * DAY)
    stage.commons.members[SOLVER].registry.transact("Vault", "expire", lock_id)
    money = stage.desk(OWNER).view().money
    states = [award.state for award in money.problems[stage.problem].awards.values()]
    assert states == [moneys.AwardState.PAID, moneys.AwardState.REFUNDED, moneys.AwardState.REFUNDED]
    held = [money.credits_of(member.wallet.address).get(stage.token, 0) for member in stage.commons.members]
    assert held == [0, 0, 18, 5]
    assert [lock.state.name for lock in money.locks.values()] == ["RELEASED", "REFUNDED", "EXPIRED"]
    assert money.locked_by(stage.commons.members[PAYER].wallet.address) == {}
    check(stage)


def test_a_contest_is_told(stage: Stage) -> None:
    """Times, commitments and submissions of a contest are in the view, with the contract's own values."""
    desk, times = stage.desk(OWNER), (stage.now + DAY, stage.now + 2 * DAY)
    other = dataclasses.replace(PROBLEM, title="contest")
    problem = desk.state_problem(other, stage.now + 90 * DAY, judge=2, contest=times)
    submission, salt = b"\x01" * 32, b"\x02" * 32
    commitment = stage.desk(SOLVER).money.commitment(problem, submission, salt)
    stage.desk(SOLVER).money.commit(problem, commitment)
    stage.commons.clock.advance(DAY)
    stage.desk(SOLVER).money.reveal(problem, submission, salt)
    told = desk.view().money.problems[problem]
    assert told.contest is not None
    assert (told.contest.commit_until, told.contest.reveal_until) == times
    assert (told.commitments, told.submissions) == ({4: commitment}, {4: submission})
    assert told.is_open(stage.now)


def test_a_problem_without_a_purpose_is_for_general_research(stage: Stage) -> None:
    """The ledger holds a purpose of every problem; a document that names none is stated for the widest research."""
    stated = stage.desk(OWNER).view().problems[stage.problem]
    assert PROBLEM.purpose is None
    assert stated.purpose == encoding.purpose_code("DUO:0000042")
    assert stated.judge == 2
    named = dataclasses.replace(PROBLEM, title="named", purpose="DUO:0000007")
    other = stage.desk(OWNER).state_problem(named, stage.now + DAY)
    assert stage.desk(OWNER).view().problems[other].purpose == encoding.purpose_code("DUO:0000007")
    assert stage.desk(OWNER).view().problems[other].judge is None


def test_what_says_nothing_is_no_token(stage: Stage) -> None:
    """A contract without decimals, and an address without a contract, are refused before anything is sent."""
    vault = stage.commons.members[0].registry.address_of("Vault")
    for address in (vault, ids.Address(b"\x09" * 20)):
        with pytest.raises(errors.InputError, match="no token answers"):
            stage.desk(PAYER).money.token(address)
        assert stage.desk(PAYER).money.known_token(address).show(7).startswith("7 smallest units of 0x")
    assert stage.desk(PAYER).money.token(run.COIN).show(15 * 10**17) == "1.5 coin"
    assert stage.desk(PAYER).money.token(stage.token).show(1_500_000) == "1.5 TEUR"
