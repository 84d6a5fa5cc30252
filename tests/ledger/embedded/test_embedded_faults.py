"""What was answered is kept, and what goes wrong hurts nobody else: kills, full disks, a broken engine, two ledgers."""

import contextlib
import json
import pathlib
import random
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from eth_account.signers.local import LocalAccount

from aicommons.domain import errors
from aicommons.ledger.embedded import chain, engine, evm_thread, replay, revm, rpc, storage

TO = "0x" + "22" * 20


def _send(raw: str, request_id: int = 1) -> bytes:
    return json.dumps({"id": request_id, "method": "eth_sendRawTransaction", "params": [raw]}).encode()


class Sender(threading.Thread):
    """Sends one account's transactions one after the other until its ledger is gone; remembers what was answered."""

    def __init__(self, account: LocalAccount, sign: Callable[..., str]) -> None:
        super().__init__()
        self.account = account
        self.sign = sign
        self.client: Any = None
        self.acknowledged: list[str] = []

    def aim(self, client: Any) -> "Sender":
        """Return a fresh thread that goes on at a restarted ledger."""
        successor = Sender(self.account, self.sign)
        successor.client, successor.acknowledged = client, self.acknowledged
        return successor

    def run(self) -> None:
        """Send until the connection breaks."""
        with contextlib.suppress(urllib3.exceptions.HTTPError, json.JSONDecodeError):
            nonce = int(self.client.call("eth_getTransactionCount", self.account.address), 16)
            while True:
                raw = self.sign(self.account, nonce, to=TO, value=1)
                self.acknowledged.append(self.client.call("eth_sendRawTransaction", raw))
                nonce += 1


@pytest.mark.timeout(120)
def test_answered_transactions_survive_kills(
    start_ledger: Any, client_class: Any, tmp_path: pathlib.Path, accounts: Any, sign: Callable[..., str]
) -> None:
    """After SIGKILLs under concurrent senders every answered transaction is there, and the whole file replays."""
    home = tmp_path / "killed"
    source = random.Random(3)
    senders = [Sender(account, sign) for account in accounts]
    for _ in range(4):
        ledger = start_ledger(home)
        senders = [sender.aim(client_class(ledger.client.url)) for sender in senders]
        for sender in senders:
            sender.start()
        time.sleep(source.uniform(0.15, 0.5))
        ledger.kill()
        for sender in senders:
            sender.join()
            sender.client.pool.clear()
    ledger = start_ledger(home)
    acknowledged = [tx_hash for sender in senders for tx_hash in sender.acknowledged]
    assert len(acknowledged) > 50
    for tx_hash in acknowledged:
        assert ledger.client.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"
    blocks = int(ledger.client.call("eth_blockNumber"), 16)
    assert int(ledger.client.call("eth_getBalance", TO), 16) == blocks >= len(acknowledged)
    assert ledger.terminate() == 0
    report = replay.replay(home)
    assert (report.mismatch, report.blocks) == (None, blocks + 1)


def test_orderly_stop_leaves_one_file(start_ledger: Any, tmp_path: pathlib.Path) -> None:
    """SIGTERM ends with code 0, prints nothing and leaves no write-ahead log behind."""
    ledger = start_ledger(tmp_path / "stopped")
    assert ledger.terminate() == 0
    assert (ledger.process.stdout.read(), ledger.process.stderr.read()) == ("", "")
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == [storage.FILE_NAME]


def test_second_ledger_on_a_file_is_refused(start_ledger: Any, tmp_path: pathlib.Path) -> None:
    """A file that a running ledger uses is locked for a second one, and for a replay, with a clear error."""
    home = tmp_path / "shared"
    start_ledger(home)
    with pytest.raises(RuntimeError, match="another ledger is already running on this file"):
        start_ledger(home)
    with pytest.raises(errors.LedgerRefused, match="already running"):
        replay.replay(home)


def test_full_file_loses_nothing(open_ledger: Callable[..., Any], accounts: Any, sign: Callable[..., str]) -> None:
    """When the file cannot grow, the sender is told so; reads go on, and with more room the ledger goes on too."""
    ledger = open_ledger("full", max_pages=60)
    data = bytes(range(256)) * 20
    acknowledged, failure = [], None
    for nonce in range(100):
        answer = ledger.post_raw(_send(sign(accounts[0], nonce, to=TO, value=1, data=data, gas=200_000)))
        if "error" in answer:
            failure = answer["error"]
            break
        acknowledged.append(answer["result"])
    assert failure is not None
    assert (failure["code"], "full" in failure["message"]) == (rpc.INTERNAL_ERROR, True)
    assert len(acknowledged) > 5
    assert ledger.call("eth_blockNumber") == hex(len(acknowledged))
    assert ledger.call("eth_getBalance", TO) == hex(len(acknowledged))
    ledger.close()
    roomy = open_ledger("full")
    for tx_hash in acknowledged:
        assert roomy.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"
    roomy.call("eth_sendRawTransaction", sign(accounts[0], len(acknowledged), to=TO, value=1))
    roomy.close()
    assert replay.replay(roomy.home).is_identical


