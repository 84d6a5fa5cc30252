"""``commons run``: enrol in, confirm, watch and verify trainings; how one is opened is in ``opening``.

Solvers open and close; data owners enrol and confirm; anybody looks and verifies. What a run is and when it moves on is
the contract's business; how it is told is in ``telling`` and ``following``.
"""

import click

from aicommons.cli import confirming, enrolling, homes, naming, opening, output, own, speaking, telling
from aicommons.domain import errors, ids, run

ABSENCES = {"wait": run.Absence.WAIT, "exit": run.Absence.EXIT}


@click.group()
def command() -> None:
    """Open, enrol in, watch and verify trainings."""


command.add_command(opening.open_run)


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
    bond = _bond(opened, chosen)
    seat = office.Seat(dataset_id, consent_id, ABSENCES[absence])
    with enrolling.node_signer(opened, needed=seat.absence is run.Absence.EXIT) as signer:
        giving.enrol(opened, run_id, seat, by=by, node=signer)
    output.emit(
        {"run_id": ids.format_id(run_id), "dataset": dataset_id, "rows": checked.rows, "absence": absence},
        f"Dataset {dataset_id} takes part in run {naming.short(run_id)}: {checked.rows} complete rows fit the plan.",
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
