"""Data wallets: rows of people who have no server, kept at a co-op's node, encrypted with keys that are the people's own.

A wallet is a folder under ``<home>/consents/wallets``. Its secret is sealed under the person's passphrase; what is put
into it is sealed under a fresh key for each dataset, and that key to the person. So that the node can train while the
person is away, the person grants it the dataset's key: sealed under the register's key, in a file of its own, which a
withdrawal destroys. Rows without a grant are bytes that only the passphrase opens. Called by ``commons wallet`` and, for
granted rows, by the node; which of them are used is decided by the consents in the register, as for every table.
"""

import contextlib
import csv
import dataclasses
import hashlib
import hmac
import io
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers import aead

from aicommons.domain import errors
from aicommons.node import frames
from aicommons.node.consents import sealing
from aicommons.protocol import coverage

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
"""As in a keystore: 32 MB and about 0.1 s."""
MEMORY_LIMIT = 64 * 2**20
SHORTEST_PASSPHRASE = 8
NONCE_BYTES = 12
SALT_BYTES = 32
POINT_BYTES = 32
MOST_BYTES = 16 * 2**20
"""Longest table of one person."""
NAME = re.compile("w-[0-9a-f]{16}")
PERSON = "person"
"""Column of the gathered table that says whose wallet a row is from."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wallet:
    """One person's wallet."""

    folder: pathlib.Path

    @property
    def name(self) -> str:
        """Its name, which is the person's key in consents and tables: ``w-`` and 16 hexadecimal digits."""
        return self.folder.name

    def datasets(self) -> list[int]:
        """Return the datasets for which there are rows in it."""
        return sorted(int(path.stem) for path in self.folder.glob("*.rows"))

    def is_granted(self, dataset: int) -> bool:
        """Return whether the node may read a dataset's rows."""
        return self._file(dataset, "grant").exists()

    def put(self, dataset: int, rows: bytes, passphrase: str, node: sealing.Key) -> None:
        """Seal rows (CSV text with a header) for a dataset, in place of older ones, and let the node read them.

        Raises:
            errors.InputError: not a table, or one that is too long.
            errors.KeyRefused: a wrong passphrase: only its owner fills a wallet.
            errors.StorageFull: no room on the disk.
        """
        _check_table(rows)
        point = self._unlock(passphrase).public_key().public_bytes_raw()
        secret, about = os.urandom(32), self._about(dataset)
        self.revoke(dataset)  # first: an old grant must not meet new rows
        _write(self._file(dataset, "rows"), frames.join([_seal_to(point, secret, about), _seal(secret, rows, about)]))
        _write(self._file(dataset, "grant"), node.seal(secret, about))

    def granted(self, dataset: int, node: sealing.Key) -> bytes | None:
        """Return a dataset's rows with the node's grant, ``None`` without one."""
        if not self.is_granted(dataset):
            return None
        secret = node.open(self._file(dataset, "grant").read_bytes(), self._about(dataset))
        return _open(secret, self._sealed(dataset)[1], self._about(dataset))

    def export(self, dataset: int, passphrase: str) -> bytes:
        """Return what the person has put in, with the passphrase alone.

        Raises:
            errors.KeyRefused: a wrong passphrase.
            errors.InputError: there is nothing for this dataset.
        """
        own, rows = self._sealed(dataset)
        secret = _open_own(self._unlock(passphrase), own, self._about(dataset))
        return _open(secret, rows, self._about(dataset))

    def _sealed(self, dataset: int) -> tuple[bytes, bytes]:
        """Return the rows' key sealed to the person, and the rows sealed under it."""
        file = self._file(dataset, "rows")
        if not file.exists():
            raise errors.InputError("nothing is in this wallet", which=f"{self.name}, dataset {dataset}")
        own, rows = frames.split(file.read_bytes())
        return own, rows

    def revoke(self, dataset: int) -> bool:
        """Destroy the node's grant of a dataset; return whether there was one."""
        return _destroy(self._file(dataset, "grant"))

    def erase(self, passphrase: str, dataset: int | None = None) -> list[int]:
        """Destroy the rows of a dataset, or the whole wallet; return the datasets whose rows are gone.

        Raises:
            errors.KeyRefused: a wrong passphrase: only its owner empties a wallet.
        """
        self._unlock(passphrase)
        gone = self.datasets() if dataset is None else [each for each in self.datasets() if each == dataset]
        for each in gone:
            for kind in ("grant", "rows"):
                _destroy(self._file(each, kind))
        if dataset is None:
            _destroy(self.folder / "key.json")
            shutil.rmtree(self.folder)
        return gone

    def _file(self, dataset: int, kind: str) -> pathlib.Path:
        return self.folder / f"{dataset}.{kind}"

    def _about(self, dataset: int) -> bytes:
        return f"wallet {self.name}, dataset {dataset}".encode()

    def _check_there(self) -> None:
        if not (self.folder / "key.json").exists():
            raise errors.InputError("no such wallet", which=self.name, next_step="make one with `commons wallet open`")

    def _kept(self) -> dict[str, str]:
        self._check_there()
        try:
            kept: dict[str, str] = json.loads((self.folder / "key.json").read_bytes())
        except (OSError, ValueError) as err:
            raise errors.KeyRefused("the wallet's key cannot be read", which=self.name) from err
        return kept

    def _unlock(self, passphrase: str) -> x25519.X25519PrivateKey:
        kept = self._kept()
        key = _derive(passphrase, bytes.fromhex(kept["salt"]))
        try:
            secret = _open(key, bytes.fromhex(kept["sealed"]), self.name.encode())
        except errors.KeyRefused as err:
            raise errors.KeyRefused("the passphrase does not open this wallet", which=self.name) from err
        return x25519.X25519PrivateKey.from_private_bytes(secret)


