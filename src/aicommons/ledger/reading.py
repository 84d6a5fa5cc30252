"""Reads new logs of the commons' contracts, and finds out when a chain takes back what was read.

Called by the client for every poll. A single endpoint of a ledger that takes nothing back is asked for everything new in one
exchange. Everywhere else only blocks that count (``finality``) are read, all of a poll from one endpoint; their hashes are
remembered, each new block must follow the one before, each log must lie in the block that it names, and a block whose bloom
tells of events without logs is looked into. Left out: what a log means (``events``).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from aicommons.domain import errors, ids
from aicommons.ledger import blooms, finality, paging, rpc

HEADERS = 32
"""New blocks that are read with their headers, in one exchange; more are read by pages, of whose blocks only the last is looked at."""
TOGETHER = 100
"""Blocks that are asked for in one exchange: public endpoints take batches of a hundred."""
TAG_DEPTH = 128
"""Blocks that a chain may take back which names its final blocks: two epochs of 32, twice."""

Where = Mapping[ids.Address, str]
"""Address -> contract."""
Block = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class News:
    """What was read at once."""

    last: int
    """Number of the last block that was read."""
    logs: Sequence[Any]
    """As the ledger tells them."""
    marks: tuple[finality.Mark, ...] = ()
    """Blocks of it, ascending."""
    top: int = -1
    """Newest block that the ledger told of."""


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """From where on and how a chain is read."""

    first: int
    """Block before which there is nothing to read."""
    counted: finality.Finality = finality.INSTANT
    """When a block counts at this home."""
    declared: finality.Finality = finality.INSTANT
    """What the deployment says of the chain: deeper than that nothing may be taken back."""

    @property
    def most_taken_back(self) -> int:
        """Blocks that the chain may take back."""
        return self.declared.depth if self.declared.tag is None else TAG_DEPTH


class Reader:
    """One reader's place in the chain."""

    def __init__(self, connection: rpc.Rpc, terms: Terms) -> None:
        self._rpc = connection
        self.terms = terms
        self.next_block = terms.first
        self._trail = finality.Trail()
        self._top = -1

    @property
    def _is_plain(self) -> bool:
        is_final = self.terms.counted.is_instant and self.terms.declared.is_instant
        return is_final and not isinstance(self._rpc, rpc.Several)

    def news(self, where: Where) -> News:
        """Return all logs of the contracts since the last block that was kept; nothing is taken note of yet.

        Raises:
            errors.LedgerReorganised: what was read before is to be forgotten; the next question begins at the first block.
            errors.LedgerMismatch: more was taken back than the chain may, or the answers contradict each other.
            errors.LedgerRefused, errors.LedgerUnreachable, rpc.RpcFailure: the ledger does not answer.
        """
        if self._is_plain:
            return self._at_once(self._rpc, where)
        try:
            return rpc.steadily(self._rpc, lambda one: self._settled(one, where))
        except rpc.Lagging:
            return News(self.next_block - 1, ())
        except errors.LedgerReorganised:
            self.next_block, self._top = self.terms.first, -1
            self._trail.forget()
            raise

    def keep(self, news: News) -> None:
        """Go on behind ``news`` from now on."""
        self.next_block = max(self.next_block, news.last + 1)
        self._top = max(self._top, news.top)
        self._trail.keep(news.marks)

    # ---------------------------------------------------------------------------------------- a ledger that takes nothing back

    def _at_once(self, one: rpc.Rpc, where: Where) -> News:
        try:
            asked = [("eth_blockNumber", []), _logs_call(where, self.next_block, None)]
            head, found = rpc.batch_results(one, asked)
            if isinstance(found, rpc.RpcFailure) and rpc.number(_told(head)) < self.next_block:
                return News(self.next_block - 1, [])  # some ledgers refuse to look where there is no block yet
            found = _told(found)
        except (rpc.RpcFailure, rpc.AnswerTooLong) as refusal:
            if not paging.is_too_much(refusal):
                raise
        else:
            return News(rpc.number(_told(head)), _timed(one, found))
        # The head is fixed before the first page: what is recorded between two pages belongs to the next poll.
        last = rpc.number(rpc.call(one, "eth_blockNumber", []))
        found = paging.read(lambda first, until: logs(one, where, first, until), self.next_block, last)
        return News(last, _timed(one, found))

    # ------------------------------------------------------------------------------------------------------- any other ledger

    def _settled(self, one: rpc.Rpc, where: Where) -> News:
        head, known = self._stand(one)
        if head is None:
            return News(self.next_block - 1, ())
        last = self.terms.counted.last(head)
        self._check_known(one, head, known)
        height = rpc.number(head.get("number"))
        if height < self._top:
            raise rpc.Lagging(f"the endpoint is at block {height}, and {self._top} was told of already")
        if last < self.next_block:
            return News(self.next_block - 1, (), (), height)
        read = self._close if last - self.next_block < HEADERS else self._far
        found, marks = read(one, where, last)
        return News(last, found, marks, height)

    def _stand(self, one: rpc.Rpc) -> tuple[Block | None, object]:
        """Return the block from which the depth is counted, ``None`` if there is none yet, and the newest that was read."""
        newest = self._trail.newest
        asked = [self.terms.counted.asked]
        asked += [] if newest is None else [_block_call(newest.number)]
        head, *known = rpc.batch_results(one, asked)
        if self.terms.counted.tag is not None and (head is None or isinstance(head, rpc.RpcFailure)):
            return None, None  # a young chain has no such block
        for each in (head, *known):
            if isinstance(each, rpc.RpcFailure):
                raise each
        return _block(head), known[0] if known else None

    def _check_known(self, one: rpc.Rpc, head: Block, known: object) -> None:
        """Check that the newest block that was read is still there."""
        newest = self._trail.newest
        if newest is None or (isinstance(known, dict) and _mark(self._there(known, newest.number)) == newest):
            return
        height = rpc.number(head.get("number"))
        if not isinstance(known, dict) and self._trail.digest_at(height) in (None, head.get("hash")):
            raise rpc.Lagging(f"the endpoint is at block {height}, and {newest.number} was read already")
        ancestor = self._trail.ancestor(one)
        depth = max(self._top, newest.number) - ancestor
        if ancestor < 0 or depth > self.terms.most_taken_back:
            raise errors.LedgerMismatch(
                "the chain took back blocks that were final",
                which=f"block {newest.number}",
                expected=f"at most {self.terms.most_taken_back} blocks taken back",
                got=str(depth) if ancestor >= 0 else "none of those that were read is there",
                next_step="ask the other members what their ledger says of this block, and whoever runs it what happened",
            )
        raise errors.LedgerReorganised(
            f"the chain took back {depth} blocks and goes on from block {ancestor}; what was read is read again",
            ancestor=ancestor,
            depth=depth,
        )

    def _close(self, one: rpc.Rpc, where: Where, last: int) -> tuple[list[Any], tuple[finality.Mark, ...]]:
        """Read a few new blocks with their headers."""
        numbers = range(self.next_block, last + 1)
        asked = [_logs_call(where, numbers[0], last), *(_block_call(number) for number in numbers)]
        found, *headers = rpc.batch_results(one, asked)
        if isinstance(found, rpc.RpcFailure):
            if paging.is_too_much(found):
                return self._far(one, where, last)
            raise found
        blocks = {number: self._there(each, number) for number, each in zip(numbers, headers, strict=True)}
        self._check_chained(blocks)
        told = _within(found, numbers[0], last)
        for each in told:
            _check_place(each, blocks[rpc.number(each.get("blockNumber"))])
        for number, block in blocks.items():
            _check_told(
                one, where, block, {each.get("address") for each in told if each.get("blockNumber") == hex(number)}
            )
        timed = [_with_time(each, blocks[rpc.number(each.get("blockNumber"))]) for each in told]
        return timed, tuple(_mark(block) for block in blocks.values())

    def _far(self, one: rpc.Rpc, where: Where, last: int) -> tuple[list[Any], tuple[finality.Mark, ...]]:
        """Read many blocks by pages, and look afterwards whether the chain is still the one that was read."""
        marks: list[finality.Mark] = []

        def page(first: int, until: int) -> list[Any]:
            found, end = rpc.batch_results(one, [_logs_call(where, first, until), _block_call(until)])
            for each in (found, end):
                if isinstance(each, rpc.RpcFailure):
                    raise each
            told = _within(found, first, until)
            marks.append(_mark(self._there(end, until)))
            return told

        read = paging.read(page, self.next_block, last)
        ends = _blocks(one, [mark.number for mark in marks])
        if any(_mark(ends[mark.number]) != mark for mark in marks):
            raise errors.LedgerUnreachable("the chain changed while it was read")
        # Each block that may be taken back is remembered, so that it is known how many were.
        tail = _blocks(one, range(max(self.next_block, last - max(HEADERS, self.terms.most_taken_back)), last + 1))
        self._check_chained(tail)
        kept = {mark.number: mark for mark in (*marks, *map(_mark, tail.values()))}
        return _timed(one, read), tuple(kept[number] for number in sorted(kept))

    def _there(self, block: object, number: int) -> Block:
        if block is None:
            raise rpc.Lagging(f"the endpoint has no block {number} any more")
        found = _block(block)
        if rpc.number(found.get("number")) != number:
            raise errors.LedgerMismatch(
                "the ledger's answer is another block", expected=number, got=found.get("number")
            )
        return found

    def _check_chained(self, blocks: Mapping[int, Block]) -> None:
        newest = self._trail.newest
        parents = {} if newest is None else {newest.number: newest.digest}
        parents |= {number: _mark(block).digest for number, block in blocks.items()}
        for number, block in blocks.items():
            if parents.get(number - 1, block.get("parentHash")) != block.get("parentHash"):
                raise errors.LedgerUnreachable("the chain changed while it was read", which=f"block {number}")


