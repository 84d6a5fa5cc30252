"""Numbers, days and punctuation as each language writes them."""

import pytest

from aicommons.domain import typography, vocabulary

NARROW = typography.NARROW
SPACED = {
    "a question": ("Oui ?", f"Oui{NARROW}?"),
    "quotes": ("« Oui » : non", f"«{NARROW}Oui{NARROW}»{NARROW}: non"),
    "a time": ("12:14", "12:14"),
    "a space that is there": ("a\N{NO-BREAK SPACE};", f"a{NARROW};"),
}


@pytest.mark.parametrize(("text", "wanted"), SPACED.values(), ids=SPACED.keys())
def test_french_has_narrow_spaces_before_its_punctuation(text: str, wanted: str) -> None:
    """Only French has them, and applying them twice changes nothing."""
    assert typography.spaced(text, "fr") == wanted
    assert typography.spaced(wanted, "fr") == wanted
    assert typography.spaced(text, "en") == text


def test_numbers_and_days_follow_the_language() -> None:
    """A comma and day first in French; a time of no calendar is a dash in all of them."""
    assert [typography.decimal("0.983", each) for each in ("en", "fr", "sw")] == ["0.983", "0,983", "0.983"]
    assert typography.day(86399, "fr") == "01/01/1970"
    assert typography.moment(60, "sw") == "01/01/1970 00:01 UTC"
    assert typography.moment(60, "en") == "1970-01-01 00:01 UTC"
    assert typography.machine(60) == "1970-01-01T00:01Z"
    for seconds in (float("inf"), float("nan"), 1e30):
        assert typography.moment(seconds, "fr") == "-"
        assert typography.machine(seconds) == ""


@pytest.mark.parametrize("language", ["fr", "sw"])
def test_translated_labels_are_of_purposes_and_of_all_of_duo(language: str) -> None:
    """No label stands for a code that is none, and every purpose of DUO has one that is not English."""
    known = vocabulary.labels(language)
    english = vocabulary.labels("en")
    assert known.keys() <= english.keys()
    for code in english:
        if code.startswith("DUO:"):
            assert known[code] != english[code]
