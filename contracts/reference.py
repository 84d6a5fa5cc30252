"""Write docs/reference/contracts/: one page for each contract, from its NatSpec.

Run by ``make docs`` and, with ``--check``, by ``make check``, both after ``forge build``: Foundry's output holds the ABI and
the words of each function, event and error; those of enums and structs are read from the source, where the compiler leaves
them. Who may call what is ``callers.toml``, and no page is written while a function is missing there. The pages are
committed, so that a reader needs no compiler. How a state follows another stands in docs/reference/state-machines.md.
"""

import argparse
import dataclasses
import functools
import json
import pathlib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import build
import natspec

PAGES = build.ROOT.parent / "docs" / "reference" / "contracts"
SHARED = "Governed"
"""What each contract inherits from us; its functions are described on a page of their own."""


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A function, event or error of an ABI with what its NatSpec says."""

    entry: Mapping[str, Any]
    """The ABI's entry."""
    notice: str
    """Its first words; empty for what OpenZeppelin leaves undescribed."""
    parameters: Mapping[str, str]
    """Parameter to its description."""
    results: Mapping[str, str]
    """Result to its description."""

    @property
    def name(self) -> str:
        """How Solidity calls it."""
        return str(self.entry["name"])

    @property
    def selector(self) -> str:
        """Its signature in types alone, as ``cast`` and the tests write it."""
        return f"{self.name}({','.join(natspec.canonical(each) for each in self.entry['inputs'])})"

    @property
    def written(self) -> str:
        """Its signature with names, as a reader of Solidity expects it."""
        shown = f"{self.name}({', '.join(_parameter(each) for each in self.entry['inputs'])})"
        results = self.entry.get("outputs") or ()
        return f"{shown} → {', '.join(_parameter(each) for each in results)}" if results else shown

    @property
    def is_view(self) -> bool:
        """Whether it changes nothing."""
        return self.entry.get("stateMutability") in {"view", "pure"}


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """Everything that a page says about one contract."""

    name: str
    """As its file is called."""
    title: str
    """Its one job in a few words."""
    notice: str
    """What it is for."""
    functions: tuple[Item, ...]
    """Those of its own interface."""
    events: tuple[Item, ...]
    """Those of its own interface."""
    errors: tuple[Item, ...]
    """Those of its own interface."""
    inherited: tuple[str, ...]
    """Functions that come from OpenZeppelin."""


def contracts(root: pathlib.Path = build.ROOT) -> list[Contract]:
    """Every contract of the commons in the order of deployment, then what all of them inherit."""
    return [_contract(root, name) for name in (*build.CONTRACTS, SHARED)]


def callers(root: pathlib.Path = build.ROOT) -> dict[str, dict[str, str]]:
    """Contract and function to who may call it."""
    return tomllib.loads((root / "callers.toml").read_text(encoding="utf-8"))


