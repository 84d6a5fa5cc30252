"""The catalogue: everything that ledger and store say is found, and nothing in the file cannot be built again."""

import dataclasses
import pathlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons import testing
from aicommons.catalogue import projection
from aicommons.domain import documents, errors, ids, profiles
from aicommons.protocol import view as views
from aicommons.store import memory

PROFILE = profiles.Profile(
    "Hôpital Sainte Anne",
    profiles.Kind.HOSPITAL,
    country="CD",
    languages=("fr", "sw"),
    seeks=(profiles.Good.SKILLS,),
    offers=(profiles.Good.DATA,),
)
PROBLEM = documents.Problem(
    "Malaria in children", "parents", "whom to treat", "a score", ("3.3",), "auc", "a test strip"
)


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons with a hospital that stated a problem, and a member of which little is known."""
    made = testing.Commons(tmp_path / "commons")
    hospital = made.admit("anne", PROFILE)
    made.admit("other")
    hospital.desk.state_problem(PROBLEM, testing.START + 86_400)
    yield made
    made.close()


@pytest.fixture
def catalogue(tmp_path: pathlib.Path) -> Iterator[projection.Catalogue]:
    """An empty catalogue."""
    made = projection.Catalogue(tmp_path / "catalogue.db")
    yield made
    made.close()


def test_members_and_problems_are_found(commons: testing.Commons, catalogue: projection.Catalogue) -> None:
    """Words are found without their accents, in part, in titles and texts; kind and country narrow the search."""
    assert catalogue.refresh(commons.registrar.view(), commons.store) == 0
    for words in ("hopital anne", "HOSPITAL", "saint", "data"):
        assert [entry.title for entry in catalogue.find(words)] == [PROFILE.title], words
    assert [entry.member for entry in catalogue.find(country="CD")] == [commons.solver.member_id]
    assert [entry.title for entry in catalogue.find("child", kind=projection.Kind.PROBLEM)] == [PROBLEM.title]
    assert catalogue.find("hospital", kind=projection.Kind.PROBLEM) == []
    assert [entry.kind.value for entry in catalogue.find()] == ["member", "member", "problem"]


def test_it_can_be_built_again(commons: testing.Commons, tmp_path: pathlib.Path) -> None:
    """A new file answers as the old one, and a refresh twice is a refresh once."""
    answers = []
    for name in ("one.db", "two.db"):
        made = projection.Catalogue(tmp_path / name)
        made.refresh(commons.registrar.view(), commons.store)
        made.refresh(commons.registrar.view(), memory.MemoryStore())  # documents that were read once are kept
        answers.append(made.find())
        made.close()
    assert answers[0] == answers[1]


def test_a_missing_document_leaves_the_ledgers_facts(commons: testing.Commons, catalogue: projection.Catalogue) -> None:
    """Entries whose document is nowhere are listed without a title, counted, and completed later."""
    view = commons.registrar.view()
    assert catalogue.refresh(view, memory.MemoryStore()) == 3
    assert {entry.title for entry in catalogue.find()} == {""}
    assert catalogue.refresh(view, commons.store) == 0
    assert "" not in {entry.title for entry in catalogue.find()}


def test_a_foreign_document_is_no_profile(commons: testing.Commons, catalogue: projection.Catalogue) -> None:
    """Bytes that are no profile leave the member without a title and nobody else's entry."""
    view = commons.registrar.view()
    junk = ids.Digest(commons.store.put(b"no profile"))
    members = {number: dataclasses.replace(each, profile=junk) for number, each in view.members.items()}
    assert catalogue.refresh(dataclasses.replace(view, members=members), commons.store) == 0
    assert [entry.title for entry in catalogue.find(kind=projection.Kind.MEMBER)] == ["", ""]
    assert [entry.title for entry in catalogue.find("malaria")] == [PROBLEM.title]


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40))
def test_no_search_is_an_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever somebody types is words, never a query language."""
    made = projection.Catalogue(tmp_path_factory.mktemp("any") / "catalogue.db")
    made.refresh(views.LedgerView(), memory.MemoryStore())
    assert made.find(text) == []
    made.close()


def test_another_file_is_refused(tmp_path: pathlib.Path) -> None:
    """A file that is no catalogue is named and left alone."""
    file = tmp_path / "catalogue.db"
    file.write_bytes(b"something else" * 100)
    with pytest.raises(errors.InputError, match="catalogue"):
        projection.Catalogue(file)
    assert file.read_bytes().startswith(b"something else")
