"""Whose sum follows from the sums of several sets of people, although each two of the sets differ in enough of them.

``coverage`` asks before a set is released, the auditor afterwards. Sums are linear: from those of all, of all with a value in
column a, of all with one in b and of all with both, that of the people without either follows. Looked at are a new set
with up to three earlier ones, each added or taken away once, among the newest ``MOST_SETS``. Left out: combinations of five sets
or more (three columns with gaps make eight), other factors than one, and older sets. Only noise with a budget bounds those.
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Self

MOST_SETS = 64
"""Newest earlier sets that are combined: some 300,000 combinations, a quarter of a second for 10,000 people."""

Bits = int
"""People as bits, by their place in ``History.tags``."""


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """The newest sets whose sums were released."""

    places: dict[bytes, int]
    """Tag -> bit."""
    sets: tuple[Bits, ...]
    """Distinct sets, newest first."""

    @classmethod
    def of(cls, earlier: Sequence[frozenset[bytes]], present: Collection[bytes]) -> Self:
        """Return the history of ``earlier`` sets, oldest first, to which subsets of ``present`` can be held."""
        newest = list(dict.fromkeys(reversed(earlier)))[:MOST_SETS]
        everybody = frozenset(present).union(*newest)
        places = {tag: place for place, tag in enumerate(everybody)}
        return cls(places, tuple(_bits(each, places) for each in newest))

    def exposed(self, people: Collection[bytes], least: int) -> frozenset[bytes] | None:
        """Return 1 to ``least`` - 1 people whose sum would follow from that of ``people`` and earlier ones, if there are such."""
        new = _bits(people, self.places)
        if new in self.sets:
            return None  # nothing follows from the same sum that did not before
        found = next((bits for bits in _left(new, self.sets, least) if 0 < bits.bit_count() < least), None)
        return None if found is None else frozenset(tag for tag, place in self.places.items() if found >> place & 1)


def _bits(people: Collection[bytes], places: dict[bytes, int]) -> Bits:
    marks = bytearray(len(places) // 8 + 1)
    for tag in people:
        place = places[tag]
        marks[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(marks, "little")


def _left(new: Bits, sets: Sequence[Bits], least: int) -> Iterator[Bits]:
    """Yield whom each combination of ``new`` with two or three others leaves: those who are not counted zero times in it.

    How often a person is added and how often taken away is written in two binary digits each, of all people at once; who has the
    same digits on both sides is gone. Combinations whose sizes cannot cancel are passed over.
    """
    size, sizes = new.bit_count(), [each.bit_count() for each in sets]
    most = 3 * (least - 1)  # nobody is counted more than three times
    both, one = [new & each for each in sets], [new ^ each for each in sets]
    for (i, a), (j, b) in itertools.combinations(enumerate(sets), 2):
        odd, twice, together = a ^ b, a & b, sizes[i] + sizes[j]
        if abs(size - together) <= most:
            yield (new ^ odd) | twice
        if abs(size + sizes[i] - sizes[j]) <= most:
            yield (one[i] ^ b) | both[i]
        if abs(size + sizes[j] - sizes[i]) <= most:
            yield (one[j] ^ a) | both[j]
        for k, c in enumerate(sets):
            if k in (i, j):
                continue
            if abs(size + sizes[k] - together) <= most:
                yield (one[k] ^ odd) | (both[k] ^ twice)
            if abs(size + together - sizes[k]) <= most:
                yield (new ^ odd ^ c) | twice | (new & odd)
            if k > j and abs(size - together - sizes[k]) <= most:
                yield (new ^ odd ^ c) | twice | (c & odd)
