"""``commons vote``: the members decide together: propose, see what it would do, vote, queue, execute.

One member, one vote. What may be proposed is in ``acts``, what a proposal would do is said by ``effects``; co-ops vote among
themselves in ``coop``, and then with one voice here.
"""

import dataclasses
import functools
import pathlib
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import acts as options
from aicommons.cli import assembly, ballots, effects, homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.protocol import coops, governance
    from aicommons.protocol import view as views

LONGEST_TITLE = 120
LONGEST_REASON = 4000
OVER = {
    "executed": ("What it did:", "done"),
    "canceled": ("What it would have done:", "not tried: who proposed it took it back"),
    "defeated": ("What it would have done:", "not tried: the members did not carry it"),
}
"""State of a proposal that changes nothing any more -> how its calls are headed, and what is said instead of trying them."""


@click.group()
def command() -> None:
    """Decide as members: propose, see what it would do, vote, execute."""


@command.command("propose")
@click.option("--title", required=True, help="What it is about, on one line.")
@click.option("--reason", required=True, help="Why, in words that everybody understands.")
@options.options
@output.json_option
def propose(title: str, reason: str, acts: options.Acts) -> None:
    """Propose to the members what the options say; several are done together or not at all."""
    for which, text, most in (("--title", title, LONGEST_TITLE), ("--reason", reason, LONGEST_REASON)):
        if not text.strip() or len(text) > most:
            raise errors.InputError("a proposal needs its words", which=which, expected=f"1 to {most} characters")
    if "\n" in title:
        raise errors.InputError("a title is one line", which="--title")
    opened = homes.act_as_member()
    desk, view = opened.desk.votes, opened.desk.view()
    calls = acts.calls(desk, view)
    number = desk.propose(calls, title.strip(), reason.strip())
    view = opened.desk.view()
    created = view.votes.proposals[number].created
    said = [effects.say(desk.trial(call), naming.Names(opened, view)) for call in calls]
    shown = assembly.shown(number)
    output.emit(
        {"proposal": shown, "acts": [each.as_json() for each in said], **_times(created.vote_start, created.vote_end)},
        f"Proposal {shown}: {naming.plain(title)}",
        *(line for place, each in enumerate(said, start=1) for line in each.lines(place)),
        f"  The vote is open from {naming.when(created.vote_start)} to {naming.when(created.vote_end)}.",
        f"Next, then: `{output.command(f'vote cast {assembly.short(number)} for')}` (or against, or abstain), by every member.",
    )


@command.command("list")
@output.json_option
def list_proposals() -> None:
    """List proposals with how the vote stands."""
    opened = homes.look()
    view = opened.desk.view()
    now = opened.desk.votes.now()
    found = {number: _summary(view, number, now) for number in view.votes.proposals}
    columns = ("state", "for", "against", "abstain", "quorum", "title")
    rows = [[assembly.short(number), *(each[name] for name in columns)] for number, each in found.items()]
    output.emit(
        {"proposals": list(found.values())},
        *output.aligned(["proposal", "state", "for", "against", "abstain", "needed", "title"], rows),
    )


@command.command("show")
@click.argument("proposal")
@output.json_option
def show(proposal: str) -> None:
    """Show PROPOSAL: what it would do, tried on the ledger as it is now; who voted how; what comes next."""
    opened = homes.look()
    view = opened.desk.view()
    number = assembly.resolve_members(view, proposal)
    found, names = view.votes.proposals[number], naming.Names(opened, view)
    desk = opened.desk.votes
    summary = _summary(view, number, desk.now())
    heading, ended = OVER.get(summary["state"], ("What it would do:", None))
    said = [effects.say(each, names) for each in desk.try_out(found)]
    if ended is not None:
        said = [dataclasses.replace(each, before=None, after=None, outcome=ended) for each in said]
    cast = _votes(found, view)
    voters = [f"  {_voter(each, names)}: {each['vote']}{_because(each['reason'])}" for each in cast]
    output.emit(
        {**summary, "reason": found.reason, "acts": [each.as_json() for each in said], "votes": cast},
        f"{naming.plain(found.title)} ({summary['proposal']})",
        f"  proposed by {_voter(summary, names)}",
        f"  state     {summary['state']}",
        f"  votes     {summary['for']} for, {summary['against']} against, {summary['abstain']} abstain;"
        f" {summary['quorum']} have to be for it or abstain",
        f"  open      {naming.when(summary['opens'])} to {naming.when(summary['closes'])}",
        heading,
        *(line for place, each in enumerate(said, start=1) for line in each.lines(place)),
        "Why, in the words of who proposed it:",
        *(f"  {naming.plain(line, 200)}" for line in found.reason.splitlines()),
        *(["Votes:", *voters] if voters else []),
        _next(assembly.short(number), summary),
    )


@command.command("cast")
@click.argument("proposal")
@click.argument("support", type=click.Choice(list(ballots.SUPPORT)))
@click.option("--reason", default="", help="Why, for everybody to read.")
@click.option(
    "--sign-only",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="Write a signed ballot to this new file, for somebody else to send, instead of voting now.",
)
@output.json_option
def cast(proposal: str, support: str, reason: str, sign_only: pathlib.Path | None) -> None:
    """Vote on PROPOSAL as this home's member."""
    if reason and sign_only is not None:
        raise click.UsageError("a signed ballot carries no reason: leave out --reason or --sign-only")
    opened = homes.act_as_member()
    number, desk = assembly.resolve_members(opened.desk.view(), proposal), opened.desk.votes
    if sign_only is None:
        desk.vote(number, ballots.SUPPORT[support], reason)
        output.emit(
            {"proposal": assembly.shown(number), "vote": support}, f"Voted {support} on {assembly.short(number)}."
        )
        return
    ballot = desk.ballot(number, ballots.SUPPORT[support], ids.Address(opened.registry.address))
    body = ballots.sign(sign_only, opened, ballot, desk.place)
    output.emit(
        {**body, "file": str(sign_only)}, f"{sign_only} holds your vote. Next: `commons vote relay FILE`, by anybody."
    )


