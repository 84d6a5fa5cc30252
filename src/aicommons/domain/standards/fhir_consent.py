"""Consents of people as HL7 FHIR R4B ``Consent`` resources, read and written; what we do not understand is a refusal.

Hospitals keep consents in their own systems; a steward takes them over with ``read`` and gives them back with ``write``.
FHIR says who consented, when, for what purpose and until when; what only the commons knows (dataset, evidence, controller,
way of withdrawal) is the steward's draft. Where our record is narrower than FHIR can say, ``write`` uses
``modifierExtension``, which a reader must not ignore. A patient, a guardian or a policy that is not the expected one is
refused. Pure; the register keeps the record.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from aicommons.domain import consents, errors, fields, vocabulary
from aicommons.domain.standards import jsonld

WHICH = "consent"
EXTENSION = "https://aicommons.example/fhir/consent/"
SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CATEGORIES = frozenset(
    {
        ("http://loinc.org", "59284-0"),
        ("http://loinc.org", "57016-8"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "RESEARCH"),
        ("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "research"),
    }
)
"""Kinds of consent documents that can be about research."""
KNOWN_ACTIONS = frozenset({"collect", "access", "use", "disclose", "correct"})
PURPOSES: Mapping[str, str] = {
    "HRESCH": "DUO:0000006",
    "BIORCH": "DUO:0000006",
    "CLINTRCH": "DUO:0000006",
    "TRANSRCH": "DUO:0000006",
    "DSRCH": "DUO:0000007",
    "POARCH": "DUO:0000011",
    "TREAT": "DUO:0000043",
    "HQUALIMP": "dpv:ImproveHealthcare",
    "HMARKT": "dpv:Marketing",
}
"""Code of v3-ActReason -> purpose."""
SYSTEMS: Mapping[str, str] = {
    "http://purl.obolibrary.org/obo/duo.owl": "DUO:",
    "https://w3id.org/dpv": "dpv:",
    "https://aicommons.example/purpose": "aic:",
}
"""Code system -> prefix of our purpose codes."""
STATUS: Mapping[str, consents.Status | None] = {
    "active": None,
    "inactive": consents.Status.WITHDRAWN,
    "entered-in-error": consents.Status.INVALIDATED,
}
"""Status of a resource -> what happened to the consent after it was given."""


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """Names that a resource must use; any other is refused."""

    patient: str
    """Reference of the person, such as ``Patient/1``."""
    guardian: str | None
    """Reference of the guardian whose proof the steward has, such as ``RelatedPerson/2``, or ``None``."""
    policy: str
    """Name of the dataset's policy."""


# ------------------------------------------------------------------------------------------------------------- reading


def read(resource: object, expected: Expected, draft: consents.ConsentRecord, *, now: int) -> consents.ConsentRecord:
    """Return a resource as a record of the person that ``draft`` is about.

    Purposes, times and status are the resource's; the draft's terms stay where FHIR says nothing, and commercial use is
    permitted only by our extension.

    Args:
        resource: parsed JSON.
        expected: who and what it must be about.
        draft: what the steward says.
        now: seconds since 1970; when a consent that is no longer active was found to be so.

    Raises:
        errors.InputError: the first part that we do not understand or that is about somebody or something else.
    """
    reader = jsonld.node(resource, WHICH)
    _head(reader, expected)
    status = reader.text("status")
    if status not in STATUS:
        raise jsonld.refusal("consent.status", "nobody has consented, or nobody knows", status)
    given = _start(reader.text("dateTime"), "consent.dateTime")
    _performer(reader, expected, draft)
    terms = _provision(jsonld.node(reader.value("provision"), "consent.provision"), given, draft)
    reader.close()
    first = dataclasses.replace(draft.history[0], status=consents.Status.GIVEN, at=given)
    after = STATUS[status]
    later = () if after is None else (consents.Change(after, max(now, given), "found in the resource", None),)
    record = dataclasses.replace(draft, **terms, history=(first, *later))
    try:
        record.check()
    except errors.DecodeError as err:
        raise errors.InputError(err.message, which=err.which, expected=err.expected) from err
    return record


def given_at(resource: object) -> int:
    """Return when a resource says that it was given, in seconds since 1970; raises ``errors.InputError``."""
    return _start(jsonld.node(resource, WHICH).text("dateTime"), "consent.dateTime")


