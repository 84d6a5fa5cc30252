"""A dataset's card as DCAT 3 and as schema.org, in JSON-LD: what data portals harvest and search engines read.

Called by ``commons dataset export``. Both describe and neither tells where the data could be fetched: a dataset that
stays at its owner has no distribution. What only machine-learning tools want is in ``croissant``.
"""

from collections.abc import Mapping

from aicommons.domain import cards
from aicommons.domain.standards import listing

DCAT_CONTEXT: Mapping[str, object] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "prov": "http://www.w3.org/ns/prov#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"
GOALS = "http://metadata.un.org/sdg/"
COUNTRIES = "https://www.iso.org/obp/ui/#iso:code:3166:"


def export(card: cards.DatasetCard, listed: listing.Listing) -> dict[str, object]:
    """Return ``card`` as a ``dcat:Dataset`` (DCAT 3, JSON-LD)."""
    rights = "PUBLIC" if card.open_table is not None else "RESTRICTED"
    said: dict[str, object | None] = {
        "@context": dict(DCAT_CONTEXT),
        "@id": listed.urn,
        "@type": "dcat:Dataset",
        "dct:title": {"@value": card.title},
        "dct:description": {"@value": listing.described(card)},
        "dct:identifier": listed.urn,
        "dct:issued": {"@value": listed.listed, "@type": "xsd:date"},
        "dct:license": _reference(listing.licence_of(card)),
        "dct:accessRights": {"@id": RIGHTS + rights},
        "dct:rights": {"@value": listing.open_or_at_home(card)},
        "dct:publisher": {"@type": "foaf:Organization", "foaf:name": card.holder or card.site or "not named"},
        "dct:spatial": [{"@id": COUNTRIES + code} for code in card.countries],
        "dct:temporal": _period(card),
        "dct:provenance": _statement(card.collection),
        "dcat:contactPoint": [{"@type": "vcard:Kind", "vcard:fn": steward} for steward in card.stewards],
        "dcat:theme": [{"@id": GOALS + target} for target in card.sdg_targets],
        "dcat:version": str(card.dataset_version),
        "odrl:hasPolicy": None if card.policy is None else {"@id": f"urn:sha-256:{card.policy.hex()}"},
        "dcat:distribution": None if card.open_table is None else _distribution(card, card.open_table),
    }
    return {name: value for name, value in said.items() if value}


def export_schema_org(card: cards.DatasetCard, listed: listing.Listing) -> dict[str, object]:
    """Return ``card`` as a schema.org ``Dataset`` (JSON-LD); columns that are keys of the site are left out."""
    timeframe = listing.span(card)
    said: dict[str, object | None] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": listed.urn,
        "identifier": listed.urn,
        "name": card.title,
        "description": listing.described(card),
        "license": listing.licence_of(card),
        "creator": {"@type": "Organization", "name": card.holder or card.site or "not named"},
        "datePublished": listed.listed,
        "version": str(card.dataset_version),
        "isAccessibleForFree": True if card.open_table is not None else None,
        "conditionsOfAccess": listing.open_or_at_home(card),
        "creditText": None if card.open_table is None else card.open_table.attribution,
        "spatialCoverage": list(card.countries),
        "temporalCoverage": None if timeframe is None else "/".join(timeframe),
        "measurementTechnique": card.collection,
        "size": f"about {card.rows} rows",
        "variableMeasured": [_variable(field) for field in card.fields if field.role is not cards.Role.KEY],
    }
    return {name: value for name, value in said.items() if value}


def _reference(text: str) -> dict[str, object]:
    if text.startswith("https://"):
        return {"@id": text}
    return {"@type": "dct:LicenseDocument", "dct:title": text}


def _period(card: cards.DatasetCard) -> dict[str, object] | None:
    days = listing.span(card)
    if days is None:
        return None
    return {
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": {"@value": days[0], "@type": "xsd:date"},
        "dcat:endDate": {"@value": days[1], "@type": "xsd:date"},
    }


def _statement(text: str | None) -> dict[str, object] | None:
    return None if text is None else {"@type": "dct:ProvenanceStatement", "dct:description": text}


def _distribution(card: cards.DatasetCard, table: cards.OpenTable) -> dict[str, object]:
    return {
        "@type": "dcat:Distribution",
        "@id": f"urn:sha-256:{table.digest.hex()}",
        "dct:license": _reference(listing.licence_of(card)),
        "dct:rights": {"@value": table.attribution},
        "dcat:byteSize": {"@value": str(table.size), "@type": "xsd:nonNegativeInteger"},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{table.media_type}"},
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"},
            "spdx:checksumValue": table.digest.hex(),
        },
    }


def _variable(field: cards.Field) -> dict[str, object]:
    said: dict[str, object | None] = {
        "@type": "PropertyValue",
        "name": field.name,
        "description": listing.limits(field),
        "unitText": field.unit,
        "minValue": field.lo if field.is_number else None,
        "maxValue": field.hi if field.is_number else None,
    }
    return {name: value for name, value in said.items() if value is not None}
