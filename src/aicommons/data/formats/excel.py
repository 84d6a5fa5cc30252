"""One sheet of an Excel workbook, read row by row; formulas count with the value that Excel last gave them.

Opened by ``sources``. A workbook is a ZIP of XML: what it would unpack to is looked at before anything is unpacked.
Needs the extra ``tables``.
"""

import contextlib
import dataclasses
import itertools
import pathlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from aicommons.data import batches
from aicommons.data.formats import extras, files
from aicommons.domain import errors, schema

MOST_UNPACKED = 4 * 2**30
"""Bytes; a sheet has at most about a million rows."""
MOST_SHARED = 256 * 2**20
"""Bytes of the table of texts, the one part that openpyxl holds in memory whole (about five times as much)."""
SHARED = "xl/sharedStrings.xml"


Cells = batches.Cells  # a method called ``batches`` hides the module inside its class


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One sheet."""

    path: pathlib.Path
    """The workbook."""
    sheet: str
    """Its name."""
    header: tuple[str, ...]
    """Column names, from its first row that is not empty."""
    header_row: int
    """Which row that is, from 1."""
    notices: tuple[str, ...]
    """Which sheet was taken, where there are several."""

    unit = "row"
    decimal_comma = False
    declared: ClassVar[Mapping[str, schema.Feature]] = {}

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def identity(self) -> str:
        """Return the sheet and the digest of the file."""
        return f"{self.sheet}\0{files.digest_of(self.path)}"

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield the rows below the header; empty ones are passed over. Raises ``errors.TableError`` where damaged."""
        for name in names:
            batches.check_column(self, name)
        wanted = [(name, self.header.index(name)) for name in names]
        first = 0
        with _workbook(self.path) as book:
            rows = _filled(
                book[self.sheet].iter_rows(min_row=self.header_row + 1, values_only=True), self.header_row + 1
            )
            while chunk := list(itertools.islice(rows, batches.MOST_ROWS)):
                cells = {name: self._cells(name, [_at(row, place) for _, row in chunk]) for name, place in wanted}
                yield batches.Batch(first, [place for place, _ in chunk], cells)
                first += len(chunk)

    def _cells(self, name: str, values: Sequence[object]) -> Cells:
        try:
            return batches.from_values(values)
        except TypeError as err:
            raise errors.TableError(
                "a cell holds something that is no value", which=batches.where(self, column=name), got=str(err)
            ) from err


def inspect(path: pathlib.Path, sheet: str | None = None) -> Source:
    """Return the columns of a sheet, the first one where none is named.

    Raises:
        errors.TableError: damaged, too large when unpacked, no such sheet, or no header.
        errors.InputError: the extra is not installed.
    """
    _check_size(path)
    with _workbook(path) as book:
        names = book.sheetnames
        if sheet is not None and sheet not in names:
            raise errors.TableError(
                "no such sheet", which=path.name, expected=f"one of {batches.shown(names)}", got=sheet
            )
        chosen = names[0] if sheet is None else sheet
        found = next(_filled(book[chosen].iter_rows(values_only=True), 1), None)
    if found is None:
        raise errors.TableError(
            "the file is empty", which=f"{path.name}, sheet {chosen}", expected="a header and rows", got="nothing"
        )
    place, row = found
    header = tuple("" if value is None else batches.to_text(value).strip() for value in row)
    batches.check_header(path.name, header, place=f", row {place}")
    notices: tuple[str, ...] = ()
    if sheet is None and len(names) > 1:
        notices = (
            f"{path.name}: the sheet {chosen} is read, the first of {len(names)}; a source description names another.",
        )
    return Source(path, chosen, header, place, notices)


def _filled(rows: Iterator[Sequence[object]], first: int) -> Iterator[tuple[int, Sequence[object]]]:
    """Yield rows that hold anything, with their number."""
    for place, row in enumerate(rows, start=first):
        if any(value is not None for value in row):
            yield place, row


def _at(row: Sequence[object], place: int) -> object:
    return row[place] if place < len(row) else None


def _check_size(path: pathlib.Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except OSError as err:
        raise files.unreadable(path, err) from err
    except zipfile.BadZipFile as err:
        raise files.damaged(path.name, "an Excel workbook") from err
    if not any(name.startswith("xl/") for name in sizes):
        raise errors.TableError(
            "not a table that can be read",
            which=path.name,
            expected="an Excel workbook (.xlsx)",
            got="a ZIP archive",
            next_step="Unpack the archive and name the table in it.",
        )
    if sum(sizes.values()) > MOST_UNPACKED or sizes.get(SHARED, 0) > MOST_SHARED:
        raise errors.TableError(
            "the workbook is too large when unpacked",
            which=path.name,
            expected=f"at most {MOST_UNPACKED // 2**30} GB, {MOST_SHARED // 2**20} MB of it texts",
            got=f"{sum(sizes.values()) // 2**20} MB",
            next_step="Export the sheet as CSV (UTF-8).",
        )


@contextlib.contextmanager
def _workbook(path: pathlib.Path) -> Iterator[Any]:
    extras.need("openpyxl", "tables")
    import xml.etree.ElementTree as ET

    import openpyxl
    from openpyxl.utils import exceptions

    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            with contextlib.closing(book):
                yield book
    except (exceptions.InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, ET.ParseError) as err:
        raise files.damaged(path.name, "an Excel workbook") from err
