"""The rules of STYLE that the linter cannot check: sizes, names, docstrings, records and who imports what."""

import ast
import dataclasses
import pathlib
import pkgutil
from collections.abc import Callable, Iterator

import pytest

import aicommons

ROOT = pathlib.Path(__file__).parents[1]
SOURCE = ROOT / "src" / "aicommons"
TESTS = ROOT / "tests"

LONGEST_FILE = 1000
LONGEST_FUNCTION = 50
USUAL_FUNCTION = 35
"""Nine functions of ten fit a screen."""
MOST_POSITIONAL = 4

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True)
class Module:
    """One parsed file."""

    path: pathlib.Path
    """Where it lies."""
    text: str
    """Its source."""
    tree: ast.Module
    """Its syntax tree."""

    @property
    def name(self) -> str:
        """Its path below the repository, for messages."""
        return self.path.relative_to(ROOT).as_posix()

    def functions(self) -> Iterator[Function]:
        """Yield all functions and methods."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def imported(self) -> set[str]:
        """Return the top-level names of everything imported, wherever the statement stands."""
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names.add(node.module.split(".")[0])
        return names


def parse(paths: list[pathlib.Path]) -> list[Module]:
    """Return the parsed files."""
    texts = [(path, path.read_text(encoding="utf-8")) for path in sorted(paths)]
    return [Module(path, text, ast.parse(text)) for path, text in texts]


@pytest.fixture(scope="module")
def sources() -> list[Module]:
    """All modules of the package."""
    return parse(list(SOURCE.rglob("*.py")))


@pytest.fixture(scope="module")
def tests() -> list[Module]:
    """All test modules."""
    return parse(list(TESTS.rglob("test_*.py")))


def body_lines(function: Function) -> int:
    """Return how many lines a function's body has, its docstring not counted."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    body = function.body[1:] if has_docstring else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def positional(function: Function) -> int:
    """Return how many parameters may be given by position, the object itself not counted."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def calls(module: Module) -> Iterator[str]:
    """Yield the dotted names of everything called in a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def no_docstring(module: Module) -> list[str]:
    """Name the module when it does not say why it exists."""
    return [] if (ast.get_docstring(module.tree) or "").strip() else [module.name]


def too_long(module: Module) -> list[str]:
    """Name the module when it is too long."""
    lines = len(module.text.splitlines())
    return [f"{module.name}: {lines} lines"] if lines > LONGEST_FILE else []


def long_functions(module: Module) -> list[str]:
    """Name functions whose body does not fit a screen even with goodwill."""
    sizes = [(each.name, body_lines(each)) for each in module.functions()]
    return [f"{module.name}: {name} has {lines} lines" for name, lines in sizes if lines > LONGEST_FUNCTION]


def wide_functions(module: Module) -> list[str]:
    """Name functions with too many positional parameters."""
    return [
        f"{module.name}: {each.name} takes {positional(each)}"
        for each in module.functions()
        if positional(each) > MOST_POSITIONAL
    ]


def vague_names(module: Module) -> list[str]:
    """Name the module when its own or its folder's name says nothing."""
    parts = {part.lower() for part in module.path.relative_to(SOURCE).with_suffix("").parts}
    return [module.name] if parts & {"utils", "util", "helpers", "helper", "common", "misc"} else []


def checks_by_assert(module: Module) -> list[str]:
    """Name places where a check would vanish under ``python -O``."""
    return [f"{module.name}:{node.lineno}" for node in ast.walk(module.tree) if isinstance(node, ast.Assert)]


def pickles(module: Module) -> list[str]:
    """Name the module when it can load code from bytes."""
    return (
        [module.name] if module.imported() & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"} else []
    )


def sleeps(module: Module) -> list[str]:
    """Name the module when it waits in real time instead of for something."""
    return [module.name] if "time.sleep" in set(calls(module)) else []


def open_records(module: Module) -> list[str]:
    """Name dataclasses that are neither frozen nor ordinary mutable objects with identity on purpose."""
    found = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            text = ast.unparse(decorator)
            if text.startswith("dataclasses.dataclass") and ("frozen=True" not in text or "slots=True" not in text):
                found.append(f"{module.name}: {node.name}")
    return found


