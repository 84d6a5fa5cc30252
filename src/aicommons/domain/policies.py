"""The use policy of a dataset: for what, by whom and on which terms its owner lets it be learned from; default deny.

A policy is written by an owner (``commons policy draft``, the owner's page, an ODRL offer), published beside the card and
read by every solver. What contradicts itself is refused when it is made and when it is read. Whether a certain use is
allowed is decided in ``protocol/rules.py``; how a policy looks as ODRL is ``standards/odrl.py``.
"""

import dataclasses
import enum
import re
from collections.abc import Iterator

from aicommons.domain import documents, encoding, errors, ids, licences, vocabulary

CONSENTS_ALONE = encoding.keccak(b"default deny; see consents")
"""Stands on the ledger for the policy of a dataset that has none: its consents alone say what is permitted."""
Duty = licences.Duty
EPSILON = re.compile(r"(0|[1-9][0-9]{0,3})(\.[0-9]{1,6})?")
"""A decimal number below 10,000 in one spelling, save for zeros at its end."""


CONSENTS_ALONE = encoding.keccak(b"default deny; see consents")
"""Stands on the ledger instead of a policy's digest where consents alone say what is permitted."""


class SmallCells(enum.Enum):
    """What is done with a cell of fewer rows than the minimum, before masking."""

    ALLOW = "allow"
    """It is sent as it is."""
    SUPPRESS = "suppress"
    """It is sent as if nobody were in it."""
    COARSEN = "coarsen"
    """It is joined with its neighbours until it is large enough."""
    NOISE = "noise"
    """It is sent with noise."""


class PrivacyUnit(enum.Enum):
    """Whose privacy loss epsilon counts."""

    PERSON = "person"
    """One person with all its rows; needs a person column."""
    RECORD = "record"
    """One row."""


