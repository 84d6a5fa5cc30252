"""What a coalition sees with all of its keys: the rest of every honest vector is indistinguishable from noise, by a test that can fail."""

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from aicommons.learning.secagg import layout, masking, masks, suite

WORDS = 8192
"""Words of a vector: 32,768 bytes, so that 128 of each value are expected."""
DEVIATIONS = 6.0
"""How many standard deviations the statistic may be off: an honest run fails once in about a billion."""
MakeCommittee = Callable[..., object]


def plain(member_id: int) -> suite.Words:
    """Return what a site would send: small numbers, most of them zero."""
    draws = np.random.default_rng(member_id)
    return np.where(draws.random(WORDS) < 0.1, draws.integers(1, 200, WORDS), 0).astype(np.uint32)


def statistic(words: suite.Words) -> float:
    """Return by how many standard deviations the bytes' chi-square is above that of uniform ones (255 degrees of freedom)."""
    counts = np.bincount(words.view(np.uint8), minlength=256)
    expected = counts.sum() / 256
    return float((np.square(counts - expected).sum() / expected - 255) / np.sqrt(2 * 255))


def left_over(made, sent: masking.Submission, member_id: int, coalition: Iterable[int]) -> suite.Words:
    """Return an honest masked vector less every mask that the coalition's boxes give away."""
    seeds: dict[int, bytes] = {}
    for index in coalition:
        seeds |= made.check(index, member_id, sent.header, sent.masked)
    rest = suite.as_words(sent.masked, made.session.suite).copy()
    for column in seeds:
        rest -= masks.mask_sum(made.session, {member_id: seeds}, column, bytes(32)).words
    return rest


def coalition_of(made_layout: layout.Layout, size: int) -> tuple[int, ...]:
    """Return a coalition of ``size`` that touches the most columns."""
    ways = itertools.islice(itertools.combinations(range(made_layout.members), size), 500)
    return max(ways, key=lambda way: len({column for index in way for column in made_layout.columns_of(index)}))


ROSTERS = [3, 4, 5, 6, 7, 8, 12, 20]


@pytest.mark.parametrize("members", ROSTERS)
def test_a_coalition_of_the_largest_size_sees_noise(make_committee: MakeCommittee, drawn, members: int) -> None:
    """With all keys of f members, honest vectors, their differences, and what is left of them without the truth pass as uniform."""
    made = make_committee(members, words=WORDS)
    coalition = coalition_of(made.session.layout, made.session.layout.faults)
    honest = [index for index in range(members) if index not in coalition][:3]
    rests = []
    for index in honest:
        member_id = made.session.member_ids[index]
        sent = masking.shield(made.session, member_id, plain(member_id), drawn(f"coalition {index}"))
        rests.append((left_over(made, sent, member_id, coalition), plain(member_id)))
    for rest, true in rests:
        assert abs(statistic(rest)) < DEVIATIONS
        assert abs(statistic(rest - true)) < DEVIATIONS
    for (one, _), (other, _) in itertools.combinations(rests, 2):
        assert abs(statistic(one - other)) < DEVIATIONS


@pytest.mark.parametrize("members", ROSTERS)
def test_a_larger_coalition_sees_everything(make_committee: MakeCommittee, drawn, members: int) -> None:
    """The same test fails where it has to: a larger coalition has a key of every column, and what is left is the vector."""
    made = make_committee(members, words=WORDS)
    made_layout = made.session.layout
    columns = set(range(len(made_layout.columns)))
    sizes = range(made_layout.faults + 1, members)
    ways = itertools.chain.from_iterable(itertools.combinations(range(members), size) for size in sizes)
    found = next(way for way in ways if {each for index in way for each in made_layout.columns_of(index)} == columns)
    member_id = made.session.member_ids[next(index for index in range(members) if index not in found)]
    sent = masking.shield(made.session, member_id, plain(member_id), drawn("larger coalition"))
    rest = left_over(made, sent, member_id, found)
    assert np.array_equal(rest, plain(member_id))
    assert statistic(rest) > 100 * DEVIATIONS


@pytest.mark.parametrize("members", [*range(3, 13), 20, 48])
def test_no_coalition_of_the_largest_size_has_every_column(members: int) -> None:
    """Whoever the f members are, there is a column of which none of them knows a key."""
    numbers = {layout.default_number(members)} | ({1, 2} if members in (6, 7) else set())
    for number in numbers:
        made = layout.make_layout(tuple(range(1, members + 1)), bytes(range(32)), number)
        columns = [frozenset(holders) for holders in made.columns]
        if number == 1:
            ways = itertools.combinations(range(members), made.faults)
            assert all(any(not column & set(way) for column in columns) for way in ways)
        else:  # columns are disjoint: f members touch f of them at most
            assert len(columns) > made.faults
            assert sum(map(len, columns)) == len(frozenset().union(*columns)) == members
