"""``commons``: the entry point. Finds the command, imports its file only then, and turns errors into exit codes.

One file per noun, named in ``COMMANDS``; a file defines one click command called ``command``. Exit codes: 0 done, 1 an
expected failure (what happened, what to do next), 2 wrong usage, 70 a defect. Everything heavy is imported inside the commands, so
that ``--help`` answers at once.
"""

import importlib
import pathlib
import sys

import click

from aicommons import __version__
from aicommons.cli import output

COMMANDS = {
    "init": "Make a home: keys and settings of one organisation.",
    "ledger": "Run the embedded ledger.",
    "relayer": "Pay for calls that members sign.",
    "store": "Run a store for masked vectors and documents.",
    "member": "Apply for membership, admit members, list them.",
    "vote": "Decide as members: propose, see what it would do, vote, execute.",
    "dataset": "List a dataset of yours by its card; the data stays here.",
    "policy": "Write use policies: who may learn from a dataset, for what.",
    "consent": "Give, take back and list permissions; keep people's consents.",
    "coop": "Decide together: found a data co-op, admit people, propose, vote.",
    "wallet": "Keep people's own rows at a co-op's node.",
    "problem": "State a problem, put money on it, say who earned it.",
    "vault": "See, deposit and withdraw money.",
    "plan": "Publish a plan: a learner and its configuration.",
    "run": "Open, enrol in, watch and verify trainings.",
    "node": "Run your organisation's node.",
    "request": "Ask for somebody's dataset, and read the answer.",
    "inbox": "See what is asked of you: approve, ask back, deny; standing rules.",
    "log": "See every use of your data and every decision made here.",
    "stop": "Stop everything here at once, or go on.",
    "portal": "See and decide on one page in a browser.",
    "up": "Start everything that this home runs.",
    "model": "Show, use, audit and release models; pay for them.",
    "attest": "State something: an audit, an approval, a course.",
    "key": "Back up, restore and change keys.",
    "directory": "See who is in the commons, what they seek and offer.",
    "search": "Find members, datasets, problems and models by words.",
    "demo": "See the whole commons work on real data, on this machine.",
}
"""Noun -> its line in ``commons --help``."""


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns in the order of a first use."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a noun's file."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"aicommons.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the nouns with their lines, without importing their files."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="commons")
@click.option(
    "--home",
    type=click.Path(path_type=pathlib.Path, file_okay=False),
    default=output.usual_home,
    help="Folder of your organisation. [default: $COMMONS_HOME or ~/.commons]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_context
def commons(ctx: click.Context, home: pathlib.Path, as_json: bool) -> None:
    """Learn together from data that never leaves its owner.

    Start with `commons demo`. To take part: `commons init`, then the nouns below in their order.
    """
    said = ctx.ensure_object(output.Call)
    said.home, said.as_json = home, as_json


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.excepthook = output.say_bug
    sys.exit(output.run(commons))


if __name__ == "__main__":
    main()
