"""Reads a transaction's effects out of pyrevm's ``journal_str``, the Rust debug text of its journaled state.

Why: pyrevm 0.3.7 shows changed storage slots nowhere else (spec embedded-ledger, section 1). Called by ``revm`` only.
Because the text is no interface, the reader accepts exactly the shapes it knows and refuses the rest: an account that
it cannot read would otherwise silently count as "nothing changed". Left out: comparing with the state before.
"""

import dataclasses
import re
from typing import Final

from aicommons.ledger.embedded import engine

_START: Final = "JournaledState { state: {"
_END: Final = "}, transient_storage: {"

_ACCOUNT: Final = re.compile(
    r"0x(?P<address>[0-9a-f]{40}): Account \{ info: AccountInfo \{ "
    r"balance: (?P<balance>\d+), nonce: (?P<nonce>\d+), code_hash: 0x(?P<code_hash>[0-9a-f]{64}), "
    r"code: (?:None|Some\(Bytecode \{ bytecode: 0x(?P<code>[0-9a-f]*), state: "
    r'(?:Raw|Analysed \{ len: (?P<length>\d+), jump_map: JumpMap \{ map: "[0-9a-f]*" \} \}) \}\)) \}, '
    r"storage: \{(?P<slots>(?:\d+: StorageSlot \{ previous_or_original_value: \d+, present_value: \d+ \}(?:, )?)*)\}, "
    r"status: AccountStatus\((?P<status>[A-Za-z0-9 |]+)\) \}"
)
_SLOT: Final = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: (\d+), present_value: (\d+) \}")

_KNOWN_STATUS: Final = frozenset({"0x0", "Created", "SelfDestructed", "Touched", "LoadedAsNotExisting"})


class JournalUnreadable(engine.EngineFault):
    """The journal's text has a shape that this reader does not know; check that pyrevm is exactly 0.3.7."""


@dataclasses.dataclass(frozen=True, slots=True)
class JournalAccount:
    """One account as the journal shows it after a transaction.

    Args:
        address: 20 bytes.
        account: nonce, balance and code hash, before any deletion.
        code: the code when the journal carries it, else ``None``.
        is_destroyed: whether it is deleted at the end of the transaction (EIP-6780: created in it, too).
        changed_slots: key and new value of each slot whose value differs from the one before the transaction.
    """

    address: bytes
    account: engine.Account
    code: bytes | None
    is_destroyed: bool
    changed_slots: tuple[tuple[int, int], ...]


def parse(text: str) -> tuple[JournalAccount, ...]:
    """Return every account of the journal.

    Raises:
        JournalUnreadable: any part of the account table has an unknown shape.
    """
    if not text.startswith(_START):
        raise JournalUnreadable(f"expected {_START!r}, got {text[:40]!r}")
    position = len(_START)
    found: list[JournalAccount] = []
    while not text.startswith(_END, position):
        if found:
            position = _skip(text, position, ", ")
        match = _ACCOUNT.match(text, position)
        if match is None:
            raise JournalUnreadable(f"expected an account at {position}, got {text[position : position + 120]!r}")
        found.append(_account(match))
        position = match.end()
    return tuple(found)


def _skip(text: str, position: int, separator: str) -> int:
    if not text.startswith(separator, position):
        raise JournalUnreadable(f"expected {separator!r} at {position}, got {text[position : position + 40]!r}")
    return position + len(separator)


def _account(match: re.Match[str]) -> JournalAccount:
    status = frozenset(match["status"].split(" | "))
    if not status <= _KNOWN_STATUS:
        raise JournalUnreadable(f"expected a status of {sorted(_KNOWN_STATUS)}, got {sorted(status)}")
    slots = _SLOT.findall(match["slots"]) if match["slots"] else ()
    return JournalAccount(
        address=bytes.fromhex(match["address"]),
        account=engine.Account(
            nonce=int(match["nonce"]), balance=int(match["balance"]), code_hash=bytes.fromhex(match["code_hash"])
        ),
        code=_code(match),
        is_destroyed="SelfDestructed" in status,
        changed_slots=tuple((int(key), int(after)) for key, before, after in slots if before != after),
    )


def _code(match: re.Match[str]) -> bytes | None:
    if match["code"] is None:
        return None
    code = bytes.fromhex(match["code"])
    # Analysed code is padded with zeros so that the interpreter may read past its end; `len` is the real length.
    return code if match["length"] is None else code[: int(match["length"])]
