"""The desk's acts on members, datasets and models against the real contracts, and what the view shows of them."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from aicommons import app, office, testing
from aicommons.domain import cards, encoding, errors, events, ids, vocabulary
from aicommons.ledger import wallet
from aicommons.protocol import inbox, registry

CARD = cards.DatasetCard("A table", "a site", 10, {}, "LicenseRef-private", 10, "none")
NEWER = cards.DatasetCard("A table", "a site", 20, {}, "LicenseRef-private", 10, "none")
UNTIL = testing.START + 86_400
WEEK = 7 * 86_400


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons with two members."""
    made = testing.Commons(tmp_path)
    made.admit("one")
    made.admit("two")
    yield made
    made.close()


def asked(commons: testing.Commons, dataset: int, **changed: Any) -> tuple[object, ...]:
    """Return a use as the contract takes it."""
    usual = {"purpose": testing.PURPOSE, "problem": bytes(32), "grantee": 1, "commercial": False, "price": 0} | changed
    purpose = encoding.purpose_code(usual.pop("purpose"))
    return (dataset, purpose, *usual.values())


def denial(commons: testing.Commons, consent: bytes, use: tuple[object, ...]) -> object:
    """Return what the contract says to a use."""
    return commons.registrar._registry.call("DataRegistry", "denial", consent, use)[0]


def test_versions_hold_new_uses(commons: testing.Commons) -> None:
    """A new version changes rules and price at once, and both versions stay in the view."""
    desk = commons.members[0].desk
    dataset = desk.publish_dataset(CARD)
    consent = desk.give_consent(office.consent(dataset, [testing.PURPOSE], UNTIL))
    assert denial(commons, consent, asked(commons, dataset)) == 0
    none = events.Rules(permitted=0, prohibited=0, commercial=False)
    assert desk.publish_version(dataset, NEWER, office.Use(rules=none)) == 2
    assert denial(commons, consent, asked(commons, dataset)) == 10
    assert desk.publish_version(dataset, NEWER, office.Use(free_commons=False, price=5)) == 3
    assert denial(commons, consent, asked(commons, dataset)) == 16
    assert denial(commons, consent, asked(commons, dataset, price=5)) == 0
    versions = desk.view().datasets[dataset].versions
    assert [(each.version, each.asked, each.rules.permitted > 0) for each in versions] == [
        (1, 0, True), (2, 0, False), (3, 5, True),
    ]  # fmt: skip


def test_a_consent_covers_what_lies_below_its_purposes(commons: testing.Commons) -> None:
    """The bits that a consent carries are those of the deployment: broader permits narrower, never the reverse."""
    desk = commons.members[0].desk
    dataset = desk.publish_dataset(CARD)
    broad = desk.give_consent(office.consent(dataset, ["DUO:0000042"], UNTIL))
    narrow = desk.give_consent(office.consent(dataset, ["DUO:0000007"], UNTIL))
    assert denial(commons, broad, asked(commons, dataset, purpose="DUO:0000007")) == 0
    assert denial(commons, narrow, asked(commons, dataset, purpose="DUO:0000042")) == 11
    assert denial(commons, broad, asked(commons, dataset, purpose="aic:MilitaryUse")) == 8
    assert denial(commons, broad, asked(commons, dataset, purpose="no:Purpose")) == 7


def test_every_purpose_has_its_bit(commons: testing.Commons) -> None:
    """The deployment numbers the purposes of the vocabulary in its order, and bans those that it bans."""
    reader = commons.registrar._registry
    for code in [each.code for each in vocabulary.PURPOSES]:
        answer = reader.call("DataRegistry", "purposeBit", encoding.purpose_code(code))
        assert answer == (True, vocabulary.bit(code))
    assert reader.call("DataRegistry", "purposeCount") == (len(vocabulary.PURPOSES),)
    banned = vocabulary.bits(vocabulary.BANNED_PURPOSES, closed=False)
    assert reader.call("DataRegistry", "bannedPurposes") == (banned,)


def test_states_of_a_dataset(commons: testing.Commons) -> None:
    """Suspended, back, retired: the view shows each, and the consent follows."""
    desk = commons.members[0].desk
    dataset = desk.publish_dataset(CARD)
    consent = desk.give_consent(office.consent(dataset, [testing.PURPOSE], UNTIL))
    seen = []
    for act in (desk.suspend_dataset, desk.resume_dataset, desk.retire_dataset):
        act(dataset)
        view = desk.view()
        seen.append((view.datasets[dataset].state, view.dead_since(consent, view.time) is None))
    suspended, listed, retired = (
        registry.DatasetState.SUSPENDED,
        registry.DatasetState.LISTED,
        registry.DatasetState.RETIRED,
    )
    assert seen == [(suspended, False), (listed, True), (retired, False)]


