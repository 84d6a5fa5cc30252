"""The key of one organisation, kept encrypted on its own disk in Web3 Secret Storage version 3, as geth keeps it.

Called by the command line (create, address, backup, restore) and by a node (unlock, sign). The format is read and
written here with hashlib's scrypt and AES-128-CTR instead of through eth_account: that import alone costs a node 50 MB,
and its scrypt default another 256 MB. What is left out: asking for a passphrase, and the meaning of what is signed.
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import tempfile
import textwrap
import unicodedata
import uuid
from collections.abc import Mapping
from typing import Any, NoReturn

import mnemonic
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from aicommons.domain import encoding, errors, ids, signature

SCRYPT_N = 2**15
"""Together with r = 8 this takes 128 * r * n = 32 MB and about 0.1 s."""
SCRYPT_R = 8
SCRYPT_P = 1
DERIVATION_LIMIT = 64 * 2**20
"""A node refuses keystores whose key derivation takes more memory, in bytes."""
RESTORE_LIMIT = 512 * 2**20
"""Restoring accepts keystores of other wallets (geth derives with 256 MB) and writes them anew with our parameters."""
MIN_PASSPHRASE = 8
"""Shortest passphrase accepted for a new keystore, in characters."""
MAX_FILE = 64 * 1024
"""A keystore or a backup is about 1 kB; anything longer than this is something else."""
SMALL = range(1, 257)
"""Values of scrypt's r and p that are taken seriously."""
WORDS = 24
"""A secret of 256 bits and 8 bits of checksum, 11 bits a word (BIP-39)."""
WORD_LANGUAGES = ("english", "french", "spanish", "portuguese")
"""Lists that are offered; there is none in Swahili."""
ARMOUR_FIRST = "-----BEGIN AI COMMONS KEY BACKUP-----"
ARMOUR_LAST = "-----END AI COMMONS KEY BACKUP-----"


