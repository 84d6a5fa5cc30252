"""Acting without coins: a member signs a call, a relayer sends it and pays (ERC-2771); this is the member's side.

Used by the client when a relayer is set. The relayer can refuse and delay, but neither change nor repeat what was signed, and
the client believes it nothing: what was carried out is read from the ledger. Left out: the relayer itself (``relayer``).
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Protocol, Self

from aicommons.domain import encoding, errors, ids, signing
from aicommons.ledger import contracts, rpc, sending
from aicommons.protocol import ports

EXECUTED = encoding.keccak(b"ExecutedForwardRequest(address,uint256,bool)")
DEADLINE_SECONDS = 600
"""How long a signed call is good: longer than a relayer's queue, shorter than anybody forgets it."""
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

        Raises ``errors.RelayRefused`` or ``errors.RelayUnreachable``.
        """


class HttpRelay:
    """A relayer behind HTTP(S)."""

    def __init__(self, transport: rpc.Transport) -> None:
        self._transport = transport

    def send(self, request: Request) -> bytes:
        """Have a call sent; return the hash of its transaction."""
        headers = {"Content-Type": "application/json"}
        reply = self._transport.request("POST", PATH, limit=MAX_BODY, headers=headers, body=request.to_json())
        try:
            body: Any = json.loads(reply.body)
            if reply.status == 200:
                return ids.parse_bytes32(body["transaction"])
            message, error = str(body["message"])[:500], body.get("error")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, errors.DecodeError) as err:
            raise errors.RelayUnreachable(
                f"the relayer answered with status {reply.status} and no sense", which=self._transport.origin
            ) from err
        if reply.status in (429, 503):
            raise errors.RelayUnreachable(message, which=self._transport.origin)
        raise errors.RelayRefused(message, error=error if isinstance(error, str) else None)


def prepare(
    connection: rpc.Rpc, forwarder: ids.Address, sender: ids.Address, call: sending.Outgoing
) -> signing.ForwardRequest:
    """Return what ``sender`` signs so that a relayer may bring a call, good for ``DEADLINE_SECONDS`` of the ledger's clock.

    Raises:
        rpc.RpcFailure: the contract would refuse the call.
        errors.InputError: the call creates a contract.
        errors.LedgerUnreachable, errors.LedgerMismatch: the ledger does not answer, or not sensibly.
    """
    if call.to is None:
        raise errors.InputError("this call cannot be relayed", expected="a contract that it goes to")
    asked = {"from": ids.format_id(sender), "to": ids.format_id(forwarder)}
    asked["data"] = "0x" + contracts.call_data("Forwarder", "nonces", (sender,)).hex()
    tried = {"from": ids.format_id(sender), "to": ids.format_id(call.to), "data": "0x" + call.data.hex()}
    nonce, newest, estimate = rpc.batch(
        connection,
        [
            ("eth_call", [asked, "latest"]),
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_estimateGas", [tried]),
        ],
    )
    if not isinstance(newest, dict):
        raise errors.LedgerMismatch("the ledger's answer is no block", which="latest")
    return signing.ForwardRequest(
        sender=sender,
        to=call.to,
        value=0,
        gas=sending.with_headroom(estimate),
        nonce=int.from_bytes(rpc.data(nonce), "big"),
        deadline=rpc.number(newest.get("timestamp")) + DEADLINE_SECONDS,
        data=call.data,
    )


def sign(signer: ports.Signer, place: encoding.Place, said: signing.ForwardRequest) -> Request:
    """Return a call signed for the forwarder at ``place``."""
    return Request(said, signer.sign_digest(said.digest(place)))


def outcome(logs: tuple[Mapping[str, Any], ...], forwarder: ids.Address, said: signing.ForwardRequest) -> bool:
    """Return whether the call succeeded, from the logs of the transaction that carried it out.

    Raises:
        errors.RelayRefused: the transaction did not carry it out.
    """
    sender = "0x" + said.sender.rjust(32, b"\0").hex()
    for log in logs:
        if str(log.get("address")).lower() == ids.format_id(forwarder) and log.get("topics") == [
            ids.format_id(EXECUTED),
            sender,
        ]:
            nonce, success = encoding.abi_decode(["uint256", "bool"], rpc.data(log.get("data")))
            if nonce == said.nonce:
                return bool(success)
    raise errors.RelayRefused("the relayer's transaction does not hold the call that was signed")
