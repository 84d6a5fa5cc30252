"""The models that a dataset of this home touches, what is wished of them, and what others wish of this home's own.

A whole dataset's withdrawal does not reach into models that exist: their owners are asked, in public and with a reason,
to train again without it or to take the model out of use (``ModelRegistry.ask``). Called by the dataset's page, the
inbox and ``commons model``; who answers for a model is ``protocol/lineage``'s business.
"""

import dataclasses

from aicommons.domain import errors, events, ids, letters, run
from aicommons.owner import noting, places, progress, published
from aicommons.protocol import inbox
from aicommons.protocol import lineage as lineages
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks of a model."""

    place: int
    """Among all wishes on the ledger, from 0."""
    run_id: ids.RunId
    title: str
    """Of the model's plan; empty while the store does not give it."""
    dataset_id: int
    by: str
    """Name and number of the dataset's owner."""
    wish: events.Wish
    words: str | None
    """Why; ``None`` when there is no reason, or it cannot be read now."""
    at: int
    """Block time in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """One model, or run under way, that a dataset is in."""

    run_id: ids.RunId
    title: str
    """Of its plan; empty while the store does not give it."""
    state: run.RunState
    at: int
    """Block time in seconds at which it was registered; for a run under way, at which it was opened."""
    version: int | None
    """The dataset's version in it; ``None`` while nobody has a seat with it any more."""
    is_registered: bool
    """Only of a registered model can something be asked."""
    solver: str
    wishes: tuple[Wish, ...]
    """What this dataset's owner asked of it."""


def models(place: places.Place, papers: places.Papers, dataset_id: int) -> tuple[Model, ...]:
    """Return what a dataset is in, newest first."""
    view = place.desk.view()
    numbers = [number for number, told in enumerate(view.wishes) if told.dataset_id == dataset_id]
    wishes = [_wish(place, papers, view, number) for number in numbers]
    found = []
    for run_id, current in lineages.touched(view, dataset_id):
        brought = (each for member in current.enrolled for each in current.offered_by(member))
        seats = [each for each in brought if each.dataset_id == dataset_id]
        asked = tuple(each for each in wishes if each.run_id == run_id)
        found.append(
            Model(
                run_id=run_id,
                title=progress.title_of(papers.terms(current)),
                state=current.state,
                at=current.opened.time if current.model is None else current.model.at.time,
                version=seats[0].version if seats else None,
                is_registered=lineages.has_source(current, dataset_id),
                solver=papers.name(view, current.spec.solver),
                wishes=asked,
            )
        )
    return tuple(sorted(found, key=lambda each: each.at, reverse=True))


def ask(
    place: places.Place, run_id: ids.RunId, dataset_id: int, wish: events.Wish, *, reason: str, by: str = ""
) -> ids.Digest:
    """Ask that a model be retrained without a dataset of this home's, or retired; return the digest of the reason.

    Raises:
        errors.InputError: no reason, no such model, or the dataset is not in its lineage.
        errors.LedgerRefused: the dataset belongs to somebody else.
        errors.StoreUnreachable, errors.StoreRefused: the reason could not be put; nothing was asked.
    """
    words = reason.strip()
    if not 0 < len(words) <= inbox.LONGEST_REASON:
        raise errors.InputError(
            "a wish needs its reason",
            which="reason",
            expected=f"1 to {inbox.LONGEST_REASON} characters",
            got=f"{len(words)} characters",
            next_step="say why, in words that everybody may read; name no person",
        )
    if not lineages.has_source(place.desk.run(run_id), dataset_id):
        raise errors.InputError(
            "this dataset is in no registered model of the run",
            which=f"dataset {dataset_id}, run {ids.short(run_id)}",
            next_step=f"see `commons dataset models {dataset_id}`",
        )
    digest = ids.Digest(place.store.put(letters.Reason(words).encode()))
    place.desk.wish(run_id, dataset_id, wish, digest)
    noting.note_at(place.home, noting.Act.WISH, f"run:{run_id.hex()}", by=by, reason=f"{wish.name.lower()}: {words}")
    return digest


def wished(place: places.Place, papers: places.Papers) -> tuple[Wish, ...]:
    """Return what others wish of the models that this home's member answers for, oldest first."""
    view = place.desk.view()
    member = view.member_of_account(place.registry.address)
    if member is None:
        return ()
    return tuple(_wish(place, papers, view, number) for number, _ in lineages.wishes_for(view, member))


def wish(place: places.Place, papers: places.Papers, number: int) -> Wish:
    """Return one wish by its place among all; raises ``errors.InputError`` when there is none."""
    view = place.desk.view()
    if not 0 <= number < len(view.wishes):
        raise errors.InputError("no such wish", which=f"wish {number}", next_step="see `commons model wishes`")
    return _wish(place, papers, view, number)


def _wish(place: places.Place, papers: places.Papers, view: views.LedgerView, number: int) -> Wish:
    told = view.wishes[number]
    current, dataset = view.runs.get(told.run_id), view.datasets.get(told.dataset_id)
    return Wish(
        place=number,
        run_id=told.run_id,
        title="" if current is None else progress.title_of(papers.terms(current)),
        dataset_id=told.dataset_id,
        by="" if dataset is None else papers.name(view, dataset.owner),
        wish=told.wish,
        words=_reason(place, told.document),
        at=told.at.time,
    )


def _reason(place: places.Place, document: bytes) -> str | None:
    if not any(document):
        return None
    found = published.find(place.store, letters.Reason, document)
    return None if found is None else places.one_line(found.words, inbox.LONGEST_REASON)
