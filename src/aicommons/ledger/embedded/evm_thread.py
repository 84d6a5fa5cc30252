"""The one thread that owns EVM and file: takes requests in order and lets them share commits.

Why: one writer needs no locks, and an fsync is the dearest part of a transaction, so what arrives during one commit
shares the next. An answer that may depend on uncommitted blocks is held until COMMIT returned. Called by ``server``.
Left out: what a request means (``rpc``).
"""

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from aicommons.ledger.embedded import chain, rpc

MAX_GROUP: Final = 64
"""Requests that share one commit at most."""

MAX_GROUP_SECONDS: Final = 0.05
"""A group is committed after this time even when more requests wait, so that nobody waits for a slow neighbour."""

_STACK_BYTES: Final = 64 * 1024 * 1024  # address space only: py-evm recurses in Python for each nested contract call

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Args:
        body: the request's bytes.
        deliver: takes the answer's bytes; called on the EVM thread, must not block or raise.
    """

    body: bytes
    deliver: Callable[[bytes], None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Held:
    """A request whose answer waits for COMMIT."""

    request: Request
    answer: bytes


class EvmThread:
    """Runs requests one after the other until ``stop``.

    Args:
        ledger: the chain; used by this thread alone from ``start`` on.
        served: answers requests about that chain.
    """

    def __init__(self, ledger: chain.Chain, served: rpc.Rpc) -> None:
        self._chain = ledger
        self._rpc = served
        self._on_failure: Callable[[], None] | None = None
        self._has_failed = False
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="evm", daemon=True)

    def start(self, on_failure: Callable[[], None]) -> None:
        """Begin to take requests.

        Args:
            on_failure: called when the thread must end because chain and file cannot be brought into step any more.
        """
        self._on_failure = on_failure
        before = threading.stack_size(_STACK_BYTES)
        try:
            self._thread.start()
        finally:
            threading.stack_size(before)

    @property
    def has_failed(self) -> bool:
        """Whether the thread ended by itself."""
        return self._has_failed

    def submit(self, request: Request) -> None:
        """Queue a request; never blocks."""
        self._requests.put(request)

    def stop(self) -> None:
        """Finish the requests that are queued, commit them and end the thread."""
        self._requests.put(None)
        self._thread.join()

    def _main(self) -> None:
        is_done = False
        try:
            while not is_done:
                is_done = self._run_group(self._requests.get())
        finally:
            if not is_done:
                self._has_failed = True
                _log.critical("the EVM thread ended: chain and file could not be brought into step")
                if self._on_failure is not None:
                    self._on_failure()

    def _run_group(self, request: Request | None) -> bool:
        """Run this request and those that wait with it, then commit; return whether the stop signal came."""
        held: list[_Held] = []
        deadline = time.monotonic() + MAX_GROUP_SECONDS
        while request is not None:
            self._run(request, held)
            if not held or len(held) >= MAX_GROUP or time.monotonic() > deadline:
                break
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
        self._commit(held)
        return request is None

    def _run(self, request: Request, held: list[_Held]) -> None:
        try:
            answer = self._rpc.handle(request.body)
        except chain.GroupLost as err:
            self._lose([*held, _Held(request, b"")], err)
            held.clear()
        except Exception as err:  # noqa: BLE001  (last line of defence: a file must not follow a broken memory)
            _log.exception("a request failed in a way that nobody foresaw")
            self._lose([*held, _Held(request, b"")], self._chain.roll_back(err))
            held.clear()
        else:
            if self._chain.has_open_group:
                held.append(_Held(request, answer))
            else:
                request.deliver(answer)

    def _commit(self, held: list[_Held]) -> None:
        if not held:
            return
        try:
            self._chain.commit()
        except chain.GroupLost as err:
            self._lose(held, err)
        else:
            for one in held:
                one.request.deliver(one.answer)

    def _lose(self, held: list[_Held], err: chain.GroupLost) -> None:
        for one in held:
            one.request.deliver(rpc.failure(one.request.body, str(err)))
