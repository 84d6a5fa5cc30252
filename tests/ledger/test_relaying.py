"""Relayed calls: a member without coins acts, the relayer pays for what would succeed only, and is believed nothing."""

import dataclasses
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import pytest
from tests.ledger import relays

from aicommons import office, operating, testing
from aicommons.domain import documents, encoding, errors, ids
from aicommons.ledger import bounds as limits
from aicommons.ledger import client, contracts, deployments, relayer, relaying, rpc, wallet
from aicommons.store import memory, transport

PROBLEM = documents.Problem("t", "who", "decision", "why", ("3.4",), "auc", "none")


@pytest.fixture
def relayed(commons: testing.Commons) -> Iterator[relays.Relayed]:
    """A relayer that pays with a wallet of its own."""
    with relays.opened(commons) as made:
        yield made


def test_a_member_acts_without_a_transaction_of_its_own(relayed: relays.Relayed) -> None:
    """What a member signs is carried out in its name; only the relayer's wallet sends anything."""
    one = relayed.client(wallet.Wallet(os.urandom(32)))
    desk = office.Desk(one, relayed.commons.store)
    desk.apply(one.address, b"\x01" * 32, os.urandom(32), b"\x02" * 32)
    member_id = relayed.commons.registrar.admit(one.address)
    problem = desk.state_problem(PROBLEM, testing.START + 86_400)
    assert desk.view().problems[problem].owner == member_id
    assert relays.sent(one) == 0
    assert relays.sent(relayed.payer) == 2


def test_a_contracts_refusal_arrives_by_its_name(relayed: relays.Relayed) -> None:
    """What a contract would refuse is refused by its error before anybody pays."""
    stranger = relayed.client(wallet.Wallet(os.urandom(32)))
    with pytest.raises(errors.LedgerRefused) as refused:
        stranger.transact("Membership", "setProfile", bytes(32))
    assert refused.value.error == "MembershipNotActive"
    assert relays.sent(relayed.payer) == 0


def test_money_and_other_contracts_are_the_wallets_own(relayed: relays.Relayed) -> None:
    """Calls of contracts outside the commons, and creations, are sent by the wallet itself."""
    one = relayed.client(relayed.member)
    before = relays.sent(one)
    one.send_to(ids.Address(b"\x07" * 20), b"")
    one.deploy(bytes.fromhex("600160005360016000f3"))
    assert relays.sent(one) == before + 2
    assert relays.sent(relayed.payer) == 0


OUTSIDER = ids.Address(b"\x66" * 20)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another contract": ({"to": OUTSIDER}, "no contract of this commons"),
    "money": ({"value": 1}, "carries money"),
    "a long call": ({"data": bytes(64 * 1024 + 1)}, "too long"),
    "much gas": ({"gas": 8_000_001}, "too much gas"),
    "a deadline that is over": ({"deadline": testing.START - 1}, "no good deadline"),
    "a deadline far away": ({"deadline": testing.START + 10**6}, "no good deadline"),
    "a number that was used or is not due": ({"nonce": 99}, "another number"),
    "a call that fails": ({"data": contracts.call_data("Membership", "setNodeKey", (bytes(20),))}, "MembershipField"),
    "a call of nothing": ({"data": b"\x01\x02\x03\x04"}, "."),
}


