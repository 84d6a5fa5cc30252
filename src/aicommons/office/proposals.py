"""What the desks of the members' votes and of a co-op's share: proposing calls to a governor, and naming a proposal to it again.

Both governors are OpenZeppelin's, so that their typed access has the same functions.
"""

from collections.abc import Sequence
from typing import Protocol

from aicommons.domain import encoding, events, ids
from aicommons.office import acting
from aicommons.protocol import governance

Parts = tuple[Sequence[ids.Address], Sequence[int], Sequence[bytes], bytes]
"""A proposal as its governor takes it: targets, values, calldata, and the hash of its description."""


class Governor(Protocol):
    """A governor's typed access."""

    def propose(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description: str
    ) -> None:
        """Propose calls."""

    def get_proposal_id(
        self, targets: Sequence[ids.Address], values: Sequence[int], calldatas: Sequence[bytes], description_hash: bytes
    ) -> int:
        """Return the number of a proposal."""


def call(registry: acting.Registry, contract: str, function: str, *values: object) -> governance.Call:
    """Return a call of one of the deployment's contracts, for a proposal."""
    return governance.Call(registry.address_of(contract), registry.call_data(contract, function, *values))


def propose(governor: Governor, calls: Sequence[governance.Call], description: str) -> int:
    """Propose calls. Returns the proposal's id."""
    targets, values, datas = zip(*((each.target, each.value, each.data) for each in calls), strict=True)
    governor.propose(targets, values, datas, description)
    return governor.get_proposal_id(targets, values, datas, encoding.keccak(description.encode()))


def parts(created: events.ProposalCreated) -> Parts:
    """Return a proposal as its governor takes it."""
    digest = encoding.keccak(created.description.encode())
    return created.targets, created.values, created.calldatas, digest
