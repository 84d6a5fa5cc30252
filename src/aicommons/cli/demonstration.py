"""A whole commons on one machine: who takes part, their homes and processes, and one run between them.

The demo command tells the story; here it is staged. Nothing is special to the demo but that one program plays all the
people: it writes each organisation's files, signs with each wallet, and confirms each roster.
"""

import dataclasses
import pathlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

from aicommons import app, office
from aicommons.cli import processes, scripts
from aicommons.data import reading
from aicommons.domain import cards, documents, encoding, errors, events, ids, profiles, run, schema
from aicommons.learning import learner, records
from aicommons.learning import recipe as recipes
from aicommons.ledger import wallet
from aicommons.node import journal, tables
from aicommons.protocol import view as views

DAY = 86400
HELD_OUT_PERCENT = 30
METRIC_OF_TASK = {
    schema.Task.SURVIVAL: "concordance",
    schema.Task.POISSON: "d2",
    schema.Task.GAUSSIAN: "r2",
    None: "none",
}
"""What a problem is judged by; else by accuracy."""
OTHER_FOLDERS = ("commons", "problem-owner", "solver", "tables")
"""What else is in the demo's folder."""
SUMS_IN_WORDS = {
    "stats": "tables of how often values occur, alone and in pairs,",
    "kmeans": "sums of values by group",
    "pca": "sums of products of values",
    "naive_bayes": "sums of values by class",
    "kaplan_meier": "numbers of events by time and group",
}
"""Recipe -> what its sums are; the others send gradients and curvatures."""


