"""Runs long work beside the loop: one forked child per job, its result in a file.

A child never outlives its job, so what it held in memory (records, seeds, plain updates) is gone with it; only bytes
that may be sent come back. Called by the reconciler through the ``Runner`` port. ``InlineRunner`` does the same work at
once, for simulations; a ``Pool`` shares the cores among the jobs of all nodes of one. A node itself has no threads, and
nothing is serialised but bytes.
"""

import ctypes
import dataclasses
import gc
import json
import os
import pathlib
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent import futures

from aicommons.domain import errors
from aicommons.learning.secagg import spread
from aicommons.protocol import ports

_PR_SET_PDEATHSIG = 1
EXPECTED_FAILURE = 3
"""Exit status of a child whose job raised a CommonsError."""
SWITCH_SECONDS = 0.0005
"""How long a thread back from a cipher or hash waits for the interpreter at most: Python's own 5 ms are a hundred chunks."""


PLACES: Mapping[ports.Lane, int] = {ports.Lane.ROUND: 1, ports.Lane.FIT: 2}
"""Children at a time. Two fits, so that one long run lets a second one go on; each holds a table in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Child:
    """A process at work."""

    pid: int
    lane: ports.Lane


class InlineRunner:
    """Does each job at once, in this process."""

    def __init__(self) -> None:
        self._done: dict[str, bytes] = {}

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Do ``job`` now, in whichever lane, unless its result waits to be taken."""
        del lane
        if name not in self._done:
            self._done[name] = job()

    def take(self, name: str) -> bytes | None:
        """Return the result once."""
        return self._done.pop(name, None)

    def drop_others(self, prefix: str, name: str) -> None:
        """Forget results that nobody will ask for."""
        self._done = {kept: done for kept, done in self._done.items() if kept == name or not kept.startswith(prefix)}


class Pool:
    """The cores of one process, for the jobs of all nodes that live in it: ciphers, hashes and NumPy let each other run.

    What a node sees does not depend on how fast a job was: its result is there from `settle` on, not before.
    """

    def __init__(self, threads: int) -> None:
        self._before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._threads = futures.ThreadPoolExecutor(threads)
        self._working: list[futures.Future[bytes]] = []

    def begin(self, job: Callable[[], bytes]) -> futures.Future[bytes]:
        """Begin ``job`` as soon as a core is free."""
        begun = self._threads.submit(_on_one_core, job)
        self._working.append(begun)
        return begun

    def is_working(self, begun: futures.Future[bytes]) -> bool:
        """Return whether a job was begun since the pool settled last, even if it is done by now."""
        return begun in self._working

    def settle(self) -> None:
        """Wait until all jobs are done; what is no expected error is raised here, whether or not somebody asks for it."""
        while self._working:
            failure = self._working.pop(0).exception()
            if failure is not None and not isinstance(failure, errors.CommonsError):
                raise failure

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)
        sys.setswitchinterval(self._before)


def _on_one_core(job: Callable[[], bytes]) -> bytes:
    with spread.on_one_core():
        return job()


class PooledRunner:
    """One node's jobs in a pool: begun at once in whichever lane, taken on a later pass, once the pool has settled."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._begun: dict[str, futures.Future[bytes]] = {}

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Begin ``job`` unless one of this name is under way or waits to be taken."""
        del lane
        if name not in self._begun:
            self._begun[name] = self._pool.begin(job)

    def take(self, name: str) -> bytes | None:
        """Return the result once; re-raises what the job raised."""
        begun = self._begun.get(name)
        if begun is None or self._pool.is_working(begun):
            return None
        return self._begun.pop(name).result()

    def drop_others(self, prefix: str, name: str) -> None:
        """Forget results that nobody will ask for."""
        self._begun = {kept: job for kept, job in self._begun.items() if kept == name or not kept.startswith(prefix)}


