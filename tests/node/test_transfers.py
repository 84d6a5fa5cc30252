"""Several transfers side by side: how many at once, in which order, and what becomes of failures."""

import threading
from collections.abc import Callable

import pytest

from aicommons.domain import errors
from aicommons.node import transfers

WIDTH = 3


class Counting:
    """Counts how many works are under way; each waits until ``WIDTH`` of them are."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._full = threading.Barrier(WIDTH, timeout=10)

    def work(self) -> int:
        """Return how many are under way."""
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self._full.wait()
        with self._lock:
            self.now -= 1
        return self.most


def test_transfers_are_side_by_side_and_never_more_than_the_width() -> None:
    """So many transfers as the width says are under way at once, and never more."""
    counting = Counting()
    transfers.all_done([counting.work] * (4 * WIDTH), WIDTH)
    assert counting.most == WIDTH


def test_a_width_of_one_does_nothing_ahead() -> None:
    """Where one transfer is made at a time, nothing is done before it is asked for, and nothing beforehand."""
    done: list[int] = []
    works = [lambda number=number: done.append(number) for number in range(3)]
    transfers.bring(works, 1)
    results = transfers.ahead(works, 1)
    assert done == []
    for each in reversed(results):
        each()
    assert done == [2, 1, 0]


def failing(which: str) -> Callable[[], None]:
    """Return a work that fails."""

    def fail() -> None:
        raise errors.BlobNotFound("not there", which=which)

    return fail


def test_all_is_done_before_the_first_failure_is_told() -> None:
    """Of several failures the first in order is raised, after everything that can be done is done."""
    done: list[str] = []
    works = [lambda: done.append("one"), failing("two"), lambda: done.append("three"), failing("four")]
    with pytest.raises(errors.BlobNotFound, match="two"):
        transfers.all_done(works, WIDTH)
    assert sorted(done) == ["one", "three"]


def test_what_is_brought_beforehand_may_fail() -> None:
    """An expected failure of what is brought beforehand is left to whoever asks for it; a bug is not."""
    transfers.bring([failing("one"), failing("two")], WIDTH)
    with pytest.raises(ZeroDivisionError):
        transfers.bring([lambda: 1 // 0, failing("two")], WIDTH)


@pytest.mark.parametrize(("blob_bytes", "expected"), [(1, 4), (2**23, 4), (2**24, 2), (2**25, 1), (2**30, 1), (0, 4)])
def test_long_blobs_are_moved_one_by_one(blob_bytes: int, expected: int) -> None:
    """Fewer blobs are under way the longer they are, so that they fit into memory; one always is."""
    assert transfers.width_for(4, blob_bytes) == expected