def _head(reader: fields.Fields, expected: Expected) -> None:
    if (kind := reader.text("resourceType")) != "Consent":
        raise jsonld.refusal("consent.resourceType", "not a Consent", kind)
    for name in ("id", "identifier", "text", "organization"):
        if reader.has(name):
            reader.value(name)  # names and narrative: they neither permit nor forbid anything
    scope = _codes(reader.value("scope"), "consent.scope")
    if scope != [(SCOPES, "research")]:
        raise jsonld.refusal("consent.scope", "not a consent to research", str(scope[0][1]))
    for value, which in jsonld.listed(reader.value("category"), "consent.category"):
        for code in _codes(value, which):
            if code not in CATEGORIES:
                raise jsonld.refusal(which, "a kind of consent that we do not know", code[1])
    if (patient := _reference(reader.value("patient"), "consent.patient")) != expected.patient:
        raise jsonld.refusal("consent.patient", "a consent of somebody else", "another patient" if patient else "")
    rule = jsonld.node(reader.value("policyRule"), "consent.policyRule")
    if (policy := rule.text("text", most=500)) != expected.policy:
        raise jsonld.refusal("consent.policyRule", "a consent to another policy", policy)
    rule.close()


def _performer(reader: fields.Fields, expected: Expected, draft: consents.ConsentRecord) -> None:
    """Check who consented: the adult, or for a child the guardian whose proof the steward has seen."""
    items = jsonld.listed(reader.value("performer"), "consent.performer")
    names = [_reference(value, which) for value, which in items]
    is_child = draft.subject is consents.Subject.CHILD
    if is_child and (expected.guardian is None or draft.guardian is None):
        raise errors.InputError(
            "a guardian without proof", which="consent.performer", expected="a guardian whose proof a steward has seen",
            got="none", next_step="Enter the guardian with the proof of guardianship first.",
        )  # fmt: skip
    if names != [expected.guardian if is_child else expected.patient]:
        raise jsonld.refusal("consent.performer", "consent by somebody else than the person or its guardian", "another")


def _provision(reader: fields.Fields, given: int, draft: consents.ConsentRecord) -> dict[str, Any]:
    which = "consent.provision"
    if (kind := reader.text("type")) != "permit":
        raise jsonld.refusal(f"{which}.type", "permits nothing", kind)
    period = jsonld.node(reader.value("period"), f"{which}.period")
    start = _start(period.text("start"), f"{which}.period.start") if period.has("start") else given
    end = _end(period.text("end"), f"{which}.period.end")
    period.close()
    if start > given:
        raise jsonld.refusal(f"{which}.period.start", "a consent that begins later than it was given", "a later day")
    for value, place in jsonld.listed(reader.value("action"), f"{which}.action"):
        for system, code in _codes(value, place):
            if system != ACTIONS or code not in KNOWN_ACTIONS:
                raise jsonld.refusal(place, "an action that we do not understand", code)
    actions = [
        code for value, place in jsonld.listed(reader.value("action"), which) for _, code in _codes(value, place)
    ]
    if "use" not in actions:
        raise jsonld.refusal(f"{which}.action", "no consent to use", ", ".join(actions))
    found = [_purpose(value, place) for value, place in jsonld.listed(reader.value("purpose"), f"{which}.purpose")]
    narrower = reader.items("modifierExtension", most=200) if reader.has("modifierExtension") else []
    reader.close()
    terms = {"purposes": tuple(dict.fromkeys(found)), "expiry": end, "commercial": False}
    return terms | _narrower(narrower, draft)


def _narrower(items: list[object], draft: consents.ConsentRecord) -> dict[str, Any]:
    """Return what our extensions say; raises ``errors.InputError`` for anybody else's, which nobody may ignore."""
    which = "consent.provision.modifierExtension"
    terms: dict[str, Any] = {}
    scope: dict[str, Any] = {}
    named: list[str] = []
    for value, place in jsonld.listed(items, which):
        reader = jsonld.node(value, place)
        url = reader.text("url", most=500)
        name = url.removeprefix(EXTENSION) if url.startswith(EXTENSION) else f"of {url}"
        if name == "field":
            named.append(reader.text("valueString"))
        elif name == "commercial":
            terms["commercial"] = reader.flag("valueBoolean")
        elif name == "only-problem":
            scope["problem"] = reader.words("valueString")
        elif name == "only-solver":
            scope["grantee"] = reader.whole_within("valuePositiveInt", 1, 2**31 - 1)
        elif name == "most-uses":
            terms["max_uses"] = reader.whole_within("valuePositiveInt", 1, 2**31 - 1)
        else:
            raise jsonld.refusal(place, "an extension that changes the meaning and that we do not understand", name)
        reader.close()
    if named:
        scope["fields"] = tuple(named)
    return terms | {"scope": dataclasses.replace(draft.scope, **scope)}


