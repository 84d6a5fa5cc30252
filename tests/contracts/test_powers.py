"""The table of powers in Foundry names every function that the sources keep for the timelock."""

import pathlib
import re

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"
TABLE = CONTRACTS / "test" / "CommonsGovernor.powers.t.sol"
FUNCTION = re.compile(r"function (\w+)\([^{;]*?\{(.*?)\n    \}", re.DOTALL)


def test_every_power_of_the_timelock_is_in_the_table() -> None:
    """Whoever adds a function that only the timelock may call adds the row that proves it refused to all others."""
    guarded = {
        name
        for source in (CONTRACTS / "src").rglob("*.sol")
        for name, body in FUNCTION.findall(source.read_text())
        if "_checkTimelock();" in body
    }
    rows = set(re.findall(r"abi\.encodeCall\(\w+\.(\w+),", TABLE.read_text())) | {"grantRole"}
    assert {"setSuccessor", "expel", "setRegistrars", "revokeRole"} <= guarded
    assert guarded - rows == set()
