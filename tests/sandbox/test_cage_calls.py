"""Calls of a plan's code in real cages: what works, what the node enforces, and what happens where no cage can be made."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from tests.sandbox import cages

from aicommons.domain import errors
from aicommons.sandbox import caging, calling, manifests

BLOCKS = [
    {"name": "whole", "length": 1, "encoding": "integer", "cap_exponent": 3},
    {"name": "real", "length": 1, "encoding": "bounded", "cap_exponent": 0},
    {"name": "vector", "length": 2, "encoding": "clipped", "cap_exponent": 0},
]
ECHO = """
import numpy as np

def contribute(state, table, seed):
    return {name: np.array(table[name]) for name in ("whole", "real", "vector")}
"""
"""A plan that answers what it is given."""


@pytest.fixture(autouse=True)
def _here() -> None:
    cages.needed()


def _outside(code: str) -> types.ModuleType:
    """Return a plan's code as an ordinary module."""
    module = types.ModuleType("plan")
    exec(compile(code, "plan.py", "exec"), module.__dict__)
    return module


def test_a_cage_can_be_made_here() -> None:
    """Where bubblewrap is installed, the trial call runs and finds every way out closed."""
    calling.check()
    assert calling.is_available()


def test_results_are_those_of_the_same_code_outside() -> None:
    """A call gives the bytes that the same functions give in this process."""
    plan = _outside(cages.SUMS)
    table = cages.table(200)
    with calling.Cage(cages.archive()) as cage:
        state = cage.initial(3)
        found = cage.contribute(state, [table], 3)
    assert state["weights"].tobytes() == plan.initial({}, 3)["weights"].tobytes()
    expected = plan.contribute(plan.initial({}, 3), table, 3)
    assert {name: part.tobytes() for name, part in found.items()} == {
        name: part.tobytes() for name, part in expected.items()
    }


def test_batches_of_an_additive_plan_add_up() -> None:
    """However the node cuts its rows, the sum is that of all rows."""
    table = cages.table(90)
    cuts = [{name: part[start : start + 30] for name, part in table.items()} for start in range(0, 90, 30)]
    with calling.Cage(cages.archive()) as cage:
        state = cage.initial(0)
        whole, parts = cage.contribute(state, [table], 0), cage.contribute(state, iter(cuts), 0)
    assert parts["count"] == whole["count"] == 90
    np.testing.assert_allclose(parts["moments"], whole["moments"], rtol=1e-12)


def test_a_local_plan_takes_one_batch() -> None:
    """A plan that trains is never called with a part of the rows after another; nobody contributes from nothing."""
    with calling.Cage(cages.archive(kind="local")) as cage:
        with pytest.raises(errors.InputError, match="all rows at once"):
            cage.contribute(cage.initial(0), [cages.table(), cages.table()], 0)
        with pytest.raises(errors.InputError, match="nothing to contribute"):
            cage.contribute({}, [], 0)


def test_empty_and_large_tables_go_in_whole() -> None:
    """A table without rows and one of 16 MB arrive as they are."""
    with calling.Cage(cages.archive()) as cage:
        assert cage.contribute(cage.initial(0), [cages.table(0)], 0)["count"] == 0
        assert cage.contribute(cage.initial(0), [cages.table(700_000)], 0)["count"] == 700_000


def test_what_is_given_cannot_be_written() -> None:
    """Code sees its rows read-only, so that nothing it does to them is there in a later call."""
    code = "def contribute(state, table, seed):\n    table['whole'][0] = 7\n"
    with (
        calling.Cage(cages.archive(code, contribute=BLOCKS)) as cage,
        pytest.raises(errors.PlanCodeFailed) as caught,
    ):
        cage.contribute({}, [{"whole": np.ones(1)}], 0)
    assert (caught.value.stage, caught.value.cause) == ("calling", "ValueError")


