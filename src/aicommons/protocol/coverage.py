"""Whose rows may go into a contribution: which consents cover a use, and which people are held back beside them.

Pure decisions over what a node's register holds (``node/consents``); the auditor makes the same ones again. Two rules:
a consent that does not say yes to all of a use covers nothing of it; and no two contributions of a dataset differ in a
few people only, nor do several together leave a few, because whoever reads their sums could subtract them (``differencing``;
secure-aggregation section 1, "Across runs").
"""

import dataclasses
import enum
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence

from aicommons.domain import errors
from aicommons.protocol import differencing


class Refusal(enum.Enum):
    """Why a consent does not cover a use; checked in this order, the first that applies is named."""

    UNKNOWN = "nobody here by that key"
    WITHDRAWN = "withdrawn"
    NOT_POSTED = "not on the ledger yet"
    EXPIRED = "expired"
    OF_AGE = "of age: ask the person"
    """A guardian consented for somebody who decides alone now."""
    NOT_GUARDED = "the guardianship is not live"
    PURPOSE = "another purpose"
    COMMERCIAL = "no commercial use"
    PROBLEM = "another problem"
    GRANTEE = "another solver"
    FIELDS = "fields that it does not cover"
    USES_SPENT = "all uses spent"


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What a consent says yes to; thousands of people share the same terms."""

    purposes: frozenset[str]
    """Purpose codes; each covers what is narrower."""
    commercial: bool
    """Whether commercial use is covered."""
    problem: bytes | None
    """The only problem, or ``None`` for any."""
    grantee: int | None
    """Member id of the only solver, or ``None`` for any."""
    fields: frozenset[str]
    """Columns that may be used; empty means all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What a run wants to do with a dataset."""

    purposes: frozenset[str]
    """The run's purpose and everything broader: a consent to any of them covers it."""
    commercial: bool
    """Whether it is commercial."""
    problem: bytes
    """Problem id, 32 bytes."""
    solver: int
    """Member id of the solver."""
    fields: frozenset[str]
    """Columns that the plan reads."""
    run: bytes
    """Run id; the rounds of a run are one use."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One consent in a register, as far as a decision needs it."""

    number: int
    """Its place in the register, from 0."""
    tag: bytes
    """Whose it is, 32 bytes."""
    terms: int
    """Place of its terms in the register's list."""
    expiry: int
    """First second at which it is dead."""
    majority: int | None
    """First second at which a child decides alone; ``None`` where no guardian consented."""
    guardianship: tuple[bytes, bytes] | None
    """Attestation on the ledger and the guardian's address, or ``None`` when the steward alone saw the proof."""
    max_uses: int | None
    """How many runs may use it, or ``None`` for any number."""


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """What is known when a decision is made."""

    now: int
    """Block time in seconds."""
    posted: int
    """How many of the register's consents stand in the root on the ledger; later ones wait for the next posting."""
    withdrawn: frozenset[int]
    """Numbers of the entries taken back, in the register or on the ledger."""
    guarded: frozenset[tuple[bytes, bytes]]
    """Attestations that are live, each with its guardian's address."""
    runs_before: Mapping[bytes, int]
    """Tag -> how many other runs have used this person's rows; who is not in it, none."""


def tag_of(secret: bytes, person: str) -> bytes:
    """Return who is meant by a value of the person column: HMAC-SHA256 under a secret of the register, 32 bytes."""
    return hmac.digest(secret, person.strip().encode(), "sha256")


def refusal_of_terms(terms: Terms, use: Use) -> Refusal | None:
    """Return why ``terms`` do not cover ``use``, or ``None`` when they do."""
    checks = (
        (Refusal.PURPOSE, not terms.purposes.isdisjoint(use.purposes)),
        (Refusal.COMMERCIAL, terms.commercial or not use.commercial),
        (Refusal.PROBLEM, terms.problem in (None, use.problem)),
        (Refusal.GRANTEE, terms.grantee in (None, use.solver)),
        (Refusal.FIELDS, not terms.fields or use.fields <= terms.fields),
    )
    return next((refusal for refusal, holds in checks if not holds), None)


def refusal(entry: Entry, of_terms: Refusal | None, moment: Moment) -> Refusal | None:
    """Return why a consent does not cover a use at a moment, or ``None`` when it does.

    Args:
        entry: the consent.
        of_terms: what ``refusal_of_terms`` says of its terms and the use.
        moment: what is known.
    """
    if entry.number in moment.withdrawn:
        return Refusal.WITHDRAWN
    if entry.number >= moment.posted:
        return Refusal.NOT_POSTED
    if entry.majority is not None and moment.now >= entry.majority:
        return Refusal.OF_AGE  # before expiry: a guardian's word often ends with it, and the ward has to be asked
    if moment.now >= entry.expiry:
        return Refusal.EXPIRED
    if entry.guardianship is not None and entry.guardianship not in moment.guarded:
        return Refusal.NOT_GUARDED
    if of_terms is not None:
        return of_terms
    if entry.max_uses is not None and moment.runs_before.get(entry.tag, 0) >= entry.max_uses:
        return Refusal.USES_SPENT
    return None


