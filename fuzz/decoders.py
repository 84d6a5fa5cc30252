"""Every decoder of foreign bytes by name, as a function of bytes alone: what is fuzzed, and what the corpus is read by.

A decoder may answer or refuse by the error tree; ``check`` lets nothing else pass. Used by ``run.py`` (coverage-guided, for
minutes) and by ``tests/fuzz`` (the corpus and random changes of it, every time). Bytes that only the owner's own programs
write (journals, keystores, prepared tables) are left out.
"""

import functools
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping

from aicommons.domain import (
    cards,
    consents,
    documents,
    encoding,
    errors,
    ids,
    letters,
    licences,
    policies,
    profiles,
    schema,
    signature,
    statements,
)
from aicommons.learning import model, state
from aicommons.learning.secagg import (
    checking,
    complaints,
    disputes,
    epoch,
    group,
    header,
    layout,
    reading,
    reveal,
    session,
    suite,
)
from aicommons.ledger import charter, contracts, deployments, relaying, rpc
from aicommons.ledger import events as logs
from aicommons.ledger.embedded import transactions
from aicommons.node.consents import proofs
from aicommons.sandbox import archives
from aicommons.store import refusals, signing

VECTORS = pathlib.Path(__file__).parents[1] / "vectors"
MOST_BYTES = 65_536
"""Longest input tried: every length field can still lie."""

Decoder = Callable[[bytes], object]


@functools.cache
def shared() -> dict[str, object]:
    """Return what the golden rounds have in common: roster, points, sid."""
    return dict(json.loads((VECTORS / "secagg" / "rounds.json").read_text()))


@functools.cache
def a_session(number: int = 1) -> session.Session:
    """Return the golden session of three members."""
    told = shared()
    members = tuple(told["member_ids"])  # type: ignore[arg-type]
    return session.Session(
        bytes.fromhex(str(told["sid"])),
        suite.Suite(number),
        int(str(told["words"])),
        members,
        tuple(bytes.fromhex(point) for point in told["points"]),  # type: ignore[attr-defined]
        layout.make_layout(members, bytes(32), layout.SUBSETS),
    )


@functools.cache
def a_hybrid_session() -> session.Session:
    """Return the golden session of three members with ML-KEM keys."""
    row = json.loads((VECTORS / "secagg" / "hybrid.json").read_text())
    told = row["session"]
    members = tuple(told["member_ids"])
    return session.Session(
        bytes.fromhex(told["sid"]),
        suite.Suite(told["suite"]),
        told["words"],
        members,
        tuple(bytes.fromhex(point) for point in told["points"]),
        layout.make_layout(members, bytes(32), layout.SUBSETS),
        tuple(tuple(bytes.fromhex(key) for key in of_member) for of_member in row["kem_keys"]),
    )


def split(data: bytes, parts: int) -> list[bytes]:
    """Return ``data`` as so many byte strings: two bytes of length before each but the last."""
    found = []
    for _ in range(parts - 1):
        size = int.from_bytes(data[:2], "little")
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return [*found, data]


def join(*parts: bytes) -> bytes:
    """Return what ``split`` takes apart."""
    *first, last = parts
    return b"".join(len(part).to_bytes(2, "little") + part for part in first) + last


# ------------------------------------------------------------------------------------------------- secure aggregation


def _header(data: bytes) -> object:
    raw, masked = split(data, 2)
    return checking.check_public(a_session(), a_session().member_ids[1], raw, masked)


def _box(data: bytes) -> object:
    made = a_session()
    parsed = header.parse(data, made, made.member_ids[1])
    return header.open_box(made, parsed, 0, bytes.fromhex(shared()["secrets"][0]))  # type: ignore[index]


def _document(data: bytes) -> object:
    return reveal.parse_document(a_session(), a_session().member_ids[0], data, readers=4, input_digest=bytes(32))


def _sealed_column(data: bytes) -> object:
    made = a_session()
    row = reveal.Row(0, 0, bytes(32), (bytes(32),) * made.chunks, bytes(32), ())
    return reading.open_column(made, row, data, bytes(32))


def _complaint(data: bytes) -> object:
    return _judged(a_session(), data)


def _hybrid_complaint(data: bytes) -> object:
    return _judged(a_hybrid_session(), data)


def _judged(made: session.Session, data: bytes) -> object:
    raw, evidence = split(data, 2)
    first, second = made.member_ids[:2]
    guilty = complaints.judge(made, second, raw, accuser=first, evidence=evidence)
    if guilty not in (first, second):
        raise AssertionError("a judge convicted a bystander")
    return guilty


def _public_keys(data: bytes) -> object:
    return epoch.decode_public(data, hashlib.sha256(data).digest(), 3)


