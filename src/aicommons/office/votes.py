"""The desk at which a member proposes, votes and carries out what the members decide together.

Made by ``Desk.votes``. Where a proposal stands is read from the view (``protocol/governance.py``); what a call would do is read
from its bytes and tried on the ledger, never from the proposer's words. How it is said to people is left to who shows it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from aicommons.domain import encoding, errors, events, ids
from aicommons.ledger.bindings import commons_governor
from aicommons.office import acting, proposals
from aicommons.protocol import coops, governance

GOVERNOR = "CommonsGovernor"
TIMELOCK = "TimelockController"
TOLD_BY: Mapping[str, str] = {
    "setSuccessor": "successor",
    "setRegistrars": "threshold",
    "setVotingDelay": "votingDelay",
    "setVotingPeriod": "votingPeriod",
    "setProposalThreshold": "proposalThreshold",
    "updateQuorumNumerator": "quorumNumerator()",
    "updateDelay": "getMinDelay",
    "changeBanned": "bannedPurposes",
    "setRules": "rules",
    "setAuditRules": "auditRules",
    "grantRole": "hasRole",
    "revokeRole": "hasRole",
}
"""Function that sets something -> the view of the same contract that tells it."""

OWN_EXECUTION = frozenset(
    (GOVERNOR, function)
    for function in (
        *("relay", "setProposalThreshold", "setVotingDelay", "setVotingPeriod"),
        *("updateQuorumNumerator", "updateTimelock"),
    )
)
"""What the governor does in the execution of a proposal alone, so that it cannot be tried."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """What one call of a proposal says, what it would change, and whether it would be refused now."""

    call: governance.Call
    meaning: governance.Meaning | None
    """``None`` for a call of what is no contract of this commons."""
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
        self._governor = commons_governor.CommonsGovernor(registry)

    @property
    def place(self) -> encoding.Place:
        """Where ballots are good: chain and governor."""
        return encoding.Place(self._registry.place.chain_id, self._registry.address_of(GOVERNOR))

    def call(self, contract: str, function: str, *values: object) -> governance.Call:
        """Return a call of one of the deployment's contracts, for a proposal."""
        return proposals.call(self._registry, contract, function, *values)

    def now(self) -> int:
        """Return the ledger's own time in seconds: what is open or over is by its clock."""
        return self._governor.clock()

    def told(self, contract: str, setter: str) -> object:
        """Return what one of the deployment's contracts has now of what ``setter`` sets (``TOLD_BY``)."""
        return self._registry.call(contract, TOLD_BY[setter])[0]

    def propose(self, calls: Sequence[governance.Call], title: str, reason: str) -> int:
        """Propose to the members that the timelock makes ``calls``. Returns the proposal's id."""
        return proposals.propose(self._governor, calls, governance.describe(title, reason, self._registry.address))

    def vote(self, proposal_id: int, support: events.Support, reason: str = "") -> None:
        """Vote with this wallet, saying why where somebody wants to."""
        if reason:
            self._governor.cast_vote_with_reason(proposal_id, support, reason)
        else:
            self._governor.cast_vote(proposal_id, support)

    def ballot(self, proposal_id: int, support: events.Support, voter: ids.Address) -> coops.Ballot:
        """Return what ``voter`` signs to vote without a transaction."""
        nonce = self._governor.nonces(voter)
        return coops.Ballot(proposal_id, support, voter, nonce, governance.GOVERNOR_NAME)

    def vote_by_signature(self, ballot: coops.Ballot, signature: bytes) -> None:
        """Send somebody's signed ballot."""
        self._governor.cast_vote_by_sig(ballot.proposal_id, ballot.support, ballot.voter, signature)

    def queue(self, proposal: governance.ProposalView) -> None:
        """Bring what was carried on its way through the timelock; anybody may."""
        self._governor.queue(*proposals.parts(proposal.created))

    def execute(self, proposal: governance.ProposalView) -> None:
        """Do what was carried and has waited; anybody may."""
        self._governor.execute(*proposals.parts(proposal.created))

    def cancel(self, proposal: governance.ProposalView) -> None:
        """Take back what this wallet proposed, before the vote on it opens."""
        self._governor.cancel(*proposals.parts(proposal.created))

    def state(self, proposal_id: int) -> coops.ProposalState:
        """Return where a proposal stands, in the governor's own word."""
        return coops.ProposalState(self._governor.state(proposal_id))

    def try_out(self, proposal: governance.ProposalView) -> tuple[Trial, ...]:
        """Return what each call would do and whether it would be refused, each tried alone on the ledger as it is now."""
        return tuple(self.trial(each) for each in governance.calls(proposal.created))

    def trial(self, call: governance.Call) -> Trial:
        """Return what a call would do, tried as the timelock."""
        meaning = self._registry.meaning(call)
        is_tried = meaning is None or (meaning.contract, meaning.function) not in OWN_EXECUTION
        refusal = None
        if is_tried:
            try:
                self._registry.attempt(call, self._registry.address_of(TIMELOCK))
            except errors.LedgerRefused as err:
                refusal = err
        return Trial(call, meaning, self._now(call, meaning), is_tried, refusal)

    def _now(self, call: governance.Call, meaning: governance.Meaning | None) -> tuple[object, ...] | None:
        view = None if meaning is None else TOLD_BY.get(meaning.function or "")
        if meaning is None or meaning.values is None or view is None:
            return None
        try:
            return self._registry.call(
                meaning.contract, view, *(meaning.values if view == "hasRole" else ()), at=call.target
            )
        except errors.LedgerRefused:  # there is no such role, which the trial says too
            return None
