"""What comes out of a table, the arrays, and how two spellings of one cell are known to be the same; no reading here.

What is expected of the columns is a plan's business: ``domain/schema``. Called by every module of this package and by
``node/``.
"""

import dataclasses
import hashlib
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "."})
"""Cells that say "no value", in lower case; a declared level of the same spelling is a value."""
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]+\.0+")


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The rows of one table as numbers."""

    features: npt.NDArray[np.float64]
    """float64[n, p]; categories one-hot with all of their levels, in the order of the schema."""
    target: npt.NDArray[np.float64]
    """float64[n]; class index for a category."""
    keys: npt.NDArray[np.uint64] | None
    """uint64[n]; equal where rows belong together (one person, one group). ``None`` where no column says so."""
    dropped: int
    """Rows left out because a value was missing."""
    notices: tuple[str, ...]
    """What the reader decided and its owner should know, as sentences without values."""
    persons: tuple[str, ...] | None = None
    """Person keys of the rows that were kept, each once, sorted; ``None`` where no consents stand behind the table."""
    broken: int = 0
    """Rows left out because a cell did not fit, as its owner allowed."""
    held_out: int | None = None
    """How many of the last rows are held out; ``None`` where the table was not divided."""

    @property
    def rows(self) -> int:
        """Number of rows that were kept."""
        return len(self.target)


def target_of(plan: schema.Schema, outcomes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return float64[n], the target as learners want it, from float64[n, columns] of the outcomes as they are read.

    Zeros where nothing is predicted. A time until an event that was not seen is negative (-0.0 too).
    """
    if plan.target is None:
        return np.zeros(len(outcomes))
    if plan.target.event is None:
        return np.ascontiguousarray(outcomes[:, 0])
    return np.copysign(outcomes[:, 0], outcomes[:, 1] - 0.5)


def label(text: str) -> str:
    """Return the spelling under which category values are compared: stripped, and ``2.0`` read as ``2``."""
    stripped = text.strip()
    return stripped.partition(".")[0] if WHOLE.fullmatch(stripped) else stripped


def parse_number(text: str, *, decimal_comma: bool) -> float | None:
    """Return the number that a cell holds, infinite when it is too large, or ``None`` for text.

    Stricter than ``float``: no digits of other scripts, no underscores.
    """
    stripped = text.strip()
    if decimal_comma:
        if "." in stripped:  # a thousands mark, most likely
            return None
        stripped = stripped.replace(",", ".", 1)
    if NUMBER.fullmatch(stripped):
        return float(stripped)
    if stripped.lstrip("+-").lower() in ("inf", "infinity"):
        return float("inf")
    return None


def key_of(text: str) -> int:
    """Return 64 bits that stand for a person's or group's key in files; two of a million texts collide once in 10^7."""
    return int.from_bytes(_digest(text))


def keys_of(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return ``key_of`` of each text; equal texts are looked at once."""
    different = dict.fromkeys(texts)
    keys = np.frombuffer(b"".join(map(_digest, different)), dtype=">u8").astype(np.uint64)
    if len(keys) == len(texts):
        return keys
    places = dict(zip(different, range(len(keys)), strict=True))
    return keys[np.fromiter(map(places.__getitem__, texts), dtype=np.intp, count=len(texts))]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
