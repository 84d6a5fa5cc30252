"""The main job as a person runs it: one command, real processes, one JSON object at the end."""

import contextlib
import csv
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
from tests.e2e import conftest

DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"
KEYS = {
    "run_id",
    "participants",
    "rounds",
    "model_digest",
    "verified",
    "metrics",
    "per_site",
    "seconds_per_round",
    "bytes_sent_per_node",
    "wall_seconds",
}


def _environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COMMONS_")} | more


def _demo(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aicommons.cli.main", "demo", *arguments],
        capture_output=True,
        text=True,
        env=_environment(**more),
        timeout=150,
        check=False,
    )


def _outcome(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_hospitals_train_as_well_as_pooled_and_verify() -> None:
    """Five processes reach the pooled accuracy, and a fresh process confirms the run."""
    outcome = _outcome(_demo("--json"))
    assert outcome.keys() >= KEYS
    assert outcome["verified"] is True
    assert outcome["participants"] == 5
    metrics = outcome["metrics"]
    assert abs(metrics["federated"]["accuracy"] - metrics["pooled"]["accuracy"]) <= 0.005
    assert abs(metrics["federated"]["auc"] - metrics["pooled"]["auc"]) <= 0.005
    assert sum(owner["shares"] for owner in outcome["owners"]) == 1_000_000
    assert len(outcome["bytes_sent_per_node"]) == 5


@pytest.mark.e2e
@pytest.mark.timeout(180)
@pytest.mark.skipif(not DATA.exists(), reason="the shared data folder is not beside the checkout")
def test_heart_in_four_hospitals_reaches_pooled_accuracy() -> None:
    """The four UCI hospitals train one model within 0.005 of the pooled one."""
    outcome = _outcome(_demo("heart", "--data", str(DATA / "heart_disease"), "--json"))
    metrics = outcome["metrics"]
    assert outcome["verified"] is True
    assert outcome["participants"] == 4
    assert abs(metrics["federated"]["accuracy"] - metrics["pooled"]["accuracy"]) <= 0.005


def _write(path: pathlib.Path, rows: list[list[object]], encoding: str = "utf-8", separator: str = ",") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def _row(site: str, index: int) -> list[object]:
    return [site, index % 17 + 0.5 * (index % 3), 20 + (index * 7) % 50, ["no", "yes"][(index * 5) % 17 > 8]]


def _rows(sites: dict[str, int]) -> list[list[object]]:
    rows: list[list[object]] = [["place", "size", "age", "ill"]]
    for site, count in sites.items():
        rows.extend(_row(site, index) for index in range(count))
    return rows


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_any_table_trains_and_goes_on_without_a_site_below_the_cohort(tmp_path: pathlib.Path) -> None:
    """Semicolons, a byte order mark and sites of any name just work; a site with too few rows is told so and left out."""
    table = tmp_path / "mine.csv"
    rows = _rows({"a": 40, "b": 50, "../solver": 60, "tiny": 4})
    rows[50][1] = rows[60][1] = ""
    _write(table, rows, encoding="utf-8-sig", separator=";")
    done = _demo("table", "--data", str(table), "--site", "place", "--target", "ill", "--json")
    outcome = _outcome(done)
    assert outcome["participants"] == 3
    assert outcome["verified"] is True
    assert "tiny" in outcome["left_out"]
    assert {site["site"]: (site["rows"], site["rows_left_out"]) for site in outcome["per_site"]} == {
        "a": (40, 0),
        "b": (48, 2),
        "../solver": (60, 0),
    }


@pytest.mark.e2e
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("recipe", "options"), [("stats", ()), ("trees", ("--target", "ill", "--rounds", "9"))])
def test_any_table_is_described_or_grown_trees_on(
    recipe: str, options: tuple[str, ...], tmp_path: pathlib.Path
) -> None:
    """Recipes without gradients run on anybody's table: the tables that they give are there, and the run verifies."""
    table = tmp_path / "mine.csv"
    _write(table, _rows({"a": 40, "b": 50, "c": 60}), encoding="utf-8", separator=",")
    asked = ("table", "--data", str(table), "--site", "place", "--recipe", recipe, *options, "--json")
    outcome = _outcome(_demo(*asked))
    assert outcome["verified"] is True
    assert outcome["tables"]
    assert set(outcome["metrics"]["pooled"]) == (set() if recipe == "stats" else {"accuracy", "auc"})


