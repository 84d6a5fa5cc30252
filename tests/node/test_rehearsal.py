"""A dry run shows the blocks, bytes and smallest cells that the site would send, and sends nothing."""

import pathlib

import numpy as np
import pytest

from aicommons.data import prepared, reading
from aicommons.domain import documents, schema
from aicommons.learning import recipe, state
from aicommons.learning.secagg import quantise
from aicommons.node import rehearsal, tables

COLUMNS = schema.Schema(
    (schema.numeric("age", 0, 120), schema.category("sex", ("f", "m", "x"))),
    schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes")),
)
RECIPE = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(COLUMNS)})
PLAN = documents.Plan("A plan", recipe.to_plan(RECIPE), "sums", 30, 1, None)


def rehearsed(folder: pathlib.Path, rows: list[str]) -> tuple[rehearsal.Rehearsal, recipe.Rows]:
    """Return the dry run of a table and its rows."""
    (folder / "table.csv").write_text("\n".join(["age,sex,ill", *rows]) + "\n")
    table = prepared.prepare(
        folder / "table.csv", reading.Wanted(COLUMNS), folder / "kept", tables.division(PLAN, COLUMNS)
    )
    found = tables.divided(table)
    return rehearsal.rehearse(RECIPE, found, table, members=3), found


USUAL = [f"{20 + row},{'fm'[row % 2]},{'yes' if row % 3 else 'no'}" for row in range(60)]


def test_blocks_and_bytes_are_those_that_a_node_sends(tmp_path: pathlib.Path) -> None:
    """The first round's blocks are the recipe's, its vector is as long as the encoded one."""
    found, rows = rehearsed(tmp_path, USUAL)
    first, fit = found.rounds
    initial = RECIPE.initial()
    contribution, _ = RECIPE.contribute(initial, rows, rng=np.random.default_rng(0))
    words = quantise.encode(RECIPE.blocks(initial), contribution, members=3, word_bits=RECIPE.word_bits)
    assert (first.stage, first.blocks) == (state.Stage.DESCRIBE, RECIPE.blocks(initial))
    assert first.vector_bytes == words.nbytes
    assert {"gradient", "hessian", "evaluation.histogram"} <= {block.name for block in fit.blocks}
    assert found.reason is None


def test_the_smallest_cells_are_counted(tmp_path: pathlib.Path) -> None:
    """Levels and classes with few training rows are named with their rows, smallest first; empty ones are not."""
    found, rows = rehearsed(tmp_path, [*USUAL, *["50,x,yes"] * 4])
    counts = {cell.name: cell.rows for cell in found.cells}
    assert counts["sex = x"] == int((rows.train.features[:, 3] == 1).sum())
    assert counts["ill = yes"] == int(rows.train.target.sum())
    assert counts["rows to learn from"] == rows.train.rows
    assert [cell.rows for cell in found.cells] == sorted(cell.rows for cell in found.cells)
    without, _ = rehearsed(tmp_path, USUAL)
    assert "sex = x" not in {cell.name for cell in without.cells}


def test_one_class_alone_goes_no_further(tmp_path: pathlib.Path) -> None:
    """A site with one class would still take part in the first round; why it cannot go on alone is said."""
    found, _ = rehearsed(tmp_path, [f"{age},f,yes" for age in range(30)])
    assert [each.stage for each in found.rounds] == [state.Stage.DESCRIBE]
    assert found.reason is state.Reason.ONE_CLASS_ONLY


def test_a_table_that_is_not_divided_is_a_mistake_of_the_caller(tmp_path: pathlib.Path) -> None:
    """Parts are asked for only of a table that was divided while it was prepared."""
    (tmp_path / "table.csv").write_text("age,sex,ill\n20,f,no\n")
    with pytest.raises(ValueError, match="not divided"):
        tables.divided(reading.read_table(tmp_path / "table.csv", COLUMNS))
