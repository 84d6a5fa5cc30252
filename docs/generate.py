"""Makes the generated parts of README.md and docs/reference: cog asks for them (`make docs`, `make check`).

Everything comes from the code itself: help texts from click, settings and documents from their dataclasses, errors from
their docstrings. The text depends on nothing but the code: not on the terminal, the environment or the machine. What a
person has to explain stands around the generated parts and is not written here.
"""

import ast
import dataclasses
import enum
import importlib
import inspect
import json
import pathlib
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import click
from click import testing as click_testing

from aicommons import app, domain
from aicommons.cli import main, refusals
from aicommons.domain import documents, errors, messages, run

WIDTH = 100
"""Columns of help texts."""

MACHINES = pathlib.Path(__file__).parents[1] / "vectors" / "machines.json"


def commands(
    root: click.Command = main.commons, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with its path, groups before their members; the root's path is empty."""
    yield path, root
    if isinstance(root, click.Group):
        context = click.Context(root)
        for name in root.list_commands(context):
            found = root.get_command(context, name)
            if found is None:
                raise LookupError(f"commons {' '.join((*path, name))} is listed but not there")
            yield from commands(found, (*path, name))


def command_help(*path: str) -> str:
    """Return what ``commons PATH --help`` prints, as a fenced block."""
    result = click_testing.CliRunner().invoke(
        main.commons, [*path, "--help"], prog_name="commons", terminal_width=WIDTH, catch_exceptions=False
    )
    if result.exit_code != 0:
        raise RuntimeError(f"commons {' '.join(path)} --help ended with {result.exit_code}: {result.output}")
    return f"```text\n{result.output.rstrip()}\n```\n"


def all_help() -> str:
    """Return a heading and the help of every command."""
    return "\n".join(
        f"{'#' * min(3, 2 + len(path) // 2)} `{command_title(path)}`\n\n{command_help(*path)}" for path, _ in commands()
    )


def command_title(path: Sequence[str]) -> str:
    """Return how a command is called on the command line."""
    return " ".join(("commons", *path))


def settings() -> str:
    """Return a heading per setting with its meaning, type and default."""
    texts = field_texts(app, "Settings")
    sections = []
    for field in dataclasses.fields(app.Settings):
        default = f"`{field.default}`"
        if field.default is dataclasses.MISSING:
            default = "none; it must be given"
        elif field.default is None:
            default = "not set"
        sections.append(f"### `{field.name}`\n\n{texts[field.name]} Type: {type_name(field)}. Default: {default}.\n")
    return "\n".join(sections)


def error_kinds(kind: type[errors.CommonsError] = errors.CommonsError) -> Iterator[type[errors.CommonsError]]:
    """Yield the error classes, each before its branches, in the order of their definition."""
    yield kind
    for branch in kind.__subclasses__():
        if branch.__module__ == errors.__name__:
            yield from error_kinds(branch)


def error_tree() -> str:
    """Return the tree as it is drawn at the top of errors.py."""
    drawn = inspect.cleandoc(errors.__doc__ or "").split("\n\n")[1]
    return f"```text\n{inspect.cleandoc(drawn)}\n```\n"


def error_steps() -> str:
    """Return a heading per error class with the next step that it advises."""
    sections = []
    for kind in error_kinds():
        parents = [base.__name__ for base in kind.__mro__[1:] if issubclass(base, errors.CommonsError)]
        branch = f"Caught with: {', '.join(f'`{name}`' for name in parents)}.\n\n" if parents else ""
        sections.append(f"### `{kind.__name__}`\n\n{branch}{plain(kind.__doc__ or '')}\n")
    return "\n".join(sections)


def contract_refusals() -> str:
    """Return what the command line says for the contracts' errors."""
    rows = [(f"`{name}`", happened, then) for name, (happened, then) in sorted(refusals.WORDS.items())]
    return table(("contract's error", "said as", "next step"), rows)


def document_kinds() -> list[type[Any]]:
    """Return the documents and their parts: those of ``documents`` first, then each further module that defines any."""
    names = sorted(each.name for each in pkgutil.iter_modules(domain.__path__))
    modules = [importlib.import_module(f"{domain.__name__}.{name}") for name in names]
    modules.sort(key=lambda module: module is not documents)
    found = {module: [kind for kind in _records(module) if kind is not documents.Document] for module in modules}
    return [
        kind
        for kinds in found.values()
        if any(issubclass(kind, documents.Document) for kind in kinds)
        for kind in kinds
    ]


def document_fields() -> str:
    """Return a heading and the fields of every document."""
    sections = []
    for kind in document_kinds():
        type_line = (
            f"`type` is `{kind.KIND}`, `version` is 1." if hasattr(kind, "KIND") else "Part of another document."
        )
        module = sys.modules[kind.__module__]
        sections.append(f"### `{kind.__name__}`\n\n{plain(kind.__doc__ or '')} {type_line}\n\n{_fields(module, kind)}")
    return "\n".join(sections)


def run_spec_fields() -> str:
    """Return the fields of a RunSpec."""
    return _fields(run, run.RunSpec)


def message_kinds() -> list[type[Any]]:
    """Return the signed messages in the order of their definition."""
    return [kind for kind in _records(messages) if kind is not messages.Message]


def signed_messages() -> str:
    """Return the signed messages with their EIP-712 types."""
    rows = [(f"`{kind.__name__}`", plain(kind.__doc__ or ""), f"`{kind.TYPE}`") for kind in message_kinds()]
    return table(("message", "says", "EIP-712 type"), rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machines() -> dict[str, Any]:
    """Return the table of state machines that the contracts' tests read."""
    found: dict[str, Any] = json.loads(MACHINES.read_bytes())
    return found


def adversaries() -> str:
    """Return a table per part of the adversaries that the tests play."""
    parts = []
    for title, rows in _adversaries().GROUPS.items():
        cells = [(name, row.rule, _named(row), row.then.value) for name, row in rows.items()]
        parts.append(f"## {title}\n\n{table(('who', 'what answers it', 'named', 'what the run does next'), cells)}")
    return "\n".join(parts)


def _named(row: Any) -> str:
    places = [str(place % row.members + 1) for place in row.named]
    return f"{' and '.join(places)} of {row.members}" if places else "nobody"


def _adversaries() -> Any:
    """Return the tests' table. An installed package may claim the name of their folder, so it is told where that is."""
    package = ModuleType("tests")
    package.__path__ = [str(pathlib.Path(__file__).parents[1] / "tests")]
    kept = sys.modules.get("tests")
    sys.modules["tests"] = package
    try:
        return importlib.import_module("tests.adversary.rows")
    finally:
        for name in [each for each in sys.modules if each == "tests" or each.startswith("tests.")]:
            del sys.modules[name]
        if kept is not None:
            sys.modules["tests"] = kept


def state_machines() -> str:
    """Return a section per machine: its drawing, its states and every edge with who may take it."""
    return "\n".join(_machine(machine) for machine in machines().values())


def _machine(machine: dict[str, Any]) -> str:
    states = table(("state", "meaning"), [(f"`{name}`", text) for name, text in machine["states"].items()])
    edges = [
        (edge["from"], edge["to"], _called(edge["call"]), edge["who"], edge["when"] or "-", _error(edge["error"]))
        for edge in machine["edges"]
    ]
    rows = table(("from", "to", "call", "who", "when", "in another state"), edges)
    edges += [
        (each["state"], "-", _called(each["call"]), "nobody", "never", _error(each["error"]))
        for each in machine["otherwise"]
    ]
    drawn = f"```mermaid\n{_drawing(machine)}```\n"
    link = f"Contract: [`{machine['contract']}`](contracts/{machine['contract']}.md).\n"
    return "\n".join([f"## {machine['title']}\n", link, drawn, states, rows])


def _drawing(machine: dict[str, Any]) -> str:
    """Return Mermaid's words for a machine: arrows between the same states are one; `None` is the dot it starts from."""
    calls: dict[tuple[str, str], list[str]] = {}
    for edge in machine["edges"]:
        named = calls.setdefault((edge["from"], edge["to"]), [])
        word = _word(edge["call"])
        if word not in named:
            named.append(word)
    leaving = {start for start, _ in calls}
    first = next(iter(machine["states"]))
    lines = [] if first == "None" else [f"    [*] --> {first}\n"]
    for (start, end), words in calls.items():
        lines.append(f"    {start.replace('None', '[*]')} --> {end.replace('None', '[*]')}: {', '.join(words)}\n")
    ends = {end for _, end in calls} - leaving
    lines += [f"    {end} --> [*]\n" for end in machine["states"] if end in ends]
    return "".join(["stateDiagram-v2\n", *lines])


def _word(call: str) -> str:
    """Return a call's name, with the answer that it is given where there are several."""
    signature, _, answer = call.partition(" ")
    return " ".join(part for part in (signature.partition("(")[0], answer) if part)


def _called(call: str) -> str:
    return "the time" if call == "time" else f"`{_word(call)}`"


def _error(signature: str) -> str:
    return f"`{signature.partition('(')[0]}`" if signature else "-"


def plain(text: str) -> str:
    """Return a docstring's first paragraph as one line of Markdown."""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split()).replace("``", "`")


def type_name(field: "dataclasses.Field[Any]") -> str:
    """Return a field's type without the names of modules; a choice as its values."""
    if isinstance(field.type, type) and issubclass(field.type, enum.Enum):
        return " or ".join(f"`{each.value}`" for each in field.type)
    named = (
        field.type.__name__ if isinstance(field.type, type) and not hasattr(field.type, "__args__") else str(field.type)
    )
    named = re.sub(r"\b(collections\.abc|aicommons\.domain\.[a-z_]+|ids)\.", "", named)
    return named.replace(" | None", ", optional")


def field_texts(module: ModuleType, record: str) -> dict[str, str]:
    """Return field name -> the sentence below it in the source of a dataclass, empty when there is none."""
    tree = ast.parse(inspect.getsource(module))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == record)
    texts = {}
    for field, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            texts[field.target.id] = plain(said) if isinstance(said, str) else ""
    return texts


def _fields(module: ModuleType, kind: type[Any]) -> str:
    texts = field_texts(module, kind.__name__)
    rows = [(f"`{field.name}`", type_name(field), texts[field.name]) for field in dataclasses.fields(kind)]
    return table(("field", "type", "meaning"), rows)


def _records(module: ModuleType) -> list[type[Any]]:
    found = [kind for _, kind in inspect.getmembers(module, dataclasses.is_dataclass) if isinstance(kind, type)]
    own = [kind for kind in found if kind.__module__ == module.__name__]
    return sorted(own, key=lambda kind: inspect.getsourcelines(kind)[1])
