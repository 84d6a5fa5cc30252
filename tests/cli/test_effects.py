"""What a call of a proposal does, in words: nothing is hidden, and what cannot be read is said to be so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons import office
from aicommons.cli import effects, naming
from aicommons.domain import encoding, errors, ids, vocabulary
from aicommons.ledger import contracts, meanings
from aicommons.protocol import governance

NEWEST = {name: ids.Address(bytes([number]) * 20) for number, name in enumerate(contracts.NAMES, start=1)}
FORMER = ids.Address(b"\xf0" * 20)
PLACES = {at: name for name, at in NEWEST.items()} | {FORMER: "Membership"}
EVIL = ids.Address(b"\x66" * 20)
AGAINST = "vote against it"
PROPOSER = encoding.keccak(b"PROPOSER_ROLE")


def call(contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0) -> office.Call:
    """Return a call of a contract."""
    return office.Call(at or NEWEST[contract], contracts.call_data(contract, function, values), value)


def said(asked: office.Call, refusal: errors.LedgerRefused | None = None) -> effects.Said:
    """Return it in words."""
    meaning = meanings.read(PLACES, NEWEST, asked)
    return effects.say(office.Trial(asked, meaning, None, is_tried=True, refusal=refusal), lambda n: f"member {n}")


GRANT = call("Membership", "grantRole", 2, 0)
WORDS: dict[str, tuple[office.Call, tuple[str, ...]]] = {
    "a role": (GRANT, ("make member 2 an auditor",)),
    "a role that is none": (call("Membership", "grantRole", 1, 9), ("member 1", "role 9")),
    "a vote": (call("CommonsGovernor", "castVote", 5, 1), ("vote for on proposal 0x",)),
    "a vote that is none": (call("CommonsGovernor", "castVote", 5, 9), ("9, which is no choice",)),
    "at the former contract": (call("Membership", "expel", 3, at=FORMER), ("the former Membership (0xf0f0",)),
    "in a form that is not read": (
        office.Call(GRANT.target, GRANT.data + b"\0"),
        ("Membership.grantRole", "cannot read", AGAINST),
    ),
    "a function that is none": (office.Call(GRANT.target, b"\xde\xad\xbe\xef"), ("Membership", "no function", AGAINST)),
    "coins for a stranger": (office.Call(EVIL, b"", 10**18), ("send 1 coin to 0x6666", "no contract of this commons")),
    "coins with a call": (call("Membership", "expel", 3, value=5 * 10**17), ("member 3", "send 0.5 coin with it")),
    "coins with a stranger's call": (office.Call(EVIL, b"\x01", 10**18), ("call 0x6666", "send 1 coin with it")),
    "power over the timelock": (
        call("TimelockController", "grantRole", PROPOSER, EVIL),
        ("0x6666", "have the timelock do anything, without a vote"),
    ),
    "all power over the timelock": (
        call("TimelockController", "grantRole", bytes(32), EVIL),
        ("0x6666", "all power over the commons"),
    ),
    "another role of the timelock": (call("TimelockController", "revokeRole", b"\1" * 32, EVIL), ("role 0x0101",)),
    "another timelock": (call("CommonsGovernor", "updateTimelock", EVIL), ("through 0x6666",)),
    "through the governor": (
        call("CommonsGovernor", "relay", GRANT.target, 10**18, GRANT.data),
        ("CommonsGovernor.relay", "make member 2 an auditor", "send 1 coin"),
    ),
    "through the governor in a form that is not read": (
        call("CommonsGovernor", "relay", GRANT.target, 0, GRANT.data + b"\0"),
        ("CommonsGovernor.relay", "Membership.grantRole", AGAINST),
    ),
    "scheduled": (
        call("TimelockController", "schedule", EVIL, 10**18, b"", bytes(32), bytes(32), 0),
        ("TimelockController.schedule", "send 1 coin to 0x6666"),
    ),
    "through the forwarder": (
        call("Forwarder", "execute", (EVIL, EVIL, 0, 0, 0, b"\x01\x02", b"")),
        ("call Forwarder.execute", "0x0102"),
    ),
    "a ban": (
        call("DataRegistry", "changeBanned", 1 << vocabulary.bit("DUO:0000007"), 1 << vocabulary.bit("DUO:0000042")),
        ("ban these purposes: DUO:0000007", "lift the ban of DUO:0000042"),
    ),
    "a consent": (
        call(
            "DataRegistry",
            "give",
            (3, vocabulary.bits(["DUO:0000007"]), 0, bytes(32), True, 1_900_000_000, 2, bytes(32)),
        ),
        ("dataset 3 by any member for DUO:0000007, commercially too, up to 2 times until 2030",),
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_the_words_of_a_call(name: str) -> None:
    """Each says who or what it is about, also by a longer way, and never that all is well with what is not read."""
    asked, expected = WORDS[name]
    found = said(asked)
    assert all(each in found.words for each in expected), found.words
    assert found.as_json()["data"] == "0x" + asked.data.hex()
    assert found.as_json()["value"] == str(asked.value)


def test_a_ban_says_what_is_left_out_of_it() -> None:
    """A purpose may be banned and one below it not: the words do not claim more than the bits."""
    parent = next(each.code for each in vocabulary.PURPOSES if len(vocabulary.narrower(each.code)) > 1)
    child = min(vocabulary.narrower(parent) - {parent})
    bitmap = vocabulary.bits([parent]) & ~vocabulary.bits([child])
    words = said(call("DataRegistry", "changeBanned", bitmap, 0)).words
    assert f"{parent} (but not" in words
    assert child in words


def test_bytes_that_are_not_read_are_shown() -> None:
    """All of them, also those of a call inside; of very many those that leave room for the rest, and JSON has all."""
    odd = GRANT.data + b"\0"
    for asked in (office.Call(GRANT.target, odd), call("CommonsGovernor", "relay", GRANT.target, 0, odd)):
        assert any(f"0x{asked.data.hex()}" in line for line in said(asked).lines(1))
    assert not any("bytes" in line for line in said(GRANT).lines(1))
    stranger = office.Call(EVIL, b"\x01\x02")
    assert effects.whole(stranger, None, str).endswith("its bytes: 0x0102")
    assert effects.whole(GRANT, meanings.read(PLACES, NEWEST, GRANT), str) == "make 2 an auditor"
    long = said(office.Call(EVIL, b"\x01" * 100_000))
    assert "100000 bytes" in "".join(long.lines(1))
    assert sum(map(len, long.lines(1))) < 10_000
    assert str(long.as_json()["data"]) == "0x" + "01" * 100_000


def test_a_refusal_of_a_contracts_own_words_controls_no_terminal() -> None:
    """A contract that is called writes why it refuses; its words are shown like anybody's."""
    (line,) = said(GRANT, errors.LedgerRefused("no\x1b[2J\nproposal is fine" + "x" * 9999)).lines(1)[-1:]
    assert line.isprintable()
    assert len(line) < 500


