"""A ledger that lies to one node: the node refuses by name and reveals nothing; the others are not harmed."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from tests.scenarios import test_tampering as tampering

from aicommons.domain import encoding, errors, events, ids, messages, run
from aicommons.learning.secagg import complaints
from aicommons.ledger import client, wallet
from aicommons.node import agent as agents
from aicommons.node import concluding, evidence, reconciler

VICTIM = 3
"""Place on the roster of four."""
Lie = Callable[[Any, events.Event], Iterable[events.Event]]
"""The events that the node is shown in place of one."""


class LyingLedger(client.Client):
    """A ledger that shows a node other events than there are, and may keep its messages to itself."""

    def __init__(self, scene: Any, signer: Any, lie: Lie, *, is_deaf: bool = False) -> None:
        commons = scene.simulation.commons
        super().__init__(commons._connection, commons.deployment, signer)
        self.scene = scene
        self.posted: list[messages.Message] = []
        self.refused: list[str] = []
        self._lie = lie
        self._is_deaf = is_deaf
        self._queue: list[events.Event] = []
        self.insists = False

    def state(self, run_id: ids.RunId) -> run.RunState:
        """Say that the run is over, or the truth."""
        return run.RunState.ENDED if self.insists else super().state(run_id)

    def poll(self) -> Sequence[events.Event]:
        """Show the lies."""
        told = [*super().poll(), *self._queue]
        self._queue = []
        return [shown for event in told for shown in self._lie(self, event)]

    def post(
        self, key: encoding.AttemptKey, message: messages.Message, signed: bytes, state_digest: bytes = b""
    ) -> None:
        """Record what the node says; a deaf ledger shows the node's Commit to the node alone."""
        self.posted.append(message)
        if not self._is_deaf or not isinstance(message, messages.Commit | messages.Reveal):
            super().post(key, message, signed, state_digest)
        elif isinstance(message, messages.Commit):
            rest = (message.set_digest, message.input_digest, message.masks, signed)
            place = (key.run_id, message.member_id, key.round_index, key.attempt, message.sid)
            self._queue.append(events.Committed(events.Position(10**6, 0, 0), *place, *rest))

    def refuse(self, key: encoding.AttemptKey, member_id: ids.MemberId, accused: ids.MemberId, reason: str) -> None:
        """Keep refusals to itself too: the others are to go on."""
        self.refused.append(reason)


