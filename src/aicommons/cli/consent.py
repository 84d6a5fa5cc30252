"""``commons consent``: give, take back and list permissions to use a dataset of one's own."""

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import dataset, homes, naming, output
from aicommons.domain import errors, events, ids

if TYPE_CHECKING:
    from aicommons.protocol import registry
    from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Narrowing:
    """What an owner says about a consent besides its dataset and purposes."""

    grantee: int | None
    problem: str | None
    commercial: bool
    days: int
    uses: int

    def applied(self, terms: events.ConsentTerms, view: "views.LedgerView") -> events.ConsentTerms:
        """Return ``terms`` for one solver or problem, where one is named.

        Raises:
            errors.InputError: there is no such member or problem.
        """
        if self.grantee is not None and self.grantee not in view.members:
            raise errors.InputError(
                "no such member", which=f"--grantee {self.grantee}", next_step="see `commons member list`"
            )
        about = terms.problem if self.problem is None else naming.resolve(self.problem, view.problems, "problem")
        solver = ids.MemberId(self.grantee or 0)
        return dataclasses.replace(terms, grantee=solver, problem=about, commercial=self.commercial)


@click.group()
def command() -> None:
    """Give, take back and list permissions.

    Without one, nothing may be used for anything.
    """


@command.command("give")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@click.option("--purpose", "purposes", required=True, multiple=True, help="Purpose code, such as DUO:0000007 (disease-specific research); covers everything below it. May be repeated.")  # fmt: skip
@click.option("--grantee", type=click.IntRange(1), help="Member id of the only solver. [default: any]")
@click.option("--problem", help="Id of the only problem. [default: any]")
@click.option("--commercial", is_flag=True, help="Permit commercial use too; the dataset's own rules must permit it.")
@click.option("--days", type=click.IntRange(1, 36500), default=365, show_default=True, help="How long it lasts.")
@click.option("--uses", type=click.IntRange(1, 2**31), default=1, show_default=True, help="How many runs may use it.")
@output.json_option
def give(dataset_id: int, purposes: tuple[str, ...], **said: Any) -> None:
    """Permit DATASET, one of yours, to be trained on."""
    from aicommons import office

    narrowed = Narrowing(**said)
    opened = homes.act_as_member()
    view = opened.desk.view()
    entry = dataset.find(view, dataset_id)
    if entry.owner != opened.desk.member_id():
        raise errors.InputError("this dataset belongs to another member", which=f"dataset {dataset_id}")
    expiry = naming.from_now(view, narrowed.days * naming.DAY)
    terms = narrowed.applied(office.consent(dataset_id, purposes, expiry, max_uses=narrowed.uses), view)
    consent_id = opened.desk.give_consent(terms)
    output.emit(
        {
            "consent": ids.format_id(consent_id),
            "dataset": dataset_id,
            "purposes": list(purposes),
            "commercial": terms.commercial,
            "expiry": expiry,
            "uses": narrowed.uses,
        },
        f"Consent {ids.format_id(consent_id)}",
        f"  dataset {dataset_id} may be used for {', '.join(purposes)} until {naming.when(expiry)},"
        f" in {narrowed.uses} run(s),",
        f"  by {'any solver' if narrowed.grantee is None else f'member {narrowed.grantee}'}"
        f" for {'any problem' if narrowed.problem is None else 'one problem'},"
        f" {'also' if narrowed.commercial else 'not'} commercially.",
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
            each["state"],
            f"{each['uses']} of {each['max_uses']}",
            naming.when(each["expiry"]),
        ]
        for each in listed
    ]
    output.emit({"consents": listed}, *output.aligned(["consent", "dataset", "holder", "state", "uses", "until"], rows))


def _state(view: "views.LedgerView", given: "registry.ConsentView", now: int) -> str:
    if given.revoked is not None:
        return "revoked"
    if now >= given.terms.expiry:
        return "expired"
    return "live" if view.dead_since(given.consent_id, now) is None else "out of use"
