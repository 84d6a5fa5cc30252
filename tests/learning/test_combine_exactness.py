"""Combiners give the same bytes on every CPU, and the right numbers."""

import itertools
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from numpy._core import _multiarray_umath as kernels

from aicommons.learning import combine, recipe, state

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parents[1] / "vectors" / "learning"
GENERATOR = HERE / "generate_learning_vectors.py"

SETTINGS = {
    "as it is": {},
    "no AVX-512": {"features": ("X86_V4", "AVX512_ICL", "AVX512_SPR", "AVX512F", "AVX512CD", "AVX512_SKX")},
    "no AVX at all": {"features": "all"},
    "OpenBLAS Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "OpenBLAS SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "OpenBLAS Zen, two threads": {"OPENBLAS_CORETYPE": "Zen", "OMP_NUM_THREADS": "2"},
    "OpenBLAS Prescott, one thread, no AVX": {
        "OPENBLAS_CORETYPE": "Prescott",
        "OMP_NUM_THREADS": "1",
        "features": "all",
    },
}


def _environment(setting: dict[str, Any]) -> dict[str, str]:
    """Return the process environment of one CPU setting; only features that this machine dispatches are named."""
    here = [name for name in kernels.__cpu_dispatch__ if kernels.__cpu_features__[name]]
    unwanted = setting.get("features", ())
    disabled = [name for name in here if unwanted == "all" or name in unwanted]
    chosen = {key: value for key, value in setting.items() if key != "features"}
    return {**os.environ, **chosen, "NPY_DISABLE_CPU_FEATURES": " ".join(disabled)}


@pytest.mark.parametrize("name", SETTINGS)
def test_golden_vectors_hold_under_every_cpu_setting(name: str) -> None:
    """A fresh process under this setting computes every vector file to the byte."""
    command = [sys.executable, "-W", "error", str(GENERATOR), "--check"]
    done = subprocess.run(
        command, env=_environment(SETTINGS[name]), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_changed_vector_is_noticed(tmp_path: pathlib.Path) -> None:
    """The check compares bytes: one changed digit in one file fails it."""
    for path in VECTORS.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    text = (tmp_path / "newton_step.json").read_text()
    (tmp_path / "newton_step.json").write_text(text.replace("0x1.0", "0x1.1", 1))
    program = f"import runpy, sys, pathlib; m = runpy.run_path({str(GENERATOR)!r}); "
    program += (
        f"m['main'].__globals__['FOLDER'] = pathlib.Path({str(tmp_path)!r}); sys.argv = ['x', '--check']; m['main']()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "newton_step.json differs" in done.stderr


@pytest.mark.parametrize("name", ["rounds.json", "summaries.json", "survival.json"])
def test_golden_rounds_follow_from_their_sums(name: str) -> None:
    """Whoever holds plan and sums recomputes every state to the byte."""
    for case in json.loads((VECTORS / name).read_text()):
        plan = recipe.from_plan(case["plan"])
        value = plan.initial()
        for each in case["rounds"]:
            sums = {name: np.array([float.fromhex(text) for text in part]) for name, part in each["sums"].items()}
            figures = {block.name: np.zeros(block.length) for block in plan.blocks(value)}
            value = plan.combine(value, [{**figures, **sums}])
            assert state.encode(value).hex() == each["state"]


def test_golden_trees_follow_from_their_sums() -> None:
    """Whoever holds plan and sums grows the same trees, level by level, to the byte."""
    for case in json.loads((VECTORS / "trees.json").read_text()):
        plan = recipe.from_plan(case["plan"])
        value = plan.initial()
        for each in case["rounds"]:
            sums = {name: np.zeros(part["length"]) for name, part in each["sums"].items()}
            for name, part in each["sums"].items():
                for place, number in part["numbers"].items():
                    sums[name][int(place)] = float.fromhex(number)
            value = plan.combine(value, [sums])
            assert state.encode(value).hex() == each["state"]
        assert (value.arrays["tree_columns"] >= 0.0).sum() > 3


def test_golden_safeguards_follow_from_their_sums() -> None:
    """Undone rounds and robust cells are part of the fold: the same sums give every state to the byte."""
    for case in json.loads((VECTORS / "safeguards.json").read_text()):
        plan = recipe.from_plan(case["plan"])
        value = plan.initial()
        for each in case["rounds"]:
            cells = [
                {name: np.array([float.fromhex(text) for text in part]) for name, part in sums.items()}
                for sums in each["sums_by_cell"]
            ]
            value = plan.combine(value, cells)
            assert state.encode(value).hex() == each["state"]


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_newton_step_solves_the_linear_system(size: int) -> None:
    """H step = -g as LAPACK sees it, to rounding."""
    rng = np.random.default_rng(size)
    base = rng.normal(size=(size + 3, size))
    hessian, gradient = base.T @ base + 0.01 * np.eye(size), rng.normal(size=size)
    step = combine.newton_step(hessian, gradient)
    assert np.allclose(hessian @ step, -gradient, rtol=1e-9, atol=1e-9)


@hypothesis.given(strategies.lists(strategies.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_fixed_sum_adds_from_first_to_last(values: list[float]) -> None:
    """The sum is the plain recurrence, not a pairwise or compensated one."""
    *_, expected = itertools.accumulate([0.0, *values], lambda total, value: total + value)
    assert combine.fixed_sum(values) == expected


def test_singular_curvature_has_no_step() -> None:
    """A matrix that is not positive definite gives None, also when rounding leaves a tiny positive pivot."""
    for one, other in np.random.default_rng(1).normal(size=(50, 2, 4)):
        of_rank_two = np.multiply.outer(one, one) + np.multiply.outer(other, other)
        assert combine.newton_step(of_rank_two, np.ones(4)) is None
    assert combine.newton_step(-np.eye(2), np.ones(2)) is None
    assert combine.newton_step(np.full((2, 2), np.nan), np.ones(2)) is None


def test_an_overflowing_step_is_no_step() -> None:
    """A curvature so small that the step is not a float64 number gives None, not an infinite model."""
    with np.errstate(over="ignore"):
        assert combine.newton_step(np.array([[1e-300]]), np.array([1e300])) is None


def test_unpacking_restores_a_symmetric_matrix() -> None:
    """Packed upper triangle and matrix are the same thing."""
    base = np.random.default_rng(0).normal(size=(6, 6))
    matrix = base + base.T
    assert np.array_equal(combine.unpack_symmetric(matrix[np.triu_indices(6)], 6), matrix)


def test_combiners_use_no_operation_whose_bytes_depend_on_the_cpu() -> None:
    """The combining path's sources name no BLAS, LAPACK, libm or unordered reduction."""
    source = (pathlib.Path(combine.__file__)).read_text().split('"""', 2)[2]
    for banned in (" @ ", ".dot(", ".sum(", "linalg", "einsum", "np.exp", "np.log", "matmul", "math.", " sum("):
        assert banned not in source
