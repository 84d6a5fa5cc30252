"""Golden vectors of the combiners and state encodings, from inputs that every machine computes alike.

``--write`` (re)creates ``vectors/learning/``, ``--check`` exits 1 at the first file that differs. The tests run
``--check`` in fresh processes under several CPU settings. Small cases carry every float64 as ``float.hex`` so that
another implementation can be held to them; large ones carry the seed of their inputs and a SHA-256 of the result.
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import pathlib
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema
from aicommons.learning import blocks, combine, describe, recipe, records, robust, state
from aicommons.learning.learners import discrete_survival, glm, kaplan_meier, mlp, proximal, tree_bins, trees

Array = npt.NDArray[np.float64]
Case = dict[str, Any]

FOLDER = pathlib.Path(__file__).parents[2] / "vectors" / "learning"
MULTIPLIER, INCREMENT = 6364136223846793005, 1442695040888963407


def numbers(seed: int, count: int) -> Array:
    """Return float64[count] in [-0.5, 0.5): the top 53 bits of Knuth's MMIX generator, exact."""
    value, out = seed, []
    for _ in range(count):
        value = (value * MULTIPLIER + INCREMENT) % 2**64
        out.append((value >> 11) / 2**53 - 0.5)
    return np.array(out)


def positive_definite(seed: int, size: int) -> Array:
    """Return I + sum_k b_k b_k' / size, added up in the order of k."""
    base = numbers(seed, size * size).reshape(size, size)
    matrix = np.eye(size)
    for k in range(size):
        matrix += np.multiply.outer(base[k], base[k]) / size
    return matrix


def hexed(array: Array) -> list[str]:
    """Return the values as float.hex texts, row by row."""
    return [value.hex() for value in np.asarray(array).ravel().tolist()]


def digest(data: Array | bytes) -> str:
    """Return the SHA-256 of bytes, or of an array's raw little-endian values."""
    raw = data if isinstance(data, bytes) else np.asarray(data).astype("<f8").tobytes()
    return hashlib.sha256(raw).hexdigest()


def newton_step() -> list[Case]:
    """Newton steps of 1 to 222 parameters and two matrices that are refused."""
    cases = []
    for size in (1, 2, 3, 5):
        hessian, gradient = positive_definite(size, size), numbers(100 + size, size)
        step = combine.newton_step(hessian, gradient)
        cases.append({"size": size, "hessian": hexed(hessian), "gradient": hexed(gradient), "step": hexed(step)})
    for size in (31, 222):
        step = combine.newton_step(positive_definite(size, size), numbers(100 + size, size))
        cases.append({"size": size, "hessian_seed": size, "gradient_seed": 100 + size, "step_sha256": digest(step)})
    refused = {"singular_bad": [[1.0, 1.0], [1.0, 1.0]], "indefinite_bad": [[1.0, 2.0], [2.0, 1.0]]}
    for name, rows in refused.items():
        step = combine.newton_step(np.array(rows), np.ones(2))
        cases.append({"name": name, "size": 2, "hessian": hexed(rows), "gradient": hexed(np.ones(2)), "step": step})
    return cases


def weighted_mean() -> list[Case]:
    """The MLP's combiner on 99,901 parameters."""
    current, delta = numbers(7, 99_901), numbers(8, 99_901)
    moved = combine.weighted_mean(current, delta)
    return [{"current_seed": 7, "delta_seed": 8, "length": 99_901, "sha256": digest(moved), "first": hexed(moved[:4])}]


def small_schema(task: schema.Task) -> schema.Schema:
    """Return two numbers and a category with a target of ``task``."""
    targets = {
        schema.Task.BINOMIAL: schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")),
        schema.Task.GAUSSIAN: schema.Target(schema.Task.GAUSSIAN, "y", lo=-3.0, hi=11.0),
        schema.Task.MULTINOMIAL: schema.Target(schema.Task.MULTINOMIAL, "y", classes=("a", "b", "c")),
        schema.Task.POISSON: schema.Target(schema.Task.POISSON, "y", lo=0.0, hi=11.0),
    }
    features = (schema.numeric("age", 0, 120), schema.numeric("bmi", 10, 70.5), schema.category("kind", ["p", "q"]))
    return schema.Schema(features, targets[task])


