"""Consents of people as ISO/IEC TS 27560 records and receipts in DPV 2.3 (JSON-LD), written and read.

A record that another system kept becomes ours with ``read``: purposes, processing, legal basis, status history and who
indicated it are its own; dataset, evidence and way of withdrawal are the steward's draft. A receipt is written for the
person who takes it home, without the withdrawal code, which is printed for nobody else. Terms that DPV has no word for
have our prefix. What we do not understand is a refusal; a subject, controller or guardian that is not the expected one too.
Pure; the register keeps the record.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from aicommons.domain import consents, errors, fields, vocabulary
from aicommons.domain.standards import jsonld

WHICH = "consent-record"
CONFORMS = "https://w3id.org/dpv/schema/dpv-27560"
DPV = "https://w3id.org/dpv#"
CONTEXT: Mapping[str, object] = {
    "dpv": DPV,
    "dct": "http://purl.org/dc/terms/",
    "xsd": jsonld.XSD,
    "pd": "https://w3id.org/dpv/pd#",
    "duo": "http://purl.obolibrary.org/obo/DUO_",
    "aic": "https://aicommons.example/purpose/",
    "term": "https://aicommons.example/consent/",
    "dct:conformsTo": {"@type": "@id"},
}
"""All that a context may say."""
PREFIXES: Mapping[str, str] = {"dpv": "dpv:", "duo": "DUO:", "aic": "aic:"}
"""Prefix in a record -> prefix of our purpose codes."""
SUFFICIENT = frozenset({"dpv:Analyse", "dpv:Use", "dpv:Processing"})
"""Processing that covers training; a record must consent to one of these."""
GUARDIANS = frozenset({"dpv:ParentOfDataSubject", "dpv:GuardianOfDataSubject"})


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """Names that a record must use; any other is refused."""

    subject: str
    """Identifier of the person."""
    controller: str
    """Name of who answers for the data."""
    guardian: str | None
    """Name of the guardian whose proof the steward has, or ``None``."""
    personal_data: frozenset[str]
    """Categories of personal data that the dataset holds, such as ``pd:MedicalHealth``; the record must name them all."""


# ------------------------------------------------------------------------------------------------------------- reading


def read(document: object, expected: Expected, draft: consents.ConsentRecord) -> consents.ConsentRecord:
    """Return a record in DPV as our record of the person that ``draft`` is about.

    The draft's expiry, scope and uses stay where the record says nothing; commercial use is permitted only by our term.

    Raises:
        errors.InputError: the first part that we do not understand or that is about somebody or something else.
    """
    reader = jsonld.node(document, WHICH)
    names = jsonld.check_context(reader.value("@context"), CONTEXT, frozenset(), WHICH)
    _head(reader, names)
    _parties(reader, expected, draft)
    process = jsonld.node(reader.value("dpv:hasProcess"), f"{WHICH}.dpv:hasProcess")
    terms = _process(process, expected, draft, names)
    terms["history"] = _history(reader, draft)
    reader.close()
    record = dataclasses.replace(draft, **terms)
    try:
        record.check()
    except errors.DecodeError as err:
        raise errors.InputError(err.message, which=err.which, expected=err.expected) from err
    return record


def given_at(document: object) -> int:
    """Return the time of a record's first status, in seconds since 1970; raises ``errors.InputError``."""
    which = f"{WHICH}.dpv:hasConsentStatus"
    found = jsonld.listed(jsonld.node(document, WHICH).value("dpv:hasConsentStatus"), which)
    if not found:
        raise jsonld.refusal(which, "nobody has consented", "an empty list")
    value, place = found[0]
    return _time(jsonld.node(value, place), "dct:date")


def _head(reader: fields.Fields, names: frozenset[str]) -> None:
    for prefix in ("dpv", "dct"):
        if prefix not in names:
            raise jsonld.refusal(f"{WHICH}.@context", "a term that the context does not define", prefix)
    if (kind := reader.text("@type")) != "dpv:ConsentRecord":
        raise jsonld.refusal(f"{WHICH}.@type", "not a consent record", kind)
    if (schema := jsonld.reference(reader.value("dct:conformsTo"), f"{WHICH}.dct:conformsTo")) != CONFORMS:
        raise jsonld.refusal(f"{WHICH}.dct:conformsTo", "another schema than DPV's of ISO/IEC TS 27560", schema)
    reader.text("@id")
    if reader.has("dct:identifier"):
        reader.text("dct:identifier")


def _parties(reader: fields.Fields, expected: Expected, draft: consents.ConsentRecord) -> None:
    """Check whose data, who answers for them, and who consented."""
    subject = jsonld.node(reader.value("dpv:hasDataSubject"), f"{WHICH}.dpv:hasDataSubject")
    if (kind := subject.text("@type")) != draft.subject.value:
        raise jsonld.refusal(subject.label("@type"), "another kind of person than the draft says", kind)
    if subject.text("dct:identifier") != expected.subject:
        raise jsonld.refusal(subject.label("dct:identifier"), "a consent of somebody else", "another person")
    subject.close()
    controller = jsonld.reference(reader.value("dpv:hasDataController"), f"{WHICH}.dpv:hasDataController")
    if controller != expected.controller:
        raise jsonld.refusal(f"{WHICH}.dpv:hasDataController", "a consent to another controller", controller)
    _indicated(reader, expected, draft)


