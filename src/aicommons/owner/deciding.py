"""From what waits in the inbox to what is done about it: approve, ask, deny, confirm, and the standing rules.

An approval of a run gives the narrowest consent that is needed and enrols; an approval of a roster confirms it for this
home's node. What is recorded as approved was done: where the ledger refuses, nothing is recorded. Called by the owner's
page and ``commons inbox``; who may speak for the home (an operator's PIN) is checked before, by ``operators.speaker``.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator, Sequence

from aicommons import office
from aicommons.domain import errors, ids, run
from aicommons.node import inbox, journal
from aicommons.node import standing as rule_facts
from aicommons.owner import correspondence, fits, giving, noting, offers, places, progress, rosters
from aicommons.protocol import inbox as rules
from aicommons.protocol import view as views


@dataclasses.dataclass(frozen=True, slots=True)
class Clerk:
    """What deciding needs: an opened home, and what was read for it before."""

    place: places.Place
    papers: places.Papers
    tables: offers.Tables
    secret: bytes | None = None
    """Scalar of the home's reader key, which opens letters; ``None`` where the wallet is locked."""
    news: fits.Fits = dataclasses.field(default_factory=fits.Fits)
    """What newly fits, kept between two looks."""

    @contextlib.contextmanager
    def inbox(self) -> Iterator[inbox.Inbox]:
        """Open the inbox for a moment: connections belong to one thread."""
        with noting.opened(self.place.home) as kept:
            yield kept


def make_clerk(place: places.Place, secret: bytes | None = None) -> Clerk:
    """Return a clerk who has read nothing yet; ``secret`` opens letters."""
    return Clerk(place, places.Papers(place.store), offers.Tables(place.home, place.signer), secret)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One item with everything that was said to it."""

    item: rules.Item
    said: tuple[rules.Decision, ...]
    standing: rules.Standing


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """What somebody says to an item."""

    verdict: rules.Verdict
    reason: str = ""
    by: str = ""
    """Operator's name, or ``rule N``."""
    dataset_ids: tuple[int, ...] = ()
    """What to bring; needed only where several datasets fit."""
    may_overlap: bool = False
    """Accept participants that nearly equal those of an earlier run on the problem."""
    is_compared: bool = False
    """The fingerprint of the participants was compared with the others', or a rule's maker believes the ledger."""


def entries(clerk: Clerk) -> tuple[Entry, ...]:
    """Return what waits or waited and is still to be decided or was denied; nothing that was put away.

    What is due soonest comes first, then what has no end, the oldest first; last what is only good to know.
    """
    with clerk.inbox() as kept:
        house, settled = kept.house(), kept.settled()
        found = []
        for item in _items(clerk, kept):
            if item.key not in settled:
                said = tuple(kept.said(item.key))
                found.append(Entry(item, said, _standing(clerk, item, said, house)))
        return tuple(each for each in found if each.standing is not rules.Standing.DISMISSED)


def title(clerk: Clerk, view: views.LedgerView, item: rules.Item) -> str:
    """Return what an item is about in a few words of others, empty where nobody gave any or they cannot be read now."""
    if item.run_id is not None:
        return progress.title_of(clerk.papers.terms(view.runs[item.run_id]))
    if item.request_id is not None:
        dataset_id = view.requests[item.request_id].asked.dataset_id
        known = clerk.place.home.datasets().get(dataset_id)
        said = f"{dataset_id}: {places.one_line(known['title'])}" if known else str(dataset_id)
        return f"{asker(clerk, view, item)} / {said}"
    return "" if item.pair is None else fits.title(clerk.papers, view, item)


def asker(clerk: Clerk, view: views.LedgerView, item: rules.Item) -> str:
    """Return name and number of who asks for data, empty where nobody does."""
    if item.run_id is not None:
        return clerk.papers.name(view, int(view.runs[item.run_id].spec.solver))
    return "" if item.request_id is None else clerk.papers.name(view, int(view.requests[item.request_id].asked.asker))


def _standing(clerk: Clerk, item: rules.Item, said: Sequence[rules.Decision], house: rules.House) -> rules.Standing:
    if item.request_id is None:
        standing = rules.standing(said, house)
    else:
        standing = rules.standing_of_request(said, house, clerk.place.desk.view().requests[item.request_id].state)
    # What was approved and done waits no more. This was one yes of two, and one is enough since: it was never done.
    return rules.Standing.OPEN if standing is rules.Standing.APPROVED else standing


def letters(clerk: Clerk, entry: Entry) -> correspondence.Correspondence | None:
    """Return what was written about an item, ``None`` when nobody wrote."""
    if entry.item.request_id is None:
        return None
    return correspondence.read(clerk.place, clerk.papers, entry.item.request_id, entry.said, secret=clerk.secret)


