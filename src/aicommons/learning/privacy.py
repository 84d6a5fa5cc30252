"""Small cells: what a site does, before anything is masked, about levels and classes that few of its rows have.

The node calls ``guard`` (and ``with_noise``) in the job that computes a contribution, by its owner's rule and never by the
plan's: a sum cannot be suppressed afterwards. A cell is a category's level, a class, a category's gap, or all rows of a side;
it is small with 1 to k - 1 rows. What this does for a person, and what it does not, is ``docs/explanation/what-leaves-a-site``.
Left out: record-level differential privacy of gradients, and what sums of several runs tell together (``node/disclosures``).
"""

import dataclasses
import fractions
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from aicommons.domain import encoding, errors, policies, schema
from aicommons.learning import blocks, describe, learner, recipe, records, state

Indexes = frozenset[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """An owner's rule for one dataset."""

    minimum: int = 1
    """k: a cell with 1 to k - 1 rows is small."""
    treatment: policies.SmallCells = policies.SmallCells.ALLOW
    """What happens to its rows: SUPPRESS holds them back; COARSEN takes a level for missing, with as many others as it takes
    to make the gap large enough, and holds a small class back; NOISE is on round 0's counts of a learner that trains at the
    site, and means SUPPRESS for one that sends exact sums, which would tell the counts again."""
    epsilon: fractions.Fraction | None = None
    """Of the noise on all of round 0's counts together, per record; with NOISE only."""
    columns: int | None = None
    """How many columns plans may learn from: the noise is for all their counts, whichever of them a plan uses; with
    NOISE only. ``None`` where nobody declared them; it is then for the plan's own."""
    budget: float | None = None
    """Most privacy loss per unit and year over all runs; ``None`` for no bound: then plans need not protect anybody."""
    unit: policies.PrivacyUnit = policies.PrivacyUnit.RECORD
    """Whose loss it is."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            errors.InputError: a minimum below 1, noise without a positive epsilon, or epsilon without noise.
        """
        is_noisy = self.treatment is policies.SmallCells.NOISE
        if (
            self.minimum < 1
            or is_noisy != (self.epsilon is not None)
            or (self.epsilon is not None and self.epsilon <= 0)
        ):
            raise errors.InputError(
                "a rule for small cells contradicts itself",
                which="minimum cell",
                expected="at least 1, and a positive epsilon exactly with noise",
                got=f"{self.minimum}, {self.treatment.value}, epsilon {self.epsilon}",
            )


EVERYTHING = Rule()
"""No cell is small."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """Some of a site's rows, as a sum would count them."""

    name: str
    """``rows``, ``class yes``, ``kind=p``, or ``kind`` for the rows without a level."""
    rows: int
    """How many there are."""


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """Cells of some rows."""

    rows: int
    levels: tuple[int, ...]
    """Rows with each column of a category set, 0 for other columns; float64 columns of the schema, in order."""
    classes: tuple[int, ...]
    """Rows of each class, or without and with a seen event; none for other numbers."""


def smallest_cell(plan: schema.Schema, found: records.Records) -> Cell | None:
    """Return the cell with the fewest rows that there are, ``None`` of no rows: what a dry run shows its owner."""
    return min(cells(plan, count(plan, found)), key=lambda cell: cell.rows, default=None)


def cells(plan: schema.Schema, counts: Counts) -> Iterator[Cell]:
    """Yield the cells that have rows."""
    named = [("rows", counts.rows)]
    named += [(f"class {label}", rows) for label, rows in zip(plan.outcome_levels, counts.classes, strict=True)]
    for feature, places in categories(plan):
        named += [(plan.columns[place].name, counts.levels[place]) for place in places]
        named.append((feature.name, gap(counts, places)))
    yield from (Cell(name, rows) for name, rows in named if rows > 0)


def categories(plan: schema.Schema) -> Iterator[tuple[schema.Feature, range]]:
    """Yield each category with the places of its levels among the schema's columns."""
    start = 0
    for feature in plan.features:
        width = len(feature.columns())
        if feature.kind is schema.Kind.CATEGORY:
            yield feature, range(start, start + width)
        start += width


def gap(counts: Counts, places: Sequence[int]) -> int:
    """Return how many rows have no level of the category at ``places``."""
    return counts.rows - sum(counts.levels[place] for place in places)


def count(plan: schema.Schema, found: records.Records) -> Counts:
    """Return the cells of ``found``: one pass over the rows."""
    sums = found.fold(functools.partial(_count, plan))
    whole = {name: [round(value) for value in vector.tolist()] for name, vector in sums.items()}
    is_level = {place for _, places in categories(plan) for place in places}
    levels = tuple(rows if place in is_level else 0 for place, rows in enumerate(whole["levels"]))
    return Counts(whole["rows"][0], levels, tuple(whole["classes"]))


def _count(plan: schema.Schema, table: records.Table) -> blocks.Contribution:
    levels = len(plan.outcome_levels)
    found = records.outcome_index(plan, table.target)
    return {
        "rows": np.array([float(table.rows)]),
        "levels": (table.features == 1.0).sum(axis=0, dtype=np.float64),
        "classes": np.bincount(found, minlength=levels)[:levels].astype(np.float64),
    }


def guard(made: recipe.Recipe, rows: recipe.Rows, rule: Rule) -> recipe.Rows:
    """Return the rows that may be added up: training rows by ``rule``, held-out ones without small classes.

    Levels of held-out rows are in no sum; their classes are in the confusion matrix. A plan with differential privacy hides every
    cell under noise; leaving rows out because of others would undo what it promises.
    """
    if made.protection is not None:
        return rows
    treatment = rule.treatment
    if treatment is policies.SmallCells.NOISE and not _hides_counts(made):
        treatment = policies.SmallCells.SUPPRESS
    if rule.minimum == 1 or treatment is policies.SmallCells.ALLOW:
        return rows
    train, held_out = (each.changed(made.checked) for each in (rows.train, rows.held_out))
    held_out = _suppressed(made.schema, held_out, rule.minimum, has_levels=False)
    if treatment is policies.SmallCells.NOISE:
        return recipe.Rows(rows.train, held_out)
    train = _suppressed(made.schema, train, rule.minimum, has_levels=treatment is policies.SmallCells.SUPPRESS)
    return recipe.Rows(
        train if treatment is policies.SmallCells.SUPPRESS else _coarsened(made.schema, train, rule.minimum), held_out
    )


def _suppressed(plan: schema.Schema, found: records.Records, minimum: int, *, has_levels: bool) -> records.Records:
    """Return the rows that are in no small cell; holding some back may make others small, so until none is."""
    while True:
        counts = count(plan, found)
        held = _Held(
            plan,
            everything=0 < counts.rows < minimum,
            levels=frozenset(_small(counts.levels, minimum)) if has_levels else frozenset(),
            gaps=tuple(places for _, places in categories(plan) if has_levels and 0 < gap(counts, places) < minimum),
            classes=frozenset(_small(counts.classes, minimum)),
        )
        if not (held.everything or held.levels or held.gaps or held.classes):
            return found
        found = found.select(held.stay)


def _small(counts: Sequence[int], minimum: int) -> Iterator[int]:
    return (place for place, rows in enumerate(counts) if 0 < rows < minimum)


@dataclasses.dataclass(frozen=True, slots=True)
class _Held:
    """Which rows are held back."""

    plan: schema.Schema
    everything: bool
    levels: Indexes
    """Columns of which a row may have none."""
    gaps: tuple[range, ...]
    """Columns of which a row must have one."""
    classes: Indexes

    def stay(self, table: records.Table) -> records.Mask:
        """Return bool[rows]: which stay."""
        if self.everything:
            return np.zeros(table.rows, dtype=np.bool_)
        found = records.outcome_index(self.plan, table.target)
        held = np.isin(found, sorted(self.classes)) if self.classes else np.zeros(table.rows, dtype=np.bool_)
        for place in self.levels:
            held |= table.features[:, place] == 1.0
        for places in self.gaps:
            held |= ~(table.features[:, places.start : places.stop] == 1.0).any(axis=1)
        return ~held


def _coarsened(plan: schema.Schema, found: records.Records, minimum: int) -> records.Records:
    """Return the rows with small levels taken for missing, and others with them where the gap would be small itself."""
    counts = count(plan, found)
    places = [place for _, inside in categories(plan) for place in merged(counts, inside, minimum)]
    return found.changed(functools.partial(_without, places)) if places else found


def merged(counts: Counts, places: Sequence[int], minimum: int) -> list[int]:
    """Return which levels become missing: the small ones, then the next smallest while the gap is a small cell."""
    gone: list[int] = []
    missing = gap(counts, places)
    for place in sorted(
        (place for place in places if counts.levels[place] > 0), key=lambda place: counts.levels[place]
    ):
        if counts.levels[place] < minimum or 0 < missing < minimum:
            gone.append(place)
            missing += counts.levels[place]
    return gone


def _without(places: Sequence[int], table: records.Table) -> records.Table:
    features = table.features.copy()
    features[:, places] = 0.0
    return dataclasses.replace(table, features=features)


def with_noise(made: recipe.Recipe, contribution: blocks.Contribution, rule: Rule, seed: bytes) -> blocks.Contribution:
    """Return round 0's contribution with noise on its counts where the rule and the learner ask for it; else unchanged.

    Two-sided geometric noise (Ghosh, Roughgarden and Sundararajan 2009) of scale sensitivity / epsilon on each count, where
    one record changes at most ``sensitivity`` of them by one. It is drawn from ``seed``, the count's name and the count: the
    same count has the same noise in every attempt and every run, so that asking again averages nothing away.

    That holds only if the scale is the same in every run, so it is that of all columns which a plan may use, and not of those
    which it does: plans of forty widths would else get forty draws for one count. One draw scaled to each plan would be worse:
    count + s * draw at two scales s gives both. With one scale, all counts of all plans that leave and divide the rows alike, each
    noisy once, spend ``epsilon`` together. A new version of the dataset may have other columns and so another scale.

    Args:
        made: what is trained.
        contribution: of the DESCRIBE stage; any other has no such block.
        rule: the owner's.
        seed: 32 bytes of the node's own, kept for this dataset and never sent.
    """
    if rule.epsilon is None or not _hides_counts(made) or set(contribution) != {describe.BLOCK_NAME}:
        return contribution
    scale = max(sensitivity(made.schema), 0 if rule.columns is None else most_counts(rule.columns)) / rule.epsilon

    def noisy(name: str, rows: int) -> int:
        named = encoding.canonical_json([name, rows, str(scale)])
        return max(rows + two_sided_geometric(scale, _stream(seed + named)), 0)

    return describe.with_counts(made.schema, contribution, noisy)


def withheld(
    made: recipe.Recipe, value: state.State, contribution: blocks.Contribution, rule: Rule
) -> blocks.Contribution:
    """Return a contribution without the cells that few of this site's rows are in, where its sums count rows in cells.

    Levels and classes are ``guard``'s; this is for cells that a learner makes itself, such as those of a cross-table.
    """
    if rule.minimum == 1 or rule.treatment is policies.SmallCells.ALLOW or value.stage is not state.Stage.FIT:
        return contribution
    if not isinstance(made.learner, learner.Withholding):
        return contribution
    own = {block.name for block in made.learner.blocks(value)}
    sums = {name: vector for name, vector in contribution.items() if name in own}
    return {**contribution, **made.learner.withheld(value, sums, rule.minimum)}


def _hides_counts(made: recipe.Recipe) -> bool:
    """Return whether no later round tells the counts again: a curvature does, and so do weights that sites send."""
    return (
        isinstance(made.learner, learner.LocalTraining)
        and not made.learner.tells_rows
        and made.safeguards.robust is None
    )


def sensitivity(plan: schema.Schema) -> int:
    """Return how many of round 0's counts one record is in: rows, its class, a level per category, its present values."""
    filled = int(records.may_have_gaps(plan).sum())
    return 1 + (len(plan.outcome_levels) > 0) + len(list(categories(plan))) + filled


def most_counts(columns: int) -> int:
    """Return how many counts of any plans one record is in: rows, and per column its class, its level or that it has a value.

    A column is the target of one plan and a feature of another, so each counts twice.
    """
    return 1 + 2 * columns


Draw = Callable[[int], int]
"""Returns a number from 0 to n - 1, all equally likely."""


def two_sided_geometric(scale: fractions.Fraction, below: Draw) -> int:
    """Return k with probability proportional to exp(-|k| / scale), exactly (Canonne, Kamath and Steinke 2020, algorithm 2).

    Whole-number arithmetic only: no floating-point tail tells the count.
    """
    t, s = scale.numerator, scale.denominator
    while True:
        u = below(t)
        if not _bernoulli_exp(fractions.Fraction(u, t), below):
            continue
        v = next(times for times in itertools.count() if not _bernoulli_exp(fractions.Fraction(1), below))
        size = (u + t * v) // s
        is_negative = below(2) == 1
        if not (is_negative and size == 0):
            return -size if is_negative else size


def _bernoulli_exp(gamma: fractions.Fraction, below: Draw) -> bool:
    """Return True with probability exp(-gamma), 0 <= gamma <= 1 (algorithm 1 of the same paper)."""
    k = 1
    while below(gamma.denominator * k) < gamma.numerator:
        k += 1
    return k % 2 == 1


def _stream(key: bytes) -> Draw:
    """Return draws from SHAKE-256 of ``key``, one after the other, by rejection."""
    source = hashlib.shake_256(key)
    position, known = 0, b""

    def below(most: int) -> int:
        nonlocal position, known
        size = (most.bit_length() + 7) // 8 + 8
        limit = 2 ** (8 * size) // most * most
        while True:
            if position + size > len(known):
                known = source.digest(2 * (position + size) + 256)
            value = int.from_bytes(known[position : position + size], "big")
            position += size
            if value < limit:
                return value % most

    return below
