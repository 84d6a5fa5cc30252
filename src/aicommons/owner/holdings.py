"""The datasets of this home as they stand on the ledger: state, versions, and taking one out of use or back.

Suspending holds for everybody at once, also for runs under way, and can be undone; retiring cannot. Called by the
dataset's page and ``commons dataset suspend | resume | retire``; what is done to a model is ``lineage``'s business.
"""

import dataclasses
import enum
from typing import TypeVar

from aicommons import app
from aicommons.domain import cards, documents, errors, policies
from aicommons.node import inbox
from aicommons.owner import noting, places, published
from aicommons.protocol import registry

D = TypeVar("D", bound=documents.Document)


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
        """What its owner can do to it now: putting it back into use is the body's that it is entrusted to."""
        return tuple(
            act
            for act, states in POSSIBLE.items()
            if self.listed.state in states and not (act is Act.RESUME and self.is_entrusted)
        )

    @property
    def is_entrusted(self) -> bool:
        """Whether a body, such as a co-op's vote, says yes in its owner's place."""
        return self.listed.body is not None

    @property
    def has_policy(self) -> bool:
        """Whether its newest version names a use policy."""
        return names_policy(self.listed)


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
    return Holding(listed, title, _own(place, cards.DatasetCard, listed.card), policy_of(place, listed))


def policy_of(place: places.Place, listed: registry.DatasetView) -> policies.UsePolicy | None:
    """Return a dataset's newest use policy; ``None`` when there is none or it cannot be had now."""
    return _own(place, policies.UsePolicy, listed.newest.policy) if names_policy(listed) else None


def names_policy(listed: registry.DatasetView) -> bool:
    """Return whether a dataset's newest version names a use policy: without one, its owner's consents alone decide."""
    return listed.newest.policy not in (policies.CONSENTS_ALONE, bytes(32))


def _own(place: places.Place, kind: type[D], digest: bytes) -> D | None:
    """Return a document of this home's own; its copy here is shown also while the store does not give it."""
    shelves = (app.own_documents(place.home), place.store)
    return next((found for each in shelves if (found := published.find(each, kind, digest)) is not None), None)


def change(
    place: places.Place, kept: inbox.Inbox, dataset_id: int, act: Act, *, by: str = "", reason: str = ""
) -> None:
    """Suspend, resume or retire a dataset of this home's member, and note it in the home's log.

    Raises:
        errors.InputError: not this member's, not in a state in which this can be done, or a body's to do.
        errors.LedgerRefused, errors.LedgerUnreachable: nothing was noted.
    """
    found = find(place, dataset_id)
    if act is Act.RESUME and found.is_entrusted and found.listed.state in POSSIBLE[act]:
        raise errors.InputError(
            "only the body that the dataset is entrusted to puts it back into use",
            which=f"dataset {dataset_id}",
            next_step=f"propose it there: `commons coop propose {dataset_id} --resume --why TEXT`",
        )
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
