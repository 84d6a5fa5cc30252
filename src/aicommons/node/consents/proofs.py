"""What a person needs to take a consent back alone: its leaf, and the proof that it is in the posted tree.

The steward hands it out beside the receipt (``commons consent receipt --proof``). With it and the receipt's code anybody
can send the withdrawal to the ledger, whatever the steward does. Nothing in it says who the person is.
"""

import dataclasses
from typing import Self

from aicommons.domain import encoding, errors, fields, ids
from aicommons.protocol import consents as trees

KIND = "consent-proof"


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """A consent on the ledger."""

    place: encoding.Place
    """Chain and ConsentRegister."""
    leaf: trees.Leaf
    """The consent."""
    siblings: tuple[bytes, ...]
    """From the leaf up."""

    @property
    def root(self) -> bytes:
        """The root that it leads to."""
        return trees.proven_root(trees.leaf_hash(self.place, self.leaf), self.siblings)

    def encode(self) -> bytes:
        """Return it as canonical JSON."""
        leaf = self.leaf
        return encoding.canonical_json(
            {
                "type": KIND,
                "chain_id": self.place.chain_id,
                "contract": ids.format_id(self.place.contract),
                "dataset": leaf.dataset_id,
                "index": leaf.index,
                "commitment": ids.format_id(leaf.commitment),
                "holder": ids.format_id(leaf.holder),
                "guardian": ids.format_id(leaf.guardian),
                "guardianship": ids.format_id(leaf.guardianship),
                "majority": leaf.majority,
                "expiry": leaf.expiry,
                "siblings": [ids.format_id(node) for node in self.siblings],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it.

        Raises:
            errors.DecodeError: not such a file.
        """
        read = fields.Fields(encoding.parse_json(data.strip()), KIND, refused_with=errors.DecodeError)
        if (kind := read.text("type")) != KIND:
            raise errors.DecodeError("another kind of file", which=KIND, expected=KIND, got=kind)
        whole = fields.LARGEST_WHOLE - 1
        leaf = trees.Leaf(
            dataset_id=read.whole_within("dataset", 1, whole),
            index=read.whole_within("index", 0, whole),
            commitment=ids.parse_bytes32(read.text("commitment")),
            holder=ids.parse_address(read.text("holder")),
            guardian=ids.parse_address(read.text("guardian")),
            guardianship=ids.parse_bytes32(read.text("guardianship")),
            majority=read.whole_within("majority", 0, whole),
            expiry=read.whole_within("expiry", 0, whole),
        )
        place = encoding.Place(read.whole_within("chain_id", 1, whole), ids.parse_address(read.text("contract")))
        siblings = tuple(ids.parse_bytes32(each) for each in read.texts("siblings", most=trees.LONGEST_PROOF))
        read.close()
        return cls(place, leaf, siblings)
