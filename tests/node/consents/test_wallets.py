"""Data wallets: only the person's passphrase opens them, the node reads what it was granted, a withdrawal ends that."""

import csv
import pathlib
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import errors
from aicommons.node.consents import sealing, wallets

if TYPE_CHECKING:
    from tests.node.consents.conftest import Office

ROWS = b"age,ill\n41,no\n42,yes\n"
SECRET = "a person's passphrase"
NODE = sealing.Key(b"\x01" * 32)


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> wallets.Wallets:
    """A home without wallets."""
    return wallets.Wallets(tmp_path / "wallets")


def everything(folder: pathlib.Path) -> bytes:
    """Return all bytes of all files."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_rows_are_encrypted_and_come_back(kept: wallets.Wallets, tmp_path: pathlib.Path) -> None:
    """What was put in is nowhere in the clear; the passphrase gives it back, the node's key too while it is granted."""
    wallet = kept.open(SECRET)
    wallet.put(3, ROWS, SECRET, NODE)
    assert b"41,no" not in everything(tmp_path)
    again = kept.get(wallet.name)
    assert again.datasets() == [3]
    assert again.export(3, SECRET) == ROWS
    assert again.granted(3, NODE) == ROWS
    assert again.granted(4, NODE) is None
    with pytest.raises(errors.KeyRefused, match="does not open"):
        again.granted(3, sealing.Key(b"\x02" * 32))


def test_a_withdrawal_destroys_the_grant(kept: wallets.Wallets) -> None:
    """Without the grant the node's own key opens nothing; the person still has the rows."""
    wallet = kept.open(SECRET)
    wallet.put(3, ROWS, SECRET, NODE)
    assert wallet.revoke(3)
    assert not wallet.revoke(3)
    assert wallet.granted(3, NODE) is None
    assert wallet.export(3, SECRET) == ROWS
    with pytest.raises(errors.TableError, match="no wallet has rows"), kept.table(3, NODE):
        pass


def test_a_tags_grant_is_found(kept: wallets.Wallets, office: "Office") -> None:
    """The steward's withdrawal destroys the grants of exactly the person who withdrew."""
    one, other = kept.open(SECRET), kept.open(SECRET)
    for wallet in (one, other):
        wallet.put(3, ROWS, SECRET, NODE)
    tag = office.register.tag(3, one.name)
    assert kept.revoke(3, office.register.tagger(3), frozenset({tag})) == 1
    assert (one.is_granted(3), other.is_granted(3)) == (False, True)


def test_wallets_become_a_table(kept: wallets.Wallets) -> None:
    """All granted rows stand in one table with their wallet's name, which is gone afterwards."""
    names = []
    for age in (40, 50):
        wallet = kept.open(SECRET)
        wallet.put(3, f"age,ill\n{age},no\n".encode(), SECRET, NODE)
        names.append(wallet.name)
    with kept.table(3, NODE) as path:
        assert path.stat().st_mode & 0o77 == 0
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    assert not path.exists()
    assert {(row["person"], row["age"]) for row in rows} == set(zip(names, ("40", "50"), strict=True))


def test_other_columns_are_named(kept: wallets.Wallets) -> None:
    """Wallets of one dataset have the same columns, or nothing is read."""
    kept.open(SECRET).put(3, ROWS, SECRET, NODE)
    kept.open(SECRET).put(3, b"ill,age\nno,4\n", SECRET, NODE)
    with pytest.raises(errors.TableError, match="different columns"), kept.table(3, NODE):
        pass


def test_only_the_owner_fills_empties_and_opens(kept: wallets.Wallets) -> None:
    """A wrong passphrase neither puts in, nor exports, nor erases."""
    wallet = kept.open(SECRET)
    wallet.put(3, ROWS, SECRET, NODE)
    for act in (
        lambda: wallet.put(3, ROWS, "another one", NODE),
        lambda: wallet.export(3, "another one"),
        lambda: wallet.erase("another one"),
    ):
        with pytest.raises(errors.KeyRefused, match="passphrase does not open this wallet"):
            act()
    assert wallet.granted(3, NODE) == ROWS


def test_erasing_leaves_nothing(kept: wallets.Wallets, tmp_path: pathlib.Path) -> None:
    """An erased dataset is gone with its grant, an erased wallet with its key."""
    wallet = kept.open(SECRET)
    for dataset in (3, 4):
        wallet.put(dataset, ROWS, SECRET, NODE)
    assert wallet.erase(SECRET, 3) == [3]
    assert wallet.datasets() == [4]
    with pytest.raises(errors.InputError, match="nothing is in this wallet"):
        wallet.export(3, SECRET)
    assert wallet.erase(SECRET) == [4]
    assert everything(tmp_path) == b""
    with pytest.raises(errors.InputError, match="no such wallet"):
        kept.get(wallet.name)


def test_swapped_files_do_not_open(kept: wallets.Wallets) -> None:
    """A grant or rows moved to another dataset or wallet open nothing."""
    one, other = kept.open(SECRET), kept.open(SECRET)
    one.put(3, ROWS, SECRET, NODE)
    other.put(3, ROWS, SECRET, NODE)
    (other.folder / "3.rows").write_bytes((one.folder / "3.rows").read_bytes())
    with pytest.raises(errors.KeyRefused):
        other.granted(3, NODE)
    with pytest.raises(errors.KeyRefused):
        other.export(3, SECRET)


@pytest.mark.parametrize(
    "rows",
    [b"", b"age,ill\n", b"age,ill\n1\n", b"person,ill\n1,no\n", b'"age\n', b"\xff\xfe\n"],
    ids=["nothing", "a header only", "a short row", "a column of our own", "open quotes", "not UTF-8"],
)
def test_bad_tables_are_refused(kept: wallets.Wallets, rows: bytes) -> None:
    """What is no table is not put in."""
    wallet = kept.open(SECRET)
    with pytest.raises(errors.InputError, match="not a table"):
        wallet.put(3, rows, SECRET, NODE)
    assert wallet.datasets() == []


@pytest.mark.parametrize("name", ["..", "w-1", "w-" + "0" * 16, "w-" + "0" * 15 + "/"])
def test_other_names_open_nothing(kept: wallets.Wallets, name: str) -> None:
    """A name that is no wallet's is refused, and leads to no other folder."""
    with pytest.raises(errors.InputError, match="no such wallet"):
        kept.get(name)


def test_short_passphrases_are_refused(kept: wallets.Wallets) -> None:
    """A passphrase that is soon guessed opens no wallet."""
    with pytest.raises(errors.InputError, match="too short"):
        kept.open("short")
