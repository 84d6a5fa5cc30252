"""What the calls of a proposal would do, in words that everybody understands: read from their bytes, never from the proposer.

Called by ``vote`` and, for what a co-op does in the commons, by ``voting``. A call without words of its own is shown whole.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aicommons.cli import ballots, naming, refusals
from aicommons.domain import amounts, errors, ids, vocabulary, vote_events

if TYPE_CHECKING:
    from aicommons import office

Values = Sequence[Any]
Names = Callable[[int], str]
"""What a member calls itself."""
MOST_BYTES = 4096
"""Bytes of an unread call on the screen: more would push everything else out of sight."""
ROLE_WORDS: Mapping[int, str] = {
    vote_events.Role.AUDITOR: "an auditor",
    vote_events.Role.ETHICS_BOARD: "one of the ethics board",
}
SUPPORT_WORDS: Mapping[int, str] = {number: word for word, number in ballots.SUPPORT.items()}
TIMELOCK_ROLES = {
    "PROPOSER_ROLE": "of those who have the timelock do anything, without a vote",
    "CANCELLER_ROLE": "of those who stop what was carried",
    "EXECUTOR_ROLE": "of those who do what was carried and has waited",
}
"""Role of OpenZeppelin's timelock -> who has it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """One call in words."""

    call: "office.Call"
    meaning: "office.Meaning | None"
    words: str
    """What it does."""
    before: str | None
    """How it is now, where there is something to compare."""
    after: str | None
    """How it would be."""
    outcome: str
    """Whether it would succeed if it were done now."""

    def lines(self, number: int) -> list[str]:
        """Return it as a numbered item; what cannot be read is followed by its bytes."""
        changed = [] if self.before is None else [f"     now {self.before}, then {self.after}"]
        unread = [f"     {each}" for each in _unread(self.call, self.meaning)]
        return [f"  {number}. {self.words}", *changed, *unread, f"     {self.outcome}"]

    def as_json(self) -> dict[str, object]:
        """Return it whole."""
        return {
            "words": self.words,
            "now": self.before,
            "then": self.after,
            "outcome": self.outcome,
            "target": ids.format_id(self.call.target),
            "contract": None if self.meaning is None else self.meaning.contract,
            "function": None if self.meaning is None else self.meaning.function,
            "value": str(self.call.value),
            "data": ids.format_id(self.call.data),
        }


def say(trial: "office.Trial", names: Names) -> Said:
    """Return what a call would do."""
    before, after = _compared(trial)
    return Said(*(trial.call, trial.meaning, words(trial.call, trial.meaning, names)), before, after, _outcome(trial))


def words(call: "office.Call", meaning: "office.Meaning | None", names: Names) -> str:
    """Return what a call does, in words; never fails, whatever its bytes are."""
    coin = amounts.show(call.value, 18) if call.value else None
    where = _where(call, meaning)
    if not call.data and coin is not None:
        return f"send {coin} coin to {where}"
    sent = "" if coin is None else f", and send {coin} coin with it"
    return f"{_act(call, meaning, names)}{sent}"


def whole(call: "office.Call", meaning: "office.Meaning | None", names: Names) -> str:
    """Return what a call does in words, with its bytes where they cannot be read."""
    return "; ".join([words(call, meaning, names), *_unread(call, meaning)])


def _where(call: "office.Call", meaning: "office.Meaning | None") -> str:
    """Return what is called."""
    if meaning is None:
        return f"{ids.format_id(call.target)}, which is no contract of this commons"
    return f"the former {meaning.contract} ({ids.format_id(call.target)})" if meaning.is_former else meaning.contract


def _act(call: "office.Call", meaning: "office.Meaning | None", names: Names) -> str:
    where = _where(call, meaning)
    if meaning is None:
        return f"call {where}: nobody can say here what that does"
    if meaning.function is None:
        return f"call {where} with no function that this package knows: vote against it"
    if meaning.values is None:
        return f"call {where}.{meaning.function} in a form that this package cannot read: vote against it"
    known = WORDS.get((meaning.contract, meaning.function))
    if meaning.function == "setSuccessor":
        said = f"let clients use {meaning.values[0]} in place of {where}"
    elif meaning.inner:
        inner = "; ".join(words(each, read, names) for each, read in meaning.inner)
        said = f"let {where}.{meaning.function} do this: {inner}"
    elif known is not None:
        said = known(names, meaning.values) + (f", at {where}" if meaning.is_former else "")
    else:
        pairs = zip(meaning.names, meaning.values, strict=True)
        said = f"call {where}.{meaning.function}({', '.join(f'{name} = {_plain(value)}' for name, value in pairs)})"
    return said


def _is_read(call: "office.Call", meaning: "office.Meaning | None") -> bool:
    """Return whether the words say all that a call does."""
    if meaning is None or meaning.values is None:
        return not call.data
    return all(_is_read(*each) for each in meaning.inner)


