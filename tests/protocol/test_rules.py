"""Who may use which data: the shared table, and how the evaluator's node part and ledger part hold together."""

import collections
import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons import office
from aicommons.domain import encoding, errors, events, ids, licences, policies, vocabulary
from aicommons.protocol import registry, rules

HERE = pathlib.Path(__file__).parent
TABLE = json.loads((HERE.parents[1] / "vectors" / "policy" / "cases.json").read_bytes())
CASES: dict[str, dict[str, Any]] = {each["name"]: each for each in TABLE["cases"]}

COMMERCIAL = vocabulary.bits([vocabulary.COMMERCIAL])
SALE = "dpv:SellDataToThirdParties"
"""Commercial by its purpose, whatever is said of a use."""
EVERYTHING = events.Rules((1 << 256) - 1, 0, commercial=False)


def policy_of(case: dict[str, Any]) -> policies.UsePolicy:
    """Return a case's policy."""
    return policies.UsePolicy.decode(encoding.canonical_json(case["policy"]))


def consent_of(case: dict[str, Any]) -> rules.Consent | None:
    """Return a case's consent."""
    said = case["consent"]
    problem = bytes.fromhex(said["problem"][2:])
    consent = rules.Consent(
        said["dataset"], int(said["purposes"], 16), ids.MemberId(said["grantee"]) if said["grantee"] else None,
        problem if any(problem) else None, said["commercial"], said["expiry"], said["maxUses"], said["uses"],
        said["revoked"],
    )  # fmt: skip
    return consent if said["exists"] else None


def listing_of(case: dict[str, Any]) -> rules.Listing:
    """Return a case's dataset as the ledger knows it."""
    said = case["dataset"]
    seen = events.Rules(int(said["permitted"], 16), int(said["prohibited"], 16), said["commercial"])
    return rules.Listing(seen, said["listed"], said["ownerActive"], said["freeCommons"], said["price"])


def use_of(case: dict[str, Any]) -> rules.Use:
    """Return what a case asks of the ledger."""
    said = case["use"]
    purpose, problem = encoding.purpose_code(said["purpose"]), bytes.fromhex(said["problem"][2:])
    solver = ids.MemberId(said["grantee"])
    return rules.Use(said["dataset"], purpose, problem, solver, said["commercial"], said["price"])


