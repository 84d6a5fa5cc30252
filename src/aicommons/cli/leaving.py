"""``commons run leave``: takes a site out of a run for good, said aloud to everybody.

The ledger takes an exit between two rounds and while Submits come in; a run that is busy is waited for. What leaving tells the
others and what it means for this site's part of the model is said before anybody agrees. Whether a site may leave is looked at
before that, and decided by the ledger. A site that is merely silent needs none of this: ``run enrol --absence`` says what then.
"""

import threading
import time
from typing import TYPE_CHECKING

import click

from aicommons.cli import enrolling, homes, naming, output, refusals, telling
from aicommons.domain import errors, run

if TYPE_CHECKING:
    from aicommons.protocol import view as views

PATIENCE_SECONDS = 600.0
"""How long a busy run is waited for."""
POLL_SECONDS = 0.5
WHAT_IT_TELLS = (
    "Everybody sees that this site left, and when. The sums before and after differ by this site alone: whoever may read both"
    " can compute almost exactly what it added in its last round, and if it has few rows that may point at single persons."
)
NO_WAY_YET = "a site leaves between rounds, and no round has begun; until then take the consent back: `commons consent revoke CONSENT`"


def check_may_leave(current: "views.RunView", member: int) -> None:
    """Check that a site which is not out by its own word can leave.

    Raises:
        errors.InputError: it has no seat, is out for another reason, the run is over or has not begun, or too few would stay.
    """
    from aicommons.protocol import departures

    which = f"member {member}"
    if member not in current.enrolled:
        raise errors.InputError("this site has no seat in the run", which=which, next_step="see `commons run show RUN`")
    if current.state.is_over:
        said = telling.state_in_words(current)
        raise errors.InputError(
            f"the run is over ({said}): there is nothing to leave", next_step="nothing is left to do"
        )
    if member in current.out:
        raise errors.InputError(
            "this site is out of the run already", which=which, next_step="see why: `commons run show RUN`"
        )
    if not current.attempts:
        raise errors.InputError(
            f"the run has not begun ({telling.STATES[current.state]})", which=which, next_step=NO_WAY_YET
        )
    stay, needed = departures.staying(current, member)
    if stay < needed:
        happened, next_step = refusals.WORDS["TrainingRunsTooFewStay"]
        raise errors.InputError(
            happened, which=which, expected=f"at least {needed}", got=str(stay), next_step=next_step
        )


def check_meant(current: "views.RunView", member: int, named: str, *, yes: bool, can_ask: bool) -> None:
    """Ask whoever sits there, if anybody can be asked; raises ``errors.InputError`` where nobody agrees."""
    if yes:
        return
    said = f"{WHAT_IT_TELLS} {_own_part(current, member)}"
    if not can_ask:
        raise errors.InputError(
            f"nobody was asked whether it is meant: a site leaves a run for good. {said}",
            which=f"run {named}",
            next_step="give --yes",
        )
    if not click.confirm(f"{said}\nLeave run {named}, for good?", err=True):
        raise errors.InputError("not confirmed; nothing was changed", next_step="nothing is left to do")


def _own_part(current: "views.RunView", member: int) -> str:
    """What leaving means for this site's part of the model and for its bond."""
    is_in = member in current.summed
    part = (
        "What it gave stays in the model, and it keeps its part of it."
        if is_in
        else "No sum holds its data yet: it will own no part of the model."
    )
    bond = " Its bond comes back a day after the run's end." if current.spec.bond else ""
    return part + bond


def leave(opened: homes.Opened, chosen: naming.Chosen, *, by: str) -> None:
    """Leave at the first moment in which the ledger takes it, and say so.

    Raises:
        errors.LedgerRefused: too few would stay, the run is over, or it was busy for ten minutes.
    """
    from aicommons.owner import giving

    until = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    has_told = False
    with enrolling.own_signer(opened) as signer:
        while True:
            try:
                giving.leave(opened, chosen.run_id, signer, by=by)
                break
            except errors.LedgerRefused as err:
                if not _is_busy(err) or time.monotonic() > until:
                    raise
            if not has_told:
                has_told = True
                output.note(f"A round is under way; waiting for its end, {PATIENCE_SECONDS / 60:.0f} minutes at most …")
            pause.wait(POLL_SECONDS)


def _is_busy(err: errors.LedgerRefused) -> bool:
    """Return whether the run is in the middle of a round, or of a change of keys, or moved on while this was sent."""
    if isinstance(err, errors.LedgerMoved):
        return True
    is_renewing = err.error == "TrainingRunsWrongState" and err.arguments[:1] == (run.RunState.ACKING.value,)
    return err.error == "TrainingRunsWrongPhase" or is_renewing


def tell(opened: homes.Opened, chosen: naming.Chosen, member: int) -> None:
    """Say since when this site is out, and what stays."""
    from aicommons.protocol import departures

    current = opened.desk.run(chosen.run_id)
    gone = next(each for each in departures.of_run(current) if each.member_id == member and each.why.is_out)
    output.emit(
        telling.as_json(chosen.run_id, current),
        f"This site left run {naming.short(chosen.run_id)}: it is in no round from round {gone.round_index} on.",
        f"{_own_part(current, member)} The run is {_going(current)}.",
    )


def _going(current: "views.RunView") -> str:
    if current.state.is_over:
        return f"over: {telling.state_in_words(current)}"
    return "waiting for others" if current.state is run.RunState.PAUSED else "going on without it"
