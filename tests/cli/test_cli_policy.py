"""``commons policy``: policies are written, explained and exchanged as files; what is wrong with one is said."""

import json
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from aicommons.domain import licences, policies, vocabulary

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

    Call = Callable[..., Said]

SCHEMA = {
    "features": [
        {"name": "age", "kind": "numeric", "lo": 0, "hi": 120},
        {"name": "sex", "kind": "category", "levels": ["f", "m"]},
    ],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
DRAFT = [
    "--title", "Heart referrals", "--member", "3", "--permit", "dpv:ScientificResearch", "--prohibit", "DUO:0000011",
    "--country", "KE", "--country", "TZ", "--licence", "CC-BY-4.0 AND LicenseRef-TK-NC", "--min-cohort", "20",
    "--min-cell", "5", "--epsilon", "3", "--person", "patient", "--price", "500", "--duty", "report_back",
    "--assignee", "4",
]  # fmt: skip
TARGET = ["--target", "urn:dataset:heart"]


@pytest.fixture
def drafted(call: "Call", tmp_path: pathlib.Path) -> pathlib.Path:
    """A policy as ``draft`` wrote it."""
    file = tmp_path / "policy.json"
    said = call(tmp_path / "home", "policy", "draft", str(file), *DRAFT)
    assert said.code == 0, said.err
    return file


def test_a_draft_says_everything_in_plain_words(call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path) -> None:
    """Whoever writes a policy reads at once what it permits, forbids, protects and asks; no home is needed for it."""
    said = call(tmp_path / "home", "policy", "check", str(drafted)).out
    for words in (
        "scientific research (dpv:ScientificResearch)", "member 4 alone from KE, TZ", "ancestry research (DUO:0000011)",
        "any commercial use", "everything else", "at least 20 rows", "fewer than 5: suppress", "per person and year: 3",
        "500 per run", "attribution", "report back", "Not for commercial use.",
    ):  # fmt: skip
        assert words in said
    told = call(tmp_path / "home", "policy", "check", str(drafted), "--json").json
    assert told["policy"] == json.loads(drafted.read_bytes())
    assert said.splitlines() == told["says"]


def test_an_epsilon_is_said_to_be_kept_by_noise(call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path) -> None:
    """Whoever bounds privacy loss reads how, and for whom; without a bound it says so."""
    assert (
        "privacy loss per person and year: 3, kept by noise"
        in call(tmp_path / "home", "policy", "check", str(drafted)).out
    )
    file = tmp_path / "without.json"
    place = DRAFT.index("--epsilon")
    bare = DRAFT[:place] + DRAFT[place + 2 :]
    call(tmp_path / "home", "policy", "draft", str(file), *bare, "--json")
    assert "year: no bound" in call(tmp_path / "home", "policy", "check", str(file)).out
    assert "only plans with enough noise" in " ".join(call(tmp_path / "home", "policy", "draft", "--help").out.split())


def test_a_draft_with_an_end_ends_then(call: "Call", tmp_path: pathlib.Path) -> None:
    """Days count from now, and free commons are said to be free."""
    file = tmp_path / "policy.json"
    options = ["--title", "x", "--member", "1", "--permit", "aic:FoodAndFarming", "--days", "2", "--free"]
    said = call(tmp_path, "policy", "draft", str(file), *options, "--json").json
    assert said["policy"]["until"] is not None
    assert "free commons" in call(tmp_path, "policy", "check", str(file)).out


def test_a_file_is_never_overwritten(call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path) -> None:
    """Neither a draft nor an import writes over what is there."""
    before = drafted.read_bytes()
    again = call(tmp_path, "policy", "draft", str(drafted), *DRAFT)
    assert (again.code, drafted.read_bytes()) == (1, before)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown purpose": ({"permitted": ["DUO:7"]}, "unknown purpose", "policy purposes"),
    "unknown licence": ({"licence": "mine"}, "unknown licence", "policy licences"),
    "free with a price": ({"free_commons": True}, "free commons have no price", "Leave the price out"),
    "person without a column": ({"person_column": None}, "per person", "Name the column"),
    "over already": ({"until": 5}, "ended before it begins", "in the future"),
    "unknown field": ({"purpose": "x"}, "unknown field", "Remove the field"),
    "price in words": ({"price": "much"}, "wrong value", ""),
    "another document": ({"type": "plan"}, "another kind", ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_with_a_policy_is_said(
    call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path, name: str
) -> None:
    """A mistake names the file and the field, and the way out; nothing is changed."""
    fields, message, next_step = REFUSED[name]
    drafted.write_text(json.dumps(json.loads(drafted.read_bytes()) | fields))
    said = call(tmp_path, "policy", "check", str(drafted))
    assert said.code == 1
    assert message in said.err
    assert next_step in said.err
    assert "policy.json" in said.err


def test_a_file_may_leave_out_what_has_a_default(call: "Call", tmp_path: pathlib.Path) -> None:
    """Title, member and purposes are enough for a person to write."""
    file = tmp_path / "short.json"
    file.write_text(json.dumps({"title": "Short", "assigner": 2, "permitted": ["DUO:0000006"]}))
    said = call(tmp_path, "policy", "check", str(file), "--json")
    assert said.json["policy"]["small_cells"] == "allow"


def test_offers_go_out_and_come_back(call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path) -> None:
    """An exported offer is imported as the same policy, for the dataset that it names and no other."""
    offer, back = tmp_path / "offer.json", tmp_path / "back.json"
    offer.write_text(call(tmp_path, "policy", "export", str(drafted), *TARGET).out)
    assert json.loads(offer.read_bytes())["profile"]
    other = call(tmp_path, "policy", "import", str(offer), str(back), "--base", str(drafted), "--target", "urn:x")
    assert (other.code, back.exists()) == (1, False)
    assert "offer.json: odrl.permission.target" in other.err
    said = call(tmp_path, "policy", "import", str(offer), str(back), "--base", str(drafted), *TARGET)
    assert said.code == 0, said.err
    assert json.loads(back.read_bytes()) == json.loads(drafted.read_bytes())


def test_names_in_an_offer_need_a_member(call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path) -> None:
    """A foreign name is whom the owner says it is, and nobody else."""
    offer = json.loads(call(tmp_path, "policy", "export", str(drafted), *TARGET, "--json").out)
    offer["permission"][0]["assigner"] = "did:web:hospital.example"
    (tmp_path / "offer.json").write_text(json.dumps(offer))
    ask = ["policy", "import", str(tmp_path / "offer.json"), str(tmp_path / "b.json"), "--base", str(drafted), *TARGET]
    assert "no member we know" in call(tmp_path, *ask).err
    assert "somebody else" in call(tmp_path, *ask, "--party", "did:web:hospital.example=9").err
    assert call(tmp_path, *ask, "--party", "hospital").code == 2
    assert call(tmp_path, *ask, "--party", "did:web:hospital.example=3").code == 0


def test_export_of_a_file_needs_a_target(call: "Call", tmp_path: pathlib.Path, drafted: pathlib.Path) -> None:
    """An offer always says what it is an offer of."""
    assert call(tmp_path, "policy", "export", str(drafted)).code == 2


def test_vocabularies_are_listed(call: "Call", tmp_path: pathlib.Path) -> None:
    """All purposes and licences can be looked up, by any word in them."""
    assert len(call(tmp_path, "policy", "purposes", "--json").json["purposes"]) == len(vocabulary.PURPOSES)
    assert len(call(tmp_path, "policy", "licences", "--json").json["licences"]) == len(licences.known())
    found = call(tmp_path, "policy", "purposes", "military").out
    assert "aic:MilitaryUse" in found
    assert "banned" in found
    assert "benefit sharing" in call(tmp_path, "policy", "licences", "Nwulite").out


def test_small_cells_follow_the_minimum(call: "Call", tmp_path: pathlib.Path) -> None:
    """Without a word about small cells they are suppressed where there is a minimum, and allowed where there is none."""
    for minimum, expected in (("1", policies.SmallCells.ALLOW), ("5", policies.SmallCells.SUPPRESS)):
        file = tmp_path / f"{minimum}.json"
        options = ["--title", "x", "--member", "1", "--permit", "DUO:0000006", "--min-cell", minimum]
        said = call(tmp_path, "policy", "draft", str(file), *options, "--json").json
        assert said["policy"]["small_cells"] == expected.value


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_published_policy_is_the_ledgers_rule(
    founded: "Place", offered: dict[str, str], make_table: Callable[[int, int], str]
) -> None:
    """A published policy is a new version that anybody can read in words, and the ledger refuses what it forbids."""
    assert offered
    file, schema = founded.write("policy-table.csv", make_table(40, 9)), founded.write("schema.json", SCHEMA)
    listed = founded.done("east", "dataset", "publish", file, "--title", "Ruled", "--schema", schema)
    number = str(listed["dataset"])
    member = str(founded.done("east", "dataset", "show", number)["owner"])
    assert "no use policy" in founded.call("south", "policy", "show", number).err
    policy = str(founded.root / "ruled.json")
    options = ["--title", "Farming only", "--permit", "aic:FoodAndFarming", "--price", "7"]
    founded.done("east", "policy", "draft", policy, *options)
    assert json.loads(pathlib.Path(policy).read_bytes())["assigner"] == int(member)
    assert founded.call("south", "policy", "publish", policy, number).code == 1  # it is not south's
    assert founded.done("east", "policy", "publish", policy, number)["version"] == 2
    shown = founded.done("south", "policy", "show", number)
    assert shown["policy"] == json.loads(pathlib.Path(policy).read_bytes())
    assert (
        founded.done("south", "policy", "export", number)["permission"][0]["target"]
        == f"urn:aicommons:dataset:{number}"
    )
    given = founded.done("east", "consent", "give", number, "--purpose", "DUO:0000007")["consent"]
    run_id = founded.open_run(offered)
    refused = founded.call("east", "run", "enrol", run_id, "--dataset", number, "--consent", given)
    assert refused.code == 1
    assert "does not permit the purpose" in refused.err


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_policy_is_its_assigners_alone(founded: "Place", offered: dict[str, str]) -> None:
    """A policy in another member's name is not published, and nothing of it reaches the ledger."""
    file = str(founded.root / "others.json")
    options = ["--title", "x", "--permit", "DUO:0000006", "--member", "99"]
    founded.done("north", "policy", "draft", file, *options)
    said = founded.call("north", "policy", "publish", file, offered["north"])
    assert "another member's" in said.err
    assert founded.done("north", "dataset", "show", offered["north"])["dataset"] == int(offered["north"])


LISTS = {
    "duo": (25, "DUO:0000046", "non-commercial"),
    "sdg": (169, "3.4", "premature mortality"),
    "wsis": (19, "C7.E-health", "health"),
    "dpv-consent-status": (13, "dpv:ConsentWithdrawn", "withdrawn"),
    "dpv-legal-basis": (None, "dpv:LegitimateInterest", "legitimate"),
    "dpv-personal-data": (None, None, ""),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_vocabulary_can_be_looked_up(call: "Call", tmp_path: pathlib.Path, name: str) -> None:
    """Whoever writes a card, a policy or a consent finds the words of each list here, without a home."""
    count, code, word = LISTS[name]
    every = call(tmp_path, "policy", "vocabulary", name, "--json").json["words"]
    assert every
    assert count in (None, len(every))
    found = call(tmp_path, "policy", "vocabulary", name, word, "--json").json["words"]
    assert code is None or code in {each["code"] for each in found}
    assert call(tmp_path, "policy", "vocabulary", "none").code == 2


def test_a_condition_is_not_taken_for_a_purpose(call: "Call", tmp_path: pathlib.Path) -> None:
    """A DUO modifier as a purpose is refused with what it is and where it is said instead."""
    said = call(
        tmp_path,
        "policy",
        "draft",
        str(tmp_path / "x.json"),
        "--title",
        "x",
        "--member",
        "1",
        "--permit",
        "DUO:0000046",
        "--json",
    ).json
    assert "a condition, not a purpose (non-commercial use only)" in said["message"]
    assert "other terms" in said["next_step"]
