"""A plan's code that tries everything that code must not be able to do: one function for each attempt.

It runs in the cage of ``test_cage_escapes``: ``table["which"]`` says which function, by its place in the sorted names, and ``table``
holds what an attacker would have to know beforehand (a port, a path). A function returns 1 when the machine refused, 0 when the
attempt succeeded; others try to break off, to flood or to answer wrongly, and the test says what must become of them.
"""

# The bare calls are what is tried.
# ruff: noqa: NPY002, PTH101, PTH102, PTH104, PTH108, PTH116, PTH123, PTH208, PTH211, SIM115

import builtins
import contextlib
import ctypes
import errno
import fcntl
import gc
import mmap
import os
import pathlib
import pickle
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np

ATTEMPTS = {}
LIBRARY = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {"ptrace": 101, "process_vm_readv": 310, "keyctl": 250, "bpf": 321, "perf_event_open": 298, "io_uring_setup": 425,
               "userfaultfd": 323, "seccomp": 317, "tgkill": 234, "shmget": 29, "pidfd_open": 434, "clone3": 435, "execveat": 322,
               "fanotify_init": 300, "open_by_handle_at": 304, "process_madvise": 440, "personality": 135, "mincore": 27},
    "aarch64": {"ptrace": 117, "process_vm_readv": 270, "keyctl": 219, "bpf": 280, "perf_event_open": 241, "io_uring_setup": 425,
                "userfaultfd": 282, "seccomp": 277, "tgkill": 131, "shmget": 194, "pidfd_open": 434, "clone3": 435, "execveat": 281,
                "fanotify_init": 262, "open_by_handle_at": 265, "process_madvise": 440, "personality": 92, "mincore": 232},
}  # fmt: skip
STORE = []


def attempt(function):
    """Note an attempt."""
    ATTEMPTS[function.__name__] = function
    return function


def contribute(state, table, seed):
    """Make one attempt."""
    found = ATTEMPTS[sorted(ATTEMPTS)[int(table["which"][0])]](table)
    return found if not isinstance(found, int | float) else {"found": np.array([float(found)])}


def refused(*actions):
    """Return 1 if every action is refused by the machine."""
    for action in actions:
        try:
            action()
        except (OSError, ImportError, RuntimeError, AttributeError, ValueError):
            continue
        return 0
    return 1


def calls(*asked):
    """Return 1 if each system call (name, arguments...) is refused with EPERM."""
    numbers = NUMBERS[os.uname().machine]
    for name, *arguments in asked:
        if LIBRARY.syscall(numbers[name], *arguments) != -1 or ctypes.get_errno() != errno.EPERM:
            return 0
    return 1


def text(table, name):
    """Return a text that was sent as an array of code points."""
    return "".join(chr(int(each)) for each in table[name])


# The network.


@attempt
def connects_to_a_port_of_this_machine(table):
    return refused(lambda: socket.create_connection(("127.0.0.1", int(table["port"][0])), 1))


@attempt
def sends_a_datagram(table):
    return refused(
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(table["port"][0])))
    )


@attempt
def connects_over_ipv6(_):
    return refused(lambda: socket.create_connection(("::1", 80), 1))


@attempt
def asks_the_name_service(_):
    return refused(lambda: socket.getaddrinfo("example.org", 80), lambda: socket.gethostbyname("localhost"))


@attempt
def opens_a_unix_socket(table):
    return refused(lambda: socket.socket(socket.AF_UNIX).connect(text(table, "socket")))


@attempt
def opens_an_abstract_unix_socket(table):
    return refused(lambda: socket.socket(socket.AF_UNIX).connect("\0" + text(table, "socket")))


@attempt
def makes_a_pair_of_sockets(_):
    return refused(socket.socketpair)


@attempt
def opens_a_netlink_socket(_):
    return refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))


# Files.


@attempt
def reads_the_owners_table(table):
    return refused(lambda: open(text(table, "secret")), lambda: os.stat(text(table, "secret")))


@attempt
def reads_by_going_up(table):
    return refused(
        lambda: open("../" * 20 + text(table, "secret")), lambda: open("/plan/../.." + text(table, "secret"))
    )