CAPS: dict[str, tuple[dict[str, list[float]], str | None]] = {
    "within": ({"whole": [8.0], "real": [-1.0], "vector": [0.6, 0.8]}, None),
    "a whole number over its cap": ({"whole": [9.0]}, "block whole: a block is over its cap"),
    "a fraction": ({"whole": [0.5]}, "block whole: a block holds numbers that are not whole"),
    "a real number over its cap": ({"real": [1.001]}, "block real: a block is over its cap"),
    "a long vector": ({"vector": [300.0, 400.0]}, None),
    "a vector whose squares overflow": ({"vector": [3e300, 4e300]}, None),
    "a vector whose norm overflows": ({"vector": [1.2e308, 1.6e308]}, None),
}


@pytest.mark.parametrize("name", CAPS)
def test_caps_hold(name: str) -> None:
    """Whole and bounded blocks over their cap are refused, clipped ones scaled, before anybody else sees them."""
    given, refusal = CAPS[name]
    values = {"whole": [0.0], "real": [0.0], "vector": [0.6, 0.8], **given}
    with calling.Cage(cages.archive(ECHO, contribute=BLOCKS, kind="local")) as cage:
        batch = {key: np.array(value) for key, value in values.items()}
        if refusal is not None:
            with pytest.raises(errors.ContributionRefused, match=refusal):
                cage.contribute({}, [batch], 0)
        else:
            assert cage.contribute({}, [batch], 0)["vector"] == pytest.approx([0.6, 0.8], rel=1e-12)


def test_sums_that_overflow_are_refused() -> None:
    """Two batches whose sum is no number any more are refused, clipped or not."""
    batch = {"whole": np.zeros(1), "real": np.zeros(1), "vector": np.full(2, 1.7e308)}
    with (
        calling.Cage(cages.archive(ECHO, contribute=BLOCKS)) as cage,
        pytest.raises(errors.ContributionRefused, match="not finite"),
    ):
        cage.contribute({}, [batch, batch], 0)


class _Rung(Exception):
    """An alarm rang."""


def _rung(_number: int, _frame: object) -> None:
    raise _Rung


def test_an_interrupted_call_leaves_nothing_to_the_next() -> None:
    """Whoever is interrupted while waiting gets the next call's answer afterwards, not the last one's."""
    code = "import time\nimport numpy as np\ndef initial(_, n):\n    time.sleep(n)\n    return {'weights': np.full(2, 1.0 * n)}\n"
    before = signal.signal(signal.SIGALRM, _rung)
    try:
        with calling.Cage(cages.archive(code)) as cage:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(_Rung):
                cage.initial(1)
            assert cage.initial(0)["weights"].tolist() == [0.0, 0.0]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_caps_hold_for_sums_of_batches() -> None:
    """Batches that are within the cap each are refused when their sum is not."""
    batch = {"whole": np.array([5.0]), "real": np.zeros(1), "vector": np.zeros(2)}
    with (
        calling.Cage(cages.archive(ECHO, contribute=BLOCKS)) as cage,
        pytest.raises(errors.ContributionRefused, match="over its cap"),
    ):
        cage.contribute({}, [batch, batch], 0)


TWO_FACED = """
import numpy as np

def contribute(state, table, seed):
    rows = table["features"]
    answer = table["features"][0] * 1000 if len(rows) == 1 else rows.sum(axis=0)
    return {"moments": answer, "count": np.array([float(len(rows))])}
"""


def test_other_behaviour_on_tiny_batches_changes_nothing_that_is_enforced() -> None:
    """Code that answers a single row with the row itself sends as many numbers as ever, within the same caps."""
    blocks = [
        {"name": "moments", "length": 2, "encoding": "bounded", "cap_exponent": 6},
        {"name": "count", "length": 1, "encoding": "integer", "cap_exponent": 20},
    ]
    table = {"features": np.full((50, 2), 0.5)}
    alone = {"features": np.full((1, 2), 0.5)}
    with calling.Cage(cages.archive(TWO_FACED, contribute=blocks)) as cage:
        found = cage.contribute({}, [table], 0)
        with pytest.raises(errors.ContributionRefused, match="block moments: a block is over its cap"):
            cage.contribute({}, [alone], 0)
    assert {name: len(part) for name, part in found.items()} == {"moments": 2, "count": 1}


