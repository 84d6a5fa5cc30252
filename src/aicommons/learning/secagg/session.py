"""A session: everything public about one attempt to sum, which every function of this package takes first.

Built by the node and by ``run verify`` from the roster, the Acks and the RunSpec; `sid` and the committee digest come
from ``domain/encoding.py``. It holds no secrets and does no input or output.
"""

import dataclasses

from aicommons.domain import errors
from aicommons.learning.secagg import hashing, kem
from aicommons.learning.secagg import layout as layouts
from aicommons.learning.secagg import suite as suites

_DIGEST_BYTES = 32
_MAX_MEMBER_ID = 2**256 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """One attempt of one round."""

    sid: bytes
    """32-byte session id: chain, contract, run, round, attempt, state and committee."""
    suite: suites.Suite
    """Cipher and word width."""
    words: int
    """d: words per vector, padded by `suite.pad_words`."""
    member_ids: tuple[int, ...]
    """Roster, strictly ascending."""
    points: tuple[bytes, ...]
    """Each member's epoch point, in roster order; the node accepted its Ack."""
    layout: layouts.Layout
    """Who holds which column."""
    kem_keys: tuple[tuple[bytes, ...], ...] | None = None
    """In hybrid runs each member's ML-KEM-768 public keys, one for each participant, both in roster order; its Ack names them."""

    def __post_init__(self) -> None:
        """Refuse a session that does not hold together.

        Raises:
            errors.AggregationRefused: ``session-invalid``, saying which field.
        """
        if len(self.sid) != _DIGEST_BYTES:
            raise _invalid("sid", f"{_DIGEST_BYTES} bytes", len(self.sid))
        if not suites.is_word_count(self.words, self.suite):
            raise _invalid("words", "a padded length within 2**30 bytes", self.words)
        if len(self.member_ids) != self.layout.members or len(self.points) != self.layout.members:
            raise _invalid("members", self.layout.members, f"{len(self.member_ids)} ids, {len(self.points)} points")
        if self.kem_keys is not None and not self._has_all_kem_keys(self.kem_keys):
            raise _invalid(
                "kem keys", f"{len(self.points)} times {len(self.points)} of {kem.PUBLIC_BYTES} bytes", "others"
            )
        if list(self.member_ids) != sorted(set(self.member_ids)):
            raise _invalid("member ids", "strictly ascending", "another order")
        if not 0 <= self.member_ids[0] <= self.member_ids[-1] <= _MAX_MEMBER_ID:
            raise _invalid("member ids", "unsigned 256-bit numbers", "others")
        if not layouts.is_allowed(self.layout, self.words):
            raise _invalid("layout", f"layout {layouts.SUBSETS}", self.layout.number)

    def _has_all_kem_keys(self, kem_keys: tuple[tuple[bytes, ...], ...]) -> bool:
        lengths = [kem.PUBLIC_BYTES] * len(self.points)
        return len(kem_keys) == len(lengths) and all([*map(len, row)] == lengths for row in kem_keys)

    @property
    def chunks(self) -> int:
        """Q: chunks per vector."""
        return suites.chunk_count(self.words, self.suite)

    @property
    def blob_bytes(self) -> int:
        """Bytes of one vector."""
        return self.words * self.suite.word_bytes

    def index_of(self, member_id: int) -> int:
        """Return the roster position of a member.

        Raises:
            errors.AggregationRefused: ``member-unknown``.
        """
        if member_id not in self.member_ids:
            raise errors.AggregationRefused(
                f"member {member_id} is not on the roster", reason="member-unknown", member=member_id
            )
        return self.member_ids.index(member_id)

    def participant_context(self, member_id: int) -> bytes:
        """Return ctx_i: the 32 bytes that tie a submission to this session and member."""
        return hashing.tagged("aic/part", self.sid, hashing.member_bytes(member_id))

    def column_context(self, member_id: int, column: int) -> bytes:
        """Return ctx_ic: the 32 bytes that tie a seed to this session, member and column."""
        return hashing.tagged("aic/col", self.sid, hashing.member_bytes(member_id), hashing.u32(column))


def _invalid(field: str, expected: object, got: object) -> errors.AggregationRefused:
    return errors.AggregationRefused(f"session {field}: expected {expected}, got {got}", reason="session-invalid")
