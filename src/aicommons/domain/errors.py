"""The error tree of the commons, drawn once; callers catch by branch.

    CommonsError
    ├── TemporaryError(delay)          the same call may succeed later
    │   ├── LedgerUnreachable
    │   ├── LedgerReorganised          blocks that were read are no part of the chain any more: what they said is to be read anew
    │   ├── RelayUnreachable
    │   │   └── RelayOutcomeUnknown    a relayer has the call, and may or may not carry it out
    │   └── StoreUnreachable
    └── PermanentError                 the same call will fail again
        ├── InputError                 something a person gave us (a file, an option, a document)
        │   └── TableError             a row, column or value of a table; never shows a value
        │       └── TooFewRows         fewer rows than the minimum cohort
        ├── DecodeError                foreign bytes that are not what they claim to be
        ├── SignatureInvalid           a signature that does not match its signer
        ├── LedgerRefused              the ledger or a contract refused a call, with the contract's error name
        │   ├── SenderUnderfunded      this wallet cannot pay for the transaction
        │   └── RelayRefused           the relayer does not send this call
        ├── LedgerMismatch             an answer that contradicts itself, or is none
        │   ├── WrongChain             another chain than the deployment's
        │   ├── WrongCode              other code, or none, where a contract should stand
        │   ├── WrongAuthority         a contract that listens to somebody else than the commons' timelock or forwarder
        │   ├── SuccessorUnknown       the members named a successor that this package does not know
        │   ├── ReceiptContradicted    a receipt that the ledger's own blocks do not bear out
    │   └── LogsWithheld           a block that says it has events which the ledger does not tell
        ├── TransactionReplaced        another transaction of this wallet was recorded in its place
        ├── FeeTooHigh                 the ledger asks more for gas than this home pays
        ├── DeploymentConflict         a commons that was begun otherwise than it is to be gone on with
        ├── StoreRefused               the store refused: too large, over quota, not a member
        │   └── StorageFull            no room left on the disk
        ├── BlobNotFound               no such digest in the store
        ├── DigestMismatch             bytes that do not hash to the digest they were asked for by
        ├── AggregationRefused         a header, box, blob or sum that fails secure aggregation's checks
        ├── ContributionRefused        numbers that a site will not send (not finite, over the bound, wrong length)
        │   ├── TooFewPeople           too few people with consent to hide each other
        │   ├── UseDenied              its owner's use policy, or the dataset's card, does not permit them
        │   └── PlanCodeFailed         a plan's own code broke off, met a limit, or answered with something else than its blocks
        ├── SandboxUnavailable         no cage can be made here, so plans that bring code are refused; recipes still run
        ├── JournalConflict            a second, different signature was asked for
        ├── KeyRefused                 a keystore that cannot be opened
        └── VerificationFailed         the first thing that does not match in ``run verify``

Anything that is not a CommonsError is a bug and is logged loudly. The docstring of a class is what a person is told to
do next when no better step is known at the place where it is raised.
"""


class CommonsError(Exception):
    """Something went wrong.

    Args:
        message: what happened, in one sentence, without record values, keys or seeds.
        which: the thing it happened to (a file, a run, a member, a digest).
        expected: what would have been right.
        got: what was there instead (never a record's value).
        next_step: what a person can do now.
    """

    def __init__(
        self,
        message: str,
        *,
        which: str | None = None,
        expected: object = None,
        got: object = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.which = which
        self.expected = expected
        self.got = got
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.message]
        if self.which is not None:
            parts.insert(0, f"{self.which}: ")
        halves = (("expected", self.expected), ("got", self.got))
        if known := [f"{word} {value}" for word, value in halves if value is not None]:
            parts.append(f" ({', '.join(known)})")
        return "".join(parts)


class TemporaryError(CommonsError):
    """Try again later."""

    server = "server"
    """What did not answer, in messages."""

    def __init__(
        self, message: str, *, delay: float = 1.0, which: str | None = None, next_step: str | None = None
    ) -> None:
        super().__init__(message, which=which, next_step=next_step)
        self.delay = delay


class LedgerUnreachable(TemporaryError):
    """If you run this ledger, start it (``commons ledger start``); else ask whoever runs it. This home asks at ``rpc`` in its config.json,
    as ``commons init --rpc`` set it.
    """

    server = "ledger"


class LedgerReorganised(TemporaryError):
    """Nothing has to be done: what the ledger says is read again. If it happens often, wait for more blocks (``confirmations`` in this
    home's config.json).

    Args:
        ancestor: number of the newest block that was read and is still part of the chain.
        depth: how many blocks were taken back.
    """

    server = "ledger"

    def __init__(self, message: str, *, ancestor: int, depth: int) -> None:
        super().__init__(message, delay=0.0)
        self.ancestor = ancestor
        self.depth = depth


class RelayUnreachable(TemporaryError):
    """Try again in a minute; if it lasts, ask whoever runs the relayer at ``relayer`` in this home's config.json, or remove it there
    and pay yourself.
    """

    server = "relayer"


class RelayOutcomeUnknown(RelayUnreachable):
    """Look whether it was done, and do not repeat it before the time that the message names: until then it may still be carried out."""


class StoreUnreachable(TemporaryError):
    """If you run this store, start it (``commons store start``); else ask whoever runs it. This home asks at ``store`` in its config.json,
    as ``commons init --store`` set it.
    """

    server = "store"


class PermanentError(CommonsError):
    """Trying again will not help."""


class InputError(PermanentError):
    """Correct the named field and run the command again; nothing was changed."""


class TableError(InputError):
    """Correct the named file, column or row and run the command again; nothing was changed."""


class TooFewRows(TableError):
    """This dataset cannot take part in this run; the run goes on without it."""


