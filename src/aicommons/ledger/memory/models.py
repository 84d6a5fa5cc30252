"""``ModelRegistry`` in memory: which model came of a run, from whose data, and who owns how much of it."""

import enum

from aicommons.domain import events, ids, run
from aicommons.ledger.memory import book, members, runs
from aicommons.protocol import transitions


class Tie(enum.Enum):
    """What a member has to do with a model."""

    NONE = "nothing"
    INTERESTED = "its audit would not be independent"
    PARTY = "it may ask for audits and release"


class Models:
    """Models with their lineage and shares; audits, release and revenue are ``releases``'."""

    def __init__(self, kept: book.Book, named: members.Members, trained: runs.Runs) -> None:
        self._book = kept
        self._members = named
        self._runs = trained

    def register(self, run_id: ids.RunId, card: bytes, state_digest: bytes, licence: bytes) -> None:
        """Write a finished run's model down."""
        known = self._book.view.runs.get(run_id)
        if known is not None and known.model is not None:
            raise transitions.Refusal("ModelRegistryAlreadyRegistered", run_id)
        if not any(card):
            raise transitions.Refusal("ModelRegistryCardMissing")
        record = self._runs.record(run_id)
        m = record.machine
        if m.state not in (run.RunState.COMPLETED, run.RunState.ENDED) or not m.rounds_done:
            raise transitions.Refusal("ModelRegistryNoState", run_id)
        if not self._runs.is_agreed_state(run_id, state_digest):
            raise transitions.Refusal("ModelRegistryStateMismatch", state_digest)
        chosen, registrant = record.members_of(m.summed), self.caller()
        if not self._book.is_active(registrant) or registrant not in (*chosen, record.spec.solver):
            raise transitions.Refusal("ModelRegistryNotParticipant", self._book.sender)
        seats = [(each, record.seats[each]) for each in chosen]
        sources = tuple(
            events.Source(
                ids.MemberId(each), seat.brought.dataset_id, seat.version, seat.used_at, seat.brought.consent_id
            )
            for each, seat in seats
        )
        told = (record.spec.plan, card, state_digest, licence, m.rounds_done, sources)
        self._book.tell(events.ModelRegistered, run_id, registrant, *told)
        self._share(run_id, record.spec, record.members_of(m.summed & ~m.excluded))

    def ask(self, run_id: ids.RunId, dataset_id: int, wish: int, document: bytes) -> None:
        """Ask something of a model that used a dataset, as its owner or body."""
        if not self._has_used(run_id, dataset_id):
            raise transitions.Refusal("ModelRegistryNotInLineage", run_id, dataset_id)
        used = self._book.view.datasets[dataset_id]
        if self._book.sender not in (self._members.account_of(used.owner), used.body):
            raise transitions.Refusal("ModelRegistryNotOwner", dataset_id, self._book.sender)
        self._book.tell(events.Wished, run_id, dataset_id, events.Wish(wish), document)

    def _has_used(self, run_id: ids.RunId, dataset_id: int) -> bool:
        known = self._book.view.runs.get(run_id)
        sources = () if known is None or known.model is None else known.model.sources
        seats = self._runs.record(run_id).seats
        return any(
            dataset_id in (source.dataset_id, *(each.dataset_id for each in seats[source.member_id].extras))
            for source in sources
        )

    def caller(self) -> int:
        """Return whoever the caller acts for, by account or as a node; 0 = nobody."""
        return self._book.member_of(self._book.sender) or self._members.member_of_node_key(self._book.sender)

    def solver_of(self, model_id: ids.RunId) -> int:
        """Return a model's solver."""
        return self._runs.record(model_id).spec.solver

    def tie(self, model_id: ids.RunId, member_id: int) -> Tie:
        """Return what a member has to do with a registered model; who has a tie keeps it."""
        record = self._runs.record(model_id)
        if member_id in (*record.members_of(record.machine.summed), record.spec.solver):
            return Tie.PARTY
        problem = self._book.view.problems[record.spec.problem]
        is_interested = member_id in (*record.ids, problem.owner, problem.judge) and member_id
        return Tie.INTERESTED if is_interested else Tie.NONE

    def _share(self, run_id: ids.RunId, spec: run.RunSpec, heirs: list[int]) -> None:
        """Solver's and problem owner's parts, the rest equally to all in a sum; what does not divide goes to the lowest ids."""
        self._give(run_id, spec.solver, spec.solver_shares)
        self._give(run_id, self._book.view.problems[spec.problem].owner, spec.owner_shares)
        part, rest = divmod(run.ALL_SHARES - spec.solver_shares - spec.owner_shares, len(heirs))
        for index, member_id in enumerate(heirs):
            self._give(run_id, member_id, part + (index < rest))

    def _give(self, run_id: ids.RunId, member_id: int, shares: int) -> None:
        if shares:
            self._book.tell(events.SharesGiven, run_id, member_id, shares)
