"""Digests: the specification's known answers, and run ids that the contract computes alike."""

import dataclasses
import pathlib
import secrets
from collections.abc import Iterator

import pytest
from eth_abi import encode as abi_encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from aicommons import office, testing
from aicommons.domain import documents, encoding, errors, ids, run, schema
from aicommons.learning import recipe
from aicommons.learning.learners import glm
from aicommons.learning.secagg import group

RUN = ids.RunId(b"\x01" * 32)
MEMBERS = (11, 22, 33)
KEYS = tuple(ids.Address(bytes([byte]) * 20) for byte in (0xA1, 0xA2, 0xA3))
HEADERS = (b"\xd1" * 32, bytes.fromhex("74c58b7b869358ed") + bytes(24), b"\xd3" * 32)
SID = bytes.fromhex("539ca31120dbec8efafcca25206f9b7754956067aff27dcb963dc13528205714")


def roster() -> bytes:
    """Return the roster of the known answers."""
    return encoding.roster_digest(RUN, MEMBERS, KEYS)


def committee() -> bytes:
    """Return the committee of the known answers: epoch scalars 3, 5, 7."""
    points = [group.multiply_base(number.to_bytes(32, "little")) for number in (3, 5, 7)]
    return encoding.committee_digest(roster(), 0, 1, points)


def test_roster_and_committee() -> None:
    """Roster and committee digests begin as the specification says."""
    assert roster().hex().startswith("844acb2543aff4ff")
    assert committee().hex().startswith("3c30ff89ae618caa")


def test_session_id(place: encoding.Place) -> None:
    """The sid is the specification's, all 32 bytes."""
    key = encoding.AttemptKey(RUN, 4, 0)
    assert encoding.session_id(place, key, b"\x02" * 32, committee()) == SID


def test_set_digest() -> None:
    """The set digest of 11, 22, 33 begins as the specification says."""
    assert encoding.set_digest(MEMBERS).hex().startswith("bcc9702a9f490b21")


def test_session_id_depends_on_everything(place: encoding.Place) -> None:
    """Changing chain, contract, run, round, attempt, state or committee gives another session."""
    state, made = b"\x02" * 32, committee()
    key = encoding.AttemptKey(RUN, 4, 0)
    others = {
        encoding.session_id(place, key, state, made),
        encoding.session_id(encoding.Place(1, place.contract), key, state, made),
        encoding.session_id(encoding.Place(31337, ids.Address(b"\xc1" * 20)), key, state, made),
        encoding.session_id(place, encoding.AttemptKey(ids.RunId(b"\x03" * 32), 4, 0), state, made),
        encoding.session_id(place, encoding.AttemptKey(RUN, 5, 0), state, made),
        encoding.session_id(place, encoding.AttemptKey(RUN, 4, 1), state, made),
        encoding.session_id(place, key, b"\x03" * 32, made),
        encoding.session_id(place, key, state, b"\x04" * 32),
    }
    assert len(others) == 8


@given(st.lists(st.integers(1, 2**64), min_size=1, max_size=5, unique=True).map(sorted), st.data())
def test_input_digest_is_keccak_of_abi(members: list[int], data: st.DataObject) -> None:
    """The input digest is keccak(abi.encode(sid, ids, headers)) as eth_abi writes it."""
    headers = data.draw(st.lists(st.binary(min_size=32, max_size=32), min_size=len(members), max_size=len(members)))
    expected = keccak(abi_encode(["bytes32", "uint256[]", "bytes32[]"], [SID, members, headers]))
    assert encoding.input_digest(SID, members, headers) == expected


SHORT: dict[str, object] = {
    "roster over a short run id": lambda: encoding.roster_digest(ids.RunId(b"\x01" * 31), MEMBERS, KEYS),
    "committee over a long roster": lambda: encoding.committee_digest(bytes(33), 0, 1, [bytes(32)]),
    "committee over a short point": lambda: encoding.committee_digest(bytes(32), 0, 1, [bytes(31)]),
    "inputs with a short header digest": lambda: encoding.input_digest(SID, [11], [b"\xd1" * 20]),
    "inputs over an empty sid": lambda: encoding.input_digest(b"", [11], [bytes(32)]),
    "a negative member": lambda: encoding.set_digest([-1]),
    "a member beyond 256 bits": lambda: encoding.set_digest([2**256]),
}


@pytest.mark.parametrize("make", SHORT.values(), ids=SHORT.keys())
def test_short_digests_are_refused(make: object) -> None:
    """A value that ABI encoding would pad or cannot hold is refused instead of hashed."""
    with pytest.raises(errors.InputError):
        make()  # type: ignore[operator]


@pytest.fixture(scope="module")
def solver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Member]:
    """A member of a commons on the embedded ledger."""
    commons = testing.Commons(tmp_path_factory.mktemp("ledger"))
    yield commons.admit("solver")
    commons.close()


