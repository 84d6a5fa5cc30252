"""Whatever commons.toml may say founds a commons: no value that the file takes stops at a contract."""

import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger import ledger_worlds as worlds

from aicommons import testing
from aicommons.domain import ids, vocabulary
from aicommons.ledger import charter, deployments
from aicommons.ledger.memory import ledger as memory

CODES = [each.code for each in vocabulary.PURPOSES]
EACH = st.fixed_dictionaries(
    {name: st.one_of(st.sampled_from(both), st.integers(*both)) for name, both in charter.LIMITS.items()}
)


def text(numbers: dict[str, int], registrars: int, threshold: int, banned: list[str], founders: int) -> bytes:
    """Return a commons.toml with these values and so many registrars and founders."""
    addresses = ", ".join(f'"{ids.format_id(worlds.word("registrar", each)[:20])}"' for each in range(registrars))
    lines = [f"registrars = [{addresses}]", f"threshold = {threshold}", f"banned = {banned}"]
    for table in ("votes", "problems", "audits"):
        lines.append(f"[{table}]")
        lines += [f"{name.split('.')[1]} = {value}" for name, value in numbers.items() if name.startswith(table)]
    for number in range(founders):
        said = worlds.founder(number)
        lines.append("[[founders]]")
        lines.append(f'kind = "{("person", "organisation")[said.kind]}"')
        for name in ("account", "node_key", "reader_point", "credential", "profile"):
            lines.append(f'{name} = "{ids.format_id(getattr(said, name))}"')
    return "\n".join(lines).encode()


@st.composite
def charters(draw: st.DrawFn) -> bytes:
    """Draw a file within what it may say, often at an end of it."""
    registrars = draw(st.sampled_from((1, 2, charter.MAX_REGISTRARS)))
    threshold = draw(st.integers(1, registrars))
    banned = draw(st.lists(st.sampled_from(CODES), unique=True, max_size=5))
    return text(draw(EACH), registrars, threshold, banned, draw(st.integers(0, 5)))


@given(charters())
def test_every_charter_founds_in_memory(said: bytes) -> None:
    """The in-memory ledger, which refuses what the contracts refuse, starts with every charter that is read."""
    founding = charter.read(said)
    made = memory.MemoryLedger(worlds.CHAIN, worlds.FOUNDER.address, founding, testing.ManualClock())
    assert len(made.book.view.members) == len(founding.founders)


ENDS: dict[str, tuple[int, int, int, list[str], int]] = {
    "the least": (0, 1, 1, [], 0),
    "the most": (1, charter.MAX_REGISTRARS, charter.MAX_REGISTRARS, CODES, charter.MAX_FOUNDERS),
}
"""Which end of each limit, registrars, threshold, banned purposes, founders."""


@pytest.mark.parametrize("name", ENDS)
def test_the_ends_found_on_the_contracts(name: str, tmp_path: pathlib.Path) -> None:
    """The least and the most that a charter may say create all contracts, each within the gas of one transaction."""
    end, *others = ENDS[name]
    numbers = {each: limits[end] for each, limits in charter.LIMITS.items()}
    founding = charter.read(text(numbers, *others))
    assert_founds(tmp_path, founding)


def assert_founds(folder: pathlib.Path, founding: deployments.Founding) -> None:
    """Found a commons on both ledgers and compare what they tell."""
    players: list[Any] = []
    for world in (worlds.MemoryWorld, worlds.EmbeddedWorld):
        made = world(folder / "chain", founding)
        players.append(worlds.Player(made, 3))
        made.close()
    worlds.check_equal(*players)
    assert len(players[0].view.members) == len(founding.founders)
