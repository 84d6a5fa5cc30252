"""The golden vectors: the files are current, and what they call bad is refused for the reason they give."""

import hashlib
import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from aicommons.domain import errors
from aicommons.learning.secagg import (
    checking,
    complaints,
    disputes,
    epoch,
    group,
    header,
    kem,
    layout,
    masks,
    reading,
    reveal,
    session,
    suite,
)

FOLDER = pathlib.Path(__file__).parents[3] / "vectors" / "secagg"


def load(name: str) -> Any:
    """Return a vector file."""
    return json.loads((FOLDER / name).read_text())


def session_of(shared: dict[str, object], number: int) -> session.Session:
    """Return the session that the round files share."""
    member_ids = tuple(shared["member_ids"])
    return session.Session(
        bytes.fromhex(shared["sid"]),
        suite.Suite(number),
        shared["words"],
        member_ids,
        tuple(bytes.fromhex(point) for point in shared["points"]),
        layout.make_layout(member_ids, bytes(32), layout.SUBSETS),
    )


def test_vector_files_are_current() -> None:
    """Regenerating the vectors gives the committed files, byte for byte."""
    script = pathlib.Path(__file__).with_name("generate_vectors.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("row", load("header_bad_bytes.json"), ids=lambda row: row["name"])
def test_bad_headers_are_refused_for_the_given_reason(row: dict[str, str]) -> None:
    """Every malformed header is refused for the reason beside it."""
    shared = load("rounds.json")
    with pytest.raises(errors.AggregationRefused) as caught:
        checking.check_submission(
            session_of(shared, 1),
            22,
            bytes.fromhex(row["header"]),
            bytes.fromhex(row["masked"]),
            index=0,
            secret=bytes.fromhex(shared["secrets"][0]),
        )
    assert caught.value.reason == row["reason"]


@pytest.mark.parametrize("row", load("document_bad_bytes.json"), ids=lambda row: row["name"])
def test_bad_documents_are_refused_for_the_given_reason(row: dict[str, str]) -> None:
    """Every malformed document is refused for the reason beside it."""
    shared = load("rounds.json")
    with pytest.raises(errors.AggregationRefused) as caught:
        reveal.parse_document(
            session_of(shared, 1),
            11,
            bytes.fromhex(row["document"]),
            readers=4,
            input_digest=bytes.fromhex(shared["input_digest"]),
        )
    assert caught.value.reason == row["reason"]


@pytest.mark.parametrize("name", load("proof_bad_bytes.json"))
def test_bad_proofs_are_false(name: str) -> None:
    """Every malformed proof is false, while the good one holds."""
    good = load("primitives.json")
    context, point = bytes.fromhex(good["context"]), bytes.fromhex(good["point"])
    assert group.verify(context, point, bytes.fromhex(good["proof"])) is True
    assert group.verify(context, point, bytes.fromhex(load("proof_bad_bytes.json")[name])) is False


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_rounds_read_back_from_their_bytes(number: int) -> None:
    """From the files' bytes alone the auditor reads the sum of the vectors, with its salt and digest."""
    shared = load("rounds.json")
    made = session_of(shared, number)
    row = shared["rounds"][number - 1]
    input_digest = bytes.fromhex(shared["input_digest"])
    readers = reveal.make_readers(
        made, {shared["auditor_id"]: group.multiply_base(bytes.fromhex(shared["auditor_secret"]))}
    )
    documents = {
        int(who): reveal.parse_document(
            made, int(who), bytes.fromhex(raw), readers=len(readers), input_digest=input_digest
        )
        for who, raw in row["documents"].items()
    }
    place = [reader.member_id for reader in readers].index(shared["auditor_id"])
    eyes = reading.Eyes(place, readers[place], bytes.fromhex(shared["auditor_secret"]))
    objects = {bytes.fromhex(digest): bytes.fromhex(raw) for digest, raw in row["objects"].items()}
    columns = reading.open_columns(made, documents, objects, eyes=eyes)
    read = reading.read(made, {0: [bytes.fromhex(raw) for raw in row["masked"].values()]}, columns)
    vectors = [np.frombuffer(bytes.fromhex(raw), made.suite.dtype) for raw in row["vectors"].values()]
    assert np.array_equal(read.words, np.sum(vectors, axis=0, dtype=made.suite.dtype))
    assert (read.salt.hex(), read.sum_digest.hex()) == (row["salt"], row["sum_digest"])


# --- sessions that say of themselves what they are ---


def made_from(row: dict[str, Any], **more: object) -> session.Session:
    """Return the session that a file describes."""
    member_ids = tuple(row["member_ids"])
    made = layout.Layout(row["layout"], len(member_ids), tuple(map(tuple, row["columns"])), faults=1, quorum=3)
    points = tuple(bytes.fromhex(point) for point in row["points"])
    return session.Session(
        bytes.fromhex(row["sid"]), suite.Suite(row["suite"]), row["words"], member_ids, points, made, **more
    )


def raw(row: dict[str, Any], *names: str) -> list[bytes]:
    """Return fields as bytes."""
    return [bytes.fromhex(row[name]) for name in names]


WHOLE = [*load("rounds_in_pairs.json"), *load("rounds_in_cells.json")]


@pytest.mark.parametrize(
    "row", WHOLE, ids=lambda row: f"suite {row['suite']} {'cells' if 'sums_by_cell' in row else ''}"
)
def test_pairs_and_cells_read_back_from_their_bytes(row: dict[str, Any]) -> None:
    """Layout 2 in every suite, and cells in both widths: the auditor reads each cell's sum, the salt and the digest."""
    made = made_from(row["session"])
    cells = {int(cell): inside for cell, inside in row["session"].get("cells", {"0": made.member_ids}).items()}
    secret, input_digest = raw(row, "auditor_secret", "input_digest")
    readers = reveal.make_readers(made, {row["auditor_id"]: group.multiply_base(secret)})
    documents = {
        int(who): reveal.check_reveal(
            made,
            int(who),
            bytes.fromhex(text),
            reveal.Claim(
                *raw(row["claims"][who], "masks", "salt", "mine"), hashlib.sha256(bytes.fromhex(text)).digest()
            ),
            readers=len(readers),
            input_digest=input_digest,
            cells=tuple(cells),
        )
        for who, text in row["documents"].items()
    }
    reading.agree_manifests(made, documents, made.member_ids, cells=tuple(cells))
    place = [reader.member_id for reader in readers].index(row["auditor_id"])
    objects = {bytes.fromhex(digest): bytes.fromhex(text) for digest, text in row["objects"].items()}
    columns = reading.open_columns(
        made, documents, objects, eyes=reading.Eyes(place, readers[place], secret), cells=tuple(cells)
    )
    masked = {cell: [bytes.fromhex(row["masked"][str(who)]) for who in inside] for cell, inside in cells.items()}
    read = reading.read(made, masked, columns)
    vectors = {who: np.frombuffer(bytes.fromhex(text), made.suite.dtype) for who, text in row["vectors"].items()}
    for cell, inside in cells.items():
        expected = np.sum([vectors[str(who)] for who in inside], axis=0, dtype=made.suite.dtype)
        assert np.array_equal(read.sums[cell], expected)
    assert (read.salt.hex(), read.sum_digest.hex()) == (row["salt"], row["sum_digest"])


@pytest.mark.parametrize(
    "row", WHOLE, ids=lambda row: f"suite {row['suite']} {'cells' if 'sums_by_cell' in row else ''}"
)
def test_mask_sums_follow_from_the_headers(row: dict[str, Any]) -> None:
    """Each holder opens its boxes with its secret and comes to the sums and manifests of the file."""
    made = made_from(row["session"])
    cells = {int(cell): inside for cell, inside in row["session"].get("cells", {"0": made.member_ids}).items()}
    for index, secret in enumerate(row["session"]["secrets"]):
        seeds = {
            who: checking.check_submission(
                made,
                who,
                bytes.fromhex(row["headers"][str(who)]),
                bytes.fromhex(row["masked"][str(who)]),
                index=index,
                secret=bytes.fromhex(secret),
            )
            for who in made.member_ids
        }
        for column in made.layout.columns_of(index):
            for cell, inside in cells.items():
                name = str(column) if len(cells) == 1 else f"column {column}, cell {cell}"
                got = masks.mask_sum(
                    made, {who: seeds[who] for who in inside}, column, raw(row, "input_digest")[0], cell=cell
                )
                expected = row["mask_sums"][name]
                assert got.words.tobytes().hex() == expected["words"]
                assert (got.manifest.hex(), got.read_key.hex()) == (expected["manifest"], expected["read_key"])


def test_acks_hold() -> None:
    """The Ack of the file holds, and the hybrid one for its ML-KEM keys only."""
    row = load("primitives.json")["ack"]
    roster, point, proof = raw(row, "roster", "point", "proof")
    assert epoch.is_acknowledged(roster, row["epoch"], row["member"], point=point, proof=proof)
    row = load("hybrid.json")["ack"]
    roster, keys_, announced, proof = raw(row, "roster", "keys", "announced", "proof")
    public = epoch.decode_public(keys_, announced, 3)
    given = {"point": public.point, "proof": proof}
    assert epoch.is_acknowledged(roster, row["epoch"], row["member"], **given, kem_digest=announced)
    assert not epoch.is_acknowledged(roster, row["epoch"], row["member"], **given)


@pytest.mark.parametrize("row", load("equality_bad_bytes.json"), ids=lambda row: row["name"])
def test_bad_equality_proofs_are_false(row: dict[str, str]) -> None:
    """The good proof holds; with one field of it changed it is false."""
    fields = {name: bytes.fromhex(text) for name, text in load("equality.json").items()}

    def holds() -> bool:
        context, point, proof = fields["context"], fields["point"], fields["proof"]
        return group.verify_equal(context, point, base=fields["base"], product=fields["product"], proof=proof)

    assert holds() is True
    fields[row["field"]] = bytes.fromhex(row["value"])
    assert holds() is False


def labelled(each: object) -> str | None:
    """Return how a parameter is called."""
    return each["name"] if isinstance(each, dict) and "name" in each else None


COMPLAINTS = [
    (name, group["session"], row)
    for name in ("complaints", "complaints_bad_evidence")
    for group in load(f"{name}.json")
    for row in group["cases"]
]


@pytest.mark.parametrize(("name", "described", "row"), COMPLAINTS, ids=labelled)
def test_complaints_convict_as_the_files_say(name: str, described: dict[str, Any], row: dict[str, Any]) -> None:
    """From header and evidence alone: the accused in the one file, the accuser in the other."""
    made = made_from(described)
    head, evidence = raw(row, "header", "evidence")
    assert complaints.judge(made, row["accused"], head, accuser=row["accuser"], evidence=evidence) == row["guilty"]
    assert row["guilty"] == row["accused" if name == "complaints" else "accuser"]


def document_of(made: session.Session, row: dict[str, Any]) -> reveal.Document:
    """Return the document of a file, of which only the leaves matter to a dispute."""
    rows = tuple(
        reveal.Row(each["cell"], each["column"], bytes(32), tuple(map(bytes.fromhex, each["leaves"])), bytes(32), ())
        for each in row["rows"]
    )
    return reveal.Document(row["member"], made.points[0], rows)


GROUPS = [*map(load, ("disputes.json", "disputes_bad_evidence.json")), *load("disputes_in_cells.json")]
DISPUTES = [(group, row) for group in GROUPS for row in group["cases"]]


@pytest.mark.parametrize(("shared", "row"), DISPUTES, ids=labelled)
def test_disputes_convict_as_the_files_say(shared: dict[str, Any], row: dict[str, Any]) -> None:
    """From headers, leaves and evidence alone, in one set and in cells, in every suite."""
    made = made_from(shared["session"])
    where = disputes.Difference(row["cell"], row["column"], row["chunk"])
    participants = [header.parse(bytes.fromhex(text), made, int(who)) for who, text in shared["headers"].items()]
    accuser, accused = (document_of(made, row[side]) for side in ("accuser", "accused"))
    evidence = bytes.fromhex(row["evidence"])
    guilty = disputes.judge(made, where, participants, accuser=accuser, accused=accused, evidence=evidence)
    assert guilty == row["guilty"]


def test_the_first_difference_is_where_the_file_says() -> None:
    """Two documents are compared by column, cell and chunk."""
    row, made = load("differences.json"), made_from(load("disputes.json")["session"])
    found = disputes.find_difference(*(document_of(made, row[side]) for side in ("right", "wrong")))
    assert found == disputes.Difference(row["cell"], row["column"], row["chunk"])


def hybrid_session() -> session.Session:
    """Return the session of the hybrid files."""
    row = load("hybrid.json")
    keys_ = tuple(tuple(bytes.fromhex(key) for key in of_member) for of_member in row["kem_keys"])
    return made_from(row["session"], kem_keys=keys_)


def test_hybrid_boxes_open_as_the_file_says() -> None:
    """Keys follow from seeds, secrets from ciphertexts, and seeds of every member from its box."""
    row, made = load("hybrid.json"), hybrid_session()
    parsed = checking.check_public(made, row["sender"], *raw(row, "header", "masked"))
    place = made.index_of(row["sender"])
    for index, text in enumerate(row["masters"]):
        seeds = [kem.pair_seed(bytes.fromhex(text), participant) for participant in made.member_ids]
        assert [kem.public_key(each).hex() for each in seeds] == row["kem_keys"][index]
        seed = seeds[place]
        secret = kem.decapsulate(seed, parsed.commitment.ciphertexts[index])
        assert (secret or b"").hex() == row["kem_secrets"][index]
        opened = header.open_box(made, parsed, index, bytes.fromhex(row["session"]["secrets"][index]), kem_seed=seed)
        expected = {int(column): bytes.fromhex(each) for column, each in row["seeds"][index].items()}
        assert opened == expected


@pytest.mark.parametrize("row", load("hybrid_bad_bytes.json")["headers"], ids=lambda row: row["name"])
def test_bad_hybrid_headers_are_refused_for_the_given_reason(row: dict[str, Any]) -> None:
    """Every malformed hybrid submission is refused for the reason beside it."""
    shared = load("hybrid.json")
    with pytest.raises(errors.AggregationRefused) as caught:
        checking.check_submission(
            hybrid_session(),
            shared["sender"],
            *raw(row, "header", "masked"),
            index=0,
            secret=bytes.fromhex(shared["session"]["secrets"][0]),
            kem_seed=None if row["kem_seed"] is None else bytes.fromhex(row["kem_seed"]),
        )
    assert caught.value.reason == row["reason"]


@pytest.mark.parametrize("row", load("hybrid_bad_bytes.json")["complaints"], ids=lambda row: row["name"])
def test_hybrid_complaints_are_judged_as_the_file_says(row: dict[str, Any]) -> None:
    """Every complaint convicts the one beside it."""
    head, evidence = raw(row, "header", "evidence")
    judged = complaints.judge(hybrid_session(), row["accused"], head, accuser=row["accuser"], evidence=evidence)
    assert judged == row["guilty"]


@pytest.mark.parametrize("row", load("hybrid_bad_bytes.json")["public_keys"], ids=lambda row: row["name"])
def test_bad_public_keys_are_refused(row: dict[str, str]) -> None:
    """Every malformed list of keys is refused, under its own digest."""
    (keys_,) = raw(row, "keys")
    with pytest.raises(errors.AggregationRefused):
        epoch.decode_public(keys_, hashlib.sha256(keys_).digest(), 3)


@pytest.mark.parametrize("row", load("hybrid_bad_bytes.json")["keys"], ids=lambda row: row["name"])
def test_bad_lattice_keys_are_no_keys(row: dict[str, str]) -> None:
    """Every malformed ML-KEM key is refused."""
    assert kem.is_public_key(bytes.fromhex(row["key"])) is False
