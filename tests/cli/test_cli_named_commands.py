"""Whoever is told to run a command can: every command that the package's words name is one of ``commons``."""

import ast
import pathlib
import re
from collections.abc import Iterator

import click
import pytest

import aicommons
from aicommons.cli import main

SOURCES = [
    path for path in sorted(pathlib.Path(aicommons.__file__).parent.rglob("*.py")) if "`commons" in path.read_text()
]
NAMED = re.compile(r"`commons(?: --home \S+)?((?: [a-z][a-z-]*)+)")


def named(source: pathlib.Path) -> Iterator[str]:
    """Return the words after ``commons`` in backticks of a file's texts."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (found[1].strip() for found in NAMED.finditer(" ".join(node.value.split())))


def unknown(words: str) -> str | None:
    """Return the first word that is no command where one has to stand."""
    command: click.Command = main.commons
    for word in words.split():
        if not isinstance(command, click.Group):
            return None
        found = command.get_command(click.Context(command), word)
        if found is None:
            return word
        command = found
    return None


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_command_that_is_named_is_there(source: pathlib.Path) -> None:
    """A text of the package names no command that ``commons`` does not have."""
    assert [words for words in named(source) if unknown(words) is not None] == []


def test_a_command_that_is_not_there_is_found() -> None:
    """The check itself sees a noun or a verb that is none, and takes arguments for no verb."""
    assert [unknown(words) for words in ("run flee", "hospital", "run list", "init", "run show anything")] == [
        "flee", "hospital", None, None, None,
    ]  # fmt: skip
