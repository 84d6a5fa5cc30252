"""JSON-RPC: answers are matched by id, errors stay with their call, and foreign bytes are bounded."""

import dataclasses
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import errors
from aicommons.ledger import rpc


@dataclasses.dataclass
class Reply:
    """What a transport returns."""

    status: int = 200
    body: bytes = b"[]"
    complete: bool = True
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Transport:
    """A transport that gives one reply and remembers what it was asked."""

    origin = "http://ledger"

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[tuple[str, str, int, Mapping[str, str], bytes]] = []

    def request(self, method: str, path: str, *, limit: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """Give the reply."""
        self.asked.append((method, path, limit, headers, body))
        return self.reply


def answering(*answers: object) -> rpc.LocalRpc:
    """Return a ledger that gives these answers."""
    return rpc.LocalRpc(lambda _: json.dumps(answers).encode())


def test_answers_are_matched_by_id() -> None:
    """Answers in another order still belong to their calls."""
    ledger = answering({"id": 1, "result": "second"}, {"id": 0, "result": "first"})
    assert rpc.batch(ledger, [("a", []), ("b", [])]) == ["first", "second"]


def test_an_error_stays_with_its_call() -> None:
    """One call's error leaves the other's result; ``batch`` raises it, ``batch_results`` returns it."""
    ledger = answering(
        {"id": 0, "error": {"code": 3, "message": "reverted", "data": "0x12"}}, {"id": 1, "result": "ok"}
    )
    failure, result = rpc.batch_results(ledger, [("a", []), ("b", [])])
    assert (failure.code, failure.message, failure.data, result) == (3, "reverted", "0x12", "ok")
    with pytest.raises(rpc.RpcFailure, match="reverted"):
        rpc.batch(ledger, [("a", []), ("b", [])])


def test_a_null_result_is_a_result() -> None:
    """A call may answer null, such as a receipt that is not there."""
    assert rpc.call(answering({"id": 0, "result": None}), "eth_getTransactionReceipt", ["0x"]) is None


def test_an_error_without_a_code_is_still_one() -> None:
    """Codes that are no numbers become 0."""
    (failure,) = rpc.batch_results(answering({"id": 0, "error": {"code": "x", "message": None}}), [("a", [])])
    assert (failure.code, failure.message, failure.data) == (0, "None", None)


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "result", "error", "x"]), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_batches_are_total(answer: bytes) -> None:
    """Any answer gives one result per call or LedgerMismatch."""
    try:
        results = rpc.batch_results(rpc.LocalRpc(lambda _: answer), [("a", []), ("b", [])])
    except errors.LedgerMismatch:
        return
    assert len(results) == 2


def test_http_sends_json_and_limits_the_answer() -> None:
    """A request is a POST of JSON whose answer is bounded."""
    transport = Transport(Reply(body=b'[{"id":0,"result":1}]'))
    assert rpc.call(rpc.HttpRpc(transport), "eth_chainId", []) == 1
    ((method, _, limit, headers, body),) = transport.asked
    assert (method, limit, headers["Content-Type"]) == ("POST", rpc.MAX_ANSWER, "application/json")
    assert json.loads(body) == [{"jsonrpc": "2.0", "id": 0, "method": "eth_chainId", "params": []}]


@pytest.mark.parametrize(
    "reply",
    [Reply(status=500), Reply(status=404), Reply(status=302)],
    ids=["500", "404", "a redirect"],
)
def test_http_faults_are_temporary(reply: Reply) -> None:
    """Another status than 200 is LedgerUnreachable and names the ledger."""
    with pytest.raises(errors.LedgerUnreachable, match="http://ledger"):
        rpc.call(rpc.HttpRpc(Transport(reply)), "eth_chainId", [])


def test_an_oversized_answer_is_told_apart() -> None:
    """An answer that is too long to read says so, because whoever asked can ask for less."""
    with pytest.raises(rpc.AnswerTooLong, match=str(rpc.MAX_ANSWER)):
        rpc.call(rpc.HttpRpc(Transport(Reply(complete=False))), "eth_getLogs", [])


@pytest.mark.parametrize("answer", [None, 5, "", "0x", "5", "0xzz", "-0x1", "0x" + "1" * 65, ["0x1"], "0x1\n"])
def test_quantities_are_checked(answer: object) -> None:
    """Whatever is no hexadecimal quantity of at most 256 bits is LedgerMismatch."""
    with pytest.raises(errors.LedgerMismatch, match="quantity"):
        rpc.number(answer)
    assert rpc.number("0x1f") == 31


@pytest.mark.parametrize("answer", [None, 5, "", "12", "0x1", "0xzz", "0x 1", ["0x"], "0x12\n"])
def test_data_is_checked(answer: object) -> None:
    """Whatever is not 0x and whole bytes is LedgerMismatch."""
    with pytest.raises(errors.LedgerMismatch, match="no data"):
        rpc.data(answer)
    assert (rpc.data("0x"), rpc.data("0x1F00")) == (b"", b"\x1f\x00")
