"""``commons problem commit`` and ``reveal``: take part in a contest without others being able to copy.

Added to the noun ``problem``. What was fixed and its salt lie in the home until they are shown: without the salt nobody,
its owner neither, can show the submission.
"""

import json
import pathlib
import secrets
from typing import TYPE_CHECKING

import click

from aicommons import app
from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.protocol import money as moneys


@click.command("commit")
@click.argument("problem")
@click.argument("submission")
@output.json_option
def commit(problem: str, submission: str) -> None:
    """Fix SUBMISSION (a run, or a document's digest) to the contest PROBLEM without showing it.

    What you fixed lies in your home until you show it with `commons problem reveal`: back the home up. If this was cut off,
    run it again.
    """
    opened = homes.act_as_member()
    problem_id = naming.resolve(problem, opened.desk.view().problems, "problem")
    wanted, money = naming.parse_digest(submission), opened.desk.money
    folder = _folder(opened, problem_id)
    salt = next((salt for kept, salt in _all_kept(folder) if kept == wanted), None) or secrets.token_bytes(32)
    commitment = money.commitment(problem_id, wanted, salt)
    file = folder / f"{commitment.hex()}.json"
    # Before anything is sent, and never deleted: whoever brings the call can say that it failed and be wrong.
    app.write_private(file, json.dumps({"submission": ids.format_id(wanted), "salt": ids.format_id(salt)}) + "\n")
    mine = money.problem(problem_id).commitments.get(opened.desk.member_id())
    if mine != commitment:
        money.commit(problem_id, commitment)
    contest = times(opened.desk.money.problem(problem_id))
    output.emit(
        {
            "problem": ids.format_id(problem_id),
            "submission": ids.format_id(wanted),
            "commitment": ids.format_id(commitment),
            "kept_in": str(file),
        },
        f"Your submission to problem {naming.short(problem_id)} is fixed, and nobody can read it.",
        *in_words(contest),
        f"  What shows it lies in {file}; nobody can make it again.",
        f"Next, in the days to show: `{output.command(f'problem reveal {naming.short(problem_id)}')}`.",
    )


@click.command("reveal")
@click.argument("problem")
@output.json_option
def reveal(problem: str) -> None:
    """Show what you fixed to the contest PROBLEM; who does not cannot earn its money."""
    opened = homes.act_as_member()
    problem_id = naming.resolve(problem, opened.desk.view().problems, "problem")
    stands = opened.desk.money.problem(problem_id).commitments.get(opened.desk.member_id())
    if stands is None:
        raise errors.InputError(
            "you fixed nothing to this problem",
            which=naming.short(problem_id),
            next_step=f"run `{output.command(f'problem commit {naming.short(problem_id)} SUBMISSION')}` first",
        )
    submission, salt = _kept(_folder(opened, problem_id) / f"{stands.hex()}.json")
    opened.desk.money.reveal(problem_id, submission, salt)
    output.emit(
        {"problem": ids.format_id(problem_id), "submission": ids.format_id(submission)},
        f"Shown to everybody: your submission {naming.short(submission)} to problem {naming.short(problem_id)}.",
        f"Next: wait for the judge; see `{output.command(f'problem show {naming.short(problem_id)}')}`.",
    )


COMMANDS = (commit, reveal)


def times(problem: "moneys.ProblemView") -> tuple[int, int] | None:
    """Return until when submissions are fixed, and until when they are shown; ``None`` if it is no contest."""
    stated = problem.contest
    return None if stated is None else (stated.commit_until, stated.reveal_until)


def in_words(contest: tuple[int, int] | None) -> list[str]:
    """Return the times of a contest in words."""
    if contest is None:
        return []
    fixed, shown = map(naming.when, contest)
    return [f"  a contest: submissions are fixed until {fixed}, then shown until {shown}"]


def described(problem: "moneys.ProblemView") -> dict[str, object] | None:
    """Return a contest as JSON has it."""
    if problem.contest is None:
        return None
    return {
        "commit_until": problem.contest.commit_until,
        "reveal_until": problem.contest.reveal_until,
        "committed": sorted(problem.commitments),
        "shown": {str(member): ids.format_id(what) for member, what in sorted(problem.submissions.items())},
    }


def _folder(opened: homes.Opened, problem_id: bytes) -> pathlib.Path:
    return opened.home.path / "submissions" / problem_id.hex()


def _all_kept(folder: pathlib.Path) -> list[tuple[bytes, bytes]]:
    """Return submission and salt of everything that was ever fixed to a problem, sent or not."""
    return [_kept(file) for file in sorted(folder.glob("*.json"))]


def _kept(file: pathlib.Path) -> tuple[bytes, bytes]:
    try:
        body = json.loads(file.read_text())
        return ids.parse_bytes32(body["submission"]), ids.parse_bytes32(body["salt"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, errors.DecodeError) as err:
        raise errors.InputError(
            "what was fixed cannot be read", which=str(file), next_step="put the file back from your backup"
        ) from err
