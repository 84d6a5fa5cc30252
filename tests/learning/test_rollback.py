"""Rollback: a round that made the model worse is undone by the fold itself, and the best model is what a run ends with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aicommons.domain import errors, schema
from aicommons.learning import blocks, evaluation, model, recipe, records, rollback, state

Federate = Callable[..., Any]

SCHEMA = {
    "features": [{"name": f"x{index}", "kind": "numeric", "lo": -6, "hi": 6} for index in range(4)],
    "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
}
MLP = {"recipe": "mlp", "hidden": [8], "rounds": 10, "learning_rate": 0.3, "batch": 8, "clip": 4.0, "schema": SCHEMA}
BAD_ROUND = 4


def _plan(**options: object) -> recipe.Recipe:
    return recipe.from_plan({**MLP, **options})


def _rows(site: int, *, held_out: int = 15) -> recipe.Rows:
    rng = np.random.default_rng(site)
    tables = []
    for count in (40, held_out):
        features = rng.normal(size=(count, 4))
        target = (features[:, 0] - features[:, 1] + rng.normal(0, 0.5, count) > 0).astype(float)
        tables.append(records.Table(features, target))
    return recipe.Rows(*tables)


def _sites(**more: int) -> list[recipe.Rows]:
    return [_rows(site, **more) for site in range(5)]


def _poison(*rounds: int) -> Callable[[int, int, blocks.Contribution], blocks.Contribution]:
    """Return what lets one site send a hostile delta, as long as its cap allows, in these rounds."""

    def tamper(round_index: int, site: int, part: blocks.Contribution) -> blocks.Contribution:
        if site or round_index not in rounds or "delta" not in part:
            return part
        return {**part, "delta": np.where(np.arange(len(part["delta"])) % 2, 40.0, -40.0)}

    return tamper


def _losses(outcome: Any) -> list[float]:
    return [figures.log_loss for figures in outcome.metrics[1:]]


def test_a_poisoned_round_is_undone_within_one_round(federate: Federate) -> None:
    """The hostile step shows in the next round's figures; the one after starts from the best model again."""
    losses = _losses(federate(_plan(rollback={}), _sites(), tamper=_poison(BAD_ROUND)))
    assert losses[BAD_ROUND] > 1.1 * losses[BAD_ROUND - 1]
    assert losses[BAD_ROUND + 1] == min(losses[:BAD_ROUND])


def test_a_poisoned_run_ends_as_good_as_a_clean_one(federate: Federate) -> None:
    """With rollback one hostile round costs a round; without, the end is far worse."""
    clean = _losses(federate(_plan(), _sites()))[-1]
    guarded = _losses(federate(_plan(rollback={}), _sites(), tamper=_poison(9)))[-1]
    plain = _losses(federate(_plan(), _sites(), tamper=_poison(9)))[-1]
    assert guarded < 1.15 * clean
    assert plain > 1.3 * clean


def test_a_bad_last_step_is_undone_and_the_best_model_judged(federate: Federate) -> None:
    """A hostile last round costs one more round of figures, and the last figures are those of the final model."""
    plan, sites = _plan(rollback={}), _sites()
    outcome = federate(plan, sites, tamper=_poison(10))
    losses = _losses(outcome)
    assert len(outcome.metrics) == plan.most_rounds == 13
    assert losses[-1] == min(losses)
    judged = evaluation_of(plan, outcome.state, sites)
    assert judged == pytest.approx(losses[-1], abs=1e-3)


def evaluation_of(plan: recipe.Recipe, value: state.State, sites: list[recipe.Rows]) -> float:
    """Return the mean log-loss of a model over all sites' held-out rows."""
    last = state.State(state.Stage.EVALUATE, value.step, value.arrays)
    parts = [plan.contribute(last, rows, rng=np.random.default_rng(0))[0] for rows in sites]
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    found = evaluation.loss(plan.schema.target, total)
    assert found is not None
    return found


def test_patience_ends_fitting_at_the_best_model(federate: Federate) -> None:
    """Hostile in every round from the fourth on: undone as often as the plan says, then the run ends and says why."""
    plan = _plan(rollback={"patience": 2})
    outcome = federate(plan, _sites(), tamper=_poison(*range(BAD_ROUND, 20)))
    assert outcome.state.reason is state.Reason.WORSE_TOO_OFTEN
    losses = _losses(outcome)
    assert losses[-1] == min(losses)
    assert sum(loss > 1.1 * losses[BAD_ROUND - 1] for loss in losses[BAD_ROUND:]) == 3


