"""Two persons on the page: who may name another, whose yes counts, and what is confirmed of participants."""

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from aicommons import app, office, testing
from aicommons.domain import cards
from aicommons.node import journal
from aicommons.owner import deciding, noting
from aicommons.portal import catalogues, pages
from aicommons.protocol import inbox as rules

if TYPE_CHECKING:
    from tests.portal.conftest import Answer, Desk, Visitor

    from aicommons.domain import ids

PINS = {"Ada": "123456", "Ben": "abcdef", "Cee": "ghijkl"}
SECONDS = {
    "nobody": {},
    "the same person": {"second": "Ada", "second_pin": PINS["Ada"]},
    "the new name itself": {"second": "Cee", "second_pin": PINS["Cee"]},
    "another's name with a wrong PIN": {"second": "Ben", "second_pin": "xxxxxx"},
    "another's name without a PIN": {"second": "Ben"},
}


@pytest.fixture
def two(desk: "Desk") -> "Desk":
    """A home in which two persons decide."""
    with desk.clerk.inbox() as kept:
        for name in ("Ada", "Ben"):
            kept.add_operator(name, PINS[name], bytes(16))
    return desk


def by(name: str) -> dict[str, str]:
    """Return the fields with which somebody speaks."""
    return {"operator": name, "pin": PINS[name]}


@pytest.mark.parametrize("fields", SECONDS.values(), ids=SECONDS.keys())
def test_nobody_alone_names_a_third_and_approves_as_two(two: "Desk", fields: dict[str, str]) -> None:
    """One person who makes up a colleague is refused, nobody new is named, and no run is entered."""
    run_id = two.propose()
    visitor, session = two.open_page()
    token = {"token": session.form_token}
    named = {"new_name": "Cee", "new_pin": PINS["Cee"]}
    answer = visitor.post("/settings/operators", token | by("Ada") | named | fields)
    assert answer.status == 409
    for name in ("Ada", "Cee"):
        visitor.post(f"/inbox/{two.key(run_id)}", token | by(name) | {"verdict": "approve"})
    with two.clerk.inbox() as kept:
        assert kept.house().operators == ("Ada", "Ben")
    assert not two.is_enrolled(run_id)


def test_two_persons_together_name_a_third(two: "Desk") -> None:
    """With both PINs a third is named, and the log has both names."""
    visitor, session = two.open_page()
    named = {"token": session.form_token, "new_name": "Cee", "new_pin": PINS["Cee"]}
    assert 'name="second_pin"' in visitor.get("/settings").text
    fields = named | by("Ada") | {"second": "Ben", "second_pin": PINS["Ben"]}
    assert visitor.post("/settings/operators", fields).status == 303
    with two.clerk.inbox() as kept:
        assert kept.house().operators == ("Ada", "Ben", "Cee")
        assert [(each.what, each.by) for each in kept.happened()] == [("operators", "Ada, Ben")]


def test_a_yes_does_not_outlast_whoever_said_it(two: "Desk") -> None:
    """What somebody approved who may not approve any more is not the first half of two approvals."""
    run_id = two.propose()
    with two.clerk.inbox() as kept:
        kept.add_operator("Cee", PINS["Cee"], bytes(16))
    said = deciding.decide(two.clerk, two.key(run_id), deciding.Word(rules.Verdict.APPROVE, by="Cee"))
    assert said is rules.Standing.SECOND
    with two.clerk.inbox() as kept:
        kept.remove_operator("Cee")
    said = deciding.decide(two.clerk, two.key(run_id), deciding.Word(rules.Verdict.APPROVE, by="Ada"))
    assert said is rules.Standing.SECOND
    assert not two.is_enrolled(run_id)


def test_two_persons_bring_several_datasets(two: "Desk") -> None:
    """Where two persons approve, what the second one names is brought."""
    run_id = two.propose()
    two.bring_further(2, 3)
    for name, numbers in (("Ada", (1, 2, 3)), ("Ben", (1, 2))):
        assert not two.is_enrolled(run_id)
        deciding.decide(two.clerk, two.key(run_id), deciding.Word(rules.Verdict.APPROVE, by=name, dataset_ids=numbers))
    brought = two.commons.solver.desk.run(run_id).brought_by(two.owner.member_id)
    assert [each.dataset_id for each in brought] == [1, 2]


