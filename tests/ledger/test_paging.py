"""Paging: whatever a ledger refuses to answer at once, every event comes once and in order."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons import testing
from aicommons.domain import documents, errors, ids
from aicommons.ledger import client, contracts, deployments, paging, rpc, wallet
from aicommons.ledger.embedded import methods
from aicommons.ledger.embedded import rpc as embedded

CONTRACT = ids.Address(b"\x07" * 20)
DEPLOYMENT = deployments.Deployment(1, 0, {"Problems": CONTRACT}, {})
SIGNER = wallet.Wallet(b"\x01" * 32)
STATED, STATED_ENTRY = next(
    (key, entry) for key, entry in contracts.load("Problems").events.items() if entry.name == "Stated"
)
GETH = (-32005, "query returned more than 10000 results")

Refusal = tuple[int, str]


@dataclasses.dataclass
class Ledger:
    """A ledger with some logs in each block, which refuses large answers in words of its own."""

    blocks: list[int]
    """How many logs each block holds."""
    most_logs: int = 10**9
    most_blocks: int = 10**9
    refusal: Refusal = GETH
    arriving: list[int] = dataclasses.field(default_factory=list)
    """Blocks that are recorded one by one, each before a further exchange is answered."""
    exchanges: int = 0
    asked: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def exchange(self, payload: bytes) -> bytes:
        """Answer a batch, after recording the next block that arrives."""
        self.exchanges += 1
        if self.exchanges > 1 and self.arriving:
            self.blocks.append(self.arriving.pop(0))
        answers = [self._answer(call) | {"id": call["id"]} for call in json.loads(payload)]
        return json.dumps(answers).encode()

    def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        head = len(self.blocks) - 1
        if call["method"] == "eth_blockNumber":
            return {"result": hex(head)}
        (query,) = call["params"]
        first, last = int(query["fromBlock"], 16), query["toBlock"]
        last = head if last == "latest" else int(last, 16)
        self.asked.append((first, last))
        found = [log(block, index) for block in range(first, last + 1) for index in range(self.blocks[block])]
        if len(found) > self.most_logs or last - first + 1 > self.most_blocks:
            return {"error": {"code": self.refusal[0], "message": self.refusal[1]}}
        return {"result": found}

    def places(self) -> list[tuple[int, int]]:
        """Return block and index of every log."""
        return [(block, index) for block, count in enumerate(self.blocks) for index in range(count)]


def log(block: int, index: int) -> dict[str, Any]:
    """Return a log of the contract."""
    topics = [STATED, block.to_bytes(32, "big"), index.to_bytes(32, "big"), bytes(32)]
    indexed = sum(STATED_ENTRY.indexed)
    return {
        "address": ids.format_id(CONTRACT),
        "topics": ["0x" + topic.hex() for topic in topics[: indexed + 1]],
        "data": "0x" + bytes(32 * (len(STATED_ENTRY.types) - indexed)).hex(),
        "blockNumber": hex(block),
        "blockTimestamp": "0x5",
        "logIndex": hex(index),
    }


def places(told: Sequence[Any]) -> list[tuple[int, int]]:
    """Return block and index of each event."""
    return [(event.at.block, event.at.index) for event in told]


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=60),
    st.lists(st.integers(0, 6), max_size=20),
    st.integers(6, 40),
    st.integers(1, 40),
)
def test_pages_equal_the_whole(blocks: list[int], arriving: list[int], most_logs: int, most_blocks: int) -> None:
    """However logs lie in blocks, whatever is refused and whatever arrives between pages: each event once, in order."""
    ledger = Ledger(blocks, most_logs, most_blocks, arriving=arriving)
    one = client.Client(ledger, DEPLOYMENT, SIGNER)
    told = list(one.poll())
    assert places(told) == ledger.places()[: len(told)]
    while ledger.arriving:
        told += one.poll()
    told += one.poll()
    assert places(told) == ledger.places()
    assert one.poll() == []
    assert told == list(client.Client(Ledger(ledger.blocks), DEPLOYMENT, SIGNER).poll())


TOO_MUCH: dict[str, Refusal] = {
    "geth, Infura": GETH,
    "Infura with advice": (-32005, "query returned more than 10000 results. Try with this block range [0x0, 0x5]."),
    "geth, batch of answers": (-32003, "response too large"),
    "geth, time": (-32000, "query timeout exceeded"),
    "Besu": (-32005, "Requested range exceeds maximum RPC range limit"),
    "Alchemy": (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    "QuickNode": (-32614, "eth_getLogs is limited to a 10,000 range"),
    "reth": (-32602, "query exceeds max block range 100000"),
    "Erigon, Ankr": (-32062, "block range is too wide"),
    "Cloudflare": (-32047, "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800"),
    "Nethermind": (-32005, "Too many logs requested."),
    "code alone": (-32005, "no"),
    "embedded": (embedded.LIMIT_EXCEEDED, "more than 20000 logs from block 0 to 9; ask for a smaller range"),
}
OTHER: dict[str, Refusal] = {
    "unknown method": (-32601, "the method eth_getLogs does not exist or is not available"),
    "asked too often": (-32005, "daily request count exceeded, request rate limited"),
    "asked too often, others' words": (-32005, "Too Many Requests"),
    "credits per second": (429, "Your app has exceeded its compute units per second capacity"),
    "broken": (-32603, "internal error"),
}


@pytest.mark.parametrize("refusal", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_every_ledgers_words_for_too_much(refusal: Refusal) -> None:
    """Each wording of "too much" that is in use leads to pages, and nothing is lost."""
    ledger = Ledger([1] * 50, most_logs=7, refusal=refusal)
    assert places(client.Client(ledger, DEPLOYMENT, SIGNER).poll()) == ledger.places()


@pytest.mark.parametrize("refusal", OTHER.values(), ids=OTHER.keys())
def test_other_refusals_are_not_answered_with_more_questions(refusal: Refusal) -> None:
    """A refusal that smaller windows cannot mend is raised at once, in the ledger's words."""
    ledger = Ledger([1] * 50, most_logs=7, refusal=refusal)
    with pytest.raises(errors.LedgerRefused) as refused:
        client.Client(ledger, DEPLOYMENT, SIGNER).poll()
    assert refusal[1] in str(refused.value)
    assert ledger.exchanges == 1


