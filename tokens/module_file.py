"""A look at a module's file before anything loads it: is it there, is it a library for this machine, who may change it."""

import hashlib
import os
import stat
import struct
import sys
from dataclasses import dataclass
from functools import lru_cache

from tokens.errors import ModuleUnusable

_MACHINES = {
    3: "x86", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 258: "loongarch64",
    0x9026: "alpha", 0x9916: "sw_64",
}  # fmt: skip
_SHARED_OBJECT = 3


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """What the file system and the ELF header say of a module."""

    path: str
    """With every link followed."""
    architecture: str
    owner: int
    mode: int
    writable_by_others: bool
    """The file or a folder above it can be written by someone who is neither root nor this user."""
    sha256: str

    @property
    def loose(self) -> bool:
        """The file itself is somebody else's or writable to others: such a module is not added."""
        return self.owner not in (0, os.getuid()) or bool(self.mode & (stat.S_IWGRP | stat.S_IWOTH))


def examine(path: str, recorded: str | None = None) -> ModuleFile:
    """Read the file's header and digest; raises `ModuleUnusable`.

    Reasons: missing, unreadable, not_a_module, architecture (facts `module_architecture`, `machine_architecture`), and changed
    when `recorded`, the SHA-256 noted when the user added the module, is not the file's (hex).
    """
    real = os.path.realpath(path)
    try:
        seen = os.stat(real)
        if not stat.S_ISREG(seen.st_mode):
            raise ModuleUnusable(reason="not_a_module", path=path)
        with open(real, "rb") as file:
            head = file.read(20)
    except (FileNotFoundError, NotADirectoryError):
        raise ModuleUnusable(reason="missing", path=path) from None
    except OSError as exc:
        raise ModuleUnusable(reason="unreadable", path=path, errno=exc.errno) from None
    architecture = _architecture(head)
    if architecture is None:
        raise ModuleUnusable(reason="not_a_module", path=path)
    ours = machine()
    if architecture != ours:
        raise ModuleUnusable(reason="architecture", path=path, module_architecture=architecture, machine_architecture=ours)
    digest = _digest(real, *_mark(seen))
    if recorded is not None and digest != recorded.lower():
        raise ModuleUnusable(reason="changed", path=path, recorded=recorded, found=digest)
    return ModuleFile(real, architecture, seen.st_uid, stat.S_IMODE(seen.st_mode), _open_to_others(real), digest)


@lru_cache(maxsize=1)
def machine() -> str:
    """This interpreter's own architecture, read from its own header: what a module must match to be loaded here."""
    with open(os.path.realpath(sys.executable), "rb") as file:
        return _architecture(file.read(20), executable=True) or os.uname().machine


def _architecture(head: bytes, executable: bool = False) -> str | None:
    """The architecture named in an ELF header (System V ABI, chapter 4), or None where it is no shared library."""
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    order = "<" if head[5] == 1 else ">"
    kind, number = struct.unpack(order + "HH", head[16:20])
    if kind != _SHARED_OBJECT and not executable:
        return None
    name = _MACHINES.get(number, f"elf-{number}")
    if name == "x86_64" and head[4] == 1:
        return "x32"
    if head[5] == 2 and name in ("mips", "arm", "aarch64"):
        return name + "_be"
    return name


def digest_of(path: str) -> str:
    """SHA-256 of a file, hex; computed anew only when the file has changed.  Raises OSError."""
    real = os.path.realpath(path)
    return _digest(real, *_mark(os.stat(real)))


def _mark(seen: os.stat_result) -> tuple[int, int, int, int]:
    """What changes with a file's content.  The time of modification can be set back by whoever wrote; that of the change (ctime) cannot."""
    return seen.st_ctime_ns, seen.st_mtime_ns, seen.st_size, seen.st_ino


@lru_cache(maxsize=64)
def _digest(path: str, *_seen: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_to_others(path: str) -> bool:
    """Whether someone else could put another file in this one's place: any step of the path owned by or writable to others.

    A sticky folder (as /tmp is) lets others add names but not replace this one.
    """
    step = path
    while True:
        seen = os.stat(step)
        foreign = seen.st_uid not in (0, os.getuid())
        loose = bool(seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) and not (step != path and seen.st_mode & stat.S_ISVTX)
        if foreign or loose:
            return True
        if step == os.path.dirname(step):
            return False
        step = os.path.dirname(step)
