"""The owner's page on an in-memory commons, asked without a network, and proposals that wait for its owner."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import random
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from aicommons import app, office, testing
from aicommons.domain import cards, documents, ids, letters, run
from aicommons.learning import recipe as recipes
from aicommons.node import letters as sealing
from aicommons.owner import deciding
from aicommons.portal import guard, opening, serving
from aicommons.protocol import inbox as rules

PORT = 8547
HOST = f"127.0.0.1:{PORT}"
SCHEMA = {
    "features": [{"name": "age", "kind": "numeric", "lo": 0, "hi": 120}],
    "target": {"name": "outcome", "task": "binomial", "classes": ["no", "yes"]},
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the page answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def token(self) -> str:
        """The form token of a page."""
        found = re.search(r'name="token" value="([0-9a-f]+)"', self.text)
        return found.group(1) if found else ""


class Visitor:
    """Asks an ASGI application as a browser would, with its cookies."""

    def __init__(self, application: Any, cookies: str = "") -> None:
        self._application = application
        self.cookies = cookies

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self.ask("GET", path, b"", headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form."""
        body = urllib.parse.urlencode(fields).encode()
        given = {
            "origin": f"http://{HOST}",
            "content-type": "application/x-www-form-urlencoded",
            "content-length": str(len(body)),
        }
        return self.ask("POST", path, body, given | headers)

    def send(self, path: str, fields: Sequence[tuple[str, str]], files: Mapping[str, bytes]) -> Answer:
        """Send a form with files, as a browser does (RFC 7578)."""
        parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
        kind = "Content-Type: application/octet-stream"
        parts += [
            f'name="{name}"; filename="{name}.pdf"\r\n{kind}\r\n\r\n'.encode() + data for name, data in files.items()
        ]
        body = (
            b"".join(b"--edge\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--edge--\r\n"
        )
        headers = {
            "origin": f"http://{HOST}",
            "content-type": "multipart/form-data; boundary=edge",
            "content-length": str(len(body)),
        }
        return self.ask("POST", path, body, headers)

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request."""
        parts = urllib.parse.urlsplit(path)
        given = {"host": HOST, "cookie": self.cookies} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
            "server": ("127.0.0.1", PORT), "client": ("127.0.0.1", 50000), "state": {},
        }  # fmt: skip
        return asyncio.run(self._ask(scope, body))

    async def _ask(self, scope: dict[str, Any], body: bytes) -> Answer:
        told: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop()
            await asyncio.Event().wait()
            return {}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self._application(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
        text = b"".join(each.get("body", b"") for each in told[1:])
        return Answer(told[0]["status"], headers, "" if "content-encoding" in headers else text.decode())


@dataclasses.dataclass(frozen=True)
class Desk:
    """A commons of a solver and an owner whose home has one table."""

    commons: testing.Commons
    owner: testing.Member
    home: app.Home
    place: opening.Opened
    problem_id: bytes

    @property
    def clerk(self) -> deciding.Clerk:
        """A clerk who has read nothing yet."""
        return deciding.make_clerk(self.place, self.place.secret)

    def propose(self, title: str = "Risk by age", **terms: Any) -> ids.RunId:
        """Open a run that the owner's table fits."""
        desk = self.commons.solver.desk
        recipe = {"recipe": "glm", "schema": SCHEMA, **terms.pop("recipe", {})}
        made = recipes.to_plan(recipes.from_plan(recipe))
        plan = documents.Plan(title, made, "Sums only.", 30, 0, None)
        said = documents.RunTerms(
            office.DEFAULT_PURPOSE,
            (),
            7 * 86400,
            run.MINIMUM_COHORT,
            "no DP",
            terms.pop("licence", None),
            terms.pop("duties", ()),
        )
        offer = office.Offer(
            problem=self.problem_id,
            plan=desk.publish_plan(plan),
            terms=said,
            enrol_until=testing.START + 300 * 86_400,
            **terms,
        )
        return desk.open_run(offer)

    def write(self, words: str, run_id: ids.RunId | None = None) -> int:
        """Ask for the owner's dataset in the solver's name, with sealed words; return the request's id."""
        return self.commons.solver.desk.ask(1, self.sealed(self.owner, words), run_id)

    def sealed(self, to: testing.Member, words: str) -> bytes:
        """Return words that only one member can read."""
        return sealing.seal(letters.Letter(words), app.reader_point(to.wallet), os.urandom)

    def opened(self, by: testing.Member, document: bytes) -> str:
        """Return the words of a sealed letter, as one member reads them."""
        sealed = self.commons.store.get(document, sealing.LONGEST)
        return sealing.open_sealed(sealed, app.reader_secret(by.wallet)).words

    def key(self, run_id: ids.RunId) -> str:
        """Return the name of a run's item in the inbox."""
        return f"{rules.Kind.RUN.value}:{run_id.hex()}"

    def bring_further(self, *numbers: int) -> None:
        """Give the home further datasets of the same table."""
        card = cards.DatasetCard("Examinations", "here", 60, {}, "LicenseRef-private", 10, "none")
        for number in numbers:
            assert self.owner.desk.publish_dataset(card) == number
            self.home.keep_dataset(number, self.home.datasets()[1]["path"], card)

    def is_enrolled(self, run_id: ids.RunId) -> bool:
        """Return whether the owner has a seat in a run."""
        return self.owner.member_id in self.commons.solver.desk.run(run_id).enrolled

    def open_page(self) -> tuple[Visitor, guard.Session]:
        """Return a visitor who has opened the link, and the session."""
        session = guard.Session(PORT)
        application = serving.make(self.place, session, entered=lambda: None)
        return Visitor(application, f"{session.cookie}={session.value}"), session


def write_table(path: pathlib.Path, rows: int = 60) -> pathlib.Path:
    """Write a table that fits ``SCHEMA``."""
    draw = random.Random(7)
    lines = ["age,outcome"]
    for _ in range(rows):
        age = draw.uniform(20, 90)
        lines.append(f"{age:.1f},{'yes' if draw.gauss(age, 15) > 55 else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def desk(tmp_path: pathlib.Path) -> Iterator[Desk]:
    """Set a commons up for one test."""
    with set_up(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Set a commons up for all tests that change nothing in it."""
    with set_up(tmp_path_factory.mktemp("shared")) as made:
        yield made


@contextlib.contextmanager
def set_up(tmp_path: pathlib.Path) -> Iterator[Desk]:
    """Set a commons up in a folder."""
    commons = testing.Commons(tmp_path / "commons")
    commons.admit("solver")
    owner = commons.admit("owner")
    home = app.Home(tmp_path / "home")
    app.write_private(home.settings_file, app.Settings("The <owner>").to_json())
    card = cards.DatasetCard("Examinations", "here", 60, SCHEMA, "LicenseRef-private", 10, "none")
    home.keep_dataset(owner.desk.publish_dataset(card), write_table(tmp_path / "table.csv"), card)
    problem = documents.Problem("Who is at risk?", "patients", "whom to examine", "why", ("3.4",), "auc", "none")
    problem_id = commons.solver.desk.state_problem(problem, 2 * testing.START)
    secret = app.reader_secret(owner.wallet)
    place = opening.Opened(home, owner.registry, commons.store, owner.desk, owner.wallet, secret)  # type: ignore[arg-type]
    yield Desk(commons, owner, home, place, problem_id)
    commons.close()


@pytest.fixture(scope="session")
def read_catalogue() -> Callable[[str], str]:
    """Return what reads a language's file."""
    root = pathlib.Path(serving.__file__).parent / "locale"
    return lambda language: (root / language / "portal.po").read_text(encoding="utf-8")