def _indicated(reader: fields.Fields, expected: Expected, draft: consents.ConsentRecord) -> None:
    which = f"{WHICH}.dpv:isIndicatedBy"
    if draft.subject is consents.Subject.ADULT and not reader.has("dpv:isIndicatedBy"):
        return  # an adult's consent is indicated by itself
    by = jsonld.node(reader.value("dpv:isIndicatedBy"), which)
    name, kind = by.text("@id"), by.text("@type")
    by.close()
    if draft.subject is consents.Subject.ADULT:
        if (name, kind) != (expected.subject, "dpv:DataSubject"):
            raise jsonld.refusal(which, "consent by somebody else than the person", kind)
        return
    if expected.guardian is None or draft.guardian is None:
        raise errors.InputError(
            "a guardian without proof", which=which, expected="a guardian whose proof a steward has seen", got="none",
            next_step="Enter the guardian with the proof of guardianship first.",
        )  # fmt: skip
    if name != expected.guardian or kind not in GUARDIANS:
        raise jsonld.refusal(which, "consent by somebody else than the child's guardian", kind)


def _process(
    process: fields.Fields, expected: Expected, draft: consents.ConsentRecord, names: frozenset[str]
) -> dict[str, Any]:
    if process.has("@type") and (kind := process.text("@type")) != "dpv:Process":
        raise jsonld.refusal(process.label("@type"), "not a process", kind)
    purposes = [_purpose(name, which, names) for name, which in _names(process, "dpv:hasPurpose")]
    processing = _names(process, "dpv:hasProcessing")
    for name, which in processing:
        if name not in vocabulary.dpv(vocabulary.Dpv.PROCESSING):
            raise jsonld.refusal(which, "a kind of processing that we do not know", name)
    if not SUFFICIENT & {name for name, _ in processing}:
        raise jsonld.refusal(process.label("dpv:hasProcessing"), "no consent to analyse", "other processing")
    data = {name for name, _ in _names(process, "dpv:hasPersonalData")}
    if missing := sorted(expected.personal_data - data):
        raise jsonld.refusal(process.label("dpv:hasPersonalData"), f"no consent for {missing[0]}", "other data")
    bases = _names(process, "dpv:hasLegalBasis")
    basis, which = bases[0]
    if len(bases) > 1 or basis not in {each.value for each in consents.Basis}:
        raise jsonld.refusal(which, "a legal basis other than consent", basis)
    terms = {"purposes": tuple(dict.fromkeys(purposes)), "basis": consents.Basis(basis), "commercial": False}
    terms |= _own_terms(process, draft, names)
    process.close()
    return terms


def _own_terms(process: fields.Fields, draft: consents.ConsentRecord, names: frozenset[str]) -> dict[str, Any]:
    """Return what the record says in our terms, and its duration."""
    terms: dict[str, Any] = {}
    scope: dict[str, Any] = {}
    if process.has("dpv:hasDuration"):
        duration = jsonld.node(process.value("dpv:hasDuration"), process.label("dpv:hasDuration"))
        if (kind := duration.text("@type")) != "dpv:UntilTimeDuration":
            raise jsonld.refusal(duration.label("@type"), "a duration that we do not understand", kind)
        terms["expiry"] = _time(duration, "dct:date")
        duration.close()
    if "term" in names:
        if process.has("term:commercial"):
            terms["commercial"] = process.flag("term:commercial")
        if process.has("term:fields"):
            scope["fields"] = process.texts("term:fields", most=10_000)
        if process.has("term:onlyProblem"):
            scope["problem"] = process.words("term:onlyProblem")
        if process.has("term:onlySolver"):
            scope["grantee"] = process.whole_within("term:onlySolver", 1, 2**31 - 1)
        if process.has("term:mostUses"):
            terms["max_uses"] = process.whole_within("term:mostUses", 1, 2**31 - 1)
    return terms | {"scope": dataclasses.replace(draft.scope, **scope)}


def _history(reader: fields.Fields, draft: consents.ConsentRecord) -> tuple[consents.Change, ...]:
    known = {each.value: each for each in consents.Status}
    history: list[consents.Change] = []
    for value, which in jsonld.listed(reader.value("dpv:hasConsentStatus"), f"{WHICH}.dpv:hasConsentStatus"):
        status = jsonld.node(value, which)
        name, at = status.text("@id"), _time(status, "dct:date")
        status.close()
        if name not in known:
            raise jsonld.refusal(which, "a status that is no consent, or that we do not know", name)
        evidence = None if history else draft.history[0].evidence
        history.append(
            consents.Change(known[name], at, draft.history[0].by if not history else "in the record", evidence)
        )
    return tuple(history)


