"""A relayer's purse: what strangers and members can make it pay is bounded, and nobody can shut the others out."""

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from typing import Any

import pytest
from tests.ledger import relays

from aicommons import testing
from aicommons.domain import errors, ids
from aicommons.ledger import bounds as limits
from aicommons.ledger import client, contracts, courier, relayer, relaying, sending, wallet

TOKEN = ids.Address(b"\x66" * 20)


@pytest.fixture
def relayed(commons: testing.Commons) -> Iterator[relays.Relayed]:
    """A relayer that pays with a wallet of its own."""
    commons.clock.advance(61)  # what an earlier test used up is over
    with relays.opened(commons) as made:
        yield made


def key() -> wallet.Wallet:
    """Return a throw-away key."""
    return wallet.Wallet(os.urandom(32))


Made = Callable[[wallet.Wallet], dict[str, Any]]
STRANGE: dict[str, tuple[str, Made]] = {
    "a token that runs any code": (
        "Vault",
        lambda _: {"gas": 300_000, "data": contracts.call_data("Vault", "deposit", (TOKEN, 1))},
    ),
    "a call of the vault that costs by its length": (
        "Vault",
        lambda by: {"data": contracts.call_data("Vault", "setOperator", (by.address, True)).ljust(65_536, b"\x01")},
    ),
    "a call that means nothing": ("Membership", lambda _: {"data": b"\x01\x02\x03\x04"}),
    "a member's call": ("Membership", lambda _: {"data": contracts.call_data("Membership", "leave", ())}),
    "a long application": (
        "Membership",
        lambda by: {"data": relays.application(by).ljust(limits.Bounds().stranger_data + 1, b"\x01")},
    ),
    "an application with much gas": (
        "Membership",
        lambda by: {"data": relays.application(by), "gas": limits.Bounds().stranger_gas + 1},
    ),
    "an application elsewhere": ("Attestations", lambda by: {"data": relays.application(by)}),
}


@pytest.mark.parametrize(("contract", "make"), STRANGE.values(), ids=STRANGE.keys())
def test_of_strangers_only_applications_are_taken(relayed: relays.Relayed, contract: str, make: Made) -> None:
    """Somebody who is no member can make the relayer pay for a short, cheap application and for nothing else."""
    by = key()
    with pytest.raises(errors.RelayRefused, match="no member, only applications"):
        relayed.made.send(relayed.request(by, to=relayed.payer.address_of(contract), **make(by)))
    assert relays.sent(relayed.payer) == 0


def test_an_application_fits_its_bounds(relayed: relays.Relayed) -> None:
    """What a client signs for an application is within what is taken of a stranger, with room to spare."""
    one, usual = key(), limits.Bounds()
    forwarder, to = relayed.payer.address_of("Forwarder"), relayed.payer.address_of("Membership")
    call = sending.Outgoing(to, relays.application(one))
    said, _ = courier.prepare(relayed.commons._connection, forwarder, one.address, call)
    assert len(said.data) < usual.stranger_data
    assert said.gas < usual.stranger_gas * 3 // 4
    relayed.made.send(relaying.sign(one, relays.place_of(relayed.payer), said))


FOREIGN = [(name, function) for name, functions in contracts.FOREIGN_CODE.items() for function in sorted(functions)]


@pytest.mark.parametrize(("name", "function"), FOREIGN)
def test_code_of_others_gets_little_gas(relayed: relays.Relayed, name: str, function: str) -> None:
    """A member's call in which code of others runs is taken up to a small bound of gas, because such code uses up what it gets."""
    entry = contracts.load(name).functions[function]
    request = relayed.request(to=relayed.payer.address_of(name), data=entry.key, gas=limits.Bounds().foreign_gas + 1)
    with pytest.raises(errors.RelayRefused, match="code of others"):
        relayed.made.send(request)


def test_a_members_gas_has_a_rate(commons: testing.Commons) -> None:
    """A member's calls of a minute are bounded by their gas together, with what their bytes cost, and not by their number alone."""
    bounds = limits.Bounds(gather_seconds=0.0, member_gas=1_000_000)
    commons.clock.advance(61)
    with relays.opened(commons, bounds) as here:
        here.made.send(here.request(gas=600_000))
        with pytest.raises(errors.RelayUnreachable, match="more than 1000000 gas of member 1"):
            here.made.send(here.request(gas=400_000))
        long = contracts.call_data("Membership", "setProfile", (bytes(32),)).ljust(9_000, b"\x01")
        with pytest.raises(errors.RelayUnreachable, match="more than 1000000 gas of member 1"):
            here.made.send(here.request(gas=200_000, data=long))
        here.made.send(here.request(gas=200_000))
        commons.clock.advance(61)
        here.made.send(here.request(gas=600_000))


def test_calls_that_fail_shut_nobody_out(relayed: relays.Relayed) -> None:
    """Failing calls of throw-away keys cost their sender nothing, so they take nothing from what applicants share."""
    usual = limits.Bounds()
    known = relays.application(relayed.member)  # with a node key that is another member's
    relayed.made.send(relayed.request(data=contracts.call_data("Membership", "setNodeKey", (relayed.member.address,))))
    for _ in range(2 * usual.strangers):
        with pytest.raises(errors.LedgerRefused, match="MembershipNodeKeyUsed"):
            relayed.made.send(relayed.request(key(), data=known))
    applicant = key()
    relayed.made.send(relayed.request(applicant, data=relays.application(applicant)))


