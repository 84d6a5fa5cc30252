"""One ledger behind several endpoints: asks the first that is well, and the next when that one fails.

Made by ``app`` where a home names more than one endpoint. Each endpoint is held against the deployment before it is first
used; one that is another chain, or has other code, is never used. A transaction is given to one endpoint only: when the
answer is lost, whoever sent it (``sending``) looks for it elsewhere before it is given to another. What belongs together is
read from one endpoint (``steadily``), because two endpoints seldom have the same newest block.
Left out: whether an answer is true (``reading``, ``sending``).
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from aicommons.domain import errors
from aicommons.ledger import rpc

log = logging.getLogger("aicommons.ledger")

T = TypeVar("T")
FIRST_REST = 5.0
"""Seconds for which an endpoint is left alone after it failed; doubled each time."""
LONGEST_REST = 300.0
WRITE = b'"eth_sendRawTransaction"'


class Endpoint:
    """One of several ways to the ledger, and how it has done.

    Args:
        name: as messages show it.
        connection: to it.
    """

    def __init__(self, name: str, connection: rpc.Rpc) -> None:
        self.name = name
        self.connection = connection
        self.is_vetted = False
        self.refused: errors.LedgerMismatch | None = None
        """Why it is never used: it is not this ledger."""
        self.failures = 0
        """One after the other, up to now."""
        self.rests_until = 0.0


class FailoverRpc:
    """Several endpoints of one ledger, in the order in which their owner prefers them."""

    def __init__(
        self,
        endpoints: Mapping[str, rpc.Rpc],
        vet: Callable[[rpc.Rpc], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            endpoints: name -> connection, the preferred first.
            vet: raises ``errors.LedgerMismatch`` where a connection does not lead to this ledger.
            clock: seconds, never backwards.
        """
        self._endpoints = [Endpoint(name, connection) for name, connection in endpoints.items()]
        self._vet = vet
        self._clock = clock
        self._lock = threading.RLock()

    def exchange(self, payload: bytes) -> bytes:
        """Return the answer of the first endpoint that gives one; a transaction is given to one endpoint only.

        Raises:
            errors.LedgerUnreachable: none answered, or the one that a transaction was given to did not.
            errors.LedgerMismatch: none is this ledger.
            rpc.AnswerTooLong: ask for less.
        """
        if WRITE in payload:
            return self._first(lambda one: one.exchange(payload), is_write=True)
        return self._first(lambda one: one.exchange(payload))

    def steadily(self, work: Callable[[rpc.Rpc], T]) -> T:
        """Return what ``work`` makes of one endpoint; it begins anew with the next when that one fails or contradicts itself.

        Raises:
            errors.LedgerReorganised, errors.LedgerMismatch: what ``work`` found at every endpoint that answered.
            errors.LedgerUnreachable: none answered.
        """
        return self._first(work)

    def _first(self, work: Callable[[rpc.Rpc], T], *, is_write: bool = False) -> T:
        failures: list[tuple[Endpoint, errors.CommonsError]] = []
        for endpoint in self._in_order():
            if endpoint.refused is not None:
                failures.append((endpoint, endpoint.refused))
                continue
            is_given = False
            try:
                self._admit(endpoint)
                is_given = is_write
                done = work(_Willing(endpoint))
            except rpc.AnswerTooLong:
                raise
            except (errors.LedgerUnreachable, errors.LedgerReorganised, errors.LedgerMismatch) as err:
                self._rest(endpoint, err)
                failures.append((endpoint, err))
                if is_given:
                    raise
            else:
                endpoint.failures, endpoint.rests_until = 0, 0.0
                return done
        raise _worst(failures)

    def _in_order(self) -> list[Endpoint]:
        """Return those that are well, in order of preference, then those that rest, whose rest ends first."""
        now = self._clock()
        return sorted(self._endpoints, key=lambda each: each.rests_until if each.rests_until > now else 0.0)

    def _admit(self, endpoint: Endpoint) -> None:
        with self._lock:
            if endpoint.is_vetted:
                return
            try:
                self._vet(endpoint.connection)
            except errors.LedgerMismatch as err:
                endpoint.refused = err
                log.warning("%s is never asked: %s", endpoint.name, err)
                raise
            except rpc.RpcFailure as err:
                raise errors.LedgerUnreachable(str(err), which=endpoint.name) from err
            endpoint.is_vetted = True

    def _rest(self, endpoint: Endpoint, err: errors.CommonsError) -> None:
        endpoint.failures += 1
        rest = min(LONGEST_REST, FIRST_REST * 2 ** min(endpoint.failures - 1, 10))
        rest = max(rest, err.delay) if isinstance(err, errors.TemporaryError) else rest
        endpoint.rests_until = self._clock() + min(rest, LONGEST_REST)
        if endpoint.refused is None:
            # A server that lost its data, or another behind the same name, would else be believed to be the one before.
            endpoint.is_vetted = endpoint.is_vetted and not isinstance(err, errors.LedgerMismatch)
            log.warning("%s is left alone for %.0f s: %s", endpoint.name, min(rest, LONGEST_REST), err)


class _Willing:
    """An endpoint whose refusal to answer now, in an answer, counts as no answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def exchange(self, payload: bytes) -> bytes:
        """Return the answer; raises ``errors.LedgerUnreachable`` where the endpoint is too busy to give one."""
        answer = self._endpoint.connection.exchange(payload)
        if b'"error"' in answer:
            _check_willing(answer, self._endpoint.name)
        return answer


def _check_willing(answer: bytes, name: str) -> None:
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return  # whoever asked finds that out
    for each in read if isinstance(read, list) else [read]:
        told = each.get("error") if isinstance(each, dict) else None
        if isinstance(told, dict) and rpc.is_too_often(told.get("code"), str(told.get("message"))):
            raise errors.LedgerUnreachable(f"asked too often: {str(told.get('message'))[:200]}", which=name)


def _worst(failures: list[tuple[Endpoint, errors.CommonsError]]) -> errors.CommonsError:
    """Return what to say when no endpoint was of use: what one of them found outweighs that others were silent."""
    ours = [err for endpoint, err in failures if endpoint.refused is None] or [err for _, err in failures]
    for kind in (errors.LedgerReorganised, errors.LedgerMismatch, rpc.Lagging):
        for err in ours:
            if isinstance(err, kind):
                return err
    told = "; ".join(f"{endpoint.name}: {err.message}" for endpoint, err in failures)
    soonest = min((err.delay for _, err in failures if isinstance(err, errors.TemporaryError)), default=1.0)
    return errors.LedgerUnreachable(f"none of {len(failures)} endpoints answers ({told})", delay=soonest)
