"""The page as a server: routes behind the guard, on loopback, with a clerk beside it who applies the standing rules.

Called by ``python -m aicommons.portal``, which ``commons portal start`` and ``commons up`` run as a process of its own.
The address of the page, with a link that works once, is kept in ``<home>/portal/link`` for the same user to read.
"""

import contextlib
import gzip
import importlib.resources
import logging
import mimetypes
import re
import socket
import threading
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import fastapi
import uvicorn
from fastapi import concurrency, responses

from aicommons import app
from aicommons.domain import errors
from aicommons.owner import deciding
from aicommons.portal import counter, guard, holdings, house, opening, routes
from aicommons.portal import pages as shared

log = logging.getLogger("aicommons.portal")

RULES_SECONDS = 2.0
"""Between looks whether a standing rule has something to answer."""
CONNECTIONS = 64


def make(place: opening.Opened, session: guard.Session, *, entered: Callable[[], None]) -> guard.Guard:
    """Return the whole page as an ASGI application.

    Args:
        place: the home behind it.
        session: who may see it.
        entered: called when a link was used.
    """
    pages = shared.Pages(deciding.make_clerk(place, place.secret), session, place.signer)
    made = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    made.state.pages = pages
    made.include_router(routes.make(pages))
    for each in (house, holdings, counter):
        made.include_router(each.make(pages))
    assets = load_assets()
    made.add_api_route("/static/{name}", lambda name: serve_asset(assets, name), methods=["GET"], response_model=None)

    async def refuse(request: fastapi.Request, err: Exception) -> responses.Response:
        if not isinstance(err, errors.CommonsError):
            raise err
        origin = await _origin(made, request)
        return await concurrency.run_in_threadpool(pages.refused, request, err, origin)

    made.add_exception_handler(errors.CommonsError, refuse)
    return guard.Guard(made, session, entered=entered)


ORIGINS = (
    (re.compile(r"(/consents/[0-9]+)/(enter|find|post)"), r"\1"),
    (re.compile(r"(/consents/[0-9]+/[0-9]+)/(withdraw|receipt)"), r"\1"),
    (re.compile(r"(/datasets/[0-9]+)/(state|models/.*)"), r"\1"),
    (re.compile(r"/settings/.*"), "/settings"),
    (re.compile(r"/stop/ledger|/resume"), "/stop"),
    (re.compile(r"(/inbox/.+)"), r"\1"),
)
"""Where a form is sent -> the page that it stands on."""


async def _origin(made: fastapi.FastAPI, request: fastapi.Request) -> str:
    """Return the page that a refused form stands on, as it is now; empty where there is none, or it is refused too."""
    found = [where.fullmatch(request.url.path) for where, _ in ORIGINS]
    match = next((each for each in found if each is not None), None)
    if match is None or request.method != "POST" or not hasattr(request.state, "given"):
        return ""
    path = match.expand(dict(ORIGINS)[match.re])
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(dict(message))

    scope = {
        name: request.scope[name] for name in ("type", "asgi", "http_version", "scheme", "server", "client", "headers")
    }
    asked = {
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "state": {},
    }
    await made(scope | asked, receive, send)
    return b"".join(each.get("body", b"") for each in told[1:]).decode() if told[0]["status"] == 200 else ""


def load_assets() -> dict[str, bytes]:
    """Return name -> gzip bytes of everything in ``static/``."""
    root = importlib.resources.files("aicommons.portal") / "static"
    return {each.name: gzip.compress(each.read_bytes(), mtime=0) for each in root.iterdir() if each.is_file()}


def serve_asset(assets: dict[str, bytes], name: str) -> responses.Response:
    """Return an asset; every browser takes gzip. Names with a version never change what they stand for."""
    if name not in assets:
        return responses.PlainTextResponse("", 404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    caching = "public, max-age=86400" if name.startswith("htmx") else "no-cache"
    return responses.Response(
        assets[name], media_type=kind, headers={"content-encoding": "gzip", "cache-control": caching}
    )


def serve(place: opening.Opened, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until SIGTERM or Ctrl-C; ``ready`` gets the link to open.

    Raises:
        errors.InputError: the port is taken.
    """
    listener = _listen(port)
    session = guard.Session(listener.getsockname()[1])
    link = place.home.path / "portal" / "link"

    def tell() -> None:
        app.write_private(link, session.link + "\n")

    tell()
    config = uvicorn.Config(
        make(place, session, entered=tell),
        access_log=False, log_level="warning", lifespan="off", server_header=False, date_header=False,
        limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=1,
    )  # fmt: skip
    with contextlib.closing(listener), _clerk_at_work(deciding.make_clerk(place, place.secret)):
        ready(session.link)
        uvicorn.Server(config).run(sockets=[listener])
    link.unlink(missing_ok=True)


@contextlib.contextmanager
def _clerk_at_work(clerk: deciding.Clerk) -> Iterator[None]:
    """Let the standing rules answer every other second while the page is served."""
    over = threading.Event()
    worker = threading.Thread(target=_apply_rules, args=(clerk, over), name="standing-rules", daemon=True)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join(5)


def _apply_rules(clerk: deciding.Clerk, over: threading.Event) -> None:
    told: set[str] = set()
    while not over.wait(RULES_SECONDS):
        try:
            applied = deciding.apply_rules(clerk)
        except errors.CommonsError as err:
            applied = ()
            _tell_once(told, str(err))
        for each in applied:
            if each.trouble is None:
                log.info("rule %d answered %s", each.number, each.item.key[:20])
            else:
                _tell_once(told, f"rule {each.number} could not answer {each.item.key[:20]}: {each.trouble}")


def _tell_once(told: set[str], words: str) -> None:
    if words not in told:
        log.warning("%s", words)
        told.add(words)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=64)
    except OSError as err:
        raise errors.InputError(
            "the page cannot listen here",
            which=f"127.0.0.1:{port}",
            got=err.strerror,
            next_step="choose another --port, or stop what uses this one",
        ) from err
