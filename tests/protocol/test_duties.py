"""Duties: what a node owes in each state of a run, as a table of named rows, and rules that hold in all of them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.domain import events, ids, money_events, run
from aicommons.protocol import duties
from aicommons.protocol import view as views

RUN = ids.RunId(b"\x01" * 32)
ME = ids.MemberId(4)
Kind = duties.DutyKind
Phase = run.Phase
State = run.RunState

USUAL = duties.Remembered(
    is_pinned=True, state_index=0, is_finished=False, has_model=False, has_key=True, has_report=True
)
ALL = (2, 4, 6)
Make = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Row:
    """One state of a run and what a member owes in it."""

    expected: list[tuple[Kind, int, int] | tuple[Kind, int, int, int]]
    """Kind, round and attempt of each duty, and the member that it is about."""
    phase: Phase | None = None
    """Phase of the attempt under way, or no attempt at all."""
    place: tuple[int, int] = (0, 0)
    """Round and attempt under way."""
    bits: int = 0b111
    """Its participant set."""
    attempt_deadline: int = 2_000
    """When its phase ends."""
    submits: tuple[int, ...] = ()
    commits: tuple[int, ...] = ()
    reveals: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    run: dict[str, object] = dataclasses.field(default_factory=dict)
    """What differs in the run."""
    known: dict[str, object] = dataclasses.field(default_factory=dict)
    """What differs in the node's memory."""
    agreed: int | None = None
    """Position of the agreed state."""
    agreed_digest: bytes = bytes(32)
    """Its digest, if Results agreed on it."""
    before: tuple[int, int] | None = None
    """Round and attempt that were unmasked before."""
    vouched: tuple[int, ...] = ()
    """Whose Results stand there."""
    now: float = 1_000.0
    member: int = ME
    withdrawn: dict[int, int] = dataclasses.field(default_factory=dict)
    """Member -> block time at which it took its consent back."""
    exiting: tuple[int, ...] = ()
    """Who chose to exit."""
    dropped: tuple[int, ...] = ()
    """Who is out already."""
    roster: tuple[int, ...] = ALL
    bonds: tuple[int, ...] = ()
    """Whose bond is locked still."""


OVER = {"state": State.COMPLETED, "changed_at": 900}
HOLDS = {"state_index": 1, "has_model": True}
FINISHED = {"state_index": 1, "is_finished": True}

