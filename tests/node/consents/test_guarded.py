"""Which attestations of guardianship a node relies on: those that the contract calls live, and at an audit those of then."""

import pytest

from aicommons.domain import events, ids
from aicommons.node.consents import standing
from aicommons.protocol import view as views

ATTESTER, MOTHER = ids.MemberId(1), ids.Address(b"\xab" * 20)
NAME = b"\x05" * 32


def at(block: int) -> events.Position:
    """Return a place on the ledger; a block takes ten seconds."""
    return events.Position(block, 0, 10 * block)


BEFORE: tuple[events.Event, ...] = (
    events.MemberAdmitted(at(1), ATTESTER, ids.Address(b"\x01" * 20), 1, ids.Address(b"\x02" * 20), b"\x03" * 32),
    events.GuardianAttested(at(2), NAME, ATTESTER, MOTHER, b"\x06" * 32, 500, b"\x07" * 32),
)
SUSPENDED = events.MemberSuspended(at(10), ATTESTER)
LATER: dict[str, tuple[tuple[events.Event, ...], int, int | None, bool]] = {
    "while it lasts": ((), 120, None, True),
    "at its end": ((), 500, None, False),
    "revoked": ((events.GuardianshipRevoked(at(10), NAME),), 120, None, False),
    "of a suspended organisation": ((SUSPENDED,), 120, None, False),
    "of one that is back": ((SUSPENDED, events.MemberReinstated(at(11), ATTESTER)), 120, None, True),
    "of one that left": ((events.MemberLeft(at(10), ATTESTER, ids.Address(b"\x01" * 20)),), 120, None, False),
    "audited, revoked later": ((events.GuardianshipRevoked(at(10), NAME),), 95, 9, True),
    "audited, revoked before": ((events.GuardianshipRevoked(at(10), NAME),), 105, 10, False),
    "audited, suspended later": ((SUSPENDED,), 95, 9, True),
    "audited, suspended before": ((SUSPENDED,), 105, 10, False),
}


@pytest.mark.parametrize(("later", "now", "block", "holds"), LATER.values(), ids=LATER.keys())
def test_an_attestation_holds_as_the_ledger_has_it(
    later: tuple[events.Event, ...], now: int, block: int | None, holds: bool
) -> None:
    """An attestation ends with its time, its revocation, or its organisation's membership, whichever comes first."""
    view = views.fold(views.LedgerView(), [*BEFORE, *later])
    assert standing.guarded_at(view, now, block) == (frozenset({(NAME, bytes(MOTHER))}) if holds else frozenset())
