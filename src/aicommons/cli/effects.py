"""What the calls of a proposal would do, in words that everybody understands: read from their bytes, never from the proposer.

Called by ``vote`` and, for what a co-op does in the commons, by ``voting``. A call without words of its own is shown whole.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aicommons.cli import ballots, naming, output
from aicommons.domain import errors, events, ids, vocabulary, vote_events

if TYPE_CHECKING:
    from aicommons import office

Values = Sequence[Any]
ROLE_WORDS = {
    vote_events.Role.AUDITOR: "an auditor",
    vote_events.Role.ETHICS_BOARD: "one of the ethics board",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """One call in words."""

    words: str
    """What it does."""
    before: str | None
    """How it is now, where there is something to compare."""
    after: str | None
    """How it would be."""
    outcome: str
    """Whether it would succeed if it were done now."""

    def lines(self, number: int) -> list[str]:
        """Return it as a numbered item."""
        changed = [] if self.before is None else [f"     now {self.before}, then {self.after}"]
        return [f"  {number}. {self.words}", *changed, f"     {self.outcome}"]


def say(trial: "office.Trial", names: naming.Names) -> Said:
    """Return what a call would do."""
    before, after = _compared(trial)
    return Said(words(trial.meaning, names, trial.call), before, after, _outcome(trial))


def words(meaning: "office.Meaning | None", names: naming.Names, call: "office.Call") -> str:
    """Return what a call does, in words."""
    if meaning is None:
        return (
            f"call {ids.format_id(call.target)}, which is no contract of this commons, with 0x{call.data.hex()[:40]}…"
        )
    known = WORDS.get((meaning.contract, meaning.function))
    if known is not None:
        return known(names, meaning.values)
    if meaning.function == "setSuccessor":
        return f"let clients use {meaning.values[0]} in place of {meaning.contract}"
    pairs = zip(meaning.names, meaning.values, strict=True)
    return (
        f"call {meaning.contract}.{meaning.function}({', '.join(f'{name} = {_plain(value)}' for name, value in pairs)})"
    )


def _hours(values: Values) -> str:
    return span(int(values[0]))


def span(seconds: int) -> str:
    """Return a time span in the largest unit that it is a whole number of."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _purposes(bitmap: Any) -> str:
    return ", ".join(vocabulary.outermost(int(bitmap))) or "no purpose"


def _rules(first: str, second: str, values: Values) -> str:
    return f"{first} {values[0]}, {second} {span(int(values[1]))}"


WORDS: Mapping[tuple[str, str], Callable[[naming.Names, Values], str]] = {
    ("Membership", "grantRole"): lambda names, v: f"make {names(v[0])} {ROLE_WORDS[vote_events.Role(v[1])]}",
    ("Membership", "revokeRole"): lambda names, v: (
        f"let {names(v[0])} no longer be {ROLE_WORDS[vote_events.Role(v[1])]}"
    ),
    ("Membership", "admit"): lambda _, v: f"admit {v[0]} as a member",
    ("Membership", "suspend"): lambda names, v: f"suspend {names(v[0])}: it may not act, and keeps its vote",
    ("Membership", "reinstate"): lambda names, v: f"let {names(v[0])} act again",
    ("Membership", "expel"): lambda names, v: f"end the membership of {names(v[0])}",
    ("Membership", "applyAs"): lambda _, v: f"apply for membership of the commons, with the node key {v[1]}",
    ("Membership", "recover"): lambda names, v: f"begin to give {names(v[0])} to the account {v[1]}",
    ("Membership", "setRegistrars"): lambda _, v: (
        f"replace all registrars by {', '.join(v[0])}, of whom {v[1]} have to agree"
    ),
    ("CommonsGovernor", "setVotingDelay"): lambda _, v: f"open votes {_hours(v)} after their proposal",
    ("CommonsGovernor", "setVotingPeriod"): lambda _, v: f"keep votes open for {_hours(v)}",
    ("CommonsGovernor", "updateQuorumNumerator"): lambda _, v: f"ask {v[0]} % of the members to take part in a vote",
    ("CommonsGovernor", "castVote"): lambda _, v: (
        f"vote {ballots.word(events.Support(v[1]))} on proposal 0x{v[0]:064x}"
    ),
    ("TimelockController", "updateDelay"): lambda _, v: f"let what was carried wait for {_hours(v)}",
    ("DataRegistry", "setBanned"): lambda _, v: f"ban these purposes and no others: {_purposes(v[0])}",
    ("ModelRegistry", "setAuditRules"): lambda _, v: (
        f"ask {v[0][0]} audits of a model, and {span(int(v[0][1]))} between its clearing and its release"
    ),
    ("ModelRegistry", "suspend"): lambda _, v: f"suspend model {_plain(v[0])}",
    ("ModelRegistry", "resume"): lambda _, v: f"lift the suspension of model {_plain(v[0])}",
    ("ModelRegistry", "withdraw"): lambda _, v: f"withdraw model {_plain(v[0])} for good",
    ("Problems", "setRules"): lambda _, v: (
        f"review problems for {span(int(v[0][0]))}, and let awards be challenged for {span(int(v[0][1]))}"
    ),
    ("Problems", "resolve"): lambda _, v: (
        f"{'pay out' if v[2] else 'give back'} award {v[1]} of problem {_plain(v[0])}, which was challenged"
    ),
}
"""What the usual calls do."""
SPANS = {"setVotingDelay", "setVotingPeriod", "updateDelay"}


def _compared(trial: "office.Trial") -> tuple[str | None, str | None]:
    """Return how it is now and how it would be, as texts."""
    meaning = trial.meaning
    if meaning is None or trial.now is None:
        return None, None
    now, then = trial.now[0], meaning.values[0]
    if meaning.function in ("grantRole", "revokeRole"):
        return _plain(now), _plain(meaning.function == "grantRole")
    if meaning.function == "setRegistrars":
        return f"{now} have to agree", f"{meaning.values[1]}"
    if meaning.function == "setBanned":
        return _purposes(now), _purposes(then)
    shown: Callable[[Any], str] = (lambda value: span(int(value))) if meaning.function in SPANS else _plain
    return shown(now), shown(then)


def _outcome(trial: "office.Trial") -> str:
    if not trial.is_tried:
        return "tried now: only its execution can tell, because it is about votes themselves"
    if trial.refusal is None:
        return "tried now: it would succeed"
    return f"tried now: it would be refused: {refused(trial.refusal)}"


def refused(err: errors.LedgerRefused) -> str:
    """Return why a call would be refused."""
    return output.in_words(err)[0]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return ids.format_id(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_plain(each) for each in value)}]"
    return naming.plain(str(value))
