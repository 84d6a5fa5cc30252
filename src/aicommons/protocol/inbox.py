"""What waits for a data owner, and what may be decided without asking again. Pure: no files, keys or clock.

``node/inbox`` keeps what is decided here, the owner's page and ``commons inbox`` show it, and the node asks ``held``
before each step. A standing rule only spares its owner a repetition: it never goes against something denied, never acts
in quiet hours, and never stands in for the second of two persons.
"""

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence

from aicommons.domain import errors, ids, run
from aicommons.protocol import duties, lineage, permissions
from aicommons.protocol import matching as fitting
from aicommons.protocol import view as views

DAY_MINUTES = 24 * 60
LONGEST_REASON = 2000
"""Characters of a reason or question."""


class Kind(enum.Enum):
    """What an item asks for."""

    RUN = "run"
    """May a dataset of this home take part in a run that is open for enrolment?"""
    ROSTER = "roster"
    """Are these the right participants of a run that this home enrolled in?"""
    REQUEST = "request"
    """Somebody asks for a dataset of this home, for no run that is open now."""
    PROBLEM = "problem"
    """A problem that a dataset of this home could serve: to be known, not decided."""
    DATASET = "dataset"
    """A dataset that fits a problem of this home's member: to be known, not decided."""
    RECOVERY = "recovery"
    """Another account is to act for this home's member; denying is the veto."""
    WISH = "wish"
    """The owner of a dataset asks that a model of this home's be retrained or retired."""


class Verdict(enum.Enum):
    """What a person, or a rule, says to an item."""

    APPROVE = "approve"
    ASK = "ask"
    DENY = "deny"
    DISMISS = "dismiss"
    """Seen, and not wanted any more; only for what needs no decision."""


class Standing(enum.Enum):
    """Where an item stands after all that was said."""

    OPEN = "open"
    SECOND = "second"
    """Approved by one person; a second one has to agree."""
    APPROVED = "approved"
    ASKED = "asked"
    """A question was sent; the answer is awaited."""
    DENIED = "denied"
    DISMISSED = "dismissed"
    """Put away; it never comes back."""

    @property
    def is_waiting(self) -> bool:
        """Whether somebody at this home has to say something."""
        return self in (Standing.OPEN, Standing.SECOND)

    @property
    def is_decided(self) -> bool:
        """Whether nothing more is to be said, by anybody."""
        return self in (Standing.APPROVED, Standing.DENIED, Standing.DISMISSED)


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits for the owner."""

    kind: Kind
    """What is asked."""
    run_id: ids.RunId | None
    """The run it is about; ``None`` where it is about none."""
    since: int
    """Block time in seconds at which it came up."""
    until: int | None
    """Block time in seconds after which it is too late, or ``None``."""
    request_id: int | None = None
    """The request that it is, or that was made for the run; ``None`` when nobody wrote."""
    alike: tuple[int, ...] = ()
    """Further requests for the same run, about other datasets of this home; they get the same word."""
    pair: fitting.Pair | None = None
    """The problem and the dataset that fit each other; ``None`` for anything else."""
    wish: int | None = None
    """Place of the wish that it is among all wishes on the ledger, or ``None``."""

    @property
    def key(self) -> str:
        """Name of the item in the inbox's file, unique for ever."""
        if self.pair is not None:
            return f"{self.kind.value}:{self.pair.text}"
        if self.kind is Kind.RECOVERY:
            return f"{self.kind.value}:{self.until}"  # no other recovery of this member is ripe at that second
        if self.run_id is not None:
            return f"{self.kind.value}:{self.run_id.hex()}"
        return f"{self.kind.value}:{self.request_id if self.wish is None else self.wish}"

    @property
    def request_ids(self) -> tuple[int, ...]:
        """All requests that a word to it answers."""
        return self.alike if self.request_id is None else (self.request_id, *self.alike)

    def check(self, verdict: Verdict) -> None:
        """Check that ``verdict`` is an answer to it.

        Raises:
            errors.InputError: it needs no decision, or cannot be put away, or only a veto is left.
        """
        answers = ANSWERS.get(self.kind, (Verdict.APPROVE, Verdict.ASK, Verdict.DENY))
        if verdict not in answers:
            raise errors.InputError(
                "that is no answer to this item",
                which=self.key[:40],
                expected=" or ".join(each.value for each in answers),
                got=verdict.value,
                next_step="see `commons inbox show`",
            )


