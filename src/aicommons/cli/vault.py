"""``commons vault``: see, deposit and withdraw money, and bring back what is locked for nothing any more.

The vault is the one contract that holds money; what it holds for a wallet is the wallet's credit, what waits for a
decision is locked. Amounts are in plain units of the token, which are asked of the token itself.
"""

from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output, tokens
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import money as moneys
    from aicommons.protocol import view as views


@click.group()
def command() -> None:
    """See, deposit and withdraw money; bring back what was locked."""


@command.command("show")
@click.option("--account", metavar="ADDRESS", help="Another account than this wallet's.")
@output.json_option
def show(account: str | None) -> None:
    """Show what the vault holds for this wallet, and what of it is locked."""
    opened = homes.look()
    holder = opened.registry.address if account is None else naming.parse_address(account)
    view = opened.desk.view()
    money = view.money
    held = {opened.desk.money.known_token(token): amount for token, amount in money.credits_of(holder).items()}
    locks = list(money.locked_by(holder).items())
    output.emit(
        {
            "account": ids.format_id(holder),
            "credits": [tokens.described(kind, amount) for kind, amount in held.items()],
            "locks": [_lock(opened, money, lock_id, lock) for lock_id, lock in locks],
        },
        f"The vault holds for {ids.format_id(holder)}:",
        *(f"  {kind.show(amount)} to spend or withdraw" for kind, amount in held.items()),
        *(f"  {_lock_in_words(opened, view, lock_id, lock)}" for lock_id, lock in locks),
        *([] if held or locks else ["  nothing"]),
        f"Next: `{output.command('vault deposit AMOUNT')}` or `{output.command('vault withdraw AMOUNT')}`.",
    )


@command.command("deposit")
@click.argument("amount")
@tokens.option
@output.json_option
def deposit(amount: str, token: str | None) -> None:
    """Hand AMOUNT over to the vault, which keeps it for this wallet; it can be withdrawn at any time."""
    opened = homes.act()
    kind, units = tokens.parse(opened, amount, token)
    opened.desk.money.deposit(kind.address, units)
    _say(opened, kind, f"{kind.show(units)} went into the vault", f"problem fund PROBLEM {amount}{kind.option}")


@command.command("withdraw")
@click.argument("amount")
@tokens.option
@click.option("--to", "receiver", metavar="ADDRESS", help="Who gets it; without it this wallet.")
@output.json_option
def withdraw(amount: str, token: str | None, receiver: str | None) -> None:
    """Have the vault pay AMOUNT of this wallet's credit out."""
    opened = homes.act()
    to = opened.registry.address if receiver is None else naming.parse_address(receiver)
    kind, units = tokens.parse(opened, amount, token)
    opened.desk.money.check_credit(kind, units, "see `commons vault show`; what is locked waits for its decision")
    opened.desk.money.withdraw(kind.address, units, to)
    _say(opened, kind, f"{kind.show(units)} were paid out to {ids.format_id(to)}", "vault show")


@command.command("give-back")
@click.argument("what", metavar="RUN|LOCK")
@click.option("--member", type=click.IntRange(1), help="Whose bond in RUN; without it this wallet's own.")
@output.json_option
def give_back(what: str, member: int | None) -> None:
    """Give what is locked back to whoever paid it; anybody may.

    A bond goes back once its RUN is over. Any LOCK, bond or award, goes back from its last day on (see `vault show`).
    """
    opened = homes.act()
    view = opened.desk.view()
    lock_id = _choose(opened, view, what, member)
    lock, seat = view.money.locks[lock_id], _seat(view.money, lock_id)
    if seat is not None and _is_over(view, seat):
        opened.desk.money.give_back(*seat)
    else:
        opened.desk.money.expire(lock_id)
    kind, payer = opened.desk.money.known_token(lock.made.token), lock.made.payer
    is_own = payer == opened.registry.address
    output.emit(
        {
            "lock": ids.format_id(lock_id),
            "account": ids.format_id(payer),
            **tokens.described(kind, lock.made.amount),
        },
        f"{kind.show(lock.made.amount)} went back into the credit of {ids.format_id(payer)}.",
        f"Next{'' if is_own else ', for its owner'}: `{output.command('vault show')}`.",
    )


def _choose(opened: homes.Opened, view: "views.LedgerView", what: str, member: int | None) -> bytes:
    """Return the lock that is named by itself, or as the bond of a seat in a run; raises ``errors.InputError``."""
    from aicommons.protocol import money as moneys

    bonds = view.money.bonds
    locked = [key for key, lock in view.money.locks.items() if lock.state is moneys.LockState.LOCKED]
    named = naming.resolve(what, {*locked, *(run_id for run_id, _ in bonds)}, "lock")
    if named in locked:
        return named
    wanted = opened.desk.member_id() if member is None else member
    seat = (ids.RunId(named), wanted)
    if seat not in bonds:
        raise errors.InputError(
            "no bond of this member is locked in this run",
            which=f"member {wanted}",
            expected=f"one of {', '.join(str(each) for run_id, each in sorted(bonds) if run_id == named)}",
            next_step="name it with --member",
        )
    return moneys.bond_lock(*seat)


def _say(opened: homes.Opened, kind: "office.Token", happened: str, following: str) -> None:
    left = opened.desk.money.credit(kind.address)
    output.emit(
        {"account": ids.format_id(opened.registry.address), "credit": tokens.described(kind, left)},
        f"{happened}; it holds {kind.show(left)} for you now.",
        f"Next: `{output.command(following)}`.",
    )


def _lock(opened: homes.Opened, money: "moneys.Money", lock_id: bytes, lock: "moneys.LockView") -> dict[str, object]:
    kind = opened.desk.money.known_token(lock.made.token)
    return {
        "lock": ids.format_id(lock_id),
        **tokens.described(kind, lock.made.amount),
        "for": _purpose(money, lock_id),
        "expiry": lock.made.expiry,
    }


def _lock_in_words(opened: homes.Opened, view: "views.LedgerView", lock_id: bytes, lock: "moneys.LockView") -> str:
    """Return what is locked and for what, and from when on anybody can bring it back."""
    amount = opened.desk.money.known_token(lock.made.token).show(lock.made.amount)
    seat, last = _seat(view.money, lock_id), naming.when(lock.made.expiry)
    back = f"anybody can bring it back: `{output.command(f'vault give-back {naming.short(lock_id)}')}`"
    if seat is None:
        since = f"from {last} on"
    elif _is_over(view, seat):
        since = "the run is over, and"
    else:
        since = f"once the run is over, or from {last} on,"
    return f"{amount} locked for {_purpose(view.money, lock_id)}; {since} {back}"


def _purpose(money: "moneys.Money", lock_id: bytes) -> str:
    """Return what a lock is for: an award of a problem, or else the bond of a seat."""
    if lock_id in money.awards:
        problem_id, award = money.awards[lock_id]
        return f"award {award} of problem {naming.short(problem_id)}"
    seat = _seat(money, lock_id)
    return "a contract" if seat is None else f"the bond of a seat in run {naming.short(seat[0])}"


def _is_over(view: "views.LedgerView", seat: tuple[ids.RunId, int]) -> bool:
    current = view.runs.get(seat[0])
    return current is not None and current.state.is_over


def _seat(money: "moneys.Money", lock_id: bytes) -> tuple[ids.RunId, int] | None:
    """Return run and member whose bond a lock is."""
    from aicommons.protocol import money as moneys

    return next((seat for seat in money.bonds if moneys.bond_lock(*seat) == lock_id), None)
