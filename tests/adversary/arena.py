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

    spec: str
    """The line of the specification that it answers, in words."""
    act: Callable[["Arena"], Sequence[Any]]
    """Sets the adversary up; returns what happens while the run goes on (``stage.move``)."""
    then: Then
    named: tuple[int, ...] = ()
    """Places on the roster of those who are convicted, and of nobody else."""
    members: int = 5
    terms: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Terms of the run that matter."""
    tables: Callable[[Any], Sequence[Any]] | None = None
    """What the sites bring, where it is not what they always do."""


@dataclasses.dataclass
class Arena:
    """A run under attack."""

    stage: Any
    scene: Any
    refused: list[str] = dataclasses.field(default_factory=list)
    """Errors of the ledger that an adversary met."""
    victim: int | None = None
    """Place on the roster of the node whose ledger lies."""
    said: str | None = None
    """What that node says: a reason of its refusal or words of its log."""
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

    def honest(self, row: Row) -> list[int]:
        """Return the members that are at work and did nothing wrong."""
        bad = {self.scene.roster[index] for index in row.named}
        return [member for member in self.scene.nodes if member not in bad]


def fight(stage: Any, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    """Play a row and check it."""
    caplog.set_level("INFO", logger="aicommons.node")
    sites = row.members if row.tables is None else row.tables(stage)
    with stage.scene(sites, **row.terms) as scene:
        arena = Arena(stage, scene)
        moves = row.act(arena)
        is_lied_to = row.then is Then.OUT
        arena.current = scene.play(*moves, passes=60 if is_lied_to else 600, must_end=not is_lied_to)
        arena.words = caplog.text
        check_named(arena, row)
        check_released(arena, row)
        check_next(arena, row)


def check_named(arena: Arena, row: Row) -> None:
    """Exactly the cheats are convicted: an honest node never loses its bond."""
    assert set(arena.current.convicted) == {arena.scene.roster[index] for index in row.named}


def check_released(arena: Arena, row: Row) -> None:
    """Of an attempt without a certificate nothing is revealed on the ledger, and no mask sum of it is in the store."""
    store = arena.scene.simulation.commons.store
    for attempt in arena.current.attempts.values():
        if attempt.phase >= run.Phase.FIXED:
            continue
        assert not attempt.reveals
        sids = {sent.sid for sent in attempt.submits.values()}
        for member in arena.honest(row):
            kept = [arena.scene.nodes[member].agent.journal.reveal(sid) for sid in sids]
            assert not any(store.has(name) for record in kept if record is not None for name in record.objects)


def check_next(arena: Arena, row: Row) -> None:
    """The run does what the row says; honest nodes agree on every state, and a stranger finds nothing wrong."""
    if row.then is Then.OUT:
        _check_out(arena)
        return
    current, scene = arena.current, arena.scene
    assert current.reason in ENDS[row.then], current.reason
    if row.then is Then.UNTOUCHED:
        assert arena.refused
        assert {attempt for _, attempt in current.attempts} == {0}
    states = scene.states()
    known = [states[member] for member in arena.honest(row)]
    assert len({tuple(each[: min(map(len, known))]) for each in known}) == 1
    commons = scene.simulation.commons
    report = verification.verify(current, scene.run_id, commons.store, commons.registrar._registry.place)
    assert report.problem is None, report.problem


def _check_out(arena: Arena) -> None:
    """A node that is shown a false ledger says what is wrong, and opens no masks in the round in which it was lied to."""
    node = arena.scene.nodes[arena.scene.roster[arena.victim]]
    reasons = {reason for _, reason in node.agent.journal.refusals(arena.scene.run_id).values()}
    assert arena.said in reasons or arena.said in arena.words.replace("are no certificate", "no certificate")
    first = 1 if arena.said == "set-changed" else 0
    for (round_index, _), attempt in arena.current.attempts.items():
        assert round_index < first or node.agent.member_id not in attempt.reveals
