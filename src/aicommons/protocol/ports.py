"""What the node needs from the world, as protocols; adapters in ledger/, store/, data/ and testing implement them.

``node/`` sees only these. Each method says which errors are expected; anything else is a bug.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Protocol

from aicommons.domain import encoding, events, ids, messages, run


class Ledger(Protocol):
    """Where things are agreed."""

    @property
    def place(self) -> encoding.Place:
        """Where TrainingRuns is: chain and address."""

    def poll(self) -> Sequence[events.Event]:
        """Return the events since the last call, in ledger order.

        Raises ``errors.LedgerUnreachable``, or ``errors.LedgerReorganised`` when events were taken back: the next call then
        returns all of them, from the first on.
        """

    def post(
        self, key: encoding.AttemptKey, message: messages.Message, signature: bytes, state_digest: bytes = b""
    ) -> None:
        """Send a signed message of a run and return when it is recorded.

        ``state_digest``: of a Submit the state that it starts from, 32 bytes. Raises ``errors.LedgerRefused`` with the contract's error, or ``errors.LedgerUnreachable``.
        """

    def convict(
        self, key: encoding.AttemptKey, epoch: int, state_digest: bytes, pair: Sequence[tuple[messages.Message, bytes]]
    ) -> None:
        """Convict whoever signed two different messages of one kind on one sid; raises as ``post``.

        Args:
            key: run, round and attempt of the sid.
            epoch: epoch of keys in which the attempt was opened, from 0.
            state_digest: 32 bytes, the state that the sid names.
            pair: the two messages, each with its signature.
        """

    def rotate(self, run_id: ids.RunId, member_id: int = 0) -> None:
        """Ask for a new epoch of keys: anybody when the last is over, in a pause a seat by name; raises as ``post``."""

    def state(self, run_id: ids.RunId) -> run.RunState:
        """Return the run's state as the contract has it now, not as events told; raises like ``poll``."""

    def advance(self, run_id: ids.RunId) -> None:
        """Ask the contract to act on a deadline that is over; raises as ``post``."""

    def drop(self, run_id: ids.RunId, member_id: int) -> None:
        """Ask the contract to put a seat out whose consent is dead; raises as ``post``."""

    def give_back(self, run_id: ids.RunId, member_id: int) -> None:
        """Give a seat's bond back to whoever paid it, once the run is over; raises as ``post``."""

    def register_model(self, run_id: ids.RunId, card: ids.Digest, state_digest: bytes, licence: bytes) -> None:
        """Write a finished run's model down, with ``encoding.licence_code`` of its licence; raises as ``post``."""


class Signer(Protocol):
    """A key that signs and shows itself to nobody."""

    @property
    def address(self) -> ids.Address:
        """Its address."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return 65 bytes r || s || v over ``digest`` (32 bytes)."""


class Store(Protocol):
    """Where bytes are kept by content; never trusted."""

    sent_bytes: int
    """Bytes of blobs that this process had to send, not counting what was there already."""

    def put(self, data: bytes | memoryview) -> bytes:
        """Keep ``data`` and return its SHA-256; raises ``errors.StoreRefused`` or ``errors.StoreUnreachable``."""

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return the bytes of ``digest``, verified, at most ``limit`` of them.

        Raises ``errors.BlobNotFound``, ``errors.DigestMismatch``, ``errors.StoreRefused``, ``errors.StoreUnreachable``.
        """

    def has(self, digest: bytes) -> bool:
        """Return whether ``digest`` is there; raises ``errors.StoreUnreachable``."""

    def erase(self, digest: bytes) -> None:
        """Forget what this node stored; forgetting what is not there is no error."""


class Inputs(Protocol):
    """Others' blobs of rounds under way, kept at this node so that nobody can take them away after a Commit.

    They outlive the process, but not the round; what a power cut takes is fetched again.
    """

    def put(self, run_id: ids.RunId, digest: bytes, data: bytes) -> None:
        """Keep ``data``, whose SHA-256 was checked, for a run; raises ``errors.StorageFull``."""

    def get(self, run_id: ids.RunId, digest: bytes) -> bytes | None:
        """Return the bytes of ``digest``, verified, or ``None`` when they are not here whole."""

    def forget(self, run_id: ids.RunId) -> None:
        """Erase all that is kept for a run."""


class Lane(enum.Enum):
    """Where a job queues, so that a fit of hours in one run holds up no check or sum of another."""

    AT_ONCE = "at once"
    """Well under a second: may be done in the node's own process."""
    ROUND = "round"
    """Checks, sums and figures."""
    FIT = "fit"
    """From the owner's records to a contribution."""


class Runner(Protocol):
    """Runs work that may be long, away from the loop."""

    def start(self, name: str, job: Callable[[], bytes], lane: Lane = Lane.ROUND) -> None:
        """Begin ``job`` under ``name`` once its lane has a place; a name that is under way or done is left alone."""

    def take(self, name: str) -> bytes | None:
        """Return the result once, or ``None`` while it is under way; re-raises the job's CommonsError."""

    def drop_others(self, prefix: str, name: str) -> None:
        """End all jobs whose names begin with ``prefix`` but ``name``, and forget their results: nobody will ask."""


class Clock(Protocol):
    """Time, for deadlines only."""

    def now(self) -> float:
        """Return seconds since 1970."""


Randomness = Callable[[int], bytes]
"""Returns that many random bytes fit for keys."""
