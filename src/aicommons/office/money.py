"""What a member does with money: in and out of the vault, onto problems, and from there to who earned it.

Made by a ``Desk`` for the command line, the portal and tests. What a token is called and how finely it divides is asked
of the token itself and believed for show only: the contracts count in smallest units. What holds afterwards is read from
the ledger by ``protocol/money.py``.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from aicommons.domain import amounts, documents, encoding, errors, ids, letters, run
from aicommons.ledger.bindings import bonds, problems, vault
from aicommons.office import acting, proposals, terms
from aicommons.protocol import governance, ports
from aicommons.protocol import money as moneys
from aicommons.protocol import view as views

COIN_DECIMALS = 18
MOST_DECIMALS = 77
"""More would be finer than any amount that a contract can hold."""
MOST_SYMBOL = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """What money is counted in."""

    address: ids.Address
    """Of the ERC-20 contract; zero for the chain's own coin."""
    symbol: str
    """What it calls itself; a claim that anybody can make."""
    decimals: int

    @property
    def option(self) -> str:
        """The option that names it in a next step, after a space; nothing for the chain's own coin."""
        return f" --token {ids.format_id(self.address)}" if any(self.address) else ""

    def plain(self, amount: int) -> str:
        """Return an amount in plain decimal units, as commands take it."""
        return amounts.show(amount, self.decimals)

    def show(self, amount: int) -> str:
        """Return an amount in plain decimal units with the symbol."""
        return f"{self.plain(amount)} {self.symbol}"


COIN = Token(run.COIN, "coin", COIN_DECIMALS)


Milestone = problems.Milestone
"""What to pay for one step: an amount in the token's smallest unit, and until when the judge may say who earned it."""


class Member(Protocol):
    """What is needed of the desk that this one belongs to."""

    def view(self) -> views.LedgerView:
        """Return what the ledger says now."""

    def member_id(self) -> ids.MemberId:
        """Return this wallet's member id."""


