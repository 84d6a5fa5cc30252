"""Survival curves of all sites together (Kaplan and Meier 1958), by group, with Greenwood's errors and the log-rank test.

One round: each site counts seen events and censorings in public intervals of time, for each level of one category where a
plan names one. Where the intervals are as long as the unit in which times are measured, the curves and the test are those of
the pooled rows; else they are those of times that are known by interval only, events of an interval before its censorings.
Made by ``recipe``; the p-value, which needs a special function, is in the exhibits alone. Left out: left truncation, weights,
stratified tests, and smoothing between the cuts.
"""

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, exhibits, gamma, intervals, learner, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Exhibit = exhibits.Exhibit
Intervals = intervals.Intervals
SOLVES = (schema.Task.SURVIVAL,)
DEFAULT_INTERVALS = 64
MOST_GROUPS = 128
"""The test inverts a matrix of their square, added up once per interval."""
MOST_CELLS = 2**18
"""Groups times intervals: 4 MB of a masked vector for events and censorings together."""
EVERYBODY = "everybody"
CURVES: Final = ("at_risk", "events", "censored", "survival", "error")
"""Arrays float64[1 + groups, 1 + intervals] of a state: everybody first, then the groups; one column per edge."""
EVENTS: Final = "events"
CENSORED: Final = "censored"
TEST: Final = "log_rank"
HALF = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class KaplanMeier:
    """The learner."""

    intervals: Intervals
    """What is counted over."""
    by: str | None = None
    """Name of the category whose levels are groups; ``None`` for everybody together."""
    levels: tuple[str, ...] = ()
    """That category's levels, from the plan's schema."""
    first_column: int = 0
    """Where the columns of the levels begin among a table's features."""

    combiner = combine.NEWTON_STEP
    word_bits = 64
    most_steps = 1
    takes_raw: Literal[True] = True
    is_unjudged: Literal[True] = True

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        return {**self.intervals.options(), **({} if self.by is None else {"by": self.by})}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that curves and test can be computed.

        Raises:
            errors.InputError: too many groups, or too many groups times intervals.
        """
        _ = plan
        if len(self.levels) > MOST_GROUPS:
            raise errors.InputError(
                "too many groups to compare",
                which="recipe.by",
                expected=f"a category of at most {MOST_GROUPS} levels",
                got=len(self.levels),
            )
        if self._groups * (self.intervals.count + 1) > MOST_CELLS:
            raise errors.InputError(
                "there are too many groups and intervals together",
                which="recipe kaplan_meier",
                expected=f"at most {MOST_CELLS} (groups times intervals + 1)",
                got=self._groups * (self.intervals.count + 1),
                next_step="Ask for fewer intervals.",
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return curves that nothing is known of yet; ``seed`` is not needed."""
        _ = plan, seed
        shape = (1 + len(self.levels), self.intervals.count + 1)
        return state.State(state.Stage.FIT, 0, {**{name: np.zeros(shape) for name in CURVES}, TEST: np.zeros(2)})

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return the counts; none is above the number of training rows of all sites."""
        cap = caps.power_of_two(float(value.arrays["rows"][0]))
        length = self._groups * (self.intervals.count + 1)
        return tuple(Block(name, length, cap, blocks.Encoding.INTEGER) for name in (EVENTS, CENSORED))

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return events and censorings per group (those without a level in none) and interval, times at the start apart."""
        _ = value
        groups = self._group(table.features)
        groups = groups - 1 if self.by is not None else groups
        columns = self.intervals.count + 1
        cells = groups * columns + self.intervals.places(np.abs(table.target))
        size = self._groups * columns
        seen = ~np.signbit(table.target)
        counted = {EVENTS: cells[seen & (groups >= 0)], CENSORED: cells[~seen & (groups >= 0)]}
        return {name: np.bincount(places, minlength=size).astype(np.float64) for name, places in counted.items()}

    def withheld(self, value: state.State, sums: Contribution, minimum: int) -> Contribution:
        """Return one site's counts with its rows in cells of ``minimum`` at least: as many neighbours as that at their mean place.

        This is microaggregation (Domingo-Ferrer and Mateo-Sanz 2002): no cell is lost, times become coarser. A group of which the site has 1 to ``minimum`` - 1 events, or so
        many censorings, is held back as a whole: without one of the two its curve would be wrong, not only coarser.
        """
        _ = value
        shape = (self._groups, self.intervals.count + 1)
        kept = {name: sums[name].reshape(shape).copy() for name in (EVENTS, CENSORED)}
        for group in range(self._groups):
            totals = [rows[group].sum() for rows in kept.values()]
            if any(0 < total < minimum for total in totals):
                for rows in kept.values():
                    rows[group] = 0.0
            for rows in kept.values():
                rows[group] = _gathered(rows[group], minimum)
        return {name: rows.ravel() for name, rows in kept.items()}

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the curves and the test; the run ends with them."""
        shape = (self._groups, self.intervals.count + 1)
        events, censored = (_not_negative(sums[name]).reshape(shape) for name in (EVENTS, CENSORED))
        if self.by is not None:
            test = _log_rank(events, _at_risk(events, censored))
            events, censored = (np.vstack([_over_groups(each), each]) for each in (events, censored))
        else:
            test = np.zeros(2)
        at_risk = _at_risk(events, censored)
        survival, error = _product_limit(events, at_risk)
        found = zip(CURVES, (at_risk, events, censored, survival, error), strict=True)
        return dataclasses.replace(
            value,
            stage=state.Stage.FINISHED,
            step=value.step + 1,
            arrays={**value.arrays, **dict(found), TEST: test},
            reason=state.Reason.CONVERGED,
        )

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return float64[n]: the row of the curves that a person's group has; 0, everybody's, without a level."""
        _ = value
        return self._group(features).astype(np.float64)

    def predict(self, value: state.State, scores: state.Array) -> state.Array:
        """Return float64[n, intervals + 1]: the share of each person's group that has had no event yet, at every edge."""
        return value.arrays["survival"][scores.astype(np.int64)]

    def heads(self, value: state.State) -> tuple[str, ...]:
        """Return the times of the columns of ``predict``."""
        _ = value
        return tuple(f"{edge:g}" for edge in self.intervals.edges)

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return medians, the test where there are groups, and the curves."""
        time = "time" if plan.target is None else plan.target.name
        named = (EVERYBODY, *(f"{self.by}={level}" for level in self.levels))
        found = [self._medians(value, named, time)]
        if self.by is not None:
            found.append(_test_exhibit(value, self.by))
        return (*found, self._curves(value, named, time))

    @property
    def _groups(self) -> int:
        """Number of groups that are counted."""
        return max(len(self.levels), 1)

    def _group(self, features: state.Array) -> npt.NDArray[np.int64]:
        """Return int64[n]: 1 + the place of each row's level; 0 without one, or where there are no groups."""
        levels = features[:, self.first_column : self.first_column + len(self.levels)] == 1.0
        places = np.arange(1, len(self.levels) + 1)
        groups: npt.NDArray[np.int64] = np.where(levels, places, 0).max(axis=1, initial=0)
        return groups

    def _medians(self, value: state.State, named: tuple[str, ...], time: str) -> Exhibit:
        """Return rows, events and the median of each curve."""
        rows = []
        for place, name in enumerate(named):
            counted = [float(value.arrays[array][place].sum()) for array in (EVENTS, CENSORED)]
            median = self.median(value, place) if sum(counted) else None
            rows.append((name, int(sum(counted)), int(counted[0]), median))
        heads = ("group", "rows", "events", f"median {time}")
        title = f"Rows, seen events, and the first {time} by which half had one (none where half never had)"
        return Exhibit("medians", title, heads, rows)

    def median(self, value: state.State, place: int = 0) -> float | None:
        """Return the first edge at which at most half of a group have had no event (0: everybody); None if there is none."""
        below = np.flatnonzero(value.arrays["survival"][place] <= HALF)
        return self.intervals.edges[int(below[0])] if len(below) else None

    def _curves(self, value: state.State, named: tuple[str, ...], time: str) -> Exhibit:
        """Return the curves at every edge up to which something happened."""
        rows = []
        for place, name in enumerate(named):
            columns = [value.arrays[array][place].tolist() for array in CURVES]
            for edge, at_risk, events, censored, survival, error in zip(self.intervals.edges, *columns, strict=True):
                if events + censored > 0.0:
                    rows.append((name, edge, int(at_risk), int(events), int(censored), survival, error))
        title = f"Share without an event by each {time}, with its standard error (Greenwood)"
        heads = ("group", time, "at risk", "events", "censored", "share without event", "standard error")
        return Exhibit("curves", title, heads, rows)


