"""The mutants of the contracts still apply: forge judges them (``make mutants``), this needs no compiler."""

import fnmatch
import importlib.util
import pathlib
import sys
import types

import pytest

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"


def load(name: str) -> types.ModuleType:
    """Return a script of contracts/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"contracts_{name}", CONTRACTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mutants = load("mutants")
ALL = mutants.read()
TESTS = [path.relative_to(CONTRACTS).as_posix() for path in CONTRACTS.glob("test/**/*.t.sol")]
FILES = ("RunLib", "TrainingRuns", "Membership", "DataRegistry", "ConsentRegister", "Vault", "Attestations")


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
    """At least forty lines, in every contract that keeps money, members, consents, runs, models or statements."""
    assert len(ALL) >= mutants.MINIMUM
    broken = {pathlib.PurePath(mutant.file).stem for mutant in ALL}
    assert set(FILES) | {"ModelRegistry", "Problems", "Bonds", "Registrars", "QuorumFloor"} <= broken


def test_the_quick_settings_leave_the_slow_pipeline_out() -> None:
    """What is compiled for mutants are the same settings without the Yul pipeline; other settings are noticed."""
    settings = (CONTRACTS / "foundry.toml").read_text(encoding="utf-8")
    quick = mutants.quick(settings)
    assert "via_ir" not in quick
    assert "dynamic_test_linking = true" in quick
    assert 'evm_version = "cancun"' in quick
    with pytest.raises(SystemExit, match="compiler profiles"):
        mutants.quick(quick)
