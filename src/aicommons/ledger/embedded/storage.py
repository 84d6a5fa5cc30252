"""Keeps the ledger in one SQLite file: journal and state together, so that a restart needs no replay and no snapshot.

Why: one SQLite transaction holds a block, its transaction, receipt, logs and the state diff; after COMMIT returned
(write-ahead log, ``synchronous=FULL``) a killed process loses none of it. Called by ``chain`` and ``replay`` on the one
EVM thread. Left out: what the rows mean, and past states: only the newest state is kept.
"""

import contextlib
import dataclasses
import json
import pathlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aicommons.domain import errors
from aicommons.ledger.embedded import blocks, engine

FILE_NAME: Final = "ledger.sqlite3"
FORMAT: Final = 1
"""Version of the tables below; a file of another version is refused."""

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE block (n INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, ts INTEGER NOT NULL);
CREATE TABLE tx (
    n INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, sender BLOB NOT NULL, raw BLOB NOT NULL, receipt TEXT NOT NULL
);
CREATE TABLE log (
    n INTEGER, i INTEGER, address BLOB NOT NULL, topic0 BLOB, json TEXT NOT NULL, PRIMARY KEY (n, i)
) WITHOUT ROWID;
CREATE TABLE account (
    address BLOB PRIMARY KEY, nonce INTEGER NOT NULL, balance BLOB NOT NULL, code_hash BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE code (hash BLOB PRIMARY KEY, code BLOB NOT NULL);
CREATE TABLE slot (address BLOB, key BLOB, value BLOB NOT NULL, PRIMARY KEY (address, key)) WITHOUT ROWID;
"""

_LOCK_WAIT_SECONDS: Final = 1.0
"""How long a start waits for a ledger that is just shutting down on the same file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Genesis:
    """What a new ledger starts with.

    Args:
        chain_id: EIP-155 chain id.
        timestamp: Unix seconds of block 0.
        balances: wei by address; nobody needs any to send transactions, because fees are zero.
    """

    chain_id: int
    timestamp: int
    balances: Mapping[bytes, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class StoredTransaction:
    """A transaction as it lies in the file.

    Args:
        number: its block.
        raw: as it was sent.
        receipt: the receipt object of the JSON-RPC answers.
    """

    number: int
    raw: bytes
    receipt: str


@dataclasses.dataclass(frozen=True, slots=True)
class LogRange:
    """Which logs to look for; ``None`` means all.

    Args:
        first: lowest block number.
        last: highest block number.
        addresses: emitting contracts.
        topics0: first topics.
        limit: at most this many rows.
    """

    first: int
    last: int
    addresses: tuple[bytes, ...] | None
    topics0: tuple[bytes, ...] | None
    limit: int


class Storage:
    """The open file, locked for this process until ``close``.

    Args:
        home: directory of the ledger, made if missing.
        genesis: used when the file is new; its chain id must match otherwise. ``None`` opens any existing file.
        max_pages: upper bound of the file's pages of 4 KiB, ``None`` for no bound.

    Raises:
        LedgerRefused: another process uses the file.
        LedgerMismatch: the file belongs to another chain or another format.
        DecodeError: the file is no SQLite database, or a damaged one.
        StorageFull: no room to create it.
    """

    def __init__(self, home: pathlib.Path, genesis: Genesis | None, *, max_pages: int | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.path = home / FILE_NAME
        self._db = sqlite3.connect(self.path, timeout=_LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with opening(self.path):
                self._prepare(genesis, max_pages)
        except errors.CommonsError:
            self._db.close()
            raise

    def _prepare(self, genesis: Genesis | None, max_pages: int | None) -> None:
        # Exclusive before the first access: the lock is then kept until the process ends, however it ends.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if max_pages is not None:
            self._db.execute(f"PRAGMA max_page_count={int(max_pages)}")
        self._db.execute("BEGIN EXCLUSIVE")
        try:
            if genesis is not None and self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                self._create(genesis)
            self._check_meta("format", FORMAT)
            if genesis is not None:
                self._check_meta("chain_id", genesis.chain_id)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _create(self, genesis: Genesis) -> None:
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        balances = {"0x" + address.hex(): hex(wei) for address, wei in genesis.balances.items()}
        meta = {"format": FORMAT, "chain_id": genesis.chain_id, "balances": balances}
        self._db.executemany(
            "INSERT INTO meta VALUES (?, ?)", [(key, json.dumps(value)) for key, value in meta.items()]
        )
        first = blocks.genesis(genesis.timestamp)
        self._db.execute("INSERT INTO block VALUES (?, ?, ?)", (first.number, first.hash, first.timestamp))
        accounts = tuple(genesis_accounts(genesis.balances))
        self._write_state(engine.StateDiff(accounts, (), ()))

    def _check_meta(self, key: str, expected: int) -> None:
        got = self._meta(key)
        if got != expected:
            title = key.replace("_", " ")
            raise errors.LedgerMismatch(
                f"the ledger file has another {title}", which=str(self.path), expected=expected, got=got
            )

    def close(self) -> None:
        """Write the log back into the file and give up the lock."""
        self._db.close()

    # One group of blocks.
    @property
    def has_open_group(self) -> bool:
        """Whether blocks were appended that are not committed yet."""
        return self._db.in_transaction

    def append(self, block: blocks.SealedBlock) -> None:
        """Write a block into the open group; opens one if needed.

        Raises:
            sqlite3.Error: the group is lost; call ``rollback``.
        """
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        number = block.head.number
        transaction = block.transaction
        self._db.execute("INSERT INTO block VALUES (?, ?, ?)", (number, block.head.hash, block.head.timestamp))
        self._db.execute(
            "INSERT INTO tx VALUES (?, ?, ?, ?, ?)",
            (number, transaction.hash, transaction.sender, transaction.raw, block.receipt),
        )
        if block.logs:
            rows = [(number, log.index, log.address, log.topic0, log.json) for log in block.logs]
            self._db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", rows)
        self._write_state(block.diff)

    def _write_state(self, diff: engine.StateDiff) -> None:
        for code in diff.codes:
            self._db.execute("INSERT OR IGNORE INTO code VALUES (?, ?)", code)
        for address, account in diff.accounts:
            if account is None:
                self._db.execute("DELETE FROM account WHERE address = ?", (address,))
            else:
                row = (address, account.nonce, account.balance.to_bytes(32, "big"), account.code_hash)
                self._db.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)", row)
        for address, key, value in diff.slots:
            place = (address, key.to_bytes(32, "big"))
            if value == 0:
                self._db.execute("DELETE FROM slot WHERE address = ? AND key = ?", place)
            else:
                self._db.execute("INSERT OR REPLACE INTO slot VALUES (?, ?, ?)", (*place, value.to_bytes(32, "big")))

    def commit(self) -> None:
        """Make the open group durable.

        Raises:
            sqlite3.Error: the group is lost; call ``rollback``.
        """
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Drop the open group, if there still is one."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # Reading.
    def _meta(self, key: str) -> Any:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    @property
    def chain_id(self) -> int:
        """The chain id that the ledger was made with."""
        return int(self._meta("chain_id"))

    @property
    def genesis_balances(self) -> dict[bytes, int]:
        """Wei by address at block 0."""
        return {bytes.fromhex(address[2:]): int(wei, 16) for address, wei in self._meta("balances").items()}

    def head(self) -> blocks.Head:
        """Return the newest block."""
        return blocks.Head(*self._db.execute("SELECT n, hash, ts FROM block ORDER BY n DESC LIMIT 1").fetchone())

    def block(self, number: int) -> blocks.Head | None:
        """Return a block by height."""
        return self._one_head("SELECT n, hash, ts FROM block WHERE n = ?", number)

    def block_by_hash(self, block_hash: bytes) -> blocks.Head | None:
        """Return a block by hash."""
        return self._one_head("SELECT n, hash, ts FROM block WHERE hash = ?", block_hash)

    def _one_head(self, query: str, value: object) -> blocks.Head | None:
        row = self._db.execute(query, (value,)).fetchone()
        return None if row is None else blocks.Head(*row)

    def transaction(self, tx_hash: bytes) -> StoredTransaction | None:
        """Return a transaction by hash."""
        row = self._db.execute("SELECT n, raw, receipt FROM tx WHERE hash = ?", (tx_hash,)).fetchone()
        return None if row is None else StoredTransaction(*row)

    def transaction_of(self, number: int) -> StoredTransaction | None:
        """Return a block's transaction; genesis has none."""
        row = self._db.execute("SELECT n, raw, receipt FROM tx WHERE n = ?", (number,)).fetchone()
        return None if row is None else StoredTransaction(*row)

    def account(self, address: bytes) -> engine.Account:
        """Return an account, the empty one if it does not exist."""
        query = "SELECT nonce, balance, code_hash FROM account WHERE address = ?"
        row = self._db.execute(query, (address,)).fetchone()
        return engine.EMPTY_ACCOUNT if row is None else _account(row)

    def code(self, code_hash: bytes) -> bytes:
        """Return code by its hash, empty if unknown."""
        row = self._db.execute("SELECT code FROM code WHERE hash = ?", (code_hash,)).fetchone()
        return b"" if row is None else bytes(row[0])

    def slot(self, address: bytes, key: int) -> int:
        """Return a storage value."""
        query = "SELECT value FROM slot WHERE address = ? AND key = ?"
        row = self._db.execute(query, (address, key.to_bytes(32, "big"))).fetchone()
        return 0 if row is None else int.from_bytes(row[0], "big")

    def logs(self, wanted: LogRange) -> list[str]:
        """Return log objects in the chain's order."""
        query = ["SELECT json FROM log WHERE n BETWEEN ? AND ?"]
        values: list[object] = [wanted.first, wanted.last]
        for column, alternatives in (("address", wanted.addresses), ("topic0", wanted.topics0)):
            if alternatives is not None:
                query.append(f"AND {column} IN ({','.join('?' * len(alternatives))})")
                values.extend(alternatives)
        query.append("ORDER BY n, i LIMIT ?")
        values.append(wanted.limit)
        return [row[0] for row in self._db.execute(" ".join(query), values)]

    def state(self) -> engine.State:
        """Return the whole state, uncommitted blocks of this process included."""
        return engine.State(self._accounts(), dict(self._db.execute("SELECT hash, code FROM code")), self._slots())

    def _accounts(self) -> Iterator[tuple[bytes, engine.Account]]:
        for address, *row in self._db.execute("SELECT address, nonce, balance, code_hash FROM account"):
            yield address, _account(row)

    def _slots(self) -> Iterator[tuple[bytes, int, int]]:
        for address, key, value in self._db.execute("SELECT address, key, value FROM slot"):
            yield address, int.from_bytes(key, "big"), int.from_bytes(value, "big")

    def integrity(self) -> str:
        """Return SQLite's own verdict on the file: ``ok``, or the first damage found."""
        return str(self._db.execute("PRAGMA integrity_check(1)").fetchone()[0])


def genesis_accounts(balances: Mapping[bytes, int]) -> Iterator[tuple[bytes, engine.Account]]:
    """Yield the accounts that exist at block 0."""
    for address, wei in balances.items():
        yield address, engine.Account(nonce=0, balance=wei, code_hash=engine.EMPTY_CODE_HASH)


def _account(row: list[object] | tuple[int, bytes, bytes]) -> engine.Account:
    nonce, balance, code_hash = row
    return engine.Account(nonce, int.from_bytes(balance, "big"), code_hash)  # type: ignore[arg-type]


@contextlib.contextmanager
def opening(path: pathlib.Path) -> Iterator[None]:
    """Turn SQLite's errors while a file is opened or verified into ours.

    Raises:
        LedgerRefused: another process uses the file.
        StorageFull: no room left.
        DecodeError: no readable ledger.
    """
    try:
        yield
    except sqlite3.DatabaseError as err:
        raise _translated(path, err) from err


def _translated(path: pathlib.Path, err: sqlite3.DatabaseError) -> errors.CommonsError:
    code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return errors.LedgerRefused(
            "another ledger is already running on this file",
            which=str(path),
            next_step="Use the running ledger, stop it first, or choose another home.",
        )
    if code == sqlite3.SQLITE_FULL:
        return errors.StorageFull("no room left for the ledger", which=str(path))
    return errors.DecodeError(
        "this is not a readable ledger file", which=str(path), got=str(err), next_step="Restore it from a backup."
    )
