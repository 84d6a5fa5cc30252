"""Random schedules: nodes crash, sleep and cheat in any order, and what a run may not do it never does.

Each schedule is drawn from its number, so that one that fails is played again by it. Two hundred run in ``make test``, a thousand in
``make soak``.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.scenarios import test_accusations as accusations
from tests.scenarios import test_tampering as tampering

from aicommons import testing
from aicommons.domain import errors, ids, messages, run
from aicommons.learning import state
from aicommons.learning.secagg import layout, quantise
from aicommons.node import mask_sums, reconciler, running
from aicommons.protocol import duties, ports
from aicommons.protocol import view as views

SHORT, LONG = 200, 1_000
GROUP = 10
"""Schedules of one test: enough of them that a process is not started for each."""
PASSES = 900
ROUNDS = 3
PAIRS = 8
"""Members from which on columns are pairs (layout 2)."""

Kind = duties.DutyKind


class Absent:
    """A store that has nothing now and then, as one behind a bad line."""

    def __init__(self, inner: Any, random: np.random.Generator) -> None:
        self._inner = inner
        self._random = random

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return the bytes, or fail."""
        if self._random.random() < 0.02:
            raise errors.BlobNotFound("not there now", which=digest.hex()[:16])
        return self._inner.get(digest, limit)


class LyingIn(accusations.LyingRunner):
    """Sums falsely in one round."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Do another job where sums of masks are asked for."""
        work = getattr(job, "__self__", None)
        if isinstance(work, mask_sums.MaskSums) and work.attempt.key.round_index == self._at:
            fields = {field.name: getattr(work, field.name) for field in dataclasses.fields(work)}
            job = accusations.LyingSums(**fields).work
        running.InlineRunner.start(self, name, job, lane)


def a_bad_box(scene: Any, member: int, at: int) -> None:
    """Seal one box that does not open."""
    change = tampering.CHEATS["a box that does not open"][1]
    runner = tampering.CheatingRunner(change, range(at, at + 1), range(9))
    scene.change(scene.roster.index(member), runner=runner)


def a_bad_vector(scene: Any, member: int, at: int) -> None:
    """Send another vector than the header names, under its digest: everybody can see it."""
    change = tampering.CHEATS["a header of another version"][1]
    runner = tampering.CheatingRunner(change, range(at, at + 1), range(9))
    scene.change(scene.roster.index(member), runner=runner)


def a_false_sum(scene: Any, member: int, at: int) -> None:
    """Reveal another sum than the other holders."""
    scene.change(scene.roster.index(member), runner=LyingIn(at))


def silence(kind: Kind) -> Callable[[Any, int, int], None]:
    """Return what keeps a member from doing a duty, from some round on."""

    def act(scene: Any, member: int, at: int) -> None:
        """Hold the duty back."""
        del at
        agent = scene.nodes[member].agent
        held = dataclasses.replace(agent, held=lambda _: frozenset({kind}))
        scene.nodes[member] = reconciler.Reconciler(held)

    return act


ACTS: tuple[Callable[[Any, int, int], None], ...] = (
    a_bad_box, a_bad_vector, a_false_sum, silence(Kind.REVEAL), silence(Kind.COMMIT), silence(Kind.SUBMIT),
)  # fmt: skip
"""What a dishonest member does; each may also accuse others (``slander``)."""


