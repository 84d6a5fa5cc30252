"""What stands against a dataset in a run: every term of its use policy, its card's columns, and documents that are missing."""

import dataclasses
from typing import Any

import pytest

from aicommons.domain import (
    cards,
    documents,
    encoding,
    errors,
    events,
    ids,
    licences,
    model_events,
    policies,
    profiles,
    run,
    schema,
    vocabulary,
)
from aicommons.learning import recipe
from aicommons.learning.learners import glm
from aicommons.node import agent as agents
from aicommons.node import permission
from aicommons.protocol import coverage, registry, rules
from aicommons.protocol import view as views
from aicommons.store import memory

NOW, END = 1_800_000_000, 1_900_000_000
AT = events.Position(1, 0, NOW)
SOLVER = ids.MemberId(7)
PART = agents.Part(3, 1)
RUN_ID = ids.RunId(b"\x01" * 32)
PROFILE = profiles.Profile("A solver", country="TZ")
POLICY = policies.UsePolicy(
    title="Research",
    assigner=ids.MemberId(2),
    permitted=("dpv:ScientificResearch",),
    prohibited=(),
    commercial=False,
    countries=(),
    licence="CC0-1.0",
    minimum_cohort=10,
    minimum_cell=1,
    small_cells=policies.SmallCells.ALLOW,
    epsilon=None,
    privacy_unit=policies.PrivacyUnit.RECORD,
    price=0,
    free_commons=True,
    duties=(),
    until=None,
    person_column=None,
)
FIELDS = (
    cards.Field("age", cards.FieldType.NUMBER, lo=0.0, hi=120.0),
    cards.Field("patient", cards.FieldType.TEXT, cards.Role.KEY),
    cards.Field("remark", cards.FieldType.TEXT, cards.Role.CONTEXT),
    cards.Field("ill", cards.FieldType.CATEGORY, cards.Role.TARGET, levels=("no", "yes")),
)
CARD = cards.DatasetCard("Heart", "Bern", 300, cards.plan_schema(FIELDS), "CC0-1.0", 10, "", fields=FIELDS)
CONSENT = rules.Consent(3, (1 << 256) - 1, None, None, False, END, 5)


@dataclasses.dataclass(frozen=True)
class Row:
    """What is changed, and what is said then."""

    says: tuple[str, ...] = ()
    """The beginning of each objection."""
    policy: dict[str, Any] = dataclasses.field(default_factory=dict)
    terms: dict[str, Any] = dataclasses.field(default_factory=dict)
    spec: dict[str, Any] = dataclasses.field(default_factory=dict)
    profile: profiles.Profile | None = PROFILE
    card: cards.DatasetCard = CARD
    columns: tuple[str, ...] = ("age",)
    """What the plan learns from."""
    group: str | None = None
    mapped: dict[str, str] = dataclasses.field(default_factory=dict)
    """Column of the plan -> its name in the source, where it is another."""
    consent: rules.Consent | None = CONSENT
    now: int = NOW


