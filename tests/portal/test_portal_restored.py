"""A register that was restored from a backup, and people with several consents: nobody who said no is brought back."""

import contextlib
import dataclasses
import pathlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.domain import consents, errors
from aicommons.node.consents import codes, standing
from aicommons.owner import stewarding
from aicommons.protocol import consents as trees

if TYPE_CHECKING:
    from tests.portal.conftest import Desk

NOW = int(time.time())
TERMS = stewarding.Terms(("DUO:0000007",), "2999-12-31", "Amina")
PEOPLE = ("p0", "p1", "p2")


@dataclasses.dataclass
class Clinic:
    """A steward at an owner's home, on a commons in memory."""

    desk: "Desk"
    codes: dict[str, str] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def opened(self) -> Iterator[stewarding.Counter]:
        """Open the register."""
        with stewarding.at(self.desk.home, self.desk.owner.wallet) as counter:
            yield counter

    def enter(self, person: str, *, scan: bytes = b"\x01" * 32, signed_now: int | None = None) -> int:
        """Enter a paper, an old one if it was not signed just now; return its number."""
        signed = stewarding.Signed(person, scan, given=None if signed_now else "2020-01-05")
        now = signed_now or NOW
        with self.opened() as counter:
            made = stewarding.enter(counter, 1, signed, TERMS, look=self.desk.owner.desk.view, now=now)
        self.codes.setdefault(person, made.receipt.code)
        return made.entered.number

    def withdraw(self, person: str) -> None:
        """Take back what a person gave."""
        with self.opened() as counter:
            found = stewarding.find(counter, stewarding.Wanted(person=person, dataset_id=1))
            stewarding.withdraw(counter, found, consents.Change(consents.Status.WITHDRAWN, NOW, "steward", None))

    def withdraw_alone(self, person: str, number: int) -> None:
        """Take one consent back on the ledger with its first receipt's code, without the steward."""
        place = self.desk.owner.desk.register_place
        with self.opened() as counter:
            leaf = counter.register.leaf(1, number)
            tree, _ = counter.register.trees(place, 1)
        deadline = int(self.desk.commons.clock.now()) + 3600
        signed = codes.sign(self.codes[person], trees.withdrawal_digest(place, trees.leaf_hash(place, leaf), deadline))
        self.desk.commons.solver.desk.withdraw_leaf_by_signature(
            leaf, tree.proof(number), deadline=deadline, by=leaf.holder, signature=signed
        )

    def post(self, *, restored: bool = False) -> stewarding.Posted:
        """Put the register on the ledger."""
        with self.opened() as counter:
            return stewarding.post(counter, self.desk.owner.desk, 1, restored=restored)

    def live(self) -> set[str]:
        """Return who has a consent that the node would use now."""
        shown = standing.standing_of(self.desk.owner.desk.view(), 1, NOW)
        assert shown is not None
        with self.opened() as counter:
            here = counter.register
            over = here.taken_back(1, shown.withdrawn)
            tags = {each.tag for each in here.entries(1) if each.number not in over}
            return {person for person in ("p0", "p1", "p2", "p3", "p4") if here.tag(1, person) in tags}

    @property
    def file(self) -> pathlib.Path:
        """The register's file."""
        return self.desk.home.consents_folder / "register.db"

    def back_up(self, to: pathlib.Path) -> None:
        """Copy the register."""
        with contextlib.closing(sqlite3.connect(self.file)) as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.file, to)

    def restore(self, backup: pathlib.Path) -> None:
        """Put a copy back in place of the register."""
        for file in self.file.parent.glob("register.db*"):
            file.unlink()
        shutil.copy(backup, self.file)


@pytest.fixture
def clinic(desk: "Desk") -> Clinic:
    """Three people have consented, and the ledger shows it."""
    opened = app.open_consents(desk.home, desk.owner.wallet)
    opened.key_file.create(desk.owner.wallet)
    with opened.register() as here:
        here.open(1, "patient")
    desk.owner.desk.open_register(1)
    settings = desk.home.settings()
    app.write_private(desk.home.deployment_file(settings.chain_id), desk.commons.deployment.to_json())
    made = Clinic(desk)
    for person in PEOPLE:
        made.enter(person)
    made.post()
    return made


