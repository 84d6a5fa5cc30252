"""Models, statements and bans as views: states along the contract's edges, revenue pro rata, what was taken back."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import events, ids, model_events
from aicommons.protocol import attestations, releases
from aicommons.protocol import view as views

AT = events.Position(7, 0, 700)
MODEL = ids.RunId(b"\x01" * 32)
OTHER = ids.RunId(b"\x02" * 32)
COIN, TOKEN = ids.Address(bytes(20)), ids.Address(b"\x0a" * 20)
PAYER = ids.Address(b"\x0b" * 20)
AUDITOR = ids.MemberId(9)
NOTHING = bytes(32)
STATE = model_events.ModelState

REQUESTED = model_events.AuditRequested(AT, MODEL, ids.MemberId(1))
CLEARED = model_events.ModelCleared(AT, MODEL, 900, (b"a" * 32, b"b" * 32))
RELEASED = model_events.ModelReleased(AT, MODEL, ids.MemberId(1), (b"b" * 32, b"c" * 32))
SUSPENDED = model_events.ModelSuspended(AT, MODEL, STATE.RELEASED, b"\x05" * 32)
RESUMED = model_events.ModelResumed(AT, MODEL, STATE.RELEASED)
WITHDRAWN = model_events.ModelWithdrawn(AT, MODEL, STATE.RELEASED, NOTHING)
AMENDED = model_events.ModelAmended(AT, MODEL, ids.Digest(b"\x06" * 32), b"\x07" * 32, 701)
LIFE = [REQUESTED, CLEARED, RELEASED, SUSPENDED, RESUMED, WITHDRAWN]
STATES = [STATE.IN_AUDIT, STATE.RELEASABLE, STATE.RELEASED, STATE.SUSPENDED, STATE.RELEASED, STATE.WITHDRAWN]


def told(*new: events.Event) -> views.LedgerView:
    """Return the view after events."""
    return views.fold(views.LedgerView(), new)


def test_a_model_is_a_draft_until_something_happens() -> None:
    """A model that nothing happened to is a draft and earns nothing."""
    model = told().releases.of(MODEL)
    assert model.state is STATE.DRAFT
    assert model.claimable(1, 500_000, COIN) == 0


@pytest.mark.parametrize("length", range(1, len(LIFE) + 1))
def test_states_follow_the_events(length: int) -> None:
    """Each event of a model leads to its state, of this model alone."""
    view = told(*LIFE[:length])
    assert view.releases.of(MODEL).state is STATES[length - 1]
    assert view.releases.of(MODEL).changed == AT
    assert view.releases.of(OTHER) == releases.ModelView()


def test_what_was_shown_and_said_is_kept() -> None:
    """Audits are those shown last; a suspension keeps its reason and where it came from; a resumption neither."""
    model = told(*LIFE[:4]).releases.of(MODEL)
    assert model.audits == RELEASED.audits
    assert model.releasable_at == 900
    assert (model.reason, model.resumes_to) == (SUSPENDED.reason, STATE.RELEASED)
    model = told(*LIFE[:5]).releases.of(MODEL)
    assert (model.reason, model.resumes_to) == (None, None)
    assert told(*LIFE).releases.of(MODEL).reason is None


@pytest.mark.parametrize(
    ("new", "at", "expected"),
    [
        pytest.param([], 700, False, id="nobody asked"),
        pytest.param([REQUESTED], 699, False, id="before it was asked for"),
        pytest.param([REQUESTED], 700, True, id="in that second"),
        pytest.param([dataclasses.replace(AMENDED, audits_from=0)], 700, False, id="amended as a draft"),
        pytest.param([REQUESTED, AMENDED], 700, False, id="of another card"),
        pytest.param([REQUESTED, AMENDED], 701, True, id="of this card"),
        pytest.param([REQUESTED, AMENDED, CLEARED], 700, False, id="cleared since"),
    ],
)
def test_audits_count_from_when_they_were_asked_for(new: list[events.Event], at: int, expected: bool) -> None:
    """An audit counts that was made since it was asked for, and since the solver amended the card that it is about."""
    audit = dataclasses.replace(attested(b"x"), at=events.Position(8, 0, at))
    assert told(*new).releases.of(MODEL).may_count(audit) is expected


@given(st.lists(st.integers(1, 10**30), max_size=5), st.lists(st.integers(0, 10**6), min_size=1, max_size=7))
def test_revenue_is_pro_rata(paid: list[int], parts: list[int]) -> None:
    """What owners can take sums to no more than was paid, less by fewer units than there are owners."""
    shares = [part * 1_000_000 // max(1, sum(parts)) for part in parts]
    shares[0] += 1_000_000 - sum(shares)
    new = [model_events.RevenuePaid(AT, MODEL, PAYER, COIN, amount) for amount in paid]
    model = told(*new).releases.of(MODEL)
    owed = [model.claimable(member, share, COIN) for member, share in enumerate(shares)]
    assert 0 <= sum(paid) - sum(owed) < max(1, sum(share > 0 for share in shares)) or not paid
    assert all(model.claimable(member, share, TOKEN) == 0 for member, share in enumerate(shares))


def test_what_was_claimed_is_gone() -> None:
    """A claim lowers what its member can take, of this token, and nobody else's part."""
    paid = [model_events.RevenuePaid(AT, MODEL, PAYER, token, 1_000) for token in (COIN, TOKEN)]
    took = model_events.RevenueClaimed(AT, MODEL, ids.MemberId(1), COIN, PAYER, 500)
    model = told(*paid, took).releases.of(MODEL)
    assert [model.claimable(1, 500_000, token) for token in (COIN, TOKEN)] == [0, 500]
    assert model.claimable(2, 500_000, COIN) == 500
    assert model.state is STATE.DRAFT
    assert model.changed is None


