"""A co-op as its events tell it: who is on the roll, what was proposed, how people voted, and what they signed."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, events, ids, signature
from aicommons.protocol import coops, governance

AT = events.Position(1, 0, 10)
ANNA, BEN, CLEO = (ids.Address(bytes([number]) * 20) for number in (1, 2, 3))


def joined(person: ids.Address) -> events.PersonAdmitted:
    """Return that somebody was admitted."""
    return events.PersonAdmitted(AT, person, person.ljust(32, b"\0"))


def left(person: ids.Address) -> events.PersonLeft:
    """Return that somebody left."""
    return events.PersonLeft(AT, person, person.ljust(32, b"\0"))


def proposed(number: int) -> events.ProposalCreated:
    """Return a proposal without calls."""
    return events.ProposalCreated(AT, number, ANNA, (), (), (), (), 20, 120, f"proposal {number}")


def voted(voter: ids.Address, number: int, support: events.Support) -> events.VoteCast:
    """Return a vote."""
    return events.VoteCast(AT, voter, number, support, 1, "")


FOR, AGAINST, ABSTAIN = events.Support.FOR, events.Support.AGAINST, events.Support.ABSTAIN


def test_the_roll_is_who_came_and_did_not_leave() -> None:
    """People who left are off the roll; who comes back is on it again."""
    view = coops.fold([joined(ANNA), joined(BEN), left(ANNA), joined(CLEO), left(CLEO), joined(CLEO), left(BEN)])
    assert list(view.people) == [CLEO]


def test_votes_are_counted_for_their_proposal() -> None:
    """Each proposal has its own votes and its own end; votes on what nobody proposed are left out."""
    told = [
        proposed(1),
        proposed(2),
        voted(ANNA, 1, FOR),
        voted(BEN, 1, AGAINST),
        voted(CLEO, 1, FOR),
        voted(ANNA, 2, ABSTAIN),
        voted(ANNA, 3, FOR),
        events.ProposalExecuted(AT, 1),
        events.ProposalCanceled(AT, 2),
    ]
    view = coops.fold(told)
    assert list(view.proposals) == [1, 2]
    first, second = view.proposals.values()
    assert [first.count(support) for support in (AGAINST, FOR, ABSTAIN)] == [1, 2, 0]
    assert (first.executed is not None, first.canceled) == (True, None)
    assert [second.count(support) for support in (AGAINST, FOR, ABSTAIN)] == [0, 0, 1]
    assert (second.executed, second.canceled is not None) == (None, True)


def test_the_numbers_are_the_governors() -> None:
    """States and choices have the numbers of OpenZeppelin's IGovernor and GovernorCountingSimple."""
    assert [state.name for state in coops.ProposalState] == [
        *("PENDING", "ACTIVE", "CANCELED", "DEFEATED", "SUCCEEDED", "QUEUED", "EXPIRED", "EXECUTED"),
    ]
    assert [choice.name for choice in events.Support] == ["AGAINST", "FOR", "ABSTAIN"]


PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
BALLOT = coops.Ballot(5, FOR, ANNA, 0, coops.GOVERNOR_NAME)
OTHERS = {
    "another proposal": (PLACE, coops.Ballot(6, FOR, ANNA, 0, coops.GOVERNOR_NAME)),
    "another choice": (PLACE, coops.Ballot(5, AGAINST, ANNA, 0, coops.GOVERNOR_NAME)),
    "another voter": (PLACE, coops.Ballot(5, FOR, BEN, 0, coops.GOVERNOR_NAME)),
    "another nonce": (PLACE, coops.Ballot(5, FOR, ANNA, 1, coops.GOVERNOR_NAME)),
    "the members' governor": (PLACE, dataclasses.replace(BALLOT, governor=governance.GOVERNOR_NAME)),
    "another chain": (encoding.Place(1, PLACE.contract), BALLOT),
    "another co-op": (encoding.Place(31337, ANNA), BALLOT),
}


@pytest.mark.parametrize("row", OTHERS.values(), ids=OTHERS.keys())
def test_a_ballot_is_bound_to_everything(row: tuple[encoding.Place, coops.Ballot]) -> None:
    """A signature on one ballot is none on a ballot that differs in one thing."""
    place, other = row
    secret = b"\x07" * 32
    signed = signature.sign(secret, BALLOT.digest(PLACE))
    assert signature.is_signed_by(BALLOT.digest(PLACE), signed, signature.address_of(secret))
    assert not signature.is_signed_by(other.digest(place), signed, signature.address_of(secret))


LINE = f"#proposer=0x{ANNA.hex()}"
TEXTS = {
    "bound": (coops.bound("Because.", ANNA), "Because."),
    "several lines": (coops.bound("One.\n\nTwo.", ANNA), "One.\n\nTwo."),
    "not bound": ("Because.", "Because."),
    "something after the line": (f"Because.\n\n{LINE}\nand more", f"Because.\n\n{LINE}\nand more"),
    "no address": ("Because.\n\n#proposer=0x12", "Because.\n\n#proposer=0x12"),
    "nothing but the line": (LINE, ""),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_words_are_all_but_the_line_that_binds(name: str) -> None:
    """Only what OpenZeppelin reads as the proposer's line is left out, so that nothing can hide behind it."""
    text, words = TEXTS[name]
    created = dataclasses.replace(proposed(1), description=text)
    assert coops.ProposalView(created).words == words


@given(st.text(max_size=200), st.binary(min_size=20, max_size=20))
def test_a_bound_text_ends_as_the_governor_reads_it(words: str, proposer: bytes) -> None:
    """Its last 52 letters are the line, and the words come back."""
    text = coops.bound(words, ids.Address(proposer))
    assert text[-52:] == f"#proposer={ids.format_id(proposer)}"
    assert coops.ProposalView(dataclasses.replace(proposed(1), description=text)).words == words.rstrip()
