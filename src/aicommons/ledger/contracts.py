"""The contracts' packaged artifacts, and how their functions, errors and events are written as bytes.

The compiled ABI and bytecode of every contract are package data (``artifacts/``), checked against the Solidity source by
a test. Called by the client and by deployment; what events mean is ``events.py``'s business.
"""

import dataclasses
import functools
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aicommons.domain import encoding, errors

NAMES = (
    *("Forwarder", "TimelockController", "Membership", "CommonsGovernor", "Attestations", "Vault", "Bonds"),
    *("DataRegistry", "Problems", "Enrolment", "TrainingRuns", "Verdicts", "ModelRegistry"),
    *("Guardianships", "ConsentRegister", "Requests"),
)
"""The contracts of a deployment, in the order in which they are created."""
GOVERNED = tuple(name for name in NAMES if name not in ("Forwarder", "TimelockController"))
"""Those of them that name successors and take calls that a relayer brings; the other two are OpenZeppelin's own."""
FOREIGN_CODE: Mapping[str, frozenset[str]] = {
    "Vault": frozenset({"deposit", "withdraw"}),
    "CommonsGovernor": frozenset({"execute", "relay", "castVoteBySig", "castVoteWithReasonAndParamsBySig"}),
    "ConsentRegister": frozenset({"withdrawBySignature"}),
}
"""Functions of governed contracts in which code of others runs: a token's, a receiver's of coins, what a vote decided, or that of an
account which is a contract and is asked for its signature (ERC-1271). Whatever gas they are given, such code can use up."""
PER_COOP = ("CoopMembers", "CoopGovernor")
"""Contracts that every co-op deploys for itself; a deployment does not know their addresses."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One function, error or event of an ABI."""

    name: str
    types: tuple[str, ...]
    """Canonical input types; a struct is written as a tuple."""
    names: tuple[str, ...]
    """Input names."""
    indexed: tuple[bool, ...]
    """Which inputs of an event are topics."""
    outputs: tuple[str, ...]
    """Canonical output types."""
    is_view: bool
    """Whether a function changes nothing."""
    key: bytes
    """Selector (4 bytes) of a function or error, topic (32 bytes) of an event."""


@dataclasses.dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    name: str
    bytecode: bytes
    deployed_bytecode: bytes
    immutables: tuple[tuple[int, int], ...]
    """(Start, length) of what the constructor fills into the deployed code."""
    functions: Mapping[str, Entry]
    failures: Mapping[bytes, Entry]
    """Custom errors by selector."""
    events: Mapping[bytes, Entry]
    """Events by topic."""
    constructor: tuple[str, ...]
    """Constructor's input types."""


@functools.cache
def load(name: str) -> Artifact:
    """Return the packaged artifact of contract ``name``."""
    resource = importlib.resources.files("aicommons.ledger").joinpath("artifacts", f"{name}.json")
    document = json.loads(resource.read_text())
    entries = [(item["type"], _entry(item)) for item in document["abi"] if item["type"] in _KEY_LENGTH]
    constructor: Mapping[str, Any] = next(
        (item for item in document["abi"] if item["type"] == "constructor"), {"inputs": []}
    )
    return Artifact(
        name=name,
        bytecode=bytes.fromhex(document["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(document["deployedBytecode"].removeprefix("0x")),
        immutables=tuple((start, length) for start, length in document["immutableReferences"]),
        functions=_functions([entry for kind, entry in entries if kind == "function"]),
        failures={entry.key: entry for kind, entry in entries if kind == "error"},
        events={entry.key: entry for kind, entry in entries if kind == "event"},
        constructor=tuple(_type(item) for item in constructor["inputs"]),
    )


def _functions(entries: Sequence[Entry]) -> Mapping[str, Entry]:
    """Return functions by name, and by name and types: a name may stand for several."""
    by_name = {entry.name: entry for entry in reversed(entries)}
    return by_name | {f"{entry.name}({','.join(entry.types)})": entry for entry in entries}


def is_code_of(name: str, code: bytes) -> bool:
    """Return whether ``code`` on a chain is the packaged contract ``name``, whatever its constructor was given."""
    artifact = load(name)
    return len(code) == len(artifact.deployed_bytecode) and _masked(artifact, code) == _masked(
        artifact, artifact.deployed_bytecode
    )


def _masked(artifact: Artifact, code: bytes) -> bytes:
    masked = bytearray(code)
    for start, length in artifact.immutables:
        masked[start : start + length] = bytes(length)
    return bytes(masked)


_KEY_LENGTH = {"function": 4, "error": 4, "event": 32}


def _entry(item: Mapping[str, Any]) -> Entry:
    inputs = item.get("inputs", [])
    types = tuple(_type(field) for field in inputs)
    signature = f"{item['name']}({','.join(types)})"
    return Entry(
        name=item["name"],
        types=types,
        names=tuple(field["name"] for field in inputs),
        indexed=tuple(bool(field.get("indexed")) for field in inputs),
        outputs=tuple(_type(field) for field in item.get("outputs", [])),
        is_view=item.get("stateMutability") in ("view", "pure"),
        key=encoding.keccak(signature.encode())[: _KEY_LENGTH[item["type"]]],
    )


def _type(field: Mapping[str, Any]) -> str:
    if not field["type"].startswith("tuple"):
        return str(field["type"])
    inner = ",".join(_type(part) for part in field["components"])
    return f"({inner}){field['type'].removeprefix('tuple')}"


def call_data(contract: str, function: str, values: Sequence[object]) -> bytes:
    """Return the calldata of ``function`` with ``values``."""
    entry = load(contract).functions[function]
    return entry.key + encoding.abi_encode(entry.types, values)


def function_of(contract: str, data: bytes) -> Entry | None:
    """Return which of a contract's functions calldata calls, ``None`` for none of them."""
    return next((each for each in load(contract).functions.values() if each.key == data[:4]), None)


def decode_failure(data: bytes) -> tuple[str, tuple[object, ...]] | None:
    """Return name and arguments of a custom error of any of the contracts, or ``None`` for other revert data."""
    for name in (*NAMES, *PER_COOP):
        entry = load(name).failures.get(data[:4])
        if entry is not None:
            try:
                return entry.name, encoding.abi_decode(entry.types, data[4:])
            except errors.DecodeError:
                return entry.name, ()
    return None
