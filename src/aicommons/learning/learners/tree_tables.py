"""A model of trees as tables: what each column gained, and the first tree as one sentence per leaf. Called by ``trees``."""

from collections.abc import Iterator

from aicommons.domain import schema
from aicommons.learning import combine, exhibits, state
from aicommons.learning.learners import tree_growing

Exhibit = exhibits.Exhibit


def exhibits_of(plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
    """Return both tables, in the units and names of ``plan``."""
    return (_importance(plan, value), _first_tree(plan, value))


def _importance(plan: schema.Schema, value: state.State) -> Exhibit:
    """Return the columns that were split on, most gained first."""
    gains = value.arrays["gains"].tolist()
    whole = combine.fixed_sum(gains)
    listed = zip(plan.columns, gains, value.arrays["splits"].tolist(), strict=True)
    used = sorted((each for each in listed if each[2] > 0.0), key=lambda each: -each[1])
    return Exhibit(
        name="importance",
        title="What splitting on each column took off the objective on all training rows, in all trees",
        heads=("column", "gain", "share", "splits"),
        rows=[(column.name, gain, gain / whole, int(splits)) for column, gain, splits in used],
    )


def _first_tree(plan: schema.Schema, value: state.State) -> Exhibit:
    """Return the first step's trees, one row per leaf."""
    forest = tree_growing.forest_of(value)
    outputs = len(value.arrays["base"])
    names = plan.classes if outputs > 1 else (plan.target.name if plan.target is not None else "",)
    scale = float(value.arrays["target_scale"][0]) if plan.task is schema.Task.GAUSSIAN else 1.0
    unit = "the prediction, in its unit" if plan.task is schema.Task.GAUSSIAN else "the log-odds"
    rows = []
    if value.arrays["progress"][0] >= 1.0:
        rows = [
            (names[output], words, leaf * scale)
            for output in range(outputs)
            for words, leaf in _leaves(plan, forest, output)
        ]
    return Exhibit(
        name="first-tree",
        title=f"The first tree: what it adds to {unit}, by the rows that end in each leaf",
        heads=("of", "rows with", "adds"),
        rows=rows,
    )


def _leaves(plan: schema.Schema, forest: tree_growing.Forest, tree: int) -> Iterator[tuple[str, float]]:
    """Yield each leaf of a tree, left to right: the path to it in words, and its value."""

    def below(node: int, level: int, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
        place = node - (2**level - 1)
        if level == forest.depth or forest.columns[tree, node] == tree_growing.NO_SPLIT:
            yield " and ".join(path) or "all", float(forest.leaves[tree, place << (forest.depth - level)])
            return
        for side, words in enumerate(_sides(plan, forest, tree, node)):
            yield from below(2 * node + 1 + side, level + 1, (*path, words))

    yield from below(0, 0, ())


def _sides(plan: schema.Schema, forest: tree_growing.Forest, tree: int, node: int) -> tuple[str, str]:
    """Return which rows go left and which right, in words."""
    place = int(forest.columns[tree, node])
    kinds = [feature for feature in plan.features for _ in feature.columns()]
    column, feature = plan.columns[place], kinds[place]
    if feature.kind is schema.Kind.CATEGORY:
        level = column.name.removeprefix(f"{feature.name}=")
        return f"{feature.name} is not {level}", f"{feature.name} is {level}"
    edge, gap_left = float(forest.edges[tree, node]), bool(forest.gaps[tree, node])
    if plan.missing is not schema.Missing.FILL:
        return f"{column.name} < {edge:.6g}", f"{column.name} >= {edge:.6g}"
    if edge > column.hi:
        return f"{column.name} known", f"{column.name} missing"
    left, right = f"{column.name} < {edge:.6g}", f"{column.name} >= {edge:.6g}"
    return (f"({left} or missing)", right) if gap_left else (left, f"({right} or missing)")
