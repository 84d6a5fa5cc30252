"""What a member does at its own desk: everything that its wallet signs, and what its operator confirms.

Problem, dataset, consent, plan, run: each function puts the long part into the store and the agreement on the ledger,
and returns the id that the ledger then knows. The command line, the demo and ``testing`` call it; nodes never do.
"""

import dataclasses
import secrets
from collections.abc import Sequence
from typing import Protocol, TypeVar

from aicommons.domain import cards, documents, encoding, errors, events, ids, messages, run
from aicommons.learning import recipe as recipes
from aicommons.node import journal
from aicommons.protocol import ports
from aicommons.protocol import view as views

E = TypeVar("E", bound=events.Event)

DEFAULT_PURPOSE = "DUO:0000007"
"""Disease-specific research."""
DENY = encoding.keccak(b"default deny; see consents")
"""Digest of the policy of a dataset that has none of its own."""
ORGANISATION = 1
"""Membership kind of an organisation; 0 is a person."""


class Registry(Protocol):
    """A ledger client that acts with the member's wallet."""

    address: ids.Address

    @property
    def place(self) -> encoding.Place:
        """Chain and address of TrainingRuns."""

    def poll(self) -> Sequence[events.Event]:
        """Return new events."""

    def transact(self, contract: str, function: str, *values: object) -> None:
        """Send a call and wait until it is recorded."""


class Desk:
    """One member's wallet, ledger and store."""

    def __init__(self, registry: Registry, store: ports.Store) -> None:
        self._registry = registry
        self._store = store
        self._view = views.LedgerView()

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""
        self._view = views.fold(self._view, self._registry.poll())
        return self._view

    def member_id(self) -> ids.MemberId:
        """Return this wallet's member id.

        Raises:
            errors.InputError: it was not admitted.
        """
        found = self.view().member_of_account(self._registry.address)
        if found is None:
            raise errors.InputError(
                "this wallet is not a member",
                which=ids.format_id(self._registry.address),
                next_step="run `commons member apply`, then ask a registrar to run `commons member admit`",
            )
        return found

    def apply(self, node_key: ids.Address, reader_point: bytes, credential: bytes, profile: bytes) -> None:
        """Ask to be admitted as an organisation."""
        self._registry.transact("Membership", "applyAs", ORGANISATION, node_key, reader_point, credential, profile)

    def admit(self, applicant: ids.Address) -> ids.MemberId | None:
        """Approve an application as a registrar; returns the member id once enough registrars have."""
        self._registry.transact("Membership", "admit", applicant)
        return self.view().member_of_account(applicant)

    def set_node_key(self, node_key: ids.Address) -> None:
        """Let another key sign for this member's node from now on; seats that were taken keep theirs."""
        self._registry.transact("Membership", "setNodeKey", node_key)

    def state_problem(self, problem: documents.Problem, deadline: int) -> bytes:
        """Put a problem on the ledger; ``deadline`` is a block time in seconds. Returns its id."""
        digest = ids.Digest(self._store.put(problem.encode()))
        self._registry.transact("Problems", "state", digest, deadline)
        return self._newest(events.ProblemStated, owner=self.member_id(), document=digest).problem_id

    def publish_dataset(self, card: cards.DatasetCard) -> int:
        """List a dataset by its card; the data itself goes nowhere. Returns its id."""
        digest = ids.Digest(self._store.put(card.encode()))
        self._registry.transact("DataRegistry", "list", digest, DENY, True, 0)
        return self._newest(events.DatasetListed, owner=self.member_id(), card=digest).dataset_id

    def publish_version(self, dataset_id: int, card: cards.DatasetCard) -> None:
        """Add a version to a dataset of one's own: earlier ones stay, runs under way keep theirs."""
        digest = ids.Digest(self._store.put(card.encode()))
        self._registry.transact("DataRegistry", "publishVersion", dataset_id, digest, DENY)

    def give_consent(self, terms: events.ConsentTerms) -> bytes:
        """Permit a use of a dataset of one's own. Returns the consent's id."""
        self._registry.transact("DataRegistry", "give", dataclasses.astuple(terms))
        return self._newest(events.ConsentGiven, holder=self.member_id(), terms=terms).consent_id

    def revoke_consent(self, consent_id: bytes) -> None:
        """Take a permission back, at once."""
        known = self.view()
        if consent_id not in known.consents:
            raise errors.InputError("no such consent", which=ids.format_id(consent_id))
        self._registry.transact("DataRegistry", "revoke", consent_id)

    def publish_plan(self, plan: documents.Plan) -> ids.Digest:
        """Put a plan into the store after checking that its recipe can be read. Returns its digest."""
        recipes.from_plan(dict(plan.recipe))
        return ids.Digest(self._store.put(plan.encode()))

    def open_run(self, offer: "Offer") -> ids.RunId:
        """Open a run as its solver. Returns its id.

        Raises:
            errors.InputError: the plan cannot be read, or the problem is unknown.
        """
        view = self.view()
        if offer.problem not in view.problems:
            raise errors.InputError("no such problem", which=ids.format_id(offer.problem))
        plan = documents.Plan.decode(self._store.get(offer.plan, encoding.MAX_DOCUMENT))
        made = recipes.from_plan(dict(plan.recipe))
        terms = ids.Digest(self._store.put(offer.terms.encode()))
        spec = offer.spec(self.member_id(), terms, made)
        self._registry.transact("TrainingRuns", "open", encoding.spec_values(spec))
        return encoding.run_id(spec)

    def enrol(self, run_id: ids.RunId, seat: "Seat", node: "NodeSigner | None" = None) -> None:
        """Bring a dataset to a run; ``Absence.EXIT`` needs the node's key for the exit signed in advance."""
        signed = b""
        if seat.absence is run.Absence.EXIT:
            if node is None:
                raise errors.InputError("an exit in advance needs the node's key", which="--absence exit")
            signed = node.sign(messages.Exit(run_id, self.member_id(), messages.ANY_ROUND))
        self._registry.transact(
            "TrainingRuns", "enrol", run_id, seat.dataset_id, seat.consent_id, int(seat.absence), signed
        )

    def close_roster(self, run_id: ids.RunId) -> events.RosterFixed:
        """Fix who takes part; only the solver may before the time is over.

        Raises:
            errors.InputError: fewer than three sites enrolled.
        """
        current = self.run(run_id)
        if current.state is run.RunState.ENROLLING:
            needed = max(run.FEWEST_PARTICIPANTS, current.spec.min_participants)
            if len(current.enrolled) < needed:
                raise errors.InputError(
                    "too few sites have enrolled",
                    which=ids.format_id(run_id),
                    expected=f"at least {needed}",
                    got=len(current.enrolled),
                    next_step="wait for more members to enrol; fewer than three can always be told apart",
                )
            self._registry.transact("TrainingRuns", "close", run_id)
        roster = self.run(run_id).roster
        if roster is None:
            raise errors.InputError("the run has no roster", which=ids.format_id(run_id))
        return roster

    def cancel(self, run_id: ids.RunId) -> None:
        """End a run as its solver; what was agreed is kept."""
        self._registry.transact("TrainingRuns", "cancel", run_id)

    def run(self, run_id: ids.RunId) -> views.RunView:
        """Return a run.

        Raises:
            errors.InputError: the ledger knows no such run.
        """
        found = self.view().runs.get(run_id)
        if found is None:
            raise errors.InputError("no such run", which=ids.format_id(run_id), next_step="see `commons run list`")
        if encoding.run_id(found.spec) != run_id:
            raise errors.LedgerMismatch(
                "the ledger shows other terms than the run's id stands for", which=ids.format_id(run_id)
            )
        return found

    def pin(self, run_id: ids.RunId, *, may_overlap: bool = False) -> journal.Pin:
        """Return what there is to confirm of a run: its roster, and what this member brings to it.

        Raises:
            errors.InputError: there is no roster yet, or this member has no seat on it.
        """
        current, member_id = self.run(run_id), self.member_id()
        seat, roster = current.enrolled.get(member_id), current.roster
        if roster is None:
            raise errors.InputError(
                "the roster is not fixed yet", which=ids.format_id(run_id), next_step="wait until the solver closes it"
            )
        if seat is None or member_id not in roster.member_ids:
            raise errors.InputError(
                "this member has no seat in the run", which=ids.format_id(run_id), next_step="see `commons run show`"
            )
        return journal.Pin(
            roster=roster.roster,
            problem=current.spec.problem,
            dataset_id=seat.dataset_id,
            version=seat.version,
            consent_id=seat.consent_id,
            may_overlap=may_overlap,
        )

    def _newest(self, kind: type[E], **wanted: object) -> E:
        view = self.view()
        listed: list[events.Event] = [*view.problems.values(), *view.datasets.values(), *view.consents.values()]
        for event in reversed(listed):
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items()):
                return event
        raise errors.LedgerMismatch("the ledger recorded a call but does not show it", which=kind.__name__)


