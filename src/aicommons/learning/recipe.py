"""A recipe is what a node drives round by round: describe, fit with live figures, evaluate, finished.

It composes a learner with round 0 (``describe``) and held-out evaluation (``evaluation``), so that every fit round also
carries the current model's figures and no round is spent on them but the last. Made from a plan's document by everybody
who takes part, reads or verifies; called by the node, ``verify``, ``testing`` and ``model``. It leaves out masking,
the split into training and held-out rows (``splitting``) and reading files.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import (
    accounting,
    blocks,
    combine,
    describe,
    description,
    differential,
    evaluation,
    exhibits,
    learner,
    protecting,
    records,
    robust,
    safeguards,
    state,
)
from aicommons.learning.figures import membership
from aicommons.learning.learners import (
    discrete_survival,
    glm,
    kaplan_meier,
    kmeans,
    mlp,
    naive_bayes,
    pca,
    scikit,
    stats,
    text,
    trees,
)

# A method or field of a module's name hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Table = records.Table
Target = schema.Target
Safeguards = safeguards.Safeguards
Protection = differential.Protection
Released = differential.Released

NO_PRIVACY = "no DP"
"""What a run's terms say where the sums themselves are protected by nothing."""
DEFAULT_SEED = 1
LARGEST_SEED = 2**53 - 1
"""So that it stays a whole number in every JSON reader."""

AnyLearner = learner.Additive | learner.LocalTraining