class Wallets:
    """All wallets at a home."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def are_at(self, source: object) -> bool:
        """Return whether a dataset's source is the wallets."""
        return isinstance(source, pathlib.Path) and source.resolve() == self._folder.resolve()

    def open(self, passphrase: str) -> Wallet:
        """Make a wallet.

        Raises:
            errors.InputError: the passphrase is too short.
        """
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise errors.InputError(
                "the passphrase is too short",
                expected=f"at least {SHORTEST_PASSPHRASE} characters",
                got=len(passphrase),
            )
        wallet = Wallet(self._folder / f"w-{os.urandom(8).hex()}")
        secret, salt = x25519.X25519PrivateKey.generate(), os.urandom(SALT_BYTES)
        sealed = _seal(_derive(passphrase, salt), secret.private_bytes_raw(), wallet.name.encode())
        wallet.folder.mkdir(mode=0o700, parents=True)
        body = {"salt": salt.hex(), "sealed": sealed.hex()}
        _write(wallet.folder / "key.json", json.dumps(body, sort_keys=True).encode())
        return wallet

    def get(self, name: str) -> Wallet:
        """Return a wallet by its name; raises ``errors.InputError`` when there is none."""
        wallet = Wallet(self._folder / name)
        if NAME.fullmatch(name) is None or not (wallet.folder / "key.json").exists():
            raise errors.InputError("no such wallet", which=name[:20], next_step="make one with `commons wallet open`")
        return wallet

    def all(self) -> list[Wallet]:
        """Return all wallets by name."""
        return [Wallet(path.parent) for path in sorted(self._folder.glob("w-*/key.json"))]

    def revoke(self, dataset: int, secret: bytes, tags: frozenset[bytes]) -> int:
        """Destroy the node's grants of the people with these tags; return how many there were.

        Args:
            dataset: dataset id.
            secret: under which the register names the dataset's people.
            tags: who withdrew.
        """
        named = [wallet for wallet in self.all() if coverage.tag_of(secret, wallet.name) in tags]
        return sum(wallet.revoke(dataset) for wallet in named)

    @contextlib.contextmanager
    def table(self, dataset: int, node: sealing.Key) -> Iterator[pathlib.Path]:
        """Give a table of all granted rows of a dataset, each with its wallet's name in the column ``person``.

        It is in memory where the machine allows, readable by this process's user only, and destroyed at the end.

        Raises:
            errors.TableError: wallets with different columns, or none with rows.
        """
        shared = pathlib.Path("/dev/shm")  # noqa: S108  memory: it must not outlive this process on a disk
        descriptor, name = tempfile.mkstemp(
            suffix=".csv", prefix="wallets-", dir=shared if shared.is_dir() else self._folder
        )
        path = pathlib.Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                self._gather(csv.writer(file), dataset, node)
            yield path
        finally:
            _destroy(path)

    def _gather(self, out: Any, dataset: int, node: sealing.Key) -> None:
        header: list[str] | None = None
        for wallet in self.all():
            rows = wallet.granted(dataset, node)
            if rows is None:
                continue
            first, *body = list(csv.reader(io.StringIO(rows.decode("utf-8-sig"))))
            if header is None:
                header = first
                out.writerow([PERSON, *header])
            if first != header:
                raise errors.TableError(
                    "wallets of one dataset have different columns",
                    which=f"dataset {dataset}",
                    expected=f"{len(header)} columns as in the first wallet",
                    got=f"other columns in wallet {wallet.name}",
                )
            out.writerows([wallet.name, *row] for row in body)
        if header is None:
            raise errors.TableError("no wallet has rows for this dataset", which=f"dataset {dataset}")


