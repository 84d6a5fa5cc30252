"""What happens before a seat is taken: policy and table are held against the run, an exit is signed in advance.

Called by ``run enrol``. What is not permitted and what does not fit is refused here, so that nothing is sent; the node asks
and reads again, in the same way, when the run begins.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aicommons.cli import homes, listed, naming

if TYPE_CHECKING:
    from aicommons.data import reading
    from aicommons.node import signing


def check_use(opened: homes.Opened, chosen: naming.Chosen, dataset_id: int, consent_id: bytes) -> "reading.Summary":
    """Hold a dataset's newest version against a run, and return what reading it as the plan wants it found; nothing is kept.

    Raises:
        errors.UseDenied: its use policy or its card does not permit the run, with every reason.
        errors.TableError: a column, value or the number of rows does not fit.
        errors.InputError: this home does not know the dataset's file.
    """
    from aicommons import app
    from aicommons.data import reading
    from aicommons.node import agent as agents
    from aicommons.node import permission
    from aicommons.owner import permitting

    part = agents.Part(dataset_id, listed.find(chosen.view, dataset_id).newest.version)
    papers = agents.read_terms(opened.store, chosen.run)
    consent = permission.consent_of(chosen.view, consent_id, chosen.run_id)
    permitting.check(opened, chosen.run_id, papers, part=part, consent=consent)
    own = app.own_version(opened.home, part)
    if own is None:
        raise permitting.unknown(part)
    return reading.check(own.source, own.wanted(papers))


@contextlib.contextmanager
def node_signer(opened: homes.Opened, *, needed: bool) -> "Iterator[signing.SigningJournal | None]":
    """Give the node's signing journal where an exit is signed in advance, else ``None``."""
    if not needed:
        yield None
        return
    with own_signer(opened) as kept:
        yield kept


@contextlib.contextmanager
def own_signer(opened: homes.Opened) -> "Iterator[signing.SigningJournal]":
    """Give the node's signing journal, where an exit is signed."""
    from aicommons.node import signing

    node_key = homes.unlock(opened.home.node_file)
    kept = signing.SigningJournal(opened.home.signing_file, node_key, opened.registry.place)
    with contextlib.closing(kept):
        yield kept
