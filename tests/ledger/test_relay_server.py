"""The relayer's HTTP: what is half-sent, trickles, hangs up or lies about its length takes no place of others for long."""

import contextlib
import dataclasses
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from aicommons import app
from aicommons.domain import errors, ids, signing
from aicommons.ledger import relay_server, relaying, sending
from aicommons.store import transport

DIGEST = b"\x07" * 32
NOBODY = ids.Address(bytes(20))
REQUEST = relaying.Request(signing.ForwardRequest(NOBODY, NOBODY, 0, 0, 0, 0, b""), bytes(65))
Answer = Callable[[relaying.Request], bytes]


class Relay:
    """A relayer that answers as a test says; ``run`` ends with ``stop``, or as the test says."""

    def __init__(self, answer: Answer = lambda _: DIGEST, defect: BaseException | None = None) -> None:
        self.send = answer
        self.defect = defect
        self.ended = threading.Event()

    def run(self) -> None:
        """Wait for the end."""
        if self.defect is not None:
            raise self.defect
        self.ended.wait(20)

    def stop(self) -> None:
        """End."""
        self.ended.set()


@contextlib.contextmanager
def serving(
    answer: Answer = lambda _: DIGEST, limits: relay_server.Limits | None = None
) -> Iterator[relay_server.Server]:
    """Serve in a thread."""
    server = relay_server.Server(("127.0.0.1", 0), Relay(answer), limits or relay_server.Limits())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def served(answer: Answer = lambda _: DIGEST, limits: relay_server.Limits | None = None) -> Iterator[int]:
    """Serve in a thread; yields the port."""
    with serving(answer, limits) as server:
        yield server.server_address[1]


@contextlib.contextmanager
def held(limits: relay_server.Limits | None = None) -> Iterator["Held"]:
    """Serve with answers that wait until they are let go."""
    gate = Gate()
    with serving(gate, limits) as server:
        yield Held(server, gate)
        gate.go_on.set()


class Gate:
    """Answers when it may, and keeps what was asked."""

    def __init__(self) -> None:
        self.seen: list[relaying.Request] = []
        self.is_asked, self.go_on = threading.Event(), threading.Event()

    def __call__(self, request: relaying.Request) -> bytes:
        self.seen.append(request)
        self.is_asked.set()
        assert self.go_on.wait(10)
        return DIGEST


@dataclasses.dataclass(frozen=True)
class Held:
    """A server whose answers wait."""

    server: relay_server.Server
    gate: Gate

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_address[1])

    def finish(self) -> None:
        """Let all answers go, and return when no connection is worked on any more."""
        self.gate.go_on.set()
        for _ in range(self.server.limits.connections):
            assert self.server.connections.acquire(timeout=10)


def send(port: int, request: bytes) -> socket.socket:
    """Open a connection and send bytes."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(request)
    return connection


def head(length: object, path: str = relaying.PATH) -> bytes:
    """Return the beginning of a request that announces a length."""
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode("latin-1")


def answered(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Return status and body of the answer."""
    with connection:
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        return reply.status, json.loads(reply.read())


def ask(port: int) -> tuple[int, dict[str, object]]:
    """Send a whole request."""
    body = REQUEST.to_json()
    return answered(send(port, head(len(body)) + body))


def test_a_request_is_answered() -> None:
    """A forward request is answered by the hash of its transaction, on a connection that ends with it."""
    with served() as port:
        connection = send(port, head(len(REQUEST.to_json())) + REQUEST.to_json())
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        assert json.loads(reply.read()) == {"transaction": ids.format_id(DIGEST)}
        assert connection.recv(1) == b""
        connection.close()


def test_half_sent_bodies_take_no_places() -> None:
    """However many bodies are announced and not sent, a whole request is worked on."""
    with served(limits=relay_server.Limits(at_once=1)) as port:
        slow = [send(port, head(100) + b"{") for _ in range(20)]
        assert ask(port)[0] == 200
        for each in slow:
            each.close()


def test_a_trickle_does_not_put_off_its_end() -> None:
    """A request must be there in a time that no byte prolongs."""
    with served(limits=relay_server.Limits(read_seconds=0.5)) as port:
        began, connection = time.monotonic(), send(port, head(1000))
        connection.settimeout(0.05)
        is_open = True
        while is_open and time.monotonic() - began < 5:
            try:
                connection.sendall(b"{")
                is_open = connection.recv(1) != b""
            except TimeoutError:
                continue
            except OSError:
                is_open = False
        assert not is_open
        assert time.monotonic() - began < 2
        connection.close()


def test_who_falls_silent_is_left() -> None:
    """A request that stops in the middle is left when its time is over."""
    with served(limits=relay_server.Limits(read_seconds=0.3)) as port:
        for request in (b"", b"POST", head(1000), head(1000) + b"{"):
            began, connection = time.monotonic(), send(port, request)
            assert connection.recv(1) == b""
            assert time.monotonic() - began < 3
            connection.close()


def test_connections_are_bounded() -> None:
    """Whoever comes when all connections are taken is turned away at once, and served when there is room again."""
    with served(limits=relay_server.Limits(connections=2)) as port:
        idle = [send(port, b"POST") for _ in range(2)]  # connections are taken in their order
        late = send(port, b"")
        assert late.recv(1) == b""
        late.close()
        for each in idle:
            each.close()
        for _ in range(100):
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert ask(port)[0] == 200
                return
            time.sleep(0.02)
        pytest.fail("no connection became free")


def test_too_many_at_once_are_told_so() -> None:
    """Requests beyond the places are answered by 503, which nobody takes for a call that was taken."""
    with held(relay_server.Limits(at_once=1)) as one:
        body = REQUEST.to_json()
        first = send(one.port, head(len(body)) + body)
        assert one.gate.is_asked.wait(10)
        assert ask(one.port) == (503, {"message": "too many requests at once"})
        one.gate.go_on.set()
        assert answered(first)[0] == 200


