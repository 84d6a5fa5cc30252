"""Thousands of paper consents from one table: all of them, or none with a list of what is wrong and where.

Called by ``commons consent import``. What is wrong is told by column, first line and count, never by value: the table is
as private as the register. What one paper becomes is ``entering``'s business.
"""

import calendar
import collections
import dataclasses
import datetime as dt
import hashlib
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from aicommons.data.formats import delimited
from aicommons.domain import consents, errors, ids
from aicommons.node.consents import entering, register, sealing, wording

COLUMNS = (
    *("person", "given", "evidence", "born", "guardian", "relation", "guardian_evidence", "guardian_account"),
    *("guardianship", "ward", "ward_salt", "holder", "expires", "max_uses", "language"),
)
"""What a table of papers may have; ``person``, ``given`` and ``evidence`` it must."""
NEEDED = ("person", "given", "evidence")
MOST_BYTES = 64 * 2**20
MOST_SHOWN = 8
"""Kinds of mistakes that one message names."""
HEXADECIMAL = re.compile("[0-9a-fA-F]{64}")

T = TypeVar("T")
Row = Mapping[str, str]


def read(
    path: pathlib.Path,
    common: entering.Common,
    kept: register.Register,
    draw: sealing.Draw,
    *,
    scans: pathlib.Path | None = None,
) -> list[consents.ConsentRecord]:
    """Return the records of all papers in the table at ``path``.

    Args:
        path: delimited text with a header, in any encoding that the owner's tables may have; columns as in ``COLUMNS``.
        common: what they share; ``expires``, ``max_uses`` and ``language`` of a row count before it.
        kept: the register, which names people.
        draw: returns fresh random bytes.
        scans: folder of scanned papers, when ``evidence`` and ``guardian_evidence`` are file names; else they are the
            SHA-256 digests of the scans.

    Raises:
        errors.TableError: naming columns, first lines and counts.
    """
    mistakes, made = _Mistakes(path), []
    seen: set[str] = set()
    for line, row in _rows(path):
        if row["person"] in seen:
            mistakes.add("person", line, "the same person twice", "one row for each person")
        seen.add(row["person"])
        try:
            paper, own = _paper(row, scans), _common(row, common)
            made.append(entering.record_of(paper, own, kept, draw))
        except errors.InputError as err:
            mistakes.add(err.which or "", line, err.message, str(err.expected))
    mistakes.check()
    return made


class _Mistakes:
    """What is wrong with a table, by kind."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lines: dict[tuple[str, str, str], list[int]] = collections.defaultdict(list)

    def add(self, column: str, line: int, message: str, expected: str) -> None:
        self._lines[column, message, expected].append(line)

    def check(self) -> None:
        """Check that there is none; raises ``errors.TableError`` for all of them together."""
        if not self._lines:
            return
        said = [
            f"column {column}: {message} in {len(lines)} row{'s' if len(lines) > 1 else ''}, first in line {lines[0]} "
            f"(expected {expected})"
            for (column, message, expected), lines in list(self._lines.items())[:MOST_SHOWN]
        ]
        more = len(self._lines) - MOST_SHOWN
        if more > 0:
            said.append(f"and {more} more kinds of mistakes")
        raise errors.TableError(
            "; ".join(said),
            which=self._path.name,
            next_step="Correct these rows and import the table again; nothing was entered.",
        )


def notices(path: pathlib.Path) -> tuple[str, ...]:
    """Return what was decided about how the table at ``path`` is written and its owner should know: another encoding than UTF-8.

    Raises:
        errors.TableError: it cannot be read.
    """
    return _inspect(path).notices


def _inspect(path: pathlib.Path) -> delimited.Source:
    """Return how a table is written: found out as for any table of the owner's, so that the same name is the same person."""
    try:
        size = path.stat().st_size
    except OSError as err:
        raise errors.TableError("the table cannot be read", which=str(path), got=err.strerror) from err
    if size > MOST_BYTES:
        raise errors.TableError("the table is too long", which=path.name, expected=f"at most {MOST_BYTES} bytes")
    return delimited.inspect(path)


def _rows(path: pathlib.Path) -> Iterator[tuple[int, Row]]:
    """Yield line and cells by column; raises ``errors.TableError`` for a table that cannot be read."""
    source = _inspect(path)
    header = [name.lower() for name in source.header]
    _check_header(path, header)
    for row in delimited.rows(source):
        if any(cell.strip() for cell in row.cells):
            found = {name: cell.strip() for name, cell in zip(header, row.cells, strict=True)}
            yield row.line, dict.fromkeys(COLUMNS, "") | found