@attempt
def reads_files_of_the_machine(_):
    paths = ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/home", "/root", "/tmp", "/var", "/usr", "/run", "/bin/sh")
    return refused(*(lambda path=path: os.stat(path) for path in paths))


@attempt
def finds_something_in_the_root(_):
    return set(os.listdir("/")) <= {"python", "packages", "libs", "lib64", "lib", "cage", "plan", "empty"}


@attempt
def reads_proc(_):
    return refused(
        *(lambda path=path: os.stat(path) for path in ("/proc", "/proc/self/environ", "/proc/1/mem", "/proc/self/fd"))
    )


@attempt
def reads_devices_and_sys(_):
    return refused(
        *(
            lambda path=path: os.stat(path)
            for path in ("/sys", "/dev", "/dev/shm", "/dev/mem", "/dev/urandom", "/dev/tty")
        )
    )


@attempt
def makes_a_symbolic_link(table):
    return refused(lambda: os.symlink(text(table, "secret"), "/plan/link"), lambda: os.symlink("/", "/empty/link"))


@attempt
def makes_hard_links_names_and_pipes(_):
    return refused(
        lambda: os.link("/plan/attempts.py", "/empty/link"), lambda: os.rename("/plan/attempts.py", "/plan/other.py"),
        lambda: os.mkfifo("/empty/pipe"), lambda: os.mknod("/empty/node"), lambda: os.mkdir("/empty/folder"), os.pipe,
    )  # fmt: skip


@attempt
def writes_a_file_anywhere(_):
    return refused(*(
        lambda path=pathlib.Path(folder, "left-behind"): path.write_text("x")
        for folder, _, _ in os.walk("/") if folder.count("/") < 5
    ))  # fmt: skip


@attempt
def changes_what_later_calls_run(_):
    paths = ["/plan/attempts.py", "/cage/starter.py", "/cage/config.json", os.__file__, np.__file__]
    changes = [lambda path=path: open(path, "r+") for path in paths] + [
        lambda path=path: os.unlink(path) for path in paths
    ]
    return refused(*changes, *(lambda path=path: os.chmod(path, 0o777) for path in paths))


@attempt
def makes_a_file_in_memory(_):
    def shares():
        from multiprocessing import shared_memory

        shared_memory.SharedMemory("left", create=True, size=100)

    return refused(lambda: os.memfd_create("left"), shares)


@attempt
def marks_files_with_locks_or_times(_):
    opened = os.open("/plan/attempts.py", os.O_RDONLY)
    return refused(
        lambda: fcntl.flock(opened, fcntl.LOCK_SH), lambda: fcntl.lockf(opened, fcntl.LOCK_SH), lambda: os.utime(opened),
        lambda: fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK), lambda: os.setxattr(opened, "user.x", b"x"),
        lambda: os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED),
    )  # fmt: skip


@attempt
def uses_installed_packages(_):
    names = ("aicommons", "cryptography", "urllib3", "pip", "hypothesis")
    return refused(*(lambda name=name: __import__(name) for name in names))


@attempt
def looks_into_descriptors_of_others(_):
    found = []
    for number in range(256):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.append(number)
    # Nothing to read, two times nowhere to write, what it was given (sealed), and where it answers.
    given = set(found) - {0, 1, 2, 5}
    return (
        len(given) <= 1
        and os.read(0, 1) == b""
        and refused(
            *(lambda each=each: os.write(each, b"x") for each in given),
            *(lambda each=each: mmap.mmap(each, 0, access=mmap.ACCESS_WRITE) for each in given),
        )
    )


# Processes.


@attempt
def forks(_):
    return refused(os.fork, os.forkpty, lambda: os.posix_spawn(sys.executable, [sys.executable], {}))


@attempt
def is_a_fork_bomb(_):
    while True:
        with contextlib.suppress(OSError):
            os.fork()


@attempt
def starts_a_program(_):
    return refused(
        lambda: subprocess.run([sys.executable, "-c", ""], check=False), lambda: os.execv(sys.executable, ["x"])
    )


@attempt
def starts_a_program_from_a_file(_):
    return calls(("execveat", 0, b"/python/bin/python3", None, None, 0), ("clone3", None, 0))


@attempt
def starts_a_thread(_):
    return refused(threading.Thread(target=print).start)