ROWS: dict[str, Row] = {
    # before the rounds
    "enrolling": Row([], run={"state": State.ENROLLING, "roster": None}),
    "acking": Row([(Kind.ACK, 0, 0)], run={"state": State.ACKING}),
    "acking, not confirmed by the operator": Row([], run={"state": State.ACKING}, known={"is_pinned": False}),
    "acked already": Row([], run={"state": State.ACKING, "acks": {4: None}}),
    "acking, key erased": Row([], run={"state": State.ACKING}, known={"has_key": False}),
    "acking, phase over but patience not": Row(
        [(Kind.ACK, 0, 0)], run={"state": State.ACKING, "deadline": 500}, now=1_090.0
    ),
    "acking, patience over": Row(
        [(Kind.ACK, 0, 0), (Kind.ADVANCE, 0, 0)], run={"state": State.ACKING, "deadline": 300}
    ),
    # a bond
    "a bond while the run goes on": Row([(Kind.SUBMIT, 0, 0)], Phase.OPEN, bonds=(4,)),
    "a bond of a run that is over": Row(
        [(Kind.GIVE_BACK, 0, 0), (Kind.RETIRE, 0, 0)], run=OVER, bonds=(4,), now=900 + duties.JUDGING_SECONDS + 1
    ),
    "a bond that a verdict may still cost": Row(
        [(Kind.RETIRE, 0, 0)], run=OVER, bonds=(4,), now=900 + duties.JUDGING_SECONDS
    ),
    "another's bond of a run that is over": Row([(Kind.RETIRE, 0, 0)], run=OVER, bonds=(2,)),
    "a bond of a run that never began": Row(
        [(Kind.GIVE_BACK, 0, 0)],
        run={"state": State.ABORTED, "roster": None},
        bonds=(4,),
        now=duties.JUDGING_SECONDS + 1_000,
    ),
    # SUBMIT
    "open": Row([(Kind.SUBMIT, 0, 0)], Phase.OPEN),
    "open, second attempt of round 2": Row(
        [(Kind.SUBMIT, 2, 1)], Phase.OPEN, (2, 1), known={"state_index": 2}
    ),
    "open, set not fixed yet": Row([(Kind.SUBMIT, 0, 0)], Phase.OPEN, bits=0),
    "open, submitted": Row([], Phase.OPEN, submits=(4,)),
    "open, not in the set": Row([], Phase.OPEN, bits=0b101),
    "open, state not known yet": Row([], Phase.OPEN, (2, 0)),
    "open, not confirmed by the operator": Row([], Phase.OPEN, known={"is_pinned": False}),
    "open, key erased": Row([], Phase.OPEN, known={"has_key": False}),
    "open while paused": Row([(Kind.SUBMIT, 0, 0)], Phase.OPEN, run={"state": State.PAUSED}),
    # COMMIT
    "submitted": Row([(Kind.COMMIT, 0, 0)], Phase.SUBMITTED, submits=ALL),
    "submitted, not a participant": Row([(Kind.COMMIT, 0, 0)], Phase.SUBMITTED, bits=0b101, submits=(2, 6)),
    "submitted, committed": Row([], Phase.SUBMITTED, submits=ALL, commits=(4,)),
    "submitted, refused before": Row(
        [], Phase.SUBMITTED, submits=ALL, known={"refused": frozenset({(0, 0)})}
    ),
    "submitted, another attempt refused": Row(
        [(Kind.COMMIT, 0, 1)], Phase.SUBMITTED, (0, 1), submits=ALL, known={"refused": frozenset({(0, 0)})}
    ),
    "submitted while paused": Row([(Kind.COMMIT, 0, 0)], Phase.SUBMITTED, run={"state": State.PAUSED}),
    # REVEAL
    "fixed": Row([(Kind.REVEAL, 0, 0)], Phase.FIXED, submits=ALL, commits=ALL),
    "fixed without this node": Row([(Kind.COMMIT, 0, 0)], Phase.FIXED, submits=ALL, commits=(2, 6)),
    "fixed, revealed": Row([], Phase.FIXED, submits=ALL, commits=ALL, reveals=(4,)),
    "unmasked, own reveal still due": Row(
        [(Kind.REVEAL, 0, 0), (Kind.SUBMIT, 1, 0)],
        Phase.UNMASKED, submits=ALL, commits=ALL, reveals=(2, 6), known={"state_index": 1},
    ),
    # COMBINE and what follows
    "unmasked": Row([(Kind.COMBINE, 0, 0)], Phase.UNMASKED, submits=ALL, commits=ALL, reveals=ALL),
    "unmasked and combined": Row(
        [(Kind.SUBMIT, 1, 0)], Phase.UNMASKED, submits=ALL, commits=ALL, reveals=ALL, known={"state_index": 1}
    ),
    "unmasked, combined, dropped from the set": Row([], Phase.UNMASKED, bits=0b101, known={"state_index": 1}),
    "unmasked, learner finished": Row(
        [(Kind.RESULT, 0, 0)], Phase.UNMASKED, known={"state_index": 1, "is_finished": True}
    ),
    "unmasked, learner finished, result sent": Row(
        [], Phase.UNMASKED, results=(4,), known={"state_index": 1, "is_finished": True}
    ),
    "unmasked, last round of the terms": Row([(Kind.RESULT, 4, 0)], Phase.UNMASKED, (4, 0), known={"state_index": 5}),
    "unmasked and paused": Row(
        [(Kind.RESULT, 0, 0), (Kind.SUBMIT, 1, 0)],
        Phase.UNMASKED, known={"state_index": 1}, run={"state": State.PAUSED},
    ),
    "dropped, paused, result still due": Row(
        [(Kind.RESULT, 0, 0)], Phase.UNMASKED, bits=0b101, known={"state_index": 1}, run={"state": State.PAUSED}
    ),
    # another member's Submit has opened the next round
    "next round opened by another": Row(
        [(Kind.SUBMIT, 1, 0)], Phase.OPEN, (1, 0), submits=(6,), before=(0, 0), known={"state_index": 1}
    ),
    "next round opened, learner finished": Row(
        [(Kind.RESULT, 0, 1)], Phase.OPEN, (1, 0), submits=(6,), before=(0, 1), known=FINISHED, agreed=0
    ),
    "next round opened, learner finished, result sent": Row(
        [], Phase.OPEN, (1, 0), submits=(6,), before=(0, 0), vouched=(2, 4), known=FINISHED
    ),
    "next round opened, learner finished, dropped from the set": Row(
        [(Kind.RESULT, 0, 0)], Phase.OPEN, (1, 0), bits=0b101, submits=(6,), before=(0, 0), known=FINISHED
    ),
    "next round opened, results of a quorum agree": Row(
        [(Kind.RESULT, 0, 0)], Phase.OPEN, (1, 0), before=(0, 0), known=FINISHED, agreed=1, agreed_digest=b"\x01" * 32
    ),
    "next round opened and agreed, learner finished": Row(
        [], Phase.OPEN, (1, 0), submits=(2, 6), before=(0, 0), known=FINISHED, agreed=1
    ),
    "next round agreed and stopped, learner finished": Row(
        [], Phase.OPEN, (1, 1), before=(0, 0), known=FINISHED, agreed=1
    ),
    "next round open and paused": Row(
        [(Kind.SUBMIT, 1, 0), (Kind.RESULT, 0, 0)],
        Phase.OPEN, (1, 0), before=(0, 0), known={"state_index": 1}, run={"state": State.PAUSED},
    ),
    "next round open and paused, submitted": Row(
        [(Kind.RESULT, 0, 0)],
        Phase.OPEN, (1, 0), submits=(4,), before=(0, 0), known={"state_index": 1}, run={"state": State.PAUSED},
    ),
    "next round open, agreed and paused": Row(
        [(Kind.SUBMIT, 1, 0)],
        Phase.OPEN, (1, 0), before=(0, 0), known={"state_index": 1}, run={"state": State.PAUSED}, agreed=1,
    ),
    # ADVANCE, staggered by place on the roster
    "phase over": Row([(Kind.ADVANCE, 0, 0)], Phase.OPEN, submits=(4,), attempt_deadline=998),
    "phase over, a moment ago": Row([], Phase.OPEN, submits=(4,), attempt_deadline=999),
    "phase over, first on the roster": Row(
        [(Kind.ADVANCE, 0, 0)], Phase.OPEN, submits=(2,), attempt_deadline=998, member=2, now=999.2
    ),
    "phase over, second on the roster waits": Row([], Phase.OPEN, submits=(4,), attempt_deadline=998, now=999.2),
    "paused, patience not over": Row(
        [], Phase.OPEN, submits=(4,), attempt_deadline=10, run={"state": State.PAUSED, "deadline": 1_500}
    ),
    "paused, patience over": Row(
        [(Kind.ADVANCE, 0, 0)], Phase.OPEN, submits=(4,), run={"state": State.PAUSED, "deadline": 900}
    ),
    # after the end
    "completed": Row(
        [(Kind.REGISTER, 0, 0), (Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER, known=HOLDS, agreed=1
    ),
    "completed, its turn to register not come": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER, known=HOLDS, agreed=1, now=901.0
    ),
    "completed, not combined yet": Row([(Kind.COMBINE, 0, 0)], Phase.UNMASKED, run=OVER, agreed=1),
    "completed, never combined, blobs erased by now": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER, agreed=1, known={"retention": 50}
    ),
    "completed, never combined for an hour": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER, agreed=1, known={"over_since": 900.0}, now=4_501.0
    ),
    "completed, never judged for an hour": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER | {"model": object()}, agreed=1,
        known=HOLDS | {"has_report": False, "over_since": 900.0}, now=4_501.0,
    ),
    "completed, retention over by the ledger's clock alone": Row(
        [], Phase.UNMASKED, run=OVER | {"model": object()}, agreed=1,
        known=HOLDS | {"retention": 200, "has_key": False, "over_since": 990.0}, now=1_101.0,
    ),
    "completed, not combined, key erased": Row([], Phase.UNMASKED, run=OVER, agreed=1, known={"has_key": False}),
    "completed and registered": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER | {"model": object()}, known=HOLDS, agreed=1
    ),
    "completed, retired": Row(
        [], Phase.UNMASKED, run=OVER | {"model": object()}, known=HOLDS | {"has_key": False}, agreed=1
    ),
    "completed without a model": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, run=OVER, known={"state_index": 1}, agreed=1
    ),
    "completed, blobs within their retention": Row(
        [(Kind.RETIRE, 0, 0)],
        Phase.UNMASKED, run=OVER | {"model": object()}, known=HOLDS | {"retention": 200}, agreed=1,
    ),
    "completed, retention over": Row(
        [(Kind.ERASE, 0, 0)],
        Phase.UNMASKED, run=OVER | {"model": object()}, agreed=1,
        known=HOLDS | {"retention": 50, "has_key": False},
    ),
    "ended at an earlier state": Row(
        [(Kind.REGISTER, 0, 0), (Kind.RETIRE, 0, 0)],
        Phase.OPEN, (2, 0), run=OVER | {"state": State.ENDED}, known=HOLDS | {"state_index": 2}, agreed=2,
    ),
    "ended, agreed state not known here": Row(
        [(Kind.RETIRE, 0, 0)],
        Phase.OPEN, (2, 0), run=OVER | {"state": State.ENDED}, known=HOLDS, agreed=2,
    ),
    "aborted before any state": Row(
        [(Kind.RETIRE, 0, 0)], Phase.OPEN, run=OVER | {"state": State.ABORTED}, known={"has_model": True}, agreed=0
    ),
    "over, own rows not judged yet": Row(
        [(Kind.REGISTER, 0, 0), (Kind.REPORT, 0, 0)],
        Phase.UNMASKED, run=OVER, known=HOLDS | {"has_report": False, "may_retire": False}, agreed=1,
    ),
    "ended, but nobody signed that": Row(
        [(Kind.REGISTER, 0, 0)],
        Phase.OPEN, (2, 0), run=OVER | {"state": State.ENDED}, agreed=2,
        known=HOLDS | {"state_index": 2, "may_retire": False},
    ),
    "aborted before any agreement": Row([(Kind.RETIRE, 0, 0)], run=OVER | {"state": State.ABORTED}),
    # DROP
    "its own consent is dead: it contributes nothing more": Row(
        [(Kind.DROP, 0, 0, 4)], Phase.OPEN, withdrawn={4: 900}
    ),
    "another's consent is dead": Row(
        [(Kind.DROP, 0, 0, 6), (Kind.SUBMIT, 0, 0)], Phase.OPEN, withdrawn={6: 900}
    ),
    "two consents are dead": Row(
        [(Kind.DROP, 0, 0, 2), (Kind.DROP, 0, 0, 6), (Kind.SUBMIT, 0, 0)], Phase.OPEN, withdrawn={2: 900, 6: 900}
    ),
    "another's consent is dead, the first on the roster goes first": Row(
        [(Kind.SUBMIT, 0, 0)], Phase.OPEN, withdrawn={6: 1_000}, now=1_000.4
    ),
    "a dead consent among the vectors: nobody fixes that set": Row(
        [(Kind.DROP, 0, 0, 6)], Phase.SUBMITTED, submits=ALL, withdrawn={6: 900}
    ),
    "a dead consent among the vectors, somebody else's turn to say so": Row(
        [], Phase.SUBMITTED, submits=ALL, withdrawn={6: 1_000}, now=1_000.4
    ),
    "dropped already": Row(
        [(Kind.SUBMIT, 0, 0)], Phase.OPEN, withdrawn={6: 900}, dropped=(6,)
    ),
    "dropped already, the set was closed without it": Row(
        [(Kind.COMMIT, 0, 0)], Phase.SUBMITTED, bits=0b011, withdrawn={6: 900}, dropped=(6,)
    ),
    "dead after the first Commit, who waits": Row(
        [(Kind.COMMIT, 0, 0)], Phase.SUBMITTED, commits=(2,), withdrawn={6: 900}
    ),
    "dead after the first Commit, who exits, while a sum is unmasked": Row(
        [(Kind.COMMIT, 0, 0)], Phase.SUBMITTED, commits=(2,), withdrawn={6: 900}, exiting=(6,)
    ),
    "dead after the first Commit, who exits, between rounds, but too few would stay": Row(
        [(Kind.SUBMIT, 1, 0)], Phase.UNMASKED, commits=ALL, reveals=ALL, known=HOLDS, withdrawn={6: 900}, exiting=(6,)
    ),
    "dead after the first Commit, who exits, between rounds": Row(
        [(Kind.DROP, 0, 0, 8), (Kind.SUBMIT, 1, 0)],
        Phase.UNMASKED, bits=0b1111, roster=(2, 4, 6, 8), commits=ALL, reveals=ALL, known=HOLDS,
        withdrawn={8: 900}, exiting=(8,),
    ),
    "dead after the first Commit, its own, between rounds": Row(
        [], Phase.UNMASKED, commits=ALL, reveals=ALL, known=HOLDS, withdrawn={4: 900}
    ),
    "dead when the run is over": Row([(Kind.RETIRE, 0, 0)], run=OVER | {"state": State.ABORTED}, withdrawn={6: 900}),
    "who was dropped writes no model down": Row(
        [(Kind.RETIRE, 0, 0)], Phase.UNMASKED, bits=0b101, run=OVER, known=HOLDS, agreed=1, dropped=(4,)
    ),
    # strangers
    "not on the roster": Row([], Phase.OPEN, member=5),
    "not on the roster, phase over": Row([], Phase.OPEN, attempt_deadline=10, member=5),
    "not on the roster, run over": Row([], Phase.UNMASKED, run=OVER, known=HOLDS, agreed=1, member=5),
}  # fmt: skip


