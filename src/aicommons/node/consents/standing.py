"""What the ledger says of a dataset's register of people's consents: the part of a decision that is not the home's own.

Called by ``keeping`` for the node and by ``audit``. A ledger that shows no register cannot turn a home's filter off: then
every consent there counts as not posted, and nobody's rows are read.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from aicommons.domain import events
from aicommons.node.consents import register
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says."""

    posting: register.Posting
    """The newest posting."""
    block: int
    """Number of the block up to which the ledger was read."""
    time: int
    """Block time in seconds, or the clock's where that is later."""
    withdrawn: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Places of the consents that people took back without the steward, each with its block time in seconds."""
    guarded: frozenset[tuple[bytes, bytes]] = frozenset()
    """Attestations of guardianship that are live, each with its guardian's address."""


def standing_of(view: views.LedgerView, dataset: int, now: int) -> Standing | None:
    """Return what the ledger says of a dataset's register at a time, ``None`` when it shows none.

    Args:
        view: the ledger.
        dataset: dataset id.
        now: the clock, in seconds since 1970; block time counts where it is later.
    """
    shown = view.registers.get(dataset)
    if shown is None:
        return None
    time = max(view.time, now)
    posting = register.Posting(shown.root, shown.leaves, shown.status)
    withdrawn = taken_back(shown.withdrawn.values())
    return Standing(posting, view.block, time, withdrawn, guarded_at(view, time))


def taken_back(gone: Iterable[events.LeafWithdrawn]) -> dict[int, int]:
    """Return the places of consents that people took back on the ledger, each with when."""
    return {each.index: each.at.time for each in gone}


def guarded_at(view: views.LedgerView, now: int, block: int | None = None) -> frozenset[tuple[bytes, bytes]]:
    """Return the attestations of guardianship that are live, each with its guardian's address.

    Args:
        view: the ledger.
        now: block time in seconds.
        block: for an audit, the block up to which the ledger had been read at ``now``; what came later does not count.
    """
    return frozenset(
        (name, bytes(each.attested.guardian))
        for name, each in view.guardianships.items()
        if view.is_guarded(name, each.attested.guardian, now, block)
    )
