"""ODRL offers: written and read back without loss, and refused by name wherever they say what we do not understand."""

import copy
import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import errors, ids, licences, policies, vocabulary
from aicommons.domain.standards import odrl

FIXTURE = pathlib.Path(__file__).parents[3] / "vectors" / "standards" / "odrl_offer.json"
HOSPITAL = "did:web:hospital.example"
PARTIES = odrl.Parties("urn:dataset:heart", {HOSPITAL: ids.MemberId(1), "did:web:lab.example": ids.MemberId(2)})
BASE = policies.UsePolicy(
    title="Heart", assigner=ids.MemberId(1), permitted=("DUO:0000004",), prohibited=(), commercial=True,
    countries=("KE",), licence="CC-BY-4.0", minimum_cohort=20, minimum_cell=5,
    small_cells=policies.SmallCells.SUPPRESS, epsilon=None, privacy_unit=policies.PrivacyUnit.RECORD, price=7,
    free_commons=False, duties=(), until=None, person_column=None,
)  # fmt: skip


def offer() -> dict[str, Any]:
    """Return the offer of the shared examples."""
    read: dict[str, Any] = json.loads(FIXTURE.read_bytes())
    return read


def test_the_shared_example_is_read_as_its_author_meant_it() -> None:
    """Everything the example says becomes the policy's, its silence permits nothing, and the rest is the owner's."""
    policy = odrl.read(offer(), PARTIES, BASE)
    assert policy == dataclasses.replace(
        BASE, permitted=("dpv:ScientificResearch",), commercial=False, countries=(), epsilon="3.0",
        until=1_830_211_201, duties=(policies.Duty.ATTRIBUTION,),
    )  # fmt: skip


Change = Callable[[dict[str, Any]], object]


def rule(document: dict[str, Any]) -> dict[str, Any]:
    """Return the permission of the example."""
    found: dict[str, Any] = document["permission"][0]
    return found


def constrain(*constraints: dict[str, Any]) -> Change:
    """Return a change that adds constraints to the permission."""
    return lambda document: rule(document)["constraint"].extend(constraints)


def constraint(operand: str, operator: str, right: object) -> dict[str, Any]:
    """Return one constraint."""
    return {"leftOperand": operand, "operator": operator, "rightOperand": right}


