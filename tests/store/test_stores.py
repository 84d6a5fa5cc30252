"""Every store behaves alike: memory, disk and HTTP on one table of rules."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicommons.domain import errors, ids
from aicommons.store import disk, http, memory

Store = memory.MemoryStore | disk.DiskStore | http.HttpStore
ABSENT = ids.digest(b"nobody has this")


@pytest.fixture(params=["memory", "disk", "http"])
def store(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Store:
    """Each kind of store in turn."""
    if request.param == "memory":
        return memory.MemoryStore()
    if request.param == "disk":
        return disk.DiskStore(tmp_path / "disk")
    made: http.HttpStore = request.getfixturevalue("start")().store()
    return made


@pytest.mark.parametrize("length", [0, 1, 65_536, 400_000, 1_000_001])
def test_what_was_put_comes_back(store: Store, length: int) -> None:
    """Bytes of any length come back unchanged under their SHA-256, from bytes and from a view of them."""
    data = os.urandom(length)
    assert store.put(data) == store.put(memoryview(data)) == ids.digest(data)
    assert store.get(ids.digest(data), length) == data
    assert store.has(ids.digest(data))


def test_absent_bytes_are_not_found(store: Store) -> None:
    """What nobody put is not found, and asking does not fail."""
    assert not store.has(ABSENT)
    with pytest.raises(errors.BlobNotFound, match=ids.format_digest(ABSENT)):
        store.get(ABSENT, 10)


@pytest.mark.parametrize("limit", [0, 999, 99_999])
def test_get_keeps_to_its_limit(store: Store, limit: int) -> None:
    """A blob longer than the reader allows is refused, by one byte or by many."""
    digest = store.put(os.urandom(limit + 1))
    with pytest.raises(errors.StoreRefused, match="longer than allowed"):
        store.get(digest, limit)


def test_erased_bytes_are_gone(store: Store) -> None:
    """After erase the bytes are not found; they can be put again."""
    digest = store.put(b"for a while")
    store.erase(digest)
    assert not store.has(digest)
    assert store.get(store.put(b"for a while"), 100) == b"for a while"


@given(chunks=st.lists(st.binary(max_size=300), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_streams_equal_whole_puts(chunks: list[bytes], tmp_path: pathlib.Path) -> None:
    """A stream is stored as its concatenation."""
    store = disk.DiskStore(tmp_path / "streams")
    whole = b"".join(chunks)
    digest = store.put_stream(iter(chunks), limit=len(whole))
    assert digest == ids.digest(whole)
    assert store.get(digest, len(whole)) == whole


def kept(root: pathlib.Path) -> list[str]:
    """Names of all files under ``root``."""
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_stream_over_its_limit_leaves_nothing(tmp_path: pathlib.Path) -> None:
    """A stream that is longer than announced is refused and leaves no file."""
    store = disk.DiskStore(tmp_path)
    with pytest.raises(errors.StoreRefused, match="more bytes"):
        store.put_stream([b"x" * 10, b"y"], limit=10)
    assert kept(tmp_path) == []


def test_full_store_keeps_what_it_has(tmp_path: pathlib.Path) -> None:
    """Over ``max_bytes`` a put is refused, nothing half-written stays, and erasing makes room again."""
    store = disk.DiskStore(tmp_path, max_bytes=1000)
    first = store.put(b"a" * 600)
    with pytest.raises(errors.StorageFull):
        store.put(b"b" * 401)
    assert kept(tmp_path) == [first.hex()]
    assert store.put(b"a" * 600) == first
    store.erase(first)
    store.put(b"b" * 401)


def test_fullness_is_counted_again_at_start(tmp_path: pathlib.Path) -> None:
    """A store that is opened again knows how much it holds."""
    disk.DiskStore(tmp_path, max_bytes=1000).put(b"a" * 600)
    with pytest.raises(errors.StorageFull):
        disk.DiskStore(tmp_path, max_bytes=1000).put(b"b" * 401)


def test_failing_disk_leaves_nothing_half_written(tmp_path: pathlib.Path) -> None:
    """When the disk itself refuses to write on, the put fails with StorageFull and leaves no file."""
    code = """
        import pathlib, resource, signal, sys
        from aicommons.domain import errors
        from aicommons.store import disk
        store = disk.DiskStore(pathlib.Path(sys.argv[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        store.put(b"a" * 90_000)
        try:
            store.put(b"b" * 300_000)
        except errors.StorageFull:
            print("full")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path], check=True, capture_output=True, text=True
    )
    assert done.stdout == "full\n"
    assert kept(tmp_path) == [ids.digest(b"a" * 90_000).hex()]


def test_leftovers_of_killed_writers_are_removed_but_not_those_of_living_ones(tmp_path: pathlib.Path) -> None:
    """At start, incoming files without a living writer go; a blob on its way is left alone."""
    store = disk.DiskStore(tmp_path)
    leftover = tmp_path / "incoming" / "left-by-a-kill"
    leftover.write_bytes(b"half of a blob")
    with store.writer(100) as writer:
        writer.write(b"on its way")
        disk.DiskStore(tmp_path)
        assert not leftover.exists()
        digest = writer.keep()
    assert store.get(digest, 100) == b"on its way"


def test_a_changed_file_is_noticed(tmp_path: pathlib.Path) -> None:
    """One flipped bit on the disk raises DigestMismatch; putting the right bytes under another length repairs nothing."""
    store = disk.DiskStore(tmp_path)
    digest = store.put(b"right bytes")
    path = tmp_path / "blobs" / digest.hex()[:1] / digest.hex()
    path.write_bytes(b"wrong bytes")
    with pytest.raises(errors.DigestMismatch, match=ids.format_digest(digest)):
        store.get(digest, 100)


def test_two_processes_may_share_a_folder(tmp_path: pathlib.Path) -> None:
    """What one store of a folder put, another one of the same folder gets."""
    digest = disk.DiskStore(tmp_path).put(b"shared")
    assert disk.DiskStore(tmp_path).get(digest, 10) == b"shared"


def test_files_are_private(tmp_path: pathlib.Path) -> None:
    """Folders have mode 0700 and blobs 0600: who may read is decided by the server."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as name:
        root = pathlib.Path(name) / "store"
        disk.DiskStore(root).put(b"x")
        modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
