"""The golden vectors: the files are current, and what they call bad is refused for the reason they give."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from aicommons.domain import errors
from aicommons.learning.secagg import checking, group, layout, reading, reveal, session, suite

FOLDER = pathlib.Path(__file__).parents[3] / "vectors" / "secagg"


def load(name: str) -> object:
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
