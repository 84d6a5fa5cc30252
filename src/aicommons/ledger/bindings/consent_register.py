"""The contract ConsentRegister: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
from collections.abc import Sequence
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """One person's consent, as a leaf of the tree. Nothing in it says who the person is."""

    dataset_id: int
    """The dataset that the person is in."""
    index: int
    """Place in the register and in the status list, from 0."""
    commitment: bytes
    """Salted commitment to the private consent record."""
    holder: ids.Address
    """Key that takes the consent back, zero = nobody's."""
    guardian: ids.Address
    """Key of who consented for a child, zero = the person consented itself."""
    guardianship: bytes
    """Attestation in `Guardianships`, zero without a guardian."""
    majority: int
    """First unix second at which the person decides alone."""
    expiry: int
    """First unix second at which the consent is dead."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 8)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.data(item[2]),
            access.address(item[3]),
            access.address(item[4]),
            access.data(item[5]),
            access.number(item[6]),
            access.number(item[7]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Register:
    """What a register says now."""

    owner: int
    """Member id of the dataset's owner, 0 = there is no register."""
    leaves: int
    """How many consents were ever entered."""
    posts: int
    """How often it was posted."""
    root: bytes
    """Root over the leaves."""
    status: bytes
    """Root over the words of the status list."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 5)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.number(item[2]),
            access.data(item[3]),
            access.data(item[4]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentRegister:
    """The contract ConsentRegister."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("ConsentRegister", "admin", at=self.at)
        return access.address(found)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "ConsentRegister", "eip712Domain", at=self.at
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

    def is_live(self, leaf: Leaf, proof: Sequence[bytes], word: int, status_proof: Sequence[bytes]) -> bool:
        """Whether a consent may be relied on now.

        Args:
            leaf: The consent.
            proof: Siblings from the leaf up to the present root.
            status_proof: Siblings from the word up to the present status root.
            word: The word of the status list that holds the consent's bit.
        """
        (found,) = self.caller.call(
            "ConsentRegister", "isLive", dataclasses.astuple(leaf), list(proof), word, list(status_proof), at=self.at
        )
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("ConsentRegister", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def is_withdrawn(self, leaf: bytes) -> bool:
        """Whether somebody took the consent back without the steward.

        Args:
            leaf: Hash of the leaf.
        """
        (found,) = self.caller.call("ConsentRegister", "isWithdrawn", leaf, at=self.at)
        return access.truth(found)

    def leaf_hash(self, leaf: Leaf) -> bytes:
        """The hash of a leaf in this register on this chain.

        Args:
            leaf: The consent.
        """
        (found,) = self.caller.call("ConsentRegister", "leafHash", dataclasses.astuple(leaf), at=self.at)
        return access.data(found)

    def open(self, dataset_id: int) -> None:
        """Opens the register of one of the caller's datasets, empty.

        Args:
            dataset_id: One of the caller's datasets.
        """
        self.caller.transact("ConsentRegister", "open", dataset_id, at=self.at)

    def post(self, dataset_id: int, root: bytes, leaves: int, status: bytes) -> None:
        """Posts the register's new state; any number of consents given and taken back at the same cost.

        Args:
            dataset_id: One of the caller's datasets with a register.
            leaves: How many there are; never fewer than before.
            root: Root over all leaves.
            status: Root over the words of the status list.
        """
        self.caller.transact("ConsentRegister", "post", dataset_id, root, leaves, status, at=self.at)

    def register(self, dataset_id: int) -> Register:
        """The register of a dataset.

        Args:
            dataset_id: Any id.
        """
        (found,) = self.caller.call("ConsentRegister", "register", dataset_id, at=self.at)
        return Register.read(found)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("ConsentRegister", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("ConsentRegister", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("ConsentRegister", "trustedForwarder", at=self.at)
        return access.address(found)

    def withdraw(self, leaf: Leaf, proof: Sequence[bytes]) -> None:
        """Takes a consent back as its holder or, before majority, its guardian. Cannot be paused.

        Args:
            leaf: The consent.
            proof: Siblings from the leaf up, to one of the last eight roots.
        """
        self.caller.transact("ConsentRegister", "withdraw", dataclasses.astuple(leaf), list(proof), at=self.at)

    def withdraw_by_signature(
        self, leaf: Leaf, proof: Sequence[bytes], deadline: int, by: ids.Address, *, signature: bytes
    ) -> None:
        """Takes a consent back with the signature of its holder or guardian, whoever sends it.

        Args:
            by: Who signed.
            deadline: Last unix second at which the signature is good.
            leaf: The consent.
            proof: Siblings from the leaf up, to one of the last eight roots.
            signature: EIP-712 `Withdraw(bytes32 leaf,uint256 deadline)`; ERC-1271 where `by` is a contract.
        """
        self.caller.transact(
            "ConsentRegister",
            "withdrawBySignature",
            dataclasses.astuple(leaf),
            list(proof),
            deadline,
            by,
            signature,
            at=self.at,
        )
