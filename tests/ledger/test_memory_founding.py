"""The in-memory ledger starts as a deployment does: with the rules that the founders chose, or not at all."""

import dataclasses
import pathlib
import re

import pytest
from tests.ledger import ledger_worlds as worlds

from aicommons.domain import errors, ids, model_events, money_events, vocabulary
from aicommons.ledger import deployments

MOST = money_events.LONGEST_RULE


def reviewed(p: worlds.Player) -> None:
    """A problem under review takes no runs and is not closed; what nobody sent back opens by itself."""
    p.found()
    p.open()
    p.do(p.owner, "Problems", "close", next(iter(p.view.problems)))
    p.world.tick(10)
    p.open()
    p.enrol(1)


def test_a_review_of_problems_is_the_same(tmp_path: pathlib.Path) -> None:
    """Where founders have problems reviewed, both ledgers wait as long."""
    founding = dataclasses.replace(worlds.FOUNDING, problems=deployments.ProblemRules(review=10, challenge=60))
    players = []
    for world in (worlds.MemoryWorld, worlds.EmbeddedWorld):
        player = worlds.Player(world(tmp_path / "chain", founding), 3)
        reviewed(player)
        player.world.close()
        players.append(player)
    worlds.check_equal(*players)
    assert [error for error, _ in players[0].refused] == ["TrainingRunsSpecInvalid", "ProblemsNotOpen"]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A way to found a commons that a contract refuses."""

    error: str
    arguments: tuple[object, ...]
    founding: deployments.Founding


def row(error: str, *arguments: object, **changed: object) -> Row:
    """Return a row."""
    return Row(error, arguments, dataclasses.replace(worlds.FOUNDING, **changed))  # type: ignore[arg-type]  # by name


ONE, TWO = worlds.founder(1), worlds.founder(2)
BAD_FOUNDINGS: dict[str, Row] = {
    "no threshold": row("MembershipRegistrarsInvalid", 1, 0, threshold=0),
    "more approvals than registrars": row("MembershipRegistrarsInvalid", 1, 2, threshold=2),
    "a registrar twice": row("MembershipRegistrarsInvalid", 2, 1, registrars=[worlds.FOUNDER.address] * 2),
    "nobody as registrar": row("MembershipRegistrarsInvalid", 1, 1, registrars=[ids.NOBODY]),
    "a founder twice": row("MembershipAccountUsed", ids.format_id(ONE.account), 1, founders=[ONE, ONE]),
    "a founder without a node": row(
        "MembershipFieldMissing", founders=[dataclasses.replace(ONE, node_key=ids.NOBODY)]
    ),
    "nobody as founder": row("MembershipFieldMissing", founders=[dataclasses.replace(ONE, account=ids.NOBODY)]),
    "a credential twice": row(
        "MembershipCredentialUsed", ONE.credential, 1,
        founders=[ONE, dataclasses.replace(TWO, credential=ONE.credential)],
    ),
    "votes without time": row("GovernorInvalidVotingPeriod", 0, votes=deployments.VoteRules(period=0)),
    "more than all": row("GovernorInvalidQuorumFraction", 101, 100, votes=deployments.VoteRules(percent=101)),
    "votes without anybody": row("QuorumFloorNobody", votes=deployments.VoteRules(minimum=0)),
    "a ban on nothing": row(
        "DataRegistryPurposesInvalid", len(vocabulary.PURPOSES), banned=1 << len(vocabulary.PURPOSES)
    ),
    "an endless review": row("ProblemsRulesInvalid", MOST + 1, 1, problems=deployments.ProblemRules(MOST + 1, 1)),
    "an endless challenge": row("ProblemsRulesInvalid", 0, MOST + 1, problems=deployments.ProblemRules(0, MOST + 1)),
    "no audits": row("ModelRegistryRulesInvalid", 0, audits=deployments.AuditRules(audits=0)),
    "audits without end": row(
        "ModelRegistryRulesInvalid", model_events.MOST_AUDITS + 1,
        audits=deployments.AuditRules(audits=model_events.MOST_AUDITS + 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FOUNDINGS, ids=lambda name: re.sub(r"\W+", "-", name))
def test_neither_starts_with_what_the_contracts_refuse(name: str, tmp_path: pathlib.Path) -> None:
    """A commons that the contracts would not be created for does not start in memory either, and it says why."""
    case = BAD_FOUNDINGS[name]
    with pytest.raises(errors.LedgerRefused) as caught:
        worlds.MemoryWorld(tmp_path, case.founding)
    assert (caught.value.error, caught.value.arguments) == (case.error, case.arguments)
    with pytest.raises(errors.LedgerRefused):
        worlds.EmbeddedWorld(tmp_path / "chain", case.founding)


@pytest.mark.parametrize(
    "said",
    [
        {"problems": deployments.ProblemRules(MOST, MOST)},
        {"audits": deployments.AuditRules(model_events.MOST_AUDITS, 0)},
        {"banned": (1 << len(vocabulary.PURPOSES)) - 1},
        {"votes": deployments.VoteRules(0, 1, 100, 1, 0)},
        {"founders": []},
    ],
    ids=["problems", "audits", "banned", "votes", "founders"],
)
def test_both_start_with_the_most_that_the_contracts_take(said: dict[str, object], tmp_path: pathlib.Path) -> None:
    """What a contract just takes the in-memory ledger takes too, with the same events."""
    founding = dataclasses.replace(worlds.FOUNDING, **said)  # type: ignore[arg-type]  # by name
    players = []
    for world in (worlds.MemoryWorld, worlds.EmbeddedWorld):
        made = world(tmp_path / "chain", founding)
        players.append(worlds.Player(made, 3))
        made.close()
    worlds.check_equal(*players)


def test_other_purposes_than_the_vocabulary_are_refused(tmp_path: pathlib.Path) -> None:
    """The in-memory ledger judges uses by the vocabulary, so it starts with no other purposes."""
    with pytest.raises(errors.InputError, match="purposes"):
        worlds.MemoryWorld(tmp_path, dataclasses.replace(worlds.FOUNDING, purposes=["DUO:0000042"]))
