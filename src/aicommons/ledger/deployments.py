"""Where the contracts stand on a chain: the deployment file, and what each contract is created with.

``deploy`` creates the contracts of a ledger of one's own in one go and returns the record that
``<home>/deployments/<chain id>.json`` holds; members get that file from whoever runs the ledger. On a chain that others run
too, ``founding`` does the same so that it can be interrupted.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import addresses, contracts, finality


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    """The commons on one chain."""

    chain_id: int
    """Of the chain that they stand on."""
    first_block: int
    """Block before which there is nothing to read."""
    addresses: Mapping[str, ids.Address]
    """Contract name -> address."""
    code_hashes: Mapping[str, bytes]
    """Contract name -> keccak256 of its code on the chain."""
    confirmations: finality.Finality = finality.INSTANT
    """How deep the chain's blocks are final; deeper than that it takes none back."""

    def to_json(self) -> str:
        """Return the text of a deployment file."""
        body = {
            "chain_id": self.chain_id,
            "first_block": self.first_block,
            **({} if self.confirmations.is_instant else {"confirmations": str(self.confirmations)}),
            "contracts": {
                name: {"address": ids.format_id(address), "code_hash": ids.format_id(self.code_hashes[name])}
                for name, address in self.addresses.items()
            },
        }
        return json.dumps(body, indent=2, sort_keys=True) + "\n"

    def check_code(self, name: str, code: bytes) -> None:
        """Check that ``code``, which stands at a contract's address, is the package's and the one that was deployed.

        Raises:
            errors.WrongCode: it is not, or there is none.
        """
        check_code(name, code, self.addresses[name])
        if encoding.keccak(code) != self.code_hashes[name]:
            raise errors.WrongCode("other code than deployed stands at this address", which=name)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a deployment file.

        Raises:
            errors.InputError: it is not one, or lacks a contract.
        """
        try:
            body = json.loads(text)
            listed = body["contracts"]
            addresses = {name: ids.parse_address(listed[name]["address"]) for name in contracts.NAMES}
            hashes = {name: ids.parse_bytes32(listed[name]["code_hash"]) for name in contracts.NAMES}
            final = finality.Finality.parse(str(body.get("confirmations", "0")))
            return cls(int(body["chain_id"]), int(body["first_block"]), addresses, hashes, final)
        except (ValueError, KeyError, TypeError, AttributeError, errors.DecodeError, errors.InputError) as err:
            raise errors.InputError(
                "not a deployment file", next_step="ask whoever runs the ledger for deployments/<chain id>.json"
            ) from err


class Deployer(Protocol):
    """What deployment needs from a client."""

    @property
    def address(self) -> ids.Address:
        """The account that pays."""

    def nonce(self) -> int:
        """Return how many transactions the account has sent."""

    def deploy(self, code: bytes, nonce: int | None = None) -> ids.Address:
        """Create a contract, with the transaction's number where one is given."""

    def code_at(self, address: ids.Address) -> bytes:
        """Return the code at an address."""


