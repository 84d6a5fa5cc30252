"""A model's way at the command line, with real servers and nodes: audited by members with the role, released, paid for.

The commons of this module votes in seconds and its models wait two of them, as its ``commons.toml`` says.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests import honest_token
from tests.cli import conftest

from aicommons import app
from aicommons.cli import processes
from aicommons.domain import ids
from aicommons.ledger import client, wallet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CHARTER = "[votes]\ndelay = 1\nperiod = 6\nminimum = 2\ntimelock = 1\n[audits]\naudits = 2\ndelay = 2\n"
AUDITORS = ("clinic", "university", "institute")
"""One more than a release needs."""
VOTERS = ("solver", *conftest.SITES)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory, _passphrase: None) -> Iterator[conftest.Place]:
    """The commons of ``conftest`` with three more members, under a charter of its own."""
    root = tmp_path_factory.mktemp("release")
    with processes.Processes(conftest.PASSPHRASE) as running:
        place = conftest.Place(root, running, (conftest._free_url(), conftest._free_url()))
        place.init("operator")
        charter = place.write("commons.toml", CHARTER)
        running.start("ledger", root / "operator", "ledger", "start", "--config", charter)
        running.start("store", root / "operator", "store", "start")
        for home in (*VOTERS, *AUDITORS):
            place.init(home, "--deployment", place.deployment)
            place.done("operator", "member", "admit", place.done(home, "member", "apply")["applicant"])
        yield place


def acting(place: conftest.Place, home: str) -> client.Client:
    """Return the ledger as a home's wallet sees it."""
    opened = app.Home(place.root / home)
    return app.connect(opened, wallet.unlock(opened.wallet_file, conftest.PASSPHRASE))


def carry(place: conftest.Place, proposal: str) -> None:
    """Have all members vote for a proposal, and one of them queue and execute it."""
    for home in VOTERS:
        place.in_time(home, "vote", "cast", proposal, "for")
    place.in_time("solver", "vote", "queue", proposal)
    place.in_time("solver", "vote", "execute", proposal)


@pytest.fixture(scope="module")
def auditors(founded: conftest.Place) -> tuple[int, ...]:
    """The numbers of the auditors, to whom a vote gave the role; the solver has it too."""
    numbers = tuple(range(len(VOTERS) + 1, len(VOTERS) + len(AUDITORS) + 1))  # admitted in this order
    roles = [word for number in (*numbers, 1) for word in ("--grant-role", str(number), "auditor")]
    words = ("--title", "They audit", "--reason", "They know how")
    carry(founded, founded.done("solver", "vote", "propose", *words, *roles)["proposal"])
    return numbers


def state_of(place: conftest.Place, run_id: str) -> str:
    """Return where a model stands, as everybody is told."""
    return str(place.done("clinic", "model", "show", run_id)["state"])


def test_a_models_whole_way(founded: conftest.Place, trained: str, auditors: tuple[int, ...]) -> None:
    """Asked for, attested by three auditors, cleared by as many as are needed, released after the delay, paid for, claimed, suspended and withdrawn."""
    del auditors
    place = founded
    for site in conftest.SITES:
        assert place.call(site, "run", "watch", trained, "--json").code == 0
    shown = wait_for_model(place, trained)
    assert (shown["state"], shown["audits"], shown["releasable_at"]) == ("draft", [], None)
    early = place.done(AUDITORS[0], "attest", "make", "audit", trained, "--words", "Fine.")["attestation"]
    assert refused(place.call("clinic", "model", "audit", trained, "--json")) == "ModelRegistryNotParticipant"
    check_amended(place, trained, shown["card"])
    wait_for_the_next_second()  # an audit of the very second in which it is asked for counts
    assert place.done("solver", "model", "audit", trained)["state"] == "in-audit"
    assert refused(place.call("operator", "model", "clear", trained, "--json")) == "ModelRegistryAuditsMissing"
    made = [
        place.done(home, "attest", "make", "audit", trained, "--words", "Fair in both groups.")["attestation"]
        for home in (*AUDITORS, "solver")
    ]
    told = place.done("clinic", "model", "audits", trained)
    counted = {each["attestation"]: each["counts"] for each in told["audits"]}
    assert [counted[each] for each in made] == [True, True, True, False]
    assert early in [each["attestation"] for each in told["audits"] if each["too_early"]]
    assert not counted[early]
    assert "too early" in place.call("clinic", "model", "audits", trained).out
    rash = [early, made[1]]
    assert refused(place.call("operator", "model", "clear", trained, *rash, "--json")) == "ModelRegistryAuditTooEarly"
    bad = [made[0], made[3]]
    assert refused(place.call("operator", "model", "clear", trained, *bad, "--json")) == "ModelRegistryConflict"
    cleared = place.done("operator", "model", "clear", trained)
    assert cleared["state"] == "releasable"
    assert len(cleared["audits"]) == 2
    assert set(cleared["audits"]) < set(made[:3])
    assert "it waits for its release" in place.call("clinic", "model", "show", trained).out
    released = place.in_time("solver", "model", "release", trained)
    assert (released["state"], released["audits"]) == ("released", cleared["audits"])
    check_revenue(place, trained)
    check_suspension(place, trained)
    check_withdrawal(place, trained)


