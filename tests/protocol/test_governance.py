"""Proposals, votes and their rules as the ledger tells them: where a proposal stands at each second, and by whose number."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import events, ids, vote_events
from aicommons.protocol import coops, governance, registry
from aicommons.protocol import view as views

STATE = coops.ProposalState
AUDITOR, ETHICS = vote_events.Role.AUDITOR, vote_events.Role.ETHICS_BOARD
OPENS, CLOSES = 1_000, 2_000
PROPOSER = ids.Address(b"\x01" * 20)


def at(time: int, index: int = 0) -> events.Position:
    """Return a place on the ledger."""
    return events.Position(time, index, time)


def account(number: int) -> ids.Address:
    """Return a member's account."""
    return ids.Address(bytes([number]) * 20)


CREATED = events.ProposalCreated(
    at(900), 7, PROPOSER, (account(9),), (0,), ("",), (b"call",), OPENS, CLOSES,
    governance.describe("Title", "Because.\n\nReally.", PROPOSER),
)  # fmt: skip


def cast(number: int, support: events.Support, weight: int = 1) -> events.VoteCast:
    """Return a vote."""
    return events.VoteCast(at(1_500, number), account(number), 7, support, weight, "")


def proposal(*after: events.Event) -> governance.ProposalView:
    """Return the proposal after events."""
    return governance.fold(governance.Votes(), [CREATED, *after]).proposals[7]


FOR, AGAINST, ABSTAIN = events.Support.FOR, events.Support.AGAINST, events.Support.ABSTAIN
CARRIED = [cast(1, FOR), cast(2, FOR), cast(3, ABSTAIN)]
QUEUED = vote_events.ProposalQueued(at(2_100), 7, 2_600)
STANDS = {
    "before its vote": ([], 999, 1, STATE.PENDING),
    "in the second in which the members are counted": ([], OPENS, 1, STATE.PENDING),
    "the first second of the vote": ([], OPENS + 1, 1, STATE.ACTIVE),
    "the last second of the vote": (CARRIED, CLOSES, 3, STATE.ACTIVE),
    "over and carried": (CARRIED, CLOSES + 1, 3, STATE.SUCCEEDED),
    "over with too few": (CARRIED, CLOSES + 1, 4, STATE.DEFEATED),
    "over without a vote": ([], CLOSES + 1, 1, STATE.DEFEATED),
    "as many against as for": ([cast(1, FOR), cast(2, AGAINST)], CLOSES + 1, 1, STATE.DEFEATED),
    "those against are no quorum": ([cast(1, FOR), cast(2, FOR), cast(3, AGAINST)], CLOSES + 1, 3, STATE.DEFEATED),
    "votes of strangers weigh nothing": ([cast(1, FOR), cast(2, FOR, 0)], CLOSES + 1, 2, STATE.DEFEATED),
    "waiting": ([*CARRIED, QUEUED], 2_200, 3, STATE.QUEUED),
    "waited": ([*CARRIED, QUEUED], 9_999, 3, STATE.QUEUED),
    "done": ([*CARRIED, QUEUED, events.ProposalExecuted(at(2_700), 7)], 2_700, 3, STATE.EXECUTED),
    "taken back": ([events.ProposalCanceled(at(950), 7)], 9_999, 3, STATE.CANCELED),
}


@pytest.mark.parametrize("name", STANDS)
def test_where_a_proposal_stands(name: str) -> None:
    """The state follows from votes, times and quorum alone, as OpenZeppelin's Governor has it."""
    told, now, quorum, state = STANDS[name]
    assert proposal(*told).state(now, quorum) is state


def test_its_words_are_title_and_reason() -> None:
    """The line that binds a text to its proposer is not shown; a text of another form is shown as it is."""
    assert (proposal().title, proposal().reason) == ("Title", "Because.\n\nReally.")
    for text, title, reason in (("", "", ""), ("bare", "bare", ""), ("#proposer=0x00", "proposer=0x00", "")):
        other = governance.ProposalView(dataclasses.replace(CREATED, description=text))
        assert (other.title, other.reason) == (title, reason)


