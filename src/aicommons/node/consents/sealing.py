"""The register's key and what is locked with it: records on the steward's own disk that only the home's keys open.

One random key for each home, sealed under the wallet (so that a restored wallet opens it) and under the node's key (so
that the node works unattended); both derivations are RFC 6979 signatures, as the reader key's is. Called by
``register`` and ``wallets``; what is sealed is theirs.
"""

import hashlib
import hmac
import json
import os
import pathlib
from collections.abc import Callable

from cryptography import exceptions
from cryptography.hazmat.primitives.ciphers import aead

from aicommons.domain import encoding, errors, ids
from aicommons.protocol import ports

UNLOCK_TAG = b"AI Commons consent register key, version 1"
NONCE_BYTES = 12
KEY_BYTES = 32

Draw = Callable[[int], bytes]


class Key:
    """A register's key: it seals, opens and derives, and shows itself to nobody (not in repr or errors)."""

    __slots__ = ("_cipher", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._cipher = aead.ChaCha20Poly1305(hmac.digest(secret, b"seal", "sha256"))

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Return ``plain`` encrypted under a fresh nonce: 28 bytes longer; ``about`` has to be given again to open it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            errors.KeyRefused: another key, other bytes, or something that was sealed elsewhere.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        except (exceptions.InvalidTag, ValueError) as err:
            raise errors.KeyRefused(
                "an entry of the consent register does not open", next_step="restore the home from a backup"
            ) from err

    def derive(self, purpose: bytes) -> bytes:
        """Return 32 bytes for one purpose; different purposes give unrelated bytes."""
        return hmac.digest(self._secret, b"derive " + purpose, "sha256")

    def wrap(self, signer: ports.Signer) -> bytes:
        """Return this key sealed under what only ``signer`` can sign."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + aead.ChaCha20Poly1305(_unlocking(signer)).encrypt(nonce, self._secret, bytes(signer.address))

    def __repr__(self) -> str:
        return "Key(…)"


def unwrap(wrapped: bytes, signer: ports.Signer) -> Key:
    """Return the key that ``Key.wrap`` sealed.

    Raises:
        errors.KeyRefused: it was sealed for another signer, or is damaged.
    """
    cipher = aead.ChaCha20Poly1305(_unlocking(signer))
    try:
        secret = cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bytes(signer.address))
    except (exceptions.InvalidTag, ValueError) as err:
        raise errors.KeyRefused(
            "the consent register's key does not open", next_step="restore it from a backup"
        ) from err
    return Key(secret)


def _unlocking(signer: ports.Signer) -> bytes:
    return hashlib.sha256(UNLOCK_TAG + signer.sign_digest(encoding.keccak(UNLOCK_TAG))).digest()


class KeyFile:
    """``<home>/consents/key.json``: the register's key, sealed once for each of the home's own keys."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    @property
    def exists(self) -> bool:
        """Whether this home has a register's key."""
        return self._path.exists()

    def is_for(self, address: ids.Address) -> bool:
        """Return whether the key is sealed for a key of this home; raises ``errors.KeyRefused`` for a damaged file."""
        return address.hex() in self._read()

    def create(self, *signers: ports.Signer) -> Key:
        """Draw a key and seal it for ``signers``; the file must not be there."""
        key = Key(os.urandom(KEY_BYTES))
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write({signer.address.hex(): key.wrap(signer).hex() for signer in signers}, is_new=True)
        return key

    def open(self, signer: ports.Signer) -> Key:
        """Return the key.

        Raises:
            errors.KeyRefused: there is none, it is damaged, or it is not sealed for ``signer``.
        """
        sealed = self._read().get(signer.address.hex())
        if sealed is None:
            raise errors.KeyRefused(
                "the consent register's key is not sealed for this key",
                which=str(self._path),
                next_step="run `commons consent list` with the wallet's passphrase once: it seals it for a new node key",
            )
        return unwrap(bytes.fromhex(sealed), signer)

    def admit(self, key: Key, signer: ports.Signer) -> None:
        """Let another key of this home open the register too."""
        known = self._read()
        if signer.address.hex() not in known:
            self._write({**known, signer.address.hex(): key.wrap(signer).hex()})

    def _read(self) -> dict[str, str]:
        try:
            body = json.loads(self._path.read_bytes())
            return {str(address): str(sealed) for address, sealed in body.items()}
        except (OSError, ValueError, AttributeError) as err:
            raise errors.KeyRefused(
                "the consent register's key cannot be read", which=str(self._path), next_step="restore it from a backup"
            ) from err

    def _write(self, body: dict[str, str], *, is_new: bool = False) -> None:
        part = self._path.with_suffix(".part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(body, file, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                self._path.hardlink_to(part)  # the one step that fails if a key is there: it is never overwritten
                part.unlink()
            else:
                part.replace(self._path)
        except FileExistsError as err:
            part.unlink(missing_ok=True)
            raise errors.InputError("this home has a consent register already", which=str(self._path)) from err
        except OSError as err:
            part.unlink(missing_ok=True)
            raise errors.StorageFull(
                "the consent register's key cannot be written", which=str(self._path), got=err.strerror
            ) from err