def rounds() -> list[Case]:
    """The state after round 0 and after one and two learner rounds, from given sums."""
    cases = []
    kinds = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL)
    plans = [(task, "glm", glm.Glm(task)) for task in kinds]
    plans.append((schema.Task.BINOMIAL, "mlp", mlp.make(schema.Task.BINOMIAL, hidden=(5, 3))))
    for task, name, learner in plans:
        plan = recipe.Recipe(name, small_schema(task), learner)
        value, chain = plan.initial(), []
        for index in range(3):
            sums = _sums(plan, value, seed=1000 + index)
            value = plan.combine(value, [sums])
            chain.append(
                {
                    "sums": {key: hexed(part) for key, part in sorted(sums.items())},
                    "state": state.encode(value).hex(),
                }
            )
        cases.append({"plan": recipe.to_plan(plan), "rounds": chain})
    return cases


def _sums(plan: recipe.Recipe, value: state.State, *, seed: int) -> dict[str, Array]:
    """Return plausible sums for the round at ``value``."""
    if value.stage is state.Stage.DESCRIBE:
        classes = plan.schema.target.classes
        target = [40.0] * len(classes) if classes is not None else [60.25, 50.125]
        rows = 40.0 * len(classes) if classes is not None else 120.0
        u = numbers(seed, plan.schema.width) * 0.1 + 0.5
        values = np.array([rows, 50.0, *target, *(rows * u).tolist(), *(rows * (u * u + 0.04)).tolist()])
        return {describe.BLOCK_NAME: describe.split_limbs(values)}
    sums = {block.name: numbers(seed, block.length) * block.cap / 1024 for block in plan.blocks(value)}
    if "hessian" in sums:
        size = plan.schema.width + 1
        upper = np.triu_indices(size)
        triangles = [
            positive_definite(seed + index, size)[upper] for index in range(len(sums["hessian"]) // len(upper[0]))
        ]
        scales = [60.0 if index in _DIAGONAL_PAIRS[plan.schema.outputs] else -0.5 for index in range(len(triangles))]
        sums["hessian"] = np.concatenate([scale * part for scale, part in zip(scales, triangles, strict=True)])
    return sums


_DIAGONAL_PAIRS = {1: {0}, 3: {0, 3, 5}}
"""Which packed triangles are a class with itself, by number of outputs."""


def averaging() -> list[Case]:
    """The members of the local-training family that have arrays of their own: four rounds from given sums."""
    family: dict[str, dict[str, object]] = {
        "adam": {"server": {"rule": "adam"}},
        "yogi": {"server": {"rule": "yogi"}},
        "scaffold": {"scaffold": True},
        "alike": {"weighting": 0.0, "rounds": 2},
    }
    cases = []
    for name, options in family.items():
        columns = schema.to_document(small_schema(schema.Task.BINOMIAL))
        plan = recipe.from_plan({"recipe": "mlp", "hidden": [2], "rounds": 3, "schema": columns, **options})
        value, chain = plan.initial(), []
        for index in range(4):
            sums = _guarded_sums(plan, value, seed=500 + index)
            sums = {**sums, "weight": np.array([3.0])} if "weight" in sums else sums
            value = plan.combine(value, [sums])
            listed = {key: hexed(part) for key, part in sorted(sums.items())}
            chain.append({"sums": listed, "state": state.encode(value).hex()})
        cases.append({"name": name, "plan": recipe.to_plan(plan), "rounds": chain})
    return cases


def summaries() -> list[Case]:
    """Learners of one kind of sums only: every state from describe to the end, from the sums of forty made-up rows."""
    classes = schema.to_document(small_schema(schema.Task.BINOMIAL))
    nothing = {name: part for name, part in classes.items() if name != "target"}
    documents: dict[str, Case] = {
        "stats": {"recipe": "stats", "bins": 16, "quantiles": [0.2, 0.5], "schema": classes},
        "kmeans": {"recipe": "kmeans", "clusters": 3, "restarts": 2, "schema": nothing},
        "pca": {"recipe": "pca", "components": 3, "schema": nothing},
        "naive_bayes": {"recipe": "naive_bayes", "schema": classes},
    }
    cases = []
    for name, document in documents.items():
        plan = recipe.from_plan(document)
        value, chain = plan.initial(), []
        while not plan.is_finished(value):
            sums = _summary_sums(plan, value)
            value = plan.combine(value, [sums])
            listed = {key: hexed(part) for key, part in sorted(sums.items())}
            chain.append({"sums": listed, "state": state.encode(value).hex()})
        cases.append({"name": name, "plan": recipe.to_plan(plan), "rounds": chain})
    return cases


def _summary_sums(plan: recipe.Recipe, value: state.State) -> dict[str, Array]:
    """Return the sums of forty rows; real numbers are rounded, because a site adds them up in any order."""
    places = numbers(5, 160).reshape(40, 4) + 0.5
    kinds = np.eye(2)[(places[:, 2] > 0.5).astype(np.int64)]
    raw = np.column_stack([np.floor(places[:, 0] * 120), np.floor(places[:, 1] * 60) + 10.5, kinds])
    target = (places[:, 3] > 0.4).astype(np.float64) if plan.schema.target is not None else np.zeros(40)
    rows = records.Table(raw, target)
    found, _ = plan.contribute(value, recipe.Rows(rows, rows), rng=np.random.default_rng(0))
    if value.stage is state.Stage.DESCRIBE:
        # Whole 2^-20ths of a range, so that no order of adding them up rounds.
        described = describe.join_limbs(found[describe.BLOCK_NAME])
        exact = [float(round(each / 2**20)) * 2.0**-20 for each in described]
        return {describe.BLOCK_NAME: describe.split_limbs(np.array(exact))}
    return {name: np.rint(vector * 2.0**20) / 2.0**20 for name, vector in found.items()}


def eigen() -> list[Case]:
    """Eigenvalues and vectors of 1 to 60 columns, of equal eigenvalues and of a matrix of zeros."""
    cases = []
    for size in (1, 2, 3, 4):
        matrix = positive_definite(size, size) / 2.0
        values, vectors, _ = combine.eigen_symmetric(matrix)
        cases.append({"size": size, "matrix": hexed(matrix), "values": hexed(values), "vectors": hexed(vectors)})
    for name, matrix in {"equal": np.eye(3), "zeros": np.zeros((3, 3)), "one_direction": np.ones((3, 3))}.items():
        values, vectors, _ = combine.eigen_symmetric(matrix)
        cases.append({"name": name, "matrix": hexed(matrix), "values": hexed(values), "vectors": hexed(vectors)})
    for size in (31, 60):
        values, vectors, _ = combine.eigen_symmetric(positive_definite(size, size) / 2.0)
        cases.append(
            {"size": size, "matrix_seed": size, "values_sha256": digest(values), "vectors_sha256": digest(vectors)}
        )
    return cases


def survival() -> list[Case]:
    """Curves and test from counts, with times at both ends and a group without rows; a regression with a step halved."""
    event = schema.category("died", ["no", "yes"])
    target = schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=7.0, event=event)
    features = (schema.numeric("age", 0, 120), schema.category("kind", ["p", "q", "r"]))
    columns = schema.to_document(schema.Schema(features, target))
    documents: list[Case] = [
        {"recipe": "kaplan_meier", "intervals": 7, "schema": columns},
        {"recipe": "kaplan_meier", "cuts": [0.3, 1.0, 6.5], "by": "kind", "schema": columns},
        {"recipe": "discrete_survival", "intervals": 3, "max_steps": 4, "schema": columns},
    ]
    cases = []
    for document in documents:
        plan = recipe.from_plan(document)
        value, chain = plan.initial(), []
        for index in range(2 if document["recipe"] == "kaplan_meier" else 5):
            sums = _survival_sums(plan, value, seed=2000 + 10 * index)
            # Figures move no state: left out where they are zeros, which keeps the file small.
            figures = {block.name: np.zeros(block.length) for block in plan.blocks(value) if block.name not in sums}
            value = plan.combine(value, [{**sums, **figures}])
            listed = {key: hexed(part) for key, part in sorted(sums.items())}
            chain.append({"sums": listed, "state": state.encode(value).hex()})
        cases.append({"plan": recipe.to_plan(plan), "rounds": chain})
    return cases


