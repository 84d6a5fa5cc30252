"""Purposes have frozen bits and one hierarchy, and the public vocabularies are all there."""

import hashlib
import importlib.resources
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import errors, vocabulary

CODES = [each.code for each in vocabulary.PURPOSES]
SOME = st.sets(st.sampled_from(CODES), max_size=20)

FROZEN = "2b02729c"
"""First digits of the SHA-256 of the first 138 codes, one a line."""

RELATED: dict[str, tuple[str, str, bool]] = {
    "itself": ("DUO:0000007", "DUO:0000007", True),
    "a disease is health": ("DUO:0000007", "DUO:0000006", True),
    "health is research": ("DUO:0000007", "dpv:ScientificResearch", True),
    "everything is no restriction": ("dpv:TargetedAdvertising", vocabulary.ANYTHING, True),
    "two parents, the one": ("dpv:CommercialResearch", "dpv:ResearchAndDevelopment", True),
    "two parents, the other": ("dpv:CommercialResearch", vocabulary.COMMERCIAL, True),
    "not the other way": ("dpv:ScientificResearch", "DUO:0000007", False),
    "not its sibling": ("DUO:0000007", "DUO:0000011", False),
    "commercial research is not general research use": ("dpv:CommercialResearch", "DUO:0000042", False),
    "a ban is below nothing": ("aic:MilitaryUse", vocabulary.ANYTHING, False),
}


def test_places_of_purposes_are_frozen() -> None:
    """The first 138 purposes keep their bits for ever; later ones are appended."""
    text = "\n".join(CODES[:138]).encode()
    assert hashlib.sha256(text).hexdigest()[:8] == FROZEN
    assert len(set(CODES)) == len(CODES) <= vocabulary.MAX_PURPOSES


def test_every_broader_purpose_is_known_and_none_is_above_itself() -> None:
    """The hierarchy is closed and has no cycle."""
    for each in vocabulary.PURPOSES:
        assert set(each.broader) <= set(CODES), each.code
        assert not any(each.code in vocabulary.broader(above) for above in each.broader), each.code


@pytest.mark.parametrize("name", RELATED)
def test_hierarchy_is_as_in_the_table(name: str) -> None:
    """A purpose is what lies above it, across vocabularies, and nothing else."""
    code, other, expected = RELATED[name]
    assert vocabulary.is_a(code, other) is expected


def test_no_banned_purpose_lies_below_another_purpose() -> None:
    """Permitting anything broad never permits what is banned."""
    for code in vocabulary.BANNED_PURPOSES:
        assert vocabulary.broader(code) == {code}
        assert vocabulary.narrower(code) == {code}


@given(SOME)
def test_bits_and_codes_are_inverse(chosen: set[str]) -> None:
    """A bitmap without closure names exactly the purposes it was made of."""
    assert set(vocabulary.codes(vocabulary.bits(chosen, closed=False))) == chosen


@given(SOME)
def test_closed_bits_hold_all_that_lies_below(chosen: set[str]) -> None:
    """A bit of a closed bitmap is set exactly for purposes that are one of the chosen; its outermost ones restore it."""
    bitmap = vocabulary.bits(chosen)
    below = {code for code in CODES if any(vocabulary.is_a(code, other) for other in chosen)}
    assert set(vocabulary.codes(bitmap)) == below
    assert vocabulary.bits(vocabulary.outermost(bitmap)) == bitmap


@pytest.mark.parametrize(("bitmap", "named"), [(1 << len(CODES), 0), (1 << 255, 0), (2**256 - 1, len(CODES)), (0, 0)])
def test_bits_without_a_purpose_name_nothing(bitmap: int, named: int) -> None:
    """Anybody can put any bits into a consent; those that stand for no purpose are left out."""
    assert len(vocabulary.codes(bitmap)) == named


@pytest.mark.parametrize("code", ["", "DUO:0000046", "DUO:7", "dpv:Sector", "duo:0000007"])
def test_an_unknown_purpose_is_refused_by_name(code: str) -> None:
    """Every question about a code that is no purpose is refused and names it."""
    for ask in (vocabulary.purpose, vocabulary.bit, vocabulary.broader, vocabulary.narrower):
        with pytest.raises(errors.InputError, match=r"unknown purpose|a condition, not a purpose"):
            ask(code)
    with pytest.raises(errors.InputError, match=r"unknown purpose|a condition, not a purpose"):
        vocabulary.is_a("DUO:0000007", code)


def test_public_vocabularies_are_complete() -> None:
    """17 goals with 169 targets, 11 action lines with 8 parts, 25 DUO terms and six DPV modules are in the package."""
    assert [goal.number for goal in vocabulary.goals()] == list(range(1, 18))
    assert sum(len(goal.targets) for goal in vocabulary.goals()) == 169
    assert vocabulary.target("3.4").startswith("By 2030, reduce by one third premature mortality")
    with pytest.raises(errors.InputError, match="no such SDG target"):
        vocabulary.target("3.99")
    assert len(vocabulary.action_lines()) == 19
    assert vocabulary.action_lines()["C7.E-health"] == "E-health"
    assert len(vocabulary.duo()) == 25
    sizes = {module: len(vocabulary.dpv(module)) for module in vocabulary.Dpv}
    assert list(sizes.values()) == [13, 5, 16, 56, 34, 32]


def test_sources_and_licences_are_named_for_every_file() -> None:
    """The attribution that the licences ask for lies beside the vocabularies and names each of them."""
    folder = importlib.resources.files("aicommons.domain").joinpath("vocabularies")
    said = folder.joinpath("ATTRIBUTION.md").read_text("utf-8")
    files = [each.name for each in folder.iterdir() if each.name.endswith(".json")]
    assert all(f"`{name}`" in said for name in files)
    assert all(json.loads(folder.joinpath(name).read_bytes()) for name in files)
