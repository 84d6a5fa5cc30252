"""What a cage holds and how bubblewrap is told to build it.

``calling`` starts what ``command`` describes. A cage has namespaces of its own (users, network, processes, IPC, host name), no
capability, no /proc, no /dev, no writable file, and only these files: the Python that runs this node (its standard library
without installed packages), the numpy package, the shared libraries that these two load, ``starter`` and the plan's files.
Which libraries those are is asked of Python itself, once per process, by starting it and reading what it mapped; nothing is
guessed from the distribution. Paths of this machine do not show inside. What code may ask of the kernel is in ``filtering``.
"""

import dataclasses
import functools
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping

from aicommons.domain import errors
from aicommons.sandbox import filtering

LOADERS: Mapping[str, str] = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
"""Where programs expect the dynamic loader, by the platform's ABI."""
NOBODY = "65534"
"""User and group inside."""
PACKAGES = ("site-packages", "dist-packages")
"""Folders of the standard library's that hold other people's packages: covered by an empty one."""
PROBE_SECONDS = 60
"""A cold disk takes a few; more is a fault."""
INSTALL = (
    "Install it (`apt install bubblewrap`, or your distribution's package); until then this node runs recipes only."
)
ALLOW_NAMESPACES = (
    "Let ordinary users make user namespaces: `sysctl user.max_user_namespaces` must not be 0, on Debian "
    "`sysctl -w kernel.unprivileged_userns_clone=1`, on Ubuntu an AppArmor profile for bwrap, in a container "
    "`--security-opt seccomp=unconfined`. Until then this node runs recipes only."
)

PROBE = """
import json, os, sys
sys.path.append(sys.argv[1])
import numpy, numpy.linalg, numpy.random, numpy.fft
for name in sys.argv[2:]:
    try:
        __import__(name)
    except ImportError:
        pass
with open("/proc/self/maps") as file:
    paths = {line.split(None, 5)[5].strip() for line in file if line.count("/") and " r-xp " in line}
print(json.dumps({"stdlib": os.path.dirname(os.path.realpath(os.__file__)), "mapped": sorted(paths)}))
"""
"""Run by the Python of the cage outside of it."""
MODULES = (
    *(
        "math",
        "cmath",
        "_decimal",
        "zlib",
        "_bz2",
        "_lzma",
        "_ctypes",
        "_json",
        "_struct",
        "array",
        "_random",
        "_socket",
    ),
    *("_statistics", "_heapq", "_bisect", "_datetime", "unicodedata", "select", "resource", "mmap", "fcntl", "_csv"),
    *(
        "_contextvars",
        "_zoneinfo",
        "_pickle",
        "_blake2",
        "_sha512",
        "_md5",
        "_elementtree",
        "pyexpat",
        "_queue",
        "_uuid",
    ),
)
"""Compiled parts of the standard library whose libraries are in the cage. Others (ssl, sqlite3, curses, tkinter) fail to import."""


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """The files of this node's Python that a cage shows."""

    program: str
    """The executable."""
    binds: tuple[tuple[str, str], ...]
    """Path here and path in the cage, of everything that is bound read-only."""
    covered: tuple[str, ...]
    """Folders in the cage that are covered by empty ones."""


