"""Write or check the golden vectors of secure aggregation under ``vectors/secagg/``, valid and malformed ones.

Run ``python tests/learning/secagg/generate_vectors.py`` after a deliberate change of the specification, and with
``--check`` (the tests do) to see that code and files agree. Other implementations read the files; this one is held to
the specification's own known answers by ``test_secagg_known_answers.py``.
"""

import argparse
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable

import numpy as np

from aicommons.domain import errors
from aicommons.learning import blocks
from aicommons.learning.secagg import (
    checking,
    group,
    hashing,
    header,
    keys,
    layout,
    masking,
    masks,
    quantise,
    reading,
    reveal,
    session,
    suite,
)

FOLDER = pathlib.Path(__file__).parents[3] / "vectors" / "secagg"
MEMBER_IDS = (11, 22, 33)
CONSENTS = {11: header.NO_REGISTER, 22: b"\xc2" * 32, 33: b"\xc3" * 32}
"""Member -> its consent commitment; the first has no register."""
SECRETS = tuple(number.to_bytes(32, "little") for number in (3, 5, 7))
AUDITOR_ID, AUDITOR = 15, (13).to_bytes(32, "little")
SID = hashlib.sha256(b"sid").digest()
INPUT_DIGEST = hashlib.sha256(b"input digest").digest()
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
Json = dict[str, object]


def fixed(name: str) -> Callable[[int], bytes]:
    """Return a source of fixed bytes: SHAKE-256 of ``name/1``, ``name/2``, …."""
    count = iter(range(1, 10**6))
    return lambda size: hashlib.shake_256(f"{name}/{next(count)}".encode()).digest(size)


def make_session(chosen: suite.Suite) -> session.Session:
    """Return three members and eight words."""
    points = tuple(group.multiply_base(secret) for secret in SECRETS)
    made = layout.make_layout(MEMBER_IDS, bytes(32), layout.SUBSETS)
    return session.Session(SID, chosen, 8, MEMBER_IDS, points, made)


def vector(chosen: suite.Suite, member_id: int) -> suite.Words:
    """Return the full-range words of a member."""
    raw = hashlib.shake_256(f"vector {member_id}".encode()).digest(8 * chosen.word_bytes)
    return np.frombuffer(raw, chosen.dtype).copy()


def primitives() -> Json:
    """Return hashes, streams, scalars and proofs."""
    secret, nonce, context = SECRETS[1], (1234).to_bytes(32, "little"), hashlib.sha256(b"context").digest()
    return {
        "tagged": hashing.tagged("aic/part", b"one", b"").hex(),
        "tagged_keyed": hashing.tagged("aic/seed", b"one", b"", key=b"\x07" * 32).hex(),
        "tagged_wide": hashing.tagged_wide("aic/pok", b"one", b"").hex(),
        "streams": {str(int(each)): suite.keystream(each, b"\x07" * 32, 80).hex() for each in suite.Suite},
        "hedged_nonce": group.hedged_nonce(secret, b"\x09" * 32, context).hex(),
        "context": context.hex(),
        "point": group.multiply_base(secret).hex(),
        "proof": group.prove(context, secret, nonce).hex(),
    }


def bad_proofs() -> Json:
    """Return proofs for the point and context of `primitives` that every verifier must call false."""
    good = bytes.fromhex(str(primitives()["proof"]))
    commitment, response = good[:32], int.from_bytes(good[32:], "little")
    rows = {
        "empty": b"",
        "short": good[:-1],
        "long": good + b"\0",
        "z_zero": commitment + bytes(32),
        "z_plus_order": commitment + (response + group.ORDER).to_bytes(32, "little"),
        "z_plus_seven_orders": commitment + (response + 7 * group.ORDER).to_bytes(32, "little"),
        "z_top_bit": commitment + (response | 1 << 255).to_bytes(32, "little"),
        "r_identity": b"\x01" + bytes(31) + good[32:],
        "r_small_order": SMALL_ORDER + good[32:],
        "r_not_canonical": (2**255 - 16).to_bytes(32, "little") + good[32:],
        "r_zeros": bytes(32) + good[32:],
    }
    return {name: proof.hex() for name, proof in rows.items()}


def layouts() -> list[Json]:
    """Return the layouts of rosters 1 .. N."""
    sizes = [(n, 1) for n in range(3, 8)] + [(n, 2) for n in (6, 7, 8, 9, 20, 48)]
    rows: list[Json] = []
    for members, number in sizes:
        made = layout.make_layout(range(1, members + 1), b"\x0c" * 32, number)
        row = {"members": members, "layout": number, "columns": made.columns, "faults": made.faults}
        rows.append({**row, "quorum": made.quorum})
    return rows


