"""Founding on a chain: goes on after any interruption, is never made twice, and gives whoever pays no power."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Iterator

import pytest

from aicommons import operating, testing
from aicommons.domain import errors, ids
from aicommons.ledger import client, contracts, deployments, founding, rpc, wallet
from aicommons.ledger.embedded import chain
from aicommons.store import transport

NOWHERE = deployments.Deployment(chain.DEFAULT_CHAIN_ID, 0, {}, {})
CHAIN = NOWHERE.chain_id


@pytest.fixture
def ledger(tmp_path: pathlib.Path) -> Iterator[testing.LocalLedger]:
    """A ledger without contracts."""
    made = testing.LocalLedger(tmp_path / "ledger", testing.ManualClock())
    yield made
    made.close()


class Cut:
    """A connection that breaks for good at the n-th transaction, before or after the ledger has it."""

    def __init__(self, handle: Callable[[bytes], bytes], *, at: int, is_lost_answer: bool) -> None:
        self._handle = handle
        self._at = at
        self._is_lost_answer = is_lost_answer
        self._sent = 0

    def exchange(self, payload: bytes) -> bytes:
        """Pass on, until it breaks."""
        self._sent += b"eth_sendRawTransaction" in payload
        if self._sent > self._at:
            if self._is_lost_answer and self._sent == self._at + 1:
                self._handle(payload)
                self._sent += 1
            raise errors.LedgerUnreachable("cut")
        return self._handle(payload)


def connect(ledger: testing.LocalLedger, signer: wallet.Wallet, connection: rpc.Rpc | None = None) -> client.Client:
    """Return a client of a ledger that knows no contracts."""
    return client.Client(connection or rpc.LocalRpc(ledger.handle), NOWHERE, signer)


def test_a_second_run_finds_everything(ledger: testing.LocalLedger) -> None:
    """All contracts are created once, with the package's code; a second run creates none and says the same."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    begun = founding.begin(connect(ledger, signer), CHAIN, terms)
    told: list[str] = []
    first = founding.go_on(connect(ledger, signer), begun, terms, told.append)
    again = founding.go_on(connect(ledger, signer), begun, terms)
    assert first.created == tuple(told) == contracts.NAMES
    assert again.created == ()
    assert again.deployment == first.deployment
    assert connect(ledger, signer).nonce() == len(contracts.NAMES)
    client.Client(rpc.LocalRpc(ledger.handle), first.deployment, signer).check()


@pytest.mark.slow("founds a commons once for each of its contracts")
@pytest.mark.parametrize("is_lost_answer", [False, True], ids=["before it is sent", "after it is recorded"])
@pytest.mark.parametrize("at", range(len(contracts.NAMES)))
def test_an_interrupted_founding_goes_on(ledger: testing.LocalLedger, at: int, *, is_lost_answer: bool) -> None:
    """Wherever the connection breaks, the next run creates only what is missing, at the places that were foreseen."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    begun = founding.begin(connect(ledger, signer), CHAIN, terms)
    cut = Cut(ledger.handle, at=at, is_lost_answer=is_lost_answer)
    with pytest.raises(errors.LedgerUnreachable, match="cut"):
        founding.go_on(connect(ledger, signer, cut), begun, terms)
    kept = founding.Begun.from_json(begun.to_json())
    made = founding.go_on(connect(ledger, signer), kept, terms)
    assert made.created == contracts.NAMES[at + is_lost_answer :]
    assert dict(made.deployment.addresses) == deployments.places(signer.address)
    assert connect(ledger, signer).nonce() == len(contracts.NAMES)


def test_founders_are_members_from_the_beginning(ledger: testing.LocalLedger, tmp_path: pathlib.Path) -> None:
    """Founders of the configuration are members once it stands; the wallet that deployed is none."""
    keys = [wallet.Wallet(os.urandom(32)) for _ in range(2)]
    file = tmp_path / "commons.toml"
    file.write_text(
        "".join(
            f'[[founders]]\naccount = "{ids.format_id(key.address)}"\nnode_key = "0x{os.urandom(20).hex()}"\n'
            f'reader_point = "{"01" * 32}"\ncredential = "{os.urandom(32).hex()}"\n'
            for key in keys
        )
    )
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address, file)
    made = founding.go_on(connect(ledger, signer), founding.begin(connect(ledger, signer), CHAIN, terms), terms)
    reader = client.Client(rpc.LocalRpc(ledger.handle), made.deployment, signer)
    assert [reader.member_of(key.address) for key in keys] == [1, 2]
    assert reader.member_of(signer.address) is None


def test_a_wallet_that_was_used_before(ledger: testing.LocalLedger) -> None:
    """The places follow from the number that the wallet's transactions had reached."""
    signer = wallet.Wallet(os.urandom(32))
    connect(ledger, signer).send_to(ids.Address(b"\x07" * 20), b"")
    terms = operating.founding(signer.address)
    begun = founding.begin(connect(ledger, signer), CHAIN, terms)
    made = founding.go_on(connect(ledger, signer), begun, terms)
    assert (begun.first_nonce, begun.first_block) == (1, 1)
    assert made.deployment.first_block == 1
    assert made.deployment.addresses["Forwarder"] == deployments.places(signer.address, 1)["Forwarder"]


