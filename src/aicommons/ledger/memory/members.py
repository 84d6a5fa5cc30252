"""``Membership`` in memory: who applied, whom the registrars admitted, who may act."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from aicommons.domain import events, ids, vote_events
from aicommons.ledger import deployments
from aicommons.ledger.memory import book
from aicommons.protocol import registry, transitions

STATUS: Mapping[registry.MemberState, int] = {
    registry.MemberState.ACTIVE: 1,
    registry.MemberState.SUSPENDED: 2,
    registry.MemberState.LEFT: 3,
    registry.MemberState.EXPELLED: 4,
}
"""The contract's number of a member's state; 0 = there is no such member."""


@dataclasses.dataclass(frozen=True, slots=True)
class Application:
    """What an applicant says; fields in the ABI's order."""

    kind: int
    """0 = person, 1 = organisation."""
    node_key: bytes
    """Its node's key."""
    reader_point: bytes
    """Point that sums are sealed to."""
    credential: bytes
    """Digest of what proves who it is."""
    profile: bytes
    """Digest of its profile."""


WHO = ("kind", "credential", "profile")
"""What stays of an application that waits: approvals would else count for somebody else."""


class Members:
    """The registry of members, with registrars of whom ``threshold`` have to agree."""

    def __init__(self, kept: book.Book) -> None:
        self._book = kept
        self._registrars: frozenset[ids.Address] = frozenset()
        self._threshold = 0
        self._wanted: dict[bytes, events.MemberApplied] = {}
        self._keys: dict[bytes, int] = {}
        """Node key -> who ever named it: an old signature stays evidence against the member that made it."""
        self._approvals: dict[tuple[str, object], set[bytes]] = {}

    def found(self, registrars: Sequence[ids.Address], threshold: int, founders: Sequence[deployments.Founder]) -> None:
        """Name the registrars and admit the founders, once."""
        named = frozenset(registrars)
        if not 0 < threshold <= len(registrars) or len(named) < len(registrars) or bytes(20) in named:
            raise transitions.Refusal("MembershipRegistrarsInvalid", len(registrars), threshold)
        self._registrars, self._threshold = named, threshold
        self._book.tell(vote_events.RegistrarsSet, tuple(registrars), threshold)
        for each in founders:
            said = (each.kind, each.node_key, each.reader_point, each.credential, each.profile)
            self._admit(self._applied(each.account, Application(*said)))

    def apply_as(self, wanted: Application) -> None:
        """Ask to be admitted, or name another key or point for one's application."""
        applicant = self._book.sender
        before = self._wanted.get(applicant, wanted)
        if any(getattr(before, name) != getattr(wanted, name) for name in WHO):
            raise transitions.Refusal("MembershipAlreadyApplied", applicant)
        self._wanted[applicant] = self._applied(applicant, wanted)

    def admit(self, applicant: ids.Address) -> None:
        """Approve an application; the last approval needed admits."""
        wanted = self._wanted.get(applicant)
        if wanted is None:
            raise transitions.Refusal("MembershipNoApplication", applicant)
        if not self._has_all("admit", 0, applicant):
            self._approve("admit", applicant)
            return
        self._admit(wanted)
        self._approvals.pop(("admit", applicant), None)
        del self._wanted[applicant]

    def suspend(self, member_id: int) -> None:
        """Approve that a member may not act for now."""
        self._check_state(member_id, registry.MemberState.ACTIVE)
        self._decide(1, member_id, events.MemberSuspended)

    def reinstate(self, member_id: int) -> None:
        """Approve that a suspended member may act again."""
        self._check_state(member_id, registry.MemberState.SUSPENDED)
        self._decide(2, member_id, events.MemberReinstated)

    def set_node_key(self, node_key: bytes) -> None:
        """Name another key for one's node."""
        member_id = self._book.caller("MembershipNotActive")
        if not any(node_key):
            raise transitions.Refusal("MembershipFieldMissing")
        owner = self._keys.get(node_key, member_id)
        if owner != member_id:
            raise transitions.Refusal("MembershipNodeKeyUsed", node_key, owner)
        self._keys[node_key] = member_id
        self._book.tell(events.NodeKeySet, member_id, self._book.view.members[member_id].node_key, node_key)

    def set_reader_point(self, point: bytes) -> None:
        """Name another point that sums are sealed to."""
        member_id = self._book.caller("MembershipNotActive")
        if not any(point):
            raise transitions.Refusal("MembershipFieldMissing")
        self._book.tell(events.ReaderPointSet, member_id, self._book.view.members[member_id].reader_point, point)

    def set_profile(self, profile: bytes) -> None:
        """Describe oneself anew."""
        member_id = self._book.caller("MembershipNotActive")
        known = self._book.view.members[member_id]
        previous = known.profile if known.newest_profile is None else known.newest_profile
        self._book.tell(events.ProfileSet, member_id, previous, profile)

    def leave(self) -> None:
        """Leave for good; a suspended member may too."""
        member_id = self._book.member_of(self._book.sender)
        if not member_id:
            raise transitions.Refusal("MembershipNotActive", self._book.sender)
        self._book.tell(events.MemberLeft, member_id, self._book.sender)

    # ----------------------------------------------------------------------------------------------------------- views

    def member_of_node_key(self, node_key: bytes) -> int:
        """Return the active member whose node key this is now; 0 = none."""
        member_id = self._keys.get(node_key, 0)
        known = self._book.view.members.get(member_id)
        return member_id if known is not None and self._book.is_active(member_id) and known.node_key == node_key else 0

    def account_of(self, member_id: int) -> bytes:
        """Return the account that acts, or acted last, for a member; zero = no such member."""
        known = self._book.view.members.get(member_id)
        return bytes(20) if known is None else known.account

    def node_key_of(self, member_id: int) -> bytes:
        """Return a member's node key; zero = no such member."""
        known = self._book.view.members.get(member_id)
        return bytes(20) if known is None else known.node_key

    # --------------------------------------------------------------------------------------------------------- private

    def _applied(self, account: ids.Address, wanted: Application) -> events.MemberApplied:
        """Check what somebody asks for and tell it."""
        if not (any(account) and any(wanted.node_key) and any(wanted.reader_point) and any(wanted.credential)):
            raise transitions.Refusal("MembershipFieldMissing")
        self._check_free(account, wanted.node_key, wanted.credential)
        return self._book.tell(events.MemberApplied, account, *dataclasses.astuple(wanted))

    def _admit(self, wanted: events.MemberApplied) -> None:
        self._check_free(wanted.applicant, wanted.node_key, wanted.credential)
        member_id = len(self._book.view.members) + 1
        self._keys[wanted.node_key] = member_id
        told = (wanted.applicant, wanted.kind, wanted.node_key, wanted.credential)
        self._book.tell(events.MemberAdmitted, member_id, *told)

    def _decide(self, decision: int, member_id: int, kind: type[events.Event]) -> None:
        name = kind.__name__
        if not self._has_all(name, decision, member_id):
            self._approve(name, member_id)
            return
        self._approvals.pop((name, member_id), None)
        self._book.tell(kind, member_id)

    def _has_all(self, name: str, decision: int, subject: Any) -> bool:
        """Check the caller's approval; return whether it is the last one needed."""
        sender = self._book.sender
        if sender not in self._registrars:
            raise transitions.Refusal("MembershipNotRegistrar", sender)
        approved = self._approvals.get((name, subject), set())
        if sender in approved:
            number = int.from_bytes(subject, "big") if isinstance(subject, bytes) else subject
            raise transitions.Refusal("MembershipAlreadyApproved", sender, decision, number)
        return len(approved) + 1 >= self._threshold

    def _approve(self, name: str, subject: object) -> None:
        self._approvals.setdefault((name, subject), set()).add(self._book.sender)

    def _check_free(self, account: bytes, node_key: bytes, credential: bytes) -> None:
        taken = self._book.member_of(ids.Address(account))
        if taken:
            raise transitions.Refusal("MembershipAccountUsed", account, taken)
        for known in self._book.view.members.values():
            if known.credential == credential and known.is_live:
                raise transitions.Refusal("MembershipCredentialUsed", credential, known.member_id)
        if node_key in self._keys:
            raise transitions.Refusal("MembershipNodeKeyUsed", node_key, self._keys[node_key])

    def _check_state(self, member_id: int, expected: registry.MemberState) -> None:
        known = self._book.view.members.get(member_id)
        if known is None or known.state is not expected:
            number = 0 if known is None else STATUS[known.state]
            raise transitions.Refusal("MembershipWrongStatus", member_id, number)
