"""Results that people read as tables: coefficients, curves, quantiles, groups; made by learners, shown by whoever shows.

Called by ``recipe`` for the command line, pages and notebooks. Rounding, plots and languages are left out.
"""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Exhibit:
    """One table of a result; every number in it follows from sums over all sites."""

    name: str
    """Short, lower case, unique within a result: ``"coefficients"``."""
    title: str
    """One line for a reader: what the rows are, and in which units."""
    heads: tuple[str, ...]
    """What each column holds."""
    rows: Sequence[Sequence[str | int | float | None]]
    """Cells in the order of ``heads``; ``None`` where there is no value."""
