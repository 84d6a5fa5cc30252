"""``commons run``: open, enrol in, confirm, watch and verify trainings.

Solvers open and close; data owners enrol and confirm; anybody looks and verifies. What a run is and when it moves on is
the contract's business; how it is told is in ``telling`` and ``following``.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import confirming, enrolling, homes, naming, output, own, speaking, telling
from aicommons.domain import errors, ids, run

if TYPE_CHECKING:
    from aicommons.domain import documents

MILLION = run.ALL_SHARES
SITES = click.IntRange(run.FEWEST_PARTICIPANTS, run.MOST_PARTICIPANTS)
ABSENCES = {"wait": run.Absence.WAIT, "exit": run.Absence.EXIT}


@click.group()
def command() -> None:
    """Open, enrol in, watch and verify trainings."""


TERMS = (
    click.option("--min", "least", type=SITES, default=run.FEWEST_PARTICIPANTS, show_default=True, help="Fewest sites."),
    click.option("--max", "most", type=SITES, default=run.MOST_PARTICIPANTS, show_default=True, help="Most sites."),
    click.option("--rounds", type=click.IntRange(1, 10_000), help="Most rounds. [default: what the plan needs at most]"),
    click.option("--enrol-minutes", type=click.IntRange(1, 525_600), default=1440, show_default=True, help="After it anybody may close the roster."),
    click.option("--phase-seconds", type=click.IntRange(1, 86_400), default=60, show_default=True, help="How long a step waits for a silent site."),
    click.option("--patience-seconds", type=click.IntRange(0, 31_536_000), default=3600, show_default=True, help="How long a paused run waits for it."),
    click.option("--owner-shares", type=click.IntRange(0, MILLION), default=100_000, show_default=True, help="Problem owner's part of the model, of 1,000,000."),
    click.option("--solver-shares", type=click.IntRange(0, MILLION), default=100_000, show_default=True, help="Solver's part; the sites share the rest equally."),
    click.option("--commercial", is_flag=True, help="The model is for commercial use; consents have to permit it."),
    click.option("--price", type=click.IntRange(0), default=0, show_default=True, help="Most that is paid for one dataset, in the smallest unit."),
    click.option("--bond", type=click.IntRange(0), default=0, show_default=True, help="What each site locks in the vault until the run is over, in the smallest unit."),
    click.option("--token", help="Contract of the token that price and bond are counted in. [default: the chain's coin]"),
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


@command.command("open")
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
    from aicommons import office

    if terms["owner_shares"] + terms["solver_shares"] > MILLION:
        raise click.UsageError("--owner-shares and --solver-shares are more than the whole")
    if terms["least"] > terms["most"]:
        raise click.UsageError("--min is more than --max")
    opened = homes.act_as_member()
    view = opened.desk.view()
    _check_purpose(purpose, view.banned)
    problem_id = naming.resolve(problem, view.problems, "problem")
    offer = office.Offer(
        problem=problem_id,
        plan=naming.parse_digest(plan),
        terms=_document(opened, view.problems[problem_id].owner, purpose, terms),
        enrol_until=naming.from_now(view, 60 * terms["enrol_minutes"]),
        min_participants=terms["least"],
        max_participants=terms["most"],
        phase_seconds=terms["phase_seconds"],
        patience_seconds=terms["patience_seconds"],
        solver_shares=terms["solver_shares"],
        owner_shares=terms["owner_shares"],
        most_rounds=terms["rounds"],
        commercial=terms["commercial"],
        price=terms["price"],
        bond=terms["bond"],
        token=run.COIN if terms["token"] is None else naming.parse_address(terms["token"]),
    )
    run_id = opened.desk.open_run(offer)
    shown = ids.format_id(run_id)
    asked, said = ({}, []) if words is None else _ask(opened, problem_id, run_id, words)
    output.emit(
        {
            "run_id": shown,
            "enrol_until": offer.enrol_until,
            "readers": [reader.member_id for reader in offer.terms.readers],
            "asked": asked,
        },
        f"Run {shown}",
        f"  open for enrolment until {naming.when(offer.enrol_until)}; {terms['least']} to {terms['most']} sites.",
        *said,
        f"Next: sites run `commons run enrol {naming.short(run_id)} --dataset N --consent ID`,",
        f"      then you run `{output.command(f'run close {naming.short(run_id)}')}`.",
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


@command.command("enrol")
@click.argument("run_text", metavar="RUN")
@click.option("--dataset", "dataset_id", type=click.IntRange(1), required=True, help="Number of a dataset of yours.")
@click.option("--consent", required=True, help="Id of the consent to use.")
@click.option("--absence", type=click.Choice(list(ABSENCES)), default="wait", show_default=True, help="If this site goes silent: the run waits, or goes on without it.")  # fmt: skip
@speaking.by
@output.json_option
def enrol(run_text: str, dataset_id: int, consent: str, *, absence: str, by: str) -> None:
    """Bring a dataset of yours to RUN. Its use policy and its table are checked first; if they do not fit, nothing is sent.

    Where two persons approve, `inbox approve` does it with both.
    """
    from aicommons import office
    from aicommons.owner import giving

    opened = homes.act_as_member()
    chosen = naming.choose_run(opened, run_text)
    run_id, view = chosen.run_id, chosen.view
    by = speaking.alone(by, naming.item("run", run_id))
    consent_id = naming.resolve(consent, view.consents, "consent")
    if view.consents[consent_id].dataset_id != dataset_id:
        raise errors.InputError(
            "this consent is for another dataset",
            which=naming.short(consent_id),
            expected=f"dataset {dataset_id}",
            got=f"dataset {view.consents[consent_id].dataset_id}",
        )
    checked = enrolling.check_use(opened, chosen, dataset_id, consent_id)
    for notice in checked.notices:
        output.note(notice)
    seat = office.Seat(dataset_id, consent_id, ABSENCES[absence])
    with enrolling.node_signer(opened, needed=seat.absence is run.Absence.EXIT) as signer:
        giving.enrol(opened, run_id, seat, by=by, node=signer)
    output.emit(
        {"run_id": ids.format_id(run_id), "dataset": dataset_id, "rows": checked.rows, "absence": absence},
        f"Dataset {dataset_id} takes part in run {naming.short(run_id)}: {checked.rows} complete rows fit the plan.",
        f"Next: when the roster is fixed, `{output.command(f'run confirm {naming.short(run_id)}')}`.",
    )


@command.command("close")
@click.argument("run_text", metavar="RUN")
@output.json_option
def close(run_text: str) -> None:
    """Fix who takes part in RUN, as its solver (or as anybody once enrolment is over)."""
    opened = homes.act()
    run_id = naming.choose_run(opened, run_text).run_id
    roster = opened.desk.close_roster(run_id)
    output.emit(
        {"run_id": ids.format_id(run_id), "roster": list(roster.member_ids), "fingerprint": roster.roster.hex()},
        f"{len(roster.member_ids)} sites take part in run {naming.short(run_id)}.",
        f"  fingerprint {naming.fingerprint(roster.roster)}",
        f"Next: each site compares it with the others and runs `commons run confirm {naming.short(run_id)}`.",
    )


@command.command("confirm")
@click.argument("run_text", metavar="RUN")
@click.option("--fingerprint", help="Confirm only if the roster's fingerprint is this one.")
@click.option("--yes", is_flag=True, help="Confirm without asking.")
@click.option("--allow-overlap", is_flag=True, help="Accept sites that nearly equal those of an earlier run.")
@speaking.by
@output.json_option
def confirm(run_text: str, fingerprint: str | None, *, yes: bool, allow_overlap: bool, by: str) -> None:
    """Confirm, for this home's node, who takes part in RUN, who reads its sums and what this site brings.

    Compare the fingerprint with the other members by telephone or in person: a lying ledger could show each site other
    participants. The node takes part only with the roster and the dataset that were confirmed here.

    Where an earlier run with the same dataset, or on the same problem, had nearly the same sites, the difference of the
    sums would tell about the few that differ; such a run is refused unless you accept that with --allow-overlap. What
    comes near is named either way. Where two persons approve, `inbox approve` does it with both.
    """
    from aicommons.owner import rosters

    opened = homes.look()
    chosen = naming.choose_run(opened, run_text)
    run_id, names = chosen.run_id, naming.Names(opened, chosen.view)
    by = speaking.alone(by, naming.item("roster", run_id))
    seen = rosters.look(opened, run_id, may_overlap=allow_overlap)
    roster, pin = seen.roster, seen.pin
    output.note(f"Run {ids.format_id(run_id)}: {len(roster.member_ids)} sites take part.")
    for member, key in zip(roster.member_ids, roster.node_keys, strict=True):
        output.note(f"  {names(member)}   node key {ids.format_id(key)}")
    output.note(f"  its sums are read by them{''.join(f' and {names(reader)}' for reader in seen.readers)}")
    part = f"dataset {pin.dataset_id} ({seen.title}, version {pin.version}), {seen.path}"
    output.note(f"  this site brings {part}, under consent {naming.short(pin.consent_id)}")
    output.note(f"  fingerprint {naming.fingerprint(roster.roster)}")
    rosters.check(opened, run_id, seen)
    confirming.agree(roster.roster, fingerprint, yes=yes)
    rosters.confirm(opened, run_id, seen, by=by)
    output.emit(
        {
            "run_id": ids.format_id(run_id),
            "fingerprint": roster.roster.hex(),
            "roster": list(roster.member_ids),
            "readers": list(seen.readers),
            "dataset": pin.dataset_id,
            "confirmed": True,
        },
        f"Confirmed. Next: `{output.command('node start')}`, if it is not running.",
    )


@command.command("list")
@output.json_option
def list_runs() -> None:
    """List all runs of the commons."""
    view = homes.look().desk.view()
    listed = [telling.as_json(run_id, current) for run_id, current in view.runs.items()]
    rows = [
        [naming.short(run_id), len(current.enrolled), telling.rounds_done(current), telling.state_in_words(current)]
        for run_id, current in view.runs.items()
    ]
    output.emit({"runs": listed}, *output.aligned(["run", "sites", "rounds", "state"], rows))


@command.command("show")
@click.argument("run_text", metavar="RUN")
@output.json_option
def show(run_text: str) -> None:
    """Show where RUN stands, what it waits for, and this site's own figures."""
    opened = homes.look()
    chosen = naming.choose_run(opened, run_text)
    run_id, current = chosen.run_id, chosen.run
    names = naming.Names(opened, chosen.view)
    found = own.report(opened, run_id)
    lines = telling.lines(run_id, current, names)
    if current.roster is not None:
        lines.append(f"  roster     {naming.fingerprint(current.roster.roster)}")
    lines.extend(f"  share      {each}" for each in naming.owners(current.shares, names))
    output.emit({**telling.as_json(run_id, current), "own": found}, *lines, *own.report_in_words(found))


