"""A commons of real processes for end-to-end tests, and how to wait for it without sleeping blindly."""

import contextlib
import pathlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from aicommons.cli import demonstration, processes, scripts


@contextlib.contextmanager
def staged(script: scripts.Script, root: pathlib.Path, **environment: str) -> Iterator[demonstration.Stage]:
    """Set a stage and end its processes afterwards."""
    passphrase = demonstration.new_passphrase()
    with processes.Processes(passphrase, **environment) as running:
        yield demonstration.set_stage(script, root, running, passphrase=passphrase, say=lambda _: None)


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Look ten times a second until ``condition`` holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds} s")
        tick.wait(0.1)
