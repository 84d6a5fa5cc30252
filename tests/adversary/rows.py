"""The table of adversaries: what each does, whom the others name, and what the run does next.

``test_adversary_table`` plays every row with real nodes; docs/reference/adversaries.md lists them. Names are the attacks.
"""

import dataclasses
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from nacl import bindings
from tests.adversary.arena import Arena, Row, Then
from tests.scenarios import conftest as scenes
from tests.scenarios import test_absence as absence
from tests.scenarios import test_accusations as accusing
from tests.scenarios import test_bad_input as bad
from tests.scenarios import test_divided_runs as cells
from tests.scenarios import test_lying_ledger as lying
from tests.scenarios import test_restarts as restarts
from tests.scenarios import test_tampering as tampering

from aicommons.domain import encoding, events, ids, messages, run
from aicommons.learning import recipe
from aicommons.learning.learners import mlp
from aicommons.learning.secagg import header
from aicommons.learning.secagg import suite as suites
from aicommons.node import evidence, fetching, journal, judging, reconciler, signing
from aicommons.protocol import duties

Act = Callable[[Arena], Sequence[Any]]
ROUND = 1
ORDER = 2**252 + 27742317777372353535851937790883648493
"""L, the order of the group (RFC 8032)."""
SMALL = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
"""A point of order eight."""
LAST = -1


def at(round_index: int, phase: run.Phase) -> Callable[[Any], bool]:
    """Return whether a run has come to a phase of a round."""

    def holds(view: Any) -> bool:
        attempt = view.attempts.get((round_index, 0))
        return attempt is not None and attempt.phase is phase

    return holds


# ------------------------------------------------------------------------------------------------------------------- inputs


def sending(index: int, change: Callable[[tampering.Case], tampering.Sent]) -> Act:
    """Send something else than a node would, in the second round."""

    def act(arena: Arena) -> Sequence[Any]:
        arena.cheat(index, change)
        return ()

    return act


def longer(case: tampering.Case) -> tampering.Sent:
    """Send a header with a byte more."""
    return case.honest[0] + b"\0", case.honest[1]


def mixed(commitment: Any, _: Any) -> Any:
    """Name a one-time key with a part of small order."""
    return dataclasses.replace(commitment, ephemeral=bindings.crypto_core_ed25519_add(commitment.ephemeral, SMALL))


def unreduced(case: tampering.Case) -> tampering.Sent:
    """Send a proof whose answer is larger than the group's order by just that."""
    answer = answer_of(case)
    larger = (int.from_bytes(answer, "little") + ORDER).to_bytes(32, "little")
    return case.honest[0].replace(answer, larger), case.honest[1]


def answer_of(case: tampering.Case) -> bytes:
    """Return the answer z of the header's proof."""
    return header.parse(case.honest[0], case.attempt.session, case.agent.member_id).proof[32:]


def zero_answer(case: tampering.Case) -> tampering.Sent:
    """Send a proof whose answer is nothing."""
    return case.honest[0].replace(answer_of(case), bytes(32)), case.honest[1]


MORE_INPUTS: dict[str, tuple[int, Callable[[tampering.Case], tampering.Sent]]] = {
    "a header with a byte more": (0, longer),
    "a vector with a word more": (0, lambda case: tampering.forged(case, send=lambda masked: masked + bytes(4))),
    "a one-time key with a part of small order": (0, lambda case: tampering.forged(case, commit=mixed)),
    "a proof whose answer is not reduced": (0, unreduced),
    "a proof whose answer is zero": (0, zero_answer),
}


INPUTS = {
    **{name: (index, change) for name, (index, change, _) in tampering.CHEATS.items()},
    **MORE_INPUTS,
}


def plan_of(word_bits: int) -> recipe.Recipe:
    """Return a short plan whose words are so wide."""
    plan = scenes.Stage().plan()
    if plan.word_bits == word_bits:
        return plan
    return recipe.Recipe("mlp", plan.schema, mlp.make(plan.learner.task, hidden=(3,), rounds=1))


ONE_BOX = "a box that does not open"
"""Bad for one member alone, the last on the roster: the others have committed before it complains, and that is enough."""


