"""People's consents behind one dataset as two trees: leaves, status words, proofs, and what is signed to take one back.

The steward's register, a person's wallet, an auditor and ``office`` call it; the same bytes as ``ConsentRegister.sol``
and its ``ConsentTree``. Trees are those of OpenZeppelin's MerkleProof: pairs sorted and hashed with keccak256, an odd
node carried up. What a consent permits is in its private record (``domain/consents.py``), never here.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Self

from aicommons.domain import encoding, errors, ids, signing, statements

EMPTY = encoding.keccak(b"AI Commons empty register")
"""Root of a tree without leaves; nothing can be proven against it."""
WORD_BITS = 256
"""Consents in one word of the status list."""
MOST_LEAVES = 2**24
"""Most consents in one register here: a tree of them takes 1 GB."""
LONGEST_PROOF = 64
"""Siblings in the longest proof accepted; indexes have 64 bits."""
NO_GUARDIANSHIP = bytes(32)


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """One person's consent as the tree holds it; fields in the ABI's order. Nothing in it says who the person is."""

    dataset_id: int
    index: int
    """Place in the register and in the status list, from 0."""
    commitment: bytes
    """Salted commitment to the private consent record, 32 bytes."""
    holder: ids.Address
    """Key that takes the consent back; ``ids.NOBODY`` for a person without one."""
    guardian: ids.Address
    """Key of who consented for a child; ``ids.NOBODY`` when the person consented itself."""
    guardianship: bytes
    """Attestation in ``Guardianships``, 32 bytes; ``NO_GUARDIANSHIP`` without a guardian."""
    majority: int
    """First second at which the person decides alone; 0 for an adult."""
    expiry: int
    """First second at which the consent is dead."""

    def is_current(self, now: int, *, is_guarded: bool) -> bool:
        """Return whether the consent's own terms hold at block time ``now``; it may still have been taken back.

        Args:
            now: block time in seconds.
            is_guarded: whether the guardianship is live for this guardian; it does not matter without a guardian.
        """
        if now >= self.expiry:
            return False
        is_of_age = now >= self.majority
        return is_of_age if self.guardian == ids.NOBODY else not is_of_age and is_guarded

    def may_be_withdrawn_by(self, address: ids.Address, now: int) -> bool:
        """Return whether ``address`` may take the consent back at block time ``now``: holder, or guardian of a child."""
        if address == ids.NOBODY:
            return False
        return address == self.holder or (address == self.guardian and now < self.majority)


def leaf_hash(place: encoding.Place, leaf: Leaf) -> bytes:
    """Return the leaf of a consent, 32 bytes; ``place`` is the ConsentRegister.

    Raises:
        errors.InputError: a field does not fit its type.
    """
    words = [
        _number(place.chain_id),
        _address(place.contract),
        _number(leaf.dataset_id),
        _number(leaf.index, bits=64),
        _digest(leaf.commitment),
        _address(leaf.holder),
        _address(leaf.guardian),
        _digest(leaf.guardianship),
        _number(leaf.majority, bits=64),
        _number(leaf.expiry, bits=64),
    ]
    return encoding.keccak(encoding.keccak(b"".join(words)))


def word_hash(dataset_id: int, word_index: int, word: int) -> bytes:
    """Return the leaf of one word of a dataset's status list, 32 bytes."""
    return encoding.keccak(encoding.keccak(_number(dataset_id) + _number(word_index) + _number(word)))