class Wallet:
    """An unlocked key: it signs, says its address, and shows its secret to nobody (not in repr, errors or pickles)."""

    __slots__ = ("_secret", "address")

    address: ids.Address

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.address = signature.address_of(secret)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature of ``digest`` (32 bytes): 65 bytes r || s || v, low s, v = 27 or 28 (EIP-2).

        Raises:
            errors.InputError: ``digest`` is not 32 bytes long.
        """
        if len(digest) != 32:
            raise errors.InputError("only a digest can be signed", expected="32 bytes", got=f"{len(digest)} bytes")
        return signature.sign(self._secret, digest)

    def __repr__(self) -> str:
        return f"Wallet({ids.format_id(self.address)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet cannot be copied into another process; unlock the keystore there")


@dataclasses.dataclass(frozen=True, slots=True)
class _Sealed:
    """What a version 3 keystore says, already checked for form."""

    address: ids.Address | None
    """Address that the file claims, if it does."""
    salt: bytes
    memory_cost: int
    """n of scrypt."""
    block_size: int
    """r of scrypt."""
    parallelism: int
    """p of scrypt."""
    counter: bytes
    """Initial counter block of AES-128-CTR, 16 bytes."""
    ciphertext: bytes
    """The encrypted secret, 32 bytes."""
    mac: bytes
    """keccak256(second half of the derived key || ciphertext)."""

    @property
    def derivation_bytes(self) -> int:
        """Memory that the key derivation takes, in bytes (RFC 7914)."""
        return 128 * self.block_size * (self.memory_cost + self.parallelism)


def create(path: pathlib.Path, passphrase: str) -> Wallet:
    """Make a new key, write its keystore to ``path`` (mode 0600) and return it unlocked.

    Raises:
        errors.InputError: ``path`` exists already (a key is never overwritten), or the passphrase is too short.
        errors.StorageFull: no room on the disk; nothing was written.
    """
    secret = (secrets.randbelow(signature.ORDER - 1) + 1).to_bytes(32, "big")
    _write_keystore(path, secret, passphrase)
    return Wallet(secret)


def unlock(path: pathlib.Path, passphrase: str) -> Wallet:
    """Open the keystore at ``path``; takes about 0.1 s and 32 MB, which are given back.

    Raises:
        errors.KeyRefused: no such file, not a version 3 keystore, derivation over 64 MB, or a wrong passphrase.
    """
    return Wallet(_open(_read(path), passphrase, which=path.name, limit=DERIVATION_LIMIT))


def address(path: pathlib.Path) -> ids.Address:
    """Return the address written in the keystore at ``path``, without its passphrase.

    Raises:
        errors.KeyRefused: no such file, not a version 3 keystore, or one without an address.
    """
    sealed = _parse(_read(path), path.name)
    if sealed.address is None:
        raise errors.KeyRefused("the keystore does not say its address", which=path.name, next_step="Unlock it once.")
    return sealed.address


def backup(path: pathlib.Path, passphrase: str) -> str:
    """Return the keystore at ``path`` as armoured text for paper or a safe, after checking that it opens.

    The text is still encrypted; it is of use only together with the passphrase.

    Raises:
        errors.KeyRefused: the passphrase does not open the keystore, so a backup would be worthless.
    """
    data = _read(path)
    _open(data, passphrase, which=path.name, limit=DERIVATION_LIMIT)
    checked = hashlib.sha256(data).digest()[:8] + data
    lines = textwrap.wrap(base64.b64encode(checked).decode(), 64)
    return "\n".join([ARMOUR_FIRST, *lines, ARMOUR_LAST, ""])


def restore(text: str, path: pathlib.Path, passphrase: str) -> Wallet:
    """Write the key of a backup to a new keystore at ``path`` and return it unlocked.

    Args:
        text: what :func:`backup` returned, or the JSON of any version 3 keystore (geth, eth_account) with scrypt.
        path: where the keystore goes; must not exist.
        passphrase: opens the backup, and from now on the keystore.

    Raises:
        errors.KeyRefused: damaged text, or a passphrase that does not open it; nothing is written.
        errors.InputError: ``path`` exists already.
    """
    secret = _open(_unarmour(text), passphrase, which="the backup", limit=RESTORE_LIMIT)
    _write_keystore(path, secret, passphrase)
    return Wallet(secret)


def words(path: pathlib.Path, passphrase: str, *, language: str = "english") -> tuple[str, ...]:
    """Return the key of the keystore at ``path`` as 24 words of a BIP-39 list, the last one with a checksum.

    The words are the key itself and need no passphrase: 256 bits of entropy, no seed for deriving other keys (BIP-32).

    Raises:
        errors.KeyRefused: the passphrase does not open the keystore.
        errors.InputError: there is no word list in this language.
    """
    secret = _open(_read(path), passphrase, which=path.name, limit=DERIVATION_LIMIT)
    return tuple(_word_list(language).to_mnemonic(secret).split())


def address_of_words(text: str) -> ids.Address:
    """Return the address of the key that 24 words stand for; raises as ``restore_words``."""
    return signature.address_of(_secret_of_words(text))


def restore_words(text: str, path: pathlib.Path, passphrase: str) -> Wallet:
    """Write the key that 24 words stand for to a new keystore at ``path`` and return it unlocked.

    Args:
        text: the words of :func:`words`, in whichever language, separated by spaces; capitals do not matter.
        path: where the keystore goes; must not exist.
        passphrase: opens the keystore from now on.

    Raises:
        errors.KeyRefused: not 24 words, a word that no list knows, or a wrong checksum; the words are never shown.
        errors.InputError: ``path`` exists already, or the passphrase is too short.
    """
    secret = _secret_of_words(text)
    _write_keystore(path, secret, passphrase)
    return Wallet(secret)


def _secret_of_words(text: str) -> bytes:
    given = unicodedata.normalize("NFKD", text).lower().split()
    if len(given) != WORDS:
        raise errors.KeyRefused(
            f"{WORDS} words are needed, {len(given)} given",
            next_step="Type all words of the paper in their order, separated by spaces.",
        )
    known = [
        found for language in WORD_LANGUAGES if all(word in (found := _word_list(language)).wordlist for word in given)
    ]
    if not known:
        lists = [frozenset(_word_list(language).wordlist) for language in WORD_LANGUAGES]
        best = max(lists, key=lambda found: sum(word in found for word in given))
        places = [str(place) for place, word in enumerate(given, 1) if word not in best]
        raise errors.KeyRefused(
            "a word is on no list", which=f"word {', '.join(places)}", next_step="Compare these words with the paper."
        )
    checked = [found for found in known if found.check(" ".join(given))]
    secret = bytes(checked[0].to_entropy(list(given))) if checked else b""
    if not 0 < int.from_bytes(secret, "big") < signature.ORDER:
        raise errors.KeyRefused(
            "the words do not belong together",
            expected="a matching checksum",
            next_step="Compare their order with the paper.",
        )
    return secret


def _word_list(language: str) -> mnemonic.Mnemonic:
    if language not in WORD_LANGUAGES:
        raise errors.InputError(
            "no words in this language", expected=f"one of {', '.join(WORD_LANGUAGES)}", got=language[:40]
        )
    return mnemonic.Mnemonic(language)


def _unarmour(text: str) -> bytes:
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines or lines[0] != ARMOUR_FIRST:
        return text.encode()
    try:
        checked = base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError as err:
        raise errors.KeyRefused("the backup is damaged", expected="base64 lines", got="other characters") from err
    if lines[-1] != ARMOUR_LAST or hashlib.sha256(checked[8:]).digest()[:8] != checked[:8]:
        raise errors.KeyRefused(
            "the backup is damaged or incomplete",
            expected="a matching checksum",
            next_step="Compare the text with the original, line by line.",
        )
    return checked[8:]


def _write_keystore(path: pathlib.Path, secret: bytes, passphrase: str) -> None:
    if len(passphrase) < MIN_PASSPHRASE:
        raise errors.InputError(
            "the passphrase is too short", expected=f"at least {MIN_PASSPHRASE} characters", got=len(passphrase)
        )
    document = _seal(secret, passphrase, salt=secrets.token_bytes(32), counter=secrets.token_bytes(16))
    document["id"] = str(uuid.uuid4())
    _write_new(path, json.dumps(document, indent=1).encode())


def _seal(secret: bytes, passphrase: str, *, salt: bytes, counter: bytes) -> dict[str, Any]:
    derived = _derive(passphrase, salt, SCRYPT_N, block_size=SCRYPT_R, parallelism=SCRYPT_P)
    ciphertext = _aes_counter(derived[:16], counter, secret)
    return {
        "version": 3,
        "address": signature.address_of(secret).hex(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": counter.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": {"dklen": 32, "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "salt": salt.hex()},
            "mac": encoding.keccak(derived[16:32] + ciphertext).hex(),
        },
    }


def _open(data: bytes, passphrase: str, *, which: str, limit: int) -> bytes:
    sealed = _parse(data, which)
    if sealed.derivation_bytes > limit:
        raise errors.KeyRefused(
            "the key derivation of this keystore takes too much memory",
            which=which,
            expected=f"at most {limit // 2**20} MB",
            got=f"{sealed.derivation_bytes // 2**20} MB",
            next_step="Write it anew with `commons key restore`.",
        )
    derived = _derive(
        passphrase,
        sealed.salt,
        sealed.memory_cost,
        block_size=sealed.block_size,
        parallelism=sealed.parallelism,
    )
    if not hmac.compare_digest(encoding.keccak(derived[16:32] + sealed.ciphertext), sealed.mac):
        raise errors.KeyRefused("the passphrase does not open this keystore", which=which)
    secret = _aes_counter(derived[:16], sealed.counter, sealed.ciphertext)
    if not 0 < int.from_bytes(secret, "big") < signature.ORDER:
        raise errors.KeyRefused("the keystore does not hold a key of this kind", which=which)
    if sealed.address is not None and sealed.address != signature.address_of(secret):
        raise errors.KeyRefused("the keystore's address is not that of its key", which=which)
    return secret


def _derive(passphrase: str, salt: bytes, cost: int, *, block_size: int, parallelism: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost, r=block_size, p=parallelism, maxmem=2 * RESTORE_LIMIT, dklen=32
    )


def _aes_counter(key: bytes, counter: bytes, data: bytes) -> bytes:
    stream = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return stream.update(data) + stream.finalize()


def _parse(data: bytes, which: str) -> _Sealed:
    try:
        document = _lower(json.loads(data))
        sealed = _sealed(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise errors.KeyRefused(
            "not a keystore", which=which, expected="Web3 Secret Storage version 3 with scrypt and aes-128-ctr"
        ) from err
    return sealed


def _lower(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with lower-case names: geth wrote ``Crypto`` for a while."""
    return {str(name).lower(): value for name, value in document.items()}


