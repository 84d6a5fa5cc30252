"""A table is made k-anonymous for an open release: values become coarser, and the rows that still stand out are left out.

Called by ``commons dataset anonymise``. Each quasi-identifier has a ladder of ever coarser spellings (numbers in wider and
wider intervals, days as months, years and decades, codes by fewer leading characters, at last ``*``). All combinations of
rungs are tried in the order of what they lose; the first that needs to leave out few enough rows is the least loss. The
original file is never changed.
"""

import dataclasses
import decimal
import functools
import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import anonymity, columns, identifiers, spreadsheets
from aicommons.domain import errors

SUPPRESSED = "*"
"""Stands for any value."""
MOST_COMBINATIONS = 200_000
"""Combinations of rungs that are looked at, at most; a wider choice of quasi-identifiers is refused."""
MOST_RUNGS = 12
"""Rungs of one ladder, the first and the last included."""
FIRST_INTERVALS = 100
"""The finest intervals cut a number's range into about so many parts."""

Codes = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Ladder:
    """Ever coarser spellings of one column's values."""

    name: str
    """Column."""
    rungs: tuple[Mapping[str, str], ...]
    """For each rung: value -> its spelling; the first is the value itself, the last joins all of them."""
    losses: tuple[float, ...]
    """What each rung loses, 0 to 1: the average share of other values that a value can no longer be told from."""


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """What the released table must be."""

    k: int = 5
    """Fewest rows that are equal in all quasi-identifiers."""
    most_suppressed: float = 0.05
    """Largest share of rows that may be left out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Anonymised:
    """A table in which nobody stands out among fewer than k."""

    table: anonymity.Texts
    """The rows that remain, with coarser quasi-identifiers and without the dropped columns."""
    rungs: Mapping[str, int]
    """Quasi-identifier -> rung of its ladder."""
    suppressed: int
    """Rows left out."""
    loss: float
    """Average of the columns' losses, 0 (nothing changed) to 1 (nothing is left of them)."""


def ladder(name: str, values: Sequence[str]) -> Ladder:
    """Return a column's ladder, chosen by what its values are: numbers, days, or codes."""
    different = sorted(set(values))
    present = [value for value in different if value]
    numbers = [columns.parse_number(value, decimal_comma=False) for value in present]
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    if present and len(finite) == len(present):
        spellings = _intervals(min(finite), max(finite))
    elif present and all(identifiers.iso_day(value) for value in present):
        spellings = DAYS
    else:
        spellings = _prefixes(present)
    return declared_ladder(
        name, values, [{value: spell(value) if value else "" for value in different} for spell in spellings]
    )


def declared_ladder(name: str, values: Sequence[str], rungs: Sequence[Mapping[str, str]]) -> Ladder:
    """Return a ladder from the values themselves over ``rungs`` to ``*``; one that joins nothing more is left out.

    Args:
        name: column.
        values: its cells.
        rungs: for each rung, value -> spelling, from fine to coarse.

    Raises:
        errors.InputError: a rung does not spell a value, or tells apart what a finer one does not.
    """
    different = sorted(set(values))
    known: list[Mapping[str, str]] = [{value: value for value in different}]
    for rung in (*rungs, dict.fromkeys(different, SUPPRESSED)):
        _check_rung(name, known[-1], rung)
        if len({rung[value] for value in different}) < len({known[-1][value] for value in different}):
            known.append({value: rung[value] for value in different})
    counts = dict.fromkeys(different, 0)
    for value in values:
        counts[value] += 1
    return Ladder(name, tuple(known), tuple(_loss(rung, counts) for rung in known))


def _check_rung(name: str, finer: Mapping[str, str], rung: Mapping[str, str]) -> None:
    joined: dict[str, str] = {}
    for value, spelling in finer.items():
        if value not in rung or joined.setdefault(spelling, rung[value]) != rung[value]:
            raise errors.InputError(
                "a rung of generalisation is wrong",
                which=f"column {name}",
                expected="a spelling for each value, and one spelling for what a finer rung already joins",
            )


