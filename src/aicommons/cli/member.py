"""``commons member``: apply for membership, admit members, list and show them.

A membership holds the node's key and the reader's point; the profile document follows into the store once the member
may upload (``homes.introduce``). How a lost wallet is replaced is in ``recovering``.
"""

import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import given, homes, naming, output, recovering
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.domain import profiles
    from aicommons.protocol import registry


@click.group()
def command() -> None:
    """Apply for membership, admit members, list them, recover a lost one."""


for each in recovering.COMMANDS:
    command.add_command(each)


@command.command("apply")
@click.option("--title", help="What you are called in lists. [default: the home's name]")
@click.option(
    "--profile",
    "file",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="JSON file that says who you are, what you seek and offer. [default: your name only]",
)
@click.option("--credential", help="Digest of what proves who you are, 64 hex digits. [default: your wallet's address]")
@output.json_option
def apply(title: str | None, file: pathlib.Path | None, credential: str | None) -> None:
    """Ask to be admitted, with this home's wallet and node key.

    A profile is JSON with title and, as far as you like, kind (person, hospital, ngo, co-op, university, ministry, company,
    community, organisation), country, languages, about, seeks, offers, skills, sdg_targets, and stewards (a list of name,
    role and contact). It is public.
    """
    from aicommons.domain import encoding
    from aicommons.ledger import wallet

    opened = homes.act()
    node_key = wallet.address(opened.home.node_file)
    account = opened.registry.address
    if opened.desk.view().member_of_account(account) is not None:
        raise errors.InputError("this wallet is a member already", which=ids.format_id(account))
    profile = _profile(opened.home, file, title).encode()
    proof = encoding.keccak(account) if credential is None else naming.parse_digest(credential)
    point = app.reader_point(opened.signer)
    app.write_private(opened.home.path / "profile.json", profile.decode())
    opened.desk.apply(node_key, point, proof, ids.digest(profile))
    shown = ids.format_id(account)
    output.emit(
        {"applicant": shown, "node_key": ids.format_id(node_key), "profile": ids.format_digest(ids.digest(profile))},
        f"Applied as {shown}.",
        f"Next: a registrar runs `commons member admit {shown}`.",
    )


def _profile(home: app.Home, file: pathlib.Path | None, title: str | None) -> "profiles.Profile":
    """Return what this home says about itself: the person's file, else its name."""
    from aicommons.domain import profiles

    name = home.settings().name if title is None else title
    return profiles.Profile(name) if file is None else given.profile(file, name)


@command.command("describe")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def describe(file: pathlib.Path) -> None:
    """Say anew who you are, what you seek and offer: FILE is a profile as for `apply`. Name and country stay as admitted."""
    from aicommons.domain import profiles
    from aicommons.owner import published

    opened = homes.act_as_member()
    admitted = opened.desk.member(opened.desk.member_id())
    before = (
        published.find(opened.store, profiles.Profile, ids.Digest(admitted.profile)) if any(admitted.profile) else None
    )
    said = given.profile(file, opened.home.settings().name if before is None else before.title)
    digest = opened.desk.describe_member(said)
    kept = before is not None and (said.title, said.country) != (before.title, before.country)
    output.emit(
        {"member": admitted.member_id, "profile": ids.format_digest(digest), "keeps_admitted": kept},
        f"Member {admitted.member_id} is described anew; `{output.command(f'directory show {admitted.member_id}')}` shows it.",
        *(["Name and country stay what the registrars admitted; apply again to change them."] if kept else []),
    )


@command.command("admit")
@click.argument("address")
@output.json_option
def admit(address: str) -> None:
    """Agree, as a registrar, to the application of ADDRESS."""
    applicant = naming.parse_address(address)
    opened = homes.act()
    member_id = opened.desk.admit(applicant)
    shown = ids.format_id(applicant)
    said = f"{shown} is member {member_id}." if member_id else f"Agreed to {shown}; more registrars must agree."
    output.emit({"applicant": shown, "member": member_id}, said)


@command.command("list")
@output.json_option
def list_members() -> None:
    """List members, and applications that wait for a registrar."""
    opened = homes.look()
    view = opened.desk.view()
    names = naming.Names(opened, view)
    members: list[dict[str, Any]] = [
        {
            "member": member,
            "title": names.title(member),
            "account": ids.format_id(each.account),
            "node_key": ids.format_id(each.node_key),
            "since": each.at.time,
            "state": each.state.value,
            "roles": _roles(each),
            **recovering.as_json(each),
        }
        for member, each in sorted(view.members.items())
    ]
    admitted = {each.account for each in view.members.values()}
    waiting = [ids.format_id(applicant) for applicant in view.applied if applicant not in admitted]
    rows = [[each["member"], each["title"] or "-", each["account"], naming.when(each["since"])] for each in members]
    pending = [line for number, each in sorted(view.members.items()) for line in recovering.in_words(number, each)]
    output.emit(
        {"members": members, "applications": waiting},
        *output.aligned(["member", "title", "account", "since"], rows),
        *(f"applied, not admitted: {each}" for each in waiting),
        *pending,
    )


@command.command("show")
@click.argument("member", type=click.IntRange(1))
@output.json_option
def show(member: int) -> None:
    """Show MEMBER (a number): its keys, its guardian, and whether another account is to act for it."""
    opened = homes.look()
    seen = opened.desk.member(member)
    title = naming.Names(opened, opened.desk.view()).title(member)
    guardian = None if seen.guardian is None else ids.format_id(seen.guardian)
    output.emit(
        {
            "member": member,
            "title": title,
            "account": ids.format_id(seen.account),
            "node_key": ids.format_id(seen.node_key),
            "since": seen.at.time,
            "state": seen.state.value,
            "roles": _roles(seen),
            **recovering.as_json(seen),
        },
        f"Member {member}: {title or 'its profile cannot be read now'}",
        f"  state     {seen.state.value}, since {naming.when(seen.at.time)}",
        *([f"  roles     {', '.join(_roles(seen))}"] if seen.roles else []),
        f"  account   {ids.format_id(seen.account)}",
        f"  node key  {ids.format_id(seen.node_key)}",
        f"  guardian  {guardian or 'nobody: only the registrars could begin a recovery'}",
        *recovering.in_words(member, seen),
    )


def _roles(member: "registry.MemberView") -> list[str]:
    """Return what the members' votes let a member do; while it is suspended it may not."""
    return sorted(role.word for role in member.roles)
