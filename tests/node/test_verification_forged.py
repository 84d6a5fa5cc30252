"""`run verify` on what members forge together: every row is signed again by whoever's record it is, so only the checks
of arithmetic, commitments and order are left to find it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import encoding, events, ids, messages, run
from aicommons.learning.secagg import epoch, group, masks, reveal
from aicommons.learning.secagg import header as headers
from aicommons.learning.secagg import suite as suites
from aicommons.node import agent as agents

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.node.conftest import Trained

AT = (1, 0)
MEMBER = 4
READERS = 4
"""Three members and the problem owner."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One forgery."""

    change: Callable[[Trained], Trained]
    problem: str
    """What the report's problem holds."""
    needs_key: bool = False
    """Whether only a reader can see it."""


def flip(data: bytes, at: int) -> bytes:
    """Return other bytes of the same length."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def header_of(trained: Trained) -> bytes:
    """Return the member's header."""
    return trained.blobs[trained.current.attempts[AT].submits[MEMBER].header_digest]


def header(at: int) -> Callable[[Trained], Trained]:
    """Sign and commit to a header with one byte changed."""
    return lambda trained: trained.with_header(AT, MEMBER, flip(header_of(trained), at))


def header_cut(trained: Trained) -> Trained:
    """Sign a header that ends a byte too early."""
    return trained.with_header(AT, MEMBER, header_of(trained)[:-1])


def rebuilt_header(**changed: Callable[[bytes], bytes]) -> Callable[[Trained], Trained]:
    """Sign a well-formed header, proof and all, that commits to something else."""

    def change(trained: Trained) -> Trained:
        made = trained.session(AT)
        old = headers.parse(header_of(trained), made, MEMBER).commitment
        secret = group.reduce_wide(bytes(range(64)))
        fields = {name: turn(getattr(old, name)) for name, turn in changed.items()}
        commitment = dataclasses.replace(old, ephemeral=group.multiply_base(secret), **fields)
        public = headers.public_part(made, MEMBER, commitment)
        seeds = tuple(bytes([column]) * 32 for column in range(len(made.layout.columns)))
        nonce = group.reduce_wide(bytes(range(1, 65)))
        raw = headers.build(made, MEMBER, public, secret=secret, nonce=nonce, seeds=seeds)
        return trained.with_header(AT, MEMBER, raw)

    return change


def short_vector(trained: Trained) -> Trained:
    """Locate a masked vector that is four bytes short."""
    old = headers.parse(header_of(trained), trained.session(AT), MEMBER).commitment.blob_digest
    short = trained.blobs[old][:-4]
    return rebuilt_header(blob_digest=lambda _: ids.digest(short))(trained.with_blob(ids.digest(short), short))


def resign(kind: str, **fields: Callable[[bytes], bytes]) -> Callable[[Trained], Trained]:
    """Sign a message with other fields; Results are those of the last round."""

    def change(trained: Trained) -> Trained:
        at = max(trained.current.attempts) if kind == "results" else AT
        sent = getattr(trained.current.attempts[at], kind)[MEMBER]
        new = {name: turn(getattr(sent, name)) for name, turn in fields.items()}
        return trained.with_message(at, kind, MEMBER, lambda old: trained.signed(old, **new))

    return change


def document_of(trained: Trained, member: int) -> bytes:
    """Return a member's document."""
    return trained.blobs[trained.current.attempts[AT].reveals[member].document]


def with_document(trained: Trained, member: int, raw: bytes) -> Trained:
    """Reveal another document."""
    digest = ids.digest(raw)
    return trained.with_blob(digest, raw).with_message(
        AT, "reveals", member, lambda sent: trained.signed(sent, document=digest)
    )


def document(at: int) -> Callable[[Trained], Trained]:
    """Reveal a document with one byte changed."""
    return lambda trained: with_document(trained, MEMBER, flip(document_of(trained, MEMBER), at))


def document_cut(trained: Trained) -> Trained:
    """Reveal a document that ends too early."""
    return with_document(trained, MEMBER, document_of(trained, MEMBER)[:-48])