def view_of(row: Row, run_of: Make, sent: Make) -> views.LedgerView:
    """Return the ledger's view of a row's run."""
    attempts = {}
    if row.phase is not None:
        messages = {
            name: {member: sent(kind, member, row.place) for member in members}
            for name, kind, members in (
                ("submits", events.Submitted, row.submits),
                ("commits", events.Committed, row.commits),
                ("reveals", events.Revealed, row.reveals),
                ("results", events.Resulted, row.results),
            )
        }
        attempts = {row.place: views.AttemptView(row.phase, row.bits, row.attempt_deadline, **messages)}
    if row.before is not None:
        results = {member: sent(events.Resulted, member, row.before) for member in row.vouched}
        attempts[row.before] = views.AttemptView(Phase.UNMASKED, 0b111, 900, results=results)
    at = events.Position(3, 0, 30)
    agreed = events.StateAgreed(at, RUN, row.agreed, bytes(32), row.agreed_digest) if row.agreed is not None else None
    key = (bytes(32), 0, bytes(32), bytes(32), bytes(32), bytes(65))
    acks = {each: events.Acked(at, RUN, ids.MemberId(each), *key) for each in row.run.get("acks", (2, 4, 6))}
    told = {**row.run, "acks": acks if "acks" in row.run or row.phase is not None else {}}
    made = run_of(attempts=attempts, round_index=row.place[0], attempt=row.place[1], agreed=agreed, **told)
    if made.roster is not None:
        keys = (ids.Address(bytes(20)),) * len(row.roster)
        made = dataclasses.replace(made, roster=dataclasses.replace(made.roster, member_ids=row.roster, node_keys=keys))
    dropped = {each: events.Dropped(at, RUN, ids.MemberId(each), bytes(32)) for each in row.dropped}
    seats = {each: seat_of(each, absence=run.Absence(each in row.exiting)) for each in row.roster}
    view = views.fold(views.LedgerView(), [told for each in row.roster for told in consented(each, row.withdrawn)])
    token, payer = ids.Address(bytes(20)), ids.Address(bytes(20))
    bonds = {
        (RUN, each): money_events.BondTaken(at, RUN, ids.MemberId(each), payer, token, 5, 9_000) for each in row.bonds
    }
    shown = dataclasses.replace(made, enrolled=seats, dropped=dropped)
    return dataclasses.replace(view, runs={RUN: shown}, money=dataclasses.replace(view.money, bonds=bonds))


