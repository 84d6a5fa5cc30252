"""What people write and read: ids, files and runs in words. Pure functions, no commons needed."""

import dataclasses
import json
import pathlib
import re
from typing import Any

import click
import pytest
from tests.protocol import departed_runs

from aicommons.cli import attest, given, main, naming, output, refusals, telling
from aicommons.domain import encoding, errors, events, ids, run
from aicommons.protocol import rules
from aicommons.protocol import view as views

FIRST, SECOND = bytes.fromhex("aa" * 31 + "01"), bytes.fromhex("aa" * 31 + "02")
OTHER = bytes.fromhex("bb" * 32)

RESOLVED: dict[str, tuple[str, bytes | str]] = {
    "in full": ("0x" + FIRST.hex(), FIRST),
    "without 0x": (FIRST.hex(), FIRST),
    "in capitals": ("0x" + FIRST.hex().upper(), FIRST),
    "a unique beginning": ("0x" + OTHER.hex()[:8], OTHER),
    "too short a beginning": ("0x" + OTHER.hex()[:7], "not the id"),
    "not unique": ("0x" + FIRST.hex()[:20], "several"),
    "unknown": ("0x" + "cc" * 32, "no such run"),
    "not hexadecimal": ("0x" + "zz" * 32, "not the id"),
    "too long": ("0x" + FIRST.hex() + "00", "not the id"),
    "empty": ("", "not the id"),
}


@pytest.mark.parametrize("row", RESOLVED)
def test_resolve(row: str) -> None:
    """An id is accepted in full or by a unique beginning of at least eight digits."""
    text, expected = RESOLVED[row]
    known = (FIRST, SECOND, OTHER)
    if isinstance(expected, bytes):
        assert naming.resolve(text, known, "run") == expected
        return
    with pytest.raises(errors.InputError, match=expected):
        naming.resolve(text, known, "run")


def test_digest_is_read_in_both_spellings() -> None:
    """A document's digest may be given as a multihash or as plain hexadecimal."""
    digest = ids.digest(b"plan")
    assert naming.parse_digest(ids.format_digest(digest)) == digest
    assert naming.parse_digest("0x" + digest.hex()) == digest
    with pytest.raises(errors.InputError, match="not a digest"):
        naming.parse_digest("1220abcd")


def test_fingerprint_is_the_whole_digest() -> None:
    """A fingerprint leaves no digit out, or a forged roster could look alike."""
    assert naming.fingerprint(FIRST).replace(" ", "") == FIRST.hex()


def test_foreign_text_cannot_control_a_terminal() -> None:
    """Escape sequences and line breaks of others' documents are not repeated."""
    shown = naming.plain("a\x1b[2Jb\nc\u202ed" + "x" * 100)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert "\u202e" not in shown
    assert len(shown) == 80


def test_aligned_never_cuts() -> None:
    """A table's cells are whole, so that ids can be copied."""
    lines = output.aligned(["run", "state"], [["0x" + "a" * 100, "z"], ["b", "y"]])
    assert lines[1].split() == ["0x" + "a" * 100, "z"]
    assert [line.index(cell) for line, cell in zip(lines, ("state", "z", "y"), strict=True)] == [104] * 3


def test_refusals_name_contracts_errors() -> None:
    """A contract's refusal is told in words and keeps its own name; a run's bad term is named."""
    refused = errors.LedgerRefused("refused", error="TrainingRunsSpecInvalid", arguments=(b"rounds".ljust(32, b"\0"),))
    message, next_step = refusals.in_words(refused) or ("", "")
    assert message == "a term of the run is out of range: rounds (TrainingRunsSpecInvalid)"
    assert next_step
    assert refusals.in_words(errors.LedgerRefused("refused", error="SomethingNew")) is None


def test_refusals_exist_in_the_contracts() -> None:
    """Every refusal that is told in words is an error of the packaged contracts."""
    from aicommons.ledger import contracts

    known = {
        entry.name
        for name in (*contracts.NAMES, *contracts.PER_COOP)
        for entry in contracts.load(name).failures.values()
    }
    assert set(refusals.WORDS) <= known


