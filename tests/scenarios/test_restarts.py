"""Nodes killed at every boundary: the run completes, nothing is signed twice differently, no second header is sent."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.scenarios import test_lying_ledger as lying

from aicommons.domain import encoding, errors, events, ids, messages, run
from aicommons.node import agent as agents
from aicommons.node import epoch_keys, journal, reconciler, signing


class Killed(BaseException):
    """The process is gone."""


class Deaths:
    """Kills a node before and after everything that it does: each call is made three times."""

    def __init__(self) -> None:
        self.met: dict[object, int] = {}

    def around(self, name: object, act: Callable[[], Any]) -> Any:
        """Die before the first time, after the second time, and let the third pass."""
        times = self.met[name] = self.met.get(name, 0) + 1
        if times == 1:
            raise Killed(name)
        result = act()
        if times == 2:
            raise Killed(name)
        return result


class MortalLedger:
    """The ledger as seen by a node that dies around every message."""

    def __init__(self, inner: Any, deaths: Deaths) -> None:
        self._inner = inner
        self._deaths = deaths

    @property
    def place(self) -> encoding.Place:
        """As the ledger's."""
        return self._inner.place

    def poll(self) -> Sequence[events.Event]:
        """As the ledger's."""
        return self._inner.poll()

    def post(
        self, key: encoding.AttemptKey, message: messages.Message, signed: bytes, state_digest: bytes = b""
    ) -> None:
        """Die before and after the message is recorded."""
        self._deaths.around(message, lambda: self._inner.post(key, message, signed, state_digest))

    def state(self, run_id: ids.RunId) -> run.RunState:
        """As the ledger's."""
        return self._inner.state(run_id)

    def advance(self, run_id: ids.RunId) -> None:
        """As the ledger's."""
        self._inner.advance(run_id)

    def register_model(self, run_id: ids.RunId, card: ids.Digest, state_digest: bytes, licence: bytes) -> None:
        """Die before and after the model is recorded."""
        self._deaths.around(
            ("register", run_id), lambda: self._inner.register_model(run_id, card, state_digest, licence)
        )


class MortalStore:
    """A store as seen by a node that dies around every blob that it puts or erases."""

    def __init__(self, inner: Any, deaths: Deaths) -> None:
        self._inner = inner
        self._deaths = deaths

    @property
    def sent_bytes(self) -> int:
        """As the store's."""
        return self._inner.sent_bytes

    def put(self, data: bytes) -> bytes:
        """Die before and after the blob is kept."""
        return self._deaths.around(("put", ids.digest(data)), lambda: self._inner.put(data))

    def get(self, digest: bytes, limit: int) -> bytes:
        """As the store's."""
        return self._inner.get(digest, limit)

    def has(self, digest: bytes) -> bool:
        """As the store's."""
        return self._inner.has(digest)

    def erase(self, digest: bytes) -> None:
        """Die before and after the blob is erased."""
        self._deaths.around(("erase", digest), lambda: self._inner.erase(digest))


class MortalJournal(journal.Journal):
    """A journal of a node that dies around every record."""

    deaths: Deaths

    def _write(self, statement: str, values: tuple[object, ...] | dict[str, object]) -> None:
        given = values.values() if isinstance(values, dict) else values[:2]
        named = (statement, tuple(value for value in given if not isinstance(value, float)))  # a time is never the same
        self.deaths.around(named, lambda: journal.Journal._write(self, statement, values))


class MortalSigning(signing.SigningJournal):
    """A signing journal of a node that dies around every record."""

    deaths: Deaths

    def bind(self, kind: str, scope: bytes, digest: bytes) -> None:
        """Die before and after the word is given."""
        self.deaths.around(("bind", kind, scope), lambda: signing.SigningJournal.bind(self, kind, scope, digest))

    def keep_payload(self, kind: str, scope: bytes, data: bytes) -> None:
        """Die before and after the bytes are kept."""
        keep = signing.SigningJournal.keep_payload
        self.deaths.around(("payload", kind, scope), lambda: keep(self, kind, scope, data))