@dataclasses.dataclass
class Schedule:
    """One of many ways in which a run may go."""

    stage: Any
    number: int

    def __post_init__(self) -> None:
        self.random = np.random.default_rng([11, self.number])
        self.sites = int(self.random.integers(3, 9))
        self.faults = layout.make_layout(range(1, self.sites + 1), bytes(32), layout.default_number(self.sites)).faults

    def play(self) -> None:
        """Let it go, and check what it did."""
        with self.stage.scene(self.sites, engine=testing.IN_MEMORY, max_attempts=3) as scene:
            honest = self._corrupt(scene)
            for position in range(PASSES):
                self._trouble(scene, honest, is_late=position > PASSES // 3)
                owed = self._step(scene)
                current = scene.simulation.view()
                if current.state.is_over and owed == 0:
                    break
                scene.simulation.commons.clock.advance(0.3 if owed else float(self.random.choice([2.0, 5.0, 12.0])))
            self._check(scene, scene.simulation.view(), honest)

    def _corrupt(self, scene: Any) -> set[int]:
        """Make up to f members dishonest; return the others."""
        count = int(self.random.integers(0, self.faults + 1))
        corrupt = {int(each) for each in self.random.choice(scene.roster, size=count, replace=False)}
        acts = {member: ACTS[int(self.random.integers(len(ACTS)))] for member in corrupt}
        self.false_sums = sum(act is a_false_sum for act in acts.values())
        for member, act in acts.items():
            act(scene, member, int(self.random.integers(ROUNDS)))
        self.liars = [tampering.Forger(scene, scene.roster.index(member)) for member in sorted(corrupt)]
        honest = {*scene.roster} - corrupt
        for member in honest:
            store = Absent(scene.nodes[member].agent.store, self.random)
            scene.change(scene.roster.index(member), store=store)
        return honest

    def _trouble(self, scene: Any, honest: set[int], *, is_late: bool) -> None:
        """Kill, silence and bring back nodes, and let liars accuse; towards the end everybody who is honest is back."""
        dice = self.random.random()
        asleep = sorted(scene.gone)
        if asleep and (is_late or dice < 0.1):
            scene.come_back(scene.roster.index(asleep[0]))
        elif dice < 0.02 and not is_late and len(scene.nodes) > 1:
            scene.leave(scene.roster.index(int(self.random.choice(sorted(scene.nodes)))))
        elif dice < 0.04:
            member = int(self.random.choice(sorted(honest & scene.nodes.keys()) or [0]))
            if member:
                scene.change(scene.roster.index(member))
        elif dice < 0.06 and self.liars:
            self._slander(scene, self.liars[int(self.random.integers(len(self.liars)))])

    def _slander(self, scene: Any, liar: tampering.Forger) -> None:
        """Say of somebody that it cheated, in one of several ways; the ledger may refuse it."""
        current = scene.simulation.view()
        place = (current.round_index, current.attempt)
        sent = current.attempts.get(place, views.AttemptView()).submits
        other = ids.MemberId(int(self.random.choice(scene.roster)))
        if liar.member not in sent or other not in sent:
            return
        sid, head = sent[liar.member].sid, sent[other].header_digest
        shown = (
            liar.agent.store.put(os.urandom(int(self.random.choice([1, 128, 640]))))
            if self.random.random() < 0.8
            else bytes(32)
        )
        said: tuple[messages.Message, ...] = (
            messages.Complain(sid, liar.member, other, head, shown),
            messages.Dispute(sid, liar.member, other, 0, int(self.random.integers(3)), 0, shown),
            messages.Verdict(sid, liar.member, head, other),
            messages.Verdict(sid, liar.member, shown, other),
            messages.Verdict(sid, liar.member, messages.SILENCE, other),
        )
        try:
            liar.say(place, said[int(self.random.integers(len(said)))])
        except errors.LedgerRefused:
            return

    def _step(self, scene: Any) -> int:
        order = [int(each) for each in self.random.permutation(sorted(scene.nodes))]
        return sum(scene.nodes[member].step() for member in order)

    def _check(self, scene: Any, current: views.RunView, honest: set[int]) -> None:
        """Nobody honest is convicted; one set but for cheats; every sum is the true one; an end has its reason."""
        assert not honest & set(current.convicted)
        assert current.state.is_over or current.state is run.RunState.PAUSED
        assert not current.state.is_over or current.reason is not run.Reason.NONE
        revealed = {place: at for place, at in current.attempts.items() if at.reveals}
        before: set[int] | None = None
        for place in sorted(revealed):
            members = set(current.members_of(revealed[place].set_bits))
            assert before is None or members <= before
            assert before is None or before - members <= set(current.convicted)
            assert len(members) >= self.faults + 2 - len(current.convicted)
            before = members
        assert len({place[0] for place in revealed}) == len(revealed), "two sets of one round"
        self._check_states(scene, current, honest)

    def _check_states(self, scene: Any, current: views.RunView, honest: set[int]) -> None:
        """Each state that an honest node holds is that of the plain sums over the rounds' sets."""
        plan, value = self.stage.plan(), self.stage.plan().initial()
        rows = dict(zip(scene.roster, self.stage.sites(self.sites), strict=True))
        local: dict[int, bytes | None] = dict.fromkeys(rows)
        for round_index in range(ROUNDS):
            place = current.unmasked(round_index)
            if place is None:
                return
            vectors = []
            for member in current.members_of(current.attempts[place].set_bits):
                draws = np.random.default_rng([plan.seed, member, round_index])
                part, local[member] = plan.contribute(value, rows[member], local_state=local[member], rng=draws)
                declared = plan.blocks(value)
                vectors.append(quantise.encode(declared, part, members=self.sites, word_bits=plan.word_bits))
            total = np.add.reduce(vectors, dtype=vectors[0].dtype)
            decoded = quantise.decode(plan.blocks(value), total, members=self.sites, word_bits=plan.word_bits)
            value = plan.combine(value, [decoded])
            kept = [
                scene.nodes[member].agent.journal.state(scene.run_id, round_index + 1)
                for member in honest
                if member in scene.nodes
            ]
            held = {each.data for each in kept if each is not None}
            assert len(held) <= 1
            if not held <= {state.encode(value)}:
                # Layout 2 promises no more where all holders of a column are dishonest: they lie in the same way, or one lies
                # and the others say nothing. A false input can do as much.
                assert self.sites >= PAIRS
                assert self.false_sums >= 1
                assert self.sites - len(honest) >= 2
                return


@pytest.mark.parametrize("first", range(0, SHORT, GROUP))
def test_schedules(stage: Any, first: int) -> None:
    """Whatever happens in whichever order: exact sums, a pause or an end with a reason, and nobody honest is convicted."""
    for number in range(first, first + GROUP):
        try:
            Schedule(stage, number).play()
        except Exception as err:
            raise AssertionError(f"schedule {number}: {err}") from err


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SHORT, LONG, GROUP))
def test_more_schedules(stage: Any, first: int) -> None:
    """The same, for longer."""
    test_schedules(stage, first)