RULES: dict[str, Callable[[Module], list[str]]] = {
    "every module says why it exists": no_docstring,
    "no file is over a thousand lines": too_long,
    "no function body is over fifty lines": long_functions,
    "at most four parameters by position": wide_functions,
    "names say something": vague_names,
    "no check by assert": checks_by_assert,
    "nothing is pickled": pickles,
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_structure(rule: Callable[[Module], list[str]], sources: list[Module]) -> None:
    """Every source file keeps the rule."""
    assert [found for module in sources for found in rule(module)] == []


WAITING: dict[str, str] = {}
"""Where waiting in real time is right, and why."""


def test_nobody_sleeps(sources: list[Module]) -> None:
    """Nothing waits in real time but the outermost loops of processes."""
    found = [name for module in sources for name in sleeps(module)]
    assert [name for name in found if not name.startswith(tuple(WAITING))] == []


MUTABLE: dict[str, str] = {
    "src/aicommons/testing.py: Simulation": "its nodes are taken out by the test",
    "src/aicommons/node/reconciler.py: Trouble": "counts tries of a duty",
    "src/aicommons/cli/node.py: Loop": "a process's outermost loop",
    "src/aicommons/cli/output.py: Call": "what a command has printed so far",
    "src/aicommons/cli/following.py: Follower": "how far a watcher has read",
    "src/aicommons/data/infer.py: _Summary": "a column's running figures",
    "src/aicommons/ledger/embedded/methods.py: _Filter": "a client's place in the logs",
    "src/aicommons/ledger/memory/run_records.py: Record": "a call's draft of a run, kept when it was taken",
}
"""Dataclasses that change, and why."""


def test_records_are_frozen(sources: list[Module]) -> None:
    """A dataclass is a frozen record with slots; the few exceptions are named with their reason."""
    assert sorted({found for module in sources for found in open_records(module)} - set(MUTABLE)) == []


def test_function_bodies_usually_fit_a_screen(sources: list[Module]) -> None:
    """Nine of ten function bodies have at most 35 lines."""
    sizes = sorted(body_lines(each) for module in sources for each in module.functions())
    assert sizes[len(sizes) * 9 // 10] <= USUAL_FUNCTION


OWNERS = {
    "eth_abi": {"src/aicommons/domain/encoding.py", "src/aicommons/ledger/events.py"},
    "eth_hash": {"src/aicommons/domain/encoding.py"},
    "rlp": {"src/aicommons/ledger/"},
    "web3": {"src/aicommons/ledger/"},
    "eth_account": {"src/aicommons/ledger/"},
    "pyrevm": {"src/aicommons/ledger/embedded/"},
    "nacl": {"src/aicommons/learning/secagg/"},
}
"""Foreign package -> who alone may import it."""


@pytest.mark.parametrize("package", OWNERS)
def test_foreign_packages_have_one_owner(package: str, sources: list[Module]) -> None:
    """What defines bytes that others rely on is imported in one place only."""
    importers = [module.name for module in sources if package in module.imported()]
    assert [name for name in importers if not name.startswith(tuple(OWNERS[package]))] == []


def test_public_names() -> None:
    """``aicommons.__all__`` lists exactly the public names that the package defines itself."""
    submodules = {each.name for each in pkgutil.iter_modules(aicommons.__path__)}
    names = {name for name in vars(aicommons) if not name.startswith("_")} - submodules
    assert set(aicommons.__all__) == names | {"__version__"}
    assert all(hasattr(aicommons, name) for name in aicommons.__all__)


def test_public_functions_and_classes_are_documented(sources: list[Module]) -> None:
    """Every public function and class of a module has a docstring."""
    missing = [
        f"{module.name}: {node.name}"
        for module in sources
        for node in module.tree.body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert missing == []


RECORDS_BY_THE_ABI = ("domain/messages.py", "events.py")
"""Their fields are named and explained by the EIP-712 types and the Solidity interfaces."""
EXPLAINED = ("src/aicommons/domain/", "src/aicommons/protocol/", "src/aicommons/learning/", "src/aicommons/data/")
"""Packages whose records others read; elsewhere names and types say most of it (Ethereum's own words in the ledger)."""
WELL_DOCUMENTED = 0.95
"""Share of record fields with a line of their own."""


def documented_fields(record: ast.ClassDef) -> tuple[int, int]:
    """Return how many fields a record has, and how many of them have a line that says what they mean."""
    fields = documented = 0
    for here, following in zip(record.body, [*record.body[1:], None], strict=True):
        if not isinstance(here, ast.AnnAssign) or "ClassVar" in ast.unparse(here.annotation):
            continue
        fields += 1
        documented += isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    return fields, documented


def test_record_fields_are_explained(sources: list[Module]) -> None:
    """Nearly every field of a public record has a line that says what it means and in which unit."""
    counts = [
        documented_fields(node)
        for module in sources
        if module.name.startswith(EXPLAINED) and not module.name.endswith(RECORDS_BY_THE_ABI)
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and "dataclass" in ast.unparse(node)
    ]
    fields, documented = (sum(column) for column in zip(*counts, strict=True))
    assert documented >= WELL_DOCUMENTED * fields, f"{documented} of {fields}"


def test_every_test_states_its_rule(tests: list[Module]) -> None:
    """Every test function has a docstring that ends as a sentence does."""
    missing = [
        f"{module.name}: {each.name}"
        for module in tests
        for each in module.functions()
        if each.name.startswith("test_") and not (ast.get_docstring(each) or "").rstrip().endswith((".", "?", "!"))
    ]
    assert missing == []


def test_test_modules_have_unique_names(tests: list[Module]) -> None:
    """Test files have different names, because folders are no packages."""
    names = [module.path.name for module in tests]
    assert sorted(names) == sorted(set(names))


def test_tests_use_no_mocks(tests: list[Module]) -> None:
    """Tests stand on the public in-memory adapters; nothing is patched."""
    words = ("unittest" + ".mock", "Magic" + "Mock", "monkey" + "patch.setattr")
    assert [module.name for module in tests if any(word in module.text for word in words)] == []
