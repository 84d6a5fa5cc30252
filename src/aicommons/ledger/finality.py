"""How far behind the newest block a home believes a chain, and which blocks it has read.

Used by ``reading`` (events) and ``sending`` (receipts). A chain of few known validators (QBFT) and the embedded ledger never take
a block back: depth 0. On others blocks are taken back now and then, so that what is done there counts when enough blocks lie on
top, or when the chain itself calls the block ``safe`` or ``finalized``.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

from aicommons.domain import errors
from aicommons.ledger import rpc

TAGS = ("safe", "finalized")
DEEPEST = 4096
KEPT = 1024
"""Blocks whose hashes are remembered: more than any chain takes back that we would follow."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finality:
    """When a block counts: so many blocks under the newest one, or when the chain says so."""

    depth: int = 0
    """Blocks that must lie on top."""
    tag: str | None = None
    """The chain's own word for it, instead of ``depth``."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a number of blocks, ``safe`` or ``finalized``.

        Raises:
            errors.InputError: it is none of these.
        """
        if text in TAGS:
            return cls(0, text)
        if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > DEEPEST:
            raise errors.InputError(
                "not a depth of blocks", which="confirmations", expected=f"0 to {DEEPEST}, safe or finalized", got=text
            )
        return cls(int(text))

    def __str__(self) -> str:
        return self.tag or str(self.depth)

    @property
    def is_instant(self) -> bool:
        """Whether a block counts as soon as it is there."""
        return self == INSTANT

    @property
    def asked(self) -> tuple[str, list[object]]:
        """The call for the block from which ``depth`` is counted."""
        return "eth_getBlockByNumber", [self.tag or "latest", False]

    def last(self, head: Mapping[str, Any]) -> int:
        """Return the number of the newest block that counts, -1 before there is one; ``head`` is the answer to ``asked``."""
        return max(-1, rpc.number(head.get("number")) - self.depth)


INSTANT = Finality()
TWELVE = Finality(12)
"""For a chain of which nothing else is known."""
BY_AGREEMENT = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
"""``mixHash`` of every block on which IBFT 2 or QBFT validators agreed (EIP-650): such a block is final at once."""


def suggested(connection: rpc.Rpc) -> Finality:
    """Return when a chain's blocks count, as far as its newest block says: at once, by its own word, or after twelve.

    Raises:
        rpc.RpcFailure, errors.LedgerUnreachable, errors.LedgerMismatch: the ledger does not say.
    """
    asked: list[rpc.Question] = [("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "finalized")]
    newest, final = rpc.batch_results(connection, asked)
    if not isinstance(newest, dict):
        raise errors.LedgerMismatch("the ledger's answer is no block", which="latest")
    if newest.get("mixHash") == BY_AGREEMENT:
        return INSTANT
    if isinstance(final, dict) and rpc.number(final.get("number")):
        return Finality(0, "finalized")
    return TWELVE


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """A block that was read."""

    number: int
    digest: str
    """Its hash as the ledger writes it."""


class Trail:
    """The newest blocks that were read, by hash: what is behind them was read only if they are still there."""

    def __init__(self) -> None:
        self._marks: collections.deque[Mark] = collections.deque(maxlen=KEPT)

    @property
    def newest(self) -> Mark | None:
        """The newest block that was read, if one was."""
        return self._marks[-1] if self._marks else None

    def digest_at(self, number: int) -> str | None:
        """Return the hash of a block that was read, ``None`` where it was not or is forgotten."""
        return next((mark.digest for mark in self._marks if mark.number == number), None)

    def keep(self, marks: Iterable[Mark]) -> None:
        """Take note of blocks, ascending, behind those that are known."""
        for mark in marks:
            if not self._marks or mark.number > self._marks[-1].number:
                self._marks.append(mark)

    def forget(self) -> None:
        """Know no block any more."""
        self._marks.clear()

    def ancestor(self, connection: rpc.Rpc) -> int:
        """Return the number of the newest block of the trail that the ledger still has, -1 if it has none.

        Asked from the newest down, a few at a time: what is taken back is seldom more than a few blocks.

        Raises:
            rpc.RpcFailure, errors.LedgerUnreachable, errors.LedgerMismatch: the ledger does not say.
        """
        known = list(self._marks)[::-1]
        for at in range(0, len(known), 16):
            some = known[at : at + 16]
            found = rpc.batch(connection, [("eth_getBlockByNumber", [hex(mark.number), False]) for mark in some])
            for mark, block in zip(some, found, strict=True):
                if isinstance(block, dict) and block.get("hash") == mark.digest:
                    return mark.number
        return -1
