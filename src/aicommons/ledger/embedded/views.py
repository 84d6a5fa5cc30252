"""Writes blocks and transactions as the JSON-RPC objects that wallets and libraries expect.

Why: the form on the wire (hexadecimal, field names of execution-apis) is kept apart from what it shows. Called by
``rpc``. Left out: receipts and logs, which are written once, in ``blocks``, and stored as text.
"""

from typing import Any

from aicommons.ledger.embedded import blocks, engine, storage, transactions


def transaction(stored: storage.StoredTransaction, head: blocks.Head, *, chain_id: int) -> dict[str, Any]:
    """Return the transaction object; ``gasPrice`` is what was paid, which is always zero."""
    decoded = transactions.decode(stored.raw, chain_id=chain_id)
    fields: dict[str, Any] = {
        "blockHash": _hex(head.hash),
        "blockNumber": hex(head.number),
        "transactionIndex": "0x0",
        "hash": _hex(decoded.hash),
        "type": hex(decoded.kind),
        "chainId": hex(chain_id),
        "from": _hex(decoded.sender),
        "to": None if decoded.to is None else _hex(decoded.to),
        "nonce": hex(decoded.nonce),
        "gas": hex(decoded.gas_limit),
        "gasPrice": "0x0",
        "value": hex(decoded.value),
        "input": _hex(decoded.data),
        "v": hex(decoded.v),
        "r": hex(decoded.r),
        "s": hex(decoded.s),
    }
    if decoded.kind != transactions.LEGACY:
        fields["accessList"] = []
        fields["yParity"] = hex(decoded.v)
    if decoded.max_tip is not None:
        fields["maxFeePerGas"] = hex(decoded.max_fee)
        fields["maxPriorityFeePerGas"] = hex(decoded.max_tip)
    return fields


def block(
    head: blocks.Head, header: blocks.Header, stored: storage.StoredTransaction | None, *, transactions_shown: list[Any]
) -> dict[str, Any]:
    """Return the block object; ``transactions_shown`` are hashes or whole objects, as was asked for."""
    encoded = header.encode()
    body = 3 + (len(stored.raw) if stored is not None else 0)
    return {
        "number": hex(head.number),
        "hash": _hex(head.hash),
        "parentHash": _hex(header.parent_hash),
        "timestamp": hex(head.timestamp),
        "gasUsed": hex(header.gas_used),
        "gasLimit": hex(engine.GAS_LIMIT),
        "baseFeePerGas": "0x0",
        "logsBloom": _hex(header.bloom),
        "transactionsRoot": _hex(header.transactions_root),
        "receiptsRoot": _hex(header.receipts_root),
        "stateRoot": _hex(bytes(32)),
        "mixHash": _hex(header.parent_hash),
        "nonce": _hex(bytes(8)),
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": _hex(blocks.EXTRA_DATA),
        "miner": _hex(engine.COINBASE),
        "sha3Uncles": _hex(blocks.NO_UNCLES),
        "uncles": [],
        "size": hex(len(encoded) + body),
        "transactions": transactions_shown,
        "withdrawals": [],
        "withdrawalsRoot": _hex(blocks.EMPTY_TRIE),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": _hex(bytes(32)),
    }


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
