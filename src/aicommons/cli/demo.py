"""``commons demo``: a problem owner, data owners and a solver train one model on this machine, with nobody in between.

Stages a whole commons (``demonstration``), follows the run on the ledger, and tells what happened: rounds, comparison,
what left each site, owners, the record, and how to verify it. ``--json`` prints one object at the end.
"""

import contextlib
import json
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from aicommons.cli import output
from aicommons.domain import run

if TYPE_CHECKING:
    from aicommons.cli import scripts


RECIPES = ("glm", "trees", "mlp", "naive_bayes", "stats", "kmeans", "pca", "kaplan_meier", "discrete_survival")


def common_options(function: output.F) -> output.F:
    """Add the options that all demos share."""
    for option in (
        click.option(
            "--recipe",
            type=click.Choice(RECIPES),
            show_default="glm; discrete_survival with --event; stats without --target",
            help="glm: logistic, linear or Poisson regression; trees: boosted trees; mlp: a small neural network;"
            " naive_bayes; stats: statistics; kmeans: groups; pca: components; kaplan_meier and discrete_survival:"
            " times until an event.",
        ),
        click.option(
            "--nodes",
            type=click.IntRange(run.FEWEST_PARTICIPANTS, run.MOST_PARTICIPANTS),
            help="Use only the first N sites.",
        ),
        click.option("--rounds", type=click.IntRange(3, 1000), help="End after so many rounds at most."),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**31),
            default=0,
            show_default=True,
            help="Decides who goes to which simulated hospital, which rows are held out, and a network's start.",
        ),
        click.option("--keep", is_flag=True, help="Keep the demo's folders and say how to look around."),
        output.json_option,
    ):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@common_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """See the whole commons work on real data, on this machine.

    Without a name: `hospitals`.
    """
    if ctx.invoked_subcommand is None:
        _hospitals(**options)


@command.command("hospitals")
@common_options
def hospitals(**options: Any) -> None:
    """Show 569 real patients (scikit-learn's breast-cancer set) in 5 simulated hospitals."""
    _hospitals(**options)


def _hospitals(*, keep: bool, **options: Any) -> None:
    from aicommons.cli import scripts

    output.note("569 real patients, dealt out to 5 simulated hospitals with different sizes and case mix.")
    _play(lambda folder: scripts.hospitals(folder, scripts.Choice(**options)), keep=keep)


@command.command("heart")
@click.option("--data", type=click.Path(path_type=pathlib.Path), required=True, help="Folder of the four UCI files.")
@common_options
def heart(*, data: pathlib.Path, keep: bool, **options: Any) -> None:
    """Show heart disease in four real hospitals (UCI, processed.*.data)."""
    from aicommons.cli import scripts

    _play(lambda folder: scripts.heart(folder, data, scripts.Choice(**options)), keep=keep)


@command.command("table")
@click.option("--data", type=click.Path(path_type=pathlib.Path), required=True, help="A table with a header.")
@click.option("--site", required=True, help="Column that says where a record comes from.")
@click.option("--target", help="Column to predict; not needed for stats, kmeans and pca.")
@click.option("--counts", is_flag=True, help="The target counts something: cases, visits, eggs.")
@click.option("--group", help="Column of rows that belong together (a person, a farm).")
@click.option("--event", help="Column that says whether an event was seen; --target is then the time until it.")
@click.option("--seen", help="Value of --event for a seen event.  [default: the last of its two]")
@common_options
def table(*, data: pathlib.Path, site: str, target: str | None, keep: bool, **options: Any) -> None:
    """Show your own table, one node for each value of --site."""
    from aicommons.cli import scripts
    from aicommons.data import infer

    event, seen, group, counts = (options.pop(name) for name in ("event", "seen", "group", "counts"))
    if seen is not None and event is None:
        raise click.UsageError("--seen needs --event")
    if target is None and (event is not None or counts or options["recipe"] not in {None, *scripts.UNTARGETED}):
        raise click.UsageError(f"--target is needed; without one there are {', '.join(scripts.UNTARGETED)}")
    if target is not None and options["recipe"] in scripts.TARGETLESS:
        raise click.UsageError(
            f"{options['recipe']} predicts nothing: leave out --target; its column is then one of those looked at"
        )

    def write(folder: pathlib.Path) -> "scripts.Script":
        told = None if event is None else infer.Event(event, seen)
        own = scripts.OwnTable(data, site, target, group=group, event=told, counts=counts)
        script, notices = scripts.table(folder, own, scripts.Choice(**options))
        for notice in notices:
            output.note(notice)
        return script

    _play(write, keep=keep)


@contextlib.contextmanager
def _folder(*, keep: bool) -> Iterator[pathlib.Path]:
    if keep:
        yield pathlib.Path(tempfile.mkdtemp(prefix="commons-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="commons-demo-") as folder:
        yield pathlib.Path(folder)


def _play(write: Callable[[pathlib.Path], "scripts.Script"], *, keep: bool) -> None:
    from aicommons.cli import demonstration, processes, story

    begun = time.monotonic()
    passphrase = demonstration.new_passphrase()
    with processes.ends_in_order(), _folder(keep=keep) as root, processes.Processes(passphrase) as running:
        script = write(root / "tables")
        stage = demonstration.set_stage(script, root, running, passphrase=passphrase, say=output.note)
        for site, reason in stage.left_out.items():
            output.note(f"{site} is left out: {reason}. The run goes on without it.")
        if keep:
            owner = stage.sites[0]
            page = running.start("portal", owner.home.path, "portal", "start", "--port", "0")["url"]
            output.note(f"The page of {owner.name}'s owner, until this demo ends: {page}")
        teller = story.Teller(stage, quiet=output.call().as_json)
        seconds = story.follow(stage, teller)
        verdict = running.call(
            stage.problem_owner.home.path, "run", "verify", "0x" + stage.run_id.hex(), "--from-home", "reader"
        )
        outcome = story.outcome(stage, seconds, verdict, wall=time.monotonic() - begun)
        if keep:
            outcome["look_around"] = story.look_around(stage, passphrase)
        if output.call().as_json:
            click.echo(json.dumps(outcome, sort_keys=True))
        else:
            teller.tell(outcome)
