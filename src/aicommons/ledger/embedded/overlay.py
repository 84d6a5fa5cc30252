"""Account storage for py-evm in plain dicts: what a message writes lies in an overlay above the untouched state.

Why: py-evm's own account database hashes a trie for every transaction, which nobody here reads (there is no state
root); the overlay also *is* the state diff. Called by ``pyevm`` only. Left out: persistence and witnesses.
"""

import dataclasses
from typing import Any, Final

from eth import abc
from eth import typing as eth_typing
from eth.constants import BLANK_ROOT_HASH
from eth.db import journal
from eth_typing import Address, Hash32

from aicommons.domain import encoding
from aicommons.ledger.embedded import engine

_MISSING: Final = object()


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """The state between transactions.

    Args:
        accounts: existing accounts by address.
        codes: code by code hash.
        slots: non-zero storage values by address and key.
    """

    accounts: dict[bytes, engine.Account]
    codes: dict[bytes, bytes]
    slots: dict[tuple[bytes, int], int]


class OverlayAccounts(abc.AccountDatabaseAPI):
    """py-evm's account database over a ``World`` that it never changes; checkpoints undo writes in reverse order."""

    def __init__(self, db: Any, state_root: Hash32 = BLANK_ROOT_HASH) -> None:
        self._world: World = db
        self._root = state_root
        self._accounts: dict[bytes, engine.Account | None] = {}
        self._slots: dict[tuple[bytes, int], int] = {}
        self._codes: dict[bytes, bytes] = {}
        self._warm: dict[Any, bool] = {}
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._checkpoints: dict[eth_typing.JournalDBCheckpoint, int] = {}

    def diff(self) -> engine.StateDiff:
        """Return what differs from the world below."""
        kept = {address: None if a is None or a.is_empty else a for address, a in self._accounts.items()}
        accounts = tuple((a, account) for a, account in kept.items() if account != self._world.accounts.get(a))
        used = {account.code_hash for _, account in accounts if account is not None}
        codes = tuple((h, code) for h, code in self._codes.items() if h in used and h not in self._world.codes)
        slots = tuple(
            (address, key, value)
            for (address, key), value in self._slots.items()
            if value != self._world.slots.get((address, key), 0)
        )
        return engine.StateDiff(accounts, codes, slots)

    def _write(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, table.get(key, _MISSING)))
        table[key] = value

    def _account(self, address: Address) -> engine.Account:
        if address in self._accounts:
            return self._accounts[address] or engine.EMPTY_ACCOUNT
        return self._world.accounts.get(address, engine.EMPTY_ACCOUNT)

    def _change(self, address: Address, **fields: Any) -> None:
        self._write(self._accounts, address, dataclasses.replace(self._account(address), **fields))

    # State roots: there are none, but py-evm passes one through its snapshots.
    @property
    def state_root(self) -> Hash32:
        """Return the root that the state was opened with."""
        return self._root

    @state_root.setter
    def state_root(self, value: Hash32) -> None:
        self._root = value

    def has_root(self, state_root: bytes) -> bool:
        """Whether this is the one root there is."""
        return state_root == self._root

    def make_state_root(self) -> Hash32:
        """Return the one root there is."""
        return self._root

    def persist(self) -> abc.MetaWitnessAPI:
        """Refuse: the overlay is read with ``diff``."""
        raise engine.EngineFault("an overlay is never persisted")

    # Storage.
    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """Return a slot's value, or with ``from_journal=False`` its value before the transaction."""
        if from_journal and (address, slot) in self._slots:
            return self._slots[address, slot]
        return self._world.slots.get((address, slot), 0)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Set a slot."""
        self._write(self._slots, (address, slot), value)

    def delete_storage(self, address: Address) -> None:
        """Zero all slots that this transaction wrote; a contract under creation has no others (EIP-7610)."""
        for owner, slot in list(self._slots):
            if owner == address:
                self.set_storage(address, slot, 0)

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        """Whether the slot was touched in this transaction (EIP-2929)."""
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        """Note that the slot was touched."""
        self._write(self._warm, (address, slot), True)

    # Accounts.
    def get_balance(self, address: Address) -> int:
        """Return the balance in wei."""
        return self._account(address).balance

    def set_balance(self, address: Address, balance: int) -> None:
        """Set the balance in wei."""
        self._change(address, balance=balance)

    def get_nonce(self, address: Address) -> int:
        """Return the nonce."""
        return self._account(address).nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Set the nonce."""
        self._change(address, nonce=nonce)

    def increment_nonce(self, address: Address) -> None:
        """Add one to the nonce."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code(self, address: Address) -> bytes:
        """Return the code, empty for accounts without."""
        code_hash = self._account(address).code_hash
        if code_hash == engine.EMPTY_CODE_HASH:
            return b""
        return self._codes[code_hash] if code_hash in self._codes else self._world.codes[code_hash]

    def set_code(self, address: Address, code: bytes) -> None:
        """Set the code."""
        code_hash = encoding.keccak(code)
        self._codes[code_hash] = code
        self._change(address, code_hash=code_hash)

    def get_code_hash(self, address: Address) -> Hash32:
        """Return the Keccak-256 of the code."""
        return Hash32(self._account(address).code_hash)

    def delete_code(self, address: Address) -> None:
        """Remove the code."""
        self._change(address, code_hash=engine.EMPTY_CODE_HASH)

    def account_has_code_or_nonce(self, address: Address) -> bool:
        """Whether a contract could not be created here."""
        account = self._account(address)
        return account.nonce != 0 or account.code_hash != engine.EMPTY_CODE_HASH

    def account_exists(self, address: Address) -> bool:
        """Whether the account is there, perhaps empty and only touched."""
        if address in self._accounts:
            return self._accounts[address] is not None
        return address in self._world.accounts

    def account_is_empty(self, address: Address) -> bool:
        """Whether the account is empty by EIP-161."""
        return self._account(address).is_empty

    def touch_account(self, address: Address) -> None:
        """Make the account exist for the length of the transaction."""
        self._change(address)

    def delete_account(self, address: Address) -> None:
        """Remove the account and what this transaction stored in it."""
        self.delete_storage(address)
        self._write(self._accounts, address, None)

    def is_address_warm(self, address: Address) -> bool:
        """Whether the account was touched in this transaction (EIP-2929)."""
        return address in self._warm

    def mark_address_warm(self, address: Address) -> None:
        """Note that the account was touched."""
        self._write(self._warm, address, True)

    # Checkpoints are named by py-evm's counter, because its transient storage takes over the same names.
    def record(self) -> eth_typing.JournalDBCheckpoint:
        """Open a checkpoint."""
        checkpoint = journal.get_next_checkpoint()
        self._checkpoints[checkpoint] = len(self._undo)
        return checkpoint

    def discard(self, checkpoint: eth_typing.JournalDBCheckpoint) -> None:
        """Undo everything since the checkpoint."""
        for _ in range(len(self._undo) - self._checkpoints[checkpoint]):
            table, key, before = self._undo.pop()
            if before is _MISSING:
                del table[key]
            else:
                table[key] = before

    def commit(self, checkpoint: eth_typing.JournalDBCheckpoint) -> None:
        """Keep everything since the checkpoint: its undo entries now belong to the checkpoint around it."""

    def lock_changes(self) -> None:
        """Do nothing: an overlay lives for one transaction, so the world below holds the original values."""
