"""``commons consent``: give, take back and list permissions to use a dataset of one's own.

The consents of the people whose data it is are commands of ``steward``, ``papers``, ``guarding``, ``spoken`` and
``exchanging``, in the same group.
"""

from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import (
    exchanging,
    guarding,
    homes,
    listed,
    naming,
    output,
    papers,
    permitting,
    speaking,
    spoken,
    steward,
)
from aicommons.domain import errors, ids, run

if TYPE_CHECKING:
    from aicommons.protocol import registry
    from aicommons.protocol import view as views


@click.group()
def command() -> None:
    """Give, take back and list permissions, and keep the consents of the people behind a dataset.

    Without one, nothing may be used for anything.
    """


@command.command("give")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@permitting.options
@speaking.by
@output.json_option
def give(dataset_id: int, asked: permitting.Asked, by: str) -> None:
    """Permit DATASET, one of yours, to be trained on. Where two persons approve, approve a run in the inbox instead."""
    from aicommons.owner import giving

    by = speaking.alone(by)
    opened = homes.act_as_member()
    view = opened.desk.view()
    if listed.find(view, dataset_id).owner != opened.desk.member_id():
        raise errors.InputError("this dataset belongs to another member", which=f"dataset {dataset_id}")
    terms = asked.terms(dataset_id, view)
    consent_id = giving.give(opened, terms, by=by)
    until, bounds = asked.in_words(terms.expiry)
    output.emit(
        {
            "consent": ids.format_id(consent_id),
            "dataset": dataset_id,
            "purposes": list(asked.purposes),
            "commercial": terms.commercial,
            "expiry": terms.expiry,
            "uses": asked.uses,
        },
        f"Consent {ids.format_id(consent_id)}",
        f"  dataset {dataset_id} {until}",
        f"  {bounds}.",
        f"Take it back at any time: `{output.command(f'consent revoke {naming.short(consent_id)}')}`.",
    )


@command.command("revoke")
@click.argument("consent")
@speaking.by
@output.json_option
def revoke(consent: str, by: str) -> None:
    """Take CONSENT back, at once: no round that has not begun may use the data."""
    from aicommons.owner import giving
    from aicommons.protocol import lineage

    by = speaking.one(by)
    opened = homes.act()
    view = opened.desk.view()
    consent_id = naming.resolve(consent, view.consents, "consent")
    used = list(lineage.using(view, consent_id))
    giving.revoke(opened, consent_id, by=by)
    output.emit(
        {
            "consent": ids.format_id(consent_id),
            "state": "revoked",
            "runs": [ids.format_id(run_id) for run_id, _, _ in used],
        },
        f"Consent {naming.short(consent_id)} is taken back.",
        *(f"  run {naming.short(run_id)} {_goes_on(current, member)}" for run_id, member, current in used),
    )


def _goes_on(current: "views.RunView", member: int) -> str:
    """What becomes of a run that used the consent."""
    if not current.is_set_fixed:
        return "goes on without it if enough sites are left: no data of it was summed"
    if current.enrolled[member].absence is run.Absence.EXIT:
        return "goes on without it if enough sites are left; what was summed stays in the model, with its part for this site"
    return (
        "takes nothing more of it and ends with its last agreed state once its patience is over; what was summed stays in"
        " the model, with its part for this site"
    )


@command.command("list")
@click.option("--mine", is_flag=True, help="Only those that this home's member gave.")
@output.json_option
def list_consents(mine: bool) -> None:
    """List consents with what is left of them."""
    opened = homes.look()
    view = opened.desk.view()
    member = view.member_of_account(opened.registry.address)
    from aicommons.domain import vocabulary

    names = naming.Names(opened, view)
    now = naming.from_now(view, 0)
    listed: list[dict[str, Any]] = [
        {
            "consent": ids.format_id(consent_id),
            "dataset": given.dataset_id,
            "holder": given.holder,
            "grantee": given.terms.grantee or None,
            "problem": ids.format_id(given.terms.problem) if any(given.terms.problem) else None,
            "purposes": list(vocabulary.codes(given.terms.purposes)),
            "commercial": given.terms.commercial,
            "expiry": given.terms.expiry,
            "max_uses": given.terms.max_uses,
            "uses": len(given.uses),
            "used_by": [ids.format_id(use.run_id) for use in given.uses],
            "state": _state(view, given, now),
        }
        for consent_id, given in view.consents.items()
        if not mine or given.holder == member
    ]
    rows = [
        [
            each["consent"][:14],
            each["dataset"],
            names(each["holder"]),
            each["state"] if each["uses"] < each["max_uses"] else f"{each['state']}, no use left",
            f"{each['uses']} of {each['max_uses']}",
            naming.when(each["expiry"]),
        ]
        for each in listed
    ]
    output.emit({"consents": listed}, *output.aligned(["consent", "dataset", "holder", "state", "uses", "until"], rows))


for each in (*steward.COMMANDS, *papers.COMMANDS, *guarding.COMMANDS, *spoken.COMMANDS, *exchanging.COMMANDS):
    command.add_command(each)


def _state(view: "views.LedgerView", given: "registry.ConsentView", now: int) -> str:
    if given.revoked is not None:
        return "revoked"
    if now >= given.terms.expiry:
        return "expired"
    return "live" if view.dead_since(given.consent_id, now) is None else "out of use"
