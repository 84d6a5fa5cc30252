"""Ballots that are signed in one home and sent from another: how they lie in a file.

Called by ``voting`` (a co-op's people) and ``vote`` (the commons' members); which governor a ballot is for decides its desk.
"""

import json
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aicommons import app
from aicommons.cli import assembly, given, homes, naming, output
from aicommons.domain import errors, events, ids

if TYPE_CHECKING:
    from aicommons.domain import encoding
    from aicommons.protocol import coops

SUPPORT = {"for": events.Support.FOR, "against": events.Support.AGAINST, "abstain": events.Support.ABSTAIN}


def sign(file: pathlib.Path, opened: homes.Opened, ballot: "coops.Ballot", place: "encoding.Place") -> dict[str, Any]:
    """Write a ballot signed by this home's wallet into a new file; return what was written."""
    body = {
        "proposal": assembly.shown(ballot.proposal_id),
        "vote": word(ballot.support),
        "voter": ids.format_id(ballot.voter),
        "nonce": ballot.nonce,
        "signature": "0x" + opened.signer.sign_digest(ballot.digest(place)).hex(),
    }
    output.check_new(file)
    app.write_private(file, json.dumps(body, indent=2, sort_keys=True) + "\n")
    return body


def read(file: pathlib.Path, resolve: Callable[[str], int], governor: str) -> "tuple[coops.Ballot, bytes]":
    """Return the ballot in a file and its signature.

    Args:
        file: what ``sign`` wrote.
        resolve: returns the proposal that a text names.
        governor: name of the governor that the ballot is for, in what is signed.

    Raises:
        errors.InputError: it is no such file.
    """
    from aicommons.domain import fields
    from aicommons.protocol import coops

    reader = fields.Fields(given.read_json(file), file.name)
    said = reader.text("vote")
    if said not in SUPPORT:
        raise reader.refusal("vote", f"one of {', '.join(SUPPORT)}", said)
    proposal, voter = resolve(reader.text("proposal")), naming.parse_address(reader.text("voter"))
    nonce, signature = reader.whole_within("nonce", 0, 2**53), _bytes(reader.text("signature"), file.name)
    reader.close()
    return coops.Ballot(proposal, SUPPORT[said], voter, nonce, governor), signature


def word(support: events.Support) -> str:
    """Return how people write a choice."""
    return support.name.lower()


def _bytes(text: str, which: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as err:
        raise errors.InputError("not a signature", which=which, expected="0x and hexadecimal digits") from err
