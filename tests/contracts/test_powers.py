"""The table of powers in Foundry names every function that the sources keep for the timelock."""

import pathlib
import re

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"
TABLE = CONTRACTS / "test" / "CommonsGovernor.powers.t.sol"
BASE = CONTRACTS / "test" / "base" / "GovernanceTest.sol"
ROW = re.compile(r"\b_add\([^,;]+, (?:abi\.encodeCall\(I\w+\.(\w+),|(_\w+)\()")
"""A row: the function of our interfaces that it calls, or which function of ``BASE`` writes that call."""
WRITTEN = re.compile(r"function (_\w+)\([^{;]*returns \(bytes memory\) \{\s+return abi\.encodeCall\(I\w+\.(\w+),")
FUNCTION = re.compile(r"function (\w+)\([^{;]*?\{(.*?)\n    \}", re.DOTALL)


def test_every_power_of_the_timelock_is_in_the_table() -> None:
    """Whoever adds a function that only the timelock may call adds the row that proves it refused to all others."""
    guarded = {
        name
        for source in (CONTRACTS / "src").rglob("*.sol")
        for name, body in FUNCTION.findall(source.read_text())
        if "_checkTimelock();" in body
    }
    written = dict(WRITTEN.findall(BASE.read_text()))
    rows = {function or written[helper] for function, helper in ROW.findall(TABLE.read_text())}
    assert {"setSuccessor", "expel", "setRegistrars", "grantRole", "revokeRole"} <= guarded
    assert guarded - rows == set()
