"""Receipts: complete in three languages, printable offline, with the code that withdraws."""

import string
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import consents, errors
from aicommons.node.consents import receipts, wording

if TYPE_CHECKING:
    from tests.node.consents.conftest import Office

GIVEN_AT = 1_790_000_000


@pytest.fixture(params=["en", "fr", "sw"])
def receipt(office: "Office", request: pytest.FixtureRequest) -> consents.Receipt:
    """A child's receipt in a language."""
    record = office.child("p1", GIVEN_AT + 10**8)
    made = {"language": request.param, "steward": "Amina <Njeri>", "controller": "A & B clinic"}
    record = type(record)(**{name: made.get(name, getattr(record, name)) for name in record.__slots__})
    ((entered, code),) = office.register.enter([record])
    return receipts.make(entered, code, title="Heart disease")


def test_every_language_has_every_word() -> None:
    """No language lacks a word that another has, and what is filled in is the same in all."""

    def holes(text: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field}

    english = wording.WORDS["en"]
    for words in wording.WORDS.values():
        assert words.keys() == english.keys()
        assert {name: holes(text) for name, text in words.items()} == {
            name: holes(text) for name, text in english.items()
        }
        assert all(text.strip() for text in words.values())


DAYS = {
    "en": ("disease specific research", "2026-09-21", "2030-03-17"),
    "fr": ("recherche sur une maladie précise", "21/09/2026", "17/03/2030"),
    "sw": ("utafiti wa ugonjwa mahususi", "21/09/2026", "17/03/2030"),
}
"""Language -> purpose, day of the signature, day of majority."""


def test_a_receipt_says_all_that_counts(receipt: consents.Receipt) -> None:
    """Number, purposes, dates, who entered it, how to withdraw and the code stand on it, in the person's language."""
    words = wording.WORDS[receipt.language]
    text = receipts.as_text(receipt)
    for said in ("3-0", *DAYS[receipt.language], receipt.code, words["title"].upper()):
        assert said in text
    assert words["intro_child"].split(".", maxsplit=1)[0][:40] in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_a_page_is_whole_in_itself(receipt: consents.Receipt) -> None:
    """The page to print loads nothing, runs nothing, escapes what was typed, and shows the code as a QR code."""
    page = receipts.as_html(receipt)
    assert "Amina &lt;Njeri&gt;" in page
    assert "A &amp; B clinic" in page
    assert "<svg" in page
    assert receipt.code in page
    assert f'lang="{receipt.language}"' in page
    for word in ("<script", "src=", "href=", "url(", "http://localhost"):
        assert word not in page


def test_a_receipt_survives_as_json(receipt: consents.Receipt) -> None:
    """The JSON is the document itself; it opens the commitment on the ledger together with the record."""
    assert consents.Receipt.decode(receipts.as_json(receipt).encode()) == receipt


def test_a_receipt_opens_its_commitment(office: "Office") -> None:
    """The salt on the receipt and the record as given lead to what stands in the leaf."""
    ((entered, code),) = office.register.enter([office.consent("p1")])
    made = receipts.make(entered, code, title="Heart disease")
    assert entered.record.commitment(made.salt) == made.commitment == office.register.leaf(3, 0).commitment


def test_other_languages_are_refused() -> None:
    """A language without words is named."""
    with pytest.raises(errors.InputError, match="no receipts in this language"):
        receipts.words_of("xx")