REFUSED: dict[str, tuple[Change, str, str]] = {
    "other dataset": (lambda d: rule(d).update(target="urn:dataset:other"), "permission.target", "something else"),
    "other assigner": (lambda d: rule(d).update(assigner="did:web:lab.example"), "permission.assigner", "somebody else"),
    "stranger as assigner": (lambda d: rule(d).update(assigner="did:web:x"), "permission.assigner", "no member"),
    "no assigner": (lambda d: rule(d).pop("assigner"), "permission.assigner", "what it is about"),
    "no target": (lambda d: rule(d).pop("target"), "permission.target", "what it is about"),
    "stranger as assignee": (lambda d: rule(d).update(assignee="did:web:x"), "permission.assignee", "no member"),
    "assignee 0": (lambda d: rule(d).update(assignee="urn:aicommons:member:0"), "permission.assignee", "no member"),
    "prohibition for another dataset": (
        lambda d: d["prohibition"][0].update(target="urn:x"), "prohibition[0].target", "something else",
    ),
    "prohibition for one party": (
        lambda d: d["prohibition"][0].update(assignee="did:web:lab.example"), "prohibition[0].assignee", "one party",
    ),
    "other profile": (lambda d: d.update(profile="urn:x"), "odrl.profile", "another profile"),
    "no profile": (lambda d: d.pop("profile"), "odrl.profile", "missing"),
    "a set": (lambda d: d.update(type="Set"), "odrl.type", "neither an offer"),
    "permissions win": (lambda d: d.update(conflict="perm"), "odrl.conflict", "conflicts"),
    "inheritance": (lambda d: d.update(inheritFrom="urn:x"), "odrl.inheritFrom", "unknown field"),
    "obligation": (lambda d: d.update(obligation=[]), "odrl.obligation", "unknown field"),
    "other action": (lambda d: rule(d).update(action="use"), "permission.action", "do not understand"),
    "refined action": (
        lambda d: rule(d).update(action={"rdf:value": {"@id": "use"}, "refinement": []}), "permission.action", "name",
    ),
    "no permission": (lambda d: d.update(permission=[]), "odrl.permission", "not one permission"),
    "two permissions to train": (
        lambda d: d["permission"].append(copy.deepcopy(rule(d))), "permission[1].action", "do not understand",
    ),
    "unknown key of a rule": (lambda d: rule(d).update(remedy={}), "permission.remedy", "unknown field"),
    "unknown prohibition": (
        lambda d: d["prohibition"].append({"target": "urn:dataset:heart", "action": "derive"}),
        "prohibition[2].action", "do not understand",
    ),
    "training prohibited altogether": (
        lambda d: d["prohibition"].append({"target": "urn:dataset:heart", "action": odrl.TRAIN}),
        "constraint", "missing",
    ),
    "no purpose": (lambda d: rule(d)["constraint"].pop(0), "permission.constraint", "without a purpose"),
    "exact purpose": (
        lambda d: rule(d)["constraint"][0].update(operator="eq"), "constraint[0]", "do not understand",
    ),
    "unknown purpose": (
        lambda d: rule(d)["constraint"][0].update(rightOperand="dpv:Fun"), "constraint[0].rightOperand", "do not know",
    ),
    "purpose of an undefined prefix": (
        lambda d: rule(d)["constraint"][0].update(rightOperand="aic:FoodAndFarming"), "rightOperand", "do not know",
    ),
    "banned purpose": (
        lambda d: rule(d)["constraint"][0].update(rightOperand="https://aicommons.example/purpose/MilitaryUse"),
        "use-policy.permitted", "banned",
    ),
    "unknown operand": (constrain(constraint("industry", "eq", {"@value": "x"})), "constraint[3]", "do not understand"),
    "unknown operator": (constrain(constraint("dateTime", "gt", {})), "constraint[3]", "do not understand"),
    "second end": (
        constrain(constraint("dateTime", "lt", {"@value": "2027-01-01T00:00:00Z", "@type": "xsd:dateTime"})),
        "constraint[3]", "second constraint",
    ),
    "unit that is ours to know": (
        lambda d: rule(d)["constraint"][2].update(unit="urn:x"), "constraint[2].unit", "unknown field",
    ),
    "end without offset": (
        lambda d: rule(d)["constraint"][1].update(rightOperand={"@value": "2027-12-31T00:00:00", "@type": "xsd:dateTime"}),
        "rightOperand", "with time and offset",
    ),
    "end as a date": (
        lambda d: rule(d)["constraint"][1].update(rightOperand={"@value": "2027-12-31", "@type": "xsd:date"}),
        "rightOperand", "type dateTime",
    ),
    "epsilon as text": (
        lambda d: rule(d)["constraint"][2].update(rightOperand="3.0"), "constraint[2].rightOperand", "type decimal",
    ),
    "epsilon below zero": (
        lambda d: rule(d)["constraint"][2]["rightOperand"].update({"@value": "-1"}), "use-policy.epsilon", "above 0",
    ),
    "unknown country": (
        constrain(constraint("spatial", "eq", {"@value": "Kenya"})), "use-policy.countries", "unknown country",
    ),
    "unknown duty": (lambda d: rule(d)["duty"].append({"action": "inform"}), "duty[1]", "do not understand"),
    "refined duty": (
        lambda d: rule(d)["duty"][0].update(constraint=[]), "duty.constraint", "unknown field",
    ),
    "price as a fraction": (
        lambda d: rule(d)["duty"].append({"action": "compensate", "constraint": [
            constraint("payAmount", "eq", {"@value": "0.5", "@type": "xsd:integer"})]}),
        "rightOperand", "whole number",
    ),
    "permission renamed": (lambda d: d["@context"].update(permission="odrl:prohibition"), "@context.permission", "meaning"),
    "prefix moved": (lambda d: d["@context"].update(dpv="https://w3id.org/other#"), "@context.dpv", "meaning"),
    "context from elsewhere": (lambda d: d.update({"@context": "https://x.example"}), "odrl.@context", "do not know"),
    "no vocabulary": (lambda d: d["@context"].pop("@vocab"), "odrl.@context", "does not define"),
    "purpose both permitted and prohibited": (
        lambda d: d["prohibition"].append({"target": "urn:dataset:heart", "action": odrl.TRAIN, "constraint": [
            constraint("purpose", "isA", "dpv:ResearchAndDevelopment")]}),
        "use-policy.permitted", "both permitted",
    ),
    "two constraints of a prohibition": (
        lambda d: d["prohibition"].append({"target": "urn:dataset:heart", "action": odrl.TRAIN, "constraint": [
            constraint("purpose", "isA", "duo:0000007"), constraint("purpose", "isA", "duo:0000011")]}),
        "constraint", "exactly one",
    ),
    "commercial use permitted and prohibited": (
        lambda d: d["permission"].append({"target": "urn:dataset:heart", "assigner": HOSPITAL, "action": "commercialize"}),
        "prohibition[0].action", "both permitted",
    ),
    "unknown licence": (
        lambda d: (d["@context"].update(dct="http://purl.org/dc/terms/"), d.update({"dct:license": "mine"})),
        "use-policy.licence", "unknown licence",
    ),
    "licence under an undefined prefix": (lambda d: d.update({"dct:license": "MIT"}), "dct:license", "unknown field"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_name(name: str) -> None:
    """Nothing in a foreign offer is ignored: the first part that is not ours is named, and nothing is taken over."""
    change, which, message = REFUSED[name]
    document = offer()
    change(document)
    with pytest.raises(errors.InputError, match=message) as caught:
        odrl.read(document, PARTIES, BASE)
    assert caught.value.which is not None
    assert which in caught.value.which


@pytest.mark.parametrize("document", [None, [], "Offer", 3, {}, {"@context": None}])
def test_what_is_no_offer_is_refused(document: object) -> None:
    """Any other JSON is refused, too."""
    with pytest.raises(errors.InputError):
        odrl.read(document, PARTIES, BASE)


READ_ALIKE: dict[str, Change] = {
    "parties for the whole offer": lambda d: (
        d.update(assigner=HOSPITAL, target="urn:dataset:heart"),
        [each.pop("target") for each in (*d["permission"], *d["prohibition"])],
        rule(d).pop("assigner"),
    ),
    "purpose by its address": lambda d: rule(d)["constraint"][0].update(
        rightOperand={"@id": "https://w3id.org/dpv#ScientificResearch"}
    ),
    "terms with prefix": lambda d: (
        rule(d)["constraint"][0].update(leftOperand="odrl:purpose", operator="http://www.w3.org/ns/odrl/2/isA"),
        d["prohibition"][0].update(action="odrl:commercialize"),
    ),
    "one rule without a list": lambda d: d.update(permission=rule(d)),
    "context of the W3C": lambda d: d.update({"@context": ["http://www.w3.org/ns/odrl.jsonld", d["@context"]]}),
    "keywords themselves": lambda d: d.update({"@type": d.pop("type"), "@id": d.pop("uid")}),
    "offset of another zone": lambda d: rule(d)["constraint"][1]["rightOperand"].update(
        {"@value": "2027-12-31T03:00:00+03:00"}
    ),
    "a prohibition says less": lambda d: d.pop("prohibition"),
    "assigner by membership": lambda d: rule(d).update(assigner="urn:aicommons:member:1"),
}


@pytest.mark.parametrize("name", READ_ALIKE)
def test_other_spellings_mean_the_same(name: str) -> None:
    """What ODRL lets an author write differently is read as the same policy."""
    document = offer()
    READ_ALIKE[name](document)
    assert odrl.read(document, PARTIES, BASE) == odrl.read(offer(), PARTIES, BASE)


def test_an_assignee_is_the_only_one_who_may() -> None:
    """A party named in an agreement becomes the policy's assignee; a stricter owner stays stricter."""
    document = offer()
    document["type"] = "Agreement"
    rule(document)["assignee"] = "did:web:lab.example"
    assert odrl.read(document, PARTIES, BASE).assignee == 2
    assert odrl.read(offer(), PARTIES, dataclasses.replace(BASE, assignee=ids.MemberId(3))).assignee == 3


OPEN = sorted(each.identifier for each in licences.known().values() if each.adaptation)
POLICIES = st.builds(
    policies.UsePolicy, title=st.text(min_size=1, max_size=20), assigner=st.just(ids.MemberId(1)),
    permitted=st.lists(st.sampled_from([each.code for each in vocabulary.PURPOSES]), max_size=4).map(tuple),
    prohibited=st.lists(st.sampled_from([each.code for each in vocabulary.PURPOSES]), max_size=3).map(tuple),
    commercial=st.booleans(),
    countries=st.lists(st.sampled_from(["KE", "TZ", "FR"]), unique=True).map(tuple), licence=st.sampled_from(OPEN),
    minimum_cohort=st.integers(5, 50), minimum_cell=st.just(5), small_cells=st.sampled_from(list(policies.SmallCells)[1:]),
    epsilon=st.none() | st.sampled_from(["3.0", "0.5"]), privacy_unit=st.sampled_from(policies.PrivacyUnit),
    price=st.integers(0, 10**15 - 1), free_commons=st.booleans(),
    duties=st.lists(st.sampled_from(policies.Duty), unique=True).map(tuple), until=st.none() | st.integers(0, 2**32),
    person_column=st.none() | st.just("patient"), assignee=st.none() | st.integers(1, 9).map(ids.MemberId),
)  # fmt: skip


@given(POLICIES)
def test_policies_survive_being_an_offer(policy: policies.UsePolicy) -> None:
    """An offer that we wrote is read as the very same policy, whatever the reader's own base says."""
    if any(policies.faults(policy)):
        return
    document = json.loads(json.dumps(odrl.write(policy, odrl.dataset_name(7))))
    base = dataclasses.replace(BASE, person_column="other", privacy_unit=policies.PrivacyUnit.PERSON)
    assert odrl.read(document, odrl.Parties(odrl.dataset_name(7), {}), base) == policy


def test_a_whole_policy_survives_being_an_offer() -> None:
    """The same for one policy in which every field says something."""
    policy = dataclasses.replace(
        BASE, permitted=("DUO:0000006", "aic:FoodAndFarming"), prohibited=("DUO:0000007", "dpv:Advertising"),
        commercial=True, countries=("KE", "TZ"), epsilon="0.5", privacy_unit=policies.PrivacyUnit.PERSON,
        person_column="patient", duties=tuple(policies.Duty), until=2_000_000_000, assignee=ids.MemberId(4),
    )  # fmt: skip
    assert not list(policies.faults(policy))
    base = dataclasses.replace(BASE, minimum_cohort=1, price=0)
    assert odrl.read(odrl.write(policy, "urn:x"), odrl.Parties("urn:x", {}), base) == policy
