"""What an inbox decides by itself: where an item stands, what a rule may answer, and what the node holds back."""

import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st

from aicommons.domain import errors, ids
from aicommons.protocol import duties, inbox, matching, permissions

ASKED = inbox.Asked(plan=b"p" * 32, author=3, recipe="glm", purpose="DUO:0000007")
YES, NO, WHAT = inbox.Verdict.APPROVE, inbox.Verdict.DENY, inbox.Verdict.ASK
TWO = inbox.House(operators=("Ada", "Ben"))


def said(*words: tuple[inbox.Verdict, str]) -> list[inbox.Decision]:
    """Return decisions in their order."""
    return [inbox.Decision(verdict, "words", by, float(at)) for at, (verdict, by) in enumerate(words)]


STANDINGS = {
    "nothing said": ([], inbox.House(), inbox.Standing.OPEN),
    "one approval": ([(YES, "")], inbox.House(), inbox.Standing.APPROVED),
    "one of two": ([(YES, "Ada")], TWO, inbox.Standing.SECOND),
    "the same person twice": ([(YES, "Ada"), (YES, "Ada")], TWO, inbox.Standing.SECOND),
    "two persons": ([(YES, "Ada"), (YES, "Ben")], TWO, inbox.Standing.APPROVED),
    "a denial among two": ([(YES, "Ada"), (NO, "Ben")], TWO, inbox.Standing.DENIED),
    "a denial first": ([(NO, "Ada"), (YES, "Ben")], TWO, inbox.Standing.DENIED),
    "a question": ([(WHAT, "")], inbox.House(), inbox.Standing.ASKED),
    "a question, then yes": ([(WHAT, ""), (YES, "")], inbox.House(), inbox.Standing.APPROVED),
    "yes, then the other asks": ([(YES, "Ada"), (WHAT, "Ben")], TWO, inbox.Standing.ASKED),
    "put away by one of two": ([(inbox.Verdict.DISMISS, "Ada")], TWO, inbox.Standing.DISMISSED),
    "two, one of whom may not approve any more": ([(YES, "Cee"), (YES, "Ada")], TWO, inbox.Standing.SECOND),
    "a denial of somebody who may not approve any more": ([(NO, "Cee")], TWO, inbox.Standing.DENIED),
    "before anybody was named": ([(YES, "")], TWO, inbox.Standing.OPEN),
    "one who is left, after the other's yes": ([(YES, "Ben")], inbox.House(operators=("Ada",)), inbox.Standing.OPEN),
    "a rule, where one person decides": ([(YES, "rule 1")], inbox.House(operators=("Ada",)), inbox.Standing.APPROVED),
    "a rule, where two do": ([(YES, "rule 1"), (YES, "Ada")], TWO, inbox.Standing.SECOND),
    "one operator alone": ([(YES, "Ada")], inbox.House(operators=("Ada",)), inbox.Standing.APPROVED),
}


@pytest.mark.parametrize(("words", "house", "wanted"), STANDINGS.values(), ids=STANDINGS.keys())
def test_where_an_item_stands(
    words: list[tuple[inbox.Verdict, str]], house: inbox.House, wanted: inbox.Standing
) -> None:
    """One denial is enough, approvals count once per person, a question waits."""
    assert inbox.standing(said(*words), house) is wanted


PAIR = matching.Pair(b"p" * 32, 1, 1)
ITEMS = {
    "a run": (inbox.Item(inbox.Kind.RUN, ids.RunId(bytes(32)), 0, 1), {YES, NO, WHAT}),
    "a request": (inbox.Item(inbox.Kind.REQUEST, None, 0, None, 3), {YES, NO, WHAT}),
    "a problem that fits": (inbox.Item(inbox.Kind.PROBLEM, None, 0, 1, pair=PAIR), {inbox.Verdict.DISMISS}),
    "a dataset that fits": (inbox.Item(inbox.Kind.DATASET, None, 0, 1, pair=PAIR), {inbox.Verdict.DISMISS}),
    "a recovery": (inbox.Item(inbox.Kind.RECOVERY, None, 0, 1), {NO}),
}


@pytest.mark.parametrize("case", ITEMS)
def test_what_may_be_said_to_an_item(case: str) -> None:
    """What asks for permission is answered, what only tells something is put away, a recovery is only vetoed."""
    item, answers = ITEMS[case]
    for verdict in inbox.Verdict:
        if verdict in answers:
            item.check(verdict)
        else:
            with pytest.raises(errors.InputError, match="no answer"):
                item.check(verdict)
    assert len({each.key for each, _ in ITEMS.values()}) == len(ITEMS)


def test_a_reply_opens_a_question_again() -> None:
    """A request that its asker replied to waits for the owner, and one that it did not reply to waits for the asker."""
    words = said((WHAT, ""))
    house = inbox.House()
    assert inbox.standing_of_request(words, house, permissions.RequestState.OPEN) is inbox.Standing.OPEN
    assert inbox.standing_of_request(words, house, permissions.RequestState.ASKED_BACK) is inbox.Standing.ASKED


