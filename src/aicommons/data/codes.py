"""What in a column looks like codes of a messy table: numbers that measure nothing, and levels that are one in two spellings.

Called by ``describing``, which tells the owner; nothing is decided here about what is published. Left out: what identifies
people (``identifiers``), and what the codes mean (the owner's ``mapping``).
"""

import collections
import re
import unicodedata
from collections.abc import Sequence

from aicommons.data import identifiers

SHORTEST = 4
"""Digits from which whole numbers of one length may be codes; shorter ones are ages, scores and lengths."""
YEARS = ("1900", "2100")
"""Numbers of four digits that are all between them are years."""
DIGITS = re.compile("[0-9]+")
PLACES = frozenset(
    {"postcode", "postal", "postalcode", "zip", "zipcode", "plz", "postleitzahl", "codepostal", "cp", "cap", "cep"}
)
"""Words of a column's name that say its numbers are postcodes, in the languages of ``identifiers``."""


class Lengths:
    """How long the whole numbers of one column are, as they are written."""

    def __init__(self, name: str) -> None:
        self._named = bool(PLACES & set(identifiers.words_of(name)))
        self._lengths: set[int] = set()
        self._padded = self._other = False
        self._ends = ("9999", "0000")

    def add(self, text: str) -> None:
        """Look at one cell, stripped and not missing; one that is no whole number says nothing."""
        if not DIGITS.fullmatch(text):
            self._other = self._other or text[-1:].isdigit()  # -5 and 1.5 are measures; words are mistakes
            return
        self._lengths.add(len(text))
        self._padded = self._padded or (len(text) > 1 and text[0] == "0")
        self._ends = (min(self._ends[0], text), max(self._ends[1], text))

    @property
    def one_length(self) -> int | None:
        """How many digits all of them have, where that is unusual for a measure; else ``None``."""
        if self._other or len(self._lengths) != 1:
            return None
        (length,) = self._lengths
        is_year = length == len(YEARS[0]) and YEARS[0] <= self._ends[0] and self._ends[1] <= YEARS[1]
        return length if length >= SHORTEST and not is_year else None

    @property
    def is_code(self) -> bool:
        """Whether they are no measure beyond doubt: padded with zeros to one length, or called postcodes."""
        return self.one_length is not None and (self._padded or self._named)


def alike(levels: Sequence[str]) -> list[str]:
    """Return a sentence for each group of levels that differ in case, spaces or accents only."""
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for level in levels:
        groups[_plain(level)].append(level)
    return [
        f"{' and '.join(group)} look like one level in several spellings; write them the same in the table, or map them onto one."
        for group in groups.values()
        if len(group) > 1
    ]


def _plain(level: str) -> str:
    """Return a level without case, spaces and accents."""
    apart = unicodedata.normalize("NFKD", level.casefold())
    return "".join(letter for letter in apart if not letter.isspace() and not unicodedata.combining(letter))
