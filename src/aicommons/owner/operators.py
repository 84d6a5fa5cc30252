"""Who speaks for a home, when two have to, and how it decides: operators, standing rules, quiet hours.

With two or more operators named nobody alone approves, names a third or takes a name away: one person who could make up a
colleague would be two. Called by the owner's page and the command line; what follows from it is ``protocol/inbox``'s.
"""

import dataclasses
import os
import time

from aicommons.domain import errors
from aicommons.node import inbox
from aicommons.owner import noting
from aicommons.protocol import inbox as rules

SALT_BYTES = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """Somebody and the PIN that they typed."""

    name: str
    pin: str


def speaker(kept: inbox.Inbox, person: Person) -> str:
    """Return who speaks, after checking the PIN where operators are named; empty where nobody is.

    Raises:
        errors.InputError: operators are named and this is none of them, or the PIN is wrong.
    """
    if not kept.house().operators:
        return ""
    kept.check_operator(person.name, person.pin, time.time())
    return person.name


def check_alone(kept: inbox.Inbox, item: str | None) -> None:
    """Check that one person may decide: what commands below the inbox do, one person does.

    Args:
        kept: the home's inbox.
        item: what waits in the inbox instead, such as ``run:1a2b3c``, if that is known.

    Raises:
        errors.InputError: two persons have to approve.
    """
    house = kept.house()
    if house.approvals_needed > 1:
        raise errors.InputError(
            "two persons have to approve here; this command asks nobody",
            which=f"operators {', '.join(house.operators)}",
            next_step=f"approve it in the inbox: `commons inbox approve {item or 'ITEM'} --by NAME`, each with a PIN"
            + ("" if item is not None else "; `commons inbox list` shows the items"),
        )


def add(kept: inbox.Inbox, named: Person, *, by: str, second: Person | None) -> None:
    """Name somebody who may approve.

    Args:
        kept: the home's inbox.
        named: who, with the PIN that they chose.
        by: who says so, as ``speaker`` returned.
        second: who agrees, where two persons approve.

    Raises:
        errors.InputError: nobody else agrees, a wrong PIN, or no name or PIN.
    """
    by = _agreed(kept, by, second)
    kept.add_operator(named.name, named.pin, os.urandom(SALT_BYTES))
    noting.note(kept, noting.Act.OPERATORS, by=by, reason=f"+ {named.name}")


def remove(kept: inbox.Inbox, name: str, *, by: str, second: Person | None) -> None:
    """Take a name away; what that person approved and a second one did not counts no more; raises as ``add``."""
    by = _agreed(kept, by, second)
    kept.remove_operator(name)
    noting.note(kept, noting.Act.OPERATORS, by=by, reason=f"- {name}")


def _agreed(kept: inbox.Inbox, by: str, second: Person | None) -> str:
    """Return who agrees to a change of who may approve, after asking a second person where two approve."""
    if kept.house().approvals_needed < 2:
        return by
    if second is None or not second.name or second.name == by:
        raise errors.InputError(
            "a second person has to agree",
            which="operators",
            expected="another operator's name and PIN",
            next_step="a colleague types name and PIN too: `--second NAME` on the command line",
        )
    kept.check_operator(second.name, second.pin, time.time())
    return f"{by}, {second.name}"


def add_rule(kept: inbox.Inbox, rule: rules.Rule, *, by: str) -> int:
    """Make a standing rule and return its number; raises ``errors.InputError`` when it says nothing."""
    number = kept.add_rule(rule)
    noting.note(kept, noting.Act.ADD_RULE, f"rule {number}", by=by)
    return number


def remove_rule(kept: inbox.Inbox, number: int, *, by: str) -> None:
    """Forget a standing rule; raises ``errors.InputError`` when there is none of this number."""
    kept.remove_rule(number)
    noting.note(kept, noting.Act.REMOVE_RULE, f"rule {number}", by=by)


def set_quiet(kept: inbox.Inbox, quiet: rules.QuietHours | None, *, by: str) -> None:
    """Set or end the quiet hours; raises ``errors.InputError`` when they are none."""
    kept.set_quiet(quiet)
    noting.note(kept, noting.Act.QUIET, by=by, reason="" if quiet is None else quiet.text)
