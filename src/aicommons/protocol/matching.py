"""Which datasets fit a problem, and why the others do not: a pure comparison of what was asked and what was declared.

Called by the catalogue in both directions (a problem lists datasets, a dataset lists problems) and by the inbox, which
tells both. It compares declarations only: no table is opened, and what a card does not say counts as a misfit. A
different column name is one too, because only the owner knows which of its columns is meant; a mapping mends it.
"""

import dataclasses
import enum
from collections.abc import Iterator

from aicommons.domain import documents, schema


class Misfit(enum.Enum):
    """Why a dataset does not fit."""

    NEEDS_UNKNOWN = "needs-unknown"
    """The problem does not say which data it needs, or for which purpose."""
    NOT_LISTED = "not-listed"
    """The dataset is suspended, retired, or its holder is not active."""
    COLUMNS_UNKNOWN = "columns-unknown"
    """The card declares no columns."""
    COLUMN_MISSING = "column-missing"
    """No column of this name."""
    COLUMN_KIND = "column-kind"
    """A number where a category is needed, or the other way round."""
    VALUES_OUTSIDE = "values-outside"
    """The card allows values that the problem does not."""
    COHORT_TOO_SMALL = "cohort-too-small"
    """Too few rows for the problem or for the owner's own rule."""
    COUNTRY = "country"
    """From another country than the problem asks for."""
    PURPOSE = "purpose"
    """The owner's policy does not permit this purpose."""
    TERMS = "terms"
    """The owner's policy does not permit this solver, gain or price."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """One thing that does not fit; in words only what both sides have published."""

    misfit: Misfit
    """What kind of thing."""
    which: str
    """The column, or the part of the card or policy."""
    needed: str
    """What the problem asks for."""
    offered: str
    """What the dataset declares."""


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """A dataset as its card and the ledger describe it."""

    is_listed: bool
    """Whether it can be used at all now."""
    columns: schema.Schema | None
    """Declared columns; ``None`` when the card declares none."""
    rows: int
    """Rows, rounded down."""
    minimum_cohort: int
    """Fewest rows that its owner lets take part."""
    countries: tuple[str, ...] = ()
    """Where it was collected; empty when the card does not say."""


def misfits(problem: documents.Problem, offer: Offer) -> tuple[Reason, ...]:
    """Return everything about columns, rows and place that does not fit; nothing when the dataset serves.

    What a policy permits is judged by ``rules``, whose denials the caller puts beside these reasons.
    """
    needs = problem.needs
    if needs is None or problem.purpose is None:
        return (Reason(Misfit.NEEDS_UNKNOWN, "problem", "the data needed and its purpose", "neither"),)
    return tuple(_misfits(needs, offer))


def _misfits(needs: documents.Needs, offer: Offer) -> Iterator[Reason]:
    if not offer.is_listed:
        yield Reason(Misfit.NOT_LISTED, "dataset", "listed", "not listed now")
    if offer.columns is None:
        yield Reason(Misfit.COLUMNS_UNKNOWN, "card", "declared columns", "none")
    else:
        yield from _columns(needs.read(), offer.columns)
    fewest = max(needs.minimum_cohort, offer.minimum_cohort)
    if offer.rows < fewest:
        yield Reason(Misfit.COHORT_TOO_SMALL, "rows", f"at least {fewest}", f"about {offer.rows}")
    if needs.countries and not set(offer.countries) <= set(needs.countries):
        yield Reason(Misfit.COUNTRY, "countries", _listed(needs.countries), _listed(offer.countries))
    elif needs.countries and not offer.countries:
        yield Reason(Misfit.COUNTRY, "countries", _listed(needs.countries), "not said")


Column = schema.Feature | schema.Target


def _all(columns: schema.Schema) -> tuple[Column, ...]:
    return (*columns.features, columns.target)


def _columns(needed: schema.Schema, offered: schema.Schema) -> Iterator[Reason]:
    declared = {each.name: each for each in _all(offered)}
    for column in _all(needed):
        found = declared.get(column.name)
        if found is None:
            yield Reason(Misfit.COLUMN_MISSING, column.name, _values(column), "no column of this name")
        elif (column.labels is None) != (found.labels is None):
            yield Reason(Misfit.COLUMN_KIND, column.name, _values(column), _values(found))
        elif _is_outside(column, found):
            yield Reason(Misfit.VALUES_OUTSIDE, column.name, _values(column), _values(found))


def _is_outside(needed: Column, offered: Column) -> bool:
    """Return whether ``offered`` allows a value that ``needed`` does not: such a row would be refused in a run."""
    if needed.labels is not None and offered.labels is not None:
        return not set(offered.labels) <= set(needed.labels)
    if needed.lo is None or needed.hi is None or offered.lo is None or offered.hi is None:
        return True  # no number has half a range
    return not needed.lo <= offered.lo <= offered.hi <= needed.hi


def _values(column: Column) -> str:
    if column.labels is not None:
        return _listed(column.labels)
    return f"{column.lo:g} to {column.hi:g}"


def _listed(texts: tuple[str, ...]) -> str:
    shown = ", ".join(texts[:8])
    return shown + (f" and {len(texts) - 8} more" if len(texts) > 8 else "") or "none"