LEARNERS: Mapping[str, Callable[[schema.Schema, fields.Fields], AnyLearner]] = {
    "discrete_survival": discrete_survival.from_options,
    "glm": glm.from_options,
    "kaplan_meier": kaplan_meier.from_options,
    "kmeans": kmeans.from_options,
    "mlp": mlp.from_options,
    "naive_bayes": naive_bayes.from_options,
    "pca": pca.from_options,
    "scikit": scikit.from_options,
    "stats": stats.from_options,
    "text": text.from_options,
    "trees": trees.from_options,
}
"""Recipe name -> what reads its options."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """One site's records in one round, raw units; they never leave the site."""

    train: records.Records
    """What is learned from."""
    held_out: records.Records
    """What the model is judged by; may be empty."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """One learner on one schema."""

    name: str
    """Its name in a plan, a key of ``LEARNERS``."""
    schema: schema.Schema
    """The columns."""
    learner: AnyLearner
    """What is fitted, with its options."""
    seed: int = DEFAULT_SEED
    """Draws the starting weights; public, the same for everybody."""
    safeguards: Safeguards = safeguards.NONE
    """What the plan asks for against bad contributions."""
    protection: Protection | None = None
    """What the plan promises to each person or record; ``None`` for no differential privacy."""
    tests_membership: bool = False
    """Whether the last round also says how well rows that were learned from can be told from others."""

    @property
    def word_bits(self) -> int:
        """Width of the ring's words that the blocks need: 64 means suite 3 or 4, 32 suite 1 or 2."""
        return self.learner.word_bits

    @property
    def most_rounds(self) -> int:
        """Rounds that a run takes at most: describe, the learner's steps, evaluate (twice where rounds are undone)."""
        return self.learner.most_steps + 2 + self.safeguards.extra_rounds

    @property
    def most_loss(self) -> float | None:
        """What a run costs each unit at most, epsilon at ``accounting.DELTA``; ``None`` where the plan promises nothing."""
        if self.protection is None:
            return None
        return accounting.epsilon(self.releases(self.learner.most_steps))

    def releases(self, steps: int) -> list[accounting.Release]:
        """Return what a run of so many fit rounds costs the people learned from.

        The last round is about held-out people, who were in round 0 alone, unless it looks at both to tell members.
        """
        later = self.release(state.Stage.FIT)
        fits = [dataclasses.replace(later, count=later.count * steps)] if steps > 0 else []
        return [*(self.release(each) for each in self.whole_stages), *fits]

    @property
    def whole_stages(self) -> tuple[state.Stage, ...]:
        """Rounds beside the fit ones that cost the people learned from."""
        return (state.Stage.DESCRIBE, *([state.Stage.EVALUATE] if self.tests_membership else []))

    def release(self, stage: state.Stage) -> accounting.Release:
        """Return what a round of a protected plan costs the people learned from.

        Raises:
            errors.ContributionRefused: the plan protects nobody.
        """
        if self.protection is None:
            raise errors.ContributionRefused("the plan protects nobody", which=f"recipe {self.name}")
        if stage is not state.Stage.FIT or self.protection.sampling is None:
            return accounting.Release(self.protection.noise)
        passes = self.learner.passes if isinstance(self.learner, learner.Descending) else 1
        steps = passes * differential.steps_of(self.protection.sampling)
        return accounting.Release(self.protection.noise, steps, self.protection.sampling)

    @property
    def privacy_in_words(self) -> str:
        """What a run's terms say of it, rounded up: ``no DP``, or ``epsilon 2.35 per person at delta 1e-06``."""
        if self.protection is None or self.most_loss is None:
            return NO_PRIVACY
        rounded = math.ceil(self.most_loss * 100.0) / 100.0
        return f"epsilon {rounded:g} per {self.protection.unit.value} at delta {accounting.DELTA:g}"

    @property
    def judged_target(self) -> Target | None:
        """What predictions are held against on held-out rows; None where nothing is predicted or the learner is not judged."""
        return None if isinstance(self.learner, learner.Unjudged) else self.schema.target

    def initial(self) -> state.State:
        """Return the state before round 0."""
        return state.State(state.Stage.DESCRIBE, 0, {})

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return the blocks of the round that starts at ``value``; none when it is finished."""
        if value.stage is state.Stage.FINISHED:
            return ()
        if value.stage is state.Stage.DESCRIBE:
            return description.blocks(self.schema) if self.protection else describe.description_blocks(self.schema)
        judged = evaluation.evaluation_blocks(self.judged_target, float(value.arrays["held_out_rows"][0]))
        judged = judged if self.protection is None else evaluation.coarse_blocks(judged)
        if value.stage is state.Stage.EVALUATE:
            return (*judged, *self._membership_blocks(value))
        if self.protection is not None:
            return self.learner.blocks(value)  # each look at held-out rows would cost privacy
        return (*self.learner.blocks(value), *self.safeguards.blocks(), *judged)

    def contribute(
        self, value: state.State, rows: Rows, *, local_state: bytes | None = None, rng: np.random.Generator
    ) -> tuple[Contribution, bytes | None]:
        """Return what one site contributes at ``value`` and its new local state.

        Raises:
            errors.ContributionRefused: rows that do not fit the schema, numbers that are not finite, or a finished
                state.
        """
        if value.stage is state.Stage.FINISHED:
            raise errors.ContributionRefused("the run is finished; nothing is due", which="state")
        if self.protection is not None:
            raise errors.ContributionRefused(
                "the plan promises noise, and this would be without", which="recipe.privacy"
            )
        train, held_out = (each.changed(self.checked) for each in (rows.train, rows.held_out))
        if value.stage is state.Stage.DESCRIBE:
            return describe.contribution(self.schema, train, held_out), local_state
        standardised = functools.partial(self.standardised, value)
        if isinstance(self.learner, learner.Localised):
            value, local_state = self.learner.localise(value, local_state, train.changed(standardised))
        judging = functools.partial(self.judged, value)
        if value.stage is state.Stage.EVALUATE:
            return {**held_out.fold(judging), **self._membership(value, train, held_out)}, local_state
        if isinstance(self.learner, learner.LocalTraining):
            judged = held_out.fold(judging)
            found = self._checked_once(rows.train).changed(standardised)
            fitted, local_state = self.learner.train(value, local_state, found, rng)
            if self.safeguards.robust is not None:
                fitted = {**fitted, robust.WEIGHT: np.array([self.learner.share(value, found.rows)])}
        else:
            partial = functools.partial(self.learner.partial, value)
            fitted, judged = records.fold_both(train.changed(standardised), partial, held_out, judging)
            if isinstance(self.learner, learner.Localised):
                fitted = self.learner.finish(value, fitted)
        contribution = {**fitted, **judged}
        blocks.check_contribution(self.blocks(value), contribution)
        return contribution, local_state

    def protected(self, value: state.State, rows: Rows, secret: bytes) -> Released:
        """Return what one dataset contributes at ``value`` under the plan's protection: clipped, with its own noise.

        Args:
            value: where the round starts.
            rows: the dataset's; where the plan protects persons they tell whose they are.
            secret: 32 bytes of the dataset's own for this run and round; never sent.

        Raises:
            errors.ContributionRefused: as ``contribute``; a plan without protection, or a unit that rows do not tell.
        """
        if self.protection is None:
            raise errors.ContributionRefused("the plan protects nobody", which=f"recipe {self.name}")
        declared = self.blocks(value)
        train, held_out = (each.changed(self.checked) for each in (rows.train, rows.held_out))
        if value.stage is state.Stage.DESCRIBE:
            parts: tuple[differential.Summed, ...] = description.parts(self.schema, train, held_out)
            return description.counted(differential.released(self.protection, declared, parts, secret))
        if value.stage is state.Stage.EVALUATE:
            both = [differential.Summed(held_out, functools.partial(self.judged_whole, value))]
            if self.tests_membership:
                mine = functools.partial(self._losses, value, is_held_out=False)
                both.insert(0, differential.Summed(train, mine))
            return differential.released(self.protection, declared, both, secret)
        found = train.changed(functools.partial(self.standardised, value))
        if not isinstance(self.learner, learner.Additive):
            return self._descended(value, differential.Descent(self.protection, found, secret))
        part = differential.Summed(found, functools.partial(self.learner.partial, value))
        return differential.released(self.protection, declared, (part,), secret)

    def _descended(self, value: state.State, steps: differential.Descent) -> Released:
        if not isinstance(self.learner, learner.Descending):
            raise errors.ContributionRefused("this learner cannot descend with noise", which=f"recipe {self.name}")
        numbers = self.learner.train_protected(value, steps)
        blocks.check_contribution(self.blocks(value), numbers)
        return Released(numbers, steps.content)

    def unprotected(self) -> "Recipe":
        """Return the recipe for what stays at a site: its owner's own figures and model."""
        return dataclasses.replace(self, protection=None)

    def combine(self, value: state.State, sums_by_cell: Sequence[Mapping[str, Vector]]) -> state.State:
        """Return the state after the round that started at ``value``; the same bytes on every machine.

        Args:
            value: that state.
            sums_by_cell: decoded sums by block name, of each cell in ascending order; one where the run is not divided.

        Raises:
            errors.ContributionRefused: there are no sums, they are not those of ``blocks(value)``, or ``value`` is
                finished.
        """
        declared = self.blocks(value)
        if not sums_by_cell:
            raise errors.ContributionRefused("there are no sums to combine", which="sums", expected="at least one cell")
        for sums in sums_by_cell:
            blocks.check_contribution(declared, sums)
        if value.stage is state.Stage.FINISHED:
            raise errors.ContributionRefused("the run is finished; nothing is due", which="state")
        if value.stage is state.Stage.DESCRIBE:
            return self._described(combine.add_cells(sums_by_cell))
        loss = self.safeguards.loss(self.judged_target, sums_by_cell)
        if value.stage is state.Stage.EVALUATE:
            return self.safeguards.conclude(value, loss)
        if self.protection is not None and self.protection.sampling is None:
            known = differential.spreads(self.protection, declared, value.arrays)
            told = dataclasses.replace(value, arrays={**value.arrays, **known})
            return differential.forgotten(self.learner.combine(told, combine.add_cells(sums_by_cell)))
        return self.safeguards.fit(self.learner, value, sums_by_cell, loss)

    def metrics(self, value: state.State, sums: Mapping[str, Vector]) -> evaluation.Metrics | None:
        """Return the figures of the model in ``value``, at which the ``sums`` were computed; None in round 0, and while noise hides fitting.

        The sums may be everybody's or one site's own contribution.
        """
        is_bare = self.protection is not None and value.stage is state.Stage.FIT
        if is_bare or value.stage in {state.Stage.DESCRIBE, state.Stage.FINISHED}:
            return None
        figures = evaluation.metrics(self.judged_target, sums)
        if figures is None or membership.LOSSES not in sums:
            return figures
        return dataclasses.replace(figures, membership_auc=membership.auc(sums))

    def exhibits(self, value: state.State) -> tuple[exhibits.Exhibit, ...]:
        """Return the result as tables; none of a state without a model, or of a learner that has nothing to read."""
        if not (self.has_model(value) and isinstance(self.learner, learner.Exhibiting)):
            return ()
        return self.learner.exhibits(self.schema, value)

    def is_finished(self, value: state.State) -> bool:
        """Return whether no round is left to do; ``value.reason`` says why fitting ended."""
        return value.stage is state.Stage.FINISHED

    def has_model(self, value: state.State) -> bool:
        """Return whether ``value`` can predict: round 0 is over and found rows and classes to learn from."""
        return "mean" in value.arrays

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return the learner's scores, a number's in the target's unit, for raw ``features`` float64[n, width].

        Raises:
            errors.InputError: the state holds no model, or another number of columns.
        """
        self._check_features(value, features)
        scores = self.learner.scores(value, self._as_seen(value, features))
        if self.schema.task is not schema.Task.GAUSSIAN:
            return scores
        return scores * value.arrays["target_scale"] + value.arrays["target_mean"]

    def predict(self, value: state.State, features: state.Array) -> state.Array:
        """Return predictions for raw ``features`` float64[n, width].

        Values float64[n] in the target's unit, or probabilities float64[n, classes] in the order of the classes; else what
        the learner's own ``predict`` says.

        Raises:
            errors.InputError: the state holds no model, or another number of columns.
        """
        scores = self.scores(value, features)
        if isinstance(self.learner, learner.Predicting):
            return self.learner.predict(value, scores)
        if self.schema.task is schema.Task.GAUSSIAN:
            return scores
        if self.schema.task is schema.Task.POISSON:
            rates: state.Array = np.exp(scores)
            return rates
        logits = scores if scores.ndim == 2 else np.stack([np.zeros(len(scores)), scores], axis=1)
        probabilities: state.Array = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
        return probabilities

    def _described(self, sums: Mapping[str, Vector]) -> state.State:
        """Return the state after round 0."""
        combined = description.combine if self.protection is not None else describe.combine
        described = combined(self.schema, sums)
        if isinstance(described, state.Reason):
            return state.State(state.Stage.FINISHED, 0, {}, described)
        start = self.learner.initial(self.schema, self.seed)
        begun = dataclasses.replace(start, arrays={**described, **start.arrays})
        return self.safeguards.begin(begun, start)

    def checked(self, table: Table) -> Table:
        """Return ``table``, which fits the schema.

        Raises:
            errors.ContributionRefused: it does not.
        """
        records.check_table(self.schema, table)
        return table

    def standardised(self, value: state.State, table: Table) -> Table:
        """Return ``table`` as learners see it."""
        target = table.target
        if self.schema.task is schema.Task.GAUSSIAN and not isinstance(self.learner, learner.Unjudged):
            target = (target - value.arrays["target_mean"]) / value.arrays["target_scale"]
        return Table(self._as_seen(value, table.features), target)

    def _as_seen(self, value: state.State, features: state.Array) -> state.Array:
        """Return ``features`` as the learner sees them: standardised, or as they are."""
        if isinstance(self.learner, learner.TakesRaw):
            return features
        return describe.standardise(value.arrays, features, missing=self.schema.missing)

    def judged(self, value: state.State, table: Table) -> Contribution:
        """Return the evaluation's part of a contribution over one batch of held-out rows."""
        target = self.judged_target
        if target is None:
            return {}
        middle = evaluation.middle(target, value.arrays)
        return evaluation.contribution(target, self.scores(value, table.features), table.target, middle=middle)

    def _membership_blocks(self, value: state.State) -> tuple[Block, ...]:
        if not self.tests_membership:
            return ()
        rows, held_out = (float(value.arrays[name][0]) for name in ("rows", "held_out_rows"))
        return membership.membership_blocks(rows, held_out)

    def _membership(self, value: state.State, train: records.Records, held_out: records.Records) -> Contribution:
        if not self.tests_membership:
            return {}
        mine, theirs = (functools.partial(self._losses, value, is_held_out=each) for each in (False, True))
        return {membership.LOSSES: train.fold(mine)[membership.LOSSES] + held_out.fold(theirs)[membership.LOSSES]}

    def _losses(self, value: state.State, table: Table, *, is_held_out: bool) -> Contribution:
        if self.schema.target is None:
            return {}
        scores = self.scores(value, table.features)
        return membership.contribution(self.schema.target, scores, table.target, is_held_out=is_held_out)

    def judged_whole(self, value: state.State, table: Table) -> Contribution:
        """Return all that the last round of a plan with noise tells of a batch of held-out rows."""
        losses = self._losses(value, table, is_held_out=True) if self.tests_membership else {}
        return {**evaluation.coarsened(self.judged(value, table)), **losses}

    def _checked_once(self, found: records.Records) -> records.Sampled:
        """Return the rows after checking all of them, where a learner will ask for few of them at a time.

        Raises:
            errors.ContributionRefused: rows that do not fit the schema, or that can only be added over.
        """
        if not records.is_sampled(found):
            raise errors.ContributionRefused(
                "this learner goes through rows one by one, and this table can only be added over",
                which=f"recipe {self.name}",
                expected="a table on the node's machine",
                got="a table in Spark",
                next_step="Take part with an additive recipe (glm), or export the table to a file.",
            )
        found.changed(self.checked).fold(lambda _: {})
        return found

    def _check_features(self, value: state.State, features: state.Array) -> None:
        """Check that there is a model for these columns."""
        if not self.has_model(value):
            raise errors.InputError(
                "there is no model to predict with", which="state", expected="a fitted state", got=value.stage.value
            )
        if features.ndim != 2 or features.shape[1] != self.schema.width:
            raise errors.InputError(
                "the table has other columns than the model",
                which="features",
                expected=f"float64[rows, {self.schema.width}]",
                got=list(features.shape),
            )


