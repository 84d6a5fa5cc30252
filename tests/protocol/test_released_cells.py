"""Whatever seats do in a divided run, and whoever is put out: what is released never tells fewer than three seats apart.

The rules of the specification's section 1, over sequences that ``transitions`` alone decides: it is the contract's twin.
"""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import run
from aicommons.protocol import cells, transitions

SEATS = 13
DRAWN = cells.draw(b"\x07" * 32, range(1, SEATS + 1), 4)
GOING = (run.RunState.RUNNING, run.RunState.PAUSED)


class Played:
    """A divided run and what an observer has seen of it."""

    def __init__(self, will_exit: int) -> None:
        fresh = transitions.Machine(
            state=run.RunState.ENROLLING, min_participants=8, max_attempts=50, rounds=20, phase_seconds=60,
            patience_seconds=600, will_exit=will_exit,
        )  # fmt: skip
        self.machine = transitions.fix_roster(fresh, SEATS, 2, 0, divided=True)
        self.time = 0
        self.released: set[int] = set()
        """Sets of which a mask was revealed."""
        for seat in range(SEATS):
            self.move(lambda m, seat=seat: transitions.ack(m, 1 << seat, 0))  # type: ignore[misc]

    def move(self, step: Callable[[transitions.Machine], transitions.Machine]) -> None:
        """Take a step if the law allows it; hold every certificate that begins to the rule."""
        before = self.machine
        try:
            self.machine = m = step(before)
        except transitions.Refusal:
            return
        if m.phase is run.Phase.SUBMITTED and before.phase is run.Phase.OPEN and m.state in GOING:
            kept = [m.set_bits & cell for cell in DRAWN]
            assert all(part in (0, cell & ~m.excluded) for part, cell in zip(kept, DRAWN, strict=True))
            assert 2 * sum(part != 0 for part in kept) > len(DRAWN)
        if m.revealed & ~before.revealed:
            self.released.add(m.set_bits)

    def key(self, seat: int) -> transitions.Key:
        """Return the message that is due of a seat."""
        m = self.machine
        is_next = m.phase is run.Phase.UNMASKED
        return (
            transitions.Key(m.round_index + 1, 0, seat) if is_next else transitions.Key(m.round_index, m.attempt, seat)
        )

    def submit(self, seat: int) -> None:
        """Submit, as all others do; the last one that is due closes the round."""

        def step(m: transitions.Machine) -> transitions.Machine:
            entered = transitions.enter_submit(m, self.key(seat), 1 << seat, self.time)
            counted, _ = transitions.submit(entered, 1 << seat, entered.arrived | 1 << seat)
            return transitions.try_close(counted, self.time, cells=DRAWN)

        self.move(step)

    def do(self, kind: str, seat: int, absent: int) -> None:
        """Let all but the absent ones do a step of a round, or one seat something else."""
        for each in range(SEATS):
            if absent >> each & 1 and kind in ("submit", "commit", "reveal"):
                continue
            if kind == "submit":
                self.submit(each)
            elif kind == "commit":
                self.move(lambda m, each=each: transitions.commit(m, self.key(each), 1 << each, self.time))  # type: ignore[misc]
            elif kind == "reveal":
                self.move(lambda m, each=each: transitions.reveal(m, self.key(each), 1 << each, self.time))  # type: ignore[misc]
        if kind == "exit":
            self.move(lambda m: transitions.exit(m, 1 << seat, seat, cells=DRAWN))
        elif kind == "drop":
            self.move(lambda m: transitions.drop(m, 1 << seat, seat, self.time, cells=DRAWN))
        elif kind == "exclude":
            self.move(lambda m: transitions.exclude(m, 1 << seat, self.time, cells=DRAWN))
        elif kind == "advance":
            self.time += 600
            self.move(lambda m: transitions.advance(m, self.time, cells=DRAWN)[0])
        self.move(lambda m: transitions.try_close(m, self.time, cells=DRAWN))


KINDS = ("submit", "submit", "commit", "reveal", "advance", "exit", "drop", "exclude")
FEW = st.lists(st.integers(0, SEATS - 1), max_size=2).map(lambda seats: sum(1 << seat for seat in set(seats)))
DEEDS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, SEATS - 1), FEW), max_size=30)


@given(DEEDS, st.sampled_from((0, (1 << SEATS) - 1)))
def test_no_atom_of_the_released_sets_is_small(deeds: list[tuple[str, int, int]], will_exit: int) -> None:
    """Seats that are in the same released sets are three at least, but for those who cheated."""
    played = Played(will_exit)
    for kind, seat, absent in deeds:
        played.do(kind, seat, absent)
    atoms: dict[tuple[bool, ...], int] = {}
    for seat in range(SEATS):
        found = tuple(bool(each >> seat & 1) for each in sorted(played.released))
        atoms[found] = atoms.get(found, 0) | 1 << seat
    for found, atom in atoms.items():
        assert not any(found) or atom.bit_count() >= run.FEWEST_PARTICIPANTS or not atom & ~played.machine.excluded


def test_a_run_that_loses_a_cell_goes_on() -> None:
    """The machinery above reaches what it judges: rounds over all cells, over two of three, and without a cheat."""
    played = Played(0)
    for kind, absent in (("submit", 1), ("advance", 0), ("commit", 0), ("reveal", 0), ("submit", 0), ("commit", 0)):
        played.do(kind, 0, absent)
    played.do("reveal", 0, 0)
    played.do("exclude", 5, 0)
    for kind in ("submit", "commit", "reveal"):
        played.do(kind, 0, 0)
    without = next(cell for cell in DRAWN if cell & 1)
    everybody = (1 << SEATS) - 1
    assert played.released == {everybody & ~without, everybody, everybody & ~(1 << 5)}
