"""Cells: fixed groups of seats that are summed apart; the twin of ``contracts/src/libraries/Cells.sol``.

``transitions`` asks which cells a round has whole, the in-memory ledger and every node draw the cells themselves: they
follow from the digest of the first committee, which every sid names, so that no ledger can show a node other ones. A cell is a
bitmap over the roster. It leaves out sums and vectors.
"""

from collections.abc import Sequence

from aicommons.domain import encoding, run

Cells = tuple[int, ...]
"""Bitmaps over the roster; none where all seats are summed as one set."""

UNDIVIDED: Cells = ()
"""The cells of a run that is not divided, or has not drawn them yet."""


def sizes(members: int, cell_size: int) -> tuple[int, ...]:
    """Return how many seats each cell of a roster of ``members`` gets, the larger ones first.

    Args:
        members: seats of the roster.
        cell_size: fewest seats of a cell as the terms have it; 0 where the run is not divided: then one set of all.
    """
    if cell_size == 0:
        return (members,)
    count = members // cell_size
    size, larger = divmod(members, count)
    return (size + 1,) * larger + (size,) * (count - larger)


def draw(seed: bytes, member_ids: Sequence[int], cell_size: int) -> Cells:
    """Deal the seats into floor(N / cell_size) cells of nearly equal size, in the order of keccak(seed, member id).

    Args:
        seed: committee digest of the first epoch, 32 bytes.
        member_ids: the roster, by seat.
        cell_size: fewest seats of a cell, above 0.
    """
    order = sorted(range(len(member_ids)), key=lambda seat: _rank(seed, member_ids[seat], seat))
    drawn, dealt = [], 0
    for size in sizes(len(member_ids), cell_size):
        drawn.append(sum(1 << seat for seat in order[dealt : dealt + size]))
        dealt += size
    return tuple(drawn)


def whole(cells: Cells, there: int, excluded: int) -> int:
    """Return the seats of all cells that are whole: 0 unless these are more than half of all cells.

    No minority of cells makes a model. A cheat is not missed where enough of its cell are left.

    Args:
        cells: all cells of the run.
        there: bitmap of the seats that are there.
        excluded: bitmap of the seats that cheated.
    """
    kept = [cell & ~excluded for cell in cells]
    found = [cell for cell in kept if not cell & ~there and cell.bit_count() >= run.FEWEST_PARTICIPANTS]
    return sum(found) if 2 * len(found) > len(cells) else 0


def within(cells: Cells, seats: int) -> dict[int, int]:
    """Return cell -> those of its seats that are in a set, of the cells that have any: ascending."""
    return {number: cell & seats for number, cell in enumerate(cells) if cell & seats}


def _rank(seed: bytes, member_id: int, seat: int) -> bytes:
    """A hash's lowest byte is the seat, as in the contract, which sorts both as one word."""
    return encoding.cell_rank(seed, member_id)[:31] + bytes([seat])
