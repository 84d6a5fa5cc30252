"""Accusations after the boxes: false sums, false complaints, silence. One of the two is convicted, and never an honest one."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.scenarios import test_lying_ledger as lying
from tests.scenarios import test_tampering as tampering

from aicommons.domain import encoding, errors, events, ids, messages, run
from aicommons.learning.secagg import keys, masks, suite
from aicommons.node import agent as agents
from aicommons.node import evidence, mask_sums, reconciler, running, verification
from aicommons.protocol import duties, ports

ROUND = 1


class LyingSums(mask_sums.MaskSums):
    """Sums the masks, and adds one to the first word of each."""

    def sums(self) -> Iterator[masks.ColumnSum]:
        """Yield false sums with commitments that fit them."""
        for each in mask_sums.MaskSums.sums(self):
            words = each.words.copy()
            words[0] += 1
            leaves = tuple(keys.chunk_hashes(suite.byte_view(words)))
            named = masks.manifest(
                self.attempt.session, each.column, self.inputs.input_digest, leaves=leaves, cell=each.cell
            )
            yield dataclasses.replace(each, words=words, leaves=leaves, manifest=named)


class LyingRunner(running.InlineRunner):
    """Replaces the job behind a Commit in one round."""

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Do another job where sums of masks are asked for."""
        work = getattr(job, "__self__", None)
        if isinstance(work, mask_sums.MaskSums) and work.attempt.key.round_index == ROUND:
            fields = {field.name: getattr(work, field.name) for field in dataclasses.fields(work)}
            job = LyingSums(**fields).work
        super().start(name, job, lane)


@pytest.mark.parametrize("sites", [5, 6], ids=lambda count: f"{count} members")
def test_a_false_sum_is_disputed(stage, sites: int) -> None:
    """Whoever reveals another sum than the other holders is convicted, and the round ends with the true sum of all."""
    with stage.scene(sites) as scene:
        liar = scene.roster[2]
        scene.change(2, runner=LyingRunner())
        current = scene.play()
        attempt = current.attempts[(ROUND, 0)]
        assert set(current.convicted) == {liar}
        assert {accused for _, accused, *_ in attempt.disputes} == {liar}
        assert current.state is run.RunState.COMPLETED
        assert set(current.members_of(attempt.set_bits)) == set(scene.roster)
        assert liar not in current.members_of(current.attempts[(ROUND + 1, 0)].set_bits)
        honest = [digests for member, digests in scene.states().items() if member != liar]
        assert len({tuple(each) for each in honest}) == 1
        plain = stage.plain_states(stage.plan(), dict(zip(scene.roster, stage.sites(sites), strict=True)), ROUND + 1)
        kept = scene.nodes[scene.roster[0]].agent.journal.state(scene.run_id, ROUND + 1)
        assert kept.data == plain[ROUND + 1]


def test_who_cheats_in_the_last_round_owns_nothing(stage) -> None:
    """Its rows are in the last sum, so it stands in the lineage; the others share its part, and verification says so too."""
    with stage.scene(5, most_rounds=ROUND + 1) as scene:
        liar = scene.roster[2]
        scene.change(2, runner=LyingRunner())
        current = scene.play()
        assert current.excluded == {liar}
        assert liar in {source.member_id for source in current.model.sources}
        assert set(current.shares) & set(scene.roster) == set(scene.roster) - {liar}
        commons = scene.simulation.commons
        report = verification.verify(current, scene.run_id, commons.store, commons.members[0].node.ledger.place)
        assert report.problem is None
        forgiven = dataclasses.replace(current, excluded=frozenset())
        lied = verification.verify(forgiven, scene.run_id, commons.store, commons.members[0].node.ledger.place)
        assert "shares of member" in (lied.problem or "")


