"""A run in plain words: where it stands, what it waits for and for whom. Pure: no keys, store or clock.

``run list``, ``run show`` and ``run watch`` call it. It repeats what the ledger says; whether that is true is
``run verify``'s business.
"""

import dataclasses
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from aicommons.cli import naming, output
from aicommons.domain import ids, run

if TYPE_CHECKING:
    from aicommons.protocol import view as views

STATES = {
    run.RunState.NONE: "unknown",
    run.RunState.ENROLLING: "open for enrolment",
    run.RunState.ACKING: "roster fixed, members confirm",
    run.RunState.RUNNING: "training",
    run.RunState.PAUSED: "paused",
    run.RunState.COMPLETED: "completed",
    run.RunState.ENDED: "ended early",
    run.RunState.ABORTED: "aborted without a model",
}
REASONS = {
    run.Reason.NONE: "",
    run.Reason.FINISHED: "all rounds are done",
    run.Reason.TOO_FEW_PARTICIPANTS: "too few participants were left",
    run.Reason.PATIENCE_OVER: "a member stayed away for longer than agreed",
    run.Reason.TOO_MANY_ATTEMPTS: "a round failed too often",
    run.Reason.CANCELLED: "the solver cancelled it",
    run.Reason.ACK_MISSING: "not everybody confirmed the roster in time",
    run.Reason.CHEATING: "too few were left once those that cheated were put out",
}
STEPS = {
    run.Phase.OPEN: "masked vectors",
    run.Phase.SUBMITTED: "signed commitments",
    run.Phase.FIXED: "mask sums",
    run.Phase.UNMASKED: "the new state",
}


ABSENT = "absent members"
CONFIRMATION = "confirmation (`commons run confirm`)"


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """What a run waits for now."""

    what: str
    """In words; empty when nothing is awaited."""
    members: tuple[int, ...]
    """Of whom, ascending."""
    until: int | None
    """Block time in seconds after which it goes on without them, or ``None``."""

    def in_words(self, name: Callable[[int], str]) -> str:
        """Return what is awaited and of whom, ``name`` giving a member's; empty when nothing is."""
        of = ", ".join(map(name, self.members))
        if not of:
            return self.what
        return f"{of} to come back" if self.what == ABSENT else f"{self.what} of {of}"


def waiting(current: "views.RunView") -> Waiting:
    """Return what the contract waits for."""
    if current.state is run.RunState.ENROLLING:
        return Waiting("enrolments", (), current.spec.enrol_until)
    if current.state is run.RunState.ACKING:
        return Waiting(f"{CONFIRMATION} and a running node", _unconfirmed(current), current.deadline or None)
    if current.state is run.RunState.PAUSED:
        return Waiting(ABSENT, current.members_of(current.missing), current.deadline or None)
    from aicommons.protocol import departures

    attempt = current.current
    if current.state is not run.RunState.RUNNING or attempt is None:
        return Waiting("", (), None)
    return Waiting(STEPS.get(attempt.phase, ""), departures.late(current), attempt.deadline or None)


def _unconfirmed(current: "views.RunView") -> tuple[int, ...]:
    """Return who is on the roster, and whose node has not sent a key of this epoch."""
    came = {member for member, ack in current.acks.items() if ack.epoch == current.epoch}
    roster = current.roster.member_ids if current.roster is not None else ()
    return tuple(member for member in roster if member not in came and member not in current.out)


def rounds_done(current: "views.RunView") -> int:
    """Return how many rounds were unmasked."""
    done = 0
    while current.unmasked(done) is not None:
        done += 1
    return done


def state_in_words(current: "views.RunView") -> str:
    """Return state and reason."""
    reason = REASONS[current.reason]
    return STATES[current.state] + (f": {reason}" if reason and current.state.is_over else "")


def lines(
    run_id: ids.RunId, current: "views.RunView", name: Callable[[int], str], *, ended: Collection[int] = ()
) -> list[str]:
    """Return the run in words.

    Args:
        run_id: the run.
        current: what the ledger says of it.
        name: gives a member's name.
        ended: members that send nothing more because a consent is over, while their seat is still waited for.
    """
    agreed = current.agreed.rounds_done if current.agreed is not None else 0
    said = [
        f"Run {ids.format_id(run_id)}",
        f"  state      {state_in_words(current)}",
        f"  solver     {name(current.spec.solver)}",
        f"  rounds     {rounds_done(current)} summed, {agreed} agreed, at most {current.spec.rounds}",
    ]
    awaited = waiting(current)
    if awaited.what:
        until = f", until {naming.when(awaited.until)}" if awaited.until is not None else ""
        said.append(f"  waits for  {awaited.in_words(name)}{until}")
    said.extend(
        f"  consent    of {name(member)} was taken back or is over: nothing more comes from it"
        for member in sorted(ended)
    )
    if current.reason is run.Reason.ACK_MISSING:
        said.append(f"  missing    {CONFIRMATION} of {', '.join(map(name, _unconfirmed(current)))}")
    said.extend(_absent(current, name))
    said.extend(sealing(current.spec))
    said.extend(_cells(current, name))
    said.extend(_seats(current, name))
    if current.model is not None:
        see = output.command(f"model show {naming.short(run_id)}")
        said.append(f"  model      written down after {current.model.rounds_done} rounds; `{see}`")
    return said


