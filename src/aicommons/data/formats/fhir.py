"""FHIR R4 resources as NDJSON (a bulk export) become a table: one row per patient, columns by a short list of paths.

Opened by ``sources``. A folder holds files such as ``Patient.ndjson`` and ``Observation.000.ndjson``; what a line is says
its ``resourceType``. A column names a path that begins with the resource's type; of several values of a patient one is
taken, or they are counted. Rows come in the order of patients' ids. Values wait in a private temporary database that has
no name, so that memory does not grow with the export. FHIRPath is left out: a path is names with dots, lists are entered.

    {"name": "sex",      "path": "Patient.gender"}
    {"name": "hba1c",    "path": "Observation.valueQuantity.value", "where": {"code.coding.code": "4548-4"},
                         "take": "last", "when": "effectiveDateTime"}
    {"name": "diabetes", "path": "Condition.code.coding.code", "where": {"code.coding.code": "E11"}, "take": "any"}
"""

import contextlib
import dataclasses
import enum
import itertools
import json
import pathlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from aicommons.data import batches
from aicommons.data.formats import files
from aicommons.domain import errors, fields, schema

PATH = re.compile(r"[A-Z][A-Za-z]+(\.[a-z][A-Za-z0-9]*)*")
INNER = re.compile(r"[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*")
PATIENT = "patient"
"""The column of patients' ids, always there: the person key."""
LONGEST_LINE = 64 * 2**20
"""Characters of one resource."""
SUBJECTS = ("subject", "patient", "beneficiary")
"""Where a resource says whose it is."""


class Take(enum.Enum):
    """Which of a patient's several values makes the cell."""

    FIRST = "first"
    """The earliest by ``when``, else the first in the files."""
    LAST = "last"
    """The latest by ``when``, else the last in the files."""
    LEAST = "min"
    """The smallest number."""
    MOST = "max"
    """The largest number."""
    MEAN = "mean"
    """The mean of the numbers."""
    COUNT = "count"
    """How many there are; 0 for none."""
    ANY = "any"
    """1 where there is one, else 0."""


