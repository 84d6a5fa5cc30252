"""Who answers on the command line where operators are named: a name, and its PIN from the environment or asked.

Called by ``inbox`` and ``housekeeping``; whether name and PIN belong together is the inbox's to check.
"""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, output

if TYPE_CHECKING:
    from aicommons.node import inbox

PIN_VARIABLE = "COMMONS_PIN"
NEW_PIN_VARIABLE = "COMMONS_NEW_PIN"


def by(function: output.F) -> output.F:
    """Add the option that says who speaks."""
    return click.option("--by", default="", help="Your name, where operators are named; the PIN comes from COMMONS_PIN, else it is asked.")(function)  # fmt: skip


def kept() -> "contextlib.closing[inbox.Inbox]":
    """Open this home's inbox."""
    from aicommons.node import inbox

    home = homes.home()
    home.settings()
    return contextlib.closing(inbox.Inbox(home.inbox_file))


def speaker(inbox: "inbox.Inbox", name: str) -> str:
    """Return who speaks, with the PIN checked where operators are named; raises ``errors.InputError``."""
    from aicommons.owner import deciding

    secret = pin(PIN_VARIABLE, f"PIN of {name}") if inbox.house().operators else ""
    return deciding.speaker(inbox, name, secret)


def pin(variable: str, words: str) -> str:
    """Return a PIN from the environment, else asked on the terminal, else none."""
    value = os.environ.get(variable)
    if value is not None or not sys.stdin.isatty():
        return value or ""
    return str(click.prompt(words, hide_input=True, err=True))


def note(inbox: "inbox.Inbox", what: str, about: str, name: str, *, reason: str = "") -> None:
    """Add a line to the home's log."""
    from aicommons.node import inbox as kept_inbox

    inbox.note(kept_inbox.Happened(time.time(), what, about, name, reason))
