"""Mock rows fit the declarations and come from nothing else."""

import csv
import io
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.data import checking, mock, sources
from aicommons.domain import cards

Type = cards.FieldType
FIELDS = (
    cards.Field("id", Type.TEXT, cards.Role.KEY),
    cards.Field("age", Type.INTEGER, lo=17.5, hi=120.0, missing_percent=25),
    cards.Field("weight", Type.NUMBER, lo=0.5, hi=300.0),
    cards.Field("tiny", Type.NUMBER, lo=0.1234567, hi=0.1234569),
    cards.Field("sex", Type.CATEGORY, levels=("f", "m")),
    cards.Field("visit", Type.DATE, cards.Role.CONTEXT, lo=2010.0, hi=2012.0),
    cards.Field("free", Type.NUMBER),
)


def test_mock_rows_fit_their_card(tmp_path: pathlib.Path) -> None:
    """A table of mock rows has no faults when it is held against the card that it was made from."""
    file = tmp_path / "mock.csv"
    file.write_text(mock.table(FIELDS, 500, seed=3))
    assert checking.check(sources.open_source(file), FIELDS) == checking.Checked(500, ())


def test_the_same_seed_draws_the_same_rows() -> None:
    """Anybody who has the card makes the same rows; another seed makes others."""
    assert mock.table(FIELDS, 50, seed=7) == mock.table(FIELDS, 50, seed=7) != mock.table(FIELDS, 50, seed=8)
    assert mock.table(FIELDS, 50, seed=7).startswith(mock.table(FIELDS, 20, seed=7))


def test_values_are_missing_as_often_as_declared() -> None:
    """A quarter of the ages is empty, and of the others nothing."""
    rows = list(csv.DictReader(io.StringIO(mock.table(FIELDS, 2000, seed=0))))
    assert sum(not row["age"] for row in rows) == pytest.approx(500, abs=80)
    assert all(row["weight"] for row in rows)


def test_a_record_is_typed() -> None:
    """One mock record has numbers as numbers, complete."""
    record = mock.record(FIELDS, seed=0)
    assert [type(record[name]) for name in ("age", "weight", "sex", "visit")] == [int, float, str, str]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(0, 99))
def test_numbers_stay_within_their_range(lo: float, width: float, seed: int) -> None:
    """Shortening a drawn number never takes it out of its range."""
    field = cards.Field("x", Type.NUMBER, lo=lo, hi=lo + width)
    for (cell,) in mock.rows([field], 5, seed=seed):
        assert lo <= float(cell) <= lo + width
