"""Opens a home for the page: one wallet, one ledger client and one desk, shared by the threads that answer requests.

The wallet is unlocked once and stays in this process until it ends, because the page acts when its owner presses a
button (docs/adr/0022). Ledger client and view are used by one thread at a time.
"""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aicommons import app, office
from aicommons.domain import encoding, events, ids
from aicommons.ledger import wallet
from aicommons.owner import stewarding
from aicommons.protocol import ports
from aicommons.protocol import view as views

if TYPE_CHECKING:
    from aicommons.store import http


class SharedRegistry:
    """A ledger client for several threads, one call at a time; implements ``office.Registry``."""

    def __init__(self, registry: office.Registry) -> None:
        self._registry = registry
        self.lock = threading.RLock()
        self.address: ids.Address = registry.address

    @property
    def place(self) -> encoding.Place:
        """Chain and address of TrainingRuns."""
        return self._registry.place

    def poll(self) -> Sequence[events.Event]:
        """Return new events."""
        with self.lock:
            return self._registry.poll()

    def transact(
        self, contract: str, function: str, *values: object, at: ids.Address | None = None, value: int = 0
    ) -> None:
        """Send a call and wait until it is recorded."""
        with self.lock:
            self._registry.transact(contract, function, *values, at=at, value=value)

    def read_from(self, address: ids.Address, data: bytes) -> bytes:
        """Return what the contract at an address answers to calldata."""
        with self.lock:
            return self._registry.read_from(address, data)

    def send_to(self, address: ids.Address, data: bytes) -> None:
        """Send calldata to an address and wait until it is recorded."""
        with self.lock:
            self._registry.send_to(address, data)

    def call(self, contract: str, function: str, *values: object, at: ids.Address | None = None) -> tuple[object, ...]:
        """Return what a view function answers."""
        with self.lock:
            return self._registry.call(contract, function, *values, at=at)

    def call_data(self, contract: str, function: str, *values: object) -> bytes:
        """Return the bytes of a call that others will make."""
        return self._registry.call_data(contract, function, *values)

    def meaning(self, call: office.Call, beside: Mapping[str, ids.Address] | None = None) -> office.Meaning | None:
        """Return what a call of one of the deployment's contracts, or of those ``beside``, says; ``None`` for any other."""
        return self._registry.meaning(call, beside)

    def attempt(self, call: office.Call, sender: ids.Address) -> None:
        """Try a call as ``sender`` without recording it."""
        with self.lock:
            self._registry.attempt(call, sender)

    def address_of(self, contract: str) -> ids.Address:
        """Return where a contract of the deployment stands."""
        return self._registry.address_of(contract)

    def create(self, contract: str, *values: object) -> ids.Address:
        """Create one of the packaged contracts and return where it stands."""
        with self.lock:
            return self._registry.create(contract, *values)

    def history(self, contract: str, at: ids.Address) -> Sequence[events.Event]:
        """Return all events of a contract outside the deployment."""
        with self.lock:
            return self._registry.history(contract, at)


class SharedDesk(office.Desk):
    """A desk for several threads: events are folded in the order in which they were read."""

    def __init__(self, registry: SharedRegistry, store: "http.HttpStore") -> None:
        super().__init__(registry, store)
        self._lock = registry.lock

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""
        with self._lock:
            return super().view()


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A home opened for the page; an ``owner.places.Place``."""

    home: app.Home
    registry: office.Registry
    store: "http.HttpStore"
    desk: office.Desk
    signer: ports.Signer
    """The wallet, which opens the register of people's consents."""
    secret: bytes | None = None
    """Scalar of the home's reader key."""


def open_home(home: app.Home, passphrase: str) -> Opened:
    """Unlock a home's wallet and connect.

    Raises:
        errors.KeyRefused: the passphrase does not open it.
        errors.InputError: not a home, or it does not know where the contracts stand.
        errors.LedgerUnreachable, errors.LedgerMismatch: no ledger, or another one.
    """
    app.deployment_of(home)
    signer = wallet.unlock(home.wallet_file, passphrase)
    client = app.connect(home, signer)
    client.check()
    registry = SharedRegistry(client)
    store = app.open_store(home, signer)
    if stewarding.is_kept(home):
        with stewarding.at(home, signer, lambda: wallet.unlock(home.node_file, passphrase)):
            pass  # a node key that is new was let in: the passphrase is not kept
    return Opened(home, registry, store, SharedDesk(registry, store), signer, app.reader_secret(signer))
