"""Turns one executed transaction into its block: header, hash, receipt, logs and bloom, as any Ethereum tool reads them.

Why: block hashes are the real Cancun header hashes, so that the record is a chain and whoever holds the transactions
and receipts can recompute it. Called by ``chain`` and ``replay`` (which must get the same bytes). Left out: the state
root (32 zero bytes: verification here reads events, not proofs) and blocks with more or less than one transaction.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable
from typing import Any, Final

import rlp

from aicommons.domain import encoding
from aicommons.ledger import addresses
from aicommons.ledger.embedded import engine, transactions

EXTRA_DATA: Final = b"ai-commons"

NO_UNCLES: Final = encoding.keccak(rlp.encode([]))
EMPTY_TRIE: Final = encoding.keccak(rlp.encode(b""))
_BLOOM_BYTES: Final = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """The newest block, as far as the next one depends on it.

    Args:
        number: height; genesis is 0.
        hash: 32 bytes.
        timestamp: Unix seconds.
    """

    number: int
    hash: bytes
    timestamp: int


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """The header fields that differ between blocks.

    Args:
        parent_hash: 32 bytes, zeros for genesis; also what contracts see as prevrandao.
        number: height.
        timestamp: Unix seconds.
        gas_used: by the block's transaction.
        transactions_root: of the trie with at most one transaction.
        receipts_root: of the trie with at most one receipt.
        bloom: 256 bytes.
    """

    parent_hash: bytes
    number: int
    timestamp: int
    gas_used: int
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes

    def encode(self) -> bytes:
        """Return the RLP of the Cancun header (Yellow Paper 4.3, EIP-1559, EIP-4895, EIP-4844, EIP-4788)."""
        fields = [
            self.parent_hash, NO_UNCLES, engine.COINBASE, bytes(32), self.transactions_root, self.receipts_root,
            self.bloom, 0, self.number, engine.GAS_LIMIT, self.gas_used, self.timestamp, EXTRA_DATA, self.parent_hash,
            bytes(8), 0, EMPTY_TRIE, 0, 0, bytes(32),
        ]  # fmt: skip
        return _encode(fields)


@dataclasses.dataclass(frozen=True, slots=True)
class LogRow:
    """One log, ready for storage and filters.

    Args:
        index: position in the block.
        address: emitting contract, 20 bytes.
        topic0: first topic, 32 bytes, or ``None`` for an anonymous log without topics.
        json: the log object of the JSON-RPC answers.
    """

    index: int
    address: bytes
    topic0: bytes | None
    json: str


@dataclasses.dataclass(frozen=True, slots=True)
class SealedBlock:
    """One block with its one transaction: everything that is written in one SQLite transaction.

    Args:
        head: number, hash and timestamp.
        transaction: what was executed.
        receipt: the receipt object of the JSON-RPC answers.
        logs: in order.
        diff: the change of state.
    """

    head: Head
    transaction: transactions.SignedTransaction
    receipt: str
    logs: tuple[LogRow, ...]
    diff: engine.StateDiff


def genesis_header(timestamp: int) -> Header:
    """Return the header of block 0, which has no transaction."""
    return Header(bytes(32), 0, timestamp, 0, EMPTY_TRIE, EMPTY_TRIE, bytes(_BLOOM_BYTES))


def genesis(timestamp: int) -> Head:
    """Return block 0."""
    return Head(0, encoding.keccak(genesis_header(timestamp).encode()), timestamp)


def seal(
    parent: Head, transaction: transactions.SignedTransaction, execution: engine.Execution, *, timestamp: int,
    diff: engine.StateDiff,
) -> SealedBlock:  # fmt: skip
    """Return the block that follows ``parent`` and holds this transaction."""
    bloom = logs_bloom(execution.logs)
    header = Header(
        parent_hash=parent.hash,
        number=parent.number + 1,
        timestamp=timestamp,
        gas_used=execution.gas_used,
        transactions_root=_root_of_one(transaction.raw),
        receipts_root=_root_of_one(_consensus_receipt(transaction.kind, execution, bloom)),
        bloom=bloom,
    )
    head = Head(header.number, encoding.keccak(header.encode()), timestamp)
    place = _Place(head, transaction.hash)
    logs = tuple(_log_row(place, index, log) for index, log in enumerate(execution.logs))
    receipt = _receipt_json(place, transaction, execution, logs=logs, bloom=bloom)
    return SealedBlock(head, transaction, receipt, logs, diff)


def header_of(head: Head, parent_hash: bytes, raw: bytes, receipt: str) -> Header:
    """Rebuild a sealed block's header from what is stored of it: its transaction and its receipt object."""
    stored = json.loads(receipt)
    logs = tuple(_log_from_json(entry) for entry in stored["logs"])
    outcome = engine.Outcome.SUCCESS if stored["status"] == "0x1" else engine.Outcome.REVERT
    execution = engine.Execution(outcome, int(stored["gasUsed"], 16), b"", "", logs)
    bloom = bytes.fromhex(stored["logsBloom"][2:])
    return Header(
        parent_hash=parent_hash,
        number=head.number,
        timestamp=head.timestamp,
        gas_used=execution.gas_used,
        transactions_root=_root_of_one(raw),
        receipts_root=_root_of_one(_consensus_receipt(int(stored["type"], 16), execution, bloom)),
        bloom=bloom,
    )


