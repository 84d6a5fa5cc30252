"""The desk: what a member does with its wallet, also when others do the same at the same moment."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import pytest

from aicommons import office, testing
from aicommons.domain import documents, encoding, errors, events, ids

CARD = documents.DatasetCard("A table", "a site", 10, {}, "LicenseRef-private", 10, "none")
UNTIL = testing.START + 86_400


class Busy:
    """A ledger client between whose call and the look at its outcome somebody else acts."""

    def __init__(self, inner: office.Registry, then: Callable[[], object]) -> None:
        self._inner = inner
        self._then = then
        self.address = inner.address

    @property
    def place(self) -> encoding.Place:
        """As the client's."""
        return self._inner.place

    def poll(self) -> Sequence[events.Event]:
        """As the client's."""
        return self._inner.poll()

    def transact(self, contract: str, function: str, *values: object) -> None:
        """Act, then let the other act."""
        self._inner.transact(contract, function, *values)
        self._then()


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons with two members."""
    made = testing.Commons(tmp_path)
    made.admit("one")
    made.admit("two")
    yield made
    made.close()


def test_the_same_card_at_the_same_moment(commons: testing.Commons) -> None:
    """Two owners who list equal cards at once each learn the id of their own dataset."""
    one, two = commons.members
    theirs: list[int] = []
    busy = Busy(one.registry, lambda: theirs.append(two.desk.publish_dataset(CARD)))
    mine = office.Desk(busy, commons.store).publish_dataset(CARD)
    view = commons.registrar.view()
    assert view.datasets[mine].owner == one.member_id
    assert view.datasets[theirs[0]].owner == two.member_id


def test_equal_consents_have_ids_of_their_own(commons: testing.Commons) -> None:
    """A consent given again in the same words is another consent."""
    desk = commons.members[0].desk
    dataset = desk.publish_dataset(CARD)
    terms = office.consent(dataset, [testing.PURPOSE], UNTIL, max_uses=5)
    first, second = desk.give_consent(terms), desk.give_consent(terms)
    assert first != second
    desk.revoke_consent(first)
    assert desk.view().revoked == {first}


REFUSED: dict[str, tuple[Callable[[office.Desk], object], type[errors.CommonsError], str]] = {
    "an unknown consent": (lambda desk: desk.revoke_consent(b"\x01" * 32), errors.InputError, "no such consent"),
    "an unknown run": (lambda desk: desk.run(ids.RunId(b"\x01" * 32)), errors.InputError, "no such run"),
    "a roster of an unknown run": (
        lambda desk: desk.close_roster(ids.RunId(b"\x01" * 32)),
        errors.InputError,
        "no such run",
    ),
    "a consent to nobody's data": (
        lambda desk: desk.give_consent(office.consent(99, [testing.PURPOSE], UNTIL)),
        errors.LedgerRefused,
        "DataRegistry",
    ),
    "a plan that cannot be read": (
        lambda desk: desk.publish_plan(documents.Plan("t", {"recipe": "none"}, "x", 30, 0, group=None)),
        errors.InputError,
        "recipe",
    ),
    "a run on an unknown problem": (
        lambda desk: desk.open_run(
            office.Offer(
                b"\x01" * 32,
                ids.Digest(b"\x02" * 32),
                documents.RunTerms("DUO:1", (), 1, 1, "no DP"),
                enrol_until=UNTIL,
            )
        ),
        errors.InputError,
        "no such problem",
    ),
    "an exit in advance without the node's key": (
        lambda desk: desk.enrol(ids.RunId(b"\x01" * 32), office.Seat(1, b"\x01" * 32, office.run.Absence.EXIT)),
        errors.InputError,
        "node's key",
    ),
}


@pytest.mark.parametrize(("act", "kind", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_desk_refuses(
    commons: testing.Commons, act: Callable[[office.Desk], object], kind: type[errors.CommonsError], said: str
) -> None:
    """A mistake at the desk is named and changes nothing on the ledger."""
    desk = commons.members[0].desk
    before = dataclasses.replace(desk.view(), block=0)
    with pytest.raises(kind, match=said):
        act(desk)
    assert dataclasses.replace(desk.view(), block=0) == before


def test_a_stranger_is_told_how_to_become_a_member(commons: testing.Commons) -> None:
    """A wallet that was not admitted is told the two steps."""
    stranger = office.Desk(commons.connect(testing.wallet.Wallet(b"\x07" * 32)), commons.store)
    with pytest.raises(errors.InputError, match="not a member") as caught:
        stranger.member_id()
    assert "commons member apply" in caught.value.next_step
