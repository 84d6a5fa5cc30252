"""Break one line of a contract at a time and see that a test notices: ``make mutants``.

The lines stand in ``mutants.toml``, each with what would be wrong and which tests have to notice. It works on copies with
caches of their own, so that nobody's sources are ever broken, and compiles the quick way: without the Yul pipeline, tests
linked to contracts at run time, so that a mutant recompiles one contract and no test. It prints a table and fails if a mutant
survives, no longer applies, or its tests fail without it. Tests that do not end within ``--limit`` seconds are a fault too, not
a kill: on a busy machine time proves nothing, and the table has to name a test. That the lines still exist is a test that needs
no compiler.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent
COPIED = ("src", "test", "foundry.toml", "forge", "solc", "package.json", "package-lock.json")
SLOW = re.compile(r"^(?:additional_compiler_profiles|compilation_restrictions) = .*\n", re.MULTILINE)
QUICK = """
dynamic_test_linking = true
code_size_limit = 100000         # without the Yul pipeline TrainingRuns is longer than a chain accepts

[profile.default.fuzz]
seed = "0x1"
runs = 64

[profile.default.invariant]
seed = "0x1"
runs = 128
shrink_run_limit = 0             # that a rule broke is enough
"""
MINIMUM = 40
CAMPAIGNS = "test/invariant/"
LIMIT = 600.0
"""Seconds that compiling and testing one mutant may take; a hundred times what a quiet core needs."""
FAILED = re.compile(r"^\[FAIL(?:: (.*?))?\](?:\n\t.*)*(?:\n|.*?) (\w+)\(", re.MULTILINE)
"""Why a test failed and how it is called. Of a campaign the calls that led there stand between the two."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One line of one contract, broken."""

    name: str
    """How the table and ``--only`` call it."""
    file: str
    """Below ``contracts/src``."""
    line: str
    """The line without its indentation; it occurs once in the file."""
    becomes: str
    """What stands there instead; empty = nothing."""
    why: str
    """What would go wrong."""
    kills: str
    """Glob of the test files of which one has to fail."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    """Which one."""
    killer: str
    """The first test that failed, or why the mutant counts as alive."""
    is_killed: bool
    """Whether a test noticed."""
    seconds: float
    """How long compiling and testing took."""


def read(path: pathlib.Path = ROOT / "mutants.toml") -> list[Mutant]:
    """The mutants in the order of the file."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Mutant(name=name, **row) for name, row in table.items()]


def places(mutant: Mutant, root: pathlib.Path = ROOT) -> int:
    """How often the mutant's line stands in its file; it applies when that is once."""
    path = root / "src" / mutant.file
    if not path.is_file():
        return 0
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()].count(mutant.line)


def mutated(source: str, mutant: Mutant) -> str:
    """The file with its line broken."""
    lines = source.splitlines()
    index = [line.strip() for line in lines].index(mutant.line)
    lines[index] = lines[index].replace(mutant.line, mutant.becomes)
    return "\n".join(lines) + "\n"


def plain(settings: str) -> str:
    """Foundry's settings without the Yul pipeline; raises ``SystemExit`` when they no longer are what this cuts out."""
    left, cuts = SLOW.subn("", settings)
    if cuts != 2:
        raise SystemExit("contracts/mutants.py: foundry.toml has other compiler profiles than expected")
    return left


def quick(settings: str) -> str:
    """Plain settings for many short runs of tests."""
    head = plain(settings).split("[profile.default.fuzz]")[0]
    return f"{head.rstrip()}\n{QUICK}fail_on_revert = true\ndepth = 32\n"


def prepare(folder: pathlib.Path, settings: Callable[[str], str] = quick) -> pathlib.Path:
    """A copy of the contracts that compiles the quick way, or with settings made otherwise."""
    copy = folder / "contracts"
    copy.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    (copy / "node_modules").symlink_to((ROOT / "node_modules").resolve())
    shutil.copytree(ROOT.parent / "vectors", folder / "vectors")
    (copy / "foundry.toml").write_text(settings((ROOT / "foundry.toml").read_text(encoding="utf-8")), encoding="utf-8")
    return copy


def run_tests(copy: pathlib.Path, glob: str, limit: float = LIMIT) -> tuple[bool, str]:
    """Whether the tests of a glob pass within a limit in seconds, and what Foundry says; it and its compiler end by then."""
    arguments = ["test", "--match-path", glob, "--fail-fast"]
    if glob.startswith(CAMPAIGNS):
        arguments += ["--match-test", "^invariant_"]  # the campaigns themselves have to see it
    return _forge(copy, arguments, limit)


