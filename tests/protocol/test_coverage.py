"""Whose rows may be used: every way a consent can fail to cover a use, and the sets that may follow each other."""

import dataclasses
import random
from collections.abc import Callable, Sequence

import hypothesis
import pytest
from hypothesis import strategies

from aicommons.domain import errors
from aicommons.protocol import coverage

TERMS = coverage.Terms(frozenset({"DUO:0000006"}), False, None, None, frozenset())
USE = coverage.Use(
    purposes=frozenset({"DUO:0000007", "DUO:0000006"}),
    commercial=False,
    problem=bytes([5]) * 32,
    solver=4,
    fields=frozenset({"age", "ill"}),
    run=bytes([6]) * 32,
)
WARDSHIP = (bytes([7]) * 32, bytes([8]) * 20)
ENTRY = coverage.Entry(3, bytes([1]) * 32, 0, 1000, None, None, None)
NOW = coverage.Moment(500, 5, frozenset(), frozenset({WARDSHIP}), {})

REFUSED = {
    "withdrawn": (ENTRY, TERMS, dataclasses.replace(NOW, withdrawn=frozenset({3})), coverage.Refusal.WITHDRAWN),
    "entered after the last posting": (ENTRY, TERMS, dataclasses.replace(NOW, posted=3), coverage.Refusal.NOT_POSTED),
    "expired in this second": (ENTRY, TERMS, dataclasses.replace(NOW, now=1000), coverage.Refusal.EXPIRED),
    "the ward is of age in this second": (
        dataclasses.replace(ENTRY, majority=500),
        TERMS,
        NOW,
        coverage.Refusal.OF_AGE,
    ),
    "of age and expired: the person is asked": (
        dataclasses.replace(ENTRY, majority=400, expiry=400),
        TERMS,
        NOW,
        coverage.Refusal.OF_AGE,
    ),
    "the guardianship was revoked": (
        dataclasses.replace(ENTRY, majority=900, guardianship=WARDSHIP),
        TERMS,
        dataclasses.replace(NOW, guarded=frozenset()),
        coverage.Refusal.NOT_GUARDED,
    ),
    "the guardianship is another's": (
        dataclasses.replace(ENTRY, majority=900, guardianship=(WARDSHIP[0], bytes(20))),
        TERMS,
        NOW,
        coverage.Refusal.NOT_GUARDED,
    ),
    "a narrower purpose than the run's": (
        ENTRY,
        dataclasses.replace(TERMS, purposes=frozenset({"DUO:0000012"})),
        NOW,
        coverage.Refusal.PURPOSE,
    ),
    "no purpose": (ENTRY, dataclasses.replace(TERMS, purposes=frozenset()), NOW, coverage.Refusal.PURPOSE),
    "another problem": (ENTRY, dataclasses.replace(TERMS, problem=bytes(32)), NOW, coverage.Refusal.PROBLEM),
    "another solver": (ENTRY, dataclasses.replace(TERMS, grantee=5), NOW, coverage.Refusal.GRANTEE),
    "a field that was not asked for": (
        ENTRY,
        dataclasses.replace(TERMS, fields=frozenset({"age"})),
        NOW,
        coverage.Refusal.FIELDS,
    ),
    "all uses spent": (
        dataclasses.replace(ENTRY, max_uses=2),
        TERMS,
        dataclasses.replace(NOW, runs_before={ENTRY.tag: 2}),
        coverage.Refusal.USES_SPENT,
    ),
}
COVERED = {
    "plain": (ENTRY, TERMS, NOW),
    "another person withdrew": (ENTRY, TERMS, dataclasses.replace(NOW, withdrawn=frozenset({2}))),
    "the last one posted": (ENTRY, TERMS, dataclasses.replace(NOW, posted=4)),
    "the last second": (ENTRY, TERMS, dataclasses.replace(NOW, now=999)),
    "a ward in its last second": (dataclasses.replace(ENTRY, majority=501, guardianship=WARDSHIP), TERMS, NOW),
    "a guardian whose proof the steward saw": (dataclasses.replace(ENTRY, majority=501), TERMS, NOW),
    "this problem, this solver, these fields": (
        ENTRY,
        coverage.Terms(USE.purposes, True, USE.problem, 4, frozenset({"age", "ill", "sex"})),
        NOW,
    ),
    "one use left": (
        dataclasses.replace(ENTRY, max_uses=2),
        TERMS,
        dataclasses.replace(NOW, runs_before={ENTRY.tag: 1}),
    ),
}


