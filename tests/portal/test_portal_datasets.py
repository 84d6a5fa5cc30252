"""The dataset's page and the budgets: in and out of use, the models that a dataset is in, wishes, and what was told."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from tests.portal import conftest as desks

from aicommons import app, testing
from aicommons.domain import cards, errors, events, ids, policies, schema
from aicommons.learning import recipe, records
from aicommons.learning.learners import glm
from aicommons.node import journal
from aicommons.owner import budgets, deciding, lineage, places
from aicommons.portal import opening
from aicommons.protocol import inbox as rules
from aicommons.protocol import registry

WHY = "The consents <b>behind it</b> were withdrawn"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A commons whose three sites trained one model; two of its homes."""

    simulation: testing.Simulation
    site: "desks.Desk"
    """The first site's."""
    solver: "desks.Desk"

    @property
    def run_id(self) -> ids.RunId:
        """The run."""
        return self.simulation.run_id


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Train once; what the tests ask is added to the same ledger."""
    columns = schema.Schema((schema.numeric("a", -9, 9),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    plan = recipe.Recipe("glm", columns, glm.Glm(schema.Task.BINOMIAL, max_steps=1))
    rows = np.random.default_rng(1).normal(size=(3, 12, 1))
    tables = [records.Table(each, (each[:, 0] + 0.3 > 0).astype(np.float64)) for each in rows]
    root = tmp_path_factory.mktemp("trained")
    with testing.simulate([recipe.Rows(table, table) for table in tables], plan) as simulation:
        simulation.run()
        solver, site, *_ = simulation.commons.members
        made = Trained(
            simulation,
            opened(simulation.commons, site, root / "site"),
            opened(simulation.commons, solver, root / "solver"),
        )
        copy_disclosures(site.node.journal, made.site.home)
        yield made


def opened(commons: testing.Commons, member: testing.Member, path: pathlib.Path) -> "desks.Desk":
    """Return a member's home with the datasets that it listed."""
    home = app.Home(path)
    app.write_private(home.settings_file, app.Settings(path.name).to_json())
    card = cards.DatasetCard("Examinations", "here", 10, {}, "LicenseRef-private", 10, "none")
    for number, listed in member.desk.view().datasets.items():
        if listed.owner == member.member_id:
            home.keep_dataset(number, path / "table.csv", card)
    secret = app.reader_secret(member.wallet)
    place = opening.Opened(home, member.registry, commons.store, member.desk, member.wallet, secret)  # type: ignore[arg-type]
    return desks.Desk(commons, member, home, place, bytes(32))


def copy_disclosures(known: journal.Journal, home: app.Home) -> None:
    """Put a node's record of disclosures into a home's journal, where a node would have it."""
    with contextlib.closing(journal.Journal(home.journal_file)) as kept:
        for dataset in home.datasets():
            for line in known.disclosures(dataset):
                kept.keep_disclosure(line)
                kept.keep_declined(line.run_id, 0, "too few rows have changed")


def own_dataset(desk: "desks.Desk") -> int:
    """Return the number of a home's only dataset."""
    (number,) = desk.home.datasets()
    return number


def test_a_dataset_shows_the_models_that_it_is_in(trained: Trained) -> None:
    """Each registered model that names the dataset is shown, with two buttons; another site's dataset has its own page."""
    number = own_dataset(trained.site)
    visitor, _ = trained.site.open_page()
    text = visitor.get(f"/datasets/{number}").text
    assert f"/datasets/{number}/models/{trained.run_id.hex()}" in text
    assert 'value="retrain"' in text
    assert 'value="retire"' in text
    assert "No dataset of yours has this number".lower() in visitor.get("/datasets/999").text.lower()


def test_a_wish_reaches_the_solvers_inbox_and_is_answered_there(trained: Trained) -> None:
    """A wish with its reason stands on the ledger, waits in the inbox of who answers for the model, and ends there."""
    number, run = own_dataset(trained.site), trained.run_id.hex()
    visitor, session = trained.site.open_page()
    path, form = f"/datasets/{number}/models/{run}", {"token": session.form_token, "wish": "retrain"}
    before = len(trained.site.place.desk.view().wishes)
    assert visitor.post(path, form | {"reason": "  "}).status == 409
    assert visitor.post(path, form | {"wish": "burn", "reason": WHY}).status == 409
    assert len(trained.site.place.desk.view().wishes) == before
    answer = visitor.post(path, form | {"reason": WHY})
    assert answer.headers["location"] == f"/datasets/{number}?said=wished"
    told = trained.site.place.desk.view().wishes[-1]
    assert (told.run_id, told.dataset_id, told.wish) == (trained.run_id, number, events.Wish.RETRAIN)
    assert "behind it" in visitor.get(f"/datasets/{number}").text
    key = f"wish:{before}"
    assert key not in visitor.get("/inbox").text

    visitor, session = trained.solver.open_page()
    assert f"/inbox/{key}" in visitor.get("/inbox").text
    page = visitor.get(f"/inbox/{key}").text
    assert "The consents &lt;b&gt;behind it&lt;/b&gt; were withdrawn" in page
    assert "site" in page
    asked = visitor.post(f"/inbox/{key}", {"token": session.form_token, "verdict": "ask", "reason": "why?"})
    assert asked.status == 409
    done = visitor.post(f"/inbox/{key}", {"token": session.form_token, "verdict": "approve", "reason": "next month"})
    assert done.headers["location"] == "/inbox?said=approved"
    assert key not in visitor.get("/inbox").text
    with trained.solver.clerk.inbox() as kept:  # whoever approved it may go; it still was answered
        kept.add_operator("Ada", "123456", bytes(16))
        assert key not in {each.item.key for each in deciding.entries(trained.solver.clerk)}
        kept.remove_operator("Ada")
    assert "next month" in visitor.get("/log").text


