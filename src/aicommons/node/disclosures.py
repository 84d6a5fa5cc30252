"""What a dataset has told over all of its runs, and which further sum would tell about too few sites or rows.

Kept in the node's journal, a line per round, before anything of the round is sent. ``check_disclosure`` looks at who takes part:
``run confirm`` asks it so that a person can decide, ``contributing`` before the Ack and ``committing`` before the Commit.
``check_rows`` looks at this site's own rows, in the job that has read them. Neither needs anybody else's word. A home that lost
its journal has forgotten; and what other sites change in their own rows, no site can see.
"""

import dataclasses
import functools
import itertools
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aicommons.domain import encoding, errors, ids, schema
from aicommons.learning import blocks, records, splitting
from aicommons.learning import recipe as recipes
from aicommons.node import journal, overlap

PIECES = 4
"""A row's hash is summed in pieces of 16 bits: exact in float64 for 2^37 rows."""
SHORT = 16
"""Hexadecimal digits that tell columns, and contents of columns, apart."""
MOST_TOTALS = 64
"""Newest numbers of rows that are looked at in combinations of four: some 100,000."""


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a site knows of the rows that it gave."""

    rows: int
    """Training rows."""
    held_out_rows: int
    content: str
    """Equal for equal sets of rows in the same columns; keyed with the dataset's own secret, hexadecimal."""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The same of each column alone: its name and what it was declared as -> what identifies its values, hexadecimal."""

    @property
    def total(self) -> int:
        """All of its rows."""
        return self.rows + self.held_out_rows


def facts_of(rows: recipes.Rows, seed: bytes, plan: schema.Schema) -> Facts:
    """Return what is kept of ``rows``: one more pass over them.

    Args:
        rows: those that are added up, small cells already taken care of.
        seed: the dataset's own secret.
        plan: what their columns are.
    """
    places = _places(plan)
    partial = functools.partial(_sums, int.from_bytes(seed[:8], "big"), tuple(places.values()))
    train, held_out = records.fold_both(rows.train, partial, rows.held_out, partial)
    content = (train["content"] + held_out["content"]).astype(np.uint64).reshape(-1, PIECES)
    whole, *columns = (each.astype(">u8").tobytes() for each in content)
    names = {name: ids.digest(each).hex()[:SHORT] for name, each in zip(places, columns, strict=True)}
    return Facts(int(train["rows"][0]), int(held_out["rows"][0]), whole.hex(), names)


def _places(plan: schema.Schema) -> dict[str, tuple[int, int]]:
    """Return each column of the owner's, with what it is declared as -> from where to where it is among a row's numbers."""
    alone = [schema.to_document(schema.Schema((each,), plan.target))["features"] for each in plan.features]
    outcome = [] if plan.target is None else [(plan.target.name, schema.to_document(plan)["target"], 1)]
    declared = [*alone, *(document for _, document, _ in outcome)]
    names = [*(feature.name for feature in plan.features), *(name for name, _, _ in outcome)]
    widths = [*(len(feature.columns()) for feature in plan.features), *(width for _, _, width in outcome)]
    ends = itertools.accumulate(widths)
    return {
        f"{name} {ids.digest(encoding.canonical_json(each)).hex()[:SHORT]}": (end - width, end)
        for name, each, width, end in zip(names, declared, widths, ends, strict=True)
    }


def _sums(seed: int, places: Sequence[tuple[int, int]], table: records.Table) -> blocks.Contribution:
    numbers = np.column_stack([table.features, table.target])
    parts = [numbers, *(numbers[:, start:end] for start, end in places)]
    hashes = np.stack([splitting.row_hashes(part, seed=seed) for part in parts])
    pieces = [(hashes >> np.uint64(16 * index)) & np.uint64(0xFFFF) for index in range(PIECES)]
    content = np.stack([piece.sum(axis=1, dtype=np.uint64) for piece in pieces], axis=1)
    return {"rows": np.array([float(table.rows)]), "content": content.astype(np.float64).ravel()}


@functools.lru_cache(maxsize=16)
def schema_digest(plan: schema.Schema) -> bytes:
    """Return the digest of a plan's columns."""
    return ids.digest(encoding.canonical_json(schema.to_document(plan)))


def columns_of(plan: schema.Schema) -> list[str]:
    """Return the names of the owner's columns that a plan uses."""
    return sorted(each.name for each in plan.declared)


def required_by(plan: schema.Schema) -> list[str]:
    """Return the names of the columns without whose value a row is left out."""
    return columns_of(plan) if plan.missing is schema.Missing.DROP else [each.name for each in plan.outcomes]


def body(plan: schema.Schema, declared: Sequence[blocks.Block], facts: Facts | None) -> str:
    """Return what a line of the record says beside who took part, as JSON."""
    told: dict[str, object] = {
        "columns": columns_of(plan), "required": required_by(plan), "sums": [block.name for block in declared]
    }  # fmt: skip
    known = {} if facts is None else dataclasses.asdict(facts)
    if facts is not None:
        known["contents"] = known.pop("columns")
    return json.dumps(told | known, sort_keys=True)


