"""The ledger client: events once and in order, refusals by the contract's name, and no crash on whatever a ledger answers."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons import testing
from aicommons.domain import documents, encoding, errors, events, ids, messages
from aicommons.ledger import client, deployments, rpc, wallet

PROBLEM = documents.Problem("t", "who", "decision", "why", ("3.4",), "auc", "none")
UNTIL = testing.START + 86_400
PURPOSE = encoding.purpose_code(testing.PURPOSE)


class Wire:
    """A connection whose answers a test may change or lose."""

    def __init__(self, inner: rpc.Rpc, change: Callable[[bytes], bytes] = lambda answer: answer) -> None:
        self._inner = inner
        self.change = change
        self.is_cut = False
        self.methods: list[str] = []

    def exchange(self, payload: bytes) -> bytes:
        """Pass on, then change or lose the answer."""
        self.methods += [each["method"] for each in json.loads(payload)]
        answer = self._inner.exchange(payload)
        if self.is_cut:
            raise errors.LedgerUnreachable("cut")
        return self.change(answer)


PURPOSE = encoding.purpose_code(testing.PURPOSE)


def state_problem(commons: testing.Commons) -> bytes:
    """Put a new problem on the ledger."""
    problem = dataclasses.replace(PROBLEM, title=os.urandom(4).hex())
    return commons.members[0].desk.state_problem(problem, UNTIL)


def connect(commons: testing.Commons, signer: wallet.Wallet | None = None) -> tuple[client.Client, Wire]:
    """Return a client over a wire of its own."""
    wire = Wire(commons._connection)
    return client.Client(wire, commons.deployment, signer or wallet.Wallet(os.urandom(32))), wire


def test_events_come_once_and_in_order(commons: testing.Commons) -> None:
    """Every event is returned once, in the order of the ledger, to each client for itself."""
    one, _ = connect(commons)
    told = list(one.poll())
    assert one.poll() == []
    state_problem(commons)
    new = one.poll()
    assert [type(event) for event in new] == [events.ProblemStated]
    other, _ = connect(commons)
    assert list(other.poll()) == [*told, *new]
    places = [(event.at.block, event.at.index) for event in [*told, *new]]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


def test_that_there_is_no_block_yet_is_one_exchange(commons: testing.Commons) -> None:
    """A ledger that refuses to look for events behind its newest block is asked once: nothing is new."""

    def refuse(answer: bytes) -> bytes:
        head, _ = json.loads(answer)
        return json.dumps(
            [head, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "block range"}}]
        ).encode()

    one, wire = connect(commons)
    told = one.poll()
    wire.change, wire.methods = refuse, []
    assert one.poll() == []
    assert wire.methods == ["eth_blockNumber", "eth_getLogs"]
    wire.change = lambda answer: answer
    state_problem(commons)
    assert [type(event) for event in one.poll()] == [events.ProblemStated]
    assert told


def test_a_lost_answer_loses_no_event(commons: testing.Commons) -> None:
    """Events whose answer was lost come with the next poll."""
    one, wire = connect(commons)
    one.poll()
    state_problem(commons)
    wire.is_cut = True
    with pytest.raises(errors.LedgerUnreachable):
        one.poll()
    wire.is_cut = False
    assert [type(event) for event in one.poll()] == [events.ProblemStated]


def test_a_refusal_names_the_contracts_error(commons: testing.Commons) -> None:
    """A revert is LedgerRefused with the custom error's name and arguments."""
    stranger, _ = connect(commons)
    with pytest.raises(errors.LedgerRefused) as refused:
        stranger.transact("Problems", "state", b"\x01" * 32, PURPOSE, 0, UNTIL)
    assert refused.value.error == "ProblemsNotMember"
    assert "ProblemsNotMember" in str(refused.value)
    with pytest.raises(errors.LedgerRefused) as refused:
        stranger.transact("TrainingRuns", "advance", b"\x01" * 32)
    assert refused.value.error in ("TrainingRunsWrongState", "TrainingRunsTooEarly")


def test_a_refused_message_is_named_too(commons: testing.Commons) -> None:
    """Posting a message of a run that nobody opened is refused by the contract's name."""
    member = commons.members[0]
    key = encoding.AttemptKey(ids.RunId(b"\x01" * 32), 0, 0)
    message = messages.Submit(b"\x02" * 32, member.member_id, b"\x03" * 32)
    with pytest.raises(errors.LedgerRefused) as refused:
        member.registry.post(key, message, bytes(65))
    assert refused.value.error == "TrainingRunsNoSeat"
    assert refused.value.arguments == (key.run_id, member.member_id)


def test_after_a_refusal_the_client_goes_on(commons: testing.Commons) -> None:
    """A reverted transaction uses up its number, and the next one is recorded."""
    member = commons.members[0]
    with pytest.raises(errors.LedgerRefused):
        member.registry.transact("Problems", "state", bytes(32), PURPOSE, 0, UNTIL)
    assert state_problem(commons)


