"""The contract DataRegistry: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What is asked of a consent."""

    dataset_id: int
    """The dataset that is wanted."""
    purpose: bytes
    """Keccak256 of the purpose code."""
    problem: bytes
    """The problem it is wanted for."""
    grantee: int
    """Member id of the solver."""
    commercial: bool
    """Whether the use is commercial."""
    price: int
    """The most that is paid for one dataset, in the commons' smallest unit."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 6)
        return cls(
            access.number(item[0]),
            access.data(item[1]),
            access.data(item[2]),
            access.number(item[3]),
            access.truth(item[4]),
            access.number(item[5]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentTerms:
    """What a holder permits."""

    dataset_id: int
    """The dataset."""
    purposes: int
    """Bitmap of the purposes; never zero."""
    grantee: int
    """Member id of the only solver, 0 = any."""
    problem: bytes
    """The only problem, 0 = any."""
    commercial: bool
    """Whether commercial use is permitted too."""
    expiry: int
    """First unix second at which the consent is dead."""
    max_uses: int
    """How many runs may use it; never zero."""
    document: bytes
    """Digest of the ConsentRecord."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 8)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.number(item[2]),
            access.data(item[3]),
            access.truth(item[4]),
            access.number(item[5]),
            access.number(item[6]),
            access.data(item[7]),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Consent:
    """One consent."""

    terms: ConsentTerms
    """What was permitted."""
    uses: int
    """Runs that have used it."""
    given_at: int
    """Unix second at which it was given."""
    revoked_at: int
    """Unix second at which the holder took it back, 0 = it did not."""
    era: int
    """The dataset's era at that time."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 5)
        return cls(
            ConsentTerms.read(item[0]),
            access.number(item[1]),
            access.number(item[2]),
            access.number(item[3]),
            access.number(item[4]),
        )


class DatasetState(enum.IntEnum):
    """DatasetState as the contract counts it."""

    NONE = 0
    LISTED = 1
    SUSPENDED = 2
    RETIRED = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What of a UsePolicy the ledger itself enforces, whatever a consent says."""

    permitted: int
    """Bitmap of the purposes that consents may permit."""
    prohibited: int
    """Bitmap of the purposes that nothing permits; wins over `permitted`."""
    commercial: bool
    """Whether consents may permit commercial use."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 3)
        return cls(access.number(item[0]), access.number(item[1]), access.truth(item[2]))


@dataclasses.dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset, as its newest version has it."""

    owner: int
    """Member id of the holder."""
    version: int
    """Counted from 1, grows with every published card."""
    state: DatasetState
    """See `DatasetState`."""
    free_commons: bool
    """Whether the holder asks no price."""
    price: int
    """Price per run in the commons' smallest unit."""
    card: bytes
    """Digest of the DatasetCard."""
    policy: bytes
    """Digest of the UsePolicy."""
    rules: Rules
    """What of the policy the ledger enforces."""
    body: ids.Address
    """Who alone gives its consents, such as a co-op's governor; zero = the owner does."""
    era: int
    """How often it was entrusted; consents of earlier eras are over."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 10)
        return cls(
            access.number(item[0]),
            access.number(item[1]),
            access.one_of(DatasetState, item[2]),
            access.truth(item[3]),
            access.number(item[4]),
            access.data(item[5]),
            access.data(item[6]),
            Rules.read(item[7]),
            access.address(item[8]),
            access.number(item[9]),
        )


class Denial(enum.IntEnum):
    """Denial as the contract counts it."""

    NONE = 0
    UNKNOWN_CONSENT = 1
    REVOKED = 2
    EXPIRED = 3
    DATASET_NOT_LISTED = 4
    OWNER_NOT_ACTIVE = 5
    OTHER_DATASET = 6
    PURPOSE_UNKNOWN = 7
    PURPOSE_BANNED = 8
    PURPOSE_PROHIBITED = 9
    PURPOSE_NOT_PERMITTED = 10
    PURPOSE_NOT_CONSENTED = 11
    OTHER_PROBLEM = 12
    OTHER_GRANTEE = 13
    COMMERCIAL_NOT_PERMITTED = 14
    USES_SPENT = 15
    PRICE_TOO_HIGH = 16


@dataclasses.dataclass(frozen=True, slots=True)
class DataRegistry:
    """The contract DataRegistry."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("DataRegistry", "admin", at=self.at)
        return access.address(found)

    def banned_purposes(self) -> int:
        """Bitmap of the purposes that nobody can permit."""
        (found,) = self.caller.call("DataRegistry", "bannedPurposes", at=self.at)
        return access.number(found)

    def can_use(self, consent_id: bytes, wanted: Use) -> bool:
        """Whether a new use is permitted now: there is no denial.

        Args:
            consent_id: Any id.
            wanted: What is asked.
        """
        (found,) = self.caller.call("DataRegistry", "canUse", consent_id, dataclasses.astuple(wanted), at=self.at)
        return access.truth(found)

    def change_banned(self, banned: int, lifted: int) -> None:
        """Bans purposes, so that nobody can permit them, and lifts bans, as the timelock. It changes what stands then,
        so that of two votes neither undoes the other. New uses are held to it at once, whatever policies and
        consents say; runs that took their seats before go on, unless their nodes no longer contribute.

        Args:
            banned: Bitmap of registered purposes, closed under "is a kind of".
            lifted: Bitmap of purposes whose ban ends; what is in both is not banned.
        """
        self.caller.transact("DataRegistry", "changeBanned", banned, lifted, at=self.at)

    def consent(self, consent_id: bytes) -> Consent:
        """The record of a consent.

        Args:
            consent_id: Any id.
        """
        (found,) = self.caller.call("DataRegistry", "consent", consent_id, at=self.at)
        return Consent.read(found)

    def consent_count(self, dataset_id: int) -> int:
        """How many consents were given for a dataset; the next one's nonce.

        Args:
            dataset_id: Any id.
        """
        (found,) = self.caller.call("DataRegistry", "consentCount", dataset_id, at=self.at)
        return access.number(found)

    def count(self) -> int:
        """How many datasets were listed; ids are 1..count."""
        (found,) = self.caller.call("DataRegistry", "count", at=self.at)
        return access.number(found)

    def dataset(self, dataset_id: int) -> Dataset:
        """The record of a dataset.

        Args:
            dataset_id: Any id.
        """
        (found,) = self.caller.call("DataRegistry", "dataset", dataset_id, at=self.at)
        return Dataset.read(found)

    def denial(self, consent_id: bytes, wanted: Use) -> Denial:
        """Why a new use is denied now: the first reason in the order of `Denial`, None if it is permitted.

        Args:
            consent_id: Any id.
            wanted: What is asked.
        """
        (found,) = self.caller.call("DataRegistry", "denial", consent_id, dataclasses.astuple(wanted), at=self.at)
        return access.one_of(Denial, found)

    def discharge(self, dataset_id: int) -> None:
        """Gives the dataset back to its owner, as the body that it was entrusted to.

        Args:
            dataset_id: A dataset that is entrusted to the caller.
        """
        self.caller.transact("DataRegistry", "discharge", dataset_id, at=self.at)

    def eip712_domain(self) -> tuple[bytes, str, str, int, ids.Address, bytes, tuple[int, ...]]:
        """Returns the fields and values that describe the domain separator used by this contract for EIP-712 signature."""
        value_0, value_1, value_2, value_3, value_4, value_5, value_6 = self.caller.call(
            "DataRegistry", "eip712Domain", at=self.at
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

    def entrust(self, dataset_id: int, body: ids.Address) -> None:
        """Puts the dataset's consents into the hands of a body, such as a co-op's governor: only it gives them from now
        on. Consents that were given before are over, as if they were revoked. Revoking, suspending and retiring stay
        with the owner as well.

        Args:
            body: The body's account.
            dataset_id: One of the caller's datasets, not retired and not entrusted.
        """
        self.caller.transact("DataRegistry", "entrust", dataset_id, body, at=self.at)

    def give(self, terms: ConsentTerms) -> None:
        """Gives consent as the dataset's owner, or as its body where there is one.

        Args:
            terms: What is permitted; purposes, uses and a future expiry are needed.
        """
        self.caller.transact("DataRegistry", "give", dataclasses.astuple(terms), at=self.at)

    def is_live(self, consent_id: bytes) -> bool:
        """Whether a consent that was used goes on: not revoked, not expired, dataset listed, holder active.

        Args:
            consent_id: Any id; unknown ids are dead.
        """
        (found,) = self.caller.call("DataRegistry", "isLive", consent_id, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("DataRegistry", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def list(self, card: bytes, policy: bytes, rules: Rules, free_commons: bool, *, price: int) -> None:
        """Lists a dataset in the caller's name.

        Args:
            card: Digest of the DatasetCard.
            free_commons: Whether the holder asks no price.
            policy: Digest of the UsePolicy.
            price: Price per run in the commons' smallest unit; counts as 0 in the free commons.
            rules: What of the policy the ledger enforces.
        """
        self.caller.transact(
            "DataRegistry", "list", card, policy, dataclasses.astuple(rules), free_commons, price, at=self.at
        )

    def lived_at(self, consent_id: bytes, time: int) -> bool:
        """Whether a consent stood at some moment of a second that is past: it was given, not yet taken back, not over
        by its terms, and its dataset not entrusted since. Dataset and holder are not looked at: they have no past
        here.

        Args:
            consent_id: Any id; unknown ids never lived.
            time: Unix second.
        """
        (found,) = self.caller.call("DataRegistry", "livedAt", consent_id, time, at=self.at)
        return access.truth(found)

    def owner_of(self, dataset_id: int) -> int:
        """Member id of the dataset's owner, 0 if there is no such dataset.

        Args:
            dataset_id: Any id.
        """
        (found,) = self.caller.call("DataRegistry", "ownerOf", dataset_id, at=self.at)
        return access.number(found)

    def publish_version(
        self, dataset_id: int, card: bytes, policy: bytes, rules: Rules, *, free_commons: bool, price: int
    ) -> None:
        """Publishes a new version; new uses are held to it, uses that were counted before go on. By the body where
        there is one, else by the owner: consents would else come under terms that nobody said yes to.

        Args:
            card: Digest of the new card.
            dataset_id: A dataset that is not retired.
            free_commons: Whether the holder asks no price.
            policy: Digest of the new policy.
            price: Price per run in the commons' smallest unit.
            rules: What of the new policy the ledger enforces.
        """
        self.caller.transact(
            "DataRegistry",
            "publishVersion",
            dataset_id,
            card,
            policy,
            dataclasses.astuple(rules),
            free_commons,
            price,
            at=self.at,
        )

    def purpose_bit(self, purpose: bytes) -> tuple[bool, int]:
        """Which bit stands for a purpose.

        Args:
            purpose: Keccak256 of any purpose code.

        Returns:
            Its place in every bitmap, counted from the least significant.
            Whether the purpose was registered at deployment.
        """
        value_0, value_1 = self.caller.call("DataRegistry", "purposeBit", purpose, at=self.at)
        return access.truth(value_0), access.number(value_1)

    def purpose_count(self) -> int:
        """How many purposes were registered."""
        (found,) = self.caller.call("DataRegistry", "purposeCount", at=self.at)
        return access.number(found)

    def resume(self, dataset_id: int) -> None:
        """Puts a suspended dataset back into use. By the body where there is one, else by the owner.

        Args:
            dataset_id: A dataset that is suspended.
        """
        self.caller.transact("DataRegistry", "resume", dataset_id, at=self.at)

    def retire(self, dataset_id: int) -> None:
        """Takes a dataset out of use for good. By the owner or the body.

        Args:
            dataset_id: A dataset that is not retired.
        """
        self.caller.transact("DataRegistry", "retire", dataset_id, at=self.at)

    def revoke(self, consent_id: bytes) -> None:
        """Takes consent back; works even when everything else is suspended, and for a member who left.

        Args:
            consent_id: A consent for one of the caller's datasets, or for one that is entrusted to the caller.
        """
        self.caller.transact("DataRegistry", "revoke", consent_id, at=self.at)

    def revoke_by_signature(self, consent_id: bytes, deadline: int, signature: bytes) -> None:
        """Takes consent back by the holder's EIP-712 signature Revoke(bytes32 consentId,uint256 deadline) under the
        domain "AI Commons Data Registry", version "1".

        Args:
            consent_id: A consent of the signer's.
            deadline: Last unix second at which the signature counts.
            signature: 65 bytes r || s || v of the holder's account, low s.
        """
        self.caller.transact("DataRegistry", "revokeBySignature", consent_id, deadline, signature, at=self.at)

    def runs_contract(self) -> ids.Address:
        """The bound runs contract, zero before."""
        (found,) = self.caller.call("DataRegistry", "runsContract", at=self.at)
        return access.address(found)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("DataRegistry", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("DataRegistry", "successor", at=self.at)
        return access.address(found)

    def suspend(self, dataset_id: int) -> None:
        """Takes a dataset out of use for now; running runs lose it as well. By the owner or the body.

        Args:
            dataset_id: A dataset that is listed.
        """
        self.caller.transact("DataRegistry", "suspend", dataset_id, at=self.at)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("DataRegistry", "trustedForwarder", at=self.at)
        return access.address(found)

    def use(self, consent_id: bytes, run_id: bytes, wanted: Use) -> None:
        """Counts one use by a run; refused with the denial if there is one.

        Args:
            consent_id: The consent.
            run_id: The run that uses it.
            wanted: What the run wants.
        """
        self.caller.transact("DataRegistry", "use", consent_id, run_id, dataclasses.astuple(wanted), at=self.at)
