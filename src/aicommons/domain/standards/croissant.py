"""A dataset's card as Croissant 1.1 with the RAI vocabulary, which ``mlcroissant`` and machine-learning hubs read.

Called by ``commons dataset export``. There is no address from which the data could be fetched: a record set carries mock
records, and an open table appears as a file known by its SHA-256 under a URN. The hash of a table that is not open is
never given: whoever guesses a small table could confirm the guess by it. Croissant's own context stands here word by word.
"""

import re
from collections.abc import Mapping, Sequence

from aicommons.domain import cards
from aicommons.domain.standards import listing

CROISSANT = "http://mlcommons.org/croissant/1.1"
RAI = "http://mlcommons.org/croissant/RAI/1.0"
CONTEXT: Mapping[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.1."""
TYPES = {
    cards.FieldType.INTEGER: "sc:Integer",
    cards.FieldType.NUMBER: "sc:Float",
    cards.FieldType.CATEGORY: "sc:Text",
    cards.FieldType.DATE: "sc:Date",
    cards.FieldType.TEXT: "sc:Text",
}
RECORDS = "records"
"""Id of the one record set."""
TABLE = "table"
"""Id of an open table's file."""


def export(card: cards.DatasetCard, listed: listing.Listing) -> dict[str, object]:
    """Return ``card`` as a Croissant document (JSON-LD); columns that are keys of the site are left out."""
    offered = [field for field in card.fields if field.role is not cards.Role.KEY]
    document: dict[str, object] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": card.title,
        "description": listing.described(card),
        "url": listed.urn,
        "identifier": listed.urn,
        "version": f"{card.dataset_version}.0.0",
        "datePublished": listed.listed,
        "license": listing.licence_of(card),
        "creator": {"@type": "sc:Organization", "name": card.holder or card.site or "not named"},
        "isLiveDataset": card.open_table is None,
        "conditionsOfAccess": listing.open_or_at_home(card),
        "distribution": [] if card.open_table is None else [_file(card.open_table)],
        "recordSet": [_record_set(offered, listed.mock)] if offered else [],
    }
    return document | _rights(card, listed) | _responsible(card)


def _rights(card: cards.DatasetCard, listed: listing.Listing) -> dict[str, object]:
    holder = card.holder or card.site or "holder not named"
    found: dict[str, object] = {"citeAs": f"{holder}: {card.title}, version {card.dataset_version}. {listed.urn}"}
    if card.policy is not None:
        found["usageInfo"] = f"urn:sha-256:{card.policy.hex()}"
    if card.open_table is not None:
        found["citeAs"] = card.open_table.attribution
    return found


def _responsible(card: cards.DatasetCard) -> dict[str, object]:
    """Return the RAI part: what is said, and nothing for what is not."""
    labelled = card.annotation
    timeframe = listing.span(card)
    said: dict[str, object | None] = {
        "rai:dataCollection": card.collection,
        "rai:dataCollectionTimeframe": None if timeframe is None else list(timeframe),
        "rai:dataLimitations": card.known_gaps,
        "rai:dataBiases": card.biases,
        "rai:personalSensitiveInformation": list(card.sensitive),
        "rai:dataUseCases": [f"UN Sustainable Development Goals {target}" for target in card.sdg_targets],
        "rai:dataAnnotationProtocol": None if labelled is None else f"{labelled.annotators} Pay: {labelled.pay}",
        "rai:dataManipulationProtocol": "; ".join(f"{each.rows} rows: {each.fault}" for each in card.quality),
        "rai:dataReleaseMaintenancePlan": (
            f"Versions are only ever added; this is version {card.dataset_version}. "
            + " ".join(f"{each.check}: {each.reason}" for each in card.overrides)
        ).strip(),
    }
    return {name: value for name, value in said.items() if value}


def _file(table: cards.OpenTable) -> dict[str, object]:
    digest = table.digest.hex()
    return {
        "@type": "cr:FileObject",
        "@id": TABLE,
        "name": TABLE,
        "contentUrl": f"urn:sha-256:{digest}",
        "contentSize": f"{table.size} B",
        "encodingFormat": table.media_type,
        "sha256": digest,
    }


def _record_set(offered: Sequence[cards.Field], mock: Sequence[Mapping[str, object]]) -> dict[str, object]:
    names = _ids(offered)
    found: dict[str, object] = {
        "@type": "cr:RecordSet",
        "@id": RECORDS,
        "name": RECORDS,
        "description": "The declared columns. The records given here are mock: drawn from the declarations alone.",
        "field": [_field(field, names[field.name]) for field in offered],
    }
    if mock:
        found["data"] = [{names[name]: value for name, value in record.items() if name in names} for record in mock]
    return found


def _ids(offered: Sequence[cards.Field]) -> dict[str, str]:
    """Return column -> id: Croissant's readers take no spaces in ids, so a name is only the beginning of one."""
    found: dict[str, str] = {}
    for place, field in enumerate(offered):
        plain = re.sub("[^A-Za-z0-9_.-]+", "-", field.name).strip("-.")
        name = f"{RECORDS}/{plain or 'column'}"
        while not plain or name in found.values():
            name, plain = f"{name}-{place}", plain or "column"
        found[field.name] = name
    return found


def _field(field: cards.Field, name: str) -> dict[str, object]:
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": field.name,
        "description": listing.limits(field),
        "dataType": TYPES[field.type],
    }
