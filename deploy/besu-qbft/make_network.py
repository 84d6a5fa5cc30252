"""Makes the keys of a chain's validators, its genesis block with their names, and the list by which they find each other.

Why: Besu can do it too (``besu operator generate-blockchain-config``), but in earnest each organisation makes its key itself and
shows only the public part: then whoever puts the genesis together calls this with ``--public``, one for each validator.
Needs the commons' package; run by people, once: ``python make_network.py [--hosts H,H,H,H]``. Existing keys are never overwritten.
"""

import argparse
import json
import os
import pathlib
import re
import sys

import coincurve
import rlp

from aicommons.domain import encoding

HERE = pathlib.Path(__file__).parent
FEWEST = 4
"""Validators: with 3 f + 1 of them, f may fail or lie; with fewer than four nobody may."""
VANITY = bytes(32)


def public_of(key_file: pathlib.Path) -> bytes:
    """Return the 64 bytes of a key's public part; the key is made if it is not there."""
    if not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        secret = coincurve.PrivateKey().secret
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("0x" + secret.hex())
    secret = bytes.fromhex(key_file.read_text().strip().removeprefix("0x"))
    return coincurve.PrivateKey(secret).public_key.format(compressed=False)[1:]


def address_of(public: bytes) -> bytes:
    """Return a validator's name, 20 bytes."""
    return encoding.keccak(public)[12:]


def extra_data(validators: list[bytes]) -> str:
    """Return what the first block says of its validators: vanity, names ascending, no vote, round 0, no seals (EIP-650, QBFT)."""
    return "0x" + rlp.encode([VANITY, sorted(validators), [], b"", []]).hex()


def make(folder: pathlib.Path, publics: list[bytes], hosts: list[str]) -> None:
    """Write ``genesis.json`` and ``static-nodes.json`` into a folder.

    Args:
        folder: is made where it is missing.
        publics: public key of each validator, 64 bytes.
        hosts: ``host`` or ``host:port`` of each, in the same order.
    """
    if len(set(publics)) != len(publics) or len(publics) < FEWEST or len(hosts) != len(publics):
        sys.exit(f"it takes {FEWEST} different validators or more, and a host for each")
    folder.mkdir(parents=True, exist_ok=True)
    genesis = json.loads((HERE / "genesis.json").read_text())
    genesis["extraData"] = extra_data([address_of(each) for each in publics])
    (folder / "genesis.json").write_text(json.dumps(genesis, indent=2) + "\n")
    places = [host if ":" in host else f"{host}:30303" for host in hosts]
    nodes = [f"enode://{public.hex()}@{place}" for public, place in zip(publics, places, strict=True)]
    (folder / "static-nodes.json").write_text(json.dumps(nodes, indent=2) + "\n")


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--hosts", default="172.30.61.11,172.30.61.12,172.30.61.13,172.30.61.14", help="of the validators, with commas"
    )
    parser.add_argument(
        "--public", action="append", help="public key of a validator, 128 hex digits; else keys are made here"
    )
    parser.add_argument("--folder", type=pathlib.Path, default=HERE / "network")
    options = parser.parse_args()
    hosts = options.hosts.split(",")
    given = [each.removeprefix("0x") for each in options.public or ()]
    if any(not re.fullmatch("[0-9a-fA-F]{128}", each) for each in given):
        sys.exit("--public takes 128 hexadecimal digits")
    publics = [bytes.fromhex(each) for each in given]
    publics = publics or [
        public_of(options.folder / "keys" / str(number) / "key") for number in range(1, len(hosts) + 1)
    ]
    make(options.folder, publics, hosts)
    print(
        f"{options.folder}: {len(publics)} validators; give genesis.json and static-nodes.json to each, its key to itself alone"
    )


if __name__ == "__main__":
    main()