def test_a_refusal_between_pages_is_raised() -> None:
    """When a page is refused for another reason the poll ends with that reason, and the next one has everything."""
    ledger = Ledger([1] * 50, most_logs=7)
    one = client.Client(ledger, DEPLOYMENT, SIGNER)
    answer, count = ledger.exchange, iter(range(100))

    def failing(payload: bytes) -> bytes:
        if next(count) == 6:
            return b'[{"id":0,"error":{"code":-32603,"message":"internal error"}}]'
        return answer(payload)

    one._reader._rpc = rpc.LocalRpc(failing)
    with pytest.raises(errors.LedgerRefused, match="internal error"):
        one.poll()
    assert places(one.poll()) == ledger.places()


def test_the_ordinary_case_is_one_exchange() -> None:
    """A poll that the ledger answers at once is one exchange, also after a poll that took pages."""
    ledger = Ledger([1] * 50, most_logs=7)
    one = client.Client(ledger, DEPLOYMENT, SIGNER)
    one.poll()
    ledger.blocks += [3, 0, 4]
    before = ledger.exchanges
    assert places(one.poll()) == [(50, 0), (50, 1), (50, 2), (52, 0), (52, 1), (52, 2), (52, 3)]
    assert one.poll() == []
    assert ledger.exchanges == before + 2


def test_logs_beyond_the_told_head_come_once() -> None:
    """A block that is recorded between the two answers of one exchange is told once, not again by the next poll."""
    ledger = Ledger([1, 1])

    def late(payload: bytes) -> bytes:
        head, found = json.loads(ledger.exchange(payload))
        return json.dumps([head | {"result": hex(int(head["result"], 16) - 1)}, found]).encode()

    one = client.Client(rpc.LocalRpc(late), DEPLOYMENT, SIGNER)
    assert places(one.poll()) == [(0, 0), (1, 0)]
    ledger.blocks.append(1)
    assert places(one.poll()) == [(2, 0)]


def test_windows_shrink_and_grow() -> None:
    """A quiet stretch behind a busy one is read in large windows again."""
    ledger = Ledger([5] * 20 + [0] * 10_000, most_logs=10)
    assert len(client.Client(ledger, DEPLOYMENT, SIGNER).poll()) == 100
    assert ledger.exchanges < 100
    sizes = [last - first + 1 for first, last in ledger.asked]
    assert min(sizes) <= 2
    assert sizes[-2] > 500


def test_a_single_block_with_too_many_logs() -> None:
    """What no window can divide is an error that names the block, the ledger's words and a next step."""
    ledger = Ledger([1, 1, 9, 1], most_logs=8)
    with pytest.raises(errors.LedgerRefused, match=r"block 2: .*single block: query returned more than") as refused:
        client.Client(ledger, DEPLOYMENT, SIGNER).poll()
    assert refused.value.next_step is not None


