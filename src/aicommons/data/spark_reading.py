"""A Spark table's Arrow batches as a plan's numbers, in the cluster's workers.

``Reading`` is sent to the workers by ``node/spark_tables``. What is a gap, a level, a code or a fault is decided by ``cells``
and the owner's ``mapping``, as for a file; only that each different text of a batch is looked at once. In training no row
comes to the node. Left out: adding up, and which rows are held out.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aicommons.data import batches, cells, columns, reading
from aicommons.data.formats import arrow, spark
from aicommons.domain import errors, schema

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Consented:
    """The persons who consent, looked up before the work is sent; implements ``reading.Persons`` in the workers."""

    column: str
    digest: bytes
    keys: frozenset[str]

    def is_consented(self, key: str) -> bool:
        """Return whether a person is among them."""
        return key in self.keys


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """The rows of one batch that may be used, and how many there were."""

    block: reading.Block
    """Their numbers and keys."""
    names: tuple[str, ...] | None
    """Whose each of them is; ``None`` where no consents were asked for."""
    seen: int
    """Rows of the batch whose persons consent."""
    broken: int
    """Rows left out because a cell does not fit, as the owner allowed."""

    @property
    def rows(self) -> int:
        """How many rows may be used."""
        return len(self.block.target)


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How batches become numbers; sent to the workers."""

    opened: spark.Opened
    wanted: reading.Wanted

    def fields(self) -> list[cells.Field]:
        """Return how each declared column is read, the target last; raises as ``cells.field``."""
        plan = self.wanted.plan
        return [cells.field(self.opened, each, self.wanted.mapped) for each in plan.declared]

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Columns by which rows belong together: group, person, both or none."""
        wanted = self.wanted
        group = None if wanted.group is None else wanted.mapped.source_of(wanted.group).column
        return tuple(dict.fromkeys(name for name in (group, wanted.person_column) if name is not None))

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that are asked for."""
        return tuple(dict.fromkeys([*(each.local.column for each in self.fields()), *self.key_columns]))

    def only(self, persons: Iterable[str]) -> "Reading":
        """Return the same for some of the people who consent; unchanged where no consents are asked for."""
        asked = self.wanted.persons
        if asked is None:
            return self
        kept = Consented(asked.column, asked.digest, frozenset(persons))
        return dataclasses.replace(self, wanted=dataclasses.replace(self.wanted, persons=kept))

    def kept(self, batch: "pa.RecordBatch") -> Kept:
        """Return a batch's rows that may be used; those of persons who do not consent are left out first.

        Raises:
            errors.TableError: a cell that does not fit, where none may; names the column, never the value.
        """
        place = {name: index for index, name in enumerate(self.used)}
        persons = self.wanted.persons
        if persons is not None:
            asked = self._texts(batch.column(place[persons.column]), persons.column)
            batch = batch.filter(_mask([bool(text) and persons.is_consented(text) for text in asked]))
        found = [self._numbers(each, batch.column(place[each.local.column])) for each in self.fields()]
        fits = self._fits(found, batch.num_rows)
        plan = self.wanted.plan
        needed = found if plan.missing is schema.Missing.DROP else found[len(plan.features) :]
        whole = fits & ~np.isnan(np.array(needed).reshape(len(needed), batch.num_rows)).any(axis=0)
        keys = np.empty((batch.num_rows, len(self.key_columns)), dtype=np.uint64)
        texts: list[str] = []
        for side, name in enumerate(self.key_columns):
            texts = self._texts(batch.column(place[name]), name)
            keys[:, side] = columns.keys_of(texts)
            whole &= np.array([text.lower() not in columns.MISSING for text in texts], dtype=np.bool_)
        numbers = np.column_stack(found)
        # The last key column is the person's wherever consents are asked for.
        names = None if persons is None else tuple(itertools.compress(texts, whole.tolist()))
        if not whole.all():
            numbers, keys = numbers[whole], keys[whole]
        target = columns.target_of(plan, numbers[:, len(plan.features) :])
        block = reading.Block(reading.matrix(plan, numbers), target, keys)
        return Kept(block, names, batch.num_rows, int((~fits).sum()))

    def _texts(self, column: "pa.Array", name: str) -> list[str]:
        return batches.texts(arrow.cells_of(self.opened, name, column))

    def _numbers(self, field: cells.Field, column: "pa.Array") -> Numbers:
        """Return one column as float64[n]: each different text is looked at once."""
        import pyarrow as pa

        if field.codes is None and not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            return field.numbers(arrow.cells_of(self.opened, field.local.column, column), decimal_comma=False)
        encoded = column.dictionary_encode()
        different = arrow.cells_of(self.opened, field.local.column, encoded.dictionary)
        known = np.append(field.numbers(different, decimal_comma=False), math.nan)
        places: npt.NDArray[np.intp] = encoded.indices.fill_null(len(different)).to_numpy()
        return np.asarray(known[places])

    def _fits(self, found: Sequence[Numbers], rows: int) -> npt.NDArray[np.bool_]:
        fits = np.ones(rows, dtype=np.bool_)
        for field, values in zip(self.fields(), found, strict=True):
            bad = field.bad(values)
            if bad.any() and self.wanted.checks.most_broken == 0.0:
                raise self._refusal(field, values[int(np.argmax(bad))])
            fits &= ~bad
        return fits

    def _refusal(self, field: cells.Field, value: float) -> errors.TableError:
        # The mark for text is not a number that a cell could hold, so any text stands for the cell here.
        said = field.complaint("text" if math.isinf(value) else float(value), decimal_comma=False)
        return errors.TableError(
            said.message,
            which=batches.where(self.opened, column=field.local.column),
            expected=said.expected,
            got=said.got,
            next_step="Correct the cells, map their codes, or leave them empty if the value is not known.",
        )


def _mask(values: Sequence[bool]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values, pa.bool_())
