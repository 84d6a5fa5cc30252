"""A register is opened by a column of the table that names people, and by no other."""

import json
import pathlib

import pytest

from aicommons import app
from aicommons.domain import cards, errors
from aicommons.owner import keyed

SCHEMA = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
MAPPING = {"columns": {"outcome": {"column": "diagnosis", "codes": {"1": "yes", "0": "no"}}}}
REFUSED = {
    "a slip of the pen": ("patient_idd", "no such column", "--person patient_id`"),
    "no column at all": ("zzz", "no such column", "header"),
    "what plans predict": ("diagnosis", "plans learn from this column", "person keys"),
    "what plans learn from": ("age", "plans learn from this column", "person keys"),
}


@pytest.fixture
def home(tmp_path: pathlib.Path) -> app.Home:
    """A home whose dataset 3 names its people in ``patient_id`` and its target ``diagnosis``."""
    made = app.Home(tmp_path / "home")
    table = tmp_path / "table.csv"
    table.write_text("patient_id,age,diagnosis\n" + "".join(f"p{n},{n},{n % 2}\n" for n in range(30)))
    card = cards.DatasetCard("Examinations", "here", 30, SCHEMA, "LicenseRef-private", 10, "none")
    app.own_documents(made).put(card.encode())
    made.keep_dataset(3, table, card)
    app.write_private(made.mapping_file(3), json.dumps(MAPPING))
    return made


@pytest.mark.parametrize(("column", "message", "next_step"), REFUSED.values(), ids=REFUSED.keys())
def test_a_column_that_names_nobody_is_refused(home: app.Home, column: str, message: str, next_step: str) -> None:
    """What is not in the header and what plans learn from, also under the owner's own name, opens no register."""
    with pytest.raises(errors.InputError, match=message) as caught:
        keyed.check_column(home, 3, column)
    assert next_step in (caught.value.next_step or "")


def test_the_column_of_keys_is_taken(home: app.Home) -> None:
    """The column of person keys passes; so does the one of data wallets, whose rows come later."""
    keyed.check_column(home, 3, "patient_id")
    keyed.check_column(home, 3, "person")
    home.read_from_wallets(3)
    keyed.check_column(home, 3, "person")
    with pytest.raises(errors.InputError, match="no such column"):
        keyed.check_column(home, 3, "patient_id")
