"""Whatever is documented exists, and whatever exists is documented.

Commands, settings and errors have headings, commands and options named in a page are real, links lead somewhere, every
reason for a refusal is explained, decisions follow their form. Whether sentences are true is for readers.
"""

import dataclasses
import pathlib
import re
import shlex
import sys
from collections.abc import Iterator

import click
import pytest
from tests import programs

from aicommons import app
from aicommons.cli import refusals
from aicommons.domain import errors, run

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "changes" / "README.md"])
DECISIONS = sorted((DOCS / "adr").glob("*.md"))
GLOSSARY_TERMS = (
    "Member", "Role", "Problem", "Dataset", "DatasetCard", "Consent", "Plan", "Run", "RunSpec", "Round", "Node",
    "Committee", "Column", "Update", "Sum", "State", "Model", "ModelCard", "Share", "Attestation", "Audit", "HarmFlag",
    "Dispute", "Proposal", "Vote", "Digest", "LedgerView", "Duty",
)  # fmt: skip
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


GENERATE = programs.load(DOCS / "generate.py")
COMMANDS: dict[tuple[str, ...], click.Command] = dict(GENERATE.commands())


def name_of(page: pathlib.Path) -> str:
    """Return how a page is named in test reports."""
    return str(page.relative_to(ROOT))


def headings(page: pathlib.Path) -> list[str]:
    """Return a page's headings, without those inside fenced blocks."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE)


def anchors(page: pathlib.Path) -> set[str]:
    """Return the anchors that a page's headings make."""
    words = [re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings(page)]
    return {each.strip().replace(" ", "-") for each in words}


def command_lines(page: pathlib.Path) -> Iterator[list[str]]:
    """Yield the words of every ``commons`` command in a page's shell blocks and inline code."""
    text = page.read_text(encoding="utf-8")
    for block in SHELL.findall(text):
        joined = re.sub(r"<<'EOF'\n.*?^EOF$", "", block, flags=re.MULTILINE | re.DOTALL)
        for line in joined.replace("\\\n", " ").splitlines():
            for found in re.finditer(r"(?:^|[($`] ?)\s*(commons .*)$", line):
                yield shell_words(found.group(1))
    for inline in re.findall(r"`((?:\.venv/bin/)?commons [^`]+)`", FENCE.sub("", text)):
        yield shell_words(inline.removeprefix(".venv/bin/"))


def shell_words(line: str) -> list[str]:
    """Return a command's words up to a pipe, bracket or comment."""
    words = shlex.split(re.split(r" \| | *#|\)$", line)[0].rstrip(")"))
    return [word for word in words if word != "…"]


def unknown_word(words: list[str]) -> str | None:
    """Return the first word of a command that the command line does not know, ``None`` if all is well."""
    path: tuple[str, ...] = ()
    is_value = False
    for word in words[1:]:
        if is_value:
            is_value = False
        elif word.startswith("--"):
            known = {option: parameter for parameter in COMMANDS[path].params for option in parameter.opts}
            if word not in known and word != "--help":
                return word
            parameter = known.get(word)
            is_value = isinstance(parameter, click.Option) and not parameter.is_flag
        elif isinstance(COMMANDS[path], click.Group):
            if (*path, word) not in COMMANDS:
                return word
            path = (*path, word)
    return None


def test_every_command_has_a_heading() -> None:
    """The reference has a section for each command and for no other."""
    written = [heading.strip("`") for heading in headings(DOCS / "reference" / "cli.md")[1:]]
    assert sorted(written) == sorted(GENERATE.command_title(path) for path in COMMANDS)


def test_every_setting_has_a_heading_and_a_meaning() -> None:
    """The reference has a section for each field of Settings, and each says what it is for."""
    written = headings(DOCS / "reference" / "settings.md")
    texts = GENERATE.field_texts(app, "Settings")
    for field in dataclasses.fields(app.Settings):
        assert f"`{field.name}`" in written
        assert texts[field.name], field.name


def test_every_environment_variable_is_documented() -> None:
    """Each variable that the source reads stands in the reference."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    variables = set(re.findall(r'"(COMMONS_[A-Z_]+)"', source)) | {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"}
    assert len(variables) >= 5
    assert sorted(name for name in variables if f"`{name}`" not in page) == []


def test_every_error_has_a_heading() -> None:
    """The reference has a section for each class of the tree."""
    written = headings(DOCS / "reference" / "errors.md")
    own = [kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert sorted(own) == sorted(kind.__name__ for kind in GENERATE.error_kinds())
    assert [name for name in own if f"`{name}`" not in written] == []


def test_every_reason_of_a_refused_attempt_is_explained() -> None:
    """Each short reason that the code can give stands in the reference's table, and the table holds no other."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    given = set(re.findall(r'reason="([a-z-]+)"', source))
    refused = re.findall(r'_(?:column_)?refused\(\s*f?"[^"]*",\s*"([a-z]+-[a-z-]+)"', source)
    given |= set(refused)
    assert len(given) > 25
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    table = page.split("## Why an attempt was refused")[1].split("\n## ")[0]
    explained = {
        reason
        for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
        for reason in re.findall(r"`([a-z-]+)`", row)
    }
    assert given - explained == set()
    assert explained - given - {"header-wrong-"} == set()


