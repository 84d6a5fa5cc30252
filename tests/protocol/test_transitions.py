"""The run's law in Python against the contract's, step by step over the recorded calls (``vectors/transitions``).

What the files leave out, the checks of digests and signatures, is done by ``Recorded`` as TrainingRuns does it.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from aicommons.domain import messages, run
from aicommons.protocol import cells, transitions

FOLDER = pathlib.Path(__file__).parents[2] / "vectors" / "transitions"
FILES = sorted(FOLDER.glob("*.json"))
NOTHING = "0x" + "00" * 32
NAMES = {
    "state": "state", "phase": "phase", "reason": "reason", "seats": "seats", "faults": "faults", "quorum": "quorum",
    "round": "round_index", "attempt": "attempt", "sidRound": "sid_round", "sidAttempt": "sid_attempt",
    "roundsDone": "rounds_done", "setFixed": "set_fixed", "agreed": "agreed", "interrupted": "interrupted",
    "set": "set_bits", "exited": "exited", "willExit": "will_exit", "arrived": "arrived", "committed": "committed",
    "revealed": "revealed", "silent": "silent", "deadline": "deadline", "waived": "waived", "excluded": "excluded",
    "summed": "summed",
    "epoch": "epoch", "sidEpoch": "sid_epoch", "epochEnds": "epoch_ends",
}  # fmt: skip
"""Name in the files -> field of the machine."""


def word(name: str) -> str:
    """Return an enum member's name as the files spell it."""
    return "".join(part.title() for part in name.split("_"))


class Recorded:
    """A run as its file begins it: the machine and what TrainingRuns keeps beside it."""

    def __init__(self, header: dict[str, Any]) -> None:
        start = header["start"]
        fresh = transitions.Machine(
            state=run.RunState.ENROLLING, min_participants=header["minParticipants"],
            max_attempts=header["maxAttempts"], rounds=header["rounds"], phase_seconds=header["phaseSeconds"],
            patience_seconds=header["patienceSeconds"], will_exit=start["willExit"],
        )  # fmt: skip
        self.machine = transitions.fix_roster(
            fresh, start["seats"], header["layout"], header["time"], divided=header["cellSize"] != 0
        )
        self.cells = cells.UNDIVIDED
        self.sid: str | None = None
        self.final_state = NOTHING
        self.submits: dict[str, int] = {}
        self.votes: dict[tuple[object, ...], int] = {}

    def shown(self) -> dict[str, Any]:
        """Return the run as a file shows it."""
        fields = {name: getattr(self.machine, field) for name, field in NAMES.items()}
        for name in ("state", "phase", "reason"):
            fields[name] = word(fields[name].name)
        return fields | {"sid": self.sid, "finalState": self.final_state}

    def take(self, step: dict[str, Any]) -> None:
        """Do one call, whole or not at all."""
        before = (self.machine, self.sid, self.final_state, dict(self.submits), dict(self.votes))
        try:
            calls[step["call"]](self, step)
            self.cells = tuple(step.get("cells", self.cells))  # drawn from digests that are not in the file
        except transitions.Refusal:
            self.machine, self.sid, self.final_state, self.submits, self.votes = before
            raise

    def cast(self, tally: tuple[object, ...], seat: int) -> int:
        """Add a seat to a tally, once."""
        if self.votes.get(tally, 0) >> seat & 1:
            raise transitions.Refusal("TrainingRunsAlreadySent", seat + 1)
        self.votes[tally] = self.votes.get(tally, 0) | 1 << seat
        return self.votes[tally]


def key_of(step: dict[str, Any]) -> transitions.Key:
    """Return which message a step sends."""
    return transitions.Key(step["round"], step["attempt"], step["seat"] + 1)


def ack(run: Recorded, step: dict[str, Any]) -> None:
    """Ack, once."""
    bit = 1 << step["seat"]
    if run.machine.state.name == "ACKING" and run.machine.arrived & bit:
        raise transitions.Refusal("TrainingRunsAlreadySent", step["seat"] + 1)
    run.machine = transitions.ack(run.machine, bit, step["time"])


def submit(run: Recorded, step: dict[str, Any]) -> None:
    """Submit with a consent that is live or not."""
    bit, sid, member_id = 1 << step["seat"], step["sid"], step["seat"] + 1
    m = transitions.enter_submit(run.machine, key_of(step), bit, step["time"])
    if not step["live"]:
        raise transitions.Refusal("TrainingRunsConsentNotLive")
    run.submits[sid] = transitions.vote(run.submits.get(sid, 0), bit, member_id)
    if not m.agreed or sid == run.sid:
        is_agreed = m.agreed
        m, _ = transitions.submit(m, bit, run.submits[sid])
        if m.agreed and not is_agreed:
            run.sid, run.final_state = sid, NOTHING
        m = transitions.try_close(m, step["time"], cells=run.cells)
    run.machine = m


