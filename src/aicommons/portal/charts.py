"""A run's figure over its rounds as points of a drawing; the template draws it as SVG, with a table of the same numbers.

Pure arithmetic. No script draws anything: the page is complete as it is served.
"""

import dataclasses
import math
from collections.abc import Sequence

from aicommons.owner import progress

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 34
"""Margins: the left one holds the scale."""
LINES = 4
"""Steps of the scale, about."""


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """One round."""

    round_index: int
    value: float
    x: float
    y: float


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """One line of the scale."""

    label: str
    y: float


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """A line over rounds."""

    metric: str
    points: tuple[Point, ...]
    marks: tuple[Mark, ...]

    @property
    def path(self) -> str:
        """The line, as an SVG polyline has it."""
        return " ".join(f"{point.x:.1f},{point.y:.1f}" for point in self.points)


def draw(rounds: Sequence[progress.Round], metric: str | None) -> Chart | None:
    """Return the drawing of one figure, ``None`` while no round has it."""
    values = [(each.index, each.figures[metric]) for each in rounds if metric in each.figures] if metric else []
    if metric is None or not values:
        return None
    low, high, step = _scale([value for _, value in values])
    first, last = values[0][0], max(values[-1][0], values[0][0] + 1)

    def across(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (index - first) / (last - first)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    points = tuple(Point(index, value, across(index), down(value)) for index, value in values)
    count = round((high - low) / step)
    marks = [low + step * index for index in range(count + 1)]
    return Chart(metric, points, tuple(Mark(f"{mark:.6g}", down(mark)) for mark in marks))


def _scale(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the ends of the scale and its step: round numbers (1, 2 or 5 times a power of ten) around the values."""
    low, high = min(values), max(values)
    rough = max(high - low, abs(high) * 0.01, 1e-6) / LINES
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    below, above = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return below * step, max(above, below + 1) * step, step
