"""Matching and policies: a problem is held against what ledger and policy say, by default deny, and never against who solves it."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import events, ids, policies, vocabulary
from aicommons.protocol import inbox, matching, registry, rules
from aicommons.protocol import view as views

NOW = 1_800_000_000
PURPOSE = "DUO:0000007"
HOLDER = ids.MemberId(3)
POLICY = policies.UsePolicy(
    title="Any research",
    assigner=HOLDER,
    permitted=("dpv:ScientificResearch", PURPOSE),
    prohibited=("DUO:0000011",),
    commercial=False,
    countries=(),
    licence="LicenseRef-private",
    minimum_cohort=10,
    minimum_cell=1,
    small_cells=policies.SmallCells.ALLOW,
    epsilon=None,
    privacy_unit=policies.PrivacyUnit.RECORD,
    price=0,
    free_commons=False,
    duties=(),
    until=None,
    person_column=None,
)


def terms(listing: dict[str, Any] | None = None, **policy: Any) -> matching.Terms:
    """What is said about a dataset under the policy with changes."""
    made = dataclasses.replace(POLICY, **policy)
    asked = {"is_listed": True, "is_owner_active": True, "free_commons": made.free_commons, "price": made.price}
    return matching.Terms(
        rules.Listing(**({"rules": rules.rules_of(made)} | asked | (listing or {}))), HOLDER, is_named=True, policy=made
    )


ANYTHING = events.Rules(2**256 - 1, 0, commercial=True)
CASES: dict[str, tuple[matching.Terms, str, bool, list[tuple[matching.Misfit, str]]]] = {
    "permitted": (terms(), PURPOSE, False, []),
    "permitted from above": (terms(permitted=("DUO:0000042",)), PURPOSE, False, []),
    "not permitted": (
        terms(), "aic:FoodAndFarming", False, [(matching.Misfit.PURPOSE, rules.Denial.PURPOSE_NOT_PERMITTED.reason)]
    ),
    "forbidden": (
        terms(permitted=("DUO:0000042",)),
        "DUO:0000011",
        False,
        [(matching.Misfit.PURPOSE, rules.Denial.PURPOSE_PROHIBITED.reason)],
    ),
    "unknown": (terms(), "no:Purpose", False, [(matching.Misfit.PURPOSE, rules.Denial.PURPOSE_UNKNOWN.reason)]),
    "for gain": (
        terms(), PURPOSE, True, [(matching.Misfit.TERMS, rules.Denial.COMMERCIAL_NOT_PERMITTED.reason)]
    ),
    "ended": (terms(until=NOW), PURPOSE, False, [(matching.Misfit.TERMS, rules.Denial.POLICY_ENDED.reason)]),
    "not ended yet": (terms(until=NOW + 1), PURPOSE, False, []),
    "the ledger is stricter than the policy": (
        terms({"rules": events.Rules(0, 0, commercial=False)}),
        PURPOSE,
        False,
        [(matching.Misfit.PURPOSE, rules.Denial.PURPOSE_NOT_PERMITTED.reason)],
    ),
    "the policy is stricter than the ledger": (
        terms({"rules": ANYTHING}),
        "aic:FoodAndFarming",
        False,
        [(matching.Misfit.PURPOSE, rules.Denial.PURPOSE_NOT_PERMITTED.reason)],
    ),
    "a policy that cannot be read": (
        dataclasses.replace(terms({"rules": ANYTHING}), policy=None),
        PURPOSE,
        False,
        [(matching.Misfit.TERMS, "it cannot be read now")],
    ),
    "somebody else's policy": (
        terms(assigner=ids.MemberId(4)), PURPOSE, False, [(matching.Misfit.TERMS, "one of member 4")]
    ),
    "no policy, consents alone": (
        dataclasses.replace(terms({"rules": ANYTHING}), policy=None, is_named=False), PURPOSE, False, []
    ),
    "a price is no misfit": (terms(price=500), PURPOSE, False, []),
    "nor are country, assignee, duties and epsilon": (
        terms(countries=("KE",), assignee=ids.MemberId(7), duties=(policies.Duty.REPORT_BACK,), epsilon="3"),
        PURPOSE,
        False,
        [],
    ),
    "suspended is said elsewhere": (terms({"is_listed": False, "is_owner_active": False}), PURPOSE, False, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_policy_holds_against_a_problem(case: str) -> None:
    """Each purpose gets exactly the objections of its row, whoever will come with it."""
    said, purpose, commercial, expected = CASES[case]
    found = matching.objections(purpose, commercial=commercial, terms=said, now=NOW)
    assert [(each.misfit, each.offered) for each in found] == expected


def test_what_is_asked_of_solvers_is_a_condition() -> None:
    """Price, assignee, countries, licence, epsilon, duties and a co-op's vote are said, each once."""
    said = terms(
        price=500, countries=("KE", "TZ"), assignee=ids.MemberId(7), duties=(policies.Duty.REPORT_BACK,),
        epsilon="0.5", licence="CC-BY-SA-4.0",
    )  # fmt: skip
    assert matching.conditions(dataclasses.replace(said, has_body=True)) == (
        "500 per run", "consent by the vote of its co-op", "for member 7 alone", "from KE, TZ only",
        "a model licence that keeps CC-BY-SA-4.0", "epsilon at most 0.5 per record and year", "attribution",
        "report back",
    )  # fmt: skip
    assert matching.conditions(terms(free_commons=True, licence="CC0-1.0")) == ()


