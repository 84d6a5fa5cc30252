"""Who may be trained on: the register against a table, a run and the ledger; who is held back; what is noted."""

import dataclasses
import pathlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aicommons.data import reading
from aicommons.domain import consents, encoding, errors, ids, schema
from aicommons.node.consents import notes, people, register, standing
from aicommons.protocol import coverage

if TYPE_CHECKING:
    from tests.node.consents.conftest import Office

DATASET, GIVEN_AT, EXPIRY = 3, 1_790_000_000, 1_900_000_000
PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
USE = coverage.Use(
    frozenset({"DUO:0000007"}), False, bytes([5]) * 32, 4, frozenset({"age", "ill"}), bytes([6]) * 32
)  # fmt: skip
COLUMNS = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
)
EVERYBODY = tuple(f"p{number:02}" for number in range(12))


@dataclasses.dataclass
class Clinic:
    """A steward's desk with a table of people, some of whom have two rows."""

    office: "Office"
    table: pathlib.Path
    reads: list[int] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        rows = [f"{person},{20 + at},{'yes' if at % 2 else 'no'}" for at, person in enumerate(EVERYBODY)]
        rows += [f"{EVERYBODY[0]},50,no", f"{EVERYBODY[1]},,yes", "stranger,60,yes", ",61,no"]
        self.table.write_text("\n".join(["person,age,ill", *rows]) + "\n")

    def post(self) -> None:
        """Put the register's state on the ledger."""
        leaves, status = self.office.register.draft_posting(PLACE, DATASET)
        self.posting = register.Posting(leaves.root, leaves.size, status.root)

    def asked(self, *, least: int = 3, now: int = GIVEN_AT + 50, **said: object) -> people.Asked:
        """Return whose rows a run asks for."""
        shown = standing.Standing(self.posting, 7, now, **said)
        return people.Asked(DATASET, least, USE, shown)

    def choose(self, asked: people.Asked) -> people.Chosen:
        """Choose, and read the table."""

        def read(persons: people.Persons) -> people.Kept:
            checks = reading.Checks(min_rows=0)
            self.found = reading.read_table(self.table, COLUMNS, checks=checks, persons=persons)
            self.reads.append(self.found.rows)
            return self.found.persons

        return people.People(self.office.folder / "consents", self.office.key, draw).choose(asked, read)

    def contribute(self, asked: people.Asked, round_index: int = 0) -> people.Chosen:
        """Choose, and note it as a contribution."""
        chosen = self.choose(asked)
        place = people.Place(round_index, 0, bytes([round_index]) * 32, 1)
        note = chosen.note(place, rows=self.found.rows, vector=memoryview(b"x"), salt=draw(32))
        people.People(self.office.folder / "consents", self.office.key, draw).keep(notes.decode(notes.encode(note)))
        return chosen

    def tags(self, *persons: str) -> frozenset[bytes]:
        """Return the tags of some people."""
        return frozenset(self.office.register.tag(DATASET, person) for person in persons)


def draw(count: int) -> bytes:
    """Return bytes that are the same in every run of the tests."""
    return np.random.default_rng(count).bytes(count)


@pytest.fixture
def clinic(office: "Office", tmp_path: pathlib.Path) -> Clinic:
    """Twelve people, all of whom have consented and are on the ledger."""
    made = Clinic(office, tmp_path / "table.csv")
    office.register.open(DATASET, "person")
    office.enter(*EVERYBODY)
    made.post()
    return made


def test_only_rows_with_consent_are_read(clinic: Clinic) -> None:
    """Rows of strangers and rows without a person are left out; a person's rows all go in, incomplete ones do not."""
    chosen = clinic.choose(clinic.asked())
    assert chosen.people == clinic.tags(*EVERYBODY)
    assert clinic.found.persons == EVERYBODY
    assert clinic.found.rows == 13
    assert 60 not in clinic.found.features
    assert 61 not in clinic.found.features
    assert chosen.held_back == 0


