"""The store server: what it refuses, what it charges, and that a kill loses nothing."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from aicommons.domain import errors, ids
from aicommons.store import http, quota, refusals, server, signing, transport

AUDIENCE = "test store"
MEMBER = ids.MemberId(7)
Start = Callable[..., Any]
DATA = b"masked vector" * 100
DIGEST = ids.digest(DATA)
OTHER = b"other bytes!!" * 100


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One upload, right unless a row of the table changes something."""

    method: str = "PUT"
    path: str = f"/blobs/{DIGEST.hex()}"
    body: bytes | None = DATA
    signer: str = "alice"
    audience: str = AUDIENCE
    action: signing.Action = signing.Action.KEEP
    signed_digest: ids.Digest = DIGEST
    length: int = len(DATA)
    expires_in: int = 60
    named: str | None = None
    header: Callable[[dict[str, str]], Mapping[str, str]] = dict

    def send(self, running: Any, to: transport.Transport) -> transport.Reply:
        """Send it."""
        signer = running.member(self.signer)
        request = signing.Request(
            action=self.action,
            audience=self.audience,
            signer=running.member(self.named or self.signer).address,
            digest=self.signed_digest,
            length=self.length,
            expires=int(time.time()) + self.expires_in,
        )
        headers = self.header(request.headers(signer.sign(request.text())))
        return to.request(self.method, self.path, limit=10_000, headers=headers, body=self.body)


def without(name: str) -> Callable[[dict[str, str]], Mapping[str, str]]:
    """Leave out one header."""
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def with_value(name: str, value: str) -> Callable[[dict[str, str]], Mapping[str, str]]:
    """Replace one header."""
    return lambda headers: {**headers, name: value}


def signed_headers(running: Any) -> dict[str, str]:
    """Return the headers of alice's right upload."""
    alice = running.member("alice")
    request = signing.Request(signing.Action.KEEP, AUDIENCE, alice.address, DIGEST, len(DATA), int(time.time()) + 60)
    return request.headers(alice.sign(request.text()))


