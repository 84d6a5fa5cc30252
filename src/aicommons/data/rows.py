"""The rows of any source one by one, as texts: what describing, checking and measuring look at.

Called by ``describing``, ``checking``, ``identifiers`` and ``anonymity``; numbers for learning are ``reading``'s business. A row
that its source could not take apart is handed to the caller or refused, never skipped in silence.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from aicommons.data import batches


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One record."""

    place: int
    """Line or row of the source, from 1."""
    cells: tuple[str, ...]
    """Stripped texts, in the order of the columns that were asked for."""


def walk(
    opened: batches.Opened, names: Sequence[str], *, broken: Callable[[batches.Broken], None] | None = None
) -> Iterator[Row]:
    """Yield all rows with the columns ``names``.

    Args:
        opened: the source.
        names: columns, in the wanted order.
        broken: takes the rows that could not be taken apart; ``None`` refuses the first of them.

    Raises:
        errors.TableError: no such column, a broken row that nobody takes, or a source that cannot be read on.
    """
    for name in names:
        batches.check_column(opened, name)
    for batch in opened.batches(names):
        for each in batch.broken:
            if broken is None:
                raise batches.refusal(opened, each)
            broken(each)
        columns = [batches.texts(batch.cells[name]) for name in names]
        for index, place in enumerate(batch.places):
            yield Row(place, tuple(column[index] for column in columns))
