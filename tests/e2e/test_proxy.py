"""A node behind an HTTPS proxy is as good as any: it only dials out, through CONNECT, to TLS servers."""

import contextlib
import dataclasses
import http.server
import pathlib
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator

import pytest
import trustme
import urllib3
from tests.e2e import conftest

from aicommons import app
from aicommons.cli import scripts
from aicommons.domain import run

HOSTS = ("ledger.commons.test", "store.commons.test")
HOP_BY_HOP = {"host", "connection", "transfer-encoding", "content-length"}


class Front(http.server.ThreadingHTTPServer):
    """A web server with TLS in front of a loopback one, as the how-to sets it up."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Forwarder)
        self.target = target
        self.pool = urllib3.PoolManager(maxsize=8, retries=False)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Forwarder(http.server.BaseHTTPRequestHandler):
    """Hands each request on and its answer back."""

    protocol_version = "HTTP/1.1"
    server: Front

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            answer = self.server.pool.request(self.command, self.server.target + self.path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            self.send_error(502)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        length = answer.headers.get("content-length", "0") if self.command == "HEAD" else str(len(answer.data))
        self.send_header("content-length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815  names of the base class

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class ConnectProxy:
    """Opens tunnels to the hosts that it knows and counts them."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports
        self.seen: set[str] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):  # either side may end while the processes are ended
            request = b""
            while b"\r\n\r\n" not in request:
                part = client.recv(4096)
                if not part:
                    return
                request += part
            host = request.split()[1].decode().partition(":")[0]
            self.seen.add(host)
            with socket.create_connection(("127.0.0.1", self.ports[host])) as target:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pump, args=(target, client), daemon=True)
                back.start()
                _pump(client, target)
                back.join()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    """A proxy that knows no host yet."""
    made = ConnectProxy({})
    yield made
    made.close()


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_node_behind_a_proxy_takes_part(tmp_path: pathlib.Path, proxy: ConnectProxy) -> None:
    """One of five nodes reaches ledger and store only through a CONNECT proxy and TLS; the run completes with all."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    script = scripts.hospitals(tmp_path / "tables", scripts.Choice(rounds=5))
    with conftest.staged(script, tmp_path, HTTPS_PROXY=proxy.url) as stage:
        site = stage.sites[0]
        stage.processes.kill(f"node {site.name}")
        settings = site.home.settings()
        fronts = [Front(url, context) for url in (settings.rpc, settings.store)]
        proxy.ports |= {host: front.server_address[1] for host, front in zip(HOSTS, fronts, strict=True)}
        urls = [urllib.parse.urlunsplit(("https", host, "", "", "")) for host in HOSTS]
        changed = dataclasses.replace(settings, rpc=urls[0], store=urls[1], ca_file=str(tmp_path / "ca.pem"))
        app.write_private(site.home.settings_file, changed.to_json())
        stage.processes.restart(f"node {site.name}")
        conftest.wait_until(lambda: stage.view().state.is_over, seconds=120, what="the end of the run")
        current = stage.view()
        assert current.state is run.RunState.COMPLETED
        last = current.unmasked(current.round_index)
        assert last is not None
        assert current.attempts[last].set_bits.bit_count() == 5
        assert proxy.seen == set(HOSTS)
        for front in fronts:
            front.shutdown()
            front.server_close()
