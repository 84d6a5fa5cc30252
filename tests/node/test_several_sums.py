"""Sums of several runs over a table with gaps: what their numbers of rows and values say, without knowing whose rows they are."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from aicommons.domain import errors, ids, schema
from aicommons.learning import recipe, records
from aicommons.node import disclosures, journal

TARGET = schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
SEED = bytes(range(32))
MEMBERS = (1, 2, 3)
LEAST = 5


def plan(columns: str, missing: schema.Missing = schema.Missing.DROP) -> schema.Schema:
    """Return a plan over columns of one letter each."""
    return schema.Schema(tuple(schema.numeric(name, 0, 1000) for name in columns), TARGET, missing)


@dataclasses.dataclass
class Site:
    """A table of people with gaps, and what was summed of it."""

    gaps: dict[str, frozenset[int]]
    """Column -> places of the rows without a value in it."""
    rows: int = 1000
    made: list[journal.Disclosure] = dataclasses.field(default_factory=list)
    shift: float = 0.0
    """What is added to the first row's values."""

    def facts(self, wanted: schema.Schema) -> disclosures.Facts:
        """Return what is kept of the rows that a plan leaves."""
        names = [feature.name for feature in wanted.features]
        left = np.ones(self.rows, dtype=np.bool_)
        numbers = np.column_stack([np.arange(self.rows) * (place + 1.0) for place, _ in enumerate("abcz")])
        numbers[0] += self.shift
        for place, name in enumerate("abcz"):
            empty = [row for row in self.gaps.get(name, frozenset()) if row < self.rows]
            numbers[empty, place] = np.nan
            if name in names and wanted.missing is schema.Missing.DROP:
                left[empty] = False
        features = numbers[:, ["abcz".index(name) for name in names]]
        table = records.Table(features[left], np.zeros(left.sum()))
        return disclosures.facts_of(
            recipe.Rows(table.take(np.arange(10)), table.take(np.arange(10, table.rows))), SEED, wanted
        )

    def sum(self, wanted: schema.Schema) -> None:
        """Check, and write down, a sum over all its rows; raises ``errors.ContributionRefused``."""
        facts = self.facts(wanted)
        disclosures.check_rows(LEAST, self.made, wanted, facts, members=MEMBERS)
        body, digest = disclosures.body(wanted, (), facts), disclosures.schema_digest(wanted)
        run_id = ids.RunId(bytes([len(self.made)]) * 32)
        self.made.append(journal.Disclosure(run_id, 0, 1, 1, MEMBERS, bytes(32), digest, body))


NO_A, NO_B = frozenset(range(20)), frozenset({0, *range(20, 44)})
FILLED = schema.Missing.FILL
REFUSED: dict[str, tuple[dict[str, frozenset[int]], Sequence[schema.Schema]]] = {
    "one row has both gaps": ({"a": NO_A, "b": NO_B}, [plan("z"), plan("za"), plan("zb"), plan("zab")]),
    "in another order": ({"a": NO_A, "b": NO_B}, [plan("zab"), plan("zb"), plan("za"), plan("z")]),
    "with filled gaps first": ({"a": NO_A, "b": NO_B}, [plan("zab", FILLED), plan("za"), plan("zb"), plan("zab")]),
    "as many other rows": (
        {"a": frozenset({1, 2, 3, 4, 5}), "b": frozenset({2, 3, 4, 5, 6})},
        [plan("za"), plan("zb")],
    ),
}
ALLOWED: dict[str, tuple[dict[str, frozenset[int]], Sequence[schema.Schema]]] = {
    "no gaps": ({}, [plan("z"), plan("za"), plan("zb"), plan("zab"), plan("zabc")]),
    "gaps in the same rows": ({"a": NO_A, "b": NO_A}, [plan("z"), plan("za"), plan("zb"), plan("zab")]),
    "gaps in the same rows and in enough others": (
        {"a": frozenset(range(30)), "b": frozenset(range(20, 60))}, [plan("z"), plan("za"), plan("zb"), plan("zab")]
    ),
    "gaps that are filled": ({"a": NO_A, "b": NO_B}, [plan(each, FILLED) for each in ("z", "za", "zb", "zab")]),
    "no shared rows with gaps": (
        {"a": frozenset(range(20)), "b": frozenset(range(20, 46))}, [plan("z"), plan("za"), plan("zb"), plan("zab")]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("gaps", "plans"), REFUSED.values(), ids=REFUSED.keys())
def test_the_sum_that_would_tell_of_few_rows_is_refused(
    gaps: dict[str, frozenset[int]], plans: Sequence[schema.Schema]
) -> None:
    """Each sum alone is harmless; the last one would, with those before, be about fewer than k rows, or nobody knows how many."""
    site = Site(gaps)
    for each in plans[:-1]:
        site.sum(each)
    with pytest.raises(errors.ContributionRefused, match="too few rows"):
        site.sum(plans[-1])


@pytest.mark.parametrize(("gaps", "plans"), ALLOWED.values(), ids=ALLOWED.keys())
def test_sums_over_the_same_or_many_other_rows_go_on(
    gaps: dict[str, frozenset[int]], plans: Sequence[schema.Schema]
) -> None:
    """Plans over other columns of the same rows, or whose gaps are in many rows, are summed one after the other."""
    site = Site(gaps)
    for each in plans:
        site.sum(each)


def test_a_changed_value_is_seen_in_other_columns_too() -> None:
    """As many rows as before, of which one has another value in a column of both plans: who that is would follow."""
    site = Site({})
    site.sum(plan("za"))
    site.shift = 0.5
    with pytest.raises(errors.ContributionRefused, match="too few rows"):
        site.sum(plan("zb"))


def test_a_growing_table_is_summed_again_and_again() -> None:
    """Under one plan the rows that come are other ones each time; their numbers alone refuse nothing."""
    site = Site({})
    for rows in (1000, 1020, 1043, 1064, 1085, 1107):
        site.rows = rows
        site.sum(plan("za"))
