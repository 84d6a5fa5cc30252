"""Who may consent for a child at the command line: proof by scan or attestation, what ends it, and what majority does."""

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from aicommons.domain import consents

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COMMON = ("--purpose", "DUO:0000007", "--until", "2999-12-31", "--steward", "Amina")
MOTHER = "0x" + "ab" * 20
CHILD = ("--born", "2018-03-14", "--guardian", "A mother", "--relation", "mother")


@pytest.fixture(scope="module")
def dataset(founded: "Place", offered: dict[str, str]) -> str:
    """A table of east's with a register."""
    table = founded.write(
        "wards.csv", "patient,age,sex,outcome\n" + "".join(f"w-{n},{n % 60},f,no\n" for n in range(40))
    )
    schema = str(founded.root / "schema.json")
    made = founded.done("east", "dataset", "publish", table, "--title", "Wards", "--schema", schema)
    founded.done("east", "consent", "open", str(made["dataset"]), "--person", "patient")
    return str(made["dataset"])


WORDS = "Zuri, born 2018-03-14"


@pytest.fixture(scope="module")
def attested(founded: "Place") -> str:
    """South, another organisation, has seen the mother's proof and vouches for her key."""
    paper = founded.write("birth.pdf", "a birth certificate")
    said = ("--guardian", MOTHER, "--born", "2018-03-14", "--paper", paper, "--ward", WORDS)
    return str(founded.done("south", "consent", "attest-guardian", *said)["guardianship"])


def shown(founded: "Place", attested: str, words: str = WORDS) -> tuple[str, ...]:
    """Return what a steward says of a child with the attester's file."""
    file = founded.root / "south" / "consents" / "guardianships" / f"{attested[2:]}.json"
    return ("--guardianship", attested[:14], "--ward-file", str(file), "--ward", words)


def enter(founded: "Place", dataset: str, person: str, *said: str) -> "Said":
    """Enter a consent on paper of its own."""
    evidence = hashlib.sha256(" ".join((person, *said)).encode()).hexdigest()
    arguments = ("consent", "enter", dataset, "--person", person, "--evidence", evidence, *said, *COMMON)
    return founded.call("east", *arguments, "--json")


def test_an_attestation_is_proof(founded: "Place", dataset: str, attested: str) -> None:
    """A child's consent rests on another organisation's attestation, named by its beginning; no paper is needed."""
    for proof, got in (
        (("--guardianship", attested[:14]), "got none"),
        (shown(founded, attested, "Juma, born 2018-03-14"), "got others"),
    ):
        refused = enter(founded, dataset, "w-1", *CHILD, *proof)
        assert "nothing shows that this guardianship is for this child" in refused.json["message"]
        assert got in refused.json["message"]
        assert "--ward-file" in refused.json["next_step"]
    said = enter(founded, dataset, "w-1", *CHILD, *shown(founded, attested))
    assert said.code == 0, said
    second = enter(founded, dataset, "w-2", *CHILD, *shown(founded, attested))
    assert "another child's" in second.json["message"]
    assert said.json["majority"] == 2_089_065_600
    kept = json.loads((founded.root / "south" / "consents" / "guardianships" / f"{attested[2:]}.json").read_text())
    assert kept["evidence"] == "0x" + hashlib.sha256(b"a birth certificate").hexdigest()
    assert (
        kept["ward"] == "0x" + consents.ward_commitment(bytes.fromhex(kept["salt"][2:]), "Zuri, born 2018-03-14").hex()
    )
    assert "Zuri" not in json.dumps(kept)


REFUSED = {
    "no proof at all": ((), "--guardian-paper: a guardian without proof"),
    "an attestation that nobody made": (("--guardianship", "0x" + "77" * 32), "no such guardianship"),
    "an attestation of another guardian": (
        ("--guardianship", "ATTESTED", "--guardian-account", "0x" + "cd" * 20),
        "a guardian without proof",
    ),
}


@pytest.mark.parametrize(("proof", "found"), REFUSED.values(), ids=REFUSED.keys())
def test_a_guardian_without_proof_is_refused_with_the_way_out(
    founded: "Place", dataset: str, attested: str, proof: tuple[str, ...], found: str
) -> None:
    """Without a scan or a live attestation for this very key nothing is entered, and the next step is said."""
    before = founded.done("east", "consent", "lookup", dataset)["entered"]
    given = [attested if each == "ATTESTED" else each for each in proof]
    said = enter(founded, dataset, "w-2", *CHILD, *given)
    assert said.code == 1
    assert found in said.json["message"]
    assert "attest-guardian" in said.json["next_step"]
    assert founded.done("east", "consent", "lookup", dataset)["entered"] == before


def test_a_revoked_attestation_is_no_proof_any_more(founded: "Place", dataset: str) -> None:
    """Only who attested may revoke; afterwards neither one paper nor a table of them is entered on it."""
    paper = founded.write("other.pdf", "a court order")
    vouch = ("--guardian", MOTHER, "--born", "2018-03-14", "--paper", paper, "--ward", "Juma")
    named = str(founded.done("south", "consent", "attest-guardian", *vouch)["guardianship"])
    stranger = founded.call("east", "consent", "revoke-guardian", named[:14], "--json")
    assert "another organisation" in stranger.json["message"]
    founded.done("south", "consent", "revoke-guardian", named[:14])
    said = enter(founded, dataset, "w-3", *CHILD, "--guardianship", named)
    assert "over, or was taken back" in said.json["message"]
    header = "person,given,evidence,born,guardian,guardian_evidence,guardian_account,guardianship"
    row = f"w-3,2026-01-05,{'ee' * 32},2018-03-14,A mother,{'dd' * 32},{MOTHER},{named}"
    table = founded.call(
        "east", "consent", "import", dataset, founded.write("w.csv", f"{header}\n{row}\n"), *COMMON, "--json"
    )
    assert "a guardian without proof" in table.json["message"]


def test_nobody_vouches_for_the_guardian_of_an_adult(founded: "Place") -> None:
    """An attestation for somebody who is of age is refused before anything is sent."""
    paper = founded.write("old.pdf", "a birth certificate of 1990")
    said = ("--guardian", MOTHER, "--born", "1990-01-01", "--paper", paper, "--ward", "Asha")
    refused = founded.call("south", "consent", "attest-guardian", *said, "--json")
    assert "somebody of age" in refused.json["message"]


def test_a_ward_of_age_is_asked_herself(founded: "Place", dataset: str) -> None:
    """A guardian's old word ends at majority: the ward is on the list of those to be asked until she consents herself."""
    proof = founded.write("proof.pdf", "a birth certificate")
    grown = ("--given", "2020-05-01", "--born", "2003-05-06", "--guardian", "A father", "--guardian-paper", proof)
    number = enter(founded, dataset, "w-9", *grown).json["number"]
    asked = founded.done("east", "consent", "lookup", dataset, "--of-age")["consents"]
    assert [each["number"] for each in asked] == [f"{dataset}-{number}"]
    assert enter(founded, dataset, "w-9").json["subject"] == "dpv:Adult"
    assert founded.done("east", "consent", "lookup", dataset, "--of-age") == {"consents": []}
