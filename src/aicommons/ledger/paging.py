"""Reads logs in windows of blocks, because every ledger refuses some number of logs or blocks in one answer.

Called by the client when one question for everything new was too much: a node that joins late, or was away for long.
Windows are halved while the ledger says that they hold too much, and grow again where it is quiet. Ledgers say "too
much" each in its own words. Left out: the question itself and what a log means (``client``).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from aicommons.domain import errors
from aicommons.ledger import rpc

GROW_AFTER = 4
"""Windows that must fit, one after the other, before a larger one is tried: most questions should not be refused."""
LIMIT_EXCEEDED = -32005
"""The code that EIP-1474 gives to an exceeded limit; geth, Besu and Infura use it, others a code of their own."""
TOO_MUCH = re.compile(r"too (many|much|large|big|wide|long)|more than|exceed|limit|range|response size", re.IGNORECASE)

Ask = Callable[[int, int], Sequence[Any]]
"""(first block, last block) -> logs of these blocks, both included."""


def is_too_much(refusal: Exception) -> bool:
    """Return whether a ledger refused a question because its answer would be too large."""
    if not isinstance(refusal, rpc.RpcFailure):
        return isinstance(refusal, rpc.AnswerTooLong)
    if rpc.is_too_often(refusal.code, refusal.message):
        return False
    return refusal.code == LIMIT_EXCEEDED or TOO_MUCH.search(refusal.message) is not None


def read(ask: Ask, first: int, last: int) -> list[Any]:
    """Return the logs of blocks ``first`` to ``last``, asked for in windows, in the ledger's order.

    Raises:
        errors.LedgerRefused: a single block holds more than the ledger answers.
        rpc.RpcFailure: the ledger refused for another reason.
        errors.LedgerUnreachable: nobody answered.
    """
    found: list[Any] = []
    size, fitted = max(1, (last - first + 1) // 2), 0
    while first <= last:
        end = min(first + size - 1, last)
        try:
            found += ask(first, end)
        except (rpc.RpcFailure, rpc.AnswerTooLong) as refusal:
            _check_divisible(refusal, first, end)
            size, fitted = (end - first + 1) // 2, 0
            continue
        first, fitted = end + 1, fitted + 1
        if fitted % GROW_AFTER == 0:
            size *= 2
    return found


def _check_divisible(refusal: Exception, first: int, end: int) -> None:
    if not is_too_much(refusal):
        raise refusal
    if first == end:
        raise errors.LedgerRefused(
            f"the ledger does not answer for the logs of a single block: {refusal}",
            which=f"block {first}",
            next_step="use a ledger endpoint with a higher limit on logs in one answer",
        ) from refusal
