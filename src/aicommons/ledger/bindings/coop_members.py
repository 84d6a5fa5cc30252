"""The contract CoopMembers: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
from collections.abc import Sequence

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class CoopMembers:
    """The contract CoopMembers."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def clock_mode(self) -> str:
        """What the clock counts (ERC-6372)."""
        (found,) = self.caller.call("CoopMembers", "CLOCK_MODE", at=self.at)
        return access.text(found)

    def admit(self, people: Sequence[ids.Address], credentials: Sequence[bytes]) -> None:
        """Admits people, as the steward or by vote.

        Args:
            credentials: Salted commitments to what proves who each is; one place per credential.
            people: Their keys.
        """
        self.caller.transact("CoopMembers", "admit", list(people), list(credentials), at=self.at)

    def appoint(self, steward: ids.Address) -> None:
        """Decides by vote who admits people from now on."""
        self.caller.transact("CoopMembers", "appoint", steward, at=self.at)

    def approve(self, to: ids.Address, token_id: int) -> None:
        """Gives permission to `to` to transfer `tokenId` token to another account. The approval is cleared when the
        token is transferred. Only a single account can be approved at a time, so approving the zero address clears
        previous approvals. Requirements: - The caller must own the token or be an approved operator. - `tokenId`
        must exist. Emits an {Approval} event.
        """
        self.caller.transact("CoopMembers", "approve", to, token_id, at=self.at)

    def balance_of(self, owner: ids.Address) -> int:
        """Returns the number of tokens in ``owner``'s account."""
        (found,) = self.caller.call("CoopMembers", "balanceOf", owner, at=self.at)
        return access.number(found)

    def bind_governor(self, governor: ids.Address) -> None:
        """Names the governor; possible once, for the founding steward."""
        self.caller.transact("CoopMembers", "bindGovernor", governor, at=self.at)

    def clock(self) -> int:
        """Unix seconds, as everywhere in the commons (ERC-6372)."""
        (found,) = self.caller.call("CoopMembers", "clock", at=self.at)
        return access.number(found)

    def count(self) -> int:
        """How many people have a place."""
        (found,) = self.caller.call("CoopMembers", "count", at=self.at)
        return access.number(found)

    def delegate(self, delegatee: ids.Address) -> None:
        """Delegates votes from the sender to `delegatee`."""
        self.caller.transact("CoopMembers", "delegate", delegatee, at=self.at)

    def delegate_by_sig(self, delegatee: ids.Address, nonce: int, expiry: int, v: int, *, r: bytes, s: bytes) -> None:
        """Delegates votes from signer to `delegatee`."""
        self.caller.transact("CoopMembers", "delegateBySig", delegatee, nonce, expiry, v, r, s, at=self.at)

    def delegates(self, account: ids.Address) -> ids.Address:
        """Returns the delegate that `account` has chosen."""
        (found,) = self.caller.call("CoopMembers", "delegates", account, at=self.at)
        return access.address(found)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "CoopMembers", "eip712Domain", at=self.at
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

    def expel(self, person: ids.Address) -> None:
        """Takes a person off the roll by vote.

        Args:
            person: Somebody with a place.
        """
        self.caller.transact("CoopMembers", "expel", person, at=self.at)

    def get_approved(self, token_id: int) -> ids.Address:
        """Returns the account approved for `tokenId` token. Requirements: - `tokenId` must exist."""
        (found,) = self.caller.call("CoopMembers", "getApproved", token_id, at=self.at)
        return access.address(found)

    def get_past_total_supply(self, timepoint: int) -> int:
        """Returns the total supply of votes available at a specific moment in the past. If the `clock()` is configured
        to use block numbers, this will return the value at the end of the corresponding block. NOTE: This value is
        the sum of all available votes, which is not necessarily the sum of all delegated votes. Votes that have not
        been delegated are still part of total supply, even though they would not participate in a vote.
        Requirements: - `timepoint` must be in the past. If operating using block numbers, the block must be already
        mined.
        """
        (found,) = self.caller.call("CoopMembers", "getPastTotalSupply", timepoint, at=self.at)
        return access.number(found)

    def get_past_votes(self, account: ids.Address, timepoint: int) -> int:
        """Returns the amount of votes that `account` had at a specific moment in the past. If the `clock()` is
        configured to use block numbers, this will return the value at the end of the corresponding block.
        Requirements: - `timepoint` must be in the past. If operating using block numbers, the block must be already
        mined.
        """
        (found,) = self.caller.call("CoopMembers", "getPastVotes", account, timepoint, at=self.at)
        return access.number(found)

    def get_votes(self, account: ids.Address) -> int:
        """Returns the current amount of votes that `account` has."""
        (found,) = self.caller.call("CoopMembers", "getVotes", account, at=self.at)
        return access.number(found)

    def governor(self) -> ids.Address:
        """Through which contract the people decide."""
        (found,) = self.caller.call("CoopMembers", "governor", at=self.at)
        return access.address(found)

    def is_approved_for_all(self, owner: ids.Address, operator: ids.Address) -> bool:
        """Returns if the `operator` is allowed to manage all of the assets of `owner`. See {setApprovalForAll}."""
        (found,) = self.caller.call("CoopMembers", "isApprovedForAll", owner, operator, at=self.at)
        return access.truth(found)

    def is_member(self, person: ids.Address) -> bool:
        """Whether somebody has a place.

        Args:
            person: Any key.
        """
        (found,) = self.caller.call("CoopMembers", "isMember", person, at=self.at)
        return access.truth(found)

    def leave(self) -> None:
        """Ends the caller's place."""
        self.caller.transact("CoopMembers", "leave", at=self.at)

    def name(self) -> str:
        """Returns the token collection name."""
        (found,) = self.caller.call("CoopMembers", "name", at=self.at)
        return access.text(found)

    def nonces(self, owner: ids.Address) -> int:
        """Returns the next unused nonce for an address."""
        (found,) = self.caller.call("CoopMembers", "nonces", owner, at=self.at)
        return access.number(found)

    def owner_of(self, token_id: int) -> ids.Address:
        """Returns the owner of the `tokenId` token. Requirements: - `tokenId` must exist."""
        (found,) = self.caller.call("CoopMembers", "ownerOf", token_id, at=self.at)
        return access.address(found)

    def safe_transfer_from(self, from_: ids.Address, to: ids.Address, token_id: int) -> None:
        """Safely transfers `tokenId` token from `from` to `to`, checking first that contract recipients are aware of
        the ERC-721 protocol to prevent tokens from being forever locked. Requirements: - `from` cannot be the zero
        address. - `to` cannot be the zero address. - `tokenId` token must exist and be owned by `from`. - If the
        caller is not `from`, it must have been allowed to move this token by either {approve} or
        {setApprovalForAll}. - If `to` refers to a smart contract, it must implement {IERC721Receiver-
        onERC721Received}, which is called upon a safe transfer. Emits a {Transfer} event.
        """
        self.caller.transact(
            "CoopMembers", "safeTransferFrom(address,address,uint256)", from_, to, token_id, at=self.at
        )

    def safe_transfer_from_with_data(self, from_: ids.Address, to: ids.Address, token_id: int, data: bytes) -> None:
        """Safely transfers `tokenId` token from `from` to `to`. Requirements: - `from` cannot be the zero address. -
        `to` cannot be the zero address. - `tokenId` token must exist and be owned by `from`. - If the caller is not
        `from`, it must be approved to move this token by either {approve} or {setApprovalForAll}. - If `to` refers
        to a smart contract, it must implement {IERC721Receiver-onERC721Received}, which is called upon a safe
        transfer. Emits a {Transfer} event.
        """
        self.caller.transact(
            "CoopMembers", "safeTransferFrom(address,address,uint256,bytes)", from_, to, token_id, data, at=self.at
        )

    def set_approval_for_all(self, operator: ids.Address, approved: bool) -> None:
        """Approve or remove `operator` as an operator for the caller. Operators can call {transferFrom} or
        {safeTransferFrom} for any token owned by the caller. Requirements: - The `operator` cannot be the address
        zero. Emits an {ApprovalForAll} event.
        """
        self.caller.transact("CoopMembers", "setApprovalForAll", operator, approved, at=self.at)

    def steward(self) -> ids.Address:
        """Who admits people."""
        (found,) = self.caller.call("CoopMembers", "steward", at=self.at)
        return access.address(found)

    def supports_interface(self, interface_id: bytes) -> bool:
        """Returns true if this contract implements the interface defined by `interfaceId`. See the corresponding
        https://eips.ethereum.org/EIPS/eip-165#how-interfaces-are-identified[ERC section] to learn more about how
        these ids are created. This function call must use less than 30 000 gas.
        """
        (found,) = self.caller.call("CoopMembers", "supportsInterface", interface_id, at=self.at)
        return access.truth(found)

    def symbol(self) -> str:
        """Returns the token collection symbol."""
        (found,) = self.caller.call("CoopMembers", "symbol", at=self.at)
        return access.text(found)

    def token_uri(self, token_id: int) -> str:
        """Returns the Uniform Resource Identifier (URI) for `tokenId` token."""
        (found,) = self.caller.call("CoopMembers", "tokenURI", token_id, at=self.at)
        return access.text(found)

    def transfer_from(self, from_: ids.Address, to: ids.Address, token_id: int) -> None:
        """Transfers `tokenId` token from `from` to `to`. WARNING: Note that the caller is responsible to confirm that
        the recipient is capable of receiving ERC-721 or else they may be permanently lost. Usage of
        {safeTransferFrom} prevents loss, though the caller must understand this adds an external call which
        potentially creates a reentrancy vulnerability. Requirements: - `from` cannot be the zero address. - `to`
        cannot be the zero address. - `tokenId` token must be owned by `from`. - If the caller is not `from`, it must
        be approved to move this token by either {approve} or {setApprovalForAll}. Emits a {Transfer} event.
        """
        self.caller.transact("CoopMembers", "transferFrom", from_, to, token_id, at=self.at)
