"""One key's access to an in-memory ledger: what ``ledger/client.Client`` gives to nodes and desks."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aicommons.domain import encoding, errors, events, ids, messages, run
from aicommons.ledger import client, contracts, meanings
from aicommons.ledger.memory import book, runs
from aicommons.protocol import governance, ports

ADDRESS_LENGTH = 20
"""A view's address comes as text, as ABI decoding has it."""


class Ledger(Protocol):
    """What a client needs of ``MemoryLedger``."""

    @property
    def book(self) -> book.Book:
        """Its events and addresses."""

    @property
    def runs(self) -> runs.Runs:
        """Its runs."""

    def transact(self, sender: ids.Address, contract: str, function: str, values: Sequence[object]) -> None:
        """Do one call."""

    def call(self, contract: str, function: str, values: Sequence[object]) -> object:
        """Answer a view."""

    def told(self, first: int) -> Sequence[events.Event]:
        """Return events."""


class MemoryClient:
    """Implements the ``Ledger`` port and what desks ask of a registry."""

    def __init__(self, ledger: Ledger, signer: ports.Signer) -> None:
        self._ledger = ledger
        self._read = 0
        self.address = signer.address

    def __repr__(self) -> str:
        return f"MemoryClient({ids.format_id(self.address)})"

    @property
    def place(self) -> encoding.Place:
        """Chain and address of TrainingRuns."""
        return self._ledger.book.place(client.RUNS)

    def poll(self) -> Sequence[events.Event]:
        """Return the events since the last call, in ledger order."""
        told = self._ledger.told(self._read)
        self._read += len(told)
        return told

    def post(
        self, key: encoding.AttemptKey, message: messages.Message, signature: bytes, state_digest: bytes = b""
    ) -> None:
        """Send a signed message of a run; see the port."""
        contract, function, values = client.posting(key, message, signature, state_digest)
        self.transact(contract, function, *values)

    def convict(
        self, key: encoding.AttemptKey, epoch: int, state_digest: bytes, pair: Sequence[tuple[messages.Message, bytes]]
    ) -> None:
        """Convict who signed two messages; see the port."""
        function, values = client.convicting(key, epoch, state_digest, pair)
        self.transact(client.VERDICTS, function, *values)

    def rotate(self, run_id: ids.RunId, member_id: int = 0) -> None:
        """Ask for a new epoch of keys; see the port."""
        self.transact(client.RUNS, "rotate", run_id, member_id)

    def state(self, run_id: ids.RunId) -> run.RunState:
        """Return the run's state; see the port."""
        return self._ledger.runs.record(run_id).machine.state

    def advance(self, run_id: ids.RunId) -> None:
        """Move a run on whose deadline is over; see the port."""
        self.transact(client.RUNS, "advance", run_id)

    def drop(self, run_id: ids.RunId, member_id: int) -> None:
        """Put a seat out whose consent is dead; see the port."""
        self.transact(client.RUNS, "drop", run_id, member_id)

    def give_back(self, run_id: ids.RunId, member_id: int) -> None:
        """Give a seat's bond back; see the port. Nobody has one where no money is kept."""
        self.transact("Bonds", "giveBack", run_id, member_id)

    def register_model(self, run_id: ids.RunId, card: ids.Digest, state_digest: bytes, licence: bytes) -> None:
        """Write a finished run's model down; see the port."""
        self.transact("ModelRegistry", "register", run_id, card, state_digest, licence)

    def address_of(self, contract: str) -> ids.Address:
        """Return where a contract would stand."""
        return self._ledger.book.addresses[contract]

    def transact(
        self, contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0
    ) -> None:
        """Do a call.

        Raises:
            errors.LedgerRefused: as the contract would, or the call is of a part that this ledger does not keep.
            errors.InputError: a value does not fit the contract's type.
        """
        if value:
            raise errors.LedgerRefused("the in-memory ledger has no coin", which=contract)
        if at is not None:
            raise errors.LedgerRefused("the in-memory ledger has no contracts but its own", which=ids.format_id(at))
        contracts.call_data(contract, function, values)  # refuses what no transaction could carry
        self._ledger.transact(self.address, contract, function, values)

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Return what a view function answers; raises like ``transact``."""
        if at is not None:
            raise errors.LedgerRefused("the in-memory ledger has no contracts but its own", which=ids.format_id(at))
        answer = self._ledger.call(contract, function, values)
        if isinstance(answer, bytes) and len(answer) == ADDRESS_LENGTH:
            return (ids.format_id(answer),)
        return answer if isinstance(answer, tuple) else (answer,)

    def member_of(self, address: ids.Address) -> ids.MemberId | None:
        """Return the active member whose account or node key ``address`` is."""
        kept = self._ledger.book
        member_id = kept.member_of(address)
        if kept.is_active(member_id):
            return ids.MemberId(member_id)
        named = self._ledger.call("Membership", "memberOfNodeKey", (address,))
        return ids.MemberId(named) if isinstance(named, int) and named else None

    def call_data(self, contract: str, function: str, *values: object) -> bytes:
        """Return the bytes of a call, for a proposal that others execute."""
        return contracts.call_data(contract, function, values)

    def read_from(self, address: ids.Address, data: bytes) -> bytes:
        """Refuse: there is nothing here that another contract could run on."""
        del data
        raise errors.LedgerRefused("the in-memory ledger has no such contract", which=ids.format_id(address))

    def send_to(self, address: ids.Address, data: bytes) -> None:
        """Refuse: there is nothing here that another contract could run on."""
        self.read_from(address, data)

    def meaning(
        self, call: governance.Call, beside: Mapping[str, ids.Address] | None = None
    ) -> governance.Meaning | None:
        """Return what a call of one of the commons' contracts, or of those ``beside``, says; ``None`` for any other."""
        newest = {**self._ledger.book.addresses, **(beside or {})}
        return meanings.read({address: name for name, address in newest.items()}, newest, call)

    def attempt(self, call: governance.Call, sender: ids.Address) -> None:
        """Refuse: what a vote would do is not tried here beforehand."""
        del sender
        raise errors.LedgerRefused("the in-memory ledger tries nothing", which=ids.format_id(call.target))

    def create(self, contract: str, *values: object) -> ids.Address:
        """Refuse: there is nothing here that a contract could run on."""
        del values
        raise errors.LedgerRefused("the in-memory ledger runs no other contracts", which=contract)

    def history(self, contract: str, at: ids.Address) -> Sequence[events.Event]:
        """Refuse: other contracts than the commons' own are not kept here."""
        raise errors.LedgerRefused("the in-memory ledger has no such contract", which=f"{contract} {ids.format_id(at)}")