def _survival_sums(plan: recipe.Recipe, value: state.State, *, seed: int) -> dict[str, Array]:
    """Return plausible sums for the round at ``value``: 120 rows with 70 events."""
    if value.stage is state.Stage.DESCRIBE:
        u = numbers(seed, plan.schema.width) * 0.1 + 0.5
        values = [120.0, 30.0, 50.0, 70.0, 60.25, 40.125, *(120.0 * u).tolist(), *(120.0 * (u * u + 0.04)).tolist()]
        return {describe.BLOCK_NAME: describe.split_limbs(np.array(values))}
    sums = {block.name: numbers(seed, block.length) * block.cap / 1024 for block in plan.learner.blocks(value)}
    if isinstance(plan.learner, kaplan_meier.KaplanMeier):
        counts = {
            name: np.floor(numbers(seed + place, len(sums[name])) * 12.0 + 6.0) for place, name in enumerate(sums)
        }
        for vector in counts.values():
            vector.reshape(plan.learner._groups, -1)[2:] = 0.0
        return counts
    assert isinstance(plan.learner, discrete_survival.DiscreteSurvival)
    # The third loss is above the second: that step is halved.
    sums["loss"] = np.array([{2010: 90.0, 2020: 80.0, 2030: 85.0}.get(seed, 79.0)])
    sums["interval_curvature"] = np.abs(numbers(seed + 1, 3)) * 20.0 + 5.0
    sums["curvature"] = 60.0 * positive_definite(seed, plan.schema.width)[np.triu_indices(plan.schema.width)]
    return sums