def _unread(call: "office.Call", meaning: "office.Meaning | None") -> list[str]:
    """Return the bytes of a call that the words do not say; none where they say all."""
    if _is_read(call, meaning):
        return []
    if len(call.data) <= MOST_BYTES:
        return [f"its bytes: {ids.format_id(call.data)}"]
    return [f"its bytes: {ids.format_id(call.data[:MOST_BYTES])}… ({len(call.data)} bytes; `--json` has them all)"]


def _hours(values: Values) -> str:
    return span(int(values[0]))


def span(seconds: int) -> str:
    """Return a time span in the largest unit that it is a whole number of."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _bans(banned: int, lifted: int) -> str:
    """Return what changes of bans; what is named on both sides is lifted."""
    parts = [("ban these purposes: ", banned & ~lifted), ("lift the ban of ", lifted)]
    return " and ".join(word + _purposes(bitmap) for word, bitmap in parts if bitmap) or "change no ban"


def _purposes(bitmap: Any) -> str:
    named = vocabulary.outermost(int(bitmap))
    left_out = vocabulary.outermost(vocabulary.bits(named) & ~int(bitmap))
    return (", ".join(named) or "no purpose") + (f" (but not {', '.join(left_out)})" if left_out else "")


def _consent(names: Names, terms: Values) -> str:
    """Return what a consent permits; ``terms`` are the fields of ``events.ConsentTerms``."""
    dataset, purposes, grantee, problem, is_commercial, expiry, uses, _ = terms
    whose = names(grantee) if grantee else "any member"
    about = f" on problem {ids.short(problem)}" if any(problem) else ""
    commercial = ", commercially too" if is_commercial else ""
    return (
        f"permit a use of dataset {dataset} by {whose} for {_purposes(purposes)}{about}{commercial},"
        f" up to {uses} times until {naming.when(expiry)}"
    )


def _role(number: int) -> str:
    return ROLE_WORDS.get(number, f"a holder of role {number}, which there is none")


def _timelock_role(role: bytes) -> str:
    from aicommons.domain import encoding

    if role == bytes(32):
        return "of those who give out all power over the commons"
    known = {encoding.keccak(name.encode()): said for name, said in TIMELOCK_ROLES.items()}
    return known.get(role, f"with the role {ids.format_id(role)}")


def _rules(first: str, second: str, values: Values) -> str:
    return f"{first} {values[0]}, {second} {span(int(values[1]))}"


WORDS: Mapping[tuple[str, str], Callable[[Names, Values], str]] = {
    ("Membership", "grantRole"): lambda names, v: f"make {names(v[0])} {_role(v[1])}",
    ("Membership", "revokeRole"): lambda names, v: f"let {names(v[0])} no longer be {_role(v[1])}",
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
        f"vote {SUPPORT_WORDS.get(v[1], f'{v[1]}, which is no choice,')} on proposal 0x{v[0]:064x}"
    ),
    ("CommonsGovernor", "updateTimelock"): lambda _, v: (
        f"let the governor act through {v[0]} in place of its timelock, which keeps all power over the contracts"
    ),
    ("TimelockController", "updateDelay"): lambda _, v: f"let what was carried wait for {_hours(v)}",
    ("TimelockController", "grantRole"): lambda _, v: f"make {v[1]} one {_timelock_role(v[0])}",
    ("TimelockController", "revokeRole"): lambda _, v: f"let {v[1]} no longer be one {_timelock_role(v[0])}",
    ("DataRegistry", "give"): lambda names, v: _consent(names, v[0]),
    ("DataRegistry", "resume"): lambda _, v: f"put dataset {v[0]} back into use",
    ("DataRegistry", "discharge"): lambda _, v: f"give dataset {v[0]} back to its owner",
    ("DataRegistry", "changeBanned"): lambda _, v: _bans(v[0], v[1]),
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
LONGEST_REFUSAL = 400
"""Letters of a refusal, which the contract that is called may have written itself."""
SPANS = {"setVotingDelay", "setVotingPeriod", "updateDelay"}


def _compared(trial: "office.Trial") -> tuple[str | None, str | None]:
    """Return how it is now and how it would be, as texts."""
    meaning = trial.meaning
    if meaning is None or meaning.values is None or trial.now is None:
        return None, None
    now: Any = trial.now[0]
    then: Any = meaning.values[0]
    if meaning.function in ("grantRole", "revokeRole"):
        return _plain(now), _plain(meaning.function == "grantRole")
    if meaning.function == "setRegistrars":
        return f"{now} have to agree", f"{meaning.values[1]}"
    if meaning.function == "changeBanned":
        lifted: Any = meaning.values[1]
        return _purposes(now), _purposes((now | then) & ~lifted)
    if meaning.function == "updateQuorumNumerator":
        return f"{now} %", f"{then} %"
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
    return naming.plain((refusals.in_words(err) or (str(err),))[0], LONGEST_REFUSAL)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return ids.format_id(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_plain(each) for each in value)}]"
    return naming.plain(str(value))