@pytest.mark.parametrize(("entry", "terms", "moment", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_covered_is_refused_by_name(
    entry: coverage.Entry, terms: coverage.Terms, moment: coverage.Moment, why: coverage.Refusal
) -> None:
    """A consent that does not say yes to all of a use covers nothing of it, and it is said why."""
    assert coverage.decide([entry], [terms], USE, moment) == {entry.tag: why}


@pytest.mark.parametrize(("entry", "terms", "moment"), COVERED.values(), ids=COVERED.keys())
def test_what_is_covered_goes_in(entry: coverage.Entry, terms: coverage.Terms, moment: coverage.Moment) -> None:
    """A live consent to a broader or the same purpose covers the use."""
    assert coverage.decide([entry], [terms], USE, moment) == {entry.tag: None}


def test_commercial_use_needs_a_word_of_its_own() -> None:
    """A consent that does not speak of commercial use does not cover it."""
    use = dataclasses.replace(USE, commercial=True)
    assert coverage.refusal_of_terms(TERMS, use) is coverage.Refusal.COMMERCIAL
    assert coverage.refusal_of_terms(dataclasses.replace(TERMS, commercial=True), use) is None


def test_one_live_consent_of_a_person_is_enough() -> None:
    """Who withdrew and consented anew is in; who did it the other way round is out."""
    first, second = ENTRY, dataclasses.replace(ENTRY, number=4)
    renewed = dataclasses.replace(NOW, withdrawn=frozenset({3}))
    assert coverage.decide([first, second], [TERMS], USE, renewed) == {ENTRY.tag: None}
    gone = dataclasses.replace(NOW, withdrawn=frozenset({3, 4}))
    assert coverage.decide([first, second], [TERMS], USE, gone) == {ENTRY.tag: coverage.Refusal.WITHDRAWN}


def people(*numbers: int) -> frozenset[bytes]:
    """Return a set of tags."""
    return frozenset(number.to_bytes(2, "big") * 16 for number in numbers)


def shuffled(seed: int) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """Return what orders tags by a seed."""
    drawn = random.Random(seed)
    return lambda tags: drawn.sample(list(tags), len(tags))


def test_one_withdrawal_holds_others_back() -> None:
    """After one of 20 people left, nobody can tell the sums of 20 and of what follows apart to fewer than five people."""
    before = people(*range(20))
    present = before - people(7)
    kept = coverage.settle(present, [before], 5, order=shuffled(1))
    assert kept < present
    assert len(before ^ kept) == 5
    assert coverage.settle(present, [before, kept], 5, order=shuffled(2)) == kept, "the same set again shows nothing"


def test_newcomers_wait_until_they_are_enough() -> None:
    """One newcomer is held back until four more have come; then all go in."""
    before = people(*range(20))
    assert coverage.settle(before | people(20), [before], 5, order=shuffled(1)) == before
    many = before | people(*range(20, 25))
    assert coverage.settle(many, [before], 5, order=shuffled(1)) == many


def test_too_few_people_refuse() -> None:
    """With fewer than k people, or none to hold back, the site does not contribute at all."""
    with pytest.raises(errors.ContributionRefused, match="too few people"):
        coverage.settle(people(1, 2, 3), [], 5, order=shuffled(1))
    with pytest.raises(errors.ContributionRefused, match="too few people"):
        coverage.settle(people(*range(1, 6)), [people(*range(6))], 5, order=shuffled(1))


@hypothesis.given(
    strategies.lists(strategies.frozensets(strategies.integers(0, 30), max_size=30), max_size=6),
    strategies.integers(2, 6),
    strategies.integers(0, 99),
)
def test_no_two_sets_are_near(history: list[frozenset[int]], least: int, seed: int) -> None:
    """Whatever consents come and go, no two sets that went in differ in fewer than k people, and nobody else goes in."""
    released: list[frozenset[bytes]] = []
    for each in history:
        present = people(*each)
        try:
            kept = coverage.settle(present, released, least, order=shuffled(seed))
        except errors.ContributionRefused:
            continue
        assert kept <= present
        assert len(kept) >= least
        assert all(len(kept ^ before) == 0 or len(kept ^ before) >= least for before in released)
        released.append(kept)