def after(name: str) -> Then:
    """Return what a run does next about a bad input."""
    return Then.MODEL if name == ONE_BOX else Then.WITHOUT


def input_rows() -> dict[str, Row]:
    """Bad inputs of five, and what they end for three."""
    rule = "every site checks every header, every byte and its own box before it commits"
    rows = {
        f"sends {name}": Row(rule, sending(index, change), after(name), (index % 5,))
        for name, (index, change) in INPUTS.items()
    }
    change = tampering.CHEATS[tampering.SEEN_BY_ALL][1]
    for suite in suites.Suite:
        name = suite.cipher.value
        rows[f"sends a vector changed after masking, {suite.word_bits} bits and {name}"] = Row(
            "every suite is checked alike",
            sending(0, change),
            Then.WITHOUT,
            (0,),
            terms={"cipher": suite.cipher, "plan": plan_of(suite.word_bits)},
        )
    for members in (3, 4, 6, 7, 8):
        then = Then.OVER if members == 3 else Then.WITHOUT
        rows[f"sends a vector changed after masking, of {members}"] = Row(
            "who is proven to cheat is out; two sites are too few",
            sending(0, change),
            then,
            (0,),
            members,
        )
    return rows


# ------------------------------------------------------------------------------------------------------------- hybrid boxes


def swapped(commitment: Any, _: Any) -> Any:
    """Exchange the first two ciphertexts."""
    first, second, *others = commitment.ciphertexts
    return dataclasses.replace(commitment, ciphertexts=(second, first, *others))


