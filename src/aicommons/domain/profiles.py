"""Profiles: who a member says it is, what it seeks and what it offers; the commons' directory is made of them.

A profile's digest stands in the membership, so it is the member's own word, and its registrars have seen it. Called by the
command line, the directory (``catalogue``) and the owner's page. What proves the word (credentials) is left out.
"""

import dataclasses
import enum
import re

from aicommons.domain import documents, errors, vocabulary

LANGUAGE = re.compile("[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
"""The part of BCP 47 that names a language, its script and its region."""


class Kind(enum.Enum):
    """What kind of member it is."""

    PERSON = "person"
    HOSPITAL = "hospital"
    NGO = "ngo"
    CO_OP = "co-op"
    """A co-operative, data co-op or data trust."""
    UNIVERSITY = "university"
    MINISTRY = "ministry"
    """Or another public authority."""
    COMPANY = "company"
    COMMUNITY = "community"
    """An indigenous people, a neighbourhood, a patients' group."""
    ORGANISATION = "organisation"
    """Any other."""


class Good(enum.Enum):
    """What people come to the commons with, or for."""

    PROBLEM = "problem"
    DATA = "data"
    SKILLS = "skills"
    STORAGE = "storage"
    COMPUTE = "compute"
    AUDIT = "audit"
    DATA_WORK = "data-work"
    """Labelling, checking, translating."""
    FUNDING = "funding"


@dataclasses.dataclass(frozen=True, slots=True)
class Steward:
    """A person who answers for the member's data."""

    name: str
    """As the person wants to be addressed."""
    role: str
    """Such as ``data protection officer``."""
    contact: str
    """Where to write or call."""


@dataclasses.dataclass(frozen=True, slots=True)
class Profile(documents.Document):
    """Who a member is; its digest stands in the membership."""

    KIND = "profile"
    title: str
    """Name of the organisation or person."""
    kind: Kind = Kind.ORGANISATION
    """What kind of member it is."""
    country: str | None = None
    """Where it is at home, by ISO 3166-1."""
    languages: tuple[str, ...] = ()
    """Languages in which it can be written to, such as ``sw`` or ``fr``."""
    about: str | None = None
    """A few sentences."""
    seeks: tuple[Good, ...] = ()
    """What it looks for."""
    offers: tuple[Good, ...] = ()
    """What it brings."""
    skills: tuple[str, ...] = ()
    """What its people can do, in a word or two each."""
    sdg_targets: tuple[str, ...] = ()
    """UN goals or targets that it works for, such as ``3.4``."""
    stewards: tuple[Steward, ...] = ()
    """Who answers for its data."""

    def check(self) -> None:
        """Check codes; raises ``errors.DecodeError``."""
        if not self.title.strip():
            raise errors.DecodeError("a profile has no title", which="profile.title", expected="a name")
        if self.country is not None:
            vocabulary.check_country(self.country, "profile.country")
        for language in self.languages:
            if not LANGUAGE.fullmatch(language):
                raise errors.DecodeError(
                    "not a language", which="profile.languages", expected="a code such as sw", got=repr(language[:20])
                )
