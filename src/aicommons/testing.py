"""A whole commons in one process: the public in-memory adapters, and ``simulate`` to run one training on them.

Used by tests, examples and benchmarks. Nothing is shortened: the contracts run in the embedded ledger's EVM, or with the
engine "memory" as the same rules in Python; every node signs, masks, checks and combines as between hosts; only HTTP, child
processes and the wall clock are left out.
"""

import contextlib
import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

from aicommons import app, office, operating
from aicommons.domain import cards, documents, encoding, errors, ids, licences, policies, profiles, run
from aicommons.learning import evaluation, privacy, state
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import suite as suites
from aicommons.ledger import client, deployments, wallet
from aicommons.ledger import rpc as connections
from aicommons.ledger.embedded import chain, methods, rpc, selection, storage
from aicommons.ledger.memory import client as memory_clients
from aicommons.ledger.memory import ledger as memory_ledgers
from aicommons.node import agent as agents
from aicommons.node import concluding, journal, reconciler, running, signing
from aicommons.node.consents import notes
from aicommons.protocol import coverage
from aicommons.protocol import view as views
from aicommons.store import memory

START = 1_800_000_000
"""First second of a simulation's clock."""
PURPOSE = office.DEFAULT_PURPOSE
IN_MEMORY = "memory"
"""The engine that is none: ``ledger.memory`` keeps the runs by the same rules, without an EVM."""
Site = recipes.Rows | Sequence[recipes.Rows]
"""What a member of a simulation brings: the rows of one dataset, or those of several."""
Connected = client.Client | memory_clients.MemoryClient
"""One key's access to a commons' ledger."""


class ManualClock:
    """Time that passes only when told to."""

    def __init__(self, start: float = START) -> None:
        self._now = start

    def now(self) -> float:
        """Return seconds since 1970."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class LocalLedger:
    """The embedded ledger without HTTP, in a folder of its own."""

    def __init__(self, folder: pathlib.Path, clock: ManualClock, *, engine: str | None = None) -> None:
        genesis = storage.Genesis(chain.DEFAULT_CHAIN_ID, int(clock.now()))
        evm = selection.make_engine(engine, chain_id=genesis.chain_id)
        self._file = storage.Storage(folder, genesis)
        self._chain = chain.Chain(self._file, evm, chain_id=genesis.chain_id, clock=lambda: int(clock.now()))
        self._rpc = rpc.Rpc(methods.Methods(self._chain, version="in-process"))

    def handle(self, body: bytes) -> bytes:
        """Answer one JSON-RPC payload; what it recorded is durable."""
        answer = self._rpc.handle(body)
        if self._chain.has_open_group:
            self._chain.commit()
        return answer

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class MemoryData:
    """Tables in memory, by dataset id."""

    def __init__(self) -> None:
        self.tables: dict[int, recipes.Rows] = {}
        self.rules: dict[int, privacy.Rule] = {}
        self.least: dict[int, int] = {}
        """Dataset -> the fewest rows that its owner lets take part."""

    def observe(self, view: views.LedgerView) -> None:
        """Nobody's consent is asked for these tables."""

    def bring(self, part: agents.Part, terms: agents.RunDocuments, use: coverage.Use) -> agents.Brought:
        """Return the rows of a dataset; all its versions have the same."""
        del terms, use
        if part.dataset_id not in self.tables:
            raise errors.InputError("no such dataset here", which=f"dataset {part.dataset_id}")
        rows = self.tables[part.dataset_id]
        count, least = rows.train.rows + rows.held_out.rows, self.least.get(part.dataset_id, 0)
        if count < least:
            which = f"dataset {part.dataset_id}"
            raise errors.TooFewRows("fewer rows than the minimum cohort", which=which, expected=least, got=count)
        return agents.Brought(rows)

    def keep(self, note: notes.Note) -> None:
        """Forget it: there is no register behind these tables."""

    def check_still_consented(self, part: agents.Part, use: coverage.Use, made: notes.Note | tuple[int, int]) -> None:
        """Nobody withdraws from these tables."""

    def rule(self, part: agents.Part) -> privacy.Rule:
        """Return the owner's rule for small cells; none is small where no rule was given."""
        return self.rules.get(part.dataset_id, privacy.EVERYTHING)

    def published(self, part: agents.Part) -> None:
        """Nothing: no home keeps these tables."""

    def as_mapped(self, part: agents.Part, names: Sequence[str]) -> Sequence[str]:
        """Return the names: these tables have no mapping."""
        del part
        return names

    def forget(self, run_id: ids.RunId) -> None:
        """Keep the tables: nothing was prepared."""


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One organisation of a simulation."""

    member_id: ids.MemberId
    desk: office.Desk
    registry: Connected
    node: agents.Agent
    data: MemoryData
    wallet: wallet.Wallet
    """Signs for its desk, and opens what is sealed to it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What a simulated run agrees on."""

    phase_seconds: int = 60
    patience_seconds: int = 600
    max_attempts: int = 3
    retention_seconds: int = 7 * 86400
    consent_seconds: int = 86400
    """How long the owners' consents live."""
    most_rounds: int | None = None
    cipher: suites.Cipher = suites.Cipher.AES
    """What masks are made with."""
    is_hybrid: bool = False
    """Whether boxes of seeds take an ML-KEM secret too."""
    cell_size: int = 0
    """Fewest sites of a cell that is summed apart; 0 = all are summed as one set."""
    min_participants: int = run.FEWEST_PARTICIPANTS
    """Fewest sites of a round; two cells where the run is divided and more are not asked for."""
    absence: Mapping[int, run.Absence] = dataclasses.field(default_factory=dict)
    """Site index -> absence policy; ``wait`` where none is named."""
    policy: Mapping[int, Callable[[ids.MemberId], policies.UsePolicy]] = dataclasses.field(default_factory=dict)
    """Site index -> its use policy, made for its member id; consents alone decide where none is named."""
    solver: profiles.Profile | None = None
    """What the solver says of itself; only a title where nothing is given."""
    licence: str | None = None
    """Of the model."""
    duties: tuple[licences.Duty, ...] = ()
    """What the solver takes upon itself."""


