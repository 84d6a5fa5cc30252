"""Who may use which data, for what: one evaluator, and the part of it that the ledger enforces itself.

``ledger_denial`` is ``DataRegistry.denial`` in Python, case by case and in the same order; ``decide`` is what a node or a
person's page asks, and knows the policy's own terms as well. Whatever no rule permits is denied. Both read the table
``vectors/policy/cases.json``, and so does the contract. Pure: what is asked, what the ledger says and the time come in.
"""

import dataclasses
import decimal
import enum
import functools
from collections.abc import Iterator, Mapping
from typing import Self

from aicommons.domain import encoding, errors, events, ids, licences, policies, vocabulary
from aicommons.protocol import registry


class Denial(enum.IntEnum):
    """Why something is not allowed; ``REASONS`` says each in words.

    Up to 16 these are the contract's numbers, in its order; the others are the node's own.
    """

    NONE = 0
    UNKNOWN_CONSENT = 1
    REVOKED = 2
    EXPIRED = 3
    DATASET_NOT_LISTED = 4
    OWNER_NOT_ACTIVE = 5
    OTHER_DATASET = 6
    PURPOSE_UNKNOWN = 7
    PURPOSE_BANNED = 8
    PURPOSE_PROHIBITED = 9
    PURPOSE_NOT_PERMITTED = 10
    PURPOSE_NOT_CONSENTED = 11
    OTHER_PROBLEM = 12
    OTHER_GRANTEE = 13
    COMMERCIAL_NOT_PERMITTED = 14
    USES_SPENT = 15
    PRICE_TOO_HIGH = 16
    POLICY_ENDED = 64
    OTHER_ASSIGNEE = 65
    COUNTRY_NOT_PERMITTED = 66
    LICENCE_NOT_PERMITTED = 67
    COHORT_TOO_SMALL = 68
    EPSILON_TOO_HIGH = 69
    DUTY_NOT_ACCEPTED = 70

    @property
    def is_on_ledger(self) -> bool:
        """Whether the contract itself refuses for this reason."""
        return self <= Denial.PRICE_TOO_HIGH

    @property
    def reason(self) -> str:
        """The reason in one sentence of English."""
        return REASONS[self]


