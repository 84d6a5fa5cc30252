"""The filters of system calls, run by a small interpreter of their instructions: for both machines, on any machine."""

import pathlib
import re
import struct

import hypothesis
import pytest
from hypothesis import strategies

from aicommons.sandbox import filtering

MACHINES = tuple(filtering.ARCHITECTURES)
HEADERS = {
    "x86_64": (pathlib.Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+) (\d+)"),
    "aarch64": (pathlib.Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+)\s+(\d+)"),
}
REFUSED = filtering.ERRNO | filtering.EPERM
OTHER_NAMES = {"newfstatat": "fstatat"}
"""ARM64's header names one call otherwise."""


def decided(program: bytes, number: int, arguments: tuple[int, ...] = (), *, architecture: int) -> int:
    """Return what a filter answers, as the kernel's classic BPF does."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, yes, no, operand = instructions[at]
        at += 1
        if code == filtering.LOAD_WORD:
            accumulator = int.from_bytes(data[operand : operand + 4], "little")
        elif code == filtering.AND:
            accumulator &= operand
        elif code == filtering.RETURN:
            return int(operand)
        else:
            holds = accumulator == operand if code == filtering.JUMP_EQUAL else accumulator >= operand
            at += yes if holds else no


def inner(machine: str, name: str, *arguments: int) -> int:
    """Return what the filter of a call answers to a system call by name."""
    architecture, column = filtering.ARCHITECTURES[machine]
    number = filtering.NUMBERS[name][column]
    assert number is not None
    return decided(filtering.inner(machine), number, arguments, architecture=architecture)


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernel(machine: str) -> None:
    """Each system call has the number that this machine's headers give it."""
    header, form = HEADERS[machine]
    if not header.exists():
        assert machine in filtering.ARCHITECTURES
        return
    known = {name: int(number) for name, number in re.findall(form, header.read_text())}
    column = filtering.ARCHITECTURES[machine][1]
    for name, numbers in filtering.NUMBERS.items():
        found = known.get(name, known.get(OTHER_NAMES.get(name, name)))
        assert found is None or found == numbers[column], name
        assert (found is None) == (numbers[column] is None) or numbers[column] is not None


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_may_compute_and_nothing_else(machine: str) -> None:
    """What is not on the list is refused, whatever its number; what is on it is allowed for plain arguments."""
    architecture, column = filtering.ARCHITECTURES[machine]
    program = filtering.inner(machine)
    names = {numbers[column]: name for name, numbers in filtering.NUMBERS.items()}
    for number in range(1024):
        found = decided(program, number, architecture=architecture)
        name = names.get(number)
        if name in filtering.HIDDEN:
            assert found == filtering.ERRNO
        elif name in filtering.ALLOWED and name not in filtering.CHECKS:
            assert found == filtering.ALLOW
        elif name not in filtering.ALLOWED:
            assert found == REFUSED


ARGUMENTS: dict[str, tuple[str, tuple[int, ...], bool]] = {
    "open to read": ("openat", (0, 0, 0o2000000), True),
    "open to write": ("openat", (0, 0, 1), False),
    "open to read and write": ("openat", (0, 0, 2), False),
    "make a file": ("openat", (0, 0, 0o100), False),
    "make a file without a name": ("openat", (0, 0, 0o20200000), False),
    "empty a file": ("openat", (0, 0, 0o1000), False),
    "open with signals": ("openat", (0, 0, 0o20000), False),
    "copy a descriptor": ("fcntl", (5, 1030, 0), True),
    "ask about a descriptor": ("fcntl", (5, 3, 0), True),
    "say who gets signals": ("fcntl", (5, 8, 1), False),
    "lock": ("fcntl", (5, 6, 0), False),
    "resize a pipe": ("fcntl", (5, 1031, 0), False),
    "ask for a terminal": ("ioctl", (0, 0x5401), True),
    "type into a terminal": ("ioctl", (0, 0x5412), False),
    "send signals on input": ("ioctl", (0, 0x5452), False),
    "wait for itself": ("futex", (0, 0x80), True),
    "wake others": ("futex", (0, 1), False),
    "give memory back": ("madvise", (0, 0, 4), True),
    "drop shared pages": ("madvise", (0, 0, 21), False),
    "read a limit": ("prlimit64", (0, 7, 0, 1), True),
    "set a limit": ("prlimit64", (0, 7, 1 << 40, 0), False),
    "set a limit, low half": ("prlimit64", (0, 7, 8, 0), False),
    "read another process's limit": ("prlimit64", (1, 7, 0, 1), False),
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_are_bounded(name: str, machine: str) -> None:
    """Calls that can do good and harm are allowed by their arguments."""
    call, arguments, is_allowed = ARGUMENTS[name]
    assert inner(machine, call, *arguments) == (filtering.ALLOW if is_allowed else REFUSED)


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architecture_is_killed(machine: str) -> None:
    """Numbers mean other calls there, so that a process which switches is ended."""
    other = filtering.ARCHITECTURES[next(each for each in MACHINES if each != machine)][0]
    for program in (filtering.inner(machine), filtering.outer(machine)):
        assert decided(program, 0, architecture=other) == filtering.KILL_PROCESS
        assert decided(program, 0, architecture=0x4000_0003) == filtering.KILL_PROCESS
    if machine == "x86_64":
        found = decided(filtering.inner(machine), 0x4000_0000, architecture=filtering.ARCHITECTURES[machine][0])
        assert found == filtering.KILL_PROCESS


@pytest.mark.parametrize("machine", MACHINES)
def test_the_first_process_may_fork_and_make_no_namespace(machine: str) -> None:
    """It has what Python needs, none of what is refused by name, and no namespace by any flag."""
    architecture, column = filtering.ARCHITECTURES[machine]
    program = filtering.outer(machine)

    def answered(name: str, *arguments: int) -> int:
        number = filtering.NUMBERS[name][column]
        assert number is not None
        return decided(program, number, arguments, architecture=architecture)

    for name in filtering.REFUSED:
        if filtering.NUMBERS[name][column] is not None:
            assert answered(name) == REFUSED
    assert answered("clone", 0x0120_0011) == filtering.ALLOW
    for bit in (17, *range(25, 31)):
        assert answered("clone", 1 << bit | 0x11) == REFUSED
    assert answered("clone3") == filtering.ERRNO | filtering.ENOSYS
    assert answered("read") == filtering.ALLOW


@hypothesis.given(
    strategies.sampled_from(MACHINES),
    strategies.integers(0, 2**32 - 1),
    strategies.tuples(*[strategies.integers(0, 2**64 - 1)] * 6),
)
def test_filters_always_decide(machine: str, number: int, arguments: tuple[int, ...]) -> None:
    """Any call with any arguments gets one of four answers, and numbers that nobody knows are never allowed."""
    architecture, column = filtering.ARCHITECTURES[machine]
    found = decided(filtering.inner(machine), number, arguments, architecture=architecture)
    assert found in {filtering.ALLOW, REFUSED, filtering.ERRNO, filtering.KILL_PROCESS}
    known = {filtering.NUMBERS[name][column] for name in filtering.ALLOWED}
    assert found != filtering.ALLOW or number in known
