"""Calls of a plan's code: each in a fresh process inside a cage, with numbers in, numbers out, and an end in time.

Used by nodes for plans that bring code, and by ``check_archive`` for whoever writes or reads one. A ``Cage`` is opened for one
archive and holds a process that has imported NumPy and nothing of the plan; every call forks a child of it, which ends with
the call. Of what comes out, only the length, the numbers and a few bytes from closed lists are looked at, and everything is
checked here: nothing inside is trusted. Caps are enforced on the sum of a contribution, as a node sends it. Clipping, noise and
masks are the node's, after this; what an owner allows is decided elsewhere too.

A cage has to be opened by a thread that outlives it: bubblewrap ends with the thread that started it.
"""

import contextlib
import dataclasses
import fcntl
import importlib.resources
import os
import select
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from aicommons.domain import encoding, errors, schema
from aicommons.sandbox import archives, caging, filtering, manifests, starter

Vector = npt.NDArray[np.float64]
Arrays = Mapping[str, Vector]
"""Name -> float64 array of any shape."""

START_SECONDS = 30.0
"""Python and NumPy from a cold disk take a few; then something is wrong."""
END_SECONDS = 5.0
"""A killed process is gone in milliseconds; a cage that does not say so by then is torn down."""
MOST_SEED = 2**53
"""Seeds are whole numbers below it, which JSON carries exactly."""
CHUNK = 2**20
"""Bytes read at once."""
NODE_BOUNDS = manifests.Resources(memory_mb=2048, cpu_seconds=600, wall_seconds=900, output_bytes=64 * 2**20)
"""What a node grants unless its operator says otherwise."""
STAGES = (*starter.STAGES, "running")
"""What a call was doing; ``running`` where only its end was seen."""
TRIAL_SECONDS = 20
"""Of the trivial call in ``check``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shipment:
    """What one block of a contribution would send."""

    name: str
    """The block's name."""
    length: int
    """Number of values."""
    encoding: manifests.Encoding
    """How they are sent."""
    cap: float
    """The block's declared bound."""
    norm: float
    """L2 norm of the values."""
    largest: float
    """Largest absolute value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What the last call took, as the kernel counted it."""

    cpu_seconds: float
    """Processor time."""
    resident_kb: int
    """Largest resident memory, in KiB, with what Python and NumPy take."""


