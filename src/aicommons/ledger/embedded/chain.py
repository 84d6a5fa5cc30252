"""Executes transactions one per block, answers calls, and keeps engine and file in step.

Why: the rules of acceptance (nonce, funds, known), block time and recovery from failure live in one place, free of HTTP
and JSON. Called by ``rpc`` on the one EVM thread. There is no mempool: a transaction runs at once or is refused. Left
out: wire formats (``views``), who waits for which COMMIT (``evm_thread``).
"""

import contextlib
import dataclasses
import logging
import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

from aicommons.domain import errors
from aicommons.ledger.embedded import blocks, engine, storage, transactions

DEFAULT_CHAIN_ID: Final = 6_174_001
"""Chain id of a new embedded ledger; any other may be chosen at creation."""

_log = logging.getLogger(__name__)


class ExecutionReverted(errors.LedgerRefused):
    """A contract refused the call; its error is in ``data``.

    Args:
        data: ABI-encoded error, perhaps empty.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__("execution reverted")
        self.data = data


class GroupLost(errors.TemporaryError):
    """The ledger could not write; nothing of this group was recorded: send the transactions again."""


class EngineRestarted(errors.TemporaryError):
    """This transaction or call broke the EVM, which was rebuilt; nothing was recorded."""


@dataclasses.dataclass(frozen=True, slots=True)
class CallRequest:
    """A call without signature.

    Args:
        sender: 20 bytes; zeros if the caller did not say.
        to: 20 bytes, or ``None`` for creating a contract.
        gas: at most ``engine.GAS_LIMIT``; more is cut to it.
        value: in wei.
        data: calldata or init code.
    """

    sender: bytes
    to: bytes | None
    gas: int
    value: int
    data: bytes


class Chain:
    """The ledger: an engine's memory over a file.

    Args:
        file: opened storage; the engine is loaded from it.
        evm: an engine for the file's chain id.
        chain_id: as in the file.
        clock: returns Unix seconds.
    """

    def __init__(self, file: storage.Storage, evm: engine.Engine, *, chain_id: int, clock: Callable[[], int]) -> None:
        self.file: Final = file
        self.chain_id: Final = chain_id
        self._engine = evm
        self._clock = clock
        self._head = file.head()
        self._gas_run = 0
        evm.load(file.state())

    @property
    def gas_run(self) -> int:
        """Gas of everything that ran in this process, calls included: whoever bounds a request's cost compares it."""
        return self._gas_run

    @property
    def engine_name(self) -> str:
        """The EVM in use."""
        return self._engine.name

    @property
    def head(self) -> blocks.Head:
        """The newest block, perhaps in a group that is not committed yet."""
        return self._head

    @property
    def has_open_group(self) -> bool:
        """Whether answers must wait for ``commit``."""
        return self.file.has_open_group

    def submit(self, raw: bytes) -> bytes:
        """Check and run a raw transaction in a block of its own and return its hash; durable after ``commit``.

        Raises:
            LedgerRefused, DecodeError, SignatureInvalid: not acceptable; nothing changed.
            EngineRestarted: it broke the EVM; nothing changed.
            GroupLost: the open group could not be written and is rolled back.
        """
        transaction = transactions.decode(raw, chain_id=self.chain_id)
        self._check_state(transaction)
        context = self._next_block()
        with self._engine_guard():
            execution, diff = self._engine.transact(context, transaction.message())
        self._gas_run += execution.gas_used
        block = blocks.seal(self._head, transaction, execution, timestamp=context.timestamp, diff=diff)
        try:
            self.file.append(block)
            self._engine.apply(diff)
        except (sqlite3.Error, engine.EngineFault) as err:
            raise self.roll_back(err) from err
        self._head = block.head
        return transaction.hash

    def _check_state(self, transaction: transactions.SignedTransaction) -> None:
        if self.file.transaction(transaction.hash) is not None:
            raise errors.LedgerRefused("already known")
        account = self.file.account(transaction.sender)
        found = f"next nonce {account.nonce}, tx nonce {transaction.nonce}"
        if transaction.nonce < account.nonce:
            raise errors.LedgerRefused(f"nonce too low: {found}")
        if transaction.nonce > account.nonce:
            raise errors.LedgerRefused(f"nonce too high: {found} (there is no queue: send in order)")
        _check_funds(account, transaction.value)

    def _next_block(self) -> engine.BlockContext:
        timestamp = max(self._clock(), self._head.timestamp)
        return engine.BlockContext(self._head.number + 1, timestamp, self._head.hash)

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            GroupLost: it could not be written and is rolled back.
        """
        try:
            self.file.commit()
        except sqlite3.Error as err:
            raise self.roll_back(err) from err

    def roll_back(self, cause: Exception) -> GroupLost:
        """Drop the open group, rebuild head and engine from the file, and return the error for the group."""
        _log.error("group of blocks rolled back: %s", cause)
        self.file.rollback()
        self._head = self.file.head()
        self._engine.load(self.file.state())
        return GroupLost(f"nothing was recorded: {cause}")

    @contextlib.contextmanager
    def _engine_guard(self) -> Iterator[None]:
        """Rebuild the engine after anything unexpected: its memory must not be used any more, whatever broke."""
        try:
            yield
        except Exception as err:
            _log.exception("the EVM broke; rebuilding it from the file")
            self._engine.load(self.file.state())
            message = "the EVM failed on this message and was restarted; nothing was recorded"
            raise EngineRestarted(message) from err

    def call(self, request: CallRequest) -> engine.Execution:
        """Run a call on the newest state, whatever its outcome.

        Time is max(now, head), else an expired consent would look alive on a quiet chain; the number is the head's.

        Raises:
            LedgerRefused: the call could not start.
            EngineRestarted: it broke the EVM.
        """
        timestamp = max(self._clock(), self._head.timestamp)
        context = engine.BlockContext(self._head.number, timestamp, self._head.hash)
        return self._simulate(context, self._message(request, request.gas))

    def estimate_gas(self, request: CallRequest) -> int:
        """Return a gas limit, at most 1 % above the lowest that succeeds in the next block.

        Assumes, as go-ethereum does, that a call cannot do with less than it used when it had plenty; one that burns
        whatever it is given therefore gets a high estimate.

        Raises:
            LedgerRefused: the call could not start, or fails with all the gas it may have.
            ExecutionReverted: a contract refused it.
        """
        context = self._next_block()
        execution = successful(self._simulate(context, self._message(request, request.gas)))
        low, high = execution.gas_used - 1, min(request.gas, engine.GAS_LIMIT)
        # Most calls need exactly what they use; refunds and the 63/64 rule make some need more: bisect for those.
        middle = execution.gas_used
        while high - low > 1 and (high - low) * 100 > high:
            attempt = self._simulate(context, self._message(request, middle))
            if attempt.outcome is engine.Outcome.SUCCESS:
                high = middle
            else:
                low = middle
            middle = min((low + high) // 2, 2 * low)
        return high

    def _message(self, request: CallRequest, gas: int) -> engine.Message:
        account = self.file.account(request.sender)
        message = engine.Message(
            sender=request.sender,
            to=request.to,
            nonce=account.nonce,
            gas_limit=min(gas, engine.GAS_LIMIT),
            value=request.value,
            data=request.data,
        )
        transactions.check_message(message)
        _check_funds(account, request.value)
        if request.to is None and account.code_hash != engine.EMPTY_CODE_HASH:
            raise errors.LedgerRefused("sender not an eoa: a contract cannot be the sender of a creation (EIP-3607)")
        return message

    def _simulate(self, context: engine.BlockContext, message: engine.Message) -> engine.Execution:
        with self._engine_guard():
            execution = self._engine.call(context, message)
        self._gas_run += execution.gas_used
        return execution


def _check_funds(account: engine.Account, value: int) -> None:
    # Fees are zero whatever the transaction offers, so the value alone must be there.
    if value > account.balance:
        raise errors.LedgerRefused(f"insufficient funds for transfer: balance {account.balance}, value {value}")


def successful(execution: engine.Execution) -> engine.Execution:
    """Return a successful execution.

    Raises:
        ExecutionReverted: a contract refused the call.
        LedgerRefused: it halted.
    """
    if execution.outcome is engine.Outcome.REVERT:
        raise ExecutionReverted(execution.output)
    if execution.outcome is engine.Outcome.HALT:
        raise errors.LedgerRefused(f"execution halted: {execution.reason}, gas used {execution.gas_used}")
    return execution