def _loss(rung: Mapping[str, str], counts: Mapping[str, int]) -> float:
    """Return the share of other values that a row's value is joined with, averaged over the rows."""
    if len(rung) == 1:
        return 0.0
    joined: dict[str, int] = {}
    for spelling in rung.values():
        joined[spelling] = joined.get(spelling, 0) + 1
    lost = sum(counts[value] * (joined[spelling] - 1) for value, spelling in rung.items())
    return lost / (sum(counts.values()) * (len(rung) - 1))


def anonymise(
    table: anonymity.Texts, ladders: Sequence[Ladder], *, drop: Sequence[str] = (), goal: Goal | None = None
) -> Anonymised:
    """Return ``table`` with the least loss at which each row is equal to at least k - 1 others in the ladders' columns.

    Raises:
        errors.InputError: no ladder, too many combinations, or k below 2.
        errors.TableError: fewer rows than k, or no combination leaves out few enough rows.
    """
    wanted = goal or Goal()
    _check_goal(table, ladders, wanted)
    search = _Search(table, ladders, wanted.k)
    rows = len(table.rows)
    allowed = int(wanted.most_suppressed * rows)
    for loss, rungs in _by_loss(ladders):
        if search.is_enough(rungs, allowed):
            kept = search.kept(rungs)
            chosen = {each.name: each.rungs[rung] for each, rung in zip(ladders, rungs, strict=True)}
            names = dict(zip((each.name for each in ladders), rungs, strict=True))
            return Anonymised(_spelled(table, chosen, kept, drop=drop), names, rows - int(kept.sum()), loss)
    raise errors.TableError(
        "no generalisation is enough",
        which="table",
        expected=f"classes of {wanted.k} rows",
        got=f"{rows} rows",
        next_step="Lower --k, or allow more rows to be left out (--suppress).",
    )


def _check_goal(table: anonymity.Texts, ladders: Sequence[Ladder], wanted: Goal) -> None:
    if not ladders or wanted.k < 2:
        raise errors.InputError(
            "there is nothing to do", which="--quasi, --k", expected="a quasi-identifier, and k >= 2"
        )
    if len(table.rows) < wanted.k:
        raise errors.TableError(
            "fewer rows than k", which="table", expected=f"at least {wanted.k}", got=f"{len(table.rows)} rows"
        )
    combinations = math.prod(len(each.rungs) for each in ladders)
    if combinations > MOST_COMBINATIONS:
        raise errors.InputError(
            "too many combinations of generalisations",
            which="--quasi",
            expected=f"at most {MOST_COMBINATIONS}",
            got=combinations,
            next_step="Name fewer quasi-identifiers, or drop one from the release.",
        )