def wait_for_the_next_second() -> None:
    """Return once the ledger's clock, which counts seconds, has moved."""
    begun = int(time.time())
    while int(time.time()) == begun:
        time.sleep(0.02)


def check_amended(place: conftest.Place, run_id: str, card: dict[str, Any]) -> None:
    """Check that the solver, and nobody else, puts the card right; what is no card of this run is not sent."""
    right = place.write("card.json", json.dumps(card | {"not_for": "Children"}))
    other = place.write("other.json", json.dumps(card | {"run": ids.format_id(bytes(32))}))
    assert refused(place.call("north", "model", "amend", run_id, "--card", right, "--json")) == "ModelRegistryNotSolver"
    assert "another run" in place.call("solver", "model", "amend", run_id, "--card", other, "--json").json["message"]
    place.done("solver", "model", "amend", run_id, "--card", right)
    assert place.done("clinic", "model", "show", run_id)["card"]["not_for"] == "Children"


def wait_for_model(place: conftest.Place, run_id: str) -> dict[str, Any]:
    """Return what is told of a run's model as soon as a node has written it down."""
    return place.in_time("clinic", "model", "show", run_id)


def refused(said: conftest.Said) -> str:
    """Return the contract's error by which a command was refused; its words name it in brackets."""
    assert said.code == 1, said
    assert said.json["next_step"]
    return str(said.json["message"]).rpartition("(")[2].rstrip(").")


def check_revenue(place: conftest.Place, run_id: str) -> None:
    """Check that what was paid is its owners', by their shares, and that nobody takes more."""
    buyer = acting(place, "university")
    token = honest_token.deploy(buyer)
    honest_token.mint(buyer, token, buyer.address, 9_000_000)
    named = ["--token", ids.format_id(token)]
    said = place.call("university", "model", "pay", run_id, "9", *named, "--json")
    assert said.code == 1
    assert said.json["next_step"].endswith(f"vault deposit 9 --token {named[1]}`")
    place.done("university", "vault", "deposit", "9", *named)
    assert place.done("university", "model", "pay", run_id, "9", *named)["received"] == "9"
    told = place.done("north", "model", "shares", run_id, *named)
    assert (told["received"], sum(each["shares"] for each in told["owners"])) == ("9", 1_000_000)
    north = next(each for each in told["owners"] if each["member"] == 2)
    assert (
        f"model claim {run_id[:14]} --token {named[1]}`." in place.call("north", "model", "shares", run_id, *named).out
    )
    claimed = place.call("north", "model", "claim", run_id, *named).out
    assert f"vault withdraw {north['claimable']} --token {named[1]}`." in claimed
    assert refused(place.call("north", "model", "claim", run_id, *named, "--json")) == "ModelRegistryNothingToClaim"
    assert refused(place.call("clinic", "model", "claim", run_id, *named, "--json")) == "ModelRegistryNothingToClaim"
    credited = place.done("north", "vault", "show")["credits"]
    assert [each["amount"] for each in credited if each["token"] == named[1]] == [north["claimable"]]


