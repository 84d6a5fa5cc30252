"""Members, datasets and consents as the ledger has them: each event's trace, and since when a consent is dead."""

import dataclasses
from collections.abc import Callable

import pytest

from aicommons.domain import events, ids
from aicommons.protocol import registry
from aicommons.protocol import view as views

AT = events.Position(1, 0, 50)
LATER = events.Position(2, 0, 60)
ME, RUN = ids.MemberId(3), ids.RunId(b"\x01" * 32)
ACCOUNT, OTHER, NOBODY = (ids.Address(bytes([number]) * 20) for number in (1, 2, 0))
CARD, NEW_CARD = ids.Digest(b"\x0a" * 32), ids.Digest(b"\x0b" * 32)
RULES = events.Rules(permitted=5, prohibited=2, commercial=False)
CONSENT = b"\x07" * 32
TERMS = events.ConsentTerms(9, 1, ids.MemberId(0), bytes(32), False, 1_000, 2, bytes(32))

TOLD: list[events.Event] = [
    events.MemberApplied(AT, ACCOUNT, 1, OTHER, b"\x05" * 32, b"\x06" * 32, b"\x08" * 32),
    events.MemberAdmitted(AT, ME, ACCOUNT, 1, OTHER, b"\x06" * 32),
    events.DatasetListed(AT, 9, ME, CARD, b"\x04" * 32, RULES, False, 30),
    events.ConsentGiven(AT, CONSENT, 9, ME, TERMS),
]
VIEW = views.fold(views.LedgerView(), TOLD)
USED = [events.ConsentUsed(LATER, CONSENT, RUN, 9, uses, 30) for uses in (1, 2)]
VERSION = events.VersionPublished(LATER, 9, 2, NEW_CARD, b"\x03" * 32, RULES, True, 30)


def member(view: views.LedgerView) -> registry.MemberView:
    """Return the member."""
    return view.members[ME]


def dataset(view: views.LedgerView) -> registry.DatasetView:
    """Return its dataset."""
    return view.datasets[9]


