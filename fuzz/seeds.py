"""Writes the first inputs of each decoder's corpus from the golden vectors and from a short run; existing files stay.

python fuzz/seeds.py
"""

import contextlib
import json
import pathlib
from collections.abc import Iterator

import decoders
import numpy as np

from aicommons import testing
from aicommons.domain import consents, encoding, ids, letters, policies, schema, statements
from aicommons.domain import signing as signing_
from aicommons.learning import model, recipe, records
from aicommons.ledger import relaying, transactions, wallet
from aicommons.node.consents import proofs
from aicommons.protocol import consents as trees
from aicommons.sandbox import archives
from aicommons.store import refusals, signing

CORPUS = pathlib.Path(__file__).with_name("corpus")
VECTORS = decoders.VECTORS
KINDS = ("problem", "plan", "run-terms", "model-card", "dataset-card", "use-policy", "profile")
ROWS_EACH = 3


def load(name: str) -> object:
    """Return a vector file."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def aggregation() -> Iterator[tuple[str, str, bytes]]:
    """Yield headers, documents, proofs and cases of the golden rounds."""
    shared = decoders.shared()
    members = [str(member) for member in shared["member_ids"]]
    first = next(each for each in shared["rounds"] if each["suite"] == 1)
    headers = {who: bytes.fromhex(raw) for who, raw in first["headers"].items()}
    masked = {who: bytes.fromhex(raw) for who, raw in first["masked"].items()}
    papers = {who: bytes.fromhex(raw) for who, raw in first["documents"].items()}
    yield "header", "good", decoders.join(headers[members[1]], masked[members[1]])
    yield "box", "good", headers[members[1]]
    yield "mask-sum-document", "good", papers[members[0]]
    yield "sealed-mask-sum", "one", bytes(decoders.a_session().blob_bytes + 16)
    yield "complaint", "false", decoders.join(headers[members[1]], bytes(128))
    hybrid = load("secagg/hybrid")
    yield "public-keys", "good", bytes.fromhex(hybrid["ack"]["keys"])
    for row in load("secagg/hybrid_bad_bytes")["complaints"][:ROWS_EACH]:
        shown = bytes.fromhex(row["header"]), bytes.fromhex(row["evidence"])
        yield "hybrid-complaint", row["name"], decoders.join(*shown)
    places = bytes(12)
    yield "dispute", "equal", decoders.join(places, papers[members[0]], papers[members[1]], b"")
    primitives = load("secagg/primitives")
    yield "proof", "good", decoders.join(bytes.fromhex(primitives["point"]), bytes.fromhex(primitives["proof"]))
    points = [bytes.fromhex(point) for point in shared["points"]]
    yield "equality-proof", "zeros", decoders.join(*points, bytes(96))
    for row in load("secagg/header_bad_bytes")[:ROWS_EACH]:
        yield "header", row["name"], decoders.join(bytes.fromhex(row["header"]), bytes.fromhex(row["masked"]))


def papers() -> Iterator[tuple[str, str, bytes]]:
    """Yield documents of every kind that the vectors have, and states."""
    for number, row in enumerate(load("encoding/documents")):
        yield (
            row["kind"] if row["kind"] in decoders.DECODERS else "json",
            f"{row['kind']}-{number}",
            row["text"].encode(),
        )
        body = json.loads(row["text"])
        for name in ("columns", "schema"):
            found = body.get(name) or (body.get("needs") or {}).get(name) or (body.get("recipe") or {}).get(name)
            if found:
                yield "schema", f"{row['kind']}-{number}", encoding.canonical_json(found)
    for row in load("learning/state")[:ROWS_EACH]:
        yield "state", row["name"], bytes.fromhex(row["hex"])
    yield "licence", "with", b"(MIT OR Apache-2.0 WITH LLVM-exception) AND CC-BY-4.0"
    yield "charter", "empty", b""
    yield "charter", "votes", b"[votes]\ndelay_seconds = 60\n"


def consent_papers() -> Iterator[tuple[str, str, bytes]]:
    """Yield what people's consents are written down in, letters among members, and a call for a relayer."""
    given = 1_793_523_600
    record = consents.ConsentRecord(
        record=b"\x01" * 32, tag=b"\x02" * 32, subject=consents.Subject.ADULT, majority=None, holder=None, guardian=None,
        purposes=("dpv:ScientificResearch",), commercial=True, scope=consents.Scope(7, ("age",), b"\x03" * 32, 4),
        basis=consents.Basis.EXPLICIT, expiry=given + 31_536_000, max_uses=5, given=consents.Given.ON_PAPER,
        evidence=b"\x04" * 32, steward="Asha", controller="Clinic", notice=None, language="sw", withdrawal="at the desk",
        history=(consents.Change(consents.Status.GIVEN, given, "holder", b"\x04" * 32),),
    )  # fmt: skip
    yield "consent-record", "adult", record.encode()
    receipt = consents.Receipt(
        record.record, 3, 7, "Heart", "Clinic", record.subject, record.purposes, False, ("age",), record.given, given,
        record.expiry, None, 5, "Asha", "at the desk", "sw", b"\x08" * 32, b"\x09" * 32, "12-34-56",
    )  # fmt: skip
    yield "receipt", "adult", receipt.encode()
    digests = {name: bytes(32) for name in ("run", "sid", "root", "status", "people", "vector", "salt")}
    rows = consents.RowsRecord(
        round_index=0, attempt=0, dataset=7, dataset_version=1, block=9, time=given, persons=20, rows=40, held_back=0,
        **digests,
    )  # fmt: skip
    yield "rows-record", "forty", rows.encode()
    said = statements.Statement(
        7, "p1", False, ("dpv:ScientificResearch",), False, ("age",), None, None, None, given, given + 99
    )
    yield "statement", "own", statements.SignedStatement(1, "0x" + "00" * 20, said, "0x" + "00" * 65).encode()
    policy = policies.UsePolicy(
        title="Referrals for research",
        assigner=ids.MemberId(1),
        permitted=("dpv:ScientificResearch",),
        prohibited=(),
        commercial=False,
        countries=("KE", "TZ"),
        licence="CC-BY-4.0",
        minimum_cohort=10,
        minimum_cell=5,
        small_cells=policies.SmallCells.SUPPRESS,
        epsilon="3.0",
        privacy_unit=policies.PrivacyUnit.PERSON,
        price=0,
        free_commons=True,
        duties=(policies.Duty.REPORT_BACK,),
        until=2_000_000_000,
        person_column="patient",
    )
    yield "use-policy", "good", policy.encode()
    yield "letter", "words", letters.Letter("May we use your table?").encode()
    yield "reason", "words", letters.Reason("It is not fair.").encode()
    leaf = trees.Leaf(7, 3, bytes(32), ids.NOBODY, ids.NOBODY, bytes(32), 0, given)
    proof = proofs.Proof(encoding.Place(31337, ids.Address(bytes(20))), leaf, (bytes(32), bytes(32)))
    yield "proof-of-consent", "two", proof.encode()
    call = signing_.ForwardRequest(ids.NOBODY, ids.NOBODY, 0, 10**6, 4, given, b"data")
    yield "relay-request", "good", relaying.Request(call, bytes(65)).to_json()
    manifest = encoding.canonical_json(
        {
            "type": "code-plan", "version": 1, "name": "sums", "entry": "plan", "kind": "additive", "combiner": "newton_step",
            "schema": {"features": [{"name": "x", "kind": "numeric", "lo": 0.0, "hi": 1.0}]},
            "initial": [{"name": "weights", "length": 2}],
            "contribute": [{"name": "sums", "length": 2, "encoding": "bounded", "cap_exponent": 20}],
            "resources": {"memory_mb": 64, "cpu_seconds": 1, "wall_seconds": 2, "output_bytes": 64},
            "leaves_site": "Sums of columns over all rows.",
        }
    )  # fmt: skip
    yield (
        "code-archive",
        "good",
        archives.encode({"manifest.json": manifest, "plan.py": b"import numpy", "a/b.py": b""}),
    )
    yield "json", "nested", b'{"a":[1,true,null,"x"],"b":{"c":-5}}'


