"""The owner's page on an in-memory commons: what it shows, what its forms do, and what others' words cannot do to it."""

import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from aicommons import office
from aicommons.domain import cards, errors, events, ids, policies, vocabulary
from aicommons.node import journal
from aicommons.owner import deciding, uses
from aicommons.portal import catalogues, pages
from aicommons.protocol import inbox as rules
from aicommons.protocol import permissions, registry
from aicommons.protocol import rules as denials

if TYPE_CHECKING:
    from tests.portal.conftest import Desk

PATHS = ("/", "/inbox", "/runs", "/datasets", "/datasets/1", "/consents", "/log", "/budgets", "/settings", "/stop")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_pages_are_shown_in_each_language(shared_desk: "Desk", path: str, language: str) -> None:
    """Each page says its language, and each has one main heading."""
    visitor, _ = shared_desk.open_page()
    answer = visitor.get(path, accept_language=language)
    assert answer.status == 200
    assert f'<html lang="{language}">' in answer.text
    assert answer.text.count("<h1") == 1


def test_an_offer_says_who_why_what_and_which_dataset_fits(desk: "Desk") -> None:
    """The page of a proposal holds everything that is needed to decide, with the rows counted here."""
    run_id = desk.propose("Risk <b>by</b> age")
    visitor, _ = desk.open_page()
    assert f"/inbox/run:{run_id.hex()}" in visitor.get("/").text
    text = visitor.get(f"/inbox/{desk.key(run_id)}").text
    for words in ("Who is at risk?", "whom to examine", "patients", "DUO:0000007", "Sums only.", "1: Examinations"):
        assert words in text
    assert re.search(r'class="number">60<', text)
    assert "Risk &lt;b&gt;by&lt;/b&gt; age" in text
    assert "<b>by" not in text
    assert "The &lt;owner&gt;" in text


def test_an_offer_of_a_divided_run_says_whose_totals_are_read(desk: "Desk") -> None:
    """An owner who is asked to be summed in a small group sees that before it agrees; nobody promises a total over all."""
    visitor, _ = desk.open_page()
    offered = (desk.propose(cell_size=4, min_participants=8), desk.propose())
    divided, whole = (visitor.get(f"/inbox/{desk.key(run_id)}").text for run_id in offered)
    assert ["groups of at least 4 sites" in each for each in (divided, whole)] == [True, False]
    assert ["totals over all sites" in each for each in (divided, whole)] == [False, True]


def test_an_offer_of_a_run_with_hybrid_boxes_says_so(desk: "Desk") -> None:
    """An owner whose data has to stay closed for long sees which runs seal for that."""
    visitor, _ = desk.open_page()
    offered = (desk.propose(is_hybrid=True), desk.propose())
    hybrid, plain = (visitor.get(f"/inbox/{desk.key(run_id)}").text for run_id in offered)
    assert ["ML-KEM-768" in each for each in (hybrid, plain)] == [True, False]


def test_approving_gives_the_narrowest_consent_and_enrols(desk: "Desk") -> None:
    """One press gives a consent for this dataset, purpose, author and problem, for one use, and takes a seat."""
    run_id = desk.propose()
    visitor, session = desk.open_page()
    answer = visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    assert (answer.status, answer.headers["location"]) == (303, f"/runs/{run_id.hex()}?said=approved")
    assert desk.is_enrolled(run_id)
    (given,) = desk.place.desk.view().consents.values()
    solver = desk.commons.solver.member_id
    assert (given.terms.grantee, given.terms.problem, given.terms.max_uses) == (solver, desk.problem_id, 1)
    assert "waits" not in visitor.get("/inbox").text.lower().replace("nothing waits for you", "")
    log = visitor.get("/log").text
    assert "Risk by age" in log
    assert "Examinations" in log


