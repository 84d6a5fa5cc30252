"""Who may speak with the page: one browser that was given the printed link, on this machine, from the page itself.

Every request passes here before anything else. The link's token works once and becomes a cookie that no script can
read and no other site can send. Host names other than loopback's are refused, so that a site that points its own name
at 127.0.0.1 (DNS rebinding) gets nothing; a form is taken only with the page's own Origin and the session's form token.
Left out: other users of the same machine. Who can read this user's files or memory needs no page; and cookies ignore ports, so a web
server that another user runs on 127.0.0.1, and that this browser is led to, is sent the session's cookie and may act with it. The
how-to says what to do about that.
"""

import hashlib
import hmac
import http.cookies
import secrets
import threading
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

MOST_BODY = 64 * 1024
"""Longest form, in bytes."""
SCANNING = "/consents/"
"""Beginning of the paths whose forms bring scans."""
MOST_SCANNED = 32 * 2**20
"""Longest form with scans, in bytes."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer a browser sends forms with "Origin: null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
OPEN_PATHS = ("/static/",)
"""What needs no session: nothing of the home is in it."""
LOCKED_PATH = "/locked"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Session:
    """The one session of a page: its links, its cookie and its form token. Ends with the process."""

    def __init__(self, port: int, draw: Callable[[int], str] = secrets.token_urlsafe) -> None:
        self._draw = draw
        self._secret = draw(32)
        self._lock = threading.Lock()
        self._link = draw(32)
        self.port = port
        self.cookie = f"commons_{port}"
        """Cookies do not tell ports apart, so that each page has a name of its own."""

    @property
    def form_token(self) -> str:
        """What each form of the page carries."""
        return hmac.new(self._secret.encode(), b"form", hashlib.sha256).hexdigest()

    @property
    def link(self) -> str:
        """The address to open now; works once."""
        return f"http://127.0.0.1:{self.port}/enter?token={self._link}"

    @property
    def value(self) -> str:
        """What the cookie holds."""
        return self._secret

    def redeem(self, token: str) -> bool:
        """Return whether ``token`` is the present link's; that link is void from now on and another one takes its place."""
        with self._lock:
            is_right = hmac.compare_digest(token.encode(), self._link.encode())
            if is_right:
                self._link = self._draw(32)
            return is_right

    def knows(self, cookie: str) -> bool:
        """Return whether a request with these cookies belongs to the session."""
        try:
            found = http.cookies.SimpleCookie(cookie).get(self.cookie)
        except http.cookies.CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self._secret.encode())

    def is_form_token(self, given: str) -> bool:
        """Return whether a form is the page's own."""
        return hmac.compare_digest(given.encode(), self.form_token.encode())


class Guard:
    """Stands before the page's routes (ASGI)."""

    def __init__(self, inside: Application, session: Session, *, entered: Callable[[], None]) -> None:
        """Guard ``inside``; ``entered`` is called when a link was used, because another one is good from then on."""
        self._inside = inside
        self._session = session
        self._entered = entered
        self._hosts = {f"{name}:{session.port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, answer it here, or show the locked page."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        send = _with_headers(send)
        if (refusal := self._refusal(scope, headers)) is not None:
            await _answer(send, *refusal)
        elif scope["path"] == "/enter":
            await self._enter(scope, receive, send)
        else:
            if not scope["path"].startswith(OPEN_PATHS) and not self._session.knows(headers.get("cookie", "")):
                scope = {**scope, "path": LOCKED_PATH, "raw_path": LOCKED_PATH.encode(), "method": "GET"}
            await self._inside(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Return status and words for a request that goes no further."""
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, "This page answers only under its own address on this machine."
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] != "POST":
            return 405, "No."
        if headers.get("origin") != f"http://{host}" or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return 403, "A form of this page can be sent only from this page."
        length = headers.get("content-length", "")
        most = MOST_SCANNED if scope["path"].startswith(SCANNING) else MOST_BODY
        if not length.isdecimal() or len(length) > 9 or int(length) > most:
            return 413, f"At most {most} bytes."
        return None

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
        if not self._session.redeem(query.get("token", [""])[0]):
            locked = {**scope, "path": LOCKED_PATH, "raw_path": LOCKED_PATH.encode(), "method": "GET"}
            await self._inside(locked, receive, send)
            return
        self._entered()
        cookie = f"{self._session.cookie}={self._session.value}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, words: str) -> None:
    body = words.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
