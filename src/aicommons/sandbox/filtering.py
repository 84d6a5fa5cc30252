"""The system calls that code in a cage may make: two seccomp programs, assembled here without a foreign library.

``caging`` gives ``outer`` to bubblewrap, for the process that starts calls; ``starter`` puts ``inner`` on every call before
foreign code is imported, and it can never be taken off. ``inner`` is a list of what is allowed, with bounds on arguments:
everything else answers EPERM, calls that are invented tomorrow too. ``outer`` is a list of what is refused, because Python's
start and fork need more than numerical code does. Both kill a process that speaks another architecture's numbers. What a call
may read is not decided here but by what the cage's file system holds. Source: linux/seccomp.h, linux/bpf_common.h, and the
kernel's tables of system calls (a test compares ``NUMBERS`` with the headers of the machine).
"""

import dataclasses
import platform
import struct
from collections.abc import Mapping, Sequence

# Return values of a filter (linux/seccomp.h), and the two errors that it gives back.
KILL_PROCESS = 0x8000_0000
ALLOW = 0x7FFF_0000
ERRNO = 0x0005_0000
EPERM = 1
ENOSYS = 38

# Instructions of classic BPF (linux/bpf_common.h).
LOAD_WORD = 0x20
AND = 0x54
JUMP_EQUAL = 0x15
JUMP_AT_LEAST = 0x35
JUMP_ANY_BIT = 0x45
RETURN = 0x06

NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
"""Offsets in struct seccomp_data."""
X32_BIT = 0x4000_0000
"""x86-64 only: calls of the x32 ABI, which a list of numbers would overlook."""

ARCHITECTURES: Mapping[str, tuple[int, int]] = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}
"""Machine -> its AUDIT_ARCH constant, and its column in ``NUMBERS``."""

NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
WRITING = 0o2_0000_000 | 0o2_0000 | 0o2000 | 0o1000 | 0o100 | 0o3
"""__O_TMPFILE, O_ASYNC, O_APPEND, O_TRUNC, O_CREAT, O_WRONLY and O_RDWR: none of them may be set by ``openat``."""
PRIVATE_FUTEX = 0x80
"""FUTEX_PRIVATE_FLAG: no waking of other processes over shared files."""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A condition on one 32-bit word of a call's arguments."""

    word: int
    """2 i for the low half of argument i (from 0), 2 i + 1 for its high half."""
    mask: int
    """Bits that are looked at."""
    values: tuple[int, ...]
    """What these bits may be."""


NUMBERS: Mapping[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "brk": (12, 214),
    "futex": (202, 98),
    "madvise": (28, 233),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "newfstatat": (262, 79),
    "openat": (257, 56),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "stat": (4, None),
    "lstat": (6, None),
    "statx": (332, 291),
    "getdents64": (217, 61),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "sched_yield": (24, 124),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "getcwd": (79, 17),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "getrusage": (98, 165),
    "dup": (32, 23),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "prlimit64": (302, 261),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "connect": (42, 203),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone": (56, 220),
    "clone3": (435, 435),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "personality": (135, 92),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "fanotify_init": (300, 262),
    "inotify_init1": (294, 26),
    "syslog": (103, 116),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
"""System call -> its number on x86-64 and on ARM64; None where it does not exist. Frequent ones first."""

_NAMES = tuple(NUMBERS)
ALLOWED = _NAMES[: _NAMES.index("getpid")]
"""What a call may do: compute, read what the cage holds, write to what it was given, end."""
HIDDEN = ("getpid", "getppid", "gettid")
"""These answer 0: numbers of processes count up from call to call, and would tell code how often it was called before."""
REFUSED = tuple(name for name in _NAMES[_NAMES.index("socket") :] if name not in {"clone", "clone3"})
"""What not even the process that starts calls may do."""

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "openat": (Check(4, WRITING, (0,)),),
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. F_SETOWN and F_SETSIG would send signals to other processes.
    "fcntl": (Check(2, 0xFFFF_FFFF, (0, 1, 2, 3, 1030)),),
    # TCGETS (is this a terminal?), FIONCLEX, FIOCLEX. FIOASYNC would send signals, TIOCSTI type into a terminal.
    "ioctl": (Check(2, 0xFFFF_FFFF, (0x5401, 0x5450, 0x5451)),),
    "futex": (Check(2, PRIVATE_FUTEX, (PRIVATE_FUTEX,)),),
    # MADV_DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE: nothing that moves pages of shared files in or out.
    "madvise": (Check(4, 0xFFFF_FFFF, (4, 8, 14, 15)),),
    # Its own limits may be read (process 0, no new limit at a null pointer), not set.
    "prlimit64": (Check(0, 0xFFFF_FFFF, (0,)), Check(4, 0xFFFF_FFFF, (0,)), Check(5, 0xFFFF_FFFF, (0,))),
}
"""Bounds on the arguments of what is allowed."""

Instruction = tuple[int, int, int, int]
"""Code, steps to jump if true and if false, operand: struct sock_filter."""


def inner(machine: str | None = None) -> bytes:
    """Return the filter of a call, for ``machine`` as ``platform.machine()`` names it (this one unless given)."""
    machine = machine or platform.machine()
    column = ARCHITECTURES[machine][1]
    program = _opening(machine)
    for name in ALLOWED:
        program += _rule(NUMBERS[name][column], CHECKS.get(name, ()), ALLOW, otherwise=ERRNO | EPERM)
    for name in HIDDEN:
        program += _rule(NUMBERS[name][column], (), ERRNO, otherwise=ERRNO)
    return _packed([*program, (RETURN, 0, 0, ERRNO | EPERM)])


def outer(machine: str | None = None) -> bytes:
    """Return the filter of the process that starts calls; see ``inner``."""
    machine = machine or platform.machine()
    column = ARCHITECTURES[machine][1]
    program = _opening(machine)
    for name in REFUSED:
        program += _rule(NUMBERS[name][column], (), ERRNO | EPERM, otherwise=0)
    program += _rule(NUMBERS["clone"][column], (Check(0, NAMESPACES, (0,)),), ALLOW, otherwise=ERRNO | EPERM)
    # Its flags lie behind a pointer, which a filter cannot follow; the C library falls back to clone.
    program += _rule(NUMBERS["clone3"][column], (), ERRNO | ENOSYS, otherwise=0)
    return _packed([*program, (RETURN, 0, 0, ALLOW)])


def _opening(machine: str) -> list[Instruction]:
    """Return the instructions that check the architecture and load the call's number."""
    program = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_AT),
        (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine][0]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD_WORD, 0, 0, NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(JUMP_AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, KILL_PROCESS)]
    return program


def _rule(number: int | None, checks: Sequence[Check], action: int, *, otherwise: int) -> list[Instruction]:
    """Return instructions that answer ``action`` for ``number`` if all checks hold, ``otherwise`` for ``number`` if not,
    and go on for all other numbers."""
    if number is None:
        return []
    body: list[Instruction] = []
    for check in checks:
        body += [(LOAD_WORD, 0, 0, ARGUMENTS_AT + 4 * check.word), (AND, 0, 0, check.mask)]
        count = len(check.values)
        body += [(JUMP_EQUAL, count - index, 0, value) for index, value in enumerate(check.values)]
        body += [(RETURN, 0, 0, otherwise)]
    body += [(RETURN, 0, 0, action)]
    return [(JUMP_EQUAL, 0, len(body), number), *body]


def _packed(program: Sequence[Instruction]) -> bytes:
    """Return the bytes of an array of struct sock_filter (little-endian on both machines)."""
    return b"".join(struct.pack("<HBBI", *each) for each in program)
