"""May a dataset be used in a run now? Its owner's use policy and its card decide, as they were when it was enrolled.

Asked before enrolling and confirming (``owner/permitting``) and by the node before every contribution (``reconciler``); ``rules.decide``
judges, here is gathered what it judges by. Both documents are the dataset VERSION's, by the digests that the ledger shows and this
home wrote down when it published them: a ledger that shows others is lying, and nothing goes in. The home's own copy serves where
the store cannot. A dataset without a policy is judged by its consents alone, which the ledger does.
"""

import dataclasses
import functools
import logging
import math
from collections.abc import Callable, Sequence

from aicommons.domain import cards, encoding, errors, ids, policies, profiles, run, vocabulary
from aicommons.learning import recipe as recipes
from aicommons.node import agent as agents
from aicommons.node import journal
from aicommons.protocol import ports, registry, rules
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

UNREADABLE = (errors.BlobNotFound, errors.DigestMismatch, errors.DecodeError, errors.StoreRefused)
"""Why a document is as good as none; a store that only does not answer is asked again."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shelves:
    """Where documents are."""

    store: ports.Store
    """Everybody's."""
    own: ports.Store
    """This home's: what it published, and what it has read before."""

    def read(self, digest: bytes) -> bytes:
        """Return a document, kept here from now on; raises as the store's ``get``."""
        try:
            return self.own.get(digest, encoding.MAX_DOCUMENT)
        except (errors.BlobNotFound, errors.DigestMismatch):
            data = self.store.get(digest, encoding.MAX_DOCUMENT)
            self.own.put(data)
            return data


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a run asks of one version of a dataset."""

    spec: run.RunSpec
    papers: agents.RunDocuments
    part: agents.Part
    """Of this home's, or about to be."""
    consent: rules.Consent | None
    """What it is brought under."""
    now: int
    """Seconds since 1970, the later of this machine's and the ledger's."""
    as_mapped: Callable[[Sequence[str]], Sequence[str]]
    """Returns what a plan's columns are called in the owner's source."""
    own: agents.Published | None = None
    """What this home published the version with; ``None`` of rows that no home has published."""


def check(view: views.LedgerView, shelves: Shelves, asked: Asked) -> None:
    """Check that the dataset's use policy and card permit what a run asks.

    Raises:
        errors.UseDenied: they do not, with every reason; or one of them cannot be read, which permits nothing.
        errors.LedgerMismatch: the ledger shows another policy or card than this home published, or another member's policy.
        errors.StoreUnreachable: they are not in this home, and the store does not answer.
    """
    against = objections(view, shelves, asked)
    if against:
        number = asked.part.dataset_id
        raise errors.UseDenied(
            f"the dataset may not be used in this run: {' '.join(against)}",
            which=f"dataset {number}, version {asked.part.version}",
            reasons=against,
            next_step=f"see `commons policy show {number}` and `commons dataset show {number}`",
        )


def objections(view: views.LedgerView, shelves: Shelves, asked: Asked) -> tuple[str, ...]:
    """Return everything that stands against a use, a sentence each; raises like ``check`` where a document is missing."""
    known = view.datasets.get(asked.part.dataset_id)
    version = None if known is None else known.version(asked.part.version)
    if known is None or version is None:
        return ("The ledger does not show this version of the dataset.",)
    if asked.own is not None:
        check_shown(asked.own, version, asked.part)
    columns = _of_columns(_card(shelves, version.card), asked)
    policy = policy_of(shelves, version)
    if policy is None:
        return (*_of_consent(asked, view.banned), *columns)
    if policy.assigner != known.owner:
        raise _lying(asked.part, "owner", known.owner, policy.assigner)
    country = country_of(view, shelves, asked.spec.solver) if policy.countries else None
    decision = rules.decide(policy, asked.consent, _request(asked, policy, country), banned=view.banned)
    return (*(_in_words(denial, country) for denial in decision.denials), *columns)