def status_words(leaves: int, withdrawn: Iterable[int]) -> tuple[int, ...]:
    """Return the status list of ``leaves`` consents of which those at the indexes ``withdrawn`` were taken back.

    Bit i % 256, counted from the least significant, of word i / 256 stands for consent i.

    Raises:
        errors.InputError: an index that no consent has.
    """
    _check_count(leaves)
    words = [0] * -(-leaves // WORD_BITS)
    for index in withdrawn:
        if not 0 <= index < leaves:
            raise errors.InputError("no such consent in the register", expected=f"0 to {leaves - 1}", got=index)
        words[index // WORD_BITS] |= 1 << index % WORD_BITS
    return tuple(words)


def is_withdrawn(words: Sequence[int], index: int) -> bool:
    """Return whether the bit of consent ``index`` is set; one beyond the list counts as taken back: default deny."""
    place, bit = divmod(index, WORD_BITS)
    return not 0 <= place < len(words) or words[place] >> bit & 1 == 1


@dataclasses.dataclass(frozen=True, slots=True)
class Tree:
    """A tree with all its nodes, so that every proof is a look-up."""

    layers: tuple[tuple[bytes, ...], ...]
    """From the leaves, in index order, up to the root; no layer for a tree without leaves."""

    @classmethod
    def over(cls, hashes: Iterable[bytes]) -> Self:
        """Return the tree over leaf hashes in index order; 100,000 take half a second.

        Raises:
            errors.InputError: more leaves than a register may have.
        """
        layer = tuple(hashes)
        _check_count(len(layer))
        layers = [layer] if layer else []
        while len(layer) > 1:
            layer = _above(layer)
            layers.append(layer)
        return cls(tuple(layers))

    @property
    def root(self) -> bytes:
        """The root, ``EMPTY`` without leaves."""
        return self.layers[-1][0] if self.layers else EMPTY

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self.layers[0]) if self.layers else 0

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings from leaf ``index`` up.

        Raises:
            errors.InputError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise errors.InputError("no such leaf", expected=f"0 to {self.size - 1}", got=index)
        siblings = []
        for layer in self.layers[:-1]:
            if index ^ 1 < len(layer):
                siblings.append(layer[index ^ 1])
            index >>= 1
        return tuple(siblings)


def status_tree(dataset_id: int, words: Sequence[int]) -> Tree:
    """Return the tree over a dataset's status list."""
    return Tree.over(word_hash(dataset_id, index, word) for index, word in enumerate(words))


def proven_root(leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Return the root that ``proof`` leads to from the leaf hash ``leaf``.

    Raises:
        errors.DecodeError: the proof is longer than any, or a sibling is not 32 bytes long.
    """
    if len(proof) > LONGEST_PROOF or any(len(node) != 32 for node in (leaf, *proof)):
        raise errors.DecodeError("not an inclusion proof", expected=f"at most {LONGEST_PROOF} digests of 32 bytes")
    return functools.reduce(_pair, proof, leaf)


def withdrawal_digest(place: encoding.Place, leaf: bytes, deadline: int) -> bytes:
    """Return the 32 bytes that a holder signs to take back the consent with leaf hash ``leaf`` (EIP-712).

    Args:
        place: the ConsentRegister.
        leaf: hash of the consent's leaf.
        deadline: last block time in seconds at which the signature is good.
    """
    return signing.WithdrawLeaf(leaf, deadline).digest(place)


def statement_digest(place: encoding.Place, said: statements.Statement) -> bytes:
    """Return the 32 bytes that a person or a child's guardian signs to consent with a key (EIP-712).

    Args:
        place: the ConsentRegister, whose domain the withdrawals have too.
        said: what is consented to.
    """
    domain = encoding.domain_of(signing.WithdrawLeaf.NAME, "1", place)
    values: list[bytes | int] = [
        said.dataset,
        _text(said.person),
        int(said.guardian),
        _texts(said.purposes),
        int(said.commercial),
        _texts(said.fields),
        said.problem or bytes(32),
        said.grantee or 0,
        said.max_uses or 0,
        said.given_at,
        said.expiry,
    ]
    return encoding.typed_digest(domain, statements.STATEMENT_TYPE, values)


def _text(text: str) -> bytes:
    return encoding.keccak(text.encode())


def _texts(texts: Sequence[str]) -> bytes:
    return encoding.keccak(b"".join(_text(text) for text in texts))


def _above(layer: tuple[bytes, ...]) -> tuple[bytes, ...]:
    pairs = [_pair(layer[at], layer[at + 1]) for at in range(0, len(layer) - 1, 2)]
    return (*pairs, layer[-1]) if len(layer) % 2 else tuple(pairs)


def _pair(one: bytes, other: bytes) -> bytes:
    return encoding.keccak(one + other if one < other else other + one)


def _number(value: int, *, bits: int = 256) -> bytes:
    if not 0 <= value < 1 << bits:
        raise errors.InputError("a number does not fit its field", expected=f"0 to 2^{bits} - 1", got=value)
    return value.to_bytes(32, "big")


def _address(value: bytes) -> bytes:
    if len(value) != 20:
        raise errors.InputError("not an address", expected="20 bytes", got=f"{len(value)} bytes")
    return bytes(12) + value


def _digest(value: bytes) -> bytes:
    if len(value) != 32:
        raise errors.InputError("a digest has another length", expected="32 bytes", got=f"{len(value)} bytes")
    return value


def _check_count(leaves: int) -> None:
    if not 0 <= leaves <= MOST_LEAVES:
        raise errors.InputError("too many consents for one register", expected=f"at most {MOST_LEAVES}", got=leaves)
