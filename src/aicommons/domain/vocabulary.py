"""The words in which purposes and public goods are stated: DUO, DPV 2.3, SDG, WSIS and a few of our own.

Policies, consents, problems and cards name purposes by code; the ledger knows them as bits of one 256-bit word, so their
order is frozen (``vocabularies/ATTRIBUTION.md``, ADR 0017). The lists are package data and read when first asked for. What
may be done for which purpose is not decided here but in ``protocol/rules.py``.
"""

import dataclasses
import enum
import functools
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from typing import Any

from aicommons.domain import errors

MAX_PURPOSES = 256
"""Bits of a ledger word."""
COMMERCIAL = "dpv:CommercialPurpose"
"""What is commercial by its purpose, whatever a request says of itself."""
ANYTHING = "DUO:0000004"
"""The purpose above all others that are not banned: "no restriction"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Purpose:
    """What data is used for."""

    code: str
    """Such as ``DUO:0000007`` or ``dpv:ScientificResearch``."""
    label: str
    """A few words of English."""
    definition: str
    """One or two sentences of English."""
    broader: tuple[str, ...]
    """Codes of the purposes directly above it: who permits one of them has permitted this one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """A word of a vocabulary that is no purpose."""

    code: str
    """Such as ``DUO:0000046`` or ``dpv:ConsentGiven``."""
    label: str
    """A few words of English."""
    definition: str
    """One or two sentences of English."""


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """One of the 17 Sustainable Development Goals."""

    number: int
    """From 1 to 17."""
    name: str
    """The United Nations' own words."""
    targets: Mapping[str, str]
    """Target, such as ``3.4`` or ``3.b`` -> the United Nations' own words."""


class Dpv(enum.Enum):
    """Modules of DPV 2.3 besides its purposes."""

    CONSENT_STATUS = "consent_status"
    CONSENT_TYPES = "consent_types"
    LEGAL_BASIS = "legal_basis"
    PROCESSING = "processing"
    PERSONAL_DATA = "personal_data"
    DATA_SUBJECTS = "data_subjects"


def load(name: str) -> Any:
    """Return a list of the package, named without its ending, as parsed JSON."""
    resource = importlib.resources.files("aicommons.domain").joinpath("vocabularies", f"{name}.json")
    return json.loads(resource.read_bytes())


PURPOSES: tuple[Purpose, ...] = tuple(
    Purpose(each["code"], each["label"], each["definition"], (*each["broader"], *each["mapped"]))
    for each in load("purposes")
)
"""All purposes; the place is the bit on the ledger and never changes."""

BANNED_PURPOSES = frozenset({"aic:MilitaryUse", "aic:BiometricPolicing", "aic:SocialScoring"})
"""Never permitted by anybody, whatever a policy or consent says."""

_PLACES: Mapping[str, int] = {each.code: place for place, each in enumerate(PURPOSES)}


@functools.cache
def labels(language: str) -> Mapping[str, str]:
    """Return purpose code -> label in a language: all in English, in French and Swahili as far as we translated them."""
    if language == "en":
        return {each.code: each.label for each in PURPOSES}
    found: Mapping[str, str] = load("labels").get(language, {})
    return found


def purpose(code: str) -> Purpose:
    """Return the purpose with this code.

    Raises:
        errors.InputError: no such purpose.
    """
    return PURPOSES[bit(code)]


def bit(code: str) -> int:
    """Return the bit, 0 to 255, that stands for a purpose on the ledger.

    Raises:
        errors.InputError: no such purpose.
    """
    if code not in _PLACES:
        message, next_step = no_purpose(code)
        raise errors.InputError(
            message, which=code[:60], expected="a code of our vocabulary, such as DUO:0000007", next_step=next_step
        )
    return _PLACES[code]


def no_purpose(code: str) -> tuple[str, str]:
    """Return what is wrong with a code that is no purpose, and the way out: a condition of DUO is often taken for one."""
    if code not in duo():
        return "an unknown purpose", "See all purposes with `commons policy purposes`."
    return f"a condition, not a purpose ({duo()[code].label})", (
        "Say it by the policy's other terms: commercial use, countries, duties, an end, one member. "
        "What it means: `commons policy vocabulary duo`."
    )