def seat_of(member: int, *, absence: run.Absence) -> events.Enrolled:
    """Return a member's seat with the consent of the same number."""
    at = events.Position(1, 0, 10)
    key = ids.Address(bytes(20))
    return events.Enrolled(at, RUN, ids.MemberId(member), member, 1, bytes([member]) * 32, key, absence, b"")


def consented(member: int, withdrawn: dict[int, int]) -> list[events.Event]:
    """Return how a member was admitted, listed a dataset and gave a consent, and perhaps took it back."""
    at, nobody = events.Position(1, 0, 10), ids.Address(bytes(20))
    consent, me = bytes([member]) * 32, ids.MemberId(member)
    terms = events.ConsentTerms(member, 1, ids.MemberId(0), bytes(32), False, 2**40, 1, bytes(32))
    told: list[events.Event] = [
        events.MemberAdmitted(at, me, nobody, 1, nobody, bytes(32)),
        events.DatasetListed(at, member, me, ids.Digest(bytes(32)), bytes(32), events.Rules(1, 0, False), True, 0),
        events.ConsentGiven(at, consent, member, me, terms),
    ]
    if member in withdrawn:
        told.append(events.ConsentRevoked(events.Position(2, 0, withdrawn[member]), consent, member))
    return told


def owed(row: Row, run_of: Make, sent: Make) -> tuple[duties.Duty, ...]:
    """Return the duties in a row."""
    known = dataclasses.replace(USUAL, **row.known)
    return duties.due(view_of(row, run_of, sent), ids.MemberId(row.member), {RUN: known}, row.now)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_owed(row: Row, run_of: Make, sent: Make) -> None:
    """In this state a node owes exactly these duties, in this order."""
    assert owed(row, run_of, sent) == tuple(duties.Duty(RUN, *expected) for expected in row.expected)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_asking_twice_gives_the_same(row: Row, run_of: Make, sent: Make) -> None:
    """Duties follow from their arguments alone."""
    assert owed(row, run_of, sent) == owed(row, run_of, sent)


