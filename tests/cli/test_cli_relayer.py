"""``commons relayer start``: a home whose settings name a relayer acts without sending a transaction of its own."""

import http.client
import json
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.domain import errors, ids
from aicommons.ledger import relaying, rpc
from aicommons.store import transport

if TYPE_CHECKING:
    from tests.cli.conftest import Place


def start(place: "Place") -> str:
    """Start the operator's relayer; return its URL."""
    said = place.running.start("relayer", place.root / "operator", "relayer", "start", "--port", "0")
    return str(said["url"])


@pytest.mark.e2e
def test_a_home_acts_through_a_relayer(founded: "Place") -> None:
    """Applying and naming a guardian go through the relayer; the home's own wallet sends nothing, and errors keep their names."""
    place, url = founded, start(founded)
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

    parts = urllib.parse.urlsplit(url)
    for path, body, status in (
        (relaying.PATH, b"{}", 400),
        ("/", b"{}", 404),
        (relaying.PATH, b"x" * (relaying.MAX_BODY + 1), 404),
    ):
        asked = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        asked.putrequest("POST", path)
        asked.putheader("Content-Length", str(len(body)))
        asked.endheaders(body[:10])
        answer = asked.getresponse()
        assert answer.status == status
        assert "message" in json.loads(answer.read())
        asked.close()
    request = relaying.Request.from_json(
        json.dumps(
            dict.fromkeys(("value", "gas", "nonce", "deadline"), 0)
            | {"sender": applicant, "to": applicant, "data": "0x", "signature": "0x"}
        ).encode()
    )
    relay = relaying.HttpRelay(transport.Transport(url, unreachable=errors.RelayUnreachable))
    with pytest.raises(errors.RelayRefused, match="no contract of this commons"):
        relay.send(request)
    with pytest.raises(errors.RelayUnreachable):
        relaying.HttpRelay(transport.Transport("http://127.0.0.1:9", unreachable=errors.RelayUnreachable)).send(request)
    assert ids.parse_address(applicant)
