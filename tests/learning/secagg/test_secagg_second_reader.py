"""A second implementation, written from docs/reference/secure-aggregation-vectors.md alone, comes to every byte of the vectors.

Nothing of ours is imported here. Arithmetic is Python's on whole numbers, keystreams and curve come from the libraries.
"""

import dataclasses
import hashlib
import json
import pathlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import blake3
import nacl.bindings as sodium
import pytest
from cryptography import exceptions
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.ciphers import aead, algorithms, modes

FOLDER = pathlib.Path(__file__).parents[3] / "vectors" / "secagg"
CHUNK = 262_144
ORDER = 2**252 + 27742317777372353535851937790883648493


def load(name: str) -> Any:
    """Return a vector file."""
    return json.loads((FOLDER / name).read_text())


# --- notation ---


def tagged(tag: str, *parts: bytes, key: bytes = b"", size: int = 32) -> bytes:
    """Return H, H_K or H64."""
    message = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hashlib.blake2b(message, digest_size=size, key=key, person=tag.encode()).digest()


def scalar(tag: str, *parts: bytes) -> bytes:
    """Return scalar(H64(...))."""
    return (int.from_bytes(tagged(tag, *parts, size=64), "little") % ORDER).to_bytes(32, "little")


def u32(number: int) -> bytes:
    """Return a u32."""
    return number.to_bytes(4, "little")


def member(number: int) -> bytes:
    """Return an ID."""
    return number.to_bytes(32, "big")


def sha(data: bytes) -> bytes:
    """Return SHA-256."""
    return hashlib.sha256(data).digest()


def times(factor: bytes, point: bytes) -> bytes:
    """Return a multiple of a point; raises what libsodium raises."""
    return bytes(sodium.crypto_scalarmult_ed25519_noclamp(factor, point))


def base_times(factor: bytes) -> bytes:
    """Return a multiple of G."""
    return bytes(sodium.crypto_scalarmult_ed25519_base_noclamp(factor))


def answered(challenge: bytes, secret: bytes, nonce: bytes) -> bytes:
    """Return r + e s."""
    numbers = [int.from_bytes(each, "little") for each in (nonce, challenge, secret)]
    return ((numbers[0] + numbers[1] * numbers[2]) % ORDER).to_bytes(32, "little")


def proven(context: bytes, secret: bytes, fresh: bytes) -> bytes:
    """Return a Schnorr proof with a hedged nonce."""
    nonce = scalar("aic/nonce", secret, fresh, context)
    commitment = base_times(nonce)
    return commitment + answered(scalar("aic/pok", context, base_times(secret), commitment), secret, nonce)


def sealed(key: bytes, plaintext: bytes, associated: bytes = b"") -> bytes:
    """Return AEAD."""
    return aead.ChaCha20Poly1305(key).encrypt(bytes(12), plaintext, associated)


def opened(key: bytes, box: bytes, associated: bytes) -> bytes | None:
    """Return what is in a box, if it opens."""
    try:
        return aead.ChaCha20Poly1305(key).decrypt(bytes(12), box, associated)
    except exceptions.InvalidTag:
        return None


def draws(name: str) -> Callable[[int], bytes]:
    """Return the files' random bytes."""
    count = iter(range(1, 1_000))
    return lambda size: hashlib.shake_256(f"{name}/{next(count)}".encode()).digest(size)