def test_runs_unknown_here_owe_nothing(run_of: Make, sent: Make) -> None:
    """A run that the node did not enrol in is none of its business."""
    assert duties.due(view_of(Row([], Phase.OPEN), run_of, sent), ME, {}, 1_000.0) == ()


def test_a_void_submit_is_owed_again(run_of: Make, sent: Make) -> None:
    """A Submit that the ledger voids may be a stranger's doing, so the member still owes its own, in the same attempt."""
    spoken = view_of(Row([], Phase.OPEN, (1, 0), submits=ALL), run_of, sent)
    void = events.Voided(events.Position(4, 0, 40), RUN, 1, 0, 0b010)
    known = {RUN: dataclasses.replace(USUAL, state_index=1)}

    def owes(view: views.LedgerView) -> tuple[duties.Duty, ...]:
        return duties.due(view, ME, known, 1_000.0)

    assert owes(spoken) == ()
    assert owes(views.fold(spoken, [void])) == (duties.Duty(RUN, Kind.SUBMIT, 1, 0),)


members = st.sets(st.sampled_from((2, 4, 6))).map(tuple)
rows = st.builds(
    Row,
    st.just([]),
    st.none() | st.sampled_from([phase for phase in Phase if phase is not Phase.NONE]),
    st.tuples(st.integers(0, 4), st.integers(0, 2)),
    st.integers(0, 7),
    st.integers(0, 2_000),
    members,
    members,
    members,
    members,
    run=st.fixed_dictionaries(
        {
            "state": st.sampled_from([state for state in State if state.value >= State.ACKING]),
            "acks": st.dictionaries(st.sampled_from((2, 4, 6)), st.none()),
            "deadline": st.integers(0, 2_000),
            "changed_at": st.integers(0, 2_000),
            "model": st.sampled_from((None, object())),
        }
    ),
    known=st.fixed_dictionaries(
        {
            "is_pinned": st.booleans(),
            "state_index": st.integers(0, 6),
            "is_finished": st.booleans(),
            "has_model": st.booleans(),
            "has_key": st.booleans(),
            "has_report": st.booleans(),
            "may_retire": st.booleans(),
            "over_since": st.floats(0, 3_000),
            "retention": st.none() | st.integers(0, 2_000),
            "refused": st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=3),
        }
    ),
    agreed=st.none() | st.integers(0, 5),
    now=st.floats(0, 3_000),
    member=st.sampled_from((2, 4, 6)),
    agreed_digest=st.sampled_from((bytes(32), b"\x01" * 32)),
    before=st.none() | st.tuples(st.integers(0, 4), st.integers(0, 2)),
    vouched=members,
    withdrawn=st.dictionaries(st.sampled_from((2, 4, 6)), st.integers(0, 2_000)),
    exiting=members,
    dropped=members,
).filter(lambda row: row.before != row.place)  # an attempt is not before itself
any_state = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