def _check_table(rows: bytes) -> None:
    if len(rows) > MOST_BYTES:
        raise errors.InputError("too long for a wallet", expected=f"at most {MOST_BYTES} bytes", got=len(rows))
    try:
        header, *body = list(csv.reader(io.StringIO(rows.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error, ValueError) as err:
        raise errors.InputError("not a table", expected="CSV (UTF-8) with commas and a header") from err
    ragged = sum(len(row) != len(header) for row in body)
    if PERSON in header or not body or ragged:
        raise errors.InputError(
            "not a table for a wallet",
            expected=f"a header without a column {PERSON!r}, and rows of the same width",
            got=f"{len(body)} rows, {ragged} of another width",
        )


def _derive(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=MEMORY_LIMIT, dklen=32
    )


def _seal(key: bytes, plain: bytes, about: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + aead.ChaCha20Poly1305(key).encrypt(nonce, plain, about)


def _open(key: bytes, sealed: bytes, about: bytes) -> bytes:
    try:
        return aead.ChaCha20Poly1305(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (exceptions.InvalidTag, ValueError) as err:
        raise errors.KeyRefused("a wallet's content does not open", next_step="restore the home from a backup") from err


def _seal_to(point: bytes, plain: bytes, about: bytes) -> bytes:
    """Return ``plain`` sealed to an X25519 point under a one-time key."""
    once = x25519.X25519PrivateKey.generate()
    shared = once.exchange(x25519.X25519PublicKey.from_public_bytes(point))
    mine = once.public_key().public_bytes_raw()
    return mine + _seal(_shared_key(shared, mine, point), plain, about)


def _open_own(secret: x25519.X25519PrivateKey, sealed: bytes, about: bytes) -> bytes:
    theirs = sealed[:POINT_BYTES]
    shared = secret.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
    return _open(_shared_key(shared, theirs, secret.public_key().public_bytes_raw()), sealed[POINT_BYTES:], about)


def _shared_key(shared: bytes, once: bytes, point: bytes) -> bytes:
    return hmac.digest(shared, b"AI Commons data wallet, version 1" + once + point, "sha256")


def _write(path: pathlib.Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise errors.StorageFull("the wallet cannot be written", which=str(path), got=err.strerror) from err


def _destroy(path: pathlib.Path) -> bool:
    """Overwrite a file with zeros and remove it; return whether it was there. Old blocks of some file systems stay."""
    if not path.exists():
        return False
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    return True