@dataclasses.dataclass(frozen=True)
class Setting:
    """A session as a file describes it."""

    row: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Return a field of the file."""
        return self.row[name]

    @property
    def word(self) -> int:
        """Bytes per word."""
        return 4 if self.suite in (1, 2) else 8

    @property
    def sizes(self) -> list[int]:
        """Bytes of each chunk."""
        total = self.words * self.word
        return [min(CHUNK, total - start) for start in range(0, total, CHUNK)]

    def held(self, place: int) -> list[int]:
        """Return the columns of the member at a place."""
        return [column for column, holders in enumerate(self.columns) if place in holders]

    def context(self, who: int) -> bytes:
        """Return ctx_i."""
        return tagged("aic/part", bytes.fromhex(self.sid), member(who))

    def chunk_keys(self, who: int, column: int, seed: bytes) -> list[bytes]:
        """Return K_icq."""
        key = tagged("aic/seed", self.column_context(who, column), key=seed)
        return [tagged("aic/chunk", u32(chunk), key=key) for chunk in range(len(self.sizes))]

    def column_context(self, who: int, column: int) -> bytes:
        """Return ctx_ic."""
        return tagged("aic/col", bytes.fromhex(self.sid), member(who), u32(column))

    def root(self, who: int, column: int, seed: bytes) -> bytes:
        """Return root_ic."""
        leaves = b"".join(tagged("aic/leaf", key) for key in self.chunk_keys(who, column, seed))
        return tagged("aic/keys", self.column_context(who, column), leaves)

    def stream(self, keys: list[bytes]) -> bytes:
        """Return the keystream of a column's chunk keys."""
        parts = []
        for key, size in zip(keys, self.sizes, strict=True):
            cipher = algorithms.AES(key) if self.suite in (1, 3) else algorithms.ChaCha20(key, bytes(16))
            mode = modes.CTR(bytes(16)) if self.suite in (1, 3) else None
            parts.append(ciphers.Cipher(cipher, mode).encryptor().update(bytes(size)))
        return b"".join(parts)

    def add(self, *vectors: bytes, sign: int = 1) -> bytes:
        """Return the first vector plus (or minus) the others over the ring."""
        letter = "I" if self.word == 4 else "Q"
        form = f"<{len(vectors[0]) // self.word}{letter}"
        first, *others = (struct.unpack(form, each) for each in vectors)
        words = ((mine + sign * sum(rest)) % 2 ** (8 * self.word) for mine, *rest in zip(first, *others, strict=True))
        return struct.pack(form, *words)


def leaves_of(data: bytes) -> bytes:
    """Return BLAKE3 of every chunk, joined."""
    return b"".join(blake3.blake3(data[start : start + CHUNK]).digest() for start in range(0, len(data), CHUNK))


def submitted(
    setting: Setting,
    who: int,
    vector: bytes,
    draw: Callable[[int], bytes],
    *,
    consent: bytes,
    kem: list[tuple[bytes, bytes]],
) -> tuple[bytes, bytes, dict[int, bytes]]:
    """Return header, masked vector and seeds as the page says; ``kem`` is ML-KEM secret and ciphertext per member."""
    sid, identity = bytes.fromhex(setting.sid), member(who)
    seeds = {
        column: tagged("aic/gen", sid, identity, u32(column), sha(vector), key=draw(32))
        for column in range(len(setting.columns))
    }
    texts = b"".join(text for _, text in kem)
    secret = scalar("aic/once", sid, identity, draw(32), sha(sha(vector) + consent + texts))
    masked = setting.add(vector, *(setting.stream(setting.chunk_keys(who, *each)) for each in seeds.items()))
    points = [bytes.fromhex(point) for point in setting.points]
    version = 4 if kem else 3
    ephemeral, context = base_times(secret), setting.context(who)
    public = struct.pack("<BBHHHQ", version, setting.suite, len(seeds), len(points), 0, setting.words)
    public += context + consent + ephemeral + tagged("aic/blob", context, leaves_of(masked)) + sha(masked)
    public += b"".join(setting.root(who, *each) for each in seeds.items()) + texts
    digest = tagged("aic/pub", public)
    built = public + proven(digest, secret, draw(32))
    for place, point in enumerate(points):
        parts = [context, u32(place), ephemeral, point, times(secret, point)]
        key = tagged("aic/hybrid", *parts, digest, kem[place][0]) if kem else tagged("aic/seal", *parts)
        built += sealed(key, b"".join(seeds[column] for column in setting.held(place)), digest)
    return built, masked, seeds


def scenes() -> Iterator[tuple[str, Setting, dict[str, Any]]]:
    """Yield every whole round."""
    shared = load("rounds.json")
    columns = load("layouts.json")[0]["columns"]
    for row in shared["rounds"]:
        session = {**shared, "suite": row["suite"], "layout": 1, "columns": columns}
        yield f"three, suite {row['suite']}", Setting(session), {**shared, **row}
    for name in ("rounds_in_pairs", "rounds_in_cells"):
        for row in load(f"{name}.json"):
            yield f"{name}, suite {row['suite']}", Setting(row["session"]), row


SCENES = {name: (setting, row) for name, setting, row in scenes()}
CONSENTS = {22: b"\xc2" * 32, 33: b"\xc3" * 32}


