"""What a plan says about gaps: an old plan keeps its bytes, a new one says FILL in one way only."""

import pytest

from aicommons.domain import errors, schema

COLUMNS = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
)
FILLED = schema.Schema(COLUMNS.features, COLUMNS.target, schema.Missing.FILL)


def test_plans_from_before_keep_their_document() -> None:
    """A schema that drops rows with gaps is written without the field, as before it existed."""
    assert set(schema.to_document(COLUMNS)) == {"features", "target"}
    assert schema.from_document(schema.to_document(COLUMNS)).missing is schema.Missing.DROP


def test_filling_survives_the_document() -> None:
    """A schema that fills gaps says so and is read back as it was."""
    assert schema.to_document(FILLED)["missing"] == "fill"
    assert schema.from_document(schema.to_document(FILLED)) == FILLED


@pytest.mark.parametrize("said", ["drop", "guess", None, True])
def test_the_field_has_one_spelling(said: object) -> None:
    """Anything but "fill" is refused: a second way to write DROP would give one plan two digests."""
    with pytest.raises(errors.InputError, match="missing"):
        schema.from_document({**schema.to_document(COLUMNS), "missing": said})