def test_posting_a_restored_register_brings_nobody_back(clinic: Clinic, tmp_path: pathlib.Path) -> None:
    """A register that lacks a withdrawal is not posted; said to be restored, it waits for the papers, one by one."""
    clinic.back_up(tmp_path / "backup")
    clinic.withdraw("p0")
    clinic.post()
    assert clinic.live() == {"p1", "p2"}
    clinic.restore(tmp_path / "backup")
    before = clinic.desk.owner.desk.view().registers[1].posted
    with pytest.raises(errors.JournalConflict, match="does not have") as caught:
        clinic.post()
    assert "--restored" in str(caught.value.next_step)
    visitor, session = clinic.desk.open_page()
    answer = visitor.post("/consents/1/post", {"token": session.form_token})
    assert answer.status == 409
    assert "--restored" in answer.text
    assert clinic.desk.owner.desk.view().registers[1].posted == before
    assert clinic.post(restored=True).doubted == 3
    assert clinic.live() == set()
    assert "to be confirmed" in visitor.get("/consents/1").text
    assert "to be confirmed" in visitor.get("/consents/1/0").text
    assert [clinic.enter(person) for person in ("p2", "p1")] == [2, 1]
    clinic.post()
    assert clinic.live() == {"p1", "p2"}


def test_a_register_that_was_not_restored_is_left_alone(clinic: Clinic) -> None:
    """Saying so without need changes nothing."""
    with pytest.raises(errors.InputError, match="was not restored"):
        clinic.post(restored=True)
    assert clinic.live() == set(PEOPLE)


def test_withdrawals_on_the_ledger_stay_with_their_people(clinic: Clinic, tmp_path: pathlib.Path) -> None:
    """Papers that a backup lacks come in again in another order; what the ledger has by number hits nobody else.

    Whose withdrawal it was nobody knows any more: no paper that is older than it is taken from anybody new.
    """
    clinic.back_up(tmp_path / "backup")
    for person in ("p3", "p4"):
        clinic.enter(person)
    clinic.post()
    clinic.withdraw_alone("p3", 3)
    clinic.withdraw_alone("p1", 1)
    clinic.restore(tmp_path / "backup")
    clinic.post(restored=True)
    with pytest.raises(errors.InputError, match="given before a withdrawal"):
        clinic.enter("p3")
    with pytest.raises(errors.InputError, match="withdrawn before"):
        clinic.enter("p1")
    alone = clinic.desk.owner.desk.view().registers[1].withdrawn.values()
    assert clinic.enter("p4", signed_now=max(each.at.time for each in alone) + 1) == 5
    clinic.enter("p0")
    clinic.post()
    assert clinic.live() == {"p0", "p4"}


def test_a_withdrawal_on_the_ledger_comes_into_the_register(clinic: Clinic) -> None:
    """With the next posting the register knows: all that the person had given is over, and no older paper counts."""
    clinic.enter("p1", scan=b"\x07" * 32)
    clinic.post()
    clinic.withdraw_alone("p1", 1)
    clinic.enter("p1", scan=b"\x08" * 32)
    assert clinic.live() == {"p0", "p2"}
    clinic.post()
    with clinic.opened() as counter:
        assert counter.register.withdrawn(1) == {1, 3, 4}
    with pytest.raises(errors.InputError, match="given before a withdrawal"):
        clinic.enter("p1", scan=b"\x09" * 32)
    clinic.post()
    assert clinic.live() == {"p0", "p2"}


def test_a_code_takes_back_all_that_the_person_gave(clinic: Clinic) -> None:
    """By code, number or page, everything of the person for the dataset is over; whoever wants less says so."""
    for person in ("p0", "p1", "p2"):
        clinic.enter(person, scan=b"\x07" * 32)
    clinic.post()
    change = consents.Change(consents.Status.WITHDRAWN, NOW, "holder", None)
    with clinic.opened() as counter:
        found = stewarding.find(counter, stewarding.Wanted(code=clinic.codes["p0"]))
        done = stewarding.withdraw(counter, found, change)
        assert (done.places, done.left) == (((1, 0), (1, 3)), ())
        found = stewarding.find(counter, stewarding.Wanted(number="1-1"))
        done = stewarding.withdraw(counter, found, change, only_these=True)
        assert (done.places, done.left) == (((1, 1),), ((1, 4),))
    assert clinic.live() == {"p1", "p2"}
    visitor, session = clinic.desk.open_page()
    form = {"token": session.form_token, "confirmed": "on"}
    assert "are withdrawn with it" in visitor.get("/consents/1/2").text
    assert visitor.post("/consents/1/2/withdraw", form | {"only": "on"}).status == 303
    assert clinic.live() == {"p1", "p2"}
    assert visitor.post("/consents/1/5/withdraw", form).status == 303
    assert clinic.live() == {"p1"}
