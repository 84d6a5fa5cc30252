"""One kept pool of HTTP connections to one server, through a proxy where the environment names one.

Used by the HTTP store and fit for the ledger's client too: it knows neither blobs nor JSON. ``HTTPS_PROXY``,
``HTTP_PROXY`` and ``NO_PROXY`` are honoured as curl does; loopback never goes through a proxy. What is left out: redirects
(refused, so that a request never reaches another host than was configured), cookies and compression.
"""

import dataclasses
import ipaddress
import os
import pathlib
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import urllib3

from aicommons.domain import errors

CHUNK = 256 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    """HTTP status."""
    headers: Mapping[str, str]
    """Names in any case; look-ups ignore it."""
    body: bytes
    """The body, at most as long as was asked for."""
    complete: bool
    """False when the body was longer than allowed; then ``body`` is empty."""


class Progress:
    """What came of an answer, also when its connection broke: status, once there is one, headers, and pieces of the body."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.pieces: list[bytes] = []


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a server."""

    connect_seconds: float = 5.0
    """Longest wait for a connection."""
    read_seconds: float = 30.0
    """Longest pause within an answer."""
    ca_file: pathlib.Path | None = None
    """PEM file with the authorities to trust, or ``None`` for the system's."""
    retries: int = 1
    """How often a request is sent again whose answer was lost; 0 where doing it twice would do harm."""
    connections: int = 4
    """Connections kept open; threads beyond this number open their own for a while."""


class Transport:
    """Requests to one base URL; safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        settings: Settings | None = None,
        unreachable: type[errors.TemporaryError],
        unanswered: type[errors.TemporaryError] | None = None,
    ) -> None:
        """Prepare the pool; nothing is sent yet.

        Args:
            url: ``http://`` or ``https://``, host, port and perhaps a path before every request's own.
            settings: time limits and trusted authorities.
            unreachable: the error that network faults are raised as.
            unanswered: the error for faults after which the server may have the request; usually the same.

        Raises:
            errors.InputError: not such a URL, a password in it, or a CA file that cannot be read.
        """
        parts = _checked(url)
        self._settings = settings or Settings()
        self._unreachable = unreachable
        self._unanswered = unanswered or unreachable
        self._base = url.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        proxy = proxy_for(url)
        self.proxy_host = None if proxy is None else urllib.parse.urlsplit(proxy).hostname
        self._proxy = proxy
        self._pool = _pool(proxy, self._settings)
        self._process = os.getpid()

    def _own_pool(self) -> urllib3.PoolManager:
        """Return this process's connections: a forked child that used its parent's would mix up the answers of both."""
        if self._process != os.getpid():
            self._pool, self._process = _pool(self._proxy, self._settings), os.getpid()
        return self._pool

    def request(
        self,
        method: str,
        path: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | memoryview | None = None,
        progress: Progress | None = None,
        again: bool = True,
    ) -> Reply:
        """Send one request; after a lost connection it is sent again (``Settings.retries``), so it must be harmless to repeat.

        Args:
            method: HTTP method.
            path: begins with ``/``.
            limit: most bytes of the answer's body that are read.
            headers: further headers.
            body: bytes to send, if any.
            progress: an empty one, filled while the answer comes.
            again: whether it may be sent again at all; not where the caller can go on where it broke.

        Raises:
            errors.TemporaryError: the kind given to the constructor, for any network fault.
        """
        try:
            response = self._own_pool().request(
                method,
                self._base + path,
                body=body,  # type: ignore[arg-type]  # any buffer is sent as it is; the stub knows bytes only
                headers=dict(headers or {}),
                preload_content=False,
                redirect=False,
                retries=None if again else _retries(0),
            )
            try:
                return _bounded(response, limit, progress or Progress())
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as err:
            raise self._fault(err) from err

    def close(self) -> None:
        """Close all kept connections."""
        self._own_pool().clear()

    def _fault(self, err: urllib3.exceptions.HTTPError) -> errors.TemporaryError:
        """Return our error for urllib3's; its text is not repeated, since it may show a proxy's password."""
        cause: BaseException = err
        if isinstance(err, urllib3.exceptions.MaxRetryError) and err.reason is not None:
            cause = err.reason
        if isinstance(cause, urllib3.exceptions.ProxyError):
            message, next_step = (
                f"the proxy {self.proxy_host} did not let us through",
                "Check HTTPS_PROXY and NO_PROXY.",
            )
        elif isinstance(cause, urllib3.exceptions.SSLError):
            message, next_step = (
                "the server's certificate is not trusted",
                "Give its authority's certificate (CA file).",
            )
        elif isinstance(cause, urllib3.exceptions.TimeoutError) and not isinstance(
            cause,
            urllib3.exceptions.NewConnectionError,  # refused or not resolved: urllib3 counts it as a timeout
        ):
            kind = self._unreachable if isinstance(cause, urllib3.exceptions.ConnectTimeoutError) else self._unanswered
            return kind("no answer in time", which=self.origin, next_step="Check the network, then try again.")
        else:
            was_sent = not isinstance(cause, urllib3.exceptions.NewConnectionError)
            kind = self._unanswered if was_sent else self._unreachable
            return kind(f"the {self._unreachable.server} at {self.origin} does not answer")
        return self._unreachable(message, which=self.origin, next_step=next_step)


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for ``url``, or ``None``."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{parts.port}" if parts.port else host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname is not None and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise errors.InputError("not a URL of a server", which="url", expected="http://host:port or https://host")
    if parts.username is not None or parts.query or parts.fragment:
        raise errors.InputError(
            "a server's URL has neither password, query nor fragment", which="url", got=str(parts.hostname)
        )
    return parts


def _pool(proxy: str | None, settings: Settings) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "num_pools": 2,
        "maxsize": settings.connections,
        "timeout": urllib3.Timeout(connect=settings.connect_seconds, read=settings.read_seconds),
        # A kept connection may have been closed by the server in the meantime: one more attempt, at once.
        "retries": _retries(settings.retries),
        "ca_certs": None if settings.ca_file is None else str(settings.ca_file),
    }
    if settings.ca_file is not None and not settings.ca_file.is_file():
        raise errors.InputError("the CA file cannot be read", which=str(settings.ca_file), expected="a PEM file")
    if proxy is None:
        return urllib3.PoolManager(**options)
    parts = urllib.parse.urlsplit(proxy)
    headers = None
    if parts.username is not None:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=secret)
    bare = urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
    return urllib3.ProxyManager(bare, proxy_headers=headers, **options)


def _retries(total: int) -> urllib3.Retry:
    return urllib3.Retry(total=total, redirect=0, status=0, allowed_methods=None, backoff_factor=0)


def _bounded(response: urllib3.BaseHTTPResponse, limit: int, progress: Progress) -> Reply:
    progress.status, progress.headers = response.status, response.headers
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        response.close()
        return Reply(response.status, response.headers, b"", complete=False)
    length = 0
    while chunk := response.read(CHUNK, decode_content=False):
        length += len(chunk)
        if length > limit:
            response.close()
            return Reply(response.status, response.headers, b"", complete=False)
        progress.pieces.append(chunk)
    return Reply(response.status, response.headers, b"".join(progress.pieces), complete=True)
