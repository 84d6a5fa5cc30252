"""The contract Verdicts: written from its ABI and NatSpec by contracts/build.py, not by hand."""

import dataclasses
import enum
from typing import Self

from aicommons.domain import ids
from aicommons.ledger.bindings import access


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """Names one seat's message of one attempt."""

    run_id: bytes
    """The run."""
    round_: int
    """Counted from 0."""
    attempt: int
    """Counted from 0 within the round."""
    member_id: int
    """The seat."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 4)
        return cls(access.data(item[0]), access.number(item[1]), access.number(item[2]), access.number(item[3]))


class Kind(enum.IntEnum):
    """Kind as the contract counts it."""

    ACCREDITATION = 0
    ETHICS_APPROVAL = 1
    AUDIT = 2
    COURSE = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """A message as its fields, with who signed it."""

    fields: tuple[bytes, ...]
    """The EIP-712 fields in their order, a word each."""
    signature: bytes
    """By a node key."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Return it as the contract answered it; raises ``errors.LedgerMismatch`` for anything else."""
        item = access.items(value, 2)
        return cls(tuple(access.data(each) for each in access.items(item[0])), access.data(item[1]))


@dataclasses.dataclass(frozen=True, slots=True)
class Verdicts:
    """The contract Verdicts."""

    caller: access.Caller
    """Sends and asks."""
    at: ids.Address | None = None
    """Where it stands; ``None`` where the deployment has it."""

    def admin(self) -> ids.Address:
        """The timelock: the only admin."""
        (found,) = self.caller.call("Verdicts", "admin", at=self.at)
        return access.address(found)

    def complain(
        self, key: Key, sid: bytes, accused_id: int, header_digest: bytes, *, evidence: bytes, signature: bytes
    ) -> None:
        """Complains about a box of seeds; once per sid, accuser and accused, until the next sid is agreed.

        Args:
            accused_id: A seat of the set.
            evidence: SHA-256 of the shared point and its proof in the store.
            header_digest: The accused's last header.
            key: Run, round and attempt of the last agreed sid, and the seat that complains.
            sid: The last agreed sid.
            signature: Complain(sid, memberId, accusedId, headerDigest, evidence) by the node key.
        """
        self.caller.transact(
            "Verdicts",
            "complain",
            dataclasses.astuple(key),
            sid,
            accused_id,
            header_digest,
            evidence,
            signature,
            at=self.at,
        )

    def dispute(
        self,
        key: Key,
        sid: bytes,
        accused_id: int,
        cell: int,
        *,
        column: int,
        chunk: int,
        evidence: bytes,
        signature: bytes,
    ) -> None:
        """Disputes a revealed sum; once per sid, accuser, accused, cell and column, until the next sid is agreed.

        Args:
            accused_id: A seat that revealed, as the one that disputes did.
            cell: Cell of the sum, 0 where there is one.
            chunk: First chunk in which the two sums differ.
            column: Column of the sum.
            evidence: SHA-256 of the opened chunk in the store.
            key: Run, round and attempt of the last agreed sid, and the seat that disputes.
            sid: The last agreed sid.
            signature: Dispute(sid, memberId, accusedId, cell, column, chunk, evidence) by the node key.
        """
        self.caller.transact(
            "Verdicts",
            "dispute",
            dataclasses.astuple(key),
            sid,
            accused_id,
            cell,
            column,
            chunk,
            evidence,
            signature,
            at=self.at,
        )

    def equivocated(
        self, key: Key, kind: Kind, epoch: int, state_digest: bytes, *, first: Signed, second: Signed
    ) -> None:
        """Convicts at once whoever signed two different messages of one kind on one sid of this run.

        Args:
            epoch: Epoch of keys in which the attempt was opened.
            first: The one, as its EIP-712 fields.
            key: Run, round and attempt of the sid, and who signed both.
            kind: Which kind of message.
            second: The other.
            state_digest: The state that the sid names.
        """
        self.caller.transact(
            "Verdicts",
            "equivocated",
            dataclasses.astuple(key),
            kind,
            epoch,
            state_digest,
            dataclasses.astuple(first),
            dataclasses.astuple(second),
            at=self.at,
        )

    def is_convicted(self, run_id: bytes, member_id: int) -> bool:
        """Whether a seat is convicted.

        Args:
            member_id: Any id.
            run_id: Any id.
        """
        (found,) = self.caller.call("Verdicts", "isConvicted", run_id, member_id, at=self.at)
        return access.truth(found)

    def is_trusted_forwarder(self, forwarder: ids.Address) -> bool:
        """Indicates whether any particular address is the trusted forwarder."""
        (found,) = self.caller.call("Verdicts", "isTrustedForwarder", forwarder, at=self.at)
        return access.truth(found)

    def set_successor(self, successor: ids.Address) -> None:
        """Names the contract that takes this one's place. What is recorded here stays, and goes on to its end.

        Args:
            successor: A contract.
        """
        self.caller.transact("Verdicts", "setSuccessor", successor, at=self.at)

    def successor(self) -> ids.Address:
        """The contract that took this one's place; zero = none."""
        (found,) = self.caller.call("Verdicts", "successor", at=self.at)
        return access.address(found)

    def trusted_forwarder(self) -> ids.Address:
        """Returns the address of the trusted forwarder."""
        (found,) = self.caller.call("Verdicts", "trustedForwarder", at=self.at)
        return access.address(found)

    def verdict(self, key: Key, sid: bytes, case_digest: bytes, guilty_id: int, *, signature: bytes) -> None:
        """Judges: f + 1 seats that name one as guilty convict it, whatever the cases; f + 1 that name it as silent in
        this round (`caseDigest` 0) let the round go on without its Reveal.

        Args:
            case_digest: See `VerdictGiven`.
            guilty_id: Another seat of the run.
            key: Run, seat that judges, and round and attempt of the sid.
            sid: The last agreed sid, or an older one on which somebody was accused or judged in time.
            signature: Verdict(sid, memberId, caseDigest, guiltyId) by the node key.
        """
        self.caller.transact(
            "Verdicts", "verdict", dataclasses.astuple(key), sid, case_digest, guilty_id, signature, at=self.at
        )

    def verdicts_on(self, run_id: bytes, guilty_id: int) -> int:
        """The seats that named a seat as guilty, in whatever case.

        Args:
            guilty_id: Any id.
            run_id: Any id.

        Returns:
            Bitmap over the roster.
        """
        (found,) = self.caller.call("Verdicts", "verdictsOn", run_id, guilty_id, at=self.at)
        return access.number(found)
