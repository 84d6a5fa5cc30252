"""Brings ``portal/locale/*/portal.po`` up to date with the templates: new texts come in empty, texts nobody uses go.

Run by a developer after changing a template (``python tests/portal/update_catalogues.py``); translations that are there
are kept. English is its own translation. ``test_catalogues.py`` fails until the others are filled in.
"""

import json
import pathlib

from aicommons.portal import catalogues, pages

ROOT = pathlib.Path(catalogues.__file__).parent
PLURALS = {
    "en": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "sw": "nplurals=2; plural=(n != 1);",
}


def texts() -> list[tuple[str, str | None, str]]:
    """Return every text of the templates with its plural and the first place where it stands, in that order."""
    environment = pages.environment("en")
    found: dict[tuple[str, str | None], str] = {}
    for file in sorted((ROOT / "templates").glob("*.html")):
        for _, _, message in environment.extract_translations(file.read_text(encoding="utf-8")):
            words = [each for each in (message if isinstance(message, tuple) else (message,)) if isinstance(each, str)]
            found.setdefault((words[0], words[1] if len(words) > 1 else None), file.name)
    return [(*key, place) for key, place in found.items()]


def write(language: str) -> int:
    """Write one catalogue anew; return how many texts it lacks."""
    file = ROOT / "locale" / language / "portal.po"
    known = {}
    if file.exists():
        known = {each.source: each for each in catalogues.read(file.read_text(encoding="utf-8"), language)}
    header = f"Content-Type: text/plain; charset=UTF-8\\nLanguage: {language}\\nPlural-Forms: {PLURALS[language]}\\n"
    parts = [f'# The owner\'s page: {catalogues.LANGUAGES[language]}.\nmsgid ""\nmsgstr "{header}"\n']
    lacking = 0
    for source, plural, place in texts():
        before = known.get(source)
        given = before.texts if before is not None else ()
        if language == "en":
            given = (source,) if plural is None else (source, plural)
        count = 1 if plural is None else 2
        given = (*given, "", "")[:count]
        lacking += not all(given)
        parts.append(_entry(source, plural, given, place, is_fuzzy=before is not None and before.is_fuzzy))
    file.write_text("\n".join(parts), encoding="utf-8")
    return lacking


def _entry(source: str, plural: str | None, given: tuple[str, ...], place: str, *, is_fuzzy: bool) -> str:
    lines = [f"#: templates/{place}"]
    if is_fuzzy:
        lines.append("#, fuzzy")
    lines.append(f"msgid {_quoted(source)}")
    if plural is None:
        lines.append(f"msgstr {_quoted(given[0])}")
    else:
        lines.append(f"msgid_plural {_quoted(plural)}")
        lines += [f"msgstr[{index}] {_quoted(text)}" for index, text in enumerate(given)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    for each in catalogues.LANGUAGES:
        print(each, write(each), "texts lack a translation")
