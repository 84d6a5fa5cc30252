"""What a dataset's noisy sums have cost the people in it, and whether one more may be built: the owner's bound is never passed.

Charges are written down before anything of a release is sent, a line for each that has numbers of its own, over all versions and
runs of a dataset. A home whose journal was put back from a backup has forgotten some: the ledger has not, and a round in which
it shows this node's Submit is charged for every attempt that it shows. Called by ``contributing``, at the start of a run for all
that the run may take, and for each contribution; what a release costs is counted in ``learning/accounting``.
"""

import collections
import dataclasses
import hashlib
import logging
from collections.abc import Mapping, Sequence

from aicommons.domain import errors, ids, policies
from aicommons.learning import accounting, differential, state
from aicommons.learning import recipe as recipes
from aicommons.node import agent as agents
from aicommons.node import journal
from aicommons.protocol import view as views

log = logging.getLogger("aicommons.node")

LEAST_NOISE = 0.05
"""What a forgotten plan is charged at: nothing is left of any budget after it."""
YEAR = 365 * 86_400
"""Seconds for which a release counts."""


def charge(agent: agents.Agent, attempt: agents.Attempt, current: views.RunView, contents: Mapping[int, bytes]) -> None:
    """Write down what the datasets of a contribution release, before any of it is sent.

    Args:
        agent: the node.
        attempt: of the round.
        current: the run.
        contents: dataset -> what its numbers are known by; none where the plan protects nobody.

    Raises:
        errors.BudgetSpent: an owner's bound would be passed, or asks for a protection that the plan has not; nothing is charged.
    """
    made = attempt.terms.recipe
    now, (run_id, index) = int(agent.clock.now()), (attempt.key.run_id, attempt.key.round_index)
    is_of_others = attempt.before.stage is not state.Stage.FIT and attempt.before.stage not in made.whole_stages
    due = []
    for part in agents.parts_of(agent, run_id, current):
        rule, number = agent.data.rule(part), part.dataset_id
        check_protects(made.protection, rule.budget, rule.unit, number)
        if made.protection is None or number not in contents or is_of_others:
            continue
        known = {
            each.content
            for each in agent.journal.charges(number)
            if each.run_id == run_id and each.round_index == index
        }
        if contents[number] in known:
            continue
        release = made.release(attempt.before.stage)
        if rule.budget is not None:
            _check_within(rule.budget, spent(agent, number, now), [release], number=number)
        unit = made.protection.unit.value
        due.append(_charged(release, (run_id, index, number, contents[number]), unit, now))
    for each in due:
        agent.journal.keep_charge(each)


def check_whole_run(agent: agents.Agent, run_id: ids.RunId, current: views.RunView) -> None:
    """Check before this node joins that the run fits into what is left of its datasets' budgets, whatever it needs.

    Raises:
        errors.BudgetSpent: it might not.
    """
    made, now = agents.terms_of(agent, run_id, current).recipe, int(agent.clock.now())
    for part in agents.parts_of(agent, run_id, current):
        rule = agent.data.rule(part)
        check_protects(made.protection, rule.budget, rule.unit, part.dataset_id)
        if rule.budget is None or made.protection is None:
            continue
        already = {each.round_index for each in agent.journal.charges(part.dataset_id) if each.run_id == run_id}
        due = made.releases(made.learner.most_steps - len(already - {0}))[1 if 0 in already else 0 :]
        _check_within(rule.budget, spent(agent, part.dataset_id, now), due, number=part.dataset_id)


def check_protects(
    protection: differential.Protection | None, budget: float | None, unit: policies.PrivacyUnit, dataset_id: int
) -> None:
    """Check that a plan protects whom an owner's bound is about.

    Raises:
        errors.BudgetSpent: it protects nobody, or records where persons are to be.
    """
    if budget is None:
        return
    is_weaker = unit is policies.PrivacyUnit.PERSON and protection is not None and protection.unit is not unit
    if protection is None or is_weaker:
        raise errors.BudgetSpent(
            "the dataset may be used only by plans that protect its people",
            which=f"dataset {dataset_id}",
            expected=f"privacy with the unit {unit.value} in the plan",
            got="no such promise" if protection is None else f"the unit {protection.unit.value}",
            next_step="The plan's author can add `privacy` to the recipe: docs/how-to/protect-people-in-a-plan.md.",
        )


