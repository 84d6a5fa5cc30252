"""Child processes: results and expected errors come back, everything else is a dead child that may be started again."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from aicommons.domain import errors
from aicommons.node import frames, running
from aicommons.protocol import ports

PATIENCE = 20.0


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where results are left."""
    return tmp_path / "jobs"


@pytest.fixture
def runner(folder: pathlib.Path) -> Iterator[running.ProcessRunner]:
    """A runner of one child at a time."""
    made = running.ProcessRunner(folder)
    yield made
    made.close()


def wait(runner: running.ProcessRunner, name: str) -> bytes:
    """Return the result of a job once it is there."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        result = runner.take(name)
        if result is not None:
            return result
        time.sleep(0.005)
    raise AssertionError(f"{name} did not end")


def fail(err: BaseException) -> Callable[[], bytes]:
    """Return a job that raises."""

    def job() -> bytes:
        raise err

    return job


def sleep_long() -> bytes:
    """Work for longer than any test."""
    time.sleep(60)
    return b""


def test_result_comes_back_once(runner: running.ProcessRunner, folder: pathlib.Path) -> None:
    """A job runs in another process; its bytes are returned once and leave no file behind."""
    runner.start("job", lambda: str(os.getpid()).encode())
    assert int(wait(runner, "job")) != os.getpid()
    assert runner.take("job") is None
    assert list(folder.iterdir()) == []


def test_large_results_come_back(runner: running.ProcessRunner) -> None:
    """A result larger than any pipe comes back whole."""
    runner.start("large", lambda: b"\xab" * 5_000_000)
    assert wait(runner, "large") == b"\xab" * 5_000_000


def test_the_child_shares_nothing_back(runner: running.ProcessRunner) -> None:
    """What a job changes in memory ends with it."""
    seen: list[int] = []

    def job() -> bytes:
        seen.append(1)
        return b"done"

    runner.start("job", job)
    wait(runner, "job")
    assert seen == []


def test_a_long_fit_holds_up_no_round(runner: running.ProcessRunner) -> None:
    """While every place for fits is taken, checks and sums go on; a third fit waits for a place."""
    for name in ("fit one", "fit two", "fit three"):
        runner.start(name, sleep_long, ports.Lane.FIT)
    runner.start("check", lambda: b"checked", ports.Lane.ROUND)
    assert wait(runner, "check") == b"checked"
    assert sorted(runner._children) == ["fit one", "fit two"]


def test_a_fit_that_nobody_waits_for_gives_its_place_free(runner: running.ProcessRunner, folder: pathlib.Path) -> None:
    """Jobs of an attempt that was stopped are ended, whether under way or done, and no other run's are."""
    for name in ("fit-a-1", "fit-b-1"):
        runner.start(name, sleep_long, ports.Lane.FIT)
    runner.start("fit-a-0", lambda: b"done", ports.Lane.ROUND)
    until = time.monotonic() + PATIENCE
    while "fit-a-0" in runner._children and time.monotonic() < until:
        runner.is_busy()
    runner.drop_others("fit-a-", "fit-a-2")
    assert sorted(runner._children) == ["fit-b-1"]
    assert runner.take("fit-a-0") is None
    assert list(folder.iterdir()) == []
    runner.start("fit-a-2", lambda: b"new", ports.Lane.FIT)
    assert wait(runner, "fit-a-2") == b"new"


def test_starting_again_is_left_alone(runner: running.ProcessRunner) -> None:
    """A name under way or done is not started twice."""
    runner.start("job", lambda: b"first")
    runner.start("job", lambda: b"second")
    until = time.monotonic() + PATIENCE
    while runner.is_busy() and time.monotonic() < until:
        time.sleep(0.005)
    runner.start("job", lambda: b"third")
    assert wait(runner, "job") == b"first"


def test_only_so_many_at_a_time(runner: running.ProcessRunner) -> None:
    """Over the limit a job is not started; a later call starts it."""
    runner.start("long", sleep_long)
    runner.start("short", lambda: b"short")
    assert runner.take("short") is None
    assert len(runner._children) == 1


def test_short_work_is_done_at_once(runner: running.ProcessRunner) -> None:
    """A short job runs in this process and its result waits to be taken."""
    runner.start("short", lambda: str(os.getpid()).encode(), ports.Lane.AT_ONCE)
    assert runner.take("short") == str(os.getpid()).encode()
    assert runner.take("short") is None