class Forgetful:
    """A store that says it has what it was given, and keeps nothing."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def put(self, data: bytes) -> bytes:
        """Return the digest of what is not kept."""
        return ids.digest(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def unstored(arena: Arena) -> Sequence[Any]:
    """Name keys that nobody has."""
    agent = arena.scene.nodes[arena.scene.roster[1]].agent
    arena.scene.nodes[arena.scene.roster[1]] = reconciler.Reconciler(
        dataclasses.replace(agent, store=Forgetful(agent.store))
    )
    return ()


def hybrid_rows() -> dict[str, Row]:
    """Bad boxes, false complaints and missing keys where boxes take an ML-KEM secret too."""
    rule = "a complaint shows the seed of one pair's key, and everybody opens the box"
    changes = {name: tampering.CHEATS[name][1] for name in (ONE_BOX, "a seed that is not the committed one")}
    changes["ciphertexts of two members exchanged"] = lambda case: tampering.forged(case, commit=swapped)
    hybrid = {"is_hybrid": True}
    rows = {
        f"sends {name}, hybrid": Row(rule, sending(0, change), after(name), (0,), terms=hybrid)
        for name, change in changes.items()
    }
    rows |= {
        f"complains about an honest hybrid box with {name}": Row(
            rule, complaining(3, 0, shown), Then.WITHOUT, (3,), terms=hybrid
        )
        for name, shown in accusing.FALSE.items()
    }
    keys = "no node seals anything for keys that it cannot see"
    return rows | {"names keys that nobody has": Row(keys, unstored, Then.WAITS, terms=hybrid)}


# -------------------------------------------------------------------------------------------------------------- accusations


def complaining(index: int, accused: int, shown: bytes) -> Act:
    """Complain about an honest box."""

    def act(arena: Arena) -> Sequence[Any]:
        forger = arena.forger(index)

        def say(scene: Any) -> None:
            accusing.accuse(forger, scene.simulation.view(), scene.roster[accused], shown)

        return [arena.stage.move(accusing.submitted, say)]

    return act


def disputing(column: int, chunk: int = 0, cell: int = 0) -> Act:
    """Dispute an honest sum."""

    def act(arena: Arena) -> Sequence[Any]:
        liar, honest = arena.scene.roster[:2]
        forger = arena.forger(0)

        def say(scene: Any) -> None:
            sid = scene.simulation.view().attempts[ROUND, 0].submits[liar].sid
            shown = forger.agent.store.put(os.urandom(5 * 64))
            where = (cell, column, chunk)
            forger.say((ROUND, 0), messages.Dispute(sid, liar, ids.MemberId(honest), *where, shown))

        def revealed(view: Any) -> bool:
            attempt = view.attempts.get((ROUND, 0))
            return attempt is not None and {liar, honest} <= set(attempt.reveals)

        return [arena.stage.move(revealed, say)]

    return act


def false_sums(arena: Arena) -> Sequence[Any]:
    """Reveal another sum than the other holders."""
    arena.scene.change(2, runner=accusing.LyingRunner())
    return ()


def shielding(shown: bytes) -> Act:
    """Let an accomplice accuse the cheat first, with evidence of no use."""

    def act(arena: Arena) -> Sequence[Any]:
        arena.cheat(1, tampering.CHEATS[ONE_BOX][1])
        return complaining(3, 1, shown)(arena)

    return act


def accusation_rows() -> dict[str, Row]:
    """False accusations, true ones, and empty ones."""
    rule = "a complaint that does not hold convicts who made it"
    rows = {
        f"complains about an honest box with {name}": Row(rule, complaining(3, 0, shown), Then.WITHOUT, (3,))
        for name, shown in accusing.FALSE.items()
    }
    nothing = "evidence that nobody has convicts nobody"
    rows["complains with evidence that nobody has"] = Row(nothing, complaining(3, 0, b""), Then.MODEL)
    rows["an accomplice accuses a cheat of nothing first"] = Row(nothing, shielding(b""), Then.MODEL, (1,))
    endless = shielding(bytes(judging.MOST_EVIDENCE + 1))
    rows["an accomplice accuses a cheat with more than anybody reads"] = Row(nothing, endless, Then.MODEL, (1,))
    rule = "a dispute that does not hold convicts who made it"
    for name, where in {
        "in its first column": (0,), "in a column that is none": (10,), "in the largest column": (2**32 - 1,),
        "in a chunk that is none": (0, 7), "in a cell that is none": (0, 0, 3),
    }.items():  # fmt: skip
        rows[f"disputes an honest sum {name}"] = Row(rule, disputing(*where), Then.MODEL, (0,))
    for members in (5, 6, 8):
        rows[f"reveals a false sum, of {members}"] = Row(
            "the first chunk that differs is computed again by everybody", false_sums, Then.MODEL, (2,), members
        )
    return rows


# ------------------------------------------------------------------------------------------------------------------ silence


def mute(*indexes: int, kind: duties.DutyKind) -> Act:
    """Do everything but one thing."""

    def act(arena: Arena) -> Sequence[Any]:
        for index in indexes:
            agent = arena.scene.nodes[arena.scene.roster[index]].agent
            quiet = dataclasses.replace(agent, held=lambda _: frozenset({kind}))
            arena.scene.nodes[arena.scene.roster[index]] = reconciler.Reconciler(quiet)
        return ()

    return act


def gone(index: int, round_index: int, phase: run.Phase) -> Act:
    """Go silent at a moment of the run."""
    return lambda arena: [arena.stage.move(at(round_index, phase), lambda scene: scene.leave(index))]


def withheld(case: tampering.Case) -> tampering.Sent:
    """Store another vector than the header names."""
    return case.honest[0], tampering.flipped(case.honest[1], 0)


def documented(shown: bytes | None) -> Act:
    """Reveal with the right salt, and with other bytes as a document; ``None``: with bytes that nobody has."""

    def act(arena: Arena) -> Sequence[Any]:
        mute(4, kind=duties.DutyKind.REVEAL)(arena)
        forger = arena.forger(4)

        def say(scene: Any) -> None:
            sid = scene.simulation.view().attempts[ROUND, 0].submits[forger.member].sid
            kept = forger.agent.journal.reveal(sid)
            document = ids.digest(b"nobody has this") if shown is None else forger.agent.store.put(shown)
            forger.say((ROUND, 0), messages.Reveal(sid, forger.member, kept.salt, kept.mine, document))

        def certified(view: Any) -> bool:
            attempt = view.attempts.get((ROUND, 0))
            return attempt is not None and attempt.phase is run.Phase.FIXED and forger.member in attempt.commits

        return [arena.stage.move(certified, say)]

    return act


def silence_rows() -> dict[str, Row]:
    """Who says nothing, or keeps back what it promised."""
    wait = "a run waits for who is absent, and its work is never lost"
    reveal = "one holder of each column is enough"
    return {
        "withholds its vector": Row("no site commits to what it cannot read", sending(0, withheld), Then.ATTEMPTS),
        "never commits, of five": Row(
            "Commits of a quorum are enough", mute(4, kind=duties.DutyKind.COMMIT), Then.MODEL
        ),
        "never commits, of three": Row(wait, mute(2, kind=duties.DutyKind.COMMIT), Then.WAITS, members=3),
        **{
            f"reveals a document of {size:,} bytes": Row(
                "a document is checked by everybody", documented(bytes(size)), Then.MODEL, (4,)
            )
            for size in (2, 400_000)
        },
        "reveals a document that nobody has": Row(wait, documented(None), Then.WAITS, keeps_looking=True),
        "reveals a document that is longer than anybody reads": Row(
            wait, documented(bytes(fetching.MOST_DOCUMENT + 1)), Then.WAITS, keeps_looking=True
        ),
        "never reveals, of five": Row(reveal, mute(4, kind=duties.DutyKind.REVEAL), Then.MODEL),
        "one holder of a pair never reveals, of three": Row(
            reveal, mute(2, kind=duties.DutyKind.REVEAL), Then.MODEL, members=3
        ),
        "both holders of a pair never reveal, of three": Row(
            wait, mute(1, 2, kind=duties.DutyKind.REVEAL), Then.WAITS, members=3
        ),
        "goes silent before its Submit of a later round": Row(wait, gone(2, 1, run.Phase.OPEN), Then.WAITS),
        "goes silent while Commits are due": Row(wait, gone(2, 1, run.Phase.SUBMITTED), Then.WAITS),
        "goes silent after the certificate": Row(wait, gone(2, 1, run.Phase.FIXED), Then.WAITS),
        "goes silent before its first Submit": Row(
            "before the first Commit the set may change", gone(2, 0, run.Phase.OPEN), Then.MODEL
        ),
    }


# ------------------------------------------------------------------------------------------------- messages out of their place


def saying(act: Callable[[tampering.Forger, Any], None], *, by: int = 0, phase: run.Phase = run.Phase.SUBMITTED) -> Act:
    """Say something that the ledger has to refuse, in the second round."""

    def played(arena: Arena) -> Sequence[Any]:
        def speak(scene: Any) -> None:
            arena.is_refused(lambda: act(arena.forger(by), scene.simulation.view()))

        return [arena.stage.move(at(ROUND, phase), speak)]

    return played


def sent(view: Any, kind: str, member: int, place: tuple[int, int] = (ROUND, 0)) -> Any:
    """Return a message of a member as the ledger has it."""
    return getattr(view.attempts[place], kind)[member]


def lazy_reveal(forger: tampering.Forger, view: Any) -> None:
    """Reveal with a partner's salt and sums."""
    partner = next(iter(view.attempts[ROUND, 0].reveals.values()))
    forger.say((ROUND, 0), messages.Reveal(partner.sid, forger.member, partner.salt, partner.mine, partner.document))


