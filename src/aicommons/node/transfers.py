"""Several transfers side by side: far from the store a round is as long as its round trips, not as its work.

Used where a handler needs several blobs before it can go on. How many are under way at once is the agent's ``width``, which a
simulation leaves at one: then nothing here starts a thread and everything happens in the order in which it is asked for.
Threads end with the call, because a node forks children. Left out: trying again, which the reconciler does.
"""

import contextvars
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import TypeVar

from aicommons.domain import errors

MOST_BYTES = 2**25
"""Bytes of blobs that are under way at once, unless a single one is longer."""

Result = TypeVar("Result")


def width_for(width: int, blob_bytes: int) -> int:
    """Return how many blobs of ``blob_bytes`` are moved at once: ``width`` at most, so that long ones fit into memory."""
    return max(1, min(width, MOST_BYTES // max(1, blob_bytes)))


def ahead(works: Sequence[Callable[[], Result]], width: int) -> list[Callable[[], Result]]:
    """Return for each of ``works`` what gives its result, or raises what it raised; at most ``width`` at a time are done.

    With a width of one nothing is done before it is asked for.
    """
    if width < 2 or len(works) < 2:
        return list(works)
    with futures.ThreadPoolExecutor(min(width, len(works))) as pool:
        begun = [pool.submit(contextvars.copy_context().run, work) for work in works]
    return [each.result for each in begun]


def bring(works: Sequence[Callable[[], object]], width: int) -> None:
    """Do ``works`` beforehand whose results are kept elsewhere, at most ``width`` at a time; with a width of one, nothing.

    What fails in an expected way is left to whoever asks for it next: that one alone is tried again.
    """
    if width < 2 or len(works) < 2:
        return
    for result in ahead(works, width):
        try:
            result()
        except errors.CommonsError:
            continue


def all_done(works: Sequence[Callable[[], object]], width: int) -> None:
    """Do all of ``works``, at most ``width`` at a time; the first failure in their order is raised, once none is under way."""
    for result in ahead(works, width):
        result()
