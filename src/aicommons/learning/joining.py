"""Rows of several sites as those of one: how a co-op's node learns from all its members' tables at once.

The node joins what each table gave after its own owner's rules (consents, cohort, small cells) were applied to it alone; the
masked vector is one, so that nobody outside sees a single site. Additions go through in the order of the sites. Reading
tables and applying rules are the node's.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.learning import blocks, records


class Joined:
    """Rows of several tables that can be added over; implements ``records.Records``."""

    def __init__(self, parts: Sequence[records.Records]) -> None:
        """Keep the parts where they are, at least one."""
        self.parts = tuple(parts)

    @property
    def rows(self) -> int:
        """Number of records in all parts."""
        return sum(part.rows for part in self.parts)

    def fold(self, partial: records.Partial) -> blocks.Contribution:
        """Return the sum of ``partial`` over all parts, first to last."""
        return records.add(part.fold(partial) for part in self.parts)

    def select(self, keep: records.Keep) -> records.Records:
        """Return the rows of all parts for which ``keep`` is True."""
        return joined([part.select(keep) for part in self.parts])

    def changed(self, change: records.Change) -> records.Records:
        """Return the same rows with the numbers that ``change`` gives them."""
        return joined([part.changed(change) for part in self.parts])


class Sampled(Joined):
    """Rows of several tables of which any few can be had; implements ``records.Sampled``."""

    def __init__(self, parts: Sequence[records.Sampled]) -> None:
        """Keep the parts where they are, at least one."""
        super().__init__(parts)
        self._sampled = tuple(parts)

    def select(self, keep: records.Keep) -> records.Sampled:
        """Return the rows of all parts for which ``keep`` is True."""
        return Sampled([part.select(keep) for part in self._sampled])

    def changed(self, change: records.Change) -> records.Sampled:
        """Return the same rows with the numbers that ``change`` gives them."""
        return Sampled([part.changed(change) for part in self._sampled])

    def take(self, places: npt.NDArray[np.intp]) -> records.Table:
        """Return the rows at ``places``, in that order; the parts' rows are numbered one part after the other."""
        ends = np.cumsum([part.rows for part in self._sampled])
        owner = np.searchsorted(ends, places, side="right")
        starts = np.concatenate([[0], ends[:-1]])
        found = [part.take(places[owner == index] - starts[index]) for index, part in enumerate(self._sampled)]
        back = np.argsort(np.concatenate([np.flatnonzero(owner == index) for index in range(len(found))]))
        features = np.concatenate([each.features for each in found])
        units = [each.units for each in found if each.units is not None]
        return records.Table(
            features[back],
            np.concatenate([each.target for each in found])[back],
            np.concatenate(units)[back] if len(units) == len(found) else None,
        )


def joined(parts: Sequence[records.Records]) -> records.Records:
    """Return the rows of all ``parts``: a single part as it is, and rows that can be had one by one only if all can."""
    if len(parts) == 1:
        return parts[0]
    sampled = [part for part in parts if records.is_sampled(part)]
    return Sampled(sampled) if len(sampled) == len(parts) else Joined(parts)
