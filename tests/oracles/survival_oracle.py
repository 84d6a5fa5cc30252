"""Asks lifelines about public tables of times; run by the survival learners' tests in its own environment, JSON in and out.

In: ``table`` (a data set of lifelines, by name) alone gives its rows; with ``by`` also the curves of all and of each level, and
the log-rank test; with ``train`` (a mask) and ``columns`` Cox's concordance on the other rows; with ``risks`` the concordance of
these numbers on the same rows, higher meaning sooner. Rows with gaps in ``needed`` are left out.
"""

import json
import sys

import lifelines
import numpy as np
import pandas as pd
from lifelines import datasets, statistics, utils


def main() -> None:
    """Answer one question from standard input."""
    asked = json.load(sys.stdin)
    table = getattr(datasets, f"load_{asked['table']}")().dropna(subset=asked.get("needed"))
    said = {"rows": {name: table[name].tolist() for name in table.columns}}
    time, event = table[asked["time"]], table[asked["event"]]
    if "by" in asked:
        by = table[asked["by"]]
        said["curves"] = [_curve(time[mask], event[mask], asked["days"]) for mask in _groups(by)]
        test = statistics.multivariate_logrank_test(time, by, event)
        said["log_rank"], said["p_value"] = float(test.test_statistic), float(test.p_value)
    if "train" in asked:
        said["cox"] = _cox(table, asked)
    if "risks" in asked:
        rest = ~np.array(asked.get("train", np.zeros(len(table), dtype=bool)))
        risks = np.array(asked["risks"])
        said["concordance"] = float(utils.concordance_index(time[rest], -risks, event[rest]))
    json.dump(said, sys.stdout)


def _groups(by: pd.Series) -> list[pd.Series]:
    return [by == by, *(by == level for level in sorted(by.unique()))]


def _curve(time: pd.Series, event: pd.Series, days: int) -> dict[str, object]:
    """Return survival and Greenwood's standard error after each day, and the median (None: never reached)."""
    fitted = lifelines.KaplanMeierFitter().fit(time, event)
    survival = fitted.survival_function_at_times(np.arange(days + 1)).to_numpy()
    squares = fitted._cumulative_sq_.reindex(np.arange(days + 1), method="ffill").to_numpy()
    median = float(fitted.median_survival_time_)
    return {
        "survival": survival.tolist(),
        "error": [float(s * np.sqrt(q)) if s > 1e-12 else None for s, q in zip(survival, squares, strict=True)],
        "median": median if np.isfinite(median) else None,
    }


def _cox(table: pd.DataFrame, asked: dict[str, object]) -> float:
    mask = np.array(asked["train"])
    known = table[[*asked["columns"], asked["time"], asked["event"]]]
    rest = known[~mask]
    cox = lifelines.CoxPHFitter().fit(known[mask], asked["time"], asked["event"])
    return float(utils.concordance_index(rest[asked["time"]], -cox.predict_partial_hazard(rest), rest[asked["event"]]))


main()
