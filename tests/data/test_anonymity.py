"""Anonymity is measured as its definitions say, and applied with the least loss that reaches it."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.data import anonymity, generalising, sources
from aicommons.domain import errors

PATIENTS = anonymity.Texts(
    ("age", "sex", "ill"),
    (
        ("30", "f", "flu"), ("30", "f", "flu"), ("30", "f", "tb"),
        ("41", "m", "hiv"), ("41", "m", "hiv"),
        ("", "m", "flu"), ("", "m", "tb"),
    ),
)  # fmt: skip


def test_measures_by_hand() -> None:
    """k is the smallest class, l the fewest different values, t the farthest class; a gap is a value."""
    found = anonymity.measure(PATIENTS, ["age", "sex"], ["ill"])
    assert (found.rows, found.classes, found.k, found.alone) == (7, 3, 2, 0)
    assert found.diversity == {"ill": 1}
    assert found.closeness["ill"] == pytest.approx(1 - 2 / 7)  # two of seven rows are hiv, all of one class


def test_numbers_lie_on_a_line() -> None:
    """For numbers a neighbour is nearer than the far end: t is the earth mover's distance over ranks."""
    table = anonymity.Texts(("q", "x"), (("a", "1"), ("a", "2"), ("b", "3"), ("b", "4")))
    assert anonymity.measure(table, ["q"], ["x"]).closeness["x"] == pytest.approx((0.25 + 0.5 + 0.25) / 3)


def test_a_table_is_read_with_its_gaps(tmp_path: pathlib.Path) -> None:
    """All spellings of a missing value are one, and 2.0 is 2."""
    file = tmp_path / "t.csv"
    file.write_text("a,b\n2.0,x\n2,x\n?,x\nNA,x\n")
    table = anonymity.read(sources.open_source(file))
    assert table.rows == (("2", "x"), ("2", "x"), ("", "x"), ("", "x"))
    assert anonymity.measure(table, ["a", "b"]).k == 2


WRONG = {
    "no quasi-identifier": ([], ["ill"], errors.InputError),
    "sensitive and quasi": (["age"], ["age"], errors.InputError),
    "no such column": (["height"], [], errors.TableError),
}


@pytest.mark.parametrize("row", WRONG)
def test_wrong_questions_are_refused(row: str) -> None:
    """A measure needs quasi-identifiers that exist and are not called sensitive."""
    quasi, sensitive, kind = WRONG[row]
    with pytest.raises(kind):
        anonymity.measure(PATIENTS, quasi, sensitive)


LADDERS = {
    "ages": ([str(number) for number in range(18, 91)], "37", ["37", "[35, 40)", "[30, 40)", "[0, 50)", "[0, 100)"]),
    "fine numbers": ([f"{n / 7:.3f}" for n in range(1, 60)], "1.000", ["1.000", "[1, 1.5)", "[1, 2)", "[0, 5)", "[0, 10)"]),
    "below zero": (["-7", "-3", "4", "8"], "-3", ["-3", "[-10, 0)", "*"]),
    "days": (
        ["2020-02-03", "2020-02-17", "2020-03-01", "2021-03-01", "2031-01-01"], "2020-02-17",
        ["2020-02-17", "2020-02", "2020", "2020s", "*"],
    ),
    "days behind": (["03.02.2020", "17.02.2020", "01.03.2021"], "17.02.2020", ["17.02.2020", "2020-02", "2020s"]),
    "codes": ([f"AB{number:03}" for number in range(40)], "AB017", ["AB017", "AB01*", "AB0**"]),
    "a gap": (["1", "2", ""], "", ["", "*"]),
    "levels": (["f", "m"], "f", ["f", "*"]),
    "one value": (["f"], "f", ["f"]),
}  # fmt: skip


@pytest.mark.parametrize("row", LADDERS)
def test_ladders_by_kind(row: str) -> None:
    """Numbers climb through nested intervals, days through months and years, codes lose their end, levels go at once."""
    values, value, spellings = LADDERS[row]
    assert [rung[value] for rung in generalising.ladder("x", values).rungs] == spellings


numbers = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.floats(-1e4, 1e4).map(lambda number: f"{number:.3f}"),
)