class Commons:
    """A ledger, a store and the members' nodes, stepped by hand."""

    def __init__(
        self,
        folder: pathlib.Path,
        *,
        engine: str | None = None,
        founders: Sequence[str] = (),
        votes: deployments.VoteRules | None = None,
        threads: int = 1,
    ) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.pool = running.Pool(threads) if threads > 1 else None
        self.store = memory.MemoryStore()
        self.operator = wallet.Wallet(os.urandom(32))
        keys = [_Keys(name, wallet.Wallet(os.urandom(32)), wallet.Wallet(os.urandom(32))) for name in founders]
        founding = dataclasses.replace(
            operating.founding(self.operator.address),
            founders=[self._founder(each) for each in keys],
            votes=votes or deployments.VoteRules(),
        )
        self._found(engine, founding)
        self.registrar = office.Desk(self.connect(self.operator), self.store)
        self.members: list[Member] = []
        for number, each in enumerate(keys, start=1):
            self._seat(ids.MemberId(number), each)

    @property
    def solver(self) -> Member:
        """The first member: it states the problem and opens the runs."""
        return self.members[0]

    def _found(self, engine: str | None, founding: deployments.Founding) -> None:
        self.ledger = LocalLedger(self.folder / "ledger", self.clock, engine=engine)
        self._connection = connections.LocalRpc(self.ledger.handle)
        nowhere = deployments.Deployment(chain.DEFAULT_CHAIN_ID, 0, {}, {})
        deployer = client.Client(self._connection, nowhere, self.operator)
        self.deployment = deployments.deploy(deployer, nowhere.chain_id, founding)

    def connect(self, signer: wallet.Wallet) -> Connected:
        """Return a ledger client for ``signer``."""
        return client.Client(self._connection, self.deployment, signer)

    def admit(self, name: str, profile: profiles.Profile | None = None) -> Member:
        """Admit an organisation with a wallet and a node key of its own."""
        keys = _Keys(name, wallet.Wallet(os.urandom(32)), wallet.Wallet(os.urandom(32)))
        asks = self._founder(keys, profile)
        desk = office.Desk(self.connect(keys.owner), self.store)
        desk.apply(asks.node_key, asks.reader_point, asks.credential, asks.profile)
        member_id = self.registrar.admit(keys.owner.address)
        if member_id is None:
            raise errors.LedgerRefused("the member was not admitted", which=name)
        return self._seat(member_id, keys)

    def _founder(self, keys: "_Keys", profile: profiles.Profile | None = None) -> deployments.Founder:
        """Return what an organisation says of itself when it asks for membership, or founds."""
        return deployments.Founder(
            account=keys.owner.address,
            kind=office.ORGANISATION,
            node_key=keys.node.address,
            reader_point=app.reader_point(keys.owner),
            credential=encoding.keccak(os.urandom(8)),
            profile=self.store.put((profile or profiles.Profile(keys.name)).encode()),
        )

    def _seat(self, member_id: ids.MemberId, keys: "_Keys") -> Member:
        registry, data = self.connect(keys.owner), MemoryData()
        node = self._agent(keys.name, keys.node, member_id, data)
        member = Member(member_id, office.Desk(registry, self.store), registry, node, data, keys.owner)
        self.members.append(member)
        return member

    def _agent(self, name: str, node_key: wallet.Wallet, member_id: ids.MemberId, data: agents.Data) -> agents.Agent:
        ledger = self.connect(node_key)
        folder = self.folder / name
        return agents.Agent(
            member_id=member_id,
            ledger=ledger,
            store=self.store if self.pool is None else self.store.another(),
            own=memory.MemoryStore(),
            documents=memory.MemoryStore(),
            inputs=memory.MemoryInputs(),
            data=data,
            runner=running.InlineRunner() if self.pool is None else running.PooledRunner(self.pool),
            clock=self.clock,
            draw=os.urandom,
            journal=journal.Journal(folder / "journal.db"),
            signing=signing.SigningJournal(folder / "signing.db", node_key, ledger.place),
        )

    def close(self) -> None:
        """Close all files."""
        if self.pool is not None:
            self.pool.close()
        for member in self.members:
            member.node.journal.close()
            member.node.signing.close()
        self._release()

    def _release(self) -> None:
        self.ledger.close()


