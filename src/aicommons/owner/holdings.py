"""The datasets of this home as they stand on the ledger: state, versions, and taking one out of use or back.

Suspending holds for everybody at once, also for runs under way, and can be undone; retiring cannot. Called by the
dataset's page and ``commons dataset suspend | resume | retire``; what is done to a model is ``lineage``'s business.
"""

import dataclasses
import enum

from aicommons.domain import cards, encoding, errors, policies
from aicommons.node import inbox
from aicommons.owner import noting, places
from aicommons.protocol import registry


class Act(enum.Enum):
    """What an owner does to a dataset."""

    SUSPEND = "suspend"
    RESUME = "resume"
    RETIRE = "retire"


POSSIBLE = {
    Act.SUSPEND: (registry.DatasetState.LISTED,),
    Act.RESUME: (registry.DatasetState.SUSPENDED,),
    Act.RETIRE: (registry.DatasetState.LISTED, registry.DatasetState.SUSPENDED),
}
"""Act -> states in which it can be done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Holding:
    """One dataset of this home."""

    listed: registry.DatasetView
    """As the ledger has it, with all versions."""
    title: str
    """As this home knows it."""
    card: cards.DatasetCard | None
    """The newest card; ``None`` while the store does not give it."""
    policy: policies.UsePolicy | None
    """The newest use policy; ``None`` when there is none or it cannot be had now."""

    @property
    def acts(self) -> tuple[Act, ...]:
        """What can be done to it now."""
        return tuple(act for act, states in POSSIBLE.items() if self.listed.state in states)

    @property
    def has_policy(self) -> bool:
        """Whether its newest version names a use policy."""
        return any(self.listed.newest.policy)


def holdings(place: places.Place) -> tuple[Holding, ...]:
    """Return the datasets of this home that are on the ledger, in their order."""
    view, member = place.desk.view(), place.desk.member_id()
    known = {number: each["title"] for number, each in place.home.datasets().items()}
    return tuple(
        _holding(place, listed, known[number])
        for number, listed in view.datasets.items()
        if number in known and listed.owner == member
    )


def find(place: places.Place, dataset_id: int) -> Holding:
    """Return one dataset of this home's member.

    Raises:
        errors.InputError: no such dataset, or another member's.
    """
    listed = place.desk.view().datasets.get(dataset_id)
    if listed is None or listed.owner != place.desk.member_id():
        raise errors.InputError(
            "no dataset of yours has this number", which=f"dataset {dataset_id}", next_step="see `commons dataset list`"
        )
    known = place.home.datasets().get(dataset_id)
    return _holding(place, listed, "" if known is None else known["title"])


def _holding(place: places.Place, listed: registry.DatasetView, title: str) -> Holding:
    return Holding(listed, title, _card(place, listed), policy_of(place, listed))


def _card(place: places.Place, listed: registry.DatasetView) -> cards.DatasetCard | None:
    try:
        return cards.DatasetCard.decode(place.store.get(listed.card, encoding.MAX_DOCUMENT))
    except places.UNAVAILABLE:
        return None


def policy_of(place: places.Place, listed: registry.DatasetView) -> policies.UsePolicy | None:
    """Return a dataset's newest use policy; ``None`` when there is none or it cannot be had now."""
    digest = listed.newest.policy
    if not any(digest):
        return None
    try:
        return policies.UsePolicy.decode(place.store.get(digest, encoding.MAX_DOCUMENT))
    except places.UNAVAILABLE:
        return None


def change(
    place: places.Place, kept: inbox.Inbox, dataset_id: int, act: Act, *, by: str = "", reason: str = ""
) -> None:
    """Suspend, resume or retire a dataset of this home's member, and note it in the home's log.

    Raises:
        errors.InputError: not this member's, or not in a state in which this can be done.
        errors.LedgerRefused, errors.LedgerUnreachable: nothing was noted.
    """
    found = find(place, dataset_id)
    if act not in found.acts:
        raise errors.InputError(
            f"this dataset cannot be changed so: {act.value}",
            which=f"dataset {dataset_id}",
            expected=" or ".join(state.value for state in POSSIBLE[act]),
            got=found.listed.state.value,
            next_step="see `commons dataset show`; what is retired stays so, list the table as a new dataset",
        )
    change, noted = {
        Act.SUSPEND: (place.desk.suspend_dataset, noting.Act.SUSPEND_DATASET),
        Act.RESUME: (place.desk.resume_dataset, noting.Act.RESUME_DATASET),
        Act.RETIRE: (place.desk.retire_dataset, noting.Act.RETIRE_DATASET),
    }[act]
    change(dataset_id)
    noting.note(kept, noted, f"dataset {dataset_id}", by=by, reason=reason)
