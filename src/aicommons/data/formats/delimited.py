"""Delimited text: how a file is written (encoding, separator, decimal mark) is found out here, and its rows are streamed.

Opened by ``sources``; ``samples`` cuts tables with it. A file is never held in memory and never changed. Errors name
file, column and line, never a value. What is left out: what the columns mean.
"""

import codecs
import csv
import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from aicommons.data import batches, columns
from aicommons.data.formats import files
from aicommons.domain import errors, schema

SAMPLE_BYTES = 256 * 1024
"""How much of a file decides on its separator and decimal mark."""
SAMPLE_ROWS = 200
TURNED_ROWS = 256
"""Rows that become columns together: all of their cells stay in a processor's cache, which makes it three times as fast."""
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
DECIMAL_POINT = re.compile(r"[+-]?[0-9]+\.[0-9]+")
WHOLE = re.compile(r"[+-]?[0-9]+")
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
"""Could be one and a half or one and a half thousand."""
MOSTLY = 0.9
"""Share of a column's cells from which it is numbers, the rest mistakes."""


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
    comma_columns: frozenset[str] = frozenset()
    """Columns of a comma-separated file whose numbers are quoted and written "1,5": they are read with a point."""

    unit = "line"
    """What its places count."""
    declared: ClassVar[Mapping[str, schema.Feature]] = {}
    """A text file says nothing about its columns' meaning."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def identity(self) -> str:
        """Return the digest of the file."""
        return files.digest_of(self.path)

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield the rows after the header; a row with another number of fields is told as broken.

        Raises:
            errors.TableError: no such column, an unclosed quote, or bytes of another encoding.
        """
        for name in names:
            batches.check_column(self, name)
        places, width, first, found = [self.header.index(name) for name in names], len(self.header), 0, _rows(self)
        pieces = iter(lambda: list(itertools.islice(found, TURNED_ROWS)), [])
        while turned := [_turned(piece, width) for piece in itertools.islice(pieces, batches.MOST_ROWS // TURNED_ROWS)]:
            lines = [line for piece in turned for line in piece.lines]
            cells: dict[str, batches.Cells] = {
                name: self._read(name, [cell for piece in turned for cell in piece.columns[place]])
                for name, place in zip(names, places, strict=True)
            }
            yield batches.Batch(first, lines, cells, tuple(broken for piece in turned for broken in piece.broken))
            first += len(lines)

    def _read(self, name: str, cells: list[str]) -> list[str]:
        if name not in self.comma_columns:
            return cells
        return [cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell.strip()) else cell for cell in cells]


@dataclasses.dataclass(frozen=True, slots=True)
class _Turned:
    """Some rows of a file, column by column."""

    lines: Sequence[int]
    """Line of the file on which each begins."""
    columns: Sequence[Sequence[str]]
    """Cells of those with as many fields as the header."""
    broken: Sequence[batches.Broken]
    """The others."""


def _turned(piece: Sequence[tuple[int, list[str]]], width: int) -> _Turned:
    whole = [row for row in piece if len(row[1]) == width]
    broken = [_ragged(line, len(cells), width) for line, cells in piece if len(cells) != width]
    columns = list(zip(*(cells for _, cells in whole), strict=True)) or [()] * width
    return _Turned([line for line, _ in whole], columns, broken)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One record of a file."""

    line: int
    """Line of the file on which it begins, from 1; the header's is usually 1."""
    cells: list[str]
    """As many as the line has fields."""


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
    batches.check_header(path.name, header, place=", line 1")
    decimal_comma = separator != "," and _has_decimal_commas(rows[1:])
    comma_columns = frozenset[str]()
    if separator == ",":
        comma_columns, said = _comma_columns(
            header, itertools.islice(_sampled(sample, separator, most=len(sample)), 1, None)
        )
        notices += [f"{path.name}, {sentence}" for sentence in said]
    if separator != ",":
        notices.append(f"{path.name}: fields are separated by {SEPARATORS[separator]}s.")
    if decimal_comma:
        notices.append(f"{path.name}: numbers are written with a decimal comma.")
    return Source(path, encoding, separator, decimal_comma, header, tuple(notices), comma_columns)


def rows(source: Source) -> Iterator[Row]:
    """Yield the rows of ``source`` after the header, one at a time; blank lines are passed over.

    Raises:
        errors.TableError: a row with too many or too few fields, an unclosed quote, or bytes of another encoding.
    """
    width = len(source.header)
    for line, cells in _rows(source):
        if len(cells) != width:
            raise batches.refusal(source, _ragged(line, len(cells), width))
        yield Row(line, cells)


def _rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Yield line and cells of all rows, also of those with another number of fields; tuples, because there are millions."""
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
                else:
                    yield line, cells
    except csv.Error as err:
        raise errors.TableError(
            "a quoted field is not closed properly",
            which=batches.where(source, place=previous + 1),
            expected='quotes in pairs, "" for a quote inside',
        ) from err
    except UnicodeDecodeError as err:
        raise errors.TableError(
            "the text is not in the encoding of its beginning",
            which=batches.where(source, place=previous + 1),
            expected=source.encoding,
            got="other bytes",
            next_step="Export the table as CSV (UTF-8).",
        ) from err
    except OSError as err:
        raise files.unreadable(source.path, err) from err


def _head(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
    except OSError as err:
        raise files.unreadable(path, err) from err
    return head


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


def _sampled(lines: Sequence[str], separator: str, *, most: int = SAMPLE_ROWS) -> Iterator[list[str]]:
    """Yield up to ``most`` parsed rows, ending quietly where quoting is broken: ``rows`` reports that."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    found = 0
    while found < most:
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


def _has_decimal_commas(sample: Sequence[list[str]]) -> bool:
    cells = [cell.strip() for row in sample for cell in row]
    commas = sum(DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells)
    return commas > 0 and not any(DECIMAL_POINT.fullmatch(cell) for cell in cells)


def _comma_columns(header: Sequence[str], sample: Iterable[list[str]]) -> tuple[frozenset[str], list[str]]:
    """Return the columns of a comma-separated file that are written with decimal commas, and what to tell its owner."""
    written = [_Written() for _ in header]
    for row in sample:
        if len(row) == len(header):
            for column, cell in zip(written, row, strict=True):
                column.add(cell.strip())
    found, said = [], []
    for name, column in zip(header, written, strict=True):
        if not column.has_commas:
            continue
        if column.could_be_thousands:
            said.append(
                f"column {name}: commas stand before three digits, for thousands or decimals; write it without them."
            )
        else:
            found.append(name)
            said.append(f"column {name}: numbers are written with a decimal comma.")
    return frozenset(found), said


class _Written:
    """How many cells of a column are written in which way: counts, because a sample has many cells."""

    def __init__(self) -> None:
        self.present = self.whole = self.points = 0
        self.commas = 0
        self.thousands = 0  # of those with a comma, how many could mean thousands

    @property
    def has_commas(self) -> bool:
        """Whether it is numbers with commas, or numbers with a few mistakes."""
        return self.commas > 0 and self.commas + self.points + self.whole >= MOSTLY * self.present

    @property
    def could_be_thousands(self) -> bool:
        """Whether no comma shows that it stands for decimals, or some may not where points stand for them too."""
        return self.thousands == self.commas or (self.points > 0 and self.thousands > 0)

    def add(self, text: str) -> None:
        if text.lower() in columns.MISSING:
            return
        self.present += 1
        if DECIMAL_COMMA.fullmatch(text):
            self.commas += 1
            self.thousands += THOUSANDS.fullmatch(text) is not None
        else:
            self.whole += WHOLE.fullmatch(text) is not None
            self.points += DECIMAL_POINT.fullmatch(text) is not None


def _ragged(line: int, found: int, width: int) -> batches.Broken:
    message = "a row has another number of fields than the header"
    return batches.Broken(line, message, f"{width} fields", f"{found} fields")
