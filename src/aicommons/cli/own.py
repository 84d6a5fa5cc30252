"""What this home's own node knows about a run: figures, refusals, states; read from its journal, sent nowhere.

A home whose node has not run has nothing to tell. Called by ``run`` and its ``following``.
"""

import json
from typing import Any

from aicommons.cli import homes, output
from aicommons.domain import ids

ENDED = {
    "converged": "another step would not change the model",
    "steps-done": "as many steps as the plan allows",
    "worse-too-often": "the model got worse on held-out rows more often than the plan undoes; the best one so far is kept",
    "no-descent": "no shorter step makes the model better; the best one so far is kept",
    "not-positive-definite": "columns of the plan say the same, so that no next step can be computed; the last model is kept",
    "one-class-only": "all rows together have one outcome only, so there is no model",
    "no-rows": "no site had a row to train on, so there is no model",
}
"""``learning.state.Reason`` -> why fitting ended, by the plan's own safeguards and not by anybody's fault."""


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
            {"round": place[0], "attempt": place[1], "member": member or None, "reason": reason}
            for place, (member, reason) in sorted(kept.refusals(run_id).items())
        ]
        return {
            "confirmed": pinned is not None,
            "figures": json.loads(kept.report(run_id) or b"{}"),
            "bytes_sent": kept.bytes_sent(run_id),
            "refusals": refusals,
            "not_permitted": kept.denial(run_id),
            "fitting_ended": progress.fitting_ended(kept, run_id),
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
    if found["fitting_ended"] is not None:
        said.append(f"  fitting    ended: {ENDED[found['fitting_ended']]} ({found['fitting_ended']})")
    if found["figures"]:
        said += _figures_in_words(found["figures"])
    said.extend(
        f"  refused    round {each['round']}, attempt {each['attempt']}: {_whose(each['member'])} ({each['reason']})"
        for each in found["refusals"]
    )
    return said


def _whose(member: int | None) -> str:
    return "what the ledger shows" if member is None else f"message of member {member}"


def _figures_in_words(figures: dict[str, Any]) -> list[str]:
    """The common model beside that of these rows alone, figure by figure, and what else is known here."""
    judged = [name for name in figures if f"alone_{name}" in figures]
    rows = [[name.replace("_", " "), figures[name], figures[f"alone_{name}"]] for name in sorted(judged)]
    single = [name for name in sorted(figures) if name not in judged and name.removeprefix("alone_") not in judged]
    rest = ", ".join(f"{name.replace('_', ' ')} {figures[name]}" for name in single)
    table = output.aligned(["on own rows", "common model", "these rows alone"], rows) if rows else []
    head = f"  own rows   {rest + '; ' if rest else ''}these figures stay here"
    return [head, *(f"             {line}" for line in table)]
