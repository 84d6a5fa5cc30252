"""Datasets and problems on a real ledger and store: what fits, what does not and why, and what cannot be read permits nothing."""

import dataclasses
import pathlib
from collections.abc import Iterator

import pytest

from aicommons import office, testing
from aicommons.catalogue import matching, projection
from aicommons.domain import cards, documents, errors, ids, policies
from aicommons.protocol import matching as rules_of_matching
from aicommons.protocol import rules
from aicommons.store import memory

SCHEMA = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "ill", "task": "binomial", "classes": ["no", "yes"]},
}
PURPOSE = "DUO:0000007"
PROBLEM = documents.Problem(
    "Who is ill?", "patients", "whom to examine", "a score", ("3.4",), "auc", "guessing",
    purpose=PURPOSE, needs=documents.Needs(SCHEMA, 50),
)  # fmt: skip
CARD = cards.DatasetCard("A ward", "here", 60, SCHEMA, "LicenseRef-private", 10, "none")
UNTIL = testing.START + 86_400


@dataclasses.dataclass(frozen=True)
class Stage:
    """A commons in which the solver stated a problem, and a catalogue."""

    commons: testing.Commons
    catalogue: projection.Catalogue
    problem: bytes

    def policy(self, **changed: object) -> office.Use:
        """What the second member publishes under a policy with changes."""
        owner = self.commons.members[1]
        made = policies.UsePolicy(
            "Research", owner.member_id, (PURPOSE,), (), False, (), "LicenseRef-private", 10, 1,
            policies.SmallCells.ALLOW, None, policies.PrivacyUnit.RECORD, 0, False, (), None, None,
        )  # fmt: skip
        made = dataclasses.replace(made, **changed)  # type: ignore[arg-type]
        digest = self.commons.store.put(made.encode())
        return office.Use(bytes(digest), rules.rules_of(made), made.free_commons, made.price)

    def judge(self, store: object = None, *, now: int = int(testing.START)) -> matching.Judge:
        """A judge of the ledger as it is."""
        library = self.catalogue.library(store or self.commons.store)  # type: ignore[arg-type]
        return matching.Judge(self.commons.registrar.view(), library, now)


@pytest.fixture
def stage(tmp_path: pathlib.Path) -> Iterator[Stage]:
    """Set one up."""
    commons = testing.Commons(tmp_path / "commons")
    commons.admit("solver")
    commons.admit("owner")
    catalogue = projection.Catalogue(tmp_path / "catalogue.db")
    yield Stage(commons, catalogue, commons.solver.desk.state_problem(PROBLEM, UNTIL))
    catalogue.close()
    commons.close()


def test_both_directions_say_the_same(stage: Stage) -> None:
    """What fits comes first, everything else has its reasons, and a problem and a dataset see each other alike."""
    desk = stage.commons.members[1].desk
    small = desk.publish_dataset(dataclasses.replace(CARD, rows=20))
    fitting = desk.publish_dataset(CARD, stage.policy(price=5, duties=(policies.Duty.REPORT_BACK,)))
    forbidden = desk.publish_dataset(dataclasses.replace(CARD, title="B"), stage.policy(permitted=("DUO:0000011",)))
    found = stage.judge().datasets(stage.problem)
    assert [each.pair.dataset_id for each in found] == [fitting, small, forbidden]
    assert found[0].conditions == ("5 per run", "report back")
    reasons = {each.pair.dataset_id: [reason.misfit for reason in each.reasons] for each in found}
    misfit = rules_of_matching.Misfit
    assert reasons == {fitting: [], small: [misfit.COHORT_TOO_SMALL], forbidden: [misfit.PURPOSE]}
    for each in found:
        assert stage.judge().problems(each.pair.dataset_id) == (each,)


def test_what_cannot_be_read_fits_nothing_and_is_judged_again(stage: Stage) -> None:
    """Without card or policy a dataset does not fit, the match says that it may change, and it does."""
    dataset = stage.commons.members[1].desk.publish_dataset(CARD, stage.policy())
    view = stage.commons.registrar.view()
    for absent, which in ((view.datasets[dataset].card, "card"), (view.datasets[dataset].newest.policy, "policy")):
        partial = memory.MemoryStore()
        for digest in (
            view.problems[stage.problem].document,
            view.datasets[dataset].card,
            view.datasets[dataset].newest.policy,
        ):
            if digest != absent:
                partial.put(stage.commons.store.get(ids.Digest(digest), 100_000))
        scratch = projection.Catalogue(pathlib.Path(stage.commons.folder) / f"{which}.db")
        (match,) = matching.Judge(view, scratch.library(partial), int(testing.START)).datasets(stage.problem)
        assert not match.is_final
        assert [(each.which, each.offered) for each in match.reasons] == [(which, "it cannot be read now")]
        (again,) = matching.Judge(view, scratch.library(stage.commons.store), int(testing.START)).datasets(
            stage.problem
        )
        assert again.is_final
        assert again.is_fitting
        scratch.close()


def test_documents_that_are_none_are_final(stage: Stage) -> None:
    """Bytes that are no policy permit nothing, and no later look changes that."""
    junk = bytes(stage.commons.store.put(b"no policy"))
    stage.commons.members[1].desk.publish_dataset(CARD, dataclasses.replace(stage.policy(), policy=junk))
    (match,) = stage.judge().datasets(stage.problem)
    assert match.is_final
    assert [each.misfit for each in match.reasons] == [rules_of_matching.Misfit.TERMS]


def test_time_closes_a_problem(stage: Stage) -> None:
    """From its deadline on nothing fits a problem any more."""
    stage.commons.members[1].desk.publish_dataset(CARD)
    assert stage.judge(now=UNTIL - 1).datasets(stage.problem)[0].is_fitting
    (match,) = stage.judge(now=UNTIL).datasets(stage.problem)
    assert [each.misfit for each in match.reasons] == [rules_of_matching.Misfit.CLOSED]


def test_a_purpose_is_permitted_by_rules_and_state(stage: Stage) -> None:
    """A dataset is found for a purpose that its policy permits, as long as it can be used at all."""
    desk = stage.commons.members[1].desk
    dataset = desk.publish_dataset(CARD, stage.policy())
    alone = desk.publish_dataset(CARD)
    assert stage.judge().permits(dataset, PURPOSE)
    assert stage.judge().permits(alone, PURPOSE)
    assert not stage.judge().permits(dataset, "aic:FoodAndFarming")
    assert not stage.judge().permits(alone, "aic:SocialScoring")
    desk.suspend_dataset(dataset)
    assert not stage.judge().permits(dataset, PURPOSE)


def test_unknown_ids_are_named(stage: Stage) -> None:
    """A number that nobody has is an error, not an empty list."""
    with pytest.raises(errors.InputError, match="no such problem or dataset"):
        stage.judge().match(stage.problem, 99)
