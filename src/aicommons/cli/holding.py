"""``commons dataset suspend | resume | retire | models | budgets``: a dataset after it was listed.

``dataset`` puts these commands into its group. What is done and shown is ``owner``'s business, as on the owner's page.
"""

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import homes, naming, output, speaking
from aicommons.domain import errors, ids

if TYPE_CHECKING:
    from aicommons.owner import budgets as budget_records
    from aicommons.owner import holdings, lineage

DATASET = click.argument("dataset_id", metavar="DATASET", type=click.IntRange(1))
REASON = click.option("--reason", default="", help="For the log of this home.")


@click.command("suspend")
@DATASET
@REASON
@speaking.by
@output.json_option
def suspend(dataset_id: int, reason: str, by: str) -> None:
    """Take DATASET, one of yours, out of use for now: runs under way lose it as well."""
    from aicommons.owner import holdings

    _change(dataset_id, holdings.Act.SUSPEND, reason=reason, by=by)
    output.emit(
        {"dataset": dataset_id, "state": "suspended"},
        f"Dataset {dataset_id} is suspended: nobody can enrol it, and runs under way go on without it.",
        f"Back into use: `{output.command(f'dataset resume {dataset_id}')}`.",
    )


@click.command("resume")
@DATASET
@REASON
@speaking.by
@output.json_option
def resume(dataset_id: int, reason: str, by: str) -> None:
    """Put DATASET back into use after it was suspended."""
    from aicommons.owner import holdings

    _change(dataset_id, holdings.Act.RESUME, reason=reason, by=by)
    output.emit({"dataset": dataset_id, "state": "listed"}, f"Dataset {dataset_id} is in use again.")


@click.command("retire")
@DATASET
@REASON
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@speaking.by
@output.json_option
def retire(dataset_id: int, reason: str, yes: bool, by: str) -> None:
    """Take DATASET out of use for good. Models that learned from it stay; see `dataset models`."""
    from aicommons.owner import holdings

    _check_meant(dataset_id, yes=yes)
    _change(dataset_id, holdings.Act.RETIRE, reason=reason, by=by)
    output.emit(
        {"dataset": dataset_id, "state": "retired"},
        f"Dataset {dataset_id} is retired, for ever.",
        f"Models that learned from it: `{output.command(f'dataset models {dataset_id}')}`.",
    )


def _check_meant(dataset_id: int, *, yes: bool) -> None:
    if yes:
        return
    if output.call().as_json or not sys.stdin.isatty():
        raise errors.InputError(
            "nobody confirmed it: a dataset is retired for ever", which=f"dataset {dataset_id}", next_step="give --yes"
        )
    if not click.confirm(f"Retire dataset {dataset_id}, for ever?", err=True):
        raise errors.InputError("not confirmed; nothing was changed")


def _change(dataset_id: int, act: "holdings.Act", *, reason: str, by: str) -> None:
    from aicommons.owner import holdings

    opened = homes.act_as_member()
    with speaking.kept() as kept:
        holdings.change(opened, kept, dataset_id, act, by=speaking.speaker(kept, by), reason=reason)


@click.command("models")
@DATASET
@output.json_option
def models(dataset_id: int) -> None:
    """List the models that DATASET is in, and the runs under way with it."""
    from aicommons.owner import lineage, places

    opened = homes.look()
    found = lineage.models(opened, places.Papers(opened.store), dataset_id)
    rows = [
        [
            naming.short(each.run_id),
            naming.plain(each.title, 40) or "-",
            "model" if each.is_registered else each.state.name.lower(),
            each.version or "-",
            ", ".join(wish.wish.name.lower() for wish in each.wishes) or "-",
        ]
        for each in found
    ]
    ask = output.command(f"model ask RUN --dataset {dataset_id} --retrain --reason TEXT")
    lines = [*output.aligned(["run", "title", "state", "version", "asked"], rows), f"Ask its owners: `{ask}`."]
    output.emit(
        {"dataset": dataset_id, "models": [_model(each) for each in found]},
        *(lines if found else [f"Dataset {dataset_id} is in no model and in no run under way."]),
    )


def _model(found: "lineage.Model") -> dict[str, Any]:
    return {
        "run_id": ids.format_id(found.run_id),
        "title": naming.plain(found.title),
        "state": found.state.name.lower(),
        "registered": found.is_registered,
        "at": found.at,
        "version": found.version,
        "solver": naming.plain(found.solver),
        "wishes": [
            {"wish": each.wish.name.lower(), "reason": each.words, "at": each.at, "by": each.by}
            for each in found.wishes
        ],
    }


@click.command("budgets")
@output.json_option
def budgets() -> None:
    """Show what each dataset of this home has told so far: epsilon, sums, sites, rows, and what was refused."""
    from aicommons.owner import budgets as budget_records
    from aicommons.owner import deciding

    found = budget_records.budgets(deciding.make_clerk(homes.look()), int(time.time()))
    lines = [line for each in found for line in _in_words(each)]
    output.emit({"budgets": [_budget(each) for each in found]}, *(lines or ["No dataset is listed from this home."]))


def _budget(found: "budget_records.Budget") -> dict[str, Any]:
    return {
        "dataset": found.dataset_id,
        "title": found.title,
        "minimum_cohort": found.minimum_cohort,
        "policy": found.has_policy,
        "epsilon": None if found.policy is None else found.policy.epsilon,
        "epsilon_spent": found.spent,
        "bare_rounds": found.bare_rounds,
        "runs": found.runs,
        "rounds": found.rounds,
        "sets": [list(each) for each in found.sets],
        "told": [
            {
                "run_id": ids.format_id(each.run_id),
                "version": each.version,
                "members": list(each.members),
                "rounds": each.rounds,
                "rows": each.rows,
                "columns": list(each.columns),
                "refused": [{"round": one.round_index, "reason": one.reason} for one in each.refused],
            }
            for each in found.told
        ],
    }


def _in_words(found: "budget_records.Budget") -> list[str]:
    limit = "no use policy: your consents alone decide" if not found.has_policy else "the policy cannot be read now"
    if found.policy is not None:
        limit = found.policy.epsilon or "no limit"
    said = [
        f"Dataset {found.dataset_id}: {naming.plain(found.title)}",
        f"  epsilon   {limit}; spent {found.spent} in the last 365 days by sums with noise",
        *(
            [f"  no bound  on what {found.bare_rounds} sums without noise tell of single people"]
            if found.bare_rounds
            else []
        ),
        f"  told      {found.rounds} sums in {found.runs} trainings",
    ]
    for each in found.told:
        rows = "" if each.rows is None else f", about {each.rows} rows"
        said.append(f"  run {naming.short(each.run_id)}  {each.rounds} rounds, {len(each.members)} sites{rows}")
        said += [f"    refused in round {one.round_index}: {naming.plain(one.reason, 300)}" for one in each.refused]
    return said


COMMANDS = (suspend, resume, retire, models, budgets)
"""What ``dataset`` takes into its group."""