def test_a_price_is_shown_before_and_after_it_is_agreed(desk: "Desk") -> None:
    """The offer shows the dataset's own price beside the author's most, the model's licence and the duties; the log adds up."""
    card = cards.DatasetCard("Examinations", "here", 60, {}, "LicenseRef-private", 10, "none", dataset_version=2)
    desk.owner.desk.publish_version(1, card, office.Use(free_commons=False, price=713))
    desk.home.keep_dataset(1, desk.home.datasets()[1]["path"], card)
    runs = [
        desk.propose(each, price=950, licence="CC-BY-SA-4.0", duties=(policies.Duty.REPORT_BACK,))
        for each in ("Once", "Again")
    ]
    visitor, session = desk.open_page()
    text = visitor.get(f"/inbox/{desk.key(runs[0])}").text
    for words in (
        'class="number">0.000000000000000713 coin<',
        "at most 0.00000000000000095 coin",
        "CC-BY-SA-4.0",
        "to tell you what came of it",
    ):
        assert words in text
    for each in runs:
        form = {"token": session.form_token, "verdict": "approve"}
        assert visitor.post(f"/inbox/{desk.key(each)}", form).status == 303
    assert [each.price for each in uses.uses(desk.clerk)] == [713, 713]
    log = visitor.get("/log").text
    assert log.count('class="number">713<') == 2
    assert 'class="number">1426<' in log


def test_several_datasets_are_ticked(desk: "Desk") -> None:
    """What is ticked is brought to one seat, each dataset under a consent of its own; without a tick nothing is done."""
    run_id = desk.propose()
    desk.bring_further(2, 3)
    visitor, session = desk.open_page()
    path, said = f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"}
    assert visitor.get(path).text.count('type="checkbox" name="dataset-') == 3
    assert visitor.post(path, said).status == 409
    assert desk.place.desk.view().consents == {}
    assert visitor.post(path, said | {"dataset-1": "yes", "dataset-3": "yes"}).status == 303
    brought = desk.commons.solver.desk.run(run_id).brought_by(desk.owner.member_id)
    assert [each.dataset_id for each in brought] == [1, 3]
    assert {given.terms.dataset_id for given in desk.place.desk.view().consents.values()} == {1, 3}
    assert "datasets 1, 3" in visitor.get("/log").text


BAD_FORMS = {
    "no such answer": {"verdict": "perhaps"},
    "a denial without a reason": {"verdict": "deny", "reason": "  "},
    "a question without words": {"verdict": "ask"},
    "an endless reason": {"verdict": "deny", "reason": "x" * 2001},
    "another's dataset": {"verdict": "approve", "dataset-999": "yes"},
    "a dataset that is no number": {"verdict": "approve", "dataset-x": "yes"},
    "an operator that is not named": {"verdict": "approve", "operator": "Eve", "pin": "123456", "needs": "operators"},
    "a wrong PIN": {"verdict": "approve", "operator": "Ada", "pin": "654321", "needs": "operators"},
}


@pytest.mark.parametrize("fields", BAD_FORMS.values(), ids=BAD_FORMS.keys())
def test_bad_answers_change_nothing(desk: "Desk", fields: dict[str, str]) -> None:
    """An answer that is none is refused with its reason; nothing is recorded and nobody is enrolled."""
    run_id = desk.propose()
    if fields.get("needs"):
        with desk.clerk.inbox() as kept:
            kept.add_operator("Ada", "123456", bytes(16))
    visitor, session = desk.open_page()
    answer = visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, **fields})
    assert answer.status == 409
    assert "This was not done" in answer.text
    assert not desk.is_enrolled(run_id)
    with desk.clerk.inbox() as kept:
        assert kept.said(desk.key(run_id)) == []


def test_a_denial_stands(desk: "Desk") -> None:
    """What was denied cannot be approved afterwards."""
    run_id = desk.propose()
    visitor, session = desk.open_page()
    visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "deny", "reason": "no"})
    answer = visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    assert answer.status == 409
    assert not desk.is_enrolled(run_id)
    assert "Approve</button>" not in visitor.get(f"/inbox/{desk.key(run_id)}").text


