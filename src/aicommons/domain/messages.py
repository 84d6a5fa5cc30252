"""The signed messages of a run (EIP-712, secure-aggregation section 2, "Who signs what"); one record per type.

Complain, Dispute and Verdict come with the complaint procedure. How they are hashed is in ``encoding.py``; who may sign
what and when is the contract's and the certificate's business.
"""

import dataclasses
from typing import ClassVar

from aicommons.domain import ids


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """What all messages share: the EIP-712 type string."""

    TYPE: ClassVar[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Ack(Message):
    """I take part in this epoch with this key: one per roster and epoch."""

    TYPE: ClassVar[str] = "Ack(bytes32 roster,uint32 epoch,uint256 memberId,bytes32 point,bytes32 pokR,bytes32 pokZ)"
    roster: bytes
    epoch: int
    member_id: ids.MemberId
    point: bytes
    pok_r: bytes
    pok_z: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Submit(Message):
    """My masked vector is in the store. Its sid names the state it starts from: the vote on the round before."""

    TYPE: ClassVar[str] = "Submit(bytes32 sid,uint256 memberId,bytes32 headerDigest)"
    sid: bytes
    member_id: ids.MemberId
    header_digest: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Commit(Message):
    """I hold all inputs, my boxes open, my masks are fixed."""

    TYPE: ClassVar[str] = "Commit(bytes32 sid,uint256 memberId,bytes32 setDigest,bytes32 inputDigest,bytes32 masks)"
    sid: bytes
    member_id: ids.MemberId
    set_digest: bytes
    input_digest: bytes
    masks: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Reveal(Message):
    """Here are my mask sums: opens the commitment and names the document that lists them."""

    TYPE: ClassVar[str] = "Reveal(bytes32 sid,uint256 memberId,bytes32 salt,bytes32 mine,bytes32 document)"
    sid: bytes
    member_id: ids.MemberId
    salt: bytes
    mine: bytes
    document: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Result(Message):
    """This is the state that I computed: in the last round, before a pause, or by a member that leaves."""

    TYPE: ClassVar[str] = "Result(bytes32 sid,uint256 memberId,bytes32 sumDigest,bytes32 stateDigest)"
    sid: bytes
    member_id: ids.MemberId
    sum_digest: bytes
    state_digest: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Exit(Message):
    """The run may go on without me, signed in advance or on demand."""

    TYPE: ClassVar[str] = "Exit(bytes32 runId,uint256 memberId,uint32 lastRound)"
    run_id: ids.RunId
    member_id: ids.MemberId
    last_round: int


ANY_ROUND = 2**32 - 1
"""``last_round`` before the first round is over, and of an Exit signed in advance, at enrolment."""