def logs(one: rpc.Rpc, where: Where, first: int, last: int) -> list[Any]:
    """Return the logs of some contracts in blocks ``first`` to ``last``, raises as ``rpc.call``."""
    return _list(rpc.call(one, *_logs_call(where, first, last)))


def _logs_call(where: Where, first: int, last: int | None) -> tuple[str, list[object]]:
    query = {
        "fromBlock": hex(first),
        "toBlock": "latest" if last is None else hex(last),
        "address": [ids.format_id(address) for address in where],
    }
    return "eth_getLogs", [query]


def _block_call(number: int) -> tuple[str, list[object]]:
    return "eth_getBlockByNumber", [hex(number), False]


def _told(result: Any) -> Any:
    """Return a result, or raise the failure that it is."""
    if isinstance(result, rpc.RpcFailure):
        raise result
    return result


def _list(found: object) -> list[Any]:
    if not isinstance(found, list):
        raise errors.LedgerMismatch("the ledger's answer is no list of logs")
    return found


def _block(found: object) -> Block:
    if not isinstance(found, dict) or not isinstance(found.get("hash"), str):
        raise errors.LedgerMismatch("the ledger's answer is no block")
    return found


def _mark(block: Block) -> finality.Mark:
    return finality.Mark(rpc.number(block.get("number")), block["hash"])


