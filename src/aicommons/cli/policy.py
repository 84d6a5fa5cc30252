"""``commons policy``: write a use policy, say in plain words what it permits, and exchange it as ODRL.

A policy is a file until its dataset is published with it. Files are JSON: no reader for YAML is among the dependencies.
What a policy may say is ``domain/policies``'s business; what it allows in a certain case ``protocol/rules``'s.
"""

import dataclasses
import json
import pathlib
import time
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import given, homes, listed, naming, output, under_policy, vocabularies
from aicommons.domain import errors, ids, run
from aicommons.owner import published

if TYPE_CHECKING:
    from aicommons.domain import policies

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)


@click.group()
def command() -> None:
    """Write, check and exchange use policies: who may learn from a dataset, for what, on which terms."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What an owner says about a policy, as options."""

    title: str
    permit: tuple[str, ...]
    prohibit: tuple[str, ...]
    commercial: bool
    country: tuple[str, ...]
    licence: str
    min_cohort: int
    min_cell: int
    small_cells: str | None
    epsilon: str | None
    person: str | None
    price: int | None
    free: bool
    duty: tuple[str, ...]
    days: int | None
    assignee: int | None
    member: int | None

    def policy(self, now: int) -> "policies.UsePolicy":
        """Return the policy that this asks for; raises ``errors.InputError`` for a contradiction."""
        from aicommons.domain import policies

        small = self.small_cells or ("allow" if self.min_cell == 1 else "suppress")
        unit = policies.PrivacyUnit.RECORD if self.person is None else policies.PrivacyUnit.PERSON
        policy = policies.UsePolicy(
            title=self.title, assigner=_member(self.member), permitted=self.permit, prohibited=self.prohibit,
            commercial=self.commercial, countries=self.country, licence=self.licence, minimum_cohort=self.min_cohort,
            minimum_cell=self.min_cell, small_cells=policies.SmallCells(small), epsilon=self.epsilon, privacy_unit=unit,
            price=self.price or 0, free_commons=self.free, duties=tuple(policies.Duty(each) for each in self.duty),
            until=None if self.days is None else now + self.days * naming.DAY, person_column=self.person,
            assignee=None if self.assignee is None else ids.MemberId(self.assignee),
        )  # fmt: skip
        policies.check_made(policy, now)
        return policy


