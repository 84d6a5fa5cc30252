"""The node's log tells an operator how far a run has come, and nothing that is secret."""

import collections
import re

import pytest


def test_the_log_tells_a_run_from_its_start_to_its_end(stage, caplog: pytest.LogCaptureFixture) -> None:
    """Each node says that it joined, each round with participants and state, the end, and that the key is gone."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(3) as scene:
        current = scene.play()
        states = scene.states()
        run_id = "0x" + scene.run_id.hex()[:10]
    lines = collections.Counter(record.getMessage() for record in caplog.records)
    rounds = current.agreed.rounds_done
    digests = next(iter(states.values()))
    assert rounds > 1
    assert lines[f"run {run_id}: joined with 3 members: Ack sent"] == 3
    for index in range(rounds):
        told = f"run {run_id} round {index}: combined; 3 participants, state {digests[index + 1].hex()[:12]}"
        assert lines[told] == 3
    assert lines[f"run {run_id} is over: completed (finished)"] == 3
    assert lines[f"run {run_id}: epoch key erased"] == 3


def test_the_log_holds_no_key_and_no_value(stage, caplog: pytest.LogCaptureFixture) -> None:
    """Digests are cut to a dozen digits, and no line holds anything as long as a key or a number with a fraction."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(3) as scene:
        scene.play()
    lines = [record.getMessage() for record in caplog.records]
    assert lines
    assert [line for line in lines if re.search(r"[0-9a-f]{16}|[0-9][.][0-9]", line)] == []
