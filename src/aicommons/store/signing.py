"""What a member signs when it asks a store to keep or erase bytes; the same text is built by client and server.

The text binds what is asked, which store it is asked of, who asks, the digest, the length and an expiry, so a
signature is good for nothing else. Seen again within its expiry it asks for the same thing again, which changes
nothing. Hashing and the signature scheme are given by the application (keccak256 and secp256k1); no I/O here.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Protocol

from aicommons.domain import errors, ids
from aicommons.store import refusals

HEADER_SIGNER = "aic-signer"
HEADER_EXPIRES = "aic-expires"
HEADER_LENGTH = "aic-length"
HEADER_SIGNATURE = "aic-signature"
SIGNATURE_BYTES = 65
MAX_DIGITS = 15
"""Decimal digits of a length or time that are read; 2^53 has 16."""


class Action(enum.Enum):
    """What is asked for."""

    KEEP = "keep"
    """Take these bytes, and count them as mine (PUT with the bytes, POST when they may be there already)."""
    ERASE = "erase"
    """I need these bytes no longer (DELETE)."""


class Signer(Protocol):
    """Whoever signs for the member: its address, and a signature over keccak256 of a message."""

    @property
    def address(self) -> ids.Address:
        """Address of the signing key."""

    def sign(self, message: bytes) -> bytes:
        """Return 65 bytes r || s || v over keccak256 of ``message``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One signed wish."""

    action: Action
    """What is asked for."""
    audience: str
    """Which store is asked: a name that its operator and its members agree on."""
    signer: ids.Address
    """Address of the key that signs: an account or a node key of the member that asks."""
    digest: ids.Digest
    """Which bytes."""
    length: int
    """How many bytes they are; 0 when erasing."""
    expires: int
    """Unix time in seconds after which the signature is void."""

    def text(self) -> bytes:
        """Return the canonical text whose keccak256 is signed: seven lines, each ending in a line feed."""
        lines = [
            "AI Commons store request",
            f"action: {self.action.value}",
            f"store: {self.audience}",
            f"signer: {ids.format_id(self.signer)}",
            f"digest: {ids.format_digest(self.digest)}",
            f"length: {self.length}",
            f"expires: {self.expires}",
        ]
        return "".join(line + "\n" for line in lines).encode()

    def headers(self, signature: bytes) -> dict[str, str]:
        """Return the headers that carry what the address and the method do not say."""
        return {
            HEADER_SIGNER: ids.format_id(self.signer),
            HEADER_LENGTH: str(self.length),
            HEADER_EXPIRES: str(self.expires),
            HEADER_SIGNATURE: signature.hex(),
        }


def check_audience(audience: str) -> None:
    """Check that a store's name is one line of text.

    Raises:
        errors.InputError: it is empty, longer than 200 characters, or has control characters.
    """
    if not 0 < len(audience) <= 200 or not audience.isprintable():
        raise errors.InputError("not a store's name", which="audience", expected="1 to 200 printable characters")


def read(headers: Mapping[str, str], *, action: Action, audience: str, digest: ids.Digest) -> tuple[Request, bytes]:
    """Return the request and signature that ``headers`` (lower-case names) carry.

    Raises:
        refusals.Refused: a header is missing or not in its one canonical form.
    """
    if HEADER_SIGNATURE not in headers:
        raise refusals.Refused(refusals.Name.UNSIGNED, "the request is not signed")
    try:
        signer = ids.parse_address(headers[HEADER_SIGNER])
        signature = bytes.fromhex(headers[HEADER_SIGNATURE])
        length, expires = _number(headers[HEADER_LENGTH]), _number(headers[HEADER_EXPIRES])
    except (KeyError, ValueError, errors.DecodeError) as err:
        raise refusals.Refused(refusals.Name.BAD_HEADERS, "the headers of the signed request are incomplete") from err
    if len(signature) != SIGNATURE_BYTES:
        raise refusals.Refused(refusals.Name.SIGNATURE_INVALID, "the signature is not 65 bytes long")
    request = Request(action=action, audience=audience, signer=signer, digest=digest, length=length, expires=expires)
    return request, signature


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
        raise ValueError("not a decimal number")
    return int(text)
