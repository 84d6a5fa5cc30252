"""``commons model amend``: the solver puts right what a model's card says, before it is released.

``model`` puts this command into its group. Whoever of the run comes first writes the model down, so its card may be wrong;
the licence is the one in the run's terms and nothing that a person chooses here.
"""

import pathlib

import click

from aicommons.cli import given, homes, naming, output
from aicommons.domain import errors, ids


@click.command("amend")
@click.argument("run_text", metavar="RUN")
@click.option(
    "--card",
    "file",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    required=True,
    help="JSON file: what stands under `card` in `model show RUN --json`, put right.",
)
@output.json_option
def amend(run_text: str, file: pathlib.Path) -> None:
    """Put card and licence of RUN's model right, as its solver. Audits that were made until now count no more."""
    from aicommons.domain import documents
    from aicommons.owner import published

    opened = homes.act_as_member()
    chosen = naming.choose_run(opened, run_text)
    card = given.model_card(file)
    if card.run != ids.format_id(chosen.run_id):
        raise errors.InputError(
            "the card is another run's", which=f"{file.name}: run", expected=ids.format_id(chosen.run_id), got=card.run
        )
    terms = published.read(opened.store, documents.RunTerms, chosen.run.spec.terms)
    opened.desk.models.amend(chosen.run_id, card, terms.licence)
    output.emit(
        {"run_id": ids.format_id(chosen.run_id), "card": ids.format_digest(ids.digest(card.encode()))},
        f"The model of run {naming.short(chosen.run_id)} has this card now.",
        f"Next: `{output.command(f'model show {naming.short(chosen.run_id)}')}`.",
    )


COMMANDS = (amend,)
"""What ``model`` takes into its group."""
