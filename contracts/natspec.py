"""What the compiler leaves out of the words about a contract: enumerations and structs, read from the sources.

Used by ``bindings`` for typed Python and by ``reference`` for pages, so that both understand NatSpec alike; and how a
parameter's type is written in signatures. Functions, events and errors the compiler describes itself.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

DECLARATION = re.compile(r"((?:^[ \t]*///.*\n)*)^[ \t]*(enum|struct) (\w+) \{([^}]*)\}", re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """An enum or struct with its words."""

    kind: str
    """"enum" or "struct"."""
    notice: str
    """What it stands for; empty where nothing is said."""
    fields: tuple[tuple[str, str], ...]
    """Values or fields with their description, in order; empty where there is none."""


@functools.cache
def declared(source: str) -> Mapping[str, Declared]:
    """Enums and structs of a source by their names; of two of one name the first."""
    found: dict[str, Declared] = {}
    for words, kind, name, body in DECLARATION.findall(source):
        notice, texts = _said(words)
        bare = COMMENT.sub("", body)
        names = re.findall(r"\w+", bare) if kind == "enum" else re.findall(r"(\w+);", bare)
        found.setdefault(name, Declared(kind, notice, tuple((each, texts.get(each, "")) for each in names)))
    return found


def _said(words: str) -> tuple[str, dict[str, str]]:
    """What a NatSpec comment says of the whole, and of each parameter."""
    said = " ".join(line.strip().removeprefix("///").strip() for line in words.splitlines())
    parts = re.split(r"\s*@(\w+)\s+", f" {said}")
    tags = list(zip(parts[1::2], parts[2::2], strict=True))
    notice = " ".join(text for tag, text in tags if tag in ("notice", "dev"))
    return notice, {text.split(" ", 1)[0]: text.split(" ", 1)[-1] for tag, text in tags if tag == "param"}


def canonical(parameter: Mapping[str, Any]) -> str:
    """A parameter's type as signatures have it: a struct is the tuple of its fields."""
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(canonical(each) for each in parameter['components'])}){kind.removeprefix('tuple')}"
