"""Attempts to get out of a cage, or to abuse it, each really made by code in a real one; ``attempts.py`` holds that code.

A row says what must become of an attempt: the machine refused it and the code went on (``REFUSED``), or the call failed with this
stage and cause. After each row: nothing arrived at the listeners of this machine, the cage still works, no process of the call
is left, and no word of a record is in the error.
"""

import contextlib
import os
import pathlib
import secrets
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tests.sandbox import cages

from aicommons.domain import errors
from aicommons.sandbox import archives, calling

REFUSED = None
"""The attempt itself tells that it was refused."""
FAILED: dict[str, tuple[str, str]] = {
    "is_a_fork_bomb": ("running", "processor time limit"),
    "speaks_the_x32_dialect": ("running", "crash"),
    "speaks_the_32_bit_dialect": ("running", "crash"),
    "is_a_memory_bomb": ("calling", "MemoryError"),
    "is_a_slow_memory_bomb": ("calling", "MemoryError"),
    "computes_without_end": ("running", "processor time limit"),
    "computes_without_end_and_ignores_signals": ("running", "killed at a limit"),
    "sleeps_without_end": ("running", "time limit"),
    "answers_and_stays": ("running", "time limit"),
    "answers_without_end": ("running", "output limit"),
    "calls_itself_without_end": ("calling", "RecursionError"),
    "crashes": ("running", "crash"),
    "crashes_by_deep_recursion": ("running", "crash"),
    "answers_whole_numbers_of_another_type": ("answering", "TypeError"),
    "answers_short_floats": ("answering", "TypeError"),
    "answers_objects": ("answering", "TypeError"),
    "answers_a_pickle": ("answering", "KeyError"),
    "answers_a_longer_block": ("answering", "ValueError"),
    "answers_another_shape": ("answering", "ValueError"),
    "answers_one_block_too_many": ("answering", "KeyError"),
    "answers_nothing": ("answering", "KeyError"),
    "answers_no_number": ("answering", "numbers that are not finite"),
    "forges_an_answer_and_goes_on": ("running", "output limit"),
    "forges_a_short_answer": ("answering", "no answer of the declared length"),
    "forges_an_unknown_failure": ("answering", "no answer of the declared length"),
    "ends_with_a_number": ("running", "early end"),
    "leaves": ("calling", "SystemExit"),
    "tells_a_record_in_a_message": ("calling", "ValueError"),
    "tells_a_record_in_a_name": ("calling", "another exception"),
    "tells_a_record_in_a_traceback": ("calling", "KeyError"),
}
"""Attempt -> stage and cause of its failure; all others are refused inside."""
ALSO = {"crashes_by_deep_recursion": ("calling", "RecursionError")}
"""From Python 3.12 on the interpreter notices it before the stack is used up."""
OVER = {"answers_over_the_cap": "over its cap", "answers_a_fraction": "not whole"}
"""Attempts whose answer has the declared form and is refused by its numbers."""
CODE = (pathlib.Path(__file__).parent / "attempts.py").read_text(encoding="utf-8")
NAMES = sorted(part.split("(")[0] for part in CODE.split("@attempt\ndef ")[1:])
WORD = secrets.token_hex(16)
"""A secret of this process: its environment holds it while the cage is made."""
BLOCK = {"name": "found", "length": 1, "encoding": "integer", "cap_exponent": 0}


