"""Participants that cheat: the others convict them by their own computation, nothing is revealed, and the run goes on without them."""

import dataclasses
import hashlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aicommons.domain import encoding, errors, events, ids, messages, run, signature
from aicommons.learning.secagg import group, header, kem, masking, session, suite
from aicommons.node import agent as agents
from aicommons.node import contributing, evidence, frames, running, verification
from aicommons.protocol import ports

Sent = tuple[bytes, bytes]
"""Header and masked vector."""


@dataclasses.dataclass(frozen=True)
class Case:
    """What a cheat has at hand."""

    agent: agents.Agent
    """The cheat."""
    attempt: agents.Attempt
    """The attempt."""
    honest: Sent
    """What it would have sent."""


class CheatingRunner(running.InlineRunner):
    """Replaces what a contribution job returns, as long as it cheats."""

    def __init__(self, change: Callable[[Case], Sent], rounds: range, attempts: range) -> None:
        super().__init__()
        self._change = change
        self._rounds = rounds
        self._attempts = attempts

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Do the job and change what it sends."""
        work = getattr(job, "__self__", None)
        if isinstance(work, contributing.Contribution):
            key = work.attempt.key
            if key.round_index in self._rounds and key.attempt in self._attempts:
                super().start(name, lambda: self._cheat(work, job()), lane)
                return
        super().start(name, job, lane)

    def _cheat(self, work: contributing.Contribution, result: bytes) -> bytes:
        head, masked, *kept = frames.split(result)
        return frames.join([*self._change(Case(work.agent, work.attempt, (head, masked))), *kept])


def flipped(data: bytes, place: int) -> bytes:
    """Return ``data`` with one bit turned."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def forged(
    case: Case,
    *,
    commit: Callable[[header.Commitment, masking.Masked], header.Commitment] = lambda commitment, _: commitment,
    in_session: Callable[[session.Session], session.Session] = lambda made: made,
    send: Callable[[bytes], bytes] = lambda masked: masked,
    word: int | None = None,
) -> Sent:
    """Return a submission that is right but for one thing, with a proof that holds; ``word`` is what all of its words are."""
    made = in_session(case.attempt.session)
    member = case.agent.member_id
    vector = np.arange(made.words, dtype=made.suite.dtype)
    if word is not None:
        vector[:] = word
    seeds = tuple(os.urandom(32) for _ in made.layout.columns)
    secret = group.reduce_wide(os.urandom(64))
    masked = masking.mask(made, member, vector, seeds)
    bytes_sent = send(bytes(suite.byte_view(masked.words)))
    located = hashlib.sha256(bytes_sent).digest()
    place = made.index_of(member)
    sealed = None if made.kem_keys is None else [kem.encapsulate(keys[place]) for keys in made.kem_keys]
    honest = header.Commitment(
        group.multiply_base(secret), masked.blob_root, located, masked.column_roots,
        ciphertexts=tuple(ciphertext for _, ciphertext in sealed or ()),
    )  # fmt: skip
    public = header.public_part(made, member, commit(honest, masked))
    nonce = group.reduce_wide(os.urandom(64))
    shared = None if sealed is None else [each for each, _ in sealed]
    built = header.build(made, member, public, secret=secret, nonce=nonce, seeds=seeds, kem_secrets=shared)
    return built, bytes_sent


def copied(case: Case) -> Sent:
    """Return what another participant sent in this attempt."""
    other = next(iter(case.attempt.seen.submits.values()))
    head = case.agent.store.get(other.header_digest, 2**20)
    parsed = header.parse(head, case.attempt.session, other.member_id)
    return head, case.agent.store.get(parsed.commitment.blob_digest, 2**20)


def wrong_root(commitment: header.Commitment, _: masking.Masked) -> header.Commitment:
    """Commit to another key in the first column."""
    return dataclasses.replace(commitment, column_roots=(b"\x01" * 32, *commitment.column_roots[1:]))


def wrong_blob_root(commitment: header.Commitment, _: masking.Masked) -> header.Commitment:
    """Commit to another vector than the one that is stored."""
    return dataclasses.replace(commitment, blob_root=b"\x01" * 32)


def small_order(commitment: header.Commitment, _: masking.Masked) -> header.Commitment:
    """Name a one-time key of small order."""
    return dataclasses.replace(
        commitment, ephemeral=bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    )