@dataclasses.dataclass(frozen=True, slots=True)
class UsePolicy(documents.Document):
    """What an owner permits and forbids."""

    KIND = "use-policy"
    title: str
    """One line."""
    assigner: ids.MemberId
    """Member that holds the data and makes this offer; must own the dataset."""
    permitted: tuple[str, ...]
    """Purpose codes; whatever lies below one of them is permitted too."""
    prohibited: tuple[str, ...]
    """Purpose codes; whatever lies below one of them is forbidden, also where something above is permitted."""
    commercial: bool
    """Whether commercial use is permitted."""
    countries: tuple[str, ...]
    """ISO 3166-1 alpha-2 codes of the countries from which it may be used; empty means any."""
    licence: str
    """Licence expression, as ``licences`` reads it."""
    minimum_cohort: int
    """Fewest rows with which the dataset takes part in anything."""
    minimum_cell: int
    """Fewest rows behind a number that leaves the site; 1 means no minimum."""
    small_cells: SmallCells
    """What is done with a cell below the minimum."""
    epsilon: str | None
    """Most privacy loss per unit and year over all runs, a decimal number, or ``None`` for no such limit."""
    privacy_unit: PrivacyUnit
    """Whose loss that is."""
    price: int
    """Asked per run, in the commons' smallest unit."""
    free_commons: bool
    """Whether it is given to the commons: no price, no single approval."""
    duties: tuple[Duty, ...]
    """What users take upon themselves, beside what the licence asks."""
    until: int | None
    """First second (since 1970) at which the policy permits nothing any more, or ``None``."""
    person_column: str | None
    """Column whose values name persons, or ``None`` when there is none."""
    assignee: ids.MemberId | None = None
    """The only member that may use it, or ``None`` for any."""

    def check(self) -> None:
        """Check that the policy does not contradict itself; raises ``errors.DecodeError``."""
        for fault in faults(self):
            raise fault.error(errors.DecodeError)

    @property
    def terms(self) -> licences.Expression:
        """The licence, read; raises ``errors.InputError`` for an unknown one."""
        return licences.parse(self.licence)

    @property
    def asked(self) -> frozenset[Duty]:
        """All duties, those that the licence brings included."""
        of_licence = {Duty.ATTRIBUTION: self.terms.attribution, Duty.BENEFIT_SHARING: self.terms.benefit_sharing}
        return frozenset(self.duties) | {duty for duty, is_asked in of_licence.items() if is_asked}


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a policy."""

    field: str
    """Field that has to change."""
    message: str
    """What is wrong, in one sentence."""
    got: str
    """What stands there."""
    next_step: str
    """The way out."""

    def error(self, kind: type[errors.PermanentError]) -> errors.PermanentError:
        """Return the fault as an error of this kind."""
        return kind(self.message, which=f"{UsePolicy.KIND}.{self.field}", got=self.got, next_step=self.next_step)


def check_made(policy: UsePolicy, now: int) -> None:
    """Check a policy that is about to be published.

    Raises:
        errors.InputError: the first contradiction, or an end that has passed (``now``: seconds since 1970).
    """
    for fault in faults(policy):
        raise fault.error(errors.InputError)
    if policy.until is not None and policy.until <= now:
        past = Fault("until", "the policy has ended before it begins", f"{policy.until}", "Give a day in the future.")
        raise past.error(errors.InputError)


def faults(policy: UsePolicy) -> Iterator[Fault]:
    """Yield whatever makes a policy unusable or contradicts itself, the most basic first."""
    yield from _unknown_words(policy)
    yield from _repetitions(policy)
    yield from _numbers(policy)
    if {*policy.permitted, *policy.prohibited} <= _KNOWN:
        yield from _purposes(policy)
    yield from _licence(policy)


_KNOWN = frozenset(each.code for each in vocabulary.PURPOSES)


def _unknown_words(policy: UsePolicy) -> Iterator[Fault]:
    if not policy.title.strip():
        yield Fault("title", "a policy needs a title", "nothing", "Say in one line what it is for.")
    if not policy.permitted:
        say = "Name at least one purpose; a dataset that nobody may use is not listed, or is suspended."
        yield Fault("permitted", "the policy permits nothing", "no purpose", say)
    for field, codes in (("permitted", policy.permitted), ("prohibited", policy.prohibited)):
        for code in sorted(set(codes) - _KNOWN):
            message, next_step = vocabulary.no_purpose(code)
            yield Fault(field, message, code[:60], next_step)
    for country in sorted(set(policy.countries) - vocabulary.countries()):
        say = "Use the two capital letters of ISO 3166-1, such as KE."
        yield Fault("countries", "an unknown country", country[:20], say)
    if policy.person_column == "":
        yield Fault("person_column", "a column without a name", "nothing", "Name the column, or leave it out.")


def _repetitions(policy: UsePolicy) -> Iterator[Fault]:
    for field in ("permitted", "prohibited", "countries", "duties"):
        values = getattr(policy, field)
        if len(set(values)) != len(values):
            yield Fault(field, "something is named twice", "a repetition", "Name each once.")


def _numbers(policy: UsePolicy) -> Iterator[Fault]:
    for field, value in (("minimum_cohort", policy.minimum_cohort), ("minimum_cell", policy.minimum_cell)):
        if value < 1:
            yield Fault(field, "the least is one row", str(value), "Give a whole number from 1.")
    if policy.assigner < 1 or policy.assignee == 0:
        yield Fault("assigner", "members are counted from 1", "0", "Give the number of a membership.")
    if policy.minimum_cell > policy.minimum_cohort:
        say = "Lower the minimum cell, or raise the minimum cohort."
        yield Fault("minimum_cell", "even all rows together could be too few", str(policy.minimum_cell), say)
    if (policy.minimum_cell > 1) == (policy.small_cells is SmallCells.ALLOW):
        say = "With a minimum above 1 choose suppress, coarsen or noise; with a minimum of 1, allow."
        yield Fault("small_cells", "the minimum cell and its treatment contradict", policy.small_cells.value, say)
    if policy.free_commons and policy.price:
        say = "Leave the price out, or do not give the data to the commons."
        yield Fault("price", "free commons have no price", str(policy.price), say)
    if policy.epsilon is not None and (not EPSILON.fullmatch(policy.epsilon) or float(policy.epsilon) == 0):
        yield Fault("epsilon", "not a decimal number above 0", policy.epsilon[:20], "Write it like 3 or 0.5.")
    if policy.privacy_unit is PrivacyUnit.PERSON and policy.person_column is None:
        say = "Name the column that tells persons apart, or count per record."
        yield Fault("privacy_unit", "without a person column nobody can count per person", "person", say)
    if policy.privacy_unit is PrivacyUnit.RECORD and policy.person_column is not None and policy.epsilon is not None:
        say = "Count per person: one person may have many records."
        yield Fault("privacy_unit", "there is a person column, but epsilon would count per record", "record", say)


def _purposes(policy: UsePolicy) -> Iterator[Fault]:
    for code in policy.permitted:
        above = vocabulary.broader(code)
        if above & vocabulary.BANNED_PURPOSES:
            yield Fault("permitted", "a purpose that is banned in the commons", code, "Leave it out.")
        if both := sorted(above & set(policy.prohibited)):
            say = f"Leave {code} out, or do not prohibit {both[0]}."
            yield Fault("permitted", "a purpose is both permitted and prohibited", code, say)
        if not policy.commercial and vocabulary.COMMERCIAL in above:
            say = f"Leave {code} out, or permit commercial use."
            yield Fault("commercial", "a commercial purpose is permitted, but commercial use is not", code, say)
    if policy.commercial and vocabulary.COMMERCIAL in policy.prohibited:
        say = f"Do not prohibit {vocabulary.COMMERCIAL}, or do not permit commercial use."
        yield Fault("commercial", "commercial use is permitted and prohibited", vocabulary.COMMERCIAL, say)


def _licence(policy: UsePolicy) -> Iterator[Fault]:
    try:
        terms = policy.terms
    except errors.InputError as err:
        yield Fault("licence", str(err), policy.licence[:60], err.next_step or "Name a licence that is known.")
        return
    if policy.commercial and not terms.commercial:
        say = "Do not permit commercial use, or choose a licence that leaves it open."
        yield Fault("commercial", "the licence forbids commercial use", policy.licence, say)
    if not terms.adaptation:
        say = "Choose a licence without NoDerivatives: a trained model is something made from the data."
        yield Fault("licence", "the licence lets nothing be made from the data", policy.licence, say)
    if terms.named_only and policy.assignee is None:
        say = "Name the one member that the holders have agreed to as assignee."
        yield Fault("assignee", "the licence is for users whom the holders have named", policy.licence, say)
