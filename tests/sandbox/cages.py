"""Archives for tests of the sandbox, and what is left of a cage on the machine."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from aicommons.domain import encoding, errors
from aicommons.sandbox import archives, caging

COLUMNS = {"features": [{"name": "x", "kind": "numeric", "lo": -10.0, "hi": 10.0}]}
RESOURCES = {"memory_mb": 256, "cpu_seconds": 1, "wall_seconds": 2, "output_bytes": 1024}
SUMS = """
import numpy as np

def initial(schema, seed):
    return {"weights": np.arange(2.0) + seed}

def contribute(state, table, seed):
    x = table["features"]
    return {"moments": x.T @ x @ state["weights"], "count": np.array([float(len(x))])}
"""
"""A harmless plan: it adds products, and counts."""


def manifest(**changes: object) -> dict[str, object]:
    """Return a manifest with some fields changed; ``None`` takes a field away."""
    document: dict[str, object] = {
        "type": "code-plan", "version": 1, "name": "products", "entry": "plan", "kind": "additive",
        "combiner": "newton_step", "schema": COLUMNS, "initial": [{"name": "weights", "length": 2}],
        "contribute": [
            {"name": "moments", "length": 2, "encoding": "bounded", "cap_exponent": 20},
            {"name": "count", "length": 1, "encoding": "integer", "cap_exponent": 20},
        ],
        "resources": RESOURCES, "leaves_site": "Sums of products of columns over all rows, and the number of rows.",
    }  # fmt: skip
    return {name: value for name, value in (document | changes).items() if value is not None}


def packed(code: str = SUMS, files: Mapping[str, bytes] | None = None, **changes: object) -> bytes:
    """Return an archive's bytes with ``code`` as its entry module."""
    contents = {archives.MANIFEST: encoding.canonical_json(manifest(**changes)), "plan.py": code.encode()}
    return archives.encode({**contents, **(files or {})})


def archive(code: str = SUMS, files: Mapping[str, bytes] | None = None, **changes: object) -> archives.Archive:
    """Return an archive with ``code`` as its entry module."""
    return archives.read_archive(packed(code, files, **changes))


def table(rows: int = 5, seed: int = 1) -> dict[str, Any]:
    """Return made-up rows."""
    rng = np.random.default_rng(seed)
    return {"features": rng.normal(size=(rows, 2)), "target": rng.normal(size=rows)}


def needed() -> None:
    """Skip where bubblewrap is missing; where it is there, a cage that cannot be made is a failure."""
    try:
        caging.bubblewrap()
    except errors.SandboxUnavailable:
        pytest.skip("bubblewrap is not installed")


def descendants(process: int) -> set[int]:
    """Return the processes that came from ``process`` and are still there, those that ended unseen included."""
    parents = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}