@pytest.mark.parametrize(("changed", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_outside_the_bounds_is_not_sent(relayed: relays.Relayed, changed: dict[str, Any], said: str) -> None:
    """A call that is outside the bounds, or would fail, costs the relayer nothing."""
    with pytest.raises(errors.LedgerRefused, match=said):
        relayed.made.send(relayed.request(**changed))
    assert relays.sent(relayed.payer) == 0


@pytest.mark.parametrize("name", ["Forwarder", "TimelockController"])
def test_contracts_that_know_no_forwarder_are_not_called(relayed: relays.Relayed, name: str) -> None:
    """Forwarder and timelock take nobody's word for who calls: nothing is relayed to them."""
    with pytest.raises(errors.RelayRefused, match="no contract of this commons"):
        relayed.made.send(relayed.request(to=relayed.payer.address_of(name)))


def test_a_signature_is_the_senders_own(relayed: relays.Relayed) -> None:
    """A call signed by another, changed after it was signed, or not signed is refused."""
    good = relayed.request()
    other = wallet.Wallet(os.urandom(32))
    forged = relaying.sign(other, relays.place_of(relayed.payer), good.said)
    changed = dataclasses.replace(good, said=dataclasses.replace(good.said, gas=good.said.gas + 1))
    elsewhere = relaying.sign(relayed.member, encoding.Place(1, relays.place_of(relayed.payer).contract), good.said)
    for bad in (forged, changed, elsewhere, dataclasses.replace(good, signature=bytes(65))):
        with pytest.raises(errors.RelayRefused, match="signed"):
            relayed.made.send(bad)
    assert relays.sent(relayed.payer) == 0


def test_a_call_is_carried_out_once(relayed: relays.Relayed) -> None:
    """The same signed call is refused the second time."""
    request = relayed.request()
    relayed.made.send(request)
    with pytest.raises(errors.RelayRefused, match="another number"):
        relayed.made.send(request)


def test_rates_are_kept(commons: testing.Commons) -> None:
    """A member has a rate of its own; all who are no members share one; a minute later all may go on."""
    payer = commons.connect(wallet.Wallet(os.urandom(32)))
    bounds = limits.Bounds(gather_seconds=0.0, per_member=2, strangers=1)
    with relays.relaying_for(relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, bounds)) as made:
        here = relays.Relayed(commons, made, payer)
        for _ in range(2):
            made.send(here.request())
        with pytest.raises(errors.RelayUnreachable, match="more than 2 calls of member 1"):
            made.send(here.request())
        first, second = (wallet.Wallet(os.urandom(32)) for _ in range(2))
        apply = [
            contracts.call_data("Membership", "applyAs", (1, by.address, *[os.urandom(32)] * 3))
            for by in (first, second)
        ]
        made.send(here.request(first, data=apply[0]))
        with pytest.raises(errors.RelayUnreachable, match="no members"):
            made.send(here.request(second, data=apply[1]))
        commons.clock.advance(61)
        made.send(here.request())
        made.send(here.request(second, data=apply[1]))


def test_a_sender_has_one_call_at_a_time(commons: testing.Commons) -> None:
    """While a call of a sender waits, its next is put off: only one of them could have the number that is due."""
    payer = commons.connect(wallet.Wallet(os.urandom(32)))
    made = relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, relays.QUICK)
    here = relays.Relayed(commons, made, payer)
    first = threading.Thread(target=made.send, args=(here.request(),))
    first.start()
    while made._waiting.empty():
        time.sleep(0.001)
    with pytest.raises(errors.RelayUnreachable, match="under way"):
        made.send(here.request())
    with relays.relaying_for(made):
        first.join()
        made.send(here.request())


def test_nobody_waits_for_a_relayer_that_has_ended(commons: testing.Commons) -> None:
    """A call that came after the end is given back, and so is every later one."""
    payer = commons.connect(wallet.Wallet(os.urandom(32)))
    made = relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, relays.QUICK)
    request = relays.Relayed(commons, made, payer).request()
    made.stop()
    with futures.ThreadPoolExecutor(1) as other:
        late = other.submit(made.send, request)
        while made._waiting.qsize() < 2:
            time.sleep(0.001)
        made.run()
        assert isinstance(late.exception(10), errors.RelayUnreachable)
    with pytest.raises(errors.RelayUnreachable, match="has ended"):
        made.send(request)


def test_a_refused_call_does_not_keep_its_sender_waiting(relayed: relays.Relayed) -> None:
    """After a refusal the same sender's next call is taken."""
    with pytest.raises(errors.RelayRefused):
        relayed.made.send(relayed.request(nonce=2**32))
    assert len(relayed.made.send(relayed.request())) == 32


def test_calls_at_once_are_one_transaction(tmp_path: pathlib.Path) -> None:
    """Calls of several members that wait together are sent in one transaction, each in its member's name."""
    commons = testing.Commons(tmp_path)
    try:
        members = [commons.admit(f"member {number}") for number in range(5)]
        payer = commons.connect(wallet.Wallet(os.urandom(32)))
        made = relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, limits.Bounds(gather_seconds=0.5))
        here = relays.Relayed(commons, made, payer)
        requests = [here.request(member.wallet) for member in members]
        told: list[bytes] = []
        with relays.relaying_for(made):
            threads = [threading.Thread(target=lambda each=each: told.append(made.send(each))) for each in requests]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(set(told)) == 1
        assert len(told) == 5
        assert relays.sent(payer) == 1
        view = commons.registrar.view()
        for member, request in zip(members, requests, strict=True):
            assert view.members[member.member_id].newest_profile == request.said.data[4:]
    finally:
        commons.close()


