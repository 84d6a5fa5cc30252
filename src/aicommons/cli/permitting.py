"""What a person says about a consent: purposes, solver, problem, how long and how often; the same words for every way.

Used by ``consent give`` and by a co-op's ``propose``, so that a vote is on exactly what would be given by hand.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aicommons.cli import naming
from aicommons.domain import errors, events, ids

if TYPE_CHECKING:
    from aicommons.protocol import view as views

F = TypeVar("F", bound=Callable[..., Any])
USUAL_DAYS = 365


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """The options of a consent."""

    purposes: tuple[str, ...]
    grantee: int | None
    problem: str | None
    commercial: bool
    days: int
    uses: int

    @property
    def is_said(self) -> bool:
        """Whether anything was said of a use: a purpose, or what belongs to one."""
        return self != Asked((), None, None, commercial=False, days=USUAL_DAYS, uses=1)

    def terms(self, dataset_id: int, view: "views.LedgerView") -> events.ConsentTerms:
        """Return the terms for a dataset.

        Raises:
            errors.InputError: there is no such purpose, member or problem.
            click.UsageError: no purpose was said.
        """
        from aicommons import office

        if not self.purposes:
            raise click.MissingParameter(param_type="option", param_hint="'--purpose'")

        if self.grantee is not None and self.grantee not in view.members:
            raise errors.InputError(
                "no such member", which=f"--grantee {self.grantee}", next_step="see `commons member list`"
            )
        about = bytes(32) if self.problem is None else naming.resolve(self.problem, view.problems, "problem")
        expiry = naming.from_now(view, self.days * naming.DAY)
        made = office.consent(dataset_id, self.purposes, expiry, max_uses=self.uses, commercial=self.commercial)
        solver = ids.MemberId(self.grantee or 0)
        return dataclasses.replace(made, grantee=solver, problem=about)

    def in_words(self, until: int) -> tuple[str, str]:
        """Return what is permitted, on two lines."""
        solver = "any solver" if self.grantee is None else f"member {self.grantee}"
        problem = "any problem" if self.problem is None else "one problem"
        gain = "also" if self.commercial else "not"
        first = f"may be used for {', '.join(self.purposes)} until {naming.when(until)}, in {self.uses} run(s),"
        return first, f"by {solver} for {problem}, {gain} commercially"


OPTIONS = (
    click.option("--grantee", type=click.IntRange(1), help="Member id of the only solver. [default: any]"),
    click.option("--problem", help="Id of the only problem. [default: any]"),
    click.option(
        "--commercial", is_flag=True, help="Permit commercial use too; the dataset's own rules must permit it."
    ),
    click.option(
        "--days", type=click.IntRange(1, 36500), default=USUAL_DAYS, show_default=True, help="How long it lasts."
    ),
    click.option(
        "--uses", type=click.IntRange(1, 2**31), default=1, show_default=True, help="How many runs may use it."
    ),
)


def options(function: F, *, is_purpose_needed: bool = True) -> F:
    """Let a command take the options of a consent; it gets them as one ``asked``.

    A command that can do without a use takes no purpose; ``asked.terms`` refuses terms without one.
    """
    names = [field.name for field in dataclasses.fields(Asked)]

    @functools.wraps(function)
    def wrapped(*args: Any, **given: Any) -> Any:
        asked = Asked(**{name: given.pop(name) for name in names})
        return function(*args, asked=asked, **given)

    command: Any = wrapped
    purpose = click.option(
        "--purpose",
        "purposes",
        required=is_purpose_needed,
        multiple=True,
        help="Purpose code (see `policy purposes`), such as DUO:0000007 (disease-specific research); covers everything below it. May be repeated.",
    )
    for option in reversed((purpose, *OPTIONS)):
        command = option(command)
    done: F = command
    return done
