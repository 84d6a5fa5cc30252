"""How every command speaks: one object as JSON or a few plain lines, errors with the next step, exit codes.

A command calls ``emit`` once with its result. Errors of the tree become exit 1, wrong usage exit 2 (click), anything
else is a bug and is said to be one. ``--json`` may stand before the noun or after any command (``json_option``).
"""

import dataclasses
import inspect
import json
import os
import pathlib
import re
import shlex
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

from aicommons.cli import refusals
from aicommons.domain import errors

F = TypeVar("F", bound=Callable[..., Any])

DONE, FAILED, USAGE, BUG = 0, 1, 2, 70


COMMAND = re.compile(r"`commons (?!--home |ledger start|store start|member admit)")
"""A command that somebody is told to run in this home; the others are run by whoever operates a server or admits members."""


RUN = re.compile(r"\bRUN\b")
"""Stands in next steps for the run that a command is about."""


def usual_home() -> pathlib.Path:
    """Return the home of a call that names none."""
    return pathlib.Path(os.environ.get("COMMONS_HOME", "~/.commons")).expanduser()


@dataclasses.dataclass(slots=True)
class Call:
    """What a command was called with, whatever its noun."""

    home: pathlib.Path = dataclasses.field(default_factory=usual_home)
    as_json: bool = False
    run: str | None = None
    """The run that it is about, as people name it; ``None`` until it is known."""

    def command(self, words: str) -> str:
        """Return ``commons WORDS`` as it has to be typed for the home of this call."""
        named = "" if self.home == usual_home() else f"--home {shlex.quote(str(self.home))} "
        return f"commons {named}{words}"


def command(words: str) -> str:
    """Return ``commons WORDS`` as it has to be typed for the home of the present call."""
    return call().command(words)


def json_option(function: F) -> F:
    """Let a command take ``--json`` after its name too."""

    def remember(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value:
            ctx.find_root().obj.as_json = True

    return click.option(
        "--json", is_flag=True, expose_value=False, callback=remember, help="Print one JSON object instead of text."
    )(function)


def call() -> Call:
    """Return how the current command was called."""
    found = click.get_current_context().find_root().obj
    if not isinstance(found, Call):
        raise click.UsageError("call this through `commons`")
    return found


def emit(result: Mapping[str, object], *lines: str) -> None:
    """Print a command's result: ``result`` as JSON, or ``lines`` for people."""
    if call().as_json:
        click.echo(json.dumps(result, sort_keys=True))
        return
    for line in lines:
        click.echo(line)


def ready(result: Mapping[str, object], line: str) -> None:
    """Say that a server or node answers from now on: one line, at once, whoever waits for it."""
    click.echo(json.dumps(result, sort_keys=True) if call().as_json else line)
    sys.stdout.flush()


def aligned(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return a table as lines that are never cut, so that ids can be copied from them."""
    cells = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(heads))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def note(line: str) -> None:
    """Say something on the way, on standard error, unless JSON was asked for."""
    if not call().as_json:
        click.echo(line, err=True)


def listed(lines: Iterable[str]) -> str:
    """Return the parts of an error's ``got`` on lines of their own, below the sentence that they belong to."""
    return "".join(f"\n    {line}" for line in lines) + "\n  "


def check_new(file: pathlib.Path) -> None:
    """Check that a command does not write over a file.

    Raises:
        errors.InputError: the file is there.
    """
    if file.exists():
        raise errors.InputError(
            "the file is there already and is never overwritten",
            which=str(file),
            next_step="name another file, or move this one away",
        )


def run(command: click.Command, arguments: list[str] | None = None) -> int:
    """Run ``command`` and return the exit code."""
    argv = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in argv
    said = Call(as_json=as_json)
    try:
        code = command.main(args=arguments, prog_name="commons", standalone_mode=False, obj=said)
    except click.ClickException as err:
        asked = err.ctx.command_path if isinstance(err, click.UsageError) and err.ctx is not None else "commons"
        _say(as_json, type(err).__name__, err.format_message(), f"see `{asked} --help`")
        return USAGE
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        return FAILED
    except errors.CommonsError as err:
        _say(as_json, type(err).__name__, *in_words(err, said))
        return FAILED
    return code if isinstance(code, int) else DONE  # what ``ctx.exit`` was given; commands return nothing


def in_words(err: errors.CommonsError, said: Call | None = None) -> tuple[str, str]:
    """Return what went wrong and what to do now, with commands as they are typed for the home of a call.

    Args:
        err: what was raised.
        said: the call, ``None`` for the present one.
    """
    here = said or call()
    refusal = refusals.in_words(err) if isinstance(err, errors.LedgerRefused) else None
    message, next_step = refusal or (str(err), err.next_step or advice(type(err)))
    if here.run is not None:
        next_step = RUN.sub(here.run, next_step)
    return message, COMMAND.sub(lambda _: "`" + here.command(""), next_step)


def say_bug(kind: type[BaseException], err: BaseException, trace: types.TracebackType | None) -> None:
    """Say that something unforeseen happened, and end with a code of its own (``sys.excepthook``)."""
    traceback.print_exception(kind, err, trace)
    click.echo("This is a defect of commons, not of your input; please report the lines above.", err=True)
    sys.stdout.flush()
    os._exit(BUG)


def advice(kind: type[errors.CommonsError]) -> str:
    """Return what to do after an error of a kind: its docstring's first paragraph, literals as a terminal shows them."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split()).replace("``", "`")


def _say(as_json: bool, kind: str, message: str, next_step: str) -> None:
    if as_json:
        click.echo(json.dumps({"error": kind, "message": message, "next_step": next_step}))
        return
    click.echo(f"Error: {message}", err=True)
    click.echo(f"  Next: {next_step}", err=True)
