"""Generalised linear models: sites send gradient, curvature and loss, and reach the pooled estimate.

Logistic (binomial), linear (gaussian), softmax (multinomial) and Poisson regression, with a penalty on everything but the
intercept: ridge / 2 * |coefficients|^2 + l1 * sum |coefficients|. With ridge 1 the estimate is that of scikit-learn's
``LogisticRegression(C=1)`` and ``Ridge(alpha=1)`` on the pooled, standardised rows. Made by ``recipe``. A learner of the
``Additive`` kind; likelihoods are in ``glm_families``, a site's own intercept in ``site_intercept``, tables in ``glm_tables``.

A step is tried (Newton's, a proximal one, or one from gradients alone), and the next round's summed loss says whether it went
down; if not it is halved, from sums alone, so every node decides alike.
"""

import dataclasses
import enum
import functools
from collections.abc import Mapping

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, differential, exhibits, learner, records, state
from aicommons.learning.learners import glm_families, glm_tables, proximal, site_intercept

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
SOLVES = (schema.Task.BINOMIAL, schema.Task.GAUSSIAN, schema.Task.MULTINOMIAL, schema.Task.POISSON)
MOST_PARAMETERS = 2_048
"""The curvature has the square of it, and its factorisation by elementwise steps takes 8 seconds there (1 at 1,024)."""
MOST_FIRST_ORDER = 2**17
"""Without a curvature: a state holds up to 18 vectors of this length."""
CONVERGED_STEP = 1e-6
"""Relative size of the last step. Newton converges quadratically: what is left after it is of the order 1e-12."""
LOSS_SLACK = 1e-9
"""Relative rise of the loss that is rounding, not a bad step."""
MOST_HALVINGS = 30
CAP_MARGIN = 1.25
"""Standardised columns have a mean square of 1 up to the rounding of round 0; a power of two follows anyway."""
MEMORY = 8
"""Accepted steps that the first-order method learns the curvature from."""
SUFFICIENT_FALL = 1e-4
"""Share of the fall that the slope promises which a first-order step has to bring (Armijo 1966)."""
FLAT = 1e-7
"""Largest slope per row at which the first-order method ends."""
FIRST_ORDER_STEPS = 200
SEARCH = frozenset({"anchor", "anchor_loss", "halvings", "anchor_gradient", "promised", "moves", "turns"})
"""Arrays of the line search; a final state has none."""


LARGEST_NOISY = 64.0
"""Of a coefficient of a protected plan, whose columns reach from -1 to 1: beyond it there is noise alone."""


class Solver(enum.Enum):
    """What a step is made from."""

    NEWTON = "newton"
    """Gradient and curvature."""
    FIRST_ORDER = "first_order"
    """The gradient, and how it changed over the last steps."""


