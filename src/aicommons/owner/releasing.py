"""Gives a table to everybody: its card onto the ledger first, then its bytes into the store.

In this order a ledger that refuses leaves nothing of the table outside; a store that refuses leaves a dataset that nobody can
download yet, and doing the same again puts the same bytes under the same dataset. Called by ``commons dataset release``
with bytes that were checked; whether they may go out is settled there.
"""

import dataclasses
import pathlib

from aicommons.domain import cards, errors, ids
from aicommons.owner import places, published
from aicommons.protocol import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Released:
    """An open table that anybody can have now."""

    dataset_id: int
    digest: ids.Digest
    was_listed: bool
    """Whether an earlier try had listed it, so that only its bytes were missing."""


def release(place: places.Place, file: pathlib.Path, data: bytes, card: cards.DatasetCard) -> Released:
    """List an open table and put it into the store.

    Args:
        place: of its owner.
        file: where the owner keeps it, remembered in the home.
        data: the very bytes that were checked.
        card: with ``open_table``, which names their digest.

    Raises:
        errors.InputError: the card is about other bytes.
        errors.LedgerRefused, errors.LedgerUnreachable: nothing of the table has left this home.
        errors.StoreRefused, errors.StoreUnreachable: it is listed and cannot be downloaded yet; do it again.
    """
    digest = ids.digest(data)
    if card.open_table is None or card.open_table.digest != digest:
        raise errors.InputError("the card is about another table", which=file.name, expected=ids.format_digest(digest))
    before = _listed(place, digest)
    dataset_id = place.desk.publish_dataset(card) if before is None else before
    if before is None:
        place.home.keep_dataset(dataset_id, file, card, how={"content": digest.hex()})
    try:
        place.store.put(data)
    except (errors.StoreUnreachable, errors.StoreRefused) as err:
        raise type(err)(
            f"the dataset is listed, but the store has not taken its table, which nobody can download yet: {err}",
            which=f"dataset {dataset_id}",
            next_step=f"run the same command again once the store takes it, or `commons dataset retire {dataset_id}`",
        ) from err
    return Released(dataset_id, digest, before is not None)


def _listed(place: places.Place, digest: ids.Digest) -> int | None:
    """Return this member's listed dataset of the same open table, ``None`` when there is none."""
    member = place.desk.member_id()
    for number, each in place.desk.view().datasets.items():
        if each.owner != member or each.state is not registry.DatasetState.LISTED:
            continue
        card = published.find(place.store, cards.DatasetCard, each.card)
        if card is not None and card.open_table is not None and card.open_table.digest == digest:
            return number
    return None
