"""Our measures are pycanon's, and what we anonymise keeps at least as much detail as anjana's at the same k.

Both pin older numerical packages, so they answer from an environment of their own: ``make oracles``.
"""

import json
import pathlib
import random
import subprocess
from typing import Any

import pytest

from aicommons.data import anonymity, generalising

ROOT = pathlib.Path(__file__).parents[2]
PYTHON = ROOT / ".oracles" / "bin" / "python"
SCRIPT = ROOT / "tests" / "oracles" / "anonymity_oracle.py"

pytestmark = [
    pytest.mark.slow("a process with pandas starts"),
    pytest.mark.skipif(not PYTHON.exists(), reason="the oracles' environment is not there (make oracles)"),
]


def ask(table: anonymity.Texts, **question: Any) -> dict[str, Any]:
    """Return what the oracles say about a table."""
    asked = {"header": table.header, "rows": table.rows, "numeric": [], **question}
    done = subprocess.run(
        [PYTHON, "-W", "ignore", SCRIPT], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def made_up(seed: int, rows: int) -> anonymity.Texts:
    """Return a table with two quasi-identifiers, a level and a number."""
    draw = random.Random(seed)
    header = ("age", "district", "ill", "cost")
    cells = [
        (
            str(draw.randint(20, 39)),
            f"D{draw.randint(1, 6)}",
            draw.choice(["flu", "tb", "hiv"]),
            str(draw.randint(1, 9)),
        )
        for _ in range(rows)
    ]
    return anonymity.Texts(header, tuple(cells))


@pytest.mark.parametrize(("seed", "rows"), [(1, 40), (2, 2000)])
def test_measures_are_pycanons(seed: int, rows: int) -> None:
    """k, distinct l and t (levels, and numbers on a line) are the same as pycanon's."""
    table = made_up(seed, rows)
    quasi, sensitive = ["age", "district"], ["ill", "cost"]
    ours = anonymity.measure(table, quasi, sensitive)
    theirs = ask(table, quasi=quasi, sensitive=sensitive, numeric=["cost"])
    assert (ours.k, dict(ours.diversity)) == (theirs["k"], theirs["l"])
    assert dict(ours.closeness) == pytest.approx(theirs["t"], abs=1e-9)


@pytest.mark.parametrize(("seed", "k"), [(4, 3), (6, 12)])
def test_what_we_release_is_k_anonymous_and_keeps_as_much_as_anjana(seed: int, k: int) -> None:
    """pycanon confirms our k; at the same rungs and the same share of rows left out we lose no more than anjana."""
    table = made_up(seed, 400)
    quasi = ["age", "district"]
    ladders = [generalising.ladder(name, table.column(name)) for name in quasi]
    ours = generalising.anonymise(table, ladders, goal=generalising.Goal(k, 0.05))
    assert ask(ours.table, quasi=quasi, sensitive=[])["k"] >= k
    hierarchies = {each.name: [list(rung.values()) for rung in each.rungs] for each in ladders}
    theirs = ask(table, quasi=quasi, sensitive=[], k=k, suppress=5, hierarchies=hierarchies)["rows"]
    loss = [each.losses[rung_of(each, {row[place] for row in theirs})] for place, each in enumerate(ladders)]
    assert len(theirs) >= 0.95 * 400
    assert ours.loss <= sum(loss) / len(loss) + 1e-12


def rung_of(ladder: generalising.Ladder, spellings: set[str]) -> int:
    """Return the rung on which a released column stands."""
    return next(place for place, rung in enumerate(ladder.rungs) if spellings <= set(rung.values()))