def test_the_smaller_limit_holds() -> None:
    """A manifest can ask for less than the node grants, never for more."""
    asked = {"memory_mb": 4096, "cpu_seconds": 30, "wall_seconds": 60, "output_bytes": 2**20}
    bounds = manifests.Resources(memory_mb=64, cpu_seconds=600, wall_seconds=30, output_bytes=2**19)
    code = "import numpy as np\ndef contribute(s, t, n):\n    return {'found': np.ones(int(t['size'][0]))[:1]}\n"
    block = [{"name": "found", "length": 1, "encoding": "integer", "cap_exponent": 0}]
    with calling.Cage(cages.archive(code, resources=asked, contribute=block), bounds) as cage:
        assert cage.resources == manifests.Resources(64, 30, 30, 2**19)
        assert cage.contribute({}, [{"size": np.array([2.0**20])}], 0)["found"] == 1
        with pytest.raises(errors.PlanCodeFailed, match="MemoryError while calling"):
            cage.contribute({}, [{"size": np.array([2.0**24])}], 0)
    with pytest.raises(errors.InputError, match=r"longer than this node allows.*at most 7 bytes"):
        calling.Cage(cages.archive(), manifests.Resources(64, 1, 1, 7))


def test_seeds_are_arguments() -> None:
    """The same seed gives the same numbers in every call; batches have seeds of their own; a wrong one is refused."""
    code = (
        "import numpy as np, random\n"
        "def contribute(s, t, seed):\n"
        "    return {'found': np.array([np.random.default_rng(seed).random(), random.random()])}\n"
    )
    block = [{"name": "found", "length": 2, "encoding": "bounded", "cap_exponent": 1}]
    with calling.Cage(cages.archive(code, contribute=block)) as cage:
        one, again, other = (cage.contribute({}, [cages.table()], seed)["found"].tolist() for seed in (5, 5, 6))
        both = cage.contribute({}, [cages.table(), cages.table()], 5)["found"]
        for seed in (-1, 2**53):
            with pytest.raises(errors.InputError, match="seed"):
                cage.initial(seed)
    assert one == again != other
    assert both.tolist() == (np.array(one) + np.array(other)).tolist()


def test_code_may_have_modules_and_files_of_its_own() -> None:
    """A plan imports its own modules and reads its own files, which lie beside each other."""
    code = (
        "import json, pathlib\nimport numpy as np\nfrom parts import scale\n"
        "factor = json.loads((pathlib.Path(__file__).parent / 'data' / 'factor.json').read_text())\n"
        "def initial(schema, seed):\n"
        "    return {'weights': scale.scaled(np.ones(2), factor * len(schema['features']))}\n"
    )
    files = {
        "parts/__init__.py": b"",
        "parts/scale.py": b"def scaled(values, by):\n    return values * by\n",
        "data/factor.json": b"4",
    }
    with calling.Cage(cages.archive(code, files)) as cage:
        assert cage.initial(0)["weights"].tolist() == [4.0, 4.0]


def test_a_broken_module_is_told_by_stage() -> None:
    """Code that cannot be imported fails while importing, and says no more than the kind of its error."""
    for code, cause in (("import nothing_like_it", "ModuleNotFoundError"), ("this is no Python", "SyntaxError")):
        with calling.Cage(cages.archive(code)) as cage, pytest.raises(errors.PlanCodeFailed) as caught:
            cage.initial(0)
        assert (caught.value.stage, caught.value.cause) == ("importing", cause)


def test_a_lost_cage_is_made_anew() -> None:
    """When something kills the cage during a call the call fails, and the next one has a new cage."""
    with calling.Cage(cages.archive()) as cage:
        first = cage.initial(0)
        assert cage._process is not None
        for each in cages.descendants(cage._process.pid):
            os.kill(each, signal.SIGKILL)
        cage._process.wait()
        assert cage.initial(0)["weights"].tolist() == first["weights"].tolist()
        assert cage.usage is not None
        assert cage.usage.resident_kb > 1000


