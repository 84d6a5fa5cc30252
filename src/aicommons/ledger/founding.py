"""Founds a commons on a chain, step by step, so that it can be interrupted anywhere and run again.

Called by ``commons ledger deploy``. Before the first transaction, what was begun (from which number of the wallet's
transactions on, with which configuration and code) is kept by the caller; from that alone every address is known. Each
step looks first whether its contract stands already. Nothing is bound afterwards: whoever deploys never holds any power
(ADR 0024). Left out: files and the configuration's form (``cli/deploying``, ``charter``).
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Protocol, Self

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import addresses, charter, deployments


class Deployer(deployments.Deployer, Protocol):
    """What founding needs from a client."""

    def head(self) -> int:
        """Return the number of the newest block."""


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """A founding that was begun."""

    chain_id: int
    """Of the chain that it is founded on."""
    deployer: ids.Address
    """The account that pays and sends."""
    first_nonce: int
    """Number of the wallet's first transaction for it."""
    first_block: int
    """Newest block when it began."""
    configuration: bytes
    """Digest of the configuration, 32 bytes."""
    code: bytes
    """Digest of what all contracts are created with, 32 bytes: another version of the package has other contracts."""

    def to_json(self) -> str:
        """Return the text of the founding file."""
        body = {
            name: ids.format_id(value) if isinstance(value, bytes) else value
            for name, value in dataclasses.asdict(self).items()
        }
        return json.dumps(body, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a founding file.

        Raises:
            errors.InputError: it is none.
        """
        try:
            body = json.loads(text)
            numbers = [body[name] for name in ("chain_id", "first_nonce", "first_block")]
            words = [ids.parse_bytes32(body[name]) for name in ("configuration", "code")]
            deployer = ids.parse_address(body["deployer"])
        except (ValueError, KeyError, TypeError, AttributeError, errors.DecodeError) as err:
            raise errors.InputError("not a founding file", next_step="move it away to begin a new commons") from err
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise errors.InputError("not a founding file", next_step="move it away to begin a new commons")
        return cls(numbers[0], deployer, numbers[1], numbers[2], *words)


@dataclasses.dataclass(frozen=True, slots=True)
class Founded:
    """A commons that stands."""

    deployment: deployments.Deployment
    created: tuple[str, ...]
    """Contracts that this call created; the others stood before."""


def begin(deployer: Deployer, chain_id: int, founding: deployments.Founding) -> Begun:
    """Return what must be kept before ``go_on`` is called for the first time."""
    first = deployer.nonce()
    return Begun(
        chain_id=chain_id,
        deployer=deployer.address,
        first_nonce=first,
        first_block=deployer.head(),
        configuration=charter.digest(founding),
        code=_code_digest(deployer.address, first, founding),
    )


def _code_digest(deployer: ids.Address, first: int, founding: deployments.Founding) -> bytes:
    codes = deployments.creations(deployments.places(deployer, first), founding)
    return encoding.keccak(b"".join(encoding.keccak(code) for code in codes.values()))


def check_same(begun: Begun, deployer: ids.Address, chain_id: int, founding: deployments.Founding) -> None:
    """Check that what is to be gone on with is what was begun.

    Raises:
        errors.DeploymentConflict: another chain, wallet or configuration.
    """
    for what, was, now in (
        ("chain", begun.chain_id, chain_id),
        ("wallet", ids.format_id(begun.deployer), ids.format_id(deployer)),
        ("configuration", ids.short(begun.configuration), ids.short(charter.digest(founding))),
    ):
        if was != now:
            raise errors.DeploymentConflict(
                f"this commons was begun with another {what}", which=what, expected=was, got=now
            )


def go_on(
    deployer: Deployer, begun: Begun, founding: deployments.Founding, told: Callable[[str], None] = lambda _: None
) -> Founded:
    """Create what is not there yet and return the whole; may be called again after any interruption.

    Args:
        deployer: a client of the wallet that began it.
        begun: what was kept.
        founding: how the commons starts.
        told: called with each contract's name once it stands.

    Raises:
        errors.DeploymentConflict: other configuration, other package, or a transaction that is no part of it in between.
        errors.WrongCode: other code stands where a contract should.
        errors.SenderUnderfunded: the wallet cannot pay for the next contract.
        errors.LedgerUnreachable, errors.LedgerRefused, errors.LedgerMismatch: as a client's calls.
    """
    check_same(begun, deployer.address, begun.chain_id, founding)
    at = deployments.places(deployer.address, begun.first_nonce)
    if _code_digest(deployer.address, begun.first_nonce, founding) != begun.code:
        raise errors.DeploymentConflict(
            "this commons was begun by another version of the package", which="code", expected=ids.short(begun.code)
        )
    created = []
    for place, (name, code) in enumerate(deployments.creations(at, founding).items()):
        if not _stands(deployer, name, at[name]):
            _create(deployer, name, code, begun.first_nonce + place)
            created.append(name)
        told(name)
    return Founded(deployments.found(deployer, begun.chain_id, at, begun.first_block), tuple(created))


def _stands(deployer: Deployer, name: str, at: ids.Address) -> bool:
    code = deployer.code_at(at)
    if code:
        deployments.check_code(name, code, at)
    return bool(code)


def _create(deployer: Deployer, name: str, code: bytes, nonce: int) -> None:
    """Create a contract with just this number of the wallet's transactions."""
    sent = deployer.nonce()
    try:
        if sent == nonce:
            deployer.deploy(code, nonce)
            return
    except (errors.TransactionReplaced, errors.LedgerRefused):
        sent = deployer.nonce()
        if sent <= nonce:
            raise
        if _stands(deployer, name, addresses.created(deployer.address, nonce)):
            return  # our own transaction, whose answer was lost
    if sent > nonce:
        raise errors.DeploymentConflict(
            "another transaction of this wallet took the place of one that creates a contract",
            which=f"{name}, transaction {nonce}",
        )
    raise errors.DeploymentConflict(
        "this chain knows fewer transactions of this wallet than when the founding began: it was reset",
        which=f"{name}, transaction {nonce}",
        got=sent,
    )
