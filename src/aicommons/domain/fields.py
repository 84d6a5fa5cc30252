"""Strict reading of one JSON object: every field is known, typed and bounded, and a mistake is named.

Called by ``documents``, by ``schema`` and by the recipes and options in ``learning/`` when a document arrives from
somebody else. It reads already parsed JSON; it leaves out parsing, digests and the documents' meaning.
"""

import enum
import math
import re
from collections.abc import Mapping
from typing import TypeVar

from aicommons.domain import errors

E = TypeVar("E", bound=enum.Enum)

WORDS = re.compile("[0-9a-f]{64}")
LARGEST_WHOLE = 2**53
"""Whole numbers above it are not exact in JSON readers that use float64."""


class Fields:
    """One JSON object being read field by field; ``close`` refuses what nobody asked for."""

    def __init__(
        self, document: object, which: str, *, refused_with: type[errors.PermanentError] = errors.InputError
    ) -> None:
        """Start reading ``document``, called ``which`` in errors.

        Args:
            document: parsed JSON.
            which: names it in errors.
            refused_with: ``errors.InputError`` for what a person at this desk wrote, ``errors.DecodeError`` for foreign
                bytes; every error below is one of these.

        Raises:
            errors.InputError, errors.DecodeError: the document is not a JSON object with text keys.
        """
        if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
            raise refused_with("not a JSON object", which=which, expected="an object", got=_kind(document))
        self._document = document
        self._which = which
        self._refused_with = refused_with
        self._left = set(document)

    def has(self, name: str) -> bool:
        """Return whether the field is present."""
        return name in self._document

    def value(self, name: str) -> object:
        """Return the field's value, whatever it is; raises when the field is missing."""
        if name not in self._document:
            raise self._refused_with("a field is missing", which=self.label(name), expected=name, got="nothing")
        self._left.discard(name)
        return self._document[name]

    def text(self, name: str, *, least: int = 1, most: int = 200) -> str:
        """Return a text of ``least`` to ``most`` characters; raises when it is missing or something else."""
        value = self.value(name)
        if not isinstance(value, str) or not is_text(value, least, most):
            raise self.refusal(name, f"a text of {least} to {most} characters", value)
        return value

    def number(self, name: str) -> float:
        """Return a finite number as float64; raises when it is missing, no number, or not exact in float64."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal(name, "a number", value)
        if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            raise self.refusal(name, "a whole number up to 2^53", value)
        if not math.isfinite(value):
            raise self.refusal(name, "a finite number", value)
        return float(value)

    def number_within(self, name: str, least: float, most: float, *, default: float | None = None) -> float:
        """Return a number from ``least`` to ``most``, or ``default`` when there is no field; raises for anything else."""
        if default is not None and not self.has(name):
            return default
        value = self.number(name)
        if not least <= value <= most:
            raise self.refusal(name, f"a number from {least:g} to {most:g}", value)
        return value

    def whole_within(self, name: str, least: int, most: int, *, default: int | None = None) -> int:
        """Return a whole number from ``least`` to ``most``, or ``default`` when there is no field; raises otherwise."""
        if default is not None and not self.has(name):
            return default
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.refusal(name, f"a whole number from {least} to {most}", value)
        return value

    def one_of(self, name: str, kind: type[E]) -> E:
        """Return the member of ``kind`` whose value is this text; raises for anything else."""
        known = {each.value: each for each in kind}
        value = self.value(name)
        if not isinstance(value, str) or value not in known:
            raise self.refusal(name, f"one of {', '.join(known)}", value)
        return known[value]

    def flag(self, name: str) -> bool:
        """Return true or false; raises for anything else."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self.refusal(name, "true or false", value)
        return value

    def words(self, name: str) -> bytes:
        """Return the 32 bytes that 64 hexadecimal digits in lower case stand for; raises for anything else."""
        value = self.value(name)
        if not isinstance(value, str) or not WORDS.fullmatch(value):
            raise self.refusal(name, "64 hexadecimal digits in lower case", value)
        return bytes.fromhex(value)

    def mapping(self, name: str) -> dict[str, object]:
        """Return a JSON object, whatever is in it; raises for anything else."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise self.refusal(name, "an object", value)
        return dict(value)

    def items(self, name: str, *, most: int) -> list[object]:
        """Return a list of at most ``most`` items; raises for anything else."""
        value = self.value(name)
        if not isinstance(value, list | tuple) or len(value) > most:
            raise self.refusal(name, f"a list of at most {most} items", value)
        return list(value)

    def texts(self, name: str, *, most: int) -> tuple[str, ...]:
        """Return a list of at most ``most`` texts; raises for anything else."""
        items = self.items(name, most=most)
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            raise self.refusal(name, "a list of texts", "something else among its items")
        return texts

    def close(self) -> None:
        """Check that every field of the object was read; raises for a field that nobody knows."""
        for name in sorted(self._left):
            raise self._refused_with(
                "an unknown field", which=self.label(name), expected=f"one of {sorted(set(self._document) - self._left)}",
                got=name, next_step="Remove the field or correct its spelling.",
            )  # fmt: skip

    def label(self, name: str) -> str:
        """Return how errors call the field."""
        return f"{self._which}.{name}"

    def refusal(self, name: str, expected: str, got: object) -> errors.PermanentError:
        """Return the error for a field whose value is not what was expected."""
        return self._refused_with(
            "a field has a wrong value", which=self.label(name), expected=expected, got=_kind(got)
        )


def is_text(value: str, least: int, most: int) -> bool:
    """Return whether ``value`` has ``least`` to ``most`` characters, all of which UTF-8 can carry (no lone surrogates)."""
    return least <= len(value) <= most and not any("\ud800" <= character <= "\udfff" for character in value)


def _kind(value: object) -> str:
    """Return a short description of a JSON value that cannot flood a message."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return repr(value)[:60] if value is not None else "nothing"
