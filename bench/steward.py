"""What a steward's register of 100,000 people takes in time and memory: the part of ``consents.py`` that needs no ledger.

Run by ``consents.py`` in a process of its own, so that the peak of memory is the register's: import from a table, posting,
withdrawals with the receipts' codes one by one, and a contribution's choice of people together with reading their rows. One
JSON object per row: ``name``, ``unit`` (s or MB), ``measured``. Everything is done once, on the disk of the folder.
"""

import argparse
import hashlib
import json
import os
import pathlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

from aicommons.data import reading
from aicommons.domain import consents, encoding, ids, schema
from aicommons.node.consents import entering, importing, notes, people, register, sealing, standing
from aicommons.protocol import coverage

DATASET, LEAST = 1, 10
PURPOSE = "DUO:0000007"
PLACE = encoding.Place(6174001, ids.Address(b"\xc0" * 20))
USE = coverage.Use(frozenset({PURPOSE}), False, b"\x05" * 32, 4, frozenset({"age", "ill"}), b"\x06" * 32)
COLUMNS = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
)
T = TypeVar("T")


def timed(name: str, act: Callable[[], T]) -> T:
    """Do something once, print how long it took, and return what it gave."""
    started = time.perf_counter()
    made = act()
    say(name, "s", time.perf_counter() - started)
    return made


def say(name: str, unit: str, measured: float) -> None:
    """Print a row."""
    print(json.dumps({"name": name, "unit": unit, "measured": measured}), flush=True)


class Steward:
    """A register, a table of papers and a table of rows."""

    def __init__(self, folder: pathlib.Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.key = sealing.Key(os.urandom(32))
        self.register = register.Register(folder / "register.db", self.key)
        self.register.open(DATASET, "person")
        self.posting = register.NOTHING_POSTED
        self.codes: list[str] = []
        self.papers, self.rows = folder / "papers.csv", folder / "rows.csv"
        with self.papers.open("w") as papers, self.rows.open("w") as rows:
            papers.write("person,given,evidence\n")
            rows.write("person,age,ill\n")
            for number in range(count):
                papers.write(f"p{number},2026-01-05,{hashlib.sha256(b'%d' % number).hexdigest()}\n")
                rows.write(f"p{number},{number % 90},{'yes' if number % 2 else 'no'}\n")

    def enter(self) -> None:
        """Enter the table of papers, as ``consent import`` does."""
        now = int(time.time())
        common = entering.Common(DATASET, (PURPOSE,), now + 10**8, "A steward", "A co-op", now)
        records = importing.read(self.papers, common, self.register, os.urandom)
        self.codes = [code for _, code in self.register.enter(records)]

    def post(self) -> None:
        """Draft what ``consent post`` sends."""
        leaves, status = self.register.draft_posting(PLACE, DATASET)
        self.posting = register.Posting(leaves.root, leaves.size, status.root)

    def withdraw(self, count: int) -> None:
        """Take consents back, each by the code of its receipt and safely on the disk before the next."""
        for code in self.codes[:count]:
            gone = consents.Change(consents.Status.WITHDRAWN, int(time.time()), "holder", None)
            self.register.change(*self.register.of_code(code), gone)

    def choose(self) -> people.Chosen:
        """Choose whose rows go into a contribution and read them, as a node's job does; note it."""
        asked = people.Asked(DATASET, LEAST, USE, standing.Standing(self.posting, 7, int(time.time()) + 1))
        checks = reading.Checks(min_rows=0)
        found: list[int] = []

        def read(persons: people.Persons) -> people.Kept:
            table = reading.read_table(self.rows, COLUMNS, checks=checks, persons=persons)
            found[:] = [table.rows]
            return table.persons or ()

        chooser = people.People(self.folder, self.key, os.urandom)
        chosen = chooser.choose(asked, read)
        note = chosen.note(
            people.Place(0, 0, os.urandom(32), 1), rows=found[0], vector=memoryview(b"x"), salt=os.urandom(32)
        )
        chooser.keep(notes.decode(notes.encode(note)))
        return chosen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--consents", type=int, default=100_000, help="given in all")
    parser.add_argument("--withdrawn", type=int, default=1_000, help="taken back")
    options = parser.parse_args()
    count, gone = options.consents, options.withdrawn
    with tempfile.TemporaryDirectory() as folder:
        desk = Steward(pathlib.Path(folder), count)
        timed(f"import {count:,} consents from a table, sealed on the disk", desk.enter)
        timed("draft the posting: all leaves and the tree", desk.post)
        first = timed("choose whose rows go in, and read them", desk.choose)
        timed(f"take {gone:,} back with their codes, one by one", lambda: desk.withdraw(gone))
        timed("draft the next posting", desk.post)
        second = timed("choose again, without those who withdrew", desk.choose)
        if len(first.people) - len(second.people) - second.held_back != gone:
            sys.exit("the rows of those who withdrew were not all left out")
        say("peak of memory for all of it", "MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
