"""One run as its data owner sees it: rounds as they happen, what left this site, and the result beside the site's own model.

Rounds and phases are the ledger's; figures come from this home's own node, because sums can be read by participants
only. Called by the run page and its stream, and by ``commons run watch``; nothing here is sent anywhere.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping

from aicommons.domain import ids, run
from aicommons.learning import blocks, state
from aicommons.learning.secagg import suite
from aicommons.node import agent as agents
from aicommons.node import concluding, journal
from aicommons.owner import places
from aicommons.protocol import departures as departed
from aicommons.protocol import view as views

NOT_FIGURES = ("rows", "held_out_rows", "not_judged")


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One named part of what was sent in a round."""

    name: str
    length: int
    """Numbers in it."""
    encoding: str


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """One round that was summed."""

    index: int
    attempt: int
    participants: int
    figures: Mapping[str, float]
    """Over the held-out rows of all sites; empty where the sum shows none or is not known here."""
    blocks: tuple[Block, ...]
    """What every site sent, each value under masks."""
    vector_bytes: int
    """Length of one site's masked vector, 0 when not known here."""


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring rounds in which the same blocks were sent."""

    first: int
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment."""

    run_id: ids.RunId
    title: str
    current: views.RunView
    rounds: tuple[Round, ...]
    is_ours: bool
    """This home brings a dataset."""
    is_confirmed: bool
    bytes_sent: int
    """To the store, by this home's node."""
    together: Mapping[str, float]
    """The common model on this site's held-out rows; empty before the end."""
    alone: Mapping[str, float]
    """The model of this site's rows alone, on the same rows."""
    not_judged: str | None
    """Why there are no figures of one's own."""
    not_permitted: str | None
    """Why this home's node puts nothing more into the run, in its words; ``None`` while it may."""
    fitting_ended: str | None
    """Why fitting ended, a value of ``state.Reason``; ``None`` before that, or where this home's node does not know."""
    departures: tuple[departed.Departure, ...]
    """Who is out of the run, or was not waited for."""
    absence: departed.Absence | None
    """For whom it waited to its end; ``None`` where it did not end so."""
    consents_over: tuple[int, ...]
    """Members that are still waited for, and send nothing more because a consent is over."""
    may_leave: bool
    """This home has a seat in a run that has begun and is not over."""

    @property
    def metric(self) -> str | None:
        """The figure to draw: the first that the rounds have."""
        names = [name for each in self.rounds for name in each.figures]
        return next((name for name in DRAWN if name in names), None)

    @property
    def kinds(self) -> tuple[Span, ...]:
        """What was sent, rounds with the same blocks together."""
        found: list[Span] = []
        for each in self.rounds:
            if each.blocks and (not found or found[-1].blocks != each.blocks):
                found.append(Span(each.index, each.blocks))
        return tuple(found)


DRAWN = ("auc", "concordance", "accuracy", "r2", "rmse", "log_loss")
"""Figures that a chart can show, most telling first."""


class Rounds:
    """Figures of rounds, computed once each: a sum never changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[ids.RunId, int], Round] = {}

    def read(
        self,
        run_id: ids.RunId,
        current: views.RunView,
        kept: journal.Journal | None,
        papers: agents.RunDocuments | None,
    ) -> tuple[Round, ...]:
        """Return the rounds of a run that were summed so far."""
        found = []
        index = 0
        while (place := current.unmasked(index)) is not None:
            made = self._known.get((run_id, index)) or _round(run_id, current, place, kept=kept, papers=papers)
            if made.vector_bytes:
                self._known[(run_id, index)] = made
            found.append(made)
            index += 1
        return tuple(found)


def _round(
    run_id: ids.RunId,
    current: views.RunView,
    place: views.AttemptPlace,
    *,
    kept: journal.Journal | None,
    papers: agents.RunDocuments | None,
) -> Round:
    index, attempt = place
    bare = Round(index, attempt, current.attempts[place].set_bits.bit_count(), {}, (), 0)
    before = None if kept is None else kept.state(run_id, index)
    if kept is None or before is None or papers is None or kept.sum(run_id, index) is None or current.roster is None:
        return bare
    declared = papers.recipe.blocks(state.decode(before.data))
    return dataclasses.replace(
        bare,
        figures=round_figures(kept, run_id, current, papers=papers, index=index),
        blocks=tuple(Block(each.name, each.length, each.encoding.value) for each in declared),
        vector_bytes=suite.pad_words(blocks.words(declared), papers.recipe.word_bits) * papers.recipe.word_bits // 8,
    )


def round_figures(
    kept: journal.Journal, run_id: ids.RunId, current: views.RunView, *, papers: agents.RunDocuments, index: int
) -> Mapping[str, float]:
    """Return the figures over all sites in round ``index``'s sum, none when it shows none or is not known here."""
    got, before = kept.sum(run_id, index), kept.state(run_id, index)
    if got is None or before is None or current.roster is None:
        return {}
    found = concluding.round_metrics(papers, before.data, got.data, members=len(current.roster.member_ids))
    return _numbers(concluding.in_words(found))


