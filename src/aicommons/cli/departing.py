"""Who is out of a run, in words for whoever answers for a site's data: why, what it means, and what to do now.

Called by ``run show``. Why somebody is out is read from the ledger by ``protocol/departures``; whether that is true is
``run verify``'s business. The owner's page has its own words, in its languages.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from aicommons.cli import naming
from aicommons.protocol import cases, departures

if TYPE_CHECKING:
    from aicommons.protocol import view as views

Why = departures.Why
REASONS = {
    Why.BAD_BOX: "the part of its masks that it sealed for {other} does not fit what it had signed; {other} opened it to everybody",
    Why.FALSE_SUM: "it published a false sum of masks; {other} opened the first piece that differs",
    Why.FALSE_ACCUSATION: "it accused {other}, and the evidence that it gave does not show what it said",
    Why.BAD_BYTES: "what it sent is wrong for everybody to see",
    Why.TWO_MESSAGES: "it signed two different messages where one is allowed; both stand on the ledger with its signature",
    Why.CONSENT_OVER: "the consent for its dataset was taken back or is over",
    Why.LEFT: "it left by itself, by a message that its node signed",
    Why.LEFT_IN_ADVANCE: "it was silent for longer than the run waits; it had chosen that the run then goes on without it",
    Why.SILENT: "its last message of this round did not come in time; the others hold the same sums, so nothing is missing",
}
CHECK = "check the evidence: `{verify}`"
APPEAL = "if it holds this for a mistake, put it to the members' vote: `commons vote propose --help`"
CAUSE = "look for the cause (an old version, a damaged disk, a copied machine) and, if its node key is in doubt, `commons key rotate`"
AGAIN = "take part in a new run: `commons run enrol`"
CAN = {
    Why.CONSENT_OVER: ("give a new consent (`commons consent give`) and take part in a new run: `commons run enrol`",),
    Why.LEFT: (AGAIN,),
    Why.LEFT_IN_ADVANCE: (
        "start its node again (`commons node start`), and take part in a new run: `commons run enrol`",
    ),
    Why.SILENT: ("start its node again: `commons node start`; it goes on in the next round",),
}
"""What a seat can do that did not cheat; who did can do four things, see ``_can``."""


def lines(current: "views.RunView", name: Callable[[int], str], verify: str) -> list[str]:
    """Return a paragraph per departure, and what is accused and not decided; nothing where there is neither.

    Args:
        current: the run.
        name: gives a member's name.
        verify: command that verifies the run.
    """
    said = []
    for each in departures.of_run(current):
        said += ["", *_paragraph(current, each, name, verify)]
    for case in cases.open_cases(current):
        if current.state.is_over:
            continue
        who = f"{name(case.accuser)} accuses" if case.accuser is not None else "Verdicts were given on"
        said += ["", f"Not decided yet: {who} {name(case.accused)}, round {case.place[0]}"]
        said.append("  others     let their nodes run: each judges the evidence by itself, and signs what it finds")
    return said


def in_brief(current: "views.RunView", name: Callable[[int], str]) -> list[str]:
    """Return a line for everybody who is out of a run, or was not waited for: since when and why."""
    return [
        f"{name(each.member_id)}, round {each.round_index}: "
        + REASONS[each.why].format(other=name(each.other) if each.other is not None else "another site")
        for each in departures.of_run(current)
    ]


def _paragraph(
    current: "views.RunView", each: departures.Departure, name: Callable[[int], str], verify: str
) -> list[str]:
    head = "Out of the run" if each.why.is_out else "Not waited for"
    other = name(each.other) if each.other is not None else "another site"
    return [
        f"{head}: {name(each.member_id)}",
        f"  since      round {each.round_index}, {naming.when(each.at)}",
        f"  why        {REASONS[each.why].format(other=other)}{_judged(each, name)}",
        f"  means      {'; '.join(_meaning(each))}",
        *(f"  it can     {text}" for text in _can(each, verify)),
        f"  others     {_others(current, each)}",
    ]


def _judged(each: departures.Departure, name: Callable[[int], str]) -> str:
    if not each.judges:
        return ""
    return f". {', '.join(map(name, each.judges))} checked it, each by itself, and signed so ({each.needed} are needed)"


def _meaning(each: departures.Departure) -> list[str]:
    if each.why is Why.SILENT:
        return ["it is still in the run; silence is no fraud, and nothing is lost"]
    said = ["it counts as proven cheating" if each.why.is_cheating else "it is no fraud"]
    if each.has_bond:
        said.append("its bond is lost" if each.why.is_cheating else "its bond comes back a day after the run's end")
    return [*said, _part(each)]


def _part(each: departures.Departure) -> str:
    """What is in the model of it, and what it owns of that."""
    if not each.contributed:
        return "no sum holds its data, and it owns no part of the model"
    keeps = "and it owns no part of it" if each.why.is_cheating else "and it keeps its part of it"
    return f"what it gave to rounds that are summed stays in the model, {keeps}"


def _can(each: departures.Departure, verify: str) -> tuple[str, ...]:
    if not each.why.is_cheating:
        return CAN[each.why]
    return CHECK.format(verify=verify), CAUSE, APPEAL, AGAIN


def _others(current: "views.RunView", each: departures.Departure) -> str:
    if current.state.is_over:
        return "nothing: the run is over, and its last agreed state is kept"
    if each.why.is_cheating:
        return "nothing: the run goes on without it by itself; who wants to see the proof verifies the run"
    return "nothing: the run goes on by itself"


def as_json(current: "views.RunView") -> list[dict[str, object]]:
    """Return the departures as JSON objects."""
    return [
        {
            "member": each.member_id,
            "why": each.why.value,
            "out": each.why.is_out,
            "cheating": each.why.is_cheating,
            "round": each.round_index,
            "other": each.other,
            "judges": list(each.judges),
            "verdicts_needed": each.needed,
            "contributed": each.contributed,
            "bond_lost": each.has_bond and each.why.is_cheating,
            "at": each.at,
        }
        for each in departures.of_run(current)
    ]