@any_state
@given(row=rows)
def test_rules_of_every_state(row: Row, run_of: Make, sent: Make) -> None:
    """In whatever state: nobody reveals before FIXED or without a Commit, nobody acts unpinned or without a key.

    Also: nothing is submitted on a state that is not known, no message is sent twice, and asking twice is the same.
    """
    found = owed(row, run_of, sent)
    kinds = {duty.kind for duty in found}
    assert found == owed(row, run_of, sent)
    assert len(set(found)) == len(found)
    is_over = row.run["state"].is_over  # type: ignore[attr-defined]
    if Kind.REVEAL in kinds:
        assert row.phase in (Phase.FIXED, Phase.UNMASKED)
        assert row.member in row.commits
        assert row.member not in row.reveals
    if Kind.COMMIT in kinds:
        assert row.phase in (Phase.SUBMITTED, Phase.FIXED)
        assert row.member not in row.commits
        assert row.place not in row.known["refused"]  # type: ignore[operator]
    speaking = {Kind.ACK, Kind.SUBMIT, Kind.COMMIT, Kind.REVEAL, Kind.RESULT, Kind.COMBINE}
    if not (row.known["is_pinned"] and row.known["has_key"]):
        assert not kinds & speaking
    assert not (is_over and kinds & (speaking - {Kind.COMBINE}))
    assert is_over or not kinds & {Kind.REGISTER, Kind.RETIRE, Kind.ERASE}
    in_set = {member for place, member in enumerate(ALL) if row.bits >> place & 1} - {*row.dropped}
    if Kind.COMMIT in kinds:
        assert row.commits or not in_set & set(row.withdrawn)
    for duty in found:
        if duty.kind is Kind.DROP:
            assert duty.member in in_set & set(row.withdrawn)
            assert not row.commits or (duty.member in row.exiting and row.phase in (Phase.OPEN, Phase.UNMASKED))
        if duty.kind is Kind.SUBMIT:
            assert row.member not in row.withdrawn
            assert duty.round_index <= row.known["state_index"]  # type: ignore[operator]
            assert duty.round_index < 5
            assert row.phase is not Phase.OPEN or not row.known["is_finished"]
        if duty.kind is Kind.RESULT:
            there = view_of(row, run_of, sent).runs[RUN].attempts[(duty.round_index, duty.attempt)]
            assert there.phase is Phase.UNMASKED
            assert row.member not in there.results
            assert duty.round_index + 1 == row.known["state_index"]


@any_state
@given(row=rows)
def test_strangers_owe_nothing(row: Row, run_of: Make, sent: Make) -> None:
    """A member that is not on the roster owes nothing in any state."""
    assert owed(dataclasses.replace(row, member=5), run_of, sent) == ()


@any_state
@given(row=rows)
def test_time_alone_only_adds_waiting_duties(row: Row, run_of: Make, sent: Make) -> None:
    """As time passes, only ADVANCE, DROP, REGISTER, RETIRE and ERASE come up; everything else hangs on events."""
    early = {duty.kind for duty in owed(row, run_of, sent)}
    late = {duty.kind for duty in owed(dataclasses.replace(row, now=row.now + 10_000), run_of, sent)}
    assert late - early <= {Kind.ADVANCE, Kind.DROP, Kind.REGISTER, Kind.RETIRE, Kind.ERASE}
    assert early - late <= {Kind.COMBINE, Kind.REPORT}
