"""Denying rules without the page: the node applies those that need no signature, and leaves the rest to the wallet."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import pytest
from tests.portal import conftest as desks

from aicommons.domain import ids
from aicommons.node import inbox, reconciler, standing
from aicommons.owner import deciding
from aicommons.protocol import inbox as rules
from aicommons.protocol import permissions

DENY = rules.Verdict.DENY


@dataclasses.dataclass(frozen=True)
class Unattended:
    """A home whose node is at work while nobody opened its page."""

    desk: desks.Desk
    kept: inbox.Inbox
    node: reconciler.Reconciler

    def pass_by(self) -> None:
        """Let the node do a pass, some time after the last one."""
        self.desk.commons.clock.advance(2 * standing.STORE_SECONDS)
        self.node.step()

    def said(self, run_id: ids.RunId) -> list[tuple[rules.Verdict, str]]:
        """Return what was said to a run."""
        return [(each.verdict, each.by) for each in self.kept.said(self.desk.key(run_id))]


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Iterator[Unattended]:
    """The owner's home with its node."""
    with (
        desks.set_up(tmp_path) as desk,
        contextlib.closing(inbox.Inbox(desk.home.inbox_file)) as kept,
    ):
        owner = desk.owner
        denials = standing.Denials(kept, desk.commons.store, owner.member_id, desk.home.datasets)
        yield Unattended(desk, kept, reconciler.Reconciler(dataclasses.replace(owner.node, deny=denials.look)))


def test_a_run_that_a_rule_denies_is_denied_without_the_page(home: Unattended) -> None:
    """The node's pass records the denial in the rule's name, once, and a person cannot approve past it."""
    home.kept.add_rule(rules.Rule(DENY, recipe="glm"))
    run_id = home.desk.propose()
    home.pass_by()
    home.pass_by()
    assert home.said(run_id) == [(DENY, "rule 1")]
    (entry,) = deciding.entries(home.desk.clerk)
    assert entry.standing is rules.Standing.DENIED
    assert [each.what for each in home.kept.happened()] == ["deny"]
    assert not home.desk.is_enrolled(run_id)


LEFT_ALONE = {
    "an approving rule": rules.Rule(rules.Verdict.APPROVE, recipe="glm"),
    "a rule that does not match": rules.Rule(DENY, recipe="mlp"),
}


@pytest.mark.parametrize("rule", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_the_node_says_nothing_else(home: Unattended, rule: rules.Rule) -> None:
    """Approving needs the wallet, and what no rule names waits for a person."""
    home.kept.add_rule(rule)
    run_id = home.desk.propose()
    home.pass_by()
    assert home.said(run_id) == []
    assert not home.desk.is_enrolled(run_id)


def test_what_a_person_said_is_not_answered_by_rule(home: Unattended) -> None:
    """A question of a person ends what rules may do."""
    run_id = home.desk.propose()
    deciding.decide(home.desk.clerk, home.desk.key(run_id), deciding.Word(rules.Verdict.ASK, "why?"))
    home.kept.add_rule(rules.Rule(DENY, recipe="glm"))
    home.pass_by()
    assert home.said(run_id) == [(rules.Verdict.ASK, "")]


def test_whoever_wrote_is_answered_with_the_wallet(home: Unattended) -> None:
    """A run with a letter is left to the page, whose clerk denies it and sends the answer in the member's name."""
    home.kept.add_rule(rules.Rule(DENY, recipe="glm"))
    run_id = home.desk.propose()
    number = home.desk.write("Please take part", run_id)
    home.pass_by()
    assert home.said(run_id) == []
    deciding.apply_rules(home.desk.clerk)
    assert home.said(run_id) == [(DENY, "rule 1")]
    assert home.desk.place.desk.view().requests[number].state is permissions.RequestState.DENIED


def test_a_store_that_gives_nothing_is_asked_again_later(home: Unattended) -> None:
    """Without plan and terms no rule can look; nothing fails, and the run is denied when they can be read."""
    home.kept.add_rule(rules.Rule(DENY, recipe="glm"))
    run_id = home.desk.propose()
    store, spec = home.desk.commons.store, home.desk.commons.solver.desk.run(run_id).spec
    plan = store.get(spec.plan, 100_000)
    store.erase(spec.plan)
    home.pass_by()
    assert home.said(run_id) == []
    store.put(plan)
    home.node.step()
    assert home.said(run_id) == []
    home.pass_by()
    assert home.said(run_id) == [(DENY, "rule 1")]
