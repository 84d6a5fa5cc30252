"""The contract Vault: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


class LockState(enum.IntEnum):
    """LockState as the contract counts it."""

    NONE = 0
    LOCKED = 1
    RELEASED = 2
    REFUNDED = 3
    EXPIRED = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Lock:
    """Money that waits for a decision."""

    controller: ids.Address
    """The contract that locked it and alone decides before expiry."""
    expiry: int
    """First unix second at which anybody can give it back."""
    state: LockState
    """See `LockState`."""
    payer: ids.Address
    """Whose credit it was, and becomes again."""
    token: ids.Address
    """ERC-20 contract, zero = the chain's own coin."""
    amount: int
    """In the token's smallest unit."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 6)
        return cls(
            access.address(item[0]),
            access.number(item[1]),
            access.one_of(LockState, item[2]),
            access.address(item[3]),
            access.address(item[4]),
            access.number(item[5]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Vault:
    """The contract Vault."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Vault", "admin", at=self.at)
        return access.address(found)

    def allowance(self, owner: ids.Address, spender: ids.Address, id_: int) -> int:
        """Returns the amount of tokens of type `id` that `spender` is allowed to spend on behalf of `owner`. NOTE: Does
        not include operator allowances.
        """
        (found,) = self.caller.call("Vault", "allowance", owner, spender, id_, at=self.at)
        return access.number(found)

    def approve(self, spender: ids.Address, id_: int, amount: int) -> None:
        """Sets an approval to `spender` for `amount` of tokens of type `id` from the caller's tokens. An `amount` of
        `type(uint256).max` signifies an unlimited approval. Must return true. WARNING: This function is subject to
        the same race condition risks as {IERC20-approve}. Changing an allowance with this method brings the risk
        that `spender` may use both the old and the new allowance by spending the previous allowance while the new
        one is in-flight. One possible solution to mitigate this race condition is to first reduce `spender`'s
        allowance to 0 and then set the desired value afterwards.
        """
        self.caller.transact("Vault", "approve", spender, id_, amount, at=self.at)

    def balance_of(self, owner: ids.Address, id_: int) -> int:
        """Returns the amount of tokens of type `id` owned by `owner`."""
        (found,) = self.caller.call("Vault", "balanceOf", owner, id_, at=self.at)
        return access.number(found)

    def collect(self, payer: ids.Address, token: ids.Address, amount: int) -> None:
        """Takes a credit as the controller's own, which it pays out by `transfer` of ERC-6909.

        Args:
            amount: At most the payer's credit.
            payer: Whose credit it is: whoever called the controller.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact("Vault", "collect", payer, token, amount, at=self.at)

    def credits(self, token: ids.Address) -> int:
        """What is owed to accounts, without locks.

        Args:
            token: ERC-20 contract, zero = the chain's own coin.
        """
        (found,) = self.caller.call("Vault", "credits", token, at=self.at)
        return access.number(found)

    def deposit(self, token: ids.Address, amount: int, *, value: int = 0) -> None:
        """Credits the caller with money that it hands over: coin with the call, or a token that it approved before.

        Args:
            amount: In the token's smallest unit.
            token: ERC-20 contract, zero = the chain's own coin.
            value: Wei that go with the call.
        """
        self.caller.transact("Vault", "deposit", token, amount, at=self.at, value=value)

    def expire(self, lock_id: bytes) -> None:
        """Gives a lock back whose expiry came; anybody may.

        Args:
            lock_id: A lock in state Locked.
        """
        self.caller.transact("Vault", "expire", lock_id, at=self.at)

    def id_of(self, token: ids.Address) -> int:
        """The ERC-6909 id of a token.

        Args:
            token: ERC-20 contract, zero = the chain's own coin.
        """
        (found,) = self.caller.call("Vault", "idOf", token, at=self.at)
        return access.number(found)

    def is_controller(self, account: ids.Address) -> bool:
        """Whether an address may lock credits.

        Args:
            account: Any address.
        """
        (found,) = self.caller.call("Vault", "isController", account, at=self.at)
        return access.truth(found)

    def is_operator(self, owner: ids.Address, spender: ids.Address) -> bool:
        """Returns true if `spender` is set as an operator for `owner`."""
        (found,) = self.caller.call("Vault", "isOperator", owner, spender, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Vault", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def lock(self, lock_id: bytes, payer: ids.Address, token: ids.Address, amount: int, *, expiry: int) -> None:
        """Locks a credit, as a controller that the payer called.

        Args:
            amount: At most the payer's credit.
            expiry: First unix second at which anybody can give it back.
            lock_id: Never used before.
            payer: Whose credit it is.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact("Vault", "lock", lock_id, payer, token, amount, expiry, at=self.at)

    def lock_of(self, lock_id: bytes) -> Lock:
        """The record of a lock.

        Args:
            lock_id: Any id.
        """
        (found,) = self.caller.call("Vault", "lockOf", lock_id, at=self.at)
        return Lock.read(found)

    def locked(self, token: ids.Address) -> int:
        """What is locked.

        Args:
            token: ERC-20 contract, zero = the chain's own coin.
        """
        (found,) = self.caller.call("Vault", "locked", token, at=self.at)
        return access.number(found)

    def refund(self, lock_id: bytes) -> None:
        """Gives a lock back, as the controller that made it.

        Args:
            lock_id: A lock in state Locked.
        """
        self.caller.transact("Vault", "refund", lock_id, at=self.at)

    def release(self, lock_id: bytes, payee: ids.Address) -> None:
        """Gives a lock to whoever earned it, as the controller that made it and before its expiry.

        Args:
            lock_id: A lock in state Locked.
            payee: Who is credited.
        """
        self.caller.transact("Vault", "release", lock_id, payee, at=self.at)

    def set_operator(self, spender: ids.Address, approved: bool) -> None:
        """Grants or revokes unlimited transfer permission of any token id to `spender` for the caller's tokens. Must
        return true.
        """
        self.caller.transact("Vault", "setOperator", spender, approved, at=self.at)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Vault", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Vault", "successor", at=self.at)
        return access.address(found)

    def supports_interface(self, interface_id: bytes) -> bool:
        """Returns true if this contract implements the interface defined by `interfaceId`. See the corresponding
        https://eips.ethereum.org/EIPS/eip-165#how-interfaces-are-identified[ERC section] to learn more about how
        these ids are created. This function call must use less than 30 000 gas.
        """
        (found,) = self.caller.call("Vault", "supportsInterface", interface_id, at=self.at)
        return access.truth(found)

    def transfer(self, receiver: ids.Address, id_: int, amount: int) -> None:
        """Transfers `amount` of token type `id` from the caller's account to `receiver`. Must return true."""
        self.caller.transact("Vault", "transfer", receiver, id_, amount, at=self.at)

    def transfer_from(self, sender: ids.Address, receiver: ids.Address, id_: int, amount: int) -> None:
        """Transfers `amount` of token type `id` from `sender` to `receiver`. Must return true."""
        self.caller.transact("Vault", "transferFrom", sender, receiver, id_, amount, at=self.at)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Vault", "trustedForwarder", at=self.at)
        return access.address(found)

    def withdraw(self, token: ids.Address, amount: int, to: ids.Address) -> None:
        """Pays out a part of the caller's credit.

        Args:
            amount: At most the caller's credit.
            to: Who gets it.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact("Vault", "withdraw", token, amount, to, at=self.at)
