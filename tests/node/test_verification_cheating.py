"""`run verify` on accusations, verdicts, convictions, waived Reveals and exits: real ones, and rows that members forge.

Two runs are played on a commons in memory: members post signed complaints and verdicts with their node keys. Every other
row changes such a record, signed again by whoever's message it is.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import pytest

from aicommons import testing
from aicommons.domain import encoding, events, ids, messages, run
from aicommons.learning.secagg import checking, complaints, disputes, epoch, masks, reveal
from aicommons.learning.secagg import header as headers
from aicommons.node import agent as agents
from aicommons.node import (
    case_verification,
    contributing,
    evidence,
    frames,
    running,
    verdict,
)
from aicommons.protocol import ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.node.conftest import Trained

FIRST = (0, 0)
CHEAT, HONEST, OTHERS = 2, 6, (3, 4, 5)
"""Of five sites with the ids 2 to 6, the first and the last."""
READERS = 5
J = verdict.Judgement


class BadBox(running.InlineRunner):
    """Spoils the last box of the first header that it makes."""

    def start(self, name: str, job: Callable[[], bytes], lane: ports.Lane = ports.Lane.ROUND) -> None:
        """Do the job and change what it sends."""
        work = getattr(job, "__self__", None)
        if isinstance(work, contributing.Contribution) and work.attempt.key.attempt == 0:
            super().start(name, lambda: _spoiled(job()), lane)
        else:
            super().start(name, job, lane)


def _spoiled(result: bytes) -> bytes:
    head, *rest = frames.split(result)
    return frames.join([flip(head, len(head) - 1), *rest])


def flip(data: bytes, at: int = 0) -> bytes:
    """Return other bytes of the same length."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def until_submitted(simulation: testing.Simulation) -> None:
    """Step node by node until the first inputs are all there, before anybody looks at them."""
    for _ in range(50):
        for node in simulation.nodes.values():
            node.step()
            current = simulation.view().current
            if current is not None and current.phase is run.Phase.SUBMITTED:
                return
        simulation.commons.clock.advance(0.05)
    raise AssertionError(simulation.view().state)


def accuse(simulation: testing.Simulation, guilty: int) -> None:
    """Let the last site complain about the first one's box, three judge that ``guilty`` cheated, and the others go on."""
    until_submitted(simulation)
    nodes = {member: each.agent for member, each in simulation.nodes.items()}
    accuser = nodes[HONEST]
    attempt = agents.attempt_of(accuser, simulation.run_id, simulation.view(), FIRST)
    head = accuser.store.get(attempt.seen.submits[CHEAT].header_digest, contributing.MOST_HEADER)
    secret = accuser.signing.keys.get(simulation.run_id, 0)
    assert secret is not None
    index = attempt.session.index_of(HONEST)
    shown = complaints.make_evidence(attempt.session, CHEAT, head, index=index, key=epoch.Key(secret), draw=os.urandom)
    digest = accuser.store.put(shown)
    sid, named = attempt.session.sid, attempt.seen.submits[CHEAT].header_digest
    said = [messages.Complain(sid, ids.MemberId(HONEST), ids.MemberId(CHEAT), named, digest)]
    said += [messages.Verdict(sid, ids.MemberId(judge), digest, ids.MemberId(guilty)) for judge in OTHERS]
    for message in said:
        agent = nodes[message.member_id]
        place = agent.ledger.place
        signed = agent.signing._signer.sign_digest(encoding.message_digest(place, message))
        agent.ledger.post(attempt.key, message, signed)
    del simulation.nodes[guilty]


@pytest.fixture(scope="module")
def cheated(sites: Any, plan: Any, train: Callable[[testing.Simulation], Trained]) -> Iterator[Trained]:
    """A run of five in which one sealed a bad box, was convicted by its complaint, and four went on."""
    with testing.simulate(sites(5), plan) as simulation:
        cheat = simulation.nodes[CHEAT]
        cheat.agent = dataclasses.replace(cheat.agent, runner=BadBox())
        accuse(simulation, CHEAT)
        yield train(simulation)