def commit(run: Recorded, step: dict[str, Any]) -> None:
    """Commit; in a set with a dead consent the first one is refused."""
    first = not run.machine.set_fixed
    run.machine = transitions.commit(run.machine, key_of(step), 1 << step["seat"], step["time"])
    if first and step["error"] == "TrainingRunsConsentNotLive":  # whose consents live is not in the file
        raise transitions.Refusal("TrainingRunsConsentNotLive")


def reveal(run: Recorded, step: dict[str, Any]) -> None:
    """Reveal."""
    run.machine = transitions.reveal(run.machine, key_of(step), 1 << step["seat"], step["time"])


def result(run: Recorded, step: dict[str, Any]) -> None:
    """Result: one per seat and sid."""
    transitions.check_result(run.machine, key_of(step))
    run.cast((run.sid,), step["seat"])
    votes = run.cast((run.sid, step["stateDigest"]), step["seat"])
    run.machine, agreed = transitions.result(run.machine, votes, step["time"])
    if agreed:
        run.final_state = step["stateDigest"]


def leave(run: Recorded, step: dict[str, Any]) -> None:
    """Exit: after the round it names, or any round by itself."""
    last = transitions.last_round(run.machine)
    if not step["itself"] if step["lastRound"] == messages.ANY_ROUND else step["lastRound"] != last:
        raise transitions.Refusal("TrainingRunsExitRound", last, step["lastRound"])
    m = transitions.exit(run.machine, 1 << step["seat"], step["seat"] + 1, cells=run.cells)
    run.machine = transitions.try_close(m, step["time"], cells=run.cells)


def drop(run: Recorded, step: dict[str, Any]) -> None:
    """Drop a seat whose consent is dead."""
    bit = 1 << step["seat"]
    if step["live"] or (run.machine.set_fixed and not run.machine.will_exit & bit):
        raise transitions.Refusal("TrainingRunsMayNotDrop")
    said = (run.machine, bit, step["seat"] + 1, step["time"])
    is_left_out = step["some"] and not run.machine.set_fixed
    m = transitions.leave_out(*said) if is_left_out else transitions.drop(*said, cells=run.cells)
    run.machine = transitions.try_close(m, step["time"], cells=run.cells)


def exclude(run: Recorded, step: dict[str, Any]) -> None:
    """Exclude, as Verdicts."""
    run.machine = transitions.exclude(run.machine, 1 << step["seat"], step["time"], cells=run.cells)


def waive(run: Recorded, step: dict[str, Any]) -> None:
    """Waive, as Verdicts."""
    run.machine = transitions.waive(run.machine, 1 << step["seat"], step["time"])


def rotate(run: Recorded, step: dict[str, Any]) -> None:
    """Rotate, as anybody or as a seat that is still there."""
    is_seat = step["itself"] and not run.machine.exited >> step["seat"] & 1
    run.machine = transitions.rotate(run.machine, by_seat=is_seat, time=step["time"])


def advance(run: Recorded, step: dict[str, Any]) -> None:
    """Advance."""
    run.machine, _ = transitions.advance(run.machine, step["time"], cells=run.cells)


def cancel(recorded: Recorded, step: dict[str, Any]) -> None:
    """Cancel, as the solver."""
    del step
    if recorded.machine.state.is_over:
        raise transitions.Refusal("TrainingRunsWrongState", int(recorded.machine.state))
    recorded.machine = transitions.finish(recorded.machine, run.Reason.CANCELLED)


calls: dict[str, Callable[[Recorded, dict[str, Any]], None]] = {
    "ack": ack, "submit": submit, "commit": commit, "reveal": reveal, "result": result, "exit": leave,
    "drop": drop, "exclude": exclude, "waive": waive, "rotate": rotate, "advance": advance, "cancel": cancel,
}  # fmt: skip


def test_there_are_recorded_runs() -> None:
    """The contract's tests wrote every named scenario and the walks."""
    assert len(FILES) >= 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_step_is_the_contracts(path: pathlib.Path) -> None:
    """After each recorded call the machine, the sid, the kept state and the refusal are those of the contract."""
    header = json.loads(path.read_text())
    recorded = Recorded(header)
    assert recorded.shown() == header["start"]
    for place, step in enumerate(header["steps"]):
        error = None
        try:
            recorded.take(step)
        except transitions.Refusal as refusal:
            error = refusal.error
        assert (error, recorded.shown()) == (step["error"], step["after"]), (place, step["call"])


def test_the_machine_is_the_contracts() -> None:
    """The fields are those of the contract's struct, in its order."""
    source = (FOLDER.parents[1] / "contracts" / "src" / "types" / "RunTypes.sol").read_text()
    body = source.split("struct Machine {")[1].split("}")[0]
    declared = [line.split()[1].rstrip(";") for line in body.strip().splitlines()]
    kept = {field: name for name, field in NAMES.items()}
    fields = [field.name for field in dataclasses.fields(transitions.Machine)]
    camel = [name.title().replace("_", "") for name in fields]
    expected = [kept.get(name, other[0].lower() + other[1:]) for name, other in zip(fields, camel, strict=True)]
    assert expected == declared
