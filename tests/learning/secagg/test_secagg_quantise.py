"""Numbers to ring words and back: exact where exactness is promised, refused by name where it is not possible."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors
from aicommons.learning import blocks
from aicommons.learning.secagg import quantise

COUNTS = blocks.Block("counts", 3, 1024.0, blocks.Encoding.INTEGER)
GRADIENT = blocks.Block("gradient", 4, 8.0, blocks.Encoding.BOUNDED)
DELTA = blocks.Block("delta", 5, 2.0, blocks.Encoding.CLIPPED)
BLOCKS = (COUNTS, GRADIENT, DELTA)
GOOD = {"counts": np.array([1.0, -2.0, 1024.0]), "gradient": np.array([0.5, -8.0, 0.1, 0.0]), "delta": np.zeros(5)}


@pytest.mark.parametrize("word_bits", [32, 64])
@pytest.mark.parametrize("members", range(3, 49))
def test_bound_leaves_room_for_every_site(members: int, word_bits: int) -> None:
    """B is the largest power of two within a quarter of the ring per site, so no sum can wrap."""
    largest = quantise.bound(members, word_bits)
    assert largest.bit_count() == 1
    assert largest * members <= 2 ** (word_bits - 2) < 2 * largest * members
    assert members * (largest + 1) < 2 ** (word_bits - 1)


@pytest.mark.parametrize("word_bits", [32, 64])
def test_words_are_padded_and_little_endian(word_bits: int) -> None:
    """A short vector is padded with zero words to eight; counts stand for themselves."""
    block = blocks.Block("n", 1, 4.0, blocks.Encoding.INTEGER)
    words = quantise.encode((block,), {"n": np.array([-3.0])}, members=3, word_bits=word_bits)
    assert words.dtype == np.dtype(f"<u{word_bits // 8}")
    assert words.tolist() == [2**word_bits - 3] + [0] * 7


@settings(max_examples=60, deadline=None)
@given(
    word_bits=st.sampled_from([32, 64]),
    rows=st.lists(st.lists(st.integers(-1024, 1024), min_size=3, max_size=3), min_size=3, max_size=20),
)
def test_integer_sums_are_exact(word_bits: int, rows: list[list[int]]) -> None:
    """The decoded sum of whole numbers is their sum, exactly."""
    encoded = [
        quantise.encode((COUNTS,), {"counts": np.array(row, float)}, members=len(rows), word_bits=word_bits)
        for row in rows
    ]
    total = np.sum(encoded, axis=0, dtype=encoded[0].dtype)
    decoded = quantise.decode((COUNTS,), total, members=len(rows), word_bits=word_bits)
    assert decoded["counts"].tolist() == np.sum(rows, axis=0).tolist()


@settings(max_examples=60, deadline=None)
@given(
    word_bits=st.sampled_from([32, 64]),
    rows=st.lists(st.lists(st.floats(-8, 8), min_size=4, max_size=4), min_size=3, max_size=20),
)
def test_bounded_sums_are_within_half_a_step_per_site(word_bits: int, rows: list[list[float]]) -> None:
    """Rounding moves each site's number by at most half a step, and the caps fit."""
    members = len(rows)
    encoded = [
        quantise.encode((GRADIENT,), {"gradient": np.array(row)}, members=members, word_bits=word_bits) for row in rows
    ]
    total = np.sum(encoded, axis=0, dtype=encoded[0].dtype)
    decoded = quantise.decode((GRADIENT,), total, members=members, word_bits=word_bits)["gradient"]
    step = 8.0 / quantise.bound(members, word_bits)
    exact = [math.fsum(column) for column in zip(*rows, strict=True)]
    assert np.abs(decoded - exact).max() <= members * (step / 2 + 2.0**-50)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(-1e300, 1e300), min_size=5, max_size=5))
def test_clipped_blocks_keep_direction_and_bound(values: list[float]) -> None:
    """A clipped block has an L2 norm of at most the cap, keeps its direction, and is unchanged within the cap."""
    given_vector = np.array(values)
    words = quantise.encode((DELTA,), {"delta": given_vector}, members=5, word_bits=64)
    clipped = quantise.decode((DELTA,), words, members=5, word_bits=64)["delta"]
    peak = float(np.abs(given_vector).max())
    norm = peak * math.sqrt(math.fsum((given_vector / peak) ** 2)) if peak else 0.0
    assert math.sqrt(math.fsum(clipped**2)) <= 2.0 * (1 + 1e-12)
    expected = given_vector if norm <= 2.0 else given_vector / norm * 2.0
    assert np.allclose(clipped, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0, 0.0]),
        ([2.5, 0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0, 0.0]),
        ([1.5, 2.0, 0.0, 0.0, 0.0], [1.2, 1.6, 0.0, 0.0, 0.0]),
        ([0.9, -1.2, 0.0, 0.0, 0.0], [0.9, -1.2, 0.0, 0.0, 0.0]),
        ([1.7e308] * 5, [2.0 / math.sqrt(5)] * 5),
        ([5e-324] * 5, [0.0] * 5),
    ],
)
def test_clipping_examples(values: list[float], expected: list[float]) -> None:
    """Vectors at, just over and far over the cap, and vanishing ones, come out as computed by hand."""
    words = quantise.encode((DELTA,), {"delta": np.array(values)}, members=5, word_bits=64)
    assert np.allclose(quantise.decode((DELTA,), words, members=5, word_bits=64)["delta"], expected, rtol=1e-14)


def test_rounding_is_half_to_even() -> None:
    """A number halfway between two ring integers goes to the even one."""
    block = blocks.Block("x", 4, float(quantise.bound(3, 32)), blocks.Encoding.BOUNDED)
    words = quantise.encode((block,), {"x": np.array([0.5, 1.5, 2.5, -0.5])}, members=3, word_bits=32)
    assert words[:4].tolist() == [0, 2, 2, 0]


