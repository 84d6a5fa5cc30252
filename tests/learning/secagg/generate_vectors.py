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

import case_vectors
import numpy as np
from round_vectors import AUDITOR, AUDITOR_ID, INPUT_DIGEST, Json, Scene, described, fixed, vector, whole_round

from aicommons.domain import errors
from aicommons.learning import blocks
from aicommons.learning.secagg import (
    checking,
    epoch,
    group,
    hashing,
    header,
    keys,
    layout,
    masking,
    quantise,
    reveal,
    session,
    suite,
)

FOLDER = pathlib.Path(__file__).parents[3] / "vectors" / "secagg"
MEMBER_IDS = (11, 22, 33)
CONSENTS = {11: header.NO_REGISTER, 22: b"\xc2" * 32, 33: b"\xc3" * 32}
"""Member -> its consent commitment; the first has no register."""
SECRETS = tuple(number.to_bytes(32, "little") for number in (3, 5, 7))
SID = hashlib.sha256(b"sid").digest()
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")


def make_session(chosen: suite.Suite) -> session.Session:
    """Return three members and eight words."""
    points = tuple(group.multiply_base(secret) for secret in SECRETS)
    made = layout.make_layout(MEMBER_IDS, bytes(32), layout.SUBSETS)
    return session.Session(SID, chosen, 8, MEMBER_IDS, points, made)


def make_scene(chosen: suite.Suite) -> Scene:
    """Return the session of three with its secrets."""
    return Scene(make_session(chosen), SECRETS, CONSENTS)


def make_pairs_scene(chosen: suite.Suite, *, in_cells: bool) -> Scene:
    """Return eight members in pairs, in one set or in two cells of four."""
    member_ids = tuple(range(101, 109))
    secrets = tuple((1_000 + member_id).to_bytes(32, "little") for member_id in member_ids)
    points = tuple(group.multiply_base(secret) for secret in secrets)
    made = layout.make_layout(member_ids, bytes(32), layout.PAIRS)
    cells = {0: member_ids[::2], 1: member_ids[1::2]} if in_cells else None
    return Scene(session.Session(SID, chosen, 8, member_ids, points, made), secrets, {}, cells)


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
        "ack": _ack(),
    }


def _ack() -> Json:
    """Return the fields of member 22's Ack for the third epoch of a roster."""
    roster = hashlib.sha256(b"roster").digest()
    point, proof = epoch.acknowledge(roster, 2, 22, secret=SECRETS[1], draw=fixed("ack"))
    return {"roster": roster.hex(), "epoch": 2, "member": 22, "point": point.hex(), "proof": proof.hex()}


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
        "rounds": [whole_round(make_scene(each)) for each in suite.Suite],
    }


def rounds_in_pairs() -> list[Json]:
    """Return a round of eight members in layout 2 per suite."""
    scenes = [make_pairs_scene(each, in_cells=False) for each in suite.Suite]
    return [_with_readers(scene) for scene in scenes]


def rounds_in_cells() -> list[Json]:
    """Return a round of eight members in two cells per word width."""
    scenes = [make_pairs_scene(each, in_cells=True) for each in (suite.Suite.AES_32, suite.Suite.CHACHA_64)]
    return [_with_readers(scene) for scene in scenes]


def _with_readers(scene: Scene) -> Json:
    shared: Json = {"auditor_id": AUDITOR_ID, "auditor_secret": AUDITOR.hex(), "input_digest": INPUT_DIGEST.hex()}
    return {"session": described(scene), **shared, **whole_round(scene)}


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
    documents = whole_round(make_scene(made.suite))["documents"]
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
    "rounds_in_pairs.json": rounds_in_pairs,
    "rounds_in_cells.json": rounds_in_cells,
    "header_bad_bytes.json": bad_headers,
    "document_bad_bytes.json": bad_documents,
    "equality.json": case_vectors.equality,
    "equality_bad_bytes.json": case_vectors.bad_equalities,
    "complaints.json": case_vectors.complaints,
    "complaints_bad_evidence.json": case_vectors.bad_complaints,
    "differences.json": case_vectors.differences,
    "disputes.json": case_vectors.disputed,
    "disputes_bad_evidence.json": case_vectors.bad_disputes,
    "disputes_in_cells.json": case_vectors.disputes_in_cells,
    "hybrid.json": case_vectors.hybrid,
    "hybrid_bad_bytes.json": case_vectors.bad_hybrids,
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
