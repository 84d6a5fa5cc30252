"""Transfers whose connection breaks: they go on where they stopped, whatever the other side says."""

import contextlib
import json
import os
import pathlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from tests.store import passing

from aicommons.domain import errors, ids
from aicommons.store import disk, http, quota, refusals, signing, transport, uploads

AUDIENCE = "test store"
Start = Callable[..., Any]
DATA = os.urandom(1_000_000)
DIGEST = ids.digest(DATA)
FAST = transport.Settings(connect_seconds=2.0, read_seconds=2.0)


class Relay(passing.Between):
    """Passes connections on to a server, and cuts each off after so many bytes in one direction; after the last, none."""

    def __init__(self, url: str, cuts: Sequence[int], *, upwards: bool) -> None:
        super().__init__()
        self.passed = 0
        self._port = int(url.rpartition(":")[2])
        self._cuts = list(cuts)
        self._upwards = upwards

    def serve(self, client: socket.socket) -> None:
        """Pass both directions on."""
        with client, socket.create_connection(("127.0.0.1", self._port)) as other:
            self.hold(client, other)
            back = threading.Thread(target=self._pump, args=(other, client, not self._upwards))
            back.start()
            self._pump(client, other, self._upwards)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, is_counted: bool) -> None:
        """Copy bytes; in the counted direction only as many as the next cut lets through once a body goes on."""
        with contextlib.suppress(OSError):
            passed = 0
            while chunk := source.recv(16_384):
                room = self._cuts[0] - passed if is_counted and self._cuts else len(chunk)
                sink.sendall(chunk[: max(room, 0)])
                passed += min(len(chunk), max(room, 0))
                self.passed += len(chunk) if is_counted else 0
                if room < len(chunk):
                    self._cuts.pop(0)
                    break
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relayed() -> Iterator[Callable[..., tuple[Relay, http.HttpStore]]]:
    """A function that returns a relay to a running server, and alice's store behind it."""
    made: list[tuple[Relay, http.HttpStore]] = []

    def making(running: Any, cuts: Sequence[int], *, upwards: bool) -> tuple[Relay, http.HttpStore]:
        relay = Relay(running.url, cuts, upwards=upwards).started()
        alice = running.member("alice")
        store = http.HttpStore(relay.url, audience=AUDIENCE, signer=alice, clock=time.time, settings=FAST)
        made.append((relay, store))
        return relay, store

    yield making
    for relay, store in made:
        store.close()
        relay.stop()


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_download_goes_on_where_it_broke(tenth: int, start: Start, relayed: Callable[..., Any]) -> None:
    """A download cut off after so many tenths gives the right bytes, and little more than them is sent."""
    running = start()
    running.store().put(DATA)
    relay, store = relayed(running, [tenth * len(DATA) // 10], upwards=False)
    assert store.get(DIGEST, len(DATA)) == DATA
    assert relay.passed < 1.1 * len(DATA)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_an_upload_goes_on_where_it_broke(tenth: int, start: Start, relayed: Callable[..., Any]) -> None:
    """An upload cut off after so many tenths is completed, and little more than the bytes is sent."""
    running = start()
    relay, store = relayed(running, [tenth * len(DATA) // 10], upwards=True)
    assert store.put(DATA) == DIGEST
    assert running.store().get(DIGEST, len(DATA)) == DATA
    assert relay.passed < 1.3 * len(DATA)
    assert store.sent_bytes == len(DATA)
    assert list((running.root / "incoming").iterdir()) == []


@pytest.mark.parametrize("upwards", [True, False])
def test_a_transfer_survives_a_break_at_every_tenth(
    start: Start, relayed: Callable[..., Any], *, upwards: bool
) -> None:
    """Ten connections that each break after a tenth still carry the whole."""
    running = start()
    if not upwards:
        running.store().put(DATA)
    _, store = relayed(running, [len(DATA) // 10 + 2_000] * 12, upwards=upwards)
    if upwards:
        store.put(DATA)
    assert store.get(DIGEST, len(DATA)) == DATA


def test_a_transfer_that_does_not_move_ends(start: Start, relayed: Callable[..., Any]) -> None:
    """Where connections break before they bring anything, the caller hears of it at once."""
    running = start()
    running.store().put(DATA)
    _, store = relayed(running, [0] * 200, upwards=False)
    with pytest.raises(errors.StoreUnreachable):
        store.get(DIGEST, len(DATA))


class Scripted:
    """A server that answers each connection with the next bytes of a script, then closes it."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client:
                    self.asked.append(client.recv(65536).decode())
                    client.sendall(self._answers.pop(0) if self._answers else b"")

    def stop(self) -> None:
        """Close everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


SMALL = b"0123456789" * 10
FIRST = b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\netag: "right"\r\n\r\n' + SMALL[:40]


def part(named: str, body: bytes, tag: str = '"right"') -> bytes:
    """Return an answer with a part."""
    head = f"HTTP/1.1 206 Partial Content\r\ncontent-range: {named}\r\netag: {tag}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


SECOND = {
    "the rest": (part("bytes 40-99/100", SMALL[40:]), None),
    "the whole again": (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + SMALL, None),
    "another place": (part("bytes 30-99/100", SMALL[30:]), errors.StoreRefused),
    "from the beginning": (part("bytes 0-99/100", SMALL), errors.StoreRefused),
    "not to the end": (part("bytes 40-49/100", SMALL[40:50]), errors.StoreRefused),
    "another length": (part("bytes 40-100/101", SMALL[40:] + b"x"), errors.StoreRefused),
    "length unknown": (part("bytes 40-99/*", SMALL[40:]), errors.StoreRefused),
    "another blob": (part("bytes 40-99/100", SMALL[40:], tag='"wrong"'), errors.StoreRefused),
    "no Content-Range": (part("", SMALL[40:]), errors.StoreRefused),
    "numbers without end": (part(f"bytes {'4' * 500}-99/100", SMALL[40:]), errors.StoreRefused),
    "more than announced": (part("bytes 40-99/100", SMALL[40:] + b"x"), errors.StoreRefused),
    "more than allowed": (part("bytes 40-99/100", SMALL * 1_000), errors.StoreRefused),
    "other bytes": (part("bytes 40-99/100", SMALL[41:] + b"x"), errors.DigestMismatch),
    "fewer bytes": (part("bytes 40-99/100", SMALL[50:]), errors.DigestMismatch),
    "a page of a proxy": (b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", errors.StoreRefused),
    "a range that is none": (
        b"HTTP/1.1 416 Range Not Satisfiable\r\ncontent-range: bytes */10\r\ncontent-length: 0\r\n\r\n",
        errors.StoreRefused,
    ),
}


@pytest.mark.parametrize("name", SECOND)
def test_a_peer_that_lies_about_the_rest_is_refused(name: str) -> None:
    """After a broken first answer only the true rest, or the whole anew, is taken; nothing else gets to the caller."""
    answer, refused = SECOND[name]
    peer = Scripted([FIRST, answer])
    store = http.HttpStore(peer.url, audience=AUDIENCE, signer=None, clock=time.time, settings=FAST)
    if refused is None:
        assert store.get(ids.digest(SMALL), 100) == SMALL
    else:
        with pytest.raises(refused):
            store.get(ids.digest(SMALL), 100)
    store.close()
    peer.stop()
    assert "range: bytes=40-" in peer.asked[1].lower()


RANGES = {
    "a middle": ("bytes=100-199", 206, slice(100, 200)),
    "the rest": ("bytes=999000-", 206, slice(999_000, None)),
    "further than the end": ("bytes=999999-2000000", 206, slice(999_999, None)),
    "the last bytes": ("bytes=-5", 200, slice(None)),
    "several": ("bytes=0-1,5-6", 200, slice(None)),
    "backwards": ("bytes=10-5", 200, slice(None)),
    "another unit": ("lines=1-2", 200, slice(None)),
    "numbers without end": (f"bytes={'1' * 400}-", 200, slice(None)),
}


@pytest.mark.parametrize("name", RANGES)
def test_ranges_are_answered_or_ignored(name: str, start: Start) -> None:
    """A single range within the blob is answered with exactly its bytes; what is not understood gets the whole."""
    asked, status, expected = RANGES[name]
    running = start()
    running.store().put(DATA)
    raw = running.raw()
    reply = raw.request("GET", f"/blobs/{DIGEST.hex()}", limit=2_000_000, headers={"range": asked})
    raw.close()
    assert (reply.status, reply.body) == (status, DATA[expected])


def test_a_range_behind_the_end_is_refused(start: Start) -> None:
    """A range that begins where the blob ends is refused, and the answer says how long it is."""
    running = start()
    running.store().put(DATA)
    raw = running.raw()
    reply = raw.request("GET", f"/blobs/{DIGEST.hex()}", limit=2_000, headers={"range": f"bytes={len(DATA)}-"})
    raw.close()
    assert (reply.status, json.loads(reply.body)["error"]) == (416, "range-unsatisfiable")
    assert reply.headers["content-range"] == f"bytes */{len(DATA)}"


def broken_upload(running: Any, name: str = "alice", *, came: int = 500_000) -> None:
    """Send the beginning of an upload and go away."""
    lines = [f"PUT /blobs/{DIGEST.hex()} HTTP/1.1", "host: x", f"content-length: {len(DATA)}"]
    lines += [f"{key}: {value}" for key, value in signed(running, name).items()]
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + DATA[:came])


def signed(running: Any, name: str) -> dict[str, str]:
    """Return the headers of a member's right upload."""
    key, expires = running.member(name), int(time.time()) + 60
    request = signing.Request(signing.Action.KEEP, AUDIENCE, key.address, DIGEST, len(DATA), expires)
    return request.headers(key.sign(request.text()))


def ask(running: Any, method: str, name: str, more: Mapping[str, str], body: bytes | None = None) -> transport.Reply:
    """Send one signed request."""
    raw = running.raw()
    headers = {**signed(running, name), **more}
    reply = raw.request(method, f"/blobs/{DIGEST.hex()}", limit=10_000, headers=headers, body=body)
    raw.close()
    return reply


def reached(running: Any, name: str = "alice", *, least: int = 0) -> int:
    """Return how far the server says a member's upload came; waits until it has noticed the break."""
    deadline = time.monotonic() + 5
    while (at := int(ask(running, "POST", name, {}).headers["upload-offset"])) < least:
        assert time.monotonic() < deadline
    return at


PARTS = {
    "behind what came": ("bytes 500001-999999/1000000", DATA[500_001:], "offset-mismatch"),
    "before what came": ("bytes 499999-999999/1000000", DATA[499_999:], "offset-mismatch"),
    "not to the end": ("bytes 500000-600000/1000000", DATA[500_000:600_001], "bad-headers"),
    "of another length": ("bytes 500000-1000000/1000001", DATA[500_000:] + b"x", "bad-headers"),
    "backwards": ("bytes 999999-500000/1000000", DATA[500_000:], "bad-headers"),
    "of unknown length": ("bytes 500000-999999/*", DATA[500_000:], "bad-headers"),
    "numbers without end": (f"bytes {'5' * 400}-999999/1000000", DATA[500_000:], "bad-headers"),
    "longer than named": ("bytes 500000-999999/1000000", DATA[499_999:], "length-mismatch"),
    "with other bytes": ("bytes 500000-999999/1000000", bytes(500_000), "digest-mismatch"),
}


@pytest.mark.parametrize("name", PARTS)
def test_only_the_true_rest_completes_an_upload(name: str, start: Start) -> None:
    """Another part than the missing one is refused by name, and nothing is kept under the digest."""
    named, body, expected = PARTS[name]
    running = start()
    broken_upload(running)
    assert reached(running, least=500_000) == 500_000
    reply = ask(running, "PUT", "alice", {"content-range": named}, body)
    assert json.loads(reply.body)["error"] == expected
    assert not running.store(None).has(DIGEST)


def test_the_true_rest_completes_an_upload(start: Start) -> None:
    """The attempt that the table varies is accepted as it stands."""
    running = start()
    broken_upload(running)
    assert reached(running, least=500_000) == 500_000
    rest = {"content-range": "bytes 500000-999999/1000000"}
    assert ask(running, "PUT", "alice", rest, DATA[500_000:]).status == 201
    assert running.store(None).get(DIGEST, len(DATA)) == DATA


def test_nobody_goes_on_with_the_upload_of_another(start: Start) -> None:
    """What is held belongs to its member: another one is told that nothing is here, and starts from the beginning."""
    running = start()
    broken_upload(running)
    reached(running, least=500_000)
    assert reached(running, "bob") == 0
    reply = ask(running, "PUT", "bob", {"content-range": "bytes 500000-999999/1000000"}, DATA[500_000:])
    assert json.loads(reply.body)["error"] == "offset-mismatch"


def test_a_dead_connection_does_not_hold_an_upload_back(start: Start) -> None:
    """A member that asks again goes on at once, although its first connection is still open and silent."""
    running = start()
    lines = [f"PUT /blobs/{DIGEST.hex()} HTTP/1.1", "host: x", f"content-length: {len(DATA)}"]
    lines += [f"{key}: {value}" for key, value in signed(running, "alice").items()]
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + DATA[:500_000])
        assert reached(running, least=500_000) == 500_000
        store = running.store()
        store.put(DATA)
        assert store.sent_bytes == 500_000


def test_bytes_on_their_way_from_another_are_waited_for(start: Start) -> None:
    """Who asks to keep what another member is sending is answered when that has come, and sends nothing."""
    running = start()
    lines = [f"PUT /blobs/{DIGEST.hex()} HTTP/1.1", "host: x", f"content-length: {len(DATA)}"]
    lines += [f"{key}: {value}" for key, value in signed(running, "alice").items()]
    store = running.store("bob")
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + DATA[:500_000])
        until(lambda: any(file.stat().st_size for file in (running.root / "incoming").iterdir()))
        asking = threading.Thread(target=store.put, args=(DATA,))
        asking.start()
        until(lambda: len(running.connections) == 2)
        connection.sendall(DATA[500_000:])
        assert connection.recv(64).startswith(b"HTTP/1.1 201")
        asking.join()
    assert store.sent_bytes == 0


def until(holds: Callable[[], bool]) -> None:
    """Return as soon as something holds at the store."""
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline


def test_what_is_held_expires(start: Start) -> None:
    """After its time nothing is left of a broken upload, on the disk as in the quota."""
    running = start(held_seconds=0.0, quota_bytes=len(DATA))
    broken_upload(running)
    store, deadline = running.store(), time.monotonic() + 5
    while list((running.root / "incoming").iterdir()):
        assert reached(running) == 0
        assert time.monotonic() < deadline
    assert store.put(DATA) == DIGEST


def test_what_is_held_never_keeps_its_own_member_out(start: Start) -> None:
    """A member whose quota is full of a broken upload gives it up by sending something else."""
    running = start(quota_bytes=len(DATA))
    broken_upload(running)
    reached(running, least=500_000)
    other = DATA[::-1]
    assert running.store().put(other) == ids.digest(other)
    assert list((running.root / "incoming").iterdir()) == []


def test_what_is_held_never_keeps_another_member_out(start: Start) -> None:
    """In a store without room for both, whoever sends goes before whoever went away."""
    running = start(max_bytes=len(DATA) + 1_000)
    broken_upload(running)
    reached(running, least=500_000)
    other = DATA[::-1]
    assert running.store("bob").put(other) == ids.digest(other)


def test_a_stopped_server_leaves_nothing_of_broken_uploads(start: Start, tmp_path: pathlib.Path) -> None:
    """Broken uploads end with their server."""
    running = start(root=tmp_path / "one")
    broken_upload(running)
    reached(running, least=500_000)
    running.halt()
    assert list((tmp_path / "one" / "incoming").iterdir()) == []


def test_a_member_holds_few_broken_uploads(tmp_path: pathlib.Path) -> None:
    """The number of uploads held for one member is bounded: the oldest makes room."""
    blobs = disk.DiskStore(tmp_path)
    charges = quota.Quota(tmp_path / "quota.sqlite", bytes_per_member=10**9)
    held = uploads.Uploads(blobs, charges, seconds=60)
    member, address = ids.MemberId(1), ids.Address(bytes(20))
    asked = [
        signing.Request(signing.Action.KEEP, AUDIENCE, address, ids.digest(bytes([number])), 10**6, 0)
        for number in range(uploads.MOST_PER_MEMBER + 2)
    ]
    for request in asked:
        with contextlib.suppress(refusals.Refused), held.begun(member, request, 0) as going:
            going.writer.write(bytes(100_000))
            raise refusals.Refused(refusals.Name.LENGTH_MISMATCH, "the client went away")
    assert [held.reached(member, request) for request in asked] == [0, 0, *[100_000] * uploads.MOST_PER_MEMBER]
    assert len(list((tmp_path / "incoming").iterdir())) == uploads.MOST_PER_MEMBER
    held.close()
    assert list((tmp_path / "incoming").iterdir()) == []
    charges.close()
