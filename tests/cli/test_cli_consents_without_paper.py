"""Consents that nobody signed on paper, at the command line: by the person's key, by a co-op's vote, from other systems."""

import copy
import json
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STANDARDS = pathlib.Path(__file__).parents[2] / "vectors" / "standards"
PURPOSE = "DUO:0000007"
STEWARD = ("--steward", "Amina")
CHILD = ("--born", "2018-03-14", "--guardian", "A mother", "--relation", "mother")


@pytest.fixture(scope="module")
def dataset(founded: "Place", offered: dict[str, str]) -> str:
    """A table of south's with a register."""
    table = founded.write(
        "keys.csv", "patient,age,sex,outcome\n" + "".join(f"k-{n},{n % 60},f,no\n" for n in range(40))
    )
    schema = str(founded.root / "schema.json")
    made = founded.done("south", "dataset", "publish", table, "--title", "Keys", "--schema", schema)
    founded.done("south", "consent", "open", str(made["dataset"]), "--person", "patient")
    return str(made["dataset"])


@pytest.fixture(scope="module")
def asha(founded: "Place") -> str:
    """Somebody with a home of her own, who is no member. Her address."""
    return str(founded.init("asha", "--deployment", founded.deployment)["wallet"])


def sign(founded: "Place", dataset: str, name: str, *said: str) -> str:
    """Let Asha sign; return the file."""
    file = str(founded.root / f"{name}.json")
    founded.done(
        "asha", "consent", "sign", dataset, "--person", f"k-{name}", "--purpose", PURPOSE, "--until", "2999-12-31",
        "--out", file, *said,
    )  # fmt: skip
    return file


def enter(founded: "Place", dataset: str, *said: str) -> "Said":
    """Enter something at south's desk."""
    return founded.call("south", "consent", "enter", dataset, *said, *STEWARD, "--json")


def test_a_person_consents_and_withdraws_with_her_own_key(founded: "Place", dataset: str, asha: str) -> None:
    """A signed message becomes a consent by key; the same message is not taken twice; her key alone withdraws."""
    file = sign(founded, dataset, "1", "--uses", "2")
    made = enter(founded, dataset, "--by-key", file, "--holder", asha)
    assert (made.json["given"], made.json["subject"]) == ("by-key", "dpv:Adult")
    (shown,) = founded.done("south", "consent", "lookup", dataset, "--person", "k-1")["consents"]
    assert [each["by"] for each in shown["history"]] == ["holder"]
    again = enter(founded, dataset, "--by-key", file, "--holder", asha)
    assert "was entered before" in again.json["message"]
    founded.done("south", "consent", "post", dataset)
    proof = str(founded.root / "asha-proof.json")
    out = str(founded.root / "asha.html")
    name = f"{dataset}-{made.json['number']}"
    founded.done("south", "consent", "receipt", name, "--out", out, "--proof", proof)
    stranger = founded.call("north", "consent", "withdraw", "--proof", proof, "--json")
    assert stranger.code == 1
    assert founded.done("asha", "consent", "withdraw", "--proof", proof) == {"withdrawn": [name]}


def test_a_mother_signs_for_her_child(founded: "Place", dataset: str, asha: str) -> None:
    """A guardian's message needs proof as a paper does, and its signer is the guardian whom the record names."""
    proof = founded.write("birth.pdf", "a scan")
    file = sign(founded, dataset, "2", "--for-child")
    unproven = enter(founded, dataset, "--by-key", file, *CHILD, "--guardian-account", asha)
    assert "a guardian without proof" in unproven.json["message"]
    vouch = ("--guardian", asha, "--born", "2018-03-14", "--paper", proof, "--ward", "Zuri")
    named = founded.done("north", "consent", "attest-guardian", *vouch)["guardianship"]
    attester = founded.root / "north" / "consents" / "guardianships" / f"{named[2:]}.json"
    is_hers = ("--guardianship", named, "--ward-file", str(attester), "--ward", "Zuri")
    made = enter(founded, dataset, "--by-key", file, *CHILD, *is_hers)
    assert made.json["subject"] == "dpv:Child", made
    (shown,) = founded.done("south", "consent", "lookup", dataset, "--person", "k-2")["consents"]
    assert [each["by"] for each in shown["history"]] == ["guardian"]


def change(file: str, edit: Callable[[dict[str, Any]], object]) -> str:
    """Write a changed copy of a signed message."""
    body = json.loads(pathlib.Path(file).read_text())
    edit(body)
    other = pathlib.Path(file).with_suffix(".changed.json")
    other.write_text(json.dumps(body, sort_keys=True, separators=(",", ":")))
    return str(other)


