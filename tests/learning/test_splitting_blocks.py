"""Splits in blocks: the same shares as in one piece, whole units on one side, and no memory of the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.learning import splitting

MANY = 3 * splitting.BLOCK_ROWS + 17


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.99])
def test_shares_are_exact_over_many_blocks(share: float) -> None:
    """Of each class the share of the rows, rounded, is held out, although no block sees the whole."""
    labels = (np.arange(MANY) % 3).astype(np.float64)
    masks = list(splitting.masks_by_rows(labels, MANY, seed=4, share=share))
    held_out = splitting.whole(masks)
    assert [len(mask) for mask in masks] == [splitting.BLOCK_ROWS] * 3 + [17]
    for label in range(3):
        count = int((labels == label).sum())
        assert held_out[labels == label].sum() == min(round(share * count), count - 1)


def test_a_small_table_is_split_as_in_one_piece() -> None:
    """Up to a block the masks are those of one permutation per class."""
    labels = np.array([0.0, 1.0] * 50)
    rng = np.random.default_rng(9)
    expected = np.zeros(100, dtype=np.bool_)
    for label in (0.0, 1.0):
        expected[rng.permutation(np.flatnonzero(labels == label))[:15]] = True
    assert np.array_equal(splitting.by_rows(labels, 100, seed=9), expected)


@given(groups=st.lists(st.integers(0, 2**63), max_size=30), seed=st.integers(0, 5))
def test_keys_are_split_as_groups_are(groups: list[int], seed: int) -> None:
    """Numbers stand for groups: whole ones are held out, the share of them rounded, never all."""
    keys = np.array(groups, dtype=np.uint64)
    held_out = splitting.whole(splitting.masks_by_keys(keys, seed=seed))
    names = set(groups)
    out = {group for group, held in zip(groups, held_out, strict=True) if held}
    assert len(out) == max(min(round(0.3 * len(names)), len(names) - 1), 0)
    assert all(held == (group in out) for group, held in zip(groups, held_out, strict=True))


def test_keys_over_many_blocks_stay_together() -> None:
    """A unit whose rows lie far apart is on one side."""
    keys = (np.arange(MANY) % 1000).astype(np.uint64)
    held_out = splitting.whole(splitting.masks_by_keys(keys, seed=1))
    assert all(held_out[keys == key].all() or not held_out[keys == key].any() for key in range(0, 1000, 97))
    assert len(set(keys[held_out].tolist())) == 300


@pytest.mark.parametrize("different", [1, 3, 1000, 10**6, 2**63])
def test_many_keys_are_split_as_by_looking_at_all_of_them(different: int) -> None:
    """However many keys there are and however they are scattered, the split is that of one list of all different keys.

    The list and the draw are written here once more: a held-out row may never become a training row in a later version.
    """
    rows = splitting.KEY_ROWS + splitting.KEY_ROWS // 4
    keys = np.random.default_rng(3).integers(0, different, rows, dtype=np.uint64)
    names = np.unique(keys)
    order = np.random.default_rng(6).permutation(len(names))
    chosen = names[order[: max(min(round(0.3 * len(names)), len(names) - 1), 0)]]
    assert np.array_equal(splitting.distinct(keys), names)
    assert np.array_equal(splitting.whole(splitting.masks_by_keys(keys, seed=6)), np.isin(keys, chosen))
