"""Rows that this home has listed before: the same file or source under a second number.

Called by ``dataset publish`` and ``dataset release``. What protects rows hangs on the dataset's number: the register of people's
consents, the record of what was told, the noise on counts. Copies that were changed, and other queries on the same database, are not
noticed.
"""

import pathlib

from aicommons import app
from aicommons.domain import errors


def check(
    home: app.Home, place: pathlib.Path | str, how: app.HowRead, *, version_of: int | None, reason: str | None
) -> None:
    """Check that a source is not another dataset's, or that its owner says why it may be.

    Args:
        home: whose datasets they are.
        place: the source, as ``keep_dataset`` takes it.
        how: what is kept beside it.
        version_of: the dataset that a new version is published of, which may have the same source.
        reason: why the same rows may be listed again.

    Raises:
        errors.InputError: people are asked for these rows under another number, or they are listed and no reason was given.
    """
    path = place if isinstance(place, str) else str(place.resolve())
    entry: app.KnownDataset = {"path": path, "title": "", "minimum_cohort": 0, **how}  # type: ignore[typeddict-item]
    found = home.listed_rows(entry, but=version_of)
    for number, asks_people in found.items():
        if asks_people:
            raise errors.InputError(
                "people are asked before these rows are used, as another dataset",
                which=f"dataset {number}",
                next_step=f"publish a new version of that one (--version-of {number}): a second dataset would have no register, "
                "and everybody in it, also those who withdrew",
            )
    if found and not (reason and reason.strip()):
        number = min(found)
        raise errors.InputError(
            "this home has listed these rows already",
            which=f"dataset {number}",
            next_step=f"publish a new version of it (--version-of {number}), or say why they are listed twice: --same-rows REASON. "
            "What the two tell together is not held against each other",
        )
