"""Who is out of a run and why, as it is read from the ledger's view."""

import dataclasses

import pytest
from tests.protocol import departed_runs

from aicommons.domain import events, ids, run
from aicommons.protocol import departures

Why = departures.Why


@pytest.mark.parametrize("why", Why)
def test_every_way_out_has_its_reason(why: Why) -> None:
    """Each way out of a run is told as itself, once, with who judged it and since which round."""
    (found,) = departures.of_run(departed_runs.DEPARTED[why])
    assert found.why is why
    assert found.member_id == (6 if why is Why.FALSE_ACCUSATION else 2)
    assert found.round_index == 1
    assert found.judges == ((3, 4) if (why.is_cheating and why is not Why.TWO_MESSAGES) or why is Why.SILENT else ())
    assert (found.needed, found.contributed, found.has_bond) == (2, True, True)
    others = {Why.BAD_BOX: 6, Why.FALSE_SUM: 6, Why.FALSE_ACCUSATION: 2}
    assert found.other == others.get(why)


def test_silence_and_leaving_are_no_cheating() -> None:
    """Only what is proven costs a bond; who is silent stays in the run."""
    assert {why for why in Why if not why.is_cheating} == {
        Why.CONSENT_OVER,
        Why.LEFT,
        Why.LEFT_IN_ADVANCE,
        Why.SILENT,
    }
    assert [why for why in Why if not why.is_out] == [Why.SILENT]


def test_departures_come_in_their_order() -> None:
    """Several that went are told in the order in which they went; a consent that ended is told once."""
    later = departed_runs.at(30)
    exits = {
        3: events.Exited(later, departed_runs.RUN, ids.MemberId(3), 0, b"signed"),
        4: events.Exited(later, departed_runs.RUN, ids.MemberId(4), 0, b""),
    }
    dropped = {4: events.Dropped(later, departed_runs.RUN, ids.MemberId(4), b"")}
    current = dataclasses.replace(departed_runs.DEPARTED[Why.BAD_BOX], exits=exits, dropped=dropped)
    found = [(each.member_id, each.why) for each in departures.of_run(current)]
    assert found == [(2, Why.BAD_BOX), (3, Why.LEFT), (4, Why.CONSENT_OVER)]


def test_who_was_put_out_before_any_sum_gave_nothing() -> None:
    """Nothing of a seat is in the model before a round with it is unmasked."""
    current = departed_runs.DEPARTED[Why.BAD_BOX]
    attempts = {
        place: dataclasses.replace(seen, phase=run.Phase.OPEN, set_bits=30) for place, seen in current.attempts.items()
    }
    (found,) = departures.of_run(dataclasses.replace(current, attempts=attempts))
    assert not found.contributed


def test_a_run_that_nobody_left_tells_nothing() -> None:
    """Without a departure there is none, also while somebody is accused."""
    assert departures.of_run(departed_runs.made()) == ()
    assert departures.of_run(departed_runs.ACCUSED) == ()