def test_two_processes_share_a_key(commons: testing.Commons) -> None:
    """Clients with one key take turns without knowing of each other."""
    signer = commons.members[0].registry._signer
    one, _ = connect(commons, signer)
    other, _ = connect(commons, signer)
    for _ in range(3):
        one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
        other.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)


def test_a_lost_answer_to_a_call(commons: testing.Commons) -> None:
    """When the answer to a call is lost the caller is told so, and the client works again afterwards."""
    one, wire = connect(commons, commons.members[0].registry._signer)
    one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    one.poll()
    wire.is_cut = True
    with pytest.raises(errors.LedgerUnreachable):
        one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    wire.is_cut = False
    one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    assert len(one.poll()) == 2


def test_a_call_is_one_exchange(commons: testing.Commons) -> None:
    """Once its number is known, a transaction with its receipt and the block that has it is a single exchange."""
    one, wire = connect(commons, commons.members[0].registry._signer)
    one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    wire.methods.clear()
    one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    assert wire.methods == ["eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getBlockByNumber"]


def _moved(answer: bytes) -> bytes:
    """Let transactions fail in their block, and pass whenever they are tried."""
    told = json.loads(answer)
    for each in told:
        if "error" in each:
            del each["error"]
            each["result"] = "0x"
        elif isinstance(each["result"], dict) and "status" in each["result"]:
            each["result"]["status"] = "0x0"
    return json.dumps(told).encode()


def test_a_call_that_came_too_late_may_be_sent_again(commons: testing.Commons) -> None:
    """What was refused in its block and would not be now is told apart from what stays refused."""
    one, wire = connect(commons, commons.members[0].registry._signer)
    one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    wire.change = _moved
    with pytest.raises(errors.LedgerMoved, match="would not now"):
        one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, UNTIL)
    wire.change = lambda answer: answer
    with pytest.raises(errors.LedgerRefused) as caught:
        one.transact("Problems", "state", os.urandom(32), PURPOSE, 0, 0)
    assert not isinstance(caught.value, errors.LedgerMoved)


def test_check_passes_on_its_own_ledger(commons: testing.Commons) -> None:
    """The deployment that was made here is recognised."""
    connect(commons)[0].check()


def test_check_notices_another_chain(commons: testing.Commons) -> None:
    """A ledger with another chain id than the deployment's is refused."""
    made = commons.deployment
    other = deployments.Deployment(made.chain_id + 1, 0, made.addresses, made.code_hashes)
    with pytest.raises(errors.LedgerMismatch, match="another chain"):
        client.Client(commons._connection, other, wallet.Wallet(os.urandom(32))).check()


@pytest.mark.parametrize("name", ["Membership", "TrainingRuns", "ModelRegistry"])
def test_check_notices_other_code(commons: testing.Commons, name: str) -> None:
    """Other code, or none, at a contract's address is refused by the contract's name."""
    made = commons.deployment
    elsewhere = dict(made.addresses) | {name: ids.Address(b"\x66" * 20)}
    other = deployments.Deployment(made.chain_id, 0, elsewhere, made.code_hashes)
    with pytest.raises(errors.LedgerMismatch, match=name):
        client.Client(commons._connection, other, wallet.Wallet(os.urandom(32))).check()


