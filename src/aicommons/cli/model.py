"""``commons model``: list, show, download and use models; what is asked of them and how they are released is beside.

A model's bytes are made from the state that a run agreed on: from this home's own node if it took part, else, for a
reader, by recomputing the run. Prediction reads a table in the same way as training did.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aicommons import app
from aicommons.cli import amending, homes, naming, output, releases, telling, wishing
from aicommons.domain import errors, ids
from aicommons.owner import published

if TYPE_CHECKING:
    from aicommons.data import reading
    from aicommons.domain import documents, events
    from aicommons.learning import model as models
    from aicommons.protocol import view as views


@click.group()
def command() -> None:
    """Show, download and use models; have them audited, release them, pay for them."""


for added in (*wishing.COMMANDS, *amending.COMMANDS, *releases.COMMANDS):
    command.add_command(added)


@command.command("list")
@output.json_option
def list_models() -> None:
    """List all models of the commons."""
    opened = homes.look()
    view = opened.desk.view()
    listed, rows = [], []
    for run_id, current in view.runs.items():
        if current.model is None:
            continue
        card, missing = _card(opened, current.model)
        title = naming.plain(card.title) if card is not None else None
        metrics = card.metrics if card is not None else {}
        listed.append(
            {
                "run_id": ids.format_id(run_id),
                "title": title,
                "metrics": dict(metrics),
                "rounds": current.model.rounds_done,
                "card_missing": missing,
                "state": releases.described(view.releases.of(run_id))["state"],
            }
        )
        said = _figures(metrics) if missing is None else f"card not readable: {missing}"
        rows.append([naming.short(run_id), title or "-", listed[-1]["state"], said])
    output.emit({"models": listed}, *output.aligned(["run", "title", "state", "figures"], rows))


@command.command("show")
@click.argument("run_text", metavar="RUN")
@output.json_option
def show(run_text: str) -> None:
    """Show the card, lineage and owners of RUN's model."""
    opened = homes.look()
    chosen = naming.choose_model(opened, run_text)
    run_id, current = chosen.run_id, chosen.run
    names = naming.Names(opened, chosen.view)
    card, missing = _card(opened, chosen.model)
    model, licence = chosen.view.releases.of(run_id), _licence(opened, current)
    sources = [
        {
            "member": source.member_id,
            "dataset": each.dataset_id,
            "consent": ids.format_id(each.consent_id),
            "rounds": list(current.rounds_of(source.member_id)),
        }
        for source in chosen.model.sources
        for each in current.brought_by(source.member_id)
    ]
    output.emit(
        {
            "run_id": ids.format_id(run_id),
            "state_digest": ids.format_id(chosen.model.state_digest),
            "rounds": chosen.model.rounds_done,
            "card": dataclasses.asdict(card) if card is not None else {},
            "card_missing": missing,
            "sources": sources,
            "shares": naming.shares(current.shares),
            "licence": None if licence is None else naming.plain(licence),
            **releases.described(model),
        },
        f"Model of run {ids.format_id(run_id)}",
        f"  state     {releases.in_words(model)}",
        f"  licence   {_licence_in_words(licence, chosen.model)}",
        *(_card_in_words(card) if card is not None else [f"  card      not readable: {missing}"]),
        *(f"  learned   {_learned(each, names, current)}" for each in sources),
        *(f"  owner     {each}" for each in naming.owners(current, names)),
    )


def _learned(source: "dict[str, Any]", names: naming.Names, current: "views.RunView") -> str:
    """From whose dataset, and where these are not all rounds also in how many, and why."""
    said = f"from dataset {source['dataset']} of {names(source['member'])}"
    summed = telling.rounds_done(current)
    if len(source["rounds"]) == summed:
        return said
    why = "; then it left" if source["member"] in current.out else ""
    return f"{said}, in {len(source['rounds'])} of {summed} rounds{why}"


def _card(
    opened: homes.Opened, registered: "events.ModelRegistered"
) -> "tuple[documents.ModelCard | None, str | None]":
    """Return a model's card, or in words why it cannot be had."""
    from aicommons.domain import documents

    return published.find_or_say(opened.store, documents.ModelCard, registered.card)


def _licence(opened: homes.Opened, current: "views.RunView") -> str | None:
    """Return the licence that the run's terms name, where they can be had and are what the ledger says."""
    from aicommons.domain import documents, encoding

    terms = published.find(opened.store, documents.RunTerms, current.spec.terms)
    if terms is None or current.model is None:
        return None
    return terms.licence if encoding.licence_code(terms.licence) == current.model.licence else None


def _licence_in_words(licence: str | None, registered: "events.ModelRegistered") -> str:
    if licence is not None:
        return naming.plain(licence)
    return "not to be read now" if any(registered.licence) else "nobody says"


def _card_in_words(card: "documents.ModelCard") -> list[str]:
    return [
        f"  title     {naming.plain(card.title)}",
        f"  figures   {_figures(card.metrics)} (held-out rows of all sites together)",
        f"  not for   {naming.plain(card.not_for, 200)}",
        f"  privacy   {naming.plain(card.privacy, 200)}",
    ]


def _figures(metrics: Mapping[str, object]) -> str:
    return (
        ", ".join(f"{name} {naming.plain(str(value), 12)}" for name, value in sorted(metrics.items())) or "no figures"
    )


