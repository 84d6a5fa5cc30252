"""Asks pycanon and anjana about a table; run by test_anonymity_oracles in their own environment, JSON in and out.

In: header, rows, quasi, sensitive, and with ``k`` also suppress (percent) and hierarchies (column -> one list per rung,
aligned with the first, which holds the values). Out: k, l and t of the table, and with ``k`` anjana's table.
"""

import contextlib
import io
import json
import sys

import numpy as np
import pandas as pd
import pycanon.anonymity
from anjana import anonymity


def main() -> None:
    """Answer one question from standard input."""
    asked = json.load(sys.stdin)
    table = pd.DataFrame(asked["rows"], columns=asked["header"])
    for name in asked["numeric"]:
        table[name] = pd.to_numeric(table[name])
    quasi, sensitive = asked["quasi"], asked["sensitive"]
    said = {
        "k": int(pycanon.anonymity.k_anonymity(table, quasi)),
        "l": {name: int(pycanon.anonymity.l_diversity(table, quasi, [name])) for name in sensitive},
        "t": {name: float(pycanon.anonymity.t_closeness(table, quasi, [name])) for name in sensitive},
    }
    if "k" in asked:
        hierarchies = {
            name: {rung: np.array(values, dtype=object) for rung, values in enumerate(rungs)}
            for name, rungs in asked["hierarchies"].items()
        }
        with contextlib.redirect_stdout(io.StringIO()):
            made = anonymity.k_anonymity(table, [], quasi, asked["k"], asked["suppress"], hierarchies)
        said["rows"] = made[asked["header"]].astype(str).to_numpy().tolist()
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
