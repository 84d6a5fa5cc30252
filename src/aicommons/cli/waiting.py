"""What ``inbox`` shows beside offers: who takes part in a run, and which children have come of age.

Called by ``inbox``. The register of consents opens with the wallet; where nobody may be asked for its passphrase, it is said
that the register is locked and how to look.
"""

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from aicommons import app
from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.owner import deciding, stewarding


def roster(clerk: "deciding.Clerk", run_id: ids.RunId) -> tuple[dict[str, Any], list[str]]:
    """Return who takes part in a run that waits to be confirmed, as JSON and in words; raises as ``rosters.look``."""
    from aicommons.owner import rosters

    view = clerk.place.desk.view()
    seen = rosters.look(clerk.place, run_id)
    digest = seen.roster.roster
    members = {int(member): naming.plain(clerk.papers.name(view, member)) for member in seen.roster.member_ids}
    readers = {int(member): naming.plain(clerk.papers.name(view, member)) for member in seen.readers}
    key = naming.item("roster", run_id)
    told = {
        "members": [{"member": member, "name": name} for member, name in members.items()],
        "readers": [{"member": member, "name": name} for member, name in readers.items()],
        "fingerprint": digest.hex(),
        "brings": seen.pin.dataset_id,
        "datasets": [part.held.dataset_id for part in seen.parts],
    }
    return told, [
        f"Run {ids.format_id(run_id)}: are these the right participants?",
        *(f"  site        {name}" for name in members.values()),
        f"  read by     them{''.join(f' and {name}' for name in readers.values())}",
        *(f"  brings      dataset {part.held.dataset_id} {naming.plain(part.title)}" for part in seen.parts),
        f"  fingerprint {naming.fingerprint(digest)}",
        "Compare it with another participant by telephone or in person.",
        f"Next: `{output.command(f'inbox approve {key} --fingerprint {digest.hex()}')}`, or `deny {key} REASON`.",
    ]


def wards(home: app.Home, *, unlock: bool) -> "tuple[stewarding.Number, ...] | None":
    """Return the consents that ended with a child's majority; ``None`` when the register is locked.

    Args:
        home: the home.
        unlock: ask for the passphrase if it is not in the environment.

    Raises:
        errors.KeyRefused: the passphrase does not open the wallet.
    """
    from aicommons.owner import stewarding

    if not stewarding.is_kept(home):
        return ()
    if not (unlock and sys.stdin.isatty()) and app.PASSPHRASE_VARIABLE not in os.environ:
        if unlock:
            raise errors.KeyRefused(
                "the passphrase is not known",
                which=app.PASSPHRASE_VARIABLE,
                next_step=f"set {app.PASSPHRASE_VARIABLE}, or ask on a terminal",
            )
        return None
    return stewarding.Wards(home, homes.unlock(home.wallet_file)).look(int(time.time()))


def wards_in_words(found: "tuple[stewarding.Number, ...] | None") -> list[str]:
    """Return a line for each child that has come of age, or how to see them."""
    from aicommons.owner import stewarding

    if found is None:
        how = output.command("inbox list --unlock")
        return [f"Children who have come of age are not listed: the register is locked. `{how}` looks."]
    return [
        f"Ask the person: consent {stewarding.text_of(each)}, given by a guardian for a child who decides alone now."
        f" See `{output.command(f'consent lookup {each[0]} --of-age')}`."
        for each in found
    ]
