"""A whole dataset withdrawn from a running run: before the first Commit its site is simply dropped, afterwards its absence
policy decides; its rows leave its next contribution in any case, and no state that used it is unmade."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aicommons import office, testing
from aicommons.domain import cards, documents, errors, events, run
from aicommons.node import verification
from aicommons.protocol import view as views

Phase, State, Reason, Absence = run.Phase, run.RunState, run.Reason, run.Absence
PHASE_SECONDS = 10
"""How long the scenes' runs wait for a silent site; whoever is dropped promptly is not waited for."""


def revoke(desk: office.Desk) -> None:
    """Take every consent of a member's back."""
    mine = desk.member_id()
    for consent in desk.view().consents.values():
        if consent.holder == mine:
            desk.revoke_consent(consent.consent_id)


def suspend(desk: office.Desk) -> None:
    """Take every dataset of a member's out of use for now."""
    for dataset in desk.view().datasets.values():
        if dataset.owner == desk.member_id():
            desk.suspend_dataset(dataset.dataset_id)


def retire(desk: office.Desk) -> None:
    """Take every dataset of a member's out of use for good."""
    for dataset in desk.view().datasets.values():
        if dataset.owner == desk.member_id():
            desk.retire_dataset(dataset.dataset_id)


def at(round_index: int, phase: Phase, *, submits: int = 0) -> Callable[[views.RunView], bool]:
    """Return whether the run has come to a phase of a round, with at least so many Submits."""

    def holds(view: views.RunView) -> bool:
        now = view.current
        return now is not None and (view.round_index, now.phase) == (round_index, phase) and len(now.submits) >= submits

    return holds


def problem_of(scene: Any, current: views.RunView) -> str | None:
    """Return what a stranger who verifies the run objects to."""
    commons = scene.simulation.commons
    return verification.verify(current, scene.run_id, commons.store, commons.solver.node.ledger.place).problem


@dataclasses.dataclass(frozen=True)
class Early:
    """A withdrawal before the run's first Commit, and the site's place on the roster."""

    when: Callable[[views.RunView], bool]
    site: int = 2
    how: Callable[[office.Desk], None] = revoke
    policy: Absence = Absence.WAIT
    attempts: int = 1
    """Attempts at round 0."""


EARLY: dict[str, Early] = {
    "while the others acknowledge": Early(lambda view: view.state is State.ACKING),
    "before the first Submit": Early(at(0, Phase.OPEN)),
    "before its own Submit": Early(at(0, Phase.OPEN, submits=2), site=4),
    "after its own Submit": Early(at(0, Phase.OPEN, submits=3), site=0, attempts=2),
    "when all vectors are in": Early(at(0, Phase.SUBMITTED), attempts=2),
    "when all vectors are in, the first on the roster": Early(at(0, Phase.SUBMITTED), site=0, attempts=2),
    "with the exit policy": Early(at(0, Phase.OPEN, submits=1), policy=Absence.EXIT),
    "by suspending the dataset": Early(at(0, Phase.OPEN, submits=1), how=suspend),
    "by retiring the dataset": Early(at(0, Phase.SUBMITTED), how=retire, attempts=2),
}


@pytest.mark.parametrize("row", EARLY.values(), ids=EARLY.keys())
def test_before_the_first_commit_the_site_is_dropped(stage: Any, row: Early) -> None:
    """The others go on without it at once, not after a phase or the patience, and complete the run."""
    with stage.scene(5, absence={row.site: row.policy}) as scene:
        withdrawn: list[float] = []

        def withdraw(scene: Any) -> None:
            withdrawn.append(scene.simulation.commons.clock.now())
            row.how(scene.member(row.site).desk)

        current = scene.play(stage.move(row.when, withdraw))
        gone = scene.roster[row.site]
        assert (scene.history, current.reason) == ((State.ACKING, State.RUNNING, State.COMPLETED), Reason.FINISHED)
        assert [source.member_id for source in current.model.sources] == [each for each in scene.roster if each != gone]
        assert set(current.dropped) == {gone}
        first = min(sent.at.time for attempt in current.attempts.values() for sent in attempt.commits.values())
        assert first - withdrawn[0] < PHASE_SECONDS
        assert max(attempt for round_index, attempt in current.attempts if round_index == 0) + 1 == row.attempts
        assert all(gone not in current.members_of(each.set_bits) for each in current.attempts.values() if each.commits)
        assert problem_of(scene, current) is None


@pytest.mark.parametrize("when", [at(0, Phase.OPEN), at(0, Phase.SUBMITTED)], ids=["open", "vectors in"])
def test_a_run_that_becomes_too_small_is_over_at_once(stage: Any, when: Callable[[views.RunView], bool]) -> None:
    """With fewer than three sites left nobody waits: the run is over, and nothing was revealed."""
    with stage.scene(3) as scene:
        withdrawn: list[float] = []

        def withdraw(scene: Any) -> None:
            withdrawn.append(scene.simulation.commons.clock.now())
            revoke(scene.member(1).desk)

        current = scene.play(stage.move(when, withdraw))
        assert (current.state, current.reason) == (State.ABORTED, Reason.TOO_FEW_PARTICIPANTS)
        assert current.changed_at - withdrawn[0] < PHASE_SECONDS
        assert not any(attempt.reveals for attempt in current.attempts.values())


