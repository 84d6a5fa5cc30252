"""Hosts of one's own on one machine: network namespaces behind the wire of ``wire.py``, and programs started in them.

Used by the tests of this folder and by ``bench/hosts.py``. Needs Linux, root and ``ip``; ``missing`` says what a machine
lacks. Everything made here is taken down again: namespaces, devices and the programs inside.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

PREFIX = "10.213.7."
"""Addresses of the hosts; the machine's own end is the last one."""
OUTSIDE = "outside"
"""The machine itself, on the same wire."""


@dataclasses.dataclass(frozen=True)
class Cable:
    """How a host is connected; see ``wire.Link``."""

    delay: float = 0.0
    rate: float = 0.0
    loss: float = 0.0
    queue: float = 0.5


def missing() -> str | None:
    """Return why this machine cannot make hosts, ``None`` when it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "`ip` (iproute2) is not installed"
    if not pathlib.Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    return None


class Network:
    """Hosts on a wire."""

    def __init__(self, names: Sequence[str]) -> None:
        """Name the hosts; nothing is made yet."""
        token = f"{os.getpid() % 100_000:05d}"
        self.names = [OUTSIDE, *names]
        self._spaces = {name: f"c{token}-{name}" for name in names}
        self._devices = {name: f"c{token}t{index}" for index, name in enumerate(self.names)}
        self._wire: subprocess.Popen[str] | None = None

    def address(self, name: str) -> str:
        """Return a host's IPv4 address."""
        index = self.names.index(name)
        return f"{PREFIX}{254 if index == 0 else index}"

    def inside(self, name: str) -> list[str]:
        """Return what stands before a command that runs on a host."""
        return [] if name == OUTSIDE else ["ip", "netns", "exec", self._spaces[name]]

    def connect(self, name: str, cable: Cable) -> None:
        """Give a host another cable."""
        self._tell({self._devices[name]: dataclasses.asdict(cable)})

    def part(self, *groups: Sequence[str]) -> None:
        """Let no packet pass between hosts of different groups; without groups all can talk again."""
        self._tell({"apart": [[self._devices[name] for name in group] for group in groups]})

    def counters(self) -> dict[str, tuple[int, int, int]]:
        """Return for each host how many packets it sent, how many were lost around it, and the bytes that it sent."""
        counted = self._tell({})
        return {name: tuple(counted[self._devices[name]]) for name in self.names}

    @contextlib.contextmanager
    def running(self) -> Iterator["Network"]:
        """Make the hosts and the wire, and take them down."""
        try:
            self._make()
            yield self
        finally:
            self._take_down()

    def _make(self) -> None:
        program = str(pathlib.Path(__file__).with_name("wire.py"))
        self._wire = subprocess.Popen(
            [sys.executable, program, *self._devices.values()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        for name in self.names:
            if name in self._spaces:
                _ip("netns", "add", self._spaces[name])
                _ip("link", "set", self._devices[name], "netns", self._spaces[name])
                self._on(name, "ip", "link", "set", "lo", "up")
            self._on(name, "ip", "address", "add", f"{self.address(name)}/24", "dev", self._devices[name])
            self._on(name, "ip", "link", "set", self._devices[name], "up")

    def _take_down(self) -> None:
        if self._wire is not None:
            assert self._wire.stdin is not None
            self._wire.stdin.close()
            self._wire.wait(10)
            assert self._wire.stdout is not None
            self._wire.stdout.close()
        for space in self._spaces.values():
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)

    def _on(self, name: str, *command: str) -> None:
        subprocess.run([*self.inside(name), *command], check=True, capture_output=True)

    def _tell(self, what: dict[str, object]) -> dict[str, list[int]]:
        assert self._wire is not None
        assert self._wire.stdin is not None
        self._wire.stdin.write(json.dumps(what) + "\n")
        self._wire.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, list[int]]:
        assert self._wire is not None
        assert self._wire.stdout is not None
        line = self._wire.stdout.readline()
        if not line:
            raise RuntimeError("the wire ended: is there /dev/net/tun, and are we root?")
        return dict(json.loads(line))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
