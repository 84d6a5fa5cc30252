"""The register: what is entered stays, what is withdrawn is over, nothing about a person can be read without its key."""

import dataclasses
import pathlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import consents, errors, ids, signature
from aicommons.node.consents import codes, register, sealing

if TYPE_CHECKING:
    from tests.node.consents.conftest import Office

DATASET, GIVEN_AT, EXPIRY = 3, 1_790_000_000, 1_900_000_000
GONE = consents.Change(consents.Status.WITHDRAWN, GIVEN_AT + 5, "holder", b"\x09" * 32)


class Signer:
    """A key in memory."""

    def __init__(self, number: int) -> None:
        self._secret = number.to_bytes(32, "big")
        self.address = signature.address_of(self._secret)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return 65 bytes over ``digest``."""
        return signature.sign(self._secret, digest)


def test_what_was_entered_comes_back(office: "Office") -> None:
    """A consent is read back whole, numbered from 0 in the order of entry, with a salt of its own."""
    made = office.register.enter([office.consent("p1"), office.child("p2", GIVEN_AT + 1000)])
    assert [entered.number for entered, _ in made] == [0, 1]
    for entered, _ in made:
        assert office.register.get(DATASET, entered.number) == entered
    assert made[0][0].salt != made[1][0].salt
    assert office.register.of_person(DATASET, office.register.tag(DATASET, "p2")) == (1,)
    assert office.register.of_person(DATASET, office.register.tag(DATASET, "p3")) == ()
    assert office.register.tag(DATASET, " p2 ") == office.register.tag(DATASET, "p2")
    assert office.register.tag(DATASET + 1, "p2") != office.register.tag(DATASET, "p2")


def test_the_column_changes_until_somebody_is_entered(office: "Office") -> None:
    """A mistyped column is corrected while the register is empty; afterwards the refusal names the way out."""
    office.register.open(DATASET, "patient_idd")
    office.register.open(DATASET, "patient")
    office.register.open(DATASET, "patient_idd")
    office.register.open(DATASET, "patient_id")
    assert office.register.column(DATASET) == "patient_id"
    assert office.register.datasets() == {DATASET: "patient_id"}
    office.enter("p1")
    office.register.open(DATASET, "patient_id")
    with pytest.raises(errors.InputError, match="1 consents were entered by another column") as caught:
        office.register.open(DATASET, "patient_idd")
    assert f"--version-of {DATASET}" in (caught.value.next_step or "")
    assert office.register.column(DATASET) == "patient_id"


def test_a_withdrawal_is_appended(office: "Office") -> None:
    """A withdrawal stands in the history beside what it ends, and cannot be made twice."""
    office.enter("p1", "p2")
    after = office.register.change(DATASET, 0, GONE)
    assert [change.status for change in after.record.history] == [consents.Status.GIVEN, consents.Status.WITHDRAWN]
    assert after.record.history[1] == GONE
    assert office.register.withdrawn(DATASET) == {0}
    assert office.register.withdrawn(DATASET, GIVEN_AT + 4) == frozenset()
    with pytest.raises(errors.InputError, match="over already"):
        office.register.change(DATASET, 0, GONE)


def test_a_withdrawn_paper_is_not_entered_again(office: "Office") -> None:
    """The same paper for the same person is refused, and after a withdrawal a new one is asked for."""
    office.enter("p1")
    with pytest.raises(errors.InputError, match="entered before"):
        office.enter("p1")
    office.withdraw("p1")
    with pytest.raises(errors.InputError, match="withdrawn before") as caught:
        office.enter("p1")
    assert caught.value.next_step == "ask the person to sign a new paper"
    office.register.enter([signed_later(office, "p1")])
    assert office.register.withdrawn(DATASET) == {0}


def signed_later(office: "Office", person: str, at: int = GIVEN_AT + 101, **changed: object) -> consents.ConsentRecord:
    """Return a consent on another paper, signed at a time."""
    given = (consents.Change(consents.Status.GIVEN, at, "steward Amina", None),)
    return office.consent(person, **{"evidence": b"\x07" * 32, "history": given, **changed})


REPLAYED: dict[str, tuple[int, dict[str, object], bool]] = {
    "the same paper, scanned again": (GIVEN_AT, {}, False),
    "an export of another system": (GIVEN_AT, {"steward": None, "given": consents.Given.BY_VOTE}, False),
    "a message signed before": (GIVEN_AT + 99, {"holder": "0x" + "ab" * 20, "given": consents.Given.BY_KEY}, False),
    "signed in that very second": (GIVEN_AT + 100, {}, False),
    "signed afterwards": (GIVEN_AT + 101, {}, True),
}


@pytest.mark.parametrize(("at", "said", "counts"), REPLAYED.values(), ids=REPLAYED.keys())
def test_only_a_consent_given_after_the_withdrawal_counts(
    office: "Office", at: int, said: dict[str, object], counts: bool
) -> None:
    """What was given before the person's newest withdrawal is refused, whatever its digest and however it was given."""
    office.enter("p1", "p2")
    office.withdraw("p1")
    made = signed_later(office, "p1", at, **said)
    if counts:
        office.register.enter([made])
        return
    with pytest.raises(errors.InputError, match="given before a withdrawal") as caught:
        office.register.enter([made])
    assert "--given" in str(caught.value.next_step)
    office.register.enter([signed_later(office, "p2", at)])
    assert office.register.of_person(DATASET, office.register.tag(DATASET, "p1")) == (0,)


