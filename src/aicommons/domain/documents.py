"""Documents: what is longer than a word, stored by content and anchored on the ledger by digest.

A document is a record whose fields say how they are read: ``encode`` gives canonical bytes, ``decode`` reads foreign
bytes and refuses anything it does not know. How a field is read follows from its type alone (``_reader_of``), so that a
new kind of document is a new record and nothing else. A document never holds records of data subjects. Here is what a
run needs; cards, policies and consents have modules of their own.
"""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from aicommons.domain import encoding, errors, fields, ids, licences, schema, vocabulary

MAX_TEXT = 20_000
"""Longest text field, in characters."""
MAX_ITEMS = 10_000
"""Longest list."""
MAX_COUNT = 2**53 - 1
"""Largest whole number that every JSON reader takes exactly."""


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One canonical JSON object: its kind as ``type``, its ``version``, and the record's fields by name."""

    KIND: ClassVar[str]

    def encode(self) -> bytes:
        """Return canonical bytes."""
        return encoding.canonical_json({"type": self.KIND, "version": 1} | _body(self))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read canonical bytes.

        Raises:
            errors.DecodeError: not canonical JSON, another kind or version, or a field that is missing, unknown or wrong.
        """
        reader = fields.Fields(encoding.parse_json(data), cls.KIND, refused_with=errors.DecodeError)
        if (kind := reader.text("type")) != cls.KIND:
            raise errors.DecodeError("another kind of document", which=cls.KIND, expected=cls.KIND, got=kind)
        if (version := reader.whole_within("version", 0, MAX_COUNT)) != 1:
            raise errors.DecodeError("another version", which=cls.KIND, expected=1, got=version)
        document: Self = _read(cls, reader)
        document.check()
        return document

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """Return what a person may leave out, as it is written in JSON: the fields that have a default."""
        given = {each.name: each.default for each in dataclasses.fields(cls) if each.default is not dataclasses.MISSING}
        return {name: _plain(value) for name, value in given.items()}

    def check(self) -> None:
        """Check what the fields' types do not say.

        Raises:
            errors.DecodeError: a value out of range.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Needs:
    """Data that a problem needs, wherever it is."""

    columns: Mapping[str, object]
    """In the form of a plan's schema."""
    minimum_cohort: int = 0
    """Fewest rows at each site that are worth a seat."""
    countries: tuple[str, ...] = ()
    """Where the data must come from, by ISO 3166-1; empty for anywhere."""

    def read(self) -> schema.Schema:
        """Return the columns as a schema; raises ``errors.InputError``."""
        return schema.from_document(self.columns)

    def check(self) -> None:
        """Check columns and countries; raises ``errors.DecodeError``."""
        for code in self.countries:
            vocabulary.check_country(code, "problem.needs.countries")
        try:
            self.read()
        except errors.InputError as err:
            raise errors.DecodeError(
                err.message, which=f"problem.needs: {err.which}", expected=err.expected, got=err.got
            ) from err


@dataclasses.dataclass(frozen=True, slots=True)
class Problem(Document):
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
    """``accuracy``, ``auc``, ``concordance`` or ``r2``."""
    baseline: str
    """What is done or known today, in words."""
    purpose: str | None = None
    """What data is wanted for, such as ``DUO:0000007``; without it no dataset is proposed."""
    commercial: bool = False
    """Whether anybody may gain money by the model."""
    needs: Needs | None = None
    """Data that would serve; without it no dataset is proposed."""
    action_lines: tuple[str, ...] = ()
    """Lines of the WSIS plan of action, such as ``C7.E-health``."""

    def check(self) -> None:
        """Check the data that is asked for; raises ``errors.DecodeError``."""
        if self.needs is not None:
            self.needs.check()