UNCAUSED = {
    "OpenZeppelin's tokens, which no command moves": (
        *("ERC721IncorrectOwner", "ERC721InsufficientApproval", "ERC721InvalidApprover", "ERC721InvalidOperator"),
        *("ERC721InvalidOwner", "ERC721InvalidReceiver", "ERC721InvalidSender", "ERC721NonexistentToken"),
        *("ERC6909InsufficientAllowance", "ERC6909InvalidApprover", "ERC6909InvalidReceiver"),
        *("ERC6909InvalidSender", "ERC6909InvalidSpender", "SafeERC20FailedOperation"),
        *("MembershipSoulbound", "MembershipNotDelegable", "CoopMembersSoulbound", "CoopMembersNotDelegable"),
        *("VotesExpiredSignature", "ERC5805FutureLookup"),
    ),
    "OpenZeppelin's guards against its own mistakes": (
        *("CheckpointUnorderedInsertion", "ERC6372InconsistentClock", "InvalidShortString", "StringTooLong"),
        *("SafeCastOverflowedUintDowncast", "ReentrancyGuardReentrantCall", "Blake2bUnavailable"),
    ),
    "the timelock's and the governors', which the desks call rightly": (
        *("AccessControlBadConfirmation", "AccessControlUnauthorizedAccount", "TimelockInsufficientDelay"),
        *("TimelockInvalidOperationLength", "TimelockUnauthorizedCaller", "TimelockUnexecutedPredecessor"),
        *("GovernorAlreadyQueuedProposal", "GovernorDisabledDeposit", "GovernorInvalidProposalLength"),
        *("GovernorInvalidQuorumFraction", "GovernorInvalidVoteParams", "GovernorInvalidVoteType"),
        *("GovernorNonexistentProposal", "GovernorOnlyExecutor", "GovernorProposalQueueingFailed"),
        "GovernorProposalQueueingNotRequired",
    ),
    "signatures that no command sends, or a relayer or node checks first": (
        *("ERC2771ForwarderExpiredRequest", "ERC2771ForwarderInvalidSigner", "ERC2771ForwarderMismatchedValue"),
        *("ERC2771ForwarderNoRefundReceiver", "ERC2771UntrustfulTarget", "InsufficientBalance", "InvalidAccountNonce"),
        *("ECDSAInvalidSignature", "ECDSAInvalidSignatureLength", "ECDSAInvalidSignatureS"),
        *("AttestationsDeadlinePassed", "AttestationsSignatureInvalid"),
        *("DataRegistryDeadlinePassed", "DataRegistrySignatureInvalid"),
    ),
    "what a command always fills in": (
        *("MembershipFieldMissing", "AttestationsFieldMissing", "AttestationsUnknown", "DataRegistryDigestMissing"),
        *("ModelRegistryCardMissing", "GuardianshipsFieldMissing", "VaultAmountMissing"),
        *("ConsentRegisterRootMissing", "RequestsDocumentMissing", "CoopMembersCredentialMissing"),
        *("CoopMembersLengthsDiffer", "VaultValueMismatch", "DataRegistryPurposesInvalid", "QuorumFloorNobody"),
    ),
    "between contracts": (
        *("VaultControllersInvalid", "VaultExpiryPassed", "VaultNotController", "VaultNotLocker"),
        *("BondsNotRuns", "BondsNotVerdicts", "DataRegistryNotRuns", "EnrolmentNotByItself", "TrainingRunsNotVerdicts"),
        *("CoopMembersBindRefused", "CoopMembersNotGovernor"),
    ),
    "a node's own duties": (
        *("TrainingRunsAlreadyOpened", "TrainingRunsAlreadySent", "TrainingRunsCommitmentMismatch"),
        *("TrainingRunsDigestMismatch", "TrainingRunsExitRound", "TrainingRunsMayNotDrop"),
        *("TrainingRunsSignatureInvalid", "TrainingRunsTooEarly"),
        *("ModelRegistryAlreadyRegistered", "ModelRegistryNoState", "ModelRegistryStateMismatch"),
        *("VerdictsAlreadySaid", "VerdictsConvicted", "VerdictsHeaderMismatch", "VerdictsNoEquivocation"),
        *("VerdictsNotAccusable", "VerdictsNotPresent", "VerdictsNotRevealed", "VerdictsNotSilent", "VerdictsOwnCase"),
        *("VerdictsSignatureInvalid", "VerdictsWrongSid"),
    ),
}
"""Refusals that nobody at the command line causes, but by a call of one's own in a proposal; and why."""