@contextlib.contextmanager
def _no_file_longer_than(size: int) -> Iterator[None]:
    """Let the operating system refuse longer files, as a full disk would in the middle of a commit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_failed_commit_loses_only_its_group(
    open_ledger: Callable[..., Any], accounts: Any, sign: Callable[..., str]
) -> None:
    """When COMMIT fails, the whole group gets an error, memory goes back with the file, and the next group works."""
    ledger = open_ledger("failing")
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=TO, value=1))
    log = pathlib.Path(f"{ledger.file.path}-wal")
    batch = [json.loads(_send(sign(accounts[0], nonce, to=TO, value=1), nonce)) for nonce in (1, 2)]
    with _no_file_longer_than(log.stat().st_size):
        answers = ledger.post(batch)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert {answer["error"]["code"] for answer in answers} == {rpc.INTERNAL_ERROR}
    assert ledger.call("eth_getTransactionCount", accounts[0].address) == "0x1"
    assert ledger.call("eth_getBalance", TO) == "0x1"
    assert all("result" in answer for answer in ledger.post(batch))
    assert ledger.call("eth_getBalance", TO) == "0x3"
    ledger.close()
    assert replay.replay(ledger.home).is_identical


class FragileEngine:
    """A real engine that breaks on one calldata, as a panic would, and forgets its memory then."""

    name = "fragile"

    def __init__(self) -> None:
        self.inner = revm.PyrevmEngine(chain.DEFAULT_CHAIN_ID)
        self.loads = 0

    def load(self, state: engine.State) -> None:
        """Count how often it was rebuilt."""
        self.loads += 1
        self.inner.load(state)

    def _break(self, message: engine.Message) -> None:
        if message.data == b"break":
            self.inner = revm.PyrevmEngine(chain.DEFAULT_CHAIN_ID)
            raise RuntimeError("nobody foresaw this")

    def transact(self, block: engine.BlockContext, message: engine.Message) -> Any:
        """Run, or break."""
        self._break(message)
        return self.inner.transact(block, message)

    def call(self, block: engine.BlockContext, message: engine.Message) -> engine.Execution:
        """Run, or break."""
        self._break(message)
        return self.inner.call(block, message)

    def apply(self, diff: engine.StateDiff) -> None:
        """Pass on."""
        self.inner.apply(diff)


def test_broken_engine_hurts_only_its_transaction(
    open_ledger: Callable[..., Any], accounts: Any, sign: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    """A message that breaks the EVM gets an error; it is rebuilt with the uncommitted blocks of the same group."""
    fragile = FragileEngine()
    ledger = open_ledger("fragile", evm=fragile)
    raws = [
        sign(accounts[0], 0, to=TO, value=1),
        sign(accounts[1], 0, to=TO, data=b"break"),
        sign(accounts[0], 1, to=TO, value=1),
        sign(accounts[1], 0, to=TO, value=1),
    ]
    answers = ledger.post([json.loads(_send(raw)) for raw in raws])
    assert ["error" in answer for answer in answers] == [False, True, False, False]
    assert (answers[1]["error"]["code"], fragile.loads) == (rpc.INTERNAL_ERROR, 2)
    assert "nobody foresaw this" in caplog.text
    call = {"id": 1, "method": "eth_call", "params": [{"to": TO, "data": "0x" + b"break".hex()}]}
    assert "error" in ledger.post(call)
    assert (ledger.call("eth_getBalance", TO), fragile.loads) == ("0x3", 3)
    ledger.close()
    assert replay.replay(ledger.home).is_identical


class UnreloadableEngine(FragileEngine):
    """Breaks for good: it cannot be rebuilt either."""

    def load(self, state: engine.State) -> None:
        """Work once, at the start."""
        if self.loads:
            raise RuntimeError("the memory is gone")
        super().load(state)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_unrecoverable_failure_stops_the_ledger(
    open_ledger: Callable[..., Any], accounts: Any, sign: Callable[..., str]
) -> None:
    """A ledger that cannot go back to its last block says so and stops, instead of going on with a wrong memory."""
    ledger = open_ledger("lost", evm=UnreloadableEngine())
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=TO, value=1))
    ledger.thread.submit(evm_thread.Request(_send(sign(accounts[0], 1, to=TO, data=b"break")), lambda _answer: None))
    assert ledger.failed.wait(timeout=5)
    assert ledger.thread.has_failed
    ledger.close()
    assert replay.replay(ledger.home).blocks == 2


def test_waiting_requests_share_a_commit(
    open_ledger: Callable[..., Any], accounts: Any, sign: Callable[..., str]
) -> None:
    """Requests that queue up behind a slow one are all answered, each in a block of its own."""
    ledger = open_ledger("grouped")
    bodies = [_send(sign(account, nonce, to=TO, value=1)) for nonce in range(30) for account in accounts]
    answers = ledger.post_all(bodies)
    assert all("result" in answer for answer in answers)
    assert ledger.call("eth_blockNumber") == hex(120)


FILE_ROWS = {
    "another chain": ("UPDATE meta SET value = '7' WHERE key = 'chain_id'", errors.LedgerMismatch, "chain id"),
    "another format": ("UPDATE meta SET value = '9' WHERE key = 'format'", errors.LedgerMismatch, "format"),
    "no ledger": ("DROP TABLE meta", errors.DecodeError, "not a readable ledger file"),
}


@pytest.mark.parametrize(("change", "kind", "message"), FILE_ROWS.values(), ids=FILE_ROWS.keys())
def test_foreign_files_are_refused(
    change: str, kind: type[Exception], message: str, open_ledger: Callable[..., Any]
) -> None:
    """A file that is not this chain's ledger is refused and not changed."""
    ledger = open_ledger("foreign")
    ledger.close()
    with contextlib.closing(sqlite3.connect(ledger.file.path)) as db:
        db.execute(change)
        db.commit()
    with pytest.raises(kind, match=message):
        open_ledger("foreign")


