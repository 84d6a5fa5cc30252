"""``commons consent``: give, take back and list permissions to use a dataset of one's own."""

from typing import Any

import click

from aicommons.cli import homes, listed, naming, output
from aicommons.domain import errors, events, ids


@click.group()
def command() -> None:
    """Give, take back and list permissions.

    Without one, nothing may be used for anything.
    """


@command.command("give")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@click.option("--purpose", required=True, help="Purpose code, such as DUO:0000007 (disease-specific research).")
@click.option("--grantee", type=click.IntRange(1), help="Member id of the only solver. [default: any]")
@click.option("--problem", help="Id of the only problem. [default: any]")
@click.option("--days", type=click.IntRange(1, 36500), default=365, show_default=True, help="How long it lasts.")
@click.option("--uses", type=click.IntRange(1, 2**31), default=1, show_default=True, help="How many runs may use it.")
@output.json_option
def give(dataset_id: int, purpose: str, *, grantee: int | None, problem: str | None, days: int, uses: int) -> None:
    """Permit DATASET, one of yours, to be trained on."""
    from aicommons.domain import encoding

    opened = homes.act_as_member()
    view = opened.desk.view()
    entry = listed.find(view, dataset_id)
    if entry.owner != opened.desk.member_id():
        raise errors.InputError("this dataset belongs to another member", which=f"dataset {dataset_id}")
    if grantee is not None and grantee not in view.members:
        raise errors.InputError("no such member", which=f"--grantee {grantee}", next_step="see `commons member list`")
    about = bytes(32) if problem is None else naming.resolve(problem, view.problems, "problem")
    expiry = naming.from_now(view, days * naming.DAY)
    code = encoding.purpose_code(purpose)
    terms = events.ConsentTerms(dataset_id, code, ids.MemberId(grantee or 0), about, expiry, uses, bytes(32))
    consent_id = opened.desk.give_consent(terms)
    output.emit(
        {
            "consent": ids.format_id(consent_id),
            "dataset": dataset_id,
            "purpose": purpose,
            "expiry": expiry,
            "uses": uses,
        },
        f"Consent {ids.format_id(consent_id)}",
        f"  dataset {dataset_id} may be used for {purpose} until {naming.when(expiry)}, in {uses} run(s),",
        f"  by {'any solver' if grantee is None else f'member {grantee}'}"
        f" for {'any problem' if problem is None else 'one problem'}.",
        f"Take it back at any time: `{output.command(f'consent revoke {naming.short(consent_id)}')}`.",
    )


@command.command("revoke")
@click.argument("consent")
@output.json_option
def revoke(consent: str) -> None:
    """Take CONSENT back, at once: no round that has not begun may use the data."""
    opened = homes.act()
    consent_id = naming.resolve(consent, opened.desk.view().consents, "consent")
    opened.desk.revoke_consent(consent_id)
    output.emit(
        {"consent": ids.format_id(consent_id), "state": "revoked"}, f"Consent {naming.short(consent_id)} is taken back."
    )


@command.command("list")
@click.option("--mine", is_flag=True, help="Only those that this home's member gave.")
@output.json_option
def list_consents(mine: bool) -> None:
    """List consents with what is left of them."""
    opened = homes.look()
    view = opened.desk.view()
    member = view.member_of_account(opened.registry.address)
    names = naming.Names(opened, view)
    used = [seat.consent_id for current in view.runs.values() for seat in current.enrolled.values()]
    listed: list[dict[str, Any]] = [
        {
            "consent": ids.format_id(consent_id),
            "dataset": given.dataset_id,
            "holder": given.holder,
            "grantee": given.terms.grantee or None,
            "problem": ids.format_id(given.terms.problem) if any(given.terms.problem) else None,
            "purpose_hash": ids.format_id(given.terms.purpose),
            "expiry": given.terms.expiry,
            "max_uses": given.terms.max_uses,
            "uses": used.count(consent_id),
            "state": _state(given, revoked=consent_id in view.revoked, now=naming.from_now(view, 0)),
        }
        for consent_id, given in view.consents.items()
        if not mine or given.holder == member
    ]
    rows = [
        [
            each["consent"][:14],
            each["dataset"],
            names(each["holder"]),
            each["state"],
            f"{each['uses']} of {each['max_uses']}",
            naming.when(each["expiry"]),
        ]
        for each in listed
    ]
    output.emit({"consents": listed}, *output.aligned(["consent", "dataset", "holder", "state", "uses", "until"], rows))


def _state(given: events.ConsentGiven, *, revoked: bool, now: int) -> str:
    if revoked:
        return "revoked"
    return "live" if now < given.terms.expiry else "expired"