def glm_family() -> list[Case]:
    """Counts, absolute penalties, standard errors and first-order steps: the states that follow from given sums."""
    cases = []
    for task, options in (
        (schema.Task.POISSON, {"standard_errors": True, "max_steps": 2}),
        (schema.Task.BINOMIAL, {"l1": 20.0}),
        (schema.Task.GAUSSIAN, {"standard_errors": True, "site_intercepts": True}),
        (schema.Task.BINOMIAL, {"solver": "first_order"}),
        (schema.Task.MULTINOMIAL, {"solver": "first_order", "l1": 3.0}),
    ):
        plan = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(small_schema(task)), **options})
        value, chain = plan.initial(), []
        for index in range(6):
            if value.stage is not state.Stage.FIT and index > 0:
                break
            sums = _sums(plan, value, seed=2000 + index)
            if index > 0:
                # Losses that fall, with one that rises in between.
                sums["loss"] = np.array([(90.0, 70.0, 95.0, 60.0, 50.0)[index - 1]])
                for name in set(sums) & {"evaluation.histogram"}:
                    sums[name] = np.zeros(len(sums[name]))
            value = plan.combine(value, [sums])
            listed = {key: hexed(part) for key, part in sorted(sums.items())}
            chain.append({"sums": listed, "state": state.encode(value).hex()})
        cases.append({"plan": recipe.to_plan(plan), "rounds": chain})
    absolute = np.where(np.arange(222) % 7 == 0, 0.0, 0.05)
    problem = proximal.Penalised(positive_definite(222, 222), numbers(322, 222), numbers(422, 222), absolute)
    point = proximal.coordinate_descent(problem)
    cases.append({"size": 222, "seeds": [222, 322, 422], "point_sha256": digest(point)})
    return cases