def other_masks(trained: Trained) -> Trained:
    """Commit to and reveal another mask sum than the other holder of the column, consistently."""
    made, seen = trained.session(AT), trained.current.attempts[AT]
    raw = flip(document_of(trained, MEMBER), 40)
    commit = seen.commits[MEMBER]
    parsed = reveal.parse_document(made, MEMBER, raw, readers=READERS, input_digest=commit.input_digest)
    mine = masks.rows_digest(made, MEMBER, [(row.cell, row.column, row.manifest) for row in parsed.rows])
    committed = masks.salted_commitment(made, MEMBER, salt=seen.reveals[MEMBER].salt, mine=mine)
    changed = trained.with_message(AT, "commits", MEMBER, lambda sent: trained.signed(sent, masks=committed))
    return with_document(changed, MEMBER, raw).with_message(
        AT, "reveals", MEMBER, lambda sent: trained.signed(sent, mine=mine, document=ids.digest(raw))
    )


def sealed(junk: Callable[[int], bytes]) -> Callable[[Trained], Trained]:
    """Let both holders of column 0 reveal a sealed mask sum that is none; ``junk`` gets the right length."""

    def change(trained: Trained) -> Trained:
        data = junk(trained.session(AT).blob_bytes + 16)
        changed = trained.with_blob(ids.digest(data), data)
        for member in (3, 4):
            raw = document_of(trained, member)
            changed = with_document(changed, member, raw[:8] + ids.digest(data) + raw[40:])
        return changed

    return change


def one_holder_lies(trained: Trained) -> Trained:
    """Let one of two holders reveal a sealed mask sum that is none: the other's costs the readers nothing."""
    data = bytes(trained.session(AT).blob_bytes + 16)
    raw = document_of(trained, MEMBER)
    return with_document(trained.with_blob(ids.digest(data), data), MEMBER, raw[:8] + ids.digest(data) + raw[40:])


def all_results(field: str) -> Callable[[Trained], Trained]:
    """Let everybody sign another sum or state in the end, and the ledger and the model follow."""

    def change(trained: Trained) -> Trained:
        at = max(trained.current.attempts)
        results = trained.current.attempts[at].results
        other = flip(getattr(next(iter(results.values())), field), 0)
        changed = trained.with_attempt(
            at, results={member: trained.signed(sent, **{field: other}) for member, sent in results.items()}
        )
        if field == "sum_digest":
            return changed
        return changed.with_run(
            agreed=dataclasses.replace(trained.current.agreed, state_digest=other),
            model=dataclasses.replace(trained.current.model, state_digest=other),
        )

    return change


def started(trained: Trained, at: tuple[int, int], state: bytes) -> dict[str, bytes]:
    """Return what a Submit says that starts from a state."""
    keys = tuple(epoch.PublicKeys(trained.current.acks[member].point) for member in trained.members)
    committee = agents.make_committee(trained.run_id, trained.current.spec, trained.current.roster, keys, epoch=0)
    key = encoding.AttemptKey(trained.run_id, *at)
    return {"sid": encoding.session_id(trained.place, key, state, committee.digest), "state_digest": state}


def other_state(trained: Trained) -> Trained:
    """Let everybody go on from another state than the sums of round 0 give."""
    seen, says = trained.current.attempts[AT], started(trained, AT, b"\x05" * 32)
    submits = {member: trained.signed(sent, **says) for member, sent in seen.submits.items()}
    return trained.with_attempt(AT, submits=submits)


def mixed_states(trained: Trained) -> Trained:
    """Let one participant start from another state than the rest."""
    says = started(trained, AT, b"\x09" * 32)
    return trained.with_message(AT, "submits", MEMBER, lambda sent: trained.signed(sent, **says))


def ack(trained: Trained) -> Trained:
    """Acknowledge a point of another, without its proof."""
    acks, fixed = trained.current.acks, trained.current.roster
    point = group.multiply_base((77).to_bytes(32, "little"))
    old = acks[MEMBER]
    message = messages.Ack(fixed.roster, 0, ids.MemberId(MEMBER), point, old.pok_r, old.pok_z)
    forged = dataclasses.replace(old, point=point, signature=trained.sign(MEMBER, message))
    return trained.with_run(acks={**acks, MEMBER: forged})


def ack_of_another_epoch(trained: Trained) -> Trained:
    """Acknowledge for an epoch that this run has not."""
    acks, fixed = trained.current.acks, trained.current.roster
    secret = trained.secrets[MEMBER]
    point, proof = epoch.acknowledge(fixed.roster, 1, MEMBER, secret=secret, draw=bytes)
    message = messages.Ack(fixed.roster, 1, ids.MemberId(MEMBER), point, proof[:32], proof[32:])
    signed = trained.sign(MEMBER, message)
    old = acks[MEMBER]
    forged = dataclasses.replace(old, epoch=1, pok_r=proof[:32], pok_z=proof[32:], signature=signed)
    return trained.with_run(acks={**acks, MEMBER: forged})