def find(clerk: Clerk, key: str) -> Entry:
    """Return one entry by its key.

    Raises:
        errors.InputError: nothing of this name waits.
    """
    for entry in entries(clerk):
        if entry.item.key == key:
            return entry
    raise errors.InputError(
        "nothing of this name waits here", which=key[:80], next_step="it may be over; see `commons inbox list`"
    )


def _items(clerk: Clerk, kept: inbox.Inbox) -> tuple[rules.Item, ...]:
    place = clerk.place
    view = place.desk.view()
    member = view.member_of_account(place.registry.address)
    if member is None:
        return ()
    confirmed = [run_id for run_id, current in view.runs.items() if member in current.enrolled]
    if confirmed:
        with contextlib.closing(journal.Journal(place.home.journal_file)) as seen:
            confirmed = [run_id for run_id in confirmed if seen.pinned(run_id) is not None]
    own = [number for number in place.home.datasets() if number in view.datasets]
    waiting = rules.waiting(view, member, confirmed=confirmed, own=own, now=int(max(time.time(), view.time)))
    news = (
        *rules.wished(view, member),
        *rules.of_membership(view, member),
        *clerk.news.items(place, kept, view, member),
    )
    return tuple(sorted((*waiting, *news), key=_urgency))


def _urgency(item: rules.Item) -> tuple[bool, float, float]:
    return item.pair is not None, math.inf if item.until is None else item.until, item.since


def decide(clerk: Clerk, key: str, word: Word) -> rules.Standing:
    """Say ``word`` to an item, and do what follows; return where the item stands now.

    Raises:
        errors.InputError: no such item, it was decided before, or no dataset fits.
        errors.CommonsError: what ledger or store say when it is carried out; then nothing is recorded.
    """
    entry = find(clerk, key)
    if entry.standing is rules.Standing.DENIED:
        raise errors.InputError("this was denied before", which=key, next_step="a denial stands; ask for a new run")
    entry.item.check(word.verdict)
    _check_compared(entry.item, word)
    decision = rules.Decision(word.verdict, word.reason.strip(), word.by, time.time())
    inbox.check_reason(decision)
    with clerk.inbox() as kept:
        after = rules.standing([*entry.said, decision], kept.house())
        if after is rules.Standing.APPROVED:
            _carry_out(clerk, entry.item, word)
        if entry.item.kind is rules.Kind.RECOVERY:
            clerk.place.desk.veto(clerk.place.desk.member_id())
        if word.verdict is not rules.Verdict.APPROVE or after is rules.Standing.APPROVED:
            for request_id in entry.item.request_ids:
                correspondence.answer(
                    clerk.place, request_id, word.verdict, decision.reason or _first_words(entry, word)
                )
        kept.decide(key, decision)
        if after is rules.Standing.APPROVED and entry.item.wish is not None:
            kept.settle(key)  # nothing outside this home shows that a wish was answered
    return after


def _first_words(entry: Entry, word: Word) -> str:
    """Return what the first of two persons wrote with their yes, where the second one wrote nothing."""
    yes = rules.Verdict.APPROVE
    written = [each.reason for each in entry.said if word.verdict is yes and each.verdict is yes and each.reason]
    return written[-1] if written else ""


def _check_compared(item: rules.Item, word: Word) -> None:
    if item.kind is rules.Kind.ROSTER and word.verdict is rules.Verdict.APPROVE and not word.is_compared:
        raise errors.InputError(
            "nobody said that the fingerprints are the same",
            which=item.key[:40],
            expected="a comparison with another participant",
            next_step="call another participant, compare, then tick that they see the same (`--fingerprint HEX` on the command line)",
        )


def _carry_out(clerk: Clerk, item: rules.Item, word: Word) -> None:
    if item.run_id is None:
        return  # an approval of a request is a word, which its answer says; that of a wish is a promise, kept here
    if item.kind is rules.Kind.ROSTER:
        seen = rosters.look(clerk.place, item.run_id, may_overlap=word.may_overlap)
        rosters.confirm(clerk.place, item.run_id, seen, by=word.by)
        return
    offer = offers.make_offer(clerk.place, clerk.papers, clerk.tables, item.run_id)
    enrol(clerk.place, offer, choose(offer, word.dataset_ids), by=word.by)