def look(place: places.Place, papers: places.Papers, rounds: Rounds, run_id: ids.RunId) -> Progress:
    """Return a run as it is now.

    Raises:
        errors.InputError: no such run.
    """
    view, current = place.desk.view(), place.desk.run(run_id)
    member = view.member_of_account(place.registry.address)
    known = papers.terms(current)
    is_ours = member in current.enrolled
    with own_journal(place, wanted=is_ours) as kept:
        report = {} if kept is None else json.loads(kept.report(run_id) or b"{}")
        judged = {name: text for name, text in report.items() if name not in NOT_FIGURES}
        alone = {name.removeprefix("alone_"): text for name, text in judged.items() if name.startswith("alone_")}
        return Progress(
            run_id=run_id,
            title=title_of(known),
            current=current,
            rounds=rounds.read(run_id, current, kept, known),
            is_ours=is_ours,
            is_confirmed=kept is not None and kept.pinned(run_id) is not None,
            bytes_sent=0 if kept is None else kept.bytes_sent(run_id),
            together=_numbers({name: text for name, text in judged.items() if not name.startswith("alone_")}),
            alone=_numbers(alone),
            not_judged=report.get("not_judged"),
            not_permitted=None if kept is None or current.state.is_over else kept.denial(run_id),
            fitting_ended=None if kept is None else fitting_ended(kept, run_id),
            departures=departed.of_run(current),
            absence=departed.absence(current),
            consents_over=tuple(sorted(departed.ended_consents(view, run_id, max(time.time(), view.time)))),
            may_leave=is_ours and member not in current.out and bool(current.attempts) and not current.state.is_over,
        )


def fitting_ended(kept: journal.Journal, run_id: ids.RunId) -> str | None:
    """Return why fitting ended as this home's node computed it, a value of ``state.Reason``; ``None`` before that."""
    newest = kept.state(run_id)
    reason = state.decode(newest.data).reason if newest is not None else None
    return reason.value if reason is not None else None


def stopped(place: places.Place) -> Mapping[ids.RunId, str]:
    """Return the runs under way into which this home's node puts nothing more, with why: policy or card forbid it now."""
    view = place.desk.view()
    with own_journal(place) as kept:
        said = {run_id: kept.denial(run_id) for run_id in view.runs} if kept is not None else {}
    return {run_id: text for run_id, text in said.items() if text is not None and not view.runs[run_id].state.is_over}


def title_of(papers: agents.RunDocuments | None) -> str:
    """Return the plan's title, empty when it cannot be read now."""
    return "" if papers is None else places.one_line(papers.plan.title)


@contextlib.contextmanager
def own_journal(place: places.Place, *, wanted: bool = True) -> Iterator[journal.Journal | None]:
    """Open the node's journal beside the running node, or give ``None`` when there is none or none is ``wanted``."""
    if not wanted or not place.home.journal_file.exists():
        yield None
        return
    with contextlib.closing(journal.Journal(place.home.journal_file)) as kept:
        yield kept


def _numbers(texts: Mapping[str, object]) -> dict[str, float]:
    return {name: float(str(text)) for name, text in texts.items()}


LIVE = frozenset({run.RunState.ACKING, run.RunState.RUNNING, run.RunState.PAUSED})
"""States in which a run is under way."""
