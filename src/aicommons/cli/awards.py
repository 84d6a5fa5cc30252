"""``commons problem fund`` and what follows: accept, reject, challenge, settle, resolve, refund.

Added to the noun ``problem``. Each command says where the award stands afterwards, until when, and what anybody can do
next; amounts are in plain units of the token, which are asked of the token itself.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from aicommons.cli import assembly, homes, naming, output, reviewing, tokens
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import money as moneys

DAYS = 90
"""Days until a milestone is due that names none."""
OUTCOMES = {"pay": True, "give-back": False}
"""How the members can resolve a challenged award -> whether it is paid."""
award_argument = click.argument("award", type=click.IntRange(0))


@click.command("fund")
@click.argument("problem")
@click.argument("milestones", nargs=-1, required=True, metavar="AMOUNT[@DAYS]...")
@tokens.option
@output.json_option
def fund(problem: str, milestones: tuple[str, ...], token: str | None) -> None:
    """Put money from your credit in the vault onto PROBLEM, one award for each AMOUNT.

    AMOUNT is in plain units, such as 250 or 12.50. The judge may say who earned it for DAYS days (90 if you name none);
    what nobody earned by then comes back to you.
    """
    opened = homes.act_as_member()
    problem_id = naming.resolve(problem, opened.desk.view().problems, "problem")
    kind = tokens.chosen(opened, token)
    wanted = [_milestone(opened, kind, text) for text in milestones]
    total = sum(each.amount for each in wanted)
    opened.desk.money.check_credit(kind, total)
    made = opened.desk.money.fund(problem_id, wanted, kind.address)
    known, now = opened.desk.money.problem(problem_id), naming.from_now(opened.desk.view(), 0)
    output.emit(
        {
            "problem": ids.format_id(problem_id),
            "awards": [described(opened, known, number, now) for number in made],
        },
        f"{kind.show(total)} on problem {naming.short(problem_id)}, in {len(made)} award(s):",
        *table(opened, known, now, only=made),
        f"Next, for the judge: `{output.command(f'problem accept {naming.short(problem_id)} {made[0]} MEMBER')}`.",
    )


@click.command("accept")
@click.argument("problem")
@award_argument
@click.argument("member", type=click.IntRange(1))
@output.json_option
def accept(problem: str, award: int, member: int) -> None:
    """Say, as PROBLEM's judge, that MEMBER earned AWARD; it can be challenged for some days."""
    opened, problem_id = _open(problem)
    _say(opened, problem_id, award, opened.desk.money.accept(problem_id, award, member))


@click.command("reject")
@click.argument("problem")
@award_argument
@output.json_option
def reject(problem: str, award: int) -> None:
    """Say, as PROBLEM's judge, that nobody earned AWARD: the money goes back to who put it there."""
    opened, problem_id = _open(problem)
    judge = opened.desk.money.problem(problem_id).stated.judge
    if judge != opened.desk.member_id():
        raise errors.InputError(
            "only the problem's judge rejects",
            which=f"problem {naming.short(problem_id)}",
            expected="a judge; this problem has none" if judge is None else f"member {judge}",
            next_step=f"once the award is due: `commons problem refund {naming.short(problem_id)} {award}`",
        )
    _say(opened, problem_id, award, opened.desk.money.refund(problem_id, award))


@click.command("challenge")
@click.argument("problem")
@award_argument
@click.option("--reason", required=True, help="Why the judgement is wrong; everybody can read it.")
@output.json_option
def challenge(problem: str, award: int, reason: str) -> None:
    """Object to who is said to have earned AWARD, as PROBLEM's owner, payer or an auditor; the members then vote."""
    if not reason.strip():
        raise errors.InputError("a reason is missing", which="--reason", expected="a sentence")
    opened, problem_id = _open(problem)
    _say(opened, problem_id, award, opened.desk.money.challenge(problem_id, award, reason.strip()))


@click.command("settle")
@click.argument("problem")
@award_argument
@output.json_option
def settle(problem: str, award: int) -> None:
    """Pay AWARD to who earned it, once nobody can challenge it any more; anybody may."""
    opened, problem_id = _open(problem)
    _say(opened, problem_id, award, opened.desk.money.settle(problem_id, award))


@click.command("refund")
@click.argument("problem")
@award_argument
@output.json_option
def refund(problem: str, award: int) -> None:
    """Give AWARD back to who put it there, once nobody earned it in time; anybody may."""
    from aicommons.protocol import money as moneys

    opened, problem_id = _open(problem)
    money = opened.desk.money
    known, judge = money.award(problem_id, award), money.problem(problem_id).stated.judge
    if known.step(opened.desk.votes.now()) is moneys.Step.JUDGE and judge == opened.desk.member_id():
        # The contract takes the judge's call as its word that nobody earned the award: not by the way.
        raise errors.InputError(
            "the award is not due yet",
            which=f"problem {naming.short(problem_id)}, award {award}",
            expected=f"{naming.when(known.funded.due)} or later",
            next_step="to say that nobody earned it: "
            f"`{output.command(f'problem reject {naming.short(problem_id)} {award}')}`",
        )
    _say(opened, problem_id, award, opened.desk.money.refund(problem_id, award))


