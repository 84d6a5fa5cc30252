"""How good a federated model is beside the same model of all rows in one place, and beside each site's own.

The claim: the federated GLM is the pooled one. Each table is split inside each site as in a run; the federated figures
come from a real run in one process (``testing.simulate``: masks, checks, contracts), the pooled and own-data-only ones
from scikit-learn as in ``commons demo``. One row per table: means over seeds, and the *largest* differences to pooled.

    python bench/accuracy.py [--json] [--seeds 5] [--data DIR] [--tables heart ...]
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

import held_out
import report
from aicommons import testing
from aicommons.cli import comparison, demonstration, scripts
from aicommons.domain import documents, schema
from aicommons.learning import recipe as recipes
from aicommons.learning import records, state

DEFAULT_DATA = pathlib.Path(__file__).parents[2] / "shared" / "data"
HELD_OUT_PERCENT = 30
FIGURES = ("accuracy", "auc", "r2")
KINDS = ("federated", "pooled", "local")


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One table under one seed."""

    sites: int
    train_rows: int
    held_out_rows: int
    rounds: int
    """Until the model was final."""
    figures: dict[str, dict[str, float]]
    """Kind -> figure -> value; a task has accuracy, with two classes AUC too, or r2."""
    coefficient_gap: float
    """Largest difference of a coefficient to the pooled estimate, relative to the largest pooled one."""


def see(script: scripts.Script) -> Seen:
    """Train together, on all rows in one place, and each site alone."""
    document = {**script.recipe, "schema": schema.to_document(script.schema)}
    made = recipes.from_plan(document)
    plan = documents.Plan(script.title, recipes.to_plan(made), "sums", HELD_OUT_PERCENT, script.seed, script.group)
    rows = demonstration.read_sites(script, plan, made).rows
    with testing.simulate(list(rows.values()), made) as simulation:
        done = simulation.run()
        metrics, final = simulation.metrics(), simulation.final_state()
    if metrics is None or done.agreed is None:
        raise RuntimeError(f"{script.title}: the run ended without figures")
    shown = {"accuracy": metrics.accuracy, "auc": metrics.auc, "r2": metrics.r_squared}
    figures = {
        "federated": {name: value for name, value in shown.items() if value is not None},
        "pooled": comparison.pooled(made, rows).to_json(),
        "local": comparison.alone(made, rows)[0].to_json(),
    }
    train = [each.train for each in rows.values()]
    gap = coefficient_gap(made, final, train)
    held = sum(each.held_out.rows for each in rows.values())
    return Seen(len(rows), sum(each.rows for each in train), held, done.agreed.rounds_done, figures, gap)


def coefficient_gap(made: recipes.Recipe, final: state.State, train: list[records.Table]) -> float:
    """Return the largest difference of a coefficient to scikit-learn's, solved to the last digits."""
    from sklearn import linear_model, preprocessing

    is_number = made.schema.target.task is schema.Task.GAUSSIAN
    features = preprocessing.StandardScaler().fit_transform(np.concatenate([each.features for each in train]))
    if is_number:
        model = linear_model.Ridge(alpha=1.0)
    else:
        model = linear_model.LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    model.fit(features, np.concatenate([each.target for each in train]))
    found = final.arrays["coefficients"] * (final.arrays["target_scale"] if is_number else 1.0)
    pooled = np.atleast_2d(model.coef_)
    return float(np.abs(found - pooled).max() / np.abs(pooled).max())


def measure(table: held_out.HeldOut, data: pathlib.Path, seeds: int) -> dict[str, object]:
    """Return a table's row, without figures where its files are not there."""
    missing = [str(data / name) for name in table.needs if not (data / name).exists()]
    if missing:
        return {"table": table.name, **dict.fromkeys(KEYS), "note": f"not measured: {missing[0]} is not there"}
    runs = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            runs.append(see(table.script(data, pathlib.Path(folder), seed)))
    return {**row(table, runs), **reference(table, data), "note": None}