def test_a_denied_wish_stays_denied_and_is_no_denied_plan(trained: Trained) -> None:
    """A wish that is left is listed as denied; standing rules, which look at denied plans, are not confused by it."""
    lineage.ask(
        trained.site.place, trained.run_id, own_dataset(trained.site), events.Wish.RETIRE, reason="no longer ours"
    )
    number = len(trained.site.place.desk.view().wishes) - 1
    clerk = trained.solver.clerk
    deciding.decide(clerk, f"wish:{number}", deciding.Word(rules.Verdict.DENY, "it helps"))
    (entry,) = [each for each in deciding.entries(clerk) if each.item.wish == number]
    assert entry.standing is rules.Standing.DENIED
    with clerk.inbox() as kept:
        kept.add_rule(rules.Rule(rules.Verdict.APPROVE, recipe="glm"))
    assert deciding.apply_rules(clerk) == ()


def test_a_wish_of_the_page_is_noted_with_who_said_it(trained: Trained) -> None:
    """The log has the model, the wish with its reason, and the operator who asked."""
    visitor, session = trained.site.open_page()
    with trained.site.clerk.inbox() as kept:
        kept.add_operator("Ada", "123456", bytes(16))
        wish = {
            "token": session.form_token,
            "wish": "retire",
            "reason": "it is old",
            "operator": "Ada",
            "pin": "123456",
        }
        path = f"/datasets/{own_dataset(trained.site)}/models/{trained.run_id.hex()}"
        assert visitor.post(path, wish).status == 303
        kept.remove_operator("Ada")
        line = kept.happened()[0]
    assert (line.what, line.by, line.reason) == ("ask model owners", "Ada", "retire: it is old")
    assert line.about == f"run:{trained.run_id.hex()}"


def test_only_a_dataset_of_the_lineage_can_be_a_reason(trained: Trained) -> None:
    """A dataset that the model never saw, and one of another member, can ask nothing."""
    papers = places.Papers(trained.site.place.store)
    member = trained.site.owner
    card = cards.DatasetCard("Other", "here", 10, {}, "LicenseRef-private", 10, "none")
    other = member.desk.publish_dataset(card)
    assert lineage.models(trained.site.place, papers, other) == ()
    with pytest.raises(errors.InputError, match="in no registered model"):
        lineage.ask(trained.site.place, trained.run_id, other, events.Wish.RETIRE, reason="x")
    with pytest.raises(errors.LedgerRefused, match="ModelRegistryNotOwner"):
        lineage.ask(
            trained.solver.place, trained.run_id, own_dataset(trained.site), events.Wish.RETIRE, reason="not mine"
        )


def test_budgets_show_what_was_told_run_by_run(trained: Trained) -> None:
    """Rounds, sites, rows in tens and refusals with their reason are shown; rows are never exact."""
    (found,) = budgets.budgets(trained.site.clerk, testing.START)
    (told,) = found.told
    assert told.run_id == trained.run_id
    assert (told.rows, told.columns) == (20, ("a", "y"))
    assert len(told.members) == 3
    assert [each.reason for each in told.refused] == ["too few rows have changed"]
    assert (found.spent, found.bare_rounds) == ("0", 3)
    visitor, _ = trained.site.open_page()
    text = visitor.get("/budgets").text
    assert "too few rows have changed" in text
    assert 'class="number">20<' in text
    assert "3 totals were given without noise" in text
    assert ">24<" not in text