def attested(name: bytes, kind: model_events.Kind = model_events.Kind.AUDIT) -> model_events.Attested:
    """Return a statement about the model."""
    return model_events.Attested(AT, name * 32, AUDITOR, MODEL, kind, True, 1_000, ids.Digest(NOTHING))


def test_statements_stand_until_they_are_over() -> None:
    """A statement stands until its expiry or until it was taken back; another's revocation changes nothing."""
    back = model_events.AttestationRevoked(AT, b"y" * 32, AUDITOR, NOTHING)
    unknown = model_events.AttestationRevoked(AT, b"z" * 32, AUDITOR, NOTHING)
    known = told(attested(b"x"), attested(b"y"), back, unknown).attestations
    assert [each.stands(999) for each in known.by_id.values()] == [True, False]
    assert not known.by_id[b"x" * 32].stands(1_000)
    assert b"z" * 32 not in known.by_id


def test_statements_are_found_by_subject_and_kind() -> None:
    """Statements about a subject come in ledger order, of one kind or of all."""
    course = attested(b"y", model_events.Kind.COURSE)
    known = told(attested(b"x"), course, attested(b"w")).attestations
    assert [each.made.attestation_id[:1] for each in known.about(MODEL)] == [b"x", b"y", b"w"]
    assert [each.made for each in known.about(MODEL, model_events.Kind.COURSE)] == [course]
    assert known.about(OTHER) == []
    assert known == attestations.fold(attestations.Attestations(), [attested(b"x"), course, attested(b"w")])


def test_bans_are_the_newest() -> None:
    """Nothing was said at first; then the newest vote counts."""
    assert told().banned is None
    assert told(model_events.BannedSet(AT, 5), model_events.BannedSet(AT, 0)).banned == 0


def test_rules_are_the_newest() -> None:
    """What a release needs is what was said last."""
    new = [model_events.AuditRulesSet(AT, 2, 60), model_events.AuditRulesSet(AT, 3, 90)]
    assert told(*new).releases.rules == new[1]
