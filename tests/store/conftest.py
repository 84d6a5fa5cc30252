"""A running store server and members who sign, for the tests of this folder."""

import dataclasses
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aicommons.domain import encoding, errors, ids, signature
from aicommons.store import connections, http, server, transport

AUDIENCE = "test store"


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that signs for the store."""

    secret: bytes

    @property
    def address(self) -> ids.Address:
        """Address of the key."""
        return signature.address_of(self.secret)

    def sign(self, message: bytes) -> bytes:
        """Sign keccak256 of ``message``."""
        return signature.sign(self.secret, encoding.keccak(message))


KEYS = {
    name: Key(bytes([number]) * 32) for number, name in enumerate(("alice", "bob", "stranger", "alice anew"), start=1)
}
NUMBERS = {"alice": 1, "alice anew": 1, "bob": 2}
"""Member that each key acts for; the stranger's is of none."""


def recover(message: bytes, signed: bytes) -> ids.Address:
    """What the application gives the server to check signatures with."""
    return signature.recover(encoding.keccak(message), signed)


def member_of(address: ids.Address) -> ids.MemberId | None:
    """What the application gives the server to know members by."""
    found = next((name for name, key in KEYS.items() if key.address == address), "stranger")
    return ids.MemberId(NUMBERS[found]) if found in NUMBERS else None


GATE = server.Gate(recover, member_of)


class Running:
    """A server on a thread, and stores that talk to it."""

    def __init__(self, root: pathlib.Path, policy: server.Policy, gate: server.Gate, bind: server.Bind) -> None:
        self.root = root
        self._server = server.Server(root, gate=gate, policy=policy, bind=bind)
        self.url = self._server.url
        self._clients: list[http.HttpStore] = []
        listening = threading.Event()
        self._thread = threading.Thread(target=self._server.run, args=(lambda _: listening.set(),))
        self._thread.start()
        if not listening.wait(10):
            raise TimeoutError("the server does not listen")

    def store(
        self, name: str | None = "alice", *, late: float = 0.0, settings: transport.Settings | None = None
    ) -> http.HttpStore:
        """Return a store of the member called ``name`` whose clock is ``late`` seconds behind."""
        made = http.HttpStore(
            self.url,
            audience=AUDIENCE,
            signer=None if name is None else KEYS[name],
            clock=lambda: time.time() - late,
            settings=settings,
        )
        self._clients.append(made)
        return made

    def raw(self) -> transport.Transport:
        """Return plain requests to the server."""
        return transport.Transport(self.url, unreachable=errors.StoreUnreachable)

    def member(self, name: str) -> Key:
        """Return a key: alice and bob are members, alice anew is alice with another key, stranger is none."""
        return KEYS[name]

    @property
    def connections(self) -> connections.Connections:
        """The server's connections."""
        return self._server.connections

    def halt(self) -> None:
        """Stop the server; its clients stay as they are."""
        self._server.stop()
        self._thread.join(10)

    def stop(self) -> None:
        """Stop the server and close the clients."""
        for client in self._clients:
            client.close()
        self.halt()


Start = Callable[..., Running]


@pytest.fixture
def gate() -> server.Gate:
    """What checks signatures and membership in these tests."""
    return GATE


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Start]:
    """A function that starts a server with the given policy and stops it after the test."""
    running: list[Running] = []

    def starting(
        *,
        root: pathlib.Path | None = None,
        gate: server.Gate = GATE,
        bind: server.Bind | None = None,
        **limits: Any,
    ) -> Running:
        policy = server.Policy(AUDIENCE, **limits)
        running.append(Running(root or tmp_path / "store", policy, gate, bind or server.Bind()))
        return running[-1]

    yield starting
    for one in running:
        one.stop()
