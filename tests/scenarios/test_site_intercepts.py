"""A run in which every site keeps an intercept of its own: the model is the pooled one, and what is kept never leaves."""

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import run
from aicommons.learning import recipe, records, state
from aicommons.learning.learners import site_intercept
from aicommons.node import verification

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the pooled comparison")

PLAN = {
    "recipe": "glm",
    "site_intercepts": True,
    "schema": {
        "features": [{"name": f"x{index}", "kind": "numeric", "lo": -6, "hi": 6} for index in range(2)],
        "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
    },
}


def _rows(site: int) -> recipe.Rows:
    """Return a site's rows; sites differ in how often the answer is yes."""
    rng = np.random.default_rng(site)
    tables = []
    for count in (60, 25):
        features = rng.normal(size=(count, 2))
        signal = features[:, 0] + 1.5 * (site - 1) + rng.normal(size=count)
        tables.append(records.Table(features, (signal > 0).astype(float)))
    return recipe.Rows(*tables)


def test_a_run_with_site_intercepts_ends_with_the_pooled_model() -> None:
    """The agreed state is the pooled fit with one-hot sites, its replay verifies, and every node has kept eight bytes of its own."""
    plan, sites = recipe.from_plan(PLAN), [_rows(site) for site in range(3)]
    with testing.simulate(sites, plan, engine="memory") as simulation:
        current = simulation.run()
        assert current.state is run.RunState.COMPLETED
        journals = [node.agent.journal for _, node in sorted(simulation.nodes.items())]
        (data,) = {journal.state(simulation.run_id).data for journal in journals}
        final = state.decode(data)
        place = next(iter(simulation.nodes.values())).agent.ledger.place
        report = verification.verify(current, simulation.run_id, simulation.commons.store, place)
        assert report.problem is None
        last = max(index for index in range(plan.most_rounds + 1) if journals[0].local(simulation.run_id, index))
        kept = [site_intercept.decode(journal.local(simulation.run_id, last)) for journal in journals]
    assert site_intercept.ARRAY not in final.arrays
    features = np.concatenate([site.train.features for site in sites])
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    one_hot = (np.repeat(np.arange(3), 60)[:, None] == np.arange(3)) / np.sqrt(3.0)
    pooled = linear_model.LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000)
    pooled.fit(np.hstack([z, one_hot]), np.concatenate([site.train.target for site in sites]))
    assert np.allclose(final.arrays["coefficients"][0], pooled.coef_[0, :2], atol=1e-4)
    assert np.allclose(kept, pooled.coef_[0, 2:] / np.sqrt(3.0), atol=1e-4)
    assert len(set(kept)) == 3
