"""The in-memory ledger is the contracts' equal: the same scenarios in memory, embedded and on anvil tell the same."""

import pathlib
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger import cell_plays, cheating_plays, coop_plays, decision_plays
from tests.ledger import ledger_worlds as worlds

from aicommons import testing
from aicommons.domain import encoding, ids, messages, run, vocabulary

Play = Callable[[worlds.Player], None]


def happy(p: worlds.Player) -> None:
    """Two rounds, five Results, a model."""
    p.begin()
    p.round(0)
    p.round(1)
    p.results((1, 0), 2)
    p.register(2, 2)
    p.register(1, 2)


def absent(p: worlds.Player) -> None:
    """A site stays away before the first Commit: the set is fixed without it, and its late Submit is too late."""
    p.begin()
    p.submits((0, 0), 4)
    p.advance()
    p.later(worlds.PHASE)
    p.commits((0, 0), 4)
    p.reveals((0, 0), 4)
    p.submit(4, (1, 0), 1)
    p.submits((1, 0), 4)


def absent_later(p: worlds.Player) -> None:
    """A site stays away after the first Commit: the run pauses, then goes on when it is back."""
    p.begin()
    p.round(0)
    p.submits((1, 0), 2)
    p.later(worlds.PHASE)
    p.submit(2, (1, 0), 1)
    p.commits((1, 0))
    p.reveals((1, 0))


def exit_policy(p: worlds.Player) -> None:
    """A silent site whose owner chose to exit leaves after the patience; the others start again without it."""
    p.begin()
    p.round(0)
    p.submits((1, 0), 5)
    p.later(worlds.PHASE)
    p.later(worlds.PATIENCE)
    p.submits((1, 1), 5)
    p.commits((1, 1), 5)
    p.commit(5, (1, 1))


def exit_on_demand(p: worlds.Player) -> None:
    """A site leaves between rounds; with the wrong round, twice, or when too few would stay it may not."""
    p.begin()
    p.exit(2, 0)
    p.round(0)
    p.exit(2, 1)
    p.exit(2, 0)
    p.exit(2, 0)
    p.exit(3, messages.ANY_ROUND)
    p.submits((1, 0), 2)


def drop_before(p: worlds.Player) -> None:
    """A consent dies before the first Commit: the seat is dropped and the attempt costs nothing."""
    p.begin()
    p.submits((0, 0))
    p.revoke(2)
    p.commit(1, (0, 0))
    p.drop(1)
    p.drop(2)
    p.submits((0, 1), 2)
    p.commits((0, 1))


def drop_after(p: worlds.Player) -> None:
    """Afterwards only a seat that chose to exit can be dropped."""
    p.begin()
    p.round(0)
    p.revoke(4)
    p.revoke(5)
    p.submit(4, (1, 0), 1)
    p.drop(4)
    p.drop(5)
    p.submits((1, 0), 4, 5)
    p.later(worlds.PHASE)


def lost_key(p: worlds.Player) -> None:
    """A seat that lost its key asks for new ones in the pause that it caused; the next attempt has the same set."""
    p.begin()
    p.submits((0, 0))
    p.commit(1, (0, 0))
    p.rotate(2)
    p.later(worlds.PHASE)
    p.rotate(2)
    for seat in range(1, SITES + 1):
        p.ack(seat)
    p.submits((0, 1))
    p.commits((0, 1))
    p.reveals((0, 1))


def late(p: worlds.Player) -> None:
    """Messages out of their phase, round or attempt are refused; a late Commit is not."""
    p.begin()
    p.commit(1, (0, 0))
    p.submit(1, (1, 0), 1)
    p.submits((0, 0))
    p.reveal(1, (0, 0))
    p.commits((0, 0), 5)
    p.commit(5, (0, 0))
    p.commit(5, (0, 0))
    p.reveals((0, 0))
    p.reveal(1, (0, 0))
    p.submit(1, (1, 0), 1)
    p.commit(1, (0, 0))


