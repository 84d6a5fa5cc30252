"""``commons vault``: see, deposit and withdraw money.

The vault is the one contract that holds money; what it holds for a wallet is the wallet's credit, what waits for a
decision is locked. Amounts are in plain units of the token, which are asked of the token itself.
"""

from typing import TYPE_CHECKING

import click

from aicommons.cli import awards, homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import money as moneys


@click.group()
def command() -> None:
    """See, deposit and withdraw money."""


@command.command("show")
@click.option("--account", metavar="ADDRESS", help="Another account than this wallet's.")
@output.json_option
def show(account: str | None) -> None:
    """Show what the vault holds for this wallet, and what of it is locked."""
    opened = homes.look()
    holder = opened.registry.address if account is None else naming.parse_address(account)
    money = opened.desk.view().money
    held = {opened.desk.money.token(token): amount for token, amount in money.credits_of(holder).items()}
    locks = list(money.locked_by(holder).items())
    output.emit(
        {
            "account": ids.format_id(holder),
            "credits": [_amount(kind, amount) for kind, amount in held.items()],
            "locks": [_lock(opened, money, lock_id, lock) for lock_id, lock in locks],
        },
        f"The vault holds for {ids.format_id(holder)}:",
        *(f"  {kind.show(amount)} to spend or withdraw" for kind, amount in held.items()),
        *(f"  {_lock_in_words(opened, money, lock_id, lock)}" for lock_id, lock in locks),
        *([] if held or locks else ["  nothing"]),
        f"Next: `{output.command('vault deposit AMOUNT')}` or `{output.command('vault withdraw AMOUNT')}`.",
    )


@command.command("deposit")
@click.argument("amount")
@click.option("--token", metavar="ADDRESS", help=awards.MONEY_HELP)
@output.json_option
def deposit(amount: str, token: str | None) -> None:
    """Hand AMOUNT over to the vault, which keeps it for this wallet; it can be withdrawn at any time."""
    opened = homes.act()
    kind, units = _parse(opened, amount, token)
    opened.desk.money.deposit(kind.address, units)
    _say(opened, kind, f"{kind.show(units)} went into the vault", f"problem fund PROBLEM {amount}")


@command.command("withdraw")
@click.argument("amount")
@click.option("--token", metavar="ADDRESS", help=awards.MONEY_HELP)
@click.option("--to", "receiver", metavar="ADDRESS", help="Who gets it; without it this wallet.")
@output.json_option
def withdraw(amount: str, token: str | None, receiver: str | None) -> None:
    """Have the vault pay AMOUNT of this wallet's credit out."""
    opened = homes.act()
    to = opened.registry.address if receiver is None else naming.parse_address(receiver)
    kind, units = _parse(opened, amount, token)
    held = opened.desk.view().money.credits_of(opened.registry.address).get(kind.address, 0)
    if units > held:
        raise errors.InputError(
            "there is not so much in the vault for you",
            which="AMOUNT",
            expected=f"at most {kind.show(held)}",
            got=kind.show(units),
            next_step="see `commons vault show`; what is locked waits for its decision",
        )
    opened.desk.money.withdraw(kind.address, units, to)
    _say(opened, kind, f"{kind.show(units)} were paid out to {ids.format_id(to)}", "vault show")


def _parse(opened: homes.Opened, amount: str, token: str | None) -> tuple["office.Token", int]:
    from aicommons.domain import amounts, run

    kind = opened.desk.money.token(run.COIN if token is None else naming.parse_address(token))
    return kind, amounts.parse(amount, kind.decimals)


def _say(opened: homes.Opened, kind: "office.Token", happened: str, following: str) -> None:
    left = opened.desk.view().money.credits_of(opened.registry.address).get(kind.address, 0)
    output.emit(
        {"account": ids.format_id(opened.registry.address), "credit": _amount(kind, left)},
        f"{happened}; it holds {kind.show(left)} for you now.",
        f"Next: `{output.command(following)}`.",
    )


def _amount(kind: "office.Token", amount: int) -> dict[str, str]:
    from aicommons.domain import amounts

    return {
        "amount": amounts.show(amount, kind.decimals),
        "symbol": kind.symbol,
        "token": ids.format_id(kind.address),
    }


def _lock(opened: homes.Opened, money: "moneys.Money", lock_id: bytes, lock: "moneys.LockView") -> dict[str, object]:
    kind = opened.desk.money.token(lock.made.token)
    return {
        "lock": ids.format_id(lock_id),
        **_amount(kind, lock.made.amount),
        "for": _purpose(money, lock_id),
        "expiry": lock.made.expiry,
    }


def _lock_in_words(opened: homes.Opened, money: "moneys.Money", lock_id: bytes, lock: "moneys.LockView") -> str:
    amount = opened.desk.money.token(lock.made.token).show(lock.made.amount)
    return f"{amount} locked for {_purpose(money, lock_id)}; it comes back by {naming.when(lock.made.expiry)} at the latest"


def _purpose(money: "moneys.Money", lock_id: bytes) -> str:
    """Return what a lock is for: an award of a problem, or else the bond of a seat."""
    if lock_id in money.awards:
        problem_id, award = money.awards[lock_id]
        return f"award {award} of problem {naming.short(problem_id)}"
    return next((f"the bond of a seat in run {naming.short(run)}" for run, _ in _bonds(money, lock_id)), "a contract")


def _bonds(money: "moneys.Money", lock_id: bytes) -> list[tuple[bytes, int]]:
    from aicommons.protocol import money as moneys

    return [seat for seat, bond in money.bonds.items() if moneys.bond_lock(bond) == lock_id]
