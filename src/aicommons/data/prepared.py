"""Prepared arrays of a source, kept on the owner's disk so that it is read and checked once.

Called by ``node/`` before each training. One folder (mode 0700) for each dataset; in it one folder for each pair of
content and wish (schema, split, consents), so a changed file, another schema or a withdrawn consent is read anew. Arrays
are ``.npy`` files without pickles, written batch by batch and mapped into memory: the memory needed does not grow with
the rows. Training rows stand before held-out rows, so that each part is one slice. ``erase`` removes all of it: these
files are as private as the source itself.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, columns, reading, sources
from aicommons.domain import errors, schema

FORMAT = 3
"""Changed whenever the meaning of the files does; older ones are then read anew."""
BLOCK_ROWS = 2**14
"""Rows that are moved together."""

Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True)
class Division:
    """How rows are divided into training and held-out ones."""

    name: str
    """Identity of the rule with its seed and share; part of what kept arrays depend on."""
    masks: Callable[[columns.Columns], Iterator[Mask]]
    """Table -> in blocks, True where a row is held out."""


def prepare(
    source: sources.Named | batches.Opened,
    wanted: reading.Wanted,
    folder: pathlib.Path,
    division: Division | None = None,
) -> columns.Columns:
    """Return the arrays of ``source``, from ``folder`` if they are there, else read and kept there.

    The arrays are read-only maps of files in ``folder``. What was kept for another content or wish is removed.

    Raises:
        errors.TableError: as ``reading.read_table``; then nothing is kept.
        errors.StorageFull: no room in ``folder``; nothing is kept.
    """
    opened = reading.opened_of(source)
    kept = folder / _key(opened, wanted, division)
    found = _load(kept, wanted.plan.width)
    if found is not None:
        return found
    reader = reading.Reader(opened, wanted)
    is_new = not folder.exists()
    try:
        with _disk_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            _remove_all_but(folder, "")
            _build(reader, wanted.plan.width, kept, division)
    except errors.PermanentError:
        if is_new:
            erase(folder)
        raise
    made = _load(kept, wanted.plan.width)
    if made is None:
        raise errors.StorageFull("prepared arrays cannot be read back", which=str(kept))
    return made


def erase(folder: pathlib.Path) -> None:
    """Remove everything that was kept in ``folder``; erasing nothing is no error."""
    if folder.exists():
        shutil.rmtree(folder)


def _key(opened: batches.Opened, wanted: reading.Wanted, division: Division | None) -> str:
    document = {
        "format": FORMAT,
        "source": opened.identity(),
        "schema": schema.to_document(wanted.plan),
        "group": wanted.group,
        "person": wanted.person_column,
        "checks": dataclasses.asdict(wanted.checks),
        "persons": None if wanted.persons is None else wanted.persons.digest.hex(),
        "mapping": wanted.mapped.digest,
        "division": None if division is None else division.name,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _build(reader: reading.Reader, width: int, kept: pathlib.Path, division: Division | None) -> None:
    """Write all files into a new folder and give it its name last, so that half a table is never found."""
    building = pathlib.Path(tempfile.mkdtemp(prefix="building-", dir=kept.parent))
    try:
        with contextlib.ExitStack() as stack:
            features, target, keys = (
                stack.enter_context(Rows(building / f"{name}.npy", shape, kind))
                for name, shape, kind in (
                    ("features", (width,), "<f8"),
                    ("target", (), "<f8"),
                    ("keys", (len(reader.key_columns),), "<u8"),
                )
            )
            for block in reader.blocks():
                features.add(block.features)
                target.add(block.target)
                keys.add(block.keys)
        summary = reader.finish()
        _join_keys(building, has_keys=bool(reader.key_columns))
        about = {
            "dropped": summary.dropped,
            "notices": summary.notices,
            "persons": summary.persons,
            "broken": summary.broken,
            "held_out": None,
        }
        if division is not None:
            about["held_out"] = _divide(building, _mapped(building, about), division)
        (building / "about.json").write_text(json.dumps(about), encoding="utf-8")
        building.rename(kept)
    finally:
        shutil.rmtree(building, ignore_errors=True)


class Rows:
    """A ``.npy`` file to which rows are added; its header is written again at the end, when their number is known."""

    def __init__(self, path: pathlib.Path, shape: tuple[int, ...], kind: str) -> None:
        """Begin the file.

        Args:
            path: where it lies.
            shape: of one row.
            kind: NumPy's name of the numbers.
        """
        self._path, self._shape, self._kind = path, shape, kind
        self._rows = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._header(self._file)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        file = self._open()
        with file:
            end = file.tell()
            file.seek(0)
            self._header(file)
            file.seek(end)
            file.flush()
            if kind is None:
                os.fsync(file.fileno())

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Add rows of the file's shape."""
        self._open().write(np.ascontiguousarray(rows, dtype=self._kind).tobytes())
        self._rows += len(rows)

    def _header(self, file: IO[bytes]) -> None:
        # NumPy leaves room in a header for the first axis to grow, so that its length stays the same.
        about = {"descr": self._kind, "fortran_order": False, "shape": (self._rows, *self._shape)}
        np.lib.format.write_array_header_1_0(file, about)

    def _open(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file


def _join_keys(building: pathlib.Path, *, has_keys: bool) -> None:
    """Make one key of a group's and a person's; no file where there is none."""
    path = building / "keys.npy"
    if not has_keys:
        path.unlink()
        return
    rows, sides = np.load(path, mmap_mode="r", allow_pickle=False).shape
    joined: Iterator[npt.NDArray[np.uint64]]
    if sides == 1:
        joined = (_part(path, slice(start, start + BLOCK_ROWS))[:, 0] for start in range(0, rows, BLOCK_ROWS))
    else:
        joined = iter([reading.together(_part(path, slice(0, rows)))])
    with Rows(building / "joined.npy", (), "<u8") as file:
        for part in joined:
            file.add(part)
    (building / "joined.npy").replace(path)


def _divide(building: pathlib.Path, table: columns.Columns, division: Division) -> int:
    """Write training rows before held-out ones; return how many are held out."""
    masks = building / "held.npy"
    with Rows(masks, (), "|b1") as file:
        for mask in division.masks(table):
            file.add(mask)
    held = np.load(masks, mmap_mode="r", allow_pickle=False)
    for name, array in (("features", table.features), ("target", table.target), ("keys", table.keys)):
        if array is None:
            continue
        path = building / f"{name}.npy"
        with Rows(building / "divided.npy", array.shape[1:], array.dtype.str) as file:
            for wanted in (False, True):
                for start in range(0, len(held), BLOCK_ROWS):
                    part = slice(start, start + BLOCK_ROWS)
                    file.add(_part(path, part)[held[part] == wanted])
        (building / "divided.npy").replace(path)
    count = sum(int(held[start : start + BLOCK_ROWS].sum()) for start in range(0, len(held), BLOCK_ROWS))
    masks.unlink()
    return count


def _part(path: pathlib.Path, part: slice) -> npt.NDArray[Any]:
    """Return some rows of a file by a map of their own: pages that one long map has touched would all stay in memory."""
    found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)[part]
    return found


