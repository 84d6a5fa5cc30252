"""One node in two runs: a fit that takes long in one of them holds up nothing in the other."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from aicommons.domain import ids, run
from aicommons.learning import privacy, recipe
from aicommons.node import agent as agents
from aicommons.node import reconciler, running
from aicommons.node.consents import notes
from aicommons.protocol import coverage
from aicommons.protocol import view as views


@dataclasses.dataclass
class SlowData:
    """Rows that, for one plan, come only when somebody writes into a pipe."""

    inner: Any
    slow: recipe.Recipe
    pipe: pathlib.Path

    def observe(self, view: views.LedgerView) -> None:
        """As the rows' owner."""
        self.inner.observe(view)

    def bring(self, part: agents.Part, terms: agents.RunDocuments, use: coverage.Use) -> agents.Brought:
        """Wait for the pipe if the plan is the slow one."""
        if terms.recipe == self.slow:
            self.pipe.read_bytes()
        return self.inner.bring(part, terms, use)

    def rule(self, part: agents.Part) -> privacy.Rule:
        """As the rows' owner."""
        return self.inner.rule(part)

    def published(self, part: agents.Part) -> None:
        """Nothing: no home keeps them."""

    def check_still_consented(self, part: agents.Part, use: coverage.Use, made: notes.Note | tuple[int, int]) -> None:
        """As the tables do."""
        self.inner.check_still_consented(part, use, made)

    def as_mapped(self, part: agents.Part, names: Sequence[str]) -> Sequence[str]:
        """As the rows' owner."""
        return self.inner.as_mapped(part, names)

    def forget(self, run_id: ids.RunId) -> None:
        """As the rows' owner."""
        self.inner.forget(run_id)


@pytest.fixture
def pipe(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A pipe that nobody writes into yet."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    yield path
    path.unlink()


def test_a_long_fit_in_one_run(stage, pipe: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The second run is opened, carried and ended while the first one waits for its fit; then the first one ends too."""
    with stage.scene(3, phase_seconds=80_000, patience_seconds=80_000) as scene:
        slow = scene.simulation
        member = scene.roster[0]
        agent = scene.nodes[member].agent
        runner = running.ProcessRunner(tmp_path / "work")
        data = SlowData(agent.data, recipe.from_plan(recipe.to_plan(slow.recipe)), pipe)
        slow.nodes[member] = reconciler.Reconciler(dataclasses.replace(agent, runner=runner, data=data))
        quick = slow.again(scene.roster, plan=stage.plan(steps=2))
        while not quick.view().state.is_over:
            quick.step()
        assert quick.view().state is run.RunState.COMPLETED
        assert slow.view().state is run.RunState.RUNNING
        assert slow.view().round_index == 0
        assert list(runner._children)
        while not slow.view().state.is_over:
            if runner.is_busy():
                writer = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
                os.write(writer, b"go")
                os.close(writer)
            slow.step()
        assert slow.view().state is run.RunState.COMPLETED
        runner.close()