def test_a_body_gives_the_consents(commons: testing.Commons) -> None:
    """Once entrusted, a dataset's owner only takes back; its body gives, and gives the dataset back."""
    one, two = commons.members
    dataset = one.desk.publish_dataset(CARD)
    one.desk.entrust(dataset, two.registry.address)
    terms = office.consent(dataset, [testing.PURPOSE], UNTIL)
    with pytest.raises(errors.LedgerRefused, match="DataRegistryEntrusted"):
        one.desk.give_consent(terms)
    consent = two.desk.give_consent(terms)
    assert one.desk.view().consents[consent].holder == one.member_id
    one.desk.revoke_consent(consent)
    two.registry.transact("DataRegistry", "discharge", dataset)
    assert one.desk.view().datasets[dataset].body is None
    one.desk.give_consent(terms)


def test_a_lost_wallet_comes_back(commons: testing.Commons) -> None:
    """A guardian begins, a week passes, anybody finishes: the new wallet is the member, with everything it owns."""
    one, two = commons.members
    dataset = one.desk.publish_dataset(CARD)
    one.desk.set_guardian(two.registry.address)
    fresh = wallet.Wallet(b"\x09" * 32)
    begun = two.desk.recover(one.member_id, fresh.address)
    assert begun is not None
    assert begun.account == fresh.address
    with pytest.raises(errors.LedgerRefused, match="MembershipRecoveryUnripe"):
        two.desk.finish_recovery(one.member_id)
    commons.clock.advance(WEEK)
    two.desk.finish_recovery(one.member_id)
    back = office.Desk(commons.connect(fresh), commons.store)
    assert back.member_id() == one.member_id
    back.suspend_dataset(dataset)
    with pytest.raises(errors.InputError, match="not a member"):
        one.desk.member_id()


def test_a_recovered_wallet_reads_what_is_sealed_to_it(commons: testing.Commons) -> None:
    """Until the new wallet puts its own reader key there, letters are sealed to the lost one; while pending, the inbox tells."""
    one = commons.members[0]
    fresh = wallet.Wallet(b"\x09" * 32)
    begun = commons.registrar.recover(one.member_id, fresh.address)
    assert begun is not None
    (item,) = inbox.of_membership(one.desk.view(), one.member_id)
    assert (item.kind, item.since, item.until) == (inbox.Kind.RECOVERY, begun.ripe_at - WEEK, begun.ripe_at)
    commons.clock.advance(WEEK)
    back = office.Desk(commons.connect(fresh), commons.store)
    back.finish_recovery(one.member_id)
    assert inbox.of_membership(back.view(), one.member_id) == ()
    assert back.member(one.member_id).reader_point == app.reader_point(one.wallet)
    back.set_reader_point(app.reader_point(fresh))
    assert back.member(one.member_id).reader_point == app.reader_point(fresh)
    with pytest.raises(errors.LedgerRefused, match="MembershipNotActive"):
        one.desk.set_reader_point(app.reader_point(one.wallet))


def test_the_account_vetoes(commons: testing.Commons) -> None:
    """Whoever still has the key stops a recovery, also one that the registrars began."""
    one = commons.members[0]
    begun = commons.registrar.recover(one.member_id, wallet.Wallet(b"\x09" * 32).address)
    assert begun is not None
    one.desk.veto(one.member_id)
    commons.clock.advance(WEEK)
    with pytest.raises(errors.LedgerRefused, match="MembershipNoRecovery"):
        commons.registrar.finish_recovery(one.member_id)
    assert one.desk.member(one.member_id).recovery is None


def test_an_unknown_member_is_named(commons: testing.Commons) -> None:
    """A number that nobody has is refused with the way to look."""
    with pytest.raises(errors.InputError, match="no such member"):
        commons.registrar.member(99)


def test_wishes_stand_beside_a_model(stage: Any) -> None:
    """Who holds a dataset of a model's lineage asks for retraining; nobody else can, and not before there is a model."""
    with stage.scene(3) as scene:
        site = scene.member(1)
        (dataset,) = [each.dataset_id for each in site.desk.view().datasets.values() if each.owner == site.member_id]
        with pytest.raises(errors.LedgerRefused, match="ModelRegistryNotInLineage"):
            site.desk.wish(scene.run_id, dataset, events.Wish.RETRAIN)
        scene.play()
        site.desk.wish(scene.run_id, dataset, events.Wish.RETRAIN, ids.digest(b"why"))
        with pytest.raises(errors.LedgerRefused, match="ModelRegistryNotOwner"):
            scene.member(0).desk.wish(scene.run_id, dataset, events.Wish.RETIRE)
        (wish,) = site.desk.view().wishes
        assert (wish.run_id, wish.dataset_id, wish.wish) == (scene.run_id, dataset, events.Wish.RETRAIN)
        assert wish.document == ids.digest(b"why")
