"""What all tests of ledgers share: the chain that is not ours."""

import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def anvil_binary() -> pathlib.Path:
    """Foundry's development chain, installed by npm or named by ANVIL."""
    root = pathlib.Path(__file__).parents[2]
    installed = root / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
    candidates = [installed, pathlib.Path(os.environ.get("ANVIL", "/nowhere"))]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    pytest.skip("anvil is not installed: run `make test` (npm) or set ANVIL to its path")