REFUSED = {
    "not signed": (Attempt(header=without(signing.HEADER_SIGNATURE)), "unsigned", 401),
    "no signer": (Attempt(header=without(signing.HEADER_SIGNER)), "bad-headers", 400),
    "no expiry": (Attempt(header=without(signing.HEADER_EXPIRES)), "bad-headers", 400),
    "length not a number": (Attempt(header=with_value(signing.HEADER_LENGTH, "1e3")), "bad-headers", 400),
    "length negative": (Attempt(header=with_value(signing.HEADER_LENGTH, "-5")), "bad-headers", 400),
    "length astronomic": (Attempt(header=with_value(signing.HEADER_LENGTH, "9" * 5000)), "bad-headers", 400),
    "signature not hexadecimal": (Attempt(header=with_value(signing.HEADER_SIGNATURE, "zz")), "bad-headers", 400),
    "signature too short": (Attempt(header=with_value(signing.HEADER_SIGNATURE, "00")), "signature-invalid", 401),
    "signature of zeros": (Attempt(header=with_value(signing.HEADER_SIGNATURE, "00" * 65)), "signature-invalid", 401),
    "signed by another": (Attempt(signer="bob", named="alice"), "signature-invalid", 401),
    "signed for another store": (Attempt(audience="other store"), "signature-invalid", 401),
    "signed for another action": (Attempt(action=signing.Action.ERASE), "signature-invalid", 401),
    "signed for another digest": (Attempt(signed_digest=ids.digest(OTHER)), "signature-invalid", 401),
    "signed for another length": (Attempt(header=with_value(signing.HEADER_LENGTH, "7")), "signature-invalid", 401),
    "expired": (Attempt(expires_in=-1), "expired", 401),
    "valid for too long": (Attempt(expires_in=7200), "expired", 401),
    "not a member": (Attempt(signer="stranger"), "not-a-member", 403),
    "other bytes": (Attempt(body=OTHER), "digest-mismatch", 422),
    "fewer bytes than signed": (Attempt(body=DATA[:-1]), "length-mismatch", 422),
    "too large": (Attempt(length=100_001, body=b"x" * 100_001), "too-large", 413),
    "too large, asked first": (Attempt(method="POST", length=100_001, body=None), "too-large", 413),
    "not there, asked first": (Attempt(method="POST", body=None), "not-found", 404),
    "erase what others keep": (
        Attempt(method="DELETE", action=signing.Action.ERASE, length=0, body=None),
        "not-an-uploader",
        403,
    ),
    "erase without signature": (
        Attempt(method="DELETE", body=None, header=without(signing.HEADER_SIGNATURE)),
        "unsigned",
        401,
    ),
    "no digest": (Attempt(path="/blobs/"), "bad-address", 400),
    "digest in capitals": (Attempt(path=f"/blobs/{'A' * 64}"), "bad-address", 400),
    "way out of the folder": (Attempt(path="/blobs/../quota.sqlite", method="GET", body=None), "bad-address", 400),
    "unknown method": (Attempt(method="PATCH"), "method-not-allowed", 405),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_requests_keep_nothing(name: str, start: Start) -> None:
    """Each bad request gets its name, status and next step in the one JSON shape, and leaves neither bytes nor charge."""
    attempt, expected, status = REFUSED[name]
    running = start(max_blob_bytes=100_000)
    raw = running.raw()
    reply = attempt.send(running, raw)
    raw.close()
    document = json.loads(reply.body)
    assert (document["error"], reply.status) == (expected, status)
    assert set(document) - {"now"} == {"error", "message", "next_step"}
    assert ("now" in document) == (expected == "expired")
    assert all(document.values())
    assert not running.store(None).has(DIGEST)
    assert list((running.root / "incoming").iterdir()) == []


def test_the_right_request_is_kept(start: Start) -> None:
    """The attempt that the table of refusals varies is accepted as it stands, and the second time as known."""
    running = start()
    raw = running.raw()
    statuses = [Attempt().send(running, raw).status for _ in range(2)]
    raw.close()
    assert statuses == [201, 200]


def test_a_length_must_be_announced(start: Start) -> None:
    """A chunked upload without Content-Length is refused before its body is read."""
    running = start()
    headers = signed_headers(running)
    lines = [f"PUT /blobs/{DIGEST.hex()} HTTP/1.1", "host: x", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert b"411" in connection.recv(100)


def test_all_refusals_have_one_status_and_a_next_step() -> None:
    """Every refusal is an HTTP error status with advice, and the client knows its name."""
    for name in refusals.Name:
        assert 400 <= name.status < 600
        assert name.next_step
        body = refusals.Refused(name, "because").body()
        assert "because" in str(refusals.as_error(name.status, body, "x"))


ANSWERS = {
    "over quota": (refusals.Name.OVER_QUOTA, errors.StoreRefused),
    "full": (refusals.Name.STORAGE_FULL, errors.StorageFull),
    "not found": (refusals.Name.NOT_FOUND, errors.BlobNotFound),
    "unavailable": (refusals.Name.UNAVAILABLE, errors.StoreUnreachable),
    "not a member": (refusals.Name.NOT_A_MEMBER, errors.StoreRefused),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_refusals_become_errors_of_their_branch(name: str) -> None:
    """A caller can tell by the branch of the error whether to try again."""
    refusal, kind = ANSWERS[name]
    assert type(refusals.as_error(refusal.status, refusals.Refused(refusal, "m").body(), "x")) is kind


FOREIGN = {
    "page of a proxy": (502, b"<html>Bad gateway</html>", errors.StoreUnreachable),
    "busy server": (503, b"Service Unavailable", errors.StoreUnreachable),
    "captive portal": (200, b"<html>Please log in</html>", errors.StoreRefused),
    "list": (403, b"[]", errors.StoreRefused),
    "bytes": (404, b"\xff\xfe", errors.StoreRefused),
    "deep nesting": (400, b"[" * 10_000, errors.StoreRefused),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_answers_are_understood(name: str) -> None:
    """An answer that no store gave becomes an error of the tree, whatever its bytes."""
    status, body, kind = FOREIGN[name]
    assert type(refusals.as_error(status, body, "x")) is kind


def test_quota_counts_each_blob_once_per_member(start: Start) -> None:
    """A blob put twice is charged once; the next one over the quota is refused; erasing gives the room back."""
    store = start(quota_bytes=250_000).store()
    first = store.put(b"a" * 200_000)
    store.put(b"a" * 200_000)
    for length in (50_001, 100_000):
        with pytest.raises(errors.StoreRefused, match="may keep 250000 bytes"):
            store.put(b"b" * length)
    store.put(b"c" * 50_000)
    store.erase(first)
    store.put(b"b" * 100_000)


def test_quotas_are_per_member(start: Start) -> None:
    """One member's bytes leave another's quota alone, also for the same blob."""
    running = start(quota_bytes=1000)
    digest = running.store("alice").put(b"a" * 1000)
    assert running.store("bob").put(b"a" * 1000) == digest
    with pytest.raises(errors.StoreRefused, match="may keep"):
        running.store("bob").put(b"x")


def test_a_member_with_another_key_has_no_second_quota(start: Start) -> None:
    """Keys of one member share its quota: after a rotation the new key neither gains room nor loses what the old one put."""
    running = start(quota_bytes=1000)
    old, new = running.store("alice"), running.store("alice anew")
    digest = old.put(b"a" * 700)
    with pytest.raises(errors.StoreRefused, match="may keep 1000 bytes, and this would make 1100"):
        new.put(b"b" * 400)
    assert new.put(b"a" * 700) == digest
    assert running.store("bob").put(b"b" * 400)
    new.erase(digest)
    assert not running.store(None).has(digest)
    new.put(b"c" * 1000)
    with pytest.raises(errors.StoreRefused, match="may keep"):
        old.put(b"d")


def test_parallel_uploads_with_two_keys_share_the_quota(start: Start) -> None:
    """While one key's upload is under way its bytes count for the member's other key too."""
    running = start(quota_bytes=1000)
    data = b"a" * 600
    alice = running.member("alice")
    request = signing.Request(
        signing.Action.KEEP, AUDIENCE, alice.address, ids.digest(data), len(data), int(time.time()) + 60
    )
    lines = [f"PUT /blobs/{ids.digest(data).hex()} HTTP/1.1", "host: x", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in request.headers(alice.sign(request.text())).items()]
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + data[:100])
        deadline = time.monotonic() + 5
        while not list((running.root / "incoming").iterdir()):
            assert time.monotonic() < deadline
        with pytest.raises(errors.StoreRefused, match="would make 1200"):
            running.store("alice anew").put(b"b" * 600)
        connection.sendall(data[100:])
        assert connection.recv(20).startswith(b"HTTP/1.1 201")


def test_a_blob_stays_while_anybody_keeps_it(start: Start) -> None:
    """A blob goes when its last uploader erases it; erasing twice takes nothing from the others."""
    running = start()
    alice, bob = running.store("alice"), running.store("bob")
    digest = alice.put(b"z" * 70_000)
    assert bob.put(b"z" * 70_000) == digest
    alice.erase(digest)
    assert bob.get(digest, 70_000)
    alice.erase(digest)
    assert bob.get(digest, 70_000)
    bob.erase(digest)
    assert not bob.has(digest)


def test_parallel_uploads_cannot_pass_the_quota_together(tmp_path: pathlib.Path) -> None:
    """Bytes on their way count, so two uploads that fit alone are not both admitted."""
    charges = quota.Quota(tmp_path / "quota.sqlite", bytes_per_member=1000)
    charges.reserve(MEMBER, ids.digest(b"1"), 600)
    with pytest.raises(refusals.Refused):
        charges.reserve(MEMBER, ids.digest(b"2"), 600)
    charges.release(MEMBER, 600)
    charges.reserve(MEMBER, ids.digest(b"2"), 600)
    charges.close()


def test_full_store_charges_nobody(start: Start) -> None:
    """When the disk limit is met the answer is StorageFull, and the member's quota is as before."""
    running = start(max_bytes=1000, quota_bytes=5000)
    store = running.store()
    kept = store.put(b"a" * 900)
    for _ in range(8):
        with pytest.raises(errors.StorageFull):
            store.put(b"b" * 800)
    store.erase(kept)
    store.put(b"b" * 1000)


def test_a_blob_that_could_not_be_kept_is_not_charged(start: Start) -> None:
    """When the disk fails after the charge, the charge is taken back."""
    running = start(quota_bytes=len(DATA))
    folder = running.root / "blobs" / DIGEST.hex()[:1]
    folder.rmdir()
    folder.write_bytes(b"in the way")
    with pytest.raises(errors.StoreUnreachable, match="the disk failed"):
        running.store().put(DATA)
    other = next(
        data for data in (bytes([at]) * len(DATA) for at in range(99)) if ids.digest(data)[0] >> 4 != DIGEST[0] >> 4
    )
    assert running.store().put(other)


def test_a_full_quota_file_loses_nothing(tmp_path: pathlib.Path) -> None:
    """When the file cannot grow, a charge fails whole: the total is still that of the charges before."""
    charges = quota.Quota(tmp_path / "quota.sqlite", bytes_per_member=10**9)
    charges._connection.execute("PRAGMA max_page_count = 8")
    charged = 0

    def charge_on() -> None:
        nonlocal charged
        for number in range(10_000):
            charges.charge(MEMBER, ids.digest(number.to_bytes(4, "big")), 7)
            charged += 7

    with pytest.raises(errors.StorageFull):
        charge_on()
    assert charges.kept(MEMBER) == charged > 0
    assert charges.discharge(MEMBER, ids.digest(bytes(4)))
    assert charges.kept(MEMBER) == charged - 7
    charges.close()


def test_reading_needs_no_key_and_writing_does(start: Start) -> None:
    """A store without a signer reads, and refuses to put before sending anything."""
    running = start()
    digest = running.store().put(b"public")
    reader = running.store(None)
    assert reader.get(digest, 10) == b"public"
    with pytest.raises(errors.StoreRefused, match="only a member"):
        reader.put(b"x")


@pytest.mark.parametrize("late", [-7200, -3600, 600, 3600, 80_000])
@pytest.mark.parametrize("size", [10, http.ASK_FIRST])
def test_requests_are_dated_by_the_stores_clock(start: Start, late: int, size: int) -> None:
    """A member whose clock is off by minutes or hours keeps, asks and erases: it signs again by the store's time."""
    store = start().store(late=late)
    digest = store.put(bytes(size))
    assert store.has(digest)
    assert store.put(bytes(size)) == digest
    store.erase(digest)
    assert not store.has(digest)


def test_a_clock_that_is_days_off_is_named(start: Start) -> None:
    """A member whose clock is two days late is told to check it: its own time is not given up for any store's."""
    with pytest.raises(errors.StoreRefused) as caught:
        start().store(late=2 * 86_400).put(b"x")
    assert "clock" in str(caught.value.next_step)


@pytest.mark.parametrize("now", ["soon", 1.5, True, None, 10**30, -5, [1]])
def test_nonsense_instead_of_a_time_changes_nothing(now: object) -> None:
    """Only a whole number beside that very refusal is a store's time, and it is never believed far from one's own."""
    body = json.dumps({"error": "expired", "message": "m", "next_step": "n", "now": now}).encode()
    told = refusals.time_in(body)
    assert told is None or (type(now) is int and told == now)
    assert refusals.time_in(json.dumps({"error": "not-found", "now": 5}).encode()) is None


def test_membership_that_cannot_be_asked_is_temporary(start: Start, gate: server.Gate) -> None:
    """While the ledger is away, uploads get StoreUnreachable and reads go on."""

    def away(_: ids.Address) -> bool:
        raise errors.LedgerUnreachable("no ledger")

    running = start(gate=server.Gate(gate.recover, away))
    with pytest.raises(errors.StoreUnreachable):
        running.store().put(b"x")
    assert not running.store().has(DIGEST)


def test_changed_bytes_are_noticed_by_the_reader(start: Start) -> None:
    """The server is not believed: a flipped byte in its folder raises DigestMismatch at the client."""
    running = start()
    digest = running.store().put(b"right bytes")
    (running.root / "blobs" / digest.hex()[:1] / digest.hex()).write_bytes(b"wrong bytes")
    with pytest.raises(errors.DigestMismatch):
        running.store().get(digest, 100)


def test_an_interrupted_upload_leaves_nothing(start: Start) -> None:
    """A client that goes away in the middle leaves neither bytes nor a charge."""
    running = start(quota_bytes=len(DATA))
    headers = signed_headers(running)
    lines = [f"PUT /blobs/{DIGEST.hex()} HTTP/1.1", "host: x", f"content-length: {len(DATA)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + DATA[:100])
    deadline = time.monotonic() + 5
    store = running.store()
    while True:
        with contextlib.suppress(errors.StoreRefused):
            assert store.put(DATA) == DIGEST
            break
        assert time.monotonic() < deadline
    assert list((running.root / "incoming").iterdir()) == []


def test_many_members_at_once(start: Start) -> None:
    """Parallel puts and gets through one shared client all succeed."""
    store = start().store()
    blobs = [os.urandom(100_000) for _ in range(24)]
    failures: list[BaseException] = []

    def work(part: list[bytes]) -> None:
        try:
            for data in part:
                assert store.get(store.put(data), len(data)) == data
        except (errors.CommonsError, AssertionError) as err:
            failures.append(err)

    threads = [threading.Thread(target=work, args=(blobs[start::6] + blobs[:2],)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_two_servers_on_one_folder(start: Start, gate: server.Gate) -> None:
    """The second server on a folder is refused with a next step, and the first goes on."""
    running = start()
    with pytest.raises(errors.StoreRefused, match="quota cannot be opened"):
        server.Server(running.root, gate=gate, policy=server.Policy(AUDIENCE), bind=server.Bind())
    assert running.store().put(b"still here")


def test_a_port_in_use_is_named(start: Start, gate: server.Gate, tmp_path: pathlib.Path) -> None:
    """Listening where somebody listens already is an input error that names the port."""
    port = int(start().url.rpartition(":")[2])
    with pytest.raises(errors.InputError, match=str(port)):
        server.Server(
            tmp_path / "second",
            gate=gate,
            policy=server.Policy(AUDIENCE),
            bind=server.Bind(port=port),
        )


SERVER = """
    import pathlib, sys
    from aicommons.domain import encoding, signature
    from aicommons.store import server
    gate = server.Gate(lambda text, signed: signature.recover(encoding.keccak(text), signed), lambda address: 1)
    server.serve(
        pathlib.Path(sys.argv[1]),
        gate=gate,
        policy=server.Policy("test store", quota_bytes=40 * 50_000),
        bind=server.Bind(port=int(sys.argv[2])),
        ready=lambda url: print(url, flush=True),
    )
"""


class Killable:
    """A server as its own process, as the command runs it."""

    def __init__(self, root: pathlib.Path, port: int) -> None:
        arguments = [sys.executable, "-c", textwrap.dedent(SERVER), root, str(port)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        if self.process.stdout is None:
            raise TypeError("no pipe")
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.rpartition(":")[2])

    def kill_after(self, seconds: float) -> None:
        """Send SIGKILL after a while."""
        threading.Timer(seconds, self.process.kill).start()

    def ended(self) -> int:
        """Wait for the end and return the exit code."""
        with self.process:
            return self.process.wait(20)


@pytest.mark.e2e
def test_killed_servers_lose_nothing_and_charge_once(start: Start, tmp_path: pathlib.Path) -> None:
    """Three SIGKILLs during uploads: every answered blob is there, the quota holds exactly, and SIGTERM ends with 0."""
    alice = start(root=tmp_path / "other").member("alice")
    blobs = [bytes([number]) * 50_000 for number in range(40)]
    answered: set[bytes] = set()
    port = 0
    for attempt in range(4):
        one = Killable(tmp_path / "killed", port)
        port = one.port
        store = http.HttpStore(one.url, audience=AUDIENCE, signer=alice, clock=time.time)
        if attempt < 3:
            one.kill_after(0.02 + 0.03 * attempt)
        with contextlib.suppress(errors.StoreUnreachable):
            for data in blobs:
                store.put(data)
                answered.add(data)
        if attempt < 3:
            assert one.ended() == -signal.SIGKILL
        store.close()
    for data in answered:
        assert store.get(ids.digest(data), 50_000) == data
    with pytest.raises(errors.StoreRefused, match="may keep"):
        store.put(b"one byte too many")
    store.close()
    one.process.terminate()
    assert one.ended() == 0
    assert len(answered) == len(blobs)
    assert list((tmp_path / "killed" / "incoming").iterdir()) == []
