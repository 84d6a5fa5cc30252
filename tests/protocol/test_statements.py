"""What a person signs to consent with a key: the same bytes as any wallet makes of the typed message."""

import dataclasses
import pathlib
from collections.abc import Callable

import pytest
from eth_account import messages as eth_messages
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, errors, ids, statements
from aicommons.protocol import consents

PLACE = encoding.Place(6174001, ids.Address(b"\xc0" * 20))
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
WORDS = st.binary(min_size=32, max_size=32).filter(any)
SAID = statements.Statement(
    3, "P-1", False, ("DUO:0000007",), False, (), None, None, None, 1_790_000_000, 1_900_000_000
)
TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Consent": [
        {"name": part.split(" ")[1], "type": part.split(" ")[0]}
        for part in statements.STATEMENT_TYPE.removeprefix("Consent(").removesuffix(")").split(",")
    ],
}


def typed(said: statements.Statement) -> dict[str, object]:
    """Return the message as ``eth_signTypedData_v4`` takes it."""
    return {
        "types": TYPES,
        "primaryType": "Consent",
        "domain": {
            "name": "AI Commons Consent Register",
            "version": "1",
            "chainId": PLACE.chain_id,
            "verifyingContract": ids.format_id(PLACE.contract),
        },
        "message": {
            "dataset": said.dataset,
            "person": said.person,
            "guardian": said.guardian,
            "purposes": list(said.purposes),
            "commercial": said.commercial,
            "fields": list(said.fields),
            "problem": said.problem or bytes(32),
            "grantee": said.grantee or 0,
            "maxUses": said.max_uses or 0,
            "given": said.given_at,
            "expiry": said.expiry,
        },
    }


@given(
    st.builds(
        statements.Statement,
        dataset=st.integers(1, 2**53 - 1),
        person=TEXTS.filter(str.strip),
        guardian=st.booleans(),
        purposes=st.lists(TEXTS, min_size=1, max_size=4, unique=True).map(tuple),
        commercial=st.booleans(),
        fields=st.lists(TEXTS, max_size=4, unique=True).map(tuple),
        problem=st.none() | WORDS,
        grantee=st.none() | st.integers(1, 2**31),
        max_uses=st.none() | st.integers(1, 2**32 - 1),
        given_at=st.integers(0, 2**31),
        expiry=st.integers(2**31 + 1, 2**40),
    )
)
def test_a_wallet_signs_the_same_bytes(said: statements.Statement) -> None:
    """The digest is that of EIP-712 typed data, as an independent library computes it."""
    encoded = eth_messages.encode_typed_data(full_message=typed(said))
    digest = encoding.keccak(b"\x19" + encoded.version + encoded.header + encoded.body)
    assert consents.statement_digest(PLACE, said) == digest
    assert statements.Statement.decode(said.encode()) == said


CHANGES: dict[str, Callable[[statements.Statement], statements.Statement]] = {
    "another person": lambda said: dataclasses.replace(said, person="P-2"),
    "for a child": lambda said: dataclasses.replace(said, guardian=True),
    "another dataset": lambda said: dataclasses.replace(said, dataset=4),
    "another purpose": lambda said: dataclasses.replace(said, purposes=("DUO:0000006",)),
    "commercial": lambda said: dataclasses.replace(said, commercial=True),
    "one field": lambda said: dataclasses.replace(said, fields=("age",)),
    "one problem": lambda said: dataclasses.replace(said, problem=b"\x01" * 32),
    "one solver": lambda said: dataclasses.replace(said, grantee=2),
    "three uses": lambda said: dataclasses.replace(said, max_uses=3),
    "another time": lambda said: dataclasses.replace(said, given_at=said.given_at + 1),
    "longer": lambda said: dataclasses.replace(said, expiry=said.expiry + 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_nothing_in_it_can_be_changed(change: Callable[[statements.Statement], statements.Statement]) -> None:
    """Every word of a statement is under the signature, and none of it is the same evidence."""
    other = change(SAID)
    assert consents.statement_digest(PLACE, other) != consents.statement_digest(PLACE, SAID)
    assert other.evidence != SAID.evidence
    elsewhere = encoding.Place(PLACE.chain_id, ids.Address(b"\xc1" * 20))
    assert consents.statement_digest(elsewhere, SAID) != consents.statement_digest(PLACE, SAID)


BROKEN: dict[str, dict[str, object]] = {
    "nobody": {"person": "  "},
    "no purpose": {"purposes": ()},
    "a purpose twice": {"purposes": ("a", "a")},
    "over before it began": {"expiry": SAID.given_at},
    "no dataset": {"dataset": 0},
    "nobody as only solver": {"grantee": 0},
    "no uses": {"max_uses": 0},
    "uses that do not fit": {"max_uses": 2**32},
    "no problem as only one": {"problem": bytes(32)},
}


@pytest.mark.parametrize("changed", BROKEN.values(), ids=BROKEN.keys())
def test_what_says_nothing_is_refused(changed: dict[str, object], tmp_path: pathlib.Path) -> None:
    """A statement that permits nothing, or could be read as something else under zero, is refused."""
    said = dataclasses.replace(SAID, **changed)
    with pytest.raises(errors.DecodeError):
        statements.SignedStatement.decode(statements.SignedStatement(1, "0x" + "00" * 20, said, "0x").encode())