def replay(p: worlds.Player) -> None:
    """A Submit is a vote once: neither sent again in another attempt nor under another's name, nor forged."""
    p.begin()
    old = p.sid((0, 0), 0)
    p.submits((0, 0))
    p.submit(1, (0, 0), 0)
    p.later(worlds.PHASE)
    p.submit_on(1, (0, 1), old, 0)
    p.submit(2, (0, 1), 0)
    signed = p.signed(2, messages.Submit(old, ids.MemberId(1), ids.Digest(b"h" * 32)))
    p.do("founder", "TrainingRuns", "submit", (p.run_id, 0, 1, 1), worlds.word("state", 0), b"h" * 32, signed)
    p.do("founder", "TrainingRuns", "submit", (p.run_id, 0, 1, 9), worlds.word("state", 0), b"h" * 32, signed)
    p.do("founder", "TrainingRuns", "submit", (b"\x01" * 32, 0, 1, 1), worlds.word("state", 0), b"h" * 32, signed)


def minimum(p: worlds.Player) -> None:
    """Before the first Commit the terms' minimum has to stay, not only a quorum."""
    p.begin(min_participants=5)
    p.submits((0, 0), 4)
    p.later(worlds.PHASE)
    p.exit(2, messages.ANY_ROUND)
    p.submit(4, (0, 0), 0)
    p.commits((0, 0))


def last_attempt(p: worlds.Player) -> None:
    """The attempt that a dropped seat costs is not counted; one that silence costs is."""
    p.begin(max_attempts=2)
    p.submits((0, 0))
    p.later(worlds.PHASE)
    p.submits((0, 1))
    p.revoke(2)
    p.drop(2)
    p.submits((0, 2), 2)
    p.later(worlds.PHASE)


def forged(p: worlds.Player) -> None:
    """Signed words on other digests than the ledger's, and openings of nothing are refused."""
    p.begin()
    p.submits((0, 0))
    one, (chosen, inputs), other = ids.MemberId(1), p.inputs((0, 0)), worlds.word("other")
    sid = p.agreed_sid()
    masks = worlds.masks(sid, 1)
    p.post(1, (0, 0), messages.Commit(other, one, chosen, inputs, masks))
    p.post(1, (0, 0), messages.Commit(sid, one, other, inputs, masks))
    p.post(1, (0, 0), messages.Commit(sid, one, chosen, other, masks))
    p.do("founder", "TrainingRuns", "ack", p.run_id, 1, 1, other, other, other, bytes(65))
    p.commits((0, 0))
    document = worlds.word("document")
    p.post(1, (0, 0), messages.Reveal(sid, one, other, worlds.word("mine", 1, sid), document))
    p.post(1, (0, 0), messages.Reveal(other, one, other, worlds.word("mine", 1, sid), document))
    p.post(1, (0, 0), messages.Result(sid, one, other, other))
    p.reveals((0, 0))
    p.post(1, (0, 0), messages.Result(other, one, other, other))


def split(p: worlds.Player) -> None:
    """A Submit on another state is void, before and after the others agree."""
    p.begin()
    p.submit(5, (0, 0), "forged")
    p.submits((0, 0), 5)
    p.submit(5, (0, 0), "forged again")
    p.submit(5, (0, 0), 0)
    p.commits((0, 0))


def cancelled(p: worlds.Player) -> None:
    """Only the solver ends a run, once; a round's state is kept and can be written down."""
    p.begin()
    p.round(0)
    p.submits((1, 0))
    p.do(1, "TrainingRuns", "cancel", p.run_id)
    p.cancel()
    p.cancel()
    p.commit(1, (1, 0))
    p.register(p.solver, "other")
    p.register(p.owner, 1)
    p.register(p.solver, 1)
    p.do(2, "ModelRegistry", "ask", p.run_id, 2, 1, worlds.word("reason"))
    p.do(2, "ModelRegistry", "ask", p.run_id, 3, 1, worlds.word("reason"))


