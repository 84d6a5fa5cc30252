"""``commons coop``: a data co-op or trust whose members decide together which uses of their data are permitted.

The co-op's contracts are its own: a roll on which each person stands once, and a governor that does what was carried. A
steward founds it and admits people; a dataset that is entrusted to it can be consented to by vote only. People vote from a
home of their own, or sign a ballot that the steward sends. What a consent permits is ``consent``'s business.
"""

import json
import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import given, homes, listed, naming, output, permitting
from aicommons.domain import errors, events, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import coops

SUPPORT = {"for": events.Support.FOR, "against": events.Support.AGAINST, "abstain": events.Support.ABSTAIN}
HOUR = 3600
LONGEST_TEXT = 4000


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
    file = _file(opened.home)
    output.check_new(file)
    rules = coops.Rules(name, int(delay_hours * HOUR), max(1, int(open_hours * HOUR)), quorum_percent, quorum_people)
    made = opened.desk.found_coop(rules)
    body = _keep(file, name, made)
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
    kept = _file(opened.home)
    output.check_new(kept)
    name, coop = _read(file)
    opened.desk.coop(coop).check()
    body = _keep(kept, name, coop)
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

    _, name, coop = _act()
    people = {naming.parse_address(each): encoding.keccak(naming.parse_address(each)) for each in addresses}
    coop.admit(people)
    listed_now = [ids.format_id(each) for each in people]
    output.emit(
        {"admitted": listed_now},
        f"{len(listed_now)} people are on the roll of {naming.plain(name)}: {', '.join(listed_now)}.",
    )


@command.command("entrust")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@output.json_option
def entrust(dataset_id: int) -> None:
    """Leave consent for DATASET, one of yours, to the co-op's vote; only a vote can undo it.

    You can still revoke a consent, suspend the dataset and stop a run: no is never taken away.
    """
    opened = homes.act_as_member()
    name, coop = _read(_file(opened.home))
    listed.find(opened.desk.view(), dataset_id)
    opened.desk.entrust(dataset_id, coop.governor)
    output.emit(
        {"dataset": dataset_id, "body": ids.format_id(coop.governor)},
        f"From now on {naming.plain(name)} decides by vote who may use dataset {dataset_id}.",
        f"Next: `{output.command(f'coop propose {dataset_id} --purpose CODE --why TEXT')}`.",
    )


@command.command("propose")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@click.option("--why", required=True, help="What for, in words that everybody understands.")
@permitting.options
@output.json_option
def propose(dataset_id: int, why: str, asked: permitting.Asked) -> None:
    """Propose to permit a use of DATASET; the options are those of `commons consent give`."""
    if not why.strip() or len(why) > LONGEST_TEXT:
        raise errors.InputError(
            "a proposal needs its reason", which="--why", expected=f"1 to {LONGEST_TEXT} characters"
        )
    opened, _, coop = _act()
    view = opened.desk.view()
    listed.find(view, dataset_id)
    terms = asked.terms(dataset_id, view)
    proposal = coop.propose_consent(terms, why)
    output.emit(
        {"proposal": shown(proposal), "dataset": dataset_id},
        f"Proposal {shown(proposal)}",
        f"  {naming.plain(why, 500)}",
        f"Next: the co-op's people run `commons coop vote {shown(proposal)} for` (or against).",
    )


@command.command("list")
@output.json_option
def list_proposals() -> None:
    """List proposals with how the vote stands, and how many people are on the roll."""
    opened = homes.look()
    name, place = _read(_file(opened.home))
    coop = opened.desk.coop(place)
    view = coop.view()
    proposals = [_proposal(coop, key, found) for key, found in view.proposals.items()]
    rows = [
        [each["proposal"][:14], each["state"], each["for"], each["against"], each["abstain"], naming.plain(each["why"])]
        for each in proposals
    ]
    output.emit(
        {"name": name, "people": [ids.format_id(each) for each in view.people], "proposals": proposals},
        f"{naming.plain(name)}: {len(view.people)} people on the roll",
        *output.aligned(["proposal", "state", "for", "against", "abstain", "what for"], rows),
    )


@command.command("vote")
@click.argument("proposal")
@click.argument("support", type=click.Choice(list(SUPPORT)))
@click.option(
    "--sign-only",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="Write a signed ballot to this new file, for the steward to send, instead of voting now.",
)
@output.json_option
def vote(proposal: str, support: str, sign_only: pathlib.Path | None) -> None:
    """Vote on PROPOSAL with this home's wallet."""
    opened, _, coop = _act()
    number = resolve(coop, proposal)
    if sign_only is None:
        coop.vote(number, SUPPORT[support])
        output.emit({"proposal": shown(number), "vote": support}, f"Voted {support} on {shown(number)[:14]}.")
        return
    output.check_new(sign_only)
    ballot = coop.ballot(number, SUPPORT[support], ids.Address(opened.registry.address))
    body = {
        "proposal": shown(number),
        "vote": support,
        "voter": ids.format_id(ballot.voter),
        "nonce": ballot.nonce,
        "signature": "0x" + opened.signer.sign_digest(ballot.digest(coop.place)).hex(),
    }
    app.write_private(sign_only, json.dumps(body, indent=2, sort_keys=True) + "\n")
    output.emit(
        {**body, "file": str(sign_only)}, f"{sign_only} holds your vote. Next: `commons coop relay FILE`, by anybody."
    )


