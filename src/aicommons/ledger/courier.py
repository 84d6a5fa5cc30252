"""Hands a member's calls to a relayer, and finds out from the ledger what became of them.

Used by the client when a relayer is set. A relayer that does not answer may still carry a call out, and one that answers may lie: so
the ledger is asked before anything is said, and a call whose outcome is open is never signed a second time while it is asked for again.
Left out: what travels (``relaying``), and who pays (``relayer``).
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Any

from aicommons.domain import encoding, errors, ids, signing
from aicommons.ledger import contracts, fees, relaying, rpc, sending
from aicommons.protocol import ports

EXECUTED = encoding.keccak(b"ExecutedForwardRequest(address,uint256,bool)")
DEADLINE_SECONDS = 600
"""How long a signed call is good: longer than a relayer's queue, shorter than anybody forgets it."""


class Fate(enum.Enum):
    """What became of a call that was handed over."""

    SUCCEEDED = enum.auto()
    FAILED = enum.auto()
    OPEN = enum.auto()
    """Not carried out, but it may be."""
    GONE = enum.auto()
    """Not carried out, and it never will be: its deadline is past, or another call took its number."""


@dataclasses.dataclass(frozen=True, slots=True)
class Handed:
    """A signed call that a relayer may have."""

    request: relaying.Request
    since: int
    """Newest block when it was signed: it cannot be in an earlier one."""


class Courier:
    """One wallet's relayed calls, one after the other: hands them to the relayer and finds out what became of them."""

    def __init__(
        self, connection: rpc.Rpc, relay: relaying.Relay, signer: ports.Signer, sender: sending.Sender
    ) -> None:
        self._rpc = connection
        self._relay = relay
        self._signer = signer
        self._sender = sender
        self._open: Handed | None = None

    def send(self, forwarder: ids.Address, call: sending.Outgoing) -> bool:
        """Return whether a call succeeded, once the ledger has it.

        When a call is asked for again whose outcome was not known, it is handed over as it was signed the first time: so it is
        carried out once, whatever became of it meanwhile.

        Raises:
            errors.RelayRefused: the relayer does not send it.
            errors.RelayUnreachable: it was not taken; it may be tried again.
            errors.RelayOutcomeUnknown: it may still be carried out, until the time that the message names.
            rpc.RpcFailure, errors.LedgerUnreachable, errors.LedgerMismatch: the ledger's own, before anything was handed over.
        """
        handed, fate = self._open, Fate.GONE
        if handed is not None and (handed.request.said.to, handed.request.said.data) == (call.to, call.data):
            fate = fate_of(self._rpc, forwarder, handed)
        if fate in (Fate.SUCCEEDED, Fate.FAILED):
            self._open = None
            return fate is Fate.SUCCEEDED
        if handed is None or fate is Fate.GONE:
            said, since = prepare(self._rpc, forwarder, self._signer.address, call)
            place = encoding.Place(self._sender.chain_id, forwarder)
            handed = Handed(relaying.sign(self._signer, place, said), since)
        self._open = None
        return self._hand(forwarder, handed)

    def _hand(self, forwarder: ids.Address, handed: Handed) -> bool:
        try:
            digest = self._relay.send(handed.request)
        except (errors.RelayRefused, errors.RelayUnreachable) as err:
            return self._looked(forwarder, handed, err)
        try:
            return outcome(self._sender.recorded(digest, forwarder).logs, forwarder, handed.request.said)
        except (errors.RelayRefused, errors.ReceiptContradicted, errors.LedgerUnreachable) as err:
            # It has the call, and named a transaction that does not hold it, or not yet.
            return self._looked(
                forwarder, handed, errors.RelayOutcomeUnknown(f"the relayer's word does not hold: {err}")
            )

    def _looked(
        self, forwarder: ids.Address, handed: Handed, err: errors.RelayRefused | errors.RelayUnreachable
    ) -> bool:
        """Return what the ledger says of a call that the relayer does not vouch for; else raise what is true of it."""
        try:
            fate = fate_of(self._rpc, forwarder, handed)
        except (rpc.RpcFailure, errors.LedgerUnreachable, errors.LedgerMismatch):
            fate = Fate.OPEN
        if fate in (Fate.SUCCEEDED, Fate.FAILED):
            return fate is Fate.SUCCEEDED
        if not isinstance(err, errors.RelayOutcomeUnknown):
            raise err
        if fate is Fate.GONE:
            raise errors.RelayUnreachable(
                f"it was not carried out, and never will be ({err.message})", which=err.which, next_step="Repeat it."
            ) from err
        self._open = handed
        moment = dt.datetime.fromtimestamp(handed.request.said.deadline, dt.UTC)
        until = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
        raise errors.RelayOutcomeUnknown(
            f"it may still be carried out until {until}; do not repeat before ({err.message})",
            which=err.which,
            delay=DEADLINE_SECONDS,
            next_step=f"Look after {until} whether it was done, and repeat it if it was not.",
        ) from err


