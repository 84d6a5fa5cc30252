"""Which protection a plan's document promises, with the norms that hold where the plan names none.

A norm should be about as large as what one record adds: too small bends the result, too large only adds noise. What it is
follows from made-up records within the declared ranges, never from data, so that it costs nothing and anybody can compute it.
The plan's document lists every norm. Called by ``recipe`` when it reads a plan; what is done with them is ``differential``'s.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from aicommons.domain import errors, fields, policies, schema
from aicommons.learning import blocks, combine, description, differential, learner, records, state

NOISE_BOUNDS = (0.05, 1000.0)
"""Below, no epsilon that means anything follows; above, nothing is left."""
SAMPLING_BOUNDS = (1e-4, 1.0)
CLIP_BOUNDS = (1e-9, 1e9)
MADE_UP = 48
"""Records that are made up."""
ROUNDS = 4
"""Fit rounds that are tried on them: later ones send the same blocks."""
SEED = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """A recipe without protection, as far as it is tried on made-up records."""

    name: str
    """Of the recipe."""
    schema: schema.Schema
    learner: learner.Additive | learner.LocalTraining
    seed: int
    is_guarded: bool
    """Whether the plan has safeguards, which look at held-out rows in every round."""
    seen: Callable[[state.State, records.Table], records.Table]
    """Rows as the learner sees them."""
    judged: Callable[[state.State, records.Table], blocks.Contribution] | None
    """What is sent of held-out rows; ``None`` where nothing is predicted."""


def read(document: object, tried: Trial) -> differential.Protection:
    """Return the protection that a plan's ``privacy`` describes.

    ``{"unit": "person", "noise": 4.5}``, of training at a site also ``"sampling": 0.05``, and optionally ``"clips": {"gradient": 1.5}``.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong, or what does not go together with protection.
    """
    reader = fields.Fields(document, "recipe.privacy")
    unit = reader.one_of("unit", policies.PrivacyUnit)
    noise = reader.number_within("noise", *NOISE_BOUNDS)
    given = fields.Fields(reader.value("clips") if reader.has("clips") else {}, "recipe.privacy.clips")
    _check_can_be(tried)
    is_drawn = isinstance(tried.learner, learner.Descending)
    sampling = reader.number_within("sampling", *SAMPLING_BOUNDS) if is_drawn else None
    reader.close()
    norms = usual(tried)
    clips = {name: given.number_within(name, *CLIP_BOUNDS, default=norm) for name, norm in sorted(norms.items())}
    given.close()
    return differential.Protection(unit, noise, tuple(clips.items()), sampling)


def _check_can_be(made: Trial) -> None:
    """Check that a recipe's releases can be protected; raises ``errors.InputError``."""
    what = None
    if not isinstance(made.learner, learner.Additive | learner.Descending):
        what = f"{made.name} trains at the site"
    elif isinstance(made.learner, learner.Restricted) and made.learner.unprotected is not None:
        what = made.learner.unprotected
    elif made.is_guarded:
        what = "rounds are judged on held-out rows"
    if what is not None:
        raise errors.InputError(
            "this plan cannot be protected record by record",
            which="recipe.privacy",
            expected="a recipe that only adds over records, or descends by gradients of our own",
            got=what,
            next_step="Leave out this option or the protection.",
        )


def usual(made: Trial) -> Mapping[str, float]:
    """Return the norm for each block that a recipe sends, from made-up records: what three of four stay below."""
    found: dict[str, list[float]] = {description.DESCRIPTION: [description.CLIP]}
    table = _made_up(made.schema)
    value = _begun(made, table)
    if isinstance(made.learner, learner.Descending) and not isinstance(made.learner, learner.Additive):
        for each in _single(made.seen(value, table)):
            _note(found, {differential.GRADIENT: made.learner.unit_gradient(value, each)})
    for _ in range(ROUNDS):
        if value.stage is not state.Stage.FIT:
            break
        seen = made.seen(value, table)
        made_by = made.learner
        if not isinstance(made_by, learner.Additive):
            break
        for each in _single(seen):
            _note(found, made_by.partial(value, each))
        value = made_by.combine(value, made_by.partial(value, seen))
    if made.judged is not None:
        for each in _single(table):
            _note(found, made.judged(value, each))
    return {name: _typical(norms) for name, norms in found.items()}


def _begun(made: Trial, table: records.Table) -> state.State:
    (train, others) = description.parts(made.schema, table, table.take(np.zeros(0, dtype=np.intp)))
    sums = records.add(iter([train.partial(table), others.partial(table)]))
    arrays = description.combine(made.schema, sums)
    start = made.learner.initial(made.schema, made.seed)
    return dataclasses.replace(start, arrays={**(arrays if isinstance(arrays, dict) else {}), **start.arrays})


def _single(table: records.Table) -> Iterator[records.Table]:
    return (table.take(np.array([row])) for row in range(table.rows))


def _note(found: dict[str, list[float]], added: blocks.Contribution) -> None:
    for name, vector in added.items():
        squares = combine.fixed_sum((vector * vector).tolist())
        found.setdefault(name, []).append(math.sqrt(squares))


def _typical(norms: list[float]) -> float:
    """Return what three of four are below, rounded up to two digits; 1 where all are zero."""
    ordered = sorted(norm for norm in norms if norm > 0.0)
    return float(f"{ordered[(3 * len(ordered)) // 4]:.1e}") if ordered else 1.0


def _made_up(plan: schema.Schema) -> records.Table:
    """Return records whose values lie anywhere in the declared ranges; classes and events take turns."""
    rng = np.random.default_rng(SEED)
    columns: list[blocks.Vector] = []
    for feature in plan.features:
        width = len(feature.columns())
        if feature.kind is schema.Kind.CATEGORY:
            columns.extend(np.eye(width)[rng.integers(width, size=MADE_UP)].T)
        else:
            column = feature.columns()[0]
            columns.append(column.lo + (column.hi - column.lo) * rng.random(MADE_UP))
    return records.Table(np.stack(columns, axis=1), _made_up_target(plan, rng))


def _made_up_target(plan: schema.Schema, rng: np.random.Generator) -> blocks.Vector:
    target = plan.target
    if target is None:
        return np.zeros(MADE_UP)
    if target.classes is not None:
        return np.fromiter(itertools.islice(itertools.cycle(range(len(target.classes))), MADE_UP), dtype=np.float64)
    column = target.column()
    values = column.lo + (column.hi - column.lo) * rng.random(MADE_UP)
    if target.task is schema.Task.POISSON:
        return np.rint(values)
    return np.where(np.arange(MADE_UP) % 2 == 0, values, -values) if target.task is schema.Task.SURVIVAL else values
