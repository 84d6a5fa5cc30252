"""A dataset in a co-op's hands on a real ledger: out of use by its owner, back into use and back to its owner by vote."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PURPOSE = "DUO:0000007"
WHY = ("--why", "as we said at the assembly")


@pytest.fixture(scope="module")
def entrusted(founded: "Place", offered: dict[str, str], make_table: "Callable[[int, int], str]") -> str:
    """The one dataset of the home ``delta``, in the hands of a co-op of one person, who has the home ``juma``."""
    assert offered  # the schema lies beside it
    founded.init("delta", "--deployment", founded.deployment)
    founded.done("operator", "member", "admit", founded.done("delta", "member", "apply")["applicant"])
    schema, file = str(founded.root / "schema.json"), founded.write("delta.csv", make_table(60, 31))
    made = founded.done("delta", "dataset", "publish", file, "--title", "Delta", "--schema", schema)
    person = founded.init("juma", "--deployment", founded.deployment)["wallet"]
    founded.done("delta", "coop", "found", "--name", "East", "--open-hours", "0.002", "--quorum-people", "1")
    founded.done("juma", "coop", "join", str(founded.root / "delta" / "coop.json"))
    founded.done("delta", "coop", "admit", str(person))
    founded.done("delta", "coop", "entrust", str(made["dataset"]))
    return str(made["dataset"])


def carry(founded: "Place", dataset: str, *what: str) -> tuple[list[str], dict[str, object]]:
    """Let the vote decide something; return what the list says of it, and what carrying it out did."""
    proposal = founded.in_time("juma", "coop", "propose", dataset, *what, *WHY)["proposal"]
    founded.in_time("juma", "coop", "vote", proposal, "for")
    (listed,) = [each for each in founded.done("juma", "coop", "list")["proposals"] if each["proposal"] == proposal]
    return listed["what"], founded.in_time("juma", "coop", "execute", proposal)


REFUSED = {
    "neither a use nor a way back": ((), "a vote is about one thing"),
    "two things at once": (("--resume", "--discharge"), "a vote is about one thing"),
    "a use and a way back": (("--discharge", "--purpose", PURPOSE), "a vote is about one thing"),
    "days without a purpose": (("--days", "3"), "--purpose"),
    "what is in use already": (("--resume",), "only what is suspended"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_people_vote_only_on_what_can_be_done(founded: "Place", entrusted: str, name: str) -> None:
    """A proposal that could not be carried out is refused before anybody votes."""
    said, found = REFUSED[name]
    refused = founded.call("juma", "coop", "propose", entrusted, *said, *WHY, "--json")
    assert refused.code != 0
    assert found in refused.json["message"]


def test_a_dataset_that_nobody_entrusted_is_not_voted_on(
    founded: "Place", offered: dict[str, str], entrusted: str
) -> None:
    """A vote on another owner's dataset would bind nobody: it says whose word is missing."""
    for said in (("--discharge",), ("--purpose", PURPOSE)):
        refused = founded.call("juma", "coop", "propose", offered["north"], *said, *WHY, "--json")
        assert refused.code == 1
        assert "not in the co-op's hands" in refused.json["message"]
        assert f"coop entrust {offered['north']}" in refused.json["next_step"]


def test_a_vote_brings_a_dataset_back_into_use_and_to_its_owner(founded: "Place", entrusted: str) -> None:
    """Its owner alone takes it out of use; only the vote puts it back, and only the vote ends the entrusting."""
    stopped = founded.done("delta", "stop", "--suspend")
    assert (stopped["suspended"], stopped["entrusted"]) == ([int(entrusted)], [int(entrusted)])
    founded.done("delta", "stop", "--go-on")
    refused = founded.call("delta", "dataset", "resume", entrusted, "--json").json
    assert "only the body" in refused["message"]
    assert f"coop propose {entrusted} --resume" in refused["next_step"]
    what, done = carry(founded, entrusted, "--resume")
    assert (what, done["resumed"], done["discharged"]) == (
        [f"put dataset {entrusted} back into use"],
        [int(entrusted)],
        [],
    )
    assert founded.done("delta", "dataset", "show", entrusted)["state"] == "listed"
    denied = founded.call("delta", "consent", "give", entrusted, "--purpose", PURPOSE, "--json").json
    assert "coop propose" in denied["next_step"]
    what, done = carry(founded, entrusted, "--discharge")
    assert (what, done["discharged"]) == ([f"give dataset {entrusted} back to its owner"], [int(entrusted)])
    assert founded.done("delta", "consent", "give", entrusted, "--purpose", PURPOSE)["consent"].startswith("0x")
    assert founded.done("delta", "dataset", "show", entrusted)["entrusted_to"] is None
    founded.done("delta", "coop", "entrust", entrusted)  # as the tests beside it expect it


@pytest.mark.usefixtures("entrusted")
def test_who_leaves_a_co_op_is_off_its_roll(founded: "Place") -> None:
    """Leaving is one command: the wallet is off the roll; its home still reads what is proposed, and nobody leaves twice."""
    person = founded.init("neema", "--deployment", founded.deployment)["wallet"]
    founded.done("neema", "coop", "join", str(founded.root / "delta" / "coop.json"))
    founded.done("delta", "coop", "admit", str(person))
    assert founded.done("neema", "coop", "leave") == {"left": person}
    assert person not in founded.done("delta", "coop", "list")["people"]
    assert person not in founded.done("neema", "coop", "list")["people"]
    assert "no place in the co-op" in founded.call("neema", "coop", "leave", "--json").json["message"]
