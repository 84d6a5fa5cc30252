"""What a node knows of a chain that takes blocks back, and of endpoints that lose, hold back, double and falsify: the truth in the end."""

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger import faults

from aicommons.domain import errors, ids
from aicommons.ledger import client, failover, finality, paging, reading, rpc, sending, wallet

SIGNER = wallet.Wallet(b"\x05" * 32)
OTHER = "0x" + "0f" * 32
Told = list[tuple[int, bytes]]


class Follower:
    """Who polls a ledger and forgets everything when it is reorganised, as a node does."""

    def __init__(self, connection: rpc.Rpc, counted: str, declared: str | None = None) -> None:
        made = faults.deployment(counted if declared is None else declared)
        self.client = client.Client(
            connection, made, SIGNER, habits=sending.Habits(counted=finality.Finality.parse(counted))
        )
        self.known: Told = []
        self.rebuilt = 0

    def look(self) -> None:
        """Poll once."""
        try:
            self.known += told(self.client.poll())
        except errors.LedgerReorganised:
            self.rebuilt, self.known = self.rebuilt + 1, []
            self.known += told(self.client.poll())


def told(events: Sequence[Any]) -> Told:
    """Return block and id of each event."""
    return [(event.at.block, event.problem_id) for event in events]


def is_our_chain(one: rpc.Rpc) -> None:
    """Refuse another chain."""
    if (found := client.chain_id(one)) != faults.CHAIN_ID:
        raise errors.WrongChain("this is another chain", got=found)


def several(*endpoints: rpc.Rpc, clock: Callable[[], float] = lambda: 0.0) -> failover.FailoverRpc:
    """Return a connection over endpoints called a, b, …."""
    return failover.FailoverRpc(dict(zip("abcdef", endpoints, strict=False)), is_our_chain, clock=clock)


# ------------------------------------------------------------------------------------------------------------------ finality


@pytest.mark.parametrize(
    ("counted", "last"), [("0", 9), ("1", 8), ("3", 6), ("9", 0), ("12", -1), ("safe", 5), ("finalized", 1)]
)
def test_only_final_blocks_are_read(counted: str, last: int) -> None:
    """Events count when so many blocks lie on top of theirs, or the chain calls their block safe or finalized."""
    chain = faults.Chain([1] * 10)
    one = Follower(chain, counted, "12")
    one.look()
    assert one.known == chain.truth(last)


@settings(deadline=None)
@given(
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 3), min_size=1, max_size=40)), max_size=12),
    st.booleans(),
)
def test_whatever_is_taken_back_the_view_is_the_chain(
    counted: int, changes: list[tuple[int, list[int]]], with_times: bool
) -> None:
    """However a chain grows and takes blocks back within its declared depth, what is known equals the chain's final part."""
    chain = faults.Chain([0] * 8, with_times=with_times)
    one = Follower(faults.Faulty(chain), str(counted), "5")
    for depth, events in changes:
        one.look()
        if depth:
            chain.take_back(depth, [0] * depth + events)  # no chain ends shorter than it was
        else:
            chain.grow(events)
    one.look()
    assert one.known == chain.truth(len(chain.blocks) - 1 - counted)


def test_below_the_depth_nothing_is_lost() -> None:
    """A reorganisation that is no deeper than what a home waits for changes nothing that it has read."""
    chain = faults.Chain([1] * 20)
    one = Follower(chain, "5")
    for _ in range(6):
        one.look()
        chain.take_back(5, [2] * 6)
    assert one.rebuilt == 0
    one.look()
    assert one.known == chain.truth(len(chain.blocks) - 6)


def test_a_reorganisation_within_the_declared_depth_is_named() -> None:
    """A home that waits for less than its chain may take back is told the common ancestor, and begins at the first block."""
    chain = faults.Chain([1] * 20)
    one = Follower(chain, "1", "12").client
    one.poll()
    chain.take_back(4, [0, 2, 0, 0, 1])
    with pytest.raises(errors.LedgerReorganised) as caught:
        one.poll()
    assert (caught.value.ancestor, caught.value.depth) == (15, 4)
    assert told(one.poll()) == chain.truth(len(chain.blocks) - 2)


