"""Cards: what the commons may know about a dataset that stays at its owner.

A person confirms a card before it is published; ``data/describing`` drafts it from the table, ``domain/standards`` turns
it into other catalogues' formats, ``data/mock`` makes rows from it. A card holds declarations and rounded counts, never
a value that belongs to one record. Which file the table is, and who may use it, are kept elsewhere.
"""

import dataclasses
import enum
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from aicommons.domain import documents, errors, fields, licences, schema

LONGEST_LINE = 200
"""Characters of a title or of a field's name."""
COUNTRY = re.compile("[A-Z]{2}")
WHEN = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
"""A year, a month or a day as ISO 8601 writes them."""
FULL_PERCENT = 100
SEEN_OR_NOT = 2
"""Levels of the column that says whether an event was seen."""


class FieldType(enum.Enum):
    """What a column's cells are."""

    INTEGER = "integer"
    """A whole number within the declared range."""
    NUMBER = "number"
    """A number within the declared range."""
    CATEGORY = "category"
    """One of the declared levels."""
    DATE = "date"
    """A day, written YYYY-MM-DD; its range is given in years."""
    TEXT = "text"
    """Words that are not learned from."""


class Role(enum.Enum):
    """What a column is for."""

    FEATURE = "feature"
    """May be learned from."""
    TARGET = "target"
    """What the owner thinks is worth predicting: one column, or a time and then whether its event was seen."""
    KEY = "key"
    """Names a person or binds rows together; used at the site only, for consent and for splitting."""
    CONTEXT = "context"
    """Described, but not offered to a plan."""


OFFERED = (Role.FEATURE, Role.TARGET)
"""What a plan may learn from."""


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One column of the table, as its owner declares it."""

    name: str
    """Column name in the owner's table."""
    type: FieldType
    """What its cells are."""
    role: Role = Role.FEATURE
    """What it is for."""
    description: str | None = None
    """What it means, in words."""
    unit: str | None = None
    """Unit of a number, in UCUM or in words."""
    lo: float | None = None
    """Smallest allowed number, for a date the first year; absent where nothing is said."""
    hi: float | None = None
    """Largest allowed number, for a date the last year."""
    levels: tuple[str, ...] | None = None
    """All values that a category may have."""
    missing_percent: int | None = None
    """Cells without a value, rounded to 5 percent; absent when too few rows are on one side to say it."""

    @property
    def is_number(self) -> bool:
        """Whether its cells are numbers."""
        return self.type in (FieldType.INTEGER, FieldType.NUMBER)