def logs_bloom(logs: Iterable[engine.Log]) -> bytes:
    """Return the 256-byte bloom filter over addresses and topics (Yellow Paper 4.3.1, M3:2048)."""
    bits = 0
    for log in logs:
        for item in (log.address, *log.topics):
            bits |= _bloom_bits(item)
    return bits.to_bytes(_BLOOM_BYTES, "big")


# A commons has few contracts, event names and members, so nearly every item was hashed before.
@functools.lru_cache(maxsize=4096)
def _bloom_bits(item: bytes) -> int:
    digest = encoding.keccak(item)
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") % 2048)
    return bits


def _encode(fields: list[Any]) -> bytes:
    # Without rlp's search for a serialiser, which would take a third of the time that a transaction takes in all.
    plain = [field.to_bytes(-(-field.bit_length() // 8), "big") if type(field) is int else field for field in fields]
    return bytes(rlp.encode(plain, infer_serializer=False))


def _root_of_one(value: bytes) -> bytes:
    # A trie with the single key rlp(0) is one leaf: path of nibbles 8, 0 with the even-leaf prefix 0x20.
    return encoding.keccak(_encode([b"\x20\x80", value]))


def _consensus_receipt(kind: int, execution: engine.Execution, bloom: bytes) -> bytes:
    status = int(execution.outcome is engine.Outcome.SUCCESS)
    logs = [[log.address, list(log.topics), log.data] for log in execution.logs]
    body = _encode([status, execution.gas_used, bloom, logs])
    return body if kind == transactions.LEGACY else bytes([kind]) + body


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where in the chain something happened: the fields that receipts and logs share."""

    head: Head
    transaction_hash: bytes

    def fields(self) -> dict[str, object]:
        return {
            "blockHash": "0x" + self.head.hash.hex(),
            "blockNumber": hex(self.head.number),
            "transactionHash": "0x" + self.transaction_hash.hex(),
            "transactionIndex": "0x0",
        }


def _log_row(place: _Place, index: int, log: engine.Log) -> LogRow:
    fields = {
        "address": "0x" + log.address.hex(),
        "topics": ["0x" + topic.hex() for topic in log.topics],
        "data": "0x" + log.data.hex(),
        **place.fields(),
        "blockTimestamp": hex(place.head.timestamp),
        "logIndex": hex(index),
        "removed": False,
    }
    text = json.dumps(fields, separators=(",", ":"))
    return LogRow(index, log.address, log.topics[0] if log.topics else None, text)


def _log_from_json(entry: dict[str, str]) -> engine.Log:
    topics = tuple(bytes.fromhex(topic[2:]) for topic in entry["topics"])
    return engine.Log(bytes.fromhex(entry["address"][2:]), topics, bytes.fromhex(entry["data"][2:]))


def _receipt_json(
    place: _Place, transaction: transactions.SignedTransaction, execution: engine.Execution, *,
    logs: tuple[LogRow, ...], bloom: bytes,
) -> str:  # fmt: skip
    created = None
    if transaction.to is None:
        created = "0x" + addresses.created(transaction.sender, transaction.nonce).hex()
    fields = {
        **place.fields(),
        "type": hex(transaction.kind),
        "status": hex(execution.outcome is engine.Outcome.SUCCESS),
        "from": "0x" + transaction.sender.hex(),
        "to": None if transaction.to is None else "0x" + transaction.to.hex(),
        "contractAddress": created,
        "gasUsed": hex(execution.gas_used),
        "cumulativeGasUsed": hex(execution.gas_used),
        "effectiveGasPrice": "0x0",
        "logsBloom": "0x" + bloom.hex(),
    }
    text = json.dumps(fields, separators=(",", ":"))
    return text[:-1] + ',"logs":[' + ",".join(log.json for log in logs) + "]}"