def quantised() -> list[Json]:
    """Return encodings of one contribution in both widths."""
    plan = (
        blocks.Block("count", 2, 1024.0, blocks.Encoding.INTEGER),
        blocks.Block("gradient", 3, 8.0, blocks.Encoding.BOUNDED),
        blocks.Block("delta", 2, 2.0, blocks.Encoding.CLIPPED),
    )
    values = {"count": [3.0, -1024.0], "gradient": [0.1, -8.0, 2.5], "delta": [3.0, -4.0]}
    contribution = {name: np.array(numbers) for name, numbers in values.items()}
    rows: list[Json] = []
    for bits in (32, 64):
        words = quantise.encode(plan, contribution, members=5, word_bits=bits)
        decoded = quantise.decode(plan, words, members=5, word_bits=bits)
        exact = {name: [number.hex() for number in numbers.tolist()] for name, numbers in decoded.items()}
        rows.append({"word_bits": bits, "members": 5, "values": values, "words": words.tolist(), "decoded": exact})
    return rows


def whole_round(chosen: suite.Suite) -> Json:
    """Return every byte of one round of three members, with all secrets."""
    made = make_session(chosen)
    sent = {
        each: masking.shield(made, each, vector(chosen, each), fixed(f"submit {each}"), consent=CONSENTS[each])
        for each in MEMBER_IDS
    }
    seeds: list[dict[int, dict[int, bytes]]] = [
        {
            who: checking.check_submission(made, who, each.header, each.masked, index=index, secret=SECRETS[index])
            for who, each in sent.items()
        }
        for index in range(3)
    ]
    sums = [
        [masks.mask_sum(made, seeds[index], column, INPUT_DIGEST) for column in made.layout.columns_of(index)]
        for index in range(3)
    ]
    readers = reveal.make_readers(made, {AUDITOR_ID: group.multiply_base(AUDITOR)})
    documents, parsed, objects, claims = {}, {}, {}, {}
    for index, member_id in enumerate(MEMBER_IDS):
        sealed = [(each, reveal.seal_column(each)) for each in sums[index]]
        located = [(each, hashlib.sha256(raw).digest()) for each, raw in sealed]
        objects.update({digest: raw for (_, digest), (_, raw) in zip(located, sealed, strict=True)})
        raw = reveal.build_document(
            made, member_id, located, readers=readers, input_digest=INPUT_DIGEST, draw=fixed(f"reveal {member_id}")
        )
        salt = hashlib.sha256(f"salt {member_id}".encode()).digest()
        mine, committed = masks.commit(made, member_id, sums[index], salt)
        claims[member_id] = {"salt": salt.hex(), "mine": mine.hex(), "masks": committed.hex()}
        claim = reveal.Claim(committed, salt, mine, hashlib.sha256(raw).digest())
        documents[member_id] = raw
        parsed[member_id] = reveal.check_reveal(
            made, member_id, raw, claim, readers=len(readers), input_digest=INPUT_DIGEST
        )
    place = next(place for place, reader in enumerate(readers) if reader.member_id == AUDITOR_ID)
    eyes = reading.Eyes(place, readers[place], AUDITOR)
    columns = reading.open_columns(made, parsed, objects, eyes=eyes)
    read = reading.read(made, {0: [each.masked for each in sent.values()]}, columns)
    return {
        "suite": int(chosen),
        "vectors": {str(each): vector(chosen, each).tobytes().hex() for each in MEMBER_IDS},
        "headers": {str(who): each.header.hex() for who, each in sent.items()},
        "masked": {str(who): each.masked.tobytes().hex() for who, each in sent.items()},
        "seeds": [
            {str(who): {str(c): seed.hex() for c, seed in held.items()} for who, held in of_member.items()}
            for of_member in seeds
        ],
        "mask_sums": {
            str(each.column): {
                "words": each.words.tobytes().hex(),
                "manifest": each.manifest.hex(),
                "read_key": each.read_key.hex(),
            }
            for of_member in sums
            for each in of_member
        },
        "claims": {str(who): claim for who, claim in claims.items()},
        "documents": {str(who): raw.hex() for who, raw in documents.items()},
        "objects": {digest.hex(): raw.hex() for digest, raw in objects.items()},
        "sum": read.words.tobytes().hex(),
        "salt": read.salt.hex(),
        "sum_digest": read.sum_digest.hex(),
        "state_digest": reading.state_digest(made.sid, read.salt, b"state").hex(),
    }


def rounds() -> Json:
    """Return the shared public and secret values, and a round per suite."""
    made = make_session(suite.Suite.AES_32)
    return {
        "sid": SID.hex(),
        "input_digest": INPUT_DIGEST.hex(),
        "member_ids": MEMBER_IDS,
        "secrets": [secret.hex() for secret in SECRETS],
        "points": [point.hex() for point in made.points],
        "auditor_id": AUDITOR_ID,
        "auditor_secret": AUDITOR.hex(),
        "words": made.words,
        "rounds": [whole_round(each) for each in suite.Suite],
    }