def fate_of(connection: rpc.Rpc, forwarder: ids.Address, handed: Handed) -> Fate:
    """Return what the ledger says of a call that was handed over.

    Raises:
        errors.LedgerMismatch, errors.LedgerUnreachable, rpc.RpcFailure: it does not say.
    """
    said = handed.request.said
    nonce, newest = rpc.batch(
        connection, [_nonce_call(forwarder, said.sender), ("eth_getBlockByNumber", ["latest", False])]
    )
    if _number(nonce) <= said.nonce:
        return Fate.GONE if _field(newest, "timestamp") > said.deadline else Fate.OPEN
    topics = [ids.format_id(EXECUTED), "0x" + said.sender.rjust(32, b"\0").hex()]
    query = {"fromBlock": hex(handed.since), "toBlock": "latest", "address": ids.format_id(forwarder), "topics": topics}
    found = rpc.call(connection, "eth_getLogs", [query])
    for log in found if isinstance(found, list) else []:
        success = _executed(log, forwarder, said)
        if success is not None:
            whole = rpc.call(connection, "eth_getTransactionByHash", [log.get("transactionHash")])
            if not isinstance(whole, dict):
                break
            is_ours = handed.request.signature in rpc.data(
                whole.get("input")
            )  # two programs may have signed one number
            return (Fate.SUCCEEDED if success else Fate.FAILED) if is_ours else Fate.GONE
    raise errors.LedgerMismatch("a call's number was used, but the ledger does not show for what")


def _nonce_call(forwarder: ids.Address, sender: ids.Address) -> tuple[str, list[object]]:
    asked = {"from": ids.format_id(sender), "to": ids.format_id(forwarder)}
    asked["data"] = "0x" + contracts.call_data("Forwarder", "nonces", (sender,)).hex()
    return "eth_call", [asked, "latest"]


def _number(word: object) -> int:
    return int.from_bytes(rpc.data(word), "big")


def _field(block: object, name: str) -> int:
    if not isinstance(block, dict):
        raise errors.LedgerMismatch("the ledger's answer is no block", which="latest")
    return rpc.number(block.get(name))


def prepare(
    connection: rpc.Rpc, forwarder: ids.Address, sender: ids.Address, call: sending.Outgoing
) -> tuple[signing.ForwardRequest, int]:
    """Return what ``sender`` signs so that a relayer may bring a call, and the number of the newest block.

    It is good for ``DEADLINE_SECONDS`` of the ledger's clock.

    Raises:
        rpc.RpcFailure: the contract would refuse the call.
        errors.InputError: the call creates a contract.
        errors.LedgerUnreachable, errors.LedgerMismatch: the ledger does not answer, or not sensibly.
    """
    if call.to is None:
        raise errors.InputError("this call cannot be relayed", expected="a contract that it goes to")
    tried = {"from": ids.format_id(sender), "to": ids.format_id(call.to), "data": "0x" + call.data.hex()}
    nonce, newest, estimate = rpc.batch(
        connection,
        [
            _nonce_call(forwarder, sender),
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_estimateGas", [tried]),
        ],
    )
    said = signing.ForwardRequest(
        sender=sender,
        to=call.to,
        value=0,
        gas=fees.with_headroom(estimate),
        nonce=_number(nonce),
        deadline=_field(newest, "timestamp") + DEADLINE_SECONDS,
        data=call.data,
    )
    return said, _field(newest, "number")


def outcome(logs: tuple[Mapping[str, Any], ...], forwarder: ids.Address, said: signing.ForwardRequest) -> bool:
    """Return whether the call succeeded, from the logs of the transaction that carried it out.

    Raises:
        errors.RelayRefused: the transaction did not carry it out.
    """
    for log in logs:
        success = _executed(log, forwarder, said)
        if success is not None:
            return success
    raise errors.RelayRefused("the relayer's transaction does not hold the call that was signed")


def _executed(log: Mapping[str, Any], forwarder: ids.Address, said: signing.ForwardRequest) -> bool | None:
    """Return whether a call succeeded that a log tells of, ``None`` if the log does not tell of it."""
    topics = [ids.format_id(EXECUTED), "0x" + said.sender.rjust(32, b"\0").hex()]
    if str(log.get("address")).lower() != ids.format_id(forwarder) or log.get("topics") != topics:
        return None
    nonce, success = encoding.abi_decode(["uint256", "bool"], rpc.data(log.get("data")))
    return bool(success) if nonce == said.nonce else None