def boosted_trees() -> list[Case]:
    """The state after round 0, after the edges and after every level of two small trees per class, from given sums."""
    cases = []
    for task in (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL):
        columns = dataclasses.replace(small_schema(task), missing=schema.Missing.FILL)
        made = trees.Trees(task, trees=2, depth=2, bins=4, min_rows=3)
        plan = recipe.Recipe("trees", columns, made)
        value, chain = plan.initial(), []
        while value.stage in {state.Stage.DESCRIBE, state.Stage.FIT}:
            sums = _tree_sums(plan, value, seed=2000 + len(chain))
            value = plan.combine(value, [sums])
            chain.append(
                {"sums": {key: sparse(part) for key, part in sorted(sums.items())}, "state": state.encode(value).hex()}
            )
        cases.append({"plan": recipe.to_plan(plan), "rounds": chain})
    return cases


def _tree_sums(plan: recipe.Recipe, value: state.State, *, seed: int) -> dict[str, Array]:
    """Return sums as of 120 rows for the round at ``value``."""
    sums = {block.name: np.zeros(block.length) for block in plan.blocks(value)}
    if value.stage is state.Stage.DESCRIBE:
        (limbs,) = _sums(
            dataclasses.replace(plan, schema=dataclasses.replace(plan.schema, missing=schema.Missing.DROP)),
            value,
            seed=seed,
        ).values()
        known = np.array(describe.join_limbs(limbs), dtype=np.float64) / 2.0**describe.FRACTION_BITS
        present = known[0] - np.array([20.0, 10.0, 0.0, 0.0])
        known[-2 * plan.schema.width :] *= np.tile(present, 2) / known[0]
        return {describe.BLOCK_NAME: describe.split_limbs(np.concatenate([known, present]))}
    if "cells" in sums:
        for column, at in enumerate(range(0, len(sums["cells"]), tree_bins.FINE_CELLS)):
            places = np.floor((numbers(seed + column, 9) + 0.5) * tree_bins.FINE_CELLS).astype(int)
            sums["cells"][at + places] = np.arange(2.0, 11.0)
        return sums
    words = len(sums["rows"])
    sums["gradient"] = np.rint(numbers(seed, words) * 2.0**20) / 2.0**18
    sums["rows"] = np.rint(8.0 + 8.0 * numbers(seed + 1, words))
    if "curvature" in sums:
        sums["curvature"] = sums["rows"] / 8.0
    return sums


def sparse(array: Array) -> dict[str, Any]:
    """Return a vector's length, and its numbers other than 0 by place."""
    places = np.flatnonzero(array).tolist()
    return {"length": len(array), "numbers": {str(place): float(array[place]).hex() for place in places}}


def robust_cells() -> list[Case]:
    """Every rule on few cells, on twelve long ones, and on cells that are zero, alike, huge or without a weight."""
    cases = []
    few = [numbers(seed, 6) * size for seed, size in ((1, 1.0), (2, 2.0), (3, 0.5), (4, 64.0), (5, -1.0))]
    same = [numbers(9, 6)] * 5
    groups: dict[str, tuple[list[Array], list[float]]] = {
        "five": (few, [0.2] * 5),
        "six": ([*few, numbers(6, 6)], [0.1, 0.2, 0.2, 0.2, 0.2, 0.1]),
        "alike": (same, [0.25] * 5),
        "zeros": ([np.zeros(6)] * 5, [0.2] * 5),
        "weight_zero": (few, [0.0, 0.2, 0.2, 0.2, 0.2]),
        "weight_negative": (few, [0.2, 0.2, -0.2, 0.2, 0.2]),
        "weight_tiny": (few, [0.2, 0.2, 0.2, 2.0**-1074, 0.2]),
    }
    for (name, (sums, weights)), rule in itertools.product(groups.items(), robust.Rule):
        result = _robust(rule, sums, weights)
        exact = {"sums": [hexed(each) for each in sums], "weights": hexed(np.array(weights)), "result": hexed(result)}
        cases.append({"name": name, "rule": rule.value, "clip": 1.5, "cap": 16.0, **exact})
    for rule in robust.Rule:
        result = _robust(rule, [numbers(seed, 70_001) for seed in range(12)], [1 / 16] * 12)
        case = {"name": "twelve_long", "rule": rule.value, "clip": 1.5, "cap": 16.0, "sums_seeds": list(range(12))}
        cases.append({**case, "length": 70_001, "weight": (1 / 16).hex(), "result_sha256": digest(result)})
    return cases


