"""Successors: named by the timelock, followed by every client, and only where the package knows their code."""

import json
import os
import pathlib
from collections.abc import Callable, Iterator

import pytest

from aicommons import operating, testing
from aicommons.domain import encoding, errors, events, ids
from aicommons.ledger import authority, client, contracts, deployments, rpc, succession, wallet
from aicommons.ledger.embedded import chain

CHAIN = chain.DEFAULT_CHAIN_ID
UNTIL = testing.START + 86_400
NOBODY = bytes(20)


class Commons:
    """A commons whose timelock waits for nothing and takes proposals from its founder: votes are tested elsewhere."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.ledger = testing.LocalLedger(folder, testing.ManualClock())
        self.signer = wallet.Wallet(os.urandom(32))
        self.codes = self._codes()
        deployer = self.connect(deployments.Deployment(CHAIN, 0, {}, {}))
        for code in self.codes.values():
            deployer.deploy(code)
        self.made = deployments.found(deployer, CHAIN, deployments.places(self.signer.address))
        self.client = self.connect(self.made)
        self.client.transact("Membership", "applyAs", 1, NOBODY[:19] + b"\x01", *[b"\x01" * 32] * 3)
        self.client.transact("Membership", "admit", self.signer.address)

    def _codes(self) -> dict[str, bytes]:
        at = deployments.places(self.signer.address)
        codes = deployments.creations(at, operating.founding(self.signer.address))
        me, artifact = self.signer.address, contracts.load("TimelockController")
        values = (0, [me], [me], NOBODY)
        return codes | {"TimelockController": artifact.bytecode + encoding.abi_encode(artifact.constructor, values)}

    def connect(
        self, deployment: deployments.Deployment, handle: Callable[[bytes], bytes] | None = None
    ) -> client.Client:
        """Return a client of the founder's."""
        return client.Client(rpc.LocalRpc(handle or self.ledger.handle), deployment, self.signer)

    def name(self, old: ids.Address, new: ids.Address) -> None:
        """Let the timelock name a successor."""
        data = contracts.call_data("Problems", "setSuccessor", (new,))
        call = (old, 0, data, bytes(32), os.urandom(32))
        self.client.transact("TimelockController", "schedule", *call, 0)
        self.client.transact("TimelockController", "execute", *call)

    def succeed(self, old: ids.Address | None = None) -> ids.Address:
        """Put another Problems into the place of the newest; return where it stands."""
        new = self.client.deploy(self.codes["Problems"])
        self.name(old or self.made.addresses["Problems"], new)
        return new


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[Commons]:
    """A commons with one member."""
    made = Commons(tmp_path / "ledger")
    yield made
    made.ledger.close()


def state(one: client.Client) -> None:
    """State a problem."""
    one.transact("Problems", "state", os.urandom(32), encoding.purpose_code(testing.PURPOSE), 0, UNTIL)


def stated(told: object) -> int:
    """Return how many problems events tell of."""
    return sum(isinstance(event, events.ProblemStated) for event in told)  # type: ignore[attr-defined]


def test_a_client_follows_to_the_newest(commons: Commons) -> None:
    """What is sent goes to the newest successor; events of all of them are read, in the ledger's order."""
    state(commons.client)
    second = commons.succeed()
    third = commons.succeed(second)
    one = commons.connect(commons.made)
    one.check()
    assert one.address_of("Problems") == third
    assert one.address_of("Membership") == commons.made.addresses["Membership"]
    state(one)
    told = one.poll()
    assert stated(told) == 2
    places = [(event.at.block, event.at.index) for event in told]
    assert places == sorted(places)


def test_a_running_client_learns_it_from_the_events(commons: Commons) -> None:
    """A client that was there before follows as soon as it reads the event, and misses nothing of the successor's."""
    one = commons.connect(commons.made)
    one.poll()
    new = commons.succeed()
    other = commons.connect(commons.made)
    other.check()
    state(other)
    assert one.address_of("Problems") == commons.made.addresses["Problems"]
    assert stated(one.poll()) == 1
    assert one.address_of("Problems") == new
    state(one)
    assert stated(one.poll()) == 1


def test_runs_are_signed_for_the_newest_contract(commons: Commons) -> None:
    """Signatures of runs are bound to the contract that stands in TrainingRuns' place."""
    new = commons.client.deploy(commons.codes["TrainingRuns"])
    commons.name(commons.made.addresses["TrainingRuns"], new)
    one = commons.connect(commons.made)
    one.check()
    assert one.place == encoding.Place(CHAIN, new)


def test_runs_that_borrow_unknown_code_are_not_followed(commons: Commons) -> None:
    """Code that is borrowed decides about runs as their own does: a successor that borrows another's stops the client."""
    at = dict(commons.made.addresses) | {"Enrolment": commons.made.addresses["Guardianships"]}
    code = deployments.creations(at, operating.founding(commons.signer.address))["TrainingRuns"]
    commons.name(commons.made.addresses["TrainingRuns"], commons.client.deploy(code))
    for ask in (client.Client.check, client.Client.poll):
        one = commons.connect(commons.made)
        with pytest.raises(errors.SuccessorUnknown, match="Enrolment at 0x"):
            ask(one)
        assert one.address_of("TrainingRuns") == commons.made.addresses["TrainingRuns"]


