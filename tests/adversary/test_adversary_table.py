"""Every adversary of the table, against real nodes."""

import pytest
from tests.adversary import arena, rows


@pytest.mark.parametrize("name", rows.ROWS)
def test_an_adversary(stage, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The cheats are named and nobody else, nothing uncertified is released, and the run does what the table says."""
    arena.fight(stage, rows.ROWS[name], caplog)
