"""A training on the in-memory ledger: the same nodes, the same model; what it does not keep it refuses by name."""

import pathlib

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import errors, ids, run, schema
from aicommons.learning import recipe, records
from aicommons.learning.learners import glm


def trained(engine: str | None) -> tuple[run.RunState, int, bytes, int]:
    """Train three sites; return state, rounds, the model's digest and its shares."""
    columns = schema.Schema((schema.numeric("a", -9, 9),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    plan = recipe.Recipe("glm", columns, glm.Glm(schema.Task.BINOMIAL, max_steps=2))
    rows = np.random.default_rng(1).normal(size=(3, 12, 1))
    tables = [records.Table(each, (each[:, 0] + 0.3 > 0).astype(np.float64)) for each in rows]
    with testing.simulate([recipe.Rows(table, table) for table in tables], plan, engine=engine) as simulation:
        ended = simulation.run()
        kept = next(iter(simulation.nodes.values())).agent.journal.state(simulation.run_id)
        assert kept is not None
        assert ended.agreed is not None
        return ended.state, ended.agreed.rounds_done, kept.data, sum(ended.shares.values())


def test_a_training_in_memory_gives_the_same_model() -> None:
    """State, number of rounds, the model's bytes and all its shares are those of the contracts."""
    assert trained(testing.IN_MEMORY) == trained(None)


@pytest.mark.parametrize(
    ("contract", "function", "values"),
    [
        ("Membership", "setGuardian", (b"\x01" * 20,)),
        ("ConsentRegister", "open", (1,)),
        ("Membership", "recover", (1, b"\x01" * 20)),
        ("Membership", "setSuccessor", (b"\x01" * 20,)),
        ("Vault", "approve", (b"\x01" * 20, 1, 1)),
        ("CommonsGovernor", "relay", (b"\x01" * 20, 0, b"")),
        ("Guardianships", "revoke", (bytes(32),)),
        ("Requests", "withdraw", (1,)),
    ],
)
def test_what_is_not_kept_is_refused_by_name(
    contract: str, function: str, values: tuple[object, ...], tmp_path: pathlib.Path
) -> None:
    """A call of a part that this ledger leaves out never looks as if it had been done."""
    commons = testing.MemoryCommons(tmp_path)
    founded = commons.connect(commons.operator).poll()
    with pytest.raises(errors.LedgerRefused, match="does not keep this") as caught:
        commons.connect(commons.operator).transact(contract, function, *values)
    assert caught.value.which == f"{contract}.{function}"
    with pytest.raises(errors.LedgerRefused):
        commons.connect(commons.operator).transact(contract, function, *values, at=ids.Address(bytes(20)))
    assert commons.connect(commons.operator).poll() == founded
