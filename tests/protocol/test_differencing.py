"""Combinations of several sums: whoever would follow from them alone is found, and nobody else is."""

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence

import hypothesis
import pytest
from hypothesis import strategies

from aicommons.domain import errors
from aicommons.protocol import coverage, differencing


def people(*numbers: int) -> frozenset[bytes]:
    """Return a set of tags."""
    return frozenset(number.to_bytes(4, "big") * 8 for number in numbers)


def shuffled(seed: int) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """Return what orders tags by a seed."""
    drawn = random.Random(seed)
    return lambda tags: drawn.sample(list(tags), len(tags))


EVERYBODY = frozenset(range(100))
NO_A, NO_B = frozenset(range(20)), frozenset({0, *range(20, 39)})
"""Who has no value in column a, in column b: person 0 has neither."""
FAMILIES: dict[str, tuple[list[frozenset[int]], frozenset[int]]] = {
    "two columns with gaps": ([EVERYBODY, EVERYBODY - NO_A, EVERYBODY - NO_B], EVERYBODY - NO_A - NO_B),
    "in another order": ([EVERYBODY - NO_A - NO_B, EVERYBODY - NO_B, EVERYBODY], EVERYBODY - NO_A),
    "two halves and the whole but one": (
        [frozenset(range(50)), frozenset(range(50, 99))], EVERYBODY
    ),
    "the whole but one, then a half": ([EVERYBODY, frozenset(range(50))], frozenset(range(50, 99))),
    "three thirds": (
        [frozenset(range(30)), frozenset(range(30, 60)), frozenset(range(60, 99))], EVERYBODY
    ),
    "two of three thirds": (
        [EVERYBODY, frozenset(range(30)), frozenset(range(30, 60))], frozenset(range(60, 98))
    ),
}  # fmt: skip


@pytest.mark.parametrize(("earlier", "new"), FAMILIES.values(), ids=FAMILIES.keys())
def test_what_several_sums_would_tell_is_not_released(earlier: list[frozenset[int]], new: frozenset[int]) -> None:
    """Each two sets differ in twenty people or more; together they would tell one or two, so others are held back too."""
    released = [people(*each) for each in earlier]
    assert coverage.nearest(people(*new), released, 5) is None
    found = differencing.History.of(released, people(*new)).exposed(people(*new), 5)
    assert found is not None
    assert 0 < len(found) < 5
    kept = coverage.settle(people(*new), released, 5, order=shuffled(1))
    assert kept < people(*new)
    assert differencing.History.of(released, kept).exposed(kept, 5) is None


def test_the_same_set_again_shows_nothing() -> None:
    """A set that was released before tells nothing that was not told."""
    earlier, new = FAMILIES["two columns with gaps"]
    released = [people(*each) for each in (*earlier, new)]
    history = differencing.History.of(released, people(*new))
    assert all(history.exposed(each, 5) is None for each in released)


def counted(sets: Sequence[frozenset[int]], most: int) -> Iterator[set[int]]:
    """Yield whom each combination of the last set with others leaves, by plain counting."""
    *others, new = sets
    for size in range(1, most):
        for chosen in itertools.combinations(others, size):
            for signs in itertools.product((1, -1), repeat=size):
                tally = dict.fromkeys(new, 1)
                for sign, each in zip(signs, chosen, strict=True):
                    for person in each:
                        tally[person] = tally.get(person, 0) + sign
                yield {person for person, count in tally.items() if count}


@hypothesis.given(
    strategies.lists(strategies.frozensets(strategies.integers(0, 9)), min_size=2, max_size=6, unique=True),
    strategies.integers(2, 4),
)
def test_agrees_with_plain_counting(sets: list[frozenset[int]], least: int) -> None:
    """Somebody is found exactly if some combination of up to four sets leaves 1 to k - 1 people; two are ``nearest``'s."""
    released = [people(*each) for each in sets[:-1]]
    new = people(*sets[-1])
    found = differencing.History.of(released, new).exposed(new, least)
    is_found = found is not None or coverage.nearest(new, released, least) is not None
    expected = [each for each in counted(sets, 4) if 0 < len(each) < least]
    assert is_found == bool(expected)
    if found is not None:
        assert found in [people(*each) for each in expected]


GAPS = strategies.lists(strategies.sampled_from(["", "", "", "a", "b", "ab", "c"]), min_size=12, max_size=24)
"""For each person the columns without a value."""


@hypothesis.settings(deadline=None)
@hypothesis.given(
    GAPS, strategies.lists(strategies.sampled_from(["", "a", "b", "ab", "c", "ac"]), max_size=6),
    strategies.integers(2, 4), strategies.integers(0, 99),
)  # fmt: skip
def test_no_history_tells_of_few(gaps: list[str], plans: list[str], least: int, seed: int) -> None:
    """Whatever columns with gaps are asked for, what is released leaves nobody alone in any combination of up to four."""
    released: list[frozenset[bytes]] = []
    for columns in plans:
        present = people(*(person for person, gap in enumerate(gaps) if not set(gap) & set(columns)))
        try:
            kept = coverage.settle(present, released, least, order=shuffled(seed))
        except errors.ContributionRefused:
            continue
        assert kept <= present
        released.append(kept)
    numbered = [frozenset(int.from_bytes(tag[:4], "big") for tag in each) for each in dict.fromkeys(released)]
    for end in range(2, len(numbered) + 1):
        assert not [each for each in counted(numbered[:end], 4) if 0 < len(each) < least]


def test_ten_thousand_people_and_fifty_sets_take_less_than_a_second() -> None:
    """A node that has contributed fifty times decides at once."""
    drawn = random.Random(1)
    everybody = list(people(*range(10_000)))
    sets = [frozenset(drawn.sample(everybody, 9_500)) for _ in range(50)]
    begun = time.perf_counter()
    assert coverage.settle(frozenset(everybody), sets, 5, order=shuffled(1)) == frozenset(everybody)
    assert time.perf_counter() - begun < 1