def test_without_the_option_no_byte_differs(federate: Federate) -> None:
    """A clean run with rollback goes through the same models and ends with the same bytes where every round helps."""
    plain, guarded = (federate(_plan(**more), _sites()) for more in ({}, {"rollback": {"worse_by": 2.0}}))
    assert _losses(plain) == _losses(guarded)
    assert state.encode(plain.state) == state.encode(guarded.state)


def test_the_final_state_holds_the_model_alone(federate: Federate) -> None:
    """What rollbacks need is gone from the finished state, so that a model file has no second model in it."""
    plan = _plan(rollback={})
    outcome = federate(plan, _sites(), tamper=_poison(BAD_ROUND))
    assert not [name for name in outcome.state.arrays if name.startswith(rollback.BEST) or name == "server_step"]
    made = model.Model(plan, outcome.state)
    assert model.decode(model.encode(made)).state == outcome.state


def test_rollback_works_with_cells(federate: Federate) -> None:
    """Twenty sites in five cells under the mean of cells: one hostile round is undone as in one set."""
    sites = [_rows(site) for site in range(20)]
    cells = [range(start, start + 4) for start in range(0, 20, 4)]
    plan = _plan(rollback={}, robust={"rule": "mean", "clip": 1000.0})
    losses = _losses(federate(plan, sites, cells=cells, tamper=_poison(BAD_ROUND)))
    assert losses[BAD_ROUND] > 1.1 * losses[BAD_ROUND - 1]
    assert losses[BAD_ROUND + 1] == min(losses[:BAD_ROUND])


def _lying(round_index: int, site: int, part: blocks.Contribution) -> blocks.Contribution:
    """One site claims the worst loss of all in every other round."""
    if site or round_index % 2 or "evaluation.log_loss" not in part:
        return part
    return {**part, "evaluation.log_loss": np.array([480.0])}


def test_one_cell_cannot_undo_rounds_by_claiming_losses(federate: Federate) -> None:
    """Robust cells judge by the median of their losses: one liar in one of them does not undo a round."""
    sites = [_rows(site) for site in range(20)]
    cells = [range(start, start + 4) for start in range(0, 20, 4)]
    plan = _plan(rollback={}, robust={"rule": "median"})
    honest = federate(plan, sites, cells=cells).state
    assert state.encode(federate(plan, sites, cells=cells, tamper=_lying).state) == state.encode(honest)


