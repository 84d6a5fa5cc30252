"""Matching: a dataset fits a problem exactly when nothing that was declared speaks against it, and every misfit is named."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import documents, schema
from aicommons.protocol import matching

AGE = schema.numeric("age", 0, 120)
SEX = schema.category("sex", ["f", "m"])
ILL = schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
NEEDED = schema.Schema((AGE, SEX), ILL)
PROBLEM = documents.Problem(
    "Who is ill?",
    "patients",
    "whom to examine",
    "a score",
    ("3.4",),
    "auc",
    "guessing",
    purpose="DUO:0000007",
    needs=documents.Needs(schema.to_document(NEEDED), 50, ("KE", "TZ")),
)
FITTING = matching.Offer(True, NEEDED, 200, 10, ("KE",))


def with_columns(*features: schema.Feature, target: schema.Target = ILL) -> matching.Offer:
    """The fitting offer with other columns."""
    return dataclasses.replace(FITTING, columns=schema.Schema(features, target))


OFFERS: dict[str, tuple[matching.Offer, list[tuple[matching.Misfit, str]]]] = {
    "fits": (FITTING, []),
    "more columns do no harm": (with_columns(AGE, SEX, schema.numeric("height", 0, 3)), []),
    "a narrower range fits": (with_columns(schema.numeric("age", 18, 90), SEX), []),
    "fewer levels fit": (with_columns(AGE, schema.category("sex", ["f"])), []),
    "a feature may be the other's target": (
        with_columns(
            AGE,
            schema.category("ill", ["no", "yes"]),
            target=schema.Target(schema.Task.BINOMIAL, "sex", classes=("f", "m")),
        ),
        [],
    ),
    "suspended": (dataclasses.replace(FITTING, is_listed=False), [(matching.Misfit.NOT_LISTED, "dataset")]),
    "nothing declared": (dataclasses.replace(FITTING, columns=None), [(matching.Misfit.COLUMNS_UNKNOWN, "card")]),
    "a column is missing": (with_columns(AGE), [(matching.Misfit.COLUMN_MISSING, "sex")]),
    "a number for a category": (
        with_columns(AGE, schema.numeric("sex", 0, 1)),
        [(matching.Misfit.COLUMN_KIND, "sex")],
    ),
    "a wider range": (with_columns(schema.numeric("age", 0, 150), SEX), [(matching.Misfit.VALUES_OUTSIDE, "age")]),
    "a level more": (
        with_columns(AGE, schema.category("sex", ["f", "m", "x"])),
        [(matching.Misfit.VALUES_OUTSIDE, "sex")],
    ),
    "another target": (
        with_columns(AGE, SEX, target=schema.Target(schema.Task.GAUSSIAN, "ill", lo=0, hi=1)),
        [(matching.Misfit.COLUMN_KIND, "ill")],
    ),
    "too few rows": (dataclasses.replace(FITTING, rows=40), [(matching.Misfit.COHORT_TOO_SMALL, "rows")]),
    "too few for its owner": (
        dataclasses.replace(FITTING, minimum_cohort=300),
        [(matching.Misfit.COHORT_TOO_SMALL, "rows")],
    ),
    "another country": (dataclasses.replace(FITTING, countries=("FR",)), [(matching.Misfit.COUNTRY, "countries")]),
    "one country too many": (
        dataclasses.replace(FITTING, countries=("KE", "FR")),
        [(matching.Misfit.COUNTRY, "countries")],
    ),
    "country not said": (dataclasses.replace(FITTING, countries=()), [(matching.Misfit.COUNTRY, "countries")]),
    "several at once": (
        dataclasses.replace(FITTING, is_listed=False, rows=0, countries=()),
        [
            (matching.Misfit.NOT_LISTED, "dataset"),
            (matching.Misfit.COHORT_TOO_SMALL, "rows"),
            (matching.Misfit.COUNTRY, "countries"),
        ],
    ),
}


@pytest.mark.parametrize("case", OFFERS)
def test_every_misfit_is_named(case: str) -> None:
    """Each offer gets exactly the reasons of its row."""
    offer, expected = OFFERS[case]
    assert [(each.misfit, each.which) for each in matching.misfits(PROBLEM, offer)] == expected


CHANGES: dict[str, Callable[[documents.Problem], documents.Problem]] = {
    "no needs": lambda problem: dataclasses.replace(problem, needs=None),
    "no purpose": lambda problem: dataclasses.replace(problem, purpose=None),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_problem_that_asks_for_nothing_gets_nothing(case: str) -> None:
    """Without needs and a purpose no dataset fits, and it says so."""
    found = matching.misfits(CHANGES[case](PROBLEM), FITTING)
    assert [each.misfit for each in found] == [matching.Misfit.NEEDS_UNKNOWN]


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100), st.floats(0, 100))
def test_a_range_fits_if_all_its_values_are_wanted(low: float, width: float, lo: float, span: float) -> None:
    """A declared range fits exactly when it lies within the needed one."""
    offered, needed = (low, low + width + 1), (lo, lo + span + 1)
    problem = dataclasses.replace(
        PROBLEM,
        needs=documents.Needs(schema.to_document(schema.Schema((schema.numeric("age", *needed),), ILL))),
    )
    fits = not matching.misfits(problem, dataclasses.replace(with_columns(schema.numeric("age", *offered)), rows=10))
    assert fits == (needed[0] <= offered[0] and offered[1] <= needed[1])
