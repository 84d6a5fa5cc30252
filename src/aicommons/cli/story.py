"""What the demo tells: each round as it is agreed, and at the end one object that says everything.

Figures of the federated model come from the secure sums; the comparison needs all data in one place, which only a demo
has. Printing is plain lines and tables that read well without colour.
"""

import json
import pathlib
import shlex
import threading
import time
from typing import Any

import rich.console
import rich.padding
import rich.table

from aicommons import app
from aicommons.cli import comparison, demonstration, exhibited
from aicommons.domain import errors, ids, run
from aicommons.learning import evaluation, exhibits, state
from aicommons.node import agent, concluding
from aicommons.protocol import view as views

POLL_SECONDS = 0.1
LONGEST_RUN = 1800
MOST_ROWS = 12
"""Of one of the model's tables."""
EXPLAINED = {
    "accuracy": "accuracy: the share of rows that it gets right",
    "auc": "auc: how well it ranks; 0.5 is as good as tossing a coin, 1 is best",
    "concordance": "concordance: how well it ranks who has the event first; 0.5 is as good as tossing a coin, 1 is best",
    "d2": "d2: the part of the differences between counts that it explains; 1 is best",
    "r2": "r2: the part of the differences between rows that it explains; 1 is best",
}
"""What a figure says, for whoever meets it for the first time."""
HONEST = "Only a demo can make this comparison: it holds every site's data in one place. In the commons nobody does."
ALONE = "Each site's own model is judged on its own rows only; the common one has to do for the rows of all sites."


class Teller:
    """Prints a run for a person, or nothing when quiet."""

    def __init__(self, stage: demonstration.Stage, *, quiet: bool) -> None:
        self._stage = stage
        self._quiet = quiet
        self._console = rich.console.Console(highlight=False)
        if not quiet:
            self._console.print(f"\n[bold]Run {ids.format_id(stage.run_id)[:18]}[/bold]  {stage.plan.title}")

    def round(self, index: int) -> None:
        """Say what a round showed."""
        if self._quiet:
            return
        figures = metrics_of(self._stage, index)
        agreed = "sums agreed" if index else "counts and means agreed"
        shown = agreed if figures is None else in_short(figures)
        self._console.print(f"  round {index:>2}  {shown}")

    def tell(self, outcome: dict[str, Any]) -> None:
        """Print the end of the story."""
        say = self._console.print
        say()
        self._tell_tables()
        if _metrics(outcome):
            self._tell_figures(outcome)
        metric = _site_metric(outcome)
        say(f"What left each site (masked: looks like noise){f', and {metric} on its own rows' if metric else ''}")
        say(_sites(outcome))
        if metric:
            say("[dim]Each site sees its own figures; others see only the total.[/dim]\n")
        say("Who owns the model")
        say(_owners(outcome))
        say("\nWhat the ledger holds")
        for line in outcome["record"]:
            say(f"  {line}")
        said = outcome["verify"]
        say(f"\nVerified in a fresh process from ledger, store and a reader's key: {_verdict(outcome)}")
        say(rich.padding.Padding(str(said.get("meaning", "")), (0, 0, 0, 2), expand=False))
        for part in said.get("unchecked", ()):
            say(f"  not checked: {part['words']}")
        per_round = outcome["seconds_per_round"]
        say(f"\n{outcome['rounds']} rounds, {per_round:.2f} s each; {outcome['wall_seconds']:.1f} s in all")
        lines = outcome.get("look_around")
        if lines is None:
            say("To look around afterwards: commons demo --keep")
            return
        say("Everything is kept. To look around, in a shell, in this order:")
        for line in lines:  # one line stays one line, so that it can be pasted
            self._console.print(f"  {line}", soft_wrap=True, markup=False)

    def _tell_figures(self, outcome: dict[str, Any]) -> None:
        say = self._console.print
        say("How good is it? (held-out rows of all sites)")
        say(_comparison(outcome))
        say("\n".join(f"[dim]{EXPLAINED[name]}[/dim]" for name in _metrics(outcome) if name in EXPLAINED))
        if _alone_is_better(outcome):
            say(ALONE)
        say(f"[dim]{HONEST}[/dim]\n")

    def _tell_tables(self) -> None:
        """Show what the model says, where it can be read."""
        lines = list(exhibited.lines(exhibits_of(self._stage), most_rows=MOST_ROWS))
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)
        if lines:
            self._console.print()


def exhibits_of(stage: demonstration.Stage) -> tuple[exhibits.Exhibit, ...]:
    """Return the tables of the agreed model, from the first site's journal that has its state."""
    current = stage.view()
    for site in stage.sites if current.agreed is not None else ():
        kept = site.journal()
        found = kept.state(stage.run_id, current.agreed.rounds_done) if current.agreed is not None else None
        kept.close()
        if found is not None:
            return stage.recipe.exhibits(state.decode(found.data))
    return ()


