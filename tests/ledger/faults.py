"""A chain whose answers can be lost, doubled, held back or falsified, and which can take blocks back: for conformance tests.

``Chain`` is a small honest chain of one contract's events (fast, exact); ``Faulty`` stands before any connection, also anvil's or the
embedded ledger's. What a fault does is one function from call and honest answer to what is told.
"""

import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

from aicommons.domain import errors, ids
from aicommons.ledger import blooms, contracts, deployments, rpc

CONTRACT = ids.Address(b"\x77" * 20)
TOPIC, STATED = next(
    (topic, entry) for topic, entry in contracts.load("Problems").events.items() if entry.name == "Stated"
)
CHAIN_ID = 1

Call = dict[str, Any]
Fault = Callable[[Call, Any], Any]
"""(call, honest result) -> told result; a dictionary with ``code`` and ``message`` is an error."""


class Chain:
    """An honest endpoint: blocks with events of one contract, of which the newest may be exchanged."""

    def __init__(self, events: Sequence[int] = (0,), *, with_times: bool = True) -> None:
        self.blocks: list[dict[str, Any]] = []
        self.logs: list[list[dict[str, Any]]] = []
        self.with_times = with_times
        self.id = CHAIN_ID
        self.asked: list[str] = []
        self._salt = itertools.count()
        self.grow(events)

    def grow(self, events: Sequence[int]) -> None:
        """Add a block for each number, with that many events."""
        for count in events:
            number, salt = len(self.blocks), next(self._salt)
            parent = self.blocks[-1]["hash"] if self.blocks else "0x" + bytes(32).hex()
            digest = "0x" + ids.digest(repr((parent, number, salt, count)).encode())[-32:].hex()
            logs = [self._log(number, index, digest) for index in range(count)]
            bloom = blooms.whole([CONTRACT, TOPIC]) if count else blooms.whole([])
            self.blocks.append(
                {
                    "number": hex(number),
                    "hash": digest,
                    "parentHash": parent,
                    "timestamp": hex(1_000 + number),
                    "logsBloom": bloom,
                    "transactions": [],
                }
            )
            self.logs.append(logs)

    def take_back(self, depth: int, events: Sequence[int]) -> None:
        """Take the newest ``depth`` blocks back and go on with others."""
        del self.blocks[-depth:], self.logs[-depth:]
        self.grow(events)

    def twin(self) -> "Chain":
        """Return another endpoint of this chain as it is now."""
        return copy.deepcopy(self)

    def _log(self, number: int, index: int, digest: str) -> dict[str, Any]:
        indexed = sum(STATED.indexed)
        name = ids.digest(digest.encode() + bytes([index]))[-32:]
        topics = [TOPIC, name, *([bytes(32)] * (indexed - 1))]
        made = {
            "address": ids.format_id(CONTRACT), "topics": ["0x" + topic.hex() for topic in topics],
            "data": "0x" + bytes(32 * (len(STATED.types) - indexed)).hex(), "blockNumber": hex(number), "blockHash": digest,
            "logIndex": hex(index), "transactionHash": digest,
        }  # fmt: skip
        return made | ({"blockTimestamp": hex(1_000 + number)} if self.with_times else {})

    def exchange(self, payload: bytes) -> bytes:
        """Answer a batch."""
        return json.dumps([self._answer(call) for call in json.loads(payload)]).encode()

    def _answer(self, call: Call) -> dict[str, Any]:
        self.asked.append(call["method"])
        found = getattr(self, "_" + call["method"].removeprefix("eth_"))(*call["params"])
        return {"id": call["id"], "result": found}

    def _chainId(self) -> str:  # noqa: N802  JSON-RPC's names
        return hex(self.id)

    def _blockNumber(self) -> str:  # noqa: N802
        return hex(len(self.blocks) - 1)

    def _getBlockByNumber(self, which: str, _: bool) -> dict[str, Any] | None:  # noqa: N802
        head = len(self.blocks) - 1
        number = {"latest": head, "safe": head - 4, "finalized": head - 8}.get(which)
        number = int(which, 16) if number is None else number
        return self.blocks[number] if 0 <= number <= head else None

    def _getLogs(self, query: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: N802
        last = len(self.blocks) - 1 if query["toBlock"] == "latest" else int(query["toBlock"], 16)
        asked = self.logs[int(query["fromBlock"], 16) : last + 1]
        return [log for logs in asked for log in logs if log["address"] in query["address"]]

    def _getBlockReceipts(self, which: str) -> list[dict[str, Any]]:  # noqa: N802
        return [{"logs": self.logs[int(which, 16)]}]

    def truth(self, last: int | None = None) -> list[tuple[int, bytes]]:
        """Return block and topic of every event up to a block."""
        logs = self.logs if last is None else self.logs[: last + 1]
        return [(int(log["blockNumber"], 16), bytes.fromhex(log["topics"][1][2:])) for each in logs for log in each]


@dataclasses.dataclass
class Faulty:
    """A connection whose answers a fault changes."""

    inner: rpc.Rpc
    fault: Fault | None = None
    is_cut: bool = False
    """Whether requests do not arrive."""
    loses: int = 0
    """How many answers to transactions are lost from now on; the ledger has them."""
    is_doubled: bool = False
    """Whether each request arrives twice; the second answer is told."""
    asked: list[str] = dataclasses.field(default_factory=list)
    """Methods, in their order."""

    def exchange(self, payload: bytes) -> bytes:
        """Pass on, and tell what the fault makes of the answer."""
        if self.is_cut:
            raise errors.LedgerUnreachable("cut")
        calls = json.loads(payload)
        self.asked += [call["method"] for call in calls]
        if self.is_doubled:
            self.inner.exchange(payload)
        answer = self.inner.exchange(payload)
        if self.loses and "eth_sendRawTransaction" in self.asked[-len(calls) :]:
            self.loses -= 1
            raise errors.LedgerUnreachable("the answer was lost")
        return answer if self.fault is None else json.dumps(self._told(calls, json.loads(answer))).encode()

    def _told(self, calls: list[Call], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self.fault is not None
        by_id = {answer["id"]: answer for answer in answers}
        told = []
        for call in calls:
            honest = by_id[call["id"]]
            if "error" in honest:
                told.append(honest)
                continue
            found = self.fault(call, honest["result"])
            kind = "error" if isinstance(found, dict) and "message" in found else "result"
            told.append({"id": call["id"], kind: found})
        return told


def at(method: str, change: Callable[[Any], Any]) -> Fault:
    """Return a fault that changes the answers to one method."""
    return lambda call, found: change(found) if call["method"] == method else found


def deployment(confirmations: str = "0") -> deployments.Deployment:
    """Return a deployment of the one contract."""
    from aicommons.ledger import finality

    return deployments.Deployment(CHAIN_ID, 0, {"Problems": CONTRACT}, {}, finality.Finality.parse(confirmations))
