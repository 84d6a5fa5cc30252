"""One harness for all scenarios: small sites, a short plan, and a simulated commons whose nodes are stepped one by one."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import events, ids, run, schema
from aicommons.learning import recipe, records, state
from aicommons.learning.learners import glm
from aicommons.learning.secagg import quantise
from aicommons.node import agent as agents
from aicommons.node import reconciler, running
from aicommons.protocol import view as views

QUICK = testing.Terms(phase_seconds=10, patience_seconds=40, max_attempts=2, retention_seconds=500)
CLASSES = ("no", "yes")


@dataclasses.dataclass
class Move:
    """Something that happens once, as soon as the ledger shows a certain view."""

    when: Callable[[views.RunView], bool]
    """Asked before every step of every node."""
    act: Callable[["Scene"], None]
    """What happens then."""


@dataclasses.dataclass
class Scene:
    """A simulation with a script."""

    simulation: testing.Simulation
    """The run."""
    gone: dict[int, reconciler.Reconciler] = dataclasses.field(default_factory=dict)
    """Nodes that are silent now."""

    @property
    def history(self) -> tuple[run.RunState, ...]:
        """The run's states since it was closed, in order."""
        commons = self.simulation.commons
        told = commons.connect(commons.operator).poll()
        changed = [event.state for event in told if isinstance(event, events.RunStateChanged)]
        return tuple(state for state in changed if state > run.RunState.ENROLLING)

    @property
    def nodes(self) -> dict[int, reconciler.Reconciler]:
        """The nodes at work, by member."""
        return self.simulation.nodes

    @property
    def run_id(self) -> ids.RunId:
        """The run."""
        return self.simulation.run_id

    @property
    def roster(self) -> tuple[int, ...]:
        """Its members, ascending."""
        return tuple(sorted({*self.nodes, *self.gone}))

    def member(self, index: int) -> testing.Member:
        """Return the organisation at a place on the roster."""
        wanted = self.roster[index]
        return next(each for each in self.simulation.commons.members if each.member_id == wanted)

    def leave(self, *indexes: int) -> None:
        """Silence the nodes at these places on the roster."""
        for member in [self.roster[index] for index in indexes]:
            self.gone[member] = self.nodes.pop(member)

    def come_back(self, *indexes: int) -> None:
        """Let them work again, as new processes."""
        for member in [self.roster[index] for index in indexes]:
            self.nodes[member] = reconciler.Reconciler(self.restarted(self.gone.pop(member).agent))

    def change(self, index: int, **ports: object) -> None:
        """Give a node other ports, as a new process."""
        member = self.roster[index]
        agent = self.restarted(self.nodes[member].agent)
        self.nodes[member] = reconciler.Reconciler(dataclasses.replace(agent, **ports))

    def restarted(self, agent: agents.Agent) -> agents.Agent:
        """Return a node as a new process has it: nothing in memory, and the ledger read from its beginning."""
        ledger = self.simulation.commons.connect(agent.signing._signer)
        memory = {field.name: {} for field in dataclasses.fields(agent) if isinstance(getattr(agent, field.name), dict)}
        return dataclasses.replace(agent, ledger=ledger, runner=running.InlineRunner(), **memory)

    def play(self, *moves: Move, passes: int = 600, must_end: bool = True) -> views.RunView:
        """Step the nodes one by one until the run is over and nothing is due; time passes only when nothing is."""
        pending = list(moves)
        idle = 0
        for _ in range(passes):
            owed = 0
            for member in sorted(self.nodes):
                self._happen(pending)
                if member in self.nodes:
                    owed += self.nodes[member].step()
            current = self.simulation.view()
            idle = idle + 1 if current.state.is_over and owed == 0 else 0
            is_written = current.model is not None or current.agreed is None or current.agreed.rounds_done == 0
            if idle > (0 if is_written else 4) and not pending:  # who writes it down comes up two seconds apart
                return current
            self.simulation.commons.clock.advance(0.3 if owed else 5)
        if must_end:
            pytest.fail("the run did not end")
        return self.simulation.view()

    def _happen(self, pending: list[Move]) -> None:
        current = self.simulation.view() if pending else None
        for move in list(pending):
            if current is not None and move.when(current):
                pending.remove(move)
                move.act(self)

    def states(self) -> dict[int, list[bytes]]:
        """Return the state digests that each node at work holds, by position."""
        found = {}
        for member, node in self.nodes.items():
            newest = node.agent.journal.state_index(self.run_id)
            count = newest[0] + 1 if newest is not None else 0
            kept = [node.agent.journal.state(self.run_id, position) for position in range(count)]
            found[member] = [record.digest for record in kept if record is not None]
        return found


@dataclasses.dataclass
class Stage:
    """Makes sites, plans and scenes."""

    def plan(self, steps: int = 1) -> recipe.Recipe:
        """Return a logistic regression of ``steps`` Newton steps: two rounds more."""
        columns = schema.Schema(
            (schema.numeric("a", -9, 9), schema.numeric("b", -9, 9)),
            schema.Target(schema.Task.BINOMIAL, "y", CLASSES),
        )
        return recipe.Recipe("glm", columns, glm.Glm(schema.Task.BINOMIAL, max_steps=steps))

    def move(self, when: Callable[[views.RunView], bool], act: Callable[[Scene], None]) -> Move:
        """Return something that happens once, as soon as ``when`` holds."""
        return Move(when, act)

    def sites(self, count: int) -> list[recipe.Rows]:
        """Return small tables whose target follows their first column."""
        tables = []
        for index in range(count):
            random = np.random.default_rng([7, index])
            features = random.normal(size=(18, 2))
            target = (features[:, 0] + 0.5 * random.normal(size=18) > 0).astype(np.float64)
            train, held = records.Table(features[:12], target[:12]), records.Table(features[12:], target[12:])
            tables.append(recipe.Rows(train, held))
        return tables

    @contextlib.contextmanager
    def scene(
        self,
        sites: int | Sequence[recipe.Rows],
        *,
        plan: recipe.Recipe | None = None,
        absence: Mapping[int, run.Absence] | None = None,
        engine: str | None = None,
        **terms: int,
    ) -> Iterator[Scene]:
        """Set a run up with quick terms."""
        tables = self.sites(sites) if isinstance(sites, int) else sites
        agreed = dataclasses.replace(QUICK, absence=absence or {}, **terms)
        with testing.simulate(tables, plan or self.plan(), terms=agreed, engine=engine) as simulation:
            yield Scene(simulation)

    def plain_states(self, plan: recipe.Recipe, sites: Mapping[int, recipe.Rows], rounds: int) -> list[bytes]:
        """Return the states that adding up the quantised vectors without any masks gives, encoded."""
        value = plan.initial()
        states = [state.encode(value)]
        local: dict[int, bytes | None] = dict.fromkeys(sites)
        for round_index in range(rounds):
            declared = plan.blocks(value)
            vectors = []
            for member, rows in sites.items():
                draws = np.random.default_rng([plan.seed, member, round_index])
                part, local[member] = plan.contribute(value, rows, local_state=local[member], rng=draws)
                vectors.append(quantise.encode(declared, part, members=len(sites), word_bits=plan.word_bits))
            total = np.add.reduce(vectors, dtype=vectors[0].dtype)
            value = plan.combine(
                value, [quantise.decode(declared, total, members=len(sites), word_bits=plan.word_bits)]
            )
            states.append(state.encode(value))
        return states


@pytest.fixture(scope="session")
def stage() -> Stage:
    """What scenes are made with."""
    return Stage()