def from_plan(document: object) -> Recipe:
    """Return the recipe that a plan's document describes: ``{"recipe": "glm", "schema": {...}, options...}``.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    reader = fields.Fields(document, "recipe")
    name = reader.text("recipe")
    if name not in LEARNERS:
        raise reader.refusal("recipe", f"one of {sorted(LEARNERS)}", name)
    columns = schema.from_document(reader.value("schema"))
    seed = reader.whole_within("seed", 0, LARGEST_SEED, default=DEFAULT_SEED)
    chosen = LEARNERS[name](columns, reader)
    guarded = safeguards.from_reader(reader)
    promised = reader.value("privacy") if reader.has("privacy") else None
    is_tested = reader.flag("tests_membership") if reader.has("tests_membership") else False
    if is_tested and columns.task not in membership.OF_TASKS:
        raise reader.refusal("tests_membership", "false where rows have no loss of their own", True)
    reader.close()
    chosen.check_size(columns)
    safeguards.check_learner(guarded, chosen, columns)
    made = Recipe(name, columns, chosen, seed, guarded, tests_membership=is_tested)
    if is_tested and made.judged_target is None:
        raise reader.refusal("tests_membership", "false for a recipe that predicts nothing", True)
    return made if promised is None else dataclasses.replace(made, protection=protecting.read(promised, _trial(made)))


def _trial(made: Recipe) -> protecting.Trial:
    return protecting.Trial(
        name=made.name,
        schema=made.schema,
        learner=made.learner,
        seed=made.seed,
        is_guarded=made.safeguards != safeguards.NONE,
        seen=made.standardised,
        judged=None if made.judged_target is None else made.judged_whole,
    )


def to_plan(value: Recipe) -> dict[str, object]:
    """Return the plan's document with every option written out; ``from_plan`` gives the recipe back."""
    return {
        "recipe": value.name,
        "seed": value.seed,
        "schema": schema.to_document(value.schema),
        **value.learner.options(),
        **value.safeguards.options(),
        **({"tests_membership": True} if value.tests_membership else {}),
        **({} if value.protection is None else {"privacy": value.protection.options()}),
    }