@dataclasses.dataclass(frozen=True, slots=True)
class Glm:
    """The learner; its fields are the plan's options."""

    task: schema.Task
    """Which likelihood."""
    ridge: float = 1.0
    """Penalty on the squared coefficients of standardised columns."""
    max_steps: int = 25
    """Steps, halvings included."""
    l1: float = 0.0
    """Penalty on the absolute coefficients of standardised columns."""
    solver: Solver = Solver.NEWTON
    """What a step is made from."""
    site_intercepts: bool = False
    """Whether every site has an intercept of its own beside the shared one; it stays at the site."""
    site_ridge: float = 3.0
    """Penalty on the squares of these."""
    standard_errors: bool = False
    """Whether the final state holds standard errors."""

    word_bits = 64

    @property
    def combiner(self) -> str:
        """The combiner that the options lead to."""
        if self.solver is Solver.FIRST_ORDER:
            return combine.QUASI_NEWTON
        return combine.PROXIMAL_NEWTON if self.l1 > 0.0 else combine.NEWTON_STEP

    @property
    def unprotected(self) -> str | None:
        """Which option does not go together with noise."""
        if self.site_intercepts:
            return "site_intercepts: a part of the model stays at each site"
        if self.standard_errors:
            return "standard_errors: they would leave out the noise"
        return "solver first_order: it compares losses" if self.solver is Solver.FIRST_ORDER else None

    @property
    def most_steps(self) -> int:
        """Fit rounds that it takes at most."""
        return self.max_steps

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back.

        What came later than ``ridge`` is left out at its default: earlier plans keep their bytes.
        """
        chosen: dict[str, object] = {"ridge": self.ridge, "max_steps": self.max_steps}
        if self.l1 > 0.0:
            chosen["l1"] = self.l1
        if self.solver is not Solver.NEWTON:
            chosen["solver"] = self.solver.value
        if self.site_intercepts:
            chosen |= {"site_intercepts": True, "site_ridge": self.site_ridge}
        if self.standard_errors:
            chosen["standard_errors"] = True
        return chosen

    def check_size(self, plan: schema.Schema) -> None:
        """Check that the combiner can factorise the curvature.

        Raises:
            errors.InputError: more coefficients than that.
        """
        most = MOST_PARAMETERS if self.solver is Solver.NEWTON else MOST_FIRST_ORDER
        if plan.outputs * (plan.width + 1) > most:
            raise errors.InputError(
                "the model has too many coefficients",
                which="recipe glm",
                expected=f"at most {most} (columns + 1, times classes if more than two)",
                got=plan.outputs * (plan.width + 1),
                next_step="Leave out columns or levels, or use the solver first_order or the recipe mlp.",
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return all-zero coefficients; ``seed`` is not needed."""
        _ = seed
        arrays = {}
        if plan.target is not None and self.task is schema.Task.POISSON:
            arrays[glm_families.LARGEST_RATE] = np.array([glm_families.largest_rate(plan.target)])
        return _with(state.State(state.Stage.FIT, 0, arrays), np.zeros((plan.outputs, plan.width + 1)))

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return gradient, packed curvature and loss, with caps from Cauchy-Schwarz.

        Over all sites sum z^2 = rows for every standardised column, hence |sum w z z'| <= rows * max w, and
        |sum r z| <= rows * max |r| (classes, counts) or <= rows * (1 + sum |theta|) (gaussian residuals).

        A site's own intercept moves no cap: what is left of a curvature, H - h h' / (h_b + lambda), is positive semidefinite
        and no larger than H; |r| of classes and counts is bounded wherever scores are; loss + lambda / 2 b^2 at the best b is at most
        the loss at b = 0, and so are, for a gaussian loss, the squared residuals.
        """
        theta = _theta(value)
        outputs, size = theta.shape
        rows = CAP_MARGIN * float(value.arrays["rows"][0])
        reach = 1.0 + combine.fixed_sum(np.abs(theta).ravel().tolist())
        bounds = glm_families.bounds(self.task, value.arrays, reach, outputs)
        pairs = outputs * (outputs + 1) // 2
        declared = [("gradient", outputs * size, rows * bounds.residual)]
        if self.solver is Solver.NEWTON:
            declared.append(("hessian", pairs * (size * (size + 1) // 2), rows * bounds.weight))
        declared.append(("loss", 1, rows * bounds.loss))
        return tuple(
            Block(name, length, caps.power_of_two(bound), Encoding.BOUNDED) for name, length, bound in declared
        )

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return gradient, curvature and loss summed over ``table``'s rows, without the penalty."""
        theta = _theta(value)
        z = np.hstack([np.ones((table.rows, 1)), table.features])
        found = glm_families.of_rows(self.task, value.arrays, z @ theta.T + self._offset(value.arrays), table.target)
        sums = {"gradient": (found.residual.T @ z).ravel(), "loss": np.array([found.loss])}
        if self.solver is Solver.NEWTON:
            upper = np.triu_indices(z.shape[1])
            curvature = [((z * weight[:, None]).T @ z)[upper] for weight in found.weights]
            sums["hessian"] = np.concatenate(curvature)
        return sums

    def localise(
        self, value: state.State, local_state: bytes | None, found: records.Records
    ) -> tuple[state.State, bytes | None]:
        """Return ``value`` with the site's own intercept, the best for its training rows, where the plan has such intercepts.

        Raises:
            errors.DecodeError: ``local_state`` is not one that this returned.
        """
        if not self.site_intercepts:
            return value, local_state
        shared = _theta(value)[0]
        offset = self._offset(value.arrays)

        def slopes(own: float) -> tuple[float, float]:
            sums = found.fold(functools.partial(self._own_slopes, value, shared, offset + own))
            slope, curve = sums["own"].tolist()
            return slope + self.site_ridge * own, curve + self.site_ridge

        own = site_intercept.fitted(slopes, site_intercept.decode(local_state))
        arrays = {**value.arrays, site_intercept.ARRAY: np.array([own])}
        return dataclasses.replace(value, arrays=arrays), site_intercept.encode(own)

    def finish(self, value: state.State, sums: Contribution) -> Contribution:
        """Return a site's sums without its own intercept, with its own penalty."""
        if not self.site_intercepts:
            return sums
        size = value.arrays["coefficients"].shape[1] + 1
        own = float(value.arrays[site_intercept.ARRAY][0])
        return site_intercept.taken_out(sums, size, self.site_ridge, own)

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state after one step, or after halving a step that did not lower the loss."""
        theta = _theta(value)
        if differential.SPREAD + "hessian" in value.arrays:
            return self._damped(value, theta, sums)
        slopes = theta[:, 1:].ravel().tolist()
        squares = combine.fixed_sum([slope * slope for slope in slopes])
        objective = float(sums["loss"][0]) + self.ridge * squares / 2.0
        if self.l1 > 0.0:
            objective += self.l1 * combine.fixed_sum([abs(slope) for slope in slopes])
        if "anchor" in value.arrays:
            best = float(value.arrays["anchor_loss"][0])
            wanted = SUFFICIENT_FALL * float(value.arrays["promised"][0]) if "promised" in value.arrays else 0.0
            if objective > best + wanted + LOSS_SLACK * abs(best):
                return self._halved(value, theta)
        if self.solver is Solver.FIRST_ORDER:
            return self._descended(value, theta, objective, sums)
        return self._stepped(value, theta, objective, sums)

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return logits, log rates (at most that of the largest rate) or standardised predictions for standardised ``features``.

        With the site's own intercept where ``value`` is from ``localise``, else with the shared one alone.
        """
        scores = features @ value.arrays["coefficients"].T + value.arrays["intercept"] + self._offset(value.arrays)
        if self.task is schema.Task.MULTINOMIAL:
            return scores
        if self.task is schema.Task.POISSON:
            return np.minimum(scores[:, 0], glm_families.log_largest(value.arrays))
        return scores[:, 0]

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[exhibits.Exhibit, ...]:
        """Return the coefficients, standardised and in the columns' units."""
        return (glm_tables.coefficients(plan, value),)

    def _offset(self, arrays: Mapping[str, state.Array]) -> float:
        """Return what is added to every score at a site: the log of the mean count, and the site's own intercept."""
        middle = glm_families.log_mean(arrays) if self.task is schema.Task.POISSON else 0.0
        return middle + (float(arrays[site_intercept.ARRAY][0]) if site_intercept.ARRAY in arrays else 0.0)

    def _own_slopes(self, value: state.State, shared: Vector, offset: float, table: records.Table) -> Contribution:
        """Return slope and curvature of the rows' loss by one number added to every score."""
        scores = (table.features @ shared[1:] + (shared[0] + offset))[:, None]
        found = glm_families.of_rows(self.task, value.arrays, scores, table.target)
        return {"own": np.array([found.residual.sum(), next(found.weights).sum()])}

    def _descended(
        self, value: state.State, theta: state.Array, objective: float, sums: Mapping[str, Vector]
    ) -> state.State:
        """Return the state one first-order step on from the accepted ``theta``."""
        point, penalised = theta.ravel(), _is_slope(theta)
        gradient = sums["gradient"] + np.where(penalised, self.ridge * point, 0.0)
        absolute = np.where(penalised, self.l1, 0.0)
        slope = proximal.pseudo_gradient(point, gradient, absolute)
        rows = float(value.arrays["rows"][0])
        if float(np.abs(slope).max()) <= FLAT * rows:
            return _final(value, theta, state.Reason.CONVERGED)
        if value.step + 1 >= self.max_steps:
            return _final(value, theta, state.Reason.STEPS_DONE)
        moves, turns = self._pairs(value, point, gradient)
        # As if columns were uncorrelated: what is too long is halved, what is too short is lengthened by the first pair.
        steepness = float(value.arrays["target_mean"][0]) if self.task is schema.Task.POISSON else _STEEPNESS[self.task]
        direction = proximal.descent_direction(slope, moves, turns, 1.0 / (rows * steepness + self.ridge))
        target = proximal.in_orthant(point, direction, slope, absolute)
        search = {
            "anchor": theta,
            "anchor_loss": np.array([objective]),
            "anchor_gradient": gradient,
            "halvings": np.zeros(1),
            "promised": np.array([proximal.fall(slope, target - point)]),
        }
        known = {"moves": moves, "turns": turns} if len(moves) else {}
        return _with(_next(value), target.reshape(theta.shape), {**search, **known})

    def _pairs(self, value: state.State, point: Vector, gradient: Vector) -> tuple[state.Array, state.Array]:
        """Return the remembered moves and turns, with the one that led to ``point``."""
        nothing = np.zeros((0, len(point)))
        if "anchor_gradient" not in value.arrays:
            return nothing, nothing
        moves, turns = (value.arrays.get(name, nothing) for name in ("moves", "turns"))
        move, turn = point - value.arrays["anchor"].ravel(), gradient - value.arrays["anchor_gradient"]
        return proximal.remembered(moves, turns, move, turn, most=MEMORY)

    def _stepped(
        self, value: state.State, theta: state.Array, objective: float, sums: Mapping[str, Vector]
    ) -> state.State:
        """Return the state one Newton step on from the accepted ``theta``."""
        hessian, gradient = self._derivatives(theta, sums, float(value.arrays["rows"][0]))
        found = self._moved(theta, hessian, gradient)
        if found is None:
            return _final(value, theta, state.Reason.NOT_POSITIVE_DEFINITE)
        moved, step = found
        small = float(np.abs(step).max()) <= CONVERGED_STEP * (1.0 + float(np.abs(moved).max()))
        # A quadratic loss is at its minimum after one step; a descent that was cut short is not.
        is_quadratic = self.task is schema.Task.GAUSSIAN and self.l1 == 0.0
        is_last = value.step + 1 >= self.max_steps
        if small or is_quadratic or is_last:
            reason = state.Reason.CONVERGED if small or is_quadratic else state.Reason.STEPS_DONE
            final = _final(value, moved, reason)
            if not self.standard_errors:
                return final
            spreads = self._errors(value, step, hessian, sums)
            return dataclasses.replace(final, arrays={**final.arrays, glm_tables.ERRORS: spreads})
        anchor = {"anchor": theta, "anchor_loss": np.array([objective]), "halvings": np.zeros(1)}
        return _with(_next(value), moved, anchor)

    def _damped(self, value: state.State, theta: state.Array, sums: Mapping[str, Vector]) -> state.State:
        """Return the state one step on from noisy sums: losses are too noisy to compare, so each step is kept.

        The curvature is damped by what noise may bend it by in its worst direction, about twice its spread times the root of its
        size (Wigner's semicircle), and by twice as much each time it still does not say where to go.
        """
        hessian, gradient = self._derivatives(theta, sums, float(value.arrays["rows"][0]))
        everywhere = np.arange(len(hessian))
        damping = 2.0 * float(value.arrays[differential.SPREAD + "hessian"][0]) * float(np.sqrt(float(len(hessian))))
        hessian[everywhere, everywhere] += damping
        found = self._moved(theta, hessian, gradient)
        while found is None:
            hessian[everywhere, everywhere] += damping
            damping *= 2.0
            found = self._moved(theta, hessian, gradient)
        moved = np.clip(found[0], -LARGEST_NOISY, LARGEST_NOISY)
        if value.step + 1 >= self.max_steps:
            return _final(value, moved, state.Reason.STEPS_DONE)
        return _with(_next(value), moved, {})

    def _errors(
        self, value: state.State, step: state.Array, hessian: state.Array, sums: Mapping[str, Vector]
    ) -> state.Array:
        """Return the standard errors float64[1, 1 + width] from the inverse of the penalised curvature at the last sums.

        A gaussian target's variance is that of the residuals after ``step``, over rows less coefficients. A curvature that the
        step could be made with has a factor; where rounding says otherwise there are no errors, which are 0.
        """
        factor = combine.cholesky(hessian)
        if factor is None:
            return np.zeros(step.shape)
        variances = combine.inverse_diagonal(factor)
        if self.task is schema.Task.GAUSSIAN:
            move = step.ravel()
            bent = [combine.fixed_sum((row * move).tolist()) for row in _assemble(sums["hessian"], *step.shape)]
            change = combine.fixed_sum((move * (sums["gradient"] + np.array(bent) / 2.0)).tolist())
            left = max(float(value.arrays["rows"][0]) - len(move), 1.0)
            variances = variances * (2.0 * max(float(sums["loss"][0]) + change, 0.0) / left)
        return np.sqrt(variances).reshape(step.shape)

    def _halved(self, value: state.State, theta: state.Array) -> state.State:
        """Return the state with half the step from the last accepted coefficients."""
        anchor = value.arrays["anchor"]
        halvings = float(value.arrays["halvings"][0]) + 1.0
        if halvings > MOST_HALVINGS:
            return _final(value, anchor, state.Reason.NO_DESCENT)
        if value.step + 1 >= self.max_steps:
            return _final(value, anchor, state.Reason.STEPS_DONE)
        kept = {name: value.arrays[name] for name in sorted(SEARCH & set(value.arrays))}
        kept["halvings"] = np.array([halvings])
        if "promised" in kept:
            kept["promised"] = kept["promised"] / 2.0
        return _with(_next(value), (anchor + theta) / 2.0, kept)

    def _derivatives(self, theta: state.Array, sums: Mapping[str, Vector], rows: float) -> tuple[state.Array, Vector]:
        """Return curvature and gradient with the squared penalty."""
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
        return hessian, gradient

    def _moved(
        self, theta: state.Array, hessian: state.Array, gradient: Vector
    ) -> tuple[state.Array, state.Array] | None:
        """Return where the penalised quadratic is least and the step there, or None if the curvature does not say."""
        if self.l1 > 0.0:
            absolute = np.where(_is_slope(theta), self.l1, 0.0)
            found = proximal.coordinate_descent(proximal.Penalised(hessian, gradient, theta.ravel(), absolute))
            return None if found is None else (found.reshape(theta.shape), found.reshape(theta.shape) - theta)
        newton = combine.newton_step(hessian, gradient)
        if newton is None:
            return None
        step = newton.reshape(theta.shape)
        return theta + step, step


