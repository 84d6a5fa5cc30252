"""Which datasets a home brings to a run, and under which consents: one, some named, those of a file, or all that fit.

Called by ``run enrol``. A co-op's office brings thirty sites' datasets to one seat and should not type sixty options; what is
not permitted or does not fit is found before anything is sent. Taking the seat is ``owner/giving``'s.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from aicommons.cli import enrolling, homes, listed, naming, output
from aicommons.domain import errors, run


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """What a seat brings, checked."""

    brought: tuple[tuple[int, bytes], ...]
    """Datasets with the consent of each, at least one."""
    rows: int
    """Complete rows of all of them."""
    notices: tuple[str, ...]
    """What there is to say before it is sent."""


def check_room(chosen: naming.Chosen, absence: run.Absence) -> None:
    """Check that a run still takes another organisation, and that the choice for silence can be made.

    Raises:
        errors.InputError: all seats are taken, or it is ``COVERED``.
    """
    if absence is run.Absence.COVERED:
        raise errors.InputError(
            "no run can cover for a silent site yet: that needs noise on single records",
            which="--absence covered",
            expected="wait or exit",
            next_step="choose `wait` (the run waits for this site) or `exit` (it goes on without it, for good)",
        )
    most = chosen.run.spec.max_participants
    if chosen.run.state is run.RunState.ENROLLING and len(chosen.run.enrolled) >= most:
        raise errors.InputError(
            "all seats of this run are taken",
            which=f"run {naming.short(chosen.run_id)}",
            expected=f"at most {most} organisations; no run takes more than {run.MOST_PARTICIPANTS}",
            next_step="join a co-op that has a seat and let it bring your dataset: docs/how-to/many-sites-behind-one-node.md",
        )


def named(
    chosen: naming.Chosen, numbers: Sequence[int], consents: Sequence[str], text: str | None, *, member: int
) -> tuple[tuple[int, bytes], ...]:
    """Return the datasets of ``member`` that were named on the command line or in a file, each with its consent.

    Raises:
        errors.InputError: no such dataset, or another member's; a consent of another dataset, not one per dataset, a line that cannot be read, no consent, a dataset
            twice, or more than a seat takes.
    """
    if consents and len(consents) != len(numbers):
        raise errors.InputError(
            "not every dataset has its consent",
            which="--consent",
            expected=f"{len(numbers)}, one per --dataset in the same order, or none",
            got=len(consents),
        )
    given = consents or [""] * len(numbers)
    pairs = [*zip(numbers, given, strict=True), *_lines(text or "")]
    if len({number for number, _ in pairs}) < len(pairs) or len(pairs) > run.MOST_DATASETS:
        raise errors.InputError(
            "a dataset is named twice, or too many are",
            which="--dataset",
            expected=f"each once, at most {run.MOST_DATASETS}",
            got=len(pairs),
        )
    for number, _ in pairs:
        owner = listed.find(chosen.view, number).owner
        if owner != member:
            raise errors.InputError(
                "this dataset belongs to another member",
                which=f"dataset {number}",
                expected=f"one of member {member}",
                got=f"one of member {owner}",
                next_step="see `commons dataset list`",
            )
    return tuple((number, _consent(chosen, number, said)) for number, said in pairs)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for place, line in enumerate(text.splitlines(), start=1):
        number, _, consent = (part.strip() for part in line.partition(","))
        if not number or number.startswith("#"):
            continue
        if not number.isascii() or not number.isdigit():
            raise errors.InputError(
                "a line names no dataset",
                which=f"--datasets, line {place}",
                expected="a number, and a consent behind a comma if it matters",
                got=number[:40],
            )
        yield int(number), consent


def _consent(chosen: naming.Chosen, number: int, said: str) -> bytes:
    """Return the consent that was named, or the newest that permits this run."""
    if not said:
        from aicommons.owner import offers

        found = offers.live_consent(chosen.view, number, chosen.run)
        if found is None:
            raise errors.InputError(
                "no live consent permits this run",
                which=f"dataset {number}",
                next_step=f"give one: `{output.command(f'consent give {number}')}`",
            )
        return found
    consent_id = naming.resolve(said, chosen.view.consents, "consent")
    given = chosen.view.consents[consent_id]
    if given.dataset_id != number:
        raise errors.InputError(
            "this consent is for another dataset",
            which=naming.short(consent_id),
            expected=f"dataset {number}",
            got=f"dataset {given.dataset_id}",
        )
    return consent_id


def check(opened: homes.Opened, chosen: naming.Chosen, wanted: Sequence[tuple[int, bytes]]) -> Bundle:
    """Hold every dataset against the run; raises ``errors.InputError`` and as ``enrolling.check_use``, for the first that fails."""
    if not wanted:
        raise errors.InputError(
            "no dataset is named",
            which="--dataset",
            next_step="name one with --dataset, a file with --datasets, or --all",
        )
    rows = 0
    notices: list[str] = []
    for number, consent_id in wanted:
        found = enrolling.check_use(opened, chosen, number, consent_id)
        rows += found.rows
        notices += found.notices
    return Bundle(tuple(wanted), rows, tuple(notices))


def everything(opened: homes.Opened, chosen: naming.Chosen) -> Bundle:
    """Return all of this home's datasets that have a consent for the run and fit it, and why the others do not.

    Raises:
        errors.InputError: none fits, or more than a seat takes.
    """
    rows, brought = 0, []
    notices: list[str] = []
    steps: list[str | None] = []
    for number in sorted(opened.home.datasets()):
        try:
            consent_id = _consent(chosen, number, "")
            found = enrolling.check_use(opened, chosen, number, consent_id)
        except (errors.InputError, errors.UseDenied) as err:
            notices.append(f"Dataset {number} is not brought: {err}")
            steps.append(err.next_step)
            continue
        rows += found.rows
        notices += found.notices
        brought.append((number, consent_id))
    if not brought:
        raise errors.InputError(
            "no dataset of this home fits this run",
            which="--all",
            got=" ".join(notices) or "none",
            next_step=steps[0] if steps else f"publish one: `{output.command('dataset publish')}`",
        )
    if len(brought) > run.MOST_DATASETS:
        raise errors.InputError(
            "more datasets fit than one seat takes",
            which="--all",
            expected=f"at most {run.MOST_DATASETS}",
            got=len(brought),
            next_step="name those that you bring in a file: --datasets FILE",
        )
    return Bundle(tuple(brought), rows, tuple(notices))
