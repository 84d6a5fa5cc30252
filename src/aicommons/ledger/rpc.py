"""JSON-RPC towards any Ethereum-type ledger: one request or one batch over a kept connection.

``HttpRpc`` speaks to a server, ``LocalRpc`` to a ledger in the same process (simulations). Foreign answers are bounded
and checked for shape here; what they mean is the client's business. No retries: errors say whether to try again.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from aicommons.domain import errors

MAX_ANSWER = 64 * 2**20
"""Largest answer accepted, in bytes."""
QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
TOO_OFTEN = re.compile(r"\brate\b|too many requests|request count|per (second|minute|day)", re.IGNORECASE)
"""Words for a limit on how often one may ask, as the code 429 says it too."""
LONGEST_WAIT = 300.0
"""Seconds that a server may tell us to stay away at most."""

T = TypeVar("T")
Question = tuple[str, Sequence[object]]
"""Method and parameters."""


class RpcFailure(Exception):
    """A JSON-RPC error object; the client turns it into an error of the tree."""

    def __init__(self, code: int, message: str, data: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class AnswerTooLong(errors.LedgerUnreachable):
    """Ask for less at once: the answer was longer than ``MAX_ANSWER`` and was not read."""


class Lagging(errors.LedgerUnreachable):
    """An endpoint has not yet what was read from another."""


class Rpc(Protocol):
    """Sends one JSON-RPC payload and returns the answer's bytes."""

    def exchange(self, payload: bytes) -> bytes:
        """Raises ``errors.LedgerUnreachable``."""


@runtime_checkable
class Several(Protocol):
    """Several endpoints behind one connection (``failover``)."""

    def steadily(self, work: Callable[[Rpc], T]) -> T:
        """Return what ``work`` makes of one endpoint, from the beginning with another when that one fails."""


class LocalRpc:
    """A ledger in this process."""

    def __init__(self, handle: Callable[[bytes], bytes]) -> None:
        self._handle = handle

    def exchange(self, payload: bytes) -> bytes:
        """Return the ledger's answer."""
        return self._handle(payload)


class Reply(Protocol):
    """What a transport returns."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, whose names may be asked for in any case."""

    @property
    def body(self) -> bytes:
        """Body, empty when it was too long."""

    @property
    def complete(self) -> bool:
        """Whether the body is all of it."""


class Transport(Protocol):
    """Sends HTTP requests to one server, through a proxy where one is set."""

    origin: str

    def request(self, method: str, path: str, *, limit: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises ``errors.LedgerUnreachable`` for network faults."""


class HttpRpc:
    """A ledger behind HTTP(S)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def exchange(self, payload: bytes) -> bytes:
        """Return the server's answer.

        Raises:
            errors.LedgerUnreachable: no connection, a time-out, or another status than 200.
            AnswerTooLong: an oversized answer.
        """
        headers = {"Content-Type": "application/json"}
        reply = self._transport.request("POST", "", limit=MAX_ANSWER, headers=headers, body=payload)
        if reply.status == 200 and not reply.complete:
            raise AnswerTooLong(f"the ledger's answer is longer than {MAX_ANSWER} bytes", which=self._transport.origin)
        if reply.status != 200:
            raise errors.LedgerUnreachable(
                f"the ledger answered with status {reply.status}",
                which=self._transport.origin,
                delay=_told_wait(reply),
            )
        return reply.body


def _told_wait(reply: Reply) -> float:
    """Return for how many seconds a server wants not to be asked, by its ``Retry-After``; one where it does not say."""
    told = reply.headers.get("Retry-After", "")
    return min(LONGEST_WAIT, float(told)) if told.isascii() and told.isdecimal() else 1.0


def steadily(connection: Rpc, work: Callable[[Rpc], T]) -> T:
    """Return what ``work`` makes of a connection; where that is several endpoints, of a single one of them."""
    return connection.steadily(work) if isinstance(connection, Several) else work(connection)


def is_too_often(code: object, message: str) -> bool:
    """Return whether a ledger's error means that it is asked too often; asking for less would only make that worse."""
    return code == 429 or TOO_OFTEN.search(message) is not None


def call(rpc: Rpc, method: str, params: Sequence[object]) -> Any:
    """Return the result of one call.

    Raises:
        RpcFailure: the ledger answered with an error object.
        errors.LedgerMismatch: the answer is not JSON-RPC.
    """
    return batch(rpc, [(method, params)])[0]


def number(result: object) -> int:
    """Return a quantity that a ledger answered.

    Raises:
        errors.LedgerMismatch: it is none.
    """
    if not isinstance(result, str) or not QUANTITY.fullmatch(result):
        raise errors.LedgerMismatch("the ledger's answer is no quantity", expected="0x and hexadecimal digits")
    return int(result, 16)


def data(result: object) -> bytes:
    """Return bytes of any length that a ledger answered.

    Raises:
        errors.LedgerMismatch: they are none.
    """
    if not isinstance(result, str) or not DATA.fullmatch(result):
        raise errors.LedgerMismatch("the ledger's answer is no data", expected="0x and pairs of hexadecimal digits")
    return bytes.fromhex(result[2:])


def batch(rpc: Rpc, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
    """Return the results of ``calls``, which a ledger answers in order; raises like ``call``, for the first error."""
    results = []
    for result in batch_results(rpc, calls):
        if isinstance(result, RpcFailure):
            raise result
        results.append(result)
    return results


def batch_results(rpc: Rpc, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
    """Return result or ``RpcFailure`` for each of ``calls``.

    Raises:
        errors.LedgerMismatch: the answer is not a JSON-RPC answer to these calls.
    """
    requests = [
        {"jsonrpc": "2.0", "id": index, "method": method, "params": list(params)}
        for index, (method, params) in enumerate(calls)
    ]
    try:
        answers = json.loads(rpc.exchange(json.dumps(requests).encode()))
    except (ValueError, RecursionError) as err:
        raise errors.LedgerMismatch("the ledger's answer is not JSON") from err
    if isinstance(answers, dict) and isinstance(answers.get("error"), dict):
        return [_result(answers)] * len(requests)  # some refuse a whole batch with one error
    if not isinstance(answers, list) or len(answers) != len(requests):
        raise errors.LedgerMismatch("the ledger did not answer every call", expected=len(requests))
    by_id = {answer["id"]: answer for answer in answers if isinstance(answer, dict) and type(answer.get("id")) is int}
    return [_result(by_id.get(index)) for index in range(len(requests))]


def _result(answer: object) -> Any:
    if not isinstance(answer, dict):
        raise errors.LedgerMismatch("the ledger did not answer every call")
    failure = answer.get("error")
    if failure is None:
        return answer.get("result")
    if not isinstance(failure, dict):
        raise errors.LedgerMismatch("the ledger's error is not an object")
    code = failure.get("code")
    return RpcFailure(code if isinstance(code, int) else 0, str(failure.get("message")), failure.get("data"))
