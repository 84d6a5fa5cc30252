"""Which column of an owner's table says whose row it is: checked against the table before a register is opened by it.

A register's column is fixed with its first consent, and the node reads nobody's rows by a column that is not there. Called by
``commons consent open``, by ``stewarding`` for keys that have no row, and by dry runs, which count the same people as the
node. What a consent covers is ``protocol/coverage``'s question.
"""

import difflib
from collections.abc import Collection, Sequence

from aicommons import app
from aicommons.data import batches, sources
from aicommons.domain import errors
from aicommons.node.consents import people, register, wallets
from aicommons.protocol import coverage, ports
from aicommons.protocol import view as views


def check_column(home: app.Home, dataset_id: int, column: str) -> None:
    """Check that a column of a dataset's table can say whose row it is.

    Args:
        home: the owner's.
        dataset_id: a dataset that this home published.
        column: in the table's own name.

    Raises:
        errors.InputError: this home does not know the dataset, the table has no such column, or plans learn from it.
        errors.TableError: the table cannot be read.
    """
    known = home.datasets().get(dataset_id)
    if known is None:
        raise errors.InputError("this home has not published this dataset", which=f"dataset {dataset_id}")
    own = app.own_table(home, dataset_id, known)
    in_wallets = wallets.Wallets(home.consents_folder / "wallets").are_at(own.source)
    header = (wallets.PERSON,) if in_wallets else sources.open_source(own.source).header
    if column not in (
        *header,
        wallets.PERSON,
    ):  # whose rows will lie in data wallets has a register before the first wallet
        raise _no_such_column(dataset_id, column, header)
    card = app.own_card(home, known)
    learnt = () if card is None else tuple(each.name for each in card.offered)
    if not in_wallets and column in (*learnt, *own.as_mapped(learnt)):
        raise errors.InputError(
            "plans learn from this column, so it does not say whose row it is",
            which=f"dataset {dataset_id}: {column}",
            expected="a column with one key for each person, which the card offers to no plan",
            next_step=f"name the column of person keys: `commons consent open {dataset_id} --person COLUMN`",
        )


def _no_such_column(dataset_id: int, column: str, header: Sequence[str]) -> errors.InputError:
    near = difflib.get_close_matches(column, header, n=1)
    return errors.InputError(
        "the table has no such column",
        which=f"dataset {dataset_id}: {column}",
        expected=f"one of {', '.join(header[:30])}" + (" …" if len(header) > 30 else ""),
        next_step=f"did you mean `commons consent open {dataset_id} --person {near[0]}`?"
        if near
        else "name the column as the table's header writes it",
    )


def without_row(
    home: app.Home, here: register.Register, dataset_id: int, tags: Collection[bytes]
) -> frozenset[bytes] | None:
    """Return who of some people has no row in a dataset's table now; ``None`` where the table cannot be looked at here.

    Data wallets and tables in Spark are not looked at: the first get their rows later, the second take minutes.
    """
    known = home.datasets().get(dataset_id)
    if known is None:
        return None
    left, column = set(tags), here.column(dataset_id)
    try:
        own = app.own_table(home, dataset_id, known)
        if own.in_spark is not None or wallets.Wallets(home.consents_folder / "wallets").are_at(own.source):
            return None
        opened = sources.open_source(own.source)
        if column not in opened.header:
            return None
        for batch in opened.batches([column]):
            left.difference_update(here.tag(dataset_id, each) for each in set(batches.texts(batch.cells[column])))
            if not left:
                break
    except (errors.PermanentError, errors.TemporaryError):
        return None  # a paper is taken in all the same: the table may be away for a day
    return frozenset(left)


def is_asked(home: app.Home, dataset_id: int) -> bool:
    """Return whether this home keeps a register of people's consents for a dataset; needs no key."""
    return dataset_id in register.datasets_in(home.consents_folder / "register.db")


def living(home: app.Home, signer: ports.Signer, view: views.LedgerView, dataset_id: int) -> people.Persons | None:
    """Return the people with a consent that is live and posted, whatever it is for; ``None`` where nobody is asked.

    A run's purpose and fields, and what earlier sums told, may leave fewer.

    Raises:
        errors.KeyRefused: the wallet does not open the register.
        errors.JournalConflict: the register's key is lost.
    """
    kept = app.open_consents(home, signer)
    shown = kept.standing(view, dataset_id)
    if shown is None:
        return None
    with kept.register() as here:
        moment = coverage.Moment(
            now=shown.time,
            posted=shown.posting.leaves,
            withdrawn=here.taken_back(dataset_id, shown.withdrawn),
            guarded=shown.guarded,
            runs_before={},
        )
        tags = frozenset(each.tag for each in here.entries(dataset_id) if coverage.refusal(each, None, moment) is None)
        return people.Persons(here.column(dataset_id), here.tagger(dataset_id), tags)
