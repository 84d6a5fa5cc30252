"""Which models a dataset is in and who answers for a model, from the events of a real run."""

import dataclasses
from collections.abc import Sequence

import pytest

from aicommons.domain import events, ids, model_events, run
from aicommons.protocol import inbox, lineage
from aicommons.protocol import view as views

LATER = events.Position(10**6, 0, 2 * 10**9)


def after(told: Sequence[events.Event], *more: events.Event) -> tuple[views.LedgerView, ids.RunId]:
    """Return the view after a run and some more events, and the run."""
    view = views.fold(views.LedgerView(), [*told, *more])
    return view, next(iter(view.runs))


def wish(run_id: ids.RunId, dataset: int) -> events.Wished:
    """Return a wish about a run's model."""
    return events.Wished(LATER, run_id, dataset, events.Wish.RETRAIN, bytes(32))


def test_a_model_is_found_by_each_of_its_sources(told: Sequence[events.Event]) -> None:
    """Every dataset of the lineage leads to the model, another number to none."""
    view, run_id = after(told)
    assert view.runs[run_id].model is not None
    for dataset in view.datasets:
        assert [found for found, _ in lineage.touched(view, dataset)] == [run_id]
    assert list(lineage.touched(view, 99)) == []


def test_an_amended_model_has_another_card_and_licence_only(told: Sequence[events.Event]) -> None:
    """Everybody reads card and licence as the solver put them right; the rest stays as it was registered."""
    view, run_id = after(told)
    was = view.runs[run_id].model
    assert was is not None
    amended = model_events.ModelAmended(LATER, run_id, ids.Digest(b"\x06" * 32), b"\x07" * 32, 0)
    view, _ = after(told, amended)
    expected = dataclasses.replace(was, card=amended.card, licence=amended.licence)
    assert view.runs[run_id].model == expected
    assert views.fold(view, [amended]) == views.fold(after(told)[0], [amended])
    unmade = [each for each in told if not isinstance(each, events.ModelRegistered)]
    assert after(unmade, amended)[0].runs[run_id].model is None


def test_a_run_under_way_is_found_until_it_is_over_without_a_model(told: Sequence[events.Event]) -> None:
    """A seat counts while the run goes on, also once it left if a sum has its data; without a model nothing is left at the end."""
    begun = [each for each in told if not isinstance(each, events.ModelRegistered)]
    ended = next(
        place for place, each in enumerate(begun)
        if isinstance(each, events.RunStateChanged) and each.state is run.RunState.COMPLETED
    )  # fmt: skip
    view, run_id = after(begun[:ended])
    assert [found for found, _ in lineage.touched(view, 1)] == [run_id]
    assert not lineage.has_source(view.runs[run_id], 1)
    gone = events.Exited(LATER, run_id, view.datasets[1].owner, 0, bytes(65))
    assert [found for found, _ in lineage.touched(after(begun[:ended], gone)[0], 1)] == [run_id]
    summed = next(
        place for place, each in enumerate(begun)
        if isinstance(each, events.PhaseEntered) and each.phase is run.Phase.UNMASKED
    )  # fmt: skip
    assert list(lineage.touched(after(begun[:summed], gone)[0], 1)) == []
    assert list(lineage.touched(after(begun)[0], 1)) == []


def test_a_consent_leads_to_the_runs_under_way_that_use_it(told: Sequence[events.Event]) -> None:
    """Whoever takes a consent back reads which runs it concerns: not those that are over, nor one that its site left."""
    ended = next(
        place for place, each in enumerate(told)
        if isinstance(each, events.RunStateChanged) and each.state is run.RunState.COMPLETED
    )  # fmt: skip
    view, run_id = after(told[:ended])
    owner = view.datasets[1].owner
    consent_id = view.runs[run_id].enrolled[owner].consent_id
    assert [(found, member) for found, member, _ in lineage.using(view, consent_id)] == [(run_id, owner)]
    assert list(lineage.using(view, bytes(32))) == []
    assert list(lineage.using(after(told)[0], consent_id)) == []
    gone = events.Exited(LATER, run_id, owner, 0, bytes(65))
    assert list(lineage.using(after(told[:ended], gone)[0], consent_id)) == []


def test_wishes_reach_who_answers_for_the_model_and_nobody_else(told: Sequence[events.Event]) -> None:
    """Solver, problem owner and co-owners are asked; not the one who asks, nor a member without a part."""
    view, run_id = after(told)
    asker = view.datasets[1].owner
    view, run_id = after(told, wish(run_id, 1), wish(ids.RunId(b"\x09" * 32), 1))
    solver = view.runs[run_id].spec.solver
    others = {view.datasets[number].owner for number in view.datasets} - {asker}
    for member in (solver, *others):
        assert [place for place, _ in lineage.wishes_for(view, member)] == [0], member
    for member in (asker, ids.MemberId(99)):
        assert list(lineage.wishes_for(view, member)) == []


def test_a_wish_is_an_item_of_its_own(told: Sequence[events.Event]) -> None:
    """Two wishes about one model are two items, and neither is one that a rule could answer for the run."""
    _, run_id = after(told)
    view, _ = after(told, wish(run_id, 1), wish(run_id, 1))
    items = inbox.wished(view, view.runs[run_id].spec.solver)
    assert [each.key for each in items] == ["wish:0", "wish:1"]
    assert {(each.run_id, each.request_id, each.until) for each in items} == {(None, None, None)}


@pytest.mark.parametrize("place", [-1, 99])
def test_an_unknown_model_has_nobody_who_answers(told: Sequence[events.Event], place: int) -> None:
    """A run that the ledger does not know belongs to nobody."""
    view, _ = after(told)
    assert not lineage.answers_for(view, ids.RunId(b"\x09" * 32), place)
