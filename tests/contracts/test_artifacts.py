"""The compiled contracts that the package carries are the ones in ``contracts/``, and a chain can take them.

By digest only: that compiling these sources again gives these bytes is checked by ``make check`` (contracts/build.py --check).
"""

import json
import pathlib
import re

import pytest
from tests import programs

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"
CODE_SIZE_LIMIT = 24_576  # EIP-170
INITCODE_SIZE_LIMIT = 49_152  # EIP-3860
FIELDS = {"contract", "abi", "bytecode", "deployedBytecode", "immutableReferences", "solc", "sourceDigest"}

INHERITED = (
    *("ERC721", "Votes", "ERC5805", "ERC6372", "Checkpoint", "SafeCast", "InvalidAccountNonce"),
    *("Governor", "FailedCall", "InsufficientBalance", "QueueEmpty", "QueueFull"),
    *(
        "ERC2771Forwarder",
        "ERC2771UntrustfulTarget",
        "Governed",
        "QuorumFloor",
        "Timelock",
        "AccessControl",
        *("SafeERC20", "ERC6909"),
        "Reentrancy",
    ),
)
"""What errors of the inherited governor, timelock, forwarder and of the roll's token begin with; ``Governed`` is our own base."""


build = programs.load(CONTRACTS / "build.py")


def _artifact(name: str) -> dict[str, object]:
    document = json.loads((build.ARTIFACTS / f"{name}.json").read_bytes())
    if not isinstance(document, dict):
        pytest.fail(f"{name}.json is not an object")
    return document


def _code(name: str, field: str) -> bytes:
    return bytes.fromhex(str(_artifact(name)[field]).removeprefix("0x"))


@pytest.mark.parametrize("name", build.CONTRACTS)
def test_artifact_belongs_to_the_sources(name: str) -> None:
    """An artifact names the digest of exactly the sources, settings and lock file that lie beside it."""
    artifact = _artifact(name)
    assert set(artifact) == FIELDS
    assert artifact["contract"] == name
    assert artifact["sourceDigest"] == build.source_digest(), "run contracts/build.py"


@pytest.mark.parametrize("name", build.CONTRACTS)
def test_contract_fits_a_chain(name: str) -> None:
    """Code and initcode stay under the limits that every chain enforces."""
    assert len(_code(name, "deployedBytecode")) <= CODE_SIZE_LIMIT
    assert len(_code(name, "bytecode")) <= INITCODE_SIZE_LIMIT


def test_source_digest_notices_every_change(tmp_path: pathlib.Path) -> None:
    """A changed byte, a renamed and an added source all change the digest."""
    (tmp_path / "src").mkdir()
    for name in ("foundry.toml", "package-lock.json", "src/A.sol"):
        (tmp_path / name).write_text(name)
    digests = [build.source_digest(tmp_path)]
    (tmp_path / "src" / "A.sol").write_text("other")
    digests.append(build.source_digest(tmp_path))
    (tmp_path / "src" / "A.sol").rename(tmp_path / "src" / "B.sol")
    digests.append(build.source_digest(tmp_path))
    (tmp_path / "src" / "C.sol").write_text("")
    digests.append(build.source_digest(tmp_path))
    assert len(set(digests)) == len(digests)


def test_sources_use_nothing_that_engines_disagree_on() -> None:
    """Block hashes and the beacon value differ between our engines, and a member's fate never hangs on them."""
    forbidden = re.compile(r"\b(blockhash|prevrandao|difficulty|coinbase|tx\.origin|selfdestruct)\b")
    found = {
        f"{path.name}: {match.group()}"
        for path in (CONTRACTS / "src").rglob("*.sol")
        for match in forbidden.finditer(path.read_text())
    }
    assert found == set()


def test_dependencies_are_pinned_without_a_host() -> None:
    """The lock file pins every package by content and names no server, so any mirror may serve it."""
    wanted = json.loads((CONTRACTS / "package.json").read_bytes())["devDependencies"]
    packages = json.loads((CONTRACTS / "package-lock.json").read_bytes())["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert not any("resolved" in package for package in packages.values())
    assert all("integrity" in package for path, package in packages.items() if path)


def test_every_error_names_its_contract() -> None:
    """A custom error starts with its component's name, so that a person sees where it comes from; OpenZeppelin's do too."""
    shared = {"Enrolment": "TrainingRuns", "TrainingRuns": "Enrolment"}  # the one runs the other's code as its own
    for name in build.CONTRACTS:
        abi = _artifact(name)["abi"]
        if not isinstance(abi, list):
            pytest.fail(f"{name}: the ABI is not a list")
        ours = {entry["name"] for entry in abi if entry["type"] == "error"}
        foreign = {
            error
            for error in ours
            if not error.startswith(
                (name, shared.get(name, name), "ECDSA", "Blake2b", "InvalidShortString", "StringTooLong", *INHERITED)
            )
        }
        assert foreign == set()
