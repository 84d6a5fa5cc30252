"""Files with rows: how one is written (encoding, separator, decimal mark) is found out here, and its rows are streamed.

Called by ``reading``, ``infer`` and ``samples``. A file is never held in memory and never changed. Errors name file,
column and line, never a value. What is left out: what the columns mean, and everything but delimited text.
"""

import codecs
import csv
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

from aicommons.domain import errors

SAMPLE_BYTES = 256 * 1024
"""How much of a file decides on its separator and decimal mark."""
SAMPLE_ROWS = 200
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a SQLite database",
}
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
DECIMAL_POINT = re.compile(r"[+-]?[0-9]+\.[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One file and how it is written."""

    path: pathlib.Path
    """Where it is."""
    encoding: str
    """Python's name of its encoding."""
    separator: str
    """One character between fields."""
    decimal_comma: bool
    """Whether numbers are written 1,5."""
    header: tuple[str, ...]
    """Column names, stripped."""
    notices: tuple[str, ...]
    """What was decided and its owner should know."""

    def index(self, name: str) -> int:
        """Return the place of column ``name``.

        Raises:
            errors.TableError: there is no such column.
        """
        try:
            return self.header.index(name)
        except ValueError as err:
            raise errors.TableError(
                "a column is missing",
                which=where(self.path, column=name),
                expected=f"a column named {name}",
                got=_shown(self.header),
                next_step=_header_advice(self.header),
            ) from err


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One record of a file."""

    line: int
    """Line of the file on which it begins, from 1; the header's is usually 1."""
    cells: list[str]
    """As many as the header has."""


def where(path: pathlib.Path, *, column: str | None = None, line: int | None = None) -> str:
    """Return how errors name a place: file, column and line."""
    parts = [path.name]
    if column is not None:
        parts.append(f"column {column}")
    if line is not None:
        parts.append(f"line {line}")
    return ", ".join(parts)


def inspect(path: pathlib.Path) -> Source:
    """Return how the file at ``path`` is written, after checking that it is a table with a header.

    Raises:
        errors.TableError: no such file, another format, empty, no columns, or two columns of one name.
    """
    head = _head(path)
    encoding, notices = _encoding(path, head)
    text = head.decode(encoding, errors="ignore")
    if not text.strip():
        raise errors.TableError("the file is empty", which=path.name, expected="a header and rows", got="nothing")
    lines = text.splitlines(keepends=True)
    # The sample may end inside a line, which would look ragged.
    sample = lines[:-1] if len(head) == SAMPLE_BYTES and len(lines) > 1 else lines
    separator = _separator(sample)
    rows = list(_sampled(sample, separator))
    header = tuple(cell.strip() for cell in rows[0])
    _check_header(path, header)
    decimal_comma = separator != "," and _has_decimal_commas(rows[1:])
    if separator != ",":
        notices.append(f"{path.name}: fields are separated by {SEPARATORS[separator]}s.")
    if decimal_comma:
        notices.append(f"{path.name}: numbers are written with a decimal comma.")
    return Source(path, encoding, separator, decimal_comma, header, tuple(notices))


def rows(source: Source) -> Iterator[Row]:
    """Yield the rows of ``source`` after the header, one at a time; blank lines are passed over.

    Raises:
        errors.TableError: a row with too many or too few fields, an unclosed quote, or bytes of another encoding.
    """
    width = len(source.header)
    previous = 0
    try:
        with source.path.open(encoding=source.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=source.separator, strict=True)
            header_seen = False
            for cells in reader:
                line, previous = previous + 1, reader.line_num
                if not cells:
                    continue
                if not header_seen:
                    header_seen = True
                elif len(cells) != width:
                    raise _ragged(source, line, len(cells))
                else:
                    yield Row(line, cells)
    except csv.Error as err:
        raise errors.TableError(
            "a quoted field is not closed properly",
            which=where(source.path, line=previous + 1),
            expected='quotes in pairs, "" for a quote inside',
        ) from err
    except UnicodeDecodeError as err:
        raise errors.TableError(
            "the text is not in the encoding of its beginning",
            which=where(source.path, line=previous + 1),
            expected=source.encoding,
            got="other bytes",
            next_step="Export the table as CSV (UTF-8).",
        ) from err
    except OSError as err:
        raise _unreadable(source.path, err) from err


def parse_number(text: str, *, decimal_comma: bool) -> float | None:
    """Return the number that a cell holds, infinite when it is too large, or ``None`` for text.

    Stricter than ``float``: no digits of other scripts, no underscores.
    """
    stripped = text.strip()
    if decimal_comma:
        if "." in stripped:  # a thousands mark, most likely
            return None
        stripped = stripped.replace(",", ".", 1)
    if NUMBER.fullmatch(stripped):
        return float(stripped)
    if stripped.lstrip("+-").lower() in ("inf", "infinity"):
        return float("inf")
    return None


def _head(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
    except OSError as err:
        raise _unreadable(path, err) from err
    for magic, name in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise errors.TableError(
                "not a CSV file",
                which=path.name,
                expected="delimited text",
                got=name,
                next_step="Export the table as CSV (UTF-8).",
            )
    return head


def _unreadable(path: pathlib.Path, err: OSError) -> errors.TableError:
    return errors.TableError(
        "the file cannot be read", which=str(path), expected="a readable file", got=err.strerror or type(err).__name__
    )


def _encoding(path: pathlib.Path, head: bytes) -> tuple[str, list[str]]:
    for mark, name in MARKS:
        if head.startswith(mark):
            return name, []
    if b"\0" in head:
        raise errors.TableError(
            "the encoding is not known",
            which=path.name,
            expected="UTF-8, or UTF-16 with a byte order mark",
            got="zero bytes",
            next_step="Export the table as CSV (UTF-8).",
        )
    if _decodes(path, "utf-8"):
        return "utf-8", []
    name = "cp1252" if _decodes(path, "cp1252") else "latin-1"
    return name, [f"{path.name}: not UTF-8, read as {name}; check names with accents, or export as UTF-8."]


def _decodes(path: pathlib.Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(SAMPLE_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _sampled(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    """Yield up to SAMPLE_ROWS parsed rows, ending quietly where quoting is broken: ``rows`` reports that."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    found = 0
    while found < SAMPLE_ROWS:
        try:
            cells = next(reader)
        except (StopIteration, csv.Error):
            break
        if cells:
            found += 1
            yield cells
    if found == 0:
        yield [cell for line in lines[:1] for cell in line.strip().split(separator)]


def _separator(lines: Sequence[str]) -> str:
    """Return the separator under which most rows have as many fields as the header, and the header has most."""

    def score(separator: str) -> tuple[float, int]:
        widths = [len(cells) for cells in _sampled(lines, separator)]
        if widths[0] == 1:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    return max(SEPARATORS, key=score)


def _check_header(path: pathlib.Path, header: tuple[str, ...]) -> None:
    named = [name for name in header if name]
    if not named:
        raise errors.TableError("the header has no names", which=where(path, line=1), expected="a name per column")
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise errors.TableError(
            "two columns have the same name",
            which=where(path, column=twice[0], line=1),
            expected="different names",
            got=f"{named.count(twice[0])} times",
        )


def _header_advice(header: tuple[str, ...]) -> str:
    if all(NUMBER.fullmatch(name) for name in header if name):
        return "The first line looks like data; add a line with column names above it."
    return "Name the column as the file does, or rename it in the file."


def _has_decimal_commas(sample: Sequence[list[str]]) -> bool:
    cells = [cell.strip() for row in sample for cell in row]
    commas = sum(DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells)
    return commas > 0 and not any(DECIMAL_POINT.fullmatch(cell) for cell in cells)


def _ragged(source: Source, line: int, got: int) -> errors.TableError:
    return errors.TableError(
        "a row has another number of fields than the header",
        which=where(source.path, line=line),
        expected=f"{len(source.header)} fields",
        got=f"{got} fields",
        next_step="Correct this line; a text with the separator in it belongs in double quotes.",
    )


def _shown(header: tuple[str, ...]) -> str:
    more = f" and {len(header) - 20} more" if len(header) > 20 else ""
    return ", ".join(name[:40] for name in header[:20]) + more
