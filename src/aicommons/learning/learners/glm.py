"""Generalised linear models by Newton's method: sites send gradient, curvature and loss, and reach the pooled estimate.

Logistic (binomial), linear (gaussian) and softmax (multinomial) regression with a ridge penalty on everything but the
intercept: with ridge 1 the estimate is that of scikit-learn's ``LogisticRegression(C=1)`` and ``Ridge(alpha=1)`` on the
pooled, standardised rows. Made by ``recipe``. A learner of the ``Additive`` kind.

Minimises sum over rows of the negative log-likelihood + ridge / 2 * |coefficients|^2. A step is tried, and the next
round's summed loss says whether it went down; if not it is halved, from sums alone, so every node decides alike.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, learner, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
SOLVES = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL)
MOST_PARAMETERS = 1_024
"""The curvature has the square of it, and its factorisation by elementwise steps takes about a second there."""
CONVERGED_STEP = 1e-6
"""Relative size of the last step. Newton converges quadratically: what is left after it is of the order 1e-12."""
LOSS_SLACK = 1e-9
"""Relative rise of the loss that is rounding, not a bad step."""
MOST_HALVINGS = 30
CAP_MARGIN = 1.25
"""Standardised columns have a mean square of 1 up to the rounding of round 0; a power of two follows anyway."""


@dataclasses.dataclass(frozen=True, slots=True)
class Glm:
    """The learner; its fields are the plan's options."""

    task: schema.Task
    """Which likelihood."""
    ridge: float = 1.0
    """Penalty on the squared coefficients of standardised columns."""
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
        return {"ridge": self.ridge, "max_steps": self.max_steps}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that the combiner can factorise the curvature.

        Raises:
            errors.InputError: more coefficients than that.
        """
        if plan.outputs * (plan.width + 1) > MOST_PARAMETERS:
            raise errors.InputError(
                "the model has too many coefficients",
                which="recipe glm",
                expected=f"at most {MOST_PARAMETERS} (columns + 1, times classes if more than two)",
                got=plan.outputs * (plan.width + 1),
                next_step="Leave out columns or levels, or use the recipe mlp.",
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return all-zero coefficients; ``seed`` is not needed."""
        _ = seed
        return _with(state.State(state.Stage.FIT, 0, {}), np.zeros((plan.outputs, plan.width + 1)))

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return gradient, packed curvature and loss, with caps from Cauchy-Schwarz.

        Over all sites sum z^2 = rows for every standardised column, hence |sum w z z'| <= rows * max w, and
        |sum r z| <= rows * max |r| (classes) or <= rows * (1 + sum |theta|) (gaussian residuals).
        """
        theta = _theta(value)
        outputs, size = theta.shape
        rows = CAP_MARGIN * float(value.arrays["rows"][0])
        reach = 1.0 + combine.fixed_sum(np.abs(theta).ravel().tolist())
        is_gaussian = self.task is schema.Task.GAUSSIAN
        pairs = outputs * (outputs + 1) // 2
        declared = (
            ("gradient", outputs * size, rows * reach if is_gaussian else rows),
            ("hessian", pairs * (size * (size + 1) // 2), rows if is_gaussian else rows / 4.0),
            ("loss", 1, rows * reach * reach if is_gaussian else rows * (reach + math.log2(outputs + 1))),
        )
        return tuple(
            Block(name, length, caps.power_of_two(bound), Encoding.BOUNDED) for name, length, bound in declared
        )

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return gradient, curvature and loss summed over ``table``'s rows, without the penalty."""
        theta = _theta(value)
        z = np.hstack([np.ones((table.rows, 1)), table.features])
        loss, residual, weights = self._derivatives(z @ theta.T, table.target)
        upper = np.triu_indices(z.shape[1])
        curvature = [((z * weight[:, None]).T @ z)[upper] for weight in weights]
        return {
            "gradient": (residual.T @ z).ravel(),
            "hessian": np.concatenate(curvature),
            "loss": np.array([loss]),
        }

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state after one Newton step, or after halving a step that did not lower the loss."""
        theta = _theta(value)
        slopes = theta[:, 1:].ravel().tolist()
        squares = combine.fixed_sum([slope * slope for slope in slopes])
        objective = float(sums["loss"][0]) + self.ridge * squares / 2.0
        if "anchor" in value.arrays:
            best = float(value.arrays["anchor_loss"][0])
            if objective > best + LOSS_SLACK * abs(best):
                return self._halved(value, theta)
        return self._stepped(value, theta, objective, sums)

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits or standardised predictions for standardised ``features``."""
        scores = features @ value.arrays["coefficients"].T + value.arrays["intercept"]
        return scores if self.task is schema.Task.MULTINOMIAL else scores[:, 0]

    def _derivatives(self, scores: state.Array, target: Vector) -> tuple[float, state.Array, Iterator[Vector]]:
        """Return loss, residuals float64[n, outputs] and per-row weights for each pair of outputs k <= l."""
        if self.task is schema.Task.GAUSSIAN:
            residual = scores - target[:, None]
            return float((residual * residual).sum() / 2.0), residual, iter([np.ones(len(target))])
        if self.task is schema.Task.BINOMIAL:
            margins = np.where(target == 1.0, -scores[:, 0], scores[:, 0])
            p = 1.0 / (1.0 + np.exp(-np.clip(scores, -500.0, 500.0)))
            weight = (p * (1.0 - p))[:, 0]
            return float(np.logaddexp(0.0, margins).sum()), p - target[:, None], iter([weight])
        chosen = target.astype(np.int64)
        log_p = scores - np.logaddexp.reduce(scores, axis=1)[:, None]
        residual = p = np.exp(log_p)
        residual = p - (np.arange(p.shape[1]) == chosen[:, None])
        return float(-log_p[np.arange(len(chosen)), chosen].sum()), residual, _pair_weights(p)

    def _stepped(
        self, value: state.State, theta: state.Array, objective: float, sums: Mapping[str, Vector]
    ) -> state.State:
        """Return the state one Newton step on from the accepted ``theta``."""
        step = self._newton(theta, sums, float(value.arrays["rows"][0]))
        if step is None:
            return _final(value, theta, state.Reason.NOT_POSITIVE_DEFINITE)
        moved = theta + step
        small = float(np.abs(step).max()) <= CONVERGED_STEP * (1.0 + float(np.abs(moved).max()))
        # A quadratic loss is at its minimum after one step.
        if small or self.task is schema.Task.GAUSSIAN:
            return _final(value, moved, state.Reason.CONVERGED)
        if value.step + 1 >= self.max_steps:
            return _final(value, moved, state.Reason.STEPS_DONE)
        anchor = {"anchor": theta, "anchor_loss": np.array([objective]), "halvings": np.zeros(1)}
        return _with(_next(value), moved, anchor)

    def _halved(self, value: state.State, theta: state.Array) -> state.State:
        """Return the state with half the step from the last accepted coefficients."""
        anchor = value.arrays["anchor"]
        halvings = float(value.arrays["halvings"][0]) + 1.0
        if halvings > MOST_HALVINGS:
            return _final(value, anchor, state.Reason.NO_DESCENT)
        if value.step + 1 >= self.max_steps:
            return _final(value, anchor, state.Reason.STEPS_DONE)
        kept = {"anchor": anchor, "anchor_loss": value.arrays["anchor_loss"], "halvings": np.array([halvings])}
        return _with(_next(value), (anchor + theta) / 2.0, kept)

    def _newton(self, theta: state.Array, sums: Mapping[str, Vector], rows: float) -> state.Array | None:
        """Return the Newton step of the penalised loss, or None if the curvature cannot be inverted."""
        outputs, size = theta.shape
        hessian = _assemble(sums["hessian"], outputs, size)
        gradient = sums["gradient"].copy()
        slopes = [index for index in range(outputs * size) if index % size != 0]
        hessian[slopes, slopes] += self.ridge
        gradient[slopes] += self.ridge * theta.ravel()[slopes]
        if outputs > 1:
            # Adding one constant to every intercept changes nothing: pin that direction, its gradient is zero.
            intercepts = np.arange(outputs) * size
            hessian[np.ix_(intercepts, intercepts)] += rows / float(outputs * outputs)
        step = combine.newton_step(hessian, gradient)
        return None if step is None else step.reshape(theta.shape)


