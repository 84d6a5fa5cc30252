"""``commons inbox``: what is asked of this home, and the answers; the owner's page shows the same items.

What waits and what follows from an answer is decided in ``owner/deciding``; this file reads options and prints. Where
operators are named, a name and its PIN (from COMMONS_PIN, else asked) stand for each answer. Rules, quiet hours and
operators are commands of ``housekeeping``, in the same group.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import homes, housekeeping, naming, offered, output, speaking, waiting
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.owner import deciding
    from aicommons.protocol import inbox as rules


@click.group()
def command() -> None:
    """See what is asked of you: approve, ask back, deny; what newly fits; standing rules."""


@command.command("list")
@click.option("--unlock", is_flag=True, help="Ask for the passphrase, to list children who have come of age too.")
@output.json_option
def list_items(unlock: bool) -> None:
    """List what waits for you, with what was denied, and the runs that your policies stopped.

    Children who have come of age have to be asked; they stand in the register of consents, which your wallet opens.
    """
    from aicommons.owner import progress

    clerk, titles = _looking()
    found = [(entry, titles(entry)) for entry in _entries(clerk)]
    rows = [
        [entry.item.key[: entry.item.key.index(":") + 13], title or "-", entry.standing.value, _until(entry)]
        for entry, title in found
    ]
    stopped = progress.stopped(clerk.place)
    wards = waiting.wards(clerk.place.home, unlock=unlock)
    result = {
        "items": [_as_json(entry, title) for entry, title in found],
        "wards": None if wards is None else [{"dataset": dataset_id, "number": number} for dataset_id, number in wards],
        "not_permitted": {ids.format_id(run_id): said for run_id, said in stopped.items()},
    }
    lines = (
        output.aligned(["item", "what", "standing", "until"], rows)
        if rows
        else []
        if wards
        else ["Nothing waits for you."]
    )
    notices = [f"Run {ids.short(run_id)}: your node puts nothing more into it. {naming.plain(said, 400)}" for run_id, said in stopped.items()]  # fmt: skip
    output.emit(result, *lines, *waiting.wards_in_words(wards), *notices)


@command.command("show")
@click.argument("item")
@output.json_option
def show(item: str) -> None:
    """Show ITEM: who asks, why, what would be computed, what it costs, and which of your datasets fit.

    Your tables are read for this, here; the numbers of rows are shown to you alone. Letters and the
    register of people's consents need your wallet, which opens them.
    """
    from aicommons.owner import deciding, offers, stewarding
    from aicommons.protocol import inbox as rules

    clerk, titles = _looking()
    entry = _find(clerk, item)
    written, letters = _letters(entry)
    result = _as_json(entry, titles(entry)) | ({"letters": written} if letters else {})
    run_id = entry.item.run_id
    if entry.item.wish is not None:
        output.emit(*_wish(clerk, result, entry.item.wish))
    elif entry.item.kind in rules.ANSWERS:
        output.emit(result, *_news_in_words(clerk, entry))
    elif run_id is None:
        key = f"request:{entry.item.request_id}"
        output.emit(
            result,
            *letters,
            f"Next: `{output.command(f'inbox approve {key}')}`, `ask {key} QUESTION` or `deny {key} REASON`.",
        )
    elif entry.item.kind is rules.Kind.ROSTER:
        told, lines = waiting.roster(clerk, run_id)
        output.emit(result | told, *lines)
    else:
        if stewarding.is_kept(clerk.place.home):
            clerk = deciding.make_clerk(
                homes.act()
            )  # whose rows would go in stands in the register, which the wallet opens
        offer = offers.make_offer(clerk.place, clerk.papers, clerk.tables, run_id)
        *said, next_step = offered.in_words(offer)
        output.emit(result | offered.as_json(offer), *said, *letters, next_step)


@command.command("approve")
@click.argument("item")
@click.option("--dataset", "datasets", type=click.IntRange(1), multiple=True, help="Which of yours to bring, where several fit; once for each.")  # fmt: skip
@click.option("--all", "is_all", is_flag=True, help="Bring every dataset of yours that fits.")
@click.option("--fingerprint", help="For participants: the fingerprint that the others see.")
@click.option("--words", default="", help="For whoever wrote to you, and for the log.")
@click.option("--allow-overlap", is_flag=True, help="For participants: accept sites that nearly equal those of an earlier run.")  # fmt: skip
@speaking.by
@output.json_option
def approve(
    item: str,
    datasets: tuple[int, ...],
    *,
    is_all: bool,
    fingerprint: str | None,
    words: str,
    allow_overlap: bool,
    by: str,
) -> None:
    """Approve ITEM: a run gets your datasets, each with the narrowest consent for it; participants are confirmed for your node."""
    from aicommons.protocol import inbox as rules

    clerk = _acting()
    entry = _find(clerk, item)
    if entry.item.kind is rules.Kind.ROSTER:
        _check_fingerprint(clerk, entry, fingerprint)
    if is_all:
        datasets = _all_fitting(clerk, entry, datasets)
    _say(
        clerk, entry, rules.Verdict.APPROVE, by=by, dataset_ids=datasets, reason=words, may_overlap=allow_overlap,
        is_compared=True,
    )  # fmt: skip


@command.command("ask")
@click.argument("item")
@click.argument("question")
@speaking.by
@output.json_option
def ask(item: str, question: str, by: str) -> None:
    """Send a QUESTION about ITEM to whoever wrote to you, sealed; without a letter from them it is only kept here."""
    from aicommons.protocol import inbox as rules

    clerk = _acting()
    _say(clerk, _find(clerk, item), rules.Verdict.ASK, by=by, reason=question)


@command.command("deny")
@click.argument("item")
@click.argument("reason")
@speaking.by
@output.json_option
def deny(item: str, reason: str, by: str) -> None:
    """Deny ITEM, with a REASON. No standing rule ever approves that plan again."""
    from aicommons.protocol import inbox as rules

    clerk = _acting()
    _say(clerk, _find(clerk, item), rules.Verdict.DENY, by=by, reason=reason)


@command.command("dismiss")
@click.argument("item")
@speaking.by
@output.json_option
def dismiss(item: str, by: str) -> None:
    """Put ITEM away, if it only tells you something: a problem or dataset that fits. It never comes back."""
    from aicommons.owner import deciding
    from aicommons.protocol import inbox as rules

    clerk = deciding.make_clerk(homes.look())
    _say(clerk, _find(clerk, item), rules.Verdict.DISMISS, by=by)


for each in housekeeping.COMMANDS:
    command.add_command(each)


def _looking() -> "tuple[deciding.Clerk, Callable[[deciding.Entry], str]]":
    from aicommons.owner import deciding

    opened = homes.look()
    clerk = deciding.make_clerk(opened)
    view = opened.desk.view()
    return clerk, lambda entry: naming.plain(deciding.title(clerk, view, entry.item))


def _news_in_words(clerk: "deciding.Clerk", entry: "deciding.Entry") -> list[str]:
    """Return what an item tells that asks for no permission, with what can be done about it."""
    from aicommons.owner import fits

    item = entry.item
    if item.pair is None:
        member = clerk.place.desk.member_id()
        pending = clerk.place.desk.member(member).recovery
        account = "another account" if pending is None else ids.format_id(pending.account)
        return [
            f"{account} is to act for your membership from {_until(entry)} on, as your guardian or the registrars ask.",
            f"If you did not lose your wallet: `{output.command('member veto')}`.",
        ]
    seen = fits.look(clerk.place, clerk.papers, item.pair)
    problem, dataset = ids.short(item.pair.problem_id), item.pair.dataset_id
    title = "-" if seen.problem is None else naming.plain(seen.problem.title)
    decision = "-" if seen.problem is None else naming.plain(seen.problem.decision, 200)
    return [
        f"Problem {problem}: {title}, stated by {naming.plain(seen.problem_owner)}, until {_until(entry)}",
        f"  decides    {decision}",
        f"Dataset {dataset}: {'-' if seen.card is None else naming.plain(seen.card.title)}, held by {naming.plain(seen.holder)}",
        f"They fit each other. `{output.command(f'problem show {problem}')}`, `dataset show {dataset}`, or `inbox dismiss {item.key[:24]}`.",
    ]


def _wish(clerk: "deciding.Clerk", result: dict[str, Any], number: int) -> tuple[dict[str, Any], str, str, str]:
    """Return what is said of a wish, as JSON and in words."""
    from aicommons.owner import lineage

    wish = lineage.wish(clerk.place, clerk.papers, number)
    told = {"wish": wish.wish.name.lower(), "model": ids.format_id(wish.run_id), "dataset": wish.dataset_id}
    return (
        result | told | {"by": naming.plain(wish.by), "reason": wish.words},
        f"{naming.plain(wish.by)} asks to {wish.wish.name.lower()} the model of run {ids.short(wish.run_id)}: {naming.plain(wish.title)}",
        f"  because   {naming.plain(wish.words or 'no reason can be read', 500)}",
        f"Next: `{output.command(f'inbox approve wish:{number}')}`, or `deny wish:{number} REASON`. It binds nobody.",
    )


def _letters(entry: "deciding.Entry") -> tuple[list[dict[str, Any]], list[str]]:
    """Return what was written about an item, as JSON and in words; the wallet opens it, where anybody wrote."""
    from aicommons.owner import deciding

    if entry.item.request_id is None:
        return [], []
    opened = homes.act()
    found = deciding.letters(deciding.make_clerk(opened, app.reader_secret(opened.signer)), entry)
    if found is None:
        return [], []
    lines = [f"Request {found.request_id} of {naming.plain(found.asker)} for dataset {found.dataset_id} {naming.plain(found.title)}:"]  # fmt: skip
    for each in found.letters:
        who, words = "you" if each.is_ours else "they", each.words or "(cannot be read here and now)"
        lines.append(f"  {naming.when(each.at)}  {who}: {naming.plain(words, 2000)}")
    return [{"at": each.at, "is_ours": each.is_ours, "words": each.words} for each in found.letters], lines


def _acting() -> "deciding.Clerk":
    from aicommons.owner import deciding

    return deciding.make_clerk(homes.act_as_member())


def _entries(clerk: "deciding.Clerk") -> "tuple[deciding.Entry, ...]":
    from aicommons.owner import deciding

    return deciding.entries(clerk)


def _find(clerk: "deciding.Clerk", text: str) -> "deciding.Entry":
    """Return the entry that ``text`` names: its key, or a unique beginning of it (of the run alone, too)."""
    begun = [each for each in _entries(clerk) if text and each.item.key.startswith(text)]
    found = [each for each in begun if each.item.key == text] or begun
    digits = text.lower().removeprefix("0x")
    if len(digits) >= naming.LEAST_DIGITS:
        found = found or [each for each in _entries(clerk) if (each.item.run_id or b"").hex().startswith(digits)]
    if len(found) != 1:
        raise errors.InputError(
            "no such item" if not found else "several items begin so", which=text, next_step="see `commons inbox list`"
        )
    return found[0]


def _say(clerk: "deciding.Clerk", entry: "deciding.Entry", verdict: "rules.Verdict", *, by: str, **said: Any) -> None:
    from aicommons.owner import deciding

    with clerk.inbox() as kept:
        by = speaking.speaker(kept, by)
    standing = deciding.decide(clerk, entry.item.key, deciding.Word(verdict, by=by, **said))
    output.emit(
        {"item": entry.item.key, "verdict": verdict.value, "standing": standing.value},
        f"{entry.item.key[:20]}: {verdict.value}; it stands at: {standing.value}.",
        *_next(entry.item, standing),
    )


def _all_fitting(clerk: "deciding.Clerk", entry: "deciding.Entry", named: tuple[int, ...]) -> tuple[int, ...]:
    from aicommons.owner import offers
    from aicommons.protocol import inbox as rules

    if named or entry.item.kind is not rules.Kind.RUN or entry.item.run_id is None:
        raise click.UsageError("--all is for a run that asks for data, and instead of --dataset")
    offer = offers.make_offer(clerk.place, clerk.papers, clerk.tables, entry.item.run_id)
    return tuple(each.dataset_id for each in offer.fitting)


def _next(item: "rules.Item", standing: "rules.Standing") -> list[str]:
    """Return what comes after a word that was said, where something does."""
    from aicommons.protocol import inbox as rules

    if standing is rules.Standing.SECOND:
        return [f"Next: another person agrees: `{output.command(f'inbox approve {item.key[:20]} --by NAME')}`."]
    if standing is not rules.Standing.APPROVED or item.run_id is None:
        return []
    watching = output.command(f"run watch {ids.short(item.run_id)}")
    if item.kind is rules.Kind.ROSTER:
        return [f"Next: your node does the rest while it runs (`{output.command('up')}`); follow it: `{watching}`."]
    listing = output.command("inbox list")
    return [
        f"Next: once enrolment is closed, the participants wait for your yes: `{listing}`. Follow it: `{watching}`."
    ]


def _check_fingerprint(clerk: "deciding.Clerk", entry: "deciding.Entry", fingerprint: str | None) -> None:
    from aicommons.cli import confirming
    from aicommons.owner import rosters

    seen = rosters.look(clerk.place, ids.RunId(entry.item.run_id or b""))
    confirming.agree(seen.roster.roster, fingerprint, yes=False)


def _until(entry: "deciding.Entry") -> str:
    return "" if entry.item.until is None else naming.when(entry.item.until)


def _as_json(entry: "deciding.Entry", title: str) -> dict[str, Any]:
    said = [dataclasses.asdict(each) | {"verdict": each.verdict.value} for each in entry.said]
    return {
        "item": entry.item.key,
        "kind": entry.item.kind.value,
        "run_id": None if entry.item.run_id is None else ids.format_id(entry.item.run_id),
        "request": entry.item.request_id,
        "problem": None if entry.item.pair is None else ids.format_id(entry.item.pair.problem_id),
        "dataset": None if entry.item.pair is None else entry.item.pair.dataset_id,
        "title": title,
        "standing": entry.standing.value,
        "until": entry.item.until,
        "said": said,
    }
