"""Gives the tests commons on hosts of their own."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest
from tests.hosts import hosting as hosted
from tests.hosts import hosts

from aicommons.cli import scripts


@pytest.fixture
def hosting(tmp_path: pathlib.Path) -> Iterator[Callable[..., hosted.Hosting]]:
    """Give the tests commons on hosts; everything ends with the test."""
    lacking = hosts.missing()
    if lacking is not None:
        pytest.skip(f"no hosts of one's own here: {lacking}")
    with contextlib.ExitStack() as started:

        def make(script: scripts.Script, **how: object) -> hosted.Hosting:
            return started.enter_context(hosted.hosting(script, tmp_path, **how))  # type: ignore[arg-type]

        yield make