@functools.cache
def interpreter() -> Interpreter:
    """Return the Python that runs this process, as a cage needs it; takes 0.3 s, once: call it before you fork.

    Raises:
        errors.SandboxUnavailable: not Linux on a known machine, or its files cannot be found out.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in filtering.ARCHITECTURES:
        raise errors.SandboxUnavailable(
            "plans that bring code need Linux on x86-64 or ARM64", which="sandbox", got=f"{sys.platform} on {machine}",
            next_step="Run the node on such a machine; recipes run everywhere.",
        )  # fmt: skip
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    numpy = _package("numpy")
    found = _probe(base, numpy.parent)
    stdlib = pathlib.Path(found["stdlib"])
    inside = f"/python/{sys.platlibdir}/{stdlib.name}"
    binds = [(base, f"/python/bin/{pathlib.Path(base).name}"), (str(stdlib), inside), (str(numpy), "/packages/numpy")]
    # Where lib and lib64 differ, compiled modules lie in the second.
    compiled = pathlib.Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix}))
    if compiled.is_dir() and compiled.resolve() != stdlib:
        binds.append((str(compiled), f"/python/{sys.platlibdir}/{compiled.name}"))
    if (bundled := numpy.parent / "numpy.libs").is_dir():
        binds.append((str(bundled), "/packages/numpy.libs"))
    shown = tuple(each for each, _ in binds)
    own = {base, *(path for path in found["mapped"] if path.startswith(tuple(f"{each}/" for each in shown)))}
    binds += [(path, f"/libs/{name}") for path in sorted(set(found["mapped"]) - own) for name in _names(path)]
    binds.append((os.path.realpath(LOADERS[machine]), LOADERS[machine]))
    covered = tuple(f"{inside}/{name}" for name in PACKAGES if (stdlib / name).is_dir())
    return Interpreter(f"/python/bin/{pathlib.Path(base).name}", tuple(binds), covered)


def command(files: Mapping[str, int], *, control: int, outer: int) -> list[str]:
    """Return bubblewrap's command line for a cage that runs ``starter``.

    Args:
        files: absolute path in the cage -> descriptor of its content, at its beginning.
        control: descriptor of the socket between ``calling`` and ``starter``.
        outer: descriptor of ``filtering.outer``.

    Raises:
        errors.SandboxUnavailable: no bubblewrap, or no Python that can be shown.
    """
    python = interpreter()
    program = bubblewrap()
    options = [
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    if _knows(program, "--disable-userns"):
        options.append("--disable-userns")
    options += ["--die-with-parent", "--as-pid-1", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    options += ["--uid", NOBODY, "--gid", NOBODY, "--hostname", "cage"]
    for name, value in _environment().items():
        options += ["--setenv", name, value]
    for here, inside in python.binds:
        options += ["--ro-bind", here, inside]
    for folder in python.covered:
        options += ["--tmpfs", folder, "--remount-ro", folder]
    for path, descriptor in files.items():
        options += ["--perms", "0444", "--file", str(descriptor), path]
    options += ["--dir", "/empty", "--remount-ro", "/", "--chdir", "/empty", "--seccomp", str(outer)]
    # Its own folder is not searched (-P), nor any package that is installed (-S, -s); nothing is compiled to files (-B).
    return [program, *options, "--", python.program, "-P", "-S", "-s", "-B", "/cage/starter.py", str(control)]


def bubblewrap() -> str:
    """Return the path of bubblewrap.

    Raises:
        errors.SandboxUnavailable: it is not installed.
    """
    if (found := shutil.which("bwrap")) is None:
        raise errors.SandboxUnavailable(
            "bubblewrap is not installed, so plans that bring code are refused", which="bwrap", next_step=INSTALL
        )
    return found


def refusal(said: str) -> errors.SandboxUnavailable:
    """Return the error for a cage that did not start, from the first line that bubblewrap or Python ``said``."""
    first = next((line for line in said.splitlines() if line.strip()), "nothing was said")
    return errors.SandboxUnavailable(
        "no cage can be made on this machine, so plans that bring code are refused",
        which="bwrap", got=first[:200], next_step=ALLOW_NAMESPACES,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    """Return all variables of a cage; no thread is started by NumPy's libraries, and hashes are the same in every cage."""
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    fixed = {"LD_LIBRARY_PATH": "/libs", "PYTHONPATH": "/packages", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    return {**dict.fromkeys(threads, "1"), **fixed}


def _probe(program: str, packages: pathlib.Path) -> Mapping[str, str]:
    """Return where ``program`` has its standard library, and what it maps once NumPy is imported."""
    asked = [program, "-I", "-S", "-c", PROBE, str(packages), *MODULES]
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    try:
        done = subprocess.run(
            asked,
            capture_output=True,
            text=True,
            check=True,
            timeout=PROBE_SECONDS,
            env={"OPENBLAS_NUM_THREADS": "1", **kept},
        )
        found: Mapping[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as err:
        raise errors.SandboxUnavailable(
            "this node's Python cannot be shown in a cage", which=program, got=type(err).__name__
        ) from err
    return found


def _package(name: str) -> pathlib.Path:
    """Return the folder of an installed package, which is not imported for it."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise errors.SandboxUnavailable("a cage needs NumPy", which=name)
    return pathlib.Path(found.origin).resolve().parent


def _names(path: str) -> Iterator[str]:
    """Yield the names of a shared library: its file's, and those of links to it, which programs ask for."""
    folder, name = os.path.split(path)
    yield name
    yield from (link for link, target in _links(folder) if target == name)


@functools.cache
def _links(folder: str) -> tuple[tuple[str, str], ...]:
    """Return name and target of every link in ``folder`` that stays there."""
    with os.scandir(folder) as entries:
        links = [pathlib.Path(entry.path) for entry in entries if entry.is_symlink()]
    return tuple((link.name, link.readlink().name) for link in links if link.readlink().parent == pathlib.Path())


@functools.cache
def _knows(program: str, option: str) -> bool:
    """Return whether this version of bubblewrap has an option."""
    return option in subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