@attempt
def signals_other_processes(_):
    targets = [lambda number=number: os.kill(number, signal.SIGKILL) for number in (-1, 0, 1, 2, 3, 4, 5)]
    return refused(*targets, lambda: os.killpg(1, signal.SIGKILL)) and calls(("tgkill", 2, 2, 9))


@attempt
def lets_a_pipe_signal_other_processes(_):
    return refused(
        *(lambda number=number: fcntl.fcntl(5, fcntl.F_SETOWN, number) for number in (1, 2, 3)),
        lambda: fcntl.fcntl(5, fcntl.F_SETSIG, signal.SIGKILL), lambda: fcntl.fcntl(5, fcntl.F_SETFL, os.O_ASYNC),
        lambda: fcntl.ioctl(5, 0x5452, b"\1\0\0\0"),
    )  # fmt: skip


@attempt
def types_into_the_terminal(_):
    return refused(lambda: fcntl.ioctl(0, 0x5412, b"x"), lambda: os.open("/dev/tty", os.O_RDWR))


@attempt
def reads_the_memory_of_others(_):
    return calls(
        ("ptrace", 16, 2, 0, 0),
        ("process_vm_readv", 2, None, 0, None, 0, 0),
        ("pidfd_open", 2, 0),
        ("process_madvise", 0, 0),
    )


@attempt
def learns_its_place_among_processes(_):
    return (os.getpid(), os.getppid(), threading.get_native_id()) == (0, 0, 0)


@attempt
def makes_namespaces_of_its_own(_):
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    return all(
        function() == -1 and ctypes.get_errno() == errno.EPERM
        for function in (
            lambda: LIBRARY.unshare(0x1000_0000), lambda: LIBRARY.setns(0, 0), lambda: LIBRARY.chroot(b"/plan"),
            lambda: LIBRARY.syscall(number, 0x1000_0000 | signal.SIGCHLD, 0, 0, 0, 0),
            lambda: LIBRARY.mount(b"x", b"/empty", b"tmpfs", 0, None), lambda: LIBRARY.umount2(b"/plan", 0),
        )
    )  # fmt: skip


@attempt
def uses_dangerous_parts_of_the_kernel(_):
    return calls(
        ("keyctl", 0, 0, 0, 0, 0), ("bpf", 0, None, 0), ("perf_event_open", None, 0, 0, 0, 0), ("io_uring_setup", 8, None),
        ("userfaultfd", 0), ("shmget", 7, 100, 0o1600), ("fanotify_init", 0, 0), ("open_by_handle_at", 0, None, 0),
        ("personality", 0x40000), ("mincore", None, 0, None),
    )  # fmt: skip


@attempt
def takes_off_the_filter(_):
    return calls(("seccomp", 1, 0, None)) and LIBRARY.prctl(22, 0, 0, 0, 0) == -1 and LIBRARY.prctl(4, 1, 0, 0, 0) == -1


@attempt
def raises_its_limits(_):
    import resource

    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
    assert all(resource.getrlimit(kind)[1] != resource.RLIM_INFINITY for kind in kinds)
    return refused(*(lambda kind=kind: resource.setrlimit(kind, (1, resource.getrlimit(kind)[1])) for kind in kinds))


@attempt
def speaks_the_x32_dialect(_):
    if os.uname().machine == "x86_64":
        LIBRARY.syscall(0x4000_0000 + 41, 2, 1, 0)
        return 0
    os.kill(os.getpid(), signal.SIGSYS)  # no such dialect there; refused like any signal
    return 0


@attempt
def speaks_the_32_bit_dialect(_):
    if os.uname().machine == "x86_64":
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid there); int 0x80; ret
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        return 0
    ctypes.string_at(1)
    return 0


@attempt
def becomes_somebody_else(_):
    return refused(lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])) and os.getuid() == 65534


# Limits.


@attempt
def is_a_memory_bomb(_):
    return {"found": np.ones(2**33)[:1]}


@attempt
def is_a_slow_memory_bomb(_):
    kept = []
    while True:
        kept.append(bytearray(2**22))


@attempt
def computes_without_end(_):
    while True:
        pass


@attempt
def computes_without_end_and_ignores_signals(_):
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


