"""The one interface behind which the EVM sits: `(state, block, message) -> (outcome, diff)`, a pure function.

Why: pyrevm has wheels for some platforms only, so py-evm must be able to stand in for it, and a conformance test must
be able to compare them. Called by ``chain`` (transactions and calls) and ``replay`` (verification). Left out: which
engine is used (``selection``), validity of transactions (``transactions``, ``chain``) and all storage (``storage``).
"""

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from aicommons.domain import encoding

GAS_LIMIT: Final = 2**24
"""Gas that one block, transaction or call may use: also the cap per transaction that Ethereum adopted (EIP-7825)."""

COINBASE: Final = bytes(20)
"""The fee recipient that contracts see; there are no fees, so it never earns anything."""

EMPTY_CODE_HASH: Final = encoding.keccak(b"")
"""Code hash of every account without code."""


class EngineFault(Exception):
    """The engine is broken or said something unreadable: its memory must be rebuilt from the database.

    This is a bug or a change in the engine, never the sender's fault, and so not part of the error tree for callers.
    """


class Outcome(enum.Enum):
    """How a message ended."""

    SUCCESS = "success"
    REVERT = "revert"
    HALT = "halt"


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """What the ledger knows about one address, storage apart.

    Args:
        nonce: transactions sent (contracts: contracts created, starting at 1).
        balance: in wei.
        code_hash: Keccak-256 of the code, ``EMPTY_CODE_HASH`` without code.
    """

    nonce: int
    balance: int
    code_hash: bytes

    @property
    def is_empty(self) -> bool:
        """Whether the account does not exist any more by EIP-161."""
        return self.nonce == 0 and self.balance == 0 and self.code_hash == EMPTY_CODE_HASH


EMPTY_ACCOUNT: Final = Account(nonce=0, balance=0, code_hash=EMPTY_CODE_HASH)


@dataclasses.dataclass(frozen=True, slots=True)
class BlockContext:
    """What a contract sees of the block it runs in.

    Args:
        number: height; genesis is 0.
        timestamp: Unix seconds.
        prevrandao: 32 bytes, the parent's hash; anybody can predict it, so it is no randomness.
    """

    number: int
    timestamp: int
    prevrandao: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A transaction or call without its signature; already checked for range, funds and intrinsic gas.

    Args:
        sender: 20 bytes.
        to: 20 bytes, or ``None`` to create a contract.
        nonce: the sender's nonce before the message.
        gas_limit: at most ``GAS_LIMIT``.
        value: in wei, at most the sender's balance.
        data: calldata, or init code when ``to`` is ``None``.
    """

    sender: bytes
    to: bytes | None
    nonce: int
    gas_limit: int
    value: int
    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Log:
    """One event as the EVM emitted it.

    Args:
        address: the emitting contract, 20 bytes.
        topics: zero to four times 32 bytes.
        data: any length.
    """

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class StateDiff:
    """What one transaction changed; applying it to the state before gives the state after.

    Args:
        accounts: address and new account, or ``None`` when it no longer exists.
        codes: code hash and code, for codes not seen before.
        slots: address, key and new value (0 = deleted).
    """

    accounts: tuple[tuple[bytes, Account | None], ...]
    codes: tuple[tuple[bytes, bytes], ...]
    slots: tuple[tuple[bytes, int, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Execution:
    """What came out of one message.

    Args:
        outcome: success, revert or halt.
        gas_used: after refunds.
        output: returned bytes; revert data; the new contract's code for a successful creation.
        reason: the engine's own word for why it ended, for people only.
        logs: in order; empty unless successful.
    """

    outcome: Outcome
    gas_used: int
    output: bytes
    reason: str
    logs: tuple[Log, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """A whole state, read once when an engine is (re)built.

    Args:
        accounts: address and account.
        codes: code by code hash.
        slots: address, key and value, zeros left out.
    """

    accounts: Iterable[tuple[bytes, Account]]
    codes: Mapping[bytes, bytes]
    slots: Iterable[tuple[bytes, int, int]]


class Engine(Protocol):
    """An EVM at Cancun rules whose memory changes only through ``load`` and ``apply``.

    After any exception out of one of these methods the memory is undefined until the next ``load``.
    """

    @property
    def name(self) -> str:
        """The package behind it, as ``make_engine`` takes it."""
        ...

    def load(self, state: State) -> None:
        """Forget everything and take this state."""
        ...

    def transact(self, block: BlockContext, message: Message) -> tuple[Execution, StateDiff]:
        """Run a transaction without keeping its effects; the diff includes the sender's new nonce.

        Raises:
            EngineFault: the engine broke.
        """
        ...

    def call(self, block: BlockContext, message: Message) -> Execution:
        """Run a message only for its answer.

        Raises:
            EngineFault: the engine broke.
        """
        ...

    def apply(self, diff: StateDiff) -> None:
        """Take over what ``transact`` reported."""
        ...
