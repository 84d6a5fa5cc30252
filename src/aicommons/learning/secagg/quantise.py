"""Numbers to ring words and back: how a contribution's blocks become integers that add up exactly.

The node calls `encode` after the sandbox and before masking; every reader calls `decode` on the ring sum
(secure-aggregation section 3). All arithmetic is float64 multiplication by powers of two, so that decoding gives the
same bytes on every processor. Noise for differential privacy is left out.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors
from aicommons.learning import blocks as blocks_
from aicommons.learning.secagg import spread
from aicommons.learning.secagg import suite as suites

_PIECE = 65_536
"""Values converted at a time; the scratch vector stays in the second-level cache."""


def bound(members: int, word_bits: int) -> int:
    """Return B, the largest absolute ring integer of one site: a power of two with members * (B + 1) < 2**(w-1)."""
    return 1 << (((1 << (word_bits - 2)) // members).bit_length() - 1)


def encode(
    blocks: Sequence[blocks_.Block],
    contribution: blocks_.Contribution,
    *,
    members: int,
    word_bits: int,
    see: Callable[[memoryview], object] | None = None,
) -> suites.Words:
    """Return a contribution as ring words, padded with zeros to an allowed length.

    Args:
        blocks: order, lengths, caps and encodings, from the RunSpec.
        contribution: block name -> float64 vector.
        members: N of the roster, whatever set takes part.
        word_bits: 32 or 64.
        see: called with all bytes of the words, in order, while other threads encode what follows: a digest's ``update``.

    Raises:
        errors.ContributionRefused: naming the block (never a value): of another shape, not finite, over its cap, or not
            whole where whole numbers are asked for; or a cap that the ring cannot hold.
    """
    blocks_.check_contribution(blocks, contribution)
    signed = np.zeros(suites.pad_words(blocks_.words(blocks), word_bits), np.dtype(f"<i{word_bits // 8}"))
    start = 0
    for block, scale in zip(blocks, _scales(blocks, members, word_bits), strict=True):
        out = signed[start : start + block.length]
        for span in _quantise(block, contribution[block.name], scale, out):
            if see is not None:
                see(out[span].view(np.uint8).data)
        start += block.length
    if see is not None:
        see(signed[start:].view(np.uint8).data)
    return signed.view(f"<u{word_bits // 8}")


def decode(
    blocks: Sequence[blocks_.Block], ring_sum: suites.Words, *, members: int, word_bits: int
) -> dict[str, blocks_.Vector]:
    """Return the sum of the blocks' values: block name -> float64 vector of its length.

    Sums beyond 2**53 round to the nearest float64, alike on every processor.

    Args:
        blocks: as given to `encode`.
        ring_sum: sum of encoded vectors over the ring, of the padded length.
        members: as given to `encode`.
        word_bits: 32 or 64.

    Raises:
        errors.AggregationRefused: ``sum-wrong-shape``: another length or word type.
        errors.ContributionRefused: the blocks themselves are not allowed.
    """
    scales = _scales(blocks, members, word_bits)
    words = suites.pad_words(blocks_.words(blocks), word_bits)
    if ring_sum.shape != (words,) or ring_sum.dtype != np.dtype(f"<u{word_bits // 8}"):
        raise errors.AggregationRefused(
            f"expected a sum of {words} words of {word_bits} bits, got {ring_sum.dtype}{list(ring_sum.shape)}",
            reason="sum-wrong-shape",
        )
    signed = ring_sum.view(f"<i{word_bits // 8}")
    decoded: dict[str, blocks_.Vector] = {}
    start = 0
    for block, scale in zip(blocks, scales, strict=True):
        decoded[block.name] = signed[start : start + block.length].astype(np.float64) * (1.0 / scale)
        start += block.length
    return decoded


def _scales(blocks: Sequence[blocks_.Block], members: int, word_bits: int) -> list[float]:
    """Return s_b for every block: ring units per unit, a power of two."""
    if len({block.name for block in blocks}) != len(blocks):
        raise errors.ContributionRefused("two blocks have one name", expected="names that differ")
    return [_scale(block, bound(members, word_bits)) for block in blocks]


def _scale(block: blocks_.Block, largest: int) -> float:
    mantissa, exponent = math.frexp(block.cap)
    # Within these exponents the scale and its inverse are exact, normal float64 numbers.
    if mantissa != 0.5 or abs(exponent) > 900:
        raise _refused(block, "its cap is not a usable power of two", "a power of two")
    if block.encoding is not blocks_.Encoding.INTEGER:
        return largest / block.cap
    if not 1 <= block.cap <= largest:
        raise _refused(block, "the ring cannot hold its cap for this many members", f"1 to {largest}")
    return 1.0


def _shrinking(block: blocks_.Block, values: blocks_.Vector, peak: float) -> float | None:
    """Return what the values, in units of ``peak``, are multiplied by to keep the L2 cap; ``None`` when they keep it.

    In units of the largest of them no square overflows or vanishes. A block of another encoding is refused over its cap.
    """
    if block.encoding is not blocks_.Encoding.CLIPPED:
        if peak > block.cap:
            raise _refused(block, "it holds a number over its cap", f"at most {block.cap:g}")
        return None
    if peak == 0.0:
        return None
    norm = _norm_in_units(values, peak)
    return None if norm <= block.cap / peak else block.cap / norm


def _peak(values: blocks_.Vector) -> float:
    """Return the largest absolute value."""

    def largest(group: range) -> float:
        piece = values[_span(group)]
        return max(float(piece.max()), -float(piece.min()))

    return max(spread.over_chunks(_pieces(values), largest), default=0.0)


def _norm_in_units(values: blocks_.Vector, peak: float) -> float:
    """Return the L2 norm of ``values / peak``: at least 1."""

    def squares(group: range) -> float:
        total = 0.0
        for piece in group:
            units = values[_span(range(piece, piece + 1))] / peak
            total += float(np.dot(units, units))
        return total

    return math.sqrt(math.fsum(spread.over_chunks(_pieces(values), squares)))


def _quantise(
    block: blocks_.Block, values: blocks_.Vector, scale: float, out: npt.NDArray[np.signedinteger[Any]]
) -> Iterator[slice]:
    """Write the integers of a block's values, clipped where the block says so; a piece stays in cache throughout.

    Yields what was written, in order; whoever does not ask for the next stops the work.
    """
    peak = _peak(values)
    factor = _shrinking(block, values, peak)

    def convert(group: range) -> slice:
        scratch = np.empty(min(_PIECE, values.size), np.float64)
        for number in group:
            span = _span(range(number, number + 1))
            piece = values[span]
            scaled = scratch[: piece.size]
            if factor is None:
                np.multiply(piece, scale, out=scaled)
            else:
                np.divide(piece, peak, out=scaled)
                np.multiply(scaled, factor, out=scaled)
                np.multiply(scaled, scale, out=scaled)
            np.rint(scaled, out=scaled)
            if block.encoding is blocks_.Encoding.INTEGER and not np.array_equal(scaled, piece):
                raise _refused(block, "it holds a number that is not whole", "whole numbers")
            out[span] = scaled
        return _span(group)

    yield from spread.over_chunks(_pieces(values), convert)


def _pieces(values: blocks_.Vector) -> int:
    return -(-values.size // _PIECE)


def _span(group: range) -> slice:
    return slice(group.start * _PIECE, group.stop * _PIECE)


def _refused(block: blocks_.Block, message: str, expected: str) -> errors.ContributionRefused:
    return errors.ContributionRefused(message, which=f"block {block.name}", expected=expected)
