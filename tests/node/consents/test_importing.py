"""Thousands of papers from a table: all or none, and what is wrong is told by column, line and count, never by value."""

import dataclasses
import hashlib
import pathlib
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import consents, errors
from aicommons.node.consents import entering, importing

if TYPE_CHECKING:
    from tests.node.consents.conftest import Office

NOW = 1_790_000_000
COMMON = entering.Common(3, ("DUO:0000007",), NOW + 10**8, "Amina", "A clinic", NOW)
DIGEST = "ab" * 32
HEAD = "person,given,evidence,born,guardian,relation,guardian_evidence,expires,max_uses,language,holder"


def table(folder: pathlib.Path, *rows: str, head: str = HEAD) -> pathlib.Path:
    """Write a table of papers."""
    file = folder / "papers.csv"
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return file


def draw(count: int) -> bytes:
    """Return bytes."""
    return bytes(range(count))


ADULT = f"p1,2026-01-05,{DIGEST},,,,,,,,"
BAD = {
    "a date that is none": (f"secret-1,05.01.2026,{DIGEST},,,,,,,,", "column given: not a date"),
    "no date": (f"secret-1,,{DIGEST},,,,,,,,", "column given: not a date"),
    "signed tomorrow": (f"secret-1,2126-01-05,{DIGEST},,,,,,,,", "column given: a day in the future"),
    "no digest": ("secret-1,2026-01-05,secret-2,,,,,,,,", "column evidence: not a digest"),
    "nobody": (f",2026-01-05,{DIGEST},,,,,,,,", "column person: nobody is named"),
    "a child without a guardian": (
        f"secret-1,2026-01-05,{DIGEST},2015-02-03,,,,,,,",
        "column guardian: a child without",
    ),
    "a guardian without proof": (
        f"secret-1,2026-01-05,{DIGEST},2015-02-03,secret-2,mother,,,,,",
        "column guardian_evidence: a guardian without proof",
    ),
    "a guardian of an adult": (
        f"secret-1,2026-01-05,{DIGEST},1980-02-03,secret-2,mother,{DIGEST},,,,",
        "column guardian: a guardian for somebody of age",
    ),
    "a guardian of nobody's age": (
        f"secret-1,2026-01-05,{DIGEST},,secret-2,mother,{DIGEST},,,,",
        "column born: a guardian without the child's date of birth",
    ),
    "a birthday that is none": (
        f"secret-1,2026-01-05,{DIGEST},2015-02-30,secret-2,mother,{DIGEST},,,,",
        "column born: not a date",
    ),
    "over already": (
        f"secret-1,2026-01-05,{DIGEST},,,,,2026-02-01,,,",
        "column expires: a consent that is over already",
    ),
    "no use": (f"secret-1,2026-01-05,{DIGEST},,,,,,0,,", "column max_uses: not a count"),
    "an unknown language": (f"secret-1,2026-01-05,{DIGEST},,,,,,,secret-2,", "column language: not a language"),
    "an address that is none": (f"secret-1,2026-01-05,{DIGEST},,,,,,,,0xsecret-2", "column holder: not an address"),
}


@pytest.mark.parametrize(("row", "said"), BAD.values(), ids=BAD.keys())
def test_bad_rows_are_named(office: "Office", tmp_path: pathlib.Path, row: str, said: str) -> None:
    """What is wrong is told by column, first line and count, and never shows a value; nothing is entered."""
    file = table(tmp_path, ADULT, row, row.replace("secret-1", "secret-3"))
    with pytest.raises(errors.TableError) as caught:
        importing.read(file, COMMON, office.register, draw)
    assert said in str(caught.value)
    assert "first in line 3" in str(caught.value)
    if "secret-1" in row:
        assert "in 2 rows" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.next_step is not None
    assert office.register.count(3) == 0


@pytest.mark.parametrize("purpose", ["DUO:7777777", "research", "aic:SocialScoring"])
def test_unknown_and_banned_purposes_are_refused(office: "Office", tmp_path: pathlib.Path, purpose: str) -> None:
    """A purpose that no vocabulary has, or that nothing may be used for, is refused when it is entered."""
    common = dataclasses.replace(COMMON, purposes=(purpose,))
    with pytest.raises(errors.TableError, match=r"purpose"):
        importing.read(table(tmp_path, ADULT), common, office.register, draw)


def test_good_papers_become_records(office: "Office", tmp_path: pathlib.Path) -> None:
    """Adults and children, each with its own expiry, uses and language where the row says so."""
    child = f"p2,2026-01-05,{DIGEST},2015-02-03,A mother,mother,{'cd' * 32},2027-01-01,2,sw,"
    made = importing.read(table(tmp_path, ADULT, child, ""), COMMON, office.register, draw)
    assert [record.subject for record in made] == [consents.Subject.ADULT, consents.Subject.CHILD]
    assert made[0].expiry == COMMON.expiry
    assert (made[1].max_uses, made[1].language, made[1].majority) == (2, "sw", 1_991_001_600)
    assert made[1].tag == office.register.tag(3, "p2")
    assert [entered.number for entered, _ in office.register.enter(made)] == [0, 1]