def request_of(case: dict[str, Any]) -> rules.Request:
    """Return what a case asks of the owner."""
    use, said = case["use"], case["request"]
    return rules.Request(
        use["purpose"], use["commercial"], said["country"], ids.MemberId(use["grantee"]),
        bytes.fromhex(use["problem"][2:]), said["licence"], said["epsilon"], said["cohort"], use["price"],
        frozenset(policies.Duty(duty) for duty in said["duties"]), case["now"],
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_ledger_part_denies_as_the_table_says(name: str) -> None:
    """The ledger's part gives the first reason of the table, under the number that the contract uses."""
    case = CASES[name]
    consent = consent_of(case)
    denial = rules.ledger_denial(consent, listing_of(case) if consent else None, use_of(case), case["now"])
    assert (denial.name, denial.value) == (case["ledger"], case["ledgerNumber"])
    assert denial.is_on_ledger


@pytest.mark.parametrize("name", CASES)
def test_a_vote_bans_and_lifts_a_ban(name: str) -> None:
    """Whatever the members ban is denied by ledger and node; where they lift every ban, nothing is denied as banned."""
    case = CASES[name]
    consent, listing, use = consent_of(case), listing_of(case), use_of(case)
    everything = (1 << len(vocabulary.PURPOSES)) - 1
    for banned in (0, everything):
        denial = rules.ledger_denial(consent, listing if consent else None, use, case["now"], banned=banned)
        decision = rules.decide(policy_of(case), consent, request_of(case), banned=banned)
        is_known = rules.Denial.PURPOSE_UNKNOWN not in decision.denials
        assert (rules.Denial.PURPOSE_BANNED in decision.denials) == (banned != 0 and is_known)
        if banned:
            assert denial is not rules.Denial.NONE
            assert denial <= rules.Denial.PURPOSE_BANNED
        else:
            assert denial is not rules.Denial.PURPOSE_BANNED


@pytest.mark.parametrize("name", CASES)
def test_node_part_denies_as_the_table_says(name: str) -> None:
    """The evaluator gives all reasons of the table, in order, and allows exactly what has none."""
    case = CASES[name]
    decision = rules.decide(policy_of(case), consent_of(case), request_of(case))
    assert [denial.name for denial in decision.denials] == case["node"]
    assert decision.allowed == (not case["node"])


def test_table_is_wide_enough() -> None:
    """The table has at least 60 cases, and every reason stands in three of them, on the ledger or at the node."""
    first = collections.Counter(case["ledger"] for case in CASES.values())
    own = collections.Counter(denial for case in CASES.values() for denial in case["node"])
    assert len(CASES) == TABLE["count"] >= 60
    for denial in rules.Denial:
        assert (first if denial.is_on_ledger else own)[denial.name] >= 3, denial.name


def test_table_is_what_its_rows_say() -> None:
    """The committed file is the one that its generator writes."""
    script = HERE / "generate_policy_cases.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True, capture_output=True)


def test_every_reason_has_words_of_its_own() -> None:
    """Each denial is told in one sentence, and no two in the same."""
    told = [denial.reason for denial in rules.Denial]
    assert all(text.endswith(".") for text in told)
    assert len(set(told)) == len(rules.Denial)


def test_bits_of_the_table_are_those_of_the_vocabulary() -> None:
    """A reader of the table needs no other file to know the bits of purposes."""
    assert TABLE["purposes"] == [each.code for each in vocabulary.PURPOSES]
    assert int(TABLE["banned"], 16) == vocabulary.bits(vocabulary.BANNED_PURPOSES)


CODES = [each.code for each in vocabulary.PURPOSES]
PERMITTABLE = [code for code in CODES if code not in vocabulary.BANNED_PURPOSES]
PURPOSE = st.sampled_from([*CODES, "DUO:9999999"])
MEMBER = st.integers(1, 4).map(ids.MemberId)
PROBLEM = st.sampled_from([b"\x01" * 32, b"\x02" * 32])
LICENCE = st.sampled_from(sorted(licences.known()))
EPSILON = st.none() | st.integers(1, 50).map(lambda tenths: f"{tenths // 10}.{tenths % 10}" if tenths else "1")
POLICIES = st.builds(
    policies.UsePolicy,
    title=st.just("any"), assigner=st.just(ids.MemberId(1)),
    permitted=st.lists(st.sampled_from(PERMITTABLE), min_size=1, max_size=4, unique=True).map(tuple),
    prohibited=st.lists(st.sampled_from(CODES), max_size=3, unique=True).map(tuple),
    commercial=st.booleans(), countries=st.sampled_from([(), ("KE",), ("KE", "TZ")]), licence=LICENCE,
    minimum_cohort=st.integers(1, 50), minimum_cell=st.just(1), small_cells=st.just(policies.SmallCells.ALLOW),
    epsilon=EPSILON, privacy_unit=st.just(policies.PrivacyUnit.RECORD), price=st.integers(0, 3),
    free_commons=st.just(False), duties=st.lists(st.sampled_from(policies.Duty), unique=True).map(tuple),
    until=st.none() | st.integers(5, 15), person_column=st.none(), assignee=st.none() | MEMBER,
)  # fmt: skip
CONSENTS = st.builds(
    rules.Consent, dataset_id=st.just(1),
    purposes=st.lists(st.sampled_from(CODES), min_size=1, max_size=3).map(vocabulary.bits),
    grantee=st.none() | MEMBER, problem=st.none() | PROBLEM, commercial=st.booleans(), expiry=st.integers(5, 15),
    max_uses=st.integers(1, 3), uses=st.integers(0, 3), revoked=st.booleans(),
)  # fmt: skip
REQUESTS = st.builds(
    rules.Request, purpose=PURPOSE, commercial=st.booleans(), country=st.sampled_from([None, "KE", "TZ", "DE"]),
    solver=MEMBER, problem=PROBLEM, licence=st.none() | LICENCE, epsilon=EPSILON, cohort=st.integers(0, 60),
    price=st.integers(0, 3), duties=st.frozensets(st.sampled_from(policies.Duty)), now=st.integers(0, 20),
)  # fmt: skip


@given(POLICIES, st.none() | CONSENTS, REQUESTS)
def test_whatever_the_ledger_denies_the_node_denies(
    policy: policies.UsePolicy, consent: rules.Consent | None, request: rules.Request
) -> None:
    """A node never allows what the ledger would refuse under the same policy, and names the ledger's reason among its own."""
    listing = rules.Listing(rules.rules_of(policy), True, True, policy.free_commons, policy.price)
    use = rules.Use(
        1, encoding.purpose_code(request.purpose), request.problem or b"", request.solver, request.commercial,
        request.price,
    )  # fmt: skip
    denial = rules.ledger_denial(consent, listing if consent else None, use, request.now)
    denials = rules.decide(policy, consent, request).denials
    assert denial is rules.Denial.NONE or denial in denials


@given(POLICIES, CONSENTS, REQUESTS)
def test_allowed_means_that_every_term_is_met(
    policy: policies.UsePolicy, consent: rules.Consent, request: rules.Request
) -> None:
    """What is allowed meets every term, looked up without bitmaps; what is denied misses one."""
    purpose = request.purpose
    known = purpose in CODES
    covered = vocabulary.codes(consent.purposes)
    commercial = request.commercial or (known and vocabulary.is_a(purpose, vocabulary.COMMERCIAL))
    expected = (
        known
        and purpose not in vocabulary.BANNED_PURPOSES
        and any(vocabulary.is_a(purpose, each) for each in policy.permitted)
        and not any(vocabulary.is_a(purpose, each) for each in policy.prohibited)
        and purpose in covered
        and (not commercial or (policy.commercial and consent.commercial and policy.terms.commercial))
        and not consent.revoked
        and request.now < min(consent.expiry, policy.until or 10**9)
        and consent.uses < consent.max_uses
        and consent.problem in (None, request.problem)
        and consent.grantee in (None, request.solver)
        and policy.assignee in (None, request.solver)
        and (not policy.countries or request.country in policy.countries)
        and request.cohort >= policy.minimum_cohort
        and request.price >= policy.price
        and policy.asked <= request.duties
        and (
            policy.epsilon is None or (request.epsilon is not None and float(request.epsilon) <= float(policy.epsilon))
        )
        and licences.allows(policy.terms, None if request.licence is None else licences.parse(request.licence))
    )
    assert rules.decide(policy, consent, request).allowed == expected


@given(POLICIES, CONSENTS, REQUESTS, st.sampled_from(PERMITTABLE))
def test_a_further_prohibition_never_allows_more(
    policy: policies.UsePolicy, consent: rules.Consent, request: rules.Request, code: str
) -> None:
    """Whoever forbids one thing more has not allowed anything by it."""
    stricter = dataclasses.replace(policy, prohibited=(*policy.prohibited, code))
    before = set(rules.decide(policy, consent, request).denials)
    assert before <= set(rules.decide(stricter, consent, request).denials)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "three", "\u0661", "0x1", "NaN", "3.", "00.5"])
