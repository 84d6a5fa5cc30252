"""What the ledger says happened to money and to the problems that it lies on: Problems, Vault and Bonds.

``ledger/events.py`` decodes logs into these, ``protocol/money.py`` folds them. They have a module of their own because a
node that trains reads none of them. Amounts are in a token's smallest unit, times are block times in seconds; the chain's
own coin has the zero address.
"""

import dataclasses

from aicommons.domain import events, ids

LONGEST_RULE = 90 * 86400
"""Most seconds of a review and of the time to challenge, ``Problems.LONGEST_RULE``."""


@dataclasses.dataclass(frozen=True, slots=True)
class OfMoney(events.Event):
    """What all events of this module share."""


@dataclasses.dataclass(frozen=True, slots=True)
class OfProblem(OfMoney):
    """What happened to one problem."""

    problem_id: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class ContestStated(OfProblem):
    """The problem is a contest: solvers commit to submissions, then all reveal them."""

    commit_until: int
    reveal_until: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemSentBack(OfProblem):
    """The ethics board sent a problem back to its owner."""

    member_id: ids.MemberId
    reason: bytes
    """Digest of the words."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemAmended(OfProblem):
    """The owner put another document in place of one that was sent back."""

    previous: ids.Digest
    document: ids.Digest
    review_until: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemClosed(OfProblem):
    """The owner closed its problem."""

    owner: ids.MemberId


@dataclasses.dataclass(frozen=True, slots=True)
class SubmissionCommitted(OfProblem):
    """A solver fixed its submission without showing it."""

    member_id: ids.MemberId
    commitment: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class SubmissionRevealed(OfProblem):
    """A solver showed what it had fixed."""

    member_id: ids.MemberId
    submission: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class OfAward(OfProblem):
    """What happened to one award of a problem."""

    award: int
    """Its number within the problem, from 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class AwardFunded(OfAward):
    """Money waits in the vault for whoever earns it."""

    payer: ids.MemberId
    lock_id: bytes
    token: ids.Address
    amount: int
    due: int
    """Until then the judge may say who earned it."""
    expiry: int
    """From then on anybody may give it back."""


@dataclasses.dataclass(frozen=True, slots=True)
class AwardJudged(OfAward):
    """The judge said who earned it."""

    solver: ids.MemberId
    window_until: int
    """Until then it can be challenged."""


@dataclasses.dataclass(frozen=True, slots=True)
class AwardChallenged(OfAward):
    """Somebody objects; the members decide."""

    member_id: ids.MemberId
    reason: bytes
    """Digest of the words."""


@dataclasses.dataclass(frozen=True, slots=True)
class AwardPaid(OfAward):
    """It became the credit of its solver's account."""

    solver: ids.MemberId
    account: ids.Address


@dataclasses.dataclass(frozen=True, slots=True)
class AwardRefunded(OfAward):
    """It went back to its payer."""

    payer: ids.MemberId


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemRulesSet(OfMoney):
    """From now on new problems and awards follow these rules."""

    review_seconds: int
    challenge_seconds: int


@dataclasses.dataclass(frozen=True, slots=True)
class Deposited(OfMoney):
    """Money came into the vault."""

    account: ids.Address
    token: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class Withdrawn(OfMoney):
    """Money went out of the vault."""

    account: ids.Address
    token: ids.Address
    to: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class CreditMoved(OfMoney):
    """A credit changed hands, came into being (from the zero address) or ended (to it); every change of credits is one."""

    caller: ids.Address
    sender: ids.Address
    receiver: ids.Address
    token_id: int
    """The token's address as a number."""
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class Collected(OfMoney):
    """A contract of the commons took a credit of whoever called it, as its own."""

    controller: ids.Address
    payer: ids.Address
    token: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class OfLock(OfMoney):
    """What happened to one lock of the vault."""

    lock_id: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class LockMade(OfLock):
    """A credit waits for a decision."""

    controller: ids.Address
    payer: ids.Address
    token: ids.Address
    amount: int
    expiry: int


@dataclasses.dataclass(frozen=True, slots=True)
class LockReleased(OfLock):
    """It became somebody's credit."""

    payee: ids.Address
    token: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class LockRefunded(OfLock):
    """It went back before its expiry, or by whoever made it."""

    payer: ids.Address
    token: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class LockExpired(OfLock):
    """It went back because its expiry came."""

    payer: ids.Address
    token: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class OfBond(OfMoney):
    """What happened to the bond of one seat of a run."""

    run_id: ids.RunId
    member_id: ids.MemberId
    payer: ids.Address
    token: ids.Address
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class BondTaken(OfBond):
    """It was locked when the member enrolled."""

    expiry: int


@dataclasses.dataclass(frozen=True, slots=True)
class BondGivenBack(OfBond):
    """It went back to whoever paid it."""


@dataclasses.dataclass(frozen=True, slots=True)
class BondForfeited(OfBond):
    """The seat was convicted of cheating: it is the commons' now."""