def test_every_refusal_is_told_or_nobodys() -> None:
    """An error that a contract gets has words and a next step here, or a reason why it needs none."""
    from aicommons.ledger import contracts

    names = [
        entry.name
        for each in (*contracts.NAMES, *contracts.PER_COOP)
        for entry in contracts.load(each).failures.values()
    ]
    uncaused = [name for names in UNCAUSED.values() for name in names]
    assert sorted(uncaused) == sorted(set(names) - set(refusals.WORDS))


@pytest.mark.parametrize("command", sorted(set(naming.LISTED_BY.values())))
def test_every_list_of_ids_is_a_command(command: str) -> None:
    """Who mistypes an id is sent to a command that there is."""
    noun, verb = command.split()[:2]
    group = main.commons.get_command(click.Context(main.commons), noun)
    assert isinstance(group, click.Group)
    assert verb in group.commands


def test_every_kind_of_id_has_a_list() -> None:
    """A kind that the commands resolve and that is no noun with a `list` of its own is in the table."""
    folder = pathlib.Path(naming.__file__).parent
    kinds = {
        kind for file in folder.glob("*.py") for kind in re.findall(r'resolve\([^"\n]*, "([^"]+)"\)', file.read_text())
    }
    assert {"attestation", "problem", "consent", "guardianship"} <= kinds
    for kind in kinds - set(naming.LISTED_BY):
        group = main.commons.get_command(click.Context(main.commons), kind)
        assert isinstance(group, click.Group), kind
        assert "list" in group.commands, kind


def test_a_malformed_subject_is_said_to_be_one() -> None:
    """Sixty-four letters that are no digits are refused in words, as short ones are; a digest is read in full."""
    view = views.LedgerView()
    for text in ("0xzz" + "1" * 62, "0x" + "1" * 64, "xyz"):
        with pytest.raises(errors.InputError, match="run or problem"):
            attest.named(text, view)
    assert attest.named("sha256:" + FIRST.hex(), view) == FIRST


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{'a': 1}", "line 1, column 2"),
    "not UTF-8": (b'{"a": "\xff"}', "UTF-8"),
    "not an object": (b"[1]", "object"),
    "empty": (b"", "not JSON"),
    "too long": (b" " * (encoding.MAX_DOCUMENT + 1), "too long"),
    "too deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON"),
}


@pytest.mark.parametrize("row", BAD_FILES)
def test_bad_file_is_named(tmp_path: pathlib.Path, row: str) -> None:
    """A file that is no JSON object is refused with its name."""
    data, expected = BAD_FILES[row]
    file = tmp_path / "given.json"
    file.write_bytes(data)
    with pytest.raises(errors.InputError, match=expected) as caught:
        given.read_json(file)
    assert "given.json" in str(caught.value)


def test_file_may_start_with_a_mark(tmp_path: pathlib.Path) -> None:
    """A byte order mark, as Windows editors write it, does no harm."""
    file = tmp_path / "given.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert given.read_json(file) == {"a": 1}


