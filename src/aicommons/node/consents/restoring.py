"""What the ledger knows and a register does not: after a restore from a backup, and after withdrawals without the steward.

A backup may lack withdrawals, so that posting a restored register would bring people back who said no. Called by
``owner/stewarding`` before each posting; nothing is decided here about uses.
"""

from collections.abc import Mapping

from aicommons.domain import consents, encoding, errors
from aicommons.node.consents import people, register
from aicommons.protocol import consents as trees
from aicommons.protocol import permissions


def posting_of(shown: permissions.RegisterView | None) -> register.Posting:
    """Return a register's state as the ledger shows it."""
    if shown is None:
        return register.NOTHING_POSTED
    return register.Posting(shown.root, shown.leaves, shown.status)


def is_other(here: register.Register, dataset: int, shown: permissions.RegisterView | None, *, restored: bool) -> bool:
    """Return whether the ledger shows another register than this one, as the steward says.

    Raises:
        errors.JournalConflict: it does, and the steward does not know: this one was restored from a backup.
        errors.InputError: the steward says that it was restored, and the ledger shows this very register.
    """
    posting = posting_of(shown)
    is_own = posting == register.NOTHING_POSTED or here.has_drafted(dataset, posting)
    if is_own and restored:
        raise errors.InputError(
            "this register was not restored",
            which=f"dataset {dataset}",
            got="the one that the ledger shows",
            next_step=f"run `commons consent post {dataset}`",
        )
    if not is_own and not restored:
        raise people.not_this_register(here, dataset, posting)
    return not is_own


def restore(
    here: register.Register, place: encoding.Place, dataset: int, shown: permissions.RegisterView, *, now: int
) -> int:
    """Let nothing count that was entered before, until it is confirmed; return how many consents that are.

    Args:
        here: the register, with what people took back on the ledger.
        place: chain and ConsentRegister.
        dataset: dataset id.
        shown: what the ledger shows of it.
        now: seconds since 1970.
    """
    known = {trees.leaf_hash(place, leaf) for leaf in here.leaves(dataset)}
    after = max((each.at.time for leaf, each in shown.withdrawn.items() if leaf not in known), default=0)
    return here.restore(dataset, shown.leaves, at=now, after=after)


def withdrawn_alone(
    here: register.Register, place: encoding.Place, dataset: int, shown: permissions.RegisterView | None
) -> dict[int, int]:
    """Return the numbers of the register's consents that people took back on the ledger, each with when."""
    count = here.count(dataset)
    return {
        each.index: each.at.time
        for leaf, each in ({} if shown is None else shown.withdrawn).items()
        if each.index < count and trees.leaf_hash(place, here.leaf(dataset, each.index)) == leaf
    }


def take_in(here: register.Register, dataset: int, alone: Mapping[int, int]) -> None:
    """Enter what people took back on the ledger: all that they had given until then is over, and no older paper counts."""
    over = set(here.withdrawn(dataset).difference(here.unconfirmed(dataset)))
    for first, since in alone.items():
        gone = here.given_until(dataset, first, since) - over
        over |= gone
        for number in sorted(gone):
            last = here.get(dataset, number).record.history[-1].at
            change = consents.Change(consents.Status.WITHDRAWN, max(since, last), "holder", None)
            here.change(dataset, number, change)
