"""What stands in the contracts and in Python as well is the same number: it is read out of the Solidity source here."""

import pathlib
import re

import pytest

from aicommons.domain import messages, model_events, money_events, run
from aicommons.ledger.memory import awards, run_records
from aicommons.protocol import inbox, transitions

SOURCES = pathlib.Path(__file__).parents[2] / "contracts" / "src"
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}

TWINS: dict[str, tuple[str, str, int]] = {
    "a review or a time to challenge": ("Problems.sol", "LONGEST_RULE", money_events.LONGEST_RULE),
    "audits of a model": ("ModelRegistry.sol", "MOST_AUDITS", model_events.MOST_AUDITS),
    "shares of a run": ("Enrolment.sol", "ALL_SHARES", run.ALL_SHARES),
    "shares of a model": ("ModelRegistry.sol", "ALL_SHARES", run.ALL_SHARES),
    "seats of a run": ("libraries/RunLib.sol", "MAX_SEATS", run.MOST_PARTICIPANTS),
    "the wait of a recovery": ("Membership.sol", "RECOVERY_DELAY", inbox.RECOVERY_SECONDS),
    "an exit before round 0": ("base/RunStorage.sol", "ANY_ROUND", messages.ANY_ROUND),
    "how far off an enrolment ends": ("Enrolment.sol", "MOST_ENROLMENT", run_records.MOST_ENROLMENT),
    "the members' time to decide": ("Problems.sol", "RESOLVE_SECONDS", awards.RESOLVE_SECONDS),
    "the latest day of an award": ("Problems.sol", "LATEST_DUE", awards.LATEST_DUE),
    "awards at once": ("Problems.sol", "MOST_MILESTONES", awards.MOST_MILESTONES),
    "how long keys serve": ("libraries/RunLib.sol", "EPOCH_SECONDS", transitions.EPOCH_SECONDS),
    "the wait for a bond": ("Enrolment.sol", "BOND_SECONDS", run.BOND_SECONDS),
    "datasets of a seat": ("Enrolment.sol", "MOST_EXTRAS", run_records.MOST_EXTRAS),
    "datasets that may be named": ("Enrolment.sol", "MOST_EXTRAS", run.MOST_DATASETS - 1),
    "attempts of a round": ("Enrolment.sol", "MOST_ATTEMPTS", run_records.MOST_ATTEMPTS),
}
"""File below ``contracts/src``, name there, value here."""


def constant(file: str, name: str) -> int:
    """Return the value of a constant of a contract."""
    (said,) = re.findall(rf"constant {name} = ([^;]+);", (SOURCES / file).read_text())
    first, *others = said.split(" - ")
    return value(file, first) - sum(value(file, each) for each in others)


def value(file: str, said: str) -> int:
    """Return what a literal, a type's maximum, another constant, or a product with one more than a constant says."""
    if product := re.fullmatch(r"(\S+) \* \(([A-Z_]+) \+ 1\)", said):
        return value(file, product[1]) * (constant(file, product[2]) + 1)
    if most := re.fullmatch(r"type\(uint(\d+)\)\.max", said):
        return 2 ** int(most[1]) - 1
    if other := re.fullmatch(r"(\w+)\.([A-Z_]+)", said):
        return constant(f"libraries/{other[1]}.sol", other[2])
    number, *unit = said.split()
    return int(number.replace("_", "")) * (UNITS[unit[0]] if unit else 1)


@pytest.mark.parametrize("name", TWINS)
def test_a_constant_is_the_contracts(name: str) -> None:
    """A number that a contract holds people to is the one that Python tells them beforehand."""
    file, constant_name, here = TWINS[name]
    assert here == constant(file, constant_name)
