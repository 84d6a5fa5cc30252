"""``commons request``: ask for somebody's dataset before it is used, and read what its owner says.

Words are sealed to the other side; the ledger shows that somebody asked and what was answered, never what was written.
Owners answer in their inbox. An approval is a word: only a consent permits a use.
"""

import os
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import homes, listed, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aicommons.protocol import permissions


@click.group()
def command() -> None:
    """Ask for somebody's dataset, and read the answer."""


@command.command("ask")
@click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
@click.argument("words")
@click.option("--run", "run_text", help="Run that it is for. [default: none yet]")
@output.json_option
def ask(dataset_id: int, words: str, run_text: str | None) -> None:
    """Ask the owner of DATASET, in WORDS that only they can read."""
    opened = homes.act_as_member()
    view = opened.desk.view()
    owner = listed.find(view, dataset_id).owner
    run_id = None if run_text is None else naming.choose_run(opened, run_text).run_id
    request_id = opened.desk.ask(dataset_id, _sealed(opened, int(owner), words), run_id)
    output.emit(
        {"request": request_id, "dataset": dataset_id},
        f"Request {request_id} for dataset {dataset_id} is with its owner.",
        f"Next: `{output.command(f'request show {request_id}')}` shows the answer.",
    )


def ask_holders(
    opened: homes.Opened, holders: "Mapping[int, ids.MemberId]", words: str, run_id: ids.RunId
) -> tuple[dict[int, int], list[int]]:
    """Ask for datasets of other members, for a run.

    Args:
        opened: the home that asks.
        holders: dataset -> who holds it.
        words: for the holders alone.
        run_id: what it is for.

    Returns:
        Dataset -> request, and the datasets whose holder has no key that a letter could be sealed to.
    """
    own, asked, unasked = opened.desk.member_id(), {}, []
    for dataset_id, holder in holders.items():
        if holder == own:
            continue
        try:
            sealed = _sealed(opened, int(holder), words)
        except errors.InputError:
            unasked.append(dataset_id)
            continue
        asked[dataset_id] = opened.desk.ask(dataset_id, sealed, run_id)
    return asked, unasked


@command.command("reply")
@click.argument("request_id", metavar="REQUEST", type=click.IntRange(1))
@click.argument("words")
@output.json_option
def reply(request_id: int, words: str) -> None:
    """Answer the question that the owner asked back."""
    opened = homes.act_as_member()
    request = _find(opened, request_id)
    owner = listed.find(opened.desk.view(), request.asked.dataset_id).owner
    opened.desk.reply(request_id, _sealed(opened, int(owner), words))
    output.emit({"request": request_id, "state": "open"}, f"Your reply to request {request_id} is with the owner.")


@command.command("withdraw")
@click.argument("request_id", metavar="REQUEST", type=click.IntRange(1))
@output.json_option
def withdraw(request_id: int) -> None:
    """Take a request of yours back that was not decided."""
    opened = homes.act_as_member()
    opened.desk.withdraw_request(request_id)
    output.emit({"request": request_id, "state": "withdrawn"}, f"Request {request_id} is taken back.")


@command.command("show")
@click.argument("request_id", metavar="REQUEST", type=click.IntRange(1))
@output.json_option
def show(request_id: int) -> None:
    """Show where REQUEST stands, with the letters that were sealed to you."""
    opened = homes.act()
    request = _find(opened, request_id)
    secret = app.reader_secret(opened.signer)
    letters: list[dict[str, Any]] = []
    for turn in (request.asked, *request.turns):
        document = getattr(turn, "document", bytes(32))
        letters.append({"at": turn.at.time, "kind": _kind(turn), "words": _open(opened, document, secret)})
    lines = [
        f"  {naming.when(each['at'])}  {each['kind']}: {each['words'] or '(not sealed to you)'}" for each in letters
    ]
    state = request.state.name.lower().replace("_", " ")
    result = {"request": request_id, "dataset": request.asked.dataset_id, "state": request.state.name.lower()}
    output.emit(
        result | {"letters": letters}, f"Request {request_id} for dataset {request.asked.dataset_id}: {state}", *lines
    )


@command.command("list")
@output.json_option
def list_requests() -> None:
    """List the requests of the commons; who asked for what is public, the words are not."""
    opened = homes.look()
    view = opened.desk.view()
    names = naming.Names(opened, view)
    listed = [
        {
            "request": number,
            "dataset": request.asked.dataset_id,
            "asker": int(request.asked.asker),
            "run_id": ids.format_id(request.asked.for_run) if any(request.asked.for_run) else None,
            "state": request.state.name.lower(),
        }
        for number, request in view.requests.items()
    ]
    rows = [[each["request"], each["dataset"], names(int(str(each["asker"]))), each["state"]] for each in listed]
    output.emit({"requests": listed}, *output.aligned(["request", "dataset", "asker", "state"], rows))


def _find(opened: homes.Opened, request_id: int) -> "permissions.RequestView":
    found = opened.desk.view().requests.get(request_id)
    if found is None:
        raise errors.InputError(
            "no such request", which=f"request {request_id}", next_step="see `commons request list`"
        )
    return found


def _sealed(opened: homes.Opened, member: int, words: str) -> bytes:
    from aicommons.domain import letters
    from aicommons.node import letters as sealing

    point = opened.desk.view().members[member].reader_point
    return sealing.seal(letters.Letter(words), point, os.urandom)


def _open(opened: homes.Opened, document: bytes, secret: bytes) -> str | None:
    from aicommons.node import letters as sealing

    if not any(document):
        return None
    try:
        return sealing.open_sealed(opened.store.get(ids.Digest(document), sealing.LONGEST), secret).words
    except (errors.DecodeError, errors.BlobNotFound):
        return None


def _kind(turn: Any) -> str:
    from aicommons.domain import events

    if isinstance(turn, events.RequestAnswered):
        return turn.answer.name.lower().replace("_", " ")
    return "reply" if isinstance(turn, events.RequestReplied) else "request"
