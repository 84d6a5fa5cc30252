"""What is expected of a table's columns, and the arrays that come out: plain records without any reading.

A plan's schema lives in ``learning/``, which this package may not import; ``node/`` turns one into the other. Called by
every module of this package and by ``node/``.
"""

import dataclasses
import enum
import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "."})
"""Cells that say "no value", in lower case; a declared level of the same spelling is a value."""
WHOLE = re.compile(r"[+-]?[0-9]+\.0+")


class Kind(enum.Enum):
    """How a column's cells are read."""

    NUMERIC = "numeric"
    """A number within declared bounds."""
    CATEGORY = "category"
    """One of the declared levels."""


class Role(enum.Enum):
    """What a column is for."""

    FEATURE = "feature"
    """An input of the model."""
    TARGET = "target"
    """What is predicted; exactly one column."""
    GROUP = "group"
    """Which rows belong together (a person, a farm) and must not be split; at most one column, read as text."""


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One expected column."""

    name: str
    """Name in the table's header."""
    kind: Kind
    """How its cells are read; of no meaning for a group."""
    lo: float | None = None
    """Smallest allowed number, in the column's unit; ``None`` for categories."""
    hi: float | None = None
    """Largest allowed number; ``None`` for categories."""
    levels: tuple[str, ...] = ()
    """Allowed values in index order; empty for numbers."""
    role: Role = Role.FEATURE
    """What the column is for."""

    @property
    def width(self) -> int:
        """Columns that this makes in the feature matrix: one for each level, or one for a number."""
        return len(self.levels) if self.kind is Kind.CATEGORY else 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of these columns, such as ``pain=2``."""
        if self.kind is Kind.CATEGORY:
            return tuple(f"{self.name}={level}" for level in self.levels)
        return (self.name,)


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The rows of one table as numbers."""

    features: npt.NDArray[np.float64]
    """float64[n, p]; categories one-hot with all of their levels, in the order of the specs."""
    target: npt.NDArray[np.float64]
    """float64[n]; class index for a category."""
    groups: tuple[str, ...] | None
    """Group of each row, or ``None`` when no column has this role."""
    names: tuple[str, ...]
    """Names of the p feature columns."""
    dropped: int
    """Rows left out because a value was missing."""
    notices: tuple[str, ...]
    """What the reader decided and its owner should know, as sentences without values."""

    @property
    def rows(self) -> int:
        """Number of complete rows."""
        return len(self.target)


def label(text: str) -> str:
    """Return the spelling under which category values are compared: stripped, and ``2.0`` read as ``2``."""
    stripped = text.strip()
    return stripped.partition(".")[0] if WHOLE.fullmatch(stripped) else stripped


def check_specs(specs: Sequence[ColumnSpec]) -> None:
    """Check that the specs make sense together.

    Raises:
        errors.InputError: no or several targets, several groups, a name twice, bad bounds, or levels that coincide.
    """
    roles = [spec.role for spec in specs]
    if roles.count(Role.TARGET) != 1 or roles.count(Role.GROUP) > 1 or Role.FEATURE not in roles:
        raise errors.InputError(
            "the columns need one target, at least one feature and at most one group",
            expected="1 target",
            got=f"{roles.count(Role.TARGET)} targets, {roles.count(Role.GROUP)} groups",
        )
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.InputError("a column is expected twice", which=", ".join(twice))
    for spec in specs:
        _check_spec(spec)


def _check_spec(spec: ColumnSpec) -> None:
    if spec.role is Role.GROUP:
        return
    which = f"column {spec.name}"
    if spec.kind is Kind.CATEGORY:
        labels = [label(level) for level in spec.levels]
        if not labels or len(set(labels)) != len(labels):
            raise errors.InputError("a category needs different levels", which=which, got=f"{len(labels)} levels")
        return
    if spec.lo is None or spec.hi is None or not (math.isfinite(spec.lo) and math.isfinite(spec.hi)):
        raise errors.InputError("a numeric column needs finite bounds", which=which, expected="lo and hi")
    if spec.lo > spec.hi:
        raise errors.InputError("the bounds are the wrong way round", which=which, expected="lo <= hi")
