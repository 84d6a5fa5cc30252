"""The generated pages on contracts describe what the packaged contracts have; no compiler is needed to see that.

That the words are the sources' own is checked by ``make check`` (contracts/reference.py --check).
"""

import json
import pathlib
import re
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference" / "contracts"
ARTIFACTS = {
    path.stem: json.loads(path.read_bytes()) for path in (ROOT / "src/aicommons/ledger/artifacts").glob("*.json")
}
CALLERS = tomllib.loads((ROOT / "contracts" / "callers.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(ARTIFACTS))
def test_every_function_event_and_error_is_described(name: str) -> None:
    """A contract's page names each of its functions; events and errors too, where an interface of ours declares them."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8") + (PAGES / "Governed.md").read_text(encoding="utf-8")
    interface = ROOT / "contracts" / "src" / "interfaces" / f"I{name}.sol"
    declared = interface.read_text(encoding="utf-8") if interface.is_file() else ""
    own = set(re.findall(r"^ {4}(?:error|event) (\w+)", declared, re.MULTILINE))
    for entry in ARTIFACTS[name]["abi"]:
        if entry["type"] == "function" or entry.get("name") in own:
            assert f"`{entry['name']}(" in page, entry["name"]


@pytest.mark.parametrize("name", sorted(CALLERS))
def test_pages_say_who_may_call(name: str) -> None:
    """Every row of the table of callers stands on its contract's page."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    for function, who in CALLERS[name].items():
        assert re.search(rf"^### `{function}\(.*\n\n(?:.+\n\n)?Who: {re.escape(who)}\.$", page, re.MULTILINE), function


def test_the_index_names_every_page() -> None:
    """Each page can be reached from the index of contracts."""
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in PAGES.glob("*.md")} - {"index.md"}
    assert set(re.findall(r"\]\((\w+\.md)\)", index)) == pages
