"""Write or check the golden vectors under ``vectors/ids/`` and ``vectors/encoding/``, valid and malformed ones.

Run ``python tests/domain/generate_vectors.py`` after a deliberate change of the specification, and with ``--check`` (the
tests do) to see that code and files agree. pytest, forge and other implementations read the files. All bytes are hex.
"""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable

from aicommons.domain import (
    cards,
    documents,
    encoding,
    events,
    ids,
    licences,
    messages,
    profiles,
    run,
    signature,
    signing,
)
from aicommons.learning.secagg import group
from aicommons.protocol import cells, coops, governance

FOLDER = pathlib.Path(__file__).parents[2] / "vectors"
PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
SECRET = b"\x07" * 32
Json = dict[str, object]


def word(name: str) -> bytes:
    """Return 32 fixed bytes."""
    return hashlib.sha256(name.encode()).digest()


def plain(record: object) -> Json:
    """Return a record's fields by name, bytes as hex."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}  # type: ignore[arg-type]
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


def spec(**changed: object) -> run.RunSpec:
    """Return the terms of an ordinary run with some of them changed."""
    usual = run.RunSpec(
        problem=word("problem"), plan=ids.Digest(word("plan")), terms=ids.Digest(word("terms")),
        purpose=encoding.purpose_code("DUO:0000007"), solver=ids.MemberId(1), rounds=27, min_participants=3,
        max_participants=48, layout=1, cell_size=0, suite=3, max_attempts=3, enrol_until=1_800_086_400, phase_seconds=60,
        patience_seconds=3600, solver_shares=100_000, owner_shares=100_000, bond=0, token=run.COIN,
        commercial=False, price=0, salt=word("salt"),
    )  # fmt: skip
    return dataclasses.replace(usual, **changed)


def run_ids() -> list[Json]:
    """Return run ids of ordinary, smallest and largest terms."""
    smallest = dict.fromkeys(
        ("solver", "rounds", "min_participants", "max_participants", "layout", "cell_size", "suite"), 0
    )
    largest = {
        "solver": 2**256 - 1, "rounds": 2**32 - 1, "min_participants": 2**16 - 1, "max_participants": 2**16 - 1,
        "layout": 255, "cell_size": 255, "suite": 255, "max_attempts": 2**16 - 1, "enrol_until": 2**64 - 1,
        "phase_seconds": 2**32 - 1, "patience_seconds": 2**32 - 1, "solver_shares": 2**32 - 1,
        "owner_shares": 2**32 - 1, "bond": 2**256 - 1, "token": b"\xff" * 20, "commercial": True,
        "price": 2**256 - 1, "salt": b"\xff" * 32,
    }  # fmt: skip
    rows = {"ordinary": spec(), "smallest": spec(**smallest, salt=bytes(32)), "largest": spec(**largest)}
    return [
        {
            "name": name,
            "spec": {key: str(int(value)) if isinstance(value, int) else value for key, value in plain(made).items()},
            "run_id": encoding.run_id(made).hex(),
        }
        for name, made in rows.items()
    ]


def digests() -> list[Json]:
    """Return rosters, committees, sids, set and input digests; the first row is the specification's known answer."""
    rows = {
        "known answer": (b"\x01" * 32, (11, 22, 33), (b"\xa1" * 20, b"\xa2" * 20, b"\xa3" * 20), (3, 5, 7), (4, 0)),
        "eight members": (
            word("run"), tuple(range(1, 9)), tuple(word(f"key {index}")[:20] for index in range(8)),
            tuple(range(21, 29)), (0, 2),
        ),
        "largest ids": (
            word("run"), (2**255, 2**256 - 2, 2**256 - 1), (b"\xff" * 20, bytes(20), b"\x01" * 20), (9, 10, 11),
            (2**32 - 1, 2**16 - 1),
        ),
    }  # fmt: skip
    return [digest_row(name, *row) for name, row in rows.items()]


def drawn_cells() -> list[Json]:
    """Return rosters and the cells into which a seed deals them: the smallest, uneven and largest divisions."""
    rosters = (([4, 9, 2**255], 3), (range(1, 9), 4), (range(1, 14), 4), (range(3, 66, 3), 5), (range(1, 49), 4))
    rows = []
    for number, (members, size) in enumerate(rosters):
        seed = word(f"seed {number}")
        drawn = cells.draw(seed, list(members), size)
        told = {"seed": seed.hex(), "member_ids": [str(each) for each in members]}
        rows.append(told | {"cell_size": size, "cells": list(drawn)})
    return rows


