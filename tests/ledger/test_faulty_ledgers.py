"""The client on the embedded ledger and on anvil behind a faulty wire: lost, doubled, late answers and real reorganisations.

The truth in the end, and nothing twice. Faults of a chain's content are in ``test_faulty_chains``.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from tests.ledger import anvils, faults

from aicommons import operating, testing
from aicommons.domain import errors, events, ids
from aicommons.ledger import client, deployments, failover, finality, rpc, sending, wallet
from aicommons.ledger.bindings import membership
from aicommons.ledger.embedded import chain
from aicommons.protocol import view as views
from aicommons.store import transport

CHAIN = chain.DEFAULT_CHAIN_ID
NOWHERE = deployments.Deployment(CHAIN, 0, {}, {})


class World(Protocol):
    """A ledger with a commons on it."""

    deployment: deployments.Deployment
    wire: rpc.Rpc

    def mine(self, blocks: int) -> None:
        """Add blocks."""


class Embedded:
    """The embedded ledger."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.ledger = testing.LocalLedger(folder / "ledger", testing.ManualClock())
        self.wire: rpc.Rpc = rpc.LocalRpc(self.ledger.handle)
        self.deployment = found(self.wire)

    def close(self) -> None:
        """Close its file."""
        self.ledger.close()


class Anvil:
    """Anvil over HTTP, as any other chain is used."""

    def __init__(self, url: str) -> None:
        self.wire: rpc.Rpc = rpc.HttpRpc(transport.Transport(url, unreachable=errors.LedgerUnreachable))
        self.deployment = found(self.wire)

    def mine(self, blocks: int) -> None:
        """Add empty blocks."""
        rpc.call(self.wire, "anvil_mine", [hex(blocks)])

    def snapshot(self) -> object:
        """Return the state to come back to."""
        return rpc.call(self.wire, "evm_snapshot", [])

    def take_back(self, snapshot: object, blocks: int) -> None:
        """Take everything back that came after a snapshot, and go on with other blocks, which have other times."""
        assert rpc.call(self.wire, "evm_revert", [snapshot]) is True
        rpc.call(self.wire, "evm_increaseTime", [hex(1_000)])
        self.mine(blocks)


def found(wire: rpc.Rpc) -> deployments.Deployment:
    """Return a new commons."""
    operator = wallet.Wallet(b"\x31" * 32)
    return deployments.deploy(client.Client(wire, NOWHERE, operator), CHAIN, operating.founding(operator.address))