def _check_header(path: pathlib.Path, header: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown or len(set(header)) != len(header):
        raise errors.TableError(
            "the columns are not those of a table of papers",
            which=f"{path.name}, line 1",
            expected=f"{', '.join(NEEDED)} and, where needed, {', '.join(COLUMNS[len(NEEDED) :])}; each once",
            got=f"without {', '.join(missing)}" if missing else f"{len(unknown)} other columns or one twice",
        )


def _paper(row: Row, scans: pathlib.Path | None) -> entering.Paper:
    return entering.Paper(
        person=row["person"],
        evidence=_evidence("evidence", row["evidence"], scans),
        given_at=moment("given", row["given"]),
        born=row["born"] or None,
        guardian=row["guardian"] or None,
        relation=row["relation"] or None,
        guardian_evidence=_optional(row, "guardian_evidence", lambda name, text: _evidence(name, text, scans)),
        guardian_account=_optional(row, "guardian_account", _account),
        guardianship=_optional(row, "guardianship", _digest),
        ward=ward(row["ward"], row["ward_salt"]),
        holder=_optional(row, "holder", _account),
    )


def _common(row: Row, common: entering.Common) -> entering.Common:
    changed: dict[str, object] = {}
    if row["expires"]:
        changed["expiry"] = day("expires", row["expires"])
    if row["max_uses"]:
        changed["max_uses"] = _count("max_uses", row["max_uses"])
    if row["language"]:
        changed["language"] = _language("language", row["language"])
    return dataclasses.replace(common, **changed) if changed else common  # type: ignore[arg-type]


def day(name: str, text: str) -> int:
    """Return midnight UTC of a day written ``YYYY-MM-DD``, in seconds since 1970; raises ``errors.InputError``."""
    try:
        return calendar.timegm(dt.date.fromisoformat(text).timetuple())
    except ValueError as err:
        raise errors.InputError("not a date", which=name, expected="YYYY-MM-DD") from err


def moment(name: str, text: str) -> int:
    """Return a day as ``day`` does, or with ``YYYY-MM-DDTHH:MM`` that minute UTC; raises ``errors.InputError``."""
    if "T" not in text:
        return day(name, text)
    try:
        return calendar.timegm(dt.datetime.strptime(text, "%Y-%m-%dT%H:%M").timetuple())
    except ValueError as err:
        raise errors.InputError("not a time", which=name, expected="YYYY-MM-DD or YYYY-MM-DDTHH:MM in UTC") from err


def ward(words: str | None, salt: str | None) -> bytes | None:
    """Return the commitment to a child that an attester's words and salt make, ``None`` without them.

    Raises:
        errors.InputError: only one of them, or no salt.
    """
    if not words and not salt:
        return None
    if not words or not salt:
        name = "ward_salt" if words else "ward"
        raise errors.InputError("a child is shown by words and salt together", which=name, expected="both")
    if HEXADECIMAL.fullmatch(salt.removeprefix("0x")) is None:
        raise errors.InputError("not a salt", which="ward_salt", expected="64 hexadecimal digits")
    return consents.ward_commitment(bytes.fromhex(salt.removeprefix("0x")), words)


def _optional(row: Row, name: str, parse: Callable[[str, str], T]) -> T | None:
    return parse(name, row[name]) if row[name] else None


def _evidence(name: str, text: str, scans: pathlib.Path | None) -> bytes:
    if scans is None:
        return _digest(name, text)
    file = scans / text
    if not text or file.parent != scans or not file.is_file():
        raise errors.InputError("no such scan", which=name, expected="the name of a file in the folder of scans")
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _digest(name: str, text: str) -> bytes:
    if HEXADECIMAL.fullmatch(text.removeprefix("0x")) is None:
        raise errors.InputError("not a digest", which=name, expected="64 hexadecimal digits: the SHA-256 of the scan")
    return bytes.fromhex(text.removeprefix("0x"))


def _account(name: str, text: str) -> str:
    try:
        return ids.format_id(ids.parse_address(text))
    except errors.DecodeError as err:
        raise errors.InputError("not an address", which=name, expected="0x and 40 hexadecimal digits") from err


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise errors.InputError("not a count", which=name, expected="a whole number from 1")
    return int(text)


def _language(name: str, text: str) -> str:
    if text not in wording.WORDS:
        raise errors.InputError(
            "not a language of receipts",
            which=name,
            expected=" or ".join(wording.WORDS),
            next_step="leave the cell empty for the language of --language",
        )
    return text
