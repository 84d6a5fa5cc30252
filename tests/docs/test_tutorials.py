"""The tutorial's own commands, taken from its page and run against real processes: what is documented works.

The page marks blocks that belong into a terminal of their own with ``# terminal: NAME``; they run beside the others. Only
the ports are changed, so that a test never meets a ledger that somebody uses.
"""

import contextlib
import csv
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

PAGES = pathlib.Path(__file__).parents[2] / "docs" / "tutorial"
PAGE = PAGES / "three-organisations.md"
CO_OP = PAGES / "start-a-data-co-op.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TERMINAL = re.compile(r"# terminal: ([a-z-]+)\n")
SECONDS = 300

PROLOGUE = """set -euo pipefail
terminal() {  # NAME, commands: run them beside the rest; go on when they have said something
    (cd "$START" && eval "$2") >"$START/$1.log" 2>"$START/$1.err" </dev/null &
    for _ in $(seq 600); do [ -s "$START/$1.log" ] && return 0; sleep 0.1; done
    echo "terminal $1 said nothing" >&2; cat "$START/$1.err" >&2; return 1
}
"""


def script(page: str) -> str:
    """Return the page's blocks as one script."""
    lines = [PROLOGUE]
    for block in BLOCK.findall(page):
        named = TERMINAL.match(block)
        if named is None:
            lines.append(block)
            continue
        quoted = block.replace("'", "'\\''")
        lines.append(f"terminal {named.group(1)} '{quoted}'\n")
    return "".join(lines)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def environment(start: pathlib.Path) -> dict[str, str]:
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


@contextlib.contextmanager
def session(text: str, start: pathlib.Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """Run a script in a process group of its own; what it leaves running is ended afterwards."""
    process = subprocess.Popen(
        ["bash", "-c", text],
        cwd=start,
        env=environment(start),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
        yield subprocess.CompletedProcess(process.args, process.returncode, output)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def commons(start: pathlib.Path, home: str, *arguments: str, page: pathlib.Path = PAGE) -> dict[str, object]:
    """Return what a command says as JSON, in the folder that a tutorial made."""
    done = subprocess.run(
        ["commons", "--home", home, "--json", *arguments],
        cwd=start / page.stem,
        env={**environment(start), "COMMONS_PASSPHRASE": "only-for-the-tutorial"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.e2e
@pytest.mark.timeout(SECONDS + 60)
def test_three_organisations_run_the_tutorial_as_it_is_written(tmp_path: pathlib.Path) -> None:
    """Every command of the page works in its order, and the run it makes is complete, verified and usable."""
    ledger, store = free_ports(2)
    text = PAGE.read_text(encoding="utf-8").replace("8545", str(ledger)).replace("8546", str(store))
    with session(script(text), tmp_path) as done:
        logs = "".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(tmp_path.glob("*.err")))
        assert done.returncode == 0, done.stdout + logs
        (run,) = commons(tmp_path, "east", "run", "list")["runs"]  # type: ignore[misc]
        assert (run["state"], run["model"], len(run["shares"])) == ("completed", True, 4)
        verdict = commons(tmp_path, "foundation", "run", "verify", run["run_id"], "--from-home", "reader")
        assert verdict["verified"] is True, verdict
        (consent,) = commons(tmp_path, "east", "consent", "list", "--mine")["consents"]  # type: ignore[misc]
        assert consent["state"] == "revoked"
    folder = tmp_path / "three-organisations"
    with (folder / "tables" / "west.csv").open(encoding="utf-8") as file:
        patients = sum(1 for _ in csv.DictReader(file))
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        predictions = list(csv.DictReader(file))
    assert len(predictions) == patients
    assert {row["prediction"] for row in predictions} == {"benign", "malignant"}


@pytest.mark.e2e
@pytest.mark.timeout(SECONDS + 60)
def test_a_data_co_op_decides_by_vote_as_the_tutorial_says(tmp_path: pathlib.Path) -> None:
    """Every command of the page works in its order: no consent without the vote, one by it, and a run that used it."""
    ledger, store = free_ports(2)
    text = CO_OP.read_text(encoding="utf-8").replace("8545", str(ledger)).replace("8546", str(store))
    with session(script(text), tmp_path) as done:
        logs = "".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(tmp_path.glob("*.err")))
        assert done.returncode == 0, done.stdout + logs
        (run,) = commons(tmp_path, "valley", "run", "list", page=CO_OP)["runs"]  # type: ignore[misc]
        assert (run["state"], run["model"]) == ("completed", True)
        decided = commons(tmp_path, "neema", "coop", "list", page=CO_OP)
        (proposal,) = decided["proposals"]  # type: ignore[misc]
        assert (proposal["state"], proposal["for"], proposal["against"]) == ("executed", 2, 1)
        (consent,) = commons(tmp_path, "valley", "consent", "list", "--mine", page=CO_OP)["consents"]  # type: ignore[misc]
        assert (consent["state"], consent["uses"]) == ("live", 1)


TERMINALS = {
    PAGE: ["ledger", "store", "node-north", "node-south", "node-east"],
    CO_OP: ["ledger", "store", "node-valley", "node-hill", "node-coast"],
}


@pytest.mark.parametrize("page", TERMINALS, ids=lambda page: page.stem)
def test_a_page_has_a_terminal_for_each_server_and_node(page: pathlib.Path) -> None:
    """Servers and nodes never stand among the commands that end: the reader would wait for ever."""
    endless = re.compile(r"^commons .*\b(?:ledger|store|node) start\b", re.MULTILINE)
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    terminals = [block for block in blocks if TERMINAL.match(block)]
    assert [TERMINAL.match(block).group(1) for block in terminals] == TERMINALS[page]  # type: ignore[union-attr]
    assert all(endless.search(block) for block in terminals)
    assert not any(endless.search(block) for block in blocks if block not in terminals)
