"""The in-memory ledger itself: which function of which contract is done by whom, one call after the other.

Whoever builds one gets clients from ``connect``. Left out: who pays, and several processes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aicommons.domain import encoding, errors, events, ids, messages, run, vocabulary
from aicommons.ledger import deployments
from aicommons.ledger.memory import book, client, datasets, founding, members, models, problems, run_records, runs
from aicommons.protocol import ports, transitions

M = TypeVar("M", bound=messages.Message)
Act = Callable[..., None]
View = Callable[..., object]


class MemoryLedger:
    """A ledger in this process.

    Args:
        chain_id: what signatures are bound to.
        founder: whose first contracts these would be on a chain; it decides their addresses.
        start: how the commons starts, with the vocabulary's purposes.
        clock: block time.

    Raises:
        errors.LedgerRefused: the contracts would not be created with this.
        errors.InputError: other purposes than the vocabulary's.
    """

    def __init__(self, chain_id: int, founder: ids.Address, start: deployments.Founding, clock: ports.Clock) -> None:
        if list(start.purposes) != [each.code for each in vocabulary.PURPOSES]:
            raise errors.InputError("the in-memory ledger knows the vocabulary's purposes alone", which="purposes")
        self._book = book.Book(chain_id, deployments.places(founder), clock)
        named, listed = members.Members(self._book), datasets.Datasets(self._book)
        stated = problems.Problems(self._book, listed)
        asked = (named, listed, stated)
        trained = runs.Runs(self._book, asked)
        self._runs = trained
        made = models.Models(self._book, named, trained)
        self._acts = _by_name(_registry_acts(named, stated, listed), _run_acts(trained, made))
        self._views = _views(self._book, asked, trained)
        self._do("founding", lambda: founding.tell(self._book, start, asked))

    @property
    def book(self) -> book.Book:
        """Its events and where its contracts stand, for its clients."""
        return self._book

    @property
    def runs(self) -> runs.Runs:
        """Its runs, to look at."""
        return self._runs

    def connect(self, signer: ports.Signer) -> client.MemoryClient:
        """Return a client that acts with ``signer``, with what ``ledger.client.Client`` gives to nodes and desks."""
        return client.MemoryClient(self, signer)

    def transact(self, sender: ids.Address, contract: str, function: str, values: Sequence[object]) -> None:
        """Do one call, whole or not at all.

        Raises:
            errors.LedgerRefused: as the contract would, with its error's name and arguments.
        """
        act = self._acts.get((contract, function))
        if act is None:
            raise _not_kept(contract, function)
        self._book.begin(sender)
        self._do(f"{contract}.{function}", lambda: act(*values))

    def _do(self, which: str, act: Callable[[], None]) -> None:
        kept = (self._book.view, len(self._book.log))
        try:
            act()
        except transitions.Refusal as refusal:
            self._book.view = kept[0]
            del self._book.log[kept[1] :]
            raise _refused(refusal, which) from refusal

    def call(self, contract: str, function: str, values: Sequence[object]) -> object:
        """Return what a view answers; raises ``errors.LedgerRefused`` for one that is not kept here."""
        view = self._views.get((contract, function))
        if view is None:
            raise _not_kept(contract, function)
        return view(*values)

    def told(self, first: int) -> Sequence[events.Event]:
        """Return the events from the ``first`` one on."""
        return self._book.log[first:]


def _registry_acts(
    named: members.Members, stated: problems.Problems, listed: datasets.Datasets
) -> dict[str, dict[str, Act]]:
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
        },
        "Problems": {"state": stated.state, "close": stated.close},
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
        },
    }


def _described(card: bytes, policy: bytes, asked: Sequence[Any], *price: Any) -> datasets.Described:
    return datasets.Described(card, policy, events.Rules(*asked), *price)


def _run_acts(trained: runs.Runs, made: models.Models) -> dict[str, dict[str, Act]]:
    return {
        "TrainingRuns": {
            "open": lambda spec: trained.open(run.RunSpec(*spec)),
            "enrol": lambda run_id, dataset_id, consent_id, absence, signed: trained.enrol(
                run_id, run_records.Brought(dataset_id, consent_id, run.Absence(absence)), signed
            ),
            "close": trained.close,
            "ack": lambda run_id, *said: trained.ack(run_id, messages.Ack(bytes(32), *said[:-1]), said[-1]),
            "submit": _of_attempt(trained.submit, messages.Submit),
            "commit": _of_attempt(trained.commit, messages.Commit),
            "reveal": _of_attempt(trained.reveal, messages.Reveal),
            "result": _of_attempt(trained.result, messages.Result),
            "refuse": lambda place, *said: trained.refuse(encoding.AttemptKey(*place[:3]), place[3], *said),
            "exit": lambda *said: trained.exit(messages.Exit(*said[:-1]), said[-1]),
            "drop": trained.drop,
            "advance": trained.advance,
            "cancel": trained.cancel,
        },
        "ModelRegistry": {"register": made.register, "amend": made.amend, "ask": made.ask},
    }


def _of_attempt(act: Callable[[encoding.AttemptKey, M, bytes], None], kind: Callable[..., M]) -> Act:
    """Return a call whose first value names run, round, attempt and seat, whose last is the signature."""

    def do(place: Sequence[Any], sid: bytes, *said: Any) -> None:
        act(encoding.AttemptKey(*place[:3]), kind(sid, place[3], *said[:-1]), said[-1])

    return do


def _by_name(*contracts: Mapping[str, Mapping[str, Act]]) -> Mapping[tuple[str, str], Act]:
    return {
        (contract, name): act for each in contracts for contract, acts in each.items() for name, act in acts.items()
    }


def _views(kept: book.Book, asked: founding.Told, trained: runs.Runs) -> Mapping[tuple[str, str], View]:
    named, listed, stated = asked
    contracts: dict[str, dict[str, View]] = {
        "Membership": {
            "memberOf": kept.member_of,
            "isActive": kept.is_active,
            "memberOfNodeKey": named.member_of_node_key,
            "accountOf": named.account_of,
            "nodeKeyOf": named.node_key_of,
        },
        "DataRegistry": {
            "isLive": listed.is_live,
            "livedAt": listed.lived_at,
            "ownerOf": listed.owner_of,
            "purposeBit": listed.purpose_bit,
            "bannedPurposes": listed.banned,
        },
        "Problems": {"isOpen": stated.is_open},
        "TrainingRuns": {
            "owesBond": trained.owes_bond,
            "sidOf": trained.sid_of,
            "isAgreedState": trained.is_agreed_state,
            "finalState": lambda run_id: trained.record(run_id).final_state,
        },
    }
    return {(contract, name): view for contract, views in contracts.items() for name, view in views.items()}


def _refused(refusal: transitions.Refusal, which: str) -> errors.LedgerRefused:
    # The contracts' errors show addresses as text, digests as bytes.
    arguments = tuple(_argument(each) for each in refusal.arguments)
    shown = ", ".join(ids.format_id(each) if isinstance(each, bytes) else str(each) for each in arguments)
    return errors.LedgerRefused(
        f"refused: {refusal.error}({shown})", error=refusal.error, arguments=arguments, which=which
    )


def _argument(value: object) -> object:
    return ids.format_id(value) if isinstance(value, bytes) and len(value) == 20 else value


def _not_kept(contract: str, function: str) -> errors.LedgerRefused:
    return errors.LedgerRefused(
        "the in-memory ledger does not keep this",
        which=f"{contract}.{function}",
        next_step="Use the embedded ledger: `testing.LocalLedger`, or `commons ledger start`.",
    )
