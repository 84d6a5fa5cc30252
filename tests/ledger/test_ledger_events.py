"""Events: every record's fields are those of the contract's event, and logs decode to them."""

import json
import sys
from collections.abc import Iterator

import pytest

from aicommons.domain import errors, events
from aicommons.ledger import contracts
from aicommons.ledger import events as logs

UNREAD = {
    "DataRegistry": {
        "RunsBound", "VersionPublished", "DatasetSuspended", "DatasetResumed", "DatasetRetired", "ConsentUsed",
    },
}  # fmt: skip


@pytest.mark.parametrize(("contract", "name"), logs.RECORDS, ids=lambda value: str(value))
def test_records_are_of_real_events(contract: str, name: str) -> None:
    """Every event that we read exists in the compiled contract."""
    assert name in {entry.name for entry in contracts.load(contract).events.values()}


def test_every_run_event_is_read() -> None:
    """TrainingRuns emits nothing that a node does not read, but for what its base contracts emit."""
    inherited = {"EIP712DomainChanged", "SuccessorNamed"}  # a client asks for successors before it reads anything
    emitted = {entry.name for entry in contracts.load("TrainingRuns").events.values()}
    assert emitted - {name for contract, name in logs.RECORDS if contract == "TrainingRuns"} <= inherited


def test_every_record_is_made() -> None:
    """Each concrete record of the events' modules is what some contract event becomes."""
    # Both governors are OpenZeppelin's, and a vote with parameters is a vote.
    told = {(contract.replace("Coop", "Commons"), name.removesuffix("WithParams")) for contract, name in logs.RECORDS}
    assert len(list(concrete(events.Event))) == len(told)


def concrete(kind: type[events.Event]) -> Iterator[type[events.Event]]:
    """Yield the records of a kind that nothing else is made from."""
    # A record with slots is made twice; the first draft lives on until it is collected.
    below = [each for each in kind.__subclasses__() if getattr(sys.modules[each.__module__], each.__name__) is each]
    for each in below:
        yield from concrete(each)
    if not below:
        yield kind


def topic_log(contract: str, name: str, **changed: object) -> dict[str, object]:
    """Return a log of an event with all-zero values."""
    entry = next(entry for entry in contracts.load(contract).events.values() if entry.name == name)
    indexed = sum(entry.indexed)
    plain = [kind for kind, is_topic in zip(entry.types, entry.indexed, strict=True) if not is_topic]
    usual = {
        "topics": ["0x" + entry.key.hex(), *["0x" + "00" * 32] * indexed],
        "data": "0x" + "00" * 32 * len(plain),
        "blockNumber": "0x5",
        "logIndex": "0x1",
        "blockTimestamp": "0x64",
    }
    return usual | changed


def test_a_plain_event_decodes() -> None:
    """A Submitted log of zeros becomes the record with its place on the ledger."""
    made = logs.decode("TrainingRuns", topic_log("TrainingRuns", "Waived"))
    assert isinstance(made, events.Waived)
    assert made.at == events.Position(5, 1, 100)
    assert (made.run_id, made.member_id, made.round_index) == (bytes(32), 0, 0)


def test_events_nobody_reads_are_left_out() -> None:
    """An event that no record stands for, or no event at all, is None."""
    unknown = topic_log("TrainingRuns", "Waived", topics=["0x" + "66" * 32])
    assert logs.decode("TrainingRuns", unknown) is None
    assert logs.decode("TrainingRuns", topic_log("TrainingRuns", "Waived", topics=[])) is None


NONE = "0x" + "00" * 32
BAD = {
    "a state that does not exist": (
        "RunStateChanged", {"data": "0x" + (99).to_bytes(32, "big").hex() + "00" * 32 * 4},
    ),
    "a phase that does not exist": ("PhaseEntered", {"data": "0x" + (99).to_bytes(32, "big").hex() * 5}),
    "topics missing": ("Waived", {"topics": ["0x" + "Waived"]}),
    "data missing": ("Waived", {"data": "0x"}),
    "data that is null": ("Waived", {"data": None}),
    "time missing": ("Waived", {"blockTimestamp": None}),
    "block missing": ("Waived", {"blockNumber": None}),
    "an array longer than the log": ("RosterFixed", {"data": "0x" + "ff" * 32 * 6}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "changed"), BAD.values(), ids=BAD.keys())
def test_malformed_logs(name: str, changed: dict[str, object]) -> None:
    """A log that its contract would never emit is a DecodeError."""
    log = topic_log("TrainingRuns", name)
    if "topics" in changed:
        changed = {"topics": log["topics"][:1]}  # type: ignore[index]
    with pytest.raises(errors.DecodeError):
        logs.decode("TrainingRuns", log | changed)


def test_custom_errors_are_found_by_selector() -> None:
    """Revert data becomes the name and arguments of a contract's own error; other data becomes nothing."""
    entry = next(each for each in contracts.load("TrainingRuns").failures.values() if each.name == "TrainingRunsNoSeat")
    data = entry.key + bytes(31) + b"\x01" + bytes(31) + b"\x07"
    assert contracts.decode_failure(data) == ("TrainingRunsNoSeat", (bytes(31) + b"\x01", 7))
    assert contracts.decode_failure(entry.key) == ("TrainingRunsNoSeat", ())
    assert contracts.decode_failure(b"") is None
    assert contracts.decode_failure(b"\x08\xc3\x79\xa0" + bytes(64)) is None


def test_artifacts_are_whole() -> None:
    """Every packaged artifact has code, functions and events, and its JSON has nothing else."""
    for name in (*contracts.NAMES, *contracts.PER_COOP):
        artifact = contracts.load(name)
        assert len(artifact.bytecode) > len(artifact.deployed_bytecode) > 1_000
        assert artifact.functions
        assert artifact.events
        assert len(artifact.deployed_bytecode) <= 24_576  # EIP-170
        assert json.dumps(sorted(artifact.functions))
