"""Giving a membership whose wallet is lost to another account: commands of ``commons member``.

A guardian named beforehand, or the registrars, begin; for seven days the old account may veto; then anybody finishes. The
contract holds the rule. What a pending recovery looks like in lists is here too, because everybody should see it.
"""

from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.protocol import registry


@click.command("guardian")
@click.argument("address", required=False)
@click.option("--none", "nobody", is_flag=True, help="Nobody: from now on only the registrars could begin.")
@output.json_option
def guardian(address: str | None, nobody: bool) -> None:
    """Let ADDRESS begin the recovery of your membership: a second device of yours, or somebody you trust.

    It need not be a member. It can do nothing else, and you may veto what it begins for seven days.
    """
    if nobody == (address is not None):
        raise click.UsageError("give either ADDRESS or --none")
    chosen = None if address is None else naming.parse_address(address)
    opened = homes.act_as_member()
    opened.desk.set_guardian(chosen)
    shown = None if chosen is None else ids.format_id(chosen)
    said = f"{shown} may begin the recovery of your membership." if shown else "Your membership has no guardian now."
    output.emit({"guardian": shown}, said)


@click.command("recover")
@click.argument("member", type=click.IntRange(1))
@click.option("--account", required=True, help="Address of the new wallet, which must not be a member.")
@output.json_option
def recover(member: int, account: str) -> None:
    """Ask, as the guardian of MEMBER or as a registrar, that another account acts for it, because its wallet is lost."""
    chosen = naming.parse_address(account)
    opened = homes.act()
    opened.desk.member(member)
    begun = opened.desk.recover(ids.MemberId(member), chosen)
    if begun is None:
        output.emit(
            {"member": member, "account": None, "ripe_at": None},
            f"Agreed that {ids.format_id(chosen)} acts for member {member}; more registrars must agree.",
        )
        return
    output.emit(
        {"member": member, "account": ids.format_id(begun.account), "ripe_at": begun.ripe_at},
        f"{ids.format_id(begun.account)} is to act for member {member} from {naming.when(begun.ripe_at)} on.",
        "  Until then the present account may stop it: `commons member veto`.",
        f"Next, then: `{output.command(f'member finish-recovery {member}')}`, by anybody.",
    )


@click.command("veto")
@output.json_option
def veto() -> None:
    """Stop the recovery of your own membership: you still have your wallet."""
    opened = homes.act()
    member = opened.desk.member_id()
    stopped = _pending(opened, member)
    opened.desk.veto(member)
    output.emit(
        {"member": member, "account": ids.format_id(stopped.account)},
        f"Stopped: your account goes on acting for member {member}, {ids.format_id(stopped.account)} does not.",
        f"If you did not expect it, look at who may begin one: `{output.command(f'member show {member}')}`.",
    )


@click.command("finish-recovery")
@click.argument("member", type=click.IntRange(1))
@output.json_option
def finish(member: int) -> None:
    """Give MEMBER to its new account, once the seven days are over. Anybody may."""
    opened = homes.act()
    pending = _pending(opened, ids.MemberId(member))
    now = naming.from_now(opened.desk.view(), 0)
    if now < pending.ripe_at:
        raise errors.InputError(
            "its present account may still veto",
            which=f"member {member}",
            expected=f"{naming.when(pending.ripe_at)} or later",
            got=naming.when(now),
            next_step="try again then",
        )
    opened.desk.finish_recovery(ids.MemberId(member))
    shown = ids.format_id(pending.account)
    output.emit(
        {"member": member, "account": shown},
        f"{shown} acts for member {member} now.",
        "Next, with the new wallet: `commons key rotate` gives its node a key, and lets it open letters and sums.",
    )


COMMANDS: tuple[click.Command, ...] = (guardian, recover, veto, finish)


def as_json(member: "registry.MemberView") -> dict[str, Any]:
    """Return a member's guardian and the recovery under way."""
    pending = member.recovery
    return {
        "guardian": None if member.guardian is None else ids.format_id(member.guardian),
        "recovery": pending and {"account": ids.format_id(pending.account), "ripe_at": pending.ripe_at},
    }


def in_words(number: int, member: "registry.MemberView") -> list[str]:
    """Return the recovery of a member in a line, none when none is under way."""
    if member.recovery is None:
        return []
    account = ids.format_id(member.recovery.account)
    return [f"member {number} is to be given to {account}, from {naming.when(member.recovery.ripe_at)} on"]


def _pending(opened: homes.Opened, member: ids.MemberId) -> "registry.Recovery":
    pending = opened.desk.member(member).recovery
    if pending is None:
        raise errors.InputError(
            "no recovery of this member is under way", which=f"member {member}", next_step="see `commons member list`"
        )
    return pending