def bad_headers() -> list[Json]:
    """Return malformed headers of member 22 in the first round, as member 11 sees them."""
    made = make_session(suite.Suite.AES_32)
    good = masking.shield(made, 22, vector(made.suite, 22), fixed("submit 22"), consent=CONSENTS[22])
    other = masking.shield(made, 33, vector(made.suite, 33), fixed("submit 33"), consent=CONSENTS[33])
    raw, masked = good.header, good.masked.tobytes()
    response = int.from_bytes(raw[304:336], "little")
    rows: dict[str, tuple[bytes, bytes]] = {
        "empty": (b"", masked),
        "truncated": (raw[:-1], masked),
        "oversized": (raw + b"\0", masked),
        "version": (b"\x01" + raw[1:], masked),
        "version_before_consents": (b"\x02" + raw[1:], masked),
        "suite": (raw[:1] + b"\x02" + raw[2:], masked),
        "columns": (raw[:2] + b"\xff\xff" + raw[4:], masked),
        "members": (raw[:4] + b"\x04\0" + raw[6:], masked),
        "reserved": (raw[:6] + b"\x01" + raw[7:], masked),
        "words": (raw[:8] + b"\x09" + raw[9:], masked),
        "other_member": (other.header, other.masked.tobytes()),
        "consent_changed": (raw[:48] + bytes(32) + raw[80:], masked),
        "consent_of_other_member": (raw[:48] + other.header[48:80] + raw[80:], masked),
        "key_small_order": (raw[:80] + SMALL_ORDER + raw[112:], masked),
        "copied_key": (raw[:80] + other.header[80:112] + raw[112:], masked),
        "z_zero": (raw[:304] + bytes(32) + raw[336:], masked),
        "z_plus_order": (raw[:304] + (response + group.ORDER).to_bytes(32, "little") + raw[336:], masked),
        "root_changed": (raw[:176] + bytes(32) + raw[208:], masked),
        "box_of_other_member": (raw[:336] + raw[416:496] + raw[416:], masked),
        "blob_flipped": (raw, bytes([masked[0] ^ 1]) + masked[1:]),
        "blob_short": (raw, masked[:-4]),
        "seed_not_committed": (_with_other_seed(made), masked),
    }
    vectors: list[Json] = []
    for name, (changed, blob) in rows.items():
        try:
            checking.check_submission(made, 22, changed, blob, index=0, secret=SECRETS[0])
        except errors.AggregationRefused as refused:
            row: Json = {"name": name, "header": changed.hex(), "masked": blob.hex()}
            vectors.append({**row, "reason": refused.reason})
        else:
            raise SystemExit(f"the bad header {name!r} passed")
    return vectors


def _with_other_seed(made: session.Session) -> bytes:
    """Return a header of member 22's good vector whose box for column 0 holds a seed it does not commit to."""
    seeds = tuple(
        keys.fresh_seed(
            made,
            22,
            column,
            fresh=fresh,
            vector_digest=hashlib.sha256(vector(made.suite, 22).tobytes()).digest(),
        )
        for column, fresh in zip(range(3), map(fixed("submit 22"), (32, 32, 32)), strict=True)
    )
    masked = masking.mask(made, 22, vector(made.suite, 22), seeds)
    secret, nonce = (9).to_bytes(32, "little"), (1234).to_bytes(32, "little")
    commitment = header.Commitment(
        group.multiply_base(secret), masked.blob_root, masked.blob_digest, masked.column_roots
    )
    public = header.public_part(made, 22, commitment)
    return header.build(made, 22, public, secret=secret, nonce=nonce, seeds=(bytes(32), *seeds[1:]))


def bad_documents() -> list[Json]:
    """Return malformed documents of member 11 in the first round: two rows of one chunk and four readers."""
    made = make_session(suite.Suite.AES_32)
    documents = whole_round(made.suite)["documents"]
    if not isinstance(documents, dict):
        raise SystemExit("a round has no documents")
    raw = bytes.fromhex(documents["11"])
    rows = {
        "empty": b"",
        "truncated": raw[:-1],
        "box_missing": raw[:-48],
        "oversized": raw + b"\0",
        "other_cell": b"\x01" + raw[1:],
        "other_column": raw[:4] + b"\x02" + raw[5:],
        "column_twice": raw[:72] + raw[:72] + raw[144:],
        "key_small_order": raw[:144] + SMALL_ORDER + raw[176:],
        "key_identity": raw[:144] + b"\x01" + bytes(31) + raw[176:],
    }
    vectors: list[Json] = []
    for name, changed in rows.items():
        try:
            reveal.parse_document(made, 11, changed, readers=4, input_digest=INPUT_DIGEST)
        except errors.AggregationRefused as refused:
            vectors.append({"name": name, "document": changed.hex(), "reason": refused.reason})
        else:
            raise SystemExit(f"the bad document {name!r} passed")
    return vectors


FILES: dict[str, Callable[[], object]] = {
    "primitives.json": primitives,
    "proof_bad_bytes.json": bad_proofs,
    "layouts.json": layouts,
    "quantise.json": quantised,
    "rounds.json": rounds,
    "header_bad_bytes.json": bad_headers,
    "document_bad_bytes.json": bad_documents,
}


def main() -> None:
    """Write the files, or with ``--check`` exit 1 naming those that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1, sort_keys=True) + "\n"
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    if check and stale:
        sys.exit(f"vectors/secagg differs from the code: {', '.join(stale)}")


if __name__ == "__main__":
    main()
