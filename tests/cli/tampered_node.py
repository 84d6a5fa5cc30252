"""A node whose operator switched the filter by consent off: what an auditor has to find. Started by a test, never shipped.

It is put together from the node's own public parts, as somebody who changes the program on a machine of their own would.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Callable

from aicommons import app
from aicommons.cli import homes, node
from aicommons.ledger import wallet
from aicommons.node import tables
from aicommons.node.consents import keeping, notes, people


class Everybody(people.People):
    """Reads the rows of whoever ever was in the register, and says so in its note."""

    def choose(self, asked: people.Asked, read: Callable[[people.Persons], people.Kept]) -> people.Chosen:
        """Read everybody."""
        with self.opened() as (kept, _):
            tags = frozenset(entry.tag for entry in kept.entries(asked.dataset))
            read(people.Persons(kept.column(asked.dataset), kept.tagger(asked.dataset), tags))
        return people.Chosen(asked, tags, bytes(32), 0)

    def check_still(self, asked: people.Asked, made: notes.Note | tuple[int, int]) -> None:
        """Send it, whoever has withdrawn."""


class Tampered(keeping.Keeping):
    """A home's registers, which nobody looks into."""

    def people(self) -> people.People:
        """Return what reads everybody."""
        return Everybody(self._folder, self.key, self._draw)


def main(folder: pathlib.Path) -> None:
    """Run the node of a home until it is told to stop."""
    home = app.Home(folder)
    key = wallet.unlock(home.node_file, app.passphrase())
    member = app.member_of_node_key(app.connect(home, key), key.address)
    assert member is not None
    blind = tables.OwnerTables(
        lambda part: app.own_version(home, part),
        home.node_folder / "prepared",
        consents=Tampered(home.consents_folder, key, app.SystemClock()),
    )
    with homes.alone(home), node.Bell() as bell, app.open_node(home, key, member) as (agent, runner):
        print("at work", flush=True)
        node.Loop(dataclasses.replace(agent, data=blind), runner, bell, shortest=0.02).work(once=False)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
