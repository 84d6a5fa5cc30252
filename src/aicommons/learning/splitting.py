"""Which of a site's rows are held out for evaluation: decided once, at the site, from a seed.

Called by the node before a run's first round (the same seed gives the same split after a restart) and by the pooled
comparison of a demo. Rows have an order in a file but none in a cluster: there ``by_content`` decides on each row by itself,
and whole units are drawn by ``held_out_groups``, as here. Where several rows belong to one unit (a person, a mother, a field), whole units are held out:
otherwise a model is judged by rows whose twins it was trained on. It leaves out where the seed comes from.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

HELD_OUT_SHARE = 0.3

Mask = npt.NDArray[np.bool_]


def by_rows(labels: npt.NDArray[np.float64] | None, rows: int, *, seed: int, share: float = HELD_OUT_SHARE) -> Mask:
    """Return bool[rows], True where a row is held out; stratified by ``labels`` (class index per row) if given.

    Of each class ``share`` of the rows, rounded, but never all of them.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(rows, dtype=np.bool_)
    strata = np.zeros(rows) if labels is None else labels
    for label in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == label))
        held_out[members[: _count(len(members), share)]] = True
    return held_out


def by_groups(groups: Sequence[str], *, seed: int, share: float = HELD_OUT_SHARE) -> Mask:
    """Return bool[rows], True where a row is held out; rows of one group are always on the same side.

    ``share`` of the groups, rounded, but never all of them: a site with a single group holds nothing out.
    """
    chosen = held_out_groups(set(groups), seed=seed, share=share)
    return np.array([group in chosen for group in groups], dtype=np.bool_)


def held_out_groups(groups: Collection[str], *, seed: int, share: float = HELD_OUT_SHARE) -> frozenset[str]:
    """Return which of the different ``groups`` are held out, in whatever order they are given."""
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    return frozenset(names[index] for index in order[: _count(len(names), share)])


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
    return min(round(share * members), members - 1)