RULES = {
    "the plan": (inbox.Rule(YES, plan=b"p" * 32), True),
    "another plan": (inbox.Rule(YES, plan=b"q" * 32), False),
    "author and recipe": (inbox.Rule(YES, author=3, recipe="glm"), True),
    "author, but another recipe": (inbox.Rule(YES, author=3, recipe="mlp"), False),
    "the purpose": (inbox.Rule(NO, purpose="DUO:0000007"), True),
    "a purpose that begins so": (inbox.Rule(NO, purpose="DUO:000000"), False),
}


@pytest.mark.parametrize(("rule", "wanted"), RULES.values(), ids=RULES.keys())
def test_a_rule_matches_when_all_that_it_names_is_so(rule: inbox.Rule, wanted: bool) -> None:
    """What a rule does not name may be anything; what it names has to be exactly so."""
    assert rule.matches(ASKED) is wanted


@pytest.mark.parametrize(
    "rule",
    [
        inbox.Rule(YES),
        inbox.Rule(NO, dataset_id=1, confirms=True),
        inbox.Rule(WHAT, author=1),
        inbox.Rule(inbox.Verdict.DISMISS, author=1),
    ],
)
def test_rules_that_say_nothing_are_refused(rule: inbox.Rule) -> None:
    """A rule that matches everything, or that asks, is none."""
    with pytest.raises(errors.InputError):
        rule.check()


def test_denials_go_before_approvals() -> None:
    """A denying rule wins over an approving one of any number; anything a person said ends what rules may do."""
    rules = {1: inbox.Rule(YES, author=3), 2: inbox.Rule(NO, recipe="glm")}
    assert inbox.matching(rules, ASKED, []) == (2, rules[2])
    assert inbox.matching({1: rules[1]}, ASKED, []) == (1, rules[1])
    assert inbox.matching({1: rules[1]}, ASKED, said((WHAT, "Ada"))) is None
    assert inbox.matching({1: rules[1]}, ASKED, [], denied=[ASKED]) is None
    other = dataclasses.replace(ASKED, plan=b"q" * 32)
    assert inbox.matching({1: rules[1]}, ASKED, [], denied=[other]) == (1, rules[1])


MAY_ACT = {
    "usually": (inbox.House(), 720, True),
    "in quiet hours": (inbox.House(quiet=inbox.QuietHours(600, 800)), 720, False),
    "when stopped": (inbox.House(stopped=True), 720, False),
    "where two approve": (TWO, 720, False),
}


@pytest.mark.parametrize(("house", "minute", "wanted"), MAY_ACT.values(), ids=MAY_ACT.keys())
def test_when_a_rule_may_approve(house: inbox.House, minute: int, wanted: bool) -> None:
    """A rule never approves in quiet hours, when stopped, or in place of two persons; it may always deny."""
    assert inbox.may_rule_act(house, minute, inbox.Rule(YES, author=1)) is wanted
    assert inbox.may_rule_act(house, minute, inbox.Rule(NO, author=1)) is True


@hypothesis.given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_cover_each_minute_once(begin: int, end: int, minute: int) -> None:
    """A day is cut in two by two times: each minute is in the hours from one to the other, or in those back."""
    hypothesis.assume(begin != end)
    assert inbox.QuietHours(begin, end).cover(minute) is not inbox.QuietHours(end, begin).cover(minute)
    assert inbox.QuietHours(begin, end).cover(begin)
    assert not inbox.QuietHours(begin, end).cover(end)


def test_what_the_node_holds_back() -> None:
    """Stopped, a node takes part in nothing; in quiet hours it begins nothing; what it owes others at the end it does."""
    kinds = duties.DutyKind
    assert inbox.held(inbox.House(), 0) == frozenset()
    assert inbox.held(inbox.House(quiet=inbox.QuietHours(0, 1)), 0) == {kinds.ACK}
    assert inbox.held(inbox.House(quiet=inbox.QuietHours(0, 1)), 1) == frozenset()
    assert inbox.held(inbox.House(stopped=True), 0) == {kinds.ACK, kinds.SUBMIT, kinds.COMMIT, kinds.REVEAL}


TIMES = {"00:00": 0, "7:05": 425, "23:59": 1439}


@pytest.mark.parametrize("text", TIMES)
def test_times_of_day_are_read(text: str) -> None:
    """Hours and minutes become a minute of the day."""
    assert inbox.minute(text) == TIMES[text]


@pytest.mark.parametrize("text", ["", "7", "24:00", "12:60", "12:5", "-1:00", "1²:00", "noon"])
def test_other_times_are_refused(text: str) -> None:
    """Anything else is no time of day."""
    with pytest.raises(errors.InputError):
        inbox.minute(text)