def test_two_persons_have_to_approve(desk: "Desk") -> None:
    """With two operators the first approval does nothing, the same person again does nothing, the second one enrols."""
    with desk.clerk.inbox() as kept:
        kept.add_operator("Ada", "123456", bytes(16))
        kept.add_operator("Ben", "abcdef", bytes(16))
    run_id = desk.propose()
    visitor, session = desk.open_page()
    form = {"token": session.form_token, "verdict": "approve"}
    for name, pin, enrolled in (("Ada", "123456", False), ("Ada", "123456", False), ("Ben", "abcdef", True)):
        answer = visitor.post(f"/inbox/{desk.key(run_id)}", form | {"operator": name, "pin": pin})
        assert answer.status == 303
        assert desk.is_enrolled(run_id) is enrolled


def test_one_press_stops_and_the_ledger_is_told_if_chosen(desk: "Desk") -> None:
    """Stopping needs nothing but the button; suspending and revoking are chosen afterwards and written on the ledger."""
    run_id = desk.propose()
    visitor, session = desk.open_page()
    token = {"token": session.form_token}
    visitor.post(f"/inbox/{desk.key(run_id)}", token | {"verdict": "approve"})
    assert visitor.post("/stop", token).status == 303
    with desk.clerk.inbox() as kept:
        assert kept.house().stopped
    assert visitor.post("/stop/ledger", token | {"suspend": "on", "revoke": "on", "reason": "a doubt"}).status == 303
    view = desk.place.desk.view()
    assert set(view.consents) == view.revoked
    assert view.datasets[1].state is registry.DatasetState.SUSPENDED
    assert visitor.post("/resume", token | {"reason": "cleared"}).headers["location"] == "/?said=resumed"
    with desk.clerk.inbox() as kept:
        assert not kept.house().stopped
        noted = [each.what for each in reversed(kept.happened())]
        assert noted[-5:] == ["stop", "stop", "revoke consent", "suspend dataset", "resume"]


def test_a_rule_answers_in_place_of_its_owner(desk: "Desk") -> None:
    """A rule made on the page approves what matches it, and not what was denied before."""
    visitor, session = desk.open_page()
    form = {"token": session.form_token, "verdict": "approve", "recipe": "glm", "purpose": "DUO:0000007"}
    assert visitor.post("/settings/rules", form).status == 303
    run_id = desk.propose()
    (done,) = deciding.apply_rules(desk.clerk)
    assert (done.item.run_id, done.number, done.trouble) == (run_id, 1, None)
    assert desk.is_enrolled(run_id)
    other = desk.propose("Another")
    deciding.decide(desk.clerk, desk.key(other), deciding.Word(rules.Verdict.DENY, "no"))
    again = desk.propose("Another", solver_shares=1)
    assert deciding.apply_rules(desk.clerk) == ()
    assert not desk.is_enrolled(again)
    assert visitor.post("/settings/rules/1/remove", {"token": session.form_token}).status == 303
    assert visitor.post("/settings/rules/1/remove", {"token": session.form_token}).status == 409


BAD_SETTINGS = {
    "a rule that matches everything": ("/settings/rules", {"verdict": "approve"}),
    "an author that is no number": ("/settings/rules", {"verdict": "deny", "author": "Eve"}),
    "a plan that is no digest": ("/settings/rules", {"verdict": "deny", "plan": "0x12"}),
    "half of the quiet hours": ("/settings/quiet", {"begin": "20:00", "end": ""}),
    "an hour that is none": ("/settings/quiet", {"begin": "25:00", "end": "07:00"}),
    "quiet hours of no length": ("/settings/quiet", {"begin": "07:00", "end": "07:00"}),
    "a short PIN": ("/settings/operators", {"new_name": "Ada", "new_pin": "12345"}),
    "a name like a rule": ("/settings/operators", {"new_name": "rule 1", "new_pin": "123456"}),
    "a name that is not there": ("/settings/operators/remove", {"old_name": "Ada"}),
}


