"""Ends connections whose other side does nothing, and bounds how many there are.

Why: anybody may connect, and HTTP servers wait for ever for the first byte, for the second half of a request's head and
for a reader who does not read; a few hundred such sockets would keep all members out. Used by ``server``. Left out:
pauses within the body of an upload, which only members get to send (``server``), and TLS handshakes, which asyncio ends
after a minute.
"""

import asyncio
import dataclasses
import math
from typing import Any

import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.server import ServerState

HEAD_BYTES = 64 * 1024
"""Longest head of a request; ours have 1 kB, and what proxies add is little."""
DRAIN_BYTES = 2**20
"""A refused body up to this length is read to its end, so that the client sees the answer; longer ones are cut off."""


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long a server waits for the other side, and for how many."""

    head_seconds: float = 20.0
    """From connecting, or from a request's first byte, to the end of its head."""
    idle_seconds: float = 75.0
    """From an answer to the next request on a kept connection, whatever dribbles in meanwhile."""
    pause_seconds: float = 30.0
    """Longest pause within the body of an upload, and for taking 256 KiB of an answer."""
    bytes_per_second: int = 4096
    """Slowest upload as a whole; a pause is allowed once on top."""
    most: int = 512
    """Connections at once: a new one takes the place of the one that has been silent longest."""

    def upload_seconds(self, length: int) -> float:
        """Return the longest that an upload of ``length`` bytes may take."""
        return self.pause_seconds + length / self.bytes_per_second


class Connections:
    """All connections of one server; used on its event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Connection] = set()
        self._silent: dict[Connection, None] = {}  # in the order in which they fell silent

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, new: "Connection") -> None:
        """Take a connection in; when there is no room the longest silent one is ended, or else the new one."""
        self._open.add(new)
        if len(self._open) > self._most:
            next(iter(self._silent), new).end()

    def mark(self, one: "Connection", *, silent: bool) -> None:
        """Note that a connection owes the next step (silent), or that it is being served."""
        self._silent.pop(one, None)
        if silent:
            self._silent[one] = None

    def leave(self, one: "Connection") -> None:
        """Forget a connection."""
        self._open.discard(one)
        self._silent.pop(one, None)


class Config(uvicorn.Config):
    """A server's configuration with its patience; everything else is uvicorn's."""

    def __init__(self, application: Any, patience: Patience, **options: Any) -> None:
        self.patience = patience
        self.connections = Connections(patience.most)
        idle = math.ceil(patience.idle_seconds)
        super().__init__(application, http=Connection, ws="none", timeout_keep_alive=idle, **options)


class Connection(httptools_impl.HttpToolsProtocol):
    """One connection with deadlines: it is either being served, or silent until the next head is complete."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = config.connections
        self._patience = config.patience
        self._is_silent = True
        self._room = HEAD_BYTES
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """End the connection at once: closing it politely would wait for a reader who does not read."""
        self._all.mark(self, silent=False)  # it is ended once
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait(self._patience.head_seconds, HEAD_BYTES)
        self._all.enter(self)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is more than a head, or the rest of a refused body, may have."""
        room = self._room if self._is_silent else len(data)
        self._room -= min(room, len(data))
        super().data_received(data[:room])  # a head may end within it, and what follows is its body
        more = data[room:]
        if not more or self.transport.is_closing():
            return
        if self._is_silent:
            self.end()
            return
        super().data_received(more)

    def on_message_begin(self) -> None:
        """A head begins: from here on it has its own deadline."""
        super().on_message_begin()
        if self._is_silent:
            self._wait(self._patience.head_seconds, HEAD_BYTES)

    def on_headers_complete(self) -> None:
        """The head is complete: the request is served, and the deadlines are the application's."""
        super().on_headers_complete()
        self._is_silent = False
        self._cancel()
        self._all.mark(self, silent=False)

    def on_response_complete(self) -> None:
        """An answer was given to the transport: unless the next request is here already, wait for it."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._wait(self._patience.idle_seconds, DRAIN_BYTES + HEAD_BYTES)

    def pause_writing(self) -> None:
        """More of an answer waits than the other side takes."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._patience.pause_seconds, self.end)

    def resume_writing(self) -> None:
        """It was taken."""
        super().resume_writing()
        self._was_read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel()
        self._was_read()
        self._all.leave(self)
        super().connection_lost(exc)

    def _wait(self, seconds: float, room: int) -> None:
        self._cancel()
        self._is_silent, self._room = True, room
        self._deadline = self.loop.call_later(seconds, self.end)
        self._all.mark(self, silent=True)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _was_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
