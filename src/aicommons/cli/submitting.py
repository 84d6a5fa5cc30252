"""``commons problem commit`` and ``reveal``: take part in a challenge without others being able to copy.

Added to the noun ``problem``. What was fixed and its salt lie in the home until they are shown: without the salt nobody,
its owner neither, can show the submission.
"""

import json
import os
import pathlib
import secrets
from typing import TYPE_CHECKING

import click

from aicommons.cli import homes, naming, output
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.protocol import money as moneys


@click.command("commit")
@click.argument("problem")
@click.argument("submission")
@output.json_option
def commit(problem: str, submission: str) -> None:
    """Fix SUBMISSION (a run, or a document's digest) to the challenge PROBLEM without showing it.

    What you fixed lies in your home until you show it with `commons problem reveal`: back the home up.
    """
    opened = homes.act_as_member()
    problem_id = naming.resolve(problem, opened.desk.view().problems, "problem")
    file = _file(opened, problem_id)
    output.check_new(file)
    wanted, salt = naming.parse_digest(submission), secrets.token_bytes(32)
    _keep(file, {"problem": problem_id, "submission": wanted, "salt": salt})
    try:
        commitment = opened.desk.money.commit(problem_id, wanted, salt)
    except errors.LedgerRefused:
        file.unlink()
        raise
    challenge = times(opened.desk.money.problem(problem_id))
    output.emit(
        {
            "problem": ids.format_id(problem_id),
            "submission": ids.format_id(wanted),
            "commitment": ids.format_id(commitment),
            "kept_in": str(file),
        },
        f"Your submission to problem {naming.short(problem_id)} is fixed, and nobody can read it.",
        *in_words(challenge),
        f"  What shows it lies in {file}; nobody can make it again.",
        f"Next, in the days to show: `{output.command(f'problem reveal {naming.short(problem_id)}')}`.",
    )


@click.command("reveal")
@click.argument("problem")
@output.json_option
def reveal(problem: str) -> None:
    """Show what you fixed to the challenge PROBLEM; who does not cannot earn its money."""
    opened = homes.act_as_member()
    problem_id = naming.resolve(problem, opened.desk.view().problems, "problem")
    submission, salt = _kept(_file(opened, problem_id))
    opened.desk.money.reveal(problem_id, submission, salt)
    output.emit(
        {"problem": ids.format_id(problem_id), "submission": ids.format_id(submission)},
        f"Shown to everybody: your submission {naming.short(submission)} to problem {naming.short(problem_id)}.",
        f"Next: wait for the judge; see `{output.command(f'problem show {naming.short(problem_id)}')}`.",
    )


COMMANDS = (commit, reveal)


def times(problem: "moneys.ProblemView") -> tuple[int, int] | None:
    """Return until when submissions are fixed, and until when they are shown; ``None`` if it is no challenge."""
    stated = problem.challenge
    return None if stated is None else (stated.commit_until, stated.reveal_until)


def in_words(challenge: tuple[int, int] | None) -> list[str]:
    """Return the times of a challenge in words."""
    if challenge is None:
        return []
    fixed, shown = map(naming.when, challenge)
    return [f"  a challenge: submissions are fixed until {fixed}, then shown until {shown}"]


def described(problem: "moneys.ProblemView") -> dict[str, object] | None:
    """Return a challenge as JSON has it."""
    if problem.challenge is None:
        return None
    return {
        "commit_until": problem.challenge.commit_until,
        "reveal_until": problem.challenge.reveal_until,
        "committed": sorted(problem.commitments),
        "shown": {str(member): ids.format_id(what) for member, what in sorted(problem.submissions.items())},
    }


def _file(opened: homes.Opened, problem_id: bytes) -> pathlib.Path:
    return opened.home.path / "submissions" / f"{problem_id.hex()}.json"


def _keep(file: pathlib.Path, values: dict[str, bytes]) -> None:
    """Write down what shows a submission, before anything is sent."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
        kept.write(json.dumps({name: ids.format_id(value) for name, value in values.items()}) + "\n")
        kept.flush()
        os.fsync(kept.fileno())


def _kept(file: pathlib.Path) -> tuple[bytes, bytes]:
    try:
        body = json.loads(file.read_text())
        return ids.parse_bytes32(body["submission"]), ids.parse_bytes32(body["salt"])
    except FileNotFoundError as err:
        raise errors.InputError(
            "this home fixed nothing to this problem", which=str(file), next_step="run `commons problem commit` first"
        ) from err
    except (OSError, ValueError, KeyError, TypeError, AttributeError, errors.DecodeError) as err:
        raise errors.InputError(
            "what was fixed cannot be read", which=str(file), next_step="put the file back from your backup"
        ) from err