@pytest.fixture(scope="module")
def slandered(sites: Any, plan: Any, train: Callable[[testing.Simulation], Trained]) -> Iterator[Trained]:
    """A run of five in which one complained about a good box, and was convicted for it."""
    with testing.simulate(sites(5), plan) as simulation:
        accuse(simulation, HONEST)
        yield train(simulation)


@pytest.fixture(scope="module")
def silent(sites: Any, plan: Any, train: Callable[[testing.Simulation], Trained]) -> Iterator[Trained]:
    """A run of five in which one fell silent after the first round, and its exit signed in advance was used."""
    terms = testing.Terms(absence={0: run.Absence.EXIT})
    with testing.simulate(sites(5), plan, terms=terms) as simulation:
        while simulation.view().unmasked(0) is None:
            simulation.step()
            simulation.commons.clock.advance(0.05)
        del simulation.nodes[CHEAT]
        yield train(simulation)


# ------------------------------------------------------------------------------------------------------------------ forging


def late(trained: Trained, index: int) -> events.Position:
    """Return a place on the ledger after everything else."""
    return events.Position(10**6, index, 2 * 10**9)


def last_of(trained: Trained) -> tuple[int, int]:
    """Return the last attempt."""
    return max(trained.current.attempts)


def said(trained: Trained, at: tuple[int, int], member: int, index: int, **fields: Any) -> Any:
    """Return a signed verdict, or what ``kind`` says, on an attempt."""
    kind = fields.pop("kind", events.VerdictGiven)
    sid = next(iter(trained.current.attempts[at].submits.values())).sid
    given = {"sid": sid, **fields}
    event = kind(late(trained, index), trained.run_id, ids.MemberId(member), *at, signature=b"", **given)
    signed = trained.sign(member, evidence.accusation(event))
    return dataclasses.replace(event, signature=signed)


def judged_by(trained: Trained, at: tuple[int, int], guilty: int, digest: bytes, judges: tuple[int, ...]) -> Trained:
    """Return it with verdicts of ``judges``."""
    given = [
        said(trained, at, judge, 10 + place, case_digest=digest, guilty_id=ids.MemberId(guilty))
        for place, judge in enumerate(judges)
    ]
    old = trained.current.attempts[at].verdicts
    return trained.with_attempt(at, verdicts={**old, **{each.case: each for each in given}})


def convicted(trained: Trained, guilty: int, digest: bytes) -> Trained:
    """Return it with a conviction on the ledger."""
    event = events.Convicted(late(trained, 99), trained.run_id, ids.MemberId(guilty), digest)
    return trained.with_run(convicted={**trained.current.convicted, guilty: event})


def first_case(trained: Trained) -> events.Complained:
    """Return the complaint of a played run."""
    return next(iter(trained.current.attempts[FIRST].complaints.values()))


def with_verdict(trained: Trained, **fields: Any) -> Trained:
    """Return it with one verdict of a played run changed and signed again."""
    verdicts = dict(trained.current.attempts[FIRST].verdicts)
    case, old = next(iter(verdicts.items()))
    new = dataclasses.replace(old, **fields)
    signed = trained.sign(new.member_id, evidence.accusation(new))
    return trained.with_attempt(FIRST, verdicts={**verdicts, case: dataclasses.replace(new, signature=signed)})


def without_verdict(trained: Trained) -> Trained:
    """Leave out one of the verdicts that convict."""
    verdicts = dict(trained.current.attempts[FIRST].verdicts)
    verdicts.pop(next(iter(verdicts)))
    return trained.with_attempt(FIRST, verdicts=verdicts)


def unsigned(kind: str) -> Callable[[Trained], Trained]:
    """Change a byte of a signature."""

    def change(trained: Trained) -> Trained:
        sent = dict(getattr(trained.current.attempts[FIRST], kind))
        case, old = next(iter(sent.items()))
        signed = flip(old.signature, 5)
        return trained.with_attempt(FIRST, **{kind: {**sent, case: dataclasses.replace(old, signature=signed)}})

    return change