class Cheating:
    """A relayer that answers with a transaction of its choice."""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest

    def send(self, request: relaying.Request) -> bytes:
        """Answer."""
        return self.digest


def test_a_relayer_is_believed_nothing(relayed: relays.Relayed) -> None:
    """A transaction that does not hold the call, or went elsewhere, is found out by what the ledger says of it."""
    digest = relayed.made.send(relayed.request())
    for cheat in (digest, relayed.payer.submit("Membership", "suspend", 77).digest):
        one = client.Client(relayed.commons._connection, relayed.commons.deployment, relayed.member, Cheating(cheat))
        with pytest.raises(errors.RelayOutcomeUnknown, match="may still be carried out until"):
            one.transact("Membership", "setProfile", bytes(32))


BAD_REQUESTS = {
    "empty": b"",
    "a list": b"[]",
    "nested deeply": b"[" * 3000 + b"]" * 3000,
    "a field missing": b'{"value": 0}',
}


@pytest.mark.parametrize("data", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_other_bytes_are_no_request(data: bytes) -> None:
    """Whatever is posted, it is a request or a DecodeError."""
    with pytest.raises(errors.DecodeError):
        relaying.Request.from_json(data)


CHANGES: dict[str, tuple[str, object]] = {
    "a number that is a text": ("gas", "1"),
    "a number that is true": ("gas", True),
    "a negative number": ("nonce", -1),
    "a number beyond a word": ("gas", 2**256),
    "a deadline beyond 48 bits": ("deadline", 2**48),
    "an address cut": ("to", "0x12"),
    "data that is none": ("data", "call"),
    "an unknown field": ("more", 1),
}


@pytest.mark.parametrize(("name", "value"), CHANGES.values(), ids=CHANGES.keys())
def test_other_fields_are_no_request(relayed: relays.Relayed, name: str, value: object) -> None:
    """A request comes back as it was written; with one field of another form it is refused."""
    import json

    request = relayed.request()
    assert relaying.Request.from_json(request.to_json()) == request
    with pytest.raises(errors.DecodeError):
        relaying.Request.from_json(json.dumps(json.loads(request.to_json()) | {name: value}).encode())


def test_a_member_without_coins_acts_on_anvil(start_anvil: Callable[..., str], funded_key: bytes) -> None:
    """On a chain that charges, a wallet without a coin joins and states a problem; the relayer alone pays."""
    connection = rpc.HttpRpc(transport.Transport(start_anvil(), unreachable=errors.LedgerUnreachable))
    rich, poor = wallet.Wallet(funded_key), wallet.Wallet(os.urandom(32))
    nowhere = deployments.Deployment(client.chain_id(connection), 0, {}, {})
    made = deployments.deploy(
        client.Client(connection, nowhere, rich), nowhere.chain_id, operating.founding(rich.address)
    )
    payer = client.Client(connection, made, rich)

    def now() -> float:
        return float(int(rpc.call(connection, "eth_getBlockByNumber", ["latest", False])["timestamp"], 16))

    with relays.relaying_for(relayer.Relayer(payer, relays.place_of(payer), now, relays.QUICK)) as relay:
        one = client.Client(connection, made, poor, relay)
        one.check()
        desk = office.Desk(one, memory.MemoryStore())
        desk.apply(poor.address, b"\x01" * 32, os.urandom(32), b"\x02" * 32)
        office.Desk(client.Client(connection, made, rich), memory.MemoryStore()).admit(poor.address)
        problem = desk.state_problem(PROBLEM, int(now()) + 86_400)
    assert desk.view().problems[problem].owner == 1
    assert rpc.number(rpc.call(connection, "eth_getBalance", [ids.format_id(poor.address), "latest"])) == 0
    with pytest.raises(errors.SenderUnderfunded):
        client.Client(connection, made, poor).transact("Membership", "setProfile", bytes(32))