def spent(agent: agents.Agent, dataset_id: int, now: int) -> list[accounting.Release]:
    """Return what a dataset has released in the year before ``now``."""
    return counted(agent.journal.charges(dataset_id, now - YEAR))


def counted(charges: Sequence[journal.Charge]) -> list[accounting.Release]:
    """Return charges as releases, those with the same noise together."""
    found: collections.Counter[tuple[float, float]] = collections.Counter()
    for each in charges:
        found[each.noise, each.sampling] += each.steps
    return [accounting.Release(noise, count, sampling) for (noise, sampling), count in sorted(found.items())]


def _charged(
    release: accounting.Release, key: tuple[ids.RunId, int, int, bytes], unit: str, now: int
) -> journal.Charge:
    return journal.Charge(*key, release.noise, release.count, release.sampling, unit, now)


def recover(agent: agents.Agent, view: views.LedgerView) -> None:
    """Charge what the ledger shows that this node sent and of which its journal knows nothing: once, when a node starts.

    A round without any charge is charged for each attempt that has this node's Submit, at the noise of its plan; a plan that
    cannot be read any more counts as one that hid nothing.

    Raises:
        errors.TemporaryError: the store does not answer; nothing is built before it does.
    """
    now = int(agent.clock.now())
    for run_id, current in view.runs.items():
        sent = [place for place, seen in current.attempts.items() if agent.member_id in seen.submits]
        for number in _bounded(agent, current) if sent else ():
            known = {each.round_index for each in agent.journal.charges(number) if each.run_id == run_id}
            missing = [place for place in sent if place[0] not in known]
            promised = _promise(agent, run_id, current) if missing else None
            if promised is None:
                continue
            for index, attempt in missing:
                content = hashlib.sha256(f"shown on the ledger: {index}, {attempt}".encode()).digest()
                release = promised.release(state.Stage.FIT if index else state.Stage.DESCRIBE)
                agent.journal.keep_charge(_charged(release, (run_id, index, number, content), promised.unit, now))
            log.warning(
                "run %s: %d releases of dataset %d are on the ledger and not in this journal: charged again",
                ids.format_id(run_id)[:12],
                len(missing),
                number,
            )


def _bounded(agent: agents.Agent, current: views.RunView) -> frozenset[int]:
    """Return the datasets that this node brought to a run, and whose owner bounds what anybody may learn of its people."""
    found = set()
    for each in current.brought_by(agent.member_id):
        try:
            rule = agent.data.rule(agents.Part(each.dataset_id, each.version))
        except errors.InputError:  # it is not here any more, and can give nothing
            continue
        if rule.budget is not None:
            found.add(each.dataset_id)
    return frozenset(found)


@dataclasses.dataclass(frozen=True, slots=True)
class _Promise:
    """What a round of a run's plan costs, and whom it hides."""

    made: recipes.Recipe | None
    """``None`` where the plan cannot be read any more."""

    @property
    def unit(self) -> str:
        """Whose part it hides."""
        known = None if self.made is None else self.made.protection
        return policies.PrivacyUnit.RECORD.value if known is None else known.unit.value

    def release(self, stage: state.Stage) -> accounting.Release:
        """Return what a round costs."""
        return accounting.Release(LEAST_NOISE) if self.made is None else self.made.release(stage)


def _promise(agent: agents.Agent, run_id: ids.RunId, current: views.RunView) -> _Promise | None:
    """Return what a run's plan promises; ``None`` of one that protects nobody, and is charged nothing."""
    try:
        made = agents.terms_of(agent, run_id, current).recipe
    except errors.PermanentError:
        return _Promise(None)
    return None if made.protection is None else _Promise(made)


def _check_within(
    budget: float, before: list[accounting.Release], due: list[accounting.Release], *, number: int
) -> None:
    wanted = accounting.epsilon([*before, *due])
    if wanted > budget:
        raise errors.BudgetSpent(
            "the dataset's privacy budget of this year is not enough",
            which=f"dataset {number}",
            expected=f"epsilon {budget:g} at most",
            got=f"{accounting.epsilon(before):.3g} spent, {wanted:.3g} with this",
            next_step="Wait until older releases are a year old, or ask for a plan with more noise or fewer rounds.",
        )
