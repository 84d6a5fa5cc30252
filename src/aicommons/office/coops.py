"""The desk of a data co-op: its steward admits people, its people propose, vote and execute.

Made by ``Desk.found_coop`` and ``Desk.coop``; a person needs no membership and no store, only a key. What a co-op's events
say is ``protocol/coops.py``; asking people how they vote is left to whoever shows the desk.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence

from aicommons.domain import encoding, errors, events, ids
from aicommons.ledger.bindings import coop_governor, coop_members
from aicommons.office import acting, proposals
from aicommons.protocol import coops, governance, registry
from aicommons.protocol import view as views


class Act(enum.Enum):
    """What a co-op does by vote to a dataset that is entrusted to it: functions of DataRegistry, dataset first."""

    GIVE = "give"
    RESUME = "resume"
    DISCHARGE = "discharge"


class CoopDesk:
    """One wallet in one data co-op: admits people as its steward, or proposes and votes as one of them."""

    def __init__(self, registry: acting.Registry, coop: coops.Coop) -> None:
        self._registry = registry
        self._coop = coop
        self._members = coop_members.CoopMembers(registry, coop.members)
        self._governor = coop_governor.CoopGovernor(registry, coop.governor)

    @property
    def place(self) -> encoding.Place:
        """Where ballots are good: chain and governor."""
        return encoding.Place(self._registry.place.chain_id, self._coop.governor)

    def check(self) -> None:
        """Check that roll and governor belong together.

        Raises:
            errors.LedgerMismatch: they name others.
        """
        if coops.Coop(self._governor.token(), self._members.governor()) != self._coop:
            raise errors.LedgerMismatch("roll and governor do not belong together", which="the co-op")

    def view(self) -> coops.CoopView:
        """Return who is on the roll, what was proposed and how people voted."""
        told = [
            *self._registry.history("CoopMembers", self._coop.members),
            *self._registry.history("CoopGovernor", self._coop.governor),
        ]
        return coops.fold(told)

    def admit(self, people: Mapping[ids.Address, bytes]) -> None:
        """Admit people as the steward: key -> salted commitment to what proves who it is, up to 100 in one call."""
        self._members.admit(list(people), list(people.values()))

    def leave(self) -> None:
        """Give up this wallet's place."""
        self._members.leave()

    def propose(self, calls: Sequence[governance.Call], why: str) -> int:
        """Propose calls in the co-op's name; nobody else can propose the same. Returns the proposal's id."""
        return proposals.propose(self._governor, calls, coops.bound(why, self._registry.address))

    def propose_consent(self, terms: events.ConsentTerms, why: str) -> int:
        """Propose that the co-op permits a use of a dataset that is entrusted to it. Returns the proposal's id."""
        return self._propose(Act.GIVE, dataclasses.astuple(terms), why)

    def propose_resume(self, dataset_id: int, why: str) -> int:
        """Propose to put an entrusted dataset back into use after it was suspended. Returns the proposal's id."""
        return self._propose(Act.RESUME, dataset_id, why)

    def propose_discharge(self, dataset_id: int, why: str) -> int:
        """Propose to give a dataset back to its owner, who alone consents from then on. Returns the proposal's id."""
        return self._propose(Act.DISCHARGE, dataset_id, why)

    def _propose(self, act: Act, value: object, why: str) -> int:
        return self.propose([proposals.call(self._registry, "DataRegistry", act.value, value)], why)

    def check_entrusted(self, view: views.LedgerView, dataset_id: int, act: Act) -> None:
        """Check, before people vote, that the co-op can do something to a dataset.

        Raises:
            errors.InputError: the dataset is not in this co-op's hands, or is not suspended and is to be resumed.
        """
        listed = view.datasets[dataset_id]
        if listed.body != self._coop.governor:
            raise errors.InputError(
                "this dataset is not in the co-op's hands",
                which=f"dataset {dataset_id}",
                next_step=f"let its owner run `commons coop entrust {dataset_id}` first",
            )
        if act is Act.RESUME and listed.state is not registry.DatasetState.SUSPENDED:
            raise errors.InputError(
                "only what is suspended can be put back into use",
                which=f"dataset {dataset_id}",
                expected=registry.DatasetState.SUSPENDED.value,
                got=listed.state.value,
            )

    def meaning(self, call: governance.Call) -> governance.Meaning | None:
        """Return what a call says, ``None`` for one of a contract that is neither the commons' nor the co-op's."""
        own = {"CoopMembers": self._coop.members, "CoopGovernor": self._coop.governor}
        return self._registry.meaning(call, own)

    def state(self, proposal_id: int) -> coops.ProposalState:
        """Return where a proposal stands now."""
        return coops.ProposalState(self._governor.state(proposal_id))

    def vote(self, proposal_id: int, support: events.Support) -> None:
        """Vote with this wallet."""
        self._governor.cast_vote(proposal_id, support)

    def ballot(self, proposal_id: int, support: events.Support, voter: ids.Address) -> coops.Ballot:
        """Return what ``voter`` signs to vote without a transaction."""
        return coops.Ballot(proposal_id, support, voter, self._governor.nonces(voter), coops.GOVERNOR_NAME)

    def vote_by_signature(self, ballot: coops.Ballot, signature: bytes) -> None:
        """Send somebody's signed ballot."""
        self._governor.cast_vote_by_sig(ballot.proposal_id, ballot.support, ballot.voter, signature)

    def execute(self, proposal_id: int) -> None:
        """Do what was carried; anybody may.

        Raises:
            errors.InputError: the co-op knows no such proposal.
        """
        found = self.view().proposals.get(proposal_id)
        if found is None:
            raise errors.InputError("no such proposal", which=f"proposal {proposal_id:#x}")
        self._governor.execute(*proposals.parts(found.created))

    def carried(self, proposal_id: int, view: views.LedgerView, dataset_id: int) -> registry.ConsentView:
        """Return the consent to use a dataset that the ledger holds because a proposal was carried out.

        Raises:
            errors.InputError: the proposal is not known, was not executed, or was about something else.
        """
        which, found = f"proposal {proposal_id:#x}"[:21], self.view().proposals.get(proposal_id)
        if found is None or found.executed is None:
            raise errors.InputError(
                "nothing was decided by this vote",
                which=which,
                expected="a proposal that was carried and executed",
                got="no proposal" if found is None else self.state(proposal_id).name.lower(),
                next_step="see `commons coop list`",
            )
        called = set(zip(found.created.targets, found.created.calldatas, strict=True))
        target = self._registry.address_of("DataRegistry")
        for given in view.consents.values():
            data = self._registry.call_data("DataRegistry", "give", dataclasses.astuple(given.terms))
            if (
                given.dataset_id == dataset_id
                and given.at.block == found.executed.at.block
                and (target, data) in called
            ):
                return given
        raise errors.InputError(
            "this vote was about something else", which=which, expected=f"a use of dataset {dataset_id}"
        )
