"""NatSpec is read once for pages and typed Python: what is declared, with its words."""

import pathlib

from tests import programs

CONTRACTS = pathlib.Path(__file__).resolve().parents[2] / "contracts"
SOURCE = """
    /// @notice What it
    /// stands for.
    /// @dev And why.
    enum State {
        None, // nothing, yet
        /* so */ Some
    }

    /// @notice One record.
    /// @param first What @ first
    /// means
    struct Record {
        mapping(uint256 id => bool) first;
        uint8 second; // {unsaid
    }

    enum Bare { One, Two }

    enum State { Other }
"""


natspec = programs.load(CONTRACTS / "natspec.py")
ROWS = {
    "State": ("enum", "What it stands for. And why.", (("None", ""), ("Some", ""))),
    "Record": ("struct", "One record.", (("first", "What @ first means"), ("second", ""))),
    "Bare": ("enum", "", (("One", ""), ("Two", ""))),
}


def test_declarations_are_read_with_their_words() -> None:
    """Enums and structs, documented or not, over lines or on one; comments are no members; the first of a name counts."""
    found = {name: (each.kind, each.notice, each.fields) for name, each in natspec.declared(SOURCE).items()}
    assert found == ROWS


def test_types_are_written_as_in_signatures() -> None:
    """A struct is the tuple of its fields, also in an array."""
    flat = {"type": "uint8"}
    record = {"type": "tuple[]", "components": [flat, {"type": "tuple", "components": [flat, {"type": "bytes32[2]"}]}]}
    assert natspec.canonical(record) == "(uint8,(uint8,bytes32[2]))[]"
