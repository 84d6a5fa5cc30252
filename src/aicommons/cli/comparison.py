"""What a demo can compare because it holds all data in one place: pooled training, and each site alone.

In the commons nobody can compute these; the demo says so. Logistic and ridge regression come from scikit-learn, so the
comparison is with somebody else's code; the network is trained by our own recipe on all rows at once.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aicommons.domain import schema
from aicommons.learning import recipe as recipes
from aicommons.learning import records, state

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """How good a model is on held-out rows."""

    accuracy: float | None
    """Share of correct classes; ``None`` for a number target."""
    auc: float | None
    """Area under the ROC curve, exact; two classes only."""
    r2: float | None = None
    """Share of variance explained; number targets only."""
    concordance: float | None = None
    """Harrell's C; times until an event only."""
    d2: float | None = None
    """Share of Poisson deviance explained; counts only."""

    def to_json(self) -> dict[str, float | None]:
        """Return the figures that there are."""
        shown = {name: getattr(self, name) for name in ("accuracy", "auc", "r2", "d2", "concordance")}
        return {name: round(value, 6) for name, value in shown.items() if value is not None}


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """Scores of some rows and their truth."""

    scores: Floats
    """Probability of the second class, probabilities [n, k], predicted numbers or rates, or risks of an event."""
    truth: Floats

    def figures(self, task: schema.Task | None) -> Figures:
        """Return the figures of these rows; none of no rows (a site with a single group holds nothing out)."""
        if len(self.truth) == 0:
            return Figures(None, None)
        if task is schema.Task.SURVIVAL:
            return Figures(None, None, None, self._concordance())
        if task is schema.Task.POISSON:
            return Figures(None, None, d2=self._d2())
        if task is schema.Task.GAUSSIAN:
            spread = float(((self.truth - self.truth.mean()) ** 2).sum())
            return Figures(None, None, 1 - float(((self.truth - self.scores) ** 2).sum()) / spread if spread else None)
        guessed = self.scores.argmax(axis=1) if self.scores.ndim == 2 else (self.scores > 0.5)
        accuracy = float((guessed == self.truth).mean())
        return Figures(accuracy, self._auc() if self.scores.ndim == 1 else None)

    def _concordance(self) -> float | None:
        """Return Harrell's C, event by event; of equal times an event is before a censoring."""
        times, is_seen = np.abs(self.truth), ~np.signbit(self.truth)
        wins = pairs = 0.0
        for time, score in zip(times[is_seen].tolist(), self.scores[is_seen].tolist(), strict=True):
            others = self.scores[(times > time) | ((times == time) & ~is_seen)]
            wins += float((others < score).sum() + (others == score).sum() / 2)
            pairs += len(others)
        return wins / pairs if pairs else None

    def _d2(self) -> float | None:
        from sklearn import metrics

        return (
            None
            if (self.truth == self.truth[0]).all()
            else float(metrics.d2_tweedie_score(self.truth, self.scores, power=1))
        )

    def _auc(self) -> float | None:
        from sklearn import metrics

        if len(np.unique(self.truth)) < 2:
            return None
        return float(metrics.roc_auc_score(self.truth, self.scores))


def pooled(made: recipes.Recipe, sites: Mapping[str, recipes.Rows]) -> Figures:
    """Return how good one model of all training rows is on all held-out rows; no figures where nothing is predicted."""
    if made.judged_target is None:
        return Figures(None, None)
    train = _joined([records.gather(rows.train) for rows in sites.values()])
    held_out = _joined([records.gather(rows.held_out) for rows in sites.values()])
    return Judged(fit(made, train, held_out.features), held_out.target).figures(made.schema.task)


def alone(made: recipes.Recipe, sites: Mapping[str, recipes.Rows]) -> tuple[Figures, dict[str, Figures]]:
    """Return how good the sites' own models are on their own held-out rows: over all, and site by site."""
    if made.judged_target is None:
        return Figures(None, None), {name: Figures(None, None) for name in sites}
    task = made.schema.task
    judged = {}
    for name, rows in sites.items():
        train, held_out = records.gather(rows.train), records.gather(rows.held_out)
        judged[name] = Judged(fit(made, train, held_out.features), held_out.target)
    scores = np.concatenate([each.scores for each in judged.values()])
    truth = np.concatenate([each.truth for each in judged.values()])
    return Judged(scores, truth).figures(task), {name: each.figures(task) for name, each in judged.items()}


def fit(made: recipes.Recipe, train: records.Table, wanted: Floats) -> Floats:
    """Train on one table and return the predictions for ``wanted``: probabilities, numbers, or risks of an event."""
    classes = np.unique(train.target)
    task = made.schema.task
    if task is schema.Task.SURVIVAL:
        value = fold(made, train)
        return made.scores(value, wanted) if made.has_model(value) else np.zeros(len(wanted))  # no event was seen
    if len(wanted) == 0:  # scikit-learn refuses to predict nothing
        return np.zeros((0, len(made.schema.classes)) if task is schema.Task.MULTINOMIAL else 0)
    if task not in schema.NUMBERS and len(classes) == 1:
        return _constant(made, int(classes[0]), len(wanted))
    if made.name == "glm":
        return _fit_sklearn(made, train, wanted)
    predicted = made.predict(fold(made, train), wanted)
    return predicted if task is not schema.Task.BINOMIAL else predicted[:, 1]


def _constant(made: recipes.Recipe, index: int, rows: int) -> Floats:
    if made.schema.task is schema.Task.BINOMIAL:
        return np.full(rows, float(index))
    predicted = np.zeros((rows, len(made.schema.classes)))
    predicted[:, index] = 1.0
    return predicted


def fold(made: recipes.Recipe, train: records.Table) -> state.State:
    """Return the last state of a recipe on one table, without masking: the pooled reference."""
    rows = recipes.Rows(train, records.Table(train.features[:0], train.target[:0]))
    value, local = made.initial(), None
    for position in range(made.most_rounds):
        if made.is_finished(value) or value.stage is state.Stage.EVALUATE:
            break
        rng = np.random.default_rng([made.seed, position])
        sums, local = made.contribute(value, rows, local_state=local, rng=rng)
        value = made.combine(value, [sums])
    return value


def _fit_sklearn(made: recipes.Recipe, train: records.Table, wanted: Floats) -> Floats:
    from sklearn import linear_model, pipeline, preprocessing

    scale = preprocessing.StandardScaler()
    if made.schema.task is schema.Task.GAUSSIAN:
        model = pipeline.make_pipeline(scale, linear_model.Ridge(alpha=1.0))
        model.fit(train.features, train.target)
        return np.asarray(model.predict(wanted))
    if made.schema.task is schema.Task.POISSON:
        model = pipeline.make_pipeline(
            scale, linear_model.PoissonRegressor(alpha=1.0 / len(train.target), max_iter=5000)
        )
        model.fit(train.features, train.target)
        return np.asarray(model.predict(wanted))
    model = pipeline.make_pipeline(scale, linear_model.LogisticRegression(C=1.0, max_iter=5000))
    model.fit(train.features, train.target)
    predicted = np.zeros((len(wanted), len(made.schema.classes)))
    predicted[:, model.classes_.astype(int)] = model.predict_proba(wanted)
    return predicted[:, 1] if made.schema.task is schema.Task.BINOMIAL else predicted


def _joined(tables: list[records.Table]) -> records.Table:
    return records.Table(
        np.concatenate([table.features for table in tables]), np.concatenate([table.target for table in tables])
    )
