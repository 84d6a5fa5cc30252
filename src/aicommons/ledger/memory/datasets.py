"""``DataRegistry`` in memory: datasets, their versions and the consents to their use.

Whether a use is permitted is ``protocol/rules``' word, whether a consent lives the view's.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from aicommons.domain import encoding, events, ids, model_events, vocabulary
from aicommons.ledger import contracts
from aicommons.ledger.bindings import data_registry
from aicommons.ledger.memory import book
from aicommons.protocol import registry, rules, transitions


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """What a version of a dataset says; fields in the ABI's order."""

    card: bytes
    """Digest of the DatasetCard."""
    policy: bytes
    """Digest of the UsePolicy."""
    rules: events.Rules
    """What of the policy the ledger enforces."""
    free_commons: bool
    """Whether the holder asks no price."""
    price: int
    """Per run, in the smallest unit."""

    def check(self) -> None:
        """Refuse a version without card or policy."""
        if not any(self.card) or not any(self.policy):
            raise transitions.Refusal("DataRegistryDigestMissing")

    def fields(self) -> tuple[object, ...]:
        """Return the fields in their order."""
        return self.card, self.policy, self.rules, self.free_commons, self.price


class Datasets:
    """Datasets and consents; each call is by the account or body that the contract would want."""

    def __init__(self, kept: book.Book) -> None:
        self._book = kept
        self._revoked: set[bytes] = set()
        """Consents that somebody took back; the view also counts those that entrusting ended."""

    def change_banned(self, banned: int, lifted: int) -> None:
        """Ban purposes and lift bans, as the members' timelock."""
        self._book.check_timelock()
        self.ban((self.banned() | banned) & ~lifted)

    def ban(self, banned: int) -> None:
        """Set the bitmap of purposes that nobody can permit."""
        if banned >> len(vocabulary.PURPOSES):
            raise transitions.Refusal("DataRegistryPurposesInvalid", len(vocabulary.PURPOSES))
        self._book.tell(model_events.BannedSet, banned)

    def list_dataset(self, said: Described) -> None:
        """List a dataset of the caller's."""
        owner = self._book.caller("DataRegistryNotMember")
        said.check()
        self._book.tell(events.DatasetListed, len(self._book.view.datasets) + 1, owner, *said.fields())

    def publish_version(self, dataset_id: int, said: Described) -> None:
        """Publish a new version."""
        known = self._granting(dataset_id)
        _check_not(known, registry.DatasetState.RETIRED)
        said.check()
        self._book.tell(events.VersionPublished, dataset_id, known.newest.version + 1, *said.fields())

    def suspend(self, dataset_id: int) -> None:
        """Take a dataset out of use for now."""
        _check_is(self._held(dataset_id), registry.DatasetState.LISTED)
        self._book.tell(events.DatasetSuspended, dataset_id)

    def resume(self, dataset_id: int) -> None:
        """Bring a suspended dataset back."""
        _check_is(self._granting(dataset_id), registry.DatasetState.SUSPENDED)
        self._book.tell(events.DatasetResumed, dataset_id)

    def retire(self, dataset_id: int) -> None:
        """Take a dataset out of use for ever."""
        _check_not(self._held(dataset_id), registry.DatasetState.RETIRED)
        self._book.tell(events.DatasetRetired, dataset_id)

    def entrust(self, dataset_id: int, body: ids.Address) -> None:
        """Let a body alone give the dataset's consents; earlier ones are over."""
        known = self._owned(dataset_id)
        _check_not(known, registry.DatasetState.RETIRED)
        if known.body is not None:
            raise transitions.Refusal("DataRegistryEntrusted", dataset_id, known.body)
        if not any(body) or body == self._book.sender:
            raise transitions.Refusal("DataRegistryNotBody", dataset_id, body)
        self._book.tell(events.DatasetEntrusted, dataset_id, body)

    def discharge(self, dataset_id: int) -> None:
        """Give a dataset back to its owner, as its body."""
        known = self._book.view.datasets.get(dataset_id)
        if known is None or known.body != self._book.sender:
            raise transitions.Refusal("DataRegistryNotBody", dataset_id, self._book.sender)
        self._book.tell(events.DatasetDischarged, dataset_id, self._book.sender)

    # --------------------------------------------------------------------------------------------------------- consent

    def give(self, values: Any) -> None:
        """Permit a use."""
        terms = events.ConsentTerms(*values)
        known = self._granting(terms.dataset_id)
        _check_not(known, registry.DatasetState.RETIRED)
        if not terms.purposes or not terms.max_uses or terms.expiry <= self._book.now():
            raise transitions.Refusal("DataRegistryTermsInvalid", terms.purposes, terms.expiry, terms.max_uses)
        given = sum(each.dataset_id == terms.dataset_id for each in self._book.view.consents.values())
        place = self._book.place("DataRegistry")
        kinds = ("uint256", "address", *contracts.load("DataRegistry").functions["give"].types, "uint256")
        consent_id = encoding.keccak(encoding.abi_encode(kinds, (place.chain_id, place.contract, tuple(values), given)))
        self._book.tell(events.ConsentGiven, consent_id, terms.dataset_id, known.owner, terms)

    def revoke(self, consent_id: bytes) -> None:
        """Take a permission back: by the account that holds it, also when its member left, or by the body."""
        given = self._book.view.consents.get(consent_id)
        if given is None:
            raise transitions.Refusal("DataRegistryUnknownConsent", consent_id)
        known, owner = self._book.view.datasets[given.dataset_id], self._book.view.members[given.holder]
        if self._book.sender not in (owner.account, known.body):
            raise transitions.Refusal("DataRegistryNotOwner", given.dataset_id, self._book.sender)
        if consent_id in self._revoked:
            raise transitions.Refusal("DataRegistryAlreadyRevoked", consent_id)
        self._revoked.add(consent_id)
        self._book.tell(events.ConsentRevoked, consent_id, given.dataset_id)

    def use(self, consent_id: bytes, run_id: ids.RunId, use: rules.Use) -> int:
        """Use a consent in a run, as TrainingRuns; returns the dataset's version."""
        reason = self._denial(consent_id, use)
        if reason is not rules.Denial.NONE:
            raise transitions.Refusal("DataRegistryUseDenied", consent_id, int(reason))
        given, newest = self._book.view.consents[consent_id], self._book.view.datasets[use.dataset_id].newest
        self._book.tell(events.ConsentUsed, consent_id, run_id, use.dataset_id, len(given.uses) + 1, newest.asked)
        return newest.version

    def is_live(self, consent_id: bytes) -> bool:
        """Return whether a consent permits anything now."""
        return self._book.view.dead_since(consent_id, self._book.now()) is None

    def owner_of(self, dataset_id: int) -> int:
        """Return who holds a dataset; 0 = there is none."""
        known = self._book.view.datasets.get(dataset_id)
        return 0 if known is None else known.owner

    def lived_at(self, consent_id: bytes, time: int) -> bool:
        """Return whether a consent was in force at a block time, whatever became of its dataset and holder."""
        given = self._book.view.consents.get(consent_id)
        if given is None or not given.at.time <= time < given.terms.expiry:
            return False
        return given.revoked is None or time <= given.revoked.time

    def purpose_bit(self, purpose: bytes) -> tuple[bool, int]:
        """Return whether a purpose is known, and its bit."""
        place = _places().get(purpose)
        return place is not None, place or 0

    def is_permissible(self, purpose: bytes) -> bool:
        """Return whether somebody may permit a purpose: it is known and not banned."""
        is_known, bit = self.purpose_bit(purpose)
        return is_known and not self.banned() >> bit & 1

    def banned(self) -> int:
        """Return the bitmap of the purposes that nobody can permit."""
        return self._book.view.banned or 0

    # --------------------------------------------------------------------------------------------------------- private

    def _denial(self, consent_id: bytes, use: rules.Use) -> rules.Denial:
        view = self._book.view
        given = view.consents.get(consent_id)
        if given is None:
            return rules.Denial.UNKNOWN_CONSENT
        known = view.datasets[given.dataset_id]
        listing = rules.Listing.seen(known, view.members.get(known.owner))
        return rules.ledger_denial(rules.Consent.seen(given), listing, use, self._book.now(), banned=self.banned())

    def _owned(self, dataset_id: int) -> registry.DatasetView:
        known = self._book.view.datasets.get(dataset_id)
        if known is None:
            raise transitions.Refusal("DataRegistryNotOwner", dataset_id, self._book.sender)
        if known.owner != self._book.caller("DataRegistryNotMember"):
            raise transitions.Refusal("DataRegistryNotOwner", dataset_id, self._book.sender)
        return known

    def _held(self, dataset_id: int) -> registry.DatasetView:
        """By the owner or the body: whoever may say no."""
        known = self._book.view.datasets.get(dataset_id)
        return known if known is not None and known.body == self._book.sender else self._owned(dataset_id)

    def _granting(self, dataset_id: int) -> registry.DatasetView:
        """By the body, or where there is none by the owner: whoever may say yes."""
        known = self._book.view.datasets.get(dataset_id)
        if known is not None and known.body is not None:
            if known.body != self._book.sender:
                raise transitions.Refusal("DataRegistryEntrusted", dataset_id, known.body)
            return known
        return self._owned(dataset_id)


def _check_is(known: registry.DatasetView, expected: registry.DatasetState) -> None:
    if known.state is not expected:
        raise _wrong_state(known)


def _check_not(known: registry.DatasetView, over: registry.DatasetState) -> None:
    if known.state is over:
        raise _wrong_state(known)


def _wrong_state(known: registry.DatasetView) -> transitions.Refusal:
    state = data_registry.DatasetState[known.state.name]
    return transitions.Refusal("DataRegistryWrongState", known.dataset_id, int(state))


@functools.cache
def _places() -> Mapping[bytes, int]:
    """Return what stands for a purpose on the ledger -> its bit."""
    return {encoding.purpose_code(each.code): place for place, each in enumerate(vocabulary.PURPOSES)}