def _robust(rule: robust.Rule, sums: list[Array], weights: list[float]) -> Array:
    block = blocks.Block("delta", len(sums[0]), 16.0, blocks.Encoding.CLIPPED)
    cells = [{"delta": each, robust.WEIGHT: np.array([weight])} for each, weight in zip(sums, weights, strict=True)]
    return robust.combine_cells(robust.Robust(rule), block, cells)


def safeguards() -> list[Case]:
    """Plans with rollback and robust cells: the states that follow from given sums, a bad round and bad ends among them."""
    guards: dict[str, tuple[dict[str, object], int, list[float]]] = {
        "rollback": ({"rollback": {"patience": 1, "worse_by": 1.25}}, 1, [30.0, 20.0, 40.0, 10.0, 60.0, 60.0]),
        "rollback_out_of_patience": ({"rollback": {"patience": 1}}, 1, [30.0, 50.0, 50.0, 30.0]),
        "robust": ({"robust": {"rule": "geometric-median"}}, 5, [30.0, 20.0]),
        "robust_in_one_cell": ({"robust": {"rule": "median"}}, 1, [30.0]),
        "both": ({"robust": {"rule": "trimmed-mean"}, "rollback": {}}, 5, [30.0, 20.0, 40.0, 10.0]),
    }
    cases = []
    for name, (options, cells, losses) in guards.items():
        columns = schema.to_document(small_schema(schema.Task.BINOMIAL))
        document = {"recipe": "mlp", "hidden": [2], "rounds": 4, "schema": columns, **options}
        plan = recipe.from_plan(document)
        value, chain = plan.initial(), []
        for index in range(len(losses) + 1):
            by_cell = [_guarded_sums(plan, value, seed=100 * index + cell) for cell in range(cells)]
            if index:
                by_cell = [{**sums, "evaluation.log_loss": np.array([losses[index - 1]])} for sums in by_cell]
            value = plan.combine(value, by_cell)
            listed = [{key: hexed(part) for key, part in sorted(sums.items())} for sums in by_cell]
            chain.append({"sums_by_cell": listed, "state": state.encode(value).hex()})
        cases.append({"name": name, "plan": recipe.to_plan(plan), "rounds": chain})
    return cases


def _guarded_sums(plan: recipe.Recipe, value: state.State, *, seed: int) -> dict[str, Array]:
    """Return plausible sums of one cell: a fifth of the rows, and figures of 50 held-out rows."""
    sums = _sums(plan, value, seed=seed)
    if "evaluation.confusion" in sums:
        # The histogram moves no state; zeros keep the file small.
        sums["evaluation.histogram"] = np.zeros(len(sums["evaluation.histogram"]))
        sums["evaluation.confusion"] = np.array([20.0, 5.0, 5.0, 20.0])
    return (
        {**sums, robust.WEIGHT: np.array([0.2])}
        if plan.safeguards.robust is not None and robust.WEIGHT in sums
        else sums
    )