def _sealed(document: Mapping[str, Any]) -> _Sealed:
    crypto = document["crypto"]
    parameters = crypto["kdfparams"]
    if document["version"] != 3 or crypto["kdf"] != "scrypt" or crypto["cipher"] != "aes-128-ctr":
        raise ValueError("another kind of keystore")
    cost, block_size, parallelism = (int(parameters[name]) for name in ("n", "r", "p"))
    lengths = (parameters["dklen"], len(crypto["ciphertext"]), len(crypto["mac"]), len(crypto["cipherparams"]["iv"]))
    if (
        lengths != (32, 64, 64, 32)
        or cost < 2
        or cost & (cost - 1)
        or block_size not in SMALL
        or parallelism not in SMALL
    ):
        raise ValueError("parameters out of range")
    claimed = document.get("address")
    return _Sealed(
        address=None if claimed is None else ids.parse_address(claimed),
        salt=bytes.fromhex(parameters["salt"]),
        memory_cost=cost,
        block_size=block_size,
        parallelism=parallelism,
        counter=bytes.fromhex(crypto["cipherparams"]["iv"]),
        ciphertext=bytes.fromhex(crypto["ciphertext"]),
        mac=bytes.fromhex(crypto["mac"]),
    )


def _read(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as err:
        raise errors.KeyRefused(
            "the keystore cannot be read", which=str(path), got=err.strerror, next_step="Check the path."
        ) from err
    if len(data) > MAX_FILE:
        raise errors.KeyRefused("not a keystore", which=path.name, expected=f"at most {MAX_FILE} bytes")
    return data


def _write_new(path: pathlib.Path, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all; a hard link is the one step that fails if ``path`` exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        pathlib.Path(path).hardlink_to(name)
    except FileExistsError as err:
        raise errors.InputError(
            "a keystore is there already and is never overwritten", which=str(path), next_step="Choose another path."
        ) from err
    except OSError as err:
        raise errors.StorageFull("the keystore cannot be written", which=str(path), got=err.strerror) from err
    finally:
        pathlib.Path(name).unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