def accuse(forger: tampering.Forger, view: Any, accused: int, shown: bytes) -> None:
    """Complain about a box."""
    at = view.attempts[(ROUND, 0)]
    evidence = forger.agent.store.put(shown) if shown else os.urandom(32)
    header = at.submits[accused].header_digest
    message = messages.Complain(at.submits[accused].sid, forger.member, ids.MemberId(accused), header, evidence)
    forger.say((ROUND, 0), message)


FALSE = {
    "evidence that is none": os.urandom(128),
    "evidence that is too short": b"\x00",
    "evidence that is too long": bytes(1_000),
    "points of small order": bytes(128),
}


def submitted(view: Any) -> bool:
    """Return whether the round waits for Commits."""
    at = view.attempts.get((ROUND, 0))
    return at is not None and at.phase is run.Phase.SUBMITTED and not at.commits


@pytest.mark.parametrize("shown", FALSE.values(), ids=FALSE.keys())
def test_a_false_complaint_convicts_its_author(stage, shown: bytes) -> None:
    """An honest sender is never convicted; whoever accuses falsely is out of the retry, and nothing was revealed before."""
    with stage.scene(5) as scene:
        liar, honest = scene.roster[3], scene.roster[0]
        forger = tampering.Forger(scene, 3)
        now = stage.move(submitted, lambda scene: accuse(forger, scene.simulation.view(), honest, shown))
        current = scene.play(now)
        assert set(current.convicted) == {liar}
        assert not current.attempts[(ROUND, 0)].reveals
        assert liar not in current.members_of(current.attempts[(ROUND, 1)].set_bits)
        assert current.state is run.RunState.COMPLETED


@pytest.mark.parametrize("column", [0, 9, 10, 2**32 - 1], ids=lambda column: f"column {column}")
def test_a_false_dispute_convicts_its_author(stage, column: int) -> None:
    """Whoever disputes a sum that is the true one, or a column that is none, is out; the round's sum stands."""
    with stage.scene(5) as scene:
        liar, honest = scene.roster[0], scene.roster[1]
        forger = tampering.Forger(scene, 0)

        def dispute(scene: Any) -> None:
            """Dispute an honest sum with evidence of the right length."""
            at = scene.simulation.view().attempts[(ROUND, 0)]
            shown = forger.agent.store.put(os.urandom(5 * 64))
            sid = at.submits[liar].sid
            forger.say((ROUND, 0), messages.Dispute(sid, liar, ids.MemberId(honest), 0, column, 0, shown))

        def revealed(view: Any) -> bool:
            """Return whether both have revealed."""
            at = view.attempts.get((ROUND, 0))
            return at is not None and {liar, honest} <= set(at.reveals)

        current = scene.play(stage.move(revealed, dispute))
        assert set(current.convicted) == {liar}
        assert current.state is run.RunState.COMPLETED
        assert len({tuple(digests) for digests in scene.states().values()}) == 1


def test_a_complaint_without_evidence_delays_and_convicts_nobody(stage) -> None:
    """Evidence that nobody can fetch is waited for until half of the phase is over, then the round goes on."""
    with stage.scene(5) as scene:
        forger = tampering.Forger(scene, 3)
        now = stage.move(submitted, lambda scene: accuse(forger, scene.simulation.view(), scene.roster[0], b""))
        current = scene.play(now)
        assert not current.convicted
        assert (ROUND, 1) not in current.attempts
        assert current.state is run.RunState.COMPLETED


def test_a_silent_holder_is_waived(stage) -> None:
    """A member that committed and then says nothing holds the round up to its deadline; the other holders are enough."""
    with stage.scene(5) as scene:
        silent = scene.roster[4]
        agent = scene.nodes[silent].agent
        mute = dataclasses.replace(agent, held=lambda _: frozenset({duties.DutyKind.REVEAL}))
        scene.nodes[silent] = reconciler.Reconciler(mute)
        current = scene.play()
        waived = [place for place, at in current.attempts.items() if silent in at.waived]
        assert waived[:1] == [(0, 0)]
        assert not current.convicted
        assert current.agreed.rounds_done == 3
        assert len({tuple(digests) for digests in scene.states().values()}) == 1


