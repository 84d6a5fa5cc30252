"""An error's words are read by people: no half that is not set, no mark-up of the source, no class of Python."""

import re

import pytest

from aicommons.cli import output
from aicommons.domain import errors
from aicommons.store import transport


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        (3, None, "row: too few (expected 3)"),
        (None, 2, "row: too few (got 2)"),
        (3, 0, "row: too few (expected 3, got 0)"),
        (None, None, "row: too few"),
    ],
)
def test_only_the_half_that_is_set_is_said(expected: object, got: object, said: str) -> None:
    """What was expected and what was there are each said when known, and never as None."""
    assert str(errors.InputError("too few", which="row", expected=expected, got=got)) == said


def kinds(root: type[errors.CommonsError]) -> list[type[errors.CommonsError]]:
    """Return ``root`` and all its kinds."""
    return [root, *(kind for each in root.__subclasses__() for kind in kinds(each))]


@pytest.mark.parametrize("kind", kinds(errors.CommonsError), ids=lambda kind: kind.__name__)
def test_advice_of_a_kind_is_fit_for_a_terminal(kind: type[errors.CommonsError]) -> None:
    """The next step of a kind is its docstring, with commands between single backticks."""
    said = output.advice(kind)
    assert said
    assert "``" not in said


def test_a_server_that_is_down_is_called_by_what_it_is() -> None:
    """Nobody listening: the ledger or the store at its URL does not answer, and the kind's own next step holds."""
    for kind, noun in ((errors.LedgerUnreachable, "ledger"), (errors.StoreUnreachable, "store")):
        with pytest.raises(kind) as caught:
            transport.Transport("http://127.0.0.1:9", unreachable=kind).request("GET", "/", limit=10)
        assert str(caught.value) == f"the {noun} at http://127.0.0.1:9 does not answer"
        assert not re.search("Error|Exception", str(caught.value))
        assert caught.value.next_step is None
        assert f"`commons {noun} start`" in output.advice(kind)
