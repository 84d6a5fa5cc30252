"""Discrete-time survival: the odds of the event in each interval of time, given that there was none before.

Each row is at risk in every interval up to the one that its time is in, and its outcome there is whether the event was seen
(Singer and Willett 1993; Tutz and Schmid 2016): logistic regression with one intercept per interval and coefficients of
standardised columns that all intervals share. Sites send gradient, curvature and loss, and reach the pooled estimate. Made by
``recipe``. A learner of the ``Additive`` kind.

Minimises sum over rows and their intervals of the negative log-likelihood + ridge / 2 |coefficients|^2
+ smooth / 2 sum (difference of neighbouring intercepts)^2. Who is censored in an interval was at risk in all of it, as in
``kaplan_meier``. Left out: the complementary log-log link, whose curvature no public cap bounds; columns that change with
time; coefficients of single intervals.
"""

import dataclasses
from collections.abc import Mapping
from typing import Final

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, exhibits, intervals, learner, newton, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Exhibit = exhibits.Exhibit
Intervals = intervals.Intervals
SOLVES = (schema.Task.SURVIVAL,)
DEFAULT_INTERVALS = 12
MOST_PARAMETERS = 1_024
"""The curvature has the square of it, and its factorisation by elementwise steps takes about a second there."""
CAP_MARGIN = 1.25
"""Standardised columns have a mean square of 1 up to the rounding of round 0; a power of two follows anyway."""
LARGEST_WEIGHT = 0.25
"""p (1 - p) is never above it."""
INTERCEPTS: Final = "interval_intercepts"
COEFFICIENTS: Final = "coefficients"


