"""The tables on which accuracy is measured, written as a data owner would have them: one CSV file per site.

Called by ``accuracy.py``. From the files on, everything is the product's own: columns are inferred or declared as in
``commons demo``, read, checked and split there. Figures to judge by are in ``reference.json`` beside the data. Left out:
tables that a linear model on columns does not fit (texts: AfriSenti, MasakhaNER).
"""

import csv
import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aicommons.cli import scripts
from aicommons.data import infer, samples

MAIZE_FEATURES = ("year", "yor", "daystoflower", "plantheight", "earheight", "population", "lodged", "moisture")
MAIZE_FEATURES = (*MAIZE_FEATURES, "testweight")
LAND_COVERS = {"1": "red", "2": "cotton", "3": "grey", "4": "damp", "5": "stubble", "7": "very-damp"}
LANDSAT_SITES = 10
LANDSAT_SKEW = 0.5
"""Of the Dirichlet distribution by which each class is dealt out to the sites: small is skewed."""

Rows = list[list[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class HeldOut:
    """One table."""

    name: str
    needs: tuple[str, ...]
    """Files under the data folder."""
    script: Callable[[pathlib.Path, pathlib.Path, int], scripts.Script]
    """Data folder, folder to write into and seed -> sites, columns and recipe."""
    reference: str | None = None
    """Its name in ``reference.json``."""


def hospitals(_: pathlib.Path, out: pathlib.Path, seed: int) -> scripts.Script:
    """Return the demo's five simulated hospitals."""
    return scripts.hospitals(out, scripts.Choice(seed=seed))


def heart(data: pathlib.Path, out: pathlib.Path, seed: int) -> scripts.Script:
    """Return the demo's four real hospitals."""
    return scripts.heart(out, data / "heart_disease", scripts.Choice(seed=seed))


def maize(data: pathlib.Path, out: pathlib.Path, seed: int) -> scripts.Script:
    """Return sixteen locations: is a plot's yield above the median? Gaps are filled with the column's mean.

    Environments (location x year) are held out as a whole, because a plot's twins stand beside it.
    """
    read = [row for row in _tab_separated(data / "agridat/barrero.maize.txt") if row["yield"] != "NA"]
    values = np.array([[float(row[name].replace("NA", "nan")) for name in MAIZE_FEATURES] for row in read])
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    yields = np.array([float(row["yield"]) for row in read])
    is_high = yields > np.median(yields)
    rows = [
        [row["loc"], row["env"], *map(repr, map(float, numbers)), "high" if high else "low"]
        for row, numbers, high in zip(read, values, is_high, strict=True)
    ]
    table = _write(out / "maize.csv", ["loc", "env", *MAIZE_FEATURES, "class"], rows)
    return scripts.table(out, scripts.OwnTable(table, "loc", "class", "env"), scripts.Choice(seed=seed))[0]


def sorghum(data: pathlib.Path, out: pathlib.Path, seed: int) -> scripts.Script:
    """Return three locations in Ethiopia: the yield of a trial's genotypes, by genotype and year.

    Rows are held out one by one: with four or five environments per location, whole ones leave too few to learn from.
    """
    read = _tab_separated(data / "agridat/adugna.sorghum.txt")
    names = ("loc", "gen", "trial", "year", "yield")
    rows = [[row[name] for name in names] for row in read if "NA" not in row.values()]
    table = _write(out / "sorghum.csv", names, rows)
    return scripts.table(out, scripts.OwnTable(table, "loc", "yield"), scripts.Choice(seed=seed))[0]


def landsat(data: pathlib.Path, out: pathlib.Path, seed: int) -> scripts.Script:
    """Return ten sites with six land covers, each cover dealt out by a skewed draw: an artificial split."""
    lines = [line.split() for name in ("sat.trn", "sat.tst") for line in (data / f"landsat_satellite/{name}").open("r")]
    rng = np.random.default_rng(seed)
    covers = np.array([line[-1] for line in lines])
    places = np.zeros(len(lines), dtype=np.int64)
    for cover in LAND_COVERS:
        shares = rng.dirichlet(np.full(LANDSAT_SITES, LANDSAT_SKEW))
        places[covers == cover] = rng.choice(LANDSAT_SITES, size=int((covers == cover).sum()), p=shares)
    header = [*(f"x{index}" for index in range(36)), "cover"]
    tables = {}
    for place in range(LANDSAT_SITES):
        rows = [[*lines[index][:-1], LAND_COVERS[covers[index]]] for index in np.flatnonzero(places == place)]
        tables[f"site-{place}"] = _write(out / f"site-{place}.csv", header, rows)
    return scripts.Script(
        title="Which land cover is this?",
        why="a benchmark",
        sdg="15.3",
        tables=tables,
        schema=infer.infer_columns(list(tables.values()), "cover").schema,
        recipe=scripts.Choice(seed=seed).document(),
        seed=seed,
    )


HEART_FILES = tuple(f"heart_disease/{name}" for name in samples.HEART_FILES.values())
TABLES: Mapping[str, HeldOut] = {
    each.name: each
    for each in (
        HeldOut("hospitals", (), hospitals),
        HeldOut("heart", HEART_FILES, heart, "heart_disease"),
        HeldOut("maize", ("agridat/barrero.maize.txt",), maize, "maize_texas"),
        HeldOut("sorghum", ("agridat/adugna.sorghum.txt",), sorghum),
        HeldOut("landsat", ("landsat_satellite/sat.trn", "landsat_satellite/sat.tst"), landsat, "landsat_dir0.5"),
    )
}


def _tab_separated(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _write(path: pathlib.Path, header: Sequence[str], rows: Rows) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path
