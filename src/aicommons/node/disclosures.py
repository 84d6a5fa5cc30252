"""What a dataset has told over all of its runs, and which further sum would tell about too few sites or rows.

Kept in the node's journal, a line per round, before anything of the round is sent. ``check_disclosure`` looks at who takes part:
``run confirm`` asks it so that a person can decide, ``contributing`` before the Ack and ``committing`` before the Commit.
``check_rows`` looks at this site's own rows, in the job that has read them. Neither needs anybody else's word. A home that lost
its journal has forgotten; and what other sites change in their own rows, no site can see.
"""

import dataclasses
import functools
import json
from collections.abc import Sequence

import numpy as np

from aicommons.domain import documents, encoding, errors, ids, schema
from aicommons.learning import blocks, records, splitting
from aicommons.learning import recipe as recipes
from aicommons.node import journal, overlap

PIECES = 4
"""A row's hash is summed in pieces of 16 bits: exact in float64 for 2^37 rows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a site knows of the rows that it gave."""

    rows: int
    """Training rows."""
    held_out_rows: int
    content: str
    """Equal for equal sets of rows in the same columns; keyed with the dataset's own secret, hexadecimal."""

    @property
    def total(self) -> int:
        """All of its rows."""
        return self.rows + self.held_out_rows


def facts_of(rows: recipes.Rows, seed: bytes) -> Facts:
    """Return what is kept of ``rows``: one more pass over them.

    Args:
        rows: those that are added up, small cells already taken care of.
        seed: the dataset's own secret.
    """
    partial = functools.partial(_sums, int.from_bytes(seed[:8], "big"))
    train, held_out = records.fold_both(rows.train, partial, rows.held_out, partial)
    content = [int(value) for value in (train["content"] + held_out["content"]).tolist()]
    return Facts(int(train["rows"][0]), int(held_out["rows"][0]), b"".join(n.to_bytes(8, "big") for n in content).hex())


def _sums(seed: int, table: records.Table) -> blocks.Contribution:
    hashes = splitting.row_hashes(np.column_stack([table.features, table.target]), seed=seed)
    pieces = [(hashes >> np.uint64(16 * index)) & np.uint64(0xFFFF) for index in range(PIECES)]
    content = np.array([piece.sum(dtype=np.uint64) for piece in pieces], dtype=np.float64)
    return {"rows": np.array([float(table.rows)]), "content": content}


def schema_digest(plan: schema.Schema) -> bytes:
    """Return the digest of a plan's columns."""
    return ids.digest(encoding.canonical_json(schema.to_document(plan)))


def columns_of(plan: schema.Schema) -> list[str]:
    """Return the names of the owner's columns that a plan uses."""
    return sorted([*(feature.name for feature in plan.features), plan.target.name])


def body(plan: schema.Schema, declared: Sequence[blocks.Block], facts: Facts | None) -> str:
    """Return what a line of the record says beside who took part, as JSON."""
    told: dict[str, object] = {"columns": columns_of(plan), "sums": [block.name for block in declared]}
    return json.dumps(told | ({} if facts is None else dataclasses.asdict(facts)), sort_keys=True)


def facts_in(made: journal.Disclosure) -> Facts | None:
    """Return what a line of the record says about rows; only round 0's does."""
    told = json.loads(made.body)
    return Facts(told["rows"], told["held_out_rows"], told["content"]) if "content" in told else None


def columns_in(made: journal.Disclosure) -> tuple[str, ...]:
    """Return the owner's columns that a line of the record says were used."""
    return tuple(str(each) for each in json.loads(made.body)["columns"])


def check_disclosure(
    kept: journal.Journal, run_id: ids.RunId, pin: journal.Pin, *, members: Sequence[int], faults: int
) -> None:
    """Check that a set of sites may be summed beside all sets that were summed before with this dataset.

    Raises:
        errors.AggregationRefused: ``set-too-near``, naming the run and the sites; nobody is to blame.
    """
    found = overlap.find(kept, run_id, pin, members=members, faults=faults)
    if found is not None:
        raise errors.AggregationRefused(in_words(found), reason="set-too-near")


def in_words(found: overlap.Overlap) -> str:
    """Return what could be computed from the sums of earlier runs and this one."""
    sites = ", ".join(map(str, found.apart))
    run = ids.format_id(found.run_id)[:12]
    if found.is_combined:
        return (
            f"from its sum and those of several earlier runs (the newest is {run}) that of member {sites} would follow"
        )
    return f"its participants differ only in member {sites} from those of run {run} with the same dataset or problem"


def check_rows(
    minimum: int,
    earlier: Sequence[journal.Disclosure],
    wanted: schema.Schema,
    facts: Facts,
    *,
    members: Sequence[int],
) -> None:
    """Check that this site's rows are those of an earlier sum of the same sites, or differ in at least k of them.

    The number of rows that came or went is at least the difference of the totals; where it is smaller than k nothing shows
    that k persons stand between the two sums, so it is refused.

    Raises:
        errors.ContributionRefused: an earlier run's sum less this one's could tell about fewer than k rows.
    """
    if minimum == 1:
        return
    for made in earlier:
        before = facts_in(made)
        if before is None or sorted(made.members) != sorted(members):
            continue
        if set(columns_in(made)).isdisjoint(columns_of(wanted)):
            continue
        change = abs(facts.total - before.total)
        is_edited = made.schema == schema_digest(wanted) and facts.content != before.content
        if 0 < change < minimum or (change == 0 and is_edited):
            raise errors.ContributionRefused(
                "too few rows have changed since the same sites were summed before; the difference would tell about them",
                which=f"dataset {made.dataset_id}, run {ids.format_id(made.run_id)[:12]}",
                expected=f"the same rows, or at least {minimum} more or fewer",
                got="rows that changed, fewer or not countably more",
                next_step="Wait for more rows, train with at least two other sites, or accept it: "
                "`commons run confirm RUN --allow-overlap`.",
            )


def plan_digest(plan: documents.Plan) -> bytes:
    """Return the digest of a plan."""
    return ids.digest(plan.encode())
