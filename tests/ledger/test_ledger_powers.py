"""Who holds which power is read from the chain: an honest commons passes, and whatever gives somebody else a power is named."""

import pathlib
from collections.abc import Callable, Iterator, Mapping

import pytest

from aicommons import operating, testing
from aicommons.domain import encoding, errors, ids
from aicommons.ledger import client, contracts, deployments, powers, rpc, wallet
from aicommons.ledger.embedded import chain

CHAIN = chain.DEFAULT_CHAIN_ID
SIGNER = wallet.Wallet(b"\x0d" * 32)
ME = SIGNER.address
NOBODY = ids.Address(bytes(20))
AT = deployments.places(ME)
Codes = dict[str, bytes]


@pytest.fixture
def ledger(tmp_path: pathlib.Path) -> Iterator[testing.LocalLedger]:
    """A ledger without contracts."""
    made = testing.LocalLedger(tmp_path / "ledger", testing.ManualClock())
    yield made
    made.close()


def create(ledger: testing.LocalLedger, codes: Mapping[str, bytes]) -> client.Client:
    """Create contracts one after the other; return a client of the wallet that did."""
    nowhere = deployments.Deployment(CHAIN, 0, {}, {})
    deployer = client.Client(rpc.LocalRpc(ledger.handle), nowhere, SIGNER)
    for code in codes.values():
        deployer.deploy(code)
    return deployer


def created(name: str, *values: object) -> bytes:
    """Return the code that creates a packaged contract with other arguments."""
    artifact = contracts.load(name)
    return artifact.bytecode + encoding.abi_encode(artifact.constructor, values)


