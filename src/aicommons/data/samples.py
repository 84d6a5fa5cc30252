"""Tables to try the commons with: real patients of scikit-learn and UCI, and anybody's table split by a column.

Called by ``commons demo``. Each function writes one CSV file per site into a folder and returns where they are. Only a
demo has the records of all sites in one place; nothing here is used by a real run. scikit-learn is imported only when
its data are asked for.
"""

import csv
import pathlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, columns, sources
from aicommons.domain import errors, run, schema

HEART_FILES = {
    "cleveland": "processed.cleveland.data",
    "hungarian": "processed.hungarian.data",
    "switzerland": "processed.switzerland.data",
    "va": "processed.va.data",
}
HEART_FIELDS = ("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak")
"""The first ten of the fourteen UCI columns; slope, ca and thal are mostly missing and left out (FLamby's recipe)."""
HEART_WIDTH = 14
HEART_LEVELS = {"cp": ("1", "2", "3", "4"), "restecg": ("0", "1", "2")}
HEART_NUMBERS = {
    "age": (0.0, 120.0),
    "sex": (0.0, 1.0),
    "trestbps": (0.0, 300.0),
    "chol": (0.0, 1000.0),
    "fbs": (0.0, 1.0),
    "thalach": (0.0, 250.0),
    "exang": (0.0, 1.0),
    "oldpeak": (-10.0, 10.0),
}
"""Ranges that a physician would state without looking at these records."""
HEART_TARGET = "disease"

HOSPITAL_NAMES = ("north", "south", "east", "west", "central")
HOSPITAL_SHARES = (0.34, 0.25, 0.18, 0.13, 0.10)
"""Parts of the 569 patients: hospitals are not of one size."""
HOSPITAL_FLOOR = 8
"""Patients of each class that every hospital has at least."""
HOSPITAL_SKEW = 0.8
"""Weight of the tumour's size against chance in who goes where: each hospital sees another mix of patients."""

MOST_SITES = 256


def heart_schema() -> schema.Schema:
    """Return the columns of the tables that ``heart`` writes: 13 features (first level of a category left out), target."""
    features: list[schema.Feature] = []
    for name in HEART_FIELDS:
        if name in HEART_LEVELS:
            features += [schema.numeric(f"{name}_{level}", 0.0, 1.0) for level in HEART_LEVELS[name][1:]]
        else:
            features.append(schema.numeric(name, *HEART_NUMBERS[name]))
    return schema.Schema(tuple(features), schema.Target(schema.Task.BINOMIAL, HEART_TARGET, classes=("no", "yes")))


def heart(data: pathlib.Path, out: pathlib.Path) -> dict[str, pathlib.Path]:
    """Write the four UCI heart disease files as tables with a header (303, 261, 46 and 130 complete rows).

    The recipe is FLamby's (Terrail et al. 2022, Fed-Heart-Disease): three columns dropped, cp and restecg as 0/1
    columns without their first level, disease = num > 0. Gaps stay gaps: who reads the tables leaves these rows out and
    counts them.

    Args:
        data: folder with the four ``processed.*.data`` files.
        out: folder to write into.

    Raises:
        errors.TableError: a file is missing, or a line is not as UCI publishes it.
    """
    declared = heart_schema()
    header = [each.name for each in declared.declared]
    return {site: _write(out / f"{site}.csv", header, _heart_rows(data / name)) for site, name in HEART_FILES.items()}


def hospitals(out: pathlib.Path, *, seed: int) -> dict[str, pathlib.Path]:
    """Write scikit-learn's breast cancer patients (569, Wisconsin) as five *simulated* hospitals.

    Who goes where depends on ``seed`` alone: sizes differ, and larger tumours are more frequent in some hospitals, so
    that features and outcomes are skewed; every hospital has both outcomes.

    Raises:
        errors.InputError: the seed is negative.
    """
    if seed < 0:
        raise errors.InputError("not a seed", which="seed", expected="a whole number from 0", got=seed)
    from sklearn import datasets

    patients = datasets.load_breast_cancer()
    header = [*(str(name) for name in patients.feature_names), "diagnosis"]
    labels = [str(patients.target_names[code]) for code in patients.target]
    places = _hospital_of_each(patients.data[:, 0], patients.target, seed)
    written = {}
    for place, site in enumerate(HOSPITAL_NAMES):
        rows = (
            [*(repr(float(value)) for value in patients.data[index]), labels[index]]
            for index in np.flatnonzero(places == place)
        )
        written[site] = _write(out / f"{site}.csv", header, rows)
    return written