def row(table: held_out.HeldOut, runs: list[Seen]) -> dict[str, object]:
    """Return means over the runs, and largest differences."""
    first = runs[0]
    made: dict[str, object] = dict.fromkeys(KEYS)
    made |= {"table": table.name, "sites": first.sites, "train_rows": first.train_rows, "seeds": len(runs)}
    made |= {"held_out_rows": first.held_out_rows, "rounds": max(run.rounds for run in runs)}
    for figure in first.figures["federated"]:
        for kind in KINDS:
            values = [run.figures[kind][figure] for run in runs]
            made[f"{kind}_{figure}"] = round(statistics.mean(values), 4)
        gaps = [abs(run.figures["federated"][figure] - run.figures["pooled"][figure]) for run in runs]
        made[f"largest_{figure}_gap"] = round(max(gaps), 5)
    made["largest_coefficient_gap"] = float(f"{max(run.coefficient_gap for run in runs):.2g}")
    return made


def reference(table: held_out.HeldOut, data: pathlib.Path) -> dict[str, object]:
    """Return the accuracies of ``reference.json``: the same protocol with other draws of the splits."""
    path = data / "reference.json"
    if table.reference is None or not path.exists():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text())["datasets"][table.reference]["metrics"]
    wanted = {"pooled": "pooled_acc", "fedavg": "fedavg_acc", "local": "local_own_acc"}
    return {f"reference_{kind}_accuracy": kept[name]["mean"] for kind, name in wanted.items()}


KEYS = (
    *("sites", "train_rows", "held_out_rows", "seeds", "rounds"),
    *(f"{kind}_{figure}" for figure in FIGURES for kind in KINDS),
    *(f"largest_{figure}_gap" for figure in FIGURES),
    "largest_coefficient_gap",
    *(f"reference_{kind}_accuracy" for kind in ("pooled", "fedavg", "local")),
)
"""Every row has all of them; ``None`` where a table has no such figure."""


def triple(figure: str) -> Any:
    """Return what shows the three kinds of one figure in one cell."""

    def shown(each: report.Row) -> str | None:
        values = [each[f"{kind}_{figure}"] for kind in KINDS]
        return None if values[0] is None else " / ".join(f"{value:.3f}" for value in values)

    return shown


def shown_reference(each: report.Row) -> str | None:
    """Return the reference's three accuracies in one cell."""
    values = [each[f"reference_{kind}_accuracy"] for kind in ("fedavg", "pooled", "local")]
    return None if values[0] is None else " / ".join(f"{value:.3f}" for value in values)


COLUMNS: report.Columns = {
    "table": lambda each: each["table"],
    "sites": lambda each: each["sites"],
    "rows": lambda each: f"{each['train_rows']:,} + {each['held_out_rows']:,}" if each["sites"] else None,
    "rounds": lambda each: each["rounds"],
    "accuracy": triple("accuracy"),
    "AUC": triple("auc"),
    "R2": triple("r2"),
    "largest gap in accuracy": lambda each: each["largest_accuracy_gap"],
    "in AUC": lambda each: each["largest_auc_gap"],
    "in coefficients": lambda each: each["largest_coefficient_gap"],
    "reference accuracy": shown_reference,
    "note": lambda each: each["note"] or "",
}


def measured(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield the rows of all wanted tables."""
    for name in options.tables:
        yield measure(held_out.TABLES[name], options.data, options.seeds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one object per row")
    parser.add_argument("--data", type=pathlib.Path, default=DEFAULT_DATA, help="folder of the held-out tables")
    parser.add_argument("--seeds", type=int, default=5, help="splits per table")
    parser.add_argument("--tables", nargs="*", choices=held_out.TABLES, default=list(held_out.TABLES))
    options = parser.parse_args()
    title = f"Accuracy (`accuracy.py`): GLM, means over {options.seeds} splits, federated / pooled / own data only"
    report.show(title, measured(options), COLUMNS, as_json=options.json)


if __name__ == "__main__":
    main()
