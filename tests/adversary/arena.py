"""One harness for every adversary: a run of real nodes in which somebody lies, and what has to hold whoever it is.

A row of ``rows`` says what is done and what is expected. Here stands what is the same for all of them: who is named, that nothing
is released of an attempt that was not certified, that honest nodes agree and a stranger can verify the run, and what the
run does next. Left out: what single checks say, which the tests beside each module state.
"""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.scenarios import test_lying_ledger as lying
from tests.scenarios import test_tampering as tampering

from aicommons.domain import errors, run
from aicommons.node import reconciler, verification


class Then(enum.Enum):
    """What the run does next; the value is what the page says."""

    WITHOUT = "the attempt starts again without it, and the others end with a model"
    UNTOUCHED = "the ledger refuses it; the run ends with a model"
    MODEL = "the others go on and end with a model"
    OVER = "too few are left: the run ends"
    WAITS = "the run pauses, and ends at its last agreed state when the patience is over"
    ATTEMPTS = "no attempt succeeds; the run ends at its last agreed state"
    OUT = "the node that is lied to keeps out; what the others do is theirs"
    DECLINED = "the nodes decline the run; no round begins"
    UNOPENED = "the ledger refuses to open such a run"


ENDS = {
    Then.WITHOUT: {run.Reason.FINISHED},
    Then.UNTOUCHED: {run.Reason.FINISHED},
    Then.MODEL: {run.Reason.FINISHED},
    Then.OVER: {run.Reason.CHEATING},
    Then.WAITS: {run.Reason.PATIENCE_OVER},
    Then.ATTEMPTS: {run.Reason.TOO_MANY_ATTEMPTS},
}


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One attack."""

    rule: str
    """What answers it."""
    act: Callable[["Arena"], Sequence[Any]]
    """Sets the adversary up; returns what happens while the run goes on (``stage.move``)."""
    then: Then
    named: tuple[int, ...] = ()
    """Places on the roster of those who are convicted, and of nobody else; ``Arena.named`` where the run decides who."""
    members: int = 5
    terms: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Terms of the run that matter."""
    tables: Callable[[Any], Sequence[Any]] | None = None
    """What the sites bring, where it is not what they always do."""
    keeps_looking: bool = False
    """Whether nodes look for what is held back also after the end, an hour long: that is not waited for here."""
    error: str | None = None
    """With which error the ledger refuses what is said."""


@dataclasses.dataclass
class Arena:
    """A run under attack."""

    stage: Any
    scene: Any
    named: tuple[int, ...] = ()
    """Places on the roster of those who cheat."""
    refused: list[str] = dataclasses.field(default_factory=list)
    """Errors of the ledger that an adversary met."""
    victim: int | None = None
    """Place on the roster of the node whose ledger lies."""
    said: str | None = None
    """What that node says, or who declines a run: a reason of a refusal or words of its log."""
    words: str = ""
    """The nodes' log, once the run is over."""
    current: Any = None
    """The run, once it is over."""

    def cheat(self, index: int, change: Callable[[tampering.Case], tampering.Sent], *, round_index: int = 1) -> int:
        """Let a node send something else in one round; return its member."""
        return tampering.cheat(self.scene, index, change, rounds=range(round_index, round_index + 1), attempts=range(9))

    def forger(self, index: int) -> tampering.Forger:
        """Return somebody who says with a seat's key what its node never would."""
        return tampering.Forger(self.scene, index)

    def is_refused(self, act: Callable[[], object]) -> None:
        """Do what the ledger has to refuse, and note its error."""
        with pytest.raises(errors.LedgerRefused) as caught:
            act()
        self.refused.append(caught.value.error)

    def lie_to(self, index: int, lie: lying.Lie, *, is_deaf: bool = False) -> None:
        """Show a node another ledger."""
        self.victim = index
        agent = self.scene.nodes[self.scene.roster[index]].agent
        ledger = lying.LyingLedger(self.scene, agent.signing._signer, lie, is_deaf=is_deaf)
        self.scene.nodes[self.scene.roster[index]] = reconciler.Reconciler(dataclasses.replace(agent, ledger=ledger))

    @property
    def cheats(self) -> set[int]:
        """The members that have to be convicted."""
        return {self.scene.roster[index] for index in self.named}

    @property
    def honest(self) -> list[int]:
        """The members that are at work and did nothing wrong."""
        return [member for member in self.scene.nodes if member not in self.cheats]