@pytest.mark.parametrize("name", SCENES)
def test_headers_follow_from_draws_and_vectors(name: str) -> None:
    """Every byte of every header and masked vector."""
    setting, row = SCENES[name]
    for who in setting.member_ids:
        vector = bytes.fromhex(row["vectors"][str(who)])
        draw, consent = draws(f"submit {who}"), CONSENTS.get(who, bytes(32))
        built, masked, seeds = submitted(setting, who, vector, draw, consent=consent, kem=[])
        assert (built.hex(), masked.hex()) == (row["headers"][str(who)], row["masked"][str(who)])
        for place in range(len(setting.member_ids)):
            told = row["seeds"][place][str(who)]
            assert told == {str(column): seeds[column].hex() for column in setting.held(place)}


def _sums(setting: Setting, row: dict[str, Any]) -> dict[tuple[int, int], tuple[bytes, bytes, bytes]]:
    """Return column and cell -> mask sum, manifest, read key."""
    cells = {int(cell): inside for cell, inside in setting.row.get("cells", {"0": setting.member_ids}).items()}
    found = {}
    for column, holders in enumerate(setting.columns):
        for cell, inside in cells.items():
            seeds = [bytes.fromhex(row["seeds"][holders[0]][str(who)][str(column)]) for who in inside]
            streams = [
                setting.stream(setting.chunk_keys(who, column, seed)) for who, seed in zip(inside, seeds, strict=True)
            ]
            words, numbers = setting.add(*streams), (u32(cell), u32(column))
            sid = bytes.fromhex(setting.sid)
            manifest = tagged("aic/mask", sid, bytes.fromhex(row["input_digest"]), *numbers, leaves_of(words))
            found[column, cell] = (words, manifest, tagged("aic/read", sid, *numbers, b"".join(seeds)))
    return found


@pytest.mark.parametrize("name", SCENES)
def test_documents_follow_from_seeds_and_draws(name: str) -> None:
    """Every byte of every document, every claim and every sealed object."""
    setting, row = SCENES[name]
    sums, sid = _sums(setting, row), bytes.fromhex(setting.sid)
    points = dict(zip(setting.member_ids, map(bytes.fromhex, setting.points), strict=True))
    points[row["auditor_id"]] = base_times(bytes.fromhex(row["auditor_secret"]))
    readers = [points[who] for who in sorted(points)]
    objects = {}
    for place, who in enumerate(setting.member_ids):
        own = {where: each for where, each in sorted(sums.items()) if where[0] in setting.held(place)}
        secret = scalar("aic/once", sid, member(who), draws(f"reveal {who}")(32), bytes.fromhex(row["input_digest"]))
        document, boxes, listed = b"", b"", b""
        for (column, cell), (words, manifest, key) in own.items():
            stored = sealed(key, words)
            objects[sha(stored).hex()] = stored.hex()
            document += u32(cell) + u32(column) + sha(stored) + leaves_of(words)
            listed += u32(cell) + u32(column) + manifest
            for number, point in enumerate(readers):
                parts = [sid, u32(cell), u32(column), u32(number), base_times(secret), point, times(secret, point)]
                boxes += sealed(tagged("aic/reader", *parts), key, manifest)
        assert (document + base_times(secret) + boxes).hex() == row["documents"][str(who)]
        claim = row["claims"][str(who)]
        mine = tagged("aic/mine", sid, member(who), listed)
        committed = tagged("aic/mc", sid, member(who), bytes.fromhex(claim["salt"]), mine)
        assert (mine.hex(), committed.hex()) == (claim["mine"], claim["masks"])
    assert objects == row["objects"]


@pytest.mark.parametrize("name", SCENES)
def test_sums_and_digests_follow(name: str) -> None:
    """Z of each cell, the salt and both digests."""
    setting, row = SCENES[name]
    sums, sid = _sums(setting, row), bytes.fromhex(setting.sid)
    cells = {int(cell): inside for cell, inside in setting.row.get("cells", {"0": setting.member_ids}).items()}
    salt = tagged("aic/salt", b"".join(sha(words) for _, (words, _, _) in sorted(sums.items())))
    totals = []
    for cell, inside in cells.items():
        masked = setting.add(*(bytes.fromhex(row["masked"][str(who)]) for who in inside))
        columns = [words for (_, where), (words, _, _) in sums.items() if where == cell]
        totals.append(setting.add(masked, *columns, sign=-1))
        assert totals[-1] == setting.add(*(bytes.fromhex(row["vectors"][str(who)]) for who in inside))
    assert salt.hex() == row["salt"]
    assert setting.add(*totals).hex() == row["sum"]
    assert tagged("aic/sum", sid, salt, *totals).hex() == row["sum_digest"]
    assert tagged("aic/state", sid, salt, b"state").hex() == row["state_digest"]


