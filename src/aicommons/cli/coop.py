"""``commons coop``: a data co-op or trust whose members decide together which uses of their data are permitted.

The co-op's contracts are its own: a roll on which each person stands once, and a governor that does what was carried. A
steward founds it and admits people; a dataset that is entrusted to it can be consented to by vote only. People vote from a
home of their own, or sign a ballot that the steward sends: that is ``voting``.
"""

import pathlib

import click

from aicommons.cli import assembly, homes, listed, naming, output, represented, voting
from aicommons.domain import ids

HOUR = 3600


@click.group()
def command() -> None:
    """Decide together: found a data co-op, admit people, propose, vote."""


@command.command("found")
@click.option("--name", required=True, help="What the co-op calls itself.")
@click.option("--delay-hours", type=click.FloatRange(0), default=0.0, show_default=True, help="Before a vote opens.")
@click.option(
    "--open-hours",
    type=click.FloatRange(min=0, min_open=True),
    default=168.0,
    show_default=True,
    help="How long a vote is open.",
)
@click.option("--quorum-percent", type=click.IntRange(1, 100), default=10, show_default=True, help="Of the roll.")
@click.option(
    "--quorum-people", type=click.IntRange(1), default=2, show_default=True, help="Who must take part at the least."
)
@output.json_option
def found(*, name: str, delay_hours: float, open_hours: float, quorum_percent: int, quorum_people: int) -> None:
    """Found a co-op with this home's wallet as its steward."""
    from aicommons.protocol import coops

    opened = homes.act_as_member()
    file = assembly.file_of(opened.home)
    output.check_new(file)
    rules = coops.Rules(name, int(delay_hours * HOUR), max(1, int(open_hours * HOUR)), quorum_percent, quorum_people)
    made = opened.desk.found_coop(rules)
    body = assembly.keep(file, name, made)
    output.emit(
        {**body, "file": str(file)},
        f"{naming.plain(name)} is founded; {file} says where its contracts stand.",
        "Give that file to its people: they run `commons coop join FILE` in homes of their own.",
        f"Next: `{output.command('coop admit ADDRESS…')}`, then `{output.command('coop entrust DATASET')}`.",
    )


@command.command("join")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def join(file: pathlib.Path) -> None:
    """Remember a co-op from the FILE that its steward gave you; a vote comes with being admitted."""
    opened = homes.look()
    kept = assembly.file_of(opened.home)
    output.check_new(kept)
    name, coop = assembly.read(file)
    opened.desk.coop(coop).check()
    body = assembly.keep(kept, name, coop)
    address = ids.format_id(opened.registry.address)
    output.emit(
        {**body, "address": address},
        f"This home knows {naming.plain(name)} now.",
        f"Next: its steward runs `commons coop admit {address}`.",
    )


@command.command("admit")
@click.argument("addresses", nargs=-1, required=True)
@output.json_option
def admit(addresses: tuple[str, ...]) -> None:
    """Put people's wallet ADDRESSES on the roll, as the steward who has seen who they are."""
    from aicommons.domain import encoding

    _, name, coop = assembly.act()
    people = {naming.parse_address(each): encoding.keccak(naming.parse_address(each)) for each in addresses}
    coop.admit(people)
    listed_now = [ids.format_id(each) for each in people]
    output.emit(
        {"admitted": listed_now},
        f"{len(listed_now)} people are on the roll of {naming.plain(name)}: {', '.join(listed_now)}.",
    )


@command.command("leave")
@output.json_option
def leave() -> None:
    """Give up this home's place on the roll: no vote in anything that is proposed from now on."""
    opened, name, coop = assembly.act()
    coop.leave()
    output.emit(
        {"left": ids.format_id(opened.registry.address)},
        f"This home's wallet is not on the roll of {naming.plain(name)} any more.",
        "Proposals can still be read here; the steward may admit the wallet again.",
    )


@command.command("entrust")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@output.json_option
def entrust(dataset_id: int) -> None:
    """Leave consent for DATASET, one of yours, to the co-op's vote; only a vote can undo it.

    You can still revoke a consent, suspend the dataset and stop a run: no is never taken away. A vote puts what was
    suspended back into use (`coop propose DATASET --resume`) and gives the dataset back to you (`--discharge`).
    """
    opened = homes.act_as_member()
    name, coop = assembly.read(assembly.file_of(opened.home))
    listed.find(opened.desk.view(), dataset_id)
    opened.desk.entrust(dataset_id, coop.governor)
    output.emit(
        {"dataset": dataset_id, "body": ids.format_id(coop.governor)},
        f"From now on {naming.plain(name)} decides by vote who may use dataset {dataset_id}.",
        f"Next: `{output.command(f'coop propose {dataset_id} --purpose CODE --why TEXT')}`.",
        f"The way back is a vote as well: `{output.command(f'coop propose {dataset_id} --discharge --why TEXT')}`.",
    )


for each in (*voting.COMMANDS, *represented.COMMANDS):
    command.add_command(each)
