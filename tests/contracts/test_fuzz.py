"""Every function that changes something is called with random values by some test of its contract."""

import pathlib
import re
import tomllib

import pytest

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"
CALLERS = tomllib.loads((CONTRACTS / "callers.toml").read_text(encoding="utf-8"))
TESTS = sorted((CONTRACTS / "test").rglob("*.t.sol"))
FUZZ = re.compile(r"function test_(\w+?)_\w+\(\s*\w")


@pytest.mark.parametrize("name", CALLERS)
def test_every_function_has_a_fuzz_test(name: str) -> None:
    """For each function there is a test `test_<function>_…` with parameters, in a file that is called after its contract."""
    sources = [path.read_text(encoding="utf-8") for path in TESTS if path.name.split(".")[0] == name]
    fuzzed = {found for source in sources for found in FUZZ.findall(source)}
    assert set(CALLERS[name]) - fuzzed == set()


def test_campaigns_are_long_enough() -> None:
    """Invariants run 256 times 32 calls at every change and 1,024 times 128 in the deep profile, and no revert is swallowed."""
    profiles = tomllib.loads((CONTRACTS / "foundry.toml").read_text(encoding="utf-8"))["profile"]
    found = {name: (each["invariant"]["runs"], each["invariant"]["depth"]) for name, each in profiles.items()}
    assert found == {"default": (256, 32), "deep": (1024, 128)}
    assert all(each["invariant"]["fail_on_revert"] for each in profiles.values())