@dataclasses.dataclass(frozen=True, slots=True)
class TimeSpan:
    """When the records were made."""

    first: str
    """First year, month or day: ``1981``, ``1981-05`` or ``1981-05-17``."""
    last: str
    """Last one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Annotation:
    """Who wrote labels into the data."""

    annotators: str
    """Who they were, how many, and how they were instructed."""
    pay: str
    """What they were paid."""


@dataclasses.dataclass(frozen=True, slots=True)
class QualityCount:
    """How many rows have a fault that the owner knows and keeps."""

    fault: str
    """Kind of fault, as the check names it, such as ``type-error``."""
    field: str | None
    """Column, or absent when it concerns the row."""
    rows: int
    """Rows, rounded up to tens; never fewer than the minimum cohort."""


@dataclasses.dataclass(frozen=True, slots=True)
class Override:
    """A warning that a person set aside, and why."""

    check: str
    """What had warned: ``identifiers``, ``faults`` or ``anonymity``."""
    field: str | None
    """Column, or absent when it concerns the table."""
    reason: str
    """The person's reason."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenTable:
    """A table that anybody may download: it lies in the store under its digest."""

    digest: bytes
    """SHA-256 of the file, 32 bytes."""
    size: int
    """Bytes."""
    media_type: str
    """Such as ``text/csv``."""
    attribution: str
    """Whom users must name, and how."""
    quasi_identifiers: tuple[str, ...]
    """Columns by which somebody could be recognised together with other knowledge; none if rows are not about people."""
    k: int | None
    """Every row is equal in those columns to at least k - 1 others; absent where there are none of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetCard(documents.Document):
    """The public description of a dataset that stays at its owner, or of an open one."""

    KIND = "dataset-card"
    title: str
    """One line."""
    site: str
    """Where the data is held, in words."""
    rows: int
    """Row count rounded down to tens."""
    schema: Mapping[str, object]
    """What a plan may learn from, in the form of a plan's schema; empty when no column is declared as target."""
    licence: str
    """SPDX expression or ``LicenseRef-…``, as ``licences`` reads it."""
    minimum_cohort: int
    """Fewest rows with which this dataset takes part in anything."""
    known_gaps: str
    """What is missing, in the owner's words."""
    fields: tuple[Field, ...] = ()
    """The columns as their owner declares them; empty when only the schema is declared."""
    description: str | None = None
    """What the dataset is, in a few sentences."""
    holder: str | None = None
    """Organisation that holds it."""
    stewards: tuple[str, ...] = ()
    """Who answers questions about it."""
    countries: tuple[str, ...] = ()
    """Where it was collected, as ISO 3166 codes of two letters."""
    time_span: TimeSpan | None = None
    """When its records were made."""
    collection: str | None = None
    """How it was collected."""
    consent_basis: str | None = None
    """On what basis it is held and used: consent, law, contract, in words."""
    biases: str | None = None
    """Who or what is over- or under-represented, in the owner's words."""
    sensitive: tuple[str, ...] = ()
    """Kinds of sensitive information about people, such as ``health``; empty when there is none."""
    sdg_targets: tuple[str, ...] = ()
    """UN goals or targets that it can serve, such as ``3.4``."""
    annotation: Annotation | None = None
    """Who labelled it and for what pay; absent when nobody did."""
    policy: bytes | None = None
    """Digest of its use policy, 32 bytes; absent where only consents say what is permitted."""
    quality: tuple[QualityCount, ...] = ()
    """Faults that are known and kept."""
    overrides: tuple[Override, ...] = ()
    """Warnings that a person set aside before publishing."""
    dataset_version: int = 1
    """1 for the first card of a dataset, one more for each that follows it."""
    open_table: OpenTable | None = None
    """The table itself, when it is open; absent for data that stays at its owner."""

    def check(self) -> None:
        """Check the card as a whole; raises ``errors.DecodeError`` naming the field."""
        _check_names(self.fields)
        for place, field in enumerate(self.fields):
            _check_field(field, f"{self.KIND}.fields[{place}] ({field.name[:40]})")
        _check_schema(self)
        _check_licence(self.licence)
        if wrong := [code for code in self.countries if not COUNTRY.fullmatch(code)]:
            raise _refused("countries", "codes of two capital letters (ISO 3166)", repr(wrong[0][:10]))
        if self.dataset_version < 1:
            raise _refused("dataset_version", "at least 1", self.dataset_version)
        if self.time_span is not None:
            _check_span(self.time_span)
        if any(each.rows < self.minimum_cohort for each in self.quality):
            raise _refused("quality", f"at least the minimum cohort of {self.minimum_cohort} rows", "fewer")

    @property
    def keys(self) -> frozenset[str]:
        """Names of the columns that are used at the site only."""
        return frozenset(field.name for field in self.fields if field.role is Role.KEY)

    @property
    def declared(self) -> tuple[Field, ...]:
        """All columns, from the schema where the card lists none; raises ``errors.InputError`` for a broken schema."""
        return self.fields or (fields_of(schema.from_document(self.schema)) if self.schema else ())

    @property
    def offered(self) -> tuple[Field, ...]:
        """Columns that a plan may learn from; raises like ``declared``."""
        return tuple(field for field in self.declared if field.role in OFFERED)


def plan_schema(declared: Sequence[Field]) -> dict[str, object]:
    """Return what a plan may learn from in ``declared``, as a plan's schema writes it; empty without target or feature.

    Raises:
        errors.InputError: as ``schema.Schema``: a range or list of levels that no plan can use.
    """
    targets = [field for field in declared if field.role is Role.TARGET]
    features = [_feature(field) for field in declared if field.role is Role.FEATURE and _is_learnable(field)]
    if len(targets) > 2 or not features:
        return {}
    return schema.to_document(schema.Schema(tuple(features), _target(targets)))


def fields_of(declared: schema.Schema) -> tuple[Field, ...]:
    """Return the columns of a plan's schema as a card declares them."""
    features = tuple(
        Field(each.name, _type_of(each.levels), lo=each.lo, hi=each.hi, levels=each.levels)
        for each in declared.features
    )
    outcomes = tuple(
        Field(each.name, _type_of(each.labels), Role.TARGET, lo=each.lo, hi=each.hi, levels=each.labels)
        for each in declared.outcomes
    )
    return (*features, *outcomes)


def _type_of(levels: tuple[str, ...] | None) -> FieldType:
    return FieldType.NUMBER if levels is None else FieldType.CATEGORY


def _is_learnable(field: Field) -> bool:
    return field.levels is not None or (field.is_number and field.lo is not None and field.hi is not None)


def _feature(field: Field) -> schema.Feature:
    if field.levels is not None:
        return schema.category(field.name, field.levels)
    return schema.Feature(field.name, schema.Kind.NUMERIC, field.lo, field.hi)