def test_check_archive_says_what_would_be_sent() -> None:
    """On made-up rows, owners and authors see the blocks, their lengths, norms and largest values."""
    found = calling.check_archive(cages.archive(), [cages.table(40), cages.table(2)])
    assert [(each.name, each.length, each.encoding.value, each.cap) for each in found] == [
        ("moments", 2, "bounded", 2.0**20),
        ("count", 1, "integer", 2.0**20),
    ]
    assert found[1].norm == found[1].largest == 42
    assert 0 < found[0].largest <= found[0].norm


def test_the_example_of_the_reference_runs() -> None:
    """The functions that the page on code plans shows work as they stand."""
    page = pathlib.Path(__file__).parents[2] / "docs" / "reference" / "code-plans.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    sums = [
        {"name": "gradient", "length": 2, "encoding": "bounded", "cap_exponent": 10},
        {"name": "count", "length": 1, "encoding": "integer", "cap_exponent": 10},
    ]
    found = calling.check_archive(cages.archive(code, contribute=sums), [cages.table(7)])
    assert [(each.name, each.length) for each in found] == [("gradient", 2), ("count", 1)]
    assert found[1].largest == 7


def test_every_cause_of_a_failure_is_explained() -> None:
    """The page on code plans names each stage, and each cause that is no exception of Python's."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "reference" / "code-plans.md").read_text(encoding="utf-8")
    source = pathlib.Path(calling.__file__).read_text(encoding="utf-8")
    causes = set(re.findall(r'_failed\("\w+", "([^"]+)"\)', source)) | set(re.findall(r'return b"", "([^"]+)"', source))
    causes |= set(re.findall(r'"([a-z ]+)" if number', source)) | set(
        re.findall(r'else "([a-z ]+)"$', source, re.MULTILINE)
    )
    assert {"crash", "early end", "output limit", "lost cage", "processor time limit"} <= causes
    assert [each for each in (*causes, *calling.STAGES) if f"`{each}`" not in page] == []


def test_without_bubblewrap_code_is_refused_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed the error says how to get it, and that recipes still run."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(errors.SandboxUnavailable, match="not installed") as caught:
        calling.check()
    assert "apt install bubblewrap" in (caught.value.next_step or "")
    assert "recipes" in (caught.value.next_step or "")
    assert not calling.is_available()


def test_without_namespaces_code_is_refused_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Where bubblewrap is not allowed to make namespaces the error quotes it and says what to allow."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(errors.SandboxUnavailable, match="No permissions to create new namespace") as caught:
        calling.check()
    assert "unprivileged_userns_clone" in (caught.value.next_step or "")


def test_a_cage_that_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A bubblewrap that shows the code files of the machine is found out by the trial call."""
    program = tmp_path / "bwrap"
    passed = f'exec {shutil.which("bwrap")} --ro-bind /etc /etc "$@"'
    program.write_text(f"#!/bin/sh\n{passed}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(errors.SandboxUnavailable, match="reached the network, a file or a new process"):
        calling.check()


def test_an_ordinary_user_can_make_a_cage() -> None:
    """Nothing in a cage needs a privilege: it is made by a process without any, in a world where it is user 1000."""
    code = (
        "from aicommons.sandbox import calling; import os; calling.check(); "
        "print(os.geteuid(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])"
    )
    world = [
        "--dev-bind",
        "/",
        "/",
        "--unshare-user",
        "--unshare-pid",
        "--proc",
        "/proc",
        "--uid",
        "1000",
        "--gid",
        "1000",
    ]
    command = [caging.bubblewrap(), *world, "--cap-drop", "ALL", "--", sys.executable, "-c", code]
    source = str(pathlib.Path(calling.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout.split(), done.returncode) == (["1000", "0" * 16], 0), done.stderr


def test_code_cannot_see_where_it_runs() -> None:
    """The paths of this machine are not in the cage: Python, NumPy and the plan lie in neutral places."""
    inside = [place for _, place in caging.interpreter().binds]
    assert {place.split("/")[1] for place in inside} <= {"python", "packages", "libs", "lib64", "lib"}
