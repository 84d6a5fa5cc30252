"""Epoch keys: one per run and epoch, and an erased one never comes back."""

import pathlib
import stat

import pytest

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import wallet
from aicommons.node import epoch_keys, signing

PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
KEY = wallet.Wallet(b"\x07" * 32)
RUN, OTHER = ids.RunId(b"\x01" * 32), ids.RunId(b"\x02" * 32)
SECRET, SECOND = b"\x5a\xa5" * 16, b"\x11" * 32


def open_keys(folder: pathlib.Path) -> epoch_keys.EpochKeys:
    """Return the keys of a signing journal in a folder."""
    return signing.SigningJournal(folder / "signing.db", KEY, PLACE).keys


@pytest.fixture
def keys(tmp_path: pathlib.Path) -> epoch_keys.EpochKeys:
    """No keys yet."""
    return open_keys(tmp_path)


@pytest.mark.parametrize("secret", [SECRET, SECRET * 3], ids=["plain", "hybrid"])
def test_erased_key_never_comes_back(tmp_path: pathlib.Path, keys: epoch_keys.EpochKeys, secret: bytes) -> None:
    """After erasure there is no key, none can be made for that epoch, and the file's own block was overwritten."""
    assert keys.make(RUN, 0, secret) == secret
    (file,) = (tmp_path / "epochs").iterdir()
    assert secret in file.read_bytes()
    before = file.stat().st_ino
    keys.erase(RUN, 0)
    assert (keys.get(RUN, 0), keys.is_erased(RUN, 0)) == (None, True)
    with pytest.raises(errors.JournalConflict):
        keys.make(RUN, 0, SECOND)
    with pytest.raises(errors.JournalConflict):
        open_keys(tmp_path).make(RUN, 0, secret)
    assert (file.stat().st_ino, any(file.read_bytes())) == (before, False)


def test_a_key_does_not_outlive_its_journal(tmp_path: pathlib.Path, keys: epoch_keys.EpochKeys) -> None:
    """With another signing journal beside it, which may have forgotten what was signed, a key is erased at sight."""
    keys.make(RUN, 0, SECRET)
    assert open_keys(tmp_path).get(RUN, 0) == SECRET
    (tmp_path / "signing.db").unlink()
    replaced = open_keys(tmp_path)
    assert (replaced.get(RUN, 0), replaced.is_erased(RUN, 0)) == (None, True)
    with pytest.raises(errors.JournalConflict):
        replaced.make(RUN, 0, SECOND)
    assert SECRET not in b"".join(file.read_bytes() for file in (tmp_path / "epochs").iterdir())


def test_a_key_that_never_was_can_be_erased(keys: epoch_keys.EpochKeys) -> None:
    """Erasing in advance also keeps a key from ever being made."""
    assert not keys.is_erased(RUN, 0)
    keys.erase(RUN, 0)
    with pytest.raises(errors.JournalConflict):
        keys.make(RUN, 0, SECRET)


def test_the_first_key_counts(keys: epoch_keys.EpochKeys) -> None:
    """Making a key twice gives the first one; another epoch or run has its own."""
    keys.make(RUN, 0, SECRET)
    assert keys.make(RUN, 0, SECOND) == SECRET
    assert keys.make(RUN, 1, SECOND) == SECOND
    assert keys.get(OTHER, 0) is None
    assert keys.make(OTHER, 0, SECOND) == SECOND


def test_killed_while_a_key_is_made(tmp_path: pathlib.Path, keys: epoch_keys.EpochKeys) -> None:
    """A file that was cut short is no key: its point was never announced, so another one may be made."""
    (tmp_path / "epochs" / f"{RUN.hex()}-0").write_bytes(SECRET[:7])
    assert keys.get(RUN, 0) is None
    assert keys.make(RUN, 0, SECOND) == SECOND
    assert keys.get(RUN, 0) == SECOND
    keys.make(RUN, 1, SECRET * 3)
    (tmp_path / "epochs" / f"{RUN.hex()}-1").write_bytes(SECRET)
    assert keys.make(RUN, 1, SECOND * 3) == SECOND * 3, "a hybrid key of which only the first part was written"


def test_only_the_owner_may_read(tmp_path: pathlib.Path, keys: epoch_keys.EpochKeys) -> None:
    """File and folder are their owner's alone, and the object shows no key."""
    keys.make(RUN, 0, SECRET)
    (file,) = (tmp_path / "epochs").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert SECRET.hex() not in repr(keys)


def test_no_room(tmp_path: pathlib.Path, keys: epoch_keys.EpochKeys) -> None:
    """Where a key cannot be written the error says so, and there is no key."""
    (tmp_path / "epochs" / f"{RUN.hex()}-0").mkdir()
    (tmp_path / "epochs").rename(tmp_path / "elsewhere")
    with pytest.raises(errors.StorageFull):
        keys.make(RUN, 0, SECRET)
