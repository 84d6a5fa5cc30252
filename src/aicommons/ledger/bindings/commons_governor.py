"""The contract CommonsGovernor: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from collections.abc import Sequence

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class ProposalState(enum.IntEnum):
    """ProposalState as the contract counts it."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


@dataclasses.dataclass(frozen=True, slots=True)
class CommonsGovernor:
    """The contract CommonsGovernor."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def ballot_typehash(self) -> bytes:
        """Return BALLOT_TYPEHASH."""
        (found,) = self.caller.call("CommonsGovernor", "BALLOT_TYPEHASH", at=self.at)
        return access.data(found)

    def clock_mode(self) -> str:
        """Machine-readable description of the clock as specified in ERC-6372."""
        (found,) = self.caller.call("CommonsGovernor", "CLOCK_MODE", at=self.at)
        return access.text(found)

    def counting_mode(self) -> str:
        """Module:voting."""
        (found,) = self.caller.call("CommonsGovernor", "COUNTING_MODE", at=self.at)
        return access.text(found)

    def extended_ballot_typehash(self) -> bytes:
        """Return EXTENDED_BALLOT_TYPEHASH."""
        (found,) = self.caller.call("CommonsGovernor", "EXTENDED_BALLOT_TYPEHASH", at=self.at)
        return access.data(found)

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("CommonsGovernor", "admin", at=self.at)
        return access.address(found)

    def cancel(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description_hash: bytes
    ) -> None:
        """Cancel a proposal. A proposal is cancellable by the proposer, but only while it is Pending state, i.e. before
        the vote starts. Emits a {ProposalCanceled} event.
        """
        self.caller.transact(
            "CommonsGovernor", "cancel", list(targets), list(values), list(calldatas), description_hash, at=self.at
        )

    def cast_vote(self, proposal_id: int, support: int) -> None:
        """Cast a vote Emits a {VoteCast} event."""
        self.caller.transact("CommonsGovernor", "castVote", proposal_id, support, at=self.at)

    def cast_vote_by_sig(self, proposal_id: int, support: int, voter: ids.Address, signature: bytes) -> None:
        """Cast a vote using the voter's signature, including ERC-1271 signature support. Emits a {VoteCast} event."""
        self.caller.transact("CommonsGovernor", "castVoteBySig", proposal_id, support, voter, signature, at=self.at)

    def cast_vote_with_reason(self, proposal_id: int, support: int, reason: str) -> None:
        """Cast a vote with a reason Emits a {VoteCast} event."""
        self.caller.transact("CommonsGovernor", "castVoteWithReason", proposal_id, support, reason, at=self.at)

    def cast_vote_with_reason_and_params(self, proposal_id: int, support: int, reason: str, params: bytes) -> None:
        """Cast a vote with a reason and additional encoded parameters Emits a {VoteCast} or {VoteCastWithParams} event
        depending on the length of params.
        """
        self.caller.transact(
            "CommonsGovernor", "castVoteWithReasonAndParams", proposal_id, support, reason, params, at=self.at
        )

    def cast_vote_with_reason_and_params_by_sig(
        self, proposal_id: int, support: int, voter: ids.Address, reason: str, *, params: bytes, signature: bytes
    ) -> None:
        """Cast a vote with a reason and additional encoded parameters using the voter's signature, including ERC-1271
        signature support. Emits a {VoteCast} or {VoteCastWithParams} event depending on the length of params.
        """
        self.caller.transact(
            "CommonsGovernor",
            "castVoteWithReasonAndParamsBySig",
            proposal_id,
            support,
            voter,
            reason,
            params,
            signature,
            at=self.at,
        )

    def clock(self) -> int:
        """Clock (as specified in ERC-6372) is set to match the token's clock. Fallback to block numbers if the token
        does not implement ERC-6372.
        """
        (found,) = self.caller.call("CommonsGovernor", "clock", at=self.at)
        return access.number(found)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "CommonsGovernor", "eip712Domain", at=self.at
        )
        return (
            access.data(value_0),
            access.text(value_1),
            access.text(value_2),
            access.number(value_3),
            access.address(value_4),
            access.data(value_5),
            tuple(access.number(each) for each in access.items(value_6)),
        )

    def execute(
        self,
        targets: Sequence[ids.Address],
        values: Sequence[int],
        calldatas: Sequence[bytes],
        description_hash: bytes,
        *,
        value: int = 0,
    ) -> None:
        """Execute a successful proposal. This requires the quorum to be reached, the vote to be successful, and the
        deadline to be reached. Depending on the governor it might also be required that the proposal was queued and
        that some delay passed. Emits a {ProposalExecuted} event. NOTE: Some modules can modify the requirements for
        execution, for example by adding an additional timelock.

        Args:
            value: Wei that go with the call.
        """
        self.caller.transact(
            "CommonsGovernor",
            "execute",
            list(targets),
            list(values),
            list(calldatas),
            description_hash,
            at=self.at,
            value=value,
        )

    def get_proposal_id(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description_hash: bytes
    ) -> int:
        """Module:core."""
        (found,) = self.caller.call(
            "CommonsGovernor",
            "getProposalId",
            list(targets),
            list(values),
            list(calldatas),
            description_hash,
            at=self.at,
        )
        return access.number(found)

    def get_votes(self, account: ids.Address, timepoint: int) -> int:
        """Module:reputation."""
        (found,) = self.caller.call("CommonsGovernor", "getVotes", account, timepoint, at=self.at)
        return access.number(found)

    def get_votes_with_params(self, account: ids.Address, timepoint: int, params: bytes) -> int:
        """Module:reputation."""
        (found,) = self.caller.call("CommonsGovernor", "getVotesWithParams", account, timepoint, params, at=self.at)
        return access.number(found)

    def has_voted(self, proposal_id: int, account: ids.Address) -> bool:
        """Module:voting."""
        (found,) = self.caller.call("CommonsGovernor", "hasVoted", proposal_id, account, at=self.at)
        return access.truth(found)

    def hash_proposal(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description_hash: bytes
    ) -> int:
        """See {IGovernor-hashProposal}. The proposal id is produced by hashing the ABI encoded `targets` array, the
        `values` array, the `calldatas` array and the descriptionHash (bytes32 which itself is the keccak256 hash of
        the description string). This proposal id can be produced from the proposal data which is part of the
        {ProposalCreated} event. It can even be computed in advance, before the proposal is submitted. Note that the
        chainId and the governor address are not part of the proposal id computation. Consequently, the same proposal
        (with same operation and same description) will have the same id if submitted on multiple governors across
        multiple networks. This also means that in order to execute the same operation twice (on the same governor)
        the proposer will have to change the description in order to avoid proposal id conflicts.
        """
        (found,) = self.caller.call(
            "CommonsGovernor",
            "hashProposal",
            list(targets),
            list(values),
            list(calldatas),
            description_hash,
            at=self.at,
        )
        return access.number(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("CommonsGovernor", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def name(self) -> str:
        """Module:core."""
        (found,) = self.caller.call("CommonsGovernor", "name", at=self.at)
        return access.text(found)

    def nonces(self, owner: ids.Address) -> int:
        """Returns the next unused nonce for an address."""
        (found,) = self.caller.call("CommonsGovernor", "nonces", owner, at=self.at)
        return access.number(found)

    def on_erc1155_batch_received(
        self,
        value_0: ids.Address,
        value_1: ids.Address,
        value_2: Sequence[int],
        value_3: Sequence[int],
        *,
        value_4: bytes,
    ) -> None:
        """See {IERC1155Receiver-onERC1155BatchReceived}. Receiving tokens is disabled if the governance executor is
        other than the governor itself (eg. when using with a timelock).
        """
        self.caller.transact(
            "CommonsGovernor",
            "onERC1155BatchReceived",
            value_0,
            value_1,
            list(value_2),
            list(value_3),
            value_4,
            at=self.at,
        )

    def on_erc1155_received(
        self, value_0: ids.Address, value_1: ids.Address, value_2: int, value_3: int, *, value_4: bytes
    ) -> None:
        """See {IERC1155Receiver-onERC1155Received}. Receiving tokens is disabled if the governance executor is other
        than the governor itself (eg. when using with a timelock).
        """
        self.caller.transact(
            "CommonsGovernor", "onERC1155Received", value_0, value_1, value_2, value_3, value_4, at=self.at
        )

    def on_erc721_received(self, value_0: ids.Address, value_1: ids.Address, value_2: int, value_3: bytes) -> None:
        """See {IERC721Receiver-onERC721Received}. Receiving tokens is disabled if the governance executor is other than
        the governor itself (eg. when using with a timelock).
        """
        self.caller.transact("CommonsGovernor", "onERC721Received", value_0, value_1, value_2, value_3, at=self.at)

    def proposal_deadline(self, proposal_id: int) -> int:
        """Module:core."""
        (found,) = self.caller.call("CommonsGovernor", "proposalDeadline", proposal_id, at=self.at)
        return access.number(found)

    def proposal_eta(self, proposal_id: int) -> int:
        """Module:core."""
        (found,) = self.caller.call("CommonsGovernor", "proposalEta", proposal_id, at=self.at)
        return access.number(found)

    def proposal_needs_queuing(self, proposal_id: int) -> bool:
        """Always: everything goes through the timelock."""
        (found,) = self.caller.call("CommonsGovernor", "proposalNeedsQueuing", proposal_id, at=self.at)
        return access.truth(found)

    def proposal_proposer(self, proposal_id: int) -> ids.Address:
        """Module:core."""
        (found,) = self.caller.call("CommonsGovernor", "proposalProposer", proposal_id, at=self.at)
        return access.address(found)

    def proposal_snapshot(self, proposal_id: int) -> int:
        """Module:core."""
        (found,) = self.caller.call("CommonsGovernor", "proposalSnapshot", proposal_id, at=self.at)
        return access.number(found)

    def proposal_threshold(self) -> int:
        """One: only members propose."""
        (found,) = self.caller.call("CommonsGovernor", "proposalThreshold", at=self.at)
        return access.number(found)

    def proposal_votes(self, proposal_id: int) -> tuple[int, int, int]:
        """Accessor to the internal vote counts."""
        value_0, value_1, value_2 = self.caller.call("CommonsGovernor", "proposalVotes", proposal_id, at=self.at)
        return access.number(value_0), access.number(value_1), access.number(value_2)

    def propose(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description: str
    ) -> None:
        """See {IGovernor-propose}. This function has opt-in frontrunning protection, described in
        {_isValidDescriptionForProposer}.
        """
        self.caller.transact(
            "CommonsGovernor", "propose", list(targets), list(values), list(calldatas), description, at=self.at
        )

    def queue(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description_hash: bytes
    ) -> None:
        """Queue a proposal. Some governors require this step to be performed before execution can happen. If queuing is
        not necessary, this function may revert. Queuing a proposal requires the quorum to be reached, the vote to be
        successful, and the deadline to be reached. Emits a {ProposalQueued} event.
        """
        self.caller.transact(
            "CommonsGovernor", "queue", list(targets), list(values), list(calldatas), description_hash, at=self.at
        )

    def quorum(self, timepoint: int) -> int:
        """Votes that have to be cast for or in abstention: the larger of minimum and fraction."""
        (found,) = self.caller.call("CommonsGovernor", "quorum", timepoint, at=self.at)
        return access.number(found)

    def quorum_denominator(self) -> int:
        """Returns the quorum denominator. Defaults to 100, but may be overridden."""
        (found,) = self.caller.call("CommonsGovernor", "quorumDenominator", at=self.at)
        return access.number(found)

    def quorum_minimum(self) -> int:
        """Voters that have to take part at the least, whatever the percentage says."""
        (found,) = self.caller.call("CommonsGovernor", "quorumMinimum", at=self.at)
        return access.number(found)

    def quorum_numerator_with_timepoint(self, timepoint: int) -> int:
        """Returns the quorum numerator at a specific timepoint. See {quorumDenominator}."""
        (found,) = self.caller.call("CommonsGovernor", "quorumNumerator(uint256)", timepoint, at=self.at)
        return access.number(found)

    def quorum_numerator(self) -> int:
        """Returns the current quorum numerator. See {quorumDenominator}."""
        (found,) = self.caller.call("CommonsGovernor", "quorumNumerator()", at=self.at)
        return access.number(found)

    def relay(self, target: ids.Address, value_: int, data: bytes, *, value: int = 0) -> None:
        """Relays a transaction or function call to an arbitrary target. In cases where the governance executor is some
        contract other than the governor itself, like when using a timelock, this function can be invoked in a
        governance proposal to recover tokens or Ether that was sent to the governor contract by mistake. Note that
        if the executor is simply the governor itself, use of `relay` is redundant.

        Args:
            value: Wei that go with the call.
        """
        self.caller.transact("CommonsGovernor", "relay", target, value_, data, at=self.at, value=value)

    def set_proposal_threshold(self, new_proposal_threshold: int) -> None:
        """Update the proposal threshold. This operation can only be performed through a governance proposal. Emits a
        {ProposalThresholdSet} event.
        """
        self.caller.transact("CommonsGovernor", "setProposalThreshold", new_proposal_threshold, at=self.at)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("CommonsGovernor", "setSuccessor", successor, at=self.at)

    def set_voting_delay(self, new_voting_delay: int) -> None:
        """Update the voting delay. This operation can only be performed through a governance proposal. Emits a
        {VotingDelaySet} event.
        """
        self.caller.transact("CommonsGovernor", "setVotingDelay", new_voting_delay, at=self.at)

    def set_voting_period(self, new_voting_period: int) -> None:
        """Update the voting period. This operation can only be performed through a governance proposal. Emits a
        {VotingPeriodSet} event.
        """
        self.caller.transact("CommonsGovernor", "setVotingPeriod", new_voting_period, at=self.at)

    def state(self, proposal_id: int) -> ProposalState:
        """Where a proposal stands, the timelock included."""
        (found,) = self.caller.call("CommonsGovernor", "state", proposal_id, at=self.at)
        return access.one_of(ProposalState, found)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("CommonsGovernor", "successor", at=self.at)
        return access.address(found)

    def supports_interface(self, interface_id: bytes) -> bool:
        """Returns true if this contract implements the interface defined by `interfaceId`. See the corresponding
        https://eips.ethereum.org/EIPS/eip-165#how-interfaces-are-identified[ERC section] to learn more about how
        these ids are created. This function call must use less than 30 000 gas.
        """
        (found,) = self.caller.call("CommonsGovernor", "supportsInterface", interface_id, at=self.at)
        return access.truth(found)

    def timelock(self) -> ids.Address:
        """Public accessor to check the address of the timelock."""
        (found,) = self.caller.call("CommonsGovernor", "timelock", at=self.at)
        return access.address(found)

    def token(self) -> ids.Address:
        """The token that voting power is sourced from."""
        (found,) = self.caller.call("CommonsGovernor", "token", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("CommonsGovernor", "trustedForwarder", at=self.at)
        return access.address(found)

    def update_quorum_numerator(self, new_quorum_numerator: int) -> None:
        """Changes the quorum numerator. Emits a {QuorumNumeratorUpdated} event. Requirements: - Must be called through
        a governance proposal. - New numerator must be smaller or equal to the denominator.
        """
        self.caller.transact("CommonsGovernor", "updateQuorumNumerator", new_quorum_numerator, at=self.at)

    def update_timelock(self, new_timelock: ids.Address) -> None:
        """Public endpoint to update the underlying timelock instance. Restricted to the timelock itself, so updates
        must be proposed, scheduled, and executed through governance proposals. CAUTION: It is not recommended to
        change the timelock while there are other queued governance proposals.
        """
        self.caller.transact("CommonsGovernor", "updateTimelock", new_timelock, at=self.at)

    def version(self) -> str:
        """Module:core."""
        (found,) = self.caller.call("CommonsGovernor", "version", at=self.at)
        return access.text(found)

    def voting_delay(self) -> int:
        """Module:user-config."""
        (found,) = self.caller.call("CommonsGovernor", "votingDelay", at=self.at)
        return access.number(found)

    def voting_period(self) -> int:
        """Module:user-config."""
        (found,) = self.caller.call("CommonsGovernor", "votingPeriod", at=self.at)
        return access.number(found)
