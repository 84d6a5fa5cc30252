"""``commons run leave``: takes a site out of a run for good, said aloud to everybody.

The ledger takes an exit between two rounds and while Submits come in; a run that is busy is waited for. What leaving tells the
others is said before anybody confirms it. A site that is merely silent needs none of this: ``run enrol --absence`` says what then.
"""

import sys
import threading
import time

import click

from aicommons.cli import enrolling, homes, naming, output, telling
from aicommons.domain import errors, ids

PATIENCE_SECONDS = 600.0
"""How long a busy run is waited for."""
POLL_SECONDS = 0.5
WHAT_IT_TELLS = (
    "Everybody sees that this site left, and when. Sums of rounds before and after differ by this site: whoever may read both"
    " learns about its rows together what a single site's sum would tell. Nothing about single rows is said."
)


def check_meant(run_id: ids.RunId, *, yes: bool) -> None:
    """Ask whoever sits there; raises ``errors.InputError`` where nobody confirms it."""
    if yes:
        return
    if output.call().as_json or not sys.stdin.isatty():
        raise errors.InputError(
            f"nobody confirmed it: a site leaves a run for good. {WHAT_IT_TELLS}",
            which=f"run {naming.short(run_id)}",
            next_step="give --yes",
        )
    if not click.confirm(f"{WHAT_IT_TELLS}\nLeave run {naming.short(run_id)}, for good?", err=True):
        raise errors.InputError("not confirmed; nothing was changed")


def leave(opened: homes.Opened, run_id: ids.RunId) -> None:
    """Leave at the first moment in which the ledger takes it, and say so.

    Raises:
        errors.LedgerRefused: too few would stay, this site is not in the run, the run is over, or it was busy for ten minutes.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    with enrolling.own_signer(opened) as signer:
        while True:
            try:
                opened.desk.leave(run_id, signer)
                break
            except errors.LedgerRefused as err:
                if err.error != "TrainingRunsWrongPhase" or time.monotonic() > until:
                    raise
            pause.wait(POLL_SECONDS)
    current = opened.desk.run(run_id)
    output.emit(
        telling.as_json(run_id, current),
        f"This site left run {naming.short(run_id)}: {telling.state_in_words(current)}.",
        "Its node contributes to no further round; the states that were agreed with it stay.",
    )
