"""Which function of which contract is done by whom in the in-memory ledger, and which view is answered by whom.

Built once by ``MemoryLedger`` from its parts. What stands in no table here is not kept.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aicommons.domain import encoding, events, ids, messages, run
from aicommons.ledger import deployments
from aicommons.ledger.memory import (
    attestations,
    awards,
    book,
    datasets,
    governor,
    members,
    models,
    problems,
    releases,
    run_records,
    runs,
    vault,
    verdicts,
)

M = TypeVar("M", bound=messages.Message)
Act = Callable[..., object]
View = Callable[..., object]
Table = Mapping[tuple[str, str], Act]


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """The contracts of one ledger."""

    named: members.Members
    """Membership."""
    listed: datasets.Datasets
    """DataRegistry."""
    stated: problems.Problems
    """Problems, without their money."""
    laid: awards.Awards
    """The money on problems."""
    held: vault.Vault
    """Vault."""
    bonds: vault.Bonds
    """Bonds."""
    trained: runs.Runs
    """TrainingRuns."""
    made: models.Models
    """ModelRegistry: where models come from."""
    released: releases.Releases
    """ModelRegistry: what becomes of them."""
    judged: verdicts.Verdicts
    """Verdicts."""
    said: attestations.Attestations
    """Attestations."""
    governed: governor.Governor
    """CommonsGovernor and TimelockController."""


def make(kept: book.Book, act: governor.Act) -> Parts:
    """Return the parts of a ledger; ``act`` does a call that members carried."""
    named, listed = members.Members(kept), datasets.Datasets(kept)
    stated, held = problems.Problems(kept, named, listed), vault.Vault(kept)
    bonds = vault.Bonds(kept, held)
    trained = runs.Runs(kept, (named, listed, stated), bonds)
    made, said = models.Models(kept, named, trained), attestations.Attestations(kept, named)
    released = releases.Releases(kept, made, (named, listed, said, held))
    laid, governed = awards.Awards(stated, named, held), governor.Governor(kept, act)
    judged = verdicts.Verdicts(kept, trained, bonds)
    return Parts(named, listed, stated, laid, held, bonds, trained, made, released, judged, said, governed)


def acts(parts: Parts) -> Table:
    """Return what does a call of a contract's function."""
    return _flat(_member_acts(parts), _data_acts(parts), _money_acts(parts), _run_acts(parts), _model_acts(parts))


def _member_acts(parts: Parts) -> dict[str, dict[str, Act]]:
    named, governed = parts.named, parts.governed
    return {
        "Membership": {
            "applyAs": lambda *said: named.apply_as(members.Application(*said)),
            "admit": named.admit,
            "suspend": named.suspend,
            "reinstate": named.reinstate,
            "setNodeKey": named.set_node_key,
            "setReaderPoint": named.set_reader_point,
            "setProfile": named.set_profile,
            "leave": named.leave,
            "setRegistrars": named.set_registrars,
            "expel": named.expel,
            "grantRole": named.grant_role,
            "revokeRole": named.revoke_role,
        },
        "CommonsGovernor": {
            "propose": governed.propose,
            "castVote": governed.vote,
            "castVoteWithReason": governed.vote,
            "queue": governed.queue,
            "execute": governed.execute,
            "cancel": governed.cancel,
            "setVotingDelay": governed.set_delay,
            "setVotingPeriod": governed.set_period,
            "updateQuorumNumerator": governed.set_percent,
        },
        "TimelockController": {"updateDelay": governed.set_timelock},
        "Attestations": {"attest": parts.said.attest, "revoke": parts.said.revoke},
    }


def _data_acts(parts: Parts) -> dict[str, dict[str, Act]]:
    listed = parts.listed
    return {
        "DataRegistry": {
            "list": lambda *said: listed.list_dataset(_described(*said)),
            "publishVersion": lambda dataset_id, *said: listed.publish_version(dataset_id, _described(*said)),
            "suspend": listed.suspend,
            "resume": listed.resume,
            "retire": listed.retire,
            "entrust": listed.entrust,
            "discharge": listed.discharge,
            "give": listed.give,
            "revoke": listed.revoke,
            "changeBanned": listed.change_banned,
        },
    }


def _described(card: bytes, policy: bytes, asked: Sequence[Any], *price: Any) -> datasets.Described:
    return datasets.Described(card, policy, events.Rules(*asked), *price)


def _money_acts(parts: Parts) -> dict[str, dict[str, Act]]:
    stated, laid, held = parts.stated, parts.laid, parts.held
    owes = parts.trained.owes_bond
    return {
        "Problems": {
            "state": stated.state,
            "stateContest": lambda *said: stated.state_contest(said[:4], *said[4:]),
            "sendBack": stated.send_back,
            "amend": stated.amend,
            "close": stated.close,
            "commit": stated.commit,
            "reveal": stated.reveal,
            "setRules": lambda said: stated.change_rules(deployments.ProblemRules(*said)),
            "fund": laid.fund,
            "judge": laid.judge,
            "challenge": laid.challenge,
            "settle": laid.settle,
            "resolve": laid.resolve,
            "refund": laid.refund,
        },
        "Vault": {
            "deposit": held.deposit,
            "withdraw": held.withdraw,
            "transfer": held.transfer,
            "expire": lambda lock_id: held.expire(lock_id),
        },
        "Bonds": {"giveBack": lambda run_id, member_id: parts.bonds.give_back(run_id, member_id, owes)},
    }


