"""The one file of ours inside a cage: imports NumPy once, then forks a fresh process for every call.

``caging`` puts a copy of it into the cage, where there is no ``aicommons``: standard library and NumPy only. The first process
never sees a plan's code or a record: it gets two open files per call from ``calling`` (what to read, where to answer) and hands
them to a child. The child takes limits and a filter of system calls upon itself, and only then imports the plan. From there on
nothing that it says is believed: ``calling`` checks the answer. What the plan prints goes nowhere.

An answer is one byte 0 and the declared blocks as raw little-endian float64, or one byte 1, the stage and the exception, each one
byte: numbers in ``STAGES`` and ``EXCEPTIONS``. Names that code chooses itself never leave, because they could be made of a record.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import mmap
import os
import pathlib
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

STAGES = ("starting", "importing", "calling", "answering")
"""What a call does, one after the other."""
EXCEPTIONS = (
    "another exception",
    *("ArithmeticError", "AssertionError", "AttributeError", "EOFError", "FileNotFoundError", "FloatingPointError"),
    *("ImportError", "IndexError", "KeyError", "KeyboardInterrupt", "LinAlgError", "LookupError", "MemoryError"),
    *("ModuleNotFoundError", "NameError", "NotImplementedError", "OSError", "OverflowError", "PermissionError"),
    *("RecursionError", "RuntimeError", "StopIteration", "SyntaxError", "SystemExit", "TypeError", "UnicodeError"),
    *("ValueError", "ZeroDivisionError"),
)
"""All that is said about an exception."""
STATUS = struct.Struct("<idq")
"""Sent to ``calling`` after each call: the child's wait status, its CPU seconds, its largest resident memory in KiB."""
READY, STOP = b"ready", b"stop"

CONTROL, INPUT, OUTPUT = 3, 4, 5
"""Descriptors: the socket to ``calling`` in the first process; what a call reads and where it answers, in the child."""
MOST_DESCRIPTORS = 1024
"""More than ``calling`` ever hands over."""
CONFIG, FILTER, PLAN = "/cage/config.json", "/cage/filter", "/plan"
"""Where things lie in the cage."""
ALIGNMENT = 64
"""Arrays in the input begin at multiples of it."""

PAGE = mmap.PAGESIZE
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class Program(ctypes.Structure):
    """struct sock_fprog: a filter of system calls."""

    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main() -> None:
    """Serve calls, one at a time, until ``calling`` closes its end."""
    import numpy.linalg
    import numpy.random  # noqa: F401  imported once for all calls

    os.dup2(int(sys.argv[1]), CONTROL)
    os.closerange(CONTROL + 1, MOST_DESCRIPTORS)
    control = socket.socket(fileno=CONTROL)
    with pathlib.Path(CONFIG).open(encoding="utf-8") as file:
        config = json.load(file)
    program = pathlib.Path(FILTER).read_bytes()
    gc.collect()
    gc.freeze()
    control.send(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 2)
        if not message:
            return
        if len(descriptors) == 2:  # a late ``STOP`` brings none
            serve(control, descriptors, config, program)


def serve(control: socket.socket, descriptors: Sequence[int], config: Mapping[str, Any], program: bytes) -> None:
    """Make one call in a child and tell how it ended; on ``STOP`` the child is killed."""
    child = os.fork()
    if child == 0:
        answer(descriptors, config, program)
    for each in descriptors:
        os.close(each)
    ended = os.pidfd_open(child)
    try:
        readable, _, _ = select.select([CONTROL, ended], [], [])
        if ended not in readable:
            control.recv(16)
            os.kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
    finally:
        os.close(ended)
    control.send(STATUS.pack(status, used.ru_utime + used.ru_stime, used.ru_maxrss))


def answer(descriptors: Sequence[int], config: Mapping[str, Any], program: bytes) -> NoReturn:
    """Be the child: give up what is not needed, run the plan's function, write its blocks, end."""
    stage = 0
    frame = bytearray(3)
    try:
        take(descriptors)
        asked, arrays = read_input()
        limit(config)
        confine(program)
        stage = 1
        sys.path.insert(0, PLAN)
        module = importlib.import_module(config["entry"])
        stage = 2
        result = call(module, asked, arrays)
        stage = 3
        send(pack(result, config[asked["function"]]))
    except BaseException as failure:  # noqa: BLE001  foreign code may raise anything; only its kind is told
        frame[:] = bytes([1, stage, number_of(failure)])
        with contextlib.suppress(BaseException):
            send([frame])
    finally:
        os._exit(0)