def look_around(stage: demonstration.Stage, passphrase: str) -> list[str]:
    """Return the shell lines that start a kept demo's servers again, verify its run and use its model."""
    site = stage.sites[0]
    table = pathlib.Path(next(iter(site.home.datasets().values()))["path"])
    run_id, home = ids.format_id(stage.run_id)[:18], shlex.quote(site.home.path.name)
    return [
        f"export {app.PASSPHRASE_VARIABLE}={passphrase}",
        f"cd {shlex.quote(str(stage.root))}",
        "commons --home commons ledger start &",
        "commons --home commons store start &",
        "sleep 5  # until both have said that they answer",
        f"commons --home {shlex.quote(stage.problem_owner.name)} run verify {run_id} --from-home reader",
        f"commons --home {home} model show {run_id}",
        f"commons --home {home} model download {run_id} --out model.safetensors",
        f"commons model predict model.safetensors {shlex.quote(str(table.relative_to(stage.root.resolve())))}",
        f"commons --home {home} up  # its node and its owner's page, with the link to open",
    ]


def follow(stage: demonstration.Stage, teller: Teller) -> list[float]:
    """Watch the run until it is over and written down; return the seconds of each round.

    Raises:
        errors.TemporaryError: it did not end within half an hour.
    """
    waiting = threading.Event()
    seconds: list[float] = []
    begun = time.monotonic()
    deadline = begun + LONGEST_RUN
    while time.monotonic() < deadline:
        current = stage.view()
        while current.unmasked(len(seconds)) is not None and has_sum(stage, len(seconds)):
            now = time.monotonic()
            teller.round(len(seconds))
            seconds.append(now - begun)
            begun = now
        if _is_told(current, len(seconds)) and (current.model is not None or current.agreed is None):
            return seconds
        waiting.wait(POLL_SECONDS)
    raise errors.TemporaryError("the run did not end in time", which=ids.format_id(stage.run_id)[:18])


def _is_told(current: views.RunView, rounds: int) -> bool:
    return current.state.is_over and current.unmasked(rounds) is None


def has_sum(stage: demonstration.Stage, index: int) -> bool:
    """Return whether some site has combined round ``index``."""
    for site in stage.sites:
        kept = site.journal()
        got = kept.sum(stage.run_id, index)
        kept.close()
        if got is not None:
            return True
    return False


def _verdict(outcome: dict[str, Any]) -> str:
    """Return what ``run verify`` found, in a few words."""
    said = outcome["verify"]
    if outcome["verified"]:
        return "holds"
    if said.get("holds"):
        return "holds as far as it could be checked"
    return f"DOES NOT HOLD: {said.get('problem') or said.get('message') or 'no round was unmasked'}"


def _comparison(outcome: dict[str, Any]) -> rich.table.Table:
    metrics, names = outcome["metrics"], _metrics(outcome)
    table = rich.table.Table()
    table.add_column("model")
    for name in names:
        table.add_column(name, justify="right")
    rows = {"federated": "together, data at home", "pooled": "all data in one place", "local": "each site alone"}
    for key, label in rows.items():
        table.add_row(label, *(_number(metrics[key].get(name)) for name in names))
    return table


def _metrics(outcome: dict[str, Any]) -> list[str]:
    return sorted({name for figures in outcome["metrics"].values() for name in figures})


def _alone_is_better(outcome: dict[str, Any]) -> bool:
    together, alone = outcome["metrics"]["federated"], outcome["metrics"]["local"]
    return any(alone[name] > together[name] for name in together.keys() & alone.keys())


def _site_metric(outcome: dict[str, Any]) -> str:
    return next((name for name in ("r2", "d2", "concordance", "accuracy") if name in outcome["metrics"]["pooled"]), "")


def _sites(outcome: dict[str, Any]) -> rich.table.Table:
    table = rich.table.Table()
    metric = _site_metric(outcome)
    table.add_column("site")
    for name in ("rows", "with a gap", "kB sent", *(("together", "alone") if metric else ())):
        table.add_column(name, justify="right")
    sent = outcome["bytes_sent_per_node"]
    for site in outcome["per_site"]:
        table.add_row(
            site["site"],
            str(site["rows"]),
            str(site["rows_left_out"]),
            f"{sent[site['site']] / 1000:.0f}",
            *([_number(site["federated"].get(metric)), _number(site["local"].get(metric))] if metric else []),
        )
    return table


def _owners(outcome: dict[str, Any]) -> rich.table.Table:
    table = rich.table.Table()
    table.add_column("member")
    table.add_column("share", justify="right")
    for owner in outcome["owners"]:
        table.add_row(owner["member"], f"{owner['shares'] / 10_000:.2f} %")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def in_short(figures: evaluation.Metrics) -> str:
    """Return a round's figures on one line."""
    shown = concluding.in_words(figures)
    return "  ".join(f"{name} {float(str(value)):.3f}" for name, value in shown.items())


