"""What desks need from outside: a ledger client that acts with a wallet, and a node's key. Implemented by ``ledger``."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aicommons.domain import encoding, events, ids, messages
from aicommons.protocol import governance


class Registry(Protocol):
    """A ledger client that acts with the member's wallet."""

    address: ids.Address

    @property
    def place(self) -> encoding.Place:
        """Chain and address of TrainingRuns."""

    def poll(self) -> Sequence[events.Event]:
        """Return new events."""

    def transact(
        self, contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0
    ) -> None:
        """Send a call and wait until it is recorded.

        Args:
            contract: whose packaged interface it has.
            function: of the contract.
            *values: its arguments.
            at: where a contract outside the deployment stands.
            value: of the chain's coin, in wei, that goes with the call.
        """

    def read_from(self, address: ids.Address, data: bytes) -> bytes:
        """Return what the contract at an address answers to calldata."""

    def send_to(self, address: ids.Address, data: bytes) -> None:
        """Send calldata to an address and wait until it is recorded."""

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Return what a view function answers."""

    def call_data(self, contract: str, function: str, *values: object) -> bytes:
        """Return the bytes of a call that others will make."""

    def meaning(
        self, call: governance.Call, beside: Mapping[str, ids.Address] | None = None
    ) -> governance.Meaning | None:
        """Return what a call of one of the deployment's contracts says, ``None`` for what is no such call.

        Args:
            call: the call.
            beside: packaged contracts outside the deployment that are known too, by name.
        """

    def attempt(self, call: governance.Call, sender: ids.Address) -> None:
        """Try a call as ``sender`` without recording it; raises ``errors.LedgerRefused`` as it would be refused."""

    def address_of(self, contract: str) -> ids.Address:
        """Return where a contract of the deployment stands."""

    def create(self, contract: str, *values: object) -> ids.Address:
        """Create one of the packaged contracts and return where it stands."""

    def history(self, contract: str, at: ids.Address) -> Sequence[events.Event]:
        """Return all events of a contract outside the deployment."""


class NodeSigner(Protocol):
    """Signs a run's messages with the node's key, once each."""

    def sign(self, message: messages.Message) -> bytes:
        """Return the signature."""