def amended(p: worlds.Player) -> None:
    """Who is suspended writes no model down; the active solver puts its card and licence right."""
    p.begin()
    p.round(0)
    p.submits((1, 0))
    p.cancel()
    right = (worlds.word("right card"), worlds.word("right licence"))
    p.do(p.solver, "ModelRegistry", "amend", p.run_id, *right)
    p.do("founder", "Membership", "suspend", 2)
    p.register(2, 1)
    garbage = (worlds.word("garbage"), worlds.word("state", 1), worlds.word("own licence"))
    p.do(2, "ModelRegistry", "register", p.run_id, *garbage)
    p.do(1, "ModelRegistry", "register", p.run_id, *garbage)
    p.do(1, "ModelRegistry", "amend", p.run_id, *right)
    p.do(p.solver, "ModelRegistry", "amend", p.run_id, bytes(32), right[1])
    p.do(p.solver, "ModelRegistry", "amend", p.run_id, *right)
    p.do("founder", "Membership", "suspend", p.solver)
    p.do(p.solver, "ModelRegistry", "amend", p.run_id, *garbage[::2])
    assert p.run.model is not None
    assert (p.run.model.card, p.run.model.licence) == right


def paused(p: worlds.Player) -> None:
    """A run whose certificate does not come ends after its patience, and aborts where nothing was agreed."""
    p.begin()
    p.submits((0, 0))
    p.commit(1, (0, 0))
    p.later(worlds.PHASE)
    p.commit(2, (0, 0))
    p.later(worlds.PATIENCE)
    p.register(1, 0)


def results(p: worlds.Player) -> None:
    """Results of the last unmasked round only, one each; in a pause they keep the state."""
    p.begin()
    p.round(0)
    p.result(1, (1, 0), 1)
    p.result(1, (0, 0), "forged")
    p.result(1, (0, 0), 1)
    p.later(worlds.PHASE)
    for member in (2, 3, 4, 5):
        p.result(member, (0, 0), 1)
    p.later(worlds.PATIENCE)
    p.register(3, 1)


def results_over_open_round(p: worlds.Player) -> None:
    """A seat that opens a next round keeps nobody from finishing."""
    p.begin()
    p.round(0)
    p.submit(5, (1, 0), 1)
    p.results((0, 0), 1)


def acks_missing(p: worlds.Player) -> None:
    """A roster that is not confirmed aborts the run."""
    p.found()
    p.open()
    for member in p.others():
        p.enrol(member)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    p.ack(2)
    p.ack(2)
    p.submit(1, (0, 0), 0)
    p.later(worlds.PHASE)
    p.later(worlds.PATIENCE)
    p.ack(1)


def enrolment(p: worlds.Player) -> None:
    """Seats are for owners with a consent that fits, while there is room and time; the dead are given up at the close."""
    p.found()
    p.open(rounds=0)
    p.open(max_participants=49)
    p.open(enrol_until=testing.START)
    p.open(enrol_until=testing.START + 366 * 86400)
    p.open(solver=p.owner)
    p.open(max_participants=4)
    p.open(max_participants=4)
    p.do(p.owner, "TrainingRuns", "enrol", p.run_id, 1, p.consents[1], 0, b"")
    p.enrol(1)
    p.enrol(1)
    p.do(2, "TrainingRuns", "enrol", p.run_id, 1, p.consents[1], 0, b"")
    p.do(2, "TrainingRuns", "enrol", p.run_id, 2, p.consents[1], 0, b"")
    p.do(2, "TrainingRuns", "enrol", p.run_id, 2, p.consents[2], 1, bytes(65))
    for member in (4, 3, 2, 5):
        p.enrol(member)
    p.revoke(3)
    p.do(2, "TrainingRuns", "close", p.run_id)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    p.enrol(5)


def bond(p: worlds.Player) -> None:
    """Nobody enrols in a run that asks for a bond without credit in the vault: no seat, and no use of the consent."""
    p.found()
    p.open(bond=5)
    p.enrol(1)
    p.open(token=worlds.FOUNDER.address, salt=worlds.word("second"))
    p.enrol(1)