class Machine:
    """What an attacker could reach outside: a table, and two listeners."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.secret = folder / "patients.csv"
        self.secret.write_text("4711\n")
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.tcp.getsockname())
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(folder / "s"))
        self.unix.listen()
        self.path = folder / "s"
        for each in (self.tcp, self.udp, self.unix):
            each.setblocking(False)

    def known(self) -> dict[str, np.ndarray]:
        """Return what the attacker knows beforehand."""
        texts = {"secret": str(self.secret), "socket": str(self.path), "word": WORD}
        words = {name: np.array([float(ord(each)) for each in text]) for name, text in texts.items()}
        return {"port": np.array([float(self.tcp.getsockname()[1])]), **words}

    def check_untouched(self) -> None:
        """Check that nobody came, and that the table and its folder are as they were."""
        for listener in (self.tcp, self.unix):
            with contextlib.suppress(BlockingIOError):
                listener.accept()
                pytest.fail("somebody connected")
        with contextlib.suppress(BlockingIOError):
            self.udp.recv(10)
            pytest.fail("somebody sent something")
        assert self.secret.read_text() == "4711\n"
        assert {each.name for each in self.secret.parent.iterdir()} == {"patients.csv", "s"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """What is outside."""
    made = Machine(tmp_path_factory.mktemp("m"))
    yield made
    for each in (made.tcp, made.udp, made.unix):
        each.close()


SLEEPERS = ("sleeps_without_end", "answers_and_stays")
"""They use no processor time: only the clock ends them."""


def _caged(wall_seconds: int) -> calling.Cage:
    """Return a cage with all attempts in it, made while the environment holds a secret."""
    cages.needed()
    resources = cages.RESOURCES | {"wall_seconds": wall_seconds}
    data = cages.packed(
        "", {"attempts.py": CODE.encode()}, entry="attempts", kind="local", contribute=[BLOCK], resources=resources
    )
    os.environ["AICOMMONS_SECRET"] = WORD
    try:
        return calling.Cage(archives.read_archive(data))
    finally:
        del os.environ["AICOMMONS_SECRET"]


@pytest.fixture(scope="module")
def patient() -> Iterator[calling.Cage]:
    """One cage for nearly all attempts: whatever one of them leaves would harm the next."""
    with _caged(60) as made:
        yield made


@pytest.fixture(scope="module")
def hasty() -> Iterator[calling.Cage]:
    """A cage that waits one second."""
    with _caged(1) as made:
        yield made


def _attempted(cage: calling.Cage, machine: Machine, name: str) -> float:
    """Return what an attempt found, 1 if it was refused."""
    table = {**machine.known(), "which": np.array([float(NAMES.index(name))])}
    return float(cage.contribute({}, [table], 0)["found"][0])


def test_there_are_attempts_of_every_kind() -> None:
    """At least thirty attempts are made, and no row expects what no attempt makes."""
    assert len(NAMES) == len(set(NAMES)) > 70
    assert set(FAILED) | set(OVER) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_attempts_are_contained(name: str, patient: calling.Cage, hasty: calling.Cage, machine: Machine) -> None:
    """Code in a cage reaches nothing, takes no more than it was granted, answers nothing but its blocks, and leaves nothing."""
    cage = hasty if name in SLEEPERS else patient
    if name in OVER:
        with pytest.raises(errors.ContributionRefused, match=OVER[name]):
            _attempted(cage, machine, name)
    elif (expected := FAILED.get(name)) is REFUSED:
        assert _attempted(cage, machine, name) == 1.0
    else:
        begin = time.monotonic()
        with pytest.raises(errors.PlanCodeFailed) as caught:
            _attempted(cage, machine, name)
        assert (caught.value.stage, caught.value.cause) in {expected, ALSO.get(name)}
        assert "4711" not in f"{caught.value}{caught.value.__dict__}"
        assert name not in SLEEPERS or time.monotonic() - begin < 20
    machine.check_untouched()
    assert cage._process is not None
    assert len(cages.descendants(cage._process.pid)) == 1  # the process that starts calls
    assert _attempted(patient, machine, "remembers_in_modules") == 1.0


def test_nothing_is_left_of_a_closed_cage(tmp_path: pathlib.Path) -> None:
    """When a cage is closed its processes are gone, and neither files nor shared memory were made outside."""
    cages.needed()
    places = [pathlib.Path("/dev/shm"), tmp_path]
    before = [_names(place) for place in places]
    descriptors = _names(pathlib.Path("/proc/self/fd"))
    with calling.Cage(cages.archive()) as cage:
        cage.initial(0)
        assert cage._process is not None
        inside = cages.descendants(cage._process.pid) | {cage._process.pid}
        assert len(inside) == 2
    assert not [each for each in inside if pathlib.Path(f"/proc/{each}").exists()]
    assert all(_names(place) - names <= _of_others(place) for place, names in zip(places, before, strict=True))
    assert _names(pathlib.Path("/proc/self/fd")) == descriptors


def _names(place: pathlib.Path) -> set[str]:
    """Return the names in a folder."""
    return {each.name for each in place.iterdir()}


def _of_others(place: pathlib.Path) -> set[str]:
    """Return names that other programs of this machine use in shared folders."""
    return {name for name in _names(place) if name.startswith(("commons-", "sem.", "pym"))}
