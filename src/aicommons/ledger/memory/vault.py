"""``Vault`` and ``Bonds`` in memory: what members are owed of each token, and the locks in which some of it waits.

Called for its own functions, and by ``awards``, ``releases`` and ``runs``, which lock, release and collect as their contracts.
The state is the folded view's. There is no coin here, and a token is only what was given to accounts outside (``mint``).
"""

from collections.abc import Callable

from aicommons.domain import ids, money_events, run
from aicommons.ledger.memory import book
from aicommons.protocol import money, transitions

ENDS = {
    money.LockState.RELEASED: money_events.LockReleased,
    money.LockState.REFUNDED: money_events.LockRefunded,
    money.LockState.EXPIRED: money_events.LockExpired,
}
"""How a lock ended -> what tells it."""


class Vault:
    """Credits of accounts in tokens, and locks of them."""

    def __init__(self, kept: book.Book) -> None:
        self._book = kept
        self._outside: dict[tuple[bytes, bytes], int] = {}
        """Token and account -> what the account holds outside."""

    def mint(self, token: ids.Address, account: ids.Address, amount: int) -> None:
        """Give an account tokens outside the vault."""
        self._outside[token, account] = self._outside.get((token, account), 0) + amount

    # ------------------------------------------------------------------------------------------------- of one's own

    def deposit(self, token: ids.Address, amount: int) -> None:
        """Hand tokens over for a credit."""
        if not amount:
            raise transitions.Refusal("VaultAmountMissing")
        if token == run.COIN:
            raise transitions.Refusal("VaultValueMismatch", amount, 0)
        if token not in {known for known, _ in self._outside}:
            raise transitions.Refusal("VaultNotToken", token)
        account = self._book.sender
        held = self._outside.get((token, account), 0)
        if held < amount:
            raise transitions.Refusal("ERC20InsufficientBalance", account, held, amount)
        self._move(account, (ids.NOBODY, account), token, amount)
        self._book.tell(money_events.Deposited, account, token, amount)
        self._outside[token, account] = held - amount

    def withdraw(self, token: ids.Address, amount: int, to: ids.Address) -> None:
        """Have a part of one's credit paid out."""
        if to in (ids.NOBODY, self._book.addresses["Vault"]):
            raise transitions.Refusal("VaultReceiverInvalid", to)
        account = self._book.sender
        self._debit(account, account, token, amount)
        self._book.tell(money_events.Withdrawn, account, token, to, amount)
        self.mint(token, to, amount)

    def transfer(self, receiver: ids.Address, token_id: int, amount: int) -> None:
        """Give a credit to somebody else."""
        if receiver == ids.NOBODY:
            raise transitions.Refusal("ERC6909InvalidReceiver", receiver)
        self.give(self._book.sender, receiver, ids.Address(token_id.to_bytes(32, "big")[12:]), amount)

    def expire(self, lock_id: bytes, by: str | None = None) -> None:
        """Let a lock whose time is over go back, as anybody; ``by`` is the contract that calls, ``None`` for the caller."""
        made = self._locked(lock_id)
        if self._book.now() < made.expiry:
            raise transitions.Refusal("VaultNotExpired", lock_id, made.expiry)
        self._end(
            made, money.LockState.EXPIRED, made.payer, self._book.sender if by is None else self._book.addresses[by]
        )

    # --------------------------------------------------------------------------------------------- by other contracts

    def lock(self, lock_id: bytes, payment: tuple[ids.Address, int], expiry: int, by: str) -> None:
        """Lock a part of the caller's credit, as the contract ``by``; ``payment`` is token and amount."""
        (token, amount), payer, controller = payment, self._book.sender, self._book.addresses[by]
        known = self._book.view.money.locks.get(lock_id)
        if known is not None:
            raise transitions.Refusal("VaultWrongLockState", lock_id, int(known.state))
        if expiry <= self._book.now():
            raise transitions.Refusal("VaultExpiryPassed", expiry)
        self._debit(controller, payer, token, amount)
        self._book.tell(money_events.LockMade, lock_id, controller, payer, token, amount, expiry)

    def release(self, lock_id: bytes, payee: ids.Address, by: str) -> None:
        """Pay a lock out, as the contract ``by`` that made it."""
        made = self._locked(lock_id)
        if self._book.now() >= made.expiry:
            raise transitions.Refusal("VaultLockExpired", lock_id, made.expiry)
        self._end(made, money.LockState.RELEASED, payee, self._book.addresses[by])

    def refund(self, lock_id: bytes, by: str) -> None:
        """Give a lock back, as the contract ``by`` that made it."""
        made = self._locked(lock_id)
        self._end(made, money.LockState.REFUNDED, made.payer, self._book.addresses[by])

    def collect(self, token: ids.Address, amount: int, by: str) -> None:
        """Take a credit of the caller's as the contract ``by``'s own."""
        payer, controller = self._book.sender, self._book.addresses[by]
        self._debit(controller, payer, token, amount)
        self._move(controller, (ids.NOBODY, controller), token, amount)
        self._book.tell(money_events.Collected, controller, payer, token, amount)

    def give(self, sender: ids.Address, receiver: ids.Address, token: ids.Address, amount: int) -> None:
        """Move a credit of ``sender``'s, as ``sender``."""
        if receiver == self._book.addresses["Vault"]:
            raise transitions.Refusal("VaultReceiverInvalid", receiver)
        self._check_held(sender, token, amount)
        self._move(sender, (sender, receiver), token, amount)

    def lock_of(self, lock_id: bytes) -> money.LockView | None:
        """Return a lock, ``None`` where there is none."""
        return self._book.view.money.locks.get(lock_id)

    def balance_of(self, account: ids.Address, token_id: int) -> int:
        """Return an account's credit."""
        return self._credit(account, ids.Address(token_id.to_bytes(32, "big")[12:]))

    # --------------------------------------------------------------------------------------------------------- private

    def _credit(self, account: ids.Address, token: ids.Address) -> int:
        return self._book.view.money.credits.get((account, token), 0)

    def _locked(self, lock_id: bytes) -> money_events.LockMade:
        known = self._book.view.money.locks.get(lock_id)
        if known is None or known.state is not money.LockState.LOCKED:
            state = money.LockState.NONE if known is None else known.state
            raise transitions.Refusal("VaultWrongLockState", lock_id, int(state))
        return known.made

    def _debit(self, caller: ids.Address, account: ids.Address, token: ids.Address, amount: int) -> None:
        if not amount:
            raise transitions.Refusal("VaultAmountMissing")
        self._check_held(account, token, amount)
        self._move(caller, (account, ids.NOBODY), token, amount)

    def _check_held(self, account: ids.Address, token: ids.Address, amount: int) -> None:
        held = self._credit(account, token)
        if held < amount:
            number = int.from_bytes(token, "big")
            raise transitions.Refusal("ERC6909InsufficientBalance", account, held, amount, number)

    def _move(self, caller: ids.Address, way: tuple[ids.Address, ids.Address], token: ids.Address, amount: int) -> None:
        self._book.tell(money_events.CreditMoved, caller, *way, int.from_bytes(token, "big"), amount)

    def _end(
        self, made: money_events.LockMade, state: money.LockState, payee: ids.Address, caller: ids.Address
    ) -> None:
        self._move(caller, (ids.NOBODY, payee), made.token, made.amount)
        self._book.tell(ENDS[state], made.lock_id, payee, made.token, made.amount)


