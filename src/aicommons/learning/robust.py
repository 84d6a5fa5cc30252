"""Robust combination: the mean of a few fixed cells that lie does not carry the model away.

A plan chooses a rule by name; ``recipe`` applies it to what local training sends, where a run's participants are divided
into cells that are summed apart. First every cell's mean is cut to a multiple of the median length, then the cells are
combined (secure-aggregation section 9). Only + - * / and square root in a fixed order on float64, as in ``combine``, so
that every node gets the same bytes. It leaves out who is in which cell, and round 0 and figures, which stay plain sums.
"""

import dataclasses
import enum
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, fields
from aicommons.learning import blocks, combine

Vector = blocks.Vector

LEAST_CELLS = 5
"""With five, two cells that lie are outvoted."""
LEAST_IN_A_CELL = 4
"""A cell's sum is read by every reader in every round: not fewer than this may share it."""
CLIP = 1.5
"""Default bound on a cell's length, in medians of all cells' lengths."""
WEIGHT = "weight"
"""Name of the block with a site's part of all training rows: a cell's sum over its weight is its mean."""
ITERATIONS = 50
CLOSEST = 2.0**-40
"""Squared distances below this part of the largest one count as it: a centre may lie on a cell."""
GRID = 2.0**-40
"""Results are whole multiples of this part of the block's cap, far below one step of a 32-bit ring."""

_LARGEST_WEIGHT = 4.0
_PIECE = 65_536
"""Values sorted at a time."""


class Rule(enum.Enum):
    """How cells are combined after their lengths are cut."""

    GEOMETRIC_MEDIAN = "geometric-median"
    """The point nearest to all cells (Weiszfeld 1937)."""
    MEDIAN = "median"
    """Value by value the middle one."""
    TRIMMED_MEAN = "trimmed-mean"
    """Value by value the mean without two fifths of the cells at each end."""
    MEAN = "mean"
    """The mean; robust against length only."""


@dataclasses.dataclass(frozen=True, slots=True)
class Robust:
    """The option of a plan."""

    rule: Rule
    """How cells are combined."""
    clip: float = CLIP
    """Longest cell, in medians of all cells' lengths."""


def from_options(document: object) -> Robust:
    """Return the option that a plan's document describes: ``{"rule": "median", "clip": 1.5}``.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    reader = fields.Fields(document, "recipe.robust")
    value = Robust(reader.one_of("rule", Rule), reader.number_within("clip", 1.0, 1_000.0, default=CLIP))
    reader.close()
    return value


def to_options(value: Robust) -> dict[str, object]:
    """Return the option as a plan's document writes it."""
    return {"rule": value.rule.value, "clip": value.clip}


def check_cells(sizes: Sequence[int]) -> None:
    """Check that a run's cells can outvote a few that lie, before anybody takes part.

    Args:
        sizes: participants of each cell; one number where the run is not divided.

    Raises:
        errors.InputError: fewer than five cells, or one of fewer than four participants.
    """
    if len(sizes) < LEAST_CELLS or min(sizes) < LEAST_IN_A_CELL:
        raise errors.InputError(
            "the plan combines cells robustly, and this run is not divided into enough of them",
            which="recipe.robust",
            expected=f"at least {LEAST_CELLS} cells of at least {LEAST_IN_A_CELL} participants",
            got=f"{len(sizes)} of {min(sizes)}" if len(sizes) > 1 else "one sum of all",
            next_step="Open the run with `--cell-size 4 --min 20` or more, or leave the option out of the plan.",
        )


def weight_block() -> blocks.Block:
    """Return the block that makes a cell's sum a mean."""
    return blocks.Block(WEIGHT, 1, _LARGEST_WEIGHT, blocks.Encoding.BOUNDED)


def combine_cells(chosen: Robust, block: blocks.Block, cells: Sequence[blocks.Contribution]) -> Vector:
    """Return the robust mean of one block, which each site sent multiplied by its weight: float64 of its length.

    Args:
        chosen: the plan's option.
        block: which block, and its cap.
        cells: decoded sums of each cell, ascending, with the weight block in them. At least one.
    """
    means = [cell_mean(cell[block.name], float(cell[WEIGHT][0])) for cell in cells]
    return _quantised(RULES[chosen.rule](clip_lengths(means, chosen.clip)), GRID * block.cap)