@click.command("resolve")
@click.argument("problem")
@award_argument
@click.argument("outcome", type=click.Choice(list(OUTCOMES)))
@click.option("--reason", required=True, help="Why, in words that everybody may read; name no person.")
@output.json_option
def resolve(problem: str, award: int, outcome: str, reason: str) -> None:
    """Propose to the members how AWARD, whose judgement was challenged, is decided: `pay` whom the judge named, or `give-back`."""
    from aicommons.protocol import money as moneys

    opened = homes.act_as_member()
    problem_id = naming.resolve(problem, opened.desk.view().problems, "problem")
    state = opened.desk.money.award(problem_id, award).state
    if state is not moneys.AwardState.CHALLENGED:
        raise errors.InputError(
            "only a challenged award is resolved by a vote",
            which=f"award {award}",
            expected="challenged",
            got=state.name.lower(),
            next_step=f"see `commons problem show {naming.short(problem_id)}`",
        )
    call = opened.desk.money.resolution(problem_id, award, is_paid=OUTCOMES[outcome])
    assembly.propose(opened, call, f"Resolve award {award} of problem {naming.short(problem_id)}: {outcome}", reason)


COMMANDS = (fund, accept, reject, challenge, settle, refund, resolve)


def described(opened: homes.Opened, problem: "moneys.ProblemView", number: int, now: int) -> dict[str, object]:
    """Return an award as JSON has it."""
    award = problem.awards[number]
    kind = opened.desk.money.known_token(award.funded.token)
    return {
        "award": number,
        "state": award.state.name.lower(),
        **tokens.described(kind, award.funded.amount),
        "payer": award.funded.payer,
        "solver": None if award.judged is None else award.judged.solver,
        "objection": _objection(opened, award),
        "due": award.funded.due,
        "expiry": award.funded.expiry,
        "now": award.step(now).value,
        "until": award.until(now),
    }


def _objection(opened: homes.Opened, award: "moneys.AwardView") -> dict[str, object] | None:
    if award.challenged is None:
        return None
    return {"by": award.challenged.member_id, "reason": reviewing.reason(opened, award.challenged.reason)}


def table(
    opened: homes.Opened, problem: "moneys.ProblemView", now: int, only: Sequence[int] | None = None
) -> list[str]:
    """Return awards in words, one a line; nothing when there are none."""
    numbers = list(problem.awards) if only is None else only
    lines = []
    for number in numbers:
        award = problem.awards[number]
        lines.append(f"  award {number}: {_in_words(opened, award, now)}")
        if award.challenged is not None:
            words = reviewing.reason(opened, award.challenged.reason) or "the reason cannot be read now"
            lines.append(f"    member {award.challenged.member_id} objects: {words}")
    return lines


def judge_in_words(names: naming.Names, judge: int | None) -> list[str]:
    """Return who judges a problem, nothing when nobody does."""
    return [] if judge is None else [f"  judged by {names(judge)}"]


def _in_words(opened: homes.Opened, award: "moneys.AwardView", now: int) -> str:
    amount = opened.desk.money.known_token(award.funded.token).show(award.funded.amount)
    earned = "" if award.judged is None else f", earned by member {award.judged.solver}"
    until = award.until(now)
    limit = "" if until is None else f" (until {naming.when(until)})"
    return f"{amount} {award.state.name.lower()}{earned}; {award.step(now).value}{limit}"


def _open(problem: str) -> tuple[homes.Opened, bytes]:
    opened = homes.act()
    return opened, naming.resolve(problem, opened.desk.view().problems, "problem")


def _say(opened: homes.Opened, problem_id: bytes, number: int, award: "moneys.AwardView") -> None:
    now = naming.from_now(opened.desk.view(), 0)
    known = opened.desk.money.problem(problem_id)
    output.emit(
        {"problem": ids.format_id(problem_id), **described(opened, known, number, now)},
        f"Problem {naming.short(problem_id)}, award {number}: {_in_words(opened, award, now)}.",
        *_next(award, f"{naming.short(problem_id)} {number}", now),
    )


def _next(award: "moneys.AwardView", words: str, now: int) -> list[str]:
    from aicommons.protocol import money as moneys

    if award.state is moneys.AwardState.PAID:
        return [f"Next, for who earned it: `{output.command('vault show')}`."]
    if award.state is moneys.AwardState.REFUNDED:
        return [f"Next, for who put it there: `{output.command('vault show')}`."]
    if award.step(now) is moneys.Step.CHALLENGE:
        return [f"Next, when that time is over: `{output.command(f'problem settle {words}')}`."]
    if award.step(now) is moneys.Step.VOTE:
        return [
            f"Next, for any member: `{output.command(f'problem resolve {words} pay --reason WHY')}`, or give-back; then all vote."
        ]
    return []


def _milestone(opened: homes.Opened, kind: "office.Token", text: str) -> "office.Milestone":
    from aicommons import office
    from aicommons.domain import amounts

    amount, _, days = text.partition("@")
    if days and not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= 3650):
        raise errors.InputError("not a number of days", which=text[:40], expected="AMOUNT@DAYS, 1 to 3650 days")
    due = naming.from_now(opened.desk.view(), (int(days) if days else DAYS) * naming.DAY)
    return office.Milestone(amounts.parse(amount, kind.decimals), due)