@attempt
def sleeps_without_end(_):
    while True:
        time.sleep(1000)


@attempt
def answers_and_stays(_):
    os.write(5, b"\0" + np.ones(1).tobytes())
    os.close(5)
    while True:
        time.sleep(1000)


@attempt
def answers_without_end(_):
    while True:
        os.write(5, bytes(2**20))


@attempt
def prints_without_end(_):
    for _ in range(1000):
        print("x" * 10**5)
        sys.stderr.write("x" * 10**5)
        os.write(2, b"x" * 10**5)
    return 1


@attempt
def opens_files_without_end(_):
    kept = []

    def more():
        while True:
            kept.append(open("/plan/attempts.py"))

    found = refused(more)
    assert len(kept) < 64
    return found


@attempt
def calls_itself_without_end(table):
    return calls_itself_without_end(table)


@attempt
def crashes(_):
    ctypes.string_at(1)


@attempt
def crashes_by_deep_recursion(_):
    sys.setrecursionlimit(10**9)
    first, second = [], []
    for _ in range(10**6):
        first, second = [first], [second]
    return first == second


# Answers.


@attempt
def answers_whole_numbers_of_another_type(_):
    return {"found": np.ones(1, np.int64)}


@attempt
def answers_short_floats(_):
    return {"found": np.ones(1, np.float32)}


@attempt
def answers_objects(_):
    return {"found": np.array([object()])}


@attempt
def answers_a_pickle(_):
    return pickle.dumps({"found": np.ones(1)})


@attempt
def answers_a_longer_block(_):
    return {"found": np.ones(2)}


@attempt
def answers_another_shape(_):
    return {"found": np.ones((1, 1))}


@attempt
def answers_one_block_too_many(_):
    return {"found": np.ones(1), "records": np.ones(1)}


@attempt
def answers_nothing(_):
    return None


@attempt
def answers_no_number(_):
    return float("nan")


@attempt
def answers_over_the_cap(_):
    return 3.0


@attempt
def answers_a_fraction(_):
    return 0.5


@attempt
def forges_an_answer_and_goes_on(_):
    os.write(5, b"\0" + np.ones(1).tobytes())
    return 1


@attempt
def forges_a_short_answer(_):
    os.write(5, b"\0abc")
    os._exit(0)


@attempt
def forges_an_unknown_failure(_):
    os.write(5, bytes([1, 200, 200]))
    os._exit(0)


@attempt
def ends_with_a_number(_):
    os._exit(77)


@attempt
def leaves(_):
    sys.exit("patient 4711")


@attempt
def tells_a_record_in_a_message(table):
    raise ValueError("patient 4711")


@attempt
def tells_a_record_in_a_name(table):
    raise type("Patient4711", (Exception,), {})("patient 4711")


@attempt
def tells_a_record_in_a_traceback(table):
    exec(compile("raise KeyError(4711)", "patient-4711.py", "exec"))


# Secrets, and what stays from call to call.


@attempt
def reads_the_environment(_):
    allowed = {"PWD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED", "PYTHONUTF8"}
    return {name for name in os.environ if not name.endswith("_NUM_THREADS")} <= allowed and len(sys.argv) == 2


@attempt
def searches_its_memory_for_a_secret(table):
    secret = text(table, "word")
    seen = [each for each in gc.get_objects() if isinstance(each, dict) and secret in map(str, each.values())]
    return not seen and secret not in os.environ.values()


@attempt
def remembers_in_modules(_):
    found = not (STORE or getattr(builtins, "left", None) or getattr(np, "left", None) or os.environ.get("LEFT"))
    STORE.append(1)
    builtins.left = np.left = 1
    np.ones.__kwdefaults__ = None
    os.environ["LEFT"] = "1"
    sys.modules["random"].seed(0)
    return found


@attempt
def remembers_in_random_numbers(_):
    # The same in every call with the same seed: nothing is drawn from a state that other calls share.
    return (random.random(), float(np.random.rand())) == (np.float64(0.8444218515250481), 0.5488135039273248)


@attempt
def draws_randomness_of_the_machine(_):
    return refused(lambda: os.urandom(8), np.random.default_rng)


@attempt
def learns_the_machines_name(_):
    return os.uname().nodename == "cage"