@pytest.mark.parametrize("done", [0, 3])
def test_a_foreign_transaction_in_between(ledger: testing.LocalLedger, done: int) -> None:
    """When the wallet sent something else meanwhile, no address can be kept: it is said, and nothing more is created."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    begun = founding.begin(connect(ledger, signer), CHAIN, terms)
    if done:
        with pytest.raises(errors.LedgerUnreachable):
            founding.go_on(connect(ledger, signer, Cut(ledger.handle, at=done, is_lost_answer=False)), begun, terms)
    connect(ledger, signer).send_to(ids.Address(b"\x07" * 20), b"")
    with pytest.raises(errors.DeploymentConflict, match="another transaction") as caught:
        founding.go_on(connect(ledger, signer), begun, terms)
    assert caught.value.which == f"{contracts.NAMES[done]}, transaction {done}"
    assert connect(ledger, signer).nonce() == done + 1


def test_a_foreign_transaction_while_it_runs(ledger: testing.LocalLedger) -> None:
    """A transaction of another program that comes just before ours is noticed too."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    other = connect(ledger, signer)
    seen: list[bytes] = []

    def handle(payload: bytes) -> bytes:
        if b"eth_sendRawTransaction" in payload:
            seen.append(payload)
            if len(seen) == 2:
                other.send_to(ids.Address(b"\x07" * 20), b"")
        return ledger.handle(payload)

    one = connect(ledger, signer, rpc.LocalRpc(handle))
    with pytest.raises(errors.DeploymentConflict, match="another transaction"):
        founding.go_on(one, founding.begin(one, CHAIN, terms), terms)


def test_our_own_transaction_is_no_foreign_one(ledger: testing.LocalLedger) -> None:
    """A ledger that took the transaction twice, and refuses the second without the first's receipt, stops nothing."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    refused: list[bytes] = []

    def handle(payload: bytes) -> bytes:
        told = ledger.handle(payload)
        if b"eth_sendRawTransaction" not in payload or refused:
            return told
        refused.append(payload)
        error = {"code": -32000, "message": "nonce too low"}
        return json.dumps([{"id": each["id"], "error": error} for each in json.loads(told)]).encode()

    one = connect(ledger, signer, rpc.LocalRpc(handle))
    made = founding.go_on(one, founding.begin(one, CHAIN, terms), terms)
    assert set(made.deployment.addresses) == set(contracts.NAMES)
    assert connect(ledger, signer).nonce() == len(contracts.NAMES)


def test_another_contract_at_a_place(ledger: testing.LocalLedger) -> None:
    """Other code where a contract should stand is named, and nothing is built upon it."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    begun = founding.begin(connect(ledger, signer), CHAIN, terms)
    connect(ledger, signer).deploy(bytes.fromhex("600160005360016000f3"))
    with pytest.raises(errors.WrongCode, match="Forwarder at 0x"):
        founding.go_on(connect(ledger, signer), begun, terms)