def fight(stage: Any, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    """Play a row and check it."""
    caplog.set_level("INFO", logger="aicommons.node")
    if row.then is Then.UNOPENED:
        with pytest.raises(errors.LedgerRefused), stage.scene(row.members, **row.terms):
            pytest.fail("the run was opened")
        return
    sites = row.members if row.tables is None else row.tables(stage)
    with stage.scene(sites, **row.terms) as scene:
        arena = Arena(stage, scene, row.named)
        moves = row.act(arena)
        ends = row.then in ENDS and not row.keeps_looking
        arena.current = scene.play(*moves, passes=600 if row.then in ENDS else 60, must_end=ends)
        arena.words = caplog.text
        check_named(arena)
        check_released(arena)
        check_next(arena, row)


def check_named(arena: Arena) -> None:
    """Exactly the cheats are convicted: an honest node never loses its bond."""
    assert set(arena.current.convicted) == arena.cheats


def check_released(arena: Arena) -> None:
    """Of an attempt without a certificate nothing is revealed on the ledger, and no mask sum of it is in the store."""
    store = arena.scene.simulation.commons.store
    for attempt in arena.current.attempts.values():
        if attempt.phase >= run.Phase.FIXED:
            continue
        assert not attempt.reveals
        sids = {sent.sid for sent in attempt.submits.values()}
        for member in arena.honest:
            kept = [arena.scene.nodes[member].agent.journal.reveal(sid) for sid in sids]
            assert not any(store.has(name) for record in kept if record is not None for name in record.objects)


def check_next(arena: Arena, row: Row) -> None:
    """The run does what the row says; honest nodes agree on every state, and a stranger finds nothing wrong."""
    if row.then is Then.OUT:
        _check_out(arena)
        return
    if row.then is Then.DECLINED:
        _check_declined(arena)
        return
    current, scene = arena.current, arena.scene
    assert current.reason in ENDS[row.then], current.reason
    if row.then is Then.UNTOUCHED:
        assert arena.refused == [row.error]
        assert {attempt for _, attempt in current.attempts} == {0}
    if row.then is Then.WITHOUT:
        assert any(number for _, number in current.attempts)
        assert not arena.cheats & set(current.members_of(current.current.set_bits))
    states = scene.states()
    known = [states[member] for member in arena.honest]
    assert len({tuple(each[: min(map(len, known))]) for each in known}) == 1
    commons = scene.simulation.commons
    report = verification.verify(current, scene.run_id, commons.store, commons.registrar._registry.place)
    assert report.problem is None, report.problem


def _check_out(arena: Arena) -> None:
    """A node that is shown a false ledger says what is wrong, and opens no masks in the round in which it was lied to."""
    node = arena.scene.nodes[arena.scene.roster[arena.victim]]
    reasons = {reason for _, reason in node.agent.journal.refusals(arena.scene.run_id).values()}
    assert arena.said in reasons or arena.said in arena.words
    first = 1 if arena.said == "set-changed" else 0
    for (round_index, _), attempt in arena.current.attempts.items():
        assert round_index < first or node.agent.member_id not in attempt.reveals


def _check_declined(arena: Arena) -> None:
    """No node says that it takes part, and each notes why."""
    assert not arena.current.acks
    assert not any(attempt.submits for attempt in arena.current.attempts.values())
    for node in arena.scene.nodes.values():
        assert any(arena.said in reason for _, reason in node.agent.journal.declined(arena.scene.run_id))