def too_few(p: worlds.Player) -> None:
    """With too few living seats a run is over at the end of enrolment."""
    p.found()
    p.open()
    for member in (1, 2):
        p.enrol(member)
    p.do(p.solver, "TrainingRuns", "close", p.run_id)
    p.world.tick(86400)
    p.do(1, "TrainingRuns", "close", p.run_id)
    p.do(1, "TrainingRuns", "close", p.run_id)


def denials(p: worlds.Player) -> None:
    """Whatever a consent, a dataset or the commons does not permit is denied, by the contract's word."""
    p.found()
    p.give(1, 1, expiry=testing.START)
    p.give(1, 2)
    wanted = {
        1: {"grantee": p.owner}, 2: {"problem": worlds.word("other")}, 3: {"purposes": 1 << 40}, 4: {"max_uses": 1},
        5: {"commercial": True},
    }  # fmt: skip
    for member, terms in wanted.items():
        p.give(member, member, **terms)
    for salt in ("one", "two"):
        p.open(salt=worlds.word(salt), commercial=True)
        for member in p.others():
            p.enrol(member)
    p.open(purpose=worlds.word("unknown"))
    p.enrol(5)
    p.give(3, 3, purposes=2**256 - 1)
    for code in (worlds.ALLOWED, worlds.BANNED, min(vocabulary.BANNED_PURPOSES)):
        p.open(purpose=encoding.purpose_code(code))
        p.enrol(3)
    p.do(5, "DataRegistry", "suspend", 5)
    p.enrol(5)
    p.do(5, "DataRegistry", "resume", 5)
    p.do(4, "DataRegistry", "publishVersion", 4, worlds.word("c"), worlds.word("p"), (0, 1, False), False, 7)
    p.enrol(4)
    p.do(4, "DataRegistry", "retire", 4)
    p.give(4, 4)


def members(p: worlds.Player) -> None:
    """Registrars admit, suspend and reinstate; a suspended owner's seat is dropped; who left is nobody."""
    p.begin()
    p.do(1, "Membership", "applyAs", 1, p.key("x").address, worlds.word(1), worlds.word(2), bytes(32))
    p.do("new", "Membership", "applyAs", 0, p.key(("node", 1)).address, worlds.word(1), worlds.word(2), bytes(32))
    p.do("new", "Membership", "applyAs", 0, bytes(20), worlds.word(1), worlds.word(2), bytes(32))
    p.do(1, "Membership", "suspend", 2)
    p.do("founder", "Membership", "suspend", 2)
    p.do("founder", "Membership", "suspend", 2)
    p.do(2, "Membership", "setProfile", worlds.word("profile"))
    p.submit(2, (0, 0), 0)
    p.drop(2)
    p.do("founder", "Membership", "reinstate", 2)
    p.do(2, "Membership", "setProfile", worlds.word("profile"))
    p.do(3, "Membership", "setNodeKey", p.key("new node").address)
    p.do(4, "Membership", "setNodeKey", p.key(("node", 3)).address)
    p.do(4, "Membership", "setReaderPoint", worlds.word("new point"))
    p.do(5, "Membership", "leave")
    p.do(5, "Membership", "leave")
    p.submits((0, 0), 2)
    p.do(p.owner, "Problems", "close", next(iter(p.view.problems)))
    p.open(salt=worlds.word("second"))


def entrusted(p: worlds.Player) -> None:
    """Entrusting a dataset ends its consents; then its body alone gives them, until it gives the dataset back."""
    p.begin()
    p.do(1, "DataRegistry", "entrust", 1, p.key("body").address)
    p.drop(1)
    p.give(1, 1)
    p.give("body", 1)
    p.do("body", "DataRegistry", "revoke", p.consents[1])
    p.do("body", "DataRegistry", "discharge", 1)
    p.do("body", "DataRegistry", "discharge", 1)
    p.revoke(1)
    p.give(1, 1)
    p.do(1, "DataRegistry", "entrust", 1, p.key("body").address)
    for consent_id in list(p.view.consents):
        p.do(1, "DataRegistry", "revoke", consent_id)
        p.do("body", "DataRegistry", "revoke", consent_id)


