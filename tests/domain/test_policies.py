"""Use policies: what contradicts itself is refused when it is made and when it is read, with the way out."""

import dataclasses
from typing import Any

import pytest

from aicommons.domain import errors, ids, policies

GOOD = policies.UsePolicy(
    title="Referrals for research", assigner=ids.MemberId(1), permitted=("dpv:ScientificResearch",), prohibited=(),
    commercial=False, countries=("KE", "TZ"), licence="CC-BY-4.0", minimum_cohort=10, minimum_cell=5,
    small_cells=policies.SmallCells.SUPPRESS, epsilon="3.0", privacy_unit=policies.PrivacyUnit.PERSON, price=0,
    free_commons=True, duties=(policies.Duty.REPORT_BACK,), until=2_000_000_000, person_column="patient",
)  # fmt: skip

ALLOW, SUPPRESS = policies.SmallCells.ALLOW, policies.SmallCells.SUPPRESS
RECORD = policies.PrivacyUnit.RECORD

CONTRADICTIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no title": ({"title": "  "}, "title", "needs a title"),
    "nothing permitted": ({"permitted": ()}, "permitted", "permits nothing"),
    "unknown purpose": ({"permitted": ("DUO:1",)}, "permitted", "unknown purpose"),
    "unknown prohibition": ({"prohibited": ("war",)}, "prohibited", "unknown purpose"),
    "a modifier as a purpose": ({"permitted": ("DUO:0000046",)}, "permitted", "a condition, not a purpose"),
    "purpose twice": ({"permitted": ("DUO:0000006",) * 2}, "permitted", "named twice"),
    "duty twice": ({"duties": (policies.Duty.ATTRIBUTION,) * 2}, "duties", "named twice"),
    "unknown country": ({"countries": ("ZZ",)}, "countries", "unknown country"),
    "country in small letters": ({"countries": ("ke",)}, "countries", "unknown country"),
    "banned purpose": ({"permitted": ("aic:MilitaryUse",)}, "permitted", "banned"),
    "permitted and prohibited": ({"prohibited": ("dpv:ScientificResearch",)}, "permitted", "both permitted"),
    "permitted below prohibited": ({"prohibited": ("dpv:ResearchAndDevelopment",)}, "permitted", "both permitted"),
    "commercial purpose alone": ({"permitted": ("dpv:CommercialResearch",)}, "commercial", "commercial purpose"),
    "commercial, and prohibited": (
        {"commercial": True, "prohibited": ("dpv:CommercialPurpose",)}, "commercial", "permitted and prohibited",
    ),
    "commercial under a non-commercial licence": (
        {"commercial": True, "licence": "CC-BY-NC-4.0"}, "commercial", "licence forbids",
    ),
    "free commons with a price": ({"price": 1}, "price", "no price"),
    "person without a column": ({"person_column": None}, "privacy_unit", "person column"),
    "records beside a person column": ({"privacy_unit": RECORD}, "privacy_unit", "per record"),
    "a column without a name": ({"person_column": ""}, "person_column", "without a name"),
    "cell above cohort": ({"minimum_cell": 11}, "minimum_cell", "too few"),
    "no cohort": ({"minimum_cohort": 0, "minimum_cell": 0}, "minimum_cohort", "least is one"),
    "a minimum that is allowed": ({"small_cells": ALLOW}, "small_cells", "contradict"),
    "no minimum to suppress below": ({"minimum_cell": 1}, "small_cells", "contradict"),
    "epsilon zero": ({"epsilon": "0"}, "epsilon", "above 0"),
    "epsilon zero point zero": ({"epsilon": "0.00"}, "epsilon", "above 0"),
    "epsilon in words": ({"epsilon": "three"}, "epsilon", "above 0"),
    "epsilon below zero": ({"epsilon": "-1"}, "epsilon", "above 0"),
    "unknown licence": ({"licence": "LicenseRef-mine"}, "licence", "unknown licence"),
    "no derivatives": ({"licence": "CC-BY-ND-4.0"}, "licence", "nothing be made"),
    "for named users, and none is named": ({"licence": "LicenseRef-TK-SS"}, "assignee", "have named"),
    "nobody offers it": ({"assigner": ids.MemberId(0)}, "assigner", "counted from 1"),
    "for member 0": ({"assignee": ids.MemberId(0)}, "assigner", "counted from 1"),
}  # fmt: skip

FITTING: dict[str, dict[str, Any]] = {
    "as it is": {},
    "a child prohibited": {"prohibited": ("DUO:0000007",)},
    "everything permitted, nothing commercial": {"permitted": ("DUO:0000004",)},
    "no end": {"until": None},
    "a price": {"free_commons": False, "price": 2**53 - 1},
    "no minimum": {"minimum_cell": 1, "small_cells": ALLOW},
    "persons named, no bound": {"epsilon": None},
    "per record": {"privacy_unit": RECORD, "person_column": None},
    "for one named user": {"licence": "LicenseRef-TK-SS", "assignee": ids.MemberId(4)},
    "community label and licence": {"licence": "CC-BY-4.0 AND LicenseRef-TK-NC"},
}


def changed(fields: dict[str, Any]) -> policies.UsePolicy:
    """Return the good policy with some fields changed."""
    return dataclasses.replace(GOOD, **fields)


@pytest.mark.parametrize("name", FITTING)
def test_policies_that_hold_together_survive_their_encoding(name: str) -> None:
    """A policy without contradiction may be made, and is read back as it was written."""
    policy = changed(FITTING[name])
    policies.check_made(policy, now=1_800_000_000)
    assert policies.UsePolicy.decode(policy.encode()) == policy


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused_when_made(name: str) -> None:
    """A contradiction names the field to change, says what is wrong with it, and the way out."""
    fields, field, message = CONTRADICTIONS[name]
    with pytest.raises(errors.InputError, match=message) as caught:
        policies.check_made(changed(fields), now=1_800_000_000)
    assert caught.value.which == f"use-policy.{field}"
    assert caught.value.next_step


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused_when_read(name: str) -> None:
    """Nobody acts on a foreign policy that contradicts itself."""
    fields, _, _ = CONTRADICTIONS[name]
    with pytest.raises(errors.DecodeError):
        policies.UsePolicy.decode(changed(fields).encode())


def test_all_faults_are_told_at_once_and_only_once() -> None:
    """Whoever checks a policy sees everything that is wrong with it."""
    found = list(policies.faults(changed({"title": "", "price": 3, "countries": ("ZZ",), "licence": "x"})))
    assert [fault.field for fault in found] == ["title", "countries", "price", "licence"]


@pytest.mark.parametrize(("now", "fits"), [(1_999_999_999, True), (2_000_000_000, False), (2_000_000_001, False)])
def test_a_policy_must_not_end_before_it_is_published(now: int, fits: bool) -> None:
    """The end is the first second without permission; a policy published then is refused, an old one is still readable."""
    if fits:
        policies.check_made(GOOD, now)
    else:
        with pytest.raises(errors.InputError, match="ended before it begins"):
            policies.check_made(GOOD, now)
    GOOD.check()


def test_duties_of_the_licence_are_asked_too() -> None:
    """What the licence asks of users is a duty, whether the owner repeats it or not."""
    asked = {
        "CC0-1.0": {"report_back"},
        "CC-BY-4.0": {"report_back", "attribution"},
        "LicenseRef-NOODL-1.0": {"report_back", "attribution", "benefit_sharing"},
    }
    for licence, duties in asked.items():
        assert {duty.value for duty in changed({"licence": licence}).asked} == duties