def test_scans_are_digested(office: "Office", tmp_path: pathlib.Path) -> None:
    """With a folder of scans the table names files, and nothing outside the folder is read."""
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "one.pdf").write_bytes(b"a signed paper")
    file = table(tmp_path, "p1,2026-01-05,one.pdf,,,,,,,,")
    (record,) = importing.read(file, COMMON, office.register, draw, scans=scans)
    assert record.evidence == hashlib.sha256(b"a signed paper").digest()
    (tmp_path / "papers.csv").write_text(HEAD + "\np1,2026-01-05,../papers.csv,,,,,,,,\n")
    with pytest.raises(errors.TableError, match="no such scan"):
        importing.read(file, COMMON, office.register, draw, scans=scans)


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("person,given", "p1,2026-01-05", "without evidence"),
        ("person,given,evidence,name", f"p1,2026-01-05,{DIGEST},x", "1 other columns"),
        ("person,given,evidence,given", f"p1,2026-01-05,{DIGEST},x", "two columns have the same name"),
        (HEAD, "p1,2026-01-05", "another number of fields"),
        (HEAD, f"{ADULT}\n{ADULT}", "the same person twice"),
        (HEAD, '"p1', "quoted field is not closed"),
    ],
    ids=["a column is missing", "an unknown column", "a column twice", "a short row", "a person twice", "open quotes"],
)
def test_bad_tables_are_named(office: "Office", tmp_path: pathlib.Path, head: str, row: str, said: str) -> None:
    """A table of another shape is refused as a whole, with what is wrong with it."""
    with pytest.raises(errors.TableError) as caught:
        importing.read(table(tmp_path, row, head=head), COMMON, office.register, draw)
    assert said in str(caught.value)


ENCODINGS = {"utf-8": 0, "utf-8-sig": 0, "utf-16": 0, "cp1252": 1, "latin-1": 1}
"""Encoding -> how often its owner is told that it was found out."""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_is_read_in_its_encoding(office: "Office", tmp_path: pathlib.Path, encoding: str) -> None:
    """As the owner's own tables are read, so that the same name is the same person; what was guessed is told."""
    file = tmp_path / "papers.csv"
    row = "Ren\xe9 \x81" if encoding == "latin-1" else "Ren\xe9"
    file.write_bytes((HEAD.replace(",", ";") + f"\n{row};2026-01-05;{DIGEST};;;;;;;;\n").encode(encoding))
    (record,) = importing.read(file, COMMON, office.register, draw)
    assert record.tag == office.register.tag(3, row)
    told = [each for each in importing.notices(file) if "not UTF-8" in each]
    assert len(told) == ENCODINGS[encoding]


def test_an_encoding_that_nobody_can_tell_is_named(office: "Office", tmp_path: pathlib.Path) -> None:
    """UTF-16 without its mark is refused with the way out."""
    file = tmp_path / "papers.csv"
    file.write_bytes((HEAD + f"\np1,2026-01-05,{DIGEST},,,,,,,,\n").encode("utf-16-le"))
    with pytest.raises(errors.TableError, match="encoding is not known") as caught:
        importing.read(file, COMMON, office.register, draw)
    assert caught.value.next_step == "Export the table as CSV (UTF-8)."


TIMES = {
    "a day": ("2026-09-21", 1_789_948_800),
    "its minute": ("2026-09-21T12:30", 1_789_993_800),
}


@pytest.mark.parametrize(("given", "at"), TIMES.values(), ids=TIMES.keys())
def test_a_paper_of_the_day_of_a_withdrawal_needs_its_time(
    office: "Office", tmp_path: pathlib.Path, given: str, at: int
) -> None:
    """A day counts from its first minute; with its time a paper that was signed after the withdrawal is taken."""
    office.register.enter([office.consent("p1", history=(consents.Change(consents.Status.GIVEN, 1, "vote", None),))])
    office.withdraw("p1", 1_789_990_000)
    (record,) = importing.read(table(tmp_path, f"p1,{given},{DIGEST},,,,,,,,"), COMMON, office.register, draw)
    assert record.history[0].at == at
    if "T" in given:
        office.register.enter([record])
        return
    with pytest.raises(errors.InputError, match="given before a withdrawal"):
        office.register.enter([record])


@pytest.mark.parametrize("cells", ["Zuri,", f",{DIGEST}", "Zuri,secret-2"], ids=["no salt", "no words", "not a salt"])
def test_a_ward_is_shown_by_words_and_salt(office: "Office", tmp_path: pathlib.Path, cells: str) -> None:
    """Both together make the attestation's commitment, which the record keeps; one alone is refused by its column."""
    head = "person,given,evidence,born,guardian,guardian_evidence,guardianship,ward,ward_salt"
    row = f"p1,2026-01-05,{DIGEST},2015-02-03,A mother,{DIGEST},{DIGEST}"
    (record,) = importing.read(table(tmp_path, f"{row},Zuri,{DIGEST}", head=head), COMMON, office.register, draw)
    assert record.guardian is not None
    assert record.guardian.ward == consents.ward_commitment(bytes.fromhex(DIGEST), "Zuri")
    with pytest.raises(errors.TableError, match="column ward") as caught:
        importing.read(table(tmp_path, f"{row},{cells}", head=head), COMMON, office.register, draw)
    assert "secret" not in str(caught.value)
