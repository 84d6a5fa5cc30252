"""The floor of a role counts the passes of the specification: no fewer, or a limit would look reachable that is not."""

import json
import pathlib
import subprocess
import sys

import pytest

BENCH = pathlib.Path(__file__).parents[2] / "bench"
SAY = """
import dataclasses, json, floor
from aicommons.learning.secagg import layout
made = layout.make_layout(tuple(range(1, {members} + 1)), bytes(32), layout.default_number({members}))
roles = floor.roles(made, len(made.columns_of(0)))
print(json.dumps({{role: dataclasses.asdict(passes) for role, passes in roles.items()}}))
"""

ROUNDS = {
    "3 members, all pairs: hold 2 of 3 columns": (3, {"sha256": 2 + 2 + 3, "stream": 3 + 6, "seal": 2, "open": 1}),
    "5 members, all triples: hold 6 of 10": (5, {"sha256": 2 + 6 + 10, "stream": 10 + 30, "seal": 6, "open": 4}),
    "20 members, disjoint pairs: hold 1 of 10": (20, {"sha256": 2 + 1 + 10, "stream": 10 + 20, "seal": 1, "open": 9}),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_a_round_of_a_node_is_its_passes_as_participant_member_and_reader(name: str) -> None:
    """Plain and masked vector, own columns sealed, all columns for the salt; a stream per column, and per participant."""
    members, expected = ROUNDS[name]
    command = [sys.executable, "-c", SAY.format(members=members)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCH)
    roles = json.loads(done.stdout)
    assert {kind: roles["round"][kind] for kind in expected} == expected
    assert roles["verifier, hashed"]["blake3"] == roles["verifier, all"]["blake3"] == roles["verifier, sums"]["gather"]