@pytest.fixture(scope="module")
def anvil(anvil_binary: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """A commons on anvil."""
    report = tmp_path_factory.mktemp("anvil") / "log"
    with anvils.running(anvil_binary, report, *anvils.LIKE_OURS, chain_id=CHAIN) as url:
        yield Anvil(url)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A commons on the embedded ledger."""
    with contextlib.closing(Embedded(tmp_path_factory.mktemp("embedded"))) as made:
        yield made


@pytest.fixture(params=["embedded", "anvil"])
def world(request: pytest.FixtureRequest) -> Any:
    """Each of them."""
    return request.getfixturevalue(request.param)


class Known:
    """What a node knows: a view that begins anew when the chain takes something back."""

    def __init__(self, wire: rpc.Rpc, deployment: deployments.Deployment, counted: str = "0") -> None:
        habits = sending.Habits(counted=finality.Finality.parse(counted))
        self.client = client.Client(wire, deployment, wallet.Wallet(os.urandom(32)), habits=habits)
        self.view = views.LedgerView()
        self.rebuilt = 0

    def look(self) -> views.LedgerView:
        """Poll once."""
        try:
            self.view = views.fold(self.view, self.client.poll())
        except errors.LedgerReorganised:
            self.rebuilt, self.view = self.rebuilt + 1, views.LedgerView()
            self.view = views.fold(self.view, self.client.poll())
        return self.view


def apply(wire: rpc.Rpc, deployment: deployments.Deployment, signer: wallet.Wallet) -> None:
    """Ask for membership, which says something on the ledger in one transaction."""
    made = hashlib.sha256(signer.address)
    one = client.Client(wire, deployment, signer, habits=sending.Habits(pause=lambda _: None))
    membership.Membership(one).apply_as(
        membership.Kind.PERSON, ids.Address(made.digest()[:20]), made.digest(), made.digest(), profile=bytes(32)
    )


Weather = Callable[[faults.Faulty], None]


def loses(count: int) -> Weather:
    """Return weather in which answers are lost that the ledger gave."""
    return lambda wire: setattr(wire, "loses", count)


def late(wire: faults.Faulty) -> None:
    """Let each transaction be unknown for a while after it was recorded."""
    left = iter(range(4))

    def fault(call: faults.Call, answer: Any) -> Any:
        return None if call["method"] == "eth_getTransactionReceipt" and next(left, None) is not None else answer

    wire.fault = fault


WEATHERS: dict[str, Weather] = {
    "the first answer is lost": loses(1),
    "two answers are lost": loses(2),
    "each request comes twice": lambda wire: setattr(wire, "is_doubled", True),
    "receipts come late": late,
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS.keys())
def test_one_call_is_one_transaction(world: World, weather: Weather) -> None:
    """Whatever happens to answers on the way, a call is recorded once, and its sender learns so."""
    signer, wire = wallet.Wallet(os.urandom(32)), faults.Faulty(world.wire)
    client.Client(wire, world.deployment, signer).check()
    weather(wire)
    apply(wire, world.deployment, signer)
    count = rpc.call(world.wire, "eth_getTransactionCount", [ids.format_id(signer.address), "latest"])
    assert rpc.number(count) == 1
    assert signer.address in Known(world.wire, world.deployment).look().applied


def test_what_is_cut_for_good_is_told(world: World) -> None:
    """When the wire breaks for good, the caller is told so, and asking again later does it once."""
    signer, wire = wallet.Wallet(os.urandom(32)), faults.Faulty(world.wire)

    def breaks(call: faults.Call, answer: Any) -> Any:
        wire.is_cut = call["method"] == "eth_sendRawTransaction"
        if wire.is_cut:
            raise errors.LedgerUnreachable("cut")
        return answer

    wire.fault = breaks
    with pytest.raises(errors.LedgerUnreachable):
        apply(wire, world.deployment, signer)
    wire.fault, wire.is_cut = None, False
    with contextlib.suppress(errors.LedgerRefused):  # refused where it was recorded: one applies once
        apply(wire, world.deployment, signer)
    assert signer.address in Known(world.wire, world.deployment).look().applied


def test_two_endpoints_know_what_one_knows(world: World) -> None:
    """Read through two endpoints of which the preferred one comes and goes, everything is known that one honest one tells."""
    first = faults.Faulty(world.wire)
    now = [0.0]
    both = failover.FailoverRpc(
        {"a": first, "b": world.wire}, lambda one: client.check_place(one, world.deployment), clock=lambda: now[0]
    )
    known = Known(both, world.deployment)
    for is_cut in (False, True, False, True):
        first.is_cut = is_cut
        now[0] += 1_000.0
        apply(both, world.deployment, wallet.Wallet(os.urandom(32)))
        assert known.look() == Known(world.wire, world.deployment).look()
    assert known.rebuilt == 0


def test_an_endpoint_with_other_code_is_refused(world: World) -> None:
    """An endpoint of the same chain id that has other contracts is never asked for anything else."""
    liar = faults.Faulty(world.wire, faults.at("eth_getCode", lambda code: code[:-2] + "00"))
    both = failover.FailoverRpc({"a": liar, "b": world.wire}, lambda one: client.check_place(one, world.deployment))
    Known(both, world.deployment).look()
    assert set(liar.asked) == {"eth_chainId", "eth_getCode"}


DEPTHS = {"nothing that was read": ("4", 3, 0), "what was read": ("1", 3, 1)}


@pytest.mark.parametrize(("counted", "blocks", "rebuilt"), DEPTHS.values(), ids=DEPTHS.keys())
def test_a_real_reorganisation(anvil: Anvil, counted: str, blocks: int, rebuilt: int) -> None:
    """When anvil takes blocks back, a node knows in the end what the chain says, and what it said before only while it did."""
    deployment = dataclasses.replace(anvil.deployment, confirmations=finality.Finality(12))
    gone, stays = wallet.Wallet(os.urandom(32)), wallet.Wallet(os.urandom(32))
    known = Known(anvil.wire, deployment, counted)
    anvil.mine(20)
    known.look()
    snapshot = anvil.snapshot()
    apply(anvil.wire, anvil.deployment, gone)
    anvil.mine(blocks - 1)
    assert (gone.address in known.look().applied) == bool(rebuilt)
    anvil.take_back(snapshot, blocks)
    apply(anvil.wire, anvil.deployment, stays)
    anvil.mine(5)
    known.look()
    assert known.rebuilt == rebuilt
    assert stays.address in known.view.applied
    assert gone.address not in known.view.applied
    assert known.view == Known(anvil.wire, deployment, counted).look()


def test_deeper_than_the_chain_may(anvil: Anvil) -> None:
    """When anvil takes back more than the deployment says, the node stops with LedgerMismatch and knows what it knew."""
    deployment = dataclasses.replace(anvil.deployment, confirmations=finality.Finality(3))
    known = Known(anvil.wire, deployment, "3")
    snapshot = anvil.snapshot()
    anvil.mine(10)
    before = known.look()
    anvil.take_back(snapshot, 12)
    with pytest.raises(errors.LedgerMismatch, match="took back blocks that were final"):
        known.look()
    assert known.view == before


def test_a_transaction_that_anvil_takes_back_is_given_again(anvil: Anvil) -> None:
    """Between receipt and depth the chain takes the transaction back: it is given again, and recorded once in the end."""
    signer, told = wallet.Wallet(os.urandom(32)), list[str]()
    snapshot: list[object] = [anvil.snapshot()]

    def pause(_: float) -> None:
        """Each wait is a block; at the second one everything since the snapshot is taken back."""
        anvil.mine(1)
        if snapshot and len(told) == 2:
            anvil.take_back(snapshot.pop(), 1)

    habits = sending.Habits(counted=finality.Finality(4), pause=pause, tell=told.append)
    one = client.Client(anvil.wire, anvil.deployment, signer, habits=habits)
    made = hashlib.sha256(signer.address).digest()
    membership.Membership(one).apply_as(membership.Kind.PERSON, ids.Address(made[:20]), made, made, profile=bytes(32))
    assert any("taken back" in words or "took the transaction back" in words for words in told)
    assert one.nonce() == 1
    applied = [
        each for each in Known(anvil.wire, anvil.deployment).client.poll() if isinstance(each, events.MemberApplied)
    ]
    assert [each.applicant for each in applied].count(signer.address) == 1


def test_every_block_of_a_real_ledger_tells_what_its_bloom_says(world: World) -> None:
    """On real ledgers blooms, receipts and logs agree: read with all checks, block by block, nothing is doubted."""
    deployment = dataclasses.replace(world.deployment, confirmations=finality.TWELVE)
    whole = Known(world.wire, world.deployment).client.poll()
    head = rpc.number(rpc.call(world.wire, "eth_blockNumber", []))
    wire = faults.Faulty(world.wire)
    careful, found_there = Known(wire, deployment), list[events.Event]()
    for last in range(0, head + 1, 7):
        wire.fault = faults.at("eth_getBlockByNumber", lambda block: block)
        wire.inner = _until(world.wire, min(last, head))
        found_there += careful.client.poll()
    wire.inner = world.wire
    found_there += careful.client.poll()
    assert [(each.at.block, each.at.index) for each in found_there] == [
        (each.at.block, each.at.index) for each in whole
    ]


def _until(wire: rpc.Rpc, head: int) -> rpc.Rpc:
    """Return a ledger as it was when a block was its newest."""

    def handle(payload: bytes) -> bytes:
        calls = json.loads(payload)
        for call in calls:
            if call["method"] == "eth_getBlockByNumber" and call["params"][0] == "latest":
                call["params"][0] = hex(head)
        return wire.exchange(json.dumps(calls).encode())

    return rpc.LocalRpc(handle)
