"""The node's journal: what was kept is there after a kill, and a second, different record is refused."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aicommons.domain import errors, ids
from aicommons.node import journal as journals

RUN = ids.RunId(b"\x01" * 32)
OTHER = ids.RunId(b"\x02" * 32)
SID = b"\x05" * 32
STATE = journals.StateRecord(1, b"\x11" * 32, b"state one", is_finished=False)
LAST = journals.StateRecord(2, b"\x12" * 32, b"state two", is_finished=True)
SUM = journals.SumRecord(SID, b"\x21" * 32, b"\x22" * 32, b"words")
PIN = journals.Pin(b"\x09" * 32, b"\x0a" * 32, 4, 1, b"\x0b" * 32)
REVEAL = journals.RevealRecord(b"\x30" * 32, b"\x31" * 32, b"\x32" * 32, b"document", (b"\x33" * 32, b"\x34" * 32))


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the journal lies, in a folder that is not there yet."""
    return tmp_path / "home" / "journal.db"


@pytest.fixture
def journal(path: pathlib.Path) -> Iterator[journals.Journal]:
    """An empty journal."""
    opened = journals.Journal(path)
    yield opened
    opened.close()


def fill(journal: journals.Journal) -> None:
    """Keep one of everything."""
    journal.pin(RUN, PIN)
    journal.keep_state(RUN, STATE)
    journal.keep_state(RUN, LAST)
    journal.keep_sum(RUN, 0, SUM)
    journal.keep_local(RUN, 1, b"local")
    journal.keep_built(RUN, SID, b"\x41" * 32, b"\x42" * 32)
    journal.keep_reveal(RUN, SID, REVEAL)
    journal.keep_stored(RUN, [b"\x51" * 32])
    journal.keep_sent(RUN, 100)
    journal.keep_report(RUN, b"{}")
    journal.keep_over(RUN, 7.5)
    journal.keep_over(RUN, 9.0)
    journal.keep_refusal(RUN, (3, 1), 7, "box-does-not-open")
    journal.keep_judged(RUN, b"\x61" * 160, 7)
    journal.keep_judged(RUN, b"\x61" * 160, 8)


def contents(journal: journals.Journal, run_id: ids.RunId) -> list[Any]:
    """Return everything that the journal says about a run."""
    return [
        journal.pinned(run_id),
        journal.state(run_id, 1),
        journal.state(run_id, 2),
        journal.state(run_id),
        journal.state_index(run_id),
        journal.sum(run_id, 0),
        journal.local(run_id, 1),
        journal.stored(run_id),
        journal.has_stored(run_id),
        journal.bytes_sent(run_id),
        journal.report(run_id),
        journal.refusals(run_id),
        journal.judged(run_id),
        journal.facts(run_id),
    ]


def test_everything_comes_back(journal: journals.Journal) -> None:
    """What was kept is returned as it was given."""
    fill(journal)
    facts = journals.Facts(
        is_pinned=True,
        state_index=2,
        is_finished=True,
        has_stored=True,
        has_report=True,
        over_since=7.5,
        refused=frozenset({(3, 1)}),
        judged=frozenset({b"\x61" * 160}),
    )
    assert contents(journal, RUN) == [
        PIN, STATE, LAST, LAST, (2, True), SUM, b"local", [b"\x51" * 32], True, 100, b"{}",
        {(3, 1): (7, "box-does-not-open")}, {b"\x61" * 160: 7}, facts,
    ]  # fmt: skip
    assert journal.built(SID) == (b"\x41" * 32, b"\x42" * 32)
    assert journal.reveal(SID) == REVEAL


def test_a_killed_node_finds_everything(path: pathlib.Path, journal: journals.Journal) -> None:
    """Without being closed, the journal gives a second process all that was kept."""
    fill(journal)
    again = journals.Journal(path)
    assert contents(again, RUN) == contents(journal, RUN)
    assert (again.built(SID), again.reveal(SID)) == (journal.built(SID), journal.reveal(SID))
    again.close()


def test_runs_are_apart(journal: journals.Journal) -> None:
    """Nothing of one run shows in another."""
    empty = contents(journal, OTHER)
    fill(journal)
    assert contents(journal, OTHER) == empty
    assert journal.facts(OTHER) == journals.Facts(False, 0, False, False, False, None, frozenset(), frozenset())