def test_an_epsilon_that_is_no_number_is_refused(text: str) -> None:
    """An unreadable bound is an error that names it, not a bound of nothing."""
    case = CASES["epsilon_equal"]
    request = dataclasses.replace(request_of(case), epsilon=text)
    with pytest.raises(errors.InputError, match="epsilon"):
        rules.decide(policy_of(case), consent_of(case), request)


AT = events.Position(3, 5, 7)


@pytest.mark.parametrize(
    ("state", "owner_state", "listed", "active"),
    [
        (registry.DatasetState.LISTED, registry.MemberState.ACTIVE, True, True),
        (registry.DatasetState.SUSPENDED, registry.MemberState.SUSPENDED, False, False),
        (registry.DatasetState.RETIRED, registry.MemberState.LEFT, False, False),
    ],
)
def test_listings_are_read_from_the_view(
    state: registry.DatasetState, owner_state: registry.MemberState, listed: bool, active: bool
) -> None:
    """The newest version counts, only a listed dataset is listed, and only an active owner is active."""
    old = registry.VersionView(1, ids.Digest(bytes(32)), bytes(32), events.Rules(1, 0, False), True, 0, AT)
    new = dataclasses.replace(old, version=2, rules=events.Rules(6, 2, True), free_commons=False, price=9)
    dataset = registry.DatasetView(1, ids.MemberId(1), (old, new), state)
    words = bytes(32)
    address = ids.Address(bytes(20))
    owner = registry.MemberView(ids.MemberId(1), address, 1, address, words, words, words, AT, owner_state)
    assert rules.Listing.seen(dataset, owner) == rules.Listing(events.Rules(6, 2, True), listed, active, False, 9)
    assert not rules.Listing.seen(dataset, None).is_owner_active