def metrics_of(stage: demonstration.Stage, index: int) -> evaluation.Metrics | None:
    """Return the figures in round ``index``'s secure sum, from the first site's journal that has it."""
    terms = _terms(stage)
    for site in stage.sites:
        kept = site.journal()
        got, before = kept.sum(stage.run_id, index), kept.state(stage.run_id, index)
        kept.close()
        if got is not None and before is not None:
            return concluding.round_metrics(terms, before.data, got.data, members=len(stage.sites))
    return None


def _terms(stage: demonstration.Stage) -> agent.RunDocuments:
    return agent.read_terms(app.open_store(stage.solver.home, None), stage.view())


def outcome(
    stage: demonstration.Stage, seconds: list[float], verdict: dict[str, Any], *, wall: float
) -> dict[str, Any]:
    """Return everything that a run of the demo showed, as one JSON object."""
    current = stage.view()
    if current.agreed is None:
        raise errors.PermanentError(
            f"the run ended without a model ({current.reason.name.lower().replace('_', ' ')})",
            which=ids.format_id(stage.run_id)[:18],
            next_step="run again with --keep and look at the node.log of each site",
        )
    rounds = current.agreed.rounds_done
    federated = _last_metrics(stage, rounds)
    local, by_site = comparison.alone(stage.recipe, stage.rows)
    digest = current.model.state_digest if current.model is not None else b""
    return {
        "run_id": ids.format_id(stage.run_id),
        "participants": len(stage.sites),
        "rounds": rounds,
        "model_digest": ids.format_id(digest),
        "verified": bool(verdict.get("verified")),
        "verify": verdict,
        "metrics": {
            "federated": _as_json(federated),
            "pooled": comparison.pooled(stage.recipe, stage.rows).to_json(),
            "local": local.to_json(),
        },
        "tables": exhibited.to_json(exhibits_of(stage)),
        "per_site": [_site(stage, name, by_site[name]) for name in stage.rows],
        "seconds_per_round": round(sorted(seconds)[len(seconds) // 2], 4) if seconds else 0.0,
        "bytes_sent_per_node": _bytes_sent(stage),
        "owners": [
            {"member": _name(stage, member), "shares": shares} for member, shares in sorted(current.shares.items())
        ],
        "left_out": dict(stage.left_out),
        "record": _record(stage),
        "wall_seconds": round(wall, 2),
    }


def _last_metrics(stage: demonstration.Stage, rounds: int) -> evaluation.Metrics | None:
    for index in range(rounds - 1, -1, -1):
        figures = metrics_of(stage, index)
        if figures is not None:
            return figures
    return None


def _as_json(figures: evaluation.Metrics | None) -> dict[str, float | None]:
    if figures is None:
        return {}
    said = comparison.Figures(
        figures.accuracy, figures.auc, figures.r_squared, figures.concordance, d2=figures.d_squared
    )
    return said.to_json()


def _site(stage: demonstration.Stage, name: str, alone: comparison.Figures) -> dict[str, Any]:
    party = next(site for site in stage.sites if site.name == name)
    kept = party.journal()
    report = kept.report(stage.run_id)
    kept.close()
    own = {key: value for key, value in json.loads(report or b"{}").items() if isinstance(value, str)}
    rows = stage.rows[name]
    return {
        "site": name,
        "rows": rows.train.rows + rows.held_out.rows,
        "rows_left_out": stage.gaps[name],
        "federated": {key: float(value) for key, value in own.items()},
        "local": alone.to_json(),
    }


def _bytes_sent(stage: demonstration.Stage) -> dict[str, int]:
    sent = {}
    for site in stage.sites:
        kept = site.journal()
        sent[site.name] = kept.bytes_sent(stage.run_id)
        kept.close()
    return sent


def _name(stage: demonstration.Stage, member: int) -> str:
    parties = (stage.problem_owner, stage.solver, *stage.sites)
    return next((party.name for party in parties if party.member_id == member), f"member {member}")


def _record(stage: demonstration.Stage) -> list[str]:
    view = stage.solver.desk.view()
    current = view.runs[stage.run_id]
    sent = [attempt for attempt in current.attempts.values() if attempt.phase is run.Phase.UNMASKED]
    messages = sum(len(each.submits) + len(each.commits) + len(each.reveals) + len(each.results) for each in sent)
    return [
        f"{len(view.members)} members, {len(view.datasets)} datasets (cards only), {len(view.consents)} consents",
        f"1 problem, stated by {stage.problem_owner.name}; 1 run, opened by {stage.solver.name}",
        f"{len(current.enrolled)} enrolments, 1 roster, {len(current.acks)} keys acknowledged",
        f"{messages} signed messages in {len(sent)} rounds; no data, no model, no sum: digests only",
        f"run {current.state.name.lower()}; model and {len(current.shares)} owners written down",
    ]
