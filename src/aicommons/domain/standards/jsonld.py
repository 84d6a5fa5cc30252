"""Reading foreign JSON-LD without a JSON-LD processor: only contexts that say what we know they say, and plain literals.

A context can rename anything (``permission`` could mean a prohibition), so a document with a definition that differs from
ours is refused instead of guessed at; no context is ever fetched. Called by ``odrl`` and ``dpv_consent``.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from aicommons.domain import errors, fields

XSD = "http://www.w3.org/2001/XMLSchema#"
MAX_TERMS = 100
"""Most entries of a list in a foreign document."""


def check_context(context: object, known: Mapping[str, object], remote: frozenset[str], which: str) -> frozenset[str]:
    """Check that a context defines nothing otherwise than we do; return the names it defines.

    Args:
        context: the document's ``@context``.
        known: term -> its definition.
        remote: addresses of contexts that stand for all of ``known``.
        which: the document, in errors.

    Raises:
        errors.InputError: naming the first term or address that is not ours.
    """
    names: set[str] = set()
    for part in context if isinstance(context, list) else [context]:
        if isinstance(part, str) and part in remote:
            names |= set(known)
        elif isinstance(part, Mapping):
            names |= {_own_term(str(term), meaning, known, which) for term, meaning in part.items()}
        else:
            raise refusal(f"{which}.@context", "a context that we do not know", str(part))
    return frozenset(names)


def _own_term(term: str, meaning: object, known: Mapping[str, object], which: str) -> str:
    if term not in known or known[term] != meaning:
        raise refusal(f"{which}.@context.{term[:60]}", "a term with a meaning that we do not know", str(meaning))
    return term


def node(value: object, which: str) -> fields.Fields:
    """Return a JSON object to be read strictly; raises ``errors.InputError`` for anything else."""
    return fields.Fields(value, which)


def listed(value: object, which: str) -> list[tuple[object, str]]:
    """Return one value or a list of them, each with its name for errors; a JSON-LD ``@list`` or ``@set`` is its items.

    Raises:
        errors.InputError: more than ``MAX_TERMS``.
    """
    if isinstance(value, Mapping) and set(value) in ({"@list"}, {"@set"}):
        (value,) = value.values()
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if len(items) > MAX_TERMS:
        raise refusal(which, f"more than {MAX_TERMS} entries", str(len(items)))
    return [(item, f"{which}[{place}]" if len(items) > 1 else which) for place, item in enumerate(items)]


def reference(value: object, which: str) -> str:
    """Return the name of a node, written as text or as ``{"@id": …}``; raises ``errors.InputError`` for anything else."""
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    if not isinstance(value, str) or not fields.is_text(value, 1, 500):
        raise refusal(which, "not the name of something", "another value")
    return value


def literal(value: object, kind: str | None, which: str) -> str:
    """Return the text of a literal of type ``xsd:kind``, or of a plain text for ``None``.

    Raises:
        errors.InputError: another type, or no literal.
    """
    if kind is None and isinstance(value, str):
        return value
    expected = {"@value"} if kind is None else {"@value", "@type"}
    if not isinstance(value, Mapping) or set(value) != expected:
        raise refusal(which, f"not a literal of type {kind or 'text'}", "another value")
    text, given = value["@value"], value.get("@type")
    if given not in (None, f"xsd:{kind}", f"{XSD}{kind}"):
        raise refusal(which, f"not a literal of type {kind}", str(given))
    if not isinstance(text, str) or not fields.is_text(text, 1, 500):
        raise refusal(which, "not a literal in text", "another value")
    return text


def seconds(text: str, which: str) -> int:
    """Return a date and time with its offset from UTC as whole seconds since 1970.

    Raises:
        errors.InputError: no such time, no offset, or parts of a second.
    """
    try:
        read = dt.datetime.fromisoformat(text)
        at = read.timestamp() if read.tzinfo is not None and len(text) > 10 else -1.0
    except (ValueError, OverflowError):
        at = -1.0
    if at < 0 or at != int(at):
        raise refusal(which, "not a date with time and offset, such as 2027-12-31T00:00:00Z", text)
    return int(at)


def date_time(at: int) -> dict[str, str]:
    """Return seconds since 1970 as a literal of type ``xsd:dateTime`` in UTC."""
    return {"@value": stamp(at), "@type": "xsd:dateTime"}


def stamp(at: int) -> str:
    """Return seconds since 1970 as text in UTC, such as ``2027-12-31T00:00:00Z``."""
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat().replace("+00:00", "Z")


def refusal(which: str, message: str, got: str) -> errors.InputError:
    """Return the refusal of a part of a foreign document; what we do not understand permits nothing."""
    return errors.InputError(
        message, which=which[:200], got=got[:120],
        next_step="Nothing was taken over. Ask its author for a document without this, or write the policy here.",
    )  # fmt: skip
