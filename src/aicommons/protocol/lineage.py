"""Which models a dataset is in, and who answers for a model: what the ledger's lineage says, read both ways. Pure.

The card of a dataset shows its models, and the inbox shows what other owners wish of one's own. A wish binds nobody:
what follows from it is decided by the people who own the model.
"""

from collections.abc import Iterator

from aicommons.domain import events, ids
from aicommons.protocol import view as views


def touched(view: views.LedgerView, dataset_id: int) -> Iterator[tuple[ids.RunId, views.RunView]]:
    """Yield the runs whose registered model names a dataset among its sources, and those under way that it brings.

    A run that ended without a model, or before it was written down, is left out: there is nothing to ask of it.
    """
    for run_id, current in view.runs.items():
        if has_source(current, dataset_id) or (not current.state.is_over and is_brought(current, dataset_id)):
            yield run_id, current


def has_source(current: views.RunView, dataset_id: int) -> bool:
    """Return whether a run's registered model names a dataset among its sources."""
    if current.model is None:
        return False
    sources = current.model.sources
    return any(
        each.dataset_id == dataset_id for source in sources for each in (source, *current.brought_by(source.member_id))
    )


def is_brought(current: views.RunView, dataset_id: int) -> bool:
    """Return whether somebody takes part in a run with a dataset, or left after it was in a sum."""
    return any(
        each.dataset_id == dataset_id and (member not in current.out or member in current.summed)
        for member in current.enrolled
        for each in current.brought_by(member)
    )


def using(view: views.LedgerView, consent_id: bytes) -> Iterator[tuple[ids.RunId, int, views.RunView]]:
    """Yield the runs under way that use a consent, each with the seat that brings its dataset."""
    for run_id, current in view.runs.items():
        for member in () if current.state.is_over else current.enrolled:
            is_used = any(each.consent_id == consent_id for each in current.brought_by(member))
            if is_used and member not in current.out:
                yield run_id, member, current


def answers_for(view: views.LedgerView, run_id: ids.RunId, member: int) -> bool:
    """Return whether a member is solver, problem owner or co-owner of a run's model."""
    current = view.runs.get(run_id)
    if current is None:
        return False
    stated = view.problems.get(current.spec.problem)
    return current.spec.solver == member or (stated is not None and stated.owner == member) or member in current.shares


def wishes_for(view: views.LedgerView, member: int) -> Iterator[tuple[int, events.Wished]]:
    """Yield what others wish of the models that a member answers for, each with its place among all wishes."""
    for place, wished in enumerate(view.wishes):
        dataset = view.datasets.get(wished.dataset_id)
        is_own = dataset is not None and dataset.owner == member
        if not is_own and answers_for(view, wished.run_id, member):
            yield place, wished