def _run_acts(parts: Parts) -> dict[str, dict[str, Act]]:
    trained = parts.trained
    return {
        "TrainingRuns": {
            "open": lambda spec: trained.open(run.RunSpec(*spec)),
            "enrol": lambda run_id, dataset_id, consent_id, absence, signed: trained.enrol(
                run_id, run_records.Brought(dataset_id, consent_id, run.Absence(absence)), signed
            ),
            "bring": trained.bring,
            "close": trained.close,
            "ack": lambda run_id, *said: trained.ack(run_id, messages.Ack(bytes(32), *said[:-1]), said[-1]),
            "submit": lambda place, *said: trained.submit(
                encoding.AttemptKey(*place[:3]), place[3], *said[:-1], signed=said[-1]
            ),
            "commit": _of_attempt(trained.commit, messages.Commit),
            "reveal": _of_attempt(trained.reveal, messages.Reveal),
            "result": _of_attempt(trained.result, messages.Result),
            "exit": lambda *said: trained.exit(messages.Exit(*said[:-1]), said[-1]),
            "drop": trained.drop,
            "rotate": trained.rotate,
            "advance": trained.advance,
            "cancel": trained.cancel,
        },
        "Verdicts": {
            "complain": _of_attempt(parts.judged.complain, messages.Complain),
            "dispute": _of_attempt(parts.judged.dispute, messages.Dispute),
            "verdict": _of_attempt(parts.judged.verdict, messages.Verdict),
            "equivocated": lambda place, kind, epoch, state_digest, *said: parts.judged.equivocated(
                encoding.AttemptKey(*place[:3]), place[3], messages.Kind(kind), (epoch, state_digest, *said)
            ),
        },
    }


def _of_attempt(act: Callable[[encoding.AttemptKey, M, bytes], None], kind: Callable[..., M]) -> Act:
    """Return a call whose first value names run, round, attempt and seat, whose last is the signature."""

    def do(place: Sequence[Any], sid: bytes, *said: Any) -> None:
        act(encoding.AttemptKey(*place[:3]), kind(sid, place[3], *said[:-1]), said[-1])

    return do


def _model_acts(parts: Parts) -> dict[str, dict[str, Act]]:
    made, released = parts.made, parts.released
    return {
        "ModelRegistry": {
            "register": made.register,
            "amend": released.amend,
            "ask": made.ask,
            "requestAudit": released.request_audit,
            "clear": released.clear,
            "release": released.release,
            "suspend": released.suspend,
            "resume": released.resume,
            "withdraw": released.withdraw,
            "setAuditRules": lambda said: released.change_rules(deployments.AuditRules(*said)),
            "pay": released.pay,
            "claim": released.claim,
        },
    }


def views(kept: book.Book, parts: Parts) -> Mapping[tuple[str, str], View]:
    """Return what answers a contract's view."""
    named, listed, trained = parts.named, parts.listed, parts.trained
    return _flat(
        {
            "Membership": {
                "memberOf": kept.member_of,
                "isActive": kept.is_active,
                "memberOfNodeKey": named.member_of_node_key,
                "accountOf": named.account_of,
                "nodeKeyOf": named.node_key_of,
                "hasRole": named.has_role,
            },
            "DataRegistry": {
                "isLive": listed.is_live,
                "livedAt": listed.lived_at,
                "ownerOf": listed.owner_of,
                "purposeBit": listed.purpose_bit,
                "bannedPurposes": listed.banned,
            },
            "Problems": {"isOpen": parts.stated.is_open},
            "Vault": {"balanceOf": parts.held.balance_of},
            "Attestations": {"isLive": parts.said.is_live},
            "ModelRegistry": {"claimable": parts.released.claimable},
            "Verdicts": {"verdictsOn": parts.judged.verdicts_on, "isConvicted": parts.judged.is_convicted},
            "TrainingRuns": {
                "owesBond": trained.owes_bond,
                "sidOf": trained.sid_of,
                "isAgreedState": trained.is_agreed_state,
                "finalState": lambda run_id: trained.record(run_id).final_state,
                "cells": lambda run_id: (trained.record(run_id).cells,),  # one output, an array
            },
        }
    )


def _flat(*contracts: Mapping[str, Mapping[str, Act]]) -> Mapping[tuple[str, str], Act]:
    return {
        (contract, name): act for each in contracts for contract, acts in each.items() for name, act in acts.items()
    }


def natural(kind: str, value: Any) -> Any:
    """Return a value as the ABI decoder gives it in the form in which clients give it: addresses as bytes."""
    if kind.endswith("[]"):
        return [natural(kind[:-2], each) for each in value]
    if kind.startswith("("):
        return tuple(natural(part, each) for part, each in zip(encoding.abi_components(kind), value, strict=True))
    return ids.parse_address(value) if kind == "address" else value
