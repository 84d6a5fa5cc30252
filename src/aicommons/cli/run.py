"""``commons run``: enrol in, confirm, watch and verify trainings; how one is opened is in ``opening``.

Solvers open and close; data owners enrol and confirm; anybody looks and verifies. What a run is and when it moves on is
the contract's business; how it is told is in ``telling`` and ``following``.
"""

import sys
from typing import TextIO

import click

from aicommons.cli import confirming, enrolling, homes, naming, opening, output, own, speaking, telling
from aicommons.domain import ids, run

ABSENCES = {"wait": run.Absence.WAIT, "exit": run.Absence.EXIT, "covered": run.Absence.COVERED}


@click.group()
def command() -> None:
    """Open, enrol in, watch and verify trainings."""


command.add_command(opening.open_run)


@command.command("enrol")
@click.argument("run_text", metavar="RUN")
@click.option("--dataset", "dataset_ids", type=click.IntRange(1), multiple=True, help="Number of a dataset of yours; once for each that you bring.")  # fmt: skip
@click.option("--consent", "consents", multiple=True, help="Id of the consent to use, one per --dataset in the same order; without, the newest that permits this run.")  # fmt: skip
@click.option("--datasets", "listed", type=click.File("r"), help="A file with a dataset's number per line, each with a consent behind a comma if it matters.")  # fmt: skip
@click.option("--all", "is_all", is_flag=True, help="Bring every dataset of this home that has a consent for this run and fits it.")  # fmt: skip
@click.option("--absence", type=click.Choice(list(ABSENCES)), default="wait", show_default=True, help="If this site goes silent: the run waits, or goes on without it; covered by noise on single records is not there yet.")  # fmt: skip
@speaking.by
@output.json_option
def enrol(
    run_text: str,
    dataset_ids: tuple[int, ...],
    consents: tuple[str, ...],
    listed: TextIO | None,
    *,
    is_all: bool,
    absence: str,
    by: str,
) -> None:
    """Bring one or more datasets of yours to RUN. Use policy and table of each are checked first; if one does not fit,
    nothing is sent.

    A co-op brings the datasets of many sites to one seat: repeat --dataset, list them in a file, or take --all, which leaves
    out what does not fit and says so. Each is used under its own consent and its owner's own rules. At most 65 together.

    Where two persons approve, `inbox approve` does it with both.
    """
    from aicommons import office
    from aicommons.cli import bundling
    from aicommons.owner import giving

    opened = homes.act_as_member()
    chosen = naming.choose_run(opened, run_text)
    run_id = chosen.run_id
    by = speaking.alone(by, naming.item("run", run_id))
    bundling.check_room(chosen, ABSENCES[absence])
    text = None if listed is None else listed.read()
    wanted = bundling.named(chosen, dataset_ids, consents, text, member=opened.desk.member_id())
    bundle = bundling.everything(opened, chosen) if is_all else bundling.check(opened, chosen, wanted)
    for notice in bundle.notices:
        output.note(notice)
    bond = _bond(opened, chosen)
    (first, consent_id), *further = bundle.brought
    seat = office.Seat(first, consent_id, ABSENCES[absence], tuple(further))
    with enrolling.node_signer(opened, needed=seat.absence is run.Absence.EXIT) as signer:
        giving.enrol(opened, run_id, seat, by=by, node=signer)
    numbers = [number for number, _ in bundle.brought]
    words = f"Dataset {first} takes" if not further else f"{len(numbers)} datasets take"
    output.emit(
        {
            "run_id": ids.format_id(run_id),
            "dataset": first,
            "datasets": numbers,
            "rows": bundle.rows,
            "absence": absence,
            "notices": list(bundle.notices),
        },
        f"{words} part in run {naming.short(run_id)}: {bundle.rows} complete rows fit the plan.",
        *bond,
        f"Next: when the roster is fixed, `{output.command(f'run confirm {naming.short(run_id)}')}`.",
    )