# --- who cheated ---


def holds(context: bytes, point: bytes, base: bytes, product: bytes, proof: bytes) -> bool:
    """Return whether a DLEQ proof holds."""
    if len(proof) != 96 or not all(
        len(each) == 32 and sodium.crypto_core_ed25519_is_valid_point(each)
        for each in (point, base, product, proof[:32], proof[32:64])
    ):
        return False
    answer = proof[64:]
    if not 0 < int.from_bytes(answer, "little") < ORDER:
        return False
    challenge = scalar("aic/dleq", context, point, base, product, proof[:32], proof[32:64])
    return all(
        left == bytes(sodium.crypto_core_ed25519_add(commitment, times(challenge, right)))
        for left, commitment, right in (
            (base_times(answer), proof[:32], point),
            (times(answer, base), proof[32:64], product),
        )
    )


def is_good_in_public(setting: Setting, who: int, raw: bytes, boxes: int) -> bool:
    """Return whether lengths, numbers, context and proof of a plain header are right."""
    columns, members = len(setting.columns), len(setting.points)
    prefix = struct.pack("<BBHHHQ", 3, setting.suite, columns, members, 0, setting.words)
    lengths = sum(32 * len(setting.held(place)) + 16 for place in range(members))
    if len(raw) != boxes + lengths or raw[:48] != prefix + setting.context(who):
        return False
    digest, point, proof = tagged("aic/pub", raw[: boxes - 64]), raw[80:112], raw[boxes - 64 : boxes]
    if not all(sodium.crypto_core_ed25519_is_valid_point(each) for each in (point, proof[:32])):
        return False
    if not 0 < int.from_bytes(proof[32:], "little") < ORDER:
        return False
    shifted = times(scalar("aic/pok", digest, point, proof[:32]), point)
    return base_times(proof[32:]) == bytes(sodium.crypto_core_ed25519_add(proof[:32], shifted))


def convicted(setting: Setting, row: dict[str, Any]) -> int:
    """Return who cheated in a complaint."""
    raw, evidence = bytes.fromhex(row["header"]), bytes.fromhex(row["evidence"])
    accused, accuser = row["accused"], row["accuser"]
    boxes = 16 + 32 * (5 + len(setting.columns)) + 64
    if not is_good_in_public(setting, accused, raw, boxes):
        return accused
    place = setting.member_ids.index(accuser)
    point = bytes.fromhex(setting.points[place])
    context = tagged("aic/complain", bytes.fromhex(setting.sid), member(accuser), member(accused), sha(raw))
    if not holds(context, point, raw[80:112], evidence[:32], evidence[32:]):
        return accuser
    start = boxes + sum(32 * len(setting.held(before)) + 16 for before in range(place))
    columns = setting.held(place)
    key = tagged("aic/seal", setting.context(accused), u32(place), raw[80:112], point, evidence[:32])
    plain = opened(key, raw[start : start + 32 * len(columns) + 16], tagged("aic/pub", raw[: boxes - 64]))
    if plain is None:
        return accused
    fits = all(
        setting.root(accused, column, plain[32 * at : 32 * at + 32]) == raw[176 + 32 * column : 208 + 32 * column]
        for at, column in enumerate(columns)
    )
    return accuser if fits else accused


COMPLAINTS = [
    (Setting(group["session"]), row)
    for group in (*load("complaints.json"), *load("complaints_bad_evidence.json"))
    for row in group["cases"]
]


@pytest.mark.parametrize(("setting", "row"), COMPLAINTS, ids=[row["name"] for _, row in COMPLAINTS])
def test_complaints_are_judged_alike(setting: Setting, row: dict[str, Any]) -> None:
    """The same verdict on every complaint, good or bad."""
    assert convicted(setting, row) == row["guilty"]


