"""``commons consent attest-guardian | revoke-guardian``: an organisation vouches for who may consent for a child.

Whoever attests (a school, a clinic, a court) has seen the proof; on the ledger stand the guardian's key, a salted
commitment to the child and a digest of the scan. ``owner/guardians`` holds consents that name an attestation against
it. The salt stays at the attester's home: with it, and nothing else, it can show which child is meant.
"""

import json
import os
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from aicommons import app
from aicommons.cli import homes, naming, output, speaking
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.protocol import view as views

FILE = click.Path(path_type=pathlib.Path, dir_okay=False)


@click.command("attest-guardian")
@click.option("--guardian", required=True, help="Address of the guardian's key.")
@click.option("--born", required=True, help="The child's date of birth, as YYYY-MM-DD; it is not kept.")
@click.option("--paper", type=FILE, required=True, help="Scan of what proves guardianship; its digest goes out.")
@click.option("--ward", help="Who the child is, in words. [default: asked for, so that it stands in no history]")
@click.option("--majority", "years", type=click.IntRange(1, 30), default=18, show_default=True, help="Age in years.")
@speaking.by
@output.json_option
def attest(guardian: str, born: str, paper: pathlib.Path, *, ward: str | None, years: int, by: str) -> None:
    """Vouch as an organisation that a key is that of a child's guardian, until the child comes of age."""
    from aicommons.cli import steward
    from aicommons.domain import consents
    from aicommons.owner import noting

    address = naming.parse_address(guardian)
    until = _majority(born, years)
    evidence = steward.digest_of(paper)
    who = ward if ward is not None else click.prompt("Who the child is (name and day of birth)", err=True)
    if not who.strip():
        raise errors.InputError("nobody is named", which="--ward", expected="who the child is, in words")
    by = speaking.one(by)
    opened = homes.act_as_member()
    salt = os.urandom(32)
    ward_digest = consents.ward_commitment(salt, who)
    named = opened.desk.attest_guardian(ward_digest, address, until, evidence)
    noting.note_at(opened.home, noting.Act.ATTEST, f"guardianship {ids.format_id(named)}", by=by)
    body = {"guardianship": ids.format_id(named), "guardian": ids.format_id(address), "until": until}
    kept = opened.home.consents_folder / "guardianships" / f"{named.hex()}.json"
    secret = {"salt": salt, "ward": ward_digest, "evidence": evidence}
    private = body | {name: ids.format_id(value) for name, value in secret.items()}
    app.write_private(kept, json.dumps(private, indent=2, sort_keys=True) + "\n")
    output.emit(
        {**body, "file": str(kept)},
        f"Guardianship {ids.format_id(named)}",
        f"  until the child comes of age on {naming.when(until)[:10]}; {kept} and your words show which child is meant.",
        f"Next: hand both to the steward, who enters the consent with `--guardianship {naming.short(named)} --ward-file FILE`.",
        f"Take it back with `{output.command(f'consent revoke-guardian {naming.short(named)}')}`.",
    )


@click.command("revoke-guardian")
@click.argument("guardianship")
@speaking.by
@output.json_option
def revoke(guardianship: str, by: str) -> None:
    """Do not vouch for GUARDIANSHIP any more: consents that rest on it are out of every next round at once."""
    from aicommons.owner import noting

    by = speaking.one(by)
    opened = homes.act_as_member()
    known = opened.desk.view().guardianships
    named = _named(guardianship, known)
    if known[named].attested.attester != opened.desk.member_id():
        raise errors.InputError(
            "another organisation vouches for this guardian",
            which=naming.short(named),
            next_step=f"ask member {known[named].attested.attester} to revoke it",
        )
    opened.desk.revoke_guardian(named)
    noting.note_at(opened.home, noting.Act.REVOKE_GUARDIAN, f"guardianship {ids.format_id(named)}", by=by)
    output.emit(
        {"guardianship": ids.format_id(named), "state": "revoked"},
        f"Guardianship {naming.short(named)} is taken back; no next round uses the rows of consents that rest on it.",
    )


def look() -> "views.LedgerView":
    """Return what the ledger says, for whoever holds consents against attestations."""
    return homes.look().desk.view()


def attested(text: str) -> tuple[bytes, "views.LedgerView"]:
    """Return the attestation that a steward names, in full or by its beginning, and the ledger that shows it."""
    view = look()
    return _named(text, view.guardianships), view


def ward(words: str | None, file: pathlib.Path | None) -> bytes | None:
    """Return the commitment to a child that a steward can show, ``None`` without the attester's file.

    Raises:
        errors.InputError: not a file that ``attest`` wrote.
    """
    if file is None:
        return None
    from aicommons.cli import given
    from aicommons.node.consents import importing

    salt = given.read_json(file).get("salt")
    who = words if words is not None else click.prompt("Who the child is, in the words of the attestation", err=True)
    return importing.ward(who, salt if isinstance(salt, str) else "none")


def _named(text: str, known: Iterable[bytes]) -> bytes:
    try:
        return naming.resolve(text, known, "guardianship")
    except errors.InputError as err:
        raise errors.InputError(
            err.message, which=err.which, expected=err.expected, got=err.got,
            next_step="take the id that `commons consent attest-guardian` printed",
        ) from err  # fmt: skip


def _majority(born: str, years: int) -> int:
    import time

    from aicommons.domain import consents

    until = consents.coming_of_age(born, years)
    if until <= time.time():
        raise errors.InputError(
            "nobody is the guardian of somebody of age", which="--born", expected="the date of birth of a child",
            got="somebody of age", next_step="let the person consent",
        )  # fmt: skip
    return until


COMMANDS = (attest, revoke)
"""What ``consent`` takes into its group."""