TARGETS = st.sampled_from([*NEWEST.values(), FORMER, EVIL])
SELECTORS = st.sampled_from([entry.key for name in NEWEST for entry in contracts.load(name).functions.values()])
PARTS = st.sampled_from([n.to_bytes(32, "big") for n in (0, 1, 2, 9, 32, 64, 96, 2**64, 2**256 - 1)])


@given(TARGETS, SELECTORS | st.binary(max_size=8), st.lists(PARTS | st.binary(max_size=33), max_size=9), st.integers(0))
def test_no_bytes_whatever_make_the_words_fail(
    target: ids.Address, selector: bytes, parts: list[bytes], value: int
) -> None:
    """Any call has words, a line each, that control no terminal."""
    lines = said(office.Call(target, selector + b"".join(parts), value)).lines(1)
    assert all(line.isprintable() for line in lines)


@given(st.text())
def test_no_text_whatever_makes_a_proposal_fail(description: str) -> None:
    """Title and reason of any text are shown on lines that control no terminal."""
    from aicommons.domain import events

    created = events.ProposalCreated(events.Position(1, 0, 1), 1, EVIL, (), (), (), (), 1, 2, description)
    found = governance.ProposalView(created)
    shown = [naming.plain(each) for each in (found.title, *found.reason.splitlines(), found.words)]
    assert all(each.isprintable() for each in shown)