def foreign_run(forger: tampering.Forger, view: Any) -> None:
    """Post a Submit of this run under another run's id."""
    event = sent(view, "submits", forger.member)
    message = messages.Submit(event.sid, forger.member, event.header_digest)
    elsewhere = encoding.AttemptKey(ids.RunId(b"\x07" * 32), ROUND, 0)
    forger.client.post(elsewhere, message, event.signature, event.state_digest)


def foreign_chain(forger: tampering.Forger, view: Any) -> None:
    """Post a Commit that was signed for another chain."""
    event = sent(view, "submits", forger.member)
    elsewhere = dataclasses.replace(forger.client.place, chain_id=forger.client.place.chain_id + 1)
    attempt = view.attempts[ROUND, 0]
    message = messages.Commit(
        event.sid, forger.member, encoding.set_digest(view.members_of(attempt.set_bits)), input_digest(view), bytes(32)
    )
    signed = forger.agent.signing._signer.sign_digest(encoding.message_digest(elsewhere, message))
    forger.client.post(encoding.AttemptKey(forger.run_id, ROUND, 0), message, signed)


def input_digest(view: Any) -> bytes:
    """Return what Commits of the second round are over."""
    attempt = view.attempts[ROUND, 0]
    members = view.members_of(attempt.set_bits)
    headers = [attempt.submits[member].header_digest for member in members]
    return encoding.input_digest(attempt.submits[members[0]].sid, members, headers)