def test_one_guardianship_serves_one_child(office: "Office") -> None:
    """A second child cannot be entered on an attestation that another's consent rests on; the same child can, again."""
    attested = {"account": "0x" + "cd" * 20, "guardianship": b"\x05" * 32}
    one, other = (office.child(each, GIVEN_AT + 1000, **attested) for each in ("p1", "p2"))
    with pytest.raises(errors.InputError, match="another child's"):
        office.register.enter([one, other])
    office.register.enter([one])
    with pytest.raises(errors.InputError, match="another child's"):
        office.register.enter([other])
    office.register.enter([dataclasses.replace(one, evidence=b"\x07" * 32)])
    assert office.register.count(DATASET) == 2


def test_a_restored_register_waits_for_the_papers(office: "Office") -> None:
    """After a restore nothing counts until its paper is entered again; it keeps its number, and both codes find it."""
    made = office.enter("p1", "p2", "p3")
    office.withdraw("p3")
    assert office.register.restore(DATASET, 3, at=GIVEN_AT + 500, after=0) == 2
    assert office.register.withdrawn(DATASET) == {0, 1, 2}
    assert office.register.unconfirmed(DATASET) == [0, 1]
    ((again, code),) = office.register.enter([office.consent("p1")], now=GIVEN_AT + 600)
    assert (again.number, again.record.status) == (0, consents.Status.RENEWED)
    assert [each.at for each in again.record.history] == [GIVEN_AT, GIVEN_AT + 500, GIVEN_AT + 600]
    assert office.register.of_code(code) == office.register.of_code(made["p1"]) == (DATASET, 0)
    assert office.register.withdrawn(DATASET) == {1, 2}
    with pytest.raises(errors.InputError, match="entered before"):
        office.enter("p1")
    with pytest.raises(errors.InputError, match="withdrawn before"):
        office.enter("p3")
    with pytest.raises(errors.InputError, match="something else"):
        office.register.enter([office.consent("p2", commercial=True)])
    gone = office.consent("p2", history=(*office.consent("p2").history, GONE))
    with pytest.raises(errors.InputError, match="confirms nothing"):
        office.register.enter([gone])
    office.withdraw("p2", GIVEN_AT + 700)
    with pytest.raises(errors.InputError, match="withdrawn before"):
        office.enter("p2")


def test_the_numbers_of_lost_consents_are_nobody_elses(office: "Office") -> None:
    """What only the ledger knows keeps its number; whoever is entered next gets another, and an older paper is refused."""
    office.enter("p1")
    office.register.restore(DATASET, 3, at=GIVEN_AT + 500, after=GIVEN_AT + 50)
    assert office.register.count(DATASET) == len(list(office.register.leaves(DATASET))) == 3
    assert [each.number for each in office.register.entries(DATASET)] == [0]
    assert office.register.unconfirmed(DATASET) == [0]
    with pytest.raises(errors.InputError, match="was lost"):
        office.register.get(DATASET, 2)
    with pytest.raises(errors.InputError, match="given before a withdrawal"):
        office.enter("p2")
    ((entered, _),) = office.register.enter([signed_later(office, "p2")])
    assert entered.number == 3
    assert office.enter("p1"), "this one is known not to be among those that were lost"


def test_all_or_none_are_entered(office: "Office") -> None:
    """One bad consent among many leaves the register as it was."""
    bad = office.consent("p2", purposes=())
    with pytest.raises(errors.DecodeError):
        office.register.enter([office.consent("p1"), bad])
    assert office.register.count(DATASET) == 0


def test_codes_find_their_consent(office: "Office") -> None:
    """A receipt's code finds its consent, however it is typed; a second one for a lost receipt does too."""
    made = office.enter("p1", "p2")
    assert office.register.of_code(made["p2"].lower().replace("-", " ")) == (DATASET, 1)
    assert office.register.of_code(office.register.new_code(DATASET, 1)) == (DATASET, 1)
    stranger = codes.code_of(bytes(16))
    with pytest.raises(errors.InputError, match="no consent here") as caught:
        office.register.of_code(stranger)
    assert stranger not in str(caught.value)


