"""Named blocks: the only shape in which a site's numbers leave a learner.

A contribution is a set of named float64 vectors; each block says how it is turned into ring integers and what may not
be exceeded (``learning/secagg/quantise.py`` does it, secure-aggregation section 3). Learners and evaluation declare
blocks, nodes check them, combiners receive the decoded sums under the same names. This module holds no arithmetic.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
"""Indexes."""


class Encoding(enum.Enum):
    """How a block's numbers become ring integers."""

    INTEGER = "integer"
    """Whole numbers, sent exactly; refused when not whole or over the cap."""
    BOUNDED = "bounded"
    """Real numbers with a fixed bound; refused over the cap, never scaled."""
    CLIPPED = "clipped"
    """Scaled down to an L2 norm of at most the cap."""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One named part of a contribution."""

    name: str
    """Unique within a contribution, such as ``"gradient"``."""
    length: int
    """Number of values."""
    cap: float
    """Largest absolute value (integer, bounded) or L2 norm (clipped); a power of two."""
    encoding: Encoding
    """How its numbers are encoded."""


Contribution = Mapping[str, Vector]
"""Block name -> float64 vector of the block's length."""


def words(blocks: Sequence[Block]) -> int:
    """Return the number of values in ``blocks`` together."""
    return sum(block.length for block in blocks)


def check_contribution(blocks: Sequence[Block], contribution: Contribution) -> None:
    """Check names, lengths and finiteness of ``contribution`` against ``blocks``.

    Raises:
        errors.ContributionRefused: a block is missing, unknown, of another length, or holds a non-finite number.
    """
    expected = {block.name for block in blocks}
    if set(contribution) != expected:
        raise errors.ContributionRefused(
            "the contribution has other blocks than the plan", expected=sorted(expected), got=sorted(contribution)
        )
    for block in blocks:
        vector = contribution[block.name]
        if vector.shape != (block.length,) or vector.dtype != np.float64:
            raise errors.ContributionRefused(
                "a block has another shape than the plan",
                which=f"block {block.name}",
                expected=f"float64[{block.length}]",
                got=f"{vector.dtype}{list(vector.shape)}",
            )
        if not np.isfinite(vector).all():
            raise errors.ContributionRefused(
                "a block holds numbers that are not finite", which=f"block {block.name}", expected="finite numbers"
            )
