"""What is hashed or signed, byte for byte: ABI digests, EIP-712 messages and canonical JSON.

Every byte string that two parties must agree on is built here (secure-aggregation section 2, "Digests" and "Who signs
what"; EIP-712; RFC 8785). The tagged BLAKE2b hashes inside a round are numbers' business: ``learning/secagg``. This is
the only module that imports eth_abi (besides ``ledger/events.py``) and eth_hash.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import eth_abi
import rfc8785
from eth_hash.auto import keccak as _keccak

from aicommons.domain import errors, ids, messages, run

DOMAIN_NAME = "AI Commons Secure Aggregation"
DOMAIN_VERSION = "2"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
SESSION_TAG = "AIC/secagg/2"
MAX_DOCUMENT = 4 * 2**20
"""Largest JSON document accepted, in bytes."""


def keccak(data: bytes) -> bytes:
    """Return keccak256 of ``data``, 32 bytes."""
    return bytes(_keccak(data))


def canonical_json(document: object) -> bytes:
    """Return ``document`` as RFC 8785 canonical JSON.

    Raises:
        errors.InputError: a value that JSON cannot hold (NaN, an integer beyond 2^53, a key that is no text, a text
            that UTF-8 cannot carry), or nesting without end.
    """
    try:
        return rfc8785.dumps(document)  # type: ignore[arg-type]  # any object: what JSON cannot hold is refused
    except (ValueError, RecursionError) as err:
        raise errors.InputError("the document cannot be written as canonical JSON", got=str(err)) from err


def parse_json(data: bytes) -> object:
    """Read canonical JSON, refusing any other spelling of the same document.

    Raises:
        errors.DecodeError: too long, not UTF-8, not JSON, or not in canonical form.
    """
    if len(data) > MAX_DOCUMENT:
        raise errors.DecodeError("the document is too long", expected=f"at most {MAX_DOCUMENT} bytes", got=len(data))
    try:
        document = json.loads(data, parse_int=_number)
        same = rfc8785.dumps(document) == data
    except (ValueError, RecursionError) as err:
        raise errors.DecodeError("the document is not JSON", expected="RFC 8785 canonical JSON") from err
    if not same:
        raise errors.DecodeError("the document is not in canonical form", expected="RFC 8785 canonical JSON")
    return document


def _number(text: str) -> int | float:
    """Return a JSON number without a point: RFC 8785 writes a float from 2^53 on just so."""
    value = float(text)
    return int(text) if abs(value) < 2**53 else value


def purpose_code(code: str) -> bytes:
    """Return the 32 bytes that stand for a purpose such as ``DUO:0000007`` on the ledger."""
    return keccak(code.encode())


def licence_code(licence: str | None) -> bytes:
    """Return the 32 bytes that stand for a model's licence such as ``CC-BY-4.0`` on the ledger; zero where none is named."""
    return bytes(32) if licence is None else keccak(licence.encode())


def run_id(spec: run.RunSpec) -> ids.RunId:
    """Return keccak256(abi.encode(spec)); a struct of static fields encodes as its fields."""
    return ids.RunId(_hash(run.RUN_SPEC_TYPES, spec_values(spec)))


def spec_values(spec: run.RunSpec) -> tuple[object, ...]:
    """Return the field values of ``spec`` in ABI order."""
    return tuple(getattr(spec, field.name) for field in dataclasses.fields(spec))


def roster_digest(run: ids.RunId, member_ids: Sequence[int], node_keys: Sequence[ids.Address]) -> bytes:
    """Return the roster: keccak(runId, ids ascending, node keys in that order)."""
    return _hash(["bytes32", "uint256[]", "address[]"], [run, list(member_ids), list(node_keys)])


def cell_rank(seed: bytes, member_id: int) -> bytes:
    """Return what a seat's place among the cells is drawn by: keccak(seed, member id)."""
    return _hash(["bytes32", "uint256"], [seed, member_id])


