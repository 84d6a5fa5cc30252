"""Decodes and checks signed transactions as bytes, before any state is looked at.

Why: everything that the EVM could choke on (a gas limit of 2^64 makes pyrevm panic, access lists stay warm in it) must
be refused here, clearly. Called by ``chain``, ``replay`` and ``views``. Left out: nonce, funds and execution.
"""

import dataclasses
from typing import Final

import rlp

from aicommons.domain import encoding, errors, signature
from aicommons.ledger.embedded import engine

MAX_BYTES: Final = 128 * 1024
"""Longest accepted transaction, go-ethereum's limit."""

MAX_INIT_CODE: Final = 49_152
"""Longest init code in bytes (EIP-3860)."""

LEGACY: Final = 0
ACCESS_LIST: Final = 1
DYNAMIC_FEE: Final = 2

# Names of the fields in their order on the wire (Yellow Paper 4.2, EIP-2930, EIP-1559).
_FIELDS: Final = {
    LEGACY: ["nonce", "max_fee", "gas_limit", "to", "value", "data", "v", "r", "s"],
    ACCESS_LIST: ["chain_id", "nonce", "max_fee", "gas_limit", "to", "value", "data", "access_list", "v", "r", "s"],
    DYNAMIC_FEE: [
        "chain_id",
        "nonce",
        "max_tip",
        "max_fee",
        "gas_limit",
        "to",
        "value",
        "data",
        "access_list",
        "v",
        "r",
        "s",
    ],
}
_SIGNATURE_FIELDS: Final = 3


