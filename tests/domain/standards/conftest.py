"""What the tests of foreign formats share: two consent records, of an adult and of a child."""

import dataclasses

import pytest

from aicommons.domain import consents

GIVEN = 1_793_523_600
"""2026-11-01T09:00:00Z."""


@pytest.fixture(scope="session")
def adult() -> consents.ConsentRecord:
    """An adult's consent on paper with all its limits."""
    return consents.ConsentRecord(
        record=b"\x01" * 32, tag=b"\x02" * 32, subject=consents.Subject.ADULT, majority=None, holder=None, guardian=None,
        purposes=("dpv:ScientificResearch", "DUO:0000043", "aic:FoodAndFarming"), commercial=True,
        scope=consents.Scope(7, ("age", "chol"), b"\x03" * 32, 4), basis=consents.Basis.EXPLICIT,
        expiry=GIVEN + 31_536_000, max_uses=5, given=consents.Given.ON_PAPER, evidence=b"\x04" * 32, steward="Asha",
        controller="Clinic", notice=None, language="sw", withdrawal="at the desk",
        history=(consents.Change(consents.Status.GIVEN, GIVEN, "holder", b"\x04" * 32),),
    )  # fmt: skip


@pytest.fixture(scope="session")
def child(adult: consents.ConsentRecord) -> consents.ConsentRecord:
    """A child's consent by its mother, without limits beyond its purpose."""
    guardian = consents.Guardian("Amina", "mother", b"\x05" * 32, None, None)
    return dataclasses.replace(
        adult, subject=consents.Subject.CHILD, majority=GIVEN + 10**8, guardian=guardian,
        purposes=("dpv:ScientificResearch",), commercial=False, scope=consents.Scope(7, (), None, None), max_uses=None,
    )  # fmt: skip