def enrolled_with_another_key(trained: Trained) -> Trained:
    """Show an enrolment with another key than the roster's."""
    enrolled = trained.current.enrolled
    other = dataclasses.replace(enrolled[MEMBER], node_key=ids.Address(bytes(20)))
    return trained.with_run(enrolled={**enrolled, MEMBER: other})


def card(**fields: object) -> Callable[[Trained], Trained]:
    """Register a card that says another thing; texts replace texts in its JSON."""

    def change(trained: Trained) -> Trained:
        raw = trained.blobs[trained.current.model.card]
        document = {**encoding.parse_json(raw), **fields}
        data = encoding.canonical_json(document)
        digest = ids.digest(data)
        model = dataclasses.replace(trained.current.model, card=digest)
        return trained.with_blob(digest, data).with_run(model=model)

    return change


ROWS: dict[str, Row] = {
    "ack without proof": Row(ack, "Ack, member 4: an Ack proves nothing (ack-proof)"),
    "ack of another epoch": Row(ack_of_another_epoch, "Ack, member 4: an Ack is not signed (ack-signature)"),
    "enrolled with another key": Row(enrolled_with_another_key, "roster, key of member 4: it is not the key that"),
    "header version": Row(header(0), "member 4: header version: expected 3, got 2 (header-wrong-version)"),
    "header suite": Row(header(1), "(header-wrong-suite)"),
    "header columns": Row(header(2), "(header-wrong-columns)"),
    "header members": Row(header(4), "(header-wrong-members)"),
    "header zero": Row(header(6), "(header-wrong-reserved)"),
    "header words": Row(header(8), "member 4: header words: expected"),
    "header context": Row(header(16), "(header-wrong-context)"),
    "header consent commitment": Row(header(48), "(proof-invalid)"),
    "header blob root": Row(header(112), "(proof-invalid)"),
    "header blob digest": Row(header(144), "(proof-invalid)"),
    "header column root": Row(header(176), "(proof-invalid)"),
    "header proof z": Row(header(305), "(proof-invalid)"),
    "header length": Row(header_cut, "(header-wrong-length)"),
    "another blob root": Row(
        rebuilt_header(blob_root=lambda root: flip(root, 0)),
        "round 1 attempt 0, member 4: the masked vector is not the one the header commits to (blob-root-mismatch)",
    ),
    "short vector": Row(short_vector, "member 4: masked vector: expected"),
    "one other state": Row(mixed_states, "Submit of member 4: it names another session than the state"),
    "one Submit of another run": Row(
        resign("submits", sid=lambda sid: flip(sid, 0)),
        "round 1 attempt 0, Submit of member 4: it was signed for another run, round or attempt",
    ),
    "another state": Row(
        other_state, "round 1 attempt 0, Submit of member 3: it names another session", needs_key=True
    ),
    "commit masks": Row(
        resign("commits", masks=lambda old: flip(old, 0)), "member 4: a Reveal does not open its member's Commit"
    ),
    "commit set": Row(
        resign("commits", set_digest=lambda _: encoding.set_digest([3, 4])),
        "Commit of member 4: it names another participant",
    ),
    "commit inputs": Row(
        resign("commits", input_digest=lambda old: flip(old, 0)), "Commit of member 4: it names another list of inputs"
    ),
    "reveal sid": Row(resign("reveals", sid=lambda old: flip(old, 0)), "Reveal of member 4: it names another session"),
    "reveal salt": Row(resign("reveals", salt=lambda old: flip(old, 0)), "(commitment-mismatch)"),
    "reveal mine": Row(resign("reveals", mine=lambda old: flip(old, 0)), "(commitment-mismatch)"),
    "document cell": Row(document(0), "mask-sum document of member 4: document: expected columns (0, 2), cells (0,)"),
    "document leaf": Row(document(41), "(mine-mismatch)"),
    "document one-time key": Row(
        lambda trained: with_document(
            trained, MEMBER, document_of(trained, MEMBER)[:144] + bytes(32) + document_of(trained, MEMBER)[176:]
        ),
        "(point-invalid)",
    ),
    "document length": Row(document_cut, "(document-wrong-length)"),
    "another mask sum": Row(
        other_masks, "mask-sum document of member 4: its mask sum of column 0 is another than that of member 3"
    ),
    "sealed junk": Row(
        sealed(bytes), "round 1 attempt 0, column 0: no holder's box and object open and match", needs_key=True
    ),
    "sealed too short": Row(
        sealed(lambda size: bytes(size - 1)),
        "sealed mask sum of column 0 of member 3: a sealed mask sum has another length",
    ),
    "result sum": Row(
        resign("results", sum_digest=lambda old: flip(old, 0)), "Result of member 4: it names another sum"
    ),
    "result state": Row(
        resign("results", state_digest=lambda old: flip(old, 0)), "Result of member 4: it names another state"
    ),
    "all results, sum": Row(all_results("sum_digest"), "Result of member 3: it names another sum", needs_key=True),
    "all results, state": Row(
        all_results("state_digest"), "Result of member 3: it names another state", needs_key=True
    ),
    "card run": Row(card(run="0x" + "00" * 32), "model card, run: it says another thing than the run (expected 0x"),
    "card rounds": Row(card(rounds=99), "model card, rounds: it says another thing than the run (expected"),
    "card participants": Row(
        card(participants=4), "model card, participants: it says another thing than the run (expected 3"
    ),
    "card title": Row(card(title="Better"), "model card, title: it says another thing"),
    "card privacy": Row(card(privacy="epsilon 1"), "model card, privacy: it says another thing"),
    "card kind": Row(card(type="plan"), "model card, model-card: another kind of document"),
    "card figures": Row(
        card(metrics={"accuracy": "0.999000"}),
        "model card, accuracy: it is not the figure of the agreed sums",
        needs_key=True,
    ),
    "card figures left out": Row(card(metrics={}), "model card, accuracy: it is not the figure of", needs_key=True),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_forgery_is_named(three: Trained, name: str) -> None:
    """Whatever members sign, record, round, attempt and member of the first thing that cannot be are named."""
    row = ROWS[name]
    forged = row.change(three)
    report = forged.verify(three.reader())
    assert row.problem in (report.problem or "")
    assert not report.holds
    if not row.needs_key:
        assert row.problem in (forged.verify().problem or "")


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.needs_key and name != "another state"])
def test_what_only_a_reader_sees_is_not_claimed_without_a_key(three: Trained, name: str) -> None:
    """Without a key sums and figures are not checked, and the report does not say they were."""
    report = ROWS[name].change(three).verify()
    assert (report.holds, report.verified) == (True, False)
    assert "sums" in {each.part for each in report.unchecked}
    assert not {"sums", "figures"} & {each.part for each in report.checked}