def test_three_members_wait_for_both_holders_of_a_column(stage) -> None:
    """A pair of which one is silent is enough; a column of which all are silent pauses the run, whatever the others say."""
    with stage.scene(3) as scene:
        for index in (1, 2):
            agent = scene.nodes[scene.roster[index]].agent
            mute = dataclasses.replace(agent, held=lambda _: frozenset({duties.DutyKind.REVEAL}))
            scene.nodes[scene.roster[index]] = reconciler.Reconciler(mute)
        current = scene.play()
        assert not any(at.waived for at in current.attempts.values())
        assert (current.state, current.reason) == (run.RunState.ABORTED, run.Reason.PATIENCE_OVER)


def test_verdicts_that_a_ledger_makes_up_shrink_no_set(stage) -> None:
    """That the ledger calls somebody convicted proves nothing: f + 1 signatures of the roster do."""
    with stage.scene(5) as scene:
        current = scene.play()
        at = next(iter(current.attempts.values())).submits[scene.roster[0]].at
        told = events.Convicted(at, scene.run_id, ids.MemberId(scene.roster[0]), bytes(32))
        false = dataclasses.replace(current, convicted={scene.roster[0]: told})
        place = scene.nodes[scene.roster[1]].agent.ledger.place
        assert evidence.convicted(place, false, 2) == frozenset()


@pytest.mark.parametrize("case", [b"\x07" * 32, messages.SILENCE], ids=["of cheating", "of silence"])
def test_verdicts_of_another_session_count_in_none(stage, case: bytes) -> None:
    """Enough signed verdicts that were given elsewhere neither put anybody out nor excuse its Reveal, in this run's sessions they would."""
    with stage.scene(5) as scene:
        current = scene.play()
        at, true = (ROUND, 0), current.attempts[ROUND, 0]
        accused, *others = scene.roster[:4]
        sid = true.submits[accused].sid
        place = scene.nodes[accused].agent.ledger.place

        def found(shown: bytes) -> tuple[frozenset[int], frozenset[int]]:
            """Return who counts as a cheat and as waived where the verdicts name a session."""
            said = [lying.replayed_verdict(scene, true.submits[by], by, accused, case, sid=shown) for by in others]
            seen = dataclasses.replace(
                true,
                verdicts={each.case: each for each in said},
                waived={accused: events.Waived(said[0].at, scene.run_id, ids.MemberId(accused), *at, shown)},
            )
            told = events.Convicted(said[0].at, scene.run_id, ids.MemberId(accused), case)
            view = dataclasses.replace(current, attempts={**current.attempts, at: seen}, convicted={accused: told})
            agent = scene.nodes[others[0]].agent
            cheats = agents.attempt_of(agent, scene.run_id, view, at).cheats
            return cheats, evidence.waived(place, view, seen, 2, sid=sid)

        assert found(b"\x66" * 32) == (frozenset(), frozenset())
        counted = frozenset({accused})
        assert found(sid) == ((frozenset(), counted) if case == messages.SILENCE else (counted, frozenset()))


class Forked:
    """A ledger that first shows another Commit of one member, signed by it, and then takes it back."""

    def __init__(self, scene: Any, index: int, twice: tampering.Forger) -> None:
        self._again = lambda: scene.simulation.commons.connect(scene.nodes[scene.roster[index]].agent.signing._signer)
        self._inner = self._again()
        self._twice = twice
        self._is_first = True
        self._has_shown = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def poll(self) -> list[events.Event]:
        """Return events, once with another Commit, then all of them again."""
        if self._has_shown and self._is_first:
            self._is_first, self._inner = False, self._again()
            raise errors.LedgerReorganised("the chain took blocks back", ancestor=0, depth=1)
        return [self._shown(event) for event in self._inner.poll()]

    def _shown(self, event: events.Event) -> events.Event:
        if not self._is_first or not isinstance(event, events.Committed) or event.member_id != self._twice.member:
            return event
        self._has_shown = True
        message = messages.Commit(event.sid, event.member_id, event.set_digest, event.input_digest, bytes(32))
        digest = encoding.message_digest(self._inner.place, message)
        signed = self._twice.agent.signing._signer.sign_digest(digest)
        return dataclasses.replace(event, masks=bytes(32), signature=signed)


