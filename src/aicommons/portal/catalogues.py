"""The page's texts in the languages that it speaks, from ``locale/<language>/portal.po`` through gettext.

``.po`` files are what people translate and review; they are turned into gettext's binary form in memory when the page
starts, so that nothing compiled is kept that could differ from its source. Called by ``pages``; which language a person
gets is decided by ``choose``. Only what the page itself says is here: titles and reasons that others wrote stay as they are.
"""

import ast
import dataclasses
import gettext
import importlib.resources
import io
import struct
from collections.abc import Iterator, Sequence

from aicommons.domain import errors, typography

LANGUAGES = {"en": "English", "fr": "Français", "sw": "Kiswahili"}
"""Code -> its name in itself; the first is taken where a person asks for none of them."""
_MAGIC = 0x950412DE


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One text of a catalogue."""

    source: str
    """English, as in the templates."""
    plural: str | None
    """English for several, where it differs."""
    texts: tuple[str, ...]
    """Translation, one per plural form."""
    is_fuzzy: bool
    """Marked as not yet reviewed."""


def read(text: str, which: str) -> list[Entry]:
    """Return the entries of a ``.po`` file; the first one, with an empty source, is its header.

    Raises:
        errors.DecodeError: a line that is not understood.
    """
    found = []
    for paragraph in text.split("\n\n"):
        fields, is_fuzzy = _fields(paragraph.splitlines(), which)
        if "msgid" in fields:
            texts = tuple(value for name, value in fields.items() if name.startswith("msgstr"))
            found.append(Entry(fields["msgid"], fields.get("msgid_plural"), texts, is_fuzzy))
    return found


def _fields(lines: Sequence[str], which: str) -> tuple[dict[str, str], bool]:
    fields: dict[str, str] = {}
    name, is_fuzzy = "", False
    for line in lines:
        if line.startswith("#"):
            is_fuzzy |= line.startswith("#,") and "fuzzy" in line
            continue
        text = line
        if not line.startswith('"'):
            name, _, text = line.partition(" ")
            fields[name] = ""
        try:
            fields[name] += ast.literal_eval(text)
        except (ValueError, SyntaxError, KeyError) as err:
            raise errors.DecodeError("not a line of a catalogue", which=which, got=line[:60]) from err
    return fields, is_fuzzy


def compiled(entries: Sequence[Entry]) -> bytes:
    """Return a catalogue in gettext's binary form (.mo, GNU gettext manual 10.3); fuzzy entries are left out."""
    pairs = sorted(_pairs(entries))
    start = 28 + 16 * len(pairs)
    tables: tuple[list[int], list[int]] = ([], [])
    body = b""
    for place, table in enumerate(tables):
        for pair in pairs:
            table += [len(pair[place]), start + len(body)]
            body += pair[place] + b"\0"
    header = struct.pack("<7I", _MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    return header + struct.pack(f"<{4 * len(pairs)}I", *tables[0], *tables[1]) + body


def _pairs(entries: Sequence[Entry]) -> Iterator[tuple[bytes, bytes]]:
    for entry in entries:
        if not entry.is_fuzzy:
            source = entry.source if entry.plural is None else f"{entry.source}\0{entry.plural}"
            yield source.encode(), "\0".join(entry.texts).encode()


def load(language: str) -> gettext.GNUTranslations:
    """Return the texts of one of ``LANGUAGES``."""
    file = importlib.resources.files("aicommons.portal") / "locale" / language / "portal.po"
    entries = read(file.read_text(encoding="utf-8"), f"{language}/portal.po")
    spaced = [
        dataclasses.replace(each, texts=tuple(typography.spaced(text, language) for text in each.texts))
        for each in entries
    ]
    return gettext.GNUTranslations(io.BytesIO(compiled(spaced)))


def choose(cookie: str | None, accepted: str | None) -> str:
    """Return the language of a page: the one chosen before, else the browser's first that is known, else English.

    Args:
        cookie: value of the language cookie.
        accepted: the ``Accept-Language`` header (RFC 9110 12.5.4).
    """
    if cookie in LANGUAGES:
        return str(cookie)
    wanted = [part.partition(";") for part in (accepted or "")[:500].split(",")]
    ranked = sorted(wanted, key=lambda part: -_weight(part[2]))
    for name, _, weight in ranked:
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES and _weight(weight) > 0:
            return language
    return next(iter(LANGUAGES))


def _weight(parameter: str) -> float:
    """Return the weight of a language range; one that cannot be read counts least."""
    text = parameter.strip().removeprefix("q=")
    if not parameter.strip():
        return 1.0
    try:
        return float(text)
    except ValueError:
        return 0.0
