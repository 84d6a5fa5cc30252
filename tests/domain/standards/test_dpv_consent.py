"""ISO/IEC TS 27560 records in DPV 2.3: taken over as they are, refused by name where they say what we do not understand."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from aicommons.domain import consents, errors
from aicommons.domain.standards import dpv_consent

FIXTURE = pathlib.Path(__file__).parents[3] / "vectors" / "standards" / "consent_27560.json"
HEALTH = frozenset({"pd:MedicalHealth"})
EXPECTED = dpv_consent.Expected("sha256:salted…", "did:web:clinic.example", "did:web:guardian.example", HEALTH)


def document() -> dict[str, Any]:
    """Return the record of the shared examples."""
    read: dict[str, Any] = json.loads(FIXTURE.read_text("utf-8"))
    return read


def test_the_shared_example_is_read_as_its_author_meant_it(child: consents.ConsentRecord) -> None:
    """A guardian's consent that was withdrawn later becomes a withdrawn record with both times."""
    record = dpv_consent.read(document(), EXPECTED, dataclasses.replace(child, commercial=True))
    first = child.history[0]
    withdrawn = consents.Change(consents.Status.WITHDRAWN, 1_795_168_800, "in the record", None)
    assert record == dataclasses.replace(child, history=(first, withdrawn))
    assert not record.status.is_live


def test_without_the_withdrawal_it_would_be_live(child: consents.ConsentRecord) -> None:
    """The same record before its withdrawal permits its purpose."""
    before = document()
    before["dpv:hasConsentStatus"].pop()
    assert dpv_consent.read(before, EXPECTED, child).status.is_live


def process(record: dict[str, Any]) -> dict[str, Any]:
    """Return the process of a record."""
    found: dict[str, Any] = record["dpv:hasProcess"]
    return found


Change = Callable[[dict[str, Any]], object]

