"""Receipts: what a person takes home, as text, as a page to print, or as JSON, in the person's language.

Called by the command line and the owner's page right after a consent was entered: only then is the withdrawal code known.
The page is whole in itself (no script, no font, no image from elsewhere), so that it prints offline; its QR code holds
the withdrawal code and nothing else.
"""

import dataclasses
import html
import io
import textwrap
from collections.abc import Mapping

import segno

from aicommons.domain import consents, errors, ids, typography, vocabulary
from aicommons.node.consents import briefs, wording

WIDTH = 76
STYLE = (
    "body{font:12pt/1.4 sans-serif;max-width:42em;margin:2em auto;padding:0 1em}"
    "dt{font-weight:bold;margin-top:.5em}dd{margin:0;overflow-wrap:anywhere}.code{font:bold 14pt monospace}"
)


def make(entered: briefs.Entered, code: str, *, title: str) -> consents.Receipt:
    """Return the receipt of a consent.

    Args:
        entered: as the register has it.
        code: its withdrawal code.
        title: the dataset's.
    """
    record = entered.record
    return consents.Receipt(
        record=record.record,
        number=entered.number,
        dataset=record.scope.dataset,
        title=title,
        controller=record.controller,
        subject=record.subject,
        purposes=record.purposes,
        commercial=record.commercial,
        fields=record.scope.fields,
        given=record.given,
        given_at=record.history[0].at,
        expiry=record.expiry,
        majority=record.majority,
        max_uses=record.max_uses,
        steward=record.steward,
        withdrawal=record.withdrawal,
        language=record.language,
        commitment=entered.commitment,
        salt=entered.salt,
        code=code,
    )


def as_json(receipt: consents.Receipt) -> str:
    """Return a receipt as canonical JSON text."""
    return receipt.encode().decode()


@dataclasses.dataclass(frozen=True, slots=True)
class Printed:
    """A receipt in the person's language, part by part: what every form of it shows."""

    language: str
    title: str
    intro: str
    """What was agreed, in one sentence."""
    lines: tuple[tuple[str, str], ...]
    """Label and value."""
    how: str
    """Heading of what comes next."""
    withdrawal: str
    """How to withdraw."""
    stays: str
    """What a withdrawal does not undo."""
    label: str
    """Of the code."""
    code: str

    @property
    def qr_code(self) -> str:
        """The code as an SVG image."""
        return qr_code(self.code, label=self.label)


def printed(receipt: consents.Receipt, *, contact: str = "") -> Printed:
    """Return a receipt's parts.

    Args:
        receipt: of the consent.
        contact: where whoever keeps the data can be reached, from its profile.

    Raises:
        errors.InputError: no such language.
    """
    words = words_of(receipt.language)
    where = ", ".join(dict.fromkeys(each for each in (receipt.steward, receipt.controller, contact) if each))
    return Printed(
        language=receipt.language,
        title=words["title"],
        intro=words["intro_child" if receipt.subject is consents.Subject.CHILD else "intro"],
        lines=tuple(_lines(receipt, words)),
        how=words["how"],
        withdrawal=words["withdrawal"].format(where=where),
        stays=words["stays"],
        label=words["code"],
        code=receipt.code,
    )


def as_text(receipt: consents.Receipt) -> str:
    """Return a receipt as plain text of 76 columns."""
    parts = printed(receipt)
    said = [parts.title.upper(), "", *_folded(parts.intro), ""]
    for label, value in parts.lines:
        said += _folded(f"{label}: {value}")
    said += ["", parts.how.upper(), *_folded(parts.withdrawal), "", *_folded(parts.stays)]
    return "\n".join([*said, "", f"{parts.label}:", f"    {parts.code}", ""])


def as_html(receipt: consents.Receipt) -> str:
    """Return a receipt as a page to print, with its withdrawal code as QR code."""
    parts, safe = printed(receipt), html.escape
    rows = "".join(f"<dt>{safe(label)}</dt><dd>{safe(value)}</dd>" for label, value in parts.lines)
    made = [
        f'<!doctype html><html lang="{parts.language}"><meta charset="utf-8"><title>{safe(parts.title)}</title>',
        f"<style>{STYLE}</style><h1>{safe(parts.title)}</h1><p>{safe(parts.intro)}</p>",
        f"<dl>{rows}</dl><h2>{safe(parts.how)}</h2><p>{safe(parts.withdrawal)}</p>",
        f"<p>{safe(parts.stays)}</p><h2>{safe(parts.label)}</h2>",
        f'<p class="code">{safe(parts.code)}</p>{parts.qr_code}</html>',
    ]
    return "\n".join(made) + "\n"


def qr_code(text: str, *, label: str) -> str:
    """Return ``text`` as an SVG image of a QR code."""
    made = io.BytesIO()
    segno.make(text, error="m", micro=False).save(made, kind="svg", scale=4, xmldecl=False, title=label)
    return made.getvalue().decode()


def words_of(language: str) -> Mapping[str, str]:
    """Return the words of a language.

    Raises:
        errors.InputError: there are none.
    """
    if language not in wording.WORDS:
        raise errors.InputError(
            "no receipts in this language", which="language", expected=" or ".join(wording.WORDS), got=language[:12]
        )
    return {name: typography.spaced(text, language) for name, text in wording.WORDS[language].items()}


def _lines(receipt: consents.Receipt, words: Mapping[str, str]) -> list[tuple[str, str]]:
    names = {**vocabulary.labels("en"), **vocabulary.labels(receipt.language)}
    purposes = ", ".join(f"{names[code]} ({code})" if code in names else code for code in receipt.purposes)
    uses = words["any_number"] if receipt.max_uses is None else str(receipt.max_uses)
    lines = [
        ("number", f"{receipt.dataset}-{receipt.number}"),
        ("dataset", receipt.title),
        ("controller", receipt.controller),
        ("purposes", purposes),
        ("commercial", words["yes"] if receipt.commercial else words["no"]),
        ("fields", ", ".join(receipt.fields) or words["all_fields"]),
        ("given_at", typography.day(receipt.given_at, receipt.language)),
        ("expiry", typography.day(receipt.expiry - 1, receipt.language)),
        ("max_uses", uses),
        ("steward", receipt.steward or receipt.controller),
        ("record", receipt.record.hex()[:16]),
        ("commitment", ids.format_id(receipt.commitment)),
    ]
    if receipt.majority is not None:
        lines.insert(8, ("majority", typography.day(receipt.majority, receipt.language)))
    return [(words[name], value) for name, value in lines]


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False) or [""]