def other_case(trained: Trained) -> Trained:
    """Let all three judge, and the ledger convict, for a case that nobody brought."""
    empty = trained.with_attempt(FIRST, verdicts={})
    guilty = next(iter(trained.current.convicted))
    made = judged_by(empty, FIRST, guilty, b"\x07" * 32, OTHERS)
    verdicts = {
        case: dataclasses.replace(each, at=trained.current.convicted[guilty].at)
        for case, each in made.current.attempts[FIRST].verdicts.items()
    }
    old = dataclasses.replace(trained.current.convicted[guilty], case_digest=b"\x07" * 32)
    return made.with_attempt(FIRST, verdicts=verdicts).with_run(convicted={guilty: old})


def other_side(trained: Trained) -> Trained:
    """Let all three judge that the honest one of a case cheated."""
    case = first_case(trained)
    old = dict(trained.current.attempts[FIRST].verdicts)
    guilty = next(iter(trained.current.convicted))
    victim = next(each for each in (case.accused_id, case.member_id) if each != guilty)
    made = judged_by(trained.with_attempt(FIRST, verdicts={}), FIRST, victim, case.evidence, OTHERS)
    verdicts = {
        key: dataclasses.replace(each, at=one.at)
        for (key, each), one in zip(made.current.attempts[FIRST].verdicts.items(), old.values(), strict=True)
    }
    shown = dataclasses.replace(trained.current.convicted[guilty], guilty_id=victim)
    return made.with_attempt(FIRST, verdicts=verdicts).with_run(convicted={int(victim): shown})


def hidden(trained: Trained) -> Trained:
    """Do not show the conviction."""
    return trained.with_run(convicted={})


def with_the_cheat(trained: Trained) -> Trained:
    """Show inputs that came after the conviction, of an attempt that has the cheat in its set."""
    submits = trained.current.attempts[FIRST].submits
    return trained.with_attempt(
        FIRST, submits={member: dataclasses.replace(sent, at=late(trained, member)) for member, sent in submits.items()}
    )


def about_another_header(trained: Trained) -> Trained:
    """Let the true complaint name a header that the accused did not send."""
    old = first_case(trained)
    event = dataclasses.replace(old, header_digest=b"\x07" * 32)
    event = dataclasses.replace(event, signature=trained.sign(old.member_id, evidence.accusation(event)))
    return trained.with_attempt(FIRST, complaints={event.case: event})