@command.command("watch")
@click.argument("run_text", metavar="RUN")
@output.json_option
def watch(run_text: str) -> None:
    """Follow RUN to its end: a line per round, or with --json an object per round and one for the end."""
    from aicommons.cli import following

    opened = homes.look()
    following.watch(opened, naming.choose_run(opened, run_text).run_id)


@command.command("cancel")
@click.argument("run_text", metavar="RUN")
@output.json_option
def cancel(run_text: str) -> None:
    """End RUN as its solver; the last agreed state is kept."""
    opened = homes.act()
    run_id = naming.choose_run(opened, run_text).run_id
    opened.desk.cancel(run_id)
    current = opened.desk.run(run_id)
    output.emit(telling.as_json(run_id, current), f"Run {naming.short(run_id)}: {telling.state_in_words(current)}.")


@command.command("verify")
@click.argument("run_text", metavar="RUN")
@click.option("--from-home", type=click.Choice(["reader", "node"]), help="Also check the sums: opened with this home's reader key, or as this home's node kept them when it took part.")  # fmt: skip
@output.json_option
@click.pass_context
def verify(ctx: click.Context, run_text: str, from_home: str | None) -> None:
    """Check RUN from ledger and store alone, and say what that proves.

    Without a key: rosters, signatures, phases, headers, certificates, commitments. With a reader's key also every sum
    and every state; at a site that took part, every state from the sums that its node kept. Parts that could not be
    checked are listed with the reason.

    Exit code 0 if everything that could be checked holds (JSON: "holds"), 1 if something does not match or no round was
    unmasked yet. "level" says how far it holds: "signed" (not all bytes are in the store any more), "record" (every byte
    but the sums), "kept_sums" (every state, from one's own node's sums), "sums" (every sum and every state: only then
    "verified" is true), or "none".
    """
    from aicommons.cli import verifying

    opened = homes.look()
    run_id = naming.choose_run(opened, run_text).run_id
    report = verifying.verify(opened, run_id, verifying.Source(from_home) if from_home is not None else None)
    output.emit(verifying.as_json(run_id, report), *verifying.in_words(run_id, report))
    if not report.holds:
        ctx.exit(output.FAILED)
