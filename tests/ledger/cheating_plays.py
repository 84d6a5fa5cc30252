"""Scenarios of cheats, silence and new keys, played by ``test_equal_ledgers`` on all ledgers."""

from collections.abc import Callable

from tests.ledger import ledger_worlds as worlds

from aicommons.domain import messages
from aicommons.protocol import transitions

FIRST, CASE = (0, 0), worlds.word("case")


def complaints(p: worlds.Player) -> None:
    """Three verdicts convict: the seat is out, its bond is lost, and the attempt starts again; all else is refused."""
    p.found()
    p.open(bond=5, token=worlds.TOKEN)
    for member in p.others():
        p.deposit(member, 5)
        p.enrol(member)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    for member in p.others():
        p.ack(member)
    p.complain(1, 2, FIRST)
    p.submits(FIRST)
    p.complain(1, 1, FIRST)
    p.complain(1, 2, (0, 1))
    p.complain(1, 2, FIRST)
    p.complain(1, 2, FIRST)
    p.dispute(1, 2, FIRST)
    p.verdict(2, 2, FIRST, CASE)
    for member in (1, 1, 3, 4, 5):
        p.verdict(member, 2, FIRST, CASE)
    p.verdict(2, 3, FIRST, CASE)
    p.submits((0, 1))
    p.commits((0, 1))
    p.reveals((0, 1))
    p.submits((1, 0))


def disputes(p: worlds.Player) -> None:
    """Sums are disputed between two that revealed; who is convicted in a certified round is not waited for."""
    p.begin()
    p.submits(FIRST)
    p.commits(FIRST)
    p.reveals(FIRST, 4, 5)
    p.dispute(1, 4, FIRST)
    p.dispute(1, 2, FIRST)
    p.dispute(1, 2, FIRST)
    p.dispute(1, 1, FIRST)
    for member in (1, 2, 3):
        p.verdict(member, 4, FIRST, CASE)
    p.reveal(5, FIRST)
    p.submits((1, 0))
    p.verdict(1, 5, FIRST, CASE)


def owners(p: worlds.Player) -> None:
    """Who cheats in the last round stands in the model's lineage and owns nothing of it; the others have its part."""
    p.begin(rounds=1)
    p.submits(FIRST)
    p.commits(FIRST)
    p.reveals(FIRST, 4)
    for member in (1, 2, 3):
        p.verdict(member, 4, FIRST, CASE)
    for member in (1, 2, 3, 5):
        p.result(member, FIRST, 1)
    p.register(1, 1)


def leavers(p: worlds.Player) -> None:
    """Who left after a round is a source and keeps its part, and may write the model down; who left before any is neither."""
    p.begin()
    p.exit(5, messages.ANY_ROUND)
    p.submits(FIRST, 5)
    p.commits(FIRST)
    p.reveals(FIRST)
    p.exit(2, 0)
    p.submits((1, 0), 2, 5)
    p.cancel()
    p.register(5, 1)
    p.register(2, 1)


def silence(p: worlds.Player) -> None:
    """Who is silent past the deadline is waived by three, and by nobody before it."""
    p.begin()
    p.submits(FIRST)
    p.commits(FIRST)
    p.reveals(FIRST, 5)
    p.verdict(1, 5, FIRST, messages.SILENCE)
    p.later(worlds.PHASE)
    for member in (1, 2, 2, 3, 4):
        p.verdict(member, 5, FIRST, messages.SILENCE)
    p.submits((1, 0))


def equivocation(p: worlds.Player) -> None:
    """Two messages of a kind on one sid convict at once; the same one twice does not; two convictions end the run."""
    p.begin()
    p.submits(FIRST)
    p.convict(6, FIRST, 0, ("one", "other"))
    p.convict(3, FIRST, 0, ("one", "one"))
    p.convict(3, FIRST, 0, ("one", "other"))
    p.convict(3, FIRST, 0, ("one", "other"))
    p.convict(4, (7, 7), "mine", ("one", "other"))
    p.convict(5, FIRST, 0, ("one", "other"))


def new_keys(p: worlds.Player) -> None:
    """Keys are renewed after thirty days, or for a seat in a pause; a round that waits for its keys takes nothing else."""
    p.begin()
    p.rotate(0)
    p.rotate(1)
    p.round(0)
    p.world.tick(transitions.EPOCH_SECONDS)
    p.rotate(0)
    p.submit(1, (1, 0), 1)
    for member in p.others():
        p.ack(member)
    p.submits((1, 0), 2)
    p.later(worlds.PHASE)
    p.rotate(0)
    p.rotate(2)
    p.ack(1)
    p.cancel()


LEAVERS = 8
"""Sites of the play in which two leave."""
PLAYS: dict[str, tuple[Callable[[worlds.Player], None], tuple[int, ...]]] = {
    "complaints": (complaints, ()),
    "disputes": (disputes, ()),
    "owners": (owners, ()),
    "leavers": (leavers, ()),
    "silence": (silence, ()),
    "equivocation": (equivocation, ()),
    "new keys": (new_keys, ()),
}
