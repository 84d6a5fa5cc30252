"""An owner's tables: the fewest rows that the owner agreed to count, whatever the terms of a run say."""

import dataclasses
import fractions
import pathlib

import pytest

from aicommons import app
from aicommons.domain import cards, documents, errors, ids, policies, schema
from aicommons.learning import recipe
from aicommons.learning.learners import glm
from aicommons.ledger import wallet
from aicommons.node import agent, tables
from aicommons.node.consents import keeping
from aicommons.protocol import coverage

COLUMNS = schema.Schema(
    (schema.numeric("age", 0, 120),), schema.Target(schema.Task.BINOMIAL, "ill", classes=("no", "yes"))
)
USE = coverage.Use(frozenset(), False, bytes(32), 1, frozenset(), bytes(32))
PLAN = recipe.Recipe("glm", COLUMNS, glm.Glm(schema.Task.BINOMIAL))


def terms(minimum_cohort: int) -> agent.RunDocuments:
    """Return a run's documents that ask for so many rows."""
    plan = documents.Plan("A plan", recipe.to_plan(PLAN), "sums", 30, 0, None)
    return agent.RunDocuments(PLAN, plan, documents.RunTerms("DUO:0000007", (), 60, minimum_cohort, "no DP"))


@pytest.mark.parametrize(
    ("owner", "run", "fits"),
    [(20, 10, True), (21, 10, False), (10, 21, False), (1, 20, True)],
    ids=["both fewer", "the owner wants more", "the run wants more", "just enough"],
)
def test_the_larger_minimum_counts(tmp_path: pathlib.Path, owner: int, run: int, fits: bool) -> None:
    """A table of 20 rows takes part only where owner and run are both content with 20."""
    file = tmp_path / "table.csv"
    file.write_text("age,ill\n" + "".join(f"{20 + row},{'yes' if row % 3 else 'no'}\n" for row in range(20)))
    own = tables.OwnerTables(lambda _: tables.OwnTable(file, owner), tmp_path / "prepared")
    if fits:
        rows = own.bring(agent.Part(3, 1), terms(run), USE).rows
        assert len(rows.train.target) + len(rows.held_out.target) == 20
        return
    with pytest.raises(errors.TableError, match="minimum cohort"):
        own.bring(agent.Part(3, 1), terms(run), USE)


HERE = pathlib.Path("table.csv")
POLICY = policies.UsePolicy(
    "Research", ids.MemberId(2), ("DUO:0000007",), (), False, (), "CC0-1.0", 30, 5, policies.SmallCells.SUPPRESS, None,
    policies.PrivacyUnit.RECORD, 0, True, (), None, None,
)  # fmt: skip
Small = policies.SmallCells
PROTECTED = {
    "the policy's cohort is larger": ({}, tables.OwnTable(HERE, 10), (30, 5, Small.SUPPRESS, None, None)),
    "the card's cohort is larger": ({}, tables.OwnTable(HERE, 40), (40, 5, Small.SUPPRESS, None, None)),
    "noise with an epsilon": (
        {"small_cells": Small.NOISE, "epsilon": "0.5"},
        tables.OwnTable(HERE, 10, columns=7),
        (30, 5, Small.NOISE, fractions.Fraction(1, 2), None),
    ),
    "noise under a card that declares no column": (
        {"small_cells": Small.NOISE, "epsilon": "0.5"},
        tables.OwnTable(HERE, 10),
        (30, 5, Small.SUPPRESS, None, None),
    ),
    "noise without one": (
        {"small_cells": Small.NOISE},
        tables.OwnTable(HERE, 10, columns=7),
        (30, 5, Small.SUPPRESS, None, None),
    ),
    "an epsilon without noise": ({"epsilon": "3"}, tables.OwnTable(HERE, 10), (30, 5, Small.SUPPRESS, None, None)),
    "its person column": ({"person_column": "who"}, tables.OwnTable(HERE, 10), (30, 5, Small.SUPPRESS, None, "who")),
    "the source's own person column": (
        {"person_column": "who"},
        tables.OwnTable(HERE, 10, person="patient"),
        (30, 5, Small.SUPPRESS, None, "patient"),
    ),
}


@pytest.mark.parametrize(("changes", "own", "expected"), PROTECTED.values(), ids=PROTECTED.keys())
def test_a_policy_protects_its_table(
    changes: dict[str, object], own: tables.OwnTable, expected: tuple[object, ...]
) -> None:
    """Never less than the card says and never less than the policy asks; what cannot be noised is held back."""
    found = own.under(dataclasses.replace(POLICY, **changes))  # type: ignore[arg-type]
    assert (found.minimum_cohort, found.minimum_cell, found.small_cells, found.epsilon, found.person) == expected
    assert found.rule.minimum == 5