def uncovered(described: list[Contract], table: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Functions without a caller and callers without a function."""
    wanted = {(each.name, item.name) for each in described for item in each.functions if not item.is_view}
    listed = {(name, function) for name, rows in table.items() for function in rows}
    missing = [f"callers.toml lacks {name}.{function}" for name, function in sorted(wanted - listed)]
    return missing + [
        f"callers.toml has {name}.{function}, which is none" for name, function in sorted(listed - wanted)
    ]


def pages(root: pathlib.Path = build.ROOT) -> dict[str, str]:
    """File name to text of every page; raises ``SystemExit`` while the table of callers is not complete."""
    described, table = contracts(root), callers(root)
    if wrong := uncovered(described, table):
        raise SystemExit("\n".join(f"contracts/reference.py: {line}" for line in wrong))
    made = {f"{each.name}.md": _page(each, table.get(each.name, {}), _declared(root)) for each in described}
    return {"index.md": _index(described), **made}


FOREIGN = {
    "TimelockController": (
        "What the members decided waits here",
        (
            "It carries out what was scheduled, once its delay is over, and is the only admin of all contracts. "
            "`CommonsGovernor` alone schedules and cancels, anybody executes what is due, and only the timelock itself "
            "gives its roles."
        ),
    )
}
"""Contracts that are OpenZeppelin's own -> title and notice, which their sources lack."""

# ----------------------------------------------------------------------------------------------------------------- reading


def _output(root: pathlib.Path, name: str) -> dict[str, Any]:
    """ABI and words of one contract. Foundry's own copy of the words leaves out those of events and errors."""
    found = json.loads((root / "out" / f"{name}.sol" / f"{name}.json").read_bytes())
    words = json.loads(found["rawMetadata"])["output"]
    return {"abi": found["abi"], "user": words["userdoc"], "dev": words["devdoc"]}


def _contract(root: pathlib.Path, name: str) -> Contract:
    """Words of the interface where there is one: contracts say ``@inheritdoc``."""
    whole = _output(root, name)
    has_interface = (root / "src" / "interfaces" / f"I{name}.sol").is_file()
    own = _output(root, f"I{name}") if has_interface else {**whole, "abi": []}
    title, notice = FOREIGN.get(name, (name, own["user"].get("notice", "")))
    titles = [each.get("title") for each in (own["dev"], whole["dev"])]
    items = {kind: tuple(_items(own, kind)) for kind in ("function", "event", "error")}
    described = {each.selector for each in items["function"]}
    shared = set() if name == SHARED else {each.selector for each in _items(_output(root, f"I{SHARED}"), "function")}
    inherited = sorted({each.written for each in _items(whole, "function") if each.selector not in described | shared})
    return Contract(
        name=name,
        title=next((str(each) for each in titles if each not in {None, name}), title),
        notice=_plain(notice),
        functions=items["function"],
        events=items["event"],
        errors=items["error"],
        inherited=tuple(inherited),
    )


def _items(output: Mapping[str, Any], kind: str) -> Iterator[Item]:
    """What an ABI holds of a kind, in its order. Errors may be described more than once; functions and events are not."""
    section = {"function": "methods", "event": "events", "error": "errors"}[kind]
    user = output["user"].get(section, {})
    dev = output["dev"].get(section, {})
    for entry in output["abi"]:
        if entry["type"] == kind:
            bare = Item(entry, "", {}, {})
            told, detail = _first(user.get(bare.selector, {})), _first(dev.get(bare.selector, {}))
            notice = _plain(told.get("notice", ""))
            yield Item(entry, notice, _ordered(entry["inputs"], detail.get("params", {})), detail.get("returns", {}))


def _ordered(parameters: list[dict[str, Any]], texts: Mapping[str, str]) -> dict[str, str]:
    return {each["name"]: texts[each["name"]] for each in parameters if each["name"] in texts}


def _first(words: Any) -> dict[str, Any]:
    found = words[0] if isinstance(words, list) else words
    return dict(found)


@functools.cache
def _declared(root: pathlib.Path) -> dict[str, natspec.Declared]:
    """Enums and structs of the sources by the name that an ABI gives them: with their interface's, if they have one."""
    found = {}
    for path in sorted([*(root / "src" / "interfaces").glob("*.sol"), *(root / "src" / "types").glob("*.sol")]):
        prefix = f"{path.stem}." if path.parent.name == "interfaces" else ""
        declared = natspec.declared(path.read_text(encoding="utf-8"))
        found |= {prefix + name: each for name, each in declared.items()}
    return found


def _parameter(parameter: Mapping[str, Any]) -> str:
    kind = re.sub(r"^(?:enum|struct|contract) ", "", parameter.get("internalType") or parameter["type"])
    short = kind.rsplit(".", 1)[-1]
    return " ".join(part for part in (short, "indexed" if parameter.get("indexed") else "", parameter["name"]) if part)


def _used(contract: Contract) -> Iterator[str]:
    """Names of the enums and structs that the contract's functions, events and errors speak of, parts included."""
    pending = [each for item in (*contract.functions, *contract.events, *contract.errors) for each in _ends(item)]
    while pending:
        parameter = pending.pop()
        pending.extend(parameter.get("components", ()))
        kind = str(parameter.get("internalType", ""))
        if kind.startswith(("enum ", "struct ")):
            yield kind.split(" ", 1)[1].split("[", 1)[0]


def _ends(item: Item) -> list[Mapping[str, Any]]:
    return [*item.entry["inputs"], *(item.entry.get("outputs") or ())]


# ----------------------------------------------------------------------------------------------------------------- writing


def _page(contract: Contract, who: Mapping[str, str], declared: Mapping[str, natspec.Declared]) -> str:
    changing = [each for each in contract.functions if not each.is_view]
    used = {name: declared[name] for name in sorted(set(_used(contract))) if name in declared}
    parts = [
        f"# {contract.name}",
        f"**{contract.title}.** {contract.notice}".rstrip(),
        _enums({name: each for name, each in used.items() if each.kind == "enum"}),
        _functions("Functions that change something", changing, who),
        _functions("Views", [each for each in contract.functions if each.is_view], {}),
        _said("Events", contract.events),
        _said("Errors", contract.errors),
        _structs({name: each for name, each in used.items() if each.kind == "struct"}),
        _inherited(contract),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _enums(kinds: Mapping[str, natspec.Declared]) -> str:
    if not kinds:
        return ""
    rows = [
        (
            f"`{name.rsplit('.', 1)[-1]}`",
            each.notice,
            ", ".join(f"{value} {i}" for i, (value, _) in enumerate(each.fields)),
        )
        for name, each in kinds.items()
    ]
    lead = "How one state follows another: [state machines](../state-machines.md).\n\n"
    return "## States and choices\n\n" + lead + _table(("enum", "meaning", "values"), rows)


def _functions(title: str, items: list[Item], who: Mapping[str, str]) -> str:
    return "\n\n".join([f"## {title}", *(_function(each, who.get(each.name)) for each in items)]) if items else ""


def _function(item: Item, who: str | None) -> str:
    described = {**item.parameters, **item.results}
    rows = [(f"`{name}`", text) for name, text in described.items()]
    lines = [f"### `{item.written}`", item.notice]
    if who is not None:
        lines.append(f"Who: {who}.")
    if rows:
        lines.append(_table(("value", "meaning"), rows))
    return "\n\n".join(line for line in lines if line)


def _said(title: str, items: tuple[Item, ...]) -> str:
    if not items:
        return ""
    return f"## {title}\n\n" + _table(
        (title.lower()[:-1], "when"), [(f"`{each.written}`", each.notice) for each in items]
    )


def _structs(kinds: Mapping[str, natspec.Declared]) -> str:
    if not kinds:
        return ""
    sections = [
        f"### `{name.rsplit('.', 1)[-1]}`\n\n{each.notice}\n\n"
        + _table(("field", "meaning"), [(f"`{field}`", text) for field, text in each.fields])
        for name, each in kinds.items()
    ]
    return "\n\n".join(["## Records", *sections])


def _inherited(contract: Contract) -> str:
    if not contract.inherited:
        return ""
    lines = "\n".join(f"- `{each}`" for each in contract.inherited)
    return f"## Inherited from OpenZeppelin\n\nUnmodified; described in its documentation.\n\n{lines}"


def _index(described: list[Contract]) -> str:
    rows = [
        (
            f"[`{each.name}`]({each.name}.md)",
            each.title,
            _count(each.functions),
            str(len(each.events)),
            str(len(each.errors)),
        )
        for each in described
    ]
    return (
        "# Contracts, function by function\n\n"
        "Written from the sources by `make docs`. [Contracts](../contracts.md) says what each is for and how they fit;\n"
        "[state machines](../state-machines.md) draws what follows what. Every contract also has what `Governed` gives it.\n\n"
        + _table(("contract", "its one job", "functions (changing)", "events", "errors"), rows)
        + "\n"
    )


def _count(functions: tuple[Item, ...]) -> str:
    return f"{len(functions)} ({sum(not each.is_view for each in functions)})"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    return " ".join(text.split())


def main(arguments: list[str]) -> int:
    """Writes the pages or, with ``--check``, compares them; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    build.compile_contracts()
    made = pages()
    kept = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("*.md"))}
    if check and kept != made:
        wrong = sorted(name for name in {*kept, *made} if kept.get(name) != made.get(name))
        print(f"contracts/reference.py: not as the sources say: {', '.join(wrong)}; run 'make docs'")
        return 1
    if not check:
        PAGES.mkdir(parents=True, exist_ok=True)
        for name in kept.keys() - made.keys():
            (PAGES / name).unlink()
        for name, text in made.items():
            (PAGES / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
