"""Who is summed with whom: cells hold every seat once, a round takes whole ones only, and the view tells both."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import events, ids, run
from aicommons.protocol import cells, duties
from aicommons.protocol import view as views

KNOWN = json.loads((pathlib.Path(__file__).parents[2] / "vectors" / "ids" / "cells.json").read_text())
THREE = (0b0000_0000_1111, 0b0000_1111_0000, 0b1111_0000_0000)
RUN = ids.RunId(b"\x01" * 32)


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: str(len(row["member_ids"])))
def test_draws_are_the_known_answers(row: dict[str, Any]) -> None:
    """A seed and a roster make the cells that the contract draws."""
    members = [int(each) for each in row["member_ids"]]
    assert cells.draw(bytes.fromhex(row["seed"]), members, row["cell_size"]) == tuple(row["cells"])


@given(st.binary(min_size=32, max_size=32), st.integers(8, 48), st.data())
def test_every_seat_is_in_one_cell(seed: bytes, members: int, data: st.DataObject) -> None:
    """Cells are disjoint, hold all seats, and have the sizes that the terms promise, the larger ones first."""
    size = data.draw(st.integers(4, members // 2))
    drawn = cells.draw(seed, range(1, members + 1), size)
    assert sum(drawn) == (1 << members) - 1
    assert tuple(cell.bit_count() for cell in drawn) == cells.sizes(members, size)
    found = cells.sizes(members, size)
    assert sum(found) == members
    assert len(found) == members // size
    assert sorted(found, reverse=True) == list(found)
    assert found[0] - found[-1] <= 1 <= found[-1] - size + 1


def test_an_undivided_roster_is_one_set() -> None:
    """Without cells all are one set, as a plan's check of a run sees it."""
    assert cells.sizes(7, 0) == (7,)


WHOLE = {
    "all": (0xFFF, 0, 0xFFF),
    "one sits out": (0xFFE, 0, 0xFF0),
    "a minority makes no round": (0xFEE, 0, 0),
    "a cheat is not missed": (0xFFE, 0x001, 0xFFE),
    "a cheat is never in": (0xFFF, 0x001, 0xFFE),
    "two that are left share no sum": (0xFFC, 0x003, 0xFF0),
    "another one is missing beside the cheat": (0xFFC, 0x001, 0xFF0),
    "nobody": (0, 0, 0),
}
"""Seats that are there, those that cheated, and what is summed of three cells of four."""


@pytest.mark.parametrize(("there", "excluded", "expected"), WHOLE.values(), ids=WHOLE.keys())
def test_a_round_takes_whole_cells(there: int, excluded: int, expected: int) -> None:
    """The contract's table, row by row."""
    assert cells.whole(THREE, there, excluded) == expected


def test_half_of_the_cells_makes_no_round() -> None:
    """One cell of two is not more than half; what is not divided has nothing whole."""
    assert cells.whole(THREE[:2], 0x00F, 0) == 0
    assert cells.whole(THREE[:2], 0x0FF, 0) == 0x0FF
    assert cells.whole(cells.UNDIVIDED, 0x00F, 0) == 0


@given(st.integers(0, 0xFFF), st.integers(0, 0xFFF))
def test_no_released_set_splits_a_cell(there: int, excluded: int) -> None:
    """Whoever is missing or cheated: of each cell all honest seats are summed, three at least, or none."""
    taken = cells.whole(THREE, there, excluded)
    assert not taken & excluded
    for cell in THREE:
        assert taken & cell in (0, cell & ~excluded)
        assert (taken & cell).bit_count() not in (1, 2)
    assert set(cells.within(THREE, taken)) == {number for number, cell in enumerate(THREE) if taken & cell}


def told(spec: run.RunSpec) -> list[events.Event]:
    """Return how a run of twelve draws its cells and closes its first round without the first one."""
    at = events.Position(1, 0, 10)
    keys = tuple(ids.Address(bytes([member]) * 20) for member in range(1, 13))
    return [
        events.RunOpened(at, RUN, ids.MemberId(13), spec),
        events.RosterFixed(at, RUN, b"\x02" * 32, tuple(range(1, 13)), keys, 2, 5, 9),
        events.CellsDrawn(at, RUN, b"\x03" * 32, THREE),
        events.RunStateChanged(at, RUN, run.RunState.RUNNING, 0, run.Reason.NONE, 0, 100),
        events.PhaseEntered(at, RUN, 0, 0, run.Phase.OPEN, 0xFFF, 100),
        events.PhaseEntered(at, RUN, 0, 0, run.Phase.UNMASKED, 0xFF0, 200),
    ]


def test_the_view_knows_which_cells_are_in(run_of: Callable[..., views.RunView]) -> None:
    """A run tells its cells, an attempt those of its set, and who may be in the next one: also who sat out, not who left."""
    spec = run_of().spec
    seen = views.fold(views.LedgerView(), told(spec)).runs[RUN]
    attempt = seen.attempts[0, 0]
    assert seen.cells == THREE
    assert attempt.cells == {1: 0x0F0, 2: 0xF00}
    assert seen.eligible(attempt) == tuple(range(1, 13))
    left = events.Exited(events.Position(2, 0, 20), RUN, ids.MemberId(2), 0, b"")
    view = views.fold(views.LedgerView(), [*told(spec), left])
    assert view.runs[RUN].eligible(attempt) == (1, *range(3, 13))


def test_who_sat_out_goes_on(run_of: Callable[..., views.RunView]) -> None:
    """A node whose cell sat the round out owes the next round's Submit like all others."""
    view = views.fold(views.LedgerView(), told(run_of().spec))
    known = duties.Remembered(
        is_pinned=True, state_index=1, is_finished=False, has_model=False, has_key=True, has_report=True
    )
    owed = duties.due(view, ids.MemberId(1), {RUN: known}, 30)
    assert [each.kind for each in owed if each.round_index == 1] == [duties.DutyKind.SUBMIT]
