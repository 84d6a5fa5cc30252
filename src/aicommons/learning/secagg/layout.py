"""Layouts: which members hold the mask seeds of which column, and how many signatures make a certificate.

Nodes, contracts and verifiers derive the same layout from the roster; it decides how many faults a run tolerates
(secure-aggregation section 4). The random grid of open networks is left out.
"""

import dataclasses
import itertools
from collections.abc import Collection, Sequence

from aicommons.domain import errors, run
from aicommons.learning.secagg import hashing

SUBSETS = 1
"""Every subset of f + 1 members is a column: an honest holder in each, N = 3 .. 7."""
PAIRS = 2
"""Disjoint pairs, a spare member in the last: N = 8 .. 48, or 6 and 7 for long vectors."""
PAIRS_BELOW_EIGHT_WORDS = 1_000_000
"""Six or seven members may use pairs only for vectors of more words than this."""

_MAX_SUBSET_MEMBERS = 7
_MIN_PAIR_MEMBERS = 6
_MIN_DEFAULT_PAIR_MEMBERS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a committee."""

    number: int
    """`SUBSETS` or `PAIRS`."""
    members: int
    """Roster size N."""
    columns: tuple[tuple[int, ...], ...]
    """Per column the indexes of its holders in the roster, ascending."""
    faults: int
    """f: malicious members plus members absent for good that a run tolerates."""
    quorum: int
    """q: equal Commits that make a certificate."""
    held: tuple[tuple[int, ...], ...] = dataclasses.field(init=False, repr=False, compare=False)
    """Per roster position the columns of that member, ascending; derived from `columns`."""

    def __post_init__(self) -> None:
        """Derive `held` once: every header that is parsed asks for it."""
        held = tuple(
            tuple(column for column, holders in enumerate(self.columns) if index in holders)
            for index in range(self.members)
        )
        object.__setattr__(self, "held", held)

    def columns_of(self, index: int) -> tuple[int, ...]:
        """Return the columns that the member at roster position ``index`` holds, ascending."""
        return self.held[index]

    def is_certified_by(self, indexes: Collection[int]) -> bool:
        """Return whether equal Commits of the members at ``indexes`` are enough to reveal: q, one in each column."""
        present = {index for index in indexes if 0 <= index < self.members}
        return len(present) >= self.quorum and all(not present.isdisjoint(holders) for holders in self.columns)


def default_number(members: int) -> int:
    """Return the layout number a roster of ``members`` uses unless its run says otherwise."""
    return SUBSETS if members <= _MAX_SUBSET_MEMBERS else PAIRS


def make_layout(member_ids: Sequence[int], committee: bytes, number: int) -> Layout:
    """Return the layout of a roster (secure-aggregation section 4).

    Args:
        member_ids: roster in ascending order.
        committee: 32-byte committee digest; orders the members of `PAIRS`. It itself binds the layout number.
        number: `SUBSETS` or `PAIRS`.

    Raises:
        errors.AggregationRefused: ``layout-not-allowed``: no such layout for a roster of this size.
    """
    members = len(member_ids)
    if number == SUBSETS and run.FEWEST_PARTICIPANTS <= members <= _MAX_SUBSET_MEMBERS:
        faults = (members - 1) // 2
        columns = tuple(itertools.combinations(range(members), faults + 1))
    elif number == PAIRS and _MIN_PAIR_MEMBERS <= members <= run.MOST_PARTICIPANTS:
        faults = members // 2 - 1
        columns = _pairs(member_ids, committee)
    else:
        raise errors.AggregationRefused(
            f"expected layout 1 for 3 to 7 members or 2 for 6 to 48, got layout {number} for {members}",
            reason="layout-not-allowed",
        )
    return Layout(number, members, columns, faults, (members + faults) // 2 + 1)


def is_allowed(layout: Layout, words: int) -> bool:
    """Return whether vectors of ``words`` words may use ``layout``: small rosters use pairs only for long vectors."""
    if layout.number == SUBSETS or layout.members >= _MIN_DEFAULT_PAIR_MEMBERS:
        return True
    return words > PAIRS_BELOW_EIGHT_WORDS


def _pairs(member_ids: Sequence[int], committee: bytes) -> tuple[tuple[int, ...], ...]:
    order = sorted(
        range(len(member_ids)),
        key=lambda index: hashing.tagged("aic/order", committee, hashing.member_bytes(member_ids[index])),
    )
    columns = [order[start : start + 2] for start in range(0, len(order) - 1, 2)]
    columns[-1].extend(order[2 * len(columns) :])
    return tuple(tuple(sorted(column)) for column in columns)