DONE_0 = at(0, Phase.UNMASKED)


def test_later_the_wait_policy_waits(stage: Any) -> None:
    """The run pauses for the site, then ends at its last agreed state, which is written down with the site in its lineage."""
    with stage.scene(5) as scene:
        current = scene.play(stage.move(DONE_0, lambda scene: revoke(scene.member(2).desk)))
        gone = scene.roster[2]
        assert scene.history == (State.ACKING, State.RUNNING, State.PAUSED, State.ENDED)
        assert current.reason is Reason.PATIENCE_OVER
        assert current.model.rounds_done == current.agreed.rounds_done == 1
        assert gone not in current.dropped
        assert gone not in current.attempts[1, 0].submits
        assert gone in [source.member_id for source in current.model.sources]


@pytest.mark.parametrize(
    "when",
    [DONE_0, at(1, Phase.OPEN, submits=2), at(1, Phase.SUBMITTED)],
    ids=["between rounds", "among Submits", "while a sum is unmasked"],
)
def test_later_the_exit_policy_leaves(stage: Any, when: Callable[[views.RunView], bool]) -> None:
    """The exit that was signed in advance takes effect as soon as the others can go on without it, not after the patience."""
    with stage.scene(5, absence={2: Absence.EXIT}) as scene:
        current = scene.play(stage.move(when, lambda scene: revoke(scene.member(2).desk)))
        gone = scene.roster[2]
        assert scene.history == (State.ACKING, State.RUNNING, State.COMPLETED)
        assert set(current.exits) == set(current.dropped) == {gone}
        last = max(place for place, attempt in current.attempts.items() if attempt.reveals)
        assert gone not in current.members_of(current.attempts[last].set_bits)
        assert gone not in current.attempts[last].submits
        assert [source.member_id for source in current.model.sources] == list(scene.roster)
        assert current.shares[gone] == min(current.shares[each] for each in scene.roster)
        assert problem_of(scene, current) is None


def test_later_an_exit_that_leaves_too_few_waits(stage: Any) -> None:
    """Of three sites none can leave: the patience decides, and the agreed state stays."""
    with stage.scene(3, absence={1: Absence.EXIT}) as scene:
        current = scene.play(stage.move(DONE_0, lambda scene: revoke(scene.member(1).desk)))
        assert (current.state, current.reason) == (State.ENDED, Reason.PATIENCE_OVER)
        assert current.agreed.rounds_done == 1
        assert not current.exits


CARD = cards.DatasetCard("A table", "a site", 10, {}, "LicenseRef-private", 10, "none")
UNTIL = testing.START + 86_400


@pytest.fixture
def enrolling(stage: Any, tmp_path: pathlib.Path) -> Iterator[tuple[testing.Commons, Any]]:
    """A commons whose members two to five have enrolled in a run that is not closed."""
    commons = testing.Commons(tmp_path)
    members = [commons.admit(name) for name in ("solver", "a", "b", "c", "d")]
    desk = members[0].desk
    problem = documents.Problem("A problem", "who", "decision", "why", ("3.4",), "accuracy", "none")
    offer = office.Offer(
        problem=desk.state_problem(problem, UNTIL),
        plan=desk.publish_plan(documents.Plan("t", testing.recipes.to_plan(stage.plan()), "sums", 30, 0, group=None)),
        terms=documents.RunTerms(testing.PURPOSE, (), 1, 10, "no DP"),
        enrol_until=UNTIL,
    )
    run_id = desk.open_run(offer)
    for member in members[1:]:
        dataset = member.desk.publish_dataset(CARD)
        consent = member.desk.give_consent(office.consent(dataset, [testing.PURPOSE], UNTIL))
        member.desk.enrol(run_id, office.Seat(dataset, consent))
    yield commons, run_id
    commons.close()


def test_who_withdraws_before_the_roster_has_no_seat_on_it(enrolling: tuple[testing.Commons, Any]) -> None:
    """The roster holds the others only, and the view says who was given up and why."""
    commons, run_id = enrolling
    revoke(commons.members[2].desk)
    roster = commons.solver.desk.close_roster(run_id)
    assert roster.member_ids == (2, 4, 5)
    assert set(commons.solver.desk.run(run_id).dropped) == {3}


def test_withdrawn_seats_do_not_make_up_the_numbers(enrolling: tuple[testing.Commons, Any]) -> None:
    """Two seats that are left are too few, whoever enrolled before, and the solver is told so before it asks the ledger."""
    commons, run_id = enrolling
    for index in (2, 3):
        revoke(commons.members[index].desk)
    with pytest.raises(errors.InputError, match="too few sites") as caught:
        commons.solver.desk.close_roster(run_id)
    assert caught.value.got == 2


def test_every_use_is_on_record(enrolling: tuple[testing.Commons, Any]) -> None:
    """A consent shows by which run it was used, how often and for what price."""
    commons, run_id = enrolling
    for consent in commons.registrar.view().consents.values():
        (use,) = consent.uses
        assert (use.run_id, use.uses, use.price) == (run_id, 1, 0)
        assert isinstance(use, events.ConsentUsed)