def test_largest_integers_of_64_bits_are_exact() -> None:
    """Whole numbers at the cap of the 64-bit ring keep every bit that a float64 has."""
    cap = quantise.bound(5, 64)
    block = blocks.Block("big", 3, float(cap), blocks.Encoding.INTEGER)
    values = np.array([float(cap), -float(cap), float(2**53 - 1)])
    words = quantise.encode((block,), {"big": values}, members=5, word_bits=64)
    assert words.view("<i8")[:3].tolist() == [cap, -cap, 2**53 - 1]
    five = words * np.uint64(5)
    assert quantise.decode((block,), five, members=5, word_bits=64)["big"][1] == -5.0 * cap


def test_long_blocks_are_converted_whole() -> None:
    """Blocks longer than one piece come out the same as their parts."""
    values = np.linspace(-8, 8, 150_000)
    block = blocks.Block("long", values.size, 8.0, blocks.Encoding.BOUNDED)
    words = quantise.encode((block,), {"long": values}, members=3, word_bits=32)
    assert np.array_equal(words.view("<i4")[: values.size], np.rint(values * (2**28 / 8.0)).astype("<i4"))


def test_blocks_may_be_empty() -> None:
    """A block of length zero takes no words."""
    block = blocks.Block("none", 0, 1.0, blocks.Encoding.BOUNDED)
    words = quantise.encode((block,), {"none": np.zeros(0)}, members=3, word_bits=32)
    assert quantise.decode((block,), words, members=3, word_bits=32)["none"].size == 0


BAD: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "not a number": ({"gradient": np.array([0.0, np.nan, 0.0, 0.0])}, "block gradient"),
    "infinite": ({"gradient": np.array([0.0, np.inf, 0.0, 0.0])}, "block gradient"),
    "infinite in a clipped block": ({"delta": np.array([0.0, -np.inf, 0.0, 0.0, 0.0])}, "block delta"),
    "over the cap": ({"gradient": np.array([0.0, 0.0, 0.0, 8.000001])}, "block gradient"),
    "under the cap": ({"gradient": np.array([-8.000001, 0.0, 0.0, 0.0])}, "block gradient"),
    "count over the cap": ({"counts": np.array([0.0, 1025.0, 0.0])}, "block counts"),
    "absurdly large": ({"counts": np.array([0.0, 1e308, 0.0])}, "block counts"),
    "not whole": ({"counts": np.array([0.0, 0.5, 0.0])}, "block counts"),
    "barely not whole": ({"counts": np.array([0.0, 3.0000000000000004, 0.0])}, "block counts"),
    "too long": ({"counts": np.zeros(4)}, "block counts"),
    "of another type": ({"counts": np.zeros(3, np.float32)}, "block counts"),
    "two-dimensional": ({"counts": np.zeros((3, 1))}, "block counts"),
    "an unknown block": ({"weights": np.zeros(3)}, "contribution"),
}


@pytest.mark.parametrize("word_bits", [32, 64])
@pytest.mark.parametrize("row", BAD)
def test_bad_contributions_name_the_block_and_no_value(row: str, word_bits: int) -> None:
    """Each bad block is refused by name, and the message shows none of its numbers."""
    changes, named = BAD[row]
    with pytest.raises(errors.ContributionRefused) as caught:
        quantise.encode(BLOCKS, GOOD | changes, members=3, word_bits=word_bits)
    assert named in str(caught.value)
    assert not any(text in str(caught.value) for text in ("8.000001", "1025", "1e+308", "3.0000000000000004"))


CAPS: dict[str, blocks.Block] = {
    "no power of two": blocks.Block("b", 1, 3.0, blocks.Encoding.BOUNDED),
    "zero": blocks.Block("b", 1, 0.0, blocks.Encoding.BOUNDED),
    "negative": blocks.Block("b", 1, -2.0, blocks.Encoding.BOUNDED),
    "infinite": blocks.Block("b", 1, math.inf, blocks.Encoding.BOUNDED),
    "not a number": blocks.Block("b", 1, math.nan, blocks.Encoding.CLIPPED),
    "beyond float64": blocks.Block("b", 1, 2.0**1000, blocks.Encoding.BOUNDED),
    "integers beyond the ring": blocks.Block("b", 1, 2.0**31, blocks.Encoding.INTEGER),
    "integers below one": blocks.Block("b", 1, 0.5, blocks.Encoding.INTEGER),
}


@pytest.mark.parametrize("row", CAPS)
def test_unusable_caps_are_refused(row: str) -> None:
    """Caps that are no power of two or do not fit are refused in both directions."""
    block = CAPS[row]
    with pytest.raises(errors.ContributionRefused, match="block b"):
        quantise.encode((block,), {"b": np.zeros(1)}, members=3, word_bits=32)
    with pytest.raises(errors.ContributionRefused, match="block b"):
        quantise.decode((block,), np.zeros(8, "<u4"), members=3, word_bits=32)


def test_blocks_of_one_name_are_refused() -> None:
    """Two blocks of one name cannot be told apart."""
    with pytest.raises(errors.ContributionRefused, match="one name"):
        quantise.encode((COUNTS, COUNTS), {"counts": np.zeros(3)}, members=3, word_bits=32)


def test_sums_of_another_shape_are_refused() -> None:
    """A ring sum of another length or type than the blocks need is refused."""
    for ring_sum in (np.zeros(9, "<u4"), np.zeros(8, "<u8"), np.zeros((8, 1), "<u4")):
        with pytest.raises(errors.AggregationRefused) as caught:
            quantise.decode((COUNTS,), ring_sum, members=3, word_bits=32)
        assert caught.value.reason == "sum-wrong-shape"
