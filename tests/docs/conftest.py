"""Plays a tutorial: the commands of a page, taken from it and run as one script against real processes.

A page marks blocks that belong into a terminal of their own with ``# terminal: NAME``; they run beside the others. Only the
ports are changed, so that a test never meets a ledger that somebody uses.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

PAGES = pathlib.Path(__file__).parents[2] / "docs" / "tutorial"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TERMINAL = re.compile(r"# terminal: ([a-z-]+)\n")
ENDLESS = re.compile(r"^commons .*\b(?:ledger|store|node) start\b", re.MULTILINE)
SECONDS = 300

PROLOGUE = """set -euo pipefail
terminal() {  # NAME, commands: run them beside the rest; go on when they have said something
    (cd "$START" && eval "$2") >"$START/$1.log" 2>"$START/$1.err" </dev/null &
    for _ in $(seq 600); do [ -s "$START/$1.log" ] && return 0; sleep 0.1; done
    echo "terminal $1 said nothing" >&2; cat "$START/$1.err" >&2; return 1
}
"""


class Tutorial:
    """One page of docs/tutorial."""

    def __init__(self, name: str) -> None:
        self.text = (PAGES / name).read_text(encoding="utf-8")

    def terminals(self) -> list[str]:
        """Return the names of the terminals, after checking that what never ends stands in one and nothing else does."""
        blocks = BLOCK.findall(self.text)
        named = {block: TERMINAL.match(block) for block in blocks}
        assert all(bool(ENDLESS.search(block)) == (mark is not None) for block, mark in named.items())
        return [mark.group(1) for mark in named.values() if mark is not None]

    def script(self) -> str:
        """Return the page's blocks as one script, with ports that nobody listens on."""
        ledger, store = _free_ports(2)
        text = self.text.replace("8545", str(ledger)).replace("8546", str(store))
        lines = [PROLOGUE]
        for block in BLOCK.findall(text):
            named = TERMINAL.match(block)
            if named is None:
                lines.append(block)
                continue
            quoted = block.replace("'", "'\\''")
            lines.append(f"terminal {named.group(1)} '{quoted}'\n")
        return "".join(lines)

    @contextlib.contextmanager
    def played(self, start: pathlib.Path) -> Iterator[str]:
        """Run the page in ``start`` and give what it printed; what it leaves running is ended afterwards."""
        process = subprocess.Popen(
            ["bash", "-c", self.script()],
            cwd=start,
            env=_environment(start),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=SECONDS)
            logs = "".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(start.glob("*.err")))
            assert process.returncode == 0, output + logs
            yield output
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def say(self, folder: pathlib.Path, home: str, *arguments: str) -> dict[str, Any]:
        """Return what a command says as JSON, in the folder that the tutorial made."""
        done = subprocess.run(
            ["commons", "--home", home, "--json", *arguments],
            cwd=folder,
            env={**_environment(folder.parent), "COMMONS_PASSPHRASE": "only-for-the-tutorial"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))


@pytest.fixture
def tutorial() -> type[Tutorial]:
    """Opens a page: ``tutorial("first-run.md")``."""
    return Tutorial


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _environment(start: pathlib.Path) -> dict[str, str]:
    """Return an environment in which ``commons`` and ``python`` are this interpreter's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMONS_")}
    binaries = str(pathlib.Path(sys.executable).parent)
    return {
        **kept,
        "PATH": f"{binaries}{os.pathsep}{kept.get('PATH', '')}",
        "START": str(start),
        "HOME": str(start),
        "OPENBLAS_NUM_THREADS": "1",
    }
