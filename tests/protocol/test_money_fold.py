"""Folding money: events of what was never made are left out, and what was amended is in force."""

import dataclasses

import pytest

from aicommons.domain import events, ids, money_events
from aicommons.protocol import money as moneys
from aicommons.protocol import view as views

AT = events.Position(1, 0, 100)
PROBLEM, LOCK = b"p" * 32, b"l" * 32
TOKEN, PAYER, PAYEE = (ids.Address(bytes([byte]) * 20) for byte in (7, 8, 9))
STATED = events.ProblemStated(
    AT, PROBLEM, ids.MemberId(1), ids.MemberId(2), ids.Digest(b"d" * 32), b"u" * 32, 1_000, 200
)
MADE = money_events.LockMade(AT, LOCK, PAYER, PAYER, TOKEN, 5, 900)
FUNDED = money_events.AwardFunded(AT, PROBLEM, 0, ids.MemberId(3), LOCK, TOKEN, 5, 300, 900)
RUN = ids.RunId(b"r" * 32)
BOND = money_events.BondTaken(AT, RUN, ids.MemberId(4), PAYER, TOKEN, 3, 900)

STRANGE: dict[str, money_events.OfMoney] = {
    "an award of an unknown problem": FUNDED,
    "a judgement of an unknown problem": money_events.AwardJudged(AT, PROBLEM, 0, ids.MemberId(4), 400),
    "the end of an unknown lock": money_events.LockExpired(AT, LOCK, PAYER, TOKEN, 5),
    "the end of an unknown bond": money_events.BondGivenBack(AT, RUN, ids.MemberId(4), PAYER, TOKEN, 3),
    "an amendment of an unknown problem": money_events.ProblemAmended(
        AT, PROBLEM, STATED.document, ids.Digest(b"e" * 32), 500
    ),
}


@pytest.mark.parametrize("row", STRANGE)
def test_what_was_never_made_is_left_out(row: str) -> None:
    """A ledger that tells of things it never told the making of changes nothing."""
    view = views.fold(views.LedgerView(), [STRANGE[row]])
    assert view.money == moneys.Money()
    assert view.problems == {}


def test_an_award_that_was_never_funded_is_left_out() -> None:
    """A known problem gets no award by a judgement alone."""
    view = views.fold(views.LedgerView(), [STATED, money_events.AwardJudged(AT, PROBLEM, 3, ids.MemberId(4), 400)])
    assert view.money.problems[PROBLEM].awards == {}


def test_a_statement_that_was_sent_back_and_amended() -> None:
    """It is a draft, then in review anew, then open by itself; its new document is in force everywhere."""
    back = money_events.ProblemSentBack(AT, PROBLEM, ids.MemberId(6), b"w" * 32)
    amended = money_events.ProblemAmended(AT, PROBLEM, STATED.document, ids.Digest(b"e" * 32), 500)
    first = views.fold(views.LedgerView(), [STATED])
    assert first.money.problems[PROBLEM].state(199) is moneys.ProblemState.REVIEW
    assert first.money.problems[PROBLEM].state(200) is moneys.ProblemState.OPEN
    second = views.fold(first, [back])
    assert second.money.problems[PROBLEM].state(10_000) is moneys.ProblemState.DRAFT
    third = views.fold(second, [amended])
    assert third.problems[PROBLEM].document == amended.document
    assert third.money.problems[PROBLEM].stated == third.problems[PROBLEM]
    states = [third.money.problems[PROBLEM].state(now) for now in (499, 500)]
    assert states == [moneys.ProblemState.REVIEW, moneys.ProblemState.OPEN]
    assert not third.money.problems[PROBLEM].is_open(1_000)
    last = views.fold(third, [money_events.ProblemClosed(AT, PROBLEM, ids.MemberId(1))])
    assert last.money.problems[PROBLEM].state(600) is moneys.ProblemState.CLOSED


def test_credits_follow_every_transfer() -> None:
    """Made from nobody, moved, and ended to nobody; who has nothing left is not kept."""
    token = int.from_bytes(TOKEN, "big")
    moved = [
        money_events.CreditMoved(AT, PAYER, sender, receiver, token, amount)
        for sender, receiver, amount in ((ids.NOBODY, PAYER, 10), (PAYER, PAYEE, 4), (PAYEE, ids.NOBODY, 4))
    ]
    money = moneys.fold(moneys.Money(), moved)
    assert money.credits == {(PAYER, TOKEN): 6}
    assert money.credits_of(PAYER) == {TOKEN: 6}
    assert money.credits_of(PAYEE) == {}


def test_a_lock_that_expired_ends_what_it_was_for() -> None:
    """The vault alone tells of it: the award is refunded and the bond is gone."""
    bond_lock = moneys.bond_lock(BOND.run_id, BOND.member_id)
    made = [STATED, MADE, FUNDED, dataclasses.replace(MADE, lock_id=bond_lock), BOND]
    money = moneys.fold(moneys.Money(), made)
    assert money.bonds == {(RUN, 4): BOND}
    assert set(money.locked_by(PAYER)) == {LOCK, bond_lock}
    ended = [money_events.LockExpired(AT, each, PAYER, TOKEN, 5) for each in (LOCK, bond_lock)]
    after = moneys.fold(money, ended)
    assert after.problems[PROBLEM].awards[0].state is moneys.AwardState.REFUNDED
    assert after.bonds == {}
    assert after.locked_by(PAYER) == {}


def test_a_bond_belongs_to_no_run_of_the_view() -> None:
    """Bonds name a run, but a run's own record is not theirs to change."""
    view = views.fold(views.LedgerView(), [BOND])
    assert view.runs == {}
    assert view.money.bonds == {(RUN, 4): BOND}


TIMES = {
    "before it is due": (moneys.AwardState.OPEN, 299, moneys.Step.JUDGE, 300),
    "due": (moneys.AwardState.OPEN, 300, moneys.Step.TAKE_BACK, 900),
    "in the window": (moneys.AwardState.JUDGED, 399, moneys.Step.CHALLENGE, 400),
    "after the window": (moneys.AwardState.JUDGED, 400, moneys.Step.SETTLE, 900),
    "challenged": (moneys.AwardState.CHALLENGED, 500, moneys.Step.VOTE, 900),
    "expired, open": (moneys.AwardState.OPEN, 900, moneys.Step.EXPIRE, None),
    "expired, judged": (moneys.AwardState.JUDGED, 900, moneys.Step.EXPIRE, None),
    "expired, challenged": (moneys.AwardState.CHALLENGED, 900, moneys.Step.EXPIRE, None),
    "paid": (moneys.AwardState.PAID, 901, moneys.Step.NOTHING, None),
    "refunded": (moneys.AwardState.REFUNDED, 1, moneys.Step.NOTHING, None),
}


@pytest.mark.parametrize("row", TIMES)
def test_what_can_be_done_about_an_award(row: str) -> None:
    """By its state and the second, as the contract has it; and until when that holds."""
    state, now, step, until = TIMES[row]
    is_judged = state not in (moneys.AwardState.OPEN, moneys.AwardState.REFUNDED)
    judged = money_events.AwardJudged(AT, PROBLEM, 0, ids.MemberId(4), 400) if is_judged else None
    award = moneys.AwardView(FUNDED, state, judged)
    assert (award.step(now), award.until(now)) == (step, until)
