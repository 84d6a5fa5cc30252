"""The JSON-RPC methods themselves: parameters in, JSON values out.

Why: one table says which methods exist. Called by ``rpc``, on the EVM thread. Left out: requests, batches and error
codes (``rpc``), past states (only the newest is kept: a view of the ledger comes from events), and accounts that the
ledger would sign for.
"""

import collections
import dataclasses
import json
from collections.abc import Callable
from typing import Any, Final

from aicommons.domain import errors
from aicommons.ledger.embedded import blocks, chain, engine, parameters, storage, views

MAX_LOGS: Final = 20_000
"""Logs in one answer unless the operator says otherwise; whoever wants more asks for smaller ranges of blocks."""

MAX_REQUEST_GAS: Final = 16 * engine.GAS_LIMIT
"""Gas that one request may use over all its calls and transactions: some seconds of the one EVM thread."""

MAX_FILTERS: Final = 256
"""Installed filters; the one that was not asked for longest is dropped for a new one."""

MAX_FEE_HISTORY: Final = 1_024
"""Blocks in one fee history, go-ethereum's limit."""


class LimitExceeded(errors.PermanentError):
    """The answer would be too large or too dear; ask for less at a time."""


class RawJson(str):
    """Text that is JSON already, so that stored receipts and logs are not parsed only to be written again."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """One JSON-RPC method.

    Args:
        run: takes the server and the parameters, returns what ``json.dumps`` can write, or ``RawJson``.
        least: parameters that must be given.
        most: parameters that may be given.
    """

    run: Callable[["Methods", list[Any]], object]
    least: int
    most: int


METHODS: Final[dict[str, Method]] = {}
"""Every method by its name."""

_Run = Callable[["Methods", list[Any]], object]


def _method(name: str, *, least: int, most: int) -> Callable[[_Run], _Run]:
    def register(run: _Run) -> _Run:
        METHODS[name] = Method(run, least, most)
        return run

    return register


@dataclasses.dataclass(slots=True)
class _Filter:
    """An installed filter: what to look for (``None``: new blocks) and the next block to look at."""

    wanted: parameters.LogFilter | None
    next_block: int


class Methods:
    """The methods over one chain, with the filters that clients installed; not thread-safe.

    Args:
        ledger: the chain.
        version: text for ``web3_clientVersion``.
        max_logs: logs, or hashes of a block filter, in one answer.
    """

    def __init__(self, ledger: chain.Chain, *, version: str, max_logs: int = MAX_LOGS) -> None:
        self.chain: Final = ledger
        self._version = version
        self._max_logs = max_logs
        self._filters: collections.OrderedDict[int, _Filter] = collections.OrderedDict()
        self._last_filter = 0
        self._gas_at_start = 0

    def start_request(self) -> None:
        """Give the next request a full budget of gas."""
        self._gas_at_start = self.chain.gas_run

    def run(self, name: str, params: list[Any]) -> object:
        """Run one method.

        Raises:
            KeyError: there is no such method.
            InputError: wrong number or form of parameters.
            CommonsError: whatever the method refuses.
        """
        method = METHODS[name]
        if not method.least <= len(params) <= method.most:
            expected = f"{method.least} to {method.most}"
            raise errors.InputError("wrong number of parameters", which=name, expected=expected, got=len(params))
        return method.run(self, params)

    # Chain.
    @_method("eth_syncing", least=0, most=0)
    def _syncing(self, _params: list[Any]) -> object:
        return False

    @_method("eth_accounts", least=0, most=0)
    def _accounts(self, _params: list[Any]) -> object:
        return []

    @_method("eth_gasPrice", least=0, most=0)
    @_method("eth_maxPriorityFeePerGas", least=0, most=0)
    def _no_fee(self, _params: list[Any]) -> object:
        return "0x0"

    @_method("web3_clientVersion", least=0, most=0)
    def _client_version(self, _params: list[Any]) -> object:
        return self._version

    @_method("eth_chainId", least=0, most=0)
    def _chain_id(self, _params: list[Any]) -> object:
        return hex(self.chain.chain_id)

    @_method("net_version", least=0, most=0)
    def _net_version(self, _params: list[Any]) -> object:
        return str(self.chain.chain_id)

    @_method("eth_blockNumber", least=0, most=0)
    def _block_number(self, _params: list[Any]) -> object:
        return hex(self.chain.head.number)

    @_method("eth_feeHistory", least=2, most=3)
    def _fee_history(self, params: list[Any]) -> object:
        count = params[0] if type(params[0]) is int else parameters.quantity(params[0], "blockCount")
        newest = parameters.number_or_tag(params[1], "newestBlock", head=self.chain.head.number)
        percentiles = params[2] if len(params) > 2 and params[2] is not None else []
        if not 1 <= count <= MAX_FEE_HISTORY or not isinstance(percentiles, list) or len(percentiles) > 100:
            raise errors.InputError("invalid fee history", which="blockCount", expected=f"1 to {MAX_FEE_HISTORY}")
        if newest > self.chain.head.number:
            raise errors.LedgerRefused("request beyond head block")
        oldest = max(0, newest - count + 1)
        rows = range(oldest, newest + 1)
        answer: dict[str, Any] = {
            "oldestBlock": hex(oldest),
            "baseFeePerGas": ["0x0"] * (len(rows) + 1),
            "gasUsedRatio": [self._gas_ratio(number) for number in rows],
        }
        if percentiles:
            answer["reward"] = [["0x0"] * len(percentiles) for _ in rows]
        return answer

    def _gas_ratio(self, number: int) -> float:
        stored = self.chain.file.transaction_of(number)
        return 0.0 if stored is None else int(json.loads(stored.receipt)["gasUsed"], 16) / engine.GAS_LIMIT

    # Blocks and transactions.
    @_method("eth_getBlockByNumber", least=1, most=2)
    def _block_by_number(self, params: list[Any]) -> object:
        number = parameters.number_or_tag(params[0], "block", head=self.chain.head.number)
        # SQLite's integers end at 2^63.
        return self._block(self.chain.file.block(number) if number < 2**63 else None, params)

    @_method("eth_getBlockByHash", least=1, most=2)
    def _block_by_hash(self, params: list[Any]) -> object:
        return self._block(self.chain.file.block_by_hash(parameters.hash32(params[0], "block")), params)

    def _block(self, head: blocks.Head | None, params: list[Any]) -> object:
        in_full = parameters.flag(params[1], "hydrated") if len(params) > 1 else False
        if head is None:
            return None
        stored = self.chain.file.transaction_of(head.number)
        parent = self.chain.file.block(head.number - 1)
        if stored is None or parent is None:
            return views.block(head, blocks.genesis_header(head.timestamp), None, transactions_shown=[])
        header = blocks.header_of(head, parent.hash, stored.raw, stored.receipt)
        whole = views.transaction(stored, head, chain_id=self.chain.chain_id)
        return views.block(head, header, stored, transactions_shown=[whole if in_full else whole["hash"]])

    @_method("eth_getTransactionByHash", least=1, most=1)
    def _transaction(self, params: list[Any]) -> object:
        stored = self.chain.file.transaction(parameters.hash32(params[0], "transaction"))
        head = None if stored is None else self.chain.file.block(stored.number)
        if stored is None or head is None:
            return None
        return views.transaction(stored, head, chain_id=self.chain.chain_id)

    @_method("eth_getTransactionReceipt", least=1, most=1)
    def _receipt(self, params: list[Any]) -> object:
        stored = self.chain.file.transaction(parameters.hash32(params[0], "transaction"))
        return None if stored is None else RawJson(stored.receipt)

    @_method("eth_sendRawTransaction", least=1, most=1)
    def _send(self, params: list[Any]) -> object:
        self._check_budget()
        return "0x" + self.chain.submit(parameters.data(params[0], "transaction")).hex()

    # State, always the newest.
    def _check_newest(self, params: list[Any], index: int) -> None:
        tag = params[index] if len(params) > index else "latest"
        if tag is None:
            return
        head = self.chain.head
        if isinstance(tag, dict):
            if "blockHash" in tag:
                is_newest = parameters.hash32(tag["blockHash"], "blockHash") == head.hash
            else:
                is_newest = parameters.quantity(tag.get("blockNumber"), "blockNumber") == head.number
        else:
            is_newest = parameters.number_or_tag(tag, "block", head=head.number) == head.number
        if not is_newest:
            raise errors.LedgerRefused(f"state not available: only that of the newest block ({head.number}) is kept")

    def _account(self, params: list[Any], tag_index: int = 1) -> engine.Account:
        self._check_newest(params, tag_index)
        return self.chain.file.account(parameters.address(params[0], "address"))

    @_method("eth_getBalance", least=1, most=2)
    def _balance(self, params: list[Any]) -> object:
        return hex(self._account(params).balance)

    @_method("eth_getTransactionCount", least=1, most=2)
    def _nonce(self, params: list[Any]) -> object:
        return hex(self._account(params).nonce)

    @_method("eth_getCode", least=1, most=2)
    def _code(self, params: list[Any]) -> object:
        return "0x" + self.chain.file.code(self._account(params).code_hash).hex()

    @_method("eth_getStorageAt", least=2, most=3)
    def _storage_at(self, params: list[Any]) -> object:
        self._check_newest(params, 2)
        address, key = parameters.address(params[0], "address"), parameters.quantity(params[1], "slot")
        return "0x" + self.chain.file.slot(address, key).to_bytes(32, "big").hex()

    @_method("eth_call", least=1, most=4)
    def _call(self, params: list[Any]) -> object:
        self._check_newest(params, 1)
        self._check_overrides(params)
        self._check_budget()
        execution = chain.successful(self.chain.call(parameters.call(params[0], "call")))
        return "0x" + execution.output.hex()

    @_method("eth_estimateGas", least=1, most=4)
    def _estimate(self, params: list[Any]) -> object:
        self._check_newest(params, 1)
        self._check_overrides(params)
        self._check_budget()
        return hex(self.chain.estimate_gas(parameters.call(params[0], "call")))

    def _check_overrides(self, params: list[Any]) -> None:
        if any(params[2:]):
            raise errors.LedgerRefused("state and block overrides are not supported")

    def _check_budget(self) -> None:
        if self.chain.gas_run - self._gas_at_start > MAX_REQUEST_GAS:
            raise LimitExceeded(f"this request used more than {MAX_REQUEST_GAS} gas already; send fewer calls at once")

    # Logs.
    @_method("eth_getLogs", least=1, most=1)
    def _logs(self, params: list[Any]) -> object:
        return self._find_logs(parameters.log_filter(params[0], "filter"))

    def _find_logs(self, wanted: parameters.LogFilter, at_least: int = 0) -> RawJson:
        head = self.chain.head.number
        first = head if wanted.first is None else max(wanted.first, at_least)
        last = head if wanted.last is None else min(wanted.last, head)
        if wanted.block_hash is not None:
            found = self.chain.file.block_by_hash(wanted.block_hash)
            if found is None:
                raise errors.LedgerRefused("unknown block")
            first = last = found.number
        if first > last:
            return RawJson("[]")
        topics0 = wanted.topics[0] if wanted.topics else None
        query = storage.LogRange(first, last, wanted.addresses, topics0, self._max_logs + 1)
        rows = self.chain.file.logs(query)
        if len(rows) > self._max_logs:
            raise LimitExceeded(
                f"more than {self._max_logs} logs from block {first} to {last}; ask for a smaller range"
            )
        if any(wanted.topics[1:]) or len(wanted.topics) > 1 or wanted.topics == (None,):
            rows = [row for row in rows if _has_topics(row, wanted.topics)]
        return RawJson("[" + ",".join(rows) + "]")

    @_method("eth_newFilter", least=1, most=1)
    def _new_filter(self, params: list[Any]) -> object:
        wanted = parameters.log_filter(params[0], "filter")
        return self._install(_Filter(wanted, max(self.chain.head.number + 1, wanted.first or 0)))

    @_method("eth_newBlockFilter", least=0, most=0)
    def _new_block_filter(self, _params: list[Any]) -> object:
        return self._install(_Filter(None, self.chain.head.number + 1))

    def _install(self, entry: _Filter) -> str:
        self._last_filter += 1
        self._filters[self._last_filter] = entry
        if len(self._filters) > MAX_FILTERS:
            self._filters.popitem(last=False)
        return hex(self._last_filter)

    @_method("eth_getFilterChanges", least=1, most=1)
    def _filter_changes(self, params: list[Any]) -> object:
        number = parameters.quantity(params[0], "filter")
        entry = self._filters.get(number)
        if entry is None:
            raise errors.LedgerRefused("filter not found")
        self._filters.move_to_end(number)
        head, first = self.chain.head.number, entry.next_block
        if entry.wanted is None:
            last = min(head, first + self._max_logs - 1)
            entry.next_block = last + 1
            found = (self.chain.file.block(one) for one in range(first, last + 1))
            return ["0x" + block.hash.hex() for block in found if block is not None]
        answer = self._find_logs(dataclasses.replace(entry.wanted, first=first), first)
        entry.next_block = head + 1  # only now: what was too much for one answer is not lost with the refusal
        return answer

    @_method("eth_uninstallFilter", least=1, most=1)
    def _uninstall_filter(self, params: list[Any]) -> object:
        return self._filters.pop(parameters.quantity(params[0], "filter"), None) is not None


def _has_topics(row: str, wanted: tuple[tuple[bytes, ...] | None, ...]) -> bool:
    topics = json.loads(row)["topics"]
    if len(topics) < len(wanted):
        return False
    pairs = zip(topics, wanted, strict=False)
    return all(asked is None or bytes.fromhex(topic[2:]) in asked for topic, asked in pairs)