def from_options(plan: schema.Schema, reader: fields.Fields) -> KaplanMeier:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; bad intervals; a group that is no category of the plan.
    """
    learner.check_task(plan, reader, SOLVES)
    if plan.target is None:  # check_task has refused it; said for the type checker
        raise reader.refusal("recipe", "a plan with a target", "none")
    cut = intervals.from_options(plan.target, reader, default=DEFAULT_INTERVALS)
    if not reader.has("by"):
        return KaplanMeier(cut)
    by, start = reader.text("by"), 0
    for feature in plan.features:
        if feature.name == by and feature.levels is not None:
            return KaplanMeier(cut, by, feature.levels, start)
        start += len(feature.columns())
    raise reader.refusal("by", "the name of a category among the plan's features", by)


def _not_negative(counts: Vector) -> Vector:
    """Return counts as they must be, whatever somebody sent."""
    return np.maximum(counts, 0.0)


def _over_groups(counts: state.Array) -> state.Array:
    """Return float64[intervals + 1]: the sum of whole numbers float64[groups, intervals + 1], which is exact."""
    total: state.Array = np.add.reduce(counts, axis=0)
    return total


def _at_risk(events: state.Array, censored: state.Array) -> state.Array:
    """Return how many had neither before each interval: sums of whole numbers from the last interval on, exact."""
    return np.add.accumulate((events + censored)[:, ::-1], axis=1)[:, ::-1]


def _product_limit(events: state.Array, at_risk: state.Array) -> tuple[state.Array, state.Array]:
    """Return S(t) = product of (1 - d/n) and Greenwood's S(t) sqrt(sum of d / (n (n - d))); an error of 0 where S is 0."""
    survival, error = np.ones_like(events), np.zeros_like(events)
    share, variance = np.ones(len(events)), np.zeros(len(events))
    for column in range(events.shape[1]):
        d, n = events[:, column], at_risk[:, column]
        left = n - d
        share = share * np.where(n > 0.0, left / np.maximum(n, 1.0), 1.0)
        variance = variance + np.where(left > 0.0, d / np.maximum(n * left, 1.0), 0.0)
        survival[:, column] = share
        error[:, column] = share * np.sqrt(variance)
    return survival, error


