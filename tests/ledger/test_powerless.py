"""Whoever deploys the commons holds no power over it: every privileged function refuses its wallet."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from tests.ledger import abi_values

from aicommons import operating, testing
from aicommons.domain import errors, ids
from aicommons.ledger import client, contracts, deployments, rpc, wallet
from aicommons.ledger.embedded import chain

SOMEBODY = ids.Address(b"\x11" * 20)
WORD = b"\x22" * 32
FOR_NOBODY = "GovernedNotTimelock"


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Client]:
    """The client of a wallet that founded a commons whose registrar is somebody else."""
    ledger = testing.LocalLedger(tmp_path_factory.mktemp("ledger"), testing.ManualClock())
    connection, signer = rpc.LocalRpc(ledger.handle), wallet.Wallet(os.urandom(32))
    nowhere = deployments.Deployment(chain.DEFAULT_CHAIN_ID, 0, {}, {})
    one = client.Client(connection, nowhere, signer)
    made = deployments.deploy(one, nowhere.chain_id, operating.founding(SOMEBODY))
    yield client.Client(connection, made, signer)
    ledger.close()


GOVERNED = [name for name in contracts.NAMES if name not in ("Forwarder", "TimelockController")]
ROLES = [bytes(32), *(contracts.encoding.keccak(f"{name}_ROLE".encode()) for name in ("PROPOSER", "CANCELLER"))]
NO_ROLE = "AccessControlUnauthorizedAccount"
CALL = (SOMEBODY, 0, b"", bytes(32), bytes(32))
PRIVILEGED: dict[str, tuple[str, str, tuple[Any, ...], str]] = {
    **{f"a successor of {name}": (name, "setSuccessor", (SOMEBODY,), FOR_NOBODY) for name in GOVERNED},
    **{
        f"role {role.hex()[:4]} of the timelock": ("TimelockController", "grantRole", (role, SOMEBODY), NO_ROLE)
        for role in ROLES
    },
    "the timelock: schedule": ("TimelockController", "schedule", (*CALL, 2 * 86400), NO_ROLE),
    "the timelock: cancel": ("TimelockController", "cancel", (WORD,), NO_ROLE),
    "the timelock: execute what nobody scheduled": (
        "TimelockController", "execute", CALL, "TimelockUnexpectedOperationState",
    ),
    "the timelock: its delay": ("TimelockController", "updateDelay", (0,), "TimelockUnauthorizedCaller"),
    "the governor: its delay": ("CommonsGovernor", "setVotingDelay", (0,), "GovernorOnlyExecutor"),
    "the governor: its period": ("CommonsGovernor", "setVotingPeriod", (1,), "GovernorOnlyExecutor"),
    "the governor: its quorum": ("CommonsGovernor", "updateQuorumNumerator", (0,), "GovernorOnlyExecutor"),
    "the governor: its timelock": ("CommonsGovernor", "updateTimelock", (SOMEBODY,), "GovernorOnlyExecutor"),
    "the governor: a call of its own": ("CommonsGovernor", "relay", (SOMEBODY, 0, b""), "GovernorOnlyExecutor"),
    "a member's role": ("Membership", "grantRole", (1, 0), FOR_NOBODY),
    "a member's role taken": ("Membership", "revokeRole", (1, 0), FOR_NOBODY),
    "a use of a consent": ("DataRegistry", "use", (WORD, WORD, None), "DataRegistryNotRuns"),
    "money: lock": ("Vault", "lock", None, "VaultNotController"),
}  # fmt: skip


@pytest.mark.parametrize(("contract", "function", "values", "error"), PRIVILEGED.values(), ids=PRIVILEGED.keys())
def test_the_deployer_is_refused(
    deployer: client.Client, contract: str, function: str, values: tuple[Any, ...] | None, error: str
) -> None:
    """A privileged call of the wallet that deployed is refused by the error that says who may."""
    types = contracts.load(contract).functions[function].types
    given = [abi_values.zero(kind) for kind in types] if values is None else list(values)
    given = [abi_values.zero(kind) if value is None else value for kind, value in zip(types, given, strict=True)]
    with pytest.raises(errors.LedgerRefused) as refused:
        deployer.transact(contract, function, *given)
    assert refused.value.error == error


OPEN = {
    "Forwarder.executeBatch",  # of nothing
    "CommonsGovernor.onERC721Received", "CommonsGovernor.onERC1155Received", "CommonsGovernor.onERC1155BatchReceived",
    "TimelockController.onERC721Received", "TimelockController.onERC1155Received",
    "TimelockController.onERC1155BatchReceived",
    "Vault.approve", "Vault.setOperator", "Vault.transfer", "Vault.transferFrom",  # of one's own, and of nothing
    "Membership.delegate",  # to oneself, without a vote
    "TimelockController.renounceRole",  # of one's own roles, and there are none
}  # fmt: skip
"""What takes anybody's call that says nothing: it changes nothing."""


@pytest.mark.parametrize("name", contracts.NAMES)
def test_nothing_answers_to_the_deployer(deployer: client.Client, name: str) -> None:
    """Of all functions that change something, none takes the deployer's call; those that take anybody's are listed."""
    taken = set()
    for key, entry in contracts.load(name).functions.items():
        if "(" in key and not entry.is_view:
            try:
                deployer.call(
                    name,
                    key,
                    *(deployer.address if kind == "address" else abi_values.zero(kind) for kind in entry.types),
                )
            except errors.LedgerRefused:
                continue
            taken.add(f"{name}.{entry.name}")
    assert taken <= OPEN


def test_the_timelock_has_nobodys_ear_but_the_governors(deployer: client.Client) -> None:
    """Only the governor proposes, anybody carries out what is ripe, and nobody but the timelock itself gives out roles."""
    governor, zero_address = deployer.address_of("CommonsGovernor"), ids.NOBODY
    executor = contracts.encoding.keccak(b"EXECUTOR_ROLE")
    admin, proposer, canceller = ROLES
    timelock = deployer.address_of("TimelockController")
    holders = {admin: {timelock}, proposer: {governor}, canceller: {governor}, executor: {zero_address}}
    for role, expected in holders.items():
        asked = {deployer.address, SOMEBODY, timelock, governor, zero_address}
        found = {each for each in asked if deployer.call("TimelockController", "hasRole", role, each)[0]}
        assert found == expected
    for name in GOVERNED:
        (admin_of,) = deployer.call(name, "admin")
        assert ids.parse_address(str(admin_of)) == timelock
