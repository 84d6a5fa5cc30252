"""The card as a person edits it: a JSON file in which everything that may be said has its place.

Called by ``dataset describe``, which writes it, and by ``publish``, ``release``, ``mock`` and ``export``, which read it. What a
person leaves out gets the record's default; what follows from the fields (the plan's schema) is not written by hand.
"""

import dataclasses
import enum
import json
import pathlib
from typing import TYPE_CHECKING, Any

from aicommons.cli import given, output
from aicommons.domain import errors

if TYPE_CHECKING:
    from aicommons.data import describing
    from aicommons.domain import cards

MADE = ("schema", "policy", "quality", "overrides", "dataset_version", "open_table")
"""Fields of a card that the commands fill in and a draft does not show."""


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What is known about a dataset besides its table."""

    title: str
    holder: str
    minimum_cohort: int


def write(draft: "describing.Draft", said: Said) -> dict[str, Any]:
    """Return a draft as a person edits it, in the order in which it is read."""
    from aicommons.domain import cards

    card = cards.DatasetCard(
        title=said.title,
        site=said.holder,
        rows=draft.rows,
        schema=cards.plan_schema(draft.fields),
        licence="LicenseRef-private",
        minimum_cohort=said.minimum_cohort,
        known_gaps="",
        fields=draft.fields,
        holder=said.holder,
    )
    body = {name: value for name, value in shown(card).items() if name not in MADE}
    columns = body.pop("fields")
    return body | {"fields": [_short(column) for column in columns]}


def _short(field: dict[str, Any]) -> dict[str, Any]:
    """Return a column without what does not apply to it, names first; a description is always asked for."""
    order = ["name", "type", "role", "description", "unit", "lo", "hi", "levels", "missing_percent"]
    numbers = field["type"] in ("integer", "number")
    return {
        name: field[name]
        for name in order
        if field[name] is not None or name == "description" or (name == "unit" and numbers)
    }


def shown(card: "cards.DatasetCard") -> dict[str, Any]:
    """Return a card's fields as JSON-able values."""
    body: dict[str, Any] = json.loads(card.encode())
    return {each.name: body[each.name] for each in dataclasses.fields(card)}


def read(path: pathlib.Path) -> "cards.DatasetCard":
    """Return the card in ``path``, completed by what follows from it.

    Raises:
        errors.InputError: naming the field that is missing, unknown or wrong.
    """
    from aicommons.domain import cards, encoding

    with given.naming(path):
        body = _completed(cards.DatasetCard, given.read_json(path))
        if isinstance(body["fields"], list):
            body["fields"] = [_completed(cards.Field, each) for each in body["fields"]]
        whole = {"type": cards.DatasetCard.KIND, "version": 1, "schema": {}, "rows": 0, **body}
        card = cards.DatasetCard.decode(encoding.canonical_json(whole))
        return dataclasses.replace(card, schema=card.schema or cards.plan_schema(card.fields))


def check_answered(path: pathlib.Path) -> None:
    """Check that nothing in the card at ``path``, which ``read`` accepts, is still ``null`` or ``""``.

    Raises:
        errors.InputError: naming each question of the draft that nobody answered.
    """
    if blanks := _blanks(given.read_json(path)):
        raise errors.InputError(
            "questions of the card are not answered",
            which=path.name,
            expected="an answer for each null and empty text",
            got=output.listed(blanks),
            next_step=(
                f"Answer them in {path}. A line that you delete says nothing; --accept-blanks publishes the card with all of "
                "these left open, for everybody to see."
            ),
        )


def _blanks(body: dict[str, Any]) -> list[str]:
    """Return what stands open: the card's own questions, then each question about columns with the columns' names."""
    found = [name for name, value in body.items() if value in (None, "")]
    asked: dict[str, list[str]] = {}
    for column in body.get("fields", []):
        for name in (name for name, value in column.items() if value in (None, "")):
            asked.setdefault(name, []).append(str(column["name"]))
    return found + [f"{name} of {', '.join(columns)}" for name, columns in asked.items()]


def _completed(kind: type[Any], body: Any) -> Any:
    """Return ``body`` with the defaults of ``kind`` for what a person left out."""
    if not isinstance(body, dict):
        return body
    defaults = {each.name: each.default for each in dataclasses.fields(kind) if each.default is not dataclasses.MISSING}
    plain = {name: default.value if isinstance(default, enum.Enum) else default for name, default in defaults.items()}
    return {name: list(default) if isinstance(default, tuple) else default for name, default in plain.items()} | body