def _forge(copy: pathlib.Path, arguments: list[str], limit: float) -> tuple[bool, str]:
    pipe, command = subprocess.PIPE, [copy / "forge", *arguments]
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, start_new_session=True) as running:
        try:
            said, _ = running.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return False, f"Error: not over after {limit:g} seconds"
    return running.returncode == 0, said


def judge(copy: pathlib.Path, mutant: Mutant, limit: float = LIMIT) -> Verdict:
    """Breaks the line in a copy, runs the tests that should notice and mends it again."""
    began = time.monotonic()
    path = copy / "src" / mutant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(mutated(sound, mutant), encoding="utf-8")
    try:
        passed, said = run_tests(copy, mutant.kills, limit)
    finally:
        path.write_text(sound, encoding="utf-8")
    name, is_killed = ("survived", False) if passed else killer(said)
    return Verdict(mutant, name, is_killed, time.monotonic() - began)


def killer(said: str) -> tuple[str, bool]:
    """The first test that failed, of a campaign with the rule that broke, and true; or why none did, and false."""
    failed = FAILED.search(said)
    if failed is None:
        return "no test ran: " + _last(said), False
    reason, name = failed.groups()
    return (f"{name}: {reason[:60]}" if reason and name.startswith("invariant_") else name), True


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("Error")]
    return lines[0] if lines else "Foundry failed"


def check_sound(copy: pathlib.Path, globs: list[str], limit: float) -> None:
    """Raises ``SystemExit`` unless the tests that are to notice pass on sound contracts; but for campaigns, many run at once."""
    _say("compiling")  # all of it: each glob by itself would compile anew what it shares with others
    _forge(copy, ["build"], 10 * limit)
    single = [glob for glob in globs if not glob.startswith(CAMPAIGNS)]
    runs = {glob: functools.partial(run_tests, copy, glob, limit) for glob in globs}
    if len(single) > 3:
        rest = ["test", "--no-match-path", f"{CAMPAIGNS}*", "--fail-fast"]
        runs = {glob: run for glob, run in runs.items() if glob not in single}
        runs["all tests but campaigns"] = functools.partial(_forge, copy, rest, 10 * limit)
    for name, run in runs.items():
        _say(f"sound: {name}")
        passed, said = run()
        if not passed or "Suite result: ok." not in said:
            raise SystemExit(f"contracts/mutants.py: {name} does not pass on sound contracts\n{said[-2000:]}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def judge_all(mutants: list[Mutant], jobs: int, folder: pathlib.Path, limit: float = LIMIT) -> list[Verdict]:
    """Judges every mutant; the tests are run on sound contracts first, and each worker has a copy of its own."""
    first = prepare(folder / "0")
    check_sound(first, sorted({mutant.kills for mutant in mutants}), limit)
    copies: queue.SimpleQueue[pathlib.Path] = queue.SimpleQueue()
    copies.put(first)
    for number in range(1, jobs):
        copies.put(pathlib.Path(shutil.copytree(folder / "0", folder / str(number), symlinks=True)) / "contracts")

    def work(mutant: Mutant) -> Verdict:
        copy = copies.get()
        try:
            verdict = judge(copy, mutant, limit)
        finally:
            copies.put(copy)
        _say(f"{mutant.name}: {verdict.killer}")
        return verdict

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(work, mutants))


def table(verdicts: list[Verdict]) -> str:
    """The verdicts as a Markdown table."""
    lines = ["| mutant | in | would | killed by | seconds |", "| --- | --- | --- | --- | ---: |"]
    for each in verdicts:
        noticed = f"`{each.killer}`" if each.is_killed else f"**{each.killer}**"
        mutant = each.mutant
        lines.append(f"| {mutant.name} | {mutant.file} | {mutant.why} | {noticed} | {each.seconds:.1f} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Judges the mutants and prints what became of them; 1 if one is alive or does not apply."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="PATTERN", help="only mutants whose name, file or tests match")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="copies that work at once")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that one mutant may take; more is a fault")
    chosen = parser.parse_args(arguments)
    mutants = [each for each in read() if re.search(chosen.only, f"{each.name} {each.file} {each.kills}")]
    stale = [mutant.name for mutant in mutants if places(mutant) != 1]
    if stale or not mutants:
        print(f"contracts/mutants.py: these lines are not in the sources once: {', '.join(stale) or 'none chosen'}")
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        verdicts = judge_all(mutants, min(chosen.jobs, len(mutants)), pathlib.Path(folder), chosen.limit)
    print(table(verdicts))
    alive = sum(not each.is_killed for each in verdicts)
    print(
        f"\n{len(verdicts)} mutants, {len(verdicts) - alive} killed, {alive} not, {time.monotonic() - began:.0f} seconds"
    )
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
