"""`run verify` on records in which one byte was flipped: it names the record, the round and the member, first mismatch first.

The flips are made by somebody without a key (a lying ledger or store). What members could forge together with their
signatures is in ``test_verification_forged``.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import encoding, events, ids, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.node.conftest import Trained

AT = (1, 0)
"""The attempt that most rows change: a round whose state nobody knows without a key."""
MEMBER = 4
"""Whose record they change; the roster is 3, 4, 5."""
ELSEWHERE = "it was signed for another run, round or attempt"
OF_IT = "round 1 attempt 0, {} of member 4: "


@dataclasses.dataclass(frozen=True)
class Row:
    """One flip."""

    change: Callable[[Trained], Trained]
    problem: str
    """How the report's problem begins; ``{last}`` is the run's last round, ``{done}`` the number of rounds."""
    with_key: str | None = None
    """How it begins for a reader, where a reader sees it in another place."""


def flip(data: bytes, at: int = 0) -> bytes:
    """Return other bytes of the same length."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def spec(field: str) -> Callable[[Trained], Trained]:
    """Change a field of the run's terms."""

    def change(trained: Trained) -> Trained:
        value = getattr(trained.current.spec, field)
        other = flip(value) if isinstance(value, bytes) else value + 1
        return trained.with_run(spec=dataclasses.replace(trained.current.spec, **{field: other}))

    return change


def document(field: str) -> Callable[[Trained], Trained]:
    """Flip a byte of the plan or the terms in the store."""

    def change(trained: Trained) -> Trained:
        digest = getattr(trained.current.spec, field)
        return trained.with_blob(digest, flip(trained.blobs[digest], 20))

    return change


def roster(**fields: object) -> Callable[[Trained], Trained]:
    """Change the roster; a callable gets the old value."""

    def change(trained: Trained) -> Trained:
        fixed = trained.current.roster
        new = {name: value(getattr(fixed, name)) if callable(value) else value for name, value in fields.items()}
        return trained.with_run(roster=dataclasses.replace(fixed, **new))

    return change


def ack(field: str) -> Callable[[Trained], Trained]:
    """Flip a byte of an Ack."""

    def change(trained: Trained) -> Trained:
        acks = trained.current.acks
        flipped = dataclasses.replace(acks[MEMBER], **{field: flip(getattr(acks[MEMBER], field))})
        return trained.with_run(acks={**acks, MEMBER: flipped})

    return change


def message(kind: str, field: str, at: tuple[int, int] | None = AT) -> Callable[[Trained], Trained]:
    """Flip a byte of a message of a round; ``at`` ``None`` is the last round."""

    def change(trained: Trained) -> Trained:
        return trained.with_message(
            at or max(trained.current.attempts),
            kind,
            MEMBER,
            lambda sent: dataclasses.replace(sent, **{field: flip(getattr(sent, field), 1)}),
        )

    return change


def blob(find: Callable[[Trained], bytes], at: int) -> Callable[[Trained], Trained]:
    """Flip a byte of what the store has under a digest."""

    def change(trained: Trained) -> Trained:
        digest = find(trained)
        return trained.with_blob(digest, flip(trained.blobs[digest], at))

    return change


def header(trained: Trained) -> bytes:
    """Digest of the member's header."""
    return trained.current.attempts[AT].submits[MEMBER].header_digest


def masked(trained: Trained) -> bytes:
    """Digest of the member's masked vector."""
    return trained.blobs[header(trained)][144:176]


def revealed(trained: Trained) -> bytes:
    """Digest of the member's document."""
    return trained.current.attempts[AT].reveals[MEMBER].document


def sealed(trained: Trained) -> bytes:
    """Digest of the member's first sealed mask sum, which stands behind cell and column in its document."""
    return trained.blobs[revealed(trained)][8:40]


def event(name: str, field: str) -> Callable[[Trained], Trained]:
    """Flip a byte, or change a number, of the agreed state or the registered model."""

    def change(trained: Trained) -> Trained:
        old = getattr(trained.current, name)
        value = getattr(old, field)
        other = flip(value) if isinstance(value, bytes) else value - 1
        return trained.with_run(**{name: dataclasses.replace(old, **{field: other})})

    return change


def source(field: str) -> Callable[[Trained], Trained]:
    """Change what a participant is said to have brought to the model."""

    def change(trained: Trained) -> Trained:
        model = trained.current.model
        value = getattr(model.sources[1], field)
        other = flip(value) if isinstance(value, bytes) else value + 7
        changed = dataclasses.replace(model.sources[1], **{field: other})
        sources = (model.sources[0], changed, *model.sources[2:])
        return trained.with_run(model=dataclasses.replace(model, sources=sources))

    return change


