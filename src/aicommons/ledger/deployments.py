"""Where the contracts stand on a chain: the deployment file, and how a deployment is made.

``deploy`` creates the contracts in dependency order and returns the record that ``<home>/deployments/<chain id>.json``
holds; members get that file from whoever runs the ledger. Governance of a deployment comes with its own part.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import addresses, contracts

FOUNDING_NONCES = {
    "Membership": 0,
    "Problems": 1,
    "DataRegistry": 2,
    "TrainingRuns": 3,
    "ModelRegistry": 5,
    "Guardianships": 6,
    "ConsentRegister": 7,
    "Requests": 8,
}
"""Transaction of ``deploy`` that creates each contract; number 4 binds two of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    """The commons on one chain."""

    chain_id: int
    first_block: int
    """Block before which there is nothing to read."""
    addresses: Mapping[str, ids.Address]
    """Contract name -> address."""
    code_hashes: Mapping[str, bytes]
    """Contract name -> keccak256 of its code on the chain."""

    def to_json(self) -> str:
        """Return the text of a deployment file."""
        body = {
            "chain_id": self.chain_id,
            "first_block": self.first_block,
            "contracts": {
                name: {"address": ids.format_id(address), "code_hash": ids.format_id(self.code_hashes[name])}
                for name, address in self.addresses.items()
            },
        }
        return json.dumps(body, indent=2, sort_keys=True) + "\n"

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
            return cls(int(body["chain_id"]), int(body["first_block"]), addresses, hashes)
        except (ValueError, KeyError, TypeError, AttributeError, errors.DecodeError) as err:
            raise errors.InputError(
                "not a deployment file", next_step="ask whoever runs the ledger for deployments/<chain id>.json"
            ) from err


class Deployer(Protocol):
    """What deployment needs from a client."""

    def deploy(self, code: bytes) -> ids.Address:
        """Create a contract."""

    def code_at(self, address: ids.Address) -> bytes:
        """Return the code at an address."""

    def send_to(self, address: ids.Address, data: bytes) -> None:
        """Send a call."""


@dataclasses.dataclass(frozen=True, slots=True)
class Founding:
    """What a deployment can never change."""

    registrars: Sequence[ids.Address]
    """Who may admit members."""
    threshold: int
    """How many registrars must agree."""
    purposes: Sequence[str]
    """Purpose codes; the place is the bit of each for ever."""
    banned: int
    """Bitmap of the purposes that nobody can permit."""


def deploy(deployer: Deployer, chain_id: int, founding: Founding) -> Deployment:
    """Create all contracts and bind them to each other (contracts/DEPLOY.md).

    Args:
        deployer: a client whose key pays; it holds no power afterwards.
        chain_id: of the ledger.
        founding: what can never be changed.
    """
    made: dict[str, ids.Address] = {}

    def create(name: str, *values: object) -> None:
        artifact = contracts.load(name)
        made[name] = deployer.deploy(artifact.bytecode + encoding.abi_encode(artifact.constructor, values))

    create("Membership", list(founding.registrars), founding.threshold)
    create("Problems", made["Membership"])
    purposes = [encoding.purpose_code(code) for code in founding.purposes]
    create("DataRegistry", made["Membership"], purposes, founding.banned)
    create("TrainingRuns", made["Membership"], made["DataRegistry"], made["Problems"])
    binding = contracts.call_data("DataRegistry", "bindRuns", [made["TrainingRuns"]])
    deployer.send_to(made["DataRegistry"], binding)
    create("ModelRegistry", made["Membership"], made["Problems"], made["DataRegistry"], made["TrainingRuns"])
    create("Guardianships", made["Membership"])
    create("ConsentRegister", made["Membership"], made["DataRegistry"], made["Guardianships"])
    create("Requests", made["Membership"], made["DataRegistry"])
    hashes = {name: encoding.keccak(deployer.code_at(address)) for name, address in made.items()}
    return Deployment(chain_id, 0, made, hashes)


def find(deployer: Deployer, chain_id: int, founder: ids.Address) -> Deployment:
    """Return where ``founder``'s first transactions put the contracts: for a ledger whose deployment file was lost.

    Raises:
        errors.LedgerMismatch: they are not all there.
    """
    places = {name: addresses.created(founder, nonce) for name, nonce in FOUNDING_NONCES.items()}
    codes = {name: deployer.code_at(address) for name, address in places.items()}
    for name, code in codes.items():
        if not code:
            raise errors.LedgerMismatch(
                "the contracts are not where this home's wallet would have put them",
                which=name,
                next_step="copy the deployment file of whoever founded this ledger to deployments/<chain id>.json",
            )
    return Deployment(chain_id, 0, places, {name: encoding.keccak(code) for name, code in codes.items()})
