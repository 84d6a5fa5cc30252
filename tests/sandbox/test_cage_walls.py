"""The walls of a cage by themselves: what code sees that no filter of system calls stands before.

Every wall has to hold when another one falls. Here a probe takes the place of ``starter``, with a filter that allows everything.
"""

import json
import os
import pathlib
import socket
import struct
import subprocess

import pytest
from tests.sandbox import cages

from aicommons.sandbox import caging, filtering

PROBE = """
import ctypes, json, os, pathlib, socket

found = {"environment": dict(os.environ), "user": os.getuid(), "groups": os.getgroups(), "host": os.uname().nodename}
library = ctypes.CDLL(None, use_errno=True)
found["namespace"] = library.unshare(0x10000000)
found["capabilities"] = [name for name in range(64) if library.prctl(23, name, 0, 0, 0) == 1]
found["privileges"] = library.prctl(39, 0, 0, 0, 0)
found["written"] = []
for folder, _, files in os.walk("/"):
    for path in (pathlib.Path(folder, "left"), *(pathlib.Path(folder, name) for name in files[:3])):
        try:
            path.open("ab").close()
            found["written"].append(str(path))
        except OSError:
            pass
found["root"] = sorted(os.listdir("/"))
found["packages"] = {
    folder: os.listdir(folder) for folder, _, _ in os.walk("/") if folder.endswith(("-packages", "/packages"))
}
found["reached"] = []
for address in (("127.0.0.1", PORT), ("10.0.0.1", 80)):
    try:
        socket.create_connection(address, 2)
        found["reached"].append(address)
    except OSError:
        pass
found["interfaces"] = [name for _, name in socket.if_nameindex()]
try:
    socket.socket(socket.AF_UNIX).connect(chr(0) + "ABSTRACT")
    found["reached"].append("abstract")
except OSError:
    pass
found["processes"] = []
for number in range(1, 100_000):
    try:
        os.kill(number, 0)
        found["processes"].append(number)
    except OSError:
        pass
found["links"] = [os.path.realpath(path) for path in map(str, pathlib.Path("/").rglob("*")) if os.path.islink(path)]
os.write(1, json.dumps(found).encode())
"""


GUARDED = """
import ctypes, os, socket, errno

library = ctypes.CDLL(None, use_errno=True)
refused = []
for name, attempt in {
    "socket": socket.socket, "pair": socket.socketpair, "file in memory": lambda: os.memfd_create("x"),
    "namespace": lambda: os.stat("/nowhere" if library.unshare(0x20000) == -1 and ctypes.get_errno() == errno.EPERM else "/"),
}.items():
    try:
        attempt()
    except OSError as failure:
        refused.append(name)
child = os.fork()
if child == 0:
    os._exit(7)
refused.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.write(1, repr(refused).encode())
"""
"""What the first process may do under its own, shorter list."""


def _open(data: bytes) -> int:
    """Return a descriptor of these bytes."""
    made = os.memfd_create("probe")
    os.write(made, data)
    os.lseek(made, 0, os.SEEK_SET)
    return made


@pytest.fixture(scope="module")
def seen() -> dict:
    """What a probe found in a cage."""
    cages.needed()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        name = f"commons-cage-{os.getpid()}"
        abstract.bind("\0" + name)
        abstract.listen()
        code = PROBE.replace("PORT", str(server.getsockname()[1])).replace("ABSTRACT", name).encode()
        everything = struct.pack("<HBBI", filtering.RETURN, 0, 0, filtering.ALLOW)
        return json.loads(_run(code, everything))


def _run(code: bytes, program: bytes) -> bytes:
    """Return what ``code`` prints in a cage, under a filter of system calls."""
    probe, plan, outer = (_open(data) for data in (code, b"x = 1", program))
    command = caging.command({"/cage/starter.py": probe, "/plan/a/plan.py": plan}, control=0, outer=outer)
    done = subprocess.run(
        command, capture_output=True, check=False, pass_fds=(probe, plan, outer), stdin=subprocess.DEVNULL,
        env={"AICOMMONS_SECRET": "4711"},
    )  # fmt: skip
    for each in (probe, plan, outer):
        os.close(each)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_the_environment_is_empty(seen: dict) -> None:
    """None of this process's variables is inside."""
    fixed = {"PWD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED", "PYTHONUTF8"}
    assert {name for name in seen["environment"] if not name.endswith("_NUM_THREADS")} == fixed


def test_nothing_can_be_written(seen: dict) -> None:
    """No folder takes a new file, no file can be changed."""
    assert seen["written"] == []


def test_only_what_is_needed_is_there(seen: dict) -> None:
    """The root holds Python, NumPy, libraries, ours and the plan; no installed package but NumPy; no link leads out."""
    assert set(seen["root"]) <= {"python", "packages", "libs", "lib64", "lib", "cage", "plan", "empty"}
    assert set(seen["packages"].pop("/packages")) <= {"numpy", "numpy.libs"}
    assert all(names == [] for names in seen["packages"].values())
    assert all(
        not pathlib.Path(path).exists() or path.startswith(("/python", "/libs", "/packages")) for path in seen["links"]
    )


def test_there_is_no_network(seen: dict) -> None:
    """This machine's ports are not the cage's, and its only interface is a loop of its own."""
    assert seen["reached"] == []
    assert set(seen["interfaces"]) <= {"lo"}


def test_there_is_no_privilege(seen: dict) -> None:
    """Code is nobody, has no capability even to gain, cannot gain privileges or make user namespaces."""
    assert (seen["user"], seen["host"]) == (65534, "cage")
    assert set(seen["groups"]) <= {65534}
    assert (seen["capabilities"], seen["privileges"]) == ([], 1)
    program = caging.bubblewrap()
    assert seen["namespace"] == -1 or not caging._knows(program, "--disable-userns")


def test_other_processes_do_not_exist(seen: dict) -> None:
    """Of all processes of the machine it sees itself."""
    assert seen["processes"] == [1]


def test_the_first_process_is_filtered_too() -> None:
    """Before any plan's code, what starts calls already has no sockets, no files in memory and no namespaces; it may fork."""
    cages.needed()
    assert _run(GUARDED.encode(), filtering.outer()) == b"['socket', 'pair', 'file in memory', 'namespace', 7]"