def _dispute(data: bytes) -> object:
    made = a_session()
    numbers, one, other, evidence = split(data, 4)
    where = disputes.Difference(*(int.from_bytes(numbers[at : at + 4], "little") for at in (0, 4, 8)))
    documents_ = [
        reveal.parse_document(made, member, raw, readers=4, input_digest=bytes(32))
        for member, raw in zip(made.member_ids, (one, other), strict=False)
    ]
    guilty = disputes.judge(made, where, (), accuser=documents_[0], accused=documents_[1], evidence=evidence)
    if guilty not in made.member_ids[:2]:
        raise AssertionError("a judge convicted a bystander")
    return guilty


def _proof(data: bytes) -> object:
    point, proof = split(data, 2)
    return group.verify(bytes(32), point, proof)


def _equality(data: bytes) -> object:
    point, base, product, proof = split(data, 4)
    return group.verify_equal(bytes(32), point, base=base, product=product, proof=proof)


# --------------------------------------------------------------------------------------------------------- the ledger


class _Said:
    """A ledger that answers with the same bytes whatever it is asked."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def exchange(self, payload: bytes) -> bytes:
        """Return the bytes."""
        del payload
        return self._data


def _answer(data: bytes) -> object:
    return [rpc.number(each) for each in rpc.batch(_Said(data), [("eth_chainId", []), ("eth_blockNumber", [])])]


def _log(data: bytes) -> object:
    name, raw = split(data, 2)
    contract = name.decode("ascii", "replace")
    said = encoding.parse_json(raw)
    if contract not in contracts.NAMES or not isinstance(said, dict):
        raise errors.DecodeError("no log of ours")
    return logs.decode(contract, said)


def _transaction(data: bytes) -> object:
    return transactions.decode(data, chain_id=31337)


def _signature(data: bytes) -> object:
    digest, signed = split(data, 2)
    return signature.is_signed_by(digest[:32].ljust(32, b"\0"), signed, ids.Address(bytes(20)))


# -------------------------------------------------------------------------------------------------------- the servers


def _store_request(data: bytes) -> object:
    said = encoding.parse_json(data)
    if not isinstance(said, dict):
        raise errors.DecodeError("no headers")
    found = {str(name): str(value) for name, value in said.items()}
    return signing.read(found, action=signing.Action.KEEP, audience="a store", digest=ids.Digest(bytes(32)))


def _store_answer(data: bytes) -> object:
    return refusals.as_error(400 + len(data) % 200, data, "a store"), refusals.name_in(data), refusals.time_in(data)


def _text(read: Callable[[str], object]) -> Decoder:
    return lambda data: read(data.decode("utf-8", "replace"))


DECODERS: Mapping[str, Decoder] = {
    "header": _header,
    "box": _box,
    "mask-sum-document": _document,
    "sealed-mask-sum": _sealed_column,
    "complaint": _complaint,
    "hybrid-complaint": _hybrid_complaint,
    "public-keys": _public_keys,
    "dispute": _dispute,
    "proof": _proof,
    "equality-proof": _equality,
    "state": state.decode,
    "model": model.decode,
    "json": encoding.parse_json,
    "problem": documents.Problem.decode,
    "plan": documents.Plan.decode,
    "run-terms": documents.RunTerms.decode,
    "model-card": documents.ModelCard.decode,
    "dataset-card": cards.DatasetCard.decode,
    "use-policy": policies.UsePolicy.decode,
    "profile": profiles.Profile.decode,
    "letter": letters.Letter.decode,
    "reason": letters.Reason.decode,
    "statement": statements.SignedStatement.decode,
    "consent-record": consents.ConsentRecord.decode,
    "receipt": consents.Receipt.decode,
    "rows-record": consents.RowsRecord.decode,
    "code-archive": archives.read_archive,
    "schema": lambda data: schema.from_document(encoding.parse_json(data)),
    "licence": _text(licences.parse),
    "proof-of-consent": proofs.Proof.decode,
    "ledger-answer": _answer,
    "ledger-log": _log,
    "revert-data": contracts.decode_failure,
    "transaction": _transaction,
    "signature": _signature,
    "deployment": _text(deployments.Deployment.from_json),
    "charter": charter.read,
    "relay-request": relaying.Request.from_json,
    "store-request": _store_request,
    "store-answer": _store_answer,
}
"""Name -> decoder; the name is the corpus' folder."""

REFUSALS = (errors.CommonsError, refusals.Refused, rpc.RpcFailure)
"""What a decoder may raise."""


def check(name: str, data: bytes) -> bool:
    """Return whether the decoder ``name`` took ``data``; raises what it must not raise."""
    return checked(DECODERS[name], data)


def checked(decoder: Decoder, data: bytes) -> bool:
    """Return whether a decoder took ``data``; lets everything through that is no refusal."""
    try:
        decoder(data)
    except REFUSALS:
        return False
    return True
