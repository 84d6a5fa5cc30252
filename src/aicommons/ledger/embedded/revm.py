"""The pyrevm engine: fast, and used as a pure function because its journal is never finalised.

Why: as a long-lived EVM pyrevm keeps slots warm, original values stale and transient storage alive, so each message
runs in a *cold cycle*: snapshot, run, read the journal, revert, and only then write the diff into its database (spec
embedded-ledger, section 1). Called through ``selection``. Left out: any getter of pyrevm; outside a snapshot they warm
the account for ever, so accounts are mirrored in a dict here.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import Final

import pyrevm

from aicommons.domain import encoding
from aicommons.ledger.embedded import engine, journal

_REVERT_OUTPUT: Final = re.compile(r"output: 0x([0-9a-f]*)")
_COINBASE: Final = "0x" + engine.COINBASE.hex()


class PyrevmEngine:
    """``engine.Engine`` on pyrevm 0.3.7, chain rules of Cancun."""

    name: Final = "pyrevm"

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._accounts: dict[bytes, engine.Account] = {}
        self._codes: dict[bytes, bytes] = {}
        self._evm = self._new_evm()

    def _new_evm(self) -> pyrevm.EVM:
        env = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=self._chain_id))
        return pyrevm.EVM(env=env, gas_limit=engine.GAS_LIMIT, spec_id="CANCUN")

    def load(self, state: engine.State) -> None:
        """Forget everything and take this state."""
        self._evm = self._new_evm()
        self._accounts = {}
        self._codes = dict(state.codes)
        for address, account in state.accounts:
            self._put_account(address, account)
        for address, key, value in state.slots:
            self._put_slot(address, key, value)

    def transact(
        self, block: engine.BlockContext, message: engine.Message
    ) -> tuple[engine.Execution, engine.StateDiff]:
        """Run a transaction without keeping its effects (``engine.Engine.transact``)."""
        checkpoint = self._evm.snapshot()
        execution = self._run(block, message)
        diff = self._diff(message)
        self._evm.revert(checkpoint)
        if message.to is None and execution.outcome is engine.Outcome.SUCCESS:
            execution = dataclasses.replace(execution, output=self._code_at(execution.output, diff))
        return execution, diff

    def call(self, block: engine.BlockContext, message: engine.Message) -> engine.Execution:
        """Run a message only for its answer (``engine.Engine.call``)."""
        if message.to is None:
            return self.transact(block, message)[0]
        with self._without_code(message.sender):
            checkpoint = self._evm.snapshot()
            execution = self._run(block, message)
            self._evm.revert(checkpoint)
        return execution

    @contextlib.contextmanager
    def _without_code(self, sender: bytes) -> Iterator[None]:
        """Take a sender's code away for one question: pyrevm refuses one with code (EIP-3607), other ledgers answer it.

        So what a contract would be answered can be asked, as long as nobody calls it back.
        """
        account = self._accounts.get(sender, engine.EMPTY_ACCOUNT)
        if account.code_hash == engine.EMPTY_CODE_HASH:
            yield
            return
        self._put_account(sender, dataclasses.replace(account, code_hash=engine.EMPTY_CODE_HASH))
        yield
        self._put_account(sender, account)

    def apply(self, diff: engine.StateDiff) -> None:
        """Take over what ``transact`` reported."""
        self._codes.update(diff.codes)
        for address, account in diff.accounts:
            self._put_account(address, account or engine.EMPTY_ACCOUNT)
        for address, key, value in diff.slots:
            self._put_slot(address, key, value)

    def _put_account(self, address: bytes, account: engine.Account) -> None:
        if account.is_empty:
            self._accounts.pop(address, None)
        else:
            self._accounts[address] = account
        code = self._codes[account.code_hash] if account.code_hash != engine.EMPTY_CODE_HASH else None
        info = pyrevm.AccountInfo(nonce=account.nonce, balance=account.balance, code=code)  # type: ignore[call-arg]
        self._evm.insert_account_info("0x" + address.hex(), info)

    def _put_slot(self, address: bytes, key: int, value: int) -> None:
        # Writing a slot loads the account, which would stay warm: hence a snapshot around each write.
        checkpoint = self._evm.snapshot()
        self._evm.insert_account_storage("0x" + address.hex(), key, value)
        self._evm.revert(checkpoint)

    def _run(self, block: engine.BlockContext, message: engine.Message) -> engine.Execution:
        try:
            output, failure = self._invoke(block, message)
        except BaseException as err:
            # pyo3's PanicException derives from BaseException and cannot be imported, so it is known by name.
            if type(err).__name__ != "PanicException":
                raise
            raise engine.EngineFault(f"pyrevm panicked: {err}") from err
        result = self._evm.result
        if result is None:
            raise engine.EngineFault(f"pyrevm refused a message that passed our checks: {failure}")
        if result.is_success:
            return engine.Execution(engine.Outcome.SUCCESS, result.gas_used, output, result.reason, _logs(result))
        if result.is_halt:
            return engine.Execution(engine.Outcome.HALT, result.gas_used, b"", result.reason, ())
        return engine.Execution(engine.Outcome.REVERT, result.gas_used, _revert_data(failure), result.reason, ())

    def _invoke(self, block: engine.BlockContext, message: engine.Message) -> tuple[bytes, str]:
        sender = "0x" + message.sender.hex()
        evm = self._evm
        evm.set_block_env(
            pyrevm.BlockEnv(
                number=block.number,
                coinbase=_COINBASE,
                timestamp=block.timestamp,
                prevrandao=block.prevrandao,
                basefee=0,
                gas_limit=engine.GAS_LIMIT,
                excess_blob_gas=0,
            )
        )
        # The transaction environment is sticky, so it is replaced whole before each message.
        evm.set_tx_env(pyrevm.TxEnv(caller=sender, chain_id=self._chain_id))
        try:
            if message.to is None:
                created = evm.deploy(sender, message.data, message.value, message.gas_limit)
                return bytes.fromhex(created[2:]), ""
            to = "0x" + message.to.hex()
            return evm.message_call(sender, to, message.data, message.value, message.gas_limit), ""
        except RuntimeError as err:
            return b"", str(err)

    def _diff(self, message: engine.Message) -> engine.StateDiff:
        accounts: list[tuple[bytes, engine.Account | None]] = []
        codes: list[tuple[bytes, bytes]] = []
        slots: list[tuple[bytes, int, int]] = []
        seen_sender = False
        for entry in journal.parse(self._evm.journal_str):
            after = entry.account
            if entry.address == message.sender:
                seen_sender = True
                # message_call never bumps the nonce and deploy does: make both the same, whatever the outcome.
                after = dataclasses.replace(after, nonce=message.nonce + 1)
            kept = None if entry.is_destroyed or after.is_empty else after
            if kept != self._accounts.get(entry.address):
                accounts.append((entry.address, kept))
            if kept is not None:
                codes.extend(self._new_code(entry))
                slots.extend((entry.address, key, value) for key, value in entry.changed_slots)
        if not seen_sender:
            raise journal.JournalUnreadable("the sender is missing from the journal")
        return engine.StateDiff(tuple(accounts), tuple(codes), tuple(slots))

    def _code_at(self, address: bytes, diff: engine.StateDiff) -> bytes:
        account = dict(diff.accounts).get(address)
        if account is None or account.code_hash == engine.EMPTY_CODE_HASH:
            return b""
        new_codes = dict(diff.codes)
        return new_codes[account.code_hash] if account.code_hash in new_codes else self._codes[account.code_hash]

    def _new_code(self, entry: journal.JournalAccount) -> tuple[tuple[bytes, bytes], ...]:
        code_hash = entry.account.code_hash
        if code_hash == engine.EMPTY_CODE_HASH or code_hash in self._codes:
            return ()
        if entry.code is None or encoding.keccak(entry.code) != code_hash:
            raise journal.JournalUnreadable(f"no code for code hash 0x{code_hash.hex()}")
        return ((code_hash, entry.code),)


def _logs(result: pyrevm.ExecutionResult) -> tuple[engine.Log, ...]:
    logs = []
    for entry in result.logs:
        topics, data = entry.data
        logs.append(engine.Log(bytes.fromhex(entry.address[2:]), tuple(bytes(topic) for topic in topics), bytes(data)))
    return tuple(logs)


def _revert_data(failure: str) -> bytes:
    # pyrevm gives the revert's data nowhere but in the exception's text.
    match = _REVERT_OUTPUT.search(failure)
    if match is None:
        raise engine.EngineFault(f"expected a revert with its output, got {failure[:120]!r}")
    return bytes.fromhex(match[1])
