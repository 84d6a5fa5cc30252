"""Texts become rows of a fixed width: counts of hashed n-grams, the same columns at every site without a shared word list.

Opened by ``sources``. A folder per label with one file per text, or a table with one text per row. The recipe, so that
anybody can recompute it: Unicode NFKC, lower case; words are runs of letters, digits and marks, or with
``"grams": "character"`` the characters of the text with runs of white space as one blank; every n-gram of 1 to
``longest`` words joined by a blank (or characters) in UTF-8 has the place CRC-32 modulo ``width``. Either each place is a column
that counts its n-grams up to 255; or, with ``slots``, a row lists the places of its n-grams, in the order of the text and as
often as they occur, as many as there are slots, and -1 for the rest: so thousands of places need few columns. Different
n-grams may share a place: that is the price of a fixed width, and no vocabulary leaves.
"""

import dataclasses
import hashlib
import itertools
import pathlib
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import batches
from aicommons.data.formats import delimited, files, folders
from aicommons.domain import errors, schema

SUFFIXES = (".txt", ".md")
WORD = re.compile(r"\w+")
BLANK = re.compile(r"\s+")
MOST_COUNT = 255.0
LONGEST_TEXT = 2**20
"""Characters of a text that are looked at; a longer one is told as broken, not cut."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """How a text becomes numbers."""

    width: int
    """Places."""
    grams: str
    """``word`` or ``character``."""
    longest: int
    """Longest n-gram, in words or characters."""
    shortest: int = 1
    """Shortest n-gram."""
    slots: int | None = None
    """How many places of n-grams a row lists; ``None`` where each place is a column that counts."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        if self.slots is not None:
            return tuple(f"p{index:04}" for index in range(self.slots))
        return tuple(f"t{index:04}" for index in range(self.width))

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest number in a column."""
        return (0.0, MOST_COUNT) if self.slots is None else (-1.0, float(self.width - 1))

    def numbers(self, text: str) -> npt.NDArray[np.float64]:
        """Return float64[columns] for one text."""
        places = self._places(text)
        if self.slots is None:
            return np.minimum(np.bincount(places, minlength=self.width).astype(np.float64), MOST_COUNT)
        row = np.full(self.slots, -1.0)
        row[: len(places)] = places[: self.slots]
        return row

    def _places(self, text: str) -> npt.NDArray[np.intp]:
        """Return the place of each n-gram, in the order in which they begin."""
        plain = unicodedata.normalize("NFKC", text).lower()
        is_word = self.grams == "word"
        pieces = WORD.findall(plain) if is_word else list(BLANK.sub(" ", plain.strip()))
        joint = " " if is_word else ""
        grams = (
            joint.join(pieces[start : start + length])
            for start in range(len(pieces))
            for length in range(self.shortest, min(self.longest, len(pieces) - start) + 1)
        )
        return np.fromiter((zlib.crc32(gram.encode()) % self.width for gram in grams), dtype=np.intp)


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Texts with labels."""

    inner: folders.Folder | delimited.Source
    """A folder with a file per text, or a table with a text per row."""
    column: str | None
    """The table's column of texts."""
    recipe: Recipe
    """How they become numbers."""
    wanted: tuple[str, Callable[[str], bool]] | None = None
    """Column and which of its texts are wanted: texts of other rows are not looked at; ``None`` for all."""

    unit = "row"
    decimal_comma = False

    @property
    def name(self) -> str:
        """The folder's or file's name."""
        return self.inner.path.name

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided on reading a table."""
        return self.inner.notices if isinstance(self.inner, delimited.Source) else ()

    @property
    def said(self) -> tuple[str, ...]:
        """Columns beside the text."""
        return tuple(name for name in self.inner.header if name != self.column)

    @property
    def header(self) -> tuple[str, ...]:
        """What is said of each text, then its numbers."""
        return (*self.said, *self.recipe.columns)

    @property
    def declared(self) -> Mapping[str, schema.Feature]:
        """Counts are numbers from 0 to 255, places from -1 (none) to the last one."""
        return {name: schema.numeric(name, *self.recipe.range) for name in self.recipe.columns}

    def identity(self) -> str:
        """Return a digest of the recipe and the texts (of a folder: names, lengths and times of change)."""
        digest = hashlib.sha256(repr(self.recipe).encode())
        if isinstance(self.inner, delimited.Source):
            digest.update(files.digest_of(self.inner.path).encode())
        else:
            for line in folders.stamp(self.inner):
                digest.update(line.encode())
        return digest.hexdigest()

    def only(self, column: str, is_wanted: Callable[[str], bool]) -> "Source":
        """Return the source with only those texts of which ``column`` holds what is wanted; no other is looked at."""
        return dataclasses.replace(self, wanted=(column, is_wanted))

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield one row per text; one that is not UTF-8 or too long is told as broken."""
        places = {name: place for place, name in enumerate(self.recipe.columns)}
        for name in names:
            if name not in places:
                batches.check_column(self, name)
        first = 0
        for part in self._parts():
            whole = [each for each in part if each.text is not None and len(each.text) <= LONGEST_TEXT]
            broken = tuple(_broken(each.place) for each in part if each.text is None or len(each.text) > LONGEST_TEXT)
            matrix = np.array([self.recipe.numbers(each.text or "") for each in whole]).reshape(len(whole), len(places))
            cells: dict[str, list[str] | npt.NDArray[np.float64]] = {
                name: [each.said[name] for each in whole] for name in names if name not in places
            }
            cells |= {name: np.ascontiguousarray(matrix[:, places[name]]) for name in names if name in places}
            yield batches.Batch(first, [each.place for each in whole], cells, broken)
            first += len(whole)

    def _parts(self) -> "Iterator[list[Text]]":
        if isinstance(self.inner, folders.Folder):
            for part in dataclasses.replace(self.inner, only=self.wanted).parts():
                yield [Text(each.place, each.said, _content(each.path)) for each in part]
            return
        rows = delimited.rows(self.inner)
        while chunk := list(itertools.islice(rows, folders.SMALL)):
            said = [dict(zip(self.inner.header, row.cells, strict=True)) for row in chunk]
            texts = [Text(row.line, each, each[self.column or ""]) for row, each in zip(chunk, said, strict=True)]
            yield texts if self.wanted is None else [each for each in texts if self._is_wanted(each, *self.wanted)]

    @staticmethod
    def _is_wanted(text: "Text", column: str, is_wanted: Callable[[str], bool]) -> bool:
        return is_wanted(text.said[column])


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """One text."""

    place: int
    """Its row."""
    said: Mapping[str, str]
    """What is said of it."""
    text: str | None
    """Itself; ``None`` when it cannot be read."""


