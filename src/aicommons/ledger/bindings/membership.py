"""The contract Membership: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class Kind(enum.IntEnum):
    """Kind as the contract counts it."""

    PERSON = 0
    ORGANISATION = 1


class Status(enum.IntEnum):
    """Status as the contract counts it."""

    NONE = 0
    ACTIVE = 1
    SUSPENDED = 2
    LEFT = 3
    EXPELLED = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One member or applicant."""

    account: ids.Address
    """The account that acts for the member."""
    kind: Kind
    """Person or organisation."""
    status: Status
    """See `Status`; None while it is an application."""
    since: int
    """Unix second of admission."""
    node_key: ids.Address
    """Address of the key with which the member's node signs."""
    reader_point: bytes
    """Edwards25519 point to which sums are sealed."""
    credential: bytes
    """Digest of the credential that proves who this is."""
    profile: bytes
    """Digest of the profile document."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 8)
        return cls(
            access.address(item[0]),
            access.one_of(Kind, item[1]),
            access.one_of(Status, item[2]),
            access.number(item[3]),
            access.address(item[4]),
            access.data(item[5]),
            access.data(item[6]),
            access.data(item[7]),
        )


class Role(enum.IntEnum):
    """Role as the contract counts it."""

    AUDITOR = 0
    ETHICS_BOARD = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Recovery:
    """A membership that is to change hands, back to whom it belongs."""

    account: ids.Address
    """The account that is to act for the member; zero = there is none."""
    ripe_at: int
    """First unix second at which it can be finished."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 2)
        return cls(access.address(item[0]), access.number(item[1]))


