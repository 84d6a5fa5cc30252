"""``Membership`` in memory: who applied, whom the registrars admitted, who may act, and who has which role.

Called by ``MemoryLedger`` and the other contracts here. Guardians and recovery are left out.
"""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any

from aicommons.domain import events, ids, vote_events
from aicommons.ledger import deployments
from aicommons.ledger.bindings import membership
from aicommons.ledger.memory import book
from aicommons.protocol import registry, transitions


class Decision(enum.IntEnum):
    """What registrars agree on; the numbers are the contract's."""

    ADMIT = 0
    SUSPEND = 1
    REINSTATE = 2


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
        self._wanted: dict[bytes, events.MemberApplied] = {}
        self._keys: dict[bytes, int] = {}
        """Node key -> who ever named it: an old signature stays evidence against the member that made it."""
        self._approvals: dict[tuple[Decision, object], set[bytes]] = {}

    def found(self, registrars: Sequence[ids.Address], threshold: int, founders: Sequence[deployments.Founder]) -> None:
        """Name the registrars and admit the founders, once."""
        self._name(registrars, threshold)
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
        if not self._has_all(Decision.ADMIT, applicant):
            self._approve(Decision.ADMIT, applicant)
            return
        self._admit(wanted)
        self._forget(applicant)
        del self._wanted[applicant]

    def suspend(self, member_id: int) -> None:
        """Approve that a member may not act for now."""
        self._check_state(member_id, registry.MemberState.ACTIVE)
        self._decide(Decision.SUSPEND, member_id, events.MemberSuspended)

    def reinstate(self, member_id: int) -> None:
        """Approve that a suspended member may act again."""
        self._check_state(member_id, registry.MemberState.SUSPENDED)
        self._decide(Decision.REINSTATE, member_id, events.MemberReinstated)

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

    # ------------------------------------------------------------------------------------------- by the members' votes

    def set_registrars(self, registrars: Sequence[ids.Address], threshold: int) -> None:
        """Replace all registrars; what the old ones approved is void."""
        self._book.check_timelock()
        self._name(registrars, threshold)

    def expel(self, member_id: int) -> None:
        """End a membership."""
        self._book.check_timelock()
        known = self._book.view.members.get(member_id)
        if known is None or not known.is_live:
            status = membership.Status.NONE if known is None else membership.Status[known.state.name]
            raise transitions.Refusal("MembershipWrongStatus", member_id, int(status))
        self._book.tell(vote_events.MemberExpelled, member_id, known.account)

    def grant_role(self, member_id: int, role: int) -> None:
        """Give an active member a role."""
        self._book.check_timelock()
        self._check_state(member_id, registry.MemberState.ACTIVE)
        self._check_role(member_id, role, is_held=False)
        self._book.tell(vote_events.RoleGranted, member_id, vote_events.Role(role))

    def revoke_role(self, member_id: int, role: int) -> None:
        """Take a role away."""
        self._book.check_timelock()
        self._check_role(member_id, role, is_held=True)
        self._book.tell(vote_events.RoleRevoked, member_id, vote_events.Role(role))

    def saved(self) -> Callable[[], None]:
        """Return what puts everything here that is no event back to how it is now: of refused votes nothing stays."""
        wanted, keys, approvals = dict(self._wanted), dict(self._keys), dict(self._approvals)

        def restore() -> None:
            self._wanted, self._keys, self._approvals = wanted, keys, approvals

        return restore

    # ----------------------------------------------------------------------------------------------------------- views

    def has_role(self, member_id: int, role: vote_events.Role) -> bool:
        """Return whether an active member holds a role."""
        return self._book.is_active(member_id) and self._book.view.members[member_id].holds(role)

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

    def _decide(self, decision: Decision, member_id: int, kind: type[events.Event]) -> None:
        if not self._has_all(decision, member_id):
            self._approve(decision, member_id)
            return
        self._forget(member_id)
        self._book.tell(kind, member_id)

    def _has_all(self, decision: Decision, subject: Any) -> bool:
        """Check the caller's approval; return whether it is the last one needed. The members' timelock needs none."""
        sender = self._book.sender
        if sender == self._book.addresses["TimelockController"]:
            return True
        if sender not in self._book.view.votes.registrars:
            raise transitions.Refusal("MembershipNotRegistrar", sender)
        approved = self._approvals.get((decision, subject), set())
        if sender in approved:
            number = int.from_bytes(subject, "big") if isinstance(subject, bytes) else subject
            raise transitions.Refusal("MembershipAlreadyApproved", sender, int(decision), number)
        return len(approved) + 1 >= self._book.view.votes.threshold

    def _approve(self, decision: Decision, subject: object) -> None:
        self._approvals.setdefault((decision, subject), set()).add(self._book.sender)

    def _forget(self, subject: object) -> None:
        """Forget what registrars approved about somebody: a decision was made."""
        self._approvals = {key: given for key, given in self._approvals.items() if key[1] != subject}

    def _name(self, registrars: Sequence[ids.Address], threshold: int) -> None:
        named = frozenset(registrars)
        if not 0 < threshold <= len(registrars) or len(named) < len(registrars) or ids.NOBODY in named:
            raise transitions.Refusal("MembershipRegistrarsInvalid", len(registrars), threshold)
        self._approvals = {}
        self._book.tell(vote_events.RegistrarsSet, tuple(registrars), threshold)

    def _check_free(self, account: bytes, node_key: bytes, credential: bytes) -> None:
        taken = self._book.member_of(ids.Address(account))
        if taken:
            raise transitions.Refusal("MembershipAccountUsed", account, taken)
        for known in self._book.view.members.values():
            if known.credential == credential and known.is_live:
                raise transitions.Refusal("MembershipCredentialUsed", credential, known.member_id)
        if node_key in self._keys:
            raise transitions.Refusal("MembershipNodeKeyUsed", node_key, self._keys[node_key])

    def _check_role(self, member_id: int, role: int, *, is_held: bool) -> None:
        known = self._book.view.members.get(member_id)
        if (known is not None and vote_events.Role(role) in known.roles) is not is_held:
            raise transitions.Refusal("MembershipRoleUnchanged", member_id, role)

    def _check_state(self, member_id: int, expected: registry.MemberState) -> None:
        known = self._book.view.members.get(member_id)
        if known is None or known.state is not expected:
            status = membership.Status.NONE if known is None else membership.Status[known.state.name]
            raise transitions.Refusal("MembershipWrongStatus", member_id, int(status))
