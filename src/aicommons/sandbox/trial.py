"""What ``calling.check`` runs in a cage: it tries three ways out, and says which are open. Nothing of ours imports it."""

import os
import pathlib
import socket
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt


def contribute(
    _state: Mapping[str, object], _table: Mapping[str, object], _seed: int
) -> dict[str, npt.NDArray[np.float64]]:
    """Return 1 for each way that is open: the network, this machine's files, new processes."""
    ways: tuple[Callable[[], object], ...] = (socket.socket, pathlib.Path("/etc/passwd").stat, os.fork)
    return {"open": np.array([float(is_open(way)) for way in ways])}


def is_open(way: Callable[[], object]) -> bool:
    """Return whether ``way`` is not refused."""
    try:
        way()
    except OSError:
        return False
    return True
