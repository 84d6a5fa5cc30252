"""Calls ``node/consents/audit`` with what the home of a site has, and tells its report; called by ``consent audit``."""

import contextlib
import dataclasses
import pathlib
from typing import TYPE_CHECKING

import click

from aicommons import app
from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.node import auditing as audits
    from aicommons.node.consents import keeping

MEANING = (
    "Every contribution commits to people whose consent covered it, and follows from exactly their rows in this table. "
    "It does not prove that nothing else was sent: what a node could still hide is in docs/explanation/consent.md."
)
NO_MEANING = "This site's contributions are not what its headers commit to, or nothing could be checked."


def audit(run: str, table: pathlib.Path | None, person: str | None = None) -> None:
    """Check a run and print what was found.

    Args:
        run: its id.
        table: a copy of the table as it was then, or ``None`` for where it is now.
        person: key of somebody in the table, to be told in which contributions the rows are.

    Raises:
        errors.InputError: this home has no part in the run, or its node has not run.
    """
    from aicommons.node import agent as agents
    from aicommons.node import auditing as audits
    from aicommons.node import journal, tables
    from aicommons.store import disk

    opened = homes.act_as_member()
    chosen = naming.choose_run(opened, run)
    member, view = opened.desk.member_id(), opened.desk.view()
    if not opened.home.journal_file.exists():
        raise errors.InputError("this home's node has not run", which=str(opened.home.journal_file))
    terms = agents.read_terms(opened.store, view.runs[chosen.run_id])
    kept = app.open_consents(opened.home, opened.signer)
    seat = view.runs[chosen.run_id].enrolled.get(member)
    own = None if seat is None else app.own_version(opened.home, agents.Part(seat.dataset_id, seat.version))
    if own is None:
        raise errors.InputError("this home brought no dataset to the run", which=ids.format_id(chosen.run_id)[:14])
    with contextlib.closing(journal.Journal(opened.home.journal_file)) as noted:
        report = audits.audit(
            audits.Case(
                run_id=chosen.run_id,
                member_id=member,
                view=view,
                terms=terms,
                place=opened.registry.place,
                register_place=app.register_place(opened.home),
                blobs=[disk.DiskStore(opened.home.node_folder / "blobs"), opened.store],
                journal=noted,
                keeping=kept,
                read=tables.reader_of(own, terms, table),
                least=own.minimum_cohort,
                rule=own.rule,
            )
        )
    among = None if person is None or seat is None else _contributions_of(kept, chosen.run_id, seat.dataset_id, person)
    _tell(chosen.run_id, report, among)


def _contributions_of(
    kept: "keeping.Keeping", run_id: ids.RunId, dataset_id: int, person: str
) -> frozenset[tuple[int, int]]:
    """Return round and attempt of the contributions whose notes name a person."""
    with kept.register() as opened, kept.notes() as noted:
        tag = opened.tag(dataset_id, person)
        found = [each.record for each in noted.of_run(run_id) if tag in each.people]
    return frozenset((each.round_index, each.attempt) for each in found)


def _tell(run_id: ids.RunId, report: "audits.Report", among: frozenset[tuple[int, int]] | None) -> None:
    """Print a report; ends with exit code 1 when something does not match."""
    contributions = [dataclasses.asdict(each) for each in report.checked]
    if among is not None:
        for said in contributions:
            said["includes_person"] = (said["round_index"], said["attempt"]) in among
    lines = [f"Run {ids.format_id(run_id)}"]
    for each in report.checked:
        line = f"round {each.round_index} attempt {each.attempt}: {each.rows} rows of {each.persons} people"
        line += f", {each.held_back} held back" if each.held_back else ""
        if among is not None:
            line += (
                ", this person's among them" if (each.round_index, each.attempt) in among else ", none of this person's"
            )
        lines.append(f"  {line}: {'everything matches' if not each.problems else 'DOES NOT HOLD'}")
        lines += [f"    {problem}" for problem in each.problems]
    lines += [f"  not checked: {each}" for each in report.missing]
    lines += ["", MEANING if report.holds else NO_MEANING]
    output.emit(
        {"run_id": ids.format_id(run_id), "holds": report.holds, "contributions": contributions,
         "missing": list(report.missing), "meaning": MEANING if report.holds else NO_MEANING},
        *lines,
    )  # fmt: skip
    if not report.holds:
        click.get_current_context().exit(output.FAILED)