def test_file_that_is_no_database_is_refused(tmp_path: pathlib.Path) -> None:
    """Any other file in the ledger's place is refused and left as it is."""
    path = tmp_path / storage.FILE_NAME
    path.write_text("a letter to a friend, longer than the header of a database " * 20)
    before = path.read_bytes()
    with pytest.raises(errors.DecodeError, match="not a readable ledger file"):
        storage.Storage(tmp_path, storage.Genesis(1, 0))
    assert path.read_bytes() == before


@pytest.fixture
def replayable(open_ledger: Callable[..., Any], accounts: Any, sign: Callable[..., str]) -> pathlib.Path:
    """A closed ledger with a creation, a call that logs and writes, and transfers."""
    ledger = open_ledger("replayed")
    # Init code that stores 5 in slot 0, logs topic 7 and installs one byte of code.
    init = bytes.fromhex("60055f5560075f5fa160016000f3")
    ledger.call("eth_sendRawTransaction", sign(accounts[0], 0, to=None, data=init, gas=200_000))
    for nonce in range(3):
        ledger.call("eth_sendRawTransaction", sign(accounts[1], nonce, to=TO, value=1, kind=nonce))
    ledger.close()
    return pathlib.Path(ledger.home)


@pytest.mark.parametrize("engine_name", ["pyrevm", "py-evm"])
def test_replay_is_identical(replayable: pathlib.Path, engine_name: str) -> None:
    """Either engine replays what pyrevm wrote to the same blocks and state."""
    report = replay.replay(replayable, engine_name)
    assert report == replay.ReplayReport(blocks=5, accounts=6, slots=1, engine=engine_name, mismatch=None)


TAMPERED = {
    "a slot": ("UPDATE slot SET value = zeroblob(32)", "state: slots"),
    "a balance": ("UPDATE account SET balance = zeroblob(32) WHERE nonce = 3", "state: accounts"),
    "code": ("UPDATE code SET code = x'01'", "state: code"),
    "a receipt": ("UPDATE tx SET receipt = replace(receipt, '\"status\":\"0x1\"', '\"status\":\"0x0\"') WHERE n = 2", "block 2: receipt"),
    "a log": ("UPDATE log SET json = replace(json, '\"0x0\"', '\"0x1\"')", "block 1: logs"),
    "a missing log": ("DELETE FROM log", "block 1: logs"),
    "a time": ("UPDATE block SET ts = ts + 1 WHERE n = 4", "block 4: receipt|block 4: hash"),
    "a block hash": ("UPDATE block SET hash = zeroblob(32) WHERE n = 2", "block 2: hash"),
    "genesis": ("UPDATE block SET hash = zeroblob(32) WHERE n = 0", "block 0: hash"),
    "a transaction": ("UPDATE tx SET raw = CAST(substr(raw, 1, length(raw) - 1) || x'00' AS BLOB) WHERE n = 3", "block 3"),
    "a missing transaction": ("DELETE FROM tx WHERE n = 3", "block 3: missing"),
    "order": ("UPDATE tx SET n = 9 - n WHERE n IN (4, 5)", "block 4: missing"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "mismatch"), TAMPERED.values(), ids=TAMPERED.keys())
def test_replay_names_what_was_changed(replayable: pathlib.Path, change: str, mismatch: str) -> None:
    """A change in any table is found, and the report names the place."""
    with contextlib.closing(sqlite3.connect(replayable / storage.FILE_NAME)) as db:
        assert db.execute(change).rowcount > 0
        db.commit()
    found = replay.replay(replayable).mismatch
    assert found is not None
    assert any(found.startswith(expected) for expected in mismatch.split("|")), found


def test_replay_needs_a_ledger(tmp_path: pathlib.Path) -> None:
    """A replay of nothing is refused and makes no file."""
    with pytest.raises(errors.InputError, match="no ledger here"):
        replay.replay(tmp_path)
    assert list(tmp_path.iterdir()) == []