def test_rows_of_others_are_not_looked_at(clinic: Clinic) -> None:
    """What stands in the rows of somebody without consent does not even have to be readable."""
    clinic.table.write_text(clinic.table.read_text() + "stranger,not a number,maybe\n")
    assert clinic.choose(clinic.asked()).people == clinic.tags(*EVERYBODY)


def test_a_withdrawn_persons_rows_are_gone(clinic: Clinic) -> None:
    """After a withdrawal the next contribution has none of the person's rows, and too few others changed to tell whose."""
    before = clinic.contribute(clinic.asked())
    clinic.office.withdraw("p00")
    after = clinic.contribute(clinic.asked(), 1)
    assert not clinic.tags("p00") & after.people
    assert "p00" not in clinic.found.persons
    assert after.people < before.people
    assert len(before.people - after.people) == 3
    assert after.held_back == 2
    assert clinic.choose(clinic.asked()).people == after.people, "the next round brings the same people"


def test_a_withdrawal_on_the_ledger_counts_at_once(clinic: Clinic) -> None:
    """Who withdrew on the ledger, without the steward, is out although the register does not know of it."""
    chosen = clinic.choose(clinic.asked(withdrawn={4: GIVEN_AT + 10}))
    assert chosen.people == clinic.tags(*EVERYBODY) - clinic.tags("p04")


def test_a_withdrawal_on_the_ledger_takes_back_all_that_was_given_before(clinic: Clinic) -> None:
    """Who has two consents and takes one back on the ledger is out; one that was given afterwards counts."""
    later = (consents.Change(consents.Status.GIVEN, GIVEN_AT + 20, "steward Amina", None),)
    office = clinic.office
    office.register.enter([office.consent(each, evidence=b"\x07" * 32) for each in ("p04", "p05")])
    office.register.enter([office.consent("p05", evidence=b"\x08" * 32, history=later)])
    clinic.post()
    chosen = clinic.choose(clinic.asked(withdrawn={4: GIVEN_AT + 10, 5: GIVEN_AT + 10}))
    assert chosen.people == clinic.tags(*EVERYBODY) - clinic.tags("p04")


def test_what_is_not_posted_is_not_used(clinic: Clinic) -> None:
    """A consent that was entered after the last posting waits for the next one."""
    clinic.office.enter("stranger")
    assert not clinic.tags("stranger") & clinic.choose(clinic.asked()).people
    clinic.post()
    assert clinic.tags("stranger") <= clinic.choose(clinic.asked()).people


def test_expired_consents_and_grown_wards_are_left_out(clinic: Clinic) -> None:
    """At expiry nobody is left; a ward is left out from the second of majority on, and can be asked."""
    majority = GIVEN_AT + 1000
    clinic.office.register.enter([clinic.office.child("stranger", majority)])
    clinic.post()
    assert clinic.tags("stranger") <= clinic.choose(clinic.asked(now=majority - 1)).people
    asked = clinic.asked(now=majority)
    assert not clinic.tags("stranger") & clinic.choose(asked).people
    said = people.decided(clinic.office.register, asked, {})
    assert said[clinic.office.register.tag(DATASET, "stranger")] is coverage.Refusal.OF_AGE
    with pytest.raises(errors.ContributionRefused, match="too few people"):
        clinic.choose(clinic.asked(now=EXPIRY))


def test_a_grown_ward_is_in_again_once_she_consents_herself(clinic: Clinic) -> None:
    """From majority on the guardian's word counts for nothing; the person's own, entered and posted, does."""
    majority = GIVEN_AT + 40
    clinic.office.register.enter([clinic.office.child("stranger", majority)])
    clinic.post()
    assert not clinic.tags("stranger") & clinic.choose(clinic.asked()).people
    assert clinic.office.register.of_age(DATASET, GIVEN_AT + 50) == [len(EVERYBODY)]
    clinic.office.register.enter([clinic.office.consent("stranger", evidence=b"\x07" * 32)])
    assert clinic.office.register.of_age(DATASET, GIVEN_AT + 50) == []
    assert not clinic.tags("stranger") & clinic.choose(clinic.asked()).people
    clinic.post()
    assert clinic.tags("stranger") <= clinic.choose(clinic.asked()).people


