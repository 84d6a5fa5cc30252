"""`model predict` writes a column for each time of a curve, and nothing for rows with a gap."""

import pathlib

import numpy as np
import pytest

from aicommons.cli import model as command
from aicommons.data import reading
from aicommons.learning import model, recipe, records

SCHEMA = {
    "features": [{"name": "arm", "kind": "category", "levels": ["a", "b"]}],
    "target": {
        "name": "days",
        "task": "survival",
        "lo": 0,
        "hi": 10,
        "event": {"name": "died", "kind": "category", "levels": ["no", "yes"]},
    },
}


@pytest.mark.parametrize(("name", "times"), [("kaplan_meier", ["0", "5", "10"]), ("discrete_survival", ["5", "10"])])
def test_each_time_is_a_column(name: str, times: list[str], tmp_path: pathlib.Path) -> None:
    """The heads are the times, the cells what the model predicts, in the order of the table's lines."""
    made = recipe.from_plan({"recipe": name, "intervals": 2, "schema": SCHEMA})
    rng, value = np.random.default_rng(0), made.initial()
    table = records.Table(np.eye(2)[[0, 0, 1, 1]], np.array([1.0, -3.0, 7.0, 9.0]))
    while not made.is_finished(value):
        value = made.combine(value, [made.contribute(value, recipe.Rows(table, table), rng=rng)[0]])
    path = tmp_path / "new.csv"
    path.write_text('arm\nb\n""\na\n')
    inputs = reading.read_inputs(path, made.schema)
    heads, rows = command._predictions(model.Model(made, value), inputs)
    assert heads == ["line", *times]
    assert [row[0] for row in rows] == [2, 3, 4]
    assert rows[1][1:] == [None] * len(times)
    assert rows[0][1:] == pytest.approx(made.predict(value, np.array([[0.0, 1.0]]))[0].tolist())
    nobody = reading.Inputs(np.zeros((0, 2)), (), (2,), ())
    assert command._predictions(model.Model(made, value), nobody)[1] == [[2] + [None] * len(times)]
