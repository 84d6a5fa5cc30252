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

from aicommons.learning import pages

HELD_OUT_SHARE = 0.3
BLOCK_ROWS = 2**16
"""Rows that are dealt out together: a table of fewer is split exactly by one permutation per class."""
KEY_ROWS = 2**20
"""Keys that are looked at together, 8 MB: the split does not depend on it."""

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
    for strata in pages.parts(np.broadcast_to(0.0, (rows,)) if labels is None else labels[:rows], BLOCK_ROWS):
        held_out = np.zeros(len(strata), dtype=np.bool_)
        for label in np.unique(strata).tolist():
            members = rng.permutation(np.flatnonzero(strata == label))
            before = met[label]
            met[label] += len(members)
            held_out[members[: _count(met[label], share) - _count(before, share)]] = True
        yield held_out


def masks_by_keys(keys: Keys, *, seed: int, share: float = HELD_OUT_SHARE) -> Iterator[Mask]:
    """Yield ``by_groups`` in blocks, for uint64[rows] that is equal within a group; keeps the different keys only."""
    chosen = np.sort(held_out_keys(distinct(keys), seed=seed, share=share))
    yield from (_is_among(part, chosen) for part in pages.parts(keys, KEY_ROWS))


def distinct(keys: Keys) -> Keys:
    """Return the different ones of uint64[rows], ascending.

    Runs are merged only with runs of about their length, so that each key is moved a few times, however many there are.
    """
    runs: list[Keys] = [np.empty(0, dtype=np.uint64)]
    for part in pages.parts(keys, KEY_ROWS):
        runs.append(_once(np.sort(part)))
        while len(runs) > 1 and len(runs[-2]) <= 2 * len(runs[-1]):
            runs.append(_merged(runs.pop(), runs.pop()))
    while len(runs) > 1:
        runs.append(_merged(runs.pop(), runs.pop()))
    return runs[0]


def _merged(one: Keys, other: Keys) -> Keys:
    both = np.concatenate([one, other])
    both.sort()
    return _once(both)


def _once(ascending: Keys) -> Keys:
    is_first = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first]


def _is_among(keys: Keys, chosen: Keys) -> Mask:
    """Return bool[rows], True for keys that are in ``chosen``, which is ascending.

    Looked up in their own order: neighbours are found near each other, and not each in another part of the memory.
    """
    found = np.zeros(len(keys), dtype=np.bool_)
    if len(chosen):
        order = np.argsort(keys)
        ascending = keys[order]
        places = np.searchsorted(chosen, ascending)
        found[order] = chosen[np.minimum(places, len(chosen) - 1)] == ascending
    return found


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