def shares(**changed: int) -> Callable[[Trained], Trained]:
    """Add to members' shares: ``m4=1`` adds 1 to member 4."""

    def change(trained: Trained) -> Trained:
        added = {int(name[1:]): number for name, number in changed.items()}
        held = trained.current.shares
        return trained.with_run(shares={member: held.get(member, 0) + added.get(member, 0) for member in held | added})

    return change


def attempt(**fields: object) -> Callable[[Trained], Trained]:
    """Change what the ledger says of an attempt."""
    return lambda trained: trained.with_attempt(AT, **fields)


def without(kind: str) -> Callable[[Trained], Trained]:
    """Hide the member's message."""

    def change(trained: Trained) -> Trained:
        sent = getattr(trained.current.attempts[AT], kind)
        return trained.with_attempt(AT, **{kind: {other: each for other, each in sent.items() if other != MEMBER}})

    return change


def at_start(kind: str) -> Callable[[Trained], Trained]:
    """Let a message stand before everything else."""

    def change(trained: Trained) -> Trained:
        return trained.with_message(
            AT, kind, MEMBER, lambda sent: dataclasses.replace(sent, at=events.Position(0, 0, sent.at.time))
        )

    return change


def borrowed(trained: Trained) -> Trained:
    """Show another member's Submit, signature and all, as the member's."""
    return trained.with_message(AT, "submits", MEMBER, lambda _: trained.current.attempts[AT].submits[3])


def replayed(trained: Trained) -> Trained:
    """Show round 1 once more as round 2."""
    return trained.with_run(attempts={**trained.current.attempts, (2, 0): trained.current.attempts[AT]})


def skipped(trained: Trained) -> Trained:
    """Hide a whole round."""
    kept = {at: seen for at, seen in trained.current.attempts.items() if at != AT}
    return trained.with_run(attempts=kept)


def renamed_purpose(trained: Trained) -> Trained:
    """Open the run for another purpose than its terms name, under the id that this gives."""
    other = dataclasses.replace(trained.current.spec, purpose=encoding.purpose_code("DUO:0000042"))
    return dataclasses.replace(trained.with_run(spec=other), run_id=encoding.run_id(other))


def early_result(trained: Trained) -> Trained:
    """Show the last round as not unmasked."""
    return trained.with_attempt(max(trained.current.attempts), phase=run.Phase.FIXED)


RUN = "RunSpec: the terms do not hash to the run's id (expected "
HEADER = OF_IT.format("header") + "the store has other bytes than this header (expected "

