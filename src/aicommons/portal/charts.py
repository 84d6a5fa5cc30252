"""A run's figure over its rounds as points of a drawing; the template draws it as SVG, with a table of the same numbers.

Pure arithmetic. No script draws anything: the page is complete as it is served.
"""

import dataclasses
from collections.abc import Sequence

from aicommons.owner import progress

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 34
"""Margins: the left one holds the scale."""
LINES = 4
"""Horizontal lines of the scale."""


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
    low, high = _scale([value for _, value in values])
    first, last = values[0][0], max(values[-1][0], values[0][0] + 1)

    def across(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (index - first) / (last - first)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    points = tuple(Point(index, value, across(index), down(value)) for index, value in values)
    steps = [low + (high - low) * step / LINES for step in range(LINES + 1)]
    return Chart(metric, points, tuple(Mark(f"{step:.3g}", down(step)) for step in steps))


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the scale: round numbers around the values, never of no length."""
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 0.02, 0.01)
    return low - room, high + room
