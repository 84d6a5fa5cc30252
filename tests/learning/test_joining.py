"""Several sites' rows behind one node give what one table of all of them gives."""

from collections.abc import Sequence

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import blocks, joining, recipe, records
from aicommons.learning.learners import glm

TARGET = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
PLAN = schema.Schema(tuple(schema.numeric(f"x{index}", -8.0, 8.0) for index in range(3)), TARGET)
RECIPES = {
    "glm": recipe.Recipe("glm", PLAN, glm.Glm(schema.Task.BINOMIAL)),
    "mlp": recipe.from_plan({"recipe": "mlp", "schema": schema.to_document(PLAN), "hidden": [4], "rounds": 2}),
}


def _table(rows: int, seed: int) -> records.Table:
    rng = np.random.default_rng(seed)
    features = np.clip(rng.normal(size=(rows, 3)), -8, 8)
    return records.Table(features, (features[:, 0] > 0).astype(np.float64))


def _whole(parts: Sequence[records.Table]) -> records.Table:
    return records.Table(
        np.concatenate([part.features for part in parts]), np.concatenate([part.target for part in parts])
    )


class AddedOnly:
    """Rows that cannot be had one by one, as a Spark table's."""

    def __init__(self, table: records.Table) -> None:
        """Keep the rows."""
        self._table = table

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._table.rows

    def fold(self, partial: records.Partial) -> blocks.Contribution:
        """Return the sum over all rows."""
        return partial(self._table)

    def select(self, keep: records.Keep) -> "AddedOnly":
        """Return the chosen rows."""
        return AddedOnly(self._table.select(keep))

    def changed(self, change: records.Change) -> "AddedOnly":
        """Return the changed rows."""
        return AddedOnly(change(self._table))


@pytest.mark.parametrize("name", RECIPES)
def test_joined_sites_train_like_one_table(name: str) -> None:
    """Statistics, fit and evaluation over three sites' rows are those of one table that holds them all."""
    plan = RECIPES[name]
    train, held = [_table(rows, seed) for seed, rows in enumerate((40, 1, 25))], [_table(9, 7), _table(4, 8)]
    together = recipe.Rows(_whole(train), _whole(held))
    several = recipe.Rows(joining.joined(train), joining.joined(held))
    value = plan.initial()
    for _ in range(3):
        expected, _ = plan.contribute(value, together, rng=np.random.default_rng(3))
        got, _ = plan.contribute(value, several, rng=np.random.default_rng(3))
        assert got.keys() == expected.keys()
        for name_, vector in expected.items():
            assert np.allclose(got[name_], vector, rtol=1e-10, atol=1e-10)
        value = plan.combine(value, [expected])


@hypothesis.given(
    sizes=strategies.lists(strategies.integers(0, 6), min_size=1, max_size=5), seed=strategies.integers(0, 2**32)
)
@hypothesis.settings(max_examples=50)
def test_any_rows_are_found_in_any_order(sizes: list[int], seed: int) -> None:
    """Rows taken by their places, with repeats and from empty sites too, are those of the whole, selected and changed."""
    parts = [_table(rows, index) for index, rows in enumerate(sizes)]
    whole, found = _whole(parts), joining.joined(parts)
    assert records.is_sampled(found)
    assert found.rows == whole.rows
    rng = np.random.default_rng(seed)
    places = rng.integers(0, max(whole.rows, 1), 8 if whole.rows else 0)
    assert np.array_equal(found.take(places).features, whole.take(places).features)
    positive = found.select(lambda table: table.target > 0).changed(
        lambda table: records.Table(2 * table.features, table.target)
    )
    assert records.is_sampled(positive)
    wanted = 2 * whole.features[whole.target > 0]
    assert np.array_equal(positive.take(np.arange(positive.rows)).features, wanted)


def test_a_single_site_stays_what_it_is() -> None:
    """One site behind a node is not wrapped: its sums keep their bits."""
    table = _table(5, 1)
    assert joining.joined([table]) is table


def test_one_table_in_a_cluster_makes_all_of_them_added_only() -> None:
    """Where one site's rows can only be added over, so can those of all together."""
    several = joining.joined([_table(5, 1), AddedOnly(_table(3, 2))])
    assert not records.is_sampled(several)
    assert several.rows == 8
    with pytest.raises(errors.InputError, match="only be added over"):
        records.gather(several.select(lambda table: table.target >= 0))
