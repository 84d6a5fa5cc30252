"""Prepared arrays of a table, kept on the owner's disk so that a large file is read and checked once.

Called by ``node/`` before each training. One folder (mode 0700) for each table; in it one folder for each pair of file
content and schema, so a changed file or another schema is read anew. Arrays are ``.npy`` files without pickles, mapped
into memory instead of loaded. ``erase`` removes all of it: these files are as private as the table itself.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from aicommons.data import columns, reading
from aicommons.domain import errors, schema

FORMAT = 3
"""Changed whenever the meaning of the files does; older ones are then read anew."""


@dataclasses.dataclass(frozen=True, slots=True)
class SourceDigest:
    """Which content a file had."""

    size: int
    """Bytes."""
    sha256: str
    """SHA-256 of its bytes, hexadecimal."""


def digest_of(path: pathlib.Path) -> SourceDigest:
    """Return size and SHA-256 of the file at ``path``.

    Raises:
        errors.TableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return SourceDigest(file.tell(), digest)
    except OSError as err:
        raise errors.TableError("the file cannot be read", which=str(path), got=err.strerror) from err


def prepare(
    path: pathlib.Path,
    plan: schema.Schema,
    folder: pathlib.Path,
    *,
    group: str | None = None,
    checks: reading.Checks | None = None,
    persons: reading.Persons | None = None,
) -> columns.Columns:
    """Return the arrays of the table at ``path``, from ``folder`` if they are there, else read and kept there.

    The arrays are read-only maps of files in ``folder``. What was kept for another content or another schema is removed.

    Raises:
        errors.TableError: as ``reading.read_table``; then nothing is kept.
        errors.StorageFull: no room in ``folder``; nothing is kept.
    """
    kept = folder / _key(digest_of(path), plan, group, checks=checks or reading.Checks(), persons=persons)
    found = _load(kept, plan.width)
    if found is not None:
        return found
    table = reading.read_table(path, plan, group=group, checks=checks, persons=persons)
    with _disk_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        _remove_all_but(folder, kept.name)
        _save(table, kept)
    return _load(kept, plan.width) or table


def erase(folder: pathlib.Path) -> None:
    """Remove everything that was kept in ``folder``; erasing nothing is no error."""
    if folder.exists():
        shutil.rmtree(folder)


def _key(
    source: SourceDigest,
    plan: schema.Schema,
    group: str | None,
    *,
    checks: reading.Checks,
    persons: reading.Persons | None,
) -> str:
    document = {
        "format": FORMAT,
        "source": dataclasses.asdict(source),
        "schema": schema.to_document(plan),
        "group": group,
        "checks": dataclasses.asdict(checks),
        "persons": None if persons is None else persons.digest.hex(),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _save(table: columns.Columns, kept: pathlib.Path) -> None:
    """Write all files into a new folder and give it its name last, so that half a table is never found."""
    building = pathlib.Path(tempfile.mkdtemp(prefix="building-", dir=kept.parent))
    try:
        for name in ("features", "target"):
            with (building / f"{name}.npy").open("wb") as file:
                np.save(file, getattr(table, name), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        about = {
            "groups": table.groups,
            "persons": table.persons,
            "dropped": table.dropped,
            "notices": table.notices,
        }
        (building / "about.json").write_text(json.dumps(about), encoding="utf-8")
        building.rename(kept)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _load(kept: pathlib.Path, width: int) -> columns.Columns | None:
    """Return what was kept, or ``None`` when there is nothing or not all of it."""
    try:
        about: dict[str, Any] = json.loads((kept / "about.json").read_bytes())
        features, target = (
            np.load(kept / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("features", "target")
        )
        if len(features) != len(target) or features.shape[1:] != (width,):
            return None
        groups, persons = about["groups"], about["persons"]
        return columns.Columns(
            features=features,
            target=target,
            groups=None if groups is None else tuple(groups),
            dropped=about["dropped"],
            notices=tuple(about["notices"]),
            persons=None if persons is None else tuple(persons),
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _remove_all_but(folder: pathlib.Path, name: str) -> None:
    for entry in folder.iterdir():
        if entry.name != name:
            shutil.rmtree(entry, ignore_errors=True)
    # A folder of the right name that could not be loaded is damaged.
    shutil.rmtree(folder / name, ignore_errors=True)


@contextlib.contextmanager
def _disk_errors(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise errors.StorageFull("prepared arrays cannot be written", which=str(folder), got=err.strerror) from err