def problems(p: worlds.Player) -> None:
    """A problem has a document, time, a purpose that nobody banned, and a judge that is another active member."""
    p.found()
    p.state(p.owner)
    p.state(1, document=bytes(32), deadline=0, purpose=bytes(32), judge=1)
    p.state(1, deadline=int(p.world.clock.now()) + 1, purpose=bytes(32), judge=1)
    p.state(1, purpose=bytes(32), judge=1)
    for code in (worlds.BANNED, *sorted(vocabulary.BANNED_PURPOSES)):
        p.state(1, purpose=encoding.purpose_code(code), judge=1)
    p.state(1, judge=1)
    p.state(1, judge=99)
    p.state(p.owner, judge=1)
    p.state(1, judge=2)
    p.do("founder", "Membership", "suspend", 3)
    p.state(2, judge=3)
    p.state(3)
    p.state("nobody")
    first, second = p.view.problems
    p.do(1, "Problems", "close", first)
    p.do(1, "Problems", "close", bytes(32))
    p.do("nobody", "Problems", "close", second)
    p.do(1, "Problems", "close", second)
    p.do(1, "Problems", "close", second)


def applications(p: worlds.Player) -> None:
    """Who applied waits, and may name another key; what a founder, a member or who left holds is taken, or free again."""
    p.found()
    mine = (p.key(("node", "a")).address, worlds.word("point"), worlds.word("credential"), bytes(32))
    p.do("a", "Membership", "applyAs", 0, *mine)
    p.do("a", "Membership", "applyAs", 0, bytes(20), bytes(32), bytes(32), bytes(32))
    other = (p.key(("node", "a2")).address, worlds.word("point 2"))
    p.do("a", "Membership", "applyAs", 1, *other, *mine[2:])
    p.do("a", "Membership", "applyAs", 0, *other, worlds.word("other"), mine[3])
    p.do("a", "Membership", "applyAs", 0, *other, mine[2], worlds.word("profile"))
    p.do("a", "Membership", "applyAs", 0, worlds.founder(1).node_key, *mine[1:])
    p.do("a", "Membership", "applyAs", 0, *other, *mine[2:])
    p.do("b", "Membership", "applyAs", 0, *mine)
    for taken in (worlds.founder(1), worlds.founder(2)):
        p.do("c", "Membership", "applyAs", 0, mine[0], mine[1], taken.credential, bytes(32))
        p.do("c", "Membership", "applyAs", 0, taken.node_key, *mine[1:])
    p.do("a", "Membership", "admit", p.key("a").address)
    p.do("founder", "Membership", "admit", p.key("a").address)
    p.do("founder", "Membership", "admit", p.key("a").address)
    p.do("founder", "Membership", "admit", p.key("b").address)
    p.do("a", "Membership", "leave")
    p.do("b", "Membership", "applyAs", 0, p.key(("node", "b")).address, *mine[1:])
    p.do("founder", "Membership", "admit", p.key("b").address)


PLAYS: dict[str, tuple[Play, tuple[int, ...]]] = {
    "happy": (happy, ()),
    "absent": (absent, ()),
    "absent later": (absent_later, ()),
    "exit by policy": (exit_policy, (5,)),
    "exit on demand": (exit_on_demand, ()),
    "drop before the first Commit": (drop_before, ()),
    "drop after the first Commit": (drop_after, (5,)),
    "a lost key": (lost_key, ()),
    "late": (late, ()),
    "replay": (replay, ()),
    "minimum": (minimum, ()),
    "last attempt": (last_attempt, ()),
    "forged": (forged, ()),
    "split": (split, ()),
    "cancel": (cancelled, ()),
    "amended": (amended, ()),
    "pause ends a run": (paused, ()),
    "results in a pause": (results, ()),
    "results over an open round": (results_over_open_round, ()),
    "acks missing": (acks_missing, ()),
    "enrolment": (enrolment, ()),
    "bond": (bond, ()),
    "too few": (too_few, ()),
    "denials": (denials, ()),
    "members": (members, ()),
    "entrusted": (entrusted, (1,)),
    "problems": (problems, ()),
    "applications": (applications, ()),
    **decision_plays.PLAYS,
    **cheating_plays.PLAYS,
    **cell_plays.PLAYS,
    **coop_plays.PLAYS,
}
SITES = 5
MORE_SITES = {**dict.fromkeys(cell_plays.PLAYS, cell_plays.SITES), "leavers": cheating_plays.LEAVERS}
"""Sites of plays that have more than usual."""


