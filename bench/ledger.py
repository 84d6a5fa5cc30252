"""How fast the embedded ledger is: transactions one after the other, in batches, and a restart with 10,000 of them.

Why: the README claims these figures. Run by people: ``python bench/ledger.py [--json] [--engine py-evm]``. Every
transaction writes a new storage slot and emits an event, like the messages of a round; all are signed beforehand.
Left out: several senders at once (their own web3 is what is measured then).
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import urllib3
import web3
from eth_account import Account

import report
from aicommons.ledger import addresses
from aicommons.ledger.embedded import chain

SENDER = Account.from_key("0x" + "5a" * 32)
# calldata: key, value. CALLDATALOAD both, SSTORE, and LOG1 with topic 0xa1 over 32 bytes of memory.
RUNTIME = bytes.fromhex("6020356000355560a160206000a1")
INIT = bytes.fromhex("600e600c600039600e6000f3") + RUNTIME
CONTRACT = addresses.created(bytes.fromhex(SENDER.address[2:]), 0)

SERVE = """
import pathlib, sys
from aicommons.ledger.embedded import server
server.serve(pathlib.Path(sys.argv[1]), 0, engine=sys.argv[2] or None, ready=lambda url: print(url, flush=True))
"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: what was measured.
        unit: of ``median`` and ``target``.
        median: over the repetitions.
        target: what the project asks for.
        ratio: median / target for rates, target / median for times: at least 1 is good.
    """

    name: str
    unit: str
    median: float
    target: float
    ratio: float


@dataclasses.dataclass
class Wire:
    """JSON-RPC over one kept connection."""

    url: str

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(maxsize=1, retries=False)

    def post(self, payload: object) -> Any:
        """Send a request or batch."""
        body = json.dumps(payload)
        answer = self.pool.request("POST", self.url, body=body, headers={"content-type": "application/json"})
        return json.loads(answer.data)


def request(method: str, *params: object) -> dict[str, object]:
    """Return one request."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def signed(nonce: int) -> str:
    """Return the raw transaction with this nonce; the first one deploys the contract."""
    fields: dict[str, Any] = {"nonce": nonce, "chainId": chain.DEFAULT_CHAIN_ID, "gas": 200_000, "value": 0, "type": 2}
    fields |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "data": INIT}
    if nonce:
        fields |= {"to": CONTRACT, "data": nonce.to_bytes(32, "big") * 2}
    return "0x" + bytes(SENDER.sign_transaction(fields).raw_transaction).hex()


@contextlib.contextmanager
def server(home: pathlib.Path, engine: str) -> Iterator[tuple[str, int]]:
    """Run a ledger process and yield its URL and process id."""
    command = [sys.executable, "-c", SERVE, str(home), engine]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("no pipe from the ledger process")
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def rate(send: Callable[[str], None], raws: list[str]) -> float:
    """Return transactions per second, one call each."""
    started = time.perf_counter()
    for raw in raws:
        send(raw)
    return len(raws) / (time.perf_counter() - started)


def raw_sender(wire: Wire) -> Callable[[str], None]:
    """Send and fetch the receipt with two plain requests."""

    def send(raw: str) -> None:
        tx_hash = wire.post(request("eth_sendRawTransaction", raw))["result"]
        if wire.post(request("eth_getTransactionReceipt", tx_hash))["result"]["status"] != "0x1":
            raise RuntimeError(f"transaction {tx_hash} failed")

    return send


def web3_sender(url: str) -> Callable[[str], None]:
    """Send and wait for the receipt as web3.py does."""
    client = web3.Web3(web3.HTTPProvider(url))

    def send(raw: str) -> None:
        tx_hash = client.eth.send_raw_transaction(cast(Any, raw))
        if client.eth.wait_for_transaction_receipt(tx_hash, poll_latency=0.001)["status"] != 1:
            raise RuntimeError(f"transaction {tx_hash.hex()} failed")

    return send


def batch_rate(wire: Wire, raws: list[str]) -> float:
    """Return transactions per second in batches of 100."""
    batches = [raws[start : start + 100] for start in range(0, len(raws), 100)]
    started = time.perf_counter()
    for batch in batches:
        answers = wire.post([request("eth_sendRawTransaction", raw) for raw in batch])
        if any("result" not in answer for answer in answers):
            raise RuntimeError(f"a batch failed: {answers[-1]}")
    return len(raws) / (time.perf_counter() - started)


def poll_milliseconds(wire: Wire, pid: int) -> float:
    """Return the server's CPU time of one idle poll: block number and logs from the next block on."""
    head = int(wire.post(request("eth_blockNumber"))["result"], 16)
    poll = [request("eth_blockNumber"), request("eth_getLogs", {"fromBlock": hex(head + 1)})]
    before = cpu_seconds(pid)
    for _ in range(1_000):
        wire.post(poll)
    return cpu_seconds(pid) - before  # seconds per 1,000 polls are milliseconds per poll


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process (Linux)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def restart_seconds(home: pathlib.Path, engine: str) -> float:
    """Return the time from starting the process to its first answer."""
    started = time.perf_counter()
    with server(home, engine) as (url, _):
        Wire(url).post(request("eth_blockNumber"))
        return time.perf_counter() - started


def measure(home: pathlib.Path, engine: str, total: int) -> Iterator[Row]:
    """Yield the table's rows; the ledger holds ``total`` transactions at the end."""
    raws = [signed(nonce) for nonce in range(total)]
    position = 0

    def take(count: int) -> list[str]:
        nonlocal position
        position += count
        return raws[position - count : position]

    with server(home, engine) as (url, pid):
        wire = Wire(url)
        rate(raw_sender(wire), take(1))
        senders = (("one after the other, plain requests", raw_sender(wire)), ("through web3", web3_sender(url)))
        for name, send in senders:
            yield rated(name, [rate(send, take(200)) for _ in range(3)], 150)
        yield rated("batches of 100", [batch_rate(wire, take(1_000)) for _ in range(3)], 1_000)
        poll = poll_milliseconds(wire, pid)
        yield Row("CPU of a poll that finds nothing new", "ms", poll, 1.0, 1.0 / poll)
        batch_rate(wire, take(total - position))
    restart = statistics.median(restart_seconds(home, engine) for _ in range(3))
    yield Row(f"restart with {total} transactions", "s", restart, 2.0, 2.0 / restart)


def rated(name: str, rates: list[float], target: float) -> Row:
    """Return the row of a rate."""
    median = statistics.median(rates)
    return Row(name, "tx/s", median, target, median / target)


COLUMNS: report.Columns = {
    "what": lambda row: row["name"],
    "measured": lambda row: f"{row['median']:,.4g} {row['unit']}",
    "target": lambda row: f"{row['target']:,g} {row['unit']}",
    "times as good": lambda row: round(row["ratio"], 1),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("--engine", default="", help="pyrevm or py-evm; default: the fastest installed")
    parser.add_argument("--transactions", type=int, default=10_000, help="in the ledger at the restart")
    options = parser.parse_args()
    title = f"The embedded ledger (`ledger.py`, {options.engine or 'default engine'})"
    with tempfile.TemporaryDirectory() as home:
        measured = measure(pathlib.Path(home), options.engine, options.transactions)
        rows = ({**dataclasses.asdict(row), "machine": report.machine()} for row in measured)
        report.show(title, rows, COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