def _load(kept: pathlib.Path, width: int) -> columns.Columns | None:
    """Return what was kept, or ``None`` when there is nothing or not all of it."""
    try:
        found = _mapped(kept, json.loads((kept / "about.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    lengths = {len(found.features), len(found.target), *(() if found.keys is None else (len(found.keys),))}
    return found if len(lengths) == 1 and found.features.shape[1:] == (width,) else None


def _mapped(kept: pathlib.Path, about: dict[str, Any]) -> columns.Columns:
    """Return the arrays in a folder as maps."""
    features, target = (
        np.load(kept / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("features", "target")
    )
    keys = kept / "keys.npy"
    persons = about["persons"]
    return columns.Columns(
        features=features,
        target=target,
        keys=np.load(keys, mmap_mode="r", allow_pickle=False) if keys.exists() else None,
        dropped=about["dropped"],
        notices=tuple(about["notices"]),
        persons=None if persons is None else tuple(persons),
        broken=about["broken"],
        held_out=about["held_out"],
    )


def _remove_all_but(folder: pathlib.Path, name: str) -> None:
    for entry in folder.iterdir():
        if entry.name != name:
            shutil.rmtree(entry, ignore_errors=True)


@contextlib.contextmanager
def _disk_errors(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise errors.StorageFull("prepared arrays cannot be written", which=str(folder), got=err.strerror) from err