class DecodeError(PermanentError):
    """The bytes are not what they claim to be; ask their author for them again."""


class SignatureInvalid(PermanentError):
    """The message was not signed by the key it claims; do not act on it."""


class LedgerRefused(PermanentError):
    """The contract refused the call; its error name says why.

    Args:
        error: the custom error's name, or ``None`` when the ledger itself refused.
        arguments: the custom error's decoded arguments.
    """

    def __init__(
        self,
        message: str,
        *,
        error: str | None = None,
        arguments: tuple[object, ...] = (),
        which: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, which=which, next_step=next_step)
        self.error = error
        self.arguments = arguments


class LedgerMoved(LedgerRefused):
    """Somebody else's act came first, and changed what the call was about; look again, and send it again if it still fits."""


class SenderUnderfunded(LedgerRefused):
    """Send coins of this chain to the wallet, or act through a relayer (``relayer`` in config.json).

    Args:
        missing: wei that the wallet lacks; ``None`` if the ledger does not say what it has.
    """

    def __init__(self, message: str, *, missing: int | None, which: str | None = None) -> None:
        super().__init__(message, which=which)
        self.missing = missing


class RelayRefused(LedgerRefused):
    """Ask whoever runs the relayer, or remove ``relayer`` from config.json and pay for the transaction yourself."""


class LedgerMismatch(PermanentError):
    """Check the ledger's URL and the deployment file: they do not belong together."""


class WrongChain(LedgerMismatch):
    """Ask whoever runs the ledger which URL belongs to your deployment file: `rpc` in config.json leads to another chain."""


class WrongCode(LedgerMismatch):
    """Ask whoever runs the ledger for its deployment file; do not send anything to what stands there now."""


class WrongAuthority(LedgerMismatch):
    """Do not use this commons: something stands there that listens to others than its members. Ask whoever gave you the deployment
    file, and look with ``commons ledger powers`` who holds what.
    """


class SuccessorUnknown(LedgerMismatch):
    """Update the package (``pip install --upgrade aicommons``): the members put a newer contract in an older one's place."""


class ReceiptContradicted(LedgerMismatch):
    """Do not believe this ledger's answers: ask another endpoint of the same chain what became of the transaction."""


class LogsWithheld(LedgerMismatch):
    """Do not believe this ledger's answers: ask another endpoint of the same chain, or name several with commas (``rpc`` in config.json)."""


class TransactionReplaced(PermanentError):
    """Look whether it was done (the list of what you wanted to add), then run the command again: another program uses this wallet.

    Args:
        nonce: the number that both transactions have.
    """

    def __init__(self, message: str, *, nonce: int, which: str | None = None) -> None:
        super().__init__(message, which=which)
        self.nonce = nonce


class FeeTooHigh(PermanentError):
    """Ask another endpoint of the same chain (``rpc`` in config.json); if all say the same, allow more by ``tip_gwei`` there."""


class DeploymentConflict(PermanentError):
    """Go on with the configuration it was begun with, or move the founding file away to begin a new commons beside the old one."""


class StoreRefused(PermanentError):
    """The store will not take this; the message says which limit was met."""


class StorageFull(StoreRefused):
    """Free some space on the disk and start again; nothing that was recorded is lost."""


class BlobNotFound(PermanentError):
    """Nobody has stored these bytes here (yet), or they were erased after their retention time."""


class DigestMismatch(PermanentError):
    """The store returned other bytes than were asked for; use another store and tell its operator."""


class AggregationRefused(PermanentError):
    """A participant's message fails a check of secure aggregation; nothing was revealed.

    Args:
        reason: a short stable name of the failed check, such as ``box-does-not-open``.
        member: the member whose message failed, if one is known.
    """

    def __init__(self, message: str, *, reason: str, member: int | None = None, which: str | None = None) -> None:
        super().__init__(message, which=which)
        self.reason = reason
        self.member = member


class ContributionRefused(PermanentError):
    """This site's numbers were not sent; check the table's columns against the plan's schema."""


class BudgetSpent(ContributionRefused):
    """The dataset's owner bounds how much anybody may learn about one person; nothing of this release was sent."""


class TooFewPeople(ContributionRefused):
    """Wait until more people have consented; nothing of this dataset was sent."""


class UseDenied(ContributionRefused):
    """Read the dataset's policy (``commons policy show``); a run with other terms, or a new version, may be permitted."""

    def __init__(
        self, message: str, *, which: str | None = None, reasons: tuple[str, ...] = (), next_step: str | None = None
    ) -> None:
        super().__init__(message, which=which, next_step=next_step)
        self.reasons = reasons


class PlanCodeFailed(ContributionRefused):
    """Nothing was sent; tell the plan's author the stage and the cause. Recipes that come with the package are not affected.

    Args:
        stage: what was being done, such as ``"calling"``: one of a short closed list, never the code's own words.
        cause: a built-in exception's name or a limit's: one of a short closed list, because code could hide a record in words.
    """

    def __init__(
        self, message: str, *, stage: str, cause: str, which: str | None = None, next_step: str | None = None
    ) -> None:
        super().__init__(message, which=which, got=f"{cause} while {stage}", next_step=next_step)
        self.stage = stage
        self.cause = cause


class SandboxUnavailable(PermanentError):
    """Install bubblewrap (``apt install bubblewrap``) and allow user namespaces; until then this node runs recipes only."""


class JournalConflict(PermanentError):
    """A different message of this kind was signed before; this node keeps to the first one."""


class KeyRefused(PermanentError):
    """Check the passphrase and the keystore file, or restore the key with ``commons key restore``."""


class VerificationFailed(PermanentError):
    """The run's record does not hold; the message names the first thing that does not match."""
