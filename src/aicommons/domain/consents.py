"""Consents of people: the private record, the receipt that the person takes home, and what a node notes of a round.

The fields follow ISO/IEC TS 27560 (consent records and receipts) in the words of DPV 2.3; ``domain/standards`` writes
them as such. A consent record never leaves its home unencrypted: the ledger gets a salted commitment to it. Called by
``node/consents``, by the command line and by the owner's page. Whether a consent covers a use is ``protocol``'s business.
"""

import calendar
import dataclasses
import datetime as dt
import enum
import hashlib

from aicommons.domain import documents, errors

RECORD_TAG = b"AI Commons consent record, version 1"
VECTOR_TAG = b"AI Commons plain vector, version 1"
WARD_TAG = b"AI Commons ward, version 1"


class Subject(enum.Enum):
    """Whose data it is."""

    ADULT = "dpv:Adult"
    CHILD = "dpv:Child"


class Basis(enum.Enum):
    """Legal basis of the use; others than consent need no register."""

    CONSENT = "dpv:Consent"
    INFORMED = "dpv:InformedConsent"
    EXPRESSED = "dpv:ExpressedConsent"
    EXPLICIT = "dpv:ExplicitlyExpressedConsent"


class Given(enum.Enum):
    """How a consent was given."""

    ON_PAPER = "on-paper"
    """To a steward, in person, with a signature on paper."""
    BY_KEY = "by-key"
    """By a message that the holder's or guardian's key signed."""
    BY_VOTE = "by-vote"
    """By the decision of a co-op or data trust that the person belongs to."""


