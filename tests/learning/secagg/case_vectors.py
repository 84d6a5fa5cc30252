"""Complaints, disputes, hybrid boxes and what is malformed in them, as JSON for the golden vectors.

The rows are those of the tests' tables, so that a row that is added there reaches other implementations too. Imported by
``generate_vectors.py`` (a script: its folder, where the tables are, is on the path).
"""

import dataclasses
import hashlib
import itertools
import json
import pathlib

import nacl.bindings
import test_secagg_cases as tables
import test_secagg_hybrid as hybrids
from round_vectors import Json, Scene, described, fixed

import conftest
from aicommons.domain import errors
from aicommons.learning.secagg import disputes, epoch, group, header, kem, reveal, session, suite

HYBRID = pathlib.Path(__file__).parents[3] / "vectors" / "secagg" / "hybrid.json"
CONTEXT = hashlib.sha256(b"context").digest()


def _scene(committee: conftest.Committee, made: session.Session | None = None) -> Json:
    return described(Scene(made or committee.session, committee.secrets))


# --- one secret behind two points ---


def equality() -> Json:
    """Return a DLEQ proof with everything it is made of."""
    secret, nonce, other = ((number).to_bytes(32, "little") for number in (5, 1234, 3))
    base = group.multiply_base(other)
    return {
        "context": CONTEXT.hex(),
        "secret": secret.hex(),
        "nonce": nonce.hex(),
        "point": group.multiply_base(secret).hex(),
        "base": base.hex(),
        "product": group.multiply(secret, base).hex(),
        "proof": group.prove_equal(CONTEXT, secret, base, nonce).hex(),
    }


def bad_equalities() -> list[Json]:
    """Return changes of one field of `equality` after which every verifier must say no."""
    good = {name: bytes.fromhex(str(value)) for name, value in equality().items()}
    response = int.from_bytes(good["proof"][64:], "little")
    rows = {
        f"{name} of {field}": (field, raw) for name, raw in tables.BAD.items() for field in ("point", "base", "product")
    }
    for field in ("point", "base", "product"):
        rows[f"mixed order of {field}"] = (field, _mixed(good[field]))
    for place, name in ((0, "first"), (32, "second")):
        for kind, raw in (*tables.BAD.items(), ("mixed order", _mixed(good["proof"][place : place + 32]))):
            rows[f"{kind} as {name} commitment"] = ("proof", _patched(good["proof"], place, raw))
    for times in (1, 7):
        raw = (response + times * group.ORDER).to_bytes(32, "little")
        rows[f"response plus {times} times the order"] = ("proof", _patched(good["proof"], 64, raw))
    rows["response zero"] = ("proof", _patched(good["proof"], 64, bytes(32)))
    rows["proof empty"] = ("proof", b"")
    rows["proof short"] = ("proof", good["proof"][:-1])
    rows["proof long"] = ("proof", good["proof"] + b"\0")
    rows["another context"] = ("context", bytes(32))
    vectors: list[Json] = []
    for name, (field, raw) in rows.items():
        changed = good | {field: raw}
        if group.verify_equal(
            changed["context"],
            changed["point"],
            base=changed["base"],
            product=changed["product"],
            proof=changed["proof"],
        ):
            raise SystemExit(f"the bad proof {name!r} holds")
        vectors.append({"name": name, "field": field, "value": raw.hex()})
    return vectors


def _mixed(point: bytes) -> bytes:
    return nacl.bindings.crypto_core_ed25519_add(point, tables.SMALL_ORDER)


def _patched(raw: bytes, offset: int, patch: bytes) -> bytes:
    return raw[:offset] + patch + raw[offset + len(patch) :]


# --- complaints ---


def _complaints(*, convicting_the_accused: bool) -> list[Json]:
    return [
        _complaints_in(conftest.build_committee(members, chosen, 40), convicting_the_accused)
        for members, chosen in tables.COMMITTEES
    ]


def _complaints_in(committee: conftest.Committee, convicting_the_accused: bool) -> Json:
    rows: list[Json] = []
    for name, (make, guilty) in tables.COMPLAINTS.items():
        case = make(committee)
        if case.judged() != guilty:
            raise SystemExit(f"the complaint {name!r} convicts somebody else")
        if (guilty == case.accused) is convicting_the_accused:
            row: Json = {"name": name, "accused": case.accused, "accuser": case.accuser, "guilty": guilty}
            rows.append({**row, "header": case.header.hex(), "evidence": case.evidence.hex()})
    return {"session": _scene(committee), "cases": rows}


