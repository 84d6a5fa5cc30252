"""Receipts that were made and not yet handed over: in this process's memory alone, for a quarter of an hour.

A receipt holds the withdrawal code, which is kept nowhere; a page that can be loaded again (paper jams) needs it a little
longer than one answer. Called by the consent desk.
"""

import collections
import secrets
import threading
import time
from collections.abc import Callable

from aicommons.domain import consents, errors

MOST_WAITING = 50
"""Receipts; older ones are forgotten."""
WAIT_SECONDS = 15 * 60


class Tray:
    """Receipts by a name that nobody guesses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: collections.OrderedDict[str, tuple[float, consents.Receipt]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def put(self, receipt: consents.Receipt) -> str:
        """Keep a receipt; return the name under which it can be seen."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._waiting[name] = (self._clock(), receipt)
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
        return name

    def get(self, name: str) -> consents.Receipt:
        """Return a receipt.

        Raises:
            errors.InputError: it was handed over, or waited too long.
        """
        with self._lock:
            at, receipt = self._waiting.get(name, (float("-inf"), None))
            if receipt is None or self._clock() - at > WAIT_SECONDS:
                self._waiting.pop(name, None)
                raise errors.InputError(
                    "this receipt is not shown any more",
                    next_step="print another one from the consent's page; its new code works at this home",
                )
            return receipt

    def drop(self, name: str) -> None:
        """Forget a receipt with its code."""
        with self._lock:
            self._waiting.pop(name, None)