def test_events_of_unknown_proposals_are_left_out() -> None:
    """A ledger that tells of a vote on nothing changes nothing."""
    assert governance.fold(governance.Votes(), [cast(1, FOR), QUEUED]) == governance.Votes()


RULES = governance.fold(
    governance.Votes(),
    [
        vote_events.QuorumMinimumFixed(at(1), 3),
        vote_events.QuorumSet(at(1, 1), 0, 10),
        vote_events.VotingDelaySet(at(1, 2), 0, 60),
        vote_events.VotingPeriodSet(at(1, 3), 0, 600),
        vote_events.TimelockDelaySet(at(1, 4), 0, 30),
        vote_events.RegistrarsSet(at(1, 5), (account(5),), 1),
        vote_events.QuorumSet(at(500), 10, 50),
    ],
)


def test_the_rules_of_votes_are_told() -> None:
    """Each rule is the newest one; the quorum is the one of the second in which the vote begins."""
    assert (RULES.delay, RULES.period, RULES.timelock, RULES.minimum) == (60, 600, 30, 3)
    assert (RULES.registrars, RULES.threshold) == ((account(5),), 1)
    assert [RULES.quorum(time, 40) for time in (0, 1, 499, 500)] == [3, 4, 4, 20]
    assert RULES.quorum(500, 2) == 3


@given(st.integers(0, 3_000), st.integers(0, 100), st.integers(1, 50))
def test_the_quorum_is_never_below_its_minimum_nor_its_part(members: int, percent: int, minimum: int) -> None:
    """It is the larger of both, rounded down as the contract does."""
    votes = governance.Votes(minimum=minimum, percents=((0, percent),))
    assert votes.quorum(9, members) == max(minimum, members * percent // 100)


def admitted(number: int, time: int) -> list[events.Event]:
    """Return a member's admission."""
    member = ids.MemberId(number)
    return [
        events.MemberAdmitted(at(time, number), member, account(number), 1, account(100 + number), bytes([number]) * 32)
    ]


def test_the_electorate_is_of_one_second() -> None:
    """Suspended members count, those who left or were expelled count before, those who came later do not."""
    told = [event for number in (1, 2, 3, 4) for event in admitted(number, 10 * number)]
    told += [
        events.MemberSuspended(at(50), ids.MemberId(1)),
        events.MemberLeft(at(60), ids.MemberId(2), account(2)),
        vote_events.MemberExpelled(at(70), ids.MemberId(3), account(3)),
    ]
    members = views.fold(views.LedgerView(), told).members.values()
    assert [governance.electorate(members, time) for time in (9, 10, 45, 59, 60, 69, 70)] == [0, 1, 4, 4, 3, 3, 2]


def test_roles_rest_and_end() -> None:
    """A suspended member holds its roles but may not act in them; an expelled one has none, and its account is free."""
    me = ids.MemberId(1)
    view = views.fold(views.LedgerView(), [*admitted(1, 10), vote_events.RoleGranted(at(11), me, AUDITOR)])
    assert view.members[1].holds(AUDITOR)
    assert not view.members[1].holds(ETHICS)
    resting = views.fold(view, [events.MemberSuspended(at(12), me)]).members[1]
    assert (resting.roles, resting.holds(AUDITOR), resting.is_live) == ({AUDITOR}, False, True)
    assert not views.fold(view, [vote_events.RoleRevoked(at(12), me, AUDITOR)]).members[1].roles
    ended = views.fold(view, [vote_events.MemberExpelled(at(12), me, account(1))])
    assert (ended.members[1].state, ended.members[1].roles) == (registry.MemberState.EXPELLED, frozenset())
    assert ended.member_of_account(account(1)) is None


def test_the_view_keeps_proposals_between_polls() -> None:
    """Pieces of the ledger's events give the same as all at once."""
    told: list[events.Event] = [*admitted(1, 10), CREATED, *CARRIED, QUEUED]
    whole = views.fold(views.LedgerView(), told)
    piecewise = views.LedgerView()
    for event in told:
        piecewise = views.fold(piecewise, [event])
    assert piecewise == whole
    assert whole.proposal_state(7, CLOSES + 1) is STATE.QUEUED