BROKEN: dict[str, object] = {"null": None, "a number": 7, "no hexadecimal": "0xzz", "half a byte": "0x1", "a list": []}
ASKED: dict[str, Callable[[client.Client], object]] = {
    "check": lambda one: one.check(),
    "code": lambda one: one.code_at(one.address),
    "call": lambda one: one.call("Membership", "memberOf", one.address),
    "deploy": lambda one: one.deploy(b"\x00"),
    "send": lambda one: one.send_to(one.address, b""),
    "transact": lambda one: one.transact("Problems", "state", b"\x01" * 32, PURPOSE, 0, UNTIL),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_values_that_are_none_are_refused(
    commons: testing.Commons, ask: Callable[[client.Client], object], answer: object
) -> None:
    """Wherever a ledger answers something that is no value of its kind, the client says so in an error of the tree."""
    one, wire = connect(commons)

    def broken(told: bytes) -> bytes:
        return json.dumps([{"id": each["id"], "result": answer} for each in json.loads(told)]).encode()

    wire.change = broken
    with pytest.raises((errors.LedgerMismatch, errors.DecodeError)):
        ask(one)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_refusals_of_the_ledger_itself(commons: testing.Commons, ask: Callable[[client.Client], object]) -> None:
    """Wherever a ledger answers with an error of its own, it is LedgerRefused in the ledger's words."""
    one, wire = connect(commons)

    def refusing(told: bytes) -> bytes:
        error = {"code": -32000, "message": "not today", "data": "Reverted"}
        return json.dumps([{"id": each["id"], "error": error} for each in json.loads(told)]).encode()

    wire.change = refusing
    with pytest.raises(errors.LedgerRefused, match="not today"):
        ask(one)


def test_keys_are_known_by_their_member(tmp_path: pathlib.Path) -> None:
    """A member is found by its account and its newest node key, nobody by an old one, and no account by another's claim."""
    commons = testing.Commons(tmp_path)
    try:
        one, other = commons.admit("one"), commons.admit("other")
        ledger = connect(commons)[0]
        account = one.registry.address
        first_key = ids.parse_address(str(ledger.call("Membership", "nodeKeyOf", one.member_id)[0]))
        assert ledger.member_of(account) == ledger.member_of(first_key) == one.member_id
        new_key = ids.Address(b"\x09" * 20)
        one.registry.transact("Membership", "setNodeKey", new_key)
        assert (ledger.member_of(first_key), ledger.member_of(new_key)) == (None, one.member_id)
        other.registry.transact("Membership", "setNodeKey", account)
        assert ledger.member_of(account) == one.member_id
        assert ledger.member_of(ids.Address(b"\x0a" * 20)) is None
        commons.connect(commons.operator).transact("Membership", "suspend", one.member_id)
        assert ledger.member_of(new_key) is None
        assert ledger.member_of(account) != one.member_id
    finally:
        commons.close()


def logs_of(answer: bytes, change: Callable[[list[Any]], Any]) -> bytes:
    """Return an answer to a poll whose logs were changed."""
    parts = json.loads(answer)
    parts[1]["result"] = change(parts[1]["result"])
    return json.dumps(parts).encode()


def with_field(name: str, value: object) -> Callable[[bytes], bytes]:
    """Return a change that sets (or with ``...`` removes) one field of the last log."""

    def change(logs: list[Any]) -> list[Any]:
        logs[-1] = {key: each for key, each in logs[-1].items() if key != name}
        if value is not ...:
            logs[-1][name] = value
        return logs

    return lambda answer: logs_of(answer, change)


LIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "no JSON": lambda _: b"<html>",
    "nested deeply": lambda _: b"[" * 3_000 + b"]" * 3_000,
    "an object": lambda _: b"{}",
    "a text": lambda _: b'"ok"',
    "too few answers": lambda answer: json.dumps(json.loads(answer)[:1]).encode(),
    "answers without ids": lambda _: b'[{"result":"0x1"},{"result":[]}]',
    "answers whose ids are lists": lambda _: b'[{"id":[],"result":"0x1"},{"id":{},"result":[]}]',
    "answers whose ids are true and false": lambda _: b'[{"id":false,"result":"0x1"},{"id":true,"result":[]}]',
    "the same answer twice": lambda _: b'[{"id":0,"result":"0x1"},{"id":0,"result":[]}]',
    "an error that is a text": lambda _: b'[{"id":0,"error":"no"},{"id":1,"result":[]}]',
    "a head that is no number": lambda _: b'[{"id":0,"result":"0xzz"},{"id":1,"result":[]}]',
    "a head that is missing": lambda _: b'[{"id":0},{"id":1,"result":[]}]',
    "logs that are null": lambda _: b'[{"id":0,"result":"0x1"},{"id":1,"result":null}]',
    "logs that are numbers": lambda answer: logs_of(answer, lambda _: [1, 2]),
    "a log without address": with_field("address", ...),
    "a log with half an address": with_field("address", "0x12"),
    "a log without block": with_field("blockNumber", ...),
    "a log with a negative block": with_field("blockNumber", "latest"),
    "a log without topics": with_field("topics", ...),
    "a log whose topics are a number": with_field("topics", 5),
    "a log whose topic is no hex": with_field("topics", ["0xzz"]),
    "a log without data": with_field("data", ...),
    "a log with cut data": with_field("data", "0x00"),
    "a log with odd data": with_field("data", "0x0"),
    "a log with a bad time": with_field("blockTimestamp", "noon"),
    "a log without index": with_field("logIndex", ...),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_malformed_answer_is_an_error_of_ours(commons: testing.Commons, lie: Callable[[bytes], bytes]) -> None:
    """Whatever a ledger answers, a poll ends with an expected error, and the next honest answer is read in full."""
    one, wire = connect(commons)
    wire.change = lie
    with pytest.raises((errors.LedgerMismatch, errors.DecodeError, errors.LedgerRefused)):
        one.poll()
    wire.change = lambda answer: answer
    other, _ = connect(commons)
    assert list(one.poll()) == list(other.poll())


def test_topics_missing_from_a_known_event(commons: testing.Commons) -> None:
    """An event with fewer indexed values than its contract emits is refused."""
    one, wire = connect(commons)
    wire.change = lambda answer: logs_of(answer, lambda logs: [logs[-1] | {"topics": logs[-1]["topics"][:1]}])
    with pytest.raises(errors.DecodeError):
        one.poll()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_answer_is_survived(commons: testing.Commons, answer: bytes) -> None:
    """Random answers to a transaction give an expected error and never a crash."""
    one, wire = connect(commons)
    wire.change = lambda _: answer
    with pytest.raises(errors.CommonsError):
        one.transact("Problems", "state", b"\x01" * 32, PURPOSE, 0, UNTIL)


def test_the_signer_is_shown_by_address_only(commons: testing.Commons) -> None:
    """A client's repr names its address."""
    one, _ = connect(commons)
    assert repr(one) == f"Client({ids.format_id(one.address)})"
