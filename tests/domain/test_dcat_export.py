"""A card as DCAT 3 and schema.org is JSON-LD that an independent reader understands, and leads to no data."""

import dataclasses
import json
import pathlib

import pytest
import rdflib
from rdflib import namespace

from aicommons.domain import cards
from aicommons.domain.standards import dcat, listing

FIXTURE = pathlib.Path(__file__).parents[3] / "shared" / "data" / "examples" / "dcat.jsonld"
AGE = cards.Field("age", cards.FieldType.INTEGER, unit="a", lo=20.0, hi=90.0)
KEY = cards.Field("patient", cards.FieldType.TEXT, cards.Role.KEY)
CARD = cards.DatasetCard(
    title="Heart",
    site="Cleveland",
    rows=300,
    schema={},
    licence="CC-BY-4.0",
    minimum_cohort=10,
    known_gaps="",
    fields=(KEY, AGE),
    holder="Cleveland Clinic Foundation",
    stewards=("heart@clinic.example",),
    countries=("US",),
    time_span=cards.TimeSpan("1981", "1984"),
    collection="Consecutive referrals",
    sdg_targets=("3",),
    policy=b"\x07" * 32,
)
OPEN = dataclasses.replace(CARD, open_table=cards.OpenTable(b"\x08" * 32, 1234, "text/csv", "Detrano et al.", (), None))
LISTED = listing.Listing("urn:dataset:heart", "2026-11-01")
DCAT, DCT, ODRL = namespace.DCAT, namespace.DCTERMS, rdflib.Namespace("http://www.w3.org/ns/odrl/2/")
SUBJECT = rdflib.URIRef(LISTED.urn)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def graph(document: object) -> rdflib.Graph:
    """Return JSON-LD as an independent library reads it."""
    return rdflib.Graph().parse(data=json.dumps(document), format="json-ld")


@pytest.mark.skipif(not FIXTURE.exists(), reason="the shared data folder is not beside the checkout")
def test_it_says_what_the_fixture_says() -> None:
    """Every statement of the worked example about this dataset is one of the export's, the policy by its own name."""
    ours = graph(dcat.export(CARD, LISTED))
    theirs = graph(json.loads(FIXTURE.read_text(encoding="utf-8")))
    assert len(theirs) >= 5
    for subject, predicate, value in theirs:
        if predicate == ODRL.hasPolicy:
            assert list(ours.objects(subject, predicate)) == [rdflib.URIRef(f"urn:sha-256:{'07' * 32}")]
        else:
            assert (subject, predicate, value) in ours, predicate


def test_a_dataset_at_home_has_no_distribution() -> None:
    """What stays at its owner is restricted and cannot be fetched; no digest of it is given."""
    found = graph(dcat.export(CARD, LISTED))
    assert list(found.objects(SUBJECT, DCAT.distribution)) == []
    (rights,) = found.objects(SUBJECT, DCT.accessRights)
    assert str(rights).endswith("RESTRICTED")
    assert "hecksum" not in json.dumps(dcat.export(CARD, LISTED)).replace("spdx", "")


def test_an_open_table_has_size_licence_and_checksum() -> None:
    """An open table is a distribution with what is needed to check and to use it."""
    found = graph(dcat.export(OPEN, LISTED))
    (distribution,) = found.objects(SUBJECT, DCAT.distribution)
    (size,) = found.objects(distribution, DCAT.byteSize)
    assert int(str(size)) == 1234
    (licence,) = found.objects(distribution, DCT.license)
    assert str(licence) == "https://spdx.org/licenses/CC-BY-4.0"
    spdx = rdflib.Namespace("http://spdx.org/rdf/terms#")
    (checksum,) = found.objects(distribution, spdx.checksum)
    assert [str(value) for value in found.objects(checksum, spdx.checksumValue)] == ["08" * 32]


def test_dates_and_places_are_typed() -> None:
    """The period, the day of listing and the country are what a harvester can sort by."""
    found = graph(dcat.export(CARD, LISTED))
    (period,) = found.objects(SUBJECT, DCT.temporal)
    (start,) = found.objects(period, DCAT.startDate)
    assert start == rdflib.Literal("1981-01-01", datatype=namespace.XSD.date)
    assert [str(value)[-2:] for value in found.objects(SUBJECT, DCT.spatial)] == ["US"]


def test_schema_org_has_variables_without_keys() -> None:
    """Search engines see the columns with units and ranges, and never the site's key."""
    said = dcat.export_schema_org(CARD, LISTED)
    assert said["variableMeasured"] == [
        {
            "@type": "PropertyValue", "name": "age", "description": "age; unit: a; from 20 to 90",
            "unitText": "a", "minValue": 20.0, "maxValue": 90.0,
        }
    ]  # fmt: skip
    assert said["temporalCoverage"] == "1981-01-01/1984-12-31"
    assert "isAccessibleForFree" not in said
    assert dcat.export_schema_org(OPEN, LISTED)["isAccessibleForFree"] is True
    assert "distribution" not in said
    assert graph({**said, "@context": {"@vocab": "https://schema.org/"}})


@pytest.mark.parametrize("licence", ["LicenseRef-private", "MIT OR Apache-2.0"])
def test_a_licence_without_an_address_is_told_in_words(licence: str) -> None:
    """A licence that is no single SPDX one stands as a document with its name."""
    said = dcat.export(dataclasses.replace(CARD, licence=licence), LISTED)
    assert said["dct:license"] == {"@type": "dct:LicenseDocument", "dct:title": licence}