class MortalKeys(epoch_keys.EpochKeys):
    """Epoch keys of a node that dies around every change of one."""

    deaths: Deaths

    def make(self, run_id: ids.RunId, epoch: int, secret: bytes) -> bytes:
        """Die before and after the key is kept."""
        make = epoch_keys.EpochKeys.make
        return self.deaths.around(("key", run_id), lambda: make(self, run_id, epoch, secret))

    def erase(self, run_id: ids.RunId, epoch: int) -> None:
        """Die before and after the key is erased."""
        erase = epoch_keys.EpochKeys.erase
        self.deaths.around(("erase key", run_id), lambda: erase(self, run_id, epoch))


@dataclasses.dataclass
class Mortal:
    """A node that is started again whenever it dies, from what is on its disk."""

    scene: Any
    index: int
    deaths: Deaths
    agent: agents.Agent
    """Its latest process."""
    inner: reconciler.Reconciler | None = None
    died: int = 0

    def start(self) -> reconciler.Reconciler:
        """Start a process: journals reopened, nothing in memory, the ledger read from its beginning."""
        commons = self.scene.simulation.commons
        signer, place = self.agent.signing._signer, self.agent.ledger.place
        folder = self.agent.journal._path.parent
        self.agent.journal.close()
        self.agent.signing.close()
        kept, keys = MortalJournal(folder / "journal.db"), MortalSigning(folder / "signing.db", signer, place)
        keys.keys = MortalKeys(folder / "epochs", keys)
        kept.deaths = keys.deaths = keys.keys.deaths = self.deaths
        fresh = self.scene.restarted(dataclasses.replace(self.agent, journal=kept, signing=keys))
        self.agent = dataclasses.replace(
            fresh,
            ledger=MortalLedger(fresh.ledger, self.deaths),
            store=MortalStore(commons.store, self.deaths),
        )
        return reconciler.Reconciler(self.agent)

    def step(self) -> int:
        """Do one pass; a death is a pass with something to do."""
        if self.inner is None:
            self.inner = self.start()
        try:
            return self.inner.step()
        except Killed:
            self.inner = None
            self.died += 1
            return 1


def make_mortal(scene: Any, *indexes: int) -> list[Mortal]:
    """Let the nodes at these places die around everything they do."""
    mortals = []
    for index in indexes:
        agent = scene.nodes[scene.roster[index]].agent
        mortal = Mortal(scene, index, Deaths(), agent)
        mortals.append(mortal)
        scene.nodes[scene.roster[index]] = mortal
    return mortals


def check_record(scene: Any, current: Any) -> None:
    """Check that on the whole ledger no member ever said two things in one session, and used one header per session."""
    commons = scene.simulation.commons
    words: dict[tuple[str, bytes, int], set[events.Event]] = {}
    headers: dict[bytes, tuple[bytes, int]] = {}
    for event in commons.connect(commons.operator).poll():
        if isinstance(event, events.Attempted):
            said = dataclasses.replace(event, at=events.Position(0, 0, 0))
            words.setdefault((type(event).__name__, event.sid, event.member_id), set()).add(said)
        if isinstance(event, events.Submitted):
            before = headers.setdefault(event.header_digest, (event.sid, event.member_id))
            assert before == (event.sid, event.member_id)
    assert all(len(said) == 1 for said in words.values())
    assert len({tuple(digests) for digests in scene.states().values()}) == 1
    assert current.agreed.state_digest == next(iter(scene.states().values()))[-1]


@pytest.mark.parametrize("indexes", [(0,), (2,), (0, 1, 2)], ids=["the first", "the last", "all"])
def test_killed_at_every_boundary(stage, indexes: tuple[int, ...]) -> None:
    """Nodes that die before and after every record, blob and message complete the run as if nothing had happened."""
    with stage.scene(3, phase_seconds=3_000) as scene:
        mortals = make_mortal(scene, *indexes)
        current = scene.play(passes=3_000)
        assert (current.state, current.model is not None) == (run.RunState.COMPLETED, True)
        assert all(mortal.died > 100 for mortal in mortals), [mortal.died for mortal in mortals]
        check_record(scene, current)
        assert set(current.attempts) == {(0, 0), (1, 0), (2, 0)}