class Cage:
    """One archive's code behind bars; a context manager, for one caller at a time."""

    def __init__(self, archive: archives.Archive, bounds: manifests.Resources = NODE_BOUNDS) -> None:
        """Open a cage.

        Args:
            archive: whose code is called.
            bounds: what the node grants; the smaller of these and the manifest's hold.

        Raises:
            errors.SandboxUnavailable: no cage can be made on this machine.
            errors.InputError: the declared blocks are longer than the node's bound.
        """
        self.manifest = archive.manifest
        self.resources = archive.manifest.resources.within(bounds)
        self.usage: Usage | None = None
        self._declared = {
            "contribute": [(each.name, each.length) for each in self.manifest.contribute],
            "initial": [(each.name, each.length) for each in self.manifest.initial],
        }
        for name, values in self._declared.items():
            if (size := 8 * sum(length for _, length in values)) > self.resources.output_bytes:
                raise errors.InputError("the plan's answers are longer than this node allows", which=f"manifest.{name}",
                                        expected=f"at most {self.resources.output_bytes} bytes", got=size)  # fmt: skip
        self._archive = archive
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes of the cage; its files are gone with them."""
        if self._process is None:
            return
        # Its first process ends when it hears no more of us, with every call; bubblewrap ends after all of them.
        self._control.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def initial(self, seed: int) -> dict[str, Vector]:
        """Return the arrays of the first state; see ``call`` for errors."""
        document = schema.to_document(self.manifest.schema)
        return self.call("initial", {"schema": document}, {}, seed)

    def contribute(self, state: Arrays, batches: Iterable[Arrays], seed: int) -> dict[str, Vector]:
        """Return a site's contribution: blocks that are within their caps.

        An additive plan is called once per batch and its answers are added; a local one has exactly one batch. Where a batch
        ends is up to the node alone, and what the code does with a batch changes neither the blocks' lengths nor their caps,
        because these are checked on the sum.

        Args:
            state: the run's state, as agreed.
            batches: the site's rows as named arrays, such as features float64[n, width] and target float64[n].
            seed: from 0 to 2^53; batch i is called with seed + i.

        Raises:
            errors.PlanCodeFailed: the code broke off or met a limit.
            errors.ContributionRefused: a number is not finite, not whole, or over its cap.
            errors.InputError: a local plan with another number of batches than one.
        """
        sums: dict[str, Vector] | None = None
        for index, batch in enumerate(batches):
            if index and self.manifest.kind is manifests.Kind.LOCAL:
                raise errors.InputError("a local plan takes all rows at once", which="contribute", expected="one batch")
            found = self.call("contribute", {}, {"state": state, "table": batch}, seed + index)
            with np.errstate(over="ignore"):  # what is over the largest float64 is refused with all that is not finite
                sums = found if sums is None else {name: sums[name] + found[name] for name in sums}
        if sums is None:
            raise errors.InputError("there is nothing to contribute from", which="contribute", expected="a batch")
        return enforced(self.manifest.contribute, sums)

    def call(
        self, function: str, document: Mapping[str, object], arrays: Mapping[str, Arrays], seed: int
    ) -> dict[str, Vector]:
        """Call a function of the plan in a fresh process and return its arrays, of the declared lengths and finite.

        Args:
            function: ``"initial"`` or ``"contribute"``.
            document: JSON that the function is given.
            arrays: groups of named float64 arrays that it is given.
            seed: from 0 to 2^53.

        Raises:
            errors.PlanCodeFailed: the code broke off, met a limit, or answered with something else.
            errors.SandboxUnavailable: the cage was lost and no other can be made.
        """
        if not 0 <= seed < MOST_SEED:
            raise errors.InputError("a seed is out of range", which="seed", expected="0 to 2^53")
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        asked = {**document, "function": function, "seed": seed}
        declared = self._declared[function]
        expected = 1 + 8 * sum(length for _, length in declared)
        with _sealed(_input(asked, arrays)) as given:
            frame, status = self._exchange(given, expected)
        return _decoded(frame, status, declared)

    def _start(self) -> None:
        """Start the cage and wait until its first process is ready."""
        config = {
            "entry": self.manifest.entry, "memory": self.resources.memory_mb * 2**20, "cpu": self.resources.cpu_seconds,
            **{name: [list(each) for each in values] for name, values in self._declared.items()},
        }  # fmt: skip
        contents = {f"{starter.PLAN}/{name}": data for name, data in self._archive.files.items()}
        contents |= {
            starter.CONFIG: encoding.canonical_json(config),
            starter.FILTER: filtering.inner(),
            "/cage/starter.py": importlib.resources.files("aicommons.sandbox").joinpath("starter.py").read_bytes(),
        }
        with contextlib.ExitStack() as stack:
            files = {path: stack.enter_context(_sealed([data])) for path, data in contents.items()}
            outer = stack.enter_context(_sealed([filtering.outer()]))
            said = stack.enter_context(_descriptor(os.memfd_create("said")))
            undo = stack.enter_context(contextlib.ExitStack())
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self._control.close)
            with theirs:
                control = theirs.fileno()
                self._process = subprocess.Popen(
                    caging.command(files, control=control, outer=outer), pass_fds=(*files.values(), control, outer),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env={},
                )  # fmt: skip
            undo.pop_all()
            if not self._heard(START_SECONDS, starter.READY):
                self.close()
                raise caging.refusal(os.pread(said, 2000, 0).decode(errors="replace"))

    def _heard(self, seconds: float, expected: bytes) -> bool:
        """Return whether the first process said ``expected`` in time."""
        self._control.settimeout(seconds)
        with contextlib.suppress(OSError):
            return self._control.recv(64) == expected
        return False

    def _exchange(self, given: int, expected: int) -> tuple[bytes, int | str]:
        """Make one call: return what was answered (at most ``expected`` + 1 bytes) and how it ended.

        The end is the child's wait status, or the name of the limit that it met here.
        """
        answer, theirs = os.pipe()
        with _descriptor(answer):
            try:
                with _descriptor(theirs):
                    socket.send_fds(self._control, [b"call"], [given, theirs])
                frame, met = self._read(answer, expected)
                return frame, met or self._status(None)
            except OSError:
                self.close()
                return b"", "lost cage"
            except BaseException:
                # Whoever is interrupted leaves a call behind: the next one must not hear of it.
                self.close()
                raise

    def _read(self, answer: int, expected: int) -> tuple[bytes, str | None]:
        """Return the answer, and the limit that was met while it was read."""
        deadline = time.monotonic() + self.resources.wall_seconds
        frame = bytearray()
        poller = select.poll()
        poller.register(answer, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if not poller.poll(1000 * left):
                continue
            chunk = os.read(answer, min(CHUNK, expected + 1 - len(frame)))
            frame += chunk
            if len(frame) > expected:
                self._status(starter.STOP)
                return b"", "output limit"
            if not chunk:
                # Whoever closed the answer may still compute: it has the rest of its time to end.
                return bytes(frame), None if self._ends(deadline) else "time limit"
        self._status(starter.STOP)
        return b"", "time limit"

    def _ends(self, deadline: float) -> bool:
        """Return whether the call's process ends in time; one that does not is killed."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        if poller.poll(1000 * max(0.0, deadline - time.monotonic())):
            return True
        self._status(starter.STOP)
        return False

    def _status(self, order: bytes | None) -> int:
        """Return the wait status of the call, which the first process tells; ``order`` is sent to it before."""
        if order is not None:
            self._control.send(order)
        self._control.settimeout(END_SECONDS)
        said = self._control.recv(64)
        if len(said) != starter.STATUS.size:
            raise ConnectionError
        status, cpu, resident = starter.STATUS.unpack(said)
        self.usage = Usage(cpu, resident)
        return int(status)