@dataclasses.dataclass(frozen=True, slots=True)
class DiscreteSurvival:
    """The learner; its fields are the plan's options."""

    intervals: Intervals
    """What rows are at risk in."""
    ridge: float = 1.0
    """Penalty on the squared coefficients of standardised columns."""
    smooth: float = 0.1
    """Penalty on squared differences of neighbouring intercepts: keeps intervals without an event finite."""
    max_steps: int = 25
    """Newton steps, halvings included."""

    combiner = combine.NEWTON_STEP
    word_bits = 64

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes at most."""
        return self.max_steps

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        penalties = {"ridge": self.ridge, "smooth": self.smooth}
        return {**self.intervals.options(), **penalties, "max_steps": self.max_steps}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that the combiner can factorise the curvature.

        Raises:
            errors.InputError: more intervals and columns than that.
        """
        parameters = self.intervals.count + plan.width
        if parameters > MOST_PARAMETERS:
            raise errors.InputError(
                "the model has too many coefficients",
                which="recipe discrete_survival",
                expected=f"at most {MOST_PARAMETERS} (intervals + columns)",
                got=parameters,
                next_step="Ask for fewer intervals, or leave out columns or levels.",
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return all-zero intercepts and coefficients; ``seed`` is not needed."""
        _ = seed
        return state.State(state.Stage.FIT, 0, self._shown(np.zeros(self.intervals.count + plan.width)))

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return gradient, loss and the curvature by its parts, with caps from Cauchy-Schwarz.

        Over all sites sum z^2 = rows for every standardised column, hence |sum z| <= rows and |sum z z'| <= rows; each row is
        at risk in k intervals at most, with residuals within 1 and weights within 1/4.
        """
        k, width = self.intervals.count, len(value.arrays[COEFFICIENTS])
        rows = CAP_MARGIN * float(value.arrays["rows"][0])
        intercepts = float(np.abs(value.arrays[INTERCEPTS]).max())
        reach = 1.0 + intercepts + combine.fixed_sum(np.abs(value.arrays[COEFFICIENTS]).tolist())
        declared = (
            ("interval_gradient", k, rows),
            ("interval_curvature", k, rows * LARGEST_WEIGHT),
            ("gradient", width, rows * k),
            ("cross_curvature", k * width, rows * LARGEST_WEIGHT),
            ("curvature", width * (width + 1) // 2, rows * k * LARGEST_WEIGHT),
            ("loss", 1, rows * k * reach),
        )
        return tuple(
            Block(name, length, caps.power_of_two(bound), blocks.Encoding.BOUNDED) for name, length, bound in declared
        )

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over ``table``'s rows and the intervals in which they were at risk, without the penalty."""
        size = records.batch_rows(self.intervals.count + table.features.shape[1])
        starts = range(0, max(table.rows, 1), size)
        parts = (records.Table(table.features[at : at + size], table.target[at : at + size]) for at in starts)
        return records.add(self._sums(value, part) for part in parts)

    def _sums(self, value: state.State, table: records.Table) -> Contribution:
        """Return the sums over rows so few that a number for each of their intervals fits into memory."""
        z = table.features
        last = np.maximum(self.intervals.places(np.abs(table.target)) - 1, 0)
        is_last = np.arange(self.intervals.count) == last[:, None]
        is_at_risk = np.arange(self.intervals.count) <= last[:, None]
        outcome = is_last & ~np.signbit(table.target)[:, None]
        logits = value.arrays[INTERCEPTS] + (z @ value.arrays[COEFFICIENTS])[:, None]
        p = 1.0 / (1.0 + np.exp(-np.clip(logits, -500.0, 500.0)))
        residual = np.where(is_at_risk, p - outcome, 0.0)
        weight = np.where(is_at_risk, p * (1.0 - p), 0.0)
        loss = np.logaddexp(0.0, np.where(outcome, -logits, logits))[is_at_risk].sum()
        dense = (z * weight.sum(axis=1)[:, None]).T @ z
        return {
            "interval_gradient": residual.sum(axis=0),
            "interval_curvature": weight.sum(axis=0),
            "gradient": residual.sum(axis=1) @ z,
            "cross_curvature": (weight.T @ z).ravel(),
            "curvature": dense[np.triu_indices(z.shape[1])],
            "loss": np.array([loss]),
        }

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state after one Newton step, or after halving a step that did not lower the loss."""
        intercepts, coefficients = value.arrays[INTERCEPTS], value.arrays[COEFFICIENTS]
        slopes = combine.fixed_sum((coefficients * coefficients).tolist())
        steps = intercepts[1:] - intercepts[:-1]
        bends = combine.fixed_sum((steps * steps).tolist())
        objective = float(sums["loss"][0]) + self.ridge * slopes / 2.0 + self.smooth * bends / 2.0
        theta = np.concatenate([intercepts, coefficients])
        tried = newton.Tried(theta, objective, lambda: self._step(theta, sums))
        return newton.advance(value, tried, max_steps=self.max_steps, shown=self._shown)

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return float64[n]: how much higher each row's log-odds are than those of a row of means, in every interval."""
        risks: state.Array = features @ value.arrays[COEFFICIENTS]
        return risks

    def predict(self, value: state.State, scores: state.Array) -> state.Array:
        """Return float64[n, intervals]: the chance that there is no event by the end of each interval."""
        logits = value.arrays[INTERCEPTS] + scores[:, None]
        curves: state.Array = np.exp(-np.cumsum(np.logaddexp(0.0, logits), axis=1))
        return curves

    def heads(self, value: state.State) -> tuple[str, ...]:
        """Return the times of the columns of ``predict``."""
        _ = value
        return tuple(f"{edge:g}" for edge in self.intervals.edges[1:])

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return what each column does, and the hazard and curve of a row of means."""
        time = "time" if plan.target is None else plan.target.name
        slopes = (value.arrays[COEFFICIENTS] / value.arrays["scale"]).tolist()
        names = [column.name for column in plan.columns]
        rows = [(name, slope, float(np.exp(slope))) for name, slope in zip(names, slopes, strict=True)]
        logits = value.arrays[INTERCEPTS]
        hazards = (1.0 / (1.0 + np.exp(-logits))).tolist()
        curve = self.predict(value, np.zeros(1))[0].tolist()
        edges = self.intervals.edges
        return (
            Exhibit(
                "coefficients",
                "What one unit more of a column does to the log-odds and odds of the event, in every interval",
                ("column", "log-odds", "odds ratio"),
                rows,
            ),
            Exhibit(
                "baseline",
                f"Chance of the event in each interval of {time}, given none before, for a row of means",
                (f"{time} from", f"{time} to", "chance of the event", "share without event"),
                list(zip(edges[:-1], edges[1:], hazards, curve, strict=True)),
            ),
        )

    def _shown(self, theta: Vector) -> dict[str, state.Array]:
        """Return a state's arrays of all parameters, the intervals' first."""
        return {INTERCEPTS: theta[: self.intervals.count], COEFFICIENTS: theta[self.intervals.count :]}

    def _step(self, theta: Vector, sums: Mapping[str, Vector]) -> Vector | None:
        """Return the Newton step of the penalised loss, or None if the curvature cannot be inverted."""
        k, width = self.intervals.count, len(theta) - self.intervals.count
        curvature = np.zeros((k + width, k + width))
        curvature[:k, :k] = np.diag(sums["interval_curvature"])
        curvature[k:, :k] = sums["cross_curvature"].reshape(k, width).T  # the lower triangle is all that is read
        curvature[k:, k:] = combine.unpack_symmetric(sums["curvature"], width)
        places = np.arange(k, k + width)
        curvature[places, places] += self.ridge
        gradient = np.concatenate([sums["interval_gradient"], sums["gradient"]])
        gradient[k:] += self.ridge * theta[k:]
        for place in range(k - 1):
            curvature[place, place] += self.smooth
            curvature[place + 1, place + 1] += self.smooth
            curvature[place + 1, place] -= self.smooth
            pull = self.smooth * (theta[place + 1] - theta[place])
            gradient[place] -= pull
            gradient[place + 1] += pull
        return combine.newton_step(curvature, gradient)


def from_options(plan: schema.Schema, reader: fields.Fields) -> DiscreteSurvival:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; bad intervals; an option that is not a number or out of range.
    """
    learner.check_task(plan, reader, SOLVES)
    if plan.target is None:  # check_task has refused it; said for the type checker
        raise reader.refusal("recipe", "a plan with a target", "none")
    default = DiscreteSurvival(intervals.from_options(plan.target, reader, default=DEFAULT_INTERVALS))
    return dataclasses.replace(
        default,
        ridge=reader.number_within("ridge", 0.0, 1e9, default=default.ridge),
        smooth=reader.number_within("smooth", 0.0, 1e9, default=default.smooth),
        max_steps=reader.whole_within("max_steps", 1, 1_000, default=default.max_steps),
    )
