"""How well rows hide among each other: k-anonymity, l-diversity and t-closeness of a table, measured.

Called before an open release and after ``generalising`` has changed one. Rows that are equal in all quasi-identifiers form
a class; k is the size of the smallest one. A missing value is a value of its own here: it can be seen, too. k-anonymity is
no proof against somebody who knows more than the quasi-identifiers; what it means is said in the how-to.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, columns
from aicommons.data import rows as rowwise
from aicommons.domain import errors

Codes = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Texts:
    """The columns of a table that anonymity is about, as text; a released table fits into memory."""

    header: tuple[str, ...]
    """All columns of the table, in its order."""
    rows: tuple[tuple[str, ...], ...]
    """Cells, stripped; a missing one is empty."""

    def column(self, name: str) -> list[str]:
        """Return one column; raises ``errors.TableError`` when there is none of that name."""
        if name not in self.header:
            raise errors.TableError(
                "a column is missing", which=f"column {name}", expected=f"one of {', '.join(self.header)[:300]}"
            )
        place = self.header.index(name)
        return [row[place] for row in self.rows]


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    """How anonymous a table is."""

    rows: int
    """Rows of the table."""
    classes: int
    """Groups of rows that are equal in all quasi-identifiers."""
    k: int
    """Rows of the smallest group."""
    alone: int
    """Rows that are equal to no other."""
    diversity: Mapping[str, int]
    """Sensitive column -> l: different values in the group that has fewest (distinct l-diversity)."""
    closeness: Mapping[str, float]
    """Sensitive column -> t: largest distance of a group's distribution from the whole table's, 0 to 1."""


def read(opened: batches.Opened) -> Texts:
    """Return a table as text, whole.

    Raises:
        errors.TableError: it has no rows, or cannot be read.
    """
    found = tuple(tuple(_plain(cell) for cell in row.cells) for row in rowwise.walk(opened, opened.header))
    if not found:
        raise errors.TableError("the file has a header only", which=opened.name, expected="rows", got="0 rows")
    return Texts(opened.header, found)


def _plain(cell: str) -> str:
    text = columns.label(cell)
    return "" if text.lower() in columns.MISSING else text


def measure(table: Texts, quasi: Sequence[str], sensitive: Sequence[str] = ()) -> Measure:
    """Return how anonymous ``table`` is when somebody knows the columns ``quasi`` of a person.

    Raises:
        errors.InputError: no quasi-identifier, or a sensitive column that is one.
        errors.TableError: no column of a name.
    """
    if not quasi or set(quasi) & set(sensitive):
        raise errors.InputError(
            "columns are named wrongly",
            which="--quasi, --sensitive",
            expected="at least one quasi-identifier, and none of them as sensitive",
        )
    groups = classes([codes_of(table.column(name)) for name in quasi])
    sizes = np.bincount(groups)
    return Measure(
        rows=len(table.rows),
        classes=len(sizes),
        k=int(sizes.min()),
        alone=int((sizes == 1).sum()),
        diversity={name: _diversity(groups, codes_of(table.column(name))) for name in sensitive},
        closeness={name: _closeness(groups, table.column(name)) for name in sensitive},
    )


def codes_of(texts: Sequence[str]) -> Codes:
    """Return int64[n]: the place of each text among the different ones, in their order."""
    _, codes = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
    return codes.astype(np.int64)


def classes(coded: Sequence[Codes]) -> Codes:
    """Return int64[n]: the class of each row, 0 to classes - 1, equal where all of ``coded`` are."""
    found = coded[0]
    for codes in coded[1:]:
        joined = found * (int(codes.max()) + 1) + codes
        _, found = np.unique(joined, return_inverse=True)
        found = found.astype(np.int64)
    _, found = np.unique(found, return_inverse=True)
    return found.astype(np.int64)


def _diversity(groups: Codes, values: Codes) -> int:
    pairs = np.unique(np.stack([groups, values]), axis=1)
    return int(np.bincount(pairs[0]).min())


def _closeness(groups: Codes, texts: Sequence[str]) -> float:
    """Return the largest earth mover's distance of a class from the whole table.

    Numbers lie on a line with equal steps between neighbours, other values are equally far from each other (Li, Li and
    Venkatasubramanian 2007).
    """
    numbers = [columns.parse_number(text, decimal_comma=False) for text in texts]
    is_line = all(number is not None for number in numbers)
    if is_line:
        _, codes = np.unique(np.array(numbers, dtype=np.float64), return_inverse=True)
    else:
        codes = codes_of(texts)
    width = int(codes.max()) + 1
    counts = np.zeros((int(groups.max()) + 1, width))
    np.add.at(counts, (groups, codes), 1.0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = shares - counts.sum(axis=0) / counts.sum()
    if is_line:
        distances = np.abs(np.cumsum(apart, axis=1)).sum(axis=1) / max(width - 1, 1)
    else:
        distances = np.abs(apart).sum(axis=1) / 2
    return float(distances.max())
