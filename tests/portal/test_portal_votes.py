"""What the owner's page tells of bonds and of the members' votes: both are acted on at the command line only."""

from typing import TYPE_CHECKING

from aicommons.domain import events
from aicommons.portal import pages

if TYPE_CHECKING:
    from tests.portal.conftest import Desk

DAY = 86_400


def test_a_bond_is_told_before_anything_is_approved(desk: "Desk") -> None:
    """How much would be locked, in plain units, until when at the latest, and how it comes back; nothing without a bond."""
    bonded = desk.propose("Bonded", bond=25 * 10**17, price=10**18)
    free = desk.propose("Free")
    visitor, _ = desk.open_page()
    text = visitor.get(f"/inbox/{desk.key(bonded)}").text
    assert "<dt>bond</dt><dd>2.5 coin of your credit in the vault, locked when you approve." in text
    until = desk.commons.solver.desk.run(bonded).spec.bond_until
    assert f'<time datetime="{_machine(until)}">' in text
    assert f"<code>commons vault give-back 0x{bonded.hex()[:12]}</code>" in text
    assert "the author pays at most 1 coin" in text
    assert "<dt>bond</dt>" not in visitor.get(f"/inbox/{desk.key(free)}").text


def test_nothing_is_given_to_a_run_whose_bond_is_not_there(desk: "Desk") -> None:
    """Approving says what is missing, and how to deposit it; no consent is given, and nothing is locked."""
    bonded = desk.propose("Bonded", bond=25 * 10**17)
    visitor, session = desk.open_page()
    form = {"token": session.form_token, "verdict": "approve"}
    answer = visitor.post(f"/inbox/{desk.key(bonded)}", form)
    assert answer.status == 409
    assert "run `commons vault deposit 2.5`" in answer.text
    assert not desk.is_enrolled(bonded)
    assert desk.place.desk.view().consents == {}


def test_what_is_no_token_is_counted_in_smallest_units(desk: "Desk") -> None:
    """A solver can name any address as the token: the page of its proposal is shown all the same."""
    strange = desk.propose("Strange", bond=7, token=desk.commons.solver.registry.address_of("Vault"))
    visitor, _ = desk.open_page()
    answer = visitor.get(f"/inbox/{desk.key(strange)}")
    assert answer.status == 200
    assert "7 smallest units of 0x" in answer.text


def test_open_votes_are_listed_with_how_to_vote(desk: "Desk") -> None:
    """From the opening of a vote to its end; the title is shown as text, and whether this home has voted."""
    votes, visitor = desk.commons.solver.desk.votes, desk.open_page()[0]
    call = votes.call("Problems", "setRules", (0, 3600))
    desk.commons.clock.advance(1)  # a place in the commons has a vote from the next second on
    number = votes.propose([call], "Shorter <b>days</b>", "They are too long.")
    name = f"0x{number:064x}"[:14]
    command = f"<code>commons vote show {name}</code>"
    assert "Votes of the members" not in visitor.get("/").text
    desk.commons.clock.advance(DAY + 2)
    text = visitor.get("/").text
    assert "Votes of the members" in text
    assert "Shorter &lt;b&gt;days&lt;/b&gt;" in text
    assert (command in text, "you have not voted yet" in text) == (True, True)
    desk.owner.desk.votes.vote(number, events.Support.FOR)
    text = visitor.get("/").text
    assert ("you have voted" in text, "you have not voted yet" in text) == (True, False)
    assert "vous avez voté" in visitor.get("/", accept_language="fr").text
    desk.commons.clock.advance(7 * DAY + 1)
    assert "Votes of the members" not in visitor.get("/").text


def _machine(seconds: int) -> str:
    return str(pages.environment("en").filters["machine"](seconds))