@dataclasses.dataclass(frozen=True, slots=True)
class Plan(Document):
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

    def check(self) -> None:
        """Check that something is held out and something is left; raises ``errors.DecodeError``."""
        if not 0 <= self.held_out_percent < 100:
            raise errors.DecodeError("out of range", which="plan.held_out_percent", expected="0 to 99")


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Somebody besides the participants who may open the sums before release."""

    member_id: ids.MemberId
    """Problem owner or named auditor."""
    point: bytes
    """Its public point on edwards25519, 32 bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunTerms(Document):
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
    licence: str | None = None
    """Licence that the model will have, as ``licences`` reads it, or ``None`` when nobody says."""
    duties: tuple[licences.Duty, ...] = ()
    """What the solver takes upon itself towards those who hold the data."""

    def check(self) -> None:
        """Check that the readers have one order and no duty stands twice; raises ``errors.DecodeError``."""
        if len(set(self.duties)) != len(self.duties):
            raise errors.DecodeError("something is named twice", which="run-terms.duties", expected="each duty once")
        members = [reader.member_id for reader in self.readers]
        if members != sorted(set(members)):
            raise errors.DecodeError("readers are not ascending and distinct", which="run-terms.readers")


@dataclasses.dataclass(frozen=True, slots=True)
class ModelCard(Document):
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
    """Members whose data is in a sum of the run, also those that left since."""
    privacy: str
    """As in the run's terms."""


def _body(record: Any) -> dict[str, object]:
    """Return a record's fields as JSON-able values."""
    return {each.name: _plain(getattr(record, each.name)) for each in dataclasses.fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return _body(value) if dataclasses.is_dataclass(value) else value


FieldReader = Callable[[fields.Fields, str], object]


def _read(kind: Any, reader: fields.Fields) -> Any:
    """Return a record of ``kind``, each field read as its type says; raises ``errors.DecodeError``."""
    kinds: dict[str, Any] = {each.name: each.type for each in dataclasses.fields(kind)}
    values = {name: _reader_of(expected)(reader, name) for name, expected in kinds.items()}
    reader.close()
    return kind(**values)


@functools.cache
def _reader_of(kind: Any) -> FieldReader:
    """Return what reads a field of type ``kind``: counts from 0, byte strings as the hexadecimal digits of 32 bytes."""
    if kind in READ_AS:
        return READ_AS[kind]
    if typing.get_origin(kind) in (types.UnionType, typing.Union):  # the latter where one side is a NewType
        (given,) = (each for each in typing.get_args(kind) if each is not types.NoneType)
        return functools.partial(_optional, _reader_of(given))
    if typing.get_origin(kind) is tuple:
        return functools.partial(_records, typing.get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return lambda reader, name: reader.one_of(name, kind)
    if dataclasses.is_dataclass(kind):
        return lambda reader, name: _nested(kind, reader.value(name), reader.label(name))
    raise TypeError(f"documents have no fields of type {kind}")


def _text(reader: fields.Fields, name: str) -> str:
    return reader.text(name, least=0, most=MAX_TEXT)


def _count(reader: fields.Fields, name: str) -> int:
    return reader.whole_within(name, 0, MAX_COUNT)


def _optional(given: FieldReader, reader: fields.Fields, name: str) -> object:
    return None if reader.value(name) is None else given(reader, name)


def _records(kind: Any, reader: fields.Fields, name: str) -> tuple[Any, ...]:
    items = reader.items(name, most=MAX_ITEMS)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(
            fields.Fields({name: item}, reader.label(name), refused_with=errors.DecodeError).one_of(name, kind)
            for item in items
        )
    return tuple(_nested(kind, item, f"{reader.label(name)}[{index}]") for index, item in enumerate(items))


def _nested(kind: Any, value: object, which: str) -> Any:
    return _read(kind, fields.Fields(value, which, refused_with=errors.DecodeError))


READ_AS: Mapping[object, FieldReader] = {
    str: _text,
    int: _count,
    ids.MemberId: _count,
    bool: fields.Fields.flag,
    float: fields.Fields.number,
    bytes: fields.Fields.words,
    tuple[str, ...]: lambda reader, name: reader.texts(name, most=MAX_ITEMS),
    Mapping[str, object]: fields.Fields.mapping,
}
"""Type of a field -> how it is read; records, enums, tuples of them and ``| None`` follow from these."""
