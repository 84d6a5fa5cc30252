"""Plans of statistics as the command line reads them: nothing is held out, whatever their target."""

import json
import pathlib

import pytest

from aicommons.cli import given
from aicommons.domain import errors

SCHEMA = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
}


def _written(folder: pathlib.Path, recipe: str, **more: object) -> pathlib.Path:
    path = folder / "plan.json"
    body = {"title": "A plan", "recipe": {"recipe": recipe, "schema": SCHEMA}, "leaves_site": "sums", **more}
    path.write_text(json.dumps(body))
    return path


def test_statistics_hold_nothing_out(tmp_path: pathlib.Path) -> None:
    """All rows are described, because no model is judged; a plan that says otherwise is refused by name."""
    assert given.plan(_written(tmp_path, "stats")).held_out_percent == 0
    assert given.plan(_written(tmp_path, "naive_bayes")).held_out_percent == 30
    with pytest.raises(errors.InputError) as caught:
        given.plan(_written(tmp_path, "stats", held_out_percent=30))
    assert "held_out_percent" in str(caught.value.which)
