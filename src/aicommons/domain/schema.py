"""The columns that a plan expects and a dataset's card declares: kinds, ranges, levels, and what is predicted.

A ``Schema`` is public: it is part of the plan, and every bound in ``learning/`` that must not depend on anybody's data
(block caps, standardisation) comes from its declared ranges. ``data/`` reads and drafts tables by it, ``learning/``
computes by it, and everybody who builds or shows a plan has it. Records of data subjects are never in it.

Categories become one column of 0 or 1 per level, for *all* levels: with a ridge penalty no reference level has to be
dropped, and the coefficients do not depend on which level comes first. A reference level can still be had by declaring
numeric 0/1 columns. Numeric features outside their declared range are refused, never clipped.
"""

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence

from aicommons.domain import errors, fields

MOST_FEATURES = 10_000
"""More belong into a sparse or hashed representation, which these learners do not have."""
MOST_LEVELS = 1_000
"""Per category and per target: identifiers and free text are caught by it."""
LONGEST_NAME = 200
"""Characters of a column, level or class name."""


class Kind(enum.Enum):
    """What a feature's values are."""

    NUMERIC = "numeric"
    """A number within the declared range."""
    CATEGORY = "category"
    """One of the declared levels."""


class Task(enum.Enum):
    """What is predicted."""

    BINOMIAL = "binomial"
    """One of two classes."""
    GAUSSIAN = "gaussian"
    """A number."""
    MULTINOMIAL = "multinomial"
    """One of several classes."""
    POISSON = "poisson"
    """How often something happened: a whole number from 0."""
    SURVIVAL = "survival"
    """The time until an event, or until nobody looked any more."""


NUMBERS = frozenset({Task.GAUSSIAN, Task.POISSON, Task.SURVIVAL})
"""Tasks whose target is a number with a range; that of the others has classes."""