@command.command("relay")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def relay(file: pathlib.Path) -> None:
    """Send the signed ballot in FILE for somebody who sends no transactions."""
    from aicommons.domain import fields
    from aicommons.protocol import coops

    reader = fields.Fields(given.read_json(file), file.name)
    support = reader.text("vote")
    if support not in SUPPORT:
        raise reader.refusal("vote", f"one of {', '.join(SUPPORT)}", support)
    _, _, coop = _act()
    number = resolve(coop, reader.text("proposal"))
    voter = naming.parse_address(reader.text("voter"))
    ballot = coops.Ballot(number, SUPPORT[support], voter, reader.whole_within("nonce", 0, 2**53))
    signature = _bytes(reader.text("signature"), file.name)
    reader.close()
    coop.vote_by_signature(ballot, signature)
    output.emit(
        {"proposal": shown(number), "vote": support, "voter": ids.format_id(voter)},
        f"{ids.format_id(voter)} voted {support} on {shown(number)[:14]}.",
    )


@command.command("execute")
@click.argument("proposal")
@output.json_option
def execute(proposal: str) -> None:
    """Do what PROPOSAL says, once its vote is over and carried; anybody may."""
    from aicommons.protocol import coops

    opened, _, coop = _act()
    number = resolve(coop, proposal)
    state = coop.state(number)
    if state is not coops.ProposalState.SUCCEEDED:
        raise errors.InputError(
            "this proposal cannot be carried out now",
            which=shown(number)[:14],
            expected="a vote that is over and carried",
            got=state.name.lower(),
            next_step="see `commons coop list`",
        )
    before = set(opened.desk.view().consents)
    coop.execute(number)
    new = [ids.format_id(each) for each in opened.desk.view().consents if each not in before]
    output.emit(
        {"proposal": shown(number), "consents": new},
        f"Proposal {shown(number)[:14]} is carried out.",
        *(f"  consent {each} is given" for each in new),
    )


def _file(home: app.Home) -> pathlib.Path:
    return home.path / "coop.json"


def _keep(file: pathlib.Path, name: str, coop: "coops.Coop") -> dict[str, str]:
    body = {"name": name, "members": ids.format_id(coop.members), "governor": ids.format_id(coop.governor)}
    app.write_private(file, json.dumps(body, indent=2, sort_keys=True) + "\n")
    return body


def _read(file: pathlib.Path) -> "tuple[str, coops.Coop]":
    """Return a co-op's name and where its contracts stand.

    Raises:
        errors.InputError: no such file, or not one that ``coop found`` wrote.
    """
    from aicommons.domain import fields
    from aicommons.protocol import coops

    if not file.exists():
        raise errors.InputError(
            "this home knows no co-op",
            which=str(file),
            next_step="run `commons coop found --name NAME`, or `commons coop join FILE` with your co-op's file",
        )
    reader = fields.Fields(given.read_json(file), file.name)
    name = reader.text("name")
    coop = coops.Coop(naming.parse_address(reader.text("members")), naming.parse_address(reader.text("governor")))
    reader.close()
    return name, coop


def _act() -> "tuple[homes.Opened, str, office.CoopDesk]":
    opened = homes.act()
    name, coop = _read(_file(opened.home))
    return opened, name, opened.desk.coop(coop)


def desk_of(opened: homes.Opened) -> "office.CoopDesk":
    """Return the desk of the co-op that an opened home belongs to; raises ``errors.InputError`` when it knows none."""
    _, coop = _read(_file(opened.home))
    return opened.desk.coop(coop)


def shown(proposal: int) -> str:
    """Return a proposal's id as text."""
    return f"0x{proposal:064x}"


def resolve(coop: "office.CoopDesk", text: str) -> int:
    """Return the proposal of a co-op that ``text`` names, in full or by its beginning; raises ``errors.InputError``."""
    known = {key.to_bytes(32, "big") for key in coop.view().proposals}
    return int.from_bytes(naming.resolve(text, known, "proposal"), "big")


def _proposal(coop: "office.CoopDesk", key: int, found: "coops.ProposalView") -> dict[str, Any]:
    return {
        "proposal": shown(key),
        "why": found.created.description,
        "state": coop.state(key).name.lower(),
        "proposer": ids.format_id(found.created.proposer),
        **{name: found.count(support) for name, support in SUPPORT.items()},
    }


def _bytes(text: str, which: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as err:
        raise errors.InputError("not a signature", which=which, expected="0x and hexadecimal digits") from err
