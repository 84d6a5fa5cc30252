"""Finished runs for the tests of verification: real ones, trained once per session, and the means to change their record.

A ``Trained`` is what ``run verify`` sees of a run, plus the keys of its members, so that a test can also forge what a
member would sign. Changing it gives another ``Trained``; nothing is patched.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from aicommons import office, testing
from aicommons.domain import cards, documents, encoding, errors, ids, messages, schema
from aicommons.learning import recipe, records
from aicommons.learning.secagg import epoch, group, session
from aicommons.node import agent as agents
from aicommons.node import evidence, journal, reconciler, verification
from aicommons.protocol import ports
from aicommons.protocol import view as views
from aicommons.store import memory

FEATURES = 2
OWNER_SECRET = (7).to_bytes(32, "little")
"""Reader key of the problem owner, as a scalar."""

_SCHEMA = schema.Schema(
    tuple(schema.numeric(f"x{index}", -10, 10) for index in range(FEATURES)),
    schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")),
)
PLAN = recipe.from_plan({"recipe": "glm", "schema": schema.to_document(_SCHEMA)})


class LyingStore:
    """A store that returns what it likes: other bytes than asked for, or nothing."""

    def __init__(self, blobs: Mapping[bytes, bytes]) -> None:
        self._blobs = dict(blobs)

    def put(self, data: bytes | memoryview) -> bytes:
        """Keep honestly."""
        digest = ids.digest(data)
        self._blobs[digest] = bytes(data)
        return digest

    def get(self, digest: bytes, limit: int) -> bytes:
        """Return what is there under ``digest``, whatever it hashes to."""
        if digest not in self._blobs:
            raise errors.BlobNotFound("no such blob", which=digest.hex())
        if len(self._blobs[digest]) > limit:
            raise errors.StoreRefused("too long", which=digest.hex())
        return self._blobs[digest]

    def has(self, digest: bytes) -> bool:
        """Return whether something is there."""
        return digest in self._blobs

    def erase(self, digest: bytes) -> None:
        """Forget."""
        self._blobs.pop(digest, None)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run's record, and its members' keys."""

    current: views.RunView
    run_id: ids.RunId
    place: encoding.Place
    blobs: Mapping[bytes, bytes]
    signers: Mapping[int, ports.Signer]
    """Member -> node key."""
    secrets: Mapping[int, bytes]
    """Member -> epoch key."""
    sums: Mapping[int, journal.SumRecord] = dataclasses.field(default_factory=dict)
    """Round -> its sum, as the first node kept it."""
    readers: tuple[documents.Reader, ...] = ()
    problem_owner: ids.MemberId | None = None
    papers: tuple[verification.Paper, ...] = ()
    beside: Mapping[str, object] = dataclasses.field(default_factory=dict)
    """What else the registries say: fields of ``verification.Beside``."""

    def verify(
        self,
        reader: verification.VerifyingReader | None = None,
        kept: Mapping[int, journal.SumRecord] | None = None,
    ) -> verification.Report:
        """Return what ``run verify`` says."""
        store = LyingStore(self.blobs)
        return verification.verify(
            self.current,
            self.run_id,
            store,
            self.place,
            eyes=verification.Eyes(reader, kept or {}),
            beside=verification.Beside(self.problem_owner, self.papers, **self.beside),
        )

    def reader(self) -> verification.VerifyingReader:
        """Return the last participant as a reader."""
        member = max(self.secrets)
        return verification.VerifyingReader(ids.MemberId(member), self.secrets[member])

    @property
    def members(self) -> tuple[int, ...]:
        """The roster."""
        assert self.current.roster is not None
        return self.current.roster.member_ids

    def with_run(self, **fields: object) -> "Trained":
        """Return it with other fields of the run."""
        return dataclasses.replace(self, current=dataclasses.replace(self.current, **fields))

    def with_attempt(self, at: views.AttemptPlace, **fields: object) -> "Trained":
        """Return it with other fields of one attempt."""
        after = dataclasses.replace(self.current.attempts[at], **fields)
        return self.with_run(attempts={**self.current.attempts, at: after})

    def with_message(
        self, at: views.AttemptPlace, kind: str, member: int, change: Callable[[evidence.Message], evidence.Message]
    ) -> "Trained":
        """Return it with one message changed; ``kind`` is ``submits``, ``commits``, ``reveals`` or ``results``."""
        sent = getattr(self.current.attempts[at], kind)
        return self.with_attempt(at, **{kind: {**sent, member: change(sent[member])}})

    def with_blob(self, digest: bytes, data: bytes | None) -> "Trained":
        """Return it with a store that has other bytes, or none, under ``digest``."""
        blobs = {name: kept for name, kept in self.blobs.items() if name != digest}
        return dataclasses.replace(self, blobs=blobs if data is None else {**blobs, digest: data})

    def signed(self, sent: evidence.Message, **fields: object) -> evidence.Message:
        """Return a message with other fields, signed again by its member."""
        changed = dataclasses.replace(sent, **fields)
        return dataclasses.replace(changed, signature=self.sign(changed.member_id, evidence.signed_part(changed)))

    def sign(self, member: int, message: messages.Message) -> bytes:
        """Return a member's signature."""
        return self.signers[member].sign_digest(encoding.message_digest(self.place, message))

    def session(self, at: views.AttemptPlace) -> session.Session:
        """Return the session of an attempt; its length comes from a header."""
        assert self.current.roster is not None
        submits = self.current.attempts[at].submits
        first = next(iter(submits.values()))
        keys = tuple(epoch.PublicKeys(self.current.acks[member].point) for member in self.members)
        committee = agents.make_committee(self.run_id, self.current.spec, self.current.roster, keys, epoch=0)
        return committee.session(first.sid, int.from_bytes(self.blobs[first.header_digest][8:16], "little"))

    def with_header(self, at: views.AttemptPlace, member: int, raw: bytes) -> "Trained":
        """Return it with another header that its member signed and that everybody committed to."""
        digest = ids.digest(raw)
        changed = self.with_blob(digest, raw).with_message(
            at, "submits", member, lambda sent: self.signed(sent, header_digest=digest)
        )
        return changed.recommitted(at)

    def recommitted(self, at: views.AttemptPlace) -> "Trained":
        """Return it with Commits that name the attempt's set and inputs as they are now."""
        seen = self.current.attempts[at]
        members = self.current.members_of(seen.set_bits)
        sid = seen.submits[members[0]].sid
        fields = {
            "set_digest": encoding.set_digest(members),
            "input_digest": encoding.input_digest(sid, members, [seen.submits[each].header_digest for each in members]),
        }
        commits = {member: self.signed(sent, **fields) for member, sent in seen.commits.items()}
        return self.with_attempt(at, commits=commits)


