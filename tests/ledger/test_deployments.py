"""Deployments: the file comes back as it was written, and anything else is refused."""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import pytest

from aicommons import testing
from aicommons.domain import encoding, errors, ids
from aicommons.ledger import contracts, deployments

MADE = deployments.Deployment(
    31337,
    5,
    {name: ids.Address(bytes([index]) * 20) for index, name in enumerate(contracts.NAMES)},
    {name: bytes([index]) * 32 for index, name in enumerate(contracts.NAMES)},
)


def test_the_file_comes_back() -> None:
    """A deployment reads back from its file, and the file has one form."""
    text = MADE.to_json()
    assert deployments.Deployment.from_json(text) == MADE
    assert deployments.Deployment.from_json(text).to_json() == text
    assert text.endswith("}\n")


def changed(change: Callable[[dict], object]) -> str:
    """Return the file's text after a change."""
    body = json.loads(MADE.to_json())
    change(body)
    return json.dumps(body)


BAD = {
    "empty": "",
    "no JSON": "deployment",
    "a list": "[]",
    "null": "null",
    "no chain": changed(lambda body: body.pop("chain_id")),
    "a chain that is no number": changed(lambda body: body.update(chain_id="home")),
    "no first block": changed(lambda body: body.pop("first_block")),
    "no contracts": changed(lambda body: body.pop("contracts")),
    "a contract missing": changed(lambda body: body["contracts"].pop("TrainingRuns")),
    "an address missing": changed(lambda body: body["contracts"]["TrainingRuns"].pop("address")),
    "an address cut": changed(lambda body: body["contracts"]["TrainingRuns"].update(address="0x12")),
    "an address that is a number": changed(lambda body: body["contracts"]["TrainingRuns"].update(address=12)),
    "a code hash cut": changed(lambda body: body["contracts"]["TrainingRuns"].update(code_hash="0x12")),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_other_files_are_refused(text: str) -> None:
    """A file that is no deployment is an InputError that says where to get one."""
    with pytest.raises(errors.InputError, match="deployment file") as caught:
        deployments.Deployment.from_json(text)
    assert "ask whoever runs the ledger" in caught.value.next_step


def test_what_was_deployed_is_what_is_packaged(tmp_path: pathlib.Path) -> None:
    """All contracts stand on the ledger with the hashes that the deployment says, listening to the timelock alone."""
    commons = testing.Commons(tmp_path)
    made = commons.deployment
    assert set(made.addresses) == set(made.code_hashes) == set(contracts.NAMES)
    assert len(set(made.addresses.values())) == len(contracts.NAMES)
    reader = commons.connect(commons.operator)
    for name in contracts.NAMES:
        code = reader.code_at(made.addresses[name])
        assert encoding.keccak(code) == made.code_hashes[name]
        assert len(code) == len(contracts.load(name).deployed_bytecode)
    for name in set(contracts.NAMES) - {"Forwarder", "TimelockController"}:
        (admin,) = reader.call(name, "admin")
        assert ids.parse_address(str(admin)) == made.addresses["TimelockController"]
    commons.close()


def test_records_are_frozen() -> None:
    """A deployment does not change."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        MADE.chain_id = 1  # type: ignore[misc]
