"""FHIR R4B consents: taken over with everything they say, refused by name wherever they say what we do not understand."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from aicommons.domain import consents, errors
from aicommons.domain.standards import fhir_consent

FIXTURE = pathlib.Path(__file__).parents[3] / "vectors" / "standards" / "fhir_consent_r4b.json"
EXPECTED = fhir_consent.Expected("Patient/1", "RelatedPerson/guardian", "urn:policy:heart-1")
NOW = 1_800_000_000
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def resource() -> dict[str, Any]:
    """Return the resource of the shared examples."""
    read: dict[str, Any] = json.loads(FIXTURE.read_bytes())
    return read


def test_the_shared_example_is_read_as_its_author_meant_it(child: consents.ConsentRecord) -> None:
    """A guardian's consent to healthcare research to the end of 2027 becomes a record that says just this."""
    record = fhir_consent.read(resource(), EXPECTED, dataclasses.replace(child, commercial=True), now=NOW)
    first = dataclasses.replace(child.history[0], at=1_793_491_200)
    expected = dataclasses.replace(child, purposes=("DUO:0000006",), expiry=1_830_297_600, history=(first,))
    assert record == expected
    assert record.status.is_live


@pytest.mark.parametrize(
    ("status", "became"),
    [("inactive", consents.Status.WITHDRAWN), ("entered-in-error", consents.Status.INVALIDATED)],
)
def test_a_consent_that_ended_is_taken_over_as_ended(
    child: consents.ConsentRecord, status: str, became: consents.Status
) -> None:
    """What is no longer active permits nothing here either, and the history says since when we know."""
    record = fhir_consent.read(resource() | {"status": status}, EXPECTED, child, now=NOW)
    assert (record.status, record.history[-1].at, record.status.is_live) == (became, NOW, False)


Change = Callable[[dict[str, Any]], object]


def extend(extension: dict[str, Any]) -> Change:
    """Return a change that adds a modifier extension to the provision."""
    return lambda r: r["provision"].update(modifierExtension=[extension])


