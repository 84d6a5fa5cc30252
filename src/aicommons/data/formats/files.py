"""What all kinds of files have in common: whether they can be read, what they are by their first bytes, their digest.

Called by ``sources`` to choose a format and by the formats themselves. Nothing is read into memory whole.
"""

import hashlib
import pathlib
from collections.abc import Sequence

from aicommons.domain import errors

MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow-stream",
    b"PK\x03\x04": "excel",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a SQLite database",
}
"""First bytes -> kind of source, or what it is in words where it is none."""


def kind_of(path: pathlib.Path) -> str | None:
    """Return what the file is by its first bytes, ``None`` for what may be delimited text.

    Raises:
        errors.TableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as err:
        raise unreadable(path, err) from err
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def digest_of(path: pathlib.Path) -> str:
    """Return size and SHA-256 of the file at ``path``.

    Raises:
        errors.TableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return f"{file.tell()}:{digest}"
    except OSError as err:
        raise unreadable(path, err) from err


def digest_of_all(folder: pathlib.Path, paths: Sequence[pathlib.Path]) -> str:
    """Return one digest over names and contents of ``paths``, which lie in ``folder``; raises as ``digest_of``."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.relative_to(folder).as_posix()}\0{digest_of(path)}\n".encode())
    return whole.hexdigest()


def unreadable(path: pathlib.Path, err: OSError) -> errors.TableError:
    """Return the error for a file that cannot be read."""
    return errors.TableError(
        "the file cannot be read", which=str(path), expected="a readable file", got=err.strerror or type(err).__name__
    )


def damaged(name: str, expected: str) -> errors.TableError:
    """Return the error for a file whose bytes are not what they claim to be."""
    return errors.TableError(
        "the file is damaged", which=name, expected=expected, next_step="Export or copy the file again."
    )
