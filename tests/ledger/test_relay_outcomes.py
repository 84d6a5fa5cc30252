"""What became of a relayed call: the client asks the ledger before it says anything, and never signs the same call twice by mistake."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from aicommons import testing
from aicommons.domain import errors
from aicommons.ledger import client, courier, relaying, rpc, wallet

UNKNOWN = errors.RelayOutcomeUnknown("no answer in time")


class Relay:
    """A relayer between a member and a chain, of whom a test says what it does with each call in turn.

    Args:
        payer: whose wallet sends.
        acts: what is done with the first call, the second and so on; after them every call is carried out.
    """

    def __init__(self, payer: client.Client, *acts: Callable[["Relay", relaying.Request], None]) -> None:
        self.payer = payer
        self.acts = list(acts)
        self.seen: list[relaying.Request] = []

    def send(self, request: relaying.Request) -> bytes:
        """Do what the test says."""
        self.seen.append(request)
        if self.acts:
            self.acts.pop(0)(self, request)
        return self.carry_out(request)

    def carry_out(self, request: relaying.Request) -> bytes:
        """Send a call."""
        return self.payer.submit("Forwarder", "executeBatch", [request.values()], self.payer.address).digest


def lose(_: Relay, __: relaying.Request) -> None:
    """Take a call, keep it, and never answer."""
    raise UNKNOWN


def lose_the_answer(relay: Relay, request: relaying.Request) -> None:
    """Carry a call out and never answer."""
    relay.carry_out(request)
    raise UNKNOWN


def deny(relay: Relay, request: relaying.Request) -> None:
    """Carry a call out and say that it was refused."""
    relay.carry_out(request)
    raise errors.RelayRefused("no")


def turn_away(_: Relay, __: relaying.Request) -> None:
    """Say that a call was not taken."""
    raise errors.RelayUnreachable("too many calls")


class World:
    """A member, its relayed client, and a relayer."""

    def __init__(self, commons: testing.Commons, *acts: Callable[[Relay, relaying.Request], None]) -> None:
        self.commons = commons
        self.member = commons.members[0]
        self.relay = Relay(commons.connect(wallet.Wallet(os.urandom(32))), *acts)
        signer = self.member.wallet
        self.client = client.Client(commons._connection, commons.deployment, signer, self.relay)
        self.before = self.count()

    def count(self) -> int:
        """Return how many of the member's relayed calls were carried out."""
        return int(str(self.relay.payer.call("Forwarder", "nonces", self.member.wallet.address)[0]))

    @property
    def done(self) -> int:
        """Return how many since the beginning."""
        return self.count() - self.before

    def act(self, profile: bytes = b"\x05" * 32) -> None:
        """Make a call that may be made any number of times."""
        self.client.transact("Membership", "setProfile", profile)


LOST = {"the answer was lost": lose_the_answer, "the relayer denies it": deny}


@pytest.mark.parametrize("act", LOST.values(), ids=LOST.keys())
def test_what_was_carried_out_is_no_failure(commons: testing.Commons, act: Any) -> None:
    """A call that the ledger has was done, whatever the relayer says or does not say: nobody is told to repeat it."""
    world = World(commons, act)
    world.act()
    assert world.done == 1
    assert len(world.relay.seen) == 1


def test_what_failed_is_told_by_the_contracts_error(commons: testing.Commons) -> None:
    """A call that was carried out and failed, with the answer lost, is refused by the contract's name."""
    operator = commons.connect(commons.operator)

    def fail(relay: Relay, request: relaying.Request) -> None:
        operator.transact("Membership", "suspend", 1)
        relay.carry_out(request)
        raise UNKNOWN

    world = World(commons, fail)
    try:
        with pytest.raises(errors.LedgerRefused) as refused:
            world.act()
        assert refused.value.error == "MembershipNotActive"
        assert world.done == 1
    finally:
        operator.transact("Membership", "reinstate", 1)


