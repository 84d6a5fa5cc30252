"""The way to a server: proxies, certificates and faults of the network."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from http import server as web
from typing import Any

import pytest
import trustme
from tests.store import passing

from aicommons.domain import errors
from aicommons.store import http, server, transport

HOST = "store.example"
AUDIENCE = "test store"
Start = Callable[..., Any]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of this test alone."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: pathlib.Path) -> pathlib.Path:
    """Its certificate in a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def secure(authority: trustme.CA, tmp_path: pathlib.Path) -> server.Bind:
    """Where a server with a certificate for store.example listens."""
    certificate = authority.issue_cert(HOST, "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    return server.Bind(certificate=chain, private_key=key)


class Proxy(passing.Between):
    """A CONNECT proxy on a thread: it takes every name for this machine and writes down what it was asked."""

    def __init__(self, refuse: bool = False) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._refuse = refuse

    def serve(self, client: socket.socket) -> None:
        """Open the tunnel that is asked for, or refuse it."""
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            target = head.split()[1].decode()
            self.asked.append(head.decode())
            if self._refuse:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2]))) as other:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pump, args=(other, client))
                back.start()
                pump(client, other)
                back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy bytes until either side closes."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    """A function that starts proxies."""
    started: list[Proxy] = []

    def starting(*, refuse: bool = False) -> Proxy:
        started.append(Proxy(refuse).started())
        return started[-1]

    yield starting
    for one in started:
        one.stop()


CLIENT = """
    import pathlib, sys, time
    from aicommons.domain import encoding, errors, signature
    from aicommons.store import http, transport
    url, ca = sys.argv[1:]
    class Signer:
        address = signature.address_of(bytes([1]) * 32)
        def sign(self, message):
            return signature.sign(bytes([1]) * 32, encoding.keccak(message))
    settings = transport.Settings(ca_file=pathlib.Path(ca))
    store = http.HttpStore(url, audience="test store", signer=Signer(), clock=time.time, settings=settings)
    try:
        digest = store.put(b"through the proxy" * 10_000)
        print(store.get(digest, 200_000)[:17].decode(), store.has(digest))
    except errors.StoreUnreachable as err:
        print(err, err.next_step)
"""


def run_client(url: str, ca_file: pathlib.Path, **environment: str) -> str:
    """Run a client in a process with these proxy settings and return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CLIENT), url, ca_file],
        check=True,
        capture_output=True,
        text=True,
        env={**kept, **environment},
        timeout=30,
    )
    return done.stdout.strip()


def named(url: str) -> str:
    """The same server under its public name, which only the proxy can find."""
    return f"https://{HOST}:{url.rpartition(':')[2]}"


def test_the_store_works_through_a_proxy(
    start: Start, secure: server.Bind, ca_file: pathlib.Path, proxy: Callable[..., Proxy]
) -> None:
    """With HTTPS_PROXY set, put, get and has go through one CONNECT tunnel, with the proxy's password if it has one."""
    running, way = start(bind=secure), proxy()
    address = way.url.replace("http://", "http://someone:secret%20word@")
    assert run_client(named(running.url), ca_file, HTTPS_PROXY=address) == "through the proxy True"
    assert len(way.asked) == 1
    assert way.asked[0].startswith(f"CONNECT {HOST}:")
    assert "c29tZW9uZTpzZWNyZXQgd29yZA==" in way.asked[0]


def test_no_proxy_and_loopback_go_direct(
    start: Start, secure: server.Bind, ca_file: pathlib.Path, proxy: Callable[..., Proxy]
) -> None:
    """NO_PROXY names hosts that are reached directly, and loopback always is."""
    running, way = start(bind=secure), proxy()
    assert run_client(running.url, ca_file, HTTPS_PROXY=way.url) == "through the proxy True"
    assert "does not answer" in run_client(named(running.url), ca_file, HTTPS_PROXY=way.url, NO_PROXY=HOST)
    assert way.asked == []


def test_a_refusing_proxy_is_named_without_its_password(ca_file: pathlib.Path, proxy: Callable[..., Proxy]) -> None:
    """A proxy that refuses becomes StoreUnreachable, which names the proxy's host but not its password."""
    address = proxy(refuse=True).url.replace("http://", "http://someone:secret@")
    said = run_client(named("x:443"), ca_file, HTTPS_PROXY=address)
    assert "the proxy 127.0.0.1 did not let us through" in said
    assert "HTTPS_PROXY" in said
    assert "secret" not in said


def unreachable(url: str, settings: transport.Settings | None = None) -> errors.StoreUnreachable:
    """Return the error that a get raises."""
    store = http.HttpStore(url, audience=AUDIENCE, signer=None, clock=time.time, settings=settings)
    with pytest.raises(errors.StoreUnreachable) as caught:
        store.get(http.ids.digest(b""), 10)
    store.close()
    return caught.value


