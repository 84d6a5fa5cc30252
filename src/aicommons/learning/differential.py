"""Differential privacy of what a site adds to a sum: each unit's part is cut to a norm, and the site's own noise covers it.

A plan names its ``Protection``; the node's own code calls ``released`` for every contribution of such a plan, whatever learner
it has: a unit (a record, or all records of a person) is put through the learner alone, what it would add to each block is cut
to an L2 norm that the plan says, and the whole of the Gaussian noise is added to this site's sum, so that nobody else has to
be trusted. One release is one Gaussian mechanism whose noise multiplier is ``Protection.noise`` (Dwork and Roth 2014,
appendix A; several blocks are one vector of blocks divided by their norms).

The number of participants is public and not protected; rows and classes are. Left out: what releases cost together
(``accounting``), and who is charged for them (the node). Noise is made of floating-point
numbers and rounded to the grid that vectors travel on: attacks on the last bits of such noise (Mironov 2012) are no claim.
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.domain import encoding, errors, policies
from aicommons.learning import blocks, records, state

Vector = blocks.Vector
Contribution = blocks.Contribution
SITES = "sites"
"""Name of the array of a state that holds how many datasets take part: public."""
SPREAD = "noise."
"""Before a block's name in a state: the standard deviation of the noise on each number of its sum, over all sites."""


@dataclasses.dataclass(frozen=True, slots=True)
class Protection:
    """What a plan promises every unit."""

    unit: policies.PrivacyUnit
    """Whose part in the result is hidden."""
    noise: float
    """Standard deviation of the noise, in units of the most that one unit changes a release by (L2)."""
    clips: tuple[tuple[str, float], ...]
    """Block and the most L2 norm of what one unit adds to it, by name; of training at a site its gradients besides."""
    sampling: float | None = None
    """Each unit's chance to be in a step of training at a site; ``None`` for learners that add over records."""

    def clip(self, name: str) -> float:
        """Return the norm of a block.

        Raises:
            errors.ContributionRefused: the plan names none.
        """
        found = dict(self.clips).get(name)
        if found is None:
            raise errors.ContributionRefused(
                "the plan does not say how much one unit may add",
                which=f"block {name}",
                expected=f"one of {', '.join(each for each, _ in self.clips)}",
            )
        return found

    def spread(self, name: str, count: int) -> float:
        """Return the standard deviation of one site's noise on each number of a block, one of ``count`` in a release."""
        return self.noise * self.clip(name) * math.sqrt(count)

    def options(self) -> dict[str, object]:
        """Return what a plan's document says."""
        drawn = {} if self.sampling is None else {"sampling": self.sampling}
        return {"unit": self.unit.value, "noise": self.noise, **drawn, "clips": dict(self.clips)}


@dataclasses.dataclass(frozen=True, slots=True)
class Summed:
    """Rows and what is added up over them."""

    found: records.Records
    partial: records.Partial


@dataclasses.dataclass(frozen=True, slots=True)
class Released:
    """What one dataset gives to one round."""

    numbers: Contribution
    """With noise."""
    content: bytes
    """Equal for equal numbers under the same secret, 32 bytes: sent again they cost nothing."""


def released(
    protection: Protection, declared: Sequence[blocks.Block], parts: Sequence[Summed], secret: bytes
) -> Released:
    """Return one site's contribution: the clipped parts of all units, with noise, on the blocks' own terms.

    Rows of different ``parts`` belong to different units (training and held-out rows), and each part has blocks of its own or
    shares them all: so a unit changes one part only. Numbers of exact blocks are rounded, and all are cut to their caps: noise
    has no bound. The noise follows from ``secret`` and the sums: the same sums have the same noise in every attempt, and other
    sums another.

    Args:
        protection: the plan's.
        declared: blocks of the round.
        parts: what is summed; together they fill the blocks.
        secret: 32 bytes of the site's own, for this dataset, run and round; never sent.

    Raises:
        errors.ContributionRefused: a block without a norm; units that cannot be told apart; numbers that are not finite.
    """
    sums: dict[str, Vector] = {block.name: np.zeros(block.length) for block in declared}
    for part in parts:
        for name, vector in _clipped(protection, part).items():
            sums[name] = sums[name] + vector
    blocks.check_contribution(declared, sums)
    key = _key(secret, sums)
    noisy = {}
    for index, block in enumerate(declared):
        drawn = gaussian(key + index.to_bytes(4, "big"), block.length) * protection.spread(block.name, len(declared))
        vector = sums[block.name] + drawn
        rounded = np.rint(vector) if block.encoding is blocks.Encoding.INTEGER else vector
        noisy[block.name] = np.clip(rounded, -block.cap, block.cap)
    return Released(noisy, hashlib.sha256(key).digest())


def added(declared: Sequence[blocks.Block], parts: Sequence[Contribution]) -> Contribution:
    """Return what several datasets of one site give together, cut to the blocks' caps."""
    total = records.add(iter(parts))
    return {block.name: np.clip(total[block.name], -block.cap, block.cap) for block in declared}


def _key(secret: bytes, sums: Contribution) -> bytes:
    told = hashlib.sha256()
    for name in sorted(sums):
        vector = np.ascontiguousarray(sums[name], dtype="<f8")
        told.update(encoding.canonical_json([name, len(vector)]) + vector.tobytes())
    return secret + told.digest()


