"""A card may declare a time and whether its event was seen as its two targets; every export lists both."""

import dataclasses
import json

import mlcroissant
import pytest

from aicommons.data import mock
from aicommons.domain import cards, errors, schema
from aicommons.domain.standards import croissant, dcat, listing

Type, Role = cards.FieldType, cards.Role
AGE = cards.Field("age", Type.INTEGER, lo=20.0, hi=90.0)
DAYS = cards.Field("days", Type.INTEGER, Role.TARGET, "since diagnosis", unit="d", lo=0.0, hi=4000.0)
DIED = cards.Field("died", Type.CATEGORY, Role.TARGET, levels=("no", "yes"))
FIELDS = (AGE, DAYS, DIED)


def card(*fields: cards.Field) -> cards.DatasetCard:
    """Return a card of these columns."""
    return cards.DatasetCard(
        title="Follow-up", site="Lyon", rows=300, schema=cards.plan_schema(fields), licence="CC-BY-4.0",
        minimum_cohort=10, known_gaps="none", fields=fields, holder="A hospital",
    )  # fmt: skip


def test_two_targets_are_one_of_a_plan() -> None:
    """The time and its event become a plan's target, and a plan's target these two fields, there and back."""
    made = schema.from_document(card(*FIELDS).schema)
    assert made.target.task is schema.Task.SURVIVAL
    assert made.target.event == schema.category("died", ("no", "yes"))
    numbers = [dataclasses.replace(each, type=Type.NUMBER) if each.is_number else each for each in FIELDS]
    plain = [dataclasses.replace(each, description=None, unit=None) for each in numbers]
    assert list(cards.fields_of(made)) == plain
    read = cards.DatasetCard.decode(card(*FIELDS).encode())
    assert read == card(*FIELDS)
    assert [field.name for field in read.offered] == ["age", "days", "died"]


BAD = {
    "the event first": (AGE, DIED, DAYS),
    "two times": (AGE, DAYS, dataclasses.replace(DAYS, name="weeks")),
    "two events": (AGE, DIED, dataclasses.replace(DIED, name="moved")),
    "an event of three ends": (AGE, DAYS, dataclasses.replace(DIED, levels=("no", "yes", "moved"))),
    "a negative time": (AGE, dataclasses.replace(DAYS, lo=-1.0), DIED),
    "three targets": (AGE, DAYS, DIED, dataclasses.replace(DIED, name="moved")),
}


@pytest.mark.parametrize("name", BAD)
def test_other_pairs_are_refused(name: str) -> None:
    """Anything but a time from 0 and then a category of two levels is no pair of targets."""
    fields = BAD[name]
    plain = dataclasses.replace(card(AGE, DAYS), schema={}, fields=fields)
    with pytest.raises(errors.DecodeError, match=f"{len(fields) - 1} targets"):
        cards.DatasetCard.decode(plain.encode())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_and_dcat_list_both() -> None:
    """Exports describe the time with its unit and range and the event with its levels, as MLCommons' library reads them."""
    listed = listing.Listing("urn:aicommons:1:dataset:7:1", "2026-11-01", (mock.record(FIELDS, seed=0),))
    document = croissant.export(card(*FIELDS), listed)
    found = mlcroissant.Dataset(json.loads(json.dumps(document)))
    assert found.metadata.ctx.issues.errors == set()
    assert {"days", "died"} <= {field.name for records in found.metadata.record_sets for field in records.fields}
    measured = dcat.export_schema_org(card(*FIELDS), listed)["variableMeasured"]
    assert [each["name"] for each in measured] == ["age", "days", "died"]