REFUSED: dict[str, tuple[Change, str, str]] = {
    "another resource": (lambda r: r.update(resourceType="Contract"), "resourceType", "not a Consent"),
    "draft": (lambda r: r.update(status="draft"), "status", "nobody has consented"),
    "rejected": (lambda r: r.update(status="rejected"), "status", "nobody has consented"),
    "for treatment": (lambda r: r["scope"]["coding"][0].update(code="treatment"), "scope", "not a consent to research"),
    "unknown category": (lambda r: r["category"][0]["coding"][0].update(code="1-1"), "category", "do not know"),
    "another patient": (lambda r: r["patient"].update(reference="Patient/2"), "patient", "somebody else"),
    "another guardian": (lambda r: r["performer"][0].update(reference="RelatedPerson/2"), "performer", "somebody else"),
    "by the child itself": (lambda r: r["performer"][0].update(reference="Patient/1"), "performer", "somebody else"),
    "two performers": (lambda r: r["performer"].append({"reference": "Patient/1"}), "performer", "somebody else"),
    "another policy": (lambda r: r["policyRule"].update(text="urn:policy:x"), "policyRule", "another policy"),
    "coded policy": (lambda r: r["policyRule"].update(coding=[]), "policyRule.coding", "unknown field"),
    "deny": (lambda r: r["provision"].update(type="deny"), "provision.type", "permits nothing"),
    "nested provision": (lambda r: r["provision"].update(provision=[]), "provision.provision", "unknown field"),
    "actor": (lambda r: r["provision"].update(actor=[]), "provision.actor", "unknown field"),
    "data period": (lambda r: r["provision"].update(dataPeriod={}), "provision.dataPeriod", "unknown field"),
    "without end": (lambda r: r["provision"]["period"].pop("end"), "period.end", "missing"),
    "begins later": (lambda r: r["provision"]["period"].update(start="2027-01-01"), "period.start", "begins later"),
    "ends before": (lambda r: r["provision"]["period"].update(end="2026-10-01"), "expiry", "hold together"),
    "no such day": (lambda r: r["provision"]["period"].update(end="2027-02-30"), "period.end", "not a date"),
    "month alone": (lambda r: r.update(dateTime="2026-11"), "dateTime", "not a date"),
    "only access": (
        lambda r: r["provision"]["action"][0]["coding"][0].update(code="access"), "provision.action", "no consent to use",
    ),
    "unknown action": (lambda r: r["provision"]["action"][0]["coding"][0].update(code="sell"), "action", "understand"),
    "unknown purpose": (lambda r: r["provision"]["purpose"][0].update(code="HPAYMT"), "purpose", "do not know"),
    "unknown system": (lambda r: r["provision"]["purpose"][0].update(system="urn:x"), "purpose", "do not know"),
    "banned purpose": (
        lambda r: r["provision"].update(purpose=[{"system": "https://aicommons.example/purpose", "code": "SocialScoring"}]),
        "purpose", "banned",
    ),
    "somebody's modifier": (lambda r: r.update(modifierExtension=[]), "modifierExtension", "unknown field"),
    "somebody's modifier of the provision": (extend({"url": "urn:x", "valueBoolean": True}), "modifier", "understand"),
    "our modifier without our address": (extend({"url": "commercial", "valueBoolean": True}), "modifier", "understand"),
    "commercial in words": (
        extend({"url": fhir_consent.EXTENSION + "commercial", "valueBoolean": "true"}), "valueBoolean", "wrong value",
    ),
    "security label": (lambda r: r["provision"].update(securityLabel=[]), "securityLabel", "unknown field"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_name(child: consents.ConsentRecord, name: str) -> None:
    """Nothing in a resource is ignored that could narrow it, and nobody else's consent is taken for this person's."""
    change, which, message = REFUSED[name]
    changed = resource()
    change(changed)
    with pytest.raises(errors.InputError, match=message) as caught:
        fhir_consent.read(changed, EXPECTED, child, now=NOW)
    assert caught.value.which is not None
    assert which in caught.value.which


def test_a_guardian_without_proof_is_refused(child: consents.ConsentRecord) -> None:
    """A child's consent needs a guardian whose proof a steward has seen, and the message says to enter it."""
    for expected, draft in (
        (dataclasses.replace(EXPECTED, guardian=None), child),
        (EXPECTED, dataclasses.replace(child, guardian=None)),
    ):
        with pytest.raises(errors.InputError, match="without proof") as caught:
            fhir_consent.read(resource(), expected, draft, now=NOW)
        assert "proof of guardianship" in (caught.value.next_step or "")


@pytest.mark.parametrize("kind", ["adult", "child"])
def test_records_survive_being_a_resource(
    adult: consents.ConsentRecord, child: consents.ConsentRecord, kind: str
) -> None:
    """A resource that we wrote is read as the record it was written from, every limit included."""
    record = {"adult": adult, "child": child}[kind]
    written = json.loads(json.dumps(fhir_consent.write(record, EXPECTED)))
    scope = consents.Scope(record.scope.dataset, (), None, None)
    draft = dataclasses.replace(
        record, purposes=("DUO:0000004",), commercial=False, scope=scope, max_uses=None, expiry=1
    )
    assert fhir_consent.read(written, EXPECTED, draft, now=NOW) == record


def test_a_withdrawn_record_is_written_as_inactive(adult: consents.ConsentRecord) -> None:
    """Whoever reads our resource sees that it permits nothing any more."""
    for status, written in ((consents.Status.WITHDRAWN, "inactive"), (consents.Status.INVALIDATED, "entered-in-error")):
        ended = dataclasses.replace(adult, history=(*adult.history, consents.Change(status, NOW, "holder", None)))
        assert fhir_consent.write(ended, EXPECTED)["status"] == written


def test_a_child_is_not_written_without_its_guardian(child: consents.ConsentRecord) -> None:
    """A resource never says that a child consented by itself."""
    with pytest.raises(errors.InputError, match="guardian"):
        fhir_consent.write(child, dataclasses.replace(EXPECTED, guardian=None))
