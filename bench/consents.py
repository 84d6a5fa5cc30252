"""What a co-op's register of people's consents costs: 100,000 given and 1,000 withdrawn behind one dataset.

Why: the README claims that this is one posting of at most 50,000 gas, in which each consent can be proven alone. Run by
people: ``python bench/consents.py [--json] [--consents 100000] [--withdrawn 1000]``. The contracts run in the embedded
ledger's EVM; gas is the receipts'. The encrypted records behind the leaves are measured by ``steward.py``, in a process
of its own.
"""

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import report
from aicommons import office, testing
from aicommons.domain import cards, ids
from aicommons.ledger import contracts, wallet
from aicommons.ledger import rpc as connections
from aicommons.protocol import consents

CARD = cards.DatasetCard("A co-op's table", "a co-op", 10, {}, "LicenseRef-private", 10, "none")
EXPIRY = testing.START + 365 * 86_400
REPEATS = 3


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: what was measured.
        unit: of ``measured`` and ``limit``.
        measured: seconds (median of three; the steward's part once), MB or gas.
        limit: what the project asks for, if it does.
    """

    name: str
    unit: str
    measured: float
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """Limit / measured: at least 1 is good."""
        return None if self.limit is None else self.limit / self.measured


class Bench:
    """One commons with a dataset whose register is open, and a person without membership."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.commons = testing.Commons(folder)
        self.wire = connections.LocalRpc(self.commons.ledger.handle)
        self.owner = self.commons.admit("co-op")
        self.holder = wallet.Wallet(os.urandom(32))
        self.person = office.Desk(self.commons.connect(self.holder), self.commons.store)
        self.guardian = wallet.Wallet(os.urandom(32))

    def open(self) -> int:
        """Return a dataset with an open register."""
        dataset = self.owner.desk.publish_dataset(CARD)
        self.owner.desk.open_register(dataset)
        return dataset

    def gas(self, act: Callable[[], object]) -> int:
        """Return the gas of the one transaction that ``act`` sends."""
        act()
        block = cast(dict[str, Any], connections.call(self.wire, "eth_getBlockByNumber", ["latest", False]))
        return int(block["gasUsed"], 16)

    def leaves(self, dataset: int, count: int) -> list[consents.Leaf]:
        """Return the leaves of a register; the last person has a key, one before it a guardian."""
        none = (ids.NOBODY, consents.NO_GUARDIANSHIP)
        made = [consents.Leaf(dataset, index, os.urandom(32), ids.NOBODY, *none, 0, EXPIRY) for index in range(count)]
        majority = testing.START + 86_400
        known = self.owner.desk.attest_guardian(b"\x01" * 32, self.guardian.address, majority, b"\x02" * 32)
        made[0] = dataclasses.replace(made[0], guardian=self.guardian.address, guardianship=known, majority=majority)
        made[1] = dataclasses.replace(made[1], holder=self.holder.address)
        made[-2] = dataclasses.replace(made[-2], holder=self.holder.address)
        return made

    def call_gas(self, leaf: consents.Leaf, proof: tuple[bytes, ...], word: int, status: tuple[bytes, ...]) -> int:
        """Return the gas of ``isLive`` as a transaction would pay it, the 21,000 of a transaction included."""
        values = [dataclasses.astuple(leaf), list(proof), word, list(status)]
        data = contracts.call_data("ConsentRegister", "isLive", values)
        place = self.owner.desk.register_place.contract
        request = {"to": ids.format_id(place), "data": "0x" + data.hex(), "from": ids.format_id(self.holder.address)}
        return int(str(connections.call(self.wire, "eth_estimateGas", [request])), 16)


def seconds(act: Callable[[], object]) -> float:
    """Return the median time of an act."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure(bench: Bench, count: int, withdrawn: int) -> Iterator[Row]:
    """Yield the table's rows."""
    dataset = bench.open()
    desk, place = bench.owner.desk, bench.owner.desk.register_place
    leaves = bench.leaves(dataset, count)
    taken = set(range(2, 2 + withdrawn))
    yield Row(f"hash {count:,} leaves", "s", seconds(lambda: [consents.leaf_hash(place, leaf) for leaf in leaves]))
    hashes = [consents.leaf_hash(place, leaf) for leaf in leaves]
    yield Row(f"tree over {count:,} leaves", "s", seconds(lambda: consents.Tree.over(hashes)))
    tree = consents.Tree.over(hashes)
    status = Row(
        f"status list with {withdrawn:,} withdrawn, and its tree",
        "s",
        seconds(lambda: consents.status_tree(dataset, consents.status_words(count, taken))),
    )
    yield status
    words = consents.status_words(count, taken)
    status_tree = consents.status_tree(dataset, words)
    gas = bench.gas(lambda: desk.post_register(dataset, tree, status_tree))
    yield Row(f"post {count:,} given and {withdrawn:,} withdrawn", "gas", gas, 50_000)
    yield from postings(bench, tree, status_tree)
    yield from alone(bench, leaves, tree, (words, status_tree))


def postings(bench: Bench, tree: consents.Tree, status: consents.Tree) -> Iterator[Row]:
    """Yield what opening costs, and what the same takes as two postings."""
    dataset = bench.owner.desk.publish_dataset(CARD)
    yield Row("open a register, once", "gas", bench.gas(lambda: bench.owner.desk.open_register(dataset)))
    none = consents.status_tree(dataset, consents.status_words(tree.size, []))
    given = bench.gas(lambda: bench.owner.desk.post_register(dataset, tree, none))
    then = bench.gas(lambda: bench.owner.desk.post_register(dataset, tree, status))
    yield Row("the same as two postings: given, then withdrawn", "gas", given + then)


def alone(
    bench: Bench, leaves: list[consents.Leaf], tree: consents.Tree, status: tuple[tuple[int, ...], consents.Tree]
) -> Iterator[Row]:
    """Yield what one person's proof and withdrawal cost."""
    words, status_tree = status
    proof = tree.proof(1)
    for index, who in ((1, "an adult's"), (0, "a child's")):
        gas = bench.call_gas(leaves[index], tree.proof(index), words[0], status_tree.proof(0))
        yield Row(f"isLive of {who} consent, {len(tree.proof(index))} + {len(status_tree.proof(0))} steps", "gas", gas)
    gas = bench.gas(lambda: bench.person.withdraw_leaf(leaves[1], proof))
    yield Row(f"withdraw alone, {len(proof)} steps", "gas", gas)
    place, index = bench.owner.desk.register_place, len(leaves) - 2
    deadline = testing.START + 60
    digest = consents.withdrawal_digest(place, consents.leaf_hash(place, leaves[index]), deadline)
    signed = {"deadline": deadline, "by": bench.holder.address, "signature": bench.holder.sign_digest(digest)}
    proof = tree.proof(index)
    gas = bench.gas(lambda: bench.owner.desk.withdraw_leaf_by_signature(leaves[index], proof, **cast(Any, signed)))
    yield Row(f"withdraw by signature, {len(proof)} steps", "gas", gas)


def steward(count: int, withdrawn: int) -> Iterator[Row]:
    """Yield what the register behind the leaves takes."""
    command = [sys.executable, str(pathlib.Path(__file__).with_name("steward.py"))]
    sizes = ["--consents", str(count), "--withdrawn", str(withdrawn)]
    with subprocess.Popen([*command, *sizes], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            yield Row(**json.loads(line))
    if process.returncode:
        sys.exit("the steward's part failed")


COLUMNS: report.Columns = {
    "what": lambda row: row["name"],
    "measured": lambda row: f"{row['measured']:,.{2 if row['unit'] == 's' else 0}f} {row['unit']}",
    "limit": lambda row: None if row["limit"] is None else f"{row['limit']:,.0f} {row['unit']}",
    "times as good": lambda row: None if row["ratio"] is None else round(row["ratio"], 2),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("--consents", type=int, default=100_000, help="given in all")
    parser.add_argument("--withdrawn", type=int, default=1_000, help="taken back through the steward")
    options = parser.parse_args()
    title = f"People's consents behind one dataset (`consents.py`, {options.consents:,} given)"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(pathlib.Path(folder))
        own = steward(options.consents, options.withdrawn)
        measured = itertools.chain(measure(bench, options.consents, options.withdrawn), own)
        rows = ({**dataclasses.asdict(row), "ratio": row.ratio, "machine": report.machine()} for row in measured)
        report.show(title, rows, COLUMNS, as_json=options.json)
        bench.commons.close()


if __name__ == "__main__":
    main()