@pytest.mark.parametrize("typed", ["", "abc", "0000-" * 7, "U" * 28, "0" * 29])
def test_mistyped_codes_are_refused(office: "Office", typed: str) -> None:
    """A code with a wrong letter is refused by its checksum, without being shown."""
    with pytest.raises(errors.InputError, match="not a withdrawal code"):
        office.register.of_code(typed)


def test_the_codes_key_is_the_holder_of_who_has_none(office: "Office") -> None:
    """Who has no key of its own can withdraw on the ledger with the receipt's code: its key is the leaf's holder."""
    made = office.enter("p1")
    leaf = office.register.leaf(DATASET, 0)
    assert leaf.holder == codes.address_of(made["p1"])
    assert (leaf.guardian, leaf.majority, leaf.expiry) == (ids.NOBODY, 0, EXPIRY)
    own = "0x" + "ab" * 20
    office.register.enter([office.consent("p2", holder=own)])
    assert office.register.leaf(DATASET, 1).holder.hex() == "ab" * 20


def test_leaves_of_children(office: "Office") -> None:
    """An attested guardian stands in the leaf; one whose proof only the steward saw ends it at majority."""
    majority = GIVEN_AT + 1000
    attested = {"account": "0x" + "cd" * 20, "guardianship": b"\x05" * 32}
    made = office.register.enter([office.child("p1", majority), office.child("p2", majority, **attested)])
    seen, on_ledger = office.register.leaves(DATASET)
    assert seen == office.register.leaf(DATASET, 0)
    assert (seen.holder, seen.guardian) == (codes.address_of(made[0][1]), ids.NOBODY)
    assert seen.is_current(majority - 1, is_guarded=False)
    assert not seen.is_current(majority, is_guarded=True)
    assert (on_ledger.guardian.hex(), on_ledger.guardianship) == ("cd" * 20, b"\x05" * 32)
    assert on_ledger.is_current(majority - 1, is_guarded=True)
    assert not on_ledger.is_current(majority - 1, is_guarded=False)
    assert not on_ledger.is_current(majority, is_guarded=True)
    assert seen.commitment == made[0][0].commitment


def test_nothing_is_readable_without_the_key(office: "Office") -> None:
    """No word of a consent, and no person's key, stands in the files."""
    office.register.enter([office.child("patient-4711", GIVEN_AT + 1000)])
    office.withdraw("patient-4711")
    files = [path for path in (office.folder / "consents").iterdir() if path.is_file()]
    raw = b"".join(path.read_bytes() for path in files)
    for word in (b"patient-4711", b"A mother", b"Amina", b"DUO:0000007", b"A clinic"):
        assert word not in raw
    assert {path.stat().st_mode & 0o77 for path in files} == {0}
    assert "Key(…)" in repr(office.key)


def test_either_key_of_the_home_opens_it(office: "Office") -> None:
    """Wallet and node key open the register, a stranger's does not, and a new node key is let in."""
    file = sealing.KeyFile(office.folder / "consents" / "key.json")
    office.enter("p1")
    for number in (1, 2):
        again = register.Register(office.folder / "consents" / "register.db", file.open(Signer(number)))
        assert again.get(DATASET, 0).record.steward == "Amina"
        again.close()
    with pytest.raises(errors.KeyRefused, match="not sealed for this key"):
        file.open(Signer(3))
    file.admit(file.open(Signer(1)), Signer(3))
    assert file.open(Signer(3)).derive(b"x") == office.key.derive(b"x")
    with pytest.raises(errors.InputError, match="already"):
        file.create(Signer(1))


def test_another_key_opens_nothing(office: "Office") -> None:
    """A register with the wrong key says so instead of giving out anything."""
    office.enter("p1")
    other = register.Register(office.folder / "consents" / "register.db", sealing.Key(bytes(32)))
    with pytest.raises(errors.KeyRefused, match="does not open"):
        other.get(DATASET, 0)
    other.close()


@pytest.mark.parametrize("table", ["terms", "entry", "change", "code"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET rowid = 99", "DELETE FROM {}"])
def test_rows_are_only_added(office: "Office", tmp_path: pathlib.Path, table: str, verb: str) -> None:
    """The file itself refuses that anything in it is changed or taken away."""
    office.enter("p1")
    with (
        sqlite3.connect(tmp_path / "consents" / "register.db") as beside,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        beside.execute(verb.format(table))


def test_a_damaged_file_is_named(tmp_path: pathlib.Path) -> None:
    """A file that is no register is named with what to do."""
    file = tmp_path / "register.db"
    file.write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(errors.InputError, match="cannot be opened"):
        register.Register(file, sealing.Key(bytes(32)))
