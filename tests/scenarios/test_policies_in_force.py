"""A site whose use policy does not permit a run, or does not any more, brings nothing; the others see it as absent."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from aicommons import testing
from aicommons.domain import ids, policies, profiles, run
from aicommons.protocol import view as views

State, Reason, Absence, Phase = run.RunState, run.Reason, run.Absence, run.Phase
SITE = 2
UNTIL = testing.START + 60
SLOW = {"phase_seconds": 80, "patience_seconds": 60}
"""The clock may be put on to ``UNTIL`` between two rounds without anybody being late."""


def policy(**changes: Any) -> Callable[[ids.MemberId], policies.UsePolicy]:
    """Return what makes a policy for a member: research, with these changes."""

    def make(member: ids.MemberId) -> policies.UsePolicy:
        plain = policies.UsePolicy(
            title="Research", assigner=member, permitted=("dpv:ScientificResearch",), prohibited=(), commercial=False,
            countries=(), licence="CC0-1.0", minimum_cohort=10, minimum_cell=1, small_cells=policies.SmallCells.ALLOW,
            epsilon=None, privacy_unit=policies.PrivacyUnit.RECORD, price=0, free_commons=True, duties=(), until=None,
            person_column=None,
        )  # fmt: skip
        return dataclasses.replace(plain, **changes)

    return make


def first_round_is_done(view: views.RunView) -> bool:
    """Return whether round 0 is unmasked, and round 1 not open."""
    return view.current is not None and (view.round_index, view.current.phase) == (0, Phase.UNMASKED)


def end_policy(scene: Any) -> None:
    """Let time pass to the policy's last second and beyond."""
    clock = scene.simulation.commons.clock
    assert clock.now() < UNTIL
    clock.advance(UNTIL - clock.now())


def denial(scene: Any, index: int) -> str | None:
    """Return what a site's node tells its owner."""
    found: str | None = scene.member(index).node.journal.denial(scene.run_id)
    return found


def test_a_policy_that_ends_between_rounds_stops_its_site(stage: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Round 0 has the site, round 1 has not: nothing is sent, the log says why once, and the run waits as was agreed."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(5, policy={SITE: policy(until=UNTIL)}, **SLOW) as scene:
        current = scene.play(stage.move(first_round_is_done, end_policy), passes=1500)
        gone = scene.roster[SITE]
        assert scene.history == (State.ACKING, State.RUNNING, State.PAUSED, State.ENDED)
        assert (current.reason, current.agreed.rounds_done) == (Reason.PATIENCE_OVER, 1)
        assert gone in current.attempts[0, 0].submits
        assert all(gone not in each.submits for (index, _), each in current.attempts.items() if index > 0)
        assert "The policy has ended." in str(denial(scene, SITE))
        assert [denial(scene, index) for index in range(5) if index != SITE] == [None] * 4
    said = [record.getMessage() for record in caplog.records if "The policy has ended." in record.getMessage()]
    assert len(said) == 1
    assert "nothing more of this site goes into it" in said[0]


def test_a_site_that_chose_to_exit_is_left_out(stage: Any) -> None:
    """With the exit that was signed in advance the others go on without it, to the end."""
    absence = {SITE: Absence.EXIT}
    with stage.scene(5, policy={SITE: policy(until=UNTIL)}, absence=absence, **SLOW) as scene:
        current = scene.play(stage.move(first_round_is_done, end_policy), passes=1500)
        gone = scene.roster[SITE]
        assert current.state is State.COMPLETED
        assert set(current.exits) == {gone}
        assert all(gone not in each.submits for (index, _), each in current.attempts.items() if index > 1)
        assert [source.member_id for source in current.model.sources] == list(scene.roster)


def test_a_policy_that_lasts_stops_nobody(stage: Any) -> None:
    """The same run under a policy without that end is completed by all."""
    with stage.scene(5, policy={SITE: policy(until=UNTIL + 100_000)}, **SLOW) as scene:
        current = scene.play(stage.move(first_round_is_done, end_policy), passes=1500)
        assert (current.state, current.reason) == (State.COMPLETED, Reason.FINISHED)
        assert denial(scene, SITE) is None


COUNTRIES = {
    "the solver's country is permitted": ("KE", True),
    "another country": ("TZ", False),
    "nobody knows the country": (None, False),
}


@pytest.mark.parametrize(("country", "takes_part"), COUNTRIES.values(), ids=COUNTRIES.keys())
def test_the_solvers_country_decides(stage: Any, country: str | None, takes_part: bool) -> None:
    """A seat that was taken without asking brings nothing all the same: the node asks before its first vector."""
    solver = profiles.Profile("A solver", country=country)
    with stage.scene(5, policy={SITE: policy(countries=("KE",))}, solver=solver) as scene:
        current = scene.play()
        submitted = {member for each in current.attempts.values() for member in each.submits}
        assert (scene.roster[SITE] in submitted) is takes_part
        assert ("not permit use from this country" in str(denial(scene, SITE))) is not takes_part
        assert current.state is State.COMPLETED
        assert len(current.model.sources) == 4 + takes_part


def test_what_was_begun_is_not_sent(stage: Any) -> None:
    """A vector that was built, but not announced, stays at the site when the policy ends before its Submit."""
    with stage.scene(3, policy={SITE: policy(until=UNTIL)}, **SLOW) as scene:
        gone = scene.roster[SITE]
        refused = dataclasses.replace(scene.nodes[gone].agent, ledger=Silent(scene.nodes[gone].agent.ledger))
        scene.nodes[gone] = type(scene.nodes[gone])(refused)

        def built(_: views.RunView) -> bool:
            return refused.ledger.is_asked

        def end(scene: Any) -> None:
            end_policy(scene)
            refused.ledger.is_deaf = False

        current = scene.play(stage.move(built, end), passes=1500)
        assert all(gone not in each.submits for each in current.attempts.values())
        assert current.state is State.ABORTED


class Silent:
    """A ledger that does not take a Submit while it is deaf."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.is_deaf = True
        self.is_asked = False

    def __getattr__(self, name: str) -> Any:
        """As the ledger behind it."""
        return getattr(self._inner, name)

    def post(self, key: Any, message: Any, signature: bytes, state_digest: bytes = b"") -> None:
        """Take it, unless it is a Submit and this one is deaf."""
        from aicommons.domain import errors, messages

        if self.is_deaf and isinstance(message, messages.Submit):
            self.is_asked = True
            raise errors.LedgerUnreachable("deaf")
        self._inner.post(key, message, signature, state_digest)