def test_one_holders_bad_object_costs_nothing(three: Trained) -> None:
    """While another holder's object opens and matches, a reader still gets every sum."""
    report = one_holder_lies(three).verify(three.reader())
    assert (report.problem, report.verified) == (None, True)
    assert ("sums", report.rounds) in {(each.part, each.count) for each in report.checked}


def without_site(trained: Trained, at: tuple[int, int]) -> Trained:
    """Let everybody sign a round over one site less; what would not fit is erased, as after the retention time."""
    seen = trained.current.attempts[at]
    left = trained.with_attempt(at, set_bits=0b01111).recommitted(at)
    for sent in seen.reveals.values():
        left = left.with_blob(sent.document, None)
    return left


def test_a_second_participant_set_is_named(five: Trained) -> None:
    """Sums over two sets can be subtracted from each other: a set that changes without an Exit is named."""
    report = without_site(five, (2, 0)).verify()
    assert report.problem.startswith(
        "round 2 attempt 0, participant set: member 6 left without a signed Exit (expected"
    )


def test_a_participant_that_joins_later_is_named(five: Trained) -> None:
    """Nobody joins after the first Commit, with or without an Exit before."""
    report = without_site(five, (0, 0)).verify()
    assert report.problem.startswith("round 1 attempt 0, participant set: member 6 joined without a signed Exit")


def test_an_exit_after_the_round_does_not_excuse_it(five: Trained) -> None:
    """An Exit makes the set smaller from then on, not before."""
    changed = without_site(five, (2, 0))
    message = messages.Exit(five.run_id, ids.MemberId(6), 1)
    late = events.Position(10**6, 0, five.current.changed_at)
    left = events.Exited(late, five.run_id, ids.MemberId(6), 1, five.sign(6, message))
    report = changed.with_run(exits={6: left}).verify()
    assert report.problem.startswith("round 2 attempt 0, participant set: member 6 left without a signed Exit")


