"""Scenes are made as in the scenarios."""

import pytest

pytest.register_assert_rewrite("tests.adversary.arena")

from tests.scenarios.conftest import stage  # noqa: E402  after what it must not come before

__all__ = ["stage"]
