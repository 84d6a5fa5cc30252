"""What each dataset of this home has told over all of its runs: sums, sites, rows, what was refused; and its epsilon.

The ledger says which sums a dataset is in, the node's journal what it gave to them and what it did not give, the use
policy what its owner allows. Rows are rounded down to tens, also here: a page is looked at over shoulders. Called by the
budgets page and ``commons dataset budgets``; what is refused is decided in ``node/disclosures``.
"""

import dataclasses
import math
from collections.abc import Iterable

from aicommons.domain import ids, policies, run
from aicommons.learning import accounting
from aicommons.node import charging, disclosures, journal
from aicommons.owner import deciding, holdings, progress, uses
from aicommons.protocol import view as views

ROUNDED_TO = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """Something that this home's node did not give."""

    round_index: int
    reason: str
    """In the node's words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What a dataset gave to one run."""

    run_id: ids.RunId
    title: str
    """Of its plan; empty while the store does not give it."""
    version: int | None
    """Of the dataset; ``None`` when nothing was given."""
    members: tuple[int, ...]
    """The roster: sites in whose sum it is, unless one is absent."""
    rounds: int
    """Rounds that it gave numbers to."""
    rows: int | None
    """Rows behind them, rounded down to tens; ``None`` when the journal does not say."""
    columns: tuple[str, ...]
    """Columns that the plan used."""
    refused: tuple[Refused, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """What one dataset has given away so far."""

    dataset_id: int
    title: str
    minimum_cohort: int
    has_policy: bool
    """Its newest version names a use policy."""
    policy: policies.UsePolicy | None
    """That policy; ``None`` while it cannot be had."""
    spent: str
    """Epsilon spent in the year before by sums with noise, a decimal number rounded up."""
    bare_rounds: int
    """Sums that this home gave without noise: for these there is no bound."""
    runs: int
    """Runs that it took part in."""
    rounds: int
    """Sums that it is in."""
    sets: tuple[tuple[int, ...], ...]
    """Participant sets whose sums may be known to somebody, each once."""
    told: tuple[Told, ...]
    """Run by run, as the node's journal has it."""


def budgets(clerk: deciding.Clerk, now: int) -> tuple[Budget, ...]:
    """Return what each dataset of this home has given away; ``now`` in seconds since 1970 is the end of the year that counts."""
    used, view = uses.uses(clerk), clerk.place.desk.view()
    found = []
    with progress.own_journal(clerk.place) as kept:
        for number, known in clerk.place.home.datasets().items():
            own = [each for each in used if each.dataset_id == number]
            listed = view.datasets.get(number)
            found.append(
                Budget(
                    dataset_id=number,
                    title=known["title"],
                    minimum_cohort=known["minimum_cohort"],
                    has_policy=listed is not None and holdings.names_policy(listed),
                    policy=None if listed is None else holdings.policy_of(clerk.place, listed),
                    spent="0" if kept is None else _spent(kept, number, now),
                    bare_rounds=0 if kept is None else _bare_rounds(kept, number),
                    runs=len(own),
                    rounds=sum(each.rounds for each in own),
                    sets=_sets(view, own),
                    told=() if kept is None else _told(kept, number, own),
                )
            )
    return tuple(found)


def _spent(kept: journal.Journal, dataset_id: int, now: int) -> str:
    wanted = accounting.epsilon(charging.counted(kept.charges(dataset_id, now - charging.YEAR)))
    return f"{math.ceil(wanted * 100.0) / 100.0:g}" if math.isfinite(wanted) else "no bound"


def _bare_rounds(kept: journal.Journal, dataset_id: int) -> int:
    charged = {each.run_id for each in kept.charges(dataset_id)}
    return sum(each.run_id not in charged for each in kept.disclosures(dataset_id))


def _sets(view: views.LedgerView, own: Iterable[uses.Use]) -> tuple[tuple[int, ...], ...]:
    found = {
        current.members_of(attempt.set_bits)
        for current in (view.runs[each.run_id] for each in own)
        for attempt in current.attempts.values()
        if attempt.phase >= run.Phase.FIXED and attempt.set_bits
    }
    return tuple(sorted(found))


def _told(kept: journal.Journal, dataset_id: int, own: Iterable[uses.Use]) -> tuple[Told, ...]:
    """Return the record of disclosures run by run, with what was refused."""
    given: dict[ids.RunId, list[journal.Disclosure]] = {}
    for line in kept.disclosures(dataset_id):
        given.setdefault(line.run_id, []).append(line)
    found = []
    for each in own:
        lines, refused = given.get(each.run_id, []), kept.declined(each.run_id)
        if not lines and not refused:
            continue
        facts = [fact for fact in map(disclosures.facts_in, lines) if fact is not None]
        found.append(
            Told(
                run_id=each.run_id,
                title=each.title,
                version=lines[0].version if lines else None,
                members=lines[0].members if lines else (),
                rounds=len(lines),
                rows=facts[0].total // ROUNDED_TO * ROUNDED_TO if facts else None,
                columns=disclosures.columns_in(lines[0]) if lines else (),
                refused=tuple(Refused(*one) for one in refused),
            )
        )
    return tuple(found)