@command.command("relay")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def relay(file: pathlib.Path) -> None:
    """Send the signed ballot in FILE for a member that sends no transactions."""
    from aicommons.protocol import governance

    opened = homes.act()
    resolve = functools.partial(assembly.resolve_members, opened.desk.view())
    ballot, signature = ballots.read(file, resolve, governance.GOVERNOR_NAME)
    opened.desk.votes.vote_by_signature(ballot, signature)
    number, voter, support = ballot.proposal_id, ids.format_id(ballot.voter), ballots.word(ballot.support)
    output.emit(
        {"proposal": assembly.shown(number), "vote": support, "voter": voter},
        f"{voter} voted {support} on {assembly.short(number)}.",
    )


@command.command("queue")
@click.argument("proposal")
@output.json_option
def queue(proposal: str) -> None:
    """Bring PROPOSAL on its way once its vote is over and carried; anybody may."""
    from aicommons.protocol import coops

    opened, number, found = _carried(proposal, coops.ProposalState.SUCCEEDED)
    opened.desk.votes.queue(found)
    queued = opened.desk.view().votes.proposals[number].queued
    since = 0 if queued is None else queued.eta_seconds
    output.emit(
        {"proposal": assembly.shown(number), "executable_at": since},
        f"Proposal {assembly.short(number)} waits until {naming.when(since)}.",
        f"Next, then: `{output.command(f'vote execute {assembly.short(number)}')}`, by anybody.",
    )


@command.command("execute")
@click.argument("proposal")
@output.json_option
def execute(proposal: str) -> None:
    """Do what PROPOSAL says, once it was queued and has waited; anybody may."""
    from aicommons.protocol import coops

    opened, number, found = _carried(proposal, coops.ProposalState.QUEUED)
    desk, names = opened.desk.votes, naming.Names(opened, opened.desk.view())
    said = [effects.say(each, names).words for each in desk.try_out(found)]
    desk.execute(found)
    output.emit(
        {"proposal": assembly.shown(number), "done": said},
        f"Proposal {assembly.short(number)} is carried out:",
        *(f"  {each}" for each in said),
    )


@command.command("cancel")
@click.argument("proposal")
@output.json_option
def cancel(proposal: str) -> None:
    """Take back a PROPOSAL of your own, before its vote opens."""
    from aicommons.protocol import coops

    opened, number, found = _carried(proposal, coops.ProposalState.PENDING)
    opened.desk.votes.cancel(found)
    output.emit({"proposal": assembly.shown(number)}, f"Proposal {assembly.short(number)} is taken back.")


def _carried(text: str, needed: "coops.ProposalState") -> "tuple[homes.Opened, int, governance.ProposalView]":
    """Return this home opened for acting, and a proposal that stands where it is needed."""
    opened = homes.act()
    view = opened.desk.view()
    number = assembly.resolve_members(view, text)
    state = view.proposal_state(number, opened.desk.votes.now())
    if state is not needed:
        raise errors.InputError(
            "this proposal stands elsewhere",
            which=assembly.short(number),
            expected=needed.name.lower(),
            got=state.name.lower(),
            next_step=f"see `commons vote show {assembly.short(number)}`",
        )
    return opened, number, view.votes.proposals[number]


def _summary(view: "views.LedgerView", number: int, now: int) -> dict[str, Any]:
    found = view.votes.proposals[number]
    counts = {word: found.count(support) for word, support in ballots.SUPPORT.items()}
    return {
        "proposal": assembly.shown(number),
        "title": naming.plain(found.title),
        "state": view.proposal_state(number, now).name.lower(),
        "account": ids.format_id(found.created.proposer),
        "member": view.member_of_account(found.created.proposer),
        **counts,
        "quorum": view.quorum(number),
        **_times(found.created.vote_start, found.created.vote_end),
        "executable_at": None if found.queued is None else found.queued.eta_seconds,
    }


def _times(opens: int, closes: int) -> dict[str, int]:
    return {"opens": opens, "closes": closes}


def _votes(found: "governance.ProposalView", view: "views.LedgerView") -> list[dict[str, Any]]:
    return [
        {
            "account": ids.format_id(account),
            "member": view.member_of_account(account),
            "vote": ballots.word(vote.support),
            "reason": naming.plain(vote.reason, 200),
        }
        for account, vote in found.votes.items()
        if vote.weight
    ]


def _voter(said: dict[str, Any], names: naming.Names) -> str:
    return str(said["account"]) if said["member"] is None else names(said["member"])


def _because(reason: str) -> str:
    return f", because: {reason}" if reason else ""


def _next(name: str, summary: dict[str, Any]) -> str:
    """Return what comes next for a proposal."""
    ready = summary["executable_at"]
    steps = {
        "pending": f"Next: the vote opens at {naming.when(summary['opens'])}.",
        "active": f"Next: `{output.command(f'vote cast {name} for')}` (or against, or abstain).",
        "succeeded": f"Next: `{output.command(f'vote queue {name}')}`, by anybody.",
        "queued": f"Next, from {naming.when(ready or 0)} on: `{output.command(f'vote execute {name}')}`, by anybody.",
        "executed": "It is carried out.",
        "defeated": "It was not carried: nothing is done.",
        "canceled": "Who proposed it took it back.",
    }
    return steps.get(summary["state"], "")