DEEPER = {
    "by one": ("4", "4", 6),
    "from the first block on": ("4", "4", 20),
    "where nothing is taken back": ("1", "0", 3),
}


@pytest.mark.parametrize(("counted", "declared", "depth"), DEEPER.values(), ids=DEEPER.keys())
def test_deeper_than_declared_is_a_mismatch(counted: str, declared: str, depth: int) -> None:
    """A chain that takes back more than it may is not followed: LedgerMismatch with whom to ask, again and again."""
    chain = faults.Chain([1] * 20)
    one = Follower(chain, counted, declared).client
    one.poll()
    chain.take_back(depth, [1] * (depth + 5))
    for _ in range(2):
        with pytest.raises(errors.LedgerMismatch, match="took back blocks that were final") as caught:
            one.poll()
        assert "other members" in str(caught.value.next_step)


def test_many_blocks_that_change_while_they_are_read() -> None:
    """A chain that changes between two pages gives no events of both: the look ends, and the next one has the truth."""
    chain = faults.Chain([1] * 200)
    wire = faults.Faulty(chain)
    asked = iter(range(1_000))

    def refused_in_one(call: faults.Call, found: Any) -> Any:
        if call["method"] != "eth_getLogs":
            return found
        if next(asked) == 2:
            chain.take_back(180, [2] * 180)
        return {"code": paging.LIMIT_EXCEEDED, "message": "too many"} if len(found) > 60 else found

    wire.fault = refused_in_one
    one = Follower(wire, "1", "12")
    with pytest.raises(errors.LedgerUnreachable, match="changed while it was read"):
        one.look()
    one.look()
    assert one.known == chain.truth(len(chain.blocks) - 2)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "many", "4097", "latest", "pending", "٣", "1 "])
def test_what_is_no_depth(text: str) -> None:
    """A depth that means nothing is refused where it is read."""
    with pytest.raises(errors.InputError, match="safe or finalized"):
        finality.Finality.parse(text)


# ---------------------------------------------------------------------------------------------------------------------- lies


def without_logs(found: list[Any]) -> list[Any]:
    """Return none of the logs."""
    return []


def each_log(**changed: Any) -> faults.Fault:
    """Return a lie about every log."""
    return faults.at("eth_getLogs", lambda found: [log | changed for log in found])


