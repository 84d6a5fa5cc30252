"""Calls ``node/verification`` with what a home has: ledger, store and, if wanted, its reader key.

Called by ``run verify`` and by ``model download`` for readers. What is checked and what it proves is decided there.
"""

from typing import TYPE_CHECKING

from aicommons import app
from aicommons.cli import homes
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.learning import state
    from aicommons.node import verification
    from aicommons.protocol import view as views


def verify(opened: homes.Opened, run_id: ids.RunId, *, as_reader: bool = False) -> "verification.Report":
    """Return the verification's report of a run.

    Raises:
        errors.KeyRefused: the reader's key needs the wallet's passphrase.
        errors.InputError: this member is not a reader that the run's terms name.
    """
    from aicommons.node import verification

    current = opened.desk.run(run_id)
    view = opened.desk.view()
    reader = _reader(opened, current) if as_reader else None
    problem = view.problems.get(current.spec.problem)
    return verification.verify(
        current,
        run_id,
        opened.store,
        opened.registry.place,
        reader=reader,
        problem_owner=problem.owner if problem is not None else None,
    )


def recompute(opened: homes.Opened, run_id: ids.RunId) -> "state.State":
    """Return the state that a run agreed on, computed again from its sums with this home's reader key.

    Raises:
        errors.InputError: this home took no part in the run and is not a reader.
        errors.VerificationFailed: the run's record does not hold.
        errors.BlobNotFound: sums or vectors were erased after their retention time.
    """
    report = verify(opened, run_id, as_reader=True)
    if report.problem is not None:
        raise errors.VerificationFailed(report.problem, which=ids.format_id(run_id))
    if report.agreed is None:
        raise errors.BlobNotFound(
            "the store has not every byte of this run's sums any more", which=ids.format_id(run_id)
        )
    return report.agreed


def _reader(opened: homes.Opened, current: "views.RunView") -> "verification.VerifyingReader":
    from aicommons.node import agent as agents
    from aicommons.node import verification

    member = opened.desk.member_id()
    named = {reader.member_id for reader in agents.read_terms(opened.store, current).terms.readers}
    if member not in named:
        raise errors.InputError(
            "this member is not a reader that the run's terms name",
            which="reader",
            expected=f"one of the members {sorted(named)}",
            got=f"member {member}",
            next_step="participants read sums while the run goes on; afterwards their key for it is erased",
        )
    return verification.VerifyingReader(member, app.reader_secret(homes.unlock(opened.home.wallet_file)))
