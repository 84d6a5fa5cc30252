"""Datasets as the ledger lists them, and their cards from the store; called by every noun that is about a dataset."""

from typing import TYPE_CHECKING

from aicommons.cli import homes
from aicommons.domain import errors
from aicommons.owner import published

if TYPE_CHECKING:
    from aicommons.domain import cards
    from aicommons.protocol import registry
    from aicommons.protocol import view as views


def find(view: "views.LedgerView", dataset_id: int) -> "registry.DatasetView":
    """Return a dataset's entry on the ledger.

    Raises:
        errors.InputError: there is none.
    """
    if dataset_id not in view.datasets:
        raise errors.InputError(
            "no such dataset", which=f"dataset {dataset_id}", next_step="see `commons dataset list`"
        )
    return view.datasets[dataset_id]


def find_card(opened: homes.Opened, entry: "registry.DatasetView") -> "cards.DatasetCard | None":
    """Return a dataset's card, ``None`` when the store does not give it now or it is no card."""
    from aicommons.domain import cards

    return published.find(opened.store, cards.DatasetCard, entry.card)


def read_card(opened: homes.Opened, entry: "registry.DatasetView") -> "cards.DatasetCard":
    """Return a dataset's card; raises like ``published.read``."""
    from aicommons.domain import cards

    return published.read(opened.store, cards.DatasetCard, entry.card)
