"""Leaves, words, trees and proofs of people's consents: golden vectors, and rules that hold for any register."""

import dataclasses
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import encoding, errors, ids, signature
from aicommons.protocol import consents

FOLDER = pathlib.Path(__file__).parents[2] / "vectors" / "consents"
PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
DIGEST = st.binary(min_size=32, max_size=32)
ADDRESS = st.binary(min_size=20, max_size=20).map(ids.Address)
NUMBER = st.integers(0, 2**64 - 1)
LEAVES = st.builds(
    consents.Leaf,
    dataset_id=st.integers(0, 2**256 - 1),
    index=NUMBER,
    commitment=DIGEST,
    holder=ADDRESS,
    guardian=ADDRESS,
    guardianship=DIGEST,
    majority=NUMBER,
    expiry=NUMBER,
)


def load(name: str) -> list[dict[str, Any]]:
    """Return a vector file."""
    return json.loads((FOLDER / name).read_text())


def leaf_of(row: dict[str, Any]) -> consents.Leaf:
    """Return the leaf that a row spells."""
    spelled = row["leaf"]
    numbers = ("dataset_id", "index", "majority", "expiry")
    return consents.Leaf(
        **{name: int(text) if name in numbers else bytes.fromhex(text) for name, text in spelled.items()}
    )


def nodes(texts: list[str]) -> list[bytes]:
    """Return digests that are spelled in hex."""
    return [bytes.fromhex(text) for text in texts]


def test_consent_vectors_are_current() -> None:
    """Regenerating the vectors gives the committed files, byte for byte."""
    script = pathlib.Path(__file__).with_name("generate_consent_vectors.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("row", load("leaves.json"), ids=lambda row: row["name"])
def test_a_leaf_is_the_abi_encoding_hashed_twice(row: dict[str, Any]) -> None:
    """The hash is that of an independent ABI encoder over chain, contract and the fields."""
    leaf = leaf_of(row)
    types = ["uint256", "address", "uint256", "uint64", "bytes32", "address", "address", "bytes32", "uint64", "uint64"]
    encoded = encoding.abi_encode(types, [PLACE.chain_id, PLACE.contract, *dataclasses.astuple(leaf)])
    expected = encoding.keccak(encoding.keccak(encoded))
    assert consents.leaf_hash(PLACE, leaf) == expected == bytes.fromhex(row["hash"])


@pytest.mark.parametrize("row", load("words.json"), ids=lambda row: row["name"])
def test_status_words_are_the_known_answers(row: dict[str, Any]) -> None:
    """Words, their hashes and their root follow from the withdrawn indexes, and say of each whether it is withdrawn."""
    words = consents.status_words(row["count"], row["withdrawn"])
    assert [word.to_bytes(32, "big").hex() for word in words] == row["words"]
    assert [consents.word_hash(3, index, word).hex() for index, word in enumerate(words)] == row["hashes"]
    assert consents.status_tree(3, words).root.hex() == row["root"]
    said = [index for index in range(row["count"]) if consents.is_withdrawn(words, index)]
    assert said == row["withdrawn"]


@pytest.mark.parametrize("row", load("trees.json"), ids=lambda row: f"{row['count']} leaves")
def test_proofs_lead_to_the_root(row: dict[str, Any]) -> None:
    """Every listed proof leads from its leaf to the root."""
    if row["count"] == 0:
        assert bytes.fromhex(row["root"]) == consents.EMPTY == encoding.keccak(b"AI Commons empty register")
    for each in row["proofs"]:
        assert consents.proven_root(bytes.fromhex(each["leaf"]), nodes(each["proof"])).hex() == row["root"]


@pytest.mark.parametrize("row", load("proofs_bad_nodes.json"), ids=lambda row: row["name"])
def test_bad_proofs_lead_elsewhere(row: dict[str, Any]) -> None:
    """No tampered proof leads to the root."""
    assert consents.proven_root(bytes.fromhex(row["leaf"]), nodes(row["proof"])).hex() != row["root"]


@pytest.mark.parametrize("row", load("withdrawals.json"), ids=lambda row: row["leaf"]["index"])
def test_signed_withdrawals_are_the_known_answers(row: dict[str, Any]) -> None:
    """The signature over leaf and deadline is the holder's."""
    hashed = consents.leaf_hash(PLACE, leaf_of(row))
    digest = consents.withdrawal_digest(PLACE, hashed, int(row["deadline"]))
    assert digest.hex() == row["digest"]
    assert signature.recover(digest, bytes.fromhex(row["signature"])).hex() == row["signer"]


@pytest.mark.parametrize("row", load("terms.json"), ids=lambda row: row["name"])
def test_terms_are_the_known_answers(row: dict[str, Any]) -> None:
    """Expiry, majority and guardianship decide as in the contract."""
    assert leaf_of(row).is_current(int(row["now"]), is_guarded=row["is_guarded"]) is row["is_current"]


@settings(max_examples=200, deadline=None)
@given(st.lists(DIGEST, min_size=1, max_size=70), st.data())
def test_every_leaf_is_proven_and_no_other(hashes: list[bytes], data: st.DataObject) -> None:
    """Each leaf's proof leads to the root, is no longer than the tree is high, and fits no leaf that is not there."""
    tree = consents.Tree.over(hashes)
    index = data.draw(st.integers(0, len(hashes) - 1))
    proof = tree.proof(index)
    assert consents.proven_root(hashes[index], proof) == tree.root
    assert len(proof) <= (len(hashes) - 1).bit_length()
    stranger = data.draw(DIGEST.filter(lambda each: each not in hashes))
    assert consents.proven_root(stranger, proof) != tree.root


@settings(max_examples=100, deadline=None)
@given(st.lists(DIGEST, min_size=1, max_size=70, unique=True), st.data())
def test_a_root_holds_every_leaf_and_their_number(hashes: list[bytes], data: st.DataObject) -> None:
    """Changing, dropping or adding a leaf changes the root."""
    root = consents.Tree.over(hashes).root
    index = data.draw(st.integers(0, len(hashes) - 1))
    other = data.draw(DIGEST.filter(lambda each: each not in hashes))
    assert consents.Tree.over([*hashes[:index], other, *hashes[index + 1 :]]).root != root
    assert consents.Tree.over([*hashes, other]).root != root
    assert consents.Tree.over(hashes[:-1]).root != root


@settings(max_examples=200, deadline=None)
@given(LEAVES, st.data())
def test_a_leaf_holds_every_field(leaf: consents.Leaf, data: st.DataObject) -> None:
    """Two leaves that differ in one field, or lie in different registers or chains, have different hashes."""
    hashed = consents.leaf_hash(PLACE, leaf)
    other = data.draw(LEAVES)
    for field in dataclasses.fields(leaf):
        if getattr(leaf, field.name) != getattr(other, field.name):
            changed = dataclasses.replace(leaf, **{field.name: getattr(other, field.name)})
            assert consents.leaf_hash(PLACE, changed) != hashed
    assert consents.leaf_hash(dataclasses.replace(PLACE, chain_id=1), leaf) != hashed
    assert consents.leaf_hash(dataclasses.replace(PLACE, contract=ids.Address(bytes(20))), leaf) != hashed


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2_000), st.data())
def test_status_lists_say_what_was_withdrawn(count: int, data: st.DataObject) -> None:
    """The list says of every consent whether it was withdrawn, and of those beyond it that they are."""
    withdrawn = data.draw(st.sets(st.integers(0, count - 1), max_size=50))
    words = consents.status_words(count, withdrawn)
    assert {index for index in range(count) if consents.is_withdrawn(words, index)} == withdrawn
    assert all(0 <= word < 2**256 for word in words)
    assert consents.is_withdrawn(words, len(words) * consents.WORD_BITS)
    assert consents.is_withdrawn(words, -1)


