"""Idle sockets: whoever sends nothing, half of something, or does not read, is ended after a bounded time; others are served."""

import contextlib
import os
import pathlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aicommons.domain import ids
from aicommons.store import connections, server, signing

SOON = connections.Patience(head_seconds=0.15, idle_seconds=0.15, pause_seconds=0.15)
DATA = os.urandom(100_000)
DIGEST = ids.digest(DATA)
Start = Callable[..., Any]
GET = f"GET /blobs/{DIGEST.hex()} HTTP/1.1\r\nhost: x\r\n".encode()
UNSIGNED = f"PUT /blobs/{DIGEST.hex()} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n".encode()


@contextlib.contextmanager
def dialled(running: Any) -> Iterator[socket.socket]:
    """A plain socket to the server; five seconds without an end fail the test."""
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=5) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """Read until the server ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answer_of(connection: socket.socket) -> bytes:
    """Read one short answer, whose body is JSON, and leave the connection as it is."""
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(65536)
    return answer


def upload(running: Any, *, data: bytes = DATA) -> bytes:
    """Return the head of alice's right upload."""
    alice = running.member("alice")
    expires = int(time.time()) + 60
    request = signing.Request(signing.Action.KEEP, "test store", alice.address, ids.digest(data), len(data), expires)
    lines = [f"PUT /blobs/{ids.digest(data).hex()} HTTP/1.1", "host: x", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in request.headers(alice.sign(request.text())).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


SILENT: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "empty lines": (b"\r\n\r\n", b""),
    "half a request line": (b"GET /blo", b""),
    "half a head": (GET, b""),
    "an answered request, then nothing": (GET + b"\r\n", b"404"),
    "an answered request, then half a head": (GET + b"\r\n" + GET, b"404"),
    "half of a refused body": (UNSIGNED + b"x" * 500, b"401"),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01", b"400"),
}


@pytest.mark.parametrize(("sent", "answered"), SILENT.values(), ids=SILENT.keys())
def test_silent_connections_are_ended(sent: bytes, answered: bytes, start: Start) -> None:
    """Whatever came before it, a connection that owes the next byte is ended after a bounded time."""
    with dialled(start(patience=SOON)) as connection:
        connection.sendall(sent)
        assert all_of(connection).startswith(b"HTTP/1.1 " + answered if answered else b"")


