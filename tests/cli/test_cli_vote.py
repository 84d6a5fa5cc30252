"""Members decide at the command line, on a real ledger whose clock passes when told to: propose, show, cast, queue, execute."""

import json
import pathlib
from collections.abc import Iterator

import pytest
from tests.cli import conftest, told_time

from aicommons import app
from aicommons.cli import acts
from aicommons.ledger import contracts, wallet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DAY = told_time.DAY
HOMES = ("ana", "ben", "chi", "dan")
"""Admitted in this order, so that their member numbers are 1 to 4."""
WORDS = told_time.WORDS
NOBODY = "0x" + "09" * 20


def acts_of(stage: told_time.Stage, proposal: str) -> list[dict[str, str]]:
    """Return what a proposal would do, as its command says."""
    return list(stage.done("chi", "vote", "show", proposal)["acts"])


@pytest.fixture
def stage(tmp_path: pathlib.Path, _passphrase: None) -> Iterator[told_time.Stage]:
    """A commons of one test's own: time passes in it, and votes change it."""
    with told_time.staged(tmp_path, HOMES) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _passphrase: None) -> Iterator[told_time.Stage]:
    """The commons in which nothing that is tried happens."""
    with told_time.staged(tmp_path_factory.mktemp("votes"), HOMES) as made:
        yield made


def test_successors_are_offered_for_all_governed_contracts() -> None:
    """The option names the contracts that the ledger's own list does, in its order."""
    assert acts.GOVERNED == contracts.GOVERNED


def test_a_role_is_given_by_a_vote(stage: told_time.Stage) -> None:
    """Each command says what holds now and what comes next, and refuses what is too early, naming the state."""
    before = {each["proposal"] for each in stage.place.done("ben", "vote", "list")["proposals"]}
    said = stage.place.call("ana", "vote", "propose", *WORDS, "--grant-role", "2", "auditor")
    assert said.code == 0, said
    assert "1. make Ben (member 2) an auditor" in said.out
    assert "now no, then yes" in said.out
    assert "it would succeed" in said.out
    proposals = stage.place.done("ben", "vote", "list")["proposals"]
    (listed,) = [each for each in proposals if each["proposal"] not in before]
    proposal = listed["proposal"]
    assert (listed["state"], listed["title"], listed["member"], listed["quorum"]) == ("pending", "Ben audits", 1, 3)
    for verb in ("queue", "execute"):
        early = stage.place.call("dan", "vote", verb, proposal)
        assert early.code == 1
        assert "got pending" in early.err
    assert stage.place.call("ben", "vote", "cast", proposal, "for").code == 1
    stage.clock.advance(DAY + 1)
    stage.place.done("ana", "vote", "cast", proposal[:12], "for")
    stage.place.done("chi", "vote", "cast", proposal, "for", "--reason", "I know him")
    stage.place.done("dan", "vote", "cast", proposal, "abstain")
    twice = stage.place.call("dan", "vote", "cast", proposal, "for")
    assert "has voted on it already" in twice.err
    shown = stage.place.call("ben", "vote", "show", proposal)
    assert "2 for, 0 against, 1 abstain; 3 have to be for it or abstain" in shown.out
    assert "Chi (member 3): for, because: I know him" in shown.out
    assert "See his work." in shown.out
    assert "#proposer" not in shown.out
    stage.clock.advance(7 * DAY)
    queued = stage.place.done("ben", "vote", "queue", proposal)
    assert queued["executable_at"] >= stage.clock.now() + 2 * DAY - 1
    early = stage.place.call("ben", "vote", "execute", proposal)
    assert early.code == 1
    assert "still waits" in early.err
    stage.clock.advance(2 * DAY)
    assert stage.place.done("ben", "vote", "execute", proposal)["done"] == ["make Ben (member 2) an auditor"]
    assert stage.place.done("ana", "member", "show", "2")["roles"] == ["auditor"]
    assert "roles     auditor" in stage.place.call("ana", "member", "show", "2").out
    shown = stage.place.done("ana", "vote", "show", proposal)
    assert (shown["state"], [each["outcome"] for each in shown["acts"]]) == ("executed", ["done"])