def check_shown(own: agents.Published, shown: registry.VersionView, part: agents.Part) -> None:
    """Check that the ledger shows a version of a dataset with the policy and card that its home published it with.

    Raises:
        errors.LedgerMismatch: it shows others, or none.
    """
    for name, expected, got in (("use policy", own.policy, shown.policy), ("card", own.card, shown.card)):
        if expected not in (None, got):
            raise _lying(part, name, expected.hex()[:16], got.hex()[:16])


def _lying(part: agents.Part, name: str, expected: object, got: object) -> errors.LedgerMismatch:
    return errors.LedgerMismatch(
        f"the ledger shows another {name} of the dataset than this home published it with",
        which=f"dataset {part.dataset_id}, version {part.version}",
        expected=expected,
        got=got,
        next_step="do not take part; the ledger is lying about what the owner permits, or the file of datasets was changed",
    )


def policy_of(shelves: Shelves, version: registry.VersionView) -> policies.UsePolicy | None:
    """Return a version's use policy, ``None`` where consents alone decide; raises like ``check``."""
    if version.policy == policies.CONSENTS_ALONE:
        return None
    try:
        return _read_policy(shelves.read(version.policy))
    except UNREADABLE as err:
        raise _unreadable("use policy", version.policy) from err


def country_of(view: views.LedgerView, shelves: Shelves, member: int) -> str | None:
    """Return the country that a member named when it was admitted, ``None`` when nobody can know it.

    Raises:
        errors.StoreUnreachable: its profile is not in this home, and the store does not answer.
    """
    known = view.members.get(member)
    if known is None or not any(known.profile):
        return None
    try:
        return profiles.Profile.decode(shelves.read(known.profile)).country
    except UNREADABLE:
        return None


def consent_of(view: views.LedgerView, consent_id: bytes, run_id: ids.RunId) -> rules.Consent | None:
    """Return a consent as the ledger shows it, without its use by this very run: a seat does not stand against itself."""
    given = view.consents.get(consent_id)
    if given is None:
        return None
    others = sum(use.run_id != run_id for use in given.uses)
    return dataclasses.replace(rules.Consent.seen(given), uses=others)


def check_seat(agent: agents.Agent, view: views.LedgerView, run_id: ids.RunId) -> None:
    """Check, before a node contributes, that what its operator confirmed is still permitted; tells its owner once if not.

    Raises:
        errors.UseDenied: it is not.
        errors.LedgerMismatch: nothing was confirmed for this run, or the ledger shows other terms than the home published.
    """
    try:
        for held in agents.held_of(agent, run_id, view.runs[run_id]):
            check(view, Shelves(agent.store, agent.documents), _asked_of(agent, view, run_id, held))
    except (errors.UseDenied, errors.LedgerMismatch) as err:
        if agent.journal.keep_denial(run_id, str(err)):
            log.warning("run %s: nothing more of this site goes into it: %s", ids.format_id(run_id)[:12], err)
        raise
    if agent.journal.keep_denial(run_id, None):
        log.info("run %s: this site's dataset may be used in it again", ids.format_id(run_id)[:12])


def _asked_of(agent: agents.Agent, view: views.LedgerView, run_id: ids.RunId, held: journal.Held) -> Asked:
    part, current = agents.Part(held.dataset_id, held.version), view.runs[run_id]
    return Asked(
        spec=current.spec,
        papers=agents.terms_of(agent, run_id, current),
        part=part,
        consent=consent_of(view, held.consent_id, run_id),
        now=int(max(agent.clock.now(), view.time)),
        as_mapped=functools.partial(agent.data.as_mapped, part),
        own=agent.data.published(part),
    )


def _of_consent(asked: Asked, banned: int | None) -> tuple[str, ...]:
    """Return what stands against a use without a policy and is not the ledger's to see at the next contribution.

    A commercial purpose in a run that does not call itself so, and a purpose that was banned since the seat was taken.
    """
    is_covered = asked.consent is None or asked.consent.commercial
    is_commercial = asked.spec.commercial or vocabulary.is_commercial(asked.papers.terms.purpose)
    against = (
        (rules.Denial.PURPOSE_BANNED, rules.is_banned(asked.papers.terms.purpose, banned)),
        (rules.Denial.COMMERCIAL_NOT_PERMITTED, is_commercial and not is_covered),
    )
    return tuple(denial.reason for denial, applies in against if applies)


