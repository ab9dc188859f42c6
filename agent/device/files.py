"""Small files that matter: 0600, written whole and durably under another name first, read only where nobody else could have written or read them."""

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

_READ_MAX = 1 << 20


class Unsafe(OSError):
    """A file that somebody else could have read or changed."""


def write(path: Path, data: bytes) -> None:
    """Write `data` so that after a power cut either the old or the new content is there, whole; never readable for others, not for an instant."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.fchmod(fd, 0o600)
            left = memoryview(data)
            while left:
                left = left[os.write(fd, left) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path, secret: bool = True) -> bytes | None:
    """The file's content, None where there is none; raises `Unsafe` where others own it, may write it or (`secret`) read it, and OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & (0o077 if secret else 0o022):
            raise Unsafe(f"{path}: {stat.filemode(seen.st_mode)}")
        data = file.read(_READ_MAX + 1)
    if len(data) > _READ_MAX:
        raise Unsafe(f"{path}: too large")
    return data


def write_json(path: Path, value: dict[str, Any]) -> None:
    """`write` for a small object."""
    write(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8") + b"\n")
