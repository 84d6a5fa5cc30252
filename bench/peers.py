"""Other engines on the same job, each in processes of its own: one row per peer, or a row that says why there is none.

Called by ``round.py --peers DIR``. ``DIR`` holds the scripts ``install``, ``run`` and ``measure.py`` of the peers, which
print rows under the same keys as ours; where environments lie is ``PEERS_HOME``, as ``DIR/run`` says. A figure is never
made up: a peer that is not installed, fails or takes too long gives a row without figures and with a note.
"""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

HIDDEN = 300
"""Units of each hidden layer of the kit's network."""
LONGEST = 300
"""Seconds that one peer may take."""


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """One way of running one peer."""

    name: str
    """As ``DIR/run`` knows it."""
    mode: str
    """Which of its engines."""
    rounds: int
    """Enough for a median; fewer where a round takes seconds."""
    secagg: bool = False
    """Whether its own secure aggregation is on."""
    most_nodes: int = 20
    """Up to how many nodes it is run: with more, a round takes a minute or the machine's memory."""

    def command(self, folder: pathlib.Path, nodes: int) -> list[str]:
        """Return what runs it.

        The plain floor needs nothing but NumPy and scikit-learn: it runs on the very interpreter that ours runs on.
        """
        start = [sys.executable, str(folder / "measure.py")] if self.name == "plain" else [str(folder / "run")]
        size = ["--nodes", str(nodes), "--rounds", str(self.rounds), "--timeout", str(LONGEST)]
        return [*start, self.name, "--work", "mlp", "--mode", self.mode, *size, *["--secagg"] * self.secagg]


PEERS = (
    Peer("plain", "simulation", 20),
    Peer("flower", "simulation", 20),
    Peer("flower", "simulation", 10, secagg=True),
    Peer("flower", "deployment", 4, most_nodes=5),
    Peer("nvflare", "simulation", 6, most_nodes=5),
    Peer("p2pfl", "swarm", 4, most_nodes=5),
)


def measure(
    folder: pathlib.Path, nodes: int, *, hidden: int = HIDDEN, only_masked: bool = False
) -> Iterator[dict[str, object]]:
    """Yield one row for each peer of ``folder`` that is run with so many nodes, one after the other.

    Another number of hidden units is written into a copy of the folder; nothing else of the peers' job differs.
    """
    with tempfile.TemporaryDirectory(prefix="peers-") as copied:
        if hidden != HIDDEN:
            folder = shutil.copytree(folder, pathlib.Path(copied) / "kit")
            work = folder / "work.py"
            work.write_text(work.read_text().replace(f"HIDDEN = {HIDDEN}", f"HIDDEN = {hidden}"))
        for peer in PEERS:
            if nodes <= peer.most_nodes and (peer.secagg or peer.name == "plain" or not only_masked):
                fewer = peer if hidden == HIDDEN else dataclasses.replace(peer, rounds=min(peer.rounds, 4))
                yield _measure(fewer, folder, nodes)


def _measure(peer: Peer, folder: pathlib.Path, nodes: int) -> dict[str, object]:
    try:
        done = subprocess.run(
            peer.command(folder, nodes), capture_output=True, text=True, check=False, timeout=LONGEST + 120
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        return _without_figures(peer, nodes, str(err))
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    note = said[-1] if done.returncode else None
    printed = done.stdout.strip().splitlines()
    if not printed:
        return _without_figures(peer, nodes, note or "it printed nothing")
    return {**json.loads(printed[-1]), "note": note}


def _without_figures(peer: Peer, nodes: int, note: str) -> dict[str, object]:
    what = {"peer": peer.name, "version": None, "mode": peer.mode, "work": "mlp", "nodes": nodes, "rounds": 0}
    figures = dict.fromkeys(("wall_s", "s_per_round", "peak_rss_mb", "accuracy"))
    return {**what, **figures, "secagg": peer.secagg, "note": note}