def _request(asked: Asked, policy: policies.UsePolicy, country: str | None) -> rules.Request:
    terms, spec = asked.papers.terms, asked.spec
    return rules.Request(
        purpose=terms.purpose,
        commercial=spec.commercial,
        country=country,
        solver=spec.solver,
        problem=spec.problem,
        licence=terms.licence,
        epsilon=_promised(asked.papers.recipe, policy),
        cohort=policy.minimum_cohort,  # counted where rows are read: ``tables.OwnTable`` has the policy's minimum
        price=spec.price,
        duties=frozenset(terms.duties),
        now=asked.now,
    )


def _in_words(denial: rules.Denial, country: str | None) -> str:
    if denial is rules.Denial.COUNTRY_NOT_PERMITTED:
        return f"{denial.reason[:-1]} ({country or 'the solver has named none'})."
    if denial is rules.Denial.EPSILON_TOO_HIGH:
        return f"{denial.reason} The plan needs `privacy`, with the policy's unit and enough noise."
    return denial.reason


def _promised(made: recipes.Recipe, policy: policies.UsePolicy) -> str | None:
    """Return what a run may cost each unit that a policy is about, rounded up; ``None`` where nothing bounds it."""
    protects = None if made.protection is None else made.protection.unit
    is_weaker = policy.privacy_unit is policies.PrivacyUnit.PERSON and protects is not policies.PrivacyUnit.PERSON
    if made.most_loss is None or is_weaker or not math.isfinite(made.most_loss):
        return None
    return f"{math.ceil(made.most_loss * 10_000) / 10_000:.4f}"


def _of_columns(card: cards.DatasetCard, asked: Asked) -> tuple[str, ...]:
    """Return which columns of a plan are not the card's to learn from; a card that declares none says nothing of them."""
    roles = {field.name: field.role for field in card.declared}
    if not roles:
        return ()
    plan, group = asked.papers.recipe.schema, asked.papers.plan.group
    learned = [each.name for each in (*plan.outcomes, *plan.features)]
    missing, said = [], []
    for name, source in zip(learned, asked.as_mapped(learned), strict=True):
        found = {roles[each] for each in (name, source) if each in roles}
        if not found:
            missing.append(name[:40])
        elif not found <= {*cards.OFFERED}:
            said.append(f"The card does not offer the column {name[:40]} to be learned from.")
    if group is not None and roles.keys().isdisjoint({group, *asked.as_mapped([group])}):
        missing.append(group[:40])
    return (*_of_missing(missing), *said)


def _of_missing(names: Sequence[str]) -> tuple[str, ...]:
    if len(names) < 2:
        return tuple(f"The card does not declare the column {name}." for name in names)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (f"The card does not declare {len(names)} columns: {', '.join(names[:MOST_NAMED])}{more}.",)


MOST_NAMED = 8
"""How many missing columns are named; a reader needs no more to see which plan this is."""


def _card(shelves: Shelves, digest: bytes) -> cards.DatasetCard:
    try:
        return _read_card(shelves.read(digest))
    except UNREADABLE as err:
        raise _unreadable("card", digest) from err


@functools.lru_cache(maxsize=64)
def _read_policy(data: bytes) -> policies.UsePolicy:
    return policies.UsePolicy.decode(data)


@functools.lru_cache(maxsize=64)
def _read_card(data: bytes) -> cards.DatasetCard:
    return cards.DatasetCard.decode(data)


def _unreadable(what: str, digest: bytes) -> errors.UseDenied:
    said = f"The dataset's {what} cannot be read, and what cannot be read permits nothing."
    return errors.UseDenied(
        said, which=f"document {digest.hex()[:12]}", reasons=(said,),
        next_step="publish the dataset's version again, or bring the document back into the store",
    )  # fmt: skip
