"""Write or check ``vectors/policy/cases.json``: who may use which data, case by case, for the evaluator and the contract.

A row says what differs from one ordinary case, why the ledger denies it (the first reason) and why a node denies it (all
reasons). The expectations stand here as written by hand; nothing of them is computed. Run
``python tests/protocol/generate_policy_cases.py`` after a deliberate change, and with ``--check`` to compare only.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

from aicommons.domain import policies, vocabulary
from aicommons.protocol import rules

FILE = pathlib.Path(__file__).parents[2] / "vectors" / "policy" / "cases.json"
Json = dict[str, object]

NOW = 1_800_000_000
PROBLEM, OTHER = "0x" + "0b" * 32, "0x" + "0c" * 32
ANY = "0x" + "00" * 32
HEALTH, DISEASE, ANCESTRY = "DUO:0000006", "DUO:0000007", "DUO:0000011"
RESEARCH, ACADEMIC, SCIENCE = "DUO:0000042", "dpv:AcademicResearch", "dpv:ScientificResearch"
INDUSTRY, FARMING = "dpv:CommercialResearch", "aic:FoodAndFarming"

POLICY: Json = {
    "type": "use-policy", "version": 1, "title": "Referrals for research", "assigner": 1, "permitted": [SCIENCE],
    "prohibited": [], "commercial": False, "countries": [], "licence": "CC-BY-4.0", "minimum_cohort": 10,
    "minimum_cell": 1, "small_cells": "allow", "epsilon": None, "privacy_unit": "record", "price": 0,
    "free_commons": False, "duties": [], "until": None, "person_column": None, "assignee": None,
}  # fmt: skip
CONSENT: Json = {
    "exists": True, "dataset": 1, "purposes": [HEALTH], "grantee": 0, "problem": ANY, "commercial": False,
    "expiry": NOW + 1000, "maxUses": 3, "uses": 0, "revoked": False,
}  # fmt: skip
DATASET: Json = {"listed": True, "ownerActive": True}
ASK: Json = {
    "dataset": 1, "purpose": DISEASE, "problem": PROBLEM, "solver": 2, "commercial": False, "price": 0,
    "country": "KE", "licence": "CC-BY-4.0", "epsilon": None, "cohort": 100, "duties": ["attribution"],
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Row:
    """One case: what differs from the ordinary one, and what comes out."""

    name: str
    ledger: str = "NONE"
    node: str = ""
    policy: Json = dataclasses.field(default_factory=dict)
    consent: Json = dataclasses.field(default_factory=dict)
    dataset: Json = dataclasses.field(default_factory=dict)
    ask: Json = dataclasses.field(default_factory=dict)


COMMERCIAL: Json = {"commercial": True}
GONE: Json = {"exists": False}
BEFORE: Json = {"expiry": NOW + 1}
AT: Json = {"expiry": NOW}
SPENT: Json = {"uses": 3}

ROWS = (
    # ------------------------------------------------------------------------------------------ allowed, and nothing else
    Row("ordinary"),
    Row("purpose_itself", ask={"purpose": HEALTH}),
    Row("purpose_of_another_vocabulary", policy={"permitted": [RESEARCH]}, ask={"purpose": DISEASE}),
    Row("everything_permitted", policy={"permitted": ["DUO:0000004"]}, consent={"purposes": ["DUO:0000004"]}),
    Row("second_of_two_purposes", policy={"permitted": [FARMING, SCIENCE]}),
    Row("last_second_of_consent", consent=BEFORE),
    Row("last_use_of_consent", consent={"uses": 2}),
    Row("single_use_unused", consent={"maxUses": 1}),
    Row("only_this_problem", consent={"problem": PROBLEM}),
    Row("only_this_solver", consent={"grantee": 2}),
    Row("price_equal", policy={"price": 500}, ask={"price": 500}),
    Row("price_below", policy={"price": 500}, ask={"price": 501}),
    Row("free_commons_for_nothing", policy={"free_commons": True}),
    Row("commercial_by_all", policy=COMMERCIAL, consent=COMMERCIAL, ask=COMMERCIAL),
    Row("not_commercial_where_it_may_be", policy=COMMERCIAL, consent=COMMERCIAL),
    Row("prohibited_child_leaves_its_sibling", policy={"permitted": [RESEARCH], "prohibited": [ANCESTRY]}),
    Row("prohibited_child_leaves_its_parent", policy={"permitted": [RESEARCH], "prohibited": [ANCESTRY]},
        consent={"purposes": [RESEARCH]}, ask={"purpose": RESEARCH}),
    Row("commercial_purpose_by_all", policy=COMMERCIAL | {"permitted": ["dpv:ResearchAndDevelopment"]},
        consent=COMMERCIAL | {"purposes": [INDUSTRY]}, ask=COMMERCIAL | {"purpose": INDUSTRY}),
    Row("own_purpose_of_a_co_op", policy={"permitted": ["dpv:PublicBenefit"]}, consent={"purposes": [FARMING]},
        ask={"purpose": FARMING}),
    # --------------------------------------------------------------------------------------------------- unknown consent
    Row("no_consent", "UNKNOWN_CONSENT", "UNKNOWN_CONSENT", consent=GONE),
    Row("no_consent_for_free_commons", "UNKNOWN_CONSENT", "UNKNOWN_CONSENT", policy={"free_commons": True}, consent=GONE),
    Row("no_consent_and_banned", "UNKNOWN_CONSENT", "UNKNOWN_CONSENT PURPOSE_BANNED PURPOSE_NOT_PERMITTED",
        consent=GONE, ask={"purpose": "aic:MilitaryUse"}),
    # ----------------------------------------------------------------------------------------------------------- revoked
    Row("revoked", "REVOKED", "REVOKED", consent={"revoked": True}),
    Row("revoked_and_expired", "REVOKED", "REVOKED EXPIRED", consent=AT | {"revoked": True}),
    Row("revoked_after_uses", "REVOKED", "REVOKED", consent={"revoked": True, "uses": 2}),
    # ----------------------------------------------------------------------------------------------------------- expired
    Row("expired_at_the_second", "EXPIRED", "EXPIRED", consent=AT),
    Row("expired_long_ago", "EXPIRED", "EXPIRED", consent={"expiry": NOW - 1000}),
    Row("expired_and_suspended", "EXPIRED", "EXPIRED", consent=AT, dataset={"listed": False}),
    # ------------------------------------------------------------------------------------------------------- not listed
    Row("suspended", "DATASET_NOT_LISTED", "", dataset={"listed": False}),
    Row("suspended_last_second", "DATASET_NOT_LISTED", "", consent=BEFORE, dataset={"listed": False}),
    Row("suspended_and_owner_gone", "DATASET_NOT_LISTED", "", dataset={"listed": False, "ownerActive": False}),
    # -------------------------------------------------------------------------------------------------- owner not active
    Row("owner_suspended", "OWNER_NOT_ACTIVE", "", dataset={"ownerActive": False}),
    Row("owner_suspended_other_dataset", "OWNER_NOT_ACTIVE", "", dataset={"ownerActive": False}, ask={"dataset": 2}),
    Row("owner_suspended_and_spent", "OWNER_NOT_ACTIVE", "USES_SPENT", consent=SPENT, dataset={"ownerActive": False}),
    # ----------------------------------------------------------------------------------------------------- other dataset
    Row("other_dataset", "OTHER_DATASET", "", ask={"dataset": 2}),
    Row("dataset_zero", "OTHER_DATASET", "", ask={"dataset": 0}),
    Row("other_dataset_unknown_purpose", "OTHER_DATASET", "PURPOSE_UNKNOWN", ask={"dataset": 2, "purpose": "DUO:1"}),
    # --------------------------------------------------------------------------------------------------- purpose unknown
    Row("unknown_purpose", "PURPOSE_UNKNOWN", "PURPOSE_UNKNOWN", ask={"purpose": "DUO:9999999"}),
    Row("purpose_in_small_letters", "PURPOSE_UNKNOWN", "PURPOSE_UNKNOWN", ask={"purpose": "duo:0000007"}),
    Row("empty_purpose", "PURPOSE_UNKNOWN", "PURPOSE_UNKNOWN", ask={"purpose": ""}),
    Row("modifier_is_no_purpose", "PURPOSE_UNKNOWN", "PURPOSE_UNKNOWN", ask={"purpose": "DUO:0000046"}),
    # ---------------------------------------------------------------------------------------------------- purpose banned
    Row("banned_where_everything_is_permitted", "PURPOSE_BANNED",
        "PURPOSE_BANNED PURPOSE_NOT_PERMITTED PURPOSE_NOT_CONSENTED",
        policy={"permitted": ["DUO:0000004"]}, consent={"purposes": ["DUO:0000004"]}, ask={"purpose": "aic:MilitaryUse"}),
    Row("banned_although_consented", "PURPOSE_BANNED", "PURPOSE_BANNED PURPOSE_NOT_PERMITTED",
        consent={"purposes": ["aic:SocialScoring"]}, ask={"purpose": "aic:SocialScoring"}),
    Row("banned_and_prohibited", "PURPOSE_BANNED",
        "PURPOSE_BANNED PURPOSE_PROHIBITED PURPOSE_NOT_PERMITTED PURPOSE_NOT_CONSENTED",
        policy={"prohibited": ["aic:BiometricPolicing"]}, ask={"purpose": "aic:BiometricPolicing"}),
    # ------------------------------------------------------------------------------------------------ purpose prohibited
    Row("prohibited_child_of_permitted_parent", "PURPOSE_PROHIBITED", "PURPOSE_PROHIBITED",
        policy={"permitted": [RESEARCH], "prohibited": [ANCESTRY]}, consent={"purposes": [RESEARCH]},
        ask={"purpose": ANCESTRY}),
    Row("below_a_prohibited_child", "PURPOSE_PROHIBITED", "PURPOSE_PROHIBITED",
        policy={"permitted": [SCIENCE], "prohibited": [HEALTH]}),
    Row("prohibited_and_not_permitted", "PURPOSE_PROHIBITED", "PURPOSE_PROHIBITED PURPOSE_NOT_PERMITTED",
        policy={"permitted": [FARMING], "prohibited": [SCIENCE]}),
    Row("commercial_purpose_of_a_policy_without", "PURPOSE_PROHIBITED", "PURPOSE_PROHIBITED COMMERCIAL_NOT_PERMITTED",
        policy={"permitted": ["dpv:ResearchAndDevelopment"]}, consent=COMMERCIAL | {"purposes": [INDUSTRY]},
        ask={"purpose": INDUSTRY}),
    # --------------------------------------------------------------------------------------------- purpose not permitted
    Row("sibling_not_permitted", "PURPOSE_NOT_PERMITTED", "PURPOSE_NOT_PERMITTED",
        consent={"purposes": [RESEARCH]}, ask={"purpose": ANCESTRY}),
    Row("parent_not_permitted", "PURPOSE_NOT_PERMITTED", "PURPOSE_NOT_PERMITTED PURPOSE_NOT_CONSENTED",
        ask={"purpose": RESEARCH}),
    Row("other_tree_not_permitted", "PURPOSE_NOT_PERMITTED", "PURPOSE_NOT_PERMITTED",
        consent={"purposes": [FARMING]}, ask={"purpose": FARMING}),
    Row("commercial_research_is_not_general_research", "PURPOSE_NOT_PERMITTED", "PURPOSE_NOT_PERMITTED",
        policy=COMMERCIAL | {"permitted": [RESEARCH]}, consent=COMMERCIAL | {"purposes": [INDUSTRY]},
        ask={"purpose": INDUSTRY}),
    # --------------------------------------------------------------------------------------------- purpose not consented
    Row("consent_for_a_child_only", "PURPOSE_NOT_CONSENTED", "PURPOSE_NOT_CONSENTED",
        consent={"purposes": [DISEASE]}, ask={"purpose": HEALTH}),
    Row("consent_for_a_sibling", "PURPOSE_NOT_CONSENTED", "PURPOSE_NOT_CONSENTED",
        policy={"permitted": [RESEARCH]}, ask={"purpose": ACADEMIC}),
    Row("consent_for_another_tree", "PURPOSE_NOT_CONSENTED", "PURPOSE_NOT_CONSENTED", consent={"purposes": [FARMING]}),
    # ----------------------------------------------------------------------------------------------------- other problem
    Row("other_problem", "OTHER_PROBLEM", "OTHER_PROBLEM", consent={"problem": OTHER}),
    Row("other_problem_and_solver", "OTHER_PROBLEM", "OTHER_PROBLEM OTHER_GRANTEE",
        consent={"problem": OTHER, "grantee": 3}),
    Row("other_problem_right_solver", "OTHER_PROBLEM", "OTHER_PROBLEM", consent={"problem": OTHER, "grantee": 2}),
    # ----------------------------------------------------------------------------------------------------- other grantee
    Row("other_solver", "OTHER_GRANTEE", "OTHER_GRANTEE", consent={"grantee": 3}),
    Row("other_solver_right_problem", "OTHER_GRANTEE", "OTHER_GRANTEE", consent={"grantee": 3, "problem": PROBLEM}),
    Row("other_solver_spent", "OTHER_GRANTEE", "OTHER_GRANTEE USES_SPENT", consent=SPENT | {"grantee": 3}),
    # ----------------------------------------------------------------------------------------------------- not commercial
    Row("commercial_by_nobody", "COMMERCIAL_NOT_PERMITTED", "COMMERCIAL_NOT_PERMITTED", ask=COMMERCIAL),
    Row("commercial_by_policy_alone", "COMMERCIAL_NOT_PERMITTED", "COMMERCIAL_NOT_PERMITTED", policy=COMMERCIAL,
        ask=COMMERCIAL),
    Row("commercial_by_consent_alone", "COMMERCIAL_NOT_PERMITTED", "COMMERCIAL_NOT_PERMITTED", consent=COMMERCIAL,
        ask=COMMERCIAL),
    Row("commercial_under_a_non_commercial_licence", "COMMERCIAL_NOT_PERMITTED", "COMMERCIAL_NOT_PERMITTED",
        policy={"licence": "CC-BY-NC-4.0"}, consent=COMMERCIAL, ask=COMMERCIAL | {"licence": "CC-BY-NC-4.0"}),
    Row("commercial_purpose_not_called_so", "NONE", "COMMERCIAL_NOT_PERMITTED",
        policy=COMMERCIAL | {"permitted": ["dpv:ResearchAndDevelopment"]}, consent={"purposes": [INDUSTRY]},
        ask={"purpose": INDUSTRY}),
    # -------------------------------------------------------------------------------------------------------- uses spent
    Row("uses_spent", "USES_SPENT", "USES_SPENT", consent=SPENT),
    Row("single_use_spent", "USES_SPENT", "USES_SPENT", consent={"uses": 1, "maxUses": 1}),
    Row("uses_spent_and_price", "USES_SPENT", "USES_SPENT PRICE_TOO_HIGH", policy={"price": 1}, consent=SPENT),
    Row("uses_spent_free_commons", "USES_SPENT", "USES_SPENT", policy={"free_commons": True}, consent=SPENT),
    # ------------------------------------------------------------------------------------------------------------- price
    Row("price_one_above", "PRICE_TOO_HIGH", "PRICE_TOO_HIGH", policy={"price": 501}, ask={"price": 500}),
    Row("price_and_nothing_offered", "PRICE_TOO_HIGH", "PRICE_TOO_HIGH", policy={"price": 1}),
    Row("price_largest", "PRICE_TOO_HIGH", "PRICE_TOO_HIGH", policy={"price": 2**53 - 1}, ask={"price": 2**53 - 2}),
    # ------------------------------------------------------------------------------------------------- the node's own part
    Row("policy_last_second", policy={"until": NOW + 1}),
    Row("policy_ended_at_the_second", "NONE", "POLICY_ENDED", policy={"until": NOW}),
    Row("policy_ended_long_ago", "NONE", "POLICY_ENDED", policy={"until": 1}),
    Row("policy_ended_with_the_consent", "EXPIRED", "EXPIRED POLICY_ENDED", policy={"until": NOW}, consent=AT),
    Row("assignee_is_the_solver", policy={"assignee": 2}),
    Row("other_assignee", "NONE", "OTHER_ASSIGNEE", policy={"assignee": 3}),
    Row("other_assignee_although_consented", "NONE", "OTHER_ASSIGNEE", policy={"assignee": 3}, consent={"grantee": 2}),
    Row("other_assignee_and_grantee", "OTHER_GRANTEE", "OTHER_GRANTEE OTHER_ASSIGNEE", policy={"assignee": 3},
        consent={"grantee": 3}),
    Row("country_of_two", policy={"countries": ["TZ", "KE"]}),
    Row("other_country", "NONE", "COUNTRY_NOT_PERMITTED", policy={"countries": ["TZ"]}),
    Row("country_not_said", "NONE", "COUNTRY_NOT_PERMITTED", policy={"countries": ["KE"]}, ask={"country": None}),
    Row("country_in_small_letters", "NONE", "COUNTRY_NOT_PERMITTED", policy={"countries": ["KE"]}, ask={"country": "ke"}),
    Row("share_alike_kept", policy={"licence": "CC-BY-SA-4.0"}, ask={"licence": "CC-BY-SA-4.0"}),
    Row("share_alike_not_kept", "NONE", "LICENCE_NOT_PERMITTED", policy={"licence": "CC-BY-SA-4.0"}),
    Row("share_alike_not_said", "NONE", "LICENCE_NOT_PERMITTED", policy={"licence": "CC-BY-SA-4.0"},
        ask={"licence": None}),
    Row("non_commercial_kept", policy={"licence": "CC-BY-NC-4.0"}, ask={"licence": "LicenseRef-TK-NC"}),
    Row("non_commercial_not_kept", "NONE", "LICENCE_NOT_PERMITTED", policy={"licence": "CC-BY-NC-4.0"}),
    Row("choice_of_licences_kept", policy={"licence": "ODbL-1.0 OR CC-BY-4.0"}),
    Row("choice_for_the_model_escapes", "NONE", "LICENCE_NOT_PERMITTED", policy={"licence": "CC-BY-SA-4.0"},
        ask={"licence": "CC-BY-SA-4.0 OR MIT"}),
    Row("unknown_licence_of_the_model", "NONE", "LICENCE_NOT_PERMITTED", ask={"licence": "LicenseRef-ours"}),
    Row("cohort_equal", ask={"cohort": 10}),
    Row("cohort_one_short", "NONE", "COHORT_TOO_SMALL", ask={"cohort": 9}),
    Row("empty_site", "NONE", "COHORT_TOO_SMALL", ask={"cohort": 0}),
    Row("cohort_of_one_allowed", policy={"minimum_cohort": 1}, ask={"cohort": 1}),
    Row("cohort_large_one_short", "NONE", "COHORT_TOO_SMALL", policy={"minimum_cohort": 5000}, ask={"cohort": 4999}),
    Row("epsilon_equal", policy={"epsilon": "3.0"}, ask={"epsilon": "3"}),
    Row("epsilon_above", "NONE", "EPSILON_TOO_HIGH", policy={"epsilon": "3"}, ask={"epsilon": "3.000001"}),
    Row("epsilon_not_bounded", "NONE", "EPSILON_TOO_HIGH", policy={"epsilon": "3"}),
    Row("epsilon_compared_as_a_number", "NONE", "EPSILON_TOO_HIGH", policy={"epsilon": "9"}, ask={"epsilon": "10"}),
    Row("duty_not_accepted", "NONE", "DUTY_NOT_ACCEPTED", policy={"duties": ["report_back"]}),
    Row("duty_of_the_licence", "NONE", "DUTY_NOT_ACCEPTED", ask={"duties": []}),
    Row("duties_accepted", policy={"duties": ["report_back", "benefit_sharing"]},
        ask={"duties": ["attribution", "benefit_sharing", "report_back"]}),
    Row("benefit_sharing_of_a_community_licence", "NONE", "DUTY_NOT_ACCEPTED", policy={"licence": "LicenseRef-NOODL-1.0"},
        ask={"licence": "LicenseRef-NOODL-1.0"}),
    Row("everything_wrong_at_once", "REVOKED",
        "REVOKED EXPIRED PURPOSE_PROHIBITED PURPOSE_NOT_PERMITTED PURPOSE_NOT_CONSENTED OTHER_PROBLEM OTHER_GRANTEE "
        "COMMERCIAL_NOT_PERMITTED USES_SPENT PRICE_TOO_HIGH POLICY_ENDED OTHER_ASSIGNEE COUNTRY_NOT_PERMITTED "
        "LICENCE_NOT_PERMITTED COHORT_TOO_SMALL EPSILON_TOO_HIGH DUTY_NOT_ACCEPTED",
        policy={"prohibited": [ANCESTRY], "licence": "CC-BY-NC-SA-4.0", "price": 9, "until": 5, "assignee": 7,
                "countries": ["TZ"], "epsilon": "1", "duties": ["report_back"]},
        consent=AT | SPENT | {"revoked": True, "problem": OTHER, "grantee": 3},
        dataset={"listed": False, "ownerActive": False},
        ask=COMMERCIAL | {"dataset": 2, "purpose": ANCESTRY, "cohort": 1}),
)  # fmt: skip


def case(row: Row) -> Json:
    """Return a row as JSON, with the bitmaps that the ledger sees."""
    policy = policies.UsePolicy.decode(json.dumps(POLICY | row.policy, sort_keys=True, separators=(",", ":")).encode())
    seen = rules.rules_of(policy)
    consent = CONSENT | row.consent
    return {
        "name": row.name,
        "now": NOW,
        "policy": POLICY | row.policy,
        "consent": consent | {"purposes": word(vocabulary.bits(consent["purposes"]))},  # type: ignore[arg-type]
        "dataset": DATASET | row.dataset | {
            "permitted": word(seen.permitted), "prohibited": word(seen.prohibited), "commercial": policy.commercial,
            "freeCommons": policy.free_commons, "price": policy.price,
        },
        "ask": ASK | row.ask,
        "ledger": row.ledger,
        "ledgerNumber": rules.Denial[row.ledger].value,
        "node": row.node.split(),
    }  # fmt: skip


def word(bitmap: int) -> str:
    """Return a bitmap as a ledger word."""
    return f"0x{bitmap:064x}"


def table() -> Json:
    """Return the whole table."""
    return {
        "about": "who may use which data; ledger: the first reason, node: all reasons; bits by purposes.json",
        "count": len(ROWS),
        "banned": word(vocabulary.bits(vocabulary.BANNED_PURPOSES)),
        "purposes": [each.code for each in vocabulary.PURPOSES],
        "cases": [case(row) for row in ROWS],
    }


def main() -> None:
    """Write the file, or with ``--check`` exit 1 when it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    text = json.dumps(table(), indent=1, sort_keys=True) + "\n"
    if not parser.parse_args().check:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(text)
    elif FILE.read_text() != text:
        sys.exit("vectors/policy/cases.json differs from its rows")


if __name__ == "__main__":
    main()