def test_a_chain_that_was_reset(ledger: testing.LocalLedger) -> None:
    """A chain that knows fewer transactions than when it began is another chain."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    begun = dataclasses.replace(
        founding.begin(connect(ledger, signer), CHAIN, terms),
        first_nonce=4,
        code=founding._code_digest(signer.address, 4, terms),
    )
    with pytest.raises(errors.DeploymentConflict, match="reset"):
        founding.go_on(connect(ledger, signer), begun, terms)


CONFLICTS = {
    "another configuration": ({"configuration": bytes(32)}, "another configuration"),
    "another wallet": ({"deployer": ids.Address(bytes(20))}, "another wallet"),
    "another package": ({"code": bytes(32)}, "another version of the package"),
}


@pytest.mark.parametrize(("change", "said"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_only_what_was_begun_goes_on(ledger: testing.LocalLedger, change: dict[str, bytes], said: str) -> None:
    """Another configuration, wallet or package does not finish what was begun."""
    signer = wallet.Wallet(os.urandom(32))
    terms = operating.founding(signer.address)
    begun = dataclasses.replace(founding.begin(connect(ledger, signer), CHAIN, terms), **change)
    with pytest.raises(errors.DeploymentConflict, match=said):
        founding.go_on(connect(ledger, signer), begun, terms)
    assert connect(ledger, signer).nonce() == 0


BAD = {
    "empty": "",
    "a list": "[]",
    "a number": "7",
    "a field missing": '{"chain_id": 1}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_other_files_are_refused(text: str) -> None:
    """A file that holds no founding is an InputError."""
    with pytest.raises(errors.InputError, match="not a founding file"):
        founding.Begun.from_json(text)


@pytest.mark.parametrize(("name", "value"), [("first_nonce", -1), ("first_block", "1"), ("chain_id", True)])
def test_other_numbers_are_refused(name: str, value: object) -> None:
    """A founding file whose numbers are none is an InputError."""
    begun = founding.Begun(1, ids.Address(bytes(20)), 0, 0, bytes(32), bytes(32))
    text = json.dumps(json.loads(begun.to_json()) | {name: value})
    with pytest.raises(errors.InputError, match="not a founding file"):
        founding.Begun.from_json(text)


def test_anvil_is_paid_and_underfunding_is_named(start_anvil: Callable[..., str], funded_key: bytes) -> None:
    """On a chain that charges, the whole commons is created with fees; a wallet without coins is told what it lacks."""
    connection = rpc.HttpRpc(transport.Transport(start_anvil(), unreachable=errors.LedgerUnreachable))
    chain_id = client.chain_id(connection)
    nowhere = deployments.Deployment(chain_id, 0, {}, {})
    poor, rich = wallet.Wallet(os.urandom(32)), wallet.Wallet(funded_key)
    terms = operating.founding(rich.address)
    one = client.Client(connection, nowhere, poor)
    begun = founding.begin(one, chain_id, terms)
    with pytest.raises(errors.SenderUnderfunded, match="wei are missing") as caught:
        founding.go_on(one, begun, terms)
    assert caught.value.missing is not None
    assert caught.value.missing > 10**14
    assert caught.value.which == ids.format_id(poor.address)
    other = client.Client(connection, nowhere, rich)
    made = founding.go_on(other, founding.begin(other, chain_id, terms), terms)
    assert made.created == contracts.NAMES
    client.Client(connection, made.deployment, rich).check()
    assert rpc.number(rpc.call(connection, "eth_getBalance", [ids.format_id(rich.address), "latest"])) < 10_000 * 10**18
