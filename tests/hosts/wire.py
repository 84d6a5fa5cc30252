"""A wire between hosts in network namespaces: delay, loss, a rate and partitions, packet by packet, in user space.

A program of its own, so that the tests' interpreter never delays a packet; started and told what to do by ``hosts.py``.
It holds one TAP device per host and is the switch between them. Kernels without ``netem`` can do it too, because only
TAP devices and namespaces are asked for. What is left out: jitter, reordering, duplicates.

    python wire.py HOST...      reads one JSON object per line from standard input: {"host": {...Link...}} or
                                {"apart": [[host, ...], [host, ...]]}; answers each with a line of counters
"""

import dataclasses
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADERS = 0x0002 | 0x1000
FRAME = 65_536
BROADCAST = b"\xff" * 6


@dataclasses.dataclass
class Link:
    """What a host's cable does to each of its packets, in each direction."""

    delay: float = 0.0
    """Seconds on the way."""
    rate: float = 0.0
    """Bits per second; 0 = no limit."""
    loss: float = 0.0
    """Part of the packets that never arrive, 0 to 1; counted once per packet, where it enters."""
    queue: float = 0.5
    """Seconds of waiting packets that fit before the cable; more are dropped, as routers do."""


class Port:
    """A host's end of its cable."""

    def __init__(self, name: str) -> None:
        """Make the device ``name`` and keep it open."""
        self.name = name
        self.link = Link()
        self.free = {"up": 0.0, "down": 0.0}
        self.sent = self.lost = self.bytes = 0
        self.device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.device, TUNSETIFF, struct.pack("16sH", name.encode(), TAP_WITHOUT_HEADERS))

    def pass_through(self, direction: str, now: float, size: int) -> float | None:
        """Return when a packet has passed this cable, or ``None`` when its queue is full."""
        start = max(now, self.free[direction])
        if start - now > self.link.queue:
            return None
        self.free[direction] = start + (8 * size / self.link.rate if self.link.rate else 0.0)
        return self.free[direction] + self.link.delay


class Switch:
    """Packets under way between ports."""

    def __init__(self, ports: list[Port], seed: int = 1) -> None:
        """Connect ``ports``; ``seed`` draws what is lost."""
        self.ports = {port.name: port for port in ports}
        self.places: dict[bytes, Port] = {}
        self.under_way: list[tuple[float, int, Port | None, Port, bytes]] = []
        self.numbers = itertools.count()
        self.random = random.Random(seed)
        self.groups: list[set[str]] = []

    def come(self, port: Port, frame: bytes, now: float) -> None:
        """Take a frame that a host sends."""
        self.places[frame[6:12]] = port
        port.sent, port.bytes = port.sent + 1, port.bytes + len(frame)
        due = None if self.random.random() < port.link.loss else port.pass_through("up", now, len(frame))
        if due is None:
            port.lost += 1
            return
        heapq.heappush(self.under_way, (due, next(self.numbers), None, port, frame))

    def move(self, now: float) -> float | None:
        """Move all frames on that are due, and return when the next one is."""
        while self.under_way and self.under_way[0][0] <= now:
            due, _, target, origin, frame = heapq.heappop(self.under_way)
            if target is not None:
                self._hand(target, frame)
                continue
            for port in self._targets(origin, frame):
                arrived = port.pass_through("down", due, len(frame))
                if arrived is None:
                    port.lost += 1
                else:
                    heapq.heappush(self.under_way, (arrived, next(self.numbers), port, origin, frame))
        return self.under_way[0][0] if self.under_way else None

    def _targets(self, origin: Port, frame: bytes) -> list[Port]:
        known = self.places.get(frame[:6])
        everybody = [port for port in self.ports.values() if port is not origin]
        found = [known] if known is not None and frame[:6] != BROADCAST else everybody
        return [port for port in found if not self._are_apart(origin.name, port.name)]

    def _are_apart(self, one: str, other: str) -> bool:
        sides = [{index for index, group in enumerate(self.groups) if name in group} for name in (one, other)]
        return bool(sides[0] and sides[1] and sides[0].isdisjoint(sides[1]))

    def _hand(self, port: Port, frame: bytes) -> None:
        try:
            os.write(port.device, frame)
        except OSError:
            port.lost += 1  # the host took its interface down, or has no room: so do cables lose packets

    def told(self, line: str) -> str:
        """Do what a line of JSON says, and return the counters."""
        said = json.loads(line)
        for name, what in said.items():
            if name == "apart":
                self.groups = [set(group) for group in what]
            else:
                self.ports[name].link = Link(**what)
        return json.dumps({port.name: [port.sent, port.lost, port.bytes] for port in self.ports.values()})


def serve(names: list[str]) -> None:
    """Run until standard input is closed."""
    ports = [Port(name) for name in names]
    switch = Switch(ports)
    by_device = {port.device: port for port in ports}
    print(json.dumps({"ready": names}), flush=True)
    rest = b""
    while True:
        due = switch.move(time.monotonic())
        wait = None if due is None else max(0.0, due - time.monotonic())
        ready, _, _ = select.select([0, *by_device], [], [], wait)
        if 0 in ready:
            read = os.read(0, FRAME)
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                print(switch.told(line.decode()), flush=True)
        for device in ready:
            if device != 0:
                _drain(switch, by_device[device])


def _drain(switch: Switch, port: Port) -> None:
    for _ in range(64):
        try:
            frame = os.read(port.device, FRAME)
        except BlockingIOError:
            return
        switch.come(port, frame, time.monotonic())


if __name__ == "__main__":
    serve(sys.argv[1:])