def _names(reader: fields.Fields, name: str) -> list[tuple[str, str]]:
    items = jsonld.listed(reader.value(name), reader.label(name))
    if not items:
        raise jsonld.refusal(reader.label(name), "nothing is named", "an empty list")
    return [(_short(jsonld.reference(value, which)), which) for value, which in items]


def _short(name: str) -> str:
    """Return a name with its prefix: ``https://w3id.org/dpv#Use`` -> ``dpv:Use``."""
    for prefix, address in CONTEXT.items():
        if isinstance(address, str) and name.startswith(address):
            return f"{prefix}:{name.removeprefix(address)}"
    return name


def _purpose(name: str, which: str, names: frozenset[str]) -> str:
    prefix, _, rest = name.partition(":")
    code = PREFIXES.get(prefix, "?") + rest
    if prefix not in names or code not in {each.code for each in vocabulary.PURPOSES}:
        raise jsonld.refusal(which, "a purpose that we do not know", name)
    if code in vocabulary.BANNED_PURPOSES:
        raise jsonld.refusal(which, "a purpose that is banned in the commons", code)
    return code


def _time(reader: fields.Fields, name: str) -> int:
    which = reader.label(name)
    return jsonld.seconds(jsonld.literal(reader.value(name), "dateTime", which), which)


# ------------------------------------------------------------------------------------------------------------- writing


def write(record: consents.ConsentRecord, names: Expected) -> dict[str, object]:
    """Return a record in DPV; ``read`` gives the same purposes, terms, basis and history back.

    Raises:
        errors.InputError: a child's record without the guardian's name.
    """
    by = {"@id": names.subject, "@type": "dpv:DataSubject"}
    if record.guardian is not None:
        if names.guardian is None:
            raise errors.InputError("the guardian needs a name", which=f"{WHICH}.dpv:isIndicatedBy")
        is_parent = record.guardian.relation in ("mother", "father", "parent")
        by = {"@id": names.guardian, "@type": f"dpv:{'Parent' if is_parent else 'Guardian'}OfDataSubject"}
    return {
        "@context": dict(CONTEXT),
        "@id": f"urn:aicommons:consent:{record.record.hex()}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": CONFORMS,
        "dct:identifier": record.record.hex(),
        "dpv:hasDataSubject": {"@type": record.subject.value, "dct:identifier": names.subject},
        "dpv:hasDataController": {"@id": names.controller},
        "dpv:hasProcess": _written_process(record, names),
        "dpv:hasConsentStatus": [
            {"@id": change.status.value, "dct:date": jsonld.date_time(change.at)} for change in record.history
        ],
        "dpv:isIndicatedBy": by,
    }


def _written_process(record: consents.ConsentRecord, names: Expected) -> dict[str, object]:
    scope = record.scope
    own = {
        "term:commercial": record.commercial,
        "term:fields": list(scope.fields) or None,
        "term:onlyProblem": None if scope.problem is None else scope.problem.hex(),
        "term:onlySolver": scope.grantee,
        "term:mostUses": record.max_uses,
    }
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": [{"@id": _purpose_name(code)} for code in record.purposes],
        "dpv:hasProcessing": [{"@id": "dpv:Analyse"}],
        "dpv:hasPersonalData": [{"@id": name} for name in sorted(names.personal_data) or ["dpv:PersonalData"]],
        "dpv:hasLegalBasis": {"@id": record.basis.value},
        "dpv:hasDuration": {"@type": "dpv:UntilTimeDuration", "dct:date": jsonld.date_time(record.expiry)},
        **{name: value for name, value in own.items() if value is not None},
    }


def _purpose_name(code: str) -> str:
    start, rest = code.split(":", 1)
    return f"{start.lower()}:{rest}"


def write_receipt(receipt: consents.Receipt) -> dict[str, object]:
    """Return a receipt in DPV for the person to keep: what was consented to, how to withdraw, and its proof."""
    process: dict[str, object] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": [{"@id": _purpose_name(code)} for code in receipt.purposes],
        "dpv:hasProcessing": [{"@id": "dpv:Analyse"}],
        "dpv:hasDuration": {"@type": "dpv:UntilTimeDuration", "dct:date": jsonld.date_time(receipt.expiry)},
        "term:commercial": receipt.commercial,
        "term:fields": list(receipt.fields),
    }
    if receipt.max_uses is not None:
        process["term:mostUses"] = receipt.max_uses
    return {
        "@context": dict(CONTEXT),
        "@id": f"urn:aicommons:receipt:{receipt.record.hex()}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": CONFORMS,
        "dct:title": receipt.title,
        "dct:language": receipt.language,
        "dpv:hasDataSubject": {"@type": receipt.subject.value},
        "dpv:hasDataController": receipt.controller,
        "dpv:hasProcess": process,
        "dpv:hasConsentStatus": [{"@id": "dpv:ConsentGiven", "dct:date": jsonld.date_time(receipt.given_at)}],
        "dpv:hasRight": {"@type": "dpv:DataSubjectRight", "dct:description": receipt.withdrawal},
        "term:dataset": receipt.dataset,
        "term:place": receipt.number,
        "term:commitment": receipt.commitment.hex(),
        "term:salt": receipt.salt.hex(),
    }
