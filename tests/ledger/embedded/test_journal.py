"""The reader of pyrevm's debug text: exactly the known shapes, everything else is fatal."""

import pyrevm
import pytest

from aicommons.ledger.embedded import engine, journal

SENDER = "1111111111111111111111111111111111111111"
CONTRACT = "b35b8b030a4bc592ea8ccf3684512ce083f108dc"
NO_CODE = engine.EMPTY_CODE_HASH.hex()
RUNTIME_HASH = "cbd02a8c1a0a8fba0b4c8a4d1b5ba1f8a9c7a64ee3cb5c5dd10fdbf9ed27c8d3"

# As pyrevm 0.3.7 writes it: a sender without code, a created contract with padded code and two slots, one that
# destroyed itself, and one with code that was stored before.
GOLDEN = (
    "JournaledState { state: {"
    f"0x{SENDER}: Account {{ info: AccountInfo {{ balance: 999999999999999991, nonce: 4, code_hash: 0x{NO_CODE}, "
    "code: None }, storage: {}, status: AccountStatus(Touched) }, "
    f"0x{CONTRACT}: Account {{ info: AccountInfo {{ balance: 9, nonce: 1, code_hash: 0x{RUNTIME_HASH}, "
    "code: Some(Bytecode { bytecode: 0x600160020000000000, state: Analysed { len: 4, "
    'jump_map: JumpMap { map: "0000" } } }) }, storage: {'
    "57896044618658097711785492504343953926634992332820282019728792003956564819968: "
    "StorageSlot { previous_or_original_value: 0, present_value: 42 }, "
    "0: StorageSlot { previous_or_original_value: 5, present_value: 5 }, "
    "1: StorageSlot { previous_or_original_value: 7, present_value: 0 }}, status: AccountStatus(Created | Touched) }, "
    f"0x{'22' * 20}: Account {{ info: AccountInfo {{ balance: 0, nonce: 1, code_hash: 0x{NO_CODE}, "
    "code: None }, storage: {0: StorageSlot { previous_or_original_value: 0, present_value: 1 }}, "
    "status: AccountStatus(Created | SelfDestructed | Touched) }, "
    f"0x{'33' * 20}: Account {{ info: AccountInfo {{ balance: 0, nonce: 1, code_hash: 0x{RUNTIME_HASH}, "
    "code: Some(Bytecode { bytecode: 0x60016002, state: Raw }) }, storage: {}, status: AccountStatus(0x0) }"
    f"}}, transient_storage: {{(0x{CONTRACT}, 1): 1}}, logs: [], depth: 1, journal: [[]], spec: LATEST }}"
)


def test_golden_text() -> None:
    """Every field of every known shape is read: padding cut, unchanged slots left out, destruction seen."""
    sender, created, destroyed, stored = journal.parse(GOLDEN)
    assert sender.address.hex() == SENDER
    assert sender.account == engine.Account(4, 999_999_999_999_999_991, engine.EMPTY_CODE_HASH)
    assert (sender.code, sender.changed_slots, sender.is_destroyed) == (None, (), False)
    assert created.account == engine.Account(1, 9, bytes.fromhex(RUNTIME_HASH))
    assert created.code == bytes.fromhex("60016002")
    assert created.changed_slots == ((2**255, 42), (1, 0))
    assert destroyed.is_destroyed
    assert destroyed.changed_slots == ((0, 1),)
    assert (stored.code, stored.changed_slots) == (bytes.fromhex("60016002"), ())


UNREADABLE = {
    "another start": GOLDEN.replace("JournaledState { state", "JournalInner { state"),
    "no end": GOLDEN[: GOLDEN.index("}, transient_storage")],
    "a field renamed": GOLDEN.replace("nonce: 4", "tx_nonce: 4"),
    "a field added": GOLDEN.replace("nonce: 4,", "nonce: 4, delegate: None,"),
    "another order of fields": GOLDEN.replace("balance: 9, nonce: 1", "nonce: 1, balance: 9"),
    "hexadecimal slot": GOLDEN.replace("present_value: 42", "present_value: 0x2a"),
    "slot field added": GOLDEN.replace("present_value: 42 }", "present_value: 42, is_cold: true }"),
    "unknown status": GOLDEN.replace("Created | Touched", "Created | Cold"),
    "another kind of code": GOLDEN.replace("Bytecode { bytecode: 0x60016002, state: Raw }", "LegacyRaw(0x60016002)"),
    "upper-case address": GOLDEN.replace(CONTRACT, CONTRACT.upper(), 1),
    "accounts not separated": GOLDEN.replace("AccountStatus(Touched) }, ", "AccountStatus(Touched) }"),
    "shortened": GOLDEN.replace("storage: {}, status", "storage: {...}, status", 1),
    "empty": "",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unknown_shapes_are_fatal(text: str) -> None:
    """A text that is not exactly known is refused, never read as "nothing changed"."""
    with pytest.raises(journal.JournalUnreadable):
        journal.parse(text)


def test_installed_pyrevm_writes_the_known_shapes() -> None:
    """The installed pyrevm's own text of a creation with storage, value and a child is read completely."""
    evm = pyrevm.EVM(env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=5)), spec_id="CANCUN", gas_limit=2**24)
    sender = "0x" + SENDER
    evm.insert_account_info(sender, pyrevm.AccountInfo(nonce=3, balance=10**18))
    evm.snapshot()
    # SSTORE(0, CREATE(0, 0, 0)), then return four bytes of memory as code.
    evm.deploy(sender, bytes.fromhex("600060006000f060005560046000f3"), 9, 1_000_000)
    accounts = {entry.address.hex(): entry for entry in journal.parse(evm.journal_str)}
    created = accounts[CONTRACT]
    child = next(a for name, a in accounts.items() if name not in (SENDER, CONTRACT, "00" * 20))
    assert accounts[SENDER].account.nonce == 4
    assert created.account.balance == 9
    assert created.code == bytes(4)
    assert created.changed_slots == ((0, int.from_bytes(child.address, "big")),)
    assert child.account == engine.Account(1, 0, engine.EMPTY_CODE_HASH)