def accuse_itself(forger: tampering.Forger, view: Any) -> None:
    """Complain about one's own header."""
    event = sent(view, "submits", forger.member)
    forger.say((ROUND, 0), messages.Complain(event.sid, forger.member, forger.member, event.header_digest, bytes(32)))


def judge_itself(forger: tampering.Forger, view: Any) -> None:
    """Give a verdict on oneself."""
    event = sent(view, "submits", forger.member)
    forger.say((ROUND, 0), messages.Verdict(event.sid, forger.member, b"\x01" * 32, forger.member))


def waive_early(forger: tampering.Forger, view: Any) -> None:
    """Say of somebody that it is silent before any deadline."""
    event = sent(view, "submits", forger.member)
    other = next(member for member in view.roster.member_ids if member != forger.member)
    forger.say((ROUND, 0), messages.Verdict(event.sid, forger.member, messages.SILENCE, ids.MemberId(other)))


def leave_late(forger: tampering.Forger, view: Any) -> None:
    """Leave while a round is summed."""
    forger.say((ROUND, 0), messages.Exit(forger.run_id, forger.member, messages.ANY_ROUND))


def new_keys(forger: tampering.Forger, view: Any) -> None:
    """Ask for new keys in the middle of a round."""
    forger.client.rotate(forger.run_id, forger.member)


def dispute_unrevealed(forger: tampering.Forger, view: Any) -> None:
    """Dispute sums before anybody revealed."""
    event = sent(view, "submits", forger.member)
    other = next(member for member in view.roster.member_ids if member != forger.member)
    forger.say((ROUND, 0), messages.Dispute(event.sid, forger.member, ids.MemberId(other), 0, 0, 0, bytes(32)))


MORE_WORDS: dict[str, tuple[Callable[[tampering.Forger, Any], None], str]] = {
    "posts a Submit under another run": (foreign_run, "TrainingRunsNoSeat"),
    "posts a Commit that was signed for another chain": (foreign_chain, "TrainingRunsSignatureInvalid"),
    "complains about itself": (accuse_itself, "VerdictsNotAccusable"),
    "gives a verdict on itself": (judge_itself, "VerdictsOwnCase"),
    "calls somebody silent before the deadline": (waive_early, "VerdictsNotSilent"),
    "leaves while a round is summed": (leave_late, "TrainingRunsWrongPhase"),
    "asks for new keys in the middle of a round": (new_keys, "TrainingRunsWrongPhase"),
    "disputes sums before they are revealed": (dispute_unrevealed, "VerdictsNotRevealed"),
}
"""What is posted -> how, and the error that the ledger answers."""


def word_rows() -> dict[str, Row]:
    """Messages that the ledger refuses."""
    rule = "contracts take each message once, in its place, from who signed it"
    rows = {
        f"posts {name}": Row(rule, saying(act), Then.UNTOUCHED, members=3, error=error)
        for name, (act, error) in tampering.REFUSED.items()
    }
    return rows | {
        name: Row(rule, saying(act), Then.UNTOUCHED, error=error) for name, (act, error) in MORE_WORDS.items()
    }


# --------------------------------------------------------------------------------------------------------------- false ledgers


def shown(row: lying.Row) -> Act:
    """Show a node a false ledger."""

    def act(arena: Arena) -> Sequence[Any]:
        arena.said = row.said
        arena.lie_to(lying.VICTIM, row.lie, is_deaf=row.is_deaf)
        return ()

    return act


def without(index: int) -> lying.Lie:
    """Show a set without one seat, and the others' Commits bent to fit."""

    def lie(ledger: lying.LyingLedger, event: events.Event) -> list[events.Event]:
        victim = ledger.scene.roster[LAST]
        if isinstance(event, events.PhaseEntered) and event.phase >= run.Phase.SUBMITTED:
            return [dataclasses.replace(event, set_bits=event.set_bits & ~(1 << index))]
        if isinstance(event, events.Committed) and event.member_id != victim:
            own = [message for message in ledger.posted if isinstance(message, messages.Commit)]
            if not own:
                ledger._queue.append(event)
                return []
            return [dataclasses.replace(event, set_digest=own[-1].set_digest, input_digest=own[-1].input_digest)]
        return [event]

    return lie