def digest_row(
    name: str,
    run_id: bytes,
    members: tuple[int, ...],
    keys: tuple[bytes, ...],
    *rest: tuple[int, ...],
) -> Json:
    """Return one row of digests over a roster with the given epoch scalars, round and attempt."""
    scalars, (round_index, attempt) = rest
    points = [group.multiply_base(number.to_bytes(32, "little")) for number in scalars]
    layout = 1 if len(members) < 8 else 2
    state = b"\x02" * 32
    headers = [word(f"header {member}") for member in members]
    roster = encoding.roster_digest(ids.RunId(run_id), members, [ids.Address(key) for key in keys])
    committee = encoding.committee_digest(roster, 0, layout, points)
    sid = encoding.session_id(PLACE, encoding.AttemptKey(ids.RunId(run_id), round_index, attempt), state, committee)
    return {
        "name": name,
        "chain_id": PLACE.chain_id,
        "contract": PLACE.contract.hex(),
        "run_id": run_id.hex(),
        "member_ids": [str(member) for member in members],
        "node_keys": [key.hex() for key in keys],
        "points": [point.hex() for point in points],
        "layout": layout,
        "round": round_index,
        "attempt": attempt,
        "state_digest": state.hex(),
        "header_digests": [header.hex() for header in headers],
        "roster": roster.hex(),
        "committee": committee.hex(),
        "sid": sid.hex(),
        "set_digest": encoding.set_digest(members).hex(),
        "input_digest": encoding.input_digest(sid, members, headers).hex(),
    }


def signed_messages() -> list[Json]:
    """Return one message of each type with its EIP-712 digest and its signature by the key 07^32."""
    member = ids.MemberId(22)
    rows: list[messages.Message] = [
        messages.Ack(word("roster"), 0, member, word("point"), word("r"), word("z")),
        messages.Submit(word("sid"), member, word("header")),
        messages.Commit(word("sid"), member, word("set"), word("inputs"), word("masks")),
        messages.Reveal(word("sid"), member, word("salt"), word("mine"), word("document")),
        messages.Result(word("sid"), member, word("sum"), word("state")),
        messages.Exit(ids.RunId(word("run")), member, 3),
        messages.Exit(ids.RunId(word("run")), member, messages.ANY_ROUND),
    ]
    found: list[Json] = []
    for message in rows:
        digest = encoding.message_digest(PLACE, message)
        row: Json = {"type": message.TYPE, "message": plain(message), "digest": digest.hex()}
        row |= {"signature": signature.sign(SECRET, digest).hex(), "signer": signature.address_of(SECRET).hex()}
        found.append(row | {"chain_id": PLACE.chain_id, "contract": PLACE.contract.hex()})
    return found


def signed_outside_runs() -> list[Json]:
    """Return one of each message that can be signed outside runs, at its smallest and largest, signed by the key 07^32."""
    one, other = ids.Address(b"\x11" * 20), ids.Address(b"\xee" * 20)
    most = 2**256 - 1
    rows: list[signing.Signed] = [
        signing.RevokeConsent(word("consent"), 1),
        signing.RevokeConsent(word("consent"), most),
        signing.WithdrawLeaf(word("leaf"), 2_000_000_000),
        signing.Attest(0, True, 2**64 - 1, word("model"), word("audit"), 0, 2_000_000_000),
        signing.Attest(3, False, 1, word("member"), word("course"), most, most),
        signing.RevokeAttestation(word("attestation"), bytes(32), 2_000_000_000),
        signing.ForwardRequest(one, other, 0, 100_000, 0, 2_000_000_000, b""),
        signing.ForwardRequest(other, one, 1, most, 7, 2**48 - 1, bytes(range(100))),
    ]
    return [{"verifier": each.CONTRACT, "name": each.NAME, "type": each.TYPE, **signed_row(each)} for each in rows]


def ballots() -> list[Json]:
    """Return ballots of the members and of a co-op's people, at their smallest and largest, signed by the key 07^32."""
    one, other = ids.Address(b"\x11" * 20), ids.Address(b"\xee" * 20)
    governors = {"CommonsGovernor": governance.GOVERNOR_NAME, "CoopGovernor": coops.GOVERNOR_NAME}
    return [
        {"verifier": verifier, "name": name, "type": coops.BALLOT_TYPE, **signed_row(each)}
        for verifier, name in governors.items()
        for each in (
            coops.Ballot(0, events.Support.AGAINST, one, 0, name),
            coops.Ballot(2**256 - 1, events.Support.ABSTAIN, other, 2**256 - 1, name),
            coops.Ballot(int.from_bytes(word("proposal"), "big"), events.Support.FOR, one, 7, name),
        )
    ]


def signed_row(message: signing.Signed | coops.Ballot) -> Json:
    """Return what a contract and Python have to agree on of a signed message."""
    digest = message.digest(PLACE)
    words = [value if isinstance(value, bytes) else int(value).to_bytes(32, "big") for value in message.words()]
    return {
        "words": ["0x" + each.hex() for each in words],
        "digest": "0x" + digest.hex(),
        "signature": "0x" + signature.sign(SECRET, digest).hex(),
        "signer": "0x" + signature.address_of(SECRET).hex(),
        "message": plain(message),
        "chain_id": PLACE.chain_id,
        "contract": "0x" + PLACE.contract.hex(),
    }


def bad_signatures() -> list[Json]:
    """Return signatures over one digest that have to be refused whoever signed."""
    digest = word("digest")
    good = signature.sign(SECRET, digest)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    twin = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    rows = {
        "empty": b"",
        "compact": good[:64],
        "long": good + b"\0",
        "high_s": good[:32] + twin + bytes([55 - good[64]]),
        "v_0": good[:64] + b"\0",
        "v_29": good[:64] + b"\x1d",
        "r_zero": bytes(32) + good[32:],
        "s_zero": good[:32] + bytes(32) + good[64:],
        "r_order": order.to_bytes(32, "big") + good[32:],
    }
    return [{"name": name, "digest": digest.hex(), "signature": bad.hex()} for name, bad in rows.items()]