class Bonds:
    """What members lose sight of while they take part in a run."""

    def __init__(self, kept: book.Book, vault: Vault) -> None:
        self._book = kept
        self._vault = vault

    def take(self, run_id: ids.RunId, member_id: ids.MemberId, spec: run.RunSpec) -> None:
        """Lock the caller's bond for its seat, as TrainingRuns; nothing where the terms ask for none."""
        if not spec.bond:
            return
        expiry, payer = spec.bond_until, self._book.sender
        taken = (payer, spec.token, spec.bond, expiry)
        self._vault.lock(money.bond_lock(run_id, member_id), (spec.token, spec.bond), expiry, "Bonds")
        self._book.tell(money_events.BondTaken, run_id, member_id, *taken)

    def forfeit(self, run_id: ids.RunId, member_id: ids.MemberId) -> None:
        """Give a convicted seat's bond to the commons, as Verdicts; nothing where none is locked any more."""
        lock_id = money.bond_lock(run_id, member_id)
        bond = self._vault.lock_of(lock_id)
        if bond is None or bond.state is not money.LockState.LOCKED or self._book.now() >= bond.made.expiry:
            return
        self._vault.release(lock_id, self._book.addresses["TimelockController"], "Bonds")
        made = bond.made
        self._book.tell(money_events.BondForfeited, run_id, member_id, made.payer, made.token, made.amount)

    def give_back(self, run_id: ids.RunId, member_id: ids.MemberId, owes: Callable[[bytes, int], bool]) -> None:
        """Give a bond back that is not owed any more, as anybody."""
        lock_id = money.bond_lock(run_id, member_id)
        bond = self._vault.lock_of(lock_id)
        if bond is None or bond.state is not money.LockState.LOCKED:
            raise transitions.Refusal("BondsNone", run_id, member_id)
        if owes(run_id, member_id):
            raise transitions.Refusal("BondsStillOwed", run_id, member_id)
        self._vault.refund(lock_id, "Bonds")
        made = bond.made
        self._book.tell(money_events.BondGivenBack, run_id, member_id, made.payer, made.token, made.amount)
