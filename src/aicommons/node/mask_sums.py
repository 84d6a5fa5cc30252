"""The job behind a Commit: check every byte of every input, then sum the masks of this member's columns.

Done beside the loop for long vectors, in a child with which the seeds end. ``committing`` starts it; a Reveal computes again what a
killed process took with it, and a dispute the seeds that it opens (secure-aggregation section 4, steps 2, 3 and 5).
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from aicommons.domain import errors, ids
from aicommons.learning.secagg import boxes, checking, epoch, group, masks, reveal, suite
from aicommons.node import agent as agents
from aicommons.node import evidence, fetching, frames


def epoch_key(agent: agents.Agent, attempt: agents.Attempt) -> epoch.Key:
    """Return this epoch's secrets.

    Raises:
        errors.JournalConflict: it was erased.
    """
    kept = agent.signing.keys.get(attempt.key.run_id, attempt.epoch)
    if kept is None:
        raise errors.JournalConflict("this epoch's key was erased", which=ids.format_id(attempt.key.run_id))
    return epoch.decode_key(kept)


@dataclasses.dataclass(frozen=True, slots=True)
class MaskSums:
    """The job: check every input, then sum the masks of this member's columns."""

    agent: agents.Agent
    attempt: agents.Attempt
    inputs: evidence.Inputs
    key: epoch.Key = dataclasses.field(repr=False)

    def work(self) -> bytes:
        """Return input digest, salt, mine, document and the names of the sealed columns, which are kept here.

        Raises:
            errors.AggregationRefused: an input fails a check, with its reason and member.
            errors.BlobNotFound: an input is not in the store (yet).
        """
        session, member_id = self.attempt.session, self.agent.member_id
        sealed = suite.room(session.blob_bytes + boxes.TAG_BYTES)
        named = [(each.without_words(), self.keep(each, sealed)) for each in self.sums()]
        salt = self.agent.draw(32)
        mine, _ = masks.commit(session, member_id, [each for each, _ in named], salt)
        document = reveal.build_document(
            session,
            member_id,
            named,
            readers=self.attempt.readers,
            input_digest=self.inputs.input_digest,
            draw=self.agent.draw,
        )
        return frames.join([self.inputs.input_digest, salt, mine, document, *(name for _, name in named)])

    def keep(self, column: masks.ColumnSum, room: memoryview) -> bytes:
        """Seal a column (in ``room``, one after the other), keep it here until it may be revealed, and return its name.

        A long one goes to the disk. A short one is held in memory only: after a crash it is computed again.
        """
        sealed = reveal.seal_column(column, room)
        if not self.attempt.is_short:
            return self.agent.own.put(sealed)
        held = ids.Blob(sealed)
        self.attempt.held[held.digest] = held
        self.attempt.sums[column.column, column.cell] = column
        return held.digest

    def restore(self, names: Sequence[bytes]) -> None:
        """Compute the sealed columns again that a killed process took with it; raises like ``work``."""
        if any(name not in self.attempt.held and not self.agent.own.has(name) for name in names):
            sealed = suite.room(self.attempt.session.blob_bytes + boxes.TAG_BYTES)
            for column in self.sums():
                self.keep(column, sealed)

    def sums(self) -> Iterator[masks.ColumnSum]:
        """Check every input, then yield the mask sums of this member's columns; raises like ``work``.

        One input, and then one sum, is in memory at a time: that of a long round is overwritten by the next.
        """
        session = self.attempt.session
        index = session.index_of(self.agent.member_id)
        if group.multiply_base(self.key.secret) != session.points[index]:
            raise errors.JournalConflict("the epoch key is not the acknowledged one", which=session.sid.hex()[:16])
        seeds = self.seeds()
        room = None if self.attempt.is_short else np.empty(session.words, session.suite.dtype)
        for column in session.layout.columns_of(index):
            for cell, members in self.inputs.cells.items():
                of_cell = {member: seeds[member] for member in members}
                yield masks.mask_sum(session, of_cell, column, self.inputs.input_digest, cell=cell, room=room)

    def seeds(self) -> dict[int, dict[int, bytes]]:
        """Check every input and return this member's seeds of it, participant -> column -> seed; raises like ``work``."""
        session, seeds = self.attempt.session, {}
        index = session.index_of(self.agent.member_id)
        fetching.bring_inputs(self.agent, self.attempt, self.inputs.headers)
        for participant, digest in self.inputs.headers.items():
            head, masked = fetching.fetch_input(self.agent, self.attempt, participant, digest)
            kem_seed = self.key.seed_for(participant)
            seeds[participant] = checking.check_submission(
                session, participant, head, masked, index=index, secret=self.key.secret, kem_seed=kem_seed
            )
            del masked
        return seeds
