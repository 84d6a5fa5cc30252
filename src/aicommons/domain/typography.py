"""How each language of the pages and receipts writes numbers, days, times and punctuation.

Called by the owner's page and by receipts, which print in English, French and Swahili. Words are not here: they stand in the
catalogues and in ``node/consents/wording``.
"""

import datetime as dt
import re

NARROW = "\N{NARROW NO-BREAK SPACE}"
_BEFORE = re.compile(r"[ \N{NO-BREAK SPACE}](?=[:;?!»])")
_AFTER = re.compile(r"(?<=«)[ \N{NO-BREAK SPACE}]")
_POINT = re.compile(r"(?<=[0-9])\.(?=[0-9])")
_BEGIN = dt.datetime(1970, 1, 1)


def spaced(text: str, language: str) -> str:
    """Return ``text`` with French's narrow spaces around its punctuation, so that no line begins with a colon."""
    return _AFTER.sub(NARROW, _BEFORE.sub(NARROW, text)) if language == "fr" else text


def decimal(number: str, language: str) -> str:
    """Return a written number with the language's decimal sign: a comma in French, a point in English and Swahili."""
    return _POINT.sub(",", number) if language == "fr" else number


def day(seconds: float, language: str) -> str:
    """Return a day: ``2026-11-22`` in English, whose readers disagree on the order, and ``22/11/2026`` elsewhere.

    A time that no calendar has is ``-``.
    """
    return _written(seconds, "%Y-%m-%d" if language == "en" else "%d/%m/%Y")


def moment(seconds: float, language: str) -> str:
    """Return a minute with its time zone, which is UTC; see ``day``."""
    return _written(seconds, "%Y-%m-%d %H:%M UTC" if language == "en" else "%d/%m/%Y %H:%M UTC")


def machine(seconds: float) -> str:
    """Return a minute as HTML's ``datetime`` attribute wants it (HTML standard 2.3.5.7); empty for none of a calendar."""
    found = _written(seconds, "%Y-%m-%dT%H:%MZ")
    return "" if found == "-" else found


def _written(seconds: float, form: str) -> str:
    try:
        return (_BEGIN + dt.timedelta(seconds=seconds)).strftime(form)
    except (ValueError, OverflowError):
        return "-"
