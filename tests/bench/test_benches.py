"""The benches print what they measured and nothing else: no figures for what could not be run. No times are tested."""

import json
import pathlib
import shutil
import stat
import subprocess
import sys
from typing import Any

import pytest

BENCH = pathlib.Path(__file__).parents[2] / "bench"
PEER_KEYS = {
    *("peer", "version", "mode", "work", "nodes", "rounds", "wall_s", "s_per_round", "peak_rss_mb", "accuracy"),
    *("secagg", "note"),
}
ROW = {
    "version": "9",
    "work": "mlp",
    "nodes": 3,
    "rounds": 4,
    "wall_s": 1.0,
    "s_per_round": 0.5,
    "peak_rss_mb": 10,
    "accuracy": 0.9,
    "secagg": False,
}

PEERS: dict[str, tuple[str, float | None, str | None]] = {
    "one that works": ("print(json.dumps(row))", 0.5, None),
    "one that is not installed": ("sys.exit(\"no environment for 'flower': ./install it first\")", None, "./install"),
    "one that stops early": ("print(json.dumps(row)); sys.exit('only 4 of 20 rounds were done')", 0.5, "only 4 of 20"),
    "one that says nothing": ("pass", None, "it printed nothing"),
    "one that dies": ("import os; os.kill(os.getpid(), 9)", None, "exit status -9"),
}


def _run(name: str, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(BENCH / name), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _peers(folder: pathlib.Path, action: str) -> pathlib.Path:
    """Write a folder of peers that all do ``action``, except the plain floor, which works."""
    row = f"row = {ROW!r} | {{'peer': sys.argv[1], 'mode': sys.argv[sys.argv.index('--mode') + 1]}}"
    for name, what in (("run", action), ("measure.py", "print(json.dumps(row))")):
        file = folder / name
        file.write_text(f"#!{sys.executable}\nimport json, sys\n{row}\n{what}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_gives_its_own_figures_or_a_row_that_says_why_not(name: str, tmp_path: pathlib.Path) -> None:
    """Rows have the peers' keys; without a measured round there is no figure, but a note."""
    action, seconds, note = PEERS[name]
    rows = _run("round.py", "--mode", "peers", "--nodes", "3", "--peers", str(_peers(tmp_path, action)))
    assert {row["peer"] for row in rows} == {"plain", "flower", "nvflare", "p2pfl"}
    for row in rows:
        assert row.keys() >= PEER_KEYS
        if row["peer"] == "plain":
            assert (row["s_per_round"], row["x_plain"], row["note"]) == (0.5, 1.0, None)
            continue
        assert row["s_per_round"] == seconds
        assert row["x_plain"] == (None if seconds is None else 1.0)
        assert (row["note"] is None) == (note is None)
        assert note is None or note in row["note"]


def test_a_round_in_one_process_is_measured_in_a_process_of_its_own() -> None:
    """The row has the peers' keys, and a peak of memory that a process with NumPy and all nodes needs."""
    (row,) = _run("round.py", "--mode", "simulate", "--nodes", "3", "--rounds", "1", "--runs", "1")
    assert row.keys() >= PEER_KEYS
    assert (row["peer"], row["mode"], row["nodes"], row["secagg"]) == ("aicommons", "simulate", 3, True)
    assert row["rounds"] == 3
    assert 50 < row["peak_rss_mb"] < 1000


def test_accuracy_is_that_of_the_pooled_model_and_missing_tables_are_named(tmp_path: pathlib.Path) -> None:
    """Hospitals need no files; every other table is skipped with the file that is missing, without figures."""
    hospitals, *others = _run("accuracy.py", "--data", str(tmp_path), "--seeds", "1")
    assert hospitals["note"] is None
    assert hospitals["largest_accuracy_gap"] <= 0.005
    assert hospitals["largest_auc_gap"] <= 0.005
    assert hospitals["largest_coefficient_gap"] <= 1e-3
    assert [row["table"] for row in others] == ["heart", "maize", "sorghum", "landsat"]
    for row in others:
        assert row.keys() == hospitals.keys()
        assert str(tmp_path) in row["note"]
        assert {value for key, value in row.items() if key not in ("table", "note")} == {None}


def test_trees_stand_beside_those_of_the_pooled_rows(tmp_path: pathlib.Path) -> None:
    """Every minimum of a cell is a row beside scikit-learn's figure; a table that is missing is named, without figures."""
    options = ("--modes", "sums", "--trees", "4", "--seeds", "1", "--minimum", "1", "5", "--data", str(tmp_path))
    *measured, missing = _run("trees.py", *options, "--tables", "breast cancer", "heart")
    assert [row["minimum"] for row in measured] == [1, 5]
    assert all(row["rounds"] == 1 + 1 + 4 * 4 + 1 and row["below_pooled"] < 0.05 for row in measured)
    assert missing.keys() == measured[0].keys()
    assert str(tmp_path) in missing["note"]
    assert {value for key, value in missing.items() if key not in ("table", "mode", "note")} == {None}


def test_a_registers_gas_is_measured_on_the_contracts() -> None:
    """A small register too is one posting within the limit, beside what one person's proof and withdrawal cost."""
    rows = _run("consents.py", "--consents", "300", "--withdrawn", "5")
    gas = {row["name"]: row["measured"] for row in rows if row["unit"] == "gas"}
    (posting,) = (row for row in rows if row["limit"] is not None)
    assert 21_000 < posting["measured"] <= posting["limit"] == 50_000
    assert {name.split(",")[0] for name in gas} >= {"withdraw alone", "withdraw by signature", "open a register"}
    assert all(amount > 21_000 for amount in gas.values())
    (memory,) = (row["measured"] for row in rows if row["unit"] == "MB")
    assert 30 < memory < 500
    assert {"import 300 consents from a table", "take 5 back with their codes"} <= {
        row["name"].split(",")[0] for row in rows if row["unit"] == "s"
    }


def test_calls_in_a_cage_are_measured_beside_their_floor() -> None:
    """Each way of calling has a row; only what starts Python without a cage has no limit."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    rows = _run("sandbox.py", "--calls", "2")
    assert [row["limit_s"] for row in rows] == [0.15, 0.15, None]
    assert all(row["median_s"] > 0 for row in rows)


def test_a_big_tables_memory_is_measured_beside_its_peers() -> None:
    """Every part of a node's work, and each peer, says how many rows it went over and the most memory until then."""
    rows = _run("big_table.py", "--gigabytes", "0.005")
    assert [row["what"].partition(":")[0] for row in rows] == [
        "read, checked, divided by person", "round 0", "round 1", "pandas, in chunks", "DuckDB, all cores",
    ]  # fmt: skip
    (count,) = {row["rows"] for row in rows}
    assert count == 5_000_000 // 94
    ours = [row["peak_mb"] for row in rows[:3]]
    assert 40 < ours[0] <= ours[1] <= ours[2] < rows[0]["limit_mb"] == 2_000
    assert all(row["seconds"] >= 0 and row["mb_per_s"] > 0 for row in rows)
