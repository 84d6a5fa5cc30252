"""Money as commands take it and say it: which token, and how much of it in plain units.

Called by ``vault``, by the parts of ``problem`` and ``model`` that move money, and by ``run`` for a run's terms. How a token
divides is asked of the token itself, by ``office``; a next step names it by its ``option``, because without one the chain's own
coin is meant.
"""

from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming
from aicommons.domain import ids

if TYPE_CHECKING:
    from aicommons import office

option = click.option(
    "--token", metavar="ADDRESS", help="ERC-20 contract of the money; without it the chain's own coin."
)
"""For commands that move money."""


def chosen(opened: homes.Opened, token: str | None) -> "office.Token":
    """Return the token that an option names, the chain's own coin if it names none; raises ``errors.InputError``."""
    from aicommons.domain import run

    return opened.desk.money.token(run.COIN if token is None else naming.parse_address(token))


def parse(opened: homes.Opened, amount: str, token: str | None) -> "tuple[office.Token, int]":
    """Return the token and the smallest units of what a command was given; raises ``errors.InputError``."""
    from aicommons.domain import amounts

    kind = chosen(opened, token)
    return kind, amounts.parse(amount, kind.decimals)


def described(kind: "office.Token", units: int) -> dict[str, str]:
    """Return an amount as JSON has it."""
    return {"amount": kind.plain(units), "symbol": kind.symbol, "token": ids.format_id(kind.address)}