def rows(rng: np.random.Generator, count: int) -> records.Table:
    """Return a site's table."""
    features = rng.normal(size=(count, FEATURES)).clip(-9, 9)
    return records.Table(features, (features.sum(axis=1) + rng.logistic(size=count) > 0).astype(float))


def make_sites(count: int) -> list[recipe.Rows]:
    """Return small tables that differ."""
    rng = np.random.default_rng(count)
    return [recipe.Rows(rows(rng, 40), rows(rng, 20)) for _ in range(count)]


def step(simulation: testing.Simulation, secrets: dict[int, bytes]) -> int:
    """Do one pass, and remember the epoch keys before they are erased."""
    due = simulation.step()
    for member, node in simulation.nodes.items():
        secret = node.agent.signing.keys.get(simulation.run_id, 0)
        if secret is not None:
            secrets[member] = secret
    simulation.commons.clock.advance(0.05 if due else 5)
    return due


def record(simulation: testing.Simulation, secrets: Mapping[int, bytes]) -> Trained:
    """Return what is there of a run now."""
    commons = simulation.commons
    store: memory.MemoryStore = commons.store
    members = {int(member.member_id): member.node for member in commons.members}
    kept = next(iter(simulation.nodes.values())).agent.journal
    rounds = {place[0] for place in simulation.view().attempts}
    return Trained(
        current=simulation.view(),
        run_id=simulation.run_id,
        place=commons.members[0].node.ledger.place,
        blobs=dict(store._blobs),
        signers={member: node.signing._signer for member, node in members.items()},
        secrets=dict(secrets),
        sums={index: got for index in rounds if (got := kept.sum(simulation.run_id, index)) is not None},
    )


def finish(simulation: testing.Simulation) -> Trained:
    """Train to the end."""
    secrets: dict[int, bytes] = {}
    for _ in range(2000):
        due = step(simulation, secrets)
        if due == 0 and simulation.view().state.is_over:
            return record(simulation, secrets)
    raise AssertionError(simulation.view().state)