def servers() -> Iterator[tuple[str, str, bytes]]:
    """Yield requests and answers of servers."""
    key = wallet.Wallet(bytes([7]) * 32)
    request = signing.Request(signing.Action.KEEP, "a store", key.address, ids.Digest(bytes(32)), 5, 1_800_000_000)
    yield "store-request", "good", encoding.canonical_json(request.headers(bytes(65)))
    refused = refusals.Refused(refusals.Name.EXPIRED, "late", now=1_800_000_000)
    yield "store-answer", "expired", refused.body()
    answers = [{"id": number, "jsonrpc": "2.0", "result": "0x7a69"} for number in range(2)]
    yield "ledger-answer", "good", json.dumps(answers).encode()
    yield "revert-data", "none", bytes(4)
    sent = transactions.Transaction(31337, 3, ids.Address(bytes([5]) * 20), b"data")
    yield "transaction", "good", transactions.sign(sent, key).raw
    yield "signature", "good", decoders.join(bytes(32), key.sign_digest(bytes(32)))


def a_run() -> Iterator[tuple[str, str, bytes]]:
    """Yield the logs of a short run, the first of each event, and its model."""
    rng = np.random.default_rng(1)
    target = schema.Target(schema.Task.BINOMIAL, "y", classes=("no", "yes"))
    columns = schema.Schema((schema.numeric("x", -5.0, 5.0),), target)
    plan = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(columns), "max_steps": 1})
    sites = []
    for _ in range(3):
        features = np.clip(rng.normal(size=(30, 1)), -5, 5)
        table = records.Table(features, (features[:, 0] + rng.normal(size=30) > 0).astype(float))
        sites.append(recipe.Rows(table, table))
    with testing.simulate(sites, plan) as simulation:
        simulation.run()
        commons = simulation.commons
        yield "model", "glm", model.encode(model.Model(plan, simulation.final_state()))
        yield "deployment", "own", commons.deployment.to_json().encode()
        asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [{"fromBlock": "0x0"}]}
        found = json.loads(commons.ledger.handle(json.dumps(asked).encode()))["result"]
        names = {ids.format_id(address): name for name, address in commons.deployment.addresses.items()}
        seen = set()
        for log in found:
            name = names.get(log["address"])
            if name is not None and log["topics"][0] not in seen:
                seen.add(log["topics"][0])
                raw = encoding.canonical_json({key: value for key, value in log.items() if key != "removed"})
                yield "ledger-log", f"{name}-{len(seen)}", decoders.join(name.encode(), raw)


def main() -> None:
    """Write what is not there."""
    for part in (aggregation, papers, consent_papers, servers, a_run):
        for name, title, data in part():
            folder = CORPUS / name
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / title.replace(" ", "-").replace("/", "-")
            with contextlib.suppress(FileExistsError), file.open("xb") as out:
                out.write(data)
            print(f"{name}/{file.name}: {'taken' if decoders.check(name, data) else 'refused'}")


if __name__ == "__main__":
    main()
