"""Follows a run live: one line, or one JSON object, per round, and the end.

Called by ``run watch``. Rounds and phases are the ledger's; figures come from this home's own node when it takes part,
because sums can be read by participants only.
"""

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, naming, output, own, telling
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.node import agent as agents
    from aicommons.node import journal
    from aicommons.protocol import view as views

POLL_SECONDS = 0.2
FIGURES_SECONDS = 3.0
"""How long a round's line waits for this home's node to have read its sum."""


@dataclasses.dataclass(slots=True)
class Follower:
    """One run being followed."""

    opened: homes.Opened
    run_id: ids.RunId
    kept: "journal.Journal | None"
    terms: "agents.RunDocuments | None" = None
    shown: int = 0
    """Rounds told so far."""
    past: int = 0
    """Rounds that were over at the first look: how long they took is not known here."""
    seen: "views.RunView | None" = None
    """The run when the ledger last answered."""
    is_silent: bool = False
    """Whether the ledger left the last question without an answer."""
    begun: float = 0.0
    """Monotonic time at which the round being waited for began."""

    def follow(self, tell: Callable[[dict[str, Any]], None], status: Callable[[str], None]) -> "views.RunView":
        """Tell every round as it is summed; return the run once it is over and, where one was agreed, its model is written.

        Raises:
            errors.InputError: no such run.
        """
        names = naming.Names(self.opened, self.opened.desk.view())
        self.begun = time.monotonic()
        first = self._look()
        while first.unmasked(self.past) is not None:
            self.past += 1
        pause = threading.Event()
        while True:
            current = self._look()
            while current.unmasked(self.shown) is not None and self._is_ready(current):
                tell(self._round(current))
            is_told = current.unmasked(self.shown) is None
            if is_told and current.state.is_over and (current.model is not None or current.agreed is None):
                return current
            status(_status(current, names, is_silent=self.is_silent))
            pause.wait(POLL_SECONDS)

    def _look(self) -> "views.RunView":
        try:
            self.seen = self.opened.desk.run(self.run_id)
            self.is_silent = False
        except errors.LedgerUnreachable:
            if self.seen is None:
                raise
            self.is_silent = True
        return self.seen

    def _is_ready(self, current: "views.RunView") -> bool:
        if self.kept is None or self.kept.pinned(self.run_id) is None or current.state.is_over:
            return True
        return self.kept.sum(self.run_id, self.shown) is not None or time.monotonic() - self.begun > FIGURES_SECONDS

    def _round(self, current: "views.RunView") -> dict[str, Any]:
        place = current.unmasked(self.shown) or (self.shown, 0)
        now = time.monotonic()
        said: dict[str, Any] = {
            "round": self.shown,
            "attempt": place[1],
            "participants": current.attempts[place].set_bits.bit_count(),
            "seconds": round(now - self.begun, 3) if self.shown >= self.past else None,
            "metrics": self._figures(current),
        }
        self.begun = now
        self.shown += 1
        return said

    def _figures(self, current: "views.RunView") -> dict[str, float]:
        from aicommons.node import agent as agents
        from aicommons.owner import progress

        if self.kept is None or self.kept.sum(self.run_id, self.shown) is None:
            return {}
        try:
            self.terms = self.terms or agents.read_terms(self.opened.store, current)
        except (errors.StoreUnreachable, errors.BlobNotFound):
            return {}
        return dict(progress.round_figures(self.kept, self.run_id, current, papers=self.terms, index=self.shown))


def watch(opened: homes.Opened, run_id: ids.RunId) -> None:
    """Tell the run to its end: lines with a live status on a terminal, one JSON object per line with ``--json``."""
    from aicommons.owner import progress

    with progress.own_journal(opened) as kept, _speaking() as (tell, status):
        current = Follower(opened, run_id, kept).follow(tell, status)
    names = naming.Names(opened, opened.desk.view())
    found = own.report(opened, run_id)
    result = {**telling.as_json(run_id, current), "own": found}
    output.emit(result, *telling.lines(run_id, current, names), *own.report_in_words(found))


@contextlib.contextmanager
def _speaking() -> Iterator[tuple[Callable[[dict[str, Any]], None], Callable[[str], None]]]:
    """Give two functions: one tells a round, the other says what is awaited (on a terminal only)."""
    import rich.console

    if output.call().as_json:
        yield lambda said: click.echo(json.dumps(said, sort_keys=True)), lambda _: None
        return
    console = rich.console.Console(highlight=False, markup=False)

    def tell(said: dict[str, Any]) -> None:
        console.print(_line(said))

    if not console.is_terminal:
        yield tell, lambda _: None
        return
    with console.status("looking at the ledger") as live:
        yield tell, lambda text: live.update(text)


def _line(said: dict[str, Any]) -> str:
    figures = "  ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in said["metrics"].items())
    again = f" (attempt {said['attempt'] + 1})" if said["attempt"] else ""
    lasted = f"  {said['seconds']:6.2f} s" if said["seconds"] is not None else ""
    return f"round {said['round']:>3}  {said['participants']} sites{lasted}{again}  {figures}".rstrip()


def _status(current: "views.RunView", names: naming.Names, *, is_silent: bool) -> str:
    awaited = telling.waiting(current)
    waits = f", waits for {awaited.in_words(names)}" if awaited.what else ""
    said = f"round {current.round_index}: {telling.STATES[current.state]}{waits}"
    return f"the ledger does not answer, it is asked again; when it last did: {said}" if is_silent else said
