"""``commons coop apply | speak``: what a co-op does in the commons, as one member whose account is its governor.

``coop`` puts these commands into its group. Both are proposals to the co-op's own people: only what they carry is said in the
co-op's name (``voting``). The members' votes themselves are ``vote``'s business.
"""

import click

from aicommons import app
from aicommons.cli import assembly, ballots, homes, naming, output
from aicommons.domain import ids


@click.command("apply")
@click.option("--why", required=True, help="Why the co-op should become a member, for its people.")
@output.json_option
def apply(why: str) -> None:
    """Propose that the co-op applies for membership, with this home's node, which must be no other member's.

    Once that is carried out, a registrar runs `commons member admit` with the address of the co-op's governor.
    """
    from aicommons import office
    from aicommons.domain import encoding
    from aicommons.ledger import wallet

    opened, _, coop = assembly.act()
    governor = ids.Address(coop.place.contract)
    said = (
        wallet.address(opened.home.node_file),
        app.reader_point(opened.signer),
        encoding.keccak(governor),
        bytes(32),
    )
    call = opened.desk.votes.call("Membership", "applyAs", office.ORGANISATION, *said)
    opened.registry.attempt(call, governor)
    _proposed(opened, coop.propose([call], why), why)


@click.command("speak")
@click.argument("proposal")
@click.argument("support", type=click.Choice(list(ballots.SUPPORT)))
@click.option("--why", required=True, help="Why the co-op should vote so, for its people.")
@output.json_option
def speak(proposal: str, support: str, why: str) -> None:
    """Propose how the co-op votes on PROPOSAL of the commons; carrying it out casts the co-op's one vote."""
    opened, _, coop = assembly.act()
    number = assembly.resolve_members(opened.desk.view(), proposal)
    call = opened.desk.votes.call("CommonsGovernor", "castVote", number, int(ballots.SUPPORT[support]))
    _proposed(opened, coop.propose([call], why), why)


def _proposed(opened: homes.Opened, number: int, why: str) -> None:
    shown = assembly.shown(number)
    closes = assembly.desk_of(opened).view().proposals[number].created.vote_end
    output.emit(
        {"proposal": shown, "closes": closes},
        f"Proposal {shown}, to the co-op's people",
        f"  {naming.plain(why, 500)}",
        f"Next: they run `commons coop vote {assembly.short(number)} for` (or against) until {naming.when(closes)},",
        f"then anybody `commons coop execute {assembly.short(number)}`.",
    )


COMMANDS = (apply, speak)
"""What ``coop`` takes into its group."""
