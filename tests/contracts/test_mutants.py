"""The mutants of the contracts still apply: forge judges them (``make mutants``), this needs no compiler."""

import fnmatch
import pathlib
import time

import pytest
from tests import programs

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"


mutants = programs.load(CONTRACTS / "mutants.py")
ALL = mutants.read()
TESTS = [path.relative_to(CONTRACTS).as_posix() for path in CONTRACTS.glob("test/**/*.t.sol")]
RULES = (1, 4, 5, 6, 8, 9, 10, 11, 12)
"""Of the specification's list; 2, 3 and 7 are of contracts that do not exist yet."""
UNBROKEN = {"Forwarder", "CommonsGovernor", "CoopGovernor", "RunTypes", "Authority"}
"""OpenZeppelin's under our names, and files without code."""


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_every_line_still_stands_once(mutant: object) -> None:
    """A mutant breaks exactly one line that exists, says what would be wrong, and names tests that exist."""
    assert mutants.places(mutant) == 1
    assert mutant.line != mutant.becomes
    assert mutant.why
    assert mutants.mutated("\n".join((" a", f"    {mutant.line}", "")), mutant) == f" a\n    {mutant.becomes}\n"
    for glob in alternatives(mutant.kills):
        assert fnmatch.filter(TESTS, glob), glob


def alternatives(glob: str) -> list[str]:
    """Return the globs that one with braces stands for; an asterisk means slashes too, as for Foundry."""
    head, brace, rest = glob.partition("{")
    inside, _, tail = rest.partition("}")
    return [one for each in inside.split(",") for one in alternatives(head + each + tail)] if brace else [glob]


def test_braces_are_written_out() -> None:
    """Each alternative of a glob is looked for by itself."""
    assert alternatives("test/a*") == ["test/a*"]
    assert alternatives("test/{a,b/c}{1,2}*") == ["test/a1*", "test/a2*", "test/b/c1*", "test/b/c2*"]


def test_there_are_enough_and_of_every_contract() -> None:
    """At least forty lines, and some in every file that has lines to break."""
    assert len(ALL) >= mutants.MINIMUM
    broken = {pathlib.PurePath(mutant.file).stem for mutant in ALL}
    sources = {path.stem for path in CONTRACTS.glob("src/**/*.sol") if path.parent.name != "interfaces"}
    assert sources - broken == UNBROKEN


def test_every_campaign_dies() -> None:
    """Each file of campaigns has a mutant that it has to notice itself, and so has each rule of the specification."""
    campaigns = {path.name.partition(".")[0] for path in CONTRACTS.glob("test/invariant/*.invariant.t.sol")}
    killers = {mutant.name: mutant.kills for mutant in ALL if mutant.kills.startswith("test/invariant/")}
    assert campaigns == {pathlib.PurePath(glob).name.rstrip("*") for glob in killers.values()}
    assert {name.rpartition("rule-")[2].partition("-")[0] for name in killers} == {"coop", *map(str, RULES)}


SAID = {
    "a test": ("[FAIL: A(1, 2)] test_a() (gas: 5)", "test_a"),
    "a fuzz test": ("[FAIL: no; counterexample: calldata=0x args=[1, 2]] test_b(uint256) (runs: 3)", "test_b"),
    "one with a call in its reason": ("[FAIL: run: close(bytes32) in Open: 1 != 2] test_c() (gas: 5)", "test_c"),
    "a campaign": (
        "[FAIL: 5: used]\n\t[Sequence] (original: 2)\n\t\tcalldata=due(uint256) args=[9]\n invariant_d() (runs: 1)",
        "invariant_d: 5: used",
    ),
    "nothing": ("Error: Compiler run failed", "no test ran: Error: Compiler run failed"),
}


@pytest.mark.parametrize("row", SAID)
def test_the_killer_is_read(row: str) -> None:
    """What Foundry prints names the test that failed; of a campaign, which holds many rules, also which one broke."""
    said, killer = SAID[row]
    assert mutants.killer(f"Ran 1 test\n{said}\n") == (killer, row != "nothing")


def test_tests_that_do_not_end_are_stopped(tmp_path: pathlib.Path) -> None:
    """A mutant that takes longer than the limit is no kill: its tests are stopped with all that they started."""
    forge = tmp_path / "forge"
    forge.write_text('#!/bin/sh\n(sleep 1; touch "$0.went-on") &\nsleep 60\n')
    forge.chmod(0o755)
    assert mutants.run_tests(tmp_path, "test/*", 0.2) == (False, "Error: not over after 0.2 seconds")
    time.sleep(1.5)
    assert not (tmp_path / "forge.went-on").exists()


def test_the_quick_settings_leave_the_slow_pipeline_out() -> None:
    """What is compiled for mutants are the same settings without the Yul pipeline; other settings are noticed."""
    settings = (CONTRACTS / "foundry.toml").read_text(encoding="utf-8")
    quick = mutants.quick(settings)
    assert "via_ir" not in quick
    assert "dynamic_test_linking = true" in quick
    assert 'evm_version = "cancun"' in quick
    with pytest.raises(SystemExit, match="compiler profiles"):
        mutants.quick(quick)
