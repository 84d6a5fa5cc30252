"""How every bench prints: JSON, one object per row, or a Markdown table that stands in ``bench/README.md`` as printed.

Used by all files of this folder. What is measured, and what a figure means, is theirs.
"""

import json
import os
import pathlib
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Row = Mapping[str, Any]
Columns = Mapping[str, Callable[[Row], object]]
"""Heading -> what its cell shows of a row; ``None`` shows as a dash."""


def show(title: str, rows: Iterable[Row], columns: Columns, *, as_json: bool) -> None:
    """Print ``rows`` as they come."""
    if not as_json:
        print(f"## {title}\n\n{machine()}.\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        if as_json:
            print(json.dumps(row), flush=True)
        else:
            print(f"| {' | '.join(cell(read(row)) for read in columns.values())} |", flush=True)
    if not as_json:
        print()


def cell(value: object) -> str:
    """Return what a cell shows: numbers with thousands marked off, nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> str:
    """Return processor, cores, Python, NumPy, the day, and how busy the machine was already: figures depend on it."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(named, platform.machine())
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    when = f"{time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f} before"
    return f"{processor}, {os.cpu_count()} cores, {versions}; {when}"