LENGTHS: dict[str, object] = {
    "a digit of another script": "\u00b2",
    "negative": -1,
    "with a sign": "+5",
    "with an underscore": "1_0",
    "more digits than Python reads": "9" * 5000,
    "one byte too many": relaying.MAX_BODY + 1,
    "nothing": "",
}


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS.keys())
def test_a_length_that_is_none_is_answered(length: object, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands in Content-Length, the answer is 404 and nothing is logged."""
    with served() as port, caplog.at_level(logging.DEBUG):
        status, said = answered(send(port, head(length)))
    assert (status, caplog.records) == (404, [])
    assert str(relaying.MAX_BODY) in str(said["message"])


def test_other_paths_are_answered() -> None:
    """Another path is 404."""
    with served() as port:
        assert answered(send(port, head(0, "/")))[0] == 404


def test_who_hangs_up_is_not_written_about(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """A peer that is gone before its answer leaves no trace: no line and no address."""
    with held(relay_server.Limits(connections=1)) as one, caplog.at_level(logging.DEBUG):
        body = REQUEST.to_json()
        connection = send(one.port, head(len(body)) + body)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # reset, not a polite end
        assert one.gate.is_asked.wait(10)
        connection.close()
        one.finish()
    assert caplog.records == []
    assert capfd.readouterr().err == ""


def test_a_defect_is_logged_without_the_peer(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no error of the tree is logged loudly, and without the address of whoever called."""

    def answer(_: relaying.Request) -> bytes:
        raise ZeroDivisionError("a defect")

    with served(answer) as port, pytest.raises((OSError, http.client.HTTPException)):
        ask(port)
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert "127.0.0.1" not in caplog.text + capfd.readouterr().err


ANSWERS: dict[str, tuple[errors.CommonsError, int, type[errors.CommonsError]]] = {
    "refused": (errors.RelayRefused("no"), 403, errors.RelayRefused),
    "too many calls": (errors.RelayUnreachable("later"), 429, errors.RelayUnreachable),
    "it cannot pay": (errors.SenderUnderfunded("poor", missing=1), 503, errors.RelayUnreachable),
    "gas is too dear": (errors.FeeTooHigh("dear"), 503, errors.RelayUnreachable),
    "its ledger is away": (errors.LedgerUnreachable("away"), 503, errors.RelayUnreachable),
    "taken, and nobody knows": (errors.RelayOutcomeUnknown("who knows"), 504, errors.RelayOutcomeUnknown),
}


@pytest.mark.parametrize(("raised", "status", "told"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_became_of_a_call_travels(
    raised: errors.CommonsError, status: int, told: type[errors.CommonsError]
) -> None:
    """A member's client tells apart what was refused, what was not taken, and what may have been carried out."""

    def answer(_: relaying.Request) -> bytes:
        raise raised

    with served(answer) as port:
        assert ask(port)[0] == status
        with pytest.raises(told) as caught:
            relay(port).send(REQUEST)
        assert type(caught.value) is told


def relay(port: int, read_seconds: float = 10.0) -> relaying.HttpRelay:
    """Return a relayer behind a transport as a home has it."""
    return relaying.HttpRelay(
        transport.Transport(
            f"http://127.0.0.1:{port}",
            settings=transport.Settings(read_seconds=read_seconds, retries=0),
            unreachable=errors.RelayUnreachable,
            unanswered=errors.RelayOutcomeUnknown,
        )
    )


def test_a_request_is_never_sent_twice() -> None:
    """When the answer does not come in time, the call may be under way: it is said so, and not sent again."""
    with held(relay_server.Limits(connections=2)) as one:
        with pytest.raises(errors.RelayOutcomeUnknown, match="no answer in time"):
            relay(one.port, 0.2).send(REQUEST)
        one.finish()
    assert one.gate.seen == [REQUEST]


def test_a_homes_relayer_is_asked_once_and_long_enough() -> None:
    """What a home's settings open sends a request once, also when the connection breaks, and waits longer than a relayer may take."""
    seen: list[relaying.Request] = []

    def answer(request: relaying.Request) -> bytes:
        seen.append(request)
        raise ConnectionError

    with served(answer) as port:
        opened = app._relay(app.Settings("a home", relayer=f"http://127.0.0.1:{port}"))
        assert opened is not None
        with pytest.raises(errors.RelayOutcomeUnknown):
            opened.send(REQUEST)
    assert seen == [REQUEST]
    assert relaying.READ_SECONDS > sending.WAIT_SECONDS


def test_a_server_that_hangs_up_may_have_it() -> None:
    """A connection that breaks before the answer leaves open what became of the call; one that is refused does not."""

    def answer(_: relaying.Request) -> bytes:
        raise ConnectionError

    with served(answer) as port, pytest.raises(errors.RelayOutcomeUnknown):
        relay(port).send(REQUEST)
    with pytest.raises(errors.RelayUnreachable) as caught:
        relay(port).send(REQUEST)
    assert type(caught.value) is errors.RelayUnreachable


def test_the_server_ends_with_the_thread_that_sends() -> None:
    """A server whose calls nobody would send does not go on answering: it ends, with what ended the thread."""
    with pytest.raises(ZeroDivisionError, match="a defect"):
        relay_server.serve(Relay(defect=ZeroDivisionError("a defect")), "127.0.0.1", 0, lambda _: None)


def test_a_server_that_nobody_can_be_told_of_ends() -> None:
    """When the address cannot be said, such as into a closed pipe, the server ends with that error instead of staying."""

    def closed(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        relay_server.serve(Relay(), "127.0.0.1", 0, closed)
