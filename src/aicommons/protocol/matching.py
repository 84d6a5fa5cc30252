"""Which datasets fit a problem, and why the others do not: a pure comparison of what was asked and what was declared.

Called by the catalogue in both directions (a problem lists datasets, a dataset lists problems) and by the inbox, which
tells both. It compares declarations only: no table is opened, and what a card does not say counts as a misfit. A
different column name is one too, because only the owner knows which of its columns is meant; a mapping mends it. What
a policy asks of whoever will use the data (price, duties, licence) is no misfit of the problem but a condition.
"""

import dataclasses
import enum
from collections.abc import Collection, Iterator

from aicommons.domain import documents, encoding, ids, licences, policies, schema
from aicommons.protocol import registry, rules
from aicommons.protocol import view as views


class Misfit(enum.Enum):
    """Why a dataset does not fit."""

    NEEDS_UNKNOWN = "needs-unknown"
    """The problem does not say which data it needs, or for which purpose."""
    CLOSED = "closed"
    """No run may be opened on the problem any more."""
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
    """The owner's policy does not permit gain, has ended, or cannot be read: what nobody can read permits nothing."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What ledger and policy say about the use of a dataset."""

    listing: rules.Listing
    """What the ledger enforces."""
    owner: ids.MemberId
    """Who holds it."""
    is_named: bool
    """Whether the ledger names a policy; without one consents alone say what is permitted."""
    policy: policies.UsePolicy | None = None
    """The policy that it names; ``None`` when it cannot be read now."""
    has_body: bool = False
    """Whether a body gives its consents by vote."""
    banned: int | None = None
    """Bitmap of the purposes that the members banned; ``None`` = the vocabulary's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """One version of a dataset beside a problem."""

    problem_id: bytes
    """32 bytes."""
    dataset_id: int
    """Its number."""
    version: int
    """Of the dataset, counted from 1."""

    @property
    def text(self) -> str:
        """Name of the pair, one for each."""
        return f"{self.dataset_id}.{self.version}.{self.problem_id.hex()}"


def pairs(view: views.LedgerView, member: ids.MemberId, *, own: Collection[int], now: int) -> tuple[Pair, ...]:
    """Return what a member has to hear of if it fits: others' problems beside its data, others' data beside its problems.

    Args:
        view: the ledger's.
        member: whose home asks.
        own: datasets that are in that home.
        now: seconds since 1970; only problems are taken on which runs may still be opened, and datasets that are listed.
    """
    usable = [each for each in view.datasets.values() if is_usable(view, each)]
    ours = [each for each in usable if each.owner == member and each.dataset_id in own]
    theirs = [each for each in usable if each.owner != member]
    return tuple(
        Pair(problem_id, each.dataset_id, each.newest.version)
        for problem_id, stated in view.problems.items()
        if now < stated.deadline
        for each in (theirs if stated.owner == member else ours)
    )


def is_usable(view: views.LedgerView, dataset: registry.DatasetView) -> bool:
    """Return whether a dataset can be used at all now."""
    listing = rules.Listing.seen(dataset, view.members.get(dataset.owner))
    return listing.is_listed and listing.is_owner_active


def misfits(problem: documents.Problem, offer: Offer) -> tuple[Reason, ...]:
    """Return everything about columns, rows and place that does not fit; nothing when the dataset serves.

    What ledger and policy permit is judged by ``objections``, whose reasons the caller puts beside these.
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


Column = schema.Declared


def _columns(needed: schema.Schema, offered: schema.Schema) -> Iterator[Reason]:
    declared = {each.name: each for each in offered.declared}
    for column in needed.declared:
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


