"""Strict reading of one JSON object: every field is known, typed and bounded, and a mistake is named.

Called by ``schema``, ``recipe`` and the learners' options when a plan document arrives from somebody else. It reads
already parsed JSON; it leaves out parsing, digests and the documents' meaning.
"""

import math
from collections.abc import Mapping

from aicommons.domain import errors

LARGEST_WHOLE = 2**53
"""Whole numbers above it are not exact in JSON readers that use float64."""


class Fields:
    """One JSON object being read field by field; ``close`` refuses what nobody asked for."""

    def __init__(self, document: object, which: str) -> None:
        """Start reading ``document``, called ``which`` in errors.

        Raises:
            errors.InputError: the document is not a JSON object with text keys.
        """
        if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
            raise errors.InputError("not a JSON object", which=which, expected="an object", got=_kind(document))
        self._document = document
        self._which = which
        self._left = set(document)

    def has(self, name: str) -> bool:
        """Return whether the field is present."""
        return name in self._document

    def value(self, name: str) -> object:
        """Return the field's value, whatever it is.

        Raises:
            errors.InputError: the field is missing.
        """
        if name not in self._document:
            raise errors.InputError("a field is missing", which=self.label(name), expected=name, got="nothing")
        self._left.discard(name)
        return self._document[name]

    def text(self, name: str, *, most: int = 200) -> str:
        """Return a text of 1 to ``most`` characters.

        Raises:
            errors.InputError: missing, not a text, empty or too long.
        """
        value = self.value(name)
        if not isinstance(value, str) or not is_label(value, most):
            raise self.refusal(name, f"a text of 1 to {most} characters", value)
        return value

    def number(self, name: str) -> float:
        """Return a finite number as float64.

        Raises:
            errors.InputError: missing, not a number, or not exact in float64.
        """
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal(name, "a number", value)
        if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            raise self.refusal(name, "a whole number up to 2^53", value)
        if not math.isfinite(value):
            raise self.refusal(name, "a finite number", value)
        return float(value)

    def number_within(self, name: str, least: float, most: float) -> float:
        """Return a number of at least ``least`` and at most ``most``.

        Raises:
            errors.InputError: missing, not a number, or out of range.
        """
        value = self.number(name)
        if not least <= value <= most:
            raise self.refusal(name, f"a number from {least:g} to {most:g}", value)
        return value

    def whole_within(self, name: str, least: int, most: int) -> int:
        """Return a whole number of at least ``least`` and at most ``most``.

        Raises:
            errors.InputError: missing, not whole, or out of range.
        """
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.refusal(name, f"a whole number from {least} to {most}", value)
        return value

    def items(self, name: str, *, most: int) -> list[object]:
        """Return a list of at most ``most`` items.

        Raises:
            errors.InputError: missing, not a list, or too long.
        """
        value = self.value(name)
        if not isinstance(value, list | tuple) or len(value) > most:
            raise self.refusal(name, f"a list of at most {most} items", value)
        return list(value)

    def texts(self, name: str, *, most: int) -> tuple[str, ...]:
        """Return a list of at most ``most`` texts.

        Raises:
            errors.InputError: missing, not a list, too long, or an item is not a text.
        """
        texts = tuple(item for item in self.items(name, most=most) if isinstance(item, str))
        if len(texts) != len(self.items(name, most=most)):
            raise self.refusal(name, "a list of texts", "something else among its items")
        return texts

    def close(self) -> None:
        """Check that every field of the object was read.

        Raises:
            errors.InputError: a field that nobody knows.
        """
        for name in sorted(self._left):
            raise errors.InputError(
                "an unknown field", which=self.label(name), expected=f"one of {sorted(set(self._document) - self._left)}",
                got=name, next_step="Remove the field or correct its spelling.",
            )  # fmt: skip

    def label(self, name: str) -> str:
        """Return how errors call the field."""
        return f"{self._which}: field {name}"

    def refusal(self, name: str, expected: str, got: object) -> errors.InputError:
        """Return the error for a field whose value is not what was expected."""
        return errors.InputError("a field has a wrong value", which=self.label(name), expected=expected, got=_kind(got))


def is_label(text: str, most: int) -> bool:
    """Return whether ``text`` has 1 to ``most`` characters, all of which UTF-8 can carry (no lone surrogates)."""
    return 1 <= len(text) <= most and not any("\ud800" <= character <= "\udfff" for character in text)


def _kind(value: object) -> str:
    """Return a short description of a JSON value that cannot flood a message."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return repr(value)[:60] if value is not None else "nothing"