def test_one_sender_cannot_ask_for_ever(commons: testing.Commons) -> None:
    """Calls of one sender that fail are bounded too, because each costs the relayer's ledger an answer."""
    with relays.opened(commons, dataclasses.replace(relays.QUICK, failures=3)) as here:
        for _ in range(3):
            with pytest.raises(errors.LedgerRefused):
                here.made.send(here.request(nonce=99))
        with pytest.raises(errors.RelayUnreachable, match="3 calls of this sender failed"):
            here.made.send(here.request())
        commons.clock.advance(61)
        here.made.send(here.request())


def test_throw_away_keys_are_forgotten(relayed: relays.Relayed) -> None:
    """What is remembered of senders is as old as a minute, however many keys there were."""
    for _ in range(30):
        with pytest.raises(errors.RelayRefused):
            relayed.made.send(relayed.request(key()))
    assert len(relayed.made._failed._taken) == 30
    relayed.commons.clock.advance(61)
    with pytest.raises(errors.RelayRefused):
        relayed.made.send(relayed.request(key()))
    assert len(relayed.made._failed._taken) == 1


def test_a_call_is_tried_with_the_gas_that_was_signed(relayed: relays.Relayed) -> None:
    """A call that has too little gas to succeed is not sent: it would fail on the chain and be paid for."""
    for gas in (1, 30_000):
        with pytest.raises(errors.LedgerRefused):
            relayed.made.send(relayed.request(gas=gas))
    assert relays.sent(relayed.payer) == 0
    relayed.made.send(relayed.request(gas=100_000))


class Ledger:
    """A relayer's client whose way of sending a test decides."""

    def __init__(self, inner: client.Client, submit: Callable[..., sending.Receipt] | None = None) -> None:
        self._inner = inner
        self.address = inner.address
        self.address_of = inner.address_of
        self.member_of = inner.member_of
        self.call = inner.call
        self.attempt = inner.attempt
        self.submit = submit or inner.submit

    def relayed_places(self) -> Mapping[ids.Address, str]:
        """Return what can be relayed."""
        return self._inner.relayed_places()


def waiting_for(made: relayer.Relayer, count: int) -> None:
    """Wait until so many calls are in the queue."""
    while made._waiting.qsize() < count:
        time.sleep(0.001)


def test_an_equal_request_waits_with_the_first(commons: testing.Commons) -> None:
    """The same signed call that comes again while it is under way is carried out once, and both get its transaction."""
    payer = commons.connect(key())
    made = relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, relays.QUICK)
    request = relays.Relayed(commons, made, payer).request()
    with futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(made.send, request)
        waiting_for(made, 1)
        again = pool.submit(made.send, request)
        with relays.relaying_for(made):
            assert first.result(10) == again.result(10)
    assert relays.sent(payer) == 1


def test_an_expired_call_is_not_sent(commons: testing.Commons) -> None:
    """A call whose deadline passed while it waited is not paid for, and its sender is told; the others of its batch are sent."""
    other = commons.admit("other")
    payer = commons.connect(key())
    made = relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, limits.Bounds(gather_seconds=0.2))
    here = relays.Relayed(commons, made, payer)
    with futures.ThreadPoolExecutor(2) as pool:
        late = pool.submit(made.send, here.request(deadline=int(commons.clock.now()) + 30))
        waiting_for(made, 1)
        good = pool.submit(made.send, here.request(other.wallet))
        waiting_for(made, 2)
        commons.clock.advance(31)
        with relays.relaying_for(made):
            assert len(good.result(10)) == 32
            with pytest.raises(errors.RelayUnreachable, match="deadline passed") as caught:
                late.result(10)
            assert not isinstance(caught.value, errors.RelayOutcomeUnknown)
    assert relays.sent(payer) == 1


FAILURES: dict[str, tuple[Exception, type[errors.CommonsError]]] = {
    "a defect": (ZeroDivisionError("a defect"), errors.RelayOutcomeUnknown),
    "a ledger that does not answer": (errors.LedgerUnreachable("gone"), errors.RelayOutcomeUnknown),
    "a ledger that contradicts itself": (errors.LedgerMismatch("what"), errors.RelayOutcomeUnknown),
    "an empty purse": (errors.SenderUnderfunded("poor", missing=1), errors.SenderUnderfunded),
    "a tip that is too high": (errors.FeeTooHigh("dear"), errors.FeeTooHigh),
}


@pytest.mark.parametrize(("failure", "told"), FAILURES.values(), ids=FAILURES.keys())
def test_whatever_goes_wrong_with_a_batch_the_next_is_sent(
    commons: testing.Commons, failure: Exception, told: type[errors.CommonsError]
) -> None:
    """A batch that fails is answered by what is known of it, also where it is a defect of ours, and later calls are carried out."""
    payer = commons.connect(key())
    left = [failure]

    def submit(*values: Any) -> sending.Receipt:
        if left:
            raise left.pop()
        return payer.submit(*values)

    made = relayer.Relayer(Ledger(payer, submit), relays.place_of(payer), commons.clock.now, relays.QUICK)
    here = relays.Relayed(commons, made, payer)
    with relays.relaying_for(made):
        with pytest.raises(told) as caught:
            made.send(here.request())
        assert type(caught.value) is told
        assert len(made.send(here.request())) == 32


def test_stopping_a_relayer_whose_thread_died_does_not_hang(commons: testing.Commons) -> None:
    """``stop`` returns also when nobody empties a full queue any more."""
    payer = commons.connect(key())
    bounds = dataclasses.replace(relays.QUICK, queue=1)
    made = relayer.Relayer(payer, relays.place_of(payer), commons.clock.now, bounds)
    made.stop()
    made.run()
    for _ in range(3):
        ended = threading.Thread(target=made.stop)
        ended.start()
        ended.join(5)
        assert not ended.is_alive()
