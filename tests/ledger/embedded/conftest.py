"""What the ledger's tests share: funded keys, signing, a client, ledgers in this process and in processes of their own.

Used by every test of this directory. Left out: contracts; ``test_conformance`` assembles its own.
"""

import dataclasses
import json
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from eth_account import Account
from eth_account.signers.local import LocalAccount

from aicommons.ledger.embedded import chain, evm_thread, methods, rpc, selection, storage

NOW = 1_800_000_000
WEALTH = 10_000 * 10**18
# The first keys of the mnemonic "test test ... junk" that development chains fund.
KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
)

_SERVE = """
import pathlib, sys
from aicommons.ledger.embedded import server
home, engine, max_logs = pathlib.Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3])
balances = {bytes.fromhex(address): 10_000 * 10**18 for address in sys.argv[4:]}
ready = lambda url: print(url, flush=True)
server.serve(home, 0, engine=engine, ready=ready, balances=balances, max_logs=max_logs)
"""


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.data: str | None = error.get("data")


@dataclasses.dataclass
class Client:
    """Speaks JSON-RPC to a URL over one kept connection."""

    url: str

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(maxsize=1, retries=False, timeout=20)

    def post(self, payload: object) -> Any:
        """Send one request or batch and return the decoded answer."""
        response = self.pool.request(
            "POST", self.url, body=json.dumps(payload), headers={"content-type": "application/json"}
        )
        return json.loads(response.data)

    def call(self, method: str, *params: object) -> Any:
        """Return one method's result or raise ``Refused``."""
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]


@dataclasses.dataclass
class LocalLedger:
    """A ledger in this process: chain, methods and EVM thread, without HTTP."""

    home: pathlib.Path
    engine: str
    max_pages: int | None = None
    evm: Any = None
    now: int = NOW
    is_closed: bool = False

    def __post_init__(self) -> None:
        chain_id = chain.DEFAULT_CHAIN_ID
        balances = {bytes.fromhex(Account.from_key(key).address[2:]): WEALTH for key in KEYS}
        genesis = storage.Genesis(chain_id, NOW, balances)
        self.file = storage.Storage(self.home, genesis, max_pages=self.max_pages)
        evm = self.evm or selection.make_engine(self.engine, chain_id=chain_id)
        self.chain = chain.Chain(self.file, evm, chain_id=chain_id, clock=lambda: self.now)
        served = rpc.Rpc(methods.Methods(self.chain, version="test"))
        self.thread = evm_thread.EvmThread(self.chain, served)
        self.failed = threading.Event()

    def start(self) -> None:
        """Begin to answer."""
        self.thread.start(on_failure=self.failed.set)

    def close(self) -> None:
        """Stop and close the file."""
        self.is_closed = True
        self.thread.stop()
        self.file.close()

    def post_raw(self, body: bytes) -> Any:
        """Send bytes and return the decoded answer."""
        return self.post_all([body])[0]

    def post_all(self, bodies: list[bytes]) -> list[Any]:
        """Queue several requests at once and return their answers in the order they came."""
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        for body in bodies:
            self.thread.submit(evm_thread.Request(body, answers.put))
        return [json.loads(answers.get(timeout=20)) for _ in bodies]

    def post(self, payload: object) -> Any:
        """Send one request or batch and return the decoded answer."""
        return self.post_raw(json.dumps(payload).encode())

    def call(self, method: str, *params: object) -> Any:
        """Return one method's result or raise ``Refused``."""
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]


@dataclasses.dataclass
class LedgerProcess:
    """A real server process."""

    process: subprocess.Popen[str]
    client: Client

    def kill(self) -> None:
        """Stop it the hard way."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Stop it the polite way and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def start_process(home: pathlib.Path, engine: str, max_logs: int) -> LedgerProcess:
    """Start a server on a free port and wait until it listens."""
    addresses = [Account.from_key(key).address[2:] for key in KEYS]
    command = [sys.executable, "-c", _SERVE, str(home), engine, str(max_logs), *addresses]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    if not url:
        _, stderr = process.communicate()
        raise RuntimeError(stderr)
    return LedgerProcess(process, Client(url))


@pytest.fixture
def start_ledger(tmp_path: pathlib.Path) -> Iterator[Callable[..., LedgerProcess]]:
    """Start server processes that do not outlive the test."""
    started: list[LedgerProcess] = []

    def start(home: pathlib.Path | None = None, engine: str = "", max_logs: int = methods.MAX_LOGS) -> LedgerProcess:
        started.append(start_process(home or tmp_path / "ledger", engine, max_logs))
        return started[-1]

    yield start
    for ledger in started:
        ledger.kill()
        ledger.client.pool.clear()
        for stream in (ledger.process.stdout, ledger.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def open_ledger(tmp_path: pathlib.Path) -> Iterator[Callable[..., LocalLedger]]:
    """Open ledgers in this process that are closed after the test."""
    opened: list[LocalLedger] = []

    def open_one(
        name: str = "ledger", engine: str = "pyrevm", max_pages: int | None = None, evm: Any = None
    ) -> LocalLedger:
        ledger = LocalLedger(tmp_path / name, engine, max_pages, evm)
        ledger.start()
        opened.append(ledger)
        return ledger

    yield open_one
    for ledger in opened:
        if not ledger.is_closed:
            ledger.close()


@pytest.fixture(scope="session")
def refused() -> type[Refused]:
    """The exception for JSON-RPC errors."""
    return Refused


@pytest.fixture(scope="session")
def client_class() -> type[Client]:
    """The JSON-RPC client, for tests that start something themselves."""
    return Client


@pytest.fixture(scope="session")
def accounts() -> tuple[LocalAccount, ...]:
    """Funded senders."""
    return tuple(Account.from_key(key) for key in KEYS)


@pytest.fixture(scope="session")
def sign() -> Callable[..., str]:
    """Sign a transaction of kind 0, 1 or 2 with zero fees and return its raw hexadecimal form."""

    def sign_one(account: LocalAccount, nonce: int, **fields: Any) -> str:
        kind = fields.pop("kind", 2)
        transaction = {"nonce": nonce, "chainId": chain.DEFAULT_CHAIN_ID, "gas": 100_000, "value": 0, **fields}
        to = fields.get("to", b"")
        if to is None:
            del transaction["to"], fields["to"]
        elif isinstance(to, str):
            fields["to"] = bytes.fromhex(to[2:])
        if kind == 2:
            transaction |= {"type": 2, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0} | fields
        else:
            transaction |= {"gasPrice": 0} | fields
        if kind == 1:
            transaction |= {"type": 1, "accessList": fields.get("accessList", [])}
        return "0x" + bytes(account.sign_transaction(transaction).raw_transaction).hex()

    return sign_one
