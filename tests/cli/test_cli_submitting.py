"""What shows a submission to a contest is never lost, whatever happens to the call that fixes it."""

import contextlib
import http.server
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli import conftest, money_stage

from aicommons import app
from aicommons.ledger import relaying, wallet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SUBMISSION = "0x" + "5a" * 32


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, _passphrase: None) -> Iterator[money_stage.Stage]:
    """A commons of this module's own: its clock passes."""
    with money_stage.staged(tmp_path_factory.mktemp("submitting")) as made:
        yield made


@contextlib.contextmanager
def relayer_that_lies(stage: money_stage.Stage, sends: bool) -> Iterator[str]:
    """Serve a relayer that says no to every call, having brought it all the same where it ``sends``."""
    operator = app.Home(stage.place.root / "operator")
    payer = app.connect(operator, wallet.unlock(operator.wallet_file, conftest.PASSPHRASE))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = relaying.Request.from_json(self.rfile.read(int(self.headers["Content-Length"])))
            if sends:
                assert payer.submit("Forwarder", "executeBatch", [request.values()], payer.address).is_success
            body = json.dumps({"message": "I do not like it"}).encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def relayed_by(home: pathlib.Path, url: str) -> Iterator[None]:
    """Let a home's calls go through a relayer."""
    file = home / "config.json"
    before = file.read_text()
    settings: dict[str, Any] = json.loads(before)
    file.write_text(json.dumps(settings | {"relayer": url}))
    yield
    file.write_text(before)


@pytest.mark.parametrize("sends", [True, False], ids=["sends it and says no", "says no"])
def test_a_relayer_that_lies_loses_no_submission(stage: money_stage.Stage, sends: bool) -> None:
    """Whether or not the call was carried out, the same command run again ends it, and the submission can be shown."""
    title = f"A contest whose relayer lies {sends}"
    file = stage.place.write(f"problem-{sends}.json", conftest.PROBLEM | {"title": title})
    options = ("--judge", "2", "--commit-days", "3", "--reveal-days", "2")
    problem = stage.done("owner", "problem", "state", file, *options)["problem"]
    with relayer_that_lies(stage, sends) as url, relayed_by(stage.place.root / "solver", url):
        stage.place.call("solver", "problem", "commit", problem, SUBMISSION)
    assert stage.done("solver", "problem", "commit", problem, SUBMISSION)["submission"] == SUBMISSION
    stage.clock.advance(3 * money_stage.DAY + 3600)
    assert stage.done("solver", "problem", "reveal", problem)["submission"] == SUBMISSION
