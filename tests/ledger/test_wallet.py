"""The wallet: keys that open only with their passphrase, and never show themselves."""

import copy
import json
import logging
import pathlib
import pickle
import stat
import subprocess
import sys
import traceback

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import errors, signature
from aicommons.ledger import wallet

PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """One keystore for all tests that only read it."""
    path = tmp_path_factory.mktemp("keys") / "node.json"
    wallet.create(path, PASSPHRASE)
    return path


def secret_of(opened: wallet.Wallet) -> bytes:
    """The secret itself, to look for it where it must not be."""
    return opened._secret


def test_create_unlock_and_address_agree(tmp_path: pathlib.Path) -> None:
    """A created key opens again with its passphrase and has the address that its file says."""
    path = tmp_path / "keys" / "node.json"
    created = wallet.create(path, PASSPHRASE)
    assert wallet.unlock(path, PASSPHRASE).address == created.address == wallet.address(path)


def test_files_are_private_and_nothing_else_is_left(tmp_path: pathlib.Path) -> None:
    """The keystore has mode 0600, its new folder 0700, and no temporary file stays."""
    path = tmp_path / "keys" / "node.json"
    wallet.create(path, PASSPHRASE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_key_is_never_overwritten(tmp_path: pathlib.Path) -> None:
    """Creating or restoring onto an existing file is refused and leaves it as it was."""
    path = tmp_path / "node.json"
    wallet.create(path, PASSPHRASE)
    before = path.read_bytes()
    text = wallet.backup(path, PASSPHRASE)
    with pytest.raises(errors.InputError, match="never overwritten"):
        wallet.create(path, PASSPHRASE)
    with pytest.raises(errors.InputError, match="never overwritten"):
        wallet.restore(text, path, PASSPHRASE)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_short_passphrase_is_refused(tmp_path: pathlib.Path) -> None:
    """A passphrase of fewer than eight characters makes no keystore."""
    with pytest.raises(errors.InputError, match="too short"):
        wallet.create(tmp_path / "node.json", "seven77")
    assert list(tmp_path.iterdir()) == []


@given(digest=st.binary(min_size=32, max_size=32))
@settings(max_examples=30)
def test_signatures_are_recovered_to_the_wallet(digest: bytes) -> None:
    """A signature is 65 bytes, low s, v 27 or 28, and recovers to the wallet's address."""
    opened = wallet.Wallet(b"\x07" * 32)
    signed = opened.sign_digest(digest)
    assert len(signed) == 65
    assert signed[64] in (27, 28)
    assert int.from_bytes(signed[32:64], "big") <= signature.HALF_ORDER
    assert signature.recover(digest, signed) == opened.address


def test_only_digests_are_signed() -> None:
    """Anything but 32 bytes is refused."""
    with pytest.raises(errors.InputError, match="32 bytes"):
        wallet.Wallet(b"\x07" * 32).sign_digest(b"short")


def test_eth_account_opens_our_keystore(keystore: pathlib.Path) -> None:
    """Other wallets read our file: it is ordinary Web3 Secret Storage version 3."""
    secret = Account.decrypt(json.loads(keystore.read_bytes()), PASSPHRASE)
    assert signature.address_of(bytes(secret)) == wallet.address(keystore)


def test_restore_reads_other_wallets_and_writes_our_parameters(tmp_path: pathlib.Path) -> None:
    """A keystore that eth_account wrote, also with heavier derivation, is restored under our memory limit."""
    document = Account.encrypt(b"\x05" * 32, PASSPHRASE, kdf="scrypt", iterations=2**17)
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps(document))
    with pytest.raises(errors.KeyRefused, match="too much memory"):
        wallet.unlock(foreign, PASSPHRASE)
    restored = wallet.restore(foreign.read_text(), tmp_path / "ours.json", PASSPHRASE)
    assert secret_of(restored) == b"\x05" * 32
    assert wallet.unlock(tmp_path / "ours.json", PASSPHRASE).address == restored.address