@functools.cache
def broader(code: str) -> frozenset[str]:
    """Return the purpose itself and all above it.

    Raises:
        errors.InputError: no such purpose.
    """
    above = (broader(each) for each in purpose(code).broader)
    return frozenset({code}).union(*above)


@functools.cache
def narrower(code: str) -> frozenset[str]:
    """Return the purpose itself and all below it.

    Raises:
        errors.InputError: no such purpose.
    """
    bit(code)
    return frozenset(each.code for each in PURPOSES if code in broader(each.code))


def is_a(code: str, other: str) -> bool:
    """Return whether ``code`` is ``other`` or lies below it.

    Raises:
        errors.InputError: no such purpose.
    """
    bit(other)
    return other in broader(code)


def is_commercial(code: str) -> bool:
    """Return whether a use for this purpose is commercial, whatever is said of it; raises like ``is_a``."""
    return is_a(code, COMMERCIAL)


def bits(codes: Iterable[str], *, closed: bool = True) -> int:
    """Return the bitmap of purposes, with everything below them if ``closed``.

    Raises:
        errors.InputError: no such purpose.
    """
    bitmap = 0
    for code in codes:
        bitmap |= _closure(code) if closed else 1 << bit(code)
    return bitmap


@functools.cache
def _closure(code: str) -> int:
    return sum(1 << _PLACES[each] for each in narrower(code))


def codes(bitmap: int) -> tuple[str, ...]:
    """Return the purposes of a bitmap, in the vocabulary's order.

    Bits without a purpose are left out: the ledger takes any bitmap in a consent, and they permit nothing.
    """
    return tuple(each.code for place, each in enumerate(PURPOSES) if bitmap >> place & 1)


def outermost(bitmap: int) -> tuple[str, ...]:
    """Return the fewest purposes whose closure covers the bitmap's, in the vocabulary's order; for people to read."""
    named = codes(bitmap)
    return tuple(code for code in named if not any(other != code and is_a(code, other) for other in named))


@functools.cache
def goals() -> tuple[Goal, ...]:
    """Return the 17 Sustainable Development Goals with their 169 targets."""
    return tuple(
        Goal(each["goal"], each["name"], {target["target"]: target["description"] for target in each["targets"]})
        for each in load("sdg")
    )


def target(code: str) -> str:
    """Return the words of an SDG target such as ``3.4``.

    Raises:
        errors.InputError: no such target.
    """
    for goal in goals():
        if code in goal.targets:
            return goal.targets[code]
    raise errors.InputError(
        "no such SDG target", which=code[:20], expected="goal and target such as 3.4 or 17.18",
        next_step="The list is at https://sdgs.un.org/goals.",
    )  # fmt: skip


@functools.cache
def action_lines() -> Mapping[str, str]:
    """Return the WSIS action lines: code such as ``C7.E-health`` -> title."""
    lines = load("wsis")
    parts = [part for line in lines for part in (line, *line.get("applications", ()))]
    return {part["code"]: part["title"] for part in parts}


@functools.cache
def duo() -> Mapping[str, Term]:
    """Return the Data Use Ontology's permissions and modifiers, by code."""
    return {each["code"]: Term(each["code"], each["label"], each["definition"]) for each in load("duo")}


@functools.cache
def dpv(module: Dpv) -> Mapping[str, Term]:
    """Return the terms of one module of DPV 2.3, by code such as ``dpv:ConsentGiven``."""
    listed = load("dpv")[module.value]
    return {each["code"]: Term(each["code"], each["label"], each["definition"]) for each in listed}


@functools.cache
def countries() -> frozenset[str]:
    """Return the codes of all countries, ISO 3166-1 alpha-2."""
    return frozenset(load("countries"))


def check_country(code: str, which: str) -> None:
    """Check that a field of somebody's document names a country.

    Raises:
        errors.DecodeError: it does not.
    """
    if code not in countries():
        raise errors.DecodeError(
            "not a country", which=which, expected="two capital letters of ISO 3166-1, such as KE", got=repr(code[:10])
        )
