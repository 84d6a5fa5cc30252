"""Where code of others runs: the one list of such functions is what sources and ABIs say, because a relayer bounds their gas by it."""

import pathlib
import re

import pytest

from aicommons.ledger import contracts

SOURCES = pathlib.Path(__file__).parents[2] / "contracts" / "src"
CALLS_OUT = re.compile(
    r"\b(safeTransfer\w*|forceApprove|callNoReturn|delegatecall|staticcall|functionCall\w*|sendValue|SignatureChecker\.\w+|_safeMint|"
    r"\.call\b|\.transfer\()"
)
"""How a contract of ours could run code that is no part of the commons."""
OUTSIDE = {"Vault": {"callNoReturn", "safeTransfer", "safeTransferFrom"}, "ConsentRegister": {"SignatureChecker"}}
"""Contract -> its ways out; whoever adds one lists the functions that lead there in ``contracts.FOREIGN_CODE``."""
PRECOMPILES = {"Blake2b": {"staticcall"}}
"""Libraries that call what is built into the chain."""
BORROWED = {"TrainingRuns": {"delegatecall"}}
"""Contract that runs another's code as its own: `Enrolment`'s, which stands under the same rules as all sources here."""


def ways_out(source: pathlib.Path) -> set[str]:
    """Return by which of its lines a source runs code of others."""
    lines = [line for line in source.read_text().splitlines() if not re.match(r"\s*(//|/?\*|import )", line)]
    return {found[1].split(".")[0] for line in lines for found in CALLS_OUT.finditer(line)}


def test_the_sources_have_no_other_way_out() -> None:
    """Only the contracts that are listed call tokens, receivers or accounts that are contracts."""
    found = {source.stem: ways for source in sorted(SOURCES.rglob("*.sol")) if (ways := ways_out(source))}
    found = {name: ways for name, ways in found.items() if name not in contracts.PER_COOP}
    assert found == OUTSIDE | PRECOMPILES | BORROWED
    assert set(contracts.FOREIGN_CODE) == {*OUTSIDE, "CommonsGovernor"}


@pytest.mark.parametrize("name", sorted(contracts.FOREIGN_CODE))
def test_what_is_listed_is_a_function_that_changes_something(name: str) -> None:
    """Every function of the list stands in its contract's ABI, and it is no view."""
    assert name in contracts.GOVERNED
    functions = contracts.load(name).functions
    assert {each: functions[each].is_view for each in contracts.FOREIGN_CODE[name]} == dict.fromkeys(
        contracts.FOREIGN_CODE[name], False
    )


def test_the_governors_ways_out_are_openzeppelins() -> None:
    """What carries out a decision, and every vote by signature, which asks an account that is a contract, is listed."""
    names = {each.name for each in contracts.load("CommonsGovernor").functions.values() if not each.is_view}
    expected = {each for each in names if each.endswith("BySig")} | {"execute", "relay"}
    assert contracts.FOREIGN_CODE["CommonsGovernor"] == expected


def test_tokens_and_receivers_are_reached_from_what_is_listed() -> None:
    """Every function of the vault that is given a token or a receiver and moves it out or in is listed; credits stay inside."""
    inside = {"approve", "setOperator", "transfer", "transferFrom", "lock", "release", "refund", "expire", "collect"}
    names = {each.name for each in contracts.load("Vault").functions.values() if not each.is_view}
    assert names - inside - {"setSuccessor"} == contracts.FOREIGN_CODE["Vault"]