REFUSED: dict[str, tuple[Change, str, str]] = {
    "a receipt": (lambda d: d.update({"@type": "dpv:ConsentReceipt"}), "@type", "not a consent record"),
    "another schema": (lambda d: d.update({"dct:conformsTo": "urn:x"}), "dct:conformsTo", "another schema"),
    "prefix moved": (lambda d: d["@context"].update(dpv="https://x.example#"), "@context.dpv", "meaning"),
    "no prefix": (lambda d: d["@context"].pop("dpv"), "@context", "does not define"),
    "an adult": (lambda d: d["dpv:hasDataSubject"].update({"@type": "dpv:Adult"}), "hasDataSubject", "kind of person"),
    "another person": (
        lambda d: d["dpv:hasDataSubject"].update({"dct:identifier": "x"}), "hasDataSubject", "somebody else",
    ),
    "another controller": (
        lambda d: d.update({"dpv:hasDataController": "did:web:x"}), "hasDataController", "another controller",
    ),
    "another guardian": (lambda d: d["dpv:isIndicatedBy"].update({"@id": "did:web:x"}), "isIndicatedBy", "guardian"),
    "an uncle": (lambda d: d["dpv:isIndicatedBy"].update({"@type": "dpv:User"}), "isIndicatedBy", "guardian"),
    "nobody": (lambda d: d.pop("dpv:isIndicatedBy"), "isIndicatedBy", "missing"),
    "unknown purpose": (lambda d: process(d).update({"dpv:hasPurpose": {"@id": "dpv:Fun"}}), "hasPurpose", "do not know"),
    "purpose without prefix": (lambda d: process(d).update({"dpv:hasPurpose": "Fun"}), "hasPurpose", "do not know"),
    "purpose of an undefined prefix": (
        lambda d: process(d).update({"dpv:hasPurpose": "duo:0000007"}), "hasPurpose", "do not know",
    ),
    "banned purpose": (
        lambda d: (d["@context"].update(aic="https://aicommons.example/purpose/"),
                   process(d).update({"dpv:hasPurpose": "aic:MilitaryUse"})),
        "hasPurpose", "banned",
    ),
    "no purpose": (lambda d: process(d).update({"dpv:hasPurpose": []}), "hasPurpose", "nothing is named"),
    "only storing": (lambda d: process(d).update({"dpv:hasProcessing": "dpv:Store"}), "hasProcessing", "to analyse"),
    "unknown processing": (lambda d: process(d)["dpv:hasProcessing"].append("dpv:Sell"), "hasProcessing", "do not know"),
    "other data": (lambda d: process(d).update({"dpv:hasPersonalData": "pd:Age"}), "hasPersonalData", "no consent for"),
    "another basis": (
        lambda d: process(d).update({"dpv:hasLegalBasis": "dpv:LegitimateInterest"}), "hasLegalBasis", "legal basis",
    ),
    "two bases": (
        lambda d: process(d).update({"dpv:hasLegalBasis": ["dpv:Consent", "dpv:Contract"]}), "hasLegalBasis", "legal basis",
    ),
    "recipient": (lambda d: process(d).update({"dpv:hasRecipient": "x"}), "hasRecipient", "unknown field"),
    "another duration": (
        lambda d: process(d).update({"dpv:hasDuration": {"@type": "dpv:EndlessDuration"}}), "hasDuration", "understand",
    ),
    "refused": (
        lambda d: d["dpv:hasConsentStatus"][0].update({"@id": "dpv:ConsentRefused"}), "hasConsentStatus", "no consent",
    ),
    "withdrawn before given": (lambda d: d["dpv:hasConsentStatus"].reverse(), "history", "hold together"),
    "date alone": (
        lambda d: d["dpv:hasConsentStatus"][0].update({"dct:date": {"@value": "2026-11-01", "@type": "xsd:dateTime"}}),
        "dct:date", "not a date",
    ),
    "our term without our prefix": (
        lambda d: process(d).update({"term:commercial": True}), "term:commercial", "unknown field",
    ),
    "unknown key": (lambda d: d.update({"dpv:hasRisk": "x"}), "dpv:hasRisk", "unknown field"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_name(child: consents.ConsentRecord, name: str) -> None:
    """Nothing in a record is ignored that could narrow it, and nobody else's consent is taken for this person's."""
    change, which, message = REFUSED[name]
    changed = document()
    change(changed)
    with pytest.raises(errors.InputError, match=message) as caught:
        dpv_consent.read(changed, EXPECTED, child)
    assert caught.value.which is not None
    assert which in caught.value.which


def test_a_guardian_without_proof_is_refused(child: consents.ConsentRecord) -> None:
    """A child's consent needs a guardian whose proof a steward has seen."""
    with pytest.raises(errors.InputError, match="without proof"):
        dpv_consent.read(document(), dataclasses.replace(EXPECTED, guardian=None), child)


@pytest.mark.parametrize("kind", ["adult", "child"])
def test_records_survive_being_written(adult: consents.ConsentRecord, child: consents.ConsentRecord, kind: str) -> None:
    """A record that we wrote is read as the record it was written from, every limit included."""
    record = {"adult": adult, "child": child}[kind]
    written = json.loads(json.dumps(dpv_consent.write(record, EXPECTED)))
    scope = consents.Scope(record.scope.dataset, (), None, None)
    draft = dataclasses.replace(record, purposes=("DUO:0000004",), commercial=False, scope=scope, max_uses=None)
    assert dpv_consent.read(written, EXPECTED, draft) == record


def test_receipts_say_all_that_the_person_needs_and_not_the_code(adult: consents.ConsentRecord) -> None:
    """A receipt names controller, purposes, end, way of withdrawal and its proof; the withdrawal code stays on paper."""
    receipt = consents.Receipt(
        adult.record, 3, 7, "Heart", adult.controller, adult.subject, adult.purposes, False, ("age",), adult.given,
        adult.history[0].at, adult.expiry, None, 5, "Asha", "at the desk", "sw", b"\x08" * 32, b"\x09" * 32, "12-34-56",
    )  # fmt: skip
    written = dpv_consent.write_receipt(receipt)
    text = json.dumps(written)
    assert written["@type"] == "dpv:ConsentReceipt"
    for needed in ("Clinic", "dpv:ScientificResearch", "duo:0000043", "at the desk", "2027-11-01T", "08" * 32, "Heart"):
        assert needed in text
    assert "12-34-56" not in text