def inspect(body: Mapping[str, object]) -> Source:
    """Return the columns of a folder or table of texts.

    Raises:
        errors.TableError: it cannot be read, has no labels, or no such column.
        errors.InputError: a table without ``column``, a column with the name of a number, or n-grams from long to short.
    """
    width, longest, shortest = (int(str(body.get(name, 1))) for name in ("width", "longest", "shortest"))
    slots = None if body.get("slots") is None else int(str(body["slots"]))
    if shortest > longest:
        raise errors.InputError(
            "the shortest n-gram is longer than the longest",
            which="source.shortest",
            expected=f"at most {longest}",
            got=shortest,
        )
    recipe = Recipe(width, str(body.get("grams", "word")), longest, shortest, slots)
    path = pathlib.Path(str(body["path"]))
    if path.is_dir():
        return Source(folders.inspect(path, SUFFIXES, None), None, recipe)
    table = delimited.inspect(path)
    column = body.get("column")
    if column is None:
        raise errors.InputError(
            "which column holds the texts is not said", which="source.column", expected="a column's name"
        )
    batches.check_column(table, str(column))
    made = Source(table, str(column), recipe)
    batches.check_header(path.name, made.header)
    return made


def _content(path: pathlib.Path) -> str | None:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(LONGEST_TEXT + 1)
    except (OSError, UnicodeDecodeError):
        return None


def _broken(place: int) -> batches.Broken:
    return batches.Broken(
        place, "a text cannot be read", f"UTF-8 text of at most {LONGEST_TEXT} characters", "something else"
    )