def _purpose(value: object, which: str) -> str:
    system, code = _coding(value, which)
    ours = PURPOSES.get(code) if system == REASONS else None
    prefix = SYSTEMS.get(system)
    if prefix is not None:
        ours = prefix + code.removeprefix(prefix)
    if ours is None or ours not in {each.code for each in vocabulary.PURPOSES}:
        raise jsonld.refusal(which, "a purpose that we do not know", f"{system} {code}")
    if ours in vocabulary.BANNED_PURPOSES:
        raise jsonld.refusal(which, "a purpose that is banned in the commons", ours)
    return ours


def _codes(value: object, which: str) -> list[tuple[str, str]]:
    """Return system and code of every coding of a CodeableConcept."""
    reader = jsonld.node(value, which)
    codings = [_coding(each, place) for each, place in jsonld.listed(reader.value("coding"), f"{which}.coding")]
    if reader.has("text"):
        reader.text("text", most=500)
    reader.close()
    if not codings:
        raise jsonld.refusal(which, "a concept without a code", "nothing")
    return codings


def _coding(value: object, which: str) -> tuple[str, str]:
    reader = jsonld.node(value, which)
    if reader.has("display"):
        reader.text("display", most=500)
    found = reader.text("system"), reader.text("code")
    reader.close()
    return found


def _reference(value: object, which: str) -> str:
    reader = jsonld.node(value, which)
    if reader.has("display"):
        reader.value("display")
    name = reader.text("reference")
    reader.close()
    return name


def _start(text: str, which: str) -> int:
    """Return the first second of a FHIR date or dateTime; a date alone is a day in UTC."""
    return jsonld.seconds(text if len(text) > 10 else f"{text}T00:00:00Z", which)


def _end(text: str, which: str) -> int:
    """Return the first second after a FHIR period: its end is included, the whole day where it is a date."""
    if len(text) > 10:
        return jsonld.seconds(text, which) + 1
    return _start(text, which) + int(dt.timedelta(days=1).total_seconds())


# ------------------------------------------------------------------------------------------------------------- writing


def write(record: consents.ConsentRecord, names: Expected) -> dict[str, object]:
    """Return a record as a resource; ``read`` gives the same purposes, times and scope back.

    Raises:
        errors.InputError: a child's record without the guardian's reference.
    """
    performer = names.patient if record.guardian is None else names.guardian
    if performer is None:
        raise errors.InputError("the guardian needs a reference", which="consent.performer", expected="RelatedPerson/…")
    return {
        "resourceType": "Consent",
        "status": next(name for name, status in STATUS.items() if _fits(status, record.status)),
        "scope": {"coding": [{"system": SCOPES, "code": "research"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": names.patient},
        "dateTime": jsonld.stamp(record.history[0].at),
        "performer": [{"reference": performer}],
        "policyRule": {"text": names.policy},
        "provision": {
            "modifierExtension": list(_extensions(record)),
            "type": "permit",
            "period": {"start": jsonld.stamp(record.history[0].at), "end": jsonld.stamp(record.expiry - 1)},
            "action": [{"coding": [{"system": ACTIONS, "code": "use"}]}],
            "purpose": [_written(code) for code in record.purposes],
        },
    }


def _fits(status: consents.Status | None, present: consents.Status) -> bool:
    if present.is_live:
        return status is None
    return status is (present if present is consents.Status.INVALIDATED else consents.Status.WITHDRAWN)


def _extensions(record: consents.ConsentRecord) -> list[dict[str, object]]:
    scope = record.scope
    said: list[tuple[str, str, object]] = [("commercial", "valueBoolean", record.commercial)]
    said += [("field", "valueString", name) for name in scope.fields]
    if scope.problem is not None:
        said.append(("only-problem", "valueString", scope.problem.hex()))
    if scope.grantee is not None:
        said.append(("only-solver", "valuePositiveInt", scope.grantee))
    if record.max_uses is not None:
        said.append(("most-uses", "valuePositiveInt", record.max_uses))
    return [{"url": EXTENSION + name, kind: value} for name, kind, value in said]


def _written(code: str) -> dict[str, str]:
    system = next(name for name, prefix in SYSTEMS.items() if code.startswith(prefix))
    bare = code if system.endswith("duo.owl") else code.split(":", 1)[1]
    return {"system": system, "code": bare, "display": vocabulary.purpose(code).label}
