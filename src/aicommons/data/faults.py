"""What of a source does not fit: how many cells in which column, where the first stands, and the way out.

Called by ``reading`` for every batch. Values are never kept and never shown.
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, cells
from aicommons.domain import errors

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

SEVERAL = 8
"""Columns of broken cells that a message names."""
ROWS = "(fields)"
"""Stands for the column where a whole row could not be taken apart."""


@dataclasses.dataclass(frozen=True, slots=True)
class _First:
    """The first fault of a source."""

    place: int
    column: str | None
    complaint: cells.Complaint


class Faults:
    """Cells of a source that do not fit: how many in which column, and the first."""

    def __init__(self, opened: batches.Opened) -> None:
        self._opened = opened
        self._counts: collections.Counter[str] = collections.Counter()
        self._first: _First | None = None
        self.rows = 0
        """Rows with at least one of them."""
        self.whole_rows = 0
        """Rows among them that could not even be taken apart."""

    def add_rows(self, broken: Sequence[batches.Broken]) -> None:
        """Count rows that could not be taken apart."""
        self._counts[ROWS] += len(broken)
        self.rows += len(broken)
        self.whole_rows += len(broken)
        for each in broken[:1]:
            self._note(_First(each.place, None, cells.Complaint(each.message, each.expected, each.got)))

    def check(self, batch: batches.Batch, fields: Sequence[cells.Field], found: Sequence[Numbers]) -> Mask:
        """Return bool[rows], True where every cell fits, and count the others."""
        fits = np.ones(len(batch.places), dtype=np.bool_)
        for each, values in zip(fields, found, strict=True):
            bad = each.bad(values)
            if not bad.any():
                continue
            fits &= ~bad
            self._counts[each.declared.name] += int(bad.sum())
            index = int(np.argmax(bad))
            cell = batch.cells[each.local.column][index]
            complaint = each.complaint(cell, decimal_comma=self._opened.decimal_comma)
            self._note(_First(batch.places[index], _both_names(each), complaint))
        self.rows += int((~fits).sum())
        return fits

    def by_column(self) -> str:
        """Return the counts by column in words."""
        return ", ".join(self._lines())

    def _lines(self) -> list[str]:
        usual = [(name, count) for name, count in self._counts.most_common() if count]
        more = [f"and {len(usual) - SEVERAL} more columns"] if len(usual) > SEVERAL else []
        return [f"{name} {count:,}" for name, count in usual[:SEVERAL]] + more

    def refusal(self, seen: int, allowed: float) -> errors.TableError:
        """Return the error for a source with more broken rows than are allowed."""
        first = self._first
        if first is None:
            raise ValueError("there is no fault")
        lines = "".join(f"\n    {line}" for line in self._lines()) + "\n  "
        among = f"; {self.rows:,} of {seen:,} rows are broken, by column:{lines}" if self.rows > 1 else ""
        limit = f" (at most {allowed:.0%} of the rows may be left out)" if allowed > 0 else ""
        return errors.TableError(
            first.complaint.message,
            which=batches.where(self._opened, column=first.column, place=first.place),
            expected=first.complaint.expected + limit,
            got=first.complaint.got + among,
            next_step=_advice(self._opened, first, self.rows),
        )

    def _note(self, fault: _First) -> None:
        if self._first is None or fault.place < self._first.place:
            self._first = fault


def _both_names(field: cells.Field) -> str:
    name, local = field.declared.name, field.local.column
    return name if name == local else f"{local} (mapped to {name})"


def _advice(opened: batches.Opened, first: _First, rows: int) -> str:
    """Return the way out of a fault."""
    message = first.complaint.message
    if first.column is None:
        return batches.broken_advice(opened)
    if message == cells.UNMAPPED:
        return "Add the code to the dataset's mapping: `commons dataset map` counts what it does not know."
    if message.startswith("a date"):
        return "Map the column with its date format: `commons dataset map`."
    several = ""
    if rows > 1:
        several = " A column of other codes or units is mapped by `commons dataset map`; `--skip-broken PERCENT` leaves broken rows out."
    return f"Correct this cell, or leave it empty if the value is not known; nothing was changed.{several}"
