"""What a store refuses, and how a refusal travels over HTTP: one JSON shape, one status for each name.

The server raises :class:`Refused`; the client turns the JSON back into the error tree. Every store uses the
constructors at the end, so that the same mistake reads the same everywhere.
"""

import enum
import json
from collections.abc import Mapping

from aicommons.domain import errors, ids


class Name(enum.Enum):
    """Stable names of refusals with their HTTP status and what a person can do."""

    BAD_ADDRESS = ("bad-address", 400, "Ask for /blobs/ and 64 lower-case hexadecimal characters.")
    BAD_HEADERS = ("bad-headers", 400, "Send the four AIC headers of a signed request, in their exact form.")
    UNSIGNED = ("unsigned", 401, "Sign the request with the key of a member.")
    SIGNATURE_INVALID = ("signature-invalid", 401, "Sign exactly this request with the key of the named member.")
    EXPIRED = ("expired", 401, "Check the clock of both machines and sign anew.")
    NOT_A_MEMBER = ("not-a-member", 403, "Ask the commons to admit this address (`commons member list`).")
    NOT_AN_UPLOADER = ("not-an-uploader", 403, "Only a member who uploaded these bytes may erase them.")
    NOT_FOUND = ("not-found", 404, "Nobody has stored these bytes here (yet), or they were erased.")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "Use GET, HEAD, PUT, POST or DELETE.")
    TOO_SLOW = ("too-slow", 408, "Send the body without long pauses.")
    OFFSET_MISMATCH = (
        "offset-mismatch",
        409,
        "Ask with POST how many bytes are here (Upload-Offset), and go on there.",
    )
    LENGTH_REQUIRED = ("length-required", 411, "Say the length of the body in a Content-Length header.")
    RANGE_UNSATISFIABLE = ("range-unsatisfiable", 416, "Ask for a range within the blob, or for the whole of it.")
    TOO_LARGE = ("too-large", 413, "Split the data, or ask the store's operator for a higher limit.")
    LENGTH_MISMATCH = ("length-mismatch", 422, "Send exactly as many bytes as were signed.")
    DIGEST_MISMATCH = ("digest-mismatch", 422, "Send the bytes whose SHA-256 the address names; nothing was kept.")
    INTERNAL = ("internal", 500, "Tell the store's operator; the log names the fault.")
    UNAVAILABLE = ("unavailable", 503, "Try again in a moment.")
    STORAGE_FULL = ("storage-full", 507, "Ask the store's operator to make room.")
    OVER_QUOTA = ("over-quota", 507, "Erase what is no longer needed, or ask the store's operator for more.")

    def __init__(self, text: str, status: int, next_step: str) -> None:
        self.text = text
        self.status = status
        self.next_step = next_step


class Refused(Exception):
    """A request that the server answers with a refusal; never leaves ``server.py``."""

    def __init__(
        self, name: Name, message: str, headers: Mapping[str, str] | None = None, *, now: int | None = None
    ) -> None:
        """Say what is refused; ``now``: the store's time in seconds since 1970, where that is the reason."""
        super().__init__(message)
        self.name = name
        self.message = message
        self.headers = dict(headers or {})
        self.now = now

    def body(self) -> bytes:
        """Return the JSON that is sent: error, message and next_step, all text; and the time, a number, if that is it."""
        said = {"error": self.name.text, "message": self.message, "next_step": self.name.next_step}
        return json.dumps(said if self.now is None else said | {"now": self.now}).encode()


def as_error(status: int, body: bytes, which: str) -> errors.CommonsError:
    """Return the error that a response of ``status`` stands for; total over any body (a proxy may have sent it)."""
    document = _document(body)
    name = name_in(body)
    if name is None:
        return _foreign(status, which)
    message = "the store says: " + str(document.get("message"))[:500]
    next_step = str(document.get("next_step"))[:500]
    if name in (Name.UNAVAILABLE, Name.INTERNAL, Name.TOO_SLOW, Name.OFFSET_MISMATCH):
        return errors.StoreUnreachable(message, which=which, next_step=next_step)
    kind = {Name.NOT_FOUND: errors.BlobNotFound, Name.STORAGE_FULL: errors.StorageFull}.get(name, errors.StoreRefused)
    return kind(message, which=which, next_step=next_step)


def name_in(body: bytes) -> Name | None:
    """Return the refusal that a body names, or ``None`` when no store wrote it; total over any body."""
    error = _document(body).get("error")
    return next((name for name in Name if name.text == error), None)


def time_in(body: bytes) -> int | None:
    """Return the store's time that a refused signature's answer names, ``None`` in any other body; total."""
    now = _document(body).get("now")
    return now if name_in(body) is Name.EXPIRED and type(now) is int else None


def _document(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _foreign(status: int, which: str) -> errors.CommonsError:
    next_step = "Check the store's URL, and the proxy if there is one."
    if status >= 500 or status in (408, 429):
        return errors.StoreUnreachable(f"something on the way answered HTTP {status}", which=which, next_step=next_step)
    return errors.StoreRefused(
        "the answer is not that of a store", which=which, got=f"HTTP {status}", next_step=next_step
    )


def missing(digest: bytes) -> errors.BlobNotFound:
    """Return the error for bytes that are not here."""
    return errors.BlobNotFound("no such blob", which=ids.format_digest(ids.Digest(digest)))


def too_long(digest: bytes, limit: int, length: int | None) -> errors.StoreRefused:
    """Return the error for a blob that is longer than its reader allows."""
    return errors.StoreRefused(
        "the blob is longer than allowed here",
        which=ids.format_digest(ids.Digest(digest)),
        expected=f"at most {limit} bytes",
        got="more" if length is None else f"{length} bytes",
    )


def mismatch(digest: bytes) -> errors.DigestMismatch:
    """Return the error for bytes that do not hash to the digest they were asked for by."""
    return errors.DigestMismatch(
        "the store's bytes do not match their digest", which=ids.format_digest(ids.Digest(digest))
    )