@contextlib.contextmanager
def owned_run(folder: pathlib.Path, *, owner_takes_part: bool = False) -> Iterator[testing.Simulation]:
    """Set up a run of three sites whose problem owner is another member than its solver, and reads the sums.

    With ``owner_takes_part`` the problem owner is the first of the three sites.
    """
    commons = testing.Commons(folder)
    try:
        solver, owner = commons.admit("solver"), commons.admit("owner")
        holders = [owner] if owner_takes_part else []
        holders += [commons.admit(f"site-{index}") for index in range(3 - len(holders))]
        until = int(commons.clock.now()) + 86400
        problem = documents.Problem("A problem", "who", "decision", "why", ("3.4",), "accuracy", "none")
        plan = documents.Plan("A plan", recipe.to_plan(PLAN), "sums", 30, 0, None)
        reader = documents.Reader(owner.member_id, group.multiply_base(OWNER_SECRET))
        terms = documents.RunTerms(testing.PURPOSE, (reader,), 7 * 86400, 10, "no DP")
        stated = owner.desk.state_problem(problem, until)
        run_id = solver.desk.open_run(office.Offer(stated, solver.desk.publish_plan(plan), terms, until))
        for holder, site in zip(holders, make_sites(3), strict=True):
            enrol(holder, run_id, site, until)
        solver.desk.close_roster(run_id)
        for holder in holders:
            holder.node.journal.pin(run_id, holder.desk.pin(run_id))
        nodes = {int(holder.member_id): reconciler.Reconciler(holder.node) for holder in holders}
        yield testing.Simulation(commons, run_id, PLAN, nodes)
    finally:
        commons.close()


def enrol(holder: testing.Member, run_id: ids.RunId, site: recipe.Rows, until: int) -> None:
    """Bring one site's table to a run."""
    card = cards.DatasetCard("A table", "a site", 10, {}, "LicenseRef-private", 10, "none")
    dataset = holder.desk.publish_dataset(card)
    holder.data.tables[dataset] = site
    wanted = office.consent(dataset, [testing.PURPOSE], until, max_uses=100)
    holder.desk.enrol(run_id, office.Seat(dataset, holder.desk.give_consent(wanted)))


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of three sites, with the problem owner as a reader; members: 1 solver, 2 problem owner, 3 to 5 sites."""
    with owned_run(tmp_path_factory.mktemp("three")) as simulation:
        return dataclasses.replace(finish(simulation), problem_owner=ids.MemberId(2))


@pytest.fixture(scope="session")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of three sites whose problem owner, named as a reader, is one of them; members: 1 solver, 2 to 4 sites."""
    with owned_run(tmp_path_factory.mktemp("own-site"), owner_takes_part=True) as simulation:
        return dataclasses.replace(finish(simulation), problem_owner=ids.MemberId(2))


@pytest.fixture(scope="session")
def five() -> Trained:
    """A run of five sites; members: 1 solver and problem owner, 2 to 6 sites."""
    with testing.simulate(make_sites(5), PLAN) as simulation:
        return finish(simulation)


@pytest.fixture(scope="session")
def sites() -> Callable[[int], list[recipe.Rows]]:
    """Small tables for that many sites, fit for `plan`."""
    return make_sites


@pytest.fixture(scope="session")
def plan() -> recipe.Recipe:
    """What the runs of these tests train."""
    return PLAN


@pytest.fixture(scope="session")
def train() -> Callable[[testing.Simulation], Trained]:
    """Trains a simulation to its end."""
    return finish


@pytest.fixture(scope="session")
def snapshots() -> Callable[[testing.Simulation], list[Trained]]:
    """Trains a simulation to its end and keeps what was there after every pass."""

    def every_pass(simulation: testing.Simulation) -> list[Trained]:
        secrets: dict[int, bytes] = {}
        seen = []
        due = 1
        while due or not simulation.view().state.is_over:
            due = step(simulation, secrets)
            seen.append(record(simulation, secrets))
        return seen

    return every_pass


@pytest.fixture(scope="session")
def owner_reader() -> verification.VerifyingReader:
    """The problem owner of `three`."""
    return verification.VerifyingReader(ids.MemberId(2), OWNER_SECRET)