def _target(fields: Sequence[Field]) -> schema.Target | None:
    """Return what the target columns are together: nothing, one column, or a time and whether its event was seen."""
    if not fields:
        return None
    field, *events = fields
    if events:
        return schema.Target(schema.Task.SURVIVAL, field.name, lo=field.lo, hi=field.hi, event=_feature(events[0]))
    if field.levels is None:
        return schema.Target(schema.Task.GAUSSIAN, field.name, lo=field.lo, hi=field.hi)
    task = schema.Task.BINOMIAL if len(field.levels) == 2 else schema.Task.MULTINOMIAL
    return schema.Target(task, field.name, classes=field.levels)


def _is_same_schema(said: Mapping[str, object], derived: Mapping[str, object]) -> bool:
    return all(said.get(part) == derived.get(part) for part in ("features", "target"))


def _check_schema(card: DatasetCard) -> None:
    if not (card.fields and card.schema):
        return
    try:
        derived = plan_schema(card.fields)
    except errors.InputError as err:
        raise errors.DecodeError(
            err.message, which=f"{card.KIND}.fields: {err.which}", expected=err.expected, got=err.got
        ) from err
    if not _is_same_schema(card.schema, derived):
        raise _refused("schema", "what the fields say", "something else")


def _check_licence(text: str) -> None:
    try:
        licences.parse(text)
    except errors.InputError as err:
        raise errors.DecodeError(
            err.message, which=f"{DatasetCard.KIND}.licence: {err.which}", expected=err.expected, got=err.got,
            next_step="see `commons policy licences`",
        ) from err  # fmt: skip


def _check_names(declared: Iterable[Field]) -> None:
    seen: set[str] = set()
    targets = []
    for field in declared:
        if field.name in seen:
            raise _refused("fields", "each column once", f"{field.name[:40]} twice")
        seen.add(field.name)
        targets += [field] if field.role is Role.TARGET else []
    if len(targets) > 1 and not _is_time_and_event(targets):
        expected = (
            "one target at most, or a time from 0 and then a category of two levels, the second for its event seen"
        )
        raise _refused("fields", expected, f"{len(targets)} targets")


def _is_time_and_event(targets: Sequence[Field]) -> bool:
    time, event, *others = targets
    return (
        not others and time.is_number and (time.lo is None or time.lo >= 0.0) and len(event.levels or ()) == SEEN_OR_NOT
    )


def _check_field(field: Field, which: str) -> None:
    if not fields.is_text(field.name, 1, LONGEST_LINE) or field.name != field.name.strip():
        raise errors.DecodeError("a field has a bad name", which=which, expected=f"1 to {LONGEST_LINE} characters")
    _check_range(field, which)
    if (field.levels is not None) != (field.type is FieldType.CATEGORY):
        raise errors.DecodeError("levels are wrong", which=which, expected="levels for a category and for nothing else")
    if field.levels is not None and (not field.levels or len(set(field.levels)) != len(field.levels)):
        raise errors.DecodeError("levels are wrong", which=which, expected="at least one level, each once")
    if field.role is Role.TARGET and not _is_learnable(field):
        raise errors.DecodeError("this column cannot be a target", which=which, expected="levels, or a number's range")
    if field.role is Role.TARGET and len(field.levels or ("", "")) < 2:
        raise errors.DecodeError("this column cannot be a target", which=which, expected="at least 2 levels")
    if field.missing_percent is not None and field.missing_percent > FULL_PERCENT:
        raise errors.DecodeError("out of range", which=f"{which}.missing_percent", expected="0 to 100")


def _check_range(field: Field, which: str) -> None:
    if field.lo is None and field.hi is None:
        return
    if field.type not in (FieldType.INTEGER, FieldType.NUMBER, FieldType.DATE):
        raise errors.DecodeError("a range is wrong", which=which, expected="lo and hi for numbers and dates only")
    lowest, highest = field.lo, field.hi
    if lowest is None or highest is None or not math.isfinite(highest - lowest):
        raise errors.DecodeError("a range is wrong", which=which, expected="both lo and hi")
    if lowest > highest or (lowest == highest and field.is_number):
        raise errors.DecodeError("a range is wrong", which=which, expected="lo below hi", got=f"{lowest} and {highest}")


def _check_span(span: TimeSpan) -> None:
    if not (WHEN.fullmatch(span.first) and WHEN.fullmatch(span.last)):
        raise _refused("time_span", "years, months or days as 1981, 1981-05 or 1981-05-17", "another form")
    if span.first > span.last and not span.first.startswith(span.last):
        raise _refused("time_span", "first before last", f"{span.first} and {span.last}")


def _refused(name: str, expected: object, got: object) -> errors.DecodeError:
    return errors.DecodeError(
        "a field has a wrong value", which=f"{DatasetCard.KIND}.{name}", expected=expected, got=got
    )