def check_suspension(founded: conftest.Place, trained: str) -> None:
    """Check that ``suspend`` and ``resume`` propose, and that, carried out, they do so and put it back to where it was."""
    before = state_of(founded, trained)
    assert before == "released"
    for command, words, after in (("suspend", "It harms", "suspended"), ("resume", "It harms nobody", before)):
        proposal = founded.done("north", "model", command, trained, "--reason", words)["proposal"]
        shown = founded.done("north", "vote", "show", proposal)
        assert (shown["title"], shown["reason"]) == (f"{command.title()} the model of run {trained[:14]}", words)
        carry(founded, proposal)
        assert state_of(founded, trained) == after


def test_an_attestation_is_taken_back(founded: conftest.Place, trained: str, auditors: tuple[int, ...]) -> None:
    """An attestation is shown with whether it counts; its author alone takes it back, once."""
    words = ["--words", "Not fit for children", "--failed", "--days", "3"]
    made = founded.done("clinic", "attest", "make", "audit", trained, *words)
    assert (made["passed"], made["by"], made["about"]) == (False, auditors[0], trained)
    assert founded.done("north", "attest", "show", made["attestation"])["counts"] is True
    said = founded.call("north", "attest", "revoke", made["attestation"], "--json")
    assert refused(said) == "AttestationsNotAttester"
    founded.done("clinic", "attest", "revoke", made["attestation"], "--reason", "A slip")
    assert founded.done("north", "attest", "show", made["attestation"])["counts"] is False
    assert "its author took it back" in founded.call("north", "attest", "show", made["attestation"]).out
    listed = founded.done("north", "attest", "list", "--about", trained, "--kind", "audit")["attestations"]
    states = {each["attestation"]: each["state"] for each in listed}
    assert states[made["attestation"]] == "taken back"
    again = founded.call("clinic", "attest", "revoke", made["attestation"], "--json")
    assert refused(again) == "AttestationsAlreadyRevoked"


REFUSED = {
    "an audit without the role": ("north", ["audit", "RUN", "--words", "x"], 1),
    "an approval without the role": ("clinic", ["ethics-approval", "RUN", "--words", "x"], 1),
    "nothing said": ("clinic", ["audit", "RUN"], 2),
    "words and a file": ("clinic", ["audit", "RUN", "--words", "x", "--file", "x"], 2),
    "blank words": ("clinic", ["audit", "RUN", "--words", " "], 2),
    "a file that is not there": ("clinic", ["audit", "RUN", "--file", "nowhere.pdf"], 1),
    "a member that is none": ("clinic", ["course", "member:99", "--words", "x"], 1),
    "an id of nothing": ("clinic", ["audit", "0x" + "77" * 32, "--words", "x"], 1),
    "letters that are no digits": ("clinic", ["audit", "0x" + "zz" * 32, "--words", "x"], 1),
    "no id at all": ("clinic", ["audit", "the best model", "--words", "x"], 1),
}


@pytest.mark.parametrize(("home", "arguments", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_attestations_that_are_none(
    founded: conftest.Place, trained: str, auditors: tuple[int, ...], *, home: str, arguments: list[str], code: int
) -> None:
    """What is stated needs a subject that exists, words or a file, and the role of its kind; else nothing is recorded."""
    del auditors
    before = founded.done(home, "attest", "list")["attestations"]
    said = founded.call(home, "attest", "make", *[trained if each == "RUN" else each for each in arguments], "--json")
    assert said.code == code, said
    assert founded.done(home, "attest", "list")["attestations"] == before


def test_a_course_is_certified_by_anybody(founded: conftest.Place) -> None:
    """A course of a member needs no role."""
    made = founded.done("south", "attest", "make", "course", "member:1", "--words", "Passed federated learning")
    assert made["about"] == "0x" + (1).to_bytes(32, "big").hex()


def check_withdrawal(founded: conftest.Place, trained: str) -> None:
    """Check that withdrawing a model is its solver's."""
    said = founded.call("north", "model", "withdraw", trained, "--reason", "x", "--json")
    assert refused(said) == "ModelRegistryNotSolver"
    withdrawn = founded.done("solver", "model", "withdraw", trained, "--reason", "Superseded")
    assert withdrawn["state"] == "withdrawn"
