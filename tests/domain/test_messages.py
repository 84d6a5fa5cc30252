"""Signed messages: our EIP-712 digests are those of eth_account, and nothing ambiguous is ever hashed."""

import dataclasses

import pytest
from eth_account import messages as oracle
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, errors, ids, messages

PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
TYPES = (messages.Ack, messages.Submit, messages.Commit, messages.Reveal, messages.Result, messages.Exit)

words = st.binary(min_size=32, max_size=32)
members = st.integers(0, 2**256 - 1)
counts = st.integers(0, 2**32 - 1)
EVERY = {
    messages.Ack: st.builds(messages.Ack, words, counts, members, words, words, words),
    messages.Submit: st.builds(messages.Submit, words, members, words),
    messages.Commit: st.builds(messages.Commit, words, members, words, words, words),
    messages.Reveal: st.builds(messages.Reveal, words, members, words, words, words),
    messages.Result: st.builds(messages.Result, words, members, words, words),
    messages.Exit: st.builds(messages.Exit, words, members, counts),
}


def declared(kind: type[messages.Message]) -> list[tuple[str, str]]:
    """Return type and name of each field in an EIP-712 type string."""
    inner = kind.TYPE[kind.TYPE.index("(") + 1 : -1]
    return [(part.split()[0], part.split()[1]) for part in inner.split(",")]


def oracle_digest(place: encoding.Place, message: messages.Message) -> bytes:
    """Return the digest that eth_account signs for the same message."""
    kind = type(message)
    fields = declared(kind)
    values = [getattr(message, field.name) for field in dataclasses.fields(message)]
    signable = oracle.encode_typed_data(
        domain_data={
            "name": "AI Commons Secure Aggregation",
            "version": "2",
            "chainId": place.chain_id,
            "verifyingContract": ids.format_id(place.contract),
        },
        message_types={kind.__name__: [{"name": name, "type": type_} for type_, name in fields]},
        message_data={name: value for (_, name), value in zip(fields, values, strict=True)},
    )
    return bytes(oracle._hash_eip191_message(signable))


@given(st.one_of(*EVERY.values()), st.integers(1, 2**64), st.binary(min_size=20, max_size=20))
def test_digests_are_eth_accounts(message: messages.Message, chain_id: int, contract: bytes) -> None:
    """Every message hashes as eth_account's encode_typed_data does, on any chain and contract."""
    place = encoding.Place(chain_id, ids.Address(contract))
    assert encoding.message_digest(place, message) == oracle_digest(place, message)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_fields_follow_the_type_string(kind: type[messages.Message]) -> None:
    """A record's fields stand in the order and under the names of its type string."""
    names = [name for _, name in declared(kind)]
    snake = ["".join("_" + c.lower() if c.isupper() else c for c in name) for name in names]
    assert [field.name for field in dataclasses.fields(kind)] == snake
    assert kind.TYPE.startswith(kind.__name__ + "(")


@given(st.data(), st.sampled_from(TYPES))
def test_every_field_is_signed(data: st.DataObject, kind: type[messages.Message]) -> None:
    """Changing any one field of a message changes what is signed."""
    message = data.draw(EVERY[kind])
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(kind)]))
    before = getattr(message, name)
    after = bytes([before[0] ^ 1]) + before[1:] if isinstance(before, bytes) else before ^ 1
    changed = dataclasses.replace(message, **{name: after})
    assert encoding.message_digest(PLACE, changed) != encoding.message_digest(PLACE, message)


def test_types_do_not_share_digests() -> None:
    """Messages with the same fields but of different types never hash alike."""
    one = messages.Commit(bytes(32), ids.MemberId(1), bytes(32), bytes(32), bytes(32))
    other = messages.Reveal(bytes(32), ids.MemberId(1), bytes(32), bytes(32), bytes(32))
    assert encoding.message_digest(PLACE, one) != encoding.message_digest(PLACE, other)


BAD = {
    "a short sid": messages.Submit(b"\x01" * 31, ids.MemberId(1), bytes(32)),
    "a long header digest": messages.Submit(bytes(32), ids.MemberId(1), bytes(33)),
    "two fields that slide into each other": messages.Result(bytes(32), ids.MemberId(1), bytes(16), bytes(48)),
    "a negative member": messages.Submit(bytes(32), ids.MemberId(-1), bytes(32)),
    "a member beyond 256 bits": messages.Submit(bytes(32), ids.MemberId(2**256), bytes(32)),
    "an empty point": messages.Ack(bytes(32), 0, ids.MemberId(1), b"", bytes(32), bytes(32)),
}


@pytest.mark.parametrize("message", BAD.values(), ids=BAD.keys())
def test_malformed_fields_are_refused(message: messages.Message) -> None:
    """A field that is no 32-byte word is refused, so that no two messages share their bytes."""
    with pytest.raises(errors.InputError, match="32-byte word"):
        encoding.message_digest(PLACE, message)
