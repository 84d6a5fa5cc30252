"""The view: folding the ledger's events is deterministic, in any pieces, and runs do not touch each other."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.domain import events, ids, run
from aicommons.protocol import view as views

reuse = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)


def renamed(told: Sequence[events.Event], run_id: ids.RunId) -> list[events.Event]:
    """Return the events of the told run as those of another run."""
    of_run = [event for event in told if hasattr(event, "run_id")]
    return [dataclasses.replace(event, run_id=run_id) for event in of_run]  # type: ignore[call-arg]


def test_a_completed_run(told: Sequence[events.Event]) -> None:
    """The view of a completed run says who took part, what was agreed, and who owns the model."""
    view = views.fold(views.LedgerView(), told)
    (current,) = view.runs.values()
    assert current.roster is not None
    assert (current.state, current.reason) == (run.RunState.COMPLETED, run.Reason.FINISHED)
    assert set(current.enrolled) == set(current.acks) == set(current.roster.member_ids) == {2, 3, 4}
    assert current.agreed is not None
    assert current.agreed.rounds_done == current.round_index + 1 == 3
    for place in [(index, 0) for index in range(3)]:
        attempt = current.attempts[place]
        assert attempt.phase is run.Phase.UNMASKED
        assert current.members_of(attempt.set_bits) == (2, 3, 4)
        assert set(attempt.submits) == set(attempt.commits) == set(attempt.reveals) == {2, 3, 4}
    assert current.model is not None
    assert [source.member_id for source in current.model.sources] == [2, 3, 4]
    assert sum(current.shares.values()) == 1_000_000
    assert len(view.members) == 4
    assert len(view.datasets) == len(view.consents) == 3
    assert view.time == max(event.at.time for event in told)


def test_an_owner_in_two_roles_gets_both_parts(told: Sequence[events.Event]) -> None:
    """The solver's part and the problem owner's part of one member add up."""
    (current,) = views.fold(views.LedgerView(), told).runs.values()
    assert current.shares[1] == current.spec.solver_shares + current.spec.owner_shares


@reuse
@given(st.data())
def test_pieces_do_not_matter(told: Sequence[events.Event], data: st.DataObject) -> None:
    """However a node polls, the same events give the same view."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=6)))
    view = views.LedgerView()
    for start, end in zip([0, *cuts], [*cuts, len(told)], strict=True):
        view = views.fold(view, told[start:end])
    assert view == views.fold(views.LedgerView(), told)


@reuse
@given(st.randoms(use_true_random=False))
def test_runs_do_not_touch_each_other(told: Sequence[events.Event], random: object) -> None:
    """Two runs whose events interleave in any way end as they do alone."""
    one, other = ids.RunId(b"\x01" * 32), ids.RunId(b"\x02" * 32)
    queues = [renamed(told, one), renamed(told, other)[: random.randrange(len(told))]]  # type: ignore[attr-defined]
    alone = [views.fold(views.LedgerView(), queue).runs for queue in queues]
    mixed = []
    pending = [list(queue) for queue in queues]
    while any(pending):
        mixed.append(random.choice([queue for queue in pending if queue]).pop(0))  # type: ignore[attr-defined]
    together = views.fold(views.LedgerView(), mixed).runs
    assert dict(together) == {**alone[0], **alone[1]}


RUNS = st.sampled_from([ids.RunId(bytes([number]) * 32) for number in range(2)])
KEYS = st.sampled_from([bytes([number]) * 20 for number in range(3)])
FEW = st.integers(0, 3)
OPENED = st.builds(events.RunOpened, run_id=RUNS, solver=FEW)
FIELDS = {
    "at": st.builds(events.Position, FEW, FEW, FEW),
    "run_id": RUNS,
    "member_ids": st.just((0, 1, 3)),
    "node_keys": st.just((ids.Address(bytes(20)),) * 3),
    "consent_id": KEYS,
    "problem_id": KEYS,
    "applicant": KEYS,
    "guardianship_id": KEYS,
    "leaf": KEYS,
}
"""Values that collide often; fields that are not named here are small numbers or whatever fits their type."""
PARTS = (events.Event, events.Attempted, events.OfMember, events.OfDataset)
KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, events.Event) and kind not in PARTS
]


def any_event(kind: type[events.Event]) -> st.SearchStrategy[events.Event]:
    """Return events of one kind."""
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    chosen = {name: FIELDS[name] for name in fields if name in FIELDS}
    small = {name: FEW for name, type_ in fields.items() if type_ in (int, ids.MemberId)}
    return st.builds(kind, **{**small, **chosen})


HISTORIES = st.lists(OPENED | st.sampled_from(KINDS).flatmap(any_event), max_size=40)


