"""Scenarios of runs that are divided, twelve sites in three cells, played by ``test_equal_ledgers`` on all ledgers."""

from collections.abc import Callable

from tests.ledger import ledger_worlds as worlds

from aicommons.protocol import transitions

FIRST, SECOND = (0, 0), (1, 0)
SITES = 12
DIVIDED = {"min_participants": 8, "cell_size": 4}


def cell(p: worlds.Player, number: int) -> tuple[int, ...]:
    """Return the members of a cell, ascending."""
    return p.run.members_of(p.run.cells[number])


def sitting_out(p: worlds.Player) -> None:
    """A cell with a missing seat sits a round out, and its others certify; two of three cells missing pause the run."""
    p.begin(**DIVIDED)
    gap = cell(p, 0)[0]
    p.submits(FIRST, gap)
    p.later(worlds.PHASE)
    p.commits(FIRST)
    p.reveals(FIRST)
    p.submit(gap, SECOND, 1)
    p.submits(SECOND, gap, cell(p, 1)[0], cell(p, 2)[0])
    p.later(worlds.PHASE)
    p.submit(cell(p, 1)[0], SECOND, 1)
    p.commits(SECOND)


def leaving(p: worlds.Player) -> None:
    """An exit and a dead consent take their cells along, as long as more than half of them are left."""
    p.begin(**DIVIDED)
    gone, dead = cell(p, 0)[1], cell(p, 1)[2]
    p.submits(FIRST, dead)
    p.revoke(dead)
    p.drop(dead)
    p.commits(FIRST)
    p.reveals(FIRST)
    p.exit(gone, 0)
    p.exit(cell(p, 1)[0], 0)
    p.submits(SECOND, gone, dead)
    p.later(worlds.PHASE)


def cheating(p: worlds.Player) -> None:
    """A convicted seat leaves the rest of its cell in; new keys keep the cells."""
    p.begin(**DIVIDED)
    cheat = cell(p, 2)[3]
    p.submits(FIRST)
    p.convict(cheat, FIRST, 0, ("one", "other"))
    p.submits((0, 1), cheat)
    p.commits((0, 1), cheat)
    p.reveals((0, 1), cheat)
    p.world.tick(transitions.EPOCH_SECONDS)
    p.rotate(0)
    for member in p.others(cheat):
        p.ack(member)
    p.submits(SECOND, cheat)


def terms(p: worlds.Player) -> None:
    """Cells of three, or of more than half of the smallest roster, are refused by name."""
    p.found()
    p.open(min_participants=8, cell_size=3)
    p.open(min_participants=8, cell_size=5)
    p.open(min_participants=8, cell_size=4)


PLAYS: dict[str, tuple[Callable[[worlds.Player], None], tuple[int, ...]]] = {
    "cells sit out": (sitting_out, ()),
    "cells are left": (leaving, ()),
    "cells with a cheat": (cheating, ()),
    "cells of wrong sizes": (terms, ()),
}
