"""The same rows under a second number: refused, and never read where people are asked for them."""

import dataclasses
import hashlib
import pathlib
from typing import Any

import pytest

from aicommons import app
from aicommons.cli import relisted
from aicommons.domain import cards, errors
from aicommons.node import agent

CARD = cards.DatasetCard("t", "s", 10, {}, "CC0-1.0", 10, "")
ROWS = "age,ill\n30,no\n"


@pytest.fixture
def home(tmp_path: pathlib.Path) -> app.Home:
    """A home with dataset 3: a file, later another one."""
    made = app.Home(tmp_path / "home")
    for version, name in ((1, "old.csv"), (2, "new.csv")):
        file = tmp_path / name
        file.write_text(ROWS + name)
        made.keep_dataset(3, file, dataclasses.replace(CARD, dataset_version=version), how=how(file))
    return made


def how(file: pathlib.Path) -> app.HowRead:
    """Return what is kept of a file."""
    return {"content": hashlib.sha256(file.read_bytes()).hexdigest()}


def sources(folder: pathlib.Path) -> dict[str, tuple[pathlib.Path | str, Any]]:
    """Return places and what is kept beside them, all of the rows of dataset 3."""
    (folder / "copy.csv").write_text(ROWS + "new.csv")
    (folder / "link.csv").symlink_to(folder / "new.csv")
    described = {"kind": "duckdb", "query": "SELECT * FROM t", "files": {"t": str(folder / "new.csv")}}
    return {
        "the file": (folder / "new.csv", {}),
        "the file of the version before": (folder / "old.csv", {}),
        "another way to it": (folder / "home" / ".." / "new.csv", {}),
        "a link": (folder / "link.csv", {}),
        "a copy": (folder / "copy.csv", how(folder / "copy.csv")),
        "a query over it": ("duckdb", {"source": described}),
        "described": ("new.csv", {"source": {"kind": "file", "path": str(folder / "new.csv")}}),
    }


NAMES = (
    "the file",
    "the file of the version before",
    "another way to it",
    "a link",
    "a copy",
    "a query over it",
    "described",
)


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_are_listed_are_not_listed_again(home: app.Home, tmp_path: pathlib.Path, name: str) -> None:
    """Not by path, link, copy or query; a new version may have them, and a reason is enough as long as nobody is asked."""
    place, kept = sources(tmp_path)[name]
    with pytest.raises(errors.InputError, match="listed these rows already"):
        relisted.check(home, place, kept, version_of=None, reason=None)
    with pytest.raises(errors.InputError, match="listed these rows already"):
        relisted.check(home, place, kept, version_of=4, reason=" ")
    relisted.check(home, place, kept, version_of=3, reason=None)
    relisted.check(home, place, kept, version_of=None, reason="for a class")
    home.ask_people(3)
    with pytest.raises(errors.InputError, match="people are asked"):
        relisted.check(home, place, kept, version_of=None, reason="for a class")
    relisted.check(home, place, kept, version_of=3, reason=None)


def test_other_rows_are_listed_freely(home: app.Home, tmp_path: pathlib.Path) -> None:
    """Another file, or another query on the same database, is another dataset; so are two datasets in data wallets."""
    home.ask_people(3)
    (tmp_path / "other.csv").write_text(ROWS)
    relisted.check(home, tmp_path / "other.csv", how(tmp_path / "other.csv"), version_of=None, reason=None)
    one: Any = {"source": {"kind": "sql", "url": "sqlite:///c.db", "query": "SELECT 1"}}
    other: Any = {"source": {"kind": "sql", "url": "sqlite:///c.db", "query": "SELECT 2"}}
    home.keep_dataset(5, "sqlite:///c.db", CARD, how=one)
    relisted.check(home, "sqlite:///c.db", other, version_of=None, reason=None)
    with pytest.raises(errors.InputError, match="listed these rows already"):
        relisted.check(home, "sqlite:///c.db", one, version_of=None, reason=None)
    home.keep_dataset(6, tmp_path / "other.csv", CARD)
    home.keep_dataset(7, tmp_path / "yet another.csv", CARD)
    for number in (6, 7):
        home.read_from_wallets(number)
    home.ask_people(6)
    found = app.own_version(home, agent.Part(7, 1))
    assert found is not None
    assert not found.asks_people


def test_a_second_number_of_rows_that_people_are_asked_for_is_not_read(home: app.Home, tmp_path: pathlib.Path) -> None:
    """Listed with a reason before people were asked under the first number: from then on it has to have their register."""
    home.keep_dataset(4, tmp_path / "new.csv", CARD, how={"same_rows": "for a class"})
    before = app.own_version(home, agent.Part(4, 1))
    home.ask_people(3)
    after = app.own_version(home, agent.Part(4, 1))
    assert before is not None
    assert after is not None
    assert (before.asks_people, after.asks_people) == (False, True)
