"""Concordance of risks with times, from one histogram over all sites."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.learning import survival_oracle_answers

from aicommons.domain import schema
from aicommons.learning import evaluation, intervals
from aicommons.learning.figures import times

Array = npt.NDArray[np.float64]
DIED = schema.category("died", ["no", "yes"])


def _target(hi: float = 100.0) -> schema.Target:
    return schema.Target(schema.Task.SURVIVAL, "days", lo=0.0, hi=hi, event=DIED)


def _judged(scores: Array, signed: Array, *, hi: float = 100.0) -> evaluation.Metrics | None:
    middle = float(np.abs(signed).mean()) if len(signed) else 0.0
    sums = evaluation.contribution(_target(hi), scores, signed, middle=middle)
    for block in evaluation.evaluation_blocks(_target(hi), len(signed)):
        assert sums[block.name].shape == (block.length,)
        assert np.abs(sums[block.name]).max() <= block.cap
    return evaluation.metrics(_target(hi), sums)


def _exact(scores: Array, signed: Array) -> float:
    """Return Harrell's C, pair by pair; of equal times an event is before a censoring."""
    time, seen = np.abs(signed), ~np.signbit(signed)
    wins = pairs = 0.0
    for i in np.flatnonzero(seen):
        is_after = (time > time[i]) | ((time == time[i]) & ~seen)
        pairs += is_after.sum()
        wins += (scores[is_after] < scores[i]).sum() + 0.5 * (scores[is_after] == scores[i]).sum()
    return float(wins / pairs)


CASES = {
    "right order": ([3.0, 2.0, 1.0], [1.0, 20.0, 90.0], 1.0),
    "wrong order": ([1.0, 2.0, 3.0], [1.0, 20.0, 90.0], 0.0),
    "risks alike": ([1.0, 1.0, 1.0], [1.0, 20.0, 90.0], 0.5),
    "the first was censored": ([3.0, 1.0, 2.0], [-1.0, 20.0, 90.0], 0.0),
    "the last was censored": ([3.0, 2.0, 1.0], [1.0, 20.0, -90.0], 1.0),
    "nobody had an event": ([3.0, 2.0, 1.0], [-1.0, -20.0, -90.0], None),
    "one row": ([3.0], [1.0], None),
    "censored at once": ([1.0, 2.0], [-0.0, 20.0], None),
    "censored when the event was seen": ([2.0, 1.0], [20.0, -20.0], 1.0),
    "event at once": ([3.0, 2.0], [0.0, 20.0], 1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_concordance_by_hand(name: str) -> None:
    """Pairs that can be counted by hand; absent where no two rows can be compared."""
    scores, signed, expected = CASES[name]
    figures = _judged(np.array(scores), np.array(signed))
    assert figures.rows == len(scores)
    assert figures.concordance == (None if expected is None else pytest.approx(expected))
    assert figures.accuracy is None


def test_no_rows_have_no_figures() -> None:
    """Without a held-out row there is nothing to say."""
    assert _judged(np.zeros(0), np.zeros(0)) is None


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("shape", [1.0, 4.0])
@pytest.mark.parametrize("width", [1.0, 8.0])
def test_histogram_is_near_harrells_c(spread: float, shape: float, width: float) -> None:
    """Within 0.005 for weak and strong risks, even and bunched times, and ranges declared far too wide."""
    rng = np.random.default_rng(int(10 * spread + shape))
    risks = spread * rng.normal(size=1500)
    died = rng.weibull(shape, 1500) * np.exp(-risks / shape) * 100.0
    left = rng.exponential(300.0, 1500)
    signed = np.where(died <= left, 1.0, -1.0) * np.minimum(died, left)
    hi = width * float(np.abs(signed).max())
    assert _judged(risks, signed, hi=hi).concordance == pytest.approx(_exact(risks, signed), abs=0.005)


@pytest.mark.slow("processes with pandas start")
@pytest.mark.parametrize(
    ("table", "time", "event", "column"),
    [
        ("rossi", "week", "arrest", "prio"),
        ("lung", "time", "status", "ph.karno"),
    ],
)
def test_histogram_is_near_lifelines_on_public_data(table: str, time: str, event: str, column: str) -> None:
    """Within 0.005 of lifelines' concordance index where rows are few and times are in whole weeks."""
    asked: dict[str, Any] = {"table": table, "time": time, "event": event, "needed": [column]}
    rows = survival_oracle_answers.ask(**asked)["rows"]
    values, times_of = np.array(rows[column], dtype=float), np.array(rows[time], dtype=float)
    risks = (values - values.mean()) / values.std()
    signed = np.where(np.array(rows[event]) == 1, 1.0, -1.0) * times_of
    found = _judged(risks, signed, hi=2.0 * float(times_of.max())).concordance
    expected = survival_oracle_answers.ask(**asked, risks=risks.tolist())["concordance"]
    assert found == pytest.approx(expected, abs=0.005)


def test_sites_add_up_to_one_table() -> None:
    """Counts of two sites are those of both together, wherever the rows are."""
    rng = np.random.default_rng(1)
    scores, signed = rng.normal(size=50), rng.uniform(-99, 99, 50)
    parts = [times.contribution(_target(), scores[part], signed[part], 40.0) for part in (slice(17), slice(17, 50))]
    whole = times.contribution(_target(), scores, signed, 40.0)
    assert np.array_equal(parts[0][times.HISTOGRAM] + parts[1][times.HISTOGRAM], whole[times.HISTOGRAM])


def test_absurd_scores_and_middles_stay_within_their_caps() -> None:
    """Risks beyond all bins share the outermost; a mean at the start of the range divides nothing by zero."""
    target, signed = _target(), np.array([0.0, -100.0, 100.0])
    for middle in (0.0, 50.0, 100.0):
        part = evaluation.contribution(target, np.array([1e300, -1e9, 0.0]), signed, middle=middle)
        assert part[times.HISTOGRAM].sum() == 3.0
    assert evaluation.loss(target, part) is None


def test_bins_of_time_are_finest_around_the_mean_of_round_0() -> None:
    """The middle is a public fact, the same at every site; other targets have theirs, or none."""
    arrays = {"target_mean": np.array([7.0]), "class_rows": np.array([10.0, 10.0])}
    assert evaluation.middle(_target(), arrays) == 7.0
    classes = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    assert evaluation.middle(classes, arrays) == 0.0
    assert evaluation.middle(schema.Target(schema.Task.GAUSSIAN, "y", lo=0.0, hi=9.0), arrays) == 0.0


def test_intervals_have_the_edges_that_days_have() -> None:
    """Intervals as long as the unit have whole edges; a time at an edge is in the interval that ends there."""
    cut = intervals.even(_target(1022.0), 1022)
    assert cut.edges == tuple(float(day) for day in range(1023))
    assert intervals.even(_target(3.0), 10).edges[3] == 0.9  # and not 3 * 0.3
    assert cut.places(np.array([0.0, 0.5, 1.0, 1.5, 1022.0])).tolist() == [0, 1, 1, 2, 1022]
