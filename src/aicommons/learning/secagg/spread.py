"""Work on the chunks of one vector, spread over the machine's cores.

Masking, mask sums, checks and readings call `over_chunks`: ciphers, hashes and NumPy let other threads run meanwhile, so that
threads use all cores without copying the vector to other processes. Ring arithmetic is exact and results come in the
order of the chunks, so the number of threads changes no byte. Threads end with the call: a node forks children. Whoever
spreads whole jobs over the cores does each of them `on_one_core`.
"""

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import TypeVar

GROUP = 4
"""Chunks of one piece of work: a megabyte, large against what handing it to a thread costs."""

Result = TypeVar("Result")

_IS_ALONE = contextvars.ContextVar("_IS_ALONE", default=False)


def over_chunks(chunks: int, work: Callable[[range], Result]) -> Iterator[Result]:
    """Yield what ``work`` returns for groups of consecutive chunks, in order; whatever it raises is raised here.

    Args:
        chunks: number of chunks of the vector.
        work: called with the numbers of some of them; calls may run at once, so it has its own buffers.
    """
    groups = [range(start, min(start + GROUP, chunks)) for start in range(0, chunks, GROUP)]
    threads = 1 if _IS_ALONE.get() else min(cores(), len(groups))
    if threads < 2:
        yield from map(work, groups)
        return
    with futures.ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, groups)


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Start no threads for what this thread does inside: other jobs are at work on the other cores."""
    token = _IS_ALONE.set(True)
    try:
        yield
    finally:
        _IS_ALONE.reset(token)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
