"""A lost wallet: named guardians, recoveries that are begun, seen and vetoed, on a real ledger. Seven days are in scenarios."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Place

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NEW = "0x" + "09" * 20


def number_of(place: "Place", home: str) -> int:
    """Return a home's member number."""
    account = place.done(home, "key", "show")["wallet"]
    (found,) = [each for each in place.done(home, "member", "list")["members"] if each["account"] == account]
    return int(found["member"])


@pytest.mark.parametrize("begun_by", ["guardian", "registrar"])
def test_a_recovery_is_begun_seen_and_vetoed(founded: "Place", begun_by: str) -> None:
    """Its guardian or a registrar begins; lists, the member and its inbox show it with the day; the member stops it."""
    member = number_of(founded, "south")
    helper = "east" if begun_by == "guardian" else "operator"
    if begun_by == "guardian":
        founded.done("south", "member", "guardian", founded.done("east", "key", "show")["wallet"])
    else:
        founded.done("south", "member", "guardian", "--none")
    begun = founded.done(helper, "member", "recover", str(member), "--account", NEW)
    assert begun["account"] == NEW
    shown = founded.done("north", "member", "show", str(member))
    assert shown["recovery"] == {"account": NEW, "ripe_at": begun["ripe_at"]}
    assert f"member {member} is to be given to {NEW}" in founded.call("north", "member", "list").out
    early = founded.call("north", "member", "finish-recovery", str(member))
    assert early.code == 1
    assert "may still veto" in early.err
    (item,) = [each for each in founded.done("south", "inbox", "list")["items"] if each["kind"] == "recovery"]
    assert item["until"] == begun["ripe_at"]
    assert "member veto" in founded.call("south", "inbox", "show", item["item"]).out
    assert founded.done("south", "member", "veto")["account"] == NEW
    assert founded.done("north", "member", "show", str(member))["recovery"] is None
    assert "recovery" not in {each["kind"] for each in founded.done("south", "inbox", "list")["items"]}


def test_denying_the_item_is_the_veto(founded: "Place") -> None:
    """Whoever reads the inbox stops it there."""
    member = number_of(founded, "south")
    founded.done("operator", "member", "recover", str(member), "--account", "0x" + "0a" * 20)
    (item,) = [each for each in founded.done("south", "inbox", "list")["items"] if each["kind"] == "recovery"]
    founded.done("south", "inbox", "deny", item["item"], "the wallet is here")
    assert founded.done("south", "member", "show", str(member))["recovery"] is None


def test_what_cannot_be_done_is_said(founded: "Place") -> None:
    """Nobody else begins one, nothing is vetoed or finished that is not under way, and options are checked."""
    member = str(number_of(founded, "south"))
    stranger = founded.call("north", "member", "recover", member, "--account", NEW)
    assert stranger.code == 1
    assert "not a registrar" in stranger.err
    for arguments in (["veto"], ["finish-recovery", member]):
        said = founded.call("south", "member", *arguments)
        assert said.code == 1
        assert "no recovery" in said.err
    assert founded.call("south", "member", "guardian").code == 2
    assert founded.call("south", "member", "guardian", NEW, "--none").code == 2
    assert founded.call("operator", "member", "recover", "999", "--account", NEW).code == 1
    assert founded.call("operator", "member", "recover", member, "--account", "somebody").code == 1
