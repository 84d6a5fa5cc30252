"""Starts anvil, a development chain of others' making, on a free port; the one place that knows how."""

import contextlib
import os
import pathlib
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from aicommons.ledger.embedded import chain, engine

FREE = ("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee")
"""Options with which nothing is charged."""
LIKE_OURS = (*FREE, "--gas-limit", str(engine.GAS_LIMIT))
"""Options that give it the embedded ledger's rules: nothing is charged, blocks of 2^24 gas."""


def installed() -> pathlib.Path:
    """Return the program, as npm installed it or as ANVIL names it; skips the test where it is not there."""
    root = pathlib.Path(__file__).parents[2]
    by_npm = root / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
    for candidate in (by_npm, pathlib.Path(os.environ.get("ANVIL", "/nowhere"))):
        if candidate.is_file():
            return candidate
    pytest.skip("anvil is not installed: run `make test` (npm) or set ANVIL to its path")


@contextlib.contextmanager
def running(
    binary: pathlib.Path, report: pathlib.Path, *options: str, chain_id: int = chain.DEFAULT_CHAIN_ID
) -> Iterator[str]:
    """Run an anvil with Cancun; yields its URL.

    Args:
        binary: the program.
        report: file that it writes into: it would block on a full pipe.
        *options: further ones.
        chain_id: of its chain.
    """
    command = [str(binary), "--port", "0", "--hardfork", "cancun", "--chain-id", str(chain_id), *options]
    with report.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        while (address := re.search(r"Listening on (\S+)", report.read_text())) is None:
            assert process.poll() is None, report.read_text()
            time.sleep(0.02)
        yield f"http://{address[1]}"
    finally:
        process.kill()
        process.wait()