class Missing(enum.Enum):
    """What happens to a row in which a feature has no value; the same at every site, because the plan says it."""

    DROP = "drop"
    """The row is left out and counted."""
    FILL = "fill"
    """A gap becomes the mean over the present values of all sites, a missing category no level at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
    """One input; make it with ``numeric`` or ``category``."""

    name: str
    """Column name in the owner's table."""
    kind: Kind
    """Numeric or category."""
    lo: float | None = None
    """Smallest value, in the column's unit; None for a category."""
    hi: float | None = None
    """Largest value, in the column's unit; None for a category."""
    levels: tuple[str, ...] | None = None
    """All values that may occur, in column order; None for a number."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            errors.InputError: a bad name, range or list of levels.
        """
        which = f"feature {self.name[:LONGEST_NAME]}"
        _check_name(self.name, "feature")
        if self.kind is Kind.NUMERIC:
            _check_range(self.lo, self.hi, which)
            if self.levels is not None:
                raise errors.InputError("a numeric feature has no levels", which=which, expected="lo and hi")
        else:
            _check_labels(self.levels, which, least=1)
            if self.lo is not None or self.hi is not None:
                raise errors.InputError("a category has no range", which=which, expected="levels")

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Its levels, or None for a number."""
        return self.levels

    def columns(self) -> tuple["Column", ...]:
        """Return the table columns that this feature fills, in order."""
        if self.levels is not None:
            return tuple(Column(f"{self.name}={level}", 0.0, 1.0) for level in self.levels)
        if self.lo is None or self.hi is None:
            raise errors.InputError("a numeric feature needs lo and hi", which=f"feature {self.name}")
        return (Column(self.name, self.lo, self.hi),)


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One float64 column of a table, as every site and reader computes it from the schema."""

    name: str
    """The feature's name, for a category with ``=level``."""
    lo: float
    """Smallest declared value."""
    hi: float
    """Largest declared value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What is predicted."""

    task: Task
    """Two classes, a number, or several classes."""
    name: str
    """Column name in the owner's table."""
    classes: tuple[str, ...] | None = None
    """Labels in class-index order (two for binomial); None for a number. The second binomial class is "positive"."""
    lo: float | None = None
    """Smallest value, in the column's unit; None for classes."""
    hi: float | None = None
    """Largest value, in the column's unit; None for classes."""
    event: Feature | None = None
    """With a survival task: the column that says whether the event was seen (its second level) or not; else None."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            errors.InputError: a bad name, range or list of classes; an event without a time, or the other way round.
        """
        which = f"target {self.name[:LONGEST_NAME]}"
        _check_name(self.name, "target")
        _check_event(self, which)
        if self.task in NUMBERS:
            _check_range(self.lo, self.hi, which)
            if self.task is not Task.GAUSSIAN and self.lo is not None and self.lo < 0.0:
                raise errors.InputError("this kind of target is never negative", which=which, expected="lo from 0")
            if self.classes is not None:
                raise errors.InputError("a number has no classes", which=which, expected="lo and hi")
            return
        labels = _check_labels(self.classes, which, least=2)
        if self.task is Task.BINOMIAL and len(labels) != 2:
            raise errors.InputError("a binomial target has two classes", which=which, expected=2, got=len(labels))
        if self.lo is not None or self.hi is not None:
            raise errors.InputError("classes have no range", which=which, expected="classes")

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Its classes, or None for a number."""
        return self.classes

    def column(self) -> Column:
        """Return the target as a bounded column: its range, or 0 to the last class index."""
        if self.classes is not None:
            return Column(self.name, 0.0, float(len(self.classes) - 1))
        if self.lo is None or self.hi is None:
            raise errors.InputError("a numeric target needs lo and hi", which=f"target {self.name}")
        return Column(self.name, self.lo, self.hi)


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """The columns a plan expects, in order."""

    features: tuple[Feature, ...]
    """Inputs."""
    target: Target | None
    """What is predicted; ``None`` for a plan that describes or groups rows and predicts nothing."""
    missing: Missing = Missing.DROP
    """What happens to a row with a gap in a feature; a row without a target is always left out."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            errors.InputError: no features, too many, or a name used twice.
        """
        if not 1 <= len(self.features) <= MOST_FEATURES:
            raise errors.InputError(
                "a schema has a wrong number of features",
                which="schema",
                expected=f"1 to {MOST_FEATURES}",
                got=len(self.features),
            )
        seen: set[str] = set()
        for declared in (*self.outcomes, *self.features):
            if declared.name in seen:
                raise errors.InputError("a column is named twice", which=f"feature {declared.name}", expected="once")
            seen.add(declared.name)

    @property
    def task(self) -> Task | None:
        """What is predicted; ``None`` where nothing is."""
        return None if self.target is None else self.target.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of the target in class-index order; none where it is a number, or nothing is predicted."""
        return () if self.target is None or self.target.classes is None else self.target.classes

    @property
    def outcome_levels(self) -> tuple[str, ...]:
        """By what rows are told apart in the target: its classes, or whether an event was seen; none of other numbers."""
        event = None if self.target is None else self.target.event
        return self.classes if event is None else event.levels or ()

    @property
    def outcomes(self) -> tuple["Declared", ...]:
        """The columns that the target is read from: none, one, or a time and its event."""
        if self.target is None:
            return ()
        return (self.target,) if self.target.event is None else (self.target, self.target.event)

    @property
    def declared(self) -> tuple["Declared", ...]:
        """All columns that are read of an owner's table, the target's last."""
        return (*self.features, *self.outcomes)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a table's features, in order."""
        return tuple(column for feature in self.features for column in feature.columns())

    @property
    def width(self) -> int:
        """Number of columns of a table's features: one per number, one per level of each category."""
        return sum(len(feature.levels) if feature.levels is not None else 1 for feature in self.features)

    @property
    def outputs(self) -> int:
        """Number of values that a model gives per record: 1, or the number of classes if multinomial."""
        return len(self.classes) if self.task is Task.MULTINOMIAL else 1


Declared = Feature | Target
"""A column that a plan names."""


def numeric(name: str, lo: float, hi: float) -> Feature:
    """Return a numeric feature with its declared range.

    Raises:
        errors.InputError: a bad name, or not lo < hi.
    """
    return Feature(name=name, kind=Kind.NUMERIC, lo=lo, hi=hi)


def category(name: str, levels: Sequence[str]) -> Feature:
    """Return a categorical feature with all its levels.

    Raises:
        errors.InputError: a bad name, no levels, or a level twice.
    """
    return Feature(name=name, kind=Kind.CATEGORY, levels=tuple(levels))


def to_document(schema: Schema) -> dict[str, object]:
    """Return ``schema`` as a JSON-able document; ``from_document`` gives it back.

    ``missing`` is left out where it says DROP, so that plans from before it existed keep their bytes and digests.
    """
    document: dict[str, object] = {"features": [_feature_document(feature) for feature in schema.features]}
    if schema.target is not None:
        event = schema.target.event
        enums: dict[str, object] = {"task": schema.target.task.value}
        document["target"] = _without_none(
            schema.target, enums if event is None else {**enums, "event": _feature_document(event)}
        )
    if schema.missing is not Missing.DROP:
        document["missing"] = schema.missing.value
    return document


