"""Every command explains itself, at once, and says by its exit code how it ended."""

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click
import pytest

from aicommons.cli import main, output

if TYPE_CHECKING:
    from tests.cli.conftest import Said

    Call = Callable[..., Said]

HEAVY = (
    "numpy", "cryptography", "pyrevm", "eth", "eth_abi", "eth_keys", "pydantic", "blake3", "safetensors",
    "urllib3", "nacl", "rich", "uvicorn", "sklearn", "coincurve", "sqlite3",
)  # fmt: skip


def _paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from _paths(found, (*path, name))


PATHS = list(_paths(main.commons))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_help(call: "Call", tmp_path: pathlib.Path, path: tuple[str, ...]) -> None:
    """``--help`` of every command exits with 0 and says in a sentence what the command does."""
    said = call(tmp_path, *path, "--help")
    assert said.code == 0
    usage, _, rest = said.out.partition("\n\n")
    assert usage.startswith("Usage: commons")
    assert len(rest.strip().splitlines()[0]) > 20


def test_every_noun_is_there() -> None:
    """Every noun that ``commons --help`` lists is a command of its own."""
    assert {path[0] for path in PATHS if path} == set(main.COMMANDS)


def test_help_loads_nothing_heavy() -> None:
    """No noun's file imports a heavy package, so that ``--help`` answers at once."""
    nouns = [f"aicommons.cli.{noun}" for noun in main.COMMANDS]
    code = f"import sys, importlib; [importlib.import_module(n) for n in {nouns}]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(loaded)


EXITS = {
    "help": (["--help"], output.DONE),
    "version": (["--version"], output.DONE),
    "no such noun": (["hospital"], output.USAGE),
    "no such verb": (["run", "fly"], output.USAGE),
    "no such option": (["run", "list", "--colour"], output.USAGE),
    "an argument is missing": (["run", "show"], output.USAGE),
    "an option is out of range": (["node", "start", "--poll-ms", "0"], output.USAGE),
    "neither schema nor target": (["dataset", "publish", "t.csv", "--title", "t"], output.USAGE),
    "more shares than there are": (
        ["run", "open", "--problem", "p", "--plan", "p", "--purpose", "p", "--owner-shares", "900000", "--solver-shares", "100001"],
        output.USAGE,
    ),
    "cells of three": (
        ["run", "open", "--problem", "p", "--plan", "p", "--purpose", "p", "--min", "20", "--cell-size", "3"],
        output.USAGE,
    ),
    "one cell of the fewest sites": (
        ["run", "open", "--problem", "p", "--plan", "p", "--purpose", "p", "--min", "7", "--cell-size", "4"],
        output.USAGE,
    ),
    "not a home": (["run", "list"], output.FAILED),
    "no ledger to replay": (["ledger", "verify"], output.FAILED),
    "no keys": (["key", "show"], output.FAILED),
}  # fmt: skip


@pytest.mark.parametrize("row", EXITS)
def test_exit_code(call: "Call", tmp_path: pathlib.Path, row: str) -> None:
    """0 is done, 1 an expected failure, 2 wrong usage."""
    arguments, code = EXITS[row]
    assert call(tmp_path / "home", *arguments).code == code


def test_a_command_that_told_its_result_may_still_fail() -> None:
    """The exit code that a command chose after its result is the process's: `run verify` and `ledger verify` do so."""

    @click.command()
    @click.pass_context
    def told(ctx: click.Context) -> None:
        ctx.exit(output.FAILED)

    assert output.run(told, []) == output.FAILED


def test_failure_says_what_and_what_next(call: "Call", tmp_path: pathlib.Path) -> None:
    """A failure names the thing and the next step: on standard error, or as one JSON object."""
    plain = call(tmp_path, "run", "list")
    assert plain.out == ""
    assert str(tmp_path) in plain.err
    assert "Next: no home is there; is the name right?" in plain.err
    assert f"`commons --home {tmp_path} init" in plain.err
    said = call(tmp_path, "run", "list", "--json")
    assert set(said.json) == {"error", "message", "next_step"}
    assert said.json["error"] == "InputError"


def test_json_may_stand_anywhere(call: "Call", tmp_path: pathlib.Path) -> None:
    """``--json`` before the noun and after the command means the same."""
    assert call(tmp_path, "--json", "run", "list").json == call(tmp_path, "run", "list", "--json").json


def test_process_exit_code_and_defects(tmp_path: pathlib.Path) -> None:
    """A process ends with these codes, and an unforeseen error is said to be a defect, with a code of its own."""
    command = [sys.executable, "-m", "aicommons.cli.main", "--home", str(tmp_path), "--json", "run", "list"]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == output.FAILED
    assert json.loads(failed.stdout)["error"] == "InputError"
    code = "import sys; from aicommons.cli import output; sys.excepthook = output.say_bug; 1 / 0"
    broken = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert broken.returncode == output.BUG
    assert "ZeroDivisionError" in broken.stderr
    assert "defect" in broken.stderr
