"""A dataset that is published under a use policy: card and policy say the same, and the ledger gets its part.

Called by ``dataset publish``. The policy's document goes into the store, its digest into the card and onto the ledger, with the
rules that the ledger itself holds every consent to. Writing policies is ``policy``'s business.
"""

import dataclasses
from typing import TYPE_CHECKING

from aicommons import app
from aicommons.cli import homes
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.domain import cards, policies
    from aicommons.protocol import registry


def applied(
    opened: homes.Opened, card: "cards.DatasetCard", policy: "policies.UsePolicy | None"
) -> "tuple[cards.DatasetCard, office.Use | None]":
    """Return the card with its policy's digest, and what the ledger is told; the policy lies in the store then.

    Raises:
        errors.InputError: policy and card contradict each other, or it is another member's policy.
    """
    from aicommons import office
    from aicommons.domain import events
    from aicommons.protocol import rules

    if policy is None:
        return card, None
    card = with_person(card, policy.person_column)
    check(card, policy, opened.desk.member_id())
    digest = opened.store.put(policy.encode())
    enforced = rules.rules_of(policy)
    use = office.Use(
        policy=bytes(digest),
        rules=events.Rules(enforced.permitted, enforced.prohibited, enforced.commercial),
        free_commons=policy.free_commons,
        price=policy.price,
    )
    return dataclasses.replace(card, policy=bytes(digest)), use


def of_newest(opened: homes.Opened, entry: "registry.DatasetView") -> "policies.UsePolicy | None":
    """Return the policy of a dataset's newest version: another table under the same number is no looser by oversight.

    Raises:
        errors.UseDenied: neither this home nor the store has it.
        errors.LedgerMismatch: it is not the one that this home published.
    """
    from aicommons.node import permission

    check_newest(opened, entry)
    return permission.policy_of(permission.Shelves(opened.store, app.own_documents(opened.home)), entry.newest)


def check_newest(opened: homes.Opened, entry: "registry.DatasetView") -> None:
    """Check that the ledger shows a dataset's newest version as this home published it, if it did; raises like ``of_newest``."""
    from aicommons.node import agent, permission

    known = opened.home.dataset_version(entry.dataset_id, entry.newest.version)
    if known is not None:
        part = agent.Part(entry.dataset_id, entry.newest.version)
        permission.check_shown(app.published_as(known), entry.newest, part)


def keep(home: app.Home, card: "cards.DatasetCard", policy: "policies.UsePolicy | None") -> None:
    """Keep this home's own copies of what a dataset is published with: its node holds runs against them."""
    own = app.own_documents(home)
    own.put(card.encode())
    if policy is not None:
        own.put(policy.encode())


def with_person(card: "cards.DatasetCard", column: str | None) -> "cards.DatasetCard":
    """Return the card with the policy's person column as a key, where the card does not mention it."""
    from aicommons.domain import cards

    if column is None or column in {field.name for field in card.fields}:
        return card
    key = cards.Field(column, cards.FieldType.TEXT, cards.Role.KEY)
    return dataclasses.replace(card, fields=(*card.fields, key))


def check(card: "cards.DatasetCard", policy: "policies.UsePolicy", member: ids.MemberId) -> None:
    """Check that a card and its policy say the same.

    Raises:
        errors.InputError: another assigner, licence or minimum cohort, or a person column that is no key of the card.
    """
    pairs = (
        ("assigner", member, policy.assigner),
        ("licence", card.licence, policy.licence),
        ("minimum_cohort", card.minimum_cohort, policy.minimum_cohort),
    )
    for name, expected, got in pairs:
        if expected != got:
            raise errors.InputError(
                "card and policy say different things",
                which=f"use-policy.{name}",
                expected=expected,
                got=got,
                next_step="Correct one of them; the ledger would hold users to the policy while they read the card.",
            )
    if policy.person_column is not None and policy.person_column not in card.keys:
        raise errors.InputError(
            "the policy's person column is no key of the card",
            which="use-policy.person_column",
            expected=", ".join(sorted(card.keys)) or "a field with the role `key`",
            got=policy.person_column,
        )
