"""Runs a ledger's transactions once more from block 0 and compares everything: ``commons ledger verify``.

Why: state and journal lie in one file, and this proves that they belong together, whichever engine wrote them. Never
needed for starting. Called by the CLI. Left out: signatures of members inside calldata (``run verify`` checks those).
"""

import dataclasses
import pathlib

from aicommons.domain import errors
from aicommons.ledger.embedded import blocks, engine, selection, storage, transactions


@dataclasses.dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found.

    Args:
        blocks: compared, genesis included.
        accounts: in the state at the end.
        slots: in the state at the end.
        engine: the EVM that ran it.
        mismatch: the first thing that differs, ``None`` when everything is identical.
    """

    blocks: int
    accounts: int
    slots: int
    engine: str
    mismatch: str | None

    @property
    def is_identical(self) -> bool:
        """Whether blocks, receipts, logs and state are what the transactions give."""
        return self.mismatch is None


def replay(home: pathlib.Path, engine_name: str | None = None) -> ReplayReport:
    """Replay the ledger in ``home``, which must not be running.

    Raises:
        InputError: there is no ledger in ``home``, or no such engine.
        LedgerRefused: a running ledger uses the file.
        DecodeError: the file is damaged.
    """
    path = home / storage.FILE_NAME
    if not path.is_file():
        raise errors.InputError("there is no ledger here", which=str(path), next_step="Check --home.")
    file = storage.Storage(home, None)
    try:
        with storage.opening(path):
            verdict = file.integrity()
            if verdict != "ok":
                raise errors.DecodeError("the ledger file is damaged", which=str(path), got=verdict)
            return _Replay(file, engine_name).report()
    finally:
        file.close()


class _Replay:
    """A replay in progress: the engine's own state, and a copy that can be compared with the file's."""

    def __init__(self, file: storage.Storage, engine_name: str | None) -> None:
        self._file = file
        self._chain_id = file.chain_id
        self._evm = selection.make_engine(engine_name, chain_id=self._chain_id)
        self._accounts = dict(storage.genesis_accounts(file.genesis_balances))
        self._codes: dict[bytes, bytes] = {}
        self._slots: dict[tuple[bytes, int], int] = {}
        self._evm.load(engine.State(tuple(self._accounts.items()), {}, ()))

    def report(self) -> ReplayReport:
        last = self._file.head().number
        mismatch = self._check_genesis()
        number = 0
        while mismatch is None and number < last:
            number += 1
            mismatch = self._run_block(number)
        mismatch = mismatch or self._check_state()
        return ReplayReport(number + 1, len(self._accounts), len(self._slots), self._evm.name, mismatch)

    def _check_genesis(self) -> str | None:
        first = self._file.block(0)
        return None if first is not None and first == blocks.genesis(first.timestamp) else "block 0: hash"

    def _run_block(self, number: int) -> str | None:
        parent, stored_head = self._file.block(number - 1), self._file.block(number)
        stored = self._file.transaction_of(number)
        if parent is None or stored_head is None or stored is None:
            return f"block {number}: missing"
        if stored_head.timestamp < parent.timestamp:
            return f"block {number}: time goes backwards"
        try:
            transaction = transactions.decode(stored.raw, chain_id=self._chain_id)
        except errors.PermanentError as err:
            return f"block {number}: {err}"
        if transaction.nonce != self._accounts.get(transaction.sender, engine.EMPTY_ACCOUNT).nonce:
            return f"block {number}: nonce"
        context = engine.BlockContext(number, stored_head.timestamp, parent.hash)
        execution, diff = self._evm.transact(context, transaction.message())
        self._apply(diff)
        again = blocks.seal(parent, transaction, execution, timestamp=stored_head.timestamp, diff=diff)
        return self._compare(again, stored_head, stored)

    def _compare(self, again: blocks.SealedBlock, head: blocks.Head, stored: storage.StoredTransaction) -> str | None:
        number = head.number
        if again.receipt != stored.receipt:
            return f"block {number}: receipt"
        if again.head != head:
            return f"block {number}: hash"
        if self._file.transaction(again.transaction.hash) != stored:
            return f"block {number}: transaction hash"
        wanted = storage.LogRange(number, number, None, None, len(again.logs) + 1)
        return None if [log.json for log in again.logs] == self._file.logs(wanted) else f"block {number}: logs"

    def _apply(self, diff: engine.StateDiff) -> None:
        self._evm.apply(diff)
        self._codes.update(diff.codes)
        for address, account in diff.accounts:
            if account is None:
                self._accounts.pop(address, None)
            else:
                self._accounts[address] = account
        for address, key, value in diff.slots:
            if value == 0:
                self._slots.pop((address, key), None)
            else:
                self._slots[address, key] = value

    def _check_state(self) -> str | None:
        state = self._file.state()
        if dict(state.accounts) != self._accounts:
            return "state: accounts"
        if dict(state.codes) != self._codes:
            return "state: code"
        found = {(address, key): value for address, key, value in state.slots}
        return None if found == self._slots else "state: slots"
