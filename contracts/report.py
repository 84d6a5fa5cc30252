"""Run every contract test and print one table: ``make contracts-test``, which ``make test`` includes.

It exists because a wall of passed tests hides what is not tested: for each contract the table says how many tests, fuzz tests
and invariants it has, how long it is beside its tests, how much of it is NatSpec, and how many bytes are left under the limit
of a chain. Failures are printed before the table, and the exit code is Foundry's. Costs are held to ``snapshots/``: a call that
became dearer or cheaper fails here until its new figure is committed (``--write-costs`` writes it). Only the standard library is
used, so that it runs before anything is installed.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent
LIMIT = 24_576
"""Bytes of code that a chain accepts (EIP-170)."""
NATSPEC = re.compile(r"\s*///")
OF = {
    "Runs": "TrainingRuns",
    "RunLib": "TrainingRuns",
    "Transitions": "TrainingRuns",
    "Models": "ModelRegistry",
    "Consents": "DataRegistry",
    "Policies": "DataRegistry",
    "CoopConsent": "DataRegistry",
    "Registers": "ConsentRegister",
    "ConsentAnswers": "ConsentRegister",
    "Coop": "CoopGovernor",
    "Governance": "CommonsGovernor",
}
"""Whose tests those are that are called after something else; all others are called after their contract."""


@dataclasses.dataclass(slots=True)
class Row:
    """One contract's line of the table."""

    tests: int = 0
    """Tests with fixed values."""
    fuzz: int = 0
    """Tests with random values."""
    invariants: int = 0
    """Rules that random sequences of calls keep."""
    source: int = 0
    """Lines of contract and interface."""
    natspec: int = 0
    """Those of them that describe."""
    written: int = 0
    """Lines of its tests."""
    size: int = 0
    """Bytes of code; 0 for what is not deployed by itself."""


def owner(path: str, contracts: list[str]) -> str:
    """Which contract a test file is about; "shared" if none alone."""
    stem = pathlib.PurePath(path).name.split(".")[0].removesuffix("Handler")
    name = OF.get(stem, stem)
    return name if name in contracts else "shared"


def names() -> list[str]:
    """The contracts that are deployed, by file."""
    return sorted(path.stem for path in (ROOT / "src").glob("*.sol"))


def results(arguments: list[str]) -> tuple[int, dict[str, Any], str]:
    """Runs the tests: Foundry's exit code, its results by suite, and what else it said."""
    command = [ROOT / "forge", "test", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    begin = done.stdout.find('{"')
    suites = json.JSONDecoder().raw_decode(done.stdout[begin:])[0] if begin >= 0 else {}
    return done.returncode, suites, done.stdout[: max(begin, 0)] + done.stderr


def costs(*, is_check: bool) -> tuple[int, list[str]]:
    """Compares what transactions cost with ``snapshots/``, or writes it: Foundry's exit code, and what differs.

    A run of its own, because Foundry leaves them alone while it prints JSON.
    """
    command = [ROOT / "forge", "test", "--match-path", "test/gas/*", "--gas-snapshot-check", str(is_check).lower()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in said if "→" in line or line.startswith("Error")]


def failures(suites: dict[str, Any]) -> Iterator[str]:
    """Every test that failed, with Foundry's reason."""
    for suite, found in suites.items():
        for name, result in found["test_results"].items():
            if result["status"] == "Failure":
                yield f"{suite} {name}: {result['reason'] or 'failed'}"


def count(suites: dict[str, Any]) -> dict[str, Row]:
    """The table's figures, by contract."""
    contracts = names()
    rows: dict[str, Row] = collections.defaultdict(Row)
    for suite, found in suites.items():
        row = rows[owner(suite.split(":")[0], contracts)]
        for result in found["test_results"].values():
            kind = next(iter(result["kind"]))
            row.fuzz += kind == "Fuzz"
            row.invariants += kind == "Invariant"
            row.tests += kind not in {"Fuzz", "Invariant"}
    for path in (ROOT / "src").rglob("*.sol"):
        lines = path.read_text(encoding="utf-8").splitlines()
        stem = path.stem.removeprefix("I") if path.parent.name == "interfaces" else path.stem
        row = rows[owner(stem, contracts)]
        row.source += len(lines)
        row.natspec += sum(NATSPEC.match(line) is not None for line in lines)
    for path in (ROOT / "test").rglob("*.sol"):
        rows[owner(path.name, contracts)].written += len(path.read_text(encoding="utf-8").splitlines())
    for name in contracts:
        output = json.loads((ROOT / "out" / f"{name}.sol" / f"{name}.json").read_bytes())
        rows[name].size = len(output["deployedBytecode"]["object"]) // 2 - 1
    return rows


def table(rows: dict[str, Row]) -> str:
    """The figures as a Markdown table, with a last line that adds them up."""
    total = Row(*(sum(getattr(row, each.name) for row in rows.values()) for each in dataclasses.fields(Row)))
    head = "| contract | tests | fuzz | invariants | lines | of tests | tests per line | NatSpec % | bytes | spare |"
    lines = [head, "| --- " + "| ---: " * 9 + "|"]
    for name, row in [*sorted(rows.items(), key=lambda item: (item[0] == "shared", item[0])), ("all", total)]:
        code = (f"{row.size:,}", f"{LIMIT - row.size:,}") if row.size and name != "all" else ("-", "-")
        ratio, share = row.written / max(row.source, 1), 100 * row.natspec / max(row.source, 1)
        figures = (row.tests, row.fuzz, row.invariants, row.source, row.written, f"{ratio:.1f}", f"{share:.0f}", *code)
        lines.append(f"| {name} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Runs the tests and prints what failed and the table; Foundry's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-costs", action="store_true", help="write snapshots/ instead of comparing")
    chosen, further = parser.parse_known_args(arguments)
    code, suites, said = results(further)
    failed = list(failures(suites))
    if not further or chosen.write_costs:
        differ, changed = costs(is_check=not chosen.write_costs)
        code = code or differ
        failed += [f"costs differ from snapshots/ (report.py --write-costs writes them): {line}" for line in changed]
    print("\n".join(failed))
    if suites:
        print(table(count(suites)))
    if code != 0 and not failed:
        print(said, file=sys.stderr)
    print(f"\n{sum(len(found['test_results']) for found in suites.values())} tests, {len(failed)} failed")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
