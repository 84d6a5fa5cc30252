"""Blobs: bytes like any others, whose digest is their own and computed once."""

import hashlib
import pathlib

from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import ids
from aicommons.store import disk, memory


@given(st.binary())
def test_blob_is_its_bytes_and_has_their_digest(data: bytes) -> None:
    """Equality, hash and digest are those of the plain bytes."""
    blob = ids.Blob(data)
    assert (blob, hash(blob)) == (data, hash(data))
    assert ids.digest(blob) == ids.digest(data) == hashlib.sha256(data).digest()
    assert blob.digest is blob.digest


def test_stores_give_back_what_was_put_under_its_own_digest(tmp_path: pathlib.Path) -> None:
    """A store that takes a blob keeps the same bytes under the same name as from plain ones."""
    for store in (memory.MemoryStore(), disk.DiskStore(tmp_path)):
        name = store.put(ids.Blob(b"a blob"))
        assert name == hashlib.sha256(b"a blob").digest()
        assert store.get(name, 6) == b"a blob"


def test_memory_store_keeps_no_view_of_what_may_change() -> None:
    """Bytes that their owner overwrites afterwards stay in the store as they were put."""
    store, room = memory.MemoryStore(), bytearray(b"before")
    name = store.put(memoryview(room))
    room[:] = b"after!"
    assert store.get(name, 6) == b"before"


def test_members_of_one_memory_store_count_what_each_sent() -> None:
    """Two accesses share blobs; only who sent one first has sent it."""
    first = memory.MemoryStore()
    second = first.another()
    name = first.put(b"same")
    second.put(b"same")
    second.put(b"more!")
    assert second.has(name)
    assert (first.sent_bytes, second.sent_bytes) == (4, 5)