FIRST, LAST = 0, -1
CHEATS: dict[str, tuple[int, Callable[[Case], Sent], str]] = {
    "a box that does not open": (
        FIRST, lambda case: (flipped(case.honest[0], -1), case.honest[1]), "box-does-not-open",
    ),
    "a seed that is not the committed one": (FIRST, lambda case: forged(case, commit=wrong_root), "root-mismatch"),
    "another vector than committed": (
        FIRST, lambda case: forged(case, commit=wrong_blob_root), "blob-root-mismatch",
    ),
    "a vector changed after masking": (
        FIRST, lambda case: forged(case, send=lambda masked: flipped(masked, 5)), "blob-root-mismatch",
    ),
    "a vector cut short": (FIRST, lambda case: forged(case, send=lambda masked: masked[:-4]), "blob-wrong-length"),
    "an empty vector": (FIRST, lambda case: forged(case, send=lambda _: b""), "blob-wrong-length"),
    "a proof that proves nothing": (
        FIRST, lambda case: (flipped(case.honest[0], 16 + 32 * (4 + 3) + 40), case.honest[1]), "proof-invalid",
    ),
    "a one-time key of small order": (FIRST, lambda case: forged(case, commit=small_order), "point-invalid"),
    "another participant's header": (LAST, copied, "header-wrong-context"),
    "a header for another session": (
        FIRST,
        lambda case: forged(case, in_session=lambda made: dataclasses.replace(made, sid=b"\x01" * 32)),
        "header-wrong-context",
    ),
    "a header of another version": (
        FIRST, lambda case: (flipped(case.honest[0], 0), case.honest[1]), "header-wrong-version",
    ),
    "a header with other word counts": (
        FIRST, lambda case: (flipped(case.honest[0], 8), case.honest[1]), "header-wrong-words",
    ),
    "a header cut short": (FIRST, lambda case: (case.honest[0][:-1], case.honest[1]), "header-wrong-length"),
    "an empty header": (FIRST, lambda case: (b"", case.honest[1]), "header-wrong-length"),
}  # fmt: skip


def cheat(scene: Any, index: int, change: Callable[[Case], Sent], *, rounds: range, attempts: range) -> int:
    """Let the node at this place cheat; return its member id."""
    member = scene.roster[index]
    scene.change(scene.roster.index(member), runner=CheatingRunner(change, rounds, attempts))
    return member


SEEN_BY_ALL = "a vector changed after masking"


def check_convicted(scene: Any, current: Any, place: tuple[int, int], cheat: int) -> None:
    """Check that f + 1 others named a cheat on what it sent in an attempt, and that nothing uncertified was revealed in it."""
    attempt = current.attempts[place]
    judges = {judge for judge, guilty, case in attempt.verdicts if guilty == cheat and case != messages.SILENCE}
    assert judges
    assert cheat not in judges
    assert set(current.convicted) == {cheat}
    place_of = scene.simulation.commons.members[0].node.ledger.place
    assert evidence.convicted(place_of, current, len(judges) - 1) == {cheat}
    assert bool(attempt.reveals) == (attempt.phase is run.Phase.UNMASKED)


@pytest.mark.parametrize(("index", "change", "reason"), CHEATS.values(), ids=CHEATS.keys())
def test_a_cheat_is_named(stage, index: int, change: Callable[[Case], Sent], reason: str) -> None:
    """With three members a proven cheat ends the run: two cannot hide from one another."""
    with stage.scene(3) as scene:
        member = cheat(scene, index, change, rounds=range(1), attempts=range(1))
        current = scene.play()
        check_convicted(scene, current, (0, 0), member)
        assert not current.attempts[(0, 0)].reveals
        assert (current.state, current.reason) == (run.RunState.ABORTED, run.Reason.CHEATING)
        refused = [node.agent.journal.refusals(scene.run_id) for node in scene.nodes.values()]
        assert {(0, 0): (member, reason)} in refused


FOUND_BY = {
    "a box that does not open": True,
    "a seed that is not the committed one": True,
    "a vector changed after masking": False,
    "another participant's header": False,
}
"""Cheat -> whether only those who hold a box can see it, and have to complain."""


