"""The one module that knows the operating system: private folders, Unix sockets, peers, locks, process hardening.

A lint rule keeps `fcntl`, `resource`, `socket.AF_UNIX`, `SO_PEERCRED` and `prctl` out of every other file, so that
another system (Windows named pipes, for one) means another version of this file and of nothing else.  Tried on Linux.
"""

import errno
import fcntl
import os
import re
import resource
import signal
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

SOCKET_PATH_MAX = 107
"""Bytes in `sun_path` before the closing NUL (unix(7))."""

_PR_SET_DUMPABLE = 4
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_AT_FDCWD = -100
_OCTAL = re.compile(rb"\\([0-7]{3})")
_RENAME_NOREPLACE = 1
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_IO_URING_SETUP = 425
_SEALED = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""AUDIT_ARCH_… and the number of socket(2), by machine (linux/audit.h, asm/unistd_64.h, asm-generic/unistd.h)."""


class UnsafeFolder(OSError):
    """A folder that must be ours alone belongs to someone else or is open to others."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a Unix socket, by the kernel's word at connect time (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose requests count as one person's at one place: a terminal session or a single process, by number and start time (numbers are re-used)."""

    kind: Literal["terminal", "process"]
    pid: int
    started: int


def private_folder(path: Path) -> Path:
    """Make `path` a 0700 folder of ours and return it; raises `UnsafeFolder` where another user owns it or it is a link."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    seen = path.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise UnsafeFolder(errno.EPERM, "not a folder of this user", str(path))
    if stat.S_IMODE(seen.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def listen_private(path: str, backlog: int = 64) -> socket.socket:
    """A listening 0600 Unix socket at `path`, which must lie in a private folder; the mode is right from the first instant (umask before bind)."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        sock.bind(path)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)
    sock.listen(backlog)
    return sock


def connect(path: str, timeout: float | None = None) -> socket.socket:
    """A connected Unix stream socket; raises OSError (ENOENT, ECONNREFUSED) when nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.settimeout(timeout)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected stream sockets, for an agent and one of its child processes."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def peer_of(sock: socket.socket) -> Peer:
    """The process at the other end of `sock`."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", raw))


def program_of(pid: int) -> str:
    """The program name of a process, advisory only (a process can rename itself); empty when it is gone.

    Always text: bytes that are none become U+FFFD, so that a program cannot be called what no record can hold.
    """
    try:
        return os.path.basename(os.readlink(os.fsencode(f"/proc/{pid}/exe"))).decode("utf-8", "replace")
    except OSError:
        return ""


def session_of(pid: int) -> Origin | None:
    """Where a process belongs: its terminal session where it has a terminal, else itself alone; None where it cannot be seen.

    A session without a terminal (services, programs of a desktop) says nothing of who sits there, so it does not count.
    """
    own = _stat_of(pid)
    if own is None:
        return None
    session, terminal, started = own
    leader = _stat_of(session) if terminal and session else None
    return Origin("terminal", session, leader[2]) if leader is not None else Origin("process", pid, started)


def _stat_of(pid: int) -> tuple[int, int, int] | None:
    """Session, terminal and start time (clock ticks since boot) of a process (proc(5), /proc/pid/stat, fields 6, 7 and 22)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[3]), int(fields[4]), int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def suspended_seconds() -> float:
    """How long this machine has slept since it was started: what one clock counts and the other leaves out."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def user_of(uid: int) -> str:
    """The login name of a user, or the number where there is none."""
    import pwd

    try:
        return os.fsencode(pwd.getpwuid(uid).pw_name).decode("utf-8", "replace")
    except KeyError:
        return str(uid)


def lock_file(path: Path) -> int | None:
    """An exclusive lock held until the returned descriptor is closed or the process dies; None when another process holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def harden(die_with_parent: bool = False, new_privileges: bool = False) -> None:
    """No core dump, no ptrace by other programs of the user, no new privileges; optionally end when the parent ends.

    `new_privileges` is for a program that opens files with the user's other programs: those may need setuid (snaps do).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import ctypes  # here: the command line, which hardens nothing, starts 15 ms sooner

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if not new_privileges:
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if die_with_parent:
        libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def deny_network() -> bool:
    """Forbid this process, and what it starts, every socket but Unix and netlink ones, for good (seccomp(2)); False where that cannot be done.

    Smart cards need a Unix socket (pcscd) and netlink (udev) at most.  io_uring, which makes sockets past this filter, is refused too.
    Call `harden` first: without new privileges forbidden, only root may install a filter.
    """
    import ctypes

    if os.uname().machine not in _SEALED or struct.calcsize("P") != 8:
        return False
    filters = b"".join(struct.pack("=HBBI", *step) for step in _network_filter(*_SEALED[os.uname().machine]))
    code = ctypes.create_string_buffer(filters, len(filters))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(filters) // 8, ctypes.addressof(code)))
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) == 0)


