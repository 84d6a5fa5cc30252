"""How long boosted trees take, and how good they are beside scikit-learn's of all rows in one place.

The claim: 100 trees of depth 4 on 30,000 rows at five sites take minutes with masks, checks and contracts on, and predict as
well (AUC within 0.01) as ``HistGradientBoostingClassifier`` with as many trees, the same depth and rate on the pooled rows.
Timed rows are real runs: ``simulate`` is everybody in one process, ``processes`` one process per node with ledger and store beside. The
others (``sums``) add the sites' sums up in one loop, as masks change no sum; there small cells are withheld too, as an owner's
minimum asks (``k``). Figures are means over splits.

    python bench/trees.py [--json] [--data DIR] [--modes simulate processes sums] [--tables ...] [--seeds 3] [--trees 100]
"""

import argparse
import dataclasses
import pathlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import held_out
import report
from aicommons import testing
from aicommons.cli import demonstration, processes, scripts, story
from aicommons.domain import documents, schema
from aicommons.learning import combine, learner, recipe, records, state

DEFAULT_DATA = pathlib.Path(__file__).parents[2] / "shared" / "data"
TIMED = "interactions"
ROWS, WIDTH, SITES = 30_000, 20, 5
DEPTH, RATE = 4, 0.1
HELD_OUT_PERCENT = 30
TARGETS = {"simulate": 120, "processes": 220}
"""Seconds that the project asks of itself for 100 trees."""
LARGEST_GAP = 0.01
"""Of the AUC (accuracy with several classes) below that of the pooled rows."""
LONGEST_SECONDS = 1200.0


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One table, split."""

    columns: schema.Schema
    sites: Sequence[recipe.Rows]


def interactions(seed: int) -> Job:
    """Return 30,000 made-up rows dealt to five sites: products, a wave, a threshold, a skewed and a coarse column."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, WIDTH))
    x[:, 5], x[:, 6] = np.exp(x[:, 5]), np.round(2.0 * x[:, 6])
    logit = x[:, 0] * x[:, 1] + np.sin(2.0 * x[:, 2]) + 0.5 * (x[:, 3] > 0) * x[:, 4]
    logit += 0.3 * np.log(x[:, 5]) * x[:, 6] + 0.4 * x[:, 7] + 0.6 * x[:, 0] - 0.3
    target = (rng.random(ROWS) < 1.0 / (1.0 + np.exp(-1.2 * logit))).astype(np.float64)
    return dealt(x, target, rng)


def breast_cancer(seed: int) -> Job:
    """Return scikit-learn's 569 patients dealt to five sites."""
    from sklearn.datasets import load_breast_cancer

    x, target = load_breast_cancer(return_X_y=True)
    return dealt(x, target.astype(np.float64), np.random.default_rng(seed))