TRACES: dict[str, tuple[list[events.Event], Callable[[views.LedgerView], object], object]] = {
    "an admission has what was applied with": (
        [], lambda view: (member(view).reader_point, member(view).profile), (b"\x05" * 32, b"\x08" * 32),
    ),
    "a node key": ([events.NodeKeySet(LATER, ME, OTHER, ACCOUNT)], lambda view: member(view).node_key, ACCOUNT),
    "a reader point": (
        [events.ReaderPointSet(LATER, ME, bytes(32), b"\x0c" * 32)], lambda view: member(view).reader_point, b"\x0c" * 32
    ),
    "a profile, beside the admitted one": (
        [events.ProfileSet(LATER, ME, b"\x08" * 32, b"\x0d" * 32)],
        lambda view: (member(view).profile, member(view).newest_profile), (b"\x08" * 32, b"\x0d" * 32),
    ),
    "a suspension": (
        [events.MemberSuspended(LATER, ME)], lambda view: (member(view).state, member(view).changed_at),
        (registry.MemberState.SUSPENDED, 60),
    ),
    "a return": (
        [events.MemberSuspended(LATER, ME), events.MemberReinstated(LATER, ME)],
        lambda view: member(view).state, registry.MemberState.ACTIVE,
    ),
    "a guardian": ([events.GuardianSet(LATER, ME, NOBODY, OTHER)], lambda view: member(view).guardian, OTHER),
    "no guardian any more": (
        [events.GuardianSet(LATER, ME, NOBODY, OTHER), events.GuardianSet(LATER, ME, OTHER, NOBODY)],
        lambda view: member(view).guardian, None,
    ),
    "a recovery under way": (
        [events.RecoveryBegun(LATER, ME, ACCOUNT, OTHER, 700)],
        lambda view: (member(view).account, member(view).recovery), (ACCOUNT, registry.Recovery(OTHER, 700)),
    ),
    "a veto": (
        [events.RecoveryBegun(LATER, ME, ACCOUNT, OTHER, 700), events.RecoveryVetoed(LATER, ME, ACCOUNT)],
        lambda view: (member(view).account, member(view).recovery), (ACCOUNT, None),
    ),
    "a recovery": (
        [events.RecoveryBegun(LATER, ME, ACCOUNT, OTHER, 700), events.MemberRecovered(LATER, ME, ACCOUNT, OTHER)],
        lambda view: (member(view).account, member(view).recovery, member(view).profile), (OTHER, None, b"\x08" * 32),
    ),
    "the old account is nobody": (
        [events.MemberRecovered(LATER, ME, ACCOUNT, OTHER)],
        lambda view: (view.member_of_account(ACCOUNT), view.member_of_account(OTHER)), (None, ME),
    ),
    "who left is nobody": (
        [events.RecoveryBegun(LATER, ME, ACCOUNT, OTHER, 700), events.MemberLeft(LATER, ME, ACCOUNT)],
        lambda view: (view.member_of_account(ACCOUNT), member(view).state, member(view).recovery),
        (None, registry.MemberState.LEFT, None),
    ),
    "a listing is the first version": (
        [], lambda view: (dataset(view).newest.version, dataset(view).card, dataset(view).newest.asked), (1, CARD, 30)
    ),
    "a new version stands beside the old one": (
        [VERSION],
        lambda view: [(each.version, each.card, each.asked) for each in dataset(view).versions],
        [(1, CARD, 30), (2, NEW_CARD, 0)],
    ),
    "a version by its number": ([VERSION], lambda view: dataset(view).version(1).card, CARD),
    "a version that is not known": ([VERSION], lambda view: dataset(view).version(3), None),
    "a suspended dataset": (
        [events.DatasetSuspended(LATER, 9)], lambda view: (dataset(view).state, dataset(view).changed_at),
        (registry.DatasetState.SUSPENDED, 60),
    ),
    "a resumed dataset": (
        [events.DatasetSuspended(LATER, 9), events.DatasetResumed(LATER, 9)],
        lambda view: dataset(view).state, registry.DatasetState.LISTED,
    ),
    "a retired dataset": (
        [events.DatasetRetired(LATER, 9)], lambda view: dataset(view).state, registry.DatasetState.RETIRED
    ),
    "an entrusted dataset": ([events.DatasetEntrusted(LATER, 9, OTHER)], lambda view: dataset(view).body, OTHER),
    "a discharged dataset": (
        [events.DatasetEntrusted(LATER, 9, OTHER), events.DatasetDischarged(LATER, 9, OTHER)],
        lambda view: dataset(view).body, None,
    ),
    "uses": (USED, lambda view: view.consents[CONSENT].uses, tuple(USED)),
    "a revocation": (
        [events.ConsentRevoked(LATER, CONSENT, 9)],
        lambda view: (view.consents[CONSENT].revoked, view.revoked), (LATER, {CONSENT}),
    ),
    "wishes, in their order": (
        [events.Wished(LATER, RUN, 9, wish, bytes(32)) for wish in (events.Wish.RETRAIN, events.Wish.RETIRE)],
        lambda view: [each.wish for each in view.wishes], [events.Wish.RETRAIN, events.Wish.RETIRE],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("new", "trace", "expected"), TRACES.values(), ids=TRACES.keys())
def test_traces(new: list[events.Event], trace: Callable[[views.LedgerView], object], expected: object) -> None:
    """Each event changes what it is about and nothing else that is asked here."""
    assert trace(views.fold(VIEW, new)) == expected


STRANGERS: dict[str, events.Event] = {
    "a member": events.MemberSuspended(LATER, ids.MemberId(77)),
    "a dataset": events.DatasetRetired(LATER, 77),
    "a revoked consent": events.ConsentRevoked(LATER, b"\x77" * 32, 9),
    "a used consent": events.ConsentUsed(LATER, b"\x77" * 32, RUN, 9, 1, 0),
}


@pytest.mark.parametrize("event", STRANGERS.values(), ids=STRANGERS.keys())
def test_what_was_never_seen_to_begin_is_left_out(event: events.Event) -> None:
    """An event about somebody or something that is not known changes nothing but the time."""
    assert dataclasses.replace(views.fold(VIEW, [event]), block=VIEW.block, time=VIEW.time) == VIEW


DEATHS: dict[str, tuple[list[events.Event], float, int | None]] = {
    "alive": ([], 999.9, None),
    "expired": ([], 1_000, 1_000),
    "revoked": ([events.ConsentRevoked(LATER, CONSENT, 9)], 70, 60),
    "revoked, then expired": ([events.ConsentRevoked(LATER, CONSENT, 9)], 5_000, 60),
    "all uses spent is no death: what was counted goes on": (list(USED), 70, None),
    "dataset suspended": ([events.DatasetSuspended(LATER, 9)], 70, 60),
    "dataset resumed": ([events.DatasetSuspended(LATER, 9), events.DatasetResumed(LATER, 9)], 70, None),
    "dataset retired": ([events.DatasetRetired(LATER, 9)], 70, 60),
    "owner suspended": ([events.MemberSuspended(LATER, ME)], 70, 60),
    "owner reinstated": ([events.MemberSuspended(LATER, ME), events.MemberReinstated(LATER, ME)], 70, None),
    "owner left": ([events.MemberLeft(LATER, ME, ACCOUNT)], 70, 60),
    "owner recovered": ([events.MemberRecovered(LATER, ME, ACCOUNT, OTHER)], 70, None),
    "entrusted since then": ([events.DatasetEntrusted(LATER, 9, OTHER)], 70, 60),
    "entrusted, then revoked too": (
        [
            events.DatasetEntrusted(LATER, 9, OTHER),
            events.ConsentRevoked(dataclasses.replace(LATER, time=65), CONSENT, 9),
        ],
        70,
        60,
    ),
    "discharged since then": (
        [events.DatasetEntrusted(LATER, 9, OTHER), events.DatasetDischarged(LATER, 9, OTHER)],
        70,
        60,
    ),
}


@pytest.mark.parametrize(("new", "now", "expected"), DEATHS.values(), ids=DEATHS.keys())
def test_since_when_a_consent_is_dead(new: list[events.Event], now: float, expected: int | None) -> None:
    """A consent lives as the contract's ``isLive`` says: revocation, expiry, dataset and owner, nothing else."""
    assert views.fold(VIEW, new).dead_since(CONSENT, now) == expected


def test_an_unknown_consent_is_dead() -> None:
    """What the ledger does not show permits nothing; nor does a consent whose dataset or owner it does not show."""
    assert VIEW.dead_since(b"\x77" * 32, 70) == 0
    assert dataclasses.replace(VIEW, datasets={}).dead_since(CONSENT, 70) == 0
    assert dataclasses.replace(VIEW, members={}).dead_since(CONSENT, 70) == 0
