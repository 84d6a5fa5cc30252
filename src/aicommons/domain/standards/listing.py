"""What an exported card needs beyond itself: its name in the world, when it was listed, and mock records.

Filled in by ``commons dataset export`` from the ledger's entry, and handed to the formats beside this file.
"""

import calendar
import dataclasses
from collections.abc import Mapping

from aicommons.domain import cards

SPDX = "https://spdx.org/licenses/"


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """A card's place in the commons."""

    urn: str
    """Name of this version of the dataset, such as ``urn:aicommons:6174001:dataset:7:1``."""
    listed: str
    """Day on which this version was listed, YYYY-MM-DD."""
    mock: tuple[Mapping[str, object], ...] = ()
    """Mock records by column name, made from the declared schema alone."""


def name_of(card_digest: str) -> str:
    """Return the name of a card that is not listed yet."""
    return f"urn:sha-256:{card_digest}"


def licence_of(card: cards.DatasetCard) -> str:
    """Return a card's licence as an address where SPDX has one, else as it stands."""
    is_one = " " not in card.licence and not card.licence.startswith("LicenseRef-")
    return f"{SPDX}{card.licence}" if is_one else card.licence


def described(card: cards.DatasetCard) -> str:
    """Return a description that is never empty."""
    return card.description or card.title or "A dataset that stays at its owner."


def span(card: cards.DatasetCard) -> tuple[str, str] | None:
    """Return the first and last day of a card's records, ``None`` when it does not say."""
    if card.time_span is None:
        return None
    first, last = card.time_span.first, card.time_span.last
    year, _, rest = last.partition("-")
    month, _, day = rest.partition("-")
    end = day or calendar.monthrange(int(year), int(month or 12))[1]
    return f"{first}-01-01"[:10], f"{year}-{month or 12}-{end}"


def open_or_at_home(card: cards.DatasetCard) -> str:
    """Return in words how the data can be used."""
    if card.open_table is not None:
        return "Open: the table can be downloaded from the commons' store."
    return (
        f"The data stays at {card.site or 'its owner'}. Models are trained on it there, with its owner's consent, if at "
        f"least {card.minimum_cohort} rows take part."
    )


def limits(field: cards.Field) -> str:
    """Return a column's description with its unit and what is allowed."""
    parts = [field.description or field.name]
    if field.unit is not None:
        parts.append(f"unit: {field.unit}")
    if field.lo is not None and field.hi is not None:
        parts.append(f"from {field.lo:g} to {field.hi:g}")
    if field.levels is not None:
        parts.append(f"one of: {', '.join(field.levels)}")
    if field.missing_percent is not None:
        parts.append(f"missing in about {field.missing_percent} % of rows")
    return "; ".join(parts)
