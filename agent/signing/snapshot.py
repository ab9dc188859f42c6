"""Reading an input once: copied and hashed in the same pass, so that what is signed is what was hashed."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from agent.api.errors import ApiError, Code
from agent.signing.reader import CHUNK
from agent.signing.staging import Staging, write_all

_REASONS: Final = {
    errno.ENOENT: "not_found", errno.ENOTDIR: "not_found", errno.EACCES: "unreadable", errno.EPERM: "unreadable", errno.ELOOP: "not_found",
    errno.ENXIO: "not_a_file", errno.ENODEV: "not_a_file", errno.EISDIR: "not_a_file", errno.ENAMETOOLONG: "not_found",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read: its size, digest, the hash states to go on from, and the file's identity at that moment."""

    size: int
    sha256: str
    states: dict[str, Any]
    """hashlib objects by name, fed with exactly these bytes; copy before use."""
    seen: os.stat_result

    @property
    def mode(self) -> int:
        """The input's permissions."""
        return self.seen.st_mode


@contextmanager
def source(path: str, output: str) -> Iterator[int]:
    """The input, open for reading.  Raises `ApiError`: input_unusable (not_found, unreadable, not_a_file, empty), output_unwritable (is_input)."""
    fd = _open(path)
    try:
        _check(path, os.fstat(fd), output)
        yield fd
    finally:
        os.close(fd)


def take(fd: int, path: str, digests: tuple[str, ...], copy_to: Staging | None) -> Snapshot:
    """Read `fd` in one pass into `copy_to` (if any), SHA-256 and `digests`; `path` is for the errors.

    Raises `ApiError`: input_unusable (unreadable), input_changed, output_unwritable.
    """
    before = os.fstat(fd)
    snapshot = _copy(fd, path, before, digests, copy_to)
    if snapshot.size != before.st_size or _identity(before) != _identity(os.fstat(fd)):
        raise ApiError(Code.INPUT_CHANGED, name=os.path.basename(path))
    return snapshot


def unchanged(path: str, seen: os.stat_result) -> None:
    """Raise `ApiError` (input_changed, input_unusable vanished) unless `path` is still the file that was read."""
    try:
        now = os.stat(path)
    except OSError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="vanished", name=os.path.basename(path)) from exc
    if _identity(now) != _identity(seen):
        raise ApiError(Code.INPUT_CHANGED, name=os.path.basename(path))


def _identity(seen: os.stat_result) -> tuple[int, int, int, int]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _unusable(path: str, reason: str) -> ApiError:
    return ApiError(Code.INPUT_UNUSABLE, reason=reason, name=os.path.basename(path))


def _open(path: str) -> int:
    """Open a regular file without ever waiting: neither for a writer of a FIFO nor for a device."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise _unusable(path, "not_a_file")
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as exc:
        raise _unusable(path, _REASONS.get(exc.errno or 0, "unreadable")) from exc


def _check(path: str, seen: os.stat_result, output: str) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise _unusable(path, "not_a_file")
    if seen.st_size == 0:
        raise _unusable(path, "empty")
    try:
        there = os.stat(output)
    except OSError:
        return
    if (there.st_dev, there.st_ino) == (seen.st_dev, seen.st_ino):
        raise ApiError(Code.OUTPUT_UNWRITABLE, reason="is_input", name=os.path.basename(output), detail="")


def _copy(fd: int, path: str, seen: os.stat_result, digests: tuple[str, ...], copy_to: Staging | None) -> Snapshot:
    states = {name: hashlib.new(name, usedforsecurity=True) for name in dict.fromkeys(("sha256", *digests))}
    if copy_to is None:
        size = _read(fd, path, seen, states, None)
    else:
        with copy_to.file() as target:
            size = _read(fd, path, seen, states, target)
    return Snapshot(size, states["sha256"].hexdigest(), states, seen)


def _read(fd: int, path: str, seen: os.stat_result, states: dict[str, Any], target: int | None) -> int:
    buffer = bytearray(min(CHUNK, seen.st_size + 1))
    view = memoryview(buffer)
    size = 0
    while size <= seen.st_size:  # a file that grows while it is read is not read for ever
        try:
            got = os.readv(fd, [view])
        except OSError as exc:
            raise _unusable(path, "unreadable") from exc
        if not got:
            break
        part = view[:got]
        for state in states.values():
            state.update(part)
        if target is not None:
            write_all(target, part, size)
        size += got
    return size