def enforced(blocks: Sequence[manifests.Block], sums: Arrays) -> dict[str, Vector]:
    """Return ``sums`` with clipped blocks scaled to their norm.

    Raises:
        errors.ContributionRefused: a number that is not finite, not whole where whole ones are declared, or over its cap.
    """
    result = {}
    for block in blocks:
        values, which = sums[block.name], f"block {block.name}"
        if not np.isfinite(values).all():
            raise errors.ContributionRefused("a block holds numbers that are not finite", which=which)
        if block.encoding is manifests.Encoding.CLIPPED:
            values = _clipped(values, block.cap)
        elif np.abs(values).max() > block.cap:
            raise errors.ContributionRefused("a block is over its cap", which=which, expected=f"at most {block.cap:g}")
        elif block.encoding is manifests.Encoding.INTEGER and (values != np.rint(values)).any():
            raise errors.ContributionRefused("a block holds numbers that are not whole", which=which)
        result[block.name] = values
    return result


def check() -> None:
    """Make a cage and a call in it, and see that the cage holds.

    Raises:
        errors.SandboxUnavailable: no cage can be made on this machine; the message says why and what to do.
    """
    bounds = dataclasses.replace(NODE_BOUNDS, wall_seconds=TRIAL_SECONDS)
    with Cage(_trial(), bounds) as cage:
        try:
            open_ways = cage.call("contribute", {}, {"state": {}, "table": {"rows": np.ones(1)}}, 0)["open"]
        except errors.PlanCodeFailed as err:
            raise caging.refusal(str(err)) from err
    if open_ways.any():
        raise caging.refusal("a cage was made, but code in it reached the network, a file or a new process")


def is_available() -> bool:
    """Return whether plans that bring code can run here."""
    try:
        check()
    except errors.SandboxUnavailable:
        return False
    return True


def check_archive(
    archive: archives.Archive, batches: Sequence[Arrays], seed: int = 0, bounds: manifests.Resources = NODE_BOUNDS
) -> tuple[Shipment, ...]:
    """Return what the code would send of made-up rows, from the first state on; see ``Cage`` for errors."""
    with Cage(archive, bounds) as cage:
        sums = cage.contribute(cage.initial(seed), batches, seed)
    return tuple(
        Shipment(
            block.name, block.length, block.encoding, block.cap, _norm(sums[block.name]), _largest(sums[block.name])
        )
        for block in archive.manifest.contribute
    )


def _norm(values: Vector) -> float:
    """Return the L2 norm, without overflow on the way."""
    peak = _largest(values)
    return peak * float(np.linalg.norm(values / peak)) if peak > 0 else 0.0


def _largest(values: Vector) -> float:
    """Return the largest absolute value."""
    return float(np.abs(values).max())


def _clipped(values: Vector, cap: float) -> Vector:
    """Return ``values`` scaled down to an L2 norm of at most ``cap``."""
    if _norm(values) <= cap:
        return values
    # The norm itself may be over the largest float64, that in multiples of the largest value is not.
    scaled = values / _largest(values)
    return scaled * (cap / float(np.linalg.norm(scaled)))