SCHEMA: dict[str, Any] = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}
PROBLEM: dict[str, Any] = {
    "title": "t",
    "affected": "a",
    "decision": "d",
    "why_ai": "w",
    "sdg_targets": ["3.4"],
    "metric": "auc",
    "baseline": "b",
}
BAD_PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "a field is missing": ({"title": None}, "problem.title"),
    "a field of another type": ({"sdg_targets": "3.4"}, "problem.sdg_targets"),
    "an unknown field": ({"budget": 5}, "budget"),
    "an unknown metric": ({"metric": "beauty"}, "problem.metric"),
    "another kind of document": ({"type": "plan"}, "plan"),
    "another version": ({"version": 2}, "another version"),
    "a target that does not exist": ({"sdg_targets": ["3.4", "3.99"]}, "problem.sdg_targets"),
    "a goal instead of a target": ({"sdg_targets": ["3"]}, "no such SDG target"),
    "an action line that does not exist": ({"action_lines": ["C7.E-sport"]}, "problem.action_lines"),
    "a purpose that nobody knows": ({"purpose": "DUO:9999999"}, "problem.purpose"),
    "a banned purpose": ({"purpose": "aic:SocialScoring"}, "banned"),
    "data that is needed for no purpose": ({"needs": {"columns": SCHEMA}}, "problem.purpose"),
    "columns that are none": ({"purpose": "DUO:0000007", "needs": {"columns": {}}}, "problem.needs"),
    "a country that is none": (
        {"purpose": "DUO:0000007", "needs": {"columns": SCHEMA, "countries": ["Kenya"]}},
        "problem.needs.countries",
    ),
    "a need that is unknown": ({"purpose": "DUO:0000007", "needs": {"columns": SCHEMA, "rows": 5}}, "rows"),
    "a text that is too long": ({"title": "t" * 20_001}, "problem.title"),
}


@pytest.mark.parametrize("row", BAD_PROBLEMS)
def test_bad_problem_is_named(tmp_path: pathlib.Path, row: str) -> None:
    """A mistake in a problem's file is named with file and field."""
    change, expected = BAD_PROBLEMS[row]
    body = {name: value for name, value in (PROBLEM | change).items() if value is not None}
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(body))
    with pytest.raises(errors.InputError) as caught:
        given.problem(file)
    assert str(caught.value).startswith("problem.json: ")
    assert expected in str(caught.value)


def test_schema_is_found_in_a_plan(tmp_path: pathlib.Path) -> None:
    """A schema may be given bare, in a recipe, or in a plan."""
    file = tmp_path / "schema.json"
    for body in (SCHEMA, {"schema": SCHEMA}, {"title": "t", "recipe": {"recipe": "glm", "schema": SCHEMA}}):
        file.write_text(json.dumps(body))
        assert given.columns(file).target.name == "outcome"


