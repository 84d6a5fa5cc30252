"""What the owner names as a source, and how it is opened: a path, or a description kept as JSON.

A description says what a path alone cannot: which sheet, which query, how a folder of images or texts or FHIR resources
becomes rows. Called by ``reading``, ``infer``, ``node/tables`` and the commands. Passwords are never in a description:
it names the environment variable or the private file that holds one. What is left out: what the columns mean
(``reading``, ``mapping``).

    {"kind": "file", "path": "visits.parquet"}
    {"kind": "excel", "path": "visits.xlsx", "sheet": "2025"}
    {"kind": "sql", "url": "postgresql://reader@db/clinic", "query": "SELECT …", "password_variable": "CLINIC_PASSWORD"}
    {"kind": "duckdb", "query": "SELECT … FROM visits", "files": {"visits": "visits.parquet"}}
    {"kind": "images", "path": "xrays", "width": 28, "height": 28, "colours": "grey"}
    {"kind": "texts", "path": "notes", "width": 256, "grams": "word", "longest": 2}
    {"kind": "fhir", "path": "export", "columns": [{"name": "sex", "path": "Patient.gender"}]}
"""

import dataclasses
import enum
import json
import pathlib
from collections.abc import Callable, Mapping

from aicommons.data import batches
from aicommons.data.formats import delimited, files
from aicommons.domain import errors, fields

LONGEST_QUERY = 20_000
"""Characters."""
LONGEST_PATH = 4_096
MOST_PLACES = 2**20
"""Of n-grams, where a row lists those that it has."""
MOST_FILES = 100
"""Files that one query may read."""


class Kind(enum.Enum):
    """What a source is."""

    FILE = "file"
    """One file; its first bytes say whether it is delimited text, Parquet, Arrow or Excel."""
    EXCEL = "excel"
    """One sheet of a workbook."""
    SQL = "sql"
    """One SELECT on a database, read-only."""
    DUCKDB = "duckdb"
    """One SELECT over named files, read-only."""
    IMAGES = "images"
    """A folder of images with labels."""
    TEXTS = "texts"
    """A folder of texts with labels, or a table with one text per row."""
    FHIR = "fhir"
    """FHIR R4 resources as NDJSON, one row per patient."""
    SPARK = "spark"
    """A table, query or folder of files in Apache Spark, added up there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """A source that a path alone does not describe; made by ``from_document``, which checks every field."""

    kind: Kind
    """What it is."""
    body: Mapping[str, object]
    """The whole document, all paths absolute."""

    @property
    def words(self) -> str:
        """Where the data is, for its owner's eyes: a path or the database without its password."""
        return str(self.body.get("path") or self.body.get("url") or self.kind.value)


Named = pathlib.Path | Description
"""What an owner may name."""


def open_source(named: Named) -> batches.Opened:
    """Return the source ready to be read.

    Raises:
        errors.TableError: it cannot be read, is of another format, or has no columns.
        errors.InputError: a part of its description is wrong, or a password is not there.
    """
    if isinstance(named, pathlib.Path):
        return _open_file(named)
    return _OPENERS[named.kind](named.body)


def read_description(path: pathlib.Path) -> Description:
    """Return the description in the JSON file ``path``; its relative paths are taken from the file's folder.

    Raises:
        errors.InputError: not such a file, or naming the field that is missing, unknown or wrong.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=str(path), got=err.strerror) from err
    except ValueError as err:
        raise errors.InputError("not JSON in UTF-8", which=path.name, next_step="save the file as UTF-8 text") from err
    return from_document(body, path.resolve().parent)


def from_document(document: object, folder: pathlib.Path) -> Description:
    """Return the description that ``document`` holds, with paths relative to ``folder`` made absolute.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    reader = fields.Fields(document, "source")
    kind = reader.one_of("kind", Kind)
    body: dict[str, object] = {"kind": kind.value}
    for name, read in {**_FIELDS[kind], **_OPTIONAL[kind]}.items():
        if name in _FIELDS[kind] or reader.has(name):
            body[name] = read(reader, name, folder)
    reader.close()
    return Description(kind, body)


Read = Callable[[fields.Fields, str, pathlib.Path], object]


def _path(reader: fields.Fields, name: str, folder: pathlib.Path) -> str:
    return str((folder / pathlib.Path(reader.text(name, most=LONGEST_PATH)).expanduser()).resolve())


def _text(reader: fields.Fields, name: str, _folder: pathlib.Path) -> str:
    return reader.text(name)


def _query(reader: fields.Fields, name: str, _folder: pathlib.Path) -> str:
    return reader.text(name, most=LONGEST_QUERY)


def _url(reader: fields.Fields, name: str, folder: pathlib.Path) -> str:
    """A SQLite database is a file, so that its path is completed like all others."""
    url = reader.text(name, most=LONGEST_PATH)
    scheme, separator, rest = url.partition(":///")
    return f"{scheme}:///{(folder / rest).resolve()}" if separator and scheme == "sqlite" else url