LIES: dict[str, faults.Fault] = {
    "logs are withheld": faults.at("eth_getLogs", without_logs),
    "logs of another block": each_log(blockHash=OTHER),
    "logs of a block that was not asked for": each_log(blockNumber=hex(500)),
    "logs that were taken back": each_log(removed=True),
    "each log twice": faults.at("eth_getLogs", lambda found: [log for log in found for _ in range(2)]),
    "logs in another order": faults.at("eth_getLogs", lambda found: found[::-1]),
    "a block without hash": faults.at("eth_getBlockByNumber", lambda block: block and {**block, "hash": None}),
    "another block": faults.at("eth_getBlockByNumber", lambda block: block and {**block, "number": hex(3)}),
    "blocks that do not follow": faults.at(
        "eth_getBlockByNumber", lambda block: block and {**block, "parentHash": OTHER}
    ),
    "no blocks": faults.at("eth_getBlockByNumber", lambda _: None),
    "a chain of its own": faults.at("eth_getBlockByNumber", lambda block: block and {**block, "hash": OTHER}),
    "a head that is far ahead": faults.at(
        "eth_getBlockByNumber", lambda block: block and {**block, "number": hex(2**40)}
    ),
    "asked too often": faults.at("eth_getLogs", lambda _: {"code": 429, "message": "slow down"}),
    "limit exceeded per second": faults.at(
        "eth_getLogs", lambda _: {"code": -32005, "message": "limit exceeded: 5 per second"}
    ),
    "a text": faults.at("eth_getLogs", lambda _: "0x"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("when", ["from the beginning", "midway"])
def test_a_lie_is_an_expected_error_or_healed(lie: faults.Fault, when: str) -> None:
    """Alone, a lying endpoint ends a look with an expected error or with nothing new, and the truth is known when it is honest."""
    chain = faults.Chain([1] * 30)
    wire = faults.Faulty(chain, None if when == "midway" else lie)
    one = Follower(wire, "2")
    expected = (errors.LedgerMismatch, errors.LedgerUnreachable, errors.LedgerRefused)
    for _ in range(2):
        before = list(one.known)
        try:
            one.look()
        except expected:
            assert one.known == before
        assert one.known == chain.truth(one.known[-1][0] if one.known else -1)
        wire.fault = lie
        chain.grow([3, 3, 1])
    wire.fault = None
    one.look()
    assert one.known == chain.truth(len(chain.blocks) - 3)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_is_outvoted_by_another_endpoint(lie: faults.Fault) -> None:
    """With an honest second endpoint, what the first tells is found out within the look, and the truth is known at once."""
    chain = faults.Chain([1] * 30)
    liar = faults.Faulty(chain)
    one = Follower(several(liar, chain), "2")
    one.look()
    liar.fault = lie
    chain.grow([3, 3, 1])
    one.look()
    assert one.known == chain.truth(len(chain.blocks) - 3)
    assert one.rebuilt == 0


NAMED: dict[str, tuple[type[errors.CommonsError], str]] = {
    "logs of another block": (errors.LedgerMismatch, "names another block"),
    "logs of a block that was not asked for": (errors.LedgerMismatch, "another block than was asked for"),
    "logs that were taken back": (errors.LedgerUnreachable, "was taken back"),
    "each log twice": (errors.LedgerMismatch, "repeat or are out of order"),
    "logs in another order": (errors.LedgerMismatch, "repeat or are out of order"),
    "a text": (errors.LedgerMismatch, "no list of logs"),
    "logs are withheld": (errors.LogsWithheld, "does not tell events"),
}


@pytest.mark.parametrize("lie", NAMED)
@pytest.mark.parametrize("times", [True, False], ids=["with times", "without times"])
def test_each_lie_has_its_error(lie: str, *, times: bool) -> None:
    """Alone, a lie about new blocks is the error that says what is wrong."""
    chain = faults.Chain([1] * 5, with_times=times)
    wire = faults.Faulty(chain)
    one = Follower(wire, "1")
    one.look()
    chain.grow([2, 2, 1])
    wire.fault = LIES[lie]
    kind, words = NAMED[lie]
    with pytest.raises(kind, match=words):
        one.look()


def test_a_block_must_follow_the_one_before() -> None:
    """A new block whose parent is another than the block that was read before it ends the look."""
    chain = faults.Chain([1] * 5)
    wire = faults.Faulty(chain)
    one = Follower(wire, "1")
    one.look()
    chain.grow([1])
    wire.fault = faults.at("eth_getBlockByNumber", lambda block: {**block, "parentHash": OTHER})
    with pytest.raises(errors.LedgerUnreachable, match="block 4: the chain changed"):
        one.look()


def test_withheld_logs_are_named() -> None:
    """Events that a block's bloom and receipts tell of, and the ledger does not, are LogsWithheld with the block."""
    chain = faults.Chain([0, 0, 1, 0])
    wire = faults.Faulty(chain, faults.at("eth_getLogs", without_logs))
    with pytest.raises(errors.LogsWithheld, match=r"block 2.*Problems"):
        Follower(wire, "1").look()


def test_a_bloom_that_says_yes_by_chance_stops_nobody() -> None:
    """Where receipts bear the ledger out, a block counts as without events although its bloom says yes."""
    chain = faults.Chain([0, 1, 0, 0])
    chain.logs[1] = []
    one = Follower(chain, "1")
    one.look()
    assert one.known == []
    assert "eth_getBlockReceipts" in chain.asked


def test_blocks_give_the_time_where_logs_do_not() -> None:
    """A ledger that writes no time beside logs (Besu, Erigon) is read all the same, at once and by pages."""
    for counted, events in (("0", [1, 2]), ("1", [1, 2, 0]), ("1", [1] * 200)):
        chain = faults.Chain(events, with_times=False)
        times = [event.at.time for event in Follower(chain, counted, "12").client.poll()]
        assert times == [1_000 + block for block, _ in chain.truth(len(events) - 1 - int(counted))]


def test_a_ledger_that_takes_nothing_back_is_asked_once() -> None:
    """Where blocks are final at once and there is one endpoint, a look is one exchange of two questions."""
    chain = faults.Chain([1] * 5)
    one = Follower(chain, "0")
    one.look()
    chain.grow([1])
    one.look()
    assert chain.asked == ["eth_blockNumber", "eth_getLogs"] * 2


# ---------------------------------------------------------------------------------------------------------- several endpoints


def test_the_next_endpoint_answers_when_one_fails() -> None:
    """An endpoint that is not reached is left alone for a while, then preferred again."""
    now = [0.0]
    chain = faults.Chain([1] * 5)
    first, second = faults.Faulty(chain, is_cut=True), faults.Faulty(chain)
    both = several(first, second, clock=lambda: now[0])
    for _ in range(3):
        assert rpc.call(both, "eth_blockNumber", []) == "0x4"
    first.is_cut = False
    rpc.call(both, "eth_blockNumber", [])
    assert first.asked == []
    now[0] += failover.FIRST_REST + 0.1
    rpc.call(both, "eth_blockNumber", [])
    assert first.asked == ["eth_chainId", "eth_blockNumber"]


def test_none_answers() -> None:
    """When no endpoint answers, each is named with its reason."""
    chain = faults.Chain([1])
    both = several(faults.Faulty(chain, is_cut=True), faults.Faulty(chain, is_cut=True))
    with pytest.raises(errors.LedgerUnreachable, match=r"none of 2 endpoints answers \(a: cut; b: cut\)"):
        rpc.call(both, "eth_blockNumber", [])


def test_another_chain_is_never_asked() -> None:
    """An endpoint of another chain is found out before its first answer counts, and alone it is WrongChain."""
    chain, other = faults.Chain([1] * 5), faults.Chain([1] * 9)
    other.id = 5
    hours = iter(range(0, 10**6, 3_600))
    both = several(other, chain, clock=lambda: float(next(hours)))
    assert [rpc.call(both, "eth_blockNumber", []) for _ in range(2)] == ["0x4", "0x4"]
    assert other.asked == ["eth_chainId"]
    with pytest.raises(errors.WrongChain):
        rpc.call(several(other), "eth_blockNumber", [])


def test_a_chain_that_becomes_another_midway() -> None:
    """An endpoint behind which another chain appears contradicts what was read, is held against the deployment again, and is out."""
    now = [0.0]
    chain, other = faults.Chain([1] * 10), faults.Chain([2] * 10)
    other.id = 5
    first = faults.Faulty(chain)
    both = several(first, chain, clock=lambda: now[0])
    one = Follower(both, "2")
    one.look()
    first.inner = other
    chain.grow([1, 1])
    one.look()
    assert one.known == chain.truth(9)
    now[0] += 10 * failover.FIRST_REST
    one.look()
    assert first.asked[-1] == "eth_chainId"
    assert one.known == chain.truth(9)


def test_an_endpoint_that_is_behind_is_no_error() -> None:
    """After the one that was ahead is gone, one that is behind tells nothing new until it has caught up."""
    chain = faults.Chain([1] * 10)
    behind = chain.twin()
    chain.grow([1, 1, 1])
    first = faults.Faulty(chain)
    one = Follower(several(first, behind), "1")
    one.look()
    seen = list(one.known)
    first.is_cut = True
    one.look()
    assert one.known == seen == chain.truth(11)
    behind.blocks[:], behind.logs[:] = chain.blocks, chain.logs
    behind.grow([2])
    one.look()
    assert one.known == behind.truth(12)


def test_an_endpoint_that_is_behind_is_passed_over() -> None:
    """An endpoint whose head is older than one that was told does not end a look: the next one is asked."""
    chain = faults.Chain([1] * 12)
    first, behind = faults.Faulty(chain), chain.twin()
    behind.blocks.pop()
    behind.logs.pop()
    one = Follower(several(first, behind, chain), "2")
    one.look()
    first.is_cut = True
    chain.grow([1])
    one.look()
    assert one.known == chain.truth(10)


def test_a_look_is_of_one_endpoint() -> None:
    """When an endpoint fails between two pages, all pages are read again from the next one."""
    chain = faults.Chain([1] * 200)
    second = chain.twin()
    second.grow([1])
    first, count = faults.Faulty(chain), iter(range(1_000))

    def fails_later(call: faults.Call, found: Any) -> Any:
        if call["method"] == "eth_getLogs" and len(found) > 90:
            return {"code": paging.LIMIT_EXCEEDED, "message": "too many"}
        first.is_cut |= call["method"] == "eth_getLogs" and next(count) == 1
        return found

    first.fault = fails_later
    one = Follower(several(first, second), "1")
    one.look()
    assert one.known == second.truth(199)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["cut", "well", "behind"]), st.integers(0, 3)),
        max_size=25,
    )
)
def test_any_weather(changes: list[tuple[str, str, int]]) -> None:
    """Whichever endpoints fail and fall behind, in any order: every event once, and the truth in the end."""
    now = [0.0]
    chain = faults.Chain([1] * 6)
    ways = {name: faults.Faulty(chain) for name in "abc"}
    one = Follower(several(*ways.values(), clock=lambda: now[0]), "1")
    for name, how, events in changes:
        way = ways[name]
        way.is_cut = how == "cut"
        way.inner = chain.twin() if how == "behind" else chain
        chain.grow([events])
        now[0] += 3.0
        with contextlib.suppress(errors.LedgerUnreachable):  # asked again on the next pass
            one.look()
        assert one.known == chain.truth(one.known[-1][0] if one.known else -1)
    for way in ways.values():
        way.is_cut, way.inner = False, chain
    one.look()
    assert one.known == chain.truth(len(chain.blocks) - 2)