def spelled(value: object) -> Any:
    """Return a view as plain lists, so that the order within its mappings counts too."""
    if dataclasses.is_dataclass(value):
        return [spelled(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return [(key, spelled(each)) for key, each in value.items()] if isinstance(value, dict) else value


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_a_batch_is_its_events_one_by_one(history: list[events.Event]) -> None:
    """Any events, folded at once or one after the other, give the same view in the same order, and every view on the way stays."""
    view = views.LedgerView()
    seen = []
    for event in history:
        seen.append((view, copy.deepcopy(spelled(view))))
        view = views.fold(view, [event])
    assert spelled(views.fold(views.LedgerView(), history)) == spelled(view)
    for number, (before, as_it_was) in enumerate(seen):
        assert spelled(views.fold(before, history[number:])) == spelled(view)
        assert spelled(before) == as_it_was


def test_what_a_batch_does_not_touch_is_not_copied(told: Sequence[events.Event]) -> None:
    """A batch copies the mappings that it writes to and no other, and an empty one nothing at all."""
    view = views.fold(views.LedgerView(), told)
    assert views.fold(view, []) is view
    (run_id,) = view.runs
    sent = next(event for event in told if isinstance(event, events.Submitted) and event.round_index == 1)
    later = views.fold(view, [sent, sent])
    before, after = view.runs[run_id], later.runs[run_id]
    assert later.members is view.members
    assert later.datasets is view.datasets
    assert after.acks is before.acks
    assert after.attempts[0, 0] is before.attempts[0, 0]
    assert after.attempts[1, 0].commits is before.attempts[1, 0].commits
    assert after.attempts[1, 0].submits is not before.attempts[1, 0].submits


VOIDED = events.Voided(events.Position(1, 0, 5), ids.RunId(b"\x01" * 32), 0, 0, 0b10)


def test_a_voided_submit_may_come_again(
    run_of: Callable[..., views.RunView], sent: Callable[..., events.Attempted]
) -> None:
    """A void takes out the submits of its seats; one that comes afterwards stands, in one batch or in several."""
    open_ = views.AttemptView(submits={member: sent(events.Submitted, member) for member in (2, 4)})
    view = views.LedgerView(runs={VOIDED.run_id: run_of(attempts={(0, 0): open_})})
    voided = views.fold(view, [VOIDED])
    assert set(voided.runs[VOIDED.run_id].attempts[0, 0].submits) == {2}
    again = views.fold(view, [VOIDED, sent(events.Submitted, 4)])
    assert set(again.runs[VOIDED.run_id].attempts[0, 0].submits) == {2, 4}


def test_folding_leaves_the_old_view_alone(told: Sequence[events.Event]) -> None:
    """A view is a value: going on from it does not change it."""
    half = views.fold(views.LedgerView(), told[: len(told) // 2])
    again = views.fold(views.LedgerView(), told[: len(told) // 2])
    views.fold(half, told[len(told) // 2 :])
    assert half == again


def test_events_of_unknown_runs_are_left_out(told: Sequence[events.Event]) -> None:
    """Without its RunOpened nothing of a run is believed."""
    orphans = [event for event in told if not isinstance(event, events.RunOpened)]
    assert views.fold(views.LedgerView(), orphans).runs == {}


def test_members_of_a_bitmap(told: Sequence[events.Event]) -> None:
    """Bit i stands for the i-th member of the roster; bits beyond it for nobody."""
    (current,) = views.fold(views.LedgerView(), told).runs.values()
    assert current.members_of(0b101) == (2, 4)
    assert current.members_of(0b1000) == ()
    assert dataclasses.replace(current, roster=None).members_of(0b111) == ()


AT = events.Position(1, 0, 5)


def test_revoked_consents_stay_known() -> None:
    """A revoked consent is still listed, and in the set of revoked ones."""
    terms = events.ConsentTerms(1, 1, ids.MemberId(0), bytes(32), False, 10, 1, bytes(32))
    given_ = events.ConsentGiven(AT, b"\x07" * 32, 1, ids.MemberId(1), terms)
    view = views.fold(views.LedgerView(), [given_, events.ConsentRevoked(AT, b"\x07" * 32, 1)])
    assert b"\x07" * 32 in view.consents
    assert view.revoked == {b"\x07" * 32}
    assert views.fold(view, [events.ConsentRevoked(AT, b"\x08" * 32, 1)]).consents == view.consents


def test_an_application_is_kept_by_its_wallet() -> None:
    """Who applied is found by the address that it applied with."""
    applied = events.MemberApplied(AT, ids.Address(b"\x01" * 20), 1, ids.Address(bytes(20)), b"", b"", b"")
    assert views.fold(views.LedgerView(), [applied]).applied == {applied.applicant: applied}


ONE = ids.RunId(b"\x01" * 32)
EXIT = events.Exited(AT, ONE, ids.MemberId(4), 0, b"")
RESULT = events.Resulted(AT, ONE, ids.MemberId(4), 0, 1, b"", b"", b"", b"")
TRACES: dict[str, tuple[events.Event, Callable[[views.RunView], object], object]] = {
    "an exit": (EXIT, lambda current: current.exits, {4: EXIT}),
    "a result": (RESULT, lambda current: current.attempts[0, 1].results, {4: RESULT}),
}


@pytest.mark.parametrize(("event", "trace", "expected"), TRACES.values(), ids=TRACES.keys())
def test_what_a_good_run_does_not_show(
    run_of: Callable[..., views.RunView],
    event: events.Event,
    trace: Callable[[views.RunView], object],
    expected: object,
) -> None:
    """Exits, stopped attempts and results stand in the view, also of an attempt that was not seen to begin."""
    view = views.fold(views.LedgerView(runs={ONE: run_of()}), [event])
    assert trace(view.runs[ONE]) == expected


def test_time_never_goes_back() -> None:
    """The view's time is the largest block time seen."""
    stated = [
        events.ProblemStated(
            events.Position(block, 0, time),
            bytes([block]) * 32,
            ids.MemberId(1),
            ids.MemberId(0),
            ids.Digest(bytes(32)),
            bytes(32),
            0,
            0,
        )
        for block, time in ((1, 50), (2, 40))
    ]
    view = views.fold(views.LedgerView(), stated)
    assert (view.block, view.time) == (2, 50)


@pytest.mark.parametrize(("account", "expected"), [(b"\x01" * 20, 3), (b"\x02" * 20, None)])
def test_member_of_account(account: bytes, expected: int | None) -> None:
    """A wallet is the member that it was admitted as, or none."""
    admitted = events.MemberAdmitted(AT, ids.MemberId(3), ids.Address(b"\x01" * 20), 1, ids.Address(bytes(20)), b"")
    assert views.fold(views.LedgerView(), [admitted]).member_of_account(account) == expected
