"""JSON-RPC 2.0 from request bytes to answer bytes: requests, batches and error codes.

Why: tools and wallets then see one ordinary kind of chain. Called by ``evm_thread``, one request at a time, so that a
batch runs between two blocks and its reads agree. Left out: HTTP (``server``), the methods (``methods``) and an
answer's durability: whoever calls ``handle`` holds the answer back until COMMIT while the chain has an open group.
"""

import json
import re
from typing import Any, Final

from aicommons.domain import errors
from aicommons.ledger.embedded import chain, methods

MAX_BATCH: Final = 1_000
"""Calls in one batch, go-ethereum's limit."""

MAX_DEPTH: Final = 32
"""Nesting of a request's JSON; the deepest proper one (a batch of log filters) has six levels."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMETERS: Final = -32602
INTERNAL_ERROR: Final = -32603
LIMIT_EXCEEDED: Final = -32005
REFUSED: Final = -32000
REVERTED: Final = 3

_CODES: Final = (
    (chain.ExecutionReverted, REVERTED),
    (methods.LimitExceeded, LIMIT_EXCEEDED),
    (errors.InputError, INVALID_PARAMETERS),
    (errors.TemporaryError, INTERNAL_ERROR),
    (errors.CommonsError, REFUSED),
)
"""Code of an error's class; the first line that fits counts."""


class Rpc:
    """Answers requests with one chain's methods; not thread-safe.

    Args:
        served: the methods.
    """

    def __init__(self, served: methods.Methods) -> None:
        self._methods = served

    def handle(self, body: bytes) -> bytes:
        """Answer one request or batch.

        Raises:
            GroupLost: nothing of the open group was recorded; answer with ``failure``.
        """
        self._methods.start_request()
        try:
            request = _parse(body)
        except ValueError as err:
            return _error(None, PARSE_ERROR, f"parse error: {err}").encode()
        if not isinstance(request, list):
            return self._answer(request).encode()
        if not 0 < len(request) <= MAX_BATCH:
            message = f"batch too large: at most {MAX_BATCH} calls, not {len(request)}" if request else "empty batch"
            return _error(None, INVALID_REQUEST, message).encode()
        return f"[{','.join([self._answer(call) for call in request])}]".encode()

    def _answer(self, request: object) -> str:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(None, INVALID_REQUEST, "invalid request: expected an object with a method")
        request_id = request.get("id")
        if isinstance(request_id, bool) or not isinstance(request_id, str | int):
            return _error(None, INVALID_REQUEST, "invalid request: id must be a number or a text")
        name, params = request["method"], request.get("params", [])
        if name not in methods.METHODS:
            return _error(request_id, METHOD_NOT_FOUND, f"the method {name[:64]} does not exist or is not available")
        if not isinstance(params, list):
            return _error(request_id, INVALID_PARAMETERS, "params must be a list")
        try:
            result = self._methods.run(name, params)
        except chain.GroupLost:
            raise
        except errors.CommonsError as err:
            return _refusal(request_id, err)
        text = result if isinstance(result, methods.RawJson) else json.dumps(result, separators=(",", ":"))
        return f'{{"jsonrpc":"2.0","id":{json.dumps(request_id)},"result":{text}}}'


_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_TEXT: Final = re.compile(rb'"[^"]*"')
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))


def _parse(body: bytes) -> Any:
    # py-evm raises Python's recursion limit so far that deeply nested JSON would overflow the stack and end the
    # process, so nesting is bounded here. So few brackets cannot be too deep, and are not looked at.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(body)
    return json.loads(body)


def _check_depth(body: bytes) -> None:
    """Refuse JSON that is nested too deeply, by peeling off one level of brackets at a time."""
    structure = _ESCAPE.sub(b"", body) if b"\\" in body else body
    structure = _TEXT.sub(b"", structure.translate(None, _NOT_STRUCTURE))
    for _ in range(MAX_DEPTH):
        structure = structure.replace(b"[]", b"").replace(b"{}", b"")
    if structure:
        raise ValueError(f"brackets are unbalanced or nested deeper than {MAX_DEPTH} levels")


def failure(body: bytes, message: str) -> bytes:
    """Return an internal error for every call of a request that was lost with its group."""
    request = json.loads(body)
    calls = request if isinstance(request, list) else [request]
    ids = [call.get("id") if isinstance(call, dict) else None for call in calls]
    answers = [_error(request_id, INTERNAL_ERROR, message) for request_id in ids]
    return (f"[{','.join(answers)}]" if isinstance(request, list) else answers[0]).encode()


def _refusal(request_id: object, err: errors.CommonsError) -> str:
    code = next(code for kind, code in _CODES if isinstance(err, kind))
    data = "0x" + err.data.hex() if isinstance(err, chain.ExecutionReverted) else None
    return _error(request_id, code, str(err), data)


def _error(request_id: object, code: int, message: str, data: str | None = None) -> str:
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}, separators=(",", ":"))


def refused_request(message: str) -> bytes:
    """Return the error for a request that is refused before it is read."""
    return _error(None, INVALID_REQUEST, message).encode()
