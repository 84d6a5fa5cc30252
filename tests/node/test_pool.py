"""A pool of threads under many nodes: results on the next pass, errors where they are asked for, bugs at once."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import errors, schema
from aicommons.learning import recipe as recipes
from aicommons.learning import records
from aicommons.learning.learners import mlp
from aicommons.learning.secagg import spread
from aicommons.node import running


@pytest.fixture
def pool() -> Iterator[running.Pool]:
    """Two threads."""
    made = running.Pool(2)
    yield made
    made.close()


def test_result_is_there_once_and_only_after_the_pool_settled(pool: running.Pool) -> None:
    """However fast a job was, its node sees the result on a later pass, once."""
    runner, done = running.PooledRunner(pool), threading.Event()
    runner.start("a", lambda: b"result" if not done.set() else b"")
    assert done.wait(10)
    assert runner.take("a") is None
    pool.settle()
    assert runner.take("a") == b"result"
    assert runner.take("a") is None


def test_job_of_one_name_is_done_once(pool: running.Pool) -> None:
    """A name that is under way or waits to be taken is left alone."""
    runner, calls = running.PooledRunner(pool), []
    for _ in range(3):
        runner.start("a", lambda: bytes(len(calls)) if not calls.append(1) else b"")  # type: ignore[func-returns-value]
        pool.settle()
    assert len(calls) == 1


def test_expected_error_is_raised_to_who_takes_the_result(pool: running.Pool) -> None:
    """A CommonsError of a job is its node's, like in a child process."""
    runner = running.PooledRunner(pool)

    def fail() -> bytes:
        raise errors.ContributionRefused("too few rows")

    runner.start("a", fail)
    pool.settle()
    with pytest.raises(errors.ContributionRefused, match="too few rows"):
        runner.take("a")


def test_bug_in_a_job_is_raised_even_when_nobody_takes_its_result(pool: running.Pool) -> None:
    """What is no expected error never passes unseen."""
    runner = running.PooledRunner(pool)
    runner.start("a", lambda: bytes([1 // 0]))
    runner.drop_others("a", "b")
    with pytest.raises(ZeroDivisionError):
        pool.settle()


def test_dropped_results_are_forgotten_and_others_kept(pool: running.Pool) -> None:
    """Nobody asks for an attempt that was given up; its name may be started anew."""
    runner = running.PooledRunner(pool)
    for name in ("fit-1", "fit-2", "check-1"):
        runner.start(name, name.encode)
    runner.drop_others("fit-", "fit-2")
    pool.settle()
    assert [runner.take(name) for name in ("fit-1", "fit-2", "check-1")] == [None, b"fit-2", b"check-1"]


def test_jobs_of_a_pool_start_no_threads_of_their_own(pool: running.Pool) -> None:
    """The cores are taken already: chunks of a job's vector follow each other in its own thread."""
    runner = running.PooledRunner(pool)

    def names() -> bytes:
        return "".join(set(spread.over_chunks(64, lambda _: threading.current_thread().name))).encode()

    runner.start("a", names)
    pool.settle()
    own = runner.take("a")
    assert own is not None
    assert own.count(b"ThreadPoolExecutor") == 1


def test_nodes_on_all_cores_come_to_the_same_model() -> None:
    """How many nodes work at once changes no byte of the model."""
    columns = schema.Schema((schema.numeric("a", -9, 9),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    plan = recipes.Recipe("mlp", columns, mlp.make(schema.Task.BINOMIAL, hidden=(4,), rounds=2))
    draws = np.random.default_rng(3)
    tables = [records.Table(draws.normal(size=(30, 1)), draws.integers(0, 2, 30).astype(float)) for _ in range(6)]
    sites = [recipes.Rows(train, held_out) for train, held_out in zip(tables[:3], tables[3:], strict=True)]
    finals = []
    for threads in (1, 3):
        with testing.simulate(sites, plan, engine=testing.IN_MEMORY, threads=threads) as simulation:
            simulation.run()
            finals.append(simulation.final_state())
    assert finals[0].arrays.keys() == finals[1].arrays.keys()
    for name, values in finals[0].arrays.items():
        assert np.array_equal(values, finals[1].arrays[name]), name