def dealt(x: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> Job:
    """Return rows dealt to the sites, three of ten held out; ranges are declared a third too wide."""
    lo, hi = x.min(axis=0), x.max(axis=0)
    ranges = zip((lo - (hi - lo) / 6).tolist(), (hi + (hi - lo) / 6).tolist(), strict=True)
    features = tuple(schema.numeric(f"x{index}", *each) for index, each in enumerate(ranges))
    parts = np.array_split(rng.permutation(len(x)), 10 * SITES)
    tables = [records.Table(x[part], target[part]) for part in parts]
    sites = [
        recipe.Rows(*(joined(tables[side + 10 * site :][: 7 if side else 3]) for side in (3, 0)))
        for site in range(SITES)
    ]
    return Job(schema.Schema(features, schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes"))), sites)


def joined(tables: Sequence[records.Table]) -> records.Table:
    """Return all rows of some tables."""
    return records.Table(
        np.concatenate([each.features for each in tables]), np.concatenate([each.target for each in tables])
    )


def from_files(name: str, data: pathlib.Path) -> Callable[[int], Job]:
    """Return what reads one of the held-out tables, split inside each site as in a run."""

    def read(seed: int) -> Job:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            script = held_out.TABLES[name].script(data, pathlib.Path(folder), seed)
            made = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(script.schema)})
            said = recipe.to_plan(made)
            plan = documents.Plan(script.title, said, "sums", HELD_OUT_PERCENT, script.seed, script.group)
            return Job(script.schema, list(demonstration.read_sites(script, plan, made).rows.values()))

    return read


def make_plan(job: Job, trees: int) -> recipe.Recipe:
    """Return the plan of so many trees."""
    options = {"trees": trees, "depth": DEPTH, "learning_rate": RATE}
    return recipe.from_plan({"recipe": "trees", "schema": schema.to_document(job.columns), **options})


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """One training."""

    rounds: int
    seconds: float
    """Of all rounds."""
    figure: float
    """AUC, or accuracy with several classes, on the held-out rows."""
    worked: float | None = None
    """CPU seconds, where everything is in this process: what the rounds take while nothing else is at work."""


def simulated(job: Job, plan: recipe.Recipe, minimum: int) -> Done:
    """Train with everybody in this process."""
    _ = minimum
    with testing.simulate(job.sites, plan) as simulation:
        begun, worked = time.perf_counter(), time.process_time()
        done = simulation.run()
        seconds, worked = time.perf_counter() - begun, time.process_time() - worked
        final = simulation.final_state()
    rounds = done.agreed.rounds_done if done.agreed else 0
    return Done(rounds, seconds, judged(job, plan.predict, final), worked)


def in_processes(job: Job, plan: recipe.Recipe, minimum: int) -> Done:
    """Train with a process per node; held-out rows are drawn anew by each node, and the AUC is that of the run's histograms."""
    _ = minimum
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = pathlib.Path(folder)
        script = write_script(root, job, plan)
        passphrase = demonstration.new_passphrase()
        with processes.Processes(passphrase) as running:
            stage = demonstration.set_stage(script, root / "homes", running, passphrase=passphrase, say=lambda _: None)
            begun = time.perf_counter()
            waiting = threading.Event()
            shown = 0
            while not (current := stage.view()).state.is_over and time.perf_counter() - begun < LONGEST_SECONDS:
                while current.unmasked(shown) is not None:
                    shown += 1
                waiting.wait(0.2)
            seconds = time.perf_counter() - begun
            metrics = story.metrics_of(stage, shown - 1)
    return Done(shown, seconds, metrics.auc if metrics is not None and metrics.auc is not None else float("nan"))


def write_script(root: pathlib.Path, job: Job, plan: recipe.Recipe) -> scripts.Script:
    """Write each site's table and return what the nodes are to do."""
    options = {name: value for name, value in recipe.to_plan(plan).items() if name != "schema"}
    names = [feature.name for feature in job.columns.features]
    tables = {}
    for index, site in enumerate(job.sites):
        path = root / f"site-{index}.csv"
        whole = joined([site.train, site.held_out])
        lines = [",".join([*names, "y"])]
        for values, label in zip(whole.features.tolist(), whole.target.tolist(), strict=True):
            lines.append(",".join([*map(repr, values), job.columns.classes[int(label)]]))
        path.write_text("\n".join(lines) + "\n")
        tables[f"site-{index}"] = path
    return scripts.Script("bench", "none", "3.4", tables, plan.schema, options, seed=0)


def added_up(job: Job, plan: recipe.Recipe, minimum: int) -> Done:
    """Train in one loop over the sites."""
    value, rounds, begun = plan.initial(), 0, time.perf_counter()
    rng = np.random.default_rng(0)
    while not plan.is_finished(value):
        parts = [dict(plan.contribute(value, rows, rng=rng)[0]) for rows in job.sites]
        if minimum > 1 and value.stage is state.Stage.FIT and isinstance(plan.learner, learner.Withholding):
            own = {block.name for block in plan.learner.blocks(value)}
            parts = [
                part | dict(plan.learner.withheld(value, {name: part[name] for name in own}, minimum)) for part in parts
            ]
        # As the sites' numbers have distinct scales, one cell each: their sums in order.
        value = plan.combine(value, [combine.add_cells(parts)])
        rounds += 1
    return Done(rounds, time.perf_counter() - begun, judged(job, plan.predict, value))


def judged(job: Job, predict: Callable[[state.State, np.ndarray], np.ndarray], final: state.State) -> float:
    """Return the AUC or accuracy of a final state on all held-out rows."""
    held = joined([each.held_out for each in job.sites])
    return figure(held.target, predict(final, held.features))


def figure(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the AUC of two classes, the accuracy of several."""
    from sklearn.metrics import roc_auc_score

    if probabilities.shape[1] > 2:
        return float((probabilities.argmax(axis=1) == truth).mean())
    return float(roc_auc_score(truth, probabilities[:, 1]))


def pooled(job: Job, trees: int) -> float:
    """Return scikit-learn's AUC or accuracy: all training rows in one place, no more options than we have."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    train, held = (joined([getattr(each, side) for each in job.sites]) for side in ("train", "held_out"))
    model = HistGradientBoostingClassifier(
        max_iter=trees, max_depth=DEPTH, learning_rate=RATE, early_stopping=False, l2_regularization=1.0
    )
    model.fit(train.features, train.target)
    return figure(held.target, model.predict_proba(held.features))


MODES: dict[str, Callable[[Job, recipe.Recipe, int], Done]] = {
    "simulate": simulated,
    "processes": in_processes,
    "sums": added_up,
}


def measure(
    named: tuple[str, Callable[[int], Job]], mode: str, minimum: int, options: argparse.Namespace
) -> dict[str, object]:
    """Return one row of a named table; timed runs are done once."""
    (name, make), runs, others = named, [], []
    for seed in range(options.seeds if mode == "sums" else 1):
        job = make(seed)
        runs.append(MODES[mode](job, make_plan(job, options.trees), minimum))
        others.append(pooled(job, options.trees))
    ours, other = (statistics.mean(values) for values in ([run.figure for run in runs], others))
    is_asked = options.trees == 100 and name == TIMED
    return {
        "table": name,
        "mode": mode,
        "sites": len(job.sites),
        "train_rows": sum(each.train.rows for each in job.sites),
        "held_out_rows": sum(each.held_out.rows for each in job.sites),
        "trees": options.trees,
        "minimum": minimum,
        "rounds": max(run.rounds for run in runs),
        "seconds": round(statistics.mean(run.seconds for run in runs), 1) if mode != "sums" else None,
        "cpu_s": None if runs[0].worked is None else round(runs[0].worked, 1),
        "target_s": TARGETS.get(mode) if is_asked else None,
        "figure": "accuracy" if len(job.columns.classes) > 2 else "AUC",
        "ours": round(ours, 4),
        "pooled": round(other, 4),
        "below_pooled": round(other - ours, 4),
        "target_below": LARGEST_GAP,
        "seeds": len(runs),
        "note": None,
    }


KEYS = (
    "sites",
    "train_rows",
    "held_out_rows",
    "trees",
    "minimum",
    "rounds",
    "seconds",
    "cpu_s",
    "target_s",
    "figure",
    "ours",
)
KEYS = (*KEYS, "pooled", "below_pooled", "target_below", "seeds")


def measured(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield all wanted rows."""
    for mode in (each for each in ("simulate", "processes") if each in options.modes):
        yield measure((TIMED, interactions), mode, 1, options)
    for name in options.tables if "sums" in options.modes else ():
        if name not in MADE:
            needs = [str(options.data / each) for each in held_out.TABLES[name].needs]
            gone = [each for each in needs if not pathlib.Path(each).exists()]
            if gone:
                note = f"not measured: {gone[0]} is not there"
                yield {"table": name, "mode": "sums", **dict.fromkeys(KEYS), "note": note}
                continue
        make = MADE.get(name) or from_files(name, options.data)
        for minimum in options.minimum:
            yield measure((name, make), "sums", minimum, options)


MADE = {TIMED: interactions, "breast cancer": breast_cancer}
COLUMNS: report.Columns = {
    "table": lambda each: each["table"],
    "mode": lambda each: each["mode"],
    "sites": lambda each: each["sites"],
    "rows": lambda each: f"{each['train_rows']:,} + {each['held_out_rows']:,}" if each["sites"] else None,
    "trees": lambda each: each["trees"],
    "k": lambda each: each["minimum"],
    "rounds": lambda each: each["rounds"],
    "seconds": lambda each: each["seconds"],
    "CPU s": lambda each: each["cpu_s"],
    "target s": lambda each: each["target_s"],
    "figure": lambda each: each["figure"],
    "ours": lambda each: each["ours"],
    "pooled": lambda each: each["pooled"],
    "below pooled": lambda each: each["below_pooled"],
    "target": lambda each: each["target_below"],
    "note": lambda each: each["note"] or "",
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("--data", type=pathlib.Path, default=DEFAULT_DATA, help="folder of the held-out tables")
    parser.add_argument("--modes", nargs="*", choices=MODES, default=list(MODES))
    tables = [*MADE, "heart", "maize", "landsat"]
    parser.add_argument("--tables", nargs="*", choices=tables, default=tables, help="of the mode sums")
    parser.add_argument("--minimum", type=int, nargs="*", default=[1, 5, 10], help="k: fewest rows of a site's cell")
    parser.add_argument("--seeds", type=int, default=3, help="splits per table")
    parser.add_argument("--trees", type=int, default=100)
    options = parser.parse_args()
    title = (
        f"Boosted trees (`trees.py`): {options.trees} trees of depth {DEPTH}, beside scikit-learn's of the pooled rows"
    )
    report.show(title, measured(options), COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