def _blocks(one: rpc.Rpc, numbers: Sequence[int]) -> dict[int, Block]:
    found: dict[int, Block] = {}
    for at in range(0, len(numbers), TOGETHER):
        some = numbers[at : at + TOGETHER]
        answers = rpc.batch(one, [_block_call(number) for number in some])
        found |= {number: _block(each) for number, each in zip(some, answers, strict=True)}
    return found


def _within(found: object, first: int, last: int) -> list[dict[str, Any]]:
    """Return logs, each of a block from ``first`` to ``last``, in order and once."""
    told, before = _list(found), (-1, -1)
    for each in told:
        place = (
            (rpc.number(each.get("blockNumber")), rpc.number(each.get("logIndex")))
            if isinstance(each, dict)
            else before
        )
        if place <= before:
            raise errors.LedgerMismatch(
                "the ledger's logs repeat or are out of order", expected=f"after {before}", got=place
            )
        before = place
        if not first <= place[0] <= last:
            raise errors.LedgerMismatch("the ledger tells a log of another block than was asked for", expected=last)
        if each.get("removed"):
            raise errors.LedgerUnreachable("the ledger tells a log that was taken back", which=f"block {last}")
    return told


def _check_place(told: dict[str, Any], block: Block) -> None:
    if told.get("blockHash") != block["hash"]:
        raise errors.LedgerMismatch(
            "a log names another block than the chain's", expected=block["hash"], got=told.get("blockHash")
        )


def _check_told(one: rpc.Rpc, where: Where, block: Block, heard: set[object]) -> None:
    """Check that no contract is silent of which the block's bloom says that it spoke."""
    silent = [at for at, name in where.items() if ids.format_id(at) not in heard and blooms.has_events(block, at, name)]
    if not silent:
        return
    (receipts,) = rpc.batch_results(one, [("eth_getBlockReceipts", [block["number"]])])
    if isinstance(receipts, list):
        spoken = {str(told.get("address")).lower() for each in receipts for told in each.get("logs") or ()}
        if not spoken & {ids.format_id(at) for at in silent}:
            return  # chance: the bloom says yes for other words
    raise errors.LogsWithheld(
        "the ledger does not tell events of which its block says that there are some",
        which=f"block {rpc.number(block['number'])}",
        expected=f"events of {where[silent[0]]}",
        got="none",
    )


def _with_time(told: dict[str, Any], block: Block) -> dict[str, Any]:
    return told if told.get("blockTimestamp") is not None else told | {"blockTimestamp": block.get("timestamp")}


def _timed(one: rpc.Rpc, found: Any) -> Any:
    """Return logs with the time of their block; not every ledger writes it beside them."""
    if not isinstance(found, list):
        return found  # whoever asked finds that out
    bare = [each for each in found if isinstance(each, dict) and each.get("blockTimestamp") is None]
    if not bare:
        return found
    blocks = _blocks(one, sorted({rpc.number(each.get("blockNumber")) for each in bare}))
    for each in bare:
        _check_place(each, blocks[rpc.number(each.get("blockNumber"))])
    lacking = {id(each) for each in bare}
    by_text = {each["blockNumber"]: blocks[rpc.number(each["blockNumber"])] for each in bare}
    return [
        each | {"blockTimestamp": by_text[each["blockNumber"]].get("timestamp")} if id(each) in lacking else each
        for each in found
    ]
