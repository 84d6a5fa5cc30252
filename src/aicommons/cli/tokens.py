"""Money as commands take it and say it: which token, how much of it, and whether the vault holds that for this wallet.

Called by ``vault``, by the parts of ``problem`` and ``model`` that move money, and by ``run`` and ``offered`` for a run's terms.
Amounts are in plain units of the token, which are asked of the token itself; a next step names the token whenever it is not
the chain's own coin, because without it the coin would be meant.
"""

from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office

option = click.option(
    "--token", metavar="ADDRESS", help="ERC-20 contract of the money; without it the chain's own coin."
)
"""For commands that move money."""


def chosen(opened: homes.Opened, token: str | None) -> "office.Token":
    """Return the token that an option names, the chain's own coin if it names none; raises ``errors.InputError``."""
    from aicommons.protocol import money as moneys

    return opened.desk.money.token(moneys.COIN if token is None else naming.parse_address(token))


def parse(opened: homes.Opened, amount: str, token: str | None) -> "tuple[office.Token, int]":
    """Return the token and the smallest units of what a command was given; raises ``errors.InputError``."""
    from aicommons.domain import amounts

    kind = chosen(opened, token)
    return kind, amounts.parse(amount, kind.decimals)


def plain(kind: "office.Token", units: int) -> str:
    """Return an amount in plain units without the symbol, as a command takes it."""
    from aicommons.domain import amounts

    return amounts.show(units, kind.decimals)


def flag(kind: "office.Token") -> str:
    """Return the option that names a token in a next step, nothing for the chain's own coin."""
    return f" --token {ids.format_id(kind.address)}" if any(kind.address) else ""


def described(kind: "office.Token", units: int) -> dict[str, str]:
    """Return an amount as JSON has it."""
    return {"amount": plain(kind, units), "symbol": kind.symbol, "token": ids.format_id(kind.address)}


def credit(opened: homes.Opened, kind: "office.Token") -> int:
    """Return what the vault holds for this wallet, in smallest units."""
    return opened.desk.view().money.credits_of(opened.registry.address).get(kind.address, 0)


def check_credit(opened: homes.Opened, kind: "office.Token", units: int, next_step: str | None = None) -> None:
    """Check that the vault holds ``units`` for this wallet.

    Raises:
        errors.InputError: it holds less; the next step is to deposit what is missing, unless another one is given.
    """
    held = credit(opened, kind)
    if units > held:
        raise errors.InputError(
            "there is not so much in the vault for you",
            which="AMOUNT",
            expected=f"at most {kind.show(held)}",
            got=kind.show(units),
            next_step=next_step or f"run `commons vault deposit {plain(kind, units - held)}{flag(kind)}`",
        )
