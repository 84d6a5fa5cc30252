"""Documents: what was written is read back, and every other byte string is refused by name."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import cards, documents, encoding, errors, ids, licences, profiles, vocabulary

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
counts = st.integers(0, 2**53 - 1)
points = st.binary(min_size=32, max_size=32)
json_values = st.recursive(st.none() | st.booleans() | counts | texts, lambda inner: st.lists(inner, max_size=3))
objects = st.dictionaries(texts, json_values, max_size=4)
readers = st.dictionaries(counts, points, max_size=3).map(
    lambda found: tuple(documents.Reader(ids.MemberId(each), found[each]) for each in sorted(found))
)
COLUMNS = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "ill", "task": "binomial", "classes": ["no", "yes"]},
}
lines = st.text("abcdefgh ä", min_size=1, max_size=9).map(lambda text: f"n{text.strip()}")
numbers = st.tuples(st.floats(-1e9, 1e9), st.floats(0.5, 1e9)).map(lambda pair: (pair[0], pair[0] + pair[1]))
levels = st.lists(lines, min_size=2, max_size=4, unique=True).map(tuple)
columns = st.one_of(
    st.builds(
        lambda name, bounds, unit: cards.Field(name, cards.FieldType.NUMBER, unit=unit, lo=bounds[0], hi=bounds[1]),
        lines, numbers, st.none() | texts,
    ),
    st.builds(lambda name, known: cards.Field(name, cards.FieldType.CATEGORY, levels=known), lines, levels),
    st.builds(cards.Field, lines, st.just(cards.FieldType.TEXT), st.just(cards.Role.KEY), st.none() | texts),
)  # fmt: skip


@st.composite
def datasets(draw: st.DrawFn) -> cards.DatasetCard:
    """A card of some columns, with or without a target."""
    found = draw(st.lists(columns, max_size=4, unique_by=lambda field: field.name))
    if draw(st.booleans()):
        found.append(cards.Field("the target", cards.FieldType.CATEGORY, cards.Role.TARGET, levels=draw(levels)))
    return cards.DatasetCard(
        title=draw(texts),
        site=draw(texts),
        rows=draw(counts),
        schema=cards.plan_schema(found),
        licence=draw(st.sampled_from(["CC0-1.0", "MIT OR Apache-2.0", "LicenseRef-private"])),
        minimum_cohort=draw(st.integers(0, 30)),
        known_gaps=draw(texts),
        fields=tuple(found),
        description=draw(st.none() | texts),
        stewards=tuple(draw(st.lists(texts, max_size=2))),
        countries=tuple(draw(st.lists(st.sampled_from(["KE", "FR"]), max_size=2))),
        time_span=draw(st.none() | st.just(cards.TimeSpan("1981", "1984-02"))),
        annotation=draw(st.none() | st.builds(cards.Annotation, texts, texts)),
        policy=draw(st.none() | points),
        quality=tuple(draw(st.lists(st.builds(cards.QualityCount, texts, st.none() | texts, st.just(30)), max_size=2))),
        overrides=tuple(draw(st.lists(st.builds(cards.Override, texts, st.none() | texts, texts), max_size=2))),
        dataset_version=draw(st.integers(1, 9)),
        open_table=draw(
            st.none() | st.builds(cards.OpenTable, points, counts, texts, texts, st.just(("age",)), st.none() | counts)
        ),
    )


EVERY = {
    documents.Problem: st.builds(
        documents.Problem,
        texts,
        texts,
        texts,
        texts,
        st.lists(texts, max_size=3).map(tuple),
        texts,
        texts,
        purpose=st.none() | texts,
        commercial=st.booleans(),
        needs=st.none() | st.builds(documents.Needs, st.just(COLUMNS), counts, st.just(("KE",))),
    ),
    cards.DatasetCard: datasets(),
    documents.Plan: st.builds(
        documents.Plan,
        texts,
        objects,
        texts,
        held_out_percent=st.integers(0, 99),
        split_seed=counts,
        group=st.none() | texts,
    ),
    documents.RunTerms: st.builds(
        documents.RunTerms,
        texts,
        readers,
        counts,
        minimum_cohort=counts,
        privacy=texts,
        licence=st.none() | texts,
        duties=st.lists(st.sampled_from(licences.Duty), unique=True).map(tuple),
    ),
    documents.ModelCard: st.builds(
        documents.ModelCard, texts, texts, texts, objects, rounds=counts, participants=counts, privacy=texts
    ),
    profiles.Profile: st.builds(
        profiles.Profile,
        texts.filter(str.strip),
        st.sampled_from(profiles.Kind),
        country=st.none() | st.sampled_from(sorted(vocabulary.countries())),
        languages=st.lists(st.sampled_from(["sw", "fr", "ha", "zh-Hant", "en-GB"]), max_size=2).map(tuple),
        seeks=st.lists(st.sampled_from(profiles.Good), max_size=2).map(tuple),
        stewards=st.lists(st.builds(profiles.Steward, texts, texts, texts), max_size=2).map(tuple),
    ),
}


@given(st.one_of(*EVERY.values()))
def test_documents_come_back(document: Any) -> None:
    """Every document reads back from its bytes as the same record, and is written in one way only."""
    data = document.encode()
    assert type(document).decode(data) == document
    assert rfc8785.dumps(json.loads(data)) == data
    assert type(document).decode(data).encode() == data


def test_every_kind_is_tested() -> None:
    """Each record with a ``decode`` is in the table above, and kinds differ."""
    found = [*vars(documents).values(), *vars(cards).values(), *vars(profiles).values()]
    kinds = {each for each in found if isinstance(each, type) and hasattr(each, "KIND")}
    assert kinds == set(EVERY)
    assert len({kind.KIND for kind in kinds}) == len(kinds)


@given(st.one_of(*EVERY.values()), st.sampled_from(list(EVERY)))
def test_a_document_is_of_one_kind(document: Any, kind: Any) -> None:
    """A document of one kind is never read as another."""
    if kind is type(document):
        return
    with pytest.raises(errors.DecodeError):
        kind.decode(document.encode())


@given(
    st.sampled_from(list(EVERY)), st.binary(max_size=60) | json_values.map(rfc8785.dumps) | objects.map(rfc8785.dumps)
)
def test_decoding_is_total(kind: Any, data: bytes) -> None:
    """Any bytes give a document or DecodeError."""
    with pytest.raises(errors.DecodeError):
        kind.decode(data)


@given(st.one_of(*EVERY.values()), st.data())
def test_every_field_is_needed(document: Any, data: st.DataObject) -> None:
    """Leaving any field out is refused, naming it."""
    body = json.loads(document.encode())
    name = data.draw(st.sampled_from(sorted(body)))
    del body[name]
    with pytest.raises(errors.DecodeError, match=name):
        type(document).decode(rfc8785.dumps(body))


PROBLEM = documents.Problem("Heart", "patients", "refer or not", "rules fail", ("3.4",), "auc", "0.7 by score")
PLAN = documents.Plan("A plan", {"recipe": "glm"}, "sums of gradients", 30, 7, None)
TERMS = documents.RunTerms(
    "DUO:0000007", (documents.Reader(ids.MemberId(5), b"\x05" * 32), documents.Reader(ids.MemberId(9), b"\x09" * 32)),
    86_400, 10, "no DP",
)  # fmt: skip
AGE = cards.Field("age", cards.FieldType.NUMBER, lo=20.0, hi=90.0)
ILL = cards.Field("ill", cards.FieldType.CATEGORY, cards.Role.TARGET, levels=("no", "yes"))
CARD = cards.DatasetCard(
    "Heart", "Bern", 300, cards.plan_schema((AGE, ILL)), "CC0-1.0", minimum_cohort=10, known_gaps="", fields=(AGE, ILL)
)


def column(**changes: object) -> Callable[[], bytes]:
    """Return canonical bytes of the card with its first column changed."""

    def make() -> bytes:
        body = json.loads(CARD.encode())
        body["fields"][0] |= changes
        return rfc8785.dumps(body)

    return make


def changed(document: Any, **fields: object) -> Callable[[], bytes]:
    """Return canonical bytes of ``document`` with fields set, or left out where the value is ``...``."""

    def make() -> bytes:
        body = json.loads(document.encode()) | fields
        return rfc8785.dumps({name: value for name, value in body.items() if value is not ...})

    return make


TEXT_TARGET = json.loads(CARD.encode())["fields"][0] | {"type": "text", "role": "target", "lo": None, "hi": None}
BAD: dict[str, tuple[Any, Callable[[], bytes], str]] = {
    "no bytes": (PROBLEM, lambda: b"", "not JSON"),
    "not JSON": (PROBLEM, lambda: b"{", "not JSON"),
    "not UTF-8": (PROBLEM, lambda: PROBLEM.encode().replace(b"Heart", b"He\xffrt"), "not JSON"),
    "UTF-16": (PROBLEM, lambda: PROBLEM.encode().decode().encode("utf-16"), "canonical"),
    "byte order mark": (PROBLEM, lambda: b"\xef\xbb\xbf" + PROBLEM.encode(), "canonical"),
    "blank before": (PROBLEM, lambda: b" " + PROBLEM.encode(), "canonical"),
    "line end after": (PROBLEM, lambda: PROBLEM.encode() + b"\n", "canonical"),
    "indented": (PROBLEM, lambda: json.dumps(json.loads(PROBLEM.encode()), indent=1).encode(), "canonical"),
    "keys in another order": (PROBLEM, lambda: b'{"version":1,"type":"problem"}', "canonical"),
    "escaped where no escape is due": (PROBLEM, lambda: PROBLEM.encode().replace(b"Heart", b"\\u0048eart"), "canonical"),
    "a key twice": (PROBLEM, lambda: PROBLEM.encode().replace(b"{", b'{"affected":"x",', 1), "canonical"),
    "1.0 for 1": (PROBLEM, lambda: PROBLEM.encode().replace(b'"version":1', b'"version":1.0'), "canonical"),
    "a list": (PROBLEM, lambda: b"[]", "not a JSON object"),
    "null": (PROBLEM, lambda: b"null", "not a JSON object"),
    "over 4 MiB": (PROBLEM, lambda: b'"' + b"a" * encoding.MAX_DOCUMENT + b'"', "too long"),
    "another kind": (PROBLEM, changed(PROBLEM, type="plan"), "another kind"),
    "no kind": (PROBLEM, changed(PROBLEM, type=...), "problem.type"),
    "kind is a number": (PROBLEM, changed(PROBLEM, type=1), "problem.type"),
    "version 2": (PROBLEM, changed(PROBLEM, version=2), "another version"),
    "version true": (PROBLEM, changed(PROBLEM, version=True), "problem.version"),
    "an unknown field": (PROBLEM, changed(PROBLEM, budget=5), "an unknown field"),
    "a missing field": (PROBLEM, changed(PROBLEM, metric=...), "problem.metric"),
    "a number for a text": (PROBLEM, changed(PROBLEM, title=3), "problem.title"),
    "null for a text": (PROBLEM, changed(PROBLEM, title=None), "problem.title"),
    "a text too long": (PROBLEM, changed(PROBLEM, title="x" * (documents.MAX_TEXT + 1)), "0 to 20000 characters"),
    "targets as text": (PROBLEM, changed(PROBLEM, sdg_targets="3.4"), "problem.sdg_targets"),
    "a target that is a number": (PROBLEM, changed(PROBLEM, sdg_targets=["3.4", 3]), "list of texts"),
    "recipe as text": (PLAN, changed(PLAN, recipe="glm"), "plan.recipe"),
    "held out -1 percent": (PLAN, changed(PLAN, held_out_percent=-1), "plan.held_out_percent"),
    "held out 100 percent": (PLAN, changed(PLAN, held_out_percent=100), "plan.held_out_percent"),
    "held out a true percent": (PLAN, changed(PLAN, held_out_percent=True), "plan.held_out_percent"),
    "held out half a percent": (PLAN, changed(PLAN, held_out_percent=0.5), "plan.held_out_percent"),
    "a negative seed": (PLAN, changed(PLAN, split_seed=-1), "plan.split_seed"),
    "group false": (PLAN, changed(PLAN, group=False), "plan.group"),
    "group left out": (PLAN, changed(PLAN, group=...), "plan.group"),
    "readers descending": (
        TERMS, changed(TERMS, readers=list(reversed(json.loads(TERMS.encode())["readers"]))), "ascending",
    ),
    "a reader twice": (TERMS, changed(TERMS, readers=json.loads(TERMS.encode())["readers"][:1] * 2), "ascending"),
    "a reader that is a number": (TERMS, changed(TERMS, readers=[5]), r"readers\[0\]"),
    "a reader without a point": (TERMS, changed(TERMS, readers=[{"member_id": 5}]), "point"),
    "a reader with a field more": (
        TERMS, changed(TERMS, readers=[{"member_id": 5, "point": "05" * 32, "name": "x"}]), "an unknown field",
    ),
    "a negative reader": (TERMS, changed(TERMS, readers=[{"member_id": -5, "point": "05" * 32}]), "from 0"),
    "a short point": (TERMS, changed(TERMS, readers=[{"member_id": 5, "point": "05" * 31}]), "64 hex"),
    "a point with 0x": (TERMS, changed(TERMS, readers=[{"member_id": 5, "point": "0x" + "05" * 32}]), "64 hex"),
    "a point in capitals": (TERMS, changed(TERMS, readers=[{"member_id": 5, "point": "AB" * 32}]), "64 hex"),
    "a point with blanks": (TERMS, changed(TERMS, readers=[{"member_id": 5, "point": "05 " * 32}]), "64 hex"),
    "retention below zero": (TERMS, changed(TERMS, retention_seconds=-1), "run-terms.retention_seconds"),
    "retention as text": (TERMS, changed(TERMS, retention_seconds="7 days"), "run-terms.retention_seconds"),
    "an unknown duty": (TERMS, changed(TERMS, duties=["to be kind"]), "run-terms.duties"),
    "a duty twice": (TERMS, changed(TERMS, duties=["attribution", "attribution"]), "run-terms.duties"),
    "duties left out": (TERMS, changed(TERMS, duties=...), "run-terms.duties"),
    "a licence that is a number": (TERMS, changed(TERMS, licence=4), "run-terms.licence"),
    "rows below zero": (CARD, changed(CARD, rows=-10), "dataset-card.rows"),
    "rows not whole": (CARD, changed(CARD, rows=1.5), "dataset-card.rows"),
    "schema as list": (CARD, changed(CARD, schema=[]), "dataset-card.schema"),
    "a schema that the fields do not say": (CARD, changed(CARD, schema={"features": []}), "dataset-card.schema"),
    "a column twice": (CARD, column(name="ill"), "ill twice"),
    "two targets": (CARD, column(role="target", type="category", lo=None, hi=None, levels=["a", "b"]), "2 targets"),
    "a column without a name": (CARD, column(name=" "), r"fields\[0\]"),
    "an unknown type": (CARD, column(type="float"), r"fields\[0\].type"),
    "an unknown role": (CARD, column(role="label"), r"fields\[0\].role"),
    "half a range": (CARD, column(hi=None), "both lo and hi"),
    "a range upside down": (CARD, column(lo=91), "lo below hi"),
    "a range without width": (CARD, column(lo=90), "lo below hi"),
    "a range for text": (CARD, column(type="text"), "numbers and dates"),
    "levels for a number": (CARD, column(levels=["1"]), "levels for a category"),
    "a category without levels": (CARD, column(type="category", lo=None, hi=None), "levels for a category"),
    "a level twice": (CARD, column(type="category", lo=None, hi=None, levels=["a", "a"]), "each once"),
    "no level": (CARD, column(type="category", lo=None, hi=None, levels=[]), "at least one level"),
    "an endless level": (CARD, column(type="category", lo=None, hi=None, levels=["x" * 201]), "label"),
    "more missing than there is": (CARD, column(missing_percent=101), "missing_percent"),
    "a target that is text": (CARD, changed(CARD, fields=[TEXT_TARGET], schema={}), "cannot be a target"),
    "no licence": (CARD, changed(CARD, licence=""), "licence"),
    "a licence in words": (CARD, changed(CARD, licence="ask us, please"), "licence"),
    "an unknown licence": (CARD, changed(CARD, licence="LicenseRef-ours"), "unknown licence"),
    "a country by name": (CARD, changed(CARD, countries=["Kenya"]), "ISO 3166"),
    "version 0 of a dataset": (CARD, changed(CARD, dataset_version=0), "dataset_version"),
    "a time in words": (CARD, changed(CARD, time_span={"first": "spring", "last": "1984"}), "time_span"),
    "a thirteenth month": (CARD, changed(CARD, time_span={"first": "1981-13", "last": "1984"}), "time_span"),
    "time runs back": (CARD, changed(CARD, time_span={"first": "1985", "last": "1984"}), "first before last"),
    "few faulty rows": (CARD, changed(CARD, quality=[{"fault": "x", "field": None, "rows": 9}]), "minimum cohort"),
    "a policy in capitals": (CARD, changed(CARD, policy="AB" * 32), "64 hex"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "make", "said"), BAD.values(), ids=BAD.keys())
def test_bad_documents(document: Any, make: Callable[[], bytes], said: str) -> None:
    """A malformed document is refused with the field or rule that it breaks."""
    with pytest.raises(errors.DecodeError, match=said):
        type(document).decode(make())


UNWRITABLE = {
    "not a number": {"a": float("nan")},
    "infinity": {"a": float("inf")},
    "beyond 2^53": {"a": 2**53},
    "a key that is a number": {1: "a"},
    "bytes": {"a": b"a"},
    "a lone surrogate": {"a": "\ud800"},
    "a lone surrogate as a key": {"\ud800": 1},
    "an object of ours": {"a": PLAN},
}


@pytest.mark.parametrize("document", UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_what_json_cannot_hold_is_refused(document: object) -> None:
    """Writing a value that JSON cannot hold is an InputError."""
    with pytest.raises(errors.InputError):
        encoding.canonical_json(document)


ENDLESS = """
from aicommons.domain import cards, documents, encoding, errors
deep = []
for _ in range(20_000):
    deep = [deep]
for attempt in (lambda: encoding.canonical_json(deep), lambda: documents.Problem.decode(b"[" * 50_000 + b"]" * 50_000)):
    try:
        attempt()
    except errors.CommonsError as err:
        print(type(err).__name__)
"""


def test_endless_nesting_is_refused() -> None:
    """A document nested without end is refused and not a crash (in a fresh process: libraries raise Python's limit)."""
    done = subprocess.run([sys.executable, "-c", ENDLESS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["InputError", "DecodeError"])


@given(st.dictionaries(texts, json_values | st.floats(allow_nan=False, allow_infinity=False), max_size=6))
def test_canonical_json_is_ours_and_rfc8785s(document: dict[str, object]) -> None:
    """Canonical JSON is rfc8785's, reads back to the same value, and does not depend on the order of keys."""
    data = encoding.canonical_json(document)
    assert data == rfc8785.dumps(document)
    assert encoding.parse_json(data) == document
    turned = dict(reversed(document.items()))
    assert encoding.canonical_json(turned) == data


def test_records_are_frozen() -> None:
    """A document does not change after it was made."""
    for kind in EVERY:
        assert kind.__dataclass_params__.frozen
        assert dataclasses.fields(kind)
