"""An owner's tables: the fewest rows that the owner agreed to count, whatever the terms of a run say."""

import pathlib

import pytest

from aicommons.domain import documents, errors, schema
from aicommons.learning import recipe
from aicommons.learning.learners import glm
from aicommons.node import agent, tables
from aicommons.protocol import coverage

COLUMNS = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
)
USE = coverage.Use(frozenset(), False, bytes(32), 1, frozenset(), bytes(32))
PLAN = recipe.Recipe("glm", COLUMNS, glm.Glm(schema.Task.BINOMIAL))


def terms(minimum_cohort: int) -> agent.RunDocuments:
    """Return a run's documents that ask for so many rows."""
    plan = documents.Plan("A plan", recipe.to_plan(PLAN), "sums", 30, 0, None)
    return agent.RunDocuments(PLAN, plan, documents.RunTerms("DUO:0000007", (), 60, minimum_cohort, "no DP"))


@pytest.mark.parametrize(
    ("owner", "run", "fits"),
    [(20, 10, True), (21, 10, False), (10, 21, False), (1, 20, True)],
    ids=["both fewer", "the owner wants more", "the run wants more", "just enough"],
)
def test_the_larger_minimum_counts(tmp_path: pathlib.Path, owner: int, run: int, fits: bool) -> None:
    """A table of 20 rows takes part only where owner and run are both content with 20."""
    file = tmp_path / "table.csv"
    file.write_text("age,ill\n" + "".join(f"{20 + row},{'yes' if row % 3 else 'no'}\n" for row in range(20)))
    own = tables.OwnerTables(lambda _: tables.OwnTable(file, owner), tmp_path / "prepared")
    if fits:
        rows = own.bring(agent.Part(3, 1), terms(run), USE).rows
        assert len(rows.train.target) + len(rows.held_out.target) == 20
        return
    with pytest.raises(errors.TableError, match="minimum cohort"):
        own.bring(agent.Part(3, 1), terms(run), USE)
