"""One byte changed in a copy of a real run's files: a fresh process names the record, whatever kind of record it is.

The run is made by real processes, which are ended before their files are copied: blobs as the store keeps them, the
ledger as its SQLite file. `run verify` sees what the ledger tells about a run; what it does not tell (transactions,
receipts, contract state, steps that a later one replaced) `ledger verify` holds against the transactions.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.e2e import conftest

from aicommons import app
from aicommons.cli import demonstration, processes, scripts
from aicommons.domain import errors, ids
from aicommons.ledger import contracts
from aicommons.ledger.embedded import storage
from aicommons.protocol import view as views

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AT = (1, 0)
"""The attempt whose records are changed, of a round in the middle of the run."""


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A finished run whose processes have ended."""

    home: pathlib.Path
    """Of ledger and store."""
    reader: pathlib.Path
    """Home of the problem owner."""
    passphrase: str
    run_id: str
    view: views.LedgerView

    @property
    def run(self) -> views.RunView:
        """The run."""
        return self.view.runs[ids.RunId(bytes.fromhex(self.run_id[2:]))]

    @property
    def member(self) -> int:
        """Whose records are changed."""
        assert self.run.roster is not None
        return self.run.roster.member_ids[1]

    def blob(self, digest: bytes) -> bytes:
        """Return the bytes behind a digest."""
        return blob_file(self.home, digest).read_bytes()

    def call(self, home: pathlib.Path, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run one command in a fresh process; return its exit code and its object."""
        environment = {**os.environ, app.PASSPHRASE_VARIABLE: self.passphrase}
        command = processes.command(home, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        return done.returncode, json.loads(done.stdout)

    def verify(self) -> tuple[int, dict[str, Any]]:
        """Verify the run with the problem owner's reader key."""
        return self.call(self.reader, "run", "verify", self.run_id, "--from-home", "reader")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run of three sites in real processes, which are ended."""
    root = tmp_path_factory.mktemp("recorded")
    passphrase = demonstration.new_passphrase()
    script = scripts.hospitals(root / "tables", scripts.Choice(nodes=3, rounds=3))
    with processes.Processes(passphrase) as running:
        stage = demonstration.set_stage(script, root, running, passphrase=passphrase, say=lambda _: None)
        conftest.wait_until(lambda: stage.view().model is not None, seconds=60, what="the model")
        view = stage.solver.desk.view()
    return Recorded(root / "commons", stage.problem_owner.home.path, passphrase, ids.format_id(stage.run_id), view)


def copy_of(recorded: Recorded, folder: pathlib.Path) -> pathlib.Path:
    """Return a copy of the home of ledger and store."""
    return pathlib.Path(shutil.copytree(recorded.home, folder))


def blob_file(home: pathlib.Path, digest: bytes) -> pathlib.Path:
    """Return the file of a blob."""
    return home / "store" / "blobs" / digest.hex()[0] / digest.hex()


def flip(file: pathlib.Path, at: int) -> None:
    """Change one byte of a file."""
    with file.open("r+b") as opened:
        opened.seek(at)
        (old,) = opened.read(1)
        opened.seek(at)
        opened.write(bytes([old ^ 1]))


# ------------------------------------------------------------------------------------------------------------ the store


@dataclasses.dataclass
class Served:
    """A copy of the home whose store runs, and the ledger of whichever copy was asked for last."""

    home: pathlib.Path
    running: processes.Processes
    ledger: pathlib.Path | None = None

    def with_ledger(self, home: pathlib.Path) -> None:
        """Let the ledger of ``home`` answer; raises ``errors.TemporaryError`` when it does not start."""
        if home == self.ledger:
            return
        if self.ledger is not None:
            self.running.kill("ledger")
        self.ledger = None
        try:
            self.running.start("ledger", home, "ledger", "start")
        except errors.TemporaryError:
            self.running.kill("ledger")
            raise
        self.ledger = home


@pytest.fixture(scope="module")
def served(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Ledger and store of copies."""
    home = copy_of(recorded, tmp_path_factory.mktemp("served") / "home")
    with processes.Processes(recorded.passphrase) as running:
        running.start("store", home, "store", "start")
        yield Served(home, running)


def header(recorded: Recorded) -> bytes:
    """Digest of a header."""
    return recorded.run.attempts[AT].submits[recorded.member].header_digest


def revealed(recorded: Recorded) -> bytes:
    """Digest of a mask-sum document."""
    return recorded.run.attempts[AT].reveals[recorded.member].document


def model_card(recorded: Recorded) -> bytes:
    """Digest of the model's card."""
    assert recorded.run.model is not None
    return recorded.run.model.card


def profile(recorded: Recorded) -> bytes:
    """Digest of a member's profile."""
    return recorded.view.applied[recorded.view.members[recorded.member].account].profile


IN_ROUND = "round 1 attempt 0, {} of member 4: the store has other bytes than this {}"
BLOBS: Mapping[str, tuple[Callable[[Recorded], bytes], str]] = {
    "plan": (lambda recorded: recorded.run.spec.plan, "plan document: the store has other bytes than this plan"),
    "terms": (lambda recorded: recorded.run.spec.terms, "terms document: the store has other bytes than this terms"),
    "header": (header, IN_ROUND.format("header", "header")),
    "masked vector": (
        lambda recorded: recorded.blob(header(recorded))[144:176],
        IN_ROUND.format("masked vector", "masked vector"),
    ),
    "mask-sum document": (revealed, IN_ROUND.format("mask-sum document", "mask-sum document")),
    "sealed mask sum": (
        lambda recorded: recorded.blob(revealed(recorded))[8:40],
        "round 1 attempt 0, sealed mask sum of column 0 of member ",  # that of its holders which revealed first
    ),
    "model card": (model_card, "model card: the store has other bytes than this model card"),
    "problem statement": (
        lambda recorded: recorded.view.problems[recorded.run.spec.problem].document,
        "problem statement of member 1: the store has other bytes than this problem statement",
    ),
    "dataset card": (
        lambda recorded: recorded.view.datasets[recorded.run.enrolled[recorded.member].dataset_id].card,
        "dataset card of member 4: the store has other bytes than this dataset card",
    ),
    "profile": (profile, "profile of member 4: the store has other bytes than this profile"),
}


@pytest.mark.parametrize("kind", BLOBS)
def test_a_flipped_byte_of_a_blob_is_named(recorded: Recorded, served: Served, kind: str) -> None:
    """Each kind of blob in the store's folder: exit 1, and the blob is named as the first thing that does not match."""
    find, problem = BLOBS[kind]
    served.with_ledger(served.home)
    file = blob_file(served.home, find(recorded))
    middle = file.stat().st_size // 2
    flip(file, middle)
    code, report = recorded.verify()
    flip(file, middle)
    assert code == 1, report
    assert problem in report["problem"]
    assert (report["level"], report["verified"]) == ("none", False)


def test_every_blob_of_the_store_has_a_row(recorded: Recorded, served: Served) -> None:
    """Unchanged copies verify down to every sum, and no kind of blob in the store is left out of what was read."""
    served.with_ledger(served.home)
    code, report = recorded.verify()
    assert (code, report["level"], report["unchecked"]) == (0, "sums", [])
    counted = {each["part"]: each["count"] for each in report["checked"]}
    parts = ("header", "masked_vector", "mask_sum_document", "sealed_mask_sum", "papers")
    named = sum(counted[part] for part in parts) + len(("plan", "terms", "model card"))
    assert sum(1 for file in (served.home / "store" / "blobs").rglob("*") if file.is_file()) == named


# ----------------------------------------------------------------------------------------------------------- the ledger


@dataclasses.dataclass(frozen=True)
class Log:
    """Where a byte of an event lies: the last event of its kind, unless said otherwise."""

    contract: str
    event: str
    field: int
    """Word of the data; negative: topic -1, -2, .. from the second one."""
    problem: str
    """What the message says."""
    which: int = -1


LOGS = {
    "RunOpened, terms": Log("TrainingRuns", "RunOpened", 2, "other terms than the run's id stands for"),
    "RunOpened, id": Log("TrainingRuns", "RunOpened", -1, "no such run"),
    "Enrolled, node key": Log("TrainingRuns", "Enrolled", 3, "it is not the key that the member enrolled with"),
    "Enrolled, absence": Log("TrainingRuns", "Enrolled", 4, "its exit in advance is not signed by its key"),
    "RosterFixed": Log("TrainingRuns", "RosterFixed", 0, "roster: its digest is another"),
    "Acked, point": Log("TrainingRuns", "Acked", 2, "Ack"),
    "Submitted": Log("TrainingRuns", "Submitted", 3, "Submit is not signed"),
    "Committed": Log("TrainingRuns", "Committed", 5, "Commit is not signed"),
    "Revealed": Log("TrainingRuns", "Revealed", 4, "Reveal is not signed"),
    "Resulted": Log("TrainingRuns", "Resulted", 3, "it names another sum"),
    "StateAgreed": Log("TrainingRuns", "StateAgreed", 2, "agreed state after 3 rounds: no quorum named this session"),
    "PhaseEntered": Log("TrainingRuns", "PhaseEntered", 3, "round 2 attempt 0: the participant set has 2 members"),
    "RunStateChanged": Log(
        "TrainingRuns", "RunStateChanged", 0, "run state PAUSED: there is a model of a run that is not over"
    ),
    "Registered, card": Log("ModelRegistry", "Registered", 1, "model card: the store does not have the card"),
    "Registered, state": Log("ModelRegistry", "Registered", 2, "registered model, state digest: it is another state"),
    "SharesGiven": Log("ModelRegistry", "SharesGiven", 0, "shares: they do not add up"),
    "problem's owner": Log("Problems", "Stated", -2, "shares of member"),
}


def open_ledger(home: pathlib.Path) -> sqlite3.Connection:
    """Open the ledger's file beside nobody."""
    return sqlite3.connect(home / "ledger" / storage.FILE_NAME)


def log_text(home: pathlib.Path, place: Log) -> str:
    """Return an event as it lies in the file."""
    entries = contracts.load(place.contract).events.values()
    topic = next(entry.key for entry in entries if entry.name == place.event)
    with contextlib.closing(open_ledger(home)) as file:
        rows = file.execute("SELECT json FROM log WHERE topic0 = ? ORDER BY n, i", (topic,)).fetchall()
    return str(rows[place.which][0])


def flip_log(home: pathlib.Path, place: Log) -> None:
    """Change the last byte of a field in the ledger's file: one hexadecimal digit becomes another."""
    text = log_text(home, place)
    log = json.loads(text)
    value = log["data"] if place.field >= 0 else log["topics"][-place.field]
    at = text.index(value) + (2 + 64 * place.field + 63 if place.field >= 0 else 65)
    other = f"{int(text[at], 16) ^ 1:x}"
    path = home / "ledger" / storage.FILE_NAME
    whole = path.read_bytes()
    for before, after in ((110, 1), (60, 60), (1, 110)):  # a row may be split over two pages of the file
        needle = text[at - before : at + after].encode()
        found = whole.find(needle)
        while found >= 0:  # receipts repeat what logs say: the right place is the one where the log changes
            changed = whole[: found + before] + other.encode() + whole[found + before + 1 :]
            path.write_bytes(changed)
            if log_text(home, place) == text[:at] + other + text[at + 1 :]:
                return
            found = whole.find(needle, found + 1)
    pytest.fail(f"{place} was not found in the file")


@pytest.mark.parametrize("row", LOGS)
def test_a_flipped_byte_of_the_ledger_is_named(
    recorded: Recorded, served: Served, tmp_path: pathlib.Path, row: str
) -> None:
    """Each kind of event in the ledger's file: exit 1, and the record is named as the first thing that does not match."""
    home = copy_of(recorded, tmp_path / "home")
    flip_log(home, LOGS[row])
    served.with_ledger(home)
    code, report = recorded.verify()
    assert code == 1, report
    assert LOGS[row].problem in (report.get("problem") or report["message"]), report


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value in the ledger's file, of which the byte in the middle is changed."""

    query: str
    """What returns it."""
    problem: str
    """What the message says; ``{n}`` is the number of the block in the middle."""


MIDDLE = "(SELECT max(n) / 2 FROM block)"
CELLS = {
    "block": Cell(f"SELECT hash FROM block WHERE n = {MIDDLE}", "ledger.sqlite3: the ledger file is damaged"),
    "transaction": Cell(f"SELECT raw FROM tx WHERE n = {MIDDLE}", "block {n}: "),
    "receipt": Cell(f"SELECT receipt FROM tx WHERE n = {MIDDLE}", "block {n}: receipt"),
    "log": Cell(f"SELECT json FROM log WHERE n >= {MIDDLE} ORDER BY n, i", "block {n}: logs"),
    "account": Cell("SELECT code_hash FROM account WHERE code_hash IN (SELECT hash FROM code)", "state: accounts"),
    "code": Cell("SELECT code FROM code ORDER BY length(code)", "state: code"),
    "slot": Cell("SELECT value FROM slot WHERE length(ltrim(hex(value), '0')) > 40", "state: slots"),
}


def flip_cell(home: pathlib.Path, cell: Cell) -> int:
    """Change the byte in the middle of a value, and return the number of the block in the middle."""
    path = home / "ledger" / storage.FILE_NAME
    with contextlib.closing(open_ledger(home)) as file:
        (value,) = file.execute(cell.query).fetchone()
        (number,) = file.execute(f"SELECT {MIDDLE}").fetchone()
    raw = value.encode() if isinstance(value, str) else value
    whole, middle = path.read_bytes(), len(raw) // 2
    window = raw[middle - min(middle, 60) : middle + 60]
    found = whole.find(window)
    while found >= 0:
        flip(path, found + min(middle, 60))
        with contextlib.closing(open_ledger(home)) as file:
            row = file.execute(cell.query).fetchone()
        if row is None or row[0] != value:
            return int(number)
        flip(path, found + min(middle, 60))
        found = whole.find(window, found + 1)
    return pytest.fail(f"{cell} was not found in the file")


@pytest.mark.parametrize("row", CELLS)
def test_a_flipped_byte_beside_the_events_is_named_by_the_ledger(
    recorded: Recorded, tmp_path: pathlib.Path, row: str
) -> None:
    """What no event shows is held against the transactions: exit 1, with the first block or the part of the state."""
    home = copy_of(recorded, tmp_path / "home")
    number = flip_cell(home, CELLS[row])
    code, report = recorded.call(home, "ledger", "verify")
    assert code == 1, report
    assert CELLS[row].problem.format(n=number) in (report.get("mismatch") or report["message"]), report


def test_a_ledger_with_a_damaged_head_does_not_start(
    recorded: Recorded, served: Served, tmp_path: pathlib.Path
) -> None:
    """The first byte of the file: the ledger refuses to start and names the file."""
    home = copy_of(recorded, tmp_path / "home")
    flip(home / "ledger" / storage.FILE_NAME, 0)
    with pytest.raises(errors.TemporaryError, match=r"ledger\.sqlite3: this is not a readable ledger file"):
        served.with_ledger(home)