CONFLICTS: dict[str, Callable[[journals.Journal], None]] = {
    "another roster": lambda journal: journal.pin(RUN, dataclasses.replace(PIN, roster=b"\x08" * 32)),
    "another dataset": lambda journal: journal.pin(RUN, dataclasses.replace(PIN, dataset_id=5)),
    "another consent": lambda journal: journal.pin(RUN, dataclasses.replace(PIN, consent_id=b"\x08" * 32)),
    "another state": lambda journal: journal.keep_state(RUN, dataclasses.replace(STATE, digest=b"\x99" * 32)),
    "another sum": lambda journal: journal.keep_sum(RUN, 0, dataclasses.replace(SUM, digest=b"\x99" * 32)),
    "another header": lambda journal: journal.keep_built(RUN, SID, b"\x99" * 32, b"\x42" * 32),
    "another masked vector": lambda journal: journal.keep_built(RUN, SID, b"\x41" * 32, b"\x99" * 32),
    "a submission of another run": lambda journal: journal.keep_built(OTHER, SID, b"\x99" * 32, b"\x99" * 32),
    "another reveal": lambda journal: journal.keep_reveal(RUN, SID, dataclasses.replace(REVEAL, document=b"other")),
}


@pytest.mark.parametrize("conflict", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_second_words_are_refused(journal: journals.Journal, conflict: Callable[[journals.Journal], None]) -> None:
    """A second, different record is a JournalConflict, and the first one stays."""
    fill(journal)
    before = contents(journal, RUN)
    with pytest.raises(errors.JournalConflict):
        conflict(journal)
    assert contents(journal, RUN) == before
    assert (journal.built(SID), journal.reveal(SID)) == ((b"\x41" * 32, b"\x42" * 32), REVEAL)


def test_saying_the_same_again_is_no_error(journal: journals.Journal) -> None:
    """A node that was killed after writing may write the same once more."""
    fill(journal)
    before = contents(journal, RUN)
    fill(journal)
    again = contents(journal, RUN)
    assert [each for each in again if each != 200] == [each for each in before if each != 100]
    assert journal.bytes_sent(RUN) == 200  # what was sent twice counts twice


def test_local_state_is_the_newest_that_fits(journal: journals.Journal) -> None:
    """The learner's local state of a round is that of the newest round up to it."""
    journal.keep_local(RUN, 1, b"one")
    journal.keep_local(RUN, 3, b"three")
    assert [journal.local(RUN, position) for position in range(5)] == [None, b"one", b"one", b"three", b"three"]


def test_erased_blobs_are_forgotten(journal: journals.Journal) -> None:
    """After its last blob is erased a run has nothing in the store, but what was sent stays counted."""
    fill(journal)
    journal.forget_stored(RUN, b"\x51" * 32)
    assert (journal.stored(RUN), journal.has_stored(RUN), journal.bytes_sent(RUN)) == ([], False, 100)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_any_number_of_blobs_is_kept_at_once(journal: journals.Journal, count: int) -> None:
    """All digests of one sending are kept in one write, each as its own 32 bytes."""
    digests = [bytes([index % 256, index // 256]) * 16 for index in range(count)]
    journal.keep_stored(RUN, digests)
    journal.keep_stored(RUN, digests[:1])
    assert sorted(journal.stored(RUN)) == sorted(digests)


def test_the_first_refusal_of_an_attempt_counts(journal: journals.Journal) -> None:
    """A second refusal of one attempt does not replace the first."""
    journal.keep_refusal(RUN, (0, 0), 5, "box-does-not-open")
    journal.keep_refusal(RUN, (0, 0), 6, "root-mismatch")
    assert journal.refusals(RUN) == {(0, 0): (5, "box-does-not-open")}


def test_a_broken_file_is_named(path: pathlib.Path) -> None:
    """A journal that is no database is an InputError that names the file."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(errors.InputError, match=path.name):
        journals.Journal(path)


def test_what_was_not_given_is_kept_once_per_reason(journal: journals.Journal, path: pathlib.Path) -> None:
    """The same reason in the same round counts once, however often it is tried; a restarted node still knows it."""
    for index, reason in ((1, "too near"), (0, "too few rows"), (1, "another"), (1, "too near")):
        journal.keep_declined(RUN, index, reason)
    assert journal.declined(RUN) == [(0, "too few rows"), (1, "too near"), (1, "another")]
    assert journal.declined(OTHER) == []
    again = journals.Journal(path)
    assert len(again.declined(RUN)) == 3
    again.close()
