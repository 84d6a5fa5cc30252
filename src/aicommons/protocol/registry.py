"""Members, datasets and consents as the ledger has them now: one frozen record each, folded from its events.

``view.fold`` hands the events over that are about one of them. Whether a new use would be permitted is the contract's word
(``DataRegistry.denial``) and ``rules``'; here is only whether a consent still lives.
"""

import dataclasses
import enum
from collections.abc import Mapping

from aicommons.domain import events, ids, vote_events


class MemberState(enum.Enum):
    """Whether a member may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"
    EXPELLED = "expelled"


class DatasetState(enum.Enum):
    """Whether a dataset may be used."""

    LISTED = "listed"
    SUSPENDED = "suspended"
    RETIRED = "retired"


@dataclasses.dataclass(frozen=True, slots=True)
class Recovery:
    """A membership that is to change hands."""

    account: ids.Address
    """The account that is to act for the member."""
    ripe_at: int
    """Block time in seconds from which anybody may finish it."""


@dataclasses.dataclass(frozen=True, slots=True)
class MemberView:
    """One member as it stands."""

    member_id: ids.MemberId
    """Its number; ids are never given out twice."""
    account: ids.Address
    """The account that acts for it now, or acted last."""
    kind: int
    """0 = person, 1 = organisation."""
    node_key: ids.Address
    """The key its node signs with now; seats that were taken keep theirs."""
    reader_point: bytes
    """Point that sums are sealed to now; zero when its application is not known."""
    credential: bytes
    """Digest of what proves who it is; one live membership per credential."""
    profile: bytes
    """Digest of the profile that it applied with, which the registrars agreed to; zero when there is none."""
    at: events.Position
    """Where it was admitted."""
    state: MemberState = MemberState.ACTIVE
    """Whether it may act now."""
    changed_at: int = 0
    """Block time of the last change of ``state``, in seconds."""
    guardian: ids.Address | None = None
    """Who may begin its recovery beside the registrars."""
    recovery: Recovery | None = None
    """The recovery under way."""
    newest_profile: bytes | None = None
    """Digest of what it says about itself since then; zero where it says nothing more, ``None`` where nothing changed.

    Name and country count as they were admitted: nobody becomes somebody else, or moves, by a document of its own.
    """
    roles: frozenset[vote_events.Role] = frozenset()
    """What the members' votes let it do; they rest while it is suspended and end with the membership."""

    @property
    def is_live(self) -> bool:
        """Whether its membership goes on, suspended or not: it has a vote."""
        return self.state in (MemberState.ACTIVE, MemberState.SUSPENDED)

    def holds(self, role: vote_events.Role) -> bool:
        """Return whether it may act in a role now."""
        return role in self.roles and self.state is MemberState.ACTIVE


@dataclasses.dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a dataset."""

    version: int
    """Counted from 1."""
    card: ids.Digest
    """Digest of the DatasetCard."""
    policy: bytes
    """Digest of the UsePolicy."""
    rules: events.Rules
    """What of the policy the ledger enforces."""
    free_commons: bool
    """Whether the holder asks no price."""
    price: int
    """Per run, in the smallest unit of the ledger's money."""
    at: events.Position
    """Where it was published."""

    @property
    def asked(self) -> int:
        """What a run has to pay: nothing in the free commons."""
        return 0 if self.free_commons else self.price


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetView:
    """One dataset with all its versions."""

    dataset_id: int
    """Its number, counted from 1."""
    owner: ids.MemberId
    """The member that holds it."""
    versions: tuple[VersionView, ...]
    """In their order; never empty."""
    state: DatasetState = DatasetState.LISTED
    """Whether it may be used now."""
    changed_at: int = 0
    """Block time of the last change of ``state``, in seconds."""
    body: ids.Address | None = None
    """Who alone gives its consents; ``None`` = its owner does."""

    @property
    def newest(self) -> VersionView:
        """The version that new uses are held to."""
        return self.versions[-1]

    @property
    def card(self) -> ids.Digest:
        """Digest of the newest card."""
        return self.newest.card

    @property
    def at(self) -> events.Position:
        """Where it was listed."""
        return self.versions[0].at

    def version(self, number: int) -> VersionView | None:
        """Return a version by its number, ``None`` if it is not known."""
        return next((each for each in self.versions if each.version == number), None)


@dataclasses.dataclass(frozen=True, slots=True)
class ConsentView:
    """One consent with every use of it."""

    consent_id: bytes
    """32 bytes; equal terms given twice are two consents."""
    dataset_id: int
    """What it is for."""
    holder: ids.MemberId
    """Member that owns the dataset, also where a body gave it."""
    terms: events.ConsentTerms
    """What is permitted."""
    at: events.Position
    """Where it was given."""
    uses: tuple[events.ConsentUsed, ...] = ()
    """By runs, in their order."""
    revoked: events.Position | None = None
    """Where it was taken back first: by entrusting its dataset, or by its holder."""


