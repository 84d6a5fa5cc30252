"""The inbox's file: what is kept of decisions, rules and operators; and a node that reads the stop flag between steps."""

import concurrent.futures
import pathlib
import stat
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from aicommons import testing
from aicommons.domain import errors, run
from aicommons.learning import recipe as recipes
from aicommons.learning import records
from aicommons.node import inbox
from aicommons.protocol import inbox as rules

NOW = 1_800_000_000.0


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> Iterator[inbox.Inbox]:
    """An empty inbox."""
    made = inbox.Inbox(tmp_path / "inbox.db")
    yield made
    made.close()


def test_what_was_said_is_kept_in_order(kept: inbox.Inbox, tmp_path: pathlib.Path) -> None:
    """Decisions outlive the process, in their order, and only their owner may read the file."""
    first = rules.Decision(rules.Verdict.ASK, "who?", "Ada", NOW)
    second = rules.Decision(rules.Verdict.DENY, "no", "Ben", NOW + 1)
    kept.decide("run:00", first)
    kept.decide("run:00", second)
    again = inbox.Inbox(tmp_path / "inbox.db")
    assert again.said("run:00") == [first, second]
    assert again.denied() == ["run:00"]
    assert [(each.what, each.by) for each in again.happened()] == [("deny", "Ben"), ("ask", "Ada")]
    again.close()
    assert stat.S_IMODE((tmp_path / "inbox.db").stat().st_mode) == 0o600


def test_a_pair_is_judged_once(kept: inbox.Inbox, tmp_path: pathlib.Path) -> None:
    """Judgements outlive the process, any number at once, and the first of a pair stands."""
    many = {f"{number}.1.{'00' * 32}": inbox.Judged(number, number % 2 == 0) for number in range(2_500)}
    kept.keep_judged(many)
    kept.keep_judged({name: inbox.Judged(9, is_fitting=True) for name in many})
    kept.keep_judged({})
    again = inbox.Inbox(tmp_path / "inbox.db")
    assert again.judged() == many
    again.close()


def test_rules_come_back_as_they_were(kept: inbox.Inbox) -> None:
    """A rule is read as it was written, and a number is never used twice."""
    rule = rules.Rule(rules.Verdict.APPROVE, bytes(range(32)), 4, "glm", "DUO:0000007", 2, confirms=True)
    assert kept.add_rule(rule) == 1
    assert kept.standing_rules() == {1: rule}
    kept.remove_rule(1)
    assert kept.add_rule(rules.Rule(rules.Verdict.DENY, author=1)) == 2
    with pytest.raises(errors.InputError, match="no such rule"):
        kept.remove_rule(1)


def test_wrong_pins_lock_a_name_for_a_while(kept: inbox.Inbox) -> None:
    """Five wrong PINs in a row lock the name, even for the right one, until five minutes are over; others are not locked."""
    kept.add_operator("Ada", "123456", bytes(16))
    kept.add_operator("Ben", "654321", bytes(16))
    kept.check_operator("Ada", "123456", NOW)
    for _ in range(inbox.MOST_TRIES):
        with pytest.raises(errors.InputError, match="do not belong together"):
            kept.check_operator("Ada", "000000", NOW)
    with pytest.raises(errors.InputError, match="too many"):
        kept.check_operator("Ada", "123456", NOW)
    kept.check_operator("Ben", "654321", NOW)
    kept.check_operator("Ada", "123456", NOW + inbox.LOCKED_SECONDS)
    with pytest.raises(errors.InputError, match="do not belong together"):
        kept.check_operator("Eve", "123456", NOW)


def test_many_pins_at_once_are_no_more_tries(kept: inbox.Inbox, tmp_path: pathlib.Path) -> None:
    """Of 32 guesses in the same moment five are looked at, and the name is locked."""
    kept.add_operator("Ada", "123456", bytes(16))
    ready = threading.Barrier(32)

    def guess(number: int) -> str:
        own = inbox.Inbox(tmp_path / "inbox.db")
        ready.wait()
        try:
            own.check_operator("Ada", f"{number:06d}", NOW)
        except errors.InputError as err:
            return str(err)
        finally:
            own.close()
        return "right"

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        said = list(pool.map(guess, range(32)))
    assert sum("do not belong together" in each for each in said) == inbox.MOST_TRIES
    assert sum("too many wrong PINs" in each for each in said) == 32 - inbox.MOST_TRIES


def test_no_pin_is_in_the_file(kept: inbox.Inbox, tmp_path: pathlib.Path) -> None:
    """Only a salted digest of a PIN is kept."""
    kept.add_operator("Ada", "open sesame", bytes(range(16)))
    kept.close()
    assert b"sesame" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())


def test_a_broken_file_is_named(tmp_path: pathlib.Path) -> None:
    """A file that is no inbox is refused with the way out."""
    (tmp_path / "inbox.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(errors.InputError, match="inbox"):
        inbox.Inbox(tmp_path / "inbox.db")


def test_a_stopped_node_sends_nothing_more(kept: inbox.Inbox) -> None:
    """Set while a run is under way, the flag holds the node before its next step; released, the run ends as agreed."""
    plan = recipes.from_plan({"recipe": "glm", "schema": SCHEMA})
    sites = [recipes.Rows(table(seed), table(seed + 10)) for seed in range(3)]
    with testing.simulate(sites, plan) as simulation:
        member, node = next(iter(simulation.nodes.items()))
        object.__setattr__(node.agent, "held", inbox.held(kept))
        while simulation.view().round_index < 1:
            simulation.step()
        kept.stop(stopped=True)
        for _ in range(20):
            simulation.step()
        held_at = simulation.view()
        attempt = held_at.current
        assert held_at.state is run.RunState.RUNNING
        assert attempt is not None
        assert member not in attempt.submits or member not in attempt.commits or member not in attempt.reveals
        kept.stop(stopped=False)
        assert simulation.run().state is run.RunState.COMPLETED


SCHEMA = {
    "features": [{"name": "x", "kind": "numeric", "lo": -10, "hi": 10}],
    "target": {"name": "y", "task": "binomial", "classes": ["no", "yes"]},
}


def table(seed: int) -> records.Table:
    """Return forty made-up rows."""
    draws = np.random.default_rng(seed)
    features = draws.normal(size=(40, 1))
    return records.Table(features, (features[:, 0] + draws.normal(size=40) > 0).astype(np.float64))