ANSWERS: Mapping[Kind, tuple[Verdict, ...]] = {
    Kind.PROBLEM: (Verdict.DISMISS,),
    Kind.DATASET: (Verdict.DISMISS,),
    Kind.RECOVERY: (Verdict.DENY,),
    Kind.WISH: (Verdict.APPROVE, Verdict.DENY),
}
"""What may be said to items that ask for no permission."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What somebody said to an item."""

    verdict: Verdict
    """Yes, no, or a question."""
    reason: str
    """Their words; for a question, the question. May be empty for an approval."""
    by: str
    """Operator's name, ``rule N``, or empty where no operators are set."""
    at: float
    """Seconds since 1970."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a rule looks at."""

    plan: bytes
    """Digest of the plan, 32 bytes."""
    author: int
    """Member id of the solver."""
    recipe: str
    """Name of the learner."""
    purpose: str
    """Purpose code."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A standing answer to runs that match everything it names."""

    verdict: Verdict
    """``APPROVE`` or ``DENY``."""
    plan: bytes | None = None
    """Only this plan."""
    author: int | None = None
    """Only this solver."""
    recipe: str | None = None
    """Only this learner."""
    purpose: str | None = None
    """Only this purpose code."""
    dataset_id: int | None = None
    """Dataset to bring; ``None`` where only one of the home's fits."""
    confirms: bool = False
    """Also confirm the participants without asking: the ledger's word on them is then believed."""

    def check(self) -> None:
        """Check that it says something.

        Raises:
            errors.InputError: it matches every run, or its verdict is a question.
        """
        if self.verdict not in (Verdict.APPROVE, Verdict.DENY):
            raise errors.InputError("a rule cannot say this", which="rule", expected="approve or deny")
        if all(each is None for each in (self.plan, self.author, self.recipe, self.purpose)):
            raise errors.InputError(
                "a rule has to name something",
                which="rule",
                expected="a plan, an author, a recipe or a purpose",
                next_step="a rule that matches everything would decide in your place about what nobody has seen",
            )

    def matches(self, asked: Asked) -> bool:
        """Return whether everything that it names is so."""
        pairs = (
            (self.plan, asked.plan),
            (self.author, asked.author),
            (self.recipe, asked.recipe),
            (self.purpose, asked.purpose),
        )
        return all(wanted is None or wanted == got for wanted, got in pairs)


