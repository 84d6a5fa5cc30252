"""``commons relayer start``: a home whose settings name a relayer acts without sending a transaction of its own."""

import json
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.domain import errors
from aicommons.ledger import relaying, rpc
from aicommons.store import transport

if TYPE_CHECKING:
    from tests.cli.conftest import Place


@pytest.fixture(scope="module")
def url(founded: "Place") -> str:
    """URL of the operator's relayer, a process of its own."""
    said = founded.running.start("relayer", founded.root / "operator", "relayer", "start", "--port", "0")
    return str(said["url"])


@pytest.mark.e2e
def test_a_home_acts_through_a_relayer(founded: "Place", url: str) -> None:
    """Applying and naming a guardian go through the relayer; the home's own wallet sends nothing, and errors keep their names."""
    place = founded
    place.init("poor", "--deployment", place.deployment, "--relayer", url)
    home = app.Home(place.root / "poor")
    assert home.settings().relayer == url
    applicant = place.done("poor", "member", "apply")["applicant"]
    place.done("operator", "member", "admit", applicant)
    place.done("poor", "member", "guardian", "0x" + "77" * 20)
    said = place.call("poor", "member", "admit", applicant, "--json")
    assert (said.code, said.json["error"]) == (1, "LedgerRefused")
    connection = rpc.HttpRpc(transport.Transport(place.urls[0], unreachable=errors.LedgerUnreachable))
    assert rpc.call(connection, "eth_getTransactionCount", [applicant, "latest"]) == "0x0"


@pytest.mark.e2e
def test_a_relayer_says_why_it_takes_nothing(url: str) -> None:
    """What is no call of this commons is refused in words that arrive, and a relayer that is not there is another error."""
    nobody = "0x" + "66" * 20
    request = relaying.Request.from_json(
        json.dumps(
            dict.fromkeys(("value", "gas", "nonce", "deadline"), 0)
            | {"sender": nobody, "to": nobody, "data": "0x", "signature": "0x"}
        ).encode()
    )
    with pytest.raises(errors.RelayRefused, match="no contract of this commons"):
        relay(url).send(request)
    with pytest.raises(errors.RelayUnreachable, match="does not answer"):
        relay("http://127.0.0.1:9").send(request)


def relay(url: str) -> relaying.HttpRelay:
    """Return a relayer at a URL."""
    return relaying.HttpRelay(transport.Transport(url, unreachable=errors.RelayUnreachable))
