"""Schemas: one canonical document, one column per number or level."""

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
import rfc8785
from hypothesis import strategies

from aicommons.domain import errors, schema
from aicommons.learning import records

Array = npt.NDArray[np.float64]

LABELS = strategies.text("abé=✓\U0001f33d ", min_size=1, max_size=5)
NAMES = LABELS.filter(lambda text: text == text.strip())
FEATURES = strategies.builds(
    lambda name, lo, width: schema.numeric(name, lo, lo + width),
    NAMES,
    strategies.floats(-1e6, 1e6),
    strategies.floats(1, 1e6),
) | strategies.builds(schema.category, NAMES, strategies.lists(LABELS, min_size=1, max_size=4, unique=True))
TARGETS = strategies.builds(
    lambda labels: schema.Target(schema.Task.MULTINOMIAL, "\u0001target", classes=tuple(labels)),
    strategies.lists(LABELS, min_size=2, max_size=4, unique=True),
) | strategies.just(schema.Target(schema.Task.GAUSSIAN, "\u0001target", lo=-1.5, hi=2.0))
SCHEMAS = strategies.builds(
    schema.Schema,
    strategies.lists(FEATURES, min_size=1, max_size=5, unique_by=lambda feature: feature.name).map(tuple),
    TARGETS,
)


@hypothesis.settings(max_examples=50)
@hypothesis.given(SCHEMAS)
def test_schema_document_round_trips(value: schema.Schema) -> None:
    """from_document(to_document(x)) == x, and the document is canonical JSON material."""
    document = schema.to_document(value)
    assert schema.from_document(document) == value
    assert rfc8785.dumps(schema.to_document(schema.from_document(document))) == rfc8785.dumps(document)
    assert value.width == len(value.columns)


def test_categories_fill_one_column_per_level() -> None:
    """All levels have a column, in the declared order; no reference level is dropped."""
    value = schema.Schema(
        (schema.numeric("age", 0, 120), schema.category("cp", ["1", "2", "3"])),
        schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
    )
    assert [column.name for column in value.columns] == ["age", "cp=1", "cp=2", "cp=3"]
    assert [(column.lo, column.hi) for column in value.columns][1:] == [(0.0, 1.0)] * 3
    assert (value.width, value.outputs) == (4, 1)


@pytest.mark.parametrize(
    ("features", "target"),
    [
        (np.zeros((2, 1)), np.zeros(3)),
        (np.zeros(2), np.zeros(2)),
        (np.zeros((2, 1), dtype=np.float32), np.zeros(2)),
        (np.zeros((2, 1)), np.zeros((2, 1))),
        (np.zeros((2, 1)), np.zeros(2, dtype=np.int64)),
    ],
    ids=["lengths", "vector", "float32", "target matrix", "whole target"],
)
def test_tables_are_matching_float64(features: Array, target: Array) -> None:
    """A table is float64[rows, width] beside float64[rows]."""
    with pytest.raises(errors.InputError, match="wrong shape"):
        records.Table(features, target)
