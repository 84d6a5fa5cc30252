"""The table of state machines says what the contracts, the recorded runs and Python say.

Forge takes every edge and tries every refusal (contracts/test/machines); what needs no compiler is checked here.
"""

import importlib
import json
import pathlib
import re
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / "contracts" / "src"
MACHINES: dict[str, dict[str, Any]] = json.loads((ROOT / "vectors" / "machines.json").read_bytes())
RECORDED = sorted((ROOT / "vectors" / "transitions").glob("*.json"))
FIELD = {"run": "state", "phase": "phase"}
"""Under which name the recordings hold a machine's state."""
CALLS = {"run": {"state"}, "phase": {"phase", "round", "attempt"}}
"""What changes when a machine takes an edge: a new attempt leads back to the same phase."""
BEFORE = {"None", "Enrolling"}
"""States of a run before its recordings begin: from there Foundry alone takes the edges."""
ENUM_OF_OPENZEPPELIN = "IGovernor."


def artifact(contract: str) -> list[dict[str, Any]]:
    """Return a contract's ABI."""
    found = json.loads((ROOT / "src/aicommons/ledger/artifacts" / f"{contract}.json").read_bytes())
    abi: list[dict[str, Any]] = found["abi"]
    return abi


def canonical(parameter: dict[str, Any]) -> str:
    """Return a parameter's type as signatures write it."""
    if not parameter["type"].startswith("tuple"):
        return str(parameter["type"])
    return f"({','.join(map(canonical, parameter['components']))}){parameter['type'].removeprefix('tuple')}"


def signatures(contract: str, kind: str) -> set[str]:
    """Return the signatures of a contract's functions or errors."""
    return {
        f"{each['name']}({','.join(map(canonical, each['inputs']))})"
        for each in artifact(contract)
        if each["type"] == kind
    }


def values(enum: str) -> list[str]:
    """Return a Solidity enum's values, from the source of its interface or of the run's types."""
    interface, _, name = enum.rpartition(".")
    path = SOURCES / "interfaces" / f"{interface}.sol" if interface else SOURCES / "types" / "RunTypes.sol"
    found = re.search(rf"enum {name} \{{([^}}]*)\}}", path.read_text(encoding="utf-8"))
    assert found is not None, enum
    return re.findall(r"\w+", found.group(1))


def recorded(name: str) -> set[tuple[str, str, str]]:
    """Return the edges that the recorded runs take: state, call, state."""
    seen = set()
    for path in RECORDED:
        run = json.loads(path.read_bytes())
        before = run["start"]
        for step in run["steps"]:
            if step["error"] is None:
                after = step["after"]
                if any(before[field] != after[field] for field in CALLS[name]):
                    seen.add((before[FIELD[name]], step["call"], after[FIELD[name]]))
                before = after
    return seen


@pytest.mark.parametrize("name", MACHINES)
def test_states_are_those_of_the_contract(name: str) -> None:
    """A machine's states are its enum's values in their order, in Solidity as in Python."""
    machine = MACHINES[name]
    states = list(machine["states"])
    if machine["enum"] is not None and not machine["enum"].startswith(ENUM_OF_OPENZEPPELIN):
        assert states == values(machine["enum"])
    if machine["python"] is not None:
        module, _, kind = machine["python"].rpartition(".")
        known = [each.name.replace("_", "") for each in getattr(importlib.import_module(module), kind)]
        assert known in ([each.upper() for each in states], [each.upper() for each in states[1:]])


@pytest.mark.parametrize("name", MACHINES)
def test_calls_and_errors_exist(name: str) -> None:
    """Every call of an edge is a function of the contract, every refusal an error of it, and somebody may make each call."""
    machine = MACHINES[name]
    functions, errors = (signatures(machine["contract"], kind) for kind in ("function", "error"))
    for row in [*machine["edges"], *machine["otherwise"]]:
        assert row["call"] == "time" or row["call"].partition(" ")[0] in functions, row
        assert row["error"] == "" or row["error"] in errors, row
    assert all(edge["who"] for edge in machine["edges"])
    calls = {edge["call"] for edge in machine["edges"]}
    assert {row["call"] for row in machine["otherwise"]} <= calls


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached(name: str) -> None:
    """Edges lead between known states, from the first one to each of the others; one that never happens says so."""
    machine = MACHINES[name]
    reached = {next(iter(machine["states"]))}
    while more := {edge["to"] for edge in machine["edges"] if edge["from"] in reached} - reached:
        reached |= more
    named = {edge[end] for edge in machine["edges"] for end in ("from", "to")}
    assert named <= set(machine["states"])
    assert {state for state, text in machine["states"].items() if text != "never happens here"} == reached


@pytest.mark.parametrize("name", FIELD)
def test_recorded_runs_take_every_listed_edge_and_no_other(name: str) -> None:
    """The recorded runs, which Foundry makes and Python repeats, take exactly the edges of the table from the first Ack on."""
    listed = {(edge["from"], edge["call"].partition("(")[0], edge["to"]) for edge in MACHINES[name]["edges"]}
    unrecorded = {edge for edge in listed if name == "run" and edge[0] in BEFORE}
    # A repeated attempt of the same phase is an edge from the phase to itself; new rounds begin Open.
    assert recorded(name) == listed - unrecorded


def test_every_state_enum_has_its_machine() -> None:
    """An enum of an interface whose name says that it is a state stands in the table."""
    found = {
        f"{path.stem}.{name}"
        for path in (SOURCES / "interfaces").glob("*.sol")
        for name in re.findall(r"enum (\w*(?:State|Status)) \{", path.read_text(encoding="utf-8"))
    }
    assert found - {machine["enum"] for machine in MACHINES.values()} == set()


def test_every_machine_is_driven() -> None:
    """Forge drives each machine through its table, row by row; the phases of a round are recorded whole."""
    sources = (ROOT / "contracts" / "test" / "machines").glob("*.sol")
    driven = {name for path in sources for name in re.findall(r'return "(\w+)";', path.read_text(encoding="utf-8"))}
    assert set(MACHINES) - driven == {"phase"}