@dataclasses.dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day, by the machine's own clock, in which nothing is begun; may go over midnight."""

    begin: int
    """Minute of the day at which they begin, 0 to 1439."""
    end: int
    """Minute of the day at which they are over."""

    def check(self) -> None:
        """Check that they are a part of a day; raises ``errors.InputError``."""
        if not (0 <= self.begin < DAY_MINUTES and 0 <= self.end < DAY_MINUTES) or self.begin == self.end:
            raise errors.InputError(
                "not quiet hours", which="quiet hours", expected="two different times of day, such as 20:00 and 07:00"
            )

    @property
    def text(self) -> str:
        """Both times, such as ``20:00 07:00``."""
        return f"{time_of(self.begin)} {time_of(self.end)}"

    def cover(self, minute: int) -> bool:
        """Return whether ``minute`` of the day is in them."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


@dataclasses.dataclass(frozen=True, slots=True)
class House:
    """How this home decides, apart from its rules."""

    stopped: bool = False
    """The stop button was pressed and not yet released."""
    quiet: QuietHours | None = None
    """When nothing is begun."""
    operators: tuple[str, ...] = ()
    """Names of those who may approve; with two or more, two have to."""

    @property
    def approvals_needed(self) -> int:
        """How many persons have to approve."""
        return 2 if len(self.operators) > 1 else 1

    def counts(self, by: str) -> bool:
        """Return whether an approval in this name counts: where operators are named, only theirs, or one person's rule's."""
        return not self.operators or by in self.operators or (self.approvals_needed == 1 and is_rule(by))


RULE = "rule "
"""Beginning of the name in which a standing rule speaks; no operator is called so."""


def rule_name(number: int) -> str:
    """Return the name in which a standing rule speaks."""
    return f"{RULE}{number}"


def is_rule(by: str) -> bool:
    """Return whether a name is that of a standing rule."""
    return by.startswith(RULE)


BEGINNING = frozenset({duties.DutyKind.ACK})
"""With these a run begins at this node."""
TAKING_PART = frozenset({duties.DutyKind.SUBMIT, duties.DutyKind.COMMIT, duties.DutyKind.REVEAL})
"""With these a node brings its data into a run, or opens what others brought together with its own."""


def held(house: House, minute: int) -> frozenset[duties.DutyKind]:
    """Return the duties that the node leaves alone at ``minute`` of the day, because its owner says so."""
    if house.stopped:
        return BEGINNING | TAKING_PART
    return BEGINNING if is_quiet(house, minute) else frozenset()


def is_quiet(house: House, minute: int) -> bool:
    """Return whether quiet hours are now."""
    return house.quiet is not None and house.quiet.cover(minute)


def waiting(
    view: views.LedgerView, member: ids.MemberId, *, confirmed: Iterable[bytes], own: Iterable[int], now: int
) -> tuple[Item, ...]:
    """Return what waits for ``member``, oldest first; whether a dataset really fits is found out by reading it.

    Args:
        view: the ledger's.
        member: this home's.
        confirmed: ids of the runs whose participants were confirmed.
        own: ids of the datasets that are in this home.
        now: seconds since 1970.
    """
    if not set(own):
        return ()
    done = set(confirmed)
    asked = {number: request for number, request in view.requests.items() if _is_asked(view, member, request)}
    found = []
    for run_id, current in view.runs.items():
        if _has_room(current, member, now):
            until = current.spec.enrol_until
            found.append(Item(Kind.RUN, run_id, current.opened.time, until, *_take_asked(asked, run_id)))
        elif current.roster is not None and run_id not in done and _has_seat(current, member):
            found.append(Item(Kind.ROSTER, run_id, current.roster.at.time, current.deadline or None))
    found += [Item(Kind.REQUEST, None, request.asked.at.time, None, number) for number, request in asked.items()]
    return tuple(sorted(found, key=lambda item: item.since))


def of_membership(view: views.LedgerView, member: ids.MemberId) -> tuple[Item, ...]:
    """Return the recovery of ``member`` that is under way, which its account may veto until somebody finishes it."""
    recovery = view.members[member].recovery
    if recovery is None:
        return ()
    return (Item(Kind.RECOVERY, None, recovery.ripe_at - RECOVERY_SECONDS, recovery.ripe_at),)


RECOVERY_SECONDS = 7 * 86400
"""How long the contract lets an account veto its recovery."""


def of_pair(view: views.LedgerView, member: ids.MemberId, pair: fitting.Pair, since: int) -> Item:
    """Return the item that tells of a dataset and a problem that fit each other, found at block time ``since``."""
    stated = view.problems[pair.problem_id]
    kind = Kind.DATASET if stated.owner == member else Kind.PROBLEM
    return Item(kind, None, since, stated.deadline, pair=pair)


def wished(view: views.LedgerView, member: ids.MemberId) -> tuple[Item, ...]:
    """Return what others wish of the models that ``member`` answers for, oldest first; it waits until somebody answers."""
    return tuple(
        Item(Kind.WISH, None, each.at.time, None, wish=place) for place, each in lineage.wishes_for(view, member)
    )


def _is_asked(view: views.LedgerView, member: ids.MemberId, request: permissions.RequestView) -> bool:
    dataset = view.datasets.get(request.asked.dataset_id)
    return dataset is not None and dataset.owner == member and not request.state.is_decided


def _take_asked(asked: dict[int, permissions.RequestView], run_id: ids.RunId) -> tuple[int | None, tuple[int, ...]]:
    numbers = [number for number, request in sorted(asked.items()) if request.asked.for_run == run_id]
    for number in numbers:
        del asked[number]
    return (numbers[0], tuple(numbers[1:])) if numbers else (None, ())


def _has_room(current: views.RunView, member: ids.MemberId, now: int) -> bool:
    is_open = current.state is run.RunState.ENROLLING and now < current.spec.enrol_until
    return is_open and member not in current.enrolled and len(current.enrolled) < current.spec.max_participants


def _has_seat(current: views.RunView, member: ids.MemberId) -> bool:
    seats = current.roster.member_ids if current.roster is not None else ()
    return not current.state.is_over and member in seats and member not in current.exits


def standing(said: Sequence[Decision], house: House) -> Standing:
    """Return where an item stands.

    One denial is enough, whoever said it then; approvals count once per person, and only of who may approve now; a later
    word of a person replaces an earlier one.
    """
    newest = {each.by: each.verdict for each in said}
    if Verdict.DENY in newest.values():
        return Standing.DENIED
    if Verdict.DISMISS in newest.values():
        return Standing.DISMISSED
    if said and said[-1].verdict is Verdict.ASK:
        return Standing.ASKED
    approvals = sum(verdict is Verdict.APPROVE and house.counts(by) for by, verdict in newest.items())
    if approvals >= house.approvals_needed:
        return Standing.APPROVED
    return Standing.SECOND if approvals else Standing.OPEN


def standing_of_request(said: Sequence[Decision], house: House, state: permissions.RequestState) -> Standing:
    """Return where an item stands that the ledger knows as a request: a reply opens a question again."""
    if state is permissions.RequestState.OPEN:
        return standing([each for each in said if each.verdict is not Verdict.ASK], house)
    return standing(said, house)


def matching(
    rules: Mapping[int, Rule], asked: Asked, said: Sequence[Decision], *, denied: Iterable[Asked] = ()
) -> tuple[int, Rule] | None:
    """Return the rule that answers, ``None`` when a person has to: a denial goes before every approval.

    Args:
        rules: number -> rule.
        asked: what the run is.
        said: what was said about this very run; any word of a person ends what rules may do.
        denied: runs that a person denied before; a rule does not approve the same plan again behind their back.
    """
    if said:
        return None
    matched = [(number, rule) for number, rule in sorted(rules.items()) if rule.matches(asked)]
    for number, rule in matched:
        if rule.verdict is Verdict.DENY:
            return number, rule
    if any(each.plan == asked.plan for each in denied):
        return None
    return matched[0] if matched else None


def may_rule_act(house: House, minute: int, rule: Rule) -> bool:
    """Return whether a rule may answer now: an approval never in quiet hours, when stopped, or in place of two persons."""
    if rule.verdict is Verdict.DENY:
        return True
    return not house.stopped and not is_quiet(house, minute) and house.approvals_needed == 1


def minute(text: str) -> int:
    """Read a time of day such as ``07:30`` as a minute of the day; raises ``errors.InputError`` for anything else."""
    hours, _, minutes = text.partition(":")
    is_time = hours.isdecimal() and minutes.isdecimal() and len(hours) <= 2 and len(minutes) == 2
    if not is_time or int(hours) > 23 or int(minutes) > 59:
        raise errors.InputError("not a time of day", which=text[:20], expected="hours and minutes, such as 07:30")
    return 60 * int(hours) + int(minutes)


def time_of(minute: int) -> str:
    """Return a minute of the day as a time, such as ``07:30``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