class Status(enum.Enum):
    """What became of a consent; only the last one counts."""

    GIVEN = "dpv:ConsentGiven"
    RENEWED = "dpv:RenewedConsentGiven"
    """Confirmed again, by the ward at majority for one."""
    WITHDRAWN = "dpv:ConsentWithdrawn"
    """By the person or its guardian."""
    REVOKED = "dpv:ConsentRevoked"
    """By somebody else, such as the steward who finds that it was entered by mistake."""
    INVALIDATED = "dpv:ConsentInvalidated"
    """It never held: a guardian without authority, a forged signature."""
    UNKNOWN = "dpv:ConsentUnknown"
    """The register was restored from a backup, which may lack a withdrawal: it covers nothing until it is confirmed."""

    @property
    def is_live(self) -> bool:
        """Whether it still permits anything."""
        return self in (Status.GIVEN, Status.RENEWED)

    @property
    def is_over(self) -> bool:
        """Whether it is over for good: only a new consent permits anything again."""
        return not self.is_live and self is not Status.UNKNOWN


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One entry of a status history."""

    status: Status
    """What it became."""
    at: int
    """When, in seconds since 1970."""
    by: str
    """Who did it: ``holder``, ``guardian``, ``steward NAME`` or ``vote``."""
    evidence: bytes | None
    """SHA-256 of the paper, signature or vote behind it, where there is one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Guardian:
    """Who says yes or no for a child."""

    name: str
    """As on the paper."""
    relation: str
    """Such as ``mother`` or ``legal guardian``."""
    evidence: bytes
    """SHA-256 of what proves it, such as a scanned birth certificate or court order."""
    account: str | None
    """Address of its key (``0x…``), or ``None`` when it has none."""
    guardianship: bytes | None
    """Id of the attestation in ``Guardianships``, or ``None`` when the steward alone has seen the proof."""
    ward: bytes | None = None
    """``ward_commitment`` of the words and salt that the steward was given: shows that the attestation is for this child."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What a consent covers."""

    dataset: int
    """Dataset id."""
    fields: tuple[str, ...]
    """Columns that may be used; empty means all that the dataset's card declares."""
    problem: bytes | None
    """The only problem, 32 bytes, or ``None`` for any."""
    grantee: int | None
    """Member id of the only solver, or ``None`` for any."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentRecord(documents.Document):
    """One person's consent, as the steward keeps it; private."""

    KIND = "consent-record"
    record: bytes
    """Identifier, 32 random bytes."""
    tag: bytes
    """Who: HMAC-SHA256 of the person's key in the owner's table, under the register's secret."""
    subject: Subject
    """Adult or child."""
    majority: int | None
    """When a child comes of age, in seconds since 1970; ``None`` for an adult."""
    holder: str | None
    """Address of the person's own key (``0x…``), or ``None`` when it has none."""
    guardian: Guardian | None
    """Who consented for a child; ``None`` for an adult."""
    purposes: tuple[str, ...]
    """Purpose codes; each covers what is narrower."""
    commercial: bool
    """Whether commercial use is covered."""
    scope: Scope
    """Dataset, fields, problem and solver."""
    basis: Basis
    """Legal basis."""
    expiry: int
    """When it ends, in seconds since 1970."""
    max_uses: int | None
    """How many runs may use it, or ``None`` for any number."""
    given: Given
    """How it was given."""
    evidence: bytes
    """SHA-256 of the signed paper, of the signed message, or of the vote's proposal."""
    steward: str | None
    """Who entered it; ``None`` where the person did so alone."""
    controller: str
    """Who answers for the data, in words."""
    notice: bytes | None
    """SHA-256 of the information sheet that the person was given, if there was one."""
    language: str
    """Language of notice and receipt: ``en``, ``fr`` or ``sw``."""
    withdrawal: str
    """How it can be withdrawn, in words."""
    history: tuple[Change, ...]
    """From the first status to the last; the first one is how it was given."""

    def check(self) -> None:
        """Check that the parts hold together.

        Raises:
            errors.DecodeError: naming the field, never what is in it.
        """
        for field, holds, expected in self._rules():
            if not holds:
                raise errors.DecodeError(
                    "this consent does not hold together", which=f"{self.KIND}.{field}", expected=expected
                )

    def _rules(self) -> tuple[tuple[str, bool, str], ...]:
        is_child = self.subject is Subject.CHILD
        has_key = self.holder is not None or (self.guardian is not None and self.guardian.account is not None)
        times = [change.at for change in self.history]
        return (
            ("guardian", is_child == (self.guardian is not None), "a guardian for a child, and for a child only"),
            ("guardian.evidence", self.guardian is None or any(self.guardian.evidence), "the proof of guardianship"),
            ("majority", is_child == (self.majority is not None), "a date for a child, and for a child only"),
            ("purposes", bool(self.purposes) and _are_distinct(self.purposes), "at least one, each once"),
            ("scope.fields", _are_distinct(self.scope.fields), "each field once"),
            ("scope.dataset", self.scope.dataset > 0, "a dataset"),
            ("max_uses", self.max_uses != 0, "at least one use"),
            ("history", bool(times) and times == sorted(times), "at least one status, in order of time"),
            ("history", self.history[:1] != () and self.history[0].status is Status.GIVEN, "to begin with given"),
            ("expiry", bool(times) and self.expiry > times[0], "a time after it was given"),
            ("evidence", any(self.evidence), "the digest of what was signed"),
            ("steward", self.given is not Given.ON_PAPER or self.steward is not None, "who took the paper"),
            ("holder", self.given is not Given.BY_KEY or has_key, "the key that signed"),
        )

    @property
    def status(self) -> Status:
        """What it is now."""
        return self.history[-1].status

    @property
    def as_given(self) -> "ConsentRecord":
        """The record without what happened later: what the ledger's commitment stands for."""
        return dataclasses.replace(self, history=self.history[:1])

    def commitment(self, salt: bytes) -> bytes:
        """Return the salted commitment that stands on the ledger: 32 bytes; ``salt`` is 32 random bytes."""
        return commitment_of(salt, self.as_given.encode())


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt(documents.Document):
    """What the person takes home."""

    KIND = "consent-receipt"
    record: bytes
    """Identifier of the consent record."""
    number: int
    """Its place in the dataset's register."""
    dataset: int
    """Dataset id."""
    title: str
    """The dataset's title."""
    controller: str
    """Who answers for the data, in words."""
    subject: Subject
    """Adult or child."""
    purposes: tuple[str, ...]
    """Purpose codes."""
    commercial: bool
    """Whether commercial use is covered."""
    fields: tuple[str, ...]
    """Columns covered; empty means all that the dataset's card declares."""
    given: Given
    """How it was given."""
    given_at: int
    """When, in seconds since 1970."""
    expiry: int
    """When it ends, in seconds since 1970."""
    majority: int | None
    """When a child comes of age and is asked, in seconds since 1970."""
    max_uses: int | None
    """How many runs may use it, or ``None`` for any number."""
    steward: str | None
    """Who entered it."""
    withdrawal: str
    """How it can be withdrawn, in words."""
    language: str
    """Language it is printed in: ``en``, ``fr`` or ``sw``."""
    commitment: bytes
    """What stands on the ledger for it."""
    salt: bytes
    """Opens the commitment together with the record."""
    code: str
    """Withdrawal code: whoever shows it may withdraw. The register keeps only its hash."""