def by_site(
    path: pathlib.Path, column: str, out: pathlib.Path, *, numbers: Collection[str] = ()
) -> dict[str, pathlib.Path]:
    """Write the table at ``path`` as one table per value of ``column``, without that column.

    Rows without a site are left out. The parts are UTF-8 with commas, so that each is read as the whole was: a part's
    own beginning might not tell how its numbers are written.

    Args:
        path: the table.
        column: says where a record comes from.
        out: folder to write into.
        numbers: columns of numbers; a decimal comma in them becomes a point.

    Raises:
        errors.TableError: no such column, fewer than three sites or more than 256, or a table that cannot be read.
    """
    source = sources.open_source(path)
    for name in (column, *numbers):
        batches.check_column(source, name)
    header = [name for name in source.header if name and name != column]
    commas = set(numbers) if source.decimal_comma else set()
    parts: dict[str, list[list[str]]] = {}
    for site, row in _rows_by_site(source, column, header, commas=commas):
        parts.setdefault(site, []).append(row)
        if len(parts) > MOST_SITES:
            raise _site_count(path, column, "more")
    if len(parts) < run.FEWEST_PARTICIPANTS:
        raise _site_count(path, column, str(len(parts)))
    names = _file_names(sorted(parts))
    return {site: _write(out / f"{names[site]}.csv", header, parts[site]) for site in sorted(parts)}


def _rows_by_site(
    source: batches.Opened, column: str, header: Sequence[str], *, commas: Collection[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each row's site and its other cells as texts, decimal commas of the columns ``commas`` as points."""
    for batch in source.batches([column, *header]):
        for broken in batch.broken[:1]:
            raise batches.refusal(source, broken)
        cells = [batches.texts(batch.cells[name]) for name in header]
        for index, text in enumerate(batches.texts(batch.cells[column])):
            site = columns.label(text)
            if site.lower() not in columns.MISSING:
                pairs = zip(header, cells, strict=True)
                yield site, [each[index].replace(",", ".") if name in commas else each[index] for name, each in pairs]


def _site_count(path: pathlib.Path, column: str, got: str) -> errors.TableError:
    return errors.TableError(
        "the column does not name the sites",
        which=f"{path.name}, column {column}",
        expected=f"{run.FEWEST_PARTICIPANTS} to {MOST_SITES} different sites",
        got=f"{got} sites",
        next_step="Choose the column that says where a record comes from; at least three sites train together.",
    )


def _heart_rows(path: pathlib.Path) -> Iterable[list[str]]:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as err:
        raise errors.TableError(
            "a file of the heart disease data cannot be read",
            which=str(path),
            expected="the four processed.*.data files of UCI data set 45",
            next_step="Give the folder that holds them with --data.",
        ) from err
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [columns.label(cell) for cell in line.split(",")]
        if len(cells) != HEART_WIDTH:
            raise errors.TableError(
                "a row has another number of fields",
                which=f"{path.name}, line {number}",
                expected=f"{HEART_WIDTH} fields",
                got=f"{len(cells)} fields",
            )
        used = dict(zip(HEART_FIELDS, cells, strict=False))
        yield [*_heart_features(used), _unless_missing(cells[-1], "no" if cells[-1] == "0" else "yes")]


def _heart_features(used: Mapping[str, str]) -> list[str]:
    row: list[str] = []
    for name, value in used.items():
        levels = HEART_LEVELS.get(name)
        coded = [value] if levels is None else ["1" if value == level else "0" for level in levels[1:]]
        row += [_unless_missing(value, cell) for cell in coded]
    return row


def _unless_missing(value: str, cell: str) -> str:
    return "" if value == "?" else cell


def _hospital_of_each(
    size: npt.NDArray[np.float64], outcome: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.int64]:
    """Return the hospital of each patient: a floor of both outcomes everywhere, the rest by a noisy order of size."""
    rng = np.random.default_rng(seed)
    patients = len(size)
    count = len(HOSPITAL_SHARES)
    places = np.full(patients, -1, dtype=np.int64)
    for value in np.unique(outcome):
        floor = rng.permutation(np.flatnonzero(outcome == value))[: HOSPITAL_FLOOR * count]
        places[floor] = np.arange(len(floor)) % count
    score = HOSPITAL_SKEW * (size - size.mean()) / size.std() + rng.standard_normal(patients)
    rest = np.flatnonzero(places < 0)
    rest = rest[np.argsort(score[rest], kind="stable")]
    targets = np.floor(np.array(HOSPITAL_SHARES) * patients).astype(np.int64)
    targets[0] += patients - targets.sum()
    wanted = targets - np.bincount(places[places >= 0], minlength=count)
    start = 0
    for place in rng.permutation(count):
        places[rest[start : start + wanted[place]]] = place
        start += wanted[place]
    return places


def _file_names(sites: Sequence[str]) -> dict[str, str]:
    """Return a safe, different file name for each site."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for number, site in enumerate(sites):
        safe = re.sub(r"[^a-z0-9]+", "-", site.lower()).strip("-")[:60] or "site"
        name = safe if safe not in taken else f"{safe}-{number}"
        taken.add(name)
        names[site] = name
    return names


def _write(path: pathlib.Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> pathlib.Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path
