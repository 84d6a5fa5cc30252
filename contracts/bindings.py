"""Write typed Python access to a contract from its ABI and NatSpec: one module of ``aicommons.ledger.bindings`` each.

Used by ``build.py`` only. It exists so that a wrong argument is found by mypy and not by a chain. A function becomes a method
with the same words in snake case, a struct a frozen dataclass, an enumeration an ``IntEnum``; docstrings are the contracts' own
NatSpec. Events are ``ledger/events.py``'s business, errors ``ledger/contracts.py``'s.
"""

import builtins
import dataclasses
import functools
import json
import keyword
import pathlib
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import natspec

WIDTH = 120
MOST_POSITIONAL = 4
"""Arguments beyond it are given by name, as everywhere in the package."""


def render(name: str, root: pathlib.Path) -> str:
    """The formatted source of one contract's module, from Foundry's output under ``root``."""
    output = json.loads((root / "out" / f"{name}.sol" / f"{name}.json").read_bytes())
    interface = root / "out" / f"I{name}.sol" / f"I{name}.json"
    documented = [output, *([json.loads(interface.read_bytes())] if interface.is_file() else [])]
    notices = [each["metadata"]["output"]["userdoc"].get("notice") for each in documented]
    about = next((each for each in notices if each), f"The contract {name}.")
    return _formatted("\n".join(_Module(name, output, _Sources(root), about).lines()))


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(WIDTH), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"contracts/bindings.py: {done.stderr}\n{text}")
    return done.stdout


def snake(name: str) -> str:
    """A Solidity name in Python's words."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip("_")).lower()
    return f"{words}_" if keyword.iskeyword(words) else words


class _Sources:
    """What the ABI leaves out: members of enumerations, and what the fields of structs mean."""

    def __init__(self, root: pathlib.Path) -> None:
        folders = (root / "src", root / "node_modules" / "@openzeppelin" / "contracts")
        self._texts = _texts(folders)

    def _owner(self, owner: str) -> str:
        """The text of the file that declares a contract; of all files where no owner is named."""
        if not owner:
            return "\n".join(self._texts)
        declared = re.compile(rf"^(?:abstract )?(?:contract|interface|library) {owner}\b", re.MULTILINE)
        return next(text for text in self._texts if declared.search(text))

    def declared(self, owner: str, name: str) -> natspec.Declared:
        """An enumeration or struct; contracts have some of the same name."""
        found = natspec.declared(self._owner(owner)).get(name)
        if found is None:
            raise SystemExit(f"contracts/bindings.py: {owner}.{name} is nowhere")
        return found


@functools.cache
def _texts(folders: tuple[pathlib.Path, ...]) -> tuple[str, ...]:
    return tuple(path.read_text() for folder in folders for path in sorted(folder.rglob("*.sol")))


@dataclasses.dataclass(frozen=True)
class _Type:
    """One ABI type in Python's terms; ``{}`` in the templates is the value."""

    given: str
    """Annotation of an argument."""
    told: str
    """Annotation of a result."""
    write: str
    """From an argument to what eth_abi encodes."""
    read: str
    """From what eth_abi decodes to a result."""


_WORDS = (
    (r"u?int\d*", _Type("int", "int", "{}", "access.number({})")),
    (r"bool", _Type("bool", "bool", "{}", "access.truth({})")),
    (r"bytes\d*", _Type("bytes", "bytes", "{}", "access.data({})")),
    (r"string", _Type("str", "str", "{}", "access.text({})")),
    (r"address", _Type("ids.Address", "ids.Address", "{}", "access.address({})")),
)