@dataclasses.dataclass(frozen=True, slots=True)
class Party:
    """One organisation of the demo."""

    name: str
    home: app.Home
    owner: wallet.Wallet
    node_key: wallet.Wallet
    desk: office.Desk
    member_id: ids.MemberId

    def journal(self) -> journal.Journal:
        """Open its node's journal: only the demo can, because it plays everybody."""
        return journal.Journal(self.home.journal_file)


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """Everything set up and running."""

    root: pathlib.Path
    processes: processes.Processes
    problem_owner: Party
    solver: Party
    sites: tuple[Party, ...]
    left_out: Mapping[str, str]
    """Site -> why the run goes on without it."""
    run_id: ids.RunId
    plan: documents.Plan
    recipe: recipes.Recipe
    rows: Mapping[str, recipes.Rows]
    """Rows of each site: the demo holds them all, the commons never does."""
    gaps: Mapping[str, int]
    """Site -> rows that are not used because a value is missing."""

    def view(self) -> views.RunView:
        """Return the ledger's view of the run."""
        return self.solver.desk.run(self.run_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """The tables of all sites."""

    rows: Mapping[str, recipes.Rows]
    """Of every usable site."""
    gaps: Mapping[str, int]
    """Usable site -> rows with a missing value, which are not among its rows."""
    left_out: Mapping[str, str]
    """Other site -> why."""

    def gaps_in_words(self) -> str | None:
        """Return how many rows are not used; ``None`` when all are."""
        missing = sum(self.gaps.values())
        used = sum(each.train.rows + each.held_out.rows for each in self.rows.values())
        return f"{missing} of {missing + used} rows have a gap and are left out" if missing else None


def read_sites(script: scripts.Script, plan: documents.Plan, made: recipes.Recipe) -> Read:
    """Return the rows of every usable site, and why others are left out.

    Raises:
        errors.TableError: a table that does not fit, naming file, column and row.
        errors.InputError: fewer than three usable sites, or one class only in all of them together.
    """
    usable: dict[str, recipes.Rows] = {}
    gaps: dict[str, int] = {}
    left_out: dict[str, str] = {}
    for name, path in script.tables.items():
        table = reading.read_table(path, script.schema, group=script.group, checks=reading.Checks(min_rows=0))
        if table.rows < run.MINIMUM_COHORT:
            seen = table.rows + table.dropped
            left_out[name] = f"{table.rows} complete rows of {seen}, the minimum cohort is {run.MINIMUM_COHORT}"
            continue
        gaps[name] = table.dropped
        usable[name] = tables.split_rows(table, plan, made.schema)
    if len(usable) < run.FEWEST_PARTICIPANTS:
        raise errors.InputError(
            "too few sites to train together",
            expected=f"at least {run.FEWEST_PARTICIPANTS} sites with {run.MINIMUM_COHORT} complete rows",
            got=len(usable),
            next_step="with fewer than three, each could compute the other's numbers from the sum",
        )
    _check_classes(script, usable)
    return Read(usable, gaps, left_out)


def _check_classes(script: scripts.Script, usable: Mapping[str, recipes.Rows]) -> None:
    if not script.schema.classes:
        return
    seen = {float(value) for rows in usable.values() for value in records.gather(rows.train).target}
    if len(seen) < 2:
        raise errors.InputError(
            "all rows have the same class",
            which=f"column {script.schema.outcomes[0].name}",
            expected="at least 2 classes",
            got=len(seen),
        )


def serve_here(running: processes.Processes, operator: app.Home) -> app.Settings:
    """Start ledger and store on this machine, and return the settings with which everybody finds them."""
    ledger = running.start("ledger", operator.path, "ledger", "start", "--port", "0")
    settings = dataclasses.replace(operator.settings(), rpc=ledger["url"])
    app.write_private(operator.settings_file, settings.to_json())
    store = running.start("store", operator.path, "store", "start", "--port", "0")
    return dataclasses.replace(settings, store=store["url"])


def set_stage(
    script: scripts.Script,
    root: pathlib.Path,
    running: processes.Processes,
    *,
    passphrase: str,
    say: Callable[[str], None],
    serve: Callable[[processes.Processes, app.Home], app.Settings] = serve_here,
) -> Stage:
    """Start the servers, admit everybody, state the problem, collect consents, publish the plan and start the nodes.

    Args:
        script: what is shown.
        root: folder of all homes.
        running: starts the processes.
        passphrase: of every key.
        say: told in words what was done.
        serve: starts ledger and store for the operator's home, whose deployment it writes there.
    """
    made = recipes.from_plan({**script.recipe, "schema": schema.to_document(script.schema)})
    held_out = 0 if made.judged_target is None else HELD_OUT_PERCENT
    plan = documents.Plan(
        script.title, recipes.to_plan(made), leaves_site_in_words(made), held_out, script.seed, script.group
    )
    read = read_sites(script, plan, made)
    if missing := read.gaps_in_words():
        say(f"{missing}.")
    operator = make_home(root / "commons", "The commons' operator", passphrase, app.Settings("operator"))
    settings = serve(running, operator)
    app.write_private(operator.settings_file, settings.to_json())
    say(f"ledger at {settings.rpc} and store at {settings.store}: two processes that nobody has to trust")
    registrar = office.Desk(app.connect(operator, _wallet(operator, passphrase)), app.open_store(operator, None))
    join = Joining(root, settings, operator.deployment_file(settings.chain_id), registrar, passphrase)
    problem_owner, solver = join.admit("problem-owner"), join.admit("solver")
    sites = tuple(join.admit(name, folder_of(script.tables[name])) for name in read.rows)
    say(f"{2 + len(sites)} members admitted, each with a wallet of its own")
    run_id = _agree(script, plan, problem_owner=problem_owner, solver=solver, sites=sites)
    _start_nodes(running, sites)
    say(f"{len(sites)} nodes started: one process per site, each sees only its own folder")
    return Stage(root, running, problem_owner, solver, sites, read.left_out, run_id, plan, made, read.rows, read.gaps)


def folder_of(table: pathlib.Path) -> str:
    """Return the folder of a site's home: its table's safe name, for a site may be called anything, even ``../commons``."""
    return f"site-{table.stem}" if table.stem in OTHER_FOLDERS else table.stem


def leaves_site_in_words(made: recipes.Recipe) -> str:
    """Return what leaves a site under a recipe, for its owner."""
    if isinstance(made.learner, learner.LocalTraining):
        sums = "the change of the network's weights"
    else:
        sums = SUMS_IN_WORDS.get(made.name, "sums of gradients and curvatures")
    return f"Counts, means and {sums} over all your rows, each hidden under masks so that only the total can be read."


def make_home(path: pathlib.Path, name: str, passphrase: str, settings: app.Settings) -> app.Home:
    """Make a home with keys."""
    home = app.Home(path)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    wallet.create(home.wallet_file, passphrase)
    app.write_private(home.settings_file, dataclasses.replace(settings, name=name).to_json())
    return home


def _wallet(home: app.Home, passphrase: str) -> wallet.Wallet:
    return wallet.unlock(home.wallet_file, passphrase)


@dataclasses.dataclass(frozen=True, slots=True)
class Joining:
    """How an organisation becomes a member."""

    root: pathlib.Path
    settings: app.Settings
    deployment: pathlib.Path
    registrar: office.Desk
    passphrase: str

    def admit(self, name: str, folder: str | None = None) -> Party:
        """Make a home in ``folder`` (else one of its name), apply, and be admitted."""
        home = make_home(self.root / (folder or name), name, self.passphrase, self.settings)
        node_key = wallet.create(home.node_file, self.passphrase)
        app.write_private(home.deployment_file(self.settings.chain_id), self.deployment.read_text())
        owner = _wallet(home, self.passphrase)
        desk = office.Desk(app.connect(home, owner), app.open_store(home, owner))
        profile = profiles.Profile(name, profiles.Kind.HOSPITAL).encode()
        point = app.reader_point(owner)
        desk.apply(node_key.address, point, encoding.keccak(owner.address), ids.digest(profile))
        member_id = self.registrar.admit(owner.address)
        if member_id is None:
            raise errors.LedgerRefused("the member was not admitted", which=name)
        app.open_store(home, owner).put(profile)
        return Party(name, home, owner, node_key, desk, member_id)


def _agree(
    script: scripts.Script,
    plan: documents.Plan,
    *,
    problem_owner: Party,
    solver: Party,
    sites: Sequence[Party],
) -> ids.RunId:
    until = int(time.time()) + DAY
    problem = documents.Problem(
        title=script.title,
        affected="the people behind the records; nobody was asked, because this is a demonstration",
        decision=script.why,
        why_ai="not answered: this is a demonstration; the model only advises",
        sdg_targets=(script.sdg,),
        metric=METRIC_OF_TASK.get(script.schema.task, "accuracy"),
        baseline="each site's own model",
    )
    problem_id = problem_owner.desk.state_problem(problem, until)
    digest = solver.desk.publish_plan(plan)
    reader = documents.Reader(problem_owner.member_id, app.reader_point(problem_owner.owner))
    terms = documents.RunTerms(office.DEFAULT_PURPOSE, (reader,), 7 * DAY, run.MINIMUM_COHORT, "no DP")
    offer = office.Offer(
        problem=problem_id,
        plan=digest,
        terms=terms,
        enrol_until=until,
        min_participants=run.FEWEST_PARTICIPANTS,
        phase_seconds=script.phase_seconds,
        patience_seconds=script.patience_seconds,
    )
    run_id = solver.desk.open_run(offer)
    for site in sites:
        _bring_data(script, site, run_id, problem_id=problem_id, until=until)
    roster = solver.desk.close_roster(run_id)
    for site in sites:
        _confirm(site, run_id, roster)
    return run_id


def _bring_data(script: scripts.Script, site: Party, run_id: ids.RunId, *, problem_id: bytes, until: int) -> None:
    table = script.tables[site.name]
    with table.open("rb") as file:
        count = sum(1 for _ in file) - 1
    card = cards.DatasetCard(
        title=f"{script.title}: {site.name}",
        site=site.name,
        rows=count // 10 * 10,
        schema=schema.to_document(script.schema),
        licence="LicenseRef-private",
        minimum_cohort=run.MINIMUM_COHORT,
        known_gaps="rows with missing values are left out",
    )
    dataset_id = site.desk.publish_dataset(card)
    site.home.keep_dataset(dataset_id, table, card)
    wanted = office.consent(dataset_id, [office.DEFAULT_PURPOSE], until)
    consent_id = site.desk.give_consent(dataclasses.replace(wanted, problem=problem_id))
    site.desk.enrol(run_id, office.Seat(dataset_id, consent_id))


def _confirm(site: Party, run_id: ids.RunId, roster: events.RosterFixed) -> None:
    seen = site.desk.run(run_id).roster
    if seen is None or seen.roster != roster.roster:
        raise errors.LedgerMismatch("a site sees another roster", which=site.name)
    kept = site.journal()
    kept.pin(run_id, site.desk.pin(run_id))
    kept.close()


def _start_nodes(running: processes.Processes, sites: Sequence[Party]) -> None:
    homes = [site.home.path for site in sites]
    started = [(home.name, running.launch(f"node {home.name}", home, "node", "start")) for home in homes]
    for name, process in started:
        running.ready(f"node {name}", process)


def new_passphrase() -> str:
    """Return a passphrase for the demo's keys; it is forgotten with the demo."""
    return secrets.token_urlsafe(24)
