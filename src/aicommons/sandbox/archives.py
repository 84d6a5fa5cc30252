"""The archive of a plan that brings code: a few text files in one canonical order, and what they may be called by.

A solver makes one with ``new_archive``; every node reads it with ``read_archive`` before anything of it is run, so that the
owner approves by its digest what is run later, byte for byte. There is one encoding of the same files: sorted names, no links,
no dates, no owners, no compression (a short archive cannot become a long one). Reading is total: any bytes are an archive or an
``errors.DecodeError``. What the manifest says is in ``manifests``; this module runs nothing and decides nothing.

Layout: ``AICPLAN1``, the number of files (1 byte), then for each file, in ascending order of names, the length of its name
(1 byte), its length (4 bytes, little-endian), its name, its bytes. Nothing follows.
"""

import dataclasses
import difflib
import functools
import json
import pathlib
import re
from collections.abc import Iterator, Mapping

from aicommons.domain import encoding, errors, ids
from aicommons.sandbox import manifests

MAGIC = b"AICPLAN1"
MANIFEST = "manifest.json"
"""The file that says what the code sends and needs."""
MOST_FILES = 64
"""Files in an archive: an owner has to be able to read them."""
MOST_BYTES = 2**20
"""Bytes of all files together."""
LONGEST_NAME = 100
"""Bytes of a name, folders included."""
DEEPEST = 4
"""Parts of a name, the file's own included."""
NAME = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*/)*[A-Za-z_][A-Za-z0-9_]*\.(?:py|json|csv|txt)", re.ASCII)
"""Letters, digits and underscores, one dot: no way up, no hidden file, nothing that a shell or a terminal reads as more."""
WHICH = "code archive"


@dataclasses.dataclass(frozen=True, slots=True)
class Archive:
    """A plan's code, checked in form; nobody has looked at what it does."""

    files: Mapping[str, bytes]
    """Name -> UTF-8 text, in ascending order of names; the manifest among them."""
    manifest: manifests.Manifest
    """What the code says of itself."""
    digest: ids.Digest
    """SHA-256 of the archive's bytes: what an owner approves."""


def new_archive(folder: pathlib.Path) -> bytes:
    """Return the archive of the files in ``folder``; its manifest may be written with spaces and in any order of fields.

    Folders and files whose names begin with a dot and ``__pycache__`` are left out.

    Raises:
        errors.InputError: a file that an archive cannot hold, or a manifest that is wrong; the message names it.
    """
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") or part == "__pycache__" for part in name.split("/")):
            continue
        if path.is_symlink():
            raise errors.InputError("links cannot be in an archive", which=name, next_step="Put a copy in its place.")
        if path.is_file():
            files[name] = _read(path, name)
    if MANIFEST not in files:
        raise errors.InputError("the folder has no manifest", which=str(folder), expected=MANIFEST)
    try:
        files[MANIFEST] = encoding.canonical_json(json.loads(files[MANIFEST]))
        data = encode(files)
        read_archive(data)
    except (ValueError, RecursionError) as err:
        raise errors.InputError("the manifest is not JSON", which=MANIFEST) from err
    except errors.DecodeError as err:
        raise errors.InputError(err.message, which=err.which, expected=err.expected, got=err.got) from err
    return data


def encode(files: Mapping[str, bytes]) -> bytes:
    """Return the one archive of ``files`` (name -> bytes).

    Raises:
        errors.DecodeError: an archive cannot hold them.
    """
    _check_files(files)
    parts = [MAGIC, bytes([len(files)])]
    for name in sorted(files):
        parts += [bytes([len(name)]), len(files[name]).to_bytes(4, "little"), name.encode("ascii"), files[name]]
    return b"".join(parts)


def read_archive(data: bytes) -> Archive:
    """Return the archive in ``data``; any bytes may be given.

    Raises:
        errors.DecodeError: not an archive in its canonical form, a file that it may not hold, or a wrong manifest.
    """
    files = dict(_entries(data))
    _check_files(files)
    if MANIFEST not in files:
        raise errors.DecodeError("the archive has no manifest", which=WHICH, expected=MANIFEST)
    manifest = manifests.read(files[MANIFEST])
    if manifest.entry_file not in files:
        raise errors.DecodeError("the archive lacks its entry module", which=WHICH, expected=manifest.entry_file)
    return Archive(files, manifest, ids.digest(data))


