"""The output while it is being made: a file without a name in the output's folder, published whole or never.

Where the file system has no O_TMPFILE (FAT, NFS, CIFS, some overlays) a hidden name stands in for it, which tells the set it
belongs to: what a killed worker left is found by that (`sweep`), and no other set's files are.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from agent.api.errors import ApiError, Code
from tokens import platform

_REASONS: Final = {
    errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EROFS: "read_only", errno.EACCES: "permission", errno.EPERM: "permission",
    errno.ENOENT: "no_folder", errno.ENOTDIR: "no_folder", errno.EFBIG: "too_large", errno.ENAMETOOLONG: "name_too_long",
    errno.EISDIR: "is_a_folder", errno.ELOOP: "no_folder", errno.EIO: "device",
}  # fmt: skip
_NO_TMPFILE: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
_NO_LINK: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EXDEV, errno.ENOENT, errno.EACCES)
_NAME_MAX: Final = 255


def unwritable(exc: OSError, path: str) -> ApiError:
    """The error for an output that cannot be written, with the reason in one word."""
    return ApiError(Code.OUTPUT_UNWRITABLE, reason=_REASONS.get(exc.errno or 0, "other"), name=os.path.basename(path), detail=exc.strerror or "")


def write_all(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write everything at `offset`; raises OSError."""
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done


class Staging:
    """A file that will become `output`.  Always `discard` or `publish` it.

    With `keep_open` false it holds no descriptor between uses, at the price of a hidden name that a kill leaves behind.
    """

    def __init__(self, output: str, force: bool, keep_open: bool = True, mark: str = "0") -> None:
        """Make the staging file; `mark` (letters and digits) tells its set.  Raises `ApiError` (output_exists, output_unwritable)."""
        self.output, self.force, self.mark = output, force, mark
        self._folder = os.path.dirname(output) or "."
        self._hidden: str | None = None
        self._fd: int | None = None
        self.keep_open = keep_open
        check_free(output, force)
        try:
            self._fd = self._make(keep_open)
            if not keep_open:
                self._close()
        except OSError as exc:
            self.discard()
            raise unwritable(exc, output) from exc

    @property
    def named(self) -> bool:
        """Whether the staging file stands under a hidden name."""
        return self._hidden is not None

    def _make(self, anonymous: bool) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC
        if anonymous and os.path.isdir("/proc/self/fd"):
            try:
                return os.open(self._folder, flags | os.O_TMPFILE, 0o600)
            except OSError as exc:
                if exc.errno not in _NO_TMPFILE:
                    raise
        hidden = self._hidden_name("part")
        fd = os.open(hidden, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        self._hidden = hidden
        return fd

    def _hidden_name(self, ending: str) -> str:
        tail = os.fsencode(f".yinxin-{self.mark}-{secrets.token_hex(6)}.{ending}")
        name = os.fsencode(os.path.basename(self.output))[: _NAME_MAX - 1 - len(tail)]
        return os.path.join(self._folder, os.fsdecode(b"." + name + tail))

    @contextmanager
    def file(self) -> Iterator[int]:
        """The descriptor, open for reading and writing; use pread and pwrite.  An OSError inside becomes `ApiError` (output_unwritable)."""
        try:
            if self._fd is None:
                if self._hidden is None:
                    raise OSError(errno.EBADF, "the staging file is gone")
                self._fd = os.open(self._hidden, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            yield self._fd
        except OSError as exc:
            raise unwritable(exc, self.output) from exc
        finally:
            if not self.keep_open:
                self._close()

    def publish(self) -> None:
        """Give the file its name at once; the folder is not yet synced.  Raises `ApiError` (output_exists without `force`, output_unwritable)."""
        try:
            self._publish()
        except FileExistsError as exc:
            raise ApiError(Code.OUTPUT_EXISTS, name=os.path.basename(self.output)) from exc
        except OSError as exc:
            raise unwritable(exc, self.output) from exc
        self._close()

    def _publish(self) -> None:
        if self.force:
            if self._hidden is None:
                hidden = self._hidden_name("new")
                self._link(hidden)
                self._hidden = hidden
            os.replace(self._hidden, self.output)
            self._hidden = None
            return
        try:
            self._link(self.output)
        except FileExistsError:
            raise
        except OSError as exc:
            if self._hidden is None or exc.errno not in _NO_LINK:
                raise
            platform.rename_new(self._hidden, self.output)
            self._hidden = None
            return
        if self._hidden is not None:
            os.unlink(self._hidden)
            self._hidden = None

    def _link(self, name: str) -> None:
        """linkat(2); given any `src_dir_fd` Python passes AT_SYMLINK_FOLLOW, without which /proc/self/fd/N cannot be linked."""
        if self._hidden is not None:
            os.link(self._hidden, name, follow_symlinks=False)
            return
        os.link(f"/proc/self/fd/{self._fd}", name, src_dir_fd=self._fd, follow_symlinks=True)

    def discard(self) -> None:
        """Leave nothing behind; harmless after `publish`."""
        self._close()
        if self._hidden is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._hidden)
            self._hidden = None

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def sweep(folders: Iterable[str], mark: str) -> int:
    """Unlink the staging files of the set `mark` in these folders, whose workers are gone; how many there were."""
    ours = re.compile(rb"\..*\.yinxin-%s-[0-9a-f]{12}\.(part|new)" % re.escape(mark.encode()), re.DOTALL)
    swept = 0
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(os.fsencode(folder)) as entries:
            for entry in entries:
                if ours.fullmatch(entry.name):
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)
                        swept += 1
    return swept


def check_free(output: str, force: bool) -> None:
    """Raise `ApiError` where `output` stands in the way: before anybody is asked for a PIN."""
    try:
        there = os.lstat(output)
    except OSError as exc:
        if exc.errno == errno.ENOENT:
            return
        raise unwritable(exc, output) from exc
    if stat.S_ISDIR(there.st_mode):
        raise ApiError(Code.OUTPUT_UNWRITABLE, reason="is_a_folder", name=os.path.basename(output), detail="")
    if not force:
        raise ApiError(Code.OUTPUT_EXISTS, name=os.path.basename(output))


def make_durable(fd: int, mode: int) -> None:
    """Give a file its final permissions and have the disk hold it; raises OSError."""
    with contextlib.suppress(PermissionError):  # FAT and the like have no modes
        os.fchmod(fd, mode)
    os.fsync(fd)


def sync_folder(output: str) -> None:
    """Make the names in the output's folder durable; raises `ApiError` (output_unwritable)."""
    try:
        fd = os.open(os.path.dirname(output) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # some network file systems cannot, and need not
            raise unwritable(exc, output) from exc


def final_mode(input_mode: int, umask: int) -> int:
    """Permissions of an output: never wider than the input's or than the umask allows, always writable by its owner."""
    return (stat.S_IMODE(input_mode) & 0o666 & ~umask) | 0o600