PLAYED: dict[str, tuple[str, Callable[[Trained], Trained], str]] = {
    "a complaint that nobody signed": (
        "cheated", unsigned("complaints"), "Complain of member 6: it is not signed by its member's key",
    ),
    "a verdict that nobody signed": (
        "cheated", unsigned("verdicts"), "Verdict of member 3: it is not signed by its member's key",
    ),
    "a verdict on another session": (
        "cheated", lambda t: with_verdict(t, sid=b"\x07" * 32), "Verdict of member 3: it names another session",
    ),
    "a verdict on oneself": (
        "cheated", lambda t: with_verdict(t, guilty_id=ids.MemberId(3)), "Verdict of member 3: it is about itself",
    ),
    "a verdict on no seat": (
        "cheated", lambda t: with_verdict(t, guilty_id=ids.MemberId(1)), "about no seat of the run (got 1)",
    ),
    "a verdict too few": (
        "cheated", without_verdict, "conviction of member 2: too few valid verdicts of cheating stand behind it",
    ),
    "one seat's verdict twice": (
        "cheated",
        lambda t: with_verdict(t, member_id=ids.MemberId(4)),
        "conviction of member 2: too few valid verdicts of cheating stand behind it (expected 3, got 2)",
    ),
    "a verdict after the conviction": (
        "cheated",
        lambda t: with_verdict(t, at=late(t, 0)),
        "conviction of member 2: too few valid verdicts of cheating stand behind it",
    ),
    "a case that nobody brought": (
        "cheated", other_case, "conviction of member 2: judged again, its evidence does not show",
    ),
    "a complaint about a header that was not sent": (
        "cheated", about_another_header, "conviction of member 2: judged again, its evidence does not show",
    ),
    "the accuser for a true complaint": (
        "cheated", other_side, "conviction of member 6: judged again, its evidence does not show",
    ),
    "the accused for a false complaint": (
        "slandered", other_side, "conviction of member 2: judged again, its evidence does not show",
    ),
    "a conviction for another case": (
        "cheated",
        lambda t: t.with_run(
            convicted={CHEAT: dataclasses.replace(t.current.convicted[CHEAT], case_digest=b"\x07" * 32)}
        ),
        "conviction of member 2: it names a case that no verdict names",
    ),
    "a conviction that is not shown": (
        "cheated", hidden, "verdicts on member 2: enough seats name it as a cheat, and the ledger does not show it",
    ),
    "a set with the cheat": (
        "cheated",
        with_the_cheat,
        "round 0 attempt 0, participant set: member 2 was convicted before, and is in it",
    ),
    "an end for cheating without a cheat": (
        "five",
        lambda t: t.with_run(model=None, shares={}, state=run.RunState.ENDED, reason=run.Reason.CHEATING),
        "end of the run for cheating: nobody was convicted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAYED)
def test_a_forged_verdict_is_named(name: str, request: pytest.FixtureRequest) -> None:
    """Whatever verdicts or convictions somebody forges, member and reason are named."""
    run_name, change, problem = PLAYED[name]
    report = change(request.getfixturevalue(run_name)).verify()
    assert not report.holds
    assert report.problem is not None
    assert problem in report.problem


def test_a_true_complaint_holds(cheated: Trained) -> None:
    """Who sealed a bad box is convicted by three, is in no later set, and everything is checked down to the sums."""
    report = cheated.verify(cheated.reader())
    assert report.problem is None
    assert report.verified
    (case,), (conviction,) = report.cases, report.convictions
    assert (case.charge, case.accuser, case.accused) == (verdict.Charge.BAD_BOX, HONEST, CHEAT)
    assert case.judgement is J.PROVEN
    assert (conviction.member_id, conviction.verdicts, conviction.needed) == (CHEAT, 3, 3)
    assert conviction.judgement is J.PROVEN
    found = {each.part: each.count for each in report.checked}
    assert (found["complaint"], found["verdict"], found["cases"], found["convictions"]) == (1, 3, 1, 1)
    assert cheated.current.members_of(cheated.current.attempts[last_of(cheated)].set_bits) == (3, 4, 5, 6)


def test_a_false_complaint_holds_against_the_accuser(slandered: Trained) -> None:
    """Who complained about a good box is the one that the evidence convicts."""
    report = slandered.verify(slandered.reader())
    assert report.verified
    assert [each.judgement for each in report.cases] == [J.FALSE]
    assert [(each.member_id, each.judgement) for each in report.convictions] == [(HONEST, J.PROVEN)]


def test_erased_evidence_is_said(cheated: Trained) -> None:
    """Without the evidence the verdicts still count; that the case was not judged again is said."""
    report = cheated.with_blob(first_case(cheated).evidence, None).verify()
    assert report.holds
    assert [each.judgement for each in report.cases] == [J.GONE]
    assert "member 2 cheated" in next(each.words for each in report.unchecked if each.part == "convictions")


def test_other_evidence_is_named(cheated: Trained) -> None:
    """A store that has other bytes under the evidence's name is no proof of anything."""
    report = cheated.with_blob(first_case(cheated).evidence, bytes(128)).verify()
    assert "complaint of member 6: the store has other bytes than this evidence" in (report.problem or "")


def test_evidence_of_any_length_stops_nothing(five: Trained) -> None:
    """Whoever signs the digest of something endless accuses nobody with it, and stops no verification."""
    at, data = last_of(five), bytes(case_verification.MOST_EVIDENCE + 1)
    digest = ids.digest(data)
    event = complaint(five, at, digest)
    report = five.with_blob(digest, data).with_attempt(at, complaints={event.case: event}).verify()
    assert report.holds
    assert [each.judgement for each in report.cases] == [J.GONE]


def complaint(trained: Trained, at: tuple[int, int], digest: bytes, **fields: Any) -> events.Complained:
    """Return a complaint of the last site about the first one's box."""
    header_digest = trained.current.attempts[at].submits[CHEAT].header_digest
    given = {"accused_id": ids.MemberId(CHEAT), "header_digest": header_digest, "evidence": digest, **fields}
    made: events.Complained = said(trained, at, HONEST, 1, kind=events.Complained, **given)
    return made


def test_a_header_of_another_round_convicts_nobody(five: Trained) -> None:
    """A complaint about what the accused signed for another session proves nothing, against neither of the two."""
    at, digest = last_of(five), ids.digest(bytes(128))
    other = five.current.attempts[FIRST].submits[CHEAT].header_digest
    event = complaint(five, at, digest, header_digest=other)
    changed = five.with_blob(digest, bytes(128)).with_attempt(at, complaints={event.case: event})
    assert [each.judgement for each in changed.verify().cases] == [J.NOTHING]
    for member in (CHEAT, HONEST):
        guilty = convicted(judged_by(changed, at, member, digest, OTHERS), member, digest)
        assert f"conviction of member {member}: judged again" in (guilty.verify().problem or "")


# ------------------------------------------------------------------------------------------------------------------ disputes


def false_sum(trained: Trained) -> tuple[Trained, int, bytes]:
    """Let the first site commit to and reveal a false sum; return that, the column, and true evidence."""
    at = last_of(trained)
    made, seen = trained.session(at), trained.current.attempts[at]
    raw = trained.blobs[seen.reveals[CHEAT].document]
    changed_raw = flip(raw, 40)
    commit = seen.commits[CHEAT]
    parsed = reveal.parse_document(made, CHEAT, changed_raw, readers=READERS, input_digest=commit.input_digest)
    mine = masks.rows_digest(made, CHEAT, [(row.cell, row.column, row.manifest) for row in parsed.rows])
    committed = masks.salted_commitment(made, CHEAT, salt=seen.reveals[CHEAT].salt, mine=mine)
    digest = ids.digest(changed_raw)
    changed = trained.with_message(at, "commits", CHEAT, lambda sent: trained.signed(sent, masks=committed))
    changed = changed.with_blob(digest, changed_raw).with_message(
        at, "reveals", CHEAT, lambda sent: trained.signed(sent, mine=mine, document=digest)
    )
    column = parsed.rows[0].column
    holder = next(index for index in made.layout.columns[column] if made.member_ids[index] != CHEAT)
    member, seeds = made.member_ids[holder], {}
    for participant, sent in seen.submits.items():
        head = checking.check_header(made, participant, trained.blobs[sent.header_digest])
        opened = headers.open_box(made, head, holder, trained.secrets[member])
        assert opened is not None
        seeds[participant] = opened[column]
    shown = disputes.make_evidence(made, disputes.Difference(0, column, 0), seeds)
    name = ids.digest(shown)
    place = {"cell": 0, "column": column, "chunk": 0, "evidence": name}
    event = said(changed, at, member, 1, kind=events.Disputed, accused_id=ids.MemberId(CHEAT), **place)
    return changed.with_blob(name, shown).with_attempt(at, disputes={event.case: event}), member, name


def test_a_true_dispute_holds(five: Trained) -> None:
    """A false sum of masks is proven from the opened chunk; the sums are those of the other holders."""
    changed, _, name = false_sum(five)
    report = convicted(judged_by(changed, last_of(five), CHEAT, name, OTHERS), CHEAT, name).verify(five.reader())
    assert report.problem is None
    assert report.verified
    assert [(each.charge, each.judgement) for each in report.cases] == [(verdict.Charge.FALSE_SUM, J.PROVEN)]
    assert [each.judgement for each in report.convictions] == [J.PROVEN]


def test_a_dispute_with_other_evidence_convicts_its_author(five: Trained) -> None:
    """A dispute whose evidence opens nothing is a false one, and a conviction of the accused on it does not hold."""
    changed, member, _ = false_sum(five)
    at, data = last_of(five), bytes(64)
    old = next(iter(changed.current.attempts[at].disputes.values()))
    event = dataclasses.replace(old, evidence=ids.digest(data))
    event = dataclasses.replace(event, signature=five.sign(member, evidence.accusation(event)))
    judged = judged_by(changed, at, CHEAT, ids.digest(data), OTHERS)
    forged = convicted(judged, CHEAT, ids.digest(data)).with_blob(ids.digest(data), data)
    report = forged.with_attempt(at, disputes={event.case: event}).verify()
    assert "conviction of member 2: judged again, its evidence does not show" in (report.problem or "")


# ------------------------------------------------------------------------------------------------- public bytes and waivers


def bad_document(trained: Trained, judges: tuple[int, ...]) -> Trained:
    """Let the first site reveal a document of another length, and the others convict it over that."""
    at = last_of(trained)
    raw = trained.blobs[trained.current.attempts[at].reveals[CHEAT].document][:-48]
    digest = ids.digest(raw)
    changed = trained.with_blob(digest, raw).with_message(
        at, "reveals", CHEAT, lambda sent: trained.signed(sent, document=digest)
    )
    return convicted(judged_by(changed, at, CHEAT, digest, judges), CHEAT, digest)


def test_bytes_that_are_bad_for_everybody_convict(five: Trained) -> None:
    """A document that nobody can read convicts without a complaint; the same verdicts on a good one do not hold."""
    report = bad_document(five, OTHERS).verify(five.reader())
    assert report.problem is None
    assert [(each.charge, each.judgement) for each in report.cases] == [(verdict.Charge.BAD_DOCUMENT, J.PROVEN)]
    at = last_of(five)
    good = five.current.attempts[at].reveals[CHEAT].document
    forged = convicted(judged_by(five, at, CHEAT, good, OTHERS), CHEAT, good)
    assert "conviction of member 2: judged again" in (forged.verify().problem or "")
    header = five.current.attempts[at].submits[CHEAT].header_digest
    forged = convicted(judged_by(five, at, CHEAT, header, OTHERS), CHEAT, header)
    assert "conviction of member 2: judged again" in (forged.verify().problem or "")


def waived(trained: Trained, judges: tuple[int, ...], *, others: int = 5) -> Trained:
    """Leave out a Reveal, with verdicts of silence; keep that many others' Reveals."""
    at = last_of(trained)
    seen = trained.current.attempts[at]
    reveals = {member: sent for member, sent in seen.reveals.items() if member != CHEAT}
    kept = dict(list(reveals.items())[:others])
    place = (late(trained, 90), trained.run_id)
    sid = seen.submits[CHEAT].sid
    gone = {
        member: events.Waived(*place, ids.MemberId(member), *at, sid) for member in seen.reveals if member not in kept
    }
    judged = judged_by(trained, at, CHEAT, messages.SILENCE, judges)
    return judged.with_attempt(at, reveals=kept, waived=gone)


def test_a_silent_holder_is_not_waited_for(five: Trained) -> None:
    """With three verdicts of silence a round is whole without one Reveal; nobody is convicted."""
    report = waived(five, OTHERS).verify(five.reader())
    assert report.problem is None
    assert report.verified
    assert {each.part: each.count for each in report.checked}["waived"] == 1
    assert report.convictions == ()


WAIVED: dict[str, tuple[Callable[[Trained], Trained], str]] = {
    "too few verdicts": (
        lambda t: waived(t, OTHERS[:2]), "waived Reveal of member 2: too few valid verdicts of silence stand behind it",
    ),
    "no verdict at all": (
        lambda t: waived(t, ()), "waived Reveal of member 2: too few valid verdicts of silence stand behind it",
    ),
    "not even waived": (
        lambda t: waived(t, OTHERS).with_attempt(last_of(t), waived={}), "without a Reveal that was due (reveal-missing)",
    ),
    "nobody else holds a column": (
        lambda t: every_silent(t), "has no other holder's Reveal",
    ),
    "nothing was committed": (
        lambda t: waived(t, OTHERS).with_attempt(
            last_of(t),
            commits={m: each for m, each in t.current.attempts[last_of(t)].commits.items() if m != CHEAT},
        ),
        "waived Reveal of member 2: it had not committed",
    ),
}  # fmt: skip


def every_silent(trained: Trained) -> Trained:
    """Waive the Reveals of all three holders of a column, each by three verdicts."""
    made = waived(trained, OTHERS)
    at = last_of(trained)
    for member, judges in ((3, (2, 5, 6)), (4, (2, 5, 6))):
        made = judged_by(made, at, member, messages.SILENCE, judges)
    seen = made.current.attempts[at]
    place = (late(trained, 90), trained.run_id)
    gone = {each: events.Waived(*place, ids.MemberId(each), *at, seen.submits[CHEAT].sid) for each in (2, 3, 4)}
    return made.with_attempt(at, waived=gone, reveals={each: seen.reveals[each] for each in (5, 6)})


@pytest.mark.parametrize("name", WAIVED)
def test_a_forged_waiver_is_named(five: Trained, name: str) -> None:
    """A Reveal may be missing only by f + 1 verdicts of silence on a committed holder with others in every column."""
    change, problem = WAIVED[name]
    assert problem in (change(five).verify().problem or "")


# -------------------------------------------------------------------------------------------------------------- equivocation


def twice(trained: Trained, **fields: Any) -> Trained:
    """Convict the first site of two Submits on one sid; ``fields`` change what is shown of them."""
    member, sid = ids.MemberId(CHEAT), trained.current.attempts[FIRST].submits[CHEAT].sid
    shown = {"kind": messages.Kind.SUBMIT, "first": shown_of(trained, 1), "second": shown_of(trained, 2), **fields}
    kind = shown.pop("kind")
    event = events.Equivocated(late(trained, 98), trained.run_id, member, kind, *FIRST, sid, **shown)
    return convicted(trained, CHEAT, messages.SILENCE).with_run(equivocated={CHEAT: event})


def shown_of(trained: Trained, number: int, *, by: int = CHEAT, **fields: Any) -> messages.Signed:
    """Return a Submit's fields and signature; each number is another header."""
    sid = trained.current.attempts[FIRST].submits[CHEAT].sid
    given = {"sid": sid, "member_id": ids.MemberId(CHEAT), "header_digest": bytes([number]) * 32, **fields}
    message = messages.Submit(**given)
    words = (message.sid, encoding.word(message.member_id), message.header_digest)
    return words, trained.sign(by, message)


def test_two_messages_convict(five: Trained) -> None:
    """Two different messages of one key on one sid need no verdict: everybody checks them from the ledger."""
    report = twice(five).verify()
    assert report.problem is None
    assert [(each.verdicts, each.judgement) for each in report.convictions] == [(0, J.PROVEN)]


SHOWN: dict[str, Callable[[Trained], dict[str, Any]]] = {
    "the same twice": lambda t: {"second": shown_of(t, 1)},
    "signed by another": lambda t: {"second": shown_of(t, 2, by=3)},
    "not signed": lambda t: {"first": (shown_of(t, 1)[0], bytes(65))},
    "of another session": lambda t: {"second": shown_of(t, 2, sid=b"\x07" * 32)},
    "of another member": lambda t: {"second": shown_of(t, 2, by=3, member_id=ids.MemberId(3))},
    "of another kind": lambda t: {"kind": messages.Kind.COMMIT},
    "too few fields": lambda t: {"first": (shown_of(t, 1)[0][:2], shown_of(t, 1)[1])},
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_no_equivocation_is_named(five: Trained, name: str) -> None:
    """What is shown as two messages of one member is checked in every part."""
    problem = twice(five, **SHOWN[name](five)).verify().problem or ""
    assert "two messages of member 2: they are not two different ones of one kind and session" in problem


def test_two_messages_without_a_conviction_are_named(five: Trained) -> None:
    """Equivocation convicts at once, and only where there was such a round."""
    made = twice(five)
    assert "nobody was convicted of it" in (made.with_run(convicted={}).verify().problem or "")
    shown = dataclasses.replace(made.current.equivocated[CHEAT], attempt=7)
    assert "there was no round 0 attempt 7" in (made.with_run(equivocated={CHEAT: shown}).verify().problem or "")


# --------------------------------------------------------------------------------------------------------------------- exits


def left(trained: Trained, last_round: int, *, by: int = CHEAT) -> Trained:
    """Let the first site leave on demand after everything, by a signature of ``by``; no model is written down."""
    signed = trained.sign(by, messages.Exit(trained.run_id, ids.MemberId(CHEAT), last_round))
    event = events.Exited(late(trained, 1), trained.run_id, ids.MemberId(CHEAT), last_round, signed)
    return trained.with_run(exits={CHEAT: event}, model=None, shares={})


def dropped(trained: Trained, *, over: bool | None, **fields: Any) -> Trained:
    """Drop the first site after everything; ``over`` is what the registries say of its consent."""
    consent = trained.current.enrolled[CHEAT].consent_id
    given = {"consent_id": consent, **fields}
    event = events.Dropped(late(trained, 1), trained.run_id, ids.MemberId(CHEAT), **given)
    made = dataclasses.replace(trained, beside={"consents_over": {given["consent_id"]: over}})
    return made.with_run(dropped={CHEAT: event}, model=None, shares={})


def used_early(trained: Trained) -> Trained:
    """Use an exit signed in advance a second before the patience was over."""
    old = trained.current.exits[CHEAT]
    at = dataclasses.replace(old.at, time=old.at.time - trained.current.spec.patience_seconds)
    return trained.with_run(exits={CHEAT: dataclasses.replace(old, at=at)})


def used_first(trained: Trained) -> Trained:
    """Use an exit signed in advance before anybody committed."""
    old = trained.current.exits[CHEAT]
    at = dataclasses.replace(old.at, block=0)
    return trained.with_run(exits={CHEAT: dataclasses.replace(old, at=at)})


def never_given(trained: Trained) -> Trained:
    """Use an exit in advance of a site that chose to be waited for."""
    enrolled = dict(trained.current.enrolled)
    enrolled[CHEAT] = dataclasses.replace(enrolled[CHEAT], absence=run.Absence.WAIT)
    return trained.with_run(enrolled=enrolled)


EXITS: dict[str, tuple[str, Callable[[Trained], Trained], str]] = {
    "signed by another": ("five", lambda t: left(t, last_of(t)[0], by=3), "Exit of member 2: it is not signed"),
    "an earlier round": (
        "five", lambda t: left(t, 0), "Exit of member 2: it names round 0 as its last one, and a later one was fixed",
    ),
    "a later round": (
        "five", lambda t: left(t, last_of(t)[0] + 1), "which was not unmasked then",
    ),
    "in advance, before the patience": (
        "silent", used_early, "exit in advance of member 2: no attempt waited for the member past the patience",
    ),
    "in advance, before the set": (
        "silent", used_first, "exit in advance of member 2: it was used before the participant set was fixed",
    ),
    "in advance, never given": ("silent", never_given, "Exit of member 2: it is not signed by its member's key"),
    "dropped with a living consent": (
        "five", lambda t: dropped(t, over=False), "dropped seat of member 2: its consent was not over",
    ),
    "dropped for another consent": (
        "five",
        lambda t: dropped(t, over=True, consent_id=b"\x07" * 32),
        "dropped seat of member 2: it names a consent that the member did not enrol with",
    ),
    "out without a word": (
        "silent", lambda t: t.with_run(exits={}), "participant set: member 2 left without a signed Exit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXITS)
def test_a_forged_exit_is_named(name: str, request: pytest.FixtureRequest) -> None:
    """Nobody leaves a run without its own signature, silence past the patience, or a consent that is over."""
    run_name, change, problem = EXITS[name]
    assert problem in (change(request.getfixturevalue(run_name)).verify().problem or "")


def test_exits_of_every_kind_hold(five: Trained, silent: Trained) -> None:
    """An exit on demand, one signed in advance and a consent that is over are each counted as what they are."""
    reports = {
        "exit": left(five, last_of(five)[0]).verify(),
        "exit_in_advance": silent.verify(silent.reader()),
        "dropped": dropped(five, over=True).verify(),
    }
    for part, report in reports.items():
        assert report.problem is None
        assert {each.part: each.count for each in report.checked}[part] == 1
    unknown = dropped(five, over=None).verify()
    assert unknown.holds
    assert "the consent of member 2" in next(each.words for each in unknown.unchecked if each.part == "dropped")


def test_what_nodes_do_by_themselves_holds(
    sites: Any, plan: Any, train: Callable[[testing.Simulation], Trained]
) -> None:
    """A bad box that nodes complain about and judge without anybody's help is checked down to the sums."""
    with testing.simulate(sites(5), plan) as simulation:
        cheat = simulation.nodes[CHEAT]
        cheat.agent = dataclasses.replace(cheat.agent, runner=BadBox())
        trained = train(simulation)
    report = trained.verify(trained.reader())
    assert report.verified
    assert [(each.charge, each.accuser, each.judgement) for each in report.cases] == [
        (verdict.Charge.BAD_BOX, HONEST, J.PROVEN)
    ]
    assert [each.member_id for each in report.convictions] == [CHEAT]
