"""Held-out rows: deterministic, stratified or by whole units, never everything."""

from collections.abc import Callable

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from aicommons.learning import splitting


@hypothesis.given(strategies.lists(strategies.integers(0, 3), min_size=1, max_size=60), strategies.integers(0, 99))
def test_each_class_holds_out_thirty_percent(labels: list[int], seed: int) -> None:
    """Of every class 30 % of its rows, rounded, never all; the same seed gives the same rows."""
    target = np.array(labels, dtype=np.float64)
    held_out = splitting.by_rows(target, len(labels), seed=seed)
    assert np.array_equal(held_out, splitting.by_rows(target, len(labels), seed=seed))
    for label in set(labels):
        count = labels.count(label)
        assert held_out[target == label].sum() == min(round(0.3 * count), count - 1)


@hypothesis.given(strategies.lists(strategies.sampled_from("abcdefgh"), min_size=1, max_size=60))
def test_units_are_never_split(groups: list[str]) -> None:
    """Rows of one unit are all held out or all trained on, and some unit is left to train on."""
    held_out = splitting.by_groups(groups, seed=5)
    chosen = {group for group, is_out in zip(groups, held_out, strict=True) if is_out}
    assert chosen.isdisjoint({group for group, is_out in zip(groups, held_out, strict=True) if not is_out})
    units = len(set(groups))
    assert len(chosen) == min(round(0.3 * units), units - 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda s: splitting.by_rows(None, 100, seed=s),
        lambda s: splitting.by_groups([str(i) for i in range(100)], seed=s),
    ],
)
def test_other_seeds_hold_out_other_rows(make: Callable[[int], splitting.Mask]) -> None:
    """The split depends on the seed, so that five seeds are five splits."""
    assert len({make(seed).tobytes() for seed in range(5)}) == 5
    assert make(0).sum() == 30


def test_something_is_always_left_to_train_on() -> None:
    """Even a share of everything leaves one row per class, or one unit."""
    assert splitting.by_rows(np.array([0.0, 0.0, 1.0]), 3, seed=0, share=1.0).sum() == 1
    assert splitting.by_groups(["a", "b", "b"], seed=0, share=1.0).sum() < 3


def test_no_rows_have_no_split() -> None:
    """An empty table is split into two empty ones."""
    assert splitting.by_rows(None, 0, seed=0).shape == (0,)
    assert splitting.by_groups([], seed=0).shape == (0,)