CODES = st.sampled_from([each.code for each in vocabulary.PURPOSES])


@given(st.lists(CODES, min_size=1, max_size=4, unique=True), st.lists(CODES, max_size=3, unique=True), CODES)
def test_no_objection_means_that_a_consent_would_do(permitted: list[str], prohibited: list[str], purpose: str) -> None:
    """Nothing is held against a purpose exactly when policy and ledger would let a wide enough consent through."""
    policy = dataclasses.replace(POLICY, permitted=tuple(permitted), prohibited=tuple(prohibited))
    listing = rules.Listing(rules.rules_of(policy), True, True, free_commons=True, price=0)
    said = matching.Terms(listing, HOLDER, is_named=True, policy=policy)
    fits = not matching.objections(purpose, commercial=False, terms=said, now=NOW)
    banned = vocabulary.broader(purpose) & vocabulary.BANNED_PURPOSES
    allowed = any(vocabulary.is_a(purpose, code) for code in permitted)
    forbidden = any(vocabulary.is_a(purpose, code) for code in (*prohibited, vocabulary.COMMERCIAL))
    assert fits == (allowed and not forbidden and not banned)


AT = events.Position(1, 0, NOW)
ME, OTHER = ids.MemberId(1), ids.MemberId(2)


def view(stated_by: ids.MemberId, held_by: ids.MemberId, **dataset: Any) -> views.LedgerView:
    """A ledger with one problem, open for a day, and one dataset in its second version."""
    members = {
        number: registry.MemberView(
            ids.MemberId(number), ids.Address(bytes([number]) * 20), 1, ids.Address(bytes(20)), bytes(32), b"", b"", AT
        )
        for number in (1, 2)
    }
    version = registry.VersionView(1, ids.Digest(bytes(32)), bytes(32), ANYTHING, True, 0, AT)
    versions = (version, dataclasses.replace(version, version=2))
    stated = events.ProblemStated(
        AT, b"p" * 32, stated_by, ids.MemberId(0), ids.Digest(bytes(32)), bytes(32), NOW + 86_400, NOW
    )
    held = dataclasses.replace(registry.DatasetView(5, held_by, versions), **dataset)
    return views.LedgerView(members=members, datasets={5: held}, problems={b"p" * 32: stated})


PAIRS: dict[str, tuple[views.LedgerView, set[int], int, inbox.Kind | None]] = {
    "another's problem beside my data": (view(OTHER, ME), {5}, NOW, inbox.Kind.PROBLEM),
    "another's data beside my problem": (view(ME, OTHER), set(), NOW, inbox.Kind.DATASET),
    "both mine": (view(ME, ME), {5}, NOW, None),
    "none mine": (view(OTHER, OTHER), set(), NOW, None),
    "my data in another home of mine": (view(OTHER, ME), set(), NOW, None),
    "the problem's time is over": (view(OTHER, ME), {5}, NOW + 86_400, None),
    "the dataset is suspended": (view(OTHER, ME, state=registry.DatasetState.SUSPENDED), {5}, NOW, None),
}


@pytest.mark.parametrize("case", PAIRS)
def test_who_has_to_hear_of_what(case: str) -> None:
    """Somebody hears of others' problems beside the data in this home, and of others' data beside own problems."""
    seen, own, now, kind = PAIRS[case]
    found = matching.pairs(seen, ME, own=own, now=now)
    assert [inbox.of_pair(seen, ME, pair, NOW).kind for pair in found] == ([] if kind is None else [kind])
    assert {pair.version for pair in found} <= {2}


def test_items_have_names_of_their_own() -> None:
    """Another version, dataset or problem is another item."""
    pairs = [matching.Pair(b"p" * 32, 5, 1), matching.Pair(b"p" * 32, 5, 2), matching.Pair(b"p" * 32, 51, 2)]
    keys = {inbox.of_pair(view(OTHER, ME), ME, pair, NOW).key for pair in (*pairs, pairs[0])}
    assert len(keys) == 3