def from_options(plan: schema.Schema, reader: fields.Fields) -> Glm:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; an option that is not a number or out of range.
    """
    task = learner.check_task(plan, reader, SOLVES)
    default = Glm(task)
    return Glm(
        task,
        ridge=reader.number_within("ridge", 0.0, 1e9, default=default.ridge),
        max_steps=reader.whole_within("max_steps", 1, 1_000, default=default.max_steps),
    )


def _pair_weights(p: state.Array) -> Iterator[Vector]:
    """Yield p_k (delta_kl - p_l) for each pair of classes k <= l."""
    for k in range(p.shape[1]):
        yield p[:, k] * (1.0 - p[:, k])
        for other in range(k + 1, p.shape[1]):
            yield -p[:, k] * p[:, other]


def _assemble(packed: Vector, outputs: int, size: int) -> state.Array:
    """Return the full curvature from one packed upper triangle per pair of outputs."""
    full = np.zeros((outputs * size, outputs * size))
    triangles = iter(packed.reshape(-1, size * (size + 1) // 2))
    for k in range(outputs):
        for other in range(k, outputs):
            part = combine.unpack_symmetric(next(triangles), size)
            full[k * size : (k + 1) * size, other * size : (other + 1) * size] = part
            full[other * size : (other + 1) * size, k * size : (k + 1) * size] = part
    return full


def _theta(value: state.State) -> state.Array:
    """Return float64[outputs, 1 + width]: the intercept, then the coefficients of standardised columns."""
    return np.hstack([value.arrays["intercept"][:, None], value.arrays["coefficients"]])


def _with(value: state.State, theta: state.Array, search: Mapping[str, state.Array] | None = None) -> state.State:
    """Return ``value`` with other coefficients and other line-search arrays."""
    kept = {name: array for name, array in value.arrays.items() if name not in {"anchor", "anchor_loss", "halvings"}}
    model = {"intercept": theta[:, 0], "coefficients": theta[:, 1:]}
    return dataclasses.replace(value, arrays={**kept, **model, **(search or {})})


def _next(value: state.State) -> state.State:
    """Return ``value`` one step on."""
    return dataclasses.replace(value, step=value.step + 1)


def _final(value: state.State, theta: state.Array, reason: state.Reason) -> state.State:
    """Return the state whose model is final."""
    return dataclasses.replace(_with(_next(value), theta), stage=state.Stage.EVALUATE, reason=reason)