ASKED_OF_SOLVERS = frozenset(
    {
        rules.Denial.UNKNOWN_CONSENT,
        rules.Denial.OTHER_ASSIGNEE,
        rules.Denial.COUNTRY_NOT_PERMITTED,
        rules.Denial.LICENCE_NOT_PERMITTED,
        rules.Denial.EPSILON_TOO_HIGH,
        rules.Denial.DUTY_NOT_ACCEPTED,
        rules.Denial.PRICE_TOO_HIGH,
    }
)
"""Denials that a problem can neither earn nor avert: who will solve it, and how, is not known yet."""
OF_PURPOSE = frozenset(
    {
        rules.Denial.PURPOSE_UNKNOWN,
        rules.Denial.PURPOSE_BANNED,
        rules.Denial.PURPOSE_PROHIBITED,
        rules.Denial.PURPOSE_NOT_PERMITTED,
    }
)


def objections(purpose: str, *, commercial: bool, terms: Terms, now: int) -> tuple[Reason, ...]:
    """Return what ledger and policy hold against a purpose, whoever comes with it.

    Args:
        purpose: its code.
        commercial: whether anybody may gain money.
        terms: what is said about the dataset.
        now: seconds since 1970.
    """
    against = _denials(purpose, commercial, terms, now) - ASKED_OF_SOLVERS - {rules.Denial.COHORT_TOO_SMALL}
    found = [
        Reason(Misfit.PURPOSE, "purpose", purpose, each.reason)
        if each in OF_PURPOSE
        else Reason(Misfit.TERMS, "policy", _wanted(each, purpose), each.reason)
        for each in sorted(against - {rules.Denial.NONE})
    ]
    if terms.is_named and terms.policy is None:
        found.append(Reason(Misfit.TERMS, "policy", "a policy that can be read", "it cannot be read now"))
    elif terms.policy is not None and terms.policy.assigner != terms.owner:
        needed = f"a policy of its holder, member {terms.owner}"
        found.append(Reason(Misfit.TERMS, "policy", needed, f"one of member {terms.policy.assigner}"))
    return tuple(found)


def _wanted(denial: rules.Denial, purpose: str) -> str:
    return "gain permitted" if denial is rules.Denial.COMMERCIAL_NOT_PERMITTED else f"use for {purpose} now"


def _denials(purpose: str, commercial: bool, terms: Terms, now: int) -> set[rules.Denial]:
    """Return what the ledger would say to a consent that covers everything, and all that the policy says."""
    policy, listing = terms.policy, terms.listing
    usable = dataclasses.replace(listing, is_listed=True, is_owner_active=True)  # ``misfits`` speaks of these
    everything = rules.Consent(1, 2**256 - 1, None, None, commercial=True, expiry=now + 1, max_uses=1)
    use = rules.Use(1, encoding.purpose_code(purpose), bytes(32), ids.MemberId(0), commercial, listing.price)
    against = {rules.ledger_denial(everything, usable, use, now, banned=terms.banned)}
    if policy is not None:
        request = rules.Request(
            purpose=purpose,
            commercial=commercial,
            country=None,
            solver=ids.MemberId(0),
            problem=None,
            licence=None,
            epsilon=None,
            cohort=policy.minimum_cohort,
            price=policy.price,
            duties=frozenset(),
            now=now,
        )
        against |= set(rules.decide(policy, None, request, banned=terms.banned).denials)
    return against


def conditions(terms: Terms) -> tuple[str, ...]:
    """Return what is asked of whoever uses the dataset, in words: each is one more thing to agree on, none a misfit."""
    listing, policy = terms.listing, terms.policy
    found = [f"{listing.price} per run"] if listing.price and not listing.free_commons else []
    if terms.has_body:
        found.append("consent by the vote of its co-op")
    if policy is not None:
        found += _conditions(policy)
    return tuple(found)


def _conditions(policy: policies.UsePolicy) -> Iterator[str]:
    if policy.assignee is not None:
        yield f"for member {policy.assignee} alone"
    if policy.countries:
        yield f"from {_listed(policy.countries)} only"
    if not licences.allows(policy.terms, None):
        yield f"a model licence that keeps {policy.licence}"
    if policy.epsilon is not None:
        yield f"epsilon at most {policy.epsilon} per {policy.privacy_unit.value} and year"
    yield from sorted(each.value.replace("_", " ") for each in policy.asked)
