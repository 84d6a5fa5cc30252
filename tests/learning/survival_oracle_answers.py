"""What lifelines says about public tables, asked in the oracles' own environment (``make oracles``)."""

import json
import pathlib
import subprocess
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PYTHON = ROOT / ".oracles" / "bin" / "python"
SCRIPT = ROOT / "tests" / "oracles" / "survival_oracle.py"


def ask(table: str, *, time: str = "time", event: str = "status", **question: Any) -> dict[str, Any]:
    """Return lifelines' answer; the test is skipped where the environment is not there."""
    if not PYTHON.exists():
        pytest.skip("the oracles' environment is not there (make oracles)")
    asked = {"table": table, "time": time, "event": event, **question}
    done = subprocess.run(
        [PYTHON, "-W", "ignore", SCRIPT], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
