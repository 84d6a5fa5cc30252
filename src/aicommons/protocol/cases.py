"""Who accuses whom in a run, and what of it is open: pure, from the ledger's view.

Duties ask what is left to judge, nodes what they have to wait for, and the story of a run what happened. Nothing here says who is
right: that is everybody's own computation (``node.judging``), and what is signed is checked there (``node.evidence``).
"""

import dataclasses
from collections.abc import Iterator

from aicommons.domain import events, messages
from aicommons.protocol import view as views

Said = events.Complained | events.Disputed | events.VerdictGiven


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One accusation."""

    place: views.AttemptPlace
    """Round and attempt that it is about."""
    digest: bytes
    """SHA-256 of the evidence; of header or document where those bytes are bad in public."""
    accused: int
    """Who is said to have cheated."""
    accuser: int | None
    """Who is guilty if the accused is not; ``None`` where the bytes speak for themselves."""
    said: Said
    """The first message of it."""

    @property
    def key(self) -> bytes:
        """What this case is told from others by, within a run."""
        numbers = (*self.place, self.accuser or 0, self.accused)
        return b"".join(number.to_bytes(32, "big") for number in numbers) + self.digest


def of_attempt(place: views.AttemptPlace, attempt: views.AttemptView) -> Iterator[Case]:
    """Yield what was raised on one attempt: complaints, disputes, and verdicts on bytes that are bad in public."""
    raised: list[events.Complained | events.Disputed] = [*attempt.complaints.values(), *attempt.disputes.values()]
    for said in raised:
        yield Case(place, said.evidence, said.accused_id, said.member_id, said)
    known = {(said.evidence, party) for said in raised for party in (said.accused_id, said.member_id)}
    for judged in attempt.verdicts.values():
        case = (judged.case_digest, judged.guilty_id)
        if judged.case_digest != messages.SILENCE and case not in known:
            known.add(case)
            yield Case(place, judged.case_digest, judged.guilty_id, None, judged)


def open_cases(current: views.RunView) -> Iterator[Case]:
    """Yield what nobody was convicted for yet."""
    for place, attempt in current.attempts.items():
        for case in of_attempt(place, attempt):
            if not current.convicted.keys() & {case.accused, case.accuser}:
                yield case


def has_named(current: views.RunView, judge: int, guilty: int) -> bool:
    """Return whether a seat has said of another, in any case, that it cheated: it counts once in a run."""
    said = (verdict for attempt in current.attempts.values() for verdict in attempt.verdicts)
    return any((by, whom) == (judge, guilty) and case != messages.SILENCE for by, whom, case in said)