@pytest.mark.parametrize(("name", "is_private"), FOUND_BY.items(), ids=FOUND_BY.keys())
@pytest.mark.parametrize("rounds", [range(1), range(1, 2)], ids=["in the first round", "in the second"])
def test_a_run_goes_on_without_a_cheat(stage, name: str, is_private: bool, rounds: range) -> None:
    """Five members: the cheat is out of the next attempt and of all later rounds, the others end with a model.

    One bad box of five may be found too late: then that round was certified without the member that complains, and ends as it began.
    """
    index, change, _ = CHEATS[name]
    with stage.scene(5) as scene:
        member = cheat(scene, index, change, rounds=rounds, attempts=range(9))
        current = scene.play()
        check_convicted(scene, current, (rounds[0], 0), member)
        assert bool(current.attempts[(rounds[0], 0)].complaints) == is_private
        assert current.state is run.RunState.COMPLETED
        honest = tuple(each for each in scene.roster if each != member)
        is_late = current.attempts[(rounds[0], 0)].phase is run.Phase.UNMASKED
        assert not is_late or name == "a box that does not open"
        after = (rounds[0] + 1, 0) if is_late else (rounds[0], 1)
        assert current.members_of(current.attempts[after].set_bits) == honest
        assert len({tuple(digests) for of, digests in scene.states().items() if of != member}) == 1


def test_a_withheld_vector_is_waited_for(stage) -> None:
    """A vector that nobody can fetch stops nothing by name; the attempts time out and nothing is revealed."""
    with stage.scene(3) as scene:
        cheat(scene, 0, lambda case: (case.honest[0], flipped(case.honest[1], 0)), rounds=range(1), attempts=range(9))
        current = scene.play()
        assert current.state is run.RunState.ABORTED
        assert current.reason is run.Reason.TOO_MANY_ATTEMPTS
        assert not any(attempt.commits or attempt.reveals for attempt in current.attempts.values())


def test_what_was_committed_to_cannot_be_taken_away(stage) -> None:
    """A participant that erases its vector after the Commits stops nobody, not even nodes that were killed since."""
    with stage.scene(4) as scene:
        cheat = scene.member(0)

        def erase(scene) -> None:
            """Erase all that the cheat has stored, silence it, and kill all others."""
            for digest in cheat.node.journal.stored(scene.run_id):
                scene.simulation.commons.store.erase(digest)
            for index in range(1, 4):
                scene.change(index)

        when = stage.move(
            lambda view: (0, 0) in view.attempts and len(view.attempts[(0, 0)].commits) == 4,
            erase,
        )
        current = scene.play(when)
        assert current.state is run.RunState.COMPLETED
        assert [node.agent.inputs._runs for node in scene.nodes.values()] == [{}] * 4


def test_a_stopped_attempt_leaves_nothing_behind(stage) -> None:
    """When the retention time is over, nothing of a stopped attempt is left in the store or at the nodes."""
    with stage.scene(5) as scene:
        _, change, _ = CHEATS[SEEN_BY_ALL]
        cheat(scene, 0, change, rounds=range(1), attempts=range(1))
        current = scene.play()
        commons = scene.simulation.commons
        headers = [sent.header_digest for each in current.attempts.values() for sent in each.submits.values()]
        assert len(headers) == 5 + 3 * 4
        assert all(commons.store.has(digest) for digest in headers)
        assert any(node.agent.own._blobs for node in scene.nodes.values())
        commons.clock.advance(1_000)
        scene.play()
        assert not any(commons.store.has(digest) for digest in headers)
        assert [node.agent.own._blobs for node in scene.nodes.values()] == [{}] * 5


class Forger:
    """Speaks with a member's node key what its node would never say."""

    def __init__(self, scene: Any, index: int) -> None:
        self.agent = scene.nodes[scene.roster[index]].agent
        self.member = ids.MemberId(scene.roster[index])
        self._scene = scene
        self.client = scene.simulation.commons.connect(self.agent.signing._signer)
        self.run_id = scene.run_id

    def say(self, key: tuple[int, int], message: messages.Message) -> None:
        """Sign and post a message."""
        digest = encoding.message_digest(self.client.place, message)
        self.client.post(
            encoding.AttemptKey(self.run_id, *key), message, self.agent.signing._signer.sign_digest(digest)
        )

    def submit(self, place: tuple[int, int], state_digest: bytes, header: ids.Digest) -> None:
        """Announce a vector from whatever state."""
        view, key = self._scene.simulation.view(), encoding.AttemptKey(self.run_id, *place)
        committee = agents._committee(self.agent, view, self.run_id, view.roster, epoch=view.epoch)
        sid = encoding.session_id(self.client.place, key, state_digest, committee.digest)
        message = messages.Submit(sid, self.member, header)
        signed = self.agent.signing._signer.sign_digest(encoding.message_digest(self.client.place, message))
        self.client.post(key, message, signed, state_digest)


def sent(view: Any, kind: str, member: int, place: tuple[int, int] = (0, 0)) -> Any:
    """Return a message of a member as the ledger recorded it."""
    return getattr(view.attempts[place], kind)[member]