@dataclasses.dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction whose form, chain, ranges and signature are right.

    Args:
        raw: the bytes as they were sent.
        hash: Keccak-256 of ``raw``.
        kind: 0 (legacy with EIP-155), 1 (EIP-2930) or 2 (EIP-1559).
        sender: the signer's address, 20 bytes.
        nonce: transactions that the sender claims to have sent before.
        gas_limit: at most ``engine.GAS_LIMIT``.
        to: 20 bytes, or ``None`` to create a contract.
        value: in wei.
        data: calldata or init code.
        max_fee: wei per gas that the sender would pay at most; never charged.
        max_tip: tip in wei per gas, for kind 2; never charged.
        v: as signed: 35 + 2 x chain id + parity for legacy, else the parity.
        r: first half of the signature.
        s: second half, in the lower half of the curve order (EIP-2).
    """

    raw: bytes
    hash: bytes
    kind: int
    sender: bytes
    nonce: int
    gas_limit: int
    to: bytes | None
    value: int
    data: bytes
    max_fee: int
    max_tip: int | None
    v: int
    r: int
    s: int

    def message(self) -> engine.Message:
        """Return what the EVM runs."""
        return engine.Message(
            sender=self.sender,
            to=self.to,
            nonce=self.nonce,
            gas_limit=self.gas_limit,
            value=self.value,
            data=self.data,
        )


def decode(raw: bytes, *, chain_id: int) -> SignedTransaction:
    """Decode a raw transaction and recover its sender.

    Raises:
        DecodeError: the bytes are no transaction in canonical RLP.
        SignatureInvalid: the signature is out of range, high-s or of no key.
        LedgerRefused: well formed, but not for this ledger (chain id, type, access list, gas, size).
    """
    if len(raw) > MAX_BYTES:
        raise errors.LedgerRefused(f"oversized data: a transaction has at most {MAX_BYTES} bytes, not {len(raw)}")
    kind = _kind(raw)
    payload = raw if kind == LEGACY else raw[1:]
    items, unsigned_end = _split(payload, kind)
    fields = dict(zip(_FIELDS[kind], items, strict=True))
    if fields.pop("access_list", b""):
        raise errors.LedgerRefused("access lists are not supported: send the transaction with an empty accessList")
    numbers = {name: _integer(name, fields.pop(name)) for name in _FIELDS[kind] if name in _NUMBERS}
    y_parity = _check_chain(kind, numbers, chain_id)
    _check_ranges(numbers, fields["data"], fields["to"])
    digest = _signing_digest(kind, payload[_header_length(payload) : unsigned_end], chain_id)
    return SignedTransaction(
        raw=raw,
        hash=encoding.keccak(raw),
        kind=kind,
        sender=signature.recover(digest, _signature(numbers["r"], numbers["s"], y_parity)),
        nonce=numbers["nonce"],
        gas_limit=numbers["gas_limit"],
        to=fields["to"] or None,
        value=numbers["value"],
        data=fields["data"],
        max_fee=numbers["max_fee"],
        max_tip=numbers.get("max_tip"),
        v=numbers["v"],
        r=numbers["r"],
        s=numbers["s"],
    )


def intrinsic_gas(data: bytes, *, is_creation: bool) -> int:
    """Return the gas that a message costs before it runs (Yellow Paper g0, EIP-2028, EIP-3860)."""
    zeros = data.count(0)
    gas = 21_000 + 4 * zeros + 16 * (len(data) - zeros)
    if is_creation:
        gas += 32_000 + init_code_gas(data)
    return gas


def init_code_gas(init_code: bytes) -> int:
    """Return the part of the intrinsic gas that pays for analysing init code (EIP-3860)."""
    return 2 * -(-len(init_code) // 32)


def check_message(message: engine.Message) -> None:
    """Check what the EVM demands of a message before it looks at the state.

    Raises:
        LedgerRefused: too little or too much gas, or too long init code.
    """
    if message.gas_limit > engine.GAS_LIMIT:
        raise errors.LedgerRefused(f"exceeds block gas limit: gas {message.gas_limit}, limit {engine.GAS_LIMIT}")
    needed = intrinsic_gas(message.data, is_creation=message.to is None)
    if message.gas_limit < needed:
        raise errors.LedgerRefused(f"intrinsic gas too low: gas {message.gas_limit}, minimum needed {needed}")
    if message.to is None and len(message.data) > MAX_INIT_CODE:
        raise errors.LedgerRefused(f"max initcode size exceeded: {len(message.data)}, limit {MAX_INIT_CODE}")


_NUMBERS: Final = frozenset({"chain_id", "nonce", "max_tip", "max_fee", "gas_limit", "value", "v", "r", "s"})


def _kind(raw: bytes) -> int:
    if not raw:
        raise errors.DecodeError("empty transaction")
    first = raw[0]
    if first >= 0xC0:
        return LEGACY
    if first in (ACCESS_LIST, DYNAMIC_FEE):
        return first
    if first < 0x80:
        raise errors.LedgerRefused(f"transaction type not supported: {first} (0, 1 and 2 are)")
    raise errors.DecodeError("not a transaction", expected="an RLP list or a transaction type", got=f"byte {first:#x}")


def _split(payload: bytes, kind: int) -> tuple[list[bytes], int]:
    """Return the payloads of the list's items and where the signature's fields begin.

    Reads one level only, so that a bomb of nested lists cannot exhaust the stack.
    """
    is_list, position, end = _item(payload, 0)
    if not is_list or end != len(payload):
        raise errors.DecodeError("not one RLP list", expected=f"{end} bytes", got=len(payload))
    names = _FIELDS[kind]
    items: list[bytes] = []
    unsigned_end = position
    while position < end and len(items) < len(names):
        name = names[len(items)]
        if len(items) == len(names) - _SIGNATURE_FIELDS:
            unsigned_end = position
        is_nested, start, position = _item(payload, position)
        if is_nested != (name == "access_list"):
            kinds = ("a list", "bytes") if is_nested else ("bytes", "a list")
            raise errors.DecodeError("wrong RLP type", which=name, got=kinds[0], expected=kinds[1])
        items.append(payload[start:position])
    if len(items) != len(names) or position != end:
        raise errors.DecodeError("wrong number of fields", expected=len(names), got=f"{len(items)} or more")
    return items, unsigned_end


def _item(buffer: bytes, position: int) -> tuple[bool, int, int]:
    """Return whether the item is a list, where its payload starts and ends (Yellow Paper, appendix B)."""
    if position >= len(buffer):
        raise errors.DecodeError("RLP ends too early")
    first = buffer[position]
    if first < 0x80:
        return False, position, position + 1
    is_list = first >= 0xC0
    size = first - (0xC0 if is_list else 0x80)
    start = position + 1
    if size > 55:
        prefix = buffer[start : start + size - 55]
        start += size - 55
        size = int.from_bytes(prefix, "big")
        if prefix[:1] == b"\0" or size <= 55:
            raise errors.DecodeError("RLP length is not minimal")
    if start + size > len(buffer):
        raise errors.DecodeError("RLP ends too early")
    if not is_list and size == 1 and buffer[start] < 0x80:
        raise errors.DecodeError("RLP of a single byte is not minimal")
    return is_list, start, start + size


def _header_length(payload: bytes) -> int:
    return _item(payload, 0)[1]


def _integer(name: str, data: bytes) -> int:
    if data[:1] == b"\0":
        raise errors.DecodeError("RLP integer has leading zeros", which=name)
    if len(data) > 32:
        raise errors.DecodeError("RLP integer is too long", which=name, expected="at most 32 bytes", got=len(data))
    return int.from_bytes(data, "big")


def _check_chain(kind: int, numbers: dict[str, int], chain_id: int) -> int:
    """Check the chain id and return the signature's parity."""
    v = numbers["v"]
    if kind != LEGACY:
        signed_for, y_parity = numbers["chain_id"], v
    elif v in (27, 28):
        raise errors.LedgerRefused("only replay-protected (EIP-155) transactions are accepted: sign with the chain id")
    else:
        signed_for, y_parity = (v - 35) // 2, (v - 35) % 2
    if signed_for != chain_id:
        raise errors.LedgerRefused(f"invalid chain id: the transaction is signed for {signed_for}, not {chain_id}")
    if y_parity not in (0, 1):
        raise errors.SignatureInvalid("parity of the signature is not 0 or 1", got=y_parity, expected="0 or 1")
    return y_parity


def _check_ranges(numbers: dict[str, int], data: bytes, to: bytes) -> None:
    if numbers["nonce"] >= 2**64 - 1:
        raise errors.LedgerRefused("nonce has max value (EIP-2681)")
    if len(to) not in (0, 20):
        raise errors.DecodeError("not an address", which="to", expected="0 or 20 bytes", got=len(to))
    if numbers.get("max_tip", 0) > numbers["max_fee"]:
        raise errors.LedgerRefused("max priority fee per gas higher than max fee per gas")
    check_message(engine.Message(b"", to or None, numbers["nonce"], numbers["gas_limit"], numbers["value"], data))


def _signature(r: int, s: int, y_parity: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + y_parity])


def _signing_digest(kind: int, unsigned: bytes, chain_id: int) -> bytes:
    # The signed part is a prefix of what was sent: canonical RLP lets us cut it out instead of encoding it again.
    if kind == LEGACY:
        unsigned += bytes(rlp.encode(chain_id)) + b"\x80\x80"
        return encoding.keccak(rlp.codec.length_prefix(len(unsigned), 0xC0) + unsigned)
    return encoding.keccak(bytes([kind]) + rlp.codec.length_prefix(len(unsigned), 0xC0) + unsigned)
