"""A card that a person has confirmed, held against its table before anything is published.

Called by ``dataset publish`` and ``dataset release``. Three things stop here, each with its way out: columns that look like
identifiers, rows that do not fit the card, and too few rows. What a person sets aside is written into the card with the
reason. Nothing is sent from this file.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aicommons.cli import output
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.data import batches, checking, identifiers
    from aicommons.domain import cards

ROUNDED = 10
"""Counts on a card are multiples of it."""
SHOWN = 12
"""Lines of one kind that a refusal has at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reasons:
    """What a person sets aside, and why."""

    identifiers: Mapping[str, str]
    """Column -> reason why it may be published although it looks like an identifier."""
    faults: str | None = None
    """Reason why the table may be published with rows that do not fit."""


def parse_reasons(said: Sequence[str], faults: str | None) -> Reasons:
    """Return what ``--keep COLUMN=REASON`` and ``--accept-faults REASON`` say.

    Raises:
        errors.InputError: no column or no reason.
    """
    found: dict[str, str] = {}
    for each in said:
        column, _, reason = each.partition("=")
        if not column.strip() or not reason.strip():
            raise errors.InputError("a reason is missing", which="--keep", expected="COLUMN=REASON", got=each[:60])
        found[column.strip()] = reason.strip()
    if faults is not None and not faults.strip():
        raise errors.InputError("a reason is missing", which="--accept-faults", expected="a sentence")
    return Reasons(found, faults)


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What a person says about rows besides the card."""

    unique: str | None = None
    """Column of identifiers, none of which may stand there twice."""
    most_broken: float = 0.0
    """Largest share of rows, 0 to 1, that are left out because a cell does not fit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A card that may be published."""

    card: "cards.DatasetCard"
    """With the row count of the table, known faults, and what was set aside."""
    notices: tuple[str, ...]
    """What its owner should know, without values."""


def check(source: "batches.Opened", card: "cards.DatasetCard", reasons: Reasons, rules: Rules | None = None) -> Judged:
    """Return ``card`` as it may be published of the table.

    Raises:
        errors.TableError: identifiers or faults that nobody set aside, too few rows, or a table that cannot be read.
        errors.InputError: a reason for a column that nothing was found in.
    """
    from aicommons.data import checking

    rules = rules or Rules()
    judged = check_identifiers(source, card, reasons)
    found = checking.check(source, judged.fields, unique=rules.unique)
    rows, faults, notices = found.rows, found.faults, found.notices
    left_out, seen = found.unfit + found.broken, found.rows + found.broken
    if 0 < left_out <= rules.most_broken * seen:
        rows, faults = found.rows - found.unfit, found.faults_of_the_whole
        notices += (f"{source.name}: {left_out} of {seen} rows do not fit the card and are left out.",)
    if rows < judged.minimum_cohort:
        raise errors.TableError(
            "fewer rows than the minimum cohort",
            which=source.name,
            expected=f"at least {judged.minimum_cohort} rows",
            got=f"{rows} rows",
            next_step="This dataset could take part in nothing; add rows or lower the card's minimum_cohort.",
        )
    judged = dataclasses.replace(judged, rows=rows // ROUNDED * ROUNDED)
    if faults and reasons.faults is None:
        raise _unfit(source, faults, f"{left_out} of {seen} rows", rules)
    return Judged(_with_faults(judged, faults, reasons.faults) if faults and reasons.faults else judged, notices)


def check_identifiers(
    source: "batches.Opened",
    card: "cards.DatasetCard",
    reasons: Reasons,
    *,
    own: Mapping[str, str] | None = None,
) -> "cards.DatasetCard":
    """Return ``card`` with the reasons for columns that look like identifiers; keys, which stay at the site, are exempt.

    Args:
        source: the table.
        card: what is to be published of it.
        reasons: what a person sets aside.
        own: column of the card -> its name in the source, where a mapping stands between them.

    Raises:
        errors.TableError: a column looks like an identifier and nobody set that aside.
        errors.InputError: a reason for a column that nothing was found in.
    """
    from aicommons.data import identifiers
    from aicommons.domain import cards

    names = [field.name for field in card.fields if field.name not in card.keys]
    found = identifiers.find(source, [(own or {}).get(name, name) for name in names])
    stopping = [finding for finding in found if finding.column not in reasons.identifiers]
    if stopping:
        raise _identifying(source, stopping)
    columns = {finding.column for finding in found}
    if needless := sorted(set(reasons.identifiers) - columns):
        raise errors.InputError(
            "nothing has to be set aside for this column", which=f"--keep {needless[0]}", expected=", ".join(columns)
        )
    kept = [cards.Override("identifiers", each.column, reasons.identifiers[each.column]) for each in found]
    unique = {override.field: override for override in kept}
    return dataclasses.replace(card, overrides=(*card.overrides, *unique.values()))


def _identifying(source: "batches.Opened", found: "Sequence[identifiers.Finding]") -> errors.TableError:
    return errors.TableError(
        "columns look like direct identifiers",
        which=source.name,
        expected="no direct identifiers among the published columns",
        got=output.listed([finding.in_words() for finding in found[:SHOWN]]),
        next_step=(
            f"Take the column out of the card, or give it the role `key` there; or say why it is none: "
            f"--keep '{found[0].column}=REASON'. The reason becomes part of the card."
        ),
    )


def _unfit(source: "batches.Opened", faults: "Sequence[checking.Fault]", share: str, rules: Rules) -> errors.TableError:
    """Return the error for rows that do not fit, each kind of fault on a line of its own."""
    lines = [fault.in_words() for fault in faults[:SHOWN]]
    if len(faults) > SHOWN:
        lines.append(f"{len(faults) - SHOWN} more kinds of faults")
    limit = f"; at most {rules.most_broken:.0%} of the rows may be left out" if rules.most_broken > 0 else ""
    return errors.TableError(
        "rows do not fit the card",
        which=source.name,
        expected=f"what the card declares{limit}",
        got=f"{share} that differ:" + output.listed(lines),
        next_step=(
            "Correct the rows, widen the card where it is wrong, leave a share of them out (--skip-broken PERCENT), or say why "
            "they may stay: --accept-faults REASON. The reason and rounded counts become part of the card."
        ),
    )


def _with_faults(card: "cards.DatasetCard", faults: "Sequence[checking.Fault]", reason: str) -> "cards.DatasetCard":
    from aicommons.domain import cards

    counts = tuple(
        cards.QualityCount(fault.kind, fault.field, math.ceil(fault.rows / ROUNDED) * ROUNDED)
        for fault in faults
        if fault.rows >= card.minimum_cohort
    )
    override = cards.Override("faults", None, reason)
    return dataclasses.replace(card, quality=counts, overrides=(*card.overrides, override))