def facts_in(made: journal.Disclosure) -> Facts | None:
    """Return what a line of the record says about rows; only round 0's does."""
    told = json.loads(made.body)
    if "content" not in told:
        return None
    return Facts(told["rows"], told["held_out_rows"], told["content"], told.get("contents", {}))


def columns_in(made: journal.Disclosure) -> tuple[str, ...]:
    """Return the owner's columns that a line of the record says were used."""
    return tuple(str(each) for each in json.loads(made.body)["columns"])


def _required_in(made: journal.Disclosure) -> frozenset[str]:
    told = json.loads(made.body)
    return frozenset(told.get("required", told["columns"]))


def check_disclosure(
    kept: journal.Journal,
    run_id: ids.RunId,
    pin: journal.Pin,
    *,
    members: Sequence[int],
    faults: int,
    beside: Sequence[Sequence[int]] = (),
) -> None:
    """Check that a set of sites may be summed beside all sets that were summed before with this dataset.

    In a divided run each cell is such a set, ``beside`` others of the same round.

    Raises:
        errors.AggregationRefused: ``set-too-near``, naming the run and the sites; nobody is to blame.
    """
    found = overlap.find(kept, run_id, pin, members=members, faults=faults, beside=beside)
    if found is not None:
        raise errors.AggregationRefused(in_words(found), reason="set-too-near")


def in_words(found: overlap.Overlap, name: Callable[[int], str] = "member {}".format) -> str:
    """Return what could be computed from the sums of earlier runs and this one, ``name`` giving a member's name."""
    sites = " and ".join(map(name, found.apart))
    run = ids.short(found.run_id)
    if found.is_combined:
        return f"from its sum and those of several earlier runs (the newest is {run}) that of {sites} would follow"
    return f"its participants differ only in {sites} from those of run {run} with the same dataset or problem"


def check_rows(
    minimum: int,
    earlier: Sequence[journal.Disclosure],
    wanted: schema.Schema,
    facts: Facts,
    *,
    members: Sequence[int],
) -> None:
    """Check that this site's rows are those of an earlier sum of the same sites, or differ in at least k of them.

    Without a register of people nobody says which rows they are; three things are known. The number of rows that came or went is
    at least the difference of the totals, and where that is smaller than k nothing shows that k persons stand between the two
    sums. With equal totals the rows are the same, unless a column that both sums have has other values now, or values in other
    rows: then nobody knows how many changed. And plans that leave out rows with gaps in different columns give totals that can be
    added and taken away: a + d - b - c rows are those with gaps in both of two columns.

    Raises:
        errors.ContributionRefused: the sums of earlier runs and this one could tell about fewer than k rows.
    """
    if minimum == 1:
        return
    columns = columns_of(wanted)
    shared: list[tuple[journal.Disclosure, Facts]] = []
    for made in earlier:
        before = facts_in(made)
        if before is None or sorted(made.members) != sorted(members) or set(columns_in(made)).isdisjoint(columns):
            continue
        shared.append((made, before))
        change = abs(facts.total - before.total)
        if 0 < change < minimum or (change == 0 and not _are_same(made, before, wanted, facts)):
            raise _too_few(made, minimum, "the same sites were summed before")
    seen = [(_required_in(made), before.total, made) for made, before in reversed(shared)][:MOST_TOTALS]
    near = _combined((frozenset(required_by(wanted)), facts.total), seen, minimum)
    if near is not None:
        raise _too_few(near, minimum, "sums over other columns were made before, several of them together")


def _are_same(made: journal.Disclosure, before: Facts, wanted: schema.Schema, facts: Facts) -> bool:
    """Return whether two sums of equally many rows are of the same ones, as far as the columns say that are in both."""
    if made.schema == schema_digest(wanted):
        return facts.content == before.content
    both = facts.columns.keys() & before.columns.keys()
    return bool(both) and all(facts.columns[name] == before.columns[name] for name in both)


Total = tuple[frozenset[str], int]
"""Columns without whose value a row is left out, and how many rows that left."""


def _combined(
    wanted: Total, seen: Sequence[tuple[frozenset[str], int, journal.Disclosure]], minimum: int
) -> journal.Disclosure | None:
    """Return the newest of three earlier sums from which, with the wanted one, a sum of 1 to k - 1 rows may follow.

    Two are added and two taken away, each over other columns than the others: whoever has no gap is gone then.
    """
    required, total = wanted
    others = {(columns, count): made for columns, count, made in reversed(seen) if columns != required}
    for ((one, less), first), ((other, less_too), second) in itertools.combinations(others.items(), 2):
        for (third, more), last in others.items():
            if len({one, other, third}) == 3 and 0 < abs(total + more - less - less_too) < minimum:
                return max((first, second, last), key=lambda each: [*others.values()].index(each))
    return None


def _too_few(made: journal.Disclosure, minimum: int, since: str) -> errors.ContributionRefused:
    return errors.ContributionRefused(
        f"too few rows have changed since {since}; the difference would tell about them",
        which=f"dataset {made.dataset_id}, run {ids.format_id(made.run_id)[:12]}",
        expected=f"the same rows, or at least {minimum} more or fewer",
        got="rows that changed, fewer or not countably more",
        next_step="Wait for more rows, train with at least two other sites, or accept it: "
        "`commons run confirm RUN --allow-overlap`.",
    )
