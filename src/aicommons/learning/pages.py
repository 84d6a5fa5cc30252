"""Arrays mapped from a disk, gone through part by part so that no more than a part is ever in memory.

A map of a file reads a page when it is touched and keeps it: after one pass a table of 10 GB would be 10 GB of this process's
memory, taken away only when the whole machine runs short. Called by ``records`` and ``splitting``. Making maps is
``data/prepared``'s business.
"""

import mmap
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Kind = TypeVar("Kind", bound=np.generic)


def parts(array: npt.NDArray[Kind], rows: int) -> Iterator[npt.NDArray[Kind]]:
    """Yield copies of ``rows`` rows at a time, first to last."""
    for start in range(0, len(array), rows):
        found = np.array(array[start : start + rows])
        release(array)
        yield found


def release(array: npt.NDArray[Any]) -> None:
    """Let go of the pages of the file that ``array`` is a map of; an array that is none stays as it is.

    What is looked at again is read again, mostly from the system's cache. Maps that can be written to are left alone: what was
    written to a private one would be lost.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise") and not array.flags.writeable:
        base.madvise(mmap.MADV_DONTNEED)
