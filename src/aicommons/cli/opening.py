"""``commons run open``: the terms of a training, which nobody can change once it is open.

Added to the noun ``run``. Every term has an option; amounts of money are in plain units of the token that the run names.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, naming, output, tokens
from aicommons.domain import errors, ids, run

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.domain import documents

MILLION = run.ALL_SHARES
SITES = click.IntRange(run.FEWEST_PARTICIPANTS)

TERMS = (
    click.option("--min", "least", type=SITES, default=run.FEWEST_PARTICIPANTS, show_default=True, help="Fewest sites."),
    click.option("--max", "most", type=SITES, default=run.MOST_PARTICIPANTS, show_default=True, help="Most organisations, 48 at most; each may bring the datasets of many sites."),
    click.option("--cell-size", type=click.IntRange(run.FEWEST_OF_A_CELL, run.MOST_PARTICIPANTS // 2), help="Sum cells of at least this many sites apart, drawn once. Every reader sees the sums of each cell. [default: one sum of all]"),
    click.option("--cipher", type=click.Choice(["aes", "chacha20"]), default="aes", show_default=True, help="What masks are made with: aes where the sites' processors have instructions for it, chacha20 where they have none."),
    click.option("--hybrid", is_flag=True, help="Seal seeds under ML-KEM-768 too, for data that has to stay closed to the quantum computers of later years: 1.1 kB more per site in each message."),
    click.option("--rounds", type=click.IntRange(1, 10_000), help="Most rounds. [default: what the plan needs at most]"),
    click.option("--enrol-minutes", type=click.IntRange(1, 525_600), default=1440, show_default=True, help="After it anybody may close the roster."),
    click.option("--phase-seconds", type=click.IntRange(1, 86_400), default=60, show_default=True, help="How long a step waits for a silent site."),
    click.option("--patience-seconds", type=click.IntRange(0, 31_536_000), default=3600, show_default=True, help="How long a paused run waits for it."),
    click.option("--owner-shares", type=click.IntRange(0, MILLION), default=100_000, show_default=True, help="Problem owner's part of the model, of 1,000,000."),
    click.option("--solver-shares", type=click.IntRange(0, MILLION), default=100_000, show_default=True, help="Solver's part; the sites share the rest equally."),
    click.option("--commercial", is_flag=True, help="The model is for commercial use; consents have to permit it."),
    click.option("--price", metavar="AMOUNT", help="Most that is paid for one dataset, such as 250 or 12.50. [default: nothing]"),
    click.option("--bond", metavar="AMOUNT", help="What each site locks in the vault until the run is over. [default: nothing]"),
    click.option("--token", metavar="ADDRESS", help="Contract of the token that price and bond are counted in. [default: the chain's coin]"),
    click.option("--licence", help="Licence that the model will have, as an SPDX expression. Data may ask for one."),
    click.option("--accept-duty", "duties", multiple=True, type=click.Choice(["attribution", "benefit_sharing", "report_back"]), help="Duty towards those who hold the data that you take upon yourself. May be repeated."),
    click.option("--retention-days", type=click.IntRange(0, 3650), default=7, show_default=True, help="How long masked vectors stay in the store."),
    click.option("--min-cohort", type=click.IntRange(1), default=run.MINIMUM_COHORT, show_default=True, help="Fewest rows that a site may bring."),
)  # fmt: skip


def _terms(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that make a run's terms."""
    for option in reversed(TERMS):
        function = option(function)
    return function


@click.command("open")
@click.option("--problem", required=True, help="Id of the problem.")
@click.option("--plan", required=True, help="Digest of the plan.")
@click.option("--purpose", required=True, help="Purpose code, such as DUO:0000007; consents must cover it.")
@click.option(
    "--ask", "words", help="Ask the holders of all datasets that fit the problem, in words that only they can read."
)
@_terms
@output.json_option
def open_run(problem: str, plan: str, purpose: str, *, words: str | None, **terms: Any) -> None:
    """Open a run of PLAN on PROBLEM, as its solver. The terms can never be changed."""
    _check(terms)
    opened = homes.act_as_member()
    view = opened.desk.view()
    _check_purpose(purpose, view.banned)
    problem_id = naming.resolve(problem, view.problems, "problem")
    document = _document(opened, view.problems[problem_id].owner, purpose, terms)
    kind = tokens.chosen(opened, terms["token"])
    offer = _offer(
        terms,
        kind,
        problem=problem_id,
        plan=naming.parse_digest(plan),
        terms=document,
        enrol_until=naming.from_now(view, 60 * terms["enrol_minutes"]),
    )
    run_id = opened.desk.open_run(offer)
    asked, said = ({}, []) if words is None else _ask(opened, problem_id, run_id, words)
    _say(run_id, offer, kind, asked=asked, said=said)