def admitted(event: events.MemberAdmitted, applied: events.MemberApplied | None) -> MemberView:
    """Return a new member; what the event leaves out is in its application."""
    return MemberView(
        member_id=event.member_id,
        account=event.account,
        kind=event.kind,
        node_key=event.node_key,
        reader_point=bytes(32) if applied is None else applied.reader_point,
        credential=event.credential,
        profile=bytes(32) if applied is None else applied.profile,
        at=event.at,
        changed_at=event.at.time,
    )


def member_after(member: MemberView, event: events.OfMember) -> MemberView:
    """Return a member after an event that is about it."""
    match event:
        case events.NodeKeySet():
            return dataclasses.replace(member, node_key=event.node_key)
        case events.ReaderPointSet():
            return dataclasses.replace(member, reader_point=event.reader_point)
        case events.ProfileSet():
            return dataclasses.replace(member, newest_profile=event.profile)
        case events.GuardianSet():
            return dataclasses.replace(member, guardian=_somebody(event.guardian))
        case events.RecoveryBegun():
            return dataclasses.replace(member, recovery=Recovery(event.account, event.ripe_at))
        case events.RecoveryVetoed():
            return dataclasses.replace(member, recovery=None)
        case events.MemberRecovered():
            return dataclasses.replace(member, account=event.account, recovery=None)
        case vote_events.RoleGranted() | vote_events.RoleRevoked():
            is_held = isinstance(event, vote_events.RoleGranted)
            return dataclasses.replace(member, roles=member.roles - {event.role} | ({event.role} if is_held else set()))
    state = MEMBER_STATES.get(type(event))
    if state is None:
        return member
    after = dataclasses.replace(member, state=state, changed_at=event.at.time)
    return after if after.is_live else dataclasses.replace(after, recovery=None, roles=frozenset())


MEMBER_STATES: Mapping[type[events.Event], MemberState] = {
    events.MemberSuspended: MemberState.SUSPENDED,
    events.MemberReinstated: MemberState.ACTIVE,
    events.MemberLeft: MemberState.LEFT,
    vote_events.MemberExpelled: MemberState.EXPELLED,
}
DATASET_STATES: Mapping[type[events.Event], DatasetState] = {
    events.DatasetSuspended: DatasetState.SUSPENDED,
    events.DatasetResumed: DatasetState.LISTED,
    events.DatasetRetired: DatasetState.RETIRED,
}


def listed(event: events.DatasetListed) -> DatasetView:
    """Return a new dataset."""
    return DatasetView(event.dataset_id, event.owner, (_version(event, 1),), changed_at=event.at.time)


def dataset_after(dataset: DatasetView, event: events.OfDataset) -> DatasetView:
    """Return a dataset after an event that is about it."""
    match event:
        case events.VersionPublished():
            return dataclasses.replace(dataset, versions=(*dataset.versions, _version(event, event.version)))
        case events.DatasetEntrusted():
            return dataclasses.replace(dataset, body=event.body)
        case events.DatasetDischarged():
            return dataclasses.replace(dataset, body=None)
    state = DATASET_STATES.get(type(event))
    return dataset if state is None else dataclasses.replace(dataset, state=state, changed_at=event.at.time)


def given(event: events.ConsentGiven) -> ConsentView:
    """Return a new consent."""
    return ConsentView(event.consent_id, event.dataset_id, event.holder, event.terms, event.at)


def consent_after(consent: ConsentView, event: events.ConsentRevoked | events.ConsentUsed) -> ConsentView:
    """Return a consent after it was used or taken back."""
    if isinstance(event, events.ConsentUsed):
        return dataclasses.replace(consent, uses=(*consent.uses, event))
    return consent if consent.revoked is not None else dataclasses.replace(consent, revoked=event.at)


def dead_since(consent: ConsentView, dataset: DatasetView | None, owner: MemberView | None, now: float) -> int | None:
    """Return the block time since which a consent permits nothing at all, ``None`` while it lives at ``now``."""
    ends = [consent.terms.expiry] if now >= consent.terms.expiry else []
    if consent.revoked is not None:
        ends.append(consent.revoked.time)
    if dataset is None or dataset.state is not DatasetState.LISTED:
        ends.append(0 if dataset is None else dataset.changed_at)
    if owner is None or owner.state is not MemberState.ACTIVE:
        ends.append(0 if owner is None else owner.changed_at)
    return min(ends, default=None)


def was_dead(consent: ConsentView, dataset: DatasetView, owner: MemberView, at: int) -> bool | None:
    """Return whether a consent permitted nothing at block time ``at`` in seconds.

    ``None`` where only a state before the last change of dataset or owner could tell, which is not kept.
    """
    if consent.terms.expiry <= at or (consent.revoked is not None and consent.revoked.time <= at):
        return True
    if dataset.changed_at > at or owner.changed_at > at:
        return None
    return dataset.state is not DatasetState.LISTED or owner.state is not MemberState.ACTIVE


def _version(event: events.DatasetListed | events.VersionPublished, number: int) -> VersionView:
    return VersionView(
        number,
        card=event.card,
        policy=event.policy,
        rules=event.rules,
        free_commons=event.free_commons,
        price=event.price,
        at=event.at,
    )


def _somebody(account: ids.Address) -> ids.Address | None:
    return account if any(account) else None