def test_consents_are_read_from_the_view() -> None:
    """Zero stands for any solver and any problem, and every use counts."""
    terms = events.ConsentTerms(4, 3, ids.MemberId(0), bytes(32), True, 50, 2, bytes(32))
    given = registry.ConsentView(b"\x01" * 32, 4, ids.MemberId(1), terms, AT)
    assert rules.Consent.seen(given) == rules.Consent(4, 3, None, None, True, 50, 2, 0, False)
    narrow = dataclasses.replace(terms, grantee=ids.MemberId(5), problem=b"\x02" * 32)
    used = events.ConsentUsed(AT, b"\x01" * 32, b"\x03" * 32, 4, 1, 0)
    spent = dataclasses.replace(given, terms=narrow, uses=(used,), revoked=AT)
    assert rules.Consent.seen(spent) == rules.Consent(4, 3, ids.MemberId(5), b"\x02" * 32, True, 50, 2, 1, True)


@pytest.mark.parametrize("code", sorted(vocabulary.narrower(vocabulary.COMMERCIAL)))
def test_default_rules_and_consents_leave_commercial_purposes_out(code: str) -> None:
    """Who consents to everything, not commercially, has not consented to a sale that does not call itself commercial."""
    given = office.consent(3, [vocabulary.ANYTHING], 2_000)
    listed = rules.Listing(office.ANYTHING_BUT_BANNED, True, True, True, 0)
    use = rules.Use(3, encoding.purpose_code(code), bytes(32), ids.MemberId(7), False, 0)
    for purposes, seen, denial in (
        (given.purposes, listed, rules.Denial.PURPOSE_PROHIBITED),
        (-1, listed, rules.Denial.PURPOSE_PROHIBITED),
        (given.purposes, dataclasses.replace(listed, rules=EVERYTHING), rules.Denial.PURPOSE_NOT_CONSENTED),
    ):
        consent = rules.Consent(3, purposes, None, None, False, 2_000, 1)
        assert rules.ledger_denial(consent, seen, use, 1_000) is denial
    research = dataclasses.replace(use, purpose=encoding.purpose_code("DUO:0000007"))
    assert rules.ledger_denial(consent, listed, research, 1_000) is rules.Denial.NONE


def test_a_consent_to_commercial_purposes_alone_has_to_say_that_it_is_commercial() -> None:
    """It would permit nothing, and whoever gave it would not know."""
    with pytest.raises(errors.InputError, match="commercial"):
        office.consent(3, [SALE], 2_000)
    assert office.consent(3, [SALE], 2_000, commercial=True).purposes == vocabulary.bits([SALE])
