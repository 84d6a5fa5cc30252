"""Starts anvil, a development chain of others' making; the one place that knows how."""

import contextlib
import os
import pathlib
import re
import subprocess
import time
from collections.abc import Iterator, Sequence

import pytest

from aicommons.ledger.embedded import chain, engine

FREE = ("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee")
"""Options with which nothing is charged."""
START_SECONDS = 60
"""It listens by then, on a busy machine too."""
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
    binary: pathlib.Path,
    report: pathlib.Path,
    *options: str,
    chain_id: int = chain.DEFAULT_CHAIN_ID,
    inside: Sequence[str] = (),
) -> Iterator[str]:
    """Run an anvil with Cancun on a free port; yields its URL.

    Args:
        binary: the program.
        report: file that it writes into: it would block on a full pipe.
        *options: further ones.
        chain_id: of its chain.
        inside: what stands before the command, such as another host to run it on.
    """
    command = [*inside, str(binary), "--hardfork", "cancun", "--chain-id", str(chain_id), *options]
    command += [] if "--port" in options else ["--port", "0"]
    with report.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_SECONDS
    try:
        while (address := re.search(r"Listening on (\S+)", report.read_text())) is None:
            assert process.poll() is None, report.read_text()
            assert time.monotonic() < deadline, report.read_text()
            time.sleep(0.02)
        yield f"http://{address[1]}"
    finally:
        process.kill()
        process.wait()