def replayed(kind: Any) -> Act:
    """Show a node what an honest member signed in another round; an accomplice then says what that node says of it."""

    def act(arena: Arena) -> Sequence[Any]:
        arena.lie_to(lying.VICTIM, lying.replays(kind))
        node, accomplice = arena.scene.nodes[arena.scene.roster[lying.VICTIM]], arena.forger(1)

        def verdicts() -> list[messages.Verdict]:
            return [message for message in node.agent.ledger.posted if isinstance(message, messages.Verdict)]

        def second(_: Any) -> None:
            for said in verdicts():
                accomplice.say((ROUND, 0), dataclasses.replace(said, member_id=accomplice.member))

        return [arena.stage.move(lambda view: bool(verdicts()) or view.state.is_over, second)]

    return act


def astray(arena: Arena) -> Sequence[Any]:
    """Show a node two bad headers of one session, the second once the store refused evidence for the first."""
    lying.lead_astray(arena.scene)
    return ()


def fork(arena: Arena) -> Sequence[Any]:
    """Show the last member the set without the first."""
    arena.said = "no certificate" if len(arena.scene.roster) > 3 else "set-too-small"
    arena.lie_to(len(arena.scene.roster) - 1, without(0), is_deaf=True)
    return ()


def ledger_rows() -> dict[str, Row]:
    """Ledgers that show a node something else than they have."""
    rule = "no node believes what nobody signed"
    rows = {f"a ledger shows {name}": Row(rule, shown(row), Then.OUT, members=4) for name, row in lying.ROWS.items()}
    elsewhere = "what is signed in one session proves nothing in another"
    for name, kind in {"Submit": events.Submitted, "Reveal": events.Revealed}.items():
        rows[f"a ledger replays an honest {name}, for an accomplice to judge"] = Row(
            elsewhere, replayed(kind), Then.WAITS, members=4, keeps_looking=True
        )
    rows["a ledger shows two headers of a cheat, and the store refuses evidence"] = Row(
        "evidence belongs to one header", astray, Then.MODEL, members=4, keeps_looking=True
    )
    for members in (3, 4, 5, 6, 7):
        rows[f"a fork with two sets, of {members}"] = Row(
            "two quorums share an honest site, which commits once", fork, Then.OUT, members=members
        )
    return rows


# ------------------------------------------------------------------------------------------------------------- machines


def roll_back(arena: Arena) -> Sequence[Any]:
    """Put an older copy of the signing journal in place."""

    def act(scene: Any) -> None:
        agent = scene.nodes[scene.roster[1]].agent
        scene.nodes[scene.roster[1]] = reconciler.Reconciler(scene.restarted(restarts.restored(agent)))

    return [arena.stage.move(at(ROUND, run.Phase.FIXED), act)]


def restore(arena: Arena) -> Sequence[Any]:
    """Start a node without its signing journal."""

    def act(scene: Any) -> None:
        agent = scene.nodes[scene.roster[3]].agent
        signer, path = agent.signing._signer, agent.signing._path
        agent.signing.close()
        path.unlink()
        scene.change(3, signing=signing.SigningJournal(path, signer, agent.ledger.place))

    return [arena.stage.move(lambda view: view.round_index == ROUND, act)]


def twice(arena: Arena) -> Sequence[Any]:
    """Sign two Commits and show one node both."""
    arena.scene.change(0, ledger=accusing.Forked(arena.scene, 0, arena.forger(4)))
    return ()


class Twins:
    """A machine and its clone, which take turns."""

    def __init__(self, *twins: Any) -> None:
        self._twins = twins

    @property
    def agent(self) -> Any:
        """The machine's own."""
        return self._twins[0].agent

    def step(self) -> int:
        """Let the clone, then the machine, do what is due."""
        return sum(each.step() for each in reversed(self._twins))