LOSSES: dict[str, tuple[list[float], float, float | None]] = {
    "a mean": ([6.0, 1.0, 1.0, 2.0], 5.0, 0.5),
    "below nothing": ([6.0, 1.0, 1.0, 2.0], -5.0, 0.0),
    "no rows": ([0.0, 0.0, 0.0, 0.0], 5.0, None),
    "fewer rows than none": ([1.0, 0.0, 0.0, -3.0], 5.0, None),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_means_that_no_lie_makes_negative(name: str) -> None:
    """A loss below 0 would be the best for ever; counts that cannot be give none."""
    confusion, total, expected = LOSSES[name]
    sums = {"evaluation.confusion": np.array(confusion), "evaluation.log_loss": np.array([total])}
    assert evaluation.loss(_plan().schema.target, sums) == expected


def test_numbers_are_judged_by_their_squared_error() -> None:
    """For a numeric target the loss is the mean squared error in range widths."""
    target = schema.Target(schema.Task.GAUSSIAN, "y", lo=0.0, hi=10.0)
    assert evaluation.loss(
        target, evaluation.contribution(target, np.array([5.0, 1.0]), np.array([4.0, 1.0]))
    ) == pytest.approx(0.005)


def test_without_held_out_rows_nothing_is_undone(federate: Federate) -> None:
    """No figures, no verdict: the run goes through like one without the option."""
    sites = _sites(held_out=0)
    tamper = _poison(BAD_ROUND)
    plain, guarded = (federate(_plan(**more), sites, tamper=tamper).state for more in ({}, {"rollback": {}}))
    assert state.encode(plain) == state.encode(guarded)


def _state(**arrays: float) -> state.State:
    start = state.State(state.Stage.FIT, 3, {"w": np.array([1.0])})
    begun = rollback.begin(start, {"w": np.array([1.0])})
    return state.State(
        state.Stage.FIT, 3, {**begun.arrays, **{name: np.array([value]) for name, value in arrays.items()}}
    )


CASES = {
    "first loss": ({}, 5.0, False),
    "better": ({"best_loss": 2.0}, 1.9, False),
    "as good": ({"best_loss": 2.0}, 2.0, False),
    "a little worse": ({"best_loss": 2.0}, 2.2, False),
    "worse": ({"best_loss": 2.0}, 2.21, True),
    "infinite": ({"best_loss": 2.0}, float("inf"), True),
    "not a number": ({"best_loss": 2.0}, float("nan"), True),
    "no figures": ({"best_loss": 2.0}, None, False),
    "not a number at first": ({}, float("nan"), False),
}


@pytest.mark.parametrize("name", CASES)
def test_worse_is_above_the_factor_or_no_number(name: str) -> None:
    """A model is undone above 1.1 times the best loss, or with a loss that is no number."""
    arrays, loss, expected = CASES[name]
    assert rollback.is_worse(rollback.Rollback(), _state(**arrays), loss) is expected


def test_steps_halve_and_grow_back() -> None:
    """Each rollback halves the server's step; each new best model doubles it, up to one."""
    chosen, value = rollback.Rollback(patience=2), _state(best_loss=2.0, w=9.0)
    once = rollback.undo(chosen, value, 100)
    assert (once.arrays["w"][0], once.arrays["server_step"][0], once.step) == (1.0, 0.5, 4)
    assert rollback.scale(once, {"delta": np.array([3.0])})["delta"].tolist() == [1.5]
    twice = rollback.undo(chosen, once, 100)
    assert twice.arrays["server_step"][0] == 0.25
    grown = rollback.accept(twice, 1.0)
    assert (grown.arrays["server_step"][0], grown.arrays["best_loss"][0]) == (0.5, 1.0)
    assert rollback.accept(_state(best_loss=2.0), 1.0).arrays["server_step"][0] == 1.0
    assert rollback.accept(twice, 3.0) == twice
    assert rollback.undo(chosen, twice, 100).reason is state.Reason.WORSE_TOO_OFTEN
    assert rollback.undo(chosen, once, 5).reason is state.Reason.STEPS_DONE


BAD_OPTIONS: dict[str, tuple[dict[str, object], str]] = {
    "patience zero": ({"rollback": {"patience": 0}}, "recipe.rollback.patience"),
    "patience not whole": ({"rollback": {"patience": 1.5}}, "recipe.rollback.patience"),
    "factor below one": ({"rollback": {"worse_by": 0.9}}, "recipe.rollback.worse_by"),
    "factor infinite": ({"rollback": {"worse_by": float("inf")}}, "recipe.rollback.worse_by"),
    "not an object": ({"rollback": True}, "recipe.rollback"),
    "unknown field": ({"rollback": {"patients": 3}}, "recipe.rollback.patients"),
    "sums over records": ({"recipe": "glm", "rollback": {}}, "recipe.rollback"),
    "network too large to be kept twice": (
        {"recipe": "mlp", "hidden": [7000, 5000], "rollback": {}},
        "recipe.rollback",
    ),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_refused_and_named(name: str) -> None:
    """The option is read strictly, and only plans that train locally may have it."""
    changed, which = BAD_OPTIONS[name]
    document: dict[str, object] = {"schema": SCHEMA, "recipe": "mlp", **changed}
    with pytest.raises(errors.InputError) as caught:
        recipe.from_plan(document)
    assert str(caught.value.which).startswith(which)


def test_the_option_is_written_out_and_read_back() -> None:
    """to_plan gives the option with its defaults, and nothing where there is none."""
    plan = _plan(rollback={})
    assert recipe.to_plan(plan)["rollback"] == {"patience": 3, "worse_by": 1.1}
    assert recipe.from_plan(recipe.to_plan(plan)) == plan
    assert "rollback" not in recipe.to_plan(_plan())
