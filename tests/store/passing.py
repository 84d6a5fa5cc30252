"""Stands between a client and a server: takes connections on threads of its own until it is stopped."""

import contextlib
import socket
import threading
from typing import Self


class Between:
    """Serves each connection on a thread; what is done with it is the subclass's business."""

    def __init__(self) -> None:
        """Listen on a free port; nothing is taken before ``started``."""
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]

    def started(self) -> Self:
        """Begin to take connections."""
        self._threads[0].start()
        return self

    def serve(self, client: socket.socket) -> None:
        """Do what this one is there for."""
        raise NotImplementedError

    def hold(self, *sockets: socket.socket) -> None:
        """Remember what ``stop`` has to end."""
        self._open += sockets

    def stop(self) -> None:
        """Stop listening and end what is open."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self.serve, args=(client,)))
                self._threads[-1].start()