def take(descriptors: Sequence[int]) -> None:
    """Keep what is to be read and where to answer; close the control socket and all else, and silence what is printed."""
    copies = [os.dup2(each, MOST_DESCRIPTORS // 2 + index) for index, each in enumerate(descriptors)]
    for copy, place in zip(copies, (INPUT, OUTPUT), strict=True):
        os.dup2(copy, place)
    os.dup2(1, 2)
    os.closerange(CONTROL, INPUT)
    os.closerange(OUTPUT + 1, MOST_DESCRIPTORS)


def read_input() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what is asked and its arrays, groups by name, mapped and not writable."""
    import numpy as np

    with mmap.mmap(INPUT, 0, access=mmap.ACCESS_READ) as opened:
        length = int.from_bytes(opened[:8], "little")
        asked = json.loads(opened[8 : 8 + length])
    # A second mapping that lives as long as the arrays do.
    data = mmap.mmap(INPUT, 0, access=mmap.ACCESS_READ)
    os.close(INPUT)
    at = 8 + length
    arrays: dict[str, dict[str, Any]] = {}
    for group, name, shape in asked.pop("arrays"):
        at += -at % ALIGNMENT
        count = 1
        for each in shape:
            count *= each
        found = np.frombuffer(data, "<f8", count, at) if count else np.zeros(0)
        arrays.setdefault(group, {})[name] = found.reshape(shape)
        at += 8 * count
    return asked, arrays


def limit(config: Mapping[str, Any]) -> None:
    """Take the limits upon this process; they hold until its end."""
    memory = address_space() + config["memory"]
    limits = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (config["cpu"], config["cpu"] + 1),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (64, 64),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
    }
    for kind, values in limits.items():
        resource.setrlimit(kind, values)


def address_space() -> int:
    """Return the bytes of address space that this process has, without /proc: the least limit under which one page more fits."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    least, most = 0, 2**40
    while most - least > PAGE:
        middle = (least + most) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
            most = middle
        except (OSError, MemoryError):
            least = middle
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return most


def confine(program: bytes) -> None:
    """Put the filter of system calls on this process; nobody can take it off again."""
    library = ctypes.CDLL(None, use_errno=True)
    given = Program(len(program) // 8, program)
    if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or library.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no filter")


def call(module: Any, asked: Mapping[str, Any], arrays: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return what the plan's function returns; generators that exist everywhere begin at the call's seed."""
    import random

    import numpy as np

    random.seed(asked["seed"])
    np.random.seed(asked["seed"] % 2**32)  # noqa: NPY002  the global one, should the plan use it
    if asked["function"] == "initial":
        return module.initial(asked["schema"], asked["seed"])
    return module.contribute(arrays.get("state", {}), arrays["table"], asked["seed"])


def pack(result: Any, declared: Sequence[Sequence[Any]]) -> list[memoryview]:
    """Return the declared blocks' bytes in their order, after the byte that says all went well; raises for other blocks."""
    import numpy as np

    if not isinstance(result, dict) or set(result) != {name for name, _ in declared}:
        raise KeyError
    parts = [memoryview(b"\0")]
    for name, length in declared:
        array = result[name]
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            raise TypeError
        if array.shape != (length,):
            raise ValueError
        parts.append(np.ascontiguousarray(array, "<f8").data.cast("B"))
    return parts


def send(parts: Sequence[Any]) -> None:
    """Write all of ``parts``."""
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(OUTPUT, view) :]


def number_of(failure: BaseException) -> int:
    """Return the number in ``EXCEPTIONS`` of the first known class of ``failure``."""
    names = [kind.__name__ for kind in type(failure).__mro__]
    return next((EXCEPTIONS.index(name) for name in names if name in EXCEPTIONS), 0)


if __name__ == "__main__":
    main()
