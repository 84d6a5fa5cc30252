"""What members can propose to do together, as options of `commons vote propose`: each becomes one call by the timelock.

Called by ``vote``. Named acts are the usual ones; ``--call`` takes any function of any contract. How a call is said in words is
``effects``'s business.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aicommons.cli import naming
from aicommons.domain import errors, model_events, money_events, vote_events

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.protocol import view as views

F = TypeVar("F", bound=Callable[..., Any])
HOUR = 3600
ROLES = {role.word: role for role in vote_events.Role}
MEMBER = click.IntRange(1)
GOVERNED = (
    *("Membership", "CommonsGovernor", "Attestations", "Vault", "Bonds", "DataRegistry", "Problems", "Enrolment"),
    *("TrainingRuns", "Verdicts", "ModelRegistry", "Guardianships", "ConsentRegister", "Requests"),
)
"""Those of ``ledger.contracts``, which is too slow to read for a ``--help``; a test holds both together."""


def _many(name: str, metavar: str, text: str, kind: Any = None) -> Callable[[F], F]:
    return click.option(f"--{name}", multiple=True, metavar=metavar, type=kind, help=text)


def _one(name: str, text: str, kind: Any) -> Callable[[F], F]:
    return click.option(f"--{name}", type=kind, help=text)


ROLE = (MEMBER, click.Choice(list(ROLES)))
HOURS = click.FloatRange(0, (2**32 - 1) // HOUR)
"""Fits the 32 bits in which seconds are counted."""
RULE_HOURS = click.FloatRange(0, money_events.LONGEST_RULE // HOUR)
VOTE_HOURS = click.FloatRange(0, vote_events.LONGEST_WAIT // HOUR)
OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _many("grant-role", "MEMBER ROLE", "Make a member auditor or one of the ethics-board.", ROLE),
    _many("revoke-role", "MEMBER ROLE", "Take a role away.", ROLE),
    _many("admit", "ADDRESS", "Admit an applicant, without the registrars."),
    _many("suspend", "MEMBER", "Let a member not act for now; it keeps its vote.", MEMBER),
    _many("reinstate", "MEMBER", "Let a suspended member act again.", MEMBER),
    _many("expel", "MEMBER", "End a membership.", MEMBER),
    _many("registrar", "ADDRESS", "Replace all registrars by these; needs --threshold."),
    _one("threshold", "How many of the new registrars have to agree.", click.IntRange(1)),
    _many("ban", "CODE", "Ban a purpose, with everything below it: nobody can permit it any more."),
    _many("unban", "CODE", "Lift the ban of a purpose, with everything below it."),
    _one("audits", "How many audits a model needs to be released.", click.IntRange(1, model_events.MOST_AUDITS)),
    _one("audit-delay-hours", "How long a cleared model waits until its release.", HOURS),
    _one("review-hours", "How long a problem is reviewed before it opens.", RULE_HOURS),
    _one("challenge-hours", "How long a judge's word on an award can be challenged.", RULE_HOURS),
    _one("voting-delay-hours", "How long a proposal is there before its vote opens.", VOTE_HOURS),
    _one(
        "voting-period-hours",
        "How long a vote is open.",
        click.FloatRange(0, vote_events.LONGEST_WAIT // HOUR, min_open=True),
    ),
    _one("quorum-percent", "Percent of the members that have to take part.", click.IntRange(0, 100)),
    _one("timelock-hours", "How long what was carried waits.", VOTE_HOURS),
    _many(
        "successor", "CONTRACT ADDRESS", "Name the contract that takes another's place.", (click.Choice(GOVERNED), str)
    ),
    _many("call", "CONTRACT.FUNCTION JSON", "Any call; its arguments are a JSON list, bytes as 0x….", (str, str)),
)


def options(command: F) -> F:
    """Give a command the options; it gets them as one ``acts`` of type ``Acts``."""

    @functools.wraps(command)
    def taken(**said: Any) -> Any:
        names = [field.name for field in dataclasses.fields(Acts)]
        acts = Acts(**{name: said.pop(name) for name in names})
        return command(**said, acts=acts)

    wrapped: Any = taken
    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # click's decorators are typed for any callable


@dataclasses.dataclass(frozen=True, slots=True)
class Acts:
    """The options, by their names."""

    grant_role: tuple[tuple[int, str], ...]
    revoke_role: tuple[tuple[int, str], ...]
    admit: tuple[str, ...]
    suspend: tuple[int, ...]
    reinstate: tuple[int, ...]
    expel: tuple[int, ...]
    registrar: tuple[str, ...]
    threshold: int | None
    ban: tuple[str, ...]
    unban: tuple[str, ...]
    audits: int | None
    audit_delay_hours: float | None
    review_hours: float | None
    challenge_hours: float | None
    voting_delay_hours: float | None
    voting_period_hours: float | None
    quorum_percent: int | None
    timelock_hours: float | None
    successor: tuple[tuple[str, str], ...]
    call: tuple[tuple[str, str], ...]

    def calls(self, desk: "office.VoteDesk", view: "views.LedgerView") -> "list[office.Call]":
        """Return the calls, in the order of the options.

        Raises:
            errors.InputError: no such member, purpose, address, contract or function, or nothing was said.
        """
        made = [
            *self._about_members(desk, view),
            *self._about_registrars(desk),
            *self._about_rules(desk),
            *self._about_votes(desk),
            *(desk.call(each, "setSuccessor", naming.parse_address(to)) for each, to in self.successor),
            *(raw(desk, name, text) for name, text in self.call),
        ]
        if not made:
            raise errors.InputError("a proposal needs something to do", next_step="see `commons vote propose --help`")
        return made

    def _about_members(self, desk: "office.VoteDesk", view: "views.LedgerView") -> "Iterator[office.Call]":
        for member, word in self.grant_role:
            yield desk.call("Membership", "grantRole", _known(view, member), ROLES[word])
        for member, word in self.revoke_role:
            yield desk.call("Membership", "revokeRole", _known(view, member), ROLES[word])
        for address in self.admit:
            yield desk.call("Membership", "admit", naming.parse_address(address))
        for function in ("suspend", "reinstate", "expel"):
            for member in getattr(self, function):
                yield desk.call("Membership", function, _known(view, member))

    def _about_registrars(self, desk: "office.VoteDesk") -> "Iterator[office.Call]":
        if bool(self.registrar) != (self.threshold is not None):
            raise click.UsageError("new registrars need both: --registrar ADDRESS for each, and --threshold")
        if self.registrar:
            accounts = [naming.parse_address(each) for each in self.registrar]
            yield desk.call("Membership", "setRegistrars", accounts, self.threshold)

    def _about_rules(self, desk: "office.VoteDesk") -> "Iterator[office.Call]":
        from aicommons.domain import vocabulary

        if self.ban or self.unban:
            yield desk.call("DataRegistry", "changeBanned", vocabulary.bits(self.ban), vocabulary.bits(self.unban))
        pairs: Sequence[tuple[str, str, Sequence[float | None]]] = (
            ("ModelRegistry", "setAuditRules", (self.audits, _seconds(self.audit_delay_hours))),
            ("Problems", "setRules", (_seconds(self.review_hours), _seconds(self.challenge_hours))),
        )
        for contract, function, said in pairs:
            if any(each is not None for each in said):
                kept: Any = desk.told(contract, function)
                rules = [old if each is None else each for old, each in zip(kept, said, strict=True)]
                yield desk.call(contract, function, rules)

    def _about_votes(self, desk: "office.VoteDesk") -> "Iterator[office.Call]":
        pairs = (
            ("CommonsGovernor", "setVotingDelay", _seconds(self.voting_delay_hours)),
            ("CommonsGovernor", "setVotingPeriod", _seconds(self.voting_period_hours)),
            ("CommonsGovernor", "updateQuorumNumerator", self.quorum_percent),
            ("TimelockController", "updateDelay", _seconds(self.timelock_hours)),
        )
        for contract, function, value in pairs:
            if value is not None:
                yield desk.call(contract, function, value)


def _known(view: "views.LedgerView", member: int) -> int:
    if member not in view.members:
        raise errors.InputError("no such member", which=f"member {member}", next_step="see `commons member list`")
    return member


def _seconds(hours: float | None) -> int | None:
    return None if hours is None else round(hours * HOUR)


# ------------------------------------------------------------------------------------------------------------ any call


def raw(desk: "office.VoteDesk", name: str, text: str) -> "office.Call":
    """Return the call of ``CONTRACT.FUNCTION`` with a JSON list of arguments; raises ``errors.InputError``."""
    from aicommons.ledger import contracts

    contract, _, function = name.partition(".")
    entry = contracts.load(contract).functions.get(function) if contract in contracts.NAMES else None
    if entry is None:
        known = contracts.NAMES if contract not in contracts.NAMES else contracts.load(contract).functions
        raise errors.InputError("no such function", which=f"--call {name[:80]}", expected=", ".join(sorted(known)))
    shape = ", ".join(f"{kind} {each}" for kind, each in zip(entry.types, entry.names, strict=True))
    try:
        said = json.loads(text)
        values = [_value(kind, each) for kind, each in zip(entry.types, said, strict=True)]
        return desk.call(contract, function, *values)
    except (ValueError, TypeError, errors.DecodeError) as err:
        raise errors.InputError(
            "these are not its arguments", which=f"--call {name}", expected=f"a JSON list of {shape or 'nothing'}"
        ) from err


def _value(kind: str, said: Any) -> Any:
    """Return a JSON value as the ABI encoder wants it: lists for lists and structs, bytes for what is written 0x…."""
    if kind.endswith("]"):
        return [_value(kind[: kind.rindex("[")], each) for each in said]
    if kind.startswith("("):
        from aicommons.domain import encoding

        return tuple(_value(part, each) for part, each in zip(encoding.abi_components(kind), said, strict=True))
    if kind != "address" and not kind.startswith("bytes"):
        return said
    made = bytes.fromhex(str(said).removeprefix("0x"))
    size = "20" if kind == "address" else kind.removeprefix("bytes")
    if size and len(made) != int(size):
        raise ValueError(f"{kind} has {size} bytes")
    return made
