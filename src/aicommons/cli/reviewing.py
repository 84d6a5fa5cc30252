"""``commons problem send-back``, ``amend`` and ``close``; and where a problem stands, with what can be done next and by whom.

Added to the noun ``problem``. Whether there is a review, and how long, is the members' vote; without one a problem is open at
once and cannot be sent back.
"""

import pathlib
from typing import TYPE_CHECKING

import click

from aicommons.cli import given, homes, naming, output
from aicommons.domain import errors, ids
from aicommons.owner import published

if TYPE_CHECKING:
    from aicommons.protocol import money as moneys

problem_argument = click.argument("problem")


@click.command("send-back")
@problem_argument
@click.option("--reason", required=True, help="What its owner has to change; everybody can read it.")
@output.json_option
def send_back(problem: str, reason: str) -> None:
    """Send PROBLEM back to its owner while it is reviewed, as one of the ethics board."""
    if not reason.strip():
        raise errors.InputError("a reason is missing", which="--reason", expected="a sentence")
    opened, problem_id = _open(problem)
    _say(opened, problem_id, opened.desk.money.send_back(problem_id, reason.strip()))


@click.command("amend")
@problem_argument
@click.argument("file", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@output.json_option
def amend(problem: str, file: pathlib.Path) -> None:
    """Put the statement in FILE in place of PROBLEM's, which was sent back to you; it is reviewed anew.

    FILE is as for `commons problem state`. Purpose, judge and times stay.
    """
    read = given.problem(file)
    opened, problem_id = _open(problem)
    _say(opened, problem_id, opened.desk.money.amend(problem_id, read))


@click.command("close")
@problem_argument
@output.json_option
def close(problem: str) -> None:
    """Let no further run be opened on PROBLEM, which is yours, for good; runs and awards that are there go on."""
    opened, problem_id = _open(problem)
    _say(opened, problem_id, opened.desk.money.close(problem_id))


COMMANDS = (send_back, amend, close)


def described(opened: homes.Opened, problem: "moneys.ProblemView", now: int) -> dict[str, object]:
    """Return where a problem stands as JSON has it."""
    back = problem.sent_back
    return {
        "state": problem.state(now).name.lower(),
        "review_until": problem.stated.review_until,
        "sent_back": None if back is None else {"by": back.member_id, "reason": reason(opened, back.reason)},
    }


def in_words(opened: homes.Opened, names: naming.Names, problem: "moneys.ProblemView", now: int) -> list[str]:
    """Return where a problem stands, in words."""
    from aicommons.protocol import money as moneys

    match problem.state(now):
        case moneys.ProblemState.REVIEW:
            return [f"  in review; it opens by itself at {naming.when(problem.stated.review_until)}"]
        case moneys.ProblemState.CLOSED:
            return ["  closed by its owner; runs and awards that are there go on"]
        case moneys.ProblemState.OPEN:
            over = now >= problem.stated.deadline
            return ["  open, but its time for new runs is over" if over else "  open"]
    back = problem.sent_back
    if back is None:
        return []
    words = reason(opened, back.reason)
    return [f"  sent back by {names(back.member_id)}: {words or 'the reason cannot be read now'}"]


def next_steps(problem: "moneys.ProblemView", problem_id: bytes, now: int) -> list[str]:
    """Return what can be done about a problem itself now, and by whom."""
    from aicommons.protocol import money as moneys

    short, steps = naming.short(problem_id), []
    match problem.state(now):
        case moneys.ProblemState.REVIEW:
            steps = [("the ethics board, until it opens", f"problem send-back {short} --reason WHY")]
        case moneys.ProblemState.DRAFT:
            steps = [("its owner", f"problem amend {short} FILE")]
        case moneys.ProblemState.OPEN:
            if now < problem.stated.deadline:
                steps = [("any member", f"run open --problem {short} --plan PLAN --purpose CODE")]
                if problem.stated.judge is not None:
                    steps.append(("any member but its judge", f"problem fund {short} AMOUNT@DAYS"))
            steps.append(("its owner", f"problem close {short}"))
    return [f"Next, for {who}: `{output.command(what)}`." for who, what in steps]


def reason(opened: homes.Opened, digest: bytes) -> str | None:
    """Return the words of a reason on one line, ``None`` when they cannot be had now."""
    from aicommons.domain import letters

    found = published.find(opened.store, letters.Reason, digest)
    return None if found is None else naming.plain(found.words, 500)


def _open(problem: str) -> tuple[homes.Opened, bytes]:
    opened = homes.act_as_member()
    return opened, naming.resolve(problem, opened.desk.view().problems, "problem")


def _say(opened: homes.Opened, problem_id: bytes, problem: "moneys.ProblemView") -> None:
    view = opened.desk.view()
    now = naming.from_now(view, 0)
    output.emit(
        {
            "problem": ids.format_id(problem_id),
            "document": ids.format_digest(problem.stated.document),
            **described(opened, problem, now),
        },
        f"Problem {naming.short(problem_id)}:",
        *in_words(opened, naming.Names(opened, view), problem, now),
        *next_steps(problem, problem_id, now),
    )
