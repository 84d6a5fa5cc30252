"""A consent as the register keeps it: the whole record, and beside it the few numbers that every round looks at.

Called by ``register``; a round that decides about 100,000 consents reads 180 bytes of each and no document.
"""

import dataclasses
import json
import struct
from typing import ClassVar, Self

from aicommons.domain import consents, encoding, ids
from aicommons.protocol import consents as trees
from aicommons.protocol import coverage


@dataclasses.dataclass(frozen=True, slots=True)
class Entered:
    """A consent as the register has it."""

    number: int
    """Its place among the dataset's."""
    record: consents.ConsentRecord
    """With its whole status history."""
    salt: bytes
    """Opens the commitment on the ledger, together with the record as given."""

    @property
    def commitment(self) -> bytes:
        """What stands on the ledger for it."""
        return self.record.commitment(self.salt)


@dataclasses.dataclass(frozen=True, slots=True)
class Brief:
    """What decisions and trees need of a consent."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32s20s20s32sQQQQII")

    commitment: bytes
    """Salted commitment to the record."""
    holder: ids.Address
    """Whose key withdraws on the ledger."""
    guardian: ids.Address
    """Whose key consented for a child, where an organisation attests to that on the ledger; else ``ids.NOBODY``."""
    guardianship: bytes
    """That attestation; else ``trees.NO_GUARDIANSHIP``."""
    leaf_majority: int
    """As the leaf says it: 0 where it names no guardian."""
    leaf_expiry: int
    """As the leaf says it: majority, where the leaf names no guardian of a child."""
    majority: int
    """When a child comes of age; 0 for an adult."""
    expiry: int
    """When the consent ends."""
    max_uses: int
    """How many runs may use it; 0 for any number."""
    terms: int
    """Place of its terms in the register's list."""

    @classmethod
    def of(cls, record: consents.ConsentRecord, commitment: bytes, code: ids.Address, terms: int) -> Self:
        """Return the brief of a consent; ``code`` is the address of its withdrawal code's key.

        A child's guardian stands in the leaf where an organisation attested to it on the ledger. Where only the steward
        saw the proof, the ledger sees a consent like any other, which is over at majority. Who has no key withdraws with
        the code's.
        """
        guardian = record.guardian
        limits = (record.majority or 0, record.expiry, record.max_uses or 0, terms)
        holder = code if record.holder is None else ids.parse_address(record.holder)
        nobody = (ids.NOBODY, trees.NO_GUARDIANSHIP, 0)
        if guardian is None or record.majority is None:
            return cls(commitment, holder, *nobody, record.expiry, *limits)
        own = code if guardian.account is None else ids.parse_address(guardian.account)
        if guardian.guardianship is None:
            return cls(commitment, own, *nobody, min(record.expiry, record.majority), *limits)
        return cls(commitment, holder, own, guardian.guardianship, record.majority, record.expiry, *limits)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return what ``encode`` wrote."""
        return cls(*cls.LAYOUT.unpack(data))

    def encode(self) -> bytes:
        """Return its fields in their order, little-endian."""
        return self.LAYOUT.pack(*(getattr(self, field.name) for field in dataclasses.fields(self)))

    def entry(self, number: int, tag: bytes) -> coverage.Entry:
        """Return what a decision needs."""
        attested = (self.guardianship, bytes(self.guardian)) if any(self.guardianship) else None
        return coverage.Entry(
            number, tag, self.terms, self.expiry, self.majority or None, attested, self.max_uses or None
        )

    def leaf(self, dataset: int, number: int) -> trees.Leaf:
        """Return its leaf."""
        return trees.Leaf(
            dataset,
            number,
            self.commitment,
            self.holder,
            self.guardian,
            self.guardianship,
            self.leaf_majority,
            self.leaf_expiry,
        )


def terms_of(record: consents.ConsentRecord) -> coverage.Terms:
    """Return what a consent says yes to."""
    scope = record.scope
    purposes, fields = frozenset(record.purposes), frozenset(scope.fields)
    return coverage.Terms(purposes, record.commercial, scope.problem, scope.grantee, fields)


def terms_bytes(terms: coverage.Terms) -> bytes:
    """Return terms as canonical JSON."""
    return encoding.canonical_json(
        {
            "purposes": sorted(terms.purposes),
            "commercial": terms.commercial,
            "problem": None if terms.problem is None else terms.problem.hex(),
            "grantee": terms.grantee,
            "fields": sorted(terms.fields),
        }
    )


def parse_terms(data: bytes) -> coverage.Terms:
    """Return what ``terms_bytes`` wrote."""
    body = json.loads(data)
    problem = None if body["problem"] is None else bytes.fromhex(body["problem"])
    purposes, fields = frozenset(body["purposes"]), frozenset(body["fields"])
    return coverage.Terms(purposes, body["commercial"], problem, body["grantee"], fields)