def test_one_yes_of_two_is_said_again_when_one_is_enough(two: "Desk") -> None:
    """What one of two approved was never done; when the other name is gone it waits again, and a new yes does it."""
    run_id = two.propose()
    deciding.decide(two.clerk, two.key(run_id), deciding.Word(rules.Verdict.APPROVE, by="Ada"))
    with two.clerk.inbox() as kept:
        kept.remove_operator("Ben")
    (entry,) = deciding.entries(two.clerk)
    assert entry.standing is rules.Standing.OPEN
    visitor, session = two.open_page()
    form = {"token": session.form_token, "verdict": "approve"} | by("Ada")
    assert "Approve</button>" in visitor.get(f"/inbox/{two.key(run_id)}").text
    assert visitor.post(f"/inbox/{two.key(run_id)}", form).status == 303
    assert two.is_enrolled(run_id)


def test_everything_that_is_noted_has_a_word() -> None:
    """The log of the page calls each act and each answer by words, in every language."""
    for language in catalogues.LANGUAGES:
        said = pages.environment(language).get_template("words.html").module.happened  # type: ignore[attr-defined]
        for each in (*noting.Act, *rules.Verdict):
            assert str(said(each.value)) != each.value, each


def test_a_rule_names_the_dataset_to_bring(desk: "Desk") -> None:
    """A rule of the page may say which dataset, as on the command line; a number that is none is refused."""
    visitor, session = desk.open_page()
    form = {"token": session.form_token, "verdict": "approve", "recipe": "glm"}
    assert visitor.post("/settings/rules", form | {"dataset": "x"}).status == 409
    assert visitor.post("/settings/rules", form | {"dataset": "1"}).status == 303
    with desk.clerk.inbox() as kept:
        (rule,) = kept.standing_rules().values()
    assert rule.dataset_id == 1
    assert 'name="dataset"' in visitor.get("/settings").text


def confirmable(desk: "Desk") -> "ids.RunId":
    """Return a run whose participants are fixed and not confirmed by the owner."""
    member = desk.owner.desk.view().members[desk.owner.member_id]
    app.write_private(desk.home.node_file, keystore(member.node_key))
    run_id = desk.propose(min_participants=3)
    deciding.decide(desk.clerk, desk.key(run_id), deciding.Word(rules.Verdict.APPROVE))
    card = cards.DatasetCard("Other tables", "there", 60, {}, "LicenseRef-private", 10, "none")
    for name in ("north", "east"):
        other = desk.commons.admit(name).desk
        dataset_id = other.publish_dataset(card)
        consent_id = other.give_consent(office.consent(dataset_id, [office.DEFAULT_PURPOSE], 2 * testing.START))
        other.enrol(run_id, office.Seat(dataset_id, consent_id))
    desk.commons.solver.desk.close_roster(run_id)
    return run_id


def keystore(address: bytes) -> str:
    """Return a keystore that says whose it is and that nothing opens."""
    kdf = {"n": 2, "r": 1, "p": 1, "dklen": 32, "salt": "00" * 32}
    crypto = {"kdf": "scrypt", "kdfparams": kdf, "cipher": "aes-128-ctr", "cipherparams": {"iv": "00" * 16},
              "ciphertext": "00" * 32, "mac": "00" * 32}  # fmt: skip
    return json.dumps({"version": 3, "address": address.hex(), "crypto": crypto})


def confirm(visitor: "Visitor", run_id: "ids.RunId", fields: dict[str, str]) -> "Answer":
    """Send the form of the participants' page."""
    return visitor.post(f"/inbox/roster:{run_id.hex()}", fields | {"verdict": "approve"})


def test_participants_are_confirmed_only_with_the_tick(desk: "Desk") -> None:
    """The server, not the browser alone, refuses a confirmation that does not say that fingerprints were compared."""
    run_id = confirmable(desk)
    visitor, session = desk.open_page()
    token = {"token": session.form_token}
    assert confirm(visitor, run_id, token).status == 409
    with contextlib.closing(journal.Journal(desk.home.journal_file)) as kept:
        assert kept.pinned(run_id) is None
    assert confirm(visitor, run_id, token | {"compared": "on"}).status == 303
    with contextlib.closing(journal.Journal(desk.home.journal_file)) as kept:
        assert kept.pinned(run_id) is not None
