"""Principal components of the standardised columns of all sites: one round of cross-products, then rotations.

The matrix of summed cross-products, divided by the rows, is the pooled correlation matrix; its eigenvectors are found by
``combine.eigen_symmetric``, from + - * / and square roots alone, so that every node has the same components to the byte. For
plans without a target. Made by ``recipe``. A learner of the ``Additive`` kind. Rotations of the components (varimax) are left out.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from aicommons.domain import errors, fields, schema
from aicommons.learning import blocks, caps, combine, exhibits, learner, records, state

# A method called ``blocks`` hides the module inside its class.
Block = blocks.Block
Contribution = blocks.Contribution
Vector = blocks.Vector
Encoding = blocks.Encoding
Exhibit = exhibits.Exhibit
MOST_COLUMNS = 256
"""The rotations of so many columns take some seconds; their number grows with the square, and each one's work too."""
DEFAULT_COMPONENTS = 10
CAP_MARGIN = 4.0
"""Standardised columns have a mean square of at most 1, up to the rounding of round 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pca:
    """The learner; its fields are the plan's options."""

    components: int
    """How many components are kept."""

    combiner = combine.SUMMARY
    word_bits = 64
    most_steps = 1

    def options(self) -> dict[str, object]:
        """Return the plan's options; ``from_options`` gives the learner back."""
        return {"components": self.components}

    def check_size(self, plan: schema.Schema) -> None:
        """Check that the rotations come to an end soon.

        Raises:
            errors.InputError: too many columns.
        """
        if plan.width > MOST_COLUMNS:
            raise errors.InputError(
                "there are too many columns for principal components",
                which="recipe pca",
                expected=f"at most {MOST_COLUMNS} (one per number, one per level)",
                got=plan.width,
                next_step="Leave out columns or levels.",
            )

    def initial(self, plan: schema.Schema, seed: int) -> state.State:
        """Return zeros of the shapes that the result has; ``seed`` is not needed."""
        _ = seed
        arrays = {"variances": np.zeros(plan.width), "loadings": np.zeros((self.components, plan.width))}
        return state.State(state.Stage.FIT, 0, arrays)

    def blocks(self, value: state.State) -> tuple[Block, ...]:
        """Return the packed cross-products: by Cauchy and Schwarz none is over the rows."""
        width = len(value.arrays["variances"])
        cap = caps.power_of_two(CAP_MARGIN * max(float(value.arrays["rows"][0]), 1.0))
        return (Block("products", width * (width + 1) // 2, cap, Encoding.BOUNDED),)

    def partial(self, value: state.State, table: records.Table) -> Contribution:
        """Return the cross-products of ``table``'s columns, the upper triangle row by row."""
        _ = value
        products = table.features.T @ table.features
        return {"products": products[np.triu_indices(len(products))]}

    def combine(self, value: state.State, sums: Mapping[str, Vector]) -> state.State:
        """Return the state with variances and loadings; its run is finished."""
        width = len(value.arrays["variances"])
        matrix = combine.unpack_symmetric(sums["products"] / float(value.arrays["rows"][0]), width)
        variances, vectors, is_done = combine.eigen_symmetric(matrix)
        found = {"variances": np.maximum(variances, 0.0), "loadings": vectors[: self.components]}
        reason = state.Reason.CONVERGED if is_done else state.Reason.STEPS_DONE
        return state.State(state.Stage.FINISHED, value.step + 1, {**value.arrays, **found}, reason)

    def scores(self, value: state.State, features: state.Array) -> state.Array:
        """Return float64[n, components]: where each row of standardised ``features`` stands on each component."""
        return features @ value.arrays["loadings"].T

    def predict(self, value: state.State, scores: state.Array) -> state.Array:
        """Return the component scores as they are."""
        _ = value
        return scores

    def heads(self, value: state.State) -> tuple[str, ...]:
        """Return the components' names."""
        _ = value
        return tuple(f"component {place + 1}" for place in range(self.components))

    def exhibits(self, plan: schema.Schema, value: state.State) -> tuple[Exhibit, ...]:
        """Return what share of all variance each component has, and its loadings."""
        variances = value.arrays["variances"].tolist()
        total = combine.fixed_sum(variances)
        shares = [variance / total if total else 0.0 for variance in variances]
        explained = [
            (place + 1, variances[place], shares[place], combine.fixed_sum(shares[: place + 1]))
            for place in range(self.components)
        ]
        loadings = value.arrays["loadings"].T.tolist()
        return (
            Exhibit(
                "components",
                "Variance of each component, where every column that varies has 1, and its share of all variance",
                ("component", "variance", "share", "share so far"),
                explained,
            ),
            Exhibit(
                "loadings",
                "Weight of each standardised column in each component",
                ("column", *self.heads(value)),
                [(column.name, *found) for column, found in zip(plan.columns, loadings, strict=True)],
            ),
        )


def from_options(plan: schema.Schema, reader: fields.Fields) -> Pca:
    """Return the learner that a plan's options describe.

    Raises:
        errors.InputError: a plan with a target; more components than columns, or none.
    """
    learner.check_no_target(plan, reader)
    most = min(plan.width, MOST_COLUMNS)
    return Pca(reader.whole_within("components", 1, most, default=min(DEFAULT_COMPONENTS, most)))