def test_what_is_not_known_is_said_with_its_time(commons: testing.Commons) -> None:
    """A call that a relayer may still carry out is told so, with the time until which it may, and not as one that failed."""
    world = World(commons, lose)
    with pytest.raises(
        errors.RelayOutcomeUnknown, match=r"it may still be carried out until .* UTC; do not repeat before"
    ) as caught:
        world.act()
    assert caught.value.delay == courier.DEADLINE_SECONDS
    assert "UTC whether it was done" in str(caught.value.next_step)


def test_what_is_not_known_is_handed_over_as_it_was(commons: testing.Commons) -> None:
    """The same call that is asked for again is the one that was signed: it is carried out once."""
    world = World(commons, lose)
    with pytest.raises(errors.RelayOutcomeUnknown):
        world.act()
    world.act()
    assert world.relay.seen[0] == world.relay.seen[1]
    assert world.done == 1
    world.act()
    assert world.done == 2


def test_what_was_carried_out_meanwhile_is_not_done_again(commons: testing.Commons) -> None:
    """A call that the relayer carried out later is found done when it is asked for again."""
    world = World(commons, lose)
    with pytest.raises(errors.RelayOutcomeUnknown):
        world.act()
    world.relay.carry_out(world.relay.seen[0])
    world.act()
    assert (world.done, len(world.relay.seen)) == (1, 1)


def test_another_call_does_not_wait(commons: testing.Commons) -> None:
    """A different call is signed under the same number: only one of both can ever be carried out."""
    world = World(commons, lose)
    with pytest.raises(errors.RelayOutcomeUnknown):
        world.act()
    world.act(b"\x06" * 32)
    first, second = world.relay.seen
    assert first.said.nonce == second.said.nonce
    world.relay.carry_out(first)
    assert world.done == 1


def test_after_its_time_a_call_is_signed_anew(commons: testing.Commons) -> None:
    """When the deadline is past on the ledger, nobody can carry the old one out: the call is signed again."""
    world = World(commons, lose)
    with pytest.raises(errors.RelayOutcomeUnknown):
        world.act()
    commons.clock.advance(courier.DEADLINE_SECONDS + 1)
    world.relay.payer.send_to(world.relay.payer.address, b"")
    world.act()
    first, second = world.relay.seen
    assert first.said.deadline < second.said.deadline
    assert world.done == 1


def test_a_number_that_another_program_used(commons: testing.Commons) -> None:
    """When another program's call with the same key took the number, ours never will be carried out, and may be repeated."""

    def overtake(relay: Relay, _: relaying.Request) -> None:
        other = World(commons)
        other.act(b"\x09" * 32)
        raise UNKNOWN

    world = World(commons, overtake)
    with pytest.raises(errors.RelayUnreachable, match="never will be") as caught:
        world.act()
    assert type(caught.value) is errors.RelayUnreachable
    assert world.done == 1


def test_what_was_not_taken_may_be_repeated_at_once(commons: testing.Commons) -> None:
    """A relayer that says beforehand that it takes no call leaves nothing open."""
    world = World(commons, turn_away)
    with pytest.raises(errors.RelayUnreachable, match="too many calls") as caught:
        world.act()
    assert type(caught.value) is errors.RelayUnreachable
    assert world.done == 0


SILENT: dict[str, Callable[[bytes], bytes]] = {
    "it does not show the log": lambda told: told.replace(b'"topics":["0x', b'"topics":["0xff'),
    "it does not answer": lambda _: b"",
}


@pytest.mark.parametrize("change", SILENT.values(), ids=SILENT.keys())
def test_a_ledger_that_does_not_say_leaves_it_open(commons: testing.Commons, change: Callable[[bytes], bytes]) -> None:
    """Where the ledger does not tell what became of a call, nothing is claimed."""
    is_silent = []

    def handle(payload: bytes) -> bytes:
        told = commons._connection.exchange(payload)
        return change(told) if is_silent else told

    def act(relay: Relay, request: relaying.Request) -> None:
        is_silent.append(True)
        lose_the_answer(relay, request)

    relay = Relay(commons.connect(wallet.Wallet(os.urandom(32))), act)
    one = client.Client(rpc.LocalRpc(handle), commons.deployment, commons.members[0].wallet, relay)
    with pytest.raises(errors.RelayOutcomeUnknown, match="may still be carried out"):
        one.transact("Membership", "setProfile", bytes(32))