def test_backup_and_restore(keystore: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A backup restores the same key, also when its lines were indented or ended differently on the way."""
    text = wallet.backup(keystore, PASSPHRASE)
    worn = "\r\n".join("  " + line for line in text.splitlines())
    restored = wallet.restore(worn, tmp_path / "again.json", PASSPHRASE)
    assert restored.address == wallet.address(keystore)
    assert max(len(line) for line in text.splitlines()) <= 64


def test_backup_needs_the_passphrase(keystore: pathlib.Path) -> None:
    """A backup that its owner could not open is not made."""
    with pytest.raises(errors.KeyRefused, match="does not open"):
        wallet.backup(keystore, "another passphrase")


def damaged(text: str, *, at: int) -> str:
    """The backup with one character changed."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


DAMAGED_BACKUPS = {
    "one character changed": lambda text: damaged(text, at=200),
    "one line missing": lambda text: "\n".join(text.splitlines()[:3] + text.splitlines()[4:]),
    "last line missing": lambda text: "\n".join(text.splitlines()[:-1]),
    "a strange character": lambda text: text.replace(text.splitlines()[2], "*" * 64),
    "nothing": lambda _: "",
    "other text": lambda _: "hello",
}


@pytest.mark.parametrize("name", DAMAGED_BACKUPS)
def test_damaged_backups_are_refused(name: str, keystore: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A backup that is not whole is refused and nothing is written."""
    text = DAMAGED_BACKUPS[name](wallet.backup(keystore, PASSPHRASE))
    with pytest.raises(errors.KeyRefused):
        wallet.restore(text, tmp_path / "again.json", PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


BAD_KEYSTORES = {
    "not JSON": b"\x00\x01",
    "a list": b"[]",
    "empty object": b"{}",
    "deep nesting": b"[" * 60_000,
    "too long": b" " * (wallet.MAX_FILE + 1),
}
BAD_FIELDS = {
    "another version": ("version", 4),
    "derivation unknown": ("crypto.kdf", "argon2"),
    "cipher unknown": ("crypto.cipher", "aes-256-gcm"),
    "cost not a power of two": ("crypto.kdfparams.n", 12345),
    "cost zero": ("crypto.kdfparams.n", 0),
    "cost too high": ("crypto.kdfparams.n", 2**40),
    "negative block size": ("crypto.kdfparams.r", -8),
    "salt not hexadecimal": ("crypto.kdfparams.salt", "zz"),
    "short ciphertext": ("crypto.ciphertext", "00"),
    "parameters missing": ("crypto.kdfparams", None),
    "address of another key": ("address", "00" * 20),
    "MAC of another key": ("crypto.mac", "00" * 32),
}


@pytest.mark.parametrize("name", BAD_KEYSTORES)
def test_files_that_are_no_keystores_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    """Foreign bytes raise KeyRefused, never another error."""
    path = tmp_path / "node.json"
    path.write_bytes(BAD_KEYSTORES[name])
    with pytest.raises(errors.KeyRefused):
        wallet.unlock(path, PASSPHRASE)


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_changed_keystores_are_refused(name: str, keystore: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A keystore with one changed field is refused with KeyRefused."""
    where, value = BAD_FIELDS[name]
    document = json.loads(keystore.read_bytes())
    *path_parts, last = where.split(".")
    inner = document
    for part in path_parts:
        inner = inner[part]
    inner[last] = value
    path = tmp_path / "node.json"
    path.write_text(json.dumps(document))
    with pytest.raises(errors.KeyRefused):
        wallet.unlock(path, PASSPHRASE)


def test_missing_file_is_refused(tmp_path: pathlib.Path) -> None:
    """A path without a file says so."""
    with pytest.raises(errors.KeyRefused, match="cannot be read"):
        wallet.unlock(tmp_path / "nowhere.json", PASSPHRASE)


def test_no_key_material_in_errors_logs_repr_or_pickles(
    keystore: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the secret nor a passphrase appears in repr, tracebacks or logs, and a wallet cannot be pickled."""
    caplog.set_level(logging.DEBUG)
    opened = wallet.unlock(keystore, PASSPHRASE)
    shown = [repr(opened), str(opened), f"{opened}"]
    wrong = "a wrong passphrase Zq4711Zq"
    for call in (
        lambda: wallet.unlock(keystore, wrong),
        lambda: wallet.restore(keystore.read_text(), keystore.with_name("x.json"), wrong),
        lambda: opened.sign_digest(b"x"),
        lambda: wallet.create(keystore, PASSPHRASE),
    ):
        with pytest.raises(errors.CommonsError) as caught:
            call()
        shown += [repr(caught.value), "".join(traceback.format_exception(caught.value)), str(vars(caught.value))]
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be copied"):
            copying(opened)
    text = "\n".join([*shown, caplog.text])
    for hidden in (secret_of(opened).hex(), repr(secret_of(opened)), str(int.from_bytes(secret_of(opened), "big"))):
        assert hidden not in text
    assert "Zq4711Zq" not in text
    assert PASSPHRASE not in text


def test_unlocking_stays_under_64_megabytes(keystore: pathlib.Path) -> None:
    """Unlocking raises the peak memory of a process by less than 64 MB over its imports."""
    code = (
        "import resource, sys, pathlib\n"
        "from aicommons.ledger import wallet\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "wallet.unlock(pathlib.Path(sys.argv[1]), sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
        "print('eth_account' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, keystore, PASSPHRASE], check=True, capture_output=True, text=True
    )
    grown, imported = done.stdout.split()
    unit = 1024 if sys.platform != "darwin" else 1
    assert int(grown) * unit < 64 * 2**20
    assert imported == "False"


@pytest.mark.parametrize("language", wallet.WORD_LANGUAGES)
def test_words_bring_the_key_back(keystore: pathlib.Path, tmp_path: pathlib.Path, language: str) -> None:
    """The 24 words of every offered language restore the same key under a new passphrase, however they are typed."""
    words = wallet.words(keystore, PASSPHRASE, language=language)
    assert len(words) == 24
    typed = "\n".join(words).upper()
    restored = wallet.restore_words(typed, tmp_path / "node.json", "another passphrase")
    assert restored.address == wallet.address(keystore) == wallet.address_of_words(" ".join(words))
    assert wallet.unlock(tmp_path / "node.json", "another passphrase").address == restored.address


WRONG_WORDS = {
    "one word missing": (lambda words: words[:-1], "24 words are needed, 23 given"),
    "two words swapped": (lambda words: (words[1], words[0], *words[2:]), "do not belong together"),
    "a word that is on no list": (lambda words: (*words[:6], "zzzz", *words[7:]), "word 7"),
    "zero is no key": (lambda _: (*["abandon"] * 23, "art"), "do not belong together"),
}


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_wrong_words_are_refused_without_being_shown(tmp_path: pathlib.Path, case: str) -> None:
    """Words that are not a key's are refused by number, never repeated, and nothing is written."""
    made = tmp_path / "made.json"
    wallet.create(made, PASSPHRASE)
    words = wallet.words(made, PASSPHRASE)
    change, message = WRONG_WORDS[case]
    place = tmp_path / "node.json"
    with pytest.raises(errors.KeyRefused, match=message) as refused:
        wallet.restore_words(" ".join(change(words)), place, PASSPHRASE)
    assert not any(f" {word} " in f" {refused.value} " for word in words if len(word) > 5)
    assert not place.exists()


def test_words_in_an_unknown_language_are_refused(keystore: pathlib.Path) -> None:
    """A language without a list is refused with those that have one."""
    with pytest.raises(errors.InputError, match="french"):
        wallet.words(keystore, PASSPHRASE, language="swahili")
