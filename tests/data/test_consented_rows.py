"""Rows of persons who do not consent are left out before anything of them is looked at."""

import dataclasses
import decimal
import hashlib
import pathlib

import numpy as np
import pytest

from aicommons.data import batches, prepared, reading
from aicommons.domain import errors, schema

PLAN = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "sick", classes=("no", "yes"))
)
CONTENT = "age,sick,person\n63,yes,a\n41,no,b\n70,yes,a\n,no,c\nnot a number,maybe,d\n55,no,\n20,no, c \n"


@dataclasses.dataclass
class Asked:
    """A register that remembers whom it was asked about."""

    consented: frozenset[str]
    column: str = "person"
    asked: list[str] = dataclasses.field(default_factory=list)

    @property
    def digest(self) -> bytes:
        """Identity of the set."""
        return hashlib.sha256("\0".join(sorted(self.consented)).encode()).digest()

    def is_consented(self, key: str) -> bool:
        """Whether the person consents."""
        self.asked.append(key)
        return key in self.consented


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """A table in which the person who never consented has values that no plan would take."""
    (tmp_path / "table.csv").write_text(CONTENT)
    return tmp_path / "table.csv"


def test_only_consented_rows_are_looked_at(path: pathlib.Path) -> None:
    """Others are left out, also where their cells would refuse the table; who was kept is told, each once."""
    table = reading.read_table(path, PLAN, persons=Asked(frozenset("ac")))
    assert table.features[:, 0].tolist() == [63, 70, 20]
    assert table.persons == ("a", "c")
    assert (table.dropped, table.broken) == (1, 0)
    assert "3 of 7 rows are of persons without a live consent" in table.notices[0]


def test_a_person_with_gaps_only_is_not_among_the_kept(path: pathlib.Path) -> None:
    """The persons of a table are those of whom a number was kept."""
    path.write_text("age,sick,person\n63,yes,a\n,no,c\n")
    assert reading.read_table(path, PLAN, persons=Asked(frozenset("ac"))).persons == ("a",)


def test_a_row_without_a_person_is_nobody_who_consents(path: pathlib.Path) -> None:
    """The register is not even asked about an empty key."""
    asked = Asked(frozenset({"", "a"}))
    assert reading.read_table(path, PLAN, persons=asked).rows == 2
    assert "" not in asked.asked


def test_nobody_consents(path: pathlib.Path) -> None:
    """A table in which nobody consents takes no part, and the message says why."""
    with pytest.raises(errors.TableError, match="no row is of a person who consents"):
        reading.read_table(path, PLAN, persons=Asked(frozenset()))


def test_a_withdrawal_is_read_anew(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Prepared arrays of another set of consents are not used and are removed: no number of the person stays."""
    folder = tmp_path / "kept"
    before = prepared.prepare(path, reading.Wanted(PLAN, persons=Asked(frozenset("abc"))), folder)
    assert before.persons == ("a", "b", "c")
    after = prepared.prepare(path, reading.Wanted(PLAN, persons=Asked(frozenset("ac"))), folder)
    assert 41 not in after.features[:, 0].tolist()
    assert len(list(folder.iterdir())) == 1
    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert np.float64(41).tobytes() not in kept


def test_persons_are_keys_of_the_split(path: pathlib.Path) -> None:
    """Rows of one person belong together, without a plan's word for it; with a group, through either of them."""
    keys = reading.read_table(path, PLAN, persons=Asked(frozenset("ac"))).keys
    assert keys is not None
    assert keys[0] == keys[1] != keys[2]
    path.write_text("age,sick,person,ward\n1,no,a,x\n2,no,b,x\n3,no,b,y\n4,no,c,z\n")
    joined = reading.read_table(path, PLAN, group="ward", persons=Asked(frozenset("abc"))).keys
    assert joined is not None
    assert len(set(joined[:3].tolist())) == 1
    assert joined[3] != joined[0]


def test_a_missing_column_of_persons_is_refused(path: pathlib.Path) -> None:
    """Without the column of person keys nothing is read."""
    with pytest.raises(errors.TableError, match="column patient"):
        reading.read_table(path, PLAN, persons=Asked(frozenset("a"), column="patient"))


NUMBERS: dict[str, tuple[list[object], list[str]]] = {
    "whole decimals beyond 2^53": (
        [decimal.Decimal(12345678901234567890), decimal.Decimal(12345678901234567891), decimal.Decimal("7.00")],
        ["12345678901234567890", "12345678901234567891", "7"],
    ),
    "fractions that float64 would round": (
        [decimal.Decimal("1234567890.12345678901"), decimal.Decimal("1234567890.12345678902"), None],
        ["1234567890.12345678901", "1234567890.12345678902", ""],
    ),
    "whole numbers beyond 2^53": ([2**53 + 1, 2**53 + 2, 1], ["9007199254740993", "9007199254740994", "1"]),
    "small decimals": ([decimal.Decimal("1.0"), decimal.Decimal("1E+2"), decimal.Decimal("0.1")], ["1", "100", "0.1"]),
}


@pytest.mark.parametrize(("values", "keys"), NUMBERS.values(), ids=NUMBERS.keys())
def test_two_numeric_keys_are_never_one(values: list[object], keys: list[str]) -> None:
    """A person's key keeps all its digits, and is the same text whatever other rows of its batch hold."""
    assert batches.texts(batches.from_values(values)) == keys
    assert [batches.texts(batches.from_values([value])) for value in values] == [[key] for key in keys]