@settings(max_examples=200, deadline=None)
@given(LEAVES, NUMBER, st.booleans())
def test_current_terms_imply_everything(leaf: consents.Leaf, now: int, is_guarded: bool) -> None:
    """Whatever is current has not expired, and is an adult's own, or a child's with a live guardianship."""
    if leaf.is_current(now, is_guarded=is_guarded):
        assert now < leaf.expiry
        has_guardian = leaf.guardian != ids.NOBODY
        assert has_guardian == (now < leaf.majority)
        assert not has_guardian or is_guarded


ONE, TWO = ids.Address(b"\x01" * 20), ids.Address(b"\x02" * 20)
MAY: dict[str, tuple[ids.Address, ids.Address, ids.Address, int, bool]] = {
    "the holder": (ONE, ids.NOBODY, ONE, 0, True),
    "the holder, still a child": (ONE, TWO, ONE, 0, True),
    "the guardian of a child": (ONE, TWO, TWO, 99, True),
    "the guardian at majority": (ONE, TWO, TWO, 100, False),
    "a stranger": (ONE, ids.NOBODY, TWO, 0, False),
    "nobody for nobody's": (ids.NOBODY, ids.NOBODY, ids.NOBODY, 0, False),
}


@pytest.mark.parametrize("row", MAY.values(), ids=MAY.keys())
def test_who_may_withdraw(row: tuple[ids.Address, ids.Address, ids.Address, int, bool]) -> None:
    """The holder always, the guardian before majority, nobody else."""
    holder, guardian, by, now, expected = row
    leaf = consents.Leaf(1, 0, bytes(32), holder, guardian, bytes(32), 100, 1000)
    assert leaf.may_be_withdrawn_by(by, now) is expected


LEAF = consents.Leaf(1, 0, bytes(32), ONE, TWO, bytes(32), 0, 0)
REFUSED: dict[str, Callable[[], object]] = {
    "an index of 65 bits": lambda: consents.leaf_hash(PLACE, dataclasses.replace(LEAF, index=2**64)),
    "a negative expiry": lambda: consents.leaf_hash(PLACE, dataclasses.replace(LEAF, expiry=-1)),
    "a short commitment": lambda: consents.leaf_hash(PLACE, dataclasses.replace(LEAF, commitment=bytes(31))),
    "a long holder": lambda: consents.leaf_hash(PLACE, dataclasses.replace(LEAF, holder=bytes(21))),
    "a word of 257 bits": lambda: consents.word_hash(1, 0, 2**256),
    "a withdrawn consent that was not given": lambda: consents.status_words(3, [3]),
    "a negative index": lambda: consents.status_words(3, [-1]),
    "too many consents": lambda: consents.status_words(consents.MOST_LEAVES + 1, []),
    "a proof of no leaf": lambda: consents.Tree.over([bytes(32)]).proof(1),
    "a proof in an empty tree": lambda: consents.Tree.over([]).proof(0),
}


@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_register_holds(act: Callable[[], object]) -> None:
    """Fields that do not fit and places that do not exist are refused."""
    with pytest.raises(errors.InputError):
        act()


@pytest.mark.parametrize("proof", [[bytes(32)] * 65, [bytes(31)], [bytes(33)]], ids=["long", "short node", "long node"])
def test_foreign_proofs_are_bounded(proof: list[bytes]) -> None:
    """A proof from outside is refused when it is longer than any tree is high, or holds no digests."""
    with pytest.raises(errors.DecodeError, match="not an inclusion proof"):
        consents.proven_root(bytes(32), proof)
