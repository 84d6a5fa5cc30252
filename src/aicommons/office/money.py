"""What a member does with money: in and out of the vault, onto problems, and from there to who earned it.

Made by a ``Desk`` for the command line, the portal and tests. What a token is called and how finely it divides is asked
of the token itself and believed for show only: the contracts count in smallest units. What holds afterwards is read from
the ledger by ``protocol/money.py``.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from aicommons.domain import amounts, encoding, errors, ids, run
from aicommons.office import acting
from aicommons.protocol import money as moneys
from aicommons.protocol import ports
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

    def show(self, amount: int) -> str:
        """Return an amount in plain decimal units with the symbol."""
        return f"{amounts.show(amount, self.decimals)} {self.symbol}"


COIN = Token(run.COIN, "coin", COIN_DECIMALS)


@dataclasses.dataclass(frozen=True, slots=True)
class Milestone:
    """What to pay for one step."""

    amount: int
    """In the token's smallest unit."""
    due: int
    """Block time in seconds until which the judge may say who earned it."""


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

    def deposit(self, token: ids.Address, amount: int) -> None:
        """Hand money over to the vault, which credits this wallet with it; a token is first told to let the vault take it.

        Raises:
            errors.InputError: the wallet has not so much of the token.
        """
        if token == run.COIN:
            self._registry.transact("Vault", "deposit", token, amount, value=amount)
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
        vault = self._registry.address_of("Vault")
        self._registry.send_to(token, _call("approve(address,uint256)", ("address", "uint256"), (vault, amount)))
        self._registry.transact("Vault", "deposit", token, amount)

    def withdraw(self, token: ids.Address, amount: int, to: ids.Address) -> None:
        """Have the vault pay out a part of this wallet's credit."""
        self._registry.transact("Vault", "withdraw", token, amount, to)

    # --------------------------------------------------------------------------------------------------- awards

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

    def fund(self, problem_id: bytes, milestones: Sequence[Milestone], token: ids.Address) -> Sequence[int]:
        """Put this wallet's credit onto a problem, one award for each milestone. Returns the awards' numbers."""
        before = self.problem(problem_id).awards
        wanted = [dataclasses.astuple(each) for each in milestones]
        self._registry.transact("Problems", "fund", problem_id, wanted, token)
        return [number for number in self.problem(problem_id).awards if number not in before]

    def accept(self, problem_id: bytes, award: int, solver: int) -> moneys.AwardView:
        """Say as the judge who earned an award."""
        return self._act("judge", problem_id, award, solver)

    def refund(self, problem_id: bytes, award: int) -> moneys.AwardView:
        """Give an award back: as the judge that rejects it, or as anybody once nobody earned it in time."""
        return self._act("refund", problem_id, award)

    def challenge(self, problem_id: bytes, award: int, reason: str) -> moneys.AwardView:
        """Object to a judgement; the reason goes into the store for those who decide."""
        return self._act("challenge", problem_id, award, self._store.put(reason.encode()))

    def settle(self, problem_id: bytes, award: int) -> moneys.AwardView:
        """Pay a judged award that nobody challenged in time."""
        return self._act("settle", problem_id, award)

    def _act(self, function: str, problem_id: bytes, award: int, *values: object) -> moneys.AwardView:
        self.award(problem_id, award)
        self._registry.transact("Problems", function, problem_id, award, *values)
        return self.award(problem_id, award)

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
                next_step=f"see `commons problem show {ids.format_id(problem_id)[:18]}`",
            )
        return found

    # ----------------------------------------------------------------------------------------------- challenges

    def commit(self, problem_id: bytes, submission: bytes, salt: bytes) -> bytes:
        """Fix a submission to a challenge without showing it; returns what stands on the ledger.

        Args:
            problem_id: a problem that is a challenge.
            submission: what is submitted, such as a run's id or a document's digest; 32 bytes.
            salt: 32 random bytes, kept until the reveal.
        """
        values = (problem_id, self._member.member_id(), submission, salt)
        commitment = encoding.keccak(encoding.abi_encode(("bytes32", "uint256", "bytes32", "bytes32"), values))
        self._registry.transact("Problems", "commit", problem_id, commitment)
        return commitment

    def reveal(self, problem_id: bytes, submission: bytes, salt: bytes) -> None:
        """Show a submission that was fixed; the arguments are those of ``commit``."""
        self._registry.transact("Problems", "reveal", problem_id, submission, salt)

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