def test_an_answer_that_is_too_long_for_us_takes_pages() -> None:
    """A ledger without limits is read in pages too, when its answer is longer than we accept."""
    ledger = Ledger([1] * 50)

    def bounded(payload: bytes) -> bytes:
        answer = ledger.exchange(payload)
        if len(answer) > 6_000:
            raise rpc.AnswerTooLong("too long")
        return answer

    told = client.Client(rpc.LocalRpc(bounded), DEPLOYMENT, SIGNER).poll()
    assert places(told) == ledger.places()


def test_a_ledger_that_is_behind() -> None:
    """A ledger that refuses a range beyond its head gives no events, not an error, and is caught up with later."""
    ledger = Ledger([1, 1, 1])
    one = client.Client(ledger, DEPLOYMENT, SIGNER)
    one.poll()
    ledger.most_blocks, ledger.refusal = -1, (-32000, "block range extends beyond current head block")
    assert one.poll() == []
    ledger.most_blocks = 10
    ledger.blocks.append(1)
    assert places(one.poll()) == [(3, 0)]


DISORDER: dict[str, Callable[[list[Any]], list[Any]]] = {
    "one twice": lambda found: [*found, found[-1]],
    "two exchanged": lambda found: [found[1], found[0]],
    "one of an old block": lambda found: [log(0, 0), *found],
}


@pytest.mark.parametrize("change", DISORDER.values(), ids=DISORDER.keys())
def test_logs_out_of_order_are_refused(change: Callable[[list[Any]], list[Any]]) -> None:
    """A ledger that repeats or exchanges logs is not believed."""
    ledger = Ledger([1])
    one = client.Client(ledger, DEPLOYMENT, SIGNER)
    one.poll()
    ledger.blocks.append(2)

    def lying(payload: bytes) -> bytes:
        head, found = json.loads(ledger.exchange(payload))
        return json.dumps([head, found | {"result": change(found["result"])}]).encode()

    one._reader._rpc = rpc.LocalRpc(lying)
    with pytest.raises(errors.LedgerMismatch, match="order"):
        one.poll()


@pytest.mark.parametrize("answer", [None, {}, "0x", 5])
def test_pages_that_are_no_lists(answer: object) -> None:
    """A page that is no list of logs is LedgerMismatch."""
    ledger = Ledger([1] * 50, most_logs=7)

    def lying(payload: bytes) -> bytes:
        answers = json.loads(ledger.exchange(payload))
        if len(answers) == 1 and isinstance(answers[0].get("result"), list):
            answers[0]["result"] = answer
        return json.dumps(answers).encode()

    with pytest.raises(errors.LedgerMismatch):
        client.Client(rpc.LocalRpc(lying), DEPLOYMENT, SIGNER).poll()


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Commons]:
    """A commons on the embedded ledger with one member and a dozen problems."""
    made = testing.Commons(tmp_path_factory.mktemp("commons"))
    made.admit("first")
    for _ in range(12):
        state_problem(made)
    yield made
    made.close()


def state_problem(commons: testing.Commons) -> None:
    """Put a new problem on the ledger."""
    problem = documents.Problem(os.urandom(4).hex(), "who", "decision", "why", ("3.4",), "auc", "none")
    commons.members[0].desk.state_problem(problem, testing.START + 86_400)


def limited_to(commons: testing.Commons, max_logs: int) -> embedded.Rpc:
    """Return the commons' ledger with another limit."""
    return embedded.Rpc(methods.Methods(commons.ledger._chain, version="limited", max_logs=max_logs))


def test_the_embedded_ledger_with_a_limit_below_one_block(commons: testing.Commons) -> None:
    """The block in which the timelock was made holds five events: with a limit of one it is named."""
    one = client.Client(rpc.LocalRpc(limited_to(commons, 1).handle), commons.deployment, SIGNER)
    with pytest.raises(errors.LedgerRefused, match=r"block \d+: .*single block"):
        one.poll()


@pytest.mark.parametrize("max_logs", [7, 8, 9])
def test_the_embedded_ledger_in_pages(commons: testing.Commons, max_logs: int) -> None:
    """The embedded ledger with a small limit gives the events that it gives without, while new ones come in between."""
    limited = limited_to(commons, max_logs)
    asked: list[bytes] = []

    def handle(payload: bytes) -> bytes:
        asked.append(payload)
        if len(asked) == 5:
            state_problem(commons)
        return limited.handle(payload)

    one = client.Client(rpc.LocalRpc(handle), commons.deployment, SIGNER)
    told = list(one.poll())
    assert len(asked) > 5
    told += one.poll()
    assert told == list(commons.connect(commons.operator).poll())


def test_an_empty_stretch_asks_nothing() -> None:
    """Where the last block lies before the first there is nothing to ask for."""
    assert paging.read(lambda first, last: [first, last], 5, 4) == []
