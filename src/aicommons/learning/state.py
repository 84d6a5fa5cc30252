"""The model between two rounds: what every node computes for itself and what a round's messages name by digest.

A ``State`` is a stage, a step count and named float64 arrays. Its byte encoding is canonical: one state has one
encoding and one encoding one state, so that equal digests mean equal models. Called by ``recipe`` (makes states), the
node (stores and digests them) and ``verify`` (compares them). It leaves out hashing and what the arrays mean.

Encoding: u32 little-endian header length; header in RFC 8785 canonical JSON
``{"arrays":[[name,[shape]],...],"format":1,"reason":text or null,"stage":text,"step":n}`` with names ascending; then
each array's raw little-endian float64 values in that order, row by row.
"""

import dataclasses
import enum
import math
import re
import types
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aicommons.domain import encoding, errors, fields

Array = npt.NDArray[np.float64]

FORMAT = 1
MOST_HEADER_BYTES = 2**20
MOST_BYTES = 2**30
"""The same bound as a masked vector's (secure-aggregation section 2)."""
MOST_STEPS = 2**31
ARRAY_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}")


class Stage(enum.Enum):
    """What the next round is for."""

    DESCRIBE = "describe"
    """Sums of counts and moments; there is no model yet."""
    FIT = "fit"
    """One step of the learner."""
    EVALUATE = "evaluate"
    """The model is final; one more sum says how good it is."""
    FINISHED = "finished"
    """Nothing left to do."""


class Reason(enum.Enum):
    """Why fitting ended."""

    CONVERGED = "converged"
    """The next step would not change the model."""
    STEPS_DONE = "steps-done"
    """As many steps as the plan allows."""
    WORSE_TOO_OFTEN = "worse-too-often"
    """The model got worse on held-out rows more often than the plan undoes; the best model is kept."""
    NO_DESCENT = "no-descent"
    """No shorter step lowers the loss; the best model so far is kept."""
    NOT_POSITIVE_DEFINITE = "not-positive-definite"
    """The curvature cannot be inverted (ridge 0 and redundant columns); the last model is kept."""
    ONE_CLASS_ONLY = "one-class-only"
    """All training rows together hold fewer than two classes (or one target value); there is no model."""
    NO_ROWS = "no-rows"
    """All sites together hold no training row; there is no model."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class State:
    """The model between two rounds. Arrays are copied on construction and read-only."""

    stage: Stage
    """What the next round is for."""
    step: int
    """Learner steps done so far."""
    arrays: Mapping[str, Array]
    """Name -> float64 values of one or two dimensions, all finite."""
    reason: Reason | None = None
    """Why fitting ended; None while it goes on."""

    def __post_init__(self) -> None:
        """Check the record and take read-only copies.

        Raises:
            errors.ContributionRefused: a name, shape, number or step that an encoding cannot hold.
        """
        if not 0 <= self.step < MOST_STEPS:
            raise errors.ContributionRefused("a state has a wrong step", expected=f"0 to {MOST_STEPS}", got=self.step)
        owned = {name: _owned(name, self.arrays[name]) for name in sorted(self.arrays)}
        object.__setattr__(self, "arrays", types.MappingProxyType(owned))

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same encoding (0.0 and -0.0 differ)."""
        return isinstance(other, State) and encode(self) == encode(other)

    __hash__ = None  # type: ignore[assignment]  # arrays are large: use the digest of the encoding as a key


def encode(value: State) -> bytes:
    """Return the canonical bytes of ``value``."""
    header = _header(value)
    parts = [len(header).to_bytes(4, "little"), header]
    parts += [array.astype("<f8", copy=False).tobytes() for array in value.arrays.values()]
    return b"".join(parts)


def decode(data: bytes) -> State:
    """Return the state whose canonical encoding is ``data``.

    Raises:
        errors.DecodeError: anything but the one canonical encoding of a state.
    """
    if not 4 <= len(data) <= MOST_BYTES:
        raise _refusal("length", f"4 to {MOST_BYTES} bytes", len(data))
    size = int.from_bytes(data[:4], "little")
    if size > min(MOST_HEADER_BYTES, len(data) - 4):
        raise _refusal("header length", f"at most {min(MOST_HEADER_BYTES, len(data) - 4)}", size)
    header = data[4 : 4 + size]
    stage, step, reason, shapes = _parse_header(header)
    arrays = _arrays(shapes, memoryview(data)[4 + size :])
    value = State(stage, step, arrays, reason)
    if _header(value) != header:
        raise _refusal("header", "RFC 8785 canonical JSON with ascending array names", "another encoding")
    return value


