"""``commons inbox``: what is asked of this home, on the command line: everything that the owner's page offers too.

What waits and what follows from an answer is decided in ``owner/deciding``; this file reads options and prints. Where
operators are named, a name and its PIN (from COMMONS_PIN, else asked) stand for each answer.
"""

import dataclasses
import os
import secrets
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.node import inbox as kept_inbox
    from aicommons.owner import deciding, offers
    from aicommons.protocol import inbox as rules

PIN_VARIABLE = "COMMONS_PIN"


@click.group()
def command() -> None:
    """See what is asked of you: approve, ask back, deny; standing rules."""


def _by(function: output.F) -> output.F:
    """Add the option that says who speaks."""
    return click.option("--by", default="", help="Your name, where operators are named; the PIN comes from COMMONS_PIN, else it is asked.")(function)  # fmt: skip


@command.command("list")
@output.json_option
def list_items() -> None:
    """List what waits for you, with what was denied."""
    clerk, titles = _looking()
    found = [(entry, titles(entry)) for entry in _entries(clerk)]
    rows = [
        [entry.item.key[: entry.item.key.index(":") + 13], title or "-", entry.standing.value, _until(entry)]
        for entry, title in found
    ]
    result = {"items": [_as_json(entry, title) for entry, title in found]}
    output.emit(result, *(output.aligned(["item", "what", "standing", "until"], rows) if rows else ["Nothing waits for you."]))  # fmt: skip


@command.command("show")
@click.argument("item")
@output.json_option
def show(item: str) -> None:
    """Show ITEM: who asks, why, what would be computed, what it costs, and which of your datasets fit.

    Your tables are read for this, here; the numbers of rows are shown to you alone.
    """
    from aicommons.owner import offers
    from aicommons.protocol import inbox as rules

    clerk, titles = _looking()
    entry = _find(clerk, item)
    result = _as_json(entry, titles(entry))
    if entry.item.kind is rules.Kind.ROSTER:
        words = output.command(f"run confirm {ids.short(entry.item.run_id)}")
        output.emit(result, f"Who takes part in run {ids.short(entry.item.run_id)} is to be confirmed: `{words}`.")
        return
    offer = offers.make_offer(clerk.place, clerk.papers, clerk.tables, entry.item.run_id)
    output.emit(result | _offer_as_json(offer), *_offer_in_words(offer))


@command.command("approve")
@click.argument("item")
@click.option("--dataset", type=click.IntRange(1), help="Which of yours to bring, where several fit.")
@click.option("--fingerprint", help="For participants: the fingerprint that the others see.")
@_by
@output.json_option
def approve(item: str, dataset: int | None, fingerprint: str | None, by: str) -> None:
    """Approve ITEM: a run gets your dataset and the narrowest consent for it; participants are confirmed for your node."""
    from aicommons.protocol import inbox as rules

    clerk = _acting()
    entry = _find(clerk, item)
    if entry.item.kind is rules.Kind.ROSTER:
        _check_fingerprint(clerk, entry, fingerprint)
    _say(clerk, entry, rules.Verdict.APPROVE, by=by, dataset_id=dataset)


@command.command("ask")
@click.argument("item")
@click.argument("question")
@_by
@output.json_option
def ask(item: str, question: str, by: str) -> None:
    """Note a QUESTION about ITEM; nothing is approved before somebody says so."""
    from aicommons.protocol import inbox as rules

    clerk = _acting()
    _say(clerk, _find(clerk, item), rules.Verdict.ASK, by=by, reason=question)


@command.command("deny")
@click.argument("item")
@click.argument("reason")
@_by
@output.json_option
def deny(item: str, reason: str, by: str) -> None:
    """Deny ITEM, with a REASON. No standing rule ever approves that plan again."""
    from aicommons.protocol import inbox as rules

    clerk = _acting()
    _say(clerk, _find(clerk, item), rules.Verdict.DENY, by=by, reason=reason)


@command.group("rules")
def rule_group() -> None:
    """Standing answers, by plan, author, recipe and purpose; they never go against a denial."""


@rule_group.command("list")
@output.json_option
def list_rules() -> None:
    """List the standing rules."""
    with _kept() as kept:
        known = kept.standing_rules()
    rows = [[number, rule.verdict.value, _rule_in_words(rule)] for number, rule in known.items()]
    listed = [{"rule": number} | _rule_as_json(rule) for number, rule in known.items()]
    output.emit({"rules": listed}, *(output.aligned(["rule", "answer", "when"], rows) if rows else ["There are none."]))


