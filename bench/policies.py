"""How many decisions on use policies a node makes per second, over the shared cases and over random policies.

Prints one table, or with ``--json`` one object per row. A decision of a node collects every reason against a request; one of
the ledger's part stops at the first. Reading a policy from its canonical bytes is beside them: whoever meets a policy pays that
once.

    python bench/policies.py [--json] [--repeats 5]
"""

import argparse
import dataclasses
import json
import pathlib
import random
import statistics
import time
from collections.abc import Callable

import report
from aicommons.domain import encoding, ids, licences, policies, vocabulary
from aicommons.protocol import rules

CASES = pathlib.Path(__file__).parents[1] / "vectors" / "policy" / "cases.json"
TARGET = 5_000
COUNT = 2_000
CODES = [each.code for each in vocabulary.PURPOSES]
OPEN = [each.identifier for each in licences.known().values() if each.adaptation and not each.named_only]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One policy with a consent and a request for it."""

    policy: policies.UsePolicy
    consent: rules.Consent
    request: rules.Request
    listing: rules.Listing
    use: rules.Use


def drawn(rng: random.Random) -> Asked:
    """Return a random policy with a random consent and request."""
    policy = policies.UsePolicy(
        title="random", assigner=ids.MemberId(1), permitted=tuple(rng.sample(CODES, 3)),
        prohibited=tuple(rng.sample(CODES, 2)), commercial=rng.random() < 0.5, countries=("KE",) * (rng.random() < 0.5),
        licence=rng.choice(OPEN), minimum_cohort=10, minimum_cell=1, small_cells=policies.SmallCells.ALLOW, epsilon="3",
        privacy_unit=policies.PrivacyUnit.RECORD, price=rng.randrange(3), free_commons=False, duties=(), until=None,
        person_column=None,
    )  # fmt: skip
    consent = rules.Consent(1, vocabulary.bits(rng.sample(CODES, 3)), None, None, rng.random() < 0.5, 10, 3)
    request = rules.Request(
        rng.choice(CODES), rng.random() < 0.5, "KE", ids.MemberId(2), bytes(32), rng.choice(OPEN), "2", 100, 2,
        frozenset(policies.Duty), rng.randrange(12),
    )  # fmt: skip
    return asked(policy, consent, request)


def asked(policy: policies.UsePolicy, consent: rules.Consent, request: rules.Request) -> Asked:
    """Return a request with what the ledger is asked for it."""
    purpose = encoding.purpose_code(request.purpose)
    use = rules.Use(1, purpose, request.problem or bytes(32), request.solver, request.commercial, request.price)
    return Asked(policy, consent, request, rules.Listing(rules.rules_of(policy), True, True, False, policy.price), use)


def of_table() -> list[Asked]:
    """Return the shared cases that have a consent."""
    table = json.loads(CASES.read_bytes())["cases"]
    made = []
    for case in (each for each in table if each["consent"]["exists"]):
        said, ask = case["consent"], case["ask"]
        consent = rules.Consent(
            1, int(said["purposes"], 16), ids.MemberId(said["grantee"]) if said["grantee"] else None, None,
            said["commercial"], said["expiry"], said["maxUses"], said["uses"], said["revoked"],
        )  # fmt: skip
        request = rules.Request(
            ask["purpose"], ask["commercial"], ask["country"], ids.MemberId(ask["solver"]), bytes(32), ask["licence"],
            ask["epsilon"], ask["cohort"], ask["price"], frozenset(map(policies.Duty, ask["duties"])), case["now"],
        )  # fmt: skip
        made.append(asked(policies.UsePolicy.decode(encoding.canonical_json(case["policy"])), consent, request))
    return made


def per_second(act: Callable[[Asked], object], over: list[Asked], repeats: int) -> int:
    """Return how often ``act`` is done per second, the median over ``repeats``."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        for each in over:
            act(each)
        seconds.append(time.perf_counter() - start)
    return int(len(over) / statistics.median(seconds))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    said = parser.parse_args()
    rng = random.Random(1)
    sets = {"shared cases": of_table() * 20, "random policies": [drawn(rng) for _ in range(COUNT)]}
    acts: dict[str, tuple[Callable[[Asked], object], int | None]] = {
        "decision of a node": (lambda each: rules.decide(each.policy, each.consent, each.request), TARGET),
        "decision of the ledger's part": (
            lambda each: rules.ledger_denial(each.consent, each.listing, each.use, each.request.now), TARGET,
        ),
        "reading a policy": (lambda each: policies.UsePolicy.decode(each.policy.encode()), None),
    }  # fmt: skip
    rows = [
        {
            "what": what,
            "over": name,
            "count": len(over),
            "per_second": per_second(act, over, said.repeats),
            "target": target,
        }
        for what, (act, target) in acts.items()
        for name, over in sets.items()
        if what != "reading a policy" or name == "shared cases"
    ]
    columns: report.Columns = {
        "what": lambda row: row["what"],
        "over": lambda row: row["over"],
        "n": lambda row: row["count"],
        "per second": lambda row: row["per_second"],
        "target": lambda row: row["target"],
        "met": lambda row: None if row["target"] is None else row["per_second"] >= row["target"],
    }
    report.show("Decisions on use policies", rows, columns, as_json=said.json)


if __name__ == "__main__":
    main()
