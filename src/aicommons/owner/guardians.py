"""Who may consent for a child: a consent that names an attestation on the ledger holds as long as that does.

Organisations attest and revoke there (``cli/guarding``); a guardian whose proof is a scan is the steward's to judge.
"""

import time
from collections.abc import Callable, Iterable

from aicommons.domain import consents, errors, ids
from aicommons.node.consents import entering
from aicommons.protocol import view as views


def check(records: Iterable[consents.ConsentRecord], look: Callable[[], views.LedgerView]) -> None:
    """Check that every attestation which consents name is live, for the same guardian and for this very child.

    Which child an attestation is for, only its attester's words and salt show; that it serves no second child in the same
    register, the register checks.

    Args:
        records: consents, before they are entered.
        look: returns what the ledger says; asked only where there is something to ask.

    Raises:
        errors.InputError: one is not; says what to do.
    """
    guardians = [
        each.guardian for each in records if each.guardian is not None and each.guardian.guardianship is not None
    ]
    if not guardians:
        return
    view = look()
    now = int(max(time.time(), view.time))
    for guardian in guardians:
        named, account = guardian.guardianship or b"", guardian.account
        known = view.guardianships.get(named)
        if known is None or account is None:
            raise _unproven(named, "one that the ledger shows, with the guardian's account", "none")
        if known.attested.guardian != ids.parse_address(account):
            raise _unproven(named, "the key of whoever signed", "the key of another guardian")
        if not view.is_guarded(named, known.attested.guardian, now):
            raise _unproven(named, "one that lasts", "one that is over, or was taken back")
        if guardian.ward != known.attested.ward:
            raise _not_this_child(named, is_shown=guardian.ward is not None)


def _not_this_child(named: bytes, *, is_shown: bool) -> errors.InputError:
    return errors.InputError(
        "nothing shows that this guardianship is for this child",
        which=f"guardianship {ids.short(named)}",
        expected="the words and the salt that the attestation commits to",
        got="others" if is_shown else "none",
        next_step="ask the organisation for the file that `commons consent attest-guardian` wrote, and for its very words "
        "(--ward-file and --ward; ward and ward_salt in a table)",
    )


def _unproven(named: bytes, expected: str, got: str) -> errors.InputError:
    return errors.InputError(
        "a guardian without proof",
        which=f"guardianship {ids.short(named)}",
        expected=expected,
        got=got,
        next_step=entering.WAY_OUT,
    )