def wrong(held: tuple[powers.Power, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the powers that lie elsewhere than they should, and where."""
    return {(each.contract, each.what): each.got for each in held if not each.is_right}


def test_an_honest_commons_passes(ledger: testing.LocalLedger) -> None:
    """Of a commons that was founded by the package every power lies where it should, and each is told of."""
    deployer = create(ledger, deployments.creations(AT, operating.founding(ME)))
    held = powers.read(rpc.LocalRpc(ledger.handle), deployments.found(deployer, CHAIN, AT))
    assert wrong(held) == {}
    told = {(each.contract, each.what) for each in held}
    assert told >= {(name, what) for name in contracts.NAMES for what in ("code", "creation")}
    assert told >= {(name, what) for name in contracts.GOVERNED for what in ("admin", "trustedForwarder")}
    assert told >= {("TimelockController", what) for what in powers.ROLES} | {("Vault", "controllers")}
    assert next(each.got for each in held if each.what.startswith("registrars")) == (ids.format_id(ME),)


AUTHORITY = (AT["TimelockController"], AT["Forwarder"])
GOVERNOR = AT["CommonsGovernor"]
MINE = ids.format_id(ME)
CONTROLLERS = [AT[name] for name in ("Problems", "Bonds", "ModelRegistry")]
ATTACKS: dict[str, tuple[dict[str, bytes], dict[tuple[str, str], tuple[str, ...]]]] = {
    "the deployer is admin and proposer of the timelock": (
        {"TimelockController": created("TimelockController", 0, [GOVERNOR, ME], [NOBODY], ME)},
        {
            ("TimelockController", "proposers at its creation"): ("CommonsGovernor", MINE),
            ("TimelockController", "admin at its creation"): (MINE,),
            ("TimelockController", "admin"): tuple(sorted((MINE, "TimelockController"))),
        },
    ),
    "the vault has a fourth controller": (
        {"Vault": created("Vault", [*CONTROLLERS, ME], AUTHORITY)},
        {("Vault", "controllers"): ("Problems", "Bonds", "ModelRegistry", MINE)},
    ),
    "only the deployer executes": (
        {"TimelockController": created("TimelockController", 0, [GOVERNOR], [ME], NOBODY)},
        {
            ("TimelockController", "executors at its creation"): (MINE,),
            ("TimelockController", "executors"): (MINE,),
        },
    ),
    "a contract listens to the deployer": (
        {"Guardianships": created("Guardianships", AT["Membership"], (ME, AT["Forwarder"]))},
        {
            ("Guardianships", powers.RELIED_ON): ("Membership", MINE, "Forwarder"),
            ("Guardianships", "admin"): (MINE,),
        },
    ),
    "two contracts that one relies on are exchanged": (
        {"Requests": created("Requests", AT["DataRegistry"], AT["Membership"], AUTHORITY)},
        {
            ("Requests", powers.RELIED_ON): ("DataRegistry", "Membership", "TimelockController", "Forwarder"),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("codes", "expected"), ATTACKS.values(), ids=ATTACKS.keys())
def test_a_power_elsewhere_is_named(
    ledger: testing.LocalLedger, codes: Codes, expected: dict[tuple[str, str], tuple[str, ...]]
) -> None:
    """Whoever is given a power that the package gives to nobody is named, though every contract has the package's code."""
    deployer = create(ledger, deployments.creations(AT, operating.founding(ME)) | codes)
    found = wrong(powers.read(rpc.LocalRpc(ledger.handle), deployments.found(deployer, CHAIN, AT)))
    for place, held in expected.items():
        assert sorted(found[place]) == sorted(held)
    contract = next(iter(codes))
    assert {name for name, _ in found} == {contract}


def test_a_role_of_the_past_counts(ledger: testing.LocalLedger) -> None:
    """Who proposed before the role was given up is named: what it scheduled may still come."""
    codes = deployments.creations(AT, operating.founding(ME))
    codes["TimelockController"] = created("TimelockController", 0, [GOVERNOR, ME], [NOBODY], NOBODY)
    deployer = create(ledger, codes)
    made = deployments.found(deployer, CHAIN, AT)
    one = client.Client(rpc.LocalRpc(ledger.handle), made, SIGNER)
    for what in ("proposers", "cancellers"):
        one.transact("TimelockController", "renounceRole", powers.ROLES[what][0], ME)
    found = wrong(powers.read(rpc.LocalRpc(ledger.handle), made))
    assert found[("TimelockController", "proposers once, by no vote")] == (MINE,)
    assert ("TimelockController", "proposers") not in found


def test_a_contract_that_another_contract_made_is_not_taken_on_its_word(ledger: testing.LocalLedger) -> None:
    """What no transaction of the deployment's time created cannot be checked, and is said to be wrong."""
    deployer = create(ledger, deployments.creations(AT, operating.founding(ME)))
    made = deployments.found(deployer, CHAIN, AT, first_block=5)
    found = wrong(powers.read(rpc.LocalRpc(ledger.handle), made))
    assert found[("Forwarder", "creation")] == ("none was found",)
    assert found[("TimelockController", "creation")] == ("none was found",)
    assert ("Requests", "creation") not in found


def test_other_arguments_behind_the_code_are_no_creation(ledger: testing.LocalLedger) -> None:
    """Bytes behind the arguments, which no constructor reads, are not passed over."""
    codes = deployments.creations(AT, operating.founding(ME))
    deployer = create(ledger, codes | {"Requests": codes["Requests"] + b"\x01"})
    found = wrong(powers.read(rpc.LocalRpc(ledger.handle), deployments.found(deployer, CHAIN, AT)))
    assert found == {("Requests", "creation"): ("other code",)}


def test_a_constructor_of_others_is_no_creation(ledger: testing.LocalLedger) -> None:
    """The package's code that another constructor put there is named: nobody knows what that constructor wrote into its storage."""
    artifact = contracts.load("Requests")
    size = len(artifact.deployed_bytecode).to_bytes(2, "big")
    init = b"\x61" + size + bytes.fromhex("80600b5f395ff300")  # returns what follows its own 11 bytes
    whole = (init + artifact.deployed_bytecode).ljust(len(artifact.bytecode), b"\0")
    values = encoding.abi_encode(artifact.constructor, (AT["Membership"], AT["DataRegistry"], AUTHORITY))
    deployer = create(ledger, deployments.creations(AT, operating.founding(ME)) | {"Requests": whole + values})
    held = powers.read(rpc.LocalRpc(ledger.handle), deployments.found(deployer, CHAIN, AT))
    assert wrong(held)[("Requests", "creation")] == ("other code",)
    assert ("Requests", "code") not in wrong(held)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "blocks that are none": lambda told: told.replace(b'"transactions"', b'"transaction"'),
    "transactions that are numbers": lambda told: told.replace(b'"input":"0x', b'"input":"'),
    "roles that are none": lambda told: told.replace(b'"topics":["0x', b'"topics":["'),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_answers_that_are_none(ledger: testing.LocalLedger, change: Callable[[bytes], bytes]) -> None:
    """Where a ledger answers something else than what was asked for, it is said."""
    deployer = create(ledger, deployments.creations(AT, operating.founding(ME)))
    made = deployments.found(deployer, CHAIN, AT)
    with pytest.raises(errors.LedgerMismatch):
        powers.read(rpc.LocalRpc(lambda payload: change(ledger.handle(payload))), made)
