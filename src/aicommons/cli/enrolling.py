"""What happens before a seat is taken: the table is held against the plan, an exit is signed in advance.

Called by ``run enrol``. A table that does not fit is refused here, so that nothing is sent; the node reads it again, in
the same way, when the run begins.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aicommons.cli import homes
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.data import reading
    from aicommons.node import signing
    from aicommons.protocol import view as views


def check_table(opened: homes.Opened, current: "views.RunView", dataset_id: int) -> "reading.Summary":
    """Read the source behind a dataset as a run's plan wants it and return what was found; nothing is kept.

    Raises:
        errors.TableError: a column, value or the number of rows does not fit.
        errors.InputError: this home does not know the dataset's file.
    """
    from aicommons import app
    from aicommons.data import reading
    from aicommons.node import agent as agents

    known = opened.home.datasets().get(dataset_id)
    if known is None:
        raise errors.InputError(
            "this home does not know the dataset's file",
            which=f"dataset {dataset_id}",
            next_step="publish it from this home: `commons dataset publish`",
        )
    own = app.own_table(opened.home, dataset_id, known)
    return reading.check(own.source, own.wanted(agents.read_terms(opened.store, current)))


@contextlib.contextmanager
def node_signer(opened: homes.Opened, *, needed: bool) -> "Iterator[signing.SigningJournal | None]":
    """Give the node's signing journal where an exit is signed in advance, else ``None``."""
    from aicommons.node import signing

    if not needed:
        yield None
        return
    node_key = homes.unlock(opened.home.node_file)
    kept = signing.SigningJournal(opened.home.signing_file, node_key, opened.registry.place)
    with contextlib.closing(kept):
        yield kept