def test_a_body_that_comes_with_its_head_is_no_long_head(tmp_path: pathlib.Path) -> None:
    """A client may be faster than the server: what was sent before the server looked is read in one piece, and answered."""
    nobody = server.Gate(lambda *_: ids.Address(bytes(20)), lambda _: None)
    late = server.Server(tmp_path, gate=nobody, policy=server.Policy(audience="test store"), bind=server.Bind())
    with socket.create_connection(("127.0.0.1", int(late.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(UNSIGNED.replace(b"1000", b"200000") + b"x" * 200_000)
        answering = threading.Thread(target=late.run)
        answering.start()
        try:
            assert answer_of(connection).startswith(b"HTTP/1.1 401")
        finally:
            late.stop()
            answering.join(10)


@pytest.mark.parametrize("answered", [False, True], ids=["first request", "kept connection"])
def test_heads_that_trickle_are_ended(start: Start, *, answered: bool) -> None:
    """A head that grows by a byte now and then has the deadline of one that does not come."""
    with dialled(start(patience=connections.Patience(head_seconds=0.15))) as connection:
        if answered:
            connection.sendall(GET + b"\r\n")
            assert answer_of(connection).startswith(b"HTTP/1.1 404")
        connection.sendall(GET)
        assert trickled(connection, b"x: y\r\n") == b""


def test_refused_bodies_that_trickle_are_ended(start: Start) -> None:
    """Bytes of a body that nobody waits for do not keep the connection."""
    with dialled(start(patience=SOON)) as connection:
        connection.sendall(UNSIGNED)
        assert trickled(connection, b"x").startswith(b"HTTP/1.1 401")


def test_uploads_that_stop_are_refused_and_ended(start: Start) -> None:
    """Half an admitted body leads to the refusal for it, the end of the connection, and no charge."""
    running = start(patience=SOON, quota_bytes=len(DATA))
    head = upload(running)
    with dialled(running) as connection:
        connection.sendall(head + DATA[:1000])
        assert all_of(connection).startswith(b"HTTP/1.1 408")
    assert running.store().put(DATA) == DIGEST


def test_uploads_that_trickle_are_refused_and_ended(start: Start) -> None:
    """An upload below the slowest rate ends although it never pauses."""
    slow = connections.Patience(pause_seconds=0.2, bytes_per_second=10**9)
    running = start(patience=slow)
    head = upload(running)
    with dialled(running) as connection:
        connection.sendall(head)
        assert trickled(connection, b"x").startswith(b"HTTP/1.1 408")


def trickled(connection: socket.socket, piece: bytes) -> bytes:
    """Send ``piece`` again and again, in far shorter intervals than any pause, until the end; return what was answered."""
    ends = time.monotonic() + 5
    answer = b""
    connection.settimeout(0.01)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < ends:
            connection.sendall(piece)
            with contextlib.suppress(TimeoutError):
                part = connection.recv(65536)
                if not part:
                    return answer
                answer += part
    assert time.monotonic() < ends
    return answer


READERS: dict[str, bytes] = {
    "a kept connection": GET + b"\r\n",
    "a connection to be closed": GET + b"connection: close\r\n\r\n",
    "many requests at once": (GET + b"\r\n") * 20,
}


@pytest.mark.parametrize("requests", READERS.values(), ids=READERS.keys())
def test_readers_that_do_not_read_are_ended(requests: bytes, start: Start) -> None:
    """Whoever asks for much and takes nothing is ended, and the server holds nothing for it any more."""
    running = start(patience=SOON)
    data = bytes(20_000_000)
    digest = running.store().put(data)
    with dialled(running) as connection:
        connection.sendall(requests.replace(DIGEST.hex().encode(), digest.hex().encode()))
        wait_until(running, 0)
        assert len(all_of(connection)) < len(data)


def wait_until(running: Any, expected: int) -> None:
    """Wait until the server has so many connections; the clients of the test's own stores are kept ones, and end too."""
    ends = time.monotonic() + 5
    while len(running.connections) != expected:
        assert time.monotonic() < ends


def test_readers_that_read_are_served(start: Start) -> None:
    """Whoever took a long answer is not ended for having taken it in parts."""
    running = start(patience=connections.Patience(head_seconds=0.3, pause_seconds=0.1))
    data = os.urandom(8_000_000)
    request = GET.replace(DIGEST.hex().encode(), running.store().put(data).hex().encode())
    with dialled(running) as connection:
        connection.sendall(request + b"\r\n")
        answer = b""
        while not answer.endswith(data):
            answer += connection.recv(65536)
        let_time_pass(running)
        connection.sendall(request + b"connection: close\r\n\r\n")
        assert all_of(connection).endswith(data)


def let_time_pass(running: Any) -> None:
    """Wait for as long as the server waits for a head."""
    with dialled(running) as connection:
        all_of(connection)


def test_a_request_that_came_early_is_served(start: Start) -> None:
    """An upload that was sent before the answer to the request in front of it is no silent connection."""
    running = start(patience=connections.Patience(head_seconds=0.3, idle_seconds=0.1))
    head = upload(running)
    with dialled(running) as connection:
        connection.sendall(GET + b"\r\n" + head + DATA[:1000])
        assert answer_of(connection).startswith(b"HTTP/1.1 404")
        let_time_pass(running)
        connection.sendall(DATA[1000:])
        assert answer_of(connection).startswith(b"HTTP/1.1 201")


TOO_MUCH: dict[str, tuple[bytes, bytes]] = {
    "a head without end": (GET, b"x: " + b"y" * 1000 + b"\r\n"),
    "a request line without end": (b"GET /", b"y" * 1000),
    "a body after the refusal": (UNSIGNED.replace(b"1000", b"1000000"), b"y" * 100_000),
}


@pytest.mark.parametrize(("first", "more"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_more_than_a_head_may_have_is_cut_off(first: bytes, more: bytes, start: Start) -> None:
    """A head is bounded in bytes too, and so is what follows a refusal: nobody fills the server's memory."""
    patient = connections.Patience(head_seconds=60, idle_seconds=60)
    with dialled(start(patience=patient)) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(first)
        for _ in range(10_000):
            connection.sendall(more)
        pytest.fail("10,000 pieces were taken")


def test_chunked_requests_are_cut_off(start: Start) -> None:
    """A request in chunks is refused and ended: its trailers could be longer than any head."""
    patient = connections.Patience(idle_seconds=60)
    with dialled(start(patience=patient)) as connection:
        connection.sendall(GET + b"transfer-encoding: chunked\r\n\r\n0\r\n")
        assert all_of(connection).startswith(b"HTTP/1.1 411")


def test_a_full_server_makes_room_for_who_speaks(start: Start) -> None:
    """With all places taken by silent connections, members are served; the longest silent one goes first."""
    running = start(patience=connections.Patience(most=3))
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(dialled(running)) for _ in range(3)]
        wait_until(running, 3)
        assert running.store().put(DATA) == DIGEST
        assert all_of(silent[0]) == b""
        silent[1].sendall(
            UNSIGNED + b"x" * 1000
        )  # the second one is still there, and falls silent only after its answer
        assert answer_of(silent[1]).startswith(b"HTTP/1.1 401")
        assert len(running.connections) == 3
        stack.enter_context(dialled(running)).sendall(b"G")
        assert all_of(silent[2]) == b""


def test_a_burst_of_connections_is_bounded(start: Start) -> None:
    """However many connect at the same moment, no more than the most stay."""
    running = start(patience=connections.Patience(most=3))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(dialled(running))
        wait_until(running, 3)


def test_a_busy_server_ends_nobody_who_is_served(start: Start) -> None:
    """With all places taken by uploads under way a new connection is ended, and the uploads go on."""
    running = start(patience=connections.Patience(most=2))
    blobs = [b"a" * 1000, b"b" * 1000]
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(dialled(running)) for _ in blobs]
        for connection, data in zip(busy, blobs, strict=True):
            connection.sendall(upload(running, data=data) + data[:500])
        wait_until_writing(running, len(blobs))
        assert all_of(stack.enter_context(dialled(running))) == b""
        for connection, data in zip(busy, blobs, strict=True):
            connection.sendall(data[500:])
            assert answer_of(connection).startswith(b"HTTP/1.1 201")


def wait_until_writing(running: Any, expected: int) -> None:
    """Wait until so many uploads are under way."""
    ends = time.monotonic() + 5
    while len(list((running.root / "incoming").iterdir())) != expected:
        assert time.monotonic() < ends


def test_ended_connections_leave_nothing(start: Start) -> None:
    """After all deadlines nobody is counted any more."""
    running = start(patience=SOON)
    heads = (b"", GET, GET + b"\r\n", UNSIGNED, upload(running))
    with contextlib.ExitStack() as stack:
        for sent in heads:
            stack.enter_context(dialled(running)).sendall(sent)
        wait_until(running, 0)
