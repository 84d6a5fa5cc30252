"""What the signatures of one attempt prove: its inputs, its certificate, who left the run.

A node asks before it commits, reveals or reads, and ``run verify`` asks afterwards; both hold everything against the
roster's keys, so that a lying ledger fails here (secure-aggregation section 4, steps 2 to 4). Bytes behind the digests
are checked in ``learning/secagg``; what a node may sign itself is ``committing``'s.
"""

import dataclasses
from collections.abc import Callable, Mapping

from aicommons.domain import encoding, errors, events, ids, messages, run, signature
from aicommons.learning.secagg import layout, masks
from aicommons.protocol import cells as divisions
from aicommons.protocol import view as views

Message = events.Submitted | events.Committed | events.Revealed | events.Resulted
"""A signed message of a round, as the ledger shows it."""


SidsOf = Callable[[views.AttemptPlace], frozenset[bytes]]
"""Attempt -> the sessions that are its own, by computation."""


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """The signed part of one attempt."""

    place: encoding.Place
    """Where the signatures are valid."""
    roster: events.RosterFixed
    """Whose keys count; pinned by the operator, or recomputed by who verifies."""
    layout: layout.Layout
    """Columns and quorum."""
    sid: bytes
    """The session that every message must name, 32 bytes."""
    seen: views.AttemptView
    """The ledger's view of the attempt."""
    verified: dict[events.Event, bool] = dataclasses.field(default_factory=dict)
    """Messages whose signature was checked before, and whether it held."""
    cells: divisions.Cells = divisions.UNDIVIDED
    """Cells of the run, drawn by oneself; none where all seats are summed as one set."""
    cheats: frozenset[int] = frozenset()
    """Members that are proven to have cheated: their cells do without them."""

    @property
    def participants(self) -> tuple[int, ...]:
        """The set S, ascending."""
        return participants_of(self.roster, self.seen)

    def is_signed(self, member: int, sent: Message) -> bool:
        """Return whether ``sent`` is ``member``'s, of this session and signed by its key in the roster; total, never raises.

        What it signed in another session is a true signature too: without asking for the session, a ledger that lies could
        have a node judge an honest member by what it sent elsewhere.
        """
        return sent.sid == self.sid and self.is_signed_anywhere(member, sent)

    def is_signed_anywhere(self, member: int, sent: Message) -> bool:
        """Return whether ``sent`` is ``member``'s and signed by its key in the roster, in whatever session; total, never raises."""
        known = self.verified.get(sent)
        if known is None:
            known = is_signed(self.place, self.roster, signed_part(sent), sent.signature)
            self.verified[sent] = known
        return known and sent.member_id == member


@dataclasses.dataclass(frozen=True, slots=True)
class Inputs:
    """The participant set of an attempt and the digests that a Commit binds."""

    headers: dict[int, bytes]
    """Participant -> header digest, ascending."""
    set_digest: bytes
    input_digest: bytes
    cells: Mapping[int, tuple[int, ...]]
    """Cell -> its participants, both ascending; cell 0 has all of them where the run is not divided."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The cells that are summed, ascending."""
        return tuple(self.cells)


def participants_of(roster: events.RosterFixed, seen: views.AttemptView) -> tuple[int, ...]:
    """Return the member ids of an attempt's participant set, ascending."""
    return tuple(member for index, member in enumerate(roster.member_ids) if seen.set_bits >> index & 1)


def inputs_of(evidence: Evidence) -> Inputs:
    """Return the attempt's inputs after checking who signed them.

    Raises:
        errors.AggregationRefused: ``set-too-small``, ``cell-not-whole``, ``submit-missing``, ``submit-session`` or
            ``submit-signature``.
    """
    participants = evidence.participants
    least = max(run.FEWEST_PARTICIPANTS, evidence.layout.faults + 2)
    if len(participants) < least:
        raise errors.AggregationRefused(
            f"the participant set has {len(participants)} members, at least {least} are needed", reason="set-too-small"
        )
    cells = _cells_of(evidence, participants)
    headers = {}
    for member in participants:
        sent = evidence.seen.submits.get(member)
        if sent is None:
            raise errors.AggregationRefused("a participant sent nothing", reason="submit-missing", member=member)
        if sent.sid != evidence.sid:
            raise errors.AggregationRefused(
                "a participant starts from another state", reason="submit-session", member=member
            )
        if not evidence.is_signed(member, sent):
            raise errors.AggregationRefused("a Submit is not signed", reason="submit-signature", member=member)
        headers[member] = bytes(sent.header_digest)
    return Inputs(
        headers,
        encoding.set_digest(participants),
        encoding.input_digest(evidence.sid, participants, list(headers.values())),
        cells,
    )