def decide(entries: Iterable[Entry], terms: Sequence[Terms], use: Use, moment: Moment) -> dict[bytes, Refusal | None]:
    """Return tag -> ``None`` for everybody who has a consent that covers the use, else why the newest does not.

    Args:
        entries: the register's, in order.
        terms: the register's list of terms.
        use: what a run wants.
        moment: what is known.
    """
    of_terms = [refusal_of_terms(each, use) for each in terms]
    said: dict[bytes, Refusal | None] = {}
    for entry in entries:
        if said.get(entry.tag, Refusal.WITHDRAWN) is not None:
            said[entry.tag] = refusal(entry, of_terms[entry.terms], moment)
    return said


def nearest(people: frozenset[bytes] | set[bytes], earlier: Iterable[frozenset[bytes]], least: int) -> int | None:
    """Return in how few people a set differs from one of the ``earlier`` ones, if in fewer than ``least`` but not in none."""
    apart = [len(people ^ before) for before in earlier]
    return min((count for count in apart if 0 < count < least), default=None)


def is_far(people: frozenset[bytes], earlier: Sequence[frozenset[bytes]], least: int) -> bool:
    """Return whether the sum of ``people`` may be shown: neither with one nor with several earlier sums does it tell of a few."""
    if len(people) < least or nearest(people, earlier, least) is not None:
        return False
    return differencing.History.of(earlier, people).exposed(people, least) is None


MOST_HELD_BACK = 10
"""How often further people are held back before a contribution is refused: each time costs a look at all combinations."""


def settle(
    present: frozenset[bytes],
    earlier: Sequence[frozenset[bytes]],
    least: int,
    *,
    order: Callable[[Sequence[bytes]], Sequence[bytes]],
) -> frozenset[bytes]:
    """Return whose rows go in, so that no sum of theirs, with earlier sums, shows fewer than ``least`` people.

    Everybody who is present if that holds; else the largest earlier set that is still present; else further people are
    held back at random. Nobody who is not present is ever taken in.

    Args:
        present: everybody whose consent covers the use and who has rows.
        earlier: the sets of earlier contributions from this dataset, oldest first.
        least: fewest people whose sum may be shown, k: at least 2.
        order: puts tags into a random order; drawn by the caller.

    Raises:
        errors.ContributionRefused: fewer than ``least`` people are left, or no such set was found.
    """
    if is_far(present, earlier, least):
        return present
    for before in sorted(set(earlier), key=len, reverse=True):
        if before <= present and nearest(before, earlier, least) is None:
            return large_enough(before, least)
    history, kept = differencing.History.of(earlier, present), set(present)
    for _ in range(MOST_HELD_BACK):
        _spread(kept, earlier, least, order)
        exposed = history.exposed(kept, least) if len(kept) >= least else None
        if exposed is None:
            break
        kept.difference_update(order(sorted(kept - exposed))[: least - len(exposed)])
    if not is_far(frozenset(kept), earlier, least):
        raise _too_few(least, len(present))
    return frozenset(kept)


def _spread(
    kept: set[bytes],
    earlier: Sequence[frozenset[bytes]],
    least: int,
    order: Callable[[Sequence[bytes]], Sequence[bytes]],
) -> None:
    """Hold people back until ``kept`` differs from no earlier set in a few, or nobody is left whose leaving helps."""
    while len(kept) >= least and nearest(kept, earlier, least) is not None:
        near = [before for before in earlier if 0 < len(kept ^ before) < least]
        common = kept.intersection(*near)
        if not common:
            return  # whoever leaves one difference enters another: no such set can be found this way
        drawn = order(sorted(common))
        kept.difference_update(drawn[: least - min(len(kept ^ before) for before in near)])


def large_enough(people: frozenset[bytes], least: int) -> frozenset[bytes]:
    """Return ``people`` if they are at least ``least``; raises ``errors.TooFewPeople``."""
    if len(people) < least:
        raise _too_few(least, len(people))
    return people


def _too_few(least: int, got: int) -> errors.TooFewPeople:
    return errors.TooFewPeople(
        "too few people with consent to contribute without showing single ones",
        which="consents",
        expected=f"at least {least} people, and as many that earlier contributions and this one tell apart",
        got=f"{got} people with consent and rows",
        next_step=(
            "wait until more people have consented, or take the permission back (`commons consent revoke`): no round that has "
            "not begun may use the data then"
        ),
    )
