"""What relaying costs: gas of one member's call sent by itself, by a relayer alone, and by a relayer among others.

Why: the documentation claims that a batch is cheaper than the same signed calls sent alone. Run by people: ``python
bench/relayer.py [--json]``. Each member sets its profile: the dearest case for a batch, because the calls themselves cost
little. Second calls are measured: a member's first writes its number into the forwarder, 17,100 gas once in its life.
"""

import argparse
import os
import pathlib
import tempfile
from collections.abc import Sequence

import report
from aicommons import testing
from aicommons.domain import encoding, signing
from aicommons.ledger import client, contracts, relaying, wallet

SIZES = (1, 2, 5, 20)
GAS = 200_000


def signed(payer: client.Client, members: Sequence[wallet.Wallet]) -> list[tuple[object, ...]]:
    """Return one call of each member, as the forwarder takes it."""
    place = encoding.Place(payer.place.chain_id, payer.address_of("Forwarder"))
    made = []
    for member in members:
        (nonce,) = payer.call("Forwarder", "nonces", member.address)
        said = signing.ForwardRequest(
            sender=member.address,
            to=payer.address_of("Membership"),
            value=0,
            gas=GAS,
            nonce=int(str(nonce)),
            deadline=testing.START + 10**6,
            data=contracts.call_data("Membership", "setProfile", (os.urandom(32),)),
        )
        made.append(relaying.sign(member, place, said).values())
    return made


def batch(payer: client.Client, calls: Sequence[tuple[object, ...]]) -> int:
    """Send calls in one transaction; return its gas."""
    return payer.submit("Forwarder", "executeBatch", list(calls), payer.address).gas_used


def rows(commons: testing.Commons) -> list[dict[str, int]]:
    """Measure."""
    members = [commons.admit(f"member {number}") for number in range(max(SIZES))]
    payer = commons.connect(wallet.Wallet(os.urandom(32)))
    wallets = [member.wallet for member in members]
    batch(payer, signed(payer, wallets))  # everybody's first
    own = members[0].registry.submit("Membership", "setProfile", os.urandom(32)).gas_used
    found = []
    for size in SIZES:
        alone = sum(payer.submit("Forwarder", "execute", each).gas_used for each in signed(payer, wallets[:size]))
        together = batch(payer, signed(payer, wallets[:size]))
        found.append({"calls": size, "own": own, "alone": alone // size, "together": together // size})
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commons = testing.Commons(pathlib.Path(folder))
        try:
            measured = rows(commons)
        finally:
            commons.close()
    columns: report.Columns = {
        "calls": lambda row: row["calls"],
        "gas of one, sent by its member": lambda row: row["own"],
        "by a relayer alone": lambda row: row["alone"],
        "by a relayer, all together": lambda row: row["together"],
        "saved of alone": lambda row: f"{1 - row['together'] / row['alone']:.0%}",
    }
    report.show("Relayed calls", measured, columns, as_json=said.json)


if __name__ == "__main__":
    main()
