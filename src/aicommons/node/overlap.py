"""The release rule across runs: may a set be released beside the sets that were released before?

Sums are linear. From the sums of two sets that differ in a few participants, everybody who reads both learns the few's
own numbers nearly exactly, and several sets can be combined to the same end; so such a set is refused (secure-aggregation
section 1, "Across runs"). Sets count if they were on the same problem, or if this site brought the same dataset to them,
whatever the problem: round 0 sums the same columns in both. ``disclosures`` asks for the node and for ``run confirm``.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from aicommons.domain import ids
from aicommons.node import journal

MOST_COMBINED = 2
"""Sites that no combination of several sets may single out; for two sets the rule is the stricter one of ``nearest``."""
PRIME = 2**61 - 1
"""Ranks are computed modulo it: exact arithmetic, and entries of such small matrices do not vanish in it by chance."""


@dataclasses.dataclass(frozen=True, slots=True)
class Overlap:
    """An earlier set that another one comes too near to."""

    run_id: ids.RunId
    """The run that released it."""
    apart: tuple[int, ...]
    """Members whose own sum follows: of one of the two sets and not of the other, ascending."""
    is_combined: bool = False
    """Whether it takes several earlier sets; the run is then the newest of them."""


def find(
    kept: journal.Journal,
    run_id: ids.RunId,
    pin: journal.Pin,
    *,
    members: Sequence[int],
    faults: int,
    beside: Sequence[Sequence[int]] = (),
) -> Overlap | None:
    """Return a set of another run that ``members`` must not be released beside.

    ``None`` when there is none or the operator accepted it. Equal sets are no conflict: nobody is in their difference.

    Args:
        kept: this node's journal.
        run_id: the run that asks; its own sets are bound by its own rule.
        pin: what its operator confirmed, or is about to.
        members: the set that may be released now.
        faults: colluding participants tolerated, t.
        beside: other cells of the same round, whose sums are released with that of ``members``.
    """
    if pin.may_overlap:
        return None
    return near(kept, run_id, pin, members=members, faults=faults, beside=beside)


def near(
    kept: journal.Journal,
    run_id: ids.RunId,
    pin: journal.Pin,
    *,
    members: Sequence[int],
    faults: int,
    beside: Sequence[Sequence[int]] = (),
) -> Overlap | None:
    """Return what ``find`` does, also where the operator accepted it."""
    earlier = [
        each for each in kept.released(pin.problem, *(each.dataset_id for each in pin.parts)) if each.run_id != run_id
    ]
    same = [journal.Released(run_id, tuple(each)) for each in beside] if earlier else []
    return nearest(members, faults, earlier) or combined(members, [*same, *earlier])


def nearest(members: Sequence[int], faults: int, earlier: Sequence[journal.Released]) -> Overlap | None:
    """Return the set of ``earlier`` that differs from ``members`` in the fewest, if in fewer than ``faults`` + 2."""
    found = [Overlap(each.run_id, tuple(sorted({*members} ^ {*each.members}))) for each in earlier]
    close = [each for each in found if 0 < len(each.apart) < faults + 2]
    return min(close, key=lambda each: len(each.apart), default=None)


def combined(members: Sequence[int], earlier: Sequence[journal.Released]) -> Overlap | None:
    """Return the one or two sites whose sum follows from ``members`` and several earlier sets, and did not before.

    A group's sum follows if a vector on just these sites lies in the span of the sets. With H a basis of all vectors
    orthogonal to the span, that is so exactly if the group's columns of H are linearly dependent.
    """
    everybody = sorted({*members}.union(*(each.members for each in earlier)))
    before = _singled_out(everybody, [each.members for each in earlier])
    after = _singled_out(everybody, [*(each.members for each in earlier), members])
    new = sorted(after - before, key=lambda group: (len(group), group))
    return Overlap(earlier[-1].run_id, new[0], is_combined=True) if new and earlier else None


def _singled_out(everybody: Sequence[int], sets: Iterable[Iterable[int]]) -> set[tuple[int, ...]]:
    """Return the sites, and pairs of others, whose sum follows from the sums of ``sets``."""
    reduced = _reduced([[int(member in each) for member in everybody] for each in map(frozenset, sets)])
    pivots = [next(place for place, value in enumerate(row) if value) for row in reduced]
    free = [place for place in range(len(everybody)) if place not in set(pivots)]
    columns = {place: [-row[at] % PRIME for at in free] for place, row in zip(pivots, reduced, strict=True)}
    columns |= {place: [int(at == place) for at in free] for place in free}
    alone = {(everybody[place],) for place, column in columns.items() if not any(column)}
    lines: dict[tuple[int, ...], list[int]] = {}
    for place, column in columns.items():
        if any(column):
            inverse = pow(next(value for value in column if value), -1, PRIME)
            lines.setdefault(tuple(value * inverse % PRIME for value in column), []).append(everybody[place])
    pairs = {pair for parallel in lines.values() for pair in itertools.combinations(sorted(parallel), MOST_COMBINED)}
    return alone | pairs


def _reduced(rows: list[list[int]]) -> list[list[int]]:
    """Return the reduced row echelon form modulo ``PRIME``, without zero rows."""
    done: list[list[int]] = []
    for row in rows:
        left = row
        for other in done:
            place = next(at for at, value in enumerate(other) if value)
            left = _minus(left, other, left[place])
        if not any(left):
            continue
        inverse = pow(next(value for value in left if value), -1, PRIME)
        left = [value * inverse % PRIME for value in left]
        place = left.index(1)
        done = [_minus(other, left, other[place]) for other in done]
        done.append(left)
    return done


def _minus(row: Sequence[int], other: Sequence[int], times: int) -> list[int]:
    return [(value - times * taken) % PRIME for value, taken in zip(row, other, strict=True)]
