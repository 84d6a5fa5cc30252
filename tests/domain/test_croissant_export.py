"""A card as Croissant is accepted by MLCommons' own library, says what our fixture says, and leads to no data."""

import dataclasses
import json
import pathlib
from typing import Any

import mlcroissant
import pytest
from mlcroissant._src.core import context as croissant_context
from mlcroissant._src.core import rdf

from aicommons.data import mock
from aicommons.domain import cards
from aicommons.domain.standards import croissant, listing

FIXTURE = pathlib.Path(__file__).parents[3] / "shared" / "data" / "examples" / "croissant_metadata_with_mock.json"
Type = cards.FieldType
FIELDS = (
    cards.Field("patient", Type.TEXT, cards.Role.KEY),
    cards.Field("age", Type.INTEGER, description="years", unit="a", lo=20.0, hi=90.0, missing_percent=5),
    cards.Field("oldpeak", Type.NUMBER, unit="mm", lo=0.0, hi=7.0),
    cards.Field("visit", Type.DATE, cards.Role.CONTEXT, lo=1981.0, hi=1984.0),
    cards.Field("note", Type.TEXT, cards.Role.CONTEXT),
    cards.Field("disease", Type.CATEGORY, cards.Role.TARGET, "any stenosis >50%", levels=("no", "yes")),
)
CARD = cards.DatasetCard(
    title="cleveland-heart",
    site="Cleveland",
    rows=300,
    schema=cards.plan_schema(FIELDS),
    licence="CC-BY-4.0",
    minimum_cohort=10,
    known_gaps="Single centre, 1980s",
    fields=FIELDS,
    description="303 cardiology referrals; data stay at the hospital.",
    holder="Cleveland Clinic Foundation",
    time_span=cards.TimeSpan("1981", "1984-02"),
    collection="Consecutive angiography referrals 1981-84",
    biases="68% male",
    sensitive=("age", "sex", "health"),
    sdg_targets=("3.4",),
    annotation=cards.Annotation("two cardiologists", "their salary"),
    policy=b"\x07" * 32,
    quality=(cards.QualityCount("type-error", "age", 20),),
    overrides=(cards.Override("identifiers", "age", "rounded"),),
)
OPEN = dataclasses.replace(
    CARD, open_table=cards.OpenTable(b"\x08" * 32, 1234, "text/csv", "Detrano et al.", ("age",), 5)
)
LISTED = listing.Listing("urn:aicommons:1:dataset:7:1", "2026-11-01", (mock.record(FIELDS, seed=0),))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def validated(document: dict[str, Any]) -> mlcroissant.Dataset:
    """Return the document as mlcroissant reads it; raises when it finds errors."""
    found = mlcroissant.Dataset(json.loads(json.dumps(document)))
    assert found.metadata.ctx.issues.errors == set()
    return found


CARDS = {
    "full": CARD,
    "open": OPEN,
    "bare": cards.DatasetCard("A table", "", 10, {}, "LicenseRef-private", 10, ""),
    "odd names": dataclasses.replace(
        CARD,
        schema={},
        fields=tuple(
            cards.Field(name, Type.NUMBER, cards.Role.CONTEXT)
            for name in (
                "mean radius",
                "mean-radius",
                "mean/radius",
                "âge",
                "体重",
                "#",
                "100 %",
                "a:b",
                "x-y-11",
                "x y",
                "x/y",
            )
        ),
    ),
    "drafted": dataclasses.replace(CARD, description=None, time_span=None, collection=None, biases=None, policy=None),
}


@pytest.mark.parametrize("row", CARDS)
@pytest.mark.slow("mlcroissant expands JSON-LD")
def test_mlcroissant_accepts_it(row: str) -> None:
    """Every card, however much it says, is a Croissant 1.1 document without errors and warnings."""
    card = CARDS[row]
    found = validated(croissant.export(card, dataclasses.replace(LISTED, mock=(mock.record(card.fields, seed=0),))))
    assert "http://mlcommons.org/croissant/1.1" in found.metadata.conforms_to
    assert found.metadata.ctx.issues.warnings == set()


@pytest.mark.slow("mlcroissant expands JSON-LD")
def test_its_mock_record_can_be_read() -> None:
    """The record set gives the one mock record with its types; the site's key is not in it."""
    (record,) = validated(croissant.export(CARD, LISTED)).records("records")
    names = {name.removeprefix("records/") for name in record}
    assert names == {"age", "oldpeak", "visit", "note", "disease"}
    assert record["records/age"] == LISTED.mock[0]["age"]


def test_nothing_leads_to_the_data() -> None:
    """A dataset that stays at its owner has no file and no digest of one; an open one has a URN and its SHA-256."""
    closed = json.dumps(croissant.export(CARD, LISTED))
    assert "contentUrl" not in closed
    assert "sha256" not in closed
    (file,) = croissant.export(OPEN, LISTED)["distribution"]  # type: ignore[misc]
    assert file["contentUrl"] == f"urn:sha-256:{'08' * 32}"  # type: ignore[index]
    assert file["sha256"] == "08" * 32  # type: ignore[index]


@pytest.mark.skipif(not FIXTURE.exists(), reason="the shared data folder is not beside the checkout")
def test_it_says_what_the_fixture_says() -> None:
    """The worked example's statements about the same dataset are in the export under the same names."""
    ours = croissant.export(CARD, LISTED)
    theirs = json.loads(FIXTURE.read_text(encoding="utf-8"))
    same = ["name", "description", "isLiveDataset", "rai:dataCollection", "rai:dataLimitations", "rai:dataBiases"]
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert ours["rai:personalSensitiveInformation"] == theirs["rai:personalSensitiveInformation"]
    assert ours["creator"]["name"] == theirs["creator"]["name"]  # type: ignore[index]
    assert ours["distribution"] == theirs["distribution"] == []


def test_the_context_is_croissants() -> None:
    """The context is the one of Croissant 1.1, with the RAI prefix, as mlcroissant writes it."""
    version = croissant_context.Context(conforms_to=croissant_context.CroissantVersion.V_1_1)
    assert dict(croissant.CONTEXT) == rdf.make_context(version)


SPANS = {
    "years": (cards.TimeSpan("1981", "1984"), ("1981-01-01", "1984-12-31")),
    "months": (cards.TimeSpan("1981-05", "1984-02"), ("1981-05-01", "1984-02-29")),
    "days": (cards.TimeSpan("1981-05-17", "1984-02-03"), ("1981-05-17", "1984-02-03")),
}


@pytest.mark.parametrize("row", SPANS)
def test_time_spans_are_whole(row: str) -> None:
    """A span in years or months is given in days, from the first of the first to the last of the last."""
    span, days = SPANS[row]
    assert listing.span(dataclasses.replace(CARD, time_span=span)) == days