@dataclasses.dataclass(frozen=True, slots=True)
class _Keys:
    """Whom an organisation's keys belong to."""

    name: str
    owner: wallet.Wallet
    node: wallet.Wallet


class MemoryCommons(Commons):
    """The same on the in-memory ledger: without an EVM, and without money, votes and co-ops."""

    def _found(self, engine: str | None, founding: deployments.Founding) -> None:
        del engine
        self.kept = memory_ledgers.MemoryLedger(chain.DEFAULT_CHAIN_ID, self.operator.address, founding, self.clock)

    def connect(self, signer: wallet.Wallet) -> Connected:
        """Return a ledger client for ``signer``."""
        return self.kept.connect(signer)

    def _release(self) -> None:
        """There are no files."""


@dataclasses.dataclass(slots=True)
class Simulation:
    """One run of a commons, ready to be stepped."""

    commons: Commons
    run_id: ids.RunId
    recipe: recipes.Recipe
    nodes: dict[int, reconciler.Reconciler]
    """Roster member -> its node; take one out to make it silent."""

    def step(self) -> int:
        """Let every node do one pass, and its jobs end; return how many duties there were."""
        duties = sum(node.step() for node in list(self.nodes.values()))
        if self.commons.pool is not None:
            self.commons.pool.settle()
        return duties

    def again(self, members: Sequence[int], plan: recipes.Recipe | None = None) -> "Simulation":
        """Open another run on the same problem in which some of the same members take part, with the same nodes."""
        problem = self.view().spec.problem
        nodes = {member: self.nodes[member] for member in members}
        return _open(self.commons, problem, plan or self.recipe, nodes=nodes, terms=Terms())

    def view(self) -> views.RunView:
        """Return the ledger's view of the run."""
        return self.commons.registrar.run(self.run_id)

    def run(self, *, passes: int = 10_000) -> views.RunView:
        """Step until the run is over and every node has done its duties; time passes only when nobody has any.

        Raises:
            errors.TemporaryError: it was not over after ``passes`` passes.
        """
        idle = 0
        for _ in range(passes):
            duties = self.step()
            current = self.view()
            idle = idle + 1 if current.state.is_over and duties == 0 else 0
            is_written = current.model is not None or current.agreed is None or current.agreed.rounds_done == 0
            if idle > (0 if is_written else 2 + len(self.nodes) // 2):  # who writes it down comes up two seconds apart
                return current
            if duties == 0:
                self.commons.clock.advance(5)
            else:
                self.commons.clock.advance(0.05)
        raise errors.TemporaryError("the run did not end", which=f"round {self.view().round_index}")

    def final_state(self) -> state.State:
        """Return the newest state of the first node that is still there."""
        node = next(iter(self.nodes.values()))
        kept = node.agent.journal.state(self.run_id)
        if kept is None:
            raise errors.TemporaryError("no state is known yet")
        return state.decode(kept.data)

    def metrics(self) -> evaluation.Metrics | None:
        """Return the newest figures over all sites together."""
        node = next(iter(self.nodes.values()))
        current = self.view()
        terms = agents.terms_of(node.agent, self.run_id, current)
        return concluding.federated_metrics(node.agent, self.run_id, current, terms)


@contextlib.contextmanager
def simulate(
    sites: Sequence[Site],
    plan: recipes.Recipe,
    *,
    terms: Terms | None = None,
    engine: str | None = None,
    threads: int = 1,
) -> Iterator[Simulation]:
    """Set up a commons with one member per site and a run of ``plan`` whose roster all have confirmed.

    Args:
        sites: rows of each site, at least three sites; several tables of one are a co-op's, each a dataset of its own.
        plan: what is trained.
        terms: what the run agrees on.
        engine: EVM to use, ``None`` for the default, ``"memory"`` for none: the same rules in Python.
        threads: how many nodes may train, mask, check and sum at once. It pays from a million parameters on, changes no byte of
            a vector, a mask or the model, and every job then takes one more pass of its node.
    """
    shared = pathlib.Path("/dev/shm")  # noqa: S108  memory: nothing here must survive the process
    root = shared if shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="commons-", dir=root) as folder:
        kind = MemoryCommons if engine == IN_MEMORY else Commons
        commons = kind(pathlib.Path(folder), engine=engine, threads=threads)
        try:
            yield _prepare(commons, sites, plan, terms or Terms())
        finally:
            commons.close()


