"""Which bytes a verdict is about: size, time and SHA-256 of each file that was looked at."""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One file as it was: `mtime` in nanoseconds, `sha256` in hex."""

    file: str
    size: int
    mtime: int
    sha256: str

    def to_wire(self) -> dict[str, Any]:
        """A flat object."""
        return {name: getattr(self, name) for name in self.__slots__}


def read_part(file: str) -> Part:
    """Read a file whole; raises OSError, also for what is no regular file."""
    fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO is not waited for
    with open(fd, "rb", buffering=0) as stream:
        told = os.fstat(stream.fileno())
        if not stat.S_ISREG(told.st_mode):
            raise OSError(0, "not a regular file")
        state = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return Part(file, told.st_size, told.st_mtime_ns, state.hexdigest())


def unchanged(parts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each of these files (as `Part.to_wire` tells them) is still the same: size and time first, then every byte."""
    try:
        for part in parts:
            told = os.stat(part["file"])
            if (told.st_size, told.st_mtime_ns) != (part["size"], part["mtime"]):
                return False
        return all(read_part(part["file"]).sha256 == part["sha256"] for part in parts)
    except OSError:
        return False


def stamp_of(file: str) -> tuple[int, int, int, int] | None:
    """Something that differs when a file was replaced or written to meanwhile; None where it cannot be seen."""
    try:
        told = os.stat(file)
    except OSError:
        return None
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