def _cells_of(evidence: Evidence, participants: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """Return the cells of a set with their participants, after checking that no cell lacks anybody but proven cheats.

    Raises:
        errors.AggregationRefused: ``cell-not-whole``: a part of a cell, too small a cell, or half of the cells or fewer: sums
            over them would tell about single sites, or let a few of them make the model.
    """
    if not evidence.cells:
        return {masks.ONE_CELL[0]: participants}
    members = evidence.roster.member_ids
    gone = sum(1 << seat for seat, member in enumerate(members) if member in evidence.cheats)
    shown = evidence.seen.set_bits
    if divisions.whole(evidence.cells, shown, gone) | (gone & shown) != shown:
        raise errors.AggregationRefused(
            "the set is not made of more than half of the cells, each whole", reason="cell-not-whole"
        )
    return {
        number: tuple(member for seat, member in enumerate(members) if inside >> seat & 1)
        for number, inside in divisions.within(evidence.cells, shown).items()
    }


def certified(evidence: Evidence, inputs: Inputs) -> dict[int, events.Committed]:
    """Return the Commits over exactly these inputs whose signatures hold against the roster.

    Raises:
        errors.AggregationRefused: ``no-certificate``: fewer than a quorum, or a column without one.
    """
    valid = {}
    for member, sent in evidence.seen.commits.items():
        named = (sent.sid, sent.set_digest, sent.input_digest)
        same = named == (evidence.sid, inputs.set_digest, inputs.input_digest)
        if same and evidence.is_signed(member, sent):
            valid[member] = sent
    if not is_certificate(evidence, valid):
        raise errors.AggregationRefused(
            f"{len(valid)} valid Commits are no certificate, {evidence.layout.quorum} are needed",
            reason="no-certificate",
        )
    return valid


def is_certificate(evidence: Evidence, commits: Mapping[int, events.Committed]) -> bool:
    """Return whether equal Commits of these members are a quorum with one from every column."""
    return evidence.layout.is_certified_by([evidence.roster.member_ids.index(member) for member in commits])


def due_reveals(evidence: Evidence, commits: Mapping[int, events.Committed]) -> frozenset[int]:
    """Return which of the certified members have to reveal before a round may be read.

    A Commit may come after its round was unmasked by the others, and its Reveal then never: it is not waited for when
    the Commits before it are a certificate of which each was opened.
    """
    ordered = sorted(commits.values(), key=lambda sent: sent.at)
    before: dict[int, events.Committed] = {}
    for sent in ordered:
        if sent.member_id not in evidence.seen.reveals and is_certificate(evidence, before):
            break
        before[sent.member_id] = sent
    return frozenset(before) | (frozenset(commits) & frozenset(evidence.seen.reveals))


def is_signed(place: encoding.Place, roster: events.RosterFixed, message: messages.Message, signed: bytes) -> bool:
    """Return whether a message was signed by the roster's key of the member that it names; total, never raises."""
    member = getattr(message, "member_id", None)
    if member not in roster.member_ids:
        return False
    key = roster.node_keys[roster.member_ids.index(member)]
    return signature.is_signed_by(encoding.message_digest(place, message), signed, key)


def has_left(current: views.RunView, run_id: ids.RunId, member: int, place: encoding.Place) -> bool:
    """Return whether ``member`` left the run by an exit that it signed, on demand or in advance at enrolment."""
    left, roster = current.exits.get(member), current.roster
    if left is None or roster is None:
        return False
    signed = left.signature
    enrolled = current.enrolled.get(member)
    in_advance = left.last_round == messages.ANY_ROUND and not signed
    if in_advance and enrolled is not None and enrolled.absence is run.Absence.EXIT:
        signed = enrolled.exit_signature
    return is_signed(place, roster, messages.Exit(run_id, ids.MemberId(member), left.last_round), signed)


def signed_part(sent: Message) -> messages.Message:
    """Return what the signature beside a message is over."""
    match sent:
        case events.Submitted():
            return messages.Submit(sent.sid, sent.member_id, sent.header_digest)
        case events.Committed():
            return messages.Commit(sent.sid, sent.member_id, sent.set_digest, sent.input_digest, sent.masks)
        case events.Revealed():
            return messages.Reveal(sent.sid, sent.member_id, sent.salt, sent.mine, sent.document)
        case events.Resulted():
            return messages.Result(sent.sid, sent.member_id, sent.sum_digest, sent.state_digest)


def convicted(
    place: encoding.Place, current: views.RunView, faults: int, sids_of: SidsOf | None = None
) -> frozenset[int]:
    """Return who of a run is proven to have cheated.

    f + 1 others of the roster signed that, by their own computation, or it signed two different messages where one is allowed. Only
    who the ledger calls convicted is asked about; that it says so proves nothing by itself.

    Args:
        place: where signatures are valid.
        current: the run.
        faults: f.
        sids_of: gives the sessions of an attempt: a verdict of another run, which a lying ledger could show, names none of
            them. Without it, whoever calls has checked that already.
    """
    judges: dict[int, set[int]] = {guilty: set() for guilty in current.convicted}
    for at, attempt in current.attempts.items() if judges else ():
        for said in attempt.verdicts.values():
            is_meant = said.case_digest != messages.SILENCE and said.guilty_id in judges
            if not is_meant or (sids_of is not None and said.sid not in sids_of(at)):
                continue
            if _is_judged(place, current, said):
                judges[said.guilty_id].add(said.member_id)
    twice = {guilty for guilty in judges if has_equivocated(place, current, current.equivocated.get(guilty))}
    return frozenset(guilty for guilty, by in judges.items() if len(by) > faults) | twice


def has_equivocated(place: encoding.Place, current: views.RunView, told: events.Equivocated | None) -> bool:
    """Return whether both messages of an event are signed by the member that it names, and differ; total."""
    if told is None or current.roster is None or told.first[0] == told.second[0]:
        return False
    made = messages.OF_KIND[told.kind]
    for fields, signed in (told.first, told.second):
        is_whole = len(fields) == len(dataclasses.fields(made))
        if not is_whole or fields[:2] != (told.sid, encoding.word(told.guilty_id)):
            return False
        message = made(told.sid, told.guilty_id, *fields[2:])  # type: ignore[call-arg]  # as many as it has fields
        if not is_signed(place, current.roster, message, signed):
            return False
    return True


def waived(
    place: encoding.Place, current: views.RunView, seen: views.AttemptView, faults: int, *, sid: bytes
) -> frozenset[int]:
    """Return whose Reveal of an attempt is not waited for: f + 1 others of the roster signed in its session that it is silent."""
    judges: dict[int, set[int]] = {silent: set() for silent in seen.waived}
    for said in seen.verdicts.values() if judges else ():
        is_meant = (said.sid, said.case_digest) == (sid, messages.SILENCE) and said.guilty_id in judges
        if is_meant and _is_judged(place, current, said):
            judges[said.guilty_id].add(said.member_id)
    return frozenset(silent for silent, by in judges.items() if len(by) > faults)


def _is_judged(place: encoding.Place, current: views.RunView, said: events.VerdictGiven) -> bool:
    if current.roster is None or said.member_id == said.guilty_id:
        return False
    return is_signed(place, current.roster, accusation(said), said.signature)


def accusation(said: events.Complained | events.Disputed | events.VerdictGiven) -> messages.Message:
    """Return what the signature beside a complaint, dispute or verdict is over."""
    match said:
        case events.Complained():
            return messages.Complain(said.sid, said.member_id, said.accused_id, said.header_digest, said.evidence)
        case events.Disputed():
            where = (said.cell, said.column, said.chunk)
            return messages.Dispute(said.sid, said.member_id, said.accused_id, *where, said.evidence)
        case events.VerdictGiven():
            return messages.Verdict(said.sid, said.member_id, said.case_digest, said.guilty_id)
