"""Write or check the golden vectors under ``vectors/consents/``: leaves, words, trees, proofs, signed withdrawals, terms.

Run ``python tests/protocol/generate_consent_vectors.py`` after a deliberate change, and with ``--check`` (the tests do) to
see that code and files agree. pytest and forge read the files. All bytes are hex, large numbers are text.
"""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import sys
from typing import Any

from aicommons.domain import encoding, ids, signature
from aicommons.protocol import consents

FOLDER = pathlib.Path(__file__).parents[2] / "vectors" / "consents"
PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
SECRET = b"\x07" * 32
START = 1_800_000_000
Rows = list[dict[str, Any]]


def word(name: str) -> bytes:
    """Return 32 fixed bytes."""
    return hashlib.sha256(name.encode()).digest()


def plain(leaf: consents.Leaf) -> dict[str, Any]:
    """Return a leaf's fields by name, bytes as hex and numbers as text."""
    values = {field.name: getattr(leaf, field.name) for field in dataclasses.fields(leaf)}
    return {name: value.hex() if isinstance(value, bytes) else str(value) for name, value in values.items()}


def adult(index: int) -> consents.Leaf:
    """Return the consent of an adult whose key is SECRET's."""
    holder = signature.address_of(SECRET)
    none = (ids.NOBODY, consents.NO_GUARDIANSHIP)
    return consents.Leaf(1, index, word(f"record {index}"), holder, *none, 0, START + 1000)


def leaves() -> Rows:
    """Return leaves of ordinary, smallest and largest fields."""
    guarded = consents.Leaf(
        7, 300, word("record"), ids.NOBODY, ids.Address(word("guardian")[:20]), word("guardianship"),
        START + 500, START + 1000,
    )  # fmt: skip
    nothing = consents.Leaf(0, 0, bytes(32), ids.NOBODY, ids.NOBODY, bytes(32), 0, 0)
    most = 2**64 - 1
    full = (ids.Address(b"\xff" * 20), ids.Address(b"\xff" * 20), b"\xff" * 32)
    largest = consents.Leaf(2**256 - 1, most, b"\xff" * 32, *full, most, most)
    rows = {"an adult's": adult(0), "a child's": guarded, "all zero": nothing, "all ones": largest}
    return [
        {"name": name, "leaf": plain(leaf), "hash": consents.leaf_hash(PLACE, leaf).hex()}
        for name, leaf in rows.items()
    ]


def words() -> Rows:
    """Return words of status lists, with the indexes that they stand for."""
    lists = {
        "nobody": (300, ()),
        "the first": (1, (0,)),
        "the last of a word": (256, (255,)),
        "the next": (257, (256,)),
    }
    rows = []
    for name, (count, withdrawn) in (lists | {"all of two words": (512, tuple(range(512)))}).items():
        made = consents.status_words(count, withdrawn)
        hashes = [consents.word_hash(3, index, value).hex() for index, value in enumerate(made)]
        rows.append(
            {
                "name": name,
                "count": count,
                "withdrawn": list(withdrawn),
                "words": [value.to_bytes(32, "big").hex() for value in made],
                "hashes": hashes,
                "root": consents.status_tree(3, made).root.hex(),
            }
        )
    return rows


def trees() -> Rows:
    """Return trees of all small sizes and a few larger ones, with proofs of their ends and their middle."""
    rows = []
    for count in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 256, 257):
        hashes = [word(f"leaf {index}") for index in range(count)]
        tree = consents.Tree.over(hashes)
        proofs = [
            {"index": index, "leaf": hashes[index].hex(), "proof": [node.hex() for node in tree.proof(index)]}
            for index in sorted({0, count // 2, count - 1} & set(range(count)))
        ]
        rows.append({"count": count, "root": tree.root.hex(), "proofs": proofs})
    return rows


def bad_proofs() -> Rows:
    """Return proofs that lead to another root than that of five leaves."""
    hashes = [word(f"leaf {index}") for index in range(5)]
    tree = consents.Tree.over(hashes)
    good = tree.proof(2)
    inner = tree.layers[1][0]
    rows = {
        "another's proof": (hashes[2], tree.proof(3)),
        "a sibling missing": (hashes[2], good[:-1]),
        "a sibling too many": (hashes[2], (*good, word("more"))),
        "siblings in another order": (hashes[2], tuple(reversed(good))),
        "a bit flipped": (hashes[2], (good[0], bytes([good[1][0] ^ 1]) + good[1][1:], *good[2:])),
        "a leaf that is not there": (word("leaf 5"), good),
        "no proof": (hashes[2], ()),
        "an inner node hashed as a leaf": (encoding.keccak(encoding.keccak(inner)), tree.proof(4)),
    }
    return [
        {"name": name, "leaf": leaf.hex(), "proof": [node.hex() for node in proof], "root": tree.root.hex()}
        for name, (leaf, proof) in rows.items()
    ]


def withdrawals() -> Rows:
    """Return a signed withdrawal of each of three consents of one register."""
    hashes = [consents.leaf_hash(PLACE, adult(index)) for index in range(3)]
    tree = consents.Tree.over(hashes)
    rows = []
    for index, hashed in enumerate(hashes):
        deadline = START + 60 * index
        digest = consents.withdrawal_digest(PLACE, hashed, deadline)
        rows.append(
            {
                "leaf": plain(adult(index)),
                "hash": hashed.hex(),
                "root": tree.root.hex(),
                "proof": [node.hex() for node in tree.proof(index)],
                "deadline": str(deadline),
                "digest": digest.hex(),
                "signer": signature.address_of(SECRET).hex(),
                "signature": signature.sign(SECRET, digest).hex(),
            }
        )
    return rows


def terms() -> Rows:
    """Return whether a consent's own terms hold: guardian or none, guardianship live or not, majority, expiry, now."""
    rows = {
        "an adult": (False, False, 0, 1000, 0),
        "an adult's last second": (False, False, 0, 1000, 999),
        "an adult's expired": (False, False, 0, 1000, 1000),
        "of age since this second": (False, False, 500, 1000, 500),
        "a child without a guardian": (False, False, 500, 1000, 499),
        "a child, vouched for": (True, True, 500, 1000, 0),
        "a child's last second": (True, True, 500, 1000, 499),
        "at majority": (True, True, 500, 1000, 500),
        "after majority": (True, True, 500, 1000, 700),
        "a child, not vouched for": (True, False, 500, 1000, 0),
        "a child's expired": (True, True, 500, 400, 400),
        "a guardian for an adult": (True, True, 0, 1000, 0),
    }
    made = []
    for name, (has_guardian, is_guarded, majority, expiry, now) in rows.items():
        guardian = ids.Address(word("guardian")[:20]) if has_guardian else ids.NOBODY
        at = START + majority if majority else 0
        leaf = consents.Leaf(1, 0, word(name), ids.NOBODY, guardian, bytes(32), at, START + expiry)
        made.append(
            {
                "name": name,
                "leaf": plain(leaf),
                "is_guarded": is_guarded,
                "now": str(START + now),
                "is_current": leaf.is_current(START + now, is_guarded=is_guarded),
            }
        )
    return made


FILES = {
    "leaves.json": leaves,
    "words.json": words,
    "trees.json": trees,
    "proofs_bad_nodes.json": bad_proofs,
    "withdrawals.json": withdrawals,
    "terms.json": terms,
}


def main() -> None:
    """Write the files, or with ``--check`` exit 1 naming those that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    stale = []
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1, sort_keys=True) + "\n"
        path = FOLDER / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if check and stale:
        sys.exit(f"vectors differ from the code: {', '.join(stale)}")


if __name__ == "__main__":
    main()
