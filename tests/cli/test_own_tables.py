"""Anybody's table in a demo: what is said of it names the person's own file, once."""

import dataclasses
import pathlib

import pytest

from aicommons.cli import demo, demonstration, scripts
from aicommons.data import infer
from aicommons.domain import documents, errors, schema
from aicommons.learning import recipe as recipes

SITES = ("a", "b", "c", "d")


def _own(folder: pathlib.Path, *, cells: dict[int, str] | None = None, rows: int = 160) -> scripts.OwnTable:
    """Write rows, the sites in turn, with semicolons, decimal commas and the Windows code page; ``cells`` by line."""
    lines = ["Größe;Ort;krank"]
    for index in range(rows):
        size = (cells or {}).get(index + 2, f"{index % 17},5")
        lines.append(f"{size};{SITES[index % 4]};{['ja', 'nein'][index * 5 % 17 > 8]}")
    path = folder / "mine.csv"
    path.write_bytes("\n".join(lines).encode("cp1252"))
    return scripts.OwnTable(path, "Ort", "krank")


def _read(script: scripts.Script) -> demonstration.Read:
    made = recipes.from_plan({**script.recipe, "schema": schema.to_document(script.schema)})
    plan = documents.Plan(script.title, recipes.to_plan(made), "sums", 30, script.seed, script.group)
    return demonstration.read_sites(script, plan, made)


def test_each_decision_about_the_file_is_said_once(tmp_path: pathlib.Path) -> None:
    """Encoding, separator and decimal mark are said of the person's file, not of each site's part."""
    script, notices = scripts.table(tmp_path / "parts", _own(tmp_path), scripts.Choice())
    assert [notice.partition(": ")[0] for notice in notices].count("mine.csv") == 3
    assert len(notices) == 4  # and what the target is read as
    assert list(script.tables) == list(SITES)