def test_plan_is_completed(tmp_path: pathlib.Path) -> None:
    """A plan's file may leave out what has a default; what is published has every option written out."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"title": "t", "recipe": {"recipe": "glm", "schema": SCHEMA}}))
    read = given.plan(file)
    assert read.held_out_percent == 30
    assert set(read.recipe) > {"recipe", "schema", "seed", "ridge"}


SPEC = run.RunSpec(
    problem=bytes(32), plan=ids.Digest(bytes(32)), terms=ids.Digest(bytes(32)), purpose=bytes(32),
    solver=ids.MemberId(9), rounds=5, min_participants=3, max_participants=5, layout=1, cell_size=0, suite=3, max_attempts=3,
    enrol_until=1000, phase_seconds=60, patience_seconds=600, solver_shares=0, owner_shares=0, bond=0, token=run.COIN,
    commercial=False, price=0, salt=bytes(32),
)  # fmt: skip
AT = events.Position(1, 0, 500)
ROSTER = events.RosterFixed(AT, ids.RunId(FIRST), OTHER, (1, 2, 3), (ids.Address(bytes(20)),) * 3, 1, 0, 3)


def _run(state: run.RunState, **fields: Any) -> views.RunView:
    return dataclasses.replace(views.RunView(SPEC, AT), state=state, **fields)


def _training(attempt: views.AttemptView) -> views.RunView:
    return _run(run.RunState.RUNNING, roster=ROSTER, attempts={(0, 0): attempt})


def test_cells_are_told() -> None:
    """Who is summed with whom is said with what it means for readers, and which cell sits a round out."""
    divided = dataclasses.replace(SPEC, cell_size=4)
    roster = dataclasses.replace(ROSTER, member_ids=tuple(range(1, 9)))
    seen = views.AttemptView(run.Phase.SUBMITTED, cells={1: 0xF0})
    fields = {"roster": roster, "cells": (0x0F, 0xF0), "attempts": {(0, 0): seen}}
    current = dataclasses.replace(_run(run.RunState.RUNNING, **fields), spec=divided)
    told = [line for line in telling.lines(ids.RunId(FIRST), current, str) if "  cell" in line]
    assert told == [
        "  cells      of at least 4 sites; readers see the sums of each cell, not only of all",
        "  cell 1     1, 2, 3, 4; a site is missing, so this cell sits the round out",
        "  cell 2     5, 6, 7, 8",
    ]
    alone = telling.lines(ids.RunId(FIRST), _run(run.RunState.RUNNING, roster=ROSTER), str)
    assert not any("  cell" in line for line in alone)


SENT: Any = object()
WAITS = {
    "enrolment": (_run(run.RunState.ENROLLING), "enrolments", (), 1000),
    "acks": (
        _run(run.RunState.ACKING, roster=ROSTER, acks={2: departed_runs.acked(2)}, deadline=77),
        "confirmation",
        (1, 3),
        77,
    ),
    "submits": (_training(views.AttemptView(deadline=70, submits={1: SENT})), "masked vectors", (2, 3), 70),
    "submits of a fixed set": (
        _training(views.AttemptView(set_bits=0b101, submits={1: SENT})),
        "masked vectors",
        (3,),
        None,
    ),
    "commits": (_training(views.AttemptView(run.Phase.SUBMITTED, commits={3: SENT})), "commitments", (1, 2), None),
    "reveals": (
        _training(views.AttemptView(run.Phase.FIXED, commits={1: SENT, 2: SENT}, reveals={1: SENT})),
        "mask sums",
        (2,),
        None,
    ),
    "reveals of all who committed": (
        _training(views.AttemptView(run.Phase.FIXED, commits={1: SENT, 2: SENT}, reveals={1: SENT, 2: SENT})),
        "mask sums",
        (3,),
        None,
    ),
    "reveals but for one that is waived": (
        _training(views.AttemptView(run.Phase.FIXED, commits={1: SENT, 2: SENT}, reveals={1: SENT}, waived={2: SENT})),
        "mask sums",
        (3,),
        None,
    ),
    "submits without who was dropped": (
        dataclasses.replace(_training(views.AttemptView(deadline=70, submits={1: SENT})), dropped={2: SENT}),
        "masked vectors",
        (3,),
        70,
    ),
    "the next state": (_training(views.AttemptView(run.Phase.UNMASKED)), "new state", (), None),
    "absent members": (_run(run.RunState.PAUSED, roster=ROSTER, missing=0b010, deadline=99), "absent", (2,), 99),
    "nothing": (_run(run.RunState.COMPLETED, roster=ROSTER), "", (), None),
}


@pytest.mark.parametrize("row", WAITS)
def test_waiting_names_what_and_whom(row: str) -> None:
    """A run says what it waits for, of whom, and until when."""
    current, what, members, until = WAITS[row]
    awaited = telling.waiting(current)
    assert what in awaited.what
    assert (awaited.what == "") == (what == "")
    assert (awaited.members, awaited.until) == (members, until)


def test_run_in_words_names_who_is_out() -> None:
    """A site that was put out is told with the reason, apart from one that left by its own exit."""
    key = ids.Address(bytes(20))
    seats = {
        member: events.Enrolled(AT, ids.RunId(FIRST), ids.MemberId(member), 1, 1, OTHER, key, run.Absence.EXIT, b"")
        for member in (1, 2, 3)
    }
    current = dataclasses.replace(
        _training(views.AttemptView()), enrolled=seats, dropped={2: SENT}, exits={2: SENT, 3: SENT}
    )
    told = [line for line in telling.lines(ids.RunId(FIRST), current, "member {}".format) if "  site" in line]
    assert ["its consent" in line for line in told] == [False, True, False]
    assert ["left the run" in line for line in told] == [False, False, True]


@pytest.mark.parametrize(
    ("denial", "said"), [(11, "does not cover the purpose"), (16, "asks more"), (99, "a number that is unknown here")]
)
def test_a_denied_use_says_why(denial: int, said: str) -> None:
    """The ledger's reason is said in words; one that this version does not know is said to be so."""
    told = refusals.in_words(errors.LedgerRefused("x", error="DataRegistryUseDenied", arguments=(OTHER, denial)))
    assert told is not None
    assert said in told[0]


