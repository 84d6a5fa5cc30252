"""Calls of proposals are read from their bytes: exactly, or not at all, and always with the name of what is called."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicommons.domain import encoding, ids
from aicommons.ledger import contracts, meanings
from aicommons.office import votes
from aicommons.protocol import governance

NEWEST = {
    name: ids.Address(bytes([number]) * 20)
    for number, name in enumerate((*contracts.NAMES, *contracts.PER_COOP), start=1)
}
FORMER = ids.Address(b"\xf0" * 20)
PLACES = {at: name for name, at in NEWEST.items()} | {FORMER: "Membership"}
EVIL = ids.Address(b"\x66" * 20)


def word(value: int | bytes) -> bytes:
    """Return 32 bytes."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def call(contract: str, function: str, *values: object, at: ids.Address | None = None) -> governance.Call:
    """Return a call as everybody writes it."""
    return governance.Call(at or NEWEST[contract], contracts.call_data(contract, function, values))


def read(said: governance.Call) -> governance.Meaning | None:
    """Return what it says."""
    return meanings.read(PLACES, NEWEST, said)


REGISTRARS = contracts.load("Membership").functions["setRegistrars"].key
GRANT = call("Membership", "grantRole", 2, 0)
UNREAD = {
    "an array that overlaps the next argument": REGISTRARS + word(32) + word(1) + word(EVIL),
    "an array further away than it has to be": REGISTRARS + word(96) + word(1) + word(0) + word(1) + word(EVIL),
    "an array that is said to have an item more": REGISTRARS + word(64) + word(1) + word(2) + word(EVIL),
    "bytes after the last argument": GRANT.data + b"\0",
    "a word after the last argument": GRANT.data + word(EVIL),
    "an argument too few": GRANT.data[:-32],
    "no arguments": GRANT.data[:4],
    "an offset that is none": REGISTRARS + word(2**255) + word(1),
    "more items than there are bytes": REGISTRARS + word(64) + word(1) + word(2**64),
    "an address of more than twenty bytes": REGISTRARS + word(64) + word(1) + word(1) + b"\xff" * 32,
    "more bytes than are read": contracts.call_data("Membership", "setRegistrars", ([EVIL] * 1100, 1)),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_the_one_encoding_is_named_and_not_read(name: str) -> None:
    """The contract may find other arguments in such bytes than we do, so that none are shown."""
    meaning = read(governance.Call(NEWEST["Membership"], UNREAD[name]))
    assert meaning is not None
    assert (meaning.contract, meaning.values) == ("Membership", None)
    assert meaning.function in ("setRegistrars", "grantRole")


UNKNOWN = {"another selector": b"\xde\xad\xbe\xef" + word(1), "half a selector": GRANT.data[:3], "nothing": b""}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_function_that_nobody_knows_is_one_of_a_contract_all_the_same(name: str) -> None:
    """The contract is named, and that the package knows no such function of it."""
    assert read(governance.Call(NEWEST["Membership"], UNKNOWN[name])) == governance.Meaning("Membership", None)


def test_a_contract_before_and_after_its_successor() -> None:
    """Both are named, and which of them is out of use; what no deployment names is nobody's."""
    assert read(GRANT) == governance.Meaning("Membership", "grantRole", ("memberId", "role"), (2, 0))
    old = read(call("Membership", "grantRole", 2, 0, at=FORMER))
    assert old == governance.Meaning("Membership", "grantRole", ("memberId", "role"), (2, 0), is_former=True)
    assert read(governance.Call(EVIL, GRANT.data)) is None


CARRIED = {
    "relayed": call("CommonsGovernor", "relay", GRANT.target, 5, GRANT.data),
    "relayed by a co-op": call("CoopGovernor", "relay", GRANT.target, 5, GRANT.data),
    "scheduled": call("TimelockController", "schedule", GRANT.target, 5, GRANT.data, bytes(32), bytes(32), 9),
    "executed": call("TimelockController", "execute", GRANT.target, 5, GRANT.data, bytes(32), bytes(32)),
    "scheduled together": call(
        "TimelockController", "scheduleBatch", [GRANT.target], [5], [GRANT.data], bytes(32), bytes(32), 9
    ),
    "executed together": call(
        "TimelockController", "executeBatch", [GRANT.target], [5], [GRANT.data], bytes(32), bytes(32)
    ),
    "proposed": call("CommonsGovernor", "propose", [GRANT.target], [5], [GRANT.data], "why"),
}


@pytest.mark.parametrize("name", CARRIED)
def test_calls_inside_a_call_are_read_too(name: str) -> None:
    """Power that goes a longer way is shown where it arrives, with the coins."""
    meaning = read(CARRIED[name])
    assert meaning is not None
    (inner,) = meaning.inner
    assert inner == (governance.Call(GRANT.target, GRANT.data, 5), read(GRANT))


def test_calls_in_calls_are_read_to_an_end() -> None:
    """However deep they lie, reading ends; lists that do not belong together carry nothing."""
    said = GRANT
    for _ in range(100):
        said = call("CommonsGovernor", "relay", NEWEST["CommonsGovernor"], 0, said.data)
    depth, meaning = 0, read(said)
    while meaning is not None and meaning.inner:
        depth, meaning = depth + 1, meaning.inner[0][1]
    assert depth == meanings.DEEPEST
    uneven = read(call("CommonsGovernor", "propose", [GRANT.target], [], [GRANT.data], "why"))
    assert uneven is not None
    assert uneven.inner == ()


FUNCTIONS = [
    (name, entry)
    for name in NEWEST
    for key, entry in sorted(contracts.load(name).functions.items())
    if key == f"{entry.name}({','.join(entry.types)})"
]
WORDS = st.sampled_from([word(each) for each in (0, 1, 2, 31, 32, 64, 96, 2**64, 2**255, 2**256 - 1)])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FUNCTIONS), st.lists(WORDS | st.binary(min_size=32, max_size=32), max_size=12), st.binary())
def test_whatever_is_read_is_written_the_same(
    chosen: tuple[str, contracts.Entry], words: list[bytes], tail: bytes
) -> None:
    """No bytes make reading fail, and arguments that are shown are all that the bytes say."""
    name, entry = chosen
    meaning = read(governance.Call(NEWEST[name], entry.key + b"".join(words) + tail))
    assert meaning is not None
    assert meaning.contract == name
    if meaning.values is not None:
        assert encoding.abi_encode(entry.types, meaning.values) == b"".join(words) + tail


def test_every_setter_has_the_view_that_tells_it() -> None:
    """Where a function that sets something is a contract's, so is the view that is asked for it."""
    for name in contracts.NAMES:
        functions = contracts.load(name).functions
        told = {view for setter, view in votes.TOLD_BY.items() if setter in functions}
        assert told <= set(functions), name