def test_a_lost_policy_is_not_guessed(tmp_path: pathlib.Path) -> None:
    """A home that knows which policy protects a table, and has lost it, does not read the table."""
    home = app.Home(tmp_path)
    home.keep_dataset(3, tmp_path / "t.csv", cards.DatasetCard("t", "s", 10, {}, "CC0-1.0", 10, ""))
    digest = ids.digest(POLICY.encode())
    home.keep_policy(3, 2, digest, card=bytes(32))
    with pytest.raises(errors.InputError, match="use policy is lost"):
        app.own_version(home, agent.Part(3, 2))
    app.own_documents(home).put(POLICY.encode())
    found = app.own_version(home, agent.Part(3, 2))
    assert found is not None
    assert found.minimum_cell == 5
    assert found.published == agent.Published(bytes(32), digest)


def test_a_table_behind_a_register_without_its_key_is_not_read(tmp_path: pathlib.Path) -> None:
    """Where only the key is lost nobody is read either, also by a home that has no other mark that people were asked."""
    home, file = app.Home(tmp_path), tmp_path / "t.csv"
    file.write_text("age,ill\n" + "".join(f"{20 + row},{'yes' if row % 3 else 'no'}\n" for row in range(20)))
    home.keep_dataset(3, file, cards.DatasetCard("t", "s", 10, {}, "CC0-1.0", 10, ""))
    key = wallet.Wallet(b"\x01" * 32)
    kept = keeping.Keeping(tmp_path / "consents", key, app.SystemClock())
    kept.key_file.create(key)
    own = tables.OwnerTables(lambda part: app.own_version(home, part), tmp_path / "prepared", consents=kept)
    with kept.register() as opened:
        opened.open(4, "person")
    assert len(own.bring(agent.Part(3, 1), terms(10), USE).rows.train.target) > 0
    with kept.register() as opened:
        opened.open(3, "person")
    (tmp_path / "consents" / "key.json").unlink()
    with pytest.raises(errors.JournalConflict, match="key of this home's register"):
        own.bring(agent.Part(3, 1), terms(10), USE)


def test_noise_is_for_all_columns_of_the_card(tmp_path: pathlib.Path) -> None:
    """The home counts them in its own copy of the card; keys and what is only described are in no count."""
    home, noisy = app.Home(tmp_path), dataclasses.replace(POLICY, small_cells=Small.NOISE, epsilon="0.5")
    key = cards.Field("who", cards.FieldType.TEXT, cards.Role.KEY)
    card = cards.DatasetCard("t", "s", 10, {}, "CC0-1.0", 30, "", fields=(*cards.fields_of(COLUMNS), key))
    home.keep_dataset(3, tmp_path / "t.csv", card, how={"policy": ids.digest(noisy.encode()).hex()})
    app.own_documents(home).put(noisy.encode())
    found = app.own_version(home, agent.Part(3, 1))
    assert found is not None
    assert found.rule.treatment is Small.SUPPRESS
    app.own_documents(home).put(card.encode())
    found = app.own_version(home, agent.Part(3, 1))
    assert found is not None
    assert (found.rule.treatment, found.rule.columns) == (Small.NOISE, 2)


def test_a_table_behind_a_lost_register_is_not_read(tmp_path: pathlib.Path) -> None:
    """People were asked once: without the register nobody is read, also when the ledger says nothing, in any version."""
    home, file = app.Home(tmp_path), tmp_path / "t.csv"
    file.write_text("age,ill\n" + "".join(f"{20 + row},{'yes' if row % 3 else 'no'}\n" for row in range(20)))
    own = tables.OwnerTables(lambda part: app.own_version(home, part), tmp_path / "prepared")
    card = cards.DatasetCard("t", "s", 10, {}, "CC0-1.0", 10, "")
    with pytest.raises(errors.InputError, match="has not published"):
        home.ask_people(3)
    home.keep_dataset(3, file, card)
    assert len(own.bring(agent.Part(3, 1), terms(10), USE).rows.train.target) > 0
    home.ask_people(3)
    home.keep_dataset(3, file, dataclasses.replace(card, dataset_version=2))
    for version in (1, 2):
        with pytest.raises(errors.JournalConflict, match="register of people's consents is lost"):
            own.bring(agent.Part(3, version), terms(10), USE)