@rule_group.command("add")
@click.argument("answer", type=click.Choice(["approve", "deny"]))
@click.option("--plan", help="Digest of the only plan.")
@click.option("--author", type=click.IntRange(1), help="Member id of the only solver.")
@click.option("--recipe", help="Name of the only learner, such as glm.")
@click.option("--purpose", help="The only purpose code, such as DUO:0000007.")
@click.option("--dataset", type=click.IntRange(1), help="Which of yours to bring. [default: the only one that fits]")
@click.option("--confirm-participants", is_flag=True, help="Also confirm the participants without asking: what the ledger says about them is then believed.")  # fmt: skip
@_by
@output.json_option
def add_rule(answer: str, plan: str | None, *, by: str, confirm_participants: bool, **given: Any) -> None:
    """Make a standing rule that answers for you. All that you name has to be so.

    Rules answer while the owner's page runs, never in quiet hours, and never in place of a second person.
    """
    from aicommons.protocol import inbox as rules

    rule = rules.Rule(
        verdict=rules.Verdict(answer),
        plan=None if plan is None else bytes(naming.parse_digest(plan)),
        author=given["author"],
        recipe=given["recipe"],
        purpose=given["purpose"],
        dataset_id=given["dataset"],
        confirms=confirm_participants,
    )
    with _kept() as kept:
        by = _speaker(kept, by)
        number = kept.add_rule(rule)
        _note(kept, "rule", f"rule {number}", by)
    output.emit({"rule": number} | _rule_as_json(rule), f"Rule {number}: {answer} {_rule_in_words(rule)}.")


@rule_group.command("remove")
@click.argument("number", type=click.IntRange(1))
@_by
@output.json_option
def remove_rule(number: int, by: str) -> None:
    """Remove the standing rule NUMBER."""
    with _kept() as kept:
        by = _speaker(kept, by)
        kept.remove_rule(number)
        _note(kept, "unrule", f"rule {number}", by)
    output.emit({"rule": number, "removed": True}, f"Rule {number} is removed.")


@command.command("quiet")
@click.argument("begin", required=False)
@click.argument("end", required=False)
@_by
@output.json_option
def quiet(begin: str | None, end: str | None, by: str) -> None:
    """Set quiet hours from BEGIN to END (such as 20:00 07:00), or end them with neither.

    In them no rule approves and no training is begun; times are this machine's.
    """
    from aicommons.protocol import inbox as rules

    if (begin is None) != (end is None):
        raise click.UsageError("give both times, or neither")
    hours = None if begin is None or end is None else rules.QuietHours(rules.minute(begin), rules.minute(end))
    with _kept() as kept:
        by = _speaker(kept, by)
        kept.set_quiet(hours)
        _note(kept, "quiet", "", by, reason=f"{begin or ''} {end or ''}".strip())
    output.emit({"quiet": None if hours is None else [begin, end]}, f"Quiet hours: {begin or 'none'}{f' to {end}' if end else ''}.")  # fmt: skip


@command.command("operators")
@click.option("--add", "added", help="Name somebody who may approve; their PIN comes from COMMONS_NEW_PIN, else it is asked.")  # fmt: skip
@_by
@output.json_option
def operators(added: str | None, by: str) -> None:
    """List who may approve, or name another. With two or more, two persons have to approve."""
    with _kept() as kept:
        if added is not None:
            by = _speaker(kept, by)
            kept.add_operator(added, _pin("COMMONS_NEW_PIN", f"New PIN of {added}"), secrets.token_bytes(16))
            _note(kept, "operators", "", by, reason=f"+ {added}")
        names = kept.house().operators
    output.emit({"operators": list(names)}, *(names or ["Nobody is named: whoever has this home decides."]))


def _looking() -> "tuple[deciding.Clerk, Callable[[deciding.Entry], str]]":
    from aicommons.owner import deciding, progress

    opened = homes.look()
    clerk = deciding.make_clerk(opened)
    view = opened.desk.view()
    return clerk, lambda entry: naming.plain(progress.title_of(clerk.papers.terms(view.runs[entry.item.run_id])))


def _acting() -> "deciding.Clerk":
    from aicommons.owner import deciding

    return deciding.make_clerk(homes.act_as_member())


def _entries(clerk: "deciding.Clerk") -> "tuple[deciding.Entry, ...]":
    from aicommons.owner import deciding

    return deciding.entries(clerk)


def _find(clerk: "deciding.Clerk", text: str) -> "deciding.Entry":
    """Return the entry that ``text`` names: its key, or a unique beginning of it (of the run alone, too)."""
    found = [each for each in _entries(clerk) if text and each.item.key.startswith(text)]
    digits = text.lower().removeprefix("0x")
    if len(digits) >= naming.LEAST_DIGITS:
        found = found or [each for each in _entries(clerk) if each.item.run_id.hex().startswith(digits)]
    if len(found) != 1:
        raise errors.InputError(
            "no such item" if not found else "several items begin so", which=text, next_step="see `commons inbox list`"
        )
    return found[0]


def _say(clerk: "deciding.Clerk", entry: "deciding.Entry", verdict: "rules.Verdict", *, by: str, **said: Any) -> None:
    from aicommons.owner import deciding

    with clerk.inbox() as kept:
        by = _speaker(kept, by)
    standing = deciding.decide(clerk, entry.item.key, deciding.Word(verdict, by=by, **said))
    output.emit(
        {"item": entry.item.key, "verdict": verdict.value, "standing": standing.value},
        f"{entry.item.key[:20]}: {verdict.value}; it stands at: {standing.value}.",
    )


def _check_fingerprint(clerk: "deciding.Clerk", entry: "deciding.Entry", fingerprint: str | None) -> None:
    from aicommons.cli import confirming
    from aicommons.owner import rosters

    seen = rosters.look(clerk.place, entry.item.run_id)
    confirming.agree(seen.roster.roster, fingerprint, yes=False)


