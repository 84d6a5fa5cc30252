"""The py-evm engine: pure Python, for platforms without pyrevm wheels, and the oracle that pyrevm is compared with.

Why: "Python and nothing else" must hold on every platform (spec embedded-ledger, section 0). Called through
``selection``. Left out: py-evm's blocks, chains, tries and validation; only its Cancun state transition is used.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from typing import Any, Final, cast

from eth import constants, exceptions
from eth.abc import ComputationAPI
from eth.vm import execution_context
from eth.vm.forks.cancun import state as cancun
from eth_typing import Address, BlockNumber, Hash32

from aicommons.ledger.embedded import engine, overlay, transactions

DEEPEST: Final = 102_400
"""Python frames that py-evm itself asks for when it is imported."""


class _FreeState(cancun.CancunState):
    """Cancun without the beacon-roots contract: this chain has no beacon chain."""

    account_db_class = overlay.OverlayAccounts

    def set_system_contracts(self) -> None:
        """Do nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class _FreeTransaction:
    """What py-evm's executor reads of a transaction; fees are zero whatever the sender offered."""

    sender: bytes
    to: bytes
    gas: int
    value: int
    data: bytes
    intrinsic_gas: int
    gas_price: int = 0
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0
    access_list: tuple[()] = ()
    type_id: None = None


class PyEvmEngine:
    """``engine.Engine`` on py-evm 0.12, chain rules of Cancun."""

    name: Final = "py-evm"

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._world = overlay.World({}, {}, {})

    def load(self, state: engine.State) -> None:
        """Forget everything and take this state."""
        slots = {(address, key): value for address, key, value in state.slots}
        self._world = overlay.World(dict(state.accounts), dict(state.codes), slots)

    def transact(
        self, block: engine.BlockContext, message: engine.Message
    ) -> tuple[engine.Execution, engine.StateDiff]:
        """Run a transaction without keeping its effects (``engine.Engine.transact``)."""
        state = self._open(block)
        execution = _execute(state, message)
        accounts = cast(overlay.OverlayAccounts, state._account_db)  # noqa: SLF001  (there is no other way to it)
        return execution, accounts.diff()

    def call(self, block: engine.BlockContext, message: engine.Message) -> engine.Execution:
        """Run a message only for its answer (``engine.Engine.call``)."""
        return _execute(self._open(block), message)

    def apply(self, diff: engine.StateDiff) -> None:
        """Take over what ``transact`` reported."""
        self._world.codes.update(diff.codes)
        for address, account in diff.accounts:
            if account is None:
                self._world.accounts.pop(address, None)
            else:
                self._world.accounts[address] = account
        for address, key, value in diff.slots:
            if value == 0:
                self._world.slots.pop((address, key), None)
            else:
                self._world.slots[address, key] = value

    def _open(self, block: engine.BlockContext) -> cancun.CancunState:
        context = execution_context.ExecutionContext(
            coinbase=Address(engine.COINBASE),
            timestamp=block.timestamp,
            block_number=BlockNumber(block.number),
            difficulty=0,
            mix_hash=Hash32(block.prevrandao),
            gas_limit=engine.GAS_LIMIT,
            prev_hashes=(),
            chain_id=self._chain_id,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )
        return _FreeState(cast(Any, self._world), context, constants.BLANK_ROOT_HASH)


@contextlib.contextmanager
def _deep_calls() -> Iterator[None]:
    """Let 1,024 nested contract calls fit Python's stack, and nothing else be that deep afterwards."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _execute(state: cancun.CancunState, message: engine.Message) -> engine.Execution:
    intrinsic_gas = transactions.intrinsic_gas(message.data, is_creation=message.to is None)
    if message.to is None:
        # py-evm charges this part itself when the init code starts.
        intrinsic_gas -= transactions.init_code_gas(message.data)
    transaction: Any = _FreeTransaction(
        sender=message.sender,
        to=constants.CREATE_CONTRACT_ADDRESS if message.to is None else message.to,
        gas=message.gas_limit,
        value=message.value,
        data=message.data,
        intrinsic_gas=intrinsic_gas,
    )
    # The executor's own steps, without its validation: ours has already run and knows that fees are zero.
    executor = cancun.CancunTransactionExecutor(state)
    with _deep_calls():
        computation = executor.build_computation(executor.build_evm_message(transaction), transaction)
    spent = message.gas_limit - computation.get_gas_remaining()
    gas_used = spent - executor.calculate_gas_refund(computation, spent)
    executor.finalize_computation(transaction, computation)
    return _execution(computation, gas_used)


def _execution(computation: ComputationAPI, gas_used: int) -> engine.Execution:
    if computation.is_success:
        logs = tuple(
            engine.Log(address, tuple(topic.to_bytes(32, "big") for topic in topics), data)
            for address, topics, data in computation.get_log_entries()
        )
        return engine.Execution(engine.Outcome.SUCCESS, gas_used, computation.output, "Return", logs)
    if isinstance(computation.error, exceptions.Revert):
        return engine.Execution(engine.Outcome.REVERT, gas_used, computation.output, "Revert", ())
    return engine.Execution(engine.Outcome.HALT, gas_used, b"", type(computation.error).__name__, ())