COUNTRY = "The policy does not permit use from this country"
LICENCE, DUTY = "The model's licence does not keep", "A duty that the policy asks was not taken on"
BARE = dataclasses.replace(CARD, fields=(), schema={})
SHARED = {"licence": "CC-BY-SA-4.0"}
UNBOUND = "More privacy loss than the policy allows, or no bound on it. The plan needs `privacy`, with the policy's unit and enough noise."
ROWS: dict[str, Row] = {
    "nothing against it": Row(),
    "in its last second": Row(policy={"until": NOW + 1}),
    "ended": Row(("The policy has ended.",), policy={"until": NOW}),
    "a permitted country": Row(policy={"countries": ("KE", "TZ")}),
    "another country": Row((f"{COUNTRY} (TZ).",), policy={"countries": ("KE",)}),
    "a solver without a country": Row(
        (f"{COUNTRY} (the solver has named none).",),
        policy={"countries": ("KE",)},
        profile=profiles.Profile("A solver"),
    ),
    "a solver whose profile nobody has": Row((f"{COUNTRY} (the solver",), policy={"countries": ("KE",)}, profile=None),
    "no country asked, no profile": Row(profile=None),
    "commercial": Row(("Commercial use is not permitted.",), spec={"commercial": True}),
    "no licence of the model where the data asks for one": Row((LICENCE, DUTY), policy=SHARED),
    "the same licence and its duty": Row(policy=SHARED, terms=SHARED | {"duties": (licences.Duty.ATTRIBUTION,)}),
    "another licence": Row(
        (LICENCE,), policy=SHARED, terms={"licence": "MIT", "duties": (licences.Duty.ATTRIBUTION,)}
    ),
    "a licence that nobody knows": Row((LICENCE,), policy=SHARED | {"duties": ()}, terms={
        "licence": "LicenseRef-ours", "duties": (licences.Duty.ATTRIBUTION,)}),
    "a duty that was not taken on": Row((DUTY,), policy={"duties": (licences.Duty.REPORT_BACK,)}),
    "a duty that was": Row(
        policy={"duties": (licences.Duty.REPORT_BACK,)}, terms={"duties": (licences.Duty.REPORT_BACK,)}
    ),
    "a bound on privacy loss, which the plan does not keep": Row(
        (UNBOUND,),
        policy={"epsilon": "3"},
    ),
    "a price that is paid": Row(policy={"price": 5, "free_commons": False}, spec={"price": 5}),
    "a price that is not": Row(
        ("The owner asks more than is offered.",), policy={"price": 6, "free_commons": False}, spec={"price": 5}
    ),
    "for another member": Row(("The policy is for another member.",), policy={"assignee": ids.MemberId(8)}),
    "a purpose that is prohibited": Row(
        ("The policy forbids the purpose.",), policy={"prohibited": ("DUO:0000007",)}
    ),
    "a consent that was taken back": Row(
        ("The consent was taken back.",), consent=dataclasses.replace(CONSENT, revoked=True)
    ),
    "no consent": Row(("There is no such consent.",), consent=None),
    "everything at once": Row(
        ("Commercial use", "The owner asks more", "The policy has ended.", COUNTRY, "More privacy loss", DUTY,
         "The card does not declare the column shoe."),
        policy={"price": 6, "free_commons": False, "until": NOW, "countries": ("KE",), "epsilon": "1",
                "duties": (licences.Duty.REPORT_BACK,)},
        spec={"commercial": True},
        columns=("age", "shoe"),
    ),
    "a column that the card does not declare": Row(
        ("The card does not declare the column shoe.",), columns=("age", "shoe")
    ),
    "many columns that the card does not declare": Row(
        ("The card does not declare 10 columns: c0, c1, c2, c3, c4, c5, c6, c7 and 2 more.",),
        columns=("age", *(f"c{each}" for each in range(10))),
    ),
    "a key": Row(("The card does not offer the column patient",), columns=("age", "patient")),
    "what is only described": Row(("The card does not offer the column remark",), columns=("remark",)),
    "a key under another name": Row(
        ("The card does not offer the column age",), mapped={"age": "patient"},
    ),
    "a column that the owner maps onto a declared one": Row(columns=("years",), mapped={"years": "age"}),
    "a column that is mapped onto an undeclared one": Row(
        ("The card does not declare the column years.",), columns=("years",), mapped={"years": "shoe"}
    ),
    "grouped by a key": Row(group="patient"),
    "grouped by a column that is not declared": Row(("The card does not declare the column farm.",), group="farm"),
    "a card that declares only a schema": Row(
        ("The card does not declare the column shoe.",),
        card=dataclasses.replace(CARD, fields=()),
        columns=("age", "shoe"),
    ),
    "a card that declares nothing": Row(card=BARE, columns=("shoe",)),
}  # fmt: skip


