"""How a home decides: standing rules, quiet hours and who may approve. Commands of ``commons inbox``.

What follows from them is decided in ``protocol/inbox``; this file reads options and prints.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import naming, output, speaking
from aicommons.domain import ids

if TYPE_CHECKING:
    from aicommons.protocol import inbox as rules


@click.group("rules")
def rule_group() -> None:
    """Standing answers, by plan, author, recipe and purpose; they never go against a denial."""


@rule_group.command("list")
@output.json_option
def list_rules() -> None:
    """List the standing rules."""
    with speaking.kept() as kept:
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
@speaking.by
@output.json_option
def add_rule(answer: str, plan: str | None, *, by: str, confirm_participants: bool, **given: Any) -> None:
    """Make a standing rule that answers for you. All that you name has to be so.

    A rule approves while the owner's page runs, never in quiet hours, and never in place of a second person; it denies while
    the page or the node runs.
    """
    from aicommons.owner import operators
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
    with speaking.kept() as kept:
        by = speaking.speaker(kept, by)
        number = operators.add_rule(kept, rule, by=by)
    output.emit({"rule": number} | _rule_as_json(rule), f"Rule {number}: {answer} {_rule_in_words(rule)}.")


@rule_group.command("remove")
@click.argument("number", type=click.IntRange(1))
@speaking.by
@output.json_option
def remove_rule(number: int, by: str) -> None:
    """Remove the standing rule NUMBER."""
    from aicommons.owner import operators

    with speaking.kept() as kept:
        operators.remove_rule(kept, number, by=speaking.speaker(kept, by))
    output.emit({"rule": number, "removed": True}, f"Rule {number} is removed.")


@click.command("quiet")
@click.argument("begin", required=False)
@click.argument("end", required=False)
@click.option("--end", "is_over", is_flag=True, help="Have no quiet hours any more.")
@speaking.by
@output.json_option
def quiet(begin: str | None, end: str | None, *, is_over: bool, by: str) -> None:
    """Show the quiet hours, or set them from BEGIN to END (such as 20:00 07:00).

    In them no rule approves and no training is begun; times are this machine's.
    """
    from aicommons.owner import operators
    from aicommons.protocol import inbox as rules

    if (begin is None) != (end is None):
        raise click.UsageError("give both times, or neither")
    if is_over and begin is not None:
        raise click.UsageError("--end stands alone")
    with speaking.kept() as kept:
        if begin is not None and end is not None:
            hours = rules.QuietHours(rules.minute(begin), rules.minute(end))
            operators.set_quiet(kept, hours, by=speaking.speaker(kept, by))
        elif is_over:
            operators.set_quiet(kept, None, by=speaking.speaker(kept, by))
        now = kept.house().quiet
    shown = None if now is None else now.text.split()
    output.emit({"quiet": shown}, f"Quiet hours: {'none' if shown is None else ' to '.join(shown)}.")


@click.command("operators")
@click.option("--add", "added", help="Name somebody who may approve; their PIN comes from COMMONS_NEW_PIN, else it is asked.")  # fmt: skip
@click.option("--remove", "removed", help="Take a name away.")
@click.option("--second", default="", help="Who else agrees, where two approve; the PIN comes from COMMONS_SECOND_PIN, else it is asked.")  # fmt: skip
@speaking.by
@output.json_option
def list_operators(added: str | None, removed: str | None, *, second: str, by: str) -> None:
    """List who may approve, name another, or take a name away.

    With two or more, two persons have to approve, and two have to agree on a new name or one less.
    """
    from aicommons.owner import operators

    if added is not None and removed is not None:
        raise click.UsageError("give one of --add and --remove")
    with speaking.kept() as kept:
        if added is not None:
            by, other = speaking.speaker(kept, by), speaking.second(kept, second)
            named = operators.Person(added, speaking.pin(speaking.NEW_PIN_VARIABLE, f"New PIN of {added}"))
            operators.add(kept, named, by=by, second=other)
        if removed is not None:
            by, other = speaking.speaker(kept, by), speaking.second(kept, second)
            operators.remove(kept, removed, by=by, second=other)
        names = kept.house().operators
    output.emit({"operators": list(names)}, *(names or ["Nobody is named: whoever has this home decides."]))


COMMANDS: tuple[click.Command, ...] = (rule_group, quiet, list_operators)


def _rule_as_json(rule: "rules.Rule") -> dict[str, Any]:
    plan = None if rule.plan is None else ids.format_digest(ids.Digest(rule.plan))
    return dataclasses.asdict(rule) | {"verdict": rule.verdict.value, "plan": plan}


def _rule_in_words(rule: "rules.Rule") -> str:
    named = {
        "plan": None if rule.plan is None else rule.plan.hex()[:12],
        "author": rule.author,
        "recipe": rule.recipe,
        "purpose": rule.purpose,
        "the dataset brought": rule.dataset_id,
    }
    words = ", ".join(f"{name} is {value}" for name, value in named.items() if value is not None)
    return f"when {words}" + ("; participants are confirmed too" if rule.confirms else "")
