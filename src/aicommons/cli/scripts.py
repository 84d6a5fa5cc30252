"""What a demo can show: hospitals from scikit-learn, heart disease from UCI, or anybody's table.

Each function writes one table per site and returns the script that ``demonstration`` stages.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

from aicommons.data import batches, infer, samples, sources
from aicommons.domain import errors, schema

UNTARGETED = ("stats", "kmeans", "pca")
"""Recipes that describe rows and need no target."""
TARGETLESS = ("kmeans", "pca")
"""Those that take none."""
FEW_TREES = {"trees": 20, "depth": 3}
"""Enough to see how they grow: each level takes a round."""


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """What is to be shown."""

    title: str
    """One line for the problem and the plan."""
    why: str
    """What the model is for."""
    sdg: str
    """UN target."""
    tables: Mapping[str, pathlib.Path]
    """Site -> its table."""
    schema: schema.Schema
    """Columns of these tables."""
    recipe: Mapping[str, object]
    """The plan's recipe, without its schema."""
    seed: int
    """For the split into training and held-out rows."""
    group: str | None = None
    """Column of rows that belong together."""
    phase_seconds: int = 60
    """How long a phase waits."""
    patience_seconds: int = 3600
    """How long a paused run waits for an absent site."""


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """What the person asked for."""

    recipe: str | None = None
    """One of ``demo.RECIPES``; ``None`` for the first that suits the target."""
    nodes: int | None = None
    """Use only the first so many sites."""
    rounds: int | None = None
    """End after so many rounds at most."""
    seed: int = 0
    """For everything that is drawn."""

    def document(self, columns: schema.Schema) -> dict[str, object]:
        """Return the recipe of a plan on ``columns``, without them: describe and evaluate take a round each, the rest fits."""
        suits = {schema.Task.SURVIVAL: "discrete_survival", None: "stats"}.get(columns.task, "glm")
        name = self.recipe or suits
        body: dict[str, object] = {"recipe": name, "seed": self.seed}
        if name == "trees":
            body |= FEW_TREES
        if self.rounds is not None:
            body |= self._bounded(name, self.rounds - 2)
        return body

    def _bounded(self, name: str, steps: int) -> dict[str, object]:
        """Return the options with which a recipe fits in so many rounds."""
        if name == "trees":
            return {"trees": max(1, (steps - 1) // FEW_TREES["depth"])}
        option = {"mlp": "rounds", "glm": "max_steps", "discrete_survival": "max_steps", "kmeans": "max_steps"}.get(
            name
        )
        if option is None:
            raise errors.InputError(
                "this recipe takes the rounds that it takes", which="--rounds", expected="no such option", got=name
            )
        return {option: steps}

    def first(self, tables: Mapping[str, pathlib.Path]) -> dict[str, pathlib.Path]:
        """Return the tables of the sites that take part."""
        return dict(list(tables.items())[: self.nodes])


def hospitals(folder: pathlib.Path, choice: Choice) -> Script:
    """Return five simulated hospitals: 569 real patients of scikit-learn's breast-cancer set, dealt out by seed."""
    tables = choice.first(samples.hospitals(folder, seed=choice.seed))
    drafted = infer.infer_columns(list(tables.values()), "diagnosis")
    return Script(
        title="Is this breast tumour malignant?",
        why="who should be examined further",
        sdg="3.4",
        tables=tables,
        schema=drafted.schema,
        recipe=choice.document(drafted.schema),
        seed=choice.seed,
    )


def heart(folder: pathlib.Path, data: pathlib.Path, choice: Choice) -> Script:
    """Return heart disease in four real hospitals, from the UCI files in ``data``; raises ``errors.TableError``."""
    return Script(
        title="Does this person have heart disease?",
        why="who should be examined further",
        sdg="3.4",
        tables=choice.first(samples.heart(data, folder)),
        schema=samples.heart_schema(),
        recipe=choice.document(samples.heart_schema()),
        seed=choice.seed,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class OwnTable:
    """Anybody's table."""

    path: pathlib.Path
    site: str
    """Column that says where a record comes from."""
    target: str | None
    """Column to predict, if any."""
    group: str | None = None
    """Column of rows that belong together."""
    event: infer.Event | None = None
    """Where the target is the time until an event: what says whether it was seen."""
    counts: bool = False
    """Whether the target counts something."""


def table(folder: pathlib.Path, own: OwnTable, choice: Choice) -> tuple[Script, tuple[str, ...]]:
    """Return one site for each value of a column, and what was decided about the columns.

    Raises:
        errors.TableError: the file cannot be used, naming what to mend.
        errors.InputError: site, target, event and group are not different columns; no such value for a seen event.
    """
    drop = [name for name in (own.site, own.group) if name is not None]
    source = sources.open_source(own.path)
    for name in drop:
        batches.check_column(source, name)
    said = [own.target, None if own.event is None else own.event.column]
    roles = [*(name for name in said if name is not None), *drop]
    if len(set(roles)) < len(roles):
        raise errors.InputError(
            "a column has two roles",
            which=f"column {next(name for name in roles if roles.count(name) > 1)}",
            expected="different columns for site, target, event and group",
        )
    # The whole file, so that errors name its own lines.
    drafted = infer.infer_columns([own.path], own.target, drop=drop, event=own.event, counts=own.counts)
    numbers = [each.name for each in drafted.schema.declared if each.labels is None]
    tables = choice.first(samples.by_site(own.path, own.site, folder, numbers=numbers))
    script = Script(
        title="What is in these tables?" if own.target is None else f"Predict {own.target}",
        why="as its owners decide",
        sdg="17.18",
        tables=tables,
        schema=drafted.schema,
        recipe=choice.document(drafted.schema),
        seed=choice.seed,
        group=own.group,
    )
    return script, drafted.notices
