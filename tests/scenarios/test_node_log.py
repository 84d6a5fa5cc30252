"""The node's log tells an operator how far a run has come, and nothing that is secret."""

import collections
import dataclasses
import pathlib
import re
from typing import Any

import pytest

from aicommons.domain import errors
from aicommons.node import journal, reconciler


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
    assert not any(record.levelname in ("WARNING", "ERROR") for record in caplog.records)


def test_the_log_holds_no_key_and_no_value(stage, caplog: pytest.LogCaptureFixture) -> None:
    """Digests are cut to a dozen digits, and no line holds anything as long as a key or a number with a fraction."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(3) as scene:
        scene.play()
    lines = [record.getMessage() for record in caplog.records]
    assert lines
    assert [line for line in lines if re.search(r"[0-9a-f]{16}|[0-9][.][0-9]", line)] == []


class Overtaken:
    """A ledger on which somebody else was first, once."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._is_first = True

    def post(self, *message: Any) -> Any:
        """Refuse the first message that is sent, and pass the others on."""
        if self._is_first:
            self._is_first = False
            raise errors.LedgerRefused("refused", error="TrainingRunsAlreadySent")
        return self._real.post(*message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_being_overtaken_is_no_trouble(stage, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever comes second says in plain words that nothing is left to do, and warns nobody."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(3) as scene:
        agent = scene.nodes[scene.roster[1]].agent
        scene.nodes[scene.roster[1]] = reconciler.Reconciler(dataclasses.replace(agent, ledger=Overtaken(agent.ledger)))
        scene.play()
    (told,) = [each for each in caplog.records if "not needed any more" in each.getMessage()]
    assert told.levelname == "INFO"


def test_a_lost_record_is_told(stage, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path) -> None:
    """A home whose journal was lost says once that it is, what may have happened, and which command lets it go on."""
    with stage.scene(5) as scene:

        def lose(scene: Any) -> None:
            agent = scene.nodes[scene.roster[1]].agent
            empty = dataclasses.replace(agent, journal=journal.Journal(tmp_path / "journal.sqlite"))
            scene.nodes[scene.roster[1]] = reconciler.Reconciler(scene.restarted(empty))

        scene.play(stage.move(lambda view: view.unmasked(0) is not None, lose))
        named = "0x" + scene.run_id.hex()[:10]
    (told,) = [each for each in caplog.messages if "record of what this site agreed to and signed is missing" in each]
    assert told.startswith(f"run {named}: ")
    assert told.endswith(f"unless its operator confirms again: commons run confirm {named}")
