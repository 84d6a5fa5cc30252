"""The release rule across runs: may a set be released beside the sets that were released before on the same problem?

Sums are linear. From the sums of two sets that differ in a few participants, everybody who reads both learns the few's
own numbers nearly exactly, so such a pair is refused (secure-aggregation section 1, "Across runs"). ``committing`` asks
before it signs, ``run confirm`` asks early so that the operator can decide. Budgets per dataset belong to record-level
differential privacy, which comes later.
"""

import dataclasses
from collections.abc import Sequence

from aicommons.domain import ids
from aicommons.node import journal


@dataclasses.dataclass(frozen=True, slots=True)
class Overlap:
    """An earlier set that another one comes too near to."""

    run_id: ids.RunId
    """The run that released it."""
    apart: tuple[int, ...]
    """Members of one of the two sets and not of the other, ascending."""


def find(
    kept: journal.Journal, run_id: ids.RunId, pin: journal.Pin, *, members: Sequence[int], faults: int
) -> Overlap | None:
    """Return the nearest set of another run on the same problem that ``members`` must not be released beside.

    ``None`` when there is none or the operator accepted it. Equal sets are no conflict: nobody is in their difference.

    Args:
        kept: this node's journal.
        run_id: the run that asks; its own sets are bound by its own rule.
        pin: what its operator confirmed, or is about to.
        members: the set that may be released now.
        faults: colluding participants tolerated, t.
    """
    if pin.may_overlap:
        return None
    return nearest(members, faults, [each for each in kept.released(pin.problem) if each.run_id != run_id])


def nearest(members: Sequence[int], faults: int, earlier: Sequence[journal.Released]) -> Overlap | None:
    """Return the set of ``earlier`` that differs from ``members`` in the fewest, if in fewer than ``faults`` + 2."""
    found = [Overlap(each.run_id, tuple(sorted({*members} ^ {*each.members}))) for each in earlier]
    near = [each for each in found if 0 < len(each.apart) < faults + 2]
    return min(near, key=lambda each: len(each.apart), default=None)