def clone(arena: Arena) -> Sequence[Any]:
    """Run a copy of a node's whole disk beside it."""

    def act(scene: Any) -> None:
        machine = scene.nodes[scene.roster[1]]
        agent = scene.restarted(machine.agent)
        copied = {name: copy_of(getattr(agent, name)) for name in ("journal", "signing")}
        scene.nodes[scene.roster[1]] = Twins(machine, reconciler.Reconciler(dataclasses.replace(agent, **copied)))

    return [arena.stage.move(at(ROUND, run.Phase.OPEN), act)]


def copy_of(kept: Any) -> Any:
    """Return a journal on a copy of its folder."""
    folder = shutil.copytree(kept._path.parent, kept._path.parent.with_name("cloned"), dirs_exist_ok=True)
    path = folder / kept._path.name
    if isinstance(kept, journal.Journal):
        return journal.Journal(path)
    return signing.SigningJournal(path, kept._signer, kept._place)


def cheat_and_cheat(arena: Arena) -> Sequence[Any]:
    """Cheat, are dropped, and another, who is not the only one to share their column, cheats in the next round."""

    def act(scene: Any) -> None:
        columns = [pair for pair in absence.columns(scene) if 0 not in pair]
        second = columns[0][0] if len(scene.roster) > 7 else 1
        arena.named = (0, second)
        arena.cheat(0, tampering.CHEATS[tampering.SEEN_BY_ALL][1])
        arena.cheat(second, tampering.CHEATS["an empty vector"][1], round_index=ROUND + 1)

    return [arena.stage.move(at(0, run.Phase.OPEN), act)]


def machine_rows() -> dict[str, Row]:
    """Copies of machines, and cheats one after the other."""
    out = "who is proven to cheat is out, one after the other"
    return {
        "a rolled-back journal": Row(
            "a node signs one thing per round, and finds its own Commits on the ledger", roll_back, Then.WAITS
        ),
        "a node without its journal": Row("who lost its keys gets new ones in a pause", restore, Then.MODEL),
        "a machine and its clone": Row(
            "a node signs one thing per round, and finds its own Commits on the ledger", clone, Then.MODEL
        ),
        "signs two Commits": Row("two signed Commits of one round convict", twice, Then.MODEL, (4,)),
        "two cheats, one after the other, of 7": Row(out, cheat_and_cheat, Then.OVER, (0, 1), members=7),
        "two cheats, one after the other, of 8": Row(out, cheat_and_cheat, Then.WITHOUT, (0, LAST), members=8),
    }


# ------------------------------------------------------------------------------------------------ numbers, cells, leaving


def bringing(name: str) -> Callable[[Any], Sequence[Any]]:
    """Return sites of which the last has a bad record."""

    def tables(stage: Any) -> Sequence[Any]:
        sites = stage.sites(5)
        return [*sites[:4], bad.changed(sites[4], bad.BAD[name][0])]

    return tables


def nobody(_: Arena) -> Sequence[Any]:
    """Do nothing: the table is what is wrong."""
    return ()


def largest(case: tampering.Case) -> tampering.Sent:
    """Send very large numbers where counts and sums belong."""
    return tampering.forged(case, word=2**28)


def leaving(arena: Arena) -> Sequence[Any]:
    """Leave between two rounds, by a signed Exit."""

    def leave(scene: Any) -> None:
        leaver = scene.member(4)
        leaver.desk.leave(scene.run_id, leaver.node.signing)

    return [arena.stage.move(lambda view: view.unmasked(0) is not None, leave)]


def second_run(arena: Arena) -> Sequence[Any]:
    """Open the same plan once more, without one of the first run's sites."""
    scene = arena.scene
    scene.play()
    second = scene.simulation.again(scene.roster[:-1])
    scene.simulation.run_id, scene.simulation.nodes = second.run_id, second.nodes
    arena.said = "differ only"
    return ()


def earlier_run(arena: Arena) -> Sequence[Any]:
    """Post what a member signed in an earlier run of the same members, as somebody without a seat."""
    scene = arena.scene
    first = scene.play()
    second = scene.simulation.again(scene.roster)
    scene.simulation.run_id, scene.simulation.nodes = second.run_id, second.nodes
    stranger, old = scene.simulation.commons.registrar._registry, first.attempts[0, 0].submits[scene.roster[0]]

    def replay(scene: Any) -> None:
        key, message = encoding.AttemptKey(scene.run_id, 0, 0), evidence.signed_part(old)
        arena.is_refused(lambda: stranger.post(key, message, old.signature, old.state_digest))

    def opened(view: Any) -> bool:
        return view.current is not None and not view.current.submits

    return [arena.stage.move(opened, replay)]


