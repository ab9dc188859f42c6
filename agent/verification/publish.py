"""Giving a finished file its name: whole, and never over an existing file unless that was wanted."""

import errno
import os

from agent.api.errors import ApiError, Code
from tokens import platform

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system without hard links says (FAT and exFAT, as on USB sticks)."""


def publish(staged: str, out: str, force: bool, **facts: str) -> None:
    """Name the file `staged`, in the same folder, `out`, its content being on the disk; raises `ApiError` (output_exists, output_unwritable).

    `staged` may stay as a second name; whoever made it removes it.
    """
    name = os.path.basename(out)
    try:
        with open(staged, "rb") as file:
            os.fsync(file.fileno())
        if force:
            os.replace(staged, out)
            return
        try:
            os.link(staged, out)
        except OSError as exc:
            if exc.errno not in _NO_LINKS:
                raise
            platform.rename_new(staged, out)
    except FileExistsError as exc:
        raise ApiError(Code.OUTPUT_EXISTS, **facts, name=name) from exc
    except OSError as exc:
        raise ApiError(Code.OUTPUT_UNWRITABLE, **facts, name=name, detail=exc.strerror) from exc
