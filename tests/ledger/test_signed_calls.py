"""What is signed outside runs is taken by its contract from anybody who brings it, once, and at no other place."""

import os

import pytest

from aicommons import office, testing
from aicommons.domain import cards, encoding, errors, ids, signing
from aicommons.ledger import client, wallet
from aicommons.ledger.bindings import attestations, data_registry, forwarder

UNTIL = testing.START + 86_400
NO_ATTESTATION = bytes(32)


@pytest.fixture
def bearer(commons: testing.Commons) -> client.Client:
    """Somebody who is no member and brings what others signed."""
    return commons.connect(wallet.Wallet(os.urandom(32)))


def place(one: client.Client, contract: str) -> encoding.Place:
    """Return where a contract's signatures are good."""
    return encoding.Place(one.place.chain_id, one.address_of(contract))


def test_a_consent_is_revoked_by_signature(commons: testing.Commons, bearer: client.Client) -> None:
    """Its holder's signature revokes a consent, whoever brings it; a signature for another consent, or place, does not."""
    one = commons.members[0]
    dataset = one.desk.publish_dataset(cards.DatasetCard("t", "a site", 10, {}, "LicenseRef-private", 10, "none"))
    consent = one.desk.give_consent(office.consent(dataset, [testing.PURPOSE], UNTIL, max_uses=1))
    registry, here = data_registry.DataRegistry(bearer), place(bearer, "DataRegistry")
    good = signing.RevokeConsent(consent, UNTIL)
    for bad in (
        one.wallet.sign_digest(signing.RevokeConsent(consent, UNTIL + 1).digest(here)),
        one.wallet.sign_digest(good.digest(place(bearer, "Problems"))),
        wallet.Wallet(os.urandom(32)).sign_digest(good.digest(here)),
    ):
        with pytest.raises(errors.LedgerRefused) as refused:
            registry.revoke_by_signature(consent, UNTIL, bad)
        assert refused.value.error == "DataRegistrySignatureInvalid"
    registry.revoke_by_signature(consent, UNTIL, one.wallet.sign_digest(good.digest(here)))
    assert one.desk.view().consents[consent].revoked


def test_an_attestation_is_made_and_revoked_by_signature(commons: testing.Commons, bearer: client.Client) -> None:
    """A member attests without sending anything; the same signature attests once; its signature takes it back."""
    signer, here = commons.members[0].wallet, place(bearer, "Attestations")
    bound = attestations.Attestations(bearer)
    kind = attestations.Kind.COURSE
    said = signing.Attest(kind, True, UNTIL, b"\x01" * 32, b"\x02" * 32, bound.nonces(signer.address), UNTIL)
    statement = attestations.Statement(kind, True, UNTIL, b"\x01" * 32, b"\x02" * 32)
    signed = signer.sign_digest(said.digest(here))
    data = ("Attestations", "attestBySignature", (kind, True, UNTIL, b"\x01" * 32, b"\x02" * 32), signer.address)
    (made,) = bearer.call(*data, UNTIL, signed)
    assert isinstance(made, bytes)
    bound.attest_by_signature(statement, signer.address, UNTIL, signed)
    assert bound.is_live(made)
    with pytest.raises(errors.LedgerRefused) as refused:
        bound.attest_by_signature(statement, signer.address, UNTIL, signed)
    assert refused.value.error == "AttestationsSignatureInvalid"
    revoked = signing.RevokeAttestation(made, NO_ATTESTATION, UNTIL)
    bound.revoke_by_signature(made, NO_ATTESTATION, UNTIL, signer.sign_digest(revoked.digest(here)))
    assert not bound.is_live(made)


def test_a_forward_request_is_known_to_the_forwarder(commons: testing.Commons, bearer: client.Client) -> None:
    """The forwarder finds a member's request good, and no longer once a field is another."""
    signer, bound = commons.members[0].wallet, forwarder.Forwarder(bearer)
    to = bearer.address_of("Membership")
    said = signing.ForwardRequest(signer.address, to, 0, 100_000, bound.nonces(signer.address), UNTIL, b"\x01\x02")
    signed = signer.sign_digest(said.digest(place(bearer, "Forwarder")))
    good = forwarder.ForwardRequestData(signer.address, to, 0, 100_000, UNTIL, b"\x01\x02", signed)
    assert bound.verify(good)
    for other in (
        forwarder.ForwardRequestData(signer.address, to, 1, 100_000, UNTIL, b"\x01\x02", signed),
        forwarder.ForwardRequestData(signer.address, to, 0, 100_000, UNTIL, b"\x01", signed),
        forwarder.ForwardRequestData(ids.Address(b"\x01" * 20), to, 0, 100_000, UNTIL, b"\x01\x02", signed),
    ):
        assert not bound.verify(other)
