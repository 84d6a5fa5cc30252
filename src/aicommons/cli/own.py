"""What this home's own node knows about a run: figures, refusals, states; read from its journal, sent nowhere.

A home whose node has not run has nothing to tell. Called by ``run`` and its ``following``.
"""

import json
from typing import Any

from aicommons.cli import homes
from aicommons.domain import ids


def report(at: homes.Opened, run_id: ids.RunId) -> dict[str, Any]:
    """Return this site's own part in a run: whether confirmed, its figures, what it sent and refused; else nothing."""
    view = at.desk.view()
    if view.member_of_account(at.registry.address) not in view.runs[run_id].enrolled:
        return {}
    from aicommons.owner import progress

    with progress.own_journal(at) as kept:
        if kept is None:
            return {}
        pinned = kept.pinned(run_id)
        refusals = [
            {"round": place[0], "attempt": place[1], "member": member, "reason": reason}
            for place, (member, reason) in sorted(kept.refusals(run_id).items())
        ]
        return {
            "confirmed": pinned is not None,
            "figures": json.loads(kept.report(run_id) or b"{}"),
            "bytes_sent": kept.bytes_sent(run_id),
            "refusals": refusals,
            "not_permitted": kept.denial(run_id),
        }


def report_in_words(found: dict[str, Any]) -> list[str]:
    """Return ``report`` as lines."""
    if not found:
        return []
    said = [
        f"  here       roster {'confirmed' if found['confirmed'] else 'not confirmed'}; {found['bytes_sent']} bytes sent, all masked"
    ]
    if found["not_permitted"] is not None:
        said.append(f"  stopped    nothing more of this site goes into the run: {found['not_permitted']}")
    if found["figures"]:
        figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(found["figures"].items()))
        said.append(f"  own rows   {figures} (these figures stay here)")
    said.extend(
        f"  refused    round {each['round']}, attempt {each['attempt']}: message of member {each['member']} ({each['reason']})"
        for each in found["refusals"]
    )
    return said
