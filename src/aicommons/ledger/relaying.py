"""Acting without coins: a member signs a call, a relayer sends it and pays (ERC-2771); this is what travels between them.

Used by ``courier`` on the member's side and by the relayer's server. The relayer can refuse and delay, but neither change nor repeat
what was signed. Left out: what becomes of a call (``courier``), and the relayer itself (``relayer``).
"""

import dataclasses
import json
from typing import Any, Protocol, Self

from aicommons.domain import encoding, errors, ids, signing
from aicommons.ledger import rpc, sending
from aicommons.protocol import ports

READ_SECONDS = sending.WAIT_SECONDS + 60
"""How long an answer is waited for: a relayer answers when the ledger has recorded its transaction, or not in time."""
MAX_BODY = 256 * 1024
"""Largest request or answer, in bytes."""
PATH = "/relay"


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A signed call on its way to a relayer."""

    said: signing.ForwardRequest
    signature: bytes
    """65 bytes by ``said.sender``."""

    def to_json(self) -> bytes:
        """Return it as it travels."""
        body = {field.name: getattr(self.said, field.name) for field in dataclasses.fields(self.said)}
        body |= {"signature": self.signature}
        return json.dumps({name: ids.format_id(v) if isinstance(v, bytes) else v for name, v in body.items()}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read it.

        Raises:
            errors.DecodeError: it is none.
        """
        try:
            body = json.loads(data)
            numbers = {name: body[name] for name in ("value", "gas", "nonce", "deadline")}
            sender, to = (ids.parse_address(body[name]) for name in ("sender", "to"))
            call, signed = (rpc.data(body[name]) for name in ("data", "signature"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, errors.CommonsError) as err:
            raise errors.DecodeError("not a forward request") from err
        if not all(type(number) is int and 0 <= number < 2**256 for number in numbers.values()):
            raise errors.DecodeError("not a forward request", expected="numbers of at most 256 bits")
        if numbers["deadline"] >= 2**48 or len(body) != len(numbers) + 4:
            raise errors.DecodeError("not a forward request")
        return cls(signing.ForwardRequest(sender=sender, to=to, data=call, **numbers), signed)

    def values(self) -> tuple[object, ...]:
        """Return it as the forwarder takes it (``ForwardRequestData``)."""
        said = self.said
        return (said.sender, said.to, said.value, said.gas, said.deadline, said.data, self.signature)


class Relay(Protocol):
    """A relayer as its users see it."""

    def send(self, request: Request) -> bytes:
        """Have a call sent; return the hash of the transaction that has it, 32 bytes.

        Raises:
            errors.RelayRefused: it is not sent.
            errors.RelayUnreachable: it was not taken; it may be tried again.
            errors.RelayOutcomeUnknown: it may have been taken.
        """


class HttpRelay:
    """A relayer behind HTTP(S)."""

    def __init__(self, transport: rpc.Transport) -> None:
        """Prepare.

        Args:
            transport: never sends a request twice, waits ``READ_SECONDS``, and raises ``errors.RelayUnreachable``, or
                ``errors.RelayOutcomeUnknown`` where the relayer may have the request.
        """
        self._transport = transport

    def send(self, request: Request) -> bytes:
        """Have a call sent; return the hash of its transaction."""
        # A connection that is not kept cannot have been closed meanwhile, which would look like a call that may have been taken.
        headers = {"Content-Type": "application/json", "Connection": "close"}
        reply = self._transport.request("POST", PATH, limit=MAX_BODY, headers=headers, body=request.to_json())
        try:
            body: Any = json.loads(reply.body)
            if reply.status == 200:
                return ids.parse_bytes32(body["transaction"])
            message, error = str(body["message"])[:500], body.get("error")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, errors.DecodeError) as err:
            raise errors.RelayOutcomeUnknown(
                f"the relayer answered with status {reply.status} and no sense", which=self._transport.origin
            ) from err
        if reply.status in (429, 503):
            raise errors.RelayUnreachable(message, which=self._transport.origin)
        if reply.status >= 500:
            raise errors.RelayOutcomeUnknown(message, which=self._transport.origin)
        raise errors.RelayRefused(message, error=error if isinstance(error, str) else None)


def sign(signer: ports.Signer, place: encoding.Place, said: signing.ForwardRequest) -> Request:
    """Return a call signed for the forwarder at ``place``."""
    return Request(said, signer.sign_digest(said.digest(place)))
