"""Which of a site's rows are held out for evaluation: decided once, at the site, from a seed.

Called by the node before a run's first round (the same seed gives the same split after a restart) and by the pooled
comparison of a demo. Rows have an order in a file but none in a cluster: there ``by_content`` decides on each row by itself,
and whole units are drawn by ``held_out_keys``, as here. Where several rows belong to one unit (a person, a mother, a field),
whole units are held out: otherwise a model is judged by rows whose twins it was trained on. Masks come in blocks, so that a
table need not fit into memory. It leaves out where the seed comes from.
"""

import collections
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

HELD_OUT_SHARE = 0.3
BLOCK_ROWS = 2**16
"""Rows that are dealt out together: a table of fewer is split exactly by one permutation per class."""

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]


def by_rows(labels: npt.NDArray[np.float64] | None, rows: int, *, seed: int, share: float = HELD_OUT_SHARE) -> Mask:
    """Return bool[rows], True where a row is held out; stratified by ``labels`` (class index per row) if given.

    Of each class ``share`` of the rows, rounded, but never all of them.
    """
    return whole(masks_by_rows(labels, rows, seed=seed, share=share))


def by_groups(groups: Sequence[str], *, seed: int, share: float = HELD_OUT_SHARE) -> Mask:
    """Return bool[rows], True where a row is held out; rows of one group are always on the same side.

    ``share`` of the groups, rounded, but never all of them: a site with a single group holds nothing out.
    """
    numbers = {name: number for number, name in enumerate(sorted(set(groups)))}
    keys = np.array([numbers[group] for group in groups], dtype=np.uint64)
    return whole(masks_by_keys(keys, seed=seed, share=share))


def masks_by_rows(
    labels: npt.NDArray[np.float64] | None, rows: int, *, seed: int, share: float = HELD_OUT_SHARE
) -> Iterator[Mask]:
    """Yield ``by_rows`` in blocks; each block gets of each class what makes the count right up to its end."""
    rng = np.random.default_rng(seed)
    met: collections.Counter[float] = collections.Counter()
    for start in range(0, rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, rows - start)
        strata = np.zeros(size) if labels is None else np.asarray(labels[start : start + size])
        held_out = np.zeros(size, dtype=np.bool_)
        for label in np.unique(strata).tolist():
            members = rng.permutation(np.flatnonzero(strata == label))
            before = met[label]
            met[label] += len(members)
            held_out[members[: _count(met[label], share) - _count(before, share)]] = True
        yield held_out


def masks_by_keys(keys: Keys, *, seed: int, share: float = HELD_OUT_SHARE) -> Iterator[Mask]:
    """Yield ``by_groups`` in blocks, for uint64[rows] that is equal within a group; keeps the different keys only."""
    names = np.empty(0, dtype=np.uint64)
    for start in range(0, len(keys), BLOCK_ROWS):
        names = np.union1d(names, np.asarray(keys[start : start + BLOCK_ROWS]))
    chosen = held_out_keys(names, seed=seed, share=share)
    for start in range(0, len(keys), BLOCK_ROWS):
        yield np.isin(np.asarray(keys[start : start + BLOCK_ROWS]), chosen)


def whole(masks: Iterable[Mask]) -> Mask:
    """Return blocks of a mask as one."""
    return np.concatenate([np.zeros(0, dtype=np.bool_), *masks])


def held_out_keys(names: Keys, *, seed: int, share: float = HELD_OUT_SHARE) -> Keys:
    """Return which of the different keys of a table, ascending, are held out."""
    order = np.random.default_rng(seed).permutation(len(names))
    return names[order[: _count(len(names), share)]]


def by_content(numbers: npt.NDArray[np.float64], *, seed: int, share: float = HELD_OUT_SHARE) -> Mask:
    """Return bool[rows], True for about ``share`` of the rows: those whose keyed hash is small.

    A row is decided by its numbers and the seed alone, so every order and every cut into batches gives the same split, and
    equal rows are on one side. It is not stratified, and a table of few rows may hold out none: for large tables.
    """
    return row_hashes(numbers, seed=seed) < np.uint64(min(round(share * 2.0**64), 2**64 - 1))


def row_hashes(numbers: npt.NDArray[np.float64], *, seed: int) -> npt.NDArray[np.uint64]:
    """Return uint64[rows] from float64[rows, width]: equal rows (0.0 and -0.0, all gaps) have equal hashes.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014) over the values' bits, one column after the other. It mixes
    well and is not meant to withstand somebody who chooses rows.
    """
    hashes = np.full(len(numbers), seed, dtype=np.uint64)
    for column in numbers.T:
        bits = np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64)
        hashes = _mixed(hashes + _GOLDEN ^ _mixed(bits + _GOLDEN))
    return hashes


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _count(members: int, share: float) -> int:
    """Return how many of ``members`` are held out."""
    return max(min(round(share * members), members - 1), 0)
