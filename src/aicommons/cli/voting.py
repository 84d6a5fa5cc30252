"""``commons coop propose | list | vote | relay | execute``: what a co-op's people decide together.

``coop`` puts these commands into its group. What a consent permits is ``consent``'s business; what is voted on is read
from the proposal's calls, not from the words of whoever proposed it.
"""

import functools
import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import assembly, ballots, effects, homes, listed, naming, output, permitting
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import coops
    from aicommons.protocol import view as views

SUPPORT = ballots.SUPPORT
LONGEST_TEXT = 4000


@click.command("propose")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@click.option("--why", required=True, help="What for, in words that everybody understands.")
@click.option("--resume", is_flag=True, help="Instead of a use: put DATASET back into use after it was suspended.")
@click.option("--discharge", is_flag=True, help="Instead of a use: give DATASET back to its owner.")
@functools.partial(permitting.options, is_purpose_needed=False)
@output.json_option
def propose(dataset_id: int, *, why: str, resume: bool, discharge: bool, asked: permitting.Asked) -> None:
    """Propose to permit a use of DATASET; the options are those of `commons consent give`."""
    from aicommons import office

    if not why.strip() or len(why) > LONGEST_TEXT:
        raise errors.InputError(
            "a proposal needs its reason", which="--why", expected=f"1 to {LONGEST_TEXT} characters"
        )
    if [resume, discharge, asked.is_said].count(True) != 1:
        raise click.UsageError(
            "a vote is about one thing: --purpose CODE with what belongs to it, --resume or --discharge"
        )
    opened, _, coop = assembly.act()
    view = opened.desk.view()
    listed.find(view, dataset_id)
    act = office.Act.RESUME if resume else office.Act.DISCHARGE if discharge else office.Act.GIVE
    coop.check_entrusted(view, dataset_id, act)
    ways = {
        office.Act.GIVE: lambda: coop.propose_consent(asked.terms(dataset_id, view), why),
        office.Act.RESUME: lambda: coop.propose_resume(dataset_id, why),
        office.Act.DISCHARGE: lambda: coop.propose_discharge(dataset_id, why),
    }
    proposal = ways[act]()
    output.emit(
        {"proposal": assembly.shown(proposal), "dataset": dataset_id, "what": act.value},
        f"Proposal {assembly.shown(proposal)}",
        f"  {naming.plain(why, 500)}",
        f"Next: the co-op's people run `commons coop vote {assembly.shown(proposal)} for` (or against).",
    )


@click.command("list")
@output.json_option
def list_proposals() -> None:
    """List proposals with how the vote stands, and how many people are on the roll."""
    opened = homes.look()
    name, place = assembly.read(assembly.file_of(opened.home))
    coop = opened.desk.coop(place)
    view = coop.view()
    proposals = {key: _proposal(opened, coop, key, found) for key, found in view.proposals.items()}
    rows = [
        [
            *(assembly.short(key), each["state"], each["for"], each["against"], each["abstain"]),
            *("; ".join(each["what"]), naming.plain(each["why"])),
        ]
        for key, each in proposals.items()
    ]
    output.emit(
        {"name": name, "people": [ids.format_id(each) for each in view.people], "proposals": list(proposals.values())},
        f"{naming.plain(name)}: {len(view.people)} people on the roll",
        *output.aligned(["proposal", "state", "for", "against", "abstain", "what", "what for"], rows),
    )


@click.command("vote")
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
    opened, _, coop = assembly.act()
    number = assembly.resolve(coop, proposal)
    if sign_only is None:
        coop.vote(number, SUPPORT[support])
        output.emit(
            {"proposal": assembly.shown(number), "vote": support}, f"Voted {support} on {assembly.short(number)}."
        )
        return
    ballot = coop.ballot(number, SUPPORT[support], ids.Address(opened.registry.address))
    body = ballots.sign(sign_only, opened, ballot, coop.place)
    output.emit(
        {**body, "file": str(sign_only)}, f"{sign_only} holds your vote. Next: `commons coop relay FILE`, by anybody."
    )


@click.command("relay")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def relay(file: pathlib.Path) -> None:
    """Send the signed ballot in FILE for somebody who sends no transactions."""
    from aicommons.protocol import coops

    _, _, coop = assembly.act()
    ballot, signature = ballots.read(file, functools.partial(assembly.resolve, coop), coops.GOVERNOR_NAME)
    coop.vote_by_signature(ballot, signature)
    number = ballot.proposal_id
    voter, support = ids.format_id(ballot.voter), ballots.word(ballot.support)
    output.emit(
        {"proposal": assembly.shown(number), "vote": support, "voter": voter},
        f"{voter} voted {support} on {assembly.short(number)}.",
    )


@click.command("execute")
@click.argument("proposal")
@output.json_option
def execute(proposal: str) -> None:
    """Do what PROPOSAL says, once its vote is over and carried; anybody may."""
    from aicommons.protocol import coops

    opened, _, coop = assembly.act()
    number = assembly.resolve(coop, proposal)
    state = coop.state(number)
    if state is not coops.ProposalState.SUCCEEDED:
        raise errors.InputError(
            "this proposal cannot be carried out now",
            which=assembly.short(number),
            expected="a vote that is over and carried",
            got=state.name.lower(),
            next_step="see `commons coop list`",
        )
    before = opened.desk.view()
    coop.execute(number)
    changed = _changed(before, opened.desk.view())
    output.emit(
        {"proposal": assembly.shown(number), **changed},
        f"Proposal {assembly.short(number)} is carried out.",
        *(f"  consent {each} is given" for each in changed["consents"]),
        *(f"  dataset {each} is in use again" for each in changed["resumed"]),
        *(f"  dataset {each} is its owner's alone again" for each in changed["discharged"]),
    )


def _changed(before: "views.LedgerView", after: "views.LedgerView") -> dict[str, list[Any]]:
    """Return which consents are new, and which datasets came back into use or to their owners."""
    from aicommons.protocol import registry

    pairs = [
        (number, before.datasets[number], now) for number, now in after.datasets.items() if number in before.datasets
    ]
    in_use = registry.DatasetState.LISTED
    return {
        "consents": [ids.format_id(each) for each in after.consents if each not in before.consents],
        "resumed": [number for number, old, now in pairs if old.state is not in_use and now.state is in_use],
        "discharged": [number for number, old, now in pairs if old.body is not None and now.body is None],
    }


def _proposal(opened: homes.Opened, coop: "office.CoopDesk", key: int, found: "coops.ProposalView") -> dict[str, Any]:
    from aicommons.protocol import governance

    names = naming.Names(opened, opened.desk.view())
    return {
        "proposal": assembly.shown(key),
        "what": [effects.whole(each, coop.meaning(each), names) for each in governance.calls(found.created)],
        "data": [ids.format_id(each) for each in found.created.calldatas],
        "why": found.words,
        "state": coop.state(key).name.lower(),
        "proposer": ids.format_id(found.created.proposer),
        **{name: found.count(support) for name, support in SUPPORT.items()},
    }


COMMANDS = (propose, list_proposals, vote, relay, execute)
"""What ``coop`` takes into its group."""