def _clipped(protection: Protection, part: Summed) -> Contribution:
    """Return the sum over units of what each adds, cut to its norms."""

    def cut_apart(table: records.Table) -> Contribution:
        added = part.partial(table)
        return {name: cut(vector, protection.clip(name)) for name, vector in added.items()}

    def of_rows(table: records.Table) -> Contribution:
        # Of no row: the blocks' names and lengths.
        nothing = {name: np.zeros_like(vector) for name, vector in part.partial(table.take(NOBODY)).items()}
        return records.add(iter([nothing, *(cut_apart(table.take(np.array([row]))) for row in range(table.rows))]))

    if protection.unit is policies.PrivacyUnit.RECORD:
        return part.found.fold(of_rows)
    places = _persons(part.found)
    nothing = {name: np.zeros_like(vector) for name, vector in part.partial(places.table.take(NOBODY)).items()}
    return records.add(iter([nothing, *(cut_apart(each) for each in places)]))


NOBODY = np.zeros(0, dtype=np.intp)


@dataclasses.dataclass(frozen=True, slots=True)
class _Persons:
    """Rows of each person."""

    table: records.Table
    units: npt.NDArray[np.uint64]

    def __iter__(self) -> Iterator[records.Table]:
        order = np.argsort(self.units, kind="stable")
        starts = np.flatnonzero(np.diff(self.units[order])) + 1
        yield from (self.table.take(places) for places in np.split(order, starts) if len(places))


def _persons(found: records.Records) -> _Persons:
    table = records.gather(found)
    if table.units is None:
        raise _no_persons()
    return _Persons(table, table.units)


def _no_persons() -> errors.ContributionRefused:
    return errors.ContributionRefused(
        "nobody can tell which rows are of one person",
        which="recipe.privacy.unit",
        expected="a plan with a group, or the unit record",
        next_step="Name the column of persons as the plan's group.",
    )


def cut(vector: Vector, norm: float) -> Vector:
    """Return the vector with an L2 norm of at most ``norm``; nothing of one that is not finite."""
    length = float(np.sqrt((vector * vector).sum()))
    if not math.isfinite(length):
        return np.zeros_like(vector)
    return vector if length <= norm else vector * (norm / length)


class Descent:
    """Steps of noisy gradient descent at a site (DP-SGD, Abadi et al. 2016): who is in each, and its noise.

    Both follow from the secret and the rows: the same rows from the same state are descended on alike in every attempt, and
    other rows with other noise.
    """

    def __init__(self, protection: Protection, found: records.Records, secret: bytes) -> None:
        """Look at the rows once.

        Raises:
            errors.ContributionRefused: units that cannot be told apart.
            errors.InputError: rows that can only be added over.
        """
        table = records.gather(found)
        if protection.unit is policies.PrivacyUnit.PERSON and table.units is None:
            raise _no_persons()
        told = hashlib.sha256()
        for array in (table.features, table.target):
            told.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        self.norm = protection.clip(GRADIENT)
        """What one unit adds to a step at most."""
        self.sampling = protection.sampling or 1.0
        self._noise = protection.noise * self.norm
        self._key = hashlib.sha256(b"descent" + secret + told.digest()).digest()
        self.content = hashlib.sha256(self._key).digest()
        """Equal for equal rows under the same secret."""
        is_record = protection.unit is policies.PrivacyUnit.RECORD or table.units is None
        self._units = [table.take(np.array([row])) for row in range(table.rows)] if is_record else list(_persons(table))

    @property
    def steps(self) -> int:
        """Steps of one pass: each unit is expected to be in one of them."""
        return steps_of(self.sampling)

    def drawn(self, step: int) -> Iterator[records.Table]:
        """Yield the rows of each unit that is in a step, each by its own chance (Poisson sampling)."""
        count = len(self._units)
        words = np.frombuffer(hashlib.shake_256(self._at(b"units", step)).digest(8 * count), dtype="<u8")
        yield from (self._units[place] for place in np.flatnonzero(_parts(words) < self.sampling))

    def noise(self, step: int, length: int) -> Vector:
        """Return float64[length]: the noise on the sum of a step's gradients."""
        return gaussian(self._at(b"noise", step), length) * self._noise

    def _at(self, what: bytes, step: int) -> bytes:
        return self._key + what + step.to_bytes(4, "big")


GRADIENT = "gradient"
"""Under ``clips``: the norm of one unit's gradient."""


def steps_of(sampling: float) -> int:
    """Return how many steps one pass has."""
    return max(1, round(1.0 / sampling))


def _parts(words: npt.NDArray[np.uint64]) -> Vector:
    """Return numbers from 0 to below 1, of the upper 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) / 2.0**53


def gaussian(key: bytes, count: int) -> Vector:
    """Return float64[count] of standard normal numbers from SHAKE-256 of ``key`` (Box and Muller 1958)."""
    pairs = (count + 1) // 2
    words = np.frombuffer(hashlib.shake_256(key).digest(16 * pairs), dtype="<u8").reshape(2, pairs)
    radius = np.sqrt(-2.0 * np.log(_parts(words[0]) + 2.0**-53))  # never the logarithm of 0
    angle = 2.0 * math.pi * _parts(words[1])
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def spreads(
    protection: Protection, declared: Sequence[blocks.Block], arrays: Mapping[str, state.Array]
) -> dict[str, state.Array]:
    """Return, for a learner's ``combine``, how wide the noise on the sum of each block is: ``noise.NAME`` [1]; public."""
    root = math.sqrt(float(arrays[SITES][0]))
    return {SPREAD + each.name: np.array([protection.spread(each.name, len(declared)) * root]) for each in declared}


def forgotten(value: state.State) -> state.State:
    """Return a state without the spreads: they are for one ``combine``."""
    return dataclasses.replace(
        value, arrays={name: array for name, array in value.arrays.items() if not name.startswith(SPREAD)}
    )
