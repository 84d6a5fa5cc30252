"""What the inbox tells without asking: what newly fits, in both directions, and a recovery that can be vetoed."""

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from aicommons import testing
from aicommons.domain import cards, documents, encoding, errors, ids
from aicommons.ledger import wallet
from aicommons.owner import deciding, fits
from aicommons.portal import catalogues
from aicommons.protocol import inbox as rules

if TYPE_CHECKING:
    from tests.portal.conftest import Desk

SCHEMA = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
PROBLEM = documents.Problem(
    "Who is <ill>?", "patients", "whom to examine", "a score", ("3.4",), "auc", "guessing",
    purpose="DUO:0000007", needs=documents.Needs(SCHEMA, 50),
)  # fmt: skip
CARD = cards.DatasetCard("A ward", "there", 80, SCHEMA, "LicenseRef-private", 10, "none")


def state(member: testing.Member, **changed: Any) -> bytes:
    """State the problem with changes in a member's name."""
    return member.desk.state_problem(dataclasses.replace(PROBLEM, **changed), 2 * testing.START)


def news(desk: "Desk") -> list[rules.Item]:
    """What the owner's inbox tells, as a process sees it that was just started."""
    return [each.item for each in deciding.entries(desk.clerk)]


def test_a_problem_that_fits_is_told_once(desk: "Desk") -> None:
    """Its item is there until it is put away, and never again; what does not fit is not told."""
    assert news(desk) == []
    state(desk.commons.solver, title="Too many", needs=documents.Needs(SCHEMA, 500))
    problem = state(desk.commons.solver)
    (item,) = news(desk)
    assert (item.kind, item.pair and item.pair.problem_id) == (rules.Kind.PROBLEM, problem)
    visitor, session = desk.open_page()
    for path in ("/", "/inbox"):
        assert "Who is &lt;ill&gt;?" in visitor.get(path).text
    shown = visitor.get(f"/inbox/{item.key}").text
    assert "whom to examine" in shown
    assert "<ill>" not in shown
    answer = visitor.post(f"/inbox/{item.key}", {"token": session.form_token, "verdict": "dismiss"})
    assert answer.headers["location"] == "/inbox?said=dismissed"
    assert "will not come back" in visitor.get(answer.headers["location"]).text
    assert news(desk) == []
    assert "put away" in visitor.get("/log").text


def test_a_new_version_is_told_anew(desk: "Desk") -> None:
    """A problem that was put away comes again with another version of the dataset, under another name."""
    state(desk.commons.solver)
    (first,) = news(desk)
    deciding.decide(desk.clerk, first.key, deciding.Word(rules.Verdict.DISMISS))
    desk.owner.desk.publish_version(1, dataclasses.replace(CARD, dataset_version=2))
    (second,) = news(desk)
    assert second.key != first.key
    assert second.pair is not None
    assert second.pair.version == 2


def test_a_dataset_that_fits_is_told_to_who_stated_the_problem(desk: "Desk") -> None:
    """Whoever stated a problem hears of others' datasets; suspended ones and one's own are left out."""
    state(desk.owner)
    theirs = desk.commons.solver.desk.publish_dataset(CARD)
    suspended = desk.commons.solver.desk.publish_dataset(CARD)
    desk.commons.solver.desk.suspend_dataset(suspended)
    (item,) = news(desk)
    assert (item.kind, item.pair and item.pair.dataset_id) == (rules.Kind.DATASET, theirs)
    desk.commons.solver.desk.resume_dataset(suspended)
    assert {each.pair and each.pair.dataset_id for each in news(desk)} == {theirs, suspended}


def test_a_clerk_who_stays_sees_what_comes(desk: "Desk") -> None:
    """The page's own clerk judges again when the ledger says something new."""
    clerk = desk.clerk
    assert deciding.entries(clerk) == ()
    state(desk.commons.solver)
    assert len(deciding.entries(clerk)) == 1


def test_what_could_not_be_read_is_judged_later(desk: "Desk") -> None:
    """A statement that the store does not give yet is not judged, and told once it can be read."""
    statement = dataclasses.replace(PROBLEM, title="Later").encode()
    desk.commons.solver.registry.transact(
        "Problems", "state", ids.digest(statement), encoding.purpose_code(testing.PURPOSE), 0, 2 * testing.START
    )
    assert news(desk) == []
    desk.commons.store.put(statement)
    assert [each.kind for each in news(desk)] == [rules.Kind.PROBLEM]


@pytest.mark.parametrize("verdict", [rules.Verdict.APPROVE, rules.Verdict.DENY, rules.Verdict.ASK])
def test_news_is_not_decided(desk: "Desk", verdict: rules.Verdict) -> None:
    """Nothing but putting it away is an answer, and nothing was recorded."""
    state(desk.commons.solver)
    (item,) = news(desk)
    with pytest.raises(errors.InputError, match="no answer"):
        deciding.decide(desk.clerk, item.key, deciding.Word(verdict, "because"))
    assert [each.said for each in deciding.entries(desk.clerk)] == [()]


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_a_recovery_is_shown_and_vetoed(desk: "Desk", language: str) -> None:
    """The owner sees who is to act for it and from when on, and one form stops it."""
    account = wallet.Wallet(b"\x09" * 32).address
    begun = desk.commons.registrar.recover(desk.owner.member_id, account)
    assert begun is not None
    (item,) = news(desk)
    assert (item.kind, item.until) == (rules.Kind.RECOVERY, begun.ripe_at)
    visitor, session = desk.open_page()
    assert f"/inbox/{item.key}" in visitor.get("/", accept_language=language).text
    assert account.hex() in visitor.get(f"/inbox/{item.key}", accept_language=language).text
    refused = visitor.post(f"/inbox/{item.key}", {"token": session.form_token, "verdict": "approve"})
    assert refused.status == 409
    form = {"token": session.form_token, "verdict": "deny", "reason": "I have my wallet"}
    assert visitor.post(f"/inbox/{item.key}", form).headers["location"] == "/inbox?said=vetoed"
    assert desk.owner.desk.member(desk.owner.member_id).recovery is None
    assert news(desk) == []


def test_another_members_recovery_is_not_mine(desk: "Desk") -> None:
    """Nobody else's inbox shows it."""
    desk.commons.registrar.recover(desk.commons.solver.member_id, wallet.Wallet(b"\x09" * 32).address)
    assert news(desk) == []


def test_more_than_one_look_can_judge_is_judged_in_the_next(desk: "Desk") -> None:
    """Of more pairs than one look takes, each is judged and told in the end, those that cannot be read left out."""
    problem = state(desk.commons.solver)
    view = desk.owner.desk.view()
    stated = view.problems[problem]
    many = {
        number.to_bytes(32, "big"): dataclasses.replace(
            stated,
            problem_id=number.to_bytes(32, "big"),
            document=stated.document if number % 2 else ids.digest(bytes([1])),
        )
        for number in range(1, 2 * fits.MOST_AT_ONCE + 2)
    }
    crowded = dataclasses.replace(view, problems=many)
    news_of = fits.Fits()
    for _ in range(3):
        with desk.clerk.inbox() as kept:
            found = news_of.items(desk.place, kept, crowded, desk.owner.member_id)
    assert len(found) == fits.MOST_AT_ONCE + 1
