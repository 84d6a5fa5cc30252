"""Documents: what is longer than a word, stored by content and anchored on the ledger by digest.

Each record knows its JSON form: ``encode`` gives canonical bytes, ``decode_*`` reads foreign bytes and refuses anything
it does not know. A document never holds records of data subjects. Cards, policies and receipts in full come with the
data owners' part; here is what a run needs.
"""

import dataclasses
from collections.abc import Mapping
from typing import Self, TypeVar

from aicommons.domain import encoding, errors, ids

MAX_DOCUMENT = encoding.MAX_DOCUMENT
"""Largest document, in bytes."""
MAX_TEXT = 20_000
"""Longest text field, in characters."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object being read: every field is taken once, by type, and what is left over is an error."""

    document: dict[str, object]
    """Fields not yet taken."""
    where: str
    """Which document this is, for messages."""

    @classmethod
    def open(cls, data: bytes, kind: str) -> Self:
        """Read canonical JSON bytes that claim to be a document of ``kind``, version 1.

        Raises:
            errors.DecodeError: not canonical JSON, or another kind or version.
        """
        parsed = encoding.parse_json(data)
        if not isinstance(parsed, dict):
            raise errors.DecodeError("not a document", which=kind, expected="a JSON object")
        fields = cls(dict(parsed), kind)
        if (got := fields.take("type", str)) != kind:
            raise errors.DecodeError("another kind of document", which=kind, expected=kind, got=got)
        if (version := fields.take("version", int)) != 1:
            raise errors.DecodeError("another version", which=kind, expected=1, got=version)
        return fields

    def take(self, name: str, kind: type[T]) -> T:
        """Return field ``name``, which must be there and be a ``kind``.

        Raises:
            errors.DecodeError: missing or of another type.
        """
        if name not in self.document:
            raise errors.DecodeError("a field is missing", which=f"{self.where}.{name}", expected=kind.__name__)
        value = self.document.pop(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise errors.DecodeError(
                "a field has another type",
                which=f"{self.where}.{name}",
                expected=kind.__name__,
                got=type(value).__name__,
            )
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise errors.DecodeError(
                "a text is too long", which=f"{self.where}.{name}", expected=f"<= {MAX_TEXT}", got=len(value)
            )
        return value

    def take_count(self, name: str) -> int:
        """Return field ``name``, which must be there and be a whole number from 0.

        Raises:
            errors.DecodeError: missing, of another type, or negative.
        """
        value = self.take(name, int)
        if value < 0:
            raise errors.DecodeError("out of range", which=f"{self.where}.{name}", expected="a number from 0")
        return value

    def take_optional(self, name: str, kind: type[T]) -> T | None:
        """Return field ``name``, which must be there and be a ``kind`` or null; raises like ``take``."""
        if name in self.document and self.document[name] is None:
            self.document.pop(name)
            return None
        return self.take(name, kind)

    def close(self) -> None:
        """Check that nothing is left.

        Raises:
            errors.DecodeError: unknown fields.
        """
        if self.document:
            raise errors.DecodeError("unknown fields", which=self.where, got=sorted(self.document))


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """A problem owner's statement."""

    KIND = "problem"
    title: str
    """One line."""
    affected: str
    """Who is affected and how they were involved."""
    decision: str
    """The decision that the model will support."""
    why_ai: str
    """Answer to "should this be AI at all?"."""
    sdg_targets: tuple[str, ...]
    """UN targets such as ``3.4``."""
    metric: str
    """``accuracy``, ``auc`` or ``r2``."""
    baseline: str
    """What is done or known today, in words."""

    def encode(self) -> bytes:
        """Return canonical bytes."""
        body = dataclasses.asdict(self) | {"sdg_targets": list(self.sdg_targets)}
        return encoding.canonical_json({"type": self.KIND, "version": 1} | body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises ``errors.DecodeError``."""
        fields = Fields.open(data, cls.KIND)
        texts = {name: fields.take(name, str) for name in ("title", "affected", "decision", "why_ai", "metric")}
        targets = texts_of(fields.take("sdg_targets", list), "problem.sdg_targets")
        document = cls(**texts, sdg_targets=targets, baseline=fields.take("baseline", str))
        fields.close()
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetCard:
    """The public description of a dataset that stays at its owner."""

    KIND = "dataset-card"
    title: str
    """One line."""
    site: str
    """Where the data is held, in words."""
    rows: int
    """Row count rounded down to tens."""
    schema: Mapping[str, object]
    """Declared columns, in the form of a plan's schema."""
    licence: str
    """SPDX expression or ``LicenseRef-…``."""
    minimum_cohort: int
    """Fewest rows with which this dataset takes part in anything."""
    known_gaps: str
    """What is missing or biased, in the owner's words."""

    def encode(self) -> bytes:
        """Return canonical bytes."""
        body = dataclasses.asdict(self) | {"schema": dict(self.schema)}
        return encoding.canonical_json({"type": self.KIND, "version": 1} | body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises ``errors.DecodeError``."""
        fields = Fields.open(data, cls.KIND)
        document = cls(
            title=fields.take("title", str),
            site=fields.take("site", str),
            rows=fields.take_count("rows"),
            schema=fields.take("schema", dict),
            licence=fields.take("licence", str),
            minimum_cohort=fields.take_count("minimum_cohort"),
            known_gaps=fields.take("known_gaps", str),
        )
        fields.close()
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A solver's learner and its configuration."""

    KIND = "plan"
    title: str
    """One line."""
    recipe: Mapping[str, object]
    """Learner, options and schema, as ``learning/recipe.py`` reads them."""
    leaves_site: str
    """What leaves a site, in words that its owner understands."""
    held_out_percent: int
    """Part of each site's rows (or groups) that only judges the model, in percent."""
    split_seed: int
    """Which rows those are, drawn by every site for itself."""
    group: str | None
    """Column whose equal values (one person, one farm) are never split, or ``None`` to split by row."""

    def encode(self) -> bytes:
        """Return canonical bytes."""
        body = dataclasses.asdict(self) | {"recipe": dict(self.recipe)}
        return encoding.canonical_json({"type": self.KIND, "version": 1} | body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises ``errors.DecodeError``."""
        fields = Fields.open(data, cls.KIND)
        document = cls(
            title=fields.take("title", str),
            recipe=fields.take("recipe", dict),
            leaves_site=fields.take("leaves_site", str),
            held_out_percent=fields.take("held_out_percent", int),
            split_seed=fields.take_count("split_seed"),
            group=fields.take_optional("group", str),
        )
        if not 0 < document.held_out_percent < 100:
            raise errors.DecodeError("out of range", which="plan.held_out_percent", expected="1 to 99")
        fields.close()
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Somebody besides the participants who may open the sums before release."""

    member_id: ids.MemberId
    """Problem owner or named auditor."""
    point: bytes
    """Its public point on edwards25519, 32 bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunTerms:
    """The long part of a run's terms; its digest is in the RunSpec."""

    KIND = "run-terms"
    purpose: str
    """Purpose code, such as ``DUO:0000007``; the RunSpec holds its hash."""
    readers: tuple[Reader, ...]
    """Readers besides the participants, ascending by member id."""
    retention_seconds: int
    """How long masked vectors and mask sums stay in the store after the result."""
    minimum_cohort: int
    """Fewest rows a site may bring."""
    privacy: str
    """What protects the sums themselves, in words; without DP it says "no DP"."""

    def encode(self) -> bytes:
        """Return canonical bytes."""
        readers = [{"member_id": reader.member_id, "point": reader.point.hex()} for reader in self.readers]
        body = dataclasses.asdict(self) | {"readers": readers}
        return encoding.canonical_json({"type": self.KIND, "version": 1} | body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises ``errors.DecodeError``."""
        fields = Fields.open(data, cls.KIND)
        readers = tuple(_reader(entry) for entry in fields.take("readers", list))
        if [reader.member_id for reader in readers] != sorted({reader.member_id for reader in readers}):
            raise errors.DecodeError("readers are not ascending and distinct", which="run-terms.readers")
        document = cls(
            purpose=fields.take("purpose", str),
            readers=readers,
            retention_seconds=fields.take_count("retention_seconds"),
            minimum_cohort=fields.take_count("minimum_cohort"),
            privacy=fields.take("privacy", str),
        )
        fields.close()
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class ModelCard:
    """What a run's model is for and how well it does; shares and lineage are on the ledger."""

    KIND = "model-card"
    run: str
    """Run id, ``0x…``."""
    title: str
    """One line."""
    not_for: str
    """What it must not be used for."""
    metrics: Mapping[str, object]
    """Secure-sum figures on the held-out rows of all sites together, as text with 6 digits."""
    rounds: int
    """Rounds that reached agreement."""
    participants: int
    """Members whose data is in the final state."""
    privacy: str
    """As in the run's terms."""

    def encode(self) -> bytes:
        """Return canonical bytes."""
        body = dataclasses.asdict(self) | {"metrics": dict(self.metrics)}
        return encoding.canonical_json({"type": self.KIND, "version": 1} | body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises ``errors.DecodeError``."""
        fields = Fields.open(data, cls.KIND)
        document = cls(
            run=fields.take("run", str),
            title=fields.take("title", str),
            not_for=fields.take("not_for", str),
            metrics=fields.take("metrics", dict),
            rounds=fields.take_count("rounds"),
            participants=fields.take_count("participants"),
            privacy=fields.take("privacy", str),
        )
        fields.close()
        return document


def texts_of(values: list[object], where: str) -> tuple[str, ...]:
    """Return ``values`` as texts.

    Raises:
        errors.DecodeError: one of them is not a text.
    """
    if not all(isinstance(value, str) for value in values):
        raise errors.DecodeError("not a list of texts", which=where)
    return tuple(str(value) for value in values)


def _reader(entry: object) -> Reader:
    if not isinstance(entry, dict):
        raise errors.DecodeError("not a reader", which="run-terms.readers", expected="an object")
    fields = Fields(dict(entry), "run-terms.readers")
    text = fields.take("point", str)
    reader = Reader(ids.MemberId(fields.take_count("member_id")), ids.parse_bytes32(text))
    if reader.point.hex() != text:
        raise errors.DecodeError("another spelling", which="run-terms.readers.point", expected="64 digits 0-9, a-f")
    fields.close()
    return reader


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """Who a member is; its digest stands in the membership."""

    title: str
    """Name of the organisation or person."""
    kind: str
    """``organisation`` or ``person``."""

    KIND = "profile"

    def encode(self) -> bytes:
        """Return canonical bytes."""
        return encoding.canonical_json({"type": self.KIND, "version": 1} | dataclasses.asdict(self))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes; raises ``errors.DecodeError``."""
        fields = Fields.open(data, cls.KIND)
        document = cls(title=fields.take("title", str), kind=fields.take("kind", str))
        fields.close()
        return document
