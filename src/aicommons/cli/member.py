"""``commons member``: apply for membership, admit members, list them.

A membership holds the node's key and the reader's point; the profile document follows into the store once the member
may upload (``homes.introduce``).
"""

from typing import Any

import click

from aicommons import app
from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids


@click.group()
def command() -> None:
    """Apply for membership, admit members, list them."""


@command.command("apply")
@click.option("--title", help="What you are called in lists. [default: the home's name]")
@click.option("--credential", help="Digest of what proves who you are, 64 hex digits. [default: your wallet's address]")
@output.json_option
def apply(title: str | None, credential: str | None) -> None:
    """Ask to be admitted, with this home's wallet and node key."""
    from aicommons.domain import documents, encoding
    from aicommons.ledger import wallet

    opened = homes.act()
    node_key = wallet.address(opened.home.node_file)
    account = opened.registry.address
    if opened.desk.view().member_of_account(account) is not None:
        raise errors.InputError("this wallet is a member already", which=ids.format_id(account))
    profile = documents.Profile(opened.home.settings().name if title is None else title, "organisation").encode()
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
        }
        for member, each in sorted(view.members.items())
    ]
    admitted = {each.account for each in view.members.values()}
    waiting = [ids.format_id(applicant) for applicant in view.applied if applicant not in admitted]
    rows = [[each["member"], each["title"] or "-", each["account"], naming.when(each["since"])] for each in members]
    output.emit(
        {"members": members, "applications": waiting},
        *output.aligned(["member", "title", "account", "since"], rows),
        *(f"applied, not admitted: {each}" for each in waiting),
    )