class _Search:
    """Counts which rows stand out under a combination of rungs; equal rows are looked at once."""

    def __init__(self, table: anonymity.Texts, ladders: Sequence[Ladder], k: int) -> None:
        self._k = k
        coded = [_coded(each, table.column(each.name)) for each in ladders]
        self._row = anonymity.classes([codes[0] for codes in coded])
        _, first, self._weights = np.unique(self._row, return_index=True, return_counts=True)
        self._coded = [[codes[first] for codes in column] for column in coded]
        self._known: dict[tuple[tuple[int, int], ...], int] = {}

    def is_enough(self, rungs: Sequence[int], allowed: int) -> bool:
        """Return whether at most ``allowed`` rows stand out; rows that stand out in two columns do so in all of them."""
        places = list(enumerate(rungs))
        parts = (part for size in (1, 2) for part in itertools.combinations(places, size) if size < len(places))
        if any(self._left_out(part) > allowed for part in parts):
            return False
        return self._left_out(tuple(places)) <= allowed

    def kept(self, rungs: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Return bool[rows]: whether a row is in a class of at least k."""
        return self._large(tuple(enumerate(rungs)))[self._row]

    def _left_out(self, part: tuple[tuple[int, int], ...]) -> int:
        if part not in self._known:
            self._known[part] = int(self._weights[~self._large(part)].sum())
        return self._known[part]

    def _large(self, part: tuple[tuple[int, int], ...]) -> npt.NDArray[np.bool_]:
        groups = anonymity.classes([self._coded[place][rung] for place, rung in part])
        sizes: npt.NDArray[np.int64] = np.bincount(groups, weights=self._weights).astype(np.int64)
        return np.asarray(sizes[groups] >= self._k)


def _coded(known: Ladder, values: Sequence[str]) -> list[Codes]:
    """Return for each rung int64[n], equal where the spellings are."""
    different, places = np.unique(np.array(values, dtype=np.str_), return_inverse=True)
    return [anonymity.codes_of([rung[str(value)] for value in different])[places] for rung in known.rungs]


def _by_loss(ladders: Sequence[Ladder]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yield all combinations of rungs with their loss, least first; equal losses in the order of their rungs."""

    def loss(rungs: tuple[int, ...]) -> float:
        return sum(each.losses[rung] for each, rung in zip(ladders, rungs, strict=True)) / len(ladders)

    first = (0,) * len(ladders)
    waiting = [(loss(first), first)]
    seen = {first}
    while waiting:
        cost, rungs = heapq.heappop(waiting)
        yield cost, rungs
        for place, each in enumerate(ladders):
            higher = (*rungs[:place], rungs[place] + 1, *rungs[place + 1 :])
            if higher[place] < len(each.rungs) and higher not in seen:
                seen.add(higher)
                heapq.heappush(waiting, (loss(higher), higher))


def _spelled(
    table: anonymity.Texts, chosen: Mapping[str, Mapping[str, str]], kept: npt.NDArray[np.bool_], *, drop: Sequence[str]
) -> anonymity.Texts:
    places = [place for place, name in enumerate(table.header) if name not in set(drop)]
    spell: list[Callable[[str], str]] = [chosen[name].__getitem__ if name in chosen else str for name in table.header]
    rows = tuple(
        tuple(spell[place](row[place]) for place in places)
        for row, stays in zip(table.rows, kept, strict=True)
        if stays
    )
    return anonymity.Texts(tuple(table.header[place] for place in places), rows)


def to_csv(table: anonymity.Texts) -> str:
    """Return a table as CSV with a header, for a spreadsheet."""
    return spreadsheets.to_csv(table.header, table.rows)


def _intervals(low: float, high: float) -> list[Callable[[str], str]]:
    """Return spellings of numbers as intervals, each as wide as several of the one before: 1, 5, 10, 50, 100 ..."""
    span = max((high - low) / FIRST_INTERVALS, 1e-9)
    unit = decimal.Decimal(1).scaleb(math.floor(math.log10(span)))
    found: list[Callable[[str], str]] = []
    many = 1
    while len(found) < MOST_RUNGS - 2 and float(unit) * many < 2 * (high - low):
        found.append(functools.partial(_interval, unit=unit, many=many))
        many *= 2 if str(many)[0] == "5" else 5
    return found


def _interval(text: str, *, unit: decimal.Decimal, many: int) -> str:
    """Return the interval of ``many`` units that a number lies in; exact, so that wider ones contain narrower ones."""
    place = math.floor(decimal.Decimal(text) / unit) // many * many
    start, end = (place * unit).normalize(), ((place + many) * unit).normalize()
    return f"[{start:f}, {end:f})"


DAYS: list[Callable[[str], str]] = [
    lambda text: (identifiers.iso_day(text) or text)[:7],
    lambda text: (identifiers.iso_day(text) or text)[:4],
    lambda text: (identifiers.iso_day(text) or text)[:3] + "0s",
]
"""Month, year, decade."""


def _prefixes(values: Sequence[str]) -> list[Callable[[str], str]]:
    """Return spellings by fewer and fewer leading characters, for codes of one length such as postal codes; else none."""
    lengths = {len(value) for value in values}
    if len(lengths) != 1 or not 2 <= max(lengths) <= MOST_RUNGS - 2 or len(values) < FEWEST_CODES:
        return []
    (length,) = lengths
    return [lambda text, left=left: text[:left] + SUPPRESSED * (length - left) for left in range(length - 1, 0, -1)]  # type: ignore[misc]


FEWEST_CODES = 20
"""Different values of one length from which they are taken for codes whose beginning means something."""