def initial() -> list[Case]:
    """Starting weights of the 30-300-300-1 network: NumPy's normal sampler is pinned by it."""
    features = tuple(schema.numeric(f"x{index}", 0, 1) for index in range(30))
    plan = schema.Schema(features, schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes")))
    value = mlp.make(schema.Task.BINOMIAL, hidden=(300, 300)).initial(plan, 1)
    first = hexed(value.arrays["layer0.weights"][0, :4])
    return [{"sizes": [30, 300, 300, 1], "seed": 1, "state_sha256": digest(state.encode(value)), "first": first}]


def states() -> list[Case]:
    """Encodings of states, and bytes that are none."""
    full = state.State(
        state.Stage.EVALUATE,
        3,
        {"b": np.array([[1.5, -0.0], [2.0, 3.0]]), "a": np.array([0.1])},
        state.Reason.CONVERGED,
    )
    empty = state.State(state.Stage.DESCRIBE, 0, {})
    cases = [{"name": name, "hex": state.encode(value).hex()} for name, value in (("full", full), ("empty", empty))]
    header = b'{"arrays":[["a",[1]]],"format":1,"reason":null,"stage":"fit","step":0}'
    body = np.array([1.0]).tobytes()
    bad = {
        "no_bytes_bad": b"",
        "short_length_bad": b"\x01\x00",
        "length_over_end_bad": (2**31).to_bytes(4, "little") + b"{}",
        "not_json_bad": framed(b"{"),
        "not_object_bad": framed(b"[]"),
        "deep_nesting_bad": framed(b"[" * 100_000),
        "trailing_byte_bad": framed(header) + body + b"\x00",
        "missing_byte_bad": framed(header) + body[:-1],
        "spaces_bad": framed(header.replace(b",", b", ")) + body,
        "nan_bad": framed(header) + np.array([np.nan]).tobytes(),
        "infinity_bad": framed(header) + np.array([np.inf]).tobytes(),
        "float_step_bad": framed(header.replace(b'"step":0', b'"step":0.0')) + body,
        "true_step_bad": framed(header.replace(b'"step":0', b'"step":true')) + body,
        "negative_step_bad": framed(header.replace(b'"step":0', b'"step":-1')) + body,
        "format_2_bad": framed(header.replace(b'"format":1', b'"format":2')) + body,
        "format_true_bad": framed(header.replace(b'"format":1', b'"format":true')) + body,
        "unknown_stage_bad": framed(header.replace(b'"fit"', b'"fitted"')) + body,
        "unknown_reason_bad": framed(header.replace(b"null", b'"bored"')) + body,
        "unknown_field_bad": framed(header.replace(b'"format":1', b'"extra":1,"format":1')) + body,
        "field_twice_bad": framed(header.replace(b'"format":1', b'"format":1,"format":1')) + body,
        "array_twice_bad": framed(header.replace(b'["a",[1]]', b'["a",[1]],["a",[1]]')) + body + body,
        "array_order_bad": framed(header.replace(b'["a",[1]]', b'["b",[1]],["a",[1]]')) + body + body,
        "array_name_bad": framed(header.replace(b'"a"', b'"A"')) + body,
        "array_shape_text_bad": framed(header.replace(b"[1]", b'["1"]')) + body,
        "array_3d_bad": framed(header.replace(b"[1]", b"[1,1,1]")) + body,
        "array_0d_bad": framed(header.replace(b"[1]", b"[]")) + body,
        "array_huge_bad": framed(header.replace(b"[1]", b"[1073741824,1073741824]")) + body,
        "not_utf8_bad": framed(header.replace(b'"a"', b'"\xff"')) + body,
    }
    return cases + [{"name": name, "hex": data.hex()} for name, data in bad.items() if len(data) < 10_000]


def framed(header: bytes) -> bytes:
    """Return a header with its length in front."""
    return len(header).to_bytes(4, "little") + header


FILES = {
    "newton_step.json": newton_step,
    "weighted_mean.json": weighted_mean,
    "rounds.json": rounds,
    "averaging.json": averaging,
    "eigen.json": eigen,
    "summaries.json": summaries,
    "survival.json": survival,
    "glm_family.json": glm_family,
    "trees.json": boosted_trees,
    "robust.json": robust_cells,
    "safeguards.json": safeguards,
    "initial.json": initial,
    "state.json": states,
}


def main() -> None:
    """Write the files, or exit 1 naming the first that differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true")
    mode.add_argument("--check", action="store_true")
    is_writing = parser.parse_args().write
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1) + "\n"
        if is_writing:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(text)
        elif (FOLDER / name).read_text() != text:
            sys.exit(f"vectors/learning/{name} differs from what this machine computes")


if __name__ == "__main__":
    main()
