"""Logs to records: the one place where contract events become ``domain/events`` records.

Called by the client for every log of the commons' contracts. Decoding is by the packaged ABI; a table says which record
an event becomes and which of its names differ. Events that nobody reads yet are left out.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from aicommons.domain import encoding, errors, events, ids, messages, model_events, money_events, run, vote_events
from aicommons.ledger import contracts

Values = dict[str, Any]


def decode(contract: str, log: Mapping[str, Any]) -> events.Event | None:
    """Return the record of a JSON-RPC log of ``contract``, or ``None`` for an event that nobody reads.

    Raises:
        errors.DecodeError: the log has not the form of one, or does not fit the contract's ABI.
    """
    try:
        return _decode(contract, log)
    except (ValueError, KeyError, TypeError, StopIteration) as err:
        raise errors.DecodeError("a log is malformed", which=contract, next_step="do not use this ledger") from err


def _decode(contract: str, log: Mapping[str, Any]) -> events.Event | None:
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    entry = contracts.load(contract).events.get(topics[0]) if topics else None
    make = RECORDS.get((contract, entry.name)) if entry is not None else None
    if entry is None or make is None:
        return None
    time = log.get("blockTimestamp")
    if time is None:
        raise errors.DecodeError("a log carries no block time", next_step="use a ledger that reports blockTimestamp")
    at = events.Position(int(log["blockNumber"], 16), int(log["logIndex"], 16), int(time, 16))
    return make(at, _values(entry, topics[1:], bytes.fromhex(log["data"][2:])))


def _values(entry: contracts.Entry, topics: list[bytes], data: bytes) -> Values:
    plain = [kind for kind, is_topic in zip(entry.types, entry.indexed, strict=True) if not is_topic]
    from_data = iter(_decode_data(plain, data))
    from_topics = iter(topics)
    values: Values = {}
    for name, kind, is_topic in zip(entry.names, entry.types, entry.indexed, strict=True):
        values[name] = _word(kind, next(from_topics)) if is_topic else next(from_data)
    return values


def _decode_data(types: list[str], data: bytes) -> list[Any]:
    """Return the values of a log's data; the common case, words and then one ``bytes``, is read directly.

    Every node decodes every message of a run: eth_abi alone would take 0.2 ms for each.
    """
    words = [data[at : at + 32] for at in range(0, 32 * len(types), 32)]
    is_tailed = bool(types) and types[-1] == "bytes"
    if not all(kind in WORDS for kind in (types[:-1] if is_tailed else types)) or len(data) < 32 * len(types):
        # A text comes as bytes: anybody may emit one that is no UTF-8, and others must still read the log.
        decoded = encoding.abi_decode([kind.replace("string", "bytes") for kind in types], data)
        return [_address(value) if kind == "address" else value for kind, value in zip(types, decoded, strict=True)]
    if not is_tailed:
        return [_word(kind, word) for kind, word in zip(types, words, strict=True)]
    head = [_word(kind, word) for kind, word in zip(types[:-1], words, strict=False)]
    start = int.from_bytes(words[-1], "big")
    size = int.from_bytes(data[start : start + 32], "big")
    tail = data[start + 32 : start + 32 + size]
    if start != 32 * len(types) or len(tail) != size:
        raise errors.DecodeError("not the ABI encoding of these types", expected=", ".join(types))
    return [*head, tail]


WORDS = frozenset({"bytes32", "address", "uint8", "uint16", "uint32", "uint64", "uint256"})
"""Types that fill one word and have no padding that could be wrong but in front."""


def _word(kind: str, word: bytes) -> Any:
    if kind == "bytes32":
        return word
    if kind == "address":
        return word[12:]
    if kind in WORDS:
        return int.from_bytes(word, "big")
    return encoding.abi_decode([kind], word)[0]


def _address(value: object) -> bytes:
    return bytes.fromhex(str(value)[2:])


def _record(kind: type[events.Event], **renamed: str) -> Callable[[events.Position, Values], events.Event]:
    def make(at: events.Position, values: Values) -> events.Event:
        return kind(at, **{renamed.get(name, _snake(name)): value for name, value in values.items()})

    return make


@functools.cache
def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def _equivocated(at: events.Position, values: Values) -> events.Event:
    kind = messages.Kind(values["kind"])
    place = (values["runId"], values["guiltyId"], kind, values["round"], values["attempt"], values["sid"])
    first, second = ((tuple(fields), signed) for fields, signed in (values["first"], values["second"]))
    return events.Equivocated(at, *place, first, second)


def _consent_given(at: events.Position, values: Values) -> events.Event:
    terms = events.ConsentTerms(*values["terms"])
    return events.ConsentGiven(at, values["consentId"], values["datasetId"], values["holder"], terms)


def _described(kind: type[events.Event]) -> Callable[[events.Position, Values], events.Event]:
    made = _record(kind)
    return lambda at, values: made(at, values | {"rules": events.Rules(*values["rules"])})


def _wished(at: events.Position, values: Values) -> events.Event:
    return _record(events.Wished)(at, values | {"wish": events.Wish(values["wish"])})


def _problem_stated(at: events.Position, values: Values) -> events.Event:
    return _record(events.ProblemStated)(at, values | {"judge": values["judge"] or None})


def _run_opened(at: events.Position, values: Values) -> events.Event:
    terms: list[Any] = list(values["spec"])
    token = run.RUN_SPEC_TYPES.index("address")
    terms[token] = _address(terms[token])
    return events.RunOpened(at, values["runId"], values["solver"], run.RunSpec(*terms))


def _enrolled(at: events.Position, values: Values) -> events.Event:
    values = values | {"absence": run.Absence(values["absence"])}
    return _record(events.Enrolled)(at, values)


def _roster_fixed(at: events.Position, values: Values) -> events.Event:
    keys = tuple(ids.parse_address(key) for key in values["nodeKeys"])
    values = values | {"ids": tuple(values["ids"]), "nodeKeys": keys}
    return _record(events.RosterFixed, ids="member_ids")(at, values)


def _cells_drawn(at: events.Position, values: Values) -> events.Event:
    return _record(events.CellsDrawn)(at, values | {"cells": tuple(values["cells"])})


def _phase_entered(at: events.Position, values: Values) -> events.Event:
    values = values | {"phase": run.Phase(values["phase"])}
    return _record(events.PhaseEntered, round="round_index", set="set_bits")(at, values)


def _state_changed(at: events.Position, values: Values) -> events.Event:
    values = values | {"state": run.RunState(values["state"]), "reason": run.Reason(values["reason"])}
    return _record(events.RunStateChanged, round="round_index")(at, values)


def _model_registered(at: events.Position, values: Values) -> events.Event:
    sources = tuple(events.Source(*source) for source in values["sources"])
    return _record(events.ModelRegistered, modelId="run_id")(at, values | {"sources": sources})


def _of_model(kind: type[model_events.OfModel]) -> Callable[[events.Position, Values], events.Event]:
    made = _record(kind)

    def make(at: events.Position, values: Values) -> events.Event:
        named = {name: model_events.ModelState(values[name]) for name in ("previous", "state") if name in values}
        shown = {"audits": tuple(values["audits"])} if "audits" in values else {}
        return made(at, values | named | shown)

    return make


def _attested(at: events.Position, values: Values) -> events.Event:
    return _record(model_events.Attested)(at, values | {"kind": model_events.Kind(values["kind"])})


def _answered(at: events.Position, values: Values) -> events.Event:
    return _record(events.RequestAnswered)(at, values | {"answer": events.Answer(values["answer"])})


def _proposed(at: events.Position, values: Values) -> events.Event:
    lists = {name: tuple(values[name]) for name in ("values", "calldatas")}
    targets = tuple(ids.parse_address(target) for target in values["targets"])
    signatures = tuple(_text(each) for each in values["signatures"])
    changed = lists | {"targets": targets, "signatures": signatures, "description": _text(values["description"])}
    return _record(events.ProposalCreated)(at, values | changed)


def _voted(at: events.Position, values: Values) -> events.Event:
    changed = {"support": events.Support(values["support"]), "reason": _text(values["reason"])}
    told = {name: value for name, value in values.items() if name != "params"}  # which no counting of ours reads
    return _record(events.VoteCast)(at, told | changed)


def _role_changed(kind: type[events.Event]) -> Callable[[events.Position, Values], events.Event]:
    made = _record(kind)
    return lambda at, values: made(at, values | {"role": vote_events.Role(values["role"])})


def _registrars_set(at: events.Position, values: Values) -> events.Event:
    registrars = tuple(ids.parse_address(each) for each in values["registrars"])
    return vote_events.RegistrarsSet(at, registrars, values["threshold"])


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


ROUND = {"round": "round_index"}
GUARDIANSHIP = {"id": "guardianship_id"}
QUORUM = {"oldQuorumNumerator": "old_percent", "newQuorumNumerator": "percent"}
RECORDS: Mapping[tuple[str, str], Callable[[events.Position, Values], events.Event]] = {
    ("Membership", "Applied"): _record(events.MemberApplied),
    ("Membership", "Admitted"): _record(events.MemberAdmitted),
    ("Membership", "NodeKeySet"): _record(events.NodeKeySet),
    ("Membership", "ReaderPointSet"): _record(events.ReaderPointSet),
    ("Membership", "ProfileSet"): _record(events.ProfileSet),
    ("Membership", "Suspended"): _record(events.MemberSuspended),
    ("Membership", "Reinstated"): _record(events.MemberReinstated),
    ("Membership", "Left"): _record(events.MemberLeft),
    ("Membership", "Expelled"): _record(vote_events.MemberExpelled),
    ("Membership", "RegistrarsSet"): _registrars_set,
    ("Membership", "RoleGranted"): _role_changed(vote_events.RoleGranted),
    ("Membership", "RoleRevoked"): _role_changed(vote_events.RoleRevoked),
    ("Membership", "GuardianSet"): _record(events.GuardianSet),
    ("Membership", "RecoveryBegun"): _record(events.RecoveryBegun),
    ("Membership", "RecoveryVetoed"): _record(events.RecoveryVetoed),
    ("Membership", "Recovered"): _record(events.MemberRecovered),
    ("DataRegistry", "BannedSet"): _record(model_events.BannedSet),
    ("CommonsGovernor", "ProposalCreated"): _proposed,
    ("CommonsGovernor", "VoteCast"): _voted,
    ("CommonsGovernor", "VoteCastWithParams"): _voted,
    ("CommonsGovernor", "ProposalQueued"): _record(vote_events.ProposalQueued),
    ("CommonsGovernor", "ProposalExecuted"): _record(events.ProposalExecuted),
    ("CommonsGovernor", "ProposalCanceled"): _record(events.ProposalCanceled),
    ("CommonsGovernor", "VotingDelaySet"): _record(vote_events.VotingDelaySet),
    ("CommonsGovernor", "VotingPeriodSet"): _record(vote_events.VotingPeriodSet),
    ("CommonsGovernor", "QuorumNumeratorUpdated"): _record(vote_events.QuorumSet, **QUORUM),
    ("CommonsGovernor", "QuorumMinimumFixed"): _record(vote_events.QuorumMinimumFixed),
    ("TimelockController", "MinDelayChange"): _record(vote_events.TimelockDelaySet),
    ("DataRegistry", "Listed"): _described(events.DatasetListed),
    ("DataRegistry", "VersionPublished"): _described(events.VersionPublished),
    ("DataRegistry", "DatasetSuspended"): _record(events.DatasetSuspended),
    ("DataRegistry", "DatasetResumed"): _record(events.DatasetResumed),
    ("DataRegistry", "DatasetRetired"): _record(events.DatasetRetired),
    ("DataRegistry", "Entrusted"): _record(events.DatasetEntrusted),
    ("DataRegistry", "Discharged"): _record(events.DatasetDischarged),
    ("DataRegistry", "ConsentGiven"): _consent_given,
    ("DataRegistry", "ConsentRevoked"): _record(events.ConsentRevoked),
    ("DataRegistry", "ConsentUsed"): _record(events.ConsentUsed),
    ("Problems", "Stated"): _problem_stated,
    ("Problems", "ContestStated"): _record(money_events.ContestStated),
    ("Problems", "SentBack"): _record(money_events.ProblemSentBack),
    ("Problems", "Amended"): _record(money_events.ProblemAmended),
    ("Problems", "Closed"): _record(money_events.ProblemClosed),
    ("Problems", "SubmissionCommitted"): _record(money_events.SubmissionCommitted),
    ("Problems", "SubmissionRevealed"): _record(money_events.SubmissionRevealed),
    ("Problems", "Funded"): _record(money_events.AwardFunded),
    ("Problems", "Judged"): _record(money_events.AwardJudged),
    ("Problems", "AwardChallenged"): _record(money_events.AwardChallenged),
    ("Problems", "AwardPaid"): _record(money_events.AwardPaid),
    ("Problems", "AwardRefunded"): _record(money_events.AwardRefunded),
    ("Problems", "RulesSet"): _record(money_events.ProblemRulesSet),
    ("Vault", "Deposited"): _record(money_events.Deposited),
    ("Vault", "Withdrawn"): _record(money_events.Withdrawn),
    ("Vault", "Transfer"): _record(money_events.CreditMoved, id="token_id"),
    ("Vault", "Collected"): _record(money_events.Collected),
    ("Vault", "LockMade"): _record(money_events.LockMade),
    ("Vault", "LockReleased"): _record(money_events.LockReleased),
    ("Vault", "LockRefunded"): _record(money_events.LockRefunded),
    ("Vault", "LockExpired"): _record(money_events.LockExpired),
    ("Bonds", "BondTaken"): _record(money_events.BondTaken),
    ("Bonds", "BondGivenBack"): _record(money_events.BondGivenBack),
    ("Bonds", "BondForfeited"): _record(money_events.BondForfeited),
    ("Verdicts", "Complained"): _record(events.Complained, **ROUND),
    ("Verdicts", "Disputed"): _record(events.Disputed, **ROUND),
    ("Verdicts", "VerdictGiven"): _record(events.VerdictGiven, **ROUND),
    ("Verdicts", "Convicted"): _record(events.Convicted),
    ("Verdicts", "Equivocated"): _equivocated,
    ("TrainingRuns", "RunOpened"): _run_opened,
    ("TrainingRuns", "Enrolled"): _enrolled,
    ("TrainingRuns", "Brought"): _record(events.Brought),
    ("TrainingRuns", "LeftOut"): _record(events.LeftOut),
    ("TrainingRuns", "RosterFixed"): _roster_fixed,
    ("TrainingRuns", "CellsDrawn"): _cells_drawn,
    ("TrainingRuns", "Acked"): _record(events.Acked),
    ("TrainingRuns", "Submitted"): _record(events.Submitted, **ROUND),
    ("TrainingRuns", "Voided"): _record(events.Voided, **ROUND),
    ("TrainingRuns", "Committed"): _record(events.Committed, **ROUND),
    ("TrainingRuns", "Revealed"): _record(events.Revealed, **ROUND),
    ("TrainingRuns", "Resulted"): _record(events.Resulted, **ROUND),
    ("TrainingRuns", "StateAgreed"): _record(events.StateAgreed),
    ("TrainingRuns", "Waived"): _record(events.Waived, **ROUND),
    ("TrainingRuns", "Rotated"): _record(events.Rotated),
    ("TrainingRuns", "Exited"): _record(events.Exited),
    ("TrainingRuns", "Dropped"): _record(events.Dropped),
    ("TrainingRuns", "PhaseEntered"): _phase_entered,
    ("TrainingRuns", "RunStateChanged"): _state_changed,
    ("ModelRegistry", "Registered"): _model_registered,
    ("ModelRegistry", "SharesGiven"): _record(events.SharesGiven, modelId="run_id"),
    ("ModelRegistry", "Wished"): _wished,
    ("ModelRegistry", "AuditRequested"): _of_model(model_events.AuditRequested),
    ("ModelRegistry", "ModelAmended"): _of_model(model_events.ModelAmended),
    ("ModelRegistry", "ModelCleared"): _of_model(model_events.ModelCleared),
    ("ModelRegistry", "ModelReleased"): _of_model(model_events.ModelReleased),
    ("ModelRegistry", "ModelSuspended"): _of_model(model_events.ModelSuspended),
    ("ModelRegistry", "ModelResumed"): _of_model(model_events.ModelResumed),
    ("ModelRegistry", "ModelWithdrawn"): _of_model(model_events.ModelWithdrawn),
    ("ModelRegistry", "RevenuePaid"): _of_model(model_events.RevenuePaid),
    ("ModelRegistry", "RevenueClaimed"): _of_model(model_events.RevenueClaimed),
    ("ModelRegistry", "AuditRulesSet"): _record(model_events.AuditRulesSet),
    ("Attestations", "Attested"): _attested,
    ("Attestations", "AttestationRevoked"): _record(model_events.AttestationRevoked),
    ("ConsentRegister", "RegisterOpened"): _record(events.RegisterOpened),
    ("ConsentRegister", "Posted"): _record(events.RegisterPosted),
    ("ConsentRegister", "Withdrawn"): _record(events.LeafWithdrawn),
    ("Guardianships", "GuardianAttested"): _record(events.GuardianAttested, **GUARDIANSHIP),
    ("Guardianships", "GuardianshipRevoked"): _record(events.GuardianshipRevoked, **GUARDIANSHIP),
    ("Requests", "Asked"): _record(events.RequestAsked, runId="for_run"),
    ("Requests", "Answered"): _answered,
    ("Requests", "Replied"): _record(events.RequestReplied),
    ("Requests", "RequestWithdrawn"): _record(events.RequestWithdrawn),
    ("CoopMembers", "PersonAdmitted"): _record(events.PersonAdmitted),
    ("CoopMembers", "PersonLeft"): _record(events.PersonLeft),
    ("CoopGovernor", "ProposalCreated"): _proposed,
    ("CoopGovernor", "VoteCast"): _voted,
    ("CoopGovernor", "VoteCastWithParams"): _voted,
    ("CoopGovernor", "ProposalExecuted"): _record(events.ProposalExecuted),
    ("CoopGovernor", "ProposalCanceled"): _record(events.ProposalCanceled),
}