def choose(offer: offers.Offer, dataset_ids: Sequence[int] = ()) -> tuple[offers.Fit, ...]:
    """Return the datasets to bring: those named, or the only one that fits.

    Raises:
        errors.InputError: one of them does not fit or is none of this home's, none fits, several do and none is named, or more
            are named than a seat takes.
    """
    which = ids.short(offer.run_id)
    if offer.papers is None:
        raise errors.InputError(
            "plan and terms of the run cannot be read now", which=which, next_step="try again when the store answers"
        )
    fitting = {each.dataset_id: each for each in offer.fits if each.is_fitting}
    if not fitting:
        why = next((each.measured.trouble for each in offer.fits), None)
        raise errors.InputError(
            "no dataset of this home fits the run", which=which, got=why, next_step="see `commons inbox show`"
        )
    if not dataset_ids and len(fitting) > 1:
        raise errors.InputError(
            "several datasets fit",
            which=which,
            got=", ".join(map(str, fitting)),
            next_step=f"say which to bring: `--dataset {next(iter(fitting))}` on the command line, once for each, or `--all`",
        )
    wanted = tuple(dict.fromkeys(dataset_ids or fitting))
    if unfit := [number for number in wanted if number not in fitting]:
        why = next((each.measured.trouble for each in offer.fits if each.dataset_id == unfit[0]), "not of this home")
        raise errors.InputError(
            "a dataset does not fit the run; nothing was sent",
            which=f"dataset {unfit[0]}",
            got=why,
            next_step="see `commons inbox show`",
        )
    if len(wanted) > run.MOST_DATASETS:
        raise errors.InputError(
            "more datasets than a seat takes", which=which, expected=f"at most {run.MOST_DATASETS}", got=len(wanted)
        )
    return tuple(fitting[number] for number in wanted)


def enrol(place: places.Place, offer: offers.Offer, fits: Sequence[offers.Fit], *, by: str) -> None:
    """Give each dataset a consent where none is live, and bring them to the run; raises as the ledger does.

    Raises:
        errors.InputError: the run asks for a bond that the vault does not hold for this wallet; no consent was given.
    """
    place.desk.money.check_credit(offer.money, offer.current.spec.bond)
    first, *further = [(fit.dataset_id, _consent(place, offer, fit, by=by)) for fit in fits]
    giving.enrol(place, offer.run_id, office.Seat(*first, further=tuple(further)), by=by)


def _consent(place: places.Place, offer: offers.Offer, fit: offers.Fit, *, by: str) -> bytes:
    if fit.consent_id is not None:
        return fit.consent_id
    now = max(int(time.time()), place.desk.view().time)
    return giving.give(place, offers.consent_for(fit.dataset_id, offer.current.spec, now), by=by)


@dataclasses.dataclass(frozen=True, slots=True)
class Applied:
    """What a standing rule did, or could not do."""

    item: rules.Item
    number: int
    trouble: str | None = None


def apply_rules(clerk: Clerk) -> tuple[Applied, ...]:
    """Let the standing rules answer what they may answer now."""
    with clerk.inbox() as kept:
        known, house = kept.standing_rules(), kept.house()
        denied = kept.denied()
    if not known:
        return ()
    view, minute = clerk.place.desk.view(), inbox.minute_of_day(time.time())
    refused = tuple(_asked_of_denied(clerk, view, denied))
    done = []
    for entry in entries(clerk):
        found = _rule_for(clerk, view, entry, known, refused=refused)
        if found is not None and rules.may_rule_act(house, minute, found[1]):
            done.append(_apply(clerk, entry, *found))
    return tuple(done)


def _asked_of_denied(clerk: Clerk, view: views.LedgerView, keys: list[str]) -> Iterator[rules.Asked]:
    for key in keys:
        kind, _, about = key.partition(":")
        if kind not in (rules.Kind.RUN.value, rules.Kind.ROSTER.value):
            continue
        current = view.runs.get(ids.RunId(bytes.fromhex(about)))
        papers = None if current is None else clerk.papers.terms(current)
        if current is not None and papers is not None:
            yield rule_facts.asked_of(current.spec, papers)


def _rule_for(
    clerk: Clerk,
    view: views.LedgerView,
    entry: Entry,
    known: dict[int, rules.Rule],
    *,
    refused: tuple[rules.Asked, ...],
) -> tuple[int, rules.Rule] | None:
    if entry.item.run_id is None:
        return None
    current = view.runs[entry.item.run_id]
    papers = clerk.papers.terms(current)
    if papers is None:
        return None
    found = rules.matching(known, rule_facts.asked_of(current.spec, papers), entry.said, denied=refused)
    if found is None or entry.item.kind is rules.Kind.RUN:
        return found
    number, rule = found
    return found if rule.confirms and _was_approved_by_rule(clerk, entry.item, number) else None


def _was_approved_by_rule(clerk: Clerk, item: rules.Item, number: int) -> bool:
    key = dataclasses.replace(item, kind=rules.Kind.RUN).key
    with clerk.inbox() as kept:
        return any(each.by == rules.rule_name(number) for each in kept.said(key))


def _apply(clerk: Clerk, entry: Entry, number: int, rule: rules.Rule) -> Applied:
    word = Word(
        rule.verdict,
        f"standing {rules.rule_name(number)}",
        rules.rule_name(number),
        () if rule.dataset_id is None else (rule.dataset_id,),
        is_compared=rule.confirms,
    )
    try:
        decide(clerk, entry.item.key, word)
    except errors.CommonsError as err:  # a person sees it in the inbox, and what failed may pass
        return Applied(entry.item, number, str(err))
    return Applied(entry.item, number)