def overruled(setting: Setting, row: dict[str, Any], headers: dict[str, str]) -> int:
    """Return who cheated in a dispute."""
    accuser, accused = row["accuser"]["member"], row["accused"]["member"]
    where, chunk, evidence = (row["cell"], row["column"]), row["chunk"], bytes.fromhex(row["evidence"])
    leaves = []
    for side in (row["accuser"], row["accused"]):
        told = {(each["cell"], each["column"]): each["leaves"] for each in side["rows"]}
        if where not in told or chunk >= len(setting.sizes):
            return accuser
        leaves.append(told[where][chunk])
    size = 32 * (1 + len(setting.sizes))
    if leaves[0] == leaves[1] or len(evidence) != size * len(headers):
        return accuser
    total, keys = bytes(setting.sizes[chunk]), []
    for at, who in enumerate(sorted(map(int, headers))):
        part, raw = evidence[at * size : (at + 1) * size], bytes.fromhex(headers[str(who)])
        root = raw[176 + 32 * where[1] : 208 + 32 * where[1]]
        if tagged("aic/keys", setting.column_context(who, where[1]), part[32:]) != root:
            return accuser
        if tagged("aic/leaf", part[:32]) != part[32 * (1 + chunk) : 32 * (2 + chunk)]:
            return accuser
        keys.append(part[:32])
    alone = Setting({**setting.row, "words": setting.sizes[chunk] // setting.word})
    total = alone.add(total, *(alone.stream([key]) for key in keys))
    return accuser if blake3.blake3(total).hexdigest() == leaves[1] else accused


DISPUTES = [
    (Setting(file["session"]), row, file["headers"])
    for file in (load("disputes.json"), load("disputes_bad_evidence.json"), *load("disputes_in_cells.json"))
    for row in file["cases"]
]


@pytest.mark.parametrize(("setting", "row", "headers"), DISPUTES, ids=[row["name"] for _, row, _ in DISPUTES])
def test_disputes_are_judged_alike(setting: Setting, row: dict[str, Any], headers: dict[str, str]) -> None:
    """The same verdict on every dispute, good or bad."""
    assert overruled(setting, row, headers) == row["guilty"]


def test_equality_proofs_are_judged_alike() -> None:
    """The good proof is made again to the byte, and every bad one is false."""
    good = {name: bytes.fromhex(text) for name, text in load("equality.json").items()}
    commitments = base_times(good["nonce"]), times(good["nonce"], good["base"])
    challenge = scalar("aic/dleq", good["context"], good["point"], good["base"], good["product"], *commitments)
    assert b"".join(commitments) + answered(challenge, good["secret"], good["nonce"]) == good["proof"]
    names = ("context", "point", "base", "product", "proof")
    assert holds(*(good[name] for name in names))
    for row in load("equality_bad_bytes.json"):
        changed = good | {row["field"]: bytes.fromhex(row["value"])}
        assert not holds(*(changed[name] for name in names)), row["name"]


def test_the_hybrid_header_follows() -> None:
    """Keys from seeds, secrets from ciphertexts, the header to the byte, and the Ack that binds the key."""
    row = load("hybrid.json")
    setting, sender = Setting(row["session"]), row["sender"]
    place = setting.member_ids.index(sender)
    seeded = [
        [
            mlkem.MLKEM768PrivateKey.from_seed_bytes(tagged("aic/kem", bytes.fromhex(each), member(who), size=64))
            for who in setting.member_ids
        ]
        for each in row["masters"]
    ]
    assert [[key.public_key().public_bytes_raw().hex() for key in of_one] for of_one in seeded] == row["kem_keys"]
    keys = [of_one[place] for of_one in seeded]
    texts = [bytes.fromhex(text) for text in row["ciphertexts"]]
    secrets = [key.decapsulate(text) for key, text in zip(keys, texts, strict=True)]
    assert [secret.hex() for secret in secrets] == row["kem_secrets"]
    vector = hashlib.shake_256(b"x" + sender.to_bytes(8, "big")).digest(setting.words * setting.word)
    pairs = list(zip(secrets, texts, strict=True))
    built, masked, seeds = submitted(setting, sender, vector, draws("hybrid"), consent=bytes(32), kem=pairs)
    assert (built.hex(), masked.hex()) == (row["header"], row["masked"])
    for index, held in enumerate(row["seeds"]):
        assert {str(column): seeds[column].hex() for column in setting.held(index)} == held
    ack, secret = row["ack"], bytes.fromhex(setting.secrets[0])
    announced = base_times(secret) + b"".join(map(bytes.fromhex, row["kem_keys"][0]))
    assert (announced.hex(), sha(announced).hex()) == (ack["keys"], ack["announced"])
    parts = (bytes.fromhex(ack["roster"]), u32(ack["epoch"]), member(ack["member"]), sha(announced))
    assert proven(tagged("aic/ack", *parts), secret, draws("ack")(32)).hex() == ack["proof"]
