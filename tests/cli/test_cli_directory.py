"""Who and what can be found: profiles as members wrote them, on a real ledger and store."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from aicommons.cli import directory
from aicommons.domain import profiles

if TYPE_CHECKING:
    import pathlib

    from tests.cli.conftest import Place, Said

    Call = Callable[..., Said]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_choices_are_those_of_profiles() -> None:
    """What may be asked for is what profiles may say."""
    assert [each.value for each in profiles.Good] == directory.GOODS
    assert [each.value for each in profiles.Kind] == directory.KINDS


WANTED = {
    "by what it offers": (["--offers", "data"], {"North"}),
    "by what it seeks": (["--seeks", "audit"], {"North"}),
    "by country": (["--country", "ke"], {"North"}),
    "by language": (["--language", "sw"], {"North"}),
    "by kind": (["--kind", "hospital"], {"North"}),
    "by a word of its text": (["maternity"], {"North"}),
    "nobody": (["--country", "FR"], set()),
}


@pytest.mark.parametrize("case", WANTED)
def test_members_are_found_by_what_they_say(founded: "Place", offered: dict[str, str], case: str) -> None:
    """Each filter finds exactly the members whose profiles say so."""
    arguments, titles = WANTED[case]
    found = founded.done("south", "directory", "list", *arguments)["members"]
    assert {each["title"] for each in found} == titles
    assert offered


def test_a_profile_is_shown_with_its_stewards(founded: "Place", offered: dict[str, str]) -> None:
    """What a member says about itself is shown whole; an unknown member is named with the way to the list."""
    number = founded.done("south", "directory", "list", "maternity")["members"][0]["member"]
    said = founded.call("south", "directory", "show", str(number))
    for text in ("North", "hospital", "KE", "sw, en", "A. Otieno, data manager: at the front desk"):
        assert text in said.out
    refused = founded.call("south", "directory", "show", "999")
    assert refused.code == 1
    assert "directory list" in refused.err
    assert offered


def test_a_member_describes_itself_anew(founded: "Place", offered: dict[str, str]) -> None:
    """What it offers is found at once; the name and the country that the registrars admitted stay."""
    file = founded.write("anew.json", {"title": "The ministry itself", "country": "FR", "offers": ["compute"]})
    said = founded.call("east", "member", "describe", file)
    assert said.code == 0, said
    assert "Name and country stay" in said.out
    (found,) = founded.done("south", "directory", "list", "--offers", "compute")["members"]
    assert found["title"] == "East"
    assert founded.done("south", "directory", "list", "--country", "FR")["members"] == []
    refused = founded.call("east", "member", "describe", founded.write("broken.json", {"offers": ["gold"]}))
    assert refused.code == 1
    assert founded.done("south", "directory", "list", "--offers", "compute")["members"] == [found]
    assert offered


def test_search_finds_every_kind(founded: "Place", offered: dict[str, str]) -> None:
    """Words find members, datasets and problems alike, and --kind narrows the search."""
    found = founded.done("east", "search", "north")["found"]
    assert {each["kind"] for each in found} == {"member", "dataset"}
    assert [each["title"] for each in founded.done("east", "search", "risk", "--kind", "problem")["found"]] == [
        "Who is at risk?"
    ]
    assert founded.done("east", "search", "north", "--kind", "problem")["found"] == []
    assert "Nothing was found." in founded.call("east", "search", "zzzz").out
    assert offered


def test_a_wrong_profile_is_refused_with_file_and_field(
    call: "Call", founded: "Place", tmp_path: "pathlib.Path"
) -> None:
    """A country that is none is named with its file; nobody has applied."""
    file = founded.write("wrong.json", {"title": "x", "country": "Kenya"})
    ledger, store = founded.urls
    home = tmp_path / "home"
    said = call(home, "init", "--name", "x", "--rpc", ledger, "--store", store, "--deployment", founded.deployment)
    assert said.code == 0
    refused = call(home, "member", "apply", "--profile", file)
    assert refused.code == 1
    assert "wrong.json" in refused.err
    assert "profile.country" in refused.err
