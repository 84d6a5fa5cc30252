"""Which datasets fit a problem and which problems a dataset could serve: declarations are fetched here and judged in ``protocol``.

Cards, policies and problems come through ``papers``, states and rules from the ledger. Default deny: a card or policy that
cannot be read now is a misfit that says so. Called by ``commons problem datasets``, ``commons dataset problems``, the search by
purpose, and the inbox. Nobody's table is opened, and a fit is no permission: its owner still consents, or does not.
"""

import dataclasses

from aicommons.catalogue import papers
from aicommons.domain import cards, documents, errors, ids, policies, schema
from aicommons.protocol import matching, registry, rules
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """A dataset beside a problem."""

    pair: matching.Pair
    """Which dataset, in which version, and which problem."""
    problem: documents.Problem | None
    """The statement; ``None`` when it cannot be read now."""
    card: cards.DatasetCard | None
    """The card; ``None`` when it cannot be read now."""
    reasons: tuple[matching.Reason, ...]
    """Everything that does not fit."""
    conditions: tuple[str, ...]
    """What is asked of whoever uses the dataset, in words."""
    is_final: bool
    """Whether every document could be had; if not, the same pair may look different later."""

    @property
    def is_fitting(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


class Judge:
    """Judges pairs at one moment of the ledger."""

    def __init__(self, view: views.LedgerView, library: papers.Papers, now: int) -> None:
        """Judge by ``view`` and the documents of ``library`` at ``now`` (seconds since 1970)."""
        self._view = view
        self._library = library
        self._now = now

    def datasets(self, problem_id: bytes) -> tuple[Match, ...]:
        """Return every dataset beside a problem: those that fit first, then those with the fewest misfits."""
        return _ordered([self.match(problem_id, each) for each in self._view.datasets])

    def problems(self, dataset_id: int) -> tuple[Match, ...]:
        """Return every problem beside a dataset, in the same order."""
        return _ordered([self.match(each, dataset_id) for each in self._view.problems])

    def match(self, problem_id: bytes, dataset_id: int) -> Match:
        """Return one dataset beside one problem.

        Raises:
            errors.InputError: there is no such problem or dataset.
        """
        dataset, stated = self._view.datasets.get(dataset_id), self._view.problems.get(problem_id)
        if dataset is None or stated is None:
            raise errors.InputError("no such problem or dataset", which=f"{ids.short(problem_id)}, {dataset_id}")
        before = self._library.missing
        problem = self._library.read(documents.Problem, stated.document)
        card = self._library.read(cards.DatasetCard, dataset.card)
        terms = self._terms(dataset)
        reasons = [matching.Reason(matching.Misfit.CLOSED, "problem", "open", "its time is over")]
        return Match(
            pair=matching.Pair(problem_id, dataset_id, dataset.newest.version),
            problem=problem,
            card=card,
            reasons=(*(reasons if self._now >= stated.deadline else ()), *self._reasons(dataset, problem, card, terms)),
            conditions=matching.conditions(terms),
            is_final=self._library.missing == before,
        )

    def permits(self, dataset_id: int, purpose: str) -> bool:
        """Return whether a dataset can be used now and its owner's rules permit a purpose that is not for gain."""
        dataset = self._view.datasets[dataset_id]
        terms = self._terms(dataset)
        against = matching.objections(purpose, commercial=False, terms=terms, now=self._now)
        return matching.is_usable(self._view, dataset) and not against

    def _reasons(
        self,
        dataset: registry.DatasetView,
        problem: documents.Problem | None,
        card: cards.DatasetCard | None,
        terms: matching.Terms,
    ) -> tuple[matching.Reason, ...]:
        if problem is None:
            return (_unread(matching.Misfit.NEEDS_UNKNOWN, "problem", "a statement"),)
        if card is None:
            declared: tuple[matching.Reason, ...] = (_unread(matching.Misfit.COLUMNS_UNKNOWN, "card", "a card"),)
        else:
            declared = matching.misfits(problem, _offer(card, terms, is_listed=matching.is_usable(self._view, dataset)))
        if problem.purpose is None or problem.needs is None:
            return declared
        commercial = problem.commercial
        return (*declared, *matching.objections(problem.purpose, commercial=commercial, terms=terms, now=self._now))

    def _terms(self, dataset: registry.DatasetView) -> matching.Terms:
        digest = dataset.newest.policy
        is_named = digest != policies.CONSENTS_ALONE
        return matching.Terms(
            listing=rules.Listing.seen(dataset, self._view.members.get(dataset.owner)),
            owner=dataset.owner,
            is_named=is_named,
            policy=self._library.read(policies.UsePolicy, digest) if is_named else None,
            has_body=dataset.body is not None,
            banned=self._view.banned,
        )


def _offer(card: cards.DatasetCard, terms: matching.Terms, *, is_listed: bool) -> matching.Offer:
    of_policy = 0 if terms.policy is None else terms.policy.minimum_cohort
    return matching.Offer(
        is_listed=is_listed,
        columns=_columns(card),
        rows=card.rows,
        minimum_cohort=max(card.minimum_cohort, of_policy),
        countries=card.countries,
    )


def _columns(card: cards.DatasetCard) -> schema.Schema | None:
    """Return what a plan may learn from, ``None`` when the card declares nothing that can be read."""
    if not card.schema:
        return None
    try:
        return schema.from_document(card.schema)
    except errors.InputError:
        return None


def _unread(misfit: matching.Misfit, which: str, what: str) -> matching.Reason:
    return matching.Reason(misfit, which, f"{what} that can be read", "it cannot be read now")


def _ordered(found: list[Match]) -> tuple[Match, ...]:
    return tuple(sorted(found, key=lambda each: (len(each.reasons), each.pair.dataset_id, each.pair.problem_id)))