def silent_in_a_cell(arena: Arena) -> Sequence[Any]:
    """Keep away from the first round on."""
    return [arena.stage.move(cells.drawn, lambda scene: scene.leave(cells.seat_in(scene, 0)))]


def other_cells(arena: Arena) -> Sequence[Any]:
    """Show a node two members of different cells in one another's place."""

    def lie(_: lying.LyingLedger, event: events.Event) -> list[events.Event]:
        if not isinstance(event, events.CellsDrawn):
            return [event]
        first, second = event.cells
        swapped = (first & -first) | (second & -second)
        return [dataclasses.replace(event, cells=(first ^ swapped, second ^ swapped))]

    arena.said = "the ledger shows other cells than follow from the run's first keys"
    arena.lie_to(3, lie)
    return ()


def other_rows() -> dict[str, Row]:
    """Numbers that do not fit or that nobody can check, cells, and leaving."""
    fits = "every record is checked before it is encoded"
    rows = {
        f"brings a record that is {name}": Row(fits, nobody, Then.MODEL, tables=bringing(name))
        for name in ("not a number", "infinite", "absurd", "out of the declared range")
    }
    rows["a second run without one of its sites"] = Row(
        "sets that differ by few sites are never both summed", second_run, Then.DECLINED
    )
    rows["a stranger replays an earlier run of the same sites"] = Row(
        "the ledger computes the session that has to be signed",
        earlier_run,
        Then.UNTOUCHED,
        error="TrainingRunsSignatureInvalid",
    )
    for members, then in {5: Then.MODEL, 3: Then.WAITS}.items():
        rows[f"goes silent and had signed an Exit in advance, of {members}"] = Row(
            "an Exit counts if enough sites stay to hide one another",
            gone(2, 0, run.Phase.UNMASKED),
            then,
            members=members,
            terms={"absence": {2: run.Absence.EXIT}},
        )
    whole = "cells are summed whole, or not at all"
    for size in (2, 3):
        rows[f"opens a run with cells of {size}"] = Row(
            "cells are fixed, and no smaller than four", nobody, Then.UNOPENED, members=8, terms={"cell_size": size}
        )
    divided = {"cell_size": 4}
    rows["sends counts that are not its own"] = Row(
        "a sum hides who lies about its numbers; robust rules bound how much that does", sending(0, largest), Then.MODEL
    )
    rows["leaves by a signed Exit"] = Row("a signed Exit lets the others go on", leaving, Then.MODEL)
    rows["a site of one of three cells is silent"] = Row(whole, silent_in_a_cell, Then.MODEL, members=12, terms=divided)
    rows["a site of one of two cells is silent"] = Row(whole, silent_in_a_cell, Then.WAITS, members=8, terms=divided)
    rows["sends a bad vector in a cell"] = Row(
        whole, sending(0, tampering.CHEATS[tampering.SEEN_BY_ALL][1]), Then.WITHOUT, (0,), members=12, terms=divided
    )
    rows["reveals a false sum of a cell"] = Row(whole, false_sums, Then.MODEL, (2,), members=8, terms=divided)
    rows["a ledger shows other cells"] = Row(whole, other_cells, Then.OUT, members=8, terms=divided)
    return rows


GROUPS: dict[str, dict[str, Row]] = {
    "What a site sends into a round": input_rows(),
    "Boxes that take an ML-KEM secret too": hybrid_rows(),
    "Accusations": accusation_rows(),
    "Silence": silence_rows(),
    "Messages out of their place": word_rows(),
    "Ledgers that lie": ledger_rows(),
    "Copies of machines, and several cheats": machine_rows(),
    "Numbers, sets, leaving and cells": other_rows(),
}
"""The table in parts, by their titles."""
ROWS: dict[str, Row] = {name: row for part in GROUPS.values() for name, row in part.items()}
"""Every row, by its name."""
