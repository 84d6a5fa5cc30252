"""Licence expressions: strictly read, over a bounded list, with what each licence asks carried through AND and OR."""

import contextlib

import packaging.licenses
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import errors, licences

IDENTIFIERS = sorted(licences.known())

READ: dict[str, tuple[str, bool, bool, bool, bool]] = {
    # commercial, attribution, benefit sharing, somebody named only
    "one": ("CC-BY-4.0", True, True, False, False),
    "public domain": ("CC0-1.0", True, False, False, False),
    "non-commercial": ("CC-BY-NC-4.0", False, True, False, False),
    "a choice leaves commercial use open": ("CC-BY-NC-4.0 OR ODbL-1.0", True, True, False, False),
    "all together do not": ("CC-BY-NC-4.0 AND ODbL-1.0", False, True, False, False),
    "a choice escapes attribution": ("CC-BY-4.0 OR CC0-1.0", True, False, False, False),
    "AND before OR": ("CC0-1.0 OR CC-BY-4.0 AND CC-BY-NC-4.0", True, False, False, False),
    "parentheses before AND": ("(CC0-1.0 OR CC-BY-4.0) AND CC-BY-NC-4.0", False, True, False, False),
    "WITH changes nothing asked here": ("Apache-2.0 WITH LLVM-exception", True, True, False, False),
    "a community label": ("CC-BY-4.0 AND LicenseRef-TK-NC", False, True, False, False),
    "Kaitiakitanga": ("LicenseRef-Kaitiakitanga", False, True, True, True),
    "Nwulite Obodo": ("LicenseRef-NOODL-1.0", True, True, True, False),
    "Esethu": ("LicenseRef-Esethu-1.0", False, True, True, False),
    "secret or sacred": ("LicenseRef-TK-SS", False, True, False, True),
    "private": ("LicenseRef-private", True, False, False, False),
    "wide spaces": ("  CC-BY-4.0   OR\tCC0-1.0 ", True, False, False, False),
}

REFUSED: dict[str, tuple[str, str]] = {
    "nothing": ("", "unknown licence"),
    "unknown": ("CC-BY-5.0", "unknown licence"),
    "unknown reference": ("LicenseRef-mine", "unknown licence"),
    "other letters": ("cc-by-4.0", "expected CC-BY-4.0"),
    "or later by a plus": ("GPL-2.0+", "not a licence expression"),
    "small operator": ("MIT or ISC", "AND or OR between"),
    "no operator": ("MIT ISC", "AND or OR between"),
    "operator at the end": ("MIT OR", "unknown licence"),
    "operator first": ("AND MIT", "unknown licence"),
    "open parenthesis": ("(MIT", "closing parenthesis"),
    "closing parenthesis": ("MIT)", "AND or OR between"),
    "empty parentheses": ("()", "unknown licence"),
    "unknown exception": ("MIT WITH mercy", "after WITH"),
    "no exception": ("MIT WITH", "after WITH"),
    "exception of a group": ("(MIT OR ISC) WITH LLVM-exception", "AND or OR between"),
    "another document's": ("DocumentRef-a:LicenseRef-b", "not a licence expression"),
    "too deep": ("(" * 9 + "MIT" + ")" * 9, "inside each other"),
    "too long": ("MIT OR " * 60 + "MIT", "too long"),
    "too many choices": (" AND ".join(f"({a} OR {b})" for a, b in zip(IDENTIFIERS[:5], IDENTIFIERS[5:10], strict=True)),
                         "choices"),
    "not letters": ("MIT; rm", "not a licence expression"),
}  # fmt: skip

