"""Gets what others sent for a round, and keeps it here for as long as the round may need it.

Called by the jobs that check, sum, read and judge. A sender may erase its bytes everywhere else: a Commit says that this node
holds them. What the bytes mean is checked in ``learning/secagg``.
"""

import functools
from collections.abc import Mapping, Sequence

from aicommons.learning.secagg import boxes, header
from aicommons.node import agent as agents
from aicommons.node import transfers

SLACK = 2**16
"""Bytes more than fit that are fetched nevertheless: what is too long by no more is proven to be bad. What is longer counts as held
back: nobody can tell its digest without reading all of it."""

MOST_DOCUMENT = 2**24
"""Bytes of a Reveal document that are read, by nodes and by whoever verifies: five times the longest right one."""


def fetch_input(agent: agents.Agent, attempt: agents.Attempt, member: int, digest: bytes) -> tuple[bytes, bytes]:
    """Return header and masked vector of a participant, from here or from the store.

    Raises:
        errors.AggregationRefused: the header cannot be parsed.
        errors.BlobNotFound: they are not in the store (yet).
    """
    head = fetch_header(agent, attempt, digest)
    located = header.parse(head, attempt.session, member).commitment.blob_digest
    return head, _hold(agent, attempt, located, attempt.session.blob_bytes + SLACK)


def bring_inputs(agent: agents.Agent, attempt: agents.Attempt, headers: Mapping[int, bytes]) -> None:
    """Get all inputs here side by side (participant -> digest of its header), as far as they can be had now."""

    def hold(member: int, digest: bytes) -> None:
        fetch_input(agent, attempt, member, digest)

    works = [functools.partial(hold, *each) for each in headers.items() if each[0] != agent.member_id]
    transfers.bring(works, _width(agent, attempt))


def bring_columns(agent: agents.Agent, attempt: agents.Attempt, digests: Sequence[bytes]) -> None:
    """Get sealed columns of a short round here side by side, as far as they can be had now; of a long one none is held."""
    if attempt.is_short:
        limit = attempt.session.blob_bytes + boxes.TAG_BYTES
        works = [functools.partial(fetch, agent, attempt, digest, limit) for digest in digests]
        transfers.bring(works, _width(agent, attempt))


def _width(agent: agents.Agent, attempt: agents.Attempt) -> int:
    return transfers.width_for(agent.width, attempt.session.blob_bytes)


def fetch_header(agent: agents.Agent, attempt: agents.Attempt, digest: bytes) -> bytes:
    """Return a header's bytes; raises ``errors.BlobNotFound`` where they are not in the store (yet)."""
    return _hold(agent, attempt, digest, header.header_bytes(attempt.session) + SLACK)


def fetch_document(agent: agents.Agent, attempt: agents.Attempt, digest: bytes) -> bytes:
    """Return a Reveal document's bytes; raises ``errors.BlobNotFound`` where they are not in the store (yet)."""
    return fetch(agent, attempt, digest, MOST_DOCUMENT)


def _hold(agent: agents.Agent, attempt: agents.Attempt, digest: bytes, limit: int) -> bytes:
    """Return an input and keep it here until the round is over: its sender may erase it everywhere else."""
    run_id = attempt.key.run_id
    kept = attempt.held.get(digest) or agent.inputs.get(run_id, digest)
    if kept is not None:
        return kept
    data = fetch(agent, attempt, digest, limit)
    if not agent.own.has(digest):
        agent.inputs.put(run_id, digest, data)
    return data


def fetch(agent: agents.Agent, attempt: agents.Attempt, digest: bytes, limit: int) -> bytes:
    """Return a blob from here, else from the store; a short round's blobs are held until it is combined, no longer ones."""
    held = attempt.held.get(digest)
    if held is not None:
        return held
    data = agent.own.get(digest, limit) if agent.own.has(digest) else agent.store.get(digest, limit)
    if attempt.is_short and len(data) <= attempt.session.blob_bytes + SLACK:
        attempt.held[digest] = data
    return data