@dataclasses.dataclass(frozen=True, slots=True)
class Membership:
    """The contract Membership."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def clock_mode(self) -> str:
        """What the clock counts (ERC-6372)."""
        (found,) = self.caller.call("Membership", "CLOCK_MODE", at=self.at)
        return access.text(found)

    def account_of(self, member_id: int) -> ids.Address:
        """The member's account.

        Args:
            member_id: Any id, also of a member who left.
        """
        (found,) = self.caller.call("Membership", "accountOf", member_id, at=self.at)
        return access.address(found)

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Membership", "admin", at=self.at)
        return access.address(found)

    def admit(self, applicant: ids.Address) -> None:
        """A registrar agrees to an application; the last needed one, or the timelock, admits.

        Args:
            applicant: The account that applied.
        """
        self.caller.transact("Membership", "admit", applicant, at=self.at)

    def application(self, applicant: ids.Address) -> Member:
        """The open application of an account.

        Args:
            applicant: Any account.
        """
        (found,) = self.caller.call("Membership", "application", applicant, at=self.at)
        return Member.read(found)

    def apply_as(
        self, kind: Kind, node_key: ids.Address, reader_point: bytes, credential: bytes, *, profile: bytes
    ) -> None:
        """Asks for membership in the caller's name. Who applied can apply again to name another key or point, and keeps
        its approvals: a mistyped key, or one that somebody else named meanwhile, would shut its account out for
        ever. Who it is has to stay: a vote or an approval on its way would count for somebody else.

        Args:
            credential: Digest of the credential that proves who this is.
            kind: Person or organisation.
            node_key: Address of the key with which the applicant's node signs.
            profile: Digest of the profile document, may be zero.
            reader_point: Edwards25519 point to which sums are sealed.
        """
        self.caller.transact("Membership", "applyAs", kind, node_key, reader_point, credential, profile, at=self.at)

    def approve(self, value_0: ids.Address, member_id: int) -> None:
        """Always refused: a membership is its member's.

        Args:
            member_id: Any id.
        """
        self.caller.call("Membership", "approve", value_0, member_id, at=self.at)

    def balance_of(self, owner: ids.Address) -> int:
        """Returns the number of tokens in ``owner``'s account."""
        (found,) = self.caller.call("Membership", "balanceOf", owner, at=self.at)
        return access.number(found)

    def clock(self) -> int:
        """Unix seconds, as everywhere in the commons (ERC-6372)."""
        (found,) = self.caller.call("Membership", "clock", at=self.at)
        return access.number(found)

    def count(self) -> int:
        """How many ids were given out; ids are 1..count."""
        (found,) = self.caller.call("Membership", "count", at=self.at)
        return access.number(found)

    def delegate(self, delegatee: ids.Address) -> None:
        """Delegates votes from the sender to `delegatee`."""
        self.caller.transact("Membership", "delegate", delegatee, at=self.at)

    def delegate_by_sig(self, delegatee: ids.Address, nonce: int, expiry: int, v: int, *, r: bytes, s: bytes) -> None:
        """Delegates votes from signer to `delegatee`."""
        self.caller.transact("Membership", "delegateBySig", delegatee, nonce, expiry, v, r, s, at=self.at)

    def delegates(self, account: ids.Address) -> ids.Address:
        """Returns the delegate that `account` has chosen."""
        (found,) = self.caller.call("Membership", "delegates", account, at=self.at)
        return access.address(found)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "Membership", "eip712Domain", at=self.at
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

    def expel(self, member_id: int) -> None:
        """Ends a membership, as the timelock: frees account and credential, takes vote and roles.

        Args:
            member_id: An active or suspended member.
        """
        self.caller.transact("Membership", "expel", member_id, at=self.at)

    def finish_recovery(self, member_id: int) -> None:
        """Finishes a recovery that nobody vetoed. Id, node key, votes and everything that the member owns stay.

        Args:
            member_id: A member whose recovery is ripe.
        """
        self.caller.transact("Membership", "finishRecovery", member_id, at=self.at)

    def get_approved(self, token_id: int) -> ids.Address:
        """Returns the account approved for `tokenId` token. Requirements: - `tokenId` must exist."""
        (found,) = self.caller.call("Membership", "getApproved", token_id, at=self.at)
        return access.address(found)

    def get_past_total_supply(self, timepoint: int) -> int:
        """Returns the total supply of votes available at a specific moment in the past. If the `clock()` is configured
        to use block numbers, this will return the value at the end of the corresponding block. NOTE: This value is
        the sum of all available votes, which is not necessarily the sum of all delegated votes. Votes that have not
        been delegated are still part of total supply, even though they would not participate in a vote.
        Requirements: - `timepoint` must be in the past. If operating using block numbers, the block must be already
        mined.
        """
        (found,) = self.caller.call("Membership", "getPastTotalSupply", timepoint, at=self.at)
        return access.number(found)

    def get_past_votes(self, account: ids.Address, timepoint: int) -> int:
        """Returns the amount of votes that `account` had at a specific moment in the past. If the `clock()` is
        configured to use block numbers, this will return the value at the end of the corresponding block.
        Requirements: - `timepoint` must be in the past. If operating using block numbers, the block must be already
        mined.
        """
        (found,) = self.caller.call("Membership", "getPastVotes", account, timepoint, at=self.at)
        return access.number(found)

    def get_votes(self, account: ids.Address) -> int:
        """Returns the current amount of votes that `account` has."""
        (found,) = self.caller.call("Membership", "getVotes", account, at=self.at)
        return access.number(found)

    def grant_role(self, member_id: int, role: Role) -> None:
        """Gives a role, as the timelock.

        Args:
            member_id: An active member without it.
            role: See `Role`.
        """
        self.caller.transact("Membership", "grantRole", member_id, role, at=self.at)

    def guardian_of(self, member_id: int) -> ids.Address:
        """Who may begin the member's recovery beside the registrars; zero = nobody.

        Args:
            member_id: Any id.
        """
        (found,) = self.caller.call("Membership", "guardianOf", member_id, at=self.at)
        return access.address(found)

    def has_role(self, member_id: int, role: Role) -> bool:
        """Whether an active member holds a role.

        Args:
            member_id: Any id.
            role: See `Role`.
        """
        (found,) = self.caller.call("Membership", "hasRole", member_id, role, at=self.at)
        return access.truth(found)

    def is_active(self, member_id: int) -> bool:
        """Whether the member may act now.

        Args:
            member_id: Any id; unknown ids are not active.
        """
        (found,) = self.caller.call("Membership", "isActive", member_id, at=self.at)
        return access.truth(found)

    def is_approved_for_all(self, owner: ids.Address, operator: ids.Address) -> bool:
        """Returns if the `operator` is allowed to manage all of the assets of `owner`. See {setApprovalForAll}."""
        (found,) = self.caller.call("Membership", "isApprovedForAll", owner, operator, at=self.at)
        return access.truth(found)

    def is_registrar(self, account: ids.Address) -> bool:
        """Whether the account is a registrar.

        Args:
            account: Any account.
        """
        (found,) = self.caller.call("Membership", "isRegistrar", account, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Membership", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def leave(self) -> None:
        """Ends the caller's membership."""
        self.caller.transact("Membership", "leave", at=self.at)

    def live(self) -> int:
        """How many members are active or suspended: the votes that exist now."""
        (found,) = self.caller.call("Membership", "live", at=self.at)
        return access.number(found)

    def locked(self, token_id: int) -> bool:
        """Whether the token can never be moved.

        Args:
            token_id: A token that somebody holds; others revert.
        """
        (found,) = self.caller.call("Membership", "locked", token_id, at=self.at)
        return access.truth(found)

    def member(self, member_id: int) -> Member:
        """The record of a member.

        Args:
            member_id: Any id.
        """
        (found,) = self.caller.call("Membership", "member", member_id, at=self.at)
        return Member.read(found)

    def member_of(self, account: ids.Address) -> int:
        """The id for which `account` acts, 0 if there is none.

        Args:
            account: Any account.
        """
        (found,) = self.caller.call("Membership", "memberOf", account, at=self.at)
        return access.number(found)

    def member_of_node_key(self, node_key: ids.Address) -> int:
        """The id of the active member with this node key, 0 if there is none.

        Args:
            node_key: Any address.
        """
        (found,) = self.caller.call("Membership", "memberOfNodeKey", node_key, at=self.at)
        return access.number(found)

    def name(self) -> str:
        """Returns the token collection name."""
        (found,) = self.caller.call("Membership", "name", at=self.at)
        return access.text(found)

    def node_key_of(self, member_id: int) -> ids.Address:
        """The member's present node key.

        Args:
            member_id: Any id.
        """
        (found,) = self.caller.call("Membership", "nodeKeyOf", member_id, at=self.at)
        return access.address(found)

    def nonces(self, owner: ids.Address) -> int:
        """Returns the next unused nonce for an address."""
        (found,) = self.caller.call("Membership", "nonces", owner, at=self.at)
        return access.number(found)

    def owner_of(self, token_id: int) -> ids.Address:
        """Returns the owner of the `tokenId` token. Requirements: - `tokenId` must exist."""
        (found,) = self.caller.call("Membership", "ownerOf", token_id, at=self.at)
        return access.address(found)

    def recover(self, member_id: int, account: ids.Address) -> None:
        """Begins to give a membership to another account: at once as the member's guardian or as the timelock, else as
        a registrar that agrees; the last needed one begins it. It takes seven days to ripen.

        Args:
            account: An account that acts for no live membership.
            member_id: An active or suspended member.
        """
        self.caller.transact("Membership", "recover", member_id, account, at=self.at)

    def recovery(self, member_id: int) -> Recovery:
        """The recovery that is under way, zeros if there is none.

        Args:
            member_id: Any id.
        """
        (found,) = self.caller.call("Membership", "recovery", member_id, at=self.at)
        return Recovery.read(found)

    def reinstate(self, member_id: int) -> None:
        """A registrar agrees to reinstate; the last needed one, or the timelock, reinstates.

        Args:
            member_id: A suspended member.
        """
        self.caller.transact("Membership", "reinstate", member_id, at=self.at)

    def revoke_role(self, member_id: int, role: Role) -> None:
        """Takes a role away, as the timelock.

        Args:
            member_id: A member that holds it.
            role: See `Role`.
        """
        self.caller.transact("Membership", "revokeRole", member_id, role, at=self.at)

    def safe_transfer_from(self, from_: ids.Address, to: ids.Address, token_id: int) -> None:
        """Safely transfers `tokenId` token from `from` to `to`, checking first that contract recipients are aware of
        the ERC-721 protocol to prevent tokens from being forever locked. Requirements: - `from` cannot be the zero
        address. - `to` cannot be the zero address. - `tokenId` token must exist and be owned by `from`. - If the
        caller is not `from`, it must have been allowed to move this token by either {approve} or
        {setApprovalForAll}. - If `to` refers to a smart contract, it must implement {IERC721Receiver-
        onERC721Received}, which is called upon a safe transfer. Emits a {Transfer} event.
        """
        self.caller.transact("Membership", "safeTransferFrom(address,address,uint256)", from_, to, token_id, at=self.at)

    def safe_transfer_from_with_data(self, from_: ids.Address, to: ids.Address, token_id: int, data: bytes) -> None:
        """Safely transfers `tokenId` token from `from` to `to`. Requirements: - `from` cannot be the zero address. -
        `to` cannot be the zero address. - `tokenId` token must exist and be owned by `from`. - If the caller is not
        `from`, it must be approved to move this token by either {approve} or {setApprovalForAll}. - If `to` refers
        to a smart contract, it must implement {IERC721Receiver-onERC721Received}, which is called upon a safe
        transfer. Emits a {Transfer} event.
        """
        self.caller.transact(
            "Membership", "safeTransferFrom(address,address,uint256,bytes)", from_, to, token_id, data, at=self.at
        )

    def set_approval_for_all(self, value_0: ids.Address, value_1: bool) -> None:
        """Always refused: a membership is its member's."""
        self.caller.call("Membership", "setApprovalForAll", value_0, value_1, at=self.at)

    def set_guardian(self, guardian: ids.Address) -> None:
        """Names who may begin the recovery of the caller's membership: a second device, or somebody it trusts. A
        suspended member may; after a recovery there is none.

        Args:
            guardian: Any account but the caller; zero = nobody but the registrars.
        """
        self.caller.transact("Membership", "setGuardian", guardian, at=self.at)

    def set_node_key(self, node_key: ids.Address) -> None:
        """Changes the caller's node key. Runs keep the key of their roster.

        Args:
            node_key: Address of the new key; never one of another member.
        """
        self.caller.transact("Membership", "setNodeKey", node_key, at=self.at)

    def set_profile(self, profile: bytes) -> None:
        """Changes what the caller says about itself. Name and country stay those that were admitted.

        Args:
            profile: Digest of the profile document, may be zero.
        """
        self.caller.transact("Membership", "setProfile", profile, at=self.at)

    def set_reader_point(self, reader_point: bytes) -> None:
        """Changes the caller's reader point.

        Args:
            reader_point: The new point.
        """
        self.caller.transact("Membership", "setReaderPoint", reader_point, at=self.at)

    def set_registrars(self, registrars: Sequence[ids.Address], approvals: int) -> None:
        """Replaces all registrars, as the timelock.

        Args:
            approvals: How many of them have to agree.
            registrars: Distinct accounts; they need not be members.
        """
        self.caller.transact("Membership", "setRegistrars", list(registrars), approvals, at=self.at)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Membership", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Membership", "successor", at=self.at)
        return access.address(found)

    def supports_interface(self, interface_id: bytes) -> bool:
        """Whether an interface is supported (ERC-165); ERC-5192 is."""
        (found,) = self.caller.call("Membership", "supportsInterface", interface_id, at=self.at)
        return access.truth(found)

    def suspend(self, member_id: int) -> None:
        """A registrar agrees to suspend; the last needed one, or the timelock, suspends. The vote stays.

        Args:
            member_id: An active member.
        """
        self.caller.transact("Membership", "suspend", member_id, at=self.at)

    def symbol(self) -> str:
        """Returns the token collection symbol."""
        (found,) = self.caller.call("Membership", "symbol", at=self.at)
        return access.text(found)

    def threshold(self) -> int:
        """How many registrars have to agree."""
        (found,) = self.caller.call("Membership", "threshold", at=self.at)
        return access.number(found)

    def token_uri(self, token_id: int) -> str:
        """Returns the Uniform Resource Identifier (URI) for `tokenId` token."""
        (found,) = self.caller.call("Membership", "tokenURI", token_id, at=self.at)
        return access.text(found)

    def transfer_from(self, value_0: ids.Address, value_1: ids.Address, member_id: int) -> None:
        """Always refused, and so is `safeTransferFrom`: a membership is its member's.

        Args:
            member_id: Any id.
        """
        self.caller.call("Membership", "transferFrom", value_0, value_1, member_id, at=self.at)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Membership", "trustedForwarder", at=self.at)
        return access.address(found)

    def veto(self, member_id: int) -> None:
        """Stops a recovery, as the account that still acts for the member.

        Args:
            member_id: The caller's own id.
        """
        self.caller.transact("Membership", "veto", member_id, at=self.at)