@pytest.mark.parametrize("engine", [None, "memory"], ids=["contracts", "in memory"])
def test_who_signs_two_commits_is_convicted_by_its_signatures(stage, engine: str | None) -> None:
    """One node that saw both is enough, no verdict is needed, and everybody can check it from the ledger."""
    with stage.scene(5, engine=engine) as scene:
        liar = scene.roster[4]
        scene.change(0, ledger=Forked(scene, 0, tampering.Forger(scene, 4)))
        current = scene.play()
        assert set(current.convicted) == set(current.equivocated) == {liar}
        place = scene.nodes[scene.roster[1]].agent.ledger.place
        assert evidence.convicted(place, current, 2) == {liar}
        told = current.equivocated[liar]
        for false in (
            dataclasses.replace(told, second=told.first),
            dataclasses.replace(told, second=(told.second[0], told.first[1])),
            dataclasses.replace(told, sid=bytes(32)),
            dataclasses.replace(told, guilty_id=scene.roster[0]),
            dataclasses.replace(told, first=(told.first[0][:-1], told.first[1])),
            dataclasses.replace(told, kind=messages.Kind.REVEAL),
        ):
            assert not evidence.has_equivocated(place, current, false)
        assert current.state is run.RunState.COMPLETED
        assert liar not in current.members_of(current.current.set_bits)


def test_an_empty_complaint_shields_no_cheat(stage) -> None:
    """What an accomplice says first, with nothing behind it, keeps nobody from judging what an honest member shows."""
    with stage.scene(5) as scene:
        bad_box = tampering.CHEATS["a box that does not open"][1]
        liar = tampering.cheat(scene, 1, bad_box, rounds=range(ROUND, ROUND + 1), attempts=range(9))
        forger = tampering.Forger(scene, 3)
        current = scene.play(stage.move(submitted, lambda scene: accuse(forger, scene.simulation.view(), liar, b"")))
        assert set(current.convicted) == {liar}
        attempt = current.attempts[(ROUND, 0)]
        assert {by for by, _ in attempt.complaints} > {forger.member}
        named = [each.at.time for each in attempt.verdicts.values() if each.guilty_id == liar]
        assert max(named) <= attempt.deadline
        assert liar not in current.members_of(current.current.set_bits)
        assert current.state is run.RunState.COMPLETED


def test_a_complaint_about_another_header_proves_nothing(stage) -> None:
    """The ledger takes a late complaint about the accused's newest header: nobody is convicted, and nobody waits for it."""
    with stage.scene(5) as scene:
        forger, accused = tampering.Forger(scene, 3), scene.roster[0]

        def is_next_open(view: Any) -> bool:
            """The accused has sent its header of the next round, which is not agreed on yet."""
            at = view.attempts.get((ROUND + 1, 0))
            return at is not None and accused in at.submits and not view.is_round_agreed

        def complain(scene: Any) -> None:
            """Complain about the new header in the session of the round before."""
            view = scene.simulation.view()
            header = view.attempts[ROUND + 1, 0].submits[accused].header_digest
            shown = forger.agent.store.put(bytes(128))
            sid = view.attempts[ROUND, 0].submits[accused].sid
            forger.say((ROUND, 0), messages.Complain(sid, forger.member, ids.MemberId(accused), header, shown))

        current = scene.play(stage.move(is_next_open, complain))
        assert [by for by, _ in current.attempts[ROUND, 0].complaints] == [forger.member]
        assert (current.state, dict(current.convicted)) == (run.RunState.COMPLETED, {})
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