def test_an_unknown_certificate_is_refused(start: Start, secure: server.Bind, ca_file: pathlib.Path) -> None:
    """Without the authority's file the connection is refused with advice; with it all is well."""
    running = start(bind=secure)
    assert "certificate is not trusted" in str(unreachable(running.url))
    assert running.store(settings=transport.Settings(ca_file=ca_file)).put(b"x")


class Broken:
    """A server that answers every connection with the same bytes and then stays silent or closes."""

    def __init__(self, answer: bytes, *, silent: bool = False) -> None:
        self._answer = answer
        self._silent = silent
        self._kept: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.recv(65536)
                client.sendall(self._answer)
                if self._silent:
                    self._kept.append(client)
                else:
                    client.close()

    def stop(self) -> None:
        """Close everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for client in self._kept:
            client.close()


FAULTS = {
    "closes at once": (b"", False, "does not answer"),
    "not HTTP": (b"220 mail.example ESMTP\r\n", False, "does not answer"),
    "silent": (b"", True, "no answer in time"),
    "stops in the middle": (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", False, "does not answer"),
    "stalls in the middle": (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", True, "no answer in time"),
    "bad gateway": (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", False, "HTTP 502"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_network_faults_are_temporary(name: str) -> None:
    """Each fault of the network becomes StoreUnreachable, in words without a class of Python."""
    answer, silent, message = FAULTS[name]
    broken = Broken(answer, silent=silent)
    err = unreachable(broken.url, transport.Settings(connect_seconds=0.5, read_seconds=0.2))
    broken.stop()
    assert message in str(err)
    assert "Error" not in str(err)


def test_nobody_listening_is_temporary() -> None:
    """A refused connection and an unknown name become StoreUnreachable."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "does not answer" in str(unreachable(f"http://127.0.0.1:{port}"))
    assert "does not answer" in str(unreachable("http://nowhere.invalid"))


LIES = {
    "other bytes": (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", errors.DigestMismatch),
    "endless bytes": (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nabc", errors.StoreRefused),
    "more than announced": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 40_000, errors.StoreRefused),
    "a way elsewhere": (
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
        errors.StoreRefused,
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_lying_stores_are_not_believed(name: str) -> None:
    """A store that sends other or endless bytes, or sends us elsewhere, is refused."""
    answer, kind = LIES[name]
    broken = Broken(answer)
    store = http.HttpStore(broken.url, audience=AUDIENCE, signer=None, clock=time.time)
    with pytest.raises(kind):
        store.get(http.ids.digest(b""), 10)
    store.close()
    broken.stop()


def test_reading_stops_at_the_limit() -> None:
    """A body of unknown length is read no further than the limit, and the reply says so."""
    broken = Broken(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001)
    way = transport.Transport(broken.url, unreachable=errors.StoreUnreachable)
    replies = [way.request("GET", "/", limit=limit) for limit in (1001, 1000)]
    way.close()
    broken.stop()
    assert [(len(reply.body), reply.complete) for reply in replies] == [(1001, True), (0, False)]


URLS = {
    "no scheme": "store.example",
    "another scheme": "ftp://store.example",
    "no host": "http://",
    "a bad port": "http://store.example:99999",
    "a password": "https://someone:secret@store.example",
    "a query": "https://store.example/?x=1",
}


@pytest.mark.parametrize("name", URLS)
def test_bad_urls_are_refused(name: str) -> None:
    """A URL that is not simply a server's is an input error and does not repeat a password."""
    with pytest.raises(errors.InputError) as caught:
        transport.Transport(URLS[name], unreachable=errors.StoreUnreachable)
    assert "secret" not in str(caught.value)


def test_a_connection_that_the_server_closed_is_opened_again(start: Start) -> None:
    """After a restart of the server on the same port the same client goes on."""
    running = start()
    store = running.store()
    digest = store.put(b"before")
    bind = server.Bind(port=int(running.url.rpartition(":")[2]))
    running.halt()
    start(bind=bind)
    assert store.get(digest, 10) == b"before"


class Counted(web.BaseHTTPRequestHandler):
    """Answers every GET on a kept connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with which connection it is."""
        answer = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_forked_child_uses_connections_of_its_own() -> None:
    """Jobs are forked while their node goes on: over one connection the answers of both would be mixed up."""
    with web.ThreadingHTTPServer(("127.0.0.1", 0), Counted) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        one = transport.Transport(f"http://127.0.0.1:{served.server_port}", unreachable=errors.StoreUnreachable)
        mine = one.request("GET", "/", limit=100).body
        assert one.request("GET", "/", limit=100).body == mine
        child = os.fork()
        if not child:
            os._exit(int(one.request("GET", "/", limit=100).body == mine))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert one.request("GET", "/", limit=100).body == mine
        one.close()
        served.shutdown()
        thread.join()
