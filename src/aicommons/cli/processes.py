"""Starts the commons' own servers and nodes as processes, and ends exactly those. Used by the demo and ``commons up``.

Each is the ordinary command line on a home of its own, in this process's environment with the demo's passphrase and one
thread per process for linear algebra; servers say on their first line where they listen. Nothing outlives the process
that started it: asked to end, it ends its children (``ends_in_order``); killed, the system ends them, where it can
(Linux): each child asks for that first (``_start``). What is left out: children of children; nodes do the same for theirs.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any, Self

from aicommons import app
from aicommons.domain import errors

END_SECONDS = 10
INSIST_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


class Processes:
    """The processes of one demonstration; a context manager that ends them all."""

    def __init__(self, passphrase: str, **environment: str) -> None:
        self._environment = {
            **os.environ,
            app.PASSPHRASE_VARIABLE: passphrase,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._calls: dict[str, tuple[pathlib.Path, tuple[str, ...]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, name: str, home: pathlib.Path, *arguments: str) -> dict[str, Any]:
        """Start ``commons --home HOME --json ARGUMENTS`` and return what its first line says.

        Raises:
            errors.TemporaryError: it ended before it was ready.
        """
        return self.ready(name, self.launch(name, home, *arguments))

    def command(self, name: str, home: pathlib.Path, *arguments: str) -> list[str]:
        """Return the command line of the process ``name``; a subclass may start it elsewhere."""
        del name
        return command(home, *arguments)

    def launch(self, name: str, home: pathlib.Path, *arguments: str) -> subprocess.Popen[str]:
        """Start a process without waiting for it."""
        log = home / f"{name}.log"
        with log.open("a") as errors_to:
            process = subprocess.Popen(
                self.command(name, home, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors_to,
                text=True,
                env=self._environment,
            )
        self._running[name] = process
        self._calls[name] = (home, arguments)
        return process

    def ready(self, name: str, process: subprocess.Popen[str]) -> dict[str, Any]:
        """Wait for a process's first line; raises like ``start``."""
        line = process.stdout.readline() if process.stdout is not None else ""
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict) or "error" in said:
            reason = said.get("message") if isinstance(said, dict) else "it said nothing"
            advised = said.get("next_step") if isinstance(said, dict) else None
            log = self._calls[name][0] / f"{name}.log"
            raise errors.TemporaryError(
                f"{name} did not start: {reason}", which=name, next_step=advised or f"see {log}"
            )
        return said

    def call(self, home: pathlib.Path, *arguments: str) -> dict[str, Any]:
        """Run one command to its end in a fresh process and return its JSON object.

        Raises:
            errors.PermanentError: it printed none.
        """
        done = subprocess.run(
            command(home, *arguments), capture_output=True, text=True, env=self._environment, check=False
        )
        try:
            said = json.loads(done.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError) as err:
            raise errors.PermanentError("a command gave no answer", which=" ".join(arguments)) from err
        return dict(said)

    def ended(self) -> str | None:
        """Return the name of a process that has ended by itself, ``None`` while all run."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def kill(self, name: str) -> None:
        """End a process at once, as a power cut would."""
        process = self._running.pop(name)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def restart(self, name: str, *arguments: str) -> dict[str, Any]:
        """Start a process again as before, or with other ``arguments``; raises like ``start``."""
        home, before = self._calls[name]
        return self.start(name, home, *(arguments or before))

    def end(self) -> None:
        """Ask all processes to end, then make them."""
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.terminate()
        for process in self._running.values():
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()


def command(home: pathlib.Path, *arguments: str) -> list[str]:
    """Return the command line that acts on ``home`` in a child of this process, and ends with it."""
    start = [sys.executable, "-m", "aicommons.cli.processes", str(os.getpid())]
    return [*start, "--home", str(home), "--json", *arguments]


@contextlib.contextmanager
def ends_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP (a closed terminal) end what runs inside as Ctrl-C does; SIGHUP stays ignored where it was.

    The first one raises KeyboardInterrupt; further ones are passed over, so that they do not interrupt the tidying up.
    An exception that a signal raises inside a finaliser or a foreign callback is lost, so it is raised once more each
    second until the tidying has begun.
    """
    wanted = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]

    def interrupt(_number: int, _frame: types.FrameType | None) -> None:
        for each in wanted:
            signal.signal(each, signal.SIG_IGN)
        before.setdefault(signal.SIGALRM, signal.signal(signal.SIGALRM, insist))
        signal.setitimer(signal.ITIMER_REAL, INSIST_SECONDS, INSIST_SECONDS)
        raise KeyboardInterrupt

    def insist(_number: int, _frame: types.FrameType | None) -> None:
        if not _is_interrupted(sys.exc_info()[1]):
            raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in wanted}
    try:
        yield
    finally:
        if signal.SIGALRM in before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in before.items():
            signal.signal(each, handler)


def _is_interrupted(handled: BaseException | None) -> bool:
    """Whether what is being handled is an interrupt, or came up while one was handled."""
    while handled is not None and not isinstance(handled, KeyboardInterrupt):
        handled = handled.__context__
    return handled is not None


def _start() -> None:
    """Run the command line as a child that the system kills with its parent (Linux).

    The child asks for it, because code between fork and exec is not safe in a process with threads.
    """
    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before the call
            sys.exit(1)
    from aicommons.cli import main

    main.main()


if __name__ == "__main__":
    _start()