def _named_files(reader: fields.Fields, name: str, folder: pathlib.Path) -> dict[str, str]:
    found = reader.mapping(name)
    if not 1 <= len(found) <= MOST_FILES:
        raise reader.refusal(name, f"1 to {MOST_FILES} files", f"{len(found)} files")
    inner = fields.Fields(found, reader.label(name))
    for each in found:
        if not (each.isascii() and each.isidentifier()):
            raise inner.refusal(each, "a name of letters, digits and underscores", each)
    return {each: _path(inner, each, folder) for each in found}


def _side(reader: fields.Fields, name: str, _folder: pathlib.Path) -> int:
    return reader.whole_within(name, 1, 256)


def _width(reader: fields.Fields, name: str, _folder: pathlib.Path) -> int:
    """Places of n-grams; without slots each is a column, of which a schema may have so many only."""
    return reader.whole_within(name, 16, MOST_PLACES if reader.has("slots") else 8192)


def _slots(reader: fields.Fields, name: str, _folder: pathlib.Path) -> int:
    return reader.whole_within(name, 8, 4096)


def _longest(reader: fields.Fields, name: str, _folder: pathlib.Path) -> int:
    return reader.whole_within(name, 1, 5)


def _choice(*choices: str) -> Read:
    def read(reader: fields.Fields, name: str, _folder: pathlib.Path) -> str:
        value = reader.text(name)
        if value not in choices:
            raise reader.refusal(name, f"one of {', '.join(choices)}", value)
        return value

    return read


def _columns(reader: fields.Fields, name: str, _folder: pathlib.Path) -> list[dict[str, object]]:
    from aicommons.data.formats import fhir

    return [
        fhir.check_column(item, f"{reader.label(name)}[{index}]")
        for index, item in enumerate(reader.items(name, most=1000))
    ]


_FIELDS: Mapping[Kind, Mapping[str, Read]] = {
    Kind.FILE: {"path": _path},
    Kind.EXCEL: {"path": _path},
    Kind.SQL: {"url": _url, "query": _query},
    Kind.DUCKDB: {"query": _query, "files": _named_files},
    Kind.IMAGES: {"path": _path, "width": _side, "height": _side, "colours": _choice("grey", "rgb")},
    Kind.TEXTS: {"path": _path, "width": _width},
    Kind.FHIR: {"path": _path, "columns": _columns},
    Kind.SPARK: {"server": _text, "read": _choice("parquet", "csv", "table", "query"), "what": _query},
}
"""Fields that a description must have."""
_OPTIONAL: Mapping[Kind, Mapping[str, Read]] = {
    Kind.FILE: {},
    Kind.EXCEL: {"sheet": _text},
    Kind.SQL: {"password_variable": _text, "password_file": _path},
    Kind.DUCKDB: {},
    Kind.IMAGES: {"labels": _path},
    Kind.TEXTS: {
        "grams": _choice("word", "character"),
        "longest": _longest,
        "shortest": _longest,
        "slots": _slots,
        "column": _text,
    },
    Kind.FHIR: {},
    Kind.SPARK: {},
}
"""Fields that it may have."""


def _open_file(path: pathlib.Path) -> batches.Opened:
    kind = files.kind_of(path)
    if kind is None:
        return delimited.inspect(path)
    if kind == "excel":
        from aicommons.data.formats import excel

        return excel.inspect(path)
    if kind == "parquet":
        from aicommons.data.formats import parquet

        return parquet.inspect(path)
    if kind in {"arrow", "arrow-stream"}:
        from aicommons.data.formats import arrow

        return arrow.inspect(path)
    raise errors.TableError(
        "not a table that can be read",
        which=path.name,
        expected="delimited text, Parquet, Arrow or an Excel workbook (.xlsx)",
        got=kind,
        next_step="Export the table as CSV (UTF-8); a database is named by a description (`--source FILE.json`).",
    )


def _open_path(body: Mapping[str, object]) -> batches.Opened:
    return _open_file(pathlib.Path(str(body["path"])))


def _open_excel(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import excel

    sheet = body.get("sheet")
    return excel.inspect(pathlib.Path(str(body["path"])), sheet=None if sheet is None else str(sheet))


def _open_sql(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import sql

    return sql.inspect(body)


def _open_duckdb(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import duck

    return duck.inspect(body)


def _open_images(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import images

    return images.inspect(body)


def _open_texts(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import texts

    return texts.inspect(body)


def _open_fhir(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import fhir

    return fhir.inspect(body)


def _open_spark(body: Mapping[str, object]) -> batches.Opened:
    from aicommons.data.formats import spark

    return spark.inspect(body)


_OPENERS: Mapping[Kind, Callable[[Mapping[str, object]], batches.Opened]] = {
    Kind.FILE: _open_path,
    Kind.EXCEL: _open_excel,
    Kind.SQL: _open_sql,
    Kind.DUCKDB: _open_duckdb,
    Kind.IMAGES: _open_images,
    Kind.TEXTS: _open_texts,
    Kind.FHIR: _open_fhir,
    Kind.SPARK: _open_spark,
}
