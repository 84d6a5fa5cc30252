"""What comes out of a table, the arrays, and how two spellings of one cell are known to be the same; no reading here.

What is expected of the columns is a plan's business: ``domain/schema``. Called by every module of this package and by
``node/``.
"""

import dataclasses
import re

import numpy as np
import numpy.typing as npt

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "."})
"""Cells that say "no value", in lower case; a declared level of the same spelling is a value."""
WHOLE = re.compile(r"[+-]?[0-9]+\.0+")


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The rows of one table as numbers."""

    features: npt.NDArray[np.float64]
    """float64[n, p]; categories one-hot with all of their levels, in the order of the schema."""
    target: npt.NDArray[np.float64]
    """float64[n]; class index for a category."""
    groups: tuple[str, ...] | None
    """Group of each row, or ``None`` when the plan names no group column."""
    dropped: int
    """Rows left out because a value was missing."""
    notices: tuple[str, ...]
    """What the reader decided and its owner should know, as sentences without values."""
    persons: tuple[str, ...] | None = None
    """Person keys of the rows that were kept, each once, sorted; ``None`` where no consents stand behind the table."""

    @property
    def rows(self) -> int:
        """Number of complete rows."""
        return len(self.target)


def label(text: str) -> str:
    """Return the spelling under which category values are compared: stripped, and ``2.0`` read as ``2``."""
    stripped = text.strip()
    return stripped.partition(".")[0] if WHOLE.fullmatch(stripped) else stripped
