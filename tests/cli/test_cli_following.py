"""Following a run while the ledger comes and goes."""

import types
from collections.abc import Iterator
from typing import Any

from tests.cli import test_cli_words as words

from aicommons.cli import following
from aicommons.domain import errors, ids, run
from aicommons.protocol import view as views


class Desk:
    """Answers what it is told to, one look after the other."""

    def __init__(self, *looks: views.RunView | None) -> None:
        self._looks: Iterator[views.RunView | None] = iter(looks)

    def view(self) -> views.LedgerView:
        """Return a ledger on which nobody has a name."""
        return views.LedgerView()

    def run(self, run_id: ids.RunId) -> views.RunView:
        """Return the next look, or no answer."""
        found = next(self._looks)
        if found is None:
            raise errors.LedgerUnreachable("nobody answers")
        return found


def test_a_silent_ledger_is_told() -> None:
    """Whoever watches is told that what is shown is old, and no more so once the ledger answers again."""
    going = words._run(run.RunState.PAUSED, roster=words.ROSTER)
    over = words._run(run.RunState.ABORTED, roster=words.ROSTER)
    opened: Any = types.SimpleNamespace(store=None, desk=Desk(going, going, None, going, over))
    said: list[str] = []
    end = following.Follower(opened, ids.RunId(words.FIRST), None).follow(lambda _: None, said.append)
    assert end is over
    assert ["does not answer" in each for each in said] == [False, True, False]
    assert said[1].endswith(said[0])