def test_budgets_show_the_policys_epsilon(desk: "desks.Desk") -> None:
    """A policy's epsilon is shown with its unit, and that only noise keeps it."""
    policy = policies.UsePolicy(
        "Research", desk.owner.member_id, permitted=("DUO:0000007",), prohibited=(), commercial=False, countries=(),
        licence="LicenseRef-private", minimum_cohort=10, minimum_cell=1, small_cells=policies.SmallCells.ALLOW,
        epsilon="1.5", privacy_unit=policies.PrivacyUnit.RECORD, price=0, free_commons=False, duties=(), until=None,
        person_column=None,
    )  # fmt: skip
    card = cards.DatasetCard(
        "Examinations", "here", 60, desks.SCHEMA, "LicenseRef-private", 10, "none", dataset_version=2
    )
    visitor, _ = desk.open_page()
    for path in ("/budgets", "/datasets/1"):
        assert "no use policy: your consents alone decide" in visitor.get(path).text
        assert "cannot be read now" not in visitor.get(path).text
    assert "Only trainings whose totals get enough noise" not in visitor.get("/budgets").text
    desk.owner.desk.publish_version(1, card, desk.owner.desk.put_policy(policy))
    visitor, _ = desk.open_page()
    assert "1.5 per row and year" in visitor.get("/budgets").text
    assert "Only trainings whose totals get enough noise" in visitor.get("/budgets").text
    assert "Research" in visitor.get("/datasets/1").text
    desk.commons.store.erase(policy_digest(desk))
    fresh, _ = desk.open_page()
    assert "cannot be read now" in fresh.get("/budgets").text
    assert "cannot be read now" in fresh.get("/datasets/1").text
    app.own_documents(desk.home).put(policy.encode())
    assert "1.5 per row and year" in fresh.get("/budgets").text  # this home's own copy is as good


def policy_digest(desk: "desks.Desk") -> bytes:
    """Return the digest of the dataset's newest policy."""
    return desk.owner.desk.view().datasets[1].newest.policy


ACTS = {
    "suspend": (["suspend"], registry.DatasetState.SUSPENDED),
    "suspend and resume": (["suspend", "resume"], registry.DatasetState.LISTED),
    "retire": (["retire"], registry.DatasetState.RETIRED),
    "retire what is suspended": (["suspend", "retire"], registry.DatasetState.RETIRED),
}


@pytest.mark.parametrize(("acts", "wanted"), ACTS.values(), ids=ACTS.keys())
def test_a_dataset_goes_in_and_out_of_use(desk: "desks.Desk", acts: list[str], wanted: registry.DatasetState) -> None:
    """What a button says happens on the ledger and stands in the log."""
    visitor, session = desk.open_page()
    for act in acts:
        form = {"token": session.form_token, "act": act, "confirmed": "on", "reason": f"because of {act}"}
        assert visitor.post("/datasets/1/state", form).status == 303
        assert f"because of {act}" in visitor.get("/log").text
    assert desk.owner.desk.view().datasets[1].state is wanted
    assert visitor.get("/datasets/1").status == 200


REFUSED = {
    "unconfirmed": ({"act": "retire"}, "not confirmed"),
    "no such act": ({"act": "burn", "confirmed": "on"}, "no such act"),
    "nothing to resume": ({"act": "resume"}, "cannot be changed so"),
    "no PIN": ({"act": "suspend", "confirmed": "on", "operator": "Ada", "pin": "0"}, "PIN"),
}


@pytest.mark.parametrize(("fields", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_meant_changes_nothing(desk: "desks.Desk", fields: dict[str, str], words: str) -> None:
    """Without the tick, the PIN or the state for it a dataset stays as it is."""
    if "pin" in fields:
        with desk.clerk.inbox() as kept:
            kept.add_operator("Ada", "123456", bytes(16))
    visitor, session = desk.open_page()
    answer = visitor.post("/datasets/1/state", {"token": session.form_token} | fields)
    assert answer.status == 409
    assert words in answer.text
    assert desk.owner.desk.view().datasets[1].state is registry.DatasetState.LISTED


def test_an_entrusted_dataset_comes_back_by_vote_only(desk: "desks.Desk") -> None:
    """Its owner takes it out of use; no page offers to put it back, and whoever asks all the same learns who can."""
    desk.owner.desk.entrust(1, ids.Address(b"\x07" * 20))
    visitor, session = desk.open_page()
    form = {"token": session.form_token, "confirmed": "on"}
    assert "entrusted this dataset" in visitor.get("/datasets/1").text
    assert visitor.post("/datasets/1/state", form | {"act": "suspend"}).status == 303
    page = visitor.get("/datasets/1").text
    assert 'value="resume"' not in page
    assert "coop propose 1 --resume" in page
    refused = visitor.post("/datasets/1/state", form | {"act": "resume"})
    assert refused.status == 409
    assert "coop propose 1 --resume" in refused.text
    with desk.clerk.inbox() as kept:
        assert [each.what for each in kept.happened()] == ["suspend dataset"]


def test_a_run_under_way_is_shown_without_buttons(desk: "desks.Desk") -> None:
    """A run that the dataset is enrolled in is shown; there is no model yet to ask anything of."""
    run_id = desk.propose()
    visitor, session = desk.open_page()
    visitor.post(f"/inbox/{desk.key(run_id)}", {"token": session.form_token, "verdict": "approve"})
    text = visitor.get("/datasets/1").text
    assert run_id.hex() in text
    assert f"/models/{run_id.hex()}" not in text
    asked = visitor.post(
        f"/datasets/1/models/{run_id.hex()}", {"token": session.form_token, "wish": "retire", "reason": "x"}
    )
    assert "in no registered model" in asked.text