@pytest.mark.parametrize(("path", "fields"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_bad_settings_change_nothing(shared_desk: "Desk", path: str, fields: dict[str, str]) -> None:
    """A setting that makes no sense is refused with its reason, and nothing is saved."""
    visitor, session = shared_desk.open_page()
    assert visitor.post(path, {"token": session.form_token, **fields}).status == 409
    with shared_desk.clerk.inbox() as kept:
        assert (kept.standing_rules(), kept.house()) == ({}, rules.House())


def test_nobody_alone_ends_the_rule_of_two_persons(desk: "Desk") -> None:
    """A name is taken away from two only with both PINs, and not with one person's twice."""
    with desk.clerk.inbox() as kept:
        kept.add_operator("Ada", "123456", bytes(16))
        kept.add_operator("Ben", "abcdef", bytes(16))
    visitor, session = desk.open_page()
    form = {"token": session.form_token, "old_name": "Ben", "operator": "Ada", "pin": "123456"}
    assert visitor.post("/settings/operators/remove", form | {"second": "Ada", "second_pin": "123456"}).status == 409
    assert visitor.post("/settings/operators/remove", form | {"second": "Ben", "second_pin": "xxxxxx"}).status == 409
    assert visitor.post("/settings/operators/remove", form | {"second": "Ben", "second_pin": "abcdef"}).status == 303


WRONG_ADDRESSES = ("/runs/zz", "/runs/" + "00" * 32, "/inbox/run:" + "00" * 32, "/inbox/x", "/inbox/%3Cscript%3E")


@pytest.mark.parametrize("path", WRONG_ADDRESSES)
def test_wrong_addresses_are_told(shared_desk: "Desk", path: str) -> None:
    """An address of nothing is a page that says so, and never runs what it says."""
    visitor, _ = shared_desk.open_page()
    answer = visitor.get(path)
    assert answer.status == 409
    assert "<script>" not in answer.text


BACK = {"/inbox": "/inbox", "//evil.example": "/", "http://evil.example/": "/", "/\\evil": "/", "inbox": "/", "": "/",
        "http://[": "/", "//[": "/"}  # fmt: skip


@pytest.mark.parametrize("wanted", BACK)
def test_a_language_link_leads_only_to_this_page(wanted: str) -> None:
    """What a link names to come back to is never another site."""
    assert pages.own_path(wanted) == BACK[wanted]


def test_a_language_is_remembered(shared_desk: "Desk") -> None:
    """The link sets a cookie that goes before what the browser asks for."""
    visitor, _ = shared_desk.open_page()
    answer = visitor.get("/language/sw?next=/log")
    assert (answer.status, answer.headers["location"]) == (303, "/log")
    visitor.cookies += "; " + answer.headers["set-cookie"].partition(";")[0]
    assert '<html lang="sw">' in visitor.get("/log", accept_language="fr").text
    assert "set-cookie" not in visitor.get("/language/xx").headers


def test_a_table_that_does_not_fit_is_said_and_not_offered(desk: "Desk") -> None:
    """Where no dataset fits, the reason stands there, without a value, and there is no button to approve."""
    recipe = {"schema": {"features": [{"name": "weight", "kind": "numeric", "lo": 0, "hi": 9}], "target": TARGET}}
    run_id = desk.propose(recipe=recipe)
    visitor, session = desk.open_page()
    text = visitor.get(f"/inbox/{desk.key(run_id)}").text
    assert "weight" in text
    assert "Approve</button>" not in text
    answer = visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    assert answer.status == 409


TARGET = {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]}


def test_a_plan_that_the_store_does_not_give_cannot_be_approved(desk: "Desk") -> None:
    """Without plan and terms a run is shown, and only a denial or a question is possible."""
    run_id = desk.propose()
    spec = desk.commons.solver.desk.run(run_id).spec
    desk.commons.store.erase(spec.plan)
    visitor, session = desk.open_page()
    text = visitor.get(f"/inbox/{desk.key(run_id)}").text
    assert "The store does not give the plan now" in text
    answer = visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    assert answer.status == 409


def test_a_request_is_read_asked_back_replied_to_and_denied(desk: "Desk") -> None:
    """Words go both ways sealed: the page shows the asker's, the asker reads the question and the reason of the denial."""
    number = desk.write("May we have it for a <study>?")
    visitor, session = desk.open_page()
    path, token = f"/inbox/request:{number}", {"token": session.form_token}
    assert path in visitor.get("/").text
    assert "May we have it for a &lt;study&gt;?" in visitor.get(path).text
    visitor.post(path, token | {"verdict": "ask", "reason": "Who will see it?"})
    request = desk.place.desk.view().requests[number]
    assert request.state is permissions.RequestState.ASKED_BACK
    assert desk.opened(desk.commons.solver, request.answer.document) == "Who will see it?"
    with pytest.raises(errors.DecodeError, match="sealed"):
        desk.opened(desk.owner, request.answer.document)
    desk.commons.solver.desk.reply(number, desk.sealed(desk.owner, "Only the two of us"))
    text = visitor.get(path).text
    assert text.index("study") < text.index("Who will see it?") < text.index("Only the two of us")
    (entry,) = deciding.entries(desk.clerk)
    assert entry.standing is rules.Standing.OPEN
    visitor.post(path, token | {"verdict": "deny", "reason": "The ethics board said no"})
    request = desk.place.desk.view().requests[number]
    assert request.state is permissions.RequestState.DENIED
    assert desk.opened(desk.commons.solver, request.answer.document) == "The ethics board said no"
    assert path not in visitor.get("/inbox").text


def test_a_request_for_a_run_is_answered_with_the_run(desk: "Desk") -> None:
    """A letter about an open run stands on the run's own page, and approving the run answers it."""
    run_id = desk.propose()
    number = desk.write("Please take part", run_id)
    visitor, session = desk.open_page()
    assert "Please take part" in visitor.get(f"/inbox/{desk.key(run_id)}").text
    assert f"request:{number}" not in visitor.get("/inbox").text
    visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    assert desk.is_enrolled(run_id)
    assert desk.place.desk.view().requests[number].state is permissions.RequestState.APPROVED


def test_a_dataset_whose_rules_forbid_the_purpose_is_not_offered(desk: "Desk") -> None:
    """Where the ledger would refuse every consent, the reason stands there and there is no button to approve."""
    other = next(each.code for each in vocabulary.PURPOSES if not vocabulary.is_a(office.DEFAULT_PURPOSE, each.code))
    forbids = events.Rules(permitted=vocabulary.bits([other]), prohibited=0, commercial=False)
    card = cards.DatasetCard("Examinations", "here", 60, {}, "LicenseRef-private", 10, "none")
    desk.owner.desk.publish_version(1, card, office.Use(rules=forbids))
    run_id = desk.propose()
    visitor, _ = desk.open_page()
    text = visitor.get(f"/inbox/{desk.key(run_id)}").text
    assert denials.Denial.PURPOSE_NOT_PERMITTED.reason in text
    assert "Approve</button>" not in text


def test_a_policy_that_forbids_is_said_and_not_approved(desk: "Desk") -> None:
    """Every reason stands on the page, there is no button, and an approval behind its back gives no consent and no seat."""
    policy = policies.UsePolicy(
        "Research", desk.owner.member_id, ("dpv:ScientificResearch",), (), False, ("KE",), "CC-BY-SA-4.0", 10, 1,
        policies.SmallCells.ALLOW, None, policies.PrivacyUnit.RECORD, 0, True, (policies.Duty.REPORT_BACK,), None, None,
    )  # fmt: skip
    card = cards.DatasetCard("Examinations", "here", 60, {}, "LicenseRef-private", 10, "none")
    version = desk.owner.desk.publish_version(1, card, desk.owner.desk.put_policy(policy))
    desk.home.keep_policy(1, version, ids.digest(policy.encode()), card=ids.digest(card.encode()))
    run_id = desk.propose()
    visitor, session = desk.open_page()
    text = visitor.get(f"/inbox/{desk.key(run_id)}").text
    for reason in ("the solver has named none", "licence does not keep", "A duty that the policy asks"):
        assert reason in text
    assert "Approve</button>" not in text
    answer = visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    assert answer.status == 409
    assert "A duty that the policy asks" in answer.text
    assert not desk.is_enrolled(run_id)
    assert not desk.place.desk.view().consents


def test_a_run_that_a_policy_stopped_is_shown(desk: "Desk") -> None:
    """What the node found stands in the inbox, on the first page and on the run's own, until it is over or permitted."""
    run_id = desk.propose()
    visitor, session = desk.open_page()
    visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    with contextlib.closing(journal.Journal(desk.home.journal_file)) as kept:
        kept.keep_denial(run_id, "The policy has ended.")
        for path in ("/inbox", f"/runs/{run_id.hex()}"):
            assert "The policy has ended." in visitor.get(path).text
        kept.keep_denial(run_id, None)
    assert all("The policy" not in visitor.get(path).text for path in ("/inbox", f"/runs/{run_id.hex()}"))


def test_french_pages_write_as_french_does(desk: "Desk") -> None:
    """Narrow spaces before colons and question marks, local dates with the zone, and our own words are translated."""
    run_id = desk.propose()
    path = f"/inbox/{desk.key(run_id)}"
    visitor, _ = desk.open_page()
    visitor.cookies += "; commons_language=fr"
    page, inbox = visitor.get(path).text, visitor.get("/inbox").text
    assert "Vos données peuvent-elles participer\u202f?" in inbox
    assert re.search(
        r'<time datetime="20[0-9-]{8}T[0-9:]{5}Z">[0-9]{2}/[0-9]{2}/20[0-9]{2} [0-9]{2}:[0-9]{2} UTC<', inbox
    )
    assert "1\u202f: Examinations" in page
    assert "Si vous êtes d'accord, votre jeu de données est inscrit" in page
    assert '<dd lang="en">Sums only.</dd>' in page
    assert "a cell of" not in page
    assert "recherche" in page
    assert not re.search(r"[^ -]\s[?;!]", re.sub(r"<[^>]*>", "", page).replace("\u202f", "-"))


def test_an_old_link_leads_to_what_waits_now(shared_desk: "Desk") -> None:
    """What is over is said in the page's language, with a link and without a command or a long number."""
    visitor, _ = shared_desk.open_page()
    visitor.cookies += "; commons_language=fr"
    answer = visitor.get(f"/inbox/problem:3.1.{'ab' * 32}")
    assert answer.status == 409
    assert "ceci n'attend plus ici" in answer.text
    assert '<a href="/inbox">Voir ce qui attend maintenant</a>' in answer.text
    assert "commons inbox list" not in answer.text
    assert "abababab" not in re.sub(r"<a [^>]*>", "", answer.text)


def test_who_asks_and_for_what_stands_in_the_list_the_soonest_first(desk: "Desk") -> None:
    """A letter names asker and dataset; what is due sooner stands above what has no end, and a seat is under way."""
    desk.write("Please")
    run_id = desk.propose()
    visitor, session = desk.open_page()
    today = visitor.get("/").text
    assert re.search(r"#\d+\)? / 1: Examinations", today)
    assert today.index(f"/inbox/{desk.key(run_id)}") < today.index("/inbox/request:")
    assert "No training with your data is under way" in today
    assert visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"}).status == 303
    now = visitor.get("/").text
    assert f'id="live-{run_id.hex()}"' in now
    assert "open for enrolment" in now


def test_a_refused_decision_keeps_its_words_in_its_own_form(desk: "Desk") -> None:
    """What was typed stands in the form that was sent, not in the one beside it; another's form is never given back."""
    visitor, session = desk.open_page()
    path = "/settings/rules"
    answer = visitor.post(path, {"token": session.form_token, "verdict": "approve", "author": "x", "confirms": "on"})
    assert answer.status == 409
    assert re.search(r'name="author"[^>]* value="x"', answer.text)
    assert '<option value="approve" selected>' in answer.text
    assert 'name="confirms" checked' in answer.text
    assert "<details open>" in answer.text
    foreign = visitor.post(path, {"token": "0", "verdict": "approve", "author": "x"})
    assert foreign.status == 409
    assert 'value="x"' not in foreign.text
