"""The in-memory ledger itself: one call after the other, each whole or not at all.

Whoever builds one gets clients from ``connect``. Left out: who pays, and several processes.
"""

from collections.abc import Callable, Sequence

from aicommons.domain import errors, events, ids, vocabulary
from aicommons.ledger import contracts, deployments, meanings
from aicommons.ledger.memory import book, client, founding, functions, runs
from aicommons.protocol import governance, ports, transitions


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
        self._parts = functions.make(self._book, self._carry_out)
        self._acts, self._views = functions.acts(self._parts), functions.views(self._book, self._parts)
        self._do("founding", lambda: founding.tell(self._book, start, self._parts))

    @property
    def book(self) -> book.Book:
        """Its events and where its contracts stand, for its clients."""
        return self._book

    @property
    def runs(self) -> runs.Runs:
        """Its runs, to look at."""
        return self._parts.trained

    def mint(self, token: ids.Address, account: ids.Address, amount: int) -> None:
        """Give an account tokens that it can put into the vault: where none were given, a token is none."""
        self._parts.held.mint(token, account, amount)

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

    def _do(self, which: str, act: Callable[[], object]) -> None:
        view, told, restore = self._book.view, len(self._book.log), self._parts.named.saved()
        try:
            act()
        except (transitions.Refusal, errors.LedgerRefused) as refusal:
            self._book.view = view
            del self._book.log[told:]
            restore()
            if isinstance(refusal, errors.LedgerRefused):
                raise
            raise _refused(refusal, which) from refusal

    def _carry_out(self, call: governance.Call) -> None:
        """Do a call that members carried; the timelock is the caller."""
        places = {address: name for name, address in self._book.addresses.items()}
        said = meanings.read(places, self._book.addresses, call)
        act = None if said is None or said.function is None else self._acts.get((said.contract, said.function))
        if said is None or said.function is None or said.values is None or act is None:
            raise _not_kept(ids.format_id(call.target), call.data[:4].hex())
        kinds = contracts.load(said.contract).functions[said.function].types
        act(*(functions.natural(kind, value) for kind, value in zip(kinds, said.values, strict=True)))

    def call(self, contract: str, function: str, values: Sequence[object]) -> object:
        """Return what a view answers; raises ``errors.LedgerRefused`` for one that is not kept here."""
        view = self._views.get((contract, function))
        if view is None:
            raise _not_kept(contract, function)
        return view(*values)

    def told(self, first: int) -> Sequence[events.Event]:
        """Return the events from the ``first`` one on."""
        return self._book.log[first:]


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