BAD_CELLS = {
    "text": ("large", "text in a numeric column"),
    "infinite": ("inf", "an infinite or absurd number"),
    "thousands mark": ("1.234,5", "text in a numeric column"),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_a_bad_cell_is_named_by_its_own_line(name: str, tmp_path: pathlib.Path) -> None:
    """The line is that of the person's file, although its row is one of few of its site."""
    cell, message = BAD_CELLS[name]
    with pytest.raises(errors.TableError, match=message) as caught:
        scripts.table(tmp_path / "parts", _own(tmp_path, cells={121: cell}), scripts.Choice())
    assert caught.value.which == "mine.csv, column Größe, line 121"


BAD_ROLES = {
    "no such site": ({"site": "Stadt"}, "mine.csv, column Stadt"),
    "no such group": ({"group": "Person"}, "mine.csv, column Person"),
    "target is site": ({"target": "Ort"}, "two roles"),
    "group is target": ({"group": "krank"}, "two roles"),
    "group is site": ({"group": "Ort"}, "two roles"),
}


@pytest.mark.parametrize("name", BAD_ROLES)
def test_columns_with_roles_are_checked_in_the_own_file(name: str, tmp_path: pathlib.Path) -> None:
    """A column that is missing or named twice is refused before any part is written."""
    changed, message = BAD_ROLES[name]
    own = dataclasses.replace(_own(tmp_path), **changed)
    with pytest.raises((errors.TableError, errors.InputError), match=message):
        scripts.table(tmp_path / "parts", own, scripts.Choice())
    assert not (tmp_path / "parts").exists()


def test_sites_are_read_as_the_whole_file(tmp_path: pathlib.Path) -> None:
    """A decimal comma that a site's own beginning does not show is understood all the same."""
    whole = {line: str(line % 17) for line in range(3, 1001)}
    script, _ = scripts.table(tmp_path / "parts", _own(tmp_path, cells=whole, rows=1000), scripts.Choice())
    rows = _read(script).rows["d"]
    assert 999 % 17 + 0.5 in {*rows.train.features[:, 0], *rows.held_out.features[:, 0]}


def test_rows_with_a_gap_are_counted(tmp_path: pathlib.Path) -> None:
    """Gaps are counted site by site; a site with nothing but gaps is left out and the others go on."""
    gaps = {2: "", 6: "?"} | dict.fromkeys(range(5, 162, 4), "")
    script, _ = scripts.table(tmp_path / "parts", _own(tmp_path, cells=gaps), scripts.Choice())
    read = _read(script)
    assert dict(read.gaps) == {"a": 2, "b": 0, "c": 0}
    assert read.gaps_in_words() == "2 of 120 rows have a gap and are left out"
    assert read.left_out["d"].startswith("0 complete rows of 40,")
    whole, _ = scripts.table(tmp_path / "others", _own(tmp_path), scripts.Choice())
    assert _read(whole).gaps_in_words() is None


def _timed(folder: pathlib.Path) -> pathlib.Path:
    """Write rows with a time and its end, the sites in turn."""
    lines = [
        f"{SITES[index % 4]},{20 + index * 7 % 60},{1 + index * 11 % 97},{('left', 'died')[index % 3 > 0]}"
        for index in range(160)
    ]
    path = folder / "timed.csv"
    path.write_text("\n".join(["site,age,days,end", *lines]))
    return path


@pytest.mark.parametrize(("seen", "levels"), [(None, ("died", "left")), ("died", ("left", "died"))])
def test_a_time_with_an_event_is_a_target(seen: str | None, levels: tuple[str, str], tmp_path: pathlib.Path) -> None:
    """The recipe suits it, both columns are read at every site, and neither is a feature."""
    own = scripts.OwnTable(_timed(tmp_path), "site", "days", event=infer.Event("end", seen))
    script, _ = scripts.table(tmp_path / "parts", own, scripts.Choice(rounds=9))
    assert script.schema.target.event.levels == levels
    assert [each.name for each in script.schema.features] == ["age"]
    assert (script.recipe["recipe"], script.recipe["max_steps"]) == ("discrete_survival", 7)
    found = _read(script)
    assert sum(rows.train.rows + rows.held_out.rows for rows in found.rows.values()) == 160
    assert found.left_out == {}


@pytest.mark.parametrize("changes", [{"target": "end"}, {"site": "end"}, {"group": "end"}])
def test_the_event_is_a_column_of_its_own(changes: dict[str, str], tmp_path: pathlib.Path) -> None:
    """It is neither the time, nor the site, nor what binds rows together."""
    roles = {"site": "site", "target": "days", "group": None} | changes
    own = scripts.OwnTable(_timed(tmp_path), **roles, event=infer.Event("end"))
    with pytest.raises(errors.InputError, match="two roles") as caught:
        scripts.table(tmp_path / "parts", own, scripts.Choice())
    assert caught.value.which == "column end"


TARGETS_OF_RECIPES = {
    "glm": {"target": "krank"},
    "trees": {"target": "krank"},
    "mlp": {"target": "krank"},
    "naive_bayes": {"target": "krank"},
    "stats": {"target": None},
    "kmeans": {"target": None},
    "pca": {"target": None},
    "kaplan_meier": {"target": "Größe", "event": infer.Event("krank")},
    "discrete_survival": {"target": "Größe", "event": infer.Event("krank")},
}


@pytest.mark.parametrize("name", demo.RECIPES)
def test_each_recipe_of_the_demo_has_a_plan(name: str, tmp_path: pathlib.Path) -> None:
    """Every recipe that may be chosen reads a table of its kind; it is chosen itself where it is the first that suits."""
    own = dataclasses.replace(_own(tmp_path), **TARGETS_OF_RECIPES[name])
    lines = own.path.read_text("cp1252").splitlines()
    aged = [f"{line};{'Alter' if index == 0 else 20 + index * index % 31}" for index, line in enumerate(lines)]
    own.path.write_text("\n".join(aged), "cp1252")
    script, _ = scripts.table(tmp_path / "parts", own, scripts.Choice(recipe=name))
    made = recipes.from_plan({**script.recipe, "schema": schema.to_document(script.schema)})
    assert made.name == name
    assert "over all your rows" in demonstration.leaves_site_in_words(made)
    left_open = scripts.Choice().document(script.schema)["recipe"]
    assert left_open == {"kaplan_meier": "discrete_survival", "kmeans": "stats", "pca": "stats"}.get(
        name, name if name in {"stats", "discrete_survival"} else "glm"
    )


def test_rounds_bound_the_recipes_that_can_be_ended(tmp_path: pathlib.Path) -> None:
    """``--rounds`` bounds steps, passes or trees, and is refused by name where a recipe takes the rounds that it takes."""
    script, _ = scripts.table(tmp_path / "parts", _own(tmp_path), scripts.Choice())
    for name in ("glm", "mlp", "trees"):
        document = scripts.Choice(recipe=name, rounds=9).document(script.schema)
        made = recipes.from_plan({**document, "schema": schema.to_document(script.schema)})
        assert made.most_rounds <= 9
    with pytest.raises(errors.InputError, match="takes the rounds that it takes"):
        scripts.Choice(recipe="naive_bayes", rounds=9).document(script.schema)