HERS = ("--holder", "HERS")
FORGED: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...], str]] = {
    "for another dataset": (lambda body: body["statement"].update(dataset=1), HERS, "another dataset"),
    "for another ledger": (lambda body: body.update(chain_id=1), HERS, "another ledger"),
    "no signature": (lambda body: body.update(signature="0x12"), HERS, "not a signature"),
    "signed for herself, entered for a child": (
        lambda body: None, ("--born", "2018-03-14", "--guardian", "A mother", "--guardian-paper", "SCAN", *HERS), "somebody else",
    ),
    "with a word changed": (lambda body: body["statement"].update(commercial=True), HERS, "nobody known has signed"),
    "by a key that the steward does not name": (lambda body: None, (), "nobody known has signed"),
    "by another key than the steward knows": (lambda body: None, ("--holder", "0x" + "ab" * 20), "nobody known has signed"),
    "for a child whose guardian has another key": (
        lambda body: body["statement"].update(guardian=True),
        (*CHILD, "--guardian-paper", "SCAN", "--guardian-account", "HERS"), "nobody known has signed",
    ),
    "with another purpose by the steward": (lambda body: None, ("--purpose", "DUO:0000006"), "is said by the signed message itself"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_steward_can_change_nothing_in_a_message(founded: "Place", dataset: str, asha: str, name: str) -> None:
    """What is not what she signed, for this dataset and in her own role, is refused."""
    edit, said, found = FORGED[name]
    number = str(10 + list(FORGED).index(name))
    scan = founded.write("scan.pdf", "a scan")
    file = change(sign(founded, dataset, number), edit)
    named = {"SCAN": scan, "HERS": asha}
    refused = enter(founded, dataset, "--by-key", file, *(named.get(each, each) for each in said))
    assert refused.code != 0
    assert found in refused.json["message"]


def fhir(**changed: object) -> dict[str, Any]:
    """Return the shared example as its author would have sent it a year earlier."""
    body: dict[str, Any] = json.loads((STANDARDS / "fhir_consent_r4b.json").read_text())
    body["dateTime"] = body["provision"]["period"]["start"] = "2025-11-01"
    body["provision"]["period"]["end"] = "2999-12-31"
    return body | changed


def dpv(*, until: str | None = None, withdrawn: bool = True) -> dict[str, Any]:
    """Return the shared example as its author would have written it a year earlier."""
    body: dict[str, Any] = json.loads((STANDARDS / "consent_27560.json").read_text())
    for status in body["dpv:hasConsentStatus"]:
        status["dct:date"]["@value"] = status["dct:date"]["@value"].replace("2026", "2025")
    if not withdrawn:
        body["dpv:hasConsentStatus"].pop()
    return body


NAMES = {
    "--fhir": ("--subject", "Patient/1", "--guardian-name", "RelatedPerson/guardian", "--policy", "urn:policy:heart-1"),
    "--dpv": (
        *("--subject", "sha256:salted…", "--guardian-name", "did:web:guardian.example", "--until", "2999-12-31"),
        *("--controller", "did:web:clinic.example", "--data", "pd:MedicalHealth"),
    ),
}


def take_over(founded: "Place", dataset: str, kind: str, body: object, person: str, *said: str) -> "Said":
    """Import a consent of another system."""
    file = founded.write(f"{person}.json", body)
    names = said or (*NAMES[kind], *CHILD, "--guardian-paper", founded.write("birth.pdf", "a scan"))
    return founded.call(
        "south",
        "consent",
        "import",
        dataset,
        kind,
        file,
        "--person",
        person,
        "--not-in-table",
        *STEWARD,
        *names,
        "--json",
    )


def test_consents_come_from_fhir_and_go_back(founded: "Place", dataset: str) -> None:
    """The shared example is entered with its own purpose and period, and is written again as FHIR and as DPV."""
    made = take_over(founded, dataset, "--fhir", fhir(), "f-1")
    assert (made.code, made.json["status"], made.json["subject"]) == (0, "dpv:ConsentGiven", "dpv:Child"), made
    name = f"{dataset}-{made.json['number']}"
    names = ("--subject", "Patient/1", "--guardian-name", "RelatedPerson/guardian", "--policy", "urn:policy:heart-1")
    written = founded.done("south", "consent", "export", name, "--as", "fhir", *names)["record"]
    assert written["patient"] == {"reference": "Patient/1"}
    assert written["provision"]["purpose"][0]["code"] == "DUO:0000006"
    out = str(founded.root / "exported.json")
    founded.done("south", "consent", "export", name, "--as", "fhir", "--out", out, *names)
    other = ("--subject", "Patient/1", "--guardian-name", "RelatedPerson/guardian", "--policy", "urn:policy:heart-1")
    again = take_over(founded, dataset, "--fhir", json.loads(pathlib.Path(out).read_text()), "f-2", *other, *CHILD,
                      "--guardian-paper", founded.write("birth.pdf", "a scan"))  # fmt: skip
    assert again.code == 0, again
    plain = json.dumps(founded.done("south", "consent", "export", name, "--as", "dpv")["record"])
    assert "dpv:ParentOfDataSubject" in plain
    assert "A mother" not in plain
    assert "f-1" not in plain


def test_a_withdrawn_record_of_another_system_permits_nothing(founded: "Place", dataset: str) -> None:
    """The shared DPV example, given and withdrawn, is kept as over; without the withdrawal it counts."""
    over = take_over(founded, dataset, "--dpv", dpv(), "d-1")
    assert (over.code, over.json["status"]) == (0, "dpv:ConsentWithdrawn"), over
    live = take_over(founded, dataset, "--dpv", dpv(withdrawn=False), "d-2")
    assert live.json["status"] == "dpv:ConsentGiven"


def _narrowed() -> dict[str, Any]:
    body = fhir()
    body["provision"]["modifierExtension"] = [{"url": "https://x.example/only-on-mondays", "valueBoolean": True}]
    return body


def _of(body: dict[str, Any], **changed: object) -> dict[str, Any]:
    made = copy.deepcopy(body)
    made.update(changed)
    return made


REFUSED: dict[str, tuple[str, Callable[[], object], str]] = {
    "an extension that narrows it": ("--fhir", _narrowed, "extension that changes the meaning"),
    "somebody else's": ("--fhir", lambda: fhir(patient={"reference": "Patient/2"}), "somebody else"),
    "a draft": ("--fhir", lambda: fhir(status="draft"), "consent.status"),
    "a field nobody knows": ("--dpv", lambda: _of(dpv(), **{"dpv:hasRisk": "x"}), "dpv:hasRisk"),
    "not JSON": ("--dpv", lambda: "no JSON", "JSON"),
    "of tomorrow": ("--fhir", lambda: fhir(dateTime=time.strftime("%Y-12-31", time.gmtime(time.time() + 10**8))), "future"),
    "a list": ("--fhir", list, "JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_not_entered(founded: "Place", dataset: str, name: str) -> None:
    """The part that is not understood, or is about somebody else, is named; nothing is entered."""
    kind, make, found = REFUSED[name]
    before = founded.done("south", "consent", "lookup", dataset)["entered"]
    refused = take_over(founded, dataset, kind, make(), "r-1")
    assert refused.code == 1, refused
    assert found in refused.json["message"]
    assert founded.done("south", "consent", "lookup", dataset)["entered"] == before


def test_a_record_without_an_end_needs_one(founded: "Place", dataset: str) -> None:
    """DPV may leave the duration out: the steward has to say until when."""
    names = [each for each in NAMES["--dpv"] if each not in ("--until", "2999-12-31")]
    proof = founded.write("birth.pdf", "a scan")
    refused = take_over(
        founded, dataset, "--dpv", dpv(withdrawn=False), "d-3", *names, *CHILD, "--guardian-paper", proof
    )
    assert "does not say until when" in refused.json["message"]


def test_a_vote_is_entered_once_it_was_carried_out(founded: "Place", asha: str) -> None:
    """An executed proposal stands for a paper, with its own words, for people on the roll only; before, it is nothing."""
    table = founded.write(
        "coop.csv", "patient,age,sex,outcome\n" + "".join(f"c-{n},{n % 60},f,no\n" for n in range(40))
    )
    schema = str(founded.root / "schema.json")
    number = str(founded.done("south", "dataset", "publish", table, "--title", "Co-op", "--schema", schema)["dataset"])
    founded.done("south", "consent", "open", number, "--person", "patient")
    founded.done("south", "coop", "found", "--name", "South's people", "--open-hours", "0.002", "--quorum-people", "1")
    founded.done("asha", "coop", "join", str(founded.root / "south" / "coop.json"))
    founded.done("south", "coop", "admit", asha)
    founded.done("south", "coop", "entrust", number)
    said = ("--purpose", PURPOSE, "--why", "to learn", "--uses", "3")
    proposal = founded.in_time("asha", "coop", "propose", number, *said)["proposal"]
    founded.in_time("asha", "coop", "vote", proposal, "for")
    asked = ("--by-vote", proposal[:14], "--person", "c-1", "--holder", asha)
    early = enter(founded, number, *asked)
    assert "nothing was decided by this vote" in early.json["message"]
    founded.in_time("asha", "coop", "execute", proposal)
    made = enter(founded, number, *asked)
    assert (made.code, made.json["given"]) == (0, "by-vote"), made
    (shown,) = founded.done("south", "consent", "lookup", number, "--person", "c-1")["consents"]
    assert PURPOSE in shown["purposes"]
    assert shown["history"][0]["by"] == "vote"
    stranger = enter(founded, number, "--by-vote", proposal, "--person", "c-2", "--holder", "0x" + "ab" * 20)
    assert "not this person's" in stranger.json["message"]
    nobody = enter(founded, number, "--by-vote", "0x" + "77" * 32, "--person", "c-2", "--holder", asha)
    assert "no such proposal" in nobody.json["message"]
