"""Schemas: one canonical document, one column per number or level."""

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
import rfc8785
from hypothesis import strategies

from aicommons.data import columns
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
) | strategies.sampled_from(
    [
        None,
        schema.Target(schema.Task.GAUSSIAN, "\u0001target", lo=-1.5, hi=2.0),
        schema.Target(schema.Task.POISSON, "\u0001target", lo=0.0, hi=9.0),
        schema.Target(
            schema.Task.SURVIVAL,
            "\u0001target",
            lo=0.0,
            hi=9.0,
            event=schema.category("\u0001event", ["censored", "dead"]),
        ),
    ]
)
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


DIED = schema.category("died", ["no", "yes"])
BAD_TARGETS = {
    "time without event": (schema.Task.SURVIVAL, {"lo": 0.0, "hi": 9.0}),
    "event with three levels": (
        schema.Task.SURVIVAL,
        {"lo": 0.0, "hi": 9.0, "event": schema.category("died", ["no", "yes", "lost"])},
    ),
    "event without time": (schema.Task.GAUSSIAN, {"lo": 0.0, "hi": 9.0, "event": DIED}),
    "time below zero": (schema.Task.SURVIVAL, {"lo": -1.0, "hi": 9.0, "event": DIED}),
    "count below zero": (schema.Task.POISSON, {"lo": -1.0, "hi": 9.0}),
    "count with classes": (schema.Task.POISSON, {"lo": 0.0, "hi": 9.0, "classes": ("a", "b")}),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_targets_that_contradict_themselves_are_refused(name: str) -> None:
    """A time comes with its event and nothing else does; what is counted or waited for is never negative."""
    task, given = BAD_TARGETS[name]
    with pytest.raises(errors.InputError) as caught:
        schema.Target(task, "y", **given)
    assert caught.value.which.startswith("target y")


def test_an_event_is_a_column_of_the_plan() -> None:
    """The event's name may be no feature's, and both columns are read, the target's last."""
    target = schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=9.0, event=DIED)
    plan = schema.Schema((schema.numeric("age", 0, 120),), target)
    assert [each.name for each in plan.declared] == ["age", "days", "died"]
    assert plan.outcome_levels == ("no", "yes")
    assert plan.classes == ()
    with pytest.raises(errors.InputError, match="named twice"):
        schema.Schema((schema.numeric("died", 0, 1),), target)


def test_a_time_carries_whether_its_event_was_seen() -> None:
    """The sign tells it, of the time 0 too; without a target every row has 0."""
    plan = schema.Schema(
        (schema.numeric("age", 0, 120),), schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=9.0, event=DIED)
    )
    found = columns.target_of(plan, np.array([[3.0, 1.0], [3.0, 0.0], [0.0, 0.0], [0.0, 1.0]]))
    assert np.abs(found).tolist() == [3.0, 3.0, 0.0, 0.0]
    assert records.outcome_index(plan, found).tolist() == [1, 0, 0, 1]
    assert columns.target_of(schema.Schema(plan.features, None), np.zeros((2, 0))).tolist() == [0.0, 0.0]


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