class _Module:
    """The module of one contract, line by line."""

    def __init__(self, name: str, output: Mapping[str, Any], sources: _Sources, about: str) -> None:
        self._name = name
        self._sources = sources
        self._about = about
        documented = output["metadata"]["output"]
        self._notices, self._details = documented["userdoc"], documented["devdoc"]
        self._functions = [entry for entry in output["abi"] if entry["type"] == "function"]
        self._kinds: dict[str, list[str]] = {}
        self._owners: dict[str, str] = {}

    def lines(self) -> Iterator[str]:
        """All lines; types are written before the contract, in the order in which it needs them."""
        body = [line for entry in self._functions for line in self._method(entry)]
        kinds = [line for written in self._kinds.values() for line in written]
        yield f'"""The contract {self._name}: written from its ABI and NatSpec by contracts/build.py, not by hand."""'
        yield ""
        yield "import dataclasses"
        text = "\n".join((*body, *kinds))
        yield from ["import enum"] if "enum.IntEnum" in text else []
        yield from ["from collections.abc import Sequence"] if "Sequence[" in text else []
        yield from ["from typing import Self"] if "-> Self" in text else []
        yield ""
        yield "from aicommons.domain import ids"
        yield "from aicommons.ledger.bindings import access"
        yield ""
        yield from kinds
        yield "@dataclasses.dataclass(frozen=True, slots=True)"
        yield f"class {self._name}:"
        yield from _docstring(_sentence(_plain(self._about)), [], 4)
        yield ""
        yield "    caller: access.Caller"
        yield '    """Sends and asks."""'
        yield "    at: ids.Address | None = None"
        yield '    """Where it stands; ``None`` where the deployment has it."""'
        yield from body

    def _method(self, entry: Mapping[str, Any]) -> Iterator[str]:
        signature = f"{entry['name']}({','.join(natspec.canonical(each) for each in entry['inputs'])})"
        alike = [each for each in self._functions if each["name"] == entry["name"]]
        alike.sort(key=lambda each: len(each["inputs"]))
        key = entry["name"] if len(alike) == 1 else signature
        name = snake(entry["name"])
        if entry is not alike[0]:
            name += "_with_" + snake(entry["inputs"][-1]["name"])
        inputs = [(_argument(each, place), self._type(each)) for place, each in enumerate(entry["inputs"])]
        outputs = [self._type(each) for each in entry["outputs"]]
        is_view = entry["stateMutability"] in ("view", "pure")
        yield ""
        result = _result(outputs) if is_view and outputs else "None"
        yield f"    def {name}({self._parameters(inputs, payable=entry['stateMutability'] == 'payable')}) -> {result}:"
        yield from _docstring(self._notice(signature, entry, is_view=is_view), self._said(signature, entry), 8)
        values = "".join(f", {kind.write.format(argument)}" for argument, kind in inputs)
        call = f'("{self._name}", "{key}"{values}, at=self.at'
        if not is_view:
            value = ", value=value" if entry["stateMutability"] == "payable" else ""
            yield f"        self.caller.transact{call}{value})"
            return
        if not outputs:
            yield f"        self.caller.call{call})"
            return
        names = [f"value_{place}" for place in range(len(outputs))] if len(outputs) > 1 else ["found"]
        yield f"        {', '.join(names)}{',' if len(names) == 1 else ''} = self.caller.call{call})".replace(
            "        found, =", "        (found,) ="
        )
        read = ", ".join(kind.read.format(each) for each, kind in zip(names, outputs, strict=True))
        yield f"        return {read}"

    def _parameters(self, inputs: Sequence[tuple[str, _Type]], *, payable: bool) -> str:
        given = [f"{argument}: {kind.given}" for argument, kind in inputs]
        by_name = given[MOST_POSITIONAL:] if len(given) > MOST_POSITIONAL else []
        by_name += ["value: int = 0"] if payable else []
        return ", ".join(["self", *given[:MOST_POSITIONAL], *(["*", *by_name] if by_name else [])])

    def _notice(self, signature: str, entry: Mapping[str, Any], *, is_view: bool) -> str:
        notice = self._notices["methods"].get(signature, {}).get("notice")
        notice = notice or self._details["methods"].get(signature, {}).get("details")
        verb = "Return" if is_view else "Call"
        return _sentence(_plain(notice or f"{verb} {entry['name']}."))

    def _said(self, signature: str, entry: Mapping[str, Any]) -> list[str]:
        said = self._details["methods"].get(signature, {})
        arguments = {each["name"]: _argument(each, place) for place, each in enumerate(entry["inputs"])}
        documented = {name: text for name, text in said.get("params", {}).items() if name in arguments}
        given = [f"{arguments[name]}: {_sentence(_plain(text))}" for name, text in documented.items()]
        if entry["stateMutability"] == "payable":
            given.append("value: Wei that go with the call.")
        told = [_sentence(_plain(text)) for text in said.get("returns", {}).values()]
        is_view = entry["stateMutability"] in ("view", "pure")
        lines = ["Args:", *(f"    {line}" for line in given)] if given else []
        if told and is_view:
            lines += [*([""] if lines else []), "Returns:", *(f"    {line}" for line in told)]
        return lines

    def _type(self, field: Mapping[str, Any]) -> _Type:
        kind = field["type"]
        if kind.endswith("]"):
            item = self._type({**field, "type": kind[: kind.rindex("[")], "internalType": _item(field)})
            write = "list({})" if item.write == "{}" else f"[{item.write.format('each')} for each in {{}}]"
            read = f"tuple({item.read.format('each')} for each in access.items({{}}))"
            return _Type(f"Sequence[{item.given}]", f"tuple[{item.told}, ...]", write, read)
        internal = field.get("internalType", "")
        if kind == "tuple":
            owner, _, name = internal.removeprefix("struct ").rpartition(".")
            return self._struct(owner, name, field["components"])
        if internal.startswith("enum "):
            owner, _, name = internal.removeprefix("enum ").rpartition(".")
            return self._enum(owner, name)
        return next(found for pattern, found in _WORDS if re.fullmatch(pattern, kind))

    def _is_new(self, owner: str, name: str) -> bool:
        """Whether a type is to be written; two of one name in one contract would need names of their own."""
        if self._owners.setdefault(name, owner) != owner:
            raise SystemExit(f"contracts/bindings.py: {self._name} uses {owner}.{name} and {self._owners[name]}.{name}")
        return name not in self._kinds

    def _enum(self, owner: str, name: str) -> _Type:
        if self._is_new(owner, name):
            declared = self._sources.declared(owner, name)
            members = [f"    {snake(member).upper()} = {place}" for place, (member, _) in enumerate(declared.fields)]
            about = f'    """{name} as the contract counts it."""'
            self._kinds[name] = ["", f"class {name}(enum.IntEnum):", about, "", *members, ""]
        return _Type(name, name, "{}", f"access.one_of({name}, {{}})")

    def _struct(self, owner: str, name: str, components: Sequence[Mapping[str, Any]]) -> _Type:
        if self._is_new(owner, name):
            fields = [(_argument(each, place), self._type(each)) for place, each in enumerate(components)]
            self._kinds[name] = [*self._record(self._sources.declared(owner, name), name, components, fields)]
        return _Type(name, name, "dataclasses.astuple({})", f"{name}.read({{}})")

    def _record(
        self,
        declared: natspec.Declared,
        name: str,
        components: Sequence[Mapping[str, Any]],
        fields: Sequence[tuple[str, _Type]],
    ) -> Iterator[str]:
        said = dict(declared.fields)
        yield from ("", "@dataclasses.dataclass(frozen=True, slots=True)", f"class {name}:")
        yield from _docstring(_sentence(_plain(declared.notice or f"{name} of {self._name}.")), [], 4)
        yield ""
        for component, (field, kind) in zip(components, fields, strict=True):
            yield f"    {field}: {kind.told}"
            if said.get(component["name"]):
                yield from _docstring(_sentence(_plain(said[component["name"]])), [], 4)
        reads = ", ".join(kind.read.format(f"item[{place}]") for place, (_, kind) in enumerate(fields))
        yield from ("", "    @classmethod", "    def read(cls, value: object) -> Self:")
        yield '        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""'
        yield f"        item = access.items(value, {len(fields)})"
        yield f"        return cls({reads})"
        yield ""