def test_unknown_code_is_not_followed(commons: Commons) -> None:
    """A successor that the package does not know stops the client, with the words that say what to do."""
    commons.name(commons.made.addresses["Problems"], commons.made.addresses["Guardianships"])
    for ask in (client.Client.check, client.Client.poll):
        one = commons.connect(commons.made)
        with pytest.raises(errors.SuccessorUnknown, match="Problems at 0x"):
            ask(one)
        assert one.address_of("Problems") == commons.made.addresses["Problems"]


@pytest.mark.parametrize("name", authority.ASKED.values(), ids=authority.ASKED.keys())
def test_a_successor_of_another_authority_is_not_followed(commons: Commons, name: str) -> None:
    """A successor with the package's code that listens to another timelock or forwarder stops the client."""
    at = dict(commons.made.addresses) | {name: commons.signer.address}
    code = deployments.creations(at, operating.founding(commons.signer.address))["Vault"]
    commons.name(commons.made.addresses["Vault"], commons.client.deploy(code))
    for ask in (client.Client.check, client.Client.poll):
        one = commons.connect(commons.made)
        with pytest.raises(errors.WrongAuthority, match="Vault at 0x"):
            ask(one)
        assert one.address_of("Vault") == commons.made.addresses["Vault"]


@pytest.mark.parametrize("name", authority.ASKED.values(), ids=authority.ASKED.keys())
def test_a_deployment_of_another_authority_is_refused(commons: Commons, name: str) -> None:
    """A commons one of whose contracts listens to somebody else is refused, though its code is the package's."""
    at = dict(commons.made.addresses) | {name: commons.signer.address}
    code = deployments.creations(at, operating.founding(commons.signer.address))["Requests"]
    elsewhere = dict(commons.made.addresses) | {"Requests": commons.client.deploy(code)}
    with pytest.raises(errors.WrongAuthority, match="Requests at 0x"):
        commons.connect(deployments.found(commons.client, CHAIN, elsewhere)).check()


def test_a_file_cannot_vouch_for_other_code(commons: Commons) -> None:
    """Other code than the package's is refused, whatever hash the deployment file has for it."""
    at = dict(commons.made.addresses) | {"Requests": commons.made.addresses["Guardianships"]}
    hashes = {name: encoding.keccak(commons.client.code_at(address)) for name, address in at.items()}
    with pytest.raises(errors.WrongCode, match="Requests at 0x"):
        commons.connect(deployments.Deployment(CHAIN, 0, at, hashes)).check()


def test_a_circle_is_noticed(commons: Commons) -> None:
    """Successors that lead back to the first are refused."""
    first = commons.made.addresses["Problems"]
    commons.name(commons.succeed(), first)
    with pytest.raises(errors.LedgerMismatch, match="circle"):
        commons.connect(commons.made).check()


def test_what_constructors_fill_in_is_masked() -> None:
    """The package's code with other immutables is its code; with one other byte elsewhere, or cut, it is not."""
    artifact = contracts.load("Problems")
    code = bytearray(artifact.deployed_bytecode)
    start, length = artifact.immutables[0]
    code[start : start + length] = os.urandom(length)
    assert contracts.is_code_of("Problems", bytes(code))
    assert not contracts.is_code_of("Problems", bytes(code[:-1]))
    code[start - 1] ^= 1
    assert not contracts.is_code_of("Problems", bytes(code))
    assert not contracts.is_code_of("Problems", b"")


def lie(commons: Commons, answer: Callable[[int], object]) -> Callable[[bytes], bytes]:
    """Return a ledger that answers every question for a successor by what ``answer`` says to the n-th.

    Whatever it names has the package's code and the right authority.
    """
    count = iter(range(10**6))
    asks = {view: "0x" + contracts.call_data("Membership", view, ()).hex() for view in ("successor", *authority.ASKED)}
    honest = {asks[view]: commons.made.addresses[name] for view, name in authority.ASKED.items()}

    def handle(payload: bytes) -> bytes:
        told = json.loads(commons.ledger.handle(payload))
        for asked, each in zip(json.loads(payload), told, strict=True):
            said = asked["params"][0]["data"] if asked["method"] == "eth_call" else None
            if said in honest:
                each["result"] = ids.format_id(honest[said].rjust(32, b"\0"))
            elif said == asks["successor"]:
                each["result"] = answer(next(count))
            if asked["method"] == "eth_getCode" and each["result"] == "0x":
                each["result"] = "0x" + contracts.load("Problems").deployed_bytecode.hex()
        return json.dumps(told).encode()

    return handle


LIES = {
    "no data": lambda _: None,
    "no address": lambda _: "0x12",
    "more than an address": lambda _: "0x" + "ff" * 32,
    "nothing": lambda _: "0x",
}


@pytest.mark.parametrize("answer", LIES.values(), ids=LIES.keys())
def test_answers_that_are_no_address(commons: Commons, answer: Callable[[int], object]) -> None:
    """Where a ledger answers something else than an address, the client says so."""
    with pytest.raises(errors.LedgerMismatch, match=r"is no (address|data)") as caught:
        commons.connect(commons.made, lie(commons, answer)).check()
    assert type(caught.value) is errors.LedgerMismatch  # and not that the package does not know what is named


def test_successors_without_end(commons: Commons) -> None:
    """A ledger that names ever new successors is left after a bounded number of questions."""
    handle = lie(commons, lambda n: "0x" + (0xABC000 + n).to_bytes(32, "big").hex())
    own = {name: commons.made.addresses[name] for name in ("Problems", *authority.ASKED.values())}
    with pytest.raises(errors.LedgerMismatch, match="no end"):
        succession.follow(rpc.LocalRpc(handle), own)
