"""The signed messages of a run (EIP-712, secure-aggregation section 2, "Who signs what"); one record per type.

How they are hashed is in ``encoding.py``; who may sign
what and when is the contract's and the certificate's business.
"""

import dataclasses
import enum
from collections.abc import Mapping
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
class Complain(Message):
    """The accused's box of seeds does not open for me; the evidence proves it."""

    TYPE: ClassVar[str] = (
        "Complain(bytes32 sid,uint256 memberId,uint256 accusedId,bytes32 headerDigest,bytes32 evidence)"
    )
    sid: bytes
    member_id: ids.MemberId
    accused_id: ids.MemberId
    header_digest: bytes
    evidence: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Dispute(Message):
    """The accused revealed another sum than I did; the evidence opens the first chunk in which they differ."""

    TYPE: ClassVar[str] = (
        "Dispute(bytes32 sid,uint256 memberId,uint256 accusedId,uint32 cell,uint32 column,uint32 chunk,bytes32 evidence)"
    )
    sid: bytes
    member_id: ids.MemberId
    accused_id: ids.MemberId
    cell: int
    column: int
    chunk: int
    evidence: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict(Message):
    """I checked the case myself: this one cheated. ``case_digest`` is zero for silence."""

    TYPE: ClassVar[str] = "Verdict(bytes32 sid,uint256 memberId,bytes32 caseDigest,uint256 guiltyId)"
    sid: bytes
    member_id: ids.MemberId
    case_digest: bytes
    guilty_id: ids.MemberId


SILENCE = bytes(32)
"""``case_digest`` of a verdict on silence, which is no fraud."""


@dataclasses.dataclass(frozen=True, slots=True)
class Exit(Message):
    """The run may go on without me, signed in advance or on demand."""

    TYPE: ClassVar[str] = "Exit(bytes32 runId,uint256 memberId,uint32 lastRound)"
    run_id: ids.RunId
    member_id: ids.MemberId
    last_round: int


ANY_ROUND = 2**32 - 1
"""``last_round`` before the first round is over, and of an Exit signed in advance, at enrolment."""


class Kind(enum.IntEnum):
    """Messages of which a seat signs one on each sid: two different ones convict it."""

    SUBMIT = 0
    COMMIT = 1
    REVEAL = 2
    RESULT = 3


Signed = tuple[tuple[bytes, ...], bytes]
"""A message of a kind as its EIP-712 fields, 32 bytes each, and its signature."""
OF_KIND: Mapping[Kind, type[Message]] = {
    Kind.SUBMIT: Submit,
    Kind.COMMIT: Commit,
    Kind.REVEAL: Reveal,
    Kind.RESULT: Result,
}
"""Kind -> its record."""
