"""The golden vectors of ids and encodings: the files are current, and what they call bad is refused."""

import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from eth_account import Account

from aicommons.domain import (
    cards,
    documents,
    encoding,
    errors,
    events,
    ids,
    messages,
    profiles,
    run,
    signature,
    signing,
)
from aicommons.protocol import coops, governance

FOLDER = pathlib.Path(__file__).parents[2] / "vectors"
KINDS = {
    each.KIND: each
    for each in (
        documents.Problem, cards.DatasetCard, documents.Plan, documents.RunTerms, documents.ModelCard,
        profiles.Profile,
    )
}  # fmt: skip
READ = {"bytes32": bytes.fromhex, "address": bytes.fromhex, "bool": lambda text: bool(int(text))}
"""ABI type -> how the vectors spell it; all others are decimal numbers."""
TYPES = {
    each.TYPE: each
    for each in (messages.Ack, messages.Submit, messages.Commit, messages.Reveal, messages.Result, messages.Exit)
}


def load(name: str) -> list[dict[str, Any]]:
    """Return a vector file."""
    return json.loads((FOLDER / name).read_text())


def test_vector_files_are_current() -> None:
    """Regenerating the vectors gives the committed files, byte for byte."""
    script = pathlib.Path(__file__).with_name("generate_vectors.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("row", load("ids/run_ids.json"), ids=lambda row: row["name"])
def test_run_ids(row: dict[str, Any]) -> None:
    """A run id follows from the terms as the file spells them."""
    kinds = run.RUN_SPEC_TYPES
    values = [
        READ.get(kind, int)(row["spec"][name])
        for name, kind in zip((field.name for field in dataclasses.fields(run.RunSpec)), kinds, strict=True)
    ]
    assert encoding.run_id(run.RunSpec(*values)).hex() == row["run_id"]


def test_known_answer_is_among_the_digests() -> None:
    """The file's first row is the specification's known answer, computed without this code."""
    known = load("ids/digests.json")[0]
    assert known["sid"] == "539ca31120dbec8efafcca25206f9b7754956067aff27dcb963dc13528205714"
    assert known["roster"].startswith("844acb2543aff4ff")
    assert known["committee"].startswith("3c30ff89ae618caa")
    assert known["set_digest"].startswith("bcc9702a9f490b21")


@pytest.mark.parametrize("row", load("encoding/messages.json"), ids=lambda row: row["type"].split("(")[0])
def test_messages(row: dict[str, Any]) -> None:
    """Digest and signer of every message follow from its fields; eth_account recovers the same signer."""
    values = [bytes.fromhex(value) if isinstance(value, str) else value for value in in_order(row)]
    place = encoding.Place(row["chain_id"], ids.Address(bytes.fromhex(row["contract"])))
    digest = encoding.message_digest(place, TYPES[row["type"]](*values))
    assert digest.hex() == row["digest"]
    assert signature.recover(digest, bytes.fromhex(row["signature"])).hex() == row["signer"]
    assert Account._recover_hash(digest, signature=row["signature"]).lower() == "0x" + row["signer"]


SIGNED = {
    (kind.CONTRACT, kind.TYPE): kind
    for kind in (
        *(signing.RevokeConsent, signing.WithdrawLeaf, signing.Attest, signing.RevokeAttestation),
        signing.ForwardRequest,
    )
}


@pytest.mark.parametrize("row", load("encoding/signing.json"), ids=lambda row: row["type"].split("(")[0])
def test_messages_outside_runs(row: dict[str, Any]) -> None:
    """Digest and signer of every message that can be signed outside runs follow from its fields; eth_account agrees."""
    kind = SIGNED[row["verifier"], row["type"]]
    fields = [row["message"][field.name] for field in dataclasses.fields(kind)]
    values = [bytes.fromhex(value) if isinstance(value, str) else value for value in fields]
    place = encoding.Place(row["chain_id"], ids.parse_address(row["contract"]))
    digest = kind(*values).digest(place)
    assert "0x" + digest.hex() == row["digest"]
    assert row["name"] == kind.NAME
    assert Account._recover_hash(digest, signature=row["signature"]).lower() == row["signer"]


def test_every_message_outside_runs_has_a_vector() -> None:
    """No kind is without its known answer."""
    assert {(row["verifier"], row["type"]) for row in load("encoding/signing.json")} == set(SIGNED)
    assert len(SIGNED) == len({kind for kind in vars(signing).values() if hasattr(kind, "TYPE")} - {signing.Signed})


@pytest.mark.parametrize("row", load("encoding/ballots.json"), ids=lambda row: row["verifier"])
def test_ballots(row: dict[str, Any]) -> None:
    """Digest and signer of a ballot follow from its fields, with the name of the governor that it is for."""
    said = row["message"]
    voter, support = bytes.fromhex(said["voter"]), events.Support(said["support"])
    ballot = coops.Ballot(said["proposal_id"], support, ids.Address(voter), said["nonce"], row["name"])
    digest = ballot.digest(encoding.Place(row["chain_id"], ids.parse_address(row["contract"])))
    assert "0x" + digest.hex() == row["digest"]
    assert Account._recover_hash(digest, signature=row["signature"]).lower() == row["signer"]


def test_both_governors_have_ballots() -> None:
    """The members' and a co-op's, under different names."""
    assert {(row["verifier"], row["name"]) for row in load("encoding/ballots.json")} == {
        ("CommonsGovernor", governance.GOVERNOR_NAME),
        ("CoopGovernor", coops.GOVERNOR_NAME),
    }


def in_order(row: dict[str, Any]) -> list[Any]:
    """Return a message's values in the order of its fields (the file sorts names)."""
    return [row["message"][field.name] for field in dataclasses.fields(TYPES[row["type"]])]


@pytest.mark.parametrize("row", load("encoding/signatures_bad_bytes.json"), ids=lambda row: row["name"])
def test_bad_signatures(row: dict[str, Any]) -> None:
    """No signature of the bad ones is taken for anybody's."""
    with pytest.raises(errors.SignatureInvalid):
        signature.recover(bytes.fromhex(row["digest"]), bytes.fromhex(row["signature"]))


@pytest.mark.parametrize("row", load("encoding/documents.json"), ids=lambda row: row["kind"])
def test_documents(row: dict[str, Any]) -> None:
    """Every document of the file reads back to its own bytes and digest."""
    data = row["text"].encode()
    assert KINDS[row["kind"]].decode(data).encode() == data
    assert ids.format_digest(ids.digest(data)) == row["digest"]


@pytest.mark.parametrize("row", load("encoding/documents_bad_bytes.json"), ids=lambda row: row["name"])
def test_bad_documents(row: dict[str, Any]) -> None:
    """Every malformed document of the file is refused."""
    with pytest.raises(errors.DecodeError):
        KINDS[row["kind"]].decode(bytes.fromhex(row["bytes"]))
