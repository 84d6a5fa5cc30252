"""Intervals of time that everybody knows: what counts of events and censorings are made over.

Cuts follow from a plan alone, from its options and the declared range of its target, so that a time falls into the same
interval at every site. Called by the learners of times until an event. Reading options and placing times is all there is
here; what is counted is the learners'.
"""

import dataclasses
import itertools
import math

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, fields, schema

MOST_INTERVALS = 4_096
"""Eleven years in days."""


@dataclasses.dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals that are open at their start and closed at their end; made with ``even``, ``of_cuts`` or ``from_options``."""

    edges: tuple[float, ...]
    """The start of the first interval and the end of each, ascending, in the target's unit; from ``lo`` to ``hi``."""
    has_cuts: bool = False
    """Whether a plan names the cuts between them, and not only how many there are."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            errors.InputError: edges that do not ascend, as where a range is too narrow to be cut so often.
        """
        if any(not before < after for before, after in itertools.pairwise(self.edges)):
            raise errors.InputError(
                "the times between intervals do not ascend",
                which="intervals",
                expected=f"ascending times between {self.edges[0]:g} and {self.edges[-1]:g}",
            )

    @property
    def count(self) -> int:
        """Number of intervals."""
        return len(self.edges) - 1

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the intervals back."""
        return {"cuts": list(self.edges[1:-1])} if self.has_cuts else {"intervals": self.count}

    def places(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return int64[n]: 0 for a time that is the first edge, else the number (from 1) of the interval that it is in."""
        return np.searchsorted(np.array(self.edges), times, side="left").astype(np.int64)


def even(target: schema.Target, count: int) -> Intervals:
    """Return ``count`` intervals of one length over a target's declared range."""
    column = target.column()
    width = column.hi - column.lo
    # One product and one division: whole edges where the range is whole and the intervals as long as its unit.
    inner = (column.lo + width * index / count for index in range(1, count))
    return Intervals((column.lo, *inner, column.hi))


def of_cuts(target: schema.Target, cuts: tuple[float, ...]) -> Intervals:
    """Return the intervals between ``cuts``, which lie inside a target's declared range."""
    column = target.column()
    return Intervals((column.lo, *cuts, column.hi), has_cuts=True)


def from_options(target: schema.Target, reader: fields.Fields, *, default: int) -> Intervals:
    """Return the intervals that a plan's options ``intervals`` (how many) or ``cuts`` (times between them) describe.

    Raises:
        errors.InputError: both options; too many intervals; cuts that are no ascending numbers inside the target's range.
    """
    if not reader.has("cuts"):
        return even(target, reader.whole_within("intervals", 1, MOST_INTERVALS, default=default))
    given = reader.items("cuts", most=MOST_INTERVALS - 1)
    cuts = tuple(float(each) for each in given if isinstance(each, int | float) and not isinstance(each, bool))
    if reader.has("intervals"):
        raise reader.refusal("intervals", "no such field beside cuts", reader.value("intervals"))
    column = target.column()
    inside = all(math.isfinite(each) and column.lo < each < column.hi for each in cuts)
    ascending = all(before < after for before, after in itertools.pairwise(cuts))
    if len(cuts) != len(given) or not (cuts and inside and ascending):
        raise reader.refusal("cuts", f"ascending times above {column.lo:g} and below {column.hi:g}", given)
    return of_cuts(target, cuts)