SQL = {
    Take.FIRST: "(SELECT value FROM found WHERE patient = p.id AND place = {0} ORDER BY moment, rowid LIMIT 1)",
    Take.LAST: "(SELECT value FROM found WHERE patient = p.id AND place = {0} ORDER BY moment DESC, rowid DESC LIMIT 1)",
    Take.LEAST: "(SELECT min(number) FROM found WHERE patient = p.id AND place = {0})",
    Take.MOST: "(SELECT max(number) FROM found WHERE patient = p.id AND place = {0})",
    Take.MEAN: "(SELECT avg(number) FROM found WHERE patient = p.id AND place = {0})",
    Take.COUNT: "(SELECT count(*) FROM found WHERE patient = p.id AND place = {0})",
    Take.ANY: "EXISTS (SELECT 1 FROM found WHERE patient = p.id AND place = {0})",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of the table."""

    name: str
    """In the table."""
    resource: str
    """Type of the resources it is found in."""
    path: tuple[str, ...]
    """Names from the resource to the value; none for the resource itself."""
    where: Mapping[tuple[str, ...], str]
    """Path -> text that must be among its values there."""
    take: Take
    """Which of several values."""
    when: tuple[str, ...] | None
    """Path of the time by which they are ordered."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One export."""

    folder: pathlib.Path
    """Where its files are."""
    columns: tuple[Column, ...]
    """The table's columns beside the patient's id."""
    document: str
    """The columns as JSON, for the identity."""
    notices: tuple[str, ...] = ()
    """Nothing is decided on opening."""

    unit = "row"
    decimal_comma = False
    declared: ClassVar[Mapping[str, schema.Feature]] = {}

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def header(self) -> tuple[str, ...]:
        """The patient's id, then the columns."""
        return (PATIENT, *(column.name for column in self.columns))

    def identity(self) -> str:
        """Return the columns and a digest of all files."""
        return self.document + files.digest_of_all(self.folder, _files(self.folder))

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield one row per patient.

        Raises:
            errors.TableError: a line that is no resource, or a resource that belongs to no patient's record.
        """
        for name in names:
            batches.check_column(self, name)
        wanted = [column for column in self.columns if column.name in names]
        with contextlib.closing(sqlite3.connect("")) as kept:
            _gather(self, wanted, kept)
            shown = ", ".join(SQL[column.take].format(place) for place, column in enumerate(wanted))
            query = f"SELECT p.id{', ' if shown else ''}{shown} FROM patients p ORDER BY p.id"  # noqa: S608  numbers only
            rows = kept.execute(query)
            places = {name: index for index, name in enumerate((PATIENT, *(column.name for column in wanted)))}
            first = 0
            while chunk := list(itertools.islice(rows, batches.MOST_ROWS)):
                cells = {name: batches.from_values([row[places[name]] for row in chunk]) for name in names}
                yield batches.Batch(first, range(first + 1, first + 1 + len(chunk)), cells)
                first += len(chunk)


def inspect(body: Mapping[str, object]) -> Source:
    """Return the export with its columns.

    Raises:
        errors.TableError: no such folder, or no NDJSON files in it.
        errors.InputError: a column's description is wrong.
    """
    folder = pathlib.Path(str(body["path"]))
    if not _files(folder):
        raise errors.TableError(
            "the folder holds no FHIR resources",
            which=folder.name,
            expected="files that end in .ndjson",
            got="none",
            next_step="Name the folder of a bulk export (one resource per line).",
        )
    documents = body["columns"]
    items = documents if isinstance(documents, list) else []
    columns = tuple(_column(item, f"source.columns[{index}]") for index, item in enumerate(items))
    made = Source(folder, columns, json.dumps(items, sort_keys=True))
    batches.check_header(folder.name, made.header)
    return made


def check_column(document: object, which: str) -> dict[str, object]:
    """Return one column's description after checking it; raises ``errors.InputError`` naming the field."""
    _column(document, which)
    if not isinstance(document, Mapping):
        raise errors.InputError("not a JSON object", which=which)
    return dict(document)


def _column(document: object, which: str) -> Column:
    reader = fields.Fields(document, which)
    path = _checked(reader, "path", PATH)
    made = Column(
        name=reader.text("name", most=schema.LONGEST_NAME),
        resource=path[0],
        path=path[1:],
        where=_conditions(reader) if reader.has("where") else {},
        take=reader.one_of("take", Take) if reader.has("take") else Take.FIRST,
        when=_checked(reader, "when", INNER) if reader.has("when") else None,
    )
    reader.close()
    return made


def _checked(reader: fields.Fields, name: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    text = reader.text(name)
    if pattern.fullmatch(text) is None:
        raise reader.refusal(name, "names with dots between them", text)
    return tuple(text.split("."))


def _conditions(reader: fields.Fields) -> dict[tuple[str, ...], str]:
    found = reader.mapping("where")
    inner = fields.Fields(found, reader.label("where"))
    for name in found:
        if INNER.fullmatch(name) is None:
            raise reader.refusal("where", "names with dots between them", name)
    return {tuple(name.split(".")): inner.text(name) for name in found}


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.glob("*.ndjson") if path.is_file()) if folder.is_dir() else []


def _gather(source: Source, wanted: Sequence[Column], kept: sqlite3.Connection) -> None:
    """Read all files once and keep the wanted values by patient."""
    kept.execute("CREATE TABLE patients (id TEXT PRIMARY KEY) WITHOUT ROWID")
    kept.execute("CREATE TABLE found (patient TEXT, place INTEGER, moment TEXT, value, number REAL)")
    numbered = list(enumerate(wanted))
    for path in _files(source.folder):
        for line, resource in _resources(path):
            kind, patient = resource.get("resourceType"), _patient(resource)
            if kind == "Patient":
                try:
                    kept.execute("INSERT INTO patients VALUES (?)", (_identifier(resource, path, line),))
                except sqlite3.IntegrityError as err:
                    raise _bad(
                        path, line, "a patient stands there twice", expected="each id once", got="the same id again"
                    ) from err
            kept.executemany("INSERT INTO found VALUES (?, ?, ?, ?, ?)", _values(numbered, resource, kind, patient))
    kept.execute("CREATE INDEX by_patient ON found (patient, place, moment)")


Value = tuple[str, int, str | None, str | float, float | None]


def _values(
    columns: Sequence[tuple[int, Column]], resource: Mapping[str, object], kind: object, patient: str | None
) -> Iterator[Value]:
    """Yield what one resource says about its patient, for each column."""
    for place, column in columns:
        if column.resource != kind or patient is None:
            continue
        if any(text not in {str(each) for each in _at(resource, path)} for path, text in column.where.items()):
            continue
        moments = [each for each in _at(resource, column.when) if isinstance(each, str)] if column.when else []
        values = _at(resource, column.path) if column.path else [True]
        for value in values[:1]:  # one resource says one thing: a coding's translations are no second finding
            if isinstance(value, bool):
                yield patient, place, moments[0] if moments else None, "true" if value else "false", None
            elif isinstance(value, int | float):
                yield patient, place, moments[0] if moments else None, float(value), float(value)
            elif isinstance(value, str):
                yield patient, place, moments[0] if moments else None, value, None


def _resources(path: pathlib.Path) -> Iterator[tuple[int, dict[str, object]]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in itertools.count(1):
                text = file.readline(LONGEST_LINE)
                if not text:
                    return
                if not text.strip():
                    continue
                found = json.loads(text)
                if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
                    raise _bad(
                        path, line, "not a FHIR resource", expected="an object with resourceType", got="something else"
                    )
                yield line, found
    except OSError as err:
        raise files.unreadable(path, err) from err
    except (ValueError, RecursionError) as err:
        raise _bad(path, line, "not JSON in UTF-8", expected="one resource per line", got="something else") from err


def _identifier(resource: Mapping[str, object], path: pathlib.Path, line: int) -> str:
    found = resource.get("id")
    if not isinstance(found, str) or not found:
        raise _bad(path, line, "a patient has no id", expected="id", got="none")
    return found


def _patient(resource: Mapping[str, object]) -> str | None:
    """Return whose resource it is, ``None`` for one that is nobody's."""
    if resource.get("resourceType") == "Patient":
        own = resource.get("id")
        return own if isinstance(own, str) else None
    for name in SUBJECTS:
        for reference in _at(resource, (name, "reference")):
            if isinstance(reference, str):
                kind, _, found = reference.removeprefix("urn:uuid:").rpartition("/")
                if kind.rpartition("/")[2] in {"", "Patient"}:
                    return found
    return None


def _at(value: object, path: Sequence[str] | None) -> list[object]:
    """Return all values at a path; lists on the way are entered."""
    found: list[object] = [value]
    for name in path or ():
        inner = (each[name] for each in found if isinstance(each, dict) and name in each)
        found = [item for each in inner for item in (each if isinstance(each, list) else [each])]
    return found


def _bad(path: pathlib.Path, line: int, message: str, *, expected: str, got: str) -> errors.TableError:
    return errors.TableError(message, which=f"{path.name}, line {line}", expected=expected, got=got)