REASONS: Mapping[Denial, str] = {
    Denial.NONE: "It is allowed.",
    Denial.UNKNOWN_CONSENT: "There is no such consent.",
    Denial.REVOKED: "The consent was taken back.",
    Denial.EXPIRED: "The consent has ended.",
    Denial.DATASET_NOT_LISTED: "The dataset is suspended or retired.",
    Denial.OWNER_NOT_ACTIVE: "The dataset's owner is no active member.",
    Denial.OTHER_DATASET: "The consent is for another dataset.",
    Denial.PURPOSE_UNKNOWN: "Nobody knows this purpose.",
    Denial.PURPOSE_BANNED: "The purpose is banned in the commons.",
    Denial.PURPOSE_PROHIBITED: "The policy forbids the purpose.",
    Denial.PURPOSE_NOT_PERMITTED: "The policy does not permit the purpose.",
    Denial.PURPOSE_NOT_CONSENTED: "The consent does not cover the purpose.",
    Denial.OTHER_PROBLEM: "The consent is for another problem.",
    Denial.OTHER_GRANTEE: "The consent is for another solver.",
    Denial.COMMERCIAL_NOT_PERMITTED: "Commercial use is not permitted.",
    Denial.USES_SPENT: "As many runs as the consent allows have used it.",
    Denial.PRICE_TOO_HIGH: "The owner asks more than is offered.",
    Denial.POLICY_ENDED: "The policy has ended.",
    Denial.OTHER_ASSIGNEE: "The policy is for another member.",
    Denial.COUNTRY_NOT_PERMITTED: "The policy does not permit use from this country.",
    Denial.LICENCE_NOT_PERMITTED: "The model's licence does not keep what the data's licence asks.",
    Denial.COHORT_TOO_SMALL: "The site has fewer rows than the policy's minimum.",
    Denial.EPSILON_TOO_HIGH: "More privacy loss than the policy allows, or no bound on it.",
    Denial.DUTY_NOT_ACCEPTED: "A duty that the policy asks was not taken on.",
}
"""Denial -> what a person is told."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """A dataset's present version as the ledger knows it."""

    rules: events.Rules
    """What its policy says, as far as the ledger enforces it."""
    is_listed: bool
    """Whether it is neither suspended nor retired."""
    is_owner_active: bool
    """Whether its owner is an active member."""
    free_commons: bool
    """Whether it is free whatever the price says."""
    price: int
    """Asked per run, in the smallest unit."""

    @classmethod
    def seen(cls, dataset: registry.DatasetView, owner: registry.MemberView | None) -> Self:
        """Return the listing that the ledger shows, with the owner's membership."""
        newest = dataset.newest
        return cls(
            rules=newest.rules,
            is_listed=dataset.state is registry.DatasetState.LISTED,
            is_owner_active=owner is not None and owner.state is registry.MemberState.ACTIVE,
            free_commons=newest.free_commons,
            price=newest.price,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Consent:
    """A consent on the ledger, with what became of it."""

    dataset_id: int
    """The dataset."""
    purposes: int
    """Bitmap of the purposes covered."""
    grantee: ids.MemberId | None
    """The only solver, or ``None`` for any."""
    problem: bytes | None
    """The only problem, or ``None`` for any."""
    commercial: bool
    """Whether commercial use is covered."""
    expiry: int
    """First second at which it is dead."""
    max_uses: int
    """How many runs may use it."""
    uses: int = 0
    """How many have."""
    revoked: bool = False
    """Whether it was taken back."""

    @classmethod
    def seen(cls, given: registry.ConsentView) -> Self:
        """Return the consent that the ledger shows."""
        terms = given.terms
        return cls(
            dataset_id=terms.dataset_id,
            purposes=terms.purposes,
            grantee=terms.grantee or None,
            problem=terms.problem if any(terms.problem) else None,
            commercial=terms.commercial,
            expiry=terms.expiry,
            max_uses=terms.max_uses,
            uses=len(given.uses),
            revoked=given.revoked is not None,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What a run asks of the ledger."""

    dataset_id: int
    """The dataset."""
    purpose: bytes
    """``encoding.purpose_code`` of the run's purpose."""
    problem: bytes
    """The run's problem."""
    grantee: ids.MemberId
    """The run's solver."""
    commercial: bool
    """Whether the run is commercial."""
    price: int
    """Most that the run pays for one dataset, in the smallest unit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of a dataset's owner."""

    purpose: str
    """Purpose code."""
    commercial: bool
    """Whether the use is commercial; some purposes are, whatever is said here."""
    country: str | None
    """The solver's country, ISO 3166-1 alpha-2, or ``None`` when it has not said."""
    solver: ids.MemberId
    """Who asks."""
    problem: bytes | None
    """The problem to be solved, or ``None`` for none of the commons'."""
    licence: str | None
    """Licence that the model will have, or ``None`` when nobody has said."""
    epsilon: str | None
    """Privacy loss per unit and year, with all that was spent before, a decimal number; ``None``: not bounded."""
    cohort: int
    """Rows at the site."""
    price: int
    """Most that is paid for this dataset, in the smallest unit."""
    duties: frozenset[policies.Duty]
    """What the solver takes upon itself."""
    now: int
    """Seconds since 1970."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, or everything that stands against it."""

    denials: tuple[Denial, ...]
    """All reasons against, in the order of ``Denial``."""

    @property
    def allowed(self) -> bool:
        """Whether nothing stands against it."""
        return not self.denials


def rules_of(policy: policies.UsePolicy) -> events.Rules:
    """Return what of a policy the ledger enforces; without commercial use, all commercial purposes are forbidden."""
    forbidden = policy.prohibited if policy.commercial else (*policy.prohibited, vocabulary.COMMERCIAL)
    return events.Rules(_bitmap(policy.permitted), _bitmap(forbidden), policy.commercial)


def ledger_denial(
    consent: Consent | None, listing: Listing | None, use: Use, now: int, *, banned: int | None = None
) -> Denial:
    """Return the first reason for which the ledger denies a use, as ``DataRegistry.denial`` does.

    Args:
        consent: the consent, or ``None`` when there is no such.
        listing: the dataset of the consent, or ``None`` when there is no consent.
        use: what is asked.
        now: block time in seconds.
        banned: bitmap of the purposes that the members banned (``LedgerView.banned``); ``None`` = the vocabulary's.
    """
    if consent is None or listing is None:
        return Denial.UNKNOWN_CONSENT
    return next(_on_ledger(consent, listing, use, now, banned=banned), Denial.NONE)


def _on_ledger(consent: Consent, listing: Listing, use: Use, now: int, *, banned: int | None) -> Iterator[Denial]:
    """Yield what stands against a use, in the contract's order."""
    place = _places().get(use.purpose)
    mask = 0 if place is None else 1 << place
    asked = 0 if listing.free_commons else listing.price
    for denial, applies in (
        (Denial.REVOKED, consent.revoked),
        (Denial.EXPIRED, now >= consent.expiry),
        (Denial.DATASET_NOT_LISTED, not listing.is_listed),
        (Denial.OWNER_NOT_ACTIVE, not listing.is_owner_active),
        (Denial.OTHER_DATASET, consent.dataset_id != use.dataset_id),
        (Denial.PURPOSE_UNKNOWN, place is None),
        (Denial.PURPOSE_BANNED, bool(mask & _bans(banned))),
        (Denial.PURPOSE_PROHIBITED, bool(mask & listing.rules.prohibited)),
        (Denial.PURPOSE_NOT_PERMITTED, not mask & listing.rules.permitted),
        (Denial.PURPOSE_NOT_CONSENTED, not mask & consent.purposes),
        (Denial.OTHER_PROBLEM, consent.problem not in (None, use.problem)),
        (Denial.OTHER_GRANTEE, consent.grantee not in (None, use.grantee)),
        (Denial.COMMERCIAL_NOT_PERMITTED, use.commercial and not (listing.rules.commercial and consent.commercial)),
        (Denial.USES_SPENT, consent.uses >= consent.max_uses),
        (Denial.PRICE_TOO_HIGH, asked > use.price),
    ):
        if applies:
            yield denial


def decide(
    policy: policies.UsePolicy, consent: Consent | None, request: Request, *, banned: int | None = None
) -> Decision:
    """Return whether a request is allowed under a policy and a consent, with all reasons against it.

    Args:
        policy: the dataset version's.
        consent: what it would be used under, or ``None`` when there is none.
        request: what is asked.
        banned: as in ``ledger_denial``.

    Raises:
        errors.InputError: an epsilon that is no decimal number.
    """
    against = {*_of_consent(consent, request), *_of_purpose(policy, consent, request), *_of_policy(policy, request)}
    if is_banned(request.purpose, banned):
        against.add(Denial.PURPOSE_BANNED)
    return Decision(tuple(sorted(against)))


def is_banned(purpose: str, banned: int | None = None) -> bool:
    """Return whether nobody can permit a purpose.

    Args:
        purpose: its code; one that nobody knows is not banned, and permitted by nobody either.
        banned: as in ``ledger_denial``.
    """
    place = _places().get(encoding.purpose_code(purpose))
    return place is not None and bool(_bans(banned) >> place & 1)


def _of_consent(consent: Consent | None, request: Request) -> Iterator[Denial]:
    if consent is None:
        yield Denial.UNKNOWN_CONSENT
        return
    if consent.revoked:
        yield Denial.REVOKED
    if request.now >= consent.expiry:
        yield Denial.EXPIRED
    if consent.problem not in (None, request.problem):
        yield Denial.OTHER_PROBLEM
    if consent.grantee not in (None, request.solver):
        yield Denial.OTHER_GRANTEE
    if consent.uses >= consent.max_uses:
        yield Denial.USES_SPENT


def _of_purpose(policy: policies.UsePolicy, consent: Consent | None, request: Request) -> Iterator[Denial]:
    place = _places().get(encoding.purpose_code(request.purpose))
    if place is None:
        yield Denial.PURPOSE_UNKNOWN
        return
    mask, rules = 1 << place, rules_of(policy)
    if mask & rules.prohibited:
        yield Denial.PURPOSE_PROHIBITED
    if not mask & rules.permitted:
        yield Denial.PURPOSE_NOT_PERMITTED
    if consent is not None and not mask & consent.purposes:
        yield Denial.PURPOSE_NOT_CONSENTED
    is_commercial = request.commercial or vocabulary.is_commercial(request.purpose)
    is_permitted = policy.commercial and policy.terms.commercial and (consent is None or consent.commercial)
    if is_commercial and not is_permitted:
        yield Denial.COMMERCIAL_NOT_PERMITTED


def _of_policy(policy: policies.UsePolicy, request: Request) -> Iterator[Denial]:
    if not policy.free_commons and policy.price > request.price:
        yield Denial.PRICE_TOO_HIGH
    if policy.until is not None and request.now >= policy.until:
        yield Denial.POLICY_ENDED
    if policy.assignee not in (None, request.solver):
        yield Denial.OTHER_ASSIGNEE
    if policy.countries and request.country not in policy.countries:
        yield Denial.COUNTRY_NOT_PERMITTED
    if not _is_licence_kept(policy, request.licence):
        yield Denial.LICENCE_NOT_PERMITTED
    if request.cohort < policy.minimum_cohort:
        yield Denial.COHORT_TOO_SMALL
    if policy.epsilon is not None and (request.epsilon is None or _number(request.epsilon) > _number(policy.epsilon)):
        yield Denial.EPSILON_TOO_HIGH
    if not policy.asked <= request.duties:
        yield Denial.DUTY_NOT_ACCEPTED


def _is_licence_kept(policy: policies.UsePolicy, text: str | None) -> bool:
    try:
        model = None if text is None else licences.parse(text)
    except errors.InputError:
        return False  # default deny: nobody knows what such a licence would allow
    return licences.allows(policy.terms, model)


@functools.lru_cache(maxsize=1024)
def _number(text: str) -> decimal.Decimal:
    if not policies.EPSILON.fullmatch(text):
        raise errors.InputError("not a decimal number", which="epsilon", expected="such as 3 or 0.5", got=text[:20])
    return decimal.Decimal(text)


@functools.lru_cache(maxsize=4096)
def _bitmap(codes: tuple[str, ...]) -> int:
    return vocabulary.bits(codes)


@functools.cache
def _places() -> Mapping[bytes, int]:
    """Return what stands for a purpose on the ledger -> its bit."""
    return {encoding.purpose_code(each.code): place for place, each in enumerate(vocabulary.PURPOSES)}


def _bans(said: int | None) -> int:
    return _banned_at_first() if said is None else said


@functools.cache
def _banned_at_first() -> int:
    """Return what every commons bans before its members vote on it."""
    return vocabulary.bits(vocabulary.BANNED_PURPOSES)