def _argument(field: Mapping[str, Any], place: int) -> str:
    name = snake(field["name"]) or f"value_{place}"
    return f"{name}_" if name in (*dir(builtins), "self", "value") else name


def _item(field: Mapping[str, Any]) -> str:
    return re.sub(r"\[\d*\]$", "", field.get("internalType", ""))


def _result(outputs: Sequence[_Type]) -> str:
    return outputs[0].told if len(outputs) == 1 else f"tuple[{', '.join(each.told for each in outputs)}]"


def _plain(text: str) -> str:
    """NatSpec without what a Python docstring cannot hold."""
    return " ".join(text.replace("\\", "/").replace("\u00d7", "x").replace('"""', "'''").split())


def _sentence(text: str) -> str:
    said = text[:1].upper() + text[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _docstring(first: str, rest: Sequence[str], indent: int) -> list[str]:
    room = WIDTH - indent - 3
    head = textwrap.wrap(first, room) or [""]
    lines = [*head, *(["", *_wrapped(rest, room)] if rest else [])]
    blank = " " * indent
    if len(lines) == 1 and len(lines[0]) <= room - 3:
        return [f'{blank}"""{lines[0]}"""']
    return [f'{blank}"""{lines[0]}', *(f"{blank}{line}".rstrip() for line in lines[1:]), f'{blank}"""']


def _wrapped(lines: Sequence[str], room: int) -> list[str]:
    found = []
    for line in lines:
        depth = len(line) - len(line.lstrip())
        found += textwrap.wrap(line, room, subsequent_indent=" " * (depth + 4)) or [""]
    return found