def _network_filter(architecture: int, socket_call: int) -> list[tuple[int, int, int, int]]:
    """Classic BPF over struct seccomp_data (nr at 0, arch at 4, first argument at 16): operation, jump if true, jump if false, value."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
    return [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (give, 0, 0, refuse | errno.EPERM),  # a system call of another architecture (32 bits) would pass by other numbers
        (load, 0, 0, 0),
        (at_least, 6, 0, 0x40000000),  # x32
        (equal, 5, 0, _IO_URING_SETUP),
        (equal, 0, 3, socket_call),
        (load, 0, 0, 16),
        (equal, 1, 0, 1),  # AF_UNIX
        (equal, 0, 2, 16),  # AF_NETLINK
        (give, 0, 0, allow),
        (give, 0, 0, refuse | errno.ENOSYS),
        (give, 0, 0, refuse | errno.EAFNOSUPPORT),
    ]


def limit(memory_bytes: int | None = None, files: int | None = None, cpu_seconds: int | None = None, fixed: bool = False) -> None:
    """Lower this process's own limits (address space, descriptors, processor time); a limit that is lower already stays.

    `fixed` lowers the hard limits too, so that nothing that runs in this process can raise them again.
    """
    for which, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_NOFILE, files), (resource.RLIMIT_CPU, cpu_seconds)):
        if value is None:
            continue
        hard = resource.getrlimit(which)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound if fixed else hard))


def size_of_self() -> tuple[int, int]:
    """Resident kB and open descriptors of this process."""
    with open("/proc/self/statm", "rb") as file:
        pages = int(file.read().split()[1])
    return pages * (resource.getpagesize() // 1024), len(os.listdir("/proc/self/fd"))


def plugged() -> frozenset[str]:
    """What is plugged in at USB, by the kernel's names of places: equal while nothing came or went.  Empty where the kernel does not say."""
    try:
        return frozenset(name for name in os.listdir("/sys/bus/usb/devices") if ":" not in name)
    except OSError:
        return frozenset()


def rename_new(source: str, target: str) -> None:
    """Rename within a folder, never over an existing file (renameat2 with RENAME_NOREPLACE); raises FileExistsError and other OSError."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), target)
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


class DeadlineExceeded(BaseException):
    """Too much processor time was spent; no `except Exception` on the way swallows it."""


@contextmanager
def cpu_deadline(seconds: float) -> Iterator[None]:
    """Raise `DeadlineExceeded` inside the block once it has used so much processor time (SIGPROF); main thread only, no effect in others.

    A call into C is not interrupted, only what follows it.  Blocks may be nested; the nearer end counts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def exceeded(number: int, frame: FrameType | None) -> None:
        raise DeadlineExceeded

    before = signal.signal(signal.SIGPROF, exceeded)
    outer, _ = signal.getitimer(signal.ITIMER_PROF)
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, min(seconds, outer) if outer else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, max(0.001, outer - (time.process_time() - start)) if outer else 0)
        signal.signal(signal.SIGPROF, before)


def allow_many_files() -> int:
    """Raise the soft limit of descriptors to the hard one and return it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def clock_synchronised() -> bool | None:
    """Whether the kernel holds its clock to be kept right by somebody (adjtimex(2), STA_UNSYNC); None where it does not say."""
    import ctypes

    if ctypes.sizeof(ctypes.c_long) != 8:
        return None
    timex = ctypes.create_string_buffer(256)  # modes 0: only asks
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return None
    status: int = struct.unpack_from("i", timex.raw, 40)[0]
    return not status & 0x0040


def file_system_of(path: Path, mounts: str = "/proc/self/mountinfo") -> tuple[str, str]:
    """The kind of file system that a path lies on ("ext4", "nfs4"…) and where it is mounted; ("", "") where the system does not tell."""
    try:
        with open(mounts, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return "", ""
    real, best, kind = os.fsencode(os.path.realpath(path)), b"", b""
    for line in lines:  # proc(5): id parent device root place options … - kind source options
        fields, _, rest = line.partition(b" - ")
        parts = fields.split()
        if len(parts) < 5 or not rest:
            continue
        place = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), parts[4])
        if len(place) >= len(best) and (real == place or real.startswith(place.rstrip(b"/") + b"/")):
            best, kind = place, rest.split()[0]
    return kind.decode("ascii", "replace"), os.fsdecode(best)
