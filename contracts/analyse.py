"""Ask other people's analysers: ``make prove`` (halmos: properties for all values) and ``make slither`` (known faults).

Each works on a copy of the contracts with a cache of its own, because both compile with settings of their own and slither begins
with ``forge clean``. They are installed in environments of their own (``.halmos``, ``.slither``), since they pin older packages
than ours. It decides nothing about a finding: what slither says and is no fault stands with its reason in ``slither.toml``.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from typing import Any

import mutants

ROOT = mutants.ROOT
PROOFS = ("VaultProof", "MembershipProof", "ModelRegistryProof")
LIMITS = ("--loop", "12", "--solver-timeout-assertion", "60000")
"""Twelve turns are more than any loop of the proofs takes; halmos says when a bound was reached."""


def environment() -> dict[str, str]:
    """The present environment with the pinned Foundry before any other."""
    found = [str(path) for path in ROOT.glob("node_modules/@foundry-rs/forge-*/bin")]
    return {**os.environ, "PATH": os.pathsep.join([*found, os.environ["PATH"]])}


def tool(name: str) -> str:
    """Where an analyser lies; raises ``SystemExit`` if its environment was not made."""
    path = ROOT.parent / f".{name}" / "bin" / name
    if not path.is_file():
        raise SystemExit(f"contracts/analyse.py: {path} is missing; run it by make, which installs it")
    return str(path)


def prove(copy: pathlib.Path) -> int:
    """Proves every property of ``test/proofs``; 1 if one does not hold or could not be decided."""
    for path in (copy / "test").iterdir():
        if path.name not in {"proofs", "base"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    named = "".join(path.read_text(encoding="utf-8") for path in (copy / "test" / "proofs").iterdir())
    for path in (copy / "test" / "base").iterdir():
        if path.name != "Vm.sol" and f'"../base/{path.name}"' not in named:
            path.unlink()
    failed = []
    for contract in PROOFS:
        command = [tool("halmos"), "--contract", contract, "--function", "test_", *LIMITS]
        done = subprocess.run(command, cwd=copy, env=environment(), capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        print("\n".join(line for line in said.splitlines() if "(paths:" in line or "Counterexample" in line))
        if done.returncode != 0 or "(paths:" not in said:
            failed.append(contract)
            print(said[-2000:])
    print(f"{len(PROOFS) - len(failed)} of {len(PROOFS)} sets of properties proven")
    return 1 if failed else 0


def slither(copy: pathlib.Path) -> int:
    """Prints every finding of high or medium impact that is not accepted, and rows that match none; 1 if there is any."""
    shutil.rmtree(copy / "test")
    report = copy / "slither.json"
    ignored = ("--exclude-informational", "--exclude-low", "--exclude-optimization")
    command = [tool("slither"), ".", "--filter-paths", "node_modules", *ignored, "--json", str(report)]
    done = subprocess.run(command, cwd=copy, env=environment(), capture_output=True, text=True, check=False)
    if not report.is_file():
        print(done.stdout[-2000:] + done.stderr[-2000:])
        return 1
    found = json.loads(report.read_bytes())["results"].get("detectors", [])
    accepted = tomllib.loads((ROOT / "slither.toml").read_text(encoding="utf-8"))["accepted"]
    wrong = [each for each in found if not any(_matches(row, each) for row in accepted)]
    stale = [row for row in accepted if not any(_matches(row, each) for each in found)]
    for each in wrong:
        print(f"{each['impact']} {each['check']}: {each['description']}")
    for row in stale:
        print(f"slither.toml: nothing is found any more of {row['check']} in {row['where']}")
    print(f"{len(found)} findings of high or medium impact, {len(found) - len(wrong)} accepted with a reason")
    return 1 if wrong or stale else 0


def _matches(row: dict[str, Any], finding: dict[str, Any]) -> bool:
    return finding["check"] == row["check"] and str(finding["description"]).startswith(row["where"])


def main(arguments: list[str]) -> int:
    """Runs one analyser on a copy; its verdict is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analyser", choices=("prove", "slither"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="analyse") as folder:
        copy = mutants.prepare(pathlib.Path(folder), mutants.plain)
        code = {"prove": prove, "slither": slither}[parser.parse_args(arguments).analyser](copy)
    print(f"{time.monotonic() - began:.0f} seconds")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