def _broken(kind: str) -> list[list[object]]:
    rows = _rows({"a": 40, "b": 50, "c": 60})
    match kind:
        case "text in a numeric feature":
            rows[30][1] = "large"
        case "infinite value":
            rows[30][1] = "inf"
        case "one class only":
            rows = [rows[0], *([*row[:3], "no"] for row in rows[1:])]
        case "one site only":
            rows = [rows[0], *(["a", *row[1:]] for row in rows[1:])]
        case "two sites only":
            rows = [rows[0], *(["a" if row[0] == "a" else "b", *row[1:]] for row in rows[1:])]
        case "empty file":
            rows = []
        case "ragged row":
            rows[30] = rows[30][:2]
        case "header only":
            rows = rows[:1]
    return rows


BAD_TABLES = {
    "missing target column": ("sick", "sick"),
    "text in a numeric feature": ("ill", "size, line 31"),
    "infinite value": ("ill", "size, line 31"),
    "one class only": ("ill", "ill"),
    "one site only": ("ill", "site"),
    "two sites only": ("ill", "site"),
    "empty file": ("ill", "empty"),
    "ragged row": ("ill", "line 31"),
    "header only": ("ill", "header"),
}


@pytest.mark.e2e
@pytest.mark.parametrize("kind", BAD_TABLES)
def test_bad_table_is_refused_before_anything_starts(kind: str, tmp_path: pathlib.Path) -> None:
    """Exit 1 with one clear message that names the place, and nothing is left behind."""
    target, named = BAD_TABLES[kind]
    table = tmp_path / "mine.csv"
    _write(table, _broken(kind))
    done = _demo("table", "--data", str(table), "--site", "place", "--target", target, "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert named in said["message"] + str(said["next_step"])
    assert "mine.csv" in said["message"]
    assert said["next_step"]
    assert "Traceback" not in done.stderr


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_the_page_of_a_kept_demo_lives_until_the_demo_ends(tmp_path: pathlib.Path) -> None:
    """The printed link opens the owner's page, which answers to the last round, and nothing answers after the end."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "aicommons.cli.main", "demo", "--nodes", "3", "--rounds", "4", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(TMPDIR=str(tmp_path), PYTHONUNBUFFERED="1"),
    )
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), urllib.request.ProxyHandler({}))
    with demo:
        assert demo.stderr is not None
        assert demo.stdout is not None
        said = next(line for line in demo.stderr if "until this demo ends: " in line)
        link = said.partition("ends: ")[2].strip()
        first = browser.open(link, timeout=10)
        assert (first.status, "<h1" in first.read().decode()) == (200, True)
        page = f"http://{urllib.parse.urlsplit(link).netloc}/runs"
        rounds = [browser.open(page, timeout=10).status for line in demo.stdout if line.startswith("  round ")]
        demo.stderr.read()
    assert demo.returncode == 0
    assert rounds == [200] * 4
    with pytest.raises(urllib.error.URLError):
        browser.open(page, timeout=10)


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_lines_printed_by_a_kept_demo_work_as_they_are(tmp_path: pathlib.Path) -> None:
    """The printed lines, pasted into a shell, start the servers, verify the run and predict; one line stays one line."""
    done = _demo("--nodes", "3", "--rounds", "3", "--keep", TMPDIR=str(tmp_path), COLUMNS="40")
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.partition("in this order:\n")[2].strip().splitlines()
    begin, _, meaning = last.partition("#")
    assert begin.rstrip().endswith(" up"), last
    assert "owner's page" in meaning
    waits = "for _ in $(seq 300); do grep -q http:// up.log && break; sleep 0.2; done; cat up.log"
    script = "\n".join([*lines, f"{begin} > up.log 2>&1 &", waits])
    shell = subprocess.run(
        ["bash", "-c", f"set -m; trap 'kill $(jobs -p); wait' EXIT\nset -e\n{script}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        timeout=120,
        check=False,
    )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    assert "http://127.0.0.1" in shell.stdout
    assert "Everything holds, down to every sum and every state." in shell.stdout
    assert "line,prediction" in shell.stdout


def _members(group: int) -> list[str]:
    """Return the living processes of a process group, by their number."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                found.append(stat.parent.name)
    return found


@pytest.mark.e2e
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent, and has /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_demo_that_is_ended_leaves_no_process(number: signal.Signals, tmp_path: pathlib.Path) -> None:
    """SIGTERM and a closed terminal end all processes and remove the folder; a kill leaves no process either."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "aicommons.cli.main", "demo"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(TMPDIR=str(tmp_path)),
        start_new_session=True,
    )
    with demo:
        assert demo.stderr is not None
        said = list(itertools.takewhile(lambda line: "nodes started" not in line, demo.stderr))
        assert len(_members(demo.pid)) >= 8, said
        demo.send_signal(number)
        demo.stderr.read()
    conftest.wait_until(lambda: not _members(demo.pid), seconds=10, what="the end of all processes")
    assert demo.returncode == (-number if number is signal.SIGKILL else 1)
    assert list(tmp_path.iterdir()) == [] or number is signal.SIGKILL
