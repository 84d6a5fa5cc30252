"""How an operator is asked whether a run's participants are right; what there is to confirm is in ``owner/rosters``.

Called by ``run confirm``.
"""

import sys

import click

from aicommons.cli import output
from aicommons.domain import errors


def agree(roster: bytes, fingerprint: str | None, *, yes: bool) -> None:
    """Return if the person agrees to the roster.

    Raises:
        errors.InputError: another fingerprint was given, or the answer was no, or there is nobody to ask.
    """
    if fingerprint is not None:
        given = "".join(fingerprint.lower().removeprefix("0x").split())
        if given != roster.hex():
            raise errors.InputError(
                "the fingerprint is another one",
                which="--fingerprint",
                expected=roster.hex(),
                got=given[:64],
                next_step="do not confirm before all members see the same; the ledger may be lying to somebody",
            )
        return
    if yes:
        return
    if output.call().as_json or not sys.stdin.isatty():
        raise errors.InputError(
            "nobody confirmed the roster",
            which="run confirm",
            next_step="give --fingerprint HEX (see `commons run show`)",
        )
    if not click.confirm("Do the other members see the same fingerprint?", err=True):
        raise errors.InputError("not confirmed", next_step="compare the fingerprints first; nothing was changed")
