"""What tests of the client share: anvil, a development chain of others' making that charges for gas, and a small commons."""

import contextlib
import itertools
import pathlib
from collections.abc import Callable, Iterator

import pytest
from tests.ledger import anvils

from aicommons import testing

FUNDED = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The first key that anvil gives coins to."""


@pytest.fixture(scope="session")
def anvil_binary() -> pathlib.Path:
    """Foundry's development chain, installed by npm or named by ANVIL."""
    return anvils.installed()


@pytest.fixture
def start_anvil(anvil_binary: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[Callable[..., str]]:
    """Start anvils that charge for gas; returns the URL of each."""
    with contextlib.ExitStack() as started:
        numbers = itertools.count()

        def start(*options: str, chain_id: int = 31337) -> str:
            report = tmp_path / f"anvil-{next(numbers)}.log"
            return started.enter_context(anvils.running(anvil_binary, report, *options, chain_id=chain_id))

        yield start


@pytest.fixture(scope="session")
def funded_key() -> bytes:
    """The secret of an account that has coins on anvil."""
    return FUNDED


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Commons]:
    """A commons on the embedded ledger with one member."""
    made = testing.Commons(tmp_path_factory.mktemp("commons"))
    made.admit("first")
    yield made
    made.close()
