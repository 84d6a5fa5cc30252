"""What a signal that ends a command does: once, and even where the exception it raises is lost."""

import pathlib
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, pathlib, signal, sys, time
from aicommons.cli import processes

class Finaliser:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)  # the signal's handler runs here, and what it raises is lost

folder = pathlib.Path(sys.argv[1])
processes.INSIST_SECONDS = 0.05
with processes.ends_in_order():
    try:
        if sys.argv[2] == "lost":
            Finaliser()
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        (folder / "goes on").touch()
        time.sleep(60)
    finally:
        try:
            raise ValueError
        except ValueError:  # tidying up handles errors of its own
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)
        time.sleep(0.3)
        (folder / "tidied").touch()
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", ["seen", "lost"])
def test_a_signal_ends_what_runs_and_not_the_tidying_up(how: str, tmp_path: pathlib.Path) -> None:
    """An interrupt that a finaliser loses comes again; one that is being handled does not."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT, done.stderr
    expected = {"tidied", "goes on"} if how == "lost" else {"tidied"}
    assert {each.name for each in tmp_path.iterdir()} == expected
    assert ("Exception ignored in" in done.stderr) == (how == "lost")