def _kept() -> "Any":
    import contextlib

    from aicommons.node import inbox as kept_inbox

    home = homes.home()
    home.settings()
    return contextlib.closing(kept_inbox.Inbox(home.inbox_file))


def _speaker(kept: "kept_inbox.Inbox", by: str) -> str:
    from aicommons.owner import deciding

    pin = _pin(PIN_VARIABLE, f"PIN of {by}") if kept.house().operators else ""
    return deciding.speaker(kept, by, pin)


def _pin(variable: str, words: str) -> str:
    value = os.environ.get(variable)
    if value is not None or not sys.stdin.isatty():
        return value or ""
    return str(click.prompt(words, hide_input=True, err=True))


def _note(kept: "kept_inbox.Inbox", what: str, about: str, by: str, *, reason: str = "") -> None:
    from aicommons.node import inbox as kept_inbox

    kept.note(kept_inbox.Happened(time.time(), what, about, by, reason))


def _until(entry: "deciding.Entry") -> str:
    return "" if entry.item.until is None else naming.when(entry.item.until)


def _as_json(entry: "deciding.Entry", title: str) -> dict[str, Any]:
    said = [dataclasses.asdict(each) | {"verdict": each.verdict.value} for each in entry.said]
    return {
        "item": entry.item.key,
        "kind": entry.item.kind.value,
        "run_id": ids.format_id(entry.item.run_id),
        "title": title,
        "standing": entry.standing.value,
        "until": entry.item.until,
        "said": said,
    }


def _offer_as_json(offer: "offers.Offer") -> dict[str, Any]:
    papers = offer.papers
    return {
        "solver": int(offer.current.spec.solver),
        "problem": None if offer.problem is None else dataclasses.asdict(offer.problem),
        "plan": ids.format_digest(offer.current.spec.plan),
        "recipe": None if papers is None else papers.recipe.name,
        "purpose": None if papers is None else papers.terms.purpose,
        "privacy": None if papers is None else papers.terms.privacy,
        "leaves_site": None if papers is None else papers.plan.leaves_site,
        "most_rounds": offer.current.spec.rounds,
        "datasets": [_fit_as_json(fit) for fit in offer.fits],
    }


def _fit_as_json(fit: "offers.Fit") -> dict[str, Any]:
    return {
        "dataset": fit.dataset_id,
        "title": fit.title,
        "fits": fit.is_fitting,
        "rows": fit.measured.rows,
        "smallest_cell": fit.measured.smallest_cell,
        "trouble": fit.measured.trouble,
        "consent": None if fit.consent_id is None else ids.format_id(fit.consent_id),
    }


def _offer_in_words(offer: "offers.Offer") -> list[str]:
    said = [f"Run {ids.format_id(offer.run_id)}", f"  asked by   {offer.solver}"]
    if offer.problem is not None:
        said += [
            f"  problem    {naming.plain(offer.problem.title)} ({offer.problem_owner})",
            f"  decides    {naming.plain(offer.problem.decision, 200)}",
            f"  affects    {naming.plain(offer.problem.affected, 200)}",
        ]
    papers = offer.papers
    if papers is None:
        return [*said, "  the store does not give plan and terms now; without them nothing can be approved"]
    said += [
        f"  plan       {naming.plain(papers.plan.title)}: {papers.recipe.name}",
        f"  predicts   {naming.plain(papers.recipe.schema.target.name)} from {len(papers.recipe.schema.features)} columns",
        f"  purpose    {naming.plain(papers.terms.purpose)}",
        f"  leaves     {naming.plain(papers.plan.leaves_site, 300)}",
        f"  costs      at most {offer.current.spec.rounds} rounds; epsilon: {naming.plain(papers.terms.privacy)}",
    ]
    for fit in offer.fits:
        cell = "" if fit.measured.smallest_cell is None else f", smallest class {fit.measured.smallest_cell}"
        words = f"{fit.measured.rows} rows{cell}" if fit.is_fitting else f"does not fit: {fit.measured.trouble}"
        said.append(f"  dataset    {fit.dataset_id} {naming.plain(fit.title)}: {words}")
    key = f"run:{offer.run_id.hex()[:12]}"
    return [*said, f"Next: `{output.command(f'inbox approve {key}')}`, `ask {key} QUESTION` or `deny {key} REASON`."]


def _rule_as_json(rule: "rules.Rule") -> dict[str, Any]:
    plan = None if rule.plan is None else ids.format_digest(ids.Digest(rule.plan))
    return dataclasses.asdict(rule) | {"verdict": rule.verdict.value, "plan": plan}


def _rule_in_words(rule: "rules.Rule") -> str:
    named = {
        "plan": None if rule.plan is None else rule.plan.hex()[:12],
        "author": rule.author,
        "recipe": rule.recipe,
        "purpose": rule.purpose,
    }
    words = ", ".join(f"{name} is {value}" for name, value in named.items() if value is not None)
    return f"when {words}" + ("; participants are confirmed too" if rule.confirms else "")