_STEEPNESS = {schema.Task.GAUSSIAN: 1.0, schema.Task.BINOMIAL: 0.25, schema.Task.MULTINOMIAL: 0.5}
"""Largest curvature of one row's loss by its score; of counts it is the mean count's, where the fit begins."""


def from_options(plan: schema.Schema, reader: fields.Fields) -> Glm:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: another kind of target; an option that is not a number or out of range.
    """
    task = learner.check_task(plan, reader, SOLVES)
    default = Glm(task)
    solver = reader.one_of("solver", Solver) if reader.has("solver") else default.solver
    steps = default.max_steps if solver is Solver.NEWTON else FIRST_ORDER_STEPS
    has_own = reader.flag("site_intercepts") if reader.has("site_intercepts") else False
    made = Glm(
        task,
        ridge=reader.number_within("ridge", 0.0, 1e9, default=default.ridge),
        max_steps=reader.whole_within("max_steps", 1, 1_000, default=steps),
        l1=reader.number_within("l1", 0.0, 1e9, default=default.l1),
        solver=solver,
        site_intercepts=has_own,
        site_ridge=reader.number_within("site_ridge", 1e-3, 1e6, default=default.site_ridge) if has_own else 3.0,
        standard_errors=reader.flag("standard_errors") if reader.has("standard_errors") else False,
    )
    if task is schema.Task.MULTINOMIAL and made.site_intercepts:
        raise reader.refusal("site_intercepts", "false with several classes", True)
    if made.standard_errors and (task is schema.Task.MULTINOMIAL or made.l1 > 0.0 or solver is not Solver.NEWTON):
        raise reader.refusal("standard_errors", "false with several classes, with l1 or without a curvature", True)
    return made


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


def _is_slope(theta: state.Array) -> records.Mask:
    """Return bool[outputs * (1 + width)]: which parameters are penalised."""
    mask = np.ones(theta.shape, dtype=np.bool_)
    mask[:, 0] = False
    return mask.ravel()


def _with(value: state.State, theta: state.Array, search: Mapping[str, state.Array] | None = None) -> state.State:
    """Return ``value`` with other coefficients and other line-search arrays."""
    kept = {name: array for name, array in value.arrays.items() if name not in SEARCH}
    model = {"intercept": theta[:, 0], "coefficients": theta[:, 1:]}
    return dataclasses.replace(value, arrays={**kept, **model, **(search or {})})


def _next(value: state.State) -> state.State:
    """Return ``value`` one step on."""
    return dataclasses.replace(value, step=value.step + 1)


def _final(value: state.State, theta: state.Array, reason: state.Reason) -> state.State:
    """Return the state whose model is final."""
    return dataclasses.replace(_with(_next(value), theta), stage=state.Stage.EVALUATE, reason=reason)
