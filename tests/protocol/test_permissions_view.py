"""Registers, guardianships and requests in the view: folded as the ledger tells them, and nothing from nowhere."""

import time

import pytest

from aicommons.domain import events, ids
from aicommons.protocol import consents, permissions
from aicommons.protocol import view as views


def at(block: int) -> events.Position:
    """Return a place on the ledger."""
    return events.Position(block, 0, 10 * block)


ONE, TWO = ids.Address(b"\x01" * 20), ids.Address(b"\x02" * 20)
OPENED = events.RegisterOpened(at(1), 7, ids.MemberId(1))


def posted(block: int, leaves: int = 1) -> events.RegisterPosted:
    """Return a posting whose roots say which it is."""
    return events.RegisterPosted(at(block), 7, bytes([block]) * 32, leaves, bytes([block + 100]) * 32)


def withdrawn(leaf: int, block: int = 9) -> events.LeafWithdrawn:
    """Return that a leaf was taken back."""
    return events.LeafWithdrawn(at(block), 7, leaf, leaf.to_bytes(32, "big"), ONE)


def test_a_register_says_its_head_and_its_history() -> None:
    """Empty until it is posted; then the newest posting is its head, and each block has the one that held there."""
    empty = views.fold(views.LedgerView(), [OPENED]).registers[7]
    assert (empty.root, empty.status, empty.leaves, empty.block) == (consents.EMPTY, consents.EMPTY, 0, 1)
    assert empty.posted_at(99) is None
    register = views.fold(views.LedgerView(), [OPENED, posted(3), posted(5, 4)]).registers[7]
    assert (register.root, register.leaves, register.status, register.block) == (b"\x05" * 32, 4, b"\x69" * 32, 5)
    held = [register.posted_at(block) for block in (2, 3, 4, 5, 6)]
    assert held == [None, posted(3), posted(3), posted(5, 4), posted(5, 4)]


def test_withdrawn_leaves_are_kept_once() -> None:
    """A leaf that was taken back is there with its first withdrawal, across batches."""
    view = views.fold(views.LedgerView(), [OPENED, withdrawn(1), withdrawn(2)])
    view = views.fold(view, [withdrawn(1, block=20), withdrawn(3, block=20)])
    assert [event.index for event in view.registers[7].withdrawn.values()] == [1, 2, 3]
    assert view.registers[7].withdrawn[(1).to_bytes(32, "big")].at.block == 9


def test_many_withdrawals_cost_what_they_are() -> None:
    """50,000 withdrawals in one batch do not copy the mapping for each."""
    started = time.perf_counter()
    view = views.fold(views.LedgerView(), [OPENED, *(withdrawn(leaf) for leaf in range(50_000))])
    assert len(view.registers[7].withdrawn) == 50_000
    assert time.perf_counter() - started < 1.5


def test_a_register_is_opened_once() -> None:
    """A second opening would forget what was posted; it changes nothing."""
    view = views.fold(views.LedgerView(), [OPENED, posted(3), OPENED])
    assert view.registers[7].posted == (posted(3),)


ATTESTED = events.GuardianAttested(at(1), b"\x03" * 32, ids.MemberId(1), ONE, b"\x04" * 32, 100, b"\x05" * 32)
HELD: dict[str, tuple[list[events.Event], ids.Address, int, bool]] = {
    "for its guardian": ([ATTESTED], ONE, 99, True),
    "for another": ([ATTESTED], TWO, 99, False),
    "when it is over": ([ATTESTED], ONE, 100, False),
    "when it was taken back": ([ATTESTED, events.GuardianshipRevoked(at(2), b"\x03" * 32)], ONE, 99, False),
    "when another was taken back": ([ATTESTED, events.GuardianshipRevoked(at(2), b"\x09" * 32)], ONE, 99, True),
}


@pytest.mark.parametrize("row", HELD.values(), ids=HELD.keys())
def test_when_a_guardianship_holds(row: tuple[list[events.Event], ids.Address, int, bool]) -> None:
    """For the guardian that it names, until it is over or taken back."""
    told, guardian, now, expected = row
    known = views.fold(views.LedgerView(), told).guardianships[b"\x03" * 32]
    assert known.may_hold(guardian, now) is expected


STATE = permissions.RequestState
ASKED = events.RequestAsked(at(1), 5, 7, ids.MemberId(2), b"\x06" * 32, ids.Digest(b"\x07" * 32))
BACK = events.RequestAnswered(at(2), 5, 7, events.Answer.ASK_BACK, ids.Digest(b"\x08" * 32))
REPLY = events.RequestReplied(at(3), 5, ids.Digest(b"\x09" * 32))
YES = events.RequestAnswered(at(4), 5, 7, events.Answer.APPROVE, ids.Digest(bytes(32)))
NO = events.RequestAnswered(at(4), 5, 7, events.Answer.DENY, ids.Digest(b"\x0a" * 32))
GONE = events.RequestWithdrawn(at(4), 5)
TALKS: dict[str, tuple[list[events.Event], permissions.RequestState, int]] = {
    "asked": ([ASKED], STATE.OPEN, 0),
    "asked back": ([ASKED, BACK], STATE.ASKED_BACK, 1),
    "replied": ([ASKED, BACK, REPLY], STATE.OPEN, 2),
    "approved": ([ASKED, BACK, REPLY, YES], STATE.APPROVED, 3),
    "denied": ([ASKED, NO], STATE.DENIED, 1),
    "withdrawn": ([ASKED, BACK, GONE], STATE.WITHDRAWN, 1),
    "asked twice": ([ASKED, BACK, ASKED], STATE.ASKED_BACK, 1),
}


@pytest.mark.parametrize("row", TALKS.values(), ids=TALKS.keys())
def test_where_a_request_stands(row: tuple[list[events.Event], permissions.RequestState, int]) -> None:
    """The state follows the newest turn, and all turns are kept."""
    told, state, turns = row
    request = views.fold(views.LedgerView(), told).requests[5]
    assert (request.state, len(request.turns)) == (state, turns)
    assert request.asked == ASKED
    newest = [event for event in told if event is not ASKED]
    assert request.changed == (newest[-1].at if newest else None)


def test_a_request_belongs_to_no_run_of_the_view() -> None:
    """A request that names an unknown run is still a request."""
    assert views.fold(views.LedgerView(), [ASKED]).runs == {}
    assert views.fold(views.LedgerView(), [ASKED]).requests[5].asked.for_run == b"\x06" * 32


ORPHANS = [posted(3), withdrawn(1), events.GuardianshipRevoked(at(2), b"\x03" * 32), BACK, REPLY, GONE]


def test_nothing_comes_from_nowhere() -> None:
    """What was never opened, attested or asked does not begin with its second event."""
    assert views.fold(views.LedgerView(), ORPHANS).permitted == permissions.Permissions()


def test_what_is_not_touched_is_not_copied() -> None:
    """A batch about requests leaves registers as they are."""
    view = views.fold(views.LedgerView(), [OPENED, posted(3), ATTESTED])
    later = views.fold(view, [ASKED])
    assert later.registers is view.registers
    assert later.guardianships is view.guardianships
