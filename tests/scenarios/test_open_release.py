"""An open table on a real ledger that refuses, and a store that refuses: what is outside then, and the way on."""

import dataclasses
import pathlib
from collections.abc import Iterator

import pytest

from aicommons import app, office, testing
from aicommons.domain import cards, errors, ids
from aicommons.owner import releasing
from aicommons.store import memory

TABLE = b"plot,yield\n" + b"".join(b"%d,%d\n" % (each, each * 3) for each in range(20))
OPEN = cards.OpenTable(bytes(ids.digest(TABLE)), len(TABLE), "text/csv", "North, 2026", (), None)
CARD = cards.DatasetCard("Plots", "here", 20, {}, "CC-BY-4.0", 10, "none", open_table=OPEN)


class Full(memory.MemoryStore):
    """A store that takes documents only, until there is room."""

    has_room = False
    refusal: errors.CommonsError = errors.StoreRefused("the quota is used up", which="store")

    def put(self, data: bytes | memoryview) -> ids.Digest:
        """Keep what is no table."""
        if bytes(data) == TABLE and not self.has_room:
            raise self.refusal
        return super().put(data)


@dataclasses.dataclass(frozen=True)
class Place:
    """A home of a member, opened."""

    home: app.Home
    registry: office.Registry
    store: Full
    desk: office.Desk


@pytest.fixture
def commons(tmp_path: pathlib.Path) -> Iterator[testing.Commons]:
    """A commons of one owner."""
    made = testing.Commons(tmp_path / "commons")
    made.admit("owner")
    yield made
    made.close()


@pytest.fixture
def place(commons: testing.Commons, tmp_path: pathlib.Path) -> Place:
    """The owner's."""
    (owner,) = commons.members
    store = Full()
    return Place(app.Home(tmp_path / "home"), owner.registry, store, office.Desk(owner.registry, store))


def is_outside(place: Place) -> bool:
    """Return whether anybody could have the table from the store."""
    try:
        return place.store.get(OPEN.digest, len(TABLE)) == TABLE
    except errors.BlobNotFound:
        return False


def test_a_ledger_that_refuses_leaves_no_table_outside(
    commons: testing.Commons, place: Place, tmp_path: pathlib.Path
) -> None:
    """The owner's membership is suspended: the ledger refuses the listing, and the store was never given the table."""
    place.store.has_room = True
    member = commons.members[0].member_id
    commons.connect(commons.operator).transact("Membership", "suspend", member)
    with pytest.raises(errors.LedgerRefused, match="DataRegistryNotMember"):
        releasing.release(place, tmp_path / "plots.csv", TABLE, CARD)
    assert not is_outside(place)
    assert place.home.datasets() == {}
    assert place.desk.view().datasets == {}
    commons.connect(commons.operator).transact("Membership", "reinstate", member)
    assert releasing.release(place, tmp_path / "plots.csv", TABLE, CARD).was_listed is False
    assert is_outside(place)


@pytest.mark.parametrize(
    "refusal", [errors.StoreRefused("the quota is used up"), errors.StoreUnreachable("it is down")], ids=str
)
def test_a_store_that_refuses_is_asked_again_for_the_same_dataset(
    place: Place, tmp_path: pathlib.Path, refusal: errors.CommonsError
) -> None:
    """What was listed without its table says so; the same again lists nothing anew, and then anybody can have it."""
    place.store.refusal = refusal
    with pytest.raises(type(refusal), match="nobody can download yet") as told:
        releasing.release(place, tmp_path / "plots.csv", TABLE, CARD)
    assert "dataset retire 1" in str(told.value.next_step)
    assert not is_outside(place)
    place.store.has_room = True
    done = releasing.release(place, tmp_path / "plots.csv", TABLE, CARD)
    assert (done.dataset_id, done.was_listed) == (1, True)
    assert list(place.desk.view().datasets) == [1]
    assert is_outside(place)


def test_a_retired_dataset_is_not_taken_up_again(place: Place, tmp_path: pathlib.Path) -> None:
    """After its owner retired what was half released, releasing makes a new dataset."""
    with pytest.raises(errors.StoreRefused):
        releasing.release(place, tmp_path / "plots.csv", TABLE, CARD)
    place.desk.retire_dataset(1)
    place.store.has_room = True
    assert releasing.release(place, tmp_path / "plots.csv", TABLE, CARD).dataset_id == 2


def test_a_card_about_other_bytes_is_refused(place: Place, tmp_path: pathlib.Path) -> None:
    """Bytes that were not those checked are not listed."""
    with pytest.raises(errors.InputError, match="another table"):
        releasing.release(place, tmp_path / "plots.csv", TABLE + b"99,1\n", CARD)
    assert place.desk.view().datasets == {}
