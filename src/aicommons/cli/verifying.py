"""Calls ``node/verification`` with what a home has: ledger, store and, if wanted, its reader key; and tells its report.

Called by ``run verify`` and by ``model download`` for readers. What is checked and what it proves is decided there.
"""

import dataclasses
import enum
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aicommons import app
from aicommons.cli import homes
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.learning import state
    from aicommons.node import journal, verdict, verification
    from aicommons.protocol import view as views


class Source(enum.Enum):
    """What of this home opens the sums."""

    READER = "reader"
    """The reader key, which comes from the wallet."""
    NODE = "node"
    """What its node kept of a run that it took part in."""


def verify(
    opened: homes.Opened, run_id: ids.RunId, source: Source | None = None, *, with_papers: bool = True
) -> "verification.Report":
    """Return the verification's report of a run, ``with_papers`` also of the documents beside it.

    Raises:
        errors.KeyRefused: the reader's key needs the wallet's passphrase.
        errors.InputError: this home has not what ``source`` says.
    """
    from aicommons.node import verification

    current = opened.desk.run(run_id)
    view = opened.desk.view()
    eyes = verification.BLIND
    if source is Source.READER:
        eyes = verification.Eyes(reader=_reader(opened, current))
    elif source is Source.NODE:
        eyes = verification.Eyes(kept=_kept(opened, run_id, current))
    problem = view.problems.get(current.spec.problem)
    return verification.verify(
        current,
        run_id,
        opened.store,
        opened.registry.place,
        eyes=eyes,
        beside=verification.Beside(
            problem_owner=problem.owner if problem is not None else None,
            papers=_papers(view, current) if with_papers else (),
            consents_over={
                each.consent_id: view.was_dead(each.consent_id, each.at.time) for each in current.dropped.values()
            },
        ),
    )


def as_json(run_id: ids.RunId, report: "verification.Report") -> dict[str, object]:
    """Return a report as a JSON object."""
    from aicommons.node import concluding

    return {
        "run_id": ids.format_id(run_id),
        "holds": report.holds,
        "level": report.level.value,
        "verified": report.verified,
        "problem": report.problem,
        "checked": [dataclasses.asdict(each) for each in report.checked],
        "unchecked": [{"part": each.part, "reason": each.why.value, "words": each.words} for each in report.unchecked],
        "consented": [dataclasses.asdict(each) for each in report.consented],
        "accusations": [_judged_as_json(each) for each in report.cases],
        "convictions": [
            {**dataclasses.asdict(each), "judgement": each.judgement.value, "words": each.words}
            for each in report.convictions
        ],
        "meaning": report.meaning,
        "rounds": report.rounds,
        "metrics": concluding.in_words(report.metrics),
    }


def _judged_as_json(judged: "verdict.Judged") -> dict[str, object]:
    return {
        "charge": judged.charge.value,
        "round": judged.round_index,
        "attempt": judged.attempt,
        "accuser": judged.accuser,
        "accused": judged.accused,
        "evidence": judged.digest.hex(),
        "judgement": judged.judgement.value,
        "words": judged.words,
    }


def in_words(run_id: ids.RunId, report: "verification.Report", gone: Sequence[str] = ()) -> list[str]:
    """Return a report as lines, on a terminal folded to its width; ``gone``: who is out of the run, a line for each."""
    from aicommons.node import concluding

    figures = [f"{name.replace('_', ' ')} {value}" for name, value in concluding.in_words(report.metrics).items()]
    sections = {
        "Checked" + (" before that" if report.problem is not None else ""): [each.words for each in report.checked],
        "Not checked": [each.words for each in report.unchecked],
        "Who accused whom, judged again here": [each.words for each in report.cases],
        "Who is out of the run, or was not waited for": gone,
        "Who was convicted, and on what": [each.words for each in report.convictions],
        "Whose rows were used": [each.words for each in report.consented],
        "Figures of the newest state that was judged, over all sites": figures,
    }
    said = [f"Run {ids.format_id(run_id)}", *_folded(verdict_in_words(report), "")]
    for title, entries in sections.items():
        if entries:
            said += ["", title, *(line for entry in entries for line in _folded(entry, "  "))]
    return [*said, "", *_folded(report.meaning, "")]


def verdict_in_words(report: "verification.Report") -> str:
    """Return in one sentence what came out."""
    from aicommons.node import verdict

    if report.problem is not None:
        return f"DOES NOT HOLD: {report.problem}"
    return {
        verdict.Level.NONE: "Nothing to verify yet: no round was unmasked.",
        verdict.Level.SIGNED: "What could be checked holds. Not all bytes are there, and not every sum was checked.",
        verdict.Level.RECORD: "What could be checked holds. The sums and states were not checked.",
        verdict.Level.KEPT_SUMS: "What could be checked holds, down to every state, from the sums that this node kept.",
        verdict.Level.SUMS: "Everything holds, down to every sum and every state.",
    }[report.level]