def other_key(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show a roster with a key of the liar's own."""
    if isinstance(event, events.RosterFixed):
        return [dataclasses.replace(event, node_keys=(ids.Address(b"\x66" * 20), *event.node_keys[1:]))]
    return [event]


def fewer_members(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show a roster without its first member."""
    if isinstance(event, events.RosterFixed):
        return [dataclasses.replace(event, member_ids=event.member_ids[1:], node_keys=event.node_keys[1:])]
    return [event]


def other_dataset(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show that the node's own seat brings another dataset."""
    return [dataclasses.replace(event, dataset_id=1)] if isinstance(event, events.Enrolled) else [event]


def other_consent(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show that the node's own seat came under another consent."""
    return [dataclasses.replace(event, consent_id=b"\x66" * 32)] if isinstance(event, events.Enrolled) else [event]


def set_without_the_first(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show from round 1 on a participant set without the first member."""
    if isinstance(event, events.PhaseEntered) and event.round_index >= 1 and event.phase >= run.Phase.SUBMITTED:
        return [dataclasses.replace(event, set_bits=event.set_bits & ~1)]
    return [event]


def set_of_two(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show a participant set of two."""
    if isinstance(event, events.PhaseEntered) and event.phase >= run.Phase.SUBMITTED:
        return [dataclasses.replace(event, set_bits=0b1001)]
    return [event]


def forged_exit(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show from round 1 on that the first member left, which it never signed, and a set without it."""
    if isinstance(event, events.PhaseEntered) and event.round_index == 1 and event.phase is run.Phase.SUBMITTED:
        first = ids.MemberId(ledger.scene.roster[0])
        left = events.Exited(event.at, event.run_id, first, messages.ANY_ROUND, b"")
        return [left, dataclasses.replace(event, set_bits=event.set_bits & ~1)]
    return set_without_the_first(ledger, event)


def old_verdicts(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show from round 1 on that the first member was convicted, by verdicts that two others signed in another run."""
    shown = set_without_the_first(ledger, event)
    if shown == [event] or event.phase is not run.Phase.SUBMITTED:
        return shown
    first, *others = ledger.scene.roster[:VICTIM]
    told = [replayed_verdict(ledger.scene, event, by, first, b"\x07" * 32) for by in others]
    return [*told, events.Convicted(event.at, event.run_id, ids.MemberId(first), b"\x07" * 32), *shown]


def replayed_verdict(
    scene: Any, at: Any, by: int, guilty: int, case: bytes, *, sid: bytes = b"\x66" * 32
) -> events.VerdictGiven:
    """Return a verdict of a session under a member's true signature, shown in the attempt of ``at``."""
    place = (at.at, at.run_id, ids.MemberId(by), at.round_index, at.attempt, sid)
    said = events.VerdictGiven(*place, case, ids.MemberId(guilty), b"")
    agent = scene.nodes[by].agent
    digest = encoding.message_digest(agent.ledger.place, evidence.accusation(said))
    return dataclasses.replace(said, signature=agent.signing._signer.sign_digest(digest))


def replays(kind: type[events.Submitted | events.Revealed]) -> Lie:
    """Show in round 1 what the first member truly signed in round 0."""
    kept: list[Any] = []

    def lie(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
        if not isinstance(event, kind) or event.member_id != ledger.scene.roster[0] or event.round_index > 1:
            return [event]
        kept.append(event)
        return [dataclasses.replace(kept[0], at=event.at, round_index=event.round_index, attempt=event.attempt)]

    return lie


def other_header(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show another header digest in a Submit than its member signed."""
    if isinstance(event, events.Submitted) and event.member_id != 5:
        return [dataclasses.replace(event, header_digest=ids.Digest(b"\x66" * 32))]
    return [event]


def other_session(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show a Submit under another session."""
    if isinstance(event, events.Submitted):
        return [dataclasses.replace(event, sid=b"\x66" * 32)]
    return [event]


def other_point(_: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show another epoch point in an Ack than its member signed."""
    return [dataclasses.replace(event, point=b"\x66" * 32)] if isinstance(event, events.Acked) else [event]


def hidden_submit(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Hide the first member's Submit."""
    is_first = isinstance(event, events.Submitted) and event.member_id == ledger.scene.roster[0]
    return [] if is_first else [event]


def dropped_commits(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show the round as certified but hide the first two members' Commits."""
    is_dropped = isinstance(event, events.Committed) and event.member_id in ledger.scene.roster[:2]
    return [] if is_dropped else [event]


def forged_commits(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Hide the others' Commits and show unsigned ones in their place."""
    if isinstance(event, events.Committed) and event.member_id != ledger.scene.roster[VICTIM]:
        return [dataclasses.replace(event, signature=b"\x01" * 64 + b"\x1b")]
    return [event]


def second_set(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """A fork: show this node the set without the first member, its own Commit to it, and the others' bent to fit."""
    if isinstance(event, events.PhaseEntered) and event.phase >= run.Phase.SUBMITTED:
        return [dataclasses.replace(event, set_bits=event.set_bits & ~1)]
    if isinstance(event, events.Committed) and event.member_id != ledger.scene.roster[VICTIM]:
        own = [message for message in ledger.posted if isinstance(message, messages.Commit)]
        if not own:
            ledger._queue.append(event)
            return []
        bent = dataclasses.replace(event, set_digest=own[-1].set_digest, input_digest=own[-1].input_digest)
        return [bent]
    return [event]


@dataclasses.dataclass(frozen=True)
class Row:
    """A lie and what the node says to it."""

    lie: Lie
    """What is shown."""
    said: str
    """Words in the node's log, or the reason of its refusal."""
    is_deaf: bool = False
    """Whether the node's Commits and Reveals reach nobody."""
    commits: bool = False
    """Whether the node commits before it notices."""


ROWS: dict[str, Row] = {
    "another key in the roster": Row(other_key, "another roster than the operator confirmed"),
    "a member missing from the roster": Row(fewer_members, "another roster than the operator confirmed"),
    "another dataset of the node's own": Row(other_dataset, "another problem, dataset or consent"),
    "another consent": Row(other_consent, "another problem, dataset or consent"),
    "another epoch point": Row(other_point, "an Ack is not signed"),
    "a Submit nobody signed": Row(other_header, "submit-signature"),
    "a Submit of another session": Row(other_session, "submit-session"),
    "a Submit hidden": Row(hidden_submit, "submit-missing"),
    "a set of two": Row(set_of_two, "set-too-small"),
    "a second participant set": Row(set_without_the_first, "set-changed", commits=True),
    "an exit that nobody signed": Row(forged_exit, "set-changed", commits=True),
    "verdicts of another run": Row(old_verdicts, "set-changed", commits=True),
    "Commits dropped": Row(dropped_commits, "no certificate", commits=True),
    "Commits that nobody signed": Row(forged_commits, "no certificate", commits=True),
    "a fork with a second set": Row(second_set, "no certificate", is_deaf=True, commits=True),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_lie_reveals_nothing(stage, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    """The node names what is wrong and, in a round in which it was lied to, opens no masks."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(4) as scene:
        victim = scene.roster[VICTIM]
        agent = scene.nodes[victim].agent
        ledger = LyingLedger(scene, agent.signing._signer, row.lie, is_deaf=row.is_deaf)
        scene.nodes[victim] = reconciler.Reconciler(dataclasses.replace(agent, ledger=ledger))
        scene.play(passes=60, must_end=False)  # the node waits for what never comes
        reasons = {reason for _, reason in agent.journal.refusals(scene.run_id).values()}
        assert row.said in reasons or row.said in caplog.text.replace("are no certificate", "no certificate")
        lied_to = 1 if row.said == "set-changed" else 0
        current = scene.simulation.view()
        for place, attempt in current.attempts.items():
            if place[0] >= lied_to:
                assert victim not in attempt.reveals
        honest = {message.sid for message in ledger.posted if isinstance(message, messages.Reveal)}
        assert len(honest) <= lied_to
        assert any(isinstance(message, messages.Commit) for message in ledger.posted) == row.commits
        before_all = {ROWS[name].said for name in ("another key in the roster", "another consent")}
        assert any(isinstance(m, messages.Ack) for m in ledger.posted) == (row.said not in before_all)


@pytest.mark.parametrize("kind", [events.Submitted, events.Revealed], ids=["a Submit", "a Reveal"])
def test_what_was_signed_elsewhere_is_judged_by_nobody(stage, kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An honest member's message of another round, shown in this one under its true signature, is no proof of anything."""
    caplog.set_level("INFO", logger="aicommons.node")
    with stage.scene(4) as scene:
        victim = scene.roster[VICTIM]
        agent = scene.nodes[victim].agent
        ledger = LyingLedger(scene, agent.signing._signer, replays(kind))
        scene.nodes[victim] = reconciler.Reconciler(dataclasses.replace(agent, ledger=ledger))
        current = scene.play(passes=60, must_end=False)
        assert not any(isinstance(message, messages.Verdict) for message in ledger.posted)
        assert not current.convicted
        assert "a participant starts from another state" in caplog.text or "a Reveal is not signed" in caplog.text


class Forgetful:
    """A store that refuses the first evidence of a complaint."""

    def __init__(self, store: Any) -> None:
        self._inner = store
        self.has_refused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, data: bytes) -> ids.Digest:
        """Keep bytes, but for the first evidence."""
        if len(data) == complaints.EVIDENCE_BYTES and not self.has_refused:
            self.has_refused = True
            raise errors.StoreRefused("the store is in league with a cheat", which="evidence")
        return self._inner.put(data)


class TwoHeaders(LyingLedger):
    """Shows one node another bad header of the second member, signed by it, until evidence was made, and then the true one."""

    def __init__(self, scene: Any, signer: Any, store: Forgetful) -> None:
        super().__init__(scene, signer, self._other)
        self._store = store
        self._true: events.Submitted | None = None
        self._has_told = False

    def poll(self) -> Sequence[events.Event]:
        """Show the true header once the first evidence was refused."""
        told = list(super().poll())
        if self._store.has_refused and not self._has_told and self._true is not None:
            self._has_told = True
            told.append(self._true)
        return told

    def _other(self, _: LyingLedger, event: events.Event) -> list[events.Event]:
        liar = self.scene.roster[1]
        is_meant = isinstance(event, events.Submitted) and (event.member_id, event.round_index) == (liar, 1)
        if not is_meant or self._true is not None:
            return [event]
        self._true, agent = event, self.scene.nodes[liar].agent
        digest = agent.store.put(tampering.flipped(agent.store.get(event.header_digest, 2**20), -2))
        message = messages.Submit(event.sid, event.member_id, digest)
        signed = agent.signing._signer.sign_digest(encoding.message_digest(self.place, message))
        return [dataclasses.replace(event, header_digest=digest, signature=signed)]


def lead_astray(scene: Any) -> TwoHeaders:
    """Let the second member send a bad box to the last one, which is shown two headers of it; return what it is shown."""

    def bad(case: tampering.Case) -> tampering.Sent:
        return tampering.flipped(case.honest[0], -1), case.honest[1]

    tampering.cheat(scene, 1, bad, rounds=range(1, 2), attempts=range(9))
    agent = scene.nodes[scene.roster[VICTIM]].agent
    store = Forgetful(agent.store)
    ledger = TwoHeaders(scene, agent.signing._signer, store)
    lied = dataclasses.replace(agent, ledger=ledger, store=store)
    scene.nodes[scene.roster[VICTIM]] = reconciler.Reconciler(lied)
    return ledger


def test_evidence_belongs_to_one_header(stage) -> None:
    """Whoever is shown two headers of one session complains about the first at most, with the evidence made for it."""
    with stage.scene(4) as scene:
        ledger = lead_astray(scene)
        current = scene.play(passes=80, must_end=False)
        assert ledger._store.has_refused
        assert ledger._has_told
        true = current.attempts[1, 0].submits[scene.roster[1]].header_digest
        said = [message for message in ledger.posted if isinstance(message, messages.Complain)]
        assert all(message.header_digest != true for message in said)
        assert not current.convicted


def test_results_of_another_session_end_no_run(stage) -> None:
    """That a quorum signed equal Results is an end only where they are of this run's last session."""
    with stage.scene(4) as scene:
        current = scene.play()
        agent = scene.nodes[scene.roster[0]].agent
        assert concluding.is_end_signed(agent, scene.run_id, current)
        place = next(place for place, attempt in current.attempts.items() if attempt.results)
        replayed = {}
        for member, sent in current.attempts[place].results.items():
            other = dataclasses.replace(sent, sid=b"\x66" * 32)
            digest = encoding.message_digest(agent.ledger.place, evidence.signed_part(other))
            signed = scene.nodes[member].agent.signing._signer.sign_digest(digest)
            replayed[member] = dataclasses.replace(other, signature=signed)
        attempts = current.attempts | {place: dataclasses.replace(current.attempts[place], results=replayed)}
        assert not concluding.is_end_signed(agent, scene.run_id, dataclasses.replace(current, attempts=attempts))


@pytest.mark.parametrize("epoch", [1, 2**31], ids=["the next epoch", "an epoch of which nobody could count up to"])
def test_new_keys_that_nobody_signed_cost_no_key(stage, epoch: int) -> None:
    """Old keys go when a quorum signed new ones, not because a ledger says so."""

    def lie(_: LyingLedger, event: events.Event) -> list[events.Event]:
        is_first = isinstance(event, events.PhaseEntered) and (event.round_index, event.phase) == (0, run.Phase.OPEN)
        return [events.Rotated(event.at, event.run_id, epoch, 0), event] if is_first else [event]

    with stage.scene(4) as scene:
        agent = lied_to(scene, lie)
        for _ in range(3):
            scene.nodes[scene.roster[VICTIM]].step()
        assert agent.signing.keys.get(scene.run_id, 0) is not None


def test_other_inputs_in_one_session(stage) -> None:
    """A node that fixed masks of some inputs never opens them when the ledger shows other inputs in the same session."""
    with stage.scene(4) as scene:
        victim = scene.roster[VICTIM]

        def change(scene) -> None:
            """Forget the Commit, as if it was never sent, and show a smaller set."""
            agent = scene.nodes[victim].agent
            agent.signing._db.execute("DELETE FROM signed WHERE kind IN ('Commit', 'set')")

            def lie(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
                if isinstance(event, events.Committed) and event.member_id == victim:
                    return []
                if isinstance(event, events.PhaseEntered) and event.phase >= run.Phase.SUBMITTED:
                    return [dataclasses.replace(event, phase=run.Phase.SUBMITTED, set_bits=event.set_bits & ~1)]
                return [event]

            ledger = LyingLedger(scene, agent.signing._signer, lie, is_deaf=True)
            scene.nodes[victim] = reconciler.Reconciler(dataclasses.replace(scene.restarted(agent), ledger=ledger))

        when = stage.move(
            lambda view: (
                (0, 0) in view.attempts
                and victim in view.attempts[(0, 0)].commits
                and victim not in view.attempts[(0, 0)].reveals
            ),
            change,
        )
        scene.play(when, passes=40, must_end=False)
        node = scene.nodes[victim]
        assert {reason for _, reason in node.agent.journal.refusals(scene.run_id).values()} == {"inputs-changed"}
        assert not any(isinstance(message, messages.Commit | messages.Reveal) for message in node.agent.ledger.posted)


def run_over(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show the run as cancelled as soon as its rounds begin."""
    if isinstance(event, events.PhaseEntered):
        over = events.RunStateChanged(event.at, event.run_id, run.RunState.ENDED, 0, run.Reason.CANCELLED, 0, 0)
        return [event, over]
    return [event]


def own_commit_under_another_key(ledger: LyingLedger, event: events.Event) -> list[events.Event]:
    """Show a roster with the liar's key in the node's seat, and a Commit that this key signed."""
    victim = ledger.scene.roster[VICTIM]
    if isinstance(event, events.RosterFixed):
        return [dataclasses.replace(event, node_keys=(*event.node_keys[:-1], LIAR.address))]
    if isinstance(event, events.PhaseEntered) and event.phase is run.Phase.OPEN:
        message = messages.Commit(bytes(32), ids.MemberId(victim), bytes(32), bytes(32), bytes(32))
        signed = LIAR.sign_digest(encoding.message_digest(ledger.place, message))
        place = (event.run_id, ids.MemberId(victim), event.round_index, event.attempt)
        return [event, events.Committed(event.at, *place, bytes(32), bytes(32), bytes(32), bytes(32), signed)]
    return [event]


LIAR = wallet.Wallet(b"\x66" * 32)


def lied_to(scene: Any, lie: Lie) -> agents.Agent:
    """Let the victim acknowledge, then start it again with a ledger that lies."""
    victim = scene.roster[VICTIM]
    for node in scene.nodes.values():
        node.step()
    agent = scene.restarted(scene.nodes[victim].agent)
    assert agent.signing.keys.get(scene.run_id, 0) is not None
    ledger = LyingLedger(scene, agent.signing._signer, lie)
    scene.nodes[victim] = reconciler.Reconciler(dataclasses.replace(agent, ledger=ledger))
    return scene.nodes[victim].agent


@pytest.mark.parametrize("insists", [True, False], ids=["and says so again when asked", "but not when asked"])
def test_a_run_said_to_be_over_keeps_its_key_for_a_while(stage, insists: bool) -> None:
    """Where nobody signed the end of a run, the key stays for ten minutes, and longer if the contract knows no end."""
    with stage.scene(4) as scene:
        agent = lied_to(scene, run_over)
        agent.ledger.insists = insists
        node = scene.nodes[scene.roster[VICTIM]]
        for seconds, is_there in ((0, True), (599, True), (2, not insists)):
            scene.simulation.commons.clock.advance(seconds)
            node.step()
            assert (agent.signing.keys.get(scene.run_id, 0) is not None) == is_there
            assert agent.journal.report(scene.run_id) is not None


def test_a_false_roster_destroys_no_key(stage, caplog: pytest.LogCaptureFixture) -> None:
    """A Commit that another key signed for this seat is no sign of a rolled-back journal."""
    with stage.scene(4) as scene:
        agent = lied_to(scene, own_commit_under_another_key)
        scene.nodes[scene.roster[VICTIM]].step()
        assert agent.signing.keys.get(scene.run_id, 0) is not None
        assert "rolled back" not in caplog.text


def test_an_unconfirmed_run_is_not_touched(stage) -> None:
    """Without its operator's confirmation a node does nothing in a run."""
    with stage.scene(3) as scene:
        agent = scene.nodes[scene.roster[0]].agent
        agent.journal._db.execute("DELETE FROM pin")
        current = scene.play()
        assert (current.state, current.reason) == (run.RunState.ABORTED, run.Reason.ACK_MISSING)
        assert scene.roster[0] not in current.acks


def test_a_second_pin_is_refused(stage) -> None:
    """An operator cannot confirm another roster for a run that is confirmed."""
    with stage.scene(3) as scene:
        kept = scene.nodes[scene.roster[0]].agent.journal
        pin = kept.pinned(scene.run_id)
        with pytest.raises(errors.JournalConflict):
            kept.pin(scene.run_id, dataclasses.replace(pin, roster=b"\x66" * 32))