@command.command("draft")
@click.argument("file", type=FILE)
@click.option("--title", required=True, help="One line.")
@click.option("--permit", multiple=True, required=True, metavar="CODE", help="Purpose that is permitted, with all below it. May be repeated.")  # fmt: skip
@click.option("--prohibit", multiple=True, metavar="CODE", help="Purpose that is forbidden, with all below it. May be repeated.")  # fmt: skip
@click.option("--commercial", is_flag=True, help="Permit commercial use.")
@click.option("--country", multiple=True, metavar="XX", help="Country of solvers, ISO 3166 letters. May be repeated. [default: any]")  # fmt: skip
@click.option("--licence", default="LicenseRef-private", show_default=True, help="SPDX expression or LicenseRef-….")
@click.option("--min-cohort", type=click.IntRange(1), default=run.MINIMUM_COHORT, show_default=True, help="Fewest rows that take part in anything.")  # fmt: skip
@click.option("--min-cell", type=click.IntRange(1), default=1, show_default=True, help="Fewest rows behind a number that leaves.")  # fmt: skip
@click.option("--small-cells", type=click.Choice(["allow", "suppress", "coarsen", "noise"]), help="What is done with smaller cells; noise needs --epsilon. [default: suppress, or allow without a minimum]")  # fmt: skip
@click.option("--epsilon", help="Most privacy loss per person (or record) and year, such as 3 or 0.5: only plans with enough noise are permitted then, until it is spent. [default: no bound]")  # fmt: skip
@click.option("--person", metavar="COLUMN", help="Column that tells persons apart; privacy then counts per person.")
@click.option("--price", type=click.IntRange(0), help="Asked per run, in the smallest unit.")
@click.option("--free", is_flag=True, help="Give the data to the free commons: no price.")
@click.option("--duty", multiple=True, type=click.Choice(["attribution", "benefit_sharing", "report_back"]), help="What users take upon themselves. May be repeated.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 36500), help="How long the policy lasts. [default: without end]")
@click.option("--assignee", type=click.IntRange(1), help="The only member that may use the data. [default: any]")
@click.option("--member", type=click.IntRange(1), help="Your membership. [default: the home's, asked of the ledger]")
@output.json_option
def draft(file: pathlib.Path, **said: Any) -> None:
    """Write a use policy into FILE from options; what contradicts itself is refused, with the way out."""
    output.check_new(file)
    _keep(file, Wish(**said).policy(int(time.time())))


@command.command("check")
@click.argument("file", type=FILE)
@output.json_option
def check(file: pathlib.Path) -> None:
    """Say in plain words what the policy in FILE permits and forbids, or what is wrong with it."""
    from aicommons.domain import policies

    policy = given.policy(file)
    with given.naming(file):
        policies.check_made(policy, int(time.time()))
    _say(policy)


@command.command("show")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@output.json_option
def show(dataset_id: int) -> None:
    """Say in plain words what the policy of a listed DATASET permits and forbids."""
    opened = homes.look()
    _say(_published(opened, dataset_id))


@command.command("publish")
@click.argument("file", type=FILE)
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@output.json_option
def publish(file: pathlib.Path, dataset_id: int) -> None:
    """Put the policy in FILE on the ledger for DATASET, one of yours: a new version with the same card.

    From then on the ledger holds every consent to it; runs that are under way keep the version they used.
    """
    from aicommons.domain import policies
    from aicommons.owner import noting

    policy = given.policy(file)
    with given.naming(file):
        policies.check_made(policy, int(time.time()))
    opened = homes.act_as_member()
    entry = listed.find(opened.desk.view(), dataset_id)
    if entry.owner != opened.desk.member_id():
        raise errors.InputError("this dataset belongs to another member", which=f"dataset {dataset_id}")
    card = listed.read_card(opened, entry)
    if card is None:
        raise errors.InputError(
            "the store does not give the dataset's card now", which=f"dataset {dataset_id}",
            next_step="Nothing was changed; try again when the store answers.",
        )  # fmt: skip
    under_policy.check_newest(opened, entry)
    use = opened.desk.put_policy(policy)
    under_policy.keep(opened.home, card, policy)
    version = opened.desk.publish_version(dataset_id, card, use)
    opened.home.keep_policy(dataset_id, version, use.policy, card=ids.digest(card.encode()))
    noting.note_at(opened.home, noting.Act.POLICY, f"dataset {dataset_id}", reason=f"version {version}")
    digest = ids.format_digest(ids.digest(policy.encode()))
    output.emit(
        {"dataset": dataset_id, "version": version, "digest": digest},
        f"Version {version} of dataset {dataset_id} has this policy.",
        *_words(policy),
    )


@command.command("export")
@click.argument("source", metavar="FILE|DATASET")
@click.option("--target", help="Name of the dataset in the offer. [default: urn:aicommons:dataset:DATASET]")
@output.json_option
def export(source: str, target: str | None) -> None:
    """Print a policy as an ODRL 2.2 offer: that of a listed DATASET, or of a FILE with --target."""
    from aicommons.domain.standards import odrl

    if source.isdigit():
        policy, named = _published(homes.look(), int(source)), odrl.dataset_name(int(source))
    elif target is None:
        raise click.UsageError("a FILE needs --target")
    else:
        policy, named = given.policy(pathlib.Path(source)), target
    offer = odrl.write(policy, target or named)
    output.emit(offer, json.dumps(offer, indent=1))


@command.command("import")
@click.argument("offer", type=FILE)
@click.argument("file", type=FILE)
@click.option("--base", type=FILE, required=True, help="Policy of yours for what the offer does not say (`policy draft`).")  # fmt: skip
@click.option(
    "--target", required=True, help="Name of your dataset in the offer; an offer of anything else is refused."
)
@click.option("--party", multiple=True, metavar="NAME=MEMBER", help="Who a name in the offer is. May be repeated.")
@output.json_option
def import_offer(
    offer: pathlib.Path, file: pathlib.Path, *, base: pathlib.Path, target: str, party: tuple[str, ...]
) -> None:
    """Write the ODRL OFFER as a policy into FILE; anything in it that is not understood is refused by name."""
    from aicommons.domain.standards import odrl

    output.check_new(file)
    parties = odrl.Parties(target, dict(_party(each) for each in party))
    owner = given.policy(base)
    with given.naming(offer):
        policy = odrl.read(given.read_json(offer), parties, owner)
    _keep(file, policy)


def _member(number: int | None) -> ids.MemberId:
    if number is not None:
        return ids.MemberId(number)
    return homes.look().desk.member_id()


def _party(text: str) -> tuple[str, ids.MemberId]:
    name, _, number = text.rpartition("=")
    if not name or not (number.isascii() and number.isdigit()):
        raise click.UsageError(f"--party {text}: write NAME=MEMBER, such as did:web:lab.example=4")
    return name, ids.MemberId(int(number))


def _published(opened: homes.Opened, dataset_id: int) -> "policies.UsePolicy":
    """Return the policy that a dataset is listed with.

    Raises:
        errors.InputError: no such dataset, or it has no policy document.
        errors.CommonsError: as the store's ``get``.
    """
    from aicommons.domain import policies

    entry = listed.find(opened.desk.view(), dataset_id)
    try:
        return published.read(opened.store, policies.UsePolicy, entry.newest.policy)
    except errors.BlobNotFound as err:
        raise errors.InputError(
            "the dataset has no use policy that the store knows", which=f"dataset {dataset_id}",
            next_step="Its consents alone say what is permitted: see `commons consent list`.",
        ) from err  # fmt: skip


def _keep(file: pathlib.Path, policy: "policies.UsePolicy") -> None:
    file.write_text(json.dumps(json.loads(policy.encode()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    digest = ids.format_digest(ids.digest(policy.encode()))
    output.emit(
        {
            "file": str(file),
            "digest": digest,
            "policy": json.loads(policy.encode()),
        },
        f"The policy is in {file}.",
        *_words(policy),
    )


def _say(policy: "policies.UsePolicy") -> None:
    digest = ids.format_digest(ids.digest(policy.encode()))
    lines = _words(policy)
    output.emit(
        {
            "digest": digest, "policy": json.loads(policy.encode()),
            "says": list(lines),
        },
        *lines,
    )  # fmt: skip


def _words(policy: "policies.UsePolicy") -> tuple[str, ...]:
    """Return what a policy says, in plain words, a line each."""
    return (naming.plain(policy.title), *_permits(policy), *_forbids(policy), *_terms(policy))


def _labelled(codes: tuple[str, ...]) -> str:
    from aicommons.domain import vocabulary

    return ", ".join(f"{vocabulary.purpose(code).label} ({code})" for code in codes)


def _permits(policy: "policies.UsePolicy") -> list[str]:
    who = "any member" if policy.assignee is None else f"member {policy.assignee} alone"
    where = "any country" if not policy.countries else ", ".join(policy.countries)
    end = "" if policy.until is None else f", until {naming.when(policy.until)}"
    return [
        f"Permits   {_labelled(policy.permitted)}, and whatever lies below, with a consent",
        f"          by {who} from {where}{end}",
    ]


def _forbids(policy: "policies.UsePolicy") -> list[str]:
    said = [_labelled(policy.prohibited)] if policy.prohibited else []
    said += [] if policy.commercial else ["any commercial use"]
    return [f"Forbids   {', and '.join([*said, 'everything else'])}"]


def _terms(policy: "policies.UsePolicy") -> list[str]:
    unit = policy.privacy_unit.value
    price = "nothing, it is free commons" if policy.free_commons else f"{policy.price} per run"
    price = price if policy.price or policy.free_commons else "no price"
    duties = sorted(each.value.replace("_", " ") for each in policy.asked)
    cells = (
        ""
        if policy.minimum_cell == 1
        else f"; a number from fewer than {policy.minimum_cell}: {policy.small_cells.value}"
    )
    lines = [
        f"Protects  at least {policy.minimum_cohort} rows take part{cells}",
        f"          privacy loss per {unit} and year: {'no bound' if policy.epsilon is None else f'{policy.epsilon}, kept by noise'}",
        f"Asks      {', '.join([price, *duties])}",
        f"Licence   {policy.licence}",
    ]
    return lines + [f"          {notice}" for notice in policy.terms.notices]


for each in vocabularies.COMMANDS:
    command.add_command(each)