def cell_mean(total: Vector, weight: float) -> Vector:
    """Return a cell's mean from its sum, or zeros where its weight or length is no usable number: then it has no say."""
    if not weight > 0.0:
        return np.zeros(total.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = total / weight
        return mean if np.isfinite(squared_length(mean)) else np.zeros(total.shape)


def clip_lengths(vectors: Sequence[Vector], factor: float) -> list[Vector]:
    """Return ``vectors``, those longer than ``factor`` times the median length scaled down to that."""
    lengths = [float(np.sqrt(squared_length(vector))) for vector in vectors]
    longest = factor * middle(lengths)
    return [
        vector if length <= longest else vector * (longest / length)
        for vector, length in zip(vectors, lengths, strict=True)
    ]


def middle(values: Sequence[float]) -> float:
    """Return the median of finite ``values``: of an even number the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def squared_length(vector: Vector) -> float:
    """Return the sum of squares, added by halves: see `sum_by_halves`."""
    return sum_by_halves(vector * vector)


def sum_by_halves(values: Vector) -> float:
    """Return the sum of ``values``, which are overwritten; the same bytes everywhere, and as fast as memory.

    While more than one is left, the second half is added onto the first, element by element; of an odd number the last
    of the first half waits.
    """
    left = values
    while left.size > 1:
        half = (left.size + 1) // 2
        left[: left.size - half] += left[half:]
        left = left[:half]
    return float(left[0]) if left.size else 0.0


def mean(vectors: Sequence[Vector]) -> Vector:
    """Return the mean, added up in order."""
    return _weighted(vectors, [1.0 / len(vectors)] * len(vectors))


def median(vectors: Sequence[Vector]) -> Vector:
    """Return the middle value at every place; of an even number the mean of the two in the middle."""
    return _trimmed(vectors, (len(vectors) - 1) // 2)


def trimmed_mean(vectors: Sequence[Vector]) -> Vector:
    """Return at every place the mean without the lowest and the highest two fifths (rounded down) of the values."""
    return _trimmed(vectors, 2 * len(vectors) // 5)


def geometric_median(vectors: Sequence[Vector]) -> Vector:
    """Return the point whose distances to ``vectors`` have the least sum, after 50 steps of Weiszfeld from the mean."""
    return _weighted(vectors, weiszfeld_weights(_squared_distances(vectors)))


RULES = {
    Rule.GEOMETRIC_MEDIAN: geometric_median,
    Rule.MEDIAN: median,
    Rule.TRIMMED_MEAN: trimmed_mean,
    Rule.MEAN: mean,
}
"""Rule -> vectors of one length, at least one, to their combination."""


def weiszfeld_weights(squares: Sequence[Sequence[float]]) -> list[float]:
    """Return the weights, adding up to 1, with which points combine to their geometric median.

    The distance to a weighted mean follows from the distances between the points: |p_k - z|^2 = sum_j w_j D_kj -
    sum_ij w_i w_j D_ij / 2. So every vector is read a fixed number of times, not once for each step.

    Args:
        squares: D, the squared distance of every two points.
    """
    count = len(squares)
    weights = [1.0 / count] * count
    floor = CLOSEST * max(max(row) for row in squares)
    if floor == 0.0:
        return weights
    for _ in range(ITERATIONS):
        pulls = [combine.fixed_sum(w * d for w, d in zip(weights, row, strict=True)) for row in squares]
        spread = combine.fixed_sum(w * pull for w, pull in zip(weights, pulls, strict=True)) / 2.0
        inverse = [1.0 / float(np.sqrt(max(pull - spread, floor))) for pull in pulls]
        total = combine.fixed_sum(inverse)
        weights = [each / total for each in inverse]
    return weights


def _squared_distances(vectors: Sequence[Vector]) -> list[list[float]]:
    squares = [[0.0] * len(vectors) for _ in vectors]
    for first, one in enumerate(vectors):
        for second in range(first):
            squares[first][second] = squares[second][first] = squared_length(one - vectors[second])
    return squares


def _weighted(vectors: Sequence[Vector], weights: Sequence[float]) -> Vector:
    total = np.zeros(vectors[0].shape)
    for vector, weight in zip(vectors, weights, strict=True):
        total += vector * weight
    return total


def _trimmed(vectors: Sequence[Vector], cut: int) -> Vector:
    """Return at every place the mean of the ordered values without ``cut`` at each end."""
    result = np.empty(vectors[0].shape)
    for start in range(0, result.size, _PIECE):
        # + 0.0 makes -0.0 a 0.0: which of the two sorts first depends on the kernel.
        ordered = np.sort(np.stack([vector[start : start + _PIECE] for vector in vectors]) + 0.0, axis=0)
        kept = ordered[cut : len(vectors) - cut]
        total = kept[0].copy()
        for row in kept[1:]:
            total += row
        result[start : start + _PIECE] = total / float(len(kept))
    return result


def _quantised(values: Vector, step: float) -> Vector:
    """Return ``values`` rounded to whole multiples of ``step``, a power of two; a zero has no sign."""
    rounded: npt.NDArray[np.float64] = np.rint(values / step) * step + 0.0
    return rounded