def complaints() -> list[Json]:
    """Return complaints that convict the accused, in four committees."""
    return _complaints(convicting_the_accused=True)


def bad_complaints() -> list[Json]:
    """Return complaints that convict whoever raised them, in four committees."""
    return _complaints(convicting_the_accused=False)


# --- disputes ---


def _disputes(*, convicting_the_accused: bool) -> Json:
    committee = conftest.build_committee(3, words=140_000)
    quarrel = tables.build_quarrel(committee, conftest.reveal_round(committee))
    headers = {each.member_id: committee.submit(each.member_id).header for each in quarrel.participants}
    rows: list[Json] = []
    for name, (change, guilty) in tables.DISPUTES.items():
        case = change(quarrel)
        if case.judged() != guilty:
            raise SystemExit(f"the dispute {name!r} convicts somebody else")
        first, second = (case.right, case.wrong) if case.accuser_is_right else (case.wrong, case.right)
        is_encodable = case.where.chunk >= 0  # a u32 in Dispute
        if is_encodable and (guilty == second.member_id) is convicting_the_accused:
            where: Json = dataclasses.asdict(case.where)
            row: Json = {"name": name, **where, "guilty": guilty, "evidence": case.evidence.hex()}
            rows.append({**row, "accuser": _document(first), "accused": _document(second)})
    shared: Json = {"session": _scene(committee), "headers": {str(who): raw.hex() for who, raw in headers.items()}}
    return {**shared, "input_digest": committee.input_digest.hex(), "cases": rows}


def _document(document: reveal.Document) -> Json:
    rows = [
        {"cell": row.cell, "column": row.column, "leaves": [leaf.hex() for leaf in row.leaves]} for row in document.rows
    ]
    return {"member": document.member_id, "rows": rows}


def disputed() -> Json:
    """Return disputes that convict the accused."""
    return _disputes(convicting_the_accused=True)


def bad_disputes() -> Json:
    """Return disputes that convict whoever raised them."""
    return _disputes(convicting_the_accused=False)


def disputes_in_cells() -> list[Json]:
    """Return one dispute over a cell's sum per suite and layout, raised by each side."""
    groups: list[Json] = []
    for members, chosen in itertools.product((6, 8), suite.Suite):
        committee = conftest.build_committee(members, chosen, 40)
        quarrel = tables.build_cell_quarrel(committee)
        inside = {str(each.member_id): committee.submit(each.member_id).header.hex() for each in quarrel.participants}
        right, wrong = _document(quarrel.right), _document(quarrel.wrong)
        row: Json = {**dataclasses.asdict(quarrel.where), "evidence": quarrel.evidence.hex()}
        row["guilty"] = quarrel.wrong.member_id
        cases = [
            {**row, "name": "the wrong holder is accused", "accuser": right, "accused": wrong},
            {**row, "name": "the right holder is accused", "accuser": wrong, "accused": right},
        ]
        digest = committee.input_digest.hex()
        groups.append({"session": _scene(committee), "headers": inside, "input_digest": digest, "cases": cases})
    return groups


# --- hybrid boxes ---


def _pairs(made: session.Session) -> tuple[tuple[bytes, bytes], ...]:
    """Return secret and ciphertext per member: the ciphertexts that the file has, because nobody can draw them again."""
    seeds = [hybrids.kem_seed(member_id) for member_id in made.member_ids]  # for the sender
    if HYBRID.exists():
        drawn = [bytes.fromhex(text) for text in json.loads(HYBRID.read_text())["ciphertexts"]]
    else:
        drawn = [kem.encapsulate(kem.public_key(seed))[1] for seed in seeds]
    pairs = []
    for seed, ciphertext in zip(seeds, drawn, strict=True):
        secret = kem.decapsulate(seed, ciphertext)
        if secret is None:
            raise SystemExit("hybrid.json has a ciphertext of a wrong length")
        pairs.append((secret, ciphertext))
    return tuple(pairs)


