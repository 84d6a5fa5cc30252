"""Folders of labelled files: which files are there, and what their labels say.

Either each folder below is a label (``cats/1.png``), or a table beside them has a column ``file`` with the path of each
file and any other columns (``label``, a person's key). Called by ``images`` and ``texts``, which know what is in a file.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping

from aicommons.data import batches
from aicommons.data.formats import delimited
from aicommons.domain import errors

FILE = "file"
LABEL = "label"
SMALL = 256
"""Files of a batch: their contents are much larger than a row of a table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Labelled:
    """One file and what is said of it."""

    path: pathlib.Path
    """Where it is."""
    place: int
    """Its line in the table of labels, or its number in the order of names."""
    said: Mapping[str, str]
    """Column -> text: ``file``, ``label`` and whatever a table of labels has beside."""


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """A folder whose files are labelled."""

    path: pathlib.Path
    """Where it is."""
    suffixes: tuple[str, ...]
    """Endings of the files that count, in lower case."""
    labels: delimited.Source | None
    """The table of labels; ``None`` where folders are the labels."""
    only: tuple[str, Callable[[str], bool]] | None = None
    """Column and which of its texts are wanted: files of other rows are not opened; ``None`` for all."""

    @property
    def header(self) -> tuple[str, ...]:
        """What is said of each file."""
        return (FILE, LABEL) if self.labels is None else self.labels.header

    def parts(self) -> Iterator[list[Labelled]]:
        """Yield the files in a fixed order, some at a time.

        Raises:
            errors.TableError: the table of labels names a file that is not there, or outside of the folder.
        """
        found = self._in_folders() if self.labels is None else self._in_table(self.labels)
        if self.only is not None:
            column, is_wanted = self.only
            found = (each for each in found if is_wanted(each.said[column]))
        while part := list(itertools.islice(found, SMALL)):
            yield part

    def _in_folders(self) -> Iterator[Labelled]:
        place = 0
        for folder in sorted(entry for entry in self.path.iterdir() if entry.is_dir()):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix.lower() in self.suffixes:
                    place += 1
                    said = {FILE: path.relative_to(self.path).as_posix(), LABEL: folder.name}
                    yield Labelled(path, place, said)

    def _in_table(self, labels: delimited.Source) -> Iterator[Labelled]:
        root = self.path.resolve()
        for row in delimited.rows(labels):
            said = dict(zip(labels.header, (cell.strip() for cell in row.cells), strict=True))
            path = (root / said[FILE]).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                raise errors.TableError(
                    "a file of the table of labels is not there",
                    which=batches.where(labels, column=FILE, place=row.line),
                    expected=f"a file in {self.path.name}",
                    got="none",
                )
            yield Labelled(path, row.line, said)


def inspect(path: pathlib.Path, suffixes: Collection[str], labels: pathlib.Path | None) -> Folder:
    """Return the folder with its labels.

    Raises:
        errors.TableError: no such folder, no folders in it, or a table of labels without a column ``file``.
    """
    if not path.is_dir():
        raise errors.TableError("the folder cannot be read", which=str(path), expected="a folder", got="none")
    if labels is not None:
        table = delimited.inspect(labels)
        batches.check_column(table, FILE)
        return Folder(path, tuple(suffixes), table)
    if not any(entry.is_dir() for entry in path.iterdir()):
        raise errors.TableError(
            "the folder has no labels",
            which=path.name,
            expected="a folder per label in it",
            got="none",
            next_step="Put the files into a folder per label, or name a table with the columns file and label.",
        )
    return Folder(path, tuple(suffixes), None)


def stamp(folder: Folder) -> Iterator[str]:
    """Yield name, size and time of change of every file: reading all contents for a digest takes as long as using them."""
    for part in folder.parts():
        for each in part:
            about = each.path.stat()
            said = "\0".join(f"{name}\1{text}" for name, text in each.said.items())
            yield f"{said}\0{about.st_size}\0{about.st_mtime_ns}\n"