@dataclasses.dataclass(frozen=True, slots=True)
class RowsRecord(documents.Document):
    """Whose rows went into one contribution; kept at the node, its digest stands in the contribution's header."""

    KIND = "rows-record"
    run: bytes
    """Run id."""
    round_index: int
    """From 0."""
    attempt: int
    """From 0, within the round."""
    sid: bytes
    """Session that the contribution was made for."""
    dataset: int
    """Dataset id."""
    dataset_version: int
    """Its version at enrolment."""
    root: bytes
    """The register's root as the ledger showed it."""
    status: bytes
    """The status list's root as the ledger showed it."""
    block: int
    """Number of the block up to which the ledger was read."""
    time: int
    """Block time for which consents were looked up, in seconds since 1970."""
    people: bytes
    """Merkle root over the salted tags of everybody whose rows are in."""
    persons: int
    """How many people that are."""
    rows: int
    """How many rows they have in it."""
    held_back: int
    """People whose consent is live but whose rows were held back, so that no difference of two sums shows a few."""
    vector: bytes
    """Salted digest of the plain encoded vector."""
    salt: bytes
    """32 random bytes for ``people`` and ``vector``."""

    @property
    def digest(self) -> bytes:
        """What stands in the header: SHA-256 of the encoded record, 32 bytes."""
        return hashlib.sha256(self.encode()).digest()


def commitment_of(salt: bytes, given: bytes) -> bytes:
    """Return the salted commitment to an encoded record as given: 32 bytes."""
    return hashlib.sha256(RECORD_TAG + salt + given).digest()


def ward_commitment(salt: bytes, ward: str) -> bytes:
    """Return the salted commitment to who a child is, as an attestation of guardianship has it: 32 bytes.

    Args:
        salt: 32 random bytes, which the attester keeps.
        ward: who the child is in words, such as name and day of birth; spaces around it do not count.
    """
    return hashlib.sha256(WARD_TAG + salt + ward.strip().encode()).digest()


def vector_digest(salt: bytes, vector: memoryview) -> bytes:
    """Return the salted digest of a plain encoded vector: 32 bytes, which tell nothing to whoever has not the salt."""
    digest = hashlib.sha256(VECTOR_TAG + salt)
    digest.update(vector)
    return digest.digest()


def coming_of_age(born: str, years: int) -> int:
    """Return when somebody comes of age, in seconds since 1970: midnight UTC of the birthday.

    Who was born on 29 February comes of age on 28 February: a guardian's word rather ends a day early than a day late.

    Args:
        born: date as ``YYYY-MM-DD``.
        years: age of majority.

    Raises:
        errors.InputError: no such date.
    """
    try:
        day = dt.date.fromisoformat(born)
        leap = (day.month, day.day) == (2, 29) and not calendar.isleap(day.year + years)
        birthday = day.replace(year=day.year + years, day=28 if leap else day.day)
    except ValueError as err:
        raise errors.InputError("not a date", which="born", expected="YYYY-MM-DD", got="another text") from err
    return calendar.timegm(birthday.timetuple())


def _are_distinct(names: tuple[str, ...]) -> bool:
    return len(set(names)) == len(names)
