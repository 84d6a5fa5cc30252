"""Which of a site's rows are held out for evaluation: decided once, at the site, from a seed.

Called by the node before a run's first round (the same seed gives the same split after a restart) and by the pooled
comparison of a demo. Where several rows belong to one unit (a person, a mother, a field), whole units are held out:
otherwise a model is judged by rows whose twins it was trained on. It leaves out where the seed comes from.
"""

from collections.abc import Sequence

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
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    chosen = {names[index] for index in order[: _count(len(names), share)]}
    return np.array([group in chosen for group in groups], dtype=np.bool_)


def _count(members: int, share: float) -> int:
    """Return how many of ``members`` are held out."""
    return min(round(share * members), members - 1)