def from_document(document: object) -> Schema:
    """Return the schema that ``document`` describes.

    Raises:
        errors.InputError: naming the first field that is missing, unknown or wrong.
    """
    reader = fields.Fields(document, "schema")
    features = tuple(
        _feature_from(item, f"schema.features[{index}]")
        for index, item in enumerate(reader.items("features", most=MOST_FEATURES))
    )
    target = _target_from(reader.value("target")) if reader.has("target") else None
    missing = _missing_from(reader)
    reader.close()
    return Schema(features, target, missing)


def _missing_from(reader: fields.Fields) -> Missing:
    """Return what happens to gaps; a plan has one encoding only, so that DROP is never written out."""
    if not reader.has("missing"):
        return Missing.DROP
    missing = reader.one_of("missing", Missing)
    if missing is Missing.DROP:
        raise reader.refusal("missing", f"{Missing.FILL.value}, or no such field", missing.value)
    return missing


def _feature_from(document: object, which: str) -> Feature:
    """Return one feature from its document."""
    reader = fields.Fields(document, which)
    name = reader.text("name", most=LONGEST_NAME)
    if reader.one_of("kind", Kind) is Kind.NUMERIC:
        feature = numeric(name, reader.number("lo"), reader.number("hi"))
    else:
        feature = category(name, reader.texts("levels", most=MOST_LEVELS))
    reader.close()
    return feature


def _target_from(document: object) -> Target:
    """Return the target from its document."""
    reader = fields.Fields(document, "schema.target")
    name = reader.text("name", most=LONGEST_NAME)
    task = reader.one_of("task", Task)
    if task in NUMBERS:
        event = _feature_from(reader.value("event"), "schema.target.event") if task is Task.SURVIVAL else None
        target = Target(task, name, lo=reader.number("lo"), hi=reader.number("hi"), event=event)
    else:
        target = Target(task, name, classes=reader.texts("classes", most=MOST_LEVELS))
    reader.close()
    return target


def _feature_document(feature: Feature) -> dict[str, object]:
    """Return one feature as JSON-able values."""
    return _without_none(feature, {"kind": feature.kind.value})


def _without_none(record: Feature | Target, given: Mapping[str, object]) -> dict[str, object]:
    """Return a record's fields as JSON-able values, those that are ``given`` as they are, absent ones left out."""
    document: dict[str, object] = {}
    for field in dataclasses.fields(record):
        value = given.get(field.name, getattr(record, field.name))
        if value is not None:
            document[field.name] = list(value) if isinstance(value, tuple) else value
    return document


def _check_name(name: str, what: str) -> None:
    """Check a column's name."""
    if not fields.is_text(name, 1, LONGEST_NAME) or name != name.strip():
        raise errors.InputError(
            "a column has a bad name",
            which=f"{what} name",
            expected=f"1 to {LONGEST_NAME} characters without spaces at the ends",
            got=repr(name[:LONGEST_NAME]),
        )


def _check_event(target: Target, which: str) -> None:
    """Check that a time comes with what says whether the event was seen, and nothing else does."""
    event = target.event
    if (target.task is Task.SURVIVAL) != (event is not None):
        raise errors.InputError(
            "a time until an event needs the column of the event, and nothing else has one",
            which=which,
            expected="an event exactly with the task survival",
            got="none" if event is None else f"an event with the task {target.task.value}",
        )
    if event is not None and len(event.levels or ()) != 2:
        raise errors.InputError(
            "an event is seen or it is not",
            which=f"{which}, event {event.name[:LONGEST_NAME]}",
            expected="a category of two levels, the second for a seen event",
            got=f"{len(event.levels or ())} levels",
        )


def _check_range(lo: float | None, hi: float | None, which: str) -> None:
    """Check a declared range: finite, with a finite positive width."""
    if lo is None or hi is None or not lo < hi or not math.isfinite(hi - lo):
        raise errors.InputError("a range is wrong", which=which, expected="finite lo < hi", got=f"{lo} and {hi}")


def _check_labels(labels: tuple[str, ...] | None, which: str, *, least: int) -> tuple[str, ...]:
    """Check levels or classes: enough of them, each once, none empty."""
    known = labels or ()
    if not least <= len(known) <= MOST_LEVELS or len(set(known)) != len(known):
        raise errors.InputError(
            "a list of labels is wrong",
            which=which,
            expected=f"{least} to {MOST_LEVELS} different labels",
            got=f"{len(known)} labels, {len(set(known))} different",
        )
    if not all(fields.is_text(label, 1, LONGEST_NAME) for label in known):
        raise errors.InputError("a label is empty or too long", which=which, expected=f"1 to {LONGEST_NAME} characters")
    return known
