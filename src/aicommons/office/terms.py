"""What a member offers and permits: consents, rules, seats and offers of runs, each as the ledger wants it.

Made by the command line, the demo and ``testing`` and handed to a desk; nothing here is signed or sent.
"""

import dataclasses
import secrets
from collections.abc import Sequence

from aicommons.domain import documents, encoding, errors, events, ids, policies, run, vocabulary
from aicommons.learning import recipe as recipes
from aicommons.learning.secagg import suite as suites

DEFAULT_PURPOSE = "DUO:0000007"
"""Disease-specific research."""
GENERAL_PURPOSE = "DUO:0000042"
"""General research use: what a problem is stated for that names no purpose."""
ANYTHING_BUT_BANNED = events.Rules(
    permitted=vocabulary.bits(
        [each.code for each in vocabulary.PURPOSES if each.code not in vocabulary.BANNED_PURPOSES], closed=False
    ),
    prohibited=vocabulary.bits([vocabulary.COMMERCIAL]),
    commercial=False,
)
"""Rules that leave everything to the consents, but commercial use, commercial purposes and what is banned."""


def consent(
    dataset_id: int, purposes: Sequence[str], expiry: int, *, max_uses: int = 1, commercial: bool = False
) -> events.ConsentTerms:
    """Return a consent to ``purposes`` and all below them, for any solver and problem.

    Without ``commercial`` the commercial ones among them are left out: the ledger knows of a use only what its solver says,
    and a run for a commercial purpose need not call itself commercial.

    Raises:
        errors.InputError: a purpose that the vocabulary does not know, or only commercial ones without ``commercial``.
    """
    left_out = 0 if commercial else vocabulary.bits([vocabulary.COMMERCIAL])
    permitted = vocabulary.bits(purposes) & ~left_out
    if not permitted:
        raise errors.InputError(
            "a consent that is not commercial, to commercial purposes only, permits nothing",
            which="purposes",
            got=", ".join(purposes),
            next_step="consent to commercial use as well, or to other purposes",
        )
    return events.ConsentTerms(
        dataset_id, permitted, ids.MemberId(0), bytes(32), commercial, expiry, max_uses, bytes(32)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What an owner lets the ledger hold every consent to."""

    policy: bytes = policies.CONSENTS_ALONE
    """Digest of the UsePolicy."""
    rules: events.Rules = ANYTHING_BUT_BANNED
    free_commons: bool = True
    price: int = 0
    """Per run, in the smallest unit of the ledger's money."""

    def values(self) -> tuple[object, ...]:
        """Return the contract's arguments after the card."""
        return (self.policy, dataclasses.astuple(self.rules), self.free_commons, self.price)


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """What a member brings to a run."""

    dataset_id: int
    consent_id: bytes
    absence: run.Absence = run.Absence.WAIT
    further: tuple[tuple[int, bytes], ...] = ()
    """Datasets beside it, each with its own consent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """What a solver offers."""

    problem: bytes
    """Problem id."""
    plan: ids.Digest
    terms: documents.RunTerms
    enrol_until: int
    """Block time in seconds after which anybody may close the roster."""
    min_participants: int = run.FEWEST_PARTICIPANTS
    max_participants: int = run.MOST_PARTICIPANTS
    cipher: suites.Cipher = suites.Cipher.AES
    """What masks are made with; the plan says how wide words are."""
    is_hybrid: bool = False
    """Whether boxes of seeds take an ML-KEM secret too, so that who breaks the curve later opens none."""
    cell_size: int = 0
    """Fewest sites of a cell that is summed apart; 0 = all are summed as one set."""
    max_attempts: int = 3
    phase_seconds: int = 60
    patience_seconds: int = 3600
    solver_shares: int = 100_000
    owner_shares: int = 100_000
    most_rounds: int | None = None
    """Cap on rounds, or ``None`` for what the plan needs at most."""
    commercial: bool = False
    """Whether the model is for commercial use; a run for a commercial purpose is, whatever is said here."""
    price: int = 0
    """The most that is paid for one dataset, in the token's smallest unit."""
    bond: int = 0
    """What each seat locks in the vault when it enrols, in the token's smallest unit."""
    token: ids.Address = run.COIN
    """What price and bond are counted in."""

    def spec(self, solver: ids.MemberId, terms: ids.Digest, made: recipes.Recipe) -> run.RunSpec:
        """Return the run's immutable terms, with a fresh salt."""
        rounds = made.most_rounds if self.most_rounds is None else min(self.most_rounds, made.most_rounds)
        return run.RunSpec(
            problem=self.problem,
            plan=self.plan,
            terms=terms,
            purpose=encoding.purpose_code(self.terms.purpose),
            solver=solver,
            rounds=rounds,
            min_participants=self.min_participants,
            max_participants=self.max_participants,
            layout=1,
            cell_size=self.cell_size,
            suite=suites.Suite.of(self.cipher, made.word_bits) + suites.HYBRID * self.is_hybrid,
            max_attempts=self.max_attempts,
            enrol_until=self.enrol_until,
            phase_seconds=self.phase_seconds,
            patience_seconds=self.patience_seconds,
            solver_shares=self.solver_shares,
            owner_shares=self.owner_shares,
            bond=self.bond,
            token=self.token,
            commercial=self.commercial or vocabulary.is_commercial(self.terms.purpose),
            price=self.price,
            salt=secrets.token_bytes(32),
        )