def committee_digest(roster: bytes, epoch: int, layout: int, points: Sequence[bytes]) -> bytes:
    """Return the committee: keccak(roster, epoch, layout, points in roster order)."""
    return _hash(["bytes32", "uint32", "uint8", "bytes32[]"], [roster, epoch, layout, list(points)])


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where signatures are valid: one contract on one chain."""

    chain_id: int
    """EIP-155 number of the chain."""
    contract: ids.Address
    """Address of the contract that checks them."""


@dataclasses.dataclass(frozen=True, slots=True)
class AttemptKey:
    """Which attempt at which round of which run."""

    run_id: ids.RunId
    """The run."""
    round_index: int
    """From 0."""
    attempt: int
    """From 0, within the round."""


def session_id(place: Place, key: AttemptKey, state_digest: bytes, committee: bytes) -> bytes:
    """Return the sid of an attempt; ``state_digest`` is computed by the node itself, so other models mean other sids."""
    types = ["bytes32", "uint256", "address", "bytes32", "uint32", "uint32", "bytes32", "bytes32"]
    tag = keccak(SESSION_TAG.encode())
    values = [tag, place.chain_id, place.contract, key.run_id, key.round_index, key.attempt, state_digest, committee]
    return _hash(types, values)


def set_digest(member_ids: Sequence[int]) -> bytes:
    """Return keccak(ids of the participant set, ascending)."""
    return _hash(["uint256[]"], [list(member_ids)])


def input_digest(sid: bytes, member_ids: Sequence[int], header_digests: Sequence[bytes]) -> bytes:
    """Return keccak(sid, ids, header digests in that order)."""
    return _hash(["bytes32", "uint256[]", "bytes32[]"], [sid, list(member_ids), list(header_digests)])


def domain_separator(place: Place) -> bytes:
    """Return the EIP-712 domain separator of TrainingRuns at ``place``."""
    return domain_of(DOMAIN_NAME, DOMAIN_VERSION, place)


@functools.cache
def domain_of(name: str, version: str, place: Place) -> bytes:
    """Return the EIP-712 domain separator of the contract at ``place``, as it calls itself."""
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    named = [keccak(text.encode()) for text in (DOMAIN_TYPE, name, version)]
    return _hash(types, [*named, place.chain_id, place.contract])


@functools.cache
def type_hash(type_string: str) -> bytes:
    """Return keccak of an EIP-712 type string."""
    return keccak(type_string.encode())


def message_digest(place: Place, message: messages.Message) -> bytes:
    """Return the 32 bytes that are signed for ``message`` (EIP-712); all its fields are static 32-byte words.

    Raises:
        errors.InputError: a digest of another length, or a number that no word can hold.
    """
    kind: Any = type(message)
    fields = [getattr(message, name) for name in _field_names(kind)]
    return typed_digest(domain_separator(place), message.TYPE, fields)


def typed_digest(domain: bytes, type_string: str, fields: Sequence[bytes | int]) -> bytes:
    """Return the 32 bytes that are signed for a struct whose fields are all static 32-byte words (EIP-712).

    Raises:
        errors.InputError: a digest of another length, or a number that no word can hold.
    """
    words = [type_hash(type_string), *(word(value) for value in fields)]
    return keccak(b"\x19\x01" + domain + keccak(b"".join(words)))


@functools.cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a message's fields, in the order in which they are signed."""
    return tuple(field.name for field in dataclasses.fields(kind))


def word(value: bytes | int) -> bytes:
    """Return a static value as ABI and EIP-712 write it; raises ``errors.InputError`` for what fits no 32 bytes."""
    if isinstance(value, int) and 0 <= value < 2**256:
        return value.to_bytes(32, "big")
    if isinstance(value, bytes) and len(value) == 32:
        return value
    raise errors.InputError("a field is no 32-byte word", expected="32 bytes, or a number from 0 to 2^256 - 1")


def _hash(types: Sequence[str], values: Sequence[object]) -> bytes:
    """Return keccak256(abi.encode(values)), refusing short digests, which ABI encoding would pad without a word.

    Raises:
        errors.InputError: a digest of another length than 32 bytes, or a value that does not fit its type.
    """
    for kind, value in zip(types, values, strict=True):
        words = value if kind == "bytes32[]" else [value] if kind == "bytes32" else []
        if not isinstance(words, list) or not all(isinstance(word, bytes) and len(word) == 32 for word in words):
            raise errors.InputError("a digest has another length", expected="32 bytes")
    return keccak(_encode_words(types, values) or abi_encode(types, values))


def _encode_words(types: Sequence[str], values: Sequence[object]) -> bytes | None:
    """Return what ``abi_encode`` returns for digests, ids and lists of them; ``None`` where anything else is among them.

    A node hashes sets and inputs a hundred times a round, and eth_abi's general way takes ten times as long.
    """
    heads: list[bytes | int] = []
    tails: list[bytes | int] = []
    for kind, value in zip(types, values, strict=True):
        is_word, listed = _WORDS.get(kind.removesuffix("[]")), kind.endswith("[]")
        items = value if listed else [value]
        if is_word is None or not isinstance(items, list) or not all(map(is_word, items)):
            return None
        if listed:
            heads.append(32 * (len(types) + len(tails)))
            tails.append(len(items))
        (tails if listed else heads).extend(items)
    return b"".join(map(word, heads + tails))


_WORDS: Mapping[str, Callable[[object], bool]] = {
    "bytes32": lambda value: isinstance(value, bytes) and len(value) == 32,
    "uint256": lambda value: type(value) is int and 0 <= value < 2**256,
}
"""ABI type -> whether a value is one of its 32-byte words; a bool is none."""


def abi_encode(types: Sequence[str], values: Sequence[object]) -> bytes:
    """Return the ABI encoding of ``values`` (contract ABI specification, "Formal Specification of the Encoding").

    Raises:
        errors.InputError: a value does not fit its type.
    """
    try:
        return eth_abi.encode(list(types), list(values))
    except eth_abi.exceptions.EncodingError as err:
        raise errors.InputError("a value does not fit its contract type", expected=", ".join(types)) from err


def abi_components(kind: str) -> list[str]:
    """Return the types of a struct's fields, where ``kind`` is the struct's type: ``(address,(bool,uint8)[])`` has two."""
    parsed = eth_abi.grammar.parse(kind)
    return [each.to_type_str() for each in parsed.components] if isinstance(parsed, eth_abi.grammar.TupleType) else []


def abi_decode(types: Sequence[str], data: bytes) -> tuple[object, ...]:
    """Return the values that ``data`` encodes.

    Raises:
        errors.DecodeError: ``data`` is not an encoding of ``types``.
    """
    try:
        return eth_abi.decode(list(types), data)
    except (eth_abi.exceptions.DecodingError, OverflowError, UnicodeDecodeError) as err:
        raise errors.DecodeError("not the ABI encoding of these types", expected=", ".join(types)) from err