KEPT: dict[str, tuple[str, str | None, bool]] = {
    "nothing asked, nothing said": ("CC-BY-4.0", None, True),
    "nothing asked": ("CC0-1.0", "AGPL-3.0-only", True),
    "share-alike, same": ("CC-BY-SA-4.0", "CC-BY-SA-4.0", True),
    "share-alike, among others that all hold": ("CC-BY-SA-4.0", "CC-BY-SA-4.0 AND MIT", True),
    "share-alike, one choice is another": ("CC-BY-SA-4.0", "CC-BY-SA-4.0 OR MIT", False),
    "share-alike, other version": ("CC-BY-SA-4.0", "CC-BY-SA-3.0", False),
    "share-alike, nothing said": ("CC-BY-SA-4.0", None, False),
    "share-alike only by one choice of the data": ("CC-BY-SA-4.0 OR MIT", None, True),
    "two share-alikes at once": ("CC-BY-SA-4.0 AND ODbL-1.0", "CC-BY-SA-4.0 AND ODbL-1.0", True),
    "two share-alikes, one kept": ("CC-BY-SA-4.0 AND ODbL-1.0", "ODbL-1.0", False),
    "non-commercial kept by another licence": ("LicenseRef-TK-NC", "CC-BY-NC-4.0", True),
    "non-commercial dropped": ("CC-BY-NC-4.0", "CC-BY-4.0", False),
    "non-commercial, nothing said": ("CC-BY-NC-4.0", None, False),
    "nothing may be made of it": ("CC-BY-ND-4.0", "CC-BY-ND-4.0", False),
    "a model that nobody may change": ("CC-BY-4.0", "CC-BY-ND-4.0", True),
}


@pytest.mark.parametrize("name", READ)
def test_expressions_ask_what_their_licences_ask(name: str) -> None:
    """A user may choose between alternatives, and keeps to all licences of the one it chooses."""
    text, commercial, attribution, benefit_sharing, named_only = READ[name]
    read = licences.parse(text)
    asked = (read.commercial, read.attribution, read.benefit_sharing, read.named_only)
    assert asked == (commercial, attribution, benefit_sharing, named_only)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_expression_is_refused(name: str) -> None:
    """A licence that nobody knows, or a text that is no expression, is refused with what was expected and the way out."""
    text, message = REFUSED[name]
    with pytest.raises(errors.InputError, match=message) as caught:
        licences.parse(text)
    assert caught.value.next_step or name == "too long"


@pytest.mark.parametrize("name", KEPT)
def test_models_keep_what_their_data_ask(name: str) -> None:
    """Share-alike and non-commercial reach the model, whichever of its licences somebody chooses."""
    data, model, expected = KEPT[name]
    assert licences.allows(licences.parse(data), None if model is None else licences.parse(model)) is expected


def test_spdx_identifiers_are_those_of_the_list() -> None:
    """Every licence that is no ``LicenseRef-…`` is on the SPDX list in just this spelling (oracle: ``packaging``)."""
    for identifier in IDENTIFIERS:
        assert packaging.licenses.canonicalize_license_expression(identifier) == identifier


def test_labels_of_communities_say_what_to_show() -> None:
    """All 20 Traditional Knowledge and 10 Biocultural labels and every community licence come with a notice."""
    own = [each for each in licences.known().values() if each.identifier.startswith("LicenseRef-")]
    assert sum(each.identifier.startswith("LicenseRef-TK-") for each in own) == 20
    assert sum(each.identifier.startswith("LicenseRef-BC-") for each in own) == 10
    assert all(each.notice for each in own)
    assert licences.parse("LicenseRef-TK-NC AND LicenseRef-BC-NC AND MIT").notices == ("Not for commercial use.",)


TREE = st.recursive(
    st.sampled_from(IDENTIFIERS[:6]),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda each: f"({' '.join(each)})"),
    max_leaves=4,
)


@given(TREE)
def test_commercial_use_is_as_the_connectives_say(text: str) -> None:
    """Read as logic, with licences for truth values, an expression is commercial exactly when the formula is true."""
    formula = text.replace("AND", "and").replace("OR", "or")
    for identifier in sorted(IDENTIFIERS[:6], key=len, reverse=True):
        formula = formula.replace(identifier, str(licences.known()[identifier].commercial))
    assert licences.parse(text).commercial is bool(eval(formula))


@given(st.text(alphabet="MIT()ANDOR WH-.0", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way than by a refusal."""
    with contextlib.suppress(errors.InputError):
        assert licences.parse(text).alternatives