def test_masks_made_again_are_the_same(stage) -> None:
    """A node killed between its Commit and its Reveal computes the same mask sums again and opens its Commit."""
    with stage.scene(3) as scene:
        is_committed = stage.move(
            lambda view: len(view.attempts.get((1, 0)).commits) == 3 if (1, 0) in view.attempts else False,
            lambda scene: [scene.change(index) for index in range(3)],
        )
        current = scene.play(is_committed)
        assert current.state is run.RunState.COMPLETED
        assert current.attempts[(1, 0)].phase is run.Phase.UNMASKED


def restored(agent: agents.Agent) -> agents.Agent:
    """Return a node whose signing journal is an older copy: it has the epoch key and forgot its Commits."""
    agent.signing._db.execute("DELETE FROM signed WHERE kind IN ('Commit', 'set')")
    return agent


def test_a_rolled_back_journal_destroys_its_key(stage, caplog: pytest.LogCaptureFixture) -> None:
    """A node that finds a Commit of its own on the ledger which its journal does not know never signs in this run again."""
    with stage.scene(5) as scene:

        def roll_back(scene) -> None:
            agent = scene.nodes[scene.roster[1]].agent
            scene.nodes[scene.roster[1]] = reconciler.Reconciler(scene.restarted(restored(agent)))

        def note(scene) -> None:
            paused.append(scene.nodes[scene.roster[1]].agent.signing.keys.is_erased(scene.run_id, 0))

        paused: list[bool] = []
        current = scene.play(
            stage.move(lambda view: view.round_index == 1 and view.current.phase >= run.Phase.FIXED, roll_back),
            stage.move(lambda view: view.state is run.RunState.PAUSED, note),
        )
        agent = scene.nodes[scene.roster[1]].agent
        assert paused == [True]
        assert "rolled back" in caplog.text
        assert (current.state, current.reason) == (run.RunState.ENDED, run.Reason.PATIENCE_OVER)
        assert scene.roster[1] not in current.attempts[(1, 0)].reveals
        with pytest.raises(errors.JournalConflict):
            agent.signing.keys.make(scene.run_id, 0, bytes(32))


def test_a_faithful_journal_keeps_its_key(stage, caplog: pytest.LogCaptureFixture) -> None:
    """A restart with the whole journal finds its own Commits and goes on."""
    with stage.scene(3) as scene:
        again = stage.move(lambda view: view.round_index == 2, lambda scene: scene.change(1))
        assert scene.play(again).state is run.RunState.COMPLETED
        assert "rolled back" not in caplog.text


def forgetful(ledger: lying.LyingLedger, event: events.Event) -> list[events.Event]:
    """Show a set of one site fewer in every round but the first."""
    is_fixed = isinstance(event, events.PhaseEntered) and event.round_index and event.phase > run.Phase.OPEN
    return [dataclasses.replace(event, set_bits=event.set_bits & ~1) if is_fixed else event]


@pytest.mark.parametrize("is_lied_to", [False, True], ids=["by an honest ledger", "by one that shows another set"])
def test_a_node_from_a_backup_waits_for_new_keys(stage, *, is_lied_to: bool) -> None:
    """Without its signing journal it has no epoch key: it asks for new ones in the pause, and finds its word in its old Commits."""
    with stage.scene(5) as scene:

        def restore(scene) -> None:
            member = scene.roster[3]
            agent = scene.nodes[member].agent
            signer, path = agent.signing._signer, agent.signing._path
            agent.signing.close()
            path.unlink()
            empty = signing.SigningJournal(path, signer, agent.ledger.place)
            lied = {"ledger": lying.LyingLedger(scene, signer, forgetful)} if is_lied_to else {}
            scene.change(3, signing=empty, **lied)

        current = scene.play(
            stage.move(lambda view: view.round_index == 1, restore), must_end=not is_lied_to, passes=300
        )
        assert current.epoch == 1
        committed = {place for place, attempt in current.attempts.items() if scene.roster[3] in attempt.commits}
        assert (max(committed) > (1, 0)) is not is_lied_to
        refused = {reason for _, reason in scene.nodes[scene.roster[3]].agent.journal.refusals(scene.run_id).values()}
        assert ("set-changed" in refused) is is_lied_to
