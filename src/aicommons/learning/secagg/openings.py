"""Openings: in hybrid runs the accused shows the seeds of a box, because nobody can prove what an ML-KEM box held.

A complaint there has no evidence of its own: the participant publishes the seeds of that one member's columns, or it is
dropped. Whatever opens was sealed to the accuser before, so that an accuser that lies learns nothing; everybody else then
knows what a corrupt member would know. `judge` is total over foreign bytes (secure-aggregation section 5, hybrid). Calling
for an opening, its deadline and its signature are the node's and the ledger's.
"""

from collections.abc import Mapping

from aicommons.domain import errors
from aicommons.learning.secagg import checking, keys
from aicommons.learning.secagg import session as sessions


def make_opening(session: sessions.Session, index: int, seeds: Mapping[int, bytes]) -> bytes:
    """Return what a participant publishes to open its box for the member at ``index``: its columns' seeds, ascending.

    Args:
        session: the attempt.
        index: roster position of the accuser.
        seeds: column -> own seed, kept until the round is certified.
    """
    return b"".join([seeds[column] for column in session.layout.columns_of(index)])


def judge(
    session: sessions.Session, accused: int, header: bytes, *, accuser: int, opening: bytes
) -> dict[int, bytes] | None:
    """Return column -> seed of the accuser's columns where the opening is good, or ``None``: the accused is dropped.

    A good opening convicts nobody: the box may have been bad, or the complaint false. The attempt goes on with its seeds.

    Args:
        session: the attempt.
        accused: participant whose header it is.
        header: foreign bytes whose SHA-256 the accused signed.
        accuser: roster member that complained.
        opening: foreign bytes that the accused signed; none at all is an empty one.

    Raises:
        errors.AggregationRefused: ``member-unknown``: one of the two is not on the roster.
    """
    index = session.index_of(accuser)
    session.index_of(accused)
    columns, size = session.layout.columns_of(index), keys.SEED_BYTES
    if not isinstance(opening, bytes) or len(opening) != size * len(columns):
        return None
    try:
        parsed = checking.check_header(session, accused, header)
    except errors.AggregationRefused:
        return None
    seeds = {column: opening[place * size : (place + 1) * size] for place, column in enumerate(columns)}
    return seeds if checking.find_false_seed(session, parsed, seeds) is None else None