REVIVED: dict[str, errors.CommonsError] = {
    "a table": errors.TableError("text in a number", which="a.csv: column age", expected="a number", got="text"),
    "a contribution": errors.ContributionRefused("not finite", which="block gradient"),
    "a missing blob": errors.BlobNotFound("no such blob", which="1220ab"),
    "a lying store": errors.DigestMismatch("other bytes", expected="a", got="b"),
    "a full disk": errors.StorageFull("no room", which="/var"),
    "the ledger": errors.LedgerUnreachable("no answer", delay=2.5, which="http://localhost"),
    "a refusal of the ledger": errors.LedgerRefused("refused", which="TrainingRuns"),
    "with a next step": errors.InputError("wrong", next_step="correct it"),
    "aggregation": errors.AggregationRefused("no box", reason="box-does-not-open", member=7, which="box of member 3"),
    "aggregation without a culprit": errors.AggregationRefused("too few", reason="set-too-small"),
}


@pytest.mark.parametrize("err", REVIVED.values(), ids=REVIVED.keys())
def test_expected_errors_are_revived(runner: running.ProcessRunner, err: errors.CommonsError) -> None:
    """A CommonsError of a job comes back with its type, its words and what code decides by."""
    runner.start("job", fail(err))
    with pytest.raises(type(err)) as caught:
        wait(runner, "job")
    got = caught.value
    assert type(got) is type(err)
    assert err.message in str(got)
    assert got.next_step == err.next_step
    if isinstance(err, errors.TemporaryError):
        assert got.delay == err.delay  # type: ignore[attr-defined]
    if isinstance(err, errors.AggregationRefused):
        assert (got.reason, got.member) == (err.reason, err.member)  # type: ignore[attr-defined]
    else:
        assert str(got) == str(err)


DEATHS: dict[str, Callable[[], bytes]] = {
    "a bug": fail(ZeroDivisionError("a bug")),
    "an interrupt": fail(KeyboardInterrupt()),
    "leaving": fail(SystemExit(0)),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL) or b"",
    "no bytes": lambda: None,  # type: ignore[dict-item,return-value]
}


@pytest.mark.parametrize("job", DEATHS.values(), ids=DEATHS.keys())
def test_a_dead_child_is_temporary(
    runner: running.ProcessRunner, job: Callable[[], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    """A child that dies in any way is a TemporaryError, and the job can be started again."""
    runner.start("job", job)
    with pytest.raises(errors.TemporaryError, match="child process died"):
        wait(runner, "job")
    runner.start("job", lambda: b"this time")
    assert wait(runner, "job") == b"this time"
    capfd.readouterr()


def test_a_result_that_cannot_be_written(
    runner: running.ProcessRunner, folder: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A child that cannot leave its result dies; it never runs on as a second node."""
    folder.rmdir()
    runner.start("job", lambda: b"lost")
    with pytest.raises(errors.TemporaryError):
        wait(runner, "job")
    assert "Traceback" in capfd.readouterr().err


def test_close_ends_the_children(folder: pathlib.Path) -> None:
    """Closing kills what is under way and removes the files."""
    runner = running.ProcessRunner(folder, {ports.Lane.ROUND: 2})
    runner.start("one", sleep_long)
    runner.start("two", sleep_long)
    children = list(runner._children.values())
    runner.close()
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)
    assert not folder.exists()
    assert not runner.is_busy()


def test_leftovers_of_a_killed_node_are_removed(folder: pathlib.Path) -> None:
    """Results that a killed node never took are gone when it starts again: work begins anew."""
    folder.mkdir()
    (folder / "check-00.result").write_bytes(b"stale")
    runner = running.ProcessRunner(folder)
    assert list(folder.iterdir()) == []
    assert runner.take("check-00") is None
    assert folder.stat().st_mode & 0o077 == 0
    runner.close()


def test_inline_runner_keeps_the_port(tmp_path: pathlib.Path) -> None:
    """The runner of simulations gives each result once and leaves a waiting one alone."""
    runner = running.InlineRunner()
    runner.start("job", lambda: b"first")
    runner.start("job", lambda: b"second", ports.Lane.AT_ONCE)
    assert runner.take("job") == b"first"
    assert runner.take("job") is None
    with pytest.raises(errors.TableError):
        runner.start("bad", fail(errors.TableError("wrong")))


@pytest.mark.parametrize("parts", [[], [b""], [b"", b"a", b""], [b"\0" * 8, b"x" * 300]])
def test_frames_come_back(parts: list[bytes]) -> None:
    """Joined parts are split into the same parts, empty ones included."""
    assert frames.split(frames.join(parts)) == parts


NODE = """
import pathlib, sys, time
from aicommons.node import running
runner = running.ProcessRunner(pathlib.Path(sys.argv[1]))
runner.start("job", lambda: time.sleep(600))
print(*(child.pid for child in runner._children.values()), flush=True)
time.sleep(600)
"""


@pytest.mark.timeout(30)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_node_leaves_no_child(folder: pathlib.Path) -> None:
    """When a node is killed, its job ends with it."""
    with subprocess.Popen([sys.executable, "-c", NODE, str(folder)], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        child = int(node.stdout.readline())
        os.kill(child, 0)
        node.kill()
        assert node.stdout.read() == ""  # comes only when the last process that holds it open has ended
