"""Who answers on the command line where operators are named: a name, and its PIN from the environment or asked.

Used by every command that decides something for a home. Whether name and PIN belong together, and when two persons have
to agree, is ``owner/operators``' business.
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, output

if TYPE_CHECKING:
    from aicommons.node import inbox
    from aicommons.owner import operators

PIN_VARIABLE = "COMMONS_PIN"
NEW_PIN_VARIABLE = "COMMONS_NEW_PIN"
SECOND_PIN_VARIABLE = "COMMONS_SECOND_PIN"


def by(function: output.F) -> output.F:
    """Add the option that says who speaks."""
    return click.option("--by", default="", help="Your name, where operators are named; the PIN comes from COMMONS_PIN, else it is asked.")(function)  # fmt: skip


def kept() -> "contextlib.AbstractContextManager[inbox.Inbox]":
    """Open this home's inbox."""
    from aicommons.owner import noting

    home = homes.home()
    home.settings()
    return noting.opened(home)


def speaker(inbox: "inbox.Inbox", name: str) -> str:
    """Return who speaks, with the PIN checked where operators are named; raises ``errors.InputError``."""
    from aicommons.owner import operators

    secret = pin(PIN_VARIABLE, f"PIN of {name}") if inbox.house().operators else ""
    return operators.speaker(inbox, operators.Person(name, secret))


def one(name: str) -> str:
    """Return who speaks, as ``speaker``, with the inbox opened for a moment."""
    with kept() as inbox:
        return speaker(inbox, name)


def alone(name: str, item: str | None = None) -> str:
    """Return who speaks for what one person decides; raises as ``operators.check_alone`` where two have to."""
    from aicommons.owner import operators

    with kept() as inbox:
        operators.check_alone(inbox, item)
        return speaker(inbox, name)


def second(inbox: "inbox.Inbox", name: str) -> "operators.Person | None":
    """Return whoever else agrees, with the PIN that was typed, where two persons decide."""
    from aicommons.owner import operators

    if not name or inbox.house().approvals_needed < 2:
        return None
    return operators.Person(name, pin(SECOND_PIN_VARIABLE, f"PIN of {name}"))


def pin(variable: str, words: str) -> str:
    """Return a PIN from the environment, else asked on the terminal, else none."""
    value = os.environ.get(variable)
    if value is not None or not sys.stdin.isatty():
        return value or ""
    return str(click.prompt(words, hide_input=True, err=True))