@pytest.fixture(scope="module")
def anvil(anvil_binary: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[worlds.Anvil]:
    """One anvil for all scenarios."""
    running = worlds.Anvil(anvil_binary, tmp_path_factory.mktemp("anvil"))
    yield running
    running.close()


def played(world: worlds.MemoryWorld | worlds.EmbeddedWorld | worlds.AnvilWorld, name: str) -> worlds.Player:
    """Play a scenario on a world."""
    play, leaving = PLAYS[name]
    player = worlds.Player(world, MORE_SITES.get(name, SITES), leaving)
    try:
        play(player)
        player.ask()
    finally:
        world.close()
    return player


@pytest.mark.parametrize("name", PLAYS, ids=lambda name: re.sub(r"\W+", "-", name))
def test_memory_tells_what_the_contracts_tell(name: str, tmp_path: pathlib.Path) -> None:
    """Events, refusals with their arguments, and the view are those of the contracts on the embedded ledger."""
    ours, theirs = played(worlds.MemoryWorld(tmp_path), name), played(worlds.EmbeddedWorld(tmp_path / "chain"), name)
    worlds.check_equal(ours, theirs)
    assert not any(error is None for error, _ in ours.refused)


@pytest.mark.parametrize("name", PLAYS, ids=lambda name: re.sub(r"\W+", "-", name))
def test_anvil_tells_what_memory_tells(name: str, tmp_path: pathlib.Path, anvil: worlds.Anvil) -> None:
    """They are also those of the contracts on a chain of somebody else's making."""
    worlds.check_equal(played(worlds.MemoryWorld(tmp_path), name), played(worlds.AnvilWorld(anvil), name))


def stride(player: worlds.Player, word: int) -> None:
    """Do mostly what the run waits for, sometimes anything; ``word`` decides."""
    now, seat, dice = player.run, word % SITES + 1, word // 7 % 100
    place = (now.round_index, now.attempt)
    attempt = now.current
    phase = attempt.phase if attempt is not None else run.Phase.NONE
    if dice >= 70:
        stray(player, seat, place, dice)
    elif phase is run.Phase.OPEN:
        player.submit(seat, place, place[0])
    elif phase is run.Phase.SUBMITTED:
        player.commit(seat, place)
    elif phase is run.Phase.FIXED:
        player.reveal(seat, place)
    else:
        player.submit(seat, (place[0] + 1, 0), place[0] + 1)


def stray(player: worlds.Player, seat: int, place: tuple[int, int], dice: int) -> None:
    """Do something that may be out of place."""
    acts: list[Callable[[], object]] = [
        lambda: player.later(worlds.PHASE), lambda: player.later(worlds.PHASE), lambda: player.later(worlds.PATIENCE),
        lambda: player.rotate(seat), lambda: player.result(seat, place, place[0] + 1),
        lambda: player.exit(seat, messages.ANY_ROUND), lambda: player.exit(seat, place[0]), lambda: player.drop(seat),
        lambda: player.revoke(seat), lambda: player.submit(seat, place, "other"), lambda: player.commit(seat, place),
        lambda: player.reveal(seat, place), lambda: player.ack(seat),
    ]  # fmt: skip
    acts[dice % len(acts)]()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.integers(0, 2**32), min_size=60, max_size=90))
def test_walks_are_equal(words: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is sent in whatever order, both ledgers answer and tell the same."""
    players = []
    for world in (worlds.MemoryWorld, worlds.EmbeddedWorld):
        player = worlds.Player(world(tmp_path_factory.mktemp("walk") / "chain"), SITES, (1, 4))
        player.begin()
        for each in words:
            stride(player, each)
        player.world.close()
        players.append(player)
    worlds.check_equal(*players)