def _check(terms: Mapping[str, Any]) -> None:
    if max(terms["least"], terms["most"]) > run.MOST_PARTICIPANTS:
        raise errors.InputError(
            "a run takes fewer organisations: each of them checks what all the others send",
            which="--min and --max",
            expected=f"at most {run.MOST_PARTICIPANTS}",
            got=max(terms["least"], terms["most"]),
            next_step="let sites join in co-ops, each with one seat for up to 65 datasets: docs/how-to/many-sites-behind-one-node.md",
        )
    if terms["owner_shares"] + terms["solver_shares"] > MILLION:
        raise click.UsageError("--owner-shares and --solver-shares are more than the whole")
    if terms["least"] > terms["most"]:
        raise click.UsageError("--min is more than --max")
    if terms["cell_size"] is not None and 2 * terms["cell_size"] > terms["least"]:
        raise click.UsageError(
            f"--cell-size {terms['cell_size']} needs two cells also of the fewest sites:"
            f" --min has to be at least {2 * terms['cell_size']} (it is {terms['least']})"
        )


def _offer(said: Mapping[str, Any], kind: "office.Token", **settled: Any) -> "office.Offer":
    """Return what is offered: what the options say, and what was ``settled`` from them already."""
    from aicommons import office
    from aicommons.domain import amounts
    from aicommons.learning.secagg import suite as suites

    price, bond = (0 if said[each] is None else amounts.parse(said[each], kind.decimals) for each in ("price", "bond"))
    return office.Offer(
        **settled,
        min_participants=said["least"],
        max_participants=said["most"],
        cipher=suites.Cipher(said["cipher"]),
        is_hybrid=said["hybrid"],
        cell_size=said["cell_size"] or 0,
        phase_seconds=said["phase_seconds"],
        patience_seconds=said["patience_seconds"],
        solver_shares=said["solver_shares"],
        owner_shares=said["owner_shares"],
        most_rounds=said["rounds"],
        commercial=said["commercial"],
        price=price,
        bond=bond,
        token=kind.address,
    )


def _say(
    run_id: ids.RunId, offer: "office.Offer", kind: "office.Token", *, asked: dict[int, int], said: list[str]
) -> None:
    short = naming.short(run_id)
    bond = f"  each site locks {kind.show(offer.bond)} of its credit in the vault until the run is over."
    output.emit(
        {
            "run_id": ids.format_id(run_id),
            "enrol_until": offer.enrol_until,
            "readers": [reader.member_id for reader in offer.terms.readers],
            "asked": asked,
        },
        f"Run {ids.format_id(run_id)}",
        f"  open for enrolment until {naming.when(offer.enrol_until)};"
        f" {offer.min_participants} to {offer.max_participants} sites.",
        *([bond] if offer.bond else []),
        *said,
        f"Next: sites run `commons run enrol {short} --dataset N --consent ID`,",
        f"      then you run `{output.command(f'run close {short}')}`.",
    )


def _ask(opened: homes.Opened, problem_id: bytes, run_id: ids.RunId, words: str) -> tuple[dict[int, int], list[str]]:
    """Ask the holders of fitting datasets; return dataset -> request, and what is said of it."""
    from aicommons.cli import matched, request

    asked, unasked = request.ask_holders(opened, matched.fitting(opened, problem_id), words, run_id)
    said = [f"  asked for {len(asked)} datasets; `{output.command('request list')}` shows the answers."]
    if unasked:
        said.append(f"  not asked, their holders have no key for letters: {', '.join(map(str, unasked))}")
    return asked, said


def _check_purpose(code: str, banned: int | None) -> None:
    """Check that anybody could consent to it.

    Raises:
        errors.InputError: the vocabulary does not know it, or the members banned it.
    """
    from aicommons.domain import vocabulary
    from aicommons.protocol import rules

    vocabulary.bit(code)
    if rules.is_banned(code, banned):
        raise errors.InputError("this purpose is banned: no consent can permit it", which=code)


def _document(
    opened: homes.Opened, owner: ids.MemberId, purpose: str, terms: Mapping[str, Any]
) -> "documents.RunTerms":
    from aicommons.domain import documents, licences

    if terms["licence"] is not None:
        licences.parse(terms["licence"])
    return documents.RunTerms(
        purpose=purpose,
        readers=_readers(opened, owner),
        retention_seconds=terms["retention_days"] * naming.DAY,
        minimum_cohort=terms["min_cohort"],
        privacy="no DP",
        licence=terms["licence"],
        duties=tuple(licences.Duty(each) for each in sorted(set(terms["duties"]))),
    )


def _readers(opened: homes.Opened, owner: ids.MemberId) -> "tuple[documents.Reader, ...]":
    """Return the problem owner as a reader of the sums, unless its membership names no point."""
    from aicommons.domain import documents
    from aicommons.learning.secagg import group

    record: Any = opened.registry.call("Membership", "member", owner)[0]
    point = bytes(record[5])
    if not group.is_point(point):
        output.note(f"Member {owner}, the problem's owner, has no reader point: it will not read the sums.")
        return ()
    return (documents.Reader(owner, point),)
