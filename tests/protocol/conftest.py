"""A run as the ledger tells it, for the protocol tests: real events of a simulated run, and views made by hand."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import events, ids, run, schema
from aicommons.learning import recipe, records
from aicommons.learning.learners import glm
from aicommons.protocol import view as views

RUN = ids.RunId(b"\x01" * 32)
NOW = 1_000.0


@pytest.fixture(scope="session")
def told() -> Sequence[events.Event]:
    """Every event of one completed run of three sites on the embedded ledger."""
    columns = schema.Schema((schema.numeric("a", -9, 9),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    plan = recipe.Recipe("glm", columns, glm.Glm(schema.Task.BINOMIAL, max_steps=1))
    rows = np.random.default_rng(1).normal(size=(3, 12, 1))
    tables = [records.Table(each, (each[:, 0] + 0.3 > 0).astype(np.float64)) for each in rows]
    with testing.simulate([recipe.Rows(table, table) for table in tables], plan) as simulation:
        simulation.run()
        return simulation.commons.connect(simulation.commons.operator).poll()


def _spec(**changed: object) -> run.RunSpec:
    """Return terms of five rounds with phases of a minute and a patience of ten."""
    usual = run.RunSpec(
        problem=bytes(32), plan=ids.Digest(bytes(32)), terms=ids.Digest(bytes(32)), purpose=bytes(32),
        solver=ids.MemberId(1), rounds=5, min_participants=3, max_participants=48, layout=1, cell_size=0, suite=3, max_attempts=3,
        enrol_until=100, phase_seconds=60, patience_seconds=600, solver_shares=0, owner_shares=0, bond=0,
        token=run.COIN, commercial=False, price=0, salt=bytes(32),
    )  # fmt: skip
    return dataclasses.replace(usual, **changed)


@pytest.fixture(scope="session")
def run_of() -> Callable[..., views.RunView]:
    """Make a run of members 2, 4, 6 whose deadline lies far ahead, with parts of it changed."""

    def make(
        *, attempts: dict[views.AttemptPlace, views.AttemptView] | None = None, **changed: object
    ) -> views.RunView:
        at = events.Position(1, 0, 10)
        roster = events.RosterFixed(at, RUN, b"\x09" * 32, (2, 4, 6), (ids.Address(bytes(20)),) * 3, 1, 1, 3)
        usual = views.RunView(_spec(), at, state=run.RunState.RUNNING, roster=roster, deadline=2_000, changed_at=10)
        return dataclasses.replace(usual, attempts=attempts or {}, **changed)

    return make


@pytest.fixture(scope="session")
def sent() -> Callable[..., events.Attempted]:
    """Make a message event of a member in an attempt."""

    def make(kind: type[events.Attempted], member: int, place: views.AttemptPlace = (0, 0)) -> events.Attempted:
        names = [field.name for field in dataclasses.fields(kind)][6:]
        rest = {name: b"" if name == "signature" else bytes(32) for name in names}
        return kind(events.Position(2, member, 20), RUN, ids.MemberId(member), *place, bytes(32), **rest)

    return make
