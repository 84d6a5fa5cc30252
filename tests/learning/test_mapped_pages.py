"""Arrays mapped from a disk are gone through without the process keeping their pages."""

import itertools
import pathlib
import sys

import numpy as np
import pytest

from aicommons.learning import pages, records, splitting

MEGABYTES = 64
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="resident pages are counted in /proc")


def mapped(path: pathlib.Path, kind: str, shape: tuple[int, ...], mode: str = "r") -> np.ndarray:
    """Write an array of small whole numbers and return a map of it."""
    np.save(path, (np.arange(np.prod(shape)) % 1000).astype(kind).reshape(shape))
    return np.load(path, mmap_mode=mode, allow_pickle=False)


def resident(path: pathlib.Path) -> float:
    """Return how many megabytes of a file this process's maps of it hold in memory."""
    held, is_here = 0, False
    for line in pathlib.Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if not first.endswith(":"):
            is_here = line.endswith(str(path))
        elif is_here and first == "Rss:":
            held += int(line.split()[1])
    return held / 1024


@LINUX
def test_adding_over_a_map_keeps_a_batch_of_it(tmp_path: pathlib.Path) -> None:
    """A pass over 64 MB leaves less than a batch of them in memory, and a second pass finds the same sums."""
    path = tmp_path / "features.npy"
    features = mapped(path, "<f8", (MEGABYTES * 2**17 // 4, 4))
    found = records.chunked(records.Table(features[:-5], np.zeros(len(features) - 5)))
    most = [0.0]

    def partial(table: records.Table) -> dict[str, np.ndarray]:
        most[0] = max(most[0], resident(path))
        return {"sum": table.features.sum(axis=0)}

    first, second = found.fold(partial), found.fold(partial)
    assert np.array_equal(first["sum"], second["sum"])
    assert np.array_equal(first["sum"], np.asarray(features[:-5]).sum(axis=0))
    assert most[0] < MEGABYTES / 4


@LINUX
@pytest.mark.parametrize("by", ["keys", "rows"])
def test_splitting_a_map_keeps_a_part_of_it(tmp_path: pathlib.Path, by: str) -> None:
    """Neither listing 64 MB of keys nor dealing out rows by 64 MB of classes leaves them in memory."""
    path = tmp_path / "values.npy"
    count = MEGABYTES * 2**17 + 1
    most = 0.0
    if by == "keys":
        masks = splitting.masks_by_keys(mapped(path, "<u8", (count,)), seed=1)
    else:
        masks = splitting.masks_by_rows(mapped(path, "<f8", (count,)), count, seed=1)
    for _ in itertools.islice(masks, 40):
        most = max(most, resident(path))
    assert most < MEGABYTES / 4


def test_what_was_written_to_a_private_map_is_kept(tmp_path: pathlib.Path) -> None:
    """A copy-on-write map, and an array that is no map, are left as they are."""
    private = mapped(tmp_path / "a.npy", "<f8", (1000,), mode="c")
    private[3] = -1.0
    plain = np.arange(5)
    pages.release(private)
    pages.release(plain[1:])
    assert private[3] == -1.0
    assert plain.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rows", [1, 7, 10, 11])
def test_parts_are_the_array(rows: int) -> None:
    """Together the parts are the array, and none is longer than asked; no rows give no part."""
    array = np.arange(20).reshape(10, 2)
    found = list(pages.parts(array, rows))
    assert np.array_equal(np.concatenate(found), array)
    assert max(len(part) for part in found) <= rows
    assert list(pages.parts(array[:0], rows)) == []