@settings(max_examples=60)
@given(st.lists(numbers, min_size=1, max_size=40))
def test_rungs_are_nested(values: list[str]) -> None:
    """What a rung joins no coarser rung tells apart, each rung joins more, and losses rise from 0 to 1."""
    found = generalising.ladder("x", values)
    for finer, coarser in zip(found.rungs, found.rungs[1:], strict=False):
        joined = {finer[value]: coarser[value] for value in finer}
        assert all(joined[finer[value]] == coarser[value] for value in finer)
        assert len(set(coarser.values())) < len(set(finer.values()))
    assert list(found.losses) == sorted(found.losses)
    assert found.losses[0] == 0.0
    assert len(set(values)) == 1 or found.losses[-1] == pytest.approx(1.0)


tables = st.lists(
    st.tuples(st.integers(20, 60).map(str), st.sampled_from("fm"), st.sampled_from(["a", "b", "c"])),
    min_size=12,
    max_size=80,
)


@settings(max_examples=50)
@given(tables, st.integers(2, 6), st.sampled_from([0.0, 0.05, 0.2]))
def test_the_result_is_k_anonymous_and_the_least_loss(rows: list[tuple[str, ...]], k: int, share: float) -> None:
    """The released rows reach k with few enough left out, and no combination that loses less would."""
    table = anonymity.Texts(("age", "sex", "ill"), tuple(rows))
    ladders = [generalising.ladder(name, table.column(name)) for name in ("age", "sex")]
    made = generalising.anonymise(table, ladders, goal=generalising.Goal(k, share))
    assert anonymity.measure(made.table, ["age", "sex"]).k >= k
    assert made.suppressed == len(rows) - len(made.table.rows) <= share * len(rows)
    for first, upper in enumerate(ladders[0].rungs):
        for second, lower in enumerate(ladders[1].rungs):
            if (ladders[0].losses[first] + ladders[1].losses[second]) / 2 < made.loss:
                pairs = [(upper[row[0]], lower[row[1]]) for row in rows]
                left_out = sum(pairs.count(pair) < k for pair in pairs)
                assert left_out > share * len(rows)


def test_dropped_columns_are_gone_and_others_are_untouched() -> None:
    """A dropped column is not in the release; what is no quasi-identifier keeps its values."""
    ladders = [generalising.ladder("age", PATIENTS.column("age"))]
    made = generalising.anonymise(PATIENTS, ladders, drop=["sex"], goal=generalising.Goal(2, 0.0))
    assert made.table.header == ("age", "ill")
    assert sorted(made.table.column("ill")) == sorted(PATIENTS.column("ill"))
    assert generalising.to_csv(made.table).startswith("age,ill\n")


REFUSED = {
    "k of one": (generalising.Goal(1, 0.0), errors.InputError, "nothing to do"),
    "more than there are": (generalising.Goal(8, 0.0), errors.TableError, "fewer rows than k"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_goals_that_cannot_be_met(row: str) -> None:
    """A goal that no table, or not this one, can meet is refused."""
    goal, kind, said = REFUSED[row]
    ladders = [generalising.ladder("age", PATIENTS.column("age"))]
    with pytest.raises(kind, match=said):
        generalising.anonymise(PATIENTS, ladders, goal=goal)


def test_ladders_must_only_join() -> None:
    """A rung that splits what a finer one joined, or forgets a value, is refused with the column's name."""
    for rung in ({"a": "x", "b": "y"}, {"a": "x"}):
        with pytest.raises(errors.InputError, match="column c"):
            generalising.declared_ladder("c", ["a", "b"], [{"a": "x", "b": "x"}, rung])


def test_too_many_combinations_are_refused() -> None:
    """A choice of quasi-identifiers that cannot be searched in time is refused before it is."""
    names = [f"c{number}" for number in range(9)]
    rows = tuple(tuple(str(17 * row * (place + 1) % 997) for place in range(9)) for row in range(60))
    table = anonymity.Texts(tuple(names), rows)
    with pytest.raises(errors.InputError, match="too many combinations"):
        generalising.anonymise(table, [generalising.ladder(name, table.column(name)) for name in names])