def _absent(current: "views.RunView", name: Callable[[int], str]) -> list[str]:
    """For whom a run waited to its end, and why it did not go on without them."""
    from aicommons.protocol import departures

    found = departures.absence(current)
    if found is None:
        return []
    it = "it" if len(found.members) == 1 else "them"
    why = {
        departures.Stop.WAITS: "the run waits for such a site, as it had said",
        departures.Stop.TOO_FEW: f"without {it} {found.left} sites would be left, and {found.needed} are needed",
        departures.Stop.COMMITTED: f"nobody can do without {it} at this step",
    }[found.why]
    return [f"  absent     {', '.join(map(name, found.members))}: {why}"]


def sealing(spec: run.RunSpec) -> list[str]:
    """Return the line on a run's boxes, where they are more than the usual ones."""
    from aicommons.learning.secagg import suite

    hybrid = "  sealed     under ML-KEM-768 too: masks stay closed to whoever breaks elliptic curves later"
    return [hybrid] if suite.is_hybrid(spec.suite) else []


def _brought(current: "views.RunView", member: int) -> str:
    numbers = [str(each.dataset_id) for each in current.brought_by(member)]
    return f"dataset {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} datasets ({', '.join(numbers)})"


def _cells(current: "views.RunView", name: Callable[[int], str]) -> list[str]:
    """Who is summed with whom, and which cells the round goes on without."""
    size, attempt = current.spec.cell_size, current.current
    if not size:
        return []
    said = [f"  cells      of at least {size} sites; readers see the sums of each cell, not only of all"]
    for number, cell in enumerate(current.cells):
        is_out = attempt is not None and attempt.phase > run.Phase.OPEN and number not in attempt.cells
        sits = "; a site is missing, so this cell sits the round out" if is_out else ""
        said.append(f"  cell {number + 1:<5} {', '.join(map(name, current.members_of(cell)))}{sits}")
    return said


def _seats(current: "views.RunView", name: Callable[[int], str]) -> list[str]:
    said = []
    for member, seat in sorted(current.enrolled.items()):
        left = ", left the run" if member in current.exits else ""
        if member in current.dropped:
            left = ", out: its consent was taken back or is over"
        if member in current.convicted:
            left = ", out: it cheated"
        policy = "waits" if seat.absence is run.Absence.WAIT else "goes on without it"
        said.append(f"  site       {name(member)}: {_brought(current, member)}; if silent the run {policy}{left}")
        said.extend(
            f"             dataset {each.dataset_id} is left out: its consent was taken back or is over"
            for each in current.left_out.values()
            if each.member_id == member
        )
    if current.roster is None:
        said.append(
            f"  seats      {len(current.enrolled)} taken, {current.spec.min_participants} needed, {current.spec.max_participants} at most"
        )
    return said


def as_json(run_id: ids.RunId, current: "views.RunView") -> dict[str, object]:
    """Return the run as a JSON object."""
    awaited = waiting(current)
    roster = current.roster
    return {
        "run_id": ids.format_id(run_id),
        "state": current.state.name.lower(),
        "reason": current.reason.name.lower(),
        "problem": ids.format_id(current.spec.problem),
        "plan": ids.format_digest(current.spec.plan),
        "solver": current.spec.solver,
        "round": current.round_index,
        "attempt": current.attempt,
        "rounds_summed": rounds_done(current),
        "rounds_agreed": current.agreed.rounds_done if current.agreed is not None else 0,
        "most_rounds": current.spec.rounds,
        "enrolled": sorted(current.enrolled),
        "datasets": {member: [each.dataset_id for each in current.brought_by(member)] for member in current.enrolled},
        "roster": list(roster.member_ids) if roster is not None else None,
        "fingerprint": roster.roster.hex() if roster is not None else None,
        "waits_for": {"what": awaited.what, "members": list(awaited.members), "until": awaited.until},
        "exits": sorted(current.exits),
        "dropped": sorted(current.dropped),
        "model": current.model is not None,
        "shares": naming.shares(current.shares),
    }
