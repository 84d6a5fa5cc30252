"""What the domain tests share: the place and keys of the specification's known answers."""

import pytest

from aicommons.domain import encoding, ids


@pytest.fixture(scope="session")
def place() -> encoding.Place:
    """Chain 31337, contract c0^20: where the specification's known answers are signed."""
    return encoding.Place(31337, ids.Address(b"\xc0" * 20))