@pytest.mark.parametrize("kind", ["commits", "reveals", "results"])
def test_messages_before_the_set_is_fixed_are_named(three: Trained, kind: str) -> None:
    """While Submits still come in, nothing else can have been sent."""
    last = max(three.current.attempts)
    kept = {name: {} for name in ("commits", "reveals", "results") if name != kind}
    report = three.with_attempt(last, phase=run.Phase.OPEN, **kept).verify()
    record = kind[:-1].capitalize()
    assert (
        report.problem
        == f"round {last[0]} attempt 0, {record} of member 3: it came before the participant set was fixed"
    )


def test_a_reveal_without_a_certificate_is_named(three: Trained) -> None:
    """A phase that says there is no certificate yet, and Reveals, do not go together."""
    last = max(three.current.attempts)
    report = three.with_attempt(last, phase=run.Phase.SUBMITTED).verify()
    assert "something was revealed without a certificate" in report.problem


def test_the_agreed_state_must_be_the_computed_one(three: Trained) -> None:
    """In a run that stopped between rounds a quorum's Submits name the state; the model must be that one, key or not."""
    attempts = {at: seen for at, seen in three.current.attempts.items() if at <= (2, 0)}
    sid = attempts[(2, 0)].submits[3].sid
    agreed = dataclasses.replace(three.current.agreed, rounds_done=2, sid=sid, state_digest=bytes(32))
    model = dataclasses.replace(three.current.model, rounds_done=2)
    over = {"state": run.RunState.ENDED, "reason": run.Reason.PATIENCE_OVER}
    ended = three.with_run(attempts=attempts, agreed=agreed, model=model, **over)
    expected = "registered model, state digest: the session that a quorum named starts from another state"
    assert ended.verify().problem.startswith(expected)
    assert ended.verify(three.reader()).problem.startswith("registered model, state digest: it is another state")


def test_a_run_cut_short_is_named(three: Trained) -> None:
    """A finished run whose last rounds are hidden cannot pass as one that completed: it needs a quorum of Results."""
    attempts = {at: seen for at, seen in three.current.attempts.items() if at <= (2, 0)}
    sid = attempts[(2, 0)].submits[3].sid
    agreed = dataclasses.replace(three.current.agreed, rounds_done=2, sid=sid, state_digest=bytes(32))
    cut = three.with_run(attempts=attempts, agreed=agreed, model=None, shares={})
    assert cut.current.state is run.RunState.COMPLETED
    for report in (cut.verify(), cut.verify(three.reader())):
        assert report.problem == "run state COMPLETED: a run completes by a quorum of Results, and there is none"


def test_words_have_one_width(three: Trained) -> None:
    """The suite of a run must have the words that its plan needs."""
    other = suites.Suite.AES_32 if three.current.spec.suite == suites.Suite.AES_64 else suites.Suite.AES_64
    spec = dataclasses.replace(three.current.spec, suite=int(other))
    changed = dataclasses.replace(three.with_run(spec=spec), run_id=encoding.run_id(spec))
    assert changed.verify().problem.startswith("RunSpec, suite: the suite has another word width than the plan needs")
    spec = dataclasses.replace(three.current.spec, suite=9)
    changed = dataclasses.replace(three.with_run(spec=spec), run_id=encoding.run_id(spec))
    assert changed.verify().problem == "RunSpec, suite: there is no such suite (expected 1 to 8, got 9)"


def test_a_quorum_that_names_another_state_is_named(three: Trained) -> None:
    """Submits that are still coming in name the state too: a reader sees when a quorum's is not the one of the sums."""
    last = (2, 0)
    attempts = {at: seen for at, seen in three.current.attempts.items() if at <= last}
    says = started(three, last, b"\x07" * 32)
    submits = {member: three.signed(sent, **says) for member, sent in attempts[last].submits.items()}
    empty = {name: {} for name in ("commits", "reveals", "results")}
    attempts[last] = dataclasses.replace(attempts[last], phase=run.Phase.OPEN, submits=submits, **empty)
    agreed = dataclasses.replace(three.current.agreed, rounds_done=2, sid=says["sid"], state_digest=bytes(32))
    waiting = three.with_run(attempts=attempts, agreed=agreed, model=None, shares={}, state=run.RunState.RUNNING)
    assert waiting.verify().holds
    expected = "agreed state after 2 rounds: the session that a quorum named starts from another state (expected "
    assert waiting.verify(three.reader()).problem.startswith(expected)