class MoneyDesk:
    """One member's money."""

    def __init__(self, registry: acting.Registry, store: ports.Store, member: Member) -> None:
        self._registry = registry
        self._vault = vault.Vault(registry)
        self._bonds = bonds.Bonds(registry)
        self._problems = problems.Problems(registry)
        self._store = store
        self._member = member

    # ---------------------------------------------------------------------------------------------------- vault

    def token(self, address: ids.Address) -> Token:
        """Return what money of a contract is called and how it divides.

        Raises:
            errors.InputError: no token answers there.
        """
        if address == run.COIN:
            return COIN
        decimals = self._ask(address, "decimals()", "uint256")
        if not isinstance(decimals, int) or decimals > MOST_DECIMALS:
            raise errors.InputError(
                "no token answers at this address",
                which=ids.format_id(address),
                next_step="check the address; leave it out for the chain's own coin",
            )
        symbol = self._ask(address, "symbol()", "string")
        return Token(address, _symbol(symbol, address), decimals)

    def known_token(self, address: ids.Address) -> Token:
        """Return what money of a contract that somebody else named is called; what is no token has smallest units only."""
        try:
            return self.token(address)
        except errors.InputError:
            return Token(address, f"smallest units of {ids.short(address)}, where no token answers", 0)

    def credit(self, token: ids.Address) -> int:
        """Return what the vault holds for this wallet, in smallest units."""
        return self._member.view().money.credits_of(self._registry.address).get(token, 0)

    def check_credit(self, kind: Token, amount: int, next_step: str | None = None) -> None:
        """Check that the vault holds so much for this wallet.

        Raises:
            errors.InputError: it holds less; what is missing is to be deposited, unless another next step is given.
        """
        held = self.credit(kind.address)
        if amount > held:
            raise errors.InputError(
                "there is not so much in the vault for you",
                which="AMOUNT",
                expected=f"at most {kind.show(held)}",
                got=kind.show(amount),
                next_step=next_step or f"run `commons vault deposit {kind.plain(amount - held)}{kind.option}`",
            )

    def deposit(self, token: ids.Address, amount: int) -> None:
        """Hand money over to the vault, which credits this wallet with it; a token is first told to let the vault take it.

        Raises:
            errors.InputError: the wallet has not so much of the token.
        """
        if token == run.COIN:
            self._vault.deposit(token, amount, value=amount)
            return
        held = self._ask(token, "balanceOf(address)", "uint256", self._registry.address)
        if not isinstance(held, int) or held < amount:
            kind = self.token(token)
            raise errors.InputError(
                "this wallet has not so much of the token",
                which=ids.format_id(self._registry.address),
                expected=kind.show(amount),
                got=kind.show(held) if isinstance(held, int) else None,
                next_step="have more of it sent to this wallet",
            )
        allowed = (self._registry.address_of("Vault"), amount)
        self._registry.send_to(token, _call("approve(address,uint256)", ("address", "uint256"), allowed))
        self._vault.deposit(token, amount)

    def withdraw(self, token: ids.Address, amount: int, to: ids.Address) -> None:
        """Have the vault pay out a part of this wallet's credit."""
        self._vault.withdraw(token, amount, to)

    def give_back(self, run_id: ids.RunId, member_id: int) -> None:
        """Give the bond of a seat back to whoever paid it; anybody may, once the run is over for that seat."""
        self._bonds.give_back(run_id, member_id)

    def expire(self, lock_id: bytes) -> None:
        """Give a lock whose expiry came back to whoever paid it; anybody may."""
        self._vault.expire(lock_id)

    # ------------------------------------------------------------------------------------------------- problems

    def problem(self, problem_id: bytes) -> moneys.ProblemView:
        """Return a problem with its money.

        Raises:
            errors.InputError: there is none.
        """
        found = self._member.view().money.problems.get(problem_id)
        if found is None:
            raise errors.InputError(
                "no such problem", which=ids.format_id(problem_id), next_step="see `commons problem list`"
            )
        return found

    def send_back(self, problem_id: bytes, reason: str) -> moneys.ProblemView:
        """Send a problem in review back to its owner, as one of the ethics board; the reason goes into the store."""
        self.problem(problem_id)
        self._problems.send_back(problem_id, self._reason(reason))
        return self.problem(problem_id)

    def amend(self, problem_id: bytes, statement: documents.Problem) -> moneys.ProblemView:
        """Put another statement in place of one that was sent back, as its owner; a review begins anew.

        Raises:
            errors.InputError: it is for another purpose, which the ledger keeps.
        """
        stated = self.problem(problem_id).stated
        if encoding.purpose_code(statement.purpose or terms.GENERAL_PURPOSE) != stated.purpose:
            raise errors.InputError(
                "a problem keeps the purpose that it was stated for",
                which=ids.short(problem_id),
                got=statement.purpose or f"none, which stands for {terms.GENERAL_PURPOSE}",
                next_step="state another problem for this purpose",
            )
        self._problems.amend(problem_id, self._store.put(statement.encode()))
        return self.problem(problem_id)

    def close(self, problem_id: bytes) -> moneys.ProblemView:
        """Let no further run be opened on a problem, as its owner; runs and awards that are there go on."""
        self.problem(problem_id)
        self._problems.close(problem_id)
        return self.problem(problem_id)

    def _reason(self, words: str) -> bytes:
        return self._store.put(letters.Reason(words).encode())

    # --------------------------------------------------------------------------------------------------- awards

    def fund(self, problem_id: bytes, milestones: Sequence[Milestone], token: ids.Address) -> Sequence[int]:
        """Put this wallet's credit onto a problem, one award for each milestone. Returns the awards' numbers."""
        before = self.problem(problem_id).awards
        self._problems.fund(problem_id, milestones, token)
        return [number for number in self.problem(problem_id).awards if number not in before]

    def accept(self, problem_id: bytes, award: int, solver: int) -> moneys.AwardView:
        """Say as the judge who earned an award."""
        self._problems.judge(*self._known(problem_id, award), solver)
        return self.award(problem_id, award)

    def refund(self, problem_id: bytes, award: int) -> moneys.AwardView:
        """Give an award back: as the judge that rejects it, or as anybody once nobody earned it in time."""
        self._problems.refund(*self._known(problem_id, award))
        return self.award(problem_id, award)

    def challenge(self, problem_id: bytes, award: int, reason: str) -> moneys.AwardView:
        """Object to a judgement; the reason goes into the store for those who decide."""
        self._problems.challenge(*self._known(problem_id, award), self._reason(reason))
        return self.award(problem_id, award)

    def settle(self, problem_id: bytes, award: int) -> moneys.AwardView:
        """Pay a judged award that nobody challenged in time."""
        self._problems.settle(*self._known(problem_id, award))
        return self.award(problem_id, award)

    def resolution(self, problem_id: bytes, award: int, *, is_paid: bool) -> governance.Call:
        """Return the call that decides a challenged award; only a vote makes it."""
        self.award(problem_id, award)
        return proposals.call(self._registry, "Problems", "resolve", problem_id, award, is_paid)

    def _known(self, problem_id: bytes, award: int) -> tuple[bytes, int]:
        """Return an award's problem and number if there is one; raises like ``award``."""
        self.award(problem_id, award)
        return problem_id, award

    def award(self, problem_id: bytes, award: int) -> moneys.AwardView:
        """Return an award of a problem.

        Raises:
            errors.InputError: there is none with this number.
        """
        found = self.problem(problem_id).awards.get(award)
        if found is None:
            raise errors.InputError(
                "no such award",
                which=f"award {award}",
                next_step=f"see `commons problem show {ids.short(problem_id)}`",
            )
        return found

    # ----------------------------------------------------------------------------------------------- contests

    def commitment(self, problem_id: bytes, submission: bytes, salt: bytes) -> bytes:
        """Return what fixes a submission of this member to a contest without showing it, 32 bytes.

        Args:
            problem_id: a problem that is a contest.
            submission: what is submitted, such as a run's id or a document's digest; 32 bytes.
            salt: 32 random bytes, kept until the reveal.
        """
        values = (problem_id, self._member.member_id(), submission, salt)
        return encoding.keccak(encoding.abi_encode(("bytes32", "uint256", "bytes32", "bytes32"), values))

    def commit(self, problem_id: bytes, commitment: bytes) -> None:
        """Fix a submission to a contest by its commitment; whoever loses the salt can never show it."""
        self._problems.commit(problem_id, commitment)

    def reveal(self, problem_id: bytes, submission: bytes, salt: bytes) -> None:
        """Show a submission that was fixed; the arguments are those of ``commitment``."""
        self._problems.reveal(problem_id, submission, salt)

    def _ask(self, address: ids.Address, signature: str, kind: str, *holder: ids.Address) -> object:
        try:
            answer = self._registry.read_from(address, _call(signature, ["address"] * len(holder), holder))
            return encoding.abi_decode((kind,), answer)[0]
        except (errors.LedgerRefused, errors.DecodeError):
            return None


def _call(signature: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    return encoding.keccak(signature.encode())[:4] + encoding.abi_encode(types, values)


def _symbol(said: object, address: ids.Address) -> str:
    """Return what a token calls itself, without anything that could control a terminal; its address if it says nothing."""
    text = "".join(letter for letter in str(said) if letter.isprintable()) if isinstance(said, str) else ""
    return text.strip()[:MOST_SYMBOL] or ids.short(address)