def difference(old: Archive, new: Archive) -> Iterator[str]:
    """Yield the lines of a unified difference of two archives for an owner to read; the manifest field by field.

    Characters that a terminal would act on are shown as escapes.
    """
    for name in sorted({*old.files, *new.files}):
        before, after = (_shown(name, archive.files.get(name, b"")) for archive in (old, new))
        yield from difflib.unified_diff(before, after, f"old/{name}", f"new/{name}", lineterm="")


def _shown(name: str, data: bytes) -> list[str]:
    """Return the lines of a file as people read them."""
    text = data.decode()
    if name == MANIFEST and data:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=True)
    return ["".join(map(_visible, line)) for line in text.split("\n")]


@functools.lru_cache(maxsize=4096)
def _visible(character: str) -> str:
    """Return a character that only shows itself: no control, no reversal of the direction of writing."""
    if character == "\t" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _read(path: pathlib.Path, name: str) -> bytes:
    """Return a file's bytes; raises before a very large one is in memory."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise errors.InputError("the file is too large for an archive", which=name, expected=f"at most {MOST_BYTES} bytes", got=size)  # fmt: skip
    return path.read_bytes()


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes in the order in which they lie; raises for anything but a well-formed, sorted list."""
    if len(data) > MOST_BYTES + len(MAGIC) + 1 + MOST_FILES * (5 + LONGEST_NAME):
        raise errors.DecodeError("the archive is too long", which=WHICH, got=f"{len(data)} bytes")
    if data[: len(MAGIC)] != MAGIC or len(data) == len(MAGIC):
        raise errors.DecodeError("not a code archive", which=WHICH, expected=MAGIC.decode())
    at, before = len(MAGIC) + 1, ""
    for _ in range(data[len(MAGIC)]):
        head = data[at : at + 5]
        if len(head) < 5:
            raise errors.DecodeError("the archive ends early", which=WHICH)
        start = at + 5 + head[0]
        at = start + int.from_bytes(head[1:], "little")
        raw = data[start - head[0] : start]
        if at > len(data) or not raw.isascii():
            raise errors.DecodeError("an entry of the archive is broken", which=WHICH)
        if (name := raw.decode("ascii")) <= before:
            raise errors.DecodeError("the archive's names are not in ascending order", which=WHICH)
        before = name
        yield name, data[start:at]
    if at != len(data):
        raise errors.DecodeError("something follows the archive", which=WHICH, got=f"{len(data) - at} bytes")


def _check_files(files: Mapping[str, bytes]) -> None:
    """Check names, number and size of files, and that all are text."""
    if not 1 <= len(files) <= MOST_FILES:
        raise errors.DecodeError("wrong number of files", which=WHICH, expected=f"1 to {MOST_FILES}", got=len(files))
    if (size := sum(map(len, files.values()))) > MOST_BYTES:
        raise errors.DecodeError("the files are too large", which=WHICH, expected=f"at most {MOST_BYTES} bytes", got=size)  # fmt: skip
    if len({name.casefold() for name in files}) != len(files):
        raise errors.DecodeError("two names differ in case only", which=WHICH)
    for name, text in files.items():
        if len(name) > LONGEST_NAME or name.count("/") >= DEEPEST or not NAME.fullmatch(name):
            raise errors.DecodeError(
                "a file has a name that is not allowed", which=WHICH, got=repr(name[:LONGEST_NAME]),
                expected=f"letters, digits and underscores, at most {DEEPEST} parts, and .py, .json, .csv or .txt",
            )  # fmt: skip
        if not _is_text(text):
            raise errors.DecodeError("a file is not UTF-8 text", which=name)


def _is_text(data: bytes) -> bool:
    """Return whether ``data`` is UTF-8 without zero characters."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False
