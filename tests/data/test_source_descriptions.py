"""What an owner names as a source is checked field by field before anything is opened."""

import pathlib
from typing import Any

import pytest

from aicommons.data import sources
from aicommons.domain import errors

GOOD: dict[str, dict[str, Any]] = {
    "a file": {"kind": "file", "path": "visits.csv"},
    "a sheet": {"kind": "excel", "path": "visits.xlsx", "sheet": "2025"},
    "a database": {
        "kind": "sql",
        "url": "postgresql://reader@db/clinic",
        "query": "SELECT 1",
        "password_variable": "X",
    },
    "a SQLite file": {"kind": "sql", "url": "sqlite:///clinic.db", "query": "SELECT 1"},
    "a query": {"kind": "duckdb", "query": "SELECT 1", "files": {"visits": "visits.csv"}},
    "images": {"kind": "images", "path": "xrays", "width": 28, "height": 28, "colours": "grey", "labels": "labels.csv"},
    "texts": {"kind": "texts", "path": "notes", "width": 256, "grams": "character", "longest": 3},
    "FHIR": {"kind": "fhir", "path": "export", "columns": [{"name": "sex", "path": "Patient.gender"}]},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_kept_description_means_the_same_anywhere(name: str, tmp_path: pathlib.Path) -> None:
    """Paths become absolute, so that what a home keeps can be read from any folder; nothing else changes."""
    described = sources.from_document(GOOD[name], tmp_path)
    assert sources.from_document(dict(described.body), pathlib.Path("/elsewhere")) == described
    assert set(described.body) == set(GOOD[name])
    path = described.body.get("path", str(tmp_path))
    assert str(path).startswith(str(tmp_path))


BAD: dict[str, tuple[Any, str]] = {
    "no object": ([], "not a JSON object"),
    "no kind": ({"path": "x"}, "source.kind"),
    "an unknown kind": ({"kind": "oracle"}, "source.kind"),
    "an unknown field": ({"kind": "file", "path": "x", "sheet": "a"}, "source.sheet"),
    "no path": ({"kind": "file"}, "source.path"),
    "a password": ({"kind": "sql", "url": "sqlite:///x", "query": "SELECT 1", "password": "x"}, "source.password"),
    "no query": ({"kind": "sql", "url": "sqlite:///x"}, "source.query"),
    "no files": ({"kind": "duckdb", "query": "SELECT 1", "files": {}}, "source.files"),
    "a width of nothing": ({"kind": "texts", "path": "x", "width": 0}, "source.width"),
    "a width of text": ({"kind": "texts", "path": "x", "width": "16"}, "source.width"),
    "unknown colours": ({"kind": "images", "path": "x", "width": 2, "height": 2, "colours": "hsv"}, "source.colours"),
    "columns of nothing": ({"kind": "fhir", "path": "x", "columns": [1]}, "source.columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_descriptions_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    """The field that is missing, unknown or wrong is named."""
    document, field = BAD[name]
    with pytest.raises(errors.InputError) as caught:
        sources.from_document(document, tmp_path)
    assert field in str(caught.value)


def test_a_file_that_is_no_description(tmp_path: pathlib.Path) -> None:
    """A file that is not there, or is no JSON, is named."""
    with pytest.raises(errors.InputError, match="cannot be read"):
        sources.read_description(tmp_path / "none.json")
    (tmp_path / "source.json").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.InputError, match=r"source\.json"):
        sources.read_description(tmp_path / "source.json")


def test_words_for_the_owner_hold_no_more_than_the_place() -> None:
    """What a list shows of a source is its path or address."""
    described = sources.from_document(GOOD["a database"], pathlib.Path("/home/x"))
    assert described.words == "postgresql://reader@db/clinic"
    assert sources.from_document(GOOD["a query"], pathlib.Path("/home/x")).words == "duckdb"
