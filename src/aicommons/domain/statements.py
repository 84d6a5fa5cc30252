"""What a person signs with a key of its own to consent, without a paper: one EIP-712 message, in words that wallets show.

Made by ``commons consent sign`` in the person's home, or by any wallet that signs typed data; taken in by a steward with
``commons consent enter --by-key``. The digest that is signed is ``protocol/consents.statement_digest``. It goes from the
person to the steward and nowhere else: unlike the register it names the person.
"""

import dataclasses
import hashlib

from aicommons.domain import documents, errors

STATEMENT_TYPE = (
    "Consent(uint256 dataset,string person,bool guardian,string[] purposes,bool commercial,string[] fields,"
    "bytes32 problem,uint256 grantee,uint32 maxUses,uint64 given,uint64 expiry)"
)
"""The message's type; zero stands for any problem, any solver, any number of uses, and an empty list for all fields."""
MOST_USES = 2**32 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Statement(documents.Document):
    """A person's own yes."""

    KIND = "consent-statement"
    dataset: int
    """Dataset id."""
    person: str
    """The person's key in the owner's table, as on its card at the clinic or the name of its data wallet."""
    guardian: bool
    """Whether it is said for a child, by its guardian."""
    purposes: tuple[str, ...]
    """Purpose codes; each covers what is narrower."""
    commercial: bool
    """Whether commercial use is covered."""
    fields: tuple[str, ...]
    """Columns covered; empty means all that the dataset's card declares."""
    problem: bytes | None
    """The only problem, 32 bytes, or ``None`` for any."""
    grantee: int | None
    """Member id of the only solver, or ``None`` for any."""
    max_uses: int | None
    """How many runs may use it, or ``None`` for any number."""
    given_at: int
    """When it was signed, in seconds since 1970."""
    expiry: int
    """When it ends, in seconds since 1970."""

    def check(self) -> None:
        """Check that it says yes to something, by somebody, for a while; raises ``errors.DecodeError``."""
        rules = (
            ("person", bool(self.person.strip()), "somebody"),
            (
                "purposes",
                bool(self.purposes) and len(set(self.purposes)) == len(self.purposes),
                "at least one, each once",
            ),
            ("expiry", self.expiry > self.given_at, "a time after it was signed"),
            ("dataset", self.dataset > 0, "a dataset"),
            ("grantee", self.grantee != 0, "a member, or null"),
            ("max_uses", self.max_uses is None or 0 < self.max_uses <= MOST_USES, "at least one, or null"),
            ("problem", self.problem is None or any(self.problem), "a problem, or null"),
        )
        for field, holds, expected in rules:
            if not holds:
                raise errors.DecodeError("nobody can have signed this", which=f"{self.KIND}.{field}", expected=expected)

    @property
    def evidence(self) -> bytes:
        """What stands for it in the consent record: SHA-256 of its canonical bytes, whoever signs them how often."""
        return hashlib.sha256(self.encode()).digest()


@dataclasses.dataclass(frozen=True, slots=True)
class SignedStatement(documents.Document):
    """A statement with its signature, for one ledger."""

    KIND = "signed-consent"
    chain_id: int
    """Of the ledger."""
    contract: str
    """Address of its ConsentRegister, ``0x…``."""
    statement: Statement
    """What was signed."""
    signature: str
    """65 bytes as ``0x`` and hexadecimal digits, by the key of the person or of the child's guardian."""

    def check(self) -> None:
        """Check the statement; raises ``errors.DecodeError``."""
        self.statement.check()
