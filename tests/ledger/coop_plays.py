"""Scenarios of seats with several datasets, played by ``test_equal_ledgers`` on all ledgers."""

from collections.abc import Callable

from tests.ledger import ledger_worlds as worlds

from aicommons import testing
from aicommons.domain import run

COOP = 2
"""The member that brings several datasets."""


def _offer(p: worlds.Player, member: int = COOP) -> int:
    """List another dataset of a member's, permit it, and return its number."""
    p.list(member)
    number = max(p.view.datasets)
    p.give(member, number)
    return number


def _bring(p: worlds.Player, number: int, member: int = COOP) -> bool:
    return p.do(member, "TrainingRuns", "bring", p.run_id, number, p.consents[number])


def _revoke(p: worlds.Player, number: int) -> None:
    p.do(COOP, "DataRegistry", "revoke", p.consents[number])


def _begun(p: worlds.Player) -> tuple[int, int]:
    """From nothing to round 0, with three datasets of the co-op's; return the further two."""
    p.found()
    p.open()
    for member in p.others():
        p.enrol(member)
    brought = (_offer(p), _offer(p))
    for number in brought:
        _bring(p, number)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    for member in p.others():
        p.ack(member)
    return brought


def bringing(p: worlds.Player) -> None:
    """A further dataset is brought while enrolment lasts, by its owner, to its own seat, once."""
    p.found()
    p.open()
    number = _offer(p)
    _bring(p, number)
    p.do(COOP, "TrainingRuns", "enrol", p.run_id, COOP, p.consents[COOP], int(run.Absence.COVERED), b"")
    for member in (1, 2, 3):
        p.enrol(member)
    _bring(p, number)
    _bring(p, number)
    _bring(p, COOP)
    _bring(p, 1)
    _bring(p, number, member=3)
    p.give(COOP, _offer(p), expiry=testing.START)
    p.do(COOP, "TrainingRuns", "bring", p.run_id, number + 1, p.consents[COOP])
    p.revoke(COOP)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    _bring(p, number + 1)
    p.drop(COOP)


def most(p: worlds.Player) -> None:
    """64 datasets beside the first, and no more."""
    p.found()
    p.open()
    p.enrol(COOP)
    for _ in range(65):
        _bring(p, _offer(p))


def leaving_out(p: worlds.Player) -> None:
    """Dead datasets go alone before the first Commit, the first one too; its attempt starts again and is not counted."""
    second, third = _begun(p)
    p.drop(COOP)
    p.submits((0, 0))
    _revoke(p, second)
    p.drop(COOP)
    p.drop(COOP)
    p.submits((0, 1), COOP)
    _revoke(p, COOP)
    p.submit(COOP, (0, 1), 0)
    p.drop(COOP)
    p.submits((0, 2))
    p.commits((0, 2))
    p.reveals((0, 2))
    _revoke(p, third)
    p.drop(COOP)
    p.submits((1, 0), COOP)


def all_dead(p: worlds.Player) -> None:
    """With none left the seat is dropped, and whoever is out of the set has nothing that goes alone."""
    second, third = _begun(p)
    for number in (COOP, second, third):
        _revoke(p, number)
    p.drop(COOP)
    p.drop(COOP)
    p.submits((0, 0), COOP)
    p.commits((0, 0))


def modelled(p: worlds.Player) -> None:
    """A model's lineage has the further datasets too; a share is a seat's."""
    second, third = _begun(p)
    _revoke(p, COOP)
    p.drop(COOP)
    p.submits((0, 1))
    p.commits((0, 1))
    p.reveals((0, 1))
    p.submits((1, 0))
    p.cancel()
    p.register(1, 1)
    for number in (COOP, second, third):
        p.do(COOP, "ModelRegistry", "ask", p.run_id, number, 0, worlds.word("why"))


PLAYS: dict[str, tuple[Callable[[worlds.Player], None], tuple[int, ...]]] = {
    "further datasets": (bringing, ()),
    "the most datasets": (most, ()),
    "datasets left out": (leaving_out, ()),
    "all datasets dead": (all_dead, ()),
    "a model of further datasets": (modelled, ()),
}
"""Name -> the scenario, and who enrols with ``Absence.EXIT``."""
