"""The co-op that a home belongs to: where its contracts stand, the desk at them, and its proposals by name.

Called by ``coop`` and its parts, by ``spoken`` for a consent that was given by vote, and by ``vote`` for ids as text. Here too
is how a command proposes one act to all members.
"""

import json
import pathlib
from typing import TYPE_CHECKING

from aicommons import app
from aicommons.cli import given, homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import coops
    from aicommons.protocol import view as views


def file_of(home: app.Home) -> pathlib.Path:
    """Return where a home keeps what its co-op is."""
    return home.path / "coop.json"


def keep(file: pathlib.Path, name: str, coop: "coops.Coop") -> dict[str, str]:
    """Write down a co-op's name and where its contracts stand; return what was written."""
    body = {"name": name, "members": ids.format_id(coop.members), "governor": ids.format_id(coop.governor)}
    app.write_private(file, json.dumps(body, indent=2, sort_keys=True) + "\n")
    return body


def read(file: pathlib.Path) -> "tuple[str, coops.Coop]":
    """Return a co-op's name and where its contracts stand.

    Raises:
        errors.InputError: no such file, or not one that ``coop found`` wrote.
    """
    from aicommons.domain import fields
    from aicommons.protocol import coops

    if not file.exists():
        raise errors.InputError(
            "this home knows no co-op",
            which=str(file),
            next_step="run `commons coop found --name NAME`, or `commons coop join FILE` with your co-op's file",
        )
    reader = fields.Fields(given.read_json(file), file.name)
    name = reader.text("name")
    coop = coops.Coop(naming.parse_address(reader.text("members")), naming.parse_address(reader.text("governor")))
    reader.close()
    return name, coop


def act() -> "tuple[homes.Opened, str, office.CoopDesk]":
    """Return this home opened for acting, with the name and the desk of its co-op; raises ``errors.InputError``."""
    opened = homes.act()
    name, coop = read(file_of(opened.home))
    return opened, name, opened.desk.coop(coop)


def desk_of(opened: homes.Opened) -> "office.CoopDesk":
    """Return the desk of the co-op that an opened home belongs to; raises ``errors.InputError`` when it knows none."""
    _, coop = read(file_of(opened.home))
    return opened.desk.coop(coop)


def propose(opened: homes.Opened, call: "office.Call", title: str, reason: str) -> None:
    """Propose one call to the members, and say where it can be seen."""
    name = shown(opened.desk.votes.propose([call], title, reason))
    output.emit(
        {"proposal": name},
        f"Proposed to the members: {name}",
        f"Next: `{output.command(f'vote show {name[:14]}')}`.",
    )


def shown(proposal: int) -> str:
    """Return a proposal's id as text."""
    return f"0x{proposal:064x}"


def short(proposal: int) -> str:
    """Return a proposal's id as it is named in a line."""
    return naming.short(proposal.to_bytes(32, "big"))


def resolve(coop: "office.CoopDesk", text: str) -> int:
    """Return the proposal of a co-op that ``text`` names, in full or by its beginning; raises ``errors.InputError``."""
    known = {key.to_bytes(32, "big") for key in coop.view().proposals}
    return int.from_bytes(naming.resolve(text, known, "proposal"), "big")


def resolve_members(view: "views.LedgerView", text: str) -> int:
    """Return the proposal to all members that ``text`` names; raises like ``resolve``."""
    known = {key.to_bytes(32, "big") for key in view.votes.proposals}
    return int.from_bytes(naming.resolve(text, known, "members' proposal"), "big")