@command.command("download")
@click.argument("run_text", metavar="RUN")
@click.option(
    "--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), required=True, help="New safetensors file."
)
@output.json_option
def download(run_text: str, out: pathlib.Path) -> None:
    """Write RUN's model, with its preprocessing, to a safetensors file that anybody's tools read."""
    from aicommons.learning import model as models

    output.check_new(out)
    opened = homes.look()
    data = models.encode(agreed_model(opened, naming.choose_run(opened, run_text).run_id))
    app.write_whole(out, data)
    digest = ids.format_digest(ids.digest(data))
    output.emit(
        {"file": str(out), "bytes": len(data), "digest": digest},
        f"{out}: {len(data)} bytes, {digest}",
        f"Next: `commons model predict {out} TABLE.csv`.",
    )


def agreed_model(opened: homes.Opened, run_id: ids.RunId) -> "models.Model":
    """Return the model of the state that a run agreed on last.

    Raises:
        errors.InputError: none was agreed, or this home can read neither a state nor the sums.
        errors.LedgerMismatch: this home's state is not the agreed one.
    """
    from aicommons.learning import model as models
    from aicommons.learning import state
    from aicommons.node import agent as agents
    from aicommons.owner import progress

    current = opened.desk.run(run_id)
    if current.agreed is None:
        raise naming.no_model(run_id, current)
    recipe = agents.read_terms(opened.store, current).recipe
    with progress.own_journal(opened) as kept:
        found = None if kept is None else kept.state(run_id, current.agreed.rounds_done)
    if found is None:
        from aicommons.cli import verifying

        return models.Model(recipe, verifying.recompute(opened, run_id))
    expected = current.model.state_digest if current.model is not None else current.agreed.state_digest
    if any(expected) and found.digest != expected:
        raise errors.LedgerMismatch(
            "this home's state is not the agreed one",
            which=naming.short(run_id),
            expected=expected.hex()[:16],
            got=found.digest.hex()[:16],
        )
    return models.Model(recipe, state.decode(found.data))


@command.command("tables")
@click.argument("source", metavar="RUN|FILE")
@click.option("--rows", type=click.IntRange(1, 100_000), default=40, show_default=True, help="Most rows of one table.")
@output.json_option
def tables(source: str, rows: int) -> None:
    """Show what the model of a run or of a file says, as tables: coefficients, curves, statistics, groups."""
    from aicommons.cli import exhibited

    model = _load(source)
    found = model.recipe.exhibits(model.state)
    said = (
        exhibited.lines(found, most_rows=rows)
        if found
        else [f"A model of the recipe {model.recipe.name} has no tables."]
    )
    output.emit({"tables": exhibited.to_json(found)}, *said)


@command.command("predict")
@click.argument("source", metavar="RUN|FILE")
@click.argument("table", type=click.Path(path_type=pathlib.Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=pathlib.Path, dir_okay=False), help="CSV file. [default: print it]")
@output.json_option
def predict(source: str, table: pathlib.Path, out: pathlib.Path | None) -> None:
    """Predict every row of TABLE with the model of a run or of a file; nothing is sent anywhere.

    The table is read, checked and scaled in the same way as for training; its target column may be missing.
    """
    from aicommons.data import reading, spreadsheets

    model = _load(source)
    inputs = reading.read_inputs(table, model.recipe.schema)
    heads, rows = _predictions(model, inputs)
    for notice in inputs.notices:
        output.note(notice)
    if inputs.incomplete:
        output.note(f"{len(inputs.incomplete)} rows have a gap and get no prediction.")
    text = spreadsheets.to_csv(heads, rows)
    result: dict[str, Any] = {"rows": len(rows), "incomplete": len(inputs.incomplete)}
    if out is None:
        result["predictions"] = [dict(zip(heads, row, strict=True)) for row in rows]
        output.emit(result, text.rstrip("\n"))
        return
    app.write_whole(out, text.encode())
    output.emit({**result, "file": str(out)}, f"{out}: {len(rows)} predictions.")


def _load(source: str) -> "models.Model":
    from aicommons.learning import model as models

    file = pathlib.Path(source)
    if not file.exists():
        if file.suffix:
            raise errors.InputError(
                "there is no such file", which=source, expected="a safetensors file or the id of a run"
            )
        opened = homes.look()
        return agreed_model(opened, naming.choose_run(opened, source).run_id)
    try:
        if file.stat().st_size > models.MOST_BYTES:
            raise errors.InputError(
                "the file is too long for a model", which=source, expected=f"{models.MOST_BYTES} bytes"
            )
        data = file.read_bytes()
    except OSError as err:
        raise errors.InputError("the file cannot be read", which=source, got=err.strerror) from err
    try:
        return models.decode(data)
    except errors.DecodeError as err:
        raise errors.InputError("not a model of the commons", which=source, expected=err.expected, got=err.got) from err


def _predictions(model: "models.Model", inputs: "reading.Inputs") -> tuple[list[str], list[list[object]]]:
    """Return column names and a row for each row of the table, in its order; rows with a gap are empty but for the line."""
    from aicommons.learning import learner

    classes, made_by = model.recipe.schema.classes, model.recipe.learner
    if isinstance(made_by, learner.Predicting):
        heads = ["line", *made_by.heads(model.state)]
    else:
        heads = ["line", "prediction", *(f"probability {each}" for each in classes)]
    made: dict[int, list[object]] = {line: [line] + [None] * (len(heads) - 1) for line in inputs.incomplete}
    if inputs.lines and isinstance(made_by, learner.Predicting):
        found = model.predict(inputs.features).reshape(len(inputs.lines), len(heads) - 1).tolist()
        made |= {line: [line, *values] for line, values in zip(inputs.lines, found, strict=True)}
    elif inputs.lines:
        values = model.predict(inputs.features).tolist()
        labels = model.labels(inputs.features) if classes else ()
        for place, line in enumerate(inputs.lines):
            value = values[place]
            made[line] = [line, labels[place], *(round(each, 6) for each in value)] if classes else [line, value]
    return heads, [made[line] for line in sorted(made)]