def test_every_state_phase_and_reason_of_a_run_is_explained() -> None:
    """The page on a run's states names every state, phase and reason that the contract knows, with its number."""
    page = (DOCS / "reference" / "run-states.md").read_text(encoding="utf-8")
    for kind in (run.RunState, run.Phase, run.Reason):
        for value in kind:
            word = "".join(part.capitalize() for part in value.name.split("_"))
            assert word == "None" or re.search(rf"^\| {word} \| {value.value} \|", page, re.MULTILINE), word


def test_every_document_says_what_its_fields_mean() -> None:
    """Fields of documents and of the RunSpec have a sentence each, which the reference shows."""
    page = (DOCS / "reference" / "documents.md").read_text(encoding="utf-8")
    for kind in GENERATE.document_kinds():
        texts = GENERATE.field_texts(sys.modules[kind.__module__], kind.__name__)
        assert f"### `{kind.__name__}`" in page
        assert [name for name, text in texts.items() if not text] == []
    assert [
        name for name, text in GENERATE.field_texts(run, "RunSpec").items() if not text or f"`{name}`" not in page
    ] == []


def linked_from(page: pathlib.Path) -> set[pathlib.Path]:
    """Return the files that a page links to."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    return {(page.parent / target.partition("#")[0]).resolve() for target in targets}


@pytest.mark.parametrize("term", GLOSSARY_TERMS)
def test_the_glossary_has_every_term(term: str) -> None:
    """Each name of the architecture's table has a row in the glossary."""
    assert re.search(rf"^\| \*\*{term}\*\* \| .+ \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_glossary_is_sorted() -> None:
    """Terms stand in alphabetical order, so that they are found."""
    terms = re.findall(r"^\| \*\*(.+?)\*\*", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [term.casefold() for term in terms] == sorted(term.casefold() for term in terms)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    """Every relative link of a page names a file that exists, and its anchor a heading of that file."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = page if not path else (page.parent / path).resolve()
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_pages_exist(page: pathlib.Path) -> None:
    """Every command that a page shows is one, with options that it has."""
    wrong = {" ".join(words): unknown_word(words) for words in command_lines(page)}
    assert {line: word for line, word in wrong.items() if word is not None} == {}


@pytest.mark.parametrize(
    ("line", "word"),
    {
        "a noun that is none": ("commons nonsense", "nonsense"),
        "a verb that is none": ("commons run dance RUN", "dance"),
        "another command's option": ("commons --home north run close RUN --dataset 1", "--dataset"),
        "an option before the noun": ("commons --port 1 ledger start", "--port"),
        "all well": ("commons --home north run enrol RUN --dataset 1 --json", None),
    }.values(),
)
def test_unknown_words_are_noticed(line: str, word: str | None) -> None:
    """The check of commands finds the word that is wrong."""
    assert unknown_word(shell_words(line)) == word


def test_next_steps_of_errors_name_commands_that_exist() -> None:
    """A person who is told to run a command can run it."""
    told = [kind.__doc__ or "" for kind in GENERATE.error_kinds()]
    told += [text for pair in refusals.WORDS.values() for text in pair]
    lines = [line for text in told for line in re.findall(r"`(commons [^`]+)`", text)]
    assert lines
    assert [line for line in lines if unknown_word(shell_words(line)) is not None] == []


def test_every_page_is_in_the_index() -> None:
    """Each page of the documentation can be reached from its index, or from the index of a folder that stands there."""
    index = DOCS / "index.md"
    linked = linked_from(index)
    linked |= {page for folder in linked if folder.name == "index.md" for page in linked_from(folder)}
    assert [name_of(page) for page in sorted(DOCS.rglob("*.md")) if page != index and page not in linked] == []


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_decisions_follow_their_form(page: pathlib.Path) -> None:
    """A decision has its number, a status, drivers, at least two options, a decision and negative consequences, on one page."""
    text = page.read_text(encoding="utf-8")
    number = page.name[:4]
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^- Status: (accepted|superseded by \[\d{4}\]\(.+\))$", text, re.MULTILINE)
    assert headings(page)[1:] == ["Context", "Drivers", "Options", "Decision", "Negative consequences"]
    options = text.split("## Options")[1].split("## Decision")[0]
    assert len(re.findall(r"^\d\. ", options, re.MULTILINE)) >= 2
    assert len(re.findall(r"^- ", text.split("## Negative consequences")[1], re.MULTILINE)) >= 1
    assert len(text.splitlines()) <= 80


def test_decisions_are_numbered_without_gaps() -> None:
    """Numbers of decisions count up from 1."""
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_change_fragments_follow_their_rule() -> None:
    """Each fragment is named after its kind and says something."""
    kinds = "added|changed|removed|fixed|security"
    for fragment in (ROOT / "changes").iterdir():
        if fragment.name != "README.md":
            assert re.fullmatch(rf"[a-z0-9-]+\.({kinds})\.md", fragment.name)
            assert fragment.read_text(encoding="utf-8").strip()


def test_the_data_managers_page_is_one_page() -> None:
    """What a hospital's data manager reads fits a page: at most 850 words."""
    page = (DOCS / "explanation" / "for-a-data-manager.md").read_text(encoding="utf-8")
    assert len(page.split()) <= 850
