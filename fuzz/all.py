"""Fuzzes the rows of ``decoders.py``, two at a time, and prints one table.

python fuzz/all.py SECONDS [NAME...]
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

import decoders

HERE = pathlib.Path(__file__).parent
AT_ONCE = 2


def fuzz(name: str, seconds: str) -> dict[str, str]:
    """Return the row of one decoder, fuzzed in a process of its own."""
    path = os.pathsep.join([str(HERE.parent / ".fuzz" / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), name, seconds],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    said = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
    broken = re.findall(r"(?:Uncaught Python exception|ERROR: libFuzzer|==\d+==)[^\n]*(?:\n[^\n]*){0,3}", done.stderr)
    verdict = "held" if done.returncode == 0 else " ".join(broken[:1]).replace("\n", " ")[:300] or done.stderr[-300:]
    print(f"{name}: {verdict}", file=sys.stderr, flush=True)
    return said | {"name": name, "verdict": verdict}


def main() -> None:
    """Fuzz and print; ends with 1 when a decoder broke."""
    seconds, *names = sys.argv[1:]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda name: fuzz(name, seconds), names or decoders.DECODERS))
    print("\n| decoder | inputs tried | new in the corpus | peak MB | verdict |\n|---|---|---|---|---|")
    for row in rows:
        figures = [row.get(key, "-") for key in ("number_of_executed_units", "new_units_added", "peak_rss_mb")]
        print(f"| {row['name']} | {' | '.join(figures)} | {row['verdict']} |")
    sys.exit(any(row["verdict"] != "held" for row in rows))


if __name__ == "__main__":
    main()