def test_a_guardianship_has_to_be_live(clinic: Clinic) -> None:
    """A child whose guardian an organisation vouched for is in while it vouches."""
    account = "0x" + "cd" * 20
    wardship = (b"\x05" * 32, bytes.fromhex("cd" * 20))
    clinic.office.register.enter(
        [clinic.office.child("stranger", GIVEN_AT + 1000, account=account, guardianship=wardship[0])]
    )
    clinic.post()
    assert not clinic.tags("stranger") & clinic.choose(clinic.asked()).people
    assert clinic.tags("stranger") <= clinic.choose(clinic.asked(guarded=frozenset({wardship}))).people


def test_uses_are_counted_by_runs(clinic: Clinic) -> None:
    """A consent for one run covers all rounds of it and no other run."""
    clinic.office.register.enter([clinic.office.consent("stranger", max_uses=1)])
    clinic.post()
    assert clinic.tags("stranger") <= clinic.contribute(clinic.asked()).people
    assert clinic.tags("stranger") <= clinic.contribute(clinic.asked(), 1).people
    other = dataclasses.replace(clinic.asked(), use=dataclasses.replace(USE, run=bytes(32)))
    assert not clinic.tags("stranger") & clinic.choose(other).people


def test_too_few_people_contribute_nothing(clinic: Clinic) -> None:
    """Below the minimum cohort of people the site sends nothing."""
    with pytest.raises(errors.ContributionRefused, match="too few people"):
        clinic.choose(clinic.asked(least=13))


def test_an_old_backup_is_not_believed(clinic: Clinic) -> None:
    """A register other than the one on the ledger may lack withdrawals, so nothing is read under it."""
    shown = register.Posting(bytes([1]) * 32, 13, bytes([2]) * 32)
    clinic.posting = shown
    with pytest.raises(errors.JournalConflict, match="does not have"):
        clinic.choose(clinic.asked())
    assert clinic.reads == []


def test_the_same_people_are_read_once_per_round(clinic: Clinic) -> None:
    """While no consent changes, later rounds ask for the people of the first one and nobody is drawn anew."""
    clinic.contribute(clinic.asked())
    clinic.office.withdraw("p00")
    first = clinic.contribute(clinic.asked(), 1)
    clinic.reads.clear()
    assert clinic.contribute(clinic.asked(), 2).people == first.people
    assert len(clinic.reads) == 1


def test_the_note_says_what_the_header_commits_to(clinic: Clinic) -> None:
    """The note holds the register's state, counts and salted digests; its people are found again by its digest."""
    chosen = clinic.contribute(clinic.asked())
    with people.People(clinic.office.folder / "consents", clinic.office.key, draw).opened() as (_, noted):
        (note,) = noted.of_run(USE.run)
        assert noted.get(note.record.digest) == note
    record = note.record
    assert consents.RowsRecord.decode(record.encode()) == record
    assert (record.persons, record.rows, record.held_back) == (12, 13, 0)
    assert (record.root, record.status) == (clinic.posting.root, clinic.posting.status)
    assert record.people == people.people_root(chosen.people, record.salt)
    assert record.people != people.people_root(chosen.people, bytes(32))
    assert record.vector == consents.vector_digest(record.salt, memoryview(b"x"))
    assert note.people == chosen.people


def test_persons_show_nobody(clinic: Clinic) -> None:
    """The text of what was chosen, as a log would print it, holds no tag and no secret."""
    chosen = clinic.choose(clinic.asked())
    persons = people.Persons("person", b"secret", chosen.people)
    assert "secret" not in repr(persons)
    assert all(repr(tag) not in repr(chosen) + repr(persons) for tag in chosen.people)
    assert persons.digest != people.Persons("person", b"secret", chosen.people - clinic.tags("p00")).digest
