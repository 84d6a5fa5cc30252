"""A commons with one site whose owner has a page: ledger, store, three nodes and the page, all real processes."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterator, Mapping

from aicommons import app, office
from aicommons.cli import demonstration, processes, scripts
from aicommons.domain import cards, documents, errors, events, ids, run, schema
from aicommons.learning import recipe as recipes
from aicommons.ledger import wallet
from aicommons.node import journal

OWNER = "north"
"""The site whose page is looked at."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """Everybody, and how runs are proposed to them."""

    root: pathlib.Path
    running: processes.Processes
    solver: demonstration.Party
    sites: Mapping[str, demonstration.Party]
    script: scripts.Script
    problem_id: bytes
    link: str
    """Of the owner's page, good for one use."""

    @property
    def owner(self) -> demonstration.Party:
        """Whose page it is."""
        return self.sites[OWNER]

    def propose(self, title: str, *, patience_seconds: int = 600) -> ids.RunId:
        """Open a run that fits every site's table; nobody has a seat yet."""
        body = {**self.script.recipe, "schema": schema.to_document(self.script.schema)}
        made = recipes.from_plan(body)
        leaves = demonstration.leaves_site_in_words(made)
        plan = documents.Plan(title, recipes.to_plan(made), leaves, 30, 0, None)
        offer = office.Offer(
            problem=self.problem_id,
            plan=self.solver.desk.publish_plan(plan),
            terms=documents.RunTerms(office.DEFAULT_PURPOSE, (), 7 * 86400, run.MINIMUM_COHORT, "no DP"),
            enrol_until=int(time.time()) + 86400,
            patience_seconds=patience_seconds,
        )
        return self.solver.desk.open_run(offer)

    def others_enrol(self, run_id: ids.RunId) -> None:
        """Let the other sites' owners bring their data, as they do at their own desks."""
        for name, site in self.sites.items():
            if name != OWNER:
                dataset_id = next(iter(site.home.datasets()))
                wanted = office.consent(dataset_id, [office.DEFAULT_PURPOSE], int(time.time()) + 86400)
                site.desk.enrol(run_id, office.Seat(dataset_id, site.desk.give_consent(wanted)))

    def close(self, run_id: ids.RunId) -> None:
        """Fix the roster; the other sites confirm it."""
        self.solver.desk.close_roster(run_id)
        for name, site in self.sites.items():
            if name != OWNER:
                with contextlib.closing(journal.Journal(site.home.journal_file)) as kept:
                    kept.pin(run_id, site.desk.pin(run_id))

    def open_register(self) -> int:
        """List a table of people at the owner's and ask them for consent; return the dataset's number."""
        lines = [
            "patient,age,ill",
            *(f"patient-{number},{20 + number % 9},{'ny'[number % 2]}" for number in range(40)),
        ]
        table = self.root / "people.csv"
        table.write_text("\n".join(lines) + "\n")
        home = self.owner.home.path
        listed = self.running.call(
            home, "dataset", "publish", str(table), "--title", "Patients", "--target", "ill", "--drop", "patient"
        )
        number = int(listed["dataset"])
        self.running.call(home, "consent", "open", str(number), "--person", "patient")
        return number

    def wish(self, run_id: ids.RunId) -> None:
        """Let another site's owner ask that a run's model be retrained, once it is written down."""
        site = next(each for name, each in self.sites.items() if name != OWNER)
        for _ in range(600):
            if site.desk.run(run_id).model is not None:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the run's model was not written down in a minute")
        site.desk.wish(run_id, next(iter(site.home.datasets())), events.Wish.RETRAIN)

    def wishes_of_others(self) -> list[int]:
        """Return the places of the wishes that other owners made."""
        own = self.owner.home.datasets()
        return [place for place, each in enumerate(self.solver.desk.view().wishes) if each.dataset_id not in own]

    def state(self, run_id: ids.RunId) -> run.RunState:
        """Return where a run stands on the ledger."""
        return self.solver.desk.run(run_id).state


@contextlib.contextmanager
def staged(root: pathlib.Path) -> Iterator[Stage]:
    """Set the stage; the owner's node and page are started by ``commons up``."""
    passphrase = demonstration.new_passphrase()
    with processes.Processes(passphrase) as running:
        script = scripts.hospitals(root / "tables", scripts.Choice(nodes=3))
        operator = demonstration.make_home(root / "commons", "operator", passphrase, app.Settings("operator"))
        settings = operator.settings()
        for name, field in (("ledger", "rpc"), ("store", "store")):
            said = running.start(name, operator.path, name, "start", "--port", "0")
            settings = dataclasses.replace(settings, **{field: said["url"]})
            app.write_private(operator.settings_file, settings.to_json())
        signer = wallet.unlock(operator.wallet_file, passphrase)
        registrar = office.Desk(app.connect(operator, signer), app.open_store(operator, None))
        deployment = operator.deployment_file(settings.chain_id)
        join = demonstration.Joining(root, settings, deployment, registrar, passphrase)
        solver = join.admit("Research institute", "solver")
        problem = documents.Problem(
            title="Is this breast tumour malignant?",
            affected="women with a suspicious finding; asked through the patients' councils",
            decision="who is examined further, and how soon",
            why_ai="a score from routine measurements; it advises and never decides",
            sdg_targets=("3.4",),
            metric="auc",
            baseline="each hospital's own judgement",
        )
        problem_id = solver.desk.state_problem(problem, int(time.time()) + 86400)
        sites = {name: _site(join, name, script) for name in script.tables}
        for name, site in sites.items():
            if name != OWNER:
                running.start(f"node {name}", site.home.path, "node", "start")
        link = str(running.start("up", sites[OWNER].home.path, "up", "--port", "0")["url"])
        yield Stage(root, running, solver, sites, script, problem_id, link)


def _site(join: demonstration.Joining, name: str, script: scripts.Script) -> demonstration.Party:
    site = join.admit(name, name)
    table = script.tables[name]
    card = cards.DatasetCard(
        title="Breast examinations", site=name, rows=100, schema=schema.to_document(script.schema),
        licence="LicenseRef-private", minimum_cohort=run.MINIMUM_COHORT, known_gaps="none stated",
    )  # fmt: skip
    dataset_id = site.desk.publish_dataset(card)
    if dataset_id < 1:
        raise errors.LedgerRefused("the dataset was not listed", which=name)
    site.home.keep_dataset(dataset_id, table, card)
    return site
