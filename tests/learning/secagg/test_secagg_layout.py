"""Layouts, exhaustively: privacy, honest holders and overlapping certificates for rosters of 3 to 13."""

import dataclasses
import itertools

import pytest

from aicommons.domain import errors
from aicommons.learning.secagg import hashing, layout, session, suite

FAULTS_AND_QUORUM = {3: (1, 3), 4: (1, 3), 5: (2, 4), 6: (2, 5), 7: (3, 6), 8: (3, 6), 20: (9, 15), 48: (23, 36)}
COLUMNS = {3: 3, 4: 6, 5: 10, 6: 20, 7: 35, 8: 4, 9: 4, 13: 6, 20: 10, 48: 24}
ALLOWED = [(members, 1) for members in range(3, 8)] + [(members, 2) for members in range(6, 14)]


def make(members: int, number: int | None = None) -> layout.Layout:
    """Return a layout of members 100, 101, …."""
    member_ids = range(100, 100 + members)
    return layout.make_layout(member_ids, b"\x0c" * 32, number or layout.default_number(members))


@pytest.mark.parametrize("members", FAULTS_AND_QUORUM)
def test_faults_and_quorum(members: int) -> None:
    """Tolerated faults and certificate sizes are those of the table."""
    made = make(members)
    assert (made.faults, made.quorum) == FAULTS_AND_QUORUM[members]


@pytest.mark.parametrize("members", COLUMNS)
def test_column_counts(members: int) -> None:
    """The number of columns is that of the table."""
    assert len(make(members).columns) == COLUMNS[members]


@pytest.mark.parametrize(("members", "number"), ALLOWED)
def test_no_corrupt_set_of_f_holds_every_column(members: int, number: int) -> None:
    """Privacy: whichever f members are corrupt, some column has only honest holders; at N = 4 and 6 even f + 1."""
    made = make(members, number)
    corrupt_size = made.faults + (1 if number == 1 and members in (4, 6) else 0)
    for corrupt in itertools.combinations(range(members), corrupt_size):
        assert any(set(holders).isdisjoint(corrupt) for holders in made.columns)


@pytest.mark.parametrize("members", range(3, 8))
def test_every_column_of_subsets_has_an_honest_holder(members: int) -> None:
    """Integrity of layout 1: no f members are all the holders of a column."""
    made = make(members, layout.SUBSETS)
    for corrupt in itertools.combinations(range(members), made.faults):
        assert all(set(holders) - set(corrupt) for holders in made.columns)


@pytest.mark.parametrize(("members", "number"), ALLOWED)
def test_certificates_overlap_in_more_than_f_members(members: int, number: int) -> None:
    """Two sets can never both be certified: any two quorums share an honest member."""
    made = make(members, number)
    quorums = [sum(1 << index for index in each) for each in itertools.combinations(range(members), made.quorum)]
    first = quorums[0]
    # By symmetry of "all subsets of size q" one side may be fixed.
    assert min((first & other).bit_count() for other in quorums) > made.faults


@pytest.mark.parametrize(("members", "number"), [*ALLOWED, (20, 2), (48, 2)])
def test_columns_of_inverts_columns(members: int, number: int) -> None:
    """A member's columns are exactly those that list it, in ascending order."""
    made = make(members, number)
    for index in range(members):
        assert made.columns_of(index) == tuple(c for c, holders in enumerate(made.columns) if index in holders)
        assert made.columns_of(index)


@pytest.mark.parametrize("members", range(6, 49))
def test_pairs_are_disjoint_and_ordered_by_the_committee(members: int) -> None:
    """Layout 2 splits the roster into pairs in the order of hashed ids, a spare member in the last pair."""
    made = make(members, layout.PAIRS)
    order = sorted(
        range(members),
        key=lambda index: hashing.tagged("aic/order", b"\x0c" * 32, (100 + index).to_bytes(32, "big")),
    )
    flat = [index for holders in made.columns for index in holders]
    assert sorted(flat) == list(range(members))
    assert [len(holders) for holders in made.columns] == [2] * (members // 2 - 1) + [2 + members % 2]
    assert [set(order[2 * c : 2 * c + 2]) <= set(holders) for c, holders in enumerate(made.columns)] == [True] * len(
        made.columns
    )


@pytest.mark.parametrize(("members", "number"), [(2, 1), (0, 1), (8, 1), (5, 2), (49, 2), (7, 0), (7, 3)])
def test_other_layouts_are_refused(members: int, number: int) -> None:
    """Sizes and numbers outside the table are refused."""
    with pytest.raises(errors.AggregationRefused) as caught:
        layout.make_layout(range(members), bytes(32), number)
    assert caught.value.reason == "layout-not-allowed"


def test_certificate_needs_quorum_and_every_column() -> None:
    """q members certify only when they hold every column; strangers and repeats do not count."""
    made = make(20)
    silent = set(made.columns[3])
    others = [index for index in range(20) if index not in silent]
    assert not made.is_certified_by(others)
    assert made.is_certified_by([*others, min(silent)])
    assert not made.is_certified_by(others[:5] + [min(silent)] * 20)
    assert not make(3).is_certified_by([0, 1, 7])


SESSIONS: dict[str, dict[str, object]] = {
    "short sid": {"sid": bytes(31)},
    "seven words": {"words": 7},
    "no words": {"words": 0},
    "negative words": {"words": -8},
    "more than 2**30 bytes": {"words": 2**28 + 8},
    "last chunk of one word": {"words": 65_537},
    "member missing": {"member_ids": (11, 22)},
    "members not ascending": {"member_ids": (22, 11, 33)},
    "member twice": {"member_ids": (11, 11, 33)},
    "negative member": {"member_ids": (-1, 11, 33)},
    "point missing": {"points": (bytes(32),) * 2},
}


@pytest.mark.parametrize("row", SESSIONS)
def test_sessions_that_do_not_hold_together_are_refused(row: str) -> None:
    """Each field of a session is checked when it is made."""
    good = session.Session(bytes(32), suite.Suite.AES_32, 8, (11, 22, 33), (bytes(32),) * 3, make(3))
    with pytest.raises(errors.AggregationRefused) as caught:
        dataclasses.replace(good, **SESSIONS[row])
    assert caught.value.reason == "session-invalid"


def test_pairs_of_six_need_long_vectors() -> None:
    """Six members may use pairs only for vectors of more than a million words."""
    fields = (tuple(range(6)), (bytes(32),) * 6, make(6, layout.PAIRS))
    assert session.Session(bytes(32), suite.Suite.AES_32, 1_000_001, *fields).layout.faults == 2
    with pytest.raises(errors.AggregationRefused) as caught:
        session.Session(bytes(32), suite.Suite.AES_32, 1_000_000, *fields)
    assert caught.value.reason == "session-invalid"
