"""What the in-memory ledger's contracts share: the events so far, the view that they give, and the call under way.

A call tells its events here; they count once it is over. Refused, it leaves nothing.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from aicommons.domain import encoding, events, ids
from aicommons.protocol import ports, registry, transitions
from aicommons.protocol import view as views

E = TypeVar("E", bound=events.Event)


class Book:
    """The events of one ledger, and who calls now."""

    def __init__(self, chain_id: int, addresses: Mapping[str, ids.Address], clock: ports.Clock) -> None:
        self.chain_id = chain_id
        self.addresses = addresses
        self.view = views.LedgerView()
        self.log: list[events.Event] = []
        self.sender = ids.NOBODY
        self._clock = clock
        self._block = 0
        self._index = 0

    def now(self) -> int:
        """Return the block time in seconds."""
        return int(self._clock.now())

    def begin(self, sender: ids.Address) -> None:
        """Open a block for one call."""
        self.sender = sender
        self._block += 1
        self._index = 0

    def tell(self, kind: type[E], *values: Any) -> E:
        """Record an event of the call under way; ``values`` are the record's fields after its position."""
        event = kind(events.Position(self._block, self._index, self.now()), *values)
        self._index += 1
        self.view = views.fold(self.view, [event])
        self.log.append(event)
        return event

    def place(self, contract: str) -> encoding.Place:
        """Return where a contract stands."""
        return encoding.Place(self.chain_id, self.addresses[contract])

    def member_of(self, account: ids.Address) -> int:
        """Return the member that ``account`` acts for, also a suspended one; 0 = none, as ``Membership.memberOf``."""
        return self.view.member_of_account(account) or 0

    def is_active(self, member_id: int) -> bool:
        """Return whether a member may act, as ``Membership.isActive``."""
        known = self.view.members.get(member_id)
        return known is not None and known.state is registry.MemberState.ACTIVE

    def check_timelock(self) -> None:
        """Refuse everybody but the members' timelock, as ``Governed``."""
        if self.sender != self.addresses["TimelockController"]:
            raise transitions.Refusal("GovernedNotTimelock", self.sender)

    def caller(self, error: str) -> ids.MemberId:
        """Return the active member that calls; refuses with ``error(caller)``."""
        member_id = self.member_of(self.sender)
        if not self.is_active(member_id):
            raise transitions.Refusal(error, self.sender)
        return ids.MemberId(member_id)