def _bond(opened: homes.Opened, chosen: naming.Chosen) -> list[str]:
    """Return what is said of the bond that a seat locks; raises ``errors.InputError`` when the credit is less."""
    spec = chosen.run.spec
    if not spec.bond:
        return []
    kind = opened.desk.money.token(spec.token)
    opened.desk.money.check_credit(kind, spec.bond)
    return [
        f"  {kind.show(spec.bond)} of your credit are locked as its bond; `{output.command('vault show')}` says until when."
    ]


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
    roster = seen.roster
    output.note(f"Run {ids.format_id(run_id)}: {len(roster.member_ids)} sites take part.")
    for member, key in zip(roster.member_ids, roster.node_keys, strict=True):
        output.note(f"  {names(member)}   node key {ids.format_id(key)}")
    output.note(f"  its sums are read by them{''.join(f' and {names(reader)}' for reader in seen.readers)}")
    for part in seen.parts:
        held = part.held
        brought = f"dataset {held.dataset_id} ({part.title}, version {held.version}), {part.path}"
        output.note(f"  this site brings {brought}, under consent {naming.short(held.consent_id)}")
    output.note(f"  fingerprint {naming.fingerprint(roster.roster)}")
    rosters.check(opened, run_id, seen, names)
    confirming.agree(roster.roster, fingerprint, yes=yes)
    rosters.confirm(opened, run_id, seen, by=by)
    output.emit(
        {
            "run_id": ids.format_id(run_id),
            "fingerprint": roster.roster.hex(),
            "roster": list(roster.member_ids),
            "readers": list(seen.readers),
            "dataset": seen.pin.dataset_id,
            "datasets": [part.held.dataset_id for part in seen.parts],
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
    """Show where RUN stands, what it waits for, and this site's own figures.

    Whoever is out of the run, or was not waited for, has a paragraph: since when, why, who checked it, what it means for
    its bond and for what it gave before, what it can do now, and what everybody else has to do.
    """
    from aicommons.cli import departing
    from aicommons.protocol import departures

    opened = homes.look()
    chosen = naming.choose_run(opened, run_text)
    run_id, current = chosen.run_id, chosen.run
    names = naming.Names(opened, chosen.view)
    found, ended = (
        own.report(opened, run_id),
        departures.ended_consents(chosen.view, run_id, naming.from_now(chosen.view, 0)),
    )
    lines = telling.lines(run_id, current, names, ended=ended)
    if current.roster is not None:
        lines.append(f"  roster     {naming.fingerprint(current.roster.roster)}")
    lines.extend(f"  share      {each}" for each in naming.owners(current, names))
    told = {
        **telling.as_json(run_id, current),
        "consents_over": sorted(ended),
        "departures": departing.as_json(current),
        "own": found,
    }
    gone = departing.lines(current, names, output.command(f"run verify {naming.short(run_id)}"))
    output.emit(told, *lines, *own.report_in_words(found), *gone)


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


@command.command("leave")
@click.argument("run_text", metavar="RUN")
@click.option("--yes", is_flag=True, help="Leave without being asked.")
@speaking.by
@output.json_option
def leave(run_text: str, *, yes: bool, by: str) -> None:
    """Take this site out of RUN between two rounds, for good. The others go on if enough of them stay.

    What it gave to rounds that are summed stays in the model, and it keeps its part of it; a bond comes back. Everybody sees
    that it left, and sums before and after differ by this site alone: it says what that tells before it asks. A site that
    left before is told so, and nothing is sent.
    """
    from aicommons.cli import leaving

    opened = homes.act_as_member()
    chosen, member = naming.choose_run(opened, run_text), opened.desk.member_id()
    if member not in chosen.run.exits:
        leaving.check_may_leave(chosen.run, member)
        by = speaking.one(by)
        can_ask = sys.stdin.isatty() and not output.call().as_json
        leaving.check_meant(chosen.run, member, naming.short(chosen.run_id), yes=yes, can_ask=can_ask)
        leaving.leave(opened, chosen, by=by)
    leaving.tell(opened, chosen, member)


@command.command("verify")
@click.argument("run_text", metavar="RUN")
@click.option("--from-home", type=click.Choice(["reader", "node"]), help="Also check the sums: opened with this home's reader key, or as this home's node kept them when it took part.")  # fmt: skip
@output.json_option
@click.pass_context
def verify(ctx: click.Context, run_text: str, from_home: str | None) -> None:
    """Check RUN from ledger and store alone, and say what that proves.

    Without a key: rosters, signatures, phases, headers, certificates, commitments; complaints, disputes and verdicts,
    each judged again from its evidence; who was convicted, not waited for, or left, and whether rightly so. With a reader's key also every sum
    and every state; at a site that took part, every state from the sums that its node kept. Parts that could not be
    checked are listed with the reason.

    Exit code 0 if everything that could be checked holds (JSON: "holds"), 1 if something does not match or no round was
    unmasked yet. "level" says how far it holds: "signed" (not all bytes are in the store any more), "record" (every byte
    but the sums), "kept_sums" (every state, from one's own node's sums), "sums" (every sum and every state: only then
    "verified" is true), or "none".
    """
    from aicommons.cli import departing, verifying

    opened = homes.look()
    chosen = naming.choose_run(opened, run_text)
    run_id = chosen.run_id
    report = verifying.verify(opened, run_id, verifying.Source(from_home) if from_home is not None else None)
    gone = departing.in_brief(chosen.run, naming.Names(opened, chosen.view)) if report.holds else []
    output.emit(verifying.as_json(run_id, report), *verifying.in_words(run_id, report, gone))
    if not report.holds:
        ctx.exit(output.FAILED)
