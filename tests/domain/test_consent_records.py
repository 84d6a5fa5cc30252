"""Consent records: what holds together, what is refused, and what a commitment stands for."""

import dataclasses
import hashlib

import pytest

from aicommons.domain import consents, errors

GIVEN = consents.Change(consents.Status.GIVEN, 1_700_000_000, "steward Amina", None)
ADULT = consents.ConsentRecord(
    record=bytes([1]) * 32,
    tag=bytes([2]) * 32,
    subject=consents.Subject.ADULT,
    majority=None,
    holder=None,
    guardian=None,
    purposes=("DUO:0000007",),
    commercial=False,
    scope=consents.Scope(3, (), None, None),
    basis=consents.Basis.EXPLICIT,
    expiry=1_800_000_000,
    max_uses=None,
    given=consents.Given.ON_PAPER,
    evidence=bytes([3]) * 32,
    steward="Amina",
    controller="A clinic",
    notice=None,
    language="sw",
    withdrawal="with the code on the receipt",
    history=(GIVEN,),
)
MOTHER = consents.Guardian("A mother", "mother", bytes([4]) * 32, None, None)
CHILD = dataclasses.replace(ADULT, subject=consents.Subject.CHILD, majority=1_750_000_000, guardian=MOTHER)

BAD = {
    "a child without a guardian": (dataclasses.replace(CHILD, guardian=None), "guardian"),
    "a guardian without proof": (
        dataclasses.replace(CHILD, guardian=dataclasses.replace(MOTHER, evidence=bytes(32))),
        "guardian.evidence",
    ),
    "a guardian for an adult": (dataclasses.replace(ADULT, guardian=MOTHER), "guardian"),
    "a child that never comes of age": (dataclasses.replace(CHILD, majority=None), "majority"),
    "an adult that comes of age": (dataclasses.replace(ADULT, majority=1), "majority"),
    "no purpose": (dataclasses.replace(ADULT, purposes=()), "purposes"),
    "a purpose twice": (dataclasses.replace(ADULT, purposes=("a", "a")), "purposes"),
    "no dataset": (dataclasses.replace(ADULT, scope=consents.Scope(0, (), None, None)), "scope.dataset"),
    "no use": (dataclasses.replace(ADULT, max_uses=0), "max_uses"),
    "no history": (dataclasses.replace(ADULT, history=()), "history"),
    "a history that begins with its end": (
        dataclasses.replace(ADULT, history=(dataclasses.replace(GIVEN, status=consents.Status.WITHDRAWN),)),
        "history",
    ),
    "a history that goes back in time": (
        dataclasses.replace(ADULT, history=(GIVEN, dataclasses.replace(GIVEN, at=1))),
        "history",
    ),
    "over before it began": (dataclasses.replace(ADULT, expiry=1_600_000_000), "expiry"),
    "nothing was signed": (dataclasses.replace(ADULT, evidence=bytes(32)), "evidence"),
    "a paper that nobody took": (dataclasses.replace(ADULT, steward=None), "steward"),
    "a key that is not there": (dataclasses.replace(ADULT, given=consents.Given.BY_KEY), "holder"),
}


@pytest.mark.parametrize("record", [ADULT, CHILD], ids=["adult", "child"])
def test_a_record_survives_its_encoding(record: consents.ConsentRecord) -> None:
    """What was encoded is read back unchanged."""
    assert consents.ConsentRecord.decode(record.encode()) == record


@pytest.mark.parametrize(("record", "field"), BAD.values(), ids=BAD.keys())
def test_contradicting_records_are_refused(record: consents.ConsentRecord, field: str) -> None:
    """A consent whose parts contradict each other is refused, naming the field and no value."""
    with pytest.raises(errors.DecodeError) as caught:
        consents.ConsentRecord.decode(record.encode())
    assert caught.value.which == f"consent-record.{field}"
    assert "Amina" not in str(caught.value)


def test_the_commitment_stands_for_what_was_given() -> None:
    """A later withdrawal leaves the commitment on the ledger as it is; another salt or record changes it."""
    gone = dataclasses.replace(
        ADULT, history=(GIVEN, consents.Change(consents.Status.WITHDRAWN, 1_700_000_100, "holder", None))
    )
    salt = bytes([9]) * 32
    assert gone.commitment(salt) == ADULT.commitment(salt)
    assert gone.status is consents.Status.WITHDRAWN
    assert not gone.status.is_live
    assert ADULT.commitment(bytes(32)) != ADULT.commitment(salt)
    assert CHILD.commitment(salt) != ADULT.commitment(salt)
    expected = hashlib.sha256(b"AI Commons consent record, version 1" + salt + ADULT.encode()).digest()
    assert ADULT.commitment(salt) == expected


@pytest.mark.parametrize(
    ("born", "years", "at"),
    [
        ("2008-05-01", 18, 1_777_593_600),
        ("2008-02-29", 18, 1_772_236_800),
        ("2008-02-29", 20, 1_835_395_200),
        ("1940-01-01", 18, -378_691_200),
    ],
    ids=["a usual day", "leap day in a usual year", "leap day in a leap year", "before 1970"],
)
def test_majority_follows_from_the_birth_date(born: str, years: int, at: int) -> None:
    """Somebody comes of age at midnight of the birthday; born on a leap day, a day early rather than late."""
    assert consents.coming_of_age(born, years) == at


@pytest.mark.parametrize("born", ["", "01.05.2008", "2008-13-01", "2008-02-30", "tomorrow"])
def test_what_is_no_date_is_refused(born: str) -> None:
    """A birth date that is none is refused, and not shown."""
    with pytest.raises(errors.InputError, match="not a date") as caught:
        consents.coming_of_age(born, 18)
    assert not born or born not in str(caught.value)
