"""State bytes: canonical, total, and the same on every machine."""

import json
import pathlib
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays

from aicommons.domain import errors
from aicommons.learning import state

Array = npt.NDArray[np.float64]

VECTORS = json.loads((pathlib.Path(__file__).parents[2] / "vectors" / "learning" / "state.json").read_text())
NAMES = strategies.from_regex(state.ARRAY_NAME, fullmatch=True)
FINITE = strategies.floats(allow_nan=False, allow_infinity=False)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)
STATES = strategies.builds(
    state.State,
    strategies.sampled_from(state.Stage),
    strategies.integers(0, state.MOST_STEPS - 1),
    strategies.dictionaries(NAMES, arrays.arrays(np.float64, SHAPES, elements=FINITE), max_size=4),
    strategies.none() | strategies.sampled_from(state.Reason),
)


@hypothesis.given(STATES)
def test_state_decodes_to_itself(value: state.State) -> None:
    """decode(encode(x)) == x, bit for bit."""
    decoded = state.decode(state.encode(value))
    assert decoded == value
    assert {name: array.tobytes() for name, array in decoded.arrays.items()} == {
        name: array.tobytes() for name, array in value.arrays.items()
    }


@hypothesis.given(STATES, STATES)
def test_different_states_have_different_bytes(one: state.State, other: state.State) -> None:
    """Equal bytes mean equal stage, step, reason, names, shapes and values."""
    fields = [
        (s.stage, s.step, s.reason, [(n, a.shape, a.tobytes()) for n, a in s.arrays.items()]) for s in (one, other)
    ]
    assert (state.encode(one) == state.encode(other)) == (fields[0] == fields[1])


@hypothesis.given(strategies.binary(max_size=200))
def test_decoding_is_total(data: bytes) -> None:
    """Any bytes give a state with exactly these bytes, or a DecodeError."""
    try:
        value = state.decode(data)
    except errors.DecodeError:
        return
    assert state.encode(value) == data


@hypothesis.given(STATES, strategies.data())
def test_a_changed_byte_never_decodes_to_the_same_state(value: state.State, data: strategies.DataObject) -> None:
    """A flipped byte is refused or is another state."""
    encoded = bytearray(state.encode(value))
    place = data.draw(strategies.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(strategies.integers(1, 255))
    try:
        other = state.decode(bytes(encoded))
    except errors.DecodeError:
        return
    assert other != value


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_golden_states(case: dict[str, Any]) -> None:
    """Valid vectors decode and encode to themselves; bad ones are refused."""
    data = bytes.fromhex(case["hex"])
    if case["name"].endswith("_bad"):
        with pytest.raises(errors.DecodeError):
            state.decode(data)
    else:
        assert state.encode(state.decode(data)) == data


def test_deeply_nested_header_is_refused() -> None:
    """A header that would exhaust the parser's stack is not a crash."""
    header = b"[" * 200_000
    with pytest.raises(errors.DecodeError):
        state.decode(len(header).to_bytes(4, "little") + header)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("nan", np.array([np.nan])),
        ("infinite", np.array([np.inf])),
        ("float32", np.zeros(1, dtype=np.float32)),
        ("whole", np.zeros(1, dtype=np.int64)),
        ("scalar", np.array(1.0)),
        ("cube", np.zeros((1, 1, 1))),
        ("Upper", np.zeros(1)),
    ],
)
def test_state_refuses_what_it_cannot_encode(name: str, array: Array) -> None:
    """Only named, finite float64 arrays of one or two dimensions are part of a model."""
    with pytest.raises(errors.ContributionRefused):
        state.State(state.Stage.FIT, 0, {name: array})


def test_state_does_not_change_with_the_arrays_it_was_made_from() -> None:
    """A state owns its numbers and nobody can write to them."""
    array = np.zeros(3)
    value = state.State(state.Stage.FIT, 0, {"a": array})
    array[0] = 1.0
    assert value.arrays["a"][0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        value.arrays["a"][0] = 2.0