def _folded(text: str, indent: str) -> list[str]:
    """Return ``text`` as lines that fit the terminal, following ones further in; elsewhere lines are left whole."""
    if not sys.stdout.isatty():
        return [indent + text]
    width = min(shutil.get_terminal_size().columns, 120)
    following = indent + "  " if indent else ""
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=following, break_long_words=False)


def _papers(view: "views.LedgerView", current: "views.RunView") -> "tuple[verification.Paper, ...]":
    """Return the documents that the registries name: the run's problem, its datasets' cards, its members' profiles."""
    from aicommons.node import verification

    papers = []
    problem = view.problems.get(current.spec.problem)
    if problem is not None:
        papers.append(verification.Paper("problem statement", problem.owner, problem.document))
    for brought in (each for member in sorted(current.enrolled) for each in current.brought_by(member)):
        listed = view.datasets.get(brought.dataset_id)
        used = listed.version(brought.version) if listed is not None else None
        if used is not None:
            papers.append(verification.Paper("dataset card", brought.member_id, used.card))
    owner = [problem.owner] if problem is not None else []
    for member in sorted({*owner, current.spec.solver, *current.enrolled}):
        admitted = view.members.get(member)
        if admitted is not None and any(admitted.profile):
            papers.append(verification.Paper("profile", member, ids.Digest(admitted.profile)))
    return tuple(papers)


def recompute(opened: homes.Opened, run_id: ids.RunId) -> "state.State":
    """Return the state that a run agreed on, computed again from its sums with this home's reader key.

    Raises:
        errors.InputError: this home neither holds a state of the run nor may read its sums.
        errors.VerificationFailed: the run's record does not hold.
        errors.BlobNotFound: sums or vectors were erased after their retention time.
    """
    _check_readable(opened, run_id)
    report = verify(opened, run_id, Source.READER, with_papers=False)  # no profile may keep a reader from its model
    if report.problem is not None:
        raise errors.VerificationFailed(report.problem, which=ids.format_id(run_id))
    if report.agreed is None:
        raise errors.BlobNotFound(
            "the store has not every byte of this run's sums any more", which=ids.format_id(run_id)
        )
    return report.agreed


def _check_readable(opened: homes.Opened, run_id: ids.RunId) -> None:
    """Check that this home's reader key opens a run's sums; raises ``errors.InputError``, which says who can read them."""
    current = opened.desk.run(run_id)
    member = opened.desk.view().member_of_account(opened.registry.address)
    named = _named_readers(opened, current)
    took_part = current.roster is not None and member in current.roster.member_ids
    if named is None or (member in named and not took_part):
        return
    others = f" and member{'s' if len(named) > 1 else ''} {', '.join(map(str, sorted(named)))}" if named else ""
    raise errors.InputError(
        f"this model can be read by its participants{others}",
        which=f"run {ids.format_id(run_id)[:14]}",
        got="a participant's home without its node's states" if took_part else "a home that is neither",
        next_step="use the home of the node that took part"
        if took_part
        else "ask one of them for the file that `model download` writes for them",
    )


def _named_readers(opened: homes.Opened, current: "views.RunView") -> set[int] | None:
    """Return the readers that a run's terms name; ``None`` when the terms are lost or changed."""
    from aicommons.node import agent as agents

    try:
        return {reader.member_id for reader in agents.read_terms(opened.store, current).terms.readers}
    except errors.PermanentError:
        return None


def _reader(opened: homes.Opened, current: "views.RunView") -> "verification.VerifyingReader":
    from aicommons.node import verification

    member = opened.desk.member_id()
    if current.roster is not None and member in current.roster.member_ids:
        raise errors.InputError(
            "it took part in this run, so the sums are sealed to its key for the run, which its node erases at the end, "
            "and not to its reader key",
            which=f"member {member}",
            next_step="verify with the sums that its node kept: `--from-home node`, on the home of that node",
        )
    named = _named_readers(opened, current)
    if named is not None and member not in named:  # lost or changed terms are the verification's to name
        raise errors.InputError(
            "this member is not a reader that the run's terms name",
            which="reader",
            expected=f"one of the members {sorted(named)}",
            got=f"member {member}",
            next_step="verify without a key, or ask one of these members",
        )
    return verification.VerifyingReader(member, app.reader_secret(homes.unlock(opened.home.wallet_file)))


def _kept(opened: homes.Opened, run_id: ids.RunId, current: "views.RunView") -> "dict[int, journal.SumRecord]":
    """Return the sums that this home's node kept of a run, by round."""
    from aicommons.owner import progress

    kept: dict[int, journal.SumRecord] = {}
    with progress.own_journal(opened) as found:
        if found is not None:
            rounds = {place[0]: found.sum(run_id, place[0]) for place in current.attempts}
            kept = {round_index: record for round_index, record in rounds.items() if record is not None}
    if not kept:
        raise errors.InputError(
            "this home's node kept no sums of this run",
            which=str(opened.home.journal_file),
            next_step="verify without a key, or with a reader's key: `--from-home reader`",
        )
    return kept