def test_every_denial_has_words() -> None:
    """The words stand in the order of the contract's enumeration, and none is missing."""
    source = (pathlib.Path(__file__).parents[2] / "contracts/src/interfaces/IDataRegistry.sol").read_text()
    listed = source.split("enum Denial {")[1].split("}")[0].split(",")
    known = [each.name.replace("_", "").lower() for each in rules.Denial if each.is_on_ledger]
    assert known == [name.strip().lower() for name in listed]


def test_every_state_and_reason_has_words() -> None:
    """No state, reason or phase is told by its number."""
    assert set(telling.STATES) == set(run.RunState)
    assert set(telling.REASONS) == set(run.Reason)
    assert set(telling.STEPS) | {run.Phase.NONE} == set(run.Phase)


@pytest.mark.parametrize(("suite", "is_told"), [(3, False), (7, True)], ids=["plain boxes", "hybrid boxes"])
def test_hybrid_boxes_are_told(suite: int, is_told: bool) -> None:
    """Whoever looks at a run sees that its boxes take an ML-KEM secret, and no such line where they do not."""
    current = dataclasses.replace(_run(run.RunState.RUNNING), spec=dataclasses.replace(SPEC, suite=suite))
    said = telling.lines(ids.RunId(FIRST), current, str)
    assert any("ML-KEM" in line for line in said) == is_told


ABSENT = {
    "a site that the run waits for": (run.Absence.WAIT, run.Phase.OPEN, "the run waits for such a site"),
    "a site without which too few are left": (
        run.Absence.EXIT,
        run.Phase.OPEN,
        "2 sites would be left, and 3 are needed",
    ),
    "a site whose commitment is missing": (run.Absence.EXIT, run.Phase.SUBMITTED, "nobody can do without it"),
}


@pytest.mark.parametrize("row", ABSENT)
def test_a_run_that_ended_for_silence_names_who_was_absent(row: str) -> None:
    """Its end alone says neither who it was nor why the others did not go on."""
    absence, phase, why = ABSENT[row]
    key, members = ids.Address(bytes(20)), (1, 2, 3) if phase is run.Phase.OPEN else (1, 2, 3, 4, 5)
    sent = {member: SENT for member in members if member != 3}
    roster = dataclasses.replace(ROSTER, member_ids=members)
    seats = {
        member: events.Enrolled(AT, ids.RunId(FIRST), ids.MemberId(member), 1, 1, OTHER, key, absence, b"")
        for member in members
    }
    bits = (1 << len(members)) - 1
    attempt = views.AttemptView(phase, set_bits=bits, submits=sent, commits=sent if len(members) > 3 else {})
    over = {"reason": run.Reason.PATIENCE_OVER, "enrolled": seats, "roster": roster, "attempts": {(0, 0): attempt}}
    told = telling.lines(ids.RunId(FIRST), _run(run.RunState.ENDED, **over), "member {}".format)
    (line,) = (each for each in told if "  absent" in each)
    assert "member 3" in line
    assert "member 1" not in line
    assert why in line
