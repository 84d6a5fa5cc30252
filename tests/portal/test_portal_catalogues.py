"""The page's texts: complete and reviewed in every language, read as gettext reads them, and chosen as browsers ask."""

import pathlib
import re
import string
from collections.abc import Callable

import pytest
from tests.portal import update_catalogues

from aicommons.domain import errors
from aicommons.portal import catalogues

TEXTS = {(source, plural) for source, plural, _ in update_catalogues.texts()}
NAMED = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_catalogues_are_complete(language: str, read_catalogue: Callable[[str], str]) -> None:
    """Each text of the templates is there, translated and reviewed, and no other."""
    header, *entries = catalogues.read(read_catalogue(language), language)
    assert header.source == ""
    assert {(each.source, each.plural) for each in entries} == TEXTS
    assert [each.source for each in entries if each.is_fuzzy or not all(each.texts)] == []
    assert [each.source for each in entries if len(each.texts) != (1 if each.plural is None else 2)] == []


@pytest.mark.parametrize("language", ["fr", "sw"])
def test_translations_say_the_same_with_the_same_numbers(language: str, read_catalogue: Callable[[str], str]) -> None:
    """A translation names the same values as its source, and few are left as they were."""
    _, *entries = catalogues.read(read_catalogue(language), language)
    for entry in entries:
        for text in entry.texts:
            assert set(NAMED.findall(text)) == set(NAMED.findall(entry.source)), entry.source
            assert "%" not in NAMED.sub("", text), entry.source
    same = [each.source for each in entries if each.texts == (each.source,) and len(each.source) > 3]
    assert len(same) <= 10, same


def test_every_text_of_the_templates_is_marked() -> None:
    """What a person reads in a template stands in a call that translates it; names of this program stay."""
    root = pathlib.Path(catalogues.__file__).parent / "templates"
    for file in root.glob("*.html"):
        bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        shown = re.sub(r"<(pre|code).*?</\1>|<[^>]*>", "", bare, flags=re.DOTALL)
        words = [word for word in re.split(r"\s+", shown) if any(letter in string.ascii_letters for letter in word)]
        assert words == [], file.name


PLURALS = {
    ("en", 0): "0 rounds",
    ("en", 1): "1 round",
    ("fr", 0): "0 tour",
    ("fr", 2): "2 tours",
    ("sw", 5): "raundi 5",
}


@pytest.mark.parametrize(("language", "count"), PLURALS)
def test_plurals_follow_the_language(language: str, count: int) -> None:
    """Each language has its own rule for one and several."""
    found = catalogues.load(language).ngettext("%(num)s round", "%(num)s rounds", count)
    assert found % {"num": count} == PLURALS[language, count]


ACCEPTED = {
    "nothing": (None, None, "en"),
    "the first": (None, "sw, fr;q=0.9", "sw"),
    "a region": (None, "fr-CA,en;q=0.5", "fr"),
    "by weight": (None, "en;q=0.1, sw;q=0.8", "sw"),
    "refused by weight": (None, "fr;q=0", "en"),
    "none of ours": (None, "de, pt", "en"),
    "nonsense": (None, ";;q=x,,fr;q=high", "en"),
    "the cookie first": ("sw", "fr", "sw"),
    "a cookie of nothing": ("../x", "fr", "fr"),
}


@pytest.mark.parametrize(("cookie", "accepted", "wanted"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_languages_are_chosen(cookie: str | None, accepted: str | None, wanted: str) -> None:
    """A choice that was made goes first, then the browser's wishes by weight, then English."""
    assert catalogues.choose(cookie, accepted) == wanted


@pytest.mark.parametrize("line", ['msgid "a', "msgid a", '"lonely"'])
def test_broken_catalogues_are_refused(line: str) -> None:
    """A line that is not understood is named."""
    with pytest.raises(errors.DecodeError, match="catalogue"):
        catalogues.read(line, "xx/portal.po")


def test_fuzzy_texts_are_not_shown() -> None:
    """A translation that nobody reviewed is not used."""
    entries = catalogues.read('msgid "a"\nmsgstr "b"\n\n#, fuzzy\nmsgid "c"\nmsgstr "d"\n', "xx")
    assert [each.is_fuzzy for each in entries] == [False, True]
    assert b"d" not in catalogues.compiled(entries)