def test_what_many_acts_would_do_is_said(stage: told_time.Stage) -> None:
    """Every named act becomes one call in words, with how it is now and how it would be, and whether it would be refused."""
    proposal = stage.propose(
        "ana",
        *("--grant-role", "3", "ethics-board", "--suspend", "4", "--expel", "4", "--reinstate", "3"),
        *("--registrar", NOBODY, "--threshold", "1", "--voting-period-hours", "48", "--timelock-hours", "1"),
        *("--quorum-percent", "20", "--ban", "DUO:0000007", "--audits", "3", "--challenge-hours", "1"),
        *("--call", "Membership.recover", f'[2, "{NOBODY}"]', "--call", "Membership.setGuardian", f'["{NOBODY}"]'),
    )
    acts = {each["words"]: each for each in acts_of(stage, proposal)}
    words = list(acts)
    assert words[:4] == [
        "make Chi (member 3) one of the ethics board",
        "suspend Dan (member 4): it may not act, and keeps its vote",
        "let Chi (member 3) act again",
        "end the membership of Dan (member 4)",
    ]
    assert f"replace all registrars by {NOBODY}, of whom 1 have to agree" in words
    assert "DUO:0000007" in next(each for each in words if each.startswith("ban these purposes"))
    assert acts["keep votes open for 2 days"]["now"] == "7 days"
    assert acts["let what was carried wait for 1 hours"]["then"] == "1 hours"
    assert f"begin to give Ben (member 2) to the account {NOBODY}" in words
    assert words[-1] == f"call Membership.setGuardian(guardian = {NOBODY})"
    quorum = acts["ask 20 % of the members to take part in a vote"]
    assert (quorum["now"], quorum["then"]) == ("10 %", "20 %")
    refused = {each for each, said in acts.items() if "would be refused" in said["outcome"]}
    assert refused == {"let Chi (member 3) act again", f"call Membership.setGuardian(guardian = {NOBODY})"}
    assert "only its execution can tell" in acts["keep votes open for 2 days"]["outcome"]


