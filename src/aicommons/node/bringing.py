"""What all the datasets of a seat give to one round, together: how a co-op's node takes part for many sites.

Each dataset is read under its own consents, held against its own minimum, and its small cells are treated by its own owner's
rule, before anything of it meets another's rows (``learning/joining``); only then the seat has one vector, so that nobody
outside sees a single site. Called by the jobs of ``contributing`` and ``concluding``; masking and sending are theirs.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from aicommons.domain import errors, ids
from aicommons.learning import blocks, describe, differential, joining, privacy, records, state
from aicommons.learning import recipe as recipes
from aicommons.node import agent as agents
from aicommons.node import journal
from aicommons.protocol import coverage


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """One dataset of a seat, with what this node knows of it."""

    part: agents.Part
    seed: bytes = dataclasses.field(repr=False)
    """The dataset's own secret, for noise and for recognising its rows."""
    earlier: tuple[journal.Disclosure, ...]
    """What the dataset gave before, if this round must be held against it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """What one dataset gives to a round."""

    piece: Piece
    brought: agents.Brought
    """Its rows, as they were read, and whose they are."""
    rule: privacy.Rule
    """Its owner's, for small cells."""


@dataclasses.dataclass(frozen=True, slots=True)
class Together:
    """What a seat gives to a round."""

    given: tuple[Given, ...]
    """Of each dataset that takes part, at least one, in the order in which they were brought."""
    left_out: tuple[tuple[int, str], ...]
    """Dataset and why, of each that has too few rows or people for this round."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a round asks of a seat's datasets."""

    data: agents.Data
    terms: agents.RunDocuments
    use: coverage.Use

    def rows(self, pieces: Sequence[Piece]) -> Together:
        """Read each dataset; one below its minimum is left out of the round, if another one is not.

        Raises:
            errors.TooFewRows, errors.TooFewPeople: all of them are below it; that of the first one.
            errors.TableError, errors.InputError, errors.ContributionRefused, errors.JournalConflict: as ``Data.bring``.
        """
        given, refused = [], []
        for piece in pieces:
            try:
                brought = self.data.bring(piece.part, self.terms, self.use)
            except (errors.TooFewRows, errors.TooFewPeople) as err:
                refused.append((piece.part.dataset_id, err))
            else:
                given.append(Given(piece, brought, self.data.rule(piece.part)))
        if not given:
            raise refused[0][1]
        return Together(tuple(given), tuple((number, str(err)) for number, err in refused))

    def guarded(self, together: Together) -> tuple[recipes.Rows, ...]:
        """Return each dataset's rows that may be added up, by its own owner's rule."""
        return tuple(privacy.guard(self.terms.recipe, each.brought.rows, each.rule) for each in together.given)


def described(
    asked: Asked, value: state.State, together: Together, rows: Sequence[recipes.Rows]
) -> blocks.Contribution:
    """Return round 0's sums: each dataset's with its own owner's noise, then added exactly.

    Raises:
        errors.ContributionRefused: as ``Recipe.contribute``; nothing is drawn at random in this stage.
    """
    sums, made = [], asked.terms.recipe
    for each, found in zip(together.given, rows, strict=True):
        told, _ = made.contribute(value, found, rng=np.random.default_rng(0))
        sums.append(privacy.with_noise(made, told, each.rule, each.piece.seed))
    return describe.together(sums)


def tabulated(
    asked: Asked, value: state.State, together: Together, rows: Sequence[recipes.Rows]
) -> blocks.Contribution:
    """Return the sums of a learner that counts rows in cells: each dataset's without its own small cells, then added.

    Raises:
        errors.ContributionRefused: as ``Recipe.contribute``; nothing is drawn at random by such a learner.
    """
    sums, made = [], asked.terms.recipe
    for each, found in zip(together.given, rows, strict=True):
        told, _ = made.contribute(value, found, rng=np.random.default_rng(0))
        sums.append(privacy.withheld(made, value, told, each.rule))
    return records.add(iter(sums))


def protected(
    asked: Asked, value: state.State, together: Together, rows: Sequence[recipes.Rows], *, place: tuple[ids.RunId, int]
) -> tuple[blocks.Contribution, tuple[bytes, ...]]:
    """Return the sums of a plan that protects units, each dataset's with noise of its own, and what each dataset's are known by.

    Args:
        asked: what the round asks of a seat.
        value: where it starts.
        together: the datasets.
        rows: of each.
        place: run and round, for which the noise is.

    Raises:
        errors.ContributionRefused: as ``Recipe.protected``.
    """
    made, given = asked.terms.recipe, []
    run_id, index = place
    for each, found in zip(together.given, rows, strict=True):
        given.append(made.protected(value, found, noise_secret(each.piece.seed, run_id, index)))
    numbers = differential.added(made.blocks(value), [each.numbers for each in given])
    return numbers, tuple(each.content for each in given)


def noise_secret(seed: bytes, run_id: ids.RunId, round_index: int) -> bytes:
    """Return 32 bytes from which a dataset's noise in a round follows; ``seed`` is the dataset's own."""
    return hashlib.sha256(b"noise of a round" + seed + run_id + round_index.to_bytes(4, "big")).digest()


def joined(rows: Sequence[recipes.Rows]) -> recipes.Rows:
    """Return the rows of several datasets as those of one, in their order."""
    return recipes.Rows(joining.joined([each.train for each in rows]), joining.joined([each.held_out for each in rows]))