def test_a_transaction_is_given_to_one_endpoint() -> None:
    """When the answer to a transaction is lost, nobody else is given it before it was looked for."""
    chain = faults.Chain([1])
    first, second = faults.Faulty(chain), faults.Faulty(chain)
    both = several(first, second)
    rpc.call(both, "eth_blockNumber", [])
    first.is_cut = True
    with pytest.raises(errors.LedgerUnreachable, match="cut"):
        rpc.call(both, "eth_sendRawTransaction", ["0x00"])
    assert second.asked == []


def test_a_busy_server_says_how_long() -> None:
    """A status 429 with Retry-After is LedgerUnreachable with that delay, of five minutes at the most."""

    class Busy:
        origin, status, body, complete = "http://busy", 429, b"", True

        def __init__(self, after: str) -> None:
            self.headers = {"Retry-After": after}

        def request(self, *_: object, **__: object) -> "Busy":
            return self

    for after, delay in {"7": 7.0, "100000": rpc.LONGEST_WAIT, "soon": 1.0, "-3": 1.0, "": 1.0}.items():
        with pytest.raises(errors.LedgerUnreachable) as caught:
            rpc.HttpRpc(Busy(after)).exchange(b"")
        assert caught.value.delay == delay


def test_a_batch_that_is_refused_whole() -> None:
    """One error for a whole batch is an error of each call."""
    one = rpc.LocalRpc(lambda _: json.dumps({"error": {"code": 429, "message": "slow down"}}).encode())
    assert [each.code for each in rpc.batch_results(one, [("a", []), ("b", [])])] == [429, 429]


def test_terms_say_how_much_may_be_taken_back() -> None:
    """A chain with final blocks may take back what lies above them, any other what the deployment says."""
    for declared, most in {"0": 0, "12": 12, "safe": reading.TAG_DEPTH, "finalized": reading.TAG_DEPTH}.items():
        assert reading.Terms(0, declared=finality.Finality.parse(declared)).most_taken_back == most
    assert ids.format_id(faults.CONTRACT) == "0x" + "77" * 20