class NodeSigner(Protocol):
    """Signs a run's messages with the node's key, once each."""

    def sign(self, message: messages.Message) -> bytes:
        """Return the signature."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """What a member brings to a run."""

    dataset_id: int
    consent_id: bytes
    absence: run.Absence = run.Absence.WAIT


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """What a solver offers."""

    problem: bytes
    """Problem id."""
    plan: ids.Digest
    terms: documents.RunTerms
    enrol_until: int
    """Block time in seconds after which anybody may close the roster."""
    min_participants: int = run.FEWEST_PARTICIPANTS
    max_participants: int = run.MOST_PARTICIPANTS
    max_attempts: int = 3
    phase_seconds: int = 60
    patience_seconds: int = 3600
    solver_shares: int = 100_000
    owner_shares: int = 100_000
    most_rounds: int | None = None
    """Cap on rounds, or ``None`` for what the plan needs at most."""

    def spec(self, solver: ids.MemberId, terms: ids.Digest, made: recipes.Recipe) -> run.RunSpec:
        """Return the run's immutable terms, with a fresh salt."""
        rounds = made.most_rounds if self.most_rounds is None else min(self.most_rounds, made.most_rounds)
        return run.RunSpec(
            problem=self.problem,
            plan=self.plan,
            terms=terms,
            purpose=encoding.purpose_code(self.terms.purpose),
            solver=solver,
            rounds=rounds,
            min_participants=self.min_participants,
            max_participants=self.max_participants,
            layout=1,
            suite=1 if made.word_bits == 32 else 3,
            max_attempts=self.max_attempts,
            enrol_until=self.enrol_until,
            phase_seconds=self.phase_seconds,
            patience_seconds=self.patience_seconds,
            solver_shares=self.solver_shares,
            owner_shares=self.owner_shares,
            bond=0,
            salt=secrets.token_bytes(32),
        )
