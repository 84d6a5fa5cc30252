"""The contract Bonds: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class Bonds:
    """The contract Bonds."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Bonds", "admin", at=self.at)
        return access.address(found)

    def forfeit(self, run_id: bytes, member_id: int) -> None:
        """Gives the bond of a convicted seat to the commons, as Verdicts; nothing happens where none is locked any
        more.

        Args:
            member_id: The seat.
            run_id: The run.
        """
        self.caller.transact("Bonds", "forfeit", run_id, member_id, at=self.at)

    def give_back(self, run_id: bytes, member_id: int) -> None:
        """Gives a bond back to whoever paid it, once the seat owes nothing any more; anybody may.

        Args:
            member_id: The seat.
            run_id: The run.
        """
        self.caller.transact("Bonds", "giveBack", run_id, member_id, at=self.at)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Bonds", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def lock_of(self, run_id: bytes, member_id: int) -> bytes:
        """The vault's lock of a seat's bond: keccak256(abi.encode("bond", runId, memberId)).

        Args:
            member_id: The seat.
            run_id: The run.
        """
        (found,) = self.caller.call("Bonds", "lockOf", run_id, member_id, at=self.at)
        return access.data(found)

    def runs_contract(self) -> ids.Address:
        """TrainingRuns: the only contract that takes bonds."""
        (found,) = self.caller.call("Bonds", "runsContract", at=self.at)
        return access.address(found)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Bonds", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Bonds", "successor", at=self.at)
        return access.address(found)

    def take(
        self, run_id: bytes, member_id: int, payer: ids.Address, token: ids.Address, *, amount: int, expiry: int
    ) -> None:
        """Locks a seat's bond, as TrainingRuns; once per seat.

        Args:
            amount: More than zero; at most the payer's credit.
            expiry: First unix second at which the vault gives it back to anybody who asks.
            member_id: The seat.
            payer: Whose credit in the vault it is: whoever enrolled.
            run_id: The run.
            token: ERC-20 contract, zero = the chain's own coin.
        """
        self.caller.transact("Bonds", "take", run_id, member_id, payer, token, amount, expiry, at=self.at)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Bonds", "trustedForwarder", at=self.at)
        return access.address(found)
