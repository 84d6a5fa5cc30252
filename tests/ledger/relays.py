"""A relayer of a commons on the embedded ledger, and signed calls for it; used by all tests of relaying."""

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator
from typing import Any

from aicommons import testing
from aicommons.domain import encoding, ids, signing
from aicommons.ledger import bounds as limits
from aicommons.ledger import client, contracts, relayer, relaying, rpc, wallet

QUICK = limits.Bounds(gather_seconds=0.0)


@contextlib.contextmanager
def relaying_for(made: relayer.Relayer) -> Iterator[relayer.Relayer]:
    """Run a relayer's thread."""
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()


def place_of(one: client.Client) -> encoding.Place:
    """Return where forward requests are good."""
    return encoding.Place(one.place.chain_id, one.address_of("Forwarder"))


@dataclasses.dataclass
class Relayed:
    """A relayer of a commons, and the wallet of its only member."""

    commons: testing.Commons
    made: relayer.Relayer
    payer: client.Client

    def client(self, signer: wallet.Wallet) -> client.Client:
        """Return a client whose calls the relayer sends."""
        return client.Client(self.commons._connection, self.commons.deployment, signer, self.made)

    @property
    def member(self) -> wallet.Wallet:
        """The member's wallet."""
        return self.commons.members[0].wallet

    def request(self, signer: wallet.Wallet | None = None, **changed: Any) -> relaying.Request:
        """Return a signed call that sets the member's profile."""
        by = signer or self.member
        said = signing.ForwardRequest(
            sender=by.address,
            to=self.payer.address_of("Membership"),
            value=0,
            gas=300_000,
            nonce=int(str(self.payer.call("Forwarder", "nonces", by.address)[0])),
            deadline=int(self.commons.clock.now()) + 600,
            data=contracts.call_data("Membership", "setProfile", (os.urandom(32),)),
        )
        return relaying.sign(by, place_of(self.payer), dataclasses.replace(said, **changed))


def sent(one: client.Client) -> int:
    """Return how many transactions a wallet has sent."""
    return int(rpc.call(one._rpc, "eth_getTransactionCount", [ids.format_id(one.address), "latest"]), 16)


@contextlib.contextmanager
def opened(commons: testing.Commons, bounds: limits.Bounds = QUICK) -> Iterator[Relayed]:
    """Run a relayer that pays with a wallet of its own."""
    payer = commons.connect(wallet.Wallet(os.urandom(32)))
    with relaying_for(relayer.Relayer(payer, place_of(payer), commons.clock.now, bounds)) as made:
        yield Relayed(commons, made, payer)


def application(by: wallet.Wallet) -> bytes:
    """Return the call with which a wallet applies for membership."""
    return contracts.call_data("Membership", "applyAs", (1, by.address, *[os.urandom(32)] * 3))