REFUSED = {
    "nothing": ((), "something to do"),
    "a member that is none": (("--expel", "99"), "no such member"),
    "a role that is none": (("--grant-role", "2", "king"), "king"),
    "registrars without a threshold": (("--registrar", NOBODY), "--threshold"),
    "a threshold without registrars": (("--threshold", "2"), "--threshold"),
    "a purpose that is none": (("--ban", "aic:Nonsense"), "aic:Nonsense"),
    "an address that is none": (("--admit", "somebody"), "not an address"),
    "more audits than a release can look at": (("--audits", "49"), "--audits"),
    "no audit": (("--audits", "0"), "--audits"),
    "a review without end": (("--review-hours", "2161"), "--review-hours"),
    "a challenge without end": (("--challenge-hours", "2161"), "--challenge-hours"),
    "a vote over in two years": (("--voting-period-hours", "17520"), "--voting-period-hours"),
    "a vote that begins in two years": (("--voting-delay-hours", "17520"), "--voting-delay-hours"),
    "a timelock of two years": (("--timelock-hours", "17520"), "--timelock-hours"),
    "a contract that is none": (("--call", "Treasury.pay", "[]"), "no such function"),
    "a function that is none": (("--call", "Membership.crown", "[2]"), "no such function"),
    "too few arguments": (("--call", "Membership.expel", "[]"), "not its arguments"),
    "no JSON": (("--call", "Membership.expel", "two"), "not its arguments"),
    "a short address": (("--call", "Membership.admit", '["0x09"]'), "not its arguments"),
    "a number as an address": (("--call", "Membership.admit", "[9]"), "not its arguments"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_proposed_is_refused(shared: told_time.Stage, name: str) -> None:
    """Nothing is sent, and the message names what is wrong."""
    acts, found = REFUSED[name]
    before = len(shared.place.done("ana", "vote", "list")["proposals"])
    refused = shared.place.call("ana", "vote", "propose", *WORDS, *acts)
    assert refused.code in (1, 2), refused
    assert found in refused.err
    assert len(shared.place.done("ana", "vote", "list")["proposals"]) == before


def test_what_cannot_be_read_is_shown_whole(shared: told_time.Stage) -> None:
    """A proposal that no command of ours makes is shown all the same, with its bytes and coins, and controls no terminal."""
    home = app.Home(shared.place.root / "ana")
    ledger = app.connect(home, wallet.unlock(home.wallet_file, conftest.PASSPHRASE))
    membership, governor = ledger.address_of("Membership"), ledger.address_of("CommonsGovernor")
    words = b"".join(number.to_bytes(32, "big") for number in (32, 1, 0x66))
    disguised = contracts.load("Membership").functions["setRegistrars"].key + words
    datas = [
        disguised,
        b"\xde\xad\xbe\xef",
        b"",
        contracts.call_data("CommonsGovernor", "castVote", (1, 9)),
        bytes(9000),
    ]
    targets = [membership, membership, bytes(20), governor, b"\x09" * 20]
    values = [0, 0, 10**18, 0, 0]
    ledger.transact("CommonsGovernor", "propose", targets, values, datas, "# \x1b[2J\u202eFine\r\n\x07\nas\x9b it is")
    number = shared.place.done("ben", "vote", "list")["proposals"][-1]["proposal"]
    shown = shared.place.call("ben", "vote", "show", number)
    assert shown.code == 0, shown
    assert "Membership.setRegistrars in a form that this package cannot read: vote against it" in shown.out
    assert f"its bytes: 0x{disguised.hex()}" in shown.out
    assert "call Membership with no function that this package knows: vote against it" in shown.out
    assert "send 1 coin to 0x0000" in shown.out
    listed = shared.place.call("ben", "vote", "list")
    for line in (*shown.out.split("\n"), *listed.out.split("\n")):
        assert line.isprintable()
    acts = acts_of(shared, number)
    assert [each["data"] for each in acts] == ["0x" + each.hex() for each in datas]
    assert acts[2]["value"] == str(10**18)
    assert "insufficient funds" in acts[2]["outcome"]


def test_words_are_needed_and_only_members_propose(stage: told_time.Stage) -> None:
    """A proposal has one line that says what it is about, a reason, and a member behind it."""
    for title, reason in (("", "why"), ("two\nlines", "why"), ("what", " "), ("what", "w" * 4001)):
        said = stage.place.call("ana", "vote", "propose", "--title", title, "--reason", reason, "--expel", "2")
        assert said.code == 1, (title, reason)
    stranger = stage.place.call("operator", "vote", "propose", *WORDS, "--expel", "2")
    assert "not a member" in stranger.err
    assert stage.place.call("ana", "vote", "show", "0x12345678").code == 1


def test_a_signed_vote_is_sent_by_somebody_else(stage: told_time.Stage) -> None:
    """The file holds one vote of one member; changed or sent twice it counts nothing."""
    proposal = stage.propose("ana", "--grant-role", "1", "ethics-board")
    stage.clock.advance(DAY + 1)
    file = stage.place.root / "ballot.json"
    both = ("--sign-only", str(file), "--reason", "Why")
    assert stage.place.call("ben", "vote", "cast", proposal, "against", *both).code == 2
    assert not file.exists()
    signed = stage.place.done("ben", "vote", "cast", proposal, "against", "--sign-only", str(file))
    assert signed["vote"] == "against"
    changed = pathlib.Path(stage.place.write("changed.json", json.loads(file.read_text()) | {"vote": "for"}))
    forged = stage.place.call("chi", "vote", "relay", str(changed))
    assert "signed by another key" in forged.err
    assert stage.place.done("chi", "vote", "relay", str(file))["vote"] == "against"
    assert stage.place.call("chi", "vote", "relay", str(file)).code == 1
    (vote,) = stage.place.done("dan", "vote", "show", proposal)["votes"]
    assert (vote["member"], vote["vote"]) == (2, "against")


def test_a_proposal_is_taken_back_by_who_made_it(stage: told_time.Stage) -> None:
    """Before its vote opens, and by nobody else."""
    proposal = stage.propose("chi", "--suspend", "4")
    other = stage.place.call("ana", "vote", "cancel", proposal)
    assert "only who proposed it takes it back" in other.err
    stage.place.done("chi", "vote", "cancel", proposal)
    shown = stage.place.done("chi", "vote", "show", proposal)
    assert (shown["state"], shown["acts"][0]["outcome"]) == ("canceled", "not tried: who proposed it took it back")


def test_several_acts_are_done_together(stage: told_time.Stage) -> None:
    """A purpose is banned and the registrars are replaced by one vote; the old registrar admits nobody any more."""
    done = stage.carry(
        stage.propose(
            "ana", "--registrar", NOBODY, "--threshold", "1", "--ban", "DUO:0000007", "--quorum-percent", "50"
        )
    )
    assert isinstance(done["done"], list)
    assert len(done["done"]) == 3
    refused = stage.place.call("operator", "member", "admit", NOBODY)
    assert refused.code == 1
    (proposal,) = stage.place.done("ana", "vote", "list")["proposals"]
    assert proposal["state"] == "executed"


def test_a_co_op_speaks_with_one_voice(stage: told_time.Stage) -> None:
    """Its people apply for it and decide its vote, and both are said in words before they vote; a member's node is refused."""
    stage.place.init("east", "--deployment", stage.place.deployment)
    stage.place.init("juma", "--deployment", stage.place.deployment)
    person = stage.place.done("juma", "key", "show")["wallet"]
    stage.place.done("ben", "coop", "found", "--name", "East", "--open-hours", "24", "--quorum-people", "1")
    coop = stage.place.root / "ben" / "coop.json"
    for home in ("east", "juma"):
        stage.place.done(home, "coop", "join", str(coop))
    stage.place.done("ben", "coop", "admit", person, stage.place.done("east", "key", "show")["wallet"])
    stage.clock.advance(1)
    refused = stage.place.call("ben", "coop", "apply", "--why", "with Ben's node")
    assert "node key belongs to another member" in refused.err

    def carry(*arguments: str) -> str:
        number = stage.place.done(*arguments)["proposal"]
        stage.clock.advance(1)
        stage.place.done("juma", "coop", "vote", number, "for")
        stage.clock.advance(DAY)
        said = [each for each in stage.place.done("juma", "coop", "list")["proposals"] if each["proposal"] == number]
        stage.place.done("juma", "coop", "execute", number)
        return str(said[0]["what"][0])

    assert carry("east", "coop", "apply", "--why", "a say").startswith("apply for membership of the commons")
    registrar = [*("--registrar", stage.place.done("dan", "key", "show")["wallet"]), "--threshold", "1"]
    stage.carry(stage.propose("ana", *registrar))
    governor = json.loads(coop.read_text())["governor"]
    number = stage.place.done("dan", "member", "admit", governor)["member"]
    stage.clock.advance(1)
    proposal = stage.propose("ana", "--grant-role", "4", "auditor")
    stage.clock.advance(DAY + 1)
    assert (
        carry("juma", "coop", "speak", proposal, "against", "--why", "we doubt")
        == f"vote against on proposal {proposal}"
    )
    (vote,) = stage.place.done("ana", "vote", "show", proposal)["votes"]
    assert (vote["account"], vote["member"], vote["vote"]) == (governor, number, "against")