def _decoded(frame: bytes, status: int | str, declared: Sequence[tuple[str, int]]) -> dict[str, Vector]:
    """Return the declared arrays from an answer; whatever was answered, nothing but these or an error comes out."""
    words = sum(length for _, length in declared)
    if status == 0 and len(frame) == 1 + 8 * words and frame[0] == 0:
        ends = np.cumsum([length for _, length in declared])[:-1]
        parts = np.split(np.frombuffer(frame, "<f8", words, 1), ends)
        found = {name: np.array(part, np.float64) for (name, _), part in zip(declared, parts, strict=True)}
        if all(np.isfinite(part).all() for part in found.values()):
            return found
        raise _failed("answering", "numbers that are not finite")
    if isinstance(status, str):
        raise _failed("running", status)
    if status != 0:
        raise _failed("running", _ending(status))
    if len(frame) == 3 and frame[0] == 1 and frame[1] < len(starter.STAGES) and frame[2] < len(starter.EXCEPTIONS):
        raise _failed(starter.STAGES[frame[1]], starter.EXCEPTIONS[frame[2]])
    raise _failed("answering", "no answer of the declared length")


def _ending(status: int) -> str:
    """Return in words how a process ended that did not end by itself."""
    number = os.waitstatus_to_exitcode(status)
    if number in {-24, -9}:  # SIGXCPU; SIGKILL comes a second later, or when memory ends
        return "processor time limit" if number == -24 else "killed at a limit"
    return "crash" if number < 0 else "early end"


def _failed(stage: str, cause: str) -> errors.PlanCodeFailed:
    """Return the error of a call."""
    return errors.PlanCodeFailed(
        "the plan's code did not answer as declared", stage=stage, cause=cause, which="code plan"
    )


def _input(asked: Mapping[str, object], groups: Mapping[str, Arrays]) -> Iterator[bytes | memoryview]:
    """Yield the bytes that a call reads: the length of a JSON object (8 bytes), the object, and the arrays at multiples of 64."""
    listed = [(group, name, np.asarray(array, "<f8", order="C")) for group, arrays in groups.items() for name, array in arrays.items()]  # fmt: skip
    head = encoding.canonical_json(
        {**asked, "arrays": [[group, name, list(array.shape)] for group, name, array in listed]}
    )
    yield len(head).to_bytes(8, "little")
    yield head
    at = 8 + len(head)
    for _, _, array in listed:
        yield bytes(-at % starter.ALIGNMENT)
        at += -at % starter.ALIGNMENT + array.nbytes
        if array.size:
            yield array.data.cast("B")


@contextlib.contextmanager
def _sealed(parts: Iterable[bytes | memoryview]) -> Iterator[int]:
    """Give a file in memory with these bytes that nobody can change or lengthen; it has no name and ends with its last reader."""
    with _descriptor(os.memfd_create("given", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)) as made:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(made, view) :]
        os.lseek(made, 0, os.SEEK_SET)
        fcntl.fcntl(
            made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        )
        yield made


@contextlib.contextmanager
def _descriptor(number: int) -> Iterator[int]:
    """Close a descriptor at the end."""
    try:
        yield number
    finally:
        os.close(number)


def _trial() -> archives.Archive:
    """Return the plan that ``check`` runs: it tries the network, a file of this machine and a new process."""
    manifest = {
        "type": manifests.KIND, "version": manifests.VERSION, "name": "trial", "entry": "trial", "kind": "local",
        "combiner": "weighted_mean", "schema": schema.to_document(schema.Schema((schema.numeric("x", 0.0, 1.0),), None)),
        "initial": [{"name": "nothing", "length": 1}],
        "contribute": [{"name": "open", "length": 3, "encoding": "integer", "cap_exponent": 0}],
        "resources": {"memory_mb": 256, "cpu_seconds": 5, "wall_seconds": TRIAL_SECONDS, "output_bytes": 64},
        "leaves_site": "Nothing of a site: it tries which ways out of the cage are open.",
    }  # fmt: skip
    code = importlib.resources.files("aicommons.sandbox").joinpath("trial.py").read_bytes()
    return archives.read_archive(
        archives.encode({archives.MANIFEST: encoding.canonical_json(manifest), "trial.py": code})
    )