def _prepare(commons: Commons, sites: Sequence[Site], plan: recipes.Recipe, terms: Terms) -> Simulation:
    commons.admit("solver", terms.solver)
    owners = [commons.admit(f"site-{index}") for index in range(len(sites))]
    until = int(commons.clock.now()) + 86400
    problem = documents.Problem("A problem", "who", "decision", "why", ("3.4",), "accuracy", "none")
    problem_id = commons.solver.desk.state_problem(problem, until)
    for index, (owner, site) in enumerate(zip(owners, sites, strict=True)):
        made = terms.policy.get(index)
        consented = int(commons.clock.now()) + terms.consent_seconds
        for rows in (site,) if isinstance(site, recipes.Rows) else site:
            _publish(owner, rows, consented, policy=None if made is None else made(owner.member_id))
    nodes = {int(owner.member_id): reconciler.Reconciler(owner.node) for owner in owners}
    return _open(commons, problem_id, plan, nodes=nodes, terms=terms)


def _publish(owner: Member, rows: recipes.Rows, until: int, *, policy: policies.UsePolicy | None) -> None:
    card = cards.DatasetCard("A table", "a site", 10, {}, "LicenseRef-private", 10, "none")
    dataset_id = owner.desk.publish_dataset(card, None if policy is None else owner.desk.put_policy(policy))
    owner.data.tables[dataset_id] = rows
    owner.desk.give_consent(office.consent(dataset_id, [PURPOSE], until, max_uses=100))


def _open(
    commons: Commons, problem_id: bytes, plan: recipes.Recipe, *, nodes: dict[int, reconciler.Reconciler], terms: Terms
) -> Simulation:
    """Open a run in which the members of ``nodes`` take part and whose roster all have confirmed."""
    desk = commons.solver.desk
    offer = office.Offer(
        problem=problem_id,
        plan=desk.publish_plan(documents.Plan("A plan", recipes.to_plan(plan), "sums", 30, 0, None)),
        terms=documents.RunTerms(PURPOSE, (), terms.retention_seconds, 10, "no DP", terms.licence, terms.duties),
        enrol_until=int(commons.clock.now()) + 86400,
        phase_seconds=terms.phase_seconds,
        patience_seconds=terms.patience_seconds,
        max_attempts=terms.max_attempts,
        most_rounds=terms.most_rounds,
        cipher=terms.cipher,
        is_hybrid=terms.is_hybrid,
        cell_size=terms.cell_size,
        min_participants=max(terms.min_participants, 2 * terms.cell_size),
    )
    run_id = desk.open_run(offer)
    owners = [member for member in commons.members if member.member_id in nodes]
    newest = {given.terms.dataset_id: given for given in desk.view().consents.values()}
    for index, owner in enumerate(owners):
        brought = [(number, given.consent_id) for number, given in newest.items() if given.holder == owner.member_id]
        absence = terms.absence.get(index, run.Absence.WAIT)
        seat = office.Seat(*brought[0], absence, tuple(brought[1:]))
        owner.desk.enrol(run_id, seat, owner.node.signing)
    desk.close_roster(run_id)
    for owner in owners:
        owner.node.journal.pin(run_id, owner.desk.pin(run_id))
    return Simulation(commons, run_id, plan, nodes)
