"""The desk at which a member proposes, votes and carries out what the members decide together.

Made by ``Desk.votes``. Where a proposal stands is read from the view (``protocol/governance.py``); what a call would do is read
from its bytes and tried on the ledger, never from the proposer's words. How it is said to people is left to who shows it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from aicommons.domain import encoding, errors, events, ids
from aicommons.office import acting
from aicommons.protocol import coops, governance

GOVERNOR = "CommonsGovernor"
TIMELOCK = "TimelockController"
TOLD_BY: Mapping[str, str] = {
    "setSuccessor": "successor",
    "setRegistrars": "threshold",
    "setVotingDelay": "votingDelay",
    "setVotingPeriod": "votingPeriod",
    "setProposalThreshold": "proposalThreshold",
    "updateDelay": "getMinDelay",
    "setBanned": "bannedPurposes",
    "setRules": "rules",
    "setAuditRules": "auditRules",
    "grantRole": "hasRole",
    "revokeRole": "hasRole",
}
"""Function that sets something -> the view of the same contract that tells it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """What one call of a proposal says, what it would change, and whether it would be refused now."""

    call: governance.Call
    meaning: governance.Meaning | None
    """``None`` for a call of what is no contract of this commons, or of no function that it has."""
    now: tuple[object, ...] | None
    """What the view that belongs to a setter answers now; ``None`` where there is none."""
    is_tried: bool
    """Whether the ledger could try it: the governor takes calls from its own execution alone."""
    refusal: errors.LedgerRefused | None
    """Why it would be refused if it were done now."""


class VoteDesk:
    """One wallet before the members' governor."""

    def __init__(self, registry: acting.Registry) -> None:
        self._registry = registry

    @property
    def place(self) -> encoding.Place:
        """Where ballots are good: chain and governor."""
        return encoding.Place(self._registry.place.chain_id, self._registry.address_of(GOVERNOR))

    def call(self, contract: str, function: str, *values: object) -> governance.Call:
        """Return a call of one of the deployment's contracts, for a proposal."""
        return governance.Call(
            self._registry.address_of(contract), self._registry.call_data(contract, function, *values)
        )

    def now(self) -> int:
        """Return the ledger's own time in seconds: what is open or over is by its clock."""
        (now,) = self._registry.call(GOVERNOR, "clock")
        return int(str(now))

    def ask(self, contract: str, view: str, *values: object) -> tuple[object, ...]:
        """Return what a view of one of the deployment's contracts answers now."""
        return self._registry.call(contract, view, *values)

    def propose(self, calls: Sequence[governance.Call], title: str, reason: str) -> int:
        """Propose to the members that the timelock makes ``calls``. Returns the proposal's id."""
        description = governance.describe(title, reason, self._registry.address)
        targets, datas = [call.target for call in calls], [call.data for call in calls]
        values = [0] * len(calls)
        self._registry.transact(GOVERNOR, "propose", targets, values, datas, description)
        digest = encoding.keccak(description.encode())
        (proposal_id,) = self._registry.call(GOVERNOR, "getProposalId", targets, values, datas, digest)
        if not isinstance(proposal_id, int):
            raise errors.LedgerMismatch("the ledger's answer is no proposal", which="getProposalId")
        return proposal_id

    def vote(self, proposal_id: int, support: events.Support, reason: str = "") -> None:
        """Vote with this wallet, saying why where somebody wants to."""
        if reason:
            self._registry.transact(GOVERNOR, "castVoteWithReason", proposal_id, int(support), reason)
        else:
            self._registry.transact(GOVERNOR, "castVote", proposal_id, int(support))

    def ballot(self, proposal_id: int, support: events.Support, voter: ids.Address) -> coops.Ballot:
        """Return what ``voter`` signs to vote without a transaction."""
        (nonce,) = self._registry.call(GOVERNOR, "nonces", voter)
        return coops.Ballot(proposal_id, support, voter, int(str(nonce)), governance.GOVERNOR_NAME)

    def vote_by_signature(self, ballot: coops.Ballot, signature: bytes) -> None:
        """Send somebody's signed ballot."""
        values = (ballot.proposal_id, int(ballot.support), ballot.voter, signature)
        self._registry.transact(GOVERNOR, "castVoteBySig", *values)

    def queue(self, proposal: governance.ProposalView) -> None:
        """Bring what was carried on its way through the timelock; anybody may."""
        self._carry("queue", proposal)

    def execute(self, proposal: governance.ProposalView) -> None:
        """Do what was carried and has waited; anybody may."""
        self._carry("execute", proposal)

    def cancel(self, proposal: governance.ProposalView) -> None:
        """Take back what this wallet proposed, before the vote on it opens."""
        self._carry("cancel", proposal)

    def _carry(self, function: str, proposal: governance.ProposalView) -> None:
        created = proposal.created
        digest = encoding.keccak(created.description.encode())
        values = (list(created.targets), list(created.values), list(created.calldatas), digest)
        self._registry.transact(GOVERNOR, function, *values)

    def state(self, proposal_id: int) -> coops.ProposalState:
        """Return where a proposal stands, in the governor's own word."""
        (state,) = self._registry.call(GOVERNOR, "state", proposal_id)
        return coops.ProposalState(int(str(state)))

    def try_out(self, proposal: governance.ProposalView) -> tuple[Trial, ...]:
        """Return what each call would do and whether it would be refused, each tried alone on the ledger as it is now."""
        pairs = zip(proposal.created.targets, proposal.created.calldatas, strict=True)
        return tuple(self.trial(governance.Call(target, data)) for target, data in pairs)

    def trial(self, call: governance.Call) -> Trial:
        """Return what a call would do, tried as the timelock."""
        meaning = self._registry.meaning(call)
        is_tried = call.target != self._registry.address_of(GOVERNOR) or _is_of_all(meaning)
        refusal = None
        if is_tried:
            try:
                self._registry.attempt(call, self._registry.address_of(TIMELOCK))
            except errors.LedgerRefused as err:
                refusal = err
        return Trial(call, meaning, self._now(meaning), is_tried, refusal)

    def _now(self, meaning: governance.Meaning | None) -> tuple[object, ...] | None:
        if meaning is None or meaning.function not in TOLD_BY:
            return None
        view = TOLD_BY[meaning.function]
        return self._registry.call(meaning.contract, view, *(meaning.values if view == "hasRole" else ()))


def _is_of_all(meaning: governance.Meaning | None) -> bool:
    """Return whether a call is one that every contract takes from the timelock, the governor too."""
    return meaning is not None and meaning.function == "setSuccessor"