@dataclasses.dataclass(frozen=True, slots=True)
class VoteRules:
    """How the members vote; all but ``minimum`` can be changed by a vote."""

    delay: int = 86400
    """Seconds between a proposal and its vote."""
    period: int = 7 * 86400
    """Seconds that a vote is open."""
    percent: int = 10
    """Percent of the members that have to take part."""
    minimum: int = 3
    """Members that have to take part at the least, for ever."""
    timelock: int = 2 * 86400
    """Seconds between a vote that passed and what it does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Founder:
    """Who is a member from the beginning; fields in the ABI's order."""

    account: ids.Address
    """The account that acts for the member."""
    kind: int
    """0 = person, 1 = organisation."""
    node_key: ids.Address
    """The key its node signs with."""
    reader_point: bytes
    """Point that sums are sealed to, 32 bytes."""
    credential: bytes
    """Digest of what proves who it is, 32 bytes."""
    profile: bytes = bytes(32)
    """Digest of its profile; zero when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemRules:
    """How problems are reviewed and judged; a vote can change both."""

    review: int = 0
    """Seconds for which the ethics board may send a new problem back; 0 = there is no review."""
    challenge: int = 3 * 86400
    """Seconds for which a judgement can be challenged."""


@dataclasses.dataclass(frozen=True, slots=True)
class AuditRules:
    """What a model needs before it is released; a vote can change both."""

    audits: int = 2
    """Independent audits at the least."""
    delay: int = 7 * 86400
    """Seconds between clearing and release."""


@dataclasses.dataclass(frozen=True, slots=True)
class Founding:
    """How a commons starts."""

    registrars: Sequence[ids.Address]
    """Who may admit members."""
    threshold: int
    """How many registrars must agree."""
    purposes: Sequence[str]
    """Purpose codes; the place is the bit of each for ever."""
    banned: int
    """Bitmap of the purposes that nobody can permit."""
    votes: VoteRules = dataclasses.field(default_factory=VoteRules)
    """How the members vote."""
    founders: Sequence[Founder] = ()
    """Members from the beginning, in the order of their ids."""
    problems: ProblemRules = dataclasses.field(default_factory=ProblemRules)
    """How problems are reviewed and judged."""
    audits: AuditRules = dataclasses.field(default_factory=AuditRules)
    """What a model needs before it is released."""


def places(founder: ids.Address, first: int = 0) -> dict[str, ids.Address]:
    """Return where each contract comes to stand when ``founder`` creates all of them from its nonce ``first`` on."""
    return {name: addresses.created(founder, first + place) for place, name in enumerate(contracts.NAMES)}


def creations(at: Mapping[str, ids.Address], founding: Founding) -> dict[str, bytes]:
    """Return the code that creates each contract, in their order; every address is known before the first is made.

    So nothing has to be bound afterwards, and whoever deploys never holds any power (contracts/DEPLOY.md).

    Args:
        at: ``places``.
        founding: how the commons starts.
    """
    given = arguments(at, founding)
    return {name: _creation(name, given[name]) for name in contracts.NAMES}


CONFIGURED: Mapping[str, frozenset[int]] = {
    "TimelockController": frozenset({0}),
    "Membership": frozenset({0, 1, 2}),
    "CommonsGovernor": frozenset({1}),
    "DataRegistry": frozenset({2, 3}),
    "Problems": frozenset({3}),
    "ModelRegistry": frozenset({6}),
}
"""Contract -> places of those of its ``arguments`` that the founding decides; all others follow from where the contracts stand."""


def arguments(at: Mapping[str, ids.Address], founding: Founding) -> dict[str, tuple[object, ...]]:
    """Return what the constructor of each contract is given.

    Args:
        at: ``places``.
        founding: how the commons starts.
    """
    votes, reviewed = founding.votes, founding.problems
    authority = (at["TimelockController"], at["Forwarder"])
    purposes = [encoding.purpose_code(code) for code in founding.purposes]
    founders = [dataclasses.astuple(each) for each in founding.founders]
    rules = (votes.delay, votes.period, votes.percent, votes.minimum)
    members, data = at["Membership"], at["DataRegistry"]
    return {
        "Forwarder": (),
        "TimelockController": (votes.timelock, [at["CommonsGovernor"]], [ids.NOBODY], ids.NOBODY),
        "Membership": (list(founding.registrars), founding.threshold, founders, authority),
        "CommonsGovernor": (members, rules, authority),
        "Attestations": (members, authority),
        "Vault": ([at["Problems"], at["Bonds"], at["ModelRegistry"]], authority),
        "Bonds": (at["Vault"], at["TrainingRuns"], at["Verdicts"], authority),
        "DataRegistry": (members, at["TrainingRuns"], purposes, founding.banned, authority),
        "Problems": (members, data, at["Vault"], (reviewed.review, reviewed.challenge), authority),
        "Enrolment": (members, data, at["Problems"], at["Bonds"], authority),
        "TrainingRuns": (members, data, at["Problems"], at["Bonds"], at["Enrolment"], at["Verdicts"], authority),
        "Verdicts": (at["TrainingRuns"], at["Bonds"], authority),
        "ModelRegistry": (
            *(members, at["Problems"], data, at["TrainingRuns"], at["Attestations"], at["Vault"]),
            *((founding.audits.audits, founding.audits.delay), authority),
        ),
        "Guardianships": (members, authority),
        "ConsentRegister": (members, data, at["Guardianships"], authority),
        "Requests": (members, data, authority),
    }


def _creation(name: str, values: Sequence[object]) -> bytes:
    artifact = contracts.load(name)
    return artifact.bytecode + encoding.abi_encode(artifact.constructor, values)


def check_code(name: str, code: bytes, at: ids.Address) -> None:
    """Check that ``code``, which stands at ``at``, is the packaged contract; what constructors fill in may differ.

    Raises:
        errors.WrongCode: it is not, or there is none.
    """
    if not contracts.is_code_of(name, code):
        raise errors.WrongCode(
            "other code than the package's stands at this address" if code else "no contract stands at this address",
            which=f"{name} at {ids.format_id(at)}",
        )


def deploy(deployer: Deployer, chain_id: int, founding: Founding) -> Deployment:
    """Create all contracts (contracts/DEPLOY.md).

    Args:
        deployer: a client whose key pays; it holds no power, neither while it deploys nor afterwards.
        chain_id: of the ledger.
        founding: how the commons starts.
    """
    at = places(deployer.address, deployer.nonce())
    for code in creations(at, founding).values():
        deployer.deploy(code)
    return found(deployer, chain_id, at)


def found(deployer: Deployer, chain_id: int, at: Mapping[str, ids.Address], first_block: int = 0) -> Deployment:
    """Return the deployment of contracts that stand at ``at``.

    Raises:
        errors.LedgerMismatch: one of them does not.
        errors.WrongCode: another contract than the package's stands there.
    """
    codes = {name: deployer.code_at(address) for name, address in at.items()}
    for name, code in codes.items():
        if not code:
            raise errors.LedgerMismatch(
                "the contracts are not where this home's wallet would have put them",
                which=name,
                next_step="copy the deployment file of whoever founded this ledger to deployments/<chain id>.json",
            )
        check_code(name, code, at[name])
    return Deployment(chain_id, first_block, at, {name: encoding.keccak(code) for name, code in codes.items()})


def find(deployer: Deployer, chain_id: int, founder: ids.Address) -> Deployment:
    """Return where ``founder``'s first transactions put the contracts: for a ledger whose deployment file was lost.

    Raises:
        errors.LedgerMismatch: they are not all there.
    """
    return found(deployer, chain_id, places(founder))
