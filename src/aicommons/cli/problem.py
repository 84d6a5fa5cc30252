"""``commons problem``: state a problem, list problems, show one; reviews are in ``reviewing``, money on them is in ``awards``."""

import dataclasses
import json
import pathlib
from typing import Any

import click

from aicommons.cli import awards, given, homes, matched, naming, output, reviewing, submitting
from aicommons.domain import errors, ids
from aicommons.owner import published


@click.group()
def command() -> None:
    """State a problem, find data for one, put money on it, say who earned it."""


command.add_command(matched.datasets)
for added in (*awards.COMMANDS, *submitting.COMMANDS, *reviewing.COMMANDS):
    command.add_command(added)


@command.command("state")
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@click.option(
    "--days", type=click.IntRange(1, 36500), default=365, show_default=True, help="How long runs may be opened on it."
)
@click.option(
    "--judge",
    type=click.IntRange(1),
    help="Member that says who earned money on it; without one none can be put on it.",
)
@click.option(
    "--commit-days", type=click.IntRange(1, 36500), help="Make it a contest: submissions are fixed in these days."
)
@click.option("--reveal-days", type=click.IntRange(1, 36500), help="Days after those in which submissions are shown.")
@output.json_option
def state(file: pathlib.Path, days: int, **chosen: int | None) -> None:
    """Put the problem in FILE on the ledger.

    FILE is JSON with title, affected, decision, why_ai, sdg_targets (a list such as ["3.4"]), metric (accuracy, auc,
    concordance or r2) and baseline. With purpose (such as "DUO:0000007") and needs (columns as in a plan's schema, minimum_cohort,
    countries) it is told to those whose data fits; it may also say commercial and action_lines (such as "C7.E-health").
    """
    read = given.problem(file)
    opened = homes.act_as_member()
    deadline = naming.from_now(opened.desk.view(), days * naming.DAY)
    judge, contest = chosen["judge"], _contest(opened, chosen["commit_days"], chosen["reveal_days"])
    problem_id = opened.desk.state_problem(read, deadline, judge=judge, contest=contest)
    view = opened.desk.view()
    output.emit(
        {
            "problem": ids.format_id(problem_id),
            "document": ids.format_digest(ids.digest(read.encode())),
            "deadline": deadline,
            "judge": judge,
            "contest": None if contest is None else dict(zip(TIMES, contest, strict=True)),
        },
        f"Problem {ids.format_id(problem_id)}",
        f"  {naming.plain(read.title)}; runs may be opened until {naming.when(deadline)}.",
        *submitting.in_words(contest),
        *reviewing.in_words(opened, naming.Names(opened, view), view.money.problems[problem_id], view.time),
        f"Next: `{output.command(f'problem datasets {naming.short(problem_id)}')}`."
        if read.needs is not None
        else "It does not say which data it needs, so no dataset is proposed.",
    )


TIMES = ("commit_until", "reveal_until")


def _contest(opened: homes.Opened, commit: int | None, reveal: int | None) -> tuple[int, int] | None:
    if commit is None and reveal is None:
        return None
    if commit is None or reveal is None:
        raise errors.InputError(
            "a contest has days to fix submissions and days to show them",
            which="--commit-days, --reveal-days",
            next_step="give both, or neither",
        )
    first = naming.from_now(opened.desk.view(), commit * naming.DAY)
    return first, first + reveal * naming.DAY


@command.command("list")
@output.json_option
def list_problems() -> None:
    """List all problems of the commons."""
    from aicommons.domain import documents

    opened = homes.look()
    view = opened.desk.view()
    names = naming.Names(opened, view)
    listed, rows = [], []
    for problem_id, entry in view.problems.items():
        document = published.find(opened.store, documents.Problem, entry.document)
        title = None if document is None else naming.plain(document.title)
        listed.append(
            {"problem": ids.format_id(problem_id), "title": title, "owner": entry.owner, "deadline": entry.deadline}
        )
        rows.append([naming.short(problem_id), title or "-", names(entry.owner), naming.when(entry.deadline)])
    output.emit({"problems": listed}, *output.aligned(["problem", "title", "owner", "until"], rows))


@command.command("show")
@click.argument("problem")
@output.json_option
def show(problem: str) -> None:
    """Show a problem's statement and the runs on it."""
    from aicommons.domain import documents

    opened = homes.look()
    view = opened.desk.view()
    problem_id = naming.resolve(problem, view.problems, "problem")
    entry = view.problems[problem_id]
    document = published.read(opened.store, documents.Problem, entry.document)
    money = view.money.problems[problem_id]
    now, names = naming.from_now(view, 0), naming.Names(opened, view)
    runs = [ids.format_id(run_id) for run_id, current in view.runs.items() if current.spec.problem == problem_id]
    body = json.loads(json.dumps(dataclasses.asdict(document)))
    output.emit(
        {
            "problem": ids.format_id(problem_id),
            "owner": entry.owner,
            "deadline": entry.deadline,
            **reviewing.described(opened, money, now),
            "judge": entry.judge,
            "contest": submitting.described(money),
            "awards": [awards.described(opened, money, number, now) for number in money.awards],
            "statement": body,
            "runs": runs,
        },
        f"Problem {ids.format_id(problem_id)}",
        f"  stated by {names(entry.owner)}; runs may be opened until {naming.when(entry.deadline)}",
        *reviewing.in_words(opened, names, money, now),
        *(f"  {name.replace('_', ' ')}: {naming.plain(_text(value), 500)}" for name, value in body.items() if value),
        *awards.judge_in_words(names, entry.judge),
        *submitting.in_words(submitting.times(money)),
        *awards.table(opened, money, now),
        *(f"  run {each}" for each in runs),
        *reviewing.next_steps(money, problem_id, now),
    )


def _text(value: object) -> str:
    if isinstance(value, dict) and "columns" in value:
        return _needs(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _needs(needs: dict[str, Any]) -> str:
    features, target = needs["columns"].get("features", []), needs["columns"].get("target", {})
    names = [str(each.get("name")) for each in (*features, target)]
    places = f" from {', '.join(needs['countries'])}" if needs["countries"] else ""
    return f"{', '.join(names)}; at least {needs['minimum_cohort']} rows{places}"