def _log_rank(events: state.Array, at_risk: state.Array) -> Vector:
    """Return the statistic and its degrees of freedom, both 0 where no two groups can be compared.

    Mantel's test for several groups with the hypergeometric variance of ties (Kalbfleisch and Prentice 2002, section 1.4). A
    group that no event could have been in is left out, as R's ``survdiff`` does.
    """
    groups = len(events)
    observed, covariance = np.zeros(groups), np.zeros((groups, groups))
    reach = np.zeros(groups)
    for column in range(events.shape[1]):
        d, n = combine.fixed_sum(events[:, column].tolist()), combine.fixed_sum(at_risk[:, column].tolist())
        if d == 0.0:
            continue
        share = at_risk[:, column] / n
        reach = reach + d * share
        observed = observed + (events[:, column] - d * share)
        if n > 1.0:
            factor = d * (n - d) / (n - 1.0)
            covariance = covariance + factor * (np.diag(share) - np.multiply.outer(share, share))
    kept = np.flatnonzero(reach > 0.0)[:-1]
    step = combine.newton_step(covariance[np.ix_(kept, kept)], observed[kept]) if len(kept) else None
    if step is None:
        return np.zeros(2)
    statistic = -combine.fixed_sum((step * observed[kept]).tolist())
    return np.array([statistic, float(len(kept))])


def _test_exhibit(value: state.State, by: str) -> Exhibit:
    """Return the test as a table of one row."""
    statistic, freedom = value.arrays[TEST].tolist()
    row = (statistic, int(freedom), gamma.upper(freedom / 2.0, statistic / 2.0)) if freedom else (None, 0, None)
    title = f"Log-rank test that all groups by {by} have the same curve"
    return Exhibit("log-rank", title, ("chi-squared", "degrees of freedom", "p-value"), [row])


def _gathered(counts: Vector, minimum: int) -> Vector:
    """Return counts float64[n], each 0 or at least ``minimum``: neighbours together where they are on average.

    Rows are taken from the first place on until they are enough; those left over at the end go with the last ones.
    """
    bunches: list[list[int]] = []
    waiting: list[int] = []
    for place in np.flatnonzero(counts > 0.0).tolist():
        waiting.append(place)
        if counts[waiting].sum() >= minimum:
            bunches.append(waiting)
            waiting = []
    if bunches:
        bunches[-1].extend(waiting)
    kept = np.zeros_like(counts)
    for places in bunches:
        rows = counts[places]
        kept[round(float((rows * places).sum() / rows.sum()))] += rows.sum()
    return kept