ROWS: dict[str, Row] = {
    **{
        f"spec {name}": Row(spec(name), RUN)
        for name in ("problem", "plan", "terms", "purpose", "solver", "rounds", "suite", "salt")
    },
    "plan document": Row(document("plan"), "plan document: the store has other bytes than this plan document"),
    "terms document": Row(document("terms"), "terms document: the store has other bytes than this terms document"),
    "purpose": Row(renamed_purpose, "plan or terms document, run-terms.purpose: the terms name another purpose"),
    "roster id": Row(roster(member_ids=(3, 4, 6)), "roster: its digest is another than that of its members and keys"),
    "roster order": Row(roster(member_ids=(4, 3, 5)), "roster: its members are not ascending"),
    "roster length": Row(roster(member_ids=(3, 4)), "roster: its members are not ascending, each with a key"),
    "node key": Row(
        roster(node_keys=lambda keys: (keys[0], ids.Address(flip(keys[1])), keys[2])),
        "roster: its digest is another than that of its members and keys",
    ),
    "roster digest": Row(roster(roster=flip), "roster: its digest is another than that of its members and keys"),
    "layout": Row(roster(layout=2), "roster: layout, faults and quorum are not those of its size"),
    "quorum": Row(roster(quorum=2), "roster: layout, faults and quorum are not those of its size"),
    "ack roster": Row(ack("roster"), "Ack of member 4: it names another roster"),
    "ack point": Row(ack("point"), "Ack, member 4: an Ack is not signed (ack-signature)"),
    "ack proof R": Row(ack("pok_r"), "Ack, member 4: an Ack is not signed (ack-signature)"),
    "ack proof z": Row(ack("pok_z"), "Ack, member 4: an Ack is not signed (ack-signature)"),
    "ack signature": Row(ack("signature"), "Ack, member 4: an Ack is not signed (ack-signature)"),
    "submit sid": Row(message("submits", "sid"), OF_IT.format("Submit") + ELSEWHERE),
    "submit state digest": Row(message("submits", "state_digest"), OF_IT.format("Submit") + ELSEWHERE),
    "submit header digest": Row(
        message("submits", "header_digest"), "round 1 attempt 0, member 4: a Submit is not signed (submit-signature)"
    ),
    "submit signature": Row(
        message("submits", "signature"), "round 1 attempt 0, member 4: a Submit is not signed (submit-signature)"
    ),
    "submit of another": Row(borrowed, "round 1 attempt 0, member 4: a Submit is not signed (submit-signature)"),
    "submit of round 0": Row(message("submits", "sid", (0, 0)), "round 0 attempt 0, Submit of member 4: " + ELSEWHERE),
    **{
        f"header {region}": Row(blob(header, at), HEADER)
        for region, at in {
            "version": 0,
            "suite": 1,
            "columns": 2,
            "members": 4,
            "zero": 6,
            "words": 8,
            "context": 16,
            "consent commitment": 48,
            "one-time key": 80,
            "blob root": 112,
            "blob digest": 144,
            "column root": 176,
            "proof R": 272,
            "proof z": 304,
            "box": 336,
            "end": -1 + 544,
        }.items()
    },
    "masked vector": Row(
        blob(masked, 5), OF_IT.format("masked vector") + "the store has other bytes than this masked vector (expected "
    ),
    "commit sid": Row(message("commits", "sid"), OF_IT.format("Commit") + "it names another session (expected "),
    "commit set": Row(message("commits", "set_digest"), OF_IT.format("Commit") + "it names another participant set"),
    "commit inputs": Row(
        message("commits", "input_digest"), OF_IT.format("Commit") + "it names another list of inputs"
    ),
    "commit masks": Row(
        message("commits", "masks"),
        "round 1 attempt 0, member 4: a Commit is not signed by its member's key (commit-sig",
    ),
    "commit signature": Row(
        message("commits", "signature"),
        "round 1 attempt 0, member 4: a Commit is not signed by its member's key (commit-sig",
    ),
    **{
        f"reveal {field}": Row(
            message("reveals", field),
            "round 1 attempt 0, member 4: a Reveal is not signed by its member's key (reveal-sig",
        )
        for field in ("sid", "salt", "mine", "document", "signature")
    },
    "document": Row(
        blob(revealed, 50), OF_IT.format("mask-sum document") + "the store has other bytes than this mask-sum document"
    ),
    "sealed mask sum": Row(
        blob(sealed, 9),
        OF_IT.format("sealed mask sum of column 0").replace("member 4", "member 3")
        + "the store has other bytes than this",
    ),
    "result sum": Row(
        message("results", "sum_digest", None), "round {last} attempt 0, Result of member 4: it names another sum"
    ),
    "result state": Row(
        message("results", "state_digest", None), "round {last} attempt 0, Result of member 4: it names another state"
    ),
    "result sid": Row(
        message("results", "sid", None), "round {last} attempt 0, Result of member 4: it names another session"
    ),
    "result signature": Row(
        message("results", "signature", None),
        "round {last} attempt 0, member 4: a Result is not signed by its member's key",
    ),
    "set too small": Row(attempt(set_bits=0b011), "round 1 attempt 0: the participant set has 2 members, at least 3"),
    "set beyond the roster": Row(
        attempt(set_bits=0b1111), "round 1 attempt 0: the participant set has seats that the roster"
    ),
    "phase": Row(attempt(phase=run.Phase.OPEN), "round 2 attempt 0: the round before was not unmasked"),
    "submit hidden": Row(
        without("submits"), "round 1 attempt 0, member 4: a participant sent nothing (submit-missing)"
    ),
    "commit hidden": Row(without("commits"), "round 1 attempt 0: 2 valid Commits are no certificate, 3 are needed"),
    "reveal hidden": Row(
        without("reveals"), "round 1 attempt 0, member 4: the round was unmasked without a Reveal that was"
    ),
    "reveal before the certificate": Row(
        at_start("reveals"), OF_IT.format("Reveal") + "it came without a certificate before"
    ),
    "commit before the last submit": Row(
        at_start("commits"), OF_IT.format("Commit") + "it came before the last Submit"
    ),
    "round replayed": Row(replayed, "round 2 attempt 0, Submit of member 3: " + ELSEWHERE),
    "round hidden": Row(skipped, "round 2 attempt 0: a round or attempt is missing before it"),
    "round not unmasked": Row(
        early_result, "round {last} attempt 0: there is a Result of a round that was not unmasked"
    ),
    "agreed session": Row(
        event("agreed", "sid"), "agreed state after {done} rounds: no quorum named this session and state"
    ),
    "agreed state": Row(
        event("agreed", "state_digest"), "agreed state after {done} rounds: no quorum named this session and state"
    ),
    "agreed rounds": Row(
        event("agreed", "rounds_done"), "agreed state after {last} rounds: no quorum named this session and state"
    ),
    "agreement hidden": Row(
        lambda trained: trained.with_run(agreed=None), "run state COMPLETED: the run is over without an agreed state"
    ),
    "run ended": Row(
        lambda trained: trained.with_run(state=run.RunState.ENDED),
        "run state ENDED: its reason, FINISHED, is that of another end",
    ),
    "run reason": Row(
        lambda trained: trained.with_run(reason=run.Reason.CANCELLED),
        "run state COMPLETED: its reason, CANCELLED, is that of another end",
    ),
    "run aborted": Row(
        lambda trained: trained.with_run(state=run.RunState.ABORTED, reason=run.Reason.CANCELLED),
        "run state ABORTED: a state was agreed, which a run that aborts has not",
    ),
    "run going on": Row(
        lambda trained: trained.with_run(state=run.RunState.RUNNING, reason=run.Reason.NONE),
        "run state RUNNING: there is a model of a run that is not over",
    ),
    "enrolled absence": Row(
        lambda trained: trained.with_run(
            enrolled={
                **trained.current.enrolled,
                MEMBER: dataclasses.replace(trained.current.enrolled[MEMBER], absence=run.Absence.EXIT),
            }
        ),
        "enrolment of member 4: its exit in advance is not signed by its key",
    ),
    "model state": Row(
        event("model", "state_digest"), "registered model, state digest: it is another state than the one"
    ),
    "model plan": Row(event("model", "plan"), "registered model, plan: it names another plan (expected "),
    "model licence": Row(
        event("model", "licence"), "registered model, licence: it names another licence than the run's terms"
    ),
    "model rounds": Row(event("model", "rounds_done"), "registered model, rounds: it has another number of rounds"),
    "model card": Row(event("model", "card"), "model card: the store does not have the card that the registry names"),
    "card": Row(
        blob(lambda trained: trained.current.model.card, 30),
        "model card: the store has other bytes than this model card",
    ),
    **{
        f"source {field}": Row(
            source(field), f"registered model, source of member 4: it is another {field} than the member"
        )
        for field in ("member_id", "dataset_id", "version", "consent_id")
    },
    "source hidden": Row(
        lambda trained: trained.with_run(
            model=dataclasses.replace(trained.current.model, sources=trained.current.model.sources[:2])
        ),
        "registered model, sources: it has another number of sources than the run has participants (expected 3, got 2)",
    ),
    "shares more": Row(shares(m4=1), "shares: they do not add up (expected 1000000, got 1000001)"),
    "shares moved": Row(
        shares(m4=1, m5=-1), "shares of member 4: it is not what the run's terms say (expected 266667, got"
    ),
    "shares of the owner": Row(
        shares(m1=100_000, m2=-100_000), "shares of member 1: it is not what the run's terms say"
    ),
    "shares of a stranger": Row(shares(m9=5, m1=-5), "shares of member 1: it is not what the run's terms say"),
    "shares without a model": Row(
        lambda trained: trained.with_run(model=None), "registered model: there are shares without a model"
    ),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("key", ["without a key", "with a key"])
def test_a_flip_is_named(three: Trained, name: str, key: str) -> None:
    """One changed byte anywhere in the record is found, with or without a key, and named as the first thing wrong."""
    row = ROWS[name]
    is_reader = key == "with a key"
    report = row.change(three).verify(three.reader() if is_reader else None)
    last = max(three.current.attempts)[0]
    expected = (is_reader and row.with_key) or row.problem
    assert report.problem is not None
    assert report.problem.startswith(expected.format(last=last, done=last + 1))
    assert not report.holds


def test_the_first_mismatch_is_the_one_named(three: Trained) -> None:
    """Of two flips the one that happened first in the run is named, and what held before it is listed."""
    twice = message("reveals", "salt")(message("submits", "sid", (0, 0))(three))
    report = twice.verify()
    assert report.problem.startswith("round 0 attempt 0, Submit of member 4")
    counted = {each.part: each.count for each in report.checked}
    assert counted["roster"] == 3
    assert "reveal" not in counted


def test_expected_and_got_are_shown(three: Trained) -> None:
    """A mismatch of digests shows the beginning of both."""
    flipped = message("commits", "set_digest")(three)
    right = three.current.attempts[AT].commits[MEMBER].set_digest
    problem = flipped.verify().problem
    assert problem.endswith(f"(expected {right.hex()[:16]}…, got {flip(right, 1).hex()[:16]}…)")


def test_another_place_makes_every_signature_void(three: Trained) -> None:
    """Signatures are for one contract on one chain: a fork elsewhere cannot borrow them."""
    other = dataclasses.replace(three, place=dataclasses.replace(three.place, chain_id=1))
    assert other.verify().problem.startswith("Ack, member 3: an Ack is not signed (ack-signature)")


def test_another_run_id_is_refused(three: Trained) -> None:
    """Asking for one run and being shown another is noticed at once."""
    other = dataclasses.replace(three, run_id=ids.RunId(flip(three.run_id)))
    assert other.verify().problem.startswith(RUN)