def replay(forger: Forger, view: Any, kind: str, key: tuple[int, int]) -> None:
    """Post a recorded message again, under another round or attempt."""
    event = sent(view, kind, forger.member)
    made = {
        "submits": lambda: messages.Submit(event.sid, forger.member, event.header_digest),
        "commits": lambda: messages.Commit(event.sid, forger.member, event.set_digest, event.input_digest, event.masks),
        "reveals": lambda: messages.Reveal(event.sid, forger.member, event.salt, event.mine, event.document),
    }[kind]()
    started = event.state_digest if kind == "submits" else b""
    forger.client.post(encoding.AttemptKey(forger.run_id, *key), made, event.signature, started)


REFUSED: dict[str, tuple[Callable[[Forger, Any], None], str]] = {
    "a stale Submit": (lambda forger, view: replay(forger, view, "submits", (0, 0)), "TrainingRunsWrongPhase"),
    "a stale Commit": (lambda forger, view: replay(forger, view, "commits", (0, 0)), "TrainingRunsWrongPhase"),
    "a Commit replayed into this round": (
        lambda forger, view: replay(forger, view, "commits", (1, 0)), "TrainingRunsDigestMismatch",
    ),
    "a Reveal replayed into this round": (
        lambda forger, view: replay(forger, view, "reveals", (1, 0)), "TrainingRunsWrongPhase",
    ),
    "a Submit of a later round": (
        lambda forger, view: replay(forger, view, "submits", (2, 0)), "TrainingRunsWrongPhase",
    ),
    "a Submit after the phase is over": (
        lambda forger, view: replay(forger, view, "submits", (1, 0)), "TrainingRunsWrongPhase",
    ),
    "a Commit to another set": (
        lambda forger, view: forger.say(
            (1, 0),
            messages.Commit(sent(view, "submits", forger.member, (1, 0)).sid, forger.member, bytes(32), bytes(32), bytes(32)),
        ),
        "TrainingRunsDigestMismatch",
    ),
    "a Result before its time": (
        lambda forger, view: forger.say(
            (1, 0), messages.Result(sent(view, "submits", forger.member, (1, 0)).sid, forger.member, bytes(32), bytes(32))
        ),
        "TrainingRunsWrongPhase",
    ),
    "another member's Commit": (
        lambda forger, view: forger.say(
            (1, 0), messages.Commit(bytes(32), ids.MemberId(forger.member + 1), bytes(32), bytes(32), bytes(32))
        ),
        "TrainingRunsDigestMismatch",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_stale_and_forged_messages_are_refused(stage, act: Callable[[Forger, Any], None], error: str) -> None:
    """The ledger refuses a message out of its session by the contract's error, and the run completes untouched."""
    with stage.scene(3) as scene:
        caught: list[errors.LedgerRefused] = []

        def speak(scene) -> None:
            with pytest.raises(errors.LedgerRefused) as refused:
                act(Forger(scene, 0), scene.simulation.view())
            caught.append(refused.value)

        when = stage.move(lambda view: view.round_index == 1 and view.current.phase is run.Phase.SUBMITTED, speak)
        current = scene.play(when)
        assert caught[0].error.startswith(error)
        assert current.state is run.RunState.COMPLETED
        assert len({tuple(digests) for digests in scene.states().values()}) == 1


def test_replayed_votes_open_no_round(stage) -> None:
    """A stranger who posts everybody's old Submits in a new round is refused each time, and the run completes untouched."""
    with stage.scene(5) as scene:

        def repeat(scene) -> None:
            view = scene.simulation.view()
            stranger = scene.simulation.commons.registrar._registry
            for old in [sent(view, "submits", member) for member in scene.roster]:
                message = messages.Submit(old.sid, old.member_id, old.header_digest)
                with pytest.raises(errors.LedgerRefused, match="SignatureInvalid"):
                    stranger.post(encoding.AttemptKey(scene.run_id, 1, 0), message, old.signature, old.state_digest)

        current = scene.play(stage.move(lambda view: view.unmasked(0) is not None, repeat))
        assert current.state is run.RunState.COMPLETED
        assert {attempt for _, attempt in current.attempts} == {0}
        assert len({tuple(digests) for digests in scene.states().values()}) == 1


@pytest.mark.parametrize("engine", [None, "memory"], ids=["contracts", "in memory"])
def test_another_runs_transcript_moves_nothing(stage, engine: str | None) -> None:
    """A stranger posts all that the same members signed in an earlier run: each message is refused, and the run goes its way."""
    with stage.scene(5, engine=engine) as scene:
        first = scene.play()
        second = scene.simulation.again(scene.roster)
        scene.simulation.run_id, scene.simulation.nodes = second.run_id, second.nodes
        stranger = scene.simulation.commons.registrar._registry
        refused: list[str] = []

        def replay_all(scene: Any) -> None:
            """Post the first run's messages, each in its own place of the second one."""
            for place, attempt in sorted(first.attempts.items()):
                said = [*attempt.submits.values(), *attempt.commits.values(), *attempt.reveals.values()]
                for event in [*said, *attempt.results.values()]:
                    started = event.state_digest if isinstance(event, events.Submitted) else b""
                    key = encoding.AttemptKey(scene.run_id, *place)
                    with pytest.raises(errors.LedgerRefused) as caught:
                        stranger.post(key, evidence.signed_part(event), event.signature, started)
                    refused.append(caught.value.error)

        opened = stage.move(lambda view: view.current is not None and not view.current.submits, replay_all)
        current = scene.play(opened)
        assert set(refused) >= {"TrainingRunsSignatureInvalid", "TrainingRunsWrongPhase"}
        assert current.state is run.RunState.COMPLETED
        assert {attempt for _, attempt in current.attempts} == {0}
        sids = [
            {sent.sid for attempt in each.attempts.values() for sent in attempt.submits.values()}
            for each in (first, current)
        ]
        assert not sids[0] & sids[1]


def test_one_member_cannot_keep_a_finished_run_open(stage) -> None:
    """A member that opens a next round although the learner is finished changes nothing: the others' Results complete it."""
    with stage.scene(5, plan=stage.plan(20)) as scene:

        def has_finished(view) -> bool:
            newest = scene.nodes[scene.roster[0]].agent.journal.state_index(scene.run_id)
            return newest is not None and newest[1] and view.current.phase is run.Phase.UNMASKED

        def open_another(scene) -> None:
            following = scene.simulation.view().round_index + 1
            Forger(scene, 4).submit((following, 0), b"\x66" * 32, ids.Digest(b"\x07" * 32))
            scene.leave(4)

        current = scene.play(stage.move(has_finished, open_another))
        last = current.attempts[(current.round_index, 0)]
        assert (last.phase, set(last.submits)) == (run.Phase.OPEN, {scene.roster[4]})
        assert (current.state, current.reason) == (run.RunState.COMPLETED, run.Reason.FINISHED)
        assert current.agreed.rounds_done == current.round_index
        assert current.model is not None
        assert run.RunState.PAUSED not in scene.history
        commons = scene.simulation.commons
        place = commons.registrar._registry.place
        assert verification.verify(current, scene.run_id, commons.store, place).problem is None


def test_a_node_with_another_state_does_not_speak(stage, caplog: pytest.LogCaptureFixture) -> None:
    """A node whose state differs from the agreed one sends nothing: its masked vector would be in no set."""
    with stage.scene(5) as scene:
        odd = scene.roster[4]

        def derail(scene) -> None:
            kept = scene.nodes[odd].agent.journal
            kept._db.execute("UPDATE state SET digest = ? WHERE position = 1", (b"\x66" * 32,))
            scene.change(4)
            scene.leave(4)

        def rejoin(scene) -> None:
            scene.come_back(4)

        current = scene.play(
            stage.move(lambda view: scene.nodes[odd].agent.journal.state_index(scene.run_id) == (1, False), derail),
            stage.move(lambda view: view.state is run.RunState.PAUSED, rejoin),
        )
        assert "is not the one that was agreed" in caplog.text
        assert odd not in current.attempts[(1, 0)].submits
        assert (current.state, current.agreed.rounds_done) == (run.RunState.ENDED, 1)


def test_votes_are_on_the_ledger_with_their_signatures(stage) -> None:
    """Every message of a run can be held against the roster from the ledger's events alone."""
    with stage.scene(3) as scene:
        current = scene.play()
        keys = dict(zip(current.roster.member_ids, current.roster.node_keys, strict=True))
        place = scene.simulation.commons.registrar._registry.place
        for attempt in current.attempts.values():
            for event in attempt.submits.values():
                assert isinstance(event, events.Submitted)
                message = messages.Submit(event.sid, event.member_id, event.header_digest)
                digest = encoding.message_digest(place, message)
                assert signature.is_signed_by(digest, event.signature, keys[event.member_id])