def papers(row: Row) -> agents.RunDocuments:
    """Return a run's documents."""
    columns = tuple(schema.numeric(name, 0, 120) for name in row.columns)
    plan = schema.Schema(columns, schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes")))
    made = recipe.Recipe("glm", plan, glm.Glm(schema.Task.BINOMIAL))
    terms = dataclasses.replace(documents.RunTerms("DUO:0000007", (), 60, 10, "no DP"), **row.terms)
    return agents.RunDocuments(made, documents.Plan("t", recipe.to_plan(made), "sums", 30, 0, row.group), terms)


def asked(row: Row) -> permission.Asked:
    """Return what is asked."""
    spec = run.RunSpec(
        bytes(32), ids.Digest(bytes(32)), ids.Digest(bytes(32)), encoding.purpose_code("DUO:0000007"), SOLVER,
        3, 3, 48, 1, 0, 1, 3, END, 60, 600, 100_000, 100_000, 0, run.COIN, commercial=False, price=0, salt=bytes(32),
    )  # fmt: skip
    spec = dataclasses.replace(spec, **row.spec)
    mapped = lambda names: [row.mapped.get(name, name) for name in names]  # noqa: E731  a mapping of the owner's
    return permission.Asked(spec, papers(row), PART, row.consent, row.now, mapped)


def seen(row: Row, store: memory.MemoryStore, policy: bytes | None = None) -> views.LedgerView:
    """Return a ledger with one dataset and the solver; their documents lie in ``store``."""
    if policy is None:
        policy = store.put(dataclasses.replace(POLICY, **row.policy).encode())
    profile = b"\x05" * 32 if row.profile is None else store.put(row.profile.encode())
    nothing = events.Rules(0, 0, commercial=False)
    version = registry.VersionView(1, store.put(row.card.encode()), policy, nothing, free_commons=True, price=0, at=AT)
    nobody = ids.Address(bytes(20))
    member = registry.MemberView(SOLVER, nobody, 1, nobody, bytes(32), bytes(32), profile, AT)
    dataset = registry.DatasetView(3, ids.MemberId(2), (version,))
    return views.LedgerView(time=NOW, members={SOLVER: member}, datasets={3: dataset})


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_every_term_counts(row: Row) -> None:
    """Each term of policy and card that is not kept is said, all of them at once, and nothing else is."""
    store = memory.MemoryStore()
    found = permission.objections(seen(row, store), permission.Shelves(store, memory.MemoryStore()), asked(row))
    assert len(found) == len(row.says), found
    assert all(said.startswith(begun) for said, begun in zip(found, row.says, strict=True)), found


OTHERS = dataclasses.replace(POLICY, assigner=ids.MemberId(99), minimum_cohort=1)
SHOWN: dict[str, tuple[dict[str, Any], str]] = {
    "no policy any more": ({"policy": policies.CONSENTS_ALONE}, "another use policy"),
    "a looser policy": ({"policy": ids.digest(dataclasses.replace(POLICY, minimum_cohort=1).encode())}, "use policy"),
    "somebody else's policy": ({"policy": ids.digest(OTHERS.encode())}, "another use policy"),
    "a card that declares nothing": ({"card": ids.digest(BARE.encode())}, "another card"),
}
"""What a lying ledger shows instead, and what is said then."""


@pytest.mark.parametrize(("shown", "says"), SHOWN.values(), ids=SHOWN.keys())
def test_a_ledger_that_shows_other_terms_than_were_published_is_refused(shown: dict[str, Any], says: str) -> None:
    """What a home published a version with is what counts: a ledger can neither drop, swap nor loosen it."""
    store, row = memory.MemoryStore(), Row(policy={"prohibited": ("DUO:0000007",)})
    honest = seen(row, store)
    for each in (OTHERS, dataclasses.replace(POLICY, minimum_cohort=1), BARE):
        store.put(each.encode())
    dataset = honest.datasets[3]
    own = agents.Published(dataset.newest.card, dataset.newest.policy)
    made, shelves = dataclasses.replace(asked(row), own=own), permission.Shelves(store, memory.MemoryStore())
    with pytest.raises(errors.UseDenied, match="forbids the purpose"):
        permission.check(honest, shelves, made)
    lie = dataclasses.replace(dataset, versions=(dataclasses.replace(dataset.newest, **shown),))
    with pytest.raises(errors.LedgerMismatch, match=says):
        permission.check(dataclasses.replace(honest, datasets={3: lie}), shelves, made)


def test_a_policy_that_appears_where_none_was_published_is_refused() -> None:
    """A home that published no policy does not take one from the ledger, however strict; nor another member's as its own."""
    store, row = memory.MemoryStore(), Row()
    shelves, view = permission.Shelves(store, memory.MemoryStore()), seen(row, store)
    own = agents.Published(None, policies.CONSENTS_ALONE)
    with pytest.raises(errors.LedgerMismatch, match="another use policy"):
        permission.check(view, shelves, dataclasses.replace(asked(row), own=own))
    with pytest.raises(errors.LedgerMismatch, match="another owner"):
        permission.check(seen(row, store, store.put(OTHERS.encode())), shelves, asked(row))


def test_without_a_policy_consents_alone_decide() -> None:
    """Nothing of a policy is asked where none was published; what the card does not declare is refused all the same."""
    store = memory.MemoryStore()
    shelves = permission.Shelves(store, memory.MemoryStore())
    row = Row(consent=None, spec={"commercial": True})
    assert permission.objections(seen(row, store, policies.CONSENTS_ALONE), shelves, asked(row)) == ()
    row = Row(columns=("shoe",))
    assert len(permission.objections(seen(row, store, policies.CONSENTS_ALONE), shelves, asked(row))) == 1


def for_purpose(row: Row, code: str) -> permission.Asked:
    """Return what is asked by a run for another purpose, that does not call itself commercial."""
    made = asked(row)
    terms = dataclasses.replace(made.papers.terms, purpose=code)
    spec = dataclasses.replace(made.spec, purpose=encoding.purpose_code(code))
    return dataclasses.replace(made, papers=dataclasses.replace(made.papers, terms=terms), spec=spec)


def test_a_commercial_purpose_is_commercial_use_whatever_the_run_says() -> None:
    """People's consents and consents without a policy that are not for commercial use cover no commercial purpose."""
    store, row = memory.MemoryStore(), Row()
    shelves = permission.Shelves(store, memory.MemoryStore())
    sale, research = for_purpose(row, "dpv:SellDataToThirdParties"), for_purpose(row, "DUO:0000007")
    anything = coverage.Terms(frozenset({"DUO:0000004"}), False, None, None, frozenset())
    for made, why in ((sale, coverage.Refusal.COMMERCIAL), (research, None)):
        use = agents.use_of(RUN_ID, made.spec, made.papers)
        assert coverage.refusal_of_terms(anything, use) is why
        assert coverage.refusal_of_terms(dataclasses.replace(anything, commercial=True), use) is None
        said = permission.objections(seen(row, store, policies.CONSENTS_ALONE), shelves, made)
        assert said == (() if why is None else ("Commercial use is not permitted.",))


def test_what_the_members_ban_stops_every_dataset() -> None:
    """A ban by vote is an objection from then on, with a policy and without; lifted again it is none."""
    store, row = memory.MemoryStore(), Row()
    shelves, bit = permission.Shelves(store, memory.MemoryStore()), 1 << vocabulary.bit("DUO:0000007")
    for policy in (None, policies.CONSENTS_ALONE):
        view = seen(row, store, policy)
        assert permission.objections(view, shelves, asked(row)) == ()
        for banned, said in ((bit, (rules.Denial.PURPOSE_BANNED.reason,)), (bit << 1, ()), (0, ())):
            bans = model_events.BannedSet(AT, banned)
            assert permission.objections(dataclasses.replace(view, bans=bans), shelves, asked(row)) == said


def test_what_is_banned_at_first_can_be_lifted_by_vote() -> None:
    """Where nobody voted the vocabulary's bans hold; a vote that bans nothing lifts them here as on the ledger."""
    store, row = memory.MemoryStore(), Row()
    shelves, made = permission.Shelves(store, memory.MemoryStore()), for_purpose(row, "aic:MilitaryUse")
    view = seen(row, store, policies.CONSENTS_ALONE)
    assert permission.objections(view, shelves, made) == (rules.Denial.PURPOSE_BANNED.reason,)
    lifted = dataclasses.replace(view, bans=model_events.BannedSet(AT, 0))
    assert permission.objections(lifted, shelves, made) == ()


def test_the_homes_own_copy_serves_where_the_store_lost_it() -> None:
    """What was read once is kept here; with neither, nothing is permitted."""
    store, own, row = memory.MemoryStore(), memory.MemoryStore(), Row(policy={"until": NOW})
    view = seen(row, store)
    assert permission.objections(view, permission.Shelves(store, own), asked(row)) == ("The policy has ended.",)
    lost = permission.Shelves(memory.MemoryStore(), own)
    assert permission.objections(view, lost, asked(row)) == ("The policy has ended.",)
    nowhere = permission.Shelves(memory.MemoryStore(), memory.MemoryStore())
    with pytest.raises(errors.UseDenied, match="cannot be read"):
        permission.check(view, nowhere, asked(row))


def test_another_document_in_a_policys_place_permits_nothing() -> None:
    """A digest on the ledger that names something else than a policy is no permission."""
    store, row = memory.MemoryStore(), Row()
    view = seen(row, store, store.put(CARD.encode()))
    with pytest.raises(errors.UseDenied, match="use policy cannot be read"):
        permission.check(view, permission.Shelves(store, memory.MemoryStore()), asked(row))


def test_the_version_that_was_enrolled_counts() -> None:
    """A stricter version that came later changes nothing for a run that named the first; an unknown one is refused."""
    store, row = memory.MemoryStore(), Row()
    view = seen(row, store)
    (first,) = view.datasets[3].versions
    strict = store.put(dataclasses.replace(POLICY, until=NOW).encode())
    both = dataclasses.replace(view.datasets[3], versions=(first, dataclasses.replace(first, version=2, policy=strict)))
    view = dataclasses.replace(view, datasets={3: both})
    shelves = permission.Shelves(store, memory.MemoryStore())
    said = [
        permission.objections(view, shelves, dataclasses.replace(asked(row), part=agents.Part(3, version)))
        for version in (1, 2, 3)
    ]
    assert said == [(), ("The policy has ended.",), ("The ledger does not show this version of the dataset.",)]


def test_a_seat_does_not_stand_against_itself() -> None:
    """The one use that a consent allows may be this very run; another run's use counts."""
    terms = events.ConsentTerms(3, 1, ids.MemberId(0), bytes(32), False, END, 1, bytes(32))
    other = ids.RunId(b"\x02" * 32)
    for user, uses in ((RUN_ID, 0), (other, 1)):
        used = events.ConsentUsed(AT, b"\x09" * 32, user, 3, 1, 0)
        given = registry.ConsentView(b"\x09" * 32, 3, ids.MemberId(2), terms, AT, uses=(used,))
        found = permission.consent_of(views.LedgerView(consents={b"\x09" * 32: given}), b"\x09" * 32, RUN_ID)
        assert found is not None
        assert found.uses == uses
    assert permission.consent_of(views.LedgerView(), b"\x09" * 32, RUN_ID) is None


def test_what_is_refused_names_all_reasons() -> None:
    """The error holds each reason and the dataset's version, in words that a person can act on."""
    store, row = memory.MemoryStore(), ROWS["everything at once"]
    with pytest.raises(errors.UseDenied) as caught:
        permission.check(seen(row, store), permission.Shelves(store, memory.MemoryStore()), asked(row))
    assert len(caught.value.reasons) == len(row.says)
    assert str(caught.value).startswith("dataset 3, version 1: the dataset may not be used in this run: Commercial use")
    assert "commons policy show 3" in str(caught.value.next_step)