def offer(solver: testing.Member) -> office.Offer:
    """Put a problem and a plan down and return an offer for them."""
    until = testing.START + 86_400
    problem = solver.desk.state_problem(
        documents.Problem("t", "who", "decision", secrets.token_hex(4), ("3.4",), "auc", "none"), until
    )
    columns = schema.Schema((schema.numeric("a", 0, 1),), schema.Target(schema.Task.BINOMIAL, "y", ("no", "yes")))
    made = recipe.Recipe("glm", columns, glm.Glm(schema.Task.BINOMIAL))
    plan = solver.desk.publish_plan(documents.Plan("t", recipe.to_plan(made), "sums", 30, 0, None))
    terms = documents.RunTerms("DUO:0000007", (), 60, 10, "no DP")
    return office.Offer(problem=problem, plan=plan, terms=terms, enrol_until=until)


def test_run_id_is_the_contracts(solver: testing.Member) -> None:
    """The run id that the office computes is the one under which the contract keeps the run, field by field."""
    run_id = solver.desk.open_run(offer(solver))
    opened = solver.desk.view().runs[run_id]
    assert encoding.run_id(opened.spec) == run_id
    (answer,) = solver.registry.call("TrainingRuns", "run", run_id)
    told = tuple(ids.parse_address(value) if isinstance(value, str) else value for value in answer[0])
    assert told == encoding.spec_values(opened.spec)


def test_sid_is_the_contracts(solver: testing.Member) -> None:
    """The contract computes the same sid for an attempt as a node does (here over the empty committee)."""
    run_id = solver.desk.open_run(offer(solver))
    (sid,) = solver.registry.call("TrainingRuns", "sidOf", run_id, 3, 1, b"\x05" * 32)
    key = encoding.AttemptKey(run_id, 3, 1)
    assert encoding.session_id(solver.registry.place, key, b"\x05" * 32, bytes(32)) == sid


words = st.binary(min_size=32, max_size=32)
specs = st.builds(
    run.RunSpec,
    problem=words,
    plan=words,
    terms=words,
    purpose=words,
    solver=st.integers(0, 2**256 - 1),
    rounds=st.integers(0, 2**32 - 1),
    min_participants=st.integers(0, 2**16 - 1),
    max_participants=st.integers(0, 2**16 - 1),
    layout=st.integers(0, 255),
    cell_size=st.integers(0, 255),
    suite=st.integers(0, 255),
    max_attempts=st.integers(0, 2**16 - 1),
    enrol_until=st.integers(0, 2**64 - 1),
    phase_seconds=st.integers(0, 2**32 - 1),
    patience_seconds=st.integers(0, 2**32 - 1),
    solver_shares=st.integers(0, 2**32 - 1),
    owner_shares=st.integers(0, 2**32 - 1),
    bond=st.integers(0, 2**256 - 1),
    token=st.binary(min_size=20, max_size=20),
    commercial=st.booleans(),
    price=st.integers(0, 2**256 - 1),
    salt=words,
)


@given(specs)
def test_run_id_is_keccak_of_abi(spec: run.RunSpec) -> None:
    """The run id is keccak(abi.encode(spec)) with the struct written as a tuple."""
    expected = keccak(abi_encode([f"({','.join(run.RUN_SPEC_TYPES)})"], [dataclasses.astuple(spec)]))
    assert encoding.run_id(spec) == expected


@given(specs, st.sampled_from([field.name for field in dataclasses.fields(run.RunSpec)]), st.data())
def test_every_field_is_in_the_run_id(spec: run.RunSpec, name: str, data: st.DataObject) -> None:
    """Changing any one field changes the run id."""
    before = getattr(spec, name)
    drawn = st.binary(min_size=len(before), max_size=len(before)) if isinstance(before, bytes) else None
    after = type(before)(before ^ 1) if drawn is None else data.draw(drawn)
    changed = dataclasses.replace(spec, **{name: after})
    assert (encoding.run_id(changed) == encoding.run_id(spec)) == (after == before)


def test_artifact_and_spec_agree() -> None:
    """The RunSpec's types are those of the compiled contract, in the same order and under the same names."""
    source = (pathlib.Path(__file__).parents[2] / "contracts" / "src" / "types" / "RunTypes.sol").read_text()
    body = source.split("struct RunSpec {")[1].split("}")[0]
    lines = [line.split("//")[0].strip().rstrip(";") for line in body.splitlines()]
    declared = [tuple(line.split()) for line in lines if line and not line.startswith(("/", "*"))]
    names = [field.name.title().replace("_", "") for field in dataclasses.fields(run.RunSpec)]
    expected = [(kind, name[0].lower() + name[1:]) for kind, name in zip(run.RUN_SPEC_TYPES, names, strict=True)]
    assert declared == expected