def _header(value: State) -> bytes:
    """Return the canonical JSON header."""
    return encoding.canonical_json(
        {
            "arrays": [[name, list(array.shape)] for name, array in value.arrays.items()],
            "format": FORMAT,
            "reason": value.reason.value if value.reason is not None else None,
            "stage": value.stage.value,
            "step": value.step,
        }
    )


def _parse_header(header: bytes) -> tuple[Stage, int, Reason | None, dict[str, tuple[int, ...]]]:
    """Return stage, step, reason and array shapes; ``decode`` compares the re-encoded header afterwards."""
    reader = fields.Fields(encoding.parse_json(header), "state", refused_with=errors.DecodeError)
    reader.whole_within("format", FORMAT, FORMAT)
    stage = reader.one_of("stage", Stage)
    reason = None if reader.value("reason") is None else reader.one_of("reason", Reason)
    step = reader.whole_within("step", 0, MOST_STEPS - 1)
    shapes = _shapes(reader.items("arrays", most=MOST_HEADER_BYTES))
    reader.close()
    return stage, step, reason, shapes


def _shapes(listed: list[object]) -> dict[str, tuple[int, ...]]:
    """Return array names and shapes from the header's list."""
    shapes: dict[str, tuple[int, ...]] = {}
    for item in listed:
        if not isinstance(item, list) or len(item) != 2 or not ARRAY_NAME.fullmatch(_text(item[0])):
            raise _refusal("arrays", "a list of [name, shape]", "something else")
        name, shape = item
        if not isinstance(shape, list) or not 1 <= len(shape) <= 2 or not all(_is_whole(n, MOST_BYTES) for n in shape):
            raise _refusal(f"array {name}", "one or two lengths", "another shape")
        if name in shapes:
            raise _refusal(f"array {name}", "named once", "named twice")
        shapes[name] = tuple(shape)
    return shapes


def _arrays(shapes: Mapping[str, tuple[int, ...]], body: memoryview) -> dict[str, Array]:
    """Return the arrays of the body, which they fill exactly."""
    needed = 8 * sum(math.prod(shape) for shape in shapes.values())
    if needed != len(body):
        raise _refusal("body", f"{needed} bytes", len(body))
    arrays: dict[str, Array] = {}
    start = 0
    for name, shape in shapes.items():
        count = math.prod(shape)
        array = (
            np.frombuffer(body[start : start + 8 * count], dtype="<f8").astype(np.float64, copy=False).reshape(shape)
        )
        if not np.isfinite(array).all():
            raise _refusal(f"array {name}", "finite numbers", "NaN or infinity")
        arrays[name] = array
        start += 8 * count
    return arrays


def _owned(name: str, array: Array) -> Array:
    """Return a read-only row-by-row copy of one array after checking it."""
    if not ARRAY_NAME.fullmatch(name):
        raise errors.ContributionRefused("an array has a bad name", which=f"array {name[:64]}")
    if array.dtype != np.float64 or array.ndim not in {1, 2} or not np.isfinite(array).all():
        raise errors.ContributionRefused(
            "an array cannot be part of a state",
            which=f"array {name}",
            expected="finite float64 of one or two dimensions",
            got=f"{array.dtype}{list(array.shape)}",
        )
    copy = np.array(array, dtype=np.float64, order="C", copy=True)
    copy.flags.writeable = False
    return copy


def _text(value: object) -> str:
    """Return ``value`` if it is a text, else a text that is no name of anything."""
    return value if isinstance(value, str) else ""


def _is_whole(value: object, most: int) -> bool:
    """Return whether ``value`` is an integer from 0 to ``most`` (JSON's true and 1.0 are not)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _refusal(which: str, expected: str, got: object) -> errors.DecodeError:
    """Return the error for bytes that are not a state."""
    return errors.DecodeError("these bytes are not a state", which=which, expected=expected, got=got)
