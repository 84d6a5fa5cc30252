"""Runs out of which somebody went, made by hand for the tests of how that is told; nothing in them is signed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from aicommons.domain import events, ids, messages, run
from aicommons.protocol import departures
from aicommons.protocol import view as views

RUN = ids.RunId(bytes(range(32)))
CASE, HEADER = b"\x07" * 32, b"\x08" * 32
SPEC = run.RunSpec(
    **{field.name: 0 for field in dataclasses.fields(run.RunSpec)}  # type: ignore[arg-type]  # only the bond is read
)
Why = departures.Why


def at(index: int) -> events.Position:
    """Return a place on the ledger."""
    return events.Position(index, 0, 1_800_000_000 + index)


def said(kind: type[Any], index: int, member: int, *fields: Any) -> Any:
    """Return something that was said in round 1."""
    return kind(at(index), RUN, ids.MemberId(member), 1, 0, b"\x01" * 32, *fields)


def verdicts(guilty: int, digest: bytes, judges: tuple[int, ...] = (3, 4)) -> dict[Any, events.VerdictGiven]:
    """Return verdicts on a seat."""
    given = [said(events.VerdictGiven, 10 + judge, judge, digest, ids.MemberId(guilty), b"") for judge in judges]
    return {each.case: each for each in given}


def made(bond: int = 5, state: run.RunState = run.RunState.RUNNING, **fields: Any) -> views.RunView:
    """Return a run of five, of which the first round was unmasked; fields of attempts go to the second one."""
    own = {field.name for field in dataclasses.fields(views.AttemptView)}
    of_attempt = {name: value for name, value in fields.items() if name in own}
    of_run = {name: value for name, value in fields.items() if name not in own}
    reveals = {2: said(events.Revealed, 1, 2, b"", b"", ids.Digest(b""), b"")}
    first = views.AttemptView(phase=run.Phase.UNMASKED, set_bits=31, reveals=reveals)
    second = views.AttemptView(phase=run.Phase.SUBMITTED, set_bits=31, **of_attempt)
    roster = events.RosterFixed(at(0), RUN, b"", (2, 3, 4, 5, 6), (), 1, 1, 4)
    attempts: Mapping[views.AttemptPlace, views.AttemptView] = {(0, 0): first, (1, 0): second}
    spec = dataclasses.replace(SPEC, bond=bond)
    return views.RunView(spec, at(0), state, roster=roster, attempts=attempts, round_index=1, **of_run)


def convicted(member: int, digest: bytes) -> dict[int, events.Convicted]:
    """Return a conviction."""
    return {member: events.Convicted(at(20), RUN, ids.MemberId(member), digest)}


def acked(member: int, epoch: int = 0) -> events.Acked:
    """Return a key of an epoch."""
    return events.Acked(at(1), RUN, ids.MemberId(member), b"", epoch, b"", b"", b"", b"")


COMPLAINT = said(events.Complained, 5, 6, ids.MemberId(2), HEADER, CASE, b"")
DISPUTE = said(events.Disputed, 5, 6, ids.MemberId(2), 0, 0, 0, CASE, b"")
TWICE = events.Equivocated(at(19), RUN, ids.MemberId(2), messages.Kind.COMMIT, 1, 0, b"", ((b"",), b""), ((b"",), b""))
DEPARTED: Mapping[Why, views.RunView] = {
    Why.BAD_BOX: made(complaints={COMPLAINT.case: COMPLAINT}, verdicts=verdicts(2, CASE), convicted=convicted(2, CASE)),
    Why.FALSE_SUM: made(disputes={DISPUTE.case: DISPUTE}, verdicts=verdicts(2, CASE), convicted=convicted(2, CASE)),
    Why.FALSE_ACCUSATION: made(
        complaints={COMPLAINT.case: COMPLAINT}, verdicts=verdicts(6, CASE), convicted=convicted(6, CASE)
    ),
    Why.BAD_BYTES: made(verdicts=verdicts(2, HEADER), convicted=convicted(2, HEADER)),
    Why.TWO_MESSAGES: made(equivocated={2: TWICE}, convicted=convicted(2, messages.SILENCE)),
    Why.CONSENT_OVER: made(dropped={2: events.Dropped(at(20), RUN, ids.MemberId(2), b"")}),
    Why.LEFT: made(exits={2: events.Exited(at(20), RUN, ids.MemberId(2), 0, b"signed")}),
    Why.LEFT_IN_ADVANCE: made(exits={2: events.Exited(at(20), RUN, ids.MemberId(2), messages.ANY_ROUND, b"")}),
    Why.SILENT: made(verdicts=verdicts(2, messages.SILENCE), waived={2: said(events.Waived, 20, 2)}),
}
"""Reason -> a run that has it, as the only one."""
ACCUSED = made(complaints={COMPLAINT.case: COMPLAINT})
"""A run in which somebody is accused, and nobody judged yet."""