FIELDS = (
    cards.Field("age", cards.FieldType.INTEGER, unit="a", lo=20.0, hi=90.0, missing_percent=5),
    cards.Field("sex", cards.FieldType.CATEGORY, levels=("f", "m")),
    cards.Field("patient", cards.FieldType.TEXT, cards.Role.KEY, "pseudonym"),
    cards.Field("disease", cards.FieldType.CATEGORY, cards.Role.TARGET, levels=("no", "yes")),
)
CARD = cards.DatasetCard(
    title="Herz",
    site="Bern, Zürich",
    rows=300,
    schema=cards.plan_schema(FIELDS),
    licence="CC0-1.0",
    minimum_cohort=10,
    known_gaps="few women",
    fields=FIELDS,
    countries=("CH",),
    time_span=cards.TimeSpan("1981-05", "1984"),
    annotation=cards.Annotation("two cardiologists", "their salary"),
    policy=b"\x07" * 32,
    quality=(cards.QualityCount("type-error", "age", 20),),
    overrides=(cards.Override("identifiers", "age", "ages are rounded to ten years"),),
    dataset_version=2,
    open_table=cards.OpenTable(b"\x08" * 32, 1234, "text/csv", "Herzklinik", ("age", "sex"), 5),
)
PROBLEM = documents.Problem("Heart", "patients", "refer or not", "rules fail", ("3.4",), "auc", "0.7 by score")
TERMS = documents.RunTerms(
    "DUO:0000007",
    (documents.Reader(ids.MemberId(5), b"\x05" * 32),),
    604_800,
    minimum_cohort=10,
    privacy="no DP",
    licence="CC-BY-SA-4.0",
    duties=(licences.Duty.ATTRIBUTION, licences.Duty.REPORT_BACK),
)


def written_documents() -> list[Json]:
    """Return one document of each kind with its bytes as text and its digest."""
    rows = [
        PROBLEM,
        CARD,
        documents.Plan("A plan", {"recipe": "glm", "ridge": 1.0}, "sums", 30, 7, group=None),
        TERMS,
        documents.ModelCard("0x" + "01" * 32, "t", "n", {"auc": "0.912345"}, 5, participants=3, privacy="no DP"),
        profiles.Profile(
            "Hospital",
            profiles.Kind.HOSPITAL,
            "KE",
            ("sw", "en"),
            None,
            (profiles.Good.SKILLS,),
            (profiles.Good.DATA,),
            ("surgery",),
            ("3.4",),
            (profiles.Steward("A. Person", "data protection officer", "by letter"),),
        ),
    ]
    found: list[Json] = []
    for row in rows:
        data = row.encode()
        digest = ids.format_digest(ids.digest(data))
        found.append({"kind": row.KIND, "text": data.decode(), "digest": digest})
    return found


def bad_documents() -> list[Json]:
    """Return byte strings that are close to a document and none."""
    good = PROBLEM.encode()
    terms = TERMS.encode()
    rows = {
        "blank_after": ("problem", good + b" "),
        "byte_order_mark": ("problem", b"\xef\xbb\xbf" + good),
        "key_twice": ("problem", good.replace(b"{", b'{"affected":"x",', 1)),
        "needless_escape": ("problem", good.replace(b"Heart", b"\\u0048eart")),
        "float_for_integer": ("problem", good.replace(b'"version":1', b'"version":1.0')),
        "unknown_field": ("problem", good.replace(b'"baseline"', b'"base":1,"baseline"')),
        "missing_field": ("problem", good.replace(b',"title":"Heart"', b"")),
        "another_kind": ("plan", good),
        "another_version": ("problem", good.replace(b'"version":1', b'"version":2')),
        "point_in_capitals": ("run-terms", terms.replace(b"05" * 32, b"0A" * 32)),
        "negative_retention": ("run-terms", terms.replace(b":604800", b":-1")),
    }
    return [{"name": name, "kind": kind, "bytes": data.hex()} for name, (kind, data) in rows.items()]


FILES: dict[str, Callable[[], object]] = {
    "ids/run_ids.json": run_ids,
    "ids/digests.json": digests,
    "ids/cells.json": drawn_cells,
    "encoding/messages.json": signed_messages,
    "encoding/signing.json": signed_outside_runs,
    "encoding/ballots.json": ballots,
    "encoding/signatures_bad_bytes.json": bad_signatures,
    "encoding/documents.json": written_documents,
    "encoding/documents_bad_bytes.json": bad_documents,
}


def main() -> None:
    """Write the files, or with ``--check`` exit 1 naming those that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    stale = []
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1, sort_keys=True) + "\n"
        path = FOLDER / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if check and stale:
        sys.exit(f"vectors differ from the code: {', '.join(stale)}")


if __name__ == "__main__":
    main()
