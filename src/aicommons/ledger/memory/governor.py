"""``CommonsGovernor`` and ``TimelockController`` in memory: what members propose, how they vote, and what is then done.

Called by ``MemoryLedger``, whose ``act`` does what was carried, in the timelock's name. Where a proposal stands is the view's
word (``protocol/governance``). Votes by signature, and calls of other contracts than the commons' own, are not kept here.
"""

import re
from collections.abc import Callable, Sequence

from aicommons.domain import encoding, events, ids, vote_events
from aicommons.ledger import deployments
from aicommons.ledger.memory import book
from aicommons.protocol import coops, governance, transitions

FOR_PROPOSER = re.compile(r"#proposer=0x([0-9a-fA-F]{40})\Z")
"""At the end of a text: only this account may propose it."""
READY = 2
"""OpenZeppelin's number of an operation that may be carried out."""
State = coops.ProposalState
Act = Callable[[governance.Call], None]


class Governor:
    """Proposals of calls, votes of memberships, and the rules of both."""

    def __init__(self, kept: book.Book, act: Act) -> None:
        self._book = kept
        self._act = act

    def found(self, rules: deployments.VoteRules) -> None:
        """Tell the rules that a commons starts with, as the governor's constructor."""
        self._book.tell(vote_events.VotingDelaySet, 0, rules.delay)
        self._set_period(rules.period)
        self._set_percent(rules.percent)
        if not rules.minimum:
            raise transitions.Refusal("QuorumFloorNobody")
        self._book.tell(vote_events.QuorumMinimumFixed, rules.minimum)

    # ----------------------------------------------------------------------------------------------------- proposals

    def propose(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description: str
    ) -> None:
        """Propose calls, as a member."""
        proposer, now = self._book.sender, self._book.now()
        said = FOR_PROPOSER.search(description)
        if said is not None and bytes.fromhex(said[1]) != proposer:
            raise transitions.Refusal("GovernorRestrictedProposer", proposer)
        held = self._votes_at(proposer, now - 1)
        if not held:
            raise transitions.Refusal("GovernorInsufficientProposerVotes", proposer, held, 1)
        if not len(targets) == len(values) == len(calldatas) or not targets:
            lengths = (len(targets), len(calldatas), len(values))
            raise transitions.Refusal("GovernorInvalidProposalLength", *lengths)
        number = proposal_id((targets, values, calldatas), encoding.keccak(description.encode()))
        if number in self._book.view.votes.proposals:
            raise transitions.Refusal("GovernorUnexpectedProposalState", number, int(self._state(number)), bytes(32))
        start = now + self._book.view.votes.delay
        told = (tuple(targets), tuple(values), ("",) * len(targets), tuple(calldatas))
        end = start + self._book.view.votes.period
        self._book.tell(events.ProposalCreated, number, proposer, *told, start, end, description)

    def vote(self, number: int, support: int, reason: str = "") -> None:
        """Vote, once."""
        self._check(number, State.ACTIVE)
        voter, proposal = self._book.sender, self._book.view.votes.proposals[number]
        weight = self._votes_at(voter, proposal.created.vote_start)
        if voter in proposal.votes:
            raise transitions.Refusal("GovernorAlreadyCastVote", voter)
        if support > events.Support.ABSTAIN:
            raise transitions.Refusal("GovernorInvalidVoteType")
        self._book.tell(events.VoteCast, voter, number, events.Support(support), weight, reason)

    def queue(self, *said: object) -> None:
        """Put what was carried into the timelock, as anybody."""
        number = proposal_id(said[:3], said[3])
        self._check(number, State.SUCCEEDED)
        self._book.tell(vote_events.ProposalQueued, number, self._book.now() + self._book.view.votes.timelock)

    def execute(self, *said: object) -> None:
        """Carry out what has waited long enough, as anybody, call by call."""
        number = proposal_id(said[:3], said[3])
        self._check(number, State.QUEUED)
        proposal = self._book.view.votes.proposals[number]
        if proposal.queued is not None and self._book.now() < proposal.queued.eta_seconds:
            waits = self._operation(said)
            raise transitions.Refusal("TimelockUnexpectedOperationState", waits, _bit(READY))
        caller, self._book.sender = self._book.sender, self._book.addresses["TimelockController"]
        for target, data in zip(proposal.created.targets, proposal.created.calldatas, strict=True):
            self._act(governance.Call(target, data))
        self._book.sender = caller
        self._book.tell(events.ProposalExecuted, number)

    def cancel(self, *said: object) -> None:
        """Take a proposal back before its vote opens, as its proposer."""
        number = proposal_id(said[:3], said[3])
        is_pending = self._state(number) is State.PENDING
        if not is_pending or self._book.view.votes.proposals[number].created.proposer != self._book.sender:
            raise transitions.Refusal("GovernorUnableToCancel", number, self._book.sender)
        self._book.tell(events.ProposalCanceled, number)

    # ----------------------------------------------------------------------------------------------------------- rules

    def set_delay(self, seconds: int) -> None:
        """Set how long a proposal is there before its vote opens."""
        self._check_executor()
        self._book.tell(vote_events.VotingDelaySet, self._book.view.votes.delay, seconds)

    def set_period(self, seconds: int) -> None:
        """Set how long a vote is open."""
        self._check_executor()
        self._set_period(seconds)

    def set_percent(self, percent: int) -> None:
        """Set which part of the members has to take part."""
        self._check_executor()
        self._set_percent(percent)

    def set_timelock(self, seconds: int) -> None:
        """Set how long what was carried waits."""
        if self._book.sender != self._book.addresses["TimelockController"]:
            raise transitions.Refusal("TimelockUnauthorizedCaller", self._book.sender)
        self._book.tell(vote_events.TimelockDelaySet, self._book.view.votes.timelock, seconds)

    # --------------------------------------------------------------------------------------------------------- private

    def _set_period(self, seconds: int) -> None:
        if not seconds:
            raise transitions.Refusal("GovernorInvalidVotingPeriod", seconds)
        self._book.tell(vote_events.VotingPeriodSet, self._book.view.votes.period, seconds)

    def _set_percent(self, percent: int) -> None:
        if percent > 100:
            raise transitions.Refusal("GovernorInvalidQuorumFraction", percent, 100)
        before = self._book.view.votes.percent(self._book.now())
        self._book.tell(vote_events.QuorumSet, before, percent)

    def _check_executor(self) -> None:
        if self._book.sender != self._book.addresses["TimelockController"]:
            raise transitions.Refusal("GovernorOnlyExecutor", self._book.sender)

    def _state(self, number: int) -> coops.ProposalState:
        if number not in self._book.view.votes.proposals:
            raise transitions.Refusal("GovernorNonexistentProposal", number)
        return self._book.view.proposal_state(number, self._book.now())

    def _check(self, number: int, expected: coops.ProposalState) -> None:
        state = self._state(number)
        if state is not expected:
            raise transitions.Refusal("GovernorUnexpectedProposalState", number, int(state), _bit(expected))

    def _votes_at(self, account: ids.Address, time: int) -> int:
        """Return how many memberships voted with an account at the end of a block time."""
        mine = [member for member in self._book.view.members.values() if member.account == account]
        return governance.electorate(mine, time)

    def _operation(self, said: Sequence[object]) -> bytes:
        """Return the timelock's number of a batch, as ``GovernorTimelockControl`` has it."""
        governor = self._book.addresses["CommonsGovernor"].ljust(32, b"\0")
        salt = bytes(one ^ other for one, other in zip(governor, _digest(said[3]), strict=True))
        kinds = ("address[]", "uint256[]", "bytes[]", "bytes32", "bytes32")
        return encoding.keccak(encoding.abi_encode(kinds, (*said[:3], bytes(32), salt)))


def proposal_id(calls: Sequence[object], description: object) -> int:
    """Return the number of a proposal; ``calls`` are targets, values and calldatas, ``description`` the text's digest."""
    kinds = ("address[]", "uint256[]", "bytes[]", "bytes32")
    return int.from_bytes(encoding.keccak(encoding.abi_encode(kinds, (*calls, description))), "big")


def _digest(value: object) -> bytes:
    return value if isinstance(value, bytes) else bytes(32)


def _bit(state: int) -> bytes:
    return (1 << state).to_bytes(32, "big")