def _sent() -> hybrids.Sent:
    committee = conftest.build_committee(3)
    return hybrids.build_sent(committee, fixed("hybrid"), _pairs(committee.session))


def hybrid() -> Json:
    """Return a hybrid submission with all keys, what each member opens, and an Ack."""
    sent = _sent()
    made, roster = sent.made, hashlib.sha256(b"roster").digest()
    key = epoch.Key(sent.committee.secrets[0], hybrids.master(made.member_ids[0]))
    public = epoch.public_keys(key, made.member_ids)
    parsed = header.parse(sent.header, made, hybrids.SENDER)
    opened = [
        header.open_box(made, parsed, index, sent.committee.secrets[index], kem_seed=hybrids.kem_seed(each)) or {}
        for index, each in enumerate(made.member_ids)
    ]
    _, proof = epoch.acknowledge(
        roster, 2, made.member_ids[0], secret=key.secret, draw=fixed("ack"), kem_digest=public.kem_digest
    )
    ack = {"roster": roster, "keys": public.encode(), "announced": public.announced, "proof": proof}
    return {
        "session": _scene(sent.committee, made),
        "masters": [hybrids.master(each).hex() for each in made.member_ids],
        "kem_keys": [[each.hex() for each in of_member] for of_member in made.kem_keys or ()],
        "ciphertexts": [ciphertext.hex() for _, ciphertext in sent.pairs],
        "kem_secrets": [secret.hex() for secret, _ in sent.pairs],
        "sender": hybrids.SENDER,
        "header": sent.header.hex(),
        "masked": sent.masked.hex(),
        "seeds": [{str(column): seed.hex() for column, seed in held.items()} for held in opened],
        "ack": {"epoch": 2, "member": made.member_ids[0], **{name: raw.hex() for name, raw in ack.items()}},
    }


def bad_hybrids() -> Json:
    """Return what member 11 refuses of the submission in `hybrid`, complaints about such headers, and bytes that are no keys."""
    sent = _sent()
    rows: list[Json] = []
    for name, (change, reason) in hybrids.ROWS.items():
        changed = change(sent)
        try:
            changed.check()
        except errors.AggregationRefused as refused:
            if refused.reason != reason:
                raise SystemExit(f"the bad header {name!r} is refused for {refused.reason}") from refused
        else:
            raise SystemExit(f"the bad header {name!r} passed")
        seed = None if changed.kem_seed is None else changed.kem_seed.hex()
        row: Json = {"name": name, "header": changed.header.hex(), "masked": changed.masked.hex()}
        rows.append({**row, "kem_seed": seed, "reason": reason})
    cases = {name: alter(hybrids.complained(sent)) for name, alter in hybrids.FALSE.items()}
    cases |= {name: hybrids.complained(hybrids.forged(sent, change)) for name, change in hybrids.TRUE.items()}
    judged: list[Json] = []
    for name, case in cases.items():
        guilty = hybrids.SENDER if name in hybrids.TRUE else hybrids.CHECKER
        if case.judged() != guilty:
            raise SystemExit(f"the complaint {name!r} convicts somebody else")
        row = {"name": name, "accused": hybrids.SENDER, "accuser": hybrids.CHECKER, "guilty": guilty}
        judged.append({**row, "header": case.sent.header.hex(), "evidence": case.evidence.hex()})
    keys: list[Json] = [{"name": name, "key": raw.hex()} for name, raw in hybrids.BAD_KEYS.items()]
    public = hybrids.public().encode()
    stored: list[Json] = [{"name": name, "keys": change(public).hex()} for name, change in hybrids.BAD_PUBLIC.items()]
    return {"headers": rows, "complaints": judged, "keys": keys, "public_keys": stored}


def differences() -> Json:
    """Return where two documents differ first, as `disputes.find_difference` says."""
    committee = conftest.build_committee(3, words=140_000)
    quarrel = tables.build_quarrel(committee, conftest.reveal_round(committee))
    found = disputes.find_difference(quarrel.right, quarrel.wrong)
    if found is None:
        raise SystemExit("the documents do not differ")
    return {"right": _document(quarrel.right), "wrong": _document(quarrel.wrong), **dataclasses.asdict(found)}