class ProcessRunner:
    """Forks a child per job; each lane has so many places, and whoever finds none asks again on a later pass."""

    def __init__(self, folder: pathlib.Path, places: Mapping[ports.Lane, int] = PLACES) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # left by a killed node: unfinished work starts again
        folder.mkdir(parents=True, mode=0o700)
        self._folder = folder
        self._places = places
        self._children: dict[str, Child] = {}
        self._over: dict[str, int] = {}
        self._short: dict[str, bytes] = {}

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Fork a child for ``job`` unless one is under way, done, or its lane has no place free."""
        self._collect()
        if lane is ports.Lane.AT_ONCE:
            self._short[name] = job()
            return
        taken = sum(child.lane is lane for child in self._children.values())
        if name in self._children or name in self._over or taken >= self._places[lane]:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # so that the child's collector does not touch, and thereby copy, what it shares with us
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _die_with_parent(parent)
                gc.disable()
                status = self._work(name, job)
            finally:
                os._exit(status)  # whatever happened: a child must never return into the node's loop
        self._children[name] = Child(child, lane)

    def take(self, name: str) -> bytes | None:
        """Return the result once; re-raises what the job raised.

        Raises:
            errors.CommonsError: the job's own expected error, with its message.
            errors.TemporaryError: the child died; the job may be started again.
        """
        self._collect()
        if name in self._short:
            return self._short.pop(name)
        if name not in self._over:
            return None
        status = self._over.pop(name)
        result, failure = self._path(name, "result"), self._path(name, "failure")
        try:
            if status == 0:
                return result.read_bytes()
            if status == EXPECTED_FAILURE:
                raise _revive(json.loads(failure.read_bytes()))
            raise errors.TemporaryError("a child process died", which=name, delay=1.0)
        finally:
            result.unlink(missing_ok=True)
            failure.unlink(missing_ok=True)

    def drop_others(self, prefix: str, name: str) -> None:
        """End children whose results nobody will ask for, and give their places free."""
        for other in [each for each in (*self._children, *self._over) if each.startswith(prefix) and each != name]:
            child = self._children.pop(other, None)
            if child is not None:
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
            self._over.pop(other, None)
            for kind in ("part", "result", "failure"):
                self._path(other, kind).unlink(missing_ok=True)

    def is_busy(self) -> bool:
        """Return whether a child is at work."""
        self._collect()
        return bool(self._children)

    def close(self) -> None:
        """End the children and remove their files."""
        for child in self._children.values():
            os.kill(child.pid, 9)
            os.waitpid(child.pid, 0)
        self._children.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _collect(self) -> None:
        for name, child in list(self._children.items()):
            ended, status = os.waitpid(child.pid, os.WNOHANG)
            if ended:
                del self._children[name]
                self._over[name] = os.waitstatus_to_exitcode(status)

    def _path(self, name: str, kind: str) -> pathlib.Path:
        return self._folder / f"{name}.{kind}"

    def _work(self, name: str, job: Callable[[], bytes]) -> int:
        try:
            data = job()
            kind, status = "result", 0
        except errors.CommonsError as err:
            data = json.dumps(_preserve(err)).encode()
            kind, status = "failure", EXPECTED_FAILURE
        except BaseException:  # noqa: BLE001  a bug: said loudly; the parent sees a dead child
            traceback.print_exc()
            return 1
        try:
            part = self._path(name, "part")
            part.write_bytes(data)
            part.rename(self._path(name, kind))
        except OSError:  # a full disk, say; the parent sees a dead child and starts again
            traceback.print_exc()
            return 1
        return status


def _die_with_parent(parent: int) -> None:
    """End this child when its node is killed, where the system can do that (Linux): its result would be nobody's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before the call
            os._exit(1)


def _preserve(err: errors.CommonsError) -> dict[str, object]:
    kept: dict[str, object] = {"kind": type(err).__name__, "message": str(err), "next_step": err.next_step}
    if isinstance(err, errors.TemporaryError):
        kept["delay"] = err.delay
    if isinstance(err, errors.AggregationRefused):
        kept |= {"reason": err.reason, "member": err.member, "which": err.which, "message": err.message}
    return kept


def _revive(kept: dict[str, object]) -> errors.CommonsError:
    kind = getattr(errors, str(kept["kind"]), errors.PermanentError)
    message = str(kept["message"])
    if kind is errors.AggregationRefused:
        member = kept["member"]
        return errors.AggregationRefused(
            message, reason=str(kept["reason"]), member=member if isinstance(member, int) else None
        )
    step = kept["next_step"]
    revived = kind(message, next_step=step if isinstance(step, str) else None)
    delay = kept.get("delay")
    if isinstance(revived, errors.TemporaryError) and isinstance(delay, float | int):
        revived.delay = float(delay)
    return revived if isinstance(revived, errors.CommonsError) else errors.PermanentError(message)
